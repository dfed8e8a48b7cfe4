package seq

import "redust/db/listpack"

// place is where an element is: in head, mid or tail, in which block there, and where in the
// block.
type place struct {
	part part
	b    *block
	off  int // number of the element in its block
	p    path
}

type part uint8

const (
	atHead part = iota
	atMid
	atTail
)

// find fills in the place of element i, which exists.
func (l *List) find(at *place, i int) {
	if n := int(l.head.n); i >= n {
		if i -= n; l.mid != nil && i < l.mid.count {
			at.part = atMid
			at.b, at.off = l.down(&at.p, i)
			return
		}
		if l.mid != nil {
			i -= l.mid.count
		}
		at.part, at.b, at.off = atTail, l.tail, i
		return
	}
	at.part, at.b, at.off = atHead, l.head, i
}

// next moves to the block after, and tells whether there is one.
func (l *List) next(at *place) bool {
	switch at.part {
	case atHead:
		if l.mid != nil {
			at.part = atMid
			at.b, _ = l.down(&at.p, 0)
			return true
		}
	case atMid:
		if b := at.p.beside(1); b != nil {
			at.b = b
			return true
		}
	case atTail:
		return false
	}
	at.part, at.b = atTail, l.tail
	return l.tail != nil
}

// prev moves to the block before, and tells whether there is one.
func (l *List) prev(at *place) bool {
	switch at.part {
	case atTail:
		if l.mid != nil {
			at.part = atMid
			at.b, _ = l.down(&at.p, l.mid.count-1)
			return true
		}
	case atMid:
		if b := at.p.beside(-1); b != nil {
			at.b = b
			return true
		}
	case atHead:
		return false
	}
	at.part, at.b = atHead, l.head
	return true
}

// Get is element i, which exists; borrowed.
func (l *List) Get(i int) listpack.Value {
	if i == 0 {
		return listpack.Get(l.head.buf, int(l.head.from))
	}
	var at place
	l.find(&at, i)
	return listpack.Get(at.b.buf, at.b.seek(at.off))
}

// Walk passes the count elements from number i on to each, as many at a time as stand side
// by side: n entries, with which the bytes begin. It ends early when each returns false. There
// are that many elements.
func (l *List) Walk(i, count int, each func(entries []byte, n int) bool) {
	if count <= 0 {
		return
	}
	var at place
	l.find(&at, i)
	from := at.b.seek(at.off)
	for {
		n := min(count, int(at.b.n)-at.off)
		if !each(at.b.buf[from:], n) {
			return
		}
		if count -= n; count == 0 {
			return
		}
		l.next(&at)
		at.off, from = 0, int(at.b.from)
	}
}

// WalkBack is Walk in the other direction: element i, then i-1 and so on. The bytes end with
// the n entries.
func (l *List) WalkBack(i, count int, each func(entries []byte, n int) bool) {
	if count <= 0 {
		return
	}
	var at place
	l.find(&at, i)
	end := at.b.seek(at.off + 1)
	for {
		n := min(count, at.off+1)
		if !each(at.b.buf[at.b.from:end], n) {
			return
		}
		if count -= n; count == 0 {
			return
		}
		l.prev(&at)
		at.off, end = int(at.b.n)-1, len(at.b.buf)
	}
}
