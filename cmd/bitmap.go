package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
	"redust/db/bits"
	"redust/resp"
)

// Bitmaps are strings looked at bit by bit, the top bit of the first byte being bit 0.
// Past the end every bit is 0, so reading never fails and never makes a string longer;
// writing extends it by zeros up to the byte that is written. SETBIT and BITFIELD extend
// even if what they then write is zero, and that alone is a change.
//
// The work on bytes is done in db/bits.

func bitmapCommands() []*Command {
	return []*Command{
		{
			Name: "setbit", Arity: 4, Run: setBit,
			Flags: Write | DenyOOM, ACL: acl.Bitmap,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "bitmap", Since: "2.2.0", Complexity: "O(1), plus what the string grows by",
				Summary: "Sets or clears one bit of a string.", Syntax: "key offset value"},
		},
		{
			Name: "getbit", Arity: 3, Run: getBit,
			Flags: ReadOnly | Fast, ACL: acl.Bitmap,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "bitmap", Since: "2.2.0", Complexity: "O(1)",
				Summary: "Reads one bit of a string.", Syntax: "key offset"},
		},
		{
			Name: "bitcount", Arity: -2, Run: bitCount,
			Flags: ReadOnly, ACL: acl.Bitmap,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "bitmap", Since: "2.6.0", Complexity: "O(N) where N is the length of the range",
				Summary: "Counts the bits of a string that are set.", Syntax: "key [start [end [<BYTE | BIT>]]]",
				History: [][2]string{{"7.0.0", "The units BYTE and BIT."}}},
		},
		{
			Name: "bitpos", Arity: -3, Run: bitPos,
			Flags: ReadOnly, ACL: acl.Bitmap,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "bitmap", Since: "2.8.7", Complexity: "O(N) where N is the length of the range",
				Summary: "Finds the first bit of a string that is set, or clear.", Syntax: "key bit [start [end [<BYTE | BIT>]]]",
				History: [][2]string{{"7.0.0", "The units BYTE and BIT."}}},
		},
		{
			Name: "bitop", Arity: -4, Run: bitOp,
			Flags: Write | DenyOOM, ACL: acl.Bitmap,
			Keys: []KeySpec{key(2, OW|Update), keys(3, -1, 1, RO|Access)},
			Doc: Doc{Group: "bitmap", Since: "2.6.0", Complexity: "O(N) where N is the length of all strings together",
				Summary: "Combines strings bit by bit and stores the result.",
				Syntax:  "<AND | OR | XOR | NOT> destkey key [key ...]"},
		},
	}
}

// bitOffset reads the number of a bit. With a width, #n is the n-th field of that width.
func (c *Ctx) bitOffset(arg []byte, width int) (int, error) {
	scale := int64(1)
	if width > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, scale = arg[1:], int64(width)
	}
	n, ok := resp.ParseInt(arg)
	if !ok || n < 0 || n > math.MaxInt64/scale || n*scale/8 >= c.Cfg.ProtoMaxBulkLen {
		return 0, ErrBitOffset
	}
	return int(n * scale), nil
}

// editBits makes the string under argument 1, which may be missing, reach up to the end of
// width bits from off on. It returns the bytes for writing and whether there are more of
// them now.
func (c *Ctx) editBits(off, width int) (b []byte, grown bool, err error) {
	it, err := c.peekString(1)
	if err != nil {
		return nil, false, err
	}
	had := 0
	if it.OK() {
		had = len(it.Bytes())
	}
	need := bits.BytesFor(off, width)
	if grown = need > had; grown {
		if err := c.fits(int64(need)); err != nil {
			return nil, false, err
		}
	}
	return c.DB.Edit(c.Arg(1), need), grown, nil
}

// setBit replies what the bit was. Nothing has changed if it was that already and the
// string was long enough.
func setBit(c *Ctx) error {
	off, err := c.bitOffset(c.Arg(2), 0)
	if err != nil {
		return err
	}
	on, ok := resp.ParseInt(c.Arg(3))
	if !ok || on != 0 && on != 1 {
		return ErrBit
	}
	b, grown, err := c.editBits(off, 1)
	if err != nil {
		return err
	}
	was := bits.Set(b, off, int(on))
	if grown || was != int(on) {
		c.Changed(c.DB, c.Arg(1), "setbit")
	}
	c.Out.Int(int64(was))
	return nil
}

// getBit replies 0 or 1.
func getBit(c *Ctx) error {
	off, err := c.bitOffset(c.Arg(2), 0)
	if err != nil {
		return err
	}
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Int(0)
		return nil
	}
	c.Out.Int(int64(bits.Get(it.Bytes(), off)))
	return nil
}

// bitCount replies how many bits of the range are set. A missing key has none, whatever
// the other arguments are.
func bitCount(c *Ctx) error {
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Int(0)
		return nil
	}
	b := it.Bytes()
	switch c.Argc() {
	case 2:
		c.Out.Int(int64(bits.Count(b)))
		return nil
	case 4, 5:
	default:
		return ErrSyntax
	}
	from, err := c.Int(2)
	if err != nil {
		return err
	}
	to, err := c.Int(3)
	if err != nil {
		return err
	}
	if backwards(from, to) { // in Redis too, before the unit is looked at
		c.Out.Int(0)
		return nil
	}
	byBit, err := c.bitUnit(4)
	if err != nil {
		return err
	}
	from, to = bitRange(from, to, len(b), byBit)
	c.Out.Int(int64(bits.CountRange(b, int(from), int(to))))
	return nil
}

// bitUnit reads argument i, BYTE or BIT, if there is one.
func (c *Ctx) bitUnit(i int) (byBit bool, err error) {
	switch {
	case c.Argc() <= i || fold(c.Arg(i), "BYTE"):
		return false, nil
	case fold(c.Arg(i), "BIT"):
		return true, nil
	}
	return false, ErrSyntax
}

// bitRange clamps a range of a string of n bytes, and turns bytes into bits. It is empty
// if from > to.
func bitRange(from, to int64, n int, byBit bool) (int64, int64) {
	if byBit {
		return clampRange(from, to, int64(n)*8)
	}
	from, to = clampRange(from, to, int64(n))
	if from > to {
		return 1, 0 // whose last bit would else lie behind its first
	}
	return from * 8, to*8 + 7
}

// bitPos replies where the first such bit of the range is, counted from the start of the
// string, or -1. The zeros behind the string count if the range has no end.
func bitPos(c *Ctx) error {
	bit, err := c.Int(2)
	if err != nil {
		return err
	}
	if bit != 0 && bit != 1 {
		return ErrBitArg
	}
	it, err := c.String(1)
	if err != nil {
		return err
	}
	if !it.OK() { // all zeros, wherever one looks
		c.Out.Int(-bit)
		return nil
	}
	b := it.Bytes()
	from, to := int64(0), int64(-1)
	if c.Argc() > 6 {
		return ErrSyntax
	}
	if c.Argc() > 3 {
		if from, err = c.Int(3); err != nil {
			return err
		}
	}
	byBit, err := c.bitUnit(5)
	if err != nil {
		return err
	}
	if c.Argc() > 4 {
		if to, err = c.Int(4); err != nil {
			return err
		}
	}
	from, to = bitRange(from, to, len(b), byBit)
	if from > to {
		c.Out.Int(-1)
		return nil
	}
	at := bits.PosRange(b, int(bit), int(from), int(to))
	if at < 0 && bit == 0 && c.Argc() <= 4 {
		at = len(b) * 8
	}
	c.Out.Int(int64(at))
	return nil
}

// bitOp replies the length of the result, which is that of the longest source. A missing
// source is an empty string, and an empty result removes the destination.
func bitOp(c *Ctx) error {
	var op func([]byte, ...[]byte) []byte
	switch name := c.Arg(1); {
	case fold(name, "AND"):
		op = bits.And
	case fold(name, "OR"):
		op = bits.Or
	case fold(name, "XOR"):
		op = bits.Xor
	case fold(name, "NOT"):
		if c.Argc() != 4 {
			return ErrBitOpNot
		}
		op = func(dst []byte, srcs ...[]byte) []byte { return bits.Not(dst, srcs[0]) }
	default:
		return ErrSyntax
	}
	for _, key := range c.Args[3:] {
		if it := c.DB.Get(key); it.OK() && it.Type() != db.String {
			return ErrWrongType
		}
	}
	// A second time, since a look-up that removes an expired key makes the Items before it
	// stale.
	longest := 0
	srcs := c.scratch.sources[:0]
	for i := 3; i < c.Argc(); i++ {
		b := c.bytesOf(i)
		longest = max(longest, len(b))
		srcs = append(srcs, b)
	}
	c.scratch.sources = reusable(srcs)
	defer clear(srcs)
	if err := c.fits(int64(longest)); err != nil {
		return err
	}

	dst := c.Arg(2)
	switch {
	case longest > 0:
		c.DB.TakeString(dst, op(nil, srcs...), db.Raw, 0)
		c.Changed(c.DB, dst, "set")
	case c.DB.Delete(dst):
		c.Changed(c.DB, dst, "del")
	}
	c.Out.Int(int64(longest))
	return nil
}
