package rdb

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"redust/db"
	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/table"
	"redust/internal/dtoa"
)

// Values. What is packed in the file stays packed if it is small enough, see
// decode_packed.go. Everything else comes as elements, through begin, add and end, and it
// is only there that the form is chosen: by the limits of now, as Redis does when it loads.
//
//	elements --> b.elems --+--> few and short: a pack, made at the end
//	                       +--> else a big: as soon as it must be one, what has come so
//	                            far goes out when the batch is full, and the rest follows

// elem is an element of a large value: a field and its value, a member and its score, a
// block of a list or of a stream.
type elem struct {
	a, b []byte
	own  bool // b may be kept
	hash uint64
	num  int64 // deadline, bits of a score, entries of a block
}

// value is the collection that is being read, as elements.
type value struct {
	d       *decoder
	t       db.Type
	n       int  // elements
	from    int  // where those that have not gone out begin in the batch
	size    int  // bytes of all elements
	longest int  // of them
	count   int  // of the entries in the blocks of a list
	strings bool // not all are integers
	timed   bool // the form with deadlines
	quick   bool // Redis would have a quicklist
	tooMany bool // more were announced than a set of integers may have
	big     *big
	start   int64 // where in the input
	due     int64 // elements announced
}

// value reads a value.
func (d *decoder) value(t Type) {
	d.val = value{d: d}
	switch t {
	case TypeString:
		d.e.val.Type, d.e.val.Form = db.String, db.Plain
		d.e.val.Bytes, d.e.val.Own = d.text(d.b, table.MaxInline)
		d.emit()
	case TypeList:
		d.list()
	case TypeSet:
		d.set()
	case TypeZSet, TypeZSet2:
		d.zset(t == TypeZSet2)
	case TypeHash:
		d.hash()
	case TypeHashTimed, TypeHashTimedPreGA:
		d.hashTimed(t == TypeHashTimed)
	case TypeStreamListpacks, TypeStream2, TypeStream3:
		d.stream(t)
	case TypeModulePreGA:
		d.fail("a value in the form of modules before Redis 4.0 cannot be read")
	case TypeModule2:
		d.moduleValue()
	default:
		d.packed(t)
	}
}

// emit adds the entry, whole, to the batch.
func (d *decoder) emit() {
	if d.err == nil {
		d.b.entries = append(d.b.entries, d.e)
	}
}

// emitPack is emit for a packed value; p is borrowed.
func (d *decoder) emitPack(t db.Type, form db.Encoding, p []byte) {
	if d.err != nil {
		return
	}
	v := &d.e.val
	v.Type, v.Form = t, form
	if len(p) <= table.MaxInline {
		v.Bytes = d.b.keep(p)
	} else {
		v.Bytes, v.Own = append(make([]byte, 0, len(p)), p...), true
		d.b.extra += len(p)
	}
	d.emit()
}

// begin begins a collection of so many elements, or so the input says.
func (d *decoder) begin(t db.Type, announced int64) {
	d.val = value{d: d, t: t, from: len(d.b.elems), start: d.offset(), due: announced}
	v, l := &d.val, &d.o.Limits
	d.e.val.Type = t
	many := false
	switch t {
	case db.Set:
		v.tooMany = announced > min(l.SetInts, 1<<30)
		many = v.tooMany && announced > l.SetEntries
	case db.Hash:
		many = announced > l.HashEntries
	case db.ZSet:
		many = announced > l.ZSetEntries
	case db.Stream:
		many = true
	}
	if many {
		v.enlarge()
	}
}

// enlarge decides that the value is large.
func (v *value) enlarge() {
	if v.big == nil {
		v.big = &big{t: v.t}
		v.d.e.big, v.d.e.first = v.big, true
		v.d.e.val.Form = db.Large
	}
}

// add adds an element; a and b are the batch's memory, or b its own.
func (v *value) add(a, b []byte, own bool, num int64) {
	d := v.d
	if !d.ok() {
		return
	}
	e := elem{a: a, b: b, own: own, num: num}
	if v.t != db.List && v.t != db.Stream {
		if d.o.Hash != nil {
			e.hash = d.o.Hash(a)
		}
		if v.t == db.Set && !v.strings {
			_, isInt := listpack.ParseInt(a)
			v.strings = !isInt
		}
		v.longest = max(v.longest, len(a), len(b))
	}
	d.b.elems = append(d.b.elems, e)
	v.n++
	if v.t == db.List {
		v.count += int(num)
	}
	v.size += len(a) + len(b)
	if v.big == nil && v.mustBeLarge() {
		v.enlarge()
	}
	if v.big != nil && d.b.full() {
		v.part(false)
	}
}

// mustBeLarge tells whether it is certain by now that the value cannot be packed.
func (v *value) mustBeLarge() bool {
	l, n := &v.d.o.Limits, int64(v.n)
	switch v.t {
	case db.Set:
		if !v.strings {
			return n > l.SetInts
		}
		return n > l.SetEntries || int64(v.longest) > l.SetValue
	case db.Hash:
		if n > l.HashEntries {
			return true
		}
		return int64(v.longest) > l.HashValue && (v.timed || !db.Wide(v.n, v.size))
	case db.ZSet:
		return n > l.ZSetEntries || int64(v.longest) > l.ZSetValue
	case db.List:
		return v.n > 1 || v.size > db.PackedListMax
	}
	return true
}

// part sends out the elements that have come, and the batch with them unless they were the
// last.
func (v *value) part(last bool) {
	d := v.d
	if v.big.n == 0 {
		v.big.n, v.big.bytes = v.estimate(last), v.size
		if v.n > 0 {
			v.big.bytes = int(float64(v.size) * float64(v.big.n) / float64(v.n))
		}
		if !last {
			d.e.key = append([]byte{}, d.e.key...) // which outlives the batch
		}
	}
	d.e.elems, d.e.last = [2]int{v.from, len(d.b.elems)}, last
	d.b.entries = append(d.b.entries, d.e)
	d.e.first = false
	if !last {
		d.flush()
		v.from = 0
	}
}

// estimate is how many elements there will be, by what has come so far: no more than were
// announced, and no more than the input can still have.
func (v *value) estimate(last bool) int {
	more := v.due - int64(v.n)
	if last || more <= 0 {
		return v.n
	}
	most := int64(16 * v.n)
	if v.d.size >= 0 {
		most = int64(float64(v.d.left()) / float64(max(1, v.d.offset()-v.start)) * float64(v.n))
	}
	return v.n + int(min(more, most))
}

// end ends a collection: it gets its form.
func (v *value) end() {
	d := v.d
	if !d.ok() {
		return
	}
	if v.n == 0 && v.t != db.Stream {
		d.e.skip = true
		return
	}
	if v.t == db.List {
		v.quick = v.quick || v.n > 1 || d.o.Limits.Exceeds(packFrame+v.size-packHead, v.count)
	}
	if v.big == nil && !v.makePack() && d.err == nil {
		v.enlarge()
	}
	if v.big != nil && d.err == nil {
		v.big.quick = v.quick
		v.part(true)
	}
}

// makePack packs the elements if that is the form they should have.
func (v *value) makePack() bool {
	d, l := v.d, &v.d.o.Limits
	elems := d.b.elems[v.from:]
	form := db.Packed
	switch v.t {
	case db.Set:
		if v.strings && (v.tooMany || int64(v.n) > l.SetEntries || int64(v.longest) > l.SetValue) {
			return false
		}
		if !v.strings {
			if form = db.Ints; v.tooMany {
				return false
			}
		}
	case db.Hash:
		switch long := int64(v.longest) > l.HashValue; {
		case v.timed && long:
			return false
		case v.timed:
			form = db.PackedTimed
		case long:
			form = db.PackedWide
		}
	case db.List:
		if v.quick || len(elems[0].a) > db.PackedListMax {
			return false
		}
		d.emitPack(db.List, db.Packed, elems[0].a)
		d.b.elems = d.b.elems[:v.from]
		return true
	}
	if d.seen.start(len(elems)); !d.seen.all(elems, d.hashOf) {
		d.fail(whatTwice)
		return false
	}
	if form == db.Ints {
		d.packInts(elems)
	} else {
		d.packElems(v.t, form, elems)
	}
	if form == db.PackedWide && !db.Wide(v.n, len(d.pack)) {
		return false
	}
	d.emitPack(v.t, form, d.pack)
	d.b.elems = d.b.elems[:v.from]
	return true
}

// What Redis's listpacks have beside entries, and what ours have in front of them, bytes.
const packFrame, packHead = 7, 2

const whatTwice = "an element is there twice"

// packInts makes a set of integers of elements.
func (d *decoder) packInts(elems []elem) {
	for i := range elems {
		elems[i].num, _ = listpack.ParseInt(elems[i].a)
	}
	slices.SortFunc(elems, func(a, b elem) int {
		if a.num < b.num {
			return -1
		}
		return 1
	})
	p := append(d.pack[:0], intset.New()...)
	for i := range elems {
		p, _ = intset.Add(p, elems[i].num)
	}
	d.pack = p
}

// packElems makes a listpack of elements, in the order that it should have.
func (d *decoder) packElems(t db.Type, form db.Encoding, elems []elem) {
	switch {
	case t == db.ZSet:
		slices.SortFunc(elems, func(a, b elem) int {
			if x, y := score(a.num), score(b.num); x != y {
				if x < y {
					return -1
				}
				return 1
			}
			return slices.Compare(a.a, b.a)
		})
	case form == db.PackedTimed:
		slices.SortStableFunc(elems, func(a, b elem) int {
			switch {
			case a.num == b.num:
				return 0
			case b.num == 0 || a.num != 0 && a.num < b.num:
				return -1
			}
			return 1
		})
	}
	p := append(d.pack[:0], 0, 0)
	var tmp [40]byte
	for i := range elems {
		e := &elems[i]
		p = listpack.Append(p, e.a)
		switch {
		case t == db.ZSet:
			p = listpack.Append(p, dtoa.Append(tmp[:0], score(e.num)+0))
		case t == db.Hash:
			p = listpack.Append(p, e.b)
			if form == db.PackedTimed {
				p = listpack.AppendInt(p, e.num)
			}
		}
	}
	d.pack = p
}

func score(num int64) float64 { return math.Float64frombits(uint64(num)) }

func scoreBits(s float64) int64 { return int64(math.Float64bits(s)) }

// element reads a string for an element.
func (d *decoder) element() []byte {
	const own = 64 << 10
	p, _ := d.text(d.b, own)
	return p
}

// set reads a set of strings.
func (d *decoder) set() {
	n := d.int()
	d.begin(db.Set, n)
	for ; n > 0 && d.ok(); n-- {
		d.val.add(d.element(), nil, false, 0)
	}
	d.val.end()
}

// hash reads a hash of strings.
func (d *decoder) hash() {
	n := d.int()
	d.begin(db.Hash, n)
	for ; n > 0 && d.ok(); n-- {
		field := d.element()
		val, own := d.text(d.b, table.MaxInline)
		d.val.add(field, val, own, 0)
	}
	d.val.end()
}

// maxDeadline bounds the deadline of a field, Unix milliseconds: Redis has 48 bits for it.
const maxDeadline = 1<<48 - 1

// hashTimed reads a hash of strings with deadlines: relative to the earliest of them, or, in
// what release candidates of Redis 7.4 wrote, as they are. 0 is none.
func (d *decoder) hashTimed(relative bool) {
	first := uint64(1)
	if relative {
		first = d.uint64()
	}
	n := d.int()
	d.begin(db.Hash, n)
	d.val.timed = true
	for ; n > 0 && d.ok(); n-- {
		at := d.count()
		if at > 0 {
			if at += first - 1; at > maxDeadline || at == 0 || first > maxDeadline {
				d.fail("a field has an impossible deadline")
				return
			}
		}
		field := d.element()
		val, own := d.text(d.b, table.MaxInline)
		d.val.add(field, val, own, int64(at))
	}
	d.val.end()
}

// zset reads a sorted set of strings; scores are in binary or in text.
func (d *decoder) zset(binary bool) {
	n := d.int()
	d.begin(db.ZSet, n)
	for ; n > 0 && d.ok(); n-- {
		member := d.element()
		var s float64
		if binary {
			s = math.Float64frombits(d.uint64())
		} else {
			s = d.textScore()
		}
		if math.IsNaN(s) {
			d.fail(whatScore)
		}
		d.val.add(member, nil, false, scoreBits(s))
	}
	d.val.end()
}

const whatScore = "a score is no number"

// textScore reads a score as text behind its length, which may also stand for what is no
// ordinary number.
func (d *decoder) textScore() float64 {
	n := d.byte()
	switch n {
	case 253:
		return math.NaN()
	case 254:
		return math.Inf(1)
	case 255:
		return math.Inf(-1)
	}
	s, ok := parseScore(d.take(uint64(n)))
	if !ok {
		d.fail(whatScore)
	}
	return s
}

// parseScore reads a score; not a number is none.
func parseScore(text []byte) (float64, bool) {
	const most = 255
	if len(text) > most {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

// list reads a list of strings.
func (d *decoder) list() {
	n := d.int()
	d.begin(db.List, n)
	p, count := append(d.pack[:0], 0, 0), 0
	for ; n > 0 && d.ok(); n-- {
		text := d.str()
		const entryRoom = 8
		if count > 0 && d.o.Limits.Exceeds(packFrame+len(p)-packHead+len(text)+entryRoom, count+1) {
			d.pack = p
			d.block(p, count)
			p, count = append(d.pack[:0], 0, 0), 0
		}
		p = listpack.Append(p, text)
		count++
	}
	d.pack = p
	if count > 0 {
		d.block(p, count)
	}
	d.val.end()
}

// block adds a block of count entries to a list; p is borrowed.
func (d *decoder) block(p []byte, count int) {
	if d.ok() {
		q := append(make([]byte, 0, len(p)), p...)
		d.b.extra += len(q)
		d.val.add(q, nil, false, int64(count))
	}
}

// seen finds elements that are there twice. What it is shown is borrowed until start.
type seen struct {
	keys  [][]byte // of few elements
	slots []slot   // of many: open addressing
	turn  uint32
}

type slot struct {
	key  []byte
	turn uint32
	hash uint32
}

// seenFew is how many elements are compared each with each.
const seenFew = 8

// start forgets what was seen; n elements at most will be.
func (s *seen) start(n int) {
	s.keys = s.keys[:0]
	if n <= seenFew {
		return
	}
	if 2*n > len(s.slots) {
		size := 64
		for size < 2*n {
			size *= 2
		}
		s.slots, s.turn = make([]slot, size), 0
	}
	if s.turn++; s.turn == 0 {
		clear(s.slots)
		s.turn = 1
	}
}

// few tells whether n elements are few.
func few(n int) bool { return n <= seenFew }

// addFew tells whether an element of few is new.
func (s *seen) addFew(key []byte) bool {
	for _, k := range s.keys {
		if string(k) == string(key) {
			return false
		}
	}
	s.keys = append(s.keys, key)
	return true
}

// add tells whether an element of many, with this hash, is new.
func (s *seen) add(key []byte, hash uint64) bool {
	mask := len(s.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		at := &s.slots[i]
		if at.turn != s.turn {
			*at = slot{key, s.turn, uint32(hash >> 32)}
			return true
		}
		if at.hash == uint32(hash>>32) && string(at.key) == string(key) {
			return false
		}
	}
}

// all tells whether all elements are different.
func (s *seen) all(elems []elem, hash func([]byte) uint64) bool {
	for i := range elems {
		e := &elems[i]
		if few(len(elems)) {
			if !s.addFew(e.a) {
				return false
			}
		} else if !s.add(e.a, hash(e.a)) {
			return false
		}
	}
	return true
}

// big is a value that is not packed, on its way from Decode to Put. Root and late are Put's;
// what Decode writes with the last part, Put reads only then.
type big struct {
	t        db.Type
	n, bytes int // as estimated with the first part
	quick    bool
	stream   *streamTail // with the last part
	root     *db.Growing
	late     bool // its deadline had passed when the first part came
}

// add adds a part to the value, and tells what is wrong with it, if anything is.
func (g *big) add(ks *db.Keyspace, e *entry, elems []elem) (wrong string) {
	if e.first {
		g.root = ks.Grow(g.t, g.n, g.bytes)
	}
	switch g.t {
	case db.List:
		for i := range elems {
			g.root.Block(elems[i].a[packHead:], int(elems[i].num))
		}
		if e.last && g.quick {
			g.root.Quick()
		}
		return ""
	case db.Stream:
		return g.addStream(e, elems)
	}
	var hashes [table.TouchMax]uint64
	for len(elems) > 0 {
		some := elems[:min(len(elems), len(hashes))]
		for i := range some {
			if some[i].hash == 0 {
				some[i].hash = ks.Hash(some[i].a)
			}
			hashes[i] = some[i].hash
		}
		g.root.Touch(hashes[:len(some)])
		for i := range some {
			if !g.addOne(&some[i]) {
				return fmt.Sprintf("the element %.100q is there twice", some[i].a)
			}
		}
		elems = elems[len(some):]
	}
	return ""
}

func (g *big) addOne(e *elem) bool {
	switch g.t {
	case db.Set:
		return g.root.Member(e.hash, e.a)
	case db.Hash:
		return g.root.Field(e.hash, e.a, e.b, e.own, e.num)
	}
	return g.root.Scored(e.hash, e.a, score(e.num))
}
