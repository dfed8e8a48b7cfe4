package db

import (
	"fmt"
	"strings"
	"testing"

	"redust/db/cow"
	"redust/db/table"
)

// crate is a large value of the simplest kind: a root that holds bytes, and writes them as
// a root does that has no nodes.
type crate struct {
	cow.Owner
	data []byte
}

func newCrate(c *cow.Clock, text string) *crate {
	return &crate{Owner: cow.NewOwner(c), data: []byte(text)}
}

func (c *crate) MemBytes() int { return 64 + cap(c.data) }

func (c *crate) own() table.Object {
	if c.RootWritable() {
		return c
	}
	return &crate{Owner: c.Renewed(), data: append([]byte(nil), c.data...)}
}

func (c *crate) share() table.Object {
	return &crate{Owner: c.Owner.Share(), data: append([]byte(nil), c.data...)}
}

// text is what a value holds, whatever its form.
func text(it Item) string {
	if c, ok := it.root().(*crate); ok {
		return "large:" + string(c.data)
	}
	return string(it.Bytes())
}

// TestOwnRootTwice: who owns a root, changes it, and owns it again by the same item while a
// view lives has both changes. (Two fields of one HSET, say.)
func TestOwnRootTwice(t *testing.T) {
	k, _ := newTest(1)
	d, key := k.DB(0), []byte("key")
	for _, long := range []bool{false, true} {
		if long {
			key = []byte(strings.Repeat("k", 300)) // its root lies inside another object
		}
		d.storeRoot(key, Item{}, Hash, Large, newCrate(k.clock, "__"))
		v := d.View()
		it := d.ForWrite(key)
		d.ownRoot(it).(*crate).data[0] = 'a'
		d.ownRoot(it).(*crate).data[1] = 'b'
		if got := text(d.Peek(key)); got != "large:ab" {
			t.Errorf("the value is %q after two changes, want ab", got)
		}
		v.Each(func(it Item) bool {
			if string(it.Key()) == string(key) && text(it) != "large:__" {
				t.Errorf("the view sees %q", text(it))
			}
			return true
		})
		v.Release()
	}
}

// TestOneAccess: a command that looks a collection up for writing and stores it is one
// access, as it is for a string: OBJECT FREQ and eviction tell.
func TestOneAccess(t *testing.T) {
	k, _ := newTest(1)
	k.Access.LFU, k.Access.LogFactor = true, 0 // each access counts
	k.SetNow(start + 1)
	d, key := k.DB(0), []byte("key")
	for _, size := range []int{10, 1000} {
		d.store(key, Item{}, Hash, Packed, make([]byte, size))
		was := d.Peek(key).Freq()
		it := d.ForWrite(key)
		d.store(key, it, Hash, Packed, d.edit(it))
		if got := d.Peek(key).Freq() - was; got != 1 {
			t.Errorf("%d bytes: one command counts as %d accesses", size, got)
		}
	}
}

// TestValuesAgainstModel edits packed values and roots at random, copies and renames them
// between databases, and compares with plain maps, views included.
func TestValuesAgainstModel(t *testing.T) {
	k, r := newTest(9)
	k.SetNow(start)
	type model map[string]string
	dbs := []*DB{k.DB(0), k.DB(1)}
	models := []model{{}, {}}
	type view struct {
		v *View
		m model
	}
	var views []view
	compare := func(each func(func(Item) bool), m model, what string) {
		t.Helper()
		n := 0
		each(func(it Item) bool {
			n++
			if want, ok := m[string(it.Key())]; !ok || text(it) != want {
				t.Fatalf("%s: %.20q is %.40q, want %.40q (%t)", what, it.Key(), text(it), want, ok)
			}
			return true
		})
		if n != len(m) {
			t.Fatalf("%s: %d keys, want %d", what, n, len(m))
		}
	}
	name := func() []byte {
		key := fmt.Sprintf("key:%d", r.IntN(300))
		if len(key)%7 == 0 {
			key += strings.Repeat("x", 300*r.IntN(2)) // too long for a slab
		}
		return []byte(key)
	}
	steps := 200_000
	if testing.Short() {
		steps = 30_000
	}
	for step := range steps {
		at := r.IntN(2)
		d, m, key := dbs[at], models[at], name()
		it := d.ForWrite(key)
		was, ok := m[string(key)]
		if it.OK() != ok {
			t.Fatalf("step %d: %.20q exists: %t, want %t", step, key, it.OK(), ok)
		}
		large := strings.HasPrefix(was, "large:")
		switch op := r.IntN(20); {
		case op < 9 && !large: // a packed value grows, shrinks, or is changed in place
			b := d.edit(it)
			if string(b) != was {
				t.Fatalf("edit gives %.40q, want %.40q", b, was)
			}
			switch r.IntN(3) {
			case 0:
				b = append(b, strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(200))...)
			case 1:
				if len(b) > 4 {
					b = append(b[:1], b[1+r.IntN(len(b)-2):]...)
				}
			default:
				for i := range b {
					b[i]++
				}
			}
			if len(b) == 0 {
				b = append(b, 'n')
			}
			enc := Packed
			if r.IntN(8) == 0 {
				enc = Ints
			}
			m[string(key)] = string(b)
			if got := d.store(key, it, Set, enc, b); text(got) != m[string(key)] {
				t.Fatalf("store returns %.40q, want %.40q", text(got), m[string(key)])
			}
		case op < 9: // a large one is changed
			o := d.ownRoot(it).(*crate)
			before := o.MemBytes()
			o.data = append(o.data, byte('a'+r.IntN(26)))
			d.resized(o.MemBytes() - before)
			m[string(key)] = "large:" + string(o.data)
		case op < 11:
			fresh := fmt.Sprint("crate ", step)
			d.storeRoot(key, it, Hash, Large, newCrate(k.clock, fresh))
			m[string(key)] = "large:" + fresh
		case op < 13 && ok:
			d.remove(key)
			delete(m, string(key))
		case op < 16 && ok:
			to, other := r.IntN(2), name()
			if to == at && string(other) == string(key) {
				break
			}
			if op == 13 {
				d.Rename(key, dbs[to], other)
				delete(m, string(key))
			} else {
				d.Copy(key, dbs[to], other)
			}
			models[to][string(other)] = was
		case op < 17 && ok:
			d.SetExpire(it, (start+1_000_000)*int64(r.IntN(2))) // never reached, or none
		case op == 17 && step%50 == 0:
			c := model{}
			for key, val := range m {
				c[key] = val
			}
			views = append(views, view{d.View(), c})
		case op == 18 && len(views) > 2:
			i := r.IntN(len(views))
			compare(views[i].v.Each, views[i].m, "view")
			views[i].v.Release()
			views = append(views[:i], views[i+1:]...)
		}
		if step%5000 == 0 {
			for i, d := range dbs {
				compare(d.Each, models[i], "database")
				accounted(t, d)
			}
		}
	}
}

// accounted holds that the memory a database reports is what its parts hold, give or take
// the places for objects, whose number is not known here.
func accounted(t *testing.T, d *DB) {
	t.Helper()
	s := d.t.Shape()
	main, _ := d.Overhead()
	known := main + s.SlabBytes
	d.t.Each(func(r table.Ref) bool {
		if o := r.Object(); o != nil {
			known += int64(o.MemBytes())
		}
		if n := len(r.Key()); n > table.MaxInline {
			known += 72 + int64(n) + int64(len(r.Bytes()))
		}
		return true
	})
	if rest := d.t.Bytes() - known; rest < 0 || rest > int64(s.Pages)*(24+16*64+1000) {
		t.Fatalf("%d bytes are reported, %d are known", d.t.Bytes(), known)
	}
}

// TestValuesWhileViewed reads a view on another goroutine while every value that it shows is
// edited, copied, renamed or replaced; it is for the race detector.
func TestValuesWhileViewed(t *testing.T) {
	k, r := newTest(5)
	d := k.DB(0)
	key := func(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }
	const n = 3000
	want := map[string]string{}
	for i := range n {
		switch i % 3 {
		case 0:
			d.store(key(i), Item{}, Set, Packed, []byte(strings.Repeat("s", 1+i%200)))
		case 1:
			d.store(key(i), Item{}, Set, Packed, []byte(strings.Repeat("b", 300+i%200)))
		default:
			d.storeRoot(key(i), Item{}, Set, Large, newCrate(k.clock, fmt.Sprint(i)))
		}
		want[string(key(i))] = text(d.Peek(key(i)))
	}
	v := d.View()
	done := make(chan string)
	go func() {
		wrong := ""
		for range 5 {
			seen := 0
			v.Each(func(it Item) bool {
				seen++
				if text(it) != want[string(it.Key())] {
					wrong = fmt.Sprintf("the view shows %.40q under %q", text(it), it.Key())
				}
				return true
			})
			if seen != n {
				wrong = fmt.Sprintf("the view shows %d keys", seen)
			}
		}
		done <- wrong
	}()
	for range 5 * n {
		key := key(r.IntN(n))
		it := d.ForWrite(key)
		switch {
		case !it.OK():
		case r.IntN(5) == 0:
			d.Copy(key, k.DB(r.IntN(2)), fmt.Appendf(nil, "copy:%d", r.IntN(n)))
		case r.IntN(20) == 0:
			d.Rename(key, d, fmt.Appendf(nil, "moved:%d", r.IntN(n)))
		case it.Encoded() == Large:
			o := d.ownRoot(it).(*crate)
			was := o.MemBytes()
			o.data = append(o.data, 'x')
			d.resized(o.MemBytes() - was)
		default:
			b := d.edit(it)
			b[0] = 'x'
			d.store(key, it, Set, Packed, append(b, 'x'))
		}
	}
	if wrong := <-done; wrong != "" {
		t.Error(wrong)
	}
	v.Release()
	accounted(t, d)
}
