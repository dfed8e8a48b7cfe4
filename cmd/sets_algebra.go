package cmd

import (
	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Sets, several at once. The work is done by db.Sets: it finds out which members are in
// the result, and how many they are, before the first is written, so a reply begins with its
// length and nothing is copied on the way. A missing key is an empty set.

func setsAlgebraCommands() []*Command {
	unordered := []string{"nondeterministic_output_order"}
	sources := keys(2, -1, 1, RO|Access)
	return []*Command{
		{
			Name: "sinter", Arity: -2, Run: sinter,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{keys(1, -1, 1, RO|Access)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
				Summary: "Lists the members that several sets have in common.", Syntax: "key [key ...]", Hints: unordered},
		},
		{
			Name: "sintercard", Arity: -3, Run: sinterCard,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{{Flags: RO | Access, Begin: Begin{Index: 1}, Find: Find{KeyNum: true, First: 1, Step: 1}}},
			Doc: Doc{Group: "set", Since: "7.0.0", Complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
				Summary: "Counts the members that several sets have in common.", Syntax: "numkeys key [key ...] [LIMIT limit]"},
		},
		{
			Name: "sinterstore", Arity: -3, Run: sinterStore,
			Flags: Write | DenyOOM, ACL: acl.Set,
			Keys: []KeySpec{key(1, OW|Update), sources},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
				Summary: "Stores the members that several sets have in common.", Syntax: "destination key [key ...]"},
		},
		{
			Name: "sunion", Arity: -2, Run: sunion,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{keys(1, -1, 1, RO|Access)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members in all sets",
				Summary: "Lists the members of several sets.", Syntax: "key [key ...]", Hints: unordered},
		},
		{
			Name: "sunionstore", Arity: -3, Run: sunionStore,
			Flags: Write | DenyOOM, ACL: acl.Set,
			Keys: []KeySpec{key(1, OW|Update), sources},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members in all sets",
				Summary: "Stores the members of several sets.", Syntax: "destination key [key ...]"},
		},
		{
			Name: "sdiff", Arity: -2, Run: sdiff,
			Flags: ReadOnly, ACL: acl.Set,
			Keys: []KeySpec{keys(1, -1, 1, RO|Access)},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members in all sets",
				Summary: "Lists the members of a set that no other set has.", Syntax: "key [key ...]", Hints: unordered},
		},
		{
			Name: "sdiffstore", Arity: -3, Run: sdiffStore,
			Flags: Write | DenyOOM, ACL: acl.Set,
			Keys: []KeySpec{key(1, OW|Update), sources},
			Doc: Doc{Group: "set", Since: "1.0.0", Complexity: "O(N) where N is the number of members in all sets",
				Summary: "Stores the members of a set that no other set has.", Syntax: "destination key [key ...]"},
		},
	}
}

// sets looks up the sets under arguments from to to, the last excluded. Forget ends what
// this has begun.
func (c *Ctx) sets(from, to int) (*db.Sets, error) {
	s := c.KS.Sets()
	for i := from; i < to; i++ {
		it, err := c.typed(i, db.Set)
		if err != nil {
			s.Forget()
			return nil, err
		}
		s.Add(it)
	}
	return s, nil
}

func intersect(s *db.Sets) { s.Intersect(0) }

func sinter(c *Ctx) error { return listSets(c, intersect) }
func sunion(c *Ctx) error { return listSets(c, (*db.Sets).Union) }
func sdiff(c *Ctx) error  { return listSets(c, (*db.Sets).Subtract) }

// listSets replies what op makes of the sets, as a set.
func listSets(c *Ctx, op func(*db.Sets)) error {
	s, err := c.sets(1, c.Argc())
	if err != nil {
		return err
	}
	defer s.Forget()
	op(s)
	mark := c.Out.Mark()
	c.room(s.Bytes(), s.Len())
	c.Out.Set(s.Len())
	return c.writeMembers(mark, s.Each)
}

func sinterStore(c *Ctx) error { return storeSets(c, intersect, "sinterstore") }
func sunionStore(c *Ctx) error { return storeSets(c, (*db.Sets).Union, "sunionstore") }
func sdiffStore(c *Ctx) error  { return storeSets(c, (*db.Sets).Subtract, "sdiffstore") }

// storeSets stores what op makes of the sets under the first key, in place of whatever was
// there, and replies how many members that are. Nothing is stored if there are none.
func storeSets(c *Ctx, op func(*db.Sets), event string) error {
	s, err := c.sets(2, c.Argc())
	if err != nil {
		return err
	}
	defer s.Forget()
	op(s)
	n := s.Len()
	if err := c.fitsElements(int64(n)); err != nil {
		return err
	}
	had := s.Store(c.DB, c.Arg(1))
	switch {
	case n > 0:
		c.Changed(c.DB, c.Arg(1), event)
	case had:
		c.Changed(c.DB, c.Arg(1), "del")
	}
	c.Out.Int(int64(n))
	return nil
}

// sinterCard replies how many members all sets have in common, or the limit, if that is
// reached first; a limit of 0 is none.
func sinterCard(c *Ctx) error {
	n, ok := resp.ParseInt(c.Arg(1))
	switch {
	case !ok || n <= 0:
		return ErrNumKeys
	case n > int64(c.Argc()-2):
		return ErrManyKeys
	}
	end, limit := 2+int(n), int64(0)
	o := c.Opts(end)
	for o.Next() {
		if !o.Is("LIMIT") || o.Left() == 0 {
			o.Fail(ErrSyntax)
		} else if limit, ok = resp.ParseInt(o.Value()); !ok || limit < 0 {
			o.Fail(ErrSetLimit)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	s, err := c.sets(2, end)
	if err != nil {
		return err
	}
	defer s.Forget()
	s.Intersect(int(limit))
	found := int64(s.Len())
	if limit > 0 {
		found = min(found, limit)
	}
	c.Out.Int(found)
	return nil
}
