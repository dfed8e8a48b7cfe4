package db

import (
	"math"
	"slices"

	"redust/db/listpack"
	"redust/db/table"
)

// Union, intersection and difference of sorted sets, and of plain sets, whose members
// count 1. All tables of the keyspace share one hash, so a member's is computed once for
// all of them, and a walk in hash order through one meets the pages of another in order.

// Aggregate says what becomes of the scores of a member that is in several sets.
type Aggregate uint8

// The aggregates, named as clients do.
const (
	Sum Aggregate = iota
	Min
	Max
)

func (a Aggregate) combine(x, y float64) float64 {
	switch {
	case a == Sum:
		return orZero(x + y)
	case a == Min && y < x, a == Max && y > x:
		return y
	}
	return x
}

// orZero is f, or 0 where there is no number: infinity minus infinity, or times 0.
func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// Scored is an operand: a sorted set, a plain set, or nothing, and its weight.
type Scored struct {
	Weight float64
	z      SortedSet
	plain  bool
	set    Members // if plain
}

// ScoredOf is the value of key as an operand, of weight 1; false if it is of another type.
func (d *DB) ScoredOf(key []byte, it Item) (s Scored, ok bool) {
	s.Weight = 1
	switch {
	case !it.OK() || it.Type() == ZSet:
		s.z = d.ZSetOf(key, it)
	case it.Type() == Set:
		s.plain, s.set = true, it.Members()
	default:
		return s, false
	}
	return s, true
}

func (s *Scored) card() int {
	if s.plain {
		return s.set.Len()
	}
	return s.z.Card()
}

// weighted is a score times the weight.
func (s *Scored) weighted(score float64) float64 { return orZero(s.Weight * score) }

// each calls yield for every member, in no order, until it returns false.
func (s *Scored) each(yield func(member []byte, score float64) bool) {
	switch {
	case s.plain:
		var tmp [20]byte
		s.set.Each(func(m listpack.Value) bool { return yield(m.Text(&tmp), 1) })
	case s.z.r != nil:
		s.z.r.scores.Each(func(ref table.Ref) bool { return yield(ref.Key(), tableScore(ref)) })
	default:
		s.z.Each(0, s.z.Card(), false, yield)
	}
}

// find is the score of a member whose hash is h.
func (s *Scored) find(h uint64, member []byte) (float64, bool) {
	switch {
	case s.plain && s.set.form == Large:
		return 1, s.set.t.Find(h, member).OK()
	case s.plain:
		return 1, s.set.Has(member)
	case s.z.r != nil:
		ref := s.z.r.scores.Find(h, member)
		if !ref.OK() {
			return 0, false
		}
		return tableScore(ref), true
	}
	return s.z.Score(member)
}

// bySize orders operands, the smallest first. Of equals the first stays first: sums of
// more than two numbers depend on it.
func bySize(sets []Scored) {
	slices.SortStableFunc(sets, func(a, b Scored) int { return a.card() - b.card() })
}

// Union is the members of any of the sets, with their weighted scores combined. The sets
// change their order.
func (d *DB) Union(sets []Scored, how Aggregate) *ZDraft {
	bySize(sets)
	out := d.NewZDraft()
	for i := range sets {
		s := &sets[i]
		s.each(func(member []byte, score float64) bool {
			out.accumulate(d.k.Hash(member), member, s.weighted(score), how)
			return true
		})
	}
	return out
}

// Inter is the members of all sets, with their weighted scores combined. The sets change
// their order.
func (d *DB) Inter(sets []Scored, how Aggregate) *ZDraft {
	bySize(sets)
	out := d.NewZDraft()
	sets[0].each(func(member []byte, score float64) bool {
		h := d.k.Hash(member)
		score = sets[0].weighted(score)
		for i := range sets[1:] {
			s := &sets[i+1]
			f, ok := s.find(h, member)
			if !ok {
				return true
			}
			score = how.combine(score, s.Weight*f)
		}
		out.Add(member, score)
		return true
	})
	return out
}

// InterCard is the number of members of all sets, not counted beyond limit, if that is
// not 0. The sets change their order.
func (d *DB) InterCard(sets []Scored, limit int64) int64 {
	bySize(sets)
	n := int64(0)
	sets[0].each(func(member []byte, _ float64) bool {
		if !inAny(sets[1:], d.k.Hash(member), member, false) {
			n++
		}
		return n == 0 || n != limit
	})
	return n
}

// inAny tells whether there is a set that holds a member, or, if held is false, one that
// does not.
func inAny(sets []Scored, h uint64, member []byte, held bool) bool {
	for i := range sets {
		if _, ok := sets[i].find(h, member); ok == held {
			return true
		}
	}
	return false
}

// Diff is the members of the first set that are in none of the others, with their scores.
func (d *DB) Diff(sets []Scored) *ZDraft {
	out := d.NewZDraft()
	sets[0].each(func(member []byte, score float64) bool {
		if !inAny(sets[1:], d.k.Hash(member), member, true) {
			out.Add(member, score)
		}
		return true
	})
	return out
}
