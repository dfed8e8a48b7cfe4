package scripts

import (
	lua "github.com/yuin/gopher-lua"
)

// The library table where gopher-lua's lacks something or changes a table that is read-only.

func (s *state) tableFunctions() map[string]lua.LGFunction {
	sorted := s.library("table").RawGetString("sort").(*lua.LFunction).GFunction
	return map[string]lua.LGFunction{"insert": s.tableInsert, "remove": s.tableRemove, "concat": s.tableConcat, "foreach": s.tableForEach, "foreachi": s.tableForEachI, "setn": s.tableSetN, "sort": func(L *lua.LState) int {
		s.g.burn(L, s.writable(L, 1).MaxN()/64)
		return sorted(L)
	}}
}

func (s *state) tableInsert(L *lua.LState) int {
	t := s.writable(L, 1)
	at := t.Len() + 1
	switch L.GetTop() {
	case 2:
		t.RawSetInt(at, L.Get(2))
		return 0
	case 3:
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	if n := int(checkNumber(L, 2)); n >= 1 && n < at {
		s.g.burn(L, (at-n)/64)
		t.Insert(n, L.Get(3))
	} else {
		t.RawSet(lua.LNumber(n), L.Get(3))
	}
	return 0
}

// tableRemove returns nothing if there is nothing at that place.
func (s *state) tableRemove(L *lua.LState) int {
	t := s.writable(L, 1)
	n := t.Len()
	at := n
	if L.GetTop() > 1 {
		at = int(checkNumber(L, 2))
	}
	if at < 1 || at > n {
		return 0
	}
	s.g.burn(L, (n-at)/64)
	L.Push(t.RawGetInt(at))
	for i := t.MaxN(); i > n; i-- { // holes behind the end
		t.Remove(i)
	}
	t.Remove(at)
	return 1
}

func (s *state) tableConcat(L *lua.LState) int {
	t := L.CheckTable(1)
	sep := ""
	if L.Get(2) != lua.LNil {
		sep = checkText(L, 2)
	}
	from, to := L.OptInt(3, 1), 0
	if L.Get(4) == lua.LNil {
		to = t.Len()
	} else {
		to = L.CheckInt(4)
	}
	b := s.text[:0]
	for i := from; i <= to; i++ {
		switch v := t.RawGetInt(i).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNum(b, float64(v))
		default:
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type().String(), i)
		}
		if i != to {
			b = append(b, sep...)
		}
		if len(b) > longest {
			L.RaiseError("string length overflow")
		}
	}
	L.Push(lua.LString(b))
	n := len(b)
	s.keepText(b)
	s.g.burn(L, n/bytesPerFuel)
	return 1
}

func (s *state) tableForEach(L *lua.LState) int {
	t, f := L.CheckTable(1), L.CheckFunction(2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if s.visit(L, f, k, v) {
			return 1
		}
	}
	return 0
}

func (s *state) tableForEachI(L *lua.LState) int {
	t, f := L.CheckTable(1), L.CheckFunction(2)
	for i := 1; i <= t.Len(); i++ {
		if s.visit(L, f, lua.LNumber(i), t.RawGetInt(i)) {
			return 1
		}
	}
	return 0
}

// visit calls f; a result ends the walk, and is left on the stack.
func (s *state) visit(L *lua.LState, f *lua.LFunction, k, v lua.LValue) bool {
	s.g.burn(L, 1)
	L.Push(f)
	L.Push(k)
	L.Push(v)
	L.Call(2, 1)
	if L.Get(-1) != lua.LNil {
		return true
	}
	L.Pop(1)
	return false
}

func (s *state) tableSetN(L *lua.LState) int {
	L.CheckTable(1)
	L.RaiseError("'setn' is obsolete")
	return 0
}
