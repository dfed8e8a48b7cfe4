// Package hll counts distinct elements in at most 12 KiB, in Redis's own bytes.
//
// A HyperLogLog is stored as an ordinary string: clients GET it, SET it elsewhere,
// DUMP it, replicate it between servers of different makers. So the format is not
// ours to choose, and it goes further than "can be read by": after the same commands
// the same bytes have to be there, or a digest over a replica no longer agrees.
// The oracle test holds that against a real server.
//
// An element is hashed (MurmurHash64A). The low 14 bits choose one of 16384
// registers, and the register keeps the longest run of zero bits seen behind them,
// plus one. The value is a header and then the registers, in one of two encodings:
//
//	0      4    5        8                16
//	+------+----+--------+----------------+----------------------------------+
//	| HYLL | e  | unused | cardinality    | registers                        |
//	+------+----+--------+----------------+----------------------------------+
//	         |              little endian, top bit of the last byte: stale
//	         +-- 0 dense, 1 sparse
//
//	dense    16384 registers of 6 bits, lowest bits first, 12288 bytes. Four
//	         registers fill three bytes: r0 | r1<<6 | r2<<12 | r3<<18
//
//	sparse   a row of opcodes that together cover the 16384 registers
//	         00llllll             ZERO   l+1 registers are 0
//	         01llllll llllllll    XZERO  l+1 registers are 0 (big endian)
//	         1vvvvvll             VAL    l+1 registers are v+1, so 32 at most
//
// A value begins sparse, two bytes behind the header, and turns dense for good when
// a register has to exceed 32 or when an insertion would make the whole string longer
// than the caller's limit (hll-sparse-max-bytes, header included).
//
// # Costs
//
// Add: O(1) dense; sparse, one walk over the opcodes, which are not indexed, eight of
// them at a time. Count and Registers.Merge: one pass, dense eight registers at a time
// inside a word (see dense.go), no allocation. Count keeps its answer only if the caller
// stores it with SetCount: then the next Count is a read of eight bytes.
//
// # Memory and trust
//
// Functions that change a value work in place on bytes that the caller owns, and on
// b[len(b):cap(b)] when the value grows: they return the value, as append does. What
// they are given may come from a client's SET. Nothing here panics on it: Valid is
// what Redis checks before it believes a value, and what it finds out later is
// ErrCorrupt. One difference is deliberate: an XZERO that is cut off by the end of
// the string is corrupt here, where Redis reads the byte behind the string.
package hll

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

const (
	indexBits = 14             // of the hash choose the register
	regs      = 1 << indexBits // registers in a value
	hashBits  = 64 - indexBits // of the hash are left to count zeros in
	maxRank   = hashBits + 1   // the largest register that an element can cause

	headerLen = 16
	denseLen  = headerLen + regs*6/8

	dense  = 0 // header byte 4
	sparse = 1

	stale = 0x80 // bit of header byte 15
)

var (
	// ErrNotHLL is returned when the header is not that of a HyperLogLog or a dense
	// value has the wrong length; see Valid.
	ErrNotHLL = errors.New("hll: not a HyperLogLog value")
	// ErrCorrupt is returned when the opcodes of a sparse value do not cover exactly
	// the 16384 registers.
	ErrCorrupt = errors.New("hll: corrupt sparse registers")
)

// New returns an empty value: sparse, with a cardinality of 0 that is not stale. (PFADD
// marks the one it creates stale even without elements: see Invalidate.)
func New() []byte {
	b := make([]byte, headerLen+2)
	copy(b, "HYLL")
	b[4] = sparse
	putXZero(b[headerLen:], regs)
	return b
}

// Valid reports whether b has the header of a HyperLogLog and, if it is dense, the
// length of one. The opcodes of a sparse value are not looked at.
func Valid(b []byte) bool {
	return len(b) >= headerLen && string(b[:4]) == "HYLL" && b[4] <= sparse &&
		(b[4] == sparse || len(b) == denseLen)
}

// Dense reports whether b, which is Valid, is in the dense encoding.
func Dense(b []byte) bool { return b[4] == dense }

// Invalidate marks the cached cardinality of b, which is Valid, as stale.
func Invalidate(b []byte) { b[15] |= stale }

// Add counts one element. changed tells whether a register grew; then the cached
// cardinality is stale. A sparse value longer than sparseMaxBytes after the insertion
// becomes dense. On an error out is b, untouched.
func Add(b, element []byte, sparseMaxBytes int) (out []byte, changed bool, err error) {
	if !Valid(b) {
		return b, false, ErrNotHLL
	}
	index, rank := place(element)
	if Dense(b) {
		if !raiseDense(b, index, rank) {
			return b, false, nil
		}
		Invalidate(b)
		return b, true, nil
	}
	return raiseSparse(b, index, rank, sparseMaxBytes, &finger{})
}

// Count estimates the number of distinct elements. cached tells that the number was
// read from the header; if it was not, the caller may keep it there with SetCount,
// which changes the value and is for Redis a write like any other.
func Count(b []byte) (n uint64, cached bool, err error) {
	if !Valid(b) {
		return 0, false, ErrNotHLL
	}
	if b[15]&stale == 0 {
		return binary.LittleEndian.Uint64(b[8:]), true, nil
	}
	var h histogram
	if Dense(b) {
		h.addDense(b)
	} else if err := h.addSparse(b); err != nil {
		return 0, false, err
	}
	return h.estimate(), false, nil
}

// SetCount writes n as the cached cardinality of b, which is Valid.
func SetCount(b []byte, n uint64) { binary.LittleEndian.PutUint64(b[8:], n) }

// place returns the register that element belongs to and the value it asks for, 1 to
// maxRank.
func place(element []byte) (index int, rank uint8) {
	h := murmur64A(element, 0xadc83b19)
	index = int(h & (regs - 1))
	h = h>>indexBits | 1<<hashBits // the bit set bounds the run
	return index, uint8(bits.TrailingZeros64(h) + 1)
}

// murmur64A is Austin Appleby's MurmurHash64A (public domain), reading little endian.
func murmur64A(b []byte, seed uint64) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	if len(b) > 0 {
		var tail uint64
		for i, c := range b {
			tail |= uint64(c) << (8 * i)
		}
		h = (h ^ tail) * m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}
