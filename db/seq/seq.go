// Package seq is a long list: packed blocks in a row, and an index over them.
//
// A linked list of elements costs more in pointers than in elements, and one slice of bytes
// cannot be changed in front or in the middle. So elements are packed into blocks of some
// kilobytes, byte for byte as in a listpack, and the blocks stand in a tree that counts:
//
//	            head                    mid                        tail
//	         +--------+        +--------------------+           +--------+
//	push <-> | ..eeee |        | 4096 | 3800 | ...  |           | eeee.. | <-> push
//	pop      +--------+        +--------------------+           +--------+     pop
//	                             |      |
//	                  +----------+      +-----------------+
//	                  | 130 | 127 | 131 | ...             |     node: up to 32 kids, and
//	                  +-----------------+-----------------+     for each the number of
//	                    |     |     |                           elements below it
//	                 +------+------+------+
//	                 | eeee | eeee | eeee |                     block: entries side by side
//	                 +------+------+------+
//
// The block at either end is outside the tree, like the fingers of a finger tree (Hinze and
// Paterson, 2006): a push or pop there changes one block and nothing above it, and once in
// some hundred times hands a full block over to the tree, or takes one back. A block keeps
// its free bytes on the side where it grows, so a push to the left moves nothing either.
// An element that is longer than a block stands alone in a block of its own.
//
//	head  ..........eeeeeeee       tail  eeeeeeee..........
//	                ^ from  ^ len               ^ len     ^ cap
//
// How much a block may hold is an argument of whatever adds to it (Limit), and the rule is
// that of Redis's quicklist, so that the sizes of both are the same for the same pushes.
//
// Copy on write (db/cow). The root may be changed only after Own. Blocks and nodes carry the
// epoch in which they were made, and are copied before the first write if a view or a copy
// sees them: one block for a push, and at most the path of nodes to it for a change in the
// middle. So the first write after a view of ten million elements copies 8 KB of elements
// and 2 KB of index.
//
// Costs. Push and pop: O(1), no allocation but for one block in some hundred, and none where
// blocks come and go (the last that went is kept as a spare). By index: O(log n), and a walk
// within a block. Insert, remove: the same, and a move of part of a block. TrimLeft and
// TrimRight drop whole subtrees: O(log n), whatever the number of elements. MemBytes: O(1),
// since a node knows what is below it.
//
// Between calls (check proves it): no block and no node is empty; the counts and sizes in
// nodes are exact; all leaves are equally deep; with no tail there is no mid, with no head
// there is nothing.
package seq

import (
	"redust/db/cow"
	"redust/db/listpack"
)

// Limit is how much a block may hold: so many bytes as Redis counts them for a listpack, and
// so many elements if Count is not 0.
type Limit struct {
	Bytes, Count int
}

// What Redis adds when it asks whether an element fits: the frame of a listpack, and more
// than any entry takes besides its text.
const frameBytes, entryBytes = 7, 8

// Exceeded tells whether a listpack of this many bytes and elements is beyond the limit.
func (lim Limit) Exceeded(bytes, count int) bool {
	return bytes > lim.Bytes || lim.Count > 0 && count > lim.Count
}

// List is a long list. It belongs to one goroutine; a frozen one may be read by any. Use
// New.
type List struct {
	cow.Owner
	head, tail *block // tail is nil if there is only one block
	mid        *node  // the blocks between, nil if there are none
	count      int
	spare      *block // what was a block, for the next one
}

const rootBytes = 80

// New returns an empty list.
func New(clock *cow.Clock) *List { return &List{Owner: cow.NewOwner(clock)} }

// Own returns a list that may be changed: l, or, if a view sees it, a copy of the root that
// is to be put in its place.
func (l *List) Own() *List {
	if l.RootWritable() {
		return l
	}
	c := *l
	c.Owner = l.Renewed()
	c.spare = nil // so that nobody writes to what the old root leads to
	return &c
}

// Share returns a copy of the list, which has to be Own. Each copies what it changes from
// then on.
func (l *List) Share() *List {
	c := *l
	c.Owner = l.Owner.Share()
	c.spare = nil
	return &c
}

// Len is the number of elements.
func (l *List) Len() int { return l.count }

// MemBytes is the memory that the list takes, bytes.
func (l *List) MemBytes() int {
	n := rootBytes
	if l.head != nil {
		n += l.head.mem()
	}
	if l.tail != nil {
		n += l.tail.mem()
	}
	if l.spare != nil {
		n += l.spare.mem()
	}
	if l.mid != nil {
		n += l.mid.mem
	}
	return n
}

// Blocks is the number of blocks.
func (l *List) Blocks() int {
	n := 0
	l.Walk(0, l.count, func([]byte, int) bool {
		n++
		return true
	})
	return n
}

// Only returns the entries of a list that has one block, else ok is false. They are
// borrowed.
func (l *List) Only() (entries []byte, ok bool) {
	if l.head == nil || l.tail != nil {
		return nil, false
	}
	return l.head.entries(), true
}

// Take fills an empty list with one block, whatever limits say: the count entries of a pack,
// which are copied.
func (l *List) Take(entries []byte, count int) {
	room := len(entries) + len(entries)/4
	l.head = &block{epoch: l.Epoch(), buf: append(sized(room), entries...), n: uint32(count)}
	l.count = count
}

// Add puts a block at the end, whatever limits say: the count entries of a pack, at least
// one, which are copied.
func (l *List) Add(entries []byte, count int) {
	b := &block{epoch: l.Epoch(), buf: append(sized(len(entries)), entries...), n: uint32(count)}
	switch {
	case l.head == nil:
		l.head = b
	case l.tail == nil:
		l.tail = b
	default:
		l.midAppend(l.tail)
		l.tail = b
	}
	l.count += count
}

// PushRight adds an element at the end.
func (l *List) PushRight(val []byte, lim Limit) {
	e := listpack.Of(val)
	b := l.last()
	if b == nil || !b.fits(len(val), lim) {
		b = l.addRight(e.Size(), lim)
	} else if !l.Writable(b.epoch) {
		b = l.ownLast()
	}
	b.append(l, &e, lim)
	l.count++
}

// PushLeft adds an element in front.
func (l *List) PushLeft(val []byte, lim Limit) {
	e := listpack.Of(val)
	b := l.head
	if b == nil || !b.fits(len(val), lim) {
		b = l.addLeft(e.Size(), lim)
	} else if !l.Writable(b.epoch) {
		b = l.ownHead()
	}
	b.prepend(l, &e, lim)
	l.count++
}

// PopLeft takes the first element of a list that is not empty. It is valid until the next
// change.
func (l *List) PopLeft() listpack.Value {
	b := l.head
	v := listpack.Get(b.buf, int(b.from))
	l.count--
	if b.n == 1 {
		l.dropHead()
		return v
	}
	if !l.Writable(b.epoch) {
		b = l.ownHead()
	}
	b.from = uint32(listpack.Skip(b.buf, int(b.from)))
	b.n--
	l.relax(b)
	return v
}

// PopRight takes the last element of a list that is not empty. It is valid until the next
// change.
func (l *List) PopRight() listpack.Value {
	b := l.last()
	at := listpack.Back(b.buf, len(b.buf))
	v := listpack.Get(b.buf, at)
	l.count--
	if b.n == 1 {
		l.dropLast()
		return v
	}
	if !l.Writable(b.epoch) {
		b = l.ownLast()
	}
	b.buf = b.buf[:at]
	b.n--
	l.relax(b)
	return v
}

// last is the block at the right end, or nil.
func (l *List) last() *block {
	if l.tail == nil {
		return l.head
	}
	return l.tail
}

// ownHead is the first block for writing: itself, or a copy that has taken its place.
func (l *List) ownHead() *block {
	if !l.Writable(l.head.epoch) {
		l.head = l.head.clone(l.Epoch())
	}
	return l.head
}

// ownLast is ownHead for the last block.
func (l *List) ownLast() *block {
	if l.tail == nil {
		return l.ownHead()
	}
	if !l.Writable(l.tail.epoch) {
		l.tail = l.tail.clone(l.Epoch())
	}
	return l.tail
}

// addRight adds an empty block at the end, for an entry of this size.
func (l *List) addRight(size int, lim Limit) *block {
	b := l.fresh(size, lim)
	switch {
	case l.head == nil:
		l.head = b
	case l.tail == nil:
		l.tail = b
	default:
		l.midAppend(l.sealed(l.tail))
		l.tail = b
	}
	return b
}

// addLeft adds an empty block in front, for an entry of this size.
func (l *List) addLeft(size int, lim Limit) *block {
	b := l.fresh(size, lim)
	b.buf = b.buf[:cap(b.buf)]
	b.from = uint32(len(b.buf))
	switch {
	case l.head == nil:
	case l.tail == nil:
		l.tail = l.head
	default:
		l.midPrepend(l.sealed(l.head))
	}
	l.head = b
	return b
}

// dropHead takes the first block away.
func (l *List) dropHead() {
	b := l.head
	l.nextHead()
	l.recycle(b)
}

// nextHead makes the second block the first.
func (l *List) nextHead() {
	if l.mid != nil {
		l.head = l.midFirst()
		return
	}
	l.head, l.tail = l.tail, nil
}

// dropLast takes the last block away.
func (l *List) dropLast() {
	b := l.last()
	l.nextLast()
	l.recycle(b)
}

// nextLast makes the last block but one the last.
func (l *List) nextLast() {
	switch {
	case l.mid != nil:
		l.tail = l.midLast()
	case l.tail != nil:
		l.tail = nil
	default:
		l.head = nil
	}
}

// recycle keeps a block that went, for the next that comes. A list of one block has none to
// spare.
func (l *List) recycle(b *block) {
	if l.tail == nil {
		l.spare = nil
		return
	}
	if l.spare == nil && b.n <= maxSpare && cap(b.buf) <= maxSpare && l.Writable(b.epoch) {
		l.spare = b
	}
}

const maxSpare = 1 << 16 // bytes

// fresh returns an empty block with room for an entry of this size.
func (l *List) fresh(size int, lim Limit) *block {
	if b := l.spare; b != nil && cap(b.buf) >= size && cap(b.buf) <= lim.Bytes {
		l.spare = nil
		*b = block{epoch: l.Epoch(), buf: b.buf[:0]}
		return b
	}
	return &block{epoch: l.Epoch(), buf: sized(l.room(0, 0, size, lim))}
}

// room is the capacity for a block of n entries in so many bytes to which one of this size
// is added: a quarter more than that, or, in a list that is long already, what the block will
// need when it is full.
func (l *List) room(n, bytes, size int, lim Limit) int {
	need := bytes + size
	want := max(need+need/4, min(l.rest()/4, lim.Bytes))
	if lim.Count > 0 {
		want = min(want, need+need/(n+1)*max(0, lim.Count-n-1))
	}
	return max(need, min(want, lim.Bytes))
}

// rest is roughly the memory of the list, bytes.
func (l *List) rest() int {
	n := 0
	if l.head != nil {
		n = cap(l.head.buf)
	}
	if l.tail != nil {
		n += cap(l.tail.buf)
	}
	if l.mid != nil {
		n += l.mid.mem
	}
	return n
}

// sealed is a block for the tree, where it will not grow soon: if much of it is free, a
// smaller copy.
func (l *List) sealed(b *block) *block {
	if free := cap(b.buf) - b.size(); free <= cap(b.buf)/8 || free < 64 {
		return b
	}
	s := &block{epoch: l.Epoch(), buf: append(sized(b.size()), b.entries()...), n: b.n}
	l.recycle(b)
	return s
}

// relax gives memory back when the only block of a list is nearly empty. The block is the
// list's own.
func (l *List) relax(b *block) {
	if l.tail == nil && cap(b.buf) > 512 && b.size() < cap(b.buf)/4 {
		b.buf, b.from = append(sized(2*b.size()), b.entries()...), 0
	}
}
