// Package bits does to a slice of bytes what the bitmap commands ask for: count, find,
// combine, and read or write integers of any width at any bit.
//
// Bits are numbered as Redis numbers them, which is how one reads them on paper and
// the reverse of how a little endian machine keeps them in a word:
//
//	byte      0                 1                 2
//	       +-----------------+-----------------+------
//	bit    | 0 1 2 3 4 5 6 7 | 8 9 ...      15 | 16
//	       +-----------------+-----------------+------
//	value   128 .......... 1                         an integer's top bit comes first
//
// So whatever looks at positions or integers loads words big endian; counting and
// combining do not care and load them as the machine likes.
//
// The string ends somewhere and the commands do not: every bit past the end reads as
// 0. Functions that read accept any offset from 0 on; functions that write need the
// bytes to be there (BytesFor tells how many) and never allocate. Only And, Or, Xor and
// Not make a result, in the caller's memory if that suffices.
//
// Costs: Count and Pos run through memory at several bytes a cycle; And, Or and Xor
// take their sources block by block, so that the result stays in the first-level cache
// however many sources there are; the integers are O(1).
package bits

import (
	"encoding/binary"
	"math/bits"
)

// Get returns bit off of b, 0 or 1. off is not negative.
func Get(b []byte, off int) int {
	if off>>3 >= len(b) {
		return 0
	}
	return int(b[off>>3]>>(7-off&7)) & 1
}

// Set makes bit off of b equal to bit, 0 or 1, and returns what it was. The byte has to
// exist.
func Set(b []byte, off, bit int) (old int) {
	p, shift := &b[off>>3], 7-off&7
	old = int(*p>>shift) & 1
	*p = *p&^(1<<shift) | byte(bit&1)<<shift
	return old
}

// BytesFor returns how many bytes hold width bits from bit off on.
func BytesFor(off, width int) int { return (off+width-1)>>3 + 1 }

// Count returns how many bits of b are 1.
func Count(b []byte) int {
	n := 0
	for len(b) >= 32 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b)) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[8:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[16:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[24:]))
		b = b[32:]
	}
	for len(b) >= 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}

// CountRange returns how many of the bits from start to end, both included, are 1. A
// range that is empty counts 0; one that leaves b is cut to it.
func CountRange(b []byte, start, end int) int {
	start, end = max(start, 0), min(end, len(b)*8-1)
	if start > end {
		return 0
	}
	first, last := start>>3, end>>3
	n := Count(b[first : last+1])
	n -= bits.OnesCount8(b[first] &^ (0xff >> (start & 7)))
	return n - bits.OnesCount8(b[last]&(0x7f>>(end&7)))
}

// Pos returns the position of the first bit of b that equals bit, 0 or 1, or -1. What
// a search for 0 says about the zeros past the end is the caller's affair.
func Pos(b []byte, bit int) int {
	var flip uint64 // makes the wanted bit a 1
	if bit == 0 {
		flip = ^flip
	}
	i := 0
	for ; i+32 <= len(b); i += 32 {
		w := b[i : i+32 : i+32]
		if (binary.LittleEndian.Uint64(w)^flip)|(binary.LittleEndian.Uint64(w[8:])^flip)|
			(binary.LittleEndian.Uint64(w[16:])^flip)|(binary.LittleEndian.Uint64(w[24:])^flip) != 0 {
			break
		}
	}
	for ; i+8 <= len(b); i += 8 {
		if w := binary.BigEndian.Uint64(b[i:]) ^ flip; w != 0 {
			return i*8 + bits.LeadingZeros64(w)
		}
	}
	for ; i < len(b); i++ {
		if c := b[i] ^ byte(flip); c != 0 {
			return i*8 + bits.LeadingZeros8(c)
		}
	}
	return -1
}

// PosRange is Pos among the bits from start to end, both included; the range is cut to
// b, and an empty one holds nothing. The position counts from the start of b.
func PosRange(b []byte, bit, start, end int) int {
	start, end = max(start, 0), min(end, len(b)*8-1)
	for ; start <= end && start&7 != 0; start++ {
		if Get(b, start) == bit {
			return start
		}
	}
	if start > end {
		return -1
	}
	p := Pos(b[start>>3:end>>3+1], bit)
	if p < 0 || start+p > end {
		return -1
	}
	return start + p
}
