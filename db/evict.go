package db

import "redust/db/table"

// Eviction says which keys may go when memory is short, and in what order.
type Eviction struct {
	By    Order
	Timed bool // only keys that have a deadline
	Pages int  // how many random pages a key is chosen from; at least 1
}

// Order is the order in which keys are evicted.
type Order uint8

// The orders. ByAccess is the longest idle, or under LFU the least used.
const (
	Nothing Order = iota
	ByAccess
	ByDeadline
	ByChance
)

// Room is what an eviction came to.
type Room uint8

// What an eviction comes to.
const (
	Made Room = iota // enough is free
	More             // the slice is done, and more can go
	Full             // nothing is left that may go
)

// Evict removes keys until enough says so, at most slice of them, lest one command wait
// for all that has to go when the limit was lowered.
//
// A key is chosen from whole pages: one random page is some 45 candidates in one warm
// block of memory, a better sample than a few keys drawn from all over. What makes a
// page worth a visit is found by looking at others: of Pages random pages the worst
// candidate goes.
func (k *Keyspace) Evict(e Eviction, slice int, enough func() bool) Room {
	if e.By == Nothing {
		return Full
	}
	for ; !enough(); slice-- {
		if slice == 0 {
			return More
		}
		if !k.evictOne(e) {
			return Full
		}
	}
	return Made
}

// candidate is the best key to evict that was met so far.
type candidate struct {
	d     *DB
	key   []byte
	score uint64 // higher goes first
}

func (k *Keyspace) evictOne(e Eviction) bool {
	var best candidate
	for range max(1, e.Pages) {
		d := k.weighted(e.Timed)
		if d == nil {
			return false
		}
		k.sample(d, e, &best)
	}
	if best.d == nil {
		// Keys that may go are rare: take the first after a random place.
		best = k.firstAfter(k.rnd(), e)
	}
	if best.d == nil {
		return false
	}
	key := append(k.size[:0], best.key...)
	k.size = key
	best.d.t.Delete(k.Hash(key), key)
	k.Stats.Evicted++
	if f := k.Hooks.Evicted; f != nil {
		f(best.d, key)
	}
	k.shed()
	return true
}

// firstAfter finds a key that may go by walking from the place of a hash, once around
// every database.
func (k *Keyspace) firstAfter(hash uint64, e Eviction) (best candidate) {
	for _, d := range k.dbs {
		if e.Timed && d.t.Timed() == 0 {
			continue
		}
		cursor := hash >> 1
		for wraps := 0; wraps < 2 && best.d == nil; {
			cursor = d.t.Scan(cursor, func(r table.Ref) {
				if !e.Timed || r.Deadline() != 0 {
					best = candidate{d: d, key: r.Key()}
				}
			})
			if cursor == 0 {
				wraps++
			}
		}
		if best.d != nil {
			break
		}
	}
	return best
}

// weighted draws a database by the number of its keys that may go.
func (k *Keyspace) weighted(timed bool) *DB {
	size := func(d *DB) int {
		if timed {
			return d.t.Timed()
		}
		return d.t.Len()
	}
	total := 0
	for _, d := range k.dbs {
		total += size(d)
	}
	if total == 0 {
		return nil
	}
	n := int(k.rnd() % uint64(total))
	for _, d := range k.dbs {
		if n -= size(d); n < 0 {
			return d
		}
	}
	return nil
}

// sample looks at a random page of d, or at a few if the first hold nothing that may
// go.
func (k *Keyspace) sample(d *DB, e Eviction, best *candidate) {
	for range 8 {
		found := false
		d.t.Page(k.rnd(), func(r table.Ref) {
			if e.Timed && r.Deadline() == 0 {
				return
			}
			found = true
			if score := k.score(r, e.By); best.d == nil || score > best.score {
				*best = candidate{d, r.Key(), score}
			}
		})
		if found {
			return
		}
	}
}

func (k *Keyspace) score(r table.Ref, by Order) uint64 {
	switch by {
	case ByDeadline:
		return uint64(1<<63 - 1 - r.Deadline())
	case ByChance:
		return k.rnd()
	}
	if k.Access.LFU {
		return 255 - uint64(k.Access.freq(r.Access()))
	}
	return uint64(k.Access.idleMs(r.Access()))
}
