package stream

import (
	"errors"
	"math"

	"redust/db/listpack"
	"redust/internal/assert"
)

// Loading: blocks come in one piece, from a snapshot or from anybody.

// Why CheckBlock refuses.
var (
	ErrBlock  = errors.New("stream: a block does not have the elements that one has")
	ErrCount  = errors.New("stream: a block counts its entries wrong")
	ErrOrder  = errors.New("stream: entries are not in the order of their IDs")
	ErrMaster = errors.New("stream: a block does not begin with its own ID")
)

// Block is a block that has been checked.
type Block struct {
	Master      ID
	Data        []byte
	Live        int // entries
	First, Last ID  // of all entries, deleted ones included
}

// walker reads the elements of a listpack that may not be a block.
type walker struct {
	p   []byte
	at  int
	bad bool
}

// int reads an integer.
func (w *walker) int() int64 {
	if w.bad || w.at >= len(w.p) {
		w.bad = true
		return 0
	}
	v := listpack.Get(w.p, w.at)
	w.at = listpack.Skip(w.p, w.at)
	w.bad = !v.IsInt
	return v.Int
}

// skip passes over n elements.
func (w *walker) skip(n int64) {
	for ; n > 0 && !w.bad; n-- {
		if w.at >= len(w.p) {
			w.bad = true
			return
		}
		w.at = listpack.Skip(w.p, w.at)
	}
}

// CheckBlock tells whether a listpack, which listpack.Check has accepted, is a block of this
// ID whose entries come after an ID, and what is in it.
func CheckBlock(master ID, data []byte, after ID) (b Block, err error) {
	b = Block{Master: master, Data: data}
	w := walker{p: data, at: headAt}
	live, deleted, names := w.int(), w.int(), w.int()
	if w.bad || live < 0 || deleted < 0 || names < 0 {
		return b, ErrBlock
	}
	w.skip(names)
	if end := w.int(); w.bad || end != 0 {
		return b, ErrBlock
	}
	dead := int64(0)
	for n := 0; w.at < len(data); n++ {
		if data[w.at] > entryDeleted|entrySameNames {
			return b, ErrBlock
		}
		flags := w.int()
		id := master.plus(w.int(), w.int())
		elements := names
		count := names + lineBytes
		if flags&entrySameNames == 0 {
			if elements = w.int(); elements < 0 || elements > math.MaxInt32 {
				return b, ErrBlock
			}
			elements *= 2
			count = elements + lineBytes + 1
		}
		w.skip(elements)
		if got := w.int(); w.bad || got != count {
			return b, ErrBlock
		}
		if n == 0 {
			if b.First = id; id != master {
				return b, ErrMaster
			}
		}
		if !after.Less(id) {
			return b, ErrOrder
		}
		after = id
		if flags&entryDeleted != 0 {
			dead++
		} else {
			b.Live++
		}
	}
	if b.Last = after; b.First.Zero() {
		return b, ErrBlock
	}
	if int64(b.Live) != live || dead != deleted {
		return b, ErrCount
	}
	return b, nil
}

// AddBlock adds a block at the end, which takes the memory of its data over. CheckBlock has
// accepted it, after the last ID of the block before. Loaded follows the last one.
func (s *Stream) AddBlock(b Block) {
	at, _ := s.blocks.put(&s.base, b.Master)
	*at = &block{epoch: s.Epoch(), data: b.Data}
	s.weigh(blockBytes + cap(b.Data))
	s.length += b.Live
}

// Loaded ends loading, but for groups. last is not less than the ID of any entry.
func (s *Stream) Loaded(last ID, added int64, maxDeleted ID) {
	s.SetLast(last, added, maxDeleted)
	s.findFirst()
}

// LoadGroup adds a group and returns it for writing. Groups come in the order of their names,
// and so do their consumers; none is there twice.
func (s *Stream) LoadGroup(name []byte, last ID, read int64) Edit {
	ok := s.CreateGroup(name, last, read)
	assert.That(ok, "stream: a group that is there")
	return Edit{s, s.groups[len(s.groups)-1]}
}

// LoadConsumer adds a consumer that was last seen, and last active, then.
func (e Edit) LoadConsumer(name []byte, seen, active int64) *Consumer {
	was := 8*cap(e.consumers) + 4*cap(e.order)
	c := &Consumer{Name: string(name), Seen: seen, Active: active, epoch: e.s.Epoch(), number: uint32(len(e.consumers))}
	e.consumers = append(e.consumers, c)
	e.order = append(e.order, c.number)
	e.s.bytes += consumerBytes + len(name) + 8*cap(e.consumers) + 4*cap(e.order) - was
	return c
}
