package cmd

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"redust/db"
	"redust/tests/redis"
	"redust/tests/script"
	"redust/tests/server"
)

// TestStringsLikeRedis says the same random commands to this package and to a real
// redis-server, if one is installed, and compares after each one: the reply, the events,
// the dirty count, the encoding of the key, and now and then every value.
func TestStringsLikeRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	bin := redis.Tool(t, "redis-server")
	s, err := server.Start(bin, "--notify-keyspace-events", "EA", "--hll-sparse-max-bytes", "120", "--proto-max-bulk-len", "1mb")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	o := newOracle(t, s)
	for seed := range uint64(3) {
		ways := []way{borrowed, owned, viewed}
		h := newHarness(ways[seed%3])
		h.Cfg.HLLSparseMaxBytes, h.Cfg.ProtoMaxBulkLen = 120, 1<<20
		var events []string
		h.OnChange = func(_ *db.DB, key []byte, event string) {
			if event != "" {
				events = append(events, event+" "+string(key))
			}
		}
		p := h.dial()
		say := func(words ...string) string {
			args := make([][]byte, len(words))
			for i, w := range words {
				args[i] = []byte(w)
			}
			if err := p.Send(args); err != nil {
				t.Fatal(err)
			}
			b, err := p.Receive(time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		o.say("FLUSHALL")
		o.events()
		g := &stringTalk{r: rand.New(rand.NewPCG(seed, 7))}
		for i := range 1000 {
			words := g.command()
			wasHere, wasThere := h.Dirty, o.dirty()
			events = events[:0]
			want, got := o.say(words...), say(words...)
			wantEvents, wantDirty := o.events(), o.dirty()-wasThere
			at := fmt.Sprintf("seed %d, command %d %.300q", seed, i, words)
			if got != want {
				t.Fatalf("%s: %.300q, want %.300q", at, got, want)
			}
			if is := strings.Join(events, ","); is != wantEvents {
				t.Fatalf("%s: events %q, want %q", at, is, wantEvents)
			}
			prevented := words[0] == "BITFIELD" && wantDirty == 0 // it may have grown the string, which we count
			if is := h.Dirty - wasHere; is != wantDirty && !(prevented && is == 1) {
				t.Fatalf("%s: dirty %d, want %d", at, is, wantDirty)
			}
			for _, key := range g.keys() {
				asks := [][]string{{"OBJECT", "ENCODING", key}, {"EXPIRETIME", key}}
				if i%50 == 0 || got[0] == '-' {
					asks = append(asks, []string{"GET", key})
				}
				for _, ask := range asks {
					want, got := o.say(ask...), say(ask...)
					if far := ask[0] == "EXPIRETIME" && len(got) > 4; got != want && !far {
						t.Fatalf("%s: then %q is %.300q, want %.300q", at, ask, got, want)
					}
				}
			}
		}
	}
}

// stringTalk makes up commands.
type stringTalk struct {
	r *rand.Rand
}

func (g *stringTalk) keys() []string {
	return []string{"a", "b", "c", "h1", "h2", "f" + strings.Repeat("x", 300)}
}

func (g *stringTalk) pick(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *stringTalk) number() string {
	if g.r.IntN(4) == 0 {
		return g.pick("0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "x", "007", "")
	}
	return fmt.Sprint(g.r.Int64N(400) - 200)
}

func (g *stringTalk) float() string {
	if g.r.IntN(3) == 0 {
		return g.pick("0.1", "0x1.8p1", "-0.0", "1e17", "1e-17", "3.0e5", "inf", "1e400", "1e-5000", "0x.8", "1.", ".5", "5e-18", "1e", "nan", "-1e-4960", "0e99999999999999999999", "1e-4951")
	}
	return fmt.Sprintf("%.*f", g.r.IntN(12), (g.r.Float64()-0.5)*float64(uint64(1)<<g.r.IntN(50)))
}

func (g *stringTalk) value() string {
	switch g.r.IntN(6) {
	case 0:
		return g.number()
	case 1:
		return g.float()
	case 2: // around the ends of embstr and of what a page holds
		return strings.Repeat(g.pick("z", "\x00", "\xff"), g.r.IntN(2)*211+g.r.IntN(48))
	}
	b := make([]byte, g.r.IntN(12))
	for i := range b {
		b[i] = "ab01\x00\xff"[g.r.IntN(6)]
	}
	return string(b)
}

func (g *stringTalk) bit() string {
	if g.r.IntN(12) == 0 {
		return g.pick("-1", "8388608", "8388607", "4294967296", "#1", "#", "x", "9223372036854775807", "#9223372036854775807")
	}
	return g.pick("", "", "", "#") + fmt.Sprint(g.r.IntN(400))
}

func (g *stringTalk) key() string { return g.pick(g.keys()...) }

// hll is a key that mostly holds a HyperLogLog.
func (g *stringTalk) hll() string { return g.pick("h1", "h2", "h1", "h2", "a") }

func (g *stringTalk) options(n int, of ...string) []string {
	var out []string
	for range g.r.IntN(n) {
		out = append(out, strings.Fields(g.pick(of...))...)
	}
	return out
}

func (g *stringTalk) command() []string {
	list := func(n int, next func() string) (out []string) {
		for range 1 + g.r.IntN(n) {
			out = append(out, next())
		}
		return out
	}
	with := func(tail []string, words ...string) []string { return append(words, tail...) }
	switch g.r.IntN(32) {
	case 0, 1:
		return with(g.options(4, "NX", "XX", "GET", "EX 100000", "PX 100000000", "EXAT 4102444800", "PXAT 4102444800001", "KEEPTTL", "EX 0", "PX x", "PERSIST", "EX"), "SET", g.key(), g.value())
	case 2:
		return []string{g.pick("SETNX", "GETSET"), g.key(), g.value()}
	case 3:
		return []string{g.pick("SETEX", "PSETEX"), g.key(), g.pick("1000000", "2000000", g.number()+"000000"), g.value()}
	case 4:
		return []string{g.pick("GET", "STRLEN", "GETDEL", "GETEX", "PFCOUNT", "BITCOUNT"), g.key()}
	case 5:
		return with(g.options(3, "EX 100000", "PXAT 4102444800001", "PERSIST", "EX -1", "PXAT 1", "BOGUS"), "GETEX", g.key())
	case 6:
		return with(list(4, g.key), "MGET")
	case 7:
		return with(list(5, g.value), g.pick("MSET", "MSETNX"), g.key(), g.value(), g.key())
	case 8, 9:
		return []string{"APPEND", g.key(), g.value()}
	case 10:
		return []string{"SETRANGE", g.key(), g.pick(g.number(), fmt.Sprint(g.r.IntN(300)), "1048576"), g.value()}
	case 11:
		return []string{g.pick("GETRANGE", "SUBSTR"), g.key(), g.number(), g.number()}
	case 12, 13:
		return []string{g.pick("INCR", "DECR"), g.key()}
	case 14, 15:
		return []string{g.pick("INCRBY", "DECRBY"), g.key(), g.number()}
	case 16, 17, 18:
		if g.r.IntN(2) == 0 {
			return []string{"SET", g.key(), g.float()}
		}
		return []string{"INCRBYFLOAT", g.key(), g.float()}
	case 19:
		return with(g.options(3, "IDX", "LEN", "WITHMATCHLEN", "MINMATCHLEN 2", "MINMATCHLEN"), "LCS", g.key(), g.key())
	case 20, 21:
		return []string{"SETBIT", g.key(), g.bit(), g.pick("0", "1", "1", "2")}
	case 22:
		return []string{"GETBIT", g.key(), g.bit()}
	case 23:
		return with(g.options(2, "BIT", "BYTE", "BOGUS"), "BITCOUNT", g.key(), g.number(), g.number())
	case 24:
		return with(append(g.options(3, g.number()), g.options(2, "BIT", "BYTE")...), "BITPOS", g.key(), g.pick("0", "1"))
	case 25:
		return with(list(3, g.key), "BITOP", g.pick("AND", "OR", "XOR", "NOT"), g.key())
	case 26, 27:
		words := []string{g.pick("BITFIELD", "BITFIELD", "BITFIELD_RO"), g.key()}
		for range 1 + g.r.IntN(4) {
			kind := g.pick("u", "i") + fmt.Sprint(1+g.r.IntN(64))
			switch g.r.IntN(4) {
			case 0:
				words = append(words, "GET", kind, g.bit())
			case 1:
				words = append(words, "OVERFLOW", g.pick("WRAP", "SAT", "FAIL"))
			default:
				words = append(words, g.pick("SET", "INCRBY"), kind, g.bit(), g.number())
			}
		}
		return words
	case 28:
		return with(list(6, g.value), "PFADD", g.hll())
	case 29:
		return with(list(3, g.hll), "PFCOUNT")
	case 30:
		return with(list(3, g.hll), "PFMERGE")
	}
	if g.r.IntN(8) > 0 {
		return []string{"DEL", g.key()}
	}
	return []string{"PFDEBUG", g.pick("ENCODING", "DECODE", "TODENSE", "GETREG"), g.hll()}
}

// realRedis is a redis-server, and a connection that hears its events.
type realRedis struct {
	t       *testing.T
	c, subs script.Conn
}

func newOracle(t *testing.T, s *server.Server) *realRedis {
	o := &realRedis{t: t}
	for _, c := range []*script.Conn{&o.c, &o.subs} {
		conn, err := s.Dial()
		if err != nil {
			t.Fatal(err)
		}
		*c = conn
	}
	if _, err := script.Do(o.subs, "PSUBSCRIBE", "__keyevent@0__:*"); err != nil {
		t.Fatal(err)
	}
	return o
}

// say returns the reply as it came.
func (o *realRedis) say(words ...string) string {
	o.t.Helper()
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	if err := o.c.Send(args); err != nil {
		o.t.Fatal(err)
	}
	b, err := o.c.Receive(10 * time.Second)
	if err != nil {
		o.t.Fatalf("%.200q: %v", words, err)
	}
	return string(b)
}

// events returns what has happened since the last call, comma between.
func (o *realRedis) events() string {
	o.t.Helper()
	if err := o.subs.Send([][]byte{[]byte("PING")}); err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for {
		b, err := o.subs.Receive(10 * time.Second)
		if err != nil {
			o.t.Fatal(err)
		}
		v, _, err := script.Decode(b)
		if err != nil {
			o.t.Fatal(err)
		}
		if v.Items[0].Text == "pong" {
			return strings.Join(out, ",")
		}
		_, event, _ := strings.Cut(v.Items[2].Text, ":")
		out = append(out, event+" "+v.Items[3].Text)
	}
}

func (o *realRedis) dirty() (n int64) {
	o.t.Helper()
	v, err := script.Do(o.c, "INFO", "persistence")
	if err != nil {
		o.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(v.Text, "rdb_changes_since_last_save:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		o.t.Fatal(err)
	}
	return n
}
