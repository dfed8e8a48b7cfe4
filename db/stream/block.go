package stream

import (
	"redust/db/listpack"
)

// A block is Redis's: a listpack, without the two ends that db/listpack leaves out. All
// elements but names and values are integers.
//
//	head:    live | deleted | n | name 1 .. name n | 0
//	entry:   flags | ms | seq | value 1 .. value n | count            same names as the head
//	entry:   flags | ms | seq | n | name, value, .. | count           names of its own
//
// ms and seq are distances from the block's ID, which is that of its first entry and
// stands beside it in the tree. count is the number of elements of the entry before it, so
// that the entries can be walked from the end; the 0 of the head stops that. A deleted entry
// stays, with a flag, until the block goes: when none is live, or by trimming.
type block struct {
	epoch uint64
	data  []byte
}

const (
	entryDeleted = 1 << iota
	entrySameNames

	blockBytes = 32
	lineBytes  = 3 // elements of an entry before its values, the names being those of the head
)

// head is what stands at the beginning of a block.
type head struct {
	live, deleted int64
	n             int // names
	names         int // position of the first
}

const headAt = 2 // position of the first element

func (b *block) head() (h head) {
	p, at := b.data, headAt
	h.live, at = number(p, at)
	h.deleted, at = number(p, at)
	n, at := number(p, at)
	h.n, h.names = int(n), at
	return h
}

// number reads an integer and returns the position behind it.
func number(p []byte, at int) (n int64, next int) {
	if b := p[at]; b < 0x80 {
		return int64(b), at + 2
	}
	return listpack.Get(p, at).Int, listpack.Skip(p, at)
}

// skip is the position n elements behind.
func skip(p []byte, at, n int) int {
	for ; n > 0; n-- {
		at = listpack.Skip(p, at)
	}
	return at
}

// entries is the position of the first entry.
func (b *block) entries(h head) int { return skip(b.data, h.names, h.n+1) }

// setCounts writes the first two elements of the head.
func (b *block) setCounts(live, deleted int64) {
	b.data = setNumber(b.data, headAt, live)
	b.data = setNumber(b.data, listpack.Skip(b.data, headAt), deleted)
}

// setNumber writes an integer over another.
func setNumber(p []byte, at int, n int64) []byte {
	if p[at] < 0x80 && uint64(n) < 0x80 {
		p[at] = byte(n)
		return p
	}
	return listpack.ReplaceInt(p, at, n)
}

// sameNames tells whether the names among the pairs are those of the head.
func (b *block) sameNames(h head, pairs [][]byte) bool {
	if len(pairs) != 2*h.n {
		return false
	}
	at := h.names
	for i := 0; i < len(pairs); i += 2 {
		if !listpack.Get(b.data, at).Equal(pairs[i]) {
			return false
		}
		at = listpack.Skip(b.data, at)
	}
	return true
}

// begin writes the head, for an entry with these pairs to follow.
func (b *block) begin(pairs [][]byte) {
	p := append(b.data[:0], 0, 0) // an empty listpack
	p = listpack.AppendInt(p, 0)
	p = listpack.AppendInt(p, 0)
	p = listpack.AppendInt(p, int64(len(pairs)/2))
	for i := 0; i < len(pairs); i += 2 {
		p = listpack.Append(p, pairs[i])
	}
	b.data = listpack.AppendInt(p, 0)
}

// append writes an entry at a distance from the block's ID. h is the head; the block has
// room.
func (b *block) append(h head, ms, seq int64, pairs [][]byte, same bool) {
	b.setCounts(h.live+1, h.deleted)
	p := b.data
	count := int64(len(pairs) + lineBytes + 1)
	flags := int64(0)
	if same {
		flags, count = entrySameNames, int64(len(pairs)/2+lineBytes)
	}
	p = listpack.AppendInt(p, flags)
	p = listpack.AppendInt(p, ms)
	p = listpack.AppendInt(p, seq)
	if !same {
		p = listpack.AppendInt(p, int64(len(pairs)/2))
	}
	for i := 0; i < len(pairs); i += 2 {
		if !same {
			p = listpack.Append(p, pairs[i])
		}
		p = listpack.Append(p, pairs[i+1])
	}
	b.data = listpack.AppendInt(p, count)
}

// entry is an entry as it was found.
type entry struct {
	id      ID
	deleted bool
	same    bool // names are those of the head
	n       int  // pairs
	body    int  // position of what follows the fixed part
}

// entryAt reads the entry at position at of a block with this ID and head.
func (b *block) entryAt(at int, master ID, h *head) (e entry) {
	p := b.data
	flags := p[at]
	ms, at := number(p, at+2)
	seq, at := number(p, at)
	e = entry{id: master.plus(ms, seq), deleted: flags&entryDeleted != 0, same: flags&entrySameNames != 0, n: h.n}
	if !e.same {
		var n int64
		n, at = number(p, at)
		e.n = int(n)
	}
	e.body = at
	return e
}

// elements is how many names and values the entry has.
func (e *entry) elements() int {
	if e.same {
		return e.n
	}
	return 2 * e.n
}

// behind is the position behind the entry.
func (b *block) behind(e *entry) int { return skip(b.data, e.body, e.elements()+1) }

// before is the position of the entry that ends at position end.
func (b *block) before(end int) int {
	at := listpack.Back(b.data, end)
	for n, _ := number(b.data, at); n > 0; n-- {
		at = listpack.Back(b.data, at)
	}
	return at
}

// lastID is the ID of the last entry, deleted or not.
func (b *block) lastID(master ID) ID {
	at := b.before(len(b.data)) + 2
	ms, at := number(b.data, at)
	seq, _ := number(b.data, at)
	return master.plus(ms, seq)
}
