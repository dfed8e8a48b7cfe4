package table

import (
	"hash/maphash"
	"math/bits"

	"redust/db/cow"
	"redust/internal/assert"
)

// Walk goes over the pages of a table in hash order. Tables that share a seed have the same
// order, which is what makes set algebra cheap: while one is walked, whatever is looked up
// in another comes along in order, too, and its pages are met one after the other instead
// of at random:
//
//	a   |--page--|--page--|------page------|     walked
//	b   |------page-------|--page--|--page-|     looked up in: the page below, or those
//
// Entries of a page are named by their slots, and a set of them is one word, a bit a slot.
//
// The walk is a place in hash order and no more, as Scan's cursor is: between two calls
// of Next the table may change, and an entry that stays is still met exactly once.
type Walk struct {
	t       *Table
	p       *page
	at, end uint64 // hashes from which the page at hand, and the next one, are met
	done    bool

	hashes [pageSlots]uint64
	hashed uint64 // slots whose hash is known
}

// Walk begins a walk over the table.
func (t *Table) Walk() *Walk { return &Walk{t: t} }

// Begin begins a walk over t with the memory of another that is over.
func (w *Walk) Begin(t *Table) { w.t, w.p, w.at, w.end, w.done = t, nil, 0, 0, false }

// Next goes on to the next page that has entries. False: there is none.
func (w *Walk) Next() bool {
	for !w.done {
		w.at, w.hashed = w.end, 0
		w.p = w.t.page(w.at)
		low := w.t.shift - w.p.depth // hash bits below the page's prefix
		w.end = (w.at>>low + 1) << low
		w.done = w.end == 0
		if w.p.count > 0 {
			return true
		}
	}
	return false
}

// At is the first hash of the page at hand, and End the first behind it, or 0 if there is
// none.
func (w *Walk) At() uint64 { return w.at }

// End is said with At.
func (w *Walk) End() uint64 { return w.end }

// Slots are the entries of the page at hand that have not been met before.
func (w *Walk) Slots() uint64 {
	slots := w.p.slots()
	if low := w.t.shift - w.p.depth; w.at>>low<<low == w.at {
		return slots
	}
	// The page has grown to the left since the walk was there.
	for m := slots; m != 0; m &= m - 1 {
		if i := bits.TrailingZeros64(m); w.Hash(i) < w.at {
			slots &^= 1 << i
		}
	}
	return slots
}

// slots is the set of slots in use.
func (p *page) slots() (slots uint64) {
	for g := range uint8(pageSlots / groupSlots) {
		slots |= gather(p.group(g)) << (g * groupSlots)
	}
	return slots
}

// Key is the key in a slot; it points into the page.
func (w *Walk) Key(slot int) []byte { return w.p.key(slot) }

// Hash is the hash of the key in a slot.
func (w *Walk) Hash(slot int) uint64 {
	if slot &= pageSlots - 1; w.hashed>>slot&1 == 0 {
		w.hashes[slot] = w.t.Hash(w.p.key(slot))
		w.hashed |= 1 << slot
	}
	return w.hashes[slot]
}

// In returns those of the slots whose keys o has, too. o shares the table's seed.
//
// Most keys that o does not have are told by their tags alone, without being read or hashed:
// a key that is in both tables has one tag in both, and the same home in both pages.
func (w *Walk) In(o *Table, slots uint64) (found uint64) {
	const worth = 8 // fewer keys are looked up at once
	if bits.OnesCount64(slots) >= worth {
		if o.page(w.at) == w.p {
			return slots // o is a copy, and neither has changed here since
		}
		slots = w.likely(o, slots)
	}
	for m := slots; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		h := w.Hash(i)
		if o.page(h).find(h, w.p.key(i)) >= 0 {
			found |= 1 << i
		}
	}
	return found
}

// likely returns those of the slots whose tags are on the pages of o that cover the page at
// hand: one, or two if o has more pages. If it has many more, all are likely.
func (w *Walk) likely(o *Table, slots uint64) uint64 {
	a := o.page(w.at)
	mine, theirs := w.t.shift-w.p.depth, o.shift-a.depth // hash bits below a page's prefix
	switch {
	case theirs >= mine:
		return slots & w.p.alike(a)
	case theirs+1 == mine:
		if b := o.page(w.at | 1<<theirs); b.depth == a.depth {
			return slots & (w.p.alike(a) | w.p.alike(b))
		}
	}
	return slots
}

// alike returns the slots of p that may hold a key of q: those whose tag is in q where such a
// key could stand. A group is compared with another eight tags at a time, and the other
// is turned by one tag seven times.
func (p *page) alike(q *page) (slots uint64) {
	const sevens = lows * 0x7f
	for g := range uint8(pageSlots / groupSlots) {
		mine, differ := p.group(g), ^uint64(0)
		for where := p.standIns(q, g); where != 0; where &= where - 1 {
			theirs := q.group(uint8(bits.TrailingZeros8(where)))
			for range groupSlots {
				x := mine ^ theirs
				differ &= x&sevens + sevens | x // the high bit of a byte is set unless x is 0 there
				theirs = bits.RotateLeft64(theirs, 8)
			}
		}
		slots |= gather(^differ) << (g * groupSlots)
	}
	return slots & p.slots()
}

// standIns is the set of groups of q in which a key stands that p has in group g. Its home is
// g, or an overflowing group that reaches so far; in q it stands at home or, if that
// overflows there, as far away as q reaches.
func (p *page) standIns(q *page, g uint8) (groups uint8) {
	homes := uint8(1)<<g | p.over&bits.RotateLeft8(1<<p.reach-1, int(g)-int(p.reach))
	groups = homes
	away := homes & q.over
	for n := 1; n <= int(q.reach); n++ {
		groups |= bits.RotateLeft8(away, n)
	}
	return groups
}

// gather makes a byte of the high bits of eight.
func gather(w uint64) uint64 { return w & highs >> 7 * 0x0102040810204080 >> 56 }

// EachMarked calls yield for the marked keys until it returns false, and tells whether it
// never did: marks has a word for each page that has entries, in hash order, with a bit for
// each slot. There may be fewer words than pages. Nothing may change meanwhile.
func (t *Table) EachMarked(marks []uint64, yield func(key []byte) bool) bool {
	for _, d := range t.top {
		for i := uint64(0); i < uint64(len(d.pages)); {
			p := d.pages[i]
			i += 1 << (d.depth - p.depth)
			if p.count == 0 {
				continue
			}
			if len(marks) == 0 {
				return true
			}
			for m := marks[0]; m != 0; m &= m - 1 {
				if !yield(p.key(bits.TrailingZeros64(m))) {
					return false
				}
			}
			marks = marks[1:]
		}
	}
	return true
}

// KeyBytes is about how many bytes the keys and values have together.
func (t *Table) KeyBytes() int { return max(0, int(t.bytes-t.frame)-t.count*keyAt(t.meta)) }

// Slot is the place of a found entry within its page, as a walk names it.
func (r Ref) Slot() int { return r.slot }

// Add makes key, whose hash is h, an entry without a value; false if it was one.
func (t *Table) Add(h uint64, key []byte) bool { return t.Insert(h, key, Entry{}) }

// Insert is Put for a key that is not there; false, and nothing done, if it is.
func (t *Table) Insert(h uint64, key []byte, e Entry) bool {
	assert.That(len(e.Bytes) <= maxInline, "table: a long value must be an object")
	p := t.page(h)
	if p.find(h, key) >= 0 {
		return false
	}
	for p.count == pageSlots {
		t.split(h)
		p = t.page(h)
	}
	t.insert(t.own(h), h, key, e)
	return true
}

// Sweep removes many entries: drop is shown each page that has some, in hash order, and
// returns the slots that are to be emptied. It may not change the table itself.
func (t *Table) Sweep(drop func(w *Walk) (slots uint64)) {
	for w := t.Walk(); w.Next(); {
		slots := drop(w)
		if slots == 0 {
			continue
		}
		p := t.own(w.at)
		for m := slots; m != 0; m &= m - 1 {
			t.drop(p, bits.TrailingZeros64(m))
		}
		n := bits.OnesCount64(slots)
		p.count -= uint8(n)
		t.count -= n
		t.emptied(p)
	}
	// Only now may pages be joined: that would give entries that drop has not been shown
	// other slots than those its caller may have noted.
	for h := uint64(0); ; {
		p := t.page(h)
		if p.count <= few {
			t.shrink(h, p)
			p = t.page(h)
		}
		low := t.shift - p.depth
		if h = (h>>low + 1) << low; h == 0 {
			return
		}
	}
}

// NewFor is New for a table that is to be filled with n keys, and NewMembersFor likewise is
// NewMembers, of so many bytes in all with their values, heads aside: its pages are there
// from the start, so that few have to grow or split.
func NewFor(seed maphash.Seed, clock *cow.Clock, armer Armer, n, bytes int) *Table {
	t := &Table{Owner: cow.NewOwner(clock), seed: seed, armer: armer, meta: flagMeta}
	t.fill(n, bytes)
	return t
}

// NewMembersFor is said with NewFor.
func NewMembersFor(seed maphash.Seed, clock *cow.Clock, n, keyBytes int) *Table {
	t := &Table{Owner: cow.NewOwner(clock), seed: seed}
	t.fill(n, keyBytes)
	return t
}

// fill gives an empty table the pages for n entries.
func (t *Table) fill(n, keyBytes int) {
	const least = 28 // entries a page: with twice as many, one page in seven splits
	depth := uint8(0)
	for depth < maxDepth && n>>(depth+1) >= least {
		depth++
	}
	if depth == 0 {
		t.reset()
		return
	}
	dirs := 1
	t.shift = 64
	if depth > wideAt {
		dirs, t.shift = 1<<topBits, 64-topBits
		depth -= topBits
	}
	slab := (keyBytes + n*(keyAt(t.meta)+1)) / dirs >> depth
	slab += slab / 8
	for range dirs {
		d := &dir{pages: make([]*page, 1<<depth), depth: depth, epoch: t.Epoch(), deepest: 1 << depth}
		for i := range d.pages {
			p := t.newPage(depth, min(slab, maxSlab))
			d.pages[i] = p
			t.bytes += int64(cap(p.slab))
		}
		t.top = append(t.top, d)
	}
	t.frame = int64(dirs * (dirBytes + 8 + (pageBytes+8)<<depth))
	t.bytes += t.frame
}
