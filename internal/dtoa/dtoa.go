// Package dtoa writes floating-point numbers as Redis 7.2 does, byte for byte: in the
// fewest digits that read back as the same number, and in one of three layouts.
//
//	12300000, -3        a whole number up to 2^62, all its digits
//	0.001, 1234567.5    up to six digits behind the point, or less than 10^4 (and above
//	                    10^-4) whatever the digits; also a few zeros behind long numbers
//	1e+30, 1.5e-7       the rest; the exponent has as many digits as it needs
//
// The rule for the second is that of fpconv (Andreas Samoljuk), which Redis took over
// in 7.2. Older versions print 17 digits, 0.10000000000000001 for 0.1; in the few places
// where Redis still does, Append17 does.
package dtoa

import (
	"math"
	"strconv"
)

// Append appends f to b.
func Append(b []byte, f float64) []byte {
	const whole = 1 << 62 // beyond it not all digits are shown
	if i := int64(f); f >= -whole && f <= whole && float64(i) == f && i != 0 {
		return strconv.AppendInt(b, i, 10)
	}
	switch {
	case f == 0:
		if math.Signbit(f) {
			b = append(b, '-')
		}
		return append(b, '0')
	case math.IsInf(f, 0) || math.IsNaN(f):
		return appendSpecial(b, f)
	}
	// Digits and exponent out of d.ddde+xx.
	var tmp [32]byte
	text := strconv.AppendFloat(tmp[:0], math.Abs(f), 'e', -1, 64)
	n := 0
	for text[n] != 'e' {
		n++
	}
	exp := 0
	for _, c := range text[n+2:] {
		exp = exp*10 + int(c-'0')
	}
	if text[n+1] == '-' {
		exp = -exp
	}
	digits := text[:n]
	if n > 1 {
		copy(text[1:], text[2:n])
		digits = text[:n-1]
	}
	if f < 0 {
		b = append(b, '-')
	}
	return layout(b, digits, exp)
}

// layout appends the number whose first digit counts 10^exp.
func layout(b, digits []byte, exp int) []byte {
	n := len(digits)
	last := exp - n + 1 // what the last digit counts
	size := max(exp, -exp)
	switch {
	case last >= 0 && size < n+7:
		b = append(b, digits...)
		for range last {
			b = append(b, '0')
		}
		return b
	case last < 0 && (last > -7 || size < 4):
		if exp >= 0 {
			b = append(append(b, digits[:exp+1]...), '.')
			return append(b, digits[exp+1:]...)
		}
		b = append(b, "0."...)
		for range -exp - 1 {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	b = append(b, digits[0])
	if n > 1 {
		b = append(append(b, '.'), digits[1:]...)
	}
	if exp < 0 {
		b = append(b, "e-"...)
	} else {
		b = append(b, "e+"...)
	}
	return strconv.AppendInt(b, int64(size), 10)
}

// Append17 appends f to b as C's %.17g prints it.
func Append17(b []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return appendSpecial(b, f)
	}
	return strconv.AppendFloat(b, f, 'g', 17, 64)
}

func appendSpecial(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "nan"...)
	case f < 0:
		return append(b, "-inf"...)
	}
	return append(b, "inf"...)
}
