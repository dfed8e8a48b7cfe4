package resp

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

var wide = Limits{Bulk: 512 << 20}

func show(args [][]byte) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = fmt.Sprintf("%q", a)
	}
	return "[" + strings.Join(parts, " ") + "]"
}

func TestParse(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	for _, r := range []struct{ in, want string }{
		{"*1\r\n$4\r\nPING\r\n", `["PING"]`},
		{"*2\r\n$3\r\nGET\r\n$0\r\n\r\nrest", `["GET" ""]`},
		{"*1\r\n$4\r\nPI", "need more"}, // wherever the cut falls, nothing is consumed
		{"*1\r\n$4\r\nPING\r", "need more"},
		{"*1\r", "need more"},
		{"*", "need more"},
		{"", "need more"},
		{"*0\r\n", "[]"},
		{"*-1\r\n", "[]"},
		{"*1\r\n$-4\r\n", "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$\r\n", "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$04\r\nPING\r\n", "ERR Protocol error: invalid bulk length"}, // no leading zeros
		{"*1\r\n$+4\r\nPING\r\n", "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"},
		{"*1\r\n$536870912\r\n", "need more"},
		{"*1\r\n:4\r\n", "ERR Protocol error: expected '$', got ':'"},
		{"*a\r\n", "ERR Protocol error: invalid multibulk length"},
		{"*\r\n", "ERR Protocol error: invalid multibulk length"},
		{"*2147483648\r\n", "ERR Protocol error: invalid multibulk length"},
		{"*" + long, "ERR Protocol error: too big mbulk count string"},
		{"*1\r\n$" + long, "ERR Protocol error: too big bulk count string"},
		{long, "ERR Protocol error: too big inline request"},
		{"PING\r\n", `["PING"]`},
		{"PING\n", `["PING"]`},
		{"  set  a\t'b c' \"\\x41\\n\"\r\n", `["set" "a" "b c" "A\n"]`},
		{"\r\n", "[]"},
		{"set a \"b\r\n", "ERR Protocol error: unbalanced quotes in request"},
		{"set a 'b'c\r\n", "ERR Protocol error: unbalanced quotes in request"},
		{"set a 'it\\'s'\r\n", `["set" "a" "it's"]`},
	} {
		args, n, err := Parse([]byte(r.in), nil, wide)
		got := show(args)
		switch {
		case err != nil:
			got = err.Error()
		case n == 0:
			got = "need more"
		}
		if got != r.want {
			t.Errorf("Parse(%.60q) = %s, want %s", r.in, got, r.want)
		}
	}
}

func TestParseUnauthenticated(t *testing.T) {
	lim := wide
	lim.Anon = true
	for _, r := range []struct {
		in   string
		want error
	}{
		{"*10\r\n", nil},
		{"*11\r\n", errAnonCount},
		{"*1\r\n$16384\r\n", nil},
		{"*1\r\n$16385\r\n", errAnonBulk},
	} {
		if _, _, err := Parse([]byte(r.in), nil, lim); err != r.want {
			t.Errorf("Parse(%q) = %v, want %v", r.in, err, r.want)
		}
	}
}

func TestParseInt(t *testing.T) {
	for _, r := range []struct {
		in string
		n  int64
		ok bool
	}{
		{"0", 0, true}, {"-0", 0, false}, {"7", 7, true}, {"-7", -7, true}, {"+7", 0, false}, {"07", 0, false},
		{"", 0, false}, {"-", 0, false}, {" 7", 0, false}, {"7 ", 0, false}, {"1e3", 0, false},
		{"9223372036854775807", math.MaxInt64, true}, {"9223372036854775808", 0, false},
		{"-9223372036854775808", math.MinInt64, true}, {"-9223372036854775809", 0, false},
		{"18446744073709551616", 0, false}, {"99999999999999999999", 0, false}, {"100000000000000000000", 0, false},
	} {
		if n, ok := ParseInt([]byte(r.in)); n != r.n || ok != r.ok {
			t.Errorf("ParseInt(%q) = %d, %v", r.in, n, ok)
		}
	}
}

// encode is the request as a client sends it.
func encode(args [][]byte) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// TestAssemble: however the pieces fall, what comes out is what went in, and what
// follows is left alone.
func TestAssemble(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var args [][]byte
		for range 1 + r.IntN(20) {
			a := make([]byte, r.IntN(1<<r.IntN(19)))
			for i := range a {
				a[i] = byte(r.Uint32())
			}
			args = append(args, a)
		}
		in := append(encode(args), "PING\r\n"...)
		var asm Assembler
		pos, done := 0, false
		for !done {
			piece := in[pos:min(len(in), pos+1+r.IntN(1<<r.IntN(18)))]
			n, d, err := asm.Feed(piece, wide)
			if err != nil {
				t.Fatal(err)
			}
			if !d && n != len(piece) {
				t.Fatalf("%d of %d bytes taken, and not done", n, len(piece))
			}
			pos, done = pos+n, d
		}
		if got := asm.Take(); show(got) != show(args) {
			t.Fatal("arguments differ")
		}
		if string(in[pos:]) != "PING\r\n" || asm.On() {
			t.Fatalf("left over: %q", in[pos:])
		}
	}
}

// TestAssembleTrustsNoLength: memory follows what was sent, not what was announced.
func TestAssembleTrustsNoLength(t *testing.T) {
	var asm Assembler
	if _, _, err := asm.Feed([]byte("*1000000\r\n$536870912\r\nabc"), wide); err != nil {
		t.Fatal(err)
	}
	if asm.Bytes() > 2*firstBulk {
		t.Errorf("%d bytes held for 3", asm.Bytes())
	}
}

// TestAssembleLinear: a large string in small pieces is copied a bounded number of
// times.
func TestAssembleLinear(t *testing.T) {
	var asm Assembler
	const size = 64 << 20
	if _, _, err := asm.Feed(fmt.Appendf(nil, "*1\r\n$%d\r\n", size), wide); err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 64<<10)
	if n := testing.AllocsPerRun(1, func() {
		for range size / len(piece) / 2 {
			if _, _, err := asm.Feed(piece, wide); err != nil {
				t.Fatal(err)
			}
		}
	}); n > 12 {
		t.Errorf("%v buffers for one string", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*0\r\nset a 'b'\r\n"), uint8(3))
	f.Add([]byte("*1\r\n$-1\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, cut uint8) {
		lim := Limits{Bulk: 1 << 16}
		var whole []string
		var wholeErr error
		rest := in
		for {
			args, n, err := Parse(rest, nil, lim)
			if err != nil || n == 0 {
				wholeErr = err
				break
			}
			whole = append(whole, show(args))
			rest = rest[n:]
		}
		// The same, in pieces: through Parse and, for arrays, the Assembler.
		var asm Assembler
		var got []string
		var gotErr error
		var held []byte
		for i := 0; i < len(in) && gotErr == nil; {
			k := min(len(in)-i, 1+int(cut))
			held = append(held, in[i:i+k]...)
			i += k
			for len(held) > 0 && gotErr == nil {
				if asm.On() || held[0] == '*' {
					n, done, err := asm.Feed(held, lim)
					held, gotErr = held[n:], err
					if done {
						got = append(got, show(asm.Take()))
					}
					if !done {
						break
					}
					continue
				}
				args, n, err := Parse(held, nil, lim)
				gotErr = err
				if n == 0 {
					break
				}
				got = append(got, show(args))
				held = held[n:]
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(whole) {
			t.Fatalf("in pieces %v, whole %v", got, whole)
		}
		if (gotErr == nil) != (wholeErr == nil) {
			t.Fatalf("in pieces %v, whole %v", gotErr, wholeErr)
		}
	})
}

func TestWriter(t *testing.T) {
	for _, r := range []struct {
		name       string
		write      func(*Writer)
		two, three string
	}{
		{"null", (*Writer).Null, "$-1\r\n", "_\r\n"},
		{"null array", (*Writer).NullArray, "*-1\r\n", "_\r\n"},
		{"map", func(w *Writer) { w.Map(2) }, "*4\r\n", "%2\r\n"},
		{"set", func(w *Writer) { w.Set(12) }, "*12\r\n", "~12\r\n"},
		{"push", func(w *Writer) { w.Push(1) }, "*1\r\n", ">1\r\n"},
		{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"double", func(w *Writer) { w.Double(3.25) }, "$4\r\n3.25\r\n", ",3.25\r\n"},
		{"infinity", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"whole double", func(w *Writer) { w.Double(3) }, "$1\r\n3\r\n", ",3\r\n"},
		{"bignum", func(w *Writer) { w.BigNumber("123") }, "$3\r\n123\r\n", "(123\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "hi") }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"},
		{"ints", func(w *Writer) { w.Int(-1); w.Int(9); w.Int(10); w.Int(math.MinInt64) }, ":-1\r\n:9\r\n:10\r\n:-9223372036854775808\r\n", ""},
		{"bulk", func(w *Writer) { w.Bulk([]byte("a\r\nb")) }, "$4\r\na\r\nb\r\n", ""},
		{"bulk int", func(w *Writer) { w.BulkInt(-12) }, "$3\r\n-12\r\n", ""},
		{"error", func(w *Writer) { w.Error("ERR a\r\nb") }, "-ERR a  b\r\n", ""},
		{"late array", func(w *Writer) { w.OK(); m := w.Mark(); w.Int(1); w.Str("x"); w.ArrayAt(m, 2) }, "+OK\r\n*2\r\n:1\r\n$1\r\nx\r\n", ""},
		{"late empty", func(w *Writer) { m := w.Mark(); w.MapAt(m, 0) }, "*0\r\n", "%0\r\n"},
	} {
		var two, three Writer
		three.Proto = 3
		r.write(&two)
		r.write(&three)
		if r.three == "" {
			r.three = r.two
		}
		if string(two.B) != r.two || string(three.B) != r.three {
			t.Errorf("%s: %q and %q, want %q and %q", r.name, two.B, three.B, r.two, r.three)
		}
	}
}

func TestNoAllocs(t *testing.T) {
	in := bytes.Repeat([]byte("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n"), 16)
	argv := make([][]byte, 0, 64)
	w := Writer{B: make([]byte, 0, 1024)}
	if n := testing.AllocsPerRun(100, func() {
		dst := argv
		for b := in; len(b) > 0; {
			var k int
			dst, k, _ = Parse(b, dst[:0], wide)
			b = b[k:]
			w.Bulk(dst[2])
			w.Int(12345)
		}
		w.B = w.B[:0]
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	in := []byte("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n")
	argv := make([][]byte, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		if _, n, _ := Parse(in, argv, wide); n != len(in) {
			b.Fatal("not whole")
		}
	}
}
