// Package intset keeps a set of integers in one slice of bytes.
//
// What a hash table spends on one member (head, hash bits, free room, and the digits
// written out) is several times what an integer needs. A set of a few hundred integers is
// therefore a sorted row of them, all as wide as the widest needs to be:
//
//	[]byte{2}                          the empty set
//
//	+---+-------+-------+-------+
//	| 2 |  -3   |   7   |  500  |      three members, seven bytes
//	+---+-------+-------+-------+
//	  ^     little endian, two's complement
//	  width of a member: 2, 4 or 8 bytes
//
// The members are those of Redis's own form byte for byte, whose header says the same in
// eight bytes: persistence writes them as they are.
//
// A width only grows, as in Redis: a set that has held one large number stays wide, since
// the next one is probably not far, and narrowing would rewrite the set. Sets that algebra
// makes (algebra.go) are as narrow as they can be.
//
// # Costs
//
// Has is a binary search. Add and Remove shift a tail; a member that is too wide rewrites
// the whole. Both are O(n), which is why db keeps longer sets in a table. Intersect, Union
// and Diff gallop through both operands: O(m log(n/m)) comparisons for m of n, and no string
// is built.
//
// # Memory
//
// Functions that change a set work in place on bytes that the caller owns, and on what lies
// behind them up to the capacity; they return the set, as append does. Between calls
// (Check proves it): the width is one of the three, the rest is a multiple of it, and the
// members strictly ascend.
package intset

import (
	"encoding/binary"
	"errors"
	"math"

	"redust/internal/assert"
)

const head = 1 // bytes before the members

// New returns an empty set.
func New() []byte { return []byte{2} }

// widthOf is the narrowest width that holds v.
func widthOf(v int64) int {
	switch {
	case v == int64(int16(v)):
		return 2
	case v == int64(int32(v)):
		return 4
	}
	return 8
}

// Len is the number of members.
func Len(s []byte) int {
	switch s[0] { // a shift is cheaper than a division
	case 2:
		return (len(s) - head) >> 1
	case 4:
		return (len(s) - head) >> 2
	}
	return (len(s) - head) >> 3
}

// At is member i in ascending order.
func At(s []byte, i int) int64 { return load(s, int(s[0]), i) }

func load(s []byte, w, i int) int64 {
	switch b := s[head+i*w:]; w {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}

func store(s []byte, w, i int, v int64) {
	switch b := s[head+i*w:]; w {
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, uint64(v))
	}
}

// Find returns the place of v, or the place at which it would stand.
func Find(s []byte, v int64) (i int, ok bool) {
	n := Len(s)
	if n == 0 {
		return 0, false
	}
	if w := int(s[0]); v > load(s, w, n-1) { // sets are often filled in order
		return n, false
	}
	i = search(s, v, 0, n)
	return i, i < n && At(s, i) == v
}

// search returns the first place in [from, to) whose member is not below v, or to.
func search(s []byte, v int64, from, to int) int {
	w := int(s[0])
	for from < to {
		if mid := int(uint(from+to) >> 1); load(s, w, mid) < v {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from
}

// Has tells whether v is a member.
func Has(s []byte, v int64) bool {
	_, ok := Find(s, v)
	return ok
}

// Add makes v a member; added is false if it was one.
func Add(s []byte, v int64) (_ []byte, added bool) {
	if w := widthOf(v); w > int(s[0]) {
		return widen(s, w, v), true
	}
	i, ok := Find(s, v)
	if ok {
		return s, false
	}
	w, end := int(s[0]), len(s)
	s = append(s, make([]byte, w)...)
	if at := head + i*w; at < end {
		copy(s[at+w:], s[at:end])
	}
	store(s, w, i, v)
	return s, true
}

// widen rewrites the set with members of w bytes, and adds v, which needs them: it is
// below or above all others.
func widen(s []byte, w int, v int64) []byte {
	n, old := Len(s), int(s[0])
	assert.That(w > old, "intset: widen to a narrower width")
	more := (n+1)*w - n*old
	if end := len(s); cap(s) >= end+more {
		s = s[:end+more]
	} else {
		s = append(make([]byte, 0, end+more), s...)[:end+more]
	}
	shift := 0
	if v < 0 {
		shift = 1
	}
	for i := n - 1; i >= 0; i-- { // from the end: what is not read yet is not overwritten
		store(s, w, i+shift, load(s, old, i))
	}
	s[0] = byte(w)
	store(s, w, n*(1-shift), v)
	return s
}

// Remove takes v out of the set; removed is false if it was no member.
func Remove(s []byte, v int64) (_ []byte, removed bool) {
	i, ok := Find(s, v)
	if !ok {
		return s, false
	}
	return RemoveAt(s, i), true
}

// RemoveAt takes member i out of the set.
func RemoveAt(s []byte, i int) []byte {
	w := int(s[0])
	at := head + i*w
	return append(s[:at], s[at+w:]...)
}

// Filter takes out the members that keep, which is asked in ascending order, says no to.
func Filter(s []byte, keep func(v int64) bool) []byte {
	w, to := int(s[0]), 0
	for i := range Len(s) {
		if v := load(s, w, i); keep(v) {
			store(s, w, to, v)
			to++
		}
	}
	return s[:head+to*w]
}

// Random is the member that the random bits r choose; of an empty set there is none.
func Random(s []byte, r uint64) int64 { return At(s, int(r%uint64(Len(s)))) }

// Each calls yield for every member in ascending order until it returns false.
func Each(s []byte, yield func(int64) bool) {
	w := int(s[0])
	for i := range Len(s) {
		if !yield(load(s, w, i)) {
			return
		}
	}
}

// Digits is the length of the longest member in decimal, in bytes; 0 if there is none.
func Digits(s []byte) int {
	n := Len(s)
	if n == 0 {
		return 0
	}
	return max(digits(At(s, 0)), digits(At(s, n-1)))
}

func digits(v int64) int {
	n, u := 1, uint64(v)
	if v < 0 {
		n, u = 2, -u
	}
	for ; u > 9; u /= 10 {
		n++
	}
	return n
}

// ErrCorrupt is what Check returns.
var ErrCorrupt = errors.New("intset: bytes are not a set of integers")

// Check tells whether b, of whatever origin, is a set. The other functions take that for
// granted.
func Check(b []byte) error {
	if len(b) < head || b[0] != 2 && b[0] != 4 && b[0] != 8 || (len(b)-head)%int(b[0]) != 0 {
		return ErrCorrupt
	}
	last := int64(math.MinInt64)
	for i := range Len(b) {
		v := At(b, i)
		if v <= last && i > 0 {
			return ErrCorrupt
		}
		last = v
	}
	return nil
}
