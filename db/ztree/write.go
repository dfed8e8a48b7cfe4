package ztree

import "redust/internal/assert"

// edge says which ends of the tree a node touches.
type edge uint8

const (
	leftmost edge = 1 << iota
	rightmost
)

// below is the edge of kid i of n.
func (e edge) below(i, n int) edge {
	if i > 0 {
		e &^= leftmost
	}
	if i < n-1 {
		e &^= rightmost
	}
	return e
}

// Put stores val under key, in place of the value that was there, and tells whether the
// key is new. A tree without values is given none. Neither may point into the tree.
func (t *Tree) Put(key, val []byte) (added bool) {
	assert.That(len(val) <= maxValue && (t.valued || len(val) == 0), "ztree: value too long")
	added, right := t.put(t.own(&t.root), key, val, leftmost|rightmost)
	if added {
		t.count++
	}
	if right != nil {
		top := &node{epoch: t.Epoch(), branch: new(branch)}
		top.seps.open(t.Clock(), 0, 0)
		top.kid[0], top.count[0] = t.root, t.count
		t.root = top
		t.bytes += top.bytes()
		t.adopt(top, 0, right)
	}
	return added
}

// put is Put below n, which is owned. When n had to be split, right is its second half.
func (t *Tree) put(n *node, key, val []byte, e edge) (added bool, right *node) {
	if n.branch == nil {
		return t.putLeaf(n, key, val, e)
	}
	i := n.toward(key)
	added, kid := t.put(t.own(&n.kid[i]), key, val, e.below(i, int(n.seps.n)))
	if added {
		n.count[i]++
	}
	if kid == nil {
		return added, nil
	}
	t.adopt(n, i, kid)
	if kid.branch == nil && kid.leaf.n == 1 {
		t.join(n, i+1)
	}
	k := int(n.seps.n)
	if k < slots && (k < 4 || len(n.seps.slab) <= sepBytes) {
		return added, nil
	}
	at := k / 2
	switch {
	case e&rightmost != 0 && i == k-2:
		at = k - 1
	case e&leftmost != 0 && i == 0:
		at = 1
	}
	return added, t.splitBranch(n, at)
}

func (t *Tree) putLeaf(n *node, key, val []byte, e edge) (added bool, right *node) {
	p := &n.leaf
	size := len(key)
	if t.valued {
		size += len(val) + 1
	}
	i, found := p.find(0, key, t.valued)
	if found {
		if t.valued {
			was := n.bytes()
			if old := p.at(i); len(old) != size {
				t.fill(p.resize(t.Clock(), i, size), key, val)
			} else {
				copy(old[len(key):], val)
			}
			t.bytes += n.bytes() - was
		}
		return false, nil
	}
	k, was := int(p.n), n.bytes()
	into, at := p, i
	if k == slots || k > 0 && len(p.slab)+size > leafBytes {
		right = &node{epoch: t.Epoch()}
		q := &right.leaf
		switch {
		case i == k && (e&rightmost != 0 || p.heavy(k-1)):
			if e&rightmost != 0 { // more of its kind are expected
				q.slab = t.Clock().Slab(min(cap(p.slab), leafBytes))
			}
			into, at = q, 0
		case i == 0 && e&leftmost != 0:
			*q, *p = *p, pack[uint16]{}
		case size > leafBytes && i == k && k < slots:
			right = nil
		case size > leafBytes && i < k:
			p.cut(t.Clock(), q, i)
		default:
			half := p.middle(i)
			p.cut(t.Clock(), q, half)
			if i > half || half == k {
				into, at = q, i-half
			}
		}
	}
	t.fill(into.open(t.Clock(), at, size), key, val)
	t.bytes += n.bytes() - was
	if right != nil {
		t.bytes += right.bytes()
	}
	return true, right
}

// fill writes an entry.
func (t *Tree) fill(to, key, val []byte) {
	n := copy(to, key)
	if t.valued {
		copy(to[n:], val)
		to[len(to)-1] = byte(len(val))
	}
}

// heavy tells whether entry i is too long to have others behind it.
func (p *pack[O]) heavy(i int) bool { return p.start(i+1)-p.start(i) > leafBytes }

// middle is where to split, so that an entry can be inserted at i: about half of the bytes
// are before it.
func (p *pack[O]) middle(i int) int {
	k := int(p.n)
	if k == 1 {
		return i
	}
	lo, hi := 1, k-1
	for lo < hi {
		if m := (lo + hi) / 2; 2*p.start(m) < len(p.slab) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// splitBranch moves the kids from at on to a new node. Its first separator stays until
// the node is adopted.
func (t *Tree) splitBranch(n *node, at int) *node {
	was := n.bytes()
	right := &node{epoch: t.Epoch(), branch: new(branch)}
	k := int(n.seps.n)
	n.seps.cut(t.Clock(), &right.seps, at)
	copy(right.heads[1:], n.heads[at+1:k])
	copy(right.kid[:], n.kid[at:k])
	copy(right.count[:], n.count[at:k])
	clear(n.kid[at:k])
	t.bytes += n.bytes() + right.bytes() - was
	return right
}

// adopt makes right, which was split off kid i of n, the kid behind it.
func (t *Tree) adopt(n *node, i int, right *node) {
	was, k := n.bytes(), int(n.seps.n)
	var sep []byte
	if right.branch != nil {
		sep = right.seps.at(0)
	} else {
		left := &n.kid[i].leaf
		last, _ := t.split(left.at(int(left.n) - 1))
		first, _ := t.split(right.leaf.at(0))
		sep = between(last, first)
	}
	copy(n.seps.open(t.Clock(), i+1, len(sep)), sep)
	if right.branch != nil {
		before := right.bytes()
		right.seps.resize(t.Clock(), 0, 0)
		right.seps.fit(t.Clock(), 0)
		t.bytes += right.bytes() - before
	}
	copy(n.heads[i+2:], n.heads[i+1:k])
	n.heads[i+1] = head(n.seps.at(i + 1))
	copy(n.kid[i+2:], n.kid[i+1:k])
	copy(n.count[i+2:], n.count[i+1:k])
	n.kid[i+1], n.count[i+1] = right, right.len()
	n.count[i] -= n.count[i+1]
	t.bytes += n.bytes() - was
}

// between is a short string that is greater than a and not greater than b.
func between(a, b []byte) []byte {
	n := 0
	for n < len(a) && a[n] == b[n] {
		n++
	}
	return b[:min(len(b), max(n+1, 8))]
}

// Delete removes key and tells whether it was there.
func (t *Tree) Delete(key []byte) bool {
	if !t.delete(t.own(&t.root), key) {
		return false
	}
	t.count--
	t.settle()
	return true
}

// delete is Delete below n, which is owned.
func (t *Tree) delete(n *node, key []byte) bool {
	if n.branch == nil {
		i, found := n.leaf.find(0, key, t.valued)
		if found {
			t.cut(n, i, 1)
		}
		return found
	}
	i := n.toward(key)
	if !t.delete(t.own(&n.kid[i]), key) {
		return false
	}
	n.count[i]--
	t.tidy(n, i)
	return true
}

// cut removes k entries of a leaf.
func (t *Tree) cut(n *node, i, k int) {
	was := n.bytes()
	n.leaf.remove(t.Clock(), i, k)
	t.bytes += n.bytes() - was
}

// settle makes the tree lower when its root has one kid, or none.
func (t *Tree) settle() {
	if t.count == 0 {
		if t.root.branch != nil {
			t.reset()
		}
		return
	}
	for t.root.branch != nil && t.root.seps.n == 1 {
		t.bytes -= t.root.bytes()
		t.root = t.root.kid[0]
	}
}

// tidy looks after kid i of n, from which something was deleted.
func (t *Tree) tidy(n *node, i int) {
	if n.count[i] == 0 {
		t.bytes -= n.kid[i].bytes()
		t.free(n.kid[i])
		t.drop(n, i, i+1)
		return
	}
	t.join(n, i)
}

// width is the number of entries or kids.
func (n *node) width() int {
	if n.branch == nil {
		return int(n.leaf.n)
	}
	return int(n.seps.n)
}

// join joins kid i of n, if it is small, with a neighbour, if that is small enough.
func (t *Tree) join(n *node, i int) {
	if n.kid[i].width() > few {
		return
	}
	for j := i; j >= max(i-1, 0); j-- {
		if j+1 < int(n.seps.n) && n.kid[j].joins(n.kid[j+1]) {
			t.merge(n, j)
			return
		}
	}
}

// joins tells whether two neighbours may become one node.
func (n *node) joins(right *node) bool {
	if n.width()+right.width() > joined {
		return false
	}
	if n.branch == nil {
		return len(n.leaf.slab)+len(right.leaf.slab) <= leafBytes*2/3
	}
	return len(n.seps.slab)+len(right.seps.slab) <= sepBytes/2
}

// merge makes one node of the kids j and j+1 of n.
func (t *Tree) merge(n *node, j int) {
	left, right := t.own(&n.kid[j]), n.kid[j+1]
	t.bytes -= left.bytes() + right.bytes()
	if left.branch == nil {
		left.leaf.append(t.Clock(), &right.leaf)
	} else {
		k := int(left.seps.n)
		left.seps.append(t.Clock(), &right.seps)
		sep := n.seps.at(j + 1)
		copy(left.seps.resize(t.Clock(), k, len(sep)), sep)
		left.heads[k] = head(sep)
		copy(left.heads[k+1:], right.heads[1:right.seps.n])
		copy(left.kid[k:], right.kid[:right.seps.n])
		copy(left.count[k:], right.count[:right.seps.n])
	}
	n.count[j] += n.count[j+1]
	t.bytes += left.bytes()
	t.free(right)
	t.drop(n, j+1, j+2)
}

// drop takes the kids lo to hi-1 out of n.
func (t *Tree) drop(n *node, lo, hi int) {
	was, k := n.bytes(), int(n.seps.n)
	from := lo
	if lo == 0 && hi < k {
		from = 1 // the empty separator stays, for the kid that is first now
	}
	n.seps.remove(t.Clock(), from, hi-lo)
	copy(n.heads[from:], n.heads[from+hi-lo:k])
	copy(n.kid[lo:], n.kid[hi:k])
	copy(n.count[lo:], n.count[hi:k])
	clear(n.kid[k-(hi-lo) : k])
	t.bytes += n.bytes() - was
}

// DeleteRange removes n keys, that of rank from and those behind it, as far as there are
// so many, and passes each to each, if that is not nil, before it goes. It tells how many.
func (t *Tree) DeleteRange(from, n int, each func(key, val []byte)) int {
	n = min(n, t.count-from)
	if from < 0 || n <= 0 {
		return 0
	}
	if n == t.count {
		t.discard(t.root, each)
		t.reset()
		return n
	}
	t.deleteRange(t.own(&t.root), from, n, each)
	t.count -= n
	t.settle()
	return n
}

// deleteRange is DeleteRange below n, which is owned and has more than k entries.
func (t *Tree) deleteRange(n *node, from, k int, each func(key, val []byte)) {
	if n.branch == nil {
		if each != nil {
			for i := from; i < from+k; i++ {
				each(t.split(n.leaf.at(i)))
			}
		}
		t.cut(n, from, k)
		return
	}
	i := 0
	for from >= n.count[i] {
		from -= n.count[i]
		i++
	}
	lo := i
	if from > 0 {
		lo++
	}
	for ; k > 0; i++ {
		some := min(k, n.count[i]-from)
		if some == n.count[i] {
			t.discard(n.kid[i], each)
			n.count[i] = 0
		} else {
			t.deleteRange(t.own(&n.kid[i]), from, some, each)
			n.count[i] -= some
		}
		k, from = k-some, 0
	}
	hi := lo
	for hi < int(n.seps.n) && n.count[hi] == 0 {
		hi++
	}
	if hi > lo {
		t.drop(n, lo, hi)
	}
	if lo < int(n.seps.n) {
		t.join(n, lo)
	}
	if lo > 0 {
		t.join(n, lo-1)
	}
}

// discard forgets n and what is below it, and passes the entries to each.
func (t *Tree) discard(n *node, each func(key, val []byte)) {
	t.bytes -= n.bytes()
	if n.branch != nil {
		for _, kid := range n.kid[:n.seps.n] {
			t.discard(kid, each)
		}
	} else if each != nil {
		for i := range int(n.leaf.n) {
			each(t.split(n.leaf.at(i)))
		}
	}
	t.free(n)
}

// free gives up the slab of a node that is no longer part of the tree.
func (t *Tree) free(n *node) {
	if n.branch == nil && t.Writable(n.epoch) {
		t.Clock().Free(n.leaf.slab)
		n.leaf.slab = nil
	}
}
