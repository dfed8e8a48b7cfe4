package table

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"testing"

	"redust/db/cow"
)

// shared is a table that is a value: it has copies and is seen by views.
type shared struct {
	tab *Table
	m   map[string]string
}

func (s shared) compare(t *testing.T) {
	t.Helper()
	seen := 0
	s.tab.Each(func(r Ref) bool {
		seen++
		if want, ok := s.m[string(r.Key())]; !ok || want != string(r.Bytes()) {
			t.Fatalf("%q: %q, want %q (%t)", r.Key(), r.Bytes(), want, ok)
		}
		return true
	})
	if seen != len(s.m) || s.tab.Len() != len(s.m) {
		t.Fatalf("%d entries, Len %d, want %d", seen, s.tab.Len(), len(s.m))
	}
}

// TestShares writes to several tables that are copies of each other, while views come and
// go: none may see another's changes.
func TestShares(t *testing.T) {
	const keys, steps = 5000, 300_000
	clock, seed := cow.NewClock(), maphash.MakeSeed()
	r := rand.New(rand.NewPCG(11, 12))
	type view struct {
		shared
		token uint64
	}
	tabs := []shared{{NewMembers(seed, clock), map[string]string{}}}
	var views []view
	copyOf := func(m map[string]string) map[string]string {
		c := make(map[string]string, len(m))
		for k, v := range m {
			c[k] = v
		}
		return c
	}
	for i := range steps {
		at := r.IntN(len(tabs))
		s := &tabs[at]
		s.tab = s.tab.Own()
		key := binary.BigEndian.AppendUint32(nil, uint32(r.IntN(keys)))
		if key[3]%50 == 0 {
			key = append(key, make([]byte, 400)...)
		}
		h := s.tab.Hash(key)
		switch op := r.IntN(10); {
		case op < 6:
			val := bytes.Repeat([]byte{byte(i)}, r.IntN(20))
			s.tab.Put(h, key, Entry{Bytes: val})
			s.m[string(key)] = string(val)
		case op < 9:
			_, had := s.m[string(key)]
			if s.tab.Delete(h, key) != had {
				t.Fatal("Delete does not know what there is")
			}
			delete(s.m, string(key))
		}
		if i%5000 == 0 {
			switch {
			case len(tabs) < 4:
				tabs = append(tabs, shared{s.tab.Share(), copyOf(s.m)})
			default:
				drop := r.IntN(len(tabs))
				tabs = append(tabs[:drop], tabs[drop+1:]...)
			}
		}
		if i%7000 == 0 {
			x := tabs[r.IntN(len(tabs))]
			views = append(views, view{shared{x.tab, copyOf(x.m)}, clock.Freeze()})
		}
		if i%20_000 == 0 {
			for _, s := range tabs {
				s.compare(t)
				s.tab.check()
			}
			for len(views) > 2 {
				v := r.IntN(len(views))
				views[v].compare(t)
				clock.Release(views[v].token)
				views = append(views[:v], views[v+1:]...)
			}
		}
	}
}

// TestSharedViewRace reads a frozen table on another goroutine while its owner and a copy
// are written; it is for the race detector.
func TestSharedViewRace(t *testing.T) {
	clock, seed := cow.NewClock(), maphash.MakeSeed()
	a := NewMembers(seed, clock)
	put := func(tab *Table, i int) {
		k := binary.BigEndian.AppendUint32(nil, uint32(i))
		tab.Put(tab.Hash(k), k, Entry{Bytes: k})
	}
	for i := range 20_000 {
		put(a, i)
	}
	b := a.Share()
	frozen, token := a, clock.Freeze()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for range 3 {
			n := 0
			frozen.Each(func(Ref) bool { n++; return true })
			k := binary.BigEndian.AppendUint32(nil, 77)
			if n != 20_000 || !frozen.Find(frozen.Hash(k), k).OK() {
				t.Errorf("the view shows %d entries", n)
			}
		}
	}()
	a, b = a.Own(), b.Own()
	for i := range 40_000 {
		put(a, i)
		put(b, 2*i)
	}
	wg.Wait()
	clock.Release(token)
	a.check()
	b.check()
}
