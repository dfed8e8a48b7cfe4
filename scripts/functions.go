package scripts

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"redust/resp"
)

// Functions. A library is a source whose first line names it; running it registers its
// functions, and these stay, with what they share among themselves, until the library is
// deleted:
//
//	#!lua name=mylib
//	local n = 0                                          the library's own
//	redis.register_function('f', function(keys, args)    FCALL f 1 key arg
//	   n = n + 1
//	   return redis.call('GET', keys[1])
//	end)
//
// All libraries live in one state, which is not the one of scripts. What one library keeps
// from another is what Lua keeps: locals. Globals and tables are read-only as for scripts.
//
// While a source is run there is but one global, a table redis that can register functions
// and write to the log; a library that keeps it in a local has no other later on. And it has
// half a second, since nobody else is served and no KILL heard meanwhile. What the server
// loads of its own accord (files) has all the time that it needs.
//
// The server keeps the sources, in the order in which they were loaded: they are what
// snapshots and FUNCTION DUMP hold. A load that fails changes nothing.

// libraries holds the libraries that were loaded.
type libraries struct {
	byName    map[string]*Library
	ordered   []*Library
	functions map[string]*Function // by name in lower case
	bytes     int
}

func newLibraries() *libraries {
	return &libraries{byName: make(map[string]*Library), functions: make(map[string]*Function)}
}

// Library is a library of functions.
type Library struct {
	Name, Source string
	Functions    []*Function
}

// Function is one function of a library.
type Function struct {
	Name, Doc string
	HasDoc    bool
	Flags     Flags
	fn        *lua.LFunction
	lib       *Library
}

// wrong is an error reply that needs no more than a text.
func wrong(text string) error { return &Failure{Text: "ERR " + text} }

// badName is the complaint about names of libraries, which Redis makes about functions too.
const badName = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"

func goodName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && c-'0' > 9 && c|0x20-'a' > 25 {
			return false
		}
	}
	return s != ""
}

// libraryName reads the first line of a library; body is what is to be compiled.
func libraryName(source string) (name, body string, err error) {
	if !strings.HasPrefix(source, "#!") {
		return "", "", wrong("Missing library metadata")
	}
	words, body, ok := shebangWords(source)
	if !ok || len(words) == 0 {
		return "", "", wrong("Invalid library metadata")
	}
	named := false
	for _, w := range words[1:] {
		v, ok := cutFold(w, "name=")
		if !ok {
			return "", "", wrong("Invalid metadata value given: " + w)
		}
		if named {
			return "", "", wrong("Invalid metadata value, name argument was given multiple times")
		}
		name, named = v, true
	}
	switch engine := words[0][2:]; {
	case !named:
		return "", "", wrong("Library name was not given")
	case !goodName(name):
		return "", "", wrong(badName)
	case !strings.EqualFold(engine, "lua"):
		return "", "", wrong("Engine '" + engine + "' not found")
	}
	return name, body, nil
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// LoadLibrary loads a library from its source, in the place of one of the same name if it
// may replace one, and returns its name. With limit its source has half a second to run.
func (e *Engine) LoadLibrary(source []byte, replace, limit bool) (string, error) {
	lib, err := e.loadInto(e.libs, source, replace, limit)
	if err != nil {
		return "", err
	}
	return lib.Name, nil
}

// loadInto is LoadLibrary for any set of libraries.
func (e *Engine) loadInto(l *libraries, source []byte, replace, limit bool) (*Library, error) {
	name, body, err := libraryName(string(source))
	if err != nil {
		return nil, err
	}
	old := l.byName[name]
	if old != nil && !replace {
		return nil, wrong("Library '" + name + "' already exists")
	}
	lib := &Library{Name: name, Source: string(source)}
	if err := e.runLibrary(lib, body, limit); err != nil {
		return nil, err
	}
	for _, f := range lib.Functions {
		if g := l.functions[strings.ToLower(f.Name)]; g != nil && g.lib != old {
			return nil, alreadyExists("Function", f.Name)
		}
	}
	if old != nil {
		l.remove(old)
	}
	l.add(lib)
	return lib, nil
}

func alreadyExists(what, name string) error { return wrong(what + " " + name + " already exists") }

// runLibrary compiles and runs the source of a library, which registers its functions.
func (e *Engine) runLibrary(lib *Library, body string, limit bool) error {
	proto, err := compileChunk(body, functionChunk)
	if err != nil {
		return wrong("Error compiling function: " + err.Error())
	}
	if e.functions == nil {
		e.functions = newState(e, functionChunk)
	}
	st := e.functions
	st.until = math.MaxInt64
	if limit {
		st.until = e.host.Clock() + loadLimitNs
	}
	e.loading = lib
	show := st.hideGlobals()
	err = st.load(st.L.NewFunctionFromProto(proto))
	show()
	e.loading, st.until = nil, 0
	if err != nil {
		return wrong("Error registering functions: " + err.Error())
	}
	if len(lib.Functions) == 0 {
		return wrong("No functions registered")
	}
	return nil
}

// loadLimitNs is for how long the source of a library may run.
const loadLimitNs = 500e6

// loadTimeout ends one that runs longer.
const loadTimeout = "FUNCTION LOAD timeout"

// hideGlobals leaves of the globals what a library may use while it is loaded; show brings
// them back. Functions see the one table, whichever of the two it holds.
func (s *state) hideGlobals() (show func()) {
	all := make(map[lua.LValue]lua.LValue)
	for k, v := s.env.Next(lua.LNil); k != lua.LNil; k, v = s.env.Next(k) {
		all[k] = v
	}
	for k := range all {
		s.env.RawSet(k, lua.LNil)
	}
	s.env.RawSetString("redis", s.loadTable)
	return func() {
		for k, v := range all {
			s.env.RawSet(k, v)
		}
	}
}

// load runs the source of a library. The error is the text alone.
func (s *state) load(fn *lua.LFunction) error {
	s.running, s.killed, s.line = true, "", 0
	s.g.fuel = fuelStep
	s.L.Push(fn)
	err := s.L.PCall(0, 0, s.handle)
	s.running = false
	if s.away {
		s.crash(err)
	}
	s.L.SetTop(0)
	if err == nil {
		return nil
	}
	s.line = 0 // where it was is not said
	return s.failure(err, "")
}

func (l *libraries) add(lib *Library) {
	l.byName[lib.Name] = lib
	l.ordered = append(l.ordered, lib)
	for _, f := range lib.Functions {
		// Of two names that differ in case alone the first is the one that is called.
		if low := strings.ToLower(f.Name); l.functions[low] == nil {
			l.functions[low] = f
		}
	}
	l.bytes += lib.memBytes()
}

func (l *libraries) remove(lib *Library) {
	delete(l.byName, lib.Name)
	for i := range l.ordered {
		if l.ordered[i] == lib {
			l.ordered = append(l.ordered[:i:i], l.ordered[i+1:]...)
			break
		}
	}
	for _, f := range lib.Functions {
		delete(l.functions, strings.ToLower(f.Name))
	}
	l.bytes -= lib.memBytes()
}

func (l *Library) memBytes() int {
	const library, function = 512, 256 // bytes
	return 2*len(l.Source) + library + function*len(l.Functions)
}

// DeleteLibrary deletes a library and tells whether there was one of that name.
func (e *Engine) DeleteLibrary(name []byte) bool {
	lib := e.libs.byName[string(name)]
	if lib == nil {
		return false
	}
	e.libs.remove(lib)
	return true
}

// FlushLibraries deletes all libraries and the state that they were in.
func (e *Engine) FlushLibraries() { e.libs, e.functions = newLibraries(), nil }

// Libraries lists the libraries in the order in which they were loaded.
func (e *Engine) Libraries() []*Library { return e.libs.ordered }

// RestoreLibraries loads several libraries, all or none of them. With flush those that are
// there go; with replace, those of the same names.
func (e *Engine) RestoreLibraries(sources [][]byte, flush, replace, limit bool) error {
	fresh := newLibraries()
	for _, src := range sources {
		if _, err := e.loadInto(fresh, src, false, limit); err != nil {
			return err
		}
	}
	if flush {
		e.libs = fresh
		return nil
	}
	for _, lib := range fresh.ordered {
		if e.libs.byName[lib.Name] != nil && !replace {
			return alreadyExists("Library", lib.Name)
		}
		for _, f := range lib.Functions {
			// Those of a library that goes are in nobody's way.
			if g := e.libs.functions[strings.ToLower(f.Name)]; g != nil && fresh.byName[g.lib.Name] == nil {
				return alreadyExists("Function", f.Name)
			}
		}
	}
	for _, lib := range fresh.ordered {
		if old := e.libs.byName[lib.Name]; old != nil {
			e.libs.remove(old)
		}
	}
	for _, lib := range fresh.ordered {
		e.libs.add(lib)
	}
	return nil
}

// Function finds a function by its name, case aside.
func (e *Engine) Function(name []byte) *Function {
	if f := e.libs.functions[string(name)]; f != nil {
		return f
	}
	return e.libs.functions[strings.ToLower(string(name))]
}

// CallFunction runs a function with its keys and arguments, and writes what it returns. An
// error is the function's, a *Failure; then nothing is written.
func (e *Engine) CallFunction(f *Function, keys, args [][]byte, out *resp.Writer) error {
	st := e.functions
	// Tables of its own: a library may keep them.
	return st.run(f.fn, f.Name, out, []lua.LValue{st.tableOf(keys), st.tableOf(args)})
}

func (s *state) tableOf(args [][]byte) *lua.LTable {
	t := s.L.CreateTable(len(args), 0)
	for i, a := range args {
		t.RawSetInt(i+1, lua.LString(a))
	}
	return t
}

// loading is the table redis while a library is loaded.
func (s *state) loadingTable() *lua.LTable {
	t := s.L.CreateTable(0, 8)
	s.add(t, map[string]lua.LGFunction{"register_function": s.registerFunction, "log": s.redisLog})
	s.addFacts(t)
	t.Metatable = s.lockG
	return t
}

// registerFunction is redis.register_function.
func (s *state) registerFunction(L *lua.LState) int {
	lib := s.e.loading
	if lib == nil {
		s.fail(L, "redis.register_function can only be called on FUNCTION LOAD command")
	}
	f := &Function{lib: lib}
	switch L.GetTop() {
	case 1:
		s.namedArguments(L, f)
	case 2:
		name, ok := textOf(L.Get(1))
		if !ok {
			s.fail(L, "first argument to redis.register_function must be a string")
		}
		f.Name = name
		if f.fn, ok = L.Get(2).(*lua.LFunction); !ok {
			s.fail(L, "second argument to redis.register_function must be a function")
		}
	default:
		s.fail(L, "wrong number of arguments to redis.register_function")
	}
	if !goodName(f.Name) {
		s.fail(L, badName)
	}
	for _, g := range lib.Functions {
		if g.Name == f.Name {
			s.fail(L, "Function already exists in the library")
		}
	}
	lib.Functions = append(lib.Functions, f)
	return 0
}

// textOf is a value as text, if it is one, or a number.
func textOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return string(appendNum(nil, float64(v))), true
	}
	return "", false
}

// namedArguments reads the one table of the other form.
func (s *state) namedArguments(L *lua.LState, f *Function) {
	t, ok := L.Get(1).(*lua.LTable)
	if !ok {
		s.fail(L, "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).")
	}
	named := false
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		key, ok := textOf(k)
		if !ok {
			s.fail(L, "named argument key given to redis.register_function is not a string")
		}
		switch strings.ToLower(key) {
		case "function_name":
			if f.Name, named = textOf(v); !named {
				s.fail(L, "function_name argument given to redis.register_function must be a string")
			}
		case "description":
			if f.Doc, f.HasDoc = textOf(v); !f.HasDoc {
				s.fail(L, "description argument given to redis.register_function must be a string")
			}
		case "callback":
			if f.fn, ok = v.(*lua.LFunction); !ok {
				s.fail(L, "callback argument given to redis.register_function must be a function")
			}
		case "flags":
			list, ok := v.(*lua.LTable)
			if !ok {
				s.fail(L, "flags argument to redis.register_function must be a table representing function flags")
			}
			for i := 1; list.RawGetInt(i) != lua.LNil; i++ {
				flag, _ := list.RawGetInt(i).(lua.LString)
				bit := parseFlag(strings.ToLower(string(flag)))
				if bit == 0 {
					s.fail(L, "unknown flag given")
				}
				f.Flags |= bit
			}
		default:
			s.fail(L, "unknown argument given to redis.register_function")
		}
	}
	switch {
	case !named:
		s.fail(L, "redis.register_function must get a function name argument")
	case f.fn == nil:
		s.fail(L, "redis.register_function must get a callback argument")
	}
}
