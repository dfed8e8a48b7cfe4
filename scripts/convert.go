package scripts

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"redust/resp"
)

const (
	// maxNesting is how deep tables may lie in what a script returns.
	maxNesting = 7990
	// maxValues is how many values there may be in it. Tables that hold others twice, and
	// those again others, are of no size and without end as a reply; a list as long as
	// this one is some 100 MB.
	maxValues = 10_000_000
)

// convert writes a value that a script returned as a reply, the other way round from
// reply.go. A table is what its first of these fields makes it: err, ok, double, map, set,
// big_number, verbatim_string; without any it is an array, up to its first nil.
func (s *state) convert(w *resp.Writer, v lua.LValue, level int) error {
	if s.values++; s.tooLong(w) {
		return nil
	}
	if level > maxNesting {
		w.Error("ERR reached lua stack limit")
		return nil
	}
	switch v := v.(type) {
	case lua.LString:
		w.Str(string(v))
	case lua.LNumber:
		w.Int(wholeNumber(float64(v)))
	case lua.LBool:
		switch {
		case s.proto == 3:
			w.Bool(bool(v))
		case bool(v):
			w.Int(1)
		default:
			w.Null()
		}
	case *lua.LTable:
		return s.convertTable(w, v, level)
	default:
		w.Null()
	}
	return nil
}

func (s *state) convertTable(w *resp.Writer, t *lua.LTable, level int) error {
	if text, ok := t.RawGetString("err").(lua.LString); ok {
		f := &Failure{Text: string(text), Counted: t.RawGetString("ignore_error_stats_update") == lua.LTrue}
		if level == 0 {
			return f
		}
		w.Error(f.Text)
		return nil
	}
	if text, ok := t.RawGetString("ok").(lua.LString); ok {
		w.Status(oneLine(string(text)))
		return nil
	}
	if f, ok := t.RawGetString("double").(lua.LNumber); ok {
		w.Double(float64(f))
		return nil
	}
	if m, ok := t.RawGetString("map").(*lua.LTable); ok {
		n := 0
		at := w.Mark()
		for k, v := m.Next(lua.LNil); k != lua.LNil && !s.tooLong(w); k, v = m.Next(k) {
			s.nested(w, k, level)
			s.nested(w, v, level)
			n++
		}
		if !s.tooLong(w) {
			w.MapAt(at, n)
		}
		return nil
	}
	if m, ok := t.RawGetString("set").(*lua.LTable); ok {
		n := 0
		at := w.Mark()
		for k, _ := m.Next(lua.LNil); k != lua.LNil && !s.tooLong(w); k, _ = m.Next(k) {
			s.nested(w, k, level)
			n++
		}
		if !s.tooLong(w) {
			w.SetAt(at, n)
		}
		return nil
	}
	if text, ok := t.RawGetString("big_number").(lua.LString); ok {
		w.BigNumber(oneLine(string(text)))
		return nil
	}
	if v, ok := t.RawGetString("verbatim_string").(*lua.LTable); ok {
		format, isFormat := v.RawGetString("format").(lua.LString)
		text, isText := v.RawGetString("string").(lua.LString)
		if isFormat && isText {
			w.Verbatim(string(format + "   ")[:3], string(text))
			return nil
		}
	}
	n := 0
	for t.RawGetInt(n+1) != lua.LNil {
		n++
	}
	w.Array(n)
	for i := 1; i <= n && !s.tooLong(w); i++ {
		s.nested(w, t.RawGetInt(i), level)
	}
	return nil
}

// tooLong tells whether the reply is longer than any text may be, or has too many values.
func (s *state) tooLong(w *resp.Writer) bool {
	return len(w.B)-s.replyFrom > longest || s.values > maxValues
}

// nested writes a part of a table.
func (s *state) nested(w *resp.Writer, v lua.LValue, level int) {
	// An error is one only at the top.
	_ = s.convert(w, v, level+1)
}

// oneLine keeps a line break from ending a reply that ends with one.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
