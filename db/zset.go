package db

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"redust/db/listpack"
	"redust/db/table"
	"redust/db/ztree"
	"redust/internal/dtoa"
)

// Sorted sets. Small: a listpack of member, score, member, score in order. Large: two
// structures of nodes, one for each question that is asked,
//
//	scores  member -> score     a table of members; the score is 8 bytes
//	order   score, member       a tree of keys: the score as 8 bytes that compare as
//	                            numbers do, the member behind it
//
// so a range of scores, or of members of one score, is a range of keys, and with the counts
// in the tree it is a range of ranks:
//
//	ZRANGEBYSCORE z 5 (7   -->  ranks [Rank(5), Rank(7))   -->  LIMIT is arithmetic
//	ZCOUNT                 -->  their difference
//	ZREMRANGEBYLEX         -->  the tree drops its leaves, the table one member each
//
// Everything that ranges does so in ranks, packed or large. Minus zero equals zero, so the
// tree knows only zero; the table has the score as it was given, and signed says that
// there may be a minus zero, for which ranges then look there.

// zsetRoot is a large sorted set.
type zsetRoot struct {
	scores *table.Table
	order  *ztree.Tree
	signed bool // a score was minus zero
}

const zsetRootBytes = 24

func (d *DB) newZSetRoot() *zsetRoot {
	return &zsetRoot{scores: table.NewMembers(d.k.seed, d.k.clock), order: ztree.New(d.k.clock)}
}

// MemBytes is the memory of the sorted set, bytes.
func (r *zsetRoot) MemBytes() int {
	return zsetRootBytes + r.scores.MemBytes() + r.order.MemBytes()
}

func (r *zsetRoot) own() table.Object {
	if r.scores.RootWritable() && r.order.RootWritable() {
		return r
	}
	return &zsetRoot{r.scores.Own(), r.order.Own(), r.signed}
}

func (r *zsetRoot) share() table.Object {
	return &zsetRoot{r.scores.Share(), r.order.Share(), r.signed}
}

func (r *zsetRoot) index() *table.Table { return r.scores }

// SortedSet is a sorted set under a key, or, if the key is missing, one that the first
// member creates. It is valid until something other than its own methods changes the
// database.
type SortedSet struct {
	d   *DB
	key []byte
	it  Item
	p   []byte    // the listpack, nil if large or missing
	r   *zsetRoot // nil unless large
	own bool      // r is the set's to write
}

// ZSetOf is the sorted set that is the value of key: it is a ZSet, or missing. The key is
// borrowed as long as the set is used.
func (d *DB) ZSetOf(key []byte, it Item) SortedSet {
	z := SortedSet{d: d, key: key}
	z.set(it)
	return z
}

// Scores is a sorted set for reading, also in a view.
func (it Item) Scores() SortedSet { return it.d.ZSetOf(nil, it) }

// set makes it the value.
func (z *SortedSet) set(it Item) {
	z.it, z.p, z.r, z.own = it, nil, nil, false
	switch {
	case !it.OK():
	case it.Encoded() == Large:
		z.r = it.root().(*zsetRoot)
	default:
		z.p = it.Bytes()
	}
}

// Card is the number of members.
func (z *SortedSet) Card() int {
	switch {
	case z.r != nil:
		return z.r.order.Len()
	case z.p != nil:
		return listpack.Len(z.p) / 2
	}
	return 0
}

// orderBytes is a score as the first bytes of a key of the tree: as numbers, big end
// first, they compare as scores do.
func orderBytes(score float64) uint64 {
	u := math.Float64bits(score + 0) // minus zero plus zero is zero
	if u>>63 != 0 {
		return ^u
	}
	return u | 1<<63
}

// scoreOf is the score that orderBytes was given.
func scoreOf(order uint64) float64 {
	if order>>63 != 0 {
		return math.Float64frombits(order &^ (1 << 63))
	}
	return math.Float64frombits(^order)
}

// orderOf is the orderBytes at the beginning of a key of the tree.
func orderOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// orderKey is the tree's key of a member; it lies in a scratch buffer.
func (d *DB) orderKey(score float64, member []byte) []byte {
	const keep = 1 << 20 // bytes; what is longer than that is rare
	b := append(binary.BigEndian.AppendUint64(d.k.order[:0], orderBytes(score)), member...)
	if cap(b) <= keep {
		d.k.order = b
	}
	return b
}

// scoreEntry is the entry of a score in a table; it lies in the same buffer.
func (d *DB) scoreEntry(score float64) table.Entry {
	d.k.order = binary.LittleEndian.AppendUint64(d.k.order[:0], math.Float64bits(score))
	return table.Entry{Bytes: d.k.order}
}

// packedScore is the score at a position of a listpack.
func packedScore(p []byte, at int) float64 {
	v := listpack.Get(p, at)
	if v.IsInt {
		return float64(v.Int)
	}
	f, _ := strconv.ParseFloat(string(v.Str), 64)
	return f
}

func tableScore(r table.Ref) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(r.Bytes()))
}

// Spot is where a member is in a sorted set, or would be: Find's answer, for Put and
// RemoveAt. The next change to the set ends it.
type Spot struct {
	OK    bool    // the member is there
	Score float64 // its score
	hash  uint64
	ref   table.Ref
	at    int // position in the listpack
}

// Find looks a member up.
func (z *SortedSet) Find(member []byte) (s Spot) {
	switch {
	case z.r != nil:
		s.hash = z.r.scores.Hash(member)
		s.ref = z.r.scores.Find(s.hash, member)
		if s.OK = s.ref.OK(); s.OK {
			s.Score = tableScore(s.ref)
		}
	case z.p != nil:
		if s.at = listpack.Find(z.p, listpack.First(z.p), member, 1); s.at >= 0 {
			s.OK, s.Score = true, packedScore(z.p, listpack.Skip(z.p, s.at))
		}
	}
	return s
}

// Score is the score of a member, and whether it is there.
func (z *SortedSet) Score(member []byte) (float64, bool) {
	s := z.Find(member)
	return s.Score, s.OK
}

// Rank is the number of members before this one; its score; and whether it is there.
func (z *SortedSet) Rank(member []byte) (rank int, score float64, ok bool) {
	if z.r != nil {
		s := z.Find(member)
		if !s.OK {
			return 0, 0, false
		}
		rank, _ = z.r.order.Rank(z.d.orderKey(s.Score, member))
		return rank, s.Score, true
	}
	if z.p != nil {
		e := listpack.Of(member)
		for at := listpack.First(z.p); at < len(z.p); rank++ {
			next := listpack.Skip(z.p, at)
			if e.At(z.p, at) {
				return rank, packedScore(z.p, next), true
			}
			at = listpack.Skip(z.p, next)
		}
	}
	return 0, 0, false
}

// ScoreRange is a range of scores.
type ScoreRange struct {
	Min, Max     float64
	MinEx, MaxEx bool // the end itself is outside
}

// Empty tells whether no score can be in the range.
func (s ScoreRange) Empty() bool {
	return s.Min > s.Max || s.Min == s.Max && (s.MinEx || s.MaxEx)
}

func (s ScoreRange) above(score float64) bool {
	return score > s.Max || s.MaxEx && score == s.Max
}

func (s ScoreRange) below(score float64) bool {
	return score < s.Min || s.MinEx && score == s.Min
}

// ByScore is the members whose score is in a range: the rank of the first, and how many.
func (z *SortedSet) ByScore(s ScoreRange) (from, n int) {
	if s.Empty() {
		return 0, 0
	}
	if z.r != nil {
		min, max := orderBytes(s.Min), orderBytes(s.Max)
		if s.MinEx {
			min++
		}
		if !s.MaxEx {
			max++
		}
		var key [8]byte
		binary.BigEndian.PutUint64(key[:], min)
		from, _ = z.r.order.Rank(key[:])
		binary.BigEndian.PutUint64(key[:], max)
		to, _ := z.r.order.Rank(key[:])
		return from, to - from
	}
	z.walkPack(func(at, score int) bool {
		switch f := packedScore(z.p, score); {
		case s.below(f):
			from++
		case s.above(f):
			return false
		default:
			n++
		}
		return true
	})
	return from, n
}

// walkPack calls yield with the positions of every member and its score, until it returns
// false.
func (z *SortedSet) walkPack(yield func(member, score int) bool) {
	if z.p == nil {
		return
	}
	for at := listpack.First(z.p); at < len(z.p); {
		score := listpack.Skip(z.p, at)
		if !yield(at, score) {
			return
		}
		at = listpack.Skip(z.p, score)
	}
}

// Each calls yield for n members from a rank on, or, in reverse, from that rank down,
// until it returns false. Members are borrowed until yield returns.
func (z *SortedSet) Each(from, n int, reverse bool, yield func(member []byte, score float64) bool) {
	switch {
	case n <= 0:
	case z.r != nil:
		z.eachLarge(from, n, reverse, yield)
	case z.p != nil:
		var tmp digits
		at := listpack.Seek(z.p, 2*from)
		for ; n > 0 && at >= 0 && at < len(z.p); n-- {
			score := listpack.Skip(z.p, at)
			if !yield(tmp.text(listpack.Get(z.p, at)), packedScore(z.p, score)) {
				return
			}
			if !reverse {
				at = listpack.Skip(z.p, score)
			} else if at = listpack.Prev(z.p, at); at >= 0 {
				at = listpack.Prev(z.p, at)
			}
		}
	}
}

// digits is where a member that is an integer becomes text, if there is any.
type digits struct{ b *[20]byte }

func (d *digits) text(v listpack.Value) []byte {
	if v.IsInt && d.b == nil {
		d.b = new([20]byte)
	}
	return v.Text(d.b)
}

func (z *SortedSet) eachLarge(from, n int, reverse bool, yield func(member []byte, score float64) bool) {
	for c := z.r.order.At(from); n > 0 && c.OK(); n-- {
		k := c.Key()
		if member := k[8:]; !yield(member, z.r.score(k)) {
			return
		}
		if reverse {
			c.Prev()
		} else {
			c.Next()
		}
	}
}

// score is the score in a key of the tree, its sign right even if it is zero.
func (r *zsetRoot) score(key []byte) float64 {
	f := scoreOf(orderOf(key))
	if f == 0 && r.signed {
		member := key[8:]
		return tableScore(r.scores.Find(r.scores.Hash(member), member))
	}
	return f
}

// Ranges calls yield for the members whose score is in the first range, in order, then for
// those of the next, until it returns false. It is for many ranges: a small set is walked
// once, whatever their number.
func (z *SortedSet) Ranges(ranges []ScoreRange, yield func(member []byte, score float64) bool) {
	if z.r == nil {
		z.rangesPacked(ranges, yield)
		return
	}
	var key [8]byte
	for _, s := range ranges {
		if s.Empty() {
			continue
		}
		first := orderBytes(s.Min)
		if s.MinEx {
			first++
		}
		binary.BigEndian.PutUint64(key[:], first)
		for c := z.r.order.Seek(key[:]); c.OK(); c.Next() {
			k := c.Key()
			f := z.r.score(k)
			if s.above(f) {
				break
			}
			if !yield(k[8:], f) {
				return
			}
		}
	}
}

// packedSpot is where a member stands in a listpack, and its score.
type packedSpot struct {
	score float64
	at    int
}

func (z *SortedSet) rangesPacked(ranges []ScoreRange, yield func(member []byte, score float64) bool) {
	spots := z.d.k.spots[:0]
	z.walkPack(func(at, score int) bool {
		spots = append(spots, packedSpot{packedScore(z.p, score), at})
		return true
	})
	z.d.k.spots = spots
	var tmp digits
	for _, s := range ranges {
		from, _ := slices.BinarySearchFunc(spots, s, func(p packedSpot, s ScoreRange) int {
			if s.below(p.score) {
				return -1
			}
			return 1
		})
		for _, p := range spots[from:] {
			if s.above(p.score) {
				break
			}
			if !yield(tmp.text(listpack.Get(z.p, p.at)), p.score) {
				return
			}
		}
	}
}

// Put gives a member a score. s is what Find said of it.
func (z *SortedSet) Put(s Spot, member []byte, score float64) {
	if z.r == nil && !s.OK && !z.packs(member) {
		z.unpack()
		s = z.Find(member)
	}
	if z.r != nil {
		z.putLarge(s, member, score)
		return
	}
	var tmp [40]byte
	text := dtoa.Append(tmp[:0], score+0)
	p := z.d.edit(z.it)
	if len(p) == 0 {
		p = append(p, 0, 0)
	}
	if s.OK {
		p = listpack.Delete(p, s.at, 2)
	}
	at := packedPlace(p, score, member)
	p = listpack.Insert(p, at, text)
	p = listpack.Insert(p, at, member)
	z.set(z.d.store(z.key, z.it, ZSet, Packed, p))
}

// packedPlace is the position in a listpack before which a member belongs.
func packedPlace(p []byte, score float64, member []byte) int {
	end := len(p)
	for {
		s := listpack.Prev(p, end)
		if s < 0 {
			return end
		}
		m := listpack.Back(p, s)
		if f := packedScore(p, s); f < score || f == score && compare(listpack.Get(p, m), member) < 0 {
			return end
		}
		end = m
	}
}

// compare compares an element as a string with b.
func compare(v listpack.Value, b []byte) int {
	var tmp [20]byte
	a := v.Text(&tmp)
	switch {
	case string(a) < string(b):
		return -1
	case string(a) > string(b):
		return 1
	}
	return 0
}

// packs tells whether the packed set stays so with one member more.
func (z *SortedSet) packs(member []byte) bool {
	l := &z.d.k.Limits
	return int64(len(member)) <= l.ZSetValue && int64(z.Card()) < l.ZSetEntries
}

// Expect tells that n members are about to be put. Like Redis, a set does not stay packed
// when there are more of them than it may have so, whether they are new or not.
func (z *SortedSet) Expect(n int) {
	if z.r == nil && int64(n) > z.d.k.Limits.ZSetEntries {
		z.unpack()
	}
}

// unpack makes the set large.
func (z *SortedSet) unpack() {
	r := z.d.newZSetRoot()
	var tmp [20]byte
	z.walkPack(func(member, score int) bool {
		r.add(z.d, listpack.Get(z.p, member).Text(&tmp), packedScore(z.p, score))
		return true
	})
	z.set(z.d.storeRoot(z.key, z.it, ZSet, Large, r))
}

// add adds a member that is not there. The root is its owner's to write.
func (r *zsetRoot) add(d *DB, member []byte, score float64) {
	r.insert(d, r.scores.Hash(member), member, score)
}

func (r *zsetRoot) insert(d *DB, hash uint64, member []byte, score float64) {
	r.scores.Put(hash, member, d.scoreEntry(score))
	r.order.Put(d.orderKey(score, member), nil)
	r.noteSign(score)
}

// noteSign notes a minus zero.
func (r *zsetRoot) noteSign(score float64) {
	if score == 0 && math.Signbit(score) {
		r.signed = true
	}
}

// change returns the root of a large set for writing, and its memory before.
func (z *SortedSet) change() (r *zsetRoot, before int) {
	if !z.own {
		z.r, z.own = z.d.ownRoot(z.it).(*zsetRoot), true
	}
	return z.r, z.r.MemBytes()
}

func (z *SortedSet) putLarge(s Spot, member []byte, score float64) {
	r, before := z.change()
	if !s.OK {
		r.insert(z.d, s.hash, member, score)
	} else {
		r.scores.Update(s.ref, member, z.d.scoreEntry(score))
		if score != s.Score {
			r.order.Delete(z.d.orderKey(s.Score, member))
			r.order.Put(z.d.orderKey(score, member), nil)
		}
		r.noteSign(score)
	}
	z.d.resized(r.MemBytes() - before)
}

// Add gives a member a score and tells whether it is new.
func (z *SortedSet) Add(member []byte, score float64) (added bool) {
	s := z.Find(member)
	z.Put(s, member, score)
	return !s.OK
}

// Remove removes a member and tells whether it was there. The key goes with the last one.
func (z *SortedSet) Remove(member []byte) bool {
	s := z.Find(member)
	if !s.OK {
		return false
	}
	if z.r == nil {
		z.keepPack(listpack.Delete(z.d.edit(z.it), s.at, 2))
		return true
	}
	r, before := z.change()
	r.scores.Delete(s.hash, member)
	r.order.Delete(z.d.orderKey(s.Score, member))
	z.shrunk(before)
	return true
}

// keepPack stores what became of the listpack, unless nothing is left.
func (z *SortedSet) keepPack(p []byte) {
	if listpack.First(p) < 0 {
		z.d.remove(z.key)
		z.set(Item{})
		return
	}
	z.set(z.d.store(z.key, z.it, ZSet, Packed, p))
}

// shrunk accounts for what was removed from a large set.
func (z *SortedSet) shrunk(before int) {
	z.d.resized(z.r.MemBytes() - before)
	if z.r.order.Len() == 0 {
		z.d.remove(z.key)
		z.set(Item{})
	}
}

// RemoveRange removes n members from a rank on. The key goes with the last one.
func (z *SortedSet) RemoveRange(from, n int) {
	if n <= 0 {
		return
	}
	switch {
	case n == z.Card(): // in a time that does not depend on how many there are
		z.d.remove(z.key)
		z.set(Item{})
	case z.r == nil:
		z.keepPack(listpack.Delete(z.d.edit(z.it), listpack.Seek(z.p, 2*from), 2*n))
	default:
		r, before := z.change()
		r.order.DeleteRange(from, n, func(key, _ []byte) {
			r.scores.Delete(r.scores.Hash(key[8:]), key[8:])
		})
		z.shrunk(before)
	}
}
