package cmd

import (
	"math"
	"strconv"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Counters. A number is its digits, in the page beside its key, and INCR rewrites them
// there: parsing and formatting nineteen digits is a few nanoseconds, less than what a
// second representation would cost every GET. As long as the number of digits stays the
// same, which is nine times out of ten, nothing is looked up twice and nothing moves.
//
// INCRBYFLOAT computes as the x87 unit does (longdouble.go).

func counterCommands() []*Command {
	integer := func(name string, arity int, syntax, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: arity, Run: run,
			Flags: Write | DenyOOM | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(1)",
				Summary: summary, Syntax: syntax},
		}
	}
	return []*Command{
		integer("incr", 2, "key", "Adds one to a number.", incr),
		integer("decr", 2, "key", "Takes one off a number.", decr),
		integer("incrby", 3, "key increment", "Adds to a number.", incrBy),
		integer("decrby", 3, "key decrement", "Subtracts from a number.", decrBy),
		{
			Name: "incrbyfloat", Arity: 3, Run: incrByFloat,
			Flags: Write | DenyOOM | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "string", Since: "2.6.0", Complexity: "O(1)",
				Summary: "Adds to a number with a fraction.", Syntax: "key increment"},
		},
	}
}

func incr(c *Ctx) error { return add(c, 1) }
func decr(c *Ctx) error { return add(c, -1) }

func incrBy(c *Ctx) error {
	n, err := c.Int(2)
	if err != nil {
		return err
	}
	return add(c, n)
}

func decrBy(c *Ctx) error {
	n, err := c.Int(2)
	if err != nil {
		return err
	}
	if n == math.MinInt64 {
		return ErrDecrOverflow
	}
	return add(c, -n)
}

// add adds n to the number under argument 1, a missing one being 0, and replies the sum.
// The deadline stays.
func add(c *Ctx, n int64) error {
	it, err := c.StringForWrite(1)
	if err != nil {
		return err
	}
	var v int64
	if it.OK() {
		var ok bool
		if v, ok = resp.ParseInt(it.Bytes()); !ok {
			return ErrNotInt
		}
	}
	if n < 0 && v < math.MinInt64-n || n > 0 && v > math.MaxInt64-n {
		return ErrOverflow
	}
	digits := strconv.AppendInt(c.scratch.number[:0], v+n, 10)
	if err := c.fits(int64(len(digits))); err != nil {
		return err
	}
	if !it.OK() || !c.DB.Overwrite(it, digits, db.Plain) {
		c.DB.SetString(c.Arg(1), digits, db.Plain, db.KeepTTL)
	}
	c.Changed(c.DB, c.Arg(1), "incrby")
	c.Out.Int(v + n)
	return nil
}

// incrByFloat replies the sum as a string. The deadline stays.
func incrByFloat(c *Ctx) error {
	it, err := c.peekString(1)
	if err != nil {
		return err
	}
	was := []byte("0")
	if it.OK() {
		was = it.Bytes()
	}
	text, err := c.floatSum(was, c.Arg(2), ErrNotFloat)
	if err != nil {
		return err
	}
	if err := c.fits(int64(len(text))); err != nil {
		return err
	}
	c.DB.SetString(c.Arg(1), text, db.Text, db.KeepTTL)
	c.Changed(c.DB, c.Arg(1), "incrbyfloat")
	c.setEffect(c.Arg(1), text, db.KeepTTL)
	c.Out.Bulk(text)
	return nil
}
