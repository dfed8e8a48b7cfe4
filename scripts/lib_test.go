package scripts

import (
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"redust/tests/redis"
)

// describe is a script that evaluates an expression and says in a text what came out of
// it, the same in every Lua.
const describe = `
local function say(v, depth)
	local t = type(v)
	if t == 'number' then return string.format('%%.17g', v) end
	if t == 'string' then return '"' .. string.gsub(v, '[^ -~]', function(c) return string.format('<%%02x>', string.byte(c)) end) .. '"' end
	if t ~= 'table' then return t .. ':' .. (t == 'userdata' and 'null' or tostring(v)) end
	local parts = {}
	for k, e in pairs(v) do parts[#parts + 1] = say(k) .. '=' .. say(e) end
	table.sort(parts)
	return '{' .. table.concat(parts, ' ') .. '}'
end
local r = {pcall(function() return %s end)}
local n = 0
for k in pairs(r) do if k > n then n = k end end
for i = 1, n do r[i] = say(r[i]) end
return table.concat(r, ' ', 1, n)`

// newLua is an interpreter with the libraries.
func newLua(t testing.TB) *lua.LState {
	L := lua.NewState(lua.Options{RegistrySize: 1 << 10, RegistryMaxSize: 1 << 20})
	t.Cleanup(L.Close)
	OpenBit(L)
	OpenStruct(L)
	OpenCmsgpack(L)
	OpenCjson(L)
	return L
}

// evaluate describes an expression's results.
func evaluate(t testing.TB, L *lua.LState, expr string) string {
	t.Helper()
	f, err := L.Load(strings.NewReader(fmt.Sprintf(describe, expr)), "user_script")
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	L.Push(f)
	if err := L.PCall(0, 1, nil); err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	s := L.ToString(-1)
	L.Pop(1)
	return s
}

// expressions are asked of the libraries here and of those of redis-server.
var expressions = strings.Split(strings.TrimSpace(`
bit.tobit()
bit.tobit('x')
bit.tobit('10')
bit.tobit(2^31)
bit.tobit(0.5), bit.tobit(1.5), bit.tobit(2.5), bit.tobit(-0.5)
bit.tobit(1e300), bit.tobit(2^52), bit.tobit(-2^53)
bit.tohex(255,-4), bit.tohex(-1,0), bit.tohex(1,100), bit.tohex(1), bit.tohex(2^31, -100), bit.tohex(10, -2^31)
bit.tohex(1,{})
bit.band(), 1
bit.band(7, 2, 3), bit.bor(1, 2, 4), bit.bxor(1, 3), bit.bnot(0), bit.band(5)
bit.lshift(1,33), bit.arshift(-8,1), bit.rshift(-8,1), bit.rol(1,-1), bit.ror(1,1), bit.bswap(1), bit.lshift(1,31)
bit.lshift(1)
struct.pack('q',1)
struct.pack('i33',1)
struct.pack('!3i',1)
struct.pack('c5','abc')
struct.pack('i')
struct.pack('s')
struct.pack('i', 'x')
struct.pack('i', '12')
struct.pack('s', 12.5)
struct.pack()
struct.pack('bBhHlLTiIi3i16', -1, 255, -2, 65535, -3, 2^53, 5, -6, 7, -8, -9)
struct.pack('>bBhHlLTiIi3i16', -1, 255, -2, 65535, -3, 2^53, 5, -6, 7, -8, -9)
struct.pack('x'), struct.pack('cc','ab','cd'), struct.pack('c0','xyz'), struct.pack('s', 'a b'), struct.pack(' < b > h ', 1, 2)
struct.pack('d',1.5), struct.pack('>f',1.5), struct.pack('>d', -0.1)
struct.pack('b', 300.7)
struct.pack('!bi', 1, 2), struct.pack('!4bi8', 1, 2), struct.pack('!8bi8', 1, 2), struct.pack('!2bd', 1, 2), struct.pack('!bc3h', 1, 'abc', 2)
struct.pack('!16bi16', 1, 2)
struct.unpack('i','abc')
struct.unpack('c0','abc')
struct.unpack('s','abc')
struct.unpack('b','abc',0)
struct.unpack('b','abc',-1)
struct.unpack('b','abc',4)
struct.unpack('b','abc',3)
struct.unpack('', 'abc'), struct.unpack('', '')
struct.unpack('bc0','\3abcdef')
struct.unpack('bc0','\9abcdef')
struct.unpack('sc0','a\0abcdef')
struct.unpack('!4bi','\1\0\0\0\2\0\0\0')
struct.unpack('bBhH', '\255\255\255\255\255\255')
struct.unpack('lLT', string.rep('\255', 24))
struct.unpack('i3I3>i3', '\1\2\253\1\2\253\1\2\253')
struct.unpack('i16', string.rep('\255', 16)), struct.unpack('I16', string.rep('\255', 16)), struct.unpack('>i16', string.rep('\1', 16))
struct.unpack('fd', struct.pack('fd', 0.1, 0.1))
struct.unpack('ss', 'ab\0\0')
struct.unpack('xbx', 'abc')
struct.unpack('c2c', 'abc')
struct.unpack('i8', struct.pack('i8', 2^63)), struct.unpack('L', struct.pack('L', -1))
struct.size('s')
struct.size('c0')
struct.size('i99999999999999')
struct.size('!bi8bd'), struct.size('bhlc5xT'), struct.size('')
struct.size('?')
cjson.decode('')
cjson.decode('[1,')
cjson.decode('[1 2]')
cjson.decode('{1:2}')
cjson.decode('{"a" 2}')
cjson.decode('{"a":2 3}')
cjson.decode('{"a":2,}')
cjson.decode('[1,]')
cjson.decode('["abc')
cjson.decode('["\\q"]')
cjson.decode('["\\u12"]')
cjson.decode('["\\ud800"]')
cjson.decode('["\\udc00\\ud800"]')
cjson.decode('["\\ud800\\u0041"]')
cjson.decode('"\\ud83d\\ude00\\u0000\\u00e9\\u20ac\\n\\/\\"\\b\\f\\r\\t\\\\"')
cjson.decode('nul')
cjson.decode('[1] x')
cjson.decode(nil)
cjson.decode()
cjson.decode('a',2)
cjson.decode({})
cjson.decode(12)
cjson.decode('\0[')
cjson.decode('10\0zz')
cjson.decode('  {"a" : [ 1 , {"b":true , "c" : false , "d":null}, "x\\ty" ] , "a2":{} , "e":[]}  ')
cjson.decode('[0x1f, 012, 1e5,1.5,-0.1,1E-2, 0x1.8, 0x]')
cjson.decode('[0x1f, 012, 1e5,1.5,-0.1,1E-2, 0x1.8p2]')
cjson.decode('inf') == 1/0, cjson.decode('-inf') == -1/0, cjson.decode('infinity') == 1/0, cjson.decode('1e999') == 1/0
cjson.decode('-')
cjson.decode('+1')
cjson.decode('1.5.5')
cjson.decode('1.')
cjson.decode('.5')
cjson.decode('1e')
cjson.decode('tru')
cjson.decode('truex')
cjson.decode("'a'")
cjson.decode('"a\1b"')
cjson.decode(string.rep('[',1000)..string.rep(']',1000)) ~= nil
cjson.decode(string.rep('[',1001)..string.rep(']',1001))
cjson.decode(string.rep('{"a":',1001)..'1'..string.rep('}',1001))
cjson.decode('[1,null,3]')
cjson.null, cjson.null == cjson.decode('null'), tostring(cjson.null), type(cjson.null)
cjson.encode()
cjson.encode(1,2)
cjson.encode(function() end)
cjson.encode(0/0)
cjson.encode(1/0)
cjson.encode({[1]=1,[100]=2})
cjson.encode({[1]=1,[10]=2}), cjson.encode({[2]=1}), cjson.encode({1,2,nil,4})
cjson.encode({[true]=1})
cjson.encode({[1.5]=2}), cjson.encode({[-1]=2}), cjson.encode({[0]=2}), cjson.encode({[1e15]=2})
cjson.encode({a=cjson.null}), cjson.encode({}), cjson.encode({{}}), cjson.encode(nil), cjson.encode(cjson.null)
cjson.encode('a/\127\1\200"\\\n\t\r\b\f')
cjson.encode(1), cjson.encode(-0.5), cjson.encode(1e14), cjson.encode(123456789012345), cjson.encode(99999999999999), cjson.encode(1e100), cjson.encode(0.1+0.2), cjson.encode(1/3), cjson.encode(1e-5), cjson.encode(-0)
cjson.encode(true), cjson.encode({true,false}), cjson.encode({'a',{b=1}})
cjson.encode_max_depth(0)
cjson.encode_max_depth('x')
cjson.encode_sparse_array(1,2,3,4)
cjson.encode_sparse_array(1)
cjson.encode_number_precision(20)
cjson.encode_number_precision(), cjson.encode_max_depth(), cjson.decode_max_depth(), cjson.encode_keep_buffer(), cjson.encode_invalid_numbers(), cjson.decode_invalid_numbers()
cjson.encode_invalid_numbers('x')
cjson.encode_keep_buffer('off'), cjson.encode_keep_buffer(true)
(function() local c = cjson.new() c.encode_max_depth(3) return c.encode({{{}}}), pcall(function() return c.encode({{{{}}}}) end) end)()
(function() local c = cjson.new() c.decode_max_depth(2) return pcall(function() return c.decode('[[[1]]]') end) end)()
(function() local c = cjson.new() c.encode_sparse_array(true, 2, 3) return c.encode({[9]=1}), c.encode_sparse_array() end)()
(function() local c = cjson.new() return c.encode_invalid_numbers('null'), c.encode(0/0), c.encode_invalid_numbers(true), c.encode(1/0), c.encode(-1/0), c.encode_invalid_numbers() end)()
(function() local c = cjson.new() return c.decode_invalid_numbers(false), pcall(c.decode, '0x1'), pcall(c.decode, '[01]'), pcall(c.decode, 'nan'), c.decode('0.5') end)()
(function() local c = cjson.new() return c.encode_number_precision(3), c.encode(1/3), c.encode(123456) end)()
cjson._NAME, cjson._VERSION, cmsgpack._NAME, cmsgpack._VERSION, cmsgpack._COPYRIGHT, cmsgpack._DESCRIPTION
cmsgpack.pack()
cmsgpack.unpack('')
cmsgpack.unpack('\217')
cmsgpack.unpack('\193')
cmsgpack.unpack('\212\1\2')
cmsgpack.unpack('\147\1\2')
cmsgpack.unpack()
cmsgpack.unpack({})
cmsgpack.unpack_one('abc',10)
cmsgpack.unpack_one('abc',-1)
cmsgpack.unpack_limit('abc',-1,0)
cmsgpack.unpack_one('\1\2\3',1)
cmsgpack.unpack_one('\1\2\3',2)
cmsgpack.unpack_one('\1\2\3')
cmsgpack.unpack_one('\1\2\3', 3)
cmsgpack.unpack_limit('\1\2\3',2,0)
cmsgpack.unpack_limit('\1\2\3',0,0)
cmsgpack.unpack_limit('\1\2\3',0,1)
cmsgpack.unpack_limit('\1\2\3',2)
cmsgpack.unpack_limit('\1\2\3')
cmsgpack.unpack(cmsgpack.pack(1, 'a', nil, true, {1,2}, {a={b='c'}}))
cmsgpack.pack({[1]=1,[2]=2,[3]=3}), cmsgpack.pack({}), cmsgpack.pack({a={}}), cmsgpack.pack({[1.5]=2}), cmsgpack.pack({1,nil,3})
cmsgpack.pack(0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 2^53)
cmsgpack.pack(-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -2^53, -2^63)
cmsgpack.pack(2^63, 2^64, 1e300, 0.5, 0.1), cmsgpack.pack(1/0), cmsgpack.pack(-1/0)
cmsgpack.pack(function() end)
cmsgpack.pack(string.rep('a',31)), cmsgpack.pack(string.rep('a',32)), #cmsgpack.pack(string.rep('a',255)), #cmsgpack.pack(string.rep('a',256)), #cmsgpack.pack(string.rep('a',65536))
cmsgpack.unpack('\196\1a\197\0\1b\198\0\0\0\1c')
cmsgpack.unpack('\202\63\192\0\0\203\63\248\0\0\0\0\0\0\192\194\195')
cmsgpack.unpack('\207\255\255\255\255\255\255\255\255\211\128\0\0\0\0\0\0\0\208\255\209\255\255\210\255\255\255\255')
cmsgpack.unpack('\220\0\2\1\2\222\0\1\161a\1\221\0\0\0\1\5\223\0\0\0\1\1\2')
cmsgpack.unpack('\221\255\255\255\255\1')
cmsgpack.unpack('\129\192\1')
cmsgpack.unpack(string.rep('\145',7900)..'\1')
cmsgpack.unpack(string.rep('\145',100000)..'\1')
cmsgpack.unpack(string.rep('\1',100000))
(function() local t = {} local x = t for i = 1, 20 do x[1] = {} x = x[1] end return cmsgpack.pack(t) end)()
`), "\n")

// TestLibraries holds that the libraries say what those of Redis say.
func TestLibraries(t *testing.T) {
	o := redis.Start(t)
	L := newLua(t)
	for _, e := range expressions {
		want, ok := o.Do("EVAL", fmt.Sprintf(describe, e), 0).(string)
		if !ok {
			t.Errorf("%s: redis-server says no text", e)
			continue
		}
		if got := evaluate(t, L, e); got != want {
			t.Errorf("%s\n  got  %.300s\n  want %.300s", e, got, want)
		}
	}
}
