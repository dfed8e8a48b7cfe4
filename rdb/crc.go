package rdb

import (
	"encoding/binary"
	"math/bits"
)

// The checksum at the end of files and of DUMP's payloads: CRC-64 by Jones's polynomial,
// bits reflected, beginning with 0 and used as it comes out. Package hash/crc64 knows the
// method but makes its wide tables anew in each call for a polynomial that is not one of its
// two, and takes a byte at a time for short inputs. Here sixteen tables stand ready, so
// sixteen bytes are taken at once, and their look-ups do not wait for each other.

// crcTables[k][b] is what byte b does to the sum when k zero bytes follow it.
type crcTables [16][256]uint64

// crcTable is written to by nobody.
var crcTable = makeCRCTables(0xad93d23594c935a9)

func makeCRCTables(poly uint64) *crcTables {
	t := new(crcTables)
	poly = bits.Reverse64(poly)
	for b := range t[0] {
		c := uint64(b)
		for range 8 {
			c = c>>1 ^ poly&-(c&1)
		}
		t[0][b] = c
	}
	for k := 1; k < len(t); k++ {
		for b := range t[k] {
			c := t[k-1][b]
			t[k][b] = c>>8 ^ t[0][byte(c)]
		}
	}
	return t
}

// crc64 is the checksum of what had the sum c, and p behind it. It begins with 0.
func crc64(c uint64, p []byte) uint64 {
	t := crcTable
	for len(p) >= 16 {
		a := binary.LittleEndian.Uint64(p) ^ c
		b := binary.LittleEndian.Uint64(p[8:])
		c = t[15][byte(a)] ^ t[14][byte(a>>8)] ^ t[13][byte(a>>16)] ^ t[12][byte(a>>24)] ^
			t[11][byte(a>>32)] ^ t[10][byte(a>>40)] ^ t[9][byte(a>>48)] ^ t[8][a>>56] ^
			t[7][byte(b)] ^ t[6][byte(b>>8)] ^ t[5][byte(b>>16)] ^ t[4][byte(b>>24)] ^
			t[3][byte(b>>32)] ^ t[2][byte(b>>40)] ^ t[1][byte(b>>48)] ^ t[0][b>>56]
		p = p[16:]
	}
	for _, b := range p {
		c = t[0][byte(c)^b] ^ c>>8
	}
	return c
}
