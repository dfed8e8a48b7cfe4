package random

import (
	"strconv"

	"redust/tests/script"
)

// zsets is the sorted sets. Two servers may print a score differently (17 digits, or as many
// as it takes), so numbers are compared as numbers. Ranges of members are asked of keys
// of their own, whose scores are all alike: of others they are anything.
func zsets() Family {
	exact := func(name string, weight int, args func(*Gen) []string) Command {
		return Command{Name: name, Weight: weight, Args: args, Same: Numbers}
	}
	whole := func(name string, weight int, args func(*Gen) []string) Command {
		return Command{Name: name, Weight: weight, Args: args, Whole: true}
	}
	scores := func(g *Gen) []string { return []string{zkey(g), zend(g), zend(g)} }
	members := func(g *Gen) []string { return []string{lexKey(g), lexEnd(g), lexEnd(g)} }
	count := func(g *Gen) []string {
		if g.OneIn(2) {
			return []string{zkey(g)}
		}
		return []string{zkey(g), strconv.Itoa(g.r.IntN(5))}
	}
	return Family{"sorted_set", []Command{
		exact("ZADD", 60, zadd),
		exact("ZADD", 2, zaddMany),
		exact("ZINCRBY", 10, func(g *Gen) []string { return []string{zkey(g), score(g), zmember(g)} }),
		exact("ZREM", 10, func(g *Gen) []string {
			return append([]string{zkey(g)}, g.Keys(4, func() string { return zmember(g) })...)
		}),
		exact("ZCARD", 6, func(g *Gen) []string { return []string{zkey(g)} }),
		exact("ZCOUNT", 6, scores),
		exact("ZSCORE", 8, func(g *Gen) []string { return []string{zkey(g), zmember(g)} }),
		exact("ZMSCORE", 4, func(g *Gen) []string {
			return append([]string{zkey(g)}, g.Keys(4, func() string { return zmember(g) })...)
		}),
		whole("ZRANK", 6, func(g *Gen) []string { return []string{zkey(g), zmember(g)} }), // 7.2 has an argument more
		whole("ZREVRANK", 6, func(g *Gen) []string { return []string{zkey(g), zmember(g)} }),
		exact("ZRANGE", 20, zrange),
		exact("ZRANGESTORE", 6, func(g *Gen) []string { return append([]string{zkey(g)}, zrange(g)...) }),
		exact("ZREVRANGE", 6, func(g *Gen) []string { return withScores(g, []string{zkey(g), g.Index(), g.Index()}) }),
		exact("ZRANGEBYSCORE", 8, func(g *Gen) []string { return limited(g, withScores(g, scores(g))) }),
		exact("ZREVRANGEBYSCORE", 8, func(g *Gen) []string { return withScores(g, limited(g, scores(g))) }),
		exact("ZREMRANGEBYRANK", 2, func(g *Gen) []string { return []string{zkey(g), g.Index(), g.Of("-3", "2", "5", "-50")} }),
		exact("ZREMRANGEBYSCORE", 2, func(g *Gen) []string { return []string{zkey(g), zend(g), zend(g)} }),
		exact("ZPOPMIN", 4, count),
		exact("ZPOPMAX", 4, count),
		exact("ZMPOP", 3, zmpop),
		{Name: "BZPOPMIN", Weight: 2, Args: func(g *Gen) []string { return append(g.Keys(3, func() string { return zkey(g) }), "0.001") }, Same: Numbers, Whole: true},
		{Name: "BZMPOP", Weight: 2, Args: func(g *Gen) []string { return append([]string{"0.001"}, zmpop(g)...) }, Same: Numbers, Whole: true},
		{Name: "ZRANDMEMBER", Weight: 3, Args: func(g *Gen) []string { return []string{zkey(g), g.Of("0", "1", "-1", "1000", "-5")} }, Same: Shape},
		whole("SADD", 6, func(g *Gen) []string {
			out := []string{"plain" + strconv.Itoa(g.r.IntN(3))}
			for range 1 + g.r.IntN(5) {
				out = append(out, zmember(g))
			}
			return out
		}),
		whole("DEL", 1, func(g *Gen) []string { return []string{"plain" + strconv.Itoa(g.r.IntN(3))} }),
		exact("ZUNION", 5, func(g *Gen) []string { return withScores(g, zoperands(g, true)) }),
		exact("ZINTER", 5, func(g *Gen) []string { return withScores(g, zoperands(g, true)) }),
		exact("ZDIFF", 5, func(g *Gen) []string { return withScores(g, zoperands(g, false)) }),
		exact("ZINTERCARD", 3, func(g *Gen) []string {
			if g.OneIn(2) {
				return zoperands(g, false)
			}
			return append(zoperands(g, false), "LIMIT", g.Of("0", "1", "3", "-1"))
		}),
		exact("ZUNIONSTORE", 5, func(g *Gen) []string { return append([]string{zkey(g)}, zoperands(g, true)...) }),
		exact("ZINTERSTORE", 5, func(g *Gen) []string { return append([]string{zkey(g)}, zoperands(g, true)...) }),
		exact("ZDIFFSTORE", 5, func(g *Gen) []string { return append([]string{zkey(g)}, zoperands(g, false)...) }),

		whole("ZADD", 20, func(g *Gen) []string { return []string{lexKey(g), "0", zmember(g), "0", zmember(g)} }),
		whole("ZADD", 1, func(g *Gen) []string {
			out := []string{lexKey(g)}
			for i := range 150 {
				out = append(out, "0", strconv.Itoa(i*7))
			}
			return out
		}),
		whole("ZRANGEBYLEX", 8, func(g *Gen) []string { return limited(g, members(g)) }),
		whole("ZREVRANGEBYLEX", 8, func(g *Gen) []string { return limited(g, members(g)) }),
		whole("ZRANGE", 8, func(g *Gen) []string {
			out := append(members(g), "BYLEX")
			if g.OneIn(2) {
				out = append(out, "REV")
			}
			return limited(g, out)
		}),
		whole("ZLEXCOUNT", 8, members),
		whole("ZREMRANGEBYLEX", 2, members),
		whole("ZREM", 4, func(g *Gen) []string { return []string{lexKey(g), zmember(g), zmember(g)} }),
	}}
}

// Numbers compares replies in which numbers may be written differently.
func Numbers(a, b script.Value) bool {
	if len(a.Items) != len(b.Items) {
		return false
	}
	if len(a.Items) > 0 {
		for i := range a.Items {
			if !Numbers(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return a.Kind == b.Kind
	}
	x, errX := strconv.ParseFloat(a.Text, 64)
	y, errY := strconv.ParseFloat(b.Text, 64)
	if a.Kind != b.Kind || a.Kind == '-' || errX != nil || errY != nil {
		return Exact(a, b)
	}
	return x == y || a.Text == b.Text
}

func zkey(g *Gen) string {
	if g.OneIn(6) {
		return g.Any()
	}
	return "z" + strconv.Itoa(g.r.IntN(4))
}

func lexKey(g *Gen) string { return "lex" + strconv.Itoa(g.r.IntN(2)) }

// zmember is an integer, a word, or something longer, so that sets have much in common.
func zmember(g *Gen) string {
	switch g.r.IntN(60) {
	case 0:
		return g.Value()
	case 1:
		return "a member that is longer than sixty-four bytes, the usual limit " + g.Of("a", "b", "c", "d")
	case 2:
		return g.Of("", "-0", "01", "\x00", "\xff", "9223372036854775807")
	}
	if g.OneIn(2) {
		return strconv.Itoa(g.r.IntN(80) - 20)
	}
	return "m" + strconv.Itoa(g.r.IntN(60))
}

func score(g *Gen) string {
	switch g.r.IntN(8) {
	case 0:
		return g.Of("inf", "-inf", "+inf", "0", "-0", "1e300", "-1e-300", "1e17", "0.1", "3.3", "nan")
	case 1:
		return g.Float()
	case 2:
		return g.Int()
	}
	return strconv.Itoa(g.r.IntN(20) - 5)
}

func zadd(g *Gen) []string {
	out := []string{zkey(g)}
	for g.OneIn(4) {
		out = append(out, g.Of("NX", "XX", "GT", "LT", "CH", "INCR", "ch", "gt"))
	}
	for range 1 + g.r.IntN(4) {
		out = append(out, score(g), zmember(g))
	}
	return out
}

// zaddMany makes a set large.
func zaddMany(g *Gen) []string {
	out := []string{zkey(g)}
	for i := range 130 + g.r.IntN(300) {
		out = append(out, strconv.Itoa(g.r.IntN(50)), "m"+strconv.Itoa(i))
	}
	return out
}

// zend is an end of a range of scores.
func zend(g *Gen) string {
	if g.OneIn(3) {
		return g.Of("-inf", "+inf", "(inf", "inf", "")
	}
	if g.OneIn(3) {
		return "(" + score(g)
	}
	return score(g)
}

func lexEnd(g *Gen) string {
	if g.OneIn(3) {
		return g.Of("-", "+", "-", "+", "", "x", "+a", "[", "(")
	}
	return g.Of("[", "(") + zmember(g)
}

func withScores(g *Gen, args []string) []string {
	if g.OneIn(2) {
		return append(args, g.Of("WITHSCORES", "withscores"))
	}
	return args
}

func limited(g *Gen, args []string) []string {
	if g.OneIn(2) {
		return append(args, "LIMIT", g.Of("0", "1", "5", "-1", "100"), g.Of("0", "1", "3", "-1", "1000"))
	}
	return args
}

func zrange(g *Gen) []string {
	switch g.r.IntN(5) {
	case 0:
		return limited(g, []string{zkey(g), zend(g), zend(g), "BYSCORE", "REV"})
	case 1:
		return limited(g, []string{zkey(g), zend(g), zend(g), "byscore"})
	case 2:
		return []string{zkey(g), g.Index(), g.Index(), "rev"}
	case 3:
		return limited(g, []string{zkey(g), g.Index(), g.Index()})
	}
	return []string{zkey(g), g.Index(), g.Index()}
}

func zmpop(g *Gen) []string {
	keys := g.Keys(3, func() string { return zkey(g) })
	out := append([]string{strconv.Itoa(len(keys))}, keys...)
	out = append(out, g.Of("MIN", "MAX", "min"))
	if g.OneIn(2) {
		out = append(out, "COUNT", g.Of("1", "3", "0", "200"))
	}
	return out
}

// zoperands is numkeys key ... and, for those that combine scores, weights and how.
func zoperands(g *Gen, combine bool) []string {
	keys := g.Keys(3, func() string {
		if g.OneIn(8) {
			return "plain" + strconv.Itoa(g.r.IntN(3))
		}
		return zkey(g)
	})
	out := append([]string{strconv.Itoa(len(keys))}, keys...)
	if combine && g.OneIn(3) {
		out = append(out, "WEIGHTS")
		for range keys {
			out = append(out, g.Of("1", "2", "-1", "0", "0.5", "inf", "x"))
		}
	}
	if combine && g.OneIn(3) {
		out = append(out, "AGGREGATE", g.Of("SUM", "MIN", "max", "avg"))
	}
	return out
}
