package scripts

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// The library cjson turns values into JSON and back. Source of what becomes of what, of the
// settings and of the complaints: Lua CJSON 2.1, as it comes with Redis.
//
//   - A table whose keys are whole numbers from 1 is an array, with null where one is
//     missing, unless it is too sparse; an empty table is an object.
//   - null is cjson.null, a userdata, since nil cannot stand in a table.
//   - Numbers have 14 digits. A slash is escaped.
//   - NaN and Inf are read, though no JSON, and refused when written, unless the settings say
//     otherwise.
//
// Settings belong to the library's table: cjson.new returns another one.

// jsonLib is one library with its settings.
type jsonLib struct {
	sparseConvert        bool // an array that is too sparse becomes an object
	sparseRatio          int  // places for each element; 0: any number
	sparseSafe           int  // highest index up to which an array is never too sparse
	encodeDepth          int
	decodeDepth          int
	precision            int
	encodeNaN, decodeNaN nanRule
	null                 lua.LValue
	keepBuffer           bool // accepted; what is kept is not seen from a script
	buf                  []byte
}

// nanRule says what becomes of NaN and Inf.
type nanRule uint8

const (
	nanRefused nanRule = iota
	nanAllowed
	nanNull // when writing: null instead
)

// OpenCjson makes the library cjson a global.
func OpenCjson(L *lua.LState) {
	null := L.NewUserData()
	meta := L.NewTable()
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString("userdata: (nil)"))
		return 1
	}))
	null.Metatable = meta
	L.SetGlobal("cjson", newCjson(L, null))
}

func newCjson(L *lua.LState, null lua.LValue) *lua.LTable {
	j := &jsonLib{sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000,
		precision: luaPrecision, decodeNaN: nanAllowed, keepBuffer: true, null: null}
	t := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"encode": j.encode, "decode": j.decode,
		"encode_sparse_array":     j.setSparse,
		"encode_max_depth":        j.setInt(&j.encodeDepth, 1, math.MaxInt32),
		"decode_max_depth":        j.setInt(&j.decodeDepth, 1, math.MaxInt32),
		"encode_number_precision": j.setInt(&j.precision, 1, luaPrecision),
		"encode_keep_buffer":      j.setKeep,
		"encode_invalid_numbers":  setNaN(&j.encodeNaN, true),
		"decode_invalid_numbers":  setNaN(&j.decodeNaN, false),
		"new": func(L *lua.LState) int {
			L.Push(newCjson(L, null))
			return 1
		},
	})
	t.RawSetString("null", null)
	t.RawSetString("_NAME", lua.LString("cjson"))
	t.RawSetString("_VERSION", lua.LString("2.1.0"))
	return t
}

// atMost complains about more than n arguments.
func atMost(L *lua.LState, n int) {
	if L.GetTop() > n {
		argError(L, n+1, "found too many arguments")
	}
}

// given tells whether argument i is there and not nil: only then it is a new setting.
func given(L *lua.LState, i int) bool { return i <= L.GetTop() && L.Get(i) != lua.LNil }

// intArg reads argument i as a setting between two bounds.
func intArg(L *lua.LState, i int, lo, hi int) int {
	n := short(L, i)
	if n < lo || n > hi {
		argError(L, i, "expected integer between "+strconv.Itoa(lo)+" and "+strconv.Itoa(hi))
	}
	return n
}

// boolArg reads argument i as a setting that is on or off.
func boolArg(L *lua.LState, i int) bool {
	if v, ok := L.Get(i).(lua.LBool); ok {
		return bool(v)
	}
	word := text(L, i)
	if word != "on" && word != "off" {
		argError(L, i, "invalid option '"+word+"'")
	}
	return word == "on"
}

func (j *jsonLib) setInt(p *int, lo, hi int) lua.LGFunction {
	return func(L *lua.LState) int {
		atMost(L, 1)
		if given(L, 1) {
			*p = intArg(L, 1, lo, hi)
		}
		L.Push(lua.LNumber(*p))
		return 1
	}
}

func (j *jsonLib) setSparse(L *lua.LState) int {
	atMost(L, 3)
	if given(L, 1) {
		j.sparseConvert = boolArg(L, 1)
	}
	if given(L, 2) {
		j.sparseRatio = intArg(L, 2, 0, math.MaxInt32)
	}
	if given(L, 3) {
		j.sparseSafe = intArg(L, 3, 0, math.MaxInt32)
	}
	L.Push(lua.LBool(j.sparseConvert))
	L.Push(lua.LNumber(j.sparseRatio))
	L.Push(lua.LNumber(j.sparseSafe))
	return 3
}

func (j *jsonLib) setKeep(L *lua.LState) int {
	atMost(L, 1)
	if given(L, 1) {
		j.keepBuffer = boolArg(L, 1)
	}
	L.Push(lua.LBool(j.keepBuffer))
	return 1
}

func setNaN(p *nanRule, null bool) lua.LGFunction {
	return func(L *lua.LState) int {
		atMost(L, 1)
		switch {
		case !given(L, 1):
		case null && L.Get(1) == lua.LString("null"):
			*p = nanNull
		case boolArg(L, 1):
			*p = nanAllowed
		default:
			*p = nanRefused
		}
		if *p == nanNull {
			L.Push(lua.LString("null"))
		} else {
			L.Push(lua.LBool(*p == nanAllowed))
		}
		return 1
	}
}

func (j *jsonLib) encode(L *lua.LState) int {
	if L.GetTop() != 1 {
		argError(L, 1, "expected 1 argument")
	}
	b := j.append(L, j.buf[:0], L.Get(1), 0)
	const keep = 64 << 10 // bytes
	if cap(b) <= keep {
		j.buf = b
	}
	L.Push(lua.LString(b))
	return 1
}

func (j *jsonLib) append(L *lua.LState, b []byte, v lua.LValue, depth int) []byte {
	payFor(L, b, 0)
	switch v := v.(type) {
	case lua.LString:
		return appendJSONString(L, b, string(v))
	case lua.LNumber:
		return j.appendNumber(L, b, float64(v))
	case lua.LBool:
		return strconv.AppendBool(b, bool(v))
	case *lua.LTable:
		return j.appendTable(L, b, v, depth+1)
	case *lua.LNilType:
		return append(b, "null"...)
	}
	if v == j.null {
		return append(b, "null"...)
	}
	raise(L, "Cannot serialise %s: type not supported", v.Type().String())
	return nil
}

// payFor pays for one value more, of so many bytes, in text that is put together: a table
// that holds itself twice has more values than there is time and memory for.
func payFor(L *lua.LState, b []byte, bytes int) {
	if len(b)+bytes > longest {
		raise(L, "string length overflow")
	}
	pay(L, 1+bytes/bytesPerFuel)
}

func (j *jsonLib) appendNumber(L *lua.LState, b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch {
		case j.encodeNaN == nanNull:
			return append(b, "null"...)
		case j.encodeNaN == nanRefused:
			raise(L, "Cannot serialise number: must not be NaN or Inf")
		case math.IsNaN(f):
			return append(b, "nan"...)
		}
	}
	if j.precision == luaPrecision {
		return appendNum(b, f)
	}
	return appendG(b, f, j.precision)
}

func (j *jsonLib) appendTable(L *lua.LState, b []byte, t *lua.LTable, depth int) []byte {
	if depth > min(j.encodeDepth, maxNesting) {
		raise(L, "Cannot serialise, excessive nesting (%d)", depth)
	}
	n, highest, isList := listLen(L, t)
	if isList && j.sparseRatio > 0 && highest > n*j.sparseRatio && highest > j.sparseSafe {
		if !j.sparseConvert {
			raise(L, "Cannot serialise table: excessively sparse array")
		}
		isList = false
	}
	if isList && highest > 0 {
		b = append(b, '[')
		for i := 1; i <= highest; i++ {
			if i > 1 {
				b = append(b, ',')
			}
			b = j.append(L, b, get(t, lua.LNumber(i)), depth)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	first := true
	t.ForEach(func(k, v lua.LValue) {
		if !first {
			b = append(b, ',')
		}
		first = false
		switch k := k.(type) {
		case lua.LString:
			b = appendJSONString(L, b, string(k))
		case lua.LNumber:
			b = append(j.appendNumber(L, append(b, '"'), float64(k)), '"')
		default:
			raise(L, "Cannot serialise %s: table key must be a number or string", k.Type().String())
		}
		b = j.append(L, append(b, ':'), v, depth)
	})
	return append(b, '}')
}

// appendJSONString writes a string in pieces, since each byte may become six.
func appendJSONString(L *lua.LState, b []byte, s string) []byte {
	const piece = 64 << 10 // bytes
	b = append(b, '"')
	for len(s) > piece {
		payFor(L, b, piece)
		b, s = appendEscaped(b, s[:piece]), s[piece:]
	}
	payFor(L, b, len(s))
	return append(appendEscaped(b, s), '"')
}

func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != '/' && c != 127 {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\', '/':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(b, s[from:]...)
}
