package cmd

import (
	"bytes"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Lists taken from where there is something, or moved between keys, and the commands that
// wait for it. Those that wait are the others with a deadline: each tries, and blocks if
// there is nothing.

func listMoveCommands() []*Command {
	const where, sides = "<LEFT | RIGHT>", "<LEFT | RIGHT> <LEFT | RIGHT>"
	from, to := key(1, RW|Access|Delete), key(2, RW|Insert)
	asDouble := [][2]string{{"6.0.0", "`timeout` is interpreted as a double instead of an integer."}}
	listed := func(i int) KeySpec {
		return KeySpec{Flags: RW | Access | Delete, Begin: Begin{Index: i}, Find: Find{KeyNum: true, First: 1, Step: 1}}
	}
	return []*Command{
		{
			Name: "lmove", Arity: 5, Run: lmove,
			Flags: Write | DenyOOM, ACL: acl.List,
			Keys: []KeySpec{from, to},
			Doc: Doc{Group: "list", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Moves an element from one list to another, and returns it.", Syntax: "source destination " + sides},
		},
		{
			Name: "rpoplpush", Arity: 3, Run: rpopLPush,
			Flags: Write | DenyOOM, ACL: acl.List,
			Keys: []KeySpec{from, to},
			Doc: Doc{Group: "list", Since: "1.2.0", Complexity: "O(1)",
				Summary: "Moves the last element of one list to the front of another, and returns it.", Syntax: "source destination",
				Deprecated: "6.2.0", ReplacedBy: "`LMOVE` with the `RIGHT` and `LEFT` arguments"},
		},
		{
			Name: "lmpop", Arity: -4, Run: lmpop,
			Flags: Write, ACL: acl.List,
			Keys: []KeySpec{listed(1)},
			Doc: Doc{Group: "list", Since: "7.0.0", Complexity: "O(N+M) where N is the number of keys and M the number of elements returned",
				Summary: "Takes elements from the first of several lists that has any.",
				Syntax:  "numkeys key [key ...] " + where + " [COUNT count]"},
		},
		{
			Name: "blpop", Arity: -3, Run: blpop,
			Flags: Write | Blocking, ACL: acl.List,
			Keys: []KeySpec{keys(1, -2, 1, RW|Access|Delete)},
			Doc: Doc{Group: "list", Since: "2.0.0", Complexity: "O(N) where N is the number of keys",
				Summary: "Takes the first element of the first of several lists that has any, or waits for one.",
				Syntax:  "key [key ...] timeout", History: asDouble},
		},
		{
			Name: "brpop", Arity: -3, Run: brpop,
			Flags: Write | Blocking, ACL: acl.List,
			Keys: []KeySpec{keys(1, -2, 1, RW|Access|Delete)},
			Doc: Doc{Group: "list", Since: "2.0.0", Complexity: "O(N) where N is the number of keys",
				Summary: "Takes the last element of the first of several lists that has any, or waits for one.",
				Syntax:  "key [key ...] timeout", History: asDouble},
		},
		{
			Name: "blmove", Arity: 6, Run: blmove,
			Flags: Write | DenyOOM | Blocking, ACL: acl.List,
			Keys: []KeySpec{from, to},
			Doc: Doc{Group: "list", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Moves an element from one list to another, and returns it; waits for one if there is none.",
				Syntax:  "source destination " + sides + " timeout"},
		},
		{
			Name: "brpoplpush", Arity: 4, Run: brpopLPush,
			Flags: Write | DenyOOM | Blocking, ACL: acl.List,
			Keys: []KeySpec{from, to},
			Doc: Doc{Group: "list", Since: "2.2.0", Complexity: "O(1)",
				Summary: "Moves the last element of one list to the front of another, and returns it; waits for one if there is none.",
				Syntax:  "source destination timeout", History: asDouble,
				Deprecated: "6.2.0", ReplacedBy: "`BLMOVE` with the `RIGHT` and `LEFT` arguments"},
		},
		{
			Name: "blmpop", Arity: -5, Run: blmpop,
			Flags: Write | Blocking, ACL: acl.List,
			Keys: []KeySpec{listed(2)},
			Doc: Doc{Group: "list", Since: "7.0.0", Complexity: "O(N+M) where N is the number of keys and M the number of elements returned",
				Summary: "Takes elements from the first of several lists that has any, or waits for some.",
				Syntax:  "timeout numkeys key [key ...] " + where + " [COUNT count]"},
		},
	}
}

// side reads argument i as an end of a list.
func (c *Ctx) side(i int) (left bool, err error) {
	switch {
	case fold(c.Arg(i), "LEFT"):
		return true, nil
	case fold(c.Arg(i), "RIGHT"):
		return false, nil
	}
	return false, ErrSyntax
}

// sides reads arguments 3 and 4 as the ends of two lists.
func (c *Ctx) sides() (from, to bool, err error) {
	if from, err = c.side(3); err != nil {
		return
	}
	to, err = c.side(4)
	return
}

func lmove(c *Ctx) error {
	from, to, err := c.sides()
	if err != nil {
		return err
	}
	return moveOrNull(c, from, to)
}

func rpopLPush(c *Ctx) error { return moveOrNull(c, false, true) }

// moveOrNull replies the element that it moves, or nil.
func moveOrNull(c *Ctx, from, to bool) error {
	moved, err := moveElement(c, from, to)
	if err == nil && !moved {
		c.Out.Null()
	}
	return err
}

func blmove(c *Ctx) error {
	from, to, err := c.sides()
	if err != nil {
		return err
	}
	return moveOrWait(c, from, to, 5)
}

func brpopLPush(c *Ctx) error { return moveOrWait(c, false, true, 3) }

// moveOrWait replies the element that it moves, or waits for one until the time in argument
// timeout is over.
func moveOrWait(c *Ctx, from, to bool, timeout int) error {
	deadlineMs, err := c.Deadline(c.Arg(timeout))
	if err != nil {
		return err
	}
	if moved, err := moveElement(c, from, to); moved || err != nil {
		if moved && timeout == 3 {
			c.Rewrite(3).Str("RPOPLPUSH").Args(c.Args[1:3])
		} else if moved {
			c.Rewrite(5).Str("LMOVE").Args(c.Args[1:5])
		}
		return err
	}
	return c.Block(db.List, c.Args[1:2], deadlineMs, (*resp.Writer).Null)
}

// moveElement takes an element from one end of the list under argument 1, adds it at one of
// the list under argument 2, and replies it. It tells whether there was one. The element is
// added first, as the order of events has it, and is gone from where it was only then.
func moveElement(c *Ctx, from, to bool) (moved bool, err error) {
	var src, dst db.ElementsEdit
	if err := c.editElements(&src, 1); err != nil || src.Len() == 0 {
		return false, err
	}
	if bytes.Equal(c.Arg(1), c.Arg(2)) {
		c.rotate(&src, from, to)
		return true, nil
	}
	if err := c.editElements(&dst, 2); err != nil {
		return false, err
	}
	if err := c.fitsElements(int64(dst.Len() + 1)); err != nil {
		return false, err
	}
	v := src.Get(end(from, src.Len()))
	c.bulk(v)
	var tmp [20]byte
	dst.Expect(1, len(v.Str))
	dst.Push(to, v.Text(&tmp))
	c.changedElements(&dst, 2, pushed(to))
	// The database has changed: the source is to be found again.
	var left db.ElementsEdit
	if err := c.editElements(&left, 1); err != nil {
		return false, err
	}
	c.taken(&left, 1, from, 1)
	return true, nil
}

// rotate moves an element from one end of the list under arguments 1 and 2 to the other, or
// to where it was, and replies it.
func (c *Ctx) rotate(e *db.ElementsEdit, from, to bool) {
	v := e.Get(end(from, e.Len()))
	mark := c.Out.Mark()
	c.bulk(v)
	// The reply is also where the element is while it is in no list.
	text := c.Out.B[mark:]
	text = text[bytes.IndexByte(text, '\n')+1 : len(text)-len("\r\n")]
	e.Trim(from, 1)
	e.Expect(1, len(v.Str))
	e.Push(to, text)
	c.changedElements(e, 1, pushed(to))
	c.Also(c.DB, c.Arg(1), popped(from))
}

// popArgs are the arguments of LMPOP and BLMPOP.
type popArgs struct {
	first, last int // arguments that are keys
	left        bool
	count       int64
}

// popArgs reads them from argument i on.
func (c *Ctx) popArgs(i int) (p popArgs, err error) {
	n, err := c.Int(i)
	if err != nil || n < 1 {
		return p, ErrNumKeys
	}
	if n >= int64(c.Argc()-i-1) {
		return p, ErrSyntax
	}
	p.first, p.last = i+1, i+int(n)
	if p.left, err = c.side(p.last + 1); err != nil {
		return p, err
	}
	p.count = -1
	o := c.Opts(p.last + 2)
	for o.Next() {
		if p.count >= 0 || !o.Is("COUNT") || o.Left() == 0 {
			return p, ErrSyntax
		}
		p.count = o.AtLeast(1, ErrCountZero)
	}
	if p.count < 0 {
		p.count = 1
	}
	return p, o.Err
}

// lmpop replies the key and its elements, or an absent list.
func lmpop(c *Ctx) error {
	p, err := c.popArgs(1)
	if err != nil {
		return err
	}
	done, err := popFirst(c, p)
	if err == nil && !done {
		c.Out.NullArray()
	}
	return err
}

// blmpop replies the key and its elements.
func blmpop(c *Ctx) error {
	p, err := c.popArgs(2)
	if err != nil {
		return err
	}
	deadlineMs, err := c.Deadline(c.Arg(1))
	if err != nil {
		return err
	}
	if done, err := popFirst(c, p); done || err != nil {
		return err
	}
	return c.Block(db.List, c.Args[p.first:p.last+1], deadlineMs, (*resp.Writer).NullArray)
}

// popFirst replies the key and the elements of the first list that has any, and tells
// whether there was one.
func popFirst(c *Ctx, p popArgs) (done bool, err error) {
	for i := p.first; i <= p.last; i++ {
		var e db.ElementsEdit
		if err := c.editElements(&e, i); err != nil {
			return false, err
		}
		if e.Len() > 0 {
			c.Out.Array(2)
			c.Out.Bulk(c.Arg(i))
			n := min(p.count, int64(e.Len()))
			err := c.take(&e, i, p.left, n)
			if err == nil {
				c.Rewrite(3).Str(popName(p.left)).Arg(c.Arg(i)).Int(n)
			}
			return true, err
		}
	}
	return false, nil
}

// popName is the command that takes elements from an end of a list.
func popName(left bool) string {
	if left {
		return "LPOP"
	}
	return "RPOP"
}

func blpop(c *Ctx) error { return popOrWait(c, true) }
func brpop(c *Ctx) error { return popOrWait(c, false) }

// popOrWait replies the key and the element from one end of the first list that has any, or
// waits for one.
func popOrWait(c *Ctx, left bool) error {
	last := c.Argc() - 1
	deadlineMs, err := c.Deadline(c.Arg(last))
	if err != nil {
		return err
	}
	for i := 1; i < last; i++ {
		var e db.ElementsEdit
		if err := c.editElements(&e, i); err != nil {
			return err
		}
		if n := e.Len(); n > 0 {
			c.Out.Array(2)
			c.Out.Bulk(c.Arg(i))
			c.bulk(e.Get(end(left, n)))
			c.taken(&e, i, left, 1)
			c.Rewrite(2).Str(popName(left)).Arg(c.Arg(i))
			return nil
		}
	}
	return c.Block(db.List, c.Args[1:last], deadlineMs, (*resp.Writer).NullArray)
}
