package scripts

import "testing"

// benchLua runs a piece of Lua over and over.
func benchLua(b *testing.B, source string) {
	L := newLua(b)
	if err := L.DoString(source); err != nil {
		b.Fatal(err)
	}
	f := L.Get(-1)
	b.ReportAllocs()
	for b.Loop() {
		L.Push(f)
		L.Call(0, 0)
	}
}

const benchJob = `local job = {id = 1234567, name = 'send-mail', attempts = 3, tags = {'a', 'b', 'c'}, opts = {delay = 0, backoff = {type = 'fixed', ms = 1000}}} `

func BenchmarkCjsonEncode(b *testing.B) {
	benchLua(b, benchJob+`return function() cjson.encode(job) end`)
}

func BenchmarkCjsonDecode(b *testing.B) {
	benchLua(b, benchJob+`local s = cjson.encode(job) return function() cjson.decode(s) end`)
}

func BenchmarkCmsgpackPack(b *testing.B) {
	benchLua(b, benchJob+`return function() cmsgpack.pack(job) end`)
}

func BenchmarkCmsgpackUnpack(b *testing.B) {
	benchLua(b, benchJob+`local s = cmsgpack.pack(job) return function() cmsgpack.unpack(s) end`)
}
