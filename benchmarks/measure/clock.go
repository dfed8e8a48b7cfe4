// Package measure holds the instruments of the comparison: a clock, a latency
// histogram, the CPU time and the memory of another process, and what else the
// machine was doing meanwhile.
//
// The headline of every report is CPU time per operation, so how that is read
// decides what the report is worth. Linux offers three ways:
//
//	/proc/PID/stat             utime + stime, in ticks of 10 ms: a run of 150 ms
//	                           is known to 7 %
//	/proc/PID/task/*/schedstat nanoseconds, but a thread that has ended takes its
//	                           share with it
//	the process CPU clock      nanoseconds, ended threads included, one system call
//
// The third is clock_gettime(2) on the clock id of another process, the same that
// clock_getcpuclockid(3) computes. CPU uses it, and falls back on the first where
// the kernel refuses. None of them counts what the kernel did in interrupts on the
// process's behalf, which is the same for every server compared.
//
// Nothing here allocates while a run is measured.
package measure

import "time"

// Clock tells elapsed time since its origin. It is the one place in the harness
// where durations come from.
type Clock struct {
	origin time.Time
}

// StartClock returns a clock whose origin is this moment.
func StartClock() Clock {
	return Clock{origin: time.Now()}
}

// NowNs returns nanoseconds since the origin, monotonic.
func (c Clock) NowNs() int64 {
	return int64(time.Since(c.origin))
}

// WallMs returns Unix time in milliseconds as the servers compared see it: it follows
// the system's clock where that is adjusted, and is for comparing with deadlines, not
// for durations.
func (c Clock) WallMs() float64 {
	return float64(time.Now().UnixNano()) / 1e6
}

// After returns the moment d from now, for deadlines.
func (c Clock) After(d time.Duration) time.Time {
	return c.origin.Add(time.Duration(c.NowNs()) + d)
}

// Origin returns the moment the clock was started, for a report's date.
func (c Clock) Origin() time.Time {
	return c.origin
}
