package bits

import (
	"crypto/subtle"
	"encoding/binary"
)

// block is how many bytes of the result are worked on before the next block: the
// result and one source fit a first-level cache.
const block = 8 << 10

// And combines srcs bit by bit and returns a result as long as the longest of them,
// shorter ones being followed by zeros. It uses dst's memory if its capacity suffices;
// that must not overlap a source. No sources make an empty result.
func And(dst []byte, srcs ...[]byte) []byte { return combine(dst, srcs, andInto, true) }

// Or is like And, with "or".
func Or(dst []byte, srcs ...[]byte) []byte { return combine(dst, srcs, orInto, false) }

// Xor is like And, with "exclusive or".
func Xor(dst []byte, srcs ...[]byte) []byte { return combine(dst, srcs, xorInto, false) }

// Not returns src with every bit turned around, under the terms of And.
func Not(dst, src []byte) []byte {
	le := binary.LittleEndian
	dst = sized(dst, len(src))
	i := 0
	for ; i+8 <= len(src); i += 8 {
		le.PutUint64(dst[i:], ^le.Uint64(src[i:]))
	}
	for ; i < len(src); i++ {
		dst[i] = ^src[i]
	}
	return dst
}

// sized returns n bytes of unknown content, dst's if there are enough.
func sized(dst []byte, n int) []byte {
	if cap(dst) >= n {
		return dst[:n]
	}
	return make([]byte, n)
}

// combine starts each block with the first source and applies the others. Where a
// source has ended, "and" leaves zeros, the others what is there: clear says which.
func combine(dst []byte, srcs [][]byte, into func(dst, src []byte), clearTail bool) []byte {
	n := 0
	for _, s := range srcs {
		n = max(n, len(s))
	}
	dst = sized(dst, n)
	for at := 0; at < n; at += block {
		d := dst[at:min(at+block, n)]
		for i, s := range srcs {
			s = s[min(at, len(s)):min(at+block, len(s))]
			if i == 0 {
				clear(d[copy(d, s):])
				continue
			}
			into(d[:len(s)], s)
			if clearTail {
				clear(d[len(s):])
			}
		}
	}
	return dst
}

// andInto and its fellows take slices of one length.
func andInto(dst, src []byte) {
	le := binary.LittleEndian
	for len(dst) >= 32 && len(src) >= 32 {
		d, s := dst[:32:32], src[:32:32]
		le.PutUint64(d[0:], le.Uint64(d[0:])&le.Uint64(s[0:]))
		le.PutUint64(d[8:], le.Uint64(d[8:])&le.Uint64(s[8:]))
		le.PutUint64(d[16:], le.Uint64(d[16:])&le.Uint64(s[16:]))
		le.PutUint64(d[24:], le.Uint64(d[24:])&le.Uint64(s[24:]))
		dst, src = dst[32:], src[32:]
	}
	for i, c := range src {
		dst[i] &= c
	}
}

func orInto(dst, src []byte) {
	le := binary.LittleEndian
	for len(dst) >= 32 && len(src) >= 32 {
		d, s := dst[:32:32], src[:32:32]
		le.PutUint64(d[0:], le.Uint64(d[0:])|le.Uint64(s[0:]))
		le.PutUint64(d[8:], le.Uint64(d[8:])|le.Uint64(s[8:]))
		le.PutUint64(d[16:], le.Uint64(d[16:])|le.Uint64(s[16:]))
		le.PutUint64(d[24:], le.Uint64(d[24:])|le.Uint64(s[24:]))
		dst, src = dst[32:], src[32:]
	}
	for i, c := range src {
		dst[i] |= c
	}
}

func xorInto(dst, src []byte) { subtle.XORBytes(dst, dst, src) }
