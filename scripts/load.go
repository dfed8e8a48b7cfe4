package scripts

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// loadstring and load, which compile while a script runs: through the same door as scripts
// themselves, since gopher-lua's own would take sources that nest without end.

// loadString returns a function, or nil and what is wrong with the source.
func (s *state) loadString(L *lua.LState) int {
	source := text(L, 1)
	name := source
	if L.GetTop() > 1 {
		name = text(L, 2)
	}
	return s.loaded(L, source, name)
}

// loadPieces is load: loadString for a source that a function gives in pieces.
func (s *state) loadPieces(L *lua.LState) int {
	f, ok := L.Get(1).(*lua.LFunction)
	if !ok {
		wrongType(L, 1, "function")
	}
	name := "=(load)"
	if L.GetTop() > 1 {
		name = text(L, 2)
	}
	var source strings.Builder
	for {
		L.Push(f)
		L.Call(0, 1)
		piece := L.Get(-1)
		L.Pop(1)
		p, isText := piece.(lua.LString)
		s.g.burn(L, 1+len(p)/bytesPerFuel)
		if !isText && piece != lua.LNil {
			raise(L, "reader function must return a string")
		}
		if p == "" {
			return s.loaded(L, source.String(), name)
		}
		if source.WriteString(string(p)); source.Len() > longest {
			raise(L, "the source is too long")
		}
	}
}

func (s *state) loaded(L *lua.LState, source, name string) int {
	s.g.burn(L, len(source)/8)
	proto, err := compile(source, chunkID(name))
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	L.Push(L.NewFunctionFromProto(proto))
	return 1
}

// chunkID is how a chunk is called in errors: by its name if that begins with = or @, else
// by its first line.
func chunkID(name string) string {
	if name != "" && (name[0] == '=' || name[0] == '@') {
		return name[1:min(len(name), 60)]
	}
	const room = 60 - len(`[string "..."]`) - 1
	line, _, cut := strings.Cut(name, "\n")
	if len(line) > room {
		line, cut = line[:room], true
	}
	if cut {
		line += "..."
	}
	return `[string "` + line + `"]`
}
