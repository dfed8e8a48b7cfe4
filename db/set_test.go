package db

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"redust/db/listpack"
	"redust/db/table"
)

// redisSet is a set in the form that Redis 7.2 gives it, by Redis's own steps: integers
// sorted, packed ones in the order in which they came, large ones in any order.
type redisSet struct {
	form    Encoding
	members []string
}

func isNumber(m string) (int64, bool) { return listpack.ParseInt([]byte(m)) }

func newRedisSet(l *Limits, first string, n int) *redisSet {
	_, isInt := isNumber(first)
	switch {
	case isInt && int64(n) <= l.SetInts:
		return &redisSet{form: Ints}
	case int64(n) <= l.SetEntries:
		return &redisSet{form: Packed}
	}
	return &redisSet{form: Large}
}

func (s *redisSet) has(m string) bool { return s != nil && slices.Contains(s.members, m) }

func (s *redisSet) len() int {
	if s == nil {
		return 0
	}
	return len(s.members)
}

func (s *redisSet) add(l *Limits, m string) bool {
	if s.has(m) {
		return false
	}
	n := int64(len(s.members))
	fits := n < l.SetEntries && int64(len(m)) <= l.SetValue
	v, isInt := isNumber(m)
	switch {
	case s.form == Ints && isInt:
		at, _ := slices.BinarySearchFunc(s.members, v, func(m string, v int64) int {
			if w, _ := isNumber(m); w < v {
				return -1
			}
			return 1
		})
		s.members = slices.Insert(s.members, at, m)
		if n+1 > l.SetInts {
			s.form = Large
		}
		return true
	case s.form == Ints:
		for _, m := range s.members {
			fits = fits && int64(len(m)) <= l.SetValue
		}
	}
	if s.form != Large {
		if s.form = Packed; !fits {
			s.form = Large
		}
	}
	s.members = append(s.members, m)
	return true
}

func (s *redisSet) remove(m string) bool {
	i := slices.Index(s.members, m)
	if i < 0 {
		return false
	}
	s.members = slices.Delete(s.members, i, i+1)
	return true
}

func (s *redisSet) clone() *redisSet { return &redisSet{s.form, slices.Clone(s.members)} }

// combine is what Redis stores for an operation on these sets; nil stands for a missing one.
func combine(l *Limits, op setOp, sets []*redisSet) *redisSet {
	out := &redisSet{form: Ints}
	switch op {
	case opUnion:
		for _, s := range sets {
			for i := range s.len() {
				out.add(l, s.members[i])
			}
		}
	case opIntersect:
		order := slices.Clone(sets)
		slices.SortStableFunc(order, func(a, b *redisSet) int { return a.len() - b.len() })
		if order[0].len() == 0 {
			return out
		}
		if out.form = Packed; order[0].form == Ints {
			out.form = Ints
		}
		ints := true
		for _, m := range order[0].members {
			if !slices.ContainsFunc(order, func(s *redisSet) bool { return !s.has(m) }) {
				_, isInt := isNumber(m)
				ints = ints && isInt
				out.add(l, m)
			}
		}
		if ints && int64(out.len()) <= l.SetInts {
			again := &redisSet{form: Ints}
			for _, m := range out.members {
				again.add(l, m)
			}
			return again
		}
	default:
		one, two := 0, 0
		for _, s := range sets {
			if s.len() > 0 {
				one += sets[0].len()
				two += s.len()
			}
		}
		for i := range sets[0].len() {
			m := sets[0].members[i]
			if one/2 > two || !slices.ContainsFunc(sets[1:], func(s *redisSet) bool { return s.has(m) }) {
				out.add(l, m)
			}
		}
		for _, s := range sets[1:] {
			for i := range s.len() {
				out.remove(s.members[i])
			}
		}
	}
	return out
}

// setPlayer turns bytes into commands on a database of sets and on a model.
type setPlayer struct {
	t     *testing.T
	k     *Keyspace
	d     *DB
	in    []byte
	m     map[string]*redisSet
	views []*View
	olds  []map[string]*redisSet
}

func (p *setPlayer) byte() int {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return int(b)
}

func (p *setPlayer) key() string { return fmt.Sprintf("s%d", p.byte()%5) }

// member is an integer of any width, or bytes: short, at the limit, or too long for a slab.
func (p *setPlayer) member() string {
	n := p.byte()
	switch n % 16 {
	case 0:
		return strconv.Itoa(n << 24)
	case 1:
		return strconv.Itoa(-n << 40)
	case 2:
		return "0" + strconv.Itoa(n)
	case 3, 4, 5, 6, 7, 8:
		return "m" + strconv.Itoa(n)
	case 9:
		return string(bytes.Repeat([]byte{byte(n)}, 9+n%3))
	case 10:
		return string(bytes.Repeat([]byte{byte(n)}, 250+n/16))
	}
	return strconv.Itoa(n)
}

// run is several members, so that large sets come about.
func (p *setPlayer) run() []string {
	from, n, step := p.byte(), 1+p.byte()/2, 1+p.byte()%7
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(from+i*step))
		if from&3 == 0 {
			out[i] = "x" + out[i]
		}
	}
	return out
}

func (p *setPlayer) members() []string {
	var out []string
	for range 1 + p.byte()%6 {
		out = append(out, p.member())
	}
	return out
}

func args(members []string) [][]byte {
	var out [][]byte
	for _, m := range members {
		out = append(out, []byte(m))
	}
	return out
}

func memberText(m listpack.Value) string { return string(m.Append(nil)) }

// agree compares a set with its model.
func (p *setPlayer) agree(key string, s Members, want *redisSet) {
	p.t.Helper()
	var got []string
	s.Each(func(m listpack.Value) bool {
		got = append(got, memberText(m))
		return true
	})
	members := slices.Clone(want.members)
	if want.form == Large {
		slices.Sort(got)
		slices.Sort(members)
	}
	if s.form != want.form || s.Len() != len(members) || !slices.Equal(got, members) {
		p.t.Fatalf("%s: form %d, %d: %.400q\nwant form %d, %d: %.400q", key, s.form, s.Len(), got, want.form, len(members), members)
	}
	if s.form == Large {
		s.t.Check()
	}
}

func (p *setPlayer) get(key string) (Item, Members) {
	it := p.d.Peek([]byte(key))
	return it, it.Members()
}

// check compares all keys.
func (p *setPlayer) check() {
	p.t.Helper()
	p.d.t.Check()
	if p.d.Len() != len(p.m) {
		p.t.Fatalf("%d keys, want %d", p.d.Len(), len(p.m))
	}
	for key, want := range p.m {
		_, s := p.get(key)
		p.agree(key, s, want)
	}
}

func (p *setPlayer) release(i int) {
	n := 0
	p.views[i].Each(func(it Item) bool {
		n++
		p.agree("view of "+string(it.Key()), it.Members(), p.olds[i][string(it.Key())])
		return true
	})
	if n != len(p.olds[i]) {
		p.t.Fatalf("a view has %d keys, want %d", n, len(p.olds[i]))
	}
	p.views[i].Release()
	p.views, p.olds = slices.Delete(p.views, i, i+1), slices.Delete(p.olds, i, i+1)
}

func (p *setPlayer) add(key string, members []string) {
	l := &p.k.Limits
	it, now := p.get(key)
	fresh := now.CountNewFor(p.d, args(members))
	s := p.d.EditMembers([]byte(key), it)
	n := s.Add(args(members))
	s.Done()
	want, model := 0, p.m[key]
	if model == nil {
		model = newRedisSet(l, members[0], len(members))
		p.m[key] = model
	} else if n := int64(len(members)); model.form == Ints && n > l.SetInts || model.form == Packed && n > l.SetEntries {
		model.form = Large
	}
	for _, m := range members {
		if model.add(l, m) {
			want++
		}
	}
	if n != want || fresh != want {
		p.t.Fatalf("Add %.200q to %s: %d, CountNew %d, want %d", members, key, n, fresh, want)
	}
}

// CountNewFor is CountNew on a set that was looked up for reading.
func (s Members) CountNewFor(d *DB, members [][]byte) int {
	s.d = d
	return s.CountNew(members)
}

func (p *setPlayer) remove(key string, members []string) {
	it, _ := p.get(key)
	s := p.d.EditMembers([]byte(key), it)
	n := s.Remove(args(members))
	gone := s.Done()
	want, model := 0, p.m[key]
	for _, m := range members {
		if model != nil && model.remove(m) {
			want++
		}
	}
	p.dropEmpty(key)
	if n != want || gone != (n > 0 && p.m[key] == nil) {
		p.t.Fatalf("Remove %.200q from %s: %d, gone %v, want %d", members, key, n, gone, want)
	}
}

func (p *setPlayer) dropEmpty(key string) {
	if p.m[key].len() == 0 {
		delete(p.m, key)
	}
}

func (p *setPlayer) pop(key string, n int, refuse bool) {
	model := p.m[key]
	if n = min(n, model.len()); n == 0 {
		return
	}
	it, _ := p.get(key)
	s := p.d.EditMembers([]byte(key), it)
	var got []string
	done := s.Pop(n, func(m listpack.Value) bool {
		got = append(got, memberText(m))
		return !refuse || len(got) < n
	})
	gone := s.Done()
	if done == refuse || len(got) != n || gone != (done && n == model.len()) {
		p.t.Fatalf("Pop %d of %s: %v, %d shown, gone %v", n, key, done, len(got), gone)
	}
	left := model.clone()
	for _, m := range got {
		if !left.remove(m) {
			p.t.Fatalf("Pop of %s shows %q", key, m)
		}
	}
	if refuse {
		return
	}
	if model.form == Large && 5*left.len() <= n {
		// A new set, in an order that only chance knows.
		left = &redisSet{form: Packed}
		_, s := p.get(key)
		s.Each(func(m listpack.Value) bool { return left.add(&p.k.Limits, memberText(m)) })
		if left.len() != model.len()-n {
			p.t.Fatalf("Pop of %s leaves %d", key, left.len())
		}
	}
	p.m[key] = left
	p.dropEmpty(key)
}

// algebra combines some sets, compares the result, and stores it if dst is not empty.
func (p *setPlayer) algebra(op setOp, keys []string, limit int, dst string) {
	var models []*redisSet
	large := false
	s := p.k.Sets()
	for _, key := range keys {
		models = append(models, p.m[key])
		large = large || p.m[key] != nil && p.m[key].form == Large
		it, _ := p.get(key)
		s.Add(it)
	}
	want := combine(&p.k.Limits, op, models)
	switch op {
	case opIntersect:
		s.Intersect(limit)
	case opUnion:
		s.Union()
	default:
		s.Subtract()
	}
	defer s.Forget()
	if limit > 0 && op == opIntersect {
		if min(s.Len(), limit) != min(want.len(), limit) {
			p.t.Fatalf("intersection of %q up to %d: %d, want %d", keys, limit, s.Len(), want.len())
		}
		return
	}
	var got []string
	s.Each(func(m listpack.Value) bool {
		got = append(got, memberText(m))
		return true
	})
	members := slices.Clone(want.members)
	sorted := slices.Sorted(slices.Values(got))
	slices.Sort(members)
	if s.Len() != len(got) || !slices.Equal(sorted, members) {
		p.t.Fatalf("operation %d on %q: Len %d, %d: %.400q\nwant %d: %.400q", op, keys, s.Len(), len(sorted), sorted, len(members), members)
	}
	if dst == "" {
		return
	}
	if had := s.Store(p.d, []byte(dst)); had != (p.m[dst] != nil) {
		p.t.Fatalf("Store over %s: %v", dst, had)
	}
	if large && want.form == Packed { // what a large set contributes comes in any order
		_, stored := p.get(dst)
		got = nil
		stored.Each(func(m listpack.Value) bool {
			got = append(got, memberText(m))
			return true
		})
		if sorted = slices.Sorted(slices.Values(got)); !slices.Equal(sorted, members) {
			p.t.Fatalf("stored %q, want %q", sorted, members)
		}
		want.members = got
	}
	p.m[dst] = want
	p.dropEmpty(dst)
}

func (p *setPlayer) step() {
	key := p.key()
	switch op := p.byte(); op % 16 {
	case 0, 1, 2:
		p.add(key, p.members())
	case 3, 4:
		p.add(key, p.run())
	case 5:
		p.remove(key, p.members())
	case 6:
		p.remove(key, p.run())
	case 7, 8:
		p.pop(key, 1+p.byte()*(op>>4)/8, op&128 != 0 && op&64 == 0)
	case 9, 10, 11:
		var keys []string
		for range 1 + p.byte()%9 {
			keys = append(keys, p.key())
		}
		dst := ""
		if op&64 != 0 {
			dst = key
		}
		p.algebra(setOp(op>>4%3), keys, p.byte()%40-20, dst)
	case 12:
		to := p.key()
		if from := p.m[key]; from != nil && to != key {
			if op&16 != 0 {
				p.d.Copy([]byte(key), p.d, []byte(to))
				p.m[to] = from.clone()
			} else {
				p.d.Rename([]byte(key), p.d, []byte(to))
				p.m[to] = from
				delete(p.m, key)
			}
		}
	case 13:
		if len(p.views) < 3 {
			old := maps.Clone(p.m)
			for key, s := range old {
				old[key] = s.clone()
			}
			p.views, p.olds = append(p.views, p.d.View()), append(p.olds, old)
		}
	case 14:
		if len(p.views) > 0 {
			p.release(op >> 4 % len(p.views))
		}
	case 15:
		p.random(key, 1+p.byte())
	}
}

// random draws from a set in both ways, and scans it.
func (p *setPlayer) random(key string, n int) {
	model := p.m[key]
	if model == nil {
		return
	}
	_, s := p.get(key)
	drawn := 0
	s.Draw(n, func(m listpack.Value) bool {
		drawn++
		if !model.has(memberText(m)) || !s.Has([]byte(memberText(m))) {
			p.t.Fatalf("drawn from %s: %q", key, memberText(m))
		}
		return true
	})
	if drawn != n {
		p.t.Fatalf("drawn %d of %d", drawn, n)
	}
	left := model.clone()
	take := func(m listpack.Value) bool {
		if !left.remove(memberText(m)) {
			p.t.Fatalf("sample of %s: %q", key, memberText(m))
		}
		return true
	}
	n = min(n, model.len())
	if s.Sample(n, take); left.len() != model.len()-n {
		p.t.Fatalf("a sample of %d left %d of %d", n, left.len(), model.len())
	}
	left = model.clone()
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = s.Scan(cursor, func(m listpack.Value) { take(m) })
	}
	if left.len() != 0 {
		p.t.Fatalf("scan left out %q", left.members)
	}
}

func playSets(t *testing.T, in []byte, l Limits) {
	k, _ := newTest(1)
	k.Limits = l
	p := &setPlayer{t: t, k: k, d: k.DB(0), in: in, m: map[string]*redisSet{}}
	for n := 0; len(p.in) > 0; n++ {
		p.step()
		if len(p.m) < 3 || n%8 == 0 {
			p.check()
		}
	}
	for len(p.views) > 0 {
		p.release(0)
	}
	p.check()
}

func FuzzSets(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		b := make([]byte, 600)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		l := DefaultLimits
		l.SetInts, l.SetEntries, l.SetValue = 20, 12, 10
		playSets(t, in, l)
	})
}

// TestSets plays under several limits.
func TestSets(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, l := range []Limits{DefaultLimits, {SetInts: 4, SetEntries: 3, SetValue: 4}, {}, {SetInts: 1000, SetEntries: 1000, SetValue: 1000}, {SetInts: 30, SetValue: 64}, {SetEntries: 30, SetValue: 64}} {
		if l.SetInts < l.SetEntries {
			l.SetInts = 0
		}
		b := make([]byte, 4000)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		playSets(t, b, l)
	}
}

// TestSetViewRace reads a frozen set on another goroutine while its owner goes on writing;
// it is for the race detector.
func TestSetViewRace(t *testing.T) {
	k, _ := newTest(11)
	d := k.DB(0)
	key := []byte("s")
	add := func(from, to int) {
		s := d.EditMembers(key, d.Peek(key))
		for i := from; i < to; i++ {
			s.Add([][]byte{fmt.Appendf(nil, "member:%d", i)})
		}
		s.Done()
	}
	const n = 20_000
	add(0, n)
	small := d.EditMembers([]byte("small"), Item{})
	small.Add(args([]string{"a", "b", "1"}))
	small.Done()
	v := d.View()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for range 5 {
			met := 0
			v.Each(func(it Item) bool {
				s := it.Members()
				s.Each(func(listpack.Value) bool {
					met++
					return true
				})
				if s.Len() == 3 && !s.Has([]byte("1")) || s.Len() != 3 && !s.Has([]byte("member:77")) {
					t.Error("the view has lost a member")
				}
				return true
			})
			if met != n+3 {
				t.Errorf("the view shows %d members, want %d", met, n+3)
			}
		}
	}()
	for i := range 50 {
		add(n+i*100, n+i*100+100)
		s := d.EditMembers(key, d.Peek(key))
		s.Pop(150, func(listpack.Value) bool { return true })
		s.Done()
		k.Sets().Add(d.Peek(key))
		k.Sets().Add(d.Peek([]byte("small")))
		k.Sets().Union()
		k.Sets().Store(d, fmt.Appendf(nil, "copy%d", i%3))
		k.Sets().Forget()
		s = d.EditMembers([]byte("small"), d.Peek([]byte("small")))
		s.Add(args([]string{strconv.Itoa(i)}))
		s.Done()
	}
	wg.Wait()
	v.Release()
	d.t.Check()
}

// TestDrawIsEven draws from a large set, and holds that no member comes much more often than
// another, and from small ones, where all come alike.
func TestDrawIsEven(t *testing.T) {
	for _, r := range []struct {
		n       int
		form    Encoding
		prefix  string
		percent float64 // how far a member may be from the mean, chance included
	}{{40, Ints, "", 12}, {40, Packed, "m", 12}, {2000, Large, "m", 75}} {
		k, _ := newTest(12)
		d := k.DB(0)
		s := d.EditMembers([]byte("s"), Item{})
		for i := range r.n {
			s.Add([][]byte{[]byte(r.prefix + strconv.Itoa(i))})
		}
		s.Done()
		s = d.Peek([]byte("s")).Members()
		if s.form != r.form {
			t.Fatalf("form %d, want %d", s.form, r.form)
		}
		const each = 1000
		times := map[string]float64{}
		s.Draw(each*r.n, func(m listpack.Value) bool {
			times[memberText(m)]++
			return true
		})
		for m, n := range times {
			if off := (n - each) / each * 100; off > r.percent || off < -r.percent {
				t.Errorf("form %d: %s was drawn %.0f %% off the mean", r.form, m, off)
			}
		}
		if len(times) != r.n {
			t.Errorf("form %d: only %d of %d were ever drawn", r.form, len(times), r.n)
		}
	}
}

// TestSetsForget holds that an operation keeps nothing alive once it is over.
func TestSetsForget(t *testing.T) {
	k, _ := newTest(13)
	d := k.DB(0)
	for _, key := range []string{"a", "b"} {
		s := d.EditMembers([]byte(key), Item{})
		for i := range 1000 {
			s.Add([][]byte{fmt.Appendf(nil, "%s%d", key, i/2)})
		}
		s.Done()
		k.Sets().Add(d.Peek([]byte(key)))
	}
	k.Sets().Union()
	k.Sets().Forget()
	s := k.Sets()
	for _, o := range s.of[:cap(s.of)] {
		if o.t != nil || o.b != nil || o.it.OK() {
			t.Error("an operand is still there")
		}
	}
	for _, p := range s.parts[:cap(s.parts)] {
		if p.of.t != nil || p.of.it.OK() {
			t.Error("a part is still there")
		}
	}
	if s.walks[0] != (table.Walk{}) || s.walks[1] != (table.Walk{}) || s.n != 0 {
		t.Error("a walk is still there")
	}
}
