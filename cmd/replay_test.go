package cmd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redust/config"
	"redust/db"
	"redust/db/listpack"
	"redust/db/stream"
	"redust/resp"
	"redust/tests/random"
	"redust/tests/script"
)

// The journal is worth what it makes when it is run again. So a random sequence is played
// on one server, with clients that wait, transactions, time that leaps by months, keys that
// are evicted; and its effects on another, years later, with other randomness:
//
//	plan --> server --effects--> another server, later, no deadline passes
//	           |                    |
//	        all there is    =    all there is, the clocks alike
//
// All there is: keys, values, deadlines of keys and fields, and all that groups of streams
// know but when a consumer was last seen.

// journal is a Journal in memory.
type journal struct{ buf []byte }

func (j *journal) Append(b []byte) { j.buf = append(j.buf, b...) }

// requests cuts the stream into requests.
func (j *journal) requests(t *testing.T) (all [][][]byte) {
	t.Helper()
	for b := j.buf; len(b) > 0; {
		args, n, err := resp.Parse(b, nil, resp.Limits{Bulk: 1 << 30})
		if err != nil || n == 0 {
			t.Fatalf("the journal cannot be read on from %.100q: %v", b, err)
		}
		all = append(all, args)
		b = b[n:]
	}
	return all
}

// TestReplay plays random sequences and replays their effects.
func TestReplay(t *testing.T) {
	rounds, steps := 60, 1500
	if n, err := strconv.Atoi(os.Getenv("REPLAY_ROUNDS")); err == nil {
		rounds = n
	}
	if testing.Short() {
		rounds = 6
	}
	names := map[string]int{}
	var st db.Stats
	for seed := range uint64(rounds) {
		h, j := playForReplay(seed, random.NewGen(seed).Plan(steps))
		if diff := replay(t, h, j); diff != "" {
			t.Errorf("seed %d: %s", seed, diff)
			shrinkReplay(t, seed, steps)
			return
		}
		for _, args := range j.requests(t) {
			names[string(args[0])]++
		}
		st.Expired += h.KS.Stats.Expired
		st.FieldsExpired += h.KS.Stats.FieldsExpired
		st.Evicted += h.KS.Stats.Evicted
	}
	t.Log(names, st)
	for _, name := range []string{"EVAL", "SPOP", "BLPOP", "EXPIRE", "XREADGROUP", "SORT", "DEBUG", "INCRBYFLOAT"} {
		if names[name] > 0 {
			t.Errorf("%s stands in a journal", name)
		}
	}
	// That all of this happened is what the test is worth.
	if st.Expired == 0 || st.FieldsExpired == 0 || !testing.Short() && st.Evicted == 0 {
		t.Errorf("too little happened: %+v", st)
	}
	for _, name := range []string{"MULTI", "DEL", "HDEL", "SREM", "PEXPIREAT", "XCLAIM", "XGROUP", "XADD", "LPOP", "RPUSH", "SELECT"} {
		if names[name] == 0 {
			t.Errorf("no %s in any journal", name)
		}
	}
}

// shrinkReplay finds a shorter beginning of the sequence that differs, and shows its end.
func shrinkReplay(t *testing.T, seed uint64, steps int) {
	plan := random.NewGen(seed).Plan(steps)
	lo, hi := 0, steps
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		h, j := playForReplay(seed, plan[:mid])
		if replay(t, h, j) != "" {
			hi = mid
		} else {
			lo = mid
		}
	}
	h, j := playForReplay(seed, plan[:hi])
	t.Logf("first after %d steps: %s", hi, replay(t, h, j))
	for _, s := range plan[max(0, hi-5):hi] {
		t.Logf("   %.300s", s.String())
	}
	all := j.requests(t)
	for _, args := range all[max(0, len(all)-8):] {
		t.Logf("   effect %.300q", args)
	}
}

// playForReplay plays steps on a server with a journal. What else happens between them
// follows from the seed.
func playForReplay(seed uint64, plan []random.Step) (*harness, *journal) {
	h := newHarness(way(seed % 2))
	h.random = seed*2 + 1
	j := &journal{}
	h.Journal = j
	r := rand.New(rand.NewPCG(seed, 0xc10c))
	var clients []*played
	for range 4 {
		clients = append(clients, h.dial())
	}
	evicts := seed%5 == 4
	for _, s := range plan {
		if s.Listener > 0 {
			continue // leaves nothing that others do not
		}
		p := clients[s.Waiter]
		switch n := r.IntN(300); {
		case n < 3:
			h.leap(r.Int64N(2*365*24) * 3600 * 1000)
		case n < 6:
			h.leap(r.Int64N(5000))
		case n < 12:
			p.do("WATCH", "k"+strconv.Itoa(r.IntN(8)))
		case n < 24:
			p.do("MULTI")
		case n < 32:
			p.do("EXEC")
		case n < 34:
			p.do("DISCARD")
		case n == 34:
			h.ActiveExpire = !h.ActiveExpire
		case n == 35 && evicts:
			h.Cfg.MaxMemoryPolicy = config.AllKeysRandom
			h.Cfg.MaxMemory = h.UsedMemory() + int64(r.IntN(4000)) - 2000
		}
		if p.cl.Has(ClientBlocked) {
			continue
		}
		if r.IntN(4) == 0 && s.Waiter == 0 {
			p.extra(r)
			if p.cl.Has(ClientBlocked) {
				h.pass(50)
			}
		}
		args := s.Args
		if len(args) > 2 && strings.HasPrefix(args[2], "$waiter") {
			k, _ := strconv.Atoi(args[2][len("$waiter"):])
			args = slices.Clone(args)
			args[2] = strconv.FormatInt(clients[k].cl.ID, 10)
		}
		if args[0] == "SELECT" && len(args) > 1 { // spoilt ones, too
			p.do(args...)
			continue
		}
		p.do(args...)
		h.TellJournal()
	}
	for _, p := range clients {
		p.do("EXEC")
	}
	h.Cfg.MaxMemory = 0
	h.TellJournal()
	return h, j
}

// leap lets a long time pass at once.
func (h *harness) leap(ms int64) {
	h.nowMs += ms
	h.mono += ms * 1e6
	h.Begin(h.nowMs*1000, h.mono)
	for h.ActiveExpire && h.KS.Expire(1) {
	}
	h.Timeouts()
	h.goOn()
	h.TellJournal()
}

// replay runs a journal on a new server and compares the two; "" if they are the same.
func replay(t *testing.T, h *harness, j *journal) string {
	t.Helper()
	o := newHarness(borrowed)
	o.random = 12345
	o.nowMs = h.nowMs + (20 * 365 * 24 * time.Hour).Milliseconds()
	o.Begin(o.nowMs*1000, o.mono)
	o.KS.Replaying(true)
	p := o.dial()
	open := false
	for i, args := range j.requests(t) {
		name := string(args[0])
		if name == "MULTI" || name == "EXEC" {
			if open == (name == "MULTI") {
				return fmt.Sprintf("effect %d, %s, stands in the wrong place", i, name)
			}
			open = name == "MULTI"
		}
		words := make([]string, len(args))
		for i, a := range args {
			words[i] = string(a)
		}
		got, _, err := script.Decode([]byte(p.do(words...)))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range append(got.Items, got) {
			if v.Kind == '-' {
				return fmt.Sprintf("effect %d, %.300q, failed: %s", i, args, got.Format(2))
			}
		}
	}
	if open {
		return "the last unit has no end"
	}
	// First what is stored, whether its time has come or not: what expired left an effect.
	h.KS.Replaying(true)
	diff := compareKeyspaces(h.KS, o.KS)
	h.KS.Replaying(false)
	if diff != "" {
		return "before deadlines pass: " + diff
	}
	o.KS.Replaying(false)
	o.nowMs = h.nowMs
	for _, x := range []*harness{h, o} {
		x.Begin(h.nowMs*1000, x.mono)
		x.ActiveExpire = true
		for x.KS.Expire(1) {
		}
		x.KS.Check()
	}
	return compareKeyspaces(h.KS, o.KS)
}

// compareKeyspaces returns the first difference.
func compareKeyspaces(a, b *db.Keyspace) string {
	for i := range a.DBs() {
		x, y := describeDB(a.DB(i)), describeDB(b.DB(i))
		for key, was := range x {
			if is, ok := y[key]; !ok {
				return fmt.Sprintf("db %d: %q is gone: it was %.600s", i, key, was)
			} else if is != was {
				return fmt.Sprintf("db %d: %q is\n  %.600s\nand was\n  %.600s", i, key, is, was)
			}
		}
		for key, is := range y {
			if _, ok := x[key]; !ok {
				return fmt.Sprintf("db %d: %q is %.600s, and was not", i, key, is)
			}
		}
	}
	return ""
}

// describeDB tells all there is to know of each key.
func describeDB(d *db.DB) map[string]string {
	out := map[string]string{}
	d.Each(func(it db.Item) bool {
		var b strings.Builder
		var sum dataDigest
		sum.value(it)
		fmt.Fprintf(&b, "%s until %d, %x", it.Type(), it.ExpireAt(), sum[:6])
		switch it.Type() {
		case db.String:
			fmt.Fprintf(&b, " %.60q", it.Bytes())
		case db.Hash:
			f := it.Fields()
			var lines []string
			f.Each(func(field, val listpack.Value, at int64) bool {
				lines = append(lines, fmt.Sprintf(" %.40q until %d", field.Append(nil), at))
				return true
			})
			slices.Sort(lines)
			b.WriteString(strings.Join(lines, ""))
		case db.Set:
			var lines []string
			m := it.Members()
			m.Each(func(v listpack.Value) bool {
				lines = append(lines, fmt.Sprintf(" %.40q", v.Append(nil)))
				return true
			})
			slices.Sort(lines)
			b.WriteString(strings.Join(lines, ""))
		case db.Stream:
			describeStream(&b, it.Stream())
		}
		out[string(it.Key())] = b.String()
		return true
	})
	return out
}

func describeStream(b *strings.Builder, s *stream.Stream) {
	fmt.Fprintf(b, " %d entries, last %v, deleted %v, added %d", s.Len(), s.Last(), s.MaxDeleted(), s.Added())
	for _, g := range s.Groups() {
		fmt.Fprintf(b, "; group %q last %v read %d:", g.Name, g.Last, g.Read)
		for i := range g.Consumers() {
			fmt.Fprintf(b, " %q", g.ConsumerAt(i).Name)
		}
		var p stream.Pendings
		for p.From(g, nil, stream.ID{}); p.Next(); {
			fmt.Fprintf(b, " [%v %s at %d, %d times]", p.ID, p.Consumer.Name, p.At, p.Count)
		}
	}
}
