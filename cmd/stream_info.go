package cmd

import (
	"bytes"

	"redust/acl"
	"redust/db"
	"redust/db/stream"
)

// XINFO looks into a stream, its groups, and their consumers.

func streamInfoCommands() []*Command {
	return []*Command{{
		Name: "xinfo", Arity: -2,
		Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "Depends on subcommand.",
			Summary: "Container of commands that look into streams."},
		Subs: []*Command{
			{
				Name: "consumers", Arity: 4, Run: xinfoConsumers,
				Flags: ReadOnly, ACL: acl.Stream,
				Keys: []KeySpec{key(2, RO|Access)},
				Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(N) for N consumers",
					Summary: "Lists the consumers of a group.", Syntax: "key group",
					Hints:   []string{"nondeterministic_output"},
					History: [][2]string{{"7.2.0", "The field inactive."}}},
			},
			{
				Name: "groups", Arity: 3, Run: xinfoGroups,
				Flags: ReadOnly, ACL: acl.Stream,
				Keys: []KeySpec{key(2, RO|Access)},
				Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(N) for N groups",
					Summary: "Lists the groups of a stream.", Syntax: "key",
					History: [][2]string{{"7.0.0", "The fields entries-read and lag."}}},
			},
			{
				Name: "stream", Arity: -3, Run: xinfoStream,
				Flags: ReadOnly, ACL: acl.Stream,
				Keys: []KeySpec{key(2, RO|Access)},
				Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1); with FULL O(N) for N entries, groups and consumers in the reply",
					Summary: "Tells about a stream.", Syntax: "key [FULL [COUNT count]]",
					History: [][2]string{
						{"6.0.0", "The option FULL."},
						{"7.0.0", "The fields max-deleted-entry-id, entries-added, recorded-first-entry-id, entries-read and lag."},
						{"7.2.0", "The field active-time."},
					}},
			},
			{
				Name: "help", Arity: 2, Run: help,
				Flags: Loading | Stale, ACL: acl.Stream,
				Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1)",
					Summary: "Lists these subcommands."},
			},
		},
	}}
}

// infoStream looks up the stream of an XINFO command, which must exist.
func infoStream(c *Ctx) (*stream.Stream, error) {
	it, err := c.typed(2, db.Stream)
	if err == nil && !it.OK() {
		err = ErrNoKey
	}
	return it.Stream(), err
}

// xinfoConsumers replies for each consumer: pending entries, and milliseconds since it
// asked, and since it was given something, -1 if it never was.
func xinfoConsumers(c *Ctx) error {
	s, err := infoStream(c)
	if err != nil {
		return err
	}
	g := s.Group(c.Arg(3))
	if g == nil {
		return errNoGroupOf(c.Arg(2), c.Arg(3))
	}
	now := c.KS.Now()
	c.Out.Array(g.Consumers())
	for i := range g.Consumers() {
		one := g.ConsumerAt(i)
		inactive := int64(-1)
		if one.Active >= 0 {
			inactive = max(now-one.Active, 0)
		}
		c.Out.Map(4)
		c.Out.Str("name")
		c.Out.Str(one.Name)
		c.infoInt("pending", int64(one.Pending()))
		c.infoInt("idle", max(now-one.Seen, 0))
		c.infoInt("inactive", inactive)
	}
	return nil
}

func (c *Ctx) infoInt(name string, n int64) {
	c.Out.Str(name)
	c.Out.Int(n)
}

func (c *Ctx) infoID(name string, id stream.ID) {
	c.Out.Str(name)
	replyID(c.Out, id)
}

// infoMaybe is infoInt for a number that may be unknown.
func (c *Ctx) infoMaybe(name string, n int64, known bool) {
	c.Out.Str(name)
	if known {
		c.Out.Int(n)
	} else {
		c.Out.Null()
	}
}

// infoProgress replies how far a group has read.
func (c *Ctx) infoProgress(s *stream.Stream, g *stream.Group) {
	c.infoID("last-delivered-id", g.Last)
	c.infoMaybe("entries-read", g.Read, g.Read != stream.UnknownRead)
	lag, known := s.Lag(g)
	c.infoMaybe("lag", lag, known)
}

func xinfoGroups(c *Ctx) error {
	s, err := infoStream(c)
	if err != nil {
		return err
	}
	c.Out.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.Map(6)
		c.Out.Str("name")
		c.Out.Str(g.Name)
		c.infoInt("consumers", int64(g.Consumers()))
		c.infoInt("pending", int64(g.Pending()))
		c.infoProgress(s, g)
	}
	return nil
}

// xinfoStream replies what the stream knows of itself, and its first and last entry; with
// FULL the first entries, and all groups with their first pending entries.
func xinfoStream(c *Ctx) error {
	s, err := infoStream(c)
	if err != nil {
		return err
	}
	full, count := c.Argc() > 3, int64(10)
	if full {
		n := c.Argc()
		if n > 4 && (n != 6 || !fold(c.Arg(4), "COUNT")) || !fold(c.Arg(3), "FULL") {
			return errSubSyntax(c)
		}
		if n == 6 {
			asked, err := c.Int(5)
			if err != nil {
				return err
			}
			if asked >= 0 {
				count = asked
			}
		}
		c.Out.Map(9)
	} else {
		c.Out.Map(10)
	}
	c.infoInt("length", int64(s.Len()))
	c.infoInt("radix-tree-keys", int64(s.Blocks()))
	c.infoInt("radix-tree-nodes", int64(s.RadixNodes()))
	c.infoID("last-generated-id", s.Last())
	c.infoID("max-deleted-entry-id", s.MaxDeleted())
	c.infoInt("entries-added", s.Added())
	c.infoID("recorded-first-entry-id", s.First())
	var it stream.Iter
	if full {
		c.Out.Str("entries")
		it.Range(s, stream.ID{}, stream.MaxID())
		if err := c.replyEntries(&it, count); err != nil {
			return err
		}
		return infoGroupsFull(c, s, count)
	}
	c.infoInt("groups", int64(len(s.Groups())))
	c.Out.Str("first-entry")
	it.Range(s, stream.ID{}, stream.MaxID())
	infoEntry(c, &it)
	c.Out.Str("last-entry")
	it.RangeBack(s, stream.ID{}, stream.MaxID())
	infoEntry(c, &it)
	return nil
}

func infoEntry(c *Ctx, it *stream.Iter) {
	if it.Next() {
		replyEntry(c.Out, it)
	} else {
		c.Out.Null()
	}
}

// infoGroupsFull replies all groups and consumers, each with its first count pending
// entries, all of them if count is 0.
func infoGroupsFull(c *Ctx, s *stream.Stream, count int64) error {
	mark := c.Out.Mark()
	c.Out.Str("groups")
	c.Out.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.Map(7)
		c.Out.Str("name")
		c.Out.Str(g.Name)
		c.infoProgress(s, g)
		c.infoInt("pel-count", int64(g.Pending()))
		if err := infoPending(c, g, nil, count); err != nil {
			return err
		}
		c.Out.Str("consumers")
		c.Out.Array(g.Consumers())
		for i := range g.Consumers() {
			one := g.ConsumerAt(i)
			c.Out.Map(5)
			c.Out.Str("name")
			c.Out.Str(one.Name)
			c.infoInt("seen-time", one.Seen)
			c.infoInt("active-time", one.Active)
			c.infoInt("pel-count", int64(one.Pending()))
			if err := infoPending(c, g, one, count); err != nil {
				return err
			}
		}
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	return nil
}

// infoPending replies the first pending entries of a group, with whose they are, or of one
// consumer.
func infoPending(c *Ctx, g *stream.Group, one *stream.Consumer, count int64) error {
	c.Out.Str("pending")
	n, mark := int64(0), c.Out.Mark()
	var p stream.Pendings
	for p.From(g, one, stream.ID{}); (count == 0 || n < count) && p.Next(); n++ {
		if one == nil {
			c.Out.Array(4)
			replyID(c.Out, p.ID)
			c.Out.Str(p.Consumer.Name)
		} else {
			c.Out.Array(3)
			replyID(c.Out, p.ID)
		}
		c.Out.Int(p.At)
		c.Out.Int(p.Count)
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	c.Out.ArrayAt(mark, int(n))
	return nil
}

// stream folds in the entries of a stream, groups aside, as DEBUG DIGEST has them:
//
//	for each entry, in order:  d = mix(d, "ms.seq"), then its names and values
func (d *dataDigest) stream(s *stream.Stream) {
	var it stream.Iter
	var tmp [stream.IDLen]byte
	var digits [20]byte
	for it.Range(s, stream.ID{}, stream.MaxID()); it.Next(); {
		id := it.ID.Append(tmp[:0])
		id[bytes.IndexByte(id, '-')] = '.'
		d.mix(id)
		for range it.N {
			name, value := it.Field()
			d.mix(name.Text(&digits))
			d.mix(value.Text(&digits))
		}
	}
}
