package cmd

import (
	"math"
	"math/big"

	"redust/db"
	"redust/resp"
)

// A client that asks for what is not there yet (BLPOP, BZPOPMIN, XREAD BLOCK) waits. It
// stands in the queue of each key it named, in order of arrival, and in the heap of
// deadlines:
//
//	queues   db, type, key      first <-> ... <-> last          deadlines
//	           0 list "jobs"    [bob]     [eve]     [dan]         soonest
//	           0 list "mail"    [eve]                             /      \
//	           0 zset "due"     [ann]                          later    later
//
//	LPUSH jobs x --> Changed --> "jobs" is ready --> the command ends --> serve:
//	                             bob's BLPOP runs again, replies and is done; jobs is empty: stop
//
// # The handler runs again
//
// Whoever is served is served by the handler itself, run again from its start with a copy
// of its arguments. So there is one place that knows what BLMOVE does, and it is the same
// whether an element was there at once or came later: its own order of keys, its error
// when the destination has become of another type, its report of the change, which may
// make the next key ready. A handler that again finds nothing blocks again, and that
// changes nothing: it keeps its place and its deadline. Statistics, slow log and latency
// see one command, the time that it waited not counted. The gates are not asked again,
// except whether there is memory and whether the clients are paused, as in Redis.
//
// # Who is served, and when
//
// After the command (or MULTI, or script) that made keys ready, never in its middle. Keys
// in the order in which they became ready, waiters in the order of their arrival, until the
// value is used up: one push to a list on which ten thousand wait looks at two of them.
// Of a stream nothing is used up, so all who wait are tried: each waits for an id of its
// own. Whoever is served may make further keys ready; the loop goes on until none is. It
// ends, since each round takes somebody off a queue.
//
// A key has a queue for each type that is waited for, because those who wait for a list do
// not care for a sorted set of the name. They stay, and so they do when a key goes; only
// who reads through a group of a stream has to learn that the group is gone (Wait.OrGone).
//
// What follows in the client's pipeline stays with the connection (loop) until the client
// is served. A client whose connection is known to be gone is passed over, lest an element
// go with it.
//
// # Costs
//
// With nobody waiting: one comparison per change. Else a change to a key costs one hash
// and one look into a map, however many wait, and waiting costs no allocation beyond what
// the client keeps for the next time. Always: a queue has waiters, or is about to be
// served; a client has a place in a queue exactly while it has ClientBlocked.

// Wait says what a client waits for.
type Wait struct {
	On         db.Type            // of the values that can serve it
	Keys       [][]byte           // in the order of preference; borrowed
	DeadlineMs int64              // Unix milliseconds, math.MaxInt64 for none
	Nothing    func(*resp.Writer) // what to reply where nobody may wait
	// Again is what the handler is run with when it is run again, if not with Args: XREAD
	// puts an id where the client said "the last one". Borrowed.
	Again [][]byte
	// OrGone runs the handler again also when a key goes or becomes of another type.
	OrGone bool
}

// Deadline reads a time-out in seconds, and fractions of them, as a time, Unix
// milliseconds; 0 is never. Handlers read it before they look at any key.
func (c *Ctx) Deadline(arg []byte) (deadlineMs int64, err error) {
	ms, ok := wholeMs(arg)
	if !ok {
		f := parseLongDouble(arg)
		if f == nil {
			return 0, ErrTimeoutFloat
		}
		if ms, ok = ceilMs(f); !ok {
			return 0, ErrTimeoutRange
		}
	}
	return c.after(ms)
}

// DeadlineMs is Deadline for an integer of milliseconds.
func (c *Ctx) DeadlineMs(arg []byte) (int64, error) {
	ms, ok := resp.ParseInt(arg)
	if !ok {
		return 0, ErrTimeoutInt
	}
	return c.after(ms)
}

func (c *Ctx) after(ms int64) (int64, error) {
	now := c.KS.Now()
	switch {
	case ms < 0:
		return 0, ErrTimeoutMinus
	case ms == 0:
		return math.MaxInt64, nil
	case ms > math.MaxInt64-now:
		return 0, ErrTimeoutRange
	}
	return now + ms, nil
}

// wholeMs reads plain decimal seconds, 5 or 0.25, as milliseconds, rounded up. Whatever
// else a number can look like is not ok, and left to others.
func wholeMs(b []byte) (ms int64, ok bool) {
	const most = 15 // digits in front of the point
	i := 0
	for ; i < len(b) && b[i]-'0' < 10; i++ {
		ms = ms*10 + int64(b[i]-'0')
	}
	if i == 0 || i > most {
		return 0, false
	}
	ms *= 1000
	if i == len(b) {
		return ms, true
	}
	if b[i] != '.' {
		return 0, false
	}
	more := false
	unit := int64(100)
	for _, ch := range b[i+1:] {
		if ch-'0' > 9 {
			return 0, false
		}
		ms += int64(ch-'0') * unit
		more = more || unit == 0 && ch != '0'
		unit /= 10
	}
	if more {
		ms++
	}
	return ms, true
}

// ceilMs is seconds as milliseconds, rounded up; not ok beyond 64 bits.
func ceilMs(f *big.Float) (int64, bool) {
	f = new(big.Float).SetPrec(ldPrec).Mul(f, big.NewFloat(1000))
	ms, acc := f.Int64()
	switch {
	case f.Sign() > 0 && ms == math.MaxInt64:
		return 0, false
	case acc == big.Below:
		ms++
	}
	return ms, true
}

// Block makes the client wait until one of the keys, in the client's database, holds a
// value of type on, when the handler is run again, or until the deadline, when the reply is
// an absent array, whatever the command. Where nobody may wait, nothing writes the reply at
// once. The handler has not replied, and returns what Block returns.
func (c *Ctx) Block(on db.Type, keys [][]byte, deadlineMs int64, nothing func(*resp.Writer)) error {
	return c.Wait(Wait{On: on, Keys: keys, DeadlineMs: deadlineMs, Nothing: nothing})
}

// Wait is Block for those who have more to say.
func (c *Ctx) Wait(o Wait) error {
	cl := c.Client
	switch {
	case cl.Flags&ClientBlocked != 0: // this is another try
		cl.waiter.again = true
	case c.NoBlock:
		o.Nothing(c.Out)
	default:
		c.blocking.enter(c, &o)
	}
	return nil
}

// Wake serves clients that wait for keys that have changed though no command did it: by
// expiry, by the end of a pause. The executor calls it after such work and Begin.
func (s *Server) Wake() {
	if len(s.blocking.ready) > 0 {
		s.Restart()
		s.serve()
	}
}

// serve serves whoever can be served, until no key is ready.
func (s *Server) serve() {
	b := &s.blocking
	if s.scripting.busy { // the script may take back what it has put there
		return
	}
	for i := 0; i < len(b.ready); i++ {
		q := b.ready[i]
		b.ready[i] = nil
		q.ready, q.serving = false, true
		paused := s.serveQueue(q)
		q.serving = false
		switch {
		case !paused || q.first == nil:
		case s.pausedUntil == 0: // by now
			b.look(q)
		default:
			q.ready = true
			b.postpone = append(b.postpone, q)
		}
		b.drop(q)
	}
	b.ready = b.ready[:0]
}

// serveQueue runs the handlers of those who wait for a key as long as the key can serve
// them, and tells whether a pause held any of them back.
func (s *Server) serveQueue(q *queue) (paused bool) {
	for l := q.first; l != nil; {
		w, next := l.w, l.next
		it := q.d.Peek(q.key)
		fits := it.OK() && it.Type() == q.on
		switch {
		case !fits && q.orGone == 0:
			return paused
		case w.cl.leaving(): // it waits until it is gone, lest what it said behind be run
		case !fits && !w.orGone:
		case s.pausedUntil != 0 && s.postpones(w.cmd, w.cmd.Flags):
			paused = true
		case paused && s.pausedUntil == 0:
			return true // the pause has just ended: once more, from the first on
		case !s.runAgain(w) && q.on != db.Stream:
			return paused // it did not want what there is, nor will those behind it
		}
		l = next
	}
	return paused
}

// leaving tells whether the client would not read what it is sent now.
func (cl *Client) leaving() bool {
	return cl.Flags&(clientKilled|ClientCloseSoon) != 0 || cl.Conn != nil && cl.Conn.Leaving()
}

// runAgain runs a waiter's handler on behalf of its client, and tells whether it is done.
func (s *Server) runAgain(w *waiter) bool {
	c, cl := &s.ctx, w.cl
	c.Client, c.Cmd, c.Args, c.DB, c.Out, c.owned, c.NoBlock = cl, w.cmd, w.args, cl.DB, &cl.Out, false, false
	mark := cl.Out.Mark()
	if s.Cfg.MaxMemory > 0 && w.cmd.Flags&DenyOOM != 0 && !s.makeRoom() {
		w.cmd.Stats.Rejected++
		w.leave()
		s.Fail(&cl.Out, ErrOOM)
		s.sendTo(cl, mark)
		s.Restart()
		return true
	}
	s.KS.NoTouch = cl.Flags&ClientNoTouch != 0
	w.again = false
	err := s.call(c)
	w.ns += s.lap()
	if err != nil {
		cl.Out.Truncate(mark)
	} else if w.again {
		cl.Out.Truncate(mark)
		return false
	}
	s.finish(w, mark, err)
	return true
}

// finish ends a wait: the reply is in Out, or there is an error to be sent.
func (s *Server) finish(w *waiter, mark resp.Mark, err error) {
	cl := w.cl
	if err != nil {
		s.Fail(&cl.Out, err)
		w.cmd.Stats.Failed++
	}
	w.leave()
	s.record(cl, w.cmd, w.shown, w.ns)
	s.sendTo(cl, mark)
}

// sendTo sends a client that is not the one at hand its reply.
func (s *Server) sendTo(cl *Client, mark resp.Mark) {
	s.settle(cl, mark)
	if len(s.aside.B)+s.tracking.own.n > 0 {
		s.sendAside(cl)
	}
	if cl.Conn != nil {
		cl.Conn.Send()
	}
}

// giveUp ends a wait with nothing, or with an error.
func (s *Server) giveUp(w *waiter, err error) {
	mark := w.cl.Out.Mark()
	if err == nil {
		w.cl.Out.NullArray()
	}
	s.finish(w, mark, err)
}

// NextTimeout is when the next client has waited long enough, Unix milliseconds, or
// math.MaxInt64.
func (s *Server) NextTimeout() int64 {
	if t := s.blocking.timed; len(t) > 0 {
		return t[0].untilMs + 1 // not before the last millisecond is over
	}
	return math.MaxInt64
}

// Timeouts ends the waits whose time is over; after Begin. A pause does not stop it.
func (s *Server) Timeouts() {
	b := &s.blocking
	for len(b.timed) > 0 && b.timed[0].untilMs < s.KS.Now() {
		s.giveUp(b.timed[0], nil)
	}
}
