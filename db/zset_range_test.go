package db

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRange holds that Range, which seeks, finds what ByScore and Each, which count, find.
func TestRange(t *testing.T) {
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
			got := walk(func(yield func([]byte, float64) bool) { z.Range(s, yield) })
			from, count := z.ByScore(s)
			want := walk(func(yield func([]byte, float64) bool) { z.Each(from, count, false, yield) })
			if !slices.Equal(got, want) {
				t.Fatalf("%d members, %+v: %v, want %v", n, s, got, want)
			}
		}
	}
}
