package table

import "encoding/binary"

// An entry in a slab: three bytes, in a table of keys four more, perhaps a deadline, the
// key, the value. Of an object the value is its place in objs, one byte. A key that is
// too long for the slab makes the entry an object too, a *long that holds the key
// beside the value.
const (
	flagsAt   = 0
	klenAt    = 1
	vlenAt    = 2
	headBytes = 3
	kindAt    = 3
	accessAt  = 4 // three bytes, little endian
	metaBytes = 4 // kind and access

	flagDeadline = 1 // times 8 it is the room that a deadline takes
	flagMeta     = 2 // times 2 it is the room that kind and access take
	flagObject   = 4
	flagLong     = 8
	flagTimed    = 16 // the object is a Timed that has a deadline
)

// deadlineAt is where the deadline of an entry with these flags begins, if it has one.
func deadlineAt(flags uint8) int { return headBytes + int(flags&flagMeta)*2 }

// keyAt is where the key of an entry with these flags begins.
func keyAt(flags uint8) int { return headBytes + int(flags&flagMeta)*2 + int(flags&flagDeadline)*8 }

// long is an entry whose key does not fit a slab.
type long struct {
	key   []byte
	val   []byte // the value's bytes, if obj is nil
	obj   Object
	epoch uint64
}

func (l *long) MemBytes() int {
	n := 72 + cap(l.key) + cap(l.val)
	if l.obj != nil {
		n += l.obj.MemBytes()
	}
	return n
}

// entry is the whole entry in slot i.
func (p *page) entry(i int) []byte {
	o := int(p.off[i&63])
	e := p.slab[o:]
	return e[:keyAt(e[flagsAt])+int(e[klenAt])+int(e[vlenAt])]
}

// raw is the value part of the entry in slot i.
func (p *page) raw(i int) []byte {
	e := p.entry(i)
	n := len(e)
	return e[n-int(e[vlenAt]) : n : n]
}

func (p *page) object(i int) Object { return (*p.objs)[p.raw(i)[0]] }

// value is the object that is the value in slot i, nil if that is bytes.
func (p *page) value(i int) Object {
	switch f := p.slab[p.off[i&63]]; {
	case f&flagLong != 0:
		return p.object(i).(*long).obj
	case f&flagObject != 0:
		return p.object(i)
	}
	return nil
}

func (p *page) key(i int) []byte {
	e := p.entry(i)
	if e[flagsAt]&flagLong != 0 {
		return p.object(i).(*long).key
	}
	k := keyAt(e[flagsAt])
	return e[k : k+int(e[klenAt]) : k+int(e[klenAt])]
}

func (p *page) deadline(i int) int64 {
	e := p.slab[p.off[i&63]:]
	if e[flagsAt]&flagDeadline == 0 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(e[deadlineAt(e[flagsAt]):]))
}

// inner is the next deadline inside the object of the entry in slot i, or 0.
func (p *page) inner(i int) int64 {
	if p.slab[p.off[i&63]]&flagTimed == 0 {
		return 0
	}
	return p.value(i).(Timed).NextDeadline()
}

// next is the deadline in slot i that comes first, the entry's or one inside its object;
// 0 if there is none.
func (p *page) next(i int) int64 {
	at, inner := p.deadline(i), p.inner(i)
	if at == 0 || inner != 0 && inner < at {
		return inner
	}
	return at
}

// earliest is the first of the page's deadlines, or 0.
func (p *page) earliest() (at int64) {
	for i, tag := range p.tags {
		if tag == 0 {
			continue
		}
		if d := p.next(i); d != 0 && (at == 0 || d < at) {
			at = d
		}
	}
	return at
}

func (p *page) objsBytes() int {
	if p.objs == nil {
		return 0
	}
	return 24 + 16*cap(*p.objs)
}

// addObject puts o where nothing is and returns the place.
func (p *page) addObject(o Object) byte {
	if p.objs == nil {
		p.objs = new([]Object)
	}
	for i, old := range *p.objs {
		if old == nil {
			(*p.objs)[i] = o
			return byte(i)
		}
	}
	if n := len(*p.objs); n == cap(*p.objs) {
		bigger := make([]Object, n, max(1, min(pageSlots, n+n/2+1)))
		copy(bigger, *p.objs)
		*p.objs = bigger
	}
	*p.objs = append(*p.objs, o)
	return byte(len(*p.objs) - 1)
}

// Key is the entry's key; it points into the page.
func (r Ref) Key() []byte { return r.p.key(r.slot) }

// Hash is a hash that leads to the entry's page: that of its key if the entry was found
// by key, the page's prefix if it was met in a walk, 0 in a view.
func (r Ref) Hash() uint64 { return r.hash }

// Kind is the byte that Put was given to say what the value is. Members have none.
func (r Ref) Kind() uint8 { return r.p.slab[int(r.p.off[r.slot&63])+kindAt] }

// Access is the entry's 24 bits of access history. Members have none.
func (r Ref) Access() uint32 {
	e := r.p.slab[int(r.p.off[r.slot&63])+accessAt:]
	return uint32(e[0]) | uint32(e[1])<<8 | uint32(e[2])<<16
}

// Deadline is the entry's deadline, or 0.
func (r Ref) Deadline() int64 { return r.p.deadline(r.slot) }

// Bytes is the value of an entry without object. It points into the page, and may be
// written through only if it came from Table.OwnEntry.
func (r Ref) Bytes() []byte {
	e := r.p.slab[r.p.off[r.slot&63]:]
	f := e[flagsAt]
	if f&(flagObject|flagLong) == 0 {
		v := keyAt(f) + int(e[klenAt])
		return e[v : v+int(e[vlenAt]) : v+int(e[vlenAt])]
	}
	if f&flagLong != 0 {
		return r.p.object(r.slot).(*long).val
	}
	return nil
}

// Object is the value of an entry that has an object, else nil.
func (r Ref) Object() Object { return r.p.value(r.slot) }

// Timed tells whether the entry's object is a Timed that has a deadline.
func (r Ref) Timed() bool { return r.p.slab[r.p.off[r.slot&63]]&flagTimed != 0 }

// MemBytes is the memory that the entry takes, its share of the page and its object
// included, bytes.
func (r Ref) MemBytes() int {
	n := len(r.p.entry(r.slot)) + pageBytes/max(1, int(r.p.count))
	if r.p.slab[r.p.off[r.slot&63]]&flagObject != 0 {
		n += 16 + r.p.object(r.slot).MemBytes()
	}
	return n
}
