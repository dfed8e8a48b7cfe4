package bits

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"redust/tests/redis"
)

// at is the model's only way to look at memory: one bit, zeros past the end.
func at(b []byte, off int) uint64 {
	if off < 0 || off >= len(b)*8 {
		return 0
	}
	return uint64(b[off/8]) / uint64(math.Pow(2, float64(7-off%8))) % 2
}

func checkRead(t *testing.T, b []byte, x, y, width int) {
	t.Helper()
	count, pos := 0, [2]int{-1, -1}
	all, first := 0, [2]int{-1, -1}
	for i := range len(b) * 8 {
		v := at(b, i)
		if all += int(v); first[v] < 0 {
			first[v] = i
		}
		if i < x || i > y {
			continue
		}
		if count += int(v); pos[v] < 0 {
			pos[v] = i
		}
	}
	if got := Count(b); got != all {
		t.Fatalf("Count(%x) = %d, want %d", b, got, all)
	}
	if got := CountRange(b, x, y); got != count {
		t.Fatalf("CountRange(%x, %d, %d) = %d, want %d", b, x, y, got, count)
	}
	for bit := range 2 {
		if got := Pos(b, bit); got != first[bit] {
			t.Fatalf("Pos(%x, %d) = %d, want %d", b, bit, got, first[bit])
		}
		if got := PosRange(b, bit, x, y); got != pos[bit] {
			t.Fatalf("PosRange(%x, %d, %d, %d) = %d, want %d", b, bit, x, y, got, pos[bit])
		}
	}
	off := max(x, 0)
	var u uint64
	for i := range width {
		u = u*2 + at(b, off+i)
	}
	if got := GetUnsigned(b, off, width); got != u {
		t.Fatalf("GetUnsigned(%x, %d, %d) = %d, want %d", b, off, width, got, u)
	}
	s := new(big.Int).SetUint64(u)
	if at(b, off) == 1 {
		s.Sub(s, new(big.Int).Lsh(big.NewInt(1), uint(width)))
	}
	if got := GetSigned(b, off, width); got != s.Int64() {
		t.Fatalf("GetSigned(%x, %d, %d) = %d, want %d", b, off, width, got, s)
	}
	if got := Get(b, off); uint64(got) != at(b, off) {
		t.Fatalf("Get(%x, %d) = %d", b, off, got)
	}
}

func checkWrite(t *testing.T, b []byte, off, width int, v uint64) {
	t.Helper()
	before := make([]byte, max(len(b), BytesFor(off, width)))
	copy(before, b)
	after := bytes.Clone(before)
	SetUnsigned(after, off, width, v)
	for i := range len(after) * 8 {
		want := at(before, i)
		if i >= off && i < off+width {
			want = v >> (off + width - 1 - i) & 1
		}
		if at(after, i) != want {
			t.Fatalf("SetUnsigned(%x, %d, %d, %#x): bit %d is %d", before, off, width, v, i, at(after, i))
		}
	}
	one := bytes.Clone(before)
	if old := Set(one, off, int(v&1)); uint64(old) != at(before, off) {
		t.Fatalf("Set(%x, %d) = %d", before, off, old)
	}
	SetUnsigned(before, off, 1, v&1)
	if !bytes.Equal(one, before) {
		t.Fatalf("Set(%d, %d) = %x, want %x", off, v&1, one, before)
	}
}

func checkCombine(t *testing.T, dst []byte, srcs ...[]byte) {
	t.Helper()
	n := 0
	for _, s := range srcs {
		n = max(n, len(s))
	}
	byteAt := func(s []byte, i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	and, or, xor := And(bytes.Clone(dst), srcs...), Or(bytes.Clone(dst), srcs...), Xor(bytes.Clone(dst), srcs...)
	if len(and) != n || len(or) != n || len(xor) != n {
		t.Fatalf("lengths %d %d %d, want %d", len(and), len(or), len(xor), n)
	}
	for i := range n {
		a, o, x := byte(0xff), byte(0), byte(0)
		for _, s := range srcs {
			a, o, x = a&byteAt(s, i), o|byteAt(s, i), x^byteAt(s, i)
		}
		if and[i] != a || or[i] != o || xor[i] != x {
			t.Fatalf("byte %d of %d sources: %x %x %x, want %x %x %x", i, len(srcs), and[i], or[i], xor[i], a, o, x)
		}
	}
	for _, s := range srcs {
		not := Not(bytes.Clone(dst), s)
		if len(not) != len(s) {
			t.Fatalf("Not: %d bytes of %d", len(not), len(s))
		}
		for i := range not {
			if not[i] != 0xff-s[i] {
				t.Fatalf("Not: byte %d is %x, the source's %x", i, not[i], s[i])
			}
		}
	}
}

func checkAdd(t *testing.T, v, incr int64, width int) {
	t.Helper()
	one := big.NewInt(1)
	span := new(big.Int).Lsh(one, uint(width))
	for _, signed := range []bool{true, false} {
		if !signed && width == 64 {
			continue
		}
		value, lo, hi := big.NewInt(v), new(big.Int), new(big.Int).Sub(span, one)
		if signed {
			lo.Neg(new(big.Int).Rsh(span, 1))
			hi.Add(hi, lo)
		} else {
			value.SetUint64(uint64(v))
		}
		if incr != 0 && (value.Cmp(lo) < 0 || value.Cmp(hi) > 0) {
			continue // only SET, which adds nothing, brings values that do not fit
		}
		sum := new(big.Int).Add(value, big.NewInt(incr))
		over := sum.Cmp(lo) < 0 || sum.Cmp(hi) > 0
		for mode, want := range map[Mode]*big.Int{Wrap: sum, Saturate: sum, Fail: sum} {
			if over {
				switch mode {
				case Wrap: // into lo..hi by whole spans
					want = new(big.Int).Sub(sum, lo)
					want.Mod(want, span).Add(want, lo)
				case Saturate:
					want = hi
					if sum.Cmp(lo) < 0 {
						want = lo
					}
				case Fail:
					want = value
				}
			}
			var got big.Int
			var overflow bool
			if signed {
				r, o := AddSigned(v, incr, width, mode)
				got.SetInt64(r)
				overflow = o
			} else {
				r, o := AddUnsigned(uint64(v), incr, width, mode)
				got.SetUint64(r)
				overflow = o
			}
			if got.Cmp(want) != 0 || overflow != over {
				t.Fatalf("add %d to %s, width %d, signed %v, mode %d: %s, %v; want %s, %v",
					incr, value, width, signed, mode, &got, overflow, want, over)
			}
		}
	}
}

// edges are the numbers at which additions go wrong.
func edges(width int) []int64 {
	top := int64(math.MaxInt64) >> (64 - width)
	return []int64{0, 1, -1, 2, top, top - 1, top + 1, -top - 1, -top, top*2 + 1, top * 2, math.MaxInt64, math.MinInt64, math.MinInt64 + 1}
}

func TestAddEdges(t *testing.T) {
	for width := 1; width <= 64; width++ {
		for _, v := range edges(width) {
			for _, incr := range edges(width) {
				checkAdd(t, v, incr, width)
			}
		}
	}
}

func TestModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	random := func(n int) []byte {
		b := make([]byte, n)
		fill := []byte{0, 0xff, 1, 0x80}[rnd.IntN(4)]
		for i := range b {
			b[i] = fill
			if rnd.IntN(40) == 0 {
				b[i] = byte(rnd.Uint32())
			}
		}
		return b
	}
	for range 3000 {
		b := random(rnd.IntN(120))
		checkRead(t, b, rnd.IntN(1000)-20, rnd.IntN(1000)-20, rnd.IntN(64)+1)
		checkWrite(t, b, rnd.IntN(1000), rnd.IntN(64)+1, rnd.Uint64())
		checkAdd(t, rnd.Int64()>>rnd.IntN(64), rnd.Int64()>>rnd.IntN(64)-rnd.Int64N(2), rnd.IntN(64)+1)
	}
	for range 60 {
		srcs := make([][]byte, rnd.IntN(5))
		for i := range srcs {
			srcs[i] = random(rnd.IntN(3 * block >> (rnd.IntN(3) * 5)))
		}
		checkCombine(t, random(rnd.IntN(block)), srcs...)
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{0xff, 0, 1}, []byte{3}, int16(3), int16(17), uint8(9), int64(5), int64(-7))
	f.Add(bytes.Repeat([]byte{0xff}, 40), []byte{}, int16(0), int16(400), uint8(64), int64(math.MaxInt64), int64(1))
	f.Fuzz(func(t *testing.T, a, b []byte, x, y int16, w uint8, v, incr int64) {
		width := int(w)%64 + 1
		checkRead(t, a, int(x), int(y), width)
		checkWrite(t, a, int(x)&0x7fff, width, uint64(v))
		checkCombine(t, nil, a, b)
		checkAdd(t, v>>(64-width), incr, width)
		checkAdd(t, v, 0, width)
	})
}

// TestOracle asks a real server the same questions.
func TestOracle(t *testing.T) {
	o := redis.Start(t)
	rnd := rand.New(rand.NewPCG(2, 2))
	var b []byte
	expect := func(want any, args ...any) {
		t.Helper()
		if got := o.Do(args...); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v = %v, we say %v", args, got, want)
		}
	}
	for range 4000 {
		off, width := rnd.IntN(600), rnd.IntN(63)+1
		v, mode := rnd.Int64()>>rnd.IntN(64), Mode(rnd.IntN(3))
		name := []string{"WRAP", "SAT", "FAIL"}[mode]
		grow := func() {
			if n := BytesFor(off, width); n > len(b) {
				b = append(b, make([]byte, n-len(b))...)
			}
		}
		switch rnd.IntN(9) {
		case 0:
			width = 1
			grow()
			expect(Set(b, off, int(v&1)), "SETBIT", "k", off, v&1)
		case 1:
			expect(Get(b, off), "GETBIT", "k", off)
		case 2:
			end := rnd.IntN(700)
			expect(CountRange(b, off, end), "BITCOUNT", "k", off, end, "BIT")
			expect(Count(b), "BITCOUNT", "k")
		case 3:
			if end, bit := rnd.IntN(700), rnd.IntN(2); len(b) > 0 {
				expect(PosRange(b, bit, off, end), "BITPOS", "k", bit, off, end, "BIT")
			}
		case 4:
			expect([]uint64{GetUnsigned(b, off, width)}, "BITFIELD_RO", "k", "GET", fmt.Sprint("u", width), off)
			expect([]int64{GetSigned(b, off, width+1)}, "BITFIELD_RO", "k", "GET", fmt.Sprint("i", width+1), off)
		case 5:
			width++
			grow()
			old := GetSigned(b, off, width)
			r, over := AddSigned(old, v, width, mode)
			var want any = r
			if over && mode == Fail {
				want = nil
			} else {
				SetUnsigned(b, off, width, uint64(r))
			}
			expect([]any{want}, "BITFIELD", "k", "OVERFLOW", name, "INCRBY", fmt.Sprint("i", width), off, v)
		case 6:
			grow()
			old := GetUnsigned(b, off, width)
			r, over := AddUnsigned(old, v, width, mode)
			var want any = int64(r)
			if over && mode == Fail {
				want = nil
			} else {
				SetUnsigned(b, off, width, r)
			}
			expect([]any{want}, "BITFIELD", "k", "OVERFLOW", name, "INCRBY", fmt.Sprint("u", width), off, v)
		case 7:
			grow()
			old := GetUnsigned(b, off, width)
			r, over := AddUnsigned(uint64(v), 0, width, mode)
			var want any = int64(old)
			if over && mode == Fail {
				want = nil
			} else {
				SetUnsigned(b, off, width, r)
			}
			expect([]any{want}, "BITFIELD", "k", "OVERFLOW", name, "SET", fmt.Sprint("u", width), off, v)
		case 8:
			width++
			grow()
			old := GetSigned(b, off, width)
			r, over := AddSigned(v, 0, width, mode)
			var want any = old
			if over && mode == Fail {
				want = nil
			} else {
				SetUnsigned(b, off, width, uint64(r))
			}
			expect([]any{want}, "BITFIELD", "k", "OVERFLOW", name, "SET", fmt.Sprint("i", width), off, v)
		}
		if got, _ := o.Do("GET", "k").(string); got != string(b) {
			t.Fatalf("the string is %x, ours %x", got, b)
		}
	}
	for range 200 {
		args := []any{""}
		var srcs [][]byte
		for i := range rnd.IntN(4) + 1 {
			s := make([]byte, rnd.IntN(200))
			for j := range s {
				s[j] = byte(rnd.Uint32())
			}
			srcs = append(srcs, s)
			o.Do("SET", i, s)
			args = append(args, i)
		}
		for name, f := range map[string]func([]byte, ...[]byte) []byte{"AND": And, "OR": Or, "XOR": Xor} {
			o.Do(append([]any{"BITOP", name, "dst"}, args[1:]...)...)
			if got, _ := o.Do("GET", "dst").(string); got != string(f(nil, srcs...)) {
				t.Fatalf("BITOP %s of %x is %x", name, srcs, got)
			}
		}
		o.Do("BITOP", "NOT", "dst", 0)
		if got, _ := o.Do("GET", "dst").(string); got != string(Not(nil, srcs[0])) {
			t.Fatalf("BITOP NOT of %x is %x", srcs[0], got)
		}
	}
}

func BenchmarkBits(b *testing.B) {
	x, y, z := make([]byte, 1<<20), bytes.Repeat([]byte{3}, 1<<20), bytes.Repeat([]byte{5}, 1<<20)
	dst := make([]byte, 1<<20)
	for _, r := range []struct {
		name string
		f    func()
	}{
		{"count", func() { Count(y) }},
		{"pos", func() { Pos(x, 1) }},
		{"and3", func() { And(dst, x, y, z) }},
		{"xor3", func() { Xor(dst, x, y, z) }},
		{"not", func() { Not(dst, x) }},
	} {
		b.Run(r.name, func(b *testing.B) {
			b.SetBytes(1 << 20)
			for b.Loop() {
				r.f()
			}
		})
	}
	b.Run("field", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			v, _ := AddSigned(GetSigned(y, i&1023, 13), 7, 13, Wrap)
			SetUnsigned(y, i&1023, 13, uint64(v))
		}
	})
}
