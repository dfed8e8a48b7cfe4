// Package listpack keeps a sequence of strings and integers in one slice of bytes.
//
// A list, hash, set or sorted set of a dozen short elements is smaller, and faster to walk,
// as one run of bytes than as any structure with pointers. The format of an entry is that of
// Redis (S. Sanfilippo, "Listpack specification", 2017), byte for byte, so dumps and
// snapshots copy it as it is; the total length in front and the 0xFF at the end are left
// out, since a slice knows its length:
//
//	+---------+-------+-------+-----+-------+
//	| count 2 | entry | entry | ... | entry |      count is little endian; 65535 says:
//	+---------+-------+-------+-----+-------+      too many to tell, walk and see
//
//	entry: | head 1..5 | body | back 1..5 |
//
//	head       body                        head       body
//	0xxxxxxx   none, an integer 0..127     11110000   string, 4 bytes of length in head
//	10xxxxxx   string of x bytes           11110001   integer of 2 bytes
//	110xxxxx   13-bit integer, x and the   11110010   integer of 3 bytes
//	           next byte                   11110011   integer of 4 bytes
//	1110xxxx   string, 12 bits of length:  11110100   integer of 8 bytes
//	           x and the next byte
//
// back is the length of head and body once more, seven bits a byte, the most significant
// first; all bytes but the first have their high bit set. So it is read backwards, and an
// entry leads to the one before it as well as to the next. A string that is the canonical
// form of a 64-bit integer is always kept as one.
//
// An entry is named by its position, the index of its first byte. Functions that change a
// pack work on and return slices as append does, and positions behind the change move.
//
// Costs: next and previous are a few instructions, by index or value is a walk, a change
// moves the bytes behind it. Growth is by about an eighth, not by half, because there are
// millions of packs and their slack is memory. Between calls (Check proves it): entries
// follow one another without gaps from 2 to the end; each has its own length in back;
// count is their number, or 65535.
package listpack

import (
	"encoding/binary"
	"math"
	"strconv"
)

const (
	headerBytes = 2
	unknown     = math.MaxUint16 // as count: there are so many, or there were

	str32, int16s, int24s, int32s, int64s = 0xf0, 0xf1, 0xf2, 0xf3, 0xf4
)

// Value is an element as it was read: an integer if IsInt, else the bytes Str, which are
// borrowed from the pack.
type Value struct {
	Str   []byte
	Int   int64
	IsInt bool
}

// Append appends the Entry as a string to dst.
func (v Value) Append(dst []byte) []byte {
	if v.IsInt {
		return strconv.AppendInt(dst, v.Int, 10)
	}
	return append(dst, v.Str...)
}

// Text is the Entry as a string: borrowed from the pack, or, of an integer, written into
// tmp.
func (v Value) Text(tmp *[20]byte) []byte {
	if v.IsInt {
		return strconv.AppendInt(tmp[:0], v.Int, 10)
	}
	return v.Str
}

// Len is the length of the Entry as a string, bytes.
func (v Value) Len() int {
	if !v.IsInt {
		return len(v.Str)
	}
	n, u := 1, uint64(v.Int)
	if v.Int < 0 {
		n, u = 2, -u
	}
	for ; u >= 10; u /= 10 {
		n++
	}
	return n
}

// Equal tells whether the Entry as a string is b.
func (v Value) Equal(b []byte) bool {
	if v.IsInt {
		n, ok := ParseInt(b)
		return ok && n == v.Int
	}
	return string(v.Str) == string(b)
}

// ParseInt reads the canonical decimal form of a 64-bit integer: no blanks, no plus, no
// leading zeros, no minus zero.
func ParseInt(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits, neg := b, b[0] == '-'
	if neg {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var u uint64 // of 19 digits it cannot overflow
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		u = u*10 + uint64(c)
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// New returns an empty pack.
func New() []byte { return make([]byte, headerBytes, 16) }

// Len is the number of elements. It walks if there are more than 65534, or once were.
func Len(p []byte) int {
	if n := binary.LittleEndian.Uint16(p); n != unknown {
		return int(n)
	}
	n := 0
	for at := headerBytes; at < len(p); at = Skip(p, at) {
		n++
	}
	return n
}

// count notes that the pack has n elements more, or fewer.
func count(p []byte, n int) {
	was := binary.LittleEndian.Uint16(p)
	if was == unknown {
		return
	}
	binary.LittleEndian.PutUint16(p, uint16(min(int(was)+n, unknown)))
}

// First is the position of the first entry, or -1.
func First(p []byte) int {
	if len(p) <= headerBytes {
		return -1
	}
	return headerBytes
}

// Last is the position of the last entry, or -1.
func Last(p []byte) int { return Prev(p, len(p)) }

// Next is the position of the entry after the one at position at, or -1.
func Next(p []byte, at int) int {
	if at = Skip(p, at); at < len(p) {
		return at
	}
	return -1
}

// Prev is the position of the entry before position at, which is an entry's or the end, or
// -1.
func Prev(p []byte, at int) int {
	if at <= headerBytes {
		return -1
	}
	return Back(p, at)
}

// Seek is the position of the entry with this index, counted from 0, or if negative from
// the end (-1 is the last); -1 if there is none.
func Seek(p []byte, index int) int {
	n := int(binary.LittleEndian.Uint16(p))
	if n != unknown {
		if index >= n || index < -n {
			return -1
		}
		if index > n/2 {
			index -= n
		} else if index < -n/2 {
			index += n
		}
	}
	if index >= 0 {
		at := headerBytes
		for ; index > 0 && at < len(p); index-- {
			at = Skip(p, at)
		}
		if at >= len(p) {
			return -1
		}
		return at
	}
	at := len(p)
	for ; index < 0 && at > headerBytes; index++ {
		at = Back(p, at)
	}
	if index < 0 {
		return -1
	}
	return at
}

// Find is the position of the first entry equal to val, looking at the one at position
// from and at every (skip+1)th after it; -1 if there is none, or from is -1.
func Find(p []byte, from int, val []byte, skip int) int {
	if from < 0 {
		return -1
	}
	e := Of(val)
	for at := from; at < len(p); {
		if e.At(p, at) {
			return at
		}
		at = Skip(p, at)
		for i := skip; i > 0 && at < len(p); i-- {
			at = Skip(p, at)
		}
	}
	return -1
}

// Append adds an element at the end.
func Append(p, val []byte) []byte { return insert(p, len(p), Of(val)) }

// AppendInt adds an integer at the end.
func AppendInt(p []byte, n int64) []byte { return insert(p, len(p), OfInt(n)) }

// Insert adds an element before the entry at position at, or at the end if at is len(p).
func Insert(p []byte, at int, val []byte) []byte { return insert(p, at, Of(val)) }

// Replace puts val in the place of the Entry at position at.
func Replace(p []byte, at int, val []byte) []byte { return replace(p, at, Of(val)) }

// ReplaceInt puts an integer in the place of the Entry at position at.
func ReplaceInt(p []byte, at int, n int64) []byte { return replace(p, at, OfInt(n)) }

// Delete takes n entries away, that at position at and those after it, as many as there
// are.
func Delete(p []byte, at, n int) []byte {
	end, gone := at, 0
	for ; gone < n && end < len(p); gone++ {
		end = Skip(p, end)
	}
	p = append(p[:at], p[end:]...)
	if len(p) == headerBytes {
		p[0], p[1] = 0, 0 // whatever the count was, now it is known
		return p
	}
	count(p, -gone)
	return p
}

func insert(p []byte, at int, e Entry) []byte {
	was := len(p)
	p = grow(p, e.size)[:was+e.size]
	copy(p[at+e.size:], p[at:was])
	e.Put(p[at : at+e.size])
	count(p, 1)
	return p
}

func replace(p []byte, at int, e Entry) []byte {
	end := Skip(p, at)
	was := len(p)
	if d := e.size - (end - at); d > 0 {
		p = grow(p, d)[:was+d]
		copy(p[end+d:], p[end:was])
	} else if d < 0 {
		p = append(p[:end+d], p[end:]...)
	}
	e.Put(p[at : at+e.size])
	return p
}

// grow returns p with room for n bytes more behind its end.
func grow(p []byte, n int) []byte {
	if cap(p)-len(p) >= n {
		return p
	}
	n += len(p)
	// The capacity is what the allocator would give for this size anyway, which is up to
	// an eighth more again.
	return append(append([]byte(nil), make([]byte, n+n/16)...)[:0], p...)
}
