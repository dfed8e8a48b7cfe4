package db

import "redust/db/table"

// What INFO, MEMORY and DEBUG want to know of the keyspace, and no command needs.

// Overhead is the memory of the database that holds no keys or values, bytes: main the
// frame of the table, timed the appointments of keys that have a deadline.
func (d *DB) Overhead() (main, timed int64) { return d.t.Overhead(), d.w.Bytes() }

// AvgTTL estimates the mean time that keys with a deadline have left, milliseconds,
// from a few pages drawn at random. It is 0 if they hold no such key.
func (d *DB) AvgTTL() int64 {
	const pages = 8
	if d.t.Timed() == 0 {
		return 0
	}
	var sum, n int64
	for range pages {
		d.t.Page(d.k.rnd(), func(r table.Ref) {
			if at := r.Deadline(); at > d.k.now {
				sum += at - d.k.now
				n++
			}
		})
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// Access is the 24 bits of access history as they are stored; see type Access.
func (it Item) Access() uint32 { return it.ref.Access() }
