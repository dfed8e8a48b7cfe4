package cmd

import (
	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Deadlines of fields. As with keys, every form of a time becomes Unix milliseconds before
// anything is decided, but the fields come in a list, FIELDS numfields field ..., and the
// reply is a list of as many numbers:
//
//	-2  no such field, or no such key     1  done
//	-1  no deadline to tell or to take    2  done by removing the field: the time is past
//	 0  the condition does not hold
//
// A time is at most 2^46-1 ms, which is what Redis has bits for. The remaining time is
// rounded up to seconds, unlike that of keys.

func hashExpireCommands() []*Command {
	set := func(name, syntax, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -6, Run: run,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "hash", Since: "7.4.0", Complexity: "O(N) where N is the number of fields named",
				Summary: summary, Syntax: "key " + syntax + " [<NX | XX | GT | LT>] FIELDS numfields field [field ...]"},
		}
	}
	ask := func(name, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -5, Run: run,
			Flags: ReadOnly | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "hash", Since: "7.4.0", Complexity: "O(N) where N is the number of fields named",
				Summary: summary, Syntax: "key FIELDS numfields field [field ...]"},
		}
	}
	return []*Command{
		set("hexpire", "seconds", "Lets fields expire after so many seconds.", hexpire),
		set("hpexpire", "milliseconds", "Lets fields expire after so many milliseconds.", hpexpire),
		set("hexpireat", "unix-time-seconds", "Lets fields expire at a time, Unix seconds.", hexpireAt),
		set("hpexpireat", "unix-time-milliseconds", "Lets fields expire at a time, Unix milliseconds.", hpexpireAt),
		ask("httl", "Tells how many seconds fields have left.", httl),
		ask("hpttl", "Tells how many milliseconds fields have left.", hpttl),
		ask("hexpiretime", "Tells when fields expire, Unix seconds.", hexpireTime),
		ask("hpexpiretime", "Tells when fields expire, Unix milliseconds.", hpexpireTime),
		{
			Name: "hpersist", Arity: -5, Run: hpersist,
			Flags: Write | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "hash", Since: "7.4.0", Complexity: "O(N) where N is the number of fields named",
				Summary: "Takes the deadlines of fields away.", Syntax: "key FIELDS numfields field [field ...]"},
		},
	}
}

// The numbers in replies, beside noDeadline and 1 for done.
const (
	noField      = -2
	fieldNotMet  = 0
	fieldDone    = 1
	fieldRemoved = 2
)

// latestField is the last deadline that a field can have, Unix milliseconds.
const latestField = 1<<46 - 1

// fieldList reads FIELDS numfields field ... from argument i to the last. bad is the error
// for a number that is none.
func (c *Ctx) fieldList(i int, bad error) ([][]byte, error) {
	if !fold(c.Arg(i), "FIELDS") {
		return nil, ErrNoFields
	}
	if i+1 >= c.Argc() {
		return nil, errArity(c.Cmd.FullName)
	}
	n, ok := resp.ParseInt(c.Arg(i + 1))
	names := c.Args[i+2:]
	switch {
	case !ok || n < 1:
		return nil, bad
	case n != int64(len(names)):
		return nil, ErrFieldsMatch
	}
	return names, nil
}

// fieldDeadline reads argument i as a time counted from base, Unix milliseconds, in units
// of so many milliseconds. The beginning of time is 1, since 0 is no deadline.
func (c *Ctx) fieldDeadline(i int, base, unit int64) (int64, error) {
	n, err := c.Int(i)
	switch {
	case err != nil:
		return 0, err
	case n < 0:
		return 0, ErrExpireMinus
	case n > latestField/unit || n*unit > latestField-base:
		return 0, errExpireTime(c.Cmd)
	}
	return max(base+n*unit, 1), nil
}

// fieldCondition reads argument i as a condition; none if it is something else.
func (c *Ctx) fieldCondition(i int) condition {
	switch arg := c.Arg(i); {
	case fold(arg, "NX"):
		return ifNone
	case fold(arg, "XX"):
		return ifSome
	case fold(arg, "GT"):
		return ifLater
	case fold(arg, "LT"):
		return ifEarlier
	}
	return 0
}

func hexpire(c *Ctx) error    { return setFieldDeadlines(c, c.KS.Now(), 1000) }
func hpexpire(c *Ctx) error   { return setFieldDeadlines(c, c.KS.Now(), 1) }
func hexpireAt(c *Ctx) error  { return setFieldDeadlines(c, 0, 1000) }
func hpexpireAt(c *Ctx) error { return setFieldDeadlines(c, 0, 1) }

// setFieldDeadlines replies a number for each field. Like Redis it looks at the value's
// type first.
func setFieldDeadlines(c *Ctx, base, unit int64) error {
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	at, err := c.fieldDeadline(2, base, unit)
	if err != nil {
		return err
	}
	list := 3
	cond := c.fieldCondition(list)
	if cond != 0 {
		list++
	}
	names, err := c.fieldList(list, ErrFieldsZero)
	if err != nil {
		return err
	}
	c.Out.Array(len(names))
	event, done := "", c.words()
	for _, name := range names {
		result := c.setFieldDeadline(&f, name, at, cond)
		switch result {
		case fieldDone:
			event = "hexpire"
			done.add(name)
		case fieldRemoved:
			event = "hdel" // one time for all: either all are removed or none
			done.add(name)
		}
		c.Out.Int(result)
	}
	c.changedFields(&f, event)
	c.fieldsEffect(event, at, done)
	return nil
}

// fieldsEffect is the effect of an event on some fields: they are removed, or have a deadline
// now, or none.
func (c *Ctx) fieldsEffect(event string, at int64, names *wordList) {
	n := len(names.ends)
	switch event {
	case "hdel":
		names.rewrite(c, "HDEL", c.Arg(1))
	case "hexpire":
		names.put(c.Rewrite(5 + n).Str("HPEXPIREAT").Arg(c.Arg(1)).Int(at).Str("FIELDS").Int(int64(n)))
	case "hpersist":
		names.put(c.Rewrite(4 + n).Str("HPERSIST").Arg(c.Arg(1)).Str("FIELDS").Int(int64(n)))
	}
}

// setFieldDeadline gives a field a deadline, or removes it if that is past, and returns the
// number that tells what was done.
func (c *Ctx) setFieldDeadline(f *db.FieldEdit, name []byte, at int64, cond condition) int64 {
	was, ok := f.Deadline(name)
	switch {
	case !ok:
		return noField
	case !cond.allow(was, at):
		return fieldNotMet
	case c.KS.Past(at):
		f.Delete(name)
		return fieldRemoved
	}
	f.SetDeadline(name, at)
	return fieldDone
}

func httl(c *Ctx) error         { return tellFieldDeadlines(c, c.KS.Now(), 1000) }
func hpttl(c *Ctx) error        { return tellFieldDeadlines(c, c.KS.Now(), 1) }
func hexpireTime(c *Ctx) error  { return tellFieldDeadlines(c, 0, 1000) }
func hpexpireTime(c *Ctx) error { return tellFieldDeadlines(c, 0, 1) }

// tellFieldDeadlines replies for each field the time from base to its deadline, rounded up
// to units.
func tellFieldDeadlines(c *Ctx, base, unit int64) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	names, err := c.fieldList(2, ErrFieldsCount)
	if err != nil {
		return err
	}
	c.Out.Array(len(names))
	for _, name := range names {
		switch at, ok := f.Deadline(name); {
		case !ok:
			c.Out.Int(noField)
		case at == 0:
			c.Out.Int(noDeadline)
		default:
			c.Out.Int((at - base + unit - 1) / unit)
		}
	}
	return nil
}

// hpersist replies a number for each field.
func hpersist(c *Ctx) error {
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	names, err := c.fieldList(2, ErrFieldsCount)
	if err != nil {
		return err
	}
	c.Out.Array(len(names))
	event, done := "", c.words()
	for _, name := range names {
		switch at, ok := f.Deadline(name); {
		case !ok:
			c.Out.Int(noField)
		case at == 0:
			c.Out.Int(noDeadline)
		default:
			f.SetDeadline(name, 0)
			event = "hpersist"
			done.add(name)
			c.Out.Int(fieldDone)
		}
	}
	c.changedFields(&f, event)
	c.fieldsEffect(event, 0, done)
	return nil
}
