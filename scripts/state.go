package scripts

import (
	"runtime/debug"

	lua "github.com/yuin/gopher-lua"

	"redust/resp"
)

// state is an interpreter with the sandbox around it, and the buffers that a run needs.
type state struct {
	e         *Engine
	L         *lua.LState
	g         *global
	chunk     string // what scripts are called in errors
	env       *lua.LTable
	lock      *lua.LTable // metatable of what is read-only
	lockG     *lua.LTable // and of the globals, which complain about names that are not there
	keys      list
	argv      list
	handle    *lua.LFunction // of errors
	loadTable *lua.LTable    // redis, while a library is loaded

	// Of the run at hand.
	running   bool
	killed    string
	until     int64  // when the load of a library must be over, monotonic nanoseconds; 0: no load
	proto     int    // of replies to commands, and of the values that have a type in RESP3 alone
	source    string // where the error came from
	line      int
	pcalls    int    // of pcall and xpcall that are open
	away      bool   // a command is being run
	replyFrom int    // where the reply begins in the writer, bytes
	values    int    // that are in it by now
	stack     []byte // of the panic in it

	args [][]byte // of the command at hand
	buf  []byte   // that they point into
	text []byte
}

// Names of scripts in errors, and sizes of a state.
const (
	evalChunk     = "user_script"
	functionChunk = "user_function"
	loadChunk     = "user_function"
	registrySize  = 1 << 10  // values that the stack holds at first
	registryMax   = 1 << 20  // and at most
	registryStep  = 1 << 12  // by which it grows
	stateBytes    = 96 << 10 // about what a state takes
)

// newState makes a state with its libraries; chunk tells scripts from functions.
func newState(e *Engine, chunk string) *state {
	s := &state{e: e, chunk: chunk, proto: 2}
	s.L = lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: depth, MinimizeStackMemory: true,
		RegistrySize: registrySize, RegistryMaxSize: registryMax, RegistryGrowStep: registryStep})
	s.g = &global{Global: *s.L.G, s: s, fuel: fuelStep}
	s.L.G = &s.g.Global
	s.handle = s.L.NewFunction(s.located)
	s.openLibraries()
	if chunk == functionChunk {
		s.loadTable = s.loadingTable()
	}
	return s
}

// list is the table KEYS or ARGV of scripts.
type list struct {
	t    *lua.LTable
	name string
	was  []lua.LValue // its values in the run before
}

// fill sets KEYS and ARGV.
func (s *state) fill(c *Call) {
	s.keys.fill(s, c.Keys)
	s.argv.fill(s, c.Args)
}

func (l *list) fill(s *state, args [][]byte) {
	if l.t == nil {
		l.t = s.L.CreateTable(len(args), 0)
		s.env.RawSetString(l.name, l.t)
	}
	const keep = 64   // values that are remembered
	const large = 256 // bytes, of one
	for i, a := range args {
		if i < len(l.was) && string(a) == string(l.was[i].(lua.LString)) {
			l.t.RawSetInt(i+1, l.was[i])
			continue
		}
		v := lua.LValue(lua.LString(a))
		l.t.RawSetInt(i+1, v)
		switch {
		case len(a) > large:
			l.was = l.was[:min(i, len(l.was))]
		case i < len(l.was):
			l.was[i] = v
		case i == len(l.was) && i < keep:
			l.was = append(l.was, v)
		}
	}
}

// empty takes out what a run has left in the table; n is how many values it was given.
func (l *list) empty(s *state) {
	if l.t == nil {
		return
	}
	const keep = 1024 // places
	n := l.t.MaxN()
	if n > keep || l.t.Metatable != lua.LNil {
		l.t = nil
		return
	}
	for ; n > 0; n-- {
		l.t.Remove(n)
	}
	if k, _ := l.t.Next(lua.LNil); k != lua.LNil {
		l.t = nil // it has been given fields
	}
}

// run calls a function and writes what it returns; name is the script's in errors.
func (s *state) run(fn *lua.LFunction, name string, out *resp.Writer, args []lua.LValue) error {
	L := s.L
	s.running, s.killed, s.proto, s.line, s.source, s.pcalls = true, "", 2, 0, "", 0
	s.g.fuel = fuelStep
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	err := L.PCall(len(args), 1, s.handle)
	if s.away {
		s.crash(err)
	}
	if err == nil {
		mark := out.Mark()
		s.replyFrom, s.values = len(out.B), 0
		if text := s.convert(out, L.Get(-1), 0); text != nil {
			out.Truncate(mark)
			err = text
		} else if s.tooLong(out) {
			out.Truncate(mark)
			err = &Failure{Text: "ERR the reply of the script is too long"}
		}
	} else {
		err = s.failure(err, name)
	}
	L.SetTop(0)
	s.running = false
	s.keys.empty(s)
	s.argv.empty(s)
	return err
}

// crash passes a panic on that came from a command and not from Lua: gopher-lua catches
// them all. The state is of no use any more.
func (s *state) crash(err error) {
	text := "a panic that the script has caught"
	if err != nil {
		text = err.Error()
	}
	panic("in a script: " + text + "\n" + string(s.stack))
}

// command runs the command in args.
func (s *state) command() (reply []byte, refusal string) {
	if s.away {
		s.crash(nil)
	}
	s.away = true
	defer func() {
		if s.away {
			s.stack = debug.Stack()
		}
	}()
	reply, refusal = s.e.host.Command(s.args, s.proto)
	s.away = false
	return reply, refusal
}
