package rdb

import (
	"testing"
	"time"
)

// TestPace: who is made to stop now and then works on; who is made to stop all the time rests
// twice as long as it works.
func TestPace(t *testing.T) {
	defer func(was func() int64) { stopped = was }(stopped)
	// work works for a while, and returns how long it rested meanwhile.
	work := func(p *Pace, long time.Duration) (rested time.Duration) {
		for done := time.Duration(0); done < long; {
			from := time.Now()
			for time.Since(from) < 100*time.Microsecond {
			}
			worked := time.Since(from)
			done += worked
			p.Rest()
			rested += time.Since(from) - worked
		}
		return rested
	}
	var n int64
	stopped = func() int64 { n++; return n }
	var p Pace
	if r := work(&p, 50*time.Millisecond); !p.until.IsZero() {
		t.Errorf("stopped once a look, it rested %v", r)
	}
	stopped = func() int64 { n += 2; return n }
	_ = work(&p, 2*lookEvery) // now it knows
	if p.until.IsZero() {
		t.Fatal("does not see that the machine is crowded")
	}
	if r := work(&p, 20*time.Millisecond); r < 30*time.Millisecond {
		t.Errorf("rested %v after 20 ms of work", r)
	}
	p.until = time.Time{}
	stopped = func() int64 { return n }
	_ = work(&p, 2*lookEvery)
	if !p.until.IsZero() {
		t.Error("still thinks that the machine is crowded")
	}
	p.Done()
	var none *Pace
	none.Rest()
	none.Done()
}
