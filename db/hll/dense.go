package hll

import "encoding/binary"

// Registers holds the 16384 registers one byte each, which is the form in which values
// are merged: the zero value is empty, each Merge takes the larger of each pair, Count
// or Store is the result. It is 16 KiB: keep one and Clear it.
//
// Merging is the command that people call slow, so dense values are not taken apart
// register by register. Eight registers are 48 bits; three shifts spread them over the
// eight bytes of a word, and three bring them back:
//
//	48 bits     hhhhhhggggggffffffeeeeee ddddddccccccbbbbbbaaaaaa
//	by 24       00000000hhhhhhggggggffffffeeeeee 00000000ddddddccccccbbbbbbaaaaaa
//	by 12, 6    00hhhhhh 00gggggg ... 00bbbbbb 00aaaaaa
//
// As a register never has its byte's top bit, the larger of eight pairs is found with
// one subtraction that borrows within bytes only.
type Registers [regs]uint8

const tops = 0x8080808080808080

// spread puts the eight 6-bit registers in the low 48 bits of x into a byte each.
func spread(x uint64) uint64 {
	x = x&0x000000ffffff | x&0xffffff000000<<8
	x = x&0x00000fff00000fff | x&0x00fff00000fff000<<4
	return x&0x003f003f003f003f | x&0x0fc00fc00fc00fc0<<2
}

// pack is the inverse of spread.
func pack(x uint64) uint64 {
	x = x&0x003f003f003f003f | x>>2&0x0fc00fc00fc00fc0
	x = x&0x00000fff00000fff | x>>4&0x00fff00000fff000
	return x&0x000000ffffff | x>>8&0xffffff000000
}

// larger returns the larger of each pair of bytes, all of them below 128.
func larger(a, b uint64) uint64 {
	ge := ((a | tops) - b) & tops // the top bit stays where a >= b
	m := ge>>7*0x7f | ge          // a whole byte of ones there
	return a&m | b&^m
}

// load48 and store48 move six bytes, little endian.
func load48(b []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint16(b[4:]))<<32
}

func store48(b []byte, x uint64) {
	binary.LittleEndian.PutUint32(b, uint32(x))
	binary.LittleEndian.PutUint16(b[4:], uint16(x>>32))
}

func getDense(b []byte, index int) uint8 {
	g := b[headerLen+index/4*3:]
	w := uint32(g[0]) | uint32(g[1])<<8 | uint32(g[2])<<16
	return uint8(w >> (index % 4 * 6) & 63)
}

func setDense(b []byte, index int, rank uint8) {
	g := b[headerLen+index/4*3:]
	w := uint32(g[0]) | uint32(g[1])<<8 | uint32(g[2])<<16
	shift := index % 4 * 6
	w = w&^(63<<shift) | uint32(rank)<<shift
	g[0], g[1], g[2] = byte(w), byte(w>>8), byte(w>>16)
}

// raiseDense sets the register to rank if that is more than it holds.
func raiseDense(b []byte, index int, rank uint8) bool {
	if getDense(b, index) >= rank {
		return false
	}
	setDense(b, index, rank)
	return true
}

// Clear empties r.
func (r *Registers) Clear() { *r = Registers{} }

// Merge raises each register to that of b where b's is larger. After an error r may
// hold a part of b.
func (r *Registers) Merge(b []byte) error {
	if !Valid(b) {
		return ErrNotHLL
	}
	if !Dense(b) {
		return eachVal(b, func(index, span int, rank uint8) {
			for i := index; i < index+span; i++ {
				r[i] = max(r[i], rank)
			}
		})
	}
	src := b[headerLen:denseLen]
	for i := 0; i < regs; i += 8 {
		dst := r[i : i+8 : i+8]
		x := spread(load48(src[:6:6]))
		src = src[6:]
		binary.LittleEndian.PutUint64(dst, larger(binary.LittleEndian.Uint64(dst), x))
	}
	return nil
}

// Count estimates the number of distinct elements that were merged into r.
func (r *Registers) Count() uint64 {
	var h histogram
	for i := 0; i < regs; i += 8 {
		h.add8(binary.LittleEndian.Uint64(r[i:]))
	}
	return h.estimate()
}

// Store raises the registers of b to those of r and marks its cached cardinality as
// stale, which is how PFMERGE writes its destination: b is the present value or New,
// and toDense tells that one of the sources was dense. A sparse value that outgrows
// sparseMaxBytes, or has to hold a register above 32, becomes dense on the way. On an
// error b is untouched, unless it is a sparse value that is corrupt in its later part.
func (r *Registers) Store(b []byte, toDense bool, sparseMaxBytes int) ([]byte, error) {
	if !Valid(b) {
		return b, ErrNotHLL
	}
	if toDense && !Dense(b) {
		d, err := ToDense(b)
		if err != nil {
			return b, err
		}
		b = d
	}
	at := finger{}
	for i := 0; i < regs && !Dense(b); i++ {
		if r[i] == 0 {
			continue
		}
		var err error
		if b, _, err = raiseSparse(b, i, r[i], sparseMaxBytes, &at); err != nil {
			return b, err
		}
	}
	if Dense(b) {
		r.storeDense(b)
	}
	Invalidate(b)
	return b, nil
}

// storeDense raises all registers of a dense value.
func (r *Registers) storeDense(b []byte) {
	dst := b[headerLen:denseLen]
	for i := 0; i < regs; i += 8 {
		x := larger(spread(load48(dst[:6:6])), binary.LittleEndian.Uint64(r[i:]))
		store48(dst, pack(x))
		dst = dst[6:]
	}
}
