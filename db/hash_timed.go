package db

import (
	"strconv"

	"redust/db/cow"
	"redust/db/listpack"
	"redust/db/table"
)

// A small hash with deadlines is a pack of triples: field, value, deadline. They stand in
// order of their deadlines, those without one (deadline 0) behind all others in the order
// they came, which is the order of Redis's listpackex. So what is due is a prefix of the
// pack, and the next deadline is that of the first triple.

// timedPack is the root of such a hash.
type timedPack struct {
	cow.Owner
	data []byte
	next int64 // the earliest deadline, 0 if there is none
}

func newTimedPack(c *cow.Clock) *timedPack { return &timedPack{Owner: cow.NewOwner(c)} }

// MemBytes implements table.Object.
func (t *timedPack) MemBytes() int { return 64 + cap(t.data) }

// NextDeadline implements table.Timed.
func (t *timedPack) NextDeadline() int64 { return t.next }

// allDue tells whether all fields are past their deadline.
func (t *timedPack) allDue(now int64) bool {
	last := listpack.Get(t.data, listpack.Last(t.data)).Int
	return last != 0 && last <= now
}

// size is the number of fields.
func (t *timedPack) size() int { return listpack.Len(t.data) / 3 }

func (t *timedPack) own() table.Object {
	if t.RootWritable() {
		return t
	}
	return t.copied()
}

// share copies the bytes: there are few, and they are one piece.
func (t *timedPack) share() table.Object { return t.copied() }

func (t *timedPack) copied() *timedPack {
	c := newTimedPack(t.Clock())
	c.keep(append(make([]byte, 0, cap(t.data)), t.data...))
	return c
}

// keep takes over the pack after a change.
func (t *timedPack) keep(p []byte) {
	t.data, t.next = p, deadlineIn(p, listpack.First(p))
}

// deadlineIn is the deadline in the triple at position at.
func deadlineIn(p []byte, at int) int64 {
	return listpack.Get(p, listpack.Skip(p, listpack.Skip(p, at))).Int
}

// dueIn counts the triples that are past their deadline at now, and returns the position
// behind them, which is the end if no other follows.
func dueIn(p []byte, now int64) (n, end int) {
	for end = listpack.First(p); end >= 0 && end < len(p); n++ {
		last := listpack.Skip(p, listpack.Skip(p, end))
		if at := listpack.Get(p, last).Int; at == 0 || at > now {
			break
		}
		end = listpack.Skip(p, last)
	}
	return n, end
}

// setTimed is Set for a pack of triples.
func (f *FieldEdit) setTimed(field, val []byte, at int64) (added bool) {
	pos := f.find(field)
	was := int64(0)
	if pos >= 0 {
		was = deadlineIn(f.pack, pos)
	}
	if at == KeepTTL {
		at = was
	}
	if pos >= 0 && at == was {
		f.pack = listpack.Replace(f.pack, listpack.Skip(f.pack, pos), val)
		return false
	}
	if pos >= 0 {
		f.pack = listpack.Delete(f.pack, pos, 3)
	}
	var room [20]byte
	end := f.placeFor(at)
	f.pack = listpack.Insert(f.pack, end, strconv.AppendInt(room[:0], at, 10))
	f.pack = listpack.Insert(f.pack, end, val)
	f.pack = listpack.Insert(f.pack, end, field)
	return pos < 0
}

// placeFor is where a triple with this deadline is to stand: behind those that are not
// later.
func (f *FieldEdit) placeFor(at int64) int {
	if at == 0 {
		return len(f.pack)
	}
	_, end := dueIn(f.pack, at)
	return max(end, emptyPack)
}

// emptyPack is the length of a pack without entries, bytes.
const emptyPack = 2

// dropDue removes the fields that are past their deadline.
func (f *FieldEdit) dropDue() {
	n, end := dueIn(f.pack, f.now)
	if n == 0 {
		return
	}
	first := listpack.First(f.pack)
	late := f.now - deadlineIn(f.pack, first)
	var room [20]byte
	for at := first; at < end; at = listpack.Skip(f.pack, listpack.Skip(f.pack, listpack.Skip(f.pack, at))) {
		f.noteExpired(listpack.Get(f.pack, at).Text(&room), late)
	}
	f.pack = listpack.Delete(f.pack, first, 3*n)
}
