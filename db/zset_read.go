package db

import (
	"bytes"
	"sort"

	"redust/db/listpack"
	"redust/db/table"
	"redust/internal/dtoa"
)

// LexEnd is one end of a range of members in the order of their bytes.
type LexEnd struct {
	Member []byte
	Ex     bool // the member itself is outside
	Inf    int8 // instead of a member: -1 before all, 1 after all
}

// LexRange is a range of members of a sorted set whose scores are all the same.
type LexRange struct{ Min, Max LexEnd }

// Empty tells whether no member can be in the range.
func (l LexRange) Empty() bool {
	if l.Min.Inf != 0 || l.Max.Inf != 0 {
		return l.Min.Inf > 0 || l.Max.Inf < 0
	}
	c := bytes.Compare(l.Min.Member, l.Max.Member)
	return c > 0 || c == 0 && (l.Min.Ex || l.Max.Ex)
}

// below tells whether a member that compares so with Min is outside. It is one whose Inf
// is 0.
func (e LexEnd) below(c int) bool { return c < 0 || e.Ex && c == 0 }

func (e LexEnd) above(c int) bool { return c > 0 || e.Ex && c == 0 }

// ByLex is the members in a range: the rank of the first, and how many. If scores differ
// it is some members or other, as in Redis.
func (z *SortedSet) ByLex(l LexRange) (from, n int) {
	switch {
	case l.Empty():
		return 0, 0
	case z.r != nil:
		return z.byLexLarge(l)
	}
	z.walkPack(func(member, _ int) bool {
		v := listpack.Get(z.p, member)
		switch {
		case n == 0 && l.Min.Inf == 0 && l.Min.below(compare(v, l.Min.Member)):
			from++
		case l.Max.Inf == 0 && l.Max.above(compare(v, l.Max.Member)):
			return false
		default:
			n++
		}
		return true
	})
	return from, n
}

func (z *SortedSet) byLexLarge(l LexRange) (from, n int) {
	order := z.r.order
	to := order.Len()
	first, last := order.First(), order.Last()
	if bytes.Equal(first.Key()[:8], last.Key()[:8]) {
		score := scoreOf(orderOf(first.Key()))
		if l.Min.Inf == 0 {
			var found bool
			if from, found = order.Rank(z.d.orderKey(score, l.Min.Member)); found && l.Min.Ex {
				from++
			}
		}
		if l.Max.Inf == 0 {
			var found bool
			if to, found = order.Rank(z.d.orderKey(score, l.Max.Member)); found && !l.Max.Ex {
				to++
			}
		}
		return from, max(0, to-from)
	}
	member := func(rank int) []byte {
		c := order.At(rank)
		return c.Key()[8:]
	}
	if l.Min.Inf == 0 {
		from = sort.Search(to, func(i int) bool { return !l.Min.below(bytes.Compare(member(i), l.Min.Member)) })
	}
	if l.Max.Inf == 0 {
		to = sort.Search(to, func(i int) bool { return l.Max.above(bytes.Compare(member(i), l.Max.Member)) })
	}
	return from, max(0, to-from)
}

// Scan calls each for the members of one page, with their scores as text, and returns the
// cursor of the next, 0 after the last; see table.Scan. A packed set is one page. Both
// slices are borrowed until each returns.
func (z *SortedSet) Scan(cursor uint64, each func(member, score []byte)) uint64 {
	var tmp [40]byte
	if z.r != nil {
		return z.r.scores.Scan(cursor, func(r table.Ref) {
			each(r.Key(), dtoa.Append17(tmp[:0], tableScore(r)))
		})
	}
	var digits [2][20]byte
	z.walkPack(func(member, score int) bool {
		each(listpack.Get(z.p, member).Text(&digits[0]), listpack.Get(z.p, score).Text(&digits[1]))
		return true
	})
	return 0
}

// Random calls yield for n members drawn at random, the same one perhaps several times,
// until it returns false. The set is not empty.
func (z *SortedSet) Random(n int64, yield func(member []byte, score float64) bool) {
	more := true
	for ; n > 0 && more; n-- {
		z.Each(z.d.k.below(z.Card()), 1, false, func(member []byte, score float64) bool {
			more = yield(member, score)
			return false
		})
	}
}

// Sample calls yield for n different members drawn at random, or all if there are no more,
// in order, until it returns false.
func (z *SortedSet) Sample(n int, yield func(member []byte, score float64) bool) {
	card := z.Card()
	if n >= card {
		z.Each(0, card, false, yield)
		return
	}
	const sparse = 16 // so many times fewer than there are: draw ranks, else walk
	if n < card/sparse {
		for _, rank := range z.d.ranks(n, card) {
			more := false
			z.Each(rank, 1, false, func(member []byte, score float64) bool {
				more = yield(member, score)
				return false
			})
			if !more {
				return
			}
		}
		return
	}
	// Each one is taken with the chance that what is still wanted is of what is left.
	left := card
	z.Each(0, card, false, func(member []byte, score float64) bool {
		if z.d.k.below(left) < n {
			if n--; !yield(member, score) {
				return false
			}
		}
		left--
		return n > 0
	})
}

// ranks is n different random numbers below card, ascending.
func (d *DB) ranks(n, card int) []int {
	drawn := make(map[int]struct{}, n)
	ranks := make([]int, 0, n)
	for len(ranks) < n {
		rank := d.k.below(card)
		if _, twice := drawn[rank]; !twice {
			drawn[rank] = struct{}{}
			ranks = append(ranks, rank)
		}
	}
	sort.Ints(ranks)
	return ranks
}
