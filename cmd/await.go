package cmd

import "math"

// A command that has to wait for another machine (MIGRATE) must not make the server wait.
// It leaves the executor in the middle, and goes on later:
//
//	handler: Await(job, work) --> false, the client is blocked
//	                 |
//	        Host.Background: work() on a goroutine of its own; it knows only the job
//	                 |
//	handler again: Awaited() is the job --> the changes, the reply
//
// It is the rule of block.go once more: the handler runs again, from its start, with a copy
// of its arguments. Between the two runs others have changed what they liked, so the second
// one believes nothing that the first one saw.
//
// The second run comes even if the client has gone: what the work did outside is done, and
// the data set has to follow. Only its reply is nobody's. In MULTI and in scripts, which
// nothing may interrupt, work runs at once, on the executor.

// awaited is work that a client waits for.
type awaited struct {
	job  any
	left bool // the client has gone
}

// Await has work done away from the executor, while the client waits. It returns false:
// then the handler returns without a reply, and is run again when the work is over, when
// Awaited gives it the job. Or it returns true: the work is done already. work must touch
// nothing but what it was given.
func (c *Ctx) Await(job any, work func()) (done bool) {
	if c.NoBlock {
		work()
		return true
	}
	a := &awaited{job: job}
	c.blocking.enter(c, &Wait{DeadlineMs: math.MaxInt64})
	s, w := c.Server, c.Client.waiter
	w.job = a
	c.Host.Background(work, func() { s.awaitedOver(w, a) })
	return false
}

// Awaited is the job whose work is done, or nil if the handler runs for the first time.
func (c *Ctx) Awaited() any { return c.job }

// awaitedOver runs the handler of a waiter whose work is over.
func (s *Server) awaitedOver(w *waiter, a *awaited) {
	c := &s.ctx
	s.Restart()
	c.job = a.job
	if a.left {
		c.Client, c.Cmd, c.Args, c.DB, c.Out, c.owned, c.NoBlock = w.cl, w.cmd, w.args, w.cl.DB, &w.cl.Out, false, false
		if err := s.call(c); err != nil {
			w.cmd.Stats.Failed++
		}
		w.cl.Out.B = nil
		s.lap()
	} else {
		s.runAgain(w)
	}
	c.job = nil
}
