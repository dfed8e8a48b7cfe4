package cmd

import (
	"redust/acl"
	"redust/db/geo"
)

// Places. A geospatial index is a sorted set: a member's score is the place where it lies,
// 52 bits that sort near each other when the places do (db/geo has the drawing). So
// every command on sorted sets works on it, places are removed with ZREM, and what is
// here are the ways in and out: coordinates to a score, a score to coordinates, distances.
// The searches are in geo_search.go.

func geoCommands() []*Command {
	const (
		units   = "<m | km | ft | mi>"
		from    = "<FROMMEMBER member | FROMLONLAT longitude latitude>"
		by      = "<BYRADIUS radius " + units + " | BYBOX width height " + units + ">"
		with    = " [WITHCOORD] [WITHDIST] [WITHHASH]"
		few     = " [COUNT count [ANY]]"
		order   = " [<ASC | DESC>]"
		store   = " [<STORE key | STOREDIST key>]"
		search  = "O(N + log(M)) where N is the number of members in the cells around the area and M that of all"
		byplace = "`GEOSEARCH` with the `BYRADIUS` argument"
		byname  = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"
	)
	upper := [][2]string{{"7.0.0", "Names of units may be in upper case."}}
	anyway := [][2]string{{"6.2.0", "COUNT takes ANY."}}
	stores := func(from int) []KeySpec {
		return []KeySpec{key(1, RO|Access),
			{Flags: OW | Update, Begin: Begin{Keyword: "STORE", From: from}, Find: Find{Step: 1}},
			{Flags: OW | Update, Begin: Begin{Keyword: "STOREDIST", From: from}, Find: Find{Step: 1}}}
	}
	return []*Command{
		{
			Name: "geoadd", Arity: -5, Run: geoAdd, Member: 4,
			Flags: Write | DenyOOM, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "geo", Since: "3.2.0", Complexity: "O(log(N)) for each place, where N is the number of members",
				Summary: "Puts members at places on the map.",
				Syntax:  "key [<NX | XX>] [CH] longitude latitude member [longitude latitude member ...]",
				Added:   "NX 6.2.0 XX 6.2.0 CH 6.2.0",
				History: [][2]string{{"6.2.0", "NX, XX and CH."}}},
		},
		{
			Name: "geodist", Arity: -4, Run: geoDist,
			Flags: ReadOnly, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "geo", Since: "3.2.0", Complexity: "O(1)",
				Summary: "Tells how far apart two members lie.",
				Syntax:  "key member1 member2 [" + units + "]"},
		},
		{
			Name: "geohash", Arity: -2, Run: geoHash,
			Flags: ReadOnly, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "geo", Since: "3.2.0", Complexity: "O(1) for each member",
				Summary: "Tells where members lie, as geohashes.", Syntax: "key [member [member ...]]"},
		},
		{
			Name: "geopos", Arity: -2, Run: geoPos,
			Flags: ReadOnly, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "geo", Since: "3.2.0", Complexity: "O(1) for each member",
				Summary: "Tells where members lie, as longitude and latitude.", Syntax: "key [member [member ...]]"},
		},
		{
			Name: "georadius", Arity: -6, Run: geoRadius,
			Flags: Write | DenyOOM, ACL: acl.Geo, Keys: stores(6),
			Doc: Doc{Group: "geo", Since: "3.2.0", Complexity: search,
				Summary:    "Finds the members at most some distance away from a place, and perhaps stores them.",
				Syntax:     "key longitude latitude radius " + units + with + few + order + store,
				Deprecated: "6.2.0", ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
				Added: "any 6.2.0", History: append(anyway, upper...)},
		},
		{
			Name: "georadius_ro", Arity: -6, Run: geoRadiusRO,
			Flags: ReadOnly, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "geo", Since: "3.2.10", Complexity: search,
				Summary:    "Finds the members at most some distance away from a place.",
				Syntax:     "key longitude latitude radius " + units + with + few + order,
				Deprecated: "6.2.0", ReplacedBy: byplace,
				Added: "any 6.2.0", History: anyway},
		},
		{
			Name: "georadiusbymember", Arity: -5, Run: geoRadiusByMember,
			Flags: Write | DenyOOM, ACL: acl.Geo, Keys: stores(5),
			Doc: Doc{Group: "geo", Since: "3.2.0", Complexity: search,
				Summary:    "Finds the members at most some distance away from one of them, and perhaps stores them.",
				Syntax:     "key member radius " + units + with + few + order + store,
				Deprecated: "6.2.0", ReplacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
				History: upper},
		},
		{
			Name: "georadiusbymember_ro", Arity: -5, Run: geoRadiusByMemberRO,
			Flags: ReadOnly, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "geo", Since: "3.2.10", Complexity: search,
				Summary:    "Finds the members at most some distance away from one of them.",
				Syntax:     "key member radius " + units + with + few + order,
				Deprecated: "6.2.0", ReplacedBy: byname},
		},
		{
			Name: "geosearch", Arity: -7, Run: geoSearch,
			Flags: ReadOnly, ACL: acl.Geo,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "geo", Since: "6.2.0", Complexity: search,
				Summary: "Finds the members in a circle or a box.",
				Syntax:  "key " + from + " " + by + order + few + with, History: upper},
		},
		{
			Name: "geosearchstore", Arity: -8, Run: geoSearchStore,
			Flags: Write | DenyOOM, ACL: acl.Geo,
			Keys: []KeySpec{key(1, OW|Update), key(2, RO|Access)},
			Doc: Doc{Group: "geo", Since: "6.2.0", Complexity: search,
				Summary: "Finds the members in a circle or a box and stores them as a sorted set.",
				Syntax:  "destination source " + from + " " + by + order + few + " [STOREDIST]", History: upper},
		},
	}
}

// place reads longitude and latitude.
func place(lon, lat []byte) (geo.Point, error) {
	x, ok := ParseFloat(lon)
	y, fine := ParseFloat(lat)
	if !ok || !fine {
		return geo.Point{}, ErrNotFloat
	}
	p := geo.Point{Lon: x, Lat: y}
	if !p.Valid() {
		return p, errPlace(p)
	}
	return p, nil
}

// unit reads the name of a unit and returns it in metres.
func unit(name []byte) (float64, error) {
	switch {
	case fold(name, "M"):
		return 1, nil
	case fold(name, "KM"):
		return 1000, nil
	case fold(name, "FT"):
		return 0.3048, nil
	case fold(name, "MI"):
		return 1609.34, nil
	}
	return 0, ErrUnit
}

// geoAdd is ZADD with places for scores, and replies what that replies: how many members
// are new, with CH how many are new or moved.
func geoAdd(c *Ctx) error {
	first, nx, xx, ch := 2, false, false, false
options:
	for ; first < c.Argc(); first++ {
		switch a := c.Arg(first); {
		case fold(a, "NX"):
			nx = true
		case fold(a, "XX"):
			xx = true
		case fold(a, "CH"):
			ch = true
		default:
			break options
		}
	}
	n := (c.Argc() - first) / 3
	if (c.Argc()-first)%3 != 0 || n == 0 || nx && xx {
		return ErrSyntax
	}
	scores := c.scratch.geo.scores[:0]
	for i := first; i < c.Argc(); i += 3 {
		p, err := place(c.Arg(i), c.Arg(i+1))
		if err != nil {
			return err
		}
		if err := c.fits(int64(len(c.Arg(i + 2)))); err != nil {
			return err
		}
		scores = append(scores, float64(p.Score()))
	}
	c.scratch.geo.scores = reusable(scores)
	z, err := c.zsetForWrite(1)
	if err != nil {
		return err
	}
	if z.Card() > 0 || !xx {
		if err := c.fitsMembers(&z, first+2, 3, xx); err != nil {
			return err
		}
		z.Expect(n)
	}
	added, moved := int64(0), int64(0)
	for i, score := range scores {
		name := c.Arg(first + 3*i + 2)
		switch at := z.Find(name); {
		case at.OK && !nx && at.Score != score:
			z.Put(at, name, score)
			moved++
		case !at.OK && !xx:
			z.Put(at, name, score)
			added++
		}
	}
	if added+moved > 0 {
		c.Changed(c.DB, c.Arg(1), "zadd")
	}
	if ch {
		added += moved
	}
	c.Out.Int(added)
	return nil
}

// geoDist replies nil unless both members are there.
func geoDist(c *Ctx) error {
	metres, err := 1.0, error(nil)
	if c.Argc() > 5 {
		return ErrSyntax
	}
	if c.Argc() == 5 {
		if metres, err = unit(c.Arg(4)); err != nil {
			return err
		}
	}
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	a, found := z.Score(c.Arg(2))
	b, both := z.Score(c.Arg(3))
	if !found || !both {
		c.Out.Null()
		return nil
	}
	c.distance(geo.Distance(geo.At(a), geo.At(b)) / metres)
	return nil
}

// distance replies a distance.
func (c *Ctx) distance(d float64) {
	var room [40]byte
	c.Out.Bulk(geo.AppendDistance(room[:0], d))
}

// coordinates replies a place.
func (c *Ctx) coordinates(p geo.Point) {
	var room [40]byte
	c.Out.Array(2)
	c.Out.Decimal(geo.AppendCoord(room[:0], p.Lon))
	c.Out.Decimal(geo.AppendCoord(room[:0], p.Lat))
}

// geoHash replies nil for a member that is not there.
func geoHash(c *Ctx) error {
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	var room [16]byte
	c.Out.Array(c.Argc() - 2)
	for _, m := range c.Args[2:] {
		if score, ok := z.Score(m); ok {
			c.Out.Bulk(geo.At(score).AppendHash(room[:0]))
		} else {
			c.Out.Null()
		}
	}
	return nil
}

// geoPos replies an absent array for a member that is not there.
func geoPos(c *Ctx) error {
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	c.Out.Array(c.Argc() - 2)
	for _, m := range c.Args[2:] {
		if score, ok := z.Score(m); ok {
			c.coordinates(geo.At(score))
		} else {
			c.Out.NullArray()
		}
	}
	return nil
}
