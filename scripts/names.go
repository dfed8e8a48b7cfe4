package scripts

import (
	lua "github.com/yuin/gopher-lua"
)

// Lua says what a value that cannot be called or indexed is called in the source: "local
// 'a'", "field 'x'", "global 'f'". gopher-lua does not, but its functions carry what is
// needed: for each instruction the line, and for each register the local that lives there.
// An error tells the line, so the instruction is looked for there; the names it gives are
// wrong only if a line fails in one place and has the same words in another.

// at is the function in which an error was raised, and the line.
func (s *state) at(L *lua.LState) (*lua.FunctionProto, int) {
	for level := 0; level <= 2; level++ {
		dbg, ok := L.GetStack(level)
		if !ok {
			break
		}
		fn, err := L.GetInfo("fl", dbg, lua.LNil)
		if f, ok := fn.(*lua.LFunction); ok && err == nil && f.Proto != nil && dbg.CurrentLine > 0 {
			return f.Proto, dbg.CurrentLine
		}
	}
	return nil, 0
}

// indexed names what was indexed with a key on a line, or returns "".
func indexed(p *lua.FunctionProto, line int, key string) string {
	for pc, inst := range p.Code {
		if p.DbgSourcePositions[pc] != line {
			continue
		}
		switch int(inst >> 26) {
		case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
			if constant(p, argC(inst), key) {
				return register(p, pc, argB(inst))
			}
		case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
			if constant(p, argB(inst), key) {
				return register(p, pc, argA(inst))
			}
		}
	}
	return ""
}

// called names what the only call on a line calls, or returns "": of several it is not
// known which one failed.
func called(p *lua.FunctionProto, line int) string {
	name, calls := "", 0
	for pc, inst := range p.Code {
		if op := int(inst >> 26); p.DbgSourcePositions[pc] == line && (op == lua.OP_CALL || op == lua.OP_TAILCALL) {
			name = register(p, pc, argA(inst))
			calls++
		}
	}
	if calls != 1 {
		return ""
	}
	return name
}

// constants have this bit in an argument of an instruction.
const isConstant = 1 << 8

func constant(p *lua.FunctionProto, arg int, key string) bool {
	return arg&isConstant != 0 && p.Constants[arg&^isConstant].String() == key
}

// register names what is in a register before an instruction.
func register(p *lua.FunctionProto, pc, reg int) string {
	n := 0
	for _, l := range p.DbgLocals {
		if l.StartPc <= pc && pc < l.EndPc {
			if n == reg {
				return "local '" + l.Name + "'"
			}
			n++
		}
	}
	for at := pc - 1; at >= 0; at-- {
		inst := p.Code[at]
		if argA(inst) != reg {
			continue
		}
		text := func(i int) string {
			if i&isConstant == 0 {
				return "?"
			}
			return p.Constants[i&^isConstant].String()
		}
		switch int(inst >> 26) {
		case lua.OP_GETGLOBAL:
			return "global '" + p.Constants[inst&0x3ffff].String() + "'"
		case lua.OP_GETTABLE, lua.OP_GETTABLEKS:
			return "field '" + text(argC(inst)) + "'"
		case lua.OP_SELF:
			return "method '" + text(argC(inst)) + "'"
		case lua.OP_GETUPVAL:
			if i := argB(inst); i < len(p.DbgUpvalues) {
				return "upvalue '" + p.DbgUpvalues[i] + "'"
			}
		case lua.OP_MOVE:
			return register(p, at, argB(inst))
		}
		return ""
	}
	return ""
}
