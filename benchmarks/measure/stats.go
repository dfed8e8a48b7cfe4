package measure

import "slices"

// A Spread is what several rounds of one figure come to.
type Spread struct {
	Median, Min, Max float64
	N                int // rounds
}

// Summarize returns the median and the extremes of vals. With an even number of
// values the median is the mean of the middle two; without any, all is zero.
func Summarize(vals []float64) Spread {
	if len(vals) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(vals))
	mid := len(s) / 2
	median := s[mid]
	if len(s)%2 == 0 {
		median = (s[mid-1] + s[mid]) / 2
	}
	return Spread{Median: median, Min: s[0], Max: s[len(s)-1], N: len(s)}
}

// Ratios divides ours by theirs round by round: two runs that stood next to each
// other in time met the same machine, so what the machine did to both cancels out.
// Rounds where theirs is zero are left out.
func Ratios(ours, theirs []float64) []float64 {
	var out []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] != 0 {
			out = append(out, ours[i]/theirs[i])
		}
	}
	return out
}
