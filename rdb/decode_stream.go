package rdb

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"redust/db"
	"redust/db/stream"
)

// Streams.
//
//	blocks: n, then n times  | ID, as a string of 16 bytes | listpack |
//	entries, last ID
//	from TypeStream2 on: first ID, greatest deleted ID, entries ever added
//	groups: n, then n times
//	    name, last ID; from TypeStream2 on: entries read
//	    pending: n, then n times   | ID 16 | since 8 | times |
//	    consumers: n, then n times
//	        name, seen 8; in TypeStream3: active 8
//	        pending: n, then n times   | ID 16 |
//
// IDs are two lengths, or, where 16 stands, two numbers of eight bytes, big end first. What
// is pending in a group is pending at exactly one of its consumers.

// streamTail is what follows a stream's blocks.
type streamTail struct {
	last, deleted stream.ID
	added         int64
	counted       bool // added and groups' read are known
	groups        []group
}

type group struct {
	name      []byte
	last      stream.ID
	read      int64
	consumers []consumer
}

type consumer struct {
	name         []byte
	seen, active int64
	pending      []pending
}

type pending struct {
	id        stream.ID
	at, count int64
}

// stream reads a stream.
func (d *decoder) stream(t Type) {
	n := d.int()
	d.begin(db.Stream, n)
	total := uint64(0)
	var last stream.ID
	for ; n > 0 && d.ok(); n-- {
		b, ok := d.streamBlock(last)
		if !ok {
			return
		}
		last = b.Last
		total += uint64(b.Live)
		var master [16]byte
		binary.BigEndian.PutUint64(master[:], b.Master.Ms)
		binary.BigEndian.PutUint64(master[8:], b.Master.Seq)
		d.b.extra += len(b.Data)
		d.val.add(d.b.keep(master[:]), b.Data, true, int64(b.Live))
	}
	length := d.count()
	tail := &streamTail{last: d.id(), added: int64(length), counted: t != TypeStreamListpacks}
	if tail.counted {
		d.id() // of the first entry, which is known
		tail.deleted = d.id()
		tail.added = d.int()
	}
	if !d.ok() {
		return
	}
	switch {
	case length != total:
		d.fail("a stream has another number of entries than it says")
	case tail.last.Less(last):
		d.fail("a stream's last ID is before that of an entry")
	case uint64(tail.added) < length:
		d.fail("a stream has more entries than were ever added")
	}
	for n := d.int(); n > 0 && d.ok(); n-- {
		d.group(tail, t)
	}
	slices.SortFunc(tail.groups, func(a, b group) int { return bytes.Compare(a.name, b.name) })
	for i := 1; i < len(tail.groups); i++ {
		if string(tail.groups[i-1].name) == string(tail.groups[i].name) {
			d.fail("a group is there twice")
		}
	}
	if d.ok() {
		d.val.big.stream = tail
		d.val.end()
	}
}

// streamBlock reads a block, whose entries come after an ID.
func (d *decoder) streamBlock(after stream.ID) (b stream.Block, ok bool) {
	key := d.str()
	if d.err == nil && len(key) != 16 {
		d.fail("a block of a stream has an ID of a wrong size")
	}
	if d.err != nil {
		return b, false
	}
	master := idOf(key)
	body := d.listpack()
	if d.err != nil {
		return b, false
	}
	b, err := stream.CheckBlock(master, append(make([]byte, 0, len(body)), body...), after)
	if err != nil {
		d.fail(err.Error())
		return b, false
	}
	return b, true
}

// idOf is an ID of sixteen bytes.
func idOf(p []byte) stream.ID {
	return stream.ID{Ms: binary.BigEndian.Uint64(p), Seq: binary.BigEndian.Uint64(p[8:])}
}

// rawID reads an ID of sixteen bytes.
func (d *decoder) rawID() stream.ID {
	p := d.take(16)
	if p == nil {
		return stream.ID{}
	}
	return idOf(p)
}

// id reads an ID of two lengths.
func (d *decoder) id() stream.ID {
	ms := d.count()
	return stream.ID{Ms: ms, Seq: d.count()}
}

// name reads a name, in memory of its own.
func (d *decoder) name() []byte { return append([]byte{}, d.str()...) }

// time reads Unix milliseconds.
func (d *decoder) time() int64 { return int64(d.uint64()) }

// group reads a group of consumers.
func (d *decoder) group(tail *streamTail, t Type) {
	g := group{name: d.name(), last: d.id(), read: stream.UnknownRead}
	if tail.counted {
		g.read = int64(d.count()) // all bits set are UnknownRead
		if g.read < stream.UnknownRead {
			d.fail("a group has read an impossible number of entries")
		}
	}
	var all []pending
	for n := d.int(); n > 0 && d.ok(); n-- {
		p := pending{id: d.rawID(), at: d.time(), count: d.int()}
		if len(all) > 0 && !all[len(all)-1].id.Less(p.id) {
			d.fail("what is pending is not in order")
		}
		all = append(all, p)
	}
	had := 0
	for n := d.int(); n > 0 && d.ok(); n-- {
		c := d.consumer(t, all)
		had += len(c.pending)
		g.consumers = append(g.consumers, c)
	}
	if d.ok() && had != len(all) {
		d.fail("an entry is pending at no consumer")
	}
	slices.SortFunc(g.consumers, func(a, b consumer) int { return bytes.Compare(a.name, b.name) })
	for i := 1; i < len(g.consumers); i++ {
		if string(g.consumers[i-1].name) == string(g.consumers[i].name) {
			d.fail("a consumer is there twice")
		}
	}
	tail.groups = append(tail.groups, g)
}

// taken as the count of something pending says that a consumer has it.
const taken = math.MinInt64

// consumer reads a consumer, of a group that has all this pending.
func (d *decoder) consumer(t Type, all []pending) consumer {
	c := consumer{name: d.name(), seen: d.time()}
	c.active = c.seen
	if t == TypeStream3 {
		c.active = d.time()
	}
	for n := d.int(); n > 0 && d.ok(); n-- {
		id := d.rawID()
		i, ok := slices.BinarySearchFunc(all, id, func(p pending, id stream.ID) int {
			if p.id.Less(id) {
				return -1
			} else if id.Less(p.id) {
				return 1
			}
			return 0
		})
		switch {
		case d.err != nil:
		case !ok:
			d.fail("an entry is pending at a consumer and not in its group")
		case all[i].count == taken:
			d.fail("an entry is pending twice")
		default:
			c.pending = append(c.pending, all[i])
			all[i].count = taken
		}
	}
	return c
}

// addStream is add for a stream.
func (g *big) addStream(e *entry, elems []elem) (wrong string) {
	s := g.root.Stream()
	for i := range elems {
		x := &elems[i]
		s.AddBlock(stream.Block{Master: idOf(x.a), Data: x.b, Live: int(x.num)})
	}
	if !e.last {
		return ""
	}
	t := g.stream
	s.Loaded(t.last, t.added, t.deleted)
	for i := range t.groups {
		from := &t.groups[i]
		read := from.read
		if !t.counted {
			if n, ok := s.Number(from.last); ok {
				read = n
			}
		}
		to := s.LoadGroup(from.name, from.last, read)
		for j := range from.consumers {
			c := &from.consumers[j]
			who := to.LoadConsumer(c.name, c.seen, c.active)
			for _, p := range c.pending {
				to.Deliver(p.id, who, p.at, p.count)
			}
		}
	}
	return ""
}
