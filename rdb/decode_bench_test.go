package rdb

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"redust/db"
)

// benchFile is a file of n keys with short values, some of them with a deadline.
func benchFile(n int, val func(i int) string) []byte {
	var b bytes.Buffer
	b.WriteString("REDIS0010\xfe\x00\xfb" + num(uint64(n)) + num(0))
	for i := range n {
		b.WriteString(val(i))
	}
	b.WriteString("\xff")
	b.WriteString(le64(crc64(0, b.Bytes())))
	return b.Bytes()
}

func shortString(i int) string {
	return "\x00" + lstr(fmt.Sprintf("key:%012d", i)) + lstr(strings.Repeat("x", 32))
}

func smallHash(i int) string {
	return "\x10" + lstr(fmt.Sprintf("key:%012d", i)) + lstr(pack("name", fmt.Sprintf("user%d", i), "mail", "someone@example.com", "age", "31", "score", fmt.Sprint(i)))
}

var benchKinds = []struct {
	name string
	val  func(int) string
}{{"strings", shortString}, {"hashes", smallHash}}

// BenchmarkDecode decodes a million small values and drops them.
func BenchmarkDecode(b *testing.B) {
	for _, k := range benchKinds {
		b.Run(k.name, func(b *testing.B) {
			const n = 1_000_000
			f := benchFile(n, k.val)
			o := OptionsFor(testKeyspace())
			o.Size = int64(len(f))
			b.SetBytes(int64(len(f)))
			b.ReportAllocs()
			for b.Loop() {
				info, err := Decode(bytes.NewReader(f), o, func(batch *Batch) error {
					batch.Release()
					return nil
				})
				if err != nil || info.Keys != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
		})
	}
}

// BenchmarkPut stores a million small values, decoded before.
func BenchmarkPut(b *testing.B) {
	for _, k := range benchKinds {
		b.Run(k.name, func(b *testing.B) {
			const n = 1_000_000
			f := benchFile(n, k.val)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				ks := testKeyspace()
				o := OptionsFor(ks)
				o.Size = int64(len(f))
				var batches []*Batch
				if _, err := Decode(bytes.NewReader(f), o, func(batch *Batch) error {
					batches = append(batches, batch)
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for _, batch := range batches {
					if _, err := batch.Put(ks, PutOptions{}); err != nil {
						b.Fatal(err)
					}
				}
				if ks.Len() != n {
					b.Fatal(ks.Len())
				}
				b.ReportMetric(float64(ks.Bytes())/n, "B/key")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
		})
	}
}

// BenchmarkLoad does both, on two goroutines, as start-up does.
func BenchmarkLoad(b *testing.B) {
	const n = 1_000_000
	f := benchFile(n, shortString)
	for b.Loop() {
		ks := db.New(1, func() uint64 { return 4 })
		o := OptionsFor(ks)
		o.Size = int64(len(f))
		pipe, done := make(chan *Batch, 3), make(chan error)
		go func() {
			var err error
			for batch := range pipe {
				if err == nil {
					_, err = batch.Put(ks, PutOptions{})
				}
				batch.Release()
			}
			done <- err
		}()
		_, err := Decode(bytes.NewReader(f), o, func(batch *Batch) error {
			pipe <- batch
			return nil
		})
		close(pipe)
		if perr := <-done; err != nil || perr != nil {
			b.Fatal(err, perr)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}
