package db

import (
	"math"

	"redust/db/wheel"
)

// SliceKeys is after how many keys, and fields of hashes, one call of Expire ends, in all
// databases together and give or take a page: about half a millisecond of work in a table that is not in the caches.
const SliceKeys = 500

// Expire removes keys and fields of hashes whose deadline has passed, in order of their deadlines, and
// tells whether more is due: one slice is done, and others may work before the next.
// effort, 1 to 10, makes slices longer.
func (k *Keyspace) Expire(effort int) (more bool) {
	if k.Frozen || k.Paused || k.replaying {
		return false
	}
	k.until = k.expired() + int64(SliceKeys*effort)
	for _, d := range k.dbs {
		for !d.expireSome() {
			if k.left() <= 0 {
				k.Stats.TimeCapReached++
				return true // NextExpiry stays: it is past
			}
		}
	}
	k.soonest = k.expiryAfter()
	return false
}

// expired is how many keys and fields have reached their deadline and are gone.
func (k *Keyspace) expired() int64 { return k.Stats.Expired + k.Stats.FieldsExpired }

// left is how many more this slice of expiry may remove.
func (k *Keyspace) left() int { return int(k.until - k.expired()) }

// Tidy forgets appointments that nobody will keep, a slice of them. A page whose earliest
// deadline moved leaves one behind each time; such are few, unless somebody makes a
// point of it.
func (k *Keyspace) Tidy() {
	for _, d := range k.dbs {
		pages := min(d.t.Timed()+d.t.Inner(), d.t.Len()/16+1)
		if d.sweep > 0 || d.w.Len() > 2*pages+1024 {
			d.sweep = d.w.Sweep(d.sweep, 4*SliceKeys, func(r wheel.Ref) bool { return d.t.Armed(r.ID, r.At) })
		}
	}
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

// expireSome keeps a few appointments, and reports whether all that were due are kept.
func (d *DB) expireSome() bool {
	if at, ok := d.w.Next(); !ok || at > d.k.now {
		return true
	}
	const few = 16 // of up to 64 keys each
	return d.w.Advance(d.k.now, few, func(r wheel.Ref) { d.visit(r) })
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
	again := k.now + 1
	for _, key := range k.due {
		h := k.Hash(key)
		r := d.t.Find(h, key)
		if !r.OK() {
			continue
		}
		if at := r.Deadline(); at != 0 && at <= k.now {
			d.expire(h, key, at)
		} else if r.Timed() && !d.reclaim(h, key, r) {
			again = k.now // there is more, for this slice or the next
		}
	}
	d.t.Rearm(r.ID, again)
	k.shed()
}

// shed gives up scratch memory that one large key has made large.
func (k *Keyspace) shed() {
	if cap(k.size) > keepScratch {
		k.size, k.due = nil, nil
	}
}

// keepScratch is how much scratch memory is kept, bytes.
const keepScratch = 64 << 10
