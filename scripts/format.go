package scripts

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// string.format: the directives of C's printf.

// directive is what stands between a percent sign and the letter, which is kind.
type directive struct {
	spec                            string // the same as text, for floating-point numbers
	minus, plus, blank, sharp, zero bool
	width, precision                int // precision: -1 without one
	kind                            byte
}

func (s *state) format(L *lua.LState) int {
	f := text(L, 1)
	b := s.text[:0]
	arg := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		if i++; i < len(f) && f[i] == '%' {
			b = append(b, '%')
			continue
		}
		if arg++; arg > L.GetTop() {
			argError(L, arg, "no value")
		}
		d, n := readDirective(L, f[i:])
		i += n
		before := len(b)
		if b = s.formatOne(L, b, d, arg); len(b) > longest {
			raise(L, "string length overflow")
		}
		s.g.burn(L, 1+(len(b)-before)/bytesPerFuel)
	}
	s.g.burn(L, len(f)/bytesPerFuel)
	L.Push(lua.LString(b))
	s.keepText(b)
	return 1
}

// readDirective reads the directive at the beginning of f; n is the length in front of its
// letter.
func readDirective(L *lua.LState, f string) (d directive, n int) {
	i := 0
	for ; i < len(f); i++ {
		switch f[i] {
		case '-':
			d.minus = true
		case '+':
			d.plus = true
		case ' ':
			d.blank = true
		case '#':
			d.sharp = true
		case '0':
			d.zero = true
		default:
			goto width
		}
	}
width:
	if i > 5 {
		raise(L, "invalid format (repeated flags)")
	}
	digits := func() int {
		v, from := 0, i
		for i < len(f) && f[i]-'0' < 10 && i < from+2 {
			v = v*10 + int(f[i]-'0')
			i++
		}
		return v
	}
	d.width, d.precision = digits(), -1
	if i < len(f) && f[i] == '.' {
		i++
		d.precision = digits()
	}
	if i < len(f) && f[i]-'0' < 10 {
		raise(L, "invalid format (width or precision too long)")
	}
	d.spec = f[:i]
	if i < len(f) {
		d.kind = f[i]
	}
	return d, i
}

// formatOne formats argument arg.
func (s *state) formatOne(L *lua.LState, b []byte, d directive, arg int) []byte {
	switch d.kind {
	case 'c':
		c := byte(0)
		if f := number(L, arg); f > -1<<31-1 && f < 1<<31 {
			c = byte(int32(f))
		}
		if c != 0 {
			return d.pad(b, "", string([]byte{c}))
		}
		if d.minus { // the zero byte ends the text
			return b
		}
		return append(b, strings.Repeat(" ", max(d.width-1, 0))...)
	case 'd', 'i':
		n := wholeNumber(number(L, arg))
		if n < 0 {
			return d.integer(b, "-", strconv.FormatUint(-uint64(n), 10))
		}
		return d.integer(b, d.sign(), strconv.FormatInt(n, 10))
	case 'u':
		return d.integer(b, "", strconv.FormatUint(naturalNumber(number(L, arg)), 10))
	case 'o':
		digits := strconv.FormatUint(naturalNumber(number(L, arg)), 8)
		if d.sharp && digits != "0" {
			digits = "0" + digits
		}
		if b = d.integer(b, "", digits); d.sharp && digits == "0" && d.precision == 0 {
			return append(b[:len(b)-min(len(b), d.width, 1)], '0')
		}
		return b
	case 'x', 'X':
		n := naturalNumber(number(L, arg))
		digits, prefix := strconv.FormatUint(n, 16), ""
		if d.sharp && n != 0 {
			prefix = "0x"
		}
		if d.kind == 'X' {
			digits, prefix = strings.ToUpper(digits), strings.ToUpper(prefix)
		}
		return d.integer(b, prefix, digits)
	case 'e', 'E', 'f', 'g', 'G':
		return d.float(b, number(L, arg))
	case 'q':
		return appendQuoted(b, text(L, arg))
	case 's':
		of := text(L, arg)
		if d.precision < 0 && len(of) >= 100 {
			return append(b, of...)
		}
		of = upToNUL(of)
		if d.precision >= 0 {
			of = of[:min(d.precision, len(of))]
		}
		return d.pad(b, "", of)
	}
	raise(L, "invalid option '%%%s' to 'format'", strings.Trim(string([]byte{d.kind}), "\x00"))
	return nil
}

// sign is what stands in front of a number that is not negative.
func (d directive) sign() string {
	switch {
	case d.plus:
		return "+"
	case d.blank:
		return " "
	}
	return ""
}

// pad appends a text behind its sign or prefix, as wide as asked for.
func (d directive) pad(b []byte, sign, of string) []byte {
	fill := max(d.width-len(sign)-len(of), 0)
	if !d.minus {
		b = append(b, strings.Repeat(" ", fill)...)
	}
	b = append(append(b, sign...), of...)
	if d.minus {
		b = append(b, strings.Repeat(" ", fill)...)
	}
	return b
}

// integer appends digits: as many as the precision says, or with zeros up to the width.
func (d directive) integer(b []byte, sign, digits string) []byte {
	least := d.precision
	switch {
	case least == 0 && digits == "0":
		digits = ""
	case least < 0 && d.zero && !d.minus:
		least = d.width - len(sign)
	}
	return d.pad(b, sign, strings.Repeat("0", max(least-len(digits), 0))+digits)
}

func (d directive) float(b []byte, f float64) []byte {
	sign := d.sign()
	if math.Signbit(f) {
		sign, f = "-", -f
	}
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		word := strings.TrimPrefix(string(appendG(nil, math.Abs(f), luaPrecision)), "-")
		if d.kind == 'E' || d.kind == 'G' {
			word = strings.ToUpper(word)
		}
		return d.pad(b, sign, word)
	case d.precision < 0 && d.kind|0x20 == 'g':
		d.spec += ".6"
	}
	if sign == "-" {
		f = -f
	}
	return fmt.Appendf(b, "%"+d.spec+string(d.kind), f)
}

// appendQuoted appends a text as Lua reads it.
func appendQuoted(b []byte, text string) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\\', '\n':
			b = append(b, '\\', c)
		case '\r':
			b = append(b, `\r`...)
		case 0:
			b = append(b, `\000`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
