// Package report turns the samples of a comparison into a page of Markdown and a
// chart. It measures nothing and reads no clock, so that the same samples always
// give the same page.
//
// How several rounds become one figure:
//
//	round        1      2      3      4      5
//	redis      8.1    8.0    9.9    8.2    8.1      us of CPU an operation
//	redust     7.3    7.2    8.9    7.4    7.2
//	ratio      0.90   0.90   0.90   0.90   0.89     -> median 0.90 (0.89-0.90)
//
// A round's runs stand next to each other in time. In the third the machine was busy,
// for both, and the ratio does not notice. So ratios are taken first and their median
// is what counts; the median of each server's own figures stands beside it.
package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"redust/benchmarks/measure"
)

// MinRounds is how many rounds a verdict on a bound needs.
const MinRounds = 5

// A Sample is one run of one workload on one server.
type Sample struct {
	Ops               int64
	WallNs            int64
	ServerNs          int64 // CPU time of the server over exactly this run
	ClientNs          int64 // CPU time of the load generator
	P50Ns, P99Ns      int64
	P999Ns, LongestNs int64
	RSSBytes          int64   // of the server, at the end
	EmptyBytes        int64   // the same before the run; 0 where nobody asks
	BeforeNs          int64   // p99.9 before what the workload is about began; 0 where nobody asks
	ExtraBytes        int64   // memory of all the server's processes at the peak, over what it was before
	Share             float64 // of expired keys counted in time; other workloads leave it 0
	Others, Stolen    float64 // share of the machine, 0 to 1, see measure.Others
	Note              string  // what a reader must know to judge the figures
}

// A Metric is a figure that a sample yields.
type Metric int

// The metrics, and whether more or less of each is better.
const (
	Rate    Metric = iota // operations a second; more
	CPU                   // microseconds of server CPU an operation; less
	P999                  // milliseconds that 99.9 % did not exceed; less
	Longest               // milliseconds of the longest operation; less
	RSS                   // MiB resident; less
	InTime                // per cent of keys counted as expired in time; more
	P50                   // milliseconds that half of the operations did not exceed; less
	Each                  // bytes resident for each thing loaded, the empty process not counted; less
	Seconds               // that it took; less
	Stretch               // p99.9 over what it was before; less
	Extra                 // per cent of the memory before that came on top at the peak; less
)

// String names the metric with its unit.
func (m Metric) String() string {
	return [...]string{"operations/s", "CPU us/op", "p99.9 ms", "longest ms", "RSS MiB", "in time %", "p50 ms", "bytes each", "seconds", "p99.9 over before", "extra memory %"}[m]
}

// Of returns the figure of one sample.
func (m Metric) Of(s Sample) float64 {
	switch m {
	case Rate:
		return perSecond(s.Ops, s.WallNs)
	case CPU:
		return float64(s.ServerNs) / 1e3 / math.Max(float64(s.Ops), 1)
	case P999:
		return float64(s.P999Ns) / 1e6
	case Longest:
		return float64(s.LongestNs) / 1e6
	case RSS:
		return float64(s.RSSBytes) / (1 << 20)
	case P50:
		return float64(s.P50Ns) / 1e6
	case Each:
		return float64(s.RSSBytes-s.EmptyBytes) / math.Max(float64(s.Ops), 1)
	case Seconds:
		return float64(s.WallNs) / 1e9
	case Stretch:
		return float64(s.P999Ns) / math.Max(float64(s.BeforeNs), 1)
	case Extra:
		return 100 * float64(s.ExtraBytes) / math.Max(float64(s.EmptyBytes), 1)
	default:
		return 100 * s.Share
	}
}

func perSecond(n, ns int64) float64 {
	if ns == 0 {
		return 0
	}
	return float64(n) * 1e9 / float64(ns)
}

// A Result is all rounds of one workload on one server.
type Result struct {
	Server  string
	NotYet  string // the error reply, where the server does not know a command; then no samples
	Samples []Sample
}

func (r Result) values(m Metric) []float64 {
	out := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		out[i] = m.Of(s)
	}
	return out
}

// A Row is one workload on all servers. The first result is the base that ratios
// refer to, the second ours; further servers may follow.
type Row struct {
	Section, Workload string
	About             string
	Metric            Metric // what the workload is about
	Bound             *Bound // nil: none was set
	Results           []Result
}

// Ratio returns result i over the base, round by round. N is 0 where either has none.
func (r Row) Ratio(i int, m Metric) measure.Spread {
	return measure.Summarize(measure.Ratios(r.Results[i].values(m), r.Results[0].values(m)))
}

// Setting is what the runs had in common.
type Setting struct {
	Date, Commit, Command string
	CPUs                  int
	CPUModel              string
	MemoryBytes           int64
	Kernel, Go            string
	ClientProcs           int // GOMAXPROCS of the load generator
	CPUSource             string
	Load1                 float64 // before the start
	Rounds                int
	Stopped               string // why the comparison ended early, "" if it did not
	Servers               []ServerInfo
}

// ServerInfo names one server of the comparison.
type ServerInfo struct{ Name, Version, Command string }

// A Report is everything a page shows.
type Report struct {
	Setting Setting
	Rows    []Row
	Chart   string // file name of the chart, "" without
}

// WriteMarkdown writes the page.
func (p Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	p.setting(&b)
	p.bounds(&b)
	if p.Chart != "" {
		fmt.Fprintf(&b, "\n![Server CPU time an operation, as a ratio](%s)\n", p.Chart)
	}
	for rows := p.Rows; len(rows) > 0; {
		n := 1
		for n < len(rows) && rows[n].Section == rows[0].Section {
			n++
		}
		section(&b, rows[:n])
		rows = rows[n:]
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}

func (p Report) setting(b *strings.Builder) {
	s := p.Setting
	others, stolen := p.disturbance()
	fmt.Fprintf(b, "# Comparison of %s, commit %s\n\n", s.Date, s.Commit)
	if s.Stopped != "" {
		fmt.Fprintf(b, "**Incomplete: it stopped at %s**\n\n", s.Stopped)
	}
	fmt.Fprintf(b, "- Command: `%s`\n", s.Command)
	fmt.Fprintf(b, "- Machine: %d cores, %s, %.1f GiB, Linux %s, %s\n", s.CPUs, s.CPUModel, float64(s.MemoryBytes)/(1<<30), s.Kernel, s.Go)
	fmt.Fprintf(b, "- Load generator: GOMAXPROCS %d, on the same machine. Rounds: %d (some workloads run several times a round).\n", s.ClientProcs, s.Rounds)
	fmt.Fprintf(b, "- Server CPU time from %s.\n", s.CPUSource)
	fmt.Fprintf(b, "- Load average before the start: %.2f. While runs were measured, other processes took %.1f %% of the machine (at worst %.1f %%), the hypervisor %.1f %% (at worst %.1f %%).\n",
		s.Load1, 100*others.Median, 100*others.Max, 100*stolen.Median, 100*stolen.Max)
	for _, v := range s.Servers {
		fmt.Fprintf(b, "- Server %s: %s, `%s`\n", v.Name, v.Version, v.Command)
	}
	fmt.Fprint(b, "\nRatios are to the first server of each table: the median over the rounds, and in brackets the lowest and the highest round.\n")
}

// disturbance sums up what the machine did besides, over all samples.
func (p Report) disturbance() (others, stolen measure.Spread) {
	var o, s []float64
	for _, row := range p.Rows {
		for _, r := range row.Results {
			for _, v := range r.Samples {
				o, s = append(o, v.Others), append(s, v.Stolen)
			}
		}
	}
	return measure.Summarize(o), measure.Summarize(s)
}

// section writes one heading and its table. Workloads about a throughput or a CPU time
// share one shape of table; for the others the figure they are about stands first.
func section(b *strings.Builder, rows []Row) {
	fmt.Fprintf(b, "\n## %s\n\n", rows[0].Section)
	plain := true
	for _, r := range rows {
		plain = plain && (r.Metric == Rate || r.Metric == CPU)
	}
	if plain {
		fmt.Fprint(b, "| workload | server | op/s | ratio | CPU us/op | ratio | p50 us | p99 us | p99.9 us | RSS MiB | busy: server, client, others % |\n")
		fmt.Fprint(b, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	} else {
		fmt.Fprint(b, "| workload | server | figure | median (range) | ratio | op/s | CPU us/op | p50 us | p99 us | p99.9 us | RSS MiB |\n")
		fmt.Fprint(b, "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	}
	for _, r := range rows {
		for i, res := range r.Results {
			name := ""
			if i == 0 {
				name = r.Workload
			}
			if res.NotYet != "" {
				fmt.Fprintf(b, "| %s | %s | not yet: `%s` |%s\n", name, res.Server, res.NotYet, strings.Repeat(" |", 8))
				continue
			}
			if plain {
				plainRow(b, name, r, i)
			} else {
				specialRow(b, name, r, i)
			}
		}
	}
	footnotes(b, rows)
}

func plainRow(b *strings.Builder, name string, r Row, i int) {
	res := r.Results[i]
	fmt.Fprintf(b, "| %s | %s | %.0f | %s | %.3f | %s | %s | %.0f | %s |\n", name, res.Server,
		median(res, Rate.Of), ratio(r, i, Rate), median(res, CPU.Of), ratio(r, i, CPU),
		percentiles(res), median(res, RSS.Of), busy(res))
}

func specialRow(b *strings.Builder, name string, r Row, i int) {
	res := r.Results[i]
	v := measure.Summarize(res.values(r.Metric))
	fmt.Fprintf(b, "| %s | %s | %s | %.4g (%.4g-%.4g) | %s | %.0f | %.3f | %s | %.0f |\n", name, res.Server,
		r.Metric, v.Median, v.Min, v.Max, ratio(r, i, r.Metric),
		median(res, Rate.Of), median(res, CPU.Of), percentiles(res), median(res, RSS.Of))
}

// footnotes says what each workload is, and what its samples noted; identical notes
// appear once.
func footnotes(b *strings.Builder, rows []Row) {
	fmt.Fprintln(b)
	for _, r := range rows {
		if r.About != "" {
			fmt.Fprintf(b, "- `%s`: %s\n", r.Workload, r.About)
		}
		for _, res := range r.Results {
			if clientBound(res) {
				fmt.Fprintf(b, "- `%s` on %s: the load generator was the bottleneck; the rate says little, the CPU time holds.\n", r.Workload, res.Server)
			}
			if r.Metric == RSS && len(res.Samples) > 0 && res.Samples[0].EmptyBytes > 0 {
				fmt.Fprintf(b, "- `%s` on %s: about %.0f bytes each beyond the empty process.\n", r.Workload, res.Server, median(res, Each.Of))
			}
			seen := map[string]bool{}
			for _, s := range res.Samples {
				if s.Note != "" && !seen[s.Note] {
					seen[s.Note] = true
					fmt.Fprintf(b, "- `%s` on %s: %s\n", r.Workload, res.Server, s.Note)
				}
			}
		}
	}
}

func median(r Result, of func(Sample) float64) float64 {
	vals := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		vals[i] = of(s)
	}
	return measure.Summarize(vals).Median
}

func percentiles(r Result) string {
	us := func(of func(Sample) int64) string {
		v := median(r, func(s Sample) float64 { return float64(of(s)) / 1e3 })
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f", v)
	}
	return us(func(s Sample) int64 { return s.P50Ns }) + " | " +
		us(func(s Sample) int64 { return s.P99Ns }) + " | " +
		us(func(s Sample) int64 { return s.P999Ns })
}

// ratio formats result i over the base; the base itself is 1 by definition.
func ratio(r Row, i int, m Metric) string {
	if i == 0 {
		return "1"
	}
	v := r.Ratio(i, m)
	if v.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", v.Median, v.Min, v.Max)
}

func serverBusy(s Sample) float64 { return float64(s.ServerNs) / math.Max(float64(s.WallNs), 1) }
func clientBusy(s Sample) float64 { return float64(s.ClientNs) / math.Max(float64(s.WallNs), 1) }

// busy shows how much of a core the server and the client used, and how much of the
// machine others took, the hypervisor included.
func busy(r Result) string {
	return fmt.Sprintf("%.0f, %.0f, %.0f", 100*median(r, serverBusy), 100*median(r, clientBusy),
		100*median(r, func(s Sample) float64 { return s.Others + s.Stolen }))
}

// clientBound tells whether the generator's one thread was full while the server had
// room.
func clientBound(r Result) bool {
	return median(r, clientBusy) > 0.9 && median(r, serverBusy) < 0.9
}
