package db

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRanges holds that Ranges, which seeks, finds what ByScore and Each, which count, find.
func TestRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	d := New(1, r.Uint64).DB(0)
	for _, n := range []int{0, 1, 5, 100, 1000} {
		key := fmt.Append(nil, n)
		z := d.ZSetOf(key, Item{})
		for i := range n {
			z.Add(fmt.Appendf(nil, "m%d", i), float64(r.IntN(20)))
		}
		z = d.ZSetOf(key, d.Peek(key))
		for range 200 {
			s := ScoreRange{float64(r.IntN(24) - 2), float64(r.IntN(24) - 2), r.IntN(2) == 0, r.IntN(2) == 0}
			if r.IntN(10) == 0 {
				s.Min, s.Max = math.Inf(-1), math.Inf(1)
			}
			most := r.IntN(30)
			walk := func(each func(yield func([]byte, float64) bool)) (got []string) {
				each(func(m []byte, score float64) bool {
					got = append(got, fmt.Sprintf("%s %v", m, score))
					return len(got) < most
				})
				return got
			}
			other := ScoreRange{float64(r.IntN(20)), float64(r.IntN(20)), r.IntN(2) == 0, r.IntN(2) == 0}
			got := walk(func(yield func([]byte, float64) bool) { z.Ranges([]ScoreRange{s, other}, yield) })
			want := walk(func(yield func([]byte, float64) bool) {
				more := true
				for _, s := range []ScoreRange{s, other} {
					from, count := z.ByScore(s)
					z.Each(from, count, false, func(m []byte, score float64) bool {
						more = more && yield(m, score)
						return more
					})
				}
			})
			if !slices.Equal(got, want) {
				t.Fatalf("%d members, %+v: %v, want %v", n, s, got, want)
			}
		}
	}
}
