package random

import (
	"slices"
	"strconv"

	"redust/tests/script"
)

// streams is the family of streams, their groups, and what is pending in these.
//
// Two servers choose different IDs, so the plan chooses them; it remembers how far it has
// counted. Idle times are nothing, or hours by XCLAIM's IDLE and TIME, so that what is asked
// of them is beyond doubt. A consumer with nothing pending may exist in one server and
// not in the other, since 7.2 makes consumers earlier than 7.0: replies are compared without
// it. Small limits of blocks, which change now and then, show what trimming does. Whole is
// every command that an odd argument would take out of this: an ID that stands for the
// time, or one that no later ID can follow.
func streams() Family {
	p := &streamPlan{ms: 1}
	return Family{"stream", []Command{
		{Name: "XADD", Weight: 90, Args: p.add, Whole: true},
		{Name: "XADD", Weight: 2, Args: p.oddAdd, Whole: true},
		{Name: "XLEN", Weight: 3, Args: p.keyOnly},
		{Name: "XDEL", Weight: 16, Args: func(g *Gen) []string { return append([]string{p.key(g)}, p.ids(g, 4)...) }},
		{Name: "XTRIM", Weight: 10, Args: func(g *Gen) []string { return append([]string{p.key(g)}, p.trim(g)...) }},
		{Name: "XRANGE", Weight: 10, Args: func(g *Gen) []string { return p.span(g, p.edge(g), p.edge(g)) }},
		{Name: "XREVRANGE", Weight: 6, Args: func(g *Gen) []string { return p.span(g, p.edge(g), p.edge(g)) }},
		{Name: "XREAD", Weight: 6, Args: p.read, Whole: true},
		{Name: "XSETID", Weight: 2, Args: p.setID, Whole: true},
		{Name: "XADD", Weight: 3, Args: func(g *Gen) []string { return []string{"xlast", g.Offset(3000) + "-*", "a", "b"} }, Whole: true},
		{Name: "XDEL", Weight: 2, Args: func(g *Gen) []string { return []string{"xlast", g.Offset(3000), g.Offset(9000) + "-1"} }},
		{Name: "XINFO", Weight: 10, Args: func(g *Gen) []string { return []string{"STREAM", p.key(g)} }},
		{Name: "XINFO", Weight: 8, Args: p.full, Same: withoutIdlers, Whole: true},
		{Name: "XINFO", Weight: 10, Args: func(g *Gen) []string { return []string{"GROUPS", p.key(g)} }, Same: withoutIdlers, Whole: true},
		{Name: "XINFO", Weight: 6, Args: func(g *Gen) []string { return []string{"CONSUMERS", p.key(g), p.group(g)} }, Same: withoutIdlers, Whole: true},
		{Name: "XGROUP", Weight: 8, Args: p.create, Whole: true},
		{Name: "XGROUP", Weight: 4, Args: func(g *Gen) []string {
			return append([]string{"SETID", p.key(g), p.group(g), g.Of(p.id(g), p.id(g), "$", "0")}, p.entriesRead(g)...)
		}, Whole: true},
		{Name: "XGROUP", Weight: 1, Args: func(g *Gen) []string { return []string{"DESTROY", p.key(g), p.group(g)} }, Whole: true},
		{Name: "XGROUP", Weight: 2, Args: p.consumerOf("CREATECONSUMER"), Same: Shape, Whole: true},
		{Name: "XGROUP", Weight: 1, Args: p.consumerOf("DELCONSUMER"), Whole: true},
		{Name: "XREADGROUP", Weight: 40, Args: p.readGroup, Whole: true},
		{Name: "XACK", Weight: 12, Args: func(g *Gen) []string { return append([]string{p.key(g), p.group(g)}, p.ids(g, 5)...) }},
		{Name: "XPENDING", Weight: 12, Args: p.pending, Same: idleNear},
		{Name: "XCLAIM", Weight: 12, Args: p.claim, Whole: true},
		{Name: "XAUTOCLAIM", Weight: 10, Args: p.autoClaim, Whole: true},
		{Name: "COPY", Weight: 3, Args: func(g *Gen) []string { return []string{p.key(g), p.key(g), "REPLACE"} }},
		{Name: "RENAME", Weight: 1, Args: func(g *Gen) []string { return []string{p.key(g), p.key(g)} }},
		{Name: "DEL", Weight: 1, Args: p.keyOnly},
		{Name: "DEBUG", Weight: 2, Args: func(g *Gen) []string { return []string{"DIGEST-VALUE", p.key(g)} }},
		{Name: "CONFIG", Weight: 1, Args: func(g *Gen) []string {
			return []string{"SET", "stream-node-max-entries", g.Of("1", "2", "3", "10", "100", "0")}
		}, Whole: true},
		{Name: "CONFIG", Weight: 1, Args: func(g *Gen) []string {
			return []string{"SET", "stream-node-max-bytes", g.Of("500", "1000", "4096", "0")}
		}, Whole: true},
	}}
}

// streamPlan is how far the IDs have got.
type streamPlan struct{ ms int }

func (p *streamPlan) key(g *Gen) string {
	if g.OneIn(40) {
		return g.Key()
	}
	return "x" + strconv.Itoa(g.r.IntN(4))
}

func (p *streamPlan) keyOnly(g *Gen) []string { return []string{p.key(g)} }

func (p *streamPlan) group(g *Gen) string { return g.Of("g0", "g1", "g1", "g2", "g2", "g3", "g4") }

func (p *streamPlan) consumer(g *Gen) string { return g.Of("ann", "bob", "carl", "dan") }

// id is one that may exist, more likely one of late.
func (p *streamPlan) id(g *Gen) string {
	ms := g.r.IntN(p.ms + 2)
	if !g.OneIn(3) {
		ms = max(0, p.ms-g.r.IntN(60))
	}
	if g.OneIn(3) {
		return strconv.Itoa(ms)
	}
	return strconv.Itoa(ms) + "-" + strconv.Itoa(g.r.IntN(3))
}

func (p *streamPlan) ids(g *Gen, n int) []string {
	return g.Keys(n, func() string { return p.id(g) })
}

// edge is the end of a range.
func (p *streamPlan) edge(g *Gen) string {
	switch g.r.IntN(6) {
	case 0:
		return g.Of("-", "+")
	case 1:
		return "(" + p.id(g)
	}
	return p.id(g)
}

func (p *streamPlan) span(g *Gen, from, to string) []string {
	out := []string{p.key(g), from, to}
	if g.OneIn(2) {
		out = append(out, "COUNT", g.Of("1", "2", "5", "0", "-1", "1000"))
	}
	return out
}

// add appends an entry with an ID that is mostly new.
func (p *streamPlan) add(g *Gen) []string {
	out := []string{p.key(g)}
	if g.OneIn(10) {
		out = append(out, "NOMKSTREAM")
	}
	if g.OneIn(4) {
		out = append(out, p.trim(g)...)
	}
	p.ms += g.r.IntN(3)
	if g.OneIn(5000) {
		p.ms += 1 << g.r.IntN(40)
	}
	id := strconv.Itoa(p.ms)
	switch g.r.IntN(8) {
	case 0:
	case 1:
		id = p.id(g)
	case 2, 3, 4:
		id += "-" + strconv.Itoa(g.r.IntN(3))
	default:
		id += "-*"
	}
	out = append(out, id)
	for i := range 1 + g.r.IntN(3) {
		name := "name" + strconv.Itoa(i)
		if g.OneIn(10) {
			name = p.text(g)
		}
		value := g.Bytes(g.r.IntN(12))
		if g.OneIn(4) {
			value = p.text(g)
		}
		out = append(out, name, value)
	}
	if g.OneIn(60) {
		out = out[:len(out)-1]
	}
	return out
}

// text is a name or value of interest. It is short: Redis 7.0.15 fails an assertion when it
// trims a block in which one entry is larger than the limit of a block.
func (p *streamPlan) text(g *Gen) string {
	return g.Of(g.Int(), g.Float(), g.Bytes(60+g.r.IntN(8)), g.Of("", "0", "-0", "01", "1 ", "9999"), g.Bytes(g.r.IntN(20)))
}

// oddAdd is refused, or appends to a stream whose IDs are in the future.
func (p *streamPlan) oddAdd(g *Gen) []string {
	if g.OneIn(2) {
		return []string{"xfuture", "NOMKSTREAM", "*", "a", g.Int()}
	}
	if g.OneIn(2) {
		return []string{"xfuture", g.Of("99999999999999-1", "18446744073709551614-*", "18446744073709551615-18446744073709551614"), "a", "b"}
	}
	return []string{p.key(g), g.Of("0-0", "-", "+", "x", "1-x", "--", "1-", "18446744073709551616-1", "0-18446744073709551616", ""), "a", "b"}
}

func (p *streamPlan) trim(g *Gen) []string {
	var out []string
	mark, by := g.Of("", "=", "~", "~"), g.Of("MAXLEN", "maxlen", "MINID")
	out = append(out, by)
	if mark != "" {
		out = append(out, mark)
	}
	if by == "MINID" {
		out = append(out, p.id(g))
	} else {
		out = append(out, g.Of("0", "1", "5", "20", "60", "100"))
	}
	if mark == "~" && g.OneIn(2) || g.OneIn(20) {
		out = append(out, "LIMIT", g.Of("0", "1", "3", "10", "50", "-1"))
	}
	return out
}

func (p *streamPlan) read(g *Gen) []string {
	var out []string
	if g.OneIn(2) {
		out = append(out, "COUNT", g.Of("1", "3", "0", "-1"))
	}
	if g.OneIn(10) {
		out = append(out, "BLOCK", "1")
	}
	keys := g.Keys(3, func() string { return p.key(g) })
	out = append(append(out, "STREAMS"), keys...)
	for range keys {
		out = append(out, g.Of(p.id(g), p.id(g), "$", "0", "x"))
	}
	return out
}

func (p *streamPlan) readGroup(g *Gen) []string {
	out := []string{"GROUP", p.group(g), p.consumer(g)}
	if !g.OneIn(4) {
		out = append(out, "COUNT", g.Of("1", "2", "5", "0", "-1"))
	}
	if g.OneIn(20) {
		out = append(out, "BLOCK", "1")
	}
	if g.OneIn(8) {
		out = append(out, "NOACK")
	}
	keys := []string{p.key(g)}
	if g.OneIn(5) {
		keys = append(keys, p.key(g))
	}
	out = append(append(out, "STREAMS"), keys...)
	for range keys {
		out = append(out, g.Of(">", ">", ">", p.id(g), "0"))
	}
	if g.OneIn(50) {
		out[len(out)-1] = g.Of("$", "x", "-")
	}
	return out
}

func (p *streamPlan) create(g *Gen) []string {
	out := []string{"CREATE", p.key(g), p.group(g), g.Of(p.id(g), "0", "$", "-")}
	if g.OneIn(4) {
		out = append(out, "MKSTREAM")
	}
	return append(out, p.entriesRead(g)...)
}

func (p *streamPlan) entriesRead(g *Gen) []string {
	if g.OneIn(4) {
		return []string{"ENTRIESREAD", g.Of("0", "5", "100", "-1", "-2", "x")}
	}
	return nil
}

func (p *streamPlan) consumerOf(sub string) func(g *Gen) []string {
	return func(g *Gen) []string { return []string{sub, p.key(g), p.group(g), p.consumer(g)} }
}

// setID is for a stream on which IDs are seldom too small: what 7.2 refuses and 7.0 does
// not is left out.
func (p *streamPlan) setID(g *Gen) []string {
	out := []string{"xlast", "9" + g.Offset(1000) + "-" + g.Offset(10)}
	out[1] = strconv.Itoa(9000+g.r.IntN(1000)) + "-" + g.Offset(10)
	if g.OneIn(2) {
		out = append(out, "ENTRIESADDED", g.Of("0", "10", "1000000", "-1"))
	}
	return out
}

func (p *streamPlan) full(g *Gen) []string {
	out := []string{"STREAM", p.key(g), "FULL"}
	if g.OneIn(2) {
		out = append(out, "COUNT", g.Of("0", "1", "3", "-1"))
	}
	return out
}

// hours and half of them, in milliseconds: idle times that nobody confuses.
const (
	hoursMs     = "20000000"
	halfHoursMs = "10000000"
)

func (p *streamPlan) pending(g *Gen) []string {
	out := []string{p.key(g), p.group(g)}
	if g.OneIn(3) {
		return out
	}
	if g.OneIn(3) {
		out = append(out, "IDLE", g.Of("0", halfHoursMs))
	}
	out = append(out, p.edge(g), p.edge(g), g.Of("1", "10", "1000", "0", "-1"))
	if g.OneIn(2) {
		out = append(out, p.consumer(g))
	}
	return out
}

func (p *streamPlan) claim(g *Gen) []string {
	out := []string{p.key(g), p.group(g), p.consumer(g), g.Of("0", "0", halfHoursMs, "-1", "x")}
	out = append(out, p.ids(g, 5)...)
	for g.OneIn(2) {
		switch g.r.IntN(7) {
		case 0, 1:
			out = append(out, "IDLE", g.Of("0", hoursMs))
		case 2:
			out = append(out, "TIME", g.Of("1000", "99999999999999", "-1"))
		case 3:
			out = append(out, "RETRYCOUNT", g.Of("0", "1", "7", "-1", "9223372036854775807"))
		case 4:
			out = append(out, g.Of("FORCE", "force"))
		case 5:
			out = append(out, "JUSTID")
		case 6:
			out = append(out, g.Of("LASTID", "LASTID", "BOGUS"), p.id(g))
		}
	}
	return out
}

func (p *streamPlan) autoClaim(g *Gen) []string {
	out := []string{p.key(g), p.group(g), p.consumer(g), g.Of("0", "0", halfHoursMs, "-1"), g.Of("-", "0", p.edge(g))}
	if g.OneIn(2) {
		out = append(out, "COUNT", g.Of("1", "2", "10", "0"))
	}
	if g.OneIn(2) {
		out = append(out, "JUSTID")
	}
	return out
}

// idleNear compares what XPENDING says: idle times may differ.
func idleNear(a, b script.Value) bool {
	if len(a.Items) != len(b.Items) {
		return Exact(a, b)
	}
	for i := range a.Items {
		x, y := a.Items[i], b.Items[i]
		if len(x.Items) != 4 || len(y.Items) != 4 {
			return Exact(a, b)
		}
		for j := range x.Items {
			same := Exact
			if j == 2 {
				same = Near(slackMs)
			}
			if !same(x.Items[j], y.Items[j]) {
				return false
			}
		}
	}
	return Exact(a, b) || len(a.Items) > 0
}

// withoutIdlers compares what XINFO says, consumers left out where nothing is pending,
// and with them their number, and when consumers and deliveries were.
func withoutIdlers(a, b script.Value) bool {
	return Exact(idlersGone(a), idlersGone(b))
}

// idlersGone returns v without them.
func idlersGone(v script.Value) script.Value {
	if len(v.Items) == 0 {
		return v
	}
	var items []script.Value
	for i := 0; i < len(v.Items); i++ {
		item := v.Items[i]
		switch name := item.Text; {
		case item.Kind != '$' || i+1 == len(v.Items):
		case slices.Contains([]string{"consumers", "seen-time", "active-time", "idle", "inactive"}, name) && v.Items[i+1].Kind == ':':
			i++
			continue
		case name == "pending" && len(v.Items[i+1].Items) > 0:
			items = append(items, item, deliveries(v.Items[i+1]))
			i++
			continue
		}
		if !idler(item) {
			items = append(items, idlersGone(item))
		}
	}
	v.Items = items
	return v
}

// idler tells whether v is about a consumer with nothing pending.
func idler(v script.Value) bool {
	consumer, nothing := false, false
	for i := 0; i+1 < len(v.Items); i += 2 {
		name, value := v.Items[i].Text, v.Items[i+1]
		switch name {
		case "idle", "seen-time":
			consumer = true
		case "pending", "pel-count":
			nothing = nothing || value.Kind == ':' && value.Text == "0"
		}
	}
	return consumer && nothing
}

// deliveries returns a list of pending entries without their times.
func deliveries(v script.Value) script.Value {
	out := v
	out.Items = nil
	for _, item := range v.Items {
		if n := len(item.Items); n > 2 {
			item.Items = slices.Delete(slices.Clone(item.Items), n-2, n-1)
		}
		out.Items = append(out.Items, item)
	}
	return out
}
