package metrics

import "math/bits"

// A Histogram answers "what did 99.9 % of the calls stay under" without keeping the calls. It is laid out as an
// HDR histogram of two significant digits over 0 to 10^9 (nanoseconds for commands, so up to a second), the
// shape behind Redis's LATENCY HISTOGRAM and latencystats, so that equal samples print equal numbers.
//
// A value keeps its 8 leading bits and loses the rest. Cells are grouped in rows of 128, and every row past the
// second has cells twice as wide as the one before:
//
//	row  0:         0 ..       127   cells 1 wide   (row 0 and 1 are exact)
//	row  1:       128 ..       255   cells 1 wide
//	row  2:       256 ..       511   cells 2 wide
//	row  3:       512 ..      1023   cells 4 wide
//	  ...
//	row 23: 536870912 .. 1073741823  cells 2^22 wide
//
//	index -> | lo: 24 pointers, nil until a value falls in | -> [128]uint32
//	         | hi: 24 pointers, nil until a cell wraps     | -> [128]uint32
//
// Redis gives each command that ran its 24 KiB of counters at once. A command's latencies crowd in a handful of
// powers of two, so here a row is allocated on its first value: 512 bytes each, some 3 to 4 KiB for a command
// that runs from 0.3 to 10 us, 12.7 KiB if it ever met every magnitude. Counters are 32 bits wide to halve that
// again; a cell that wraps carries into the second row of its pair, so counts are exact up to 2^64.
//
// Record costs a bit scan, two dependent loads and a few stores. Percentile and Buckets walk the rows that
// exist, at most 3072 cells.

const (
	rowCells = 128
	rowCount = 24
	// maxValue is the largest value told apart from larger ones, which count as this one.
	maxValue = 1_000_000_000
	// topOfRange is the largest value of the last cell.
	topOfRange = 1<<30 - 1
	// bucketCount is the number of power-of-two buckets that Buckets fills: 1024<<0 up to 1024<<20.
	bucketCount = 21
)

type row [rowCells]uint32

type index struct {
	lo, hi [rowCount]*row
}

// Histogram counts values of 0 to 10^9 in whatever unit its owner chose. The zero value is empty and ready.
type Histogram struct {
	ix    *index
	total uint64
	sum   int64
	max   int64
}

// Record counts one value. Negative values count as 0 and values beyond 10^9 as 10^9 (Sum and Max keep them
// whole). It allocates only when a value falls into a row that has none yet.
func (h *Histogram) Record(v int64) {
	if v < 0 {
		v = 0
	}
	h.total++
	h.sum += v
	if v > h.max {
		h.max = v
	}
	if v > maxValue {
		v = maxValue
	}
	shift := bits.Len64(uint64(v)|255) - 8
	sub := int(v >> shift)
	r, c := shift+sub>>7, sub&(rowCells-1)
	if h.ix == nil {
		h.ix = new(index)
	}
	cells := h.ix.lo[r]
	if cells == nil {
		cells = new(row)
		h.ix.lo[r] = cells
	}
	cells[c]++
	if cells[c] == 0 {
		h.carry(r, c)
	}
}

// carry adds 2^32 to a cell whose lower half has just wrapped.
func (h *Histogram) carry(r, c int) {
	if h.ix.hi[r] == nil {
		h.ix.hi[r] = new(row)
	}
	h.ix.hi[r][c]++
}

// count returns a cell's full value; row r must exist.
func (x *index) count(r, c int) uint64 {
	n := uint64(x.lo[r][c])
	if x.hi[r] != nil {
		n += uint64(x.hi[r][c]) << 32
	}
	return n
}

// lowest returns the smallest value that falls in a cell.
func lowest(r, c int) int64 {
	if r == 0 {
		return int64(c)
	}
	return int64(rowCells+c) << (r - 1)
}

// highest returns the largest value that falls in a cell.
func highest(r, c int) int64 {
	if r == 0 {
		return int64(c)
	}
	return lowest(r, c) + 1<<(r-1) - 1
}

// Count returns how many values were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Sum returns the sum of all values recorded, in their unit.
func (h *Histogram) Sum() int64 { return h.sum }

// Max returns the largest value recorded, exactly, and 0 if there is none.
func (h *Histogram) Max() int64 { return h.max }

// Percentile returns the value that p percent of the recorded ones do not exceed, rounded up to the end of its
// cell, so at most 0.8 % too high; for p = 0 it is the smallest value rounded down. The rank is p percent of the
// count, rounded to nearest, as in Redis. An empty histogram answers 0, and p beyond 100 counts as 100.
func (h *Histogram) Percentile(p float64) int64 {
	if h.total == 0 {
		return 0
	}
	p = min(p, 100)
	rank := max(uint64(max(p, 0)/100*float64(h.total)+0.5), 1)
	rank = min(rank, h.total)
	seen := uint64(0)
	for r, cells := range h.ix.lo {
		if cells == nil {
			continue
		}
		for c := range cells {
			seen += h.ix.count(r, c)
			if seen < rank {
				continue
			}
			if p <= 0 {
				return lowest(r, c)
			}
			return highest(r, c)
		}
	}
	return topOfRange
}

// Bucket is one step of a cumulative distribution.
type Bucket struct {
	UpTo  int64  // the largest value counted, in the histogram's unit
	Count uint64 // how many values are at most that
}

// Usec returns the bound in whole microseconds, for a histogram of nanoseconds.
func (b Bucket) Usec() int64 { return b.UpTo / 1000 }

// Buckets appends the 21 power-of-two steps, the same for every histogram, whether or not a step adds anything.
// A bound is the end of the cell in which its power of two lies (1031, 2063, ... 1073741823), hence the 33, 66,
// 132 that Redis prints where 32, 65, 131 would be expected.
func (h *Histogram) Buckets(dst []Bucket) []Bucket {
	var whole, first [rowCount]uint64 // per row: all of it, and its first cell
	if h.ix != nil {
		for r, cells := range h.ix.lo {
			if cells == nil {
				continue
			}
			first[r] = h.ix.count(r, 0)
			for c := range cells {
				whole[r] += h.ix.count(r, c)
			}
		}
	}
	// 1024<<k is the first value of row k+4, so the bucket is all rows before that one and its first cell.
	below := whole[0] + whole[1] + whole[2]
	for k := range bucketCount {
		below += whole[k+3]
		if k+4 == rowCount {
			dst = append(dst, Bucket{topOfRange, below})
			break
		}
		dst = append(dst, Bucket{highest(k+4, 0), below + first[k+4]})
	}
	return dst
}

// Cumulative appends the steps that LATENCY HISTOGRAM prints: those of Buckets that add to the step before.
func (h *Histogram) Cumulative(dst []Bucket) []Bucket {
	var all [bucketCount]Bucket
	last := uint64(0)
	for _, b := range h.Buckets(all[:0]) {
		if b.Count > last {
			dst = append(dst, b)
			last = b.Count
		}
	}
	return dst
}

// Reset forgets everything and gives the rows back.
func (h *Histogram) Reset() { *h = Histogram{} }

// Bytes returns the memory held beyond the struct itself.
func (h *Histogram) Bytes() int {
	if h.ix == nil {
		return 0
	}
	n := 2 * rowCount * 8
	for r := range h.ix.lo {
		if h.ix.lo[r] != nil {
			n += rowCells * 4
		}
		if h.ix.hi[r] != nil {
			n += rowCells * 4
		}
	}
	return n
}
