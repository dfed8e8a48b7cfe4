package metrics

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestLatencyThreshold(t *testing.T) {
	for _, r := range []struct {
		threshold, ms int64
		want          bool
	}{
		{0, 1000, false}, // 0 switches it off
		{100, 99, false},
		{100, 100, true},
	} {
		l := Latency{ThresholdMs: r.threshold}
		l.Observe("command", 1, r.ms)
		if got := len(l.Latest()) == 1; got != r.want {
			t.Errorf("threshold %d, %d ms: kept %v", r.threshold, r.ms, got)
		}
	}
}

func TestLatencySamples(t *testing.T) {
	l := Latency{ThresholdMs: 1}
	l.Observe("command", 100, 5)
	l.Observe("command", 100, 9) // the second's worst wins
	l.Observe("command", 100, 7)
	l.Observe("command", 102, 3)
	l.Observe("aof-write", 101, 4)
	if got, want := l.History("command"), []LatencySample{{100, 9}, {102, 3}}; !reflect.DeepEqual(got, want) {
		t.Errorf("history %v, want %v", got, want)
	}
	want := []LatencyEvent{{"aof-write", LatencySample{101, 4}, 4}, {"command", LatencySample{102, 3}, 9}}
	if got := l.Latest(); !reflect.DeepEqual(got, want) {
		t.Errorf("latest %v, want %v", got, want)
	}
	if got := l.History("Command"); got != nil {
		t.Errorf("history of an unknown event: %v", got)
	}
	if n := l.Reset("command", "nope", "command"); n != 1 {
		t.Errorf("reset %d events, want 1", n)
	}
	if n := l.Reset(); n != 1 {
		t.Errorf("reset %d events, want the remaining one", n)
	}
	if l.Bytes() != 0 || len(l.Latest()) != 0 {
		t.Error("Reset left something behind")
	}
}

// The ring against a plain slice.
func TestLatencyRing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	l := Latency{ThresholdMs: 1}
	var model []LatencySample
	now, worst := int64(1000), int64(0)
	for step := range 1000 {
		now += rnd.Int64N(3)
		ms := 1 + rnd.Int64N(500)
		l.Observe("command", now, ms)
		worst = max(worst, ms)
		if n := len(model); n > 0 && model[n-1].Unix == now {
			model[n-1].Ms = max(model[n-1].Ms, ms)
		} else {
			model = append(model, LatencySample{now, ms})
		}
		model = model[max(len(model)-latencySamples, 0):]
		if got := l.History("command"); !reflect.DeepEqual(got, model) {
			t.Fatalf("step %d:\n got %v\nwant %v", step, got, model)
		}
		if got := l.Latest()[0]; got.MaxMs != worst || got.Last != model[len(model)-1] {
			t.Fatalf("step %d: latest %v", step, got)
		}
	}
}

const graphRule = "--------------------------------------------------------------------------------\n"

func TestGraph(t *testing.T) {
	for _, r := range []struct {
		samples []LatencySample
		now     int64
		want    string
	}{
		// As a real server drew it.
		{[]LatencySample{{1687, 700}, {1688, 1500}, {1690, 300}, {1691, 50}}, 1691,
			"command - high 1500 ms, low 50 ms (all time high 1500 ms)\n" + graphRule +
				" #  \n" +
				" |  \n" +
				"#|  \n" +
				"||#_\n" +
				"    \n" +
				"4310\n" +
				"ssss\n"},
		// One sample has no height: it is the lowest.
		{[]LatencySample{{0, 7}}, 86400 * 400,
			"command - high 7 ms, low 7 ms (all time high 7 ms)\n" + graphRule +
				" \n \n \n_\n \n4\n0\n0\nd\n"},
		// Every step once, and each unit of age.
		{[]LatencySample{{0, 0 + 1}, {1, 11}, {2, 21}, {3, 31}, {4, 41}, {5, 51}, {6, 61}, {82800, 71}, {86341, 81}, {86389, 91}, {86390, 101}, {86400, 120}}, 86400,
			"command - high 120 ms, low 1 ms (all time high 120 ms)\n" + graphRule +
				"         _o#\n" +
				"      _o#|||\n" +
				"   _o#||||||\n" +
				"_o#|||||||||\n" +
				"            \n" +
				"122222215110\n" +
				"d333333h910s\n" +
				" hhhhhh sss \n"},
	} {
		l := Latency{ThresholdMs: 1}
		for _, s := range r.samples {
			l.Observe("command", s.Unix, s.Ms)
		}
		got, ok := l.Graph("command", r.now)
		if !ok || got != r.want {
			t.Errorf("got\n%swant\n%s", got, r.want)
		}
		if _, ok := l.Graph("nope", r.now); ok {
			t.Error("drew an event never seen")
		}
	}
}

// Past 80 samples a second chart follows, on the scale of both.
func TestGraphBreaks(t *testing.T) {
	l := Latency{ThresholdMs: 1}
	for i := range int64(81) {
		l.Observe("command", i, 1+i)
	}
	got, _ := l.Graph("command", 81)
	lines := strings.Split(got, "\n")
	if len(lines[2]) != 80 || lines[2][79] != '#' {
		t.Errorf("first chart's top row: %q", lines[2])
	}
	tail := strings.Join(lines[len(lines)-9:], "\n")
	if want := "\n#\n|\n|\n|\n \n1\ns\n"; tail != want {
		t.Errorf("second chart %q, want %q", tail, want)
	}
}

func TestDoctor(t *testing.T) {
	var off Latency
	on := Latency{ThresholdMs: 100}
	busy := Latency{ThresholdMs: 100}
	busy.Observe(EventCommand, 1000, 200)
	busy.Observe(EventCommand, 1010, 400)
	busy.Observe("of-our-own", 1010, 300)
	past := busy
	past.ThresholdMs = 0
	for _, r := range []struct {
		name    string
		l       *Latency
		slowlog int64
		has     []string
		hasNot  []string
	}{
		{"off", &off, 10000, []string{"is disabled", "latency-monitor-threshold"}, nil},
		{"nothing seen", &on, 10000, []string{"No latency spike", "100 ms"}, []string{"disabled"}},
		{"spikes", &busy, 100000, []string{
			"2 events", "1. command: 2 spikes, average 300 ms, mean deviation 100 ms, one every 10.00 s since the first. Worst ever 400 ms, latest 10s ago.",
			"2. of-our-own: 1 spike, average 300 ms, mean deviation 0 ms", "SLOWLOG GET"}, []string{"slowlog-log-slower-than"}},
		{"slow log too high", &busy, 100001, []string{"slowlog-log-slower-than 100000", "starts at 100001 us"}, nil},
		{"slow log off", &busy, -1, []string{"The slow log is off", "slowlog-log-slower-than 100000"}, nil},
		{"switched off since", &past, -1, []string{"disabled now", "1. command"}, []string{"slowlog-log-slower-than"}},
	} {
		got := r.l.Doctor(1020, r.slowlog)
		for _, s := range r.has {
			if !strings.Contains(got, s) {
				t.Errorf("%s: lacks %q:\n%s", r.name, s, got)
			}
		}
		for _, s := range r.hasNot {
			if strings.Contains(got, s) {
				t.Errorf("%s: should not say %q:\n%s", r.name, s, got)
			}
		}
	}
}

// Each event of ours has advice, given once though two events share it.
func TestDoctorAdvice(t *testing.T) {
	l := Latency{ThresholdMs: 1}
	for _, e := range []string{EventCommand, EventFastCommand, EventFork, EventExpireCycle, EventEvictionCycle, EventEvictionDelete, EventAOFWrite,
		EventAOFWritePend, EventAOFWriteChild, EventAOFWriteAlone, EventAOFFsync, EventAOFRename, EventRDBUnlink, EventCronBlocked} {
		tip := advice(e)
		if tip == "" {
			t.Errorf("no advice about %s", e)
		}
		l.Observe(e, 1, 5)
		if n := strings.Count(l.Doctor(2, 0), tip); n != 1 {
			t.Errorf("%s: advice given %d times", e, n)
		}
	}
}
