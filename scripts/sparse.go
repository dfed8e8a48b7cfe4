package scripts

import (
	"math"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Tables with high numbers. gopher-lua keeps all whole numbers from 1 in a table's array: one
// with the single key 12345678, as scripts that mark ids have it, would take 200 MB. So what
// would leave the array mostly holes is put among the other keys, in the hash:
//
//	array  1 ... n       hash   "name" true  ...  n+2 or more
//
// Nobody may look for a number in the one part alone, so all that read or write one that may
// be high do it through get and set: the instructions with a number in a register or among
// the constants, in tables with a metatable too, and the libraries. What holds of every table:
//
//   - No key is in both parts, and none in the hash is below n+2, where n is the length of
//     the array. So a walk from 1 to the first hole, and the length, need the array alone.
//   - Where there is such a key, there is an array, if of length 0: Next takes a number for a
//     place in it, and begins anew if there is none.
//   - A key that is in the hash stays there while it has a value, but when a new key makes
//     the array reach it: who walks over the table may assign to what is there.

// sparseAbove is the last number that always has its place in the array.
const sparseAbove = 1 << 16

// Where gopher-lua keeps what it does not export.
var (
	arrayAt    = offsetIn(reflect.TypeFor[lua.LTable](), "array")
	hashAt     = offsetIn(reflect.TypeFor[lua.LTable](), "dict")
	frameAt    = offsetIn(reflect.TypeFor[lua.LState](), "currentFrame")
	functionAt = offsetIn(fieldOf(reflect.TypeFor[lua.LState](), "currentFrame").Type.Elem(), "Fn")
)

func fieldOf(t reflect.Type, name string) reflect.StructField {
	f, ok := t.FieldByName(name)
	if !ok {
		panic("gopher-lua's " + t.Name() + " has no " + name)
	}
	return f
}

func offsetIn(t reflect.Type, name string) uintptr { return fieldOf(t, name).Offset }

func arrayOf(t *lua.LTable) []lua.LValue {
	return *(*[]lua.LValue)(unsafe.Add(unsafe.Pointer(t), arrayAt))
}

func hashOf(t *lua.LTable) map[lua.LValue]lua.LValue {
	return *(*map[lua.LValue]lua.LValue)(unsafe.Add(unsafe.Pointer(t), hashAt))
}

// operand of an instruction: a register, or one of the function's constants.
func operandOf(L *lua.LState, arg int) lua.LValue {
	if arg&isConstant == 0 {
		return L.Get(arg + 1)
	}
	frame := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), frameAt))
	fn := *(**lua.LFunction)(unsafe.Add(frame, functionAt))
	return fn.Proto.Constants[arg&^isConstant]
}

// sparseKey is the number that is the operand, if it may be in either part of a table.
func sparseKey(L *lua.LState, arg int) (lua.LNumber, bool) {
	k, ok := operandOf(L, arg).(lua.LNumber)
	return k, ok && mayBeSparse(k)
}

func mayBeSparse(k lua.LNumber) bool {
	return k >= sparseAbove && k < lua.LNumber(lua.MaxArrayIndex) && k == lua.LNumber(math.Trunc(float64(k)))
}

// get is RawGet.
func get(t *lua.LTable, k lua.LValue) lua.LValue {
	v := t.RawGet(k)
	if v == lua.LNil {
		if n, ok := k.(lua.LNumber); ok && mayBeSparse(n) {
			return t.RawGetH(k)
		}
	}
	return v
}

// set is RawSet.
func set(t *lua.LTable, k, v lua.LValue) {
	if n, ok := k.(lua.LNumber); ok && mayBeSparse(n) {
		setSparse(t, n, v)
		return
	}
	t.RawSet(k, v)
}

func setSparse(t *lua.LTable, k lua.LNumber, v lua.LValue) {
	i, n := int(k), len(arrayOf(t))
	switch {
	case i <= n:
		t.RawSetInt(i, v)
	case v == lua.LNil:
		if hashOf(t) != nil {
			t.RawSetH(k, v)
		}
	case len(hashOf(t)) > 0 && t.RawGetH(k) != lua.LNil:
		t.RawSetH(k, v)
	case i <= 2*n+sparseAbove: // more values than holes, if the array was full
		t.RawSetInt(i, v)
		settle(t, n)
	default:
		if arrayOf(t) == nil {
			t.RawSetInt(1, lua.LNil)
		}
		t.RawSetH(k, v)
	}
}

// settle moves what the array has come to reach, from place n+1 on, out of the hash.
func settle(t *lua.LTable, n int) {
	if len(arrayOf(t)) < sparseAbove {
		return
	}
	for i := max(n, sparseAbove) + 1; i <= len(arrayOf(t))+1 && len(hashOf(t)) > 0; i++ {
		if v := t.RawGetH(lua.LNumber(i)); v != lua.LNil {
			t.RawSetH(lua.LNumber(i), lua.LNil)
			t.RawSetInt(i, v)
		}
	}
}

// overrule forgets what is in the hash below the end of the array: a list was written over it.
func overrule(t *lua.LTable) {
	n := len(arrayOf(t))
	if n <= sparseAbove || len(hashOf(t)) == 0 {
		return
	}
	for k := range hashOf(t) {
		if i, ok := k.(lua.LNumber); ok && mayBeSparse(i) && int(i) <= n {
			t.RawSetH(k, lua.LNil)
		}
	}
	settle(t, n)
}

// maxIndex is how many tables an index may lead through, as in gopher-lua.
const maxIndex = 100

// find looks a high number up in a table and in those that its metatable leads to; nil if
// there is none, or a function that is to be asked.
func find(t *lua.LTable, k lua.LNumber) lua.LValue {
	for range maxIndex {
		if v := get(t, k); v != lua.LNil {
			return v
		}
		next, ok := event(t, "__index").(*lua.LTable)
		if !ok {
			break
		}
		t = next
	}
	return lua.LNil
}

// assign is an assignment to a high number. It reports false if a function is to be asked, or
// there is an error to raise.
func (s *state) assign(L *lua.LState, t *lua.LTable, k lua.LNumber, v lua.LValue) bool {
	for range maxIndex {
		if s.locked(t) {
			L.RaiseError(readOnly)
		}
		to := event(t, "__newindex")
		if to == lua.LNil || get(t, k) != lua.LNil {
			setSparse(t, k, v)
			return true
		}
		next, ok := to.(*lua.LTable)
		if !ok {
			return false
		}
		t = next
	}
	return false
}

// event is a field of a table's metatable.
func event(t *lua.LTable, name string) lua.LValue {
	if m, ok := t.Metatable.(*lua.LTable); ok {
		return m.RawGetString(name)
	}
	return lua.LNil
}
