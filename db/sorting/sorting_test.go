package sorting

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"redust/tests/redis"
)

type pair struct{ key, id int }

func byKey(x, y *pair) int { return cmp.Compare(x.key, y.key) }

// check sorts part of a copy and compares with the standard library.
func check(t *testing.T, in []pair, first, last int) {
	t.Helper()
	got, want := slices.Clone(in), slices.Clone(in)
	Part(got, first, last, byKey)
	slices.SortStableFunc(want, func(x, y pair) int { return byKey(&x, &y) })
	for i := max(first, 0); i <= last && i < len(in); i++ {
		if got[i].key != want[i].key {
			t.Fatalf("%v: place %d of %d..%d is %v, want %v", in, i, first, last, got[i], want[i])
		}
	}
	seen := make(map[int]bool, len(in))
	for _, p := range got {
		seen[p.id] = true
	}
	if len(seen) != len(in) {
		t.Fatalf("%v: elements lost: %v", in, got)
	}
}

func FuzzPart(f *testing.F) {
	f.Add([]byte("hello world, hello sorting"), 3, 9)
	f.Add([]byte{}, 0, 0)
	f.Fuzz(func(t *testing.T, in []byte, first, last int) {
		a := make([]pair, len(in))
		for i, b := range in {
			a[i] = pair{int(b), i}
		}
		check(t, a, first, last)
	})
}

func TestPart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		n := r.IntN(300)
		a, few := make([]pair, n), 1+r.IntN(1+r.IntN(600))
		for i := range a {
			a[i] = pair{r.IntN(few), i}
		}
		check(t, a, r.IntN(n+1)-1, r.IntN(n+1))
	}
}

// TestWorstCase builds an input against the sort while it sorts (McIlroy, "A Killer
// Adversary for Quicksort", 1999): every key is as large as it may be until it is
// compared.
func TestWorstCase(t *testing.T) {
	const n = 100000
	const gas = n
	keys, solid, candidate, compared := make([]int, n), 0, 0, 0
	a := make([]int, n)
	for i := range a {
		a[i], keys[i] = i, gas
	}
	Part(a, 0, n-1, func(x, y *int) int {
		compared++
		if keys[*x] == gas && keys[*y] == gas {
			if *x == candidate {
				keys[*x] = solid
			} else {
				keys[*y] = solid
			}
			solid++
		}
		if keys[*x] == gas {
			candidate = *x
		} else if keys[*y] == gas {
			candidate = *y
		}
		return cmp.Compare(keys[*x], keys[*y])
	})
	if compared > 100*n {
		t.Errorf("%d comparisons of %d elements", compared, n)
	}
}

// TestTies asks redis-server, which sorts a part whenever there is a LIMIT: elements with
// the same weight come in the order that its algorithm leaves them in.
func TestTies(t *testing.T) {
	o := redis.Start(t)
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		n := 2 + r.IntN(400)
		few := 1 + r.IntN(1+r.IntN(n))
		o.Do("FLUSHALL")
		a := make([]pair, n)
		push := []any{"RPUSH", "l"}
		for i := range a {
			a[i] = pair{r.IntN(few), i}
			push = append(push, i)
			o.Do("SET", "w"+strconv.Itoa(i), strconv.Itoa(100000+a[i].key))
		}
		o.Do(push...)
		first := r.IntN(n)
		last := min(n-1, first+r.IntN(n))
		if first == 0 && last == n-1 {
			continue
		}
		var want, got []string
		for _, x := range o.Do("SORT", "l", "BY", "w*", "ALPHA", "LIMIT", first, last-first+1).([]any) {
			want = append(want, x.(string))
		}
		Part(a, first, last, byKey)
		for _, p := range a[first : last+1] {
			got = append(got, strconv.Itoa(p.id))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d elements, %d keys, %d to %d:\n got %v\nwant %v", n, few, first, last, got, want)
		}
	}
}
