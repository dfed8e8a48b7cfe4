package cmd

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"redust/acl"
	"redust/resp"
)

// Client tracking: a client keeps copies of what it has read, and is told when a key is no
// longer what it was. There are two ways to know whom to tell:
//
//	by reading   bob> GET user:1            user:1 --> [bob]      (readers.go)
//	             ann> SET user:1 x          bob hears invalidate ["user:1"], once; the entry goes
//
//	by prefix    eve> CLIENT TRACKING ON BCAST PREFIX user:
//	             ann> SET user:1 x          noted under the prefix
//	             end of the batch           eve hears invalidate with all keys of the batch
//
// The first costs memory for every key that anybody caches, which tracking-table-max-keys
// bounds: what is forgotten for lack of room is invalidated first. The second costs none, and
// tells clients of keys they never read.
//
// In RESP3 the message is a push. A client in RESP2 has another of its connections listen to
// __redis__:invalidate (REDIRECT); if that one has gone, a client in RESP3 is told that,
// instead (tracking-redir-broken).
//
// When. A command's own client hears of its keys behind the reply, for EXEC behind EXEC's; with
// NOLOOP not at all. FLUSHALL and FLUSHDB tell everybody to forget everything: a null in place
// of the keys, and databases are not told apart anywhere here, as in Redis.
//
// What a command reads: all keys of a command with the flag ReadOnly, in MULTI and in scripts
// as well. OPTIN and OPTOUT turn that round or off for the command (or MULTI) that follows
// CLIENT CACHING.
//
// What a client has read stays known while it is connected, though it switches tracking off: for
// what changes before it switches it on again it is not told.
//
// Without a client that tracks or did, a change costs one comparison, and so does a command.

// tracking is who is to be told of what.
type tracking struct {
	clients  int                // that track
	numbers  map[uint32]*Client // those who have a tracker; nil: nobody
	last     uint32             // number given last
	readers  readers
	prefixes map[string]*prefix
	lengths  []int     // of the prefixes, each once
	changed  []*prefix // with keys to be broadcast
	own      ownKeys
	late     int     // how many times in a row limitTracking has not got below its limit
	keys     []KeyAt // scratch
	raw      []byte  // scratch
}

// tracker is what the server knows of a client that tracks or did. Its number stands for it
// in readers.
type tracker struct {
	number   uint32
	redirect int64 // id of the client to tell instead, or 0
	mode     trackMode
	prefixes []string // ascending
}

type trackMode uint8

const (
	trackBroadcast trackMode = 1 << iota
	trackOptIn
	trackOptOut
	trackNoLoop
)

// prefix is a beginning of keys whose changes are broadcast.
type prefix struct {
	text    string
	clients []*Client
	keys    map[string]*Client // changed in this batch, by whom
}

// ownKeys are keys that the client at hand changed, of which it is to hear behind its reply:
// a length and one more each, 0 for all keys there are.
type ownKeys struct {
	b []byte
	n int
}

func trackingCommands() []*Command {
	const own = NoScript | Loading | Stale | Sentinel
	return []*Command{
		{
			Name: "caching", Arity: 3, Run: clientTrackingCaching,
			Flags: own, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "6.0.0", Complexity: "O(1)",
				Summary: "Says whether the next command's keys are to be tracked.", Syntax: "<YES | NO>"},
		},
		{
			Name: "getredir", Arity: 2, Run: clientGetRedir,
			Flags: own, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "6.0.0", Complexity: "O(1)",
				Summary: "Returns the id of the connection that is told of changes instead of this one."},
		},
		{
			Name: "tracking", Arity: -3, Run: clientTracking,
			Flags: own, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "6.0.0", Complexity: "O(1)",
				Summary: "Says whether the connection is to be told when keys change that it has read.",
				Syntax:  "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]"},
		},
		{
			Name: "trackinginfo", Arity: 2, Run: clientTrackingInfo,
			Flags: own, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Tells how the connection is told of changes."},
		},
	}
}

// clientTracking replies OK. To switch it on once more adds prefixes and changes options,
// within the same mode.
func clientTracking(c *Ctx) error {
	var mode trackMode
	var redirect int64
	var prefixes []string
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("REDIRECT") && o.Left() > 0:
			if redirect != 0 {
				return ErrRedirects
			}
			if redirect = o.Int(); o.Err == nil && c.Host.Client(redirect) == nil {
				return ErrRedirectTo
			}
		case o.Is("PREFIX") && o.Left() > 0:
			prefixes = append(prefixes, string(o.Value()))
		case o.Is("BCAST"):
			mode |= trackBroadcast
		case o.Is("OPTIN"):
			mode |= trackOptIn
		case o.Is("OPTOUT"):
			mode |= trackOptOut
		case o.Is("NOLOOP"):
			mode |= trackNoLoop
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	switch {
	case fold(c.Arg(2), "ON"):
		if err := c.Client.mayTrack(mode, prefixes); err != nil {
			return err
		}
		c.track(mode, redirect, prefixes)
	case fold(c.Arg(2), "OFF"):
		c.untrack(c.Client)
	default:
		return ErrSyntax
	}
	c.Out.OK()
	return nil
}

// mayTrack tells whether options fit each other, and what the client has said before.
func (cl *Client) mayTrack(mode trackMode, prefixes []string) error {
	var was trackMode
	var have []string
	on := cl.Flags&ClientTracking != 0
	if on {
		was, have = cl.tracker.mode, cl.tracker.prefixes
	}
	const opt = trackOptIn | trackOptOut
	switch {
	case mode&trackBroadcast == 0 && prefixes != nil:
		return ErrPrefixAlone
	case on && (mode^was)&trackBroadcast != 0:
		return ErrSwitchBroadcast
	case mode&trackBroadcast != 0 && mode&opt != 0:
		return ErrBroadcastOpt
	case mode&opt == opt:
		return ErrOptInOut
	case mode&trackOptIn != 0 && was&trackOptOut != 0, mode&trackOptOut != 0 && was&trackOptIn != 0:
		return ErrSwitchOpt
	case mode&trackBroadcast == 0:
		return nil
	}
	for i, p := range prefixes {
		for _, q := range have {
			if overlap(p, q) {
				return errPrefixExists(p, q)
			}
		}
		for _, q := range prefixes[i+1:] {
			if overlap(p, q) {
				return errPrefixTwice(p, q)
			}
		}
	}
	return nil
}

// overlap tells whether one of two prefixes begins with the other.
func overlap(p, q string) bool { return strings.HasPrefix(p, q) || strings.HasPrefix(q, p) }

// track switches tracking on.
func (c *Ctx) track(mode trackMode, redirect int64, prefixes []string) {
	cl, ts := c.Client, &c.tracking
	if cl.tracker == nil {
		if ts.numbers == nil {
			ts.numbers = make(map[uint32]*Client)
			c.eyes++
		}
		for ts.last++; ts.last == 0 || ts.numbers[ts.last] != nil; {
			ts.last++
		}
		cl.tracker = &tracker{number: ts.last}
		ts.numbers[ts.last] = cl
	}
	if cl.Flags&ClientTracking == 0 {
		ts.clients++
	}
	cl.Flags = cl.Flags&^(clientBroken|clientBroadcast) | ClientTracking
	t := cl.tracker
	t.mode, t.redirect = mode, redirect
	if mode&trackBroadcast == 0 {
		return
	}
	cl.Flags |= clientBroadcast
	if prefixes == nil {
		prefixes = []string{""}
	}
	for _, p := range prefixes {
		if i, found := slices.BinarySearch(t.prefixes, p); !found {
			t.prefixes = slices.Insert(t.prefixes, i, p)
			ts.join(cl, p)
		}
	}
}

// untrack switches tracking off.
func (s *Server) untrack(cl *Client) {
	if cl.Flags&ClientTracking == 0 {
		return
	}
	cl.Flags &^= ClientTracking | clientBroken | clientBroadcast | clientCaching
	s.tracking.clients--
	t := cl.tracker
	for _, p := range t.prefixes {
		s.tracking.part(cl, p)
	}
	t.mode, t.redirect, t.prefixes = 0, 0, nil
}

// forgetTracker is untrack for a client that goes.
func (s *Server) forgetTracker(cl *Client) {
	s.untrack(cl)
	if t := cl.tracker; t != nil {
		cl.tracker = nil
		ts := &s.tracking
		if delete(ts.numbers, t.number); len(ts.numbers) == 0 {
			ts.numbers = nil
			ts.readers.clear()
			s.eyes--
		}
	}
}

func (ts *tracking) join(cl *Client, text string) {
	p := ts.prefixes[text]
	if p == nil {
		if ts.prefixes == nil {
			ts.prefixes = make(map[string]*prefix)
		}
		p = &prefix{text: text}
		ts.prefixes[text] = p
		ts.measure()
	}
	p.clients = append(p.clients, cl)
}

func (ts *tracking) part(cl *Client, text string) {
	p := ts.prefixes[text]
	i := slices.Index(p.clients, cl)
	p.clients = slices.Delete(p.clients, i, i+1)
	if len(p.clients) == 0 {
		delete(ts.prefixes, text)
		ts.measure()
	}
}

// measure finds the lengths of all prefixes: a key is cut to each of them, and looked up.
func (ts *tracking) measure() {
	ts.lengths = ts.lengths[:0]
	for text := range ts.prefixes {
		if i, found := slices.BinarySearch(ts.lengths, len(text)); !found {
			ts.lengths = slices.Insert(ts.lengths, i, len(text))
		}
	}
}

// bytes is the memory of what is tracked, bytes; prefixes are few.
func (ts *tracking) bytes() int64 { return ts.readers.bytes() }

// memBytes is the memory of a tracker, bytes.
func (t *tracker) memBytes() int {
	if t == nil {
		return 0
	}
	n := 128
	for _, p := range t.prefixes {
		n += 64 + len(p)
	}
	return n
}

// redirection is the client to be told instead, 0 for none, -1 without tracking.
func (cl *Client) redirection() int64 {
	if cl.Flags&ClientTracking == 0 {
		return -1
	}
	return cl.tracker.redirect
}

// clientTrackingCaching replies OK.
func clientTrackingCaching(c *Ctx) error {
	cl := c.Client
	if cl.Flags&ClientTracking == 0 {
		return ErrCaching
	}
	switch {
	case fold(c.Arg(2), "YES"):
		if cl.tracker.mode&trackOptIn == 0 {
			return ErrCachingYes
		}
	case fold(c.Arg(2), "NO"):
		if cl.tracker.mode&trackOptOut == 0 {
			return ErrCachingNo
		}
	default:
		return ErrSyntax
	}
	cl.Flags |= clientCaching
	c.Out.OK()
	return nil
}

func clientGetRedir(c *Ctx) error {
	c.Out.Int(c.Client.redirection())
	return nil
}

// clientTrackingInfo replies a map.
func clientTrackingInfo(c *Ctx) error {
	cl, out := c.Client, c.Out
	var mode trackMode
	var prefixes []string
	flags := []string{"off"}
	if cl.Flags&ClientTracking != 0 {
		mode, prefixes, flags = cl.tracker.mode, cl.tracker.prefixes, []string{"on"}
	}
	for _, f := range [...]struct {
		on   bool
		name string
	}{
		{mode&trackBroadcast != 0, "bcast"},
		{mode&trackOptIn != 0, "optin"},
		{mode&trackOptIn != 0 && cl.Has(clientCaching), "caching-yes"},
		{mode&trackOptOut != 0, "optout"},
		{mode&trackOptOut != 0 && cl.Has(clientCaching), "caching-no"},
		{mode&trackNoLoop != 0, "noloop"},
		{cl.Has(clientBroken), "broken_redirect"},
	} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	out.Map(3)
	out.Str("flags")
	out.Set(len(flags))
	for _, f := range flags {
		out.Str(f)
	}
	out.Str("redirect")
	out.Int(cl.redirection())
	out.Str("prefixes")
	out.Array(len(prefixes))
	for _, p := range prefixes {
		out.Str(p)
	}
	return nil
}

// remember notes the keys of the command that has just been run as read by the client that
// tracks, be it inside of another command.
func (s *Server) remember(c *Ctx) {
	cl, ts := s.current, &s.tracking
	t := cl.tracker
	given := cl.Flags&clientCaching != 0
	if t.mode&trackBroadcast != 0 || t.mode&trackOptIn != 0 && !given || t.mode&trackOptOut != 0 && given ||
		c.Cmd.ACL&acl.Scripting != 0 { // not a script's keys, but those of its commands
		return
	}
	ts.keys, _ = c.Cmd.KeysOf(c.Args, ts.keys[:0])
	for _, k := range ts.keys {
		ts.readers.add(c.Args[k.Index], t.number)
	}
}

// limitTracking forgets keys while there are more than tracking-table-max-keys: some at a
// time, and more of them the longer that has not been enough.
func (s *Server) limitTracking() {
	const some = 100
	ts, limit := &s.tracking, s.Cfg.TrackingTableMaxKeys
	over := func() bool { return limit > 0 && int64(ts.readers.keys()) > limit }
	for n := some * (ts.late + 1); n > 0 && over(); n-- {
		s.invalidate(ts.readers.random(s.Random), nil, false)
	}
	if ts.late++; !over() {
		ts.late = 0
	}
}

// invalidate tells who has read a key that it is not what it was; changed, that it has
// changed, through whom, and not only been forgotten.
func (s *Server) invalidate(key []byte, by *Client, changed bool) {
	ts := &s.tracking
	if changed && len(ts.prefixes) > 0 {
		s.rememberChange(key, by)
	}
	ids := ts.readers.take(key)
	if len(ids) == 0 {
		return
	}
	m := message{head: "invalidate"}
	for _, id := range ids {
		cl := ts.numbers[id]
		if cl == nil || cl.Flags&(ClientTracking|clientBroadcast) != ClientTracking {
			continue
		}
		if s.running(cl) {
			if cl.tracker.mode&trackNoLoop == 0 {
				ts.own.add(key)
			}
			continue
		}
		if m.raw == nil {
			m.raw = s.rawKey(key)
		}
		s.inform(cl, &m)
	}
}

// rawKey is an array of one key, in scratch.
func (s *Server) rawKey(key []byte) []byte {
	w := resp.Writer{B: s.tracking.raw[:0]}
	w.Array(1)
	w.Bulk(key)
	const keep = 4 << 10 // bytes
	if cap(w.B) <= keep {
		s.tracking.raw = w.B
	}
	return w.B
}

// inform sends a message about keys to a client that tracks, or to whom it is redirected.
func (s *Server) inform(cl *Client, m *message) {
	to := cl
	if id := cl.tracker.redirect; id != 0 {
		if to = s.Host.Client(id); to == nil {
			cl.Flags |= clientBroken
			if cl.Out.Proto == 3 {
				raw := strconv.AppendInt([]byte(":"), id, 10)
				s.post(cl, &message{head: "tracking-redir-broken", raw: append(raw, "\r\n"...)})
			}
			return
		}
	}
	if to.Out.Proto == 3 || cl.tracker.redirect != 0 && to.Flags&ClientPubSub != 0 {
		s.post(to, m)
	}
}

// invalidateAll tells all who track to forget everything, and forgets what they read.
func (c *Ctx) invalidateAll() {
	m := message{head: "invalidate", all: true}
	c.Host.Clients(func(cl *Client) bool {
		switch {
		case cl.Flags&ClientTracking == 0:
		case c.running(cl):
			c.tracking.own.all()
		default:
			c.inform(cl, &m)
		}
		return true
	})
	c.tracking.readers.clear()
}

func (o *ownKeys) add(key []byte) {
	o.b = append(binary.AppendUvarint(o.b, uint64(len(key))+1), key...)
	o.n++
}

func (o *ownKeys) all() {
	o.b = binary.AppendUvarint(o.b, 0)
	o.n++
}

// invalidateOwn tells a client of the keys that its own command has changed.
func (s *Server) invalidateOwn(cl *Client) {
	o := &s.tracking.own
	b := o.b
	s.tracking.own = ownKeys{}
	if cl.Flags&ClientTracking != 0 {
		for rest := b; len(rest) > 0; {
			n, k := binary.Uvarint(rest)
			if rest = rest[k:]; n == 0 {
				s.inform(cl, &message{head: "invalidate", all: true})
				continue
			}
			s.inform(cl, &message{head: "invalidate", raw: s.rawKey(rest[:n-1])})
			rest = rest[n-1:]
		}
	}
	const keep = 64 << 10 // bytes
	if cap(b) <= keep {
		o.b = b[:0]
	}
}

// rememberChange notes a key under the prefixes that it begins with.
func (s *Server) rememberChange(key []byte, by *Client) {
	ts := &s.tracking
	for _, n := range ts.lengths {
		if n > len(key) {
			return
		}
		p := ts.prefixes[string(key[:n])]
		if p == nil {
			continue
		}
		if len(p.keys) == 0 {
			ts.changed = append(ts.changed, p)
			if p.keys == nil {
				p.keys = make(map[string]*Client)
			}
		}
		p.keys[string(key)] = by
	}
}

// Broadcast tells of the keys that have changed in this batch under prefixes; the executor
// calls it after each batch.
func (s *Server) Broadcast() {
	ts := &s.tracking
	if len(ts.changed) == 0 {
		return
	}
	slices.SortFunc(ts.changed, func(p, q *prefix) int { return strings.Compare(p.text, q.text) })
	for _, p := range ts.changed {
		p.broadcast(s)
		const keep = 1000 // keys
		if len(p.keys) > keep {
			p.keys = nil
		}
		clear(p.keys)
	}
	clear(ts.changed)
	ts.changed = ts.changed[:0]
}

func (p *prefix) broadcast(s *Server) {
	keys := make([]string, 0, len(p.keys))
	for k := range p.keys {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	whole := message{head: "invalidate", raw: rawKeys(keys)}
	for _, cl := range p.clients {
		m := &whole
		if cl.tracker.mode&trackNoLoop != 0 {
			others := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return p.keys[k] == cl })
			if len(others) == 0 {
				continue
			}
			if len(others) < len(keys) {
				m = &message{head: "invalidate", raw: rawKeys(others)}
			}
		}
		s.inform(cl, m)
	}
}

// rawKeys is an array of keys.
func rawKeys(keys []string) []byte {
	var w resp.Writer
	w.Array(len(keys))
	for _, k := range keys {
		w.Str(k)
	}
	return w.B
}
