package db

import (
	"math"

	"redust/db/wheel"
)

// SliceKeys bounds how many appointments one call of Expire serves; each is a page of
// at most 64 keys. It is about a millisecond of work in a table that is not in the
// caches.
const SliceKeys = 1000

// Expire removes keys whose deadline has passed, in order of their deadlines, and
// tells whether more is due: one slice is done, and others may work before the next.
func (k *Keyspace) Expire() (more bool) {
	if k.Frozen || k.Paused {
		return false
	}
	for _, d := range k.dbs {
		if !d.expireSlice() {
			more = true
		}
	}
	if more {
		k.Stats.TimeCapReached++
	}
	k.soonest = k.expiryAfter()
	return more
}

// NextExpiry is the time at which Expire may next have something to do, Unix
// milliseconds; math.MaxInt64 if nothing has a deadline. It may be too early, never too
// late.
func (k *Keyspace) NextExpiry() int64 { return k.soonest }

// expiryAfter finds NextExpiry anew, after a slice.
func (k *Keyspace) expiryAfter() int64 {
	at := int64(math.MaxInt64)
	for _, d := range k.dbs {
		if t, some := d.w.Next(); some {
			at = min(at, t)
		}
	}
	return at
}

func (d *DB) expireSlice() bool {
	if at, ok := d.w.Next(); !ok || at > d.k.now {
		return true
	}
	done := d.w.Advance(d.k.now, SliceKeys, func(r wheel.Ref) { d.visit(r) })
	// A page whose earliest deadline moved leaves an appointment behind that nobody
	// will keep. Such are few; should they become many, look for them.
	if live := d.t.Timed(); d.sweep > 0 || d.w.Len() > 2*live+1024 {
		d.sweep = d.w.Sweep(d.sweep, SliceKeys, func(r wheel.Ref) bool { return d.t.Armed(r.ID, r.At) })
	}
	return done
}

// visit removes what is due in the page that made the appointment.
func (d *DB) visit(r wheel.Ref) {
	k := d.k
	k.due = k.due[:0]
	keys := k.size[:0]
	stands := d.t.Due(r.ID, r.At, k.now, func(key []byte, at int64) {
		from := len(keys)
		keys = append(keys, key...)
		k.due = append(k.due, keys[from:len(keys):len(keys)])
	})
	k.size = keys
	if !stands {
		return
	}
	for _, key := range k.due {
		if it := d.t.Find(k.Hash(key), key); it.OK() {
			d.expire(k.Hash(key), key, it.Deadline())
		}
	}
	d.t.Rearm(r.ID, k.now+1)
}
