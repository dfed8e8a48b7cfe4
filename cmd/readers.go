package cmd

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"redust/db/cow"
	"redust/db/table"
	"redust/internal/assert"
)

// readers remembers which clients were sent which keys, whatever the database: a table of
// the keyspace's kind, from a key to the numbers of trackers.
//
//	key      "user:1"  [7] [12] [ 0] [ 0]     four bytes a number; room for two more
//	         "user:2"  [7]
//	         "hot"     --> crowd: 64 numbers or more, ascending, outside of the page
//
// Reading a key for the first time since it changed costs a look-up and a write in place, or
// a move of a few bytes to where there is room for twice as many; reading it again costs the
// look-up. Some 45 bytes and the key, for the collector nothing: pages have no pointers
// inside.
//
// A number is never used for another client while it lives; one of a client that has gone
// means nobody, and goes when the key changes.
type readers struct {
	t     *table.Table
	items int                   // numbers in all entries
	room  [table.MaxInline]byte // scratch
	ids   []uint32              // scratch
}

const (
	readerBytes = 4
	mostInline  = table.MaxInline / readerBytes // numbers in a page
)

// crowd is more numbers than have room in a page.
type crowd struct{ ids []uint32 }

// MemBytes implements table.Object.
func (c *crowd) MemBytes() int { return 24 + readerBytes*cap(c.ids) }

// add adds id and tells whether it was not there.
func (c *crowd) add(id uint32) bool {
	i, found := slices.BinarySearch(c.ids, id)
	if !found {
		c.ids = slices.Insert(c.ids, i, id)
	}
	return !found
}

func (r *readers) keys() int {
	if r.t == nil {
		return 0
	}
	return r.t.Len()
}

func (r *readers) bytes() int64 {
	if r.t == nil {
		return 0
	}
	return r.t.Bytes()
}

// clear forgets everything.
func (r *readers) clear() { r.t, r.items = nil, 0 }

// add remembers that tracker id, which is not 0, was sent a key.
func (r *readers) add(key []byte, id uint32) {
	if r.t == nil {
		r.t = table.NewMembers(maphash.MakeSeed(), cow.NewClock())
	}
	h := r.t.Hash(key)
	at := r.t.Find(h, key)
	if !at.OK() {
		b := r.room[:readerBytes]
		binary.LittleEndian.PutUint32(b, id)
		r.t.Put(h, key, table.Entry{Bytes: b})
		r.items++
		return
	}
	if c, ok := at.Object().(*crowd); ok {
		was := c.MemBytes()
		if c.add(id) {
			r.items++
			r.t.Resized(c.MemBytes() - was)
		}
		return
	}
	b := at.Bytes()
	for i := 0; i < len(b); i += readerBytes {
		switch binary.LittleEndian.Uint32(b[i:]) {
		case id:
			return
		case 0:
			binary.LittleEndian.PutUint32(r.t.OwnEntry(at).Bytes()[i:], id)
			r.items++
			return
		}
	}
	r.items++
	if len(b) == mostInline*readerBytes {
		c := &crowd{ids: make([]uint32, 0, 2*mostInline)}
		for i := 0; i < len(b); i += readerBytes {
			c.add(binary.LittleEndian.Uint32(b[i:]))
		}
		c.add(id)
		r.t.Update(at, key, table.Entry{Object: c})
		return
	}
	n := copy(r.room[:], b)
	more := r.room[:min(2*n, mostInline*readerBytes)]
	clear(more[n:])
	binary.LittleEndian.PutUint32(more[n:], id)
	r.t.Update(at, key, table.Entry{Bytes: more})
}

// take forgets a key and returns who was sent it, valid until the next call.
func (r *readers) take(key []byte) []uint32 {
	if r.t == nil {
		return nil
	}
	h := r.t.Hash(key)
	at := r.t.Find(h, key)
	if !at.OK() {
		return nil
	}
	r.ids = r.ids[:0]
	if c, ok := at.Object().(*crowd); ok {
		r.ids = append(r.ids, c.ids...)
	} else {
		for b := at.Bytes(); len(b) > 0; b = b[readerBytes:] {
			id := binary.LittleEndian.Uint32(b)
			if id == 0 {
				break
			}
			r.ids = append(r.ids, id)
		}
	}
	r.t.Delete(h, key)
	r.items -= len(r.ids)
	assert.That(r.items >= 0, "tracking: more readers taken than were added")
	return r.ids
}

// random returns a copy of a key that somebody was sent, nil if there is none.
func (r *readers) random(next func() uint64) []byte {
	if r.keys() == 0 {
		return nil
	}
	return append([]byte(nil), r.t.Random(next).Key()...)
}
