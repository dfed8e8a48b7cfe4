package cmd

import (
	"redust/acl"
	"redust/db/stream"
	"redust/resp"
)

// Ranges of streams, and what an entry looks like in a reply: its ID, and an array of its
// names and values in turn.

func streamRangeCommands() []*Command {
	return []*Command{
		{
			Name: "xrange", Arity: -4, Run: xrange,
			Flags: ReadOnly, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N + M) for M entries in the reply",
				Summary: "Reads the entries between two IDs.", Syntax: "key start end [COUNT count]",
				History: [][2]string{{"6.2.0", "Exclusive ends."}}},
		},
		{
			Name: "xrevrange", Arity: -4, Run: xrevrange,
			Flags: ReadOnly, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N + M) for M entries in the reply",
				Summary: "Reads the entries between two IDs backward.", Syntax: "key end start [COUNT count]",
				History: [][2]string{{"6.2.0", "Exclusive ends."}}},
		},
	}
}

func xrange(c *Ctx) error    { return rangeOf(c, 2, 3) }
func xrevrange(c *Ctx) error { return rangeOf(c, 3, 2) }

// rangeOf replies the entries between the IDs in arguments start and end; those in argument
// 2 come first.
func rangeOf(c *Ctx, start, end int) error {
	from, err := rangeStart(c.Arg(start))
	if err != nil {
		return err
	}
	to, err := rangeEnd(c.Arg(end))
	if err != nil {
		return err
	}
	count, limited := int64(0), false
	o := c.Opts(4)
	for o.Next() {
		if !o.Is("COUNT") || o.Left() == 0 {
			o.Fail(ErrSyntax)
			break
		}
		count, limited = o.Int(), true
	}
	if o.Err != nil {
		return o.Err
	}
	s, err := c.streamAt(1)
	switch {
	case err != nil:
		return err
	case s == nil:
		c.Out.Array(0)
		return nil
	case limited && count <= 0:
		c.Out.NullArray()
		return nil
	}
	var it stream.Iter
	if start < end {
		it.Range(s, from, to)
	} else {
		it.RangeBack(s, from, to)
	}
	return c.replyEntries(&it, count)
}

// replyEntries replies the entries that are left in an iterator as an array, at most count
// of them unless count is 0.
func (c *Ctx) replyEntries(it *stream.Iter, count int64) error {
	n, mark := 0, c.Out.Mark()
	for it.Next() {
		replyEntry(c.Out, it)
		n++
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
		if int64(n) == count {
			break
		}
	}
	c.Out.ArrayAt(mark, n)
	return nil
}

// replyEntry replies the entry under an iterator.
func replyEntry(w *resp.Writer, it *stream.Iter) {
	w.Array(2)
	replyID(w, it.ID)
	w.Array(2 * it.N)
	var tmp [20]byte
	for range it.N {
		name, value := it.Field()
		w.Bulk(name.Text(&tmp))
		w.Bulk(value.Text(&tmp))
	}
}
