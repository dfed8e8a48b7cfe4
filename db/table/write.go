package table

import (
	"encoding/binary"

	"redust/internal/assert"
)

// Entry is what Put stores under a key. Bytes are copied, at most MaxInline of them;
// a longer value is an Object, which the table takes over. Deadline 0 is none. Kind and
// Access are for tables of keys alone.
type Entry struct {
	Kind     uint8
	Access   uint32
	Deadline int64
	Bytes    []byte
	Object   Object
}

// MaxInline is the longest run of bytes that is stored without an Object, bytes.
const MaxInline = maxInline

// Put stores e under key, whose hash is h, in place of what was there, and returns the
// entry. Bytes and key must not point into this table.
func (t *Table) Put(h uint64, key []byte, e Entry) Ref {
	assert.That(len(e.Bytes) <= maxInline, "table: a long value must be an object")
	for {
		p := t.own(h)
		if i := p.find(h, key); i >= 0 {
			t.replace(p, i, h, key, e)
			return Ref{p, h, i}
		}
		if p.count < pageSlots {
			return Ref{p, h, t.insert(p, h, key, e)}
		}
		t.split(h)
	}
}

// Update is Put for an entry that Find has just found under this key: it saves finding it
// again. It returns the entry, which may be in another page now.
func (t *Table) Update(r Ref, key []byte, e Entry) Ref {
	assert.That(len(e.Bytes) <= maxInline, "table: a long value must be an object")
	if assert.Deep {
		assert.That(t.page(r.hash).find(r.hash, key) == r.slot, "table: update of an entry that is elsewhere by now")
	}
	r.p = t.own(r.hash)
	t.replace(r.p, r.slot, r.hash, key, e)
	return r
}

// insert adds an entry that is not there to a page that has room, and returns its slot.
func (t *Table) insert(p *page, h uint64, key []byte, e Entry) int {
	i := p.free(groupOf(h))
	t.write(p, i, h, key, e)
	t.count++
	p.count++
	return i
}

// write appends an entry, makes slot i lead to it, and asks for a visit if it has
// deadlines.
func (t *Table) write(p *page, i int, h uint64, key []byte, e Entry) {
	flags, vlen, klen := t.meta, uint8(len(e.Bytes)), uint8(len(key))
	obj := e.Object
	if len(key) > maxInline {
		flags, klen = flags|flagLong, 0
		obj = &long{key: append([]byte(nil), key...), val: append([]byte(nil), e.Bytes...), obj: e.Object, epoch: t.Epoch()}
	}
	if obj != nil {
		flags |= flagObject
		vlen = 1
	}
	inner := int64(0)
	if timed, ok := e.Object.(Timed); ok {
		if inner = timed.NextDeadline(); inner != 0 {
			flags |= flagTimed
			t.inner++
		}
	}
	if e.Deadline != 0 {
		flags |= flagDeadline
		t.timed++
	}
	need := keyAt(flags) + int(klen) + int(vlen)
	if cap(p.slab)-len(p.slab) < need {
		t.roomFor(p, need)
	}
	at := len(p.slab)
	p.tags[i] = tagOf(h)
	p.off[i] = uint16(at)
	s := append(p.slab, flags, klen, vlen)
	if t.meta != 0 {
		s = append(s, e.Kind, byte(e.Access), byte(e.Access>>8), byte(e.Access>>16))
	}
	if e.Deadline != 0 {
		s = binary.LittleEndian.AppendUint64(s, uint64(e.Deadline))
	}
	s = append(s, key[:klen]...)
	if obj == nil {
		p.slab = append(s, e.Bytes...)
	} else {
		was := p.objsBytes()
		p.slab = append(s, p.addObject(obj))
		t.bytes += int64(p.objsBytes() - was + obj.MemBytes())
	}
	t.arm(p, h, e.Deadline)
	t.arm(p, h, inner)
}

// replace stores e over the entry in slot i: in place when its shape is the same.
func (t *Table) replace(p *page, i int, h uint64, key []byte, e Entry) {
	old := p.slab[p.off[i]:]
	f := old[flagsAt]
	same := e.Object == nil && f&(flagObject|flagLong) == 0 && int(old[vlenAt]) == len(e.Bytes)
	if e.Object != nil && f&(flagObject|flagLong|flagTimed) == flagObject {
		_, timed := e.Object.(Timed)
		same = !timed
	}
	if same && (f&flagDeadline != 0) == (e.Deadline != 0) {
		if t.meta != 0 {
			old[kindAt] = e.Kind
			old[accessAt], old[accessAt+1], old[accessAt+2] = byte(e.Access), byte(e.Access>>8), byte(e.Access>>16)
		}
		if e.Deadline != 0 {
			binary.LittleEndian.PutUint64(old[deadlineAt(f):], uint64(e.Deadline))
			t.arm(p, h, e.Deadline)
		}
		if val := old[keyAt(f)+int(old[klenAt]):]; e.Object == nil {
			copy(val, e.Bytes)
		} else {
			place := &(*p.objs)[val[0]]
			t.bytes += int64(e.Object.MemBytes() - (*place).MemBytes())
			*place = e.Object
		}
		return
	}
	t.drop(p, i)
	t.write(p, i, h, key, e)
}

// drop gives up what the entry in slot i holds; the slot itself stays.
func (t *Table) drop(p *page, i int) {
	e := p.entry(i)
	if e[flagsAt]&flagDeadline != 0 {
		t.timed--
	}
	if e[flagsAt]&flagTimed != 0 {
		t.inner--
	}
	if e[flagsAt]&flagObject != 0 {
		at := p.raw(i)[0]
		t.bytes -= int64((*p.objs)[at].MemBytes())
		(*p.objs)[at] = nil
	}
	p.dead += uint16(len(e))
	p.tags[i] = 0
}

// smallSlab is what an empty page keeps for its next entry, bytes.
const smallSlab = 128

// smallObjs is likewise for objects.
const smallObjs = 4

// Delete removes the entry of key and tells whether there was one.
func (t *Table) Delete(h uint64, key []byte) bool {
	if t.page(h).find(h, key) < 0 {
		return false
	}
	p := t.own(h)
	t.drop(p, p.find(h, key))
	p.count--
	t.count--
	t.dropped(h, p)
	return true
}

// dropped follows when entries of the page p of h have been dropped and counted.
func (t *Table) dropped(h uint64, p *page) {
	t.emptied(p)
	if p.count <= few {
		t.shrink(h, p)
	}
}

// emptied gives up the memory of a page that has no entries left, but for what the next
// entry will need.
func (t *Table) emptied(p *page) {
	if p.count > 0 {
		return
	}
	if cap(p.slab) > smallSlab {
		t.bytes -= int64(cap(p.slab))
		t.Clock().Free(p.slab)
		p.slab = nil
	}
	p.slab, p.dead, p.over = p.slab[:0], 0, 0
	if p.objs != nil && cap(*p.objs) > smallObjs {
		t.bytes -= int64(p.objsBytes())
		p.objs = nil
	}
}

// roomFor makes room for need more bytes: by leaving out the dead ones if they are a
// third of the slab or it cannot grow, else by growing it. The page is the table's own.
func (t *Table) roomFor(p *page, need int) {
	live := len(p.slab) - int(p.dead)
	old := p.slab
	if 3*int(p.dead) >= len(p.slab) && p.dead > 0 || len(p.slab)+need > maxSlab {
		assert.That(live+need <= maxSlab, "table: page too large")
		fresh := t.Clock().Slab(min(maxSlab, p.roomy(live+need)))
		for i := range p.tags {
			if p.tags[i] != 0 {
				e := p.entry(i)
				p.off[i] = uint16(len(fresh))
				fresh = append(fresh, e...)
			}
		}
		p.slab, p.dead = fresh, 0
	} else {
		p.slab = append(t.Clock().Slab(min(maxSlab, p.roomy(len(old)+need))), old...)
	}
	t.bytes += int64(cap(p.slab) - cap(old))
	t.Clock().Free(old)
}

// roomy is how large a slab should be that has to hold least bytes: half as much again, but
// no more than a full page of such entries takes. So a page has two or three slabs in its
// life, of sizes that all pages of a table agree on. With smaller steps there is less room
// in the slabs, and more between them: what the allocator keeps for sizes that pages have
// grown out of (a million small hashes: 129 bytes each in slabs and 167 in all, instead of
// 134 and 157).
func (p *page) roomy(least int) int {
	full := least * pageSlots / (int(p.count) + 1)
	return max(least, min(least+least/2, full+full/64))
}

// OwnEntry makes the entry's page writable and returns the entry as it is there, so that
// Bytes may be written through.
func (t *Table) OwnEntry(r Ref) Ref {
	r.p = t.own(r.hash)
	if r.p.slab[r.p.off[r.slot&63]]&flagLong != 0 {
		if l := r.p.object(r.slot).(*long); !t.Writable(l.epoch) {
			val := append(make([]byte, 0, cap(l.val)), l.val...)
			(*r.p.objs)[r.p.raw(r.slot)[0]] = &long{key: l.key, val: val, obj: l.obj, epoch: t.Epoch()}
		}
	}
	return r
}

// SetAccess notes an access. It does nothing on a page that a view is reading.
func (t *Table) SetAccess(r Ref, access uint32) {
	if t.Writable(r.p.epoch) {
		e := r.p.slab[int(r.p.off[r.slot&63])+accessAt:]
		e[0], e[1], e[2] = byte(access), byte(access>>8), byte(access>>16)
	}
}

// SetKind changes the byte that says what the value is.
func (t *Table) SetKind(r Ref, kind uint8) {
	r = t.OwnEntry(r)
	r.p.slab[int(r.p.off[r.slot&63])+kindAt] = kind
}

// SetDeadline gives the entry another deadline, or none if at is 0.
func (t *Table) SetDeadline(r Ref, at int64) {
	p := t.own(r.hash)
	e := p.entry(r.slot)
	has := e[flagsAt]&flagDeadline != 0
	switch {
	case has && at != 0:
		binary.LittleEndian.PutUint64(e[deadlineAt(e[flagsAt]):], uint64(at))
	case has:
		d := deadlineAt(e[flagsAt])
		copy(e[d:], e[d+8:])
		e[flagsAt] &^= flagDeadline
		p.dead += 8
		t.timed--
		return
	case at == 0:
		return
	default:
		t.addDeadline(p, r.slot, at)
		t.timed++
	}
	t.arm(p, r.hash, at)
}

// addDeadline rewrites the entry in slot i with eight bytes more.
func (t *Table) addDeadline(p *page, i int, at int64) {
	n := len(p.entry(i)) + 8
	if cap(p.slab)-len(p.slab) < n {
		t.roomFor(p, n)
	}
	e := p.entry(i)
	start, d := len(p.slab), deadlineAt(p.entry(i)[flagsAt])
	s := append(p.slab, e[:d]...)
	s = binary.LittleEndian.AppendUint64(s, uint64(at))
	p.slab = append(s, e[d:]...)
	p.slab[start] |= flagDeadline
	p.off[i] = uint16(start)
	p.dead += uint16(len(e))
}

// Retimed tells that the deadlines inside the entry's object may have changed. The Ref may
// be from before SetObject.
func (t *Table) Retimed(r Ref) {
	p, at := t.page(r.hash), int64(0)
	if timed, ok := p.value(r.slot).(Timed); ok {
		at = timed.NextDeadline()
	}
	if has := p.slab[p.off[r.slot&63]]&flagTimed != 0; has != (at != 0) {
		p = t.own(r.hash)
		p.slab[p.off[r.slot&63]] ^= flagTimed
		if has {
			t.inner--
		} else {
			t.inner++
		}
	}
	t.arm(p, r.hash, at)
}

// arm asks for an earlier visit of the page if at, which is no deadline if 0, is before the
// one it waits for.
func (t *Table) arm(p *page, h uint64, at int64) {
	if at != 0 && t.armer != nil && (p.arm == 0 || at < p.arm) {
		p.arm = at
		t.armer.Arm(h, at)
	}
}

// Due is the visit that a page asked for: if the appointment still stands, it passes
// the keys and deadlines of the entries that are due at now, or have something inside that
// is, to each (the keys point into the page, which must not change meanwhile), and forgets
// the appointment. The caller deletes what it will and then calls Rearm.
func (t *Table) Due(h uint64, appointed, now int64, each func(key []byte, deadline int64)) bool {
	p := t.page(h)
	if p.arm != appointed {
		return false
	}
	p.arm = 0
	for i, tag := range p.tags {
		if tag == 0 {
			continue
		}
		if d := p.next(i); d != 0 && d <= now {
			each(p.key(i), d)
		}
	}
	return true
}

// Rearm makes the next appointment of the page that h leads to. An entry that is
// already due, because the caller let it be, is looked at again at notBefore.
func (t *Table) Rearm(h uint64, notBefore int64) {
	p := t.page(h)
	if at := p.earliest(); at != 0 {
		t.arm(p, h, max(at, notBefore))
	}
}

// Armed tells whether an appointment of the page of h at this time still stands.
func (t *Table) Armed(h uint64, at int64) bool { return t.page(h).arm == at }

// SetObject puts another object in the place of the entry's, and is told about as if it
// had been there from the start: the memory of both is accounted for.
func (t *Table) SetObject(r Ref, o Object) {
	p := t.own(r.hash)
	at := p.raw(r.slot)[0]
	old := (*p.objs)[at]
	if l, ok := old.(*long); ok {
		o = &long{key: l.key, val: l.val, obj: o, epoch: t.Epoch()}
	}
	t.bytes += int64(o.MemBytes() - old.MemBytes())
	(*p.objs)[at] = o
}
