package scripts

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The library string: bytes, not runes, and nothing that one call could take all memory or
// hours with. Patterns are in pattern.go, string.format is in format.go.

func (s *state) stringFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"rep": s.rep, "format": s.format, "byte": s.byteAt, "char": s.char, "sub": s.sub,
		"len": s.length, "upper": s.upper, "lower": s.lower, "reverse": s.reverse, "dump": s.dump,
		"find": s.find, "gsub": s.gsub, "match": s.match, "gmatch": s.gmatch, "gfind": s.gmatch}
}

// place is the place that an index means: from the end if it is negative.
func place(i, length int) int {
	if i < 0 {
		return max(i+length+1, 0)
	}
	return i
}

func (s *state) rep(L *lua.LState) int {
	of, n := text(L, 1), short(L, 2)
	if n <= 0 || of == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > longest/len(of) {
		raise(L, "string length overflow")
	}
	s.g.burn(L, n*len(of)/bytesPerFuel)
	L.Push(lua.LString(strings.Repeat(of, n)))
	return 1
}

// byteAt returns the bytes from one place to another.
func (s *state) byteAt(L *lua.LState) int {
	of := text(L, 1)
	from := place(whole(L, 2, 1), len(of))
	to := min(place(whole(L, 3, from), len(of)), len(of))
	from = max(from, 1)
	if from > to {
		return 0
	}
	if to-from >= maxUnpack {
		raise(L, "string slice too long")
	}
	s.g.burn(L, (to-from)/16)
	for i := from; i <= to; i++ {
		L.Push(lua.LNumber(of[i-1]))
	}
	return to - from + 1
}

func (s *state) char(L *lua.LState) int {
	b := make([]byte, L.GetTop())
	for i := range b {
		c := short(L, i+1)
		if c != c&0xff {
			argError(L, i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	L.Push(lua.LString(b))
	return 1
}

func (s *state) sub(L *lua.LState) int {
	of := text(L, 1)
	from := max(place(int(wholeNumber(number(L, 2))), len(of)), 1)
	to := min(place(whole(L, 3, -1), len(of)), len(of))
	if from > to {
		L.Push(lua.LString(""))
	} else {
		L.Push(lua.LString(of[from-1 : to]))
	}
	return 1
}

func (s *state) length(L *lua.LState) int {
	L.Push(lua.LNumber(len(text(L, 1))))
	return 1
}

// mapped returns a text with each byte at place i replaced by f, and pays as it goes.
func (s *state) mapped(L *lua.LState, f func(of string, i int) byte) int {
	of := text(L, 1)
	b := make([]byte, len(of))
	for i := range b {
		if b[i] = f(of, i); i%bytesPerFuel == bytesPerFuel-1 {
			s.g.burn(L, 1)
		}
	}
	L.Push(lua.LString(b))
	return 1
}

func (s *state) upper(L *lua.LState) int {
	return s.mapped(L, func(of string, i int) byte {
		if of[i]-'a' < 26 {
			return of[i] - 'a' + 'A'
		}
		return of[i]
	})
}

func (s *state) lower(L *lua.LState) int {
	return s.mapped(L, func(of string, i int) byte {
		if of[i]-'A' < 26 {
			return of[i] - 'A' + 'a'
		}
		return of[i]
	})
}

func (s *state) reverse(L *lua.LState) int {
	return s.mapped(L, func(of string, i int) byte { return of[len(of)-1-i] })
}

// dump refuses: there is no other form of a function than what was compiled.
func (s *state) dump(L *lua.LState) int {
	if _, ok := L.Get(1).(*lua.LFunction); !ok {
		wrongType(L, 1, "function")
	}
	raise(L, "unable to dump given function")
	return 0
}
