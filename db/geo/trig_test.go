package geo

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write trigtable.go anew")

// The truth is computed with 200 bits, by Taylor's series.

const precise = 200

func num(f float64) *big.Float { return new(big.Float).SetPrec(precise).SetFloat64(f) }

// series is first * (1 - z/(i*(i+1)) * (1 - z/((i+2)*(i+3)) * ...)), z = x*x.
func series(x, first *big.Float, i int64) *big.Float {
	z := num(0).Mul(x, x)
	sum, term := num(0), num(0).Set(first)
	for ; term.Sign() != 0 && term.MantExp(nil) > -precise; i += 2 {
		sum.Add(sum, term)
		term.Mul(term, z)
		term.Quo(term, num(float64(-i*(i+1))))
	}
	return sum
}

func trueSin(x *big.Float) *big.Float { return series(x, x, 2) }
func trueCos(x *big.Float) *big.Float { return series(x, num(1), 1) }

// trueAsin improves a guess twice by Newton's rule.
func trueAsin(x *big.Float) *big.Float {
	f, _ := x.Float64()
	y := num(math.Asin(f))
	for range 3 {
		step := num(0).Sub(x, trueSin(y))
		y.Add(y, step.Quo(step, trueCos(y)))
	}
	return y
}

// table makes the rows of trigtable.go.
func table() []angle {
	var rows []angle
	for k := 0; float64(k)/perRadian < math.Pi/2+1.0/perRadian; k++ {
		t := num(float64(k) / perRadian)
		s, sRest := split(trueSin(t))
		c, cRest := split(trueCos(t))
		rows = append(rows, angle{s, sRest, c, cRest})
	}
	return rows
}

func split(x *big.Float) (f, rest float64) {
	f, _ = x.Float64()
	rest, _ = num(0).Sub(x, num(f)).Float64()
	return f, rest
}

// TestTable computes the table again. With -write it is written.
func TestTable(t *testing.T) {
	rows := table()
	if *write {
		var b strings.Builder
		b.WriteString("package geo\n\n// angles is the table that trig.go explains: row k is for k/64. TestTable makes it.\n")
		fmt.Fprintf(&b, "var angles = [%d]angle{\n", len(rows))
		for _, r := range rows {
			fmt.Fprintf(&b, "\t{%x, %x, %x, %x},\n", r.sin, r.sinRest, r.cos, r.cosRest)
		}
		b.WriteString("}\n")
		if err := os.WriteFile("trigtable.go", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(rows) != len(angles) {
		t.Fatalf("%d rows, want %d", len(angles), len(rows))
	}
	for i, r := range rows {
		if angles[i] != r {
			t.Errorf("row %d is %v, want %v", i, angles[i], r)
		}
	}
}

// TestTrig holds that hardly any result is not the double next to the truth, and that
// none is farther than the one after it.
func TestTrig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, f := range []struct {
		name string
		ours func(float64) float64
		true func(*big.Float) *big.Float
		most float64
	}{
		{"sin", sin, trueSin, math.Pi},
		{"cos", cos, trueCos, 1.5},
		{"asin", asin, trueAsin, 1},
	} {
		const n = 4000
		wrong := 0
		for i := range n {
			x := f.most * r.Float64()
			if i%4 == 0 {
				x *= math.Exp(-15 * r.Float64())
			}
			if i%5 == 0 && f.name != "asin" {
				x = -x
			}
			want, _ := f.true(num(x)).Float64()
			got := f.ours(x)
			if got == want {
				continue
			}
			wrong++
			if got != math.Nextafter(want, got) {
				t.Errorf("%s(%v) = %v, want %v", f.name, x, got, want)
			}
		}
		t.Logf("%s: %d of %d are rounded wrong", f.name, wrong, n)
		if wrong > n/100 {
			t.Errorf("%s: %d of %d are rounded wrong", f.name, wrong, n)
		}
	}
	for _, row := range []struct{ got, want float64 }{
		{sin(0), 0}, {sin(math.Pi / 2), 1}, {sin(-math.Pi / 2), -1}, {sin(math.Pi), 1.2246467991473532e-16}, {cos(0), 1},
		{asin(0), 0}, {asin(1), math.Pi / 2}, {asin(math.Nextafter(1, 2)), math.Pi / 2}, {asin(math.Nextafter(1, 0)), 1.5707963118937354},
	} {
		if row.got != row.want {
			t.Errorf("got %v, want %v", row.got, row.want)
		}
	}
}

func BenchmarkTrig(b *testing.B) {
	for _, f := range []struct {
		name string
		f    func(float64) float64
		x    float64
	}{
		{"sin near", sin, 0.001}, {"sin", sin, 0.7}, {"cos", cos, 0.7}, {"asin near", asin, 0.001}, {"asin", asin, 0.3}, {"asin far", asin, 0.9},
		{"math.Sin", math.Sin, 0.7}, {"math.Asin", math.Asin, 0.3},
	} {
		b.Run(f.name, func(b *testing.B) {
			sum := 0.0
			for b.Loop() {
				sum += f.f(f.x)
			}
			if sum < 0 {
				b.Fatal(sum)
			}
		})
	}
}
