package cmd

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// compareSum holds a short sum against that of package big, and tells whether it was short.
func compareSum(t *testing.T, a, b string) (ok bool) {
	t.Helper()
	got, ok := appendShortSum(nil, []byte(a), []byte(b))
	if !ok {
		return false
	}
	x, y := parseLongDouble([]byte(a)), parseLongDouble([]byte(b))
	if x == nil || y == nil {
		t.Fatalf("%q or %q is no number", a, b)
	}
	if want := appendLongDouble(nil, addLongDouble(x, y)); string(got) != string(want) {
		t.Errorf("%s + %s = %s, want %s", a, b, got, want)
	}
	return true
}

// TestShortSums adds numbers of all lengths.
func TestShortSums(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	number := func() string {
		s := fmt.Sprint(rnd.Uint64() >> (1 + rnd.IntN(63)))
		if at := rnd.IntN(len(s) + 1); rnd.IntN(4) > 0 {
			s = s[:at] + "." + s[at:]
		}
		return []string{"", "-", "+"}[rnd.IntN(3)] + s
	}
	const sums = 50_000
	short := 0
	for range sums {
		if compareSum(t, number(), number()) {
			short++
		}
	}
	if short < sums*9/10 {
		t.Errorf("%d of %d sums were short", short, sums)
	}
}

func FuzzShortSum(f *testing.F) {
	for _, s := range []string{"0", "-0", ".", "", "-", "1.", ".1", "1..2", "9999999999999999999", "99999999999999999999",
		"0.0000000000000000001", "0.000000000000000005", "0.000000000000000015", "9.999999999999999995", "1e5", "0x1", "inf", " 1", "1 "} {
		f.Add(s, s)
		f.Add(s, "1")
		f.Add("-1.5", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) { compareSum(t, a, b) })
}
