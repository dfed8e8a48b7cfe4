package loop

import (
	"math"
	"runtime"

	"golang.org/x/sys/unix"

	"redust/cmd"
	"redust/config"
)

// A client hears of what it has changed when that is safe, and not before. The executor
// does not wait for it: replies do, each client's in its own Out.
//
//	run --> Out, AckAt       TellJournal        write: journal has reached AckAt?
//	                              |                 yes: to the socket
//	                              v                 no:  the list of those who wait
//	                           journal                      |
//	                              \--- JournalMoved ---> release: send, in order
//
// A client that waits may go on: its further replies stand behind those that wait, so
// what it reads is delayed with what it has written, and nobody else's is. If it goes on
// writing, AckAt moves on with it; so that its first replies do not wait for its last
// request, what waited first leaves by itself:
//
//	Out  +----------------------+------------------+
//	     | waitLen, safe at     | safe at AckAt    |
//	     | waitAt               |                  |
//	     +----------------------+------------------+
//
// When maxAwaiting bytes wait nothing more is read from it. One that closes its sending side
// meanwhile still hears everything; one that is to be closed is closed after it.
//
// # Who moves the journal
//
// A goroutine of its own does. With one processor (memory.go) it and the reactor take turns:
// who comes to wait first posts a task, which runs behind the next events, lets the
// writer run and sends all replies that it has set free.
//
//	events | events, task: [ writer: write ] release | events | ...
//
// It is not left to the yield of gnet before it waits for events: a goroutine that yields stands
// behind all others, but every sixty-first time the scheduler looks there first, and a
// reactor that is woken before the writer then sleeps with the only processor, and everybody
// with it, until the runtime's monitor comes by, which takes 10 to 20 ms.
//
// With always the sync takes longer than a turn, and with two processors the writer may be on
// the other: then the writer posts the task. A reactor that never runs out of events yields
// after yieldAfterNs.
type awaiting struct {
	clients   []*client
	releasing bool     // in releaseAll
	some      bool     // somebody has waited since the steering last looked
	sinceNs   int64    // when the first of them came, or the journal last moved
	buffers   [][]byte // empty ones
}

const (
	// maxAwaiting is how many bytes of replies may wait before the client is not read any
	// more.
	maxAwaiting = 1 << 20
	// yieldAfterNs is how long replies wait for the journal at most because the reactor is
	// busy.
	yieldAfterNs = 200_000
	// keepWaiting is the largest buffer of replies that is kept for the next client that
	// waits, keepBuffers how many of them.
	keepWaiting = 16 << 10
	keepBuffers = 1024
)

// Pause makes the thread that calls sleep for some 20 to 80 us: a goroutine that sleeps needs
// another to be woken, at the price of a system call or two.
func Pause() {
	ts := unix.NsecToTimespec(20_000)
	_ = unix.Nanosleep(&ts, nil) // a signal ends it early, which does no harm
}

// safe tells whether the client's replies may leave.
func (s *Server) safe(c *client) bool {
	if c.AckAt > s.acked() {
		return false
	}
	c.AckAt = 0
	return true
}

// await keeps the client's replies until they may leave.
func (s *Server) await(c *client) {
	a := &s.awaits
	if c.waitAt == 0 {
		a.some = true
		c.waitAt, c.waitLen = c.AckAt, len(c.Out.B)
		if !c.listed {
			if len(a.clients) == 0 {
				a.sinceNs = s.beganAt
				s.offerTurn()
			}
			c.listed = true
			a.clients = append(a.clients, c)
		}
		if s.queue == nil && len(c.Out.B) <= keepWaiting && cap(c.Out.B) > keepWaiting {
			// The large buffer is for whoever is served next.
			b := append(a.buffer(), c.Out.B...)
			s.scratch, c.Out.B = c.Out.B[:0], b
		}
	}
	c.full = len(c.Out.B) > maxAwaiting
	s.checkOutput(c)
}

// buffer returns an empty buffer.
func (a *awaiting) buffer() []byte {
	n := len(a.buffers)
	if n == 0 {
		return nil
	}
	b := a.buffers[n-1]
	a.buffers = a.buffers[:n-1]
	return b
}

// giveBack keeps a buffer for the next client that waits.
func (a *awaiting) giveBack(b []byte) {
	if b != nil && cap(b) <= keepWaiting && len(a.buffers) < keepBuffers {
		a.buffers = append(a.buffers, b[:0])
	}
}

// offerTurn posts a turn of the writer, if turns are taken.
func (s *Server) offerTurn() {
	// Who goes on in the middle of a turn waits for the writer's report: turns that beget turns
	// would leave the sockets alone for as long as he has sent much.
	if s.queue == nil && s.cfg.AppendFsync != config.FsyncAlways && !s.awaits.releasing && !s.turn.Swap(true) {
		s.Post(s.takeTurn)
	}
}

// letWrite is a turn of the writer.
func (s *Server) letWrite() {
	const most = 3 // see above
	for range most {
		runtime.Gosched()
		if a := s.awaits.clients; len(a) == 0 || a[0].waitAt <= s.acked() {
			break
		}
	}
	s.turn.Store(false) // from here on the writer reports
	s.begin()
	s.releaseAll()
}

// acked is how far the journal has got.
func (s *Server) acked() int64 {
	if f := s.Cmd.AppendFile; f != nil {
		return f.Acked()
	}
	return math.MaxInt64
}

// JournalMoved is told, on any goroutine, that the journal has got further.
func (s *Server) JournalMoved() {
	if s.turn.Load() {
		return // the end of the turn will see it
	}
	if !s.moved.Swap(true) {
		s.Post(s.release)
	}
}

// releaseAll sends the replies that may leave.
func (s *Server) releaseAll() {
	s.moved.Store(false)
	a := &s.awaits
	acked := s.acked()
	a.releasing = true
	defer func() { a.releasing = false }()
	all := a.clients
	a.clients = nil // who is served below may come to wait again
	n := 0
	for _, c := range all {
		if c.waitAt != 0 && c.waitAt <= acked {
			s.releaseOne(c, acked)
		}
		if c.waitAt != 0 {
			all[n] = c
			n++
		} else {
			c.listed = false
		}
	}
	clear(all[n:])
	a.clients = append(all[:n], a.clients...)
	a.sinceNs = s.beganAt
}

// releaseOne sends what of a client's replies may leave.
func (s *Server) releaseOne(c *client, acked int64) {
	if c.Flags&cmd.ClientInScript != 0 {
		return // the last reply is half written; it is sent when the script is over
	}
	if c.AckAt > acked {
		if c.gone {
			return
		}
		rest := append(s.awaits.buffer(), c.Out.B[c.waitLen:]...)
		c.Out.B = c.Out.B[:c.waitLen]
		s.send(c)
		s.awaits.giveBack(c.Out.B)
		if c.gone {
			return
		}
		c.Out.B = rest
		c.waitAt, c.waitLen = c.AckAt, len(rest)
		c.full = len(rest) > maxAwaiting
		return
	}
	c.waitAt, c.AckAt = 0, 0
	if c.gone {
		s.lastWords(c)
		return
	}
	s.send(c)
	if c.gone {
		return
	}
	if s.queue == nil {
		s.awaits.giveBack(c.Out.B)
		c.Out.B = nil
	}
	if c.full {
		c.full = false
		s.resume(c)
	}
	if c.closing {
		s.hand(c)
	}
}

// lastWords sends the replies of a client that has closed its side while they waited.
func (s *Server) lastWords(c *client) {
	if s.queue != nil {
		s.queue.send(c)
		s.queue.add(sending{c: c, last: true})
	} else {
		s.outlet.sendOrphan(c, c.Out.B)
		s.outlet.finish(c)
	}
	c.Out.B = nil
}

// yield lets the journal's goroutine run if replies have waited for long.
func (s *Server) yield() {
	if a := &s.awaits; len(a.clients) > 0 && s.beganAt-a.sinceNs > yieldAfterNs {
		runtime.Gosched()
		s.begin()
		a.sinceNs = s.beganAt
	}
}
