package scripts

import (
	"fmt"
	"strings"
	"testing"

	"redust/resp"
)

// fakeHost is a server that knows a few commands, and whose clock goes on by a millisecond
// a look.
type fakeHost struct {
	keys  map[string]string
	ms    int64
	paces int
	kill  string        // what Pace answers from killAt on
	pace  func() string // instead of kill
	at    int
	repl  [2]bool
	log   []string
}

func (h *fakeHost) Command(args [][]byte, _ int) ([]byte, string) {
	switch strings.ToUpper(string(args[0])) {
	case "SET":
		h.keys[string(args[1])] = string(args[2])
		return []byte("+OK\r\n"), ""
	case "GET":
		v, ok := h.keys[string(args[1])]
		if !ok {
			return []byte("$-1\r\n"), ""
		}
		return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(v), v), ""
	case "FAIL":
		return []byte("-MY fault\r\n"), ""
	case "PANIC":
		panic("a bug")
	}
	return nil, "ERR Unknown Redis command called from script"
}

func (h *fakeHost) Pace() string {
	h.paces++
	switch {
	case h.pace != nil:
		return h.pace()
	case h.kill != "" && h.paces >= h.at:
		return h.kill
	case h.paces > 10_000:
		return "the test has not ended it"
	}
	return ""
}

func (h *fakeHost) Log(level int, text string)         { h.log = append(h.log, fmt.Sprint(level, " ", text)) }
func (h *fakeHost) MayCall([][]byte) (may, known bool) { return true, true }
func (h *fakeHost) Propagate(aof, replicas bool)       { h.repl = [2]bool{aof, replicas} }
func (h *fakeHost) Clock() int64                       { h.ms++; return h.ms * 1e6 }
func (h *fakeHost) Version() string                    { return "7.2.4" }

func newFake() (*Engine, *fakeHost) {
	h := &fakeHost{keys: make(map[string]string)}
	return New(h), h
}

// eval runs a script; the reply is as it goes to the client, an error with its text.
func eval(t *testing.T, e *Engine, source string, keys ...string) string {
	t.Helper()
	s, err := e.Eval([]byte(source))
	if err != nil {
		return "-" + err.Error()
	}
	return run(e, s, keys...)
}

func run(e *Engine, s *Script, keys ...string) string {
	var out resp.Writer
	out.Proto = 2
	var args [][]byte
	for _, k := range keys {
		args = append(args, []byte(k))
	}
	if err := e.Run(s, &Call{Keys: args, Args: args, Out: &out}); err != nil {
		if len(out.B) > 0 {
			return "an error, and " + string(out.B)
		}
		return "-" + err.Error()
	}
	return string(out.B)
}

// TestNothingIsLeft holds that scripts in one state see nothing of those before.
func TestNothingIsLeft(t *testing.T) {
	e, _ := newFake()
	const look = `local t = {#KEYS, #ARGV, KEYS.x or 'nil', ARGV[3] or 'nil', tostring(getmetatable(KEYS)), tostring(rawget(_G, 'leak'))}
for k in pairs(_G) do if k == 'leak' then t[#t + 1] = k end end return t`
	want := eval(t, e, look)
	state := e.eval
	for _, dirt := range []string{
		"KEYS[1], KEYS[2], KEYS[3], KEYS.x = 'a', 'b', 'c', 'd' ARGV[3] = 'e'",
		"KEYS[100000] = 1 ARGV['x'] = 2",
		"setmetatable(KEYS, {__index = function() return 'leak' end})",
		"for i = 1, 5000 do ARGV[i] = i end",
		"table.insert(KEYS, 'x') table.remove(ARGV)",
		"leak = 1", "rawset(_G, 'leak', 1)", "_G.leak = 1", "string.leak = 1", "redis.call = nil", "KEYS = nil",
		"local mt = getmetatable('') if mt then mt.__index = nil end",
		"table.insert(redis, 1)", "math.random = nil", "setmetatable(_G, nil)", "cjson.encode = nil",
		"error('x')", "local function f() return f() + 1 end f()", "coroutine.yield(1)",
		"local c = coroutine.create(function() redis.setresp(3) coroutine.yield() end) coroutine.resume(c)",
		"redis.setresp(3)", "pcall(error)", "return {KEYS, ARGV}",
	} {
		eval(t, e, dirt, "one", "two")
		if got := eval(t, e, look); got != want {
			t.Errorf("after %s: %q, want %q", dirt, got, want)
		}
		if got := eval(t, e, "return {string.rep('x', 2), math.floor(1.5), redis.call('GET', 'k'), #cjson.encode({1})}"); got != "*4\r\n$2\r\nxx\r\n:1\r\n$-1\r\n:3\r\n" {
			t.Errorf("after %s: %q", dirt, got)
		}
	}
	if e.eval != state {
		t.Error("there was more than one state")
	}
	if got := eval(t, e, "return {KEYS[1], ARGV[2], #KEYS}", "a", "b"); got != "*3\r\n$1\r\na\r\n$1\r\nb\r\n:2\r\n" {
		t.Errorf("keys are %q", got)
	}
	// The same text in a place where it was before, and another one.
	for range 2 {
		for _, k := range []string{"x", "y"} {
			if got := eval(t, e, "return KEYS[1] .. ARGV[1]", k); got != "$2\r\n"+k+k+"\r\n" {
				t.Errorf("KEYS[1] is %q, want %q twice", got, k)
			}
		}
	}
}

// TestErrorsSayWhere holds that an error names the script and the line.
func TestErrorsSayWhere(t *testing.T) {
	e, _ := newFake()
	for _, r := range []struct{ source, want string }{
		{"error('x')", "-ERR user_script:1: x script: %s, on @user_script:1."},
		{"\n\nlocal function f()\nerror('x')\nend\nf()", "-ERR user_script:4: x script: %s, on @user_script:4."},
		{"\nredis.call('FAIL')", "-MY fault script: %s, on @user_script:2."},
		{"\nredis.call('nosuch')", "-ERR Unknown Redis command called from script script: %s, on @user_script:2."},
		{"\nreturn redis.pcall('FAIL')", "-MY fault"},
		{"return {err='MY own'}", "-MY own"},
		{"error({err='MY own'})", "-MY own script: %s, on @user_script:1."},
		{"\n\nlocal t = {}\nreturn t.x.y", "-ERR user_script:4: attempt to index field 'x' (a nil value) script: %s, on @user_script:4."},
		{"coroutine.wrap(function()\nerror('x') end)()", "-ERR user_script:2: x script: %s, on @user_script:1."},
		{"\nreturn +", "-ERR Error compiling script (new function): user_script:2: unexpected symbol near '+'"},
		{"#!lua flags=no-writes\nerror('x')", "-ERR user_script:2: x script: %s, on @user_script:2."},
	} {
		want := r.want
		if strings.Contains(want, "%s") {
			s, err := e.Eval([]byte(r.source))
			if err != nil {
				t.Fatal(err)
			}
			want = fmt.Sprintf(want, s.SHA)
		}
		if got := eval(t, e, r.source); got != want {
			t.Errorf("%q: %q, want %q", r.source, got, want)
		}
	}
}

// TestCache holds how many scripts are kept, which go first, and that the bytes add up.
func TestCache(t *testing.T) {
	e, _ := newFake()
	source := func(i int) string { return fmt.Sprintf("return %d", i) }
	pinned, err := e.Load([]byte("return 'pinned'"))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := e.Eval([]byte(source(0)))
	for i := 1; i < keepEvals; i++ {
		eval(t, e, source(i))
	}
	if again, _ := e.Eval([]byte(source(0))); again != first { // a use, so 1 is the oldest now
		t.Error("a script that is kept was compiled again")
	}
	second := e.cache.oldest
	eval(t, e, "return 'one more'")
	f := e.Facts()
	if f.Scripts != keepEvals+1 || f.Evicted != 1 || e.Exists([]byte(second.SHA)) || !e.Exists([]byte(first.SHA)) || !e.Exists([]byte(pinned.SHA)) {
		t.Errorf("%d scripts, %d evicted; kept: oldest %v, used %v, loaded %v", f.Scripts, f.Evicted, e.Exists([]byte(second.SHA)), e.Exists([]byte(first.SHA)), e.Exists([]byte(pinned.SHA)))
	}
	sum := 0
	for _, s := range e.cache.byName {
		sum += s.memBytes()
	}
	if sum != f.ScriptBytes {
		t.Errorf("%d bytes are told, %d are there", f.ScriptBytes, sum)
	}
	if s := e.Find([]byte(strings.ToUpper(pinned.SHA))); s != pinned || run(e, s) != "$6\r\npinned\r\n" {
		t.Error("a SHA1 in capitals finds nothing")
	}
	// One that came with EVAL is kept for good once it is loaded.
	if s, _ := e.Load([]byte(source(5))); !s.pinned {
		t.Error("a script that was there is not kept when it is loaded")
	}
	for i := range 2 * keepEvals {
		eval(t, e, source(1000+i))
	}
	if f = e.Facts(); f.Scripts != keepEvals+2 {
		t.Errorf("%d scripts are kept", f.Scripts)
	}
	e.Flush()
	if f = e.Facts(); f.Scripts != 0 || f.ScriptBytes != 0 || e.Find([]byte(pinned.SHA)) != nil {
		t.Errorf("after a flush there are %d scripts", f.Scripts)
	}
}

// endless are scripts that do not end, each at another place of the interpreter.
func endless() map[string]string {
	return map[string]string{
		"while":            "while true do end",
		"repeat":           "repeat until false",
		"for":              "for i = 1, 1e15 do end",
		"for in":           "local function it() return 1 end for _ in it do end",
		"goto":             "::top:: goto top",
		"call":             "local function f() end while true do f() end",
		"tail call":        "local function f() return f() end f()",
		"pcall":            "while true do pcall(function() while true do end end) end",
		"pcall in pcall":   "local function f() while true do pcall(pcall, function() while true do end end) end end while true do pcall(f) end",
		"pcall of pcall":   "local function f() pcall(f) f() end while true do pcall(f) end",
		"xpcall":           "while true do xpcall(function() while true do end end, function() while true do end end) end",
		"redis.call":       "while true do redis.call('GET', 'k') end",
		"redis.pcall":      "while true do redis.pcall('FAIL') end",
		"pcall redis.call": "while true do pcall(redis.call, 'FAIL') end",
		"concat":           "local s = ('x'):rep(1000) while true do local t = s .. s end",
		"rep":              "while true do local s = ('x'):rep(1000) end",
		"table.concat":     "local t = {} for i = 1, 1000 do t[i] = 'x' end while true do table.concat(t) end",
		"format":           "while true do string.format('%d %s', 1, 'x') end",
		"gsub":             "while true do ('xxx'):gsub('x', 'y') end",
		"gsub function":    "('x'):gsub('x', function() while true do end end)",
		"pattern":          "while true do (('a'):rep(1000)):find(('a*'):rep(10) .. 'b') end",
		"sort":             "table.sort({3, 2, 1}, function() while true do end end)",
		"foreach":          "table.foreach({1}, function() while true do end end)",
		"__index":          "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
		"__newindex":       "local t = setmetatable({}, {__newindex = function() while true do end end}) t.x = 1",
		"__call":           "local t = setmetatable({}, {__call = function(t) return t() end}) t()",
		"__eq":             "local m = {__eq = function() while true do end end} return setmetatable({}, m) == setmetatable({}, m)",
		"__lt":             "local m = {__lt = function() while true do end end} return setmetatable({}, m) < setmetatable({}, m)",
		"__concat":         "local m = {__concat = function() while true do end end} return setmetatable({}, m) .. 'x'",
		"__tostring":       "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
		"coroutine":        "local function f() while true do end end while true do coroutine.resume(coroutine.create(f)) end",
		"wrap":             "local f = coroutine.wrap(function() while true do coroutine.yield() end end) while true do f() end",
		"loadstring":       "loadstring('while true do end')()",
		"load":             "load(function() return ' ' end)",
	}
}

// TestKill ends scripts wherever they are, and the state is as good as before. Whoever
// catches the error gets no further.
func TestKill(t *testing.T) {
	for name, source := range endless() {
		t.Run(name, func(t *testing.T) {
			e, h := newFake()
			h.kill, h.at = "Script killed", 5
			if got := eval(t, e, source); !strings.HasPrefix(got, "-ERR Script killed script: ") && got != "-ERR Script killed" {
				t.Errorf("it says %q", got)
			}
			if h.paces > 5+1000 {
				t.Errorf("the host was asked %d times", h.paces)
			}
			h.kill = ""
			if got := eval(t, e, "local n = 0 for i = 1, 5000 do n = n + 1 end return n", "k"); got != ":5000\r\n" {
				t.Errorf("the next script says %q", got)
			}
		})
	}
}

// TestPause leaves scripts wherever they are, does something else meanwhile, and goes on.
func TestPause(t *testing.T) {
	for name, source := range endless() {
		t.Run(name, func(t *testing.T) {
			e, h := newFake()
			var stage *Stage
			var got string
			stage = NewStage(func() { got = eval(t, e, source) })
			killed := ""
			h.pace = func() string {
				if !stage.On() {
					t.Error("the host is asked although nothing runs")
				}
				stage.Pause()
				return killed
			}
			for n, done := 0, stage.Do(); !done; n, done = n+1, stage.Resume() {
				if stage.On() {
					t.Fatal("a stage that has paused says that it runs")
				}
				if n == 10 {
					killed = "Script killed"
				}
				if n > 2000 {
					t.Fatal("it does not end")
				}
			}
			if !strings.HasPrefix(got, "-ERR Script killed") {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// TestPauseKeepsAll holds that a script that has paused again and again comes to its result.
func TestPauseKeepsAll(t *testing.T) {
	e, h := newFake()
	var got string
	stage := NewStage(func() {
		got = eval(t, e, "local s = 0 for i = 1, 20000 do s = s + i % 7 redis.call('SET', 'k', i) end return {s, KEYS[1], redis.call('GET', 'k')}", "key")
	})
	h.pace = func() string { stage.Pause(); return "" }
	pauses := 0
	for !stage.Do() {
		pauses++
	}
	if got != "*3\r\n:59998\r\n$3\r\nkey\r\n$5\r\n20000\r\n" || pauses < 20 {
		t.Errorf("%d pauses, and %q", pauses, got)
	}
}

// TestBounds holds what scripts may not outgrow.
func TestBounds(t *testing.T) {
	e, _ := newFake()
	for _, r := range []struct{ source, want string }{
		{"local n = 0 local function f() n = n + 1 pcall(f) end f() return n", ":199\r\n"},
		{"local n = 0 local function f() n = n + 1 xpcall(f, error) end pcall(f) return n", ":198\r\n"},
		{"local function f() local ok, e = pcall(f) if not ok then error(e, 0) end end f()", "-ERR C stack overflow script"},
		{"return ('x'):rep(2e9)", ""},
		{"local function f() return 1 + f() end f()", "stack overflow"},
		{"local function f(...) return (f(1, ...)) end return f()", "stack overflow"},
		{"return {unpack({}, 1, 1e9)}", "too many results to unpack"},
		{"local t = {} for i = 1, 9000 do t = {t} end return t", "reached lua stack limit"},
		{"local t = {} for i = 1, 64 do t = {t, t} end return t", "the reply of the script is too long"},
		{"local t = {} for i = 1, 64 do t = {map={[1]=t, [2]=t}} end return t", "the reply of the script is too long"},
		{"local t = {} for i = 1, 64 do t = {set={[t]=true}} t = {t, t} end return t", "the reply of the script is too long"},
		{"local t = {} for i = 1, 5000 do t[i] = 0 end for i = 1, 3 do local u = {} for i = 1, 5000 do u[i] = t end t = u end return t", "the reply of the script is too long"},
		{"local t = {} t[1] = t return t", "reached lua stack limit"},
	} {
		got := eval(t, e, r.source)
		if !strings.Contains(got, r.want) || r.want == "" && !strings.HasPrefix(got, "-ERR") {
			t.Errorf("%s: %.200q", r.source, got)
		}
		if got := eval(t, e, "return 1"); got != ":1\r\n" {
			t.Errorf("after %s: %q", r.source, got)
		}
	}
	// A table with one high number is not an array with all below it.
	if got := eval(t, e, "local t = {} t[1e9] = 1 return t[1e9]"); got != ":1\r\n" {
		t.Errorf("a sparse table: %q", got)
	}
}

// TestCrash holds that a panic of the server's own passes through Lua, even through pcall.
func TestCrash(t *testing.T) {
	for _, source := range []string{"redis.call('PANIC')", "pcall(redis.call, 'PANIC') return 1", "pcall(redis.call, 'PANIC') redis.call('GET', 'k')"} {
		e, _ := newFake()
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, "fakeHost") {
					t.Errorf("%s: %s", source, text)
				}
			}()
			t.Errorf("%s came back with %q", source, eval(t, e, source))
		}()
	}
}

// TestLoadEnds holds that a library has half a second, unless a file loads it.
func TestLoadEnds(t *testing.T) {
	e, h := newFake()
	for _, body := range []string{"while true do end", "local function f() return f() end f()", "local s = 'x' while true do local t = s .. s end"} {
		from := h.ms
		_, err := e.LoadLibrary([]byte("#!lua name=x\n"+body), false, true)
		if err == nil || err.Error() != "ERR Error registering functions: ERR FUNCTION LOAD timeout" {
			t.Errorf("%s: %v", body, err)
		}
		if took := h.ms - from; took < 500 || took > 510 {
			t.Errorf("%s was ended after %d ms", body, took)
		}
	}
	if err := e.RestoreLibraries([][]byte{[]byte("#!lua name=x\nwhile true do end")}, true, false, true); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("restoring: %v", err)
	}
	const long = "#!lua name=x\nfor i = 1, 1000000 do end redis.register_function('f', function() for i = 1, 5000000 do end return 'over' end)"
	if _, err := e.LoadLibrary([]byte(long), false, true); err == nil {
		t.Error("a long load came to its end")
	}
	if _, err := e.LoadLibrary([]byte(long), false, false); err != nil {
		t.Errorf("without a limit: %v", err)
	}
	// The limit is the load's, not the functions'.
	var out resp.Writer
	if err := e.CallFunction(e.Function([]byte("F")), nil, nil, &out); err != nil || string(out.B) != "$4\r\nover\r\n" {
		t.Errorf("FCALL: %v, %q", err, out.B)
	}
	if h.paces == 0 {
		t.Error("nobody was asked whether the function may go on")
	}
}

// TestSetRepl holds what scripts say of their effects.
func TestSetRepl(t *testing.T) {
	e, h := newFake()
	for _, r := range []struct {
		arg  string
		want [2]bool
	}{
		{"redis.REPL_ALL", [2]bool{true, true}}, {"redis.REPL_NONE", [2]bool{}}, {"redis.REPL_AOF", [2]bool{true, false}},
		{"redis.REPL_SLAVE", [2]bool{false, true}}, {"redis.REPL_REPLICA", [2]bool{false, true}}, {"'3'", [2]bool{true, true}},
	} {
		eval(t, e, "redis.set_repl("+r.arg+")")
		if h.repl != r.want {
			t.Errorf("set_repl(%s): file and replicas %v, want %v", r.arg, h.repl, r.want)
		}
	}
}
