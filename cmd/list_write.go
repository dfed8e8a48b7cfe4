package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
)

func listWriteCommands() []*Command {
	const perElement = "O(N) where N is the number of elements added"
	push := func(name, since, summary string, run func(*Ctx) error, history [][2]string) *Command {
		return &Command{
			Name: name, Arity: -3, Run: run,
			Flags: Write | DenyOOM | Fast, ACL: acl.List,
			Keys: []KeySpec{key(1, RW|Insert)},
			Doc: Doc{Group: "list", Since: since, Complexity: perElement,
				Summary: summary, Syntax: "key element [element ...]", History: history},
		}
	}
	pop := func(name, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -2, Run: run,
			Flags: Write | Fast, ACL: acl.List,
			Keys: []KeySpec{key(1, RW|Access|Delete)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(N) where N is the number of elements returned",
				Summary: summary, Syntax: "key [count]", Added: "count 6.2.0",
				History: [][2]string{{"6.2.0", "Added the `count` argument."}}},
		}
	}
	several := func(version string) [][2]string {
		return [][2]string{{version, "Accepts multiple `element` arguments."}}
	}
	return []*Command{
		push("lpush", "1.0.0", "Adds elements in front of a list.", lpush, several("2.4.0")),
		push("rpush", "1.0.0", "Adds elements at the end of a list.", rpush, several("2.4.0")),
		push("lpushx", "2.2.0", "Adds elements in front of a list that exists.", lpushX, several("4.0.0")),
		push("rpushx", "2.2.0", "Adds elements at the end of a list that exists.", rpushX, several("4.0.0")),
		pop("lpop", "Takes the first elements away and returns them.", lpop),
		pop("rpop", "Takes the last elements away and returns them.", rpop),
		{
			Name: "lset", Arity: 4, Run: lset,
			Flags: Write | DenyOOM, ACL: acl.List,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(log N) where N is the length of the list",
				Summary: "Replaces the element with an index.", Syntax: "key index element"},
		},
		{
			Name: "linsert", Arity: 5, Run: linsert,
			Flags: Write | DenyOOM, ACL: acl.List,
			Keys: []KeySpec{key(1, RW|Insert)},
			Doc: Doc{Group: "list", Since: "2.2.0", Complexity: "O(N) where N is the number of elements in front of the pivot",
				Summary: "Adds an element beside another.", Syntax: "key <BEFORE | AFTER> pivot element"},
		},
		{
			Name: "lrem", Arity: 4, Run: lrem,
			Flags: Write, ACL: acl.List,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(N) where N is the length of the list",
				Summary: "Takes elements away that are equal to one.", Syntax: "key count element"},
		},
		{
			Name: "ltrim", Arity: 4, Run: ltrim,
			Flags: Write, ACL: acl.List,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(log N) where N is the length of the list, however much is taken away",
				Summary: "Takes all elements away that are not in a range.", Syntax: "key start stop"},
		},
	}
}

// editElements looks up the list under argument i for changing. Done counts as the access.
func (c *Ctx) editElements(e *db.ElementsEdit, i int) error {
	it := c.DB.Peek(c.Arg(i))
	if it.OK() && it.Type() != db.List {
		return ErrWrongType
	}
	e.Begin(c.DB, c.Arg(i), it)
	return nil
}

// changedElements ends a change to the list under argument i.
func (c *Ctx) changedElements(e *db.ElementsEdit, i int, event string) {
	gone := e.Done()
	c.Changed(c.DB, c.Arg(i), event)
	if gone {
		c.Gone(c.DB, c.Arg(i))
	}
}

// fitMore guards what a change would add to a list.
func (c *Ctx) fitMore(e *db.ElementsEdit, vals ...[]byte) error {
	if c.Cfg.MaxValueBytes > 0 {
		for _, b := range vals {
			if err := c.fits(int64(len(b))); err != nil {
				return err
			}
		}
	}
	return c.fitsElements(int64(e.Len() + len(vals)))
}

func lpush(c *Ctx) error  { return push(c, true, false) }
func rpush(c *Ctx) error  { return push(c, false, false) }
func lpushX(c *Ctx) error { return push(c, true, true) }
func rpushX(c *Ctx) error { return push(c, false, true) }

// push replies the length of the list then. If it must be there and is not, nothing is done.
func push(c *Ctx, left, mustExist bool) error {
	var e db.ElementsEdit
	if err := c.editElements(&e, 1); err != nil {
		return err
	}
	if mustExist && e.Len() == 0 {
		c.Out.Int(0)
		return nil
	}
	vals := c.Args[2:]
	if err := c.fitMore(&e, vals...); err != nil {
		return err
	}
	bytes := 0
	for _, v := range vals {
		bytes += len(v)
	}
	e.Expect(len(vals), bytes)
	for _, v := range vals {
		e.Push(left, v)
	}
	n := e.Len()
	c.changedElements(&e, 1, pushed(left))
	c.Out.Int(int64(n))
	return nil
}

// pushed names the event of a push.
func pushed(left bool) string {
	if left {
		return "lpush"
	}
	return "rpush"
}

// popped names the event of a pop.
func popped(left bool) string {
	if left {
		return "lpop"
	}
	return "rpop"
}

func lpop(c *Ctx) error { return pop(c, true) }
func rpop(c *Ctx) error { return pop(c, false) }

// pop replies an element, or nil; with a count, a list of so many, or an absent one if there
// is no key.
func pop(c *Ctx, left bool) error {
	if c.Argc() > 3 {
		return errArity(c.Cmd.FullName)
	}
	count := int64(1)
	if c.Argc() == 3 {
		var err error
		if count, err = c.positive(2); err != nil {
			return err
		}
	}
	var e db.ElementsEdit
	if err := c.editElements(&e, 1); err != nil {
		return err
	}
	switch n := e.Len(); {
	case n == 0 && c.Argc() == 3:
		c.Out.NullArray()
	case n == 0:
		c.Out.Null()
	case count == 0:
		c.Out.Array(0)
	case c.Argc() == 2:
		c.bulk(e.Get(end(left, n)))
		c.taken(&e, 1, left, 1)
	default:
		return c.take(&e, 1, left, count)
	}
	return nil
}

// end is the index of the element at one end of a list of length n.
func end(left bool, n int) int {
	if left {
		return 0
	}
	return n - 1
}

// take replies up to count elements from one end of the list under argument i, which has
// some, and takes them away. They lie in the list still when they are written.
func (c *Ctx) take(e *db.ElementsEdit, i int, left bool, count int64) error {
	have := e.Len()
	n := int(min(count, int64(have)))
	var err error
	if left {
		err = c.listed(&e.Elements, 0, n)
	} else {
		err = c.listedBack(&e.Elements, have-1, n)
	}
	if err != nil {
		return err
	}
	c.taken(e, i, left, n)
	return nil
}

// taken takes n elements away from one end of the list under argument i.
func (c *Ctx) taken(e *db.ElementsEdit, i int, left bool, n int) {
	e.Trim(left, n)
	c.changedElements(e, i, popped(left))
}

// lset replies OK.
func lset(c *Ctx) error {
	var e db.ElementsEdit
	if err := c.editElements(&e, 1); err != nil {
		return err
	}
	if e.Len() == 0 {
		return ErrNoKey
	}
	i, err := c.Int(2)
	if err != nil {
		return err
	}
	val := c.Arg(3)
	if err := c.fits(int64(len(val))); err != nil {
		return err
	}
	index, ok := indexIn(i, e.Len())
	if !ok {
		return ErrIndex
	}
	e.Set(index, val)
	c.changedElements(&e, 1, "lset")
	c.Out.OK()
	return nil
}

// linsert replies the length of the list then, -1 if the pivot is not there, 0 if there is
// no list.
func linsert(c *Ctx) error {
	var after bool
	switch {
	case fold(c.Arg(2), "AFTER"):
		after = true
	case !fold(c.Arg(2), "BEFORE"):
		return ErrSyntax
	}
	var e db.ElementsEdit
	if err := c.editElements(&e, 1); err != nil {
		return err
	}
	if e.Len() == 0 {
		c.Out.Int(0)
		return nil
	}
	pivot := -1
	e.Search(c.Arg(3), false, e.Len(), func(i int) bool {
		pivot = i
		return false
	})
	if pivot < 0 {
		e.Done()
		c.Out.Int(-1)
		return nil
	}
	val := c.Arg(4)
	if err := c.fitMore(&e, val); err != nil {
		return err
	}
	if after {
		pivot++
	}
	e.Insert(pivot, val)
	n := e.Len()
	c.changedElements(&e, 1, "linsert")
	c.Out.Int(int64(n))
	return nil
}

// lrem replies how many elements are gone: the first ones, the last if the count is
// negative, all if it is 0.
func lrem(c *Ctx) error {
	count, err := c.Int(2)
	if err != nil {
		return err
	}
	var e db.ElementsEdit
	if err := c.editElements(&e, 1); err != nil {
		return err
	}
	most, back := count, count < 0
	switch {
	case count == 0 || count == math.MinInt64:
		most = math.MaxInt64
	case back:
		most = -count
	}
	n := e.RemoveEqual(c.Arg(3), int(most), back)
	if n > 0 {
		c.changedElements(&e, 1, "lrem")
	} else {
		e.Done()
	}
	c.Out.Int(int64(n))
	return nil
}

// ltrim replies OK.
func ltrim(c *Ctx) error {
	from, err := c.Int(2)
	if err != nil {
		return err
	}
	to, err := c.Int(3)
	if err != nil {
		return err
	}
	var e db.ElementsEdit
	if err := c.editElements(&e, 1); err != nil {
		return err
	}
	n := e.Len()
	switch first, stay := span(from, to, n); {
	case n == 0:
	case stay == n:
		e.Done()
		c.Touched(c.DB, c.Arg(1), "ltrim")
	default:
		e.Trim(false, n-first-stay)
		e.Trim(true, first)
		c.changedElements(&e, 1, "ltrim")
	}
	c.Out.OK()
	return nil
}
