package measure

import "math/bits"

// A Hist counts latencies in buckets that grow with the value:
//
//	value    bits    1 0 1 1 0 1 1 0 1 1 0 0 1 ...
//	                 `--------------'
//	                 the leading subBits+1 bits choose the bucket
//
// so a bucket is at most 1/128 of its value wide (0.8 %), from one nanosecond to
// three hours, in 64 KiB. Recording is a shift and an increment. The zero value is
// empty and ready.
type Hist struct {
	counts [buckets]uint64
	total  uint64
	maxNs  int64
}

const (
	subBits  = 7
	subCount = 1 << subBits
	// maxExp bounds the values that have a bucket of their own: 2^(maxExp+subBits)
	// nanoseconds is more than three hours; later ones share the last bucket.
	maxExp  = 37
	buckets = (maxExp + 1) * subCount
)

// Record counts n operations that took ns nanoseconds each. A negative time, from a
// clock that cannot tell two moments apart, counts as zero.
func (h *Hist) Record(ns int64, n uint64) {
	ns = max(ns, 0)
	h.counts[bucketOf(uint64(ns))] += n
	h.total += n
	h.maxNs = max(h.maxNs, ns)
}

// Count returns how many operations were recorded.
func (h *Hist) Count() uint64 { return h.total }

// MaxNs returns the longest time recorded, exactly.
func (h *Hist) MaxNs() int64 { return h.maxNs }

// Reset empties the histogram.
func (h *Hist) Reset() { *h = Hist{} }

// PercentileNs returns a time that p per cent of the operations did not exceed: the
// upper end of the bucket in which the one of that rank lies, and no more than
// MaxNs. It is 0 for an empty histogram.
func (h *Hist) PercentileNs(p float64) int64 {
	if h.total == 0 {
		return 0
	}
	rank := uint64(p / 100 * float64(h.total))
	if float64(rank) < p/100*float64(h.total) {
		rank++
	}
	rank = min(max(rank, 1), h.total)
	var seen uint64
	for i := range h.counts {
		seen += h.counts[i]
		if seen >= rank {
			return min(int64(upperOf(i)), h.maxNs)
		}
	}
	return h.maxNs
}

// bucketOf maps small values one to one, and larger ones by their leading bits.
func bucketOf(v uint64) int {
	if v < 2*subCount {
		return int(v)
	}
	exp := bits.Len64(v) - subBits - 1
	if exp >= maxExp {
		return buckets - 1
	}
	return exp<<subBits + int(v>>exp)
}

// upperOf returns the largest value of bucket i.
func upperOf(i int) uint64 {
	if i < 2*subCount {
		return uint64(i)
	}
	exp := i>>subBits - 1
	lead := uint64(i&(subCount-1) | subCount)
	return (lead+1)<<exp - 1
}
