package rdb

import (
	"bytes"
	"testing"

	"redust/db"
)

func testKeyspace() *db.Keyspace {
	seed := uint64(1)
	ks := db.New(16, func() uint64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return seed >> 8
	})
	ks.SetNow(1_700_000_000_000)
	return ks
}

// TestStrings: a file with strings alone, of all encodings.
func TestStrings(t *testing.T) {
	file := append([]byte("REDIS0009\xfa\x09redis-ver\x057.0.1\xfe\x00\xfb\x03\x00"+
		"\x00\x01a\x05hello"+"\x00\x01b\xc0\xfe"+"\x00\x01c\xc2\x00\x00\x00\x80"+"\xff"), 0, 0, 0, 0, 0, 0, 0, 0)
	ks := testKeyspace()
	o := OptionsFor(ks)
	o.Size = int64(len(file))
	info, err := Decode(bytes.NewReader(file), o, func(b *Batch) error {
		defer b.Release()
		_, err := b.Put(ks, PutOptions{})
		return err
	})
	if err != nil || info.Keys != 3 || info.AuxValue("redis-ver") != "7.0.1" || info.Bytes != int64(len(file)) {
		t.Fatal(info, err)
	}
	for _, r := range []struct{ key, want string }{{"a", "hello"}, {"b", "-2"}, {"c", "-2147483648"}} {
		if got := string(ks.DB(0).Peek([]byte(r.key)).Bytes()); got != r.want {
			t.Errorf("%s: %q", r.key, got)
		}
	}
}
