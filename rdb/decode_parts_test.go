package rdb

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"redust/db"
	"redust/db/listpack"
)

// largeOf is a value of n elements, of any type that can come in parts.
func largeOf(t Type, n int) string {
	var b strings.Builder
	switch t {
	case TypeStream2:
		const each = 10
		b.WriteString(num(uint64(n / each)))
		for i := 1; i <= n; i += each {
			ids := make([]int, each)
			for j := range ids {
				ids[j] = i + j
			}
			b.WriteString(streamPack(ids...))
		}
		b.WriteString(streamTailOf(t, n, n))
	case TypeQuicklist2:
		b.WriteString(num(uint64(n)))
		for i := range n {
			b.WriteString(num(2) + lstr(pack(fmt.Sprintf("element%d", i))))
		}
	default:
		b.WriteString(num(uint64(n)))
		for i := range n {
			b.WriteString(lstr(fmt.Sprintf("element%d", i)))
			switch t {
			case TypeHash:
				b.WriteString(lstr(fmt.Sprintf("value%d", i)))
			case TypeZSet2:
				b.WriteString(le64(0x4000000000000000 + uint64(i)))
			}
		}
	}
	return b.String()
}

// TestParts: a value that comes in many batches is all there, appears with its last part, and
// not at all if it is damaged, expired, or has something twice.
func TestParts(t *testing.T) {
	for _, code := range []Type{TypeList, TypeSet, TypeZSet2, TypeHash, TypeQuicklist2, TypeStream2} {
		n, least := 20000, 3
		if code == TypeList {
			n, least = 150000, 2 // whose blocks fill a batch by their bytes
		}
		if code == TypeStream2 {
			n, least = 60000, 2
		}
		data := largeOf(code, n)
		load := func(file string, keep bool) (ks *db.Keyspace, batches int, c Counts, info Info, err error) {
			ks = testKeyspace()
			o := OptionsFor(ks)
			o.Size = int64(len(file))
			info, err = Decode(strings.NewReader(file), o, func(b *Batch) error {
				defer b.Release()
				one, err := b.Put(ks, PutOptions{KeepExpired: keep})
				c.Loaded, c.Expired, batches = c.Loaded+one.Loaded, c.Expired+one.Expired, batches+1
				if b.Len() == 0 && ks.Len() > 1 {
					t.Errorf("type %d: it is there before its last part", code)
				}
				return err
			})
			ks.Check()
			return ks, batches, c, info, err
		}
		entry := string([]byte{byte(code)}) + lstr("key") + data
		before, after := "\x00"+lstr("before")+lstr("b"), "\x00"+lstr("after")+lstr("a")
		ks, batches, c, info, err := load("REDIS0003\xfe\x00"+before+entry+after+"\xff", false)
		if err != nil || c.Loaded != 3 || info.Keys != 3 || batches < least {
			t.Fatalf("type %d: %d batches, %+v %v", code, batches, info, err)
		}
		v, err := DecodePayload(sealed(code, data), OptionsFor(ks))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Put(ks.DB(1), []byte("key"), 1_800_000_000_000, AccessUnknown); err != nil {
			t.Fatal(err)
		}
		it, other := ks.DB(0).Peek([]byte("key")), ks.DB(1).Peek([]byte("key"))
		got := contents(it)
		if strings.Count(got, "element") != n && code != TypeStream2 || code == TypeStream2 && it.Stream().Len() != n {
			t.Errorf("type %d: %.200s", code, got)
		}
		if got != contents(other) || other.ExpireAt() != 1_800_000_000_000 {
			t.Errorf("type %d: a payload and a file differ", code)
		}

		expired := "\xfc" + le64(1000) + entry
		ks, _, c, _, err = load("REDIS0003\xfe\x00"+before+expired+after+"\xff", false)
		if err != nil || c != (Counts{Loaded: 2, Expired: 1}) || ks.Len() != 2 {
			t.Errorf("type %d, expired: %+v %v", code, c, err)
		}
		ks, _, c, _, err = load("REDIS0003\xfe\x00"+before+expired+after+"\xff", true)
		if err != nil || c != (Counts{Loaded: 3}) || ks.Len() != 3 {
			t.Errorf("type %d, expired and kept: %+v %v", code, c, err)
		}
		ks, _, _, info, err = load("REDIS0003\xfe\x00"+before+entry[:len(entry)-30], false)
		if e := new(Error); !errors.As(err, &e) || ks.Len() != 1 || info.Keys != 1 || string(e.Key) != "key" {
			t.Errorf("type %d, damaged: %d keys, %v", code, ks.Len(), err)
		}
		if code == TypeSet || code == TypeHash || code == TypeZSet2 {
			at := strings.Index(data, "element19999")
			twice := data[:at] + "element10000" + data[at+12:]
			ks, _, _, _, err = load("REDIS0003\xfe\x00"+before+string([]byte{byte(code)})+lstr("key")+twice+after+"\xff", false)
			if e := new(Error); !errors.As(err, &e) || !strings.Contains(e.What, "element10000") || ks.Len() != 1 || e.Keys != 1 {
				t.Errorf("type %d, twice: %d keys, %v", code, ks.Len(), err)
			}
		}
	}
}

// TestMemory: what is announced is not allocated.
func TestMemory(t *testing.T) {
	const huge = "\x81\x00\x00\x00\xff\xff\xff\xff\xff"
	for name, file := range map[string]string{
		"string":   "REDIS0009\xfe\x00\x00\x01k" + huge + "abc",
		"key":      "REDIS0009\xfe\x00\x00" + huge + "abc",
		"set":      "REDIS0009\xfe\x00\x02\x01k" + huge + strings.Repeat("\x01a\x01b", 5),
		"hash":     "REDIS0009\xfe\x00\x04\x01k" + huge + largeOf(TypeHash, 5000)[3:],
		"zset":     "REDIS0009\xfe\x00\x05\x01k" + huge + largeOf(TypeZSet2, 5000)[3:],
		"sizes":    "REDIS0009\xfe\x00\xfb" + huge + huge + strings.Repeat("\x00\x01k\x01v", 1000),
		"aux":      "REDIS0009\xfa" + huge + "abc",
		"function": "REDIS0009\xf5" + huge + "abc",
	} {
		for _, size := range []int64{0, int64(len(file))} {
			ks := testKeyspace()
			o := OptionsFor(ks)
			o.Size = size
			var from, to runtime.MemStats
			runtime.ReadMemStats(&from)
			_, err := Decode(strings.NewReader(file), o, func(b *Batch) error {
				defer b.Release()
				_, err := b.Put(ks, PutOptions{Replace: true})
				return err
			})
			runtime.ReadMemStats(&to)
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			if got := to.TotalAlloc - from.TotalAlloc; got > 24<<20 {
				t.Errorf("%s, size %d: %d bytes were allocated for a file of %d", name, size, got, len(file))
			}
		}
	}
}

// TestLists: nodes of any sizes, under any limits, are elements in order.
func TestLists(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, limit := range []int{-5, -2, -1, 1, 3, 128} {
		for range 20 {
			ks := testKeyspace()
			ks.Limits.ListSize = limit
			var want, nodes []string
			for range 1 + rnd.IntN(5) {
				var elems []string
				for range 1 + rnd.IntN(30) {
					elems = append(elems, fmt.Sprint(rnd.IntN(1<<rnd.IntN(30))), strings.Repeat("e", rnd.IntN(200)))
				}
				want = append(want, elems...)
				nodes = append(nodes, lstr(ziplist(elems...)))
			}
			v, err := DecodePayload(sealed(TypeQuicklist, num(uint64(len(nodes)))+strings.Join(nodes, "")), OptionsFor(ks))
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Put(ks.DB(0), []byte("k"), 0, AccessUnknown); err != nil {
				t.Fatal(err)
			}
			// It can be changed like any other list.
			var e db.ElementsEdit
			e.Begin(ks.DB(0), []byte("k"), ks.DB(0).ForWrite([]byte("k")))
			e.Push(true, []byte("first"))
			e.Push(false, []byte("last"))
			e.Set(1, []byte("second"))
			e.Done()
			ks.Check()
			want = append(append([]string{"first", "second"}, want[1:]...), "last")
			if got := contents(ks.DB(0).Peek([]byte("k"))); got != strings.Join(want, " ") {
				t.Fatalf("limit %d: %.200q, want %.200q", limit, got, strings.Join(want, " "))
			}
		}
	}
}

// TestStaysLoaded: loaded values are changed by commands like others, in every form.
func TestStaysLoaded(t *testing.T) {
	for _, s := range samples() {
		ks := testKeyspace()
		d, key := ks.DB(0), []byte("k")
		v, err := DecodePayload(sealed(s.t, s.data), OptionsFor(ks))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Put(d, key, 0, AccessUnknown); err != nil {
			t.Fatal(err)
		}
		it := d.ForWrite(key)
		switch it.Type() {
		case db.Hash:
			var f db.FieldEdit
			d.EditFields(&f, key, it)
			f.Set([]byte("new"), []byte("1"), 0)
			f.SetDeadline([]byte("new"), ks.Now()+1000)
			f.Delete([]byte("a"))
			if f.Done() {
				continue
			}
			fields := d.Peek(key)
			h := fields.Fields()
			if v, ok := h.Get([]byte("new")); !ok || !v.Equal([]byte("1")) || h.Has([]byte("a")) {
				t.Errorf("%s: the change is not there", s.name)
			}
		case db.Set:
			m := d.EditMembers(key, it)
			var members [][]byte
			m.Each(func(v listpack.Value) bool {
				members = append(members, v.Append(nil))
				return true
			})
			if n := m.Add(append([][]byte{[]byte("new")}, members...)); n != 1 {
				t.Errorf("%s: %d added", s.name, n)
			}
			m.Done()
		case db.ZSet:
			z := d.ZSetOf(key, it)
			z.Add([]byte("new"), 2.5)
			z.Add([]byte("a"), -100)
			if r, _, ok := z.Rank([]byte("a")); !ok || r > 1 {
				t.Errorf("%s: rank %d", s.name, r)
			}
		case db.Stream:
			e := d.EditStream(key, it)
			last := e.Last()
			last.Seq++
			e.Append(last, [][]byte{[]byte("a"), []byte("new")}, ks.StreamLimits())
			e.Done()
		}
		ks.Check()
		d.Delete(key)
		ks.Check()
	}
}

// TestClockBetweenParts: a value in parts is stored or left out as a whole, though somebody
// sets the machine's clock while it is being loaded.
func TestClockBetweenParts(t *testing.T) {
	const deadline = 1_700_000_000_000
	data := largeOf(TypeSet, 20000)
	file := "REDIS0003\xfe\x00\xfc" + le64(deadline) + string([]byte{byte(TypeSet)}) + lstr("key") + data + "\xff"
	for _, r := range []struct {
		first, then int64 // the clock, ms after the deadline
		want        Counts
	}{
		{-1000, 1000, Counts{Loaded: 1}},
		{1000, -1000, Counts{Expired: 1}},
	} {
		ks := testKeyspace()
		ks.SetNow(deadline + r.first)
		var c Counts
		_, err := Decode(strings.NewReader(file), OptionsFor(ks), func(b *Batch) error {
			defer b.Release()
			one, err := b.Put(ks, PutOptions{})
			c.Loaded, c.Expired = c.Loaded+one.Loaded, c.Expired+one.Expired
			ks.SetNow(deadline + r.then)
			return err
		})
		if err != nil || c != r.want {
			t.Errorf("%+d then %+d ms: %+v %v", r.first, r.then, c, err)
		}
	}
}
