// Package sorting puts a part of a slice in order, as LIMIT and COUNT want it: the ten
// nearest of a million need not cost the order of the other ones.
//
//	a     | . . . . . | first ... last | . . . . |
//	        smaller         in order      larger
//
// It is Bentley and McIlroy's quicksort ("Engineering a Sort Function", 1993), which goes
// on only into the halves that reach into the part: O(n) for a short part, O(n log n) for
// all. Quicksort is not stable: where elements that compare equal come to lie follows from
// which elements it happens to exchange. Redis sorts so whenever it is asked for a part, and
// clients see the order of its ties. So this is that algorithm and no better one: insertion
// up to 6 elements, the median of 3 up to 40, the median of 3 medians beyond; equal
// elements gather at both ends and are swapped to the middle.
//
// It can be led into quadratic time, by one who knows it. Past a depth that chance does
// not reach, the rest is left to the standard library, and ties fall as they may.
package sorting

import (
	"math/bits"
	"slices"
)

// Part puts a[first] to a[last] in the place that they have in the ascending order of a.
// cmp is negative when x comes before y, 0 when they are equal.
func Part[T any](a []T, first, last int, cmp func(x, y *T) int) {
	s := sorter[T]{first, last, cmp}
	s.sort(a, 0, 2*bits.Len(uint(len(a)))+8)
}

type sorter[T any] struct {
	first, last int
	cmp         func(x, y *T) int
}

// sort sorts a, which begins at place at of the whole.
func (s *sorter[T]) sort(a []T, at, depth int) {
	for s.wanted(a, at) {
		n := len(a)
		if n < 7 {
			s.insertion(a)
			return
		}
		if depth--; depth < 0 {
			slices.SortFunc(a, func(x, y T) int { return s.cmp(&x, &y) })
			return
		}
		m := n / 2
		if n > 7 {
			l, r := 0, n-1
			if n > 40 {
				d := n / 8
				l = s.median(a, l, l+d, l+2*d)
				m = s.median(a, m-d, m, m+d)
				r = s.median(a, r-2*d, r-d, r)
			}
			m = s.median(a, l, m, r)
		}
		less, greater := s.partition(a, m)
		s.sort(a[:less], at, depth)
		at += n - greater
		a = a[n-greater:]
	}
}

// wanted tells whether a part of several elements reaches into what is asked for.
func (s *sorter[T]) wanted(a []T, at int) bool {
	return len(a) > 1 && s.first < at+len(a) && s.last >= at
}

func (s *sorter[T]) insertion(a []T) {
	for i := 1; i < len(a); i++ {
		for j := i; j > 0 && s.cmp(&a[j-1], &a[j]) > 0; j-- {
			a[j-1], a[j] = a[j], a[j-1]
		}
	}
}

// median is the place of the middle one of three.
func (s *sorter[T]) median(a []T, i, j, k int) int {
	switch {
	case s.cmp(&a[i], &a[j]) < 0:
		if s.cmp(&a[j], &a[k]) < 0 {
			return j
		}
		if s.cmp(&a[i], &a[k]) < 0 {
			return k
		}
		return i
	case s.cmp(&a[j], &a[k]) > 0:
		return j
	case s.cmp(&a[i], &a[k]) < 0:
		return i
	}
	return k
}

// partition parts a by the element at m, and returns how many are less and how many
// greater; the equal ones lie between.
//
//	| =  | <        | unknown  |        > |  = |
//	0    equalL     l          r    equalR
func (s *sorter[T]) partition(a []T, m int) (less, greater int) {
	a[0], a[m] = a[m], a[0]
	l, r := 1, len(a)-1
	equalL, equalR := l, r
	for {
		for l <= r {
			c := s.cmp(&a[l], &a[0])
			if c > 0 {
				break
			}
			if c == 0 {
				a[equalL], a[l] = a[l], a[equalL]
				equalL++
			}
			l++
		}
		for l <= r {
			c := s.cmp(&a[r], &a[0])
			if c < 0 {
				break
			}
			if c == 0 {
				a[r], a[equalR] = a[equalR], a[r]
				equalR--
			}
			r--
		}
		if l > r {
			break
		}
		a[l], a[r] = a[r], a[l]
		l++
		r--
	}
	less, greater = l-equalL, equalR-r
	exchange(a, 0, l, min(equalL, less))
	exchange(a, l, len(a), min(greater, len(a)-1-equalR))
	return less, greater
}

// exchange swaps the n elements from i on with the n before end.
func exchange[T any](a []T, i, end, n int) {
	for j := end - n; j < end; i, j = i+1, j+1 {
		a[i], a[j] = a[j], a[i]
	}
}
