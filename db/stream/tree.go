package stream

import (
	"unsafe"

	"redust/db/cow"
	"redust/internal/assert"
)

// base is what all parts of a stream have in common: who may write to them, and what they
// weigh together.
type base struct {
	cow.Owner
	bytes int // of everything that hangs on the root
}

// tree is a map from IDs to V in the order of the IDs: a B+tree, copied on write node by
// node. Blocks are found by one, and what is pending is kept in two.
//
//	inner        | 3-0 | 9-0 | 20-5 |        ids[i] is not greater than any ID below kid i,
//	               |      \       \          and greater than any below kid i-1
//	leaf   | 3-0 4-0 7-1 |  ...    ...       ids ascend; vals beside them
//
// Streams grow at their end and are trimmed and acknowledged from their beginning. So a
// node that overflows at its end is left full and the new one starts with one element;
// one that overflows elsewhere is halved. A node that shrinks to few elements is joined
// with a neighbour if both together are well below full.
//
// Costs: O(log n), in nodes of some hundred bytes to 2.5 KiB. Always true (check proves
// it): ids ascend across leaves, and the IDs of an inner node bound those below; no node
// but a lone leaf is empty, no root has one child; len and bytes are exact.
type tree[V any] struct {
	root   *node[V] // nil if there has been nothing
	height int      // levels above the leaves
	len    int
	bytes  int // of the nodes
}

type node[V any] struct {
	epoch uint64
	ids   []ID
	vals  []V        // of a leaf
	kids  []*node[V] // of an inner node
}

const (
	fan       = 64      // elements of a full node
	few       = fan / 4 // at which joining is tried
	joined    = fan / 4 * 3
	maxHeight = 12
	nodeBytes = 80
	idBytes   = 16
)

// step is a node on the way down, and which of its children the way takes.
type step[V any] struct {
	n *node[V]
	i int
}

// after is the number of ids not greater than id.
func after(ids []ID, id ID) int {
	lo, hi := 0, len(ids)
	if hi > 0 && !id.Less(ids[hi-1]) {
		return hi // what appends and reads of what is new look for
	}
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if id.Less(ids[m]) {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

// toward is the place of the child that would have id below it.
func (n *node[V]) toward(id ID) int { return max(after(n.ids, id)-1, 0) }

func (n *node[V]) bytes() int {
	var v V
	return nodeBytes + idBytes*cap(n.ids) + 8*cap(n.kids) + int(unsafe.Sizeof(v))*cap(n.vals)
}

func keepCap[T any](s []T) []T { return append(make([]T, 0, cap(s)), s...) }

// own makes the node at this place writable: a clone takes its place if need be.
func (t *tree[V]) own(b *base, at **node[V]) *node[V] {
	n := *at
	if b.Writable(n.epoch) {
		return n
	}
	c := &node[V]{epoch: b.Epoch(), ids: keepCap(n.ids)}
	if n.kids != nil {
		c.kids = keepCap(n.kids)
	} else {
		c.vals = keepCap(n.vals)
	}
	*at = c
	return c
}

// make returns an empty node for n elements.
func (t *tree[V]) make(b *base, leaf bool, n int) *node[V] {
	c := &node[V]{epoch: b.Epoch(), ids: make([]ID, 0, n)}
	if leaf {
		c.vals = make([]V, 0, n)
	} else {
		c.kids = make([]*node[V], 0, n)
	}
	t.weigh(b, c.bytes())
	return c
}

// get returns the value of id for reading, or nil.
func (t *tree[V]) get(id ID) *V {
	n := t.root
	if n == nil {
		return nil
	}
	for n.kids != nil {
		n = n.kids[n.toward(id)]
	}
	if i := after(n.ids, id) - 1; i >= 0 && n.ids[i] == id {
		return &n.vals[i]
	}
	return nil
}

// first and last return the outermost element, or nil. It is for reading.
func (t *tree[V]) first() (ID, *V) {
	n := t.root
	if t.len == 0 {
		return ID{}, nil
	}
	for n.kids != nil {
		n = n.kids[0]
	}
	return n.ids[0], &n.vals[0]
}

func (t *tree[V]) last() (ID, *V) {
	n := t.root
	if t.len == 0 {
		return ID{}, nil
	}
	for n.kids != nil {
		n = n.kids[len(n.kids)-1]
	}
	i := len(n.ids) - 1
	return n.ids[i], &n.vals[i]
}

// ref returns the value of id, which is there, for writing.
func (t *tree[V]) ref(b *base, id ID) *V {
	n := t.own(b, &t.root)
	for n.kids != nil {
		n = t.own(b, &n.kids[n.toward(id)])
	}
	i := after(n.ids, id) - 1
	assert.That(i >= 0 && n.ids[i] == id, "stream: an element that is not there")
	return &n.vals[i]
}

// put returns the value of id for writing. If there was none there is one now, and added
// is true.
func (t *tree[V]) put(b *base, id ID) (v *V, added bool) {
	if t.root == nil {
		t.root = t.make(b, true, 4)
	}
	var path [maxHeight]step[V]
	n := t.own(b, &t.root)
	for h := 0; n.kids != nil; h++ {
		i := n.toward(id)
		if id.Less(n.ids[i]) {
			n.ids[i] = id
		}
		path[h] = step[V]{n, i}
		n = t.own(b, &n.kids[i])
	}
	i := after(n.ids, id)
	if i > 0 && n.ids[i-1] == id {
		return &n.vals[i-1], false
	}
	t.len++
	leaf, right := n, (*node[V])(nil)
	if len(n.ids) == fan {
		right = t.split(b, n, i)
		if i > len(n.ids) || len(right.ids) == 0 {
			leaf, i = right, i-len(n.ids)
		}
	}
	v = t.insert(b, leaf, i, id, nil)
	for h := t.height - 1; right != nil; h-- {
		if h < 0 {
			t.grow(b, right)
			break
		}
		p, at := path[h].n, path[h].i+1
		up := (*node[V])(nil)
		if len(p.ids) == fan {
			up = t.split(b, p, at)
			if at > len(p.ids) || len(up.ids) == 0 {
				p, at = up, at-len(p.ids)
			}
		}
		t.insert(b, p, at, right.ids[0], right)
		right = up
	}
	return v, true
}

// grow puts a root over the old one and its new neighbour.
func (t *tree[V]) grow(b *base, right *node[V]) {
	root := t.make(b, false, fan)
	root.ids = append(root.ids, t.root.ids[0], right.ids[0])
	root.kids = append(root.kids, t.root, right)
	t.root = root
	t.height++
	assert.That(t.height < maxHeight, "stream: a tree too high")
}

// insert puts an element, a new value or a child, at place i of a node that has room.
func (t *tree[V]) insert(b *base, n *node[V], i int, id ID, kid *node[V]) *V {
	if len(n.ids) == cap(n.ids) {
		was := n.bytes()
		n.ids = append(make([]ID, 0, 4*cap(n.ids)), n.ids...)
		if n.kids == nil {
			n.vals = append(make([]V, 0, 4*cap(n.vals)), n.vals...)
		} else {
			n.kids = append(make([]*node[V], 0, 4*cap(n.kids)), n.kids...)
		}
		t.weigh(b, n.bytes()-was)
	}
	n.ids = open(n.ids, i)
	n.ids[i] = id
	if kid != nil {
		n.kids = open(n.kids, i)
		n.kids[i] = kid
		return nil
	}
	n.vals = open(n.vals, i)
	return &n.vals[i]
}

// open makes room for a zero element at place i of a slice with spare capacity.
func open[T any](s []T, i int) []T {
	s = s[:len(s)+1]
	copy(s[i+1:], s[i:])
	var zero T
	s[i] = zero
	return s
}

// split moves what is right of the middle of a full node to a new one. If an element is
// about to be put at its end, i, all stays and the new one is empty.
func (t *tree[V]) split(b *base, n *node[V], i int) *node[V] {
	right := t.make(b, n.kids == nil, fan)
	if i == fan {
		return right
	}
	right.ids = append(right.ids, n.ids[fan/2:]...)
	n.ids = n.ids[:fan/2]
	if n.kids == nil {
		right.vals = append(right.vals, n.vals[fan/2:]...)
		n.vals = closeFrom(n.vals, fan/2)
	} else {
		right.kids = append(right.kids, n.kids[fan/2:]...)
		n.kids = closeFrom(n.kids, fan/2)
	}
	return right
}

// closeFrom cuts a slice off at n and forgets what was behind.
func closeFrom[T any](s []T, n int) []T {
	clear(s[n:])
	return s[:n]
}

// remove takes id away and returns what its value was; ok is false if it was not there.
func (t *tree[V]) remove(b *base, id ID) (v V, ok bool) {
	found := t.get(id)
	if found == nil {
		return v, false
	}
	v = *found
	var path [maxHeight]step[V]
	n := t.own(b, &t.root)
	for h := 0; n.kids != nil; h++ {
		i := n.toward(id)
		path[h] = step[V]{n, i}
		n = t.own(b, &n.kids[i])
	}
	n.cut(after(n.ids, id) - 1)
	t.len--
	for h := t.height - 1; h >= 0 && len(n.ids) <= few; h-- {
		p, i := path[h].n, path[h].i
		if len(n.ids) == 0 {
			t.weigh(b, -n.bytes())
			p.cut(i)
		} else if !t.join(b, p, i) {
			break
		}
		n = p
	}
	t.lower(b)
	return v, true
}

// cut takes element i out of a node.
func (n *node[V]) cut(i int) {
	n.ids = append(n.ids[:i], n.ids[i+1:]...)
	if n.kids == nil {
		copy(n.vals[i:], n.vals[i+1:])
		n.vals = closeFrom(n.vals, len(n.vals)-1)
		return
	}
	copy(n.kids[i:], n.kids[i+1:])
	n.kids = closeFrom(n.kids, len(n.kids)-1)
}

// join makes child i of p and a neighbour one node, if that leaves room.
func (t *tree[V]) join(b *base, p *node[V], i int) bool {
	n := len(p.kids[i].ids)
	switch {
	case i+1 < len(p.kids) && n+len(p.kids[i+1].ids) <= joined:
	case i > 0 && n+len(p.kids[i-1].ids) <= joined:
		i--
	default:
		return false
	}
	l, r := t.own(b, &p.kids[i]), p.kids[i+1]
	was := l.bytes() + r.bytes()
	l.ids = both(l.ids, r.ids)
	if l.kids == nil {
		l.vals = both(l.vals, r.vals)
	} else {
		l.kids = both(l.kids, r.kids)
	}
	t.weigh(b, l.bytes()-was)
	p.cut(i + 1)
	return true
}

// both is a with b behind it, in room for a full node.
func both[T any](a, b []T) []T {
	if cap(a) < fan {
		a = append(make([]T, 0, fan), a...)
	}
	return append(a, b...)
}

// lower takes roots away that lead to one child or to nothing. A lone empty leaf is kept
// while it is small: the next element will want it.
func (t *tree[V]) lower(b *base) {
	for t.height > 0 && len(t.root.ids) <= 1 {
		t.weigh(b, -t.root.bytes())
		if len(t.root.ids) == 0 {
			t.root, t.height = nil, 0
			return
		}
		t.root = t.root.kids[0]
		t.height--
	}
	if t.len == 0 && cap(t.root.ids) > few {
		t.weigh(b, -t.root.bytes())
		t.root = nil
	}
}

// drop forgets all elements.
func (t *tree[V]) drop(b *base) {
	b.bytes -= t.bytes
	*t = tree[V]{}
}

// weigh notes that the nodes have become heavier, bytes.
func (t *tree[V]) weigh(b *base, delta int) {
	t.bytes += delta
	b.bytes += delta
}

// cursor is a place in a tree, for reading. It stays valid while elements are neither added
// nor removed.
type cursor[V any] struct {
	leaf   *node[V] // nil past either end
	at     int
	height int
	path   [maxHeight]step[V]
}

func (c *cursor[V]) id() ID  { return c.leaf.ids[c.at] }
func (c *cursor[V]) val() *V { return &c.leaf.vals[c.at] }

// seek goes to the first element not less than id.
func (t *tree[V]) seek(c *cursor[V], id ID) {
	t.descend(c, id)
	if c.leaf == nil {
		return
	}
	c.at = after(c.leaf.ids, id)
	if c.at > 0 && c.leaf.ids[c.at-1] == id {
		c.at--
	}
	if c.at == len(c.leaf.ids) {
		c.at--
		c.next()
	}
}

// seekBack goes to the last element not greater than id.
func (t *tree[V]) seekBack(c *cursor[V], id ID) {
	t.descend(c, id)
	if c.leaf == nil {
		return
	}
	if c.at = after(c.leaf.ids, id) - 1; c.at < 0 {
		c.at = 0
		c.prev()
	}
}

func (t *tree[V]) descend(c *cursor[V], id ID) {
	c.leaf, c.height = nil, t.height
	if t.len == 0 {
		return
	}
	n := t.root
	for h := 0; n.kids != nil; h++ {
		i := n.toward(id)
		c.path[h] = step[V]{n, i}
		n = n.kids[i]
	}
	c.leaf = n
}

// next goes to the following element; false if there is none.
func (c *cursor[V]) next() bool {
	if c.at++; c.at < len(c.leaf.ids) {
		return true
	}
	c.leaf = nil
	for h := c.height - 1; h >= 0; h-- {
		s := &c.path[h]
		if s.i++; s.i < len(s.n.kids) {
			n := s.n.kids[s.i]
			for h++; n.kids != nil; h++ {
				c.path[h] = step[V]{n, 0}
				n = n.kids[0]
			}
			c.leaf, c.at = n, 0
			return true
		}
	}
	return false
}

// prev goes to the element before; false if there is none.
func (c *cursor[V]) prev() bool {
	if c.at--; c.at >= 0 {
		return true
	}
	c.leaf = nil
	for h := c.height - 1; h >= 0; h-- {
		s := &c.path[h]
		if s.i--; s.i >= 0 {
			n := s.n.kids[s.i]
			for h++; n.kids != nil; h++ {
				c.path[h] = step[V]{n, len(n.kids) - 1}
				n = n.kids[len(n.kids)-1]
			}
			c.leaf, c.at = n, len(n.ids)-1
			return true
		}
	}
	return false
}

// all walks over a tree.
func (t *tree[V]) all(yield func(*ID, *V) bool) {
	var c cursor[V]
	t.seek(&c, ID{})
	for ok := c.leaf != nil; ok; ok = c.next() {
		if !yield(&c.leaf.ids[c.at], c.val()) {
			return
		}
	}
}
