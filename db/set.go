package db

import (
	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/table"
)

// Sets. A set is kept in one of three forms, and goes from a smaller to a larger one by
// Redis's limits:
//
//	ints     | 2 | -3 | 7 | 500 |        an intset: as long as all members are integers
//	packed   | a | 7 | bc |              a listpack, in the order in which members came
//	large    table of members            entries without values (db/table)
//
// It comes back from a large one in two cases, as in Redis: SPOP that leaves a few of many
// makes a small set of those, and what set algebra stores is a new set.
//
// Commands see none of this. They get a Members, a handle by value that lives as long as
// the command:
//
//	reading   it.Members()               Len Has Each Scan Sample Draw
//	writing   d.EditMembers(key, it)     Add Remove Pop, any number, then Done
//	several   k.Sets()                   Intersect Union Subtract, see set_algebra.go
//
// The bytes of a small set are searched where they lie; the first change copies them to
// scratch memory (edit), and Done puts back what became of them (store), so nothing is
// allocated unless the value outgrows the slab. A large set is changed in place.
//
// Costs: a small set is O(n) with n bounded by the limits, or O(log n) to search integers;
// a large one O(1) a member. Copying, freezing and deleting are O(1).

// Members is the set under one key, for one command. Use Item.Members or DB.EditMembers.
type Members struct {
	form Encoding
	b    []byte       // of the small forms; borrowed from the value, or scratch
	t    *table.Table // of the large form

	// For writing.
	d      *DB
	key    []byte
	it     Item
	begun  bool
	rooted bool // t is new: it is not what the item holds
	was    int  // memory of the root before, bytes
}

// setTable is the root of a large set.
type setTable table.Table

// MemBytes implements table.Object.
func (t *setTable) MemBytes() int { return (*table.Table)(t).MemBytes() }

func (t *setTable) own() table.Object   { return (*setTable)((*table.Table)(t).Own()) }
func (t *setTable) share() table.Object { return (*setTable)((*table.Table)(t).Share()) }

func (t *setTable) index() *table.Table { return (*table.Table)(t) }

// Members is the set for reading. A missing item is an empty set.
func (it Item) Members() Members {
	s := Members{d: it.d, it: it}
	if !it.OK() {
		return s
	}
	if s.form = it.Encoded(); s.form == Large {
		s.t = (*table.Table)(it.root().(*setTable))
	} else {
		s.b = it.Bytes()
	}
	return s
}

// EditMembers is the set for writing; a missing item is an empty one. Whatever has been done
// must be followed by Done, before anything else happens to the database.
func (d *DB) EditMembers(key []byte, it Item) Members {
	s := it.Members()
	s.d, s.key = d, key
	return s
}

// Len is the number of members.
func (s *Members) Len() int {
	switch {
	case s.form == Large:
		return s.t.Len()
	case len(s.b) == 0:
		return 0
	case s.form == Ints:
		return intset.Len(s.b)
	}
	return listpack.Len(s.b)
}

// Bytes is about how many bytes n of the members have together, so that room can be made for
// them.
func (s *Members) Bytes(n int) int {
	size := 2 * len(s.b) // digits take more than integers do
	if s.form == Large {
		size = s.t.KeyBytes()
	}
	return int(float64(size) * float64(n) / float64(max(s.Len(), 1)))
}

// Has tells whether m is a member.
func (s *Members) Has(m []byte) bool {
	switch {
	case s.form == Large:
		return s.t.Find(s.t.Hash(m), m).OK()
	case len(s.b) == 0:
		return false
	case s.form == Ints:
		n, ok := listpack.ParseInt(m)
		return ok && intset.Has(s.b, n)
	}
	return listpack.Find(s.b, listpack.First(s.b), m, 0) >= 0
}

// Touch brings what lookups of the first of these need into the processor's caches, at most
// table.TouchMax of them. A small set is warm already.
func (s *Members) Touch(members [][]byte) {
	if s.form == Large && len(members) > 1 {
		var hashes [table.TouchMax]uint64
		s.ahead(members, &hashes)
	}
}

// Each calls yield for every member until it returns false: integers in order, other small
// sets as they were filled, large ones in hash order. Members are borrowed, and nothing may
// change meanwhile.
func (s *Members) Each(yield func(m listpack.Value) bool) {
	switch {
	case s.form == Large:
		s.t.Each(func(r table.Ref) bool { return yield(listpack.Value{Str: r.Key()}) })
	case len(s.b) == 0:
	case s.form == Ints:
		intset.Each(s.b, func(n int64) bool { return yield(listpack.Value{Int: n, IsInt: true}) })
	default:
		for at := listpack.First(s.b); at >= 0; at = listpack.Next(s.b, at) {
			if !yield(listpack.Get(s.b, at)) {
				return
			}
		}
	}
}

// Scan calls each for the members of one page, those to which cursor leads, and returns the
// cursor of the next, 0 after the last; see table.Scan. A small set is one page, whatever the
// cursor. Nothing may change meanwhile.
func (s *Members) Scan(cursor uint64, each func(m listpack.Value)) uint64 {
	if s.form != Large {
		s.Each(func(m listpack.Value) bool {
			each(m)
			return true
		})
		return 0
	}
	return s.t.Scan(cursor, func(r table.Ref) { each(listpack.Value{Str: r.Key()}) })
}

// eachMarked is Each for some of the members, and tells whether yield never returned false.
// Marked are those that have a bit in marks: a word for each page of a large set
// (table.EachMarked), for each 64 members of a small one, in the order of a walk. There may be
// fewer words than that.
func (s *Members) eachMarked(marks []uint64, yield func(m listpack.Value) bool) bool {
	if s.form == Large {
		return s.t.EachMarked(marks, func(key []byte) bool { return yield(listpack.Value{Str: key}) })
	}
	i, more := 0, true
	s.Each(func(m listpack.Value) bool {
		if marks[i>>6]>>(i&63)&1 != 0 {
			more = yield(m)
		}
		i++
		return more && i < 64*len(marks)
	})
	return more
}
