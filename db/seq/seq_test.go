package seq

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"redust/db/cow"
	"redust/db/listpack"
)

// check walks all that must hold between calls.
func (l *List) check(t *testing.T) {
	t.Helper()
	blocks := func(b *block) int {
		if b == nil {
			return 0
		}
		n := 0
		at := int(b.from)
		for ; at < len(b.buf); at = listpack.Skip(b.buf, at) {
			n++
		}
		if at != len(b.buf) || n != int(b.n) || n == 0 {
			t.Fatalf("block of %d entries has %d, ends at %d of %d", b.n, n, at, len(b.buf))
		}
		if err := listpack.Check(append([]byte{255, 255}, b.entries()...)); err != nil {
			t.Fatal(err)
		}
		return n
	}
	depth := -1
	var nodes func(n *node, d int) (count, mem int)
	nodes = func(n *node, d int) (count, mem int) {
		if len(n.kids) == 0 || len(n.kids) > fan {
			t.Fatalf("node with %d kids", len(n.kids))
		}
		if n.leaf {
			if depth < 0 {
				depth = d
			}
			if depth != d {
				t.Fatalf("leaves at %d and %d", depth, d)
			}
		}
		mem = nodeBytes + kidBytes*cap(n.kids)
		for _, k := range n.kids {
			if n.leaf != (k.b != nil) || n.leaf == (k.n != nil) {
				t.Fatal("a kid of the wrong kind")
			}
			if n.leaf {
				if blocks(k.b) != k.count {
					t.Fatalf("block of %d counts as %d", k.b.n, k.count)
				}
				count, mem = count+k.count, mem+k.b.mem()
				continue
			}
			c, m := nodes(k.n, d+1)
			if c != k.count {
				t.Fatalf("node of %d counts as %d", c, k.count)
			}
			count, mem = count+c, mem+m
		}
		if count != n.count || mem != n.mem {
			t.Fatalf("node says %d elements in %d bytes, there are %d in %d", n.count, n.mem, count, mem)
		}
		return count, mem
	}
	n := blocks(l.head) + blocks(l.tail)
	if l.mid != nil {
		c, _ := nodes(l.mid, 0)
		n += c
		if !l.mid.leaf && len(l.mid.kids) == 1 {
			t.Fatal("a root with one kid")
		}
	}
	if n != l.count {
		t.Fatalf("%d elements, Len %d", n, l.count)
	}
	if l.mid != nil && l.tail == nil || l.tail != nil && l.head == nil || l.tail == nil && l.spare != nil {
		t.Fatal("a middle without ends, or a spare of nothing")
	}
}

// compare holds a list against its model, both ways.
func (l *List) compare(t *testing.T, m [][]byte) {
	t.Helper()
	if l.Len() != len(m) {
		t.Fatalf("Len %d, want %d", l.Len(), len(m))
	}
	i := 0
	l.Walk(0, l.Len(), func(entries []byte, n int) bool {
		at := 0
		for range n {
			if v := listpack.Get(entries, at); !v.Equal(m[i]) {
				t.Fatalf("element %d is %.40q, want %.40q", i, v.Append(nil), m[i])
			}
			at = listpack.Skip(entries, at)
			i++
		}
		return true
	})
	if i != len(m) {
		t.Fatalf("walk met %d, want %d", i, len(m))
	}
	l.WalkBack(len(m)-1, len(m), func(entries []byte, n int) bool {
		end := len(entries)
		for range n {
			end = listpack.Back(entries, end)
			i--
			if v := listpack.Get(entries, end); !v.Equal(m[i]) {
				t.Fatalf("element %d backwards is %.40q, want %.40q", i, v.Append(nil), m[i])
			}
		}
		return true
	})
	if i != 0 {
		t.Fatalf("walk back ended at %d", i)
	}
}

// state is a list with its model.
type state struct {
	l *List
	m [][]byte
}

func (s *state) clone() state { return state{s.l, append([][]byte(nil), s.m...)} }

// player turns bytes into operations on lists and their models.
type player struct {
	t      *testing.T
	clock  *cow.Clock
	lists  []state
	views  []state
	tokens []uint64
	lim    Limit
	in     []byte
	fresh  int
}

func (p *player) byte() byte {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return b
}

// val is an element: few different ones, so that they repeat, or a new one, or a long one.
func (p *player) val() []byte {
	c := p.byte()
	switch c % 8 {
	case 0:
		return bytes.Repeat([]byte{'L'}, int(c)*3)
	case 1, 2, 3:
		return strconv.AppendInt(nil, int64(c/8%4), 10)
	case 4:
		return []byte("abc"[:c/8%4])
	}
	p.fresh++
	return fmt.Appendf(nil, "e%d%s", p.fresh, "..............."[:c/8%16])
}

func (p *player) index(n int) int { return (int(p.byte())<<8 | int(p.byte())) % n }

func (p *player) step() {
	i := int(p.byte()) % len(p.lists)
	s := &p.lists[i]
	s.l = s.l.Own()
	l, n := s.l, len(s.m)
	switch op := p.byte() % 20; {
	case op < 2 || n == 0:
		v := p.val()
		l.PushRight(v, p.lim)
		s.m = append(s.m, v)
	case op < 4:
		v := p.val()
		l.PushLeft(v, p.lim)
		s.m = append([][]byte{v}, s.m...)
	case op == 4:
		for range p.byte() {
			v := p.val()
			l.PushRight(v, p.lim)
			s.m = append(s.m, v)
		}
	case op == 5:
		for range p.byte() {
			v := p.val()
			l.PushLeft(v, p.lim)
			s.m = append([][]byte{v}, s.m...)
		}
	case op == 6:
		for range min(n, int(p.byte())%32+1) {
			if v := l.PopLeft(); !v.Equal(s.m[0]) {
				p.t.Fatalf("PopLeft: %q, want %q", v.Append(nil), s.m[0])
			}
			s.m = s.m[1:]
		}
	case op == 7:
		for range min(n, int(p.byte())%32+1) {
			last := len(s.m) - 1
			if v := l.PopRight(); !v.Equal(s.m[last]) {
				p.t.Fatalf("PopRight: %q, want %q", v.Append(nil), s.m[last])
			}
			s.m = s.m[:last:last]
		}
	case op < 11:
		at, v := p.index(n+1), p.val()
		l.Insert(at, v, p.lim)
		s.m = append(s.m[:at:at], append([][]byte{v}, s.m[at:]...)...)
	case op == 11:
		at := p.index(n)
		l.Remove(at, p.lim)
		s.m = append(s.m[:at:at], s.m[at+1:]...)
	case op < 14:
		at, v := p.index(n), p.val()
		l.Set(at, v, p.lim)
		s.m = append(s.m[:at:at], s.m[at:]...)
		s.m[at] = v
	case op == 14:
		v, most, right := s.m[p.index(n)], int(p.byte()%8), p.byte()&1 == 1
		if most == 0 {
			most = n
		}
		got := l.RemoveEqual(v, most, right, p.lim)
		var want int
		if s.m, want = without(s.m, v, most, right); got != want {
			p.t.Fatalf("RemoveEqual(%q, %d): %d, want %d", v, most, got, want)
		}
	case op == 15:
		k := p.index(n + 1)
		l.TrimLeft(k)
		s.m = s.m[k:]
	case op == 16:
		k := p.index(n + 1)
		l.TrimRight(k)
		s.m = s.m[: n-k : n-k]
	case op == 17:
		if len(p.views) < 3 {
			p.tokens = append(p.tokens, p.clock.Freeze())
			p.views = append(p.views, s.clone())
		} else {
			p.views[0].l.compare(p.t, p.views[0].m)
			p.clock.Release(p.tokens[0])
			p.views, p.tokens = p.views[1:], p.tokens[1:]
		}
	case op == 18:
		c := s.clone()
		c.l = l.Share()
		if len(p.lists) < 3 {
			p.lists = append(p.lists, c)
		} else {
			p.lists[(i+1)%3] = c
		}
	default:
		at := p.index(n)
		if v := l.Get(at); !v.Equal(s.m[at]) {
			p.t.Fatalf("Get(%d): %q, want %q", at, v.Append(nil), s.m[at])
		}
		k := p.index(n-at) + 1
		l.Walk(at, k, func(entries []byte, n int) bool {
			k -= n
			return true
		})
		if k != 0 {
			p.t.Fatalf("walk leaves %d", k)
		}
	}
	s = &p.lists[i]
	s.l.check(p.t)
	if len(s.m) < 200 || p.fresh%16 == 0 {
		s.l.compare(p.t, s.m)
	}
}

// without is what RemoveEqual leaves.
func without(m [][]byte, v []byte, most int, right bool) (left [][]byte, removed int) {
	all := 0
	for _, e := range m {
		if bytes.Equal(e, v) {
			all++
		}
	}
	skip := 0
	if right {
		skip = max(0, all-most)
	}
	for _, e := range m {
		if bytes.Equal(e, v) {
			if skip > 0 {
				skip--
			} else if removed < most {
				removed++
				continue
			}
		}
		left = append(left, e)
	}
	return left, removed
}

func (p *player) play() {
	c := p.byte()
	p.clock = cow.NewClock()
	p.lists = []state{{l: New(p.clock)}}
	p.lim = []Limit{{Bytes: 64}, {Bytes: 256}, {Bytes: 4096}, {8192, 1}, {8192, 2}, {8192, 7}, {128, 5}, {64, 1}}[c%8]
	for steps := 0; len(p.in) > 0 && steps < 400; steps++ {
		p.step()
	}
	for _, s := range append(p.lists, p.views...) {
		s.l.check(p.t)
		s.l.compare(p.t, s.m)
	}
}

func FuzzModel(f *testing.F) {
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := []byte{byte(seed)}
		for range 1500 {
			in = append(in, byte(r.Uint32()))
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) { (&player{t: t, in: in}).play() })
}

// TestLong plays long random games.
func TestLong(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		in := []byte{byte(seed)}
		for range 40000 {
			in = append(in, byte(r.Uint32()))
		}
		(&player{t: t, in: in}).play()
	}
}

var lim8K = Limit{Bytes: 8192}

// build makes a list of n elements "element:<i>".
func build(c *cow.Clock, n int, lim Limit) *List {
	l := New(c)
	for i := range n {
		l.PushRight(fmt.Appendf(nil, "element:%d", i), lim)
	}
	return l
}

// TestReaders reads frozen roots in other goroutines while the owner writes; it is for the
// race detector.
func TestReaders(t *testing.T) {
	c := cow.NewClock()
	lim := Limit{Bytes: 256}
	l := build(c, 5000, lim)
	r := rand.New(rand.NewPCG(1, 2))
	var wg sync.WaitGroup
	for range 8 {
		token := c.Freeze()
		frozen, want := l, l.Len()
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := 0
			frozen.Walk(0, want, func(entries []byte, k int) bool {
				n += k
				return len(entries) > 0
			})
			if n != want || frozen.MemBytes() < want {
				t.Errorf("a view shows %d elements, want %d", n, want)
			}
		}()
		l = l.Own()
		for range 2000 {
			switch v := []byte("new"); r.IntN(8) {
			case 0:
				l.PushLeft(v, lim)
			case 1:
				l.PushRight(v, lim)
			case 2:
				l.PopLeft()
			case 3:
				l.PopRight()
			case 4:
				l.Insert(r.IntN(l.Len()), v, lim)
			case 5:
				l.Remove(r.IntN(l.Len()), lim)
			case 6:
				l.Set(r.IntN(l.Len()), v, lim)
			default:
				l.RemoveEqual(v, 2, true, lim)
			}
		}
		l.check(t)
		c.Release(token)
	}
	wg.Wait()
}

// TestCopyIsSmall: the first write after a view of a long list copies one block and a path.
func TestCopyIsSmall(t *testing.T) {
	c := cow.NewClock()
	l := build(c, 1_000_000, lim8K)
	t.Logf("%d blocks, %.2f bytes an element", l.Blocks(), float64(l.MemBytes())/1e6)
	for _, op := range []func(l *List){
		func(l *List) { l.PushRight([]byte("x"), lim8K) },
		func(l *List) { l.PopLeft() },
		func(l *List) { l.Set(l.Len()/2, []byte("x"), lim8K) },
		func(l *List) { l.Remove(l.Len()/2, lim8K) },
	} {
		token := c.Freeze()
		old := l
		if n := allocated(func() {
			l = old.Own()
			op(l)
		}); n > 20000 {
			t.Errorf("%d bytes are copied", n)
		}
		c.Release(token)
	}
	// And dropping most of it looks at next to nothing.
	if n := testing.AllocsPerRun(1, func() {
		s := l.Own().Share()
		s.TrimLeft(s.Len() - 100)
		s = l.Own().Share()
		s.TrimRight(s.Len() - 100)
	}); n > 60 {
		t.Errorf("%v allocations", n)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMemory: what a list says it takes is near to what its elements need.
func TestMemory(t *testing.T) {
	c := cow.NewClock()
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		l, r := build(c, n, lim8K), New(c)
		for i := range n {
			r.PushLeft(fmt.Appendf(nil, "element:%d", i), lim8K)
		}
		size := 0
		l.Walk(0, n, func(e []byte, _ int) bool {
			size += len(e)
			return true
		})
		for _, l := range []*List{l, r} {
			if m := l.MemBytes(); m > size*4/3+300 {
				t.Errorf("%d elements of %d bytes take %d", n, size, m)
			}
		}
	}
	// One element a block, and elements too long for any block.
	l := New(c)
	for i := range 1000 {
		l.PushLeft([]byte(strconv.Itoa(i)), Limit{8192, 1})
	}
	if m := l.MemBytes(); m > 1000*(blockBytes+8+40)+9000 {
		t.Errorf("1000 blocks of one take %d", m)
	}
	l = New(c)
	for range 100 {
		l.PushRight([]byte(strings.Repeat("x", 10000)), lim8K)
	}
	if m := l.MemBytes(); m > 100*10500 || l.Blocks() != 100 {
		t.Errorf("100 long ones take %d in %d blocks", m, l.Blocks())
	}
}

// TestTake fills lists from packs.
func TestTake(t *testing.T) {
	for _, n := range []int{1, 10, 500, 2000} {
		p, m := listpack.New(), [][]byte(nil)
		for i := range n {
			m = append(m, fmt.Appendf(nil, "element:%d", i), strconv.AppendInt(nil, int64(i), 10))
			p = listpack.Append(listpack.Append(p, m[2*i]), m[2*i+1])
		}
		l := New(cow.NewClock())
		l.Take(p[2:], 2*n)
		l.check(t)
		l.compare(t, m)
		if e, ok := l.Only(); !ok || !bytes.Equal(e, p[2:]) {
			t.Errorf("%d elements: in one block %v, as they were in the pack %v", 2*n, ok, bytes.Equal(e, p[2:]))
		}
		for range 500 {
			l.PushRight([]byte("x"), lim8K)
			m = append(m, []byte("x"))
		}
		l.check(t)
		l.compare(t, m)
	}
}

func BenchmarkPushRight(b *testing.B) {
	b.ReportAllocs()
	l, v := New(cow.NewClock()), []byte("xxx")
	for b.Loop() {
		l.PushRight(v, lim8K)
	}
}

func BenchmarkPushLeft(b *testing.B) {
	b.ReportAllocs()
	l, v := New(cow.NewClock()), []byte("xxx")
	for b.Loop() {
		l.PushLeft(v, lim8K)
	}
}

func BenchmarkQueue(b *testing.B) {
	b.ReportAllocs()
	l, v := build(cow.NewClock(), 10000, lim8K), []byte("element:1234")
	for b.Loop() {
		l.PushLeft(v, lim8K)
		l.PopRight()
	}
}

func BenchmarkShortQueue(b *testing.B) {
	b.ReportAllocs()
	l, v := build(cow.NewClock(), 100, lim8K), []byte("element:1234")
	for b.Loop() {
		l.PushLeft(v, lim8K)
		l.PopRight()
	}
}

func BenchmarkBothEnds(b *testing.B) {
	b.ReportAllocs()
	l, v := build(cow.NewClock(), 300, lim8K), []byte("element:1234")
	for b.Loop() {
		l.PushLeft(v, lim8K)
		l.PushRight(v, lim8K)
		l.PopLeft()
		l.PopRight()
	}
}

func BenchmarkGet(b *testing.B) {
	l := build(cow.NewClock(), 1_000_000, lim8K)
	i := 0
	for b.Loop() {
		l.Get(i)
		i = (i + 7919*101) % 1_000_000
	}
}

func BenchmarkSet(b *testing.B) {
	b.ReportAllocs()
	l, v := build(cow.NewClock(), 1_000_000, lim8K), []byte("another:1234")
	i := 0
	for b.Loop() {
		l.Set(i, v, lim8K)
		i = (i + 7919*101) % 1_000_000
	}
}

func BenchmarkInsertRemove(b *testing.B) {
	b.ReportAllocs()
	l, v := build(cow.NewClock(), 1_000_000, lim8K), []byte("another:1234")
	i := 0
	for b.Loop() {
		l.Insert(i, v, lim8K)
		l.Remove(999_999-i, lim8K)
		i = (i + 7919*101) % 1_000_000
	}
}

func BenchmarkFirstWriteAfterView(b *testing.B) {
	b.ReportAllocs()
	c := cow.NewClock()
	l, v := build(c, 1_000_000, lim8K), []byte("another:1234")
	for b.Loop() {
		token := c.Freeze()
		l = l.Own()
		l.Set(500_000, v, lim8K)
		c.Release(token)
	}
}

func BenchmarkTrim(b *testing.B) {
	c := cow.NewClock()
	l := build(c, 1_000_000, lim8K)
	for b.Loop() {
		s := l.Share()
		s.TrimLeft(500_000)
	}
}

func BenchmarkWalk(b *testing.B) {
	l := build(cow.NewClock(), 100_000, lim8K)
	for b.Loop() {
		n := 0
		l.Walk(0, l.Len(), func(e []byte, k int) bool {
			for at := 0; k > 0; k-- {
				at = listpack.Skip(e, at)
				n++
			}
			return true
		})
	}
}
