package scripts

import (
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// jsonToken is what a piece of JSON is; the names are those in the complaints.
type jsonToken uint8

const (
	jsonObjBegin jsonToken = iota
	jsonObjEnd
	jsonArrBegin
	jsonArrEnd
	jsonString
	jsonNumber
	jsonBoolean
	jsonNull
	jsonColon
	jsonComma
	jsonEnd
	jsonError
)

func (t jsonToken) name() string {
	return [...]string{"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
		"T_BOOLEAN", "T_NULL", "T_COLON", "T_COMMA", "T_END", "T_ERROR"}[t]
}

// jsonReader takes tokens off a text. Strings without escapes are parts of it.
type jsonReader struct {
	*jsonLib
	L     *lua.LState
	g     *global // nil in a state that nobody watches
	s     string
	pos   int // behind the token
	at    int // where it began, or went wrong
	text  string
	num   float64
	wrong string // what a jsonError is
	depth int
}

func (j *jsonLib) decode(L *lua.LState) int {
	if L.GetTop() != 1 {
		argError(L, 1, "expected 1 argument")
	}
	r := jsonReader{jsonLib: j, L: L, s: text(L, 1)}
	if len(r.s) >= 2 && (r.s[0] == 0 || r.s[1] == 0) {
		raise(L, "JSON parser does not support UTF-16 or UTF-32")
	}
	r.g = globalOf(L)
	v := r.value(r.next())
	if t := r.next(); t != jsonEnd {
		r.fail("the end", t)
	}
	L.Push(v)
	return 1
}

func (r *jsonReader) fail(want string, t jsonToken) {
	found := t.name()
	if t == jsonError {
		found = r.wrong
	}
	raise(r.L, "Expected %s but found %s at character %d", want, found, r.at+1)
}

// pay pays for a value, or part of one, of so many bytes.
func (r *jsonReader) pay(bytes int) {
	if r.g != nil {
		r.g.burn(r.L, 1+bytes/bytesPerFuel)
	}
}

func (r *jsonReader) value(t jsonToken) lua.LValue {
	r.pay(r.pos - r.at)
	switch t {
	case jsonString:
		return lua.LString(r.text)
	case jsonNumber:
		return lua.LNumber(r.num)
	case jsonBoolean:
		return lua.LBool(r.num != 0)
	case jsonNull:
		return r.null
	case jsonObjBegin:
		return r.object()
	case jsonArrBegin:
		return r.array()
	}
	r.fail("value", t)
	return nil
}

// deeper enters an array or object.
func (r *jsonReader) deeper() {
	if r.depth++; r.depth > min(r.decodeDepth, maxNesting) {
		raise(r.L, "Found too many nested data structures (%d) at character %d", r.depth, r.pos)
	}
}

func (r *jsonReader) object() lua.LValue {
	r.deeper()
	o := r.L.CreateTable(0, 4)
	t := r.next()
	if t == jsonObjEnd {
		r.depth--
		return o
	}
	for {
		if t != jsonString {
			r.fail("object key string", t)
		}
		key := r.text
		if t = r.next(); t != jsonColon {
			r.fail("colon", t)
		}
		o.RawSetString(key, r.value(r.next()))
		switch t = r.next(); t {
		case jsonObjEnd:
			r.depth--
			return o
		case jsonComma:
			t = r.next()
		default:
			r.fail("comma or object end", t)
		}
	}
}

func (r *jsonReader) array() lua.LValue {
	r.deeper()
	a := r.L.CreateTable(4, 0)
	t := r.next()
	if t == jsonArrEnd {
		r.depth--
		return a
	}
	for {
		a.Append(r.value(t))
		switch t = r.next(); t {
		case jsonArrEnd:
			r.depth--
			return a
		case jsonComma:
			t = r.next()
		default:
			r.fail("comma or array end", t)
		}
	}
}

func (r *jsonReader) error(at int, wrong string) jsonToken {
	r.at, r.wrong = at, wrong
	return jsonError
}

// next takes one token. A zero byte ends the text.
func (r *jsonReader) next() jsonToken {
	for r.pos < len(r.s) && isBlank(r.s[r.pos]) {
		r.pos++
	}
	r.at = r.pos
	if r.pos == len(r.s) {
		return jsonEnd
	}
	c := r.s[r.pos]
	one := func(t jsonToken) jsonToken {
		r.pos++
		return t
	}
	switch c {
	case 0:
		return jsonEnd
	case '{':
		return one(jsonObjBegin)
	case '}':
		return one(jsonObjEnd)
	case '[':
		return one(jsonArrBegin)
	case ']':
		return one(jsonArrEnd)
	case ',':
		return one(jsonComma)
	case ':':
		return one(jsonColon)
	case '"':
		return r.string()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if r.decodeNaN == nanRefused && strange(r.s[r.pos:]) {
			return r.error(r.pos, "invalid number")
		}
		return r.number()
	}
	rest := r.s[r.pos:]
	switch {
	case strings.HasPrefix(rest, "true"):
		r.pos, r.num = r.pos+4, 1
		return jsonBoolean
	case strings.HasPrefix(rest, "false"):
		r.pos, r.num = r.pos+5, 0
		return jsonBoolean
	case strings.HasPrefix(rest, "null"):
		r.pos += 4
		return jsonNull
	case r.decodeNaN != nanRefused && strings.IndexByte("+iInN", c) >= 0 && strange(rest):
		return r.number()
	}
	return r.error(r.pos, "invalid token")
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// strange tells whether s begins with a number that JSON does not have: hexadecimal, with
// leading zeros, infinite or none.
func strange(s string) bool {
	s = strings.TrimPrefix(s, "-")
	switch {
	case s == "":
		return false
	case s[0] == '+':
		return true
	case s[0] == '0':
		return len(s) > 1 && (s[1]|0x20 == 'x' || s[1]-'0' <= 9)
	case s[0] <= '9':
		return false
	}
	return len(s) >= 3 && (strings.EqualFold(s[:3], "inf") || strings.EqualFold(s[:3], "nan"))
}

func (r *jsonReader) number() jsonToken {
	f, n := parseNumber(r.s[r.pos:])
	if n == 0 {
		return r.error(r.pos, "invalid number")
	}
	r.num = f
	r.pos += n
	return jsonNumber
}

// string reads a string into text.
func (r *jsonReader) string() jsonToken {
	s := r.s
	i := r.pos + 1
	from := i
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] != 0 {
		i++
	}
	if i < len(s) && s[i] == '"' {
		r.text, r.pos = s[from:i], i+1
		return jsonString
	}
	var b strings.Builder
	for {
		r.pay(i - from)
		b.WriteString(s[from:i])
		switch {
		case i >= len(s) || s[i] == 0:
			return r.error(i, "unexpected end of string")
		case s[i] == '"':
			r.text, r.pos = b.String(), i+1
			return jsonString
		}
		var c byte
		if i+1 < len(s) {
			c = s[i+1]
		}
		at := strings.IndexByte(`"\/bfnrt`, c)
		switch {
		case c == 'u':
			cp, n := codepoint(s[i:])
			if n == 0 {
				return r.error(i, "invalid unicode escape code")
			}
			var u [utf8.UTFMax]byte
			b.Write(u[:utf8.EncodeRune(u[:], cp)])
			i += n
		case at < 0:
			return r.error(i, "invalid escape code")
		default:
			b.WriteByte("\"\\/\b\f\n\r\t"[at])
			i += 2
		}
		for from = i; i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] != 0; {
			i++
		}
	}
}

// codepoint reads \uXXXX, or two of them that form a surrogate pair; n is 0 if it is
// neither.
func codepoint(s string) (r rune, n int) {
	u, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if u&0xf800 != 0xd800 {
		return u, 6
	}
	if u&0x400 != 0 {
		return 0, 0
	}
	low, ok := hex4(s[6:])
	if !ok || low&0xfc00 != 0xdc00 {
		return 0, 0
	}
	return 0x10000 + (u&0x3ff)<<10 | low&0x3ff, 12
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
