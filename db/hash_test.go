package db

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"redust/db/listpack"
	"redust/db/table"
)

// hashTruth is what one hash should hold, and hashDB what a database should.
type hashTruth map[string]fieldTruth

type fieldTruth struct {
	val string
	at  int64
}

type hashKey struct {
	fields hashTruth
	at     int64
}

type hashDB map[string]hashKey

// live are the keys that have not expired, with such fields.
func (m hashDB) live(now int64) hashDB {
	alive := hashDB{}
	for key, h := range m {
		if fields := h.live(now); len(fields) > 0 {
			alive[key] = hashKey{fields, h.at}
		}
	}
	return alive
}

// live are the fields that have not expired.
func (h hashKey) live(now int64) hashTruth {
	if h.at != 0 && h.at <= now {
		return nil
	}
	alive := hashTruth{}
	for name, f := range h.fields {
		if f.at == 0 || f.at > now {
			alive[name] = f
		}
	}
	return alive
}

// hplayer plays changes to hashes against plain maps.
type hplayer struct {
	t     *testing.T
	in    []byte
	k     *Keyspace
	dbs   []hashDB
	views []hview
	empty int64 // memory of the tables without keys
}

type hview struct {
	v *View
	m hashDB
}

func (p *hplayer) byte() int {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return int(b)
}

func (p *hplayer) key() string {
	n := p.byte() % 20
	if n%5 == 4 {
		return strings.Repeat("k", 300) + fmt.Sprint(n)
	}
	return fmt.Sprint("key:", n)
}

func (p *hplayer) field() string {
	switch b := p.byte() % 64; {
	case b == 63:
		return strings.Repeat("f", 300)
	case b > 40:
		return fmt.Sprint(b)
	default:
		return fmt.Sprint("field", b)
	}
}

func (p *hplayer) val() string {
	switch b := p.byte(); b % 8 {
	case 0, 1, 2:
		return fmt.Sprint(b * 1000)
	case 7:
		if b > 200 {
			return strings.Repeat("v", b*3)
		}
	}
	return strings.Repeat("v", p.byte()%20)
}

// deadline is one soon, or late, or none.
func (p *hplayer) deadline() int64 {
	switch b := p.byte(); b % 4 {
	case 0:
		return 0
	case 1:
		return p.k.Now() + 1 + int64(b)*1000
	}
	return p.k.Now() + 1 + int64(p.byte()%8)
}

// tablesBytes is the memory of the keys alone: wheels keep what they once needed.
func (p *hplayer) tablesBytes() (n int64) {
	for _, d := range p.k.dbs {
		n += d.t.Bytes()
	}
	return n
}

// edit makes one command's changes to one hash.
func (p *hplayer) edit() {
	i := p.byte() % len(p.dbs)
	d, m := p.k.DB(i), p.dbs[i]
	key := p.key()
	now := p.k.Now()
	h := m[key]
	if len(h.live(now)) == 0 {
		h = hashKey{fields: hashTruth{}}
	}
	var f FieldEdit
	it := d.Peek([]byte(key))
	if it.OK() != (len(h.live(now)) > 0) {
		p.t.Fatalf("%.20s exists: %t, with %d fields", key, it.OK(), len(h.fields))
	}
	d.EditFields(&f, []byte(key), it)
	exists := func(name string) bool {
		e, ok := h.fields[name]
		return ok && (e.at == 0 || e.at > now)
	}
	changes := 1 + p.byte()%4
	if p.byte()%16 == 0 {
		changes *= 16
	}
	if p.byte()%32 == 0 {
		f.Expect(changes)
	}
	for range changes {
		name := p.field()
		switch p.byte() % 8 {
		case 0, 1, 2:
			val, at := p.val(), p.deadline()
			if got := f.Set([]byte(name), []byte(val), at); got == exists(name) {
				p.t.Fatalf("set of %s: new is %t", name, got)
			}
			h.fields[name] = fieldTruth{val, at}
		case 3:
			val := p.val()
			at := int64(0)
			if exists(name) {
				at = h.fields[name].at
			}
			f.Set([]byte(name), []byte(val), KeepTTL)
			h.fields[name] = fieldTruth{val, at}
		case 4:
			at, ok := f.Deadline([]byte(name))
			if ok != exists(name) || ok && at != h.fields[name].at {
				p.t.Fatalf("deadline of %s: %d %t, want %d", name, at, ok, h.fields[name].at)
			}
			if ok {
				at := p.deadline()
				f.SetDeadline([]byte(name), at)
				h.fields[name] = fieldTruth{h.fields[name].val, at}
			}
		case 7:
			if p.byte()%4 > 0 {
				break
			}
			for name := range maps.Clone(h.fields) {
				if f.Delete([]byte(name)) != exists(name) {
					p.t.Fatalf("delete of %s", name)
				}
				delete(h.fields, name)
			}
		default:
			if f.Delete([]byte(name)) != exists(name) {
				p.t.Fatalf("delete of %s: existed is not %t", name, exists(name))
			}
			delete(h.fields, name)
		}
	}
	f.Done()
	if h.fields = h.live(now); len(h.fields) == 0 {
		delete(m, key)
	} else {
		m[key] = h
	}
}

// other makes a change to keys, or to time, or looks.
func (p *hplayer) other() {
	i, j := p.byte()%len(p.dbs), p.byte()%len(p.dbs)
	d, m, now := p.k.DB(i), p.dbs[i], p.k.Now()
	key, to := p.key(), p.key()
	there := len(m[key].live(now)) > 0
	switch p.byte() % 14 {
	case 0, 1:
		p.k.SetNow(now + 1 + int64(p.byte()%6))
	case 2:
		p.k.SetNow(now + int64(p.byte())*500)
	case 3, 4:
		p.k.Expire(1)
	case 5:
		if d.Delete([]byte(key)) != there {
			p.t.Fatalf("delete of %.20s: existed is not %t", key, there)
		}
		delete(m, key)
	case 6:
		if there && (key != to || i != j) {
			p.k.DB(j).Peek([]byte(to))
			d.Rename([]byte(key), p.k.DB(j), []byte(to))
			p.dbs[j][to] = m[key]
			delete(m, key)
		}
	case 7:
		if there && (key != to || i != j) {
			p.k.DB(j).Peek([]byte(to))
			d.Copy([]byte(key), p.k.DB(j), []byte(to))
			p.dbs[j][to] = hashKey{maps.Clone(m[key].fields), m[key].at}
		}
	case 8:
		if len(p.views) < 3 {
			p.views = append(p.views, hview{d.View(), m.live(now)})
		}
	case 9:
		if len(p.views) > 0 {
			p.release(p.byte() % len(p.views))
		}
	case 10:
		if it := d.Peek([]byte(key)); it.OK() {
			h := m[key]
			h.at = p.deadline()
			d.SetExpire(it, h.at)
			m[key] = h
		}
	case 11:
		if p.byte()%4 == 0 {
			p.k.Swap(d, p.k.DB(j))
			p.dbs[i], p.dbs[j] = p.dbs[j], p.dbs[i]
		}
	case 12:
		if p.byte()%16 == 0 {
			d.Flush()
			clear(m)
		}
	case 13:
		p.k.Tidy()
		evicted := ""
		p.k.Hooks.Evicted = func(d *DB, key []byte) { evicted = string(key); delete(p.dbs[d.ID], evicted) }
		p.k.Evict(Eviction{By: ByDeadline, Timed: true, Pages: 2}, 1, func() bool { return evicted != "" })
		p.k.Hooks.Evicted = nil
	}
}

func (p *hplayer) release(i int) {
	w := p.views[i]
	left := len(w.m)
	w.v.Each(func(it Item) bool {
		want, ok := w.m[string(it.Key())]
		if !ok {
			return true // one that was past its deadline
		}
		left--
		p.compare(it, want.fields, "a view")
		return true
	})
	if left > 0 {
		p.t.Fatalf("a view lacks %d keys", left)
	}
	w.v.Release()
	p.views = append(p.views[:i], p.views[i+1:]...)
}

// compare looks at a hash and what it must have. A view also has what was past its deadline.
func (p *hplayer) compare(it Item, must hashTruth, what string) {
	p.t.Helper()
	f := it.Fields()
	n := 0
	f.Each(func(field, val listpack.Value, at int64) bool {
		name, got := string(field.Append(nil)), string(val.Append(nil))
		if want, ok := must[name]; ok {
			if want.val != got || want.at != at {
				p.t.Fatalf("%s: %.20s of %.20s is %.20q until %d, want %.20q until %d", what, name, it.Key(), got, at, want.val, want.at)
			}
			n++
		} else if it.d != nil {
			p.t.Fatalf("%s: %.20s of %.20s is there", what, name, it.Key())
		}
		if it.d != nil {
			if v, ok := f.Get(field.Append(nil)); !ok || !bytes.Equal(v.Append(nil), []byte(got)) {
				p.t.Fatalf("%s: %.20s of %.20s is not found", what, name, it.Key())
			}
		}
		return true
	})
	if n != len(must) || it.d != nil && f.Len() != n {
		p.t.Fatalf("%s: %.20s has %d fields, says %d, want %d", what, it.Key(), n, f.Len(), len(must))
	}
}

// check compares everything, and what is counted with what is there.
func (p *hplayer) check() {
	for i, m := range p.dbs {
		d, now, want := p.k.DB(i), p.k.Now(), 0
		for _, h := range m {
			if len(h.live(now)) > 0 {
				want++
			}
		}
		d.Each(func(it Item) bool {
			want--
			alive := m[string(it.Key())].live(now)
			p.compare(it, alive, "a database")
			return true
		})
		if want != 0 {
			p.t.Fatalf("%d keys are missing", want)
		}
		rest := d.t.Bytes() - d.t.Overhead() - d.Shape().SlabBytes
		inner := 0
		d.t.Each(func(r table.Ref) bool {
			next := int64(0)
			switch o := r.Object().(type) {
			case nil:
			case *fieldTable:
				timed := 0
				o.fields.Each(func(r table.Ref) bool {
					if at := r.Deadline(); at != 0 {
						timed++
						if next == 0 || at < next {
							next = at
						}
					}
					return true
				})
				if timed > 0 && o.order.Len() != timed || timed == 0 && o.order != nil || o.fields.Timed() != timed {
					p.t.Fatalf("%d fields have a deadline, %d say so", timed, o.fields.Timed())
				}
			case *timedPack:
				next = deadlineIn(o.data, listpack.First(o.data))
				if listpack.Check(o.data) != nil {
					p.t.Fatal("a broken pack")
				}
			}
			if o := r.Object(); o != nil {
				rest -= int64(o.MemBytes())
				if t, ok := o.(table.Timed); ok && t.NextDeadline() != next {
					p.t.Fatalf("next deadline %d, want %d", t.NextDeadline(), next)
				}
			}
			if len(r.Key()) > table.MaxInline {
				rest -= int64(72 + len(r.Key())) // at least
				rest -= int64(len(r.Bytes()))
			}
			if r.Timed() != (next != 0) {
				p.t.Fatalf("a deadline inside: %d, and the table says %t", next, r.Timed())
			}
			if next != 0 {
				inner++
			}
			return true
		})
		if inner != d.t.Inner() {
			p.t.Fatalf("%d hashes have deadlines, counted are %d", inner, d.t.Inner())
		}
		if most := int64(d.Shape().Pages)*(24+16*32) + 1000; rest < 0 || rest > most {
			p.t.Fatalf("%d bytes are counted that nothing takes", rest)
		}
	}
}

func playHash(t *testing.T, in []byte) {
	r := rand.New(rand.NewPCG(3, 4))
	p := &hplayer{t: t, in: in, dbs: []hashDB{{}, {}}}
	p.k = New(2, r.Uint64)
	p.k.SetNow(start)
	p.k.Limits.HashEntries = []int64{0, 4, 20, 128}[p.byte()%4]
	p.k.Limits.HashValue = 64
	p.empty = p.tablesBytes()
	for len(p.in) > 0 {
		if p.byte()%2 == 0 {
			p.edit()
		} else {
			p.other()
		}
		if p.byte()%4 == 0 {
			p.check()
		}
	}
	p.check()
	// Everything goes, by one way or another, and so must its memory.
	way := p.k.rnd() % 3
	for i, m := range p.dbs {
		d := p.k.DB(i)
		for key, h := range m {
			it := d.Peek([]byte(key))
			if !it.OK() {
				continue
			}
			switch way {
			case 0:
				d.Delete([]byte(key))
			case 1:
				for name := range h.fields {
					var f FieldEdit
					d.EditFields(&f, []byte(key), d.Peek([]byte(key)))
					f.Delete([]byte(name))
					f.Done()
				}
			default:
				var f FieldEdit
				d.EditFields(&f, []byte(key), it)
				for name := range h.fields {
					if f.Has([]byte(name)) {
						f.SetDeadline([]byte(name), p.k.Now()+5)
					}
				}
				f.Done()
			}
		}
	}
	p.k.SetNow(p.k.Now() + 1e9)
	for p.k.Expire(1) {
	}
	if p.k.Len() != 0 || p.tablesBytes() != p.empty {
		t.Fatalf("%d keys and %d bytes are left", p.k.Len(), p.tablesBytes()-p.empty)
	}
	for len(p.views) > 0 {
		p.release(0)
	}
}

// FuzzHash plays hashes in all forms, with deadlines of fields and of keys, moved, copied,
// expired, evicted, under views, against plain maps; and holds the memory that is counted.
func FuzzHash(f *testing.F) {
	for i := range uint64(60) {
		r := rand.New(rand.NewPCG(i, 9))
		b := make([]byte, 100<<(i%8))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(append([]byte{byte(i)}, b...))
	}
	f.Fuzz(playHash)
}

// TestHashAccess: a command that changes a hash is one access, whatever its form.
func TestHashAccess(t *testing.T) {
	for _, viewed := range []bool{false, true} {
		k, _ := newTest(1)
		k.Access.LFU, k.Access.LogFactor = true, 0 // each access counts
		k.Limits.HashEntries = 4
		d := k.DB(0)
		set := func(key, field string, at int64) {
			var f FieldEdit
			d.EditFields(&f, []byte(key), d.Peek([]byte(key)))
			f.Set([]byte(field), []byte("v"), at)
			f.Done()
		}
		for i := range 3 {
			set("packed", fmt.Sprint(i), 0)
			set("timed", fmt.Sprint(i), start+1000)
		}
		for i := range 9 {
			set("large", fmt.Sprint(i), 0)
		}
		for _, key := range []string{"packed", "timed", "large"} {
			var v *View
			if viewed && key != "packed" {
				v = d.View()
			}
			was := d.Peek([]byte(key)).Freq()
			set(key, "1", 0)
			if got := d.Peek([]byte(key)).Freq() - was; got != 1 {
				t.Errorf("%s, under a view %t: one command counts as %d accesses", key, viewed, got)
			}
			if v != nil {
				v.Release()
			}
		}
	}
}

// TestHashViewRace: a view of hashes is read by another goroutine while all of them change,
// expire and go.
func TestHashViewRace(t *testing.T) {
	k, r := newTest(7)
	k.Limits.HashEntries = 16
	d := k.DB(0)
	edit := func() {
		key := fmt.Appendf(nil, "h%d", r.IntN(40))
		var f FieldEdit
		d.EditFields(&f, key, d.Peek(key))
		for range 1 + r.IntN(4) {
			name := fmt.Appendf(nil, "f%d", r.IntN(len(key)*12*(1+int(key[1]-'0'))))
			at := int64(0)
			if r.IntN(3) == 0 {
				at = k.Now() + 1 + int64(r.IntN(400))
			}
			switch r.IntN(4) {
			case 0:
				f.Delete(name)
			default:
				f.Set(name, bytes.Repeat([]byte("v"), r.IntN(300)), at)
			}
		}
		f.Done()
	}
	for range 3000 {
		edit()
	}
	for range 8 {
		v := d.View()
		done := make(chan [2]int)
		walk := func() (sum [2]int) {
			v.Each(func(it Item) bool {
				f := it.Fields()
				n := f.Len()
				f.Each(func(field, val listpack.Value, at int64) bool {
					sum[0] += field.Len() + val.Len() + int(at)
					n--
					return true
				})
				sum[1] += n
				return true
			})
			return sum
		}
		want := walk()
		go func() { done <- walk() }()
		for i := range 2000 {
			edit()
			if i%50 == 0 {
				k.SetNow(k.Now() + 5)
				k.Expire(1)
			}
		}
		if got := <-done; got != want || want[1] != 0 {
			t.Fatalf("a view shows %v, then %v", want, got)
		}
		v.Release()
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
