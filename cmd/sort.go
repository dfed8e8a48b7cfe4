package cmd

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"redust/acl"
	"redust/db"
	"redust/db/listpack"
	"redust/db/sorting"
	"redust/db/table"
	"redust/resp"
)

// SORT. Elements of a list, set or sorted set, in the order of their own text or number,
// or of weights that stand under other keys:
//
//	key        BY w_*                       GET #   GET name_*->first
//	[7, 3]     w_7 = 2, w_3 = 1    -->      3       first of name_3
//	                                        7       first of name_7
//
// A look-up of a weight may remove an expired key, and so change the page in which a
// small collection lies. So elements and weights are copied first, into one buffer, and
// what is sorted are places in it: 32 bytes each, without pointers.
//
// Where Redis sorts with a stable algorithm, when all elements are wanted or they are
// compared by themselves, ties keep their order; else see db/sorting. (A set, and a sorted set
// that is sorted anew, has no order to begin with; Redis then takes that of its tables.)

func sortCommands() []*Command {
	const options = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [<ASC | DESC>] [ALPHA]"
	const cost = "O(N + M*log(M)) where N is the number of elements and M the number of those replied; O(N) if they are not sorted"
	elsewhere := KeySpec{Flags: RO | Access, Notes: "What BY and GET read follows from the elements."}
	return []*Command{
		{
			Name: "sort", Arity: -2, Run: sortKey, FindKeys: sortKeys,
			Flags: Write | DenyOOM, ACL: acl.Set | acl.SortedSet | acl.List | acl.Dangerous,
			Keys: []KeySpec{key(1, RO|Access), elsewhere,
				{Flags: OW | Update, Notes: "STORE may stand anywhere among the options."}},
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: cost,
				Summary: "Sorts a list, a set or a sorted set, and perhaps stores the result.",
				Syntax:  options + " [STORE destination]"},
		},
		{
			Name: "sort_ro", Arity: -2, Run: sortKeyRO, FindKeys: sortKeys,
			Flags: ReadOnly, ACL: acl.Set | acl.SortedSet | acl.List | acl.Dangerous,
			Keys: []KeySpec{key(1, RO|Access), elsewhere},
			Doc: Doc{Group: "generic", Since: "7.0.0", Complexity: cost,
				Summary: "Sorts a list, a set or a sorted set.", Syntax: options},
		},
	}
}

// sortKeys finds the key, and where the last STORE leads.
func sortKeys(args [][]byte, dst []KeyAt) ([]KeyAt, bool) {
	if len(args) < 2 {
		return dst, false
	}
	dst = append(dst, KeyAt{1, RO | Access})
	store := 0
	for i := 2; i < len(args); i++ {
		switch {
		case fold(args[i], "LIMIT"):
			i += 2
		case fold(args[i], "GET"), fold(args[i], "BY"):
			i++
		case fold(args[i], "STORE") && i+1 < len(args):
			store = i + 1
		}
	}
	if store > 0 && fold(args[0], "SORT") {
		dst = append(dst, KeyAt{store, OW | Update})
	}
	return dst, true
}

// sortQuery is what the options of SORT say.
type sortQuery struct {
	by          sortPattern
	byKey       bool // elements are compared by what by leads to, else by themselves
	asTheyAre   bool // there is nothing to sort
	gets        []sortPattern
	first, most int64 // LIMIT; most is negative for all
	desc, alpha bool
	dst         []byte
	dstKey      bool
}

// sortable is an element and what it is sorted by. Both texts stand in sortScratch.text.
type sortable struct {
	by     float64 // the number; with ALPHA the place of the weight
	at     int     // where the element stands
	n, byN int32   // lengths; byN is -1 if there is no weight
}

// sortScratch is the memory of a SORT.
type sortScratch struct {
	elems []sortable
	text  []byte
	key   []byte
	gets  []sortPattern
}

func sortKey(c *Ctx) error   { return c.sort(true) }
func sortKeyRO(c *Ctx) error { return c.sort(false) }

func (c *Ctx) sort(stores bool) error {
	q := sortQuery{most: -1, gets: c.scratch.sort.gets[:0]}
	o := c.Opts(2)
	for o.Next() {
		switch {
		case o.Is("ASC"):
			q.desc = false
		case o.Is("DESC"):
			q.desc = true
		case o.Is("ALPHA"):
			q.alpha = true
		case o.Is("LIMIT") && o.Left() > 1:
			q.first, q.most = o.Int(), o.Int()
		case stores && o.Is("STORE") && o.Left() > 0:
			q.dst, q.dstKey = o.Value(), true
		case o.Is("BY") && o.Left() > 0:
			q.by = patternOf(o.Value())
			q.byKey = q.by.leads
			q.asTheyAre = q.asTheyAre || !q.byKey
		case o.Is("GET") && o.Left() > 0:
			q.gets = append(q.gets, patternOf(o.Value()))
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	it := c.DB.Get(c.Arg(1))
	if it.OK() && it.Type() != db.List && it.Type() != db.Set && it.Type() != db.ZSet {
		return ErrWrongType
	}
	s := &c.scratch.sort
	err := c.sortItem(&q, it, s)
	clear(q.gets)
	s.gets, s.elems, s.text, s.key = reusable(q.gets[:0]), reusable(s.elems), reusable(s.text), reusable(s.key)
	return err
}

// sortItem sorts, and replies or stores.
func (c *Ctx) sortItem(q *sortQuery, it db.Item, s *sortScratch) error {
	set := it.OK() && it.Type() == db.Set
	if q.asTheyAre && set && q.dstKey {
		// What is stored must not depend on how a set happens to lie.
		q.asTheyAre, q.alpha, q.byKey = false, true, false
	}
	s.elems, s.text = s.elems[:0], s.text[:0]
	var part []sortable
	if q.asTheyAre {
		s.loadRange(q, it, c.DB)
		part = s.elems
	} else {
		s.loadAll(it, c.DB)
		if !c.weigh(q, s) {
			return ErrSortScore
		}
		first, last := q.limits(len(s.elems))
		q.arrange(s, first, last)
		part = s.elems[first : last+1]
	}
	if q.dstKey {
		return c.storeSorted(q, part, s)
	}
	return c.replySorted(q, part, s)
}

// limits turns LIMIT into the places of the first and the last element of n; last is
// first-1 if there is none.
func (q *sortQuery) limits(n int) (first, last int) {
	first = int(min(max(q.first, 0), int64(n)))
	last = n - 1
	if most := min(q.most, int64(n)); most >= 0 {
		last = min(first+int(most)-1, last)
	}
	return first, max(last, first-1)
}

// elem is the text of an element.
func (s *sortScratch) elem(e *sortable) []byte { return s.text[e.at : e.at+int(e.n)] }

// weight is the text that an element is compared by; nil if there is none.
func (s *sortScratch) weight(q *sortQuery, e *sortable) []byte {
	switch {
	case !q.byKey:
		return s.elem(e)
	case e.byN < 0:
		return nil
	}
	at := int(e.by)
	return s.text[at : at+int(e.byN)]
}

// loadAll copies all elements.
func (s *sortScratch) loadAll(it db.Item, d *db.DB) {
	switch {
	case !it.OK():
	case it.Type() == db.List:
		e := it.Elements()
		s.elems = slices.Grow(s.elems, e.Len())
		e.Walk(0, e.Len(), s.addEntries)
	case it.Type() == db.Set:
		m := it.Members()
		s.elems = slices.Grow(s.elems, m.Len())
		m.Each(func(v listpack.Value) bool {
			s.add(v)
			return true
		})
	default:
		z := d.ZSetOf(nil, it)
		s.elems = slices.Grow(s.elems, z.Card())
		z.Each(0, z.Card(), false, s.addMember)
	}
}

// loadRange copies those elements that LIMIT asks for, in the order in which they lie: the
// last one first if a list or a sorted set is asked for in descending order.
func (s *sortScratch) loadRange(q *sortQuery, it db.Item, d *db.DB) {
	switch {
	case !it.OK():
	case it.Type() == db.List:
		e := it.Elements()
		first, last := q.limits(e.Len())
		s.elems = slices.Grow(s.elems, last-first+1)
		if q.desc {
			e.WalkBack(e.Len()-1-first, last-first+1, s.addBackwards)
		} else {
			e.Walk(first, last-first+1, s.addEntries)
		}
	case it.Type() == db.Set:
		m := it.Members()
		first, last := q.limits(m.Len())
		i := 0
		m.Each(func(v listpack.Value) bool {
			if i >= first && i <= last {
				s.add(v)
			}
			i++
			return i <= last
		})
	default:
		z := d.ZSetOf(nil, it)
		first, last := q.limits(z.Card())
		from := first
		if q.desc {
			from = z.Card() - 1 - first
		}
		z.Each(from, last-first+1, q.desc, s.addMember)
	}
}

// addEntries adds n entries with which p begins, addBackwards n with which it ends.
func (s *sortScratch) addEntries(p []byte, n int) bool {
	for at := 0; n > 0; n-- {
		s.add(listpack.Get(p, at))
		at = listpack.Skip(p, at)
	}
	return true
}

func (s *sortScratch) addBackwards(p []byte, n int) bool {
	for end := len(p); n > 0; n-- {
		end = listpack.Back(p, end)
		s.add(listpack.Get(p, end))
	}
	return true
}

func (s *sortScratch) addMember(member []byte, _ float64) bool {
	s.add(listpack.Value{Str: member})
	return true
}

// add copies an element.
func (s *sortScratch) add(v listpack.Value) {
	at := len(s.text)
	s.text = v.Append(s.text)
	s.elems = append(s.elems, sortable{at: at, n: int32(len(s.text) - at), byN: -1})
}

// weigh finds what each element is sorted by. It reports false if some number is none.
func (c *Ctx) weigh(q *sortQuery, s *sortScratch) bool {
	good := true
	if !q.byKey {
		for i := range s.elems {
			if e := &s.elems[i]; !q.alpha {
				var ok bool
				e.by, ok = sortScore(s.elem(e))
				good = good && ok
			}
		}
		return good
	}
	for i := range s.elems {
		if i%table.TouchMax == 0 {
			c.touchAhead(&q.by, s.elems[i:], s)
		}
		e := &s.elems[i]
		v, ok := c.lookUp(&q.by, s.elem(e), s)
		if !ok {
			continue
		}
		at := len(s.text)
		s.text = v.Append(s.text)
		if q.alpha {
			e.by, e.byN = float64(at), int32(len(s.text)-at)
			continue
		}
		e.by, ok = sortScore(s.text[at:])
		s.text = s.text[:at]
		good = good && ok
	}
	return good
}

// sortScore reads a number as C's strtod does: blanks before it, nothing behind it, no
// text at all is 0, a NUL ends the text.
func sortScore(b []byte) (float64, bool) {
	if n, ok := resp.ParseInt(b); ok {
		return float64(n), true
	}
	b, _, _ = bytes.Cut(b, []byte{0})
	if len(b) == 0 {
		return 0, true
	}
	f, ok := ParseFloat(bytes.TrimLeft(b, " \t\n\v\f\r"))
	const least = 0x1p-1022 // what is less, and not 0, is out of range to strtod
	return f, ok && (f == 0 || math.Abs(f) >= least)
}

// sortPattern is a pattern of BY or GET: "#" is the element itself; else the element takes
// the place of the first star, and what follows "->" behind it is the field of a hash.
type sortPattern struct {
	self          bool
	leads         bool // there is a star
	before, after []byte
	field         []byte // nil: a string
}

// patternOf reads a pattern. A NUL ends the search for star and arrow.
func patternOf(p []byte) (s sortPattern) {
	text, _, _ := bytes.Cut(p, []byte{0})
	s.self = string(text) == "#"
	star := bytes.IndexByte(text, '*')
	if s.leads = star >= 0; !s.leads {
		return s
	}
	s.before, s.after = p[:star], p[star+1:]
	if arrow := bytes.Index(text[star+1:], []byte("->")); arrow >= 0 && star+1+arrow+2 < len(text) {
		s.field = s.after[arrow+2:]
		s.after = s.after[:arrow]
	}
	return s
}

// key is the key to which a pattern leads for an element.
func (s *sortScratch) keyFor(p *sortPattern, elem []byte) []byte {
	s.key = append(append(append(s.key[:0], p.before...), elem...), p.after...)
	return s.key
}

// lookUp finds the string to which a pattern leads for an element. Borrowed.
func (c *Ctx) lookUp(p *sortPattern, elem []byte, s *sortScratch) (listpack.Value, bool) {
	switch {
	case p.self:
		return listpack.Value{Str: elem}, true
	case !p.leads:
		return listpack.Value{}, false
	}
	it := c.DB.Get(s.keyFor(p, elem))
	switch {
	case !it.OK():
	case p.field != nil && it.Type() == db.Hash:
		h := it.Fields()
		return h.Get(p.field)
	case p.field == nil && it.Type() == db.String:
		return listpack.Value{Str: it.Bytes()}, true
	}
	return listpack.Value{}, false
}

// touchAhead brings the keys to which a pattern leads for the next elements into the caches.
func (c *Ctx) touchAhead(p *sortPattern, next []sortable, s *sortScratch) {
	var hashes [table.TouchMax]uint64
	n := min(len(next), len(hashes))
	for i := range n {
		hashes[i] = c.KS.Hash(s.keyFor(p, s.elem(&next[i])))
	}
	if n > 1 {
		c.touched += c.DB.Touch(hashes[:n])
	}
}

// arrange puts the elements from first to last in their places.
func (q *sortQuery) arrange(s *sortScratch, first, last int) {
	if first > last {
		return
	}
	// Ties keep their order where the order of all is asked for, or elements are compared by
	// themselves.
	stable := !q.byKey || first == 0 && last == len(s.elems)-1
	sorting.Part(s.elems, first, last, func(x, y *sortable) int {
		r := q.compare(s, x, y)
		switch {
		case r == 0 && stable && x.at != y.at:
			return cmp.Compare(x.at, y.at)
		case r == 0 && stable:
			return cmp.Compare(x.n, y.n)
		case q.desc:
			return -r
		}
		return r
	})
}

// compare compares by number, then by text; or by weights as texts, the missing one first.
// What is replied is compared as C's strings, up to a NUL, what is stored as a whole: as
// Redis has it.
func (q *sortQuery) compare(s *sortScratch, x, y *sortable) int {
	if !q.alpha {
		switch {
		case x.by < y.by:
			return -1
		case x.by > y.by:
			return 1
		}
		return bytes.Compare(s.elem(x), s.elem(y))
	}
	if q.byKey && (x.byN < 0 || y.byN < 0) {
		return cmp.Compare(min(x.byN, 0), min(y.byN, 0))
	}
	a, b := s.weight(q, x), s.weight(q, y)
	if !q.dstKey {
		a, _, _ = bytes.Cut(a, []byte{0})
		b, _, _ = bytes.Cut(b, []byte{0})
	}
	return bytes.Compare(a, b)
}

// replySorted replies the elements, or for each what every GET finds.
func (c *Ctx) replySorted(q *sortQuery, part []sortable, s *sortScratch) error {
	mark := c.Out.Mark()
	c.Out.Array(len(part) * max(len(q.gets), 1))
	for i := range part {
		if len(q.gets) > 0 && i%table.TouchMax == 0 {
			c.touchAhead(&q.gets[0], part[i:], s)
		}
		e := s.elem(&part[i])
		if len(q.gets) == 0 {
			c.Out.Bulk(e)
		}
		for j := range q.gets {
			if v, ok := c.lookUp(&q.gets[j], e, s); ok {
				c.bulk(v)
			} else {
				c.Out.Null()
			}
		}
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	return nil
}

// storeSorted makes a list of what replySorted would reply, with "" for what no GET finds,
// in place of what was under q.dst, and replies its length. An empty list removes the key.
func (c *Ctx) storeSorted(q *sortQuery, part []sortable, s *sortScratch) error {
	n := len(part) * max(len(q.gets), 1)
	if err := c.fitsElements(int64(n)); err != nil {
		return err
	}
	// What GET finds is copied behind the elements: the look-ups come before any change, and
	// what they find may lie in what is about to be replaced.
	found := len(s.elems)
	if len(q.gets) > 0 {
		for i := range part {
			for j := range q.gets {
				v, _ := c.lookUp(&q.gets[j], s.elem(&part[i]), s)
				s.add(v)
			}
		}
		part = s.elems[found:]
	}
	was := c.DB.Delete(q.dst)
	if was {
		c.Rewrite(2).Str("DEL").Arg(q.dst)
	}
	switch {
	case n > 0:
		var e db.ElementsEdit
		e.Begin(c.DB, q.dst, db.Item{})
		names := c.words()
		for i := range part {
			e.Push(false, s.elem(&part[i]))
			names.add(s.elem(&part[i]))
		}
		c.DB.Replaces(was)
		e.Done()
		c.DB.Replaces(false)
		names.rewrite(c, "RPUSH", q.dst) // whatever the weights are then
		c.Changed(c.DB, q.dst, "sortstore")
	case was:
		c.Changed(c.DB, q.dst, "del")
	}
	c.Out.Int(int64(n))
	return nil
}
