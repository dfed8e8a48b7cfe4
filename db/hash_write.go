package db

import (
	"redust/db/listpack"
	"redust/db/table"
)

// Changes to a hash. begin makes the value writable and takes away what is past its
// deadline as far as that is cheap; the change may turn the form into the next larger one
// on the way; Done puts back whatever form it has become.

// FieldEdit is the hash under one key for changing. It is for one command; use
// DB.EditFields.
type FieldEdit struct {
	Fields
	key    []byte
	it     Item
	timed  *timedPack // what pack belongs to, in the form with deadlines
	begun  bool
	rooted bool  // timed or tab is new: it is not what the item holds
	was    int   // memory of the root before, bytes
	lateMs int64 // by which the earliest deadline was missed of the fields in Keyspace.late
}

// EditFields makes f, which is new, the hash for changing; a missing item is an empty one.
// Whatever has been done must be followed by Done, before anything else happens to the
// database.
func (d *DB) EditFields(f *FieldEdit, key []byte, it Item) {
	f.Fields, f.key, f.it = it.Fields(), key, it
	f.d, f.now = d, d.k.past
	d.k.late.clear()
	if d.k.Frozen || d.k.Paused {
		f.now = 0 // fields stay until they are told to go
	}
}

// begin makes the hash writable.
func (f *FieldEdit) begin() {
	if f.begun {
		return
	}
	f.begun = true
	switch f.form {
	case Packed, PackedWide:
		if f.pack = f.d.edit(f.it); len(f.pack) == 0 {
			f.pack = append(f.pack, 0, 0) // a pack of no entries
		}
	case PackedTimed:
		f.timed = f.d.ownRoot(f.it).(*timedPack)
		f.pack, f.was = f.timed.data, f.timed.MemBytes()
		f.dropDue()
	default:
		f.tab = f.d.ownRoot(f.it).(*fieldTable)
		f.was = f.tab.MemBytes()
	}
}

// Expect tells that fields are about to be set to the values that follow each: a small hash
// becomes large at once if they alone are too many for it.
func (f *FieldEdit) Expect(pairs [][]byte) {
	n := len(pairs) / 2
	if f.form == Large || int64(n) <= f.d.k.Limits.HashEntries {
		return
	}
	f.begin()
	bytes := 0
	for _, b := range pairs {
		bytes += min(len(b), table.MaxInline)
	}
	f.enlarge(n, bytes)
}

// Set stores val under field and tells whether the field is new. at is its deadline, Unix
// milliseconds, 0 for none, or KeepTTL.
func (f *FieldEdit) Set(field, val []byte, at int64) (added bool) {
	f.begin()
	limits := &f.d.k.Limits
	if int64(len(field)) > limits.HashValue || int64(len(val)) > limits.HashValue {
		f.widen(len(field) + len(val))
	}
	if at > 0 {
		f.addDeadlines()
	}
	switch f.form {
	case Large:
		var late int64
		if added, late = f.tab.set(field, val, at, f.now); late >= 0 {
			f.noteExpired(field, late)
		}
		return added
	case PackedTimed:
		added = f.setTimed(field, val, at)
	default:
		if pos := f.find(field); pos >= 0 {
			f.pack = listpack.Replace(f.pack, listpack.Skip(f.pack, pos), val)
		} else {
			f.pack = listpack.Append(listpack.Append(f.pack, field), val)
			added = true
		}
	}
	n := f.packed()
	if int64(n) > limits.HashEntries || f.form == PackedWide && (n > wideFields || len(f.pack) > wideBytes) {
		f.enlarge(0, 0)
	}
	return added
}

// The bounds of a wide hash.
const (
	wideFields = 64
	wideBytes  = 4 << 10
)

// widen makes room for a field and a value that are together so long, at least one of them
// too long for what Redis keeps packed.
func (f *FieldEdit) widen(size int) {
	switch {
	case f.form == Packed && len(f.pack)+size <= wideBytes && f.packed() < wideFields:
		f.form = PackedWide
	case f.form == Packed || f.form == PackedTimed:
		f.enlarge(0, 0)
	}
}

// SetDeadline gives a field, which exists, another deadline, or none if at is 0.
func (f *FieldEdit) SetDeadline(field []byte, at int64) {
	f.begin()
	if at != 0 {
		f.addDeadlines()
	}
	switch f.form {
	case Large:
		f.tab.setDeadline(field, at)
	case PackedTimed:
		val, _ := f.Get(field)
		f.d.k.size = val.Append(f.d.k.size[:0])
		f.setTimed(field, f.d.k.size, at)
		f.d.k.shed()
	}
}

// Delete removes a field and tells whether it existed.
func (f *FieldEdit) Delete(field []byte) bool {
	if !f.Has(field) {
		return false
	}
	f.begin()
	if f.form == Large {
		f.tab.remove(field)
		return true
	}
	f.pack = listpack.Delete(f.pack, f.find(field), f.step())
	return true
}

// Done keeps what has been done, and tells whether no field is left, so that the key is
// gone. It counts as one access, whether anything was changed or not.
func (f *FieldEdit) Done() (gone bool) {
	d := f.d
	if f.it.OK() {
		f.it.ref = d.t.Current(f.it.ref)
		d.touch(f.it.ref)
	}
	if f.begun && f.form == Large && !f.rooted {
		d.resized(f.tab.MemBytes() - f.was) // also if it is to be removed: as large as it is now
	}
	switch {
	case !f.begun:
		return false
	case f.empty():
		gone = true
		if f.it.OK() {
			d.remove(f.key)
		}
	case f.form == Packed || f.form == PackedWide:
		d.store(f.key, f.it, Hash, f.form, f.pack)
	default:
		f.keepRoot()
	}
	if late := &d.k.late; len(late.ends) > 0 {
		fields := late.slices()
		d.fieldsExpired(f.key, fields, len(fields), f.lateMs)
		late.clear()
	}
	return gone
}

// empty tells whether no field is left, not even one past its deadline.
func (f *FieldEdit) empty() bool {
	if f.form == Large {
		return f.tab.fields.Len() == 0
	}
	return f.packed() == 0
}

// keepRoot is Done for the forms that have a root.
func (f *FieldEdit) keepRoot() {
	d := f.d
	o := table.Object(f.tab)
	if f.form == PackedTimed {
		f.timed.keep(f.pack)
		o = f.timed
	}
	if f.rooted {
		d.storeRoot(f.key, f.it, Hash, f.form, o)
		return
	}
	if f.form == PackedTimed {
		d.resized(o.MemBytes() - f.was)
	}
	if f.form == PackedTimed || f.tab.order != nil || f.it.ref.Timed() {
		d.t.Retimed(f.it.ref)
	}
}

// addDeadlines changes the form to one that can have deadlines.
func (f *FieldEdit) addDeadlines() {
	if f.form == PackedWide {
		f.enlarge(0, 0)
	}
	if f.form != Packed {
		return
	}
	p := f.pack
	triples := append(make([]byte, 0, len(p)+len(p)/4+16), 0, 0)
	var tmp [20]byte
	for at := listpack.First(p); at >= 0; at = listpack.Next(p, at) {
		triples = listpack.Append(triples, listpack.Get(p, at).Text(&tmp))
		at = listpack.Skip(p, at)
		triples = listpack.Append(triples, listpack.Get(p, at).Text(&tmp))
		triples = listpack.AppendInt(triples, 0)
	}
	f.form, f.pack, f.rooted = PackedTimed, triples, true
	f.timed = newTimedPack(f.d.k.clock)
}

// enlarge changes the form to large, with room for n fields more, of so many bytes.
func (f *FieldEdit) enlarge(n, bytes int) {
	tab := newFieldTable(f.d.k, f.packed()+n, len(f.pack)+bytes)
	var room [2][20]byte
	f.eachPacked(func(field, val listpack.Value, at int64) bool {
		tab.set(field.Text(&room[0]), val.Text(&room[1]), at, f.now)
		return true
	})
	f.form, f.tab, f.pack, f.timed, f.rooted = Large, tab, nil, nil, true
}
