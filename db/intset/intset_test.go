package intset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// model is the truth: the members, and the width that has been needed so far.
type model struct {
	has   map[int64]bool
	width int
}

func (m *model) sorted() []int64 {
	var out []int64
	for v := range m.has {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// agree holds a set against its model, in every way that it can be asked.
func (m *model) agree(t *testing.T, s []byte) {
	t.Helper()
	if err := Check(s); err != nil {
		t.Fatalf("%v: %x", err, s)
	}
	want := m.sorted()
	if Len(s) != len(want) || int(s[0]) != m.width {
		t.Fatalf("%d members of %d bytes, want %d of %d", Len(s), s[0], len(want), m.width)
	}
	var got []int64
	Each(s, func(v int64) bool {
		got = append(got, v)
		return true
	})
	if !slices.Equal(got, want) {
		t.Fatalf("members %v, want %v", got, want)
	}
	longest := 0
	for i, v := range want {
		if At(s, i) != v || !Has(s, v) {
			t.Fatalf("member %d: At %d, Has %v, want %d", i, At(s, i), Has(s, v), v)
		}
		longest = max(longest, len(strconv.FormatInt(v, 10)))
	}
	if Digits(s) != longest {
		t.Fatalf("longest of %v: %d digits, want %d", want, Digits(s), longest)
	}
}

// number makes an integer of one of the widths, close to its edges at times.
func number(b []byte) (int64, []byte) {
	if len(b) < 3 {
		return 0, nil
	}
	v := int64(int16(binary.LittleEndian.Uint16(b[1:]))) >> (b[0] >> 4 & 7)
	switch b[0] & 15 {
	case 0:
		v += math.MaxInt32 - 100
	case 1:
		v = v<<32 | v&0xffff
	case 2:
		v += math.MinInt32 + 100
	case 3:
		v = math.MaxInt64 - v&0xff
	case 4:
		v = math.MinInt64 + v&0xff
	}
	return v, b[3:]
}

// play makes operations of bytes, and returns the set that came of them.
func play(t *testing.T, in []byte) ([]byte, *model) {
	s, m := New(), &model{map[int64]bool{}, 2}
	for len(in) > 0 {
		op := in[0]
		var v int64
		v, in = number(in[1:])
		var changed bool
		before := m.has[v]
		if op&3 == 0 {
			s, changed = Remove(s, v)
			delete(m.has, v)
		} else {
			s, changed = Add(s, v)
			m.has[v], m.width, before = true, max(m.width, widthOf(v)), !before
		}
		if changed != before {
			t.Fatalf("operation %d of %d says %v", op, v, changed)
		}
		if op&64 != 0 {
			s = slices.Clip(s) // the next addition has no room
		}
		if Has(s, v) != m.has[v] {
			t.Fatalf("Has(%d) = %v after operation %d", v, !m.has[v], op)
		}
		if len(m.has) < 12 || op&56 == 0 {
			m.agree(t, s)
		}
	}
	m.agree(t, s)
	return s, m
}

func FuzzSet(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		b := make([]byte, 800)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		cut := len(in) / 3
		a, ma := play(t, in[:cut])
		b, mb := play(t, in[cut:])
		for _, op := range []struct {
			name string
			f    func(dst, a, b []byte) []byte
			in   func(v int64) bool
		}{
			{"intersection", Intersect, func(v int64) bool { return ma.has[v] && mb.has[v] }},
			{"union", Union, func(v int64) bool { return ma.has[v] || mb.has[v] }},
			{"difference", Diff, func(v int64) bool { return ma.has[v] && !mb.has[v] }},
		} {
			want := &model{map[int64]bool{}, 2}
			for _, m := range []*model{ma, mb} {
				for v := range m.has {
					if op.in(v) {
						want.has[v], want.width = true, max(want.width, widthOf(v))
					}
				}
			}
			for _, dst := range [][]byte{nil, bytes.Repeat([]byte{0xee}, len(in))} {
				t.Log(op.name)
				want.agree(t, op.f(dst, a, b))
			}
		}
		ma.agree(t, a)
		mb.agree(t, b)
	})
}

// FuzzCheck holds that bytes which pass are a set in which everything can be asked.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{2, 1, 0, 2, 0})
	f.Add([]byte{4, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if Check(b) != nil {
			return
		}
		m := &model{map[int64]bool{}, int(b[0])}
		for i := range Len(b) {
			m.has[At(b, i)] = true
		}
		m.agree(t, b)
	})
}

func TestCheck(t *testing.T) {
	for _, r := range []struct {
		b  []byte
		ok bool
	}{
		{nil, false},
		{[]byte{2}, true},
		{[]byte{0}, false},
		{[]byte{3, 1, 2, 3}, false},
		{[]byte{2, 1}, false},
		{[]byte{2, 1, 0, 1, 0}, false},                               // twice
		{[]byte{2, 0xff, 0xff, 1, 0}, true},                          // -1, 1
		{[]byte{2, 1, 0, 0xff, 0xff}, false},                         // 1, -1
		{[]byte{8, 0, 0, 0, 0, 0, 0, 0, 0x80}, true},                 // the smallest there is
		{append([]byte{8}, bytes.Repeat([]byte{0}, 16)...), false},   // 0, 0
		{[]byte{4, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f}, true},     // both edges
		{[]byte{4, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f, 0}, false}, // and a byte too many
	} {
		if err := Check(r.b); (err == nil) != r.ok {
			t.Errorf("Check(%x) = %v", r.b, err)
		}
	}
}

// filled is a set of n members, every step-th number.
func filled(n, step int) []byte {
	s := New()
	for i := range n {
		s, _ = Add(s, int64(i*step))
	}
	return s
}

func BenchmarkHas(b *testing.B) {
	s := filled(512, 3)
	for i := 0; b.Loop(); i++ {
		Has(s, int64(i%1536))
	}
}

func BenchmarkAddRemove(b *testing.B) {
	s := filled(512, 3)
	for i := 0; b.Loop(); i++ {
		v := int64(i % 512 * 3)
		s, _ = Remove(s, v)
		s, _ = Add(s, v)
	}
}

func BenchmarkAlgebra(b *testing.B) {
	for _, size := range []int{8, 512} {
		x, y := filled(size, 3), filled(512, 2)
		dst := make([]byte, 0, 5000)
		for _, op := range []struct {
			name string
			f    func(dst, a, b []byte) []byte
		}{{"intersect", Intersect}, {"union", Union}, {"diff", Diff}} {
			b.Run(fmt.Sprintf("%s/%d", op.name, size), func(b *testing.B) {
				for b.Loop() {
					op.f(dst, x, y)
				}
			})
		}
	}
}
