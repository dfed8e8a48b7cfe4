package cmd

import (
	"bytes"
	"math"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// SET, the three older commands that it replaces, and GETEX, which shares its ways to say
// when a key expires. A deadline that has passed is no error: the key is written, hidden
// at once, and reclaimed like any other that expired. GETEX alone deletes it instead.
//
// IFEQ is the option of later Valkey versions: SET takes place if the key holds this
// string. As with NX and XX, a SET that does not take place replies nil, or under GET the
// value that is there.

func stringSetCommands() []*Command {
	return []*Command{
		{
			Name: "set", Arity: -3, Run: set, FindKeys: setKeys,
			Flags: Write | DenyOOM, ACL: acl.String,
			Keys: []KeySpec{{Flags: RW | Access | Update | VariableFlags,
				Begin: Begin{Index: 1}, Find: Find{Step: 1},
				Notes: "read only with the GET or IFEQ option, else overwritten"}},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Stores a string under a key.",
				Syntax:  "key value [<NX | XX>] [GET] [<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL>]",
				History: [][2]string{
					{"2.6.12", "The options EX, PX, NX and XX."},
					{"6.0.0", "The option KEEPTTL."},
					{"6.2.0", "The options GET, EXAT and PXAT."},
					{"7.0.0", "NX and GET together."},
				}},
		},
		{
			Name: "setnx", Arity: 3, Run: setNX,
			Flags: Write | DenyOOM | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, OW|Insert)},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Stores a string under a key that does not exist.", Syntax: "key value",
				Deprecated: "2.6.12", ReplacedBy: "`SET` with the `NX` argument"},
		},
		{
			Name: "setex", Arity: 4, Run: setEX,
			Flags: Write | DenyOOM, ACL: acl.String,
			Keys: []KeySpec{key(1, OW|Update)},
			Doc: Doc{Group: "string", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Stores a string for so many seconds.", Syntax: "key seconds value",
				Deprecated: "2.6.12", ReplacedBy: "`SET` with the `EX` argument"},
		},
		{
			Name: "psetex", Arity: 4, Run: psetEX,
			Flags: Write | DenyOOM, ACL: acl.String,
			Keys: []KeySpec{key(1, OW|Update)},
			Doc: Doc{Group: "string", Since: "2.6.0", Complexity: "O(1)",
				Summary: "Stores a string for so many milliseconds.", Syntax: "key milliseconds value",
				Deprecated: "2.6.12", ReplacedBy: "`SET` with the `PX` argument"},
		},
		{
			Name: "getex", Arity: -2, Run: getEX,
			Flags: Write | Fast, ACL: acl.String,
			Keys: []KeySpec{{Flags: RW | Access | Update,
				Begin: Begin{Index: 1}, Find: Find{Step: 1},
				Notes: "the value is read, the deadline may change"}},
			Doc: Doc{Group: "string", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Reads a string and may change when it expires.",
				Syntax:  "key [<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST>]"},
		},
	}
}

// lifetime says how long a key is to live, as the options of SET and GETEX do.
type lifetime struct {
	mode   ttlMode
	amount []byte // of the last four modes; borrowed
}

type ttlMode uint8

const (
	ttlUnsaid  ttlMode = iota
	ttlKeep            // KEEPTTL
	ttlPersist         // PERSIST
	ttlEX              // seconds from now
	ttlPX              // milliseconds from now
	ttlEXAT            // Unix seconds
	ttlPXAT            // Unix milliseconds
)

// read takes in the option at the cursor if it is one of EX, PX, EXAT and PXAT. A second
// one of another kind is a syntax error; of the same kind, the last one counts.
func (l *lifetime) read(o *Opts) bool {
	var m ttlMode
	switch {
	case o.Is("EX"):
		m = ttlEX
	case o.Is("PX"):
		m = ttlPX
	case o.Is("EXAT"):
		m = ttlEXAT
	case o.Is("PXAT"):
		m = ttlPXAT
	default:
		return false
	}
	l.choose(o, m)
	l.amount = o.Value()
	return true
}

// choose notes a mode, unless another was chosen.
func (l *lifetime) choose(o *Opts, m ttlMode) {
	if l.mode != ttlUnsaid && l.mode != m {
		o.Fail(ErrSyntax)
	}
	l.mode = m
}

// deadline is the time that an amount in one of the last four modes means, Unix
// milliseconds.
func (c *Ctx) deadline(m ttlMode, amount []byte) (int64, error) {
	n, ok := resp.ParseInt(amount)
	if !ok {
		return 0, ErrNotInt
	}
	var base int64
	if m == ttlEX || m == ttlPX {
		base = c.KS.Now()
	}
	if m == ttlEX || m == ttlEXAT {
		if n > math.MaxInt64/1000 {
			return 0, errExpireTime(c.Cmd)
		}
		n = max(n, 0) * 1000
	}
	if n <= 0 || n > math.MaxInt64-base {
		return 0, errExpireTime(c.Cmd)
	}
	return base + n, nil
}

// setOptions are what may follow the value in SET.
type setOptions struct {
	nx, xx, get, ifEq bool
	equal             []byte // of IFEQ; borrowed
	life              lifetime
}

func (s *setOptions) read(o *Opts) error {
	for o.Next() {
		switch {
		case o.Is("NX") && !s.xx && !s.ifEq:
			s.nx = true
		case o.Is("XX") && !s.nx && !s.ifEq:
			s.xx = true
		case o.Is("IFEQ") && !s.nx && !s.xx && !s.ifEq:
			s.ifEq, s.equal = true, o.Value()
		case o.Is("GET"):
			s.get = true
		case o.Is("KEEPTTL"):
			s.life.choose(o, ttlKeep)
		case s.life.read(o):
		default:
			o.Fail(ErrSyntax)
		}
	}
	return o.Err
}

// set replies OK, or nil if a condition does not hold; under GET the value before, or
// nil, in either case.
func set(c *Ctx) error {
	if err := c.fits(int64(len(c.Arg(2)))); err != nil {
		return err
	}
	key := c.Arg(1)
	if c.Argc() == 3 {
		c.putString(key, 2, 0)
		c.Changed(c.DB, key, "set")
		c.Out.OK()
		return nil
	}
	var s setOptions
	if err := s.read(c.Opts(3)); err != nil {
		return err
	}
	var at int64
	switch s.life.mode {
	case ttlUnsaid:
	case ttlKeep:
		at = db.KeepTTL
	default:
		var err error
		if at, err = c.deadline(s.life.mode, s.life.amount); err != nil {
			return err
		}
	}

	if s.get {
		if err := get(c); err != nil {
			return err
		}
	}
	if s.nx || s.xx || s.ifEq {
		holds, err := s.holds(c.DB.Peek(key))
		if err != nil {
			return err
		}
		if !holds {
			if !s.get {
				c.Out.Null()
			}
			return nil
		}
	}
	c.putString(key, 2, at)
	c.Changed(c.DB, key, "set")
	c.setEffect(key, c.Arg(2), at)
	if at > 0 {
		c.Also(c.DB, key, "expire")
	}
	if !s.get {
		c.Out.OK()
	}
	return nil
}

// setEffect is the effect of having set a string, with a deadline, none, or the one it had:
// that of a SET without conditions, which held.
func (c *Ctx) setEffect(key, val []byte, at int64) {
	switch at {
	case 0:
		c.Rewrite(3).Str("SET").Arg(key).Arg(val)
	case db.KeepTTL:
		c.Rewrite(4).Str("SET").Arg(key).Arg(val).Str("KEEPTTL")
	default:
		c.Rewrite(5).Str("SET").Arg(key).Arg(val).Str("PXAT").Int(at)
	}
}

// holds tells whether the value that is there, or none, meets the condition.
func (s *setOptions) holds(it db.Item) (bool, error) {
	if s.nx || s.xx {
		return it.OK() == s.xx, nil
	}
	if it.OK() && it.Type() != db.String {
		return false, ErrWrongType
	}
	return it.OK() && bytes.Equal(it.Bytes(), s.equal), nil
}

// setNX replies 1, or 0 if the key existed.
func setNX(c *Ctx) error {
	if err := c.fits(int64(len(c.Arg(2)))); err != nil {
		return err
	}
	if c.DB.ForWrite(c.Arg(1)).OK() {
		c.Out.Int(0)
		return nil
	}
	c.putString(c.Arg(1), 2, 0)
	c.Changed(c.DB, c.Arg(1), "set")
	c.Out.Int(1)
	return nil
}

func setEX(c *Ctx) error  { return setFor(c, ttlEX) }
func psetEX(c *Ctx) error { return setFor(c, ttlPX) }

// setFor stores argument 3 for the time that argument 2 says.
func setFor(c *Ctx, m ttlMode) error {
	at, err := c.deadline(m, c.Arg(2))
	if err != nil {
		return err
	}
	if err := c.fits(int64(len(c.Arg(3)))); err != nil {
		return err
	}
	c.putString(c.Arg(1), 3, at)
	c.Changed(c.DB, c.Arg(1), "set")
	c.setEffect(c.Arg(1), c.Arg(3), at)
	c.Also(c.DB, c.Arg(1), "expire")
	c.Out.OK()
	return nil
}

// getEX replies the string, or nil. Options are read first, but an amount is not looked
// at unless there is a value to apply it to.
func getEX(c *Ctx) error {
	var life lifetime
	o := c.Opts(2)
	for o.Next() {
		switch {
		case o.Is("PERSIST"):
			life.choose(o, ttlPersist)
		case life.read(o):
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Null()
		return nil
	}
	var at int64
	if life.mode > ttlPersist {
		if at, err = c.deadline(life.mode, life.amount); err != nil {
			return err
		}
	}
	c.Out.Bulk(it.Bytes())

	key := c.Arg(1)
	switch {
	case life.mode == ttlPersist && it.ExpireAt() != 0:
		c.DB.SetExpire(it, 0)
		c.Changed(c.DB, key, "persist")
		c.Rewrite(2).Str("PERSIST").Arg(key)
	case life.mode > ttlPersist:
		c.expireAt(key, it, at)
	}
	return nil
}
