package scripts

import (
	"sort"

	lua "github.com/yuin/gopher-lua"
)

// The library table where gopher-lua's lacks something or changes a table that is read-only.

func (s *state) tableFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"insert": s.tableInsert, "remove": s.tableRemove, "concat": s.tableConcat, "sort": s.tableSort,
		"foreach": s.tableForEach, "foreachi": s.tableForEachI, "getn": s.tableGetN, "maxn": s.tableMaxN, "setn": s.tableSetN}
}

func (s *state) tableGetN(L *lua.LState) int {
	L.Push(lua.LNumber(table(L, 1).Len()))
	return 1
}

// tableMaxN returns the highest key that is a number.
func (s *state) tableMaxN(L *lua.LState) int {
	t := table(L, 1)
	highest := lua.LNumber(t.MaxN())
	var from lua.LValue = lua.LNil
	if highest > 0 {
		from = highest
	}
	for k, _ := t.Next(from); k != lua.LNil; k, _ = t.Next(k) {
		s.g.burn(L, 1)
		if n, ok := k.(lua.LNumber); ok {
			highest = max(highest, n)
		}
	}
	L.Push(highest)
	return 1
}

// sorter puts the values of a table in order. They lie outside of it meanwhile, so nothing
// that the comparison does to the table gets in the way.
type sorter struct {
	L      *lua.LState
	g      *global
	values []lua.LValue
	less   lua.LValue // or nil
}

func (o *sorter) Len() int      { return len(o.values) }
func (o *sorter) Swap(i, j int) { o.values[i], o.values[j] = o.values[j], o.values[i] }

func (o *sorter) Less(i, j int) bool {
	o.g.burn(o.L, 1)
	a, b := o.values[i], o.values[j]
	if o.less != lua.LNil {
		o.L.Push(o.less)
		o.L.Push(a)
		o.L.Push(b)
		o.L.Call(2, 1)
		r := o.L.Get(-1)
		o.L.Pop(1)
		return lua.LVAsBool(r)
	}
	switch a := a.(type) {
	case lua.LNumber:
		if b, ok := b.(lua.LNumber); ok {
			return a < b
		}
	case lua.LString:
		if b, ok := b.(lua.LString); ok {
			return a < b
		}
	}
	if a.Type() == b.Type() && o.L.GetMetaField(a, "__lt") != lua.LNil {
		return o.L.LessThan(a, b)
	}
	// Where it happened is in no source.
	if a.Type() == b.Type() {
		o.L.Error(lua.LString("attempt to compare two "+a.Type().String()+" values"), 0)
	}
	o.L.Error(lua.LString("attempt to compare "+a.Type().String()+" with "+b.Type().String()), 0)
	return false
}

func (s *state) tableSort(L *lua.LState) int {
	t := s.writable(L, 1)
	o := sorter{L: L, g: s.g, less: L.Get(2)}
	if _, ok := o.less.(*lua.LFunction); !ok && o.less != lua.LNil {
		wrongType(L, 2, "function")
	}
	n := t.Len()
	s.g.burn(L, n/64)
	o.values = make([]lua.LValue, n)
	for i := range o.values {
		o.values[i] = t.RawGetInt(i + 1)
	}
	sort.Sort(&o)
	for i, v := range o.values {
		t.RawSetInt(i+1, v)
	}
	return 0
}

func (s *state) tableInsert(L *lua.LState) int {
	t := s.writable(L, 1)
	at := t.Len() + 1
	switch L.GetTop() {
	case 2:
		set(t, lua.LNumber(at), L.Get(2))
		return 0
	case 3:
	default:
		raise(L, "wrong number of arguments to 'insert'")
	}
	n := short(L, 2)
	switch {
	case n >= 1 && n < at:
		s.g.burn(L, (at-n)/64)
		size := len(arrayOf(t))
		t.Insert(n, L.Get(3))
		settle(t, size)
		return 0
	case n < 1: // all values move up
		for i := at; i > n; i-- {
			s.g.burn(L, 1)
			set(t, lua.LNumber(i), get(t, lua.LNumber(i-1)))
		}
	}
	set(t, lua.LNumber(n), L.Get(3))
	return 0
}

// tableRemove returns nothing if there is nothing at that place.
func (s *state) tableRemove(L *lua.LState) int {
	t := s.writable(L, 1)
	n := t.Len()
	at := shortOr(L, 2, n)
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
	sep := ""
	if L.Get(2) != lua.LNil {
		sep = text(L, 2)
	}
	t := table(L, 1)
	from, to := shortOr(L, 3, 1), 0
	if L.Get(4) == lua.LNil {
		to = t.Len()
	} else {
		to = short(L, 4)
	}
	b := s.text[:0]
	for i := from; i <= to; i++ {
		before := len(b)
		switch v := get(t, lua.LNumber(i)).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNum(b, float64(v))
		default:
			raise(L, "invalid value (%s) at index %d in table for 'concat'", v.Type().String(), i)
		}
		if i != to {
			b = append(b, sep...)
		}
		if len(b) > longest {
			raise(L, "string length overflow")
		}
		s.g.burn(L, 1+(len(b)-before)/bytesPerFuel)
	}
	L.Push(lua.LString(b))
	s.keepText(b)
	return 1
}

func (s *state) tableForEach(L *lua.LState) int {
	t, f := table(L, 1), function(L, 2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if s.visit(L, f, k, v) {
			return 1
		}
	}
	return 0
}

func (s *state) tableForEachI(L *lua.LState) int {
	t, f := table(L, 1), function(L, 2)
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
	table(L, 1)
	raise(L, "'setn' is obsolete")
	return 0
}
