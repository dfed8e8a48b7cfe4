package db

import (
	"math/bits"

	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/table"
)

// Members drawn at random. A draw from a large set chooses a place in hash order and then
// a slot of the page there: O(1), and as even as the pages are full. A page covers a
// share of the hashes that does not depend on how many members fell into it, so members of a
// page with few are drawn somewhat more often: with some 45 a page, the chance of two
// members differs by 15 % as a rule. What one draws is never predictable, and all that Redis
// promises is that, too: it takes the best of a few samples of its buckets.
//
// Several different ones at once (Sample, Pop) are exactly even where they are more than a
// few in a hundred: then the set is walked, and of what is left to be seen, what is still
// wanted is taken (Knuth's algorithm S).

// sparse: if one of so many members is wanted, or fewer, drawing again and again costs less
// than a walk.
const sparse = 16

// Draw calls yield for n members drawn at random, one as often as it is drawn, until it
// returns false. The set is not empty.
func (s *Members) Draw(n int, yield func(m listpack.Value) bool) {
	rnd := s.d.k.rnd
	switch s.form {
	case Large:
		for ; n > 0; n-- {
			if !yield(listpack.Value{Str: s.t.Random(rnd).Key()}) {
				return
			}
		}
	case Ints:
		for ; n > 0; n-- {
			if !yield(listpack.Value{Int: intset.Random(s.b, rnd()), IsInt: true}) {
				return
			}
		}
	default:
		s.drawPacked(n, yield)
	}
}

// drawPacked is Draw for a packed set.
func (s *Members) drawPacked(n int, yield func(m listpack.Value) bool) {
	k := s.d.k
	if n == 1 {
		yield(listpack.Get(s.b, listpack.Seek(s.b, k.below(listpack.Len(s.b)))))
		return
	}
	// Where the members are, so that a draw is no walk.
	var room [128]int32
	at := room[:0]
	for pos := listpack.First(s.b); pos >= 0; pos = listpack.Next(s.b, pos) {
		at = append(at, int32(pos))
	}
	for ; n > 0; n-- {
		if !yield(listpack.Get(s.b, int(at[k.below(len(at))]))) {
			return
		}
	}
}

// Sample calls yield for n different members until it returns false. There are that many.
func (s *Members) Sample(n int, yield func(m listpack.Value) bool) {
	if s.form == Large && n <= s.Len()/sparse {
		s.sampleFew(n, yield)
		return
	}
	left := s.Len()
	s.Each(func(m listpack.Value) bool {
		if s.d.k.below(left) < n {
			n--
			if !yield(m) {
				return false
			}
		}
		left--
		return n > 0
	})
}

// sampleFew draws from a large set until n different members have come, and returns them,
// or nil if yield has returned false.
func (s *Members) sampleFew(n int, yield func(m listpack.Value) bool) *table.Table {
	k := s.d.k
	seen := table.NewMembers(k.seed, k.clock)
	for seen.Len() < n {
		m := s.t.Random(k.rnd).Key()
		if seen.Add(seen.Hash(m), m) && !yield(listpack.Value{Str: m}) {
			return nil
		}
	}
	return seen
}

// Pop takes n different members out, at least one; there are that many. It shows them to
// yield first: if that returns false, nothing is taken out, and Pop returns false.
func (s *Members) Pop(n int, yield func(m listpack.Value) bool) bool {
	had := s.Len()
	switch left := had - n; {
	case left == 0:
		return s.popAll(yield)
	case n == 1:
		return s.popOne(yield)
	case s.form == Large && left <= n/5: // Redis's bound, too
		return s.popMost(left, yield)
	case s.form == Large && n <= had/sparse:
		return s.popFew(n, yield)
	}
	// Mark what is to go, then take it out.
	marks, ok, left := s.d.k.sets.marks[:0], true, had
	choose := func(m listpack.Value) (chosen bool) {
		if chosen = s.d.k.below(left) < n; chosen {
			n--
			ok = yield(m)
		}
		left--
		return chosen
	}
	if s.form == Large {
		for w := s.t.Walk(); ok && n > 0 && w.Next(); {
			word := uint64(0)
			for m := w.Slots(); ok && m != 0; m &= m - 1 {
				if slot := bits.TrailingZeros64(m); choose(listpack.Value{Str: w.Key(slot)}) {
					word |= 1 << slot
				}
			}
			marks = append(marks, word)
		}
	} else {
		marks = append(marks, make([]uint64, (had+63)/64)...)
		i := 0
		s.Each(func(m listpack.Value) bool {
			if choose(m) {
				marks[i>>6] |= 1 << (i & 63)
			}
			i++
			return ok
		})
	}
	if ok {
		s.removeMarked(marks)
	}
	s.d.k.sets.marks = marks[:0]
	return ok
}

// removeMarked takes the marked members out, see eachMarked.
func (s *Members) removeMarked(marks []uint64) {
	s.begin()
	i := 0
	marked := func() bool {
		i++
		return marks[(i-1)>>6]>>((i-1)&63)&1 != 0
	}
	switch s.form {
	case Large:
		s.t.Sweep(func(*table.Walk) (slots uint64) {
			if len(marks) > 0 {
				slots, marks = marks[0], marks[1:]
			}
			return slots
		})
	case Ints:
		s.b = intset.Filter(s.b, func(int64) bool { return !marked() })
	default:
		b := append(make([]byte, 0, len(s.b)), 0, 0)
		var tmp [20]byte
		for at := listpack.First(s.b); at >= 0; at = listpack.Next(s.b, at) {
			if !marked() {
				b = listpack.Append(b, listpack.Get(s.b, at).Text(&tmp))
			}
		}
		s.b = append(s.b[:0], b...)
	}
}

// popAll is Pop for all members.
func (s *Members) popAll(yield func(m listpack.Value) bool) bool {
	ok := true
	s.Each(func(m listpack.Value) bool {
		ok = yield(m)
		return ok
	})
	if ok {
		s.begun, s.form, s.b, s.t = true, Packed, nil, nil
	}
	return ok
}

// popOne is Pop for one member.
func (s *Members) popOne(yield func(m listpack.Value) bool) bool {
	k := s.d.k
	switch s.form {
	case Large:
		m := s.t.Random(k.rnd).Key()
		if !yield(listpack.Value{Str: m}) {
			return false
		}
		s.begin()
		s.t.Delete(s.t.Hash(m), m)
	case Ints:
		i := k.below(intset.Len(s.b))
		if !yield(listpack.Value{Int: intset.At(s.b, i), IsInt: true}) {
			return false
		}
		s.begin()
		s.b = intset.RemoveAt(s.b, i)
	default:
		at := listpack.Seek(s.b, k.below(listpack.Len(s.b)))
		if !yield(listpack.Get(s.b, at)) {
			return false
		}
		s.begin()
		s.b = listpack.Delete(s.b, at, 1)
	}
	return true
}

// popFew is Pop for a few of many members.
func (s *Members) popFew(n int, yield func(m listpack.Value) bool) bool {
	gone := s.sampleFew(n, yield)
	if gone == nil {
		return false
	}
	s.begin()
	gone.Each(func(r table.Ref) bool { return s.t.Delete(gone.Hash(r.Key()), r.Key()) })
	return true
}

// popMost is Pop for all but a few members of a large set, which make a new one: packed, if
// they are few enough.
func (s *Members) popMost(left int, yield func(m listpack.Value) bool) bool {
	kept := Members{d: s.d, key: s.key, it: s.it, form: Packed, b: []byte{0, 0}, begun: true}
	unseen, ok := s.Len(), true
	s.Each(func(m listpack.Value) bool {
		if s.d.k.below(unseen) < left {
			left--
			kept.add(m.Str)
		} else {
			ok = yield(m)
		}
		unseen--
		return ok
	})
	if ok {
		*s = kept
	}
	return ok
}
