package random

import (
	"slices"
	"strconv"
	"strings"

	"redust/tests/script"
)

// hashes is the family of HSET. The fields that one command sets differ from each other:
// Redis 7.0 counts fields after setting them, its successors before, so of a field that came
// many times they would make hashes of different forms. Deadlines of fields are younger than
// the oracle.
func hashes() Family {
	fields := func(n int) func(g *Gen) []string {
		return func(g *Gen) []string { return append([]string{g.hash()}, g.Keys(n, g.field)...) }
	}
	pairs := func(g *Gen) []string {
		out := []string{g.hash()}
		names := g.Keys(g.r.IntN(8)+1, g.field)
		slices.Sort(names)
		for _, f := range slices.Compact(names) {
			out = append(out, f, g.Value())
		}
		return out
	}
	one := func(g *Gen) []string { return []string{g.hash()} }
	two := func(g *Gen) []string { return []string{g.hash(), g.hash()} }
	some := func(g *Gen) []string {
		out := []string{g.hash(), g.Of("0", "1", "3", "-1", "-5", "-200", "x")}
		if g.OneIn(2) {
			out = append(out, g.Of("WITHVALUES", "withvalues"))
		}
		return out
	}
	return Family{"hash", []Command{
		{Name: "HSET", Weight: 40, Args: pairs},
		{Name: "HMSET", Weight: 8, Args: pairs},
		{Name: "HSETNX", Weight: 8, Args: func(g *Gen) []string { return []string{g.hash(), g.field(), g.Value()} }},
		{Name: "HGET", Weight: 12, Args: func(g *Gen) []string { return []string{g.hash(), g.field()} }},
		{Name: "HMGET", Weight: 8, Args: fields(6)},
		{Name: "HGETALL", Weight: 8, Args: one, Same: Pairs},
		{Name: "HKEYS", Weight: 4, Args: one, Same: Unordered},
		{Name: "HVALS", Weight: 4, Args: one, Same: Unordered},
		{Name: "HLEN", Weight: 6, Args: one},
		{Name: "HSTRLEN", Weight: 6, Args: func(g *Gen) []string { return []string{g.hash(), g.field()} }},
		{Name: "HEXISTS", Weight: 6, Args: func(g *Gen) []string { return []string{g.hash(), g.field()} }},
		{Name: "HDEL", Weight: 16, Args: fields(5)},
		{Name: "HINCRBY", Weight: 10, Args: func(g *Gen) []string { return []string{g.hash(), g.field(), g.Int()} }},
		{Name: "HINCRBYFLOAT", Weight: 10, Args: func(g *Gen) []string { return []string{g.hash(), g.field(), g.Float()} }},
		{Name: "HRANDFIELD", Weight: 4, Args: one, Same: Shape},
		{Name: "HRANDFIELD", Weight: 3, Args: func(g *Gen) []string { return []string{g.hash(), "1000"} }, Same: Unordered, Whole: true},
		{Name: "HRANDFIELD", Weight: 3, Args: func(g *Gen) []string { return []string{g.hash(), "1000", "WITHVALUES"} }, Same: Pairs, Whole: true},
		{Name: "HRANDFIELD", Weight: 6, Args: some, Same: Long},
		{Name: "HSCAN", Weight: 6, Args: hscan, Same: Unordered, Whole: true},
		{Name: "OBJECT", Weight: 12, Args: func(g *Gen) []string { return []string{"ENCODING", g.hash()} }, Same: Encoding},
		{Name: "DEL", Weight: 4, Args: one},
		{Name: "COPY", Weight: 6, Args: func(g *Gen) []string { return append(two(g), g.Of("REPLACE", "replace")) }},
		{Name: "RENAME", Weight: 3, Args: two},
		{Name: "EXPIRE", Weight: 3, Args: func(g *Gen) []string { return []string{g.hash(), g.Seconds()} }},
		{Name: "CONFIG", Weight: 1, Whole: true, Args: func(g *Gen) []string {
			return []string{"SET", "hash-max-listpack-entries", g.Of("0", "4", "16", "512")}
		}},
		{Name: "CONFIG", Weight: 1, Whole: true, Args: func(g *Gen) []string {
			return []string{"SET", "hash-max-listpack-value", g.Of("4", "64", "1000")}
		}},
	}}
}

// hash is the name of a hash, seldom of something else.
func (g *Gen) hash() string {
	if g.OneIn(30) {
		return g.Any()
	}
	return "m" + strconv.Itoa(g.r.IntN(5))
}

// field is one of some dozens of names, numbers and odd ones among them.
func (g *Gen) field() string {
	switch g.r.IntN(12) {
	case 0:
		return g.Of("\x01", "f\r\n", "\xff\xfe", "007", "+7", "a field with a long name, of more than sixty-four bytes in all, yes")
	case 1:
		return strings.Repeat("long", 20+g.r.IntN(60))
	case 2, 3:
		return strconv.Itoa(g.r.IntN(3000) - 1000)
	}
	return "f" + strconv.Itoa(g.r.IntN(30))
}

// hscan asks for all in one call, as scan does.
func hscan(g *Gen) []string {
	out := []string{g.hash(), "0"}
	if g.OneIn(2) {
		out = append(out, "MATCH", g.Of("*", "f*", "*1", "f[0-9]", "?", "long*"))
	}
	return append(out, "COUNT", "100000")
}

// Pairs compares lists as sets of pairs, one element and the next.
func Pairs(a, b script.Value) bool { return paired(a).Format(2) == paired(b).Format(2) }

func paired(v script.Value) script.Value {
	if len(v.Items)%2 != 0 {
		return ordered(v)
	}
	var pairs script.Value
	pairs.Kind = v.Kind
	for i := 0; i < len(v.Items); i += 2 {
		pairs.Items = append(pairs.Items, script.Value{Kind: '*', Items: v.Items[i : i+2]})
	}
	if len(pairs.Items) == 0 {
		return v
	}
	slices.SortFunc(pairs.Items, func(x, y script.Value) int { return strings.Compare(x.Format(2), y.Format(2)) })
	return pairs
}

// Long compares the length of lists, and all else as Shape does.
func Long(a, b script.Value) bool { return Shape(a, b) && len(a.Items) == len(b.Items) }
