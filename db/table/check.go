package table

import "redust/internal/assert"

// Check is for the tests of those who build on tables: it walks the whole table and panics
// if anything in it is wrong.
func (t *Table) Check() { t.check() }

// check walks the whole table and panics if anything that the package comment calls
// always true is not.
func (t *Table) check() {
	count, timed, inner := 0, 0, 0
	bytes, frame := int64(0), int64(0)
	for top, d := range t.top {
		assert.That(len(d.pages) == 1<<d.depth, "table: directory of a wrong width")
		bytes += dirBytes + 8 + 8*int64(len(d.pages))
		frame += dirBytes + 8 + 8*int64(len(d.pages))
		deepest := 0
		for i := uint64(0); i < uint64(len(d.pages)); {
			p := d.pages[i]
			assert.That(p.depth <= d.depth, "table: page deeper than its directory")
			n := uint64(1) << (d.depth - p.depth)
			assert.That(i%n == 0, "table: page in the wrong place")
			for j := i; j < i+n; j++ {
				assert.That(d.pages[j] == p, "table: a place of the page's prefix leads elsewhere")
			}
			if p.depth == d.depth {
				deepest++
			}
			c, timedHere, innerHere, size := t.checkPage(p, uint64(top), i)
			count, timed, inner, bytes = count+c, timed+timedHere, inner+innerHere, bytes+size
			frame += pageBytes
			i += n
		}
		assert.That(deepest == d.deepest, "table: deepest pages miscounted")
	}
	assert.That(count == t.count, "table: entries miscounted")
	assert.That(timed == t.timed && inner == t.inner, "table: deadlines miscounted")
	assert.That(bytes == t.bytes && frame == t.frame, "table: memory miscounted")
}

// checkPage checks one page, which begins at this place of this directory.
func (t *Table) checkPage(p *page, top, index uint64) (count, timed, inner int, bytes int64) {
	live, objects := 0, 0
	bytes = int64(pageBytes + cap(p.slab) + p.objsBytes())
	for i, tag := range p.tags {
		if tag == 0 {
			continue
		}
		e := p.entry(i)
		h := t.Hash(p.key(i))
		d := t.dir(h)
		assert.That(t.top[top] == d && t.index(d, h)>>(d.depth-p.depth) == index>>(d.depth-p.depth), "table: entry in the wrong page")
		assert.That(tag == tagOf(h), "table: entry under the wrong tag")
		home := groupOf(h)
		assert.That(i/groupSlots == int(home) || p.over>>home&1 == 1, "table: entry away from home unmarked")
		assert.That((i/groupSlots-int(home))&7 <= int(p.reach), "table: entry out of reach")
		assert.That(p.find(h, p.key(i)) == i, "table: entry is not found, or twice")
		if e[flagsAt]&flagObject != 0 {
			objects++
			bytes += int64(p.object(i).MemBytes())
		}
		assert.That(e[flagsAt]&flagMeta == t.meta, "table: entry of a wrong shape")
		if at := p.deadline(i); at != 0 {
			timed++
		}
		object, ok := p.value(i).(Timed)
		has := ok && object.NextDeadline() != 0
		assert.That(has == (e[flagsAt]&flagTimed != 0), "table: deadlines in an object that nobody knows of, or none")
		if has {
			inner++
		}
		if at := p.next(i); at != 0 {
			assert.That(t.armer == nil || p.arm != 0 && p.arm <= at, "table: deadline without an appointment")
		}
		live += len(e)
		count++
	}
	assert.That(count == int(p.count), "table: entries of a page miscounted")
	assert.That(live+int(p.dead) == len(p.slab), "table: dead bytes miscounted")
	if p.objs != nil {
		for _, o := range *p.objs {
			if o != nil {
				objects--
			}
		}
	}
	assert.That(objects == 0, "table: an object that no entry leads to")
	return count, timed, inner, bytes
}
