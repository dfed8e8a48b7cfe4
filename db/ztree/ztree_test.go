package ztree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"testing"

	"redust/db/cow"
)

type pair struct{ key, val string }

// model is what a tree must be: pairs in order of their keys.
type model []pair

func (m model) seek(key string) (int, bool) {
	i := sort.Search(len(m), func(i int) bool { return m[i].key >= key })
	return i, i < len(m) && m[i].key == key
}

// twin is a tree and its model.
type twin struct {
	tree *Tree
	m    model
}

func (w twin) compare(t *testing.T) {
	t.Helper()
	if w.tree.Len() != len(w.m) {
		t.Fatalf("%d keys, want %d", w.tree.Len(), len(w.m))
	}
	i := 0
	for c := w.tree.First(); c.OK(); c.Next() {
		if p := w.m[i]; string(c.Key()) != p.key || string(c.Val()) != p.val || c.Rank() != i {
			t.Fatalf("at %d: %q=%q rank %d, want %q=%q", i, c.Key(), c.Val(), c.Rank(), p.key, p.val)
		}
		i++
	}
	if i != len(w.m) {
		t.Fatalf("a walk met %d keys, want %d", i, len(w.m))
	}
	for c := w.tree.Last(); c.OK(); c.Prev() {
		i--
		if string(c.Key()) != w.m[i].key || c.Rank() != i {
			t.Fatalf("back at %d: %q, want %q", i, c.Key(), w.m[i].key)
		}
	}
	if i != 0 {
		t.Fatalf("a walk back left %d keys out", i)
	}
}

// view is a twin as it stood when the clock froze.
type view struct {
	twins []twin
	token uint64
}

// player turns bytes into operations on trees, which are copies of each other, and
// their models.
type player struct {
	t      *testing.T
	in     []byte
	clock  *cow.Clock
	valued bool
	twins  []twin
	views  []view
	keys   int // keys are drawn from so many
}

func (p *player) byte() byte {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return b
}

func (p *player) int(n int) int {
	return (int(p.byte())<<16 | int(p.byte())<<8 | int(p.byte())) % n
}

// key draws a key: most are short, some long, a few heavier than a leaf, with common
// prefixes of all lengths.
func (p *player) key() string {
	n := p.int(p.keys)
	k := fmt.Sprintf("%05d", n)
	switch {
	case n%701 == 0:
		return k[:2] + string(bytes.Repeat([]byte{'h'}, 5000+n%60000)) + k[2:]
	case n%97 == 0:
		return string(bytes.Repeat([]byte{'l'}, 1500)) + k
	case n%13 == 0:
		return k[:3]
	case n%7 == 0:
		return "a common prefix " + k
	}
	return k + string(bytes.Repeat([]byte{'.'}, n%23))
}

func (p *player) val() string {
	if !p.valued {
		return ""
	}
	return string(bytes.Repeat([]byte{'v'}, int(p.byte())&^7/int(1+p.byte()%16)))
}

func (p *player) put(w *twin, key, val string) {
	i, had := w.m.seek(key)
	if w.tree.Put([]byte(key), []byte(val)) == had {
		p.t.Fatalf("Put(%.40q): added is not %t", key, !had)
	}
	if had {
		w.m[i].val = val
	} else {
		w.m = slices.Insert(w.m, i, pair{key, val})
	}
}

func (p *player) step() {
	op := p.byte()
	w := &p.twins[int(op>>4)%len(p.twins)]
	w.tree = w.tree.Own()
	switch op % 16 {
	case 0, 1, 2, 3:
		p.put(w, p.key(), p.val())
	case 4: // in order, from somewhere on
		k, n := p.key(), int(p.byte())
		for i := range n {
			p.put(w, fmt.Sprintf("%s%03d", k, i), p.val())
		}
	case 5: // against the order, at the left end
		k := "\x00" + p.key()
		for i := int(p.byte()); i >= 0; i-- {
			p.put(w, fmt.Sprintf("%s%03d", k, i), p.val())
		}
	case 6, 7:
		p.delete(w, p.key())
	case 8: // one that is there
		if len(w.m) > 0 {
			p.delete(w, w.m[p.int(len(w.m))].key)
		}
	case 9:
		from, n := p.int(len(w.m)+1), int(p.byte())*int(p.byte()%16)
		i := from
		got := w.tree.DeleteRange(from, n, func(key, val []byte) {
			if string(key) != w.m[i].key || string(val) != w.m[i].val {
				p.t.Fatalf("DeleteRange passes %q, want %q", key, w.m[i].key)
			}
			i++
		})
		if want := min(n, len(w.m)-from); got != want || i != from+want {
			p.t.Fatalf("DeleteRange removed %d, want %d", got, want)
		}
		w.m = slices.Delete(w.m, from, i)
	case 10: // all of a range, unseen
		from, n := p.int(len(w.m)+1), p.int(len(w.m)+1)
		got := w.tree.DeleteRange(from, n, nil)
		w.m = slices.Delete(w.m, from, from+got)
	case 11, 12:
		key := p.key()
		i, had := w.m.seek(key)
		if smaller, found := w.tree.Rank([]byte(key)); smaller != i || found != had {
			p.t.Fatalf("Rank(%q) = %d %t, want %d %t", key, smaller, found, i, had)
		}
		if v, ok := w.tree.Get([]byte(key)); ok != had || had && string(v) != w.m[i].val {
			p.t.Fatalf("Get(%q) = %q %t", key, v, ok)
		}
		for c := w.tree.Seek([]byte(key)); i < min(len(w.m), i+70); i++ {
			if !c.OK() || string(c.Key()) != w.m[i].key {
				p.t.Fatalf("Seek(%q) does not lead to %q", key, w.m[i].key)
			}
			c.Next()
			if p.byte() > 200 {
				return
			}
		}
	case 13:
		at := p.int(len(w.m) + 1)
		if c := w.tree.At(at); c.OK() != (at < len(w.m)) || c.OK() && string(c.Key()) != w.m[at].key {
			p.t.Fatalf("At(%d) leads elsewhere", at)
		}
	case 14:
		if n := p.byte(); len(p.twins) < 3 {
			p.twins = append(p.twins, twin{w.tree.Share(), slices.Clone(w.m)})
		} else {
			p.twins = slices.Delete(p.twins, int(n)%3, int(n)%3+1)
		}
	case 15:
		if n := int(p.byte()); len(p.views) < 3 {
			v := view{token: p.clock.Freeze()}
			for _, w := range p.twins {
				v.twins = append(v.twins, twin{w.tree, slices.Clone(w.m)})
			}
			p.views = append(p.views, v)
		} else {
			p.release(n % 3)
		}
	}
}

func (p *player) delete(w *twin, key string) {
	i, had := w.m.seek(key)
	if w.tree.Delete([]byte(key)) != had {
		p.t.Fatalf("Delete(%q) does not know what there is", key)
	}
	if had {
		w.m = slices.Delete(w.m, i, i+1)
	}
}

// release compares a view with what there was when it was taken, and ends it.
func (p *player) release(i int) {
	for _, w := range p.views[i].twins {
		w.compare(p.t)
		w.tree.check()
	}
	p.clock.Release(p.views[i].token)
	p.views = slices.Delete(p.views, i, i+1)
}

func play(t *testing.T, in []byte, keys, checkEvery int) {
	p := &player{t: t, in: in, clock: cow.NewClock(), keys: keys}
	p.valued = p.byte()&1 == 1
	tree := New(p.clock)
	if p.valued {
		tree = NewValued(p.clock)
	}
	p.twins = []twin{{tree, nil}}
	for n := 0; len(p.in) > 0; n++ {
		p.step()
		if n%checkEvery == 0 {
			for _, w := range p.twins {
				w.tree.check()
			}
		}
	}
	for len(p.views) > 0 {
		p.release(len(p.views) - 1)
	}
	for _, w := range p.twins {
		w.compare(t)
		w.tree.check()
	}
}

func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func FuzzTree(f *testing.F) {
	for i := range uint64(8) {
		f.Add(append([]byte{byte(i)}, noise(i, 3000)...))
	}
	f.Fuzz(func(t *testing.T, in []byte) { play(t, in, 3000, 1) })
}

func TestLong(t *testing.T) {
	for i := range uint64(4) {
		play(t, append([]byte{byte(i)}, noise(100+i, 100_000)...), 90_000, 500)
	}
}

// keyOf is a key as sorted sets have them: eight bytes of score, sixteen of member.
func keyOf(score, member uint64) []byte {
	k := binary.BigEndian.AppendUint64(nil, score)
	return fmt.Appendf(k, "member:%09d", member%1e9)
}

// TestSizes holds the bytes per entry, and that a tree that was large is small again.
func TestSizes(t *testing.T) {
	const n = 200_000
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name string
		key  func(i int) []byte
		most float64 // bytes an entry of 24
	}{
		{"random", func(int) []byte { return keyOf(r.Uint64(), r.Uint64()) }, 32},
		{"ascending", func(i int) []byte { return keyOf(uint64(i), 1) }, 30},
		{"descending", func(i int) []byte { return keyOf(uint64(n-i), 1) }, 30},
	} {
		tree := New(cow.NewClock())
		for i := range n {
			tree.Put(c.key(i), nil)
		}
		tree.check()
		if each := float64(tree.MemBytes()) / float64(tree.Len()); each > c.most {
			t.Errorf("%s: %.1f bytes an entry", c.name, each)
		} else {
			t.Logf("%s: %.1f bytes an entry", c.name, each)
		}
		for tree.Len() > 50 {
			c := tree.At(r.IntN(tree.Len()))
			tree.Delete(bytes.Clone(c.Key()))
		}
		tree.check()
		if tree.MemBytes() > 50*24*5 {
			t.Errorf("%s: 50 keys take %d bytes", c.name, tree.MemBytes())
		}
	}
}

// TestConcurrentView reads a frozen tree on another goroutine while its owner and a copy
// are written; it is for the race detector.
func TestConcurrentView(t *testing.T) {
	const n = 20_000
	clock := cow.NewClock()
	a := New(clock)
	for i := range uint64(n) {
		a.Put(keyOf(i, i), nil)
	}
	b := a.Share()
	frozen, token := a, clock.Freeze()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for range 3 {
			i := uint64(0)
			for c := frozen.First(); c.OK(); c.Next() {
				if !bytes.Equal(c.Key(), keyOf(i, i)) {
					t.Errorf("the view shows %q at %d", c.Key(), i)
				}
				i++
			}
			if rank, ok := frozen.Rank(keyOf(77, 77)); i != n || rank != 77 || !ok {
				t.Errorf("the view shows %d keys", i)
			}
		}
	}()
	a, b = a.Own(), b.Own()
	r := rand.New(rand.NewPCG(7, 8))
	for range 2 * n {
		a.Put(keyOf(r.Uint64N(n), r.Uint64()), nil)
		b.Delete(keyOf(r.Uint64N(n), r.Uint64N(n)))
		b.DeleteRange(r.IntN(n), 3, nil)
	}
	wg.Wait()
	clock.Release(token)
	a.check()
	b.check()
}

func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			var tree *Tree
			key := keyOf(0, 0)
			for i := range b.N {
				if i%n == 0 {
					tree = New(cow.NewClock())
				}
				binary.BigEndian.PutUint64(key, r.Uint64())
				tree.Put(key, nil)
			}
		})
	}
}

func BenchmarkPutAscending(b *testing.B) {
	b.ReportAllocs()
	tree := New(cow.NewClock())
	key := keyOf(0, 0)
	for i := range b.N {
		binary.BigEndian.PutUint64(key, uint64(i))
		tree.Put(key, nil)
	}
}

// million is a tree of a million keys at random.
func million() (*Tree, [][]byte) {
	r := rand.New(rand.NewPCG(1, 2))
	tree := New(cow.NewClock())
	keys := make([][]byte, 1_000_000)
	for i := range keys {
		keys[i] = keyOf(r.Uint64(), uint64(i))
		tree.Put(keys[i], nil)
	}
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return tree, keys
}

func BenchmarkMillion(b *testing.B) {
	tree, keys := million()
	b.Run("Rank", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			tree.Rank(keys[i%len(keys)])
		}
	})
	b.Run("Get", func(b *testing.B) {
		for i := range b.N {
			tree.Get(keys[i%len(keys)])
		}
	})
	b.Run("SeekNext100", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			c := tree.Seek(keys[i%len(keys)])
			for n := 0; n < 100 && c.OK(); n++ {
				c.Next()
			}
		}
	})
	b.Run("DeletePut", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			tree.Delete(keys[i%len(keys)])
			tree.Put(keys[i%len(keys)], nil)
		}
	})
}
