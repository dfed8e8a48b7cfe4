package scripts

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// The library math, for its complaints, and where gopher-lua's counts otherwise than C:
// math.mod is fmod, and the logarithm of 1000 is 3. What is not exact may differ from C's in
// the last digit.

func (s *state) mathFunctions() map[string]lua.LGFunction {
	t := map[string]lua.LGFunction{"random": s.mathRandom, "randomseed": s.mathRandomSeed, "max": mathMost(func(x, most float64) bool { return x > most }), "min": mathMost(func(x, least float64) bool { return x < least }),
		"modf": mathModf, "frexp": mathFrexp}
	for name, f := range map[string]func(float64) float64{"abs": math.Abs, "ceil": math.Ceil, "floor": math.Floor, "sqrt": math.Sqrt,
		"exp": math.Exp, "log": math.Log, "log10": log10, "sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "asin": math.Asin,
		"acos": math.Acos, "atan": math.Atan, "sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh,
		"deg": func(x float64) float64 { return x / radian }, "rad": func(x float64) float64 { return x * radian }} {
		t[name] = func(L *lua.LState) int {
			L.Push(lua.LNumber(f(number(L, 1))))
			return 1
		}
	}
	for name, f := range map[string]func(x, y float64) float64{"fmod": fmod, "mod": fmod, "pow": math.Pow, "atan2": math.Atan2, "ldexp": ldexp} {
		t[name] = func(L *lua.LState) int {
			y := number(L, 2) // C looks at the last one first
			L.Push(lua.LNumber(f(number(L, 1), y)))
			return 1
		}
	}
	return t
}

const radian = math.Pi / 180

// log10 is exact for powers of ten, which Go's is not.
func log10(x float64) float64 {
	f := math.Log10(x)
	if n := math.Round(f); math.Abs(n) < 300 && math.Pow10(int(n)) == x {
		return n
	}
	return f
}

// fmod is the remainder with the sign of the first number.
func fmod(x, y float64) float64 {
	r := math.Mod(x, y)
	if math.IsNaN(r) && !math.IsNaN(x) && !math.IsNaN(y) {
		return math.Copysign(r, -1)
	}
	return r
}

func ldexp(x, exp float64) float64 { return math.Ldexp(x, int(int32(wholeNumber(exp)))) }

// mathMost is the argument, of which there must be one, that stands before all earlier ones.
// As in C, what is not a number stands before none, and -0 not before 0.
func mathMost(before func(x, y float64) bool) lua.LGFunction {
	return func(L *lua.LState) int {
		most := number(L, 1)
		for i := 2; i <= L.GetTop(); i++ {
			if x := number(L, i); before(x, most) {
				most = x
			}
		}
		L.Push(lua.LNumber(most))
		return 1
	}
}

func mathModf(L *lua.LState) int {
	x := number(L, 1)
	n, fraction := math.Trunc(x), 0.0
	if !math.IsInf(x, 0) {
		fraction = x - n
	}
	L.Push(lua.LNumber(n))
	L.Push(lua.LNumber(math.Copysign(fraction, x)))
	return 2
}

func mathFrexp(L *lua.LState) int {
	f, exp := math.Frexp(number(L, 1))
	L.Push(lua.LNumber(f))
	L.Push(lua.LNumber(exp))
	return 2
}

// arithmetic are the events of strings that are counted with: gopher-lua would read them as
// Go does, with 010 as eight and 1_0 as ten.
func (s *state) arithmetic() map[string]lua.LGFunction {
	t := make(map[string]lua.LGFunction)
	for name, f := range map[string]func(x, y float64) float64{
		"add": func(x, y float64) float64 { return x + y }, "sub": func(x, y float64) float64 { return x - y },
		"mul": func(x, y float64) float64 { return x * y }, "div": func(x, y float64) float64 { return x / y },
		"mod": func(x, y float64) float64 { return x - math.Floor(x/y)*y }, "pow": math.Pow,
		"unm": func(x, _ float64) float64 { return -x },
	} {
		t["__"+name] = func(L *lua.LState) int {
			a, b := L.Get(1), L.Get(2)
			if name == "unm" {
				b = a
			}
			x, isX := operand(a)
			y, isY := operand(b)
			if isX && isY {
				L.Push(lua.LNumber(f(x, y)))
				return 1
			}
			for _, v := range []lua.LValue{a, b} {
				if m, ok := L.GetMetaField(v, "__"+name).(*lua.LFunction); ok && v.Type() != lua.LTString {
					L.Push(m)
					L.Push(a)
					L.Push(b)
					L.Call(2, 1)
					return 1
				}
			}
			left := a.Type()
			if isX {
				left = lua.LTNumber // it is the other one that is to blame
			}
			L.RaiseError("cannot perform %s operation between %s and %s", name, left, b.Type())
			return 0
		}
	}
	return t
}

func operand(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return readNumber(string(v))
	}
	return 0, false
}
