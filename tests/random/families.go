package random

// Family is a table of commands.
type Family struct {
	Name     string
	Commands []Command
}

// Command is a row: how often it comes compared with others, how its arguments are made, and
// how its replies are compared (nil: exactly).
type Command struct {
	Name   string
	Weight int
	Args   func(g *Gen) []string
	Same   Comparison
	Whole  bool // never spoilt
	Waits  bool // said by one of those who may wait
	// Listener is who of those says it who hear of what the others do; their Args begin with
	// the name.
	Listener int
}

// families is the list that a new family joins.
func families() []Family {
	return []Family{text(), bitmaps(), hyperloglogs(), places(), lists(), blocking(), keys(), deadlines(), databasesAndServer(), zsets(), streams(), sorts(), sets(), hashes(), transactions(), messages()}
}

func key(g *Gen) []string { return []string{g.Any()} }

func none(*Gen) []string { return nil }

func text() Family {
	counter := func(g *Gen) []string { return []string{g.Key(), g.Int()} }
	return Family{"string", []Command{
		{Name: "GET", Weight: 30, Args: key},
		{Name: "SET", Weight: 40, Args: set},
		{Name: "SETNX", Weight: 4, Args: func(g *Gen) []string { return []string{g.Any(), g.Value()} }},
		{Name: "SETEX", Weight: 4, Args: func(g *Gen) []string { return []string{g.Key(), g.Seconds(), g.Value()} }},
		{Name: "PSETEX", Weight: 4, Args: func(g *Gen) []string { return []string{g.Key(), g.Ms(), g.Value()} }},
		{Name: "GETSET", Weight: 4, Args: func(g *Gen) []string { return []string{g.Key(), g.Value()} }},
		{Name: "GETDEL", Weight: 4, Args: key},
		{Name: "GETEX", Weight: 8, Args: func(g *Gen) []string { return append([]string{g.Any()}, lifetime(g, "PERSIST")...) }},
		{Name: "APPEND", Weight: 12, Args: func(g *Gen) []string { return []string{g.Key(), g.Value()} }},
		{Name: "STRLEN", Weight: 8, Args: key},
		{Name: "SETRANGE", Weight: 8, Args: func(g *Gen) []string { return []string{g.Key(), g.Offset(5000), g.Value()} }},
		{Name: "GETRANGE", Weight: 8, Args: func(g *Gen) []string { return []string{g.Any(), g.Index(), g.Index()} }},
		{Name: "SUBSTR", Weight: 2, Args: func(g *Gen) []string { return []string{g.Any(), g.Index(), g.Index()} }},
		{Name: "INCR", Weight: 8, Args: func(g *Gen) []string { return []string{g.Key()} }},
		{Name: "DECR", Weight: 4, Args: func(g *Gen) []string { return []string{g.Key()} }},
		{Name: "INCRBY", Weight: 6, Args: counter},
		{Name: "DECRBY", Weight: 6, Args: counter},
		{Name: "INCRBYFLOAT", Weight: 6, Args: func(g *Gen) []string { return []string{g.Key(), g.Float()} }},
		{Name: "MGET", Weight: 8, Args: func(g *Gen) []string { return g.Keys(8, g.Any) }},
		{Name: "MSET", Weight: 8, Args: pairs},
		{Name: "MSETNX", Weight: 4, Args: pairs},
		{Name: "LCS", Weight: 3, Args: lcs},
	}}
}

// set takes any options, also those that exclude each other now and then.
func set(g *Gen) []string {
	out := []string{g.Any(), g.Value()}
	if g.OneIn(4) {
		out = append(out, g.Of("NX", "XX", "xx"))
	}
	if g.OneIn(4) {
		out = append(out, "GET")
	}
	if g.OneIn(2) {
		out = append(out, lifetime(g, "KEEPTTL")...)
	}
	return out
}

// lifetime is the options of SET and GETEX that say how long. Never a moment that has passed: SET
// may then leave the key to be counted by DBSIZE until something looks at it.
func lifetime(g *Gen, word string) []string {
	switch g.r.IntN(7) {
	case 0:
		return []string{"EX", g.Seconds()}
	case 1:
		return []string{"px", g.Ms()}
	case 2:
		return []string{"EXAT", g.Future()}
	case 3:
		return []string{"PXAT", g.Future() + "123"}
	case 4:
		return []string{word}
	case 5:
		return []string{g.Of("EX", "PX", "EXAT", "PXAT"), g.Odd()}
	}
	return nil
}

func pairs(g *Gen) []string {
	var out []string
	for _, k := range g.Keys(5, g.Key) {
		out = append(out, k, g.Value())
	}
	return out
}

func lcs(g *Gen) []string {
	out := []string{g.Key(), g.Key()}
	switch g.r.IntN(4) {
	case 0:
		return append(out, "LEN")
	case 1:
		return append(out, "IDX")
	case 2:
		return append(out, "IDX", "MINMATCHLEN", g.Offset(5), "WITHMATCHLEN")
	}
	return out
}

func bitmaps() Family {
	return Family{"bitmap", []Command{
		{Name: "SETBIT", Weight: 12, Args: func(g *Gen) []string { return []string{g.Key(), g.Offset(40000), g.Of("0", "1")} }},
		{Name: "GETBIT", Weight: 8, Args: func(g *Gen) []string { return []string{g.Any(), g.Offset(40000)} }},
		{Name: "BITCOUNT", Weight: 8, Args: func(g *Gen) []string { return append([]string{g.Any()}, span(g)...) }},
		{Name: "BITPOS", Weight: 8, Args: func(g *Gen) []string { return append([]string{g.Any(), g.Of("0", "1")}, span(g)...) }},
		{Name: "BITOP", Weight: 8, Args: bitop},
		{Name: "BITFIELD", Weight: 10, Args: func(g *Gen) []string { return bitfield(g, false) }},
		{Name: "BITFIELD_RO", Weight: 4, Args: func(g *Gen) []string { return bitfield(g, true) }},
	}}
}

// span is a part of a string, in bytes or bits, or all of it.
func span(g *Gen) []string {
	switch g.r.IntN(5) {
	case 0:
		return nil
	case 1:
		return []string{g.Index()}
	case 2:
		return []string{g.Index(), g.Index(), "BYTE"}
	case 3:
		return []string{g.Index(), g.Index(), "BIT"}
	}
	return []string{g.Index(), g.Index()}
}

func bitop(g *Gen) []string {
	if g.OneIn(4) {
		return []string{"NOT", g.Key(), g.Any()}
	}
	return append([]string{g.Of("AND", "or", "XOR"), g.Key()}, g.Keys(4, g.Any)...)
}

func bitfield(g *Gen, readOnly bool) []string {
	out := []string{g.Key()}
	for range g.r.IntN(5) {
		typ := g.Of("u1", "u8", "i8", "u5", "i5", "u63", "i64", "i16", "u32", "i1", "u64", "i0")
		at := g.Offset(600)
		if g.OneIn(3) {
			at = "#" + g.Offset(40)
		}
		switch what := g.r.IntN(4); {
		case what == 0 || readOnly:
			out = append(out, "GET", typ, at)
		case what == 1:
			out = append(out, "SET", typ, at, g.Int())
		case what == 2:
			out = append(out, "INCRBY", typ, at, g.Int())
		default:
			if out = append(out, "OVERFLOW", g.Of("WRAP", "SAT", "bogus")); g.OneIn(3) {
				// Redis says nothing of a string that has only grown, hence a SET that cannot fail.
				out = append(out, "SET", "u8", "0", "1", "OVERFLOW", "fail")
			}
		}
	}
	return out
}

func hyperloglogs() Family {
	elements := func(g *Gen) []string {
		out := []string{g.Log()}
		for range g.r.IntN(40) {
			out = append(out, "e"+g.Offset(1+g.r.IntN(3000)))
		}
		return out
	}
	return Family{"hyperloglog", []Command{
		{Name: "PFADD", Weight: 20, Args: elements},
		{Name: "PFCOUNT", Weight: 12, Args: func(g *Gen) []string { return g.Keys(4, g.Log) }},
		{Name: "PFMERGE", Weight: 6, Args: func(g *Gen) []string { return append([]string{g.Log()}, g.Keys(3, g.Log)...) }},
		{Name: "GET", Weight: 6, Args: func(g *Gen) []string { return []string{g.Log()} }},
	}}
}

func keys() Family {
	return Family{"generic", []Command{
		{Name: "DEL", Weight: 8, Args: func(g *Gen) []string { return g.Keys(3, g.Any) }},
		{Name: "UNLINK", Weight: 4, Args: func(g *Gen) []string { return g.Keys(3, g.Any) }},
		{Name: "EXISTS", Weight: 6, Args: func(g *Gen) []string { return g.Keys(5, g.Any) }},
		{Name: "TOUCH", Weight: 2, Args: func(g *Gen) []string { return g.Keys(5, g.Any) }},
		{Name: "TYPE", Weight: 6, Args: key},
		{Name: "KEYS", Weight: 4, Args: func(g *Gen) []string { return []string{g.Glob()} }, Same: Unordered},
		{Name: "SCAN", Weight: 4, Args: scan, Same: Unordered, Whole: true},
		{Name: "RANDOMKEY", Weight: 2, Args: none, Same: Shape},
		{Name: "RENAME", Weight: 4, Args: two},
		{Name: "RENAMENX", Weight: 4, Args: two},
		{Name: "COPY", Weight: 8, Args: clone},
		{Name: "MOVE", Weight: 4, Args: func(g *Gen) []string { return []string{g.Any(), database(g)} }},
		{Name: "OBJECT", Weight: 10, Args: func(g *Gen) []string { return []string{g.Of("ENCODING", "encoding"), g.Any()} }, Same: Encoding},
		{Name: "OBJECT", Weight: 2, Args: func(g *Gen) []string { return []string{"FREQ", g.Any()} }},
		{Name: "OBJECT", Weight: 2, Args: func(g *Gen) []string { return []string{"IDLETIME", g.Any()} }, Same: Shape},
	}}
}

func two(g *Gen) []string {
	a, b := g.Pair()
	return []string{a, b}
}

// scan asks for all in one call, so that the cursor is 0 on both sides; any other cursor has a meaning of
// its own in each server, hence no spoiling.
func scan(g *Gen) []string {
	out := []string{"0"}
	if g.OneIn(2) {
		out = append(out, "MATCH", g.Glob())
	}
	if g.OneIn(2) {
		out = append(out, "TYPE", g.Of("string", "list", "STRING", "zset"))
	}
	return append(out, "COUNT", "100000")
}

func clone(g *Gen) []string {
	out := two(g)
	if g.OneIn(2) {
		out = append(out, "DB", database(g))
	}
	if g.OneIn(2) {
		out = append(out, "REPLACE")
	}
	return out
}

// database is one of those compared at the end, at times none.
func database(g *Gen) string {
	if g.OneIn(20) {
		return g.Of("16", "-1", "x", "99999999999")
	}
	return g.Offset(databases)
}

func deadlines() Family {
	until := func(when func(g *Gen) string) func(g *Gen) []string {
		return func(g *Gen) []string {
			out := []string{g.Any(), when(g)}
			if g.OneIn(20) {
				out[1] = g.Of("-1", "0", "-5000")
			}
			for g.OneIn(3) {
				out = append(out, g.Of("NX", "XX", "GT", "LT", "gt"))
			}
			return out
		}
	}
	return Family{"deadlines", []Command{
		{Name: "EXPIRE", Weight: 6, Args: until((*Gen).Seconds)},
		{Name: "PEXPIRE", Weight: 6, Args: until((*Gen).Ms)},
		{Name: "EXPIREAT", Weight: 6, Args: until((*Gen).At)},
		{Name: "PEXPIREAT", Weight: 6, Args: until((*Gen).AtMs)},
		{Name: "TTL", Weight: 4, Args: key, Same: Near(slackMs / 1000)},
		{Name: "PTTL", Weight: 4, Args: key, Same: Near(slackMs)},
		{Name: "EXPIRETIME", Weight: 4, Args: key, Same: Near(slackMs / 1000)},
		{Name: "PEXPIRETIME", Weight: 4, Args: key, Same: Near(slackMs)},
		{Name: "PERSIST", Weight: 6, Args: key},
	}}
}

func databasesAndServer() Family {
	return Family{"server", []Command{
		{Name: "SELECT", Weight: 4, Args: func(g *Gen) []string { return []string{database(g)} }},
		{Name: "SWAPDB", Weight: 1, Args: func(g *Gen) []string { return []string{database(g), database(g)} }},
		{Name: "FLUSHDB", Weight: 1, Args: func(g *Gen) []string {
			if g.OneIn(2) {
				return []string{g.Of("ASYNC", "SYNC")}
			}
			return nil
		}},
		{Name: "DBSIZE", Weight: 4, Args: none},
		{Name: "PING", Weight: 2, Args: none},
		{Name: "ECHO", Weight: 2, Args: func(g *Gen) []string { return []string{g.Value()} }},
		{Name: "BOGUS", Weight: 1, Args: func(g *Gen) []string { return []string{g.Value(), g.Key()} }},
	}}
}
