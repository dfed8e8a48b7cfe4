package random

import "strconv"

// lists is lists of all sizes: some commands add hundreds of elements or some kilobytes at
// once, so that there are many blocks and those in the middle are split and joined; others
// cut back what has grown.
func lists() Family {
	key := func(g *Gen) string {
		if g.OneIn(20) {
			return g.Any()
		}
		return "l" + strconv.Itoa(g.r.IntN(4))
	}
	end := func(g *Gen) string { return g.Of("LEFT", "RIGHT", "left", "RIGHT") }
	push := func(g *Gen) []string {
		out := []string{key(g), g.element()}
		switch {
		case g.OneIn(3):
			for range g.r.IntN(8) {
				out = append(out, g.element())
			}
		case g.OneIn(12):
			for range g.r.IntN(600) {
				out = append(out, g.element())
			}
		}
		return out
	}
	pop := func(g *Gen) []string {
		out := []string{key(g)}
		if g.OneIn(3) {
			out = append(out, g.some(30))
		}
		return out
	}
	move := func(g *Gen) []string { return []string{key(g), key(g), end(g), end(g)} }
	return Family{"list", []Command{
		{Name: "LPUSH", Weight: 16, Args: push},
		{Name: "RPUSH", Weight: 16, Args: push},
		{Name: "LPUSHX", Weight: 4, Args: push},
		{Name: "RPUSHX", Weight: 4, Args: push},
		{Name: "LPOP", Weight: 10, Args: pop},
		{Name: "RPOP", Weight: 10, Args: pop},
		{Name: "LLEN", Weight: 4, Args: func(g *Gen) []string { return []string{key(g)} }},
		{Name: "LRANGE", Weight: 12, Args: func(g *Gen) []string { return []string{key(g), g.Place(), g.Place()} }},
		{Name: "LINDEX", Weight: 8, Args: func(g *Gen) []string { return []string{key(g), g.Place()} }},
		{Name: "LSET", Weight: 12, Args: func(g *Gen) []string { return []string{key(g), g.Place(), g.element()} }},
		{Name: "LINSERT", Weight: 12, Args: func(g *Gen) []string {
			return []string{key(g), g.Of("BEFORE", "AFTER", "after"), g.element(), g.element()}
		}},
		{Name: "LREM", Weight: 10, Args: func(g *Gen) []string {
			return []string{key(g), g.Of("0", "1", "-1", "2", "-3", "50", "-50"), g.element()}
		}},
		{Name: "LTRIM", Weight: 3, Args: func(g *Gen) []string { return []string{key(g), g.Place(), g.Place()} }},
		{Name: "LTRIM", Weight: 2, Args: func(g *Gen) []string { return []string{key(g), g.some(20), "-" + g.some(20)} }},
		{Name: "LPOS", Weight: 10, Args: func(g *Gen) []string {
			out := []string{key(g), g.element()}
			for g.OneIn(2) {
				out = append(out, g.Of("RANK", "rank", "COUNT", "MAXLEN"), g.Of("0", "1", "2", "-1", "-2", "5", "100", "9223372036854775807", "x"))
			}
			return out
		}, Whole: true}, // 7.0 takes the least integer for a RANK
		{Name: "LMOVE", Weight: 6, Args: move},
		{Name: "RPOPLPUSH", Weight: 6, Args: func(g *Gen) []string { return []string{key(g), key(g)} }},
		{Name: "LMPOP", Weight: 5, Args: func(g *Gen) []string {
			keys := g.Keys(3, func() string { return key(g) })
			out := append(append([]string{strconv.Itoa(len(keys))}, keys...), end(g))
			if g.OneIn(2) {
				out = append(out, "COUNT", g.some(20))
			}
			return out
		}},
	}}
}

// some is a number up to n.
func (g *Gen) some(n int) string { return strconv.Itoa(g.r.IntN(n + 1)) }

// element is one of a few, so that they are found again, or any value, at times one that is
// longer than a block.
func (g *Gen) element() string {
	switch g.r.IntN(60) {
	case 0:
		return g.Bytes(4000 + g.r.IntN(9000))
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		return g.Value()
	}
	return g.Of("a", "b", "c", "12", "-7", "3000", "100000", "a longer element of some thirty bytes", "")
}

// Place is an index of a list, near its ends or anywhere in a long one.
func (g *Gen) Place() string {
	if g.OneIn(3) {
		return strconv.Itoa(g.r.IntN(2400) - 1200)
	}
	return g.Index()
}
