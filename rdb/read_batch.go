package rdb

import (
	"fmt"

	"redust/db"
	"redust/db/table"
	"redust/internal/assert"
)

// Batch is some entries in a row, and what else stood between them in the file. It is made
// by Decode and belongs to whoever it was yielded to, until Release.
type Batch struct {
	Aux       []Aux    // auxiliary fields
	Functions [][]byte // source code of libraries
	Bytes     int64    // of the input that have been consumed with this batch

	entries []entry
	elems   []elem // of large values
	sizes   []size
	mem     []byte // keys, values and elements; what does not fit has memory of its own
	extra   int    // bytes of that
	payload int    // bytes of the payload that it is of, 0 of a file
	before  int64  // entries of the input in front of the batch
	read    int64  // bytes of the input that the batch comes from
	left    int64  // that there may be behind it
	free    chan<- *Batch
}

// entry is a key with its value, or with a part of it.
type entry struct {
	key      []byte
	hash     uint64
	val      db.Loaded // how it is to be stored
	big      *big      // of a large value
	elems    [2]int    // elements of this part
	last     bool      // this part is the last one
	first    bool
	deadline int64
	history  int64 // what is known about accesses, see known
	offset   int64
	db       int32
	known    known
	code     Type
	timed    bool
	reading  bool // key and code are there, and the value is being read
	skip     bool // the value is an empty collection, or is left out
	lost     bool // it is a module's
}

// known says what is known about accesses to a key.
type known uint8

const (
	isUnknown known = iota
	isIdle          // seconds without one
	isFreq          // the counter that LFU keeps
)

// size is that of a database as it is announced.
type size struct {
	at   int // before which entry
	db   int32
	keys int64
}

// Sizes of a batch: how many bytes and entries make it full.
const (
	batchMem     = 256 << 10
	batchExtra   = 1 << 20
	batchEntries = 1024
	batchElems   = 4096
)

func (e *entry) reset(offset int64, db int) { *e = entry{offset: offset, db: int32(db)} }

func (b *Batch) void() bool {
	return len(b.entries) == 0 && len(b.Aux) == 0 && len(b.Functions) == 0 && len(b.sizes) == 0
}

func (b *Batch) full() bool {
	return len(b.entries) >= batchEntries || len(b.elems) >= batchElems ||
		len(b.mem)+b.extra >= batchExtra || len(b.mem) >= batchMem-batchMem/8
}

// alloc returns n bytes of the batch's memory, holding anything.
func (b *Batch) alloc(n int) []byte {
	if n > cap(b.mem)-len(b.mem) {
		room := batchMem
		if b.payload > 0 {
			room = min(room, b.payload)
		}
		if b.mem != nil || n > room {
			b.extra += n
			return make([]byte, n)
		}
		b.mem = make([]byte, 0, room)
	}
	at := len(b.mem)
	b.mem = b.mem[:at+n]
	return b.mem[at : at+n : at+n]
}

// keep copies p into the batch's memory. Nil stays nil.
func (b *Batch) keep(p []byte) []byte {
	if p == nil {
		return nil
	}
	q := b.alloc(len(p))
	copy(q, p)
	return q
}

func (b *Batch) resize(db int, keys int64) {
	b.sizes = append(b.sizes, size{len(b.entries), int32(db), keys})
}

// Release gives the batch back, to be filled again. Nothing of it may be used any more.
func (b *Batch) Release() {
	if assert.Deep {
		for i := range b.mem {
			b.mem[i] = 0xee
		}
	}
	clear(b.entries)
	clear(b.elems)
	b.Aux, b.Functions, b.Bytes = nil, nil, 0
	b.entries, b.elems, b.sizes, b.mem, b.extra = b.entries[:0], b.elems[:0], b.sizes[:0], b.mem[:0], 0
	select {
	case b.free <- b:
	default:
	}
}

// Len is the number of entries. Parts of one large value count as one, in its last batch.
func (b *Batch) Len() int {
	n := 0
	for i := range b.entries {
		if e := &b.entries[i]; e.big == nil || e.last {
			n++
		}
	}
	return n
}

// Each calls yield for every entry, as Len counts them: database, key, borrowed, the value's
// type, and the deadline, Unix milliseconds, 0 for none.
func (b *Batch) Each(yield func(db int, key []byte, t db.Type, deadline int64)) {
	for i := range b.entries {
		if e := &b.entries[i]; e.big == nil || e.last {
			yield(int(e.db), e.key, e.val.Type, e.deadline)
		}
	}
}

// PutOptions say how entries are stored.
type PutOptions struct {
	// KeepExpired stores keys whose deadline has passed, too: a replica does so, which leaves
	// them to its master, and whoever reads the preamble of an AOF, whose later commands
	// have seen them.
	KeepExpired bool
	// Replace lets an entry take the place of a key that exists; else that is an error.
	Replace bool
}

// Counts are what Put has done.
type Counts struct {
	Loaded  int64 // keys
	Expired int64 // keys that were left out, since their deadline has passed
}

// Put stores the entries; on the executor. An error is about the file, an *Error, or a
// database that there is not; what stands before the entry in question has been stored.
func (b *Batch) Put(ks *db.Keyspace, o PutOptions) (n Counts, err error) {
	now := ks.Now()
	sizes := b.sizes
	var hashes [table.TouchMax]uint64
	for i := 0; i < len(b.entries); {
		first := &b.entries[i]
		if int(first.db) >= ks.DBs() {
			return n, fmt.Errorf("rdb: the file has a database %d, and this server has %d of them", first.db, ks.DBs())
		}
		d := ks.DB(int(first.db))
		for len(sizes) > 0 && sizes[0].at <= i {
			b.reserve(ks, sizes[0])
			sizes = sizes[1:]
		}
		j := i
		for ; j < len(b.entries) && j-i < len(hashes) && b.entries[j].db == first.db; j++ {
			e := &b.entries[j]
			if e.hash == 0 {
				e.hash = ks.Hash(e.key)
			}
			hashes[j-i] = e.hash
		}
		d.Touch(hashes[:j-i])
		for ; i < j; i++ {
			e := &b.entries[i]
			if e.late(now) && !o.KeepExpired {
				if e.big == nil || e.last {
					n.Expired++
				}
				continue
			}
			done, what := b.put(ks, d, e, o.Replace)
			if what != "" {
				return n, &Error{
					Offset: e.offset, What: what, Doing: "the value of", DB: int(e.db),
					Key: append([]byte{}, e.key...), Type: e.code, Keys: b.before + n.Loaded + n.Expired,
				}
			}
			if done {
				n.Loaded++
			}
		}
	}
	return n, nil
}

// late tells whether the deadline has passed. Of a value in parts it is what was so when the
// first came, whatever the clock does meanwhile: parts are stored all or none.
func (e *entry) late(now int64) bool {
	late := e.timed && e.deadline < now
	if e.big == nil {
		return late
	}
	if e.first {
		e.big.late = late
	}
	return e.big.late
}

// reserve makes room for a database of about the size that was announced. What its first
// entries are like tells how much that is, and whether there can be so many.
func (b *Batch) reserve(ks *db.Keyspace, s size) {
	const least = 64 // entries from which something follows
	n, bytes := 0, 0
	for i := s.at; i < len(b.entries) && b.entries[i].db == s.db; i++ {
		e := &b.entries[i]
		bytes++
		if len(e.val.Bytes) <= table.MaxInline {
			bytes += len(e.val.Bytes)
		}
		if len(e.key) <= table.MaxInline {
			bytes += len(e.key)
		}
		if e.timed {
			bytes += 8
		}
		n++
	}
	if n < least || int(s.db) >= ks.DBs() {
		return
	}
	left := b.left
	if left >= unknownLeft {
		left = 1 << 20
	}
	keys := int(min(s.keys, int64(n)+left/max(1, b.read/int64(n))))
	ks.DB(int(s.db)).Reserve(keys, int(float64(bytes)/float64(n)*float64(keys)))
}

// put stores an entry, or a part of one, and tells whether that was all of it, or what is
// wrong with it.
func (b *Batch) put(ks *db.Keyspace, d *db.DB, e *entry, replace bool) (done bool, wrong string) {
	if e.big != nil {
		if wrong = e.big.add(ks, e, b.elems[e.elems[0]:e.elems[1]]); wrong != "" || !e.last {
			return false, wrong
		}
		e.val.Root = e.big.root
	}
	e.val.Deadline = e.deadline
	if e.timed && e.deadline <= 0 {
		e.val.Deadline = 1 // long ago; 0 would be none
	}
	switch e.known {
	case isIdle:
		e.val.Access = ks.Access.Idle(e.history)
	case isFreq:
		e.val.Access = ks.Access.Frequent(uint8(e.history))
	default:
		e.val.Access = ks.Access.New()
	}
	if !d.Load(e.hash, e.key, &e.val, replace) {
		return false, "the key is there twice"
	}
	return true, ""
}
