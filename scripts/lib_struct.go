package scripts

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// The library struct packs values into strings as C structures lie in memory, and takes
// them out again. Source of the format and its complaints: Roberto Ierusalimschy's struct
// 0.2, as it comes with Redis.
//
//	<  >  !n      little or big endian; align up to n bytes (8 without n)
//	x             a byte of padding
//	b B h H l L   integers of 1, 2 and 8 bytes, signed and unsigned; T as L
//	i I in In     integers of n bytes, 4 without n
//	f d           floating-point numbers of 4 and 8 bytes
//	s             a string and a zero byte
//	cn            n bytes of a string, 1 without n; c0 all of it, or as many as the number
//	              read before says

const (
	structMaxInt   = 32       // bytes of an integer
	structMaxAlign = 8        // bytes, for ! without a number
	structMaxBytes = 64 << 20 // of a result: fewer than any format needs that means well
)

// OpenStruct makes the library struct a global.
func OpenStruct(L *lua.LState) {
	L.SetGlobal("struct", L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"pack": structPack, "unpack": structUnpack, "size": structSize,
	}))
}

// structFormat walks over a format string.
type structFormat struct {
	L     *lua.LState
	s     string
	big   bool
	align int
}

func newStructFormat(L *lua.LState) structFormat {
	return structFormat{L: L, s: text(L, 1), align: 1}
}

// next takes an option and its size, and what is to be skipped at position pos to align it.
func (f *structFormat) next(pos int) (opt byte, size, skip int) {
	opt, f.s = f.s[0], f.s[1:]
	pay(f.L, 1)
	switch opt {
	case 'b', 'B', 'x':
		size = 1
	case 'h', 'H':
		size = 2
	case 'l', 'L', 'T', 'd':
		size = 8
	case 'f':
		size = 4
	case 'c':
		size = f.number(1)
	case 'i', 'I':
		if size = f.number(4); size > structMaxInt {
			raise(f.L, "integral size %d is larger than limit of %d", size, structMaxInt)
		}
	}
	if size > 0 && opt != 'c' {
		a := min(size, f.align)
		skip = (a - pos&(a-1)) & (a - 1)
	}
	return opt, size, skip
}

// number reads digits; without any it is otherwise.
func (f *structFormat) number(otherwise int) int {
	if f.s == "" || f.s[0]-'0' > 9 {
		return otherwise
	}
	n := 0
	for f.s != "" && f.s[0]-'0' <= 9 {
		if n > (math.MaxInt32-int(f.s[0]-'0'))/10 {
			raise(f.L, "integral size overflow")
		}
		n = n*10 + int(f.s[0]-'0')
		f.s = f.s[1:]
	}
	return n
}

// control obeys an option that says how, not what.
func (f *structFormat) control(opt byte) {
	switch opt {
	case ' ':
	case '>':
		f.big = true
	case '<':
		f.big = false
	case '!':
		a := f.number(structMaxAlign)
		if a <= 0 || a&(a-1) != 0 {
			raise(f.L, "alignment %d is not a power of 2", a)
		}
		f.align = a
	default:
		argError(f.L, 1, "invalid format option '"+string(opt)+"'")
	}
}

func structPack(L *lua.LState) int {
	f := newStructFormat(L)
	var b []byte
	arg := 1
	for f.s != "" {
		opt, size, skip := f.next(len(b))
		if len(b)+size+skip > structMaxBytes {
			raise(L, "struct: the result is larger than %d bytes", structMaxBytes)
		}
		b = append(b, make([]byte, skip)...)
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			arg++
			b = f.appendInt(b, f.numberArg(arg), size)
		case 'x':
			b = append(b, 0)
		case 'f':
			arg++
			b = f.appendBits(b, uint64(math.Float32bits(float32(f.numberArg(arg)))), 4)
		case 'd':
			arg++
			b = f.appendBits(b, math.Float64bits(f.numberArg(arg)), 8)
		case 's', 'c':
			arg++
			s := f.textArg(arg)
			if size == 0 {
				size = len(s)
			}
			if len(s) < size {
				argError(L, arg+1, "string too short") // the original counts on before it looks
			}
			b = append(b, s[:size]...)
			if opt == 's' {
				b = append(b, 0)
			}
		default:
			f.control(opt)
		}
	}
	L.Push(lua.LString(b))
	return 1
}

// numberArg reads a value to pack. What is missing at the end is nil to the original.
func (f *structFormat) numberArg(i int) float64 {
	f.there(i, "number")
	return number(f.L, i)
}

func (f *structFormat) textArg(i int) string {
	f.there(i, "string")
	return text(f.L, i)
}

func (f *structFormat) there(i int, want string) {
	if i > f.L.GetTop() {
		argError(f.L, i, want+" expected, got nil")
	}
}

// appendInt writes an integer of size bytes; what is beyond 64 bits is zero.
func (f *structFormat) appendInt(b []byte, n float64, size int) []byte {
	v := uint64(int64(n))
	switch {
	case n >= math.MaxInt64 && n < math.MaxUint64:
		v = uint64(n)
	case n >= math.MaxUint64:
		v = 0
	}
	return f.appendBits(b, v, size)
}

// appendBits writes the low bytes of v in the order that was asked for.
func (f *structFormat) appendBits(b []byte, v uint64, size int) []byte {
	for i := range size {
		at := i
		if f.big {
			at = size - 1 - i
		}
		if at < 8 {
			b = append(b, byte(v>>(8*at)))
		} else {
			b = append(b, 0)
		}
	}
	return b
}

// bits reads the low eight of size bytes.
func (f *structFormat) bits(s string) uint64 {
	var v uint64
	for i := range len(s) {
		at := len(s) - 1 - i
		if f.big {
			at = i
		}
		v = v<<8 | uint64(s[at])
	}
	return v
}

func structUnpack(L *lua.LState) int {
	f := newStructFormat(L)
	data := text(L, 2)
	pos := 0
	if L.GetTop() >= 3 {
		if pos = whole(L, 3, 1) - 1; pos == -1 {
			argError(L, 3, "offset must be 1 or greater")
		}
	}
	L.SetTop(0)
	for f.s != "" {
		opt, size, skip := f.next(pos)
		pos += skip
		if size > len(data) || uint64(pos) > uint64(len(data)-size) { // a negative one is beyond the end
			argError(L, 2, "data string too short")
		}
		if L.GetTop() >= maxResults {
			raise(L, "stack overflow (too many results)")
		}
		here := data[pos:]
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			v := f.bits(here[:size])
			if opt >= 'a' && size <= 8 {
				L.Push(lua.LNumber(int64(v<<(64-8*size)) >> (64 - 8*size)))
			} else if opt >= 'a' {
				L.Push(lua.LNumber(int64(v)))
			} else {
				L.Push(lua.LNumber(v))
			}
		case 'x':
		case 'f':
			L.Push(lua.LNumber(math.Float32frombits(uint32(f.bits(here[:4])))))
		case 'd':
			L.Push(lua.LNumber(math.Float64frombits(f.bits(here[:8]))))
		case 'c':
			if size == 0 {
				n, ok := L.Get(L.GetTop()).(lua.LNumber)
				if L.GetTop() == 0 || !ok {
					raise(L, "format 'c0' needs a previous size")
				}
				L.Pop(1)
				count := naturalNumber(float64(n))
				if count > uint64(len(here)) {
					argError(L, 2, "data string too short")
				}
				size = int(count)
			}
			L.Push(lua.LString(here[:size]))
		case 's':
			for size < len(here) && here[size] != 0 {
				size++
			}
			if size == len(here) {
				raise(L, "unfinished string in data")
			}
			L.Push(lua.LString(here[:size]))
			size++
		default:
			f.control(opt)
		}
		pos += size
	}
	L.Push(lua.LNumber(pos + 1))
	return L.GetTop()
}

// maxResults is how many values one call of a library may return.
const maxResults = 7000

func structSize(L *lua.LState) int {
	f := newStructFormat(L)
	pos := 0
	for f.s != "" {
		opt, size, skip := f.next(pos)
		switch {
		case opt == 's':
			argError(L, 1, "option 's' has no fixed size")
		case opt == 'c' && size == 0:
			argError(L, 1, "option 'c0' has no fixed size")
		case !isLetter(opt) && !isDigit(opt) || opt == '_': // a letter that is none of ours has no size
			f.control(opt)
		}
		pos += skip + size
	}
	L.Push(lua.LNumber(pos))
	return 1
}
