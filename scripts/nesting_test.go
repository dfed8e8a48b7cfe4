package scripts

import (
	"strings"
	"testing"
)

func TestTooDeep(t *testing.T) {
	long := strings.Repeat
	for _, r := range []struct {
		source string
		deep   bool
	}{
		{"return " + long("(", 150) + "1" + long(")", 150), false},
		{"return " + long("(", 300) + "1" + long(")", 300), true},
		{"return " + long("{", 300) + long("}", 300), true},
		{long("do ", 300) + long("end ", 300), true},
		{long("if a then ", 300) + long("end ", 300), true},
		{long("repeat ", 300) + long("until x ", 300), true},
		{long("x = function() ", 300) + long("end ", 300), true},
		{"return a" + long("..a", 300), true},
		{"return 1" + long("^1", 300), true},
		{"return " + long("- ", 300) + "1", true},
		{"return " + long("not ", 300) + "1", true},
		{"return 1" + long("-1", 300), false},
		{"return 1" + long("+1", 60_000), true},
		{"local a = b" + long(".c", 60_000), true},
		{"f" + long("()", 60_000), true},
		{"if a then " + long("elseif b then ", 60_000) + "end", true},
		{long("x = (a..b..c) ", 300), false},
		{long("do x() end ", 1000), false},
		{long("for i = 1, 2 do if a then f(-1, #t, {1, 2}, [==[ (((( ]] ]==]) elseif b then g'((((' end end ", 1000), false},
		{"-- " + long("(", 300) + "\nreturn 1", false},
		{"--[[ " + long("(\n", 300) + "]] return '" + long("(", 300) + "\\'" + long("{", 300) + "'", false},
		{"return 1..2, 1.5" + long(" + 1.5", 1000), false},
		{long(") end ] ", 100), false}, // wrong, but not deep
		{"[[", false},
		{"'\\", false},
		{"--[==[", false},
	} {
		if line := tooDeep(r.source); (line > 0) != r.deep {
			t.Errorf("%.60q: line %d, want deep %v", r.source, line, r.deep)
		}
	}
	if line := tooDeep("a = 1\n\nreturn " + long("(", 300)); line != 3 {
		t.Errorf("found at line %d, want 3", line)
	}
}

// FuzzTooDeep holds that no source, however torn, is looked at beyond its end.
func FuzzTooDeep(f *testing.F) {
	f.Add("for i = 1, 2 do x = [==[a]==] .. 'b\\'' --[[ c ]] end -- d")
	f.Fuzz(func(t *testing.T, source string) { tooDeep(source) })
}
