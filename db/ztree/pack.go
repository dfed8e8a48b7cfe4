package ztree

import (
	"bytes"
	"encoding/binary"

	"redust/db/cow"
)

// pack is a row of byte strings in ascending order, side by side in one slab. The type
// of the offsets is chosen by what the slab may hold. Slabs come from the clock and go back
// there when they are outgrown: what is changed is seen by nobody else.
type pack[O uint16 | uint32] struct {
	slab []byte
	off  [slots]O // where each string begins
	n    uint16
}

// head is the first eight bytes of a string as a number, zeros standing for what a short
// one lacks: of two strings whose heads differ, that with the lesser head is less.
func head(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var full [8]byte
	copy(full[:], b)
	return binary.BigEndian.Uint64(full[:])
}

func (p *pack[O]) start(i int) int {
	if i < int(p.n) {
		return int(p.off[i&(slots-1)])
	}
	return len(p.slab)
}

// at is string i.
func (p *pack[O]) at(i int) []byte { return p.slab[p.start(i):p.start(i+1)] }

// find returns the first place from lo on whose string is not less than key, and whether
// it is equal. Behind valued strings stand a value and its length, which do not count.
func (p *pack[O]) find(lo int, key []byte, valued bool) (int, bool) {
	h, hi := head(key), int(p.n)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		k := p.at(m)
		if valued {
			k = k[:len(k)-1-int(k[len(k)-1])]
		}
		var c int
		if len(k) >= 8 && len(key) >= 8 {
			if kh := binary.BigEndian.Uint64(k); kh < h {
				lo = m + 1
				continue
			} else if kh > h {
				hi = m
				continue
			}
			c = bytes.Compare(k[8:], key[8:])
		} else {
			c = bytes.Compare(k, key)
		}
		switch {
		case c < 0:
			lo = m + 1
		case c > 0:
			hi = m
		default:
			return m, true
		}
	}
	return lo, false
}

// open makes room for a string of size bytes at place i and returns it, to be filled. The
// pack is not full.
func (p *pack[O]) open(c *cow.Clock, i, size int) []byte {
	at, was := p.start(i), len(p.slab)
	if cap(p.slab)-was >= size {
		p.slab = p.slab[:was+size]
		copy(p.slab[at+size:], p.slab[at:was])
	} else {
		old := p.slab
		p.slab = c.Slab(room(was + size))[:was+size]
		copy(p.slab, old[:at])
		copy(p.slab[at+size:], old[at:])
		c.Free(old)
	}
	for j := int(p.n); j > i; j-- {
		p.off[j&(slots-1)] = p.off[(j-1)&(slots-1)] + O(size)
	}
	p.off[i] = O(at)
	p.n++
	return p.slab[at : at+size]
}

// resize gives string i another size and returns it, to be filled; what it has in common
// with the old one is kept.
func (p *pack[O]) resize(c *cow.Clock, i, size int) []byte {
	at, end, was := p.start(i), p.start(i+1), len(p.slab)
	delta := size - (end - at)
	if cap(p.slab)-was < delta {
		p.move(c, was+delta)
	}
	p.slab = p.slab[:max(was, was+delta)]
	copy(p.slab[end+delta:], p.slab[end:was])
	p.slab = p.slab[:was+delta]
	for j := i + 1; j < int(p.n); j++ {
		p.off[j] += O(delta)
	}
	return p.slab[at : at+size]
}

// remove takes out n strings from place i on.
func (p *pack[O]) remove(c *cow.Clock, i, n int) {
	at, end := p.start(i), p.start(i+n)
	p.slab = append(p.slab[:at], p.slab[end:]...)
	for j := i + n; j < int(p.n); j++ {
		p.off[j-n] = p.off[j] - O(end-at)
	}
	p.n -= uint16(n)
	p.fit(c, 256+len(p.slab)/8)
}

// move takes the strings to a slab with room for n bytes.
func (p *pack[O]) move(c *cow.Clock, n int) {
	old := p.slab
	p.slab = append(c.Slab(room(n)), old...)
	c.Free(old)
}

// cut makes the strings from place i on those of q, which is empty.
func (p *pack[O]) cut(c *cow.Clock, q *pack[O], i int) {
	from := p.start(i)
	q.slab = append(c.Slab(room(len(p.slab)-from)), p.slab[from:]...)
	for _, o := range p.off[i:p.n] {
		q.off[q.n] = o - O(from)
		q.n++
	}
	p.slab, p.n = p.slab[:from], uint16(i)
	p.fit(c, 0)
}

// append adds the strings of q, which stays as it is.
func (p *pack[O]) append(c *cow.Clock, q *pack[O]) {
	base := len(p.slab)
	if cap(p.slab)-base < len(q.slab) {
		p.move(c, base+len(q.slab))
	}
	p.slab = append(p.slab, q.slab...)
	for _, o := range q.off[:q.n] {
		p.off[p.n] = o + O(base)
		p.n++
	}
}

// fit gives memory back when more than spare bytes lie idle.
func (p *pack[O]) fit(c *cow.Clock, spare int) {
	if cap(p.slab) > room(len(p.slab))+room(spare) {
		p.move(c, len(p.slab))
	}
}

// clone returns a copy that shares nothing.
func (p *pack[O]) clone() pack[O] {
	q := *p
	q.slab = append(make([]byte, 0, cap(p.slab)), p.slab...)
	return q
}

// room is what a slab of n bytes should be able to hold: it grows in steps that are small
// beside a full leaf, and not worth an allocation each.
func room(n int) int {
	const step = 128
	if n < step/4 {
		return n
	}
	return (n + step - 1) &^ (step - 1)
}
