package cmd

import (
	"math"
	"strconv"

	"redust/acl"
	"redust/db"
	"redust/db/table"
	"redust/resp"
)

func hashWriteCommands() []*Command {
	return []*Command{
		{
			Name: "hset", Arity: -4, Run: hset, Member: 2,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1) a field",
				Summary: "Sets the values of fields.", Syntax: "key field value [field value ...]",
				History: [][2]string{{"4.0.0", "Several fields."}}},
		},
		{
			Name: "hmset", Arity: -4, Run: hmset, Member: 2,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1) a field",
				Summary: "Sets the values of fields; the former way to set several.", Syntax: "key field value [field value ...]",
				Deprecated: "4.0.0", ReplacedBy: "`HSET` with multiple field-value pairs"},
		},
		{
			Name: "hsetnx", Arity: 4, Run: hsetNX, Member: 2,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Insert)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Sets the value of a field, unless there is such a field.", Syntax: "key field value"},
		},
		{
			Name: "hdel", Arity: -3, Run: hdel, Member: 2,
			Flags: Write | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(N) where N is the number of fields named",
				Summary: "Removes fields.", Syntax: "key field [field ...]",
				History: [][2]string{{"2.4.0", "Several fields."}}},
		},
		{
			Name: "hincrby", Arity: 4, Run: hincrBy, Member: 2,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Adds to the number in a field.", Syntax: "key field increment"},
		},
		{
			Name: "hincrbyfloat", Arity: 4, Run: hincrByFloat, Member: 2,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "hash", Since: "2.6.0", Complexity: "O(1)",
				Summary: "Adds to the number with a fraction in a field.", Syntax: "key field increment"},
		},
	}
}

// editFields looks up the hash under argument 1 for changing. Done counts as the access.
func (c *Ctx) editFields(f *db.FieldEdit) error {
	it, err := ofType(c.DB.Peek(c.Arg(1)), db.Hash)
	if err != nil {
		return err
	}
	c.DB.EditFields(f, c.Arg(1), it)
	return nil
}

// changedFields ends a change to the hash under argument 1: event is what happened, or
// empty if nothing did.
func (c *Ctx) changedFields(f *db.FieldEdit, event string) {
	gone := f.Done()
	if event == "" {
		return
	}
	c.Changed(c.DB, c.Arg(1), event)
	if gone {
		c.Gone(c.DB, c.Arg(1))
	}
}

// fitPairs guards what a change would store: pairs are fields, each with its value.
func (c *Ctx) fitPairs(f *db.FieldEdit, pairs [][]byte) error {
	if c.Cfg.MaxValueBytes > 0 {
		for _, b := range pairs {
			if err := c.fits(int64(len(b))); err != nil {
				return err
			}
		}
	}
	if c.Cfg.MaxCollectionElements == 0 {
		return nil
	}
	added := int64(0)
	for i := 0; i < len(pairs); i += 2 {
		if !f.Has(pairs[i]) {
			added++
		}
	}
	if added == 0 {
		return nil
	}
	return c.fitsElements(int64(f.Len()) + added)
}

// setPairs sets fields to the value that follows each, and returns how many are new. at is
// their deadline, or db.KeepTTL.
func setPairs(f *db.FieldEdit, pairs [][]byte, at int64) (added int64) {
	f.Expect(pairs)
	for i := 0; i < len(pairs); i += 2 {
		if i%(2*table.TouchMax) == 0 {
			f.Touch(pairs[i:], 2)
		}
		if f.Set(pairs[i], pairs[i+1], at) {
			added++
		}
	}
	return added
}

// hset replies how many fields are new.
func hset(c *Ctx) error {
	added, err := setAll(c)
	if err != nil {
		return err
	}
	c.Out.Int(added)
	return nil
}

// hmset is hset that replies OK.
func hmset(c *Ctx) error {
	if _, err := setAll(c); err != nil {
		return err
	}
	c.Out.OK()
	return nil
}

func setAll(c *Ctx) (added int64, err error) {
	if c.Argc()%2 != 0 {
		return 0, errArity(c.Cmd.FullName)
	}
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return 0, err
	}
	pairs := c.Args[2:]
	if err := c.fitPairs(&f, pairs); err != nil {
		return 0, err
	}
	added = setPairs(&f, pairs, 0)
	c.changedFields(&f, "hset")
	return added, nil
}

// hsetNX replies 1, or 0 if the field existed.
func hsetNX(c *Ctx) error {
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	if f.Has(c.Arg(2)) {
		f.Done()
		c.Out.Int(0)
		return nil
	}
	if err := c.fitPairs(&f, c.Args[2:]); err != nil {
		return err
	}
	f.Set(c.Arg(2), c.Arg(3), 0)
	c.changedFields(&f, "hset")
	c.Out.Int(1)
	return nil
}

// hdel replies how many fields there were to remove.
func hdel(c *Ctx) error {
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	n, event := int64(0), ""
	for _, field := range c.Args[2:] {
		if f.Delete(field) {
			n, event = n+1, "hdel"
		}
	}
	c.changedFields(&f, event)
	c.Out.Int(n)
	return nil
}

// hincrBy replies the sum. A missing field is 0; a deadline stays.
func hincrBy(c *Ctx) error {
	by, err := c.Int(3)
	if err != nil {
		return err
	}
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	var n int64
	if v, ok := f.Get(c.Arg(2)); ok {
		if n = v.Int; !v.IsInt {
			if n, ok = resp.ParseInt(v.Str); !ok {
				return ErrHashNotInt
			}
		}
	}
	if by < 0 && n < math.MinInt64-by || by > 0 && n > math.MaxInt64-by {
		return ErrOverflow
	}
	digits := strconv.AppendInt(c.scratch.number[:0], n+by, 10)
	if err := c.putSum(&f, digits, "hincrby"); err != nil {
		return err
	}
	c.Out.Int(n + by)
	return nil
}

// hincrByFloat replies the sum as a string. A missing field is 0; a deadline stays.
func hincrByFloat(c *Ctx) error {
	by := c.Arg(3)
	if _, ok := parseShort(by); !ok {
		switch f := parseLongDouble(by); {
		case f == nil:
			return ErrNotFloat
		case f.IsInf():
			return ErrIncrFinite
		}
	}
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	var tmp [20]byte
	was := []byte("0")
	if v, ok := f.Get(c.Arg(2)); ok {
		was = v.Text(&tmp)
	}
	text, err := c.floatSum(was, by, ErrHashNotFloat)
	if err != nil {
		return err
	}
	if err := c.putSum(&f, text, "hincrbyfloat"); err != nil {
		return err
	}
	c.Out.Bulk(text)
	return nil
}

// putSum stores a number in the field that argument 2 names.
func (c *Ctx) putSum(f *db.FieldEdit, text []byte, event string) error {
	if err := c.fits(int64(len(text))); err != nil {
		return err
	}
	if !f.Has(c.Arg(2)) {
		pair := [2][]byte{c.Arg(2), text}
		if err := c.fitPairs(f, pair[:]); err != nil {
			return err
		}
	}
	f.Set(c.Arg(2), text, db.KeepTTL)
	if event != "hincrbyfloat" {
		c.changedFields(f, event)
		return nil
	}
	// Another machine may add with another precision, so the effect is the sum.
	at, _ := f.Deadline(c.Arg(2))
	c.changedFields(f, event)
	if at == 0 {
		c.Rewrite(4).Str("HSET").Args(c.Args[1:3]).Arg(text)
	} else {
		c.Rewrite(7).Str("HSETEX").Arg(c.Arg(1)).Str("KEEPTTL").Str("FIELDS").Int(1).Arg(c.Arg(2)).Arg(text)
	}
	return nil
}
