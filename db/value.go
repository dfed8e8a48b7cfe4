package db

import (
	"redust/db/table"
	"redust/internal/assert"
)

// Collections. A collection has the form that Redis would give it, by the same limits, so
// that a snapshot is written as it lies. Two keep another: a hash with long values may stay
// packed (PackedWide), and a list is a sequence from 1 KB on; Encoding says what Redis
// would.
//
//	packed   a listpack (db/listpack) or an intset (db/intset): bytes, kept as a string
//	         is kept: up to 255 in the slab beside the key, else in a Blob
//	large    the root of a structure of nodes, in the page's objs: tables (db/table),
//	         ordered trees (db/ztree), sequences (db/seq), streams (db/stream)
//
//	                slab:  | key | packed bytes |      one small hash costs its bytes
//	                objs:  *Blob                       packed, but more than 255
//	                objs:  root ---> pages, leaves     10,000,000 fields
//
// This file is what they have in common. Each type has a handle of its own (hash.go,
// list.go, ...), a small struct by value that hides these forms from the commands.
//
// A change to a packed value is edit, some work on the bytes as with append, then store.
// A change to a large one is ownRoot, the change, then resized with what it grew by.
// Whoever leaves a collection empty calls remove: no empty collection exists.

// Encoding is the form of a value, within its type.
type Encoding uint8

// The encodings of collections. Redis's names for them depend on the type, see
// Item.Encoding.
const (
	Packed      Encoding = iota // a listpack
	Ints                        // an intset
	Large                       // a structure of nodes
	PackedTimed                 // a listpack of fields, values and deadlines
	PackedWide                  // a listpack where Redis has a table, because of long elements
)

const (
	typeMask = 0x0f
	encShift = 4
)

func kindOf(t Type, enc Encoding) uint8 { return uint8(t) | uint8(enc)<<encShift }

// Limits say up to what size a collection stays packed: elements, and bytes of the
// longest one. ListSize is list-max-listpack-size as Redis has it: elements if positive,
// -1 to -5 for 4 to 64 KiB. The nodes of a stream are bounded by bytes and entries, 0
// for no bound.
type Limits struct {
	HashEntries, HashValue             int64
	SetInts, SetEntries, SetValue      int64
	ZSetEntries, ZSetValue             int64
	ListSize                           int
	StreamNodeBytes, StreamNodeEntries int64
}

// DefaultLimits are those of a Redis without configuration.
var DefaultLimits = Limits{
	HashEntries: 512, HashValue: 64, SetInts: 512, SetEntries: 128, SetValue: 64,
	ZSetEntries: 128, ZSetValue: 64, ListSize: -2, StreamNodeBytes: 4096, StreamNodeEntries: 100,
}

// root is the object of a large value.
type root interface {
	table.Object
	own() table.Object   // itself if no view sees it, else a shallow copy to take its place
	share() table.Object // a copy in O(1); the root is owned before
}

// indexed is a root whose members are found in a table.
type indexed interface{ index() *table.Table }

// TouchMembers is DB.Touch for members of the collection under key, as far as they are
// found in a table. Both key and members are told by their hashes.
func (d *DB) TouchMembers(h uint64, key []byte, members []uint64) uint64 {
	if r := d.t.Find(h, key); r.OK() {
		if o, ok := r.Object().(indexed); ok {
			return o.index().Touch(members)
		}
	}
	return 0
}

// Encoded is the form of the value.
func (it Item) Encoded() Encoding { return Encoding(it.ref.Kind() >> encShift) }

// Encoding is the name that OBJECT ENCODING gives the value's form.
func (it Item) Encoding() string {
	t, enc := it.Type(), it.Encoded()
	switch {
	case t == String:
		return it.stringEncoding()
	case t == List:
		return it.listEncoding()
	case t == Stream:
		return "stream"
	case enc == Packed:
		return "listpack"
	case enc == Ints:
		return "intset"
	case enc == PackedTimed:
		return "listpackex"
	case t == ZSet:
		return "skiplist"
	}
	return "hashtable"
}

// root is the object of a large value, for reading.
func (it Item) root() table.Object { return it.ref.Object() }

// edit returns the bytes of a packed value for changing as append does: a scratch copy of
// those in a slab, else the Blob's own, unless a view sees them. A missing item is no
// bytes. What becomes of them is nothing until store is told; nothing else may be edited
// meanwhile.
func (d *DB) edit(it Item) []byte {
	if d.k.pack == nil {
		d.k.pack = make([]byte, 0, packScratch)
	}
	if !it.OK() {
		return d.k.pack[:0]
	}
	b, ok := it.ref.Object().(*Blob)
	switch {
	case !ok:
		return append(d.k.pack[:0], it.ref.Bytes()...)
	case d.k.clock.Writable(b.epoch):
		return b.data
	}
	return append(make([]byte, 0, len(b.data)+len(b.data)/8), b.data...)
}

// packScratch is the room for a packed value that is being changed: one in a slab, and
// what a command usually adds to it, bytes.
const packScratch = 4 << 10

// store keeps packed bytes as the value of key: a collection of this type in this form. it
// is what was there; a missing item becomes a new key without deadline. If it is a Blob
// of the same kind, the bytes must be those that became of edit's, and are kept as they
// are; else they are copied. The item returned is fresh.
func (d *DB) store(key []byte, it Item, t Type, enc Encoding, b []byte) Item {
	e := table.Entry{Kind: kindOf(t, enc)}
	if len(b) <= table.MaxInline {
		e.Bytes = b
		return d.keep(key, it, e)
	}
	var blob *Blob
	if it.OK() && it.ref.Kind() == e.Kind {
		blob, _ = it.ref.Object().(*Blob)
	}
	switch {
	case blob == nil:
		b = append(make([]byte, 0, len(b)+len(b)/8), b...)
	case d.k.clock.Writable(blob.epoch):
		d.t.Resized(cap(b) - cap(blob.data))
		blob.data = b
		return it
	}
	e.Object = &Blob{data: b, epoch: d.k.clock.Epoch()}
	return d.keep(key, it, e)
}

// storeRoot is store for the root of a large value, which the keyspace takes over.
func (d *DB) storeRoot(key []byte, it Item, t Type, enc Encoding, o table.Object) Item {
	return d.keep(key, it, table.Entry{Kind: kindOf(t, enc), Object: o})
}

// keep puts e under key, with the deadline and the access history of what was there. The
// look-up for writing has noted the access.
func (d *DB) keep(key []byte, it Item, e table.Entry) Item {
	if !it.OK() {
		e.Access = d.k.Access.fresh()
		r := d.t.Put(d.k.Hash(key), key, e)
		d.added(key)
		return Item{r, d}
	}
	e.Deadline, e.Access = it.ref.Deadline(), it.ref.Access()
	return Item{d.t.Update(it.ref, key, e), d}
}

// ownRoot returns the root of a large value for writing: a copy has taken its place if a
// view sees it. Then the item still shows the old one; but ownRoot, asked again, gives the
// root that is now the value's.
func (d *DB) ownRoot(it Item) table.Object {
	it.ref = d.t.Current(it.ref)
	o, ok := it.ref.Object().(root)
	assert.That(ok, "db: a value without a root")
	own := o.own()
	if own != table.Object(o) {
		d.t.SetObject(it.ref, own)
	}
	return own
}

// resized tells that a root obtained from ownRoot has grown by delta bytes.
func (d *DB) resized(delta int) { d.t.Resized(delta) }

// remove deletes a key that exists, because nothing is left in its value.
func (d *DB) remove(key []byte) { d.t.Delete(d.k.Hash(key), key) }
