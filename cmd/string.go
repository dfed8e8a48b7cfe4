package cmd

import (
	"bytes"

	"redust/acl"
	"redust/db"
	"redust/db/hll"
)

// Strings. The keyspace knows one representation, bytes, so all of these commands come
// down to three ways of changing a value:
//
//	replace   SET MSET GETSET INCR ...      db.SetString: copied into the page, or
//	                                        db.TakeString: a large argument is kept
//	edit      APPEND SETRANGE SETBIT ...    db.Edit: in place, extended by zeros
//	overlay   INCR, same number of digits   db.Overwrite: in place, no second lookup
//
// Which one it was shows in OBJECT ENCODING: what was edited is "raw" from then on, what
// was replaced shows what it would be if it were new (db.Encoding).
//
// Three rules hold in all files of the family. A value is looked up with Peek when the
// change that follows counts as the access, lest LFU count two. A reply that shows the
// old value is written before the change, since an Item does not survive it. Nothing
// grows past proto-max-bulk-len or max-value-bytes, which is asked before the memory is.

func stringCommands() []*Command {
	return []*Command{
		{
			Name: "get", Arity: 2, Run: get,
			Flags: ReadOnly | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Reads the string stored under a key.", Syntax: "key"},
		},
		{
			Name: "mget", Arity: -2, Run: mget,
			Flags: ReadOnly | Fast, ACL: acl.String,
			Keys: []KeySpec{keys(1, -1, 1, RO|Access)},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(N) where N is the number of keys",
				Summary: "Reads the strings stored under several keys.", Syntax: "key [key ...]",
				Hints: []string{"request_policy:multi_shard"}},
		},
		{
			Name: "strlen", Arity: 2, Run: strlen,
			Flags: ReadOnly | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "string", Since: "2.2.0", Complexity: "O(1)",
				Summary: "Tells how many bytes a string has.", Syntax: "key"},
		},
		{
			Name: "getrange", Arity: 4, Run: getRange,
			Flags: ReadOnly, ACL: acl.String,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "string", Since: "2.4.0", Complexity: "O(N) where N is the length of the reply",
				Summary: "Reads a part of a string.", Syntax: "key start end"},
		},
		{
			Name: "substr", Arity: 4, Run: getRange,
			Flags: ReadOnly, ACL: acl.String,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(N) where N is the length of the reply",
				Summary: "Reads a part of a string; the former name of GETRANGE.", Syntax: "key start end",
				Deprecated: "2.0.0", ReplacedBy: "`GETRANGE`"},
		},
		{
			Name: "getdel", Arity: 2, Run: getDel,
			Flags: Write | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Access|Delete)},
			Doc: Doc{Group: "string", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Reads a string and removes its key.", Syntax: "key"},
		},
		{
			Name: "getset", Arity: 3, Run: getSet,
			Flags: Write | DenyOOM | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "string", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Stores a string and replies what was there before.", Syntax: "key value",
				Deprecated: "6.2.0", ReplacedBy: "`SET` with the `!GET` argument"},
		},
		{
			Name: "append", Arity: 3, Run: appendString,
			Flags: Write | DenyOOM | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Insert)},
			Doc: Doc{Group: "string", Since: "2.0.0", Complexity: "O(1) amortized, for small additions",
				Summary: "Adds bytes at the end of a string.", Syntax: "key value"},
		},
		{
			Name: "setrange", Arity: 4, Run: setRange,
			Flags: Write | DenyOOM, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "string", Since: "2.2.0", Complexity: "O(N) where N is the length of the value, plus what the string grows by",
				Summary: "Writes over a part of a string.", Syntax: "key offset value"},
		},
		{
			Name: "mset", Arity: -3, Run: mset,
			Flags: Write | DenyOOM, ACL: acl.String,
			Keys: []KeySpec{keys(1, -1, 2, OW|Update)},
			Doc: Doc{Group: "string", Since: "1.0.1", Complexity: "O(N) where N is the number of keys",
				Summary: "Stores several strings at once.", Syntax: "key value [key value ...]",
				Hints: []string{"request_policy:multi_shard", "response_policy:all_succeeded"}},
		},
		{
			Name: "msetnx", Arity: -3, Run: msetNX,
			Flags: Write | DenyOOM, ACL: acl.String,
			Keys: []KeySpec{keys(1, -1, 2, OW|Insert)},
			Doc: Doc{Group: "string", Since: "1.0.1", Complexity: "O(N) where N is the number of keys",
				Summary: "Stores several strings at once, if none of the keys exists.", Syntax: "key value [key value ...]",
				Hints: []string{"request_policy:multi_shard", "response_policy:agg_min"}},
		},
		{
			Name: "delifeq", Arity: 3, Run: delIfEq,
			Flags: Write | Fast, ACL: acl.String,
			Keys: []KeySpec{key(1, RW|Access|Delete)},
			Doc: Doc{Group: "string", Since: "9.0.0", Complexity: "O(N) where N is the length of the value",
				Summary: "Removes a key if it holds this string.", Syntax: "key value"},
		},
	}
}

// scratch is memory that the commands on strings use again and again. Nothing in it is of
// use after the command.
type scratch struct {
	number  [24]byte // digits of a counter on their way into a page
	sum     [40]byte // and of a sum with a fraction
	fields  []fieldOp
	sources [][]byte // of BITOP; emptied, so that no value is held
	hll     []byte   // a HyperLogLog that may yet grow
	merged  *hll.Registers
	geo     geoScratch
	sort    sortScratch
}

// reusable returns a scratch buffer, or nothing if one request has made it large.
func reusable[T any](buf []T) []T {
	const most = 64 << 10
	if cap(buf) > most {
		return nil
	}
	return buf
}

// peekString looks up the string under argument i and leaves no trace: the change that
// follows will count as the access. A value of another type is an error, none is not.
func (c *Ctx) peekString(i int) (db.Item, error) {
	it := c.DB.Peek(c.Args[i])
	if it.OK() && it.Type() != db.String {
		return db.Item{}, ErrWrongType
	}
	return it, nil
}

// putString stores argument i as a string under key; see db.SetString for expireAt.
func (c *Ctx) putString(key []byte, i int, expireAt int64) {
	if c.owned {
		c.DB.TakeString(key, c.Args[i], db.Plain, expireAt)
		return
	}
	c.DB.SetString(key, c.Args[i], db.Plain, expireAt)
}

// fits refuses a string of n bytes if max-value-bytes forbids it.
func (c *Ctx) fits(n int64) error {
	if limit := c.Cfg.MaxValueBytes; limit > 0 && n > limit {
		return ErrValueLimit
	}
	return nil
}

// grows refuses a string of had and more bytes if the protocol could not carry it or
// max-value-bytes forbids it. Neither is negative.
func (c *Ctx) grows(had, more int64) error {
	if limit := c.Cfg.ProtoMaxBulkLen; had > limit || more > limit-had {
		return ErrTooLong
	}
	return c.fits(had + more)
}

// clampRange turns a range as clients write it (both ends included, negative ones
// counted from the end) into one inside 0 to n-1. It is empty if from > to.
func clampRange(from, to, n int64) (int64, int64) {
	if from < 0 {
		from += n
	}
	if to < 0 {
		to += n
	}
	return max(from, 0), min(max(to, 0), n-1)
}

// backwards tells whether a range lies wholly before its own start, counted from the end.
// Clamped, it would be the first element: some commands say that it is empty instead.
func backwards(from, to int64) bool { return from < 0 && to < 0 && from > to }

// get replies the string, or nil.
func get(c *Ctx) error {
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Null()
		return nil
	}
	c.Out.Bulk(it.Bytes())
	return nil
}

// mget replies the strings in the order of the keys; nil for what is no string.
func mget(c *Ctx) error {
	mark := c.Out.Mark()
	c.Out.Array(c.Argc() - 1)
	for _, key := range c.Args[1:] {
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
		it := c.DB.Get(key)
		if !it.OK() || it.Type() != db.String {
			c.Out.Null()
			continue
		}
		c.Out.Bulk(it.Bytes())
	}
	return nil
}

// strlen replies the length in bytes, 0 for a missing key.
func strlen(c *Ctx) error {
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Int(0)
		return nil
	}
	c.Out.Int(int64(len(it.Bytes())))
	return nil
}

// getRange replies the bytes from start to end, both included.
func getRange(c *Ctx) error {
	from, err := c.Int(2)
	if err != nil {
		return err
	}
	to, err := c.Int(3)
	if err != nil {
		return err
	}
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() || backwards(from, to) {
		c.Out.Str("")
		return nil
	}
	b := it.Bytes()
	from, to = clampRange(from, to, int64(len(b)))
	if from > to {
		c.Out.Str("")
		return nil
	}
	c.Out.Bulk(b[from : to+1])
	return nil
}

// getDel replies the string, or nil, and removes the key.
func getDel(c *Ctx) error {
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Null()
		return nil
	}
	c.Out.Bulk(it.Bytes())
	c.DB.Delete(c.Arg(1))
	c.Changed(c.DB, c.Arg(1), "del")
	c.Rewrite(2).Str("DEL").Arg(c.Arg(1))
	return nil
}

// getSet replies the string that was there, or nil. The deadline goes.
func getSet(c *Ctx) error {
	if err := c.fits(int64(len(c.Arg(2)))); err != nil {
		return err
	}
	if err := get(c); err != nil {
		return err
	}
	c.putString(c.Arg(1), 2, 0)
	c.Changed(c.DB, c.Arg(1), "set")
	c.setEffect(c.Arg(1), c.Arg(2), 0)
	return nil
}

// appendString replies the length after. A missing key is set.
func appendString(c *Ctx) error {
	it, err := c.peekString(1)
	if err != nil {
		return err
	}
	key, more := c.Arg(1), c.Arg(2)
	var n int
	if it.OK() {
		n = len(it.Bytes())
	}
	if err := c.grows(int64(n), int64(len(more))); err != nil {
		return err
	}
	if it.OK() {
		copy(c.DB.Edit(key, n+len(more))[n:], more)
	} else {
		c.putString(key, 2, 0)
	}
	c.Changed(c.DB, key, "append")
	c.Out.Int(int64(n + len(more)))
	return nil
}

// setRange replies the length after. A gap is filled with zeros; nothing written is no
// change at all.
func setRange(c *Ctx) error {
	key, val := c.Arg(1), c.Arg(3)
	off, err := c.Int(2)
	if err != nil {
		return err
	}
	if off < 0 {
		return ErrOffset
	}
	it, err := c.peekString(1)
	if err != nil {
		return err
	}
	var had int64
	if it.OK() {
		had = int64(len(it.Bytes()))
	}
	if len(val) == 0 {
		c.Out.Int(had)
		return nil
	}
	if off > c.Cfg.ProtoMaxBulkLen || off+int64(len(val)) > had {
		if err := c.grows(off, int64(len(val))); err != nil {
			return err
		}
	}
	b := c.DB.Edit(key, int(off)+len(val))
	copy(b[off:], val)
	n := int64(len(b))
	c.Changed(c.DB, key, "setrange")
	c.Out.Int(n)
	return nil
}

// pairs checks that values follow keys and that each may be stored.
func pairs(c *Ctx) error {
	if c.Argc()%2 == 0 {
		return errArity(c.Cmd.FullName)
	}
	for i := 2; i < c.Argc(); i += 2 {
		if err := c.fits(int64(len(c.Arg(i)))); err != nil {
			return err
		}
	}
	return nil
}

// mset sets every key, in order: of a key that comes twice the last value stays.
func mset(c *Ctx) error {
	if err := pairs(c); err != nil {
		return err
	}
	putPairs(c)
	c.Out.OK()
	return nil
}

func putPairs(c *Ctx) {
	for i := 1; i < c.Argc(); i += 2 {
		c.putString(c.Arg(i), i+1, 0)
		c.Changed(c.DB, c.Arg(i), "set")
	}
}

// msetNX replies 1, or 0 if one of the keys existed and nothing was set.
func msetNX(c *Ctx) error {
	if err := pairs(c); err != nil {
		return err
	}
	for i := 1; i < c.Argc(); i += 2 {
		if c.DB.Has(c.Arg(i)) {
			c.Out.Int(0)
			return nil
		}
	}
	putPairs(c)
	c.Out.Int(1)
	return nil
}

// delIfEq replies 1, or 0 if the key is missing or holds another string.
func delIfEq(c *Ctx) error {
	it, err := c.StringForWrite(1)
	if err != nil {
		return err
	}
	if !it.OK() || !bytes.Equal(it.Bytes(), c.Arg(2)) {
		c.Out.Int(0)
		return nil
	}
	c.DB.Delete(c.Arg(1))
	c.Changed(c.DB, c.Arg(1), "del")
	c.Out.Int(1)
	return nil
}
