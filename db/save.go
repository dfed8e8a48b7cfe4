package db

import (
	"redust/db/table"
)

// What whoever writes values to a file asks of them, beside what commands ask. All of it
// reads only, touches no scratch memory of the keyspace and knows no clock, so it works on
// the items of a view from any goroutine while the keyspace goes on changing: what a view
// leads to is frozen (db/cow).

// Pack is the bytes of a collection that is one piece: a listpack, or an intset, as it
// lies; nil of any other value. Borrowed.
func (it Item) Pack() []byte {
	switch o := it.ref.Object().(type) {
	case nil:
		return it.ref.Bytes()
	case *Blob:
		return o.data
	case *timedPack:
		return o.data
	}
	return nil
}

// FieldDeadline is the earliest deadline of a field of the hash, Unix milliseconds, or 0 if
// none has one.
func (it Item) FieldDeadline() int64 {
	if o, ok := it.ref.Object().(table.Timed); ok {
		return o.NextDeadline()
	}
	return 0
}

// Blocks is the number of pieces that Walk passes on for the whole list.
func (e *Elements) Blocks() int {
	switch {
	case e.long != nil:
		return e.long.l.Blocks()
	case len(e.pack) == 0:
		return 0
	}
	return 1
}

// Timed is the number of keys in the view that have a deadline.
func (v *View) Timed() int { return v.view.Timed() }

// TimedFields is the number of keys in the view that hold hashes some of whose fields have
// deadlines.
func (v *View) TimedFields() int { return v.view.Inner() }

// IdleSeconds is how long before the view was taken an item of it was last accessed, as far
// as the access history under LRU tells.
func (v *View) IdleSeconds(it Item) int64 { return v.access.idleMs(it.ref.Access()) / 1000 }

// Freq is the access counter that LFU keeps of an item of the view, decayed to the moment
// when the view was taken.
func (v *View) Freq(it Item) uint8 { return v.access.freq(it.ref.Access()) }

// Viewed tells whether any view of a database lives.
func (k *Keyspace) Viewed() bool { return k.clock.Viewed() }
