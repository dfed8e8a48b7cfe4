package db

import (
	"redust/db/listpack"
	"redust/db/table"
)

// Hashes. A hash is kept in one of these forms, and goes from a smaller to a larger one
// by Redis's limits, never back:
//
//	packed       | f1 | v1 | f2 | v2 | ...             a listpack, as value.go keeps one
//
//	packed with  | f2 | v2 | 1700 | f1 | v1 | 0 | ...  a timedPack: triples, the earliest
//	deadlines                                          deadline first, none (0) last
//
//	packed,      | f1 | a long value | ...             as packed. Redis has a table here,
//	but wide                                           and OBJECT ENCODING says so
//
//	large        fields: table  f -> v, deadline       a fieldTable; the tree is there only
//	             order:  tree   deadline+f             if some field has a deadline
//
// Wide ones are for records with a text or two of more than 64 bytes among their fields,
// which are many: a table of three fields takes some 700 bytes, the same as bytes 190. That
// pays up to some kilobytes and some dozens of fields.
//
// Commands see none of this. They get a handle that lives as long as the command:
//
//	it.Fields()             a Fields, by value: Len Get Has Deadline Each Scan Sample Draw
//	d.EditFields(&f, ...)   a FieldEdit, which is a Fields and more: Set SetDeadline Delete,
//	                        any number of times, then Done
//
// The bytes of a small hash are searched where they lie. The first change copies them to
// scratch memory (edit), Done puts what became of them back (store), so nothing is
// allocated unless the value outgrows the slab. A large one is changed in place.
//
// A field past its deadline does not exist, whoever asks: reading skips it, writing
// removes it first. Who removes it when nobody asks, see hash_expire.go.
//
// Costs: a small hash is O(n) with n bounded by the limits; a large one O(1) a field, and
// O(log n) for one with a deadline. Len is O(1), with deadlines O(log n).

// Fields is the hash under one key, for one command. Use Item.Fields.
type Fields struct {
	form Encoding
	pack []byte      // of the packed forms; borrowed from the value, or scratch
	tab  *fieldTable // of the large form
	d    *DB
	now  int64 // fields with a deadline up to now do not exist
}

// Fields is the hash for reading. A missing item is an empty hash.
func (it Item) Fields() Fields {
	f := Fields{d: it.d}
	if !it.OK() {
		return f
	}
	if it.d != nil { // else a view, which has no clock
		f.now = it.d.k.past
	}
	switch f.form = it.Encoded(); f.form {
	case Packed, PackedWide:
		f.pack = it.Bytes()
	case PackedTimed:
		f.pack = it.root().(*timedPack).data
	default:
		f.tab = it.root().(*fieldTable)
	}
	return f
}

// step is the number of entries in the pack for one field.
func (f *Fields) step() int {
	if f.form == PackedTimed {
		return 3
	}
	return 2
}

// packed is the number of fields in the pack, those past their deadline included.
func (f *Fields) packed() int {
	if len(f.pack) == 0 {
		return 0
	}
	return listpack.Len(f.pack) / f.step()
}

// Len is the number of fields.
func (f *Fields) Len() int {
	if f.form == Large {
		return f.tab.len(f.now)
	}
	n := f.packed()
	if f.form == PackedTimed {
		due, _ := dueIn(f.pack, f.now)
		n -= due
	}
	return n
}

// find returns the position of a field in the pack, or -1.
func (f *Fields) find(field []byte) int {
	at := listpack.Find(f.pack, listpack.First(f.pack), field, f.step()-1)
	if at >= 0 && f.form == PackedTimed {
		if d := deadlineIn(f.pack, at); d != 0 && d <= f.now {
			return -1
		}
	}
	return at
}

// Get returns the value of a field; borrowed. False if there is no such field.
func (f *Fields) Get(field []byte) (listpack.Value, bool) {
	if f.form == Large {
		if r := f.tab.find(field, f.now); r.OK() {
			return fieldValue(r), true
		}
		return listpack.Value{}, false
	}
	at := f.find(field)
	if at < 0 {
		return listpack.Value{}, false
	}
	return listpack.Get(f.pack, listpack.Skip(f.pack, at)), true
}

// Has tells whether there is such a field.
func (f *Fields) Has(field []byte) bool {
	if f.form == Large {
		return f.tab.find(field, f.now).OK()
	}
	return f.find(field) >= 0
}

// Deadline is that of a field, Unix milliseconds, 0 if it has none. False if there is no
// such field.
func (f *Fields) Deadline(field []byte) (at int64, ok bool) {
	if f.form == Large {
		r := f.tab.find(field, f.now)
		if !r.OK() {
			return 0, false
		}
		return r.Deadline(), true
	}
	pos := f.find(field)
	if pos < 0 {
		return 0, false
	}
	if f.form == PackedTimed {
		at = deadlineIn(f.pack, pos)
	}
	return at, true
}

// Each calls yield for every field with its value and its deadline, or 0, until it
// returns false. All is borrowed, and nothing may change meanwhile.
func (f *Fields) Each(yield func(field, val listpack.Value, at int64) bool) {
	if f.form != Large {
		f.eachPacked(yield)
		return
	}
	f.tab.fields.Each(func(r table.Ref) bool {
		at := r.Deadline()
		if at != 0 && at <= f.now {
			return true
		}
		return yield(listpack.Value{Str: r.Key()}, fieldValue(r), at)
	})
}

func (f *Fields) eachPacked(yield func(field, val listpack.Value, at int64) bool) {
	p := f.pack
	pos := listpack.First(p)
	if f.form == PackedTimed {
		if _, pos = dueIn(p, f.now); pos >= len(p) {
			return
		}
	}
	for pos >= 0 {
		val := listpack.Skip(p, pos)
		at, last := int64(0), val
		if f.form == PackedTimed {
			last = listpack.Skip(p, val)
			at = listpack.Get(p, last).Int
		}
		if !yield(listpack.Get(p, pos), listpack.Get(p, val), at) {
			return
		}
		pos = listpack.Next(p, last)
	}
}

// Scan calls each for the fields of one page, those to which cursor leads, and returns the
// cursor of the next, 0 after the last; see table.Scan. A packed hash is one page, whatever
// the cursor. Nothing may change meanwhile.
func (f *Fields) Scan(cursor uint64, each func(field, val listpack.Value)) uint64 {
	if f.form != Large {
		f.eachPacked(func(field, val listpack.Value, _ int64) bool {
			each(field, val)
			return true
		})
		return 0
	}
	return f.tab.fields.Scan(cursor, func(r table.Ref) {
		if at := r.Deadline(); at == 0 || at > f.now {
			each(listpack.Value{Str: r.Key()}, fieldValue(r))
		}
	})
}

// Touch brings what lookups of fields need into the processor's caches. They are every
// step-th of args. A small hash is warm already.
func (f *Fields) Touch(args [][]byte, step int) {
	if f.form == Large && len(args) > step {
		f.tab.touch(args, step)
	}
}
