package metrics

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"redust/tests/redis"
)

// These tests ask a real redis-server, where one is installed, what it prints about calls whose durations it
// tells us, and print the same calls. They are skipped where there is none, and in short mode.

// live is a connection to a server started for one test.
type live struct {
	*redis.Oracle
	t *testing.T
}

func startLive(t *testing.T, options ...string) *live {
	t.Helper()
	if testing.Short() {
		t.Skip("short mode")
	}
	return &live{redis.Start(t, options...), t}
}

// do sends a command and returns its reply: string, int64 or []any; an error is its text.
func (l *live) do(words ...string) any {
	l.t.Helper()
	args := make([]any, len(words))
	for i, w := range words {
		args[i] = w
	}
	switch v := l.Do(args...).(type) {
	case error:
		return v.Error()
	case nil:
		return ""
	default:
		return v
	}
}

// clock returns the server's time: seconds, and microseconds within the second.
func (l *live) clock() (unix, us int64) {
	l.t.Helper()
	reply := l.do("TIME").([]any)
	if _, err := fmt.Sscan(reply[0].(string)+" "+reply[1].(string), &unix, &us); err != nil {
		l.t.Fatal(err)
	}
	return unix, us
}

// info returns a section's lines.
func (l *live) info(section string) []string {
	var out []string
	for _, line := range strings.Split(l.do("INFO", section).(string), "\r\n") {
		if line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

func TestLiveCommands(t *testing.T) {
	l := startLive(t, "--enable-debug-command", "yes", "--latency-tracking-info-percentiles", "0 50 99.9 33.333333 100")
	percentiles := []float64{0, 50, 99.9, 33.333333, 100}
	l.do("SET", "k", "v")
	l.do("SORT", "nope", "BY", "x")
	l.do("DEBUG", "SLEEP", "0.03")
	l.do("DEBUG", "JMAP") // fails inside
	l.do("GET")           // refused by arity
	l.do("CONFIG", "GET", "maxmem*")
	l.do("EVAL", "for i = 1, 10000 do redis.call('ping') end", "0") // ping: ten thousand calls
	compared := 0
	latency := strings.Join(l.info("latencystats"), "\n") + "\n"
	for _, line := range l.info("commandstats") {
		var calls, usec, rejected, failed int64
		name, numbers, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		var perCall float64
		if _, err := fmt.Sscanf(numbers, "calls=%d,usec=%d,usec_per_call=%f,rejected_calls=%d,failed_calls=%d",
			&calls, &usec, &perCall, &rejected, &failed); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		c := Command{Calls: calls, Ns: usec * 1000, Rejected: rejected, Failed: failed}
		if got := string(AppendCommandStats(nil, name, &c)); got != line+"\r\n" {
			t.Errorf("got  %swant %s", got, line)
		}
		if calls != 1 || name == "info" {
			continue // its durations are known in sum only
		}
		compared++
		c.Latency.Record(max(usec*1000, 1))
		if got := string(AppendLatencyStats(nil, name, &c, percentiles)); !strings.Contains(latency, strings.TrimSpace(got)+"\n") {
			t.Errorf("got %sserver:\n%s", got, latency)
		}
		reply, _ := l.do("LATENCY", "HISTOGRAM", name).([]any)
		if len(reply) != 2 {
			t.Errorf("LATENCY HISTOGRAM %s: %v", name, reply)
			continue
		}
		want := fmt.Sprint(reply[1].([]any)[3])
		var got []any
		for _, b := range c.Latency.Cumulative(nil) {
			got = append(got, b.Usec(), b.Count)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s, %d us: histogram %v, server %s", name, usec, got, want)
		}
	}
	if compared < 4 {
		t.Errorf("only %d commands compared", compared)
	}
}

func TestLiveErrors(t *testing.T) {
	l := startLive(t)
	var e Errors
	for _, text := range []string{"ERR a b", "WRONGTYPE x", "WRONGTYPE y", "My error", "X:#y zz",
		"AAAAAAAAAABBBBBBBBBBCCCCCCCCCC D", "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCD E", "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDD E"} {
		if got := l.do("EVAL", "return redis.error_reply(ARGV[1])", "0", text); got != text {
			t.Fatalf("server answered %v to %q", got, text)
		}
		e.Add(text)
	}
	want := strings.Join(l.info("errorstats"), "\r\n") + "\r\n"
	if got := string(e.Append(nil)); got != want {
		t.Errorf("got\n%sserver\n%s", got, want)
	}
}

func TestLiveSlowLog(t *testing.T) {
	l := startLive(t, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "3")
	l.do("CLIENT", "SETNAME", "me")
	var s SlowLog
	s.SetMaxLen(3)
	s.Add(0, 0, args("CLIENT", "SETNAME", "me"), "", "me")
	long := strings.Repeat("x", 300)
	for _, words := range [][]string{
		{"SET", "k", long},
		append([]string{"DEL"}, strings.Fields(strings.Repeat(long[:129]+" ", 31))...),
		append([]string{"DEL"}, strings.Fields(strings.Repeat("k ", 32))...),
		append([]string{"DEL"}, strings.Fields(strings.Repeat("k ", 99))...),
	} {
		l.do(words...)
		s.Add(0, 0, args(words...), "", "me")
	}
	server := l.do("SLOWLOG", "GET", "-1").([]any)
	if len(server) != s.Len() {
		t.Fatalf("%d entries, server has %d", s.Len(), len(server))
	}
	for i, e := range s.Get(-1) {
		want := server[i].([]any)
		var words []any
		for _, a := range e.Args {
			words = append(words, a)
		}
		if e.ID != want[0] || fmt.Sprintf("%q", words) != fmt.Sprintf("%q", want[3]) || e.Name != want[5] {
			t.Errorf("entry %d %q\nserver %q", e.ID, words, want)
		}
	}
}

func TestLiveGraph(t *testing.T) {
	l := startLive(t, "--enable-debug-command", "yes", "--latency-monitor-threshold", "20")
	for i, ms := range []int{25, 160, 90, 40} {
		if i > 0 {
			// One sample a second: wait for the next by the server's clock.
			_, us := l.clock()
			time.Sleep(time.Second - time.Duration(us)*time.Microsecond + time.Millisecond)
		}
		l.do("DEBUG", "SLEEP", fmt.Sprintf("0.%03d", ms))
	}
	m := Latency{ThresholdMs: 20}
	for _, p := range l.do("LATENCY", "HISTORY", "command").([]any) {
		m.Observe("command", p.([]any)[0].(int64), p.([]any)[1].(int64))
	}
	before, _ := l.clock()
	want := l.do("LATENCY", "GRAPH", "command").(string)
	after, _ := l.clock()
	ok := false
	for now := before; now <= after && !ok; now++ { // the second may have turned meanwhile
		got, _ := m.Graph("command", now)
		ok = got == want
	}
	if !ok || len(m.History("command")) != 4 {
		got, _ := m.Graph("command", before)
		t.Errorf("got\n%sserver\n%s", got, want)
	}
	latest := l.do("LATENCY", "LATEST").([]any)[0].([]any)
	if got := m.Latest()[0]; fmt.Sprint([]any{got.Event, got.Last.Unix, got.Last.Ms, got.MaxMs}) != fmt.Sprint(latest) {
		t.Errorf("latest %v, server %v", got, latest)
	}
}

// Fields of INFO stats stand in the server's order, and none that it has is missing.
func TestLiveStatsOrder(t *testing.T) {
	l := startLive(t)
	var s Stats
	var ours []string
	for _, f := range s.Fields(nil, Gauges{}) {
		ours = append(ours, f.Name)
	}
	last := -1
	for _, line := range l.info("stats") {
		name, value, _ := strings.Cut(line, ":")
		i := slices.Index(ours, name)
		if i <= last {
			t.Errorf("%s is at %d, the one before it at %d", name, i, last)
			continue
		}
		last = i
		decimals := s.Fields(nil, Gauges{})[i].Decimals
		if _, after, _ := strings.Cut(value, "."); len(after) != decimals {
			t.Errorf("%s has %d decimals, server prints %s", name, decimals, value)
		}
	}
	if last < 50 {
		t.Errorf("the server printed too little to compare")
	}
}
