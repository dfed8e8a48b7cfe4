package cmd

import (
	"cmp"
	"slices"

	"redust/db"
	"redust/db/geo"
	"redust/db/sorting"
)

// Searches: GEOSEARCH, GEOSEARCHSTORE and the four GEORADIUS that they replace.
//
//	centre, shape --> geo.Area --> up to 16 intervals of scores --> members --> inside?
//	                                                                            /     \
//	                       neither order nor STORE: straight into the reply ---'       found:
//	                                                                    sorted, cut, replied or stored
//
// What is found is kept without a pointer or an allocation of its own: distance, score
// and where its name stands among all names. COUNT takes the nearest; ANY takes the first
// that turn up, so it can stop early. The order of ties, and of replies without an order,
// is Redis's (see db/sorting and geo.Area.Cover).

// geoQuery is what the arguments of a search say.
type geoQuery struct {
	name                          []byte // of the command, as the client wrote it
	centre                        geo.Point
	located, shaped               bool // the centre and the shape were given
	box                           bool
	width, height                 float64 // of a box; of a circle width is the radius
	metres                        float64 // in a unit
	withDist, withHash, withCoord bool
	count                         int64 // 0: all
	any                           bool
	order                         int8   // 1 ascending, -1 descending, 0 none
	dst                           []byte // nil: reply
	dstKey                        bool
	storeDist                     bool
}

// found is a member in the area: its distance, metres, and where its name stands in
// scratch.names.
type found struct {
	dist, score float64
	at, n       int
}

// geoScratch is the memory of a search.
type geoScratch struct {
	found  []found
	names  []byte
	scores []float64 // of GEOADD
}

func (f *found) name(names []byte) []byte { return names[f.at : f.at+f.n] }

func geoRadius(c *Ctx) error           { return c.radius(false, true) }
func geoRadiusRO(c *Ctx) error         { return c.radius(false, false) }
func geoRadiusByMember(c *Ctx) error   { return c.radius(true, true) }
func geoRadiusByMemberRO(c *Ctx) error { return c.radius(true, false) }

// radius is the GEORADIUS commands: the centre is a place or a member. The key is looked
// up first, and without one the radius around a member is not even read: as in Redis.
func (c *Ctx) radius(byMember, stores bool) error {
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	q := geoQuery{located: true, shaped: true}
	options := 6
	if byMember {
		options = 5
	}
	switch {
	case !byMember:
		q.centre, err = place(c.Arg(2), c.Arg(3))
	case z.Card() > 0:
		q.centre, err = member(z, c.Arg(2))
	}
	if err == nil && (!byMember || z.Card() > 0) {
		err = q.circle(c.Arg(options-2), c.Arg(options-1))
	}
	if err != nil {
		return err
	}
	o := c.Opts(options)
	for o.Next() {
		switch {
		case q.common(o):
		case stores && o.Is("STORE") && o.Left() > 0:
			q.dst, q.dstKey, q.storeDist = o.Value(), true, false
		case stores && o.Is("STOREDIST") && o.Left() > 0:
			q.dst, q.dstKey, q.storeDist = o.Value(), true, true
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	if q.dstKey && (q.withDist || q.withHash || q.withCoord) {
		return ErrRadiusStore
	}
	return c.search(&q, z, "georadiusstore")
}

func geoSearch(c *Ctx) error {
	return c.geoSearch(&geoQuery{name: c.Arg(0)}, 1)
}

func geoSearchStore(c *Ctx) error {
	return c.geoSearch(&geoQuery{name: c.Arg(0), dst: c.Arg(1), dstKey: true}, 2)
}

// geoSearch reads the arguments of GEOSEARCH and GEOSEARCHSTORE, whose source is argument
// src.
func (c *Ctx) geoSearch(q *geoQuery, src int) error {
	z, err := c.zset(src)
	if err != nil {
		return err
	}
	fromMember, fromPlace, circle := false, false, false
	o := c.Opts(src + 1)
	for o.Next() {
		switch {
		case q.common(o):
		case o.Is("FROMMEMBER") && o.Left() > 0 && !fromPlace:
			fromMember = true
			if name := o.Value(); z.Card() > 0 {
				if q.centre, err = member(z, name); err != nil {
					o.Fail(err)
				}
			}
		case o.Is("FROMLONLAT") && o.Left() > 1 && !fromMember:
			fromPlace = true
			if q.centre, err = place(o.Value(), o.Value()); err != nil {
				o.Fail(err)
			}
		case o.Is("BYRADIUS") && o.Left() > 1 && !q.box:
			circle = true
			if err = q.circle(o.Value(), o.Value()); err != nil {
				o.Fail(err)
			}
		case o.Is("BYBOX") && o.Left() > 2 && !circle:
			if err = q.rectangle(o.Value(), o.Value(), o.Value()); err != nil {
				o.Fail(err)
			}
		case o.Is("STOREDIST") && q.dstKey:
			q.storeDist = true
		default:
			o.Fail(ErrSyntax)
		}
	}
	switch {
	case o.Err != nil:
		return o.Err
	case q.dstKey && (q.withDist || q.withHash || q.withCoord):
		return ErrSearchStore
	case !fromMember && !fromPlace:
		return errGeoFrom(q.name)
	case !circle && !q.box:
		return errGeoBy(q.name)
	}
	return c.search(q, z, "geosearchstore")
}

// common reads the options that all searches have, and reports whether the one at the
// cursor is one of them.
func (q *geoQuery) common(o *Opts) bool {
	switch {
	case o.Is("WITHDIST"):
		q.withDist = true
	case o.Is("WITHHASH"):
		q.withHash = true
	case o.Is("WITHCOORD"):
		q.withCoord = true
	case o.Is("ANY"):
		q.any = true
	case o.Is("ASC"):
		q.order = 1
	case o.Is("DESC"):
		q.order = -1
	case o.Is("COUNT") && o.Left() > 0:
		if q.count = o.Int(); o.Err == nil && q.count <= 0 {
			o.Fail(ErrGeoCount)
		}
	default:
		return false
	}
	return true
}

// member is the place of a member, as the centre of a search.
func member(z db.SortedSet, name []byte) (geo.Point, error) {
	score, ok := z.Score(name)
	if !ok {
		return geo.Point{}, ErrGeoMember
	}
	return geo.At(score), nil
}

// circle reads a radius and its unit.
func (q *geoQuery) circle(radius, name []byte) (err error) {
	var ok bool
	if q.width, ok = ParseFloat(radius); !ok {
		return ErrRadius
	}
	if q.width < 0 {
		return ErrRadiusMinus
	}
	q.metres, err = unit(name)
	return err
}

// rectangle reads the size of a box and the unit.
func (q *geoQuery) rectangle(width, height, name []byte) (err error) {
	var ok bool
	q.box = true
	if q.width, ok = ParseFloat(width); !ok {
		return ErrWidth
	}
	if q.height, ok = ParseFloat(height); !ok {
		return ErrHeight
	}
	if q.width < 0 || q.height < 0 {
		return ErrBoxMinus
	}
	q.metres, err = unit(name)
	return err
}

func (q *geoQuery) area() geo.Area {
	if q.box {
		return geo.Box(q.centre, q.width, q.height, q.metres)
	}
	return geo.Circle(q.centre, q.width, q.metres)
}

// search finds what q asks for in z and replies it, or stores it under q.dst.
func (c *Ctx) search(q *geoQuery, z db.SortedSet, event string) error {
	if q.any && q.count == 0 {
		return ErrGeoAny
	}
	if z.Card() == 0 {
		if q.dstKey {
			return c.storePlaces(q, nil, event)
		}
		c.Out.Array(0)
		return nil
	}
	// The nearest are meant when it is not said which ones.
	if q.count != 0 && q.order == 0 && !q.any {
		q.order = 1
	}
	if q.order == 0 && !q.dstKey {
		return c.replyUnsorted(q, z)
	}
	s := &c.scratch.geo
	s.found, s.names = s.found[:0], s.names[:0]
	q.each(z, func(m []byte, score, dist float64) bool {
		s.found = append(s.found, found{dist, score, len(s.names), len(m)})
		s.names = append(s.names, m...)
		return !q.any || int64(len(s.found)) < q.count
	})
	all := s.found
	if q.count > 0 && int64(len(all)) > q.count {
		all = all[:q.count]
	}
	switch {
	case q.order == 0 || len(all) == 0:
	case len(all) == len(s.found):
		// Redis's sort of all is stable.
		slices.SortFunc(all, func(x, y found) int {
			return cmp.Or(q.compare(&x, &y), cmp.Compare(x.at, y.at), cmp.Compare(x.n, y.n))
		})
	default:
		sorting.Part(s.found, 0, len(all)-1, q.compare)
	}
	var err error
	if q.dstKey {
		err = c.storePlaces(q, all, event)
	} else {
		err = c.replyPlaces(q, all)
	}
	s.found, s.names = reusable(s.found), reusable(s.names)
	return err
}

func (q *geoQuery) compare(x, y *found) int { return int(q.order) * cmp.Compare(x.dist, y.dist) }

// each calls yield for the members in the area, until it returns false.
func (q *geoQuery) each(z db.SortedSet, yield func(name []byte, score, dist float64) bool) {
	area := q.area()
	var room [geo.MaxIntervals]geo.Interval
	var ranges [geo.MaxIntervals]db.ScoreRange
	cover := area.Cover(room[:0])
	for i, in := range cover {
		ranges[i] = db.ScoreRange{Min: float64(in.Min), Max: float64(in.Max), MaxEx: true}
	}
	z.Ranges(ranges[:len(cover)], func(m []byte, score float64) bool {
		dist, inside := area.Distance(score)
		return !inside || yield(m, score, dist)
	})
}

// replyUnsorted replies members as they are found.
func (c *Ctx) replyUnsorted(q *geoQuery, z db.SortedSet) error {
	n, full := int64(0), false
	mark := c.Out.Mark()
	q.each(z, func(m []byte, score, dist float64) bool {
		c.placeFound(q, m, score, dist)
		n++
		full = c.replyFull(mark)
		return !full && (q.count == 0 || n < q.count)
	})
	if full {
		return ErrReplyLimit
	}
	c.Out.ArrayAt(mark, int(n))
	return nil
}

func (c *Ctx) replyPlaces(q *geoQuery, all []found) error {
	mark := c.Out.Mark()
	c.Out.Array(len(all))
	for i := range all {
		f := &all[i]
		c.placeFound(q, f.name(c.scratch.geo.names), f.score, f.dist)
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
	}
	return nil
}

// placeFound replies one member and what is asked for with it.
func (c *Ctx) placeFound(q *geoQuery, name []byte, score, dist float64) {
	n := 1
	for _, with := range [3]bool{q.withDist, q.withHash, q.withCoord} {
		if with {
			n++
		}
	}
	if n > 1 {
		c.Out.Array(n)
	}
	c.Out.Bulk(name)
	if q.withDist {
		c.distance(dist / q.metres)
	}
	if q.withHash {
		c.Out.Int(int64(score))
	}
	if q.withCoord {
		c.coordinates(geo.At(score))
	}
}

// storePlaces puts what was found under q.dst, in place of what was there, and replies
// how many that are. The score is the place, or the distance in the unit of the search.
func (c *Ctx) storePlaces(q *geoQuery, all []found, event string) error {
	if err := c.fitsElements(int64(len(all))); err != nil {
		return err
	}
	draft := c.DB.NewZDraft()
	for i := range all {
		score := all[i].score
		if q.storeDist {
			score = all[i].dist / q.metres
		}
		draft.Add(all[i].name(c.scratch.geo.names), score)
	}
	draft.Sort()
	existed := c.DB.StoreZSet(q.dst, draft)
	switch {
	case len(all) > 0:
		c.Changed(c.DB, q.dst, event)
	case existed:
		c.Changed(c.DB, q.dst, "del")
	}
	c.Out.Int(int64(len(all)))
	return nil
}
