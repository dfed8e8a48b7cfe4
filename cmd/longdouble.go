package cmd

import (
	"bytes"
	"math/big"
)

// Redis counts with fractions in C's long double, which on its usual machines is the x87
// format, and shows 17 digits behind the point. Clients see the difference: in doubles 0.1
// and 0.2 make 0.30000000000000004, here 0.3. So the sum is computed in that format.
//
//	 1      15              64
//	+-+------------+--------------------------------+
//	|s|  exponent  |1         significand           |    1 + 16383 = 2^1 at the exponent
//	+-+------------+--------------------------------+
//
// big.Float rounds to 64 bits just like it. What it lacks are the ends of the exponent:
// above 2^16384 is infinity, and half of 2^-16445 or less is zero, which reading a number
// takes for an error. Between 2^-16382 and 2^-16445 the format loses bits that are kept
// here; they are some 16,000 binary places beyond what is shown.
//
// Each number is several allocations here. The usual ones go another way, see
// longdouble_short.go.

const (
	ldPrec   = 64     // bits of the significand
	ldMaxExp = 16384  // of a number as mantissa in [0.5, 1) times 2^exp
	ldMinExp = -16445 // of twice the number that is rounded to zero
	ldDigits = 17     // behind the point
	ldLonger = 5120   // bytes; a text as long as that is no number
)

// parseLongDouble reads a number as C's strtold does: decimal or hexadecimal, inf with or
// without sign. It returns nil for all else, for NaN, and for what is out of range.
func parseLongDouble(b []byte) *big.Float {
	if len(b) == 0 || len(b) >= ldLonger {
		return nil
	}
	d := b
	neg := d[0] == '-'
	if neg || d[0] == '+' {
		d = d[1:]
	}
	if fold(d, "INF") || fold(d, "INFINITY") {
		return new(big.Float).SetPrec(ldPrec).SetInf(neg)
	}
	base := 10
	if len(d) > 2 && d[0] == '0' && d[1]|0x20 == 'x' {
		base, d = 16, d[2:]
	}
	zero, ok := numeral(d, base)
	if !ok {
		return nil
	}
	f := new(big.Float).SetPrec(ldPrec)
	if !zero { // a zero may have an exponent that nothing else could have
		if _, _, err := f.Parse(string(d), base); err != nil || f.IsInf() || f.Sign() == 0 || !inRange(f) {
			return nil
		}
	}
	if neg {
		f.Neg(f)
	}
	return f
}

// numeral tells whether d is digits with at most one point, and perhaps an exponent, and
// whether all digits are 0.
func numeral(d []byte, base int) (zero, ok bool) {
	digits, points := 0, 0
	zero = true
	i := 0
	for ; i < len(d); i++ {
		ch := d[i]
		isDigit := ch-'0' < 10 || base == 16 && (ch|0x20)-'a' < 6
		switch {
		case isDigit:
			digits++
			zero = zero && ch == '0'
		case ch == '.':
			points++
		default:
			return zero, digits > 0 && points <= 1 && exponent(d[i:], base)
		}
	}
	return zero, digits > 0 && points <= 1
}

// exponent tells whether d is the letter that fits the base and a number.
func exponent(d []byte, base int) bool {
	letter := byte('e')
	if base == 16 {
		letter = 'p'
	}
	if d[0]|0x20 != letter {
		return false
	}
	d = d[1:]
	if len(d) > 0 && (d[0] == '-' || d[0] == '+') {
		d = d[1:]
	}
	for _, ch := range d {
		if ch-'0' > 9 {
			return false
		}
	}
	return len(d) > 0
}

// inRange tells whether f, finite and not zero, is neither infinite nor zero in the
// format.
func inRange(f *big.Float) bool {
	exp := f.MantExp(nil)
	if exp == ldMinExp {
		return f.MinPrec() > 1 // the power of two itself lies halfway, and goes to the even end
	}
	return exp > ldMinExp && exp <= ldMaxExp
}

// addLongDouble returns a + b, or nil if that is not finite.
func addLongDouble(a, b *big.Float) *big.Float {
	if a.IsInf() || b.IsInf() {
		return nil
	}
	sum := new(big.Float).SetPrec(ldPrec).Add(a, b)
	if sum.Sign() != 0 && sum.MantExp(nil) > ldMaxExp {
		return nil
	}
	return sum
}

// floatSum returns a + b in scratch memory; wrong is the error if one of them is no number.
func (c *Ctx) floatSum(a, b []byte, wrong error) ([]byte, error) {
	text, ok := appendShortSum(c.scratch.sum[:0], a, b)
	if ok {
		return text, nil
	}
	x, y := parseLongDouble(a), parseLongDouble(b)
	if x == nil || y == nil {
		return nil, wrong
	}
	sum := addLongDouble(x, y)
	if sum == nil {
		return nil, ErrNaNOrInf
	}
	return appendLongDouble(text[:0], sum), nil
}

// appendLongDouble appends f, finite, in decimal without exponent and without zeros at
// the end of the fraction.
func appendLongDouble(dst []byte, f *big.Float) []byte {
	from := len(dst)
	dst = f.Append(dst, 'f', ldDigits)
	dst = bytes.TrimRight(dst, "0")
	dst = bytes.TrimSuffix(dst, []byte("."))
	if string(dst[from:]) == "-0" {
		dst = append(dst[:from], '0')
	}
	return dst
}
