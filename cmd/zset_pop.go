package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Members taken from the ends of sorted sets, at once or when there are some:
//
//	ZPOPMIN key [count]       [member, score, ...]              of one set
//	BZPOPMIN key ... timeout  [key, member, score]              of the first that has any
//	ZMPOP, BZMPOP             [key, [[member, score], ...]]     the same, and as many as asked for

func zsetPopCommands() []*Command {
	pop := func(name, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -2, Run: run,
			Flags: Write | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RW|Access|Delete)},
			Doc: Doc{Group: "sorted_set", Since: "5.0.0", Complexity: "O(log(N)+M) for M members",
				Summary: summary, Syntax: "key [count]"},
		}
	}
	wait := func(name, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -3, Run: run,
			Flags: Write | Fast | Blocking, ACL: acl.SortedSet,
			Keys: []KeySpec{keys(1, -2, 1, RW|Access|Delete)},
			Doc: Doc{Group: "sorted_set", Since: "5.0.0", Complexity: "O(log(N))",
				Summary: summary, Syntax: "key [key ...] timeout",
				History: [][2]string{{"6.0.0", "Fractions of a second."}}},
		}
	}
	return []*Command{
		pop("zpopmin", "Takes the members with the lowest scores.", func(c *Ctx) error { return zpop(c, false) }),
		pop("zpopmax", "Takes the members with the highest scores.", func(c *Ctx) error { return zpop(c, true) }),
		{
			Name: "zmpop", Arity: -4, Run: zmpop,
			Flags: Write, ACL: acl.SortedSet,
			Keys: []KeySpec{numKeys(1, RW|Access|Delete)},
			Doc: Doc{Group: "sorted_set", Since: "7.0.0", Complexity: "O(K)+O(M*log(N)) for K keys and M members",
				Summary: "Takes members from either end of the first sorted set that has any.",
				Syntax:  "numkeys key [key ...] <MIN | MAX> [COUNT count]"},
		},
		wait("bzpopmin", "Takes the member with the lowest score, and waits for one if need be.", func(c *Ctx) error { return bzpop(c, false) }),
		wait("bzpopmax", "Takes the member with the highest score, and waits for one if need be.", func(c *Ctx) error { return bzpop(c, true) }),
		{
			Name: "bzmpop", Arity: -5, Run: bzmpop,
			Flags: Write | Blocking, ACL: acl.SortedSet,
			Keys: []KeySpec{numKeys(2, RW|Access|Delete)},
			Doc: Doc{Group: "sorted_set", Since: "7.0.0", Complexity: "O(K)+O(M*log(N)) for K keys and M members",
				Summary: "Takes members from either end of the first sorted set that has any, and waits for some if need be.",
				Syntax:  "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]"},
		},
	}
}

// zpop replies the members that it took and their scores: one after the other, in RESP3 in
// pairs if there is a count.
func zpop(c *Ctx, highest bool) error {
	if c.Argc() > 3 {
		return ErrSyntax
	}
	count, pairs := int64(1), false
	if c.Argc() == 3 {
		n, ok := resp.ParseInt(c.Arg(2))
		if !ok || n < 0 {
			return ErrPositive
		}
		count, pairs = n, c.Out.Proto == 3
	}
	z, err := c.zsetForWrite(1)
	if err != nil {
		return err
	}
	n := int(min(count, int64(z.Card())))
	if pairs {
		c.Out.Array(n)
	} else {
		c.Out.Array(2 * n)
	}
	return c.pop(&z, c.Arg(1), n, highest, pairs)
}

// pop takes n members from an end of a set, which has so many, and replies each and its
// score, each two in an array of their own if pairs is set.
func (c *Ctx) pop(z *db.SortedSet, key []byte, n int, highest, pairs bool) error {
	if n == 0 {
		return nil
	}
	from, event := 0, "zpopmin"
	if highest {
		from, event = z.Card()-1, "zpopmax"
	}
	// They lie in the set still when they are written, and stay there if they are too many.
	mark, full := c.Out.Mark(), false
	z.Each(from, n, highest, func(member []byte, score float64) bool {
		if pairs {
			c.Out.Array(2)
		}
		c.Out.Bulk(member)
		c.Out.Double(score)
		full = c.replyFull(mark)
		return !full
	})
	if full {
		return ErrReplyLimit
	}
	if highest {
		from -= n - 1
	}
	z.RemoveRange(from, n)
	c.shrunkAt(key, z, event)
	return nil
}

// firstOf finds the first of some keys that holds anything; not ok if none does.
func (c *Ctx) firstOf(keys [][]byte) (z db.SortedSet, key []byte, ok bool, err error) {
	for _, key := range keys {
		it := c.DB.ForWrite(key)
		if !it.OK() {
			continue
		}
		if it, err = ofType(it, db.ZSet); err != nil {
			return z, nil, false, err
		}
		return c.DB.ZSetOf(key, it), key, true, nil
	}
	return z, nil, false, nil
}

// bzpop replies key, member and score.
func bzpop(c *Ctx, highest bool) error {
	last := c.Argc() - 1
	deadline, err := c.Deadline(c.Arg(last))
	if err != nil {
		return err
	}
	z, key, ok, err := c.firstOf(c.Args[1:last])
	if err != nil {
		return err
	}
	if !ok {
		return c.Block(db.ZSet, c.Args[1:last], deadline, (*resp.Writer).NullArray)
	}
	c.Out.Array(3)
	c.Out.Bulk(key)
	if err := c.pop(&z, key, 1, highest, false); err != nil {
		return err
	}
	c.Rewrite(2).Str(zpopName(highest)).Arg(key)
	return nil
}

// mpop is what ZMPOP and BZMPOP ask for.
type mpop struct {
	keys    [][]byte
	highest bool
	count   int64
}

// readMpop reads the arguments from the number of keys on.
func readMpop(c *Ctx, at int) (m mpop, err error) {
	n, ok := resp.ParseInt(c.Arg(at))
	if !ok || n <= 0 {
		return m, ErrNumKeys
	}
	if n >= int64(c.Argc()-at-1) {
		return m, ErrSyntax
	}
	where := at + 1 + int(n)
	m.keys = c.Args[at+1 : where]
	switch {
	case fold(c.Arg(where), "MAX"):
		m.highest = true
	case !fold(c.Arg(where), "MIN"):
		return m, ErrSyntax
	}
	o := c.Opts(where + 1)
	for o.Next() {
		if m.count != 0 || !o.Is("COUNT") || o.Left() == 0 {
			return m, ErrSyntax
		}
		if m.count, ok = resp.ParseInt(o.Value()); !ok || m.count <= 0 {
			return m, ErrCount
		}
	}
	m.count = max(m.count, 1)
	return m, nil
}

// zmpop replies a key, and pairs of members and scores; or an absent array.
func zmpop(c *Ctx) error {
	m, err := readMpop(c, 1)
	if err != nil {
		return err
	}
	done, err := m.take(c)
	if err == nil && !done {
		c.Out.NullArray()
	}
	return err
}

// bzmpop is zmpop that waits.
func bzmpop(c *Ctx) error {
	m, err := readMpop(c, 2)
	if err != nil {
		return err
	}
	deadline, err := c.Deadline(c.Arg(1))
	if err != nil {
		return err
	}
	done, err := m.take(c)
	if err != nil || done {
		return err
	}
	return c.Block(db.ZSet, m.keys, deadline, (*resp.Writer).NullArray)
}

// take replies, if any of the keys holds anything.
func (m *mpop) take(c *Ctx) (done bool, err error) {
	z, key, ok, err := c.firstOf(m.keys)
	if err != nil || !ok {
		return false, err
	}
	n := int(min(m.count, int64(z.Card()), math.MaxInt))
	c.Out.Array(2)
	c.Out.Bulk(key)
	c.Out.Array(n)
	if err := c.pop(&z, key, n, m.highest, true); err != nil {
		return true, err
	}
	c.Rewrite(3).Str(zpopName(m.highest)).Arg(key).Int(int64(n))
	return true, nil
}

// zpopName is the command that takes members from an end of a sorted set.
func zpopName(highest bool) string {
	if highest {
		return "ZPOPMAX"
	}
	return "ZPOPMIN"
}
