package metrics

import (
	"fmt"
	"strings"
	"testing"
)

func TestCommandStats(t *testing.T) {
	var get Command
	get.Record(5000, true)
	mixed := Command{Rejected: 2, Failed: 1}
	mixed.Record(1200, false)
	mixed.Record(1400, false) // 2.6 us together, though each alone would round to 1
	slow := Command{Calls: 4, Ns: 2550755000}
	for _, r := range []struct {
		name string
		c    *Command
		want string
	}{
		{"get", &get, "cmdstat_get:calls=1,usec=5,usec_per_call=5.00,rejected_calls=0,failed_calls=0\r\n"},
		{"config|get", &mixed, "cmdstat_config|get:calls=2,usec=2,usec_per_call=1.30,rejected_calls=2,failed_calls=1\r\n"},
		{"debug", &slow, "cmdstat_debug:calls=4,usec=2550755,usec_per_call=637688.75,rejected_calls=0,failed_calls=0\r\n"},
		{"set", &Command{Rejected: 1}, "cmdstat_set:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n"},
		{"a:b#c\r\nd", &get, "cmdstat_a_b_c__d:calls=1,usec=5,usec_per_call=5.00,rejected_calls=0,failed_calls=0\r\n"},
		{"never", &Command{}, ""},
	} {
		if got := string(AppendCommandStats(nil, r.name, r.c)); got != r.want {
			t.Errorf("%s:\n got %q\nwant %q", r.name, got, r.want)
		}
	}
	if mixed.Latency.Count() != 0 {
		t.Error("a call was tracked while tracking was off")
	}
	mixed.Reset()
	if !mixed.Idle() {
		t.Error("Reset left counts behind")
	}
}

func TestLatencyStats(t *testing.T) {
	var set Command
	set.Record(10000, true)
	var zero Command
	zero.Record(0, true)
	for _, r := range []struct {
		c    *Command
		p    []float64
		want string
	}{
		{&set, []float64{50, 99, 99.9}, "latency_percentiles_usec_set:p50=10.047,p99=10.047,p99.9=10.047\r\n"},
		{&set, []float64{0, 33.333333, 100}, "latency_percentiles_usec_set:p0=9.984,p33.333333=10.047,p100=10.047\r\n"},
		{&set, nil, "latency_percentiles_usec_set:\r\n"},
		{&zero, []float64{50}, "latency_percentiles_usec_set:p50=0.001\r\n"},
		{&Command{Calls: 1}, []float64{50}, ""}, // ran while tracking was off
	} {
		if got := string(AppendLatencyStats(nil, "set", r.c, r.p)); got != r.want {
			t.Errorf("%v:\n got %q\nwant %q", r.p, got, r.want)
		}
	}
}

func TestErrors(t *testing.T) {
	var e Errors
	for _, text := range []string{
		"ERR syntax error",
		"WRONGTYPE Operation against a key holding the wrong kind of value",
		"WRONGTYPE again",
		"nospace",
		"",
		" leading space",
		"AAAAAAAAAABBBBBBBBBBCCCCCCCCCC 30 bytes are looked through",
		"AAAAAAAAAABBBBBBBBBBCCCCCCCCCCD 31 are too many",
		"X:#y from a script",
	} {
		if e.Add(text) {
			t.Errorf("Add(%q) met the limit", text)
		}
	}
	want := "errorstat_AAAAAAAAAABBBBBBBBBBCCCCCCCCCC:count=1\r\n" +
		"errorstat_ERR:count=5\r\n" +
		"errorstat_WRONGTYPE:count=2\r\n" +
		"errorstat_X__y:count=1\r\n"
	if got := string(e.Append(nil)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	e.Reset()
	if got := e.Append(nil); len(got) != 0 {
		t.Errorf("after Reset: %q", got)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	var e Errors
	for round := range 2 {
		met := 0
		for i := range 1000 {
			if e.Add(fmt.Sprintf("E%03d text", i)) {
				met++
			}
		}
		if met != 1 {
			t.Errorf("round %d: told %d times that the limit is met, want once", round, met)
		}
		e.Add("E000 known prefixes go on counting")
		list := e.List()
		if len(list) != errorPrefixLimit+1 {
			t.Errorf("round %d: %d prefixes", round, len(list))
		}
		for _, c := range list {
			want := int64(1)
			if c.Prefix == "E000" {
				want = 2
			}
			if c.Count != want || c.Prefix > "E127" && c.Prefix != errorsDisabled {
				t.Errorf("round %d: %v", round, c)
			}
		}
		e.Reset()
	}
}

func TestErrorsDoNotAllocate(t *testing.T) {
	var e Errors
	text := "WRONGTYPE " + strings.Repeat("x", 50)
	if n := testing.AllocsPerRun(100, func() { e.Add(text) }); n != 0 {
		t.Errorf("%v allocations for a known prefix", n)
	}
}
