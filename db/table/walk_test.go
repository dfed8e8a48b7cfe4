package table

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"testing"

	"redust/db/cow"
)

// keySet is the truth about a table of members.
type keySet map[string]bool

func number(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

func (m keySet) add(t *testing.T, tab *Table, i int) {
	t.Helper()
	key := number(i)
	if i%97 == 0 {
		key = append(key, make([]byte, 300)...) // too long for a slab
	}
	if tab.Add(tab.Hash(key), key) == m[string(key)] {
		t.Fatalf("Add(%d) says that it was there: %v", i, m[string(key)])
	}
	m[string(key)] = true
}

// agree walks the table and compares.
func (m keySet) agree(t *testing.T, tab *Table) {
	t.Helper()
	tab.check()
	met, last := keySet{}, uint64(0)
	for w := tab.Walk(); w.Next(); {
		if w.At() < last || w.End() != 0 && w.End() <= w.At() {
			t.Fatalf("page of [%x, %x) after %x", w.At(), w.End(), last)
		}
		last = w.End()
		for s := w.Slots(); s != 0; s &= s - 1 {
			i := bits.TrailingZeros64(s)
			key := string(w.Key(i))
			if h := w.Hash(i); h != tab.Hash([]byte(key)) || h < w.At() || h > w.End()-1 {
				t.Fatalf("%x of hash %x in the page of [%x, %x)", key, h, w.At(), w.End())
			}
			if !m[key] || met[key] {
				t.Fatalf("met %x: there %v, met before %v", key, m[key], met[key])
			}
			met[key] = true
		}
	}
	if len(met) != len(m) || tab.Len() != len(m) {
		t.Fatalf("met %d of %d, Len %d", len(met), len(m), tab.Len())
	}
}

// TestSweep fills tables, takes random parts away, and compares, with copies alive.
func TestSweep(t *testing.T) {
	seed, clock := maphash.MakeSeed(), cow.NewClock()
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 30, 64, 65, 500, 20_000, 60_000} {
		for _, of100 := range []int{0, 1, 50, 97, 100} {
			tab, m := NewMembers(seed, clock), keySet{}
			if of100 == 50 {
				tab = NewMembersFor(seed, clock, size, 4*size)
			}
			for i := range size {
				m.add(t, tab, i)
			}
			m.agree(t, tab)
			before, all := tab.Share(), make(keySet, size)
			for k := range m {
				all[k] = true
			}
			tab.Sweep(func(w *Walk) (gone uint64) {
				for s := w.Slots(); s != 0; s &= s - 1 {
					if i := bits.TrailingZeros64(s); r.IntN(100) < of100 {
						gone |= 1 << i
						delete(m, string(w.Key(i)))
					}
				}
				return gone
			})
			m.agree(t, tab)
			all.agree(t, before)
			for i := size; i < size+100; i++ {
				m.add(t, tab, i)
			}
			m.agree(t, tab)
		}
	}
}

// TestIn looks one table up in another while walking it.
func TestIn(t *testing.T) {
	seed, clock := maphash.MakeSeed(), cow.NewClock()
	for _, r := range [][2]int{{0, 0}, {1, 100}, {100, 1}, {300, 20_000}, {20_000, 300}, {5000, 5000}, {5000, 9000}, {9000, 5000}, {40_000, 40_000}} {
		a, ma := NewMembers(seed, clock), keySet{}
		b, mb := NewMembers(seed, clock), keySet{}
		for i := range r[0] {
			ma.add(t, a, i*2)
		}
		for i := range r[1] {
			mb.add(t, b, i*3)
		}
		// Without some of them, others stand away from a home that has room again.
		for key := range ma {
			if h := a.Hash([]byte(key)); h>>20&3 == 0 {
				a.Delete(h, []byte(key))
				delete(ma, key)
			}
		}
		for key := range mb {
			if h := b.Hash([]byte(key)); h>>22&3 == 0 {
				b.Delete(h, []byte(key))
				delete(mb, key)
			}
		}
		for w := a.Walk(); w.Next(); {
			found := w.In(b, w.Slots())
			for s := w.Slots(); s != 0; s &= s - 1 {
				if i := bits.TrailingZeros64(s); mb[string(w.Key(i))] != (found>>i&1 != 0) {
					t.Fatalf("%v: %x found: %v", r, w.Key(i), found>>i&1)
				}
			}
		}
	}
}

// TestWalkWhileChanging holds that a key which stays is met exactly once, and none after it
// has gone, whatever pages split and join meanwhile.
func TestWalkWhileChanging(t *testing.T) {
	seed, clock := maphash.MakeSeed(), cow.NewClock()
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 20 {
		tab, stays := NewMembers(seed, clock), keySet{}
		const n = 20_000
		for i := range n {
			key := number(i)
			tab.Add(tab.Hash(key), key)
			if i%40 == 0 {
				stays[string(key)] = true
			}
		}
		met := keySet{}
		for w := tab.Walk(); w.Next(); {
			for s := w.Slots(); s != 0; s &= s - 1 {
				key := string(w.Key(bits.TrailingZeros64(s)))
				if met[key] {
					t.Fatalf("%x met again", key)
				}
				met[key] = true
			}
			for range 40 + 10*round {
				i := r.IntN(n)
				key := number(i)
				switch {
				case stays[string(key)]:
				case round%2 == 0 || r.IntN(3) > 0:
					tab.Delete(tab.Hash(key), key)
				case !met[string(key)]:
					tab.Add(tab.Hash(key), key)
				}
			}
		}
		for key := range stays {
			if !met[key] {
				t.Fatalf("%x was not met", key)
			}
		}
		tab.check()
	}
}

func BenchmarkAdd(b *testing.B) {
	seed, clock := maphash.MakeSeed(), cow.NewClock()
	const n = 100_000
	for _, sized := range []bool{false, true} {
		b.Run(fmt.Sprintf("sized=%v", sized), func(b *testing.B) {
			b.ReportAllocs()
			var tab *Table
			for i := 0; b.Loop(); i++ {
				if i%n == 0 {
					if tab = NewMembers(seed, clock); sized {
						tab = NewMembersFor(seed, clock, n, 16*n)
					}
				}
				key := binary.BigEndian.AppendUint64([]byte("12345678"), uint64(i%n))
				tab.Add(tab.Hash(key), key)
			}
		})
	}
}

func BenchmarkIn(b *testing.B) {
	seed, clock := maphash.MakeSeed(), cow.NewClock()
	for _, n := range []int{5000, 100_000, 1_000_000} {
		x, y := NewMembers(seed, clock), NewMembers(seed, clock)
		for i := range n {
			key := binary.BigEndian.AppendUint64([]byte("12345678"), uint64(i))
			x.Add(x.Hash(key), key)
			key = binary.BigEndian.AppendUint64([]byte("12345678"), uint64(i+n/2))
			y.Add(y.Hash(key), key)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			found := 0
			for b.Loop() {
				for w := x.Walk(); w.Next(); {
					found += bits.OnesCount64(w.In(y, w.Slots()))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}
