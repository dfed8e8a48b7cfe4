package scripts

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// gen makes calls of library functions out of a seed: what a hostile script would try, and
// what lies just beside it. Its calls are Lua expressions.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 1))} }

// call is one call; family is the place of a library in families.
func (g gen) call(family int) string { return families[family].make(g) }

// families are what calls are made of.
var families = []struct {
	name string
	make func(gen) string
}{
	{"pattern", gen.pattern}, {"format", gen.format}, {"number", gen.numbers}, {"string", gen.strings},
	{"table", gen.tables}, {"math", gen.math}, {"decode", gen.decode}, {"encode", gen.encode},
	{"pack", gen.pack}, {"unpack", gen.unpack}, {"struct", gen.structs}, {"bit", gen.bits},
}

func (g gen) pick(words ...string) string { return words[g.IntN(len(words))] }

// words are space-separated.
func (g gen) of(words string) string { return g.pick(strings.Fields(words)...) }

func (g gen) bytes(alphabet string, most int) string {
	b := make([]byte, g.IntN(most+1))
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

// spoiled is a text with a few bytes changed.
func (g gen) spoiled(s string, alphabet string) string {
	for range g.IntN(3) {
		at := g.IntN(len(s) + 1)
		c := alphabet[g.IntN(len(alphabet))]
		switch g.IntN(3) {
		case 0:
			s = s[:at] + string([]byte{c}) + s[at:]
		case 1:
			s = s[:at] + s[min(at+1, len(s)):]
		default:
			s = s[:at]
		}
	}
	return s
}

// quoted is a text as Lua's source has it.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		if c := s[i]; c == ' ' || c-'0' < 10 || c|0x20-'a' < 26 || strings.IndexByte("%()[]{}^$.*+-?,:_/#<>=!\"", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	return b.String() + "'"
}

// number is one in Lua's source.
func (g gen) number() string {
	switch g.IntN(4) {
	case 0:
		return strconv.Itoa(g.IntN(20) - 6)
	case 1:
		return g.of("0 0.5 1.5 2.5 -0.5 -1.5 1e15 1e14 -1e14 99999999999999 123456789012345 1e100 1e-100 1/3 1e300 -1e300 " +
			"2^31 2^31-1 -2^31 2^32 2^32-1 2^52 2^53 2^53+1 -2^53 2^62 2^63 -2^63 2^63-1024 2^64 2^64+4096 1/0 -1/0 127 128 255 256 65535 65536 " +
			"-32 -33 -128 -129 -32768 -32769 1e9 0.1 1e-5 1e-4 1e5 100000 1e6 1e21 5e-324 1.7976931348623157e308 4294967295.5 0.1+0.2")
	case 2:
		return strconv.FormatFloat(g.NormFloat64()*100, 'g', -1, 64)
	}
	return strconv.Itoa(int(g.NormFloat64() * float64(int64(1)<<g.IntN(63))))
}

// value is any of Lua's, mostly no table.
func (g gen) value() string {
	switch g.IntN(8) {
	case 0:
		return g.of("nil true false {} {1} print")
	case 1, 2:
		return quoted(g.bytes("ab c1%", 6))
	case 3:
		return quoted(g.of("10 0x10 -5 1e3 x 0 1.5"))
	}
	return g.number()
}

// index is an argument that says where.
func (g gen) index() string {
	if g.IntN(12) == 0 {
		return g.value()
	}
	return g.pick(strconv.Itoa(g.IntN(14)-5), strconv.Itoa(g.IntN(8)), g.of("1.5 -1.5 2.9 '2' 0 1e10 -1e10 2^31 -2^31 2^40"))
}

// indices are up to most of them, each behind a comma.
func (g gen) indices(most int) string {
	s := ""
	for range g.IntN(most + 1) {
		s += ", " + g.index()
	}
	return s
}

const patternBytes = "%()[]^$*+-?.bfabc1209wAsl\x00"

func (g gen) patternText() string {
	s := ""
	if g.IntN(5) == 0 {
		s = "^"
	}
	open := 0
	for range g.IntN(6) {
		switch g.IntN(12) {
		case 0:
			s += "("
			open++
		case 1:
			s += "()"
		case 2:
			s += g.of("%b() %bab %baa %f[%w] %f[^a] %f[%z] %1 %2 %0")
		default:
			s += g.of("a b c . %a %d %s %w %W %p %x %l %u %c %z %% %. [abc] [^a] [a-c] [%a_] []] [^]] [a-] [%d-c] [a-%d] [^%s]")
			s += g.pick("", "", "", "*", "+", "-", "?")
		}
		if open > 0 && g.IntN(3) == 0 {
			s += ")"
			open--
		}
	}
	s += strings.Repeat(")", open)
	if g.IntN(6) == 0 {
		s += "$"
	}
	if g.IntN(3) == 0 {
		s = g.spoiled(s, patternBytes)
	}
	return s
}

func (g gen) pattern() string {
	text := quoted(g.bytes("aaabbc ()1_.\x00\xff", 14))
	pattern := quoted(g.patternText())
	switch g.IntN(6) {
	case 0:
		return "string.find(" + text + ", " + pattern + g.indices(1) + ")"
	case 1:
		return "string.find(" + text + ", " + pattern + ", " + g.index() + ", " + g.of("true false nil 1") + ")"
	case 2:
		return "string.match(" + text + ", " + pattern + g.indices(1) + ")"
	case 3:
		return "(function() local t = {} for a, b, c in string.gmatch(" + text + ", " + pattern + ") do t[#t + 1] = a t[#t + 1] = b or '-' t[#t + 1] = c or '-' end return t end)()"
	}
	repl := quoted(g.bytes("ab%%%012x", 5))
	switch g.IntN(4) {
	case 0:
		repl = g.of("{} {a='x',b=1,[1]=2} {a=false} {a=true} {a={}} setmetatable({},{__index=string.upper}) 12 nil true 1.5")
	case 1:
		repl = g.pick("function(a, b) return b or a end", "string.upper", "function() end", "function() return false end",
			"function(...) return select('#', ...) end", "function() return {} end", "function() return true end", "function(a) return a, 'z' end")
	}
	return "string.gsub(" + text + ", " + pattern + ", " + repl + g.indices(1) + ")"
}

func (g gen) format() string {
	f, args := "", ""
	for range 1 + g.IntN(3) {
		f += g.bytes("ab %", 1) + "%" + g.bytes("-+ #0", 2)
		if g.IntN(2) == 0 {
			f += strconv.Itoa(g.IntN(24))
		}
		if g.IntN(2) == 0 {
			f += "." + g.pick("", strconv.Itoa(g.IntN(24)))
		}
		f += g.of("c d i o u x X e E f g G q s s d f g x")
		if g.IntN(12) > 0 {
			args += ", " + g.value()
		}
	}
	if g.IntN(6) == 0 {
		f = g.spoiled(f, "%.-+ #0123dsxqaAnpl*")
	}
	return "string.format(" + quoted(f) + args + ")"
}

func (g gen) numbers() string {
	digits := g.pick("", "-", "+", " ", "- ") + g.pick("", "0x", "0X", "0", "", "") + g.bytes("0123456789abcdefzg.eE-+p_ ", 8) + g.pick("", "", " ", "\n", "e5", "\x00")
	if g.IntN(3) == 0 {
		digits = g.pick("inf", "nan", "-inf", "infinity", "NaN", "nan(1)", "1e400", "-1e400", "1e-400", "0x1p4", "0x.8", "0x8.", "0x1.8p1", "18446744073709551616", "0xffffffffffffffffff", ".5", "5.", ".", "1e", "1e+", "0x", "", " ", "1 2", "\t1\v", "1_0", "0b1")
	}
	switch g.IntN(5) {
	case 0:
		return "tonumber(" + quoted(digits) + ")"
	case 1:
		return "tonumber(" + quoted(digits) + ", " + g.pick(g.index(), g.of("2 3 8 10 16 16 36 37 1 0")) + ")"
	case 2:
		return "tonumber(" + g.value() + g.indices(1) + ")"
	case 3:
		return "tostring(" + g.number() + "), " + g.number() + " .. ''"
	}
	return quoted(digits) + " + 0"
}

func (g gen) strings() string {
	text := g.pick(quoted(g.bytes("abC \x00\xff19", 9)), quoted(g.bytes("abC", 3)), g.value())
	switch g.IntN(9) {
	case 0, 1:
		return "string.byte(" + text + g.indices(2) + ")"
	case 2:
		return "string.char(" + strings.TrimPrefix(g.indices(4), ", ") + ")"
	case 3, 4:
		return "string.sub(" + text + g.indices(2) + ")"
	case 5:
		return "string.rep(" + text + ", " + g.pick(strconv.Itoa(g.IntN(9)-2), "1.5", "'3'", "2.9", "-1e10", "nil", "{}") + ")"
	case 6:
		return g.of("string.upper string.lower string.len string.reverse") + "(" + text + ")"
	case 7:
		return "(" + text + ")" + g.pick(" .. ", " < ", " == ", " <= ", " + ") + g.value()
	}
	return g.of("string.byte string.sub string.rep string.upper string.len string.find string.gsub string.format string.match string.gmatch string.char string.reverse string.lower string.dump") + "(" + g.pick("", g.value(), g.value()+", "+g.value()) + ")"
}

func (g gen) list() string {
	items := make([]string, g.IntN(7))
	for i := range items {
		items[i] = g.pick(g.value(), strconv.Itoa(g.IntN(9)), strconv.Itoa(g.IntN(9)))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func (g gen) numberList() string {
	items := make([]string, g.IntN(9))
	for i := range items {
		items[i] = strconv.Itoa(g.IntN(9))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func (g gen) tables() string {
	switch g.IntN(10) {
	case 0:
		return "table.concat(" + g.pick(g.list(), g.numberList()) + g.pick("", ", ','", ", 1", ", nil", ", {}") + ")"
	case 1:
		return "table.concat(" + g.numberList() + ", " + g.of("',' '' nil 1") + g.indices(2) + ")"
	case 2:
		return "(function() local t = " + g.numberList() + " table.insert(t" + g.pick("", ", "+g.value(), ", "+strconv.Itoa(g.IntN(9)-3)+", "+g.value()) + ") return t end)()"
	case 3:
		return "(function() local t = " + g.numberList() + " local r = {table.remove(t" + g.indices(1) + ")} return t, #t, r end)()"
	case 4:
		return "(function() local t = " + g.pick(g.numberList(), g.numberList(), "{1, 'x'}", "{'b', 'B', 'a'}", "{{}, {}}", "{true, true}") + " table.sort(t" + g.pick("", ", function(a, b) return a > b end", ", nil", ", 1") + ") return t end)()"
	case 5:
		return "unpack(" + g.numberList() + g.pick("", ", "+strconv.Itoa(g.IntN(9)-3), ", "+strconv.Itoa(g.IntN(9)-3)+", "+strconv.Itoa(g.IntN(9)-3), ", nil, 3", ", 1e8", ", 1, 1e8", ", '2'", ", {}") + ")"
	case 6:
		return "select(" + g.pick("'#'", strconv.Itoa(g.IntN(5)-2)) + ", " + g.value() + ", " + g.value() + ")"
	case 7:
		return g.of("table.getn table.maxn # next type") + "(" + g.pick(g.list(), g.numberList(), "{[-1]=2,[2.5]=1}", g.list()) + ")"
	case 8:
		return g.of("rawget rawequal rawset") + "(" + g.list() + ", " + g.value() + g.pick("", ", 5") + ")"
	}
	return g.of("table.concat table.insert table.remove table.sort unpack table.foreach table.foreachi table.setn table.getn table.maxn tonumber") + "(" + g.pick("", g.value(), g.value()+", "+g.value()) + ")"
}

func (g gen) math() string {
	name := "math." + g.of("abs ceil floor fmod modf frexp ldexp max min mod sqrt deg rad") // what is exact
	return name + "(" + g.pick(g.number(), g.number()+", "+g.number(), g.number()+", "+g.index(), g.value()+", "+g.value(), g.value(), "") + ")"
}

const jsonBytes = "[]{}:,\"\\ \t\n0123456789.eE+-truefalsnxINuda\x00\x01\x7f\xff'/"

func (g gen) json(depth int) string {
	if depth > 0 && g.IntN(3) == 0 {
		n := g.IntN(4)
		parts := make([]string, n)
		object := g.IntN(2) == 0
		for i := range parts {
			if parts[i] = g.json(depth - 1); object {
				parts[i] = g.jsonString() + g.pick(":", " : ") + parts[i]
			}
		}
		if object {
			return "{" + strings.Join(parts, ",") + "}"
		}
		return "[" + strings.Join(parts, g.pick(",", " ,", ", ")) + "]"
	}
	switch g.IntN(4) {
	case 0:
		return g.of("true false null nan inf -inf NaN Infinity 0x1f 012 -0 1e5 1E+2 1.5 .5 1. - + 1e 1e400 -1e400 0.1e-2 123456789012345678 1e-400 0x1p-2 +1 nul --1 1-1 1.e5 nullx 0x 0xg 00 0e 1.2.3 infx nanx -nan +nan -infinity")
	case 1:
		return strconv.Itoa(g.IntN(1000) - 100)
	case 2:
		return strconv.FormatFloat(g.NormFloat64()*1e5, 'g', -1, 64)
	}
	return g.jsonString()
}

func (g gen) jsonString() string {
	s := ""
	for range g.IntN(5) {
		s += g.of(`a b \n \" \\ \/ \b \f \r \t \u0041 \u00e9 \u20ac \ud83d\ude00 \ud800 \udc00 \ud800\ud800 \ud83dx \u0000 \u12 \u12x4 \uD83D\uDE00 \uFFFF \ufffe \q \x41 \' é €` + " \xff\xfe \xc0 \x7f \x01")
	}
	return `"` + s + `"`
}

func (g gen) decode() string {
	s := g.json(3)
	if g.IntN(3) == 0 {
		s = g.spoiled(s, jsonBytes)
	}
	s = g.pick("", "", " ", "\n") + s + g.pick("", "", "", " ", "\x00", "x")
	if g.IntN(4) == 0 {
		return "(function() local c = cjson.new() c.decode_max_depth(" + strconv.Itoa(1+g.IntN(3)) + ") c.decode_invalid_numbers(" + g.of("true false") + ") return c.decode(" + quoted(s) + ") end)()"
	}
	return "cjson.decode(" + quoted(s) + ")"
}

// tree is a table of which nothing depends on the order of keys: an object has one.
func (g gen) tree(depth int) string {
	if depth == 0 || g.IntN(3) == 0 {
		switch g.IntN(5) {
		case 0:
			return g.of("true false nil cjson.null 0/0 1/0 -1/0 print")
		case 1:
			return quoted(g.bytes("ab/\"\\\n\r\t\b\f\x00\x01\x7f\x80\xff\xc3\xa9", 6))
		}
		return g.number()
	}
	switch g.IntN(3) {
	case 0:
		key := g.pick("a", "b", "['x/\\n']", "[1]", "[2]", "[3]", "[10]", "[11]", "[12]", "[21]", "[-1]", "[0]", "[1.5]", "[1e15]", "[2^31]", "[2^53]", "[true]", "['1']", "['']", "[-0.5]", "[1e100]")
		return "{" + key + "=" + g.tree(depth-1) + "}"
	case 1:
		return "{[1]=" + g.tree(depth-1) + ", [" + strconv.Itoa(2+g.IntN(25)) + "]=" + g.tree(depth-1) + "}"
	}
	parts := make([]string, g.IntN(4))
	for i := range parts {
		parts[i] = g.tree(depth - 1)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (g gen) encode() string {
	switch g.IntN(6) {
	case 0:
		set := ""
		for range 1 + g.IntN(3) {
			set += " c." + g.pick("encode_sparse_array("+g.of("true false 'on' 'off'")+", "+strconv.Itoa(g.IntN(4))+", "+strconv.Itoa(g.IntN(12))+")",
				"encode_max_depth("+strconv.Itoa(1+g.IntN(4))+")", "encode_number_precision("+strconv.Itoa(1+g.IntN(14))+")",
				"encode_invalid_numbers("+g.of("true false 'null' 'on' 'off'")+")", "encode_keep_buffer("+g.of("true false")+")")
		}
		return "(function() local c = cjson.new()" + set + " return c.encode(" + g.tree(3) + ") end)()"
	case 1:
		name := g.of("encode_sparse_array encode_max_depth decode_max_depth encode_number_precision encode_keep_buffer encode_invalid_numbers decode_invalid_numbers encode decode new")
		return "(function() local c = cjson.new() local r = {c." + name + "(" + g.pick("", g.value(), g.value()+", "+g.value()) + ")} return type(r[1]) == 'table' or r[1], r[2], r[3] end)()"
	}
	return "cjson.encode(" + g.tree(3) + ")"
}

func (g gen) pack() string {
	args := make([]string, 1+g.IntN(3))
	for i := range args {
		args[i] = g.tree(3)
	}
	return "cmsgpack.pack(" + strings.Join(args, ", ") + ")"
}

// message is MessagePack, mostly well-formed.
func (g gen) message(depth int) string {
	raw := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(g.pick("\x00", "\xff", "\x7f", "\x80", "a", string([]byte{byte(g.Uint32())}))[0])
		}
		return string(b)
	}
	n := g.IntN(3)
	body := func(n int) string {
		s := ""
		for range n {
			s += g.message(depth - 1)
		}
		return s
	}
	kinds := 16
	if depth > 0 {
		kinds = 22
	}
	switch g.IntN(kinds) {
	case 0:
		return raw(1)
	case 1:
		return g.pick("\xc0", "\xc2", "\xc3", "\xe0", "\xff", "\x7f", "\x00")
	case 2:
		return "\xca" + raw(4)
	case 3:
		return "\xcb" + raw(8)
	case 4:
		return "\xcc" + raw(1)
	case 5:
		return "\xcd" + raw(2)
	case 6:
		return "\xce" + raw(4)
	case 7:
		return "\xcf" + raw(8)
	case 8:
		return "\xd0" + raw(1)
	case 9:
		return "\xd1" + raw(2)
	case 10:
		return "\xd2" + raw(4)
	case 11:
		return "\xd3" + raw(8)
	case 12:
		return string([]byte{0xa0 + byte(n)}) + raw(n)
	case 13:
		return g.pick("\xd9", "\xda\x00", "\xdb\x00\x00\x00") + string([]byte{byte(n)}) + raw(n)
	case 14:
		return g.pick("\xc4", "\xc5\x00", "\xc6\x00\x00\x00", "\xc7", "\xc8\x00", "\xd4", "\xd5", "\xd6", "\xd7", "\xd8", "\xc1") + string([]byte{byte(n)}) + raw(n)
	case 15:
		return g.pick("\x05", "\xa1k")
	case 16, 17:
		return string([]byte{0x90 + byte(n)}) + body(n)
	case 18, 19:
		return string([]byte{0x80 + byte(n)}) + body(2*n)
	case 20:
		return g.pick("\xdc\x00", "\xdd\x00\x00\x00") + string([]byte{byte(n)}) + body(n)
	}
	return g.pick("\xde\x00", "\xdf\x00\x00\x00") + string([]byte{byte(n)}) + body(2*n)
}

func (g gen) unpack() string {
	s := ""
	for range g.IntN(4) {
		s += g.message(3)
	}
	if g.IntN(4) == 0 {
		s = g.spoiled(s, "\x00\x01\x90\x81\xa1\xc4\xd9\xdc\xdd\xdf\xca\xcf\xff")
	}
	switch g.IntN(4) {
	case 0:
		return "cmsgpack.unpack_one(" + quoted(s) + g.indices(1) + ")"
	case 1:
		return "cmsgpack.unpack_limit(" + quoted(s) + g.indices(2) + ")"
	}
	return "cmsgpack.unpack(" + quoted(s) + ")"
}

func (g gen) structs() string {
	f := ""
	for range 1 + g.IntN(5) {
		f += g.of("b B h H l L T i I i1 i2 i3 I4 i8 I8 i16 i33 f d s x c c0 c3 c9 < > ! !2 !4 !8 !16 !3 !0 bc0 Bc0 q n")
		f += g.pick("", "", " ")
	}
	if g.IntN(8) == 0 {
		f = g.spoiled(f, "bBhHlLTiIfdsxc0123456789<>! qz'")
	}
	switch g.IntN(5) {
	case 0:
		return "struct.size(" + quoted(f) + ")"
	case 1, 2:
		args := ""
		for range g.IntN(7) {
			args += ", " + g.value()
		}
		return "struct.pack(" + quoted(f) + args + ")"
	}
	return "struct.unpack(" + quoted(f) + ", " + quoted(g.bytes("\x00\x01\x03\x7f\x80\xffab", 24)) + g.indices(1) + ")"
}

func (g gen) bits() string {
	args := make([]string, g.IntN(4))
	for i := range args {
		args[i] = g.pick(g.number(), g.number(), g.number(), g.value())
	}
	return "bit." + g.of("tobit tohex band bor bxor bnot lshift rshift arshift rol ror bswap") + "(" + strings.Join(args, ", ") + ")"
}
