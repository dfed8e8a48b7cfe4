package cmd

import (
	"errors"

	"redust/acl"
	"redust/db"
	"redust/db/hll"
	"redust/resp"
)

// HyperLogLogs are strings in a format of Redis's own (db/hll), so any client may GET one,
// SET it elsewhere, or SET something that only looks like one: every command checks what it
// finds, and what is broken is an error, never a panic.
//
// PFADD works in place on a dense value, which keeps its size. A sparse one may grow or
// turn dense at any element, so it is copied out, changed, and put back.
//
// PFCOUNT of one key keeps its answer in the value's header. That is a write by a command
// that reads: it counts as a change and has no event.

func hyperloglogCommands() []*Command {
	return []*Command{
		{
			Name: "pfadd", Arity: -2, Run: pfAdd,
			Flags: Write | DenyOOM | Fast, ACL: acl.HyperLogLog,
			Keys: []KeySpec{key(1, RW|Insert)},
			Doc: Doc{Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1) for each element",
				Summary: "Adds elements to a HyperLogLog.", Syntax: "key [element [element ...]]"},
		},
		{
			Name: "pfcount", Arity: -2, Run: pfCount,
			Flags: ReadOnly | MayReplicate, ACL: acl.HyperLogLog,
			Keys: []KeySpec{{Flags: RW | Access,
				Begin: Begin{Index: 1}, Find: Find{Last: -1, Step: 1},
				Notes: "the estimate is kept in the value"}},
			Doc: Doc{Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1) for one key that has not changed, else O(N) where N is the number of keys",
				Summary: "Estimates how many distinct elements were added to HyperLogLogs.", Syntax: "key [key ...]"},
		},
		{
			Name: "pfmerge", Arity: -2, Run: pfMerge,
			Flags: Write | DenyOOM, ACL: acl.HyperLogLog,
			Keys: []KeySpec{key(1, RW|Access|Insert), keys(2, -1, 1, RO|Access)},
			Doc: Doc{Group: "hyperloglog", Since: "2.8.9", Complexity: "O(N) where N is the number of keys",
				Summary: "Adds what several HyperLogLogs have seen to one.", Syntax: "destkey [sourcekey [sourcekey ...]]"},
		},
		{
			Name: "pfdebug", Arity: 3, Run: pfDebug,
			Flags: Write | DenyOOM | AdminCmd, ACL: acl.HyperLogLog,
			Keys: []KeySpec{key(2, RW|Access)},
			Doc: Doc{Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1)",
				Summary: "Shows how a HyperLogLog is stored.", Syntax: "subcommand key"},
		},
		{
			Name: "pfselftest", Arity: 1, Run: pfSelfTest,
			Flags: AdminCmd, ACL: acl.HyperLogLog,
			Doc: Doc{Group: "hyperloglog", Since: "2.8.9", Complexity: "O(1)",
				Summary: "Checks the HyperLogLog code against itself."},
		},
	}
}

// errHLL is what a client is told about an error of db/hll.
func errHLL(err error) error {
	if errors.Is(err, hll.ErrCorrupt) {
		return ErrCorruptHLL
	}
	return ErrNotHLL
}

// checkHLL tells what is wrong with a value that ought to be a HyperLogLog.
func checkHLL(it db.Item) error {
	switch {
	case it.Type() != db.String:
		return ErrWrongType
	case !hll.Valid(it.Bytes()):
		return ErrNotHLL
	}
	return nil
}

// pfAdd replies 1 if a register grew or the key is new, else 0.
func pfAdd(c *Ctx) error {
	key := c.Arg(1)
	it := c.DB.Peek(key)
	updated := 0
	var b []byte
	if it.OK() {
		if err := checkHLL(it); err != nil {
			return err
		}
		b = it.Bytes()
	} else {
		b = hll.New()
		updated++
	}

	var err error
	if hll.Dense(b) {
		b = c.DB.Edit(key, len(b))
		for _, element := range c.Args[2:] {
			var changed bool
			if b, changed, err = hll.Add(b, element, 0); err != nil {
				return errHLL(err)
			}
			if changed {
				updated++
			}
		}
	} else {
		had := len(b)
		b = append(c.scratch.hll[:0], b...)
		for _, element := range c.Args[2:] {
			var changed bool
			if b, changed, err = hll.Add(b, element, int(c.Cfg.HLLSparseMaxBytes)); err != nil {
				return errHLL(err)
			}
			if changed {
				updated++
			}
		}
		c.scratch.hll = reusable(b)
		if updated > 0 {
			hll.Invalidate(b)
			if err := c.keepHLL(key, had, b); err != nil {
				return err
			}
		}
	}
	if updated == 0 {
		c.Out.Int(0)
		return nil
	}
	c.Changed(c.DB, key, "pfadd")
	c.Dirty += int64(updated - 1)
	c.Out.Int(1)
	return nil
}

// keepHLL stores b, which stays the caller's, in place of a value of had bytes or of none.
func (c *Ctx) keepHLL(key []byte, had int, b []byte) error {
	if len(b) < had {
		c.DB.SetString(key, b, db.Raw, db.KeepTTL)
		return nil
	}
	if len(b) > had {
		if err := c.fits(int64(len(b))); err != nil {
			return err
		}
	}
	copy(c.DB.Edit(key, len(b)), b)
	return nil
}

// pfCount replies the estimate for the union of all keys; missing ones are empty.
func pfCount(c *Ctx) error {
	if c.Argc() > 2 {
		return pfCountUnion(c)
	}
	it := c.DB.Get(c.Arg(1))
	if !it.OK() {
		c.Out.Int(0)
		return nil
	}
	if err := checkHLL(it); err != nil {
		return err
	}
	b := it.Bytes()
	n, cached, err := hll.Count(b)
	if err != nil {
		return errHLL(err)
	}
	if !cached {
		hll.SetCount(c.DB.Edit(c.Arg(1), len(b)), n)
		c.Changed(c.DB, c.Arg(1), "")
	}
	c.Out.Int(int64(n))
	return nil
}

func pfCountUnion(c *Ctx) error {
	r, _, err := mergeHLLs(c)
	if err != nil {
		return err
	}
	c.Out.Int(int64(r.Count()))
	return nil
}

// mergeHLLs merges the values under all arguments into memory that the next call reuses,
// and tells whether one of them is dense.
func mergeHLLs(c *Ctx) (r *hll.Registers, dense bool, err error) {
	if c.scratch.merged == nil {
		c.scratch.merged = new(hll.Registers)
	}
	r = c.scratch.merged
	r.Clear()
	for _, key := range c.Args[1:] {
		it := c.DB.Get(key)
		if !it.OK() {
			continue
		}
		if err := checkHLL(it); err != nil {
			return nil, false, err
		}
		b := it.Bytes()
		dense = dense || hll.Dense(b)
		if err := r.Merge(b); err != nil {
			return nil, false, errHLL(err)
		}
	}
	return r, dense, nil
}

// pfMerge merges the sources and the destination into the destination, which becomes dense
// if one of them is.
func pfMerge(c *Ctx) error {
	r, dense, err := mergeHLLs(c)
	if err != nil {
		return err
	}
	key := c.Arg(1)
	it := c.DB.Peek(key)
	had := 0
	b := c.scratch.hll[:0]
	if it.OK() {
		had = len(it.Bytes())
		b = append(b, it.Bytes()...)
	} else {
		b = append(b, hll.New()...)
	}
	if b, err = r.Store(b, dense, int(c.Cfg.HLLSparseMaxBytes)); err != nil {
		return errHLL(err)
	}
	c.scratch.hll = reusable(b)
	if err := c.keepHLL(key, had, b); err != nil {
		return err
	}
	c.Changed(c.DB, key, "pfadd")
	c.Out.OK()
	return nil
}

// pfDebug shows the registers, the opcodes or the encoding of a value, or makes it dense.
// The registers of a sparse value are shown after that.
func pfDebug(c *Ctx) error {
	key := c.Arg(2)
	it := c.DB.ForWrite(key)
	if !it.OK() {
		return ErrHLLNoKey
	}
	if err := checkHLL(it); err != nil {
		return err
	}
	b := it.Bytes()
	dense := hll.Dense(b)
	switch what := c.Arg(1); {
	case fold(what, "GETREG"):
		r := new(hll.Registers)
		if err := r.Merge(b); err != nil {
			return errHLL(err)
		}
		if err := c.makeDense(key, b); err != nil {
			return err
		}
		c.Out.Array(len(r))
		for _, rank := range r {
			c.Out.Int(int64(rank))
		}
	case fold(what, "DECODE"):
		text, sparse := hll.DecodeSparse(b)
		if !sparse {
			return ErrHLLDense
		}
		c.Out.Str(text)
	case fold(what, "ENCODING"):
		if dense {
			c.Out.Status("dense")
		} else {
			c.Out.Status("sparse")
		}
	case fold(what, "TODENSE"):
		if err := c.makeDense(key, b); err != nil {
			return err
		}
		if dense {
			c.Out.Int(0)
		} else {
			c.Out.Int(1)
		}
	default:
		return resp.Error("ERR Unknown PFDEBUG subcommand '" + string(what) + "'")
	}
	return nil
}

// makeDense puts the dense form of b, the value under key, in its place, if it is another.
func (c *Ctx) makeDense(key, b []byte) error {
	if hll.Dense(b) {
		return nil
	}
	d, err := hll.ToDense(b)
	if err != nil {
		return errHLL(err)
	}
	if err := c.fits(int64(len(d))); err != nil {
		return err
	}
	c.DB.TakeString(key, d, db.Raw, db.KeepTTL)
	c.Changed(c.DB, key, "")
	return nil
}

// pfSelfTest replies OK, after some tens of milliseconds.
func pfSelfTest(c *Ctx) error {
	if err := hll.SelfTest(); err != nil {
		return resp.Error("TESTFAILED " + err.Error())
	}
	c.Out.OK()
	return nil
}
