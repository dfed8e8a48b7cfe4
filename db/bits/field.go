package bits

import (
	"encoding/binary"
	"math"
)

// Mode says what an addition does that leaves the range of its type.
type Mode uint8

const (
	Wrap     Mode = iota // start over at the other end, as two's complement does
	Saturate             // stay at the end that was reached
	Fail                 // leave the value alone
)

// GetUnsigned reads width bits, 1 to 64, from bit off on, off not negative. Bits past
// the end of b are 0.
func GetUnsigned(b []byte, off, width int) uint64 {
	var tail [9]byte // a field of 64 bits touches nine bytes at most
	i := off >> 3
	w := tail[:]
	if i+9 <= len(b) {
		w = b[i : i+9]
	} else if i < len(b) {
		copy(w, b[i:])
	}
	shift := uint(off) & 7
	v := binary.BigEndian.Uint64(w)<<shift | uint64(w[8])>>(8-shift)
	return v >> (64 - uint(width))
}

// GetSigned is GetUnsigned for two's complement, the first bit being the sign.
func GetSigned(b []byte, off, width int) int64 {
	return int64(GetUnsigned(b, off, width)<<(64-width)) >> (64 - width)
}

// SetUnsigned writes the low width bits of v, 1 to 64, from bit off on. It serves
// signed values as well. BytesFor(off, width) bytes have to exist.
func SetUnsigned(b []byte, off, width int, v uint64) {
	for width > 0 {
		free := 8 - off&7 // bits of this byte from off on
		n := min(free, width)
		width -= n
		shift := free - n
		mask := byte(0xff>>(8-n)) << shift
		p := &b[off>>3]
		*p = *p&^mask | byte(v>>width)<<shift&mask
		off += n
	}
}

// AddUnsigned adds incr to v as an integer of width bits, 1 to 63. overflow tells that
// the sum is out of range; the result is then what mode says, v for Fail. A v that is out
// of range itself (BITFIELD SET with a value too large, incr 0) overflows upwards.
func AddUnsigned(v uint64, incr int64, width int, mode Mode) (result uint64, overflow bool) {
	top := uint64(1)<<width - 1
	sum := v + uint64(incr)
	var above bool
	switch {
	case v > top || incr > 0 && uint64(incr) > top-v:
		above = true
	case incr < 0 && uint64(-incr) > v: // -MinInt64 is MinInt64, whose unsigned value is right
	default:
		return sum, false
	}
	switch mode {
	case Wrap:
		return sum & top, true
	case Saturate:
		if above {
			return top, true
		}
		return 0, true
	}
	return v, true
}

// AddSigned is AddUnsigned for two's complement of 1 to 64 bits.
func AddSigned(v, incr int64, width int, mode Mode) (result int64, overflow bool) {
	top := int64(math.MaxInt64) >> (64 - width)
	bottom := -top - 1
	sum := v + incr
	var above bool
	switch { // the distance to either end fits 64 bits, though not 63
	case v > top || v >= bottom && incr > 0 && uint64(incr) > uint64(top)-uint64(v):
		above = true
	case v < bottom || incr < 0 && uint64(-incr) > uint64(v)-uint64(bottom):
	default:
		return sum, false
	}
	switch mode {
	case Wrap:
		return sum << (64 - width) >> (64 - width), true
	case Saturate:
		if above {
			return top, true
		}
		return bottom, true
	}
	return v, true
}
