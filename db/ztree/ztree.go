// Package ztree keeps byte strings in order: a counted B+tree of packed leaves.
//
// Redis orders a sorted set by a skip list: a node of some 50 bytes and a string of its
// own for every member, and a cache miss for every step of a search or a range. Here 64
// neighbours lie side by side, in order, in one slab:
//
//		branch   seps    |  ""  | "ca" | "t"  |       leaf   slab  | cab | cat | dog | elk |
//		         kid     |  *   |  *   |  *   |              off     0     3     6     9
//		         count   |  40  |  61  |  12  |              n       4
//		                    |      |      |
//		                   leaf   leaf   leaf               with values:  | cab 17 2 | ...
//
//	  - A leaf is two objects to the collector, node and slab, without pointers in the slab.
//	    An entry costs its bytes and 2 for the offset; a slab grows in steps of 128 bytes,
//	    so a leaf that splits and fills at random wastes a few bytes in a hundred, and the
//	    node's header is 3 bytes an entry.
//	  - A branch has up to 64 kids and knows how many entries are below each: so a rank is
//	    the sum of what lies to the left of a path, and an entry is found by its rank.
//	  - A separator is the shortest string that keeps two neighbours apart (but eight bytes
//	    if the key has them). Seps[0] is empty: what is less than seps[1] belongs to kid 0.
//	  - Keys are compared as numbers, eight bytes at once; only ties need the rest. A score
//	    in front of a member is such a number.
//
// Between tree and entries nothing is copied: a key that is returned points into its leaf.
// Two kinds of tree: keys alone (New) and keys with a value of up to 255 bytes (NewValued),
// which stands behind the key and is followed by its length.
//
// Order of insertion. What is appended at either end of the tree fills leaves to the
// brim, since the split leaves everything in the old leaf; anything else splits in the
// middle. A leaf also splits at 4 KiB. A heavy key, longer than that, is the last of its
// leaf, so that offsets of 16 bits do: where an entry begins is at most some 24 KiB.
//
// Deletion. A leaf or branch that has become small is joined with a neighbour when the two
// fill two thirds together; one that is empty goes. A range of ranks is deleted by
// dropping the subtrees that it covers.
//
// Copy on write is db/cow's: root, and an epoch for each node. A node is cloned before its
// first write when a view or a copy sees it, in one place, own, on the way down.
//
// Costs, one million keys of 24 bytes at random: 30 bytes each; insert and delete are one
// descent of three or four levels, a memmove within a leaf, and now and then a split.
// Between calls (check proves it): keys ascend; counts and bytes are exact; separators keep
// kids apart; all leaves are at one depth; no node but an only leaf is empty.
//
// Tried and lost: entries in order of arrival with an ordered index, as in db/table's
// pages: insertion moves less, but ranges hop, and dead bytes cost more than the moves.
package ztree

import (
	"math/bits"

	"redust/db/cow"
)

const (
	slots     = 64      // entries of a leaf, kids of a branch
	leafBytes = 4 << 10 // a leaf of several entries splits beyond this
	sepBytes  = 1 << 20 // a branch of several separators splits beyond this
	few       = 20      // a node with this many looks for a neighbour to join
	joined    = 44      // what two may have together to be joined
	maxValue  = 255     // longest value, bytes
)

// Size classes of the parts.
const (
	treeBytes   = 64
	nodeSize    = 176
	branchBytes = 2048
)

// Tree is an ordered set of keys, or map of keys to small values. It belongs to one
// goroutine, see db/cow. Use New or NewValued.
type Tree struct {
	cow.Owner
	root   *node
	count  int
	bytes  int // of all nodes
	valued bool
}

// node is a leaf, or, if it has a branch, an inner node, whose own pack is unused.
type node struct {
	epoch uint64
	leaf  pack[uint16]
	*branch
}

type branch struct {
	seps  pack[uint32]
	heads [slots]uint64 // of seps, side by side for the search
	kid   [slots]*node
	count [slots]int
}

// New returns an empty tree of keys without values.
func New(clock *cow.Clock) *Tree { return newTree(clock, false) }

// NewValued returns an empty tree of keys with values.
func NewValued(clock *cow.Clock) *Tree { return newTree(clock, true) }

func newTree(clock *cow.Clock, valued bool) *Tree {
	t := &Tree{Owner: cow.NewOwner(clock), valued: valued}
	t.reset()
	return t
}

// reset makes the tree empty.
func (t *Tree) reset() {
	t.root, t.count, t.bytes = &node{epoch: t.Epoch()}, 0, nodeSize
}

// Len is the number of keys.
func (t *Tree) Len() int { return t.count }

// MemBytes is the memory of the tree, bytes. Nodes that it shares with a copy count for
// both.
func (t *Tree) MemBytes() int { return treeBytes + t.bytes }

// Own returns the tree for writing: itself, or, if a view sees it, a copy of its root that
// is to take its place.
func (t *Tree) Own() *Tree {
	if t.RootWritable() {
		return t
	}
	return t.copyRoot(t.Renewed())
}

// Share returns a copy of the tree in O(1): nodes are cloned when one of the two first
// writes to them. The tree must be the caller's to write, see Own.
func (t *Tree) Share() *Tree { return t.copyRoot(t.Owner.Share()) }

func (t *Tree) copyRoot(o cow.Owner) *Tree {
	c := *t
	c.Owner = o
	return &c
}

// own returns the node at a place for writing: the node itself, or, if others see it, a
// clone that has taken its place. The place belongs to a node that was owned before.
func (t *Tree) own(place **node) *node {
	n := *place
	if t.Writable(n.epoch) {
		return n
	}
	c := &node{epoch: t.Epoch()}
	if n.branch == nil {
		c.leaf = n.leaf.clone()
	} else {
		b := *n.branch
		b.seps = n.seps.clone()
		c.branch = &b
	}
	*place = c
	return c
}

// bytes is the memory of the node alone.
func (n *node) bytes() int {
	if n.branch == nil {
		return nodeSize + cap(n.leaf.slab)
	}
	return nodeSize + branchBytes + cap(n.seps.slab)
}

// len is the number of keys in the node and below.
func (n *node) len() (sum int) {
	if n.branch == nil {
		return int(n.leaf.n)
	}
	for _, c := range n.count[:n.seps.n] {
		sum += c
	}
	return sum
}

// toward is the place of the kid where key belongs.
func (b *branch) toward(key []byte) int {
	h, n := head(key), int(b.seps.n)
	// The first separator whose head is not less: steps without a branch to mispredict.
	lo := 1
	for left := n - 1; left > 0; {
		half := (left + 1) >> 1
		_, less := bits.Sub64(b.heads[(lo+half-1)&(slots-1)], h, 0)
		lo += half & -int(less)
		left -= half
	}
	if lo >= n || b.heads[lo] != h {
		return lo - 1
	}
	// Whatever else has this head differs, if at all, behind it.
	i, equal := b.seps.find(lo, key, false)
	if equal {
		return i
	}
	return i - 1
}

// split tells key and value of an entry apart.
func (t *Tree) split(e []byte) (key, val []byte) {
	if !t.valued {
		return e, nil
	}
	end := len(e) - 1
	at := end - int(e[end])
	return e[:at:at], e[at:end:end]
}

// Get returns the value of key, borrowed, and whether the key is there.
func (t *Tree) Get(key []byte) (val []byte, ok bool) {
	n := t.root
	for n.branch != nil {
		n = n.kid[n.toward(key)]
	}
	i, ok := n.leaf.find(0, key, t.valued)
	if !ok {
		return nil, false
	}
	_, val = t.split(n.leaf.at(i))
	return val, true
}

// Rank is the number of keys less than key, and whether key itself is there.
func (t *Tree) Rank(key []byte) (smaller int, found bool) {
	n, smaller := t.descend(key)
	i, found := n.leaf.find(0, key, t.valued)
	return smaller + i, found
}

// descend returns the leaf where key belongs and the rank of its first entry.
func (t *Tree) descend(key []byte) (n *node, rank int) {
	n = t.root
	for n.branch != nil {
		i := n.toward(key)
		for _, c := range n.count[:i] {
			rank += c
		}
		n = n.kid[i]
	}
	return n, rank
}

// Cursor is a place in a tree, a plain value. It is valid until the next change to the
// tree. The zero Cursor is nowhere.
type Cursor struct {
	t    *Tree
	n    *node // the leaf; nil is nowhere
	i    int
	rank int
}

// Seek is the first key that is not less than key.
func (t *Tree) Seek(key []byte) Cursor {
	n, rank := t.descend(key)
	i, _ := n.leaf.find(0, key, t.valued)
	if i == int(n.leaf.n) {
		return t.At(rank + i)
	}
	return Cursor{t, n, i, rank + i}
}

// At is the key of this rank, counted from 0.
func (t *Tree) At(rank int) Cursor {
	if rank < 0 || rank >= t.count {
		return Cursor{}
	}
	n, left := t.root, rank
	for n.branch != nil {
		i := 0
		for c := n.count[0]; left >= c; c = n.count[i&(slots-1)] {
			left -= c
			i++
		}
		n = n.kid[i]
	}
	return Cursor{t, n, left, rank}
}

// First is the least key.
func (t *Tree) First() Cursor { return t.At(0) }

// Last is the greatest key.
func (t *Tree) Last() Cursor { return t.At(t.count - 1) }

// OK tells whether the cursor is at a key.
func (c *Cursor) OK() bool { return c.n != nil }

// Rank is the number of keys before this one.
func (c *Cursor) Rank() int { return c.rank }

// Key is the key; borrowed.
func (c *Cursor) Key() []byte {
	k, _ := c.t.split(c.n.leaf.at(c.i))
	return k
}

// Val is the value; borrowed.
func (c *Cursor) Val() []byte {
	_, v := c.t.split(c.n.leaf.at(c.i))
	return v
}

// Next moves to the following key; behind the last one, the cursor is nowhere.
func (c *Cursor) Next() {
	c.i++
	c.rank++
	if c.i == int(c.n.leaf.n) {
		*c = c.t.At(c.rank)
	}
}

// Prev moves to the preceding key; before the first one, the cursor is nowhere.
func (c *Cursor) Prev() {
	c.i--
	c.rank--
	if c.i < 0 {
		*c = c.t.At(c.rank)
	}
}
