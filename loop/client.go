package loop

import (
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"

	"redust/cmd"
	"redust/resp"
)

// client is one connection with its session. The session, cut and held requests belong
// to the executor; input belongs to the reactor that reads the socket, which with
// io-threads 1 is the same goroutine. What one tells the other are the counters.
type client struct {
	*cmd.Client
	s     *Server
	conn  gnet.Conn
	input input
	unix  bool

	rest    unsent // replies the kernel has not taken; the reactor's
	orphan  *orphan
	watched bool // the outlet knows the connection; the reactor's

	held      []held // requests that wait: the client is paused or blocked, and what came after
	heldBytes int    // what they take
	stalled   bool   // has blocked, and not been resumed since
	handed    bool   // in s.pending: has replies to send, or is to be closed
	late      bool   // has been handed in only for what may be sent later
	closing   bool   // is to be closed
	soon      bool   // but only after its replies are out
	gone      bool   // is closed

	waitAt  int64 // the journal must have come this far, see ack.go; 0: replies do not wait
	waitLen int   // for this much of Out
	listed  bool  // is among those who wait
	full    bool  // too much waits: nothing more is run

	waiting  atomic.Int64 // bytes of input not yet cut into requests
	memory   atomic.Int64 // bytes held for it
	inFlight atomic.Int64 // bytes of replies on their way to the reactor
	unsent   atomic.Int64 // bytes the kernel has not taken
	draining atomic.Bool  // is to be closed when unsent is 0
	received atomic.Int64 // bytes read since the executor looked
	authed   atomic.Bool  // as the executor last knew
	ahead    atomic.Int64 // parcels that the executor has not run yet
	shut     atomic.Bool  // the connection is closed
}

// held is a run of requests that could not go on, with the memory their arguments
// point into.
type held struct {
	reqs []cmd.Request
	err  error // a protocol error after them
}

// hold keeps requests for later.
func (c *client) hold(h held) {
	c.held = append(c.held, h)
	c.heldBytes += size(h.reqs)
}

// size is the length of the requests' arguments, bytes.
func size(reqs []cmd.Request) int {
	n := 0
	for i := range reqs {
		for _, a := range reqs[i].Args {
			n += len(a) + 24
		}
	}
	return n
}

// QueryBuffered implements cmd.Conn.
func (c *client) QueryBuffered() (int, int) {
	return int(c.waiting.Load()) + c.heldBytes, int(c.memory.Load()) + c.heldBytes
}

// OutputBuffered implements cmd.Conn.
func (c *client) OutputBuffered() int { return int(c.unsent.Load() + c.inFlight.Load()) }

// Send implements cmd.Conn.
func (c *client) Send() { c.s.hand(c) }

// SendLater implements cmd.Conn.
func (c *client) SendLater() {
	if !c.handed {
		c.s.hand(c)
		c.late = true
	}
}

// Close implements cmd.Conn.
func (c *client) Close(soon bool) {
	if c.closing {
		c.soon = c.soon && soon // it never gets softer
	} else {
		c.closing, c.soon = true, soon
	}
	c.s.hand(c)
}

// Leaving implements cmd.Conn.
func (c *client) Leaving() bool { return c.closing || c.gone || c.shut.Load() }

// blocked tells whether the client waits for a key, or for its script.
func (c *client) blocked() bool { return c.Flags&(cmd.ClientBlocked|cmd.ClientInScript) != 0 }

// waits tells whether further requests of the client must wait.
func (c *client) waits() bool { return len(c.held) > 0 || c.full || c.blocked() }

// stopped tells whether further requests of the client must wait or will never run.
func (c *client) stopped() bool { return c.closing || c.gone || c.waits() }

// input cuts requests out of what the socket gives. Small requests are parsed where
// they lie; what is left of a torn one waits in rest; a large one is assembled.
type input struct {
	rest []byte
	asm  resp.Assembler
	dead bool // a protocol error: what follows is not looked at
}

const (
	// batchSize is how many requests are cut before they are run: as many as one
	// round of touching ahead looks after.
	batchSize = 16
	// keepArgs is the longest list of arguments whose memory is kept for the next batch.
	keepArgs = 4096
	// keepRest is the largest buffer that is kept for the next torn request, bytes.
	keepRest = 32 << 10
)

// batch is a run of requests cut out of one buffer.
type batch struct {
	reqs []cmd.Request
	ends []int    // where each request ends in the buffer
	argv [][]byte // what the requests' Args are parts of
	err  error    // a protocol error after them
}

func (b *batch) reset() {
	clear(b.reqs)
	if cap(b.argv) > keepArgs {
		b.argv = nil
	}
	b.reqs, b.ends, b.argv, b.err = b.reqs[:0], b.ends[:0], b.argv[:0], nil
}

// cut fills bt with the requests at the beginning of b, at most limit of them, and
// returns how many bytes it took. When it takes none, b holds no whole request.
func (in *input) cut(b []byte, bt *batch, limit int, lim resp.Limits) int {
	bt.reset()
	pos := 0
	if in.asm.On() {
		n, done, err := in.asm.Feed(b, lim)
		pos = n
		if err != nil {
			bt.err, in.dead = err, true
			return len(b)
		}
		if done {
			if args := in.asm.Take(); len(args) > 0 {
				bt.reqs = append(bt.reqs, cmd.Request{Args: args, Owned: true})
				bt.ends = append(bt.ends, pos)
			}
		}
		return pos
	}
	for len(bt.reqs) < limit && pos < len(b) {
		had := len(bt.argv)
		argv, n, err := resp.Parse(b[pos:], bt.argv, lim)
		if err != nil {
			bt.err, in.dead = err, true
			return len(b)
		}
		if n == 0 {
			if len(bt.reqs) == 0 && b[pos] == '*' && len(b)-pos >= resp.AssembleFrom {
				k, _, err := in.asm.Feed(b[pos:], lim)
				if err != nil {
					bt.err, in.dead = err, true
					return len(b)
				}
				pos += k
			}
			break
		}
		pos += n
		bt.argv = argv
		if len(argv) > had {
			bt.reqs = append(bt.reqs, cmd.Request{Args: argv[had:len(argv):len(argv)]})
			bt.ends = append(bt.ends, pos)
		}
	}
	return pos
}

// join returns what is to be parsed now: the new bytes b, after what was left over.
func (in *input) join(b []byte) []byte {
	if len(in.rest) == 0 {
		return b
	}
	in.rest = append(in.rest, b...)
	return in.rest
}

// keep puts aside what of the joined bytes was not taken; b may be part of rest.
func (in *input) keep(b []byte) {
	if len(b) == 0 {
		if cap(in.rest) > keepRest {
			in.rest = nil
		}
		in.rest = in.rest[:0]
		return
	}
	in.rest = append(in.rest[:0], b...)
}
