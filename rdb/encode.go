package rdb

import (
	"encoding/binary"
	"io"
	"math"

	"redust/db"
	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/stream"
	"redust/internal/assert"
)

// Encoding. An encoder gathers bytes in buf. Where it has a destination it passes them on
// when there are many, and sums them up; else (DUMP) they stay there. There is one path for
// both, and none that allocates for a key.
//
//	value --> buf --(128 KiB)--> crc --> w            files
//	           |
//	           +--> what DUMP replies                 w is nil
//
// A collection that is one piece is written as it lies, in the frame of Redis's listpack or
// intset; one of nodes is walked. A string of more than 64 KiB is not copied to buf.
type encoder struct {
	buf      []byte
	w        io.Writer
	err      error // of w; afterwards nothing is written
	sum      uint64
	done     int64 // bytes that have left buf
	summed   bool
	compress bool
	count    bool // nobody wants the bytes, only how many there are
	version  int
	progress *Progress // who may stop it, or nil

	lzf  *lzf   // made when first needed
	out  []byte // compressed
	pack []byte // a listpack or intset in its frame
	tmp  [20]byte
}

const (
	spillAt     = 128 << 10
	bufBytes    = spillAt + spillAt/2
	directBytes = 64 << 10 // strings longer than that do not go through buf
	keepScratch = 1 << 20  // scratch memory that is kept, bytes
	plainNode   = 64 << 10 // a list's element longer than any node may be is a node of its own

	special = 0xc0 // the first byte of a string that is encoded

	leastLZF = 20       // longer strings are compressed, bytes
	mostLZF  = 64 << 20 // up to this, since it takes as much memory again
	mostInt  = 11       // longest string that may be written as a number, bytes
)

// spill passes buf on if it is long.
func (e *encoder) spill() {
	if len(e.buf) >= spillAt && (e.w != nil || e.count) {
		e.flush()
	}
}

func (e *encoder) flush() {
	e.pass(e.buf)
	e.buf = e.buf[:0]
}

// check stops the writing if somebody has asked for that.
func (e *encoder) check() {
	if e.progress != nil && e.progress.Cancelled() && e.err == nil {
		e.err = ErrCancelled
	}
}

// pass gives bytes to the destination.
func (e *encoder) pass(b []byte) {
	if e.check(); e.err != nil {
		return
	}
	e.done += int64(len(b))
	if e.count {
		return
	}
	if e.summed {
		e.sum = crc64(e.sum, b)
	}
	_, e.err = e.w.Write(b)
}

// written is the number of bytes so far.
func (e *encoder) written() int64 { return e.done + int64(len(e.buf)) }

// appendLen appends a length, or any number that is written as one.
func appendLen(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, 0x40|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0x80), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0x81), n)
}

func (e *encoder) len(n int) { e.buf = appendLen(e.buf, uint64(n)) }

func (e *encoder) num(n uint64) { e.buf = appendLen(e.buf, n) }

func (e *encoder) fixed64(n uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, n) }

// raw appends bytes.
func (e *encoder) raw(b []byte) {
	if len(b) > directBytes && (e.w != nil || e.count) {
		e.flush()
		e.pass(b)
		return
	}
	e.buf = append(e.buf, b...)
}

// str writes a string: as a number if it reads as one of up to 32 bits, compressed if that
// pays, else as it is.
func (e *encoder) str(s []byte) {
	switch {
	case len(s) <= mostInt:
		if n, ok := listpack.ParseInt(s); ok && n == int64(int32(n)) {
			e.int32(int32(n))
			return
		}
	case e.compress && len(s) > leastLZF && len(s) <= mostLZF && e.compressed(s):
		return
	}
	e.len(len(s))
	e.raw(s)
}

// text is str for a Go string.
func (e *encoder) text(s string) {
	e.pack = append(e.pack[:0], s...)
	e.str(e.pack)
}

// int32 writes a number in as few bytes as it needs.
func (e *encoder) int32(n int32) {
	switch {
	case n == int32(int8(n)):
		e.buf = append(e.buf, special+encInt8, byte(n))
	case n == int32(int16(n)):
		e.buf = binary.LittleEndian.AppendUint16(append(e.buf, special+encInt16), uint16(n))
	default:
		e.buf = binary.LittleEndian.AppendUint32(append(e.buf, special+encInt32), uint32(n))
	}
}

// compressed writes s if that makes it shorter.
func (e *encoder) compressed(s []byte) bool {
	if e.lzf == nil {
		e.lzf = new(lzf)
	}
	out, ok := e.lzf.compress(e.out[:0], s)
	if ok {
		e.buf = append(e.buf, special+encLZF)
		e.len(len(out))
		e.len(len(s))
		e.raw(out)
	}
	if e.out = out; cap(out) > keepScratch {
		e.out = nil
	}
	return ok
}

// value writes an element of a pack as a string.
func (e *encoder) value(v listpack.Value) {
	if !v.IsInt {
		e.str(v.Str)
		return
	}
	if v.Int == int64(int32(v.Int)) {
		e.int32(int32(v.Int))
		return
	}
	e.str(v.Text(&e.tmp))
}

// listpack writes entries as Redis's listpack, which is a string: its length, their number,
// they, 0xff.
func (e *encoder) listpack(entries []byte, n int) {
	const frame = 4 + 2 + 1
	size := frame + len(entries)
	var head [6]byte
	binary.LittleEndian.PutUint32(head[:], uint32(size))
	binary.LittleEndian.PutUint16(head[4:], uint16(min(n, math.MaxUint16)))
	if !e.compress || size <= leastLZF {
		e.len(size)
		e.buf = append(e.buf, head[:]...)
		e.raw(entries)
		e.buf = append(e.buf, 0xff)
		return
	}
	e.pack = append(append(append(e.pack[:0], head[:]...), entries...), 0xff)
	e.scratch()
}

// body is listpack for the bytes that db/listpack keeps.
func (e *encoder) body(p []byte) { e.listpack(p[2:], int(binary.LittleEndian.Uint16(p))) }

// intset writes the bytes that db/intset keeps as Redis's intset.
func (e *encoder) intset(s []byte) {
	p := binary.LittleEndian.AppendUint32(e.pack[:0], uint32(s[0]))
	p = binary.LittleEndian.AppendUint32(p, uint32(intset.Len(s)))
	e.pack = append(p, s[1:]...)
	e.scratch()
}

// scratch writes pack as a string.
func (e *encoder) scratch() {
	e.str(e.pack)
	if cap(e.pack) > keepScratch {
		e.pack = nil
	}
}

// typeOf is how a value is written.
func (e *encoder) typeOf(it db.Item) Type {
	switch enc := it.Encoded(); it.Type() {
	case db.String:
		return TypeString
	case db.List:
		return TypeQuicklist2
	case db.Set:
		switch {
		case enc == db.Ints:
			return TypeSetIntset
		case enc == db.Packed && e.version >= versionPackedSets:
			return TypeSetListpack
		}
		return TypeSet
	case db.ZSet:
		if enc == db.Packed {
			return TypeZSetListpack
		}
		return TypeZSet2
	case db.Hash:
		switch timed := it.FieldDeadline() != 0; {
		case enc == db.Packed:
			return TypeHashListpack
		case timed && enc == db.PackedTimed:
			return TypeHashListpackEx
		case timed:
			return TypeHashTimed
		}
		return TypeHash
	case db.Stream:
		if e.version >= versionActiveTimes {
			return TypeStream3
		}
		return TypeStream2
	}
	assert.That(false, "rdb: a value of an unknown type")
	return 0
}

// From which version on there is a type for packed sets, and one for streams that has when
// consumers were active.
const versionPackedSets, versionActiveTimes = 11, 11

// item writes what follows type and key.
func (e *encoder) item(it db.Item, t Type) {
	switch t {
	case TypeString:
		e.str(it.Bytes())
	case TypeQuicklist2:
		l := it.Elements()
		e.list(&l)
	case TypeSetIntset:
		e.intset(it.Pack())
	case TypeSet:
		s := it.Members()
		e.len(s.Len())
		s.Each(func(m listpack.Value) bool {
			e.value(m)
			e.spill()
			return e.err == nil
		})
	case TypeZSet2:
		e.zset(it.Scores())
	case TypeHash:
		f := it.Fields()
		e.len(f.Len())
		f.Each(func(field, val listpack.Value, _ int64) bool {
			e.value(field)
			e.value(val)
			e.spill()
			return e.err == nil
		})
	case TypeHashTimed:
		e.timedHash(it)
	case TypeHashListpackEx:
		e.fixed64(uint64(it.FieldDeadline()))
		e.body(it.Pack())
	case TypeStream2, TypeStream3:
		e.stream(it.Stream(), t == TypeStream3)
	default: // a listpack
		e.body(it.Pack())
	}
}

// list writes the nodes of a quicklist. A node is packed, or one long element.
func (e *encoder) list(l *db.Elements) {
	const plain, packed = 1, 2
	e.len(l.Blocks())
	l.Walk(0, l.Len(), func(entries []byte, n int) bool {
		end := 0
		if n == 1 {
			end = listpack.Skip(entries, 0)
			if v := listpack.Get(entries, 0); !v.IsInt && len(v.Str) > plainNode {
				e.len(plain)
				e.str(v.Str)
				e.spill()
				return e.err == nil
			}
		} else {
			end = len(entries)
		}
		e.len(packed)
		e.listpack(entries[:end], n)
		e.spill()
		return e.err == nil
	})
}

// zset writes the members of a sorted set from the last to the first, so that whoever reads
// them puts each in front.
func (e *encoder) zset(z db.SortedSet) {
	n := z.Card()
	e.len(n)
	z.Each(n-1, n, true, func(member []byte, score float64) bool {
		e.str(member)
		e.fixed64(math.Float64bits(score))
		e.spill()
		return e.err == nil
	})
}

// timedHash writes a hash some of whose fields have deadlines. They are told by how much
// they are later than the earliest, plus one; 0 is none.
func (e *encoder) timedHash(it db.Item) {
	first := it.FieldDeadline()
	f := it.Fields()
	e.fixed64(uint64(first))
	e.len(f.Len())
	f.Each(func(field, val listpack.Value, at int64) bool {
		if at != 0 {
			at += 1 - first
		}
		e.num(uint64(at))
		e.value(field)
		e.value(val)
		e.spill()
		return e.err == nil
	})
}

// id appends an ID as keys of Redis's radix trees are, big end first.
func (e *encoder) id(id stream.ID) {
	e.buf = binary.BigEndian.AppendUint64(e.buf, id.Ms)
	e.buf = binary.BigEndian.AppendUint64(e.buf, id.Seq)
}

// idNums writes an ID as two numbers.
func (e *encoder) idNums(id stream.ID) {
	e.num(id.Ms)
	e.num(id.Seq)
}

func (e *encoder) stream(s *stream.Stream, active bool) {
	e.len(s.Blocks())
	s.EachBlock(func(id stream.ID, pack []byte) bool {
		e.len(idBytes)
		e.id(id)
		e.body(pack)
		e.spill()
		return e.err == nil
	})
	e.len(s.Len())
	e.idNums(s.Last())
	e.idNums(s.First())
	e.idNums(s.MaxDeleted())
	e.num(uint64(s.Added()))
	e.len(len(s.Groups()))
	for _, g := range s.Groups() {
		e.group(g, active)
	}
}

const idBytes = 16

func (e *encoder) group(g *stream.Group, active bool) {
	e.text(g.Name)
	e.idNums(g.Last)
	e.num(uint64(g.Read))
	e.len(g.Pending())
	g.EachPending(func(id stream.ID, atMs, count int64) bool {
		e.id(id)
		e.fixed64(uint64(atMs))
		e.num(uint64(count))
		e.spill()
		return e.err == nil
	})
	e.len(g.Consumers())
	for i := range g.Consumers() {
		c := g.ConsumerAt(i)
		e.text(c.Name)
		e.fixed64(uint64(c.Seen))
		if active {
			e.fixed64(uint64(c.Active))
		}
		e.len(c.Pending())
		c.EachPending(func(id stream.ID) bool {
			e.id(id)
			e.spill()
			return e.err == nil
		})
	}
}
