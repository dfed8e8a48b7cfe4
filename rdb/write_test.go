package rdb

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"redust/db"
)

// fill returns a keyspace of n small strings.
func fill(n int) *db.Keyspace {
	ks := db.New(16, rand.Uint64)
	ks.SetNow(1_700_000_000_000)
	d := ks.DB(0)
	key := make([]byte, 0, 20)
	for i := range n {
		key = fmt.Appendf(key[:0], "key:%012d", i)
		d.SetString(key, []byte("xxx"), db.Plain, 0)
	}
	return ks
}

// TestNothingIsAllocatedPerKey holds that writing more keys takes no more allocations.
func TestNothingIsAllocatedPerKey(t *testing.T) {
	allocs := func(n int) float64 {
		s := Take(fill(n))
		defer s.Release()
		return testing.AllocsPerRun(3, func() {
			if err := Write(io.Discard, s, WriteOptions{Checksum: true, Compress: true}); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := allocs(1000), allocs(100_000)
	if many > few+5 {
		t.Errorf("%.0f allocations for a thousand keys, %.0f for a hundred thousand", few, many)
	}
}

// TestLZF: what is compressed comes back, whatever was compressed before with the same table.
func TestLZF(t *testing.T) {
	var z lzf
	rnd := rand.New(rand.NewPCG(1, 1))
	shrunk := 0
	for i := range 3000 {
		n := rnd.IntN(1 << rnd.IntN(15))
		src := make([]byte, n)
		alphabet := 1 + rnd.IntN(256)
		for j := range src {
			src[j] = byte(rnd.IntN(alphabet))
		}
		if i%3 == 0 {
			for j := range src {
				if j > 10 && rnd.IntN(20) > 0 {
					src[j] = src[j-1-rnd.IntN(10)]
				}
			}
		}
		checkLZF(t, &z, src, &shrunk)
	}
	for _, src := range []string{"", "a", strings.Repeat("a", 5), strings.Repeat("a", 21), strings.Repeat("ab", 5000), strings.Repeat("0123456789", 2000)} {
		checkLZF(t, &z, []byte(src), &shrunk)
	}
	z.base = 1<<31 + 1 // where the table is cleared
	checkLZF(t, &z, bytes.Repeat([]byte("xyz"), 100), &shrunk)
	if shrunk < 400 {
		t.Errorf("only %d strings became shorter", shrunk)
	}
}

func checkLZF(t *testing.T, z *lzf, src []byte, shrunk *int) {
	t.Helper()
	out, ok := z.compress([]byte("in front"), src)
	if !ok {
		if string(out) != "in front" {
			t.Fatalf("%q is left behind", out)
		}
		return
	}
	*shrunk++
	out = out[len("in front"):]
	if len(out) > len(src)-lzfSaved {
		t.Fatalf("%d bytes became %d", len(src), len(out))
	}
	back := make([]byte, len(src))
	if !lzfDecompress(back, out) || !bytes.Equal(back, src) {
		t.Fatalf("%d bytes did not come back", len(src))
	}
}

// FuzzCompress: what is compressed comes back.
func FuzzCompress(f *testing.F) {
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), []byte("abcabcabcabcabcabcabcabc"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var z lzf
		n := 0
		checkLZF(t, &z, a, &n)
		checkLZF(t, &z, b, &n)
		checkLZF(t, &z, a, &n)
	})
}

// TestCancelled: a writer stops within one long value, too.
func TestCancelled(t *testing.T) {
	ks := db.New(1, rand.Uint64)
	s := ks.DB(0).EditMembers([]byte("set"), db.Item{})
	members := make([][]byte, 200_000)
	for i := range members {
		members[i] = fmt.Appendf(nil, "member:%d", i)
	}
	s.Add(members)
	s.Done()
	snap := Take(ks)
	defer snap.Release()
	p := NewProgress()
	n := 0
	err := Write(writerFunc(func(b []byte) (int, error) {
		n++
		p.Cancel()
		return len(b), nil
	}), snap, WriteOptions{Progress: p})
	if err != ErrCancelled || n != 1 {
		t.Errorf("%v after %d writes", err, n)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func BenchmarkWriteMillion(b *testing.B) {
	s := Take(fill(1_000_000))
	defer s.Release()
	for _, o := range []WriteOptions{{}, {Checksum: true}, {Checksum: true, Compress: true}} {
		b.Run(fmt.Sprintf("sum=%t/lzf=%t", o.Checksum, o.Compress), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Write(io.Discard, s, o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/key")
		})
	}
}

func BenchmarkLZF(b *testing.B) {
	var z lzf
	out := make([]byte, 0, 1<<16)
	rnd := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	json := []byte(strings.Repeat(`{"id":12345,"name":"somebody","email":"somebody@example.com","active":true},`, 60))
	for name, src := range map[string][]byte{"noise": noise, "json": json, "key": []byte("session:0123456789abcdef0123")} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				z.compress(out, src)
			}
		})
	}
}

// TestDrainedSnapshot: a snapshot that was given up cannot be mistaken for an empty one.
func TestDrainedSnapshot(t *testing.T) {
	s := Take(fill(1000))
	defer s.Release()
	if err := Write(io.Discard, s, WriteOptions{Drain: true}); err != nil {
		t.Fatal(err)
	}
	if err := Write(io.Discard, s, WriteOptions{}); err != errDrained {
		t.Errorf("written again: %v", err)
	}
}
