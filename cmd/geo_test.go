package cmd

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// geoServer holds n places in an area of some 790 by 550 km, as the comparison harness
// has them.
func geoServer(n int) (*harness, *played, *rand.Rand) {
	h := newHarness(borrowed)
	p, r := h.dial(), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		lon, lat := randomPlace(r)
		p.do("GEOADD", "geo", lon, lat, fmt.Sprintf("mbr:%012d", i))
	}
	return h, p, r
}

func randomPlace(r *rand.Rand) (lon, lat string) {
	decimal := func(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
	return decimal(10 * r.Float64()), decimal(45 + 5*r.Float64())
}

// prepared are requests that can be run again and again.
func prepared(lines [][]string) []Request {
	var out []Request
	for _, line := range lines {
		var r Request
		for _, w := range line {
			r.Args = append(r.Args, []byte(w))
		}
		out = append(out, r)
	}
	return out
}

func (p *played) again(batch []Request) {
	p.h.Prepare(p.cl.DB, batch)
	for i := range batch {
		p.h.Execute(p.cl, &batch[i])
	}
	p.cl.Out.B = p.cl.Out.B[:0]
}

// TestGeoAllocations holds that searches cost no allocation, whatever they find.
func TestGeoAllocations(t *testing.T) {
	_, p, _ := geoServer(3000)
	for _, options := range [][]string{
		{"ASC", "COUNT", "10"}, {"DESC"}, {}, {"WITHDIST", "WITHCOORD", "WITHHASH"}, {"COUNT", "5", "ANY"}, {"WITHDIST", "ASC", "COUNT", "3"},
	} {
		for _, by := range [][]string{{"BYRADIUS", "80", "km"}, {"BYBOX", "100", "50", "mi"}} {
			line := append(append([]string{"GEOSEARCH", "geo", "FROMLONLAT", "5", "47"}, by...), options...)
			batch := prepared([][]string{line})
			p.again(batch)
			if n := testing.AllocsPerRun(20, func() { p.again(batch) }); n != 0 {
				t.Errorf("%q allocates %v times", line, n)
			}
		}
	}
	for _, line := range [][]string{{"GEOADD", "geo", "5.1", "47.1", "mbr:000000000001"}, {"GEOPOS", "geo", "mbr:000000000001", "x"},
		{"GEOHASH", "geo", "mbr:000000000001"}, {"GEODIST", "geo", "mbr:000000000001", "mbr:000000000002", "km"}} {
		batch := prepared([][]string{line})
		p.again(batch)
		if n := testing.AllocsPerRun(20, func() { p.again(batch) }); n != 0 {
			t.Errorf("%q allocates %v times", line, n)
		}
	}
}

func BenchmarkGeo(b *testing.B) {
	_, p, r := geoServer(100000)
	var search, add [][]string
	for range 512 {
		lon, lat := randomPlace(r)
		search = append(search, []string{"GEOSEARCH", "geo", "FROMLONLAT", lon, lat, "BYRADIUS", "8", "km", "ASC", "COUNT", "10"})
		lon, lat = randomPlace(r)
		add = append(add, []string{"GEOADD", "geo", lon, lat, fmt.Sprintf("mbr:%012d", r.IntN(100000))})
	}
	for _, row := range []struct {
		name  string
		lines [][]string
	}{{"Search", search}, {"Add", add}} {
		b.Run(row.name, func(b *testing.B) {
			batch := prepared(row.lines)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.again(batch[i%len(batch) : i%len(batch)+1])
			}
		})
	}
}
