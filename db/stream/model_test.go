package stream

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"redust/db/cow"
)

// model is the truth that a stream is compared with. What blocks there are is no part of
// it: Redis is compared with for that.
type model struct {
	entries []modelEntry
	last    ID
	added   int64
	deleted ID
	groups  map[string]*modelGroup
}

type modelEntry struct {
	id    ID
	pairs []string
}

type modelGroup struct {
	last      ID
	pending   map[ID]modelDelivery
	consumers map[string]bool
}

type modelDelivery struct {
	consumer  string
	at, count int64
}

func (m *model) clone() *model {
	c := *m
	c.entries = slices.Clone(m.entries)
	c.groups = map[string]*modelGroup{}
	for name, g := range m.groups {
		c.groups[name] = &modelGroup{g.last, maps.Clone(g.pending), maps.Clone(g.consumers)}
	}
	return &c
}

func (m *model) at(id ID) (int, bool) {
	return slices.BinarySearchFunc(m.entries, id, func(e modelEntry, id ID) int {
		switch {
		case e.id == id:
			return 0
		case e.id.Less(id):
			return -1
		}
		return 1
	})
}

// pairs reads the entry under an iterator.
func pairs(it *Iter) (out []string) {
	for range it.N {
		name, value := it.Field()
		out = append(out, string(name.Append(nil)), string(value.Append(nil)))
	}
	return out
}

// compare reads all of the stream and panics at a difference, so that readers on other
// goroutines can use it.
func (m *model) compare(s *Stream) {
	must := func(ok bool, format string, args ...any) {
		if !ok {
			panic(fmt.Sprintf(format, args...))
		}
	}
	must(s.Len() == len(m.entries) && s.Last() == m.last && s.Added() == m.added && s.MaxDeleted() == m.deleted,
		"%d entries, last %v, added %d, deleted %v; want %d %v %d %v", s.Len(), s.Last(), s.Added(), s.MaxDeleted(), len(m.entries), m.last, m.added, m.deleted)
	var it Iter
	i := 0
	for it.Range(s, ID{}, MaxID()); it.Next(); i++ {
		must(i < len(m.entries) && it.ID == m.entries[i].id, "entry %d is %v", i, it.ID)
		if i%3 != 0 { // entries need not be read, or not to their end
			got := pairs(&it)
			must(slices.Equal(got, m.entries[i].pairs), "entry %v is %q, want %q", it.ID, got, m.entries[i].pairs)
		}
	}
	must(i == len(m.entries), "%d entries forward, want %d", i, len(m.entries))
	for it.RangeBack(s, ID{}, MaxID()); it.Next(); {
		i--
		must(it.ID == m.entries[i].id, "entry %d is %v", i, it.ID)
		if i%3 != 0 {
			must(slices.Equal(pairs(&it), m.entries[i].pairs), "entry %v backward", it.ID)
		}
	}
	must(i == 0, "%d entries short backward", i)
	must(len(s.Groups()) == len(m.groups), "%d groups", len(s.Groups()))
	for _, g := range s.Groups() {
		want := m.groups[g.Name]
		must(want != nil && g.Last == want.last, "group %s", g.Name)
		must(g.Consumers() == len(want.consumers) && g.Pending() == len(want.pending), "group %s: %d consumers, %d pending", g.Name, g.Consumers(), g.Pending())
		var p Pendings
		n := 0
		for p.From(g, nil, ID{}); p.Next(); n++ {
			d, ok := want.pending[p.ID]
			must(ok && d == modelDelivery{p.Consumer.Name, p.At, p.Count}, "pending %v", p.ID)
		}
		must(n == g.Pending(), "%d pending of %d", n, g.Pending())
		for j := range g.Consumers() {
			c := g.ConsumerAt(j)
			must(want.consumers[c.Name], "consumer %s", c.Name)
			for p.From(g, c, ID{}); p.Next(); n-- {
				must(p.Consumer == c, "%v is pending at two", p.ID)
			}
		}
		must(n == 0, "%d are pending at nobody", n)
	}
}

// player turns bytes into operations on streams and models.
type player struct {
	t     *testing.T
	clock *cow.Clock
	s     *Stream
	m     *model
	other *Stream // a copy
	om    *model
	views []view
	in    []byte
	now   int64
	lim   Limits
}

type view struct {
	token uint64
	s     *Stream
	m     *model
}

func newPlayer(t *testing.T, in []byte) *player {
	p := &player{t: t, clock: cow.NewClock(), in: in, m: &model{groups: map[string]*modelGroup{}}, lim: Limits{600, 20}}
	p.s = New(p.clock)
	return p
}

func (p *player) byte() int {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return int(b)
}

// id is one that is or may have been there.
func (p *player) id() ID {
	if n := len(p.m.entries); n > 0 && p.byte()%4 != 0 {
		return p.m.entries[(p.byte()<<8|p.byte())%n].id
	}
	return ID{uint64(p.byte()), uint64(p.byte() % 3)}
}

func (p *player) step() {
	p.s = p.s.Own()
	s, m := p.s, p.m
	p.now++
	group := []byte(strconv.Itoa(p.byte() % 3))
	consumer := []byte("c" + strconv.Itoa(p.byte()%4))
	g := m.groups[string(group)]
	switch op := p.byte() % 24; op {
	case 0, 1, 2, 3, 4, 5, 6:
		p.append()
	case 7:
		for range p.byte() % 32 {
			p.append()
		}
	case 8, 9:
		id := p.id()
		i, ok := m.at(id)
		if s.Has(id) != ok || s.Delete(id) != ok {
			p.t.Fatalf("Delete(%v), want %v", id, ok)
		}
		if ok {
			m.entries = slices.Delete(m.entries, i, i+1)
			if m.deleted.Less(id) {
				m.deleted = id
			}
		}
	case 10:
		p.trim()
	case 11:
		p.walk()
	case 12:
		if s.CreateGroup(group, m.last, UnknownRead) != (g == nil) {
			p.t.Fatal("CreateGroup")
		}
		if g == nil {
			m.groups[string(group)] = &modelGroup{m.last, map[ID]modelDelivery{}, map[string]bool{}}
		}
	case 13:
		if p.byte()%8 == 0 {
			if s.DestroyGroup(group) != (g != nil) {
				p.t.Fatal("DestroyGroup")
			}
			delete(m.groups, string(group))
		}
	case 14, 15, 16, 17, 18:
		p.deliver(group, consumer)
	case 19, 20, 21:
		if e, ok := s.Edit(group); ok {
			for range p.byte() % 8 {
				id := p.id()
				_, want := g.pending[id]
				if e.Acknowledge(id) != want {
					p.t.Fatalf("Acknowledge(%v), want %v", id, want)
				}
				delete(g.pending, id)
			}
		}
	case 22:
		p.versions()
	case 23:
		if e, ok := s.Edit(group); ok && g.consumers[string(consumer)] && p.byte()%4 == 0 {
			e.RemoveConsumer(e.Consumer(consumer))
			delete(g.consumers, string(consumer))
			maps.DeleteFunc(g.pending, func(_ ID, d modelDelivery) bool { return d.consumer == string(consumer) })
		}
	}
}

func (p *player) append() {
	id := p.m.last
	if b := p.byte(); b%4 == 0 {
		id.Seq++
	} else {
		id = ID{id.Ms + uint64(b%4), uint64(b / 4 % 8)}
	}
	if !p.m.last.Less(id) {
		return
	}
	var args [][]byte
	var text []string
	for i := range 1 + p.byte()%3 {
		name, value := "name"+strconv.Itoa(i), strconv.Itoa(p.byte()*p.byte())
		if b := p.byte(); b%8 == 0 {
			name += strconv.Itoa(b % 3)
			value += string(make([]byte, b*b/64))
		}
		args = append(args, []byte(name), []byte(value))
		text = append(text, name, value)
	}
	p.s.Append(id, args, p.lim)
	p.m.entries = append(p.m.entries, modelEntry{id, text})
	p.m.last = id
	p.m.added++
}

func (p *player) trim() {
	t := Trim{ByID: p.byte()%2 == 0, Approximate: p.byte()%2 == 0}
	if t.Approximate && p.byte()%2 == 0 {
		t.Limit = int64(p.byte())
	}
	n := len(p.m.entries)
	most := 0
	if t.ByID {
		t.Min = p.id()
		most, _ = p.m.at(t.Min)
	} else {
		t.Keep = int64(n - p.byte()%32)
		if p.byte()%16 == 0 {
			t.Keep = 0
		}
		t.Keep = max(t.Keep, 0)
		most = n - int(t.Keep)
	}
	got := p.s.Trim(t)
	if got > most || !t.Approximate && got != most || t.Limit > 0 && got > int(t.Limit) {
		p.t.Fatalf("%+v took %d, want %d", t, got, most)
	}
	p.m.entries = p.m.entries[got:]
}

// walk compares a range, a part of it, in either direction.
func (p *player) walk() {
	from, to := p.id(), p.id()
	i, _ := p.m.at(from)
	j, ok := p.m.at(to)
	if ok {
		j++
	}
	j = max(j, i)
	var it Iter
	for it.Range(p.s, from, to); it.Next(); i++ {
		if i >= j || it.ID != p.m.entries[i].id {
			p.t.Fatalf("%v is in %v..%v", it.ID, from, to)
		}
	}
	if i != j {
		p.t.Fatalf("%v..%v ends too soon", from, to)
	}
	n := 0
	for it.RangeBack(p.s, from, to); it.Next(); n++ {
		if j--; it.ID != p.m.entries[j].id {
			p.t.Fatalf("%v is in %v..%v", it.ID, to, from)
		}
	}
	last := ID{}
	if k := len(p.m.entries); k > 0 {
		last = p.m.entries[k-1].id
	}
	if p.s.LastEntry() != last {
		p.t.Fatalf("last is %v, want %v", p.s.LastEntry(), last)
	}
}

func (p *player) deliver(group, consumer []byte) {
	e, ok := p.s.Edit(group)
	if !ok {
		return
	}
	g := p.m.groups[string(group)]
	c := e.Consumer(consumer)
	if (c != nil) != g.consumers[string(consumer)] {
		p.t.Fatal("Consumer")
	}
	if c == nil {
		c = e.AddConsumer(consumer, p.now)
		g.consumers[string(consumer)] = true
	}
	e.See(c, p.now)
	var it Iter
	from, _ := g.last.Next()
	if p.byte()%8 == 0 {
		from = p.id() // as after XGROUP SETID
	}
	it.Range(p.s, from, MaxID())
	for range p.byte() % 64 {
		if !it.Next() {
			break
		}
		e.Advance(it.ID)
		e.Deliver(it.ID, c, p.now, 1)
		e.Activate(c, p.now)
		g.pending[it.ID] = modelDelivery{string(consumer), p.now, 1}
		if g.last.Less(it.ID) {
			g.last = it.ID
		}
	}
	for id, d := range g.pending {
		if got, ok := e.Delivery(id); !ok || got.At != d.at {
			p.t.Fatalf("Delivery(%v) = %+v", id, got)
		}
		e.Redeliver(id, p.now)
		g.pending[id] = modelDelivery{d.consumer, p.now, d.count + 1}
		break
	}
}

// versions takes or drops views and copies.
func (p *player) versions() {
	switch b := p.byte(); {
	case b%4 == 0 && len(p.views) < 3:
		p.views = append(p.views, view{p.clock.Freeze(), p.s, p.m.clone()})
	case b%4 == 1 && len(p.views) > 0:
		i := b / 4 % len(p.views)
		v := p.views[i]
		v.m.compare(v.s)
		v.s.check()
		p.clock.Release(v.token)
		p.views = slices.Delete(p.views, i, i+1)
	case b%4 == 2:
		p.other, p.om = p.s.Share(), p.m.clone()
	case b%4 == 3 && p.other != nil:
		p.s, p.other, p.m, p.om = p.other, p.s, p.om, p.m
	}
}

func (p *player) checkAll() {
	p.s.check()
	p.m.compare(p.s)
	if p.other != nil {
		p.other.check()
		p.om.compare(p.other)
	}
	for _, v := range p.views {
		v.m.compare(v.s)
	}
}
