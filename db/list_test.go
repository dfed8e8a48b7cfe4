package db

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"redust/db/listpack"
)

// lists are the lists that a database should hold.
type lists map[string][][]byte

func (m lists) clone() lists {
	c := make(lists, len(m))
	for k, v := range m {
		c[k] = append([][]byte(nil), v...)
	}
	return c
}

func edit(d *DB, key []byte, it Item) (e ElementsEdit) {
	e.Begin(d, key, it)
	return e
}

// holds compares a list with what it should be, read one way.
func holds(t *testing.T, e Elements, want [][]byte) {
	t.Helper()
	if e.Len() != len(want) {
		t.Fatalf("%d elements, want %d", e.Len(), len(want))
	}
	i := 0
	e.Walk(0, len(want), func(entries []byte, n int) bool {
		for at := 0; n > 0; n-- {
			if v := listpack.Get(entries, at); !v.Equal(want[i]) {
				t.Fatalf("element %d is %.40q, want %.40q", i, v.Append(nil), want[i])
			}
			at = listpack.Skip(entries, at)
			i++
		}
		return true
	})
	if i != len(want) {
		t.Fatalf("a walk meets %d of %d elements", i, len(want))
	}
}

// lplayer turns bytes into operations on lists and their models.
type lplayer struct {
	t     *testing.T
	d     *DB
	m     lists
	keys  []string
	in    []byte
	views []*View
	olds  []lists
}

func (p *lplayer) byte() byte {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return b
}

func (p *lplayer) val() []byte {
	c := p.byte()
	switch {
	case c < 100:
		return strconv.AppendInt(nil, int64(c%5), 10)
	case c < 160:
		return bytes.Repeat([]byte{'v'}, int(c%40))
	case c < 162:
		return bytes.Repeat([]byte{'L'}, 5000)
	}
	return fmt.Appendf(nil, "%d-%d", c, p.byte())
}

// index is a number below n.
func (p *lplayer) index(n int) int { return (int(p.byte())<<8 | int(p.byte())) % n }

func (p *lplayer) step() {
	key := []byte(p.keys[int(p.byte())%len(p.keys)])
	m := p.m[string(key)]
	n := len(m)
	it := p.d.Peek(key)
	if it.OK() != (n > 0) {
		p.t.Fatalf("%s exists: %t, with %d elements", key, it.OK(), n)
	}
	e := edit(p.d, key, it)
	switch op := p.byte() % 16; {
	case op < 4 || n == 0:
		left := op&1 == 0
		vals := make([][]byte, 1+p.byte()%4)
		if op == 3 {
			vals = make([][]byte, 60)
		}
		size := 0
		for i := range vals {
			vals[i] = p.val()
			size += len(vals[i])
		}
		e.Expect(len(vals), size)
		for _, v := range vals {
			e.Push(left, v)
			if left {
				m = append([][]byte{v}, m...)
			} else {
				m = append(m[:len(m):len(m)], v)
			}
		}
	case op < 6:
		left, k := op == 4, 1
		if p.byte()%4 == 0 {
			k = p.index(n + 1)
		}
		e.Trim(left, k)
		if left {
			m = m[k:]
		} else {
			m = m[: n-k : n-k]
		}
	case op < 8:
		i, v := p.index(n+1), p.val()
		e.Expect(1, len(v))
		e.Insert(i, v)
		m = append(m[:i:i], append([][]byte{v}, m[i:]...)...)
	case op < 10:
		i, v := p.index(n), p.val()
		e.Expect(1, len(v))
		e.Set(i, v)
		m = append(m[:i:i], m[i:]...)
		m[i] = v
	case op == 10:
		v, most, back := m[p.index(n)], 1+int(p.byte()%8), p.byte()&1 == 1
		left := [][]byte{}
		var found []int
		e.Search(v, back, n, func(i int) bool {
			if !bytes.Equal(m[i], v) {
				p.t.Fatalf("Search(%.40q) finds %.40q", v, m[i])
			}
			found = append(found, i)
			return len(found) < most
		})
		gone := map[int]bool{}
		for _, i := range found {
			gone[i] = true
		}
		for i, v := range m {
			if !gone[i] {
				left = append(left, v)
			}
		}
		if got := e.RemoveEqual(v, most, back); got != len(found) || got == 0 {
			p.t.Fatalf("RemoveEqual(%.40q): %d, found %d", v, got, len(found))
		}
		m = left
	case op == 11:
		to := p.keys[int(p.byte())%len(p.keys)]
		if to != string(key) {
			p.d.Copy(key, p.d, []byte(to))
			p.m[to] = m[:n:n]
		}
		return
	case op == 12:
		to := p.keys[int(p.byte())%len(p.keys)]
		if to != string(key) {
			p.d.Rename(key, p.d, []byte(to))
			p.m[to] = m
			delete(p.m, string(key))
		}
		return
	case op == 13:
		if len(p.views) < 2 {
			p.views = append(p.views, p.d.View())
			p.olds = append(p.olds, p.m.clone())
		} else {
			p.release()
		}
	default:
		i := p.index(n)
		if v := e.Get(i); !v.Equal(m[i]) {
			p.t.Fatalf("Get(%d) = %.40q, want %.40q", i, v.Append(nil), m[i])
		}
	}
	if gone := e.Done(); gone != (len(m) == 0) {
		p.t.Fatalf("gone: %t, with %d elements", gone, len(m))
	}
	if p.m[string(key)] = m; len(m) == 0 {
		delete(p.m, string(key))
	}
	p.check(key)
}

// check holds the list under key against its model, and its form against what it says.
func (p *lplayer) check(key []byte) {
	it := p.d.Peek(key)
	if !it.OK() {
		return
	}
	if p.byte()%8 == 0 {
		holds(p.t, it.Elements(), p.m[string(key)])
	}
	if it.Encoded() == Large {
		long := it.root().(*longList)
		if n := long.l.Blocks(); !long.quick && n != 1 {
			p.t.Fatalf("a listpack of %d blocks", n)
		}
	} else if n := len(it.Bytes()); n > packedList+10 { // what an entry takes beside its text
		p.t.Fatalf("%d bytes are packed", n)
	}
}

func (p *lplayer) release() {
	v, m := p.views[0], p.olds[0]
	p.views, p.olds = p.views[1:], p.olds[1:]
	n := 0
	v.Each(func(it Item) bool {
		n++
		holds(p.t, it.Elements(), m[string(it.Key())])
		return true
	})
	if n != len(m) {
		p.t.Fatalf("a view shows %d keys, want %d", n, len(m))
	}
	v.Release()
}

func playLists(t *testing.T, in []byte) {
	r := rand.New(rand.NewPCG(3, 4))
	p := &lplayer{t: t, in: in, keys: []string{"a", "b", "c", strings.Repeat("k", 300)}, m: lists{}}
	p.d = New(1, r.Uint64).DB(0)
	p.d.k.Limits.ListSize = []int{-1, -2, -5, 1, 2, 5, 100, 0}[p.byte()%8]
	for len(p.in) > 0 {
		p.step()
		accounted(t, p.d)
	}
	for key, m := range p.m {
		holds(t, p.d.Peek([]byte(key)).Elements(), m)
	}
	for len(p.views) > 0 {
		p.release()
	}
}

func FuzzLists(f *testing.F) {
	for i := range uint64(40) {
		r := rand.New(rand.NewPCG(i, 9))
		b := make([]byte, 50<<(i%8))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(append([]byte{byte(i)}, b...))
	}
	f.Fuzz(playLists)
}

// TestListAllocs: pushes and pops do not allocate, whatever the form.
func TestListAllocs(t *testing.T) {
	k, _ := newTest(1)
	d := k.DB(0)
	for i := range 40 {
		// Neighbours, so that a page is not made anew for each change.
		d.SetString(fmt.Appendf(nil, "key:%d", i), bytes.Repeat([]byte{'x'}, 100), Plain, 0)
	}
	for _, n := range []int{5, 50, 300, 20000} {
		key, val := fmt.Appendf(nil, "list:%d", n), []byte("an element")
		for range n {
			e := edit(d, key, d.Peek(key))
			e.Push(true, val)
			e.Done()
		}
		if allocs := testing.AllocsPerRun(2000, func() {
			e := edit(d, key, d.Peek(key))
			e.Expect(1, len(val))
			e.Push(false, val)
			e.Done()
			e = edit(d, key, d.Peek(key))
			e.Trim(true, 1)
			e.Done()
		}); allocs > 0.1 {
			t.Errorf("%d elements: %v allocations", n, allocs)
		}
	}
}

func BenchmarkListPush(b *testing.B) {
	b.ReportAllocs()
	k, _ := newTest(1)
	d := k.DB(0)
	key, val := []byte("mylist"), []byte("xxx")
	for b.Loop() {
		e := edit(d, key, d.Peek(key))
		e.Expect(1, len(val))
		e.Push(true, val)
		e.Done()
	}
}

// BenchmarkListGrow pushes to one side of a short list, which shows from which size on
// another form is cheaper.
func BenchmarkListGrow(b *testing.B) {
	for _, n := range []int{200, 500, 1000, 2000, 4000, 8000} {
		for _, form := range []string{"packed", "large"} {
			b.Run(fmt.Sprintf("%s-%d", form, n), func(b *testing.B) {
				k, _ := newTest(1)
				d := k.DB(0)
				key, val := []byte("mylist"), []byte("an element")
				e := edit(d, key, Item{})
				e.grow(0)
				if form == "large" {
					e.enlarge()
				}
				for range n / 12 {
					if e.long == nil {
						e.pack = listpack.Append(e.pack, val)
					} else {
						e.long.l.PushRight(val, e.limit())
					}
				}
				e.Done()
				b.ReportMetric(float64(d.Peek(key).MemBytes()), "bytes")
				for b.Loop() {
					e := edit(d, key, d.Peek(key))
					e.begin()
					if e.long == nil {
						e.pack = listpack.Delete(e.pack, len(e.pack)-12, 1)
						e.pack = listpack.Insert(e.pack, 2, val)
					} else {
						e.long.l.PopRight()
						e.long.l.PushLeft(val, e.limit())
					}
					e.Done()
				}
			})
		}
	}
}
