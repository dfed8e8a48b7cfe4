package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestRate(t *testing.T) {
	const perSecond = 1_000_000
	var r Rate
	now, n := int64(5_000_000), int64(1000)
	r.Sample(n, now, perSecond)
	if r.Mean() != 0 {
		t.Errorf("the first sample already is a speed: %d", r.Mean())
	}
	for i := range int64(40) { // 100 in 100 ms
		now, n = now+100_000, n+100
		r.Sample(n, now, perSecond)
		if want := 1000 * min(i+1, rateSamples) / rateSamples; r.Mean() != want {
			t.Fatalf("sample %d: %d a second, want %d", i+1, r.Mean(), want)
		}
	}
	r.Sample(n+100, now+50_000, perSecond) // twice as fast, for one sample of sixteen
	if want := int64((15*1000 + 2000) / 16); r.Mean() != want {
		t.Errorf("mean %d, want %d", r.Mean(), want)
	}
	r.Sample(n+200, now+50_000, perSecond) // the clock stood still
	if want := int64((14*1000 + 2000) / 16); r.Mean() != want {
		t.Errorf("mean %d, want %d", r.Mean(), want)
	}
}

// Every counter must be printed, by exactly one field besides the sums: a counter that nobody prints is a mistake.
func TestEveryCounterIsPrinted(t *testing.T) {
	var zero Stats
	before := zero.Fields(nil, Gauges{})
	counters := reflect.TypeOf(Counters{})
	for i := range counters.NumField() {
		var s Stats
		reflect.ValueOf(&s.Counters).Elem().Field(i).SetInt(7000)
		checkChange(t, counters.Field(i).Name, before, s.Fields(nil, Gauges{}))
	}
	gauges := reflect.TypeOf(Gauges{})
	for i := range gauges.NumField() {
		var g Gauges
		if v := reflect.ValueOf(&g).Elem().Field(i); v.CanInt() {
			v.SetInt(7000)
		} else {
			v.SetFloat(7000)
		}
		checkChange(t, gauges.Field(i).Name, before, zero.Fields(nil, g))
	}
}

func checkChange(t *testing.T, name string, before, after []Field) {
	t.Helper()
	changed := 0
	for i := range after {
		if v := after[i].Value(); v != before[i].Value() {
			changed++
			if v != 7000 && v != 7 { // 7 for what is kept in microseconds and printed in milliseconds
				t.Errorf("%s: %s says %v", name, after[i].Name, v)
			}
		}
	}
	want := 1
	switch name {
	case "NetReplInputBytes", "NetReplOutputBytes", "CurrentEvictionExceededMs":
		want = 2 // its own field and the sum
	}
	if changed != want {
		t.Errorf("%s shows in %d fields, want %d", name, changed, want)
	}
}

func TestStatsLines(t *testing.T) {
	var s Stats
	s.Commands, s.NetInputBytes, s.NetReplInputBytes, s.LoopCycles, s.LoopUs = 10, 100, 23, 3, 90
	s.Sample(1_000_000)
	s.Commands += 1600
	s.NetInputBytes += 16 * 1024 * 10
	s.LoopCycles += 100
	s.LoopUs += 3200
	s.Sample(2_000_000)
	for range 99 {
		s.ExpireLag.Record(0)
	}
	s.ExpireLag.Record(5000)
	out := string(AppendFields(nil, s.Fields(nil, Gauges{ExpiredStalePerc: 1.5})))
	for _, line := range []string{
		"total_commands_processed:1610\r\n", "instantaneous_ops_per_sec:100\r\n", "total_net_input_bytes:163963\r\n",
		"total_net_repl_input_bytes:23\r\n", "instantaneous_input_kbps:10.00\r\n", "instantaneous_output_repl_kbps:0.00\r\n",
		"expired_stale_perc:1.50\r\n", "instantaneous_eventloop_cycles_per_sec:6\r\n", "instantaneous_eventloop_duration_usec:2\r\n",
		"expire_lag_p99_ms:0\r\n", "expire_lag_max_ms:5000\r\n",
	} {
		if !strings.Contains("\r\n"+out, "\r\n"+line) {
			t.Errorf("no line %q in\n%s", line, out)
		}
	}
	s.Reset()
	if !reflect.DeepEqual(s, Stats{}) {
		t.Error("Reset left something behind")
	}
}

func TestLag(t *testing.T) {
	var l Lag
	if l.MaxMs() != 0 || l.P99Ms() != 0 {
		t.Error("a lag without a record")
	}
	l.Record(-3) // removed ahead of its time by nobody's fault: a clock that went back
	l.Record(900)
	if l.MaxMs() != 900 || l.P99Ms() != 900 { // not 903, where its cell ends
		t.Errorf("max %d, p99 %d, want 900", l.MaxMs(), l.P99Ms())
	}
}

func TestPrometheus(t *testing.T) {
	var get, idle Command
	get.Record(5000, true)
	get.Record(2_000_000_000, true)
	get.Failed = 1
	untracked := Command{}
	untracked.Record(1500, false)
	var e Errors
	e.Add("ERR x")
	e.Add("A\"\\\xff y")
	e.Add("A___ z") // not told apart from the one above by a label

	var s Stats
	s.Commands, s.LatestForkUs = 1<<40, 6
	snap := Snapshot{Fields: s.Fields(nil, Gauges{ExpiredStalePerc: 0.25}), Errors: e.List()}
	snap.Fields = append(snap.Fields, Field{Name: "total_forks", Kind: Counter}) // printed by two sections
	snap.AddCommand("get", &get)
	snap.AddCommand("config|get", &untracked)
	snap.AddCommand("idle", &idle)
	get.Record(1000, true) // the snapshot must not see this one

	var b bytes.Buffer
	if err := WritePrometheus(&b, snap); err != nil {
		t.Fatal(err)
	}
	out := "\n" + b.String()
	const durations = "redust_command_duration_seconds"
	for _, line := range []string{
		"redust_commands_processed_total 1099511627776",
		"redust_latest_fork_usec 6",
		"redust_expired_stale_perc 0.25",
		"redust_keyspace_hits_total 0",
		`redust_command_calls_total{cmd="get"} 2`,
		`redust_command_failed_total{cmd="get"} 1`,
		`redust_command_calls_total{cmd="config|get"} 1`,
		`redust_command_busy_seconds_total{cmd="config|get"} 1.5e-06`,
		`redust_error_replies_by_prefix_total{prefix="ERR"} 1`,
		`redust_error_replies_by_prefix_total{prefix="A___"} 2`,
		"# TYPE " + durations + " histogram",
		durations + `_bucket{cmd="get",le="4.127e-06"} 0`,
		durations + `_bucket{cmd="get",le="8.255e-06"} 1`,
		durations + `_bucket{cmd="get",le="0.541065215"} 1`,
		durations + `_bucket{cmd="get",le="+Inf"} 2`,
		durations + `_sum{cmd="get"} 2.000005`,
		durations + `_count{cmd="get"} 2`,
	} {
		if strings.Count(out, "\n"+line+"\n") != 1 {
			t.Errorf("want one line %s in%s", line, out)
		}
	}
	for _, word := range []string{`"idle"`, durations + `_count{cmd="config|get"}`} {
		if strings.Contains(out, word) {
			t.Errorf("should not hold %s", word)
		}
	}
	if n := strings.Count(out, "_bucket"); n != bucketCount {
		t.Errorf("%d bucket lines, want %d", n, bucketCount)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestPrometheusReportsItsWriter(t *testing.T) {
	var snap Snapshot
	for i := range 100 {
		snap.AddCommand(fmt.Sprint("c", i), &Command{Calls: 1})
	}
	if err := WritePrometheus(brokenWriter{}, snap); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
