package scripts

import (
	lua "github.com/yuin/gopher-lua"
)

// What scripts see: Lua's own libraries without what reaches out of the interpreter, the
// table redis, and the four libraries that scripts have come to expect. All of it is
// read-only, down to the metatables, so that no script leaves anything behind for the next
// one. A table is read-only when its metatable is one of two that nobody can reach.

const readOnly = "Attempt to modify a readonly table"

// openers are the libraries beyond Lua's own. Each sets a global.
func openers() []func(*lua.LState) {
	return []func(*lua.LState){OpenBit, OpenStruct, OpenCmsgpack, OpenCjson}
}

// baseNames are the functions of gopher-lua that scripts may have as they are.
func baseNames() []string {
	return []string{"assert", "error", "ipairs", "next", "pairs", "rawequal",
		"select", "type", "_VERSION"}
}

// openLibraries fills the globals.
func (s *state) openLibraries() {
	L := s.L
	s.env = L.G.Global
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath, lua.OpenCoroutine} {
		L.Push(L.NewFunction(open))
		L.Call(0, 0)
	}
	keep := make(map[string]bool)
	for _, name := range baseNames() {
		keep[name] = true
	}
	for _, name := range []string{"table", "string", "math", "coroutine", "_G"} {
		keep[name] = true
	}
	// A fresh table, since what is taken out of one leaves its name behind.
	env := L.CreateTable(0, 64)
	for k, v := s.env.Next(lua.LNil); k != lua.LNil; k, v = s.env.Next(k) {
		if keep[k.String()] {
			env.RawSet(k, v)
		}
	}
	env.RawSetString("_G", env)
	s.env, L.G.Global, L.Env = env, env, env

	s.add(env, s.baseFunctions())
	s.add(s.library("table"), s.tableFunctions())
	s.add(s.library("string"), s.stringFunctions())
	s.library("string").RawSetString("__index", lua.LNil)
	ofStrings := L.CreateTable(0, 8)
	ofStrings.RawSetString("__index", s.library("string"))
	s.add(ofStrings, s.arithmetic())
	L.SetMetatable(lua.LString(""), ofStrings)
	s.add(s.library("math"), s.mathFunctions())
	s.library("math").RawSetString("huge", lua.LNumber(inf()))
	env.RawSetString("os", L.CreateTable(0, 1))
	s.add(s.library("os"), map[string]lua.LGFunction{"clock": s.osClock})
	env.RawSetString("redis", s.redisTable())
	for _, open := range openers() {
		open(L)
	}
	if s.chunk == evalChunk {
		s.keys.name, s.argv.name = "KEYS", "ARGV"
		s.keys.fill(s, nil)
		s.argv.fill(s, nil)
	}
	s.protect()
}

func (s *state) library(name string) *lua.LTable { return s.env.RawGetString(name).(*lua.LTable) }

func (s *state) add(t *lua.LTable, functions map[string]lua.LGFunction) {
	for name, f := range functions {
		t.RawSetString(name, s.L.NewFunction(f))
	}
}

// protect makes all tables read-only.
func (s *state) protect() {
	s.lock, s.lockG = s.L.NewTable(), s.L.NewTable()
	s.lock.Metatable, s.lockG.Metatable = s.lock, s.lock
	s.lockG.RawSetString("__index", s.L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("Script attempted to access nonexistent global variable '%s'", upToNUL(L.Get(2).String()))
		return 0
	}))
	for k, v := s.env.Next(lua.LNil); k != lua.LNil; k, v = s.env.Next(k) {
		t, ok := v.(*lua.LTable)
		if ok && t != s.env && t != s.keys.t && t != s.argv.t && t.Metatable == lua.LNil {
			t.Metatable = s.lock
		}
	}
	s.L.GetMetatable(lua.LString("")).(*lua.LTable).Metatable = s.lock
	s.env.Metatable = s.lockG
}

// locked tells whether a table is read-only.
func (s *state) locked(t *lua.LTable) bool {
	return t.Metatable == lua.LValue(s.lock) || t.Metatable == lua.LValue(s.lockG)
}

// writable is argument i, a table that may be changed.
func (s *state) writable(L *lua.LState, i int) *lua.LTable {
	t := table(L, i)
	if s.locked(t) {
		L.Error(lua.LString(readOnly), 0)
	}
	return t
}

func (s *state) baseFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"pcall": s.pcall, "xpcall": s.xpcall, "tostring": s.toString, "tonumber": s.toNumber,
		"rawget": rawGet, "rawset": s.rawSet, "setmetatable": s.setMetatable, "getmetatable": s.getMetatable,
		"loadstring": s.loadString, "load": s.loadPieces,
		"unpack": s.unpack, "collectgarbage": s.collectGarbage, "gcinfo": s.gcInfo,
	}
}

// pcall is Lua's, but for one thing that Redis does: of an error that is a table with the
// field err the caller is given that text.
func (s *state) pcall(L *lua.LState) int {
	L.CheckAny(1)
	n := L.GetTop()
	err := s.protected(L, n-1, nil)
	if err == nil {
		L.Insert(lua.LTrue, 1)
		return L.GetTop()
	}
	L.SetTop(0)
	L.Push(lua.LFalse)
	v := s.caught(err)
	if t, ok := v.(*lua.LTable); ok {
		if text, ok := t.RawGetString("err").(lua.LString); ok {
			v = text
		}
	}
	L.Push(v)
	return 2
}

func (s *state) xpcall(L *lua.LState) int {
	f, handler := L.CheckAny(1), L.CheckFunction(2)
	L.SetTop(0)
	L.Push(f)
	err := s.protected(L, 0, L.NewFunction(func(L *lua.LState) int {
		v := s.worded(L, L.Get(1))
		L.SetTop(0)
		L.Push(handler)
		L.Push(v)
		L.Call(1, 1)
		return 1
	}))
	if err == nil {
		L.Insert(lua.LTrue, 1)
		return L.GetTop()
	}
	L.SetTop(0)
	L.Push(lua.LFalse)
	L.Push(s.caught(err))
	return 2
}

// maxProtected is how many calls of pcall may be open, one inside the other, as in C. Each
// describes the whole stack when it catches an error.
const maxProtected = 198

// protected is PCall for any number of results.
func (s *state) protected(L *lua.LState, args int, handler *lua.LFunction) error {
	if s.pcalls >= maxProtected {
		L.Error(lua.LString("C stack overflow"), 0)
	}
	s.pcalls++
	err := L.PCall(args, lua.MultRet, handler)
	s.pcalls--
	if err != nil {
		const caught = 100 // what an error costs, in turns, and more where the stack is deep
		s.g.burn(L, caught)
	}
	return err
}

// caught is what was raised.
func (s *state) caught(err error) lua.LValue {
	e, ok := err.(*lua.ApiError)
	if !ok {
		return lua.LString(err.Error())
	}
	return s.worded(s.L, e.Object)
}

func (s *state) toString(L *lua.LState) int {
	switch v := L.CheckAny(1).(type) {
	case lua.LNumber:
		var buf [32]byte
		L.Push(lua.LString(appendNum(buf[:0], float64(v))))
	case lua.LString:
		L.Push(v)
	default:
		if m, ok := L.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
			L.Push(m)
			L.Push(v)
			L.Call(1, 1)
			return 1
		}
		L.Push(lua.LString(v.String()))
	}
	return 1
}

func rawGet(L *lua.LState) int {
	L.Push(get(L.CheckTable(1), L.CheckAny(2)))
	return 1
}

func (s *state) rawSet(L *lua.LState) int {
	t := s.writable(L, 1)
	L.CheckAny(2)
	L.CheckAny(3)
	switch k := L.Get(2).(type) {
	case *lua.LNilType:
		L.Error(lua.LString("table index is nil"), 0)
	case lua.LNumber:
		if k != k {
			L.Error(lua.LString("table index is NaN"), 0)
		}
	}
	set(t, L.Get(2), L.Get(3))
	L.SetTop(1)
	return 1
}

func (s *state) setMetatable(L *lua.LState) int {
	t := s.writable(L, 1)
	switch m := L.CheckAny(2).(type) {
	case *lua.LTable:
		if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
			L.RaiseError("cannot change a protected metatable")
		}
		if m == s.lock || m == s.lockG {
			L.Error(lua.LString(readOnly), 0)
		}
		t.Metatable = m
	case *lua.LNilType:
		if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
			L.RaiseError("cannot change a protected metatable")
		}
		t.Metatable = lua.LNil
	default:
		L.ArgError(2, "nil or table expected")
	}
	L.SetTop(1)
	return 1
}

func (s *state) getMetatable(L *lua.LState) int {
	v := L.CheckAny(1)
	m := L.GetMetatable(v)
	// That of cjson.null is shared by all scripts, and in C there is none.
	if m == lua.LValue(s.lock) || v.Type() == lua.LTUserData {
		m = lua.LNil
	}
	L.Push(m)
	return 1
}

// maxUnpack is how many values unpack may return.
const maxUnpack = 1 << 17

func (s *state) unpack(L *lua.LState) int {
	t := table(L, 1)
	from, to := shortOr(L, 2, 1), 0
	if L.Get(3) == lua.LNil {
		to = t.Len()
	} else {
		to = short(L, 3)
	}
	if from > to {
		return 0
	}
	if to-from >= maxUnpack {
		raise(L, "too many results to unpack")
	}
	s.g.burn(L, (to-from)/16)
	for i := from; i <= to; i++ {
		L.Push(get(t, lua.LNumber(i)))
	}
	return to - from + 1
}

// collectGarbage does nothing but answer: the collector is the server's.
func (s *state) collectGarbage(L *lua.LState) int {
	switch L.OptString(1, "collect") {
	case "count":
		return s.gcInfo(L)
	case "collect", "stop", "restart", "step", "setpause", "setstepmul":
		L.Push(lua.LNumber(0))
	default:
		L.ArgError(1, "invalid option '"+L.CheckString(1)+"'")
	}
	return 1
}

func (s *state) gcInfo(L *lua.LState) int {
	L.Push(lua.LNumber(stateBytes / 1024))
	return 1
}
