package cmd

import (
	"redust/acl"
	"redust/db"
	"redust/db/stream"
	"redust/resp"
)

// XREAD and XREADGROUP: what is new in some streams, or, for a consumer of a group, what
// was delivered to it and waits to be acknowledged.
//
//	XREAD       STREAMS a b  5-0 $        entries behind 5-0 of a, and those to come of b
//	XREADGROUP  GROUP g ann STREAMS a  >  entries nobody in g has had; they are ann's now
//	XREADGROUP  GROUP g ann STREAMS a  0  what ann has had and not acknowledged
//
// If there is nothing, a client that says BLOCK waits. Its handler then runs again with
// what $ and + meant when it first ran.

func streamReadCommands() []*Command {
	streams := func(from int) []KeySpec {
		return []KeySpec{{Flags: RO | Access, Begin: Begin{Keyword: "STREAMS", From: from}, Find: Find{Last: -1, Step: 1, Limit: 2}}}
	}
	return []*Command{
		{
			Name: "xread", Arity: -4, Run: xread,
			Flags: ReadOnly | Blocking, ACL: acl.Stream,
			Keys: streams(1),
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N + M) a stream, for M entries in the reply",
				Summary: "Reads what is behind an ID in some streams, and may wait for it.",
				Syntax:  "[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] ID [ID ...]"},
		},
		{
			Name: "xreadgroup", Arity: -7, Run: xreadgroup,
			Flags: Write | Blocking, ACL: acl.Stream,
			Keys: streams(4),
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N + M log P) a stream, for M entries in the reply and P that are pending",
				Summary: "Reads what is new to a group of consumers, or pending at one of them, and may wait for it.",
				Syntax:  "GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] ID [ID ...]"},
		},
	}
}

func xread(c *Ctx) error      { return readStreams(c, false) }
func xreadgroup(c *Ctx) error { return readStreams(c, true) }

// readArgs is what XREAD and XREADGROUP say.
type readArgs struct {
	group, consumer []byte // borrowed; nil of XREAD
	grouped         bool   // GROUP was given
	noAck           bool
	count           int64 // 0: no limit
	blocks          bool
	deadlineMs      int64
	first, n        int         // keys are arguments first to first+n-1; the IDs follow
	ids             []stream.ID // behind which the client wants to read
	dry             bool        // reply, and change nothing
}

func (r *readArgs) key(c *Ctx, i int) []byte { return c.Arg(r.first + i) }
func (r *readArgs) id(c *Ctx, i int) []byte  { return c.Arg(r.first + r.n + i) }

func (r *readArgs) read(c *Ctx, group bool) error {
	o := c.Opts(1)
	for r.first == 0 && o.Next() {
		more := o.Left() > 0
		switch {
		case more && o.Is("BLOCK"):
			if c.Client.Has(ClientInternal) {
				return errBlockInScript(c)
			}
			var err error
			r.blocks = true
			if r.deadlineMs, err = c.DeadlineMs(o.Value()); err != nil {
				o.Fail(err)
			}
		case more && o.Is("COUNT"):
			r.count = max(o.Int(), 0)
		case more && o.Is("STREAMS"):
			r.first, r.n = c.Argc()-o.Left(), o.Left()/2
			if o.Left()%2 != 0 {
				id := "$"
				if group {
					id = ">"
				}
				o.Fail(errUnbalanced(c.Cmd, id))
			}
		case o.Left() > 1 && o.Is("GROUP"):
			if !group {
				o.Fail(ErrReadGroup)
			}
			r.group, r.consumer, r.grouped = o.Value(), o.Value(), true
		case o.Is("NOACK"):
			if !group {
				o.Fail(ErrReadNoAck)
			}
			r.noAck = true
		default:
			o.Fail(ErrSyntax)
		}
	}
	switch {
	case o.Err != nil:
		return o.Err
	case r.first == 0:
		return ErrSyntax
	case group && !r.grouped:
		return ErrReadNoGroup
	}
	return nil
}

// readStreams replies an array, in RESP3 a map, of the streams that have something for the
// client, each with its entries; nil if none has, and BLOCK has not helped.
func readStreams(c *Ctx, group bool) error {
	var r readArgs
	if err := r.read(c, group); err != nil {
		return err
	}
	items, ids := c.streams.items[:0], c.streams.ids[:0]
	for i := range r.n {
		it, err := c.typed(r.first+i, db.Stream)
		if err != nil {
			return err
		}
		id, err := r.behind(c, i, it.Stream())
		if err != nil {
			return err
		}
		items, ids = append(items, it), append(ids, id)
	}
	r.ids = ids
	c.streams.items, c.streams.ids = reusable(items), reusable(ids)
	defer clear(items)

	var served int
	var err error
	mark := c.Out.Mark()
	if group {
		err = c.rehearsed(func(dry bool) (err error) {
			r.dry = dry
			served, err = r.serveAll(c, items)
			return err
		})
	} else {
		served, err = r.serveAll(c, items)
	}
	switch {
	case err != nil:
		return err
	case served == 0 && r.blocks:
		return r.wait(c)
	case served == 0:
		c.Out.NullArray()
	case c.Out.Proto == 3:
		c.Out.MapAt(mark, served)
	default:
		c.Out.ArrayAt(mark, served)
	}
	return nil
}

// rehearsed runs what changes and replies at once. Where replies are bounded it first runs
// it dry, so that nothing is changed by a reply that proves too long.
func (c *Ctx) rehearsed(run func(dry bool) error) error {
	if c.Cfg.MaxReplyBytes > 0 {
		mark := c.Out.Mark()
		if err := run(true); err != nil {
			return err
		}
		c.Out.Truncate(mark)
	}
	return run(false)
}

// serveAll replies what the streams have for the client, and returns how many have
// something.
func (r *readArgs) serveAll(c *Ctx, items []db.Item) (served int, err error) {
	mark := c.Out.Mark()
	for i, it := range items {
		if !it.OK() {
			c.event(c.DB, r.key(c, i), "keymiss") // once more: Redis looks it up twice
			continue
		}
		if r.grouped && i > 0 {
			it = c.DB.Peek(r.key(c, i)) // what was found is stale after a change
		}
		ok, err := r.serve(c, i, it)
		if err != nil {
			return 0, err
		}
		if ok {
			served++
		}
		if c.replyFull(mark) {
			return 0, ErrReplyLimit
		}
	}
	return served, nil
}

// behind reads an ID: entries are wanted that come behind it. The greatest one stands for
// XREADGROUP's >.
func (r *readArgs) behind(c *Ctx, i int, s *stream.Stream) (stream.ID, error) {
	if r.grouped && (s == nil || s.Group(r.group) == nil) {
		return stream.ID{}, errNoGroupRead(r.key(c, i), r.group)
	}
	arg := r.id(c, i)
	if len(arg) != 1 {
		return parseID(arg, 0, false)
	}
	switch arg[0] {
	case '>':
		if !r.grouped {
			return stream.ID{}, ErrReadNew
		}
		return stream.MaxID(), nil
	case '$', '+':
		switch {
		case r.grouped && arg[0] == '$':
			return stream.ID{}, ErrReadEnd
		case r.grouped:
			return stream.ID{}, ErrReadLast
		case s == nil:
			return stream.ID{}, nil
		case arg[0] == '+' && s.Len() > 0:
			id, _ := s.LastEntry().Prev()
			return id, nil
		}
		return s.Last(), nil
	}
	return parseID(arg, 0, false)
}

// serve replies what stream i, which exists, has for the client; false if it has nothing.
func (r *readArgs) serve(c *Ctx, i int, it db.Item) (bool, error) {
	if r.grouped {
		return r.serveGroup(c, i, it)
	}
	s := it.Stream()
	var entries stream.Iter
	if !after(&entries, s, r.ids[i]) {
		return false, nil
	}
	r.open(c, i)
	return true, r.reply(c, &entries)
}

// after goes to the first entry behind an ID; false if there is none.
func after(it *stream.Iter, s *stream.Stream, id stream.ID) bool {
	if !id.Less(s.Last()) {
		return false
	}
	from, _ := id.Next()
	it.Range(s, from, stream.MaxID())
	return it.Next()
}

// open begins the part of the reply that is about stream i.
func (r *readArgs) open(c *Ctx, i int) {
	if c.Out.Proto != 3 {
		c.Out.Array(2)
	}
	c.Out.Bulk(r.key(c, i))
}

// reply replies the entry that the iterator is at, and those behind it.
func (r *readArgs) reply(c *Ctx, it *stream.Iter) error {
	n, mark := int64(0), c.Out.Mark()
	for more := true; more; more = n != r.count && it.Next() {
		replyEntry(c.Out, it)
		n++
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	c.Out.ArrayAt(mark, int(n))
	return nil
}

// serveGroup is serve for a consumer, who is made if there is none of the name.
func (r *readArgs) serveGroup(c *Ctx, i int, it db.Item) (bool, error) {
	if r.dry {
		g := it.Stream().Group(r.group)
		return r.turn(c, i, it.Stream(), stream.Edit{Group: g}, g.Consumer(r.consumer))
	}
	key := r.key(c, i)
	e := c.DB.EditStream(key, it)
	g, _ := e.Edit(r.group) // no group leaves while a command runs
	consumer := c.consumer(key, g, r.consumer)
	last, moved := g.Last, c.claimEffect(key, g)
	served, err := r.turn(c, i, e.Stream, g, consumer)
	moved.done()
	if g.Last != last {
		c.groupEffect(key, r.group, g.Last, g.Read)
	}
	e.Done()
	if served {
		c.ChangedAside(c.DB, key, "", 1)
		c.NoEffect() // beyond what has been said
	}
	return served, err
}

// turn replies to a consumer what is new in stream i, or what is pending there; false if
// there is nothing.
func (r *readArgs) turn(c *Ctx, i int, s *stream.Stream, g stream.Edit, consumer *stream.Consumer) (bool, error) {
	if r.ids[i] != stream.MaxID() {
		r.open(c, i)
		return true, r.history(c, i, s, g, consumer)
	}
	var it stream.Iter
	if !after(&it, s, g.Last) {
		return false, nil
	}
	r.open(c, i)
	if r.dry {
		return true, r.reply(c, &it)
	}
	r.deliver(c, &it, g, consumer)
	return true, nil
}

// consumer finds or makes a consumer of a group, and notes that it has asked.
func (c *Ctx) consumer(key []byte, g stream.Edit, name []byte) *stream.Consumer {
	now := c.KS.Now()
	if found := g.Consumer(name); found != nil {
		g.See(found, now)
		return found
	}
	made := g.AddConsumer(name, now)
	c.ChangedAside(c.DB, key, "xgroup-createconsumer", 1)
	c.Rewrite(5).Str("XGROUP").Str("CREATECONSUMER").Arg(key).Str(g.Name).Arg(name)
	return made
}

// deliver replies the entry that the iterator is at, and those behind it, and delivers them.
func (r *readArgs) deliver(c *Ctx, it *stream.Iter, g stream.Edit, consumer *stream.Consumer) {
	n, mark, now := int64(0), c.Out.Mark(), c.KS.Now()
	for more := true; more; more = n != r.count && it.Next() {
		g.Advance(it.ID)
		if !r.noAck {
			g.Deliver(it.ID, consumer, now, 1)
			c.streams.claims.add(it.ID, consumer, now, 1)
		}
		replyEntry(c.Out, it)
		n++
	}
	c.Out.ArrayAt(mark, int(n))
	if !r.noAck {
		g.Activate(consumer, now)
	}
}

// history replies what is pending at a consumer, if there is one, behind an ID. An entry
// that has been deleted is a pair of its ID and nil.
func (r *readArgs) history(c *Ctx, i int, s *stream.Stream, g stream.Edit, consumer *stream.Consumer) error {
	if consumer == nil {
		c.Out.Array(0)
		return nil
	}
	from, _ := r.ids[i].Next()
	n, mark, now := int64(0), c.Out.Mark(), c.KS.Now()
	var p stream.Pendings
	var it stream.Iter
	for p.From(g.Group, consumer, from); (r.count == 0 || n < r.count) && p.Next(); n++ {
		switch {
		case !it.Find(s, p.ID):
			c.Out.Array(2)
			replyID(c.Out, p.ID)
			c.Out.NullArray()
		default:
			replyEntry(c.Out, &it)
			if !r.dry {
				g.Redeliver(p.ID, now)
				c.streams.claims.add(p.ID, consumer, now, p.Count+1)
			}
		}
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	c.Out.ArrayAt(mark, int(n))
	return nil
}

// wait makes the client wait. When it is served, $ and + are to mean what they mean now.
func (r *readArgs) wait(c *Ctx) error {
	w := Wait{
		On: db.Stream, Keys: c.Args[r.first : r.first+r.n], DeadlineMs: r.deadlineMs,
		Nothing: (*resp.Writer).NullArray, OrGone: r.grouped,
	}
	for i := range r.n {
		if arg := r.id(c, i); len(arg) == 1 && (arg[0] == '$' || arg[0] == '+') {
			if w.Again == nil {
				w.Again = append([][]byte(nil), c.Args...)
			}
			w.Again[r.first+r.n+i] = r.ids[i].Append(nil)
		}
	}
	return c.Wait(w)
}
