// Package lcs finds the longest common subsequence of two byte strings, for LCS.
//
// The textbook fills a table whose cell (i, j) is the length for the first i bytes of a
// and the first j of b: n*m steps, and four bytes each when the way back is wanted. But
// along a row the length grows by 0 or 1 from cell to cell, so a row is m bits, and 64
// cells can be computed with a handful of instructions on one word (Hyyrö, "Bit-parallel
// LCS-length computation revisited", 2004): with M the bits at which b holds a's byte,
//
//	u = V & M[a[i]]           V: bit j is 0 where the row grows at cell j
//	V = (V + u) | (V &^ u)    the sum carries from word to word
//
//	         b = a b c a b
//	a: 'b'   V = 1 0 1 1 1     the row of lengths is 0 1 1 1 1
//	   'c'   V = 1 0 0 1 1                           0 1 2 2 2
//	   'b'   V = 1 0 0 1 0                           0 1 2 2 3
//
// The rows are all that the way back needs: from (i, j) with bytes that differ, the
// cell above is the larger neighbour just where the row grows at j, and else Redis goes
// left. So the path, the subsequence that it yields and the order of the ranges are those
// of Redis, at a bit a cell instead of 32 and a small part of the time.
//
// Costs, n = len(a), m = len(b): Length takes n*m/64 steps and memory for the masks, at
// most 32 bytes for each byte of the shorter string; Find takes n*m/8 bytes for the rows,
// and as much again for the masks at worst.
//
// Time grows with the product, and a client chooses both strings. Redis refuses by the
// size of its table; TableBytes tells that size, so that cmd refuses the same requests.
package lcs

import (
	"errors"
	"math"
	"math/bits"
)

// ErrTooLarge is returned by Find when the table that Redis would allocate exceeds the
// caller's limit.
var ErrTooLarge = errors.New("lcs: strings too long for the limit")

// Range is one run of bytes that is common to both strings and stands in the
// subsequence. Both ends are included, as in the reply to LCS IDX.
type Range struct {
	AStart, AEnd int
	BStart, BEnd int
}

// Len returns the number of bytes in the run.
func (r Range) Len() int { return r.AEnd - r.AStart + 1 }

// TableBytes returns the size in bytes of the table that Redis would fill for strings
// of n and m bytes, (n+1)*(m+1)*4, or MaxInt64 if that does not fit.
func TableBytes(n, m int) int64 {
	hi, cells := bits.Mul64(uint64(n)+1, uint64(m)+1)
	if hi != 0 || cells > math.MaxInt64/4 {
		return math.MaxInt64
	}
	return int64(cells * 4)
}

// Length returns the length of the longest common subsequence.
func Length(a, b []byte) int {
	if len(b) > len(a) {
		a, b = b, a // the masks and the row are made for b
	}
	if len(b) == 0 {
		return 0
	}
	masks := newMasks(a, b)
	row := firstRow(len(b))
	for _, c := range a {
		masks.step(c, row, row)
	}
	return grown(row, len(b))
}

// Find returns a longest common subsequence of a and b, the one that Redis finds, and
// its runs from the last to the first. Runs shorter than minRun bytes are left out of
// runs, not out of the subsequence. The error is ErrTooLarge, when TableBytes is more
// than limitBytes.
func Find(a, b []byte, minRun int, limitBytes int64) (seq []byte, runs []Range, err error) {
	if TableBytes(len(a), len(b)) > limitBytes {
		return nil, nil, ErrTooLarge
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, nil, nil
	}
	masks := newMasks(a, b)
	words := (len(b) + 63) / 64
	rows := make([]uint64, len(a)*words)
	last := firstRow(len(b))
	for i, c := range a {
		row := rows[i*words : (i+1)*words]
		masks.step(c, last, row)
		last = row
	}

	at := grown(last, len(b))
	seq = make([]byte, at)
	run := Range{AStart: -1}
	end := func() {
		if run.AStart >= 0 && run.Len() >= minRun {
			runs = append(runs, run)
		}
		run.AStart = -1
	}
	for i, j := len(a)-1, len(b)-1; i >= 0 && j >= 0; {
		if a[i] == b[j] {
			if run.AStart < 0 {
				run.AEnd, run.BEnd = i, j
			}
			run.AStart, run.BStart = i, j
			at--
			seq[at] = a[i]
			i--
			j--
			continue
		}
		end()
		if rows[i*words+j/64]>>(j%64)&1 == 0 {
			i--
		} else {
			j--
		}
	}
	end()
	return seq, runs, nil
}

// masks holds, for each byte value that occurs in a, the bits at which b has it. Values
// that b lacks share no memory: their rows do not change.
type masks struct {
	of [256][]uint64
}

func newMasks(a, b []byte) *masks {
	var inA [256]bool
	for _, c := range a {
		inA[c] = true
	}
	m := &masks{}
	for j, c := range b {
		if !inA[c] {
			continue
		}
		if m.of[c] == nil {
			m.of[c] = make([]uint64, (len(b)+63)/64)
		}
		m.of[c][j/64] |= 1 << (j % 64)
	}
	return m
}

// step computes the row below from for byte c into to, which may be the same.
func (m *masks) step(c byte, from, to []uint64) {
	mask := m.of[c]
	if mask == nil {
		copy(to, from)
		return
	}
	var carry uint64
	mask, to = mask[:len(from)], to[:len(from)]
	for w, v := range from {
		u := v & mask[w]
		var sum uint64
		sum, carry = bits.Add64(v, u, carry)
		to[w] = sum | v&^u
	}
}

// firstRow is the row above the first byte: nothing grows. The bits past n stay 1.
func firstRow(n int) []uint64 {
	row := make([]uint64, (n+63)/64)
	for w := range row {
		row[w] = ^uint64(0)
	}
	return row
}

// grown counts the cells at which the row grows, which is its last length.
func grown(row []uint64, n int) int {
	zeros := 0
	for w, v := range row {
		if rest := n - w*64; rest < 64 {
			v |= ^uint64(0) << rest
		}
		zeros += bits.OnesCount64(^v)
	}
	return zeros
}
