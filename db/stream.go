package db

import (
	"redust/db/stream"
	"redust/db/table"
)

// A stream has one form whatever its size: a root of nodes (db/stream). Commands read it as
// it is, and change it between EditStream and Done, which settles what it weighs. An empty
// stream is a value like any other.

// streamRoot is a stream as the object of a value.
type streamRoot struct{ s *stream.Stream }

func (r streamRoot) MemBytes() int       { return r.s.MemBytes() }
func (r streamRoot) own() table.Object   { return streamRoot{r.s.Own()} }
func (r streamRoot) share() table.Object { return streamRoot{r.s.Share()} }

// Stream is the stream that the item is, for reading; nil of a missing item.
func (it Item) Stream() *stream.Stream {
	if !it.OK() {
		return nil
	}
	return it.root().(streamRoot).s
}

// StreamEdit is a stream that may be changed.
type StreamEdit struct {
	*stream.Stream
	d     *DB
	bytes int
}

// EditStream makes a stream writable. it is what is under key; if that is nothing, there is
// an empty stream afterwards.
func (d *DB) EditStream(key []byte, it Item) StreamEdit {
	var s *stream.Stream
	if it.OK() {
		s = d.ownRoot(it).(streamRoot).s
	} else {
		s = stream.New(d.k.clock)
		d.storeRoot(key, it, Stream, Large, streamRoot{s})
	}
	return StreamEdit{s, d, s.MemBytes()}
}

// Done ends the changes.
func (e StreamEdit) Done() { e.d.resized(e.MemBytes() - e.bytes) }

// StreamLimits say when a block of a stream is full.
func (k *Keyspace) StreamLimits() stream.Limits {
	return stream.Limits{Bytes: k.Limits.StreamNodeBytes, Entries: k.Limits.StreamNodeEntries}
}
