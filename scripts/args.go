package scripts

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Arguments of library functions, with the complaints that Lua's own auxiliary library
// makes about them: scripts and tests compare these texts.

// raise raises an error. The place in front is that of the caller, if it is written in Lua:
// under pcall, gsub or sort there is none.
func raise(L *lua.LState, format string, args ...any) {
	if dbg, ok := L.GetStack(1); ok {
		if _, err := L.GetInfo("S", dbg, lua.LNil); err == nil && dbg.What == "G" {
			L.Error(lua.LString(fmt.Sprintf(format, args...)), 0)
		}
	}
	L.RaiseError(format, args...)
}

// argError complains about argument i, under the name by which the function was called.
func argError(L *lua.LState, i int, why string) {
	name := "?"
	if dbg, ok := L.GetStack(0); ok {
		if _, err := L.GetInfo("n", dbg, lua.LNil); err == nil && !strings.Contains(dbg.Name, "(") {
			name = dbg.Name[strings.LastIndexByte(dbg.Name, '.')+1:]
		}
	}
	raise(L, "bad argument #%d to '%s' (%s)", i, name, why)
}

// wrongType complains that argument i is not of the type that was expected.
func wrongType(L *lua.LState, i int, want string) {
	got := "no value"
	if i <= L.GetTop() {
		got = L.Get(i).Type().String()
	}
	argError(L, i, want+" expected, got "+got)
}

// number is argument i as a number; a string may read as one.
func number(L *lua.LState, i int) float64 {
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

// text is argument i as a string; a number is turned into one.
func text(L *lua.LState, i int) string {
	switch v := L.Get(i).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return string(appendNum(nil, float64(v)))
	}
	wrongType(L, i, "string")
	return ""
}

// table is argument i, a table.
func table(L *lua.LState, i int) *lua.LTable {
	t, ok := L.Get(i).(*lua.LTable)
	if !ok {
		wrongType(L, i, "table")
	}
	return t
}

// whole is argument i without its fraction; otherwise stands for one that is missing.
func whole(L *lua.LState, i, otherwise int) int {
	if L.Get(i) == lua.LNil {
		return otherwise
	}
	return int(wholeNumber(number(L, i)))
}

// short is argument i as an int in C has it: what does not fit loses its upper bits.
func short(L *lua.LState, i int) int { return int(int32(wholeNumber(number(L, i)))) }

// shortOr is short, unless the argument is missing.
func shortOr(L *lua.LState, i, otherwise int) int {
	if L.Get(i) == lua.LNil {
		return otherwise
	}
	return short(L, i)
}

// wholeNumber cuts a number as C on this kind of machine does: what does not fit is the
// lowest integer.
func wholeNumber(f float64) int64 {
	if f >= -math.MaxInt64 && f < math.MaxInt64 {
		return int64(f)
	}
	return math.MinInt64
}

// naturalNumber is wholeNumber for integers without a sign.
func naturalNumber(f float64) uint64 {
	if f >= 1<<63 {
		return uint64(wholeNumber(f-1<<63)) ^ 1<<63
	}
	return uint64(wholeNumber(f))
}

// pay pays for n turns' worth of work in a library, which may be opened in a state that
// nobody watches.
func pay(L *lua.LState, n int) {
	if g := globalOf(L); g != nil {
		g.burn(L, n)
	}
}

// function is argument i, a function.
func function(L *lua.LState, i int) *lua.LFunction {
	f, ok := L.Get(i).(*lua.LFunction)
	if !ok {
		wrongType(L, i, "function")
	}
	return f
}
