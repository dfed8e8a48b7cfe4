// Package cow says which parts of a structure may be changed in place and which must be
// copied first, because somebody else sees them.
//
// Every part of a structure (page, directory, block, leaf, root) carries the epoch in
// which it was made. Two things make older parts untouchable:
//
//	a view    all structures as they stood at one moment, for other goroutines to read:
//	          Clock.Freeze .. Clock.Release. While it lives, what is older is frozen.
//	a copy    one structure that became two (COPY): Owner.Share. For ever, what is older
//	          belongs to both.
//
//	epoch   ... 4    5    6    7    8
//	            |    |    |    |    |
//	part   -----p----|----q----|----r---      a view at 5 is alive: p is frozen, q and r
//	                 ^ Freeze                 are not. Whoever wants to change p makes a
//	                                          copy of epoch 8 and puts it in p's place.
//
// So a view or a copy of ten million elements costs one increment, and each later write
// copies at most the path of parts that it touches, once. A copy gives its parts up to the
// collector when nobody leads to them any more; there is no counting of references.
//
// One Clock serves a whole keyspace, so values move between databases as they are. All
// of this belongs to the goroutine that writes; readers of a view never look at it.
package cow

import "redust/internal/assert"

// Clock counts the epochs of a keyspace. Use NewClock.
type Clock struct {
	epoch  uint64
	frozen uint64   // parts older than this belong to a living view
	views  []uint64 // tokens of living views
	slabs  slabs
}

// NewClock returns a clock without views.
func NewClock() *Clock { return &Clock{epoch: 1} }

// Epoch is the epoch of a part that is being made now.
func (c *Clock) Epoch() uint64 { return c.epoch }

// Writable tells whether a part made in this epoch may be changed in place as far as
// views go, that is, whether no living view sees it.
func (c *Clock) Writable(epoch uint64) bool { return epoch >= c.frozen }

// Viewed tells whether any view lives.
func (c *Clock) Viewed() bool { return c.frozen != 0 }

// Freeze begins a view: what exists now is frozen until Release is called with the token
// that this returns.
func (c *Clock) Freeze() (token uint64) {
	token = c.epoch
	c.views = append(c.views, token)
	c.epoch++
	c.frozen = c.epoch
	return token
}

// Release ends a view.
func (c *Clock) Release(token uint64) {
	kept, newest, done := c.views[:0], uint64(0), false
	for _, t := range c.views {
		if t == token && !done {
			done = true
			continue
		}
		kept = append(kept, t)
		newest = max(newest, t+1)
	}
	c.views, c.frozen = kept, newest
}

// Owner is the part of a structure's root that decides about its other parts. Embed it in
// the root, by value.
type Owner struct {
	clock  *Clock
	made   uint64 // epoch of the root itself
	shared uint64 // parts older than this belong to a copy too
}

// NewOwner returns the owner of a structure that is being made.
func NewOwner(c *Clock) Owner { return Owner{clock: c, made: c.epoch} }

// Clock is the clock of the keyspace.
func (o *Owner) Clock() *Clock { return o.clock }

// Epoch is the epoch of a part that is being made now.
func (o *Owner) Epoch() uint64 { return o.clock.epoch }

// Writable tells whether a part of the structure, made in this epoch, may be changed in
// place: no living view sees it and no copy shares it.
func (o *Owner) Writable(epoch uint64) bool {
	return epoch >= o.clock.frozen && epoch >= o.shared
}

// RootWritable is Writable for the root itself. A root is never shared: Share makes
// another.
func (o *Owner) RootWritable() bool { return o.made >= o.clock.frozen }

// Renewed is the owner for a copy of the root that takes the root's place because a view
// sees the old one.
func (o *Owner) Renewed() Owner {
	return Owner{clock: o.clock, made: o.clock.epoch, shared: o.shared}
}

// Share makes all parts that exist now common to this structure and another, whose owner
// it returns. The root must be writable.
func (o *Owner) Share() Owner {
	assert.That(o.RootWritable(), "cow: a root that a view sees is shared")
	o.clock.epoch++
	o.shared = o.clock.epoch
	return Owner{clock: o.clock, made: o.clock.epoch, shared: o.shared}
}
