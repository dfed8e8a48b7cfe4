package db

import (
	"redust/db/listpack"
	"redust/db/table"
)

// Changes to a hash. begin makes the value writable and takes away what is past its
// deadline as far as that is cheap; the change may turn the form into the next larger one
// on the way; Done puts back whatever form it has become.

// begin makes the hash writable.
func (f *Fields) begin() {
	if f.begun {
		return
	}
	f.begun = true
	switch f.form {
	case Packed:
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

// Expect tells that n fields are about to be set: a small hash becomes large at once if
// they alone are too many for it.
func (f *Fields) Expect(n int) {
	if f.form != Large && int64(n) > f.d.k.Limits.HashEntries {
		f.begin()
		f.enlarge()
	}
}

// Set stores val under field and tells whether the field is new. at is its deadline, Unix
// milliseconds, 0 for none, or KeepTTL.
func (f *Fields) Set(field, val []byte, at int64) (added bool) {
	f.begin()
	limits := &f.d.k.Limits
	if f.form != Large && (int64(len(field)) > limits.HashValue || int64(len(val)) > limits.HashValue) {
		f.enlarge()
	}
	if f.form == Packed && at > 0 {
		f.addDeadlines()
	}
	switch f.form {
	case Large:
		var late int64
		if added, late = f.tab.set(field, val, at, f.now); late >= 0 {
			f.noteExpired(1, late)
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
	if int64(f.packed()) > limits.HashEntries {
		f.enlarge()
	}
	return added
}

// SetDeadline gives a field, which exists, another deadline, or none if at is 0.
func (f *Fields) SetDeadline(field []byte, at int64) {
	f.begin()
	if f.form == Packed && at != 0 {
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
func (f *Fields) Delete(field []byte) bool {
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
func (f *Fields) Done() (gone bool) {
	d := f.d
	switch {
	case !f.begun:
		if f.it.OK() {
			d.touch(f.it.ref)
		}
		return false
	case f.empty():
		gone = true
		if f.it.OK() {
			d.remove(f.key)
		}
	case f.form == Packed:
		d.store(f.key, f.it, Hash, Packed, f.pack)
	default:
		f.keepRoot()
	}
	if f.expired > 0 {
		d.fieldsExpired(f.key, f.expired, f.lateMs, false)
	}
	return gone
}

// empty tells whether no field is left, not even one past its deadline.
func (f *Fields) empty() bool {
	if f.form == Large {
		return f.tab.fields.Len() == 0
	}
	return f.packed() == 0
}

// keepRoot is Done for the forms that have a root.
func (f *Fields) keepRoot() {
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
	d.resized(o.MemBytes() - f.was)
	d.touch(f.it.ref)
	d.t.Retimed(f.it.ref)
}

// addDeadlines changes the form from packed to packed with deadlines.
func (f *Fields) addDeadlines() {
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

// enlarge changes the form to large.
func (f *Fields) enlarge() {
	tab := newFieldTable(f.d.k)
	var room [2][20]byte
	f.eachPacked(func(field, val listpack.Value, at int64) bool {
		tab.set(field.Text(&room[0]), val.Text(&room[1]), at, f.now)
		return true
	})
	f.form, f.tab, f.pack, f.timed, f.rooted = Large, tab, nil, nil, true
}
