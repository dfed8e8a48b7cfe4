package metrics

import (
	"strconv"
	"strings"
)

// Command is what the server remembers about one command (or subcommand): one per entry of the command table.
// Rejected and Failed are for the caller to raise: Rejected when a gate refused the call before it ran, Failed
// when it ran and answered an error. A rejected call is not in Calls, a failed one is.
type Command struct {
	Calls    int64 // how often it ran
	Ns       int64 // time spent inside, in nanoseconds
	Rejected int64
	Failed   int64
	// Latency holds the calls recorded while latency-tracking was on, in nanoseconds.
	Latency Histogram
}

// Record counts a call that took ns nanoseconds; tracking is the latency-tracking directive and decides whether
// the histogram learns of it too. A call too short for the clock counts as 1 ns there, as in Redis.
func (c *Command) Record(ns int64, tracking bool) {
	c.Calls++
	c.Ns += ns
	if tracking {
		c.Latency.Record(max(ns, 1))
	}
}

// Usec returns the time spent inside, in microseconds. It is summed in nanoseconds, so that a million calls of
// 0.4 us are 400000 here, where a server that rounds each call would say 0.
func (c *Command) Usec() int64 { return c.Ns / 1000 }

// Reset does what CONFIG RESETSTAT asks for.
func (c *Command) Reset() { *c = Command{} }

// Bytes returns the memory held beyond the struct itself.
func (c *Command) Bytes() int { return c.Latency.Bytes() }

// Idle reports whether INFO has nothing to say about the command.
func (c *Command) Idle() bool { return c.Calls == 0 && c.Rejected == 0 && c.Failed == 0 }

// AppendCommandStats appends a command's line of INFO commandstats, and nothing if it was never called. The
// name is the full one in lower case, `config|get` for a subcommand.
func AppendCommandStats(dst []byte, name string, c *Command) []byte {
	if c.Idle() {
		return dst
	}
	perCall := 0.0
	if c.Calls > 0 {
		perCall = float64(c.Ns) / 1000 / float64(c.Calls)
	}
	dst = appendSafe(append(dst, "cmdstat_"...), name)
	dst = strconv.AppendInt(append(dst, ":calls="...), c.Calls, 10)
	dst = strconv.AppendInt(append(dst, ",usec="...), c.Usec(), 10)
	dst = strconv.AppendFloat(append(dst, ",usec_per_call="...), perCall, 'f', 2, 64)
	dst = strconv.AppendInt(append(dst, ",rejected_calls="...), c.Rejected, 10)
	dst = strconv.AppendInt(append(dst, ",failed_calls="...), c.Failed, 10)
	return append(dst, "\r\n"...)
}

// AppendLatencyStats appends a command's line of INFO latencystats, and nothing if its histogram is empty. The
// percentiles are those of latency-tracking-info-percentiles, in their order.
func AppendLatencyStats(dst []byte, name string, c *Command, percentiles []float64) []byte {
	if c.Latency.Count() == 0 {
		return dst
	}
	dst = appendSafe(append(dst, "latency_percentiles_usec_"...), name)
	dst = append(dst, ':')
	for i, p := range percentiles {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, 'p'), percentileName(p)...)
		usec := float64(c.Latency.Percentile(p)) / 1000
		dst = strconv.AppendFloat(append(dst, '='), usec, 'f', 3, 64)
	}
	return append(dst, "\r\n"...)
}

// percentileName prints 50 as "50" and 99.9 as "99.9": six digits at most, without trailing zeros.
func percentileName(p float64) string {
	s := strconv.FormatFloat(p, 'f', 6, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
