package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
	"redust/db/listpack"
	"redust/db/table"
)

// Hashes. Commands see a hash as a db.Fields, whatever its form, and four files share the
// work:
//
//	hash.go         reading: HGET HMGET HGETALL HKEYS HVALS HLEN HSTRLEN HEXISTS HRANDFIELD HSCAN
//	hash_write.go   changing: HSET HMSET HSETNX HDEL HINCRBY HINCRBYFLOAT
//	hash_expire.go  deadlines of fields: HEXPIRE and its kin, HTTL and its kin, HPERSIST
//	hash_ex.go      both at once: HGETEX HSETEX HGETDEL
//
// A command that writes asks for the fields to edit, changes them, and calls Done once,
// which may find that the hash is empty and the key gone (doneWith). A small hash keeps
// numbers as numbers, so a value comes as a listpack.Value, and bulk writes it.
//
// Which events tell of a change: hset for HSET, HMSET, HSETNX and HSETEX; hdel, hincrby,
// hincrbyfloat, hexpire, hpersist; hexpired when fields are gone because of their
// deadline; del after any of them that left the hash empty.

func hashCommands() []*Command {
	const (
		perField = "O(N) where N is the number of fields asked for"
		all      = "O(N) where N is the size of the hash"
	)
	return []*Command{
		{
			Name: "hget", Arity: 3, Run: hget, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Reads the value of a field.", Syntax: "key field"},
		},
		{
			Name: "hmget", Arity: -3, Run: hmget, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: perField,
				Summary: "Reads the values of several fields.", Syntax: "key field [field ...]"},
		},
		{
			Name: "hgetall", Arity: 2, Run: hgetAll,
			Flags: ReadOnly, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: all,
				Summary: "Reads all fields with their values.", Syntax: "key",
				Hints: []string{"nondeterministic_output_order"}},
		},
		{
			Name: "hkeys", Arity: 2, Run: hkeys,
			Flags: ReadOnly, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: all,
				Summary: "Lists all fields.", Syntax: "key",
				Hints: []string{"nondeterministic_output_order"}},
		},
		{
			Name: "hvals", Arity: 2, Run: hvals,
			Flags: ReadOnly, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: all,
				Summary: "Lists the values of all fields.", Syntax: "key",
				Hints: []string{"nondeterministic_output_order"}},
		},
		{
			Name: "hlen", Arity: 2, Run: hlen,
			Flags: ReadOnly | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Counts the fields.", Syntax: "key"},
		},
		{
			Name: "hstrlen", Arity: 3, Run: hstrlen, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "hash", Since: "3.2.0", Complexity: "O(1)",
				Summary: "Tells how many bytes the value of a field has.", Syntax: "key field"},
		},
		{
			Name: "hexists", Arity: 3, Run: hexists, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "hash", Since: "2.0.0", Complexity: "O(1)",
				Summary: "Tells whether there is such a field.", Syntax: "key field"},
		},
		{
			Name: "hrandfield", Arity: -2, Run: hrandField,
			Flags: ReadOnly, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "6.2.0", Complexity: "O(N) where N is the number of fields returned",
				Summary: "Draws fields at random.", Syntax: "key [count [WITHVALUES]]",
				Hints: []string{"nondeterministic_output"}},
		},
		{
			Name: "hscan", Arity: -3, Run: hscan,
			Flags: ReadOnly, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "2.8.0", Complexity: "O(COUNT) a call, O(N) for a whole walk over N fields",
				Summary: "Lists fields and values piece by piece, by a cursor that leads from call to call.",
				Syntax:  "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
				Hints:   []string{"nondeterministic_output"}},
		},
	}
}

// fields looks up the hash under argument 1 for reading.
func (c *Ctx) fields() (db.Fields, error) {
	it, err := c.typed(1, db.Hash)
	if err != nil {
		return db.Fields{}, err
	}
	return it.Fields(), nil
}

// bulk writes an element of a packed collection as a bulk string.
func (c *Ctx) bulk(v listpack.Value) {
	if v.IsInt {
		c.Out.BulkInt(v.Int)
		return
	}
	c.Out.Bulk(v.Str)
}

// field writes the value of a field, or nil.
func (c *Ctx) field(f *db.Fields, name []byte) {
	if v, ok := f.Get(name); ok {
		c.bulk(v)
		return
	}
	c.Out.Null()
}

// hget replies the value, or nil.
func hget(c *Ctx) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	c.field(&f, c.Arg(2))
	return nil
}

// hmget replies the values in the order of the fields; nil for a missing one.
func hmget(c *Ctx) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	return c.values(&f, c.Args[2:])
}

// values replies the values of these fields, nil for a missing one.
func (c *Ctx) values(f *db.Fields, names [][]byte) error {
	mark := c.Out.Mark()
	c.Out.Array(len(names))
	for i, name := range names {
		if i%table.TouchMax == 0 {
			f.Touch(names[i:], 1)
		}
		c.field(f, name)
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	return nil
}

// hgetAll replies a map.
func hgetAll(c *Ctx) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	mark := c.Out.Mark()
	c.Out.Map(f.Len())
	full := false
	f.Each(func(field, val listpack.Value, _ int64) bool {
		c.bulk(field)
		c.bulk(val)
		full = c.replyFull(mark)
		return !full
	})
	return fullError(full)
}

func hkeys(c *Ctx) error {
	return eachField(c, func(field, _ listpack.Value) { c.bulk(field) })
}

func hvals(c *Ctx) error {
	return eachField(c, func(_, val listpack.Value) { c.bulk(val) })
}

// eachField replies an array of what write makes of every field.
func eachField(c *Ctx, write func(field, val listpack.Value)) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	mark := c.Out.Mark()
	c.Out.Array(f.Len())
	full := false
	f.Each(func(field, val listpack.Value, _ int64) bool {
		write(field, val)
		full = c.replyFull(mark)
		return !full
	})
	return fullError(full)
}

// fullError is ErrReplyLimit, if the reply became too long.
func fullError(full bool) error {
	if full {
		return ErrReplyLimit
	}
	return nil
}

// hlen replies 0 for a missing key.
func hlen(c *Ctx) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	c.Out.Int(int64(f.Len()))
	return nil
}

// hstrlen replies 0 for a missing field.
func hstrlen(c *Ctx) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	v, _ := f.Get(c.Arg(2))
	c.Out.Int(int64(v.Len()))
	return nil
}

// hexists replies 1 or 0.
func hexists(c *Ctx) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	n := int64(0)
	if f.Has(c.Arg(2)) {
		n = 1
	}
	c.Out.Int(n)
	return nil
}

// hrandField replies a field, or nil; with a count, a list of different fields, or, if the
// count is negative, of so many that may come again. WITHVALUES adds the value to each:
// RESP3 has pairs, RESP2 one flat list.
func hrandField(c *Ctx) error {
	if c.Argc() == 2 {
		f, err := c.fields()
		if err != nil {
			return err
		}
		if f.Len() == 0 {
			c.Out.Null()
			return nil
		}
		f.Draw(1, func(field, _ listpack.Value) bool {
			c.bulk(field)
			return true
		})
		return nil
	}
	count, values, err := c.randomCount("WITHVALUES")
	if err != nil {
		return err
	}
	f, err := c.fields()
	if err != nil {
		return err
	}
	have := int64(f.Len())
	if have == 0 || count == 0 {
		c.Out.Array(0)
		return nil
	}
	n := count
	if n < 0 {
		n = -n
	} else {
		n = min(n, have)
	}
	mark := c.Out.Mark()
	if values && c.Out.Proto != 3 {
		c.Out.Array(int(2 * n))
	} else {
		c.Out.Array(int(n))
	}
	full := false
	write := func(field, val listpack.Value) bool {
		if values && c.Out.Proto == 3 {
			c.Out.Array(2)
		}
		c.bulk(field)
		if values {
			c.bulk(val)
		}
		full = c.replyFull(mark)
		return !full
	}
	if count < 0 {
		f.Draw(int(n), write)
	} else {
		f.Sample(int(n), write)
	}
	return fullError(full)
}

// randomCount reads what may follow the key where elements are drawn at random: a count,
// and a word that asks for what belongs to each.
func (c *Ctx) randomCount(word string) (count int64, both bool, err error) {
	if count, err = c.Int(2); err != nil {
		return 0, false, err
	}
	if count == math.MinInt64 {
		return 0, false, errIntBetween(-math.MaxInt64, math.MaxInt64)
	}
	if both = c.Argc() > 3; both && (c.Argc() > 4 || !fold(c.Arg(3), word)) {
		return 0, false, ErrSyntax
	}
	if both && (count > math.MaxInt64/2 || count < -(math.MaxInt64/2)) || count < -maxDraws {
		return 0, false, ErrRange
	}
	return count, both, nil
}

// maxDraws bounds the longest list that is made of a few elements by drawing them again and
// again: Redis would go on until its memory is used up.
const maxDraws = math.MaxInt32

// hscan replies the next cursor and a list of fields, each with its value unless NOVALUES
// is said.
func hscan(c *Ctx) error {
	s, err := c.scanArgs(db.Hash)
	if err != nil {
		return err
	}
	f := s.it.Fields()
	var tmp [20]byte
	return c.scanPages(s.cursor, s.count, func(cursor uint64) (next uint64, looked, replied int) {
		next = f.Scan(cursor, func(field, val listpack.Value) {
			looked++
			if !s.passes(field.Text(&tmp)) {
				return
			}
			c.bulk(field)
			replied++
			if !s.noValues {
				c.bulk(val)
				replied++
			}
		})
		return next, looked, replied
	})
}

// hash folds in a hash, in any order of its fields.
func (d *dataDigest) hash(f db.Fields) {
	var room []byte
	f.Each(func(field, val listpack.Value, at int64) bool {
		var pair dataDigest
		room = field.Append(room[:0])
		pair.mix(room)
		room = val.Append(room[:0])
		pair.mix(room)
		if at != 0 {
			pair.xor([]byte("!!hexpire!!"))
		}
		d.xor(pair[:])
		return true
	})
}
