package rdb

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"redust/db"
)

// TestWriterDuringSave holds that a file has each key once, as it was when the snapshot was
// taken, whatever is written, deleted and added meanwhile, and that the executor does
// encode some of them.
func TestWriterDuringSave(t *testing.T) {
	const n, before, after = 200_000, "before", "later!"
	for name, o := range map[string]WriteOptions{
		"drained": {Drain: true, Checksum: true},
		"idle":    {Drain: true, Checksum: true, Compress: true, History: Idle},
		"freq":    {Drain: true, Compress: true, History: Freq},
		"kept":    {Checksum: true},
	} {
		t.Run(name, func(t *testing.T) {
			ks := db.New(16, rand.Uint64)
			ks.SetNow(1_700_000_000_000)
			key := func(b []byte, i int) []byte { return fmt.Appendf(b[:0], "key:%012d", i) }
			k := []byte(nil)
			for i := range n {
				k = key(k, i)
				switch {
				case i%10 > 0 || i > n/2:
					ks.DB(i%2).SetString(k, []byte(before), db.Plain, 0)
				case i%20 == 0: // pages with objects are cloned
					ks.DB(i%2).SetString(k, bytes.Repeat([]byte(before), 50), db.Plain, 0)
				default:
					ks.DB(i%2).SetString(k, []byte(before), db.Plain, 1_800_000_000_000)
				}
			}
			snap := Take(ks)
			file, done, helped := new(bytes.Buffer), make(chan error), false
			go func() {
				done <- Write(writerFunc(func(b []byte) (int, error) {
					time.Sleep(time.Millisecond) // so that the executor is ahead
					return file.Write(b)
				}), snap, o)
			}()
			rnd := rand.New(rand.NewPCG(1, 1))
			var err error
			for running := true; running; {
				for range 64 {
					i := rnd.IntN(n)
					k = key(k, i)
					switch d := ks.DB(i % 2); rnd.IntN(8) {
					case 0:
						d.Delete(k)
					case 1:
						d.SetString(append(k, "another"...), []byte(after), db.Plain, 0)
					case 2:
						d.SetString(k, []byte("of another length"), db.Plain, 0)
					case 3:
						d.SetString(k, bytes.Repeat([]byte(after), 60), db.Plain, 0)
					default:
						d.SetString(k, []byte(after), db.Plain, 1_900_000_000_000)
					}
				}
				select {
				case err = <-done:
					running = false
				default:
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range snap.DBs {
				helped = helped || v.Taken() > 0
			}
			snap.Release()
			if helped != o.Drain {
				t.Errorf("helped: %t", helped)
			}
			back := db.New(16, rand.Uint64)
			back.SetNow(1_700_000_000_000)
			if _, err := Decode(file, OptionsFor(back), func(b *Batch) error {
				_, err := b.Put(back, PutOptions{})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if got := back.DB(0).Len() + back.DB(1).Len(); got != n {
				t.Errorf("%d keys, want %d", got, n)
			}
			for i := range n {
				k = key(k, i)
				it := back.DB(i % 2).Peek(k)
				if !bytes.HasPrefix(it.Bytes(), []byte(before)) {
					t.Fatalf("%s is %q", k, it.Bytes())
				}
			}
		})
	}
}

// BenchmarkLoadedSave writes a snapshot while random keys are set: what it costs in memory
// beside the data, and how long the longest of the writer's batches of 16 take.
func BenchmarkLoadedSave(b *testing.B) {
	const n = 4_000_000
	ks := fill(n)
	defer debug.SetGCPercent(debug.SetGCPercent(12))
	held := func() float64 {
		m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(m)
		return float64(m[0].Value.Uint64() - m[1].Value.Uint64())
	}
	rnd, key, sets, took := rand.New(rand.NewPCG(1, 1)), []byte(nil), 0, time.Duration(0)
	peak, batches := 0.0, []time.Duration(nil)
	for b.Loop() {
		debug.FreeOSMemory()
		base := held()
		snap, done := Take(ks), make(chan error)
		start := time.Now()
		go func() { done <- Write(io.Discard, snap, WriteOptions{Checksum: true, Compress: true, Drain: true}) }()
		last := start
		for running := true; running; {
			for range 16 {
				key = fmt.Appendf(key[:0], "key:%012d", rnd.IntN(n))
				ks.DB(0).SetString(key, []byte("yyy"), db.Plain, 0)
				sets++
			}
			now := time.Now()
			batches = append(batches, now.Sub(last))
			last = now
			if len(batches)%1000 == 0 {
				peak = max(peak, held()/base-1)
			}
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				running = false
			default:
			}
		}
		took += time.Since(start)
		snap.Release()
	}
	b.ReportMetric(100*peak, "extra%")
	b.ReportMetric(took.Seconds()/float64(b.N), "s/save")
	b.ReportMetric(float64(sets)/took.Seconds(), "sets/s")
	slices.Sort(batches)
	b.ReportMetric(float64(batches[len(batches)*999/1000].Microseconds()), "p99.9-us")
	b.ReportMetric(float64(batches[len(batches)/2].Microseconds()), "p50-us")
}
