package geo

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
)

// AppendDistance appends a distance with four digits behind the point.
func AppendDistance(dst []byte, d float64) []byte {
	const digits, scale = 4, 1e4
	n := math.RoundToEven(d * scale)
	if !(n >= 0 && n < 1<<63) {
		return strconv.AppendFloat(dst, d, 'f', digits, 64)
	}
	whole, part := uint64(n)/scale, uint64(n)%scale
	dst = strconv.AppendUint(dst, whole, 10)
	return append(dst, '.', byte('0'+part/1000), byte('0'+part/100%10), byte('0'+part/10%10), byte('0'+part%10))
}

// AppendCoord appends a coordinate with up to seventeen digits behind the point, as many
// as are not zeros at the end. It is what strconv makes with 'f' and 17, but that takes
// ten times as long, since it is ready for numbers of any size.
func AppendCoord(dst []byte, f float64) []byte {
	const (
		digits   = 17
		scale    = 1e17
		mantissa = 52
		bias     = 1023 + mantissa
	)
	b := math.Float64bits(f)
	m := b&(1<<mantissa-1) | 1<<mantissa
	shift := bias - int(b>>mantissa&0x7ff) // f = m / 2^shift
	switch {
	case shift < 1: // nothing behind the point
		return strconv.AppendFloat(dst, f, 'f', 0, 64)
	case shift > 110: // less than 2^-57, a third of the last digit
		return append(dst, '0')
	}
	whole, frac := uint64(0), m
	if shift <= mantissa {
		whole, frac = m>>shift, m&(1<<shift-1)
	}
	// frac / 2^shift in units of the last digit: less than 10^17, and what is cut off
	// rounds it up when it is more than half, or half and the digit odd.
	hi, lo := bits.Mul64(frac, scale)
	var n, cut, half uint64
	switch {
	case shift < 64:
		n, cut, half = hi<<(64-shift)|lo>>shift, lo&(1<<shift-1), 1<<(shift-1)
	case shift == 64:
		n, cut, half = hi, lo, 1<<63
	default:
		// The bits below the upper word only matter as not being zero.
		n, cut, half = hi>>(shift-64), hi&(1<<(shift-64)-1)<<1, 1<<(shift-64)
		if lo != 0 {
			cut |= 1
		}
	}
	if cut > half || cut == half && n&1 == 1 {
		n++
	}
	if n == scale {
		whole, n = whole+1, 0
	}
	if b>>63 != 0 && whole|n != 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, whole, 10)
	if n == 0 {
		return dst
	}
	var text [1 + digits]byte
	text[0] = '.'
	for i := digits; i > 0; i-- {
		text[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, bytes.TrimRight(text[:], "0")...)
}
