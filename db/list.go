package db

import (
	"math"

	"redust/db/listpack"
	"redust/db/seq"
	"redust/db/table"
)

// Lists. A list is kept in one of two forms:
//
//	packed   | e1 | e2 | e3 |             a listpack, as value.go keeps one
//	large    root --> blocks of entries   a longList: a seq.List, and what to call it
//
// To Redis a list is a listpack up to list-max-listpack-size (8 KB by default), else a
// quicklist, and again a listpack when one node of half that size is left. That is what
// OBJECT ENCODING tells, but not when the form changes: a push to the left of a listpack of
// 8 KB moves 8 KB, one to the left of a seq moves nothing. So a list of more than packedList
// bytes is large, one of less than a slab holds is packed, and between the two it stays what
// it is, lest one that grows and shrinks be turned over all the time. A large list remembers
// what Redis calls it, and one that is called a listpack has one block, whatever its size.
//
// Commands see none of this. They get an Elements, or an ElementsEdit, which lives as long as
// the command:
//
//	reading   it.Elements()                 Len Get Walk WalkBack Search
//	writing   edit.Begin(d, key, it)        Expect, Push Insert Set RemoveEqual Trim, then Done
//
// Costs: see db/seq; a packed list is O(n), n bounded by packedList bytes.

// packedList is the size beyond which a list is large, bytes, or nearly.
const packedList = 1 << 10

// Elements is the list under one key, for one command to read. Use Item.Elements.
type Elements struct {
	pack []byte    // of the packed form; borrowed from the value, or scratch
	long *longList // of the large form
}

// ElementsEdit is the list under one key, for one command to change. Use Begin.
type ElementsEdit struct {
	Elements
	d      *DB
	key    []byte
	it     Item
	begun  bool
	rooted bool // long is new: it is not what the item holds
	less   bool // something was taken away, or replaced
	due    int  // elements that Expect has told of and that have not come yet
	was    int  // memory of the root before, bytes
}

// longList is the root of a large list. It is writable when the list's root is.
type longList struct {
	l     *seq.List
	quick bool // Redis would call it a quicklist
}

const longListBytes = 16

// MemBytes implements table.Object.
func (t *longList) MemBytes() int { return longListBytes + t.l.MemBytes() }

func (t *longList) own() table.Object {
	l := t.l.Own()
	if l == t.l {
		return t
	}
	return &longList{l, t.quick}
}

func (t *longList) share() table.Object { return &longList{t.l.Share(), t.quick} }

// list is ListSize as a limit for blocks.
func (l *Limits) list() seq.Limit {
	const safe, least, most = 8 << 10, 4 << 10, 64 << 10
	if n := l.ListSize; n >= 0 {
		return seq.Limit{Bytes: safe, Count: max(n, 1)}
	}
	return seq.Limit{Bytes: least << min(-l.ListSize-1, 4)}
}

// beyond tells whether Redis would have no listpack of so many bytes and elements.
func (l *Limits) beyond(bytes, count int) bool { return l.list().Exceeded(bytes, count) }

// packFrame is what Redis's listpacks have beside entries, and frame what ours have, bytes.
const packFrame, frame = 7, 2

// Elements is the list for reading. A missing item is an empty list.
func (it Item) Elements() Elements {
	switch {
	case !it.OK():
		return Elements{}
	case it.Encoded() == Packed:
		return Elements{pack: it.Bytes()}
	}
	return Elements{long: it.root().(*longList)}
}

// Begin makes e the list under key for writing; a missing item is an empty one. Whatever has
// been done must be followed by Done, before anything else happens to the database. It fills
// in a variable of the caller's, since the commands that do so are among the shortest.
func (e *ElementsEdit) Begin(d *DB, key []byte, it Item) {
	e.d, e.key, e.it = d, key, it
	if it.OK() {
		if e.Elements = it.Elements(); e.long != nil {
			e.was = e.long.MemBytes()
		}
	}
}

// Len is the number of elements.
func (e *Elements) Len() int {
	switch {
	case e.long != nil:
		return e.long.l.Len()
	case len(e.pack) == 0:
		return 0
	}
	return listpack.Len(e.pack)
}

// Get is element i, which exists; borrowed.
func (e *Elements) Get(i int) listpack.Value {
	if e.long != nil {
		return e.long.l.Get(i)
	}
	return listpack.Get(e.pack, listpack.Seek(e.pack, i))
}

// Walk passes the n elements from number i on, which exist, to each, as many at a time as
// stand side by side: n entries of a listpack, with which the bytes begin. It ends early when
// each returns false. All is borrowed, and nothing may change meanwhile.
func (e *Elements) Walk(i, n int, each func(entries []byte, n int) bool) {
	if e.long != nil {
		e.long.l.Walk(i, n, each)
	} else if n > 0 {
		each(e.pack[listpack.Seek(e.pack, i):], n)
	}
}

// WalkBack is Walk in the other direction: element i, then i-1 and so on. The bytes end with
// the n entries.
func (e *Elements) WalkBack(i, n int, each func(entries []byte, n int) bool) {
	if e.long != nil {
		e.long.l.WalkBack(i, n, each)
	} else if n > 0 {
		each(e.pack[frame:listpack.Skip(e.pack, listpack.Seek(e.pack, i))], n)
	}
}

// Search calls yield with the number of each element equal to val, from the left or, with
// back, from the right, until it returns false. It looks at no more than most elements.
func (e *Elements) Search(val []byte, back bool, most int, yield func(i int) bool) {
	x := listpack.Of(val)
	most = min(most, e.Len())
	if back {
		i := e.Len() - 1
		e.WalkBack(i, most, func(p []byte, n int) bool {
			for end := len(p); n > 0; n-- {
				end = listpack.Back(p, end)
				if x.At(p, end) && !yield(i) {
					return false
				}
				i--
			}
			return true
		})
		return
	}
	i := 0
	e.Walk(0, most, func(p []byte, n int) bool {
		for at := 0; n > 0; n-- {
			if x.At(p, at) && !yield(i) {
				return false
			}
			at = listpack.Skip(p, at)
			i++
		}
		return true
	})
}

// begin makes the list writable.
func (e *ElementsEdit) begin() {
	if e.begun {
		return
	}
	e.begun = true
	if e.long != nil {
		if !e.long.l.RootWritable() {
			e.long = e.d.ownRoot(e.it).(*longList)
			e.was = e.long.MemBytes()
		}
		return
	}
	if e.pack = e.d.edit(e.it); len(e.pack) == 0 {
		e.pack = append(e.pack, 0, 0) // a pack of no entries
	}
}

// Expect tells that n elements of so many bytes in all are about to be added: the list is a
// quicklist from now on if they are too many for a listpack. Elements that nobody has told of
// are expected one by one.
func (e *ElementsEdit) Expect(n, bytes int) {
	e.due = n
	switch {
	case e.long == nil:
		bytes += packFrame + max(0, len(e.pack)-frame)
	case !e.long.quick:
		entries, _ := e.long.l.Only()
		bytes += packFrame + len(entries)
	default:
		return
	}
	if e.d.k.Limits.beyond(bytes, e.Len()+n) {
		e.begin()
		e.enlarge()
		e.long.quick = true
	}
}

// enlarge changes the form to large.
func (e *ElementsEdit) enlarge() {
	if e.long != nil {
		return
	}
	l, n := seq.New(e.d.k.clock), e.Len()
	if n > 0 {
		l.Take(e.pack[frame:], n)
	}
	e.long, e.pack, e.rooted = &longList{l: l}, nil, true
}

// grow makes the list writable, and large if it is too long for a pack with n bytes more,
// which an element has that is about to be added.
func (e *ElementsEdit) grow(n int) {
	if e.due == 0 {
		e.Expect(1, n)
	}
	e.due--
	e.begin()
	if e.long == nil && len(e.pack)+n > packedList {
		e.enlarge()
	}
}

// limit is the limit for the blocks of a large list.
func (e *ElementsEdit) limit() seq.Limit {
	if !e.long.quick {
		return seq.Limit{Bytes: math.MaxInt} // a listpack has one
	}
	return e.d.k.Limits.list()
}

// Push adds an element in front, if left, or at the end.
func (e *ElementsEdit) Push(left bool, val []byte) {
	switch e.grow(len(val)); {
	case e.long == nil && left:
		e.pack = listpack.Insert(e.pack, frame, val)
	case e.long == nil:
		e.pack = listpack.Append(e.pack, val)
	case left:
		e.long.l.PushLeft(val, e.limit())
	default:
		e.long.l.PushRight(val, e.limit())
	}
}

// Insert puts an element in front of number i, which exists, or at the end.
func (e *ElementsEdit) Insert(i int, val []byte) {
	e.grow(len(val))
	if e.long != nil {
		e.long.l.Insert(i, val, e.limit())
		return
	}
	at := len(e.pack)
	if i < e.Len() {
		at = listpack.Seek(e.pack, i)
	}
	e.pack = listpack.Insert(e.pack, at, val)
}

// Set puts val in the place of element i, which exists.
func (e *ElementsEdit) Set(i int, val []byte) {
	e.grow(len(val))
	e.less = true
	if e.long != nil {
		e.long.l.Set(i, val, e.limit())
		return
	}
	e.pack = listpack.Replace(e.pack, listpack.Seek(e.pack, i), val)
}

// Trim takes the first n elements away, if left, or the last n. There are that many.
func (e *ElementsEdit) Trim(left bool, n int) {
	if n == 0 {
		return
	}
	e.begin()
	e.less = true
	switch {
	case e.long == nil && left:
		e.pack = listpack.Delete(e.pack, frame, n)
	case e.long == nil:
		e.pack = listpack.Delete(e.pack, listpack.Seek(e.pack, -n), n)
	case left && n == 1:
		e.long.l.PopLeft()
	case n == 1:
		e.long.l.PopRight()
	case left:
		e.long.l.TrimLeft(n)
	default:
		e.long.l.TrimRight(n)
	}
}

// RemoveEqual takes away the elements equal to val, at most most of them: the first ones, or,
// with back, the last. It returns how many.
func (e *ElementsEdit) RemoveEqual(val []byte, most int, back bool) (removed int) {
	found := false
	e.Search(val, back, e.Len(), func(int) bool {
		found = true
		return false
	})
	if !found {
		return 0
	}
	e.begin()
	e.less = true
	if e.long != nil {
		return e.long.l.RemoveEqual(val, most, back, e.limit())
	}
	x := listpack.Of(val)
	at := listpack.First(e.pack)
	if back {
		at = listpack.Last(e.pack)
	}
	for at >= 0 && removed < most {
		hit := x.At(e.pack, at)
		if hit {
			e.pack = listpack.Delete(e.pack, at, 1)
			removed++
		}
		switch {
		case back:
			at = listpack.Prev(e.pack, at)
		case !hit:
			at = listpack.Next(e.pack, at)
		case at == len(e.pack):
			at = -1
		}
	}
	return removed
}

// Done keeps what has been done, and tells whether no element is left, so that the key is
// gone. It counts as one access, whether anything was changed or not.
func (e *ElementsEdit) Done() (gone bool) {
	d := e.d
	if e.it.OK() {
		e.it.ref = d.t.Current(e.it.ref)
		d.touch(e.it.ref)
	}
	if !e.begun {
		return false
	}
	if e.long != nil && !e.rooted {
		d.resized(e.long.MemBytes() - e.was)
	}
	if e.Len() == 0 {
		if e.it.OK() {
			d.remove(e.key)
		}
		return true
	}
	if e.long != nil && e.less {
		e.shrink()
	}
	switch {
	case e.long == nil:
		d.store(e.key, e.it, List, Packed, e.pack)
	case e.rooted:
		d.storeRoot(e.key, e.it, List, Large, e.long)
	}
	return false
}

// shrink calls a list a listpack again when Redis would, and packs it when it is small.
func (e *ElementsEdit) shrink() {
	entries, ok := e.long.l.Only()
	if !ok {
		return
	}
	n := e.long.l.Len()
	if lim := e.d.k.Limits.list(); e.long.quick {
		alone := n == 1 && len(entries) > lim.Bytes // no listpack at all
		if alone || lim.Count == 0 && packFrame+len(entries) > lim.Bytes/2 || lim.Count > 0 && n > lim.Count/2 {
			return
		}
		e.long.quick = false
	}
	if frame+len(entries) <= table.MaxInline {
		e.pack = append(append(e.d.edit(Item{}), byte(n), byte(n>>8)), entries...)
		e.long = nil
	}
}

// listEncoding is Redis's name for the form of a list.
func (it Item) listEncoding() string {
	if it.Encoded() == Large && it.root().(*longList).quick {
		return "quicklist"
	}
	return "listpack"
}

// Nodes tells how many nodes Redis's quicklist would have for a list that is called one, and
// how many bytes they would hold; ok is false for other values.
func (it Item) Nodes() (nodes, bytes int, ok bool) {
	if !it.OK() || it.Type() != List || it.listEncoding() != "quicklist" {
		return 0, 0, false
	}
	e := it.Elements()
	e.Walk(0, e.Len(), func(entries []byte, n int) bool {
		at := 0
		for range n {
			at = listpack.Skip(entries, at)
		}
		nodes, bytes = nodes+1, bytes+packFrame+at
		return true
	})
	return nodes, bytes, true
}
