package hll

import (
	"encoding/binary"
	"strconv"
)

// The opcodes are described at the top of hll.go.
const (
	zeroMax    = 64 // registers that one ZERO covers
	valMaxLen  = 4  // registers that one VAL covers
	valMaxRank = 32 // largest register that a VAL holds
	mergeScan  = 5  // opcodes looked at for neighbours to join, as many as Redis does
)

func isXZero(op byte) bool { return op>>6 == 1 }
func isVal(op byte) bool   { return op >= 0x80 }

func valRank(op byte) uint8 { return op>>2&31 + 1 }
func valSpan(op byte) int   { return int(op&3) + 1 }

func val(rank uint8, span int) byte { return 0x80 | (rank-1)<<2 | byte(span-1) }

func putXZero(b []byte, span int) {
	b[0] = 0x40 | byte((span-1)>>8)
	b[1] = byte(span - 1)
}

// opcode returns how many registers the opcode at b[p] covers and how many bytes it
// takes. An XZERO that is cut off has a size of 0.
func opcode(b []byte, p int) (span, size int) {
	op := b[p]
	if isXZero(op) {
		if p+1 == len(b) {
			return 0, 0
		}
		return int(op&0x3f)<<8 + int(b[p+1]) + 1, 2
	}
	// ZERO and VAL alternate at random, so a branch between them would be guessed wrong
	// every other time: the mask is 63 for the one and 3 for the other.
	return int(op&(63-60*(op>>7))) + 1, 1
}

// span8 returns how many registers the eight opcodes in x cover, 0 if one of them is an
// XZERO, whose second byte would be taken for an opcode.
func span8(x uint64) int {
	const ones = 0x0101010101010101
	vals := x >> 7 & ones
	if x>>6&ones&^vals != 0 {
		return 0
	}
	x = x & (ones * 0x3f) &^ (vals * 0x3c) // what each covers, less one
	x = x&0x00ff00ff00ff00ff + x>>8&0x00ff00ff00ff00ff
	return int(x*0x0001000100010001>>48) + 8
}

// finger is an opcode from which a walk may begin.
type finger struct {
	off   int // bytes behind the header
	first int // first register of the opcode there
}

// spot is where a walk ended: the opcode that covers the wanted register.
type spot struct {
	p, size     int    // where its bytes are
	first, span int    // the registers it covers
	prev        int    // the opcode before it, or itself if the walk began there
	before      finger // the opcode before that, as far as the walk saw
	steps       int
}

// locate walks from a finger to the opcode that covers index.
func locate(b []byte, index int, from finger) (s spot, err error) {
	s.p, s.first, s.before = headerLen+from.off, from.first, from
	s.prev = s.p
	prevFirst := s.first
	for ; s.p < len(b); s.steps++ {
		skipped := false
		for s.p+8 <= len(b) {
			span := span8(binary.LittleEndian.Uint64(b[s.p:]))
			if span == 0 || index < s.first+span {
				break
			}
			s.p += 8
			s.first += span
			s.steps += 8
			skipped = true
		}
		if skipped {
			s.prev = s.p - 1
			span, _ := opcode(b, s.p-1)
			prevFirst = s.first - span
			span, _ = opcode(b, s.p-2)
			s.before = finger{s.p - 2 - headerLen, prevFirst - span}
			if s.p == len(b) {
				break
			}
		}
		s.span, s.size = opcode(b, s.p)
		if s.size == 0 {
			break
		}
		if index < s.first+s.span {
			return s, nil
		}
		s.before = finger{s.prev - headerLen, prevFirst}
		s.prev, prevFirst = s.p, s.first
		s.p += s.size
		s.first += s.span
	}
	return s, ErrCorrupt
}

// raiseSparse sets the register to rank if that is more than it holds. It follows Redis
// step by step: another order of splitting and joining would count the same, and leave
// other bytes. On an error b is untouched.
//
// Calls with ascending indexes hand on a finger, so that they do not walk from the start
// each time. It stands two opcodes before the latest change: joining neighbours may have
// moved everything from the opcode just before the change on, never what comes earlier.
func raiseSparse(b []byte, index int, rank uint8, maxBytes int, at *finger) (out []byte, changed bool, err error) {
	if rank > valMaxRank {
		return promote(b, index, rank)
	}
	s, err := locate(b, index, *at)
	if err == nil && s.steps < 2 && at.off > 0 {
		s, err = locate(b, index, finger{}) // too close to know prev and before
	}
	if err != nil {
		return b, false, err
	}
	*at = s.before
	p, first, span, size := s.p, s.first, s.span, s.size

	op := b[p]
	if isVal(op) && valRank(op) >= rank {
		return b, false, nil
	}
	if span == 1 && size == 1 {
		b[p] = val(rank, 1)
	} else {
		// What covers index is cut in up to three: before, index itself, behind.
		var seq [5]byte
		n := 0
		piece := func(length int) {
			switch {
			case length == 0:
			case isVal(op):
				seq[n] = val(valRank(op), length)
				n++
			case length > zeroMax:
				putXZero(seq[n:], length)
				n += 2
			default:
				seq[n] = byte(length - 1)
				n++
			}
		}
		piece(index - first)
		seq[n] = val(rank, 1)
		n++
		piece(first + span - 1 - index)

		grow := n - size
		if grow > 0 && len(b)+grow > maxBytes {
			return promote(b, index, rank)
		}
		old := len(b)
		if grow > 0 {
			b = append(b, seq[:grow]...) // whatever bytes: the copy below moves the tail over them
		}
		copy(b[p+n:], b[p+size:old])
		copy(b[p:], seq[:n])
		b = b[:old+grow]
	}

	b = join(b, s.prev)
	Invalidate(b)
	return b, true, nil
}

// join merges neighbouring VALs of one rank among the opcodes from b[p] on.
func join(b []byte, p int) []byte {
	for scan := mergeScan; p < len(b) && scan > 0; scan-- {
		op := b[p]
		switch {
		case isXZero(op):
			p += 2
			continue
		case isVal(op) && p+1 < len(b) && isVal(b[p+1]) && valRank(b[p+1]) == valRank(op):
			if span := valSpan(op) + valSpan(b[p+1]); span <= valMaxLen {
				b[p+1] = val(valRank(op), span)
				b = b[:p+copy(b[p:], b[p+1:])]
				continue // the joined one may join the next
			}
		}
		p++
	}
	return b
}

// promote makes b dense and sets the register, which is known to be smaller.
func promote(b []byte, index int, rank uint8) (out []byte, changed bool, err error) {
	d, err := ToDense(b)
	if err != nil {
		return b, false, err
	}
	changed = raiseDense(d, index, rank)
	if changed {
		Invalidate(d)
	}
	return d, changed, nil
}

// ToDense returns the value in the dense encoding: b itself if it is dense already,
// else newly allocated bytes, header and cached cardinality carried over.
func ToDense(b []byte) ([]byte, error) {
	if !Valid(b) {
		return nil, ErrNotHLL
	}
	if Dense(b) {
		return b, nil
	}
	d := make([]byte, denseLen)
	copy(d, b[:headerLen])
	d[4] = dense
	err := eachVal(b, func(index, span int, rank uint8) {
		for i := index; i < index+span; i++ {
			setDense(d, i, rank)
		}
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// eachVal calls f for every VAL of a sparse value, never with a span that goes past the
// last register.
func eachVal(b []byte, f func(index, span int, rank uint8)) error {
	index := 0
	for p := headerLen; p < len(b); {
		span, size := opcode(b, p)
		if size == 0 || index+span > regs {
			return ErrCorrupt
		}
		if isVal(b[p]) {
			f(index, span, valRank(b[p]))
		}
		index += span
		p += size
	}
	if index != regs {
		return ErrCorrupt
	}
	return nil
}

// DecodeSparse writes the opcodes of a sparse value for a human, as PFDEBUG DECODE
// does: "z:n" for ZERO, "Z:n" for XZERO, "v:rank,n" for VAL, a space between them.
// ok is false when b is not Valid or is dense. Whether the opcodes add up is not checked;
// one that is cut off ends the text.
func DecodeSparse(b []byte) (text string, ok bool) {
	if !Valid(b) || Dense(b) {
		return "", false
	}
	var out []byte
	for p := headerLen; p < len(b); {
		span, size := opcode(b, p)
		if size == 0 {
			break
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		switch op := b[p]; {
		case isXZero(op):
			out = append(out, "Z:"...)
		case isVal(op):
			out = append(out, "v:"...)
			out = strconv.AppendInt(out, int64(valRank(op)), 10)
			out = append(out, ',')
		default:
			out = append(out, "z:"...)
		}
		out = strconv.AppendInt(out, int64(span), 10)
		p += size
	}
	return string(out), true
}
