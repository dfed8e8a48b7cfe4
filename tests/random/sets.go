package random

import "strconv"

// sets is the family of SADD. Redis 7.0, the oracle, has no packed sets of strings, which
// Encoding knows, and makes a new set of a few members in another form than its
// successors, so SPOP takes one member of one, or all: what else it takes is chance anyway.
func sets() Family {
	one := func(g *Gen) []string { return []string{g.set()} }
	some := func(n int) func(g *Gen) []string {
		return func(g *Gen) []string { return append([]string{g.set()}, g.Keys(n, g.setMember)...) }
	}
	several := func(g *Gen) []string { return g.Keys(4, g.set) }
	store := func(g *Gen) []string { return append([]string{g.set()}, g.Keys(4, g.set)...) }
	return Family{"set", []Command{
		{Name: "SADD", Weight: 30, Args: some(8)},
		{Name: "SADD", Weight: 4, Args: func(g *Gen) []string { return append([]string{g.set()}, g.setRun()...) }},
		{Name: "SREM", Weight: 16, Args: some(5)},
		{Name: "SREM", Weight: 3, Args: func(g *Gen) []string { return append([]string{g.set()}, g.setRun()...) }},
		{Name: "SISMEMBER", Weight: 8, Args: func(g *Gen) []string { return []string{g.set(), g.setMember()} }},
		{Name: "SMISMEMBER", Weight: 8, Args: some(20)},
		{Name: "SCARD", Weight: 8, Args: one},
		{Name: "SMEMBERS", Weight: 8, Args: one, Same: Unordered},
		{Name: "SMOVE", Weight: 12, Args: func(g *Gen) []string { return []string{g.set(), g.set(), g.setMember()} }},
		{Name: "SPOP", Weight: 2, Args: func(g *Gen) []string { return []string{g.set(), g.Of("100000", "0")} }, Same: Unordered, Whole: true},
		{Name: "SPOP", Weight: 2, Args: func(g *Gen) []string { return []string{g.set(), g.Of("-1", "x", "1.5")} }, Whole: true},
		{Name: "SRANDMEMBER", Weight: 4, Args: func(g *Gen) []string { return []string{g.set(), g.Of("1000000", "0")} }, Same: Unordered, Whole: true},
		{Name: "SRANDMEMBER", Weight: 4, Args: func(g *Gen) []string { return []string{g.set(), g.Of("1", "3", "200", "-1", "-7", "-300", "x")} }, Same: Long, Whole: true},
		{Name: "SRANDMEMBER", Weight: 4, Args: one, Same: Shape},
		{Name: "SINTER", Weight: 10, Args: several, Same: Unordered},
		{Name: "SUNION", Weight: 8, Args: several, Same: Unordered},
		{Name: "SDIFF", Weight: 10, Args: several, Same: Unordered},
		{Name: "SINTERCARD", Weight: 10, Args: sinterCard},
		{Name: "SINTERSTORE", Weight: 8, Args: store},
		{Name: "SUNIONSTORE", Weight: 6, Args: store},
		{Name: "SDIFFSTORE", Weight: 8, Args: store},
		{Name: "SSCAN", Weight: 6, Args: sscan, Same: Unordered, Whole: true},
		{Name: "OBJECT", Weight: 6, Args: func(g *Gen) []string { return []string{"ENCODING", g.set()} }, Same: Encoding},
		{Name: "DEL", Weight: 3, Args: one},
		{Name: "COPY", Weight: 6, Args: func(g *Gen) []string { return []string{g.set(), g.set(), "REPLACE"} }},
		{Name: "RENAME", Weight: 3, Args: func(g *Gen) []string { return []string{g.set(), g.set()} }},
		{Name: "DEBUG", Weight: 2, Args: func(g *Gen) []string { return []string{"DIGEST-VALUE", g.set(), g.set()} }, Whole: true},
	}}
}

// set is the name of a set, at times of something else.
func (g *Gen) set() string {
	if g.OneIn(40) {
		return g.Any()
	}
	return "s" + strconv.Itoa(g.r.IntN(6))
}

// setMember is one of some sixty, half of them integers.
func (g *Gen) setMember() string {
	switch g.r.IntN(8) {
	case 0:
		return g.Int()
	case 1:
		return g.Of("", "01", "-0", "\x00", "\r\n", g.Bytes(63+g.r.IntN(3)), g.Bytes(300))
	case 2, 3, 4:
		return "m" + strconv.Itoa(g.r.IntN(30))
	}
	return strconv.Itoa(g.r.IntN(30))
}

// setRun is so many members that a set becomes large.
func (g *Gen) setRun() []string {
	from, n, prefix := g.r.IntN(300), 100+g.r.IntN(600), g.Of("", "", "m")
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(from+i)
	}
	return out
}

func sinterCard(g *Gen) []string {
	keys := g.Keys(4, g.set)
	out := append([]string{strconv.Itoa(len(keys))}, keys...)
	if g.OneIn(2) {
		out = append(out, g.Of("LIMIT", "limit"), g.Of("0", "1", "2", "5", "1000", "-1", "x"))
	}
	return out
}

// sscan asks for all in one call, see scan.
func sscan(g *Gen) []string {
	out := []string{g.set(), "0", "COUNT", "100000"}
	if g.OneIn(2) {
		out = append(out, "MATCH", g.Of("*", "m*", "1?", "?", "[0-4]*", "x"))
	}
	return out
}
