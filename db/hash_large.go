package db

import (
	"encoding/binary"

	"redust/db/listpack"
	"redust/db/table"
	"redust/db/ztree"
)

// A large hash. Values of up to 255 bytes lie in the slab of the inner table beside their
// field, longer ones are Blobs, which are replaced and never written to. A deadline stands
// in the field's entry, where every lookup meets it, and again in the order, where the
// next one is found: a key of the tree is the deadline, eight bytes, big end first, and the
// field. A hash whose fields have none has no tree.

// fieldTable is the root of a large hash. It is writable when its table is: whenever the
// table's root is made anew, so is this.
type fieldTable struct {
	fields *table.Table
	order  *ztree.Tree // nil until a field has a deadline
}

// newFieldTable returns an empty one that is to have n fields of so many bytes, values
// included.
func newFieldTable(k *Keyspace, n, bytes int) *fieldTable {
	return &fieldTable{fields: table.NewMembersFor(k.seed, k.clock, n, bytes)}
}

// MemBytes implements table.Object.
func (t *fieldTable) MemBytes() int {
	n := 16 + t.fields.MemBytes()
	if t.order != nil {
		n += t.order.MemBytes()
	}
	return n
}

func (t *fieldTable) own() table.Object {
	fields := t.fields.Own()
	if fields == t.fields {
		return t
	}
	c := &fieldTable{fields: fields}
	if t.order != nil {
		c.order = t.order.Own()
	}
	return c
}

func (t *fieldTable) share() table.Object {
	c := &fieldTable{fields: t.fields.Share()}
	if t.order != nil {
		c.order = t.order.Share()
	}
	return c
}

func (t *fieldTable) index() *table.Table { return t.fields }

// fieldValue is the value of a field.
func fieldValue(r table.Ref) (v listpack.Value) {
	if b, ok := r.Object().(*Blob); ok {
		v.Str = b.data
		return v
	}
	v.Str = r.Bytes()
	return v
}

// find returns the entry of a field, unless it is past its deadline.
func (t *fieldTable) find(field []byte, now int64) table.Ref {
	r := t.fields.Find(t.fields.Hash(field), field)
	if r.OK() {
		if at := r.Deadline(); at != 0 && at <= now {
			return table.Ref{}
		}
	}
	return r
}

// touch is Fields.Touch.
func (t *fieldTable) touch(args [][]byte, step int) {
	var hashes [table.TouchMax]uint64
	n := 0
	for i := 0; i < len(args) && n < len(hashes); i += step {
		hashes[n] = t.fields.Hash(args[i])
		n++
	}
	t.fields.Touch(hashes[:n])
}

// set is Fields.Set. A field past its deadline counts as new, and lateMs tells by how much
// it was late; else that is negative.
func (t *fieldTable) set(field, val []byte, at, now int64) (added bool, lateMs int64) {
	h := t.fields.Hash(field)
	r := t.fields.Find(h, field)
	was := int64(0)
	lateMs = -1
	if added = !r.OK(); !added {
		if was = r.Deadline(); was != 0 && was <= now {
			added, lateMs = true, now-was
		}
	}
	if at == KeepTTL {
		if at = was; added {
			at = 0
		}
	}
	e := table.Entry{Deadline: at}
	if len(val) <= table.MaxInline {
		e.Bytes = val
	} else {
		e.Object = &Blob{data: append([]byte(nil), val...), epoch: t.fields.Epoch()}
	}
	if r.OK() {
		t.fields.Update(r, field, e)
	} else {
		t.fields.Put(h, field, e)
	}
	t.reorder(field, was, at)
	return added, lateMs
}

// setDeadline is Fields.SetDeadline.
func (t *fieldTable) setDeadline(field []byte, at int64) {
	r := t.fields.Find(t.fields.Hash(field), field)
	was := r.Deadline()
	t.fields.SetDeadline(r, at)
	t.reorder(field, was, at)
}

// remove removes a field, which exists.
func (t *fieldTable) remove(field []byte) {
	h := t.fields.Hash(field)
	was := t.fields.Find(h, field).Deadline()
	t.fields.Delete(h, field)
	t.reorder(field, was, 0)
}

// reorder notes that the deadline of a field was one and is now another; 0 is none.
func (t *fieldTable) reorder(field []byte, was, is int64) {
	if was == is {
		return
	}
	var room [64]byte
	if was != 0 {
		t.order.Delete(orderKey(room[:0], was, field))
	}
	if is != 0 {
		if t.order == nil {
			t.order = ztree.New(t.fields.Clock())
		}
		t.order.Put(orderKey(room[:0], is, field), nil)
	}
	if t.order.Len() == 0 {
		t.order = nil
	}
}

// orderKey appends the key under which a deadline stands in the order.
func orderKey(dst []byte, at int64, field []byte) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(at)), field...)
}

func deadlineOf(orderKey []byte) int64 { return int64(binary.BigEndian.Uint64(orderKey)) }

// NextDeadline implements table.Timed.
func (t *fieldTable) NextDeadline() int64 {
	if t.order == nil {
		return 0
	}
	first := t.order.First()
	return deadlineOf(first.Key())
}

// due counts the fields past their deadline.
func (t *fieldTable) due(now int64) int {
	if t.order == nil || t.NextDeadline() > now {
		return 0
	}
	var room [8]byte
	n, _ := t.order.Rank(orderKey(room[:0], now+1, nil))
	return n
}

func (t *fieldTable) len(now int64) int { return t.fields.Len() - t.due(now) }

// size is the number of fields, those past their deadline included.
func (t *fieldTable) size() int { return t.fields.Len() }

// allDue tells whether all fields are past their deadline.
func (t *fieldTable) allDue(now int64) bool {
	return t.order != nil && t.order.Len() == t.fields.Len() && t.due(now) == t.order.Len()
}

// dropDue removes at most so many of the fields past their deadline, the earliest first, and
// adds their names to gone.
func (t *fieldTable) dropDue(now int64, most int, gone *names) (lateMs int64) {
	n := min(t.due(now), most)
	if n == 0 {
		return 0
	}
	lateMs = now - t.NextDeadline()
	t.order.DeleteRange(0, n, func(key, _ []byte) {
		field := key[8:]
		gone.add(field)
		t.fields.Delete(t.fields.Hash(field), field)
	})
	if t.order.Len() == 0 {
		t.order = nil
	}
	return lateMs
}
