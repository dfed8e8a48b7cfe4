package scripts

import lua "github.com/yuin/gopher-lua"

// libraries holds the functions that were loaded.
type libraries struct {
	byName    map[string]*Library
	functions map[string]*Function
	state     *state
	bytes     int
}

func (l *libraries) reset() {
	*l = libraries{byName: make(map[string]*Library), functions: make(map[string]*Function)}
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
	Library   *Library
	fn        *lua.LFunction
}

func (s *state) registerFunction(L *lua.LState) int { return 0 }
