package cmd

import (
	"math/bits"
	"strconv"
)

// Nearly all sums are of numbers like 10.5 and -0.01. For those the format of longdouble.go
// is counted in integers, without an allocation: m times 2^exp, where the top bit of m is
// set, is all of a long double but its ends.

// short is a number whose text is at most shortDigits digits, a sign and a point.
type short struct {
	neg bool
	m   uint64 // 0: the number is 0
	exp int
}

const shortDigits = 19 // 10^19 fits 64 bits

// parseShort reads a short number; all else is not ok, and parseLongDouble's.
func parseShort(b []byte) (f short, ok bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		f.neg = b[0] == '-'
		b = b[1:]
	}
	x, y := uint64(0), uint64(1) // it is x / y
	digits, point := 0, false
	for _, ch := range b {
		d := ch - '0'
		switch {
		case d <= 9 && digits < shortDigits:
			x = 10*x + uint64(d)
			digits++
			if point {
				y *= 10
			}
		case ch == '.' && !point:
			point = true
		default:
			return f, false
		}
	}
	if x == 0 {
		return short{}, digits > 0
	}
	// With both on top x / y is between 1/2 and 2, and what follows makes it 64 bits.
	sx, sy := bits.LeadingZeros64(x), bits.LeadingZeros64(y)
	x, y = x<<sx, y<<sy
	var rest uint64
	if x >= y {
		f.m, rest = bits.Div64(x>>1, x<<63, y)
		f.exp = sy - sx - 63
	} else {
		f.m, rest = bits.Div64(x, 0, y)
		f.exp = sy - sx - 64
	}
	f.round(rest > y-rest, rest == y-rest)
	return f, true
}

// round adds what was cut off behind the last bit: more than half of one, or a half, which
// goes to the even neighbour.
func (f *short) round(more, half bool) {
	if more || half && f.m&1 == 1 {
		if f.m++; f.m == 0 {
			f.m = 1 << 63
			f.exp++
		}
	}
}

// addShort returns a + b; not ok if they are too far apart.
func addShort(a, b short) (sum short, ok bool) {
	if b.m == 0 || a.m != 0 && (a.exp > b.exp || a.exp == b.exp && a.m >= b.m) {
		a, b = b, a
	}
	if a.m == 0 {
		return b, true
	}
	// b is the larger one; both become 127 bits.
	d := b.exp - a.exp
	if d > 63 {
		return sum, false
	}
	hi, lo := b.m>>1, b.m<<63
	ahi, alo := a.m>>(1+d), a.m<<(63-d)
	var carry uint64
	if a.neg == b.neg {
		lo, carry = bits.Add64(lo, alo, 0)
		hi += ahi + carry
	} else {
		lo, carry = bits.Sub64(lo, alo, 0)
		hi -= ahi + carry
	}
	if hi|lo == 0 {
		return sum, true
	}
	sum = short{neg: b.neg, exp: b.exp + 1}
	if hi == 0 {
		hi, lo = lo, 0
		sum.exp -= 64
	}
	s := bits.LeadingZeros64(hi)
	sum.m, lo = hi<<s|lo>>(64-s), lo<<s
	sum.exp -= s
	sum.round(lo > 1<<63, lo == 1<<63)
	return sum, true
}

// appendShort appends f as appendLongDouble does; not ok for what is very large or small.
func appendShort(dst []byte, f short) ([]byte, bool) {
	if f.exp > 0 || f.exp < -127 && f.m != 0 {
		return dst, false
	}
	const scale = 1e17 // 10^ldDigits
	e := uint(-f.exp)
	whole, part := uint64(0), f.m
	if e < 64 {
		whole, part = f.m>>e, f.m&(1<<e-1)
	}
	hi, lo := bits.Mul64(part, scale)
	var fraction uint64
	switch { // hi, lo become what is cut off, its first bit on top
	case e == 0:
	case e < 64:
		fraction = hi<<(64-e) | lo>>e
		hi, lo = lo<<(64-e), 0
	default:
		fraction = hi >> (e - 64)
		hi, lo = hi<<(128-e)|lo>>(e-64), lo<<(128-e)
	}
	const half = 1 << 63
	if hi > half || hi == half && (lo > 0 || fraction&1 == 1) {
		if fraction++; fraction == scale {
			fraction = 0
			whole++
		}
	}
	if f.neg && whole|fraction != 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, whole, 10)
	if fraction == 0 {
		return dst, true
	}
	at := len(dst)
	dst = strconv.AppendUint(dst, scale+fraction, 10) // 1 and 17 digits
	dst[at] = '.'
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst, true
}

// appendShortSum appends a + b if both are short, and so is what is to be written.
func appendShortSum(dst, a, b []byte) ([]byte, bool) {
	x, ok := parseShort(a)
	y, also := parseShort(b)
	if !ok || !also {
		return dst, false
	}
	sum, ok := addShort(x, y)
	if !ok {
		return dst, false
	}
	return appendShort(dst, sum)
}
