package listpack

import (
	"encoding/binary"
	"math"
)

// What an entry looks like, apart from the pack it is in: these functions know no header
// and no count, so they serve whoever keeps entries in another frame.

// Skip is the position behind the entry at position at.
func Skip(p []byte, at int) int {
	if p[at] >= 0xc0 {
		return skip(p, at)
	}
	return at - 0x7e + int(max(p[at], 0x80)) // an integer has no body
}

func skip(p []byte, at int) int {
	head, body := shape(p, at)
	return at + head + body + backBytes(head+body)
}

// Back is the position of the entry that ends at position end.
func Back(p []byte, end int) int {
	if b := p[end-1]; b < 0x80 {
		return end - 1 - int(b)
	}
	n, width := 0, 0
	for i := end - 1; ; i-- {
		n |= int(p[i]&0x7f) << (7 * width)
		width++
		if p[i] < 0x80 {
			return end - width - n
		}
	}
}

// Get is the element at position at.
func Get(p []byte, at int) Value {
	b := p[at]
	if b&0xc0 == 0x80 {
		end := at + 1 + int(b&0x3f)
		return Value{Str: p[at+1 : end : end]}
	}
	if b < 0x80 {
		return Value{Int: int64(b), IsInt: true}
	}
	return get(p, at)
}

func get(p []byte, at int) Value {
	head, body := shape(p, at)
	if isString(p[at]) {
		return Value{Str: p[at+head : at+head+body : at+head+body]}
	}
	b := p[at : at+head+body]
	switch {
	case b[0] < 0x80:
		return Value{Int: int64(b[0]), IsInt: true}
	case b[0] < 0xe0:
		n := int64(b[0]&0x1f)<<8 | int64(b[1])
		return Value{Int: n << 51 >> 51, IsInt: true}
	}
	var n int64
	for i := len(b) - 1; i > 0; i-- {
		n = n<<8 | int64(b[i])
	}
	shift := 64 - 8*(len(b)-1)
	return Value{Int: n << shift >> shift, IsInt: true}
}

// isString tells by the first byte of an entry whether it is a string.
func isString(b byte) bool { return b&0xc0 == 0x80 || b&0xf0 == 0xe0 || b == str32 }

// shape is the length of an entry's head and of its body, bytes. Of a first byte that no
// entry has, head is 0.
func shape(p []byte, at int) (head, body int) {
	switch b := p[at]; {
	case b < 0x80:
		return 1, 0
	case b < 0xc0:
		return 1, int(b & 0x3f)
	case b < 0xe0:
		return 2, 0
	case b < 0xf0:
		return 2, int(b&0x0f)<<8 | int(p[at+1])
	case b == str32:
		return 5, int(binary.LittleEndian.Uint32(p[at+1:]))
	case b <= int32s:
		return 1, int(b-int16s) + 2
	case b == int64s:
		return 1, 8
	}
	return 0, 0
}

// backBytes is the width of back for a head and body of n bytes. That a width is given up
// one below what it could hold is Redis's, and part of the format.
func backBytes(n int) int {
	switch {
	case n <= 127:
		return 1
	case n < 1<<14-1:
		return 2
	case n < 1<<21-1:
		return 3
	case n < 1<<28-1:
		return 4
	}
	return 5
}

// Entry is an element that is about to be written or looked for, measured.
type Entry struct {
	str   []byte // of an integer too, unless it was made from one
	n     int64
	isInt bool
	inner int // head and body, bytes
	size  int // the whole entry, bytes
}

// Of is the entry of val, which is borrowed.
func Of(val []byte) Entry {
	if n, ok := ParseInt(val); ok {
		e := OfInt(n)
		e.str = val
		return e
	}
	inner := len(val) + 1
	if len(val) >= 1<<12 {
		inner += 4
	} else if len(val) >= 1<<6 {
		inner++
	}
	return Entry{str: val, inner: inner, size: inner + backBytes(inner)}
}

// OfInt is the entry of an integer.
func OfInt(n int64) Entry {
	inner := 9
	switch {
	case 0 <= n && n <= 127:
		inner = 1
	case -1<<12 <= n && n < 1<<12:
		inner = 2
	case math.MinInt16 <= n && n <= math.MaxInt16:
		inner = 3
	case -1<<23 <= n && n < 1<<23:
		inner = 4
	case math.MinInt32 <= n && n <= math.MaxInt32:
		inner = 5
	}
	return Entry{n: n, isInt: true, inner: inner, size: inner + 1}
}

// Size is the room that the entry takes, bytes.
func (e Entry) Size() int { return e.size }

// At tells whether the element at position at is equal to this one.
func (e Entry) At(p []byte, at int) bool {
	switch b := p[at]; {
	case b&0xc0 == 0x80:
		n := int(b & 0x3f)
		return n == len(e.str) && string(p[at+1:at+1+n]) == string(e.str) && (n > 0 || !e.isInt)
	case isString(b):
		return string(get(p, at).Str) == string(e.str) && len(e.str) > 0
	}
	return e.isInt && Get(p, at).Int == e.n
}

// Put writes the entry to dst, which is as long as it.
func (e Entry) Put(dst []byte) {
	if e.isInt {
		e.putInt(dst)
		dst[e.size-1] = byte(e.inner)
		return
	}
	switch n := len(e.str); {
	case n < 1<<6:
		dst[0] = 0x80 | byte(n)
		copy(dst[1:], e.str)
		dst[e.size-1] = byte(e.inner)
		return
	case n < 1<<12:
		dst[0], dst[1] = 0xe0|byte(n>>8), byte(n)
		copy(dst[2:], e.str)
	default:
		dst[0] = str32
		binary.LittleEndian.PutUint32(dst[1:], uint32(n))
		copy(dst[5:], e.str)
	}
	putBack(dst[e.inner:e.size], e.inner)
}

// putBack writes the length of a head and body of n bytes.
func putBack(back []byte, n int) {
	for i := len(back) - 1; i >= 0; i-- {
		back[i] = byte(n)&0x7f | 0x80
		n >>= 7
	}
	back[0] &= 0x7f
}

func (e Entry) putInt(dst []byte) {
	switch e.inner {
	case 1:
		dst[0] = byte(e.n)
	case 2:
		dst[0], dst[1] = 0xc0|byte(e.n>>8)&0x1f, byte(e.n)
	case 3:
		dst[0] = int16s
		binary.LittleEndian.PutUint16(dst[1:], uint16(e.n))
	case 4:
		dst[0], dst[1], dst[2], dst[3] = int24s, byte(e.n), byte(e.n>>8), byte(e.n>>16)
	case 5:
		dst[0] = int32s
		binary.LittleEndian.PutUint32(dst[1:], uint32(e.n))
	default:
		dst[0] = int64s
		binary.LittleEndian.PutUint64(dst[1:], uint64(e.n))
	}
}

// Size is the room that val takes as an entry, bytes.
func Size(val []byte) int { return Of(val).size }
