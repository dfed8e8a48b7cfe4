package random

import (
	"strconv"
	"strings"

	"redust/tests/script"
)

// sortedSets is how the names of those sorted sets begin that are sorted by SORT.
const sortedSets = "sz"

// sorts is SORT over lists, sets and sorted sets of its own, of elements that name weights
// (w<n>) and hashes (o<n>).
//
// Where Redis takes the order of its own tables it is nobody's promise: a set as it is, and
// ties among the elements of a set or a sorted set. And a number out of range makes its next
// SORTs fail, as errno is not cleared; so a failure on one side alone is let pass, and
// nothing is stored that may fail so.
func sorts() Family {
	const kinds = 2
	element := func(g *Gen) string {
		if g.OneIn(8) {
			return g.Value()
		}
		return strconv.Itoa(g.r.IntN(60))
	}
	// Up to their first NUL, SORT ALPHA takes elements for equal.
	distinct := func(g *Gen) string { return strings.ReplaceAll(element(g), "\x00", "") }
	sortedBy := func(g *Gen, list bool) []string {
		switch g.r.IntN(5) {
		case 0:
			return []string{"BY", g.Of("w*", "o*->f", "o*->n", "w*b", "*")}
		case 1:
			if list {
				return []string{"ALPHA", "BY", g.Of("w*", "o*->f", "none*")}
			}
			return []string{"ALPHA"}
		case 2:
			return []string{"ALPHA"}
		}
		return nil
	}
	options := func(g *Gen) []string {
		var out []string
		if g.OneIn(2) {
			out = append(out, g.Of("ASC", "DESC", "desc"))
		}
		if g.OneIn(2) {
			out = append(out, "LIMIT", strconv.Itoa(g.r.IntN(40)-3), strconv.Itoa(g.r.IntN(40)-3))
		}
		if g.OneIn(30) {
			out = append(out, g.Odd())
		}
		for g.OneIn(3) {
			out = append(out, "GET", g.Of("#", "w*", "o*->f", "o*", "x*", "none"))
		}
		return out
	}
	key := func(g *Gen, kind string) string { return kind + strconv.Itoa(g.r.IntN(kinds)) }
	of := func(kind string) func(g *Gen) []string {
		return func(g *Gen) []string {
			out := append([]string{key(g, kind)}, sortedBy(g, kind == "sl")...)
			if kind != "ss" && g.OneIn(6) {
				out = append(out, "BY", "nosort")
			}
			return append(out, options(g)...)
		}
	}
	return Family{"sort", []Command{
		{Name: "RPUSH", Weight: 6, Args: func(g *Gen) []string {
			return append([]string{key(g, "sl")}, g.Keys(20, func() string { return element(g) })...)
		}},
		{Name: "SADD", Weight: 3, Args: func(g *Gen) []string {
			return append([]string{key(g, "ss")}, g.Keys(10, func() string { return distinct(g) })...)
		}, Whole: true},
		{Name: "ZADD", Weight: 3, Args: func(g *Gen) []string {
			return []string{key(g, sortedSets), g.Float(), distinct(g), g.Float(), distinct(g)}
		}, Whole: true},
		{Name: "HSET", Weight: 4, Args: func(g *Gen) []string {
			return []string{"o" + element(g), g.Of("f", "n"), g.Of(g.Float(), strconv.Itoa(g.r.IntN(5)), g.Value())}
		}},
		{Name: "SET", Weight: 6, Args: func(g *Gen) []string {
			return []string{"w" + element(g), g.Of(g.Float(), strconv.Itoa(g.r.IntN(5)), strconv.Itoa(g.r.IntN(5)), g.Value())}
		}},
		{Name: "DEL", Weight: 1, Args: func(g *Gen) []string { return []string{key(g, g.Of("sl", "ss", sortedSets))} }},
		{Name: "SORT", Weight: 10, Args: of("sl"), Same: sortable, Whole: true},
		{Name: "SORT_RO", Weight: 6, Args: of("sl"), Same: sortable, Whole: true},
		{Name: "SORT", Weight: 4, Args: of("ss"), Same: sortable, Whole: true},
		{Name: "SORT", Weight: 4, Args: of(sortedSets), Same: sortable, Whole: true},
		{Name: "SORT", Weight: 4, Args: func(g *Gen) []string {
			out := []string{key(g, g.Of("sl", "ss", sortedSets))}
			switch {
			case out[0][1] == 'l' && g.OneIn(2):
				out = append(out, "ALPHA", "BY", g.Of("w*", "o*->f"))
			case g.OneIn(2):
				out = append(out, "BY", "nosort")
			default:
				out = append(out, "ALPHA")
			}
			return append(append(out, options(g)...), "STORE", key(g, "sl"))
		}, Whole: true},
	}}
}

// sortable is Exact, but lets one side fail for its numbers.
func sortable(a, b script.Value) bool {
	const failed = "ERR One or more scores can't be converted into double"
	return Exact(a, b) || a.Text == failed || b.Text == failed
}
