package stream

import (
	"redust/db/listpack"
	"redust/internal/assert"
)

// Check is check, for the tests of those who build on streams.
func (s *Stream) Check() { s.check() }

// check walks the whole stream and panics if anything that the package comment calls
// always true is not.
func (s *Stream) check() {
	bytes, packed := s.blocks.check(), 0
	length := 0
	var before, first ID
	for master, b := range s.blocks.all {
		live, from := (*b).check(*master, before)
		if length == 0 {
			first = from
		}
		length += live
		before = (*b).lastID(*master)
		packed += blockBytes + cap((*b).data)
	}
	assert.That(length == s.length, "stream: entries miscounted")
	assert.That(first == s.first, "stream: not the first entry")
	assert.That(!s.last.Less(before), "stream: an entry beyond the last ID")
	assert.That(packed == s.packed, "stream: blocks weighed wrong")
	bytes += packed + 8*cap(s.groups)
	for i, g := range s.groups {
		assert.That(i == 0 || s.groups[i-1].Name < g.Name, "stream: groups out of order")
		bytes += g.check()
	}
	assert.That(bytes == s.bytes, "stream: memory miscounted")
}

// check checks a block behind an entry, and returns how many entries are live, and the
// first of them.
func (b *block) check(master, before ID) (live int, first ID) {
	assert.That(listpack.Check(b.data) == nil, "stream: a block that is no listpack")
	h := b.head()
	at, deleted := b.entries(h), 0
	assert.That(listpack.Get(b.data, listpack.Back(b.data, at)).Int == 0, "stream: a head without its end")
	for n := 0; at < len(b.data); n++ {
		e := b.entryAt(at, master, &h)
		assert.That(n > 0 || e.id == master, "stream: a block under another ID")
		assert.That(before.Less(e.id), "stream: entries out of order")
		before = e.id
		if e.deleted {
			deleted++
		} else {
			if live == 0 {
				first = e.id
			}
			live++
		}
		end := b.behind(&e)
		assert.That(b.before(end) == at, "stream: an entry that cannot be walked back")
		at = end
	}
	assert.That(live == int(h.live) && deleted == int(h.deleted), "stream: entries of a block miscounted")
	return live, first
}

// check checks what is pending, and returns what the group weighs.
func (g *Group) check() int {
	bytes := groupBytes + len(g.Name) + 8*cap(g.consumers) + 4*cap(g.order) + g.pending.check()
	pending := 0
	for i := range g.order {
		c := g.ConsumerAt(i)
		assert.That(i == 0 || g.ConsumerAt(i-1).Name < c.Name, "stream: consumers out of order")
		assert.That(g.consumers[c.number] == c && g.order[i] == c.number, "stream: a consumer with another's number")
		bytes += consumerBytes + len(c.Name) + c.pending.check()
		pending += c.pending.len
		for id := range c.pending.all {
			d := g.pending.get(*id)
			assert.That(d != nil && d.consumer == c.number, "stream: pending at a consumer and not in its group")
		}
	}
	assert.That(pending == g.pending.len, "stream: pending in a group and at no consumer")
	return bytes
}

// check checks a tree and returns what its nodes weigh.
func (t *tree[V]) check() int {
	n, bytes := 0, 0
	var before *ID
	var walk func(at *node[V], height int, from, to *ID)
	walk = func(at *node[V], height int, from, to *ID) {
		bytes += at.bytes()
		assert.That(len(at.ids) <= fan && (len(at.ids) > 0 || at == t.root && height == 0), "stream: a node of a wrong size")
		if height == 0 {
			assert.That(at.kids == nil && len(at.vals) == len(at.ids), "stream: a leaf out of place")
			for i := range at.ids {
				id := &at.ids[i]
				assert.That(before == nil || before.Less(*id), "stream: IDs out of order")
				assert.That(!id.Less(*from) && (to == nil || id.Less(*to)), "stream: an ID in another's node")
				before = id
				n++
			}
			return
		}
		assert.That(len(at.kids) == len(at.ids), "stream: an inner node with other children")
		for i, k := range at.kids {
			until := to
			if i+1 < len(at.ids) {
				until = &at.ids[i+1]
			}
			walk(k, height-1, &at.ids[i], until)
		}
	}
	if t.root != nil {
		assert.That(t.height == 0 || len(t.root.ids) > 1, "stream: a root for one child")
		walk(t.root, t.height, &ID{}, nil)
	}
	assert.That(n == t.len, "stream: elements miscounted")
	assert.That(bytes == t.bytes, "stream: nodes weighed wrong")
	return bytes
}
