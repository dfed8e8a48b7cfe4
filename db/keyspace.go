// Package db is the keyspace: sixteen or so databases of keys, their values and their
// deadlines. It belongs to one goroutine, the executor; there is no lock in it, and it
// does not know of commands, sockets, files or clocks. The time is set from outside,
// once a batch of commands.
//
// A database is a table of packed pages (db/table) and a wheel of the pages that want
// to be visited when a deadline passes (db/wheel). A value is one of
//
//   - a string of at most 255 bytes, in the slab beside its key;
//   - a longer string, a Blob;
//   - a collection, packed into such a string while it is small, else a structure of
//     nodes (value.go).
//
// A string is always its bytes, whatever Redis would call its encoding: "int" is a
// property of those bytes, computed when somebody asks, and INCR rewrites the digits in
// place. That is one representation instead of three, a GET that is a copy, and less
// memory for every number below 10^8.
//
// Expiry. A key past its deadline does not exist for any command, at once: lookups
// compare. The wheel reclaims it, in order of deadlines, in slices of some SliceKeys keys.
// Whoever removes an expired key tells Hooks.Expired. Fields of hashes have deadlines, too:
// see hash_expire.go.
//
// Snapshots are views of the tables, see db/table. All tables and all values of a
// keyspace follow one clock (db/cow), so a value moves between databases as it is.
package db

import (
	"hash/maphash"
	"math"

	"redust/db/cow"
	"redust/db/table"
	"redust/db/wheel"
)

// Type is the type of a value. The numbers are those of the RDB format.
type Type uint8

// The types of values.
const (
	String Type = 0
	List   Type = 1
	Set    Type = 2
	ZSet   Type = 3
	Hash   Type = 4
	Stream Type = 6
)

// String returns the name that TYPE replies.
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case List:
		return "list"
	case Set:
		return "set"
	case ZSet:
		return "zset"
	case Hash:
		return "hash"
	case Stream:
		return "stream"
	}
	return "none"
}

// Hooks are what the keyspace tells its surroundings while it changes on its own.
// Keys are borrowed.
type Hooks struct {
	Expired func(d *DB, key []byte, lateMs int64) // after a key past its deadline is gone
	// FieldsExpired comes after fields of the hash under key, past their deadline, are gone:
	// those named, or all, and the key with them, if none is.
	FieldsExpired func(d *DB, key []byte, fields [][]byte, lateMs int64)
	Evicted       func(d *DB, key []byte) // after a key made room for others
	Added         func(d *DB, key []byte) // after a key was put where none was
	Missed        func(d *DB, key []byte) // after a look-up for reading found nothing
}

// Stats counts what happens to keys.
type Stats struct {
	Hits, Misses   int64 // of lookups for reading
	Expired        int64 // keys that reached their deadline and are gone
	FieldsExpired  int64 // fields of hashes that did
	Evicted        int64
	TimeCapReached int64 // slices of expiry that ended before the work did
}

// Keyspace is all databases. Use New.
type Keyspace struct {
	Stats  Stats
	Hooks  Hooks
	Access Access // how accesses are noted, for eviction and OBJECT
	Limits Limits // when collections change their form

	// Frozen keeps keys past their deadline in memory, hidden: a replica waits for its
	// master to delete them. Paused does so for a while, as CLIENT PAUSE does.
	Frozen, Paused bool
	NoTouch        bool // the client at hand does not count as an access
	replaces       bool // what is being put takes the place of what was deleted for it: no new key

	replaying bool // see Replaying

	dbs     []*DB
	now     int64
	past    int64 // deadlines up to here have passed, see Replaying
	seed    maphash.Seed
	clock   *cow.Clock
	rnd     func() uint64
	soonest int64        // see NextExpiry
	until   int64        // see left
	due     [][]byte     // scratch of Expire
	late    names        // fields past their deadline that a change has removed
	size    []byte       // scratch for keys
	pack    []byte       // scratch for packed values under construction, see edit
	sets    Sets         // scratch of set algebra
	order   []byte       // scratch for keys of ordered trees
	spots   []packedSpot // scratch of SortedSet.Ranges
}

// New returns n empty databases. rnd gives random bits.
func New(n int, rnd func() uint64) *Keyspace {
	k := &Keyspace{seed: maphash.MakeSeed(), clock: cow.NewClock(), rnd: rnd, soonest: math.MaxInt64}
	k.Limits = DefaultLimits
	k.Access.rnd = rnd
	for i := range n {
		k.dbs = append(k.dbs, newDB(k, i))
	}
	return k
}

// DB returns database i.
func (k *Keyspace) DB(i int) *DB { return k.dbs[i] }

// DBs is the number of databases.
func (k *Keyspace) DBs() int { return len(k.dbs) }

// SetNow tells the time, Unix milliseconds, that holds until the next call. It may go
// back, if somebody sets the machine's clock: deadlines are times of that clock.
func (k *Keyspace) SetNow(ms int64) {
	if ms != k.now {
		k.now = ms
		k.Access.setNow(ms)
		if !k.replaying {
			k.past = ms
		}
	}
}

// Now is the time that SetNow was told last, Unix milliseconds.
func (k *Keyspace) Now() int64 { return k.now }

// Replaying tells that the keyspace is being changed by what has happened to it before, as a
// file says. Until that is over no deadline passes: what the file does to a key happened
// while that was there, and if it expired the file says so.
func (k *Keyspace) Replaying(on bool) {
	k.replaying = on
	k.past = k.now
	if on {
		k.past = 0 // no deadline is as early
	}
}

// Past tells whether a deadline, Unix milliseconds, has passed.
func (k *Keyspace) Past(at int64) bool { return at <= k.past }

// Hash is the hash of a key, the same in every database.
func (k *Keyspace) Hash(key []byte) uint64 { return maphash.Bytes(k.seed, key) }

// below is a random number from 0 to n-1.
func (k *Keyspace) below(n int) int { return int(k.rnd() % uint64(n)) }

// Len is the number of keys in all databases.
func (k *Keyspace) Len() int {
	n := 0
	for _, d := range k.dbs {
		n += d.Len()
	}
	return n
}

// Bytes is the memory of all databases, bytes.
func (k *Keyspace) Bytes() int64 {
	var n int64
	for _, d := range k.dbs {
		n += d.Bytes()
	}
	return n
}

// Swap exchanges the contents of two databases.
func (k *Keyspace) Swap(a, b *DB) {
	a.t, b.t = b.t, a.t
	a.w, b.w = b.w, a.w
	a.sweep, b.sweep = b.sweep, a.sweep
	a.arms.d, b.arms.d = b.arms.d, a.arms.d
	a.arms, b.arms = b.arms, a.arms
}

// Flush empties all databases and returns how many keys there were.
func (k *Keyspace) Flush() int {
	n := 0
	for _, d := range k.dbs {
		n += d.Flush()
	}
	return n
}

// DB is one database.
type DB struct {
	ID    int
	k     *Keyspace
	t     *table.Table
	w     *wheel.Wheel
	arms  *arms
	sweep int // where the sweep of the wheel goes on
}

// arms passes the appointments of a table on to the wheel that went with it when
// databases were swapped.
type arms struct{ d *DB }

func (a *arms) Arm(hash uint64, at int64) {
	a.d.w.Add(hash, at)
	a.d.k.soonest = min(a.d.k.soonest, at)
}

func newDB(k *Keyspace, id int) *DB {
	d := &DB{ID: id, k: k}
	d.arms = &arms{d}
	d.clear()
	return d
}

func (d *DB) clear() {
	d.t = table.New(d.k.seed, d.k.clock, d.arms)
	d.w = new(wheel.Wheel)
	d.w.Advance(d.k.now, 1, nil)
	d.sweep = 0
}

// Flush empties the database, in a time that does not depend on what was in it, and
// returns how many keys there were.
func (d *DB) Flush() int {
	n := d.t.Len()
	if n > 0 || d.w.Len() > 0 {
		d.clear()
	}
	return n
}

// Len is the number of keys.
func (d *DB) Len() int { return d.t.Len() }

// Timed is the number of keys that have a deadline.
func (d *DB) Timed() int { return d.t.Timed() }

// Bytes is the memory of the database, bytes.
func (d *DB) Bytes() int64 { return d.t.Bytes() + d.w.Bytes() }

// Shape describes the table, for DEBUG HTSTATS.
func (d *DB) Shape() table.Shape { return d.t.Shape() }

// Touch brings what lookups of these hashes need into the processor's caches, at most
// table.TouchMax of them.
func (d *DB) Touch(hashes []uint64) uint64 { return d.t.Touch(hashes) }

// View is a database at one moment, for any one goroutine to read.
type View struct {
	view   *table.View
	table  *table.Table // the one it is of, wherever that is now
	access Access       // the clock of accesses as it stood
}

// View returns the database as it stands now; see table.View. Release gives it back.
func (d *DB) View() *View { return &View{view: d.t.View(), table: d.t, access: d.k.Access} }

// Len is the number of keys in the view, those past their deadline included.
func (v *View) Len() int { return v.view.Len() }

// Each calls yield for every key in hash order until it returns false. Of the items
// only what is stored can be asked: key, value, type, encoding, deadline.
func (v *View) Each(yield func(Item) bool) {
	v.view.Each(func(r table.Ref) bool { return yield(Item{ref: r}) })
}

// Drain is Each for the last time: what has been walked over, and nobody else needs, is
// garbage at once. With help, the writer may be asked to take keys before they are changed,
// see table.View.Drain.
func (v *View) Drain(yield func(Item) bool, help func(Offer) bool) {
	var asked func(table.Offer) bool
	if help != nil {
		asked = func(o table.Offer) bool { return help(Offer{o}) }
	}
	v.view.Drain(func(r table.Ref) bool { return yield(Item{ref: r}) }, asked)
}

// Taken is how many offers were taken; the goroutine that owns the keyspace may ask.
func (v *View) Taken() int64 { return v.view.Taken() }

// Offer is some keys of a view that are about to be changed; see table.Offer.
type Offer struct{ offer table.Offer }

// Take calls yield for each of the keys, unless the reader of the view has them: then it is
// false.
func (o Offer) Take(yield func(Item)) bool {
	return o.offer.Take(func(r table.Ref) { yield(Item{ref: r}) })
}

// Release gives a view back, on the goroutine that owns the keyspace.
func (v *View) Release() { v.table.Release(v.view) }
