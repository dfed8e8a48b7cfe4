package cow

import "testing"

func TestViews(t *testing.T) {
	c := NewClock()
	o := NewOwner(c)
	old := c.Epoch()
	if !o.Writable(old) || !o.RootWritable() || c.Viewed() {
		t.Fatal("nothing sees a new structure")
	}
	first := c.Freeze()
	if o.Writable(old) || o.RootWritable() || !o.Writable(c.Epoch()) {
		t.Fatal("a view must see what is older, and only that")
	}
	between := c.Epoch()
	second := c.Freeze()
	if o.Writable(between) {
		t.Fatal("the second view sees what was made after the first")
	}
	c.Release(second)
	if o.Writable(old) || !o.Writable(between) {
		t.Fatal("the first view is still alive, the second is not")
	}
	c.Release(first)
	if !o.Writable(old) || c.Viewed() {
		t.Fatal("no view is left")
	}
}

// TestShare holds that what two copies have in common is nobody's to change, whatever
// becomes of the views.
func TestShare(t *testing.T) {
	c := NewClock()
	a := NewOwner(c)
	common := c.Epoch()
	b := a.Share()
	if a.Writable(common) || b.Writable(common) {
		t.Fatal("common parts are writable")
	}
	if !a.RootWritable() || !b.RootWritable() || !a.Writable(c.Epoch()) || !b.Writable(c.Epoch()) {
		t.Fatal("the roots and new parts are each one's own")
	}
	mine := c.Epoch()
	c.Release(c.Freeze())
	if a.Writable(common) || !a.Writable(mine) {
		t.Fatal("a view that came and went changes nothing")
	}
	token := c.Freeze()
	n := a.Renewed()
	if a.RootWritable() || !n.RootWritable() || n.Writable(common) || n.Writable(mine) {
		t.Fatal("a renewed root keeps what it shares")
	}
	c.Release(token)
}

// TestShareOfFrozenRoot: a root that a view sees must not be written, so it is owned before
// it is shared.
func TestShareOfFrozenRoot(t *testing.T) {
	c := NewClock()
	o := NewOwner(c)
	token := c.Freeze()
	defer c.Release(token)
	defer func() {
		if recover() == nil {
			t.Error("a frozen root was shared")
		}
	}()
	o.Share()
}
