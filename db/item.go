package db

import (
	"math"

	"redust/db/table"
)

// Item is a key's value as it was found. It is valid until the next change to its
// database. A look-up of another key may remove that one, if it has expired; what was found
// can still be read then, but is to be found again before it is changed. The zero Item is
// no value.
type Item struct {
	ref table.Ref
	d   *DB
}

// OK tells whether there is a value.
func (it Item) OK() bool { return it.ref.OK() }

// Type is the type of the value.
func (it Item) Type() Type { return Type(it.ref.Kind() & typeMask) }

// Key is the key; borrowed.
func (it Item) Key() []byte { return it.ref.Key() }

// ExpireAt is the deadline, Unix milliseconds, or 0.
func (it Item) ExpireAt() int64 { return it.ref.Deadline() }

// Bytes is the value of a string or of a packed collection; borrowed, not to be written
// to.
func (it Item) Bytes() []byte {
	if b, ok := it.ref.Object().(*Blob); ok {
		return b.data
	}
	return it.ref.Bytes()
}

// MemBytes is the memory that key and value take, bytes.
func (it Item) MemBytes() int { return it.ref.MemBytes() }

// IdleMs is the time since the last access, milliseconds, as far as the access
// history under LRU tells.
func (it Item) IdleMs() int64 { return it.d.k.Access.idleMs(it.ref.Access()) }

// Freq is the access counter that LFU keeps, decayed to now.
func (it Item) Freq() uint8 { return it.d.k.Access.freq(it.ref.Access()) }

// alive finds a key and hides it if its deadline has passed; the expired key is
// removed at once unless deletion is another's business.
func (d *DB) alive(key []byte) table.Ref { return d.aliveAt(d.k.Hash(key), key) }

func (d *DB) aliveAt(h uint64, key []byte) table.Ref {
	r := d.t.Find(h, key)
	if !r.OK() {
		return r
	}
	if at := r.Deadline(); at != 0 && at <= d.k.past {
		if !d.k.Frozen && !d.k.Paused {
			d.expire(h, key, at)
		}
		return table.Ref{}
	}
	if r.Timed() && d.wilted(r) {
		if !d.k.Frozen && !d.k.Paused {
			d.expireAll(h, key, r)
		}
		return table.Ref{}
	}
	return r
}

// past tells whether the key at r does not exist any more, because its deadline has passed
// or that of all it holds.
func (d *DB) past(r table.Ref) bool {
	at := r.Deadline()
	return at != 0 && at <= d.k.past || r.Timed() && d.wilted(r)
}

// expire removes a key past its deadline.
func (d *DB) expire(h uint64, key []byte, at int64) {
	d.t.Delete(h, key)
	d.k.Stats.Expired++
	if f := d.k.Hooks.Expired; f != nil {
		f(d, key, d.k.now-at)
	}
}

// missed counts a miss.
func (d *DB) missed(key []byte) {
	d.k.Stats.Misses++
	if f := d.k.Hooks.Missed; f != nil {
		f(d, key)
	}
}

// Replaces says whether what is put from now on takes the place of what has just been deleted
// for it, so that its key is not new to Hooks.Added.
func (d *DB) Replaces(yes bool) { d.k.replaces = yes }

// added reports a key that was put where none was.
func (d *DB) added(key []byte) {
	if f := d.k.Hooks.Added; f != nil && !d.k.replaces {
		f(d, key)
	}
}

// Get looks a key up for reading: it counts as a hit or a miss, and as an access.
func (d *DB) Get(key []byte) Item {
	r := d.alive(key)
	if !r.OK() {
		d.missed(key)
		return Item{}
	}
	d.k.Stats.Hits++
	d.touch(r)
	return Item{r, d}
}

// Look looks a key up for a question about it: a hit or a miss, but no access.
func (d *DB) Look(key []byte) Item {
	r := d.alive(key)
	if !r.OK() {
		d.missed(key)
		return Item{}
	}
	d.k.Stats.Hits++
	return Item{r, d}
}

// LookQuietly is Look without telling Hooks.Missed.
func (d *DB) LookQuietly(key []byte) Item {
	r := d.alive(key)
	if !r.OK() {
		d.k.Stats.Misses++
		return Item{}
	}
	d.k.Stats.Hits++
	return Item{r, d}
}

// Peek looks a key up and leaves no trace.
func (d *DB) Peek(key []byte) Item { return Item{d.alive(key), d} }

// ForWrite looks up a key that is about to be changed: an access, but no hit or miss.
func (d *DB) ForWrite(key []byte) Item {
	r := d.alive(key)
	if r.OK() {
		d.touch(r)
	}
	return Item{r, d}
}

func (d *DB) touch(r table.Ref) {
	if d.k.NoTouch {
		return
	}
	was := r.Access()
	if is := d.k.Access.note(was); is != was {
		d.t.SetAccess(r, is)
	}
}

// Stored tells whether a key takes up room, and whether it does so though its deadline has
// passed. It changes nothing.
func (d *DB) Stored(key []byte) (stored, past bool) {
	r := d.t.Find(d.k.Hash(key), key)
	return r.OK(), r.OK() && d.past(r)
}

// Has tells whether the key exists, and leaves no trace.
func (d *DB) Has(key []byte) bool { return d.alive(key).OK() }

// Delete removes a key and tells whether it existed. The time does not depend on the
// value's size.
func (d *DB) Delete(key []byte) bool {
	if !d.alive(key).OK() {
		return false
	}
	return d.t.Delete(d.k.Hash(key), key)
}

// SetExpire gives an existing key a deadline, Unix milliseconds, or none if at is 0.
// A deadline in the past hides the key at once.
func (d *DB) SetExpire(it Item, at int64) { d.t.SetDeadline(it.ref, at) }

// Rename moves the value of from, which exists, to the key to of database dst, in
// place of what was there. The deadline goes with it.
func (d *DB) Rename(from []byte, dst *DB, to []byte) {
	e := d.entry(d.Peek(from))
	d.t.Delete(d.k.Hash(from), from)
	dst.place(to, e)
}

// place puts an entry under a key. What was there counts as gone before: the key is new.
func (d *DB) place(key []byte, e table.Entry) {
	d.t.Put(d.k.Hash(key), key, e)
	d.added(key)
}

// Copy stores a copy of the value of from, which exists, under the key to of database
// dst. The deadline goes with it. A value made of nodes is shared until one of the two
// changes.
func (d *DB) Copy(from []byte, dst *DB, to []byte) {
	it := d.Peek(from)
	e := d.entry(it)
	switch o := e.Object.(type) {
	case *Blob:
		e.Object = &Blob{data: append([]byte(nil), o.data...), epoch: d.k.clock.Epoch()}
	case root:
		e.Object = d.ownRoot(it).(root).share()
	}
	e.Access = dst.k.Access.fresh()
	dst.place(to, e)
}

// entry is the value out of its page, its bytes in scratch memory.
func (d *DB) entry(it Item) table.Entry {
	d.k.pack = append(d.k.pack[:0], it.ref.Bytes()...)
	return table.Entry{
		Kind: it.ref.Kind(), Access: it.ref.Access(), Deadline: it.ref.Deadline(), Bytes: d.k.pack, Object: it.ref.Object(),
	}
}

// Random returns a key drawn at random that has not expired; borrowed. False if there
// is none.
func (d *DB) Random() ([]byte, bool) {
	for range 100 {
		r := d.t.Random(d.k.rnd)
		if !r.OK() {
			return nil, false
		}
		if !d.past(r) {
			return r.Key(), true
		}
		d.alive(append([]byte(nil), r.Key()...)) // removes it, if that is ours to do
	}
	// Nearly everything is past its deadline: look at all of it.
	var found []byte
	d.Each(func(it Item) bool {
		found = it.Key()
		return false
	})
	return found, found != nil
}

// Each calls yield for every key that has not expired, in hash order, until it
// returns false. Nothing may change meanwhile.
func (d *DB) Each(yield func(Item) bool) {
	for cursor, more := uint64(0), true; more; {
		cursor = d.t.Scan(cursor, func(r table.Ref) {
			if more && !d.past(r) {
				more = yield(Item{r, d})
			}
		})
		more = more && cursor != 0
	}
}

// Scan calls each for the keys of one page that have not expired and returns the
// cursor of the next, 0 after the last; see table.Scan. Nothing may change meanwhile.
func (d *DB) Scan(cursor uint64, each func(Item)) uint64 {
	return d.t.Scan(cursor&math.MaxInt64, func(r table.Ref) {
		if !d.past(r) {
			each(Item{r, d})
		}
	})
}
