package scripts

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Numbers and texts as C has them, and the library string where gopher-lua's does not do
// what Lua's does, or would let one call take all memory.

func inf() float64 { return math.Inf(1) }

// appendNum appends a number as Lua shows it: C's "%.14g".
func appendNum(b []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && n > -1e14 && n < 1e14 && (n != 0 || 1/f > 0) {
		return strconv.AppendInt(b, n, 10)
	}
	return appendG(b, f, 14)
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

// readNumber reads a number as Lua does: blanks around it, hexadecimal integers, and what
// C's strtod takes.
func readNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if s == "" || strings.ContainsRune(s, '_') {
		return 0, false
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' && !strings.ContainsAny(digits, ".pP") {
		n, err := strconv.ParseUint(digits[2:], 16, 64)
		if err != nil {
			return 0, false
		}
		if s[0] == '-' {
			return -float64(n), true
		}
		return float64(n), true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// readBase reads an integer in a base.
func readBase(s string, base int) (float64, bool) {
	if base == 16 {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	}
	neg := strings.HasPrefix(s, "-")
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "-"), base, 64)
	if err != nil {
		return 0, false
	}
	if neg {
		n = -n // as strtoul has it
	}
	return float64(n), true
}

func upToNUL(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

func (s *state) stringFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"rep": s.rep, "format": s.format, "byte": s.byteAt, "find": s.find,
		"gsub": s.gsub, "match": s.match, "gmatch": s.gmatch, "gfind": s.gmatch}
}

func (s *state) rep(L *lua.LState) int {
	text, n := checkText(L, 1), int(checkNumber(L, 2))
	if n <= 0 || text == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > longest/len(text) {
		L.RaiseError("string length overflow")
	}
	s.g.burn(L, n*len(text)/bytesPerFuel)
	L.Push(lua.LString(strings.Repeat(text, n)))
	return 1
}

// byteAt returns the bytes from one place to another.
func (s *state) byteAt(L *lua.LState) int {
	text := checkText(L, 1)
	at := func(i int) int {
		if i < 0 {
			return max(i+len(text)+1, 0)
		}
		return i
	}
	from := L.OptInt(2, 1)
	to := at(L.OptInt(3, at(from)))
	from = max(at(from), 1)
	to = min(to, len(text))
	if from > to {
		return 0
	}
	if to-from >= maxUnpack {
		L.RaiseError("string slice too long")
	}
	for i := from; i <= to; i++ {
		L.Push(lua.LNumber(text[i-1]))
	}
	return to - from + 1
}

// format is string.format: the directives of C's printf.
func (s *state) format(L *lua.LState) int {
	f := L.CheckString(1)
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
		from := i
		for i < len(f) && strings.IndexByte("-+ #0", f[i]) >= 0 {
			i++
		}
		digits := func() int {
			at := i
			for i < len(f) && f[i]-'0' < 10 {
				i++
			}
			return i - at
		}
		flags := i - from
		wide := digits()
		precise := 0
		if i < len(f) && f[i] == '.' {
			i++
			precise = digits()
		}
		if flags > 5 {
			L.RaiseError("invalid format (repeated flags)")
		}
		if wide > 2 || precise > 2 {
			L.RaiseError("invalid format (width or precision too long)")
		}
		if i >= len(f) {
			L.RaiseError("invalid option '%s' to 'format'", "%")
		}
		arg++
		b = s.directive(L, b, f[from:i], f[i], arg)
	}
	L.Push(lua.LString(b))
	n := len(b)
	s.keepText(b)
	s.g.burn(L, n/bytesPerFuel)
	return 1
}

// directive formats one argument; spec is flags, width and precision.
func (s *state) directive(L *lua.LState, b []byte, spec string, kind byte, arg int) []byte {
	if arg > L.GetTop() && strings.IndexByte("cdioxXueEfgGqs", kind) >= 0 {
		L.ArgError(arg, "no value")
	}
	switch kind {
	case 'c':
		return fmt.Appendf(b, "%"+spec+"s", string([]byte{byte(checkNumber(L, arg))}))
	case 'd', 'i':
		return fmt.Appendf(b, "%"+spec+"d", wholeNumber(checkNumber(L, arg)))
	case 'o', 'x', 'X':
		return fmt.Appendf(b, "%"+spec+string(kind), uint64(wholeNumber(checkNumber(L, arg))))
	case 'u':
		return fmt.Appendf(b, "%"+spec+"d", uint64(wholeNumber(checkNumber(L, arg))))
	case 'e', 'E', 'f', 'g', 'G':
		n := checkNumber(L, arg)
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Appendf(b, "%"+strings.ReplaceAll(strings.Split(spec, ".")[0], "0", "")+"s", appendG(nil, n, 6))
		}
		if !strings.Contains(spec, ".") && kind != 'f' && kind != 'e' && kind != 'E' {
			spec += ".6"
		}
		return fmt.Appendf(b, "%"+spec+string(kind), n)
	case 'q':
		return appendQuoted(b, L.CheckString(arg))
	case 's':
		text := checkText(L, arg)
		if !strings.Contains(spec, ".") && len(text) >= 100 {
			return append(b, text...)
		}
		return fmt.Appendf(b, "%"+spec+"s", text)
	}
	L.RaiseError("invalid option '%%%c' to 'format'", kind)
	return nil
}

// checkNumber is argument i as a number.
func checkNumber(L *lua.LState, i int) float64 {
	switch v := L.Get(i).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := readNumber(string(v)); ok {
			return f
		}
	}
	wrongType(L, i, "number")
	return 0
}

// checkText is argument i as text.
func checkText(L *lua.LState, i int) string {
	switch v := L.Get(i).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return string(appendNum(nil, float64(v)))
	}
	wrongType(L, i, "string")
	return ""
}

// wrongType complains about argument i.
func wrongType(L *lua.LState, i int, want string) {
	got := "no value"
	if i <= L.GetTop() {
		got = L.Get(i).Type().String()
	}
	L.ArgError(i, want+" expected, got "+got)
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
