package rdb

import (
	"bytes"
	"errors"
	"testing"

	"redust/db"
)

// sane reads all of a keyspace, whatever its checks say of it, and returns it in words.
func sane(ks *db.Keyspace) string {
	ks.Check()
	var b bytes.Buffer
	for i := range ks.DBs() {
		ks.DB(i).Each(func(it db.Item) bool {
			b.WriteString(contents(it))
			// A quicklist that would be a listpack today becomes one, a hash may have had its
			// form from fields that are past their deadline, and a packed set of integers is
			// written as Redis 7.0 can read it.
			if t := it.Type(); t == db.String || t == db.ZSet {
				b.WriteString(it.Encoding())
			}
			b.WriteString("\n")
			return true
		})
	}
	return b.String()
}

// FuzzPayload: whatever a payload holds, it is refused, or a value that is sound, and comes
// out the same when it is dumped and restored.
func FuzzPayload(f *testing.F) {
	for _, s := range samples() {
		if len(s.data) < 4000 {
			f.Add(byte(s.t), []byte(s.data))
		}
	}
	f.Fuzz(func(t *testing.T, code byte, data []byte) {
		ks := testKeyspace()
		v, err := DecodePayload(sealed(Type(code), string(data)), OptionsFor(ks))
		if err == nil {
			err = v.Put(ks.DB(0), []byte("k"), 0, AccessUnknown)
		}
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || ks.Len() != 0 {
				t.Fatalf("%v, and %d keys", err, ks.Len())
			}
			return
		}
		was := sane(ks)
		it := ks.DB(0).Peek([]byte("k"))
		if !it.OK() {
			return // all its fields are past their deadline
		}
		again := testKeyspace()
		w, err := DecodePayload(Dump(nil, it, true), OptionsFor(again))
		if err != nil {
			t.Fatalf("what was dumped: %v", err)
		}
		if err := w.Put(again.DB(0), []byte("k"), 0, AccessUnknown); err != nil {
			t.Fatal(err)
		}
		if is := sane(again); is != was {
			t.Fatalf("%q, and again %q", was, is)
		}
	})
}

// FuzzFile: whatever a file holds, it is refused or read, and what was read before it was
// refused is sound.
func FuzzFile(f *testing.F) {
	for _, s := range samples() {
		if len(s.data) < 2000 {
			f.Add([]byte("REDIS0012\xfa\x01a\x01b\xfe\x00\xfb\x01\x00\xfc" + le64(1<<41) + "\xf9\x05" + string([]byte{byte(s.t)}) + "\x01k" + s.data + "\xff" + le64(0)))
		}
	}
	f.Add([]byte("REDIS0011\xf5\x03abc\xf4\x01\x02\x03\xf7\x81\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x00\xfe\x03\x02\x01s\x02\x01a\x01b\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, size := range []int64{0, int64(len(data))} {
			ks := testKeyspace()
			o := OptionsFor(ks)
			o.Size, o.SkipModules, o.SkipChecksum = size, true, true
			loaded := 0
			_, _ = Decode(bytes.NewReader(data), o, func(b *Batch) error {
				defer b.Release()
				n, err := b.Put(ks, PutOptions{Replace: loaded%2 == 0})
				loaded += int(n.Loaded)
				return err
			})
			if ks.Len() > loaded {
				t.Fatalf("%d keys, and %d of them loaded", ks.Len(), loaded)
			}
			sane(ks)
		}
	})
}

// FuzzDecompress: decompression stays within its bounds.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x01ab\xc0\x01\x01cd"), 12)
	f.Add([]byte("\x00a\xe0\xff\x00"), 265)
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		if n < 0 || n > 1<<20 {
			return
		}
		room := bytes.Repeat([]byte{0x55}, n+16)
		lzfDecompress(room[8:8+n:8+n], src)
		for i := range 8 {
			if room[i] != 0x55 || room[8+n+i] != 0x55 {
				t.Fatal("wrote beyond the end")
			}
		}
	})
}
