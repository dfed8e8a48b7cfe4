package table

// View is the table as it stood at one moment. It is read by any goroutine with no
// lock while the table goes on changing.
type View struct {
	top   []*dir
	shift uint8
	count int
	timed int // entries with a deadline
	inner int // entries whose object has deadlines inside
	token uint64
	next  *View // the next one of the table that lives; the owner's
	drain drain
}

// View returns the table as it stands now. It costs one copy of the top: the table
// has one writer, and from here on that writer clones what the view can see before it
// changes it. The view must be given back with Release, by the table's owner.
func (t *Table) View() *View {
	v := &View{top: append([]*dir(nil), t.top...), shift: t.shift, count: t.count, timed: t.timed, inner: t.inner, token: t.Clock().Freeze()}
	v.drain.alone, v.drain.budget = t.views == nil && len(t.top) > 1, t.bytes/backlogShare
	v.next, t.views = t.views, v
	return v
}

// Release ends a view; nobody may read it afterwards.
func (t *Table) Release(v *View) {
	t.Clock().Release(v.token)
	for at := &t.views; *at != nil; at = &(*at).next {
		if *at == v {
			*at = v.next
			return
		}
	}
}

// Viewed tells whether any view lives, of this table or another of its clock.
func (t *Table) Viewed() bool { return t.Clock().Viewed() }

// Len is the number of entries in the view.
func (v *View) Len() int { return v.count }

// Timed is the number of entries in the view that have a deadline.
func (v *View) Timed() int { return v.timed }

// Inner is the number of entries in the view whose object has deadlines inside.
func (v *View) Inner() int { return v.inner }

// Each calls yield for every entry in hash order until it returns false.
func (v *View) Each(yield func(Ref) bool) { each(v.top, yield) }

// Each is View.Each for the table itself, or for a table that is a value and that a view
// sees. Nothing may change meanwhile.
func (t *Table) Each(yield func(Ref) bool) { each(t.top, yield) }

func each(top []*dir, yield func(Ref) bool) {
	for _, d := range top {
		for i := uint64(0); i < uint64(len(d.pages)); {
			p := d.pages[i]
			for s, tag := range p.tags {
				if tag != 0 && !yield(Ref{p: p, slot: s}) {
					return
				}
			}
			i += 1 << (d.depth - p.depth)
		}
	}
}

// Scan calls each for the entries of one page, those to which cursor leads, and
// returns the cursor of the next page, or 0 after the last. A cursor is a place in
// hash order, so an entry that stays from the first call to the last is seen whatever
// splits and joins meanwhile; one is seen twice only if pages join. Cursors stay below
// 2^63. Nothing may change during the call.
func (t *Table) Scan(cursor uint64, each func(Ref)) uint64 {
	h := cursor << 1
	d := t.dir(h)
	p := d.pages[t.index(d, h)]
	for s, tag := range p.tags {
		if tag != 0 {
			each(Ref{p: p, hash: h, slot: s})
		}
	}
	low := t.shift - p.depth // hash bits below the page's prefix
	next := (h>>low + 1) << low
	return next >> 1
}

// Random returns an entry drawn evenly by hash, or none from an empty table. next
// gives random bits.
func (t *Table) Random(next func() uint64) Ref {
	if t.count == 0 {
		return Ref{}
	}
	for range 256 {
		h := next()
		p := t.page(h)
		if p.count == 0 {
			continue
		}
		for range 16 {
			if s := int(next() & 63); p.tags[s] != 0 {
				return Ref{p, h, s}
			}
		}
	}
	// Nearly all pages are empty: take what comes first after a random place.
	var found Ref
	for cursor, wraps := next()>>1, 0; wraps < 2 && !found.OK(); {
		cursor = t.Scan(cursor, func(r Ref) { found = r })
		if cursor == 0 {
			wraps++
		}
	}
	return found
}

// Page calls each for the entries of the page to which h leads, one warm block of
// memory. Nothing may change during the call.
func (t *Table) Page(h uint64, each func(Ref)) {
	p := t.page(h)
	for s, tag := range p.tags {
		if tag != 0 {
			each(Ref{p: p, hash: h, slot: s})
		}
	}
}

// Shape describes the table for a human: pages, how full they are, how deep the
// directories.
type Shape struct {
	Pages, Directories, MaxDepth int
	SlabBytes, DeadBytes         int64
	Fill                         [pageSlots + 1]int // pages by number of entries
}

// Shape walks all directories; it is for diagnosis.
func (t *Table) Shape() Shape {
	s := Shape{Directories: len(t.top)}
	for _, d := range t.top {
		for i := uint64(0); i < uint64(len(d.pages)); {
			p := d.pages[i]
			s.Pages++
			s.MaxDepth = max(s.MaxDepth, int(64-t.shift+p.depth))
			s.SlabBytes += int64(cap(p.slab))
			s.DeadBytes += int64(p.dead)
			s.Fill[p.count]++
			i += 1 << (d.depth - p.depth)
		}
	}
	return s
}
