package scripts

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// redisTable makes the table redis, which is how scripts reach the server.
func (s *state) redisTable() *lua.LTable {
	L := s.L
	t := L.CreateTable(0, 32)
	s.g.call, s.g.pcall = L.NewFunction(s.redisCall), L.NewFunction(s.redisPcall)
	t.RawSetString("call", s.g.call)
	t.RawSetString("pcall", s.g.pcall)
	s.add(t, map[string]lua.LGFunction{
		"log": s.redisLog, "sha1hex": s.sha1Hex, "error_reply": s.errorReply, "status_reply": s.statusReply,
		"setresp": s.setResp, "set_repl": s.setRepl, "acl_check_cmd": s.aclCheckCmd,
		"replicate_commands": func(L *lua.LState) int { L.Push(lua.LTrue); return 1 },  // always so
		"breakpoint":         func(L *lua.LState) int { L.Push(lua.LFalse); return 1 }, // there is no debugger
		"debug":              func(*lua.LState) int { return 0 },
	})
	s.numbers(t, map[string]int{"REPL_NONE": replNone, "REPL_AOF": replAOF, "REPL_SLAVE": replReplicas, "REPL_REPLICA": replReplicas, "REPL_ALL": replAll})
	s.addFacts(t)
	return t
}

// addFacts adds what the table redis has while a library is loaded, too.
func (s *state) addFacts(t *lua.LTable) {
	s.numbers(t, map[string]int{"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3})
	version := s.e.host.Version()
	t.RawSetString("REDIS_VERSION", lua.LString(version))
	t.RawSetString("REDIS_VERSION_NUM", lua.LNumber(versionNumber(version)))
}

func (s *state) numbers(t *lua.LTable, named map[string]int) {
	for name, n := range named {
		t.RawSetString(name, lua.LNumber(n))
	}
}

// Where the effects of commands go, as scripts say it.
const (
	replNone     = 0
	replAOF      = 1
	replReplicas = 2
	replAll      = 3
)

// versionNumber is a version as 0x00MMmmpp.
func versionNumber(v string) int {
	n := 0
	for _, part := range strings.SplitN(v, ".", 3) {
		p, _ := strconv.Atoi(part) // what is no number is 0
		n = n<<8 | p
	}
	return n
}

func (s *state) redisLog(L *lua.LState) int {
	if L.GetTop() < 2 {
		s.fail(L, "redis.log() requires two arguments or more.")
	}
	n, ok := L.Get(1).(lua.LNumber)
	if !ok {
		s.fail(L, "First argument must be a number (log level).")
	}
	level := int(n)
	if level < 0 || level > 3 {
		s.fail(L, "Invalid debug level.")
	}
	var words []string
	for i := 2; i <= L.GetTop(); i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			words = append(words, string(v))
		case lua.LNumber:
			words = append(words, string(appendNum(nil, float64(v))))
		}
	}
	s.e.host.Log(level, strings.Join(words, " "))
	return 0
}

func (s *state) sha1Hex(L *lua.LState) int {
	if L.GetTop() != 1 {
		s.fail(L, "wrong number of arguments")
	}
	var of string
	if v := L.Get(1); lua.LVCanConvToString(v) {
		of = text(L, 1)
	}
	s.g.burn(L, len(of)/bytesPerFuel)
	sum := sha1.Sum([]byte(of))
	L.Push(lua.LString(hex.EncodeToString(sum[:])))
	return 1
}

// only is the single argument, text.
func only(L *lua.LState) (string, bool) {
	v, ok := L.Get(1).(lua.LString)
	return string(v), ok && L.GetTop() == 1
}

// errorReply makes an error of a text; a first word that stands before a blank is its code.
func (s *state) errorReply(L *lua.LState) int {
	text, ok := only(L)
	if !ok {
		text = "ERR wrong number or type of arguments"
	}
	text = strings.TrimPrefix(text, "-")
	if !strings.Contains(text, " ") {
		text = "ERR " + text
	}
	L.Push(errorTable(L, strings.TrimRight(text, "\r\n")))
	return 1
}

func (s *state) statusReply(L *lua.LState) int {
	text, ok := only(L)
	if !ok {
		L.Push(errorTable(L, "ERR wrong number or type of arguments"))
		return 1
	}
	t := L.CreateTable(0, 1)
	t.RawSetString("ok", lua.LString(text))
	L.Push(t)
	return 1
}

func (s *state) setResp(L *lua.LState) int {
	if L.GetTop() != 1 {
		s.fail(L, "redis.setresp() requires one argument.")
	}
	n, _ := L.Get(1).(lua.LNumber)
	if n != 2 && n != 3 {
		s.fail(L, "RESP version must be 2 or 3.")
	}
	s.proto = int(n)
	return 0
}

func (s *state) setRepl(L *lua.LState) int {
	if L.GetTop() != 1 {
		s.fail(L, "redis.set_repl() requires two arguments.")
	}
	flags := int(lua.LVAsNumber(L.Get(1))) // a text may be a number, too
	if flags&^replAll != 0 {
		s.fail(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	s.e.host.Propagate(flags&replAOF != 0, flags&replReplicas != 0)
	return 0
}

func (s *state) aclCheckCmd(L *lua.LState) int {
	if text := s.arguments(L); text != "" {
		return s.refuse(L, text, false, true)
	}
	may, known := s.e.host.MayCall(s.args)
	if !known {
		s.fail(L, "Invalid command passed to redis.acl_check_cmd()")
	}
	L.Push(lua.LBool(may))
	return 1
}

// osClock is the processor time that the run has taken; what counts is the difference of
// two of them.
func (s *state) osClock(L *lua.LState) int {
	L.Push(lua.LNumber(float64(s.e.host.Clock()) / 1e9))
	return 1
}
