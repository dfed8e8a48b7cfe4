package db

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

const start = 1_700_000_000_000 // Unix milliseconds

func newTest(seed uint64) (*Keyspace, *rand.Rand) {
	r := rand.New(rand.NewPCG(seed, 1))
	k := New(4, r.Uint64)
	k.SetNow(start)
	return k, r
}

// truth is what one database should hold.
type truth map[string]struct {
	val string
	at  int64
}

// live are the entries that have not expired.
func (tr truth) live(now int64) int {
	n := 0
	for _, e := range tr {
		if e.at == 0 || e.at > now {
			n++
		}
	}
	return n
}

// FuzzDB plays strings, deadlines, edits, views and time against a plain map.
func FuzzDB(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 3))
	for range 6 {
		b := make([]byte, 3000)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		next := func() int {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return int(b)
		}
		k, _ := newTest(4)
		d, m := k.DB(0), truth{}
		expired := map[string]bool{}
		k.Hooks.Expired = func(_ *DB, key []byte, late int64) {
			e, ok := m[string(key)]
			if !ok || e.at == 0 || e.at > k.Now() || late != k.Now()-e.at {
				t.Fatalf("%q expired at %d, its deadline is %d", key, k.Now(), e.at)
			}
			delete(m, string(key))
			expired[string(key)] = true
		}
		var view *View
		var old truth
		now := int64(start)
		for len(in) > 0 {
			key := fmt.Appendf(nil, "key:%d", next()%200)
			e, ok := m[string(key)]
			ok = ok && (e.at == 0 || e.at > now)
			switch next() % 12 {
			case 0, 1, 2:
				e.val = strings.Repeat(string(rune('a'+next()%26)), next()*3)
				e.at = 0
				if c := next(); c%3 == 0 {
					e.at = now + int64(c)*7
				}
				d.SetString(key, []byte(e.val), Encoding(next()%3), e.at)
				m[string(key)] = e
			case 3:
				n := next() * 4
				b := d.Edit(key, n)
				if !ok {
					e.val, e.at = "", 0
				}
				if n > len(e.val) {
					e.val += strings.Repeat("\x00", n-len(e.val))
				}
				if string(b) != e.val {
					t.Fatalf("Edit gives %q, want %q", b, e.val)
				}
				if len(b) > 0 {
					i := next() % len(b)
					b[i]++
					e.val = string(b)
				}
				m[string(key)] = e
			case 4:
				if d.Delete(key) != ok {
					t.Fatalf("Delete(%q), want %v", key, ok)
				}
				delete(m, string(key))
			case 5:
				it := d.Get(key)
				if it.OK() != ok || ok && (string(it.Bytes()) != e.val || it.ExpireAt() != e.at) {
					t.Fatalf("Get(%q): %v, want %v", key, it.OK(), ok)
				}
			case 6:
				if it := d.Peek(key); it.OK() {
					e.at = now + int64(next())*11 - 100
					d.SetExpire(it, e.at)
					m[string(key)] = e
				}
			case 7:
				now += int64(next())
				k.SetNow(now)
				for k.Expire(1) {
				}
				for key, e := range m {
					if e.at != 0 && e.at <= now {
						t.Fatalf("%q is past its deadline by %d", key, now-e.at)
					}
				}
			case 8:
				to := fmt.Appendf(nil, "key:%d", next()%200)
				if ok && !bytes.Equal(key, to) {
					d.Rename(key, d, to)
					m[string(to)] = e
					delete(m, string(key))
				}
			case 9:
				to := fmt.Appendf(nil, "key:%d", next()%200)
				if ok && !bytes.Equal(key, to) {
					d.Copy(key, d, to)
					m[string(to)] = e
				}
			case 10:
				if view == nil {
					view = d.View()
					old = truth{}
					for key, e := range m {
						old[key] = e
					}
				} else {
					n := 0
					view.Each(func(it Item) bool {
						e, ok := old[string(it.Key())]
						if !ok || string(it.Bytes()) != e.val || it.ExpireAt() != e.at {
							t.Fatalf("the view holds %q with a value it did not have", it.Key())
						}
						n++
						return true
					})
					if n != len(old) {
						t.Fatalf("the view holds %d keys, want %d", n, len(old))
					}
					view.Release()
					view = nil
				}
			case 11:
				if n := next() * 2; ok && n > 0 {
					if got := d.Append(key, bytes.Repeat([]byte{'+'}, n)); got != len(e.val)+n {
						t.Fatalf("Append makes it %d long, want %d", got, len(e.val)+n)
					}
					e.val += strings.Repeat("+", n)
					m[string(key)] = e
				}
			}
		}
		n := 0
		d.Each(func(it Item) bool {
			n++
			if e := m[string(it.Key())]; string(it.Bytes()) != e.val || it.ExpireAt() != e.at {
				t.Fatalf("%q: wrong value or deadline", it.Key())
			}
			return true
		})
		if n != m.live(now) {
			t.Fatalf("%d keys, want %d", n, m.live(now))
		}
	})
}

// TestExpiryOnTime: a million milliseconds of keys, each gone in the step that reaches
// its deadline, though nobody asks for it.
func TestExpiryOnTime(t *testing.T) {
	k, r := newTest(5)
	d := k.DB(1)
	late := int64(0)
	k.Hooks.Expired = func(_ *DB, _ []byte, ms int64) { late = max(late, ms) }
	for i := range 50000 {
		d.SetString(fmt.Appendf(nil, "key:%d", i), []byte("v"), Plain, start+1+int64(r.IntN(10000)))
	}
	for d.Timed() > 0 {
		at := k.NextExpiry()
		if at > start+10001 {
			t.Fatalf("nothing more to do before %d, and %d keys left", at-start, d.Timed())
		}
		k.SetNow(at)
		for k.Expire(1) {
		}
	}
	if late != 0 || k.Stats.Expired != 50000 {
		t.Errorf("%d expired, the latest %d ms late", k.Stats.Expired, late)
	}
}

// TestWheelDoesNotGrow: deadlines that keep moving leave no pile of old appointments.
func TestWheelDoesNotGrow(t *testing.T) {
	k, _ := newTest(6)
	d := k.DB(0)
	now := int64(start)
	for i := range 200000 {
		key := fmt.Appendf(nil, "key:%d", i%50)
		d.SetString(key, nil, Plain, now+3_600_000)
		d.SetString(key, nil, Plain, now+1+int64(i%3))
		d.SetString(key, nil, Plain, now+3_600_000)
		if i%10 == 0 {
			now++
			k.SetNow(now)
			for k.Expire(1) {
			}
			k.Tidy()
		}
	}
	if n := d.w.Len(); n > 4096 {
		t.Errorf("%d appointments for 50 keys", n)
	}
}

func TestSwapAndFlush(t *testing.T) {
	k, _ := newTest(7)
	a, b := k.DB(0), k.DB(1)
	a.SetString([]byte("in a"), []byte("1"), Plain, start+10)
	b.SetString([]byte("in b"), []byte("2"), Plain, 0)
	k.Swap(a, b)
	if !a.Has([]byte("in b")) || !b.Has([]byte("in a")) || a.Len() != 1 || b.Len() != 1 {
		t.Fatal("databases were not exchanged")
	}
	a.SetString([]byte("later"), nil, Plain, start+20)
	k.SetNow(start + 15)
	k.Expire(1)
	if b.Len() != 0 || k.Stats.Expired != 1 {
		t.Error("a deadline did not move with its database")
	}
	k.SetNow(start + 25)
	k.Expire(1)
	if a.Len() != 1 {
		t.Error("a deadline set after the exchange did not hold")
	}
	if n := k.Flush(); n != 1 || k.Len() != 0 {
		t.Errorf("flushed %d, %d left", n, k.Len())
	}
}

func TestFrozen(t *testing.T) {
	k, _ := newTest(8)
	d := k.DB(0)
	d.SetString([]byte("a"), []byte("1"), Plain, start+5)
	k.Frozen = true
	k.SetNow(start + 10)
	k.Expire(1)
	if d.Has([]byte("a")) || d.Len() != 1 {
		t.Error("a replica hides expired keys and keeps them")
	}
	k.Frozen = false
	k.Expire(1)
	if d.Len() != 0 {
		t.Error("once no replica, it expires them")
	}
}

func TestEncoding(t *testing.T) {
	k, _ := newTest(9)
	d := k.DB(0)
	for _, r := range []struct {
		val  string
		enc  Encoding
		want string
	}{
		{"0", Plain, "int"}, {"-1", Plain, "int"}, {"9223372036854775807", Plain, "int"}, {"-9223372036854775808", Plain, "int"},
		{"9223372036854775808", Plain, "embstr"}, {"01", Plain, "embstr"}, {"-0", Plain, "embstr"}, {"", Plain, "embstr"},
		{"1", Text, "embstr"}, {"1", Raw, "raw"},
		{strings.Repeat("x", 44), Plain, "embstr"}, {strings.Repeat("x", 45), Plain, "raw"}, {strings.Repeat("x", 45), Text, "raw"},
	} {
		d.SetString([]byte("k"), []byte(r.val), r.enc, 0)
		if got := d.Peek([]byte("k")).Encoding(); got != r.want {
			t.Errorf("%q as %d is %s, want %s", r.val, r.enc, got, r.want)
		}
	}
}

// TestEvict: under each order the right half goes.
func TestEvict(t *testing.T) {
	for _, lfu := range []bool{false, true} {
		k, r := newTest(10)
		k.Access.LFU, k.Access.LogFactor = lfu, 1
		d := k.DB(2)
		const n = 20000
		key := func(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }
		for i := range n {
			d.SetString(key(i), []byte("some value"), Plain, 0)
		}
		k.SetNow(start + 100_000)
		for range 20 {
			for i := range n / 2 { // the first half is in use
				d.Get(key(i))
			}
		}
		fits := func() bool { return d.Len() <= n*3/4 }
		if k.Evict(Eviction{By: ByAccess}, 100, fits) != More || d.Len() != n-100 {
			t.Fatal("a slice is 100 keys")
		}
		if k.Evict(Eviction{By: ByAccess}, n, fits) != Made {
			t.Fatal("nothing to evict")
		}
		used := 0
		for i := range n / 2 {
			if d.Has(key(i)) {
				used++
			}
		}
		if lost := n/2 - used; lost > n/200 {
			t.Errorf("lfu %v: %d of the keys in use were evicted", lfu, lost)
		}
		_ = r
	}

	k, _ := newTest(11)
	d := k.DB(0)
	d.SetString([]byte("stays"), nil, Plain, 0)
	if k.Evict(Eviction{By: ByAccess, Timed: true}, 10, func() bool { return false }) != Full {
		t.Error("evicted a key without deadline")
	}
	d.SetString([]byte("goes"), nil, Plain, start+1000)
	k.Evict(Eviction{By: ByDeadline, Timed: true}, 10, func() bool { return d.Len() == 1 })
	if !d.Has([]byte("stays")) || d.Has([]byte("goes")) {
		t.Error("the key with a deadline was to go")
	}
	if k.Evict(Eviction{}, 10, func() bool { return false }) != Full {
		t.Error("noeviction evicted")
	}
}

// TestLargeStringUnderView: a view keeps a long string as it was, whatever changes it.
func TestLargeStringUnderView(t *testing.T) {
	k, _ := newTest(12)
	d := k.DB(0)
	key, was := []byte("big"), bytes.Repeat([]byte{'a'}, 1<<20)
	d.SetString(key, was, Plain, 0)
	v := d.View()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for range 20 {
			v.Each(func(it Item) bool {
				if !bytes.Equal(it.Bytes(), was) {
					t.Error("the string changed under the view")
				}
				return true
			})
		}
	}()
	for i := range 100 {
		d.Edit(key, len(was))[i] = 'b'
		d.Append(key, []byte("more"))
	}
	wg.Wait()
	v.Release()
	if b := d.Peek(key).Bytes(); b[99] != 'b' || len(b) != len(was)+400 {
		t.Error("the writes are lost")
	}
}

func TestMemoryIsCounted(t *testing.T) {
	k, _ := newTest(13)
	d := k.DB(0)
	empty := k.Bytes()
	for i := range 1000 {
		d.SetString(fmt.Appendf(nil, "%d", i), make([]byte, 10000), Plain, 0)
	}
	if got := k.Bytes() - empty; got < 10_000_000 || got > 12_000_000 {
		t.Errorf("%d bytes for 10 MB of values", got)
	}
	for i := range 1000 {
		d.Delete(fmt.Appendf(nil, "%d", i))
	}
	const first = 512 // what a database keeps for its next first key, bytes
	if got := k.Bytes() - empty; got < 0 || got > first {
		t.Errorf("%d bytes left behind", got)
	}
}

func TestAllocs(t *testing.T) {
	k, _ := newTest(14)
	d := k.DB(0)
	key, timed, val, num := []byte("key:000000000001"), []byte("timed"), []byte("xxx"), make([]byte, 8)
	d.SetString(key, val, Plain, 0)
	d.SetString(timed, val, Plain, start+1000)
	i := uint64(0)
	if n := testing.AllocsPerRun(100, func() {
		d.Get(key)
		d.SetString(key, val, Plain, 0)
		i++
		d.SetString(timed, binary.BigEndian.AppendUint64(num[:0], i)[:3], Plain, start+int64(1000+i))
		d.SetExpire(d.Peek(timed), start+int64(2000+i))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
