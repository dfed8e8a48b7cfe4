package rdb

import (
	"encoding/binary"
	"slices"
)

// LZF (M. Lehmann, liblzf) is what strings of more than 20 bytes are compressed with. Its
// output is a row of
//
//	000nnnnn  n+1 bytes                     literals, 1 to 32
//	lllddddd  dddddddd                      l+2 bytes from d+1 bytes back, l = 1 to 6
//	111ddddd  llllllll  dddddddd            the same, l+9 of them
//
// The modules there are for it clear a table of a hundred kilobytes for every string, which
// is ten times the work of compressing a key. Here the table is small enough for the first
// cache, stays from one string to the next, and is never cleared: what it holds are positions
// in the row of all strings there have been, so one from an earlier string is seen to be too
// far back. In data that does not repeat the steps become longer, as in LZ4 (Y. Collet).
type lzf struct {
	seen [1 << lzfBits]uint32 // by hash of three bytes, where such stood last, as base counts
	base uint32               // position of the string at hand
}

const (
	lzfBits  = 13
	lzfBack  = 1 << 13 // how far back may be copied from, bytes
	lzfCopy  = 264     // how much at once
	lzfRun   = 32      // literals at once
	lzfLoad  = 4       // bytes that are looked at together
	lzfSaved = 4       // a string that does not shrink by so much stays as it is, bytes
)

// compress appends src to dst, compressed; false if it does not become smaller by at
// least lzfSaved bytes.
func (z *lzf) compress(dst, src []byte) ([]byte, bool) {
	if len(src) <= lzfSaved {
		return dst, false
	}
	most := len(dst) + len(src) - lzfSaved
	was := len(dst)
	dst = slices.Grow(dst, len(src))
	if z.base == 0 || z.base > 1<<31 {
		z.base = 1
		clear(z.seen[:])
	}
	base := z.base
	z.base += uint32(len(src))
	lit := 0 // from where on bytes have not been written
	for i := 0; i+lzfLoad <= len(src); {
		v := binary.LittleEndian.Uint32(src[i:])
		h := v << 8 * 2654435761 >> (32 - lzfBits)
		ref := int(z.seen[h] - base)
		z.seen[h] = base + uint32(i)
		if ref >= i || i-ref > lzfBack || binary.LittleEndian.Uint32(src[ref:])<<8 != v<<8 {
			i += 1 + (i-lit)>>6
			continue
		}
		n := 3
		for end := min(len(src)-i, lzfCopy); n < end && src[ref+n] == src[i+n]; {
			n++
		}
		if dst = lzfLiterals(dst, src[lit:i]); len(dst)+3 > most {
			return dst[:was], false
		}
		off := i - ref - 1
		if l := n - 2; l < 7 {
			dst = append(dst, byte(l<<5|off>>8), byte(off))
		} else {
			dst = append(dst, byte(7<<5|off>>8), byte(l-7), byte(off))
		}
		i += n
		lit = i
		if at := i - 2; at+lzfLoad <= len(src) {
			v := binary.LittleEndian.Uint32(src[at:])
			z.seen[v<<8*2654435761>>(32-lzfBits)] = base + uint32(at)
		}
	}
	if rest := len(src) - lit; len(dst)+rest+(rest+lzfRun-1)/lzfRun > most {
		return dst[:was], false
	}
	return lzfLiterals(dst, src[lit:]), true
}

// lzfLiterals appends bytes as they are.
func lzfLiterals(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), lzfRun)
		dst = append(append(dst, byte(n-1)), b[:n]...)
		b = b[n:]
	}
	return dst
}
