package geo

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"redust/tests/redis"
)

var record = flag.Bool("record", false, "record testdata/places.txt from redis-server")

// random is a place anywhere, at times on an edge or near the one before.
func random(r *rand.Rand, before Point) Point {
	p := Point{r.Float64()*360 - 180, (r.Float64()*2 - 1) * MaxLat}
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		size := math.Exp(-12 * r.Float64())
		p = Point{before.Lon + (r.Float64()-0.5)*size, before.Lat + (r.Float64()-0.5)*size}
		if !p.Valid() {
			return before
		}
	case 4:
		p.Lat = math.Round(p.Lat)
		p.Lon = math.Round(p.Lon)
	case 5:
		p.Lon = before.Lon
	case 6:
		p.Lat = before.Lat
	}
	return p
}

// TestPlaces reads what redis-server said of some hundred places: longitude, latitude,
// score, geohash, coordinates of the score, metres from the place before.
func TestPlaces(t *testing.T) {
	const path = "testdata/places.txt"
	if *record {
		recordPlaces(t, path)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var before Point
	rows := 0
	for lines := bufio.NewScanner(f); lines.Scan(); rows++ {
		want := lines.Text()
		w := strings.Fields(want)
		p := Point{number(t, w[0]), number(t, w[1])}
		score := float64(p.Score()) // beyond 2^53, which is what spills over, only even numbers
		at := At(score)
		var text []byte
		text = fmt.Appendf(text, "%s %s %d %s ", w[0], w[1], uint64(score), at.AppendHash(nil))
		text = append(AppendCoord(text, at.Lon), ' ')
		text = append(AppendCoord(text, at.Lat), ' ')
		if rows == 0 {
			before = at
		}
		text = AppendDistance(text, Distance(before, at))
		if string(text) != want {
			t.Errorf("line %d:\n got %s\nwant %s", rows+1, text, want)
		}
		before = at
	}
	if rows < 100 {
		t.Errorf("only %d places", rows)
	}
}

func recordPlaces(t *testing.T, path string) {
	o := redis.Start(t)
	r := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	p, before := Point{}, "0"
	for i := range 300 {
		switch p = random(r, p); i {
		case 0:
			p = Point{}
		case 1:
			p = Point{MinLon, MinLat}
		case 2:
			p = Point{MaxLon, MaxLat}
		case 3:
			p = Point{MaxLon, 10}
		case 4:
			p = Point{10, MaxLat}
		}
		lon, lat, name := text(p.Lon), text(p.Lat), strconv.Itoa(i)
		o.Do("GEOADD", "places", lon, lat, name)
		pos := o.Do("GEOPOS", "places", name).([]any)[0].([]any)
		fmt.Fprintln(&b, lon, lat, o.Do("ZSCORE", "places", name), o.Do("GEOHASH", "places", name).([]any)[0], pos[0], pos[1], o.Do("GEODIST", "places", before, name))
		before = name
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func text(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func number(t *testing.T, s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOracle asks redis-server for all of it again, for other places each time it is
// changed. The last digit of a distance may differ once in a while, when the library of
// that server rounds the last bit of a sine the other way.
func TestOracle(t *testing.T) {
	o := redis.Start(t)
	r := rand.New(rand.NewPCG(5, 6))
	n := 5000
	if testing.Short() {
		n = 300
	}
	p := Point{}
	var before Point
	bits, digits := 0, 0
	for i := range n {
		p = random(r, p)
		score := float64(p.Score())
		at := At(score)
		o.Do("GEOADD", "k", text(p.Lon), text(p.Lat), "a")
		if got := o.Do("ZSCORE", "k", "a"); got != strconv.FormatUint(uint64(score), 10) {
			t.Errorf("%v has the score %v, want %s", p, score, got)
		}
		if got := o.Do("GEOHASH", "k", "a").([]any)[0]; got != string(at.AppendHash(nil)) {
			t.Errorf("%v has the hash %s, want %s", p, at.AppendHash(nil), got)
		}
		pos := o.Do("GEOPOS", "k", "a").([]any)[0].([]any)
		if pos[0] != string(AppendCoord(nil, at.Lon)) || pos[1] != string(AppendCoord(nil, at.Lat)) {
			t.Errorf("%v is at %s %s, want %v", p, AppendCoord(nil, at.Lon), AppendCoord(nil, at.Lat), pos)
		}
		if i > 0 {
			d := Distance(before, at)
			o.Do("GEORADIUS", "k", text(before.Lon), text(before.Lat), "30000", "km", "STOREDIST", "d")
			if got := o.Do("ZSCORE", "d", "a"); got != nil && number(t, got.(string)) != d/1000 {
				bits++
				if diff := math.Abs(number(t, got.(string))*1000 - d); diff > d*1e-15 && diff > 3e-9 {
					t.Errorf("from %v to %v it is %v, want %s", before, at, d/1000, got)
				}
			}
			if got := o.Do("GEODIST", "k", "a", "b"); got != string(AppendDistance(nil, d)) {
				digits++
				t.Logf("from %v to %v it is %s, want %s", before, at, AppendDistance(nil, d), got)
			}
		}
		o.Do("GEOADD", "k", text(p.Lon), text(p.Lat), "b")
		before = at
	}
	t.Logf("of %d distances, %d differ in the last bits, %d as printed", n, bits, digits)
	if digits > 1+n/5000 {
		t.Errorf("%d of %d distances are printed with other digits", digits, n)
	}
}

// TestIntegers asks redis-server what it makes of scores that never were places.
func TestIntegers(t *testing.T) {
	o := redis.Start(t)
	for _, s := range []string{"0", "1", "-1", "0.5", "-0.5", "4503599627370495", "4503599627370496", "9007199254740991", "1e17", "-1e17", "1e18", "9.2e18", "-9.2e18",
		"9223372036854775808", "1e19", "-1e19", "1.8e19", "1e20", "-1e20", "1e300", "inf", "-inf", "-123456789012"} {
		o.Do("ZADD", "k", s, "a")
		at := At(number(t, s))
		got := string(AppendCoord(nil, at.Lon)) + " " + string(AppendCoord(nil, at.Lat)) + " " + string(at.AppendHash(nil))
		pos := o.Do("GEOPOS", "k", "a").([]any)[0].([]any)
		if want := fmt.Sprint(pos[0], " ", pos[1], " ", o.Do("GEOHASH", "k", "a").([]any)[0]); got != want {
			t.Errorf("%s is at %s, want %s", s, got, want)
		}
	}
}

// TestAppendCoord compares with strconv.
func TestAppendCoord(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	check := func(f float64) {
		want := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 17, 64), "0"), ".")
		if want == "-0" || want == "" {
			want = "0"
		}
		if got := string(AppendCoord(nil, f)); got != want {
			t.Errorf("%v is written %s, want %s", f, got, want)
		}
	}
	for _, f := range []float64{0, 1, -1, 0.5, 1e-17, 5e-18, 4.9e-18, -1e-18, 1.5e-17, 180, 85.05112878, 0.1, math.Nextafter(1, 0), math.Nextafter(180, 0), 1e15, 1e16, 1e20, 1e-300} {
		check(f)
		check(-f)
	}
	for range 100000 {
		f := (r.Float64() - 0.5) * 360
		switch r.IntN(4) {
		case 0:
			f *= math.Exp(-45 * r.Float64())
		case 1:
			f = At(float64(r.Uint64() >> 12)).Lon
		case 2:
			f = math.Ldexp(math.Round(f*1024), -r.IntN(110)) // ties
		}
		check(f)
	}
}

func TestAppendDistance(t *testing.T) {
	for _, row := range []struct {
		d    float64
		want string
	}{
		{0, "0.0000"}, {1, "1.0000"}, {0.00004, "0.0000"}, {0.00006, "0.0001"}, {20015086.7960, "20015086.7960"}, {0.5, "0.5000"}, {1e300, ""}, {math.NaN(), "NaN"},
		{166274.15156960, "166274.1516"},
	} {
		if row.want == "" {
			row.want = strconv.FormatFloat(row.d, 'f', 4, 64)
		}
		if got := string(AppendDistance(nil, row.d)); got != row.want {
			t.Errorf("%v is written %s, want %s", row.d, got, row.want)
		}
	}
}
