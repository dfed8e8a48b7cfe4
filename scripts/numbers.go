package scripts

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Numbers out of text and into it, as C has them.

func inf() float64 { return math.Inf(1) }

// luaPrecision is the number of digits that Lua writes.
const luaPrecision = 14

// appendNum appends a number as Lua shows it: C's "%.14g".
func appendNum(b []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && n > -1e14 && n < 1e14 && (n != 0 || 1/f > 0) {
		return strconv.AppendInt(b, n, 10)
	}
	return appendG(b, f, luaPrecision)
}

// appendG appends a number as C's "%.*g".
func appendG(b []byte, f float64, precision int) []byte {
	switch {
	case math.IsNaN(f) && math.Signbit(f):
		return append(b, "-nan"...)
	case math.IsNaN(f):
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, f, 'g', precision, 64)
}

const blanks = " \t\n\v\f\r"

// readNumber reads a number as Lua does: what C's strtod takes, with blanks around it, up to
// a zero byte.
func readNumber(s string) (float64, bool) {
	s = strings.TrimLeft(upToNUL(s), blanks)
	f, n := parseNumber(s)
	return f, n > 0 && strings.TrimLeft(s[n:], blanks) == ""
}

// parseNumber reads the number that s begins with, as C's strtod does, and returns its
// length, 0 if there is none.
func parseNumber(s string) (f float64, n int) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	neg := i > 0 && s[0] == '-'
	signed := func(f float64) float64 {
		if neg {
			return -f
		}
		return f
	}
	rest := s[i:]
	for _, w := range []string{"infinity", "inf", "nan"} {
		if len(rest) >= len(w) && strings.EqualFold(rest[:len(w)], w) {
			if w == "nan" {
				return math.Copysign(math.NaN(), signed(1)), i + len(w) + payload(rest[len(w):])
			}
			return signed(math.Inf(1)), i + len(w)
		}
	}
	digit, exponent := func(c byte) bool { return c-'0' <= 9 }, byte('e')
	hex := len(rest) > 2 && rest[0] == '0' && rest[1]|0x20 == 'x'
	if hex {
		digit = func(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }
		exponent = 'p'
	}
	from := i
	if hex {
		i += 2
	}
	digits := 0
	for ; i < len(s) && digit(s[i]); i++ {
		digits++
	}
	if i < len(s) && s[i] == '.' {
		k := i + 1
		for ; k < len(s) && digit(s[k]); k++ {
			digits++
		}
		i = k
	}
	switch {
	case digits == 0 && hex: // the 0 before the x is a number
		return signed(0), from + 1
	case digits == 0:
		return 0, 0
	}
	hasExponent := false
	if i < len(s) && s[i]|0x20 == exponent {
		k := i + 1
		if k < len(s) && (s[k] == '-' || s[k] == '+') {
			k++
		}
		if k < len(s) && s[k]-'0' <= 9 {
			for k < len(s) && s[k]-'0' <= 9 {
				k++
			}
			i, hasExponent = k, true
		}
	}
	word := s[from:i]
	if hex && !hasExponent {
		word += "p0"
	}
	f, _ = strconv.ParseFloat(word, 64) // out of range is infinite
	return signed(f), i
}

// payload is the length of what may stand behind nan in round brackets.
func payload(s string) int {
	if s == "" || s[0] != '(' {
		return 0
	}
	i := 1
	for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) {
		i++
	}
	if i == len(s) || s[i] != ')' {
		return 0
	}
	return i + 1
}

// readBase reads an integer in a base, as C's strtoul does.
func readBase(s string, base int) (float64, bool) {
	s = strings.TrimLeft(upToNUL(s), blanks)
	neg := strings.HasPrefix(s, "-")
	if neg || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	digit := func(i int) int {
		d := base
		if i < len(s) {
			switch c := s[i]; {
			case c-'0' < 10:
				d = int(c - '0')
			case c|0x20-'a' < 26:
				d = int(c|0x20-'a') + 10
			}
		}
		return d
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && digit(2) < base {
		s = s[2:]
	}
	var n uint64
	i, over := 0, false
	for ; digit(i) < base; i++ {
		d := uint64(digit(i))
		over = over || n > (math.MaxUint64-d)/uint64(base)
		n = n*uint64(base) + d
	}
	switch {
	case i == 0 || strings.TrimLeft(s[i:], blanks) != "":
		return 0, false
	case over:
		n = math.MaxUint64
	case neg:
		n = -n
	}
	return float64(n), true
}

func upToNUL(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// toNumber is tonumber.
func (s *state) toNumber(L *lua.LState) int {
	base := shortOr(L, 2, 10)
	f, ok := 0.0, false
	if base == 10 {
		switch v := L.CheckAny(1).(type) {
		case lua.LNumber:
			f, ok = float64(v), true
		case lua.LString:
			s.g.burn(L, len(v)/bytesPerFuel)
			f, ok = readNumber(string(v))
		}
	} else {
		digits := text(L, 1)
		if base < 2 || base > 36 {
			argError(L, 2, "base out of range")
		}
		s.g.burn(L, len(digits)/bytesPerFuel)
		f, ok = readBase(digits, base)
	}
	if ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}
