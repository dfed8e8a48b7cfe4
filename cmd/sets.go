package cmd

import (
	"bytes"
	"slices"

	"redust/acl"
	"redust/db"
	"redust/db/listpack"
	"redust/db/table"
	"redust/resp"
)

// Sets, one by one; what combines several of them is in sets_algebra.go. A missing key is
// an empty set, and a set that has become empty is a missing key.

func setsCommands() []*Command {
	many := [][2]string{{"2.4.0", "Several members at once."}}
	return []*Command{
		{
			Name: "sadd", Arity: -3, Run: sadd, Member: 2,
			Flags: Write | DenyOOM | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RW|Insert)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members given",
				Summary: "Puts members into a set.", Syntax: "key member [member ...]", History: many},
		},
		{
			Name: "srem", Arity: -3, Run: srem, Member: 2,
			Flags: Write | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members given",
				Summary: "Takes members out of a set.", Syntax: "key member [member ...]", History: many},
		},
		{
			Name: "sismember", Arity: 3, Run: sismember, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Tells whether something is a member of a set.", Syntax: "key member"},
		},
		{
			Name: "smismember", Arity: -3, Run: smismember, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "set", Since: "6.2.0", Complexity: "O(N) where N is the number of members asked about",
				Summary: "Tells of several things whether they are members of a set.", Syntax: "key member [member ...]"},
		},
		{
			Name: "scard", Arity: 2, Run: scard,
			Flags: ReadOnly | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Counts the members of a set.", Syntax: "key"},
		},
		{
			Name: "smembers", Arity: 2, Run: smembers,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members",
				Summary: "Lists the members of a set.", Syntax: "key",
				Hints: []string{"nondeterministic_output_order"}},
		},
		{
			Name: "spop", Arity: -2, Run: spop,
			Flags: Write | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RW|Access|Delete)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(1); with a count O(N) where N is that count",
				Summary: "Takes members drawn at random out of a set.", Syntax: "key [count]",
				Hints: []string{"nondeterministic_output"}, Added: "count 3.2.0",
				History: [][2]string{{"3.2.0", "`count`."}}},
		},
		{
			Name: "srandmember", Arity: -2, Run: srandMember,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(1); with a count O(N) where N is that count",
				Summary: "Draws members of a set at random.", Syntax: "key [count]",
				Hints: []string{"nondeterministic_output"}, Added: "count 2.6.0",
				History: [][2]string{{"2.6.0", "`count`."}}},
		},
		{
			Name: "smove", Arity: 4, Run: smove, Member: 3,
			Flags: Write | Fast, ACL: acl.Set,
			Keys: []KeySpec{key(1, RW|Access|Delete), key(2, RW|Insert)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Moves a member from one set to another.", Syntax: "source destination member"},
		},
		{
			Name: "sscan", Arity: -3, Run: sscan,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "set", Since: "2.8.0", Complexity: "O(COUNT) a call, O(N) for a whole walk over N members",
				Summary: "Lists the members of a set piece by piece, by a cursor that leads from call to call.",
				Syntax:  "key cursor [MATCH pattern] [COUNT count]",
				Hints:   []string{"nondeterministic_output"}},
		},
	}
}

// members looks up the set under argument 1 for reading.
func (c *Ctx) members() (db.Members, error) {
	it, err := c.typed(1, db.Set)
	if err != nil {
		return db.Members{}, err
	}
	return it.Members(), nil
}

// editMembers looks up the set under argument 1 for changing.
func (c *Ctx) editMembers() (db.Members, error) {
	it, err := c.typedForWrite(1, db.Set)
	if err != nil {
		return db.Members{}, err
	}
	return c.DB.EditMembers(c.Arg(1), it), nil
}

// changedMembers ends a change to the set under key by which n members came or went: each of
// them counts as a change.
func (c *Ctx) changedMembers(s *db.Members, key []byte, event string, n int) {
	gone := s.Done()
	if n == 0 {
		return
	}
	c.Changed(c.DB, key, event)
	c.Server.Dirty += int64(n - 1)
	if gone {
		c.Gone(c.DB, key)
	}
}

// fitMembers guards what is to be added to a set.
func (c *Ctx) fitMembers(s *db.Members, members [][]byte) error {
	if c.Cfg.MaxValueBytes > 0 {
		for _, m := range members {
			if err := c.fits(int64(len(m))); err != nil {
				return err
			}
		}
	}
	if c.fitsElements(int64(s.Len()+len(members))) == nil {
		return nil
	}
	n := s.CountNew(members)
	if n == 0 {
		return nil
	}
	return c.fitsElements(int64(s.Len() + n))
}

// sadd replies how many members were new.
func sadd(c *Ctx) error {
	s, err := c.editMembers()
	if err != nil {
		return err
	}
	if err := c.fitMembers(&s, c.Args[2:]); err != nil {
		return err
	}
	n := s.Add(c.Args[2:])
	c.changedMembers(&s, c.Arg(1), "sadd", n)
	c.Out.Int(int64(n))
	return nil
}

// srem replies how many members there were to take out.
func srem(c *Ctx) error {
	s, err := c.editMembers()
	if err != nil {
		return err
	}
	n := s.Remove(c.Args[2:])
	c.changedMembers(&s, c.Arg(1), "srem", n)
	c.Out.Int(int64(n))
	return nil
}

func sismember(c *Ctx) error {
	s, err := c.members()
	if err != nil {
		return err
	}
	c.Out.Int(oneIf(s.Has(c.Arg(2))))
	return nil
}

// smismember replies 1 or 0 for each of its arguments.
func smismember(c *Ctx) error {
	s, err := c.members()
	if err != nil {
		return err
	}
	c.Out.Array(c.Argc() - 2)
	for i := 2; i < c.Argc(); i++ {
		if (i-2)%table.TouchMax == 0 {
			s.Touch(c.Args[i:])
		}
		c.Out.Int(oneIf(s.Has(c.Arg(i))))
	}
	return nil
}

func oneIf(ok bool) int64 {
	if ok {
		return 1
	}
	return 0
}

func scard(c *Ctx) error {
	s, err := c.members()
	if err != nil {
		return err
	}
	c.Out.Int(int64(s.Len()))
	return nil
}

// smembers replies integers in order, other small sets as they were filled, and large ones
// in no order.
func smembers(c *Ctx) error {
	s, err := c.members()
	if err != nil {
		return err
	}
	r := c.memberReply()
	c.room(s.Bytes(s.Len()), s.Len())
	c.Out.Set(s.Len())
	s.Each(r.write)
	return fullError(r.full)
}

// memberReply is a reply of members, which ends when it becomes too long.
type memberReply struct {
	c    *Ctx
	mark resp.Mark
	full bool
}

func (c *Ctx) memberReply() memberReply { return memberReply{c: c, mark: c.Out.Mark()} }

// write adds a member, and tells whether there is room for more.
func (r *memberReply) write(m listpack.Value) bool {
	r.c.bulk(m)
	r.full = r.c.replyFull(r.mark)
	return !r.full
}

// room makes room for a reply of n members that have so many bytes together: growing it bit
// by bit would copy a long one several times.
func (c *Ctx) room(size, n int) {
	const frame = 7 // bytes that a short member takes beside its own
	size += frame * n
	if limit := c.Cfg.MaxReplyBytes; limit > 0 {
		size = int(min(int64(size), limit))
	}
	c.Out.B = slices.Grow(c.Out.B, size)
}

// spop replies a member, or nil if there is none; with a count, a set of at most so many.
func spop(c *Ctx) error {
	n, many := int64(1), c.Argc() > 2
	if many {
		var ok bool
		if c.Argc() > 3 {
			return ErrSyntax
		}
		if n, ok = resp.ParseInt(c.Arg(2)); !ok || n < 0 {
			return ErrPositive
		}
	}
	s, err := c.editMembers()
	if err != nil {
		return err
	}
	n = min(n, int64(s.Len()))
	r := c.memberReply()
	switch {
	case many:
		c.room(s.Bytes(int(n)), int(n))
		c.Out.Set(int(n))
	case n == 0:
		c.Out.Null()
	}
	all := n == int64(s.Len())
	write, names := r.write, c.words()
	if c.Journal != nil && !all {
		write = func(m listpack.Value) bool {
			names.value(m)
			return r.write(m)
		}
	}
	if n > 0 && !s.Pop(int(n), write) {
		n = 0
	}
	c.changedMembers(&s, c.Arg(1), "spop", int(n))
	switch {
	case n == 0:
	case all:
		c.Rewrite(2).Str("DEL").Arg(c.Arg(1))
	default:
		names.rewrite(c, "SREM", c.Arg(1))
	}
	return fullError(r.full)
}

// srandMember replies a member, or nil if there is none; with a count, that many different
// ones, or all; with a negative count, that many drawn one by one.
func srandMember(c *Ctx) error {
	if c.Argc() > 3 {
		return ErrSyntax
	}
	count, many := int64(1), c.Argc() == 3
	if many {
		var err error
		if count, _, err = c.randomCount(""); err != nil {
			return err
		}
	}
	s, err := c.members()
	if err != nil {
		return err
	}
	r, n := c.memberReply(), min(count, int64(s.Len()))
	if s.Len() == 0 {
		n = 0
	} else if count < 0 {
		n = -count
	}
	switch {
	case many:
		c.Out.Array(int(n))
	case n == 0:
		c.Out.Null()
	}
	switch {
	case n == 0:
	case count == 1 || count < 0:
		s.Draw(int(n), r.write)
	case n == int64(s.Len()):
		s.Each(r.write)
	default:
		s.Sample(int(n), r.write)
	}
	return fullError(r.full)
}

// smove replies 1, or 0 if there was nothing to move. A member that is in the second set
// already only leaves the first.
func smove(c *Ctx) error {
	from, to, member := c.Arg(1), c.Arg(2), c.Args[3:4]
	// The second one first: should it have expired, its removal may move the first.
	it, wrong := c.typedForWrite(2, db.Set)
	dst := it.Members()
	src, err := c.editMembers()
	if err == nil && src.Len() > 0 {
		err = wrong
	}
	if err != nil {
		return err
	}
	if bytes.Equal(from, to) || !src.Has(member[0]) {
		c.Out.Int(oneIf(src.Has(member[0])))
		return nil
	}
	if !dst.Has(member[0]) {
		if err := c.fitsElements(int64(dst.Len() + 1)); err != nil {
			return err
		}
	}
	src.Remove(member)
	c.changedMembers(&src, from, "srem", 1)
	dst = c.DB.EditMembers(to, c.DB.Peek(to)) // the first may have moved it
	c.changedMembers(&dst, to, "sadd", dst.Add(member))
	c.Out.Int(1)
	return nil
}

// sscan replies the next cursor and a list of members.
func sscan(c *Ctx) error {
	s, err := c.scanArgs(db.Set)
	if err != nil {
		return err
	}
	members := s.it.Members()
	var tmp [20]byte
	return c.scanPages(s.cursor, s.count, func(cursor uint64) (next uint64, looked, replied int) {
		next = members.Scan(cursor, func(m listpack.Value) {
			looked++
			if s.passes(m.Text(&tmp)) {
				c.bulk(m)
				replied++
			}
		})
		return next, looked, replied
	})
}

// set folds in a set, in any order of its members.
func (d *dataDigest) set(s db.Members) {
	var room []byte
	s.Each(func(m listpack.Value) bool {
		room = m.Append(room[:0])
		d.xor(room)
		return true
	})
}
