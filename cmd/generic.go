package cmd

import (
	"bytes"
	"math"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Commands that do not ask what kind of value a key holds: they find it, take it away,
// move it, copy it. None of them costs more for a large value than for a small one, COPY
// aside: removing is dropping a reference, so DEL and UNLINK are one command, and so are
// both modes of FLUSHDB.

func genericCommands() []*Command {
	return []*Command{
		{
			Name: "copy", Arity: -3, Run: copyKey,
			Flags: Write | DenyOOM, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RO|Access), key(2, OW|Update)},
			Doc: Doc{Group: "generic", Since: "6.2.0", Complexity: "O(N) where N is the size of the value",
				Summary: "Puts a copy of one key's value under another key.",
				Syntax:  "source destination [DB destination-db] [REPLACE]"},
		},
		{
			Name: "del", Arity: -2, Run: del,
			Flags: Write, ACL: acl.Keyspace,
			Keys: []KeySpec{keys(1, -1, 1, RM|Delete)},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(N) where N is the number of keys, whatever they hold",
				Summary: "Removes keys.", Syntax: "key [key ...]"},
		},
		{
			Name: "unlink", Arity: -2, Run: del,
			Flags: Write | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{keys(1, -1, 1, RM|Delete)},
			Doc: Doc{Group: "generic", Since: "4.0.0", Complexity: "O(N) where N is the number of keys, whatever they hold",
				Summary: "Removes keys, as DEL does.", Syntax: "key [key ...]"},
		},
		{
			Name: "exists", Arity: -2, Run: exists,
			Flags: ReadOnly | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{keys(1, -1, 1, RO)},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(N) where N is the number of keys",
				Summary: "Counts which of the keys exist.", Syntax: "key [key ...]"},
		},
		{
			Name: "touch", Arity: -2, Run: touch,
			Flags: ReadOnly | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{keys(1, -1, 1, RO)},
			Doc: Doc{Group: "generic", Since: "3.2.1", Complexity: "O(N) where N is the number of keys",
				Summary: "Notes an access to each of the keys and counts those that exist.", Syntax: "key [key ...]"},
		},
		{
			Name: "type", Arity: 2, Run: typeOf,
			Flags: ReadOnly | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Names the type of the value under a key.", Syntax: "key"},
		},
		{
			Name: "randomkey", Arity: 1, Run: randomKey,
			Flags: ReadOnly | TouchesArbitraryKeys, ACL: acl.Keyspace,
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Draws a key at random."},
		},
		{
			Name: "rename", Arity: 3, Run: rename,
			Flags: Write, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RW|Access|Delete), key(2, OW|Update)},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Gives a value another key, in place of what that key held.", Syntax: "key newkey"},
		},
		{
			Name: "renamenx", Arity: 3, Run: renameNX,
			Flags: Write | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RW|Access|Delete), key(2, OW|Insert)},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Gives a value another key, unless that key is taken.", Syntax: "key newkey"},
		},
		{
			Name: "move", Arity: 3, Run: move,
			Flags: Write | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Takes a key to another database, unless it is taken there.", Syntax: "key db"},
		},
		{
			Name: "dbsize", Arity: 1, Run: dbSize,
			Flags: ReadOnly | Fast, ACL: acl.Keyspace,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Counts the keys of the database."},
		},
		{
			Name: "flushdb", Arity: -1, Run: flushDB,
			Flags: Write, ACL: acl.Keyspace | acl.Dangerous,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Empties the database.", Syntax: "[<ASYNC | SYNC>]"},
		},
		{
			Name: "flushall", Arity: -1, Run: flushAll,
			Flags: Write, ACL: acl.Keyspace | acl.Dangerous,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(N) where N is the number of databases",
				Summary: "Empties all databases.", Syntax: "[<ASYNC | SYNC>]"},
		},
		{
			Name: "swapdb", Arity: 3, Run: swapDB,
			Flags: Write | Fast, ACL: acl.Keyspace | acl.Dangerous,
			Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "O(1)",
				Summary: "Exchanges the contents of two databases.", Syntax: "index1 index2"},
		},
		{
			Name: "time", Arity: 1, Run: unixTime,
			Flags: Loading | Stale | Fast,
			Doc: Doc{Group: "server", Since: "2.6.0", Complexity: "O(1)",
				Summary: "Tells the time of the server's clock: Unix seconds, and microseconds of the current one."},
		},
	}
}

// copyKey replies 1, or 0 if the source is missing or the destination taken.
func copyKey(c *Ctx) error {
	src, dst := c.Arg(1), c.Arg(2)
	to, replace := c.DB, false
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("REPLACE"):
			replace = true
		case o.Is("DB"):
			to = o.DB(c.KS)
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	if to == c.DB && bytes.Equal(src, dst) {
		return ErrSameObject
	}
	if !c.DB.Get(src).OK() || to.ForWrite(dst).OK() && !replace {
		c.Out.Int(0)
		return nil
	}
	c.DB.Copy(src, to, dst)
	c.Changed(to, dst, "copy_to")
	c.Out.Int(1)
	return nil
}

// del replies how many keys there were to remove.
func del(c *Ctx) error {
	n := int64(0)
	for _, key := range c.Args[1:] {
		if c.DB.Delete(key) {
			c.Changed(c.DB, key, "del")
			n++
		}
	}
	c.Out.Int(n)
	return nil
}

// exists counts a key as often as it is named.
func exists(c *Ctx) error {
	n := int64(0)
	for _, key := range c.Args[1:] {
		if c.DB.Look(key).OK() {
			n++
		}
	}
	c.Out.Int(n)
	return nil
}

// touch is exists with an access noted, even for a client that is set to NO-TOUCH.
func touch(c *Ctx) error {
	n := int64(0)
	for _, key := range c.Args[1:] {
		if c.DB.Get(key).OK() {
			n++
		}
	}
	c.Out.Int(n)
	return nil
}

// typeOf replies none for a missing key.
func typeOf(c *Ctx) error {
	it := c.DB.Look(c.Arg(1))
	if !it.OK() {
		c.Out.Status("none")
		return nil
	}
	c.Out.Status(it.Type().String())
	return nil
}

// randomKey replies nil if the database is empty.
func randomKey(c *Ctx) error {
	key, ok := c.DB.Random()
	if !ok {
		c.Out.Null()
		return nil
	}
	c.Out.Bulk(key)
	return nil
}

// rename replies OK. A key may be renamed to itself, which changes nothing.
func rename(c *Ctx) error {
	if !c.DB.ForWrite(c.Arg(1)).OK() {
		return ErrNoKey
	}
	if !bytes.Equal(c.Arg(1), c.Arg(2)) {
		c.DB.Peek(c.Arg(2)) // what is there past its deadline expires, instead of being replaced
		moveValue(c, c.Arg(1), c.DB, c.Arg(2), "rename_from", "rename_to")
	}
	c.Out.OK()
	return nil
}

// renameNX replies 1, or 0 if the new key is taken, which it is by a key of the same
// name.
func renameNX(c *Ctx) error {
	if !c.DB.ForWrite(c.Arg(1)).OK() {
		return ErrNoKey
	}
	if c.DB.ForWrite(c.Arg(2)).OK() {
		c.Out.Int(0)
		return nil
	}
	moveValue(c, c.Arg(1), c.DB, c.Arg(2), "rename_from", "rename_to")
	c.Out.Int(1)
	return nil
}

// move replies 1, or 0 if the key is missing here or taken there.
func move(c *Ctx) error {
	key := c.Arg(1)
	to, err := database(c.KS, c.Arg(2))
	if err != nil {
		return err
	}
	if to == c.DB {
		return ErrSameObject
	}
	if !c.DB.ForWrite(key).OK() || to.ForWrite(key).OK() {
		c.Out.Int(0)
		return nil
	}
	moveValue(c, key, to, key, "move_from", "move_to")
	c.Out.Int(1)
	return nil
}

// moveValue moves the value of from, which exists, to another key or database, and
// reports both ends. Together they count as one change.
func moveValue(c *Ctx, from []byte, dst *db.DB, to []byte, left, came string) {
	c.DB.Rename(from, dst, to)
	c.Changed(c.DB, from, left)
	c.Changed(dst, to, came)
	c.Server.Dirty--
}

// dbSize counts keys past their deadline that have not been reclaimed yet, as Redis
// does.
func dbSize(c *Ctx) error {
	c.Out.Int(int64(c.DB.Len()))
	return nil
}

func flushDB(c *Ctx) error {
	if err := flushMode(c); err != nil {
		return err
	}
	c.replacing(c.DB, nil)
	c.Flushed(c.DB, c.DB.Flush())
	c.Out.OK()
	return nil
}

func flushAll(c *Ctx) error {
	if err := flushMode(c); err != nil {
		return err
	}
	c.replacing(nil, nil)
	c.Flushed(nil, c.KS.Flush())
	return c.flushedAll()
}

// flushMode reads ASYNC or SYNC. Both are the same here: nothing waits for the memory.
func flushMode(c *Ctx) error {
	if n := c.Argc(); n > 2 || n == 2 && !fold(c.Arg(1), "ASYNC") && !fold(c.Arg(1), "SYNC") {
		return ErrSyntax
	}
	return nil
}

// Flushed reports that n keys went with their database, or with all of them if d is nil.
// Before they went, replacing was called.
// There is no keyspace event for each of them; the dirty count rises by their number.
func (c *Ctx) Flushed(d *db.DB, n int) {
	c.Server.Dirty += int64(n)
	c.blocking.replaced(d)
	if c.tracking.numbers != nil {
		c.invalidateAll()
	}
}

// swapDB exchanges contents; clients stay at the index they selected.
func swapDB(c *Ctx) error {
	a, ok := index32(c.Arg(1))
	if !ok {
		return ErrFirstDB
	}
	b, ok := index32(c.Arg(2))
	if !ok {
		return ErrSecondDB
	}
	n := int64(c.KS.DBs())
	if a < 0 || a >= n || b < 0 || b >= n {
		return ErrDBIndex
	}
	one, other := c.KS.DB(int(a)), c.KS.DB(int(b))
	if one != other {
		c.replacing(one, other)
		c.replacing(other, one)
	}
	c.KS.Swap(one, other)
	c.blocking.replaced(one)
	c.blocking.replaced(other)
	c.Server.Dirty++
	c.Out.OK()
	return nil
}

// database finds the database whose index a client wrote.
func database(k *db.Keyspace, arg []byte) (*db.DB, error) {
	n, ok := resp.ParseInt(arg)
	switch {
	case !ok:
		return nil, ErrNotInt
	case n < math.MinInt32 || n > math.MaxInt32:
		return nil, ErrInt32
	case n < 0 || n >= int64(k.DBs()):
		return nil, ErrDBIndex
	}
	return k.DB(int(n)), nil
}

// index32 reads an integer of 32 bits.
func index32(arg []byte) (int64, bool) {
	n, ok := resp.ParseInt(arg)
	return n, ok && n >= math.MinInt32 && n <= math.MaxInt32
}

// unixTime replies seconds and microseconds; the clock is read once a command.
func unixTime(c *Ctx) error {
	us := c.NowUs()
	c.Out.Array(2)
	c.Out.BulkInt(us / 1e6)
	c.Out.BulkInt(us % 1e6)
	return nil
}
