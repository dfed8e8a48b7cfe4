package db

import (
	"redust/db/seq"
	"redust/db/stream"
	"redust/db/table"
	"redust/db/ztree"
	"redust/internal/assert"
)

// Loading. What comes out of a snapshot has been checked and has its form already: a small
// value is bytes that are stored as they are, a large one has been filled, under no key, by
// Growing. So an entry costs one insertion, without looking at limits or at what was there.

// Loaded is a value as it is to be stored.
type Loaded struct {
	Type     Type
	Form     Encoding // of a string: Plain
	Deadline int64    // Unix milliseconds, 0 for none
	Access   uint32   // see Access.New
	// Bytes is a string, or a packed collection. They are copied, unless Own says that the
	// value may keep them.
	Bytes []byte
	Own   bool
	Root  *Growing // of a large value, in place of Bytes
}

// Load stores a value under key, whose hash is h. False if the key exists and is not to be
// replaced.
func (d *DB) Load(h uint64, key []byte, v *Loaded, replace bool) bool {
	e := table.Entry{Kind: kindOf(v.Type, v.Form), Access: v.Access, Deadline: v.Deadline}
	switch {
	case v.Root != nil:
		e.Object = v.Root.object()
	case v.Form == PackedTimed && v.Type == Hash:
		t := newTimedPack(d.k.clock)
		t.keep(v.own())
		e.Object = t
	case len(v.Bytes) <= table.MaxInline:
		e.Bytes = v.Bytes
	default:
		e.Object = &Blob{data: v.own(), epoch: d.k.clock.Epoch()}
	}
	if replace {
		d.t.Put(h, key, e)
		return true
	}
	return d.t.Insert(h, key, e)
}

// own is the bytes for the value to keep.
func (v *Loaded) own() []byte {
	if v.Own {
		return v.Bytes
	}
	return append([]byte(nil), v.Bytes...)
}

// Keyspace is the keyspace of which the database is one.
func (d *DB) Keyspace() *Keyspace { return d.k }

// Reserve makes room for so many keys, of so many bytes in all with their values as far as
// they stand beside them, if the database is empty.
func (d *DB) Reserve(keys, bytes int) {
	if d.t.Len() == 0 {
		d.clear()
		d.t = table.NewFor(d.k.seed, d.k.clock, d.arms, keys, bytes)
	}
}

// New is the history of a key that is made now.
func (a *Access) New() uint32 { return a.fresh() }

// Idle is the history of a key that was last used so many seconds ago. Under LFU nothing
// follows from that.
func (a *Access) Idle(seconds int64) uint32 {
	if a.LFU {
		return a.fresh()
	}
	// Longer than the clock can tell is as long as it can tell.
	return (a.clock - uint32(max(0, min(seconds, clockMask)))) & clockMask
}

// Frequent is the history of a key with this counter. Under LRU nothing follows from that.
func (a *Access) Frequent(counter uint8) uint32 {
	if a.LFU {
		return a.mins<<8 | uint32(counter)
	}
	return a.fresh()
}

// Growing is a large value that is being filled, under no key. It belongs to the executor.
type Growing struct {
	k      *Keyspace
	set    *table.Table
	fields *fieldTable
	zset   *zsetRoot
	list   *longList
	stream *stream.Stream
}

// Grow begins a large value, which is to have n elements of so many bytes in all, or so it
// is thought.
func (k *Keyspace) Grow(t Type, n, bytes int) *Growing {
	g := &Growing{k: k}
	switch t {
	case Set:
		g.set = table.NewMembersFor(k.seed, k.clock, n, bytes)
	case Hash:
		g.fields = newFieldTable(k, n, bytes)
	case ZSet:
		g.zset = &zsetRoot{scores: table.NewMembersFor(k.seed, k.clock, n, bytes+8*n), order: ztree.New(k.clock)}
	case List:
		g.list = &longList{l: seq.New(k.clock)}
	case Stream:
		g.stream = stream.New(k.clock)
	default:
		assert.That(false, "db: a value that cannot grow")
	}
	return g
}

func (g *Growing) object() table.Object {
	switch {
	case g.set != nil:
		return (*setTable)(g.set)
	case g.fields != nil:
		return g.fields
	case g.zset != nil:
		return g.zset
	case g.list != nil:
		return g.list
	}
	return streamRoot{g.stream}
}

// table is where the elements are found.
func (g *Growing) table() *table.Table {
	switch {
	case g.set != nil:
		return g.set
	case g.fields != nil:
		return g.fields.fields
	}
	return g.zset.scores
}

// Touch is DB.Touch for what is about to be added to a set, a hash or a sorted set.
func (g *Growing) Touch(hashes []uint64) { g.table().Touch(hashes) }

// Member adds a member of a set, whose hash is h; false if it is there.
func (g *Growing) Member(h uint64, m []byte) bool { return g.set.Add(h, m) }

// Field adds a field of a hash, whose hash is h, with its value and its deadline, 0 for
// none; false if it is there. A value that the table keeps outside may keep val if own.
func (g *Growing) Field(h uint64, field, val []byte, own bool, at int64) bool {
	e := table.Entry{Deadline: at}
	if len(val) <= table.MaxInline {
		e.Bytes = val
	} else {
		if !own {
			val = append([]byte(nil), val...)
		}
		e.Object = &Blob{data: val, epoch: g.k.clock.Epoch()}
	}
	if !g.fields.fields.Insert(h, field, e) {
		return false
	}
	g.fields.reorder(field, 0, at)
	return true
}

// Scored adds a member of a sorted set, whose hash is h, with its score; false if it is
// there. It is fastest in order, ascending or descending.
func (g *Growing) Scored(h uint64, m []byte, score float64) bool {
	d := g.k.dbs[0] // for its scratch memory
	if !g.zset.scores.Insert(h, m, d.scoreEntry(score)) {
		return false
	}
	g.zset.order.Put(d.orderKey(score, m), nil)
	g.zset.noteSign(score)
	return true
}

// Block adds n entries of a listpack at the end of a list.
func (g *Growing) Block(entries []byte, n int) { g.list.l.Add(entries, n) }

// Quick says that Redis would call the list a quicklist.
func (g *Growing) Quick() { g.list.quick = true }

// Stream is the stream that is being filled.
func (g *Growing) Stream() *stream.Stream { return g.stream }

// Exceeds tells whether a list's node of so many bytes and elements is beyond the limit.
func (l *Limits) Exceeds(bytes, count int) bool { return l.beyond(bytes, count) }

// Wide tells whether a hash of so many fields may stay packed, in so many bytes, though it
// has longer ones than HashValue allows: where Redis has a table.
func Wide(fields, bytes int) bool { return fields <= wideFields && bytes <= wideBytes }

// PackedListMax is the size up to which a list is packed, bytes.
const PackedListMax = packedList
