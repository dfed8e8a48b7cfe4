package metrics

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// cellOf finds a value's cell the slow way, from the drawing at the top of histogram.go.
func cellOf(v int64) (r, c int) {
	v = min(max(v, 0), maxValue)
	for r = range rowCount {
		if v > highest(r, rowCells-1) {
			continue
		}
		for c = range rowCells {
			if lowest(r, c) <= v && v <= highest(r, c) {
				return r, c
			}
		}
	}
	return -1, -1
}

func TestCellsTileTheRange(t *testing.T) {
	next := int64(0)
	for r := range rowCount {
		for c := range rowCells {
			if lowest(r, c) != next {
				t.Fatalf("cell %d,%d begins at %d, the one before ends at %d", r, c, lowest(r, c), next-1)
			}
			next = highest(r, c) + 1
		}
	}
	if next != topOfRange+1 {
		t.Errorf("cells end at %d, want %d", next-1, topOfRange)
	}
}

func TestRecordFindsTheCell(t *testing.T) {
	values := []int64{-5, 0, 1, 127, 128, 255, 256, 257, 1023, 1024, 1031, 1032, maxValue - 1, maxValue, maxValue + 1, 1 << 62}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		values = append(values, rnd.Int64N(1<<rnd.IntN(34)+1))
	}
	for _, v := range values {
		var h Histogram
		h.Record(v)
		r, c := cellOf(v)
		if h.ix.lo[r] == nil || h.ix.count(r, c) != 1 {
			t.Errorf("Record(%d) missed cell %d,%d", v, r, c)
		}
		if h.Count() != 1 || h.Sum() != max(v, 0) || h.Max() != max(v, 0) {
			t.Errorf("Record(%d): count %d sum %d max %d", v, h.Count(), h.Sum(), h.Max())
		}
		if want := 2*rowCount*8 + rowCells*4; h.Bytes() != want {
			t.Errorf("Record(%d): %d bytes, want %d: one row", v, h.Bytes(), want)
		}
	}
}

func TestPercentile(t *testing.T) {
	for _, r := range []struct {
		values []int64
		p      float64
		want   int64
	}{
		{nil, 50, 0},
		{[]int64{10000}, 50, 10047}, // what Redis prints as 10.047 for a single call of 10 us
		{[]int64{10000}, 0, 9984},   // the only percentile that is rounded down
		{[]int64{1}, 99.9, 1},
		{[]int64{1, 2, 3, 4}, 50, 2},
		{[]int64{1, 2, 3}, 50, 2}, // rank 1.5 rounds up
		{[]int64{1, 2, 3}, 100, 3},
		{[]int64{1, 2, 3}, 400, 3},
		{[]int64{1, 2, 3}, -1, 1},
		{[]int64{1, 2, 3}, 0.001, 1},             // rank 0 counts as the first
		{[]int64{5_000_000_000}, 50, 1002438655}, // beyond the range: the cell of 10^9
	} {
		var h Histogram
		for _, v := range r.values {
			h.Record(v)
		}
		if got := h.Percentile(r.p); got != r.want {
			t.Errorf("%v p%g = %d, want %d", r.values, r.p, got, r.want)
		}
	}
}

func TestCumulative(t *testing.T) {
	type step struct{ usec, count uint64 }
	for _, r := range []struct {
		values []int64
		want   []step
	}{
		{nil, nil},
		{[]int64{0}, []step{{1, 1}}},
		{[]int64{1031}, []step{{1, 1}}}, // the cell of 1024 still belongs to the first step
		{[]int64{1032}, []step{{2, 1}}},
		{[]int64{10000}, []step{{16, 1}}},
		// What a real server printed after sleeps of 0.05, 0.3, 0.7 and 1.5 s.
		{[]int64{50e6, 300e6, 700e6, 1500e6}, []step{{67633, 1}, {541065, 2}, {1073741, 4}}},
		// Every bound a server can print, one value on each.
		{[]int64{1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20,
			1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30},
			[]step{{1, 1}, {2, 2}, {4, 3}, {8, 4}, {16, 5}, {33, 6}, {66, 7}, {132, 8}, {264, 9}, {528, 10}, {1056, 11},
				{2113, 12}, {4227, 13}, {8454, 14}, {16908, 15}, {33816, 16}, {67633, 17}, {135266, 18}, {270532, 19},
				{541065, 20}, {1073741, 21}}},
	} {
		var h Histogram
		for _, v := range r.values {
			h.Record(v)
		}
		var got []step
		for _, b := range h.Cumulative(nil) {
			got = append(got, step{uint64(b.Usec()), b.Count})
		}
		if !reflect.DeepEqual(got, r.want) {
			t.Errorf("%v: %v, want %v", r.values, got, r.want)
		}
	}
}

// A busy command passes 2^32 calls in one cell within the hour.
func TestCellsCarry(t *testing.T) {
	var h Histogram
	h.Record(1000)
	h.Record(5000)
	r, c := cellOf(1000)
	h.ix.lo[r][c] = 1<<32 - 1
	h.total += 1<<32 - 2
	h.Record(1000)
	h.Record(1000)
	if got, want := h.ix.count(r, c), uint64(1<<32+1); got != want {
		t.Errorf("cell holds %d, want %d", got, want)
	}
	if got := h.Cumulative(nil); got[0].Count != 1<<32+1 || got[1].Count != 1<<32+2 {
		t.Errorf("cumulative: %v", got)
	}
	if got := h.Percentile(99.9); got != highest(r, c) {
		t.Errorf("p99.9 = %d, want %d", got, highest(r, c))
	}
	if got, want := h.Bytes(), 2*rowCount*8+3*rowCells*4; got != want {
		t.Errorf("%d bytes, want %d: two rows and one carry", got, want)
	}
	h.Reset()
	if h.Bytes() != 0 || h.Count() != 0 || h.Max() != 0 || h.Percentile(50) != 0 {
		t.Error("Reset left something behind")
	}
}

// FuzzHistogram compares with a sorted slice: a percentile is the end of the cell of the value at its rank, and
// a bucket counts the values up to its bound.
func FuzzHistogram(f *testing.F) {
	f.Add([]byte{}, 50.0)
	f.Add([]byte{1, 0, 0, 0, 10, 2, 0, 0, 0, 30, 3, 0, 0, 0, 40}, 99.9)
	rnd := rand.New(rand.NewPCG(3, 4))
	seed := make([]byte, 600)
	for i := range seed {
		seed[i] = byte(rnd.Uint32())
	}
	for _, p := range []float64{0, 12.5, 50, 90, 99, 99.99, 100} {
		f.Add(seed, p)
	}
	f.Fuzz(func(t *testing.T, data []byte, p float64) {
		if !(p >= 0 && p <= 100) {
			t.Skip()
		}
		var h Histogram
		var sorted []int64
		for ; len(data) >= 5; data = data[5:] {
			v := int64(binary.LittleEndian.Uint32(data)) >> (data[4] % 33)
			h.Record(v)
			sorted = append(sorted, v)
		}
		slices.Sort(sorted)
		if h.Count() != uint64(len(sorted)) {
			t.Fatalf("count %d, want %d", h.Count(), len(sorted))
		}
		last := Bucket{}
		for _, b := range h.Buckets(nil) {
			want, _ := slices.BinarySearch(sorted, b.UpTo+1)
			if b.UpTo == topOfRange {
				want = len(sorted)
			}
			if b.Count != uint64(want) {
				t.Errorf("up to %d: %d, want %d", b.UpTo, b.Count, want)
			}
			if b.UpTo <= last.UpTo {
				t.Errorf("bound %d after %d", b.UpTo, last.UpTo)
			}
			last = b
		}
		if len(sorted) == 0 {
			return
		}
		rank := max(int(p/100*float64(len(sorted))+0.5), 1)
		r, c := cellOf(sorted[rank-1])
		want := highest(r, c)
		if p == 0 {
			want = lowest(r, c)
		}
		if got := h.Percentile(p); got != want {
			t.Errorf("p%g of %d values = %d, want %d (value %d)", p, len(sorted), got, want, sorted[rank-1])
		}
	})
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var c Command
	v := int64(0)
	record := func() {
		v = (v*7 + 13) % 10000
		c.Record(v, true)
	}
	for range 10000 {
		record() // makes the rows
	}
	if n := testing.AllocsPerRun(1000, record); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	var c Command
	v := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		v = v*1103515245&0xfff + 300
		c.Record(v, true)
	}
	b.ReportMetric(float64(c.Bytes()), "bytes/command")
}

func BenchmarkPercentile(b *testing.B) {
	var h Histogram
	for i := range int64(100000) {
		h.Record(300 + i)
	}
	for b.Loop() {
		h.Percentile(99.9)
	}
}
