package scripts

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// redisCall is redis.call: an error reply ends the script.
func (s *state) redisCall(L *lua.LState) int { return s.do(L, true) }

// redisPcall is redis.pcall: an error reply is a table.
func (s *state) redisPcall(L *lua.LState) int { return s.do(L, false) }

// do runs one command.
func (s *state) do(L *lua.LState, raise bool) int {
	discard := s.g.discard
	s.g.discard = false
	if text := s.arguments(L); text != "" {
		return s.refuse(L, text, false, raise)
	}
	s.g.burn(L, 1+len(s.buf)/bytesPerFuel)
	b, refusal := s.command()
	const keep = 1 << 20 // bytes
	if cap(s.buf) > keep {
		s.buf = nil
	}
	switch {
	case refusal != "":
		return s.refuse(L, refusal, true, raise)
	case len(b) > 0 && b[0] == '-':
		return s.refuse(L, strings.TrimRight(string(b[1:]), "\r\n"), true, raise)
	case discard || len(b) == 0:
		return 0
	}
	r := reply{b: b, L: L, g: s.g}
	L.Push(r.value())
	return 1
}

// arguments reads the arguments of redis.call into args; it returns what is wrong with them.
func (s *state) arguments(L *lua.LState) string {
	n := L.GetTop()
	if n == 0 {
		return "ERR Please specify at least one argument for this redis lib call"
	}
	s.args, s.buf = s.args[:0], s.buf[:0]
	for i := 1; i <= n; i++ {
		from := len(s.buf)
		switch v := L.Get(i).(type) {
		case lua.LString:
			s.buf = append(s.buf, v...)
		case lua.LNumber:
			s.buf = appendArg(s.buf, float64(v))
		default:
			return "ERR Lua redis lib command arguments must be strings or integers"
		}
		// A buffer that grows leaves the arguments before where they are.
		s.args = append(s.args, s.buf[from:len(s.buf):len(s.buf)])
	}
	return ""
}

// appendArg appends a number as C's "%.17g".
func appendArg(b []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && n > -1e16 && n < 1e16 && (n != 0 || 1/f > 0) {
		return strconv.AppendInt(b, n, 10)
	}
	return appendG(b, f, 17)
}

// refuse makes an error of a text, and raises it or returns it as a table.
func (s *state) refuse(L *lua.LState, text string, counted, raise bool) int {
	t := errorTable(L, text)
	if counted {
		t.RawSetString("ignore_error_stats_update", lua.LTrue)
	}
	if raise {
		L.Error(t, 0)
	}
	L.Push(t)
	return 1
}

// errorTable is the form of errors: a table with the text, code first, in its field err.
func errorTable(L *lua.LState, text string) *lua.LTable {
	t := L.CreateTable(0, 2)
	t.RawSetString("err", lua.LString(text))
	return t
}

// fail raises an error that has no code of its own.
func (s *state) fail(L *lua.LState, text string) { L.Error(errorTable(L, "ERR "+text), 0) }
