package geo

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"redust/tests/redis"
)

// check holds what Cover promises: at most so many intervals, apart from each other, and
// every place inside is in one of them.
func check(t *testing.T, a *Area, places []Point) {
	t.Helper()
	cover := a.Cover(nil)
	if len(cover) > MaxIntervals {
		t.Errorf("%d intervals", len(cover))
	}
	sorted := slices.Clone(cover)
	slices.SortFunc(sorted, func(x, y Interval) int { return cmp.Compare(x.Min, y.Min) })
	for i, in := range sorted {
		if in.Min >= in.Max || i > 0 && in.Min < sorted[i-1].Max {
			t.Fatalf("%+v: intervals overlap or are empty: %v", *a, sorted)
		}
	}
	for _, p := range places {
		score := float64(p.Score())
		at := At(score)
		d, inside := a.Distance(score)
		plain := Distance(a.centre, at)
		if inside && d != plain {
			t.Errorf("%v to %v: %v, and %v on its own", a.centre, at, d, plain)
		}
		if should := plain <= a.reach; !a.box && inside != should {
			t.Errorf("%v, %v m: %v is %v m away, inside: %v", a.centre, a.reach, at, plain, inside)
		}
		if should := within(a, at); a.box && inside != should {
			t.Errorf("%v, %v by %v m: %v inside: %v", a.centre, a.reach, a.halfWidth, at, inside)
		}
		if !inside {
			continue
		}
		found := slices.ContainsFunc(cover, func(in Interval) bool { return float64(in.Min) <= score && score < float64(in.Max) })
		if !found {
			t.Errorf("%+v: %v is inside, %v m away, score %v, not in %v", *a, at, d, score, cover)
		}
	}
}

// within is what a box is, said plainly.
func within(a *Area, p Point) bool {
	return Distance(Point{p.Lon, a.centre.Lat}, p) <= a.reach && Distance(Point{a.centre.Lon, p.Lat}, p) <= a.halfWidth
}

// FuzzCover takes the place, the size and what is looked for from the fuzzer.
func FuzzCover(f *testing.F) {
	f.Add(0.0, 0.0, 1000.0, 0.0, uint64(1))
	f.Add(180.0, 85.05112878, 1e6, 0.0, uint64(2))
	f.Add(-180.0, -85.0, 1e7, 3.0, uint64(3))
	f.Add(10.0, 80.0, 1.2e6, 0.5, uint64(4))
	f.Fuzz(func(t *testing.T, lon, lat, size, ratio float64, seed uint64) {
		c := Point{lon, lat}
		if !c.Valid() || !(size >= 0) || !(ratio >= 0) {
			return
		}
		a := Circle(c, size, 1)
		if ratio > 0 {
			a = Box(c, size, size*ratio, 1)
		}
		r := rand.New(rand.NewPCG(seed, 1))
		check(t, &a, near1000(r, c, size, ratio))
	})
}

// near1000 is places everywhere, on the edges of the map, and around the edge of the
// area.
func near1000(r *rand.Rand, c Point, size, ratio float64) []Point {
	var places []Point
	for range 1000 {
		p := random(r, c)
		switch r.IntN(8) {
		case 0:
			p.Lon = []float64{MinLon, MaxLon}[r.IntN(2)]
		case 1:
			p.Lat = []float64{MinLat, MaxLat}[r.IntN(2)]
		case 2, 3, 4, 5:
			// In some direction, about as far as the area goes.
			north, east := size, size
			if ratio > 0 {
				north, east = size*ratio/2, size/2
			}
			way := 2 * math.Pi * r.Float64()
			long := 1 + r.Float64()*0.1 - 0.08
			p.Lat = c.Lat + degrees(north/earthRadius)*math.Sin(way)*long
			p.Lon = c.Lon + degrees(east/earthRadius/math.Cos(radians(p.Lat)))*math.Cos(way)*long
			if p.Lon > 180 {
				p.Lon -= 360
			}
			if p.Lon < -180 {
				p.Lon += 360
			}
		}
		if p.Valid() {
			places = append(places, p)
		}
	}
	return places
}

func TestCover(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	n := 3000
	if testing.Short() {
		n = 300
	}
	p := Point{}
	for range n {
		p = random(r, p)
		if r.IntN(5) == 0 {
			p = []Point{{MaxLon, p.Lat}, {p.Lon, MaxLat}, {MinLon, p.Lat}, {MaxLon, MaxLat}, {p.Lon, 84}}[r.IntN(5)]
		}
		size, ratio := math.Exp(17*r.Float64()), 0.0
		a := Circle(p, size, 1)
		if r.IntN(2) == 0 {
			ratio = math.Exp(4*r.Float64() - 2)
			a = Box(p, size, size*ratio, 1)
		}
		check(t, &a, near1000(r, p, size, ratio))
	}
	for _, a := range []Area{Circle(Point{}, math.Inf(1), 1), Circle(Point{MaxLon, MaxLat}, math.Inf(1), 1), Circle(Point{1, 2}, 0, 1), Box(Point{}, math.Inf(1), 0, 1000),
		Box(Point{}, 0, math.Inf(1), 1), Box(Point{MaxLon, 3}, 0, 1e308, 1e3), Circle(Point{5, 5}, 1e308, 1000)} {
		check(t, &a, append(near1000(r, a.centre, 1e5, 0), a.centre))
	}
}

// TestCoverOracle holds that places are found in the order in which redis-server finds
// them; and that whatever it does not find, where we do, is inside.
func TestCoverOracle(t *testing.T) {
	o := redis.Start(t)
	r := rand.New(rand.NewPCG(11, 12))
	type member struct {
		name  string
		score float64
	}
	n := 400
	if testing.Short() {
		n = 30
	}
	more, searches, again := 0, 0, 0
	for round := range n / 10 {
		o.Do("DEL", "k")
		var set []member
		p := random(r, Point{})
		for i := range 600 {
			p = random(r, p)
			m := member{fmt.Sprintf("m%03d", i), float64(p.Score())}
			set = append(set, m)
			o.Do("GEOADD", "k", text(p.Lon), text(p.Lat), m.name)
		}
		slices.SortFunc(set, func(x, y member) int {
			return cmp.Or(cmp.Compare(x.score, y.score), cmp.Compare(x.name, y.name))
		})
		for range 40 {
			c := At(set[r.IntN(len(set))].score)
			if r.IntN(4) == 0 {
				c = random(r, c)
			}
			size := math.Exp(17 * r.Float64())
			if round%2 == 0 {
				size = min(size, 1e6)
			}
			a := Circle(c, size, 1)
			by := []any{"BYRADIUS", text(size), "m"}
			if r.IntN(2) == 0 {
				h := size * math.Exp(4*r.Float64()-2)
				a = Box(c, size, h, 1)
				by = []any{"BYBOX", text(size), text(h), "m"}
			}
			var want, got []string
			for _, x := range o.Do(append([]any{"GEOSEARCH", "k", "FROMLONLAT", text(c.Lon), text(c.Lat)}, by...)...).([]any) {
				want = append(want, x.(string))
			}
			for _, in := range a.Cover(nil) {
				for _, m := range set {
					if m.score < float64(in.Min) || m.score >= float64(in.Max) {
						continue
					}
					if _, ok := a.Distance(m.score); ok {
						got = append(got, m.name)
					}
				}
			}
			searches++
			if slices.Equal(got, want) {
				continue
			}
			g := a.asRedis()
			if g.covers(&a.bounds) && !(len(got) > len(want) && slices.Equal(got[:len(want)], want)) {
				t.Errorf("around %v %v: got %d %.20v, want %d %.20v", c, by, len(got), got, len(want), want)
				continue
			}
			if len(got) == len(want) {
				again++
			} else {
				more++
			}
			if missing := slices.DeleteFunc(want, func(s string) bool { return slices.Contains(got, s) }); len(missing) > 0 {
				t.Errorf("around %v %v: not found: %v", c, by, missing)
			}
		}
	}
	t.Logf("of %d searches, %d find what redis-server does not, %d the same in another order", searches, more, again)
}

func BenchmarkSearch(b *testing.B) {
	a := Circle(Point{13.4, 52.5}, 5000, 1)
	b.Run("Cover", func(b *testing.B) {
		var room [MaxIntervals]Interval
		for b.Loop() {
			a := Circle(Point{13.4, 52.5}, 5000, 1)
			if len(a.Cover(room[:0])) == 0 {
				b.Fatal()
			}
		}
	})
	b.Run("Distance", func(b *testing.B) {
		score := float64(Point{13.41, 52.51}.Score())
		for b.Loop() {
			if _, ok := a.Distance(score); !ok {
				b.Fatal()
			}
		}
	})
	b.Run("AppendCoord", func(b *testing.B) {
		var room [64]byte
		for b.Loop() {
			AppendCoord(room[:0], -122.27652043104171753)
		}
	})
}
