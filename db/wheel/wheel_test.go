package wheel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"redust/internal/assert"
)

// check panics if a slot that time has passed is not empty, or if bits and slots differ.
func (w *Wheel) check() {
	n := 0
	for l := range w.level {
		for s := range slots {
			var list []Ref
			if w.level[l] != nil {
				list = w.level[l][s]
			}
			assert.That((len(list) > 0) == (w.used[l]>>s&1 == 1), "wheel: bit and slot differ")
			now := int(w.now >> (digit * l) & (slots - 1))
			assert.That(len(list) == 0 || s >= now, "wheel: appointment in a slot that is over")
			n += len(list)
			for _, r := range list {
				at := max(r.At, w.now)
				assert.That(int(at>>(digit*l)&(slots-1)) == s, "wheel: appointment in the wrong slot")
				assert.That(at>>(digit*(l+1)) == w.now>>(digit*(l+1)), "wheel: appointment on a level too low")
			}
		}
	}
	assert.That(n == w.len, "wheel: appointments miscounted")
}

func FuzzWheel(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		b := make([]byte, 900)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		var w Wheel
		now := int64(1_700_000_000_000)
		w.Advance(now, 1, nil)
		truth := map[uint64]int64{}
		id := uint64(0)
		turn := 0
		for len(in) > 0 {
			switch op := next(); op % 4 {
			case 0, 1:
				id++
				at := now + int64(next())<<(next()%50) - 5
				truth[id] = at
				w.Add(id, at)
			case 2:
				now += int64(next()) << (next() % 40)
				budget := 1 + int(next())
				last := int64(-1 << 62)
				for done := false; !done; {
					done = w.Advance(now, budget, func(r Ref) {
						at, ok := truth[r.ID]
						if !ok || at != r.At {
							t.Fatalf("appointment %v fired, the truth is %d %v", r, at, ok)
						}
						if at > now {
							t.Fatalf("appointment %v fired at %d", r, now)
						}
						if w.now < last {
							t.Fatalf("time ran backwards, from %d to %d", last, w.now)
						}
						last = w.now
						delete(truth, r.ID)
					})
				}
				for id, at := range truth {
					if at <= now {
						t.Fatalf("appointment %d at %d did not fire by %d", id, at, now)
					}
				}
			case 3:
				turn = w.Sweep(turn, int(next()), func(r Ref) bool {
					if r.ID%3 == 0 {
						delete(truth, r.ID)
						return false
					}
					return true
				})
			}
			w.check()
			if w.Len() != len(truth) {
				t.Fatalf("Len is %d, want %d", w.Len(), len(truth))
			}
			if at, ok := w.Next(); ok {
				first := int64(1<<63 - 1)
				for _, x := range truth {
					first = min(first, max(x, now))
				}
				if at > first {
					t.Fatalf("Next is %d, an appointment is at %d", at, first)
				}
			} else if len(truth) > 0 {
				t.Fatal("no Next, but appointments")
			}
		}
	})
}

// TestOrder: appointments fire in order of their times, however far apart they are.
func TestOrder(t *testing.T) {
	var w Wheel
	w.Advance(1000, 1, nil)
	r := rand.New(rand.NewPCG(3, 4))
	var want, got []int64
	for i := range 10000 {
		at := 1000 + int64(r.Uint64N(1<<(1+i%40)))
		want = append(want, at)
		w.Add(uint64(i), at)
	}
	slices.Sort(want)
	for !w.Advance(1<<50, 100, func(r Ref) { got = append(got, r.At) }) {
	}
	if !slices.Equal(got, want) {
		t.Error("appointments fired out of order")
	}
}

// TestAddWhileFiring: what is due at once when it is made fires in the same Advance.
func TestAddWhileFiring(t *testing.T) {
	var w Wheel
	w.Add(1, 5)
	var got []uint64
	w.Advance(10, 100, func(r Ref) {
		got = append(got, r.ID)
		if r.ID < 4 {
			w.Add(r.ID+1, int64(r.ID))
		}
	})
	if !slices.Equal(got, []uint64{1, 2, 3, 4}) {
		t.Errorf("fired %v", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	var w Wheel
	now := int64(1 << 40)
	w.Advance(now, 1, nil)
	for i := 0; b.Loop(); i++ {
		w.Add(uint64(i), now+int64(i%60000))
		if i%1000 == 999 {
			now += 60
			for !w.Advance(now, 1000, func(Ref) {}) {
			}
		}
	}
}
