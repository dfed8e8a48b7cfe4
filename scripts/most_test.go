package scripts

import (
	"strings"
	"testing"
)

// TestMost has the answers of C.
func TestMost(t *testing.T) {
	e, _ := newFake()
	got := eval(t, e, `local nan, out, z = 0/0, {}, 0
for _, x in ipairs({math.max(1, nan), math.min(1, nan), math.max(nan, 1), math.min(nan, 1), 1 / math.max(-z, z), 1 / math.min(z, -z), math.max(1, 3, 2), math.min(3, 1, 2)}) do
 out[#out + 1] = x ~= x and 'nan' or tostring(x) end
return table.concat(out, ' ')`)
	if want := "1 1 nan nan -inf inf 3 1"; !strings.Contains(got, "\n"+want+"\r") {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReplacement holds one replacement to the length of a text, and has it paid for.
func TestReplacement(t *testing.T) {
	e, h := newFake()
	if got := eval(t, e, "return #string.gsub(string.rep('x', 2e7), '.*', string.rep('%0', 100))"); !strings.Contains(got, "string length overflow") {
		t.Errorf("%.100q", got)
	}
	h.kill, h.at = "Script killed", 100
	if got := eval(t, e, "return #string.gsub(string.rep('x', 2e6), '.*', string.rep('%0', 20))"); !strings.Contains(got, "Script killed") {
		t.Errorf("%.100q", got)
	}
}
