package geo

import "math"

// Sine, cosine and arc sine, rounded right but for about one argument in a thousand.
//
// The standard library's err in the last bit or two for one argument in five, which is
// nothing to complain of, except that then one distance in some ten thousand is printed
// with another last digit than Redis prints. The known remedy (Gal 1986, Tang 1989) is a
// table of exact values in two parts each, and a short way from the next of them:
//
//	t = k/64, |r| <= 1/128
//	sin(t+r) = S + (C*r + small)      S, C = sine and cosine of t: 53 bits, and a rest
//	asin(x)  = t + asin(x*C - S*sqrt(1-x*x))
//
// The sum's first term is exact, the second is computed with what its product loses, so
// only the last addition rounds. Arguments near 0, which near places have, take a
// polynomial. None of these is called with an argument beyond its stated range; all
// cost 5 to 20 ns.

// angle is a row of the table: sine and cosine of a multiple of 1/64, and what rounding
// took from them.
type angle struct{ sin, sinRest, cos, cosRest float64 }

const perRadian = 64 // rows of the table

// sin is the sine of x, |x| <= π.
func sin(x float64) float64 {
	const piRest = 0x1.1a62633145c07p-53 // π beyond math.Pi as a double
	a, rest := math.Abs(x), 0.0
	if a > math.Pi/2 {
		a = math.Pi - a // exact: a is at most twice of what remains, and at least half of π
		b := a + piRest
		rest, a = piRest-(b-a), b
	}
	return math.Copysign(sinQuarter(a, rest), x)
}

// sinQuarter is the sine of x + rest, 0 <= x <= π/2.
func sinQuarter(x, rest float64) float64 {
	switch z := x * x; {
	case x < 1.0/64:
		return x + (rest - x*z*(1.0/6-z*(1.0/120-z*(1.0/5040))))
	case x < 1.0/8:
		return x + (rest - x*z*(1.0/6-z*(1.0/120-z*(1.0/5040-z*(1.0/362880-z*(1.0/39916800))))))
	}
	t, r := near(x)
	z := r * r
	p := float64(t.cos * r)
	s := t.sin + p
	small := math.FMA(t.cos, r, -p) + (p - (s - t.sin)) + t.sinRest + t.cosRest*r + t.cos*rest
	small -= t.sin*z*(1.0/2-z*(1.0/24-z*(1.0/720))) + t.cos*r*z*(1.0/6-z*(1.0/120-z*(1.0/5040)))
	return s + small
}

// cos is the cosine of x, |x| <= 1.5.
func cos(x float64) float64 {
	t, r := near(math.Abs(x))
	z := r * r
	p := float64(t.sin * r)
	c := t.cos - p
	small := (t.cos - c - p) - math.FMA(t.sin, r, -p) + t.cosRest - t.sinRest*r
	small += t.sin*r*z*(1.0/6-z*(1.0/120-z*(1.0/5040))) - t.cos*z*(1.0/2-z*(1.0/24-z*(1.0/720)))
	return c + small
}

// near finds the row of the table next to x, and the way from there to x, which is exact.
func near(x float64) (*angle, float64) {
	k := int(x*perRadian + 0.5)
	return &angles[k], x - float64(k)/perRadian
}

// asin is the arc sine of x, 0 <= x; more than 1, which rounding may make of 1, is 1.
func asin(x float64) float64 {
	if x < 1.0/64 {
		z := x * x
		return x + x*z*(1.0/6+z*(3.0/40+z*(15.0/336+z*(105.0/3456))))
	}
	if x >= 1 {
		return math.Pi / 2
	}
	// w + wRest is the cosine, sqrt(1-x*x).
	z := float64(x * x)
	h := 1 - z
	w := math.Sqrt(h)
	wRest := (math.FMA(-w, w, h) + (1 - h - z) - math.FMA(x, x, -z)) / (2 * w)

	guess := roughAsin(x)
	if x > math.Sqrt2/2 {
		guess = math.Pi/2 - roughAsin(w)
	}
	k := int(guess*perRadian + 0.5)
	t := &angles[k]
	p, q := float64(x*t.cos), float64(w*t.sin)
	d := p - q // of two numbers that are nearly equal: exact
	rest := math.FMA(x, t.cos, -p) - math.FMA(w, t.sin, -q) + x*t.cosRest - w*t.sinRest - wRest*t.sin
	z = d * d
	rest += d * z * (1.0/6 + z*(3.0/40+z*(15.0/336)))
	at := float64(k) / perRadian
	s := at + d
	return s + (d - (s - at) + rest)
}

// roughAsin errs by less than 0.01 up to the root of 1/2.
func roughAsin(x float64) float64 {
	z := x * x
	return x * (1 + z*(1.0/6+z*(3.0/40+z*(15.0/336+z*(105.0/3456)))))
}
