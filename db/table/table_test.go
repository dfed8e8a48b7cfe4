package table

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"redust/db/cow"
)

// blob is an object as the keyspace has them.
type blob []byte

func (b *blob) MemBytes() int { return 24 + cap(*b) }

// bell is an object with a deadline inside.
type bell struct {
	blob
	next int64
}

func (b *bell) NextDeadline() int64 { return b.next }

// appointments remembers what the table asked for.
type appointments map[uint64][]int64

func (a appointments) Arm(h uint64, at int64) { a[h] = append(a[h], at) }

// model is the truth that a table is compared with.
type model map[string]Entry

func value(e Entry) []byte {
	switch b := e.Object.(type) {
	case *blob:
		return *b
	case *bell:
		return b.blob
	}
	return e.Bytes
}

func (m model) compare(t *testing.T, each func(func(Ref) bool), n int) {
	t.Helper()
	if n != len(m) {
		t.Fatalf("%d entries, want %d", n, len(m))
	}
	seen := 0
	each(func(r Ref) bool {
		seen++
		want, ok := m[string(r.Key())]
		if !ok {
			t.Fatalf("unknown key %q", r.Key())
		}
		got := Entry{Object: r.Object(), Bytes: r.Bytes()}
		if !bytes.Equal(value(got), value(want)) || r.Kind() != want.Kind || r.Deadline() != want.Deadline {
			t.Fatalf("%q: %q kind %d deadline %d, want %q %d %d", r.Key(), value(got), r.Kind(), r.Deadline(), value(want), want.Kind, want.Deadline)
		}
		return true
	})
	if seen != len(m) {
		t.Fatalf("walk met %d entries, want %d", seen, len(m))
	}
}

func (m model) clone() model {
	c := make(model, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// player turns bytes into operations on a table and a model.
type player struct {
	t     *testing.T
	tab   *Table
	m     model
	views []*View
	olds  []model
	in    []byte
	keys  uint16 // keys are drawn from so many
}

func (p *player) byte() byte {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return b
}

func (p *player) key() []byte {
	n := (uint16(p.byte())<<8 | uint16(p.byte())) % p.keys
	k := binary.BigEndian.AppendUint16(nil, n)
	if n%97 == 0 {
		return append(k, bytes.Repeat([]byte{'k'}, 300+int(n))...) // too long for a slab
	}
	return append(k, bytes.Repeat([]byte{'.'}, int(n%23))...)
}

func (p *player) entry() Entry {
	c := p.byte()
	e := Entry{Kind: c & 15, Access: uint32(c) * 1000}
	if c&16 != 0 {
		e.Deadline = int64(p.byte())*1000 + 1
	}
	val := bytes.Repeat([]byte{c}, int(p.byte())*2)
	if c&64 != 0 {
		e.Object = &bell{val, int64(c&3) * 100}
	} else if len(val) > MaxInline || c&32 != 0 {
		b := blob(val)
		e.Object = &b
	} else {
		e.Bytes = val
	}
	return e
}

func (p *player) step() {
	t := p.tab
	switch op := p.byte(); op % 16 {
	case 0, 1, 2, 3, 4, 5, 6:
		k, e := p.key(), p.entry()
		if r := t.Find(t.Hash(k), k); r.OK() && e.Kind&1 == 0 {
			t.Update(r, k, e)
		} else {
			t.Put(t.Hash(k), k, e)
		}
		p.m[string(k)] = e
	case 7, 8:
		k := p.key()
		_, want := p.m[string(k)]
		if got := t.Delete(t.Hash(k), k); got != want {
			p.t.Fatalf("Delete(%q) = %v, want %v", k, got, want)
		}
		delete(p.m, string(k))
	case 9:
		k := p.key()
		want, ok := p.m[string(k)]
		r := t.Find(t.Hash(k), k)
		if r.OK() != ok {
			p.t.Fatalf("Find(%q) = %v, want %v", k, r.OK(), ok)
		}
		if ok && !bytes.Equal(value(Entry{Object: r.Object(), Bytes: r.Bytes()}), value(want)) {
			p.t.Fatalf("Find(%q): wrong value", k)
		}
	case 10:
		k := p.key()
		at := int64(p.byte() % 8 * 100)
		if r := t.Find(t.Hash(k), k); r.OK() {
			t.SetDeadline(r, at)
			e := p.m[string(k)]
			e.Deadline = at
			p.m[string(k)] = e
		}
	case 11:
		k := p.key()
		if r := t.Find(t.Hash(k), k); r.OK() && r.Object() == nil {
			r = t.OwnEntry(r)
			e := p.m[string(k)]
			e.Bytes = bytes.Clone(e.Bytes)
			for i := range r.Bytes() {
				r.Bytes()[i] ^= 0x55
				e.Bytes[i] ^= 0x55
			}
			t.SetKind(r, 3)
			e.Kind = 3
			p.m[string(k)] = e
		}
	case 12:
		if len(p.views) < 4 {
			p.views = append(p.views, t.View())
			p.olds = append(p.olds, p.m.clone())
		}
	case 13:
		if len(p.views) > 0 {
			p.release(int(op) / 16 % len(p.views))
		}
	case 14:
		for n := int(p.byte()); n > 0; n-- {
			k := p.key()
			t.Delete(t.Hash(k), k)
			delete(p.m, string(k))
		}
	case 15:
		k := p.key()
		if r := t.Find(t.Hash(k), k); r.OK() && r.Object() != nil {
			b := bell{bytes.Repeat([]byte{7}, 500), int64(p.byte()&3) * 100}
			t.SetObject(r, &b)
			t.Retimed(r)
			e := p.m[string(k)]
			e.Object = &b
			p.m[string(k)] = e
		}
	}
}

// release compares a view with what the table held when it was taken, and ends it.
func (p *player) release(i int) {
	p.olds[i].compare(p.t, p.views[i].Each, p.views[i].Len())
	p.tab.Release(p.views[i])
	p.views = append(p.views[:i], p.views[i+1:]...)
	p.olds = append(p.olds[:i], p.olds[i+1:]...)
}

func (p *player) scanAll(yield func(Ref) bool) {
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		cursor = p.tab.Scan(cursor, func(r Ref) { yield(r) })
	}
}

func play(t *testing.T, in []byte, keys uint16, checkEvery int) {
	p := &player{t: t, m: model{}, in: in, keys: keys}
	p.tab = New(maphash.MakeSeed(), cow.NewClock(), appointments{})
	for n := 0; len(p.in) > 0; n++ {
		p.step()
		if n%checkEvery == 0 {
			p.tab.check()
		}
	}
	p.tab.check()
	for len(p.views) > 0 {
		p.release(len(p.views) - 1)
	}
	if p.tab.Viewed() {
		t.Fatal("all views are released and the table is still frozen")
	}
	p.m.compare(t, p.scanAll, p.tab.Len())
}

func FuzzTable(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		b := make([]byte, 4000)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) { play(t, in, 700, 1) })
}

// TestLarge goes through the widening of the top, and back.
func TestLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	play(t, b, 60000, 20000)

	tab, m := New(maphash.MakeSeed(), cow.NewClock(), nil), model{}
	v := tab.View()
	key := func(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }
	const n = 100000
	for i := range n {
		e := Entry{Bytes: key(i)}
		tab.Put(tab.Hash(key(i)), key(i), e)
		m[string(key(i))] = e
		if i == n/2 {
			w := tab.View()
			half := m.clone()
			defer func() { half.compare(t, w.Each, w.Len()) }()
		}
	}
	tab.check()
	if len(tab.top) != 1<<topBits {
		t.Fatalf("the top is %d wide after %d keys", len(tab.top), n)
	}
	m.compare(t, func(f func(Ref) bool) { (&player{tab: tab}).scanAll(f) }, tab.Len())
	grown := tab.Bytes()
	for i := range n - 10 {
		if !tab.Delete(tab.Hash(key(i)), key(i)) {
			t.Fatalf("key %d is gone", i)
		}
		delete(m, string(key(i)))
	}
	tab.check()
	m.compare(t, func(f func(Ref) bool) { (&player{tab: tab}).scanAll(f) }, tab.Len())
	if tab.Bytes() > grown/20 {
		t.Errorf("%d bytes for 10 keys, after %d for %d", tab.Bytes(), grown, n)
	}
	if v.Len() != 0 {
		t.Error("an empty view has grown")
	}
}

// TestScanWhileChanging holds SCAN to its promise: what stays is met.
func TestScanWhileChanging(t *testing.T) {
	tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
	key := func(i int) []byte { return fmt.Appendf(nil, "%d", i) }
	put := func(i int) { tab.Put(tab.Hash(key(i)), key(i), Entry{}) }
	for i := range 5000 {
		put(i)
	}
	r := rand.New(rand.NewPCG(5, 6))
	met := map[string]bool{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = tab.Scan(cursor, func(r Ref) { met[string(r.Key())] = true })
		if cursor >= 1<<63 {
			t.Fatalf("cursor %d is not below 2^63", cursor)
		}
		for range 60 { // the first 1000 stay
			if i := 1000 + r.IntN(20000); r.IntN(3) > 0 {
				put(i)
			} else {
				tab.Delete(tab.Hash(key(i)), key(i))
			}
		}
	}
	for i := range 1000 {
		if !met[string(key(i))] {
			t.Errorf("key %d stayed and was not met", i)
		}
	}
}

// TestViewsConcurrently reads views on other goroutines while the table is written;
// the race detector watches.
func TestViewsConcurrently(t *testing.T) {
	tab := New(maphash.MakeSeed(), cow.NewClock(), appointments{})
	r := rand.New(rand.NewPCG(7, 8))
	key := func(i int) []byte { return fmt.Appendf(nil, "key:%05d", i) }
	sum := func(each func(func(Ref) bool)) (n int, s uint64) {
		each(func(r Ref) bool {
			h := maphash.Comparable(fixedSeed, [3]string{string(r.Key()), string(value(Entry{Object: r.Object(), Bytes: r.Bytes()})), fmt.Sprint(r.Kind(), r.Deadline())})
			n, s = n+1, s+h
			return true
		})
		return n, s
	}
	write := func(rounds int) {
		for range rounds {
			k := key(r.IntN(20000))
			h := tab.Hash(k)
			switch r.IntN(8) {
			case 0:
				tab.Delete(h, k)
			case 1:
				b := blob(bytes.Repeat([]byte{byte(r.Uint32())}, 300))
				tab.Put(h, k, Entry{Object: &b})
			case 2:
				if ref := tab.Find(h, k); ref.OK() {
					tab.SetDeadline(ref, int64(r.IntN(1000)))
				}
			case 3:
				if ref := tab.Find(h, k); ref.OK() {
					tab.SetAccess(ref, r.Uint32())
				}
			default:
				tab.Put(h, k, Entry{Bytes: k[:r.IntN(len(k))], Kind: byte(r.IntN(16))})
			}
		}
	}
	write(30000)
	ends := make(chan *View, 8)
	var wg sync.WaitGroup
	for range 12 {
		v := tab.View()
		wantN, wantS := sum(v.Each)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 3 {
				if n, s := sum(v.Each); n != wantN || s != wantS {
					t.Errorf("a view of %d entries changed under its reader", wantN)
				}
			}
			ends <- v
		}()
		for len(ends) == 0 {
			write(500)
		}
		tab.Release(<-ends)
	}
	wg.Wait()
	tab.check()
	if tab.Viewed() {
		t.Error("all views are released and the table is still frozen")
	}
}

var fixedSeed = maphash.MakeSeed()

// TestDue follows appointments to the entries they were made for.
func TestDue(t *testing.T) {
	app := appointments{}
	tab := New(maphash.MakeSeed(), cow.NewClock(), app)
	r := rand.New(rand.NewPCG(9, 10))
	deadline := map[string]int64{}
	for i := range 5000 {
		k := fmt.Appendf(nil, "key:%d", i)
		at := int64(1 + r.IntN(1000))
		switch i % 8 {
		case 0: // the deadline is inside
			tab.Put(tab.Hash(k), k, Entry{Object: &bell{next: at}})
		case 1: // it is now, and was not before
			b := &bell{next: 2000 * int64(i&8)}
			tab.Put(tab.Hash(k), k, Entry{Object: b})
			b.next = at
			tab.Retimed(tab.Find(tab.Hash(k), k))
		case 2: // the one outside comes later
			tab.Put(tab.Hash(k), k, Entry{Object: &bell{next: at}, Deadline: at + 500})
		default:
			tab.Put(tab.Hash(k), k, Entry{Deadline: at})
		}
		deadline[string(k)] = at
	}
	for now := int64(1); now <= 1000; now++ {
		for served := true; served; {
			served = false
			for h, times := range app {
				for i, at := range times {
					if at > now {
						continue
					}
					served = true
					app[h] = append(times[:i:i], times[i+1:]...)
					var gone [][]byte
					if !tab.Due(h, at, now, func(key []byte, d int64) {
						if d != now || deadline[string(key)] != now {
							t.Fatalf("%q is due at %d, said to be %d, at %d", key, deadline[string(key)], d, now)
						}
						gone = append(gone, bytes.Clone(key))
					}) {
						break
					}
					for _, k := range gone {
						tab.Delete(tab.Hash(k), k)
						delete(deadline, string(k))
					}
					tab.Rearm(h, now+1)
					break
				}
			}
		}
		for k, at := range deadline {
			if at <= now {
				t.Fatalf("%q was due at %d and is there at %d", k, at, now)
			}
		}
	}
	if tab.Len() != 0 || tab.Timed() != 0 || tab.Inner() != 0 {
		t.Errorf("%d entries are left", tab.Len())
	}
}

func TestRandom(t *testing.T) {
	tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
	if tab.Random(rand.Uint64).OK() {
		t.Error("a random entry of an empty table")
	}
	const n = 1000
	for i := range n {
		k := fmt.Appendf(nil, "%d", i)
		tab.Put(tab.Hash(k), k, Entry{})
	}
	times := map[string]int{}
	for range 100 * n {
		times[string(tab.Random(rand.Uint64).Key())]++
	}
	if len(times) != n {
		t.Errorf("%d of %d entries were drawn", len(times), n)
	}
	for i := range n - 1 { // one is left, somewhere
		k := fmt.Appendf(nil, "%d", i)
		tab.Delete(tab.Hash(k), k)
	}
	if got := string(tab.Random(rand.Uint64).Key()); got != "999" {
		t.Errorf("the only entry is 999, drawn was %q", got)
	}
}

func TestAllocs(t *testing.T) {
	tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
	k, v := []byte("key:000000000001"), []byte("xxx")
	tab.Put(tab.Hash(k), k, Entry{Bytes: v})
	if n := testing.AllocsPerRun(100, func() {
		if !tab.Find(tab.Hash(k), k).OK() {
			t.Fatal("gone")
		}
		tab.Put(tab.Hash(k), k, Entry{Bytes: v})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
			keys := make([][]byte, n)
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "key:%012d", i)
				tab.Put(tab.Hash(keys[i]), keys[i], Entry{Bytes: []byte("xxx")})
			}
			rand.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			b.ReportMetric(float64(tab.Bytes())/float64(n), "bytes/key")
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				k := keys[i]
				if i++; i == n {
					i = 0
				}
				if !tab.Find(tab.Hash(k), k).OK() {
					b.Fatal("missing")
				}
			}
		})
	}
}

func BenchmarkPut(b *testing.B) {
	tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
	v := []byte("xxx")
	key := []byte("key:000000000000")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint64(key[8:], uint64(i)*0x9e3779b97f4a7c15)
		tab.Put(tab.Hash(key), key, Entry{Bytes: v})
	}
	b.ReportMetric(float64(tab.Bytes())/float64(tab.Len()), "bytes/key")
}

// TestOwnUnderView: a small value under a key too long for a slab lives outside the
// page, and must not change under a view either.
func TestOwnUnderView(t *testing.T) {
	tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
	k := bytes.Repeat([]byte{'k'}, 1000)
	tab.Put(tab.Hash(k), k, Entry{Bytes: []byte("before")})
	v := tab.View()
	copy(tab.OwnEntry(tab.Find(tab.Hash(k), k)).Bytes(), "after!")
	v.Each(func(r Ref) bool {
		if got := string(r.Bytes()); got != "before" {
			t.Errorf("the view sees %q", got)
		}
		return true
	})
	if got := string(tab.Find(tab.Hash(k), k).Bytes()); got != "after!" {
		t.Errorf("the table holds %q", got)
	}
}

// TestDrain holds that a view that is forgotten while it is walked over shows what it would
// have shown.
func TestDrain(t *testing.T) {
	for _, n := range []int{0, 1, 100, 100_000} {
		tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
		put := func(key, val string) {
			if r := tab.Find(tab.Hash([]byte(key)), []byte(key)); r.OK() {
				tab.Update(r, []byte(key), Entry{Bytes: []byte(val)})
				return
			}
			tab.Put(tab.Hash([]byte(key)), []byte(key), Entry{Bytes: []byte(val)})
		}
		for i := range n {
			put(fmt.Sprint("key", i), "v")
		}
		want, got := map[string]bool{}, map[string]bool{}
		v := tab.View()
		v.Each(func(r Ref) bool {
			want[string(r.Key())] = true
			return true
		})
		i := 0
		v.Drain(func(r Ref) bool {
			put(fmt.Sprint("key", i), "another")
			i++
			got[string(r.Key())] = string(r.Bytes()) == "v"
			return true
		}, nil)
		tab.Release(v)
		if len(want) != n || len(got) != n {
			t.Fatalf("%d keys, %d and %d seen", n, len(want), len(got))
		}
		for k := range want {
			if !got[k] {
				t.Fatalf("%s was not seen as it was", k)
			}
		}
		v = tab.View()
		seen := 0
		v.Drain(func(Ref) bool {
			seen++
			return seen < 3
		}, nil)
		tab.Release(v)
		if seen > 3 {
			t.Errorf("went on after the end: %d", seen)
		}
	}
}

// TestPageSize holds that a page's header takes what the allocator gives for it.
func TestPageSize(t *testing.T) {
	if n := unsafe.Sizeof(page{}); n > pageBytes || n <= pageBytes-16 {
		t.Errorf("%d bytes", n)
	}
}

// TestOffer holds that each entry is either yielded or taken, and is then as it was, while a
// second view keeps the pages from being offered at all.
func TestOffer(t *testing.T) {
	const n = 200_000
	for _, views := range []int{1, 2} {
		tab := New(maphash.MakeSeed(), cow.NewClock(), nil)
		key := func(i int) []byte { return fmt.Append(nil, "key", i) }
		for i := range n {
			tab.Put(tab.Hash(key(i)), key(i), Entry{Bytes: []byte("v")})
		}
		v := tab.View()
		if views == 2 {
			defer tab.Release(tab.View())
		}
		seen, taken := map[string]int{}, int64(0)
		note := func(r Ref) {
			if string(r.Bytes()) != "v" {
				t.Fatalf("%s is %q", r.Key(), r.Bytes())
			}
			seen[string(r.Key())]++
		}
		i := 0
		v.Drain(func(r Ref) bool {
			note(r)
			for range 3 {
				k := key(i * 7919 % n)
				tab.Put(tab.Hash(k), k, Entry{Bytes: []byte("another")})
				i++
			}
			return true
		}, func(o Offer) bool {
			if !o.Take(note) {
				return false
			}
			taken++
			return true
		})
		if taken != v.Taken() || (taken > 0) != (views == 1) {
			t.Errorf("%d views: %d pages taken, %d counted", views, taken, v.Taken())
		}
		tab.Release(v)
		tab.check()
		if len(seen) != n {
			t.Errorf("%d views: %d keys seen of %d", views, len(seen), n)
		}
		for k, times := range seen {
			if times != 1 {
				t.Fatalf("%s came %d times", k, times)
			}
		}
	}
}
