package cow

import "redust/internal/assert"

// Slabs used again. A page or leaf that fills up outgrows its slab of bytes every few
// insertions. What it leaves behind is seen by nobody if the part was writable, and is just
// what another page that grows needs next: so it is kept here, by size, instead of being
// left to the collector. Insertion of a million members then makes a tenth of the garbage,
// and the process keeps less room that only garbage had needed.
//
// Slabs are not zeroed. Whoever gives one back has no slice of it left, nor has anybody
// to whom it was lent: what is borrowed from a structure ends with the next change to it.
// Deep builds overwrite what is given back, so that a slice that was kept shows at once.

const (
	grain    = 16      // sizes are told apart by so many bytes
	longest  = 4 << 10 // longer slabs are rare, and left to the collector
	kept     = 64      // slabs of a size
	keptSize = 1 << 20 // bytes of all slabs
)

// slabs are the slabs that a clock keeps.
type slabs struct {
	classes [longest/grain + 1]uint16 // capacity that the allocator gives for so many grains
	free    [longest/grain + 1][][]byte
	bytes   int
}

// Slab returns an empty slice whose capacity is the allocator's for n bytes. What it holds
// beyond its length is anything.
func (c *Clock) Slab(n int) []byte {
	if n == 0 || n > longest {
		return append([]byte(nil), make([]byte, n)...)[:0]
	}
	s := &c.slabs
	class := &s.classes[(n+grain-1)/grain]
	if *class != 0 {
		if free := &s.free[*class/grain]; len(*free) > 0 {
			last := len(*free) - 1
			b := (*free)[last]
			(*free)[last] = nil
			*free = (*free)[:last]
			s.bytes -= cap(b)
			return b
		}
	}
	b := append([]byte(nil), make([]byte, n)...)[:0]
	if cap(b)%grain == 0 && cap(b) <= longest {
		*class = uint16(cap(b))
	}
	return b
}

// Free gives back a slab that nobody sees any more.
func (c *Clock) Free(b []byte) {
	if assert.Deep {
		for i := range b[:cap(b)] {
			b[:cap(b)][i] = 0xee
		}
	}
	s := &c.slabs
	if n := cap(b); n > 0 && n <= longest && n%grain == 0 && s.bytes+n <= keptSize {
		if free := &s.free[n/grain]; len(*free) < kept {
			*free = append(*free, b[:0])
			s.bytes += n
		}
	}
}
