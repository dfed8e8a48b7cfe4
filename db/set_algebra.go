package db

import (
	"math/bits"
	"slices"

	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/table"
)

// Set algebra. No operation makes a temporary set. It marks, in the sets at hand, which of
// their members are in the result, a bit a member, a word for a page of a large set:
//
//	            a                          b
//	page 0      1 1 . 1 . . 1 ...          . . 1 . . ...
//	page 1      . 1 1 . . 1 1 ...          1 . . . . ...         SUNION: all of a, and of b
//	...                                                          what a does not have
//
// From the marks follows the size of the result before the first member is written, so
// that replies begin with it, and SINTERCARD is a count of bits. Then the marked members are
// read where they lie, or a set of just the right size is made of them.
//
// All large sets are in the same order (table.Walk), so a lookup of the members of one page
// meets a page or two of another set, and the next page the next: nothing is fetched
// from memory twice. Which set is walked depends on the sizes:
//
//	Intersect   the smallest; what is left of a page is looked up in the next larger set
//	Union       all; each is looked up in those before it, the largest of which comes first
//	Subtract    the first; but a set that is much smaller is walked itself, and its members
//	            are looked up in the first
//
// Integers alone are merged as integers (db/intset). Whatever else is small is walked
// member by member; a packed set that is asked often gets a hash index of its own for as long
// as that lasts.

// Sets is some sets that are to be combined, and then what came of it. There is one in a
// keyspace, and it lives for one command. Use Keyspace.Sets, then Add, then one of
// Intersect, Union and Subtract, then Len, Each and Store, then Forget.
type Sets struct {
	k     *Keyspace
	op    setOp
	of    []operand
	order []int // places of those operands that count, in the order in which they are used
	parts []part
	n     int // members of the result

	marks []uint64
	ends  []uint64  // for each page of the first set, the first hash behind it
	ints  [2][]byte // results of algebra on integers
	made  []byte    // a small set that is being stored
	index []uint32  // of packed sets, see operand
	probe probe
	walks [2]table.Walk
}

type setOp uint8

const (
	opIntersect setOp = iota
	opUnion
	opSubtract
)

// operand is a set. If it is packed and is asked often, positions of its members stand in
// an index, at the place of their hash or the next free one; 0 is a free place.
type operand struct {
	Members
	asked       int
	from, slots int // its part of Sets.index; no slots: there is none yet
}

// part is members of a set that belong to the result: those that are marked, or all.
type part struct {
	of       Members
	all      bool
	from, to int // words of Sets.marks
}

// Sets begins an operation on several sets.
func (k *Keyspace) Sets() *Sets {
	k.sets.k = k
	return &k.sets
}

// Forget ends the operation: nothing of the sets is kept alive, nor more scratch memory than
// most operations need.
func (s *Sets) Forget() {
	const keep = 1 << 16 // words, of marks for some three million members
	clear(s.of)
	clear(s.parts)
	s.walks = [2]table.Walk{}
	s.of, s.parts, s.n, s.probe.text = s.of[:0], s.parts[:0], 0, nil
	s.index, s.order, s.marks = s.index[:0], s.order[:0], s.marks[:0]
	if cap(s.marks) > keep {
		s.marks, s.ends = nil, nil
	}
	for _, b := range []*[]byte{&s.ints[0], &s.ints[1], &s.made} {
		if cap(*b) > keep {
			*b = nil
		}
	}
}

// Add names the next set. A missing item is an empty one.
func (s *Sets) Add(it Item) { s.of = append(s.of, operand{Members: it.Members()}) }

// Len is the size of the result.
func (s *Sets) Len() int { return s.n }

// Each calls yield for every member of the result until it returns false. Members are
// borrowed, and nothing may change meanwhile.
func (s *Sets) Each(yield func(m listpack.Value) bool) {
	for i := range s.parts {
		switch p := &s.parts[i]; {
		case !p.all:
			if !p.of.eachMarked(s.marks[p.from:p.to], yield) {
				return
			}
		case i == len(s.parts)-1:
			p.of.Each(yield)
		default:
			more := true
			p.of.Each(func(m listpack.Value) bool {
				more = yield(m)
				return more
			})
			if !more {
				return
			}
		}
	}
}

// Bytes is about how many bytes the members of the result have together.
func (s *Sets) Bytes() (n int) {
	for i := range s.parts {
		p := &s.parts[i]
		some := p.of.Len()
		if !p.all {
			some = ones(s.marks[p.from:p.to])
		}
		n += p.of.Bytes(some)
	}
	return n
}

func ones(marks []uint64) (n int) {
	for _, m := range marks {
		n += bits.OnesCount64(m)
	}
	return n
}

// take makes all members of a set part of the result.
func (s *Sets) take(of Members) {
	s.parts = append(s.parts, part{of: of, all: true})
	s.n += of.Len()
}

// takeMarked makes those members part of the result that are marked from word from on.
func (s *Sets) takeMarked(of Members, from int) {
	s.parts = append(s.parts, part{of: of, from: from, to: len(s.marks)})
	s.n += ones(s.marks[from:])
}

// same tells whether two operands are one set.
func (s *Sets) same(i, j int) bool {
	return s.of[i].it.OK() && s.of[i].it.ref == s.of[j].it.ref
}

// use appends an operand to the order, unless it is empty or is there already.
func (s *Sets) use(i int) {
	if s.of[i].Len() > 0 && !slices.ContainsFunc(s.order, func(j int) bool { return s.same(i, j) }) {
		s.order = append(s.order, i)
	}
}

// Intersect makes the result what is in all sets. With a limit above 0 it stops looking when
// so many have been found, and then Len alone may be asked.
func (s *Sets) Intersect(limit int) {
	s.op = opIntersect
	for i := range s.of {
		if s.of[i].Len() == 0 {
			s.order = s.order[:0]
			return
		}
		s.use(i)
	}
	slices.SortStableFunc(s.order, func(i, j int) int { return s.of[i].Len() - s.of[j].Len() })
	if s.mergeInts(intset.Intersect) {
		return
	}
	first, others, found := s.of[s.order[0]].Members, s.order[1:], 0
	if len(others) == 0 {
		s.take(first)
		return
	}
	s.mark(first, func(w *table.Walk, slots uint64) (uint64, bool) {
		for _, i := range others {
			if slots == 0 {
				break
			}
			slots = s.in(i, w, slots)
		}
		found += bits.OnesCount64(slots)
		return slots, limit <= 0 || found < limit
	}, func(p *probe) (in, more bool) {
		for _, i := range others {
			if !s.has(i, p) {
				return false, true
			}
		}
		found++
		return true, limit <= 0 || found < limit
	})
}

// Union makes the result what is in any set.
func (s *Sets) Union() {
	// From so many sets on, what has been written is kept in a table of its own, since
	// looking it up in all sets before would be quadratic.
	const many = 7
	s.op = opUnion
	for i := range s.of {
		s.use(i)
	}
	if len(s.order) == 0 || s.mergeInts(intset.Union) {
		return
	}
	// Large sets come first, the largest of them in front. Small ones alone stay as they are
	// given, as Redis adds them one after the other.
	slices.SortStableFunc(s.order, func(i, j int) int {
		a, b := &s.of[i], &s.of[j]
		switch {
		case a.form != Large && b.form != Large:
			return 0
		case a.form != b.form && a.form != Large:
			return 1
		case a.form != b.form && b.form != Large:
			return -1
		}
		return b.Len() - a.Len()
	})
	s.take(s.of[s.order[0]].Members)
	var seen *table.Table
	if len(s.order) >= many {
		seen = table.NewMembers(s.k.seed, s.k.clock)
	}
	for n, i := range s.order[1:] {
		before := s.order[:n+1]
		if seen != nil {
			before = before[:1]
		}
		s.mark(s.of[i].Members, func(w *table.Walk, slots uint64) (uint64, bool) {
			for _, j := range before {
				if slots == 0 {
					break
				}
				slots &^= s.in(j, w, slots)
			}
			if seen != nil {
				for m := slots; m != 0; m &= m - 1 {
					if i := bits.TrailingZeros64(m); !seen.Add(w.Hash(i), w.Key(i)) {
						slots &^= 1 << i
					}
				}
			}
			return slots, true
		}, func(p *probe) (in, more bool) {
			for _, j := range before {
				if s.has(j, p) {
					return false, true
				}
			}
			return seen == nil || seen.Add(p.hash(s.k), p.text), true
		})
	}
}

// Subtract makes the result what is in the first set and in no other.
func (s *Sets) Subtract() {
	const muchSmaller = 4 // times
	s.op = opSubtract
	s.use(0)
	for i := 1; i < len(s.of); i++ {
		if s.same(0, i) {
			s.order = s.order[:0]
		}
		if len(s.order) == 0 {
			return
		}
		s.use(i)
	}
	if len(s.order) == 0 || s.mergeInts(intset.Diff) {
		return
	}
	first, others := s.of[s.order[0]].Members, s.order[1:]
	if len(others) == 0 {
		s.take(first)
		return
	}
	slices.SortStableFunc(others, func(i, j int) int { return s.of[j].Len() - s.of[i].Len() })
	if first.form != Large {
		s.mark(first, nil, func(p *probe) (in, more bool) {
			return !slices.ContainsFunc(others, func(i int) bool { return s.has(i, p) }), true
		})
		return
	}
	w := &s.walks[0]
	s.ends = s.ends[:0]
	for w.Begin(first.t); w.Next(); {
		s.marks = append(s.marks, w.Slots())
		s.ends = append(s.ends, w.End())
	}
	for n, i := range others { // the largest first
		if o := &s.of[i]; o.form != Large || muchSmaller*o.Len() < first.Len() {
			s.strikeAll(first.t, others[n:])
			others = others[:n]
			break
		}
	}
	if len(others) > 0 {
		page := 0
		for w.Begin(first.t); w.Next(); page++ {
			for _, i := range others {
				if s.marks[page] == 0 {
					break
				}
				s.marks[page] &^= s.in(i, w, s.marks[page])
			}
		}
	}
	s.takeMarked(first, 0)
}

// strikeAll takes the marks away from the members of t, all of whose pages are marked, that
// are in one of these operands.
func (s *Sets) strikeAll(t *table.Table, places []int) {
	page := 0 // most likely the place of the next
	strike := func(h uint64, key []byte) {
		r := t.Find(h, key)
		if !r.OK() {
			return
		}
		if page = s.pageOf(h, page); s.marks[page] != 0 {
			s.marks[page] &^= 1 << r.Slot()
		}
	}
	for _, i := range places {
		o := &s.of[i]
		if o.form == Large {
			w := &s.walks[1]
			for w.Begin(o.t); w.Next(); {
				for m := w.Slots(); m != 0; m &= m - 1 {
					slot := bits.TrailingZeros64(m)
					strike(w.Hash(slot), w.Key(slot))
				}
			}
			continue
		}
		o.Each(func(m listpack.Value) bool {
			s.probe.set(m)
			strike(s.probe.hash(s.k), s.probe.text)
			return true
		})
	}
}

// pageOf is the place of the page to which h leads among those whose ends are known. It is
// near, or the one after that, if hashes come in order.
func (s *Sets) pageOf(h uint64, near int) int {
	for i := near; i < min(near+2, len(s.ends)); i++ {
		// The end of the last page is 0, and what is before that is the last hash.
		if s.ends[i]-1 >= h && (i == 0 || s.ends[i-1]-1 < h) {
			return i
		}
	}
	i, _ := slices.BinarySearchFunc(s.ends, h, func(end, h uint64) int {
		if end-1 < h {
			return -1
		}
		return 1
	})
	return i
}

// mergeInts combines the sets as integers, in their order, if they all are; false says that
// one is not.
func (s *Sets) mergeInts(f func(dst, a, b []byte) []byte) bool {
	for _, i := range s.order {
		if s.of[i].form != Ints {
			return false
		}
	}
	result := s.of[s.order[0]].Members
	for n, i := range s.order[1:] {
		dst := &s.ints[n&1]
		*dst = f((*dst)[:0], result.b, s.of[i].b)
		result = Members{form: Ints, b: *dst}
	}
	s.take(result)
	return true
}

// mark makes those members of a set part of the result that one of two functions chooses:
// large some slots of a page, small one of a small set; either may say that there is no need
// to go on.
func (s *Sets) mark(of Members, large func(w *table.Walk, slots uint64) (uint64, bool), small func(p *probe) (in, more bool)) {
	from := len(s.marks)
	if of.form == Large {
		w, more := &s.walks[0], true
		for w.Begin(of.t); more && w.Next(); {
			var slots uint64
			slots, more = large(w, w.Slots())
			s.marks = append(s.marks, slots)
		}
		s.takeMarked(of, from)
		return
	}
	i := 0
	of.Each(func(m listpack.Value) bool {
		if i&63 == 0 {
			s.marks = append(s.marks, 0)
		}
		s.probe.set(m)
		in, more := small(&s.probe)
		if in {
			s.marks[from+i>>6] |= 1 << (i & 63)
		}
		i++
		return more
	})
	s.takeMarked(of, from)
}

// probe is a member that is looked up, in whatever ways that is needed.
type probe struct {
	text   []byte
	n      int64
	h      uint64
	isInt  bool
	parsed bool // n and isInt are known
	hashed bool // h is known
	tmp    [20]byte
}

func (p *probe) set(m listpack.Value) {
	p.text, p.n, p.isInt, p.parsed, p.hashed = m.Text(&p.tmp), m.Int, m.IsInt, m.IsInt, false
}

func (p *probe) hash(k *Keyspace) uint64 {
	if !p.hashed {
		p.h, p.hashed = k.Hash(p.text), true
	}
	return p.h
}

func (p *probe) int() (int64, bool) {
	if !p.parsed {
		p.n, p.isInt = listpack.ParseInt(p.text)
		p.parsed = true
	}
	return p.n, p.isInt
}

// in returns those of the slots at hand whose keys are in operand i.
func (s *Sets) in(i int, w *table.Walk, slots uint64) (found uint64) {
	o := &s.of[i]
	if o.form == Large {
		return w.In(o.t, slots)
	}
	for m := slots; m != 0; m &= m - 1 {
		slot := bits.TrailingZeros64(m)
		s.probe.set(listpack.Value{Str: w.Key(slot)})
		if s.has(i, &s.probe) {
			found |= 1 << slot
		}
	}
	return found
}

// has tells whether p is in operand i.
func (s *Sets) has(i int, p *probe) bool {
	o := &s.of[i]
	switch {
	case o.form == Large:
		return o.t.Find(p.hash(s.k), p.text).OK()
	case len(o.b) == 0:
		return false
	case o.form == Ints:
		n, ok := p.int()
		return ok && intset.Has(o.b, n)
	}
	// An index costs about as much as three walks over the set.
	if o.asked++; o.asked <= 3 {
		return o.Has(p.text)
	}
	if o.slots == 0 {
		s.makeIndex(o)
	}
	places, mask := s.index[o.from:o.from+o.slots], o.slots-1
	for at := int(p.hash(s.k)) & mask; places[at] != 0; at = (at + 1) & mask {
		v := listpack.Get(o.b, int(places[at]))
		if n, isInt := p.int(); v.IsInt && isInt && v.Int == n || !v.IsInt && string(v.Str) == string(p.text) {
			return true
		}
	}
	return false
}

// makeIndex gives a packed set an index, at most half of which is in use.
func (s *Sets) makeIndex(o *operand) {
	o.from, o.slots = len(s.index), 1<<bits.Len(uint(2*o.Len()))
	s.index = append(s.index, make([]uint32, o.slots)...)
	places, mask := s.index[o.from:], o.slots-1
	var tmp [20]byte
	for pos := listpack.First(o.b); pos >= 0; pos = listpack.Next(o.b, pos) {
		at := int(s.k.Hash(listpack.Get(o.b, pos).Text(&tmp))) & mask
		for places[at] != 0 {
			at = (at + 1) & mask
		}
		places[at] = uint32(pos)
	}
}
