package db

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"redust/db/listpack"
	"redust/db/table"
	"redust/internal/dtoa"
)

// ZDraft is a sorted set in the making, under no key: what ZUNION and its kin compute,
// and what ZRANGESTORE and GEOSEARCHSTORE store. Members come in any order, are sorted
// once, and only then become a listpack, or a table and a tree that is filled from left
// to right. So a large result costs a sort instead of an insertion a member.
type ZDraft struct {
	d       *DB
	members []drafted
	chunk   []byte       // where members are copied to
	scores  *table.Table // instead of members, while scores add up
	signed  bool
	longest int // bytes of a member
}

// drafted is a member and its score, in both forms.
type drafted struct {
	order  uint64
	score  float64
	member []byte
}

// NewZDraft returns an empty draft.
func (d *DB) NewZDraft() *ZDraft { return &ZDraft{d: d} }

// Add adds a member that is not there yet. It is copied.
func (z *ZDraft) Add(member []byte, score float64) {
	const chunk = 64 << 10 // bytes
	if cap(z.chunk)-len(z.chunk) < len(member) {
		z.chunk = make([]byte, 0, max(min(chunk, 512<<(len(z.members)/16)), len(member)))
	}
	at := len(z.chunk)
	z.chunk = append(z.chunk, member...)
	z.add(z.chunk[at:len(z.chunk):len(z.chunk)], score)
}

// Grow is Add for a set that Redis fills as a small one until it must not be: a minus zero
// among its first members loses its sign.
func (z *ZDraft) Grow(member []byte, score float64) {
	if l := &z.d.k.Limits; int64(len(z.members)) < l.ZSetEntries && int64(max(z.longest, len(member))) <= l.ZSetValue {
		score += 0
	}
	z.Add(member, score)
}

func (z *ZDraft) add(member []byte, score float64) {
	z.members = append(z.members, drafted{orderBytes(score), score, member})
	z.longest = max(z.longest, len(member))
	z.signed = z.signed || score == 0 && math.Signbit(score)
}

// accumulate adds a member, whose hash is h, or combines its score with what it has.
func (z *ZDraft) accumulate(h uint64, member []byte, score float64, how Aggregate) {
	if z.scores == nil {
		z.scores = table.NewMembers(z.d.k.seed, z.d.k.clock)
	}
	r := z.scores.Find(h, member)
	if !r.OK() {
		z.scores.Put(h, member, z.d.scoreEntry(score))
		return
	}
	z.scores.Update(r, member, z.d.scoreEntry(how.combine(tableScore(r), score)))
}

// strike takes away a member that was accumulated, if it is there.
func (z *ZDraft) strike(h uint64, member []byte) {
	if z.scores != nil {
		z.scores.Delete(h, member)
	}
}

// Sort puts the members in order. It is to be called once, when all are there.
func (z *ZDraft) Sort() {
	if z.scores != nil {
		z.members = make([]drafted, 0, z.scores.Len())
		z.scores.Each(func(r table.Ref) bool {
			z.add(r.Key(), tableScore(r))
			return true
		})
	}
	slices.SortFunc(z.members, func(a, b drafted) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		return bytes.Compare(a.member, b.member)
	})
}

// Len is the number of members.
func (z *ZDraft) Len() int {
	if z.scores != nil {
		return z.scores.Len()
	}
	return len(z.members)
}

// Each calls yield for every member, in order if the draft is sorted, until it returns
// false.
func (z *ZDraft) Each(yield func(member []byte, score float64) bool) {
	for i := range z.members {
		if m := &z.members[i]; !yield(m.member, m.score) {
			return
		}
	}
}

// StoreZSet makes the sorted draft the value of key, in place of what was there, without
// deadline. Of an empty one nothing remains: the key is deleted. It tells whether there
// was a value before. The draft is the database's from then on.
func (d *DB) StoreZSet(key []byte, z *ZDraft) (existed bool) {
	n, l := len(z.members), &d.k.Limits
	if n == 0 {
		return d.Delete(key)
	}
	if int64(n) > l.ZSetEntries || int64(z.longest) > l.ZSetValue {
		root := z.root() // before the key goes, whose members it may have borrowed
		existed = d.Delete(key)
		d.Replaces(existed)
		d.storeRoot(key, Item{}, ZSet, Large, root)
		d.Replaces(false)
		return existed
	}
	p := append(d.edit(Item{}), 0, 0)
	var tmp [40]byte
	for i := range z.members {
		m := &z.members[i]
		p = listpack.Append(p, m.member)
		p = listpack.Append(p, dtoa.Append(tmp[:0], m.score+0))
	}
	existed = d.Delete(key)
	d.Replaces(existed)
	d.store(key, Item{}, ZSet, Packed, p)
	d.Replaces(false)
	return existed
}

// root makes the two structures of a large set.
func (z *ZDraft) root() *zsetRoot {
	r := z.d.newZSetRoot()
	r.signed = z.signed
	if z.scores != nil {
		r.scores = z.scores
	}
	for i := range z.members {
		m := &z.members[i]
		r.order.Put(z.d.orderKey(m.score, m.member), nil)
		if z.scores == nil {
			r.scores.Put(r.scores.Hash(m.member), m.member, z.d.scoreEntry(m.score))
		}
	}
	return r
}
