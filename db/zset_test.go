package db

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redust/db/table"
)

// zmodel is what a sorted set must be.
type zmodel map[string]float64

type zpair struct {
	member string
	score  float64
}

func (m zmodel) sorted() []zpair {
	var all []zpair
	for k, f := range m {
		all = append(all, zpair{k, f})
	}
	slices.SortFunc(all, func(a, b zpair) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return strings.Compare(a.member, b.member)
	})
	return all
}

func (m zmodel) clone() zmodel {
	c := zmodel{}
	for k, f := range m {
		c[k] = f
	}
	return c
}

// collect is members from a rank on.
func collect(z *SortedSet, from, n int, reverse bool) (all []zpair) {
	z.Each(from, n, reverse, func(member []byte, score float64) bool {
		all = append(all, zpair{string(member), score})
		return true
	})
	return all
}

// zplayer turns bytes into operations on sorted sets and their models.
type zplayer struct {
	t      *testing.T
	in     []byte
	d      *DB
	keys   []string
	models map[string]zmodel
	views  []zview
}

// zview is a database as it stood, and what there was.
type zview struct {
	view   *View
	models map[string]zmodel
}

func (p *zplayer) byte() byte {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return b
}

func (p *zplayer) member() []byte {
	n := p.byte()
	switch {
	case n%50 == 7:
		return bytes.Repeat([]byte{'L'}, 300+int(n))
	case n%3 == 0:
		return fmt.Appendf(nil, "%d", int(n)-40)
	}
	return fmt.Appendf(nil, "member:%d", n)
}

var scores = []float64{0, math.Copysign(0, -1), 1, 2, 3, -1, 0.1, 1.5, 1e10, -1e300, math.Inf(1), math.Inf(-1), 1 << 53, 12345.678}

func (p *zplayer) score() float64 { return scores[int(p.byte())%len(scores)] }

func (p *zplayer) compare(z SortedSet, m zmodel) {
	p.t.Helper()
	want := m.sorted()
	got := collect(&z, 0, z.Card(), false)
	if z.Card() != len(want) || !slices.Equal(got, want) {
		p.t.Fatalf("set is %v,\nwant %v", got, want)
	}
}

func (p *zplayer) step() {
	op := p.byte()
	key := []byte(p.keys[int(op>>4)%len(p.keys)])
	m := p.models[string(key)]
	if m == nil {
		m = zmodel{}
		p.models[string(key)] = m
	}
	z := p.d.ZSetOf(key, p.d.ForWrite(key))
	all := m.sorted()
	switch op % 16 {
	case 0, 1, 2, 3, 4:
		member, score := p.member(), p.score()
		_, had := m[string(member)]
		if z.Add(member, score) == had {
			p.t.Fatalf("Add(%s) is wrong about what there was", member)
		}
		m[string(member)] = score
		if p.byte()%3 == 0 { // again, by the same handle
			member, score = p.member(), p.score()
			z.Add(member, score)
			m[string(member)] = score
		}
		p.compare(z, m)
	case 5, 6:
		member := p.member()
		_, had := m[string(member)]
		if z.Remove(member) != had {
			p.t.Fatalf("Remove(%s) is wrong about what there was", member)
		}
		delete(m, string(member))
	case 7:
		from, reverse := int(p.byte()), p.byte()&1 == 1
		if from >= len(all) {
			return
		}
		n := min(int(p.byte())%16, len(all)-from)
		at := from
		if reverse {
			at = from + n - 1
		}
		var got []zpair
		z.Each(at, n, reverse, func(member []byte, score float64) bool {
			got = append(got, zpair{string(member), score})
			return true
		})
		z.RemoveRange(from, n)
		gone := slices.Clone(all[from : from+n])
		if reverse {
			slices.Reverse(gone)
		}
		if !slices.Equal(got, gone) {
			p.t.Fatalf("Each showed %v, want %v", got, gone)
		}
		for _, x := range gone {
			delete(m, x.member)
		}
	case 8:
		member := p.member()
		score, ok := m[string(member)]
		rank, got, found := z.Rank(member)
		if found != ok || ok && (got != score || all[rank].member != string(member)) {
			p.t.Fatalf("Rank(%s) = %d, %v, %t", member, rank, got, found)
		}
	case 9:
		s := ScoreRange{p.score(), p.score(), p.byte()&1 == 1, p.byte()&1 == 1}
		from, n := z.ByScore(s)
		var want []zpair
		for _, x := range all {
			if !s.below(x.score) && !s.above(x.score) {
				want = append(want, x)
			}
		}
		if got := collect(&z, from, n, false); !slices.Equal(got, want) {
			p.t.Fatalf("ByScore(%v) = %v, want %v", s, got, want)
		}
		if n > 0 {
			back := collect(&z, from+n-1, n, true)
			slices.Reverse(back)
			if !slices.Equal(back, want) {
				p.t.Fatalf("ByScore(%v) in reverse = %v, want %v", s, back, want)
			}
		}
	case 10:
		p.lex(&z, m, key)
	case 11:
		n := int(p.byte()) % 40
		seen := map[string]bool{}
		z.Sample(n, func(member []byte, score float64) bool {
			if f, ok := m[string(member)]; !ok || f != score || seen[string(member)] {
				p.t.Fatalf("Sample drew %s=%v", member, score)
			}
			seen[string(member)] = true
			return true
		})
		if len(seen) != min(n, len(m)) {
			p.t.Fatalf("Sample(%d) of %d drew %d", n, len(m), len(seen))
		}
	case 12:
		other := p.keys[int(p.byte())%len(p.keys)]
		if other != string(key) && z.Card() > 0 {
			p.d.Delete([]byte(other))
			p.d.Copy(key, p.d, []byte(other))
			p.models[other] = m.clone()
		}
	case 13:
		p.algebra(key)
	case 14:
		if len(p.views) < 3 {
			v := zview{p.d.View(), map[string]zmodel{}}
			for k, m := range p.models {
				v.models[k] = m.clone()
			}
			p.views = append(p.views, v)
		} else {
			p.release(int(p.byte()) % 3)
		}
	case 15:
		p.d.k.Limits.ZSetEntries = []int64{0, 4, 20, 128}[p.byte()%4]
		p.d.k.Limits.ZSetValue = []int64{64, 8, 1000}[p.byte()%3]
	}
}

// lex gives all members one score and asks for a range of them.
func (p *zplayer) lex(z *SortedSet, m zmodel, key []byte) {
	for k := range m {
		z.Add([]byte(k), 7)
		m[k] = 7
	}
	end := func() LexEnd {
		e := LexEnd{Member: p.member(), Ex: p.byte()&1 == 1}
		if b := p.byte() % 8; b < 2 {
			e.Inf = int8(b)*2 - 1
		}
		return e
	}
	l := LexRange{end(), end()}
	from, n := z.ByLex(l)
	var want []zpair
	for _, x := range m.sorted() {
		low, high := strings.Compare(x.member, string(l.Min.Member)), strings.Compare(x.member, string(l.Max.Member))
		if l.Min.Inf <= 0 && (l.Min.Inf < 0 || !l.Min.below(low)) && l.Max.Inf >= 0 && (l.Max.Inf > 0 || !l.Max.above(high)) {
			want = append(want, x)
		}
	}
	if got := collect(z, from, n, false); !slices.Equal(got, want) {
		p.t.Fatalf("ByLex(%v) = %v, want %v", l, got, want)
	}
}

// algebra stores what becomes of two sets.
func (p *zplayer) algebra(to []byte) {
	a, b := p.keys[int(p.byte())%len(p.keys)], p.keys[int(p.byte())%len(p.keys)]
	sets := make([]Scored, 2)
	for i, key := range []string{a, b} {
		sets[i], _ = p.d.ScoredOf([]byte(key), p.d.Get([]byte(key)))
		sets[i].Weight = float64(i*2 + 1)
	}
	ma, mb, out := p.models[a], p.models[b], zmodel{}
	how := Aggregate(p.byte() % 3)
	var draft *ZDraft
	switch p.byte() % 3 {
	case 0:
		draft = p.d.Union(sets, how)
		for k, f := range ma {
			out[k] = f
		}
		for k, f := range mb {
			f = orZero(3 * f)
			if g, ok := ma[k]; ok {
				f = how.combine(g, f)
			}
			out[k] = f
		}
	case 1:
		want := int64(0)
		for k, f := range ma {
			if g, ok := mb[k]; ok {
				out[k] = how.combine(f, 3*g)
				want++
			}
		}
		if n := p.d.InterCard(slices.Clone(sets), 0); n != want {
			p.t.Fatalf("InterCard = %d, want %d", n, want)
		}
		draft = p.d.Inter(sets, how)
	default:
		draft = p.d.Diff(sets)
		for k, f := range ma {
			if _, ok := mb[k]; !ok {
				out[k] = f
			}
		}
	}
	draft.Sort()
	if existed := p.d.StoreZSet(to, draft); existed != (len(p.models[string(to)]) > 0) {
		p.t.Fatalf("StoreZSet is wrong about what there was")
	}
	p.models[string(to)] = out
}

// release compares a view with what there was when it was taken, and ends it.
func (p *zplayer) release(i int) {
	v := p.views[i]
	found := 0
	v.view.Each(func(it Item) bool {
		found++
		z := it.Scores()
		p.compare(z, v.models[string(it.Key())])
		return true
	})
	for _, m := range v.models {
		if len(m) > 0 {
			found--
		}
	}
	if found != 0 {
		p.t.Fatal("a view has too many keys, or too few")
	}
	v.view.Release()
	p.views = slices.Delete(p.views, i, i+1)
}

func playZSet(t *testing.T, in []byte) {
	r := rand.New(rand.NewPCG(3, 4))
	p := &zplayer{t: t, in: in, keys: []string{"a", "b", "c"}, models: map[string]zmodel{}}
	p.d = New(1, r.Uint64).DB(0)
	p.d.k.Limits.ZSetEntries = []int64{0, 4, 20, 128}[p.byte()%4]
	for len(p.in) > 0 {
		p.step()
		for key, m := range p.models {
			it := p.d.Peek([]byte(key))
			if it.OK() != (len(m) > 0) {
				p.t.Fatalf("%s exists: %t, with %d members", key, it.OK(), len(m))
			}
			if it.OK() && p.byte()%16 == 0 {
				p.compare(p.d.ZSetOf([]byte(key), it), m)
			}
		}
		p.checkBytes()
	}
	for len(p.views) > 0 {
		p.release(0)
	}
}

// checkBytes holds the memory that is counted against what the objects say.
func (p *zplayer) checkBytes() {
	rest := p.d.t.Bytes() - p.d.t.Overhead() - p.d.Shape().SlabBytes
	p.d.t.Each(func(r table.Ref) bool {
		if o := r.Object(); o != nil {
			rest -= int64(o.MemBytes())
		}
		return true
	})
	if rest < 0 || rest > 24+16*8 { // a page's list of objects
		p.t.Fatalf("%d bytes are counted that nothing takes", rest)
	}
}

func FuzzZSet(f *testing.F) {
	for i := range uint64(40) {
		r := rand.New(rand.NewPCG(i, 9))
		b := make([]byte, 50<<(i%8))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(append([]byte{byte(i)}, b...))
	}
	f.Fuzz(playZSet)
}

// TestZSetAllocs holds that what is done with one member, or asked about many, allocates
// nothing.
func TestZSetAllocs(t *testing.T) {
	k := New(1, rand.New(rand.NewPCG(5, 6)).Uint64)
	d := k.DB(0)
	for _, n := range []int{10, 5000} {
		key := fmt.Appendf(nil, "z%d", n)
		z := d.ZSetOf(key, Item{})
		for i := range n {
			z.Add(fmt.Appendf(nil, "member:%d", i), float64(i))
		}
		member, round := []byte("member:7"), 0.0
		sum := 0.0
		add := func(_ []byte, score float64) bool {
			sum += score
			return true
		}
		for name, f := range map[string]func(z *SortedSet){
			"Put": func(z *SortedSet) {
				round = 5 - round
				z.Put(z.Find(member), member, round)
			},
			"Remove":  func(z *SortedSet) { z.Remove(member); z.Add(member, 3) },
			"Rank":    func(z *SortedSet) { z.Rank(member) },
			"ByScore": func(z *SortedSet) { z.ByScore(ScoreRange{Min: 1, Max: 8}) },
			"ByLex":   func(z *SortedSet) { z.ByLex(LexRange{Max: LexEnd{Inf: 1}}) },
			"Each":    func(z *SortedSet) { z.Each(0, 10, false, add) },
		} {
			run := func() {
				z = d.ZSetOf(key, d.ForWrite(key))
				f(&z)
			}
			run()
			if per := testing.AllocsPerRun(200, run); per > 0 {
				t.Errorf("%s among %d: %.2f allocations", name, n, per)
			}
		}
	}
}
