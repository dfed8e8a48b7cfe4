package cmd

import (
	"fmt"
	"strings"
	"testing"

	"redust/config"
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
		{[]string{"EVAL", "redis.set_repl(redis.REPL_NONE) redis.call('SADD','s',1,2) redis.call('SPOP','s') redis.call('EXPIRE','c',100)", "0"}, ""},
		{[]string{"EVAL", "redis.set_repl(redis.REPL_REPLICA) return redis.call('SET','d',1)", "0"}, ""},
		{[]string{"EVAL", "redis.set_repl(redis.REPL_AOF) return redis.call('SET','d',1)", "0"}, "SET d 1"},
		{[]string{"EVAL", "redis.set_repl('2') return redis.call('SET','d',1)", "0"}, ""},
		{[]string{"EVAL", "return redis.call('SET','d',1)", "0"}, "SET d 1"},
		// What time does is said, whoever looked.
		{[]string{"SET", "e", "1", "PX", "1"}, "SET e 1 PXAT 1700000000001"},
		{[]string{"DEBUG", "SLEEP", "0.01"}, ""},
		{[]string{"EVAL", "redis.set_repl(redis.REPL_NONE) return redis.call('SET','e',2)", "0"}, "DEL e"},
		{[]string{"MULTI"}, ""},
		{[]string{"EVAL", "redis.set_repl(redis.REPL_NONE) return redis.call('SET','d',2)", "0"}, ""},
		{[]string{"SET", "d", "3"}, ""},
		{[]string{"EXEC"}, "SET d 3"},
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
	p.do("DEBUG", "SET-ACTIVE-EXPIRE", "0")
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

// TestScriptsThatCannotBeKept holds what scripts hear while what is written does not reach the
// disk: those that may write are not begun, those that have not said so not let write, and what
// has begun may end. The texts are those of redis-server 7.0.15.
func TestScriptsThatCannotBeKept(t *testing.T) {
	const (
		write = "return redis.call('SET','k','v')"
		read  = "return redis.call('GET','k')"
		sha   = "756928dd1246249109cfe8475bfa267e967ea948"
		used  = "it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts."
	)
	for _, r := range []struct {
		why            string
		fail           func(h *harness, on bool)
		command, begin string
	}{
		{"snapshot", func(h *harness, on bool) { h.saving.failed = on }, string(ErrMisconfRDB), "MISCONF Redis is configured to save RDB snapshots, but " + used},
		{"append only file", func(h *harness, on bool) {
			h.appending.on = true
			h.AppendStatus(map[bool]string{true: "No space left on device"}[on], false)
		}, "MISCONF Errors writing to the AOF file: No space left on device",
			"MISCONF Redis is configured to persist data to AOF, but " + used + " AOF error: No space left on device"},
	} {
		h := newHarness(borrowed)
		h.Cfg.Save, h.Cfg.StopWritesOnError = []config.SaveRule{{Seconds: 1000, Changes: 1000}}, true
		p, queued, unwritten := h.dial(), h.dial(), h.dial()
		p.do("FUNCTION", "LOAD", `#!lua name=m
local function r() return redis.call('GET','k') end
redis.register_function('r', r)
redis.register_function{function_name='rn', callback=r, flags={'no-writes'}}`)
		for _, words := range [][]string{{"MULTI"}, {"EVAL", write, "0"}, {"FCALL", "r", "0"}} {
			queued.do(words...)
		}
		for _, words := range [][]string{{"MULTI"}, {"EVAL", write, "0"}, {"FCALL", "rn", "0"}} {
			unwritten.do(words...)
		}
		r.fail(h, true)
		for _, q := range []struct {
			want  string
			words []string
		}{
			{"$-1\r\n", []string{"EVAL", read, "0"}},
			{"-" + r.command + " script: " + sha + ", on @user_script:1.\r\n", []string{"EVAL", write, "0"}},
			{"-" + r.command + "\r\n", []string{"EVAL", "return redis.pcall('SET','k','v')", "0"}},
			{"$-1\r\n", []string{"EVAL", "redis.pcall('SET','k','v') return redis.call('GET','k')", "0"}},
			{"-" + r.command + "\r\n", []string{"EVAL", "#!lua\n" + read, "0"}},
			{"$-1\r\n", []string{"EVAL", "#!lua flags=no-writes\n" + read, "0"}},
			{"+PONG\r\n", []string{"EVAL", "return redis.call('PING')", "0"}},
			{"-" + r.command + "\r\n", []string{"PING"}},
			{"-" + r.command + "\r\n", []string{"FCALL", "r", "0"}},
			{"-" + r.command + "\r\n", []string{"FCALL_RO", "r", "0"}},
			{"$-1\r\n", []string{"FCALL", "rn", "0"}},
			{"-" + r.command + "\r\n", []string{"FUNCTION", "LOAD", "x"}},
			{"+QUEUED\r\n", []string{"MULTI"}},
		} {
			if got := p.do(q.words...); q.words[0] != "MULTI" && got != q.want {
				t.Errorf("%s: %q: %q, want %q", r.why, q.words, got, q.want)
			}
		}
		if got, want := queued.do("EXEC"), "-EXECABORT Transaction discarded because of: "+r.command+"\r\n"; got != want {
			t.Errorf("%s: EXEC of what may write: %q, want %q", r.why, got, want)
		}
		if got, want := unwritten.do("EXEC"), "*2\r\n-"+r.command+" script: "+sha+", on @user_script:1.\r\n$-1\r\n"; got != want {
			t.Errorf("%s: EXEC: %q, want %q", r.why, got, want)
		}
		if got := misconfScript(h.writesStopped()).Error(); got != r.begin {
			t.Errorf("%s: a script in a transaction that had begun: %q, want %q", r.why, got, r.begin)
		}
	}
	// The gates let this EXEC pass, since it changes the configuration only then.
	h := newHarness(borrowed)
	h.Cfg.Save, h.Cfg.StopWritesOnError, h.saving.failed = []config.SaveRule{{Seconds: 1000, Changes: 1000}}, false, true
	p := h.dial()
	p.do("MULTI")
	p.do("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
	p.do("EVAL", "#!lua\n"+read, "0")
	p.do("EVAL", "#!lua flags=no-writes\n"+read, "0")
	if got, want := p.do("EXEC"), "*3\r\n+OK\r\n-"+string(ErrScriptMisconf)+"\r\n$-1\r\n"; got != want {
		t.Errorf("EXEC that changes the configuration: %q, want %q", got, want)
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
