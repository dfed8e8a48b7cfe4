package scripts

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// reply turns the reply of a command into a value of Lua's, in one pass over its bytes:
//
//	$ bulk string        string          * array       table, from 1
//	: integer            number          _ null        nil
//	+ status             {ok=...}        $-1, *-1      false
//	- error              {err=...}
//
// and, for scripts that asked for RESP3 (redis.setresp):
//
//	, double             {double=...}    % map         {map={k=v}}
//	# boolean            boolean         ~ set         {set={member=true}}
//	( big number         {big_number=...}
//	= verbatim           {verbatim_string={string=, format=}}
//
// The bytes are the server's own, and whole.
type reply struct {
	b   []byte
	pos int
	L   *lua.LState
	g   *global
}

// line returns the rest of the line, and goes behind it.
func (r *reply) line() []byte {
	from := r.pos
	for r.b[r.pos] != '\r' {
		r.pos++
	}
	r.pos += 2
	return r.b[from : r.pos-2]
}

// count reads the number in the rest of the line.
func (r *reply) count() int64 {
	var n int64
	neg := r.b[r.pos] == '-'
	if neg {
		r.pos++
	}
	for ; r.b[r.pos] != '\r'; r.pos++ {
		n = n*10 + int64(r.b[r.pos]-'0')
	}
	r.pos += 2
	if neg {
		return -n
	}
	return n
}

func (r *reply) bulk(n int64) lua.LString {
	s := lua.LString(r.b[r.pos : r.pos+int(n)])
	r.pos += int(n) + 2
	return s
}

func (r *reply) value() lua.LValue {
	kind := r.b[r.pos]
	r.pos++
	switch kind {
	case '$':
		n := r.count()
		if n < 0 {
			return lua.LFalse
		}
		r.g.fuel -= int(n) / bytesPerFuel
		return r.bulk(n)
	case ':':
		return number64(r.count())
	case '*', '>':
		return r.array()
	case '+':
		return r.field("ok", lua.LString(r.line()))
	case '-':
		return errorTable(r.L, string(r.line()))
	case '_':
		r.line()
		return lua.LNil
	case '#':
		return lua.LBool(r.line()[0] == 't')
	case ',':
		return r.field("double", lua.LNumber(double(string(r.line()))))
	case '(':
		return r.field("big_number", lua.LString(r.line()))
	case '%':
		return r.pairs()
	case '~':
		return r.set()
	case '=':
		text := r.bulk(r.count())
		t := r.L.CreateTable(0, 2)
		t.RawSetString("format", text[:3])
		t.RawSetString("string", text[4:])
		return r.field("verbatim_string", t)
	case '|': // what decorates a value is nothing to scripts
		for n := 2 * r.count(); n > 0; n-- {
			r.value()
		}
		return r.value()
	}
	panic("scripts: a reply of no known type")
}

// number64 is a number; those that gopher-lua keeps ready are found in a table.
func number64(n int64) lua.LValue { return lua.LNumber(n) }

func (r *reply) field(name string, v lua.LValue) lua.LValue {
	t := r.L.CreateTable(0, 1)
	t.RawSetString(name, v)
	return t
}

func (r *reply) array() lua.LValue {
	n := r.count()
	if n < 0 {
		return lua.LFalse
	}
	r.g.fuel -= int(n)
	t := r.L.CreateTable(int(n), 0)
	for i := 1; i <= int(n); i++ {
		if v := r.value(); v != lua.LNil {
			t.RawSetInt(i, v)
		}
	}
	return t
}

func (r *reply) pairs() lua.LValue {
	n := r.count()
	t := r.L.CreateTable(0, int(n))
	for ; n > 0; n-- {
		k := r.value()
		v := r.value()
		if k != lua.LNil {
			set(t, k, v)
		}
	}
	return r.field("map", t)
}

func (r *reply) set() lua.LValue {
	n := r.count()
	t := r.L.CreateTable(0, int(n))
	for ; n > 0; n-- {
		if k := r.value(); k != lua.LNil {
			set(t, k, lua.LTrue)
		}
	}
	return r.field("set", t)
}

// double reads a floating-point number as the protocol writes it.
func double(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}
