package table

import (
	"math"
	"math/bits"
	"sync/atomic"

	"redust/internal/assert"
)

// A view that is read for the last time, by Drain, gives its table's pages back while it is
// being read, and its reader can be helped.
//
//	hash order   0 |=====reader=====>|............................| 2^64
//	                 behind: the       ahead: a page is cloned before its first write,
//	                 owner writes      and the old one waits for the reader: the backlog.
//	                 in place          Once that is a sixth of the table, the owner offers
//	                                   the page instead: its entries are taken (encoded,
//	                                   say) on the spot, and then it writes in place.
//
// Random writes touch all pages of a large table in half a second, which is less than any
// reader needs. Without offers most of the table would then be there twice. With them
// the backlog has a bound, and the work that is left for the reader becomes less with
// every one.
//
// Reader and owner meet in three words that both may look at while the table changes:
// passed, the hash up to which the reader has come; claim of each page; and freed, the
// bytes of clones' old pages that the reader has passed. A claim holds the view's token
// and who has it:
//
//	0, other view's --reader: Swap--> read      the owner must clone it, until it is passed
//	                --owner: CAS----> taken     by Offer.Take: the reader leaves it out
//	                --owner: CAS----> cloned    the reader reads it, and tells freed
//
// So each page is either read or taken, once. Always true: claims are those of one view at a
// time, since only a view that was alone when it was taken uses them; only pages older
// than the view are claimed, and so they are in it; a claimed page never changes its depth,
// which the reader looks at before it has the page, since only wide tables make offers and
// nothing but widening changes it. A page with objects is always cloned: that is cheap for
// its size, and how long it takes to read them is not known.
type drain struct {
	alone   bool  // no view lived when this one was taken, and the table was wide
	budget  int64 // backlog from which pages are offered, bytes
	taken   int64 // pages; the owner's
	cloned  int64 // old pages of clones that were made ahead of the reader, bytes; the owner's
	passed  atomic.Uint64
	freed   atomic.Int64
	offered atomic.Pointer[func(Offer) bool] // nil unless a reader wants help
}

// backlogShare is the share of the table that may be there twice: a sixth. Offers cost the owner
// more than clones: with a tenth, p99.9 of its clients is a sixth longer. As much again may
// wait for the collector.
const backlogShare = 6

// The states of a claim, below the token.
const (
	claimRead = iota + 1
	claimTaken
	claimCloned
	claimBits = 2
)

// Drain is Each for the last time: what has been walked over is given up at once. Its pages
// need not be cloned any more before the owner writes to them, unless there is another view
// of the table; and those that have been cloned are garbage as soon as their directory has been
// walked over, of which a table of many keys has 256.
//
// If help is not nil, it is called on the owner's goroutine until Drain is over, and perhaps
// once while it ends: for a page that the reader has not come to and that is about to
// change, when much has been cloned already. Those entries that Offer.Take gives it are not
// yielded. If it returns false, nothing was taken.
func (v *View) Drain(yield func(Ref) bool, help func(Offer) bool) {
	if help != nil && v.drain.alone {
		v.drain.offered.Store(&help)
	}
	for t, d := range v.top {
		first := uint64(t) << v.shift
		for i := uint64(0); i < uint64(len(d.pages)); {
			p := d.pages[i]
			i += 1 << (d.depth - p.depth)
			if !v.read(p, yield) {
				v.drained()
				return
			}
			// Behind the last page this is 0, which drained corrects.
			v.drain.passed.Store(first + i<<(v.shift-d.depth))
		}
		v.top[t] = nil
	}
	v.drained()
}

// read yields the entries of a page that was not taken.
func (v *View) read(p *page, yield func(Ref) bool) bool {
	was := uint64(0)
	if v.drain.alone {
		was = p.claim.Swap(v.claimed(claimRead))
	}
	if was == v.claimed(claimTaken) {
		return true
	}
	for s, tag := range p.tags {
		if tag != 0 && !yield(Ref{p: p, slot: s}) {
			return false
		}
	}
	if was == v.claimed(claimCloned) {
		v.drain.freed.Add(p.memory())
	}
	return true
}

// Taken is how many pages were taken before their first write; the owner may ask.
func (v *View) Taken() int64 { return v.drain.taken }

func (v *View) claimed(state uint64) uint64 { return v.token<<claimBits | state }

// memory is what a page holds besides objects, bytes.
func (p *page) memory() int64 { return int64(pageBytes + cap(p.slab) + p.objsBytes()) }

// drained says that nothing of the view is read any more.
func (v *View) drained() {
	v.top = nil
	v.drain.offered.Store(nil)
	v.drain.passed.Store(math.MaxUint64)
}

// past tells whether no view reads the page of h any more, though it may be older than they
// are.
func (t *Table) past(h uint64) bool {
	v := t.views
	return v != nil && v.next == nil && h < v.drain.passed.Load()
}

// offered tells whether a page that a view sees has been taken over by whoever reads it, so
// that it may be written. If not, it is about to be cloned, and that is noted.
func (t *Table) offered(p *page) bool {
	v := t.views
	if v == nil || v.next != nil || !v.drain.alone || p.epoch > v.token {
		return false
	}
	dr := &v.drain
	if help := dr.offered.Load(); help != nil && p.objs == nil && dr.cloned-dr.freed.Load() >= dr.budget && (*help)(Offer{p, v}) {
		dr.taken++
		return true
	}
	if was := p.claim.Load(); was>>claimBits != v.token && p.claim.CompareAndSwap(was, v.claimed(claimCloned)) {
		dr.cloned += p.memory()
	}
	return false
}

// Offer is a page of a view that is about to change, for one who reads the view.
type Offer struct {
	p *page
	v *View
}

// Take calls yield for each entry of the page, unless the reader has it already: then it is
// false. What is yielded is valid during the call.
func (o Offer) Take(yield func(Ref)) bool {
	was := o.p.claim.Load()
	if was>>claimBits == o.v.token || !o.p.claim.CompareAndSwap(was, o.v.claimed(claimTaken)) {
		return false
	}
	assert.That(o.p.objs == nil, "table: a page with objects is taken")
	for s := o.p.slots(); s != 0; s &= s - 1 {
		yield(Ref{p: o.p, slot: bits.TrailingZeros64(s)})
	}
	return true
}
