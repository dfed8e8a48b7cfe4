package scripts

import (
	"math"
	"unsafe"

	"github.com/tinylib/msgp/msgp"
	lua "github.com/yuin/gopher-lua"
)

// The library cmsgpack turns values into MessagePack and back. Source of what becomes of
// what: lua-cmsgpack 0.4, as it comes with Redis.
//
//   - Whole numbers are the shortest integer, others a float, of 32 bits if that is exact.
//   - A table whose keys are 1 to n is an array, any other one a map, an empty one an array.
//   - Tables more than maxPackDepth deep, and what has no counterpart, are nil.
//   - Extensions and binary strings are refused.

const maxPackDepth = 16

// maxUnpackDepth bounds the recursion on input that nests.
const maxUnpackDepth = 7000

// OpenCmsgpack makes the library cmsgpack a global.
func OpenCmsgpack(L *lua.LState) {
	t := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"pack": msgPack, "unpack": msgUnpack, "unpack_one": msgUnpackOne, "unpack_limit": msgUnpackLimit,
	})
	t.RawSetString("_NAME", lua.LString("cmsgpack"))
	t.RawSetString("_VERSION", lua.LString("lua-cmsgpack 0.4.0"))
	t.RawSetString("_COPYRIGHT", lua.LString("Copyright (C) 2012, Salvatore Sanfilippo"))
	t.RawSetString("_DESCRIPTION", lua.LString("MessagePack C implementation for Lua"))
	L.SetGlobal("cmsgpack", t)
}

// msgPack packs its arguments one after another.
func msgPack(L *lua.LState) int {
	n := L.GetTop()
	if n == 0 {
		argError(L, 0, "MessagePack pack needs input.")
	}
	var room [512]byte
	b := room[:0]
	for i := 1; i <= n; i++ {
		b = appendMsg(L, b, L.Get(i), 0)
	}
	L.Push(lua.LString(b))
	return 1
}

func appendMsg(L *lua.LState, b []byte, v lua.LValue, depth int) []byte {
	payFor(L, b, 0)
	switch v := v.(type) {
	case lua.LString:
		payFor(L, b, len(v))
		return msgp.AppendString(b, string(v))
	case lua.LNumber:
		return appendMsgNumber(b, float64(v))
	case lua.LBool:
		return msgp.AppendBool(b, bool(v))
	case *lua.LTable:
		if depth == maxPackDepth {
			return msgp.AppendNil(b)
		}
		return appendMsgTable(L, b, v, depth+1)
	}
	return msgp.AppendNil(b)
}

func appendMsgNumber(b []byte, f float64) []byte {
	switch {
	case f == math.Trunc(f) && f >= 0 && f < math.MaxInt64:
		return msgp.AppendUint64(b, uint64(f))
	case f == math.Trunc(f) && f < 0 && f >= math.MinInt64:
		return msgp.AppendInt64(b, int64(f))
	case f == float64(float32(f)):
		return msgp.AppendFloat32(b, float32(f))
	}
	return msgp.AppendFloat64(b, f)
}

func appendMsgTable(L *lua.LState, b []byte, t *lua.LTable, depth int) []byte {
	n, max, isList := listLen(L, t)
	if isList && n == max {
		b = msgp.AppendArrayHeader(b, uint32(n))
		for i := 1; i <= n; i++ {
			b = appendMsg(L, b, get(t, lua.LNumber(i)), depth)
		}
		return b
	}
	size := 0
	t.ForEach(func(lua.LValue, lua.LValue) { size++ })
	b = msgp.AppendMapHeader(b, uint32(size))
	t.ForEach(func(k, v lua.LValue) {
		b = appendMsg(L, b, k, depth)
		b = appendMsg(L, b, v, depth)
	})
	return b
}

// listLen counts the elements of a table whose keys are all whole numbers from 1, and finds
// the highest; ok is false if there is another key. What lies in the table's array is not
// iterated over, since that would make an object of every index.
func listLen(L *lua.LState, t *lua.LTable) (n, highest int, ok bool) {
	dense := t.Len()
	pay(L, dense/16)
	highest = dense
	for i := 1; i <= dense; i++ {
		if t.RawGetInt(i) != lua.LNil {
			n++
		}
	}
	var from lua.LValue = lua.LNil
	if dense > 0 {
		from = lua.LNumber(dense)
	}
	for k, _ := t.Next(from); k != lua.LNil; k, _ = t.Next(k) {
		i, isNumber := k.(lua.LNumber)
		if !isNumber || i < 1 || i != lua.LNumber(math.Trunc(float64(i))) || i > math.MaxInt32 {
			return 0, 0, false
		}
		if int(i) > dense {
			n++
			highest = max(highest, int(i))
		}
	}
	return n, highest, true
}

// msgUnpack returns all values in a string.
func msgUnpack(L *lua.LState) int { return unpackSome(L, 0, 0) }

// msgUnpackOne returns the offset after a value, -1 at the end, and the value.
func msgUnpackOne(L *lua.LState) int {
	return unpackSome(L, 1, whole(L, 2, 0))
}

// msgUnpackLimit is msgUnpackOne for several values.
func msgUnpackLimit(L *lua.LState) int {
	limit := int(wholeNumber(number(L, 2)))
	return unpackSome(L, limit, whole(L, 3, 0))
}

// unpackSome returns up to limit values of the string in argument 1, behind the offset at
// which the next one begins; without limit and offset, all of them.
func unpackSome(L *lua.LState, limit, offset int) int {
	s := text(L, 1)
	switch {
	case offset < 0 || limit < 0:
		// The limit of the original's complaint is the length of the input.
		raise(L, "Invalid request to unpack with offset of %d and limit of %d.", int32(offset), len(s))
	case offset > len(s):
		raise(L, "Start offset %d greater than input length %d.", int32(offset), len(s))
	}
	all := limit == 0 && offset == 0
	if all {
		limit = math.MaxInt32
	}
	L.SetTop(0)
	if !all {
		L.Push(lua.LNumber(-1))
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s))[offset:] // which nobody writes to
	n := 0
	for ; len(b) > 0 && n < limit; n++ {
		if n >= maxResults {
			raise(L, "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)")
		}
		var v lua.LValue
		v, b = unpackValue(L, b, 0)
		L.Push(v)
	}
	if !all && len(b) > 0 {
		L.Replace(1, lua.LNumber(len(s)-len(b)))
	}
	return L.GetTop()
}

// unpackValue takes one value off b.
func unpackValue(L *lua.LState, b []byte, depth int) (lua.LValue, []byte) {
	if depth > maxUnpackDepth {
		raise(L, "stack overflow (in function mp_decode_to_lua_array)")
	}
	if len(b) == 0 {
		raise(L, "Missing bytes in input.")
	}
	pay(L, 1)
	var v lua.LValue
	var rest []byte
	var err error
	switch msgp.NextType(b) {
	case msgp.StrType:
		var raw []byte
		raw, rest, err = msgp.ReadStringZC(b)
		pay(L, len(raw)/bytesPerFuel)
		v = lua.LString(raw)
	case msgp.IntType:
		var n int64
		n, rest, err = msgp.ReadInt64Bytes(b)
		v = lua.LNumber(n)
	case msgp.UintType:
		var n uint64
		n, rest, err = msgp.ReadUint64Bytes(b)
		v = lua.LNumber(int64(n)) // as the original does
	case msgp.Float32Type:
		var f float32
		f, rest, err = msgp.ReadFloat32Bytes(b)
		v = lua.LNumber(f)
	case msgp.Float64Type:
		var f float64
		f, rest, err = msgp.ReadFloat64Bytes(b)
		v = lua.LNumber(f)
	case msgp.BoolType:
		var t bool
		t, rest, err = msgp.ReadBoolBytes(b)
		v = lua.LBool(t)
	case msgp.NilType:
		v, rest = lua.LNil, b[1:]
	case msgp.ArrayType:
		var n uint32
		if n, rest, err = msgp.ReadArrayHeaderBytes(b); err == nil {
			return unpackArray(L, rest, int(n), depth+1)
		}
	case msgp.MapType:
		var n uint32
		if n, rest, err = msgp.ReadMapHeaderBytes(b); err == nil {
			return unpackMap(L, rest, int(n), depth+1)
		}
	default:
		raise(L, "Bad data format in input.")
	}
	if err != nil {
		raise(L, "Missing bytes in input.")
	}
	return v, rest
}

// unpackArray reads n elements; the table grows as they come, since n is only a claim.
func unpackArray(L *lua.LState, b []byte, n, depth int) (lua.LValue, []byte) {
	const claim = 16
	t := L.CreateTable(min(n, claim), 0)
	for i := range n {
		var v lua.LValue
		v, b = unpackValue(L, b, depth)
		t.RawSetInt(i+1, v)
	}
	return t, b
}

func unpackMap(L *lua.LState, b []byte, n, depth int) (lua.LValue, []byte) {
	t := L.CreateTable(0, 4)
	for range n {
		var k, v lua.LValue
		k, b = unpackValue(L, b, depth)
		v, b = unpackValue(L, b, depth)
		switch k := k.(type) {
		case *lua.LNilType:
			L.Error(lua.LString("table index is nil"), 0)
		case lua.LNumber:
			if math.IsNaN(float64(k)) {
				L.Error(lua.LString("table index is NaN"), 0)
			}
		}
		set(t, k, v)
	}
	return t, b
}
