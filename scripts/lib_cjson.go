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

// luaPrecision is the number of digits that Lua writes.
const luaPrecision = 14

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
		"encode_max_depth":        j.setInt("encode_max_depth", &j.encodeDepth, 1, math.MaxInt32),
		"decode_max_depth":        j.setInt("decode_max_depth", &j.decodeDepth, 1, math.MaxInt32),
		"encode_number_precision": j.setInt("encode_number_precision", &j.precision, 1, luaPrecision),
		"encode_keep_buffer":      j.setKeep,
		"encode_invalid_numbers":  setNaN("encode_invalid_numbers", &j.encodeNaN, true),
		"decode_invalid_numbers":  setNaN("decode_invalid_numbers", &j.decodeNaN, false),
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
func atMost(L *lua.LState, n int, function string) {
	if L.GetTop() > n {
		argError(L, n+1, function, "found too many arguments")
	}
}

// given tells whether argument i is there and not nil: only then it is a new setting.
func given(L *lua.LState, i int) bool { return i <= L.GetTop() && L.Get(i) != lua.LNil }

// intArg reads argument i as a setting between two bounds.
func intArg(L *lua.LState, i int, function string, lo, hi int) int {
	n := number(L, i, function)
	if n = math.Trunc(n); !(n >= float64(lo) && n <= float64(hi)) {
		argError(L, i, function, "expected integer between "+strconv.Itoa(lo)+" and "+strconv.Itoa(hi))
	}
	return int(n)
}

// boolArg reads argument i as a setting that is on or off.
func boolArg(L *lua.LState, i int, function string) bool {
	if v, ok := L.Get(i).(lua.LBool); ok {
		return bool(v)
	}
	word := text(L, i, function)
	if word != "on" && word != "off" {
		argError(L, i, function, "invalid option '"+word+"'")
	}
	return word == "on"
}

func (j *jsonLib) setInt(name string, p *int, lo, hi int) lua.LGFunction {
	return func(L *lua.LState) int {
		atMost(L, 1, name)
		if given(L, 1) {
			*p = intArg(L, 1, name, lo, hi)
		}
		L.Push(lua.LNumber(*p))
		return 1
	}
}

func (j *jsonLib) setSparse(L *lua.LState) int {
	const name = "encode_sparse_array"
	atMost(L, 3, name)
	if given(L, 1) {
		j.sparseConvert = boolArg(L, 1, name)
	}
	if given(L, 2) {
		j.sparseRatio = intArg(L, 2, name, 0, math.MaxInt32)
	}
	if given(L, 3) {
		j.sparseSafe = intArg(L, 3, name, 0, math.MaxInt32)
	}
	L.Push(lua.LBool(j.sparseConvert))
	L.Push(lua.LNumber(j.sparseRatio))
	L.Push(lua.LNumber(j.sparseSafe))
	return 3
}

func (j *jsonLib) setKeep(L *lua.LState) int {
	atMost(L, 1, "encode_keep_buffer")
	if given(L, 1) {
		j.keepBuffer = boolArg(L, 1, "encode_keep_buffer")
	}
	L.Push(lua.LBool(j.keepBuffer))
	return 1
}

func setNaN(name string, p *nanRule, null bool) lua.LGFunction {
	return func(L *lua.LState) int {
		atMost(L, 1, name)
		switch {
		case !given(L, 1):
		case null && L.Get(1) == lua.LString("null"):
			*p = nanNull
		case boolArg(L, 1, name):
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
		argError(L, 1, "encode", "expected 1 argument")
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
	payFor(L, b)
	switch v := v.(type) {
	case lua.LString:
		return appendJSONString(b, string(v))
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
	L.RaiseError("Cannot serialise %s: type not supported", v.Type().String())
	return nil
}

// payFor pays for one value more in text that is put together: a table that holds itself
// twice has more values than there is time and memory for.
func payFor(L *lua.LState, b []byte) {
	if len(b) > longest {
		L.RaiseError("string length overflow")
	}
	if g := globalOf(L); g != nil {
		g.burn(L, 1)
	}
}

func (j *jsonLib) appendNumber(L *lua.LState, b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch {
		case j.encodeNaN == nanNull:
			return append(b, "null"...)
		case j.encodeNaN == nanRefused:
			L.RaiseError("Cannot serialise number: must not be NaN or Inf")
		case math.IsNaN(f):
			return append(b, "nan"...)
		}
	}
	return appendNumber(b, f, j.precision)
}

// appendNumber writes a number as C's %.*g does.
func appendNumber(b []byte, f float64, precision int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case math.IsNaN(f):
		if math.Signbit(f) {
			return append(b, "-nan"...)
		}
		return append(b, "nan"...)
	case f == math.Trunc(f) && math.Abs(f) < 1e14 && precision == luaPrecision && (f != 0 || !math.Signbit(f)):
		return strconv.AppendInt(b, int64(f), 10)
	}
	return strconv.AppendFloat(b, f, 'g', precision, 64)
}

func (j *jsonLib) appendTable(L *lua.LState, b []byte, t *lua.LTable, depth int) []byte {
	if depth > min(j.encodeDepth, maxNesting) {
		L.RaiseError("Cannot serialise, excessive nesting (%d)", depth)
	}
	n, highest, isList := listLen(t)
	if isList && j.sparseRatio > 0 && highest > n*j.sparseRatio && highest > j.sparseSafe {
		if !j.sparseConvert {
			L.RaiseError("Cannot serialise table: excessively sparse array")
		}
		isList = false
	}
	if isList && highest > 0 {
		b = append(b, '[')
		for i := 1; i <= highest; i++ {
			if i > 1 {
				b = append(b, ',')
			}
			b = j.append(L, b, t.RawGetInt(i), depth)
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
			b = appendJSONString(b, string(k))
		case lua.LNumber:
			b = append(j.appendNumber(L, append(b, '"'), float64(k)), '"')
		default:
			L.RaiseError("Cannot serialise %s: table key must be a number or string", k.Type().String())
		}
		b = j.append(L, append(b, ':'), v, depth)
	})
	return append(b, '}')
}

func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
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
	return append(append(b, s[from:]...), '"')
}
