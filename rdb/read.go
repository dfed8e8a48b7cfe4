package rdb

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"

	"redust/internal/assert"
)

// source is the bytes that are decoded: a file, through a buffer, or a payload, which is its
// own buffer.
//
//	        base                        pos            end
//	input    |---- summed, consumed ----|-- buffered --|---- not read yet ----
//	                                    ^ offset
//
// A failure is remembered, and from then on every read returns nothing: so code that reads
// several things in a row asks once, and a loop asks each time round. What str and take
// return is borrowed until the next read, and not to be written to, since it has yet to be
// summed.
type source struct {
	r        io.Reader // nil for a payload
	buf      []byte
	pos, end int
	base     int64 // offset of buf[0] in the input
	size     int64 // of the input, bytes; negative if unknown
	summed   int   // of buf, up to where it is part of sum
	sum      uint64
	sums     bool // whether a checksum is wanted
	progress func(read int64)
	scratch  []byte // where strings are decompressed
	tmp      [24]byte
	err      *Error
}

// bufferBytes is what is read at once. It should fit the processor's caches, since the
// checksum, the decoder and what copies each go over it once.
const bufferBytes = 256 << 10

// unknownLeft is what can still come of an input of unknown size, bytes.
const unknownLeft = 1 << 50

// offset is how many bytes have been consumed.
func (s *source) offset() int64 { return s.base + int64(s.pos) }

// left is at most how many bytes can still come, if that is known.
func (s *source) left() int64 {
	if s.size < 0 {
		return unknownLeft
	}
	return max(0, s.size-s.offset())
}

// fail notes that the input makes no sense here, unless that was noted before.
func (s *source) fail(what string) {
	if s.err == nil {
		s.err = &Error{Offset: s.offset(), What: what}
	}
}

// more makes n bytes available in the buffer, which is large enough.
func (s *source) more(n int) bool {
	if s.end-s.pos >= n {
		return true
	}
	if s.err != nil {
		return false
	}
	if s.r == nil {
		s.fail(whatShort)
		s.err.Err = io.ErrUnexpectedEOF
		return false
	}
	s.settle()
	copy(s.buf, s.buf[s.pos:s.end])
	s.base += int64(s.pos)
	s.end -= s.pos
	s.pos, s.summed = 0, 0
	got, err := io.ReadAtLeast(s.r, s.buf[s.end:], n-s.end)
	s.end += got
	if s.progress != nil {
		s.progress(s.base + int64(s.end))
	}
	if err != nil {
		s.failRead(err)
		return false
	}
	return true
}

const whatShort = "the file ends too early"

// failRead notes that reading failed, or that there is nothing more to read.
func (s *source) failRead(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		s.fail(whatShort)
	} else {
		s.fail("reading failed")
	}
	if s.err.Err == nil {
		s.err.Err = err
	}
}

// settle adds what has been consumed to the checksum.
func (s *source) settle() {
	if s.sums {
		s.sum = crc64(s.sum, s.buf[s.summed:s.pos])
	}
	s.summed = s.pos
}

// take consumes n bytes and returns them, borrowed.
func (s *source) take(n uint64) []byte {
	if n <= uint64(s.end-s.pos) || n <= bufferBytes && s.more(int(n)) {
		p := s.buf[s.pos : s.pos+int(n) : s.pos+int(n)]
		s.pos += int(n)
		return p
	}
	return s.long(n)
}

// long is take into memory of its own, which grows as bytes arrive unless it is known that
// there are so many.
func (s *source) long(n uint64) []byte {
	if n > uint64(s.left()) || n > math.MaxInt32*64 {
		s.fail("a string is longer than the file")
	}
	if s.err != nil {
		return nil
	}
	const step = 1 << 20
	var p []byte
	if s.size >= 0 || n <= step {
		p = make([]byte, 0, n)
	}
	for uint64(len(p)) < n && s.err == nil {
		if len(p) == cap(p) {
			p = append(make([]byte, 0, min(n, uint64(max(step, 2*len(p))))), p...)
		}
		at := len(p)
		p = p[:cap(p)]
		s.read(p[at:])
	}
	if s.err != nil {
		return nil
	}
	return p
}

// read fills dst.
func (s *source) read(dst []byte) {
	n := copy(dst, s.buf[s.pos:s.end])
	s.pos += n
	if dst = dst[n:]; len(dst) == 0 || s.err != nil {
		return
	}
	if len(dst) <= bufferBytes/2 || s.r == nil {
		if s.more(len(dst)) {
			s.pos += copy(dst, s.buf[s.pos:s.end])
		}
		return
	}
	// Past the buffer, which is empty.
	s.settle()
	got, err := io.ReadFull(s.r, dst)
	s.base += int64(s.pos)
	s.pos, s.end, s.summed = 0, 0, 0
	if err != nil {
		s.failRead(err)
		return
	}
	if s.sums {
		s.sum = crc64(s.sum, dst)
	}
	s.base += int64(got)
	if s.progress != nil {
		s.progress(s.base)
	}
}

// byte reads one byte.
func (s *source) byte() byte {
	if s.pos == s.end && !s.more(1) {
		return 0
	}
	s.pos++
	return s.buf[s.pos-1]
}

// uint64 reads eight bytes, little end first.
func (s *source) uint64() uint64 {
	if p := s.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// The ways in which a string can be encoded.
const (
	encInt8  = 0
	encInt16 = 1
	encInt32 = 2
	encLZF   = 3
)

// length reads a length, or, if special, the number of an encoding.
//
//	00xxxxxx            6 bits
//	01xxxxxx + 1 byte   14 bits, big end first, as all here
//	10000000 + 4 bytes
//	10000001 + 8 bytes
//	11xxxxxx            special
func (s *source) length() (n uint64, special bool) {
	b := s.byte()
	switch b >> 6 {
	case 0:
		return uint64(b), false
	case 1:
		return uint64(b&0x3f)<<8 | uint64(s.byte()), false
	case 3:
		return uint64(b & 0x3f), true
	}
	switch b {
	case 0x80:
		if p := s.take(4); p != nil {
			return uint64(binary.BigEndian.Uint32(p)), false
		}
	case 0x81:
		if p := s.take(8); p != nil {
			return binary.BigEndian.Uint64(p), false
		}
	default:
		s.fail("a length begins with a byte that none has")
	}
	return 0, false
}

// count reads a length that is not special.
func (s *source) count() uint64 {
	n, special := s.length()
	if special {
		s.fail("an encoding stands where a number should")
		return 0
	}
	return n
}

// int reads a count that fits an int64.
func (s *source) int() int64 {
	n := s.count()
	if n > math.MaxInt64 {
		s.fail("a number is out of range")
		return 0
	}
	return int64(n)
}

// str reads a string; borrowed.
func (s *source) str() []byte {
	n, special := s.length()
	if !special {
		return s.take(n)
	}
	if n == encLZF {
		packed, size := s.compressed()
		if packed == nil {
			return nil
		}
		if uint64(cap(s.scratch)) < size {
			s.scratch = make([]byte, max(size, 4<<10))
		}
		return s.unpack(packed, s.scratch[:size])
	}
	return s.digits(n)
}

// digits reads an integer that stands for its digits; borrowed.
func (s *source) digits(enc uint64) []byte {
	var n int64
	switch enc {
	case encInt8:
		n = int64(int8(s.byte()))
	case encInt16:
		if p := s.take(2); p != nil {
			n = int64(int16(binary.LittleEndian.Uint16(p)))
		}
	case encInt32:
		if p := s.take(4); p != nil {
			n = int64(int32(binary.LittleEndian.Uint32(p)))
		}
	default:
		s.fail("a string has an unknown encoding")
	}
	if s.err != nil {
		return nil
	}
	return strconv.AppendInt(s.tmp[:0], n, 10)
}

// compressed reads a string as it is compressed, borrowed, and the size that it has
// otherwise; nil after a failure.
func (s *source) compressed() (packed []byte, size uint64) {
	n := s.count()
	size = s.count()
	if s.err != nil {
		return nil, 0
	}
	if n == 0 || size == 0 || size/lzfMost > n {
		s.fail("a compressed string has an impossible size")
		return nil, 0
	}
	return s.take(n), size
}

// unpack decompresses into dst, all of it.
func (s *source) unpack(packed, dst []byte) []byte {
	if !lzfDecompress(dst, packed) {
		s.fail("a compressed string is damaged")
		return nil
	}
	return dst
}

// text reads a string into the memory of a batch, or, if it is longer than own, into memory
// of its own, which owned tells. It may be written to.
func (s *source) text(b *Batch, own int) (p []byte, owned bool) {
	n, special := s.length()
	switch {
	case !special && n <= uint64(own):
		return b.keep(s.take(n)), false
	case !special && n <= bufferBytes:
		p = make([]byte, n)
		s.read(p)
		b.extra += len(p)
		return p, true
	case !special:
		p = s.long(n)
		b.extra += len(p)
		return p, true
	case n != encLZF:
		return b.keep(s.digits(n)), false
	}
	packed, size := s.compressed()
	if packed == nil {
		return nil, false
	}
	if owned = size > uint64(own); owned {
		p = make([]byte, size)
		b.extra += len(p)
	} else {
		p = b.alloc(int(size))
	}
	return s.unpack(packed, p), owned
}

// rest is for payloads: how many bytes are left.
func (s *source) rest() int {
	assert.That(s.r == nil, "rdb: the rest of a file")
	return s.end - s.pos
}
