package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "record the page as it is now, for review")

// rounds makes five samples around a CPU time, one of them disturbed.
func rounds(cpuNs, wallNs int64, note string) []Sample {
	var out []Sample
	for i := range int64(5) {
		scale := int64(100)
		if i == 2 {
			scale = 120 // the machine was busy in the third round, for everybody
		}
		out = append(out, Sample{
			Ops: 1000, WallNs: wallNs * scale / 100, ServerNs: cpuNs * scale / 100, ClientNs: wallNs / 2,
			P50Ns: 41_000 + i, P99Ns: 80_000, P999Ns: 150_000, LongestNs: 900_000 + 1000*i,
			RSSBytes: 12 << 20, Others: 0.01 * float64(i), Stolen: 0.002, Note: note,
		})
	}
	return out
}

// loaded makes five samples of a process that grew by some bytes for each of its thousand
// operations.
func loaded(each int64) []Sample {
	out := rounds(8_000_000, 20_000_000, "")
	for i := range out {
		out[i].EmptyBytes = out[i].RSSBytes - 1000*each
	}
	return out
}

func sample() Report {
	return Report{
		Setting: Setting{
			Date: "2026-01-02 03:04 UTC", Commit: "abc1234", Command: "compare -rounds 5", CPUs: 2, CPUModel: "Some CPU",
			MemoryBytes: 24 << 30, Kernel: "6.1", Go: "go1.26", ClientProcs: 4, CPUSource: "the clock", Load1: 0.25, Rounds: 5,
			Servers: []ServerInfo{{"redis", "7.0.15", "redis-server"}, {"redust", "7.2.4", "bin/redust"}},
		},
		Chart: "x.svg",
		Rows: []Row{
			{
				Section: "One", Workload: "p1/get", Metric: CPU, About: "GET.",
				Bound:   &Bound{Metric: CPU, Relative: true, Limit: 1},
				Results: []Result{{Server: "redis", Samples: rounds(8_000_000, 20_000_000, "")}, {Server: "redust", Samples: rounds(7_200_000, 19_000_000, "")}},
			},
			{
				Section: "One", Workload: "p1/zadd", Metric: CPU,
				Results: []Result{{Server: "redis", Samples: rounds(8_000_000, 20_000_000, "")}, {Server: "redust", NotYet: "ERR unknown command 'ZADD'"}},
			},
			{
				Section: "Two", Workload: "stall", Metric: Longest, About: "Stalls.",
				Bound:   &Bound{Metric: Longest, Limit: 0.9},
				Results: []Result{{Server: "redis", Samples: rounds(8_000_000, 20_000_000, "noisy")}, {Server: "redust", Samples: rounds(7_200_000, 19_000_000, "")}},
			},
			{
				Section: "Two", Workload: "memory", Metric: RSS,
				Bound:   &Bound{Metric: Each, Relative: true, Limit: 0.7},
				Results: []Result{{Server: "redis", Samples: loaded(80)}, {Server: "redust", Samples: loaded(52)}},
			},
		},
	}
}

func TestMarkdownIsAsRecorded(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "page.md")
	if *rewrite {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("the page differs from %s (record it with -rewrite):\n%s", file, b.String())
	}
}

// Every line of a table must have as many cells as its heading, else the page does not
// render; this holds for rows of servers that lack a command too.
func TestTablesAreRectangular(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	cells := 0
	for line := range strings.Lines(b.String()) {
		n := strings.Count(line, "|")
		if n > 0 && cells > 0 && n != cells {
			t.Errorf("%d bars instead of %d: %s", n, cells, line)
		}
		cells = n
	}
}

// A disturbed round shifts the medians' neighbours, never the ratio.
func TestRatioIgnoresACommonDisturbance(t *testing.T) {
	got := sample().Rows[0].Ratio(1, CPU)
	if got.Median != 0.9 || math.Abs(got.Max-got.Min) > 1e-9 || got.N != 5 {
		t.Errorf("Ratio = %+v", got)
	}
}

func TestMetrics(t *testing.T) {
	s := Sample{Ops: 4, WallNs: 2e9, ServerNs: 1e6, P50Ns: 1_500_000, P999Ns: 7e6, LongestNs: 8e6, RSSBytes: 6 << 20, EmptyBytes: 2 << 20, Share: 0.25}
	for m, want := range map[Metric]float64{Rate: 2, CPU: 250, P999: 7, Longest: 8, RSS: 6, InTime: 25, P50: 1.5, Each: 1 << 20} {
		if got := m.Of(s); got != want {
			t.Errorf("%s is %v, want %v", m, got, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	row := func(b Bound, n int) Row {
		r := sample().Rows[0]
		r.Bound = &b
		for i := range r.Results {
			r.Results[i].Samples = r.Results[i].Samples[:n]
		}
		return r
	}
	for _, r := range []struct {
		bound Bound
		n     int
		want  Verdict
		ok    bool
	}{
		{Bound{Metric: CPU, Relative: true, Limit: 0.9}, 5, Met, true}, // the limit itself is within
		{Bound{Metric: CPU, Relative: true, Limit: 0.89}, 5, Missed, false},
		{Bound{Metric: Rate, Relative: true, AtLeast: true, Limit: 1}, 5, Met, true},
		{Bound{Metric: Rate, Relative: true, AtLeast: true, Limit: 1.1}, 5, Missed, false},
		{Bound{Metric: CPU, Relative: true, Limit: 1}, 4, Unproven, true},
		{Bound{Metric: CPU, Relative: true, Limit: 0.5}, 1, Unproven, false},
		{Bound{Metric: Longest, Limit: 0.9}, 5, Missed, false}, // in milliseconds
		{Bound{Metric: Longest, Limit: 0.91}, 5, Met, true},
		{Bound{Metric: CPU, Relative: true, Limit: 1}, 0, NotYet, false},
	} {
		v, _, ok := row(r.bound, r.n).Check()
		if v != r.want || ok != r.ok {
			t.Errorf("%v with %d rounds: %v, %v; want %v, %v", r.bound, r.n, v, ok, r.want, r.ok)
		}
	}
	missing := sample().Rows[1]
	missing.Bound = &Bound{Metric: CPU, Relative: true, Limit: 1}
	if v, _, _ := missing.Check(); v != NotYet {
		t.Errorf("a missing command gives %v", v)
	}
	if n := sample().Missed(); n != 1 {
		t.Errorf("Missed = %d, want 1", n)
	}
}

func TestClientBound(t *testing.T) {
	s := Sample{WallNs: 100, ServerNs: 50, ClientNs: 95}
	if !clientBound(Result{Samples: []Sample{s}}) {
		t.Error("a full client before a half idle server is not seen")
	}
	s.ServerNs = 98
	if clientBound(Result{Samples: []Sample{s}}) {
		t.Error("a full server is blamed on the client")
	}
}

func TestChartIsXMLWithEveryBar(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteChart(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "p1/get 0.90") {
		t.Error("the label of the one drawable row is missing")
	}
	if strings.Contains(b.String(), "zadd") || strings.Contains(b.String(), "stall") {
		t.Error("a row without CPU figures of both servers is drawn")
	}
	for d := xml.NewDecoder(&b); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := (Report{}).WriteChart(io.Discard); !errors.Is(err, ErrNothingToDraw) {
		t.Errorf("an empty report: %v", err)
	}
}
