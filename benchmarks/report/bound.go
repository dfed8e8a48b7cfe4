package report

import (
	"fmt"
	"strings"

	"redust/benchmarks/measure"
)

// A Bound is what a figure of ours must not fall behind.
type Bound struct {
	Metric   Metric
	Relative bool // to the base server, else in the metric's own unit
	AtLeast  bool // else at most
	Limit    float64
}

// String reads like "CPU us/op <= 0.75x".
func (b Bound) String() string {
	sign, unit := "<=", ""
	if b.AtLeast {
		sign = ">="
	}
	if b.Relative {
		unit = "x"
	}
	return fmt.Sprintf("%s %s %.4g%s", b.Metric, sign, b.Limit, unit)
}

// A Verdict is the outcome for one bounded row.
type Verdict int

// The verdicts.
const (
	Met      Verdict = iota
	Missed           // with enough rounds to say so
	Unproven         // fewer than MinRounds rounds: an indication, in either direction
	NotYet           // a command is missing on either side
)

// String names the verdict as the page does.
func (v Verdict) String() string {
	return [...]string{"met", "missed", "too few rounds", "not yet"}[v]
}

// Check holds our result, the second of the row, against the row's bound, which must
// not be nil. The figure returned is the one judged; ok tells on which side of the
// limit its median lies, whatever the verdict.
func (r Row) Check() (v Verdict, figure measure.Spread, ok bool) {
	if len(r.Results) < 2 || r.Results[1].NotYet != "" {
		return NotYet, figure, false
	}
	if r.Bound.Relative {
		figure = r.Ratio(1, r.Bound.Metric)
	} else {
		figure = measure.Summarize(r.Results[1].values(r.Bound.Metric))
	}
	if figure.N == 0 {
		return NotYet, figure, false
	}
	ok = figure.Median <= r.Bound.Limit
	if r.Bound.AtLeast {
		ok = figure.Median >= r.Bound.Limit
	}
	switch {
	case figure.N < MinRounds:
		return Unproven, figure, ok
	case ok:
		return Met, figure, ok
	}
	return Missed, figure, ok
}

// Missed counts the rows whose bound is missed.
func (p Report) Missed() int {
	n := 0
	for _, r := range p.Rows {
		if r.Bound == nil {
			continue
		}
		if v, _, _ := r.Check(); v == Missed {
			n++
		}
	}
	return n
}

// bounds writes the table of verdicts, if any row has a bound.
func (p Report) bounds(b *strings.Builder) {
	head := "\n## Bounds\n\n| workload | bound | ours: median (range) | rounds | verdict |\n|---|---|--:|--:|---|\n"
	for _, r := range p.Rows {
		if r.Bound == nil {
			continue
		}
		b.WriteString(head)
		head = ""
		v, f, ok := r.Check()
		if v == NotYet {
			fmt.Fprintf(b, "| %s | %s | - | 0 | %s |\n", r.Workload, r.Bound, v)
			continue
		}
		word := v.String()
		if v == Unproven {
			word += map[bool]string{true: ", so far within", false: ", so far beyond"}[ok]
		}
		fmt.Fprintf(b, "| %s | %s | %.3g (%.3g-%.3g) | %d | %s |\n", r.Workload, r.Bound, f.Median, f.Min, f.Max, f.N, word)
	}
}
