package stream

import (
	"math"
	"strconv"
)

// ID names an entry: Unix milliseconds, and a number that tells entries of one millisecond
// apart. IDs order as the pair does.
type ID struct{ Ms, Seq uint64 }

// MaxID is the greatest ID.
func MaxID() ID { return ID{math.MaxUint64, math.MaxUint64} }

// Zero tells whether the ID is 0-0, which no entry has.
func (a ID) Zero() bool { return a == ID{} }

// Less tells whether a comes before b.
func (a ID) Less(b ID) bool { return a.Ms < b.Ms || a.Ms == b.Ms && a.Seq < b.Seq }

// Next is the ID right after a; false if a is the greatest.
func (a ID) Next() (ID, bool) {
	if a.Seq < math.MaxUint64 {
		return ID{a.Ms, a.Seq + 1}, true
	}
	return ID{a.Ms + 1, 0}, a.Ms < math.MaxUint64
}

// Prev is the ID right before a; false if a is 0-0.
func (a ID) Prev() (ID, bool) {
	if a.Seq > 0 {
		return ID{a.Ms, a.Seq - 1}, true
	}
	return ID{a.Ms - 1, math.MaxUint64}, a.Ms > 0
}

// Append appends the ID as it is written, 1526919030474-55.
func (a ID) Append(dst []byte) []byte {
	dst = append(strconv.AppendUint(dst, a.Ms, 10), '-')
	return strconv.AppendUint(dst, a.Seq, 10)
}

// IDLen is the length of the longest ID as it is written, bytes.
const IDLen = 41

// plus is the ID at a distance from a, as blocks store it: each half wraps.
func (a ID) plus(ms, seq int64) ID { return ID{a.Ms + uint64(ms), a.Seq + uint64(seq)} }
