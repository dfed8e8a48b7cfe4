package load

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"redust/benchmarks/measure"
)

// A Probe sends PING every so often over a connection of its own, next to whatever
// else the server is asked to do, and remembers how long each took. What it looks for
// is the longest one: the time for which a server was deaf.
//
// On two cores the probe's own thread can be kept off the CPU for milliseconds by the
// very load it runs beside, and would blame the server. So it asks the kernel for a
// real-time priority (it runs some microseconds of every hundred), and also records
// how late it woke when it had merely slept: LateNs is the noise below which LongestNs
// says nothing.
type Probe struct {
	stop   chan struct{}
	result chan ProbeResult
}

// ProbeResult is what a probe saw.
type ProbeResult struct {
	Hist     *measure.Hist // latency of every PING
	LateNs   int64         // longest oversleep of the probe itself
	RealTime bool          // whether the kernel granted the priority
	Err      error
}

// StartProbe begins to probe addr every interval; a PING that takes longer delays the
// next one. Stop ends it.
func StartProbe(addr string, every time.Duration, clock measure.Clock) (*Probe, error) {
	c, err := Dial(addr, 1, clock)
	if err != nil {
		return nil, err
	}
	p := &Probe{stop: make(chan struct{}), result: make(chan ProbeResult, 1)}
	go func() {
		defer c.Close()
		p.result <- c.probe(p.stop, int64(every), clock)
	}()
	return p, nil
}

// Stop ends the probe after the PING under way and returns what it saw.
func (p *Probe) Stop() ProbeResult {
	close(p.stop)
	return <-p.result
}

func (c *Client) probe(stop <-chan struct{}, everyNs int64, clock measure.Clock) ProbeResult {
	res := ProbeResult{Hist: new(measure.Hist)}
	runtime.LockOSThread()
	restore, ok := urgent()
	res.RealTime = ok
	defer func() {
		restore()
		runtime.UnlockOSThread()
	}()
	ping := Encode(Fixed("PING"), 1, 1, 64)
	due := clock.NowNs()
	for {
		select {
		case <-stop:
			return res
		default:
		}
		if err := c.runOne(ping, 1, res.Hist); err != nil {
			res.Err = err
			return res
		}
		due += everyNs
		now := clock.NowNs()
		if now >= due { // the PING took longer than the interval: start afresh
			due = now
			continue
		}
		if err := sleep(due - now); err != nil {
			res.Err = err
			return res
		}
		res.LateNs = max(res.LateNs, clock.NowNs()-due)
	}
}

// sleep blocks the thread, not the goroutine: Go's timers wake a goroutine by way of
// other threads, which costs more than the interval.
func sleep(ns int64) error {
	ts := unix.NsecToTimespec(ns)
	if err := unix.Nanosleep(&ts, nil); err != nil && err != unix.EINTR {
		return fmt.Errorf("load: sleep: %w", err)
	}
	return nil
}

// urgent gives the calling thread the lowest real-time priority and exact timers. It
// reports whether the priority was granted; restore takes it back, and must be called
// on the same thread, since threads outlive what ran on them.
func urgent() (restore func(), ok bool) {
	fifo := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	ok = unix.SchedSetAttr(0, &fifo, 0) == nil
	slack := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) == nil
	return func() {
		if ok {
			normal := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
			if err := unix.SchedSetAttr(0, &normal, 0); err != nil {
				panic(fmt.Sprintf("load: a thread stays at real-time priority: %v", err))
			}
		}
		if slack { // zero restores the default
			_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
		}
	}, ok
}
