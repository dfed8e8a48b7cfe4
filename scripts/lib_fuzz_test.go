package scripts

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// fuzzDecoder feeds a decoder with what comes. What it accepts, the encoder writes in a
// form from which the decoder makes the same again.
func fuzzDecoder(f *testing.F, source string) {
	L := newLua(f)
	if err := L.DoString(source); err != nil {
		f.Fatal(err)
	}
	try := L.Get(-1)
	f.Fuzz(func(t *testing.T, in []byte) {
		top := L.GetTop()
		L.Push(try)
		L.Push(lua.LString(in))
		if err := L.PCall(1, 1, nil); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if said := L.ToString(-1); said != "refused" && said != "same" {
			t.Fatalf("%q: %s", in, said)
		}
		L.SetTop(top)
	})
}

func FuzzCjson(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,null,true,"x\u00e9"]}`, `[`, `"\ud83d\ude00"`, `0x1p3`, `[[[[]]]]`, "nan", "1e400"} {
		f.Add([]byte(s))
	}
	fuzzDecoder(f, `
		local c = cjson.new()
		c.encode_sparse_array(true)
		c.encode_invalid_numbers(true)
		return function(s)
			local ok, v = pcall(c.decode, s)
			if not ok then return 'refused' end
			local once = c.encode(v)
			local good, again = pcall(c.decode, once)
			if not good then return again end
			local twice = c.encode(again)
			return #once == #twice and 'same' or once .. ' is not ' .. twice
		end`)
}

func FuzzCmsgpack(f *testing.F) {
	for _, s := range []string{"\x93\x01\xa1a\xc0", "\x81\xa1k\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", "\xdd\xff\xff\xff\xff", "\xc4\x01a", "\xd9\x03abc\x00"} {
		f.Add([]byte(s))
	}
	fuzzDecoder(f, `
		return function(s)
			local ok, next, v = pcall(cmsgpack.unpack_one, s)
			if not ok then return 'refused' end
			local once = cmsgpack.pack(v)
			local twice = cmsgpack.pack(cmsgpack.unpack(once))
			return #once == #twice and 'same' or 'not the same'
		end`)
}

func FuzzStruct(f *testing.F) {
	for _, s := range []string{"<i4 s d", ">!8bi8L", "bc0", "c3xT", "i32I3"} {
		f.Add([]byte(s + "|\x03abcdefgh\x00ijklmnopqrstuvwxyz0123456789ABCDEFGHIJ"))
	}
	fuzzDecoder(f, `
		return function(s)
			local at = string.find(s, '|', 1, true)
			if not at then return 'refused' end
			local format, data = string.sub(s, 1, at - 1), string.sub(s, at + 1)
			local ok = pcall(struct.unpack, format, data)
			pcall(struct.size, format)
			pcall(struct.pack, format, 1, 'abc', 2, 'def', 3)
			return ok and 'same' or 'refused'
		end`)
}
