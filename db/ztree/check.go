package ztree

import (
	"bytes"

	"redust/internal/assert"
)

// check walks the whole tree and panics if anything that the package comment calls always
// true is not.
func (t *Tree) check() {
	c := checker{t: t, depth: -1}
	count := c.node(t.root, 0, nil, nil)
	assert.That(count == t.count, "ztree: entries miscounted")
	assert.That(c.bytes == t.bytes, "ztree: memory miscounted")
	assert.That(t.root.branch == nil || t.root.seps.n > 1, "ztree: a root with one kid")
}

type checker struct {
	t     *Tree
	depth int // of the leaves, -1 before the first
	bytes int
	last  []byte
}

// node checks what is below n, whose keys must be at least lo and below hi, if not nil.
func (c *checker) node(n *node, depth int, lo, hi []byte) (count int) {
	c.bytes += n.bytes()
	if n.branch == nil {
		c.leaf(&n.leaf, lo, hi)
		assert.That(c.depth < 0 || c.depth == depth, "ztree: leaves at several depths")
		assert.That(n.leaf.n > 0 || n == c.t.root, "ztree: an empty leaf")
		c.depth = depth
		return int(n.leaf.n)
	}
	k := int(n.seps.n)
	assert.That(k > 0 && k < slots, "ztree: a branch without kids, or too many")
	assert.That(len(n.seps.at(0)) == 0, "ztree: a first separator")
	for i := range k {
		from, to := lo, hi
		if i > 0 {
			from = n.seps.at(i)
			assert.That(n.heads[i] == head(from), "ztree: head of a separator")
		}
		if i+1 < k {
			to = n.seps.at(i + 1)
		}
		below := c.node(n.kid[i], depth+1, from, to)
		assert.That(below == n.count[i], "ztree: entries of a kid miscounted")
		count += below
	}
	for _, kid := range n.kid[k:] {
		assert.That(kid == nil, "ztree: a kid that nobody needs")
	}
	return count
}

func (c *checker) leaf(p *pack[uint16], lo, hi []byte) {
	for i := range int(p.n) {
		assert.That(i == 0 && p.off[0] == 0 || i > 0 && p.off[i] >= p.off[i-1], "ztree: offsets of a leaf")
		assert.That(p.start(i) <= leafBytes*6+slots*maxValue, "ztree: entries behind a heavy one")
		k, v := c.t.split(p.at(i))
		assert.That(c.last == nil || bytes.Compare(c.last, k) < 0, "ztree: keys do not ascend")
		assert.That(lo == nil || bytes.Compare(lo, k) <= 0, "ztree: key below its separator")
		assert.That(hi == nil || bytes.Compare(k, hi) < 0, "ztree: key above the next separator")
		assert.That(len(v) <= maxValue, "ztree: long value")
		c.last = k
	}
}
