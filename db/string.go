package db

import (
	"redust/db/table"
)

// The encodings of strings, as far as they do not follow from the string itself. Most
// are Plain: "int" if they read as a 64-bit integer, "embstr" up to 44 bytes, else
// "raw". The others never are "int", and Raw is what a string becomes that was changed
// in place.
const (
	Plain Encoding = iota
	Text
	Raw
)

const maxEmbstr = 44 // bytes

// Blob is a string, or a packed collection, too long for a slab.
type Blob struct {
	data  []byte
	epoch uint64
}

// MemBytes is the memory of the blob, bytes.
func (b *Blob) MemBytes() int { return 32 + cap(b.data) }

// KeepTTL as a deadline leaves the one that the key has.
const KeepTTL = -1

// SetString stores a string: val is copied. expireAt is the deadline, Unix
// milliseconds, 0 for none, or KeepTTL.
func (d *DB) SetString(key, val []byte, enc Encoding, expireAt int64) {
	d.putString(key, val, enc, expireAt, false)
}

// TakeString is SetString for a val that the caller gives away: a long one is kept
// without a copy.
func (d *DB) TakeString(key, val []byte, enc Encoding, expireAt int64) {
	d.putString(key, val, enc, expireAt, true)
}

func (d *DB) putString(key, val []byte, enc Encoding, expireAt int64, own bool) {
	h := d.k.Hash(key)
	e := table.Entry{Kind: uint8(String) | uint8(enc)<<encShift, Deadline: expireAt}
	r := d.aliveAt(h, key)
	switch {
	case !r.OK():
		e.Access = d.k.Access.fresh()
	case d.k.NoTouch:
		e.Access = r.Access()
	default:
		e.Access = d.k.Access.note(r.Access())
	}
	if expireAt == KeepTTL {
		e.Deadline = 0
		if r.OK() {
			e.Deadline = r.Deadline()
		}
	}
	if len(val) <= table.MaxInline {
		e.Bytes = val
	} else if b := d.reusable(r, len(val)); b != nil {
		b.data = append(b.data[:0], val...)
		e.Object = b
	} else {
		if !own || cap(val) > len(val)+len(val)/8 {
			val = append([]byte(nil), val...)
		}
		e.Object = &Blob{data: val, epoch: d.t.Epoch()}
	}
	if r.OK() {
		d.t.Update(r, key, e)
		return
	}
	d.t.Put(h, key, e)
	d.added(key)
}

// reusable returns the Blob at r if a string of n bytes may take its place in the same
// memory: no view sees it, it has the room, and not much more.
func (d *DB) reusable(r table.Ref, n int) *Blob {
	if !r.OK() {
		return nil
	}
	b, ok := r.Object().(*Blob)
	if !ok || !d.t.Writable(b.epoch) || cap(b.data) < n || cap(b.data) > n+n/8 {
		return nil
	}
	return b
}

// Overwrite writes val over the bytes of the string it, which has to be fresh, if that can
// be done in place without a look-up: a short string, and val just as long. False says that
// nothing was done. The deadline stays, and no access is noted.
func (d *DB) Overwrite(it Item, val []byte, enc Encoding) bool {
	if it.ref.Object() != nil || len(it.ref.Bytes()) != len(val) {
		return false
	}
	copy(d.t.OwnEntry(it.ref).Bytes(), val)
	if kind := uint8(String) | uint8(enc)<<encShift; it.ref.Kind() != kind {
		d.t.SetKind(it.ref, kind)
	}
	return true
}

// Edit returns the bytes of a string for changing in place, at least n of them: a
// shorter or missing string is extended by zeros, and is Raw from now on. The key is a
// string or missing. The slice is valid until the next change to the database.
func (d *DB) Edit(key []byte, n int) []byte {
	h := d.k.Hash(key)
	r := d.alive(key)
	if !r.OK() {
		d.putString(key, make([]byte, n), Raw, 0, true)
		return d.editable(d.t.Find(h, key))
	}
	if len(Item{r, d}.Bytes()) < n {
		d.extend(h, key, r, n)
		r = d.t.Find(h, key)
	}
	if r.Kind()>>encShift != uint8(Raw) {
		d.t.SetKind(r, uint8(String)|uint8(Raw)<<encShift)
		r = d.t.Find(h, key)
	}
	d.touch(r)
	return d.editable(r)
}

// Append adds bytes to a string that exists and returns its new length.
func (d *DB) Append(key, more []byte) int {
	n := len(d.Peek(key).Bytes())
	b := d.Edit(key, n+len(more))
	copy(b[n:], more)
	return len(b)
}

// extend makes the string at r, of key, n bytes long.
func (d *DB) extend(h uint64, key []byte, r table.Ref, n int) {
	if b, ok := r.Object().(*Blob); ok && d.t.Writable(b.epoch) {
		was := cap(b.data)
		if n > was {
			// Grow as append does, so that many small APPENDs are linear; what a large
			// string may waste so is bounded.
			bigger := make([]byte, n, n+min(n/4, 1<<20))
			copy(bigger, b.data)
			b.data = bigger
		} else {
			old := len(b.data)
			b.data = b.data[:n]
			clear(b.data[old:])
		}
		d.t.Resized(cap(b.data) - was)
		return
	}
	val := make([]byte, n)
	copy(val, Item{r, d}.Bytes())
	e := table.Entry{Kind: r.Kind(), Access: r.Access(), Deadline: r.Deadline()}
	if n <= table.MaxInline {
		e.Bytes = val
	} else {
		e.Object = &Blob{data: val, epoch: d.t.Epoch()}
	}
	d.t.Update(r, key, e)
}

// editable returns the bytes of the string at r such that no view sees them change.
func (d *DB) editable(r table.Ref) []byte {
	b, ok := r.Object().(*Blob)
	if !ok {
		return d.t.OwnEntry(r).Bytes()
	}
	if !d.t.Writable(b.epoch) {
		b = &Blob{data: append([]byte(nil), b.data...), epoch: d.t.Epoch()}
		d.t.SetObject(r, b)
	}
	return b.data
}

// stringEncoding is the name that OBJECT ENCODING gives a string.
func (it Item) stringEncoding() string {
	b := it.Bytes()
	switch enc := it.Encoded(); {
	case enc == Plain && len(b) <= 20 && isInt(b):
		return "int"
	case enc != Raw && len(b) <= maxEmbstr:
		return "embstr"
	}
	return "raw"
}

// isInt tells whether b is the decimal form of a 64-bit integer.
func isInt(b []byte) bool {
	if len(b) == 0 || len(b) > 20 {
		return false
	}
	neg := b[0] == '-'
	digits := b
	if neg {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && (len(digits) > 1 || neg) || len(digits) > 19 {
		return false
	}
	var v uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
		v = v*10 + uint64(c-'0')
	}
	return v <= 1<<63-1 || neg && v == 1<<63
}
