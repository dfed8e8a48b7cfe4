package random

import "strconv"

// places is GEO. Two things stay away from it: what Redis gets wrong (longitude 180, and
// circles around a pole, where we find more), hence latitudes up to 60 and areas of at most
// 3000 km, or the whole earth; and distances as scores (STOREDIST), whose last bit is the
// C library's affair.
func places() Family {
	key := func(g *Gen) string {
		if g.OneIn(20) {
			return g.Any()
		}
		return "g" + strconv.Itoa(g.r.IntN(3))
	}
	around := func(g *Gen) []string {
		if g.OneIn(2) {
			return []string{g.member()}
		}
		return g.place()
	}
	add := func(g *Gen) []string {
		out := []string{key(g)}
		for g.OneIn(4) {
			out = append(out, g.Of("NX", "XX", "CH", "ch"))
		}
		for range 1 + g.r.IntN(6) {
			out = append(append(out, g.place()...), g.member())
		}
		return out
	}
	members := func(g *Gen) []string { return append([]string{key(g)}, g.Keys(4, g.member)...) }
	radius := func(byMember, store bool) func(*Gen) []string {
		return func(g *Gen) []string {
			out := []string{key(g)}
			if byMember {
				out = append(out, g.member())
			} else {
				out = append(out, g.place()...)
			}
			out = append(append(out, g.size()...), g.found(true)...)
			if store && g.OneIn(4) {
				out = append(out, "STORE", key(g))
			}
			return out
		}
	}
	search := func(g *Gen, out []string, with bool) []string {
		centre := around(g)
		if len(centre) == 1 {
			out = append(out, "FROMMEMBER")
		} else {
			out = append(out, "FROMLONLAT")
		}
		out = append(out, centre...)
		size := g.size()
		if g.OneIn(2) {
			out = append(out, "BYRADIUS")
		} else {
			out = append(out, "BYBOX", g.size()[0])
		}
		return append(append(out, size...), g.found(with)...)
	}
	return Family{"geo", []Command{
		{Name: "GEOADD", Weight: 24, Args: add},
		{Name: "GEODIST", Weight: 6, Args: func(g *Gen) []string {
			out := []string{key(g), g.member(), g.member()}
			if g.OneIn(2) {
				out = append(out, g.unit())
			}
			return out
		}},
		{Name: "GEOPOS", Weight: 4, Args: members},
		{Name: "GEOHASH", Weight: 4, Args: members},
		{Name: "GEORADIUS", Weight: 4, Args: radius(false, true)},
		{Name: "GEORADIUS_RO", Weight: 4, Args: radius(false, false)},
		{Name: "GEORADIUSBYMEMBER", Weight: 4, Args: radius(true, true)},
		{Name: "GEORADIUSBYMEMBER_RO", Weight: 4, Args: radius(true, false)},
		{Name: "GEOSEARCH", Weight: 12, Args: func(g *Gen) []string { return search(g, []string{key(g)}, true) }},
		{Name: "GEOSEARCHSTORE", Weight: 3, Args: func(g *Gen) []string { return search(g, []string{key(g), key(g)}, false) }},
	}}
}

// member is one of some three hundred names, so that a set may outgrow its small form.
func (g *Gen) member() string {
	if g.OneIn(3) {
		return strconv.Itoa(g.r.IntN(40))
	}
	return "m" + strconv.Itoa(g.r.IntN(300))
}

// place is anywhere, or near a few towns, or one of a few exact places.
func (g *Gen) place() []string {
	lon, lat := float64(g.r.IntN(359)-179), float64(g.r.IntN(120)-60)
	switch g.r.IntN(4) {
	case 0, 1:
		lon, lat = 13.4+g.r.NormFloat64()/20, 52.5+g.r.NormFloat64()/20
	case 2:
		lon, lat = lon+g.r.Float64()/2, lat*g.r.Float64()
	}
	return []string{strconv.FormatFloat(lon, 'f', -1, 64), strconv.FormatFloat(lat, 'f', -1, 64)}
}

func (g *Gen) unit() string { return g.Of("m", "km", "ft", "mi", "KM", "M") }

// size is a length and its unit.
func (g *Gen) size() []string {
	switch g.r.IntN(8) {
	case 0:
		return []string{g.Of("20100", "1e5"), "km"}
	case 1:
		return []string{"0", g.unit()}
	case 2:
		return []string{strconv.Itoa(g.r.IntN(1800)), g.Of("km", "mi")}
	}
	return []string{strconv.FormatFloat(g.r.ExpFloat64()*5000, 'f', 2, 64), g.Of("m", "ft")}
}

// found is the options that say what to make of the places found.
func (g *Gen) found(with bool) []string {
	var out []string
	if g.OneIn(2) {
		out = append(out, g.Of("ASC", "DESC"))
	}
	if g.OneIn(2) {
		out = append(out, "COUNT", strconv.Itoa(1+g.r.IntN(30)))
		if g.OneIn(3) {
			out = append(out, "ANY")
		}
	}
	for _, o := range []string{"WITHDIST", "WITHCOORD", "WITHHASH"} {
		if with && g.OneIn(3) {
			out = append(out, o)
		}
	}
	return out
}
