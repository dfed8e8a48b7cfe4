package cmd

import (
	"bytes"
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
// is served. A client whose connection is known to be gone is not served, lest an element
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
	Nothing    func(*resp.Writer) // what to reply when the time is over
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
// value of type on, when the handler is run again, or until the deadline, when nothing
// writes the reply. Where nobody may wait, that is at once. The handler has not replied,
// and returns what Block returns.
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

// blocking is who waits for what.
type blocking struct {
	queues   map[uint64]*queue // by the hash of the key; those of one hash form a chain
	ready    []*queue          // to be served, in order
	postpone []*queue          // to be served when the pause is over
	timed    deadlines
	clients  int // that wait
	keys     int // for which somebody waits, however many types of it
	goneKeys int // for which somebody waits OrGone
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
	again   bool // another try has blocked again
	nothing func(*resp.Writer)
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
	w.cmd, w.on, w.orGone, w.nothing, w.untilMs, w.ns, w.at = c.Cmd, o.On, o.OrGone, o.Nothing, o.DeadlineMs, 0, -1
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
	b.clients--
	w.cl.Flags &^= ClientBlocked
	w.nothing = nil
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
	if !waited {
		b.keys++
	}
	return q
}

// of tells whether the queue is one for this key.
func (q *queue) of(d *db.DB, key []byte) bool { return q.d == d && bytes.Equal(q.key, key) }

// drop forgets a queue without waiters, unless it is still to be looked at.
func (b *blocking) drop(q *queue) {
	if q.first != nil || q.ready || q.serving {
		return
	}
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
	for i := 0; i < len(b.ready); i++ {
		q := b.ready[i]
		b.ready[i] = nil
		q.ready, q.serving = false, true
		paused := s.serveQueue(q)
		q.serving = false
		if paused && q.first != nil {
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
		case w.cl.leaving():
			w.leave()
		case !fits && !w.orGone:
		case s.pausedUntil != 0 && s.postpones(w.cmd):
			paused = true
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
	err := w.cmd.Run(c)
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
	if cl.Conn != nil {
		cl.Conn.Send()
	}
}

// giveUp ends a wait with nothing, or with an error.
func (s *Server) giveUp(w *waiter, err error) {
	mark := w.cl.Out.Mark()
	if err == nil {
		w.nothing(&w.cl.Out)
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
