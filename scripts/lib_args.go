package scripts

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// Arguments of library functions, with the complaints that Lua's own auxiliary library
// makes about them: scripts and tests compare these texts.

// argError complains about argument i of a function.
func argError(L *lua.LState, i int, function, why string) {
	L.RaiseError("bad argument #%d to '%s' (%s)", i, function, why)
}

// typeError complains that argument i is not of the type that was expected.
func typeError(L *lua.LState, i int, function, want string) {
	got := "no value"
	if i <= L.GetTop() {
		got = L.Get(i).Type().String()
	}
	argError(L, i, function, want+" expected, got "+got)
}

// number reads argument i as a number, or as a string that reads as one.
func number(L *lua.LState, i int, function string) float64 {
	switch v := L.Get(i).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if n := lua.LVAsNumber(v); n != 0 || isZeroText(string(v)) {
			return float64(n)
		}
	}
	typeError(L, i, function, "number")
	return 0
}

// isZeroText tells a text that reads as zero from one that does not read as a number.
func isZeroText(s string) bool {
	var f float64
	var rest string
	n, _ := fmt.Sscanf(s, "%g%s", &f, &rest)
	return n == 1
}

// text reads argument i as a string; a number is turned into one.
func text(L *lua.LState, i int, function string) string {
	switch v := L.Get(i).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return string(appendNumber(nil, float64(v), luaPrecision))
	}
	typeError(L, i, function, "string")
	return ""
}
