package intset

import "slices"

// Two sets are combined by walking both upwards. The next place in one that may hold the
// member at hand in the other is found by galloping (Bentley and Yao, 1976): steps of 1,
// 2, 4 ... and then a binary search in the last of them. Between sets of one size that is a
// merge, between sets of very different size a row of searches, and nothing has to decide
// which. Members that only one set has are copied in runs.

// gallop returns the first place from i on whose member is not below v, or the length.
func gallop(s []byte, v int64, i, n int) int {
	w, step := int(s[0]), 1
	for i < n && load(s, w, i) < v {
		from := i + 1
		i += step
		step *= 2
		if i >= n || load(s, w, i) >= v {
			return search(s, v, from, min(i, n))
		}
	}
	return i
}

// Intersect appends to dst, which is empty, the set of what is in both a and b.
func Intersect(dst, a, b []byte) []byte {
	if Len(a) > Len(b) {
		a, b = b, a
	}
	wa, wb, na, nb := int(a[0]), int(b[0]), Len(a), Len(b)
	r := begin(dst, min(wa, wb), na)
	for i, j := 0, 0; i < na; i++ {
		v := load(a, wa, i)
		if j = gallop(b, v, j, nb); j == nb {
			break
		}
		if load(b, wb, j) == v {
			r.add(v)
			j++
		}
	}
	return r.end()
}

// Union appends to dst, which is empty, the set of what is in a or b.
func Union(dst, a, b []byte) []byte {
	wa, wb, na, nb := int(a[0]), int(b[0]), Len(a), Len(b)
	r := begin(dst, max(wa, wb), na+nb)
	i, j := 0, 0
	for i < na && j < nb {
		v := load(b, wb, j)
		to := gallop(a, v, i, na)
		r.run(a, i, to)
		if i = to; i < na && load(a, wa, i) == v {
			i++
		}
		r.add(v)
		j++
	}
	r.run(a, i, na)
	r.run(b, j, nb)
	return r.end()
}

// Diff appends to dst, which is empty, the set of what is in a and not in b.
func Diff(dst, a, b []byte) []byte {
	wa, wb, na, nb := int(a[0]), int(b[0]), Len(a), Len(b)
	r := begin(dst, wa, na)
	i := 0
	for j := 0; j < nb && i < na; j++ {
		v := load(b, wb, j)
		to := gallop(a, v, i, na)
		r.run(a, i, to)
		if i = to; i < na {
			if next := load(a, wa, i); next == v {
				i++
			} else {
				j = gallop(b, next, j, nb) - 1
			}
		}
	}
	r.run(a, i, na)
	return r.end()
}

// result is a set that grows at its end. Its width is one that is enough, until end finds
// the narrowest.
type result struct {
	s    []byte
	w, n int
}

func begin(dst []byte, w, most int) result {
	s := slices.Grow(dst[:0], head+most*w)[:head+most*w]
	s[0] = byte(w)
	return result{s: s, w: w}
}

func (r *result) add(v int64) {
	store(r.s, r.w, r.n, v)
	r.n++
}

// run adds members [from, to) of s.
func (r *result) run(s []byte, from, to int) {
	if w := int(s[0]); w == r.w {
		copy(r.s[head+r.n*w:], s[head+from*w:head+to*w])
		r.n += to - from
		return
	}
	for i := from; i < to; i++ {
		r.add(load(s, int(s[0]), i))
	}
}

func (r *result) end() []byte {
	s := r.s[:head+r.n*r.w]
	w := 2
	if r.n > 0 {
		w = max(widthOf(At(s, 0)), widthOf(At(s, r.n-1)))
	}
	if w < r.w {
		for i := range r.n {
			store(s, w, i, load(s, r.w, i))
		}
		s[0] = byte(w)
		s = s[:head+r.n*w]
	}
	return s
}
