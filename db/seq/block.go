package seq

import (
	"redust/db/listpack"
)

// block is entries side by side: buf[from:]. What is in front of from, and between length
// and capacity, is free.
type block struct {
	epoch uint64
	buf   []byte
	from  uint32
	n     uint32 // entries
}

const blockBytes = 48

// mem is the memory of the block, bytes.
func (b *block) mem() int { return blockBytes + cap(b.buf) }

// size is the bytes of the entries.
func (b *block) size() int { return len(b.buf) - int(b.from) }

func (b *block) entries() []byte { return b.buf[b.from:] }

// sized returns an empty slice whose capacity is the size class that holds n bytes.
func sized(n int) []byte { return append([]byte(nil), make([]byte, n)...)[:0] }

// fits tells whether an element of n bytes may be added to the block.
func (b *block) fits(n int, lim Limit) bool {
	return !lim.Exceeded(frameBytes+b.size()+n+entryBytes, int(b.n)+1)
}

// clone copies the block, free bytes included, so that the copy can be written while the old
// one is read.
func (b *block) clone(epoch uint64) *block {
	c := &block{epoch: epoch, buf: make([]byte, len(b.buf), cap(b.buf)), from: b.from, n: b.n}
	copy(c.buf[b.from:], b.entries())
	return c
}

// append adds an entry at the end. The block is l's own, and the entry fits.
func (b *block) append(l *List, e *listpack.Entry, lim Limit) {
	size := e.Size()
	if cap(b.buf)-len(b.buf) < size {
		b.shift(l, size, false, lim)
	}
	at := len(b.buf)
	b.buf = b.buf[:at+size]
	e.Put(b.buf[at:])
	b.n++
}

// prepend is append in front.
func (b *block) prepend(l *List, e *listpack.Entry, lim Limit) {
	size := e.Size()
	if int(b.from) < size {
		b.shift(l, size, true, lim)
	}
	b.from -= uint32(size)
	e.Put(b.buf[b.from : int(b.from)+size])
	b.n++
}

// shift makes room for an entry of this size, in front or behind. If the block has room on
// the other side, half of it goes over, so that pushes on both sides do not send the block
// back and forth; else the block grows, and all that is new is on this side.
func (b *block) shift(l *List, size int, left bool, lim Limit) {
	used := b.size()
	buf, from := b.buf[:cap(b.buf)], 0
	if free := len(buf) - used; free >= size+len(buf)/16 {
		from = free / 2
		if left {
			from = max(free-free/2, size)
		} else if free-from < size {
			from = free - size
		}
	} else {
		buf = sized(l.room(int(b.n), used, size, lim))
		buf = buf[:cap(buf)]
		if left {
			from = len(buf) - used
		}
	}
	copy(buf[from:], b.entries())
	b.buf, b.from = buf[:from+used], uint32(from)
}

// seek is the position of entry i of the block, or its end.
func (b *block) seek(i int) int {
	if i <= int(b.n)/2 {
		at := int(b.from)
		for ; i > 0; i-- {
			at = listpack.Skip(b.buf, at)
		}
		return at
	}
	at := len(b.buf)
	for i = int(b.n) - i; i > 0; i-- {
		at = listpack.Back(b.buf, at)
	}
	return at
}

// splice makes the bytes from position at to end size bytes long, whatever they are then,
// and returns where they begin. What stands on the smaller side is moved if there is room
// for it. The block is l's own; the caller keeps count.
func (b *block) splice(l *List, at, end, size int, lim Limit) int {
	more := size - (end - at)
	left := at-int(b.from) < len(b.buf)-end
	switch {
	case more == 0:
		return at
	case more > 0 && left && int(b.from) < more:
		left = false
	case more > 0 && !left && cap(b.buf)-len(b.buf) < more:
		left = int(b.from) >= more
	}
	if !left && cap(b.buf)-len(b.buf) < more {
		at, end = at-int(b.from), end-int(b.from)
		b.shift(l, more, false, lim)
		at, end = at+int(b.from), end+int(b.from)
	}
	if left {
		from := int(b.from) - more
		copy(b.buf[from:], b.buf[b.from:at])
		b.from = uint32(from)
		return at - more
	}
	was := len(b.buf)
	if more > 0 {
		b.buf = b.buf[:was+more]
		copy(b.buf[end+more:], b.buf[end:was])
	} else {
		copy(b.buf[end+more:], b.buf[end:was])
		b.buf = b.buf[:was+more]
	}
	return at
}

// insert puts an entry at position at. The block is l's own.
func (b *block) insert(l *List, at int, e *listpack.Entry, lim Limit) {
	at = b.splice(l, at, at, e.Size(), lim)
	e.Put(b.buf[at : at+e.Size()])
	b.n++
}

// cut moves the entries from number i on, at position at, into a new block.
func (b *block) cut(epoch uint64, i, at int) *block {
	rest := b.buf[at:]
	c := &block{epoch: epoch, buf: append(sized(len(rest)+len(rest)/4), rest...), n: b.n - uint32(i)}
	b.buf, b.n = b.buf[:at], uint32(i)
	return c
}

// tighten gives memory back when more than half of the block is free. The block is the
// list's own.
func (b *block) tighten() {
	if n := b.size(); cap(b.buf) > 64 && n < cap(b.buf)/2 {
		b.buf, b.from = append(sized(n+n/4), b.entries()...), 0
	}
}
