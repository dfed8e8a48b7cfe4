// Package stream keeps an append-only sequence of entries, each a few names and values
// under an ID that is greater than all before it, and what groups of consumers have read of
// it.
//
// One object an entry would be mostly pointers. Redis packs some hundred entries into
// a listpack and finds the listpacks by a radix tree. The packs here are byte for byte the
// same (block.go), so a snapshot writes them as they lie; the tree is a B+tree whose nodes
// are copied on write (tree.go):
//
//	Stream ---> tree of blocks      | 5-0 |  9-3  | 12-0 | ...
//	  |                                |       |      |
//	  |                             [5-0 6-0 8-1] [9-3 ..] [..]    blocks of packed entries
//	  |
//	  +--> Group --> tree of what is pending     ID -> when, how often, consumer
//	         |
//	         +--> Consumer --> tree of what is pending there     ID
//
// An ID stands in the trees of its group and of one consumer of that group. Redis has one
// object in both; here the group's tree has the facts and the consumer's the order, without
// a pointer among them: to the collector, a million pending entries are some ten
// thousand nodes.
//
// Copy on write (db/cow): block, node, group and consumer carry the epoch in which they were
// made, and the stream's Owner decides about all of them. The first write to the list of
// groups copies that list, the first to a group its list of consumers. So a stream is
// copied in O(1), and a view of it costs its writers a block, and some nodes, once.
//
// What a full block is, what is trimmed when trimming is approximate, which blocks without
// a live entry stay: all that can be seen by clients (XINFO STREAM, XTRIM ~), so it is
// exactly Redis's. How blocks grow is not: a new one gets the room that the last one
// needed in the end, so most are allocated once.
//
// Costs: append O(1) but for the tree's O(log n) once a block; seek O(log n) and a walk
// through one block; delete the same; trimming O(blocks removed), and O(1) for
// everything; deliver and acknowledge O(log n).
//
// Between calls (check proves it): IDs ascend, within blocks and across; a block's head
// counts its entries; the stream's length is the sum of the live ones; what is
// pending in a group is pending in one of its consumers, and conversely; bytes is the sum of
// what the parts hold.
package stream

import (
	"redust/db/cow"
)

// Limits say when a block is full: by bytes, and by entries, deleted ones included. 0 is no
// limit of ours.
type Limits struct{ Bytes, Entries int64 }

const (
	maxBlock = 1 << 30 // bytes of a block, whatever the limits
	// MaxElements bounds names and values of one entry together, bytes.
	MaxElements = maxBlock

	frameBytes = 5 // of a listpack that ours do not have, but that count against the limit
)

// Stream is the root. It belongs to one goroutine; a frozen one may be read by others. Use
// New.
type Stream struct {
	base
	blocks tree[*block]
	packed int // bytes of the blocks, a part of base.bytes

	length  int
	added   int64 // entries ever added, as far as the stream has been told
	last    ID    // greatest that ever was
	first   ID    // of the first live entry; 0-0 without one
	deleted ID    // greatest that was deleted

	groups      []*Group // by name
	groupsEpoch uint64   // of the slice
	typical     int32    // bytes of a full block, as far as known
}

const rootBytes = 192

// New returns an empty stream.
func New(clock *cow.Clock) *Stream {
	return &Stream{base: base{Owner: cow.NewOwner(clock)}}
}

// Own returns the stream itself if no view sees it, else a copy of the root that takes its
// place.
func (s *Stream) Own() *Stream {
	if s.RootWritable() {
		return s
	}
	c := *s
	c.Owner = s.Renewed()
	return &c
}

// Share returns a copy that has all parts in common with the stream, which is writable.
func (s *Stream) Share() *Stream {
	c := *s
	c.Owner = s.Owner.Share()
	return &c
}

// MemBytes is what the stream weighs, bytes.
func (s *Stream) MemBytes() int { return rootBytes + s.bytes }

// Len is the number of entries.
func (s *Stream) Len() int { return s.length }

// Blocks is the number of blocks.
func (s *Stream) Blocks() int { return s.blocks.len }

// Added is the number of entries that were ever added.
func (s *Stream) Added() int64 { return s.added }

// First is the ID of the first entry; 0-0 if there is none.
func (s *Stream) First() ID { return s.first }

// Last is the greatest ID that was ever given, that of the last entry or of one that is
// gone.
func (s *Stream) Last() ID { return s.last }

// MaxDeleted is the greatest ID that was ever deleted by name.
func (s *Stream) MaxDeleted() ID { return s.deleted }

// SetLast corrects what the stream knows of its past. last is not less than the ID of any
// entry.
func (s *Stream) SetLast(last ID, added int64, maxDeleted ID) {
	s.last, s.added, s.deleted = last, added, maxDeleted
}

// Append adds an entry at the end. id is greater than Last; pairs are names and values in
// turn, at least one of each and MaxElements at most, and are copied.
func (s *Stream) Append(id ID, pairs [][]byte, l Limits) {
	size := 0
	for _, p := range pairs {
		size += len(p)
	}
	var (
		h    head
		same bool
		b    *block
	)
	master, at := s.blocks.last()
	if at != nil {
		b = *at
		h = b.head()
		if b.full(h, size, l) {
			s.closeBlock(master)
			b = nil
		}
	}
	if b == nil {
		master, same = id, true
		b = s.openBlock(id, pairs, size)
		h = b.head()
	} else {
		b = s.ownBlock(b, master)
		same = b.sameNames(h, pairs)
		s.room(b, size+2*len(pairs)+entryRoom)
	}
	was := cap(b.data)
	b.append(h, int64(id.Ms-master.Ms), int64(id.Seq-master.Seq), pairs, same)
	s.weigh(cap(b.data) - was)

	if s.length == 0 {
		s.first = id
	}
	s.length++
	s.added++
	s.last = id
}

// full tells whether an entry with elements of size bytes goes to another block.
func (b *block) full(h head, size int, l Limits) bool {
	limit := l.Bytes
	if limit == 0 || limit > maxBlock {
		limit = maxBlock
	}
	return int64(len(b.data)+frameBytes+size) >= limit || l.Entries > 0 && h.live+h.deleted >= l.Entries
}

const (
	entryRoom = 12 // what the fixed part of an entry usually takes, bytes
	tightAt   = 6  // a closed block may have a part in so many unused
)

// openBlock adds a block that begins with an entry of these pairs, which it has room for.
func (s *Stream) openBlock(id ID, pairs [][]byte, size int) *block {
	b := &block{epoch: s.Epoch(), data: sized(max(size+2*len(pairs)+2*entryRoom, int(s.typical)))}
	s.weigh(blockBytes + cap(b.data))
	was := cap(b.data)
	b.begin(pairs)
	s.weigh(cap(b.data) - was)
	at, _ := s.blocks.put(&s.base, id)
	*at = b
	return b
}

// closeBlock is told that nothing will be added to the block anymore: unused room is given
// back, and the next one begins with as much as this one took.
func (s *Stream) closeBlock(master ID) {
	const slack = 16 // a little more than the last one took, so that one like it fits
	b := *s.blocks.get(master)
	n := len(b.data)
	s.typical = int32(min(n+slack, 1<<14))
	if unused := cap(b.data) - n; unused > n/tightAt && s.Writable(b.epoch) {
		tight := append(sized(n), b.data...)
		s.weigh(cap(tight) - cap(b.data))
		b.data = tight
	}
}

// room makes room for need more bytes in a block that is writable.
func (s *Stream) room(b *block, need int) {
	n := len(b.data)
	if cap(b.data)-n >= need {
		return
	}
	bigger := append(sized(n+max(need, n/2)), b.data...)
	s.weigh(cap(bigger) - cap(b.data))
	b.data = bigger
}

// sized returns an empty slice whose capacity is the size class that holds n bytes.
func sized(n int) []byte { return append([]byte(nil), make([]byte, n)...)[:0] }

func (s *Stream) weigh(delta int) {
	s.packed += delta
	s.bytes += delta
}

// ownBlock makes a block writable: a clone takes its place if need be.
func (s *Stream) ownBlock(b *block, master ID) *block {
	if s.Writable(b.epoch) {
		return b // so is all that leads to it: it was put there later
	}
	c := &block{epoch: s.Epoch(), data: append(make([]byte, 0, cap(b.data)), b.data...)}
	*s.blocks.ref(&s.base, master) = c
	return c
}

// dropBlock takes a block out.
func (s *Stream) dropBlock(master ID) {
	b, ok := s.blocks.remove(&s.base, master)
	if ok {
		s.weigh(-blockBytes - cap(b.data))
	}
}

// Delete takes an entry away and tells whether it was there.
func (s *Stream) Delete(id ID) bool {
	b, master, h, at, ok := s.find(id)
	if !ok {
		return false
	}
	if h.live == 1 {
		s.dropBlock(master)
	} else {
		b = s.ownBlock(b, master)
		b.data[at] |= entryDeleted
		s.setCounts(b, h.live-1, h.deleted+1)
	}
	s.length--
	if s.deleted.Less(id) {
		s.deleted = id
	}
	if s.length == 0 || id == s.first {
		s.findFirst()
	}
	return true
}

// setCounts is block.setCounts with what it weighs.
func (s *Stream) setCounts(b *block, live, deleted int64) {
	was := cap(b.data)
	b.setCounts(live, deleted)
	s.weigh(cap(b.data) - was)
}

// Has tells whether there is an entry of this ID.
func (s *Stream) Has(id ID) bool {
	_, _, _, _, ok := s.find(id)
	return ok
}

// find finds a live entry: its block, and its position there.
func (s *Stream) find(id ID) (b *block, master ID, h head, at int, ok bool) {
	var c cursor[*block]
	if s.blocks.seekBack(&c, id); c.leaf == nil {
		return
	}
	b, master = *c.val(), c.id()
	h = b.head()
	for at = b.entries(h); at < len(b.data); {
		e := b.entryAt(at, master, &h)
		if !e.id.Less(id) {
			return b, master, h, at, e.id == id && !e.deleted
		}
		at = b.behind(&e)
	}
	return
}

// findFirst corrects first.
func (s *Stream) findFirst() {
	s.first = ID{}
	if s.length == 0 {
		return
	}
	var it Iter
	it.Range(s, ID{}, MaxID())
	if it.Next() {
		s.first = it.ID
	}
}

// LastEntry is the ID of the last entry that is there; 0-0 if there is none.
func (s *Stream) LastEntry() ID {
	var it Iter
	it.RangeBack(s, ID{}, MaxID())
	if s.length > 0 && it.Next() {
		return it.ID
	}
	return ID{}
}
