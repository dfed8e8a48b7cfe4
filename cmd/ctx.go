package cmd

import (
	"bytes"
	"math"
	"strconv"

	"redust/db"
	"redust/resp"
)

// Ctx is one command being run. There is one Ctx a server, filled anew each time:
// handlers keep nothing of it.
type Ctx struct {
	*Server
	Client *Client
	Cmd    *Command
	Args   [][]byte // the name first; borrowed until the handler returns
	DB     *db.DB   // the client's database
	Out    *resp.Writer

	// NoBlock makes Block reply at once that there is nothing: in MULTI, in scripts.
	NoBlock bool

	owned bool // Args are buffers of their own, not parts of a query buffer
	job   any  // see Awaited
	opts  Opts
}

// Arg is argument i; borrowed.
func (c *Ctx) Arg(i int) []byte { return c.Args[i] }

// Argc is the number of arguments, the name included.
func (c *Ctx) Argc() int { return len(c.Args) }

// Int reads argument i as a 64-bit integer.
func (c *Ctx) Int(i int) (int64, error) {
	n, ok := resp.ParseInt(c.Args[i])
	if !ok {
		return 0, ErrNotInt
	}
	return n, nil
}

// Float reads argument i as a floating-point number, infinities included.
func (c *Ctx) Float(i int) (float64, error) {
	f, ok := ParseFloat(c.Args[i])
	if !ok {
		return 0, ErrNotFloat
	}
	return f, nil
}

// ParseFloat reads a number as Redis does: decimal or hexadecimal, inf with or without
// sign, no blanks, no NaN.
func ParseFloat(b []byte) (float64, bool) {
	if len(b) == 0 || bytes.IndexByte(b, '_') >= 0 {
		return 0, false
	}
	s := string(b)
	if len(s) > 2 && (s[1] == 'x' || s[1] == 'X' || s[2] == 'x' || s[2] == 'X') && !bytes.ContainsAny(b, "pP") {
		s += "p0"
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	if err != nil {
		return 0, false // out of range, which strtod reports too
	}
	return f, f != 0 || isZero(b)
}

// isZero tells a zero from a number that is too small to be anything else.
func isZero(b []byte) bool {
	exponent := "eE"
	if bytes.ContainsAny(b, "xX") {
		exponent = "pP"
	}
	if i := bytes.IndexAny(b, exponent); i >= 0 {
		b = b[:i]
	}
	return !bytes.ContainsAny(b, "123456789abcdefABCDEF")
}

// typed looks up the value under argument i for reading: a hit or a miss, and an access.
// No value is no error; one of another type than t is.
func (c *Ctx) typed(i int, t db.Type) (db.Item, error) { return ofType(c.DB.Get(c.Args[i]), t) }

// typedForWrite is typed for a value that is about to be changed: no hit or miss.
func (c *Ctx) typedForWrite(i int, t db.Type) (db.Item, error) {
	return ofType(c.DB.ForWrite(c.Args[i]), t)
}

// ofType refuses a value of another type than t.
func ofType(it db.Item, t db.Type) (db.Item, error) {
	if it.OK() && it.Type() != t {
		return db.Item{}, ErrWrongType
	}
	return it, nil
}

// String is typed for a string.
func (c *Ctx) String(i int) (db.Item, error) { return c.typed(i, db.String) }

// StringForWrite is typedForWrite for a string.
func (c *Ctx) StringForWrite(i int) (db.Item, error) { return c.typedForWrite(i, db.String) }

// fitsElements guards max-collection-elements: total is what the collection would have.
func (c *Ctx) fitsElements(total int64) error {
	if limit := c.Cfg.MaxCollectionElements; limit > 0 && total > limit {
		return ErrElementLimit
	}
	return nil
}

// Opts returns a cursor over the optional arguments from i on.
func (c *Ctx) Opts(i int) *Opts {
	c.opts = Opts{args: c.Args, i: i - 1}
	return &c.opts
}

// Opts walks over optional arguments and remembers the first error, after which Next
// is false.
type Opts struct {
	Err  error
	args [][]byte
	i    int
}

// Next goes to the next argument.
func (o *Opts) Next() bool {
	o.i++
	return o.Err == nil && o.i < len(o.args)
}

// Arg is the argument at the cursor.
func (o *Opts) Arg() []byte { return o.args[o.i] }

// Is tells whether the argument at the cursor is this word, case aside.
func (o *Opts) Is(word string) bool { return fold(o.args[o.i], word) }

// Left is the number of arguments after the cursor.
func (o *Opts) Left() int { return len(o.args) - o.i - 1 }

// Fail ends the walk with an error, unless there was one before.
func (o *Opts) Fail(err error) {
	if o.Err == nil {
		o.Err = err
	}
}

// Value goes on to the next argument and returns it; a missing one is a syntax error.
func (o *Opts) Value() []byte {
	if o.i+1 >= len(o.args) {
		o.Fail(ErrSyntax)
		return nil
	}
	o.i++
	return o.args[o.i]
}

// Int is Value as an integer.
func (o *Opts) Int() int64 {
	b := o.Value()
	if o.Err != nil {
		return 0
	}
	n, ok := resp.ParseInt(b)
	if !ok {
		o.Fail(ErrNotInt)
	}
	return n
}

// AtLeast is Value as an integer that is not below lo; what is not fails with err.
func (o *Opts) AtLeast(lo int64, err error) int64 {
	b := o.Value()
	if o.Err != nil {
		return 0
	}
	n, ok := resp.ParseInt(b)
	if !ok || n < lo {
		o.Fail(err)
	}
	return n
}

// DB is Value as the number of a database.
func (o *Opts) DB(k *db.Keyspace) *db.DB {
	b := o.Value()
	if o.Err != nil {
		return nil
	}
	d, err := database(k, b)
	if err != nil {
		o.Fail(err)
	}
	return d
}

// fold tells whether b is word, case aside; word is in upper case.
func fold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, ch := range b {
		if ch-'a' < 26 {
			ch -= 0x20
		}
		if ch != word[i] {
			return false
		}
	}
	return true
}
