package scripts

import (
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

// The library bit works on numbers as if they were 32 bits: arguments are taken modulo
// 2^32, halves rounded to even, results are signed. Source of the semantics: Lua BitOp 1.0.

// OpenBit makes the library bit a global.
func OpenBit(L *lua.LState) {
	t := L.NewTable()
	fold := func(name string, op func(a, b uint32) uint32) {
		t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			x := word(L, 1)
			for i := L.GetTop(); i > 1; i-- {
				x = op(x, word(L, i))
			}
			return pushWord(L, x)
		}))
	}
	fold("band", func(a, b uint32) uint32 { return a & b })
	fold("bor", func(a, b uint32) uint32 { return a | b })
	fold("bxor", func(a, b uint32) uint32 { return a ^ b })

	shift := func(name string, op func(a uint32, n int) uint32) {
		t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			x := word(L, 1)
			return pushWord(L, op(x, int(word(L, 2)&31)))
		}))
	}
	shift("lshift", func(a uint32, n int) uint32 { return a << n })
	shift("rshift", func(a uint32, n int) uint32 { return a >> n })
	shift("arshift", func(a uint32, n int) uint32 { return uint32(int32(a) >> n) })
	shift("rol", func(a uint32, n int) uint32 { return bits.RotateLeft32(a, n) })
	shift("ror", func(a uint32, n int) uint32 { return bits.RotateLeft32(a, -n) })

	unary := func(name string, op func(a uint32) uint32) {
		t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			return pushWord(L, op(word(L, 1)))
		}))
	}
	unary("tobit", func(a uint32) uint32 { return a })
	unary("bnot", func(a uint32) uint32 { return ^a })
	unary("bswap", bits.ReverseBytes32)
	t.RawSetString("tohex", L.NewFunction(toHex))
	L.SetGlobal("bit", t)
}

// word reads argument i as 32 bits. Adding 1.5 * 2^52 leaves them at the low end of the
// mantissa.
func word(L *lua.LState, i int) uint32 {
	return uint32(math.Float64bits(number(L, i) + 3<<51))
}

func pushWord(L *lua.LState, x uint32) int {
	L.Push(lua.LNumber(int32(x)))
	return 1
}

// toHex writes the last n hex digits of a number, in upper case if n is negative.
func toHex(L *lua.LState) int {
	x, n := word(L, 1), int32(8)
	if L.GetTop() > 1 {
		n = int32(word(L, 2))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n, digits = -n, "0123456789ABCDEF"
	}
	if n > 8 || n < 0 { // the least number has no counterpart
		n = 8
	}
	var b [8]byte
	for i := n - 1; i >= 0; i-- {
		b[i] = digits[x&15]
		x >>= 4
	}
	L.Push(lua.LString(b[:n]))
	return 1
}
