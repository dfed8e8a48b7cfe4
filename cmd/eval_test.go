package cmd

import (
	"fmt"
	"strings"
	"testing"
)

type scriptEffect struct {
	words []string
	want  string
}

func scriptEffects() []scriptEffect {
	return []scriptEffect{
		{[]string{"EVAL", "return redis.call('GET','a')", "0"}, ""},
		{[]string{"EVAL", "return redis.call('SET','a',1)", "0"}, "SELECT 0|SET a 1"},
		{[]string{"EVAL", "redis.call('SET','a',1) redis.call('GET','a') redis.call('INCR','a')", "0"}, "MULTI|SET a 1|INCR a|EXEC"},
		{[]string{"EVAL", "redis.call('SET','a',1) error('x')", "0"}, "SET a 1"},
		{[]string{"EVAL", "redis.call('SELECT',3) redis.call('SET','a',1)", "0"}, "SELECT 3|SET a 1"},
		{[]string{"EVAL", "redis.set_repl(redis.REPL_NONE) redis.call('SET','b',1) redis.set_repl(redis.REPL_ALL) redis.call('SET','c',1)", "0"}, "SELECT 0|SET c 1"},
		{[]string{"FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f',function(k) return redis.call('SET',k[1],1) end)"},
			"FUNCTION LOAD #!lua name=l\nredis.register_function('f',function(k) return redis.call('SET',k[1],1) end)"},
		{[]string{"FCALL", "f", "1", "k"}, "SET k 1"},
		{[]string{"FUNCTION", "DELETE", "l"}, "FUNCTION DELETE l"},
	}
}

// TestScriptEffects holds what scripts and functions leave in the journal.
func TestScriptEffects(t *testing.T) {
	h := newHarness(borrowed)
	j := &journal{}
	h.Journal = j
	p := h.dial()
	for _, r := range scriptEffects() {
		j.buf = nil
		p.do(r.words...)
		h.TellJournal()
		var got []string
		for _, args := range j.requests(t) {
			var words []string
			for _, a := range args {
				words = append(words, string(a))
			}
			got = append(got, strings.Join(words, " "))
		}
		if text := strings.Join(got, "|"); text != r.want {
			t.Errorf("%q left %q, want %q", r.words, text, r.want)
		}
	}
}

// TestEvalAllocates holds that a small script makes next to nothing.
func TestEvalAllocates(t *testing.T) {
	p := newHarness(borrowed).dial()
	p.do("SET", "k", "v")
	batch := prepared([][]string{{"EVAL", "return redis.call('GET',KEYS[1])", "1", "k"}})
	p.again(batch)
	if got := testing.AllocsPerRun(200, func() { p.again(batch) }); got > 4 {
		t.Errorf("EVAL of a GET allocates %.1f times", got)
	}
}

// TestScriptsAreForgotten holds that scripts of EVAL are kept up to a number, and those of
// SCRIPT LOAD for good.
func TestScriptsAreForgotten(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SCRIPT", "LOAD", "return 'kept'")
	for i := range 600 {
		p.do("EVAL", fmt.Sprintf("return %d", i), "0")
	}
	if f := h.scripting.engine.Facts(); f.Scripts != 501 || f.Evicted != 100 {
		t.Errorf("%d scripts, %d evicted", f.Scripts, f.Evicted)
	}
}
