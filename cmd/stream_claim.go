package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
	"redust/db/stream"
	"redust/resp"
)

// What is pending in a group, and how a consumer takes over what another has left lying:
// XPENDING tells, XCLAIM takes entries by their IDs, XAUTOCLAIM whatever has been idle for
// long enough. An entry that was deleted while it was pending is taken off then.

func streamClaimCommands() []*Command {
	return []*Command{
		{
			Name: "xpending", Arity: -3, Run: xpending,
			Flags: ReadOnly, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N + M) for M entries in the reply; O(C) for C consumers without a range",
				Summary: "Tells what is pending in a group.",
				Syntax:  "key group [[IDLE min-idle-time] start end count [consumer]]",
				Hints:   []string{"nondeterministic_output"},
				History: [][2]string{{"6.2.0", "The option IDLE, and exclusive ends."}}},
		},
		{
			Name: "xclaim", Arity: -6, Run: xclaim,
			Flags: Write | Fast, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N) an ID, for N entries that are pending",
				Summary: "Makes entries pending at another consumer.",
				Syntax:  "key group consumer min-idle-time ID [ID ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
				Hints:   []string{"nondeterministic_output"}},
		},
		{
			Name: "xautoclaim", Arity: -6, Run: xautoclaim,
			Flags: Write | Fast, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "stream", Since: "6.2.0", Complexity: "O(COUNT)",
				Summary: "Makes entries that have been pending for long pending at another consumer.",
				Syntax:  "key group consumer min-idle-time start [COUNT count] [JUSTID]",
				Hints:   []string{"nondeterministic_output"},
				History: [][2]string{{"7.0.0", "Deleted entries are taken off, and listed in the reply."}}},
		},
	}
}

// xpending replies a summary: how many are pending, the first and the last of them, and how
// many at each consumer; or, if asked for a range, each of them: who has it, for how many
// milliseconds, delivered how often.
func xpending(c *Ctx) error {
	var p pendingArgs
	if c.Argc() > 3 {
		if err := p.read(c); err != nil {
			return err
		}
	}
	s, err := c.streamAt(1)
	if err != nil {
		return err
	}
	if s == nil || s.Group(c.Arg(2)) == nil {
		return errNoGroup(c.Arg(1), c.Arg(2))
	}
	g := s.Group(c.Arg(2))
	if c.Argc() == 3 {
		return pendingSummary(c, g)
	}
	var consumer *stream.Consumer
	if p.consumer != nil {
		if consumer = g.Consumer(p.consumer); consumer == nil {
			c.Out.Array(0)
			return nil
		}
	}
	n, mark, now := int64(0), c.Out.Mark(), c.KS.Now()
	var walk stream.Pendings
	for walk.From(g, consumer, p.from); n < p.count && walk.Next() && !p.to.Less(walk.ID); {
		idle := now - walk.At
		if p.idleMs != 0 && idle < p.idleMs {
			continue
		}
		n++
		c.Out.Array(4)
		replyID(c.Out, walk.ID)
		c.Out.Str(walk.Consumer.Name)
		c.Out.Int(max(idle, 0))
		c.Out.Int(walk.Count)
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	c.Out.ArrayAt(mark, int(n))
	return nil
}

// pendingArgs is a range of what is pending.
type pendingArgs struct {
	idleMs, count int64
	from, to      stream.ID
	consumer      []byte // borrowed; nil: any
}

func (p *pendingArgs) read(c *Ctx) error {
	const least, most, leastIdle = 6, 9, 8 // arguments
	if n := c.Argc(); n < least || n > most {
		return ErrSyntax
	}
	at := 3
	var err error
	if fold(c.Arg(at), "IDLE") {
		if p.idleMs, err = c.Int(at + 1); err != nil {
			return err
		}
		if c.Argc() < leastIdle {
			return ErrSyntax
		}
		at += 2
	}
	if p.count, err = c.Int(at + 2); err != nil {
		return err
	}
	if p.from, err = rangeStart(c.Arg(at)); err != nil {
		return err
	}
	if p.to, err = rangeEnd(c.Arg(at + 1)); err != nil {
		return err
	}
	if at+3 < c.Argc() {
		p.consumer = c.Arg(at + 3)
	}
	return nil
}

func pendingSummary(c *Ctx, g *stream.Group) error {
	c.Out.Array(4)
	c.Out.Int(int64(g.Pending()))
	if g.Pending() == 0 {
		c.Out.Null()
		c.Out.Null()
		c.Out.NullArray()
		return nil
	}
	first, last := g.PendingEnds()
	replyID(c.Out, first)
	replyID(c.Out, last)
	n, mark := 0, c.Out.Mark()
	for i := range g.Consumers() {
		if one := g.ConsumerAt(i); one.Pending() > 0 {
			c.Out.Array(2)
			c.Out.Str(one.Name)
			c.Out.BulkInt(int64(one.Pending()))
			n++
		}
	}
	c.Out.ArrayAt(mark, n)
	return nil
}

// claim is what XCLAIM and XAUTOCLAIM have in common: to whom, and how.
type claim struct {
	minIdleMs int64
	justID    bool  // replies IDs, and does not count as a delivery
	force     bool  // also what is not pending
	retry     int64 // what the count of deliveries becomes; -1: one more
	at        int64 // as delivered when, Unix milliseconds

	g        stream.Edit
	consumer *stream.Consumer
	it       stream.Iter
	dry      bool // only reply
	claimed  int  // entries
	off      int  // entries that are gone and were pending
}

// start finds or makes the consumer.
func (l *claim) start(c *Ctx, g stream.Edit) {
	l.g = g
	l.consumer = c.consumer(c.Arg(1), g, c.Arg(3))
	c.claimEffect(c.Arg(1), g)
}

// begin begins to claim, or to rehearse it.
func (l *claim) begin(dry bool) { l.dry, l.claimed, l.off = dry, 0, 0 }

// take makes an entry that exists, and the iterator is at, the consumer's, and replies it.
// d is what is known of it as pending.
func (l *claim) take(c *Ctx, d stream.Delivery, pending bool) {
	count := d.Count
	if !pending {
		count = 1
	}
	switch {
	case l.retry >= 0:
		count = l.retry
	case !l.justID:
		count++
	}
	if !l.dry {
		l.g.Deliver(l.it.ID, l.consumer, l.at, count)
		c.streams.claims.add(l.it.ID, l.consumer, l.at, count)
	}
	if l.justID {
		replyID(c.Out, l.it.ID)
	} else {
		replyEntry(c.Out, &l.it)
	}
	l.claimed++
}

// drop takes off an entry that does not exist.
func (l *claim) drop(c *Ctx, id stream.ID) {
	if !l.dry {
		l.g.Acknowledge(id)
		c.streams.claims.add(id, nil, 0, 0)
	}
	l.off++
}

// done notes what was claimed.
func (l *claim) done(c *Ctx) {
	c.streams.claims.done()
	c.NoEffect() // beyond what has been said
	if l.claimed > 0 {
		l.g.Activate(l.consumer, c.KS.Now())
	}
	if l.claimed+l.off > 0 {
		c.ChangedAside(c.DB, c.Arg(1), "", l.claimed+l.off)
	}
}

// groupForWrite looks up the stream in argument 1, which must have the group in argument 2.
func groupForWrite(c *Ctx) (db.Item, error) {
	it, err := c.typed(1, db.Stream)
	if err != nil {
		return it, err
	}
	if s := it.Stream(); s == nil || s.Group(c.Arg(2)) == nil {
		return it, errNoGroup(c.Arg(1), c.Arg(2))
	}
	return it, nil
}

// xclaim replies the entries that are the consumer's now, or with JUSTID their IDs.
func xclaim(c *Ctx) error {
	it, err := groupForWrite(c)
	if err != nil {
		return err
	}
	l := claim{retry: -1}
	var ok bool
	if l.minIdleMs, ok = resp.ParseInt(c.Arg(4)); !ok {
		return ErrClaimIdle
	}
	// IDs are read until one is none; options follow.
	ids := c.streams.ids[:0]
	for _, a := range c.Args[5:] {
		id, err := parseID(a, 0, false)
		if err != nil {
			break
		}
		ids = append(ids, id)
	}
	c.streams.ids = reusable(ids)
	last, err := l.options(c, 5+len(ids))
	if err != nil {
		return err
	}

	e := c.DB.EditStream(c.Arg(1), it)
	g, _ := e.Edit(c.Arg(2))
	l.start(c, g)
	err = c.rehearsed(func(dry bool) error {
		l.begin(dry)
		return l.byIDs(c, e.Stream, ids)
	})
	if err == nil {
		if g.Last.Less(last) {
			g.SetLast(last, g.Read)
			c.groupEffect(c.Arg(1), c.Arg(2), last, g.Read)
			if l.claimed == 0 {
				l.off++ // a change, too
			}
		}
		l.done(c)
	}
	e.Done()
	return err
}

// byIDs claims entries by their IDs.
func (l *claim) byIDs(c *Ctx, s *stream.Stream, ids []stream.ID) error {
	mark := c.Out.Mark()
	for _, id := range ids {
		d, pending := l.g.Delivery(id)
		switch {
		case !l.it.Find(s, id):
			if pending {
				l.drop(c, id)
			}
		case pending && l.minIdleMs > 0 && c.KS.Now()-d.At < l.minIdleMs:
		case pending || l.force:
			l.take(c, d, pending)
		}
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	c.Out.ArrayAt(mark, l.claimed)
	return nil
}

// options reads what follows the IDs of XCLAIM.
func (l *claim) options(c *Ctx, from int) (last stream.ID, err error) {
	l.at = -1
	o := c.Opts(from)
	number := func(to *int64, wrong error) {
		if n, ok := resp.ParseInt(o.Value()); ok {
			*to = n
		} else {
			o.Fail(wrong)
		}
	}
	for o.Next() {
		more := o.Left() > 0
		switch {
		case o.Is("FORCE"):
			l.force = true
		case o.Is("JUSTID"):
			l.justID = true
		case more && o.Is("IDLE"):
			number(&l.at, ErrClaimIDLE)
			l.at = c.KS.Now() - l.at
		case more && o.Is("TIME"):
			number(&l.at, ErrClaimTIME)
		case more && o.Is("RETRYCOUNT"):
			number(&l.retry, ErrClaimRetry)
		case more && o.Is("LASTID"):
			if last, err = parseID(o.Value(), 0, false); err != nil {
				o.Fail(err)
			}
		default:
			o.Fail(errClaimOption(o.Arg()))
		}
	}
	if l.at < 0 || l.at > c.KS.Now() {
		l.at = c.KS.Now() // not given, or nonsense, which comes from clocks that differ
	}
	return last, o.Err
}

// xautoclaim replies the ID at which to go on, 0-0 at the end; the entries that are the
// consumer's now, or with JUSTID their IDs; and the IDs of those that were taken off.
func xautoclaim(c *Ctx) error {
	l := claim{retry: -1, at: c.KS.Now()}
	var ok bool
	if l.minIdleMs, ok = resp.ParseInt(c.Arg(4)); !ok {
		return ErrAutoIdle
	}
	from, err := rangeStart(c.Arg(5))
	if err != nil {
		return err
	}
	count := int64(100)
	o := c.Opts(6)
	for o.Next() {
		switch {
		case o.Left() > 0 && o.Is("COUNT"):
			if count, ok = resp.ParseInt(o.Value()); !ok || count < 1 || count > math.MaxInt64/16 {
				o.Fail(ErrAutoCount)
			}
		case o.Is("JUSTID"):
			l.justID = true
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	it, err := groupForWrite(c)
	if err != nil {
		return err
	}

	e := c.DB.EditStream(c.Arg(1), it)
	g, _ := e.Edit(c.Arg(2))
	l.start(c, g)
	err = c.rehearsed(func(dry bool) error {
		l.begin(dry)
		return l.walk(c, e.Stream, from, count)
	})
	if err == nil {
		l.done(c)
	}
	e.Done()
	return err
}

// walk claims up to count entries from an ID on; those that are taken off count, too.
func (l *claim) walk(c *Ctx, s *stream.Stream, from stream.ID, count int64) error {
	const looks = 10 // at so many entries for one that is claimed
	off := c.streams.ids[:0]
	c.Out.Array(3)
	mark := c.Out.Mark()
	var p stream.Pendings
	p.From(l.g.Group, nil, from)
	more := p.Next()
	for tries := looks * count; more && tries > 0 && count > 0; tries-- {
		switch {
		case !l.it.Find(s, p.ID):
			off = append(off, p.ID)
			if l.drop(c, p.ID); !l.dry {
				p.From(l.g.Group, nil, p.ID) // that ended the walk
			}
			count--
		case l.minIdleMs <= 0 || l.at-p.At >= l.minIdleMs:
			l.take(c, p.Delivery, true)
			count--
		}
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
		more = p.Next()
	}
	c.Out.ArrayAt(mark, l.claimed)
	var next stream.ID
	if more {
		next = p.ID
	}
	head := c.Out.Mark()
	replyID(c.Out, next)
	toFront(c.Out, mark, head)
	c.Out.Array(len(off))
	for _, id := range off {
		replyID(c.Out, id)
	}
	c.streams.ids = reusable(off)
	return nil
}
