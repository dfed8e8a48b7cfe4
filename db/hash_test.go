package db

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"redust/db/listpack"
	"redust/db/table"
)

// hashModel is a hash as a map of Go.
type hashModel map[string]modelField

type modelField struct {
	val string
	at  int64
}

// alive are the fields that have not expired.
func (m hashModel) alive(now int64) hashModel {
	out := hashModel{}
	maps.Copy(out, m)
	maps.DeleteFunc(out, func(_ string, f modelField) bool { return f.at != 0 && f.at <= now })
	return out
}

// readFields is a hash in the form of the model, as its Each shows it.
func readFields(t *testing.T, f Fields) hashModel {
	t.Helper()
	out := hashModel{}
	f.Each(func(field, val listpack.Value, at int64) bool {
		name := string(field.Append(nil))
		if _, again := out[name]; again {
			t.Fatalf("%q comes twice", name)
		}
		out[name] = modelField{string(val.Append(nil)), at}
		return true
	})
	return out
}

// hashPlayer turns bytes into operations on a few hashes, and on their models.
type hashPlayer struct {
	t     *testing.T
	in    []byte
	k     *Keyspace
	d     *DB
	now   int64
	model map[string]hashModel
	views []hashView
}

type hashView struct {
	v     *View
	now   int64
	model map[string]hashModel
}

func (p *hashPlayer) byte() int {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return int(b)
}

func (p *hashPlayer) key() string { return fmt.Sprintf("h%d", p.byte()%4) }

// text is a field or a value: a number, a short text, or one that no slab holds.
func (p *hashPlayer) text() string {
	switch b := p.byte(); b % 16 {
	case 0:
		return strings.Repeat("x", 60+b%32)
	case 1:
		return strings.Repeat("y", 250+b)
	case 2:
		return ""
	case 3, 4, 5, 6, 7:
		return fmt.Sprint(b*b - 999)
	}
	return fmt.Sprintf("f%d", p.byte()%40)
}

// at is a deadline, or none.
func (p *hashPlayer) at() int64 {
	switch b := p.byte(); b % 4 {
	case 0:
		return 0
	case 1:
		return p.now + 1 + int64(b)
	}
	return p.now + 1 + int64(p.byte())*16
}

// alive is the model of a key without what has expired; none is empty.
func (p *hashPlayer) alive(key string) hashModel { return p.model[key].alive(p.now) }

// keep sets the model of a key, which is gone if empty.
func (p *hashPlayer) keep(key string, m hashModel) {
	if delete(p.model, key); len(m) > 0 {
		p.model[key] = m
	}
}

// edit makes a few changes to one hash.
func (p *hashPlayer) edit() {
	t, key := p.t, p.key()
	m := p.alive(key)
	var f FieldEdit
	p.d.EditFields(&f, []byte(key), p.d.Peek([]byte(key)))
	if p.byte()%16 == 0 {
		f.Expect(make([][]byte, p.byte()%16)) // changes the form at most
	}
	for range 1 + p.byte()%8 {
		field := p.text()
		was, had := m[field]
		switch op := p.byte() % 8; {
		case op < 4:
			val, at := p.text(), int64(0)
			switch op {
			case 1:
				at = KeepTTL
			case 2, 3:
				at = p.at()
			}
			if added := f.Set([]byte(field), []byte(val), at); added == had {
				t.Fatalf("Set %q: added %t, had %t", field, added, had)
			}
			if at == KeepTTL {
				at = was.at
			}
			m[field] = modelField{val, at}
		case op < 6:
			if f.Delete([]byte(field)) != had {
				t.Fatalf("Delete %q does not know what there is", field)
			}
			delete(m, field)
		case had:
			at := p.at()
			f.SetDeadline([]byte(field), at)
			m[field] = modelField{was.val, at}
		default:
			if _, ok := f.Get([]byte(field)); ok {
				t.Fatalf("%q is there", field)
			}
		}
	}
	begun := f.begun
	if gone := f.Done(); gone != (begun && len(m) == 0) {
		t.Fatalf("%s: gone %t, with %d fields", key, gone, len(m))
	}
	p.keep(key, m)
}

func (p *hashPlayer) step() {
	k, d := p.k, p.d
	switch op := p.byte() % 24; op {
	default:
		p.edit()
	case 14, 15:
		p.now += int64(p.byte()) * 8
		k.SetNow(p.now)
	case 16:
		for k.Expire(1) {
		}
		for key, m := range p.model {
			p.keep(key, m.alive(p.now))
		}
		p.nothingDue()
	case 17:
		from, to := p.key(), p.key()
		if from != to && d.Has([]byte(from)) {
			d.Copy([]byte(from), d, []byte(to))
			p.keep(to, maps.Clone(p.model[from]))
		}
	case 18:
		from, to := p.key(), p.key()
		if from != to && d.Has([]byte(from)) {
			d.Rename([]byte(from), d, []byte(to))
			p.keep(to, p.model[from])
			delete(p.model, from)
		}
	case 19:
		key := p.key()
		if d.Delete([]byte(key)) != (len(p.alive(key)) > 0) {
			p.t.Fatalf("Delete of %s does not know what there is", key)
		}
		delete(p.model, key)
	case 20:
		if len(p.views) < 3 {
			all := map[string]hashModel{}
			for key := range p.model {
				if m := p.alive(key); len(m) > 0 {
					all[key] = m
				}
			}
			p.views = append(p.views, hashView{d.View(), p.now, all})
		}
	case 21:
		if len(p.views) > 0 {
			p.release(p.byte() % len(p.views))
		}
	case 22:
		k.Limits.HashEntries = int64(p.byte() % 24)
	case 23:
		p.draw()
	}
	p.check()
}

// release compares what a view shows with what was there when it began, and ends it. What
// had expired by then may not have been reclaimed yet.
func (p *hashPlayer) release(i int) {
	v := p.views[i]
	seen := 0
	v.v.Each(func(it Item) bool {
		m := readFields(p.t, it.Fields()).alive(v.now)
		if len(m) > 0 {
			seen++
		}
		if want := v.model[string(it.Key())]; !maps.Equal(m, want) {
			p.t.Fatalf("view: %s is\n%v, want\n%v", it.Key(), m, want)
		}
		return true
	})
	if seen != len(v.model) {
		p.t.Fatalf("the view shows %d hashes, want %d", seen, len(v.model))
	}
	v.v.Release()
	p.views = slices.Delete(p.views, i, i+1)
}

// draw holds that what is drawn at random is there, and different where it should be.
func (p *hashPlayer) draw() {
	key := p.key()
	m := p.alive(key)
	f := p.d.Peek([]byte(key)).Fields()
	if len(m) == 0 {
		return
	}
	is := func(field, val listpack.Value) string {
		name := string(field.Append(nil))
		if want, ok := m[name]; !ok || want.val != string(val.Append(nil)) {
			p.t.Fatalf("drew %q, which is not there", name)
		}
		return name
	}
	n := 0
	f.Draw(5, func(field, val listpack.Value) bool {
		is(field, val)
		n++
		return true
	})
	seen, want := map[string]bool{}, 1+p.byte()%len(m)
	f.Sample(want, func(field, val listpack.Value) bool {
		seen[is(field, val)] = true
		return true
	})
	if n != 5 || len(seen) != want {
		p.t.Fatalf("drew %d of 5 and %d of %d", n, len(seen), want)
	}
}

// check compares everything with the model, and walks over what must hold.
func (p *hashPlayer) check() {
	t := p.t
	for i := range 4 {
		key := fmt.Sprintf("h%d", i)
		m := p.alive(key)
		it := p.d.Peek([]byte(key))
		f := it.Fields()
		if it.OK() != (len(m) > 0) || f.Len() != len(m) {
			t.Fatalf("%s: there %t with %d fields, want %d", key, it.OK(), f.Len(), len(m))
		}
		if got := readFields(t, f); !maps.Equal(got, m) {
			t.Fatalf("%s is\n%v, want\n%v", key, got, m)
		}
		n := 0
		for cursor := uint64(0); ; {
			if cursor = f.Scan(cursor, func(field, val listpack.Value) { n++ }); cursor == 0 {
				break
			}
		}
		if n != len(m) {
			t.Fatalf("%s: a scan meets %d fields", key, n)
		}
		for field, want := range m {
			v, ok := f.Get([]byte(field))
			at, has := f.Deadline([]byte(field))
			if !ok || !has || !f.Has([]byte(field)) || string(v.Append(nil)) != want.val || at != want.at {
				t.Fatalf("%s %q is %q until %d, want %v", key, field, v.Append(nil), at, want)
			}
		}
	}
	keys := 0
	p.d.Each(func(Item) bool { keys++; return true })
	for key := range p.model {
		if len(p.alive(key)) > 0 {
			keys--
		}
	}
	if keys != 0 {
		t.Fatalf("%d keys too many are met", keys)
	}
	inner := 0
	p.d.t.Each(func(r table.Ref) bool {
		checkHash(t, r)
		if r.Timed() {
			inner++
		}
		return true
	})
	if p.d.t.Inner() != inner {
		t.Fatalf("%d hashes have deadlines, %d are counted", inner, p.d.t.Inner())
	}
	accounted(t, p.d)
}

// checkHash walks over one hash as it is stored.
func checkHash(t *testing.T, r table.Ref) {
	t.Helper()
	next := int64(0)
	switch o := r.Object().(type) {
	case *timedPack:
		p, last := o.data, int64(0)
		if err := listpack.Check(p); err != nil {
			t.Fatal(err)
		}
		for at := listpack.First(p); at >= 0; {
			d := deadlineIn(p, at)
			if d != 0 && (last == 0 && next != 0 || d < last) || last == 0 && d != 0 && at != listpack.First(p) {
				t.Fatalf("deadlines are not in order: %d after %d", d, last)
			}
			if next == 0 && at == listpack.First(p) {
				next = d
			}
			last = d
			at = listpack.Next(p, listpack.Skip(p, listpack.Skip(p, at)))
		}
	case *fieldTable:
		timed := 0
		o.fields.Each(func(f table.Ref) bool {
			if at := f.Deadline(); at != 0 {
				timed++
				if _, ok := o.order.Rank(orderKey(nil, at, f.Key())); !ok {
					t.Fatalf("the deadline of %q is not in the order", f.Key())
				}
				if next == 0 || at < next {
					next = at
				}
			}
			return true
		})
		if o.fields.Timed() != timed || timed == 0 && o.order != nil || timed > 0 && o.order.Len() != timed {
			t.Fatalf("%d fields have deadlines, which the order does not know", timed)
		}
	default:
		return
	}
	if o := r.Object().(timed); o.NextDeadline() != next || r.Timed() != (next != 0) {
		t.Fatalf("the next deadline is %d, told is %d", next, o.NextDeadline())
	}
}

// nothingDue holds that expiry leaves nothing behind.
func (p *hashPlayer) nothingDue() {
	p.d.t.Each(func(r table.Ref) bool {
		if o, ok := r.Object().(timed); ok && o.NextDeadline() != 0 && o.NextDeadline() <= p.now {
			p.t.Fatalf("%q has fields that are due", r.Key())
		}
		return true
	})
}

func playHashes(t *testing.T, in []byte) {
	p := &hashPlayer{t: t, in: in, now: start, model: map[string]hashModel{}}
	p.k, _ = newTest(8)
	p.d = p.k.DB(0)
	p.k.Limits.HashEntries = int64(p.byte() % 24)
	for len(p.in) > 0 {
		p.step()
	}
	for len(p.views) > 0 {
		p.release(0)
	}
	p.now += 1 << 20
	p.k.SetNow(p.now)
	for p.k.Expire(1) {
	}
	p.nothingDue()
}

func FuzzHashes(f *testing.F) {
	for i := range uint64(40) {
		r := rand.New(rand.NewPCG(i, 21))
		b := make([]byte, 50<<(i%8))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(playHashes)
}

// TestHashViewRace reads views on another goroutine while all kinds of hashes are changed,
// copied and expire; it is for the race detector.
func TestHashViewRace(t *testing.T) {
	k, r := newTest(31)
	d := k.DB(0)
	now := int64(start)
	set := func(key string, i int, at int64) {
		var f FieldEdit
		d.EditFields(&f, []byte(key), d.Peek([]byte(key)))
		f.Set(fmt.Appendf(nil, "f%d", i), fmt.Appendf(nil, "v%d", i), at)
		f.Done()
	}
	keys := []string{"small", "timed", "large", "both"}
	put := func(i int) {
		set("small", i%20, 0)
		set("timed", i%20, now+int64(i%20)*100+5000)
		set("large", i%20_000, 0)
		set("both", i%5000, now+int64(i%5000)+1000)
	}
	for i := range 20_000 {
		put(i)
	}
	for range 6 {
		v, want := d.View(), map[string]int{}
		for _, key := range keys {
			it := d.Peek([]byte(key))
			f := it.Fields()
			f.now = 0
			if it.OK() {
				want[key] = f.Len()
			}
		}
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 2 {
				v.Each(func(it Item) bool {
					f, n := it.Fields(), 0
					f.Each(func(field, val listpack.Value, at int64) bool {
						if field.Append(nil)[0] != 'f' || val.Append(nil)[0] != 'v' {
							t.Errorf("the view shows %q, %q", field.Append(nil), val.Append(nil))
						}
						n++
						return true
					})
					if n != f.Len() || len(it.Key()) < 6 && n != want[string(it.Key())] {
						t.Errorf("%q: the view shows %d fields, wants %d", it.Key(), n, want[string(it.Key())])
					}
					return true
				})
			}
		}()
		for i := range 8000 {
			put(r.IntN(20_000))
			if i%1000 == 0 {
				now += 200
				k.SetNow(now)
				k.Expire(1)
				d.Copy([]byte("large"), d, fmt.Appendf(nil, "copy-of-large:%d", i/1000))
			}
		}
		wg.Wait()
		v.Release()
	}
	accounted(t, d)
}

// TestFieldsInSlices holds that a large hash whose fields fall due in one moment is reclaimed
// in slices, while nobody sees the fields any more, and that the one whose fields all do
// goes in one step.
func TestFieldsInSlices(t *testing.T) {
	k, _ := newTest(9)
	d := k.DB(0)
	const n = 25_000
	told := map[string]int{}
	k.Hooks.FieldsExpired = func(_ *DB, key []byte, fields [][]byte, _ int64) {
		told[string(key)]++
		if fields == nil {
			told[string(key)+" gone"]++
		}
	}
	for _, key := range []string{"some", "all"} {
		var f FieldEdit
		d.EditFields(&f, []byte(key), Item{})
		for i := range n {
			f.Set(fmt.Appendf(nil, "field:%d", i), []byte("x"), start+1000)
		}
		if key == "some" {
			f.Set([]byte("stays"), []byte("x"), 0)
		}
		f.Done()
	}
	k.SetNow(start + 1000)
	f := d.Peek([]byte("some")).Fields()
	if f.Len() != 1 || d.Has([]byte("all")) {
		t.Fatalf("%d fields are left in one, the other is there: %t", f.Len(), d.Has([]byte("all")))
	}
	if k.Stats.FieldsExpired != n || told["all gone"] != 1 {
		t.Fatalf("%d fields expired, told %v", k.Stats.FieldsExpired, told)
	}
	slices := 0
	for more := true; more; slices++ {
		was := k.Stats.FieldsExpired
		more = k.Expire(1)
		if done := k.Stats.FieldsExpired - was; done > SliceKeys {
			t.Fatalf("%d fields in a slice", done)
		}
	}
	if slices < n/SliceKeys || k.Stats.FieldsExpired != 2*n || told["some"] < n/SliceKeys || told["some gone"] != 0 {
		t.Errorf("%d slices, %d fields, told %v", slices, k.Stats.FieldsExpired, told)
	}
	if f := d.Peek([]byte("some")).Fields(); f.tab.fields.Len() != 1 || f.tab.order != nil {
		t.Error("something is left")
	}
	accounted(t, d)
}

// TestFieldsOfAReplica holds that fields past their deadline stay, hidden, while keys do.
func TestFieldsOfAReplica(t *testing.T) {
	for _, limit := range []int64{0, 512} {
		k, _ := newTest(10)
		k.Limits.HashEntries = limit
		d := k.DB(0)
		edit := func(do func(f *FieldEdit)) {
			var f FieldEdit
			d.EditFields(&f, []byte("h"), d.Peek([]byte("h")))
			do(&f)
			f.Done()
		}
		edit(func(f *FieldEdit) {
			f.Set([]byte("a"), []byte("1"), start+10)
			f.Set([]byte("b"), []byte("2"), 0)
		})
		k.Frozen = true
		k.SetNow(start + 20)
		for k.Expire(1) {
		}
		f := d.Peek([]byte("h")).Fields()
		if f.Len() != 1 || f.Has([]byte("a")) || k.Stats.FieldsExpired != 0 {
			t.Error("a field past its deadline is seen, or gone")
		}
		// The master goes by its own clock: to it the field is there.
		edit(func(f *FieldEdit) {
			if f.Set([]byte("a"), []byte("3"), KeepTTL) {
				t.Error("a field that the master changes is new")
			}
		})
		edit(func(f *FieldEdit) { f.Delete([]byte("b")) })
		if d.Has([]byte("h")) {
			t.Error("a hash is seen of which all fields are past their deadline")
		}
		k.Frozen = false
		if d.Has([]byte("h")) || k.Stats.FieldsExpired != 1 || d.Len() != 0 {
			t.Errorf("%d fields expired, %d keys", k.Stats.FieldsExpired, d.Len())
		}
	}
}

// TestHashAllocs holds that reading and changing hashes costs no allocation, but now and
// then one for a slab when sizes change.
func TestHashAllocs(t *testing.T) {
	k, _ := newTest(12)
	d := k.DB(0)
	for _, key := range []string{"small", "large"} {
		var f FieldEdit
		d.EditFields(&f, []byte(key), Item{})
		for i := range 5 {
			f.Set(fmt.Appendf(nil, "field:%d", i), []byte("value"), 0)
		}
		f.Done()
		k.Limits.HashEntries = 0
	}
	k.Limits.HashEntries = 512
	vals := [][]byte{[]byte("value"), []byte("VALUE")}
	for _, key := range [][]byte{[]byte("small"), []byte("large")} {
		i, field := 0, []byte("field:3")
		if n := testing.AllocsPerRun(1000, func() {
			var f FieldEdit
			d.EditFields(&f, key, d.Peek(key))
			f.Set(field, vals[i%len(vals)], 0)
			f.Done()
			i++
			r := d.Peek(key).Fields()
			if v, ok := r.Get(field); !ok || v.Len() == 0 {
				t.Fatal("no value")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", key, n)
		}
	}
}

// TestDrawAmongDue: drawing from a large hash of which nearly all is past its deadline, and
// still there, costs one walk and not one a draw.
func TestDrawAmongDue(t *testing.T) {
	k, _ := newTest(5)
	d, key := k.DB(0), []byte("h")
	var f FieldEdit
	d.EditFields(&f, key, Item{})
	const all, alive, draws = 20_000, 10, 20_000
	for i := range all {
		at := int64(start + 1)
		if i < alive {
			at = 0
		}
		f.Set(fmt.Appendf(nil, "field:%d", i), []byte("v"), at)
	}
	f.Done()
	k.SetNow(start + 10)
	asked, rnd := 0, k.rnd
	k.rnd = func() uint64 { asked++; return rnd() }
	fields := d.Peek(key).Fields()
	drawn := map[string]int{}
	fields.Draw(draws, func(field, _ listpack.Value) bool {
		drawn[string(field.Str)]++
		return true
	})
	if len(drawn) != alive || asked > 2*draws {
		t.Errorf("%d of %d fields drawn, with %d random numbers for %d draws", len(drawn), alive, asked, draws)
	}
	for name, n := range drawn {
		if n < draws/alive/2 || n > draws/alive*2 {
			t.Errorf("%s is drawn %d times of %d", name, n, draws)
		}
	}
	asked = 0
	seen := map[string]bool{}
	fields.Sample(1, func(field, _ listpack.Value) bool { seen[string(field.Str)] = true; return true })
	fields.Sample(alive, func(field, _ listpack.Value) bool { seen[string(field.Str)] = true; return true })
	if len(seen) != alive || asked > all {
		t.Errorf("%d of %d fields sampled, with %d random numbers", len(seen), alive, asked)
	}
}
