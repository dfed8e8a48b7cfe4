package metrics

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	vm "github.com/VictoriaMetrics/metrics"
)

// A scrape arrives on a goroutine of its own while commands run, and must neither stop them nor read what they
// write. So the executor fills a Snapshot between two commands (some tens of microseconds: the histograms of the
// commands that ran are summed into 21 steps each) and hands it over; it shares no memory with the executor, and
// all of the formatting, which costs a hundred times that, happens on the other side.
//
// Names follow Prometheus's habits, not INFO's: total_commands_processed is redust_commands_processed_total.

// Snapshot is a copy of the numbers that a scrape reports.
type Snapshot struct {
	// Fields are the lines of INFO to report, from Stats.Fields and from any other section. Their names consist
	// of letters, digits and underscores.
	Fields   []Field
	Commands []CommandSnapshot
	Errors   []ErrorCount // from Errors.List
}

// CommandSnapshot is a copy of one Command.
type CommandSnapshot struct {
	Name     string
	Calls    int64
	Ns       int64
	Rejected int64
	Failed   int64
	// Buckets is the latency distribution in nanoseconds, Count the number of calls in it and Sum their time.
	// Calls made while latency-tracking was off are not among them.
	Buckets []Bucket
	Count   uint64
	Sum     int64
}

// AddCommand copies a command into the snapshot, unless it was never called. The executor calls it.
func (s *Snapshot) AddCommand(name string, c *Command) {
	if c.Idle() {
		return
	}
	s.Commands = append(s.Commands, CommandSnapshot{
		Name: name, Calls: c.Calls, Ns: c.Ns, Rejected: c.Rejected, Failed: c.Failed,
		Buckets: c.Latency.Buckets(make([]Bucket, 0, bucketCount)),
		Count:   c.Latency.Count(), Sum: c.Latency.Sum(),
	})
}

// WritePrometheus writes a snapshot in Prometheus's text format. It may run on any goroutine. The error is the
// first that w returned.
func WritePrometheus(w io.Writer, s Snapshot) error {
	set := vm.NewSet()
	seen := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		name := promName(f)
		if seen[name] {
			continue // two sections of INFO may print one field
		}
		seen[name] = true
		v := f.Value()
		set.NewGauge(name, func() float64 { return v })
	}
	for _, c := range s.Commands {
		label := promLabel("cmd", c.Name)
		set.GetOrCreateCounter("redust_command_calls_total" + label).AddInt64(c.Calls)
		set.GetOrCreateCounter("redust_command_rejected_total" + label).AddInt64(c.Rejected)
		set.GetOrCreateCounter("redust_command_failed_total" + label).AddInt64(c.Failed)
		set.GetOrCreateFloatCounter("redust_command_busy_seconds_total" + label).Add(float64(c.Ns) / 1e9)
	}
	for _, e := range s.Errors {
		// Two prefixes may differ only in bytes that a label cannot hold, so they share a counter.
		set.GetOrCreateCounter("redust_error_replies_by_prefix_total" + promLabel("prefix", e.Prefix)).AddInt64(e.Count)
	}
	set.RegisterMetricsWriter(func(w io.Writer) { writeDurations(w, s.Commands) })

	out := bufio.NewWriter(w) // remembers the first error, which Set does not return
	set.WritePrometheus(out)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("metrics: write prometheus text: %w", err)
	}
	return nil
}

// writeDurations writes the latency histograms. A Set's own histograms count samples themselves and cannot be
// given counts, and it sorts lines by name, while bounds must stand in the order of their size.
func writeDurations(w io.Writer, commands []CommandSnapshot) {
	const name = "redust_command_duration_seconds"
	head := "# TYPE " + name + " histogram\n"
	for _, c := range commands {
		if c.Count == 0 {
			continue
		}
		label := promLabel("cmd", c.Name)
		open := strings.TrimSuffix(label, "}")
		var b []byte
		b = append(b, head...)
		head = ""
		for i, step := range c.Buckets {
			le := "+Inf" // the last step holds all that is longer than the one before
			if i < len(c.Buckets)-1 {
				le = strconv.FormatFloat(float64(step.UpTo)/1e9, 'g', -1, 64)
			}
			b = fmt.Appendf(b, "%s_bucket%s,le=%q} %d\n", name, open, le, step.Count)
		}
		b = fmt.Appendf(b, "%s_sum%s %g\n%s_count%s %d\n", name, label, float64(c.Sum)/1e9, name, label, c.Count)
		if _, err := w.Write(b); err != nil {
			return // the bufio.Writer underneath keeps it for Flush
		}
	}
}

// promName turns total_forks into redust_forks_total, and leaves a gauge's name as it is behind the prefix.
func promName(f Field) string {
	if f.Kind == Gauge {
		return "redust_" + f.Name
	}
	return "redust_" + strings.TrimPrefix(f.Name, "total_") + "_total"
}

// promLabel writes one label in braces. Its value may come from a client, so what the format gives a meaning to,
// or cannot carry, becomes an underscore.
func promLabel(key, value string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == 0x7f || r == 0xfffd {
			return '_'
		}
		return r
	}, value)
	return "{" + key + `="` + clean + `"}`
}
