package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Commands of Redis 8.0 that do two things at once: read fields and change how long they
// live, set fields that are to expire, read fields and remove them.

func hashExCommands() []*Command {
	return []*Command{
		{
			Name: "hgetex", Arity: -5, Run: hgetEX,
			Flags: Write | Fast, ACL: acl.Hash,
			Keys: []KeySpec{{Flags: RW | Access | Update, Begin: Begin{Index: 1}, Find: Find{Step: 1},
				Notes: "the values are read, the deadlines may change"}},
			Doc: Doc{Group: "hash", Since: "8.0.0", Complexity: "O(N) where N is the number of fields named",
				Summary: "Reads the values of fields and may change when they expire.",
				Syntax:  "key [<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST>] FIELDS numfields field [field ...]"},
		},
		{
			Name: "hsetex", Arity: -6, Run: hsetEX,
			Flags: Write | DenyOOM | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "hash", Since: "8.0.0", Complexity: "O(N) where N is the number of fields named",
				Summary: "Sets the values of fields and when they expire.",
				Syntax:  "key [<FNX | FXX>] [<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL>] FIELDS numfields field value [field value ...]"},
		},
		{
			Name: "hgetdel", Arity: -5, Run: hgetDel,
			Flags: Write | Fast, ACL: acl.Hash,
			Keys: []KeySpec{key(1, RW|Access|Delete)},
			Doc: Doc{Group: "hash", Since: "8.0.0", Complexity: "O(N) where N is the number of fields named",
				Summary: "Reads the values of fields and removes them.", Syntax: "key FIELDS numfields field [field ...]"},
		},
	}
}

// fieldTime reads argument i, and the one after it, as EX, PX, EXAT or PXAT with a time. It
// reports false if argument i is none of these words.
func (c *Ctx) fieldTime(i int) (at int64, ok bool, err error) {
	base, unit := int64(0), int64(1)
	switch arg := c.Arg(i); {
	case fold(arg, "EX"):
		base, unit = c.KS.Now(), 1000
	case fold(arg, "PX"):
		base = c.KS.Now()
	case fold(arg, "EXAT"):
		unit = 1000
	case fold(arg, "PXAT"):
	default:
		return 0, false, nil
	}
	if i+1 >= c.Argc() {
		return 0, true, ErrExpireMissed
	}
	at, err = c.fieldDeadline(i+1, base, unit)
	return at, true, err
}

// lookFields is editFields for a command that also reads: a hit or a miss.
func (c *Ctx) lookFields(f *db.FieldEdit) error {
	it, err := ofType(c.DB.Look(c.Arg(1)), db.Hash)
	if err != nil {
		return err
	}
	c.DB.EditFields(f, c.Arg(1), it)
	return nil
}

// hgetEX replies the values, nil for a missing field.
func hgetEX(c *Ctx) error {
	var f db.FieldEdit
	if err := c.lookFields(&f); err != nil {
		return err
	}
	list := 2
	at, timed, err := c.fieldTime(list)
	if err != nil {
		return err
	}
	persist := !timed && fold(c.Arg(list), "PERSIST")
	switch {
	case timed:
		list += 2
	case persist:
		list++
	}
	names, err := c.fieldList(list, ErrFieldsCount)
	if err != nil {
		return err
	}
	if !timed && !persist {
		f.Done()
		return c.values(&f.Fields, names)
	}
	if err := c.fitValues(&f, names); err != nil {
		return err
	}
	c.Out.Array(len(names))
	event, done := "", c.words()
	for _, name := range names {
		c.field(&f.Fields, name)
		was, ok := f.Deadline(name)
		switch {
		case !ok || persist && was == 0:
		case persist:
			f.SetDeadline(name, 0)
			event = "hpersist"
			done.add(name)
		default:
			if event = "hexpire"; c.setFieldDeadline(&f, name, at, 0) == fieldRemoved {
				event = "hdel"
			}
			done.add(name)
		}
	}
	c.changedFields(&f, event)
	c.fieldsEffect(event, at, done)
	return nil
}

// fitValues guards max-reply-bytes before a command that replies the values of fields
// changes anything.
func (c *Ctx) fitValues(f *db.FieldEdit, names [][]byte) error {
	limit := c.Cfg.MaxReplyBytes
	if limit == 0 {
		return nil
	}
	var w resp.Writer
	n := int64(0)
	for _, name := range names {
		v, _ := f.Get(name)
		w.B = w.B[:0]
		w.Int(int64(v.Len())) // as long as the head of a bulk string
		if n += int64(len(w.B) + v.Len() + 2); n > limit {
			return ErrReplyLimit
		}
	}
	return nil
}

// hsetEX replies 1, or 0 if the condition does not hold and nothing was set.
func hsetEX(c *Ctx) error {
	s, err := c.hsetEXOptions()
	if err != nil {
		return err
	}
	var f db.FieldEdit
	if err := c.editFields(&f); err != nil {
		return err
	}
	if !s.holds(&f) {
		f.Done()
		c.Out.Int(0)
		return nil
	}
	if err := c.fitPairs(&f, s.pairs); err != nil {
		return err
	}
	event := ""
	switch {
	case s.at > 0 && c.KS.Past(s.at): // set, and gone at once
		setPairs(&f, s.pairs, 0)
		for i := 0; i < len(s.pairs); i += 2 {
			f.Delete(s.pairs[i])
		}
		event = "hdel"
	case s.at > 0:
		event = "hexpire"
		fallthrough
	default:
		setPairs(&f, s.pairs, s.at)
	}
	gone := f.Done()
	c.Changed(c.DB, c.Arg(1), "hset")
	n := len(s.pairs)
	switch {
	case event == "hdel":
		w := c.Rewrite(2 + n/2).Str("HDEL").Arg(c.Arg(1))
		for i := 0; i < n; i += 2 {
			w.Arg(s.pairs[i])
		}
	case s.at > 0:
		c.Rewrite(6 + n).Str("HSETEX").Arg(c.Arg(1)).Str("PXAT").Int(s.at).Str("FIELDS").Int(int64(n / 2)).Args(s.pairs)
	case s.at == db.KeepTTL:
		c.Rewrite(5 + n).Str("HSETEX").Arg(c.Arg(1)).Str("KEEPTTL").Str("FIELDS").Int(int64(n / 2)).Args(s.pairs)
	default:
		c.Rewrite(2 + n).Str("HSET").Arg(c.Arg(1)).Args(s.pairs)
	}
	if event != "" {
		c.Also(c.DB, c.Arg(1), event)
	}
	if gone {
		c.Gone(c.DB, c.Arg(1))
	}
	c.Out.Int(1)
	return nil
}

// fieldSetting is what HSETEX was asked for.
type fieldSetting struct {
	ifNone, ifAll bool
	at            int64    // 0: no deadline; db.KeepTTL
	pairs         [][]byte // borrowed
}

// hsetEXOptions reads the options of HSETEX, up to FIELDS.
func (c *Ctx) hsetEXOptions() (s fieldSetting, err error) {
	lifetimes := 0
	for i := 2; i < c.Argc(); i++ {
		arg := c.Arg(i)
		at, timed, err := c.fieldTime(i)
		switch {
		case fold(arg, "FIELDS"):
			s.pairs, err = c.pairList(i + 1)
			return s, err
		case fold(arg, "FNX") || fold(arg, "FXX"):
			if s.ifNone || s.ifAll {
				return s, ErrFieldsCond
			}
			s.ifNone = fold(arg, "FNX")
			s.ifAll = !s.ifNone
		case timed || fold(arg, "KEEPTTL"):
			if lifetimes++; lifetimes > 1 {
				return s, ErrFieldsTTL
			}
			if err != nil {
				return s, err
			}
			if s.at = db.KeepTTL; timed {
				s.at = at
				i++
			}
		default:
			return s, errArgument(arg)
		}
	}
	return s, ErrNoFields
}

// pairList reads numfields field value ... from argument i to the last.
func (c *Ctx) pairList(i int) ([][]byte, error) {
	if i+2 >= c.Argc() {
		return nil, errArity(c.Cmd.FullName)
	}
	n, ok := resp.ParseInt(c.Arg(i))
	if !ok || n < 1 || n > math.MaxInt32 {
		return nil, ErrFieldsNumber
	}
	pairs := c.Args[i+1:]
	if int64(len(pairs)) != 2*n {
		return nil, errArity(c.Cmd.FullName)
	}
	return pairs, nil
}

// holds tells whether the condition does: none, or all, of the fields exist.
func (s *fieldSetting) holds(f *db.FieldEdit) bool {
	if !s.ifNone && !s.ifAll {
		return true
	}
	for i := 0; i < len(s.pairs); i += 2 {
		if f.Has(s.pairs[i]) != s.ifAll {
			return false
		}
	}
	return true
}

// hgetDel replies the values, nil for a missing field.
func hgetDel(c *Ctx) error {
	var f db.FieldEdit
	if err := c.lookFields(&f); err != nil {
		return err
	}
	names, err := c.fieldList(2, ErrFieldsCount)
	if err != nil {
		return err
	}
	if err := c.fitValues(&f, names); err != nil {
		return err
	}
	c.Out.Array(len(names))
	event, done := "", c.words()
	for _, name := range names {
		c.field(&f.Fields, name)
		if f.Delete(name) {
			event = "hdel"
			done.add(name)
		}
	}
	c.changedFields(&f, event)
	c.fieldsEffect(event, 0, done)
	return nil
}
