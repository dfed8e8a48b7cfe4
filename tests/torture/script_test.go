package torture

import (
	"io"
	"strings"
	"testing"
	"time"

	"redust/tests/script"
	"redust/tests/server"
)

// Scripts that do not end, over sockets.

const (
	busyAfter = 200 * time.Millisecond
	// busyLate is how late others may hear of it. On a machine that does nothing else it is
	// some ten milliseconds; tests run beside each other.
	busyLate = 500 * time.Millisecond
)

// TestLongScript runs scripts that loop for ever in several ways, and ends them. Others
// are answered BUSY soon after the threshold, and served as soon as it is over.
func TestLongScript(t *testing.T) {
	for name, text := range map[string]string{
		"while":     "while true do end",
		"for":       "for i = 1, 1e15 do end",
		"repeat":    "repeat until false",
		"calls":     "local function f() return f() end f()",
		"pcall":     "while true do pcall(function() while true do end end) end",
		"coroutine": "local function f() while true do end end while true do coroutine.resume(coroutine.create(f)) end",
		"pairs":     "local t = {1} while true do for k, v in pairs(t) do end end",
		"goto":      "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
		"commands":  "while true do redis.call('GET', 'k') end",
		"sort":      "table.sort({3, 2, 1}, function(a, b) while true do end end)",
		"gsub":      "('x'):gsub('x', function() while true do end end)",
	} {
		t.Run(name, func(t *testing.T) {
			bothLoops(t, func(t *testing.T, s *server.Server) {
				longScript(t, s, []string{"EVAL", text, "0"}, "")
				longScript(t, s, []string{"EVAL_RO", text, "0"}, "")
			}, "--busy-reply-threshold", "200")
		})
	}
}

// TestLongBuiltin calls functions of the libraries that have much to do in one go, or as
// good as for ever: they count as a loop does.
func TestLongBuiltin(t *testing.T) {
	if testing.Short() {
		t.Skip("makes large values")
	}
	const list = "local t = {} for i = 1, 1e6 do t[i] = i % 1009 end "
	s := start(t, "--busy-reply-threshold", "200")
	for name, text := range map[string]string{
		"rep":         "while true do local s = ('x'):rep(1e8) end",
		"concat":      list + "while true do table.concat(t) end",
		"concatEmpty": "local t = {} for i = 1, 1e6 do t[i] = '' end while true do table.concat(t) end",
		"sort":        list + "while true do table.sort(t) t[1] = 2000 end",
		"insert":      "table.insert({1}, -2^31, 1)",
		"encode":      list + "while true do cjson.encode(t) end",
		"encodeWide":  "local t = {} for i = 1, 40 do t = {t, t} end while true do pcall(cjson.encode, t) end",
		"decode":      "local s = '[' .. ('[],'):rep(1e6) .. '1]' while true do cjson.decode(s) end",
		"pack":        list + "while true do cmsgpack.pack(t) end",
		"unpack":      "local s = '\\221\\0\\15\\66\\64' .. ('\\1'):rep(1e6) while true do cmsgpack.unpack(s) end",
		"unpackOne":   "local s = ('\\1'):rep(5e7) while true do local n = 0 while n >= 0 do n = cmsgpack.unpack_one(s, n) end end",
		"struct":      "local f = ('x'):rep(1e7) while true do struct.pack(f) struct.size(f) end",
		"format":      "local s = ('x'):rep(1e7) while true do string.format('%s%s%s%s', s, s, s, s) end",
		"lower":       "local s = ('X'):rep(1e7) while true do s:lower() end",
		"gsub":        "local s = ('x'):rep(1e7) while true do s:gsub('x', 'yy') end",
		"questions":   "local s = ('a'):rep(28) s:find(('a?'):rep(28) .. s)",
		"longSet":     "local s = ('a'):rep(1e6) s:find('[' .. ('b'):rep(1e5) .. 'a]*')",
		"balance":     "local s = ('('):rep(1e6) s:find('%b()')",
		"arguments":   "local s = ('a'):rep(1e7) while true do redis.pcall('ECHO', s) end",
	} {
		t.Run(name, func(t *testing.T) { longScript(t, s, []string{"EVAL", text, "0"}, "") })
	}
}

// TestLongScriptInside runs one in a transaction, and as a function.
func TestLongScriptInside(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c := dialScript(t, s)
		defer c.Close()
		wants(t, c, "+OK", "MULTI")
		wants(t, c, "+QUEUED", "SET", "a", "1")
		wants(t, c, "+QUEUED", "EVAL", "while true do end", "0")
		wants(t, c, "+QUEUED", "SET", "b", "2")
		if err := c.Send([][]byte{[]byte("EXEC")}); err != nil {
			t.Fatal(err)
		}
		kill(t, s, "SCRIPT")
		got := hear(t, c)
		if !strings.Contains(got, "killed by user") || strings.Count(got, "OK") != 2 {
			t.Errorf("EXEC replied %s", got)
		}
		wants(t, c, `"2"`, "GET", "b")
		wants(t, c, `"lib"`, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('loop', function() while true do end end)")
		longScript(t, s, []string{"FCALL", "loop", "0"}, "FUNCTION")
	}, "--busy-reply-threshold", "200")
}

// TestLongScriptAnswers holds what others hear meanwhile, word for word as redis-server 7.0.15
// says it.
func TestLongScriptAnswers(t *testing.T) {
	const busyScript = "err BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
	const busyFunction = "err BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c := dialScript(t, s)
		defer c.Close()
		wants(t, c, `"lib"`, "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('loop', function() while true do end end)")
		for _, r := range []struct{ request, busy, stats, other, family string }{
			{"EVAL|while true do end|0", busyScript, busyScript, "FUNCTION", "SCRIPT"},
			{"FCALL|loop|1|k", busyFunction, `[ "running_script", ["name", "loop", "command", ["FCALL", "loop", "1", "k"], "duration_ms", `, "SCRIPT", "FUNCTION"},
		} {
			if err := c.Send(asBytes(strings.Split(r.request, "|")...)); err != nil {
				t.Fatal(err)
			}
			o := dialScript(t, s)
			for says(t, o, "GET", "k") == "nil" {
				time.Sleep(busyAfter / 10)
			}
			for _, w := range []string{"GET k", "PING", "EVAL x 0", "FCALL loop 0", "SCRIPT LOAD x", "SCRIPT FLUSH", "FUNCTION LIST", "FUNCTION FLUSH",
				"CONFIG GET port", "INFO", "SHUTDOWN", "SHUTDOWN SAVE", "PUBLISH a b", "MONITOR", r.other + " KILL"} {
				wants(t, o, r.busy, strings.Fields(w)...)
			}
			if got := says(t, o, "FUNCTION", "STATS"); !strings.HasPrefix(got, r.stats) {
				t.Errorf("FUNCTION STATS: %s", got)
			}
			wants(t, o, "+OK", "MULTI")
			wants(t, o, r.busy, "GET", "k")
			wants(t, o, "err EXECABORT Transaction discarded because of: "+strings.TrimPrefix(r.busy, "err "), "EXEC")
			wants(t, o, "+OK", r.family, "KILL")
			if got := hear(t, c); !strings.Contains(got, "killed by user") {
				t.Errorf("it replied %s", got)
			}
			wants(t, o, "err NOTBUSY No scripts in execution right now.", r.family, "KILL")
			o.Close()
		}
		// A library that does not end is ended after half a second, since nobody is heard.
		from := time.Now()
		wants(t, c, "err ERR Error registering functions: ERR FUNCTION LOAD timeout", "FUNCTION", "LOAD", "#!lua name=endless\nwhile true do end")
		if took := time.Since(from); took > time.Second+busyLate {
			t.Errorf("it was ended after %v", took)
		}
		// A reply without end is refused before it is one.
		from = time.Now()
		wants(t, c, "err ERR the reply of the script is too long", "EVAL", "local t = {} for i = 1, 64 do t = {t, t} end return t", "0")
		t.Logf("the reply was refused after %v", time.Since(from))
	}, "--busy-reply-threshold", "200")
}

// TestLongScriptThatWrote cannot be killed, except with the server.
func TestLongScriptThatWrote(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	for _, threads := range []string{"1", "2"} {
		s, err := server.Start(binary.path, "--io-threads", threads, "--busy-reply-threshold", "200")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		c := dialScript(t, s)
		if err := c.Send(asBytes("EVAL", "redis.call('SET', 'k', 1) while true do end", "0")); err != nil {
			t.Fatal(err)
		}
		other := dialScript(t, s)
		for strings.Contains(says(t, other, "SCRIPT", "KILL"), "NOTBUSY") {
			time.Sleep(busyAfter / 10)
		}
		for _, w := range [][]string{{"SCRIPT", "KILL"}, {"FUNCTION", "KILL"}} {
			if got := says(t, other, w...); !strings.Contains(got, "UNKILLABLE") {
				t.Errorf("%v: %s", w, got)
			}
		}
		if got := says(t, other, "SHUTDOWN"); !strings.Contains(got, "BUSY") {
			t.Errorf("SHUTDOWN: %s", got)
		}
		if err := other.Send(asBytes("SHUTDOWN", "NOSAVE")); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Receive(10 * time.Second); err != io.EOF {
			t.Errorf("SHUTDOWN NOSAVE: %v", err)
		}
	}
}

// TestLongScriptEnds lets a long script run to its end: it loses nothing, and what follows
// in its client's pipeline comes after it. A client that waited for a key is served then.
func TestLongScriptEnds(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		waits := dialScript(t, s)
		defer waits.Close()
		if err := waits.Send(asBytes("BLPOP", "q", "0")); err != nil {
			t.Fatal(err)
		}
		if err := infoIs(s, "blocked_clients", 1); err != nil {
			t.Fatal(err)
		}
		c := dialScript(t, s)
		defer c.Close()
		const text = `redis.call('RPUSH', 'q', 'x', 'y') redis.call('SET', KEYS[1], ARGV[1])
local from = os.clock() while os.clock() - from < 1.5 do end
return {KEYS[1], ARGV[1], redis.call('GET', KEYS[1]), redis.call('LLEN', 'q')}`
		if err := c.Send(asBytes("EVAL", text, "1", "key", "value")); err != nil {
			t.Fatal(err)
		}
		if err := c.Send(asBytes("GET", "key")); err != nil {
			t.Fatal(err)
		}
		busy := dialScript(t, s)
		defer busy.Close()
		for says(t, busy, "PING") == "PONG" {
			time.Sleep(busyAfter / 10)
		}
		if got := says(t, busy, "GET", "key"); !strings.Contains(got, "BUSY") {
			t.Errorf("meanwhile: %s", got)
		}
		if got := hear(t, c); got != `["key", "value", "value", 2]` {
			t.Errorf("the script replied %s", got)
		}
		if got := hear(t, c); got != `"value"` {
			t.Errorf("behind it: %s", got)
		}
		if got := hear(t, waits); got != `["q", "x"]` {
			t.Errorf("who waited: %s", got)
		}
	}, "--busy-reply-threshold", "200")
}

// TestLongScriptHangsUp closes the connection of a client whose script is running.
func TestLongScriptHangsUp(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c := dialScript(t, s)
		if err := c.Send(asBytes("EVAL", "while true do end", "0")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(busyAfter / 2)
		c.Close()
		kill(t, s, "SCRIPT")
	}, "--busy-reply-threshold", "200")
}

// TestGreedyScript holds that a script is ended that takes too much memory.
func TestGreedyScript(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a gigabyte")
	}
	s := start(t)
	c := dialScript(t, s)
	defer c.Close()
	for _, text := range []string{
		"local t = {} local i = 0 while true do i = i + 1 t[i] = ('x'):rep(100) .. i end",
		"local t = {} while true do t[#t + 1] = ('x'):rep(1000000) end",
		"local s = 'x' while true do s = s .. s end",
		"return ('x'):rep(2e9)",
		"local function f(...) return (f(1, ...)) end return f()",
		"local function f() return 1 + f() end return f()",
		"return {unpack({}, 1, 1e9)}",
		"local t = {} while true do t[#t + 1] = ('x'):rep(4e8) end",
		"local t, x = {}, ('x'):rep(1e6) for i = 1, 1e4 do t[i] = x end return table.concat(t)",
		"return (('x'):rep(1e6):gsub('x', ('y'):rep(1e6)))",
		"local s = ('x'):rep(1e8) return string.format('%s%s%s%s%s%s', s, s, s, s, s, s)",
		"return cjson.encode(('\\1'):rep(2e8))",
		"local s = ('x'):rep(1e8) return cmsgpack.pack({s, s, s, s, s, s})",
		"return cmsgpack.unpack(('\\221\\255\\255\\255\\255'):rep(6900) .. ('\\1'):rep(1e6))",
		"return string.format('%99999999d', 1)",
	} {
		got := says(t, c, "EVAL", text, "0")
		if !strings.HasPrefix(got, "err ") {
			t.Errorf("%s: %.200s", text, got)
		}
		t.Logf("%s: %.150s", text, got)
		wants(t, c, "+PONG", "PING")
	}
}

// longScript starts a script that does not end and kills it.
func longScript(t *testing.T, s *server.Server, request []string, family string) {
	t.Helper()
	if family == "" {
		family = "SCRIPT"
	}
	c := dialScript(t, s)
	defer c.Close()
	if err := c.Send(asBytes(request...)); err != nil {
		t.Fatal(err)
	}
	kill(t, s, family)
	if got := hear(t, c); !strings.Contains(got, "killed by user with "+family+" KILL") {
		t.Errorf("%v replied %s", request, got)
	}
	wants(t, c, "+PONG", "PING")
}

// kill waits until the server says BUSY, which must be soon, and ends the script.
func kill(t *testing.T, s *server.Server, family string) {
	t.Helper()
	from := time.Now()
	c := dialScript(t, s)
	defer c.Close()
	for {
		got := says(t, c, "GET", "k")
		late := time.Since(from) - busyAfter
		if strings.Contains(got, "BUSY") {
			if late > busyLate {
				t.Errorf("BUSY came %v after the threshold", late)
			}
			break
		}
		if late > 5*time.Second {
			t.Fatalf("GET replied %s", got)
		}
	}
	from = time.Now()
	wants(t, c, "+OK", family, "KILL")
	for strings.Contains(says(t, c, "GET", "k"), "BUSY") {
		if time.Since(from) > 5*time.Second {
			t.Fatal("still BUSY")
		}
	}
	if took := time.Since(from); took > 2*busyLate {
		t.Errorf("the script was ended after %v", took)
	}
	wants(t, c, "err NOTBUSY No scripts in execution right now.", "SCRIPT", "KILL")
}

func dialScript(t *testing.T, s *server.Server) script.Conn {
	t.Helper()
	c, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func asBytes(w ...string) [][]byte {
	var out [][]byte
	for _, s := range w {
		out = append(out, []byte(s))
	}
	return out
}

func hear(t *testing.T, c script.Conn) string {
	t.Helper()
	raw, err := c.Receive(10 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := script.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(v.Format(2)), " ")
}

func says(t *testing.T, c script.Conn, w ...string) string {
	t.Helper()
	if err := c.Send(asBytes(w...)); err != nil {
		t.Fatal(err)
	}
	return hear(t, c)
}

func wants(t *testing.T, c script.Conn, want string, w ...string) {
	t.Helper()
	got := says(t, c, w...)
	if got != want && got != strings.TrimPrefix(want, "+") {
		t.Errorf("%v replied %s, want %s", w, got, want)
	}
}

// TestLongScriptMessages has a script that publishes to its own client and goes on: nobody
// else hears of it, and the client behind its reply.
func TestLongScriptMessages(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c, other := dialScript(t, s), dialScript(t, s)
		defer c.Close()
		defer other.Close()
		says(t, c, "HELLO", "3")
		says(t, c, "SUBSCRIBE", "ch")
		if err := c.Send(asBytes("EVAL", "redis.call('PUBLISH', 'ch', 'x') while true do end", "0")); err != nil {
			t.Fatal(err)
		}
		for !strings.Contains(says(t, other, "GET", "k"), "BUSY") {
			time.Sleep(busyAfter / 10)
		}
		wants(t, other, "+OK", "UNWATCH")
		wants(t, other, "+OK", "SCRIPT", "KILL")
		if got := hear(t, c); !strings.Contains(got, "killed by user") {
			t.Errorf("the script replied %s", got)
		}
		if got := hear(t, c); got != `push ["message", "ch", "x"]` {
			t.Errorf("behind it: %s", got)
		}
		wants(t, other, "+PONG", "PING")
	}, "--busy-reply-threshold", "200")
}

// TestLongScriptUnheard holds that a client that wants no reply gets none, however long its
// script takes.
func TestLongScriptUnheard(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c := dialScript(t, s)
		defer c.Close()
		for _, words := range [][]string{{"CLIENT", "REPLY", "OFF"}, {"MULTI"}, {"SET", "k", "1"}, {"EVAL", "while true do end", "0"}, {"EXEC"}} {
			if err := c.Send(asBytes(words...)); err != nil {
				t.Fatal(err)
			}
		}
		kill(t, s, "SCRIPT")
		wants(t, c, "+OK", "CLIENT", "REPLY", "ON")
		wants(t, c, `"1"`, "GET", "k")
	}, "--busy-reply-threshold", "200")
}

// TestLongScriptLeaves has a client hang up while its transaction is in the middle of a script:
// what it subscribes to behind that is given up, too.
func TestLongScriptLeaves(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c, other := dialScript(t, s), dialScript(t, s)
		defer other.Close()
		says(t, c, "HELLO", "3")
		wants(t, c, "+OK", "MULTI")
		for _, words := range [][]string{{"EVAL", "while true do end", "0"}, {"SUBSCRIBE", "ch"}, {"CLIENT", "TRACKING", "ON"}} {
			wants(t, c, "+QUEUED", words...)
		}
		if err := c.Send(asBytes("EXEC")); err != nil {
			t.Fatal(err)
		}
		for !strings.Contains(says(t, other, "GET", "k"), "BUSY") {
			time.Sleep(busyAfter / 10)
		}
		c.Close()
		time.Sleep(busyAfter / 2) // the server notices
		wants(t, other, "+OK", "SCRIPT", "KILL")
		if err := infoIs(s, "tracking_clients", 0); err != nil {
			t.Error(err)
		}
		wants(t, other, `["ch", 0]`, "PUBSUB", "NUMSUB", "ch")
		wants(t, other, "0", "PUBLISH", "ch", "x")
	}, "--busy-reply-threshold", "200")
}
