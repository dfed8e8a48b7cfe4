package rdb

// LZF, the compression of long strings (M. Lehmann, liblzf): literal runs and references to
// what came before, no entropy coding.
//
//	000nnnnn                     n+1 bytes follow
//	nnnooooo oooooooo            n+2 bytes from o+1 bytes back, n from 1 to 6
//	111ooooo nnnnnnnn oooooooo   n+9 bytes from o+1 bytes back

// lzfMost is how many bytes one byte of compressed input can stand for at most: 264 in three. A
// claim beyond that is refused before memory is taken, and the input itself must be there first, so
// a payload of RESTORE comes to at most 88 times its size (and what the structure costs that its
// elements go to): what is in a compressed packed value is not compressed once more. A lower limit
// would refuse what Redis writes, since a long run of one byte comes to that ratio.
const lzfMost = 88

// lzfDecompress fills dst with what src, which may be anything, stands for. It tells whether
// that was exactly as long.
func lzfDecompress(dst, src []byte) bool {
	at := 0
	for i := 0; i < len(src); {
		c := int(src[i])
		i++
		if c < 1<<5 {
			c++
			if c > len(src)-i || c > len(dst)-at {
				return false
			}
			copy(dst[at:], src[i:i+c])
			i, at = i+c, at+c
			continue
		}
		n := c >> 5
		if n == 7 {
			if i == len(src) {
				return false
			}
			n += int(src[i])
			i++
		}
		if i == len(src) {
			return false
		}
		from := at - (c&0x1f<<8 | int(src[i])) - 1
		i++
		n += 2
		if from < 0 || n > len(dst)-at {
			return false
		}
		if at-from >= n {
			copy(dst[at:at+n], dst[from:])
		} else { // what is copied is part of what it is copied to
			for j := range n {
				dst[at+j] = dst[from+j]
			}
		}
		at += n
	}
	return at == len(dst)
}
