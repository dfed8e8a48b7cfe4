package hll

import (
	"encoding/binary"
	"fmt"
	"math"
)

// histogram counts how many registers hold each value. All that the estimate needs is
// in it. Four rows, since registers that follow each other often hold the same value
// and a counter raised twice in a row waits for itself.
type histogram [4][64]uint32

func (h *histogram) add8(x uint64) {
	h[0][x&63]++
	h[1][x>>8&63]++
	h[2][x>>16&63]++
	h[3][x>>24&63]++
	h[0][x>>32&63]++
	h[1][x>>40&63]++
	h[2][x>>48&63]++
	h[3][x>>56&63]++
}

func (h *histogram) addDense(b []byte) {
	for src := b[headerLen:denseLen]; len(src) > 0; src = src[6:] {
		h.add8(spread(load48(src)))
	}
}

func (h *histogram) addSparse(b []byte) error {
	zeros := uint32(regs)
	err := eachVal(b, func(_, span int, rank uint8) {
		h[0][rank] += uint32(span)
		zeros -= uint32(span)
	})
	h[0][0] += zeros
	return err
}

// estimate is the estimator of Otmar Ertl, "New cardinality estimation algorithms for
// HyperLogLog sketches", arXiv:1702.01284, algorithm 6: without bias over the whole
// range, and without the tables of the older one.
//
// Redis computes it in doubles and clients compare the integers, so the order of the
// operations counts. Products that a compiler might fuse with a sum are wrapped in a
// conversion, which forbids that, unless they are exact.
func (h *histogram) estimate() uint64 {
	const m = float64(regs)
	const alphaInf = 0.721347520444481703680 // 1 / (2 ln 2)
	at := func(v int) float64 { return float64(h[0][v] + h[1][v] + h[2][v] + h[3][v]) }

	z := m * tau((m-at(maxRank))/m)
	for v := hashBits; v >= 1; v-- {
		z += at(v)
		z *= 0.5
	}
	z += m * sigma(at(0)/m)
	e := math.Round(alphaInf * m * m / z)
	if e >= 1<<63 {
		// Only hostile registers lead here, all of them above maxRank; the conversion that C
		// does then leaves this.
		return 1 << 63
	}
	return uint64(e)
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for prev := math.NaN(); prev != z; y += y {
		x *= x
		prev = z
		z += float64(x * y)
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for prev := math.NaN(); prev != z; {
		x = math.Sqrt(x)
		prev = z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
	}
	return z / 3
}

// SelfTest checks the registers against a plain array, the two encodings against each
// other, and the estimate against the truth, up to 200,000 elements, in some tens of
// milliseconds: what PFSELFTEST runs. The error says what failed.
func SelfTest() error {
	// Registers share bytes with their neighbours, which a write from either side must
	// leave alone.
	d, err := ToDense(New())
	if err != nil {
		return fmt.Errorf("hll: self test: %w", err)
	}
	var plain Registers
	seed := uint64(1)
	for round := range 50 {
		for i := range plain {
			if round%2 == 1 {
				i = regs - 1 - i
			}
			seed = seed*6364136223846793005 + 1442695040888963407
			plain[i] = uint8(seed >> 58)
			setDense(d, i, plain[i])
		}
		for i, want := range plain {
			if got := getDense(d, i); got != want {
				return fmt.Errorf("hll: self test: register %d should be %d but is %d", i, want, got)
			}
		}
	}

	// Both encodings, and how far off they are: the relative error's standard deviation
	// is 1.04 / sqrt(16384), so six times that is out of reach for sound code.
	s := New()
	if d, err = ToDense(s); err != nil {
		return fmt.Errorf("hll: self test: %w", err)
	}
	var element [8]byte
	for n, check := uint64(1), uint64(1); n <= 200_000; n++ {
		seed = seed*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(element[:], seed)
		if s, _, err = Add(s, element[:], 3000); err == nil {
			d, _, err = Add(d, element[:], 0)
		}
		if err != nil {
			return fmt.Errorf("hll: self test: %w", err)
		}
		if n < 100 && Dense(s) {
			return fmt.Errorf("hll: self test: sparse encoding not used after %d", n)
		}
		if n != check {
			continue
		}
		check = check*3/2 + 1
		a, _, errA := Count(s)
		b, _, errB := Count(d)
		if errA != nil || errB != nil || a != b {
			return fmt.Errorf("hll: self test: dense and sparse disagree at %d: %d, %d", n, a, b)
		}
		off := a - n
		if a < n {
			off = n - a
		}
		limit := uint64(math.Ceil(1.04 / math.Sqrt(regs) * 6 * float64(n)))
		if off > limit+1 {
			return fmt.Errorf("hll: self test: %d elements counted as %d", n, a)
		}
	}
	return nil
}
