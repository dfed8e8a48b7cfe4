package db

import "redust/db/table"

// Fields past their deadline. They are hidden at once, and go in one of three ways:
//
//	visited   the wheel visits the page of the key when the next deadline of the hash has
//	          come: the table asks every object that has deadlines of its own, table.Timed
//	touched   a command that writes to the hash removes those in its way
//	together  when all fields are due, the key is as if it were past a deadline itself
//
// A visit takes no more than some thousand fields, and what is left has the next turn, so
// ten million of one hash that fall due in one moment delay nobody. Those that are all of
// their hash go in one step, whatever their number.

// timed is what hides behind table.Timed in a keyspace.
type timed interface {
	table.Timed
	size() int             // fields, those past their deadline included
	allDue(now int64) bool // whether none of them will ever be seen again
}

// wilted tells whether the value at r is a hash of which all fields are past their
// deadline.
func (d *DB) wilted(r table.Ref) bool {
	if !r.Timed() {
		return false
	}
	o := r.Object().(timed)
	return o.NextDeadline() <= d.k.past && o.allDue(d.k.past)
}

// expireAll removes a hash that is wilted.
func (d *DB) expireAll(h uint64, key []byte, r table.Ref) {
	o := r.Object().(timed)
	n, late := o.size(), d.k.now-o.NextDeadline()
	d.t.Delete(h, key)
	d.fieldsExpired(key, nil, n, late)
}

// reclaim removes fields that are due from the hash at r, as many as the slice of expiry
// has room for, and tells whether that was all.
func (d *DB) reclaim(h uint64, key []byte, r table.Ref) (all bool) {
	if d.wilted(r) {
		d.expireAll(h, key, r)
		return true
	}
	left := min(d.k.left(), SliceKeys)
	if left <= 0 {
		return false
	}
	quiet := d.k.NoTouch
	d.k.NoTouch = true // this is no access
	var f FieldEdit
	d.EditFields(&f, key, Item{r, d})
	f.begin()
	if f.form == Large {
		f.noteLate(f.tab.dropDue(f.now, left, &d.k.late))
	}
	o := timed(f.tab)
	if f.form == PackedTimed {
		f.timed.keep(f.pack)
		o = f.timed
	}
	f.Done()
	d.k.NoTouch = quiet
	next := o.NextDeadline()
	return next == 0 || next > d.k.now
}

// names are words, one behind the other in one buffer.
type names struct {
	buf  []byte
	ends []int
	all  [][]byte // scratch of slices
}

func (n *names) add(b []byte) {
	n.buf = append(n.buf, b...)
	n.ends = append(n.ends, len(n.buf))
}

// slices returns the words, which stay until the next add.
func (n *names) slices() [][]byte {
	at := 0
	n.all = n.all[:0]
	for _, end := range n.ends {
		n.all = append(n.all, n.buf[at:end])
		at = end
	}
	return n.all
}

// clear forgets the words, and memory that many of them have taken.
func (n *names) clear() {
	if cap(n.buf) > keepScratch {
		*n = names{}
		return
	}
	n.buf, n.ends = n.buf[:0], n.ends[:0]
}

// noteExpired notes a field that is removed because of its deadline, which was missed by
// lateMs. Done tells the world.
func (f *FieldEdit) noteExpired(field []byte, lateMs int64) {
	f.d.k.late.add(field)
	f.noteLate(lateMs)
}

func (f *FieldEdit) noteLate(lateMs int64) { f.lateMs = max(f.lateMs, lateMs) }

// fieldsExpired tells the world of n fields past their deadline: those named, or all.
func (d *DB) fieldsExpired(key []byte, fields [][]byte, n int, lateMs int64) {
	d.k.Stats.FieldsExpired += int64(n)
	if f := d.k.Hooks.FieldsExpired; f != nil {
		f(d, key, fields, lateMs)
	}
}
