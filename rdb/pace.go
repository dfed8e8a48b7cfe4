package rdb

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"redust/internal/blocking"
)

// Pace makes who writes a snapshot in the background give way where processors are short. With
// two cores, a reactor, clients and a writer that all want one are given turns of some 3 ms by
// the kernel, and the clients of the reactor wait for the writer's: p99.9 was 7 times what it
// was before the save. So the writer looks how often its thread was made to stop; if that is
// more than once in lookEvery, it works for workFor at a time and rests twice as long.
//
//	crowded   |w|..rest..|w|..rest..|w|     others' turns are not cut, they wait 1 ms at most
//	else      |wwwwwwwwwwwwwwwwwwwwwwww|
//
// The save takes longer then, and the executor encodes more of it (help.go). Whether the
// machine is still crowded shows only when nobody rests, so it is looked at anew every
// crowdedFor.
//
// A Pace is one goroutine's. The zero value is ready; a nil one never rests.
type Pace struct {
	locked    bool
	from      time.Time // when it began to work, after it last rested
	looked    time.Time
	preempted int64 // times that the thread was made to stop, when it was looked at
	until     time.Time
}

const (
	workFor    = time.Millisecond
	restShare  = 2 // of what it has worked
	restMost   = 10 * time.Millisecond
	lookEvery  = 10 * time.Millisecond
	crowdedFor = time.Second
)

// Rest is called every now and then, while there is work, and may sleep for some
// milliseconds. The first call binds the goroutine to its thread, until Done.
func (p *Pace) Rest() {
	if p == nil {
		return
	}
	if !p.locked {
		runtime.LockOSThread()
		p.locked, p.preempted = true, stopped()
		p.from = time.Now()
		p.looked = p.from
		return
	}
	now := time.Now()
	worked := now.Sub(p.from)
	if worked < workFor {
		return
	}
	if now.Before(p.until) {
		blocking.Sleep(min(restShare*worked, restMost).Nanoseconds())
		now = time.Now()
		p.looked, p.preempted = now, stopped()
	} else if now.Sub(p.looked) >= lookEvery {
		n := stopped()
		if n-p.preempted > 1 {
			p.until = now.Add(crowdedFor)
		}
		p.looked, p.preempted = now, n
	}
	p.from = now
}

// Done gives the thread back.
func (p *Pace) Done() {
	if p != nil && p.locked {
		runtime.UnlockOSThread()
		p.locked = false
	}
}

// stopped is how often the thread was stopped while it had work. A variable for tests.
var stopped = func() int64 {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &ru) != nil {
		return 0
	}
	return ru.Nivcsw
}
