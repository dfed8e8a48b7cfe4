package stream

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"redust/db/cow"
)

// FuzzStream plays entries, groups, views and copies against slices and maps.
func FuzzStream(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		b := make([]byte, 1500)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p := newPlayer(t, in)
		for n := 0; len(p.in) > 0; n++ {
			p.step()
			if n%4 == 0 {
				p.s.check()
			}
			if n%32 == 0 {
				p.checkAll()
			}
		}
		p.checkAll()
	})
}

// TestViewsWhileWriting has other goroutines read frozen streams while the owner writes;
// the race detector watches.
func TestViewsWhileWriting(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	in := make([]byte, 60000)
	for i := range in {
		in[i] = byte(r.Uint32())
	}
	p := newPlayer(t, in)
	var wg sync.WaitGroup
	done := make(chan view, 4)
	living := 0
	for n := 0; len(p.in) > 0; n++ {
		if n%40 == 0 && living < 4 {
			p.s = p.s.Own()
			v := view{p.clock.Freeze(), p.s, p.m.clone()}
			living++
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 3 {
					v.m.compare(v.s)
				}
				done <- v
			}()
		}
		select {
		case v := <-done:
			p.clock.Release(v.token)
			living--
		default:
		}
		p.step()
	}
	wg.Wait()
	p.checkAll()
}

// TestLarge builds more than one level of everything.
func TestLarge(t *testing.T) {
	s := New(cow.NewClock())
	pair := [][]byte{[]byte("f"), []byte("v")}
	const n = 300_000
	s.CreateGroup([]byte("g"), ID{}, 0)
	for i := range uint64(n) {
		s.Append(ID{1000 + i/3, i % 3}, pair, Limits{4096, 3})
	}
	e, _ := s.Edit([]byte("g"))
	c := e.AddConsumer([]byte("c"), 1)
	var it Iter
	for it.Range(s, ID{}, MaxID()); it.Next(); {
		e.Deliver(it.ID, c, 1, 1)
		e.Advance(it.ID)
	}
	s.check()
	if got := s.Blocks(); got != n/3 {
		t.Errorf("%d blocks", got)
	}
	if lag, ok := s.Lag(e.Group); lag != 0 || !ok {
		t.Errorf("lag %d", lag)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, i := range r.Perm(n) {
		id := ID{1000 + uint64(i)/3, uint64(i) % 3}
		if i%5 != 0 {
			if !e.Acknowledge(id) || e.Acknowledge(id) {
				t.Fatalf("%v is not pending once", id)
			}
		}
		if i%3 != 0 && !s.Delete(id) {
			t.Fatalf("%v is not there", id)
		}
	}
	s.check()
	if s.Len() != n/3 || e.Pending() != n/5 {
		t.Errorf("%d entries, %d pending", s.Len(), e.Pending())
	}
	if got := s.Trim(Trim{Keep: 10}); got != n/3-10 {
		t.Errorf("trimmed %d", got)
	}
	s.check()
	e.RemoveConsumer(c)
	s.DestroyGroup([]byte("g"))
	s.Trim(Trim{})
	s.check()
	if s.blocks.len != 0 || s.packed != 0 {
		t.Errorf("%d blocks, %d bytes are left", s.blocks.len, s.packed)
	}
}

// TestSizes holds the constants by which parts are weighed.
func TestSizes(t *testing.T) {
	for name, r := range map[string][2]uintptr{
		"root":     {unsafe.Sizeof(Stream{}), rootBytes},
		"group":    {unsafe.Sizeof(Group{}), groupBytes},
		"consumer": {unsafe.Sizeof(Consumer{}), consumerBytes},
		"block":    {unsafe.Sizeof(block{}), blockBytes},
		"node":     {unsafe.Sizeof(node[delivery]{}), nodeBytes},
	} {
		if r[0] > r[1] || r[0]+16 < r[1] {
			t.Errorf("%s: %d bytes, weighed as %d", name, r[0], r[1])
		}
	}
}

func TestIDs(t *testing.T) {
	const most = math.MaxUint64
	for _, r := range []struct {
		a, b ID
		ok   bool
	}{
		{ID{1, 1}, ID{1, 2}, true},
		{ID{1, most}, ID{2, 0}, true},
		{ID{most, most}, ID{0, 0}, false},
	} {
		if b, ok := r.a.Next(); b != r.b || ok != r.ok {
			t.Errorf("after %v comes %v, %v", r.a, b, ok)
		}
		if a, ok := r.b.Prev(); a != r.a || ok != r.ok {
			t.Errorf("before %v comes %v, %v", r.b, a, ok)
		}
	}
	if got := string(MaxID().Append(nil)); got != "18446744073709551615-18446744073709551615" || len(got) != IDLen {
		t.Errorf("%s", got)
	}
}

// TestRadixNodes compares with a tree that is built.
func TestRadixNodes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		s := New(cow.NewClock())
		n := r.IntN(400)
		id := ID{r.Uint64() >> (8 * r.IntN(8)), 0}
		keys := map[string]bool{}
		for range n {
			id, _ = ID{id.Ms, id.Seq + r.Uint64()>>(8*(1+r.IntN(7)))>>1}.Next()
			id.Ms += r.Uint64() >> (8 * (1 + r.IntN(7))) >> 8 * uint64(r.IntN(2))
			if !s.last.Less(id) {
				break
			}
			s.Append(id, [][]byte{{'a'}, {'b'}}, Limits{Entries: 1})
			keys[fmt.Sprintf("%016x%016x", id.Ms, id.Seq)] = true
		}
		if got, want := s.RadixNodes(), radix(keys, 0); got != want {
			t.Fatalf("%d nodes for %d keys, want %d", got, len(keys), want)
		}
	}
}

// radix counts the nodes of a radix tree over hexadecimal keys, from a byte on.
func radix(keys map[string]bool, from int) int {
	if len(keys) == 0 {
		return 1
	}
	run := 0
	for ; from < keyLen; from++ {
		kids := map[string]map[string]bool{}
		for k := range keys {
			at := k[2*from : 2*from+2]
			if kids[at] == nil {
				kids[at] = map[string]bool{}
			}
			kids[at][k] = true
		}
		if len(kids) > 1 {
			n := run + 1
			for _, kid := range kids {
				n += radix(kid, from+1)
			}
			return n
		}
		run = 1
	}
	return run + 1
}
