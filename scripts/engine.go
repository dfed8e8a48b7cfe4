// Package scripts runs what clients send as programs: Lua scripts (EVAL) and libraries of
// functions (FUNCTION, FCALL), on gopher-lua.
//
// Redis's interpreter is C and costs next to nothing to enter; gopher-lua, used as its
// manual says, costs several microseconds and nine kilobytes a call before the script has
// done anything. Most scripts are three lines around two commands, so what counts is how
// little happens between the request and the first command:
//
//	EVALSHA --> Engine.Find --> Script --------------------+   compiled once
//	                                                       v
//	state: one LState, kept       KEYS, ARGV: two tables, filled anew   (state.go)
//	                                                       v
//	redis.call --> arguments into one buffer --> Host.Command --> reply --> value
//	  (call.go)                                                  (reply.go)
//	                                                       v
//	the result --> resp.Writer                              (convert.go)
//
// A call of GET makes three small allocations: the value's text and two headers. A value of
// KEYS or ARGV that is the one it was in the run before is not made again, which is what
// most of them are.
//
// # One state
//
// One script runs at a time, as commands do, so there is one state for all of them and one
// for all functions. Nothing that a script does outlives its run: globals and libraries are
// read-only, and KEYS and ARGV are emptied. A state in which something went wrong that
// should not (a panic that is not Lua's) is never used again: the panic goes on to whoever
// called.
//
// # The loop is watched at its back edges
//
// A script that does not end must not make the server deaf, nor may a watch cost anything
// per instruction. watch.go puts a count-down in front of the instructions that can close a
// loop, and of the calls; when it is at zero the Host is asked whether the script may go on.
// slices.go is how the executor takes a rest in the middle of a script.
//
// # What differs from Lua in C
//
// Numbers become text as in C ("%.14g"); errors that the interpreter raises are put into
// Lua 5.1's words as far as the cause is known (errors.go). A loop of additions takes some
// ten times longer than in Redis: gopher-lua interprets through a table of functions.
package scripts

import (
	"crypto/sha1"
	"encoding/hex"

	lua "github.com/yuin/gopher-lua"

	"redust/resp"
)

// Host is what scripts need of the server around them.
type Host interface {
	// Command runs one command for the script at hand; args are borrowed. The reply, in
	// a version of the protocol, is borrowed until the next command. If the command is
	// refused the reason is returned.
	Command(args [][]byte, proto int) (reply []byte, refusal string)
	// Pace is called every so often while Lua runs, and reports that the script must
	// end: why.
	Pace() (killed string)
	// Log writes a line of a script's; level is one of redis.LOG_DEBUG to LOG_WARNING.
	Log(level int, text string)
	// MayCall tells whether the user may run a command, and whether there is such a one.
	MayCall(args [][]byte) (may, known bool)
	// Propagate says what becomes of the effects of the commands to come.
	Propagate(aof, replicas bool)
	// Clock is monotonic, nanoseconds.
	Clock() int64
	// Version is the version of Redis that the server answers for.
	Version() string
}

// Engine compiles and runs scripts and functions. It belongs to the executor.
type Engine struct {
	host  Host
	eval  *state
	cache cache
	last  *Script // found or run last

	libs      *libraries
	functions *state   // that libraries are in
	loading   *Library // whose source is being run

	rnd      random
	wordings []wording
}

// New returns an engine without any scripts. States are made when they are first needed.
func New(host Host) *Engine {
	e := &Engine{host: host, rnd: unseeded, libs: newLibraries()}
	e.cache.reset()
	return e
}

// Script is a compiled script. It is constant but for its place in the cache.
type Script struct {
	SHA    string // 40 hexadecimal digits, lower case
	Source string
	Flags  Flags

	proto      *lua.FunctionProto
	fn         *lua.LFunction // in the state that last ran it
	of         *state
	pinned     bool // by SCRIPT LOAD
	prev, next *Script
}

// Failure is the error reply of a script.
type Failure struct {
	Text string
	// Counted says that a command in the script has had the error counted.
	Counted bool
}

func (f *Failure) Error() string { return f.Text }

// Call is one run of a script.
type Call struct {
	Keys, Args [][]byte // borrowed until the first command of the script is run
	Out        *resp.Writer
}

// Eval returns the script of a source, compiled if it is new.
func (e *Engine) Eval(source []byte) (*Script, error) {
	s := e.last
	if s == nil || s.Source != string(source) {
		var err error
		if s, err = e.load(source, false); err != nil {
			return nil, err
		}
	}
	e.used(s)
	return s, nil
}

// Load compiles a source and keeps it until Flush.
func (e *Engine) Load(source []byte) (*Script, error) { return e.load(source, true) }

// Find returns the script of a SHA1 in hexadecimal digits, or nil.
func (e *Engine) Find(sha []byte) *Script {
	s := e.last
	if s == nil || s.SHA != string(sha) {
		if s = e.cache.find(sha); s == nil {
			return nil
		}
	}
	e.used(s)
	return s
}

// Declared returns the flags of the script of a source, without compiling it. NoShebang is
// also what a first line has that makes no sense.
func (e *Engine) Declared(source []byte) Flags {
	if len(source) < 2 || source[0] != '#' || source[1] != '!' {
		return NoShebang
	}
	if s := e.last; s != nil && s.Source == string(source) {
		return s.Flags
	}
	_, flags, err := shebang(string(source))
	if err != nil {
		return NoShebang
	}
	return flags
}

// DeclaredBy returns the flags of the script of a SHA1, NoShebang if there is none.
func (e *Engine) DeclaredBy(sha []byte) Flags {
	s := e.last
	if s == nil || s.SHA != string(sha) {
		if s = e.cache.find(sha); s == nil {
			return NoShebang
		}
	}
	return s.Flags
}

func (e *Engine) used(s *Script) {
	if s != e.last {
		e.cache.use(s)
		e.last = s
	}
}

func (e *Engine) load(source []byte, pin bool) (*Script, error) {
	sum := sha1.Sum(source)
	var digits [2 * sha1.Size]byte
	hex.Encode(digits[:], sum[:])
	if s := e.cache.find(digits[:]); s != nil {
		if pin {
			e.cache.pin(s)
		}
		return s, nil
	}
	s := &Script{SHA: string(digits[:]), Source: string(source), pinned: pin}
	body, flags, err := shebang(s.Source)
	if err != nil {
		return nil, err
	}
	s.Flags = flags
	if s.proto, err = compileChunk(body, evalChunk); err != nil {
		return nil, &Failure{Text: "ERR Error compiling script (new function): " + err.Error()}
	}
	e.cache.add(s)
	return s, nil
}

// Exists tells whether a script is in the cache; it does not count as a use.
func (e *Engine) Exists(sha []byte) bool { return e.cache.find(sha) != nil }

// Show returns the script of a SHA1 without counting it as used, or nil.
func (e *Engine) Show(sha []byte) *Script { return e.cache.find(sha) }

// Flush forgets all scripts and the state that they ran in.
func (e *Engine) Flush() {
	e.cache.reset()
	e.eval, e.last = nil, nil
}

// Run runs a script and writes what it returns. An error is the script's, a *Failure; then
// nothing is written.
func (e *Engine) Run(s *Script, c *Call) error {
	if e.eval == nil {
		e.eval = newState(e, evalChunk)
	}
	st := e.eval
	if s.of != st {
		s.fn, s.of = st.L.NewFunctionFromProto(s.proto), st
	}
	st.fill(c)
	return st.run(s.fn, s.SHA, c.Out, nil)
}

// Facts are figures for INFO.
type Facts struct {
	Scripts, Evicted         int
	ScriptBytes              int // the sources and what was made of them
	Libraries, Functions     int
	LibraryBytes             int
	EvalBytes, FunctionBytes int // the two states
}

// Facts returns the figures for INFO.
func (e *Engine) Facts() Facts {
	f := Facts{Scripts: len(e.cache.byName), Evicted: e.cache.evicted, ScriptBytes: e.cache.bytes,
		Libraries: len(e.libs.ordered), LibraryBytes: e.libs.bytes}
	for _, lib := range e.libs.ordered {
		f.Functions += len(lib.Functions)
	}
	if e.eval != nil {
		f.EvalBytes = stateBytes
	}
	if e.functions != nil {
		f.FunctionBytes = stateBytes
	}
	return f
}
