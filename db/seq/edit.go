package seq

import (
	"redust/db/listpack"
	"redust/internal/assert"
)

// own makes a place writable, and returns its block.
func (l *List) own(at *place) *block {
	switch at.part {
	case atHead:
		at.b = l.ownHead()
	case atTail:
		at.b = l.ownLast()
	default:
		l.ownPath(&at.p)
		if !l.Writable(at.b.epoch) {
			at.b = at.b.clone(l.Epoch())
			s := at.p.at[at.p.depth-1]
			s.n.kids[s.i].b = at.b
		}
	}
	return at.b
}

// resized notes that the block of a place that is writable has so many elements and bytes
// more. The number of the list's elements is kept elsewhere.
func (l *List) resized(at *place, count, mem int) {
	if at.part == atMid {
		at.p.grew(at.p.depth, count, mem)
	}
}

// addAfter puts a block behind the one at a place. The place is good for nothing then.
func (l *List) addAfter(at *place, b *block) {
	switch {
	case at.part == atTail:
		l.midAppend(l.tail)
		l.tail = b
	case at.part == atMid:
		l.ownPath(&at.p)
		d := at.p.depth - 1
		l.add(&at.p, d, at.p.at[d].i+1, kid{count: int(b.n), b: b})
	case l.tail == nil:
		l.tail = b
	default:
		l.midPrepend(b)
	}
}

// removeBlock takes the block at a place away. The place is good for nothing then.
func (l *List) removeBlock(at *place) {
	switch at.part {
	case atHead:
		l.dropHead()
	case atTail:
		l.dropLast()
	default:
		l.ownPath(&at.p)
		l.remove(&at.p, at.p.depth-1)
		l.recycle(at.b)
	}
}

// Insert puts an element in front of number i, or at the end if there is none of that
// number.
func (l *List) Insert(i int, val []byte, lim Limit) {
	if i == 0 {
		l.PushLeft(val, lim)
		return
	}
	if i == l.count {
		l.PushRight(val, lim)
		return
	}
	e := listpack.Of(val)
	var at place
	l.find(&at, i)
	if at.off == 0 && !at.b.fits(len(val), lim) {
		// Between two blocks: the one before may have room.
		l.find(&at, i-1)
		at.off++
	}
	l.count++
	if at.b.fits(len(val), lim) {
		b := l.own(&at)
		was := b.mem()
		b.insert(l, b.seek(at.off), &e, lim)
		l.resized(&at, 1, b.mem()-was)
		return
	}
	var right *block
	if at.off < int(at.b.n) {
		right = l.split(&at)
	}
	switch {
	case right != nil && at.b.fits(len(val), lim):
		was := at.b.mem()
		at.b.append(l, &e, lim)
		l.resized(&at, 1, at.b.mem()-was)
	case right != nil && right.fits(len(val), lim):
		right.prepend(l, &e, lim)
	default:
		alone := l.fresh(e.Size(), lim)
		alone.append(l, &e, lim)
		l.addAfter(&at, alone)
		if right != nil {
			l.find(&at, i)
		}
	}
	if right != nil {
		l.addAfter(&at, right)
	}
}

// split makes the block at a place end in front of the place's element, and returns a block
// of the rest, which stands nowhere yet.
func (l *List) split(at *place) *block {
	b := l.own(at)
	n, mem := int(b.n), b.mem()
	right := b.cut(l.Epoch(), at.off, b.seek(at.off))
	b.tighten()
	l.resized(at, int(b.n)-n, b.mem()-mem)
	return right
}

// Set puts val in the place of element i, which exists.
func (l *List) Set(i int, val []byte, lim Limit) {
	e := listpack.Of(val)
	var at place
	l.find(&at, i)
	pos := at.b.seek(at.off)
	end := listpack.Skip(at.b.buf, pos)
	had := end - pos
	if e.Size() > had && at.b.n > 1 && lim.Exceeded(frameBytes+at.b.size()-had+len(val)+entryBytes, 0) {
		l.Remove(i, lim)
		l.Insert(i, val, lim)
		return
	}
	b := l.own(&at)
	mem := b.mem()
	pos = b.splice(l, pos, end, e.Size(), lim)
	e.Put(b.buf[pos : pos+e.Size()])
	if e.Size() < had {
		b.tighten()
	}
	l.resized(&at, 0, b.mem()-mem)
}

// Remove takes element i away, which exists.
func (l *List) Remove(i int, lim Limit) {
	var at place
	l.find(&at, i)
	l.count--
	if at.b.n == 1 {
		l.removeBlock(&at)
		return
	}
	b := l.own(&at)
	mem := b.mem()
	pos := b.seek(at.off)
	b.splice(l, pos, listpack.Skip(b.buf, pos), 0, lim)
	b.n--
	l.shrunk(&at, 1, mem, lim, -1)
}

// shrunk follows the removal of elements from the block of a place that had mem bytes: it
// gives memory back, and joins the block with its neighbour on one side (-1 is the left) if
// both are small. The place is good for nothing then.
func (l *List) shrunk(at *place, removed, mem int, lim Limit, side int) {
	b := at.b
	b.tighten()
	l.resized(at, -removed, b.mem()-mem)
	if at.part != atMid {
		return
	}
	leaf := &at.p.at[at.p.depth-1]
	i := leaf.i + side
	if i < 0 || i >= len(leaf.n.kids) {
		return
	}
	o := leaf.n.kids[i].b
	if lim.Exceeded(2*(frameBytes+b.size()+o.size()), int(b.n+o.n)) {
		return
	}
	first, second := o, b
	if side > 0 {
		first, second = b, o
	}
	both := &block{epoch: l.Epoch(), n: first.n + second.n, buf: sized(first.size() + second.size())}
	both.buf = append(append(both.buf, first.entries()...), second.entries()...)
	leaf.n.kids[leaf.i].b = both
	l.resized(at, int(o.n), both.mem()-b.mem())
	leaf.i = i
	l.remove(&at.p, at.p.depth-1)
}

// RemoveEqual takes away the elements equal to val, at most most of them: the first ones, or,
// if fromRight, the last. It returns how many.
func (l *List) RemoveEqual(val []byte, most int, fromRight bool, lim Limit) int {
	e := listpack.Of(val)
	removed := 0
	var at place
	for kept := 0; kept < l.count && removed < most; {
		i := kept
		if fromRight {
			i = l.count - 1 - kept
		}
		l.find(&at, i)
		n := int(at.b.n)
		found := l.removeIn(&at, e, most-removed, fromRight, lim)
		removed += found
		kept += n - found
	}
	return removed
}

// removeIn is RemoveEqual for the block of a place.
func (l *List) removeIn(at *place, e listpack.Entry, most int, fromRight bool, lim Limit) int {
	b := at.b
	first, found := -1, 0
	for pos := int(b.from); pos < len(b.buf) && (found < most || fromRight); pos = listpack.Skip(b.buf, pos) {
		if e.At(b.buf, pos) {
			if found == 0 {
				first = pos - int(b.from)
			}
			found++
		}
	}
	if found == 0 {
		return 0
	}
	stay := max(0, found-most) // fromRight: so many of the first ones
	found -= stay
	l.count -= found
	if found == int(b.n) {
		l.removeBlock(at)
		return found
	}
	b = l.own(at)
	mem, left := b.mem(), found
	to := int(b.from) + first
	for pos := to; pos < len(b.buf); {
		end := listpack.Skip(b.buf, pos)
		if left > 0 && e.At(b.buf, pos) {
			if stay == 0 {
				left--
				pos = end
				continue
			}
			stay--
		}
		if left == 0 {
			end = len(b.buf)
		}
		to += copy(b.buf[to:], b.buf[pos:end])
		pos = end
	}
	b.buf = b.buf[:to]
	b.n -= uint32(found)
	side := -1
	if fromRight {
		side = 1
	}
	l.shrunk(at, found, mem, lim, side)
	return found
}

// TrimLeft takes the first n elements away; there are that many.
func (l *List) TrimLeft(n int) {
	assert.That(n <= l.count, "seq: trimmed by more than there is")
	if n == l.count {
		l.clear()
		return
	}
	l.count -= n
	if n >= int(l.head.n) {
		n -= int(l.head.n)
		if l.mid != nil && n >= l.mid.count {
			n -= l.mid.count
			l.mid = nil
		} else if l.mid != nil && n > 0 {
			was := l.mid.count
			l.mid = l.withoutFirst(l.mid, n)
			n -= was - l.mid.count
			l.lower()
		}
		l.dropHead()
	}
	if n > 0 {
		b := l.ownHead()
		b.from = uint32(b.seek(n))
		b.n -= uint32(n)
		l.relax(b)
	}
}

// TrimRight takes the last n elements away; there are that many.
func (l *List) TrimRight(n int) {
	assert.That(n <= l.count, "seq: trimmed by more than there is")
	if n == l.count {
		l.clear()
		return
	}
	l.count -= n
	if n >= int(l.last().n) {
		n -= int(l.last().n)
		if l.mid != nil && n >= l.mid.count {
			n -= l.mid.count
			l.mid = nil
		} else if l.mid != nil && n > 0 {
			was := l.mid.count
			l.mid = l.withoutLast(l.mid, n)
			n -= was - l.mid.count
			l.lower()
		}
		l.dropLast()
	}
	if n > 0 {
		b := l.ownLast()
		b.buf = b.buf[:b.seek(int(b.n)-n)]
		b.n -= uint32(n)
		l.relax(b)
	}
}

func (l *List) clear() { *l = List{Owner: l.Owner} }
