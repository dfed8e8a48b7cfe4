package cmd

import (
	"bytes"
	"math"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Deadlines. Every form of a time that a client may write becomes Unix milliseconds
// before anything else is decided:
//
//	EXPIRE     seconds        from now  --+
//	PEXPIRE    milliseconds   from now  --+--> at, Unix milliseconds --> past:   the key is deleted
//	EXPIREAT   seconds        absolute  --+                              future: the entry's deadline
//	PEXPIREAT  milliseconds   absolute  --+
//
// A condition compares the new deadline with the old one. A key without a deadline
// counts as one that never comes: later than all for LT, and not to be surpassed for GT.

func expireCommands() []*Command {
	set := func(name, since, syntax, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -3, Run: run,
			Flags: Write | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "generic", Since: since, Complexity: "O(1)",
				Summary: summary, Syntax: "key " + syntax + " [<NX | XX | GT | LT>]"},
		}
	}
	ask := func(name, since, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: 2, Run: run,
			Flags: ReadOnly | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "generic", Since: since, Complexity: "O(1)",
				Summary: summary, Syntax: "key"},
		}
	}
	return []*Command{
		set("expire", "1.0.0", "seconds", "Lets a key expire after so many seconds.", expire),
		set("pexpire", "2.6.0", "milliseconds", "Lets a key expire after so many milliseconds.", pexpire),
		set("expireat", "1.2.0", "unix-time-seconds", "Lets a key expire at a time, Unix seconds.", expireAt),
		set("pexpireat", "2.6.0", "unix-time-milliseconds", "Lets a key expire at a time, Unix milliseconds.", pexpireAt),
		ask("ttl", "1.0.0", "Tells how many seconds a key has left.", ttl),
		ask("pttl", "2.6.0", "Tells how many milliseconds a key has left.", pttl),
		ask("expiretime", "7.0.0", "Tells when a key expires, Unix seconds.", expireTime),
		ask("pexpiretime", "7.0.0", "Tells when a key expires, Unix milliseconds.", pexpireTime),
		{
			Name: "persist", Arity: 2, Run: persist,
			Flags: Write | Fast, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "generic", Since: "2.2.0", Complexity: "O(1)",
				Summary: "Takes a key's deadline away.", Syntax: "key"},
		},
	}
}

func expire(c *Ctx) error    { return setDeadline(c, c.KS.Now(), 1000) }
func pexpire(c *Ctx) error   { return setDeadline(c, c.KS.Now(), 1) }
func expireAt(c *Ctx) error  { return setDeadline(c, 0, 1000) }
func pexpireAt(c *Ctx) error { return setDeadline(c, 0, 1) }

// setDeadline replies 1, or 0 if the key is missing or the condition does not hold. The
// time is counted from base, Unix milliseconds, in units of so many milliseconds.
func setDeadline(c *Ctx, base, unit int64) error {
	cond, err := conditions(c)
	if err != nil {
		return err
	}
	n, err := c.Int(2)
	if err != nil {
		return err
	}
	if n > math.MaxInt64/unit || n < math.MinInt64/unit || n*unit > math.MaxInt64-base {
		return errExpireTime(c.Cmd)
	}
	at := base + n*unit

	key := c.Arg(1)
	it := c.DB.ForWrite(key)
	if !it.OK() || !cond.allow(it.ExpireAt(), at) {
		c.Out.Int(0)
		return nil
	}
	c.expireAt(key, it, at)
	c.Out.Int(1)
	return nil
}

// expireAt gives a key a deadline, Unix milliseconds; one that has passed takes the key.
func (c *Ctx) expireAt(key []byte, it db.Item, at int64) {
	if c.KS.Past(at) {
		c.DB.Delete(key)
		c.Changed(c.DB, key, "del")
		c.Rewrite(2).Str("DEL").Arg(key)
		return
	}
	c.DB.SetExpire(it, at)
	c.Changed(c.DB, key, "expire")
	c.Rewrite(3).Str("PEXPIREAT").Arg(key).Int(at)
}

// condition says which deadlines may be replaced.
type condition uint8

const (
	ifNone    condition = 1 << iota // NX: there is none
	ifSome                          // XX: there is one
	ifLater                         // GT: the new one comes later
	ifEarlier                       // LT: the new one comes earlier
)

// conditions reads the options of the EXPIRE family.
func conditions(c *Ctx) (condition, error) {
	var cond condition
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("NX"):
			cond |= ifNone
		case o.Is("XX"):
			cond |= ifSome
		case o.Is("GT"):
			cond |= ifLater
		case o.Is("LT"):
			cond |= ifEarlier
		default:
			o.Fail(errUnsupportedOption(o.Arg()))
		}
	}
	switch {
	case o.Err != nil:
		return 0, o.Err
	case cond&ifNone != 0 && cond != ifNone:
		return 0, ErrExpireNX
	case cond&ifLater != 0 && cond&ifEarlier != 0:
		return 0, ErrExpireGTLT
	}
	return cond, nil
}

// allow tells whether the deadline was, 0 for none, may become at.
func (cond condition) allow(was, at int64) bool {
	return !(cond&ifNone != 0 && was != 0 ||
		cond&ifSome != 0 && was == 0 ||
		cond&ifLater != 0 && (was == 0 || at <= was) ||
		cond&ifEarlier != 0 && was != 0 && at >= was)
}

// errUnsupportedOption quotes an option as far as a C string goes.
func errUnsupportedOption(arg []byte) error {
	arg, _, _ = bytes.Cut(arg, []byte{0})
	return resp.Error("ERR Unsupported option " + string(arg))
}

// The answers where there is no deadline to tell.
const (
	noKey      = -2
	noDeadline = -1
)

// ttl rounds to the nearest second.
func ttl(c *Ctx) error {
	if at, ok := deadline(c); ok {
		c.Out.Int(seconds(at - c.KS.Now()))
	}
	return nil
}

func pttl(c *Ctx) error {
	if at, ok := deadline(c); ok {
		c.Out.Int(at - c.KS.Now())
	}
	return nil
}

// expireTime rounds to the nearest second.
func expireTime(c *Ctx) error {
	if at, ok := deadline(c); ok {
		c.Out.Int(seconds(at))
	}
	return nil
}

func pexpireTime(c *Ctx) error {
	if at, ok := deadline(c); ok {
		c.Out.Int(at)
	}
	return nil
}

// deadline returns that of the key, Unix milliseconds and in the future; or it replies
// why there is none.
func deadline(c *Ctx) (int64, bool) {
	it := c.DB.Look(c.Arg(1))
	switch {
	case !it.OK():
		c.Out.Int(noKey)
	case it.ExpireAt() == 0:
		c.Out.Int(noDeadline)
	default:
		return it.ExpireAt(), true
	}
	return 0, false
}

// seconds rounds milliseconds, which are not negative; unsigned, since the last half
// second before the end of time would overflow.
func seconds(ms int64) int64 { return int64((uint64(ms) + 500) / 1000) }

// persist replies 1, or 0 if there was no deadline to take away.
func persist(c *Ctx) error {
	it := c.DB.ForWrite(c.Arg(1))
	if !it.OK() || it.ExpireAt() == 0 {
		c.Out.Int(0)
		return nil
	}
	c.DB.SetExpire(it, 0)
	c.Changed(c.DB, c.Arg(1), "persist")
	c.Out.Int(1)
	return nil
}
