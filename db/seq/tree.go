package seq

import "slices"

// The tree of the blocks between head and tail. All leaves are equally deep; a node of the
// lowest level has blocks for kids, others have nodes.

const (
	fan       = 32 // kids of a node at most
	maxHeight = 16
	nodeBytes = 64
	kidBytes  = 24
)

type node struct {
	epoch uint64
	count int // elements below
	mem   int // memory of all below and of the node itself, bytes
	leaf  bool
	kids  []kid
}

// kid is a block, in a leaf, or a node.
type kid struct {
	count int
	b     *block
	n     *node
}

func (k kid) mem() int {
	if k.b != nil {
		return k.b.mem()
	}
	return k.n.mem
}

func (n *node) clone(epoch uint64) *node {
	c := *n
	c.epoch = epoch
	c.kids = append(make([]kid, 0, cap(n.kids)), n.kids...)
	return &c
}

// sum counts anew what is below the node.
func (n *node) sum() {
	n.count, n.mem = 0, nodeBytes+kidBytes*cap(n.kids)
	for _, k := range n.kids {
		n.count += k.count
		n.mem += k.mem()
	}
}

// insert puts a kid in front of number i, and tells how much memory the node takes more for
// it. There is room.
func (n *node) insert(i int, k kid) int {
	was := cap(n.kids)
	if len(n.kids) == was {
		n.kids = append(make([]kid, 0, min(fan, max(4, 2*was))), n.kids...)
	}
	n.kids = append(n.kids, kid{})
	copy(n.kids[i+1:], n.kids[i:])
	n.kids[i] = k
	return kidBytes * (cap(n.kids) - was)
}

func (l *List) newNode(leaf bool, kids ...kid) *node {
	n := &node{epoch: l.Epoch(), leaf: leaf}
	for i, k := range kids {
		n.insert(i, k)
	}
	n.sum()
	return n
}

// path is a way down the tree: at each level a node and the number of a kid.
type path struct {
	at    [maxHeight]step
	depth int
}

type step struct {
	n *node
	i int
}

// down fills in the path to element i of the tree, and returns the block that it is in and
// its number there.
func (l *List) down(p *path, i int) (*block, int) {
	n := l.mid
	for p.depth = 0; ; {
		s := 0
		for i >= n.kids[s].count {
			i -= n.kids[s].count
			s++
		}
		p.at[p.depth] = step{n, s}
		p.depth++
		if n.leaf {
			return n.kids[s].b, i
		}
		n = n.kids[s].n
	}
}

// beside moves the path to the block after, or before if d is -1, and returns that; nil if
// there is none.
func (p *path) beside(d int) *block {
	for at := p.depth - 1; at >= 0; at-- {
		s := &p.at[at]
		if s.i += d; s.i < 0 || s.i >= len(s.n.kids) {
			continue
		}
		for !s.n.leaf {
			n := s.n.kids[s.i].n
			at++
			s = &p.at[at]
			s.n, s.i = n, 0
			if d < 0 {
				s.i = len(n.kids) - 1
			}
		}
		return s.n.kids[s.i].b
	}
	return nil
}

// ownNode returns a node for writing: itself, or a copy that the caller puts in its place.
func (l *List) ownNode(n *node) *node {
	if l.Writable(n.epoch) {
		return n
	}
	return n.clone(l.Epoch())
}

// ownPath makes the nodes of a path writable.
func (l *List) ownPath(p *path) {
	for d := range p.depth {
		n := l.ownNode(p.at[d].n)
		if n == p.at[d].n {
			continue
		}
		if d == 0 {
			l.mid = n
		} else {
			up := p.at[d-1]
			up.n.kids[up.i].n = n
		}
		p.at[d].n = n
	}
}

// grew tells the first levels of a path that what they lead to has so many elements and
// bytes more.
func (p *path) grew(levels, count, mem int) {
	for _, s := range p.at[:levels] {
		s.n.count += count
		s.n.mem += mem
		s.n.kids[s.i].count += count
	}
}

// add puts a kid in front of number i of the node at level d of a path that is writable.
// The path is good for nothing then.
func (l *List) add(p *path, d, i int, k kid) {
	n := p.at[d].n
	if len(n.kids) < fan {
		mem := n.insert(i, k) + k.mem()
		n.count += k.count
		n.mem += mem
		p.grew(d, k.count, mem)
		return
	}
	// Nodes at the ends of the tree are split there, so that a list which grows at its
	// ends has full nodes.
	at := fan / 2
	if i == fan && p.atEnd(d) {
		at = fan
	} else if i == 0 && p.atStart(d) {
		at = 0
	}
	right := l.newNode(n.leaf, n.kids[at:]...)
	n.kids = slices.Delete(n.kids, at, fan)
	if i > at || at == fan {
		right.insert(i-at, k)
		right.sum()
	} else {
		n.insert(i, k)
	}
	count, mem := n.count, n.mem
	n.sum()
	if d == 0 {
		l.mid = l.newNode(false, kid{count: n.count, n: n}, kid{count: right.count, n: right})
		return
	}
	p.grew(d, n.count-count, n.mem-mem)
	l.add(p, d-1, p.at[d-1].i+1, kid{count: right.count, n: right})
}

// atEnd tells whether the levels above d are at their last kid.
func (p *path) atEnd(d int) bool {
	for _, s := range p.at[:d] {
		if s.i != len(s.n.kids)-1 {
			return false
		}
	}
	return true
}

// atStart tells whether the levels above d are at their first kid.
func (p *path) atStart(d int) bool {
	for _, s := range p.at[:d] {
		if s.i != 0 {
			return false
		}
	}
	return true
}

// remove takes away the kid that level d of a path leads to; the path is writable, and good
// for nothing then.
func (l *List) remove(p *path, d int) {
	for d > 0 && len(p.at[d].n.kids) == 1 {
		d--
	}
	n, i := p.at[d].n, p.at[d].i
	if len(n.kids) == 1 {
		l.mid = nil
		return
	}
	k := n.kids[i]
	n.kids = slices.Delete(n.kids, i, i+1)
	n.count -= k.count
	n.mem -= k.mem()
	p.grew(d, -k.count, -k.mem())
	l.merge(p, d)
	l.lower()
}

// merge joins the node at level d of a writable path with a neighbour if it has few kids and
// the neighbour not too many, then its parent if that has few now.
func (l *List) merge(p *path, d int) {
	for ; d > 0 && len(p.at[d].n.kids) < fan/4; d-- {
		n, up := p.at[d].n, p.at[d-1]
		fits := func(i int) bool {
			return i >= 0 && i < len(up.n.kids) && len(up.n.kids[i].n.kids)+len(n.kids) <= fan*3/4
		}
		first := up.i
		if fits(up.i - 1) {
			first--
		} else if !fits(up.i + 1) {
			return
		}
		a, b := up.n.kids[first].n, up.n.kids[first+1].n
		both := l.newNode(n.leaf, a.kids...)
		for _, k := range b.kids {
			both.insert(len(both.kids), k)
		}
		both.sum()
		up.n.kids[first] = kid{count: both.count, n: both}
		up.n.kids = slices.Delete(up.n.kids, first+1, first+2)
		mem := both.mem - a.mem - b.mem
		up.n.mem += mem
		p.grew(d-1, 0, mem)
	}
}

// lower takes away a root with one kid.
func (l *List) lower() {
	for l.mid != nil && !l.mid.leaf && len(l.mid.kids) == 1 {
		l.mid = l.mid.kids[0].n
	}
}

// midAppend adds a block at the end of the tree.
func (l *List) midAppend(b *block) {
	k := kid{count: int(b.n), b: b}
	if l.mid == nil {
		l.mid = l.newNode(true, k)
		return
	}
	var p path
	l.down(&p, l.mid.count-1)
	l.ownPath(&p)
	l.add(&p, p.depth-1, p.at[p.depth-1].i+1, k)
}

// midPrepend adds a block in front.
func (l *List) midPrepend(b *block) {
	k := kid{count: int(b.n), b: b}
	if l.mid == nil {
		l.mid = l.newNode(true, k)
		return
	}
	var p path
	l.down(&p, 0)
	l.ownPath(&p)
	l.add(&p, p.depth-1, 0, k)
}

// midFirst takes the first block out of the tree.
func (l *List) midFirst() *block { return l.midTake(0) }

// midLast takes the last block out.
func (l *List) midLast() *block { return l.midTake(l.mid.count - 1) }

func (l *List) midTake(i int) *block {
	var p path
	b, _ := l.down(&p, i)
	l.ownPath(&p)
	l.remove(&p, p.depth-1)
	return b
}

// withoutFirst returns n, writable, without the blocks that lie wholly within its first k
// elements. It has more than k.
func (l *List) withoutFirst(n *node, k int) *node {
	n = l.ownNode(n)
	i := 0
	for k >= n.kids[i].count {
		k -= n.kids[i].count
		i++
	}
	n.kids = slices.Delete(n.kids, 0, i)
	if c := &n.kids[0]; !n.leaf && k > 0 {
		c.n = l.withoutFirst(c.n, k)
		c.count = c.n.count
	}
	n.sum()
	return n
}

// withoutLast is withoutFirst for the last k elements.
func (l *List) withoutLast(n *node, k int) *node {
	n = l.ownNode(n)
	i := len(n.kids) - 1
	for k >= n.kids[i].count {
		k -= n.kids[i].count
		i--
	}
	n.kids = slices.Delete(n.kids, i+1, len(n.kids))
	if c := &n.kids[i]; !n.leaf && k > 0 {
		c.n = l.withoutLast(c.n, k)
		c.count = c.n.count
	}
	n.sum()
	return n
}
