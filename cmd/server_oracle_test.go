package cmd

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redust/db"
	"redust/tests/redis"
	"redust/tests/script"
	"redust/tests/server"
)

// duo is a real redis-server and a server in process, to which the same is said.
type duo struct {
	t    *testing.T
	real script.Conn
	ours *played
}

// newDuo starts both.
func newDuo(t *testing.T) *duo {
	t.Helper()
	bin := redis.Tool(t, "redis-server")
	s, err := server.Start(bin, "--enable-debug-command", "yes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return &duo{t, conn, newHarness(borrowed).dial()}
}

// say runs a command on both and returns the replies as they were sent.
func (d *duo) say(words ...string) (want, got string) {
	d.t.Helper()
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	if err := d.real.Send(args); err != nil {
		d.t.Fatal(err)
	}
	b, err := d.real.Receive(5 * time.Second)
	if err != nil {
		d.t.Fatalf("%q: %v", words, err)
	}
	if words[0] == "DEBUG" && len(words) > 2 && words[2] == "push" && b[0] == '>' {
		more, err := d.real.Receive(5 * time.Second)
		if err != nil {
			d.t.Fatal(err)
		}
		b = append(b[:len(b):len(b)], more...)
	}
	return string(b), d.ours.do(words...)
}

// same holds that both reply the same bytes.
func (d *duo) same(words ...string) {
	d.t.Helper()
	if want, got := d.say(words...); got != want {
		d.t.Errorf("%q: %.300q, want %.300q", words, got, want)
	}
}

// both runs a command whose reply does not matter.
func (d *duo) both(words ...string) {
	d.t.Helper()
	d.say(words...)
}

// TestServerRepliesLikeRedis compares replies that hold nothing of the moment.
func TestServerRepliesLikeRedis(t *testing.T) {
	d := newDuo(t)
	for _, proto := range []string{"2", "3"} {
		d.both("HELLO", proto)
		for _, kind := range []string{"string", "integer", "DOUBLE", "bignum", "null", "array", "set", "map", "attrib", "push", "verbatim", "true", "false", "bogus"} {
			d.same("DEBUG", "PROTOCOL", kind)
		}
		for _, line := range []string{
			"DEBUG DIGEST x", "DEBUG HELP x", "DEBUG LOG", "DEBUG OBJECT", "DEBUG OBJECT a b", "DEBUG OBJECT none", "DEBUG nosuch", "DEBUG",
			"DEBUG CHANGE-REPL-ID", "DEBUG ERROR FOO", "DEBUG PROTOCOL", "DEBUG SLEEP", "DEBUG SLEEP 0", "DEBUG SLEEP 0 0",
			"DEBUG PAUSE-CRON 1", "DEBUG PAUSE-CRON 0", "DEBUG SET-ACTIVE-EXPIRE 1", "DEBUG SET-DISABLE-DENY-SCRIPTS 0", "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0",
			"DEBUG QUICKLIST-PACKED-THRESHOLD 200b", "DEBUG QUICKLIST-PACKED-THRESHOLD 1", "DEBUG QUICKLIST-PACKED-THRESHOLD 4095mb", "DEBUG QUICKLIST-PACKED-THRESHOLD 4293918721",
			"DEBUG QUICKLIST-PACKED-THRESHOLD x", "DEBUG QUICKLIST-PACKED-THRESHOLD", "DEBUG QUICKLIST-PACKED-THRESHOLD 0",
			"DEBUG REPLYBUFFER", "DEBUG REPLYBUFFER x y", "DEBUG REPLYBUFFER PEAK-RESET-TIME", "DEBUG REPLYBUFFER peak-reset-time never",
			"DEBUG REPLYBUFFER PEAK-RESET-TIME x", "DEBUG REPLYBUFFER PEAK-RESET-TIME 10", "DEBUG REPLYBUFFER PEAK-RESET-TIME RESET",
			"DEBUG REPLYBUFFER RESIZING 0", "DEBUG REPLYBUFFER RESIZING 1",
			"DEBUG POPULATE x", "DEBUG POPULATE -1", "DEBUG POPULATE 1 p x", "DEBUG POPULATE 1 p -1", "DEBUG POPULATE 1 p 1 1", "DEBUG POPULATE 0",
			"DEBUG HTSTATS 0", "DEBUG HTSTATS 16", "DEBUG HTSTATS -1", "DEBUG HTSTATS x", "DEBUG HTSTATS-KEY none", "DEBUG DIGEST",
			"MODULE LIST", "MODULE LOAD", "MODULE UNLOAD", "MODULE nosuch", "MODULE",
			"SHUTDOWN NOSAVE SAVE", "SHUTDOWN ABORT NOW", "SHUTDOWN abort abort", "SHUTDOWN now x", "SHUTDOWN save nosave force",
			"ROLE", "INFO nosuch", "INFO cluster", "INFO modules", "INFO module_list", "LOLWUT VERSION x",
			"SLOWLOG GET -2", "SLOWLOG GET x", "SLOWLOG GET 1 2", "SLOWLOG GET 0", "SLOWLOG nosuch",
			"LATENCY LATEST", "LATENCY HISTORY none", "LATENCY RESET none", "LATENCY GRAPH none", "LATENCY HISTOGRAM none",
			"MEMORY USAGE none", "MEMORY USAGE none SAMPLES", "MEMORY USAGE none SAMPLES -1", "MEMORY USAGE none SAMPLES 1 SAMPLES 2", "MEMORY nosuch", "MEMORY PURGE",
			"CONFIG GET maxmemory-p*", "CONFIG GET hz Port-none", "CONFIG GET save", "CONFIG GET slowlog-l*", "CONFIG SET a", "CONFIG SET a b c",
			"CONFIG SET hz x", "CONFIG SET maxmemory 1mb maxmemory 1mb", "CONFIG SET databases 2", "CONFIG RESETSTAT x", "CONFIG REWRITE", "CONFIG nosuch",
			"LASTSAVE x", "ROLE x",
		} {
			d.same(strings.Fields(line)...)
		}
	}
}

// numbers blots out what differs from run to run.
func numbers(s string) string {
	s = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`).ReplaceAllString(s, "addr")
	return regexp.MustCompile(`[0-9]+(\.[0-9]+)?`).ReplaceAllString(s, "N")
}

// TestServerShapesLikeRedis compares replies of which only the numbers may differ.
func TestServerShapesLikeRedis(t *testing.T) {
	d := newDuo(t)
	for _, proto := range []string{"2", "3"} {
		for _, line := range []string{
			"CONFIG SET slowlog-log-slower-than 0 latency-monitor-threshold 1", "PING", "SLOWLOG RESET", "LATENCY RESET", "SET k v",
			"SET big " + strings.Repeat("x", 300), "MGET" + strings.Repeat(" k", 40), "DEBUG SLEEP 0.002",
		} {
			d.both(strings.Fields(line)...)
		}
		d.both("CONFIG", "SET", "slowlog-log-slower-than", "-1")
		d.both("HELLO", proto)
		for _, line := range []string{"SLOWLOG GET", "SLOWLOG GET 2", "SLOWLOG GET -1", "LATENCY LATEST", "LATENCY HISTORY command", "LASTSAVE"} {
			want, got := d.say(strings.Fields(line)...)
			if numbers(got) != numbers(want) {
				t.Errorf("%s (resp%s): %q, want %q", line, proto, got, want)
			}
		}
		// The steps of a histogram depend on the machine; all else does not.
		steps := regexp.MustCompile(`(histogram_usec\r\n)[*%]N\r\n(:N\r\n)*`)
		for _, line := range []string{"LATENCY HISTOGRAM set", "LATENCY HISTOGRAM SET config none hello ping config|set set", "LATENCY HISTOGRAM config|get"} {
			want, got := d.say(strings.Fields(line)...)
			want, got = steps.ReplaceAllString(numbers(want), "$1"), steps.ReplaceAllString(numbers(got), "$1")
			if got != want {
				t.Errorf("%s (resp%s): %q, want %q", line, proto, got, want)
			}
		}
	}
	// MEMORY STATS: names, order and types.
	d.both("SELECT", "3")
	d.both("SET", "k", "v")
	fraction := regexp.MustCompile(`,-?[0-9.e+]+\r\n`)
	want, got := d.say("MEMORY", "STATS")
	want, got = numbers(fraction.ReplaceAllString(want, ",N\r\n")), numbers(fraction.ReplaceAllString(got, ",N\r\n"))
	if want, got = strings.ReplaceAll(want, ":-N", ":N"), strings.ReplaceAll(got, ":-N", ":N"); got != want {
		t.Errorf("MEMORY STATS: %q, want %q", got, want)
	}
}

// fields cuts INFO into sections and lists the names of their lines.
func fields(text string) (order []string, names map[string][]string) {
	names = make(map[string][]string)
	section := ""
	for _, line := range strings.Split(text, "\r\n") {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			section = rest
			order = append(order, section)
		} else if name, _, ok := strings.Cut(line, ":"); ok {
			names[section] = append(names[section], name)
		}
	}
	return order, names
}

// sinceThen are the fields of INFO that 7.0.15 does not have: those of 7.2, and ours.
func sinceThen() map[string][]string {
	return map[string][]string{
		"Server":  {"listener0", "redust_version", "redust_built", "redust_go_version"},
		"Clients": {"total_blocking_keys", "total_blocking_keys_on_nokey"},
		"Stats": {"client_query_buffer_limit_disconnections", "client_output_buffer_limit_disconnections", "eventloop_cycles",
			"eventloop_duration_sum", "eventloop_duration_cmd_sum", "instantaneous_eventloop_cycles_per_sec", "instantaneous_eventloop_duration_usec",
			"acl_access_denied_auth", "acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel", "expired_subkeys", "evicted_scripts", "expire_lag_p99_ms", "expire_lag_max_ms"},
	}
}

// TestInfoFieldsLikeRedis holds that INFO has the sections and fields of Redis, in its
// order, and no others but those listed; and that lines with structure have Redis's.
func TestInfoFieldsLikeRedis(t *testing.T) {
	d := newDuo(t)
	for _, line := range []string{"PING", "SET a 1", "SET b 2 EX 1000", "GET a", "GET none", "GET", "NOSUCH", "SELECT 9", "SET c 3", "INCR a"} {
		d.both(strings.Fields(line)...)
	}
	for _, line := range []string{"INFO", "INFO all", "INFO everything", "INFO default keyspace commandstats", "INFO SERVER Keyspace server nosuch"} {
		want, got := d.say(strings.Fields(line)...)
		wantOrder, wantNames := fields(want)
		order, names := fields(got)
		if !slices.Equal(order, wantOrder) {
			t.Errorf("%s: sections %q, want %q", line, order, wantOrder)
		}
		for _, section := range wantOrder {
			if slices.Contains([]string{"Commandstats", "Latencystats"}, section) {
				slices.Sort(names[section])
				slices.Sort(wantNames[section])
			}
			var ours []string
			for _, n := range names[section] {
				if !slices.Contains(sinceThen()[section], n) {
					ours = append(ours, n)
				} else if slices.Contains(wantNames[section], n) {
					t.Errorf("%s: %s is said to be new, but Redis has it", line, n)
				}
			}
			if !slices.Equal(ours, wantNames[section]) {
				t.Errorf("%s: %s has\n%q, want\n%q", line, section, ours, wantNames[section])
			}
		}
	}
	// The shapes of the lines, without their numbers.
	want, got := d.say("INFO", "persistence", "replication", "cpu", "errorstats", "cluster", "keyspace")
	unify := func(s string) string {
		s = regexp.MustCompile(`[0-9a-f]{40}`).ReplaceAllString(s, "id")
		return numbers(strings.ReplaceAll(s[strings.Index(s, "\n"):], ":-", ":"))
	}
	if unify(got) != unify(want) {
		t.Errorf("INFO: %q, want %q", unify(got), unify(want))
	}
	for _, section := range []string{"commandstats", "latencystats"} {
		want, got := d.say("INFO", section)
		wants, gots := strings.Split(numbers(want), "\r\n")[2:], strings.Split(numbers(got), "\r\n")[2:]
		slices.Sort(wants)
		slices.Sort(gots)
		if !slices.Equal(gots, wants) {
			t.Errorf("INFO %s: %q, want %q", section, gots, wants)
		}
	}
}

// TestDigestLikeRedis fills several databases with random strings, some with a deadline,
// and compares digests of all and of each.
func TestDigestLikeRedis(t *testing.T) {
	d := newDuo(t)
	r := rand.New(rand.NewPCG(1, 2))
	random := func(most int) string {
		b := make([]byte, r.IntN(most))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return string(b)
	}
	now := d.ours.h.nowMs
	for round := range 6 {
		d.both("SELECT", strconv.Itoa(r.IntN(16)))
		for i := range 60 {
			key, val := random(20), random(40)
			switch i % 5 {
			case 0:
				val = strconv.Itoa(r.IntN(100000))
			case 1:
				val = random(5000)
			}
			d.same("SET", key, val)
			if i%3 == 0 {
				d.same("PEXPIREAT", key, strconv.FormatInt(now*2+int64(i), 10))
			}
			if i%7 == 0 {
				d.same("APPEND", key, "more")
			}
			d.same("DEBUG", "DIGEST-VALUE", key, "nosuch key", key)
		}
		d.same("DEBUG", "DIGEST")
		if round == 3 {
			d.same("DEBUG", "POPULATE", "100", "p", "30")
			d.same("DEBUG", "POPULATE", "12", "p", "7")
			d.same("DEBUG", "POPULATE", "12", "cut", "7")
			d.same("DEBUG", "POPULATE", "12")
			d.same("DEBUG", "DIGEST")
		}
	}
	before, _ := d.say("DEBUG", "DIGEST")
	d.both("PERSIST", "no key")
	d.both("SET", "one more", "")
	if after, _ := d.say("DEBUG", "DIGEST"); after == before {
		t.Error("the digest did not see a change")
	}
	d.same("DEBUG", "DIGEST")
}

// TestDebugObjectLikeRedis compares all of the line but the address and the clock.
func TestDebugObjectLikeRedis(t *testing.T) {
	d := newDuo(t)
	clock := regexp.MustCompile(`at:0x[0-9a-f]+|lru:[0-9]+`)
	values := []string{"", "a", "007", "-0", "+1", "1.5", strings.Repeat("k", 20)}
	for _, n := range []int64{0, 9, 127, 128, -128, -129, 9999, 10000, 32767, 32768, -32769, 1<<31 - 1, 1 << 31, -1 << 31, -1<<31 - 1, 1<<63 - 1, -1 << 63} {
		values = append(values, strconv.FormatInt(n, 10))
	}
	for _, v := range values {
		d.same("SET", "k", v)
		want, got := d.say("DEBUG", "OBJECT", "k")
		if clock.ReplaceAllString(got, "") != clock.ReplaceAllString(want, "") {
			t.Errorf("%q: %q, want %q", v, got, want)
		}
	}
	// Nothing to compress, and past the lengths at which the prefix grows.
	for _, n := range []int{63, 64, 1<<14 - 1, 1 << 14} {
		r := rand.New(rand.NewPCG(3, uint64(n)))
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		d.same("SET", "k", string(b))
		want, got := d.say("DEBUG", "OBJECT", "k")
		if clock.ReplaceAllString(got, "") != clock.ReplaceAllString(want, "") {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
	d.same("DEBUG", "HTSTATS-KEY", "k")
	if it := d.ours.cl.DB.Peek([]byte("k")); it.Type() != db.String {
		t.Error(fmt.Sprint("k is a ", it.Type()))
	}
}
