package loop

import (
	"context"
	"sync"

	"github.com/panjf2000/gnet/v2"

	"redust/cmd"
	"redust/resp"
)

// queue is the way between N reactors and the executor goroutine, both ways.
//
// A reactor copies what it read once, cuts requests out of the copy, and appends the
// parcel. The executor takes everything that is there at once, runs it, and gathers
// replies by reactor; one task a reactor and round writes them. Nobody waits for a lock
// longer than an append takes, and the executor sleeps only when nothing is there.
//
// Reactors wait when more than maxQueued bytes are ahead of the executor: the sockets
// fill, and the senders feel it. The executor never waits for a reactor, so that
// cannot lock up.
type queue struct {
	s      *Server
	mu     sync.Mutex
	some   sync.Cond // something is there
	room   sync.Cond // no longer too much is there
	items  []item
	spare  []item
	bytes  int // of the parcels in items
	outs   map[gnet.EventLoop]*outbox
	parcel sync.Pool
	buffer sync.Pool // reply buffers, *[]byte
}

const maxQueued = 64 << 20

// roundItems is after how many parcels replies leave, and the clock is read again,
// though more is there.
const roundItems = 64

// item is a parcel or something posted.
type item struct {
	p *parcel
	f func()
}

// parcel is a client's requests with the bytes they point into.
type parcel struct {
	c    *client
	raw  []byte
	size int // bytes of the requests
	batch
	kept bool // something of it is still needed: do not use it again
}

// outbox gathers what a reactor is to write in this round.
type outbox struct {
	loop  gnet.EventLoop
	sends []sending
	ready chan []sending // empty slices for the next rounds
}

// sending is a reply buffer on its way, or the end of a connection.
type sending struct {
	c     *client
	buf   *[]byte
	lent  []byte // instead of buf: what others are sent as well
	close bool
	last  bool // nothing follows: the executor has forgotten the client
}

func (sd *sending) bytes() []byte {
	if sd.buf != nil {
		return *sd.buf
	}
	return sd.lent
}

func newQueue(s *Server) *queue {
	q := &queue{s: s, outs: make(map[gnet.EventLoop]*outbox)}
	q.some.L, q.room.L = &q.mu, &q.mu
	q.parcel.New = func() any { return new(parcel) }
	q.buffer.New = func() any { return new([]byte) }
	return q
}

func (q *queue) post(f func()) { q.push(item{f: f}) }

func (q *queue) push(it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items = append(q.items, it); len(q.items) == 1 {
		q.some.Signal()
	}
	if it.p == nil {
		return
	}
	for q.bytes += it.p.size; q.bytes > maxQueued; {
		q.room.Wait()
	}
}

// receive cuts what arrived into requests, on the client's reactor.
func (q *queue) receive(c *client, b []byte) {
	in := &c.input
	if in.dead {
		return
	}
	p := q.parcel.Get().(*parcel)
	p.c, p.kept = c, false
	p.reset()
	if in.asm.On() {
		q.assemble(p, b)
		return
	}
	p.raw = append(append(p.raw[:0], in.rest...), b...)
	n := in.cut(p.raw, &p.batch, 1<<20, q.limits())
	in.keep(p.raw[n:])
	c.noteInput()
	q.deliver(p, len(b))
}

// assemble feeds a large request, and sends what follows it on its way as usual.
func (q *queue) assemble(p *parcel, b []byte) {
	c, in := p.c, &p.c.input
	p.raw = p.raw[:0]
	n := in.cut(b, &p.batch, 1, q.limits())
	if !c.authed.Load() && c.ahead.Load() == 0 && in.asm.Bytes() > 16*resp.AssembleFrom {
		p.err, in.dead = resp.AnonLimit, true
	}
	c.noteInput()
	q.deliver(p, n)
	if n < len(b) && !in.dead {
		q.receive(c, b[n:])
	}
}

func (q *queue) deliver(p *parcel, bytes int) {
	p.c.received.Add(int64(bytes))
	p.c.ahead.Add(1)
	p.size = size(p.reqs)
	if over := p.c.memory.Load() > q.s.queryLimit.Load(); over {
		p.c.input.dead = true
		p.c.ahead.Add(-1)
		q.push(item{f: func() { q.s.queryOverrun(p.c) }})
		return
	}
	q.push(item{p: p})
}

func (q *queue) limits() resp.Limits { return resp.Limits{Bulk: q.s.maxBulk.Load()} }

// run is the executor.
func (q *queue) run() {
	s := q.s
	defer s.crash(true)
	for {
		q.mu.Lock()
		for len(q.items) == 0 {
			q.some.Wait()
		}
		work := q.items
		q.items, q.spare = q.spare[:0], work
		q.bytes = 0
		q.mu.Unlock()
		q.room.Broadcast()
		s.begin()
		s.Cmd.Stats.LoopCycles++
		for i, it := range work {
			if i%roundItems == roundItems-1 {
				s.sendPending()
				s.begin()
			}
			if it.f != nil {
				it.f()
				s.Cmd.Restart()
			} else {
				q.execute(it.p)
			}
			work[i] = item{}
		}
		s.sendPending()
		s.worked()
	}
}

// execute runs a parcel.
func (q *queue) execute(p *parcel) {
	s, c := q.s, p.c
	defer c.ahead.Add(-1)
	n := c.received.Swap(0)
	s.Cmd.Stats.NetInputBytes += n
	s.Cmd.Stats.Reads++
	s.Cmd.Stats.IOThreadReads++
	c.NetIn += n
	c.Active = s.Cmd.KS.Now()
	if c.gone || c.closing {
		return
	}
	if c.waits() {
		p.kept = true
		c.hold(held{reqs: p.reqs, err: p.err})
		if int64(c.heldBytes) > s.queryLimit.Load() {
			s.queryOverrun(c)
		}
		return
	}
	ran := s.runAll(c, p.reqs)
	if ran < len(p.reqs) || p.err != nil && c.waits() {
		p.kept = true
		c.hold(held{reqs: p.reqs[ran:], err: p.err})
	}
	if p.err != nil && !c.stopped() {
		s.protocolError(c, p.err)
	}
	c.authed.Store(c.Flags&cmd.ClientAuthed != 0)
	s.hand(c)
	if !p.kept && cap(p.raw) <= keepReplies {
		q.parcel.Put(p)
	}
}

// runAll is run for any number of requests that were cut elsewhere: limits that depend
// on whether the client has authenticated are known only here.
func (s *Server) runAll(c *client, reqs []cmd.Request) int {
	for from := 0; from < len(reqs); {
		n := min(batchSize, len(reqs)-from)
		if c.Flags&cmd.ClientAuthed == 0 {
			n = 1
			if err := resp.CheckAnon(reqs[from].Args); err != nil {
				s.protocolError(c, err)
				return len(reqs)
			}
		}
		ran := s.run(c, reqs[from:from+n])
		if c.closing || c.gone {
			return len(reqs)
		}
		if from += ran; ran < n || c.full || c.blocked() {
			return from
		}
	}
	return len(reqs)
}

// send puts the client's replies into the outbox of its reactor.
func (q *queue) send(c *client) {
	buf := q.buffer.Get().(*[]byte)
	*buf, c.Out.B = c.Out.B, (*buf)[:0]
	c.inFlight.Add(int64(len(*buf)))
	q.add(sending{c: c, buf: buf})
	q.s.Cmd.Stats.IOThreadWrites++
}

// sendShared is send for bytes that stay as they are until nobody needs them.
func (q *queue) sendShared(c *client, b []byte) {
	c.inFlight.Add(int64(len(b)))
	q.add(sending{c: c, lent: b})
	q.s.Cmd.Stats.IOThreadWrites++
}

func (q *queue) close(c *client) { q.add(sending{c: c, close: true}) }

func (q *queue) add(sd sending) {
	loop := sd.c.conn.EventLoop()
	o := q.outs[loop]
	if o == nil {
		o = &outbox{loop: loop, ready: make(chan []sending, 4)}
		q.outs[loop] = o
	}
	o.sends = append(o.sends, sd)
}

// dispatch hands the outboxes to their reactors.
func (q *queue) dispatch() {
	for _, o := range q.outs {
		if len(o.sends) == 0 {
			continue
		}
		work := o.sends
		select {
		case o.sends = <-o.ready:
		default:
			o.sends = nil
		}
		// An error means that the engine has stopped, and then nothing matters.
		_ = o.loop.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
			q.flush(o, work)
			return nil
		}))
	}
}

// flush writes an outbox, on its reactor.
func (q *queue) flush(o *outbox, work []sending) {
	for i, sd := range work {
		switch {
		case sd.last:
			q.s.outlet.finish(sd.c)
		case sd.c.shut.Load():
			if b := sd.bytes(); b != nil {
				q.s.outlet.sendOrphan(sd.c, b)
			}
		case sd.close:
			_ = o.loop.Close(sd.c.conn) // reports through OnClose
		default:
			q.s.outlet.push(sd.c, sd.bytes())
		}
		if b := sd.bytes(); b != nil {
			sd.c.inFlight.Add(-int64(len(b)))
			if c := sd.c; c.draining.Load() && c.unsent.Load() == 0 && !c.shut.Load() {
				q.s.Post(func() { q.s.hand(c) })
			}
			if sd.buf != nil && cap(*sd.buf) <= keepReplies {
				*sd.buf = (*sd.buf)[:0]
				q.buffer.Put(sd.buf)
			}
		}
		work[i] = sending{}
	}
	select {
	case o.ready <- work[:0]:
	default:
	}
}
