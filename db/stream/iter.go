package stream

import (
	"redust/db/listpack"
)

// Iter walks over the entries of a range, forward or back. Range or RangeBack make it
// ready, Next goes to an entry, Field then reads its pairs in order. It stays valid
// until entries are added or removed; groups may change. What it yields is borrowed from
// the stream.
type Iter struct {
	ID ID  // of the entry
	N  int // pairs

	from, to ID
	back     bool
	done     bool
	loaded   bool // there is a block under the cursor
	c        cursor[*block]
	b        *block
	h        head
	first    int // position of the block's first entry
	pos      int // forward: of the first entry not looked at; back: behind the last one

	same  bool
	name  int // position of the next name, if the head has it
	value int // position of the next element of the entry
	left  int // elements of the entry not read
}

// Range makes the iterator ready to walk over the entries from from to to, both included.
func (it *Iter) Range(s *Stream, from, to ID) {
	it.start(from, to, false)
	s.blocks.seekBack(&it.c, from)
	if it.c.leaf == nil {
		s.blocks.seek(&it.c, from)
	}
	it.load()
}

// RangeBack is Range for a walk from to down to from.
func (it *Iter) RangeBack(s *Stream, from, to ID) {
	it.start(from, to, true)
	s.blocks.seekBack(&it.c, to)
	it.load()
}

func (it *Iter) start(from, to ID, back bool) {
	it.from, it.to, it.back = from, to, back
	it.value, it.done = 0, to.Less(from)
}

// load prepares the block under the cursor.
func (it *Iter) load() {
	if it.loaded = it.c.leaf != nil; !it.loaded {
		return
	}
	it.b = *it.c.val()
	it.h = it.b.head()
	it.first = it.b.entries(it.h)
	it.pos = it.first
	if it.back {
		it.pos = len(it.b.data)
	}
}

// Find goes to the entry of this ID; false if there is none. From one call to the next it
// goes on where it stands if the ID is ahead in the same block, so looking up many in
// their order is fast. Such an iterator is good for nothing else.
func (it *Iter) Find(s *Stream, id ID) bool {
	if it.loaded && it.to.Less(id) && it.holds(s, id) {
		it.from, it.to, it.done = id, id, false
	} else {
		it.Range(s, id, id)
	}
	return it.Next()
}

// holds tells whether an ID that is not before the block of the iterator is not behind it.
func (it *Iter) holds(s *Stream, id ID) bool {
	if next := it.c.at + 1; next < len(it.c.leaf.ids) {
		return id.Less(it.c.leaf.ids[next])
	}
	last, _ := s.blocks.last()
	return last == it.c.id()
}

// Next goes to the next entry; false if there is none.
func (it *Iter) Next() bool {
	if it.done {
		return false
	}
	if it.back {
		return it.nextBack()
	}
	if it.value > 0 { // leave the entry before, whatever was read of it
		it.pos = skip(it.b.data, it.value, it.left+1)
		it.value = 0
	}
	for it.loaded {
		master := it.c.id()
		for it.pos < len(it.b.data) {
			e := it.b.entryAt(it.pos, master, &it.h)
			if it.to.Less(e.id) {
				return it.end()
			}
			if !e.deleted && !e.id.Less(it.from) {
				it.yield(&e)
				return true
			}
			it.pos = it.b.behind(&e)
		}
		if it.c.next() {
			it.load()
		} else {
			it.loaded = false
		}
	}
	return it.end()
}

func (it *Iter) nextBack() bool {
	for it.loaded {
		master := it.c.id()
		for it.pos > it.first {
			it.pos = it.b.before(it.pos)
			e := it.b.entryAt(it.pos, master, &it.h)
			if e.id.Less(it.from) {
				return it.end()
			}
			if !e.deleted && !it.to.Less(e.id) {
				it.yield(&e)
				return true
			}
		}
		if it.c.prev() {
			it.load()
		} else {
			it.loaded = false
		}
	}
	return it.end()
}

func (it *Iter) end() bool {
	it.done = true
	return false
}

func (it *Iter) yield(e *entry) {
	it.ID, it.N, it.same = e.id, e.n, e.same
	it.name, it.value, it.left = it.h.names, e.body, e.elements()
}

// Field reads the next pair of the entry; there are N of them.
func (it *Iter) Field() (name, value listpack.Value) {
	p := it.b.data
	if it.same {
		name = listpack.Get(p, it.name)
		it.name = listpack.Skip(p, it.name)
	} else {
		name = listpack.Get(p, it.value)
		it.value = listpack.Skip(p, it.value)
		it.left--
	}
	value = listpack.Get(p, it.value)
	it.value = listpack.Skip(p, it.value)
	it.left--
	return name, value
}
