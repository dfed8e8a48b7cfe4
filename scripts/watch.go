package scripts

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Watching the interpreter. gopher-lua can be given a context, and then looks at it before
// every instruction through a select: a loop takes twice the time. But it runs each
// instruction through a table of functions, and a script that runs for ever goes through a
// backward jump, the end of a for loop, or a call again and again. So these entries of the
// table, and no others, get a function in front that counts down:
//
//	jumpTable   ADD   LOADK   JMP      FORLOOP   CALL     CONCAT     ...
//	             |      |      |          |        |        |
//	             |      |    count      count    count    count by its length
//	             v      v      v          v        v        v
//	               gopher-lua's own functions            (ours)
//
// That costs a nanosecond a turn of a loop, and nothing otherwise. The table is not
// exported; the linker joins us to it. What stands on it: the version in go.mod, and
// TestWatch, which fails should the table come to mean something else.
//
// The counter lies in global, of which gopher-lua sees the first part alone: LState.G
// points to it, and all coroutines of a state share it. A state of somebody else's is told by
// its depth, which nobody else asks for.
//
// Some entries are here for another reason: they hold what Redis promises of tables that
// are read-only, which a metatable cannot (an assignment to a key that is there asks no
// metatable), and how numbers look when they become text.

//go:linkname jumpTable github.com/yuin/gopher-lua.jumpTable
var jumpTable [lua.OP_NOP + 1]instruction

// instruction runs one; the last argument is a frame.
type instruction func(*lua.LState, uint32, unsafe.Pointer) int

// global is what all coroutines of a state share.
type global struct {
	lua.Global
	fuel    int // turns and calls left until the host is asked
	discard bool
	call    *lua.LFunction // redis.call
	pcall   *lua.LFunction
	s       *state
}

const (
	// depth is how many calls may be open in Lua, and marks our states.
	depth = 19_997
	// fuelStep is how many turns and calls are between two looks at the clock: some
	// twenty to a hundred microseconds.
	fuelStep = 1000
	// bytesPerFuel is how many bytes of new text cost as much as a turn.
	bytesPerFuel = 256
	// longest is how long a text may become, bytes.
	longest = 512 << 20
)

func globalOf(L *lua.LState) *global {
	if L.Options.CallStackSize != depth {
		return nil
	}
	return (*global)(unsafe.Pointer(L.G))
}

// burn takes from the fuel, and asks the host each time it is used up: who has much to do in
// one go is asked about as often as a loop would be.
func (g *global) burn(L *lua.LState, n int) {
	for g.fuel -= n; g.fuel <= 0; {
		g.s.pace(L)
	}
}

// pace asks the host whether the script may go on.
func (s *state) pace(L *lua.LState) {
	s.g.fuel += fuelStep
	if !s.running {
		return
	}
	switch {
	case s.killed != "":
	case s.until == 0:
		s.killed = s.e.host.Pace()
	case s.e.host.Clock() > s.until:
		s.killed = loadTimeout
	}
	if s.killed != "" {
		s.g.fuel = 0 // whoever catches this gets no further than to its next turn
		s.fail(L, s.killed)
	}
}

// The fields of an instruction.
func argA(inst uint32) int { return int(inst>>18) & 0xff }
func argB(inst uint32) int { return int(inst) & 0x1ff }
func argC(inst uint32) int { return int(inst>>9) & 0x1ff }

// jumpBack is below which the distance of a jump is negative.
const jumpBack = 1<<17 - 1

func init() {
	jmp := jumpTable[lua.OP_JMP]
	jumpTable[lua.OP_JMP] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if inst&0x3ffff < jumpBack {
			if g := globalOf(L); g != nil {
				if g.fuel--; g.fuel <= 0 {
					g.s.pace(L)
				}
			}
		}
		return jmp(L, inst, f)
	}
	for _, op := range []int{lua.OP_FORLOOP, lua.OP_TFORLOOP, lua.OP_TAILCALL} {
		run := jumpTable[op]
		jumpTable[op] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
			if g := globalOf(L); g != nil {
				if g.fuel--; g.fuel <= 0 {
					g.s.pace(L)
				}
			}
			return run(L, inst, f)
		}
	}
	call := jumpTable[lua.OP_CALL]
	jumpTable[lua.OP_CALL] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if g := globalOf(L); g != nil {
			if g.fuel--; g.fuel <= 0 {
				g.s.pace(L)
			}
			if argC(inst) == 1 { // as a statement: nobody looks at the result
				fn, ok := L.Get(argA(inst) + 1).(*lua.LFunction)
				g.discard = ok && (fn == g.call || fn == g.pcall)
			}
		}
		return call(L, inst, f)
	}
	setKey := jumpTable[lua.OP_SETTABLEKS]
	jumpTable[lua.OP_SETTABLEKS] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if g := globalOf(L); g != nil {
			if t, ok := L.Get(argA(inst) + 1).(*lua.LTable); ok && t.Metatable != lua.LNil && g.s.locked(t) {
				L.RaiseError(readOnly)
			}
		}
		return setKey(L, inst, f)
	}
	setAny := jumpTable[lua.OP_SETTABLE]
	jumpTable[lua.OP_SETTABLE] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if g := globalOf(L); g != nil {
			if t, ok := L.Get(argA(inst) + 1).(*lua.LTable); ok {
				if t.Metatable != lua.LNil && g.s.locked(t) {
					L.RaiseError(readOnly)
				}
				if k, ok := sparseKey(L, argB(inst)); ok && g.s.assign(L, t, k, operandOf(L, argC(inst))) {
					return 0
				}
			}
		}
		return setAny(L, inst, f)
	}
	getAny := jumpTable[lua.OP_GETTABLE]
	jumpTable[lua.OP_GETTABLE] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if k, ok := sparseKey(L, argC(inst)); ok && globalOf(L) != nil {
			if t, ok := L.Get(argB(inst) + 1).(*lua.LTable); ok {
				if v := find(t, k); v != lua.LNil {
					if L.GetTop() <= argA(inst) {
						L.SetTop(argA(inst) + 1) // after a call it is below what may be written
					}
					L.Replace(argA(inst)+1, v)
					return 0
				}
			}
		}
		return getAny(L, inst, f)
	}
	setList := jumpTable[lua.OP_SETLIST]
	jumpTable[lua.OP_SETLIST] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		t, ok := L.Get(argA(inst) + 1).(*lua.LTable)
		run := setList(L, inst, f)
		if ok {
			overrule(t)
		}
		return run
	}
	setGlobal := jumpTable[lua.OP_SETGLOBAL]
	jumpTable[lua.OP_SETGLOBAL] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if g := globalOf(L); g != nil {
			if t, ok := L.Get(lua.EnvironIndex).(*lua.LTable); ok && g.s.locked(t) {
				L.RaiseError(readOnly)
			}
		}
		return setGlobal(L, inst, f)
	}
	concat := jumpTable[lua.OP_CONCAT]
	jumpTable[lua.OP_CONCAT] = func(L *lua.LState, inst uint32, f unsafe.Pointer) int {
		if g := globalOf(L); g != nil && g.concat(L, argA(inst)+1, argB(inst)+1, argC(inst)+1) {
			return 0
		}
		return concat(L, inst, f)
	}
}

// concat joins the registers from b to c in register a, if all of them are text or numbers.
func (g *global) concat(L *lua.LState, a, b, c int) bool {
	s := g.s
	buf := s.text[:0]
	for i := b; i <= c; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			if len(buf)+len(v) > longest {
				L.RaiseError("string length overflow")
			}
			buf = append(buf, v...)
		case lua.LNumber:
			buf = appendNum(buf, float64(v))
		default:
			return false
		}
	}
	L.Replace(a, lua.LString(buf))
	n := len(buf)
	s.keepText(buf)
	g.burn(L, n/bytesPerFuel)
	return true
}

// keepText keeps a buffer for the next text that is put together.
func (s *state) keepText(buf []byte) {
	const keep = 64 << 10 // bytes
	if cap(buf) <= keep {
		s.text = buf[:0]
	}
}
