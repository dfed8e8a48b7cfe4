package geo

import "math"

// Area is a circle or a box around a place. Use Circle or Box.
//
// The box has no straight sides: a place is in it if the way along its own meridian to
// the centre's latitude is at most half the height, and the way along its own parallel
// to the centre's meridian at most half the width.
type Area struct {
	centre    Point
	lat, lon  float64 // of the centre, radians
	cosLat    float64
	box       bool
	reach     float64 // metres to the north and the south: the radius, or half the height
	halfWidth float64 // metres, of a box
	diagonal  float64 // metres from the centre to what is farthest, as Redis estimates it
	bounds    bounds
	// The bounds in cells of the last step: what is not in these columns, counted around the
	// earth, and these rows is outside for certain.
	west, columns uint32 // columns from west on
	south, rows   uint32
}

// Circle is all places at most radius units away; a unit is that many metres.
func Circle(centre Point, radius, unit float64) Area {
	return around(centre, Area{reach: radius * unit, diagonal: radius * unit})
}

// Box is what lies in a box of this width and height, in units.
func Box(centre Point, width, height, unit float64) Area {
	w, h := width/2, height/2
	return around(centre, Area{
		box: true, reach: height * unit / 2, halfWidth: width * unit / 2,
		diagonal: math.Sqrt(float64(w*w)+float64(h*h)) * unit,
	})
}

func around(centre Point, a Area) Area {
	a.centre = centre
	a.lat, a.lon = radians(centre.Lat), radians(centre.Lon)
	a.cosLat = cos(a.lat)
	a.bounds = a.bound()
	b := &a.bounds
	const n = 1 << maxStep
	place := func(v, least, extent float64) int64 { return int64(math.Floor((v - least) / extent * n)) }
	west, east := place(b.west, MinLon, MaxLon-MinLon), place(b.east, MinLon, MaxLon-MinLon)
	a.west, a.columns = uint32(west)&(n-1), uint32(min(east-west, n-1))
	south := max(place(b.south, MinLat, MaxLat-MinLat), 0)
	a.south, a.rows = uint32(south), uint32(place(b.north, MinLat, MaxLat-MinLat)-south)
	return a
}

// Distance is the distance of the place with a score from the centre, metres, if it lies
// in the area. Most of what a search looks at does not, and nearly all of that is told by
// its row and column alone.
func (a *Area) Distance(score float64) (metres float64, inside bool) {
	x, y := deinterleave(integer(score))
	if y-a.south > a.rows || (x-a.west)&(1<<maxStep-1) > a.columns {
		return 0, false
	}
	p := middle(x, y)
	lat := radians(p.Lat)
	if a.box && meridian(lat, a.lat) > a.reach {
		return 0, false
	}
	v := sin((radians(p.Lon) - a.lon) / 2)
	if v == 0 {
		metres = meridian(lat, a.lat)
	} else {
		cosLat := cos(lat)
		if a.box && haversine(0, v, cosLat, cosLat) > a.halfWidth {
			return 0, false
		}
		metres = haversine(sin((lat-a.lat)/2), v, a.cosLat, cosLat)
	}
	return metres, a.box || metres <= a.reach
}

// Interval is the scores from Min on, up to Max, which is not one of them.
type Interval struct{ Min, Max uint64 }

// MaxIntervals is how many intervals a search takes at most.
const MaxIntervals = 16

// Cover appends the intervals in which all places of the area have their scores, apart
// from each other, in the order in which Redis looks at them:
//
//	step        cell         NW 7 | N 2 | NE 6       a neighbour is left out when the
//	26          0.6 m        -----+-----+-----       middle cell reaches beyond the area
//	15          1.2 km        W 5 | 1   | E 4        on that side
//	10          39 km        -----+-----+-----
//	2           10,000 km    SW 9 | S 3 | SE 8
//
// Redis takes the step from the radius, one less near the poles and one less when the
// eight neighbours do not reach far enough. It is right except around a pole: beyond it
// the cosine of the latitude is negative, so is the width of the area, and the neighbours
// to both sides are left out. And it does not look for what spilled over. Where places
// could be missed for that, and only there, the cells are chosen anew (complete).
func (a *Area) Cover(dst []Interval) []Interval {
	g := a.asRedis()
	if !g.covers(&a.bounds) {
		g = complete(&a.bounds, g.step)
		for y := g.south; y <= g.north; y++ {
			for x := g.west; x <= g.east; x++ {
				dst = append(dst, g.interval(uint32(x)&g.last(), uint32(y)))
			}
		}
	} else {
		dst = g.append(dst)
	}
	return g.appendSpilled(dst, &a.bounds)
}

// grid is the cells of a search: at a step, columns from west to east and rows from south
// to north, the middle one among them. Columns go on beyond the map's edge.
type grid struct {
	step                     uint
	x, y                     uint32
	west, east, south, north int64
}

// last is the number of the last column, and of the last row.
func (g *grid) last() uint32 { return 1<<g.step - 1 }

func (g *grid) interval(x, y uint32) Interval {
	bits, shift := interleave(x, y), 2*(maxStep-g.step)
	return Interval{bits << shift, (bits + 1) << shift}
}

// side is an edge of a cell, of row or column i of a map from least on.
func (g *grid) side(i uint32, least, extent float64) float64 {
	return least + float64(float64(i)/float64(uint64(1)<<g.step)*extent)
}

func (g *grid) lonOf(x uint32) float64 { return g.side(x, MinLon, MaxLon-MinLon) }
func (g *grid) latOf(y uint32) float64 { return g.side(y, MinLat, MaxLat-MinLat) }

// asRedis chooses the cells as Redis does. A coordinate of the centre that spills over
// stays where it is; what is beside it is back on the map.
func (a *Area) asRedis() grid {
	g := grid{step: a.step()}
	c := a.centre
	g.x, g.y = c.cell(g.step, MinLat, MaxLat)
	// The meridians' arcs become shorter towards the pole, so that side of the area counts.
	// The cosine is of no sense beyond the pole.
	half := a.reach
	if a.box {
		half = a.halfWidth
	}
	dLat := degrees(a.reach / earthRadius)
	polar := c.Lat + dLat
	if c.Lat < 0 {
		polar = c.Lat - dLat
	}
	dLon := degrees(half / earthRadius / math.Cos(radians(polar)))
	west, east, south, north := c.Lon-dLon, c.Lon+dLon, c.Lat-dLat, c.Lat+dLat

	beyond := func(i uint32) uint32 { return (i+1)&g.last() + 1 } // the far side of the next cell
	before := func(i uint32) uint32 { return (i - 1) & g.last() }
	if g.step > 1 && (g.latOf(beyond(g.y)) < north || g.latOf(before(g.y)) > south ||
		g.lonOf(beyond(g.x)) < east || g.lonOf(before(g.x)) > west) {
		g.step--
		g.x, g.y = c.cell(g.step, MinLat, MaxLat)
	}
	g.west, g.east, g.south, g.north = int64(g.x)-1, int64(g.x)+1, int64(g.y)-1, int64(g.y)+1
	if g.step == 1 {
		return g
	}
	if g.latOf(g.y) < south {
		g.south++
	}
	if g.latOf(g.y+1) > north {
		g.north--
	}
	if g.lonOf(g.x) < west {
		g.west++
	}
	if g.lonOf(g.x+1) > east {
		g.east--
	}
	return g
}

// step is Redis's guess at how fine the cells may be.
func (a *Area) step() uint {
	const mercatorMax = 20037726.37 // metres, half the width of the map
	if a.diagonal == 0 {
		return maxStep
	}
	step := -1
	for d := a.diagonal; d < mercatorMax; d *= 2 {
		step++
	}
	if lat := math.Abs(a.centre.Lat); lat > 80 {
		step -= 2
	} else if lat > 66 {
		step--
	}
	return uint(min(max(step, 1), maxStep))
}

// append appends the cells in Redis's order, each once: at step 1 the neighbours to the
// left and to the right are the same, and then so are those that follow each other here.
func (g *grid) append(dst []Interval) []Interval {
	var before Interval
	for i, at := range [9]struct{ x, y int8 }{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}} {
		if at.x < 0 && g.west == int64(g.x) || at.x > 0 && g.east == int64(g.x) ||
			at.y < 0 && g.south == int64(g.y) || at.y > 0 && g.north == int64(g.y) {
			continue
		}
		in := g.interval(g.beside(g.x, at.x), g.beside(g.y, at.y))
		if i > 0 && in == before {
			continue
		}
		dst, before = append(dst, in), in
	}
	return dst
}

// beside is the row or column by steps from i, on the map again if it was beyond.
func (g *grid) beside(i uint32, by int8) uint32 {
	if by == 0 {
		return i
	}
	return (i + uint32(int32(by))) & g.last()
}

// bounds is the smallest rectangle of degrees that holds the area; a hair more, for
// rounding. Longitudes may lie beyond the map.
type bounds struct{ west, east, south, north float64 }

func (a *Area) bound() bounds {
	const hair = 1e-9 // degrees
	dLat := degrees(a.reach/earthRadius) + hair
	b := bounds{south: a.centre.Lat - dLat, north: a.centre.Lat + dLat}
	dLon := 360.0
	if polar := math.Max(b.north, -b.south); a.box {
		// Half of the longitudes' difference has this sine on the shortest of the parallels.
		quarter := a.halfWidth / earthRadius / 2
		if s := math.Sin(quarter) / math.Cos(radians(min(polar, MaxLat))); quarter < math.Pi/2 && s < 1 {
			dLon = degrees(2 * math.Asin(s))
		}
	} else if polar < 90 {
		// A meridian that touches the circle stands square on its radius.
		if s := math.Sin(a.reach/earthRadius) / a.cosLat; s < 1 {
			dLon = degrees(math.Asin(s))
		}
	}
	dLon = min(dLon*(1+1e-9)+hair, 360)
	b.south, b.north = max(b.south, MinLat-1), min(b.north, MaxLat+1)
	b.west, b.east = a.centre.Lon-dLon, a.centre.Lon+dLon
	return b
}

// covers tells whether the cells that append lists hold all of b.
func (g *grid) covers(b *bounds) bool {
	if g.x > g.last() || g.y > g.last() {
		return false
	}
	width, height := 360/float64(uint64(1)<<g.step), (MaxLat-MinLat)/float64(uint64(1)<<g.step)
	around := g.east-g.west >= int64(g.last())
	return (around || MinLon+float64(g.west)*width <= b.west && MinLon+float64(g.east+1)*width >= b.east) &&
		MinLat+float64(g.south)*height <= max(b.south, MinLat) && MinLat+float64(g.north+1)*height >= min(b.north, MaxLat)
}

// complete chooses cells of a step, or a smaller one, such that at most three columns and
// rows hold all of b.
func complete(b *bounds, step uint) grid {
	const most = 3
	for g := (grid{step: step}); ; g.step-- {
		n := float64(uint64(1) << g.step)
		place := func(v, least, extent float64) int64 { return int64(math.Floor((v - least) / extent * n)) }
		g.west, g.east = place(b.west, MinLon, MaxLon-MinLon), place(b.east, MinLon, MaxLon-MinLon)
		g.east = min(g.east, g.west+int64(g.last()))
		g.south = max(place(b.south, MinLat, MaxLat-MinLat), 0)
		g.north = min(place(b.north, MinLat, MaxLat-MinLat), int64(g.last()))
		if g.step == 1 || g.east-g.west < most && g.north-g.south < most {
			return g
		}
	}
}

// appendSpilled appends what lies beside the cells in the column of longitude 180 and the
// row of the highest latitude, if the area comes near.
func (g *grid) appendSpilled(dst []Interval, b *bounds) []Interval {
	beyond := g.last() + 1
	column := b.west <= MinLon || b.east >= MaxLon
	row := b.north >= MaxLat
	if !column && !row {
		return dst
	}
	n := int64(beyond)
	south, north := max(g.south, 0), min(g.north, n-1)
	west, east := g.west, min(g.east, g.west+n-1)
	if column {
		for y := south; y <= north; y++ {
			dst = append(dst, g.interval(beyond, uint32(y)))
		}
	}
	if row {
		for x := west; x <= east; x++ {
			dst = append(dst, g.interval(uint32(x)&g.last(), beyond))
		}
	}
	if column && row {
		dst = append(dst, g.interval(beyond, beyond))
	}
	return dst
}
