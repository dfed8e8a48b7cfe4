package random

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"redust/tests/script"
)

// Listeners are clients of their own, one of each kind on each server, who hear what the
// others do: messages, keyspace notifications, invalidations. Left out are notifications of
// misses, since a command that is wrong misses keys or does not, as it looks at its options
// before or behind them; scripts have these.
//
//	first       SET k1 a   PUBLISH c0 x   ...                             a pipeline
//	            ----------- all replies are there ------------
//	each        PING barrier:7     message, message, ..., barrier:7       compared
//
// A server sends a client what it has for it in order, so what was heard up to the answer to
// a PING of its own is all that the commands before have caused. What a listener says itself
// is several commands at times (separated by then), since neither CLIENT CACHING nor MULTI
// would survive the PING.
//
// Compared is the order, too, but for what Redis leaves open: that of several patterns that
// fit one message, that in which all channels are given up (lastly), and how the changes of
// a pipeline are divided into broadcasts.
//
// Redis 7.0, the oracle, sends a client in RESP3 the messages of its own commands in front of
// the reply, later ones behind it; and in RESP2 it forgets that somebody listens who listens
// to shard channels alone. So those who subscribe run nothing that is published, and only the
// one in RESP3 has shard channels.

// The kinds of listeners.
const (
	subscriber  = 1 + iota // channels and patterns, at first in RESP2
	subscriber3            // these and shard channels, in RESP3
	tracker                // tracks what it reads, in RESP3
	broadcastee            // tracks prefixes, or what it reads, in RESP3
	listening   = iota
)

// then separates the commands of one step.
const then = "|then|"

// listeners are those clients, by server and kind, counted from 0.
type listeners struct {
	conns   [2][listening]script.Conn
	frames  [2][listening][]script.Value // heard, and not compared yet
	barrier int
}

func (l *listeners) close() {
	if l == nil {
		return
	}
	for _, server := range l.conns {
		for _, c := range server {
			if c != nil {
				_ = c.Close() // all that it heard has been compared
			}
		}
	}
}

// connectListeners connects those who listen, when the first of them has something to say.
func (p *pair) connectListeners() error {
	p.listeners = &listeners{}
	for i := range 2 {
		if _, err := script.Do(p.control[i], "CONFIG", "SET", "notify-keyspace-events", "KEAn"); err != nil {
			return err
		}
		for k := range listening {
			c, err := p.dial[i]()
			if err != nil {
				return err
			}
			p.listeners.conns[i][k] = c
			if k+1 == subscriber {
				continue
			}
			if _, err := script.Do(c, "HELLO", "3"); err != nil {
				return err
			}
		}
	}
	return nil
}

// listen has a listener say something, on both servers.
func (p *pair) listen(s Step) error {
	if p.listeners == nil {
		if err := p.connectListeners(); err != nil {
			return err
		}
	}
	var said []Step
	for rest := s.Args; len(rest) > 0; {
		n := slices.Index(rest, then)
		if n < 0 {
			n = len(rest)
		}
		said = append(said, step(Exact, rest[:n]...))
		rest = rest[min(n+1, len(rest)):]
	}
	for i := range 2 {
		if err := p.send(i, p.listeners.conns[i][s.Listener-1], said); err != nil {
			return err
		}
	}
	return p.hear(s.Listener - 1) // before others do, who may hear what it has caused
}

// hear collects what some listeners have heard so far.
func (p *pair) hear(kinds ...int) error {
	l := p.listeners
	l.barrier++
	mark := "barrier:" + strconv.Itoa(l.barrier)
	for i := range 2 {
		for _, k := range kinds {
			if err := p.send(i, l.conns[i][k], []Step{step(Exact, "PING", mark)}); err != nil {
				return err
			}
		}
	}
	for i := range 2 {
		for _, k := range kinds {
			frames, err := hearUntil(l.conns[i][k], mark)
			if err != nil {
				return fmt.Errorf("random: listener %d: %w", k+1, err)
			}
			l.frames[i][k] = append(l.frames[i][k], frames...)
		}
	}
	return nil
}

// heard compares what the listeners have heard since it was last asked.
func (p *pair) heard() (*Difference, error) {
	l := p.listeners
	if l == nil {
		return nil, nil
	}
	if err := p.hear(0, 1, 2, 3); err != nil {
		return nil, err
	}
	for k := range listening {
		var got [2][]script.Value
		for i := range 2 {
			got[i] = inOrder(k+1, l.frames[i][k])
			l.frames[i][k] = nil
		}
		if slices.EqualFunc(got[0], got[1], sameFrame) {
			continue
		}
		from := 0
		for from < min(len(got[0]), len(got[1])) && sameFrame(got[0][from], got[1][from]) {
			from++
		}
		const shown = 5
		excerpt := func(v []script.Value) script.Value {
			return script.Value{Kind: '*', Items: v[from:min(from+shown, len(v))]}
		}
		return &Difference{Where: fmt.Sprintf("what listener %d hears, from frame %d on", k+1, from), A: excerpt(got[0]), B: excerpt(got[1])}, nil
	}
	return nil, nil
}

func sameFrame(x, y script.Value) bool { return x.Format(3) == y.Format(3) }

func byText(x, y script.Value) int { return strings.Compare(x.Format(3), y.Format(3)) }

// hearUntil returns what comes before the answer to a PING, which it is with or without
// channels to listen to.
func hearUntil(c script.Conn, mark string) (frames []script.Value, err error) {
	for {
		v, err := receive(c)
		if err != nil {
			return frames, err
		}
		if v.Text == mark || len(v.Items) == 2 && v.Items[1].Text == mark {
			return frames, nil
		}
		frames = append(frames, v)
	}
}

// inOrder brings frames into the one order of those that Redis leaves open.
func inOrder(kind int, frames []script.Value) []script.Value {
	if kind == broadcastee {
		return gathered(frames)
	}
	for from := 0; from < len(frames); {
		to := from + 1
		for to < len(frames) && loose(frames[from]) != "" && loose(frames[from]) == loose(frames[to]) {
			to++
		}
		sortRun(frames[from:to])
		from = to
	}
	return slices.DeleteFunc(frames, func(v script.Value) bool {
		hello := len(v.Items) > 0 && v.Items[0].Text == "server" // versions differ
		// From 7.2 on XCLAIM and XREADGROUP make a consumer in any case, which then can go.
		return hello || about(v, "xgroup-createconsumer") || about(v, "xgroup-delconsumer")
	})
}

// loose is a text that neighbours have in common if their order is open, or none.
func loose(v script.Value) string {
	if len(v.Items) == 0 {
		return ""
	}
	switch head := v.Items[0].Text; {
	case strings.HasSuffix(head, "unsubscribe"):
		return head
	case head == "pmessage":
		return head + " " + strconv.Itoa(len(v.Items[2].Text)) + " " + v.Items[2].Text + " " + v.Items[3].Text
	}
	return ""
}

// about tells whether a message is the notification of an event.
func about(v script.Value, event string) bool {
	n := len(v.Items)
	return n > 2 && (v.Items[n-1].Text == event || strings.HasSuffix(v.Items[n-2].Text, ":"+event))
}

// sortRun sorts the second items of frames, names and patterns, and leaves the others where they
// are: how many channels are left is no matter of their order.
func sortRun(frames []script.Value) {
	if len(frames) < 2 {
		return
	}
	names := make([]script.Value, len(frames))
	for i, f := range frames {
		names[i] = f.Items[1]
	}
	slices.SortFunc(names, byText)
	for i, name := range names {
		frames[i].Items[1] = name
	}
}

// gathered is the replies among frames, then all that was invalidated in between, once each.
func gathered(frames []script.Value) []script.Value {
	var replies, gone []script.Value
	for _, f := range frames {
		switch {
		case f.Kind != '>':
			replies = append(replies, f)
		case len(f.Items[1].Items) == 0: // all keys
			gone = append(gone, f.Items[1])
		default:
			gone = append(gone, f.Items[1].Items...)
		}
	}
	slices.SortFunc(gone, byText)
	gone = slices.CompactFunc(gone, sameFrame)
	return append(replies, gone...)
}

// messages is what listeners say, and what is published.
func messages() Family {
	says := func(kind, weight int, args func(g *Gen) []string) Command {
		return Command{Weight: weight, Args: args, Listener: kind, Whole: true}
	}
	names := func(command string, name func(*Gen) string) func(g *Gen) []string {
		return func(g *Gen) []string {
			return append([]string{command}, g.Keys(3, func() string { return name(g) })...)
		}
	}
	maybe := func(command string, name func(*Gen) string) func(g *Gen) []string {
		return func(g *Gen) []string {
			if g.OneIn(4) {
				return []string{command}
			}
			return names(command, name)(g)
		}
	}
	word := func(words ...string) func(*Gen) []string { return func(*Gen) []string { return words } }
	f := Family{"messages", []Command{
		{Name: "PUBLISH", Weight: 12, Args: func(g *Gen) []string { return []string{g.channel(), g.Value()} }},
		{Name: "SPUBLISH", Weight: 4, Args: func(g *Gen) []string { return []string{g.channel(), g.Value()} }},
		{Name: "PUBSUB", Weight: 2, Args: func(g *Gen) []string {
			return append([]string{g.Of("NUMSUB", "SHARDNUMSUB")}, g.Keys(3, g.channel)...)
		}},
		{Name: "PUBSUB", Weight: 2, Args: func(g *Gen) []string { return []string{g.Of("CHANNELS", "SHARDCHANNELS"), g.pattern()} }, Same: Unordered},
		{Name: "PUBSUB", Weight: 1, Args: func(g *Gen) []string { return []string{g.Of("CHANNELS", "SHARDCHANNELS")} }, Same: Unordered},
		{Name: "PUBSUB", Weight: 1, Args: word("NUMPAT")},
		says(subscriber, 1, word("RESET")), says(subscriber, 2, func(g *Gen) []string { return []string{"HELLO", g.Of("2", "3")} }),
		says(subscriber, 1, word("GET", "k0")),
		says(subscriber3, 3, names("SSUBSCRIBE", (*Gen).channel)), says(subscriber3, 2, maybe("SUNSUBSCRIBE", (*Gen).channel)),
		says(tracker, 6, func(g *Gen) []string {
			out := []string{"CLIENT", "TRACKING", g.Of("ON", "ON", "ON", "OFF")}
			if g.OneIn(3) {
				out = append(out, g.Of("OPTIN", "OPTOUT", "PREFIX"))
			}
			if g.OneIn(3) {
				out = append(out, "NOLOOP")
			}
			return out
		}),
		says(tracker, 2, word("CLIENT", "TRACKINGINFO")), says(tracker, 2, func(g *Gen) []string { return []string{"SELECT", database(g)} }),
		says(tracker, 12, func(g *Gen) []string { return g.reading() }), says(tracker, 6, func(g *Gen) []string { return g.writing() }),
		says(tracker, 4, func(g *Gen) []string {
			return slices.Concat([]string{"CLIENT", "CACHING", g.Of("YES", "NO"), then}, g.reading(), []string{then}, g.reading())
		}),
		says(broadcastee, 4, func(g *Gen) []string {
			out := []string{"CLIENT", "TRACKING", g.Of("ON", "ON", "ON", "OFF"), "BCAST"}
			for range g.r.IntN(3) {
				out = append(out, "PREFIX", g.Of("", "k", "k1", "k2", "wait:", "h", "h1"))
			}
			if g.OneIn(3) {
				out = append(out, "NOLOOP")
			}
			return out
		}),
		says(broadcastee, 2, func(g *Gen) []string { return []string{"CLIENT", "TRACKING", g.Of("ON", "OFF", "OFF")} }), says(broadcastee, 2, word("CLIENT", "TRACKINGINFO")),
		says(broadcastee, 4, func(g *Gen) []string { return g.writing() }), says(broadcastee, 2, func(g *Gen) []string { return g.reading() }),
		says(broadcastee, 1, func(g *Gen) []string {
			return append([]string{"EVAL", "return redis.call(unpack(ARGV))", "0"}, g.writing()...)
		}),
	}}
	for _, kind := range []int{tracker, broadcastee} {
		f.Commands = append(f.Commands, says(kind, 3, func(g *Gen) []string {
			out := []string{"MULTI"}
			for range 1 + g.r.IntN(4) {
				if out = append(out, then); g.OneIn(2) {
					out = append(out, g.reading()...)
				} else {
					out = append(out, g.writing()...)
				}
			}
			return append(out, then, g.Of("EXEC", "EXEC", "EXEC", "DISCARD"))
		}))
	}
	for _, kind := range []int{subscriber, subscriber3} {
		f.Commands = append(f.Commands, says(kind, 4, names("SUBSCRIBE", (*Gen).channel)), says(kind, 2, maybe("UNSUBSCRIBE", (*Gen).channel)),
			says(kind, 3, names("PSUBSCRIBE", (*Gen).pattern)), says(kind, 2, maybe("PUNSUBSCRIBE", (*Gen).pattern)))
	}
	return f
}

// channel is one of some names, among them those of keyspace events.
func (g *Gen) channel() string {
	return g.Of("c0", "c1", "c2", "", "c\r\n", "__keyspace@0__:"+g.Any(), "__keyevent@"+database(g)+"__:"+g.Of("del", "set", "new", "lpush", "expired"))
}

// pattern fits some channels, or all events.
func (g *Gen) pattern() string {
	return g.Of("c*", "*", "c?", "c[01]", "__key*", "__keyspace@[12]__:k*", "__keyevent@*:*", "__keyevent@0__:[a-h]*", "")
}

// reading is a command that only reads.
func (g *Gen) reading() []string {
	switch g.r.IntN(4) {
	case 0:
		return append([]string{"MGET"}, g.Keys(4, g.Any)...)
	case 1:
		return append([]string{"EXISTS"}, g.Keys(3, g.Any)...)
	case 2:
		return []string{g.Of("TYPE", "STRLEN", "LLEN", "HLEN", "ZCARD"), g.Any()}
	}
	return []string{"GET", g.Any()}
}

// writing is a command that writes.
func (g *Gen) writing() []string {
	switch g.r.IntN(4) {
	case 0:
		return append([]string{"DEL"}, g.Keys(3, g.Any)...)
	case 1:
		return []string{"INCR", g.Key()}
	case 2:
		return []string{"MSET", g.Key(), g.Value(), g.Key(), g.Value()}
	}
	return []string{"SET", g.Key(), g.Value()}
}
