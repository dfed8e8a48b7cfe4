package cmd

import (
	"math"

	"redust/acl"
	"redust/db/bits"
	"redust/resp"
)

// BITFIELD is a little program over one string: integers of any width at any bit are read,
// written and added to, in order. All of it is read and checked first, since a mistake in
// the last operation must leave the string alone; the string is extended once, to where
// the farthest operation that writes will reach, even if that one then fails by overflow.

func bitfieldCommands() []*Command {
	const get = "GET encoding offset"
	const op = "<" + get + " | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment>>"
	return []*Command{
		{
			Name: "bitfield", Arity: -2, Run: bitField, FindKeys: bitfieldKeys,
			Flags: Write | DenyOOM, ACL: acl.Bitmap,
			Keys: []KeySpec{{Flags: RW | Update | Access | VariableFlags,
				Begin: Begin{Index: 1}, Find: Find{Step: 1},
				Notes: "only read if every operation is a GET"}},
			Doc: Doc{Group: "bitmap", Since: "3.2.0", Complexity: "O(1) for each operation",
				Summary: "Reads and changes integers of any width inside a string.",
				Syntax:  "key [" + op + " [" + op + " ...]]"},
		},
		{
			Name: "bitfield_ro", Arity: -2, Run: bitFieldRO,
			Flags: ReadOnly | Fast, ACL: acl.Bitmap,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "bitmap", Since: "6.0.0", Complexity: "O(1) for each operation",
				Summary: "Reads integers of any width inside a string.",
				Syntax:  "key [" + get + " [" + get + " ...]]"},
		},
	}
}

// fieldOp is one operation.
type fieldOp struct {
	do     fieldAct
	signed bool
	mode   bits.Mode
	width  int // bits
	off    int // bits
	arg    int64
}

type fieldAct uint8

const (
	fieldGet fieldAct = iota
	fieldSet
	fieldIncr
)

// fieldOps reads the operations, into memory that the next call reuses, and how far those
// that write will reach: so many bits, 0 if none does.
func (c *Ctx) fieldOps() (ops []fieldOp, reach int, err error) {
	ops = c.scratch.fields[:0]
	mode := bits.Wrap
	o := c.Opts(2)
	for o.Next() {
		op := fieldOp{mode: mode}
		switch {
		case o.Is("GET") && o.Left() >= 2:
		case o.Is("SET") && o.Left() >= 3:
			op.do = fieldSet
		case o.Is("INCRBY") && o.Left() >= 3:
			op.do = fieldIncr
		case o.Is("OVERFLOW") && o.Left() >= 1:
			mode = overflowMode(o)
			continue
		default:
			o.Fail(ErrSyntax)
			continue
		}
		if op.signed, op.width, err = fieldType(o.Value()); err != nil {
			return nil, 0, err
		}
		if op.off, err = c.bitOffset(o.Value(), op.width); err != nil {
			return nil, 0, err
		}
		if op.do != fieldGet {
			op.arg = o.Int()
			reach = max(reach, op.off+op.width)
		}
		ops = append(ops, op)
	}
	c.scratch.fields = reusable(ops)
	return ops, reach, o.Err
}

func overflowMode(o *Opts) bits.Mode {
	o.Value()
	switch {
	case o.Is("WRAP"):
		return bits.Wrap
	case o.Is("SAT"):
		return bits.Saturate
	case o.Is("FAIL"):
		return bits.Fail
	}
	o.Fail(ErrOverflowType)
	return bits.Wrap
}

// fieldType reads the type of an integer: u1 to u63, or i1 to i64.
func fieldType(b []byte) (signed bool, width int, err error) {
	if len(b) == 0 || b[0] != 'i' && b[0] != 'u' {
		return false, 0, ErrBitfieldType
	}
	signed = b[0] == 'i'
	widest := int64(63)
	if signed {
		widest = 64
	}
	n, ok := resp.ParseInt(b[1:])
	if !ok || n < 1 || n > widest {
		return false, 0, ErrBitfieldType
	}
	return signed, int(n), nil
}

// bitField replies one value for each operation: what is there for GET, what was there for
// SET, the sum for INCRBY, and nil for a write that OVERFLOW FAIL prevented.
func bitField(c *Ctx) error {
	ops, reach, err := c.fieldOps()
	if err != nil {
		return err
	}
	if reach == 0 {
		return readFields(c, ops)
	}
	b, grown, err := c.editBits(reach-1, 1)
	if err != nil {
		return err
	}
	c.Out.Array(len(ops))
	changes := 0
	for i := range ops {
		if written, changed := ops[i].run(b, c.Out); changed || grown && written {
			changes++
		}
	}
	switch {
	case changes > 0:
		c.Changed(c.DB, c.Arg(1), "setbit")
		c.Dirty += int64(changes - 1)
	case grown: // and then prevented: Redis says nothing, and its replicas do not hear of it
		c.Changed(c.DB, c.Arg(1), "")
	}
	return nil
}

// bitFieldRO is bitField for reading alone, on a replica too.
func bitFieldRO(c *Ctx) error {
	ops, reach, err := c.fieldOps()
	if err != nil {
		return err
	}
	if reach > 0 {
		return ErrBitfieldRO
	}
	return readFields(c, ops)
}

func readFields(c *Ctx, ops []fieldOp) error {
	it, err := c.String(1)
	if err != nil {
		return err
	}
	var b []byte
	if it.OK() {
		b = it.Bytes()
	}
	c.Out.Array(len(ops))
	for i := range ops {
		ops[i].run(b, c.Out)
	}
	return nil
}

// run replies, and tells whether it wrote to b and whether b is another now.
func (op *fieldOp) run(b []byte, out *resp.Writer) (written, changed bool) {
	var is uint64    // what is there; a signed one by its two's complement
	var next uint64  // what to write
	var overran bool // next is not what was asked for
	if op.signed {
		v := bits.GetSigned(b, op.off, op.width)
		var to int64
		if op.do == fieldSet {
			to, overran = bits.AddSigned(op.arg, 0, op.width, op.mode)
			// Of a value as low as that Redis computes the distance to the top with an
			// overflow, and saturates at the top. A replica of either must agree.
			if top := int64(math.MaxInt64) >> (64 - op.width); op.width < 64 && op.mode == bits.Saturate && op.arg <= math.MinInt64+top {
				to = top
			}
		} else {
			to, overran = bits.AddSigned(v, op.arg, op.width, op.mode)
		}
		is, next = uint64(v), uint64(to)
	} else {
		is = bits.GetUnsigned(b, op.off, op.width)
		if op.do == fieldSet {
			next, overran = bits.AddUnsigned(uint64(op.arg), 0, op.width, op.mode)
		} else {
			next, overran = bits.AddUnsigned(is, op.arg, op.width, op.mode)
		}
	}
	if op.do != fieldGet && overran && op.mode == bits.Fail {
		out.Null()
		return false, false
	}
	if op.do == fieldIncr {
		out.Int(int64(next))
	} else {
		out.Int(int64(is))
	}
	if op.do == fieldGet {
		return false, false
	}
	bits.SetUnsigned(b, op.off, op.width, next)
	return true, next != is
}
