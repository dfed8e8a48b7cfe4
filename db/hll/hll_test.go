package hll

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"redust/tests/redis"
)

// check walks a value: it is valid, a sparse one covers all registers, and cached
// numbers are the ones that would be counted.
func check(t *testing.T, b []byte) *Registers {
	t.Helper()
	var r Registers
	if err := r.Merge(b); err != nil {
		t.Fatalf("merge %.80q: %v", b, err)
	}
	n, cached, err := Count(b)
	if err != nil {
		t.Fatalf("count %.80q: %v", b, err)
	}
	if want := r.Count(); n != want {
		t.Fatalf("Count = %d (cached %v), the registers say %d", n, cached, want)
	}
	return &r
}

func TestMurmur64A(t *testing.T) {
	// Pinned with the help of a real server: PFADD, then PFDEBUG DECODE.
	for _, r := range []struct {
		element string
		index   int
		rank    uint8
	}{
		{"a", 12711, 2}, {"b", 15780, 1}, {"c", 8436, 1},
	} {
		if index, rank := place([]byte(r.element)); index != r.index || rank != r.rank {
			t.Errorf("place(%q) = %d, %d, want %d, %d", r.element, index, rank, r.index, r.rank)
		}
	}
}

func TestLanes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		x, y := rnd.Uint64()>>16, rnd.Uint64()>>16
		a, b := spread(x), spread(y)
		m := larger(a, b)
		for i := range 8 {
			va, vb := x>>(6*i)&63, y>>(6*i)&63
			if got := a >> (8 * i) & 255; got != va {
				t.Fatalf("spread(%#x) lane %d = %d, want %d", x, i, got, va)
			}
			if got := m >> (8 * i) & 255; got != max(va, vb) {
				t.Fatalf("larger(%#x, %#x) lane %d = %d", a, b, i, got)
			}
		}
		if pack(a) != x {
			t.Fatalf("pack(spread(%#x)) = %#x", x, pack(a))
		}
	}
}

// Eight opcodes at once must see what one at a time sees.
func TestSpan8(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	for range 20_000 {
		b := binary.LittleEndian.AppendUint64(nil, rnd.Uint64())
		want := 0
		for i := range b {
			if rnd.IntN(20) > 0 && isXZero(b[i]) {
				b[i] &^= 0x40
			}
		}
		for i := range b {
			if isXZero(b[i]) {
				want = 0
				break
			}
			span, _ := opcode(b, i)
			want += span
		}
		if got := span8(binary.LittleEndian.Uint64(b)); got != want {
			t.Fatalf("span8(%x) = %d, want %d", b, got, want)
		}
	}
}

func TestSelfTest(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	good := New()
	for _, r := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, ErrNotHLL},
		{"short header", good[:15], ErrNotHLL},
		{"magic", append([]byte("HYLl"), good[4:]...), ErrNotHLL},
		{"encoding 2", append([]byte("HYLL\x02"), good[5:]...), ErrNotHLL},
		{"dense, wrong length", append([]byte("HYLL\x00"), good[5:]...), ErrNotHLL},
		{"no opcodes", good[:16], ErrCorrupt},
		{"cut XZERO", good[:17], ErrCorrupt},
		{"too few", append(good[:16:16], 0x7f, 0xfe), ErrCorrupt},
		{"too many", append(good[:18:18], 0x00), ErrCorrupt},
	} {
		b := bytes.Clone(r.b)
		if len(b) >= headerLen {
			Invalidate(b)
		}
		before := bytes.Clone(b)
		if _, _, err := Count(b); !errors.Is(err, r.want) {
			t.Errorf("%s: Count: %v, want %v", r.name, err, r.want)
		}
		if err := new(Registers).Merge(b); !errors.Is(err, r.want) {
			t.Errorf("%s: Merge: %v, want %v", r.name, err, r.want)
		}
		if _, err := ToDense(b); !errors.Is(err, r.want) {
			t.Errorf("%s: ToDense: %v, want %v", r.name, err, r.want)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%s: changed by reading", r.name)
		}
	}
}

// A fresh value carries a valid zero, an added one a stale number, until SetCount.
func TestCache(t *testing.T) {
	b := New()
	if n, cached, err := Count(b); n != 0 || !cached || err != nil {
		t.Errorf("Count(New()) = %d, %v, %v", n, cached, err)
	}
	b, changed, err := Add(b, []byte("a"), 3000)
	if !changed || err != nil {
		t.Fatalf("Add = %v, %v", changed, err)
	}
	n, cached, err := Count(b)
	if n != 1 || cached || err != nil {
		t.Errorf("Count = %d, %v, %v", n, cached, err)
	}
	SetCount(b, n)
	if n, cached, _ := Count(b); n != 1 || !cached {
		t.Errorf("Count = %d, %v after SetCount", n, cached)
	}
	before := bytes.Clone(b)
	if b, changed, err = Add(b, []byte("a"), 3000); changed || err != nil || !bytes.Equal(b, before) {
		t.Errorf("the same element again changed the value: %v, %v", changed, err)
	}
}

// Store's finger must never change the outcome.
func TestStoreLikeSingleSteps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for round := range 400 {
		var r Registers
		density, top := rnd.IntN(60)+1, rnd.IntN(4)+1
		if round%10 == 0 {
			top = 40
		}
		for i := range r {
			if rnd.IntN(density) == 0 {
				r[i] = uint8(rnd.IntN(top) + 1)
			}
		}
		limit := []int{0, 100, 3000, 20000}[rnd.IntN(4)]
		start := New()
		for range rnd.IntN(300) {
			start, _, _ = Add(start, fmt.Append(nil, rnd.IntN(1000)), limit)
		}
		if err := r.Merge(start); err != nil {
			t.Fatal(err)
		}
		got, err := r.Store(bytes.Clone(start), false, limit)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(start)
		for i, rank := range r {
			if rank == 0 {
				continue
			}
			if Dense(want) {
				raiseDense(want, i, rank)
			} else if want, _, err = raiseSparse(want, i, rank, limit, &finger{}); err != nil {
				t.Fatal(err)
			}
		}
		Invalidate(want)
		if !bytes.Equal(got, want) {
			t.Fatalf("round %d, density %d, limit %d: Store differs from single steps", round, density, limit)
		}
		if *check(t, got) != r {
			t.Fatalf("round %d: registers got lost", round)
		}
	}
}

func TestAddModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for round := range 20 {
		var model Registers
		b, limit := New(), []int{0, 64, 1000, 3000, 16000}[rnd.IntN(5)]
		for i := range 6000 {
			index, rank := rnd.IntN(regs)>>(round%3*4), uint8(rnd.IntN(8)+1)
			if rnd.IntN(8000) == 0 {
				rank = uint8(rnd.IntN(maxRank) + 1)
			}
			grows := model[index] < rank
			model[index] = max(model[index], rank)
			var changed bool
			var err error
			if Dense(b) {
				changed = raiseDense(b, index, rank)
			} else {
				b, changed, err = raiseSparse(b, index, rank, limit, &finger{})
			}
			if err != nil || changed != grows {
				t.Fatalf("register %d to %d: changed %v, %v", index, rank, changed, err)
			}
			if i%100 == 0 {
				Invalidate(b)
				if *check(t, b) != model {
					t.Fatalf("round %d step %d: registers differ", round, i)
				}
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	b := make([]byte, 0, 4096)
	b = append(b, New()...)
	for i := range 500 {
		b, _, _ = Add(b, fmt.Append(nil, i), 3000)
	}
	d, _ := ToDense(b)
	var r Registers
	var element [8]byte
	seq := uint64(0)
	if n := testing.AllocsPerRun(100, func() {
		seq++
		binary.LittleEndian.PutUint64(element[:], seq)
		b, _, _ = Add(b, element[:], 3000)
		_ = r.Merge(b)
		_ = r.Merge(d)
		_, _, _ = Count(b)
		_, _ = r.Store(d, true, 3000)
	}); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}

// FuzzHostile hands arbitrary bytes to everything: no panic, and no success that leaves
// something invalid.
func FuzzHostile(f *testing.F) {
	f.Add(New()[4:], []byte("a"), uint16(3000))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x7f}, []byte("b"), uint16(30))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x83, 0x84, 0x20, 0x7f, 0xf0, 0xff}, []byte(""), uint16(0))
	f.Add(bytes.Repeat([]byte{0}, denseLen-4), []byte("xyz"), uint16(0))
	f.Fuzz(func(t *testing.T, tail, element []byte, limit uint16) {
		b := append([]byte("HYLL"), tail...)
		var r Registers
		valid := Valid(b)
		mergeErr := r.Merge(bytes.Clone(b))
		_, _, countErr := Count(bytes.Clone(b))
		if valid == errors.Is(countErr, ErrNotHLL) || valid == errors.Is(mergeErr, ErrNotHLL) {
			t.Fatalf("valid %v, count %v, merge %v", valid, countErr, mergeErr)
		}
		DecodeSparse(b)
		_, _ = ToDense(bytes.Clone(b))
		before := bytes.Clone(b)
		out, changed, err := Add(bytes.Clone(b), element, int(limit))
		if err != nil && (changed || !bytes.Equal(out, before)) {
			t.Fatal("changed in spite of an error")
		}
		if err == nil && mergeErr == nil {
			var after Registers
			if err := after.Merge(out); err != nil {
				t.Fatalf("Add made a corrupt value: %v", err)
			}
			index, rank := place(element)
			r[index] = max(r[index], rank)
			if r != after {
				t.Fatal("Add changed other registers")
			}
		}
		stored, err := r.Store(bytes.Clone(b), limit%2 == 0, int(limit))
		if err == nil && mergeErr == nil {
			var after Registers
			if err := after.Merge(stored); err != nil || after != r {
				t.Fatalf("Store lost registers: %v", err)
			}
		}
	})
}

// dump returns the stored bytes of a key.
func dump(o *redis.Oracle, key string) []byte {
	s, _ := o.Do("GET", key).(string)
	return []byte(s)
}

// TestOracle plays the same commands here and on a real server and compares the stored
// bytes after every one.
func TestOracle(t *testing.T) {
	o := redis.Start(t)
	rnd := rand.New(rand.NewPCG(4, 4))
	for _, limit := range []int{3000, 100, 0, 12000} {
		o.Do("CONFIG", "SET", "hll-sparse-max-bytes", limit)
		o.Do("FLUSHALL")
		mine := map[string][]byte{}
		for step := range 3000 {
			key := fmt.Sprint("k", rnd.IntN(12))
			switch op := rnd.IntN(100); {
			case op < 80: // PFADD
				args := []any{"PFADD", key}
				for range rnd.IntN(1 << rnd.IntN(7)) {
					args = append(args, fmt.Sprint(rnd.IntN(100_000)))
				}
				b, had := mine[key]
				if !had {
					b = New()
					Invalidate(b)
				}
				any := !had
				for _, a := range args[2:] {
					var changed bool
					var err error
					if b, changed, err = Add(b, []byte(a.(string)), limit); err != nil {
						t.Fatal(err)
					}
					any = any || changed
				}
				mine[key] = b
				if got := o.Do(args...).(int64) == 1; got != any {
					t.Fatalf("limit %d step %d: PFADD says %v, we %v", limit, step, got, any)
				}
			case op < 88: // PFCOUNT of one, which writes
				if b := mine[key]; b != nil {
					n, cached, err := Count(b)
					if err != nil {
						t.Fatal(err)
					}
					if !cached {
						SetCount(b, n)
					}
					if want := o.Do("PFCOUNT", key); want != int64(n) {
						t.Fatalf("PFCOUNT = %v, we say %d", want, n)
					}
				}
			case op < 94: // PFCOUNT of several
				var r Registers
				args := []any{"PFCOUNT"}
				for range rnd.IntN(3) + 2 {
					k := fmt.Sprint("k", rnd.IntN(12))
					args = append(args, k)
					if b := mine[k]; b != nil {
						if err := r.Merge(b); err != nil {
							t.Fatal(err)
						}
					}
				}
				if want := o.Do(args...); want != int64(r.Count()) {
					t.Fatalf("%v = %v, we say %d", args, want, r.Count())
				}
			case op < 98: // PFMERGE
				var r Registers
				args, anyDense := []any{"PFMERGE"}, false
				for i := range rnd.IntN(4) + 1 {
					k := key
					if i > 0 {
						k = fmt.Sprint("k", rnd.IntN(12))
					}
					args = append(args, k)
					if b := mine[k]; b != nil {
						anyDense = anyDense || Dense(b)
						if err := r.Merge(b); err != nil {
							t.Fatal(err)
						}
					}
				}
				b := mine[key]
				if b == nil {
					b = New()
				}
				var err error
				if mine[key], err = r.Store(b, anyDense, limit); err != nil {
					t.Fatal(err)
				}
				o.Do(args...)
			default:
				delete(mine, key)
				o.Do("DEL", key)
			}
			if got := mine[key]; !bytes.Equal(got, dump(o, key)) {
				t.Fatalf("limit %d step %d: bytes differ for %s:\n we %.300q\nred %.300q", limit, step, key, got, dump(o, key))
			}
			if b := mine[key]; b != nil && !Dense(b) && step%10 == 0 {
				text, ok := DecodeSparse(b)
				if want := o.Do("PFDEBUG", "DECODE", key); !ok || want != text {
					t.Fatalf("DECODE %q, want %q", text, want)
				}
			}
		}
	}
}

// A rank above 32 takes one element in 2^32: here it comes out of a dense value instead,
// which a server then merges.
func TestOraclePromotionByRank(t *testing.T) {
	o := redis.Start(t)
	o.Do("CONFIG", "SET", "hll-sparse-max-bytes", 3000)
	var r Registers
	b := New()
	for i := range 200 {
		b, _, _ = Add(b, fmt.Append(nil, i), 3000)
	}
	if err := r.Merge(b); err != nil {
		t.Fatal(err)
	}
	r[777] = 33
	d, err := ToDense(b)
	if err != nil {
		t.Fatal(err)
	}
	setDense(d, 777, 33)
	Invalidate(d)
	got, err := r.Store(bytes.Clone(b), false, 3000)
	if err != nil || !bytes.Equal(got, d) {
		t.Fatalf("a rank of 33 did not make the value dense as it should: %v", err)
	}
	o.Do("SET", "d", d)
	o.Do("SET", "s", b)
	o.Do("PFMERGE", "s", "d")
	if !bytes.Equal(dump(o, "s"), got) {
		t.Fatal("PFMERGE leaves other bytes")
	}
}

// Values that no HyperLogLog code ever wrote: counts of arbitrary registers and the
// verdict on arbitrary opcodes.
func TestOracleHostile(t *testing.T) {
	o := redis.Start(t)
	rnd := rand.New(rand.NewPCG(5, 5))
	for round := range 200 {
		b := make([]byte, denseLen)
		copy(b, "HYLL")
		Invalidate(b)
		top := rnd.IntN(64) + 1
		for i := range regs {
			rank := rnd.IntN(top)
			if round == 0 {
				rank = 63
			}
			if round == 1 {
				rank = maxRank
			}
			setDense(b, i, uint8(rank))
		}
		o.Do("SET", "k", b)
		n, _, err := Count(b)
		if want := o.Do("PFCOUNT", "k"); err != nil || want != int64(n) {
			t.Fatalf("round %d, registers up to %d: PFCOUNT = %v, we say %d, %v", round, top, want, n, err)
		}
	}
	verdicts := map[bool]int{}
	for range 3000 {
		b := New()[:headerLen]
		Invalidate(b)
		left := regs
		for left > 0 {
			if rnd.IntN(5) == 0 {
				n := min(left, rnd.IntN(regs)+1)
				b = append(b, 0, 0)
				putXZero(b[len(b)-2:], n)
				left -= n
			} else if rnd.IntN(2) == 0 {
				n := min(left, rnd.IntN(zeroMax)+1)
				b = append(b, byte(n-1))
				left -= n
			} else {
				n := min(left, rnd.IntN(valMaxLen)+1)
				b = append(b, val(uint8(rnd.IntN(valMaxRank)+1), n))
				left -= n
			}
		}
		switch rnd.IntN(3) {
		case 0:
			b[headerLen+rnd.IntN(len(b)-headerLen)] ^= 1 << rnd.IntN(8)
		case 1:
			b = append(b, byte(rnd.IntN(256)))
		}
		if cut(b) {
			continue // the deliberate difference
		}
		element := fmt.Append(nil, rnd.IntN(1000))
		same := func(command string, want any, err error) {
			t.Helper()
			_, isErr := want.(error)
			verdicts[isErr]++
			if isErr != (err != nil) {
				t.Fatalf("%s on %q: %v, we say %v", command, b, want, err)
			}
		}
		_, _, err := Count(b)
		o.Do("SET", "k", b)
		same("PFCOUNT", o.Do("PFCOUNT", "k"), err)
		o.Do("DEL", "new")
		same("PFMERGE", o.Do("PFMERGE", "new", "k"), new(Registers).Merge(b))
		o.Do("SET", "k", b)
		mine, _, err := Add(bytes.Clone(b), element, 3000)
		same("PFADD", o.Do("PFADD", "k", element), err)
		if got := dump(o, "k"); !bytes.Equal(mine, got) {
			t.Fatalf("PFADD on %q leaves\n%q, we\n%q", b, got, mine)
		}
	}
	if verdicts[true] < 500 || verdicts[false] < 500 {
		t.Errorf("one-sided: %v", verdicts)
	}
}

// cut reports whether the last opcode is an XZERO without its second byte.
func cut(b []byte) bool {
	for p := headerLen; p < len(b); {
		_, size := opcode(b, p)
		if size == 0 {
			return true
		}
		p += size
	}
	return false
}

func BenchmarkAddSparse(b *testing.B) {
	v := New()
	for i := range 900 {
		v, _, _ = Add(v, fmt.Append(nil, i), 3000)
	}
	b.ReportMetric(float64(len(v)), "bytes")
	for i := 0; b.Loop(); i++ {
		v, _, _ = Add(v, []byte{byte(i % 200), byte(i % 7)}, 30000)
	}
}

func BenchmarkAddDense(b *testing.B) {
	v, _ := ToDense(New())
	var e [8]byte
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(e[:], uint64(i))
		v, _, _ = Add(v, e[:], 3000)
	}
}

func BenchmarkDense(b *testing.B) {
	v, _ := ToDense(New())
	for i := range 100_000 {
		v, _, _ = Add(v, fmt.Append(nil, i), 3000)
	}
	var r Registers
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = Count(v)
		}
	})
	b.Run("merge", func(b *testing.B) {
		for b.Loop() {
			_ = r.Merge(v)
		}
	})
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			_, _ = r.Store(v, true, 3000)
		}
	})
}
