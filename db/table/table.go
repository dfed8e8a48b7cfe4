// Package table is a hash table made of packed pages: the keyspace, and the index of
// every large collection.
//
// A Go map of objects spends more on headers and pointers than on the keys, makes the
// collector visit each of them, and rehashes as a whole. Here keys and small values lie
// side by side in one slice of bytes per page, a page holds up to 64 of them, and
// extendible hashing (Fagin et al., 1979) splits one page at a time:
//
//	 top (1 or 256)     directory          page: 64 slots
//	+-----+          +---------+        +------------------------------------------+
//	| sub |--------> | *page   |------> | epoch depth count dead over arm          |
//	| sub |          | *page   |        | tags [64]byte    7 hash bits, 0 = free   |
//	| ... |          | ...     |        | off  [64]uint16  where in the slab       |
//	+-----+          +---------+        | slab []byte      entry, entry, ...       |
//	 by the top       by the next       | objs []Object    what is not bytes       |
//	 hash bits        hash bits         +------------------------------------------+
//
//	hash  | top 8 | directory, as deep as needed ... | group 3 | tag 7 | unused 8 |
//
//	entry | flags | klen | vlen | [kind, access 3] | [deadline 8] | key | value |
//
// To the collector a page is two or three objects whatever it holds, so ten million
// keys are some hundred thousand objects. A directory and the top hold pointers alone.
// A table starts as one page under a top of one; when that directory reaches 2^10 the
// top becomes 256 wide, so no directory is ever large enough that doubling it shows.
//
// The index of a large collection is such a table too, made by NewMembers. Its entries
// have no kind and no access history, which a member of a set does not need, and it is
// the root of a value: Own and Share make of it what db/cow asks of a root.
//
// Inside a page a key has a home group of eight slots, and eight tags are compared as
// one word. Bit g of over says that some key whose home is g had to go to another
// group; only then does a search go on after its home, and only as many groups as reach
// says that any such key had to go. Both grow on insertion and are forgotten when the
// page is rebuilt.
//
// Entries are appended to the slab. One that is replaced by another size, or deleted,
// stays as dead bytes until the slab would have to grow and a third of it is dead;
// then it is rewritten. A slab that is outgrown goes back to the clock, for the next page
// that grows. A key or value longer than 255 bytes stands in objs.
//
// Copy on write, by the rules of db/cow: each page and directory has the epoch in which
// it was made, and one that a view or a copy sees is cloned before its first write, in
// one place, own. A view is a copy of the top; it is read by other goroutines with no
// lock, and dropping it is all the cleaning there is. One field of a frozen page may
// still be written, since no view reads it: arm. A view that is read for the last time
// (Drain) gives its pages back one by one, see drain.go.
//
// Deadlines. A page knows in arm when somebody (the wheel) will come and look at it,
// and asks for an earlier visit when an earlier deadline is set. One appointment
// serves the whole page: a deadline that moves later, and all but the first of 64,
// cost nothing at all. The design had an appointment a key. An object may have deadlines
// of its own inside (Timed); a flag in its entry says so, and its next one counts as if it
// were the entry's.
//
// Costs: find is a hash, three dependent loads and one compare of the key; insert adds
// a copy; a split moves 64 entries. Between calls (check proves it): every entry lies
// in the page its hash leads to, under its tag; count and dead are exact; over covers
// every entry away from home; arm is not later than the earliest deadline; bytes is
// the sum of what the parts hold.
package table

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"redust/db/cow"
	"redust/internal/assert"
)

const (
	pageSlots  = 64
	groupSlots = 8
	maxInline  = 255     // longest key or value in a slab, bytes
	maxSlab    = 1 << 16 // offsets are 16 bits
	topBits    = 8
	wideAt     = 10 // directory depth at which the top becomes 2^topBits wide
	maxDepth   = 64 - topBits - hashLow
	hashLow    = 18 // low hash bits that no directory uses: group, tag, unused
)

// Object is a value, or part of one, that is not a run of bytes in a slab. It is
// shared between a page and its frozen copies: before it is changed in place its owner
// asks Writable.
type Object interface {
	// MemBytes is the memory behind the object, its header included, bytes. It is
	// asked once when the object is stored; later changes are told to Table.Resized.
	MemBytes() int
}

// Timed is an object that has deadlines of its own inside. Whoever changes them tells
// Table.Retimed.
type Timed interface {
	Object
	// NextDeadline is the earliest of them, or 0.
	NextDeadline() int64
}

// Armer is told when a page wants to be visited: hash leads to the page, at is
// the time in the unit of the deadlines.
type Armer interface {
	Arm(hash uint64, at int64)
}

// Table maps keys to entries. It belongs to one goroutine. Use New or NewMembers.
type Table struct {
	cow.Owner
	top   []*dir
	shift uint8 // of a hash to its place in top: 64 or 56
	meta  uint8 // flagMeta if entries have a kind and an access history
	count int
	timed int // entries with a deadline
	inner int // entries whose object has deadlines
	bytes int64
	frame int64 // of bytes: page headers, directories, the top
	seed  maphash.Seed
	armer Armer
	views *View // that live
}

// dir is one directory: pages by the hash bits after those of the top.
type dir struct {
	pages   []*page
	depth   uint8
	epoch   uint64
	deepest int // pages whose depth equals the directory's
}

type page struct {
	slab  []byte
	objs  *[]Object
	tags  [pageSlots]uint8
	off   [pageSlots]uint16
	arm   int64 // when the page will be visited; 0 if nobody will
	epoch uint64
	dead  uint16 // bytes of the slab that no entry uses
	depth uint8
	count uint8
	over  uint8
	reach uint8         // the most groups that such a key has gone from home
	claim atomic.Uint64 // who has it of those that a view is drained by, see drain.go
}

// A page with few entries is joined with its neighbour if together they have no more
// than joined: well below half a page, so that the next insertion does not split it.
const few, joined = 12, 24

const (
	pageBytes = 256 // the size class of a page
	dirBytes  = 48
	rootBytes = 128 // a Table
)

// New returns an empty table of keys. Tables that share seed agree on Hash.
func New(seed maphash.Seed, clock *cow.Clock, armer Armer) *Table {
	t := &Table{Owner: cow.NewOwner(clock), seed: seed, armer: armer, meta: flagMeta}
	t.reset()
	return t
}

// NewMembers returns an empty table whose entries have no kind and no access history:
// Put ignores both. They may have deadlines, for which nobody is told to visit.
func NewMembers(seed maphash.Seed, clock *cow.Clock) *Table {
	t := &Table{Owner: cow.NewOwner(clock), seed: seed}
	t.reset()
	return t
}

// Own returns the table for writing: itself, or, if a view sees it, a copy of its root
// that is to take its place. It is for a table that is a value; one that is read through
// View is always its owner's to write.
func (t *Table) Own() *Table {
	if t.RootWritable() {
		return t
	}
	return t.copyRoot(t.Renewed())
}

// Share returns a copy of the table, in a time that does not depend on its size: pages
// are cloned when one of the two first writes to them. Until then their memory counts
// for both. The table must be the caller's to write, see Own.
func (t *Table) Share() *Table { return t.copyRoot(t.Owner.Share()) }

func (t *Table) copyRoot(o cow.Owner) *Table {
	c := *t
	c.Owner = o
	c.top = append([]*dir(nil), t.top...)
	return &c
}

// MemBytes is the memory of the table as a value, bytes.
func (t *Table) MemBytes() int { return rootBytes + int(t.bytes) }

// reset makes the table as it was when new, the views aside.
func (t *Table) reset() {
	p := t.newPage(0, 0)
	t.top = []*dir{{pages: []*page{p}, epoch: t.Epoch(), deepest: 1}}
	t.shift = 64
	t.count, t.timed, t.inner = 0, 0, 0
	t.bytes = pageBytes + dirBytes + 16
	t.frame = t.bytes
}

// Hash is the hash that leads to key, in this table and its kin.
func (t *Table) Hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

// Len is the number of entries, those past their deadline included.
func (t *Table) Len() int { return t.count }

// Timed is the number of entries that have a deadline.
func (t *Table) Timed() int { return t.timed }

// Inner is the number of entries whose object has deadlines inside.
func (t *Table) Inner() int { return t.inner }

// Bytes is the memory that the table holds, objects included and views not, bytes.
func (t *Table) Bytes() int64 { return t.bytes }

// Overhead is the part of Bytes that holds no entries: page headers and directories.
func (t *Table) Overhead() int64 { return t.frame }

// Resized tells that an object in the table has grown by delta bytes.
func (t *Table) Resized(delta int) { t.bytes += int64(delta) }

func (t *Table) dir(h uint64) *dir { return t.top[h>>t.shift] }

// index is the place of the hash in the directory.
func (t *Table) index(d *dir, h uint64) uint64 {
	return h << (64 - t.shift) >> (64 - d.depth)
}

func (t *Table) page(h uint64) *page {
	d := t.dir(h)
	return d.pages[t.index(d, h)]
}

func tagOf(h uint64) uint8   { return uint8(h>>8) | 0x80 }
func groupOf(h uint64) uint8 { return uint8(h>>15) & 7 }

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// match marks, in the high bits, the bytes of w that equal tag. A byte above a match
// may be marked without being one; the caller compares keys anyway.
func match(w uint64, tag uint8) uint64 {
	x := w ^ lows*uint64(tag)
	return (x - lows) &^ x & highs
}

func (p *page) group(g uint8) uint64 {
	return binary.LittleEndian.Uint64(p.tags[g&7*groupSlots:])
}

// find returns the slot of key, or -1.
func (p *page) find(h uint64, key []byte) int {
	tag, home := tagOf(h), groupOf(h)
	for n := uint8(0); ; {
		g := (home + n) & 7
		for m := match(p.group(g), tag); m != 0; m &= m - 1 {
			i := int(g)*groupSlots + bits.TrailingZeros64(m)>>3
			if p.tags[i&63] == tag && p.hasKey(i, key) {
				return i
			}
		}
		if n++; p.over>>home&1 == 0 || n > p.reach {
			return -1
		}
	}
}

// free returns an empty slot for a key with this home, and marks the home as
// overflowing if the slot is elsewhere. The page is not full.
func (p *page) free(home uint8) int {
	for n := uint8(0); n < groupSlots; n++ {
		g := (home + n) & 7
		if m := ^p.group(g) & highs; m != 0 {
			if n > 0 {
				p.over |= 1 << home
				p.reach = max(p.reach, n)
			}
			return int(g)*groupSlots + bits.TrailingZeros64(m)>>3
		}
	}
	panic("table: no free slot in a page that is not full")
}

// Ref is a found entry. It is valid until the next change to its table; the zero Ref
// is no entry.
type Ref struct {
	p    *page
	hash uint64
	slot int
}

// OK tells whether the Ref is an entry.
func (r Ref) OK() bool { return r.p != nil }

// Find returns the entry of key, whose hash is h.
func (t *Table) Find(h uint64, key []byte) Ref {
	p := t.page(h)
	if i := p.find(h, key); i >= 0 {
		return Ref{p, h, i}
	}
	return Ref{}
}

// Current is r as it stands now, if nothing but its own entry has changed since it was found.
func (t *Table) Current(r Ref) Ref {
	r.p = t.page(r.hash)
	return r
}

// Touch brings what a Find of each hash would look at into the processor's caches. The
// loads of one round do not depend on each other, so their misses overlap; that is
// worth several times the work when the table is larger than the caches. It returns a
// number that means nothing, so that the loads are not optimised away.
func (t *Table) Touch(hashes []uint64) uint64 {
	var pages [TouchMax]*page
	var sum uint64
	hashes = hashes[:min(len(hashes), TouchMax)]
	for i, h := range hashes {
		pages[i] = t.page(h)
	}
	for i, h := range hashes {
		sum += pages[i].group(groupOf(h)) + uint64(pages[i].count)
	}
	for i, h := range hashes {
		p := pages[i]
		if m := match(p.group(groupOf(h)), tagOf(h)); m != 0 {
			s := int(groupOf(h))*groupSlots + bits.TrailingZeros64(m)>>3
			sum += uint64(p.off[s&63])
		}
	}
	for i, h := range hashes {
		p := pages[i]
		if m := match(p.group(groupOf(h)), tagOf(h)); m != 0 {
			s := int(groupOf(h))*groupSlots + bits.TrailingZeros64(m)>>3
			if o := int(p.off[s&63]); o < len(p.slab) {
				sum += uint64(p.slab[o])
			}
		}
	}
	return sum
}

// TouchMax is how many hashes one Touch looks after.
const TouchMax = 16

// own returns the page of h for writing: the page itself, or, if a view sees it, a
// clone that has taken its place.
func (t *Table) own(h uint64) *page {
	p := t.page(h)
	if t.Writable(p.epoch) {
		return p
	}
	if t.past(h) || t.offered(p) {
		p.epoch = t.Epoch()
		return p
	}
	q := p.clone(t.Epoch())
	d := t.ownDir(h)
	t.link(d, h, q)
	return q
}

// ownDir is own for a directory.
func (t *Table) ownDir(h uint64) *dir {
	d := t.dir(h)
	if t.Writable(d.epoch) {
		return d
	}
	c := &dir{pages: append([]*page(nil), d.pages...), depth: d.depth, epoch: t.Epoch(), deepest: d.deepest}
	t.top[h>>t.shift] = c
	return c
}

// span is the range of directory places that lead to a page of this depth.
func (t *Table) span(d *dir, h uint64, depth uint8) (from, n uint64) {
	n = 1 << (d.depth - depth)
	return t.index(d, h) &^ (n - 1), n
}

// link makes all the places of p's prefix lead to p. The directory is the table's own.
func (t *Table) link(d *dir, h uint64, p *page) {
	from, n := t.span(d, h, p.depth)
	for i := from; i < from+n; i++ {
		d.pages[i] = p
	}
}

func (t *Table) newPage(depth uint8, slab int) *page {
	p := &page{depth: depth, epoch: t.Epoch()}
	if slab > 0 {
		p.slab = t.Clock().Slab(slab)
	}
	return p
}

// clone copies a page so that the copy can be written while the old one is read.
func (p *page) clone(epoch uint64) *page {
	q := &page{tags: p.tags, off: p.off, arm: p.arm, epoch: epoch, dead: p.dead, depth: p.depth, count: p.count, over: p.over, reach: p.reach}
	q.slab = append(make([]byte, 0, cap(p.slab)), p.slab...)
	if p.objs != nil {
		objs := append(make([]Object, 0, cap(*p.objs)), *p.objs...)
		q.objs = &objs
	}
	return q
}

// forget gives up the slab of a page that has been replaced.
func (t *Table) forget(p *page) {
	if t.Writable(p.epoch) {
		t.Clock().Free(p.slab)
		p.slab = nil
	}
}

// split makes two pages of the one that h leads to, which is full.
func (t *Table) split(h uint64) {
	d := t.ownDir(h)
	p := d.pages[t.index(d, h)]
	if p.depth == d.depth {
		if len(t.top) == 1 && d.depth == wideAt {
			t.widen()
			return
		}
		assert.That(d.depth < maxDepth, "table: hashes do not differ")
		t.double(d)
	}
	bit := t.shift - 1 - p.depth // the hash bit that tells the halves apart
	half := len(p.slab)/2 + len(p.slab)/8
	a, b := t.newPage(p.depth+1, half), t.newPage(p.depth+1, half)
	t.bytes += int64(pageBytes + cap(a.slab) + cap(b.slab) - cap(p.slab) - p.objsBytes())
	t.frame += pageBytes
	for i := range p.tags {
		if p.tags[i] == 0 {
			continue
		}
		eh := t.Hash(p.key(i))
		if eh>>bit&1 == 0 {
			t.moveTo(a, p, i, eh)
		} else {
			t.moveTo(b, p, i, eh)
		}
	}
	prefix := h >> bit >> 1 << 1 << bit
	t.link(d, prefix, a)
	t.link(d, prefix|1<<bit, b)
	if p.depth+1 == d.depth {
		d.deepest += 2
	}
	t.rearm(a, prefix, p.arm)
	t.rearm(b, prefix|1<<bit, p.arm)
	t.forget(p)
}

// rearm sets the appointment of a page that has taken over entries of another, whose
// appointment at was. The old one may lead to either page, so both ask anew unless
// nothing has a deadline.
func (t *Table) rearm(p *page, h uint64, at int64) {
	if at == 0 {
		return
	}
	if p.arm = p.earliest(); p.arm != 0 {
		t.armer.Arm(h, p.arm)
	}
}

// moveTo appends entry i of p, whose hash is h, to q.
func (t *Table) moveTo(q, p *page, i int, h uint64) {
	e := p.entry(i)
	if cap(q.slab)-len(q.slab) < len(e) {
		t.roomFor(q, len(e))
	}
	j := q.free(groupOf(h))
	q.tags[j] = tagOf(h)
	q.off[j] = uint16(len(q.slab))
	q.count++
	q.slab = append(q.slab, e...)
	if e[0]&flagObject != 0 {
		was := q.objsBytes()
		q.slab[len(q.slab)-1] = q.addObject(p.object(i))
		t.bytes += int64(q.objsBytes() - was)
	}
}

// double makes a directory twice as wide.
func (t *Table) double(d *dir) {
	wide := make([]*page, 2*len(d.pages))
	for i, p := range d.pages {
		wide[2*i], wide[2*i+1] = p, p
	}
	t.bytes += int64(8 * len(d.pages))
	t.frame += int64(8 * len(d.pages))
	d.pages, d.deepest = wide, 0
	d.depth++
}

// widen turns the only directory, 2^wideAt places, into 256 under a wide top. Pages
// that would belong to several are split first.
func (t *Table) widen() {
	d := t.ownDir(0)
	step := uint64(1) << (64 - wideAt)
	for i := uint64(0); i < 1<<wideAt; i++ {
		for d.pages[i].depth < topBits {
			t.split(i * step)
		}
	}
	t.top = make([]*dir, 1<<topBits)
	t.shift = 64 - topBits
	const each = 1 << (wideAt - topBits)
	for i := range t.top {
		s := &dir{pages: append([]*page(nil), d.pages[i*each:(i+1)*each]...), depth: wideAt - topBits, epoch: t.Epoch()}
		for j := 0; j < each; {
			p := s.pages[j]
			if !t.Writable(p.epoch) {
				// Its depth is about to be counted from elsewhere, and a view may be
				// reading the page, so this one must be ours.
				p = p.clone(t.Epoch())
			}
			p.depth -= topBits
			n := 1 << (s.depth - p.depth)
			for k := j; k < j+n; k++ {
				s.pages[k] = p
			}
			if p.depth == s.depth {
				s.deepest++
			}
			j += n
		}
		t.top[i] = s
	}
	t.bytes += (1<<topBits)*(dirBytes+8) - dirBytes - 8
	t.frame += (1<<topBits)*(dirBytes+8) - dirBytes - 8
}

// shrink joins the page of h with its neighbour when both have become nearly empty,
// and halves the directory when no page needs its last bit.
func (t *Table) shrink(h uint64, p *page) {
	if t.count == 0 && p.depth+64-t.shift > 0 {
		t.reset()
		return
	}
	for p.count <= few && p.depth > 0 {
		bit := t.shift - p.depth
		buddy := t.page(h ^ 1<<bit)
		if buddy.depth != p.depth || buddy.count+p.count > joined {
			return
		}
		d := t.ownDir(h)
		q := t.newPage(p.depth-1, len(p.slab)-int(p.dead)+len(buddy.slab)-int(buddy.dead))
		t.bytes -= int64(pageBytes + cap(p.slab) + cap(buddy.slab) - cap(q.slab) + p.objsBytes() + buddy.objsBytes())
		t.frame -= pageBytes
		for _, from := range [2]*page{p, buddy} {
			for i := range from.tags {
				if from.tags[i] != 0 {
					t.moveTo(q, from, i, t.Hash(from.key(i)))
				}
			}
		}
		t.link(d, h, q)
		if p.depth == d.depth {
			d.deepest -= 2
		}
		if at := max(p.arm, buddy.arm); at != 0 {
			t.rearm(q, h, at)
		}
		// Both keep their slabs, for whoever has found an entry there and has not read it yet:
		// the look-up of another key may have removed that one because it had expired.
		p = q
		for d.depth > 0 && d.deepest == 0 {
			t.halve(d)
		}
	}
}

// halve drops the last bit of a directory that no page needs.
func (t *Table) halve(d *dir) {
	t.bytes -= int64(4 * len(d.pages))
	t.frame -= int64(4 * len(d.pages))
	d.depth--
	half := make([]*page, len(d.pages)/2)
	for i := range half {
		half[i] = d.pages[2*i]
	}
	d.pages = half
	for i := uint64(0); i < uint64(len(half)); {
		p := half[i]
		if p.depth == d.depth {
			d.deepest++
		}
		i += 1 << (d.depth - p.depth)
	}
}

func (p *page) hasKey(i int, key []byte) bool {
	o := int(p.off[i&63])
	e := p.slab[o:]
	if len(e) < headBytes {
		return false
	}
	k := keyAt(e[flagsAt])
	if n := int(e[klenAt]); n == len(key) && e[0]&flagLong == 0 {
		return bytes.Equal(e[k:k+n], key)
	}
	return e[0]&flagLong != 0 && bytes.Equal(p.object(i).(*long).key, key)
}
