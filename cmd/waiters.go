package cmd

import (
	"bytes"
	"math"

	"redust/db"
)

// Who waits for what: the queues, the links that put a client into several of them, and
// the heap of deadlines. What they are for is said in block.go.

// blocking is who waits for what.
type blocking struct {
	queues   map[uint64]*queue // by the hash of the key; those of one hash form a chain
	ready    []*queue          // to be served, in order
	postpone []*queue          // to be served when the pause is over
	timed    deadlines
	clients  int // that wait
	keys     int // for which somebody waits, however many types of it
	goneKeys int // for which somebody waits OrGone
	bytes    int // of the queues
	spare    *queue
	spares   int
}

// queue is those who wait for a key to hold a value of one type.
type queue struct {
	d           *db.DB
	on          db.Type
	hash        uint64
	key         []byte
	first, last *link
	orGone      int    // how many of them wait OrGone
	ready       bool   // stands on the list of that name
	serving     bool   // is being served; then changes to its key are seen anyway
	next        *queue // in the chain, or among the spares
}

// link is a waiter's place in a queue.
type link struct {
	w          *waiter
	q          *queue
	prev, next *link
}

// waiter is one client that waits. It stays with the client for the next time.
type waiter struct {
	s       *Server
	cl      *Client
	cmd     *Command
	args    [][]byte // to run the handler with
	shown   [][]byte // what the client said
	buf     []byte   // what both are parts of
	links   []link
	on      db.Type
	orGone  bool
	again   bool     // another try has blocked again
	job     *awaited // waits for work to be done, not for a key
	untilMs int64
	at      int   // place among the deadlines, -1: none
	ns      int64 // time spent in the handler
}

// enter makes the client of a handler wait.
func (b *blocking) enter(c *Ctx, o *Wait) {
	cl := c.Client
	w := cl.waiter
	if w == nil {
		w = &waiter{s: c.Server, cl: cl}
		cl.waiter = w
	}
	w.cmd, w.on, w.orGone, w.untilMs, w.ns, w.at = c.Cmd, o.On, o.OrGone, o.DeadlineMs, 0, -1
	w.keep(c.Args, o.Again)
	if cap(w.links) < len(o.Keys) {
		w.links = make([]link, 0, len(o.Keys))
	}
	w.links = w.links[:0] // is not moved by what is appended: links point at each other
	for _, key := range o.Keys {
		q := b.queue(c.DB, o.On, c.KS.Hash(key), key)
		if q.last != nil && q.last.w == w {
			continue // the same key twice
		}
		w.links = append(w.links, link{w: w, q: q})
		q.push(&w.links[len(w.links)-1])
		if o.OrGone {
			if q.orGone == 0 {
				b.goneKeys++
			}
			q.orGone++
		}
	}
	if w.untilMs != math.MaxInt64 {
		b.timed.add(w)
	}
	b.clients++
	c.eyes++
	cl.Flags |= ClientBlocked
}

// keep copies the arguments.
func (w *waiter) keep(args, again [][]byte) {
	need := 0
	for _, a := range args {
		need += len(a)
	}
	for _, a := range again {
		need += len(a)
	}
	if cap(w.buf) < need {
		w.buf = make([]byte, 0, need)
	}
	w.buf = w.buf[:0]
	w.shown = w.copyArgs(w.shown[:0], args)
	w.args = w.shown
	if again != nil {
		w.args = w.copyArgs(nil, again)
	}
}

// copyArgs appends copies of args to dst; buf has room for them.
func (w *waiter) copyArgs(dst, args [][]byte) [][]byte {
	for _, a := range args {
		from := len(w.buf)
		w.buf = append(w.buf, a...)
		dst = append(dst, w.buf[from:len(w.buf):len(w.buf)])
	}
	return dst
}

// Limits of what a client keeps for the next time it waits: bytes and arguments.
const (
	keepWaitBytes = 1024
	keepWaitArgs  = 16
)

// leave takes the client off all queues; it waits no longer.
func (w *waiter) leave() {
	b := &w.s.blocking
	for i := range w.links {
		l := &w.links[i]
		q := l.q
		q.remove(l)
		if w.orGone {
			if q.orGone--; q.orGone == 0 {
				b.goneKeys--
			}
		}
		b.drop(q)
		*l = link{}
	}
	if w.at >= 0 {
		b.timed.remove(w)
	}
	if w.job != nil {
		w.job.left, w.job = true, nil
	}
	b.clients--
	w.s.eyes--
	w.cl.Flags &^= ClientBlocked
	if cap(w.buf) > keepWaitBytes || cap(w.shown) > keepWaitArgs {
		w.cl.waiter = nil
	}
}

// argBytes is the length of the arguments, bytes.
func (w *waiter) argBytes() int {
	n := 0
	for _, a := range w.shown {
		n += len(a)
	}
	return n
}

// memBytes is the memory of the waiter, bytes.
func (w *waiter) memBytes() int {
	const own, perArg, perLink = 192, 24, 32
	return own + cap(w.buf) + perArg*cap(w.shown) + perLink*cap(w.links)
}

// queue finds or makes the queue for a type of value under a key.
func (b *blocking) queue(d *db.DB, on db.Type, hash uint64, key []byte) *queue {
	waited := false
	for q := b.queues[hash]; q != nil; q = q.next {
		if !q.of(d, key) {
			continue
		}
		if q.on == on {
			return q
		}
		waited = true
	}
	q := b.spare
	if q != nil {
		b.spare = q.next
		b.spares--
	} else {
		q = new(queue)
	}
	if b.queues == nil {
		b.queues = make(map[uint64]*queue)
	}
	*q = queue{d: d, on: on, hash: hash, key: append(q.key[:0], key...), next: b.queues[hash]}
	b.queues[hash] = q
	b.bytes += q.memBytes()
	if !waited {
		b.keys++
	}
	return q
}

// memBytes is the memory of the queue and its place in the map, bytes. What the waiters need
// is counted with their clients.
func (q *queue) memBytes() int {
	const own = 160
	return own + cap(q.key)
}

// of tells whether the queue is one for this key.
func (q *queue) of(d *db.DB, key []byte) bool { return q.d == d && bytes.Equal(q.key, key) }

// drop forgets a queue without waiters, unless it is still to be looked at.
func (b *blocking) drop(q *queue) {
	if q.first != nil || q.ready || q.serving {
		return
	}
	b.bytes -= q.memBytes()
	head := b.queues[q.hash]
	switch {
	case head != q:
		for head.next != q {
			head = head.next
		}
		head.next = q.next
	case q.next == nil:
		delete(b.queues, q.hash)
	default:
		b.queues[q.hash] = q.next
	}
	waited := false
	for o := b.queues[q.hash]; o != nil; o = o.next {
		waited = waited || o.of(q.d, q.key)
	}
	if !waited {
		b.keys--
	}
	const keep, keepKey = 64, 256
	if b.spares < keep && cap(q.key) <= keepKey {
		*q = queue{key: q.key, next: b.spare}
		b.spare = q
		b.spares++
	}
}

func (q *queue) push(l *link) {
	if l.prev = q.last; l.prev != nil {
		l.prev.next = l
	} else {
		q.first = l
	}
	q.last = l
}

func (q *queue) remove(l *link) {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		q.first = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		q.last = l.prev
	}
}

// changed puts the queues of a key on the ready list.
func (b *blocking) changed(d *db.DB, hash uint64, key []byte) {
	for q := b.queues[hash]; q != nil; q = q.next {
		if q.of(d, key) {
			b.look(q)
		}
	}
}

// look puts a queue on the ready list.
func (b *blocking) look(q *queue) {
	if !q.ready && !q.serving {
		q.ready = true
		b.ready = append(b.ready, q)
	}
}

// replaced puts all queues of a database, or of all if d is nil, on the ready list: what
// is in it is not what was. To find that nothing has come costs one lookup each.
func (b *blocking) replaced(d *db.DB) {
	if b.clients == 0 {
		return
	}
	for _, q := range b.queues {
		for ; q != nil; q = q.next {
			if d == nil || q.d == d {
				b.look(q)
			}
		}
	}
}

// unpaused puts on the ready list what was put off.
func (b *blocking) unpaused() {
	for i, q := range b.postpone {
		q.ready = false
		b.look(q)
		b.postpone[i] = nil
	}
	b.postpone = b.postpone[:0]
}

// deadlines is a heap, the soonest first.
type deadlines []*waiter

func (h *deadlines) add(w *waiter) {
	w.at = len(*h)
	*h = append(*h, w)
	h.up(w.at)
}

func (h *deadlines) remove(w *waiter) {
	i, last := w.at, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	w.at = -1
	if i < last {
		h.up(i)
		h.down(i)
	}
}

func (h deadlines) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].untilMs <= h[i].untilMs {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].untilMs < h[child].untilMs {
			child++
		}
		if h[i].untilMs <= h[child].untilMs {
			return
		}
		h.swap(i, child)
		i = child
	}
}
