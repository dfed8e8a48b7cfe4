package dtoa

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestAppend(t *testing.T) {
	for _, r := range []struct {
		f            float64
		want, want17 string
	}{
		{0, "0", "0"},
		{math.Copysign(0, -1), "-0", "-0"},
		{1, "1", "1"},
		{-3, "-3", "-3"},
		{0.1, "0.1", "0.10000000000000001"},
		{-0.5, "-0.5", "-0.5"},
		{3.141, "3.141", "3.141"},
		{1234567.5, "1234567.5", "1234567.5"},
		{1e15 + 0.5, "1000000000000000.5", "1000000000000000.5"},
		{0.000001, "0.000001", "9.9999999999999995e-07"},
		{0.0000001, "1e-7", "9.9999999999999995e-08"},
		{0.00012345678, "1.2345678e-4", "0.00012345678000000001"}, // four places, and seven digits behind
		{0.0012345678, "0.0012345678", "0.0012345678000000001"},
		{1234.56789012, "1234.56789012", "1234.5678901199999"},
		{12345.6789012, "1.23456789012e+4", "12345.678901200001"},
		{1e17, "100000000000000000", "1e+17"},
		{1 << 62, "4611686018427387904", "4.6116860184273879e+18"},
		{1 << 63, "9223372036854776000", "9.2233720368547758e+18"},
		{1e19, "1e+19", "1e+19"},
		{12345678901234567890, "12345678901234567000", "1.2345678901234567e+19"},
		{1e30, "1e+30", "1e+30"},
		{-1.5e300, "-1.5e+300", "-1.5000000000000001e+300"},
		{5e-324, "5e-324", "4.9406564584124654e-324"},
		{math.MaxFloat64, "1.7976931348623157e+308", "1.7976931348623157e+308"},
		{math.Inf(1), "inf", "inf"},
		{math.Inf(-1), "-inf", "-inf"},
		{math.NaN(), "nan", "nan"},
	} {
		if got := string(Append(nil, r.f)); got != r.want {
			t.Errorf("Append(%v) = %s, want %s", r.f, got, r.want)
		}
		if got := string(Append17(nil, r.f)); got != r.want17 {
			t.Errorf("Append17(%v) = %s, want %s", r.f, got, r.want17)
		}
	}
}

// TestRoundTrip reads back what was written.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		f := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			f = math.Round(r.Float64()*1e9) / float64([]int64{1, 10, 1000, 1e6, 1e9}[r.IntN(5)])
		}
		if f != f {
			continue
		}
		for _, text := range [][]byte{Append(nil, f), Append17(nil, f)} {
			if back, err := strconv.ParseFloat(string(text), 64); err != nil || back != f {
				t.Fatalf("%v: %s reads as %v", f, text, back)
			}
		}
	}
}
