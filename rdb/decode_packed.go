package rdb

import (
	"encoding/binary"

	"redust/db"
	"redust/db/intset"
	"redust/db/listpack"
)

// Values that are packed in the file. Three kinds of bytes, each in a string:
//
//	listpack   | total 4 | count 2 | entries | ff |       ours is what is between total and ff
//	ziplist    what came before it, turned into a pack of ours by ziplistPack
//	intset     | width 4 | count 4 | integers |           ours has one byte in front
//
// A pack is checked as if it came from an enemy, which in a payload of RESTORE it may. Then it
// is stored as it is, unless it has more elements than a pack may have now, or differs from
// what we would have written: then it becomes elements (decode_value.go).

// packed reads a value that is packed.
func (d *decoder) packed(t Type) {
	switch t {
	case TypeQuicklist, TypeQuicklist2:
		d.quicklist(t == TypeQuicklist2)
	case TypeSetIntset:
		d.intset()
	case TypeHashZipmap:
		d.zipmap()
	case TypeListZiplist:
		d.begin(db.List, 1)
		d.node(d.ziplist())
		d.val.end()
	case TypeHashZiplist:
		d.packedHash(d.ziplist())
	case TypeZSetZiplist:
		d.packedZSet(d.ziplist())
	case TypeHashListpack:
		d.packedHash(d.listpack())
	case TypeZSetListpack:
		d.packedZSet(d.listpack())
	case TypeSetListpack:
		d.packedSet(d.listpack())
	case TypeHashListpackEx, TypeHashListpackPre:
		if t == TypeHashListpackEx {
			d.uint64() // the earliest deadline, which the pack tells, too
		}
		d.packedTimed(d.listpack())
	default:
		d.fail("this type of value cannot be read")
	}
}

// listpack reads a listpack and returns its body, borrowed; nil after a failure.
func (d *decoder) listpack() []byte {
	p := d.str()
	if d.err != nil {
		return nil
	}
	body, what := unframe(p)
	if what != "" {
		d.fail(what)
		return nil
	}
	return body
}

// unframe checks a listpack and returns its body, or what is wrong.
func unframe(p []byte) (body []byte, wrong string) {
	if len(p) < packFrame || int64(binary.LittleEndian.Uint32(p)) != int64(len(p)) || p[len(p)-1] != 0xff {
		return nil, "a listpack has another size than it says"
	}
	body = p[4 : len(p)-1 : len(p)-1]
	if err := listpack.Check(body); err != nil {
		return nil, err.Error()
	}
	return body, ""
}

// ziplist reads a ziplist as a body of a listpack, in scratch memory; nil after a failure.
func (d *decoder) ziplist() []byte {
	p := d.str()
	if d.err != nil {
		return nil
	}
	body, what := ziplistPack(d.pack[:0], p)
	if what != "" {
		d.fail(what)
		return nil
	}
	d.pack = body
	return body
}

// unique tells whether no element is there twice in a pack of n elements, each of step
// entries, of which the first is compared. Entries are in their shortest form.
func (d *decoder) unique(p []byte, n, step int) bool {
	d.seen.start(n)
	if few(n) {
		for at := listpack.First(p); n > 0; n-- {
			next := listpack.Skip(p, at)
			if !d.seen.addFew(p[at:next]) {
				return false
			}
			at = behind(p, next, step-1)
		}
		return true
	}
	for at := listpack.First(p); n > 0; n-- {
		next := listpack.Skip(p, at)
		if e := p[at:next]; !d.seen.add(e, d.hashOf(e)) {
			return false
		}
		at = behind(p, next, step-1)
	}
	return true
}

// behind is the position n entries on.
func behind(p []byte, at, n int) int {
	for ; n > 0; n-- {
		at = listpack.Skip(p, at)
	}
	return at
}

// tuples is how many elements of so many entries a pack has; what fails.
func (d *decoder) tuples(p []byte, step int) int {
	if p == nil {
		return 0
	}
	n := listpack.Len(p)
	switch {
	case n%step != 0:
		d.fail("a pack ends within an element")
	case n == 0:
		d.e.skip = true
	}
	return n / step
}

// asItLies emits a pack of n elements, each of step entries, if the keyspace would keep it in
// this form.
func (d *decoder) asItLies(t db.Type, form db.Encoding, p []byte, n, step int, most int64) bool {
	if int64(n) > most || !listpack.Canonical(p) {
		return false
	}
	if !d.unique(p, n, step) {
		d.fail(whatTwice)
	}
	d.emitPack(t, form, p)
	return true
}

// packedHash takes a pack of fields and values.
func (d *decoder) packedHash(p []byte) {
	n := d.tuples(p, 2)
	if d.err != nil || d.e.skip {
		return
	}
	if d.asItLies(db.Hash, db.Packed, p, n, 2, d.o.Limits.HashEntries) {
		return
	}
	d.begin(db.Hash, int64(n))
	for at := listpack.First(p); n > 0 && d.ok(); n-- {
		val := listpack.Skip(p, at)
		d.val.add(d.copied(listpack.Get(p, at)), d.copied(listpack.Get(p, val)), false, 0)
		at = listpack.Skip(p, val)
	}
	d.val.end()
}

// copied is an element of a pack in the batch's memory.
func (d *decoder) copied(v listpack.Value) []byte {
	var tmp [20]byte
	return d.b.keep(v.Text(&tmp))
}

// packedTimed takes a pack of fields, values and deadlines.
func (d *decoder) packedTimed(p []byte) {
	n := d.tuples(p, 3)
	if d.err != nil || d.e.skip {
		return
	}
	ordered, last := true, int64(0)
	for at, i := listpack.First(p), 0; i < n; i++ {
		at = behind(p, at, 2)
		v := listpack.Get(p, at)
		if !v.IsInt || v.Int < 0 || v.Int > maxDeadline {
			d.fail("a field has an impossible deadline")
			return
		}
		if i > 0 && (v.Int != 0 && (last == 0 || v.Int < last)) {
			ordered = false
		}
		last = v.Int
		at = listpack.Skip(p, at)
	}
	if ordered && d.asItLies(db.Hash, db.PackedTimed, p, n, 3, d.o.Limits.HashEntries) {
		return
	}
	d.begin(db.Hash, int64(n))
	d.val.timed = true
	for at := listpack.First(p); n > 0 && d.ok(); n-- {
		val := listpack.Skip(p, at)
		deadline := listpack.Skip(p, val)
		d.val.add(d.copied(listpack.Get(p, at)), d.copied(listpack.Get(p, val)), false, listpack.Get(p, deadline).Int)
		at = listpack.Skip(p, deadline)
	}
	d.val.end()
}

// packedSet takes a pack of members.
func (d *decoder) packedSet(p []byte) {
	n := d.tuples(p, 1)
	if d.err != nil || d.e.skip {
		return
	}
	if d.asItLies(db.Set, db.Packed, p, n, 1, d.o.Limits.SetEntries) {
		return
	}
	d.begin(db.Set, int64(n))
	d.val.strings = true // whatever they are, it was not a set of integers
	for at := listpack.First(p); n > 0 && d.ok(); n-- {
		d.val.add(d.copied(listpack.Get(p, at)), nil, false, 0)
		at = listpack.Skip(p, at)
	}
	d.val.end()
}

// packedZSet takes a pack of members and scores.
func (d *decoder) packedZSet(p []byte) {
	n := d.tuples(p, 2)
	if d.err != nil || d.e.skip {
		return
	}
	ordered := d.zsetOrdered(p, n)
	if d.err != nil {
		return
	}
	if ordered && d.asItLies(db.ZSet, db.Packed, p, n, 2, d.o.Limits.ZSetEntries) {
		return
	}
	d.begin(db.ZSet, int64(n))
	for at := listpack.First(p); n > 0 && d.ok(); n-- {
		val := listpack.Skip(p, at)
		s, _ := packedScore(listpack.Get(p, val))
		d.val.add(d.copied(listpack.Get(p, at)), nil, false, scoreBits(s))
		at = listpack.Skip(p, val)
	}
	d.val.end()
}

// zsetOrdered tells whether members are in order of their scores, and checks these.
func (d *decoder) zsetOrdered(p []byte, n int) bool {
	ordered, before, member := true, 0.0, -1
	var x, y [20]byte
	for at := listpack.First(p); n > 0; n-- {
		val := listpack.Skip(p, at)
		s, ok := packedScore(listpack.Get(p, val))
		if !ok {
			d.fail(whatScore)
			return false
		}
		if member >= 0 && ordered {
			ordered = before < s || before == s &&
				string(listpack.Get(p, member).Text(&x)) < string(listpack.Get(p, at).Text(&y))
		}
		before, member = s, at
		at = listpack.Skip(p, val)
	}
	return ordered
}

// packedScore is a score in a pack.
func packedScore(v listpack.Value) (float64, bool) {
	if v.IsInt {
		return float64(v.Int), true
	}
	return parseScore(v.Str)
}

// intset reads a set of integers.
func (d *decoder) intset() {
	p := d.str()
	if d.err != nil {
		return
	}
	const frame = 8
	if len(p) < frame {
		d.fail("a set of integers is too short")
		return
	}
	width, n := binary.LittleEndian.Uint32(p), int64(binary.LittleEndian.Uint32(p[4:]))
	if width != 2 && width != 4 && width != 8 || int64(len(p)-frame) != n*int64(width) {
		d.fail("a set of integers has another size than it says")
		return
	}
	s := append(append(d.pack[:0], byte(width)), p[frame:]...)
	d.pack = s
	switch err := intset.Check(s); {
	case err != nil:
		d.fail("a set of integers is not in order")
	case n == 0:
		d.e.skip = true
	case n <= min(d.o.Limits.SetInts, 1<<30):
		d.emitPack(db.Set, db.Ints, s)
	default:
		d.begin(db.Set, n)
		d.val.enlarge()
		for i := 0; i < int(n) && d.ok(); i++ {
			d.val.add(d.copied(listpack.Value{Int: intset.At(s, i), IsInt: true}), nil, false, 0)
		}
		d.val.end()
	}
}

// quicklist reads a list of packs: of ziplists, or of listpacks and single elements.
func (d *decoder) quicklist(second bool) {
	const plain, packed = 1, 2
	n := d.int()
	d.begin(db.List, n)
	for ; n > 0 && d.ok(); n-- {
		container := uint64(packed)
		if second {
			container = d.count()
		}
		switch {
		case !second:
			d.node(d.ziplist())
		case container == packed:
			d.node(d.listpack())
		case container == plain:
			p := append(d.pack[:0], 0, 0)
			p = listpack.Append(p, d.str())
			d.pack = p
			d.val.quick = true
			d.block(p, 1)
		default:
			d.fail("a node of a list is of an unknown kind")
		}
	}
	d.val.end()
}

// node adds a pack to a list.
func (d *decoder) node(p []byte) {
	if p == nil {
		return
	}
	n := listpack.Len(p)
	if n == 0 {
		return // as Redis does
	}
	if !listpack.Canonical(p) {
		p = d.repacked(p)
	}
	d.block(p, n)
}

// repacked makes a pack anew, entries in their shortest form.
func (d *decoder) repacked(p []byte) []byte {
	q := make([]byte, packHead, len(p))
	var tmp [20]byte
	for at := listpack.First(p); at >= 0; at = listpack.Next(p, at) {
		q = listpack.Append(q, listpack.Get(p, at).Text(&tmp))
	}
	return q
}
