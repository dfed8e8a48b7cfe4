package db

import (
	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/table"
)

// What set algebra has found is stored as a new set. The form that Redis gives it is that
// which a set has taken on the way, so the way has to be Redis's: a union and a difference
// begin as integers and turn when something else comes, an intersection begins in the form
// of its smallest set, and ends as integers if it can. One difference (of many sets that
// are small beside the first) Redis computes by copying the first set and removing from the
// copy, which keeps its form.
//
// A large result that is most of a large set is a copy of it, which shares pages with it
// until one of the two changes; then what does not belong is swept out, or what other sets
// have is added.

// Store makes the result the value of key in d, in place of whatever was there; an empty
// result leaves no key. had tells whether there was one.
func (s *Sets) Store(d *DB, key []byte) (had bool) {
	if s.n == 0 {
		return d.Delete(key)
	}
	made := s.make(d)
	// Only now: key may be one of the sets.
	had = d.Delete(key)
	made.d, made.key = d, key
	d.Replaces(had)
	made.Done()
	d.Replaces(false)
	return had
}

// make builds the set that is to be stored.
func (s *Sets) make(d *DB) Members {
	many := int64(s.n) > s.k.Limits.SetEntries
	switch {
	case s.op == opSubtract && s.copiesFirst():
		return s.makeOfCopy(d)
	case many || s.op == opIntersect:
		if ints, ok := s.asInts(); ok {
			return ints
		}
		if many || s.op == opIntersect && s.of[s.order[0]].form == Ints {
			return s.makeLarge(d)
		}
		return s.fill(d, Packed)
	}
	return s.fill(d, Ints)
}

// fill adds member by member to a set that begins in a small form. All of them are new.
func (s *Sets) fill(d *DB, form Encoding) Members {
	made := Members{d: d, form: form, b: s.made[:0], begun: true}
	made.b = made.none()
	var tmp [20]byte
	s.Each(func(m listpack.Value) bool {
		text := m.Text(&tmp)
		switch made.form {
		case Ints:
			made.add(text)
		case Packed:
			made.put(text)
		default:
			made.t.Add(made.t.Hash(text), text)
		}
		return true
	})
	if made.form != Large {
		s.made = made.b
	}
	return made
}

// asInts is the result as a set of integers, if it can be one.
func (s *Sets) asInts() (Members, bool) {
	if s.n > s.k.maxInts() {
		return Members{}, false
	}
	b, ok := append(s.made[:0], intset.New()...), true
	s.Each(func(m listpack.Value) bool {
		n := m.Int
		if !m.IsInt {
			n, ok = listpack.ParseInt(m.Str)
		}
		if ok {
			b, _ = intset.Add(b, n)
		}
		return ok
	})
	s.made = b
	return Members{form: Ints, b: b, begun: true}, ok
}

// copiesFirst tells whether Redis would compute this difference by copying the first set: it
// weighs looking up each member of the first, in half of the sets as a rule, against a
// walk over all.
func (s *Sets) copiesFirst() bool {
	lookups, walks := 0, 0
	for i := range s.of {
		if n := s.of[i].Len(); n > 0 {
			lookups += s.of[0].Len()
			walks += n
		}
	}
	return lookups/2 > walks
}

// makeOfCopy builds a difference that Redis computes on a copy of the first set.
func (s *Sets) makeOfCopy(d *DB) Members {
	first := s.of[0].Members
	all := Sets{k: s.k, parts: []part{{of: first, all: true}}, n: first.Len()}
	if int64(all.n) <= s.k.Limits.SetEntries {
		if copied := all.fill(d, Ints); copied.form != Large {
			return s.drop(copied)
		}
	} else if copied, ok := all.asInts(); ok {
		copied.d = d
		return s.drop(copied)
	}
	return s.makeLarge(d)
}

// drop removes from a small set, made of all members of the first one, what is not in the
// result.
func (s *Sets) drop(made Members) Members {
	kept := Members{d: made.d, form: made.form, begun: true}
	kept.b = kept.none()
	in := Members{form: Packed, b: []byte{0, 0}, d: made.d, begun: true}
	var tmp [20]byte
	s.Each(func(m listpack.Value) bool {
		in.add(m.Text(&tmp))
		return true
	})
	made.Each(func(m listpack.Value) bool {
		if text := m.Text(&tmp); in.Has(text) {
			if m.IsInt && kept.form == Ints {
				kept.addInt(m.Int)
			} else {
				kept.b = listpack.Append(kept.b, text)
			}
		}
		return true
	})
	return kept
}

// makeLarge makes a large set of the result.
func (s *Sets) makeLarge(d *DB) Members {
	p := &s.parts[0]
	if of := &p.of; of.form == Large && of.it.OK() {
		kept := of.t.Len()
		if !p.all {
			kept = ones(s.marks[p.from:p.to])
		}
		if 2*kept > of.t.Len() {
			return Members{form: Large, t: s.copyLarge(d, p, kept), begun: true, rooted: true}
		}
	}
	t := table.NewMembersFor(s.k.seed, s.k.clock, s.n, s.Bytes())
	s.Each(addTo(t))
	return Members{form: Large, t: t, begun: true, rooted: true}
}

// addTo returns a function that adds members to a table.
func addTo(t *table.Table) func(m listpack.Value) bool {
	var tmp [20]byte
	return func(m listpack.Value) bool {
		text := m.Text(&tmp)
		t.Add(t.Hash(text), text)
		return true
	}
}

// copyLarge makes a table of the result by copying the set of its first part, of which it
// keeps most members.
func (s *Sets) copyLarge(d *DB, p *part, kept int) *table.Table {
	t := (*table.Table)(d.ownRoot(p.of.it).(*setTable).share().(*setTable))
	if kept < t.Len() {
		marks := s.marks[p.from:p.to]
		t.Sweep(func(w *table.Walk) (slots uint64) {
			slots = w.Slots()
			if len(marks) > 0 {
				slots &^= marks[0]
				marks = marks[1:]
			}
			return slots
		})
	}
	rest := Sets{marks: s.marks, parts: s.parts[1:]}
	rest.Each(addTo(t))
	return t
}
