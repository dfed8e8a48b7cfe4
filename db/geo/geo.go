// Package geo turns places on earth into numbers that sort near each other when the places
// lie near each other, and finds the numbers to look at when somebody asks what lies
// within some distance.
//
// A place is a pair of degrees. Each coordinate becomes a fraction of its range, 26 bits
// of it are kept, and the bits are interleaved (Morton's order of 1966; as text it is
// Niemeyer's geohash):
//
//	latitude    -85.05112878 .. 85.05112878      y = 26 bits   --> even bits
//	longitude           -180 .. 180              x = 26 bits   --> odd bits
//
//	score   x25 y25 x24 y24 x23 y23 ... x0 y0    52 bits: exact as a double
//	        \_____/                              step 1: a quarter of the map
//	        \_____________/                      step 2: one of sixteen cells
//
// So the scores that begin with the same 2*n bits are one interval and one rectangle, a
// cell of step n. A search takes a step at which the cell of its centre and the eight
// around it hold all of the area, and ranges over nine intervals (area.go); what these
// hold in excess is told by the distance (Area.Distance).
//
// It has to come out as in Redis, digit for digit, since scores, distances and
// coordinates are shown: limits, earth's radius, formulas and the order of the nine
// intervals are Redis's. Its sine, cosine and arc sine are those of the C library it
// was built with, which errs by less than the last bit; ours (trig.go) are rounded right
// but for one in a thousand, and so agree with any good library nearly always.
//
// One place cannot be told so simply: a latitude of exactly 85.05112878, or a longitude
// of exactly 180, is 2^26 / 2^26, one bit too many. Redis lets it spill over, into the
// bits 52 and 53, and no search finds that place any more; here searches look at the
// spilled cells too.
package geo

import (
	"math"
	"math/bits"
)

// The limits of the map, degrees. Beyond this latitude Mercator's square map ends.
const (
	MinLon, MaxLon = -180, 180
	MinLat, MaxLat = -85.05112878, 85.05112878
)

const (
	maxStep     = 26                   // of a score
	earthRadius = 6372797.560856       // metres
	degree      = 0x1.1df46a2529d39p-6 // radians; C's M_PI / 180.0
)

// Point is a place, degrees.
type Point struct{ Lon, Lat float64 }

// Valid tells whether the place is on the map.
func (p Point) Valid() bool {
	return p.Lon >= MinLon && p.Lon <= MaxLon && p.Lat >= MinLat && p.Lat <= MaxLat
}

// Score is the number under which a place, which is valid, is kept.
func (p Point) Score() uint64 {
	x, y := p.cell(maxStep, MinLat, MaxLat)
	return interleave(x, y)
}

// cell tells the cell of a step in which a place lies, on a map of these latitudes.
func (p Point) cell(step uint, minLat, maxLat float64) (x, y uint32) {
	n := float64(uint64(1) << step)
	x = uint32((p.Lon - MinLon) / (MaxLon - MinLon) * n)
	y = uint32((p.Lat - minLat) / (maxLat - minLat) * n)
	return x, y
}

// At is the place that a score stands for: the middle of its cell. Any number has one,
// though only scores have one that means something.
func At(score float64) Point { return middle(deinterleave(integer(score))) }

// middle is the middle of a cell of the last step.
func middle(x, y uint32) Point {
	const (
		cell   = 1.0 / (1 << maxStep)
		height = MaxLat - MinLat
		width  = MaxLon - MinLon
	)
	// Rounded step by step, as Redis's: its middle is not where one formula would put it.
	west := MinLon + float64(float64(x)*cell*width)
	east := MinLon + float64(float64(x+1)*cell*width)
	south := MinLat + float64(float64(y)*cell*height)
	north := MinLat + float64(float64(y+1)*cell*height)
	return Point{
		Lon: min(max((west+east)/2, MinLon), MaxLon),
		Lat: min(max((south+north)/2, MinLat), MaxLat),
	}
}

// integer is a score as the x86-64 converts it, whatever it is: a sorted set may hold
// numbers that never were places.
func integer(f float64) uint64 {
	const top = 1 << 63
	switch {
	case f >= 0 && f < top:
		return uint64(f)
	case f < 0 && f >= -top:
		return uint64(int64(f))
	case f >= top && f < 2*top:
		return uint64(f-top) ^ top
	case f >= 2*top:
		return 0
	}
	return top
}

// interleave puts the bits of y at the even places and those of x at the odd ones.
func interleave(x, y uint32) uint64 { return spread(y) | spread(x)<<1 }

func spread(n uint32) uint64 {
	v := uint64(n)
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f0f0f0f0f
	v = (v | v<<2) & 0x3333333333333333
	return (v | v<<1) & 0x5555555555555555
}

func deinterleave(v uint64) (x, y uint32) {
	// Both at once: first the odd bits go to the upper half, pairs of bits, then nibbles
	// and so on change places.
	v = swap(v, 0x2222222222222222, 1)
	v = swap(v, 0x0c0c0c0c0c0c0c0c, 2)
	v = swap(v, 0x00f000f000f000f0, 4)
	v = swap(v, 0x0000ff000000ff00, 8)
	v = swap(v, 0x00000000ffff0000, 16)
	return uint32(v >> 32), uint32(v)
}

// swap exchanges the bits of mask with those n places above.
func swap(v, mask uint64, n uint) uint64 {
	t := (v ^ v>>n) & mask
	return v ^ t ^ t<<n
}

// AppendHash appends the geohash of eleven characters by which the rest of the world
// knows a place. Its latitudes go to the poles, so the bits are others than a score's; they
// fill ten characters, and the last one is always 0.
func (p Point) AppendHash(dst []byte) []byte {
	const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"
	x, y := p.cell(maxStep, -90, 90)
	for hash, i := bits.RotateLeft64(interleave(x, y), 64-2*maxStep), 0; i < 10; i++ {
		hash = bits.RotateLeft64(hash, 5)
		dst = append(dst, alphabet[hash&31])
	}
	return append(dst, '0')
}

// Distance is the way from a to b along the surface, metres, on a sphere.
func Distance(a, b Point) float64 {
	v := sin((radians(b.Lon) - radians(a.Lon)) / 2)
	lat1, lat2 := radians(a.Lat), radians(b.Lat)
	if v == 0 {
		return meridian(lat1, lat2)
	}
	return haversine(sin((lat2-lat1)/2), v, cos(lat1), cos(lat2))
}

// haversine is the distance for the sines of half the differences in latitude, u, and
// longitude, v, and the cosines of both latitudes. (Sinnott, "Virtues of the haversine",
// 1984.)
func haversine(u, v, cos1, cos2 float64) float64 {
	a := float64(u*u) + float64(float64(float64(cos1*cos2)*v)*v)
	return 2 * earthRadius * asin(math.Sqrt(a))
}

// meridian is the distance of two latitudes, radians, on one meridian.
func meridian(lat1, lat2 float64) float64 { return earthRadius * math.Abs(lat2-lat1) }

func radians(deg float64) float64 { return deg * degree }
func degrees(rad float64) float64 { return rad / degree }
