package cmd

import (
	"redust/config"
	"redust/db/glob"
	"redust/resp"
)

// Who hears what: topics, and the seats of clients at them.
//
//	channels   "news"   --> topic [ann] [bob] [eve]      ann: news, n* (in order of asking)
//	shards     "orders" --> topic [bob]                  bob: orders, news
//	patterns   "n*" <-> "log.?" <-> ...
//	            [ann]     [dan]
//
// A seat stands in the row of its topic, where the one at the end takes its place when it
// goes, and in a list of its client, which keeps the order of asking. So taking and giving
// up a seat costs one look into a map each, however many there are, and a client that
// leaves costs what it sat at. A topic without seats is gone.
//
// Publishing costs one look into the map of channels, and a match for each pattern, of which
// there are usually few.

// topicKind says which topics are meant by a name.
type topicKind uint8

const (
	channelTopic topicKind = iota
	patternTopic
	shardTopic
	topicKinds
)

// topic is a channel, a pattern or a shard channel that somebody listens to.
type topic struct {
	name       string
	kind       topicKind
	clients    []*Client // who sits there
	seats      []*seat   // and their seats, in the same order
	prev, next *topic    // among the patterns
}

// seat is one client's place at one topic.
type seat struct {
	cl         *Client
	t          *topic
	at         int   // place in the topic's row
	prev, next *seat // among the client's of this kind
}

// seating is all that one client listens to.
type seating struct {
	byTopic     map[*topic]*seat
	first, last [topicKinds]*seat
	n           [topicKinds]int
}

// topics is all that anybody listens to.
type topics struct {
	named       [topicKinds]map[string]*topic
	first, last *topic // patterns
	bytes       int    // of the topics; seats are counted with their clients
	clients     int    // that listen to something
}

const (
	topicBytes = 160 // with its entry in the map
	seatBytes  = 112 // likewise
)

// sit gives a client a seat, and tells whether it had none there.
func (ts *topics) sit(cl *Client, kind topicKind, name []byte) bool {
	t := ts.named[kind][string(name)]
	g := cl.seating
	if g == nil {
		g = &seating{byTopic: make(map[*topic]*seat, 1)}
		cl.seating = g
	}
	if t == nil {
		t = ts.open(kind, string(name))
	} else if g.byTopic[t] != nil {
		return false
	}
	s := &seat{cl: cl, t: t, at: len(t.seats), prev: g.last[kind]}
	t.clients, t.seats = append(t.clients, cl), append(t.seats, s)
	if s.prev != nil {
		s.prev.next = s
	} else {
		g.first[kind] = s
	}
	g.last[kind] = s
	g.byTopic[t] = s
	g.n[kind]++
	if cl.Flags&ClientPubSub == 0 {
		cl.Flags |= ClientPubSub
		ts.clients++
	}
	return true
}

// leave gives up a client's seat, and tells whether it had one.
func (ts *topics) leave(cl *Client, kind topicKind, name []byte) bool {
	t := ts.named[kind][string(name)]
	if t == nil || cl.seating == nil || cl.seating.byTopic[t] == nil {
		return false
	}
	ts.rise(cl.seating.byTopic[t])
	return true
}

// rise gives up a seat.
func (ts *topics) rise(s *seat) {
	cl, t, g := s.cl, s.t, s.cl.seating
	last := len(t.seats) - 1
	t.clients[s.at], t.seats[s.at] = t.clients[last], t.seats[last]
	t.seats[s.at].at = s.at
	t.clients[last], t.seats[last] = nil, nil
	t.clients, t.seats = t.clients[:last], t.seats[:last]
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		g.first[t.kind] = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		g.last[t.kind] = s.prev
	}
	delete(g.byTopic, t)
	g.n[t.kind]--
	if len(g.byTopic) == 0 {
		cl.seating = nil
		cl.Flags &^= ClientPubSub
		ts.clients--
	}
	if last == 0 {
		ts.close(t)
	}
}

// leaveAll gives up all of a client's seats.
func (ts *topics) leaveAll(cl *Client) {
	for kind := range topicKinds {
		for cl.seating != nil && cl.seating.first[kind] != nil {
			ts.rise(cl.seating.first[kind])
		}
	}
}

func (ts *topics) open(kind topicKind, name string) *topic {
	t := &topic{name: name, kind: kind}
	if ts.named[kind] == nil {
		ts.named[kind] = make(map[string]*topic)
	}
	ts.named[kind][name] = t
	ts.bytes += topicBytes + len(name)
	if kind == patternTopic {
		if t.prev = ts.last; t.prev != nil {
			t.prev.next = t
		} else {
			ts.first = t
		}
		ts.last = t
	}
	return t
}

func (ts *topics) close(t *topic) {
	delete(ts.named[t.kind], t.name)
	ts.bytes -= topicBytes + len(t.name)
	if t.kind != patternTopic {
		return
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		ts.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		ts.last = t.prev
	}
}

// audience is how many clients sit at a topic.
func (ts *topics) audience(kind topicKind, name []byte) int {
	if t := ts.named[kind][string(name)]; t != nil {
		return len(t.seats)
	}
	return 0
}

// count is how many topics of a kind there are.
func (ts *topics) count(kind topicKind) int { return len(ts.named[kind]) }

// seats is how many topics of a kind a client listens to.
func (cl *Client) seats(kind topicKind) int {
	if cl.seating == nil {
		return 0
	}
	return cl.seating.n[kind]
}

// memBytes is the memory of a client's seats, bytes.
func (g *seating) memBytes() int {
	if g == nil {
		return 0
	}
	return 160 + seatBytes*len(g.byTopic)
}

// Messages on their way.
//
// A message is encoded once a protocol version, at the end of that version's gathering, a
// buffer which lasts for a batch of commands. A client that has nothing else to be sent is
// told where it lies (an extent), and the executor's write goes from there: whatever the
// number of those who listen, there is one copy of the message, and none of them needs a
// buffer of its own.
//
//	gathering  | message 1 | message 2 | message 3 |         ann    [0, 3)  both extents grow as
//	           ^           ^           ^           ^         bob    [1, 3)  long as messages adjoin
//
// Extents come in front of what is in Client.Out: a client gets one only when its Out is
// empty, and an extent grows only while it stays so. When a message does not adjoin, the extent
// is copied to Out (Server.Settle) and the message behind it.
//
// What a command sends to its own client must not come in the middle of the reply: that
// waits in aside, and goes out behind the reply, or behind EXEC's.
type gathering struct {
	b       [2][]byte // RESP2, RESP3
	holders int       // clients that have an extent
}

// extent is a part of a gathering: what a client is to be sent before its Out. Empty if to
// is 0.
type extent struct {
	from, to int
	version  uint8 // index of the gathering
}

// message is something to be sent to any number of clients.
type message struct {
	head    string // what kind of push it is
	pattern string // of a pmessage
	channel []byte
	payload []byte
	raw     []byte // instead of all these: the reply that follows "invalidate"; borrowed
	all     bool   // likewise: an absent value

	from, to [2]int // where it lies in the gatherings; to is 0 if it does not yet
}

// trackingChannel is where clients in RESP2 hear of keys that others have changed.
const trackingChannel = "__redis__:invalidate"

func (m *message) write(w *resp.Writer) {
	switch {
	case m.raw != nil || m.all:
		if w.Proto == 3 {
			w.Push(2)
			w.Str(m.head)
		} else {
			w.Push(3)
			w.Str("message")
			w.Str(trackingChannel)
		}
		if m.all {
			w.Null()
		} else {
			w.Raw(m.raw)
		}
	case m.head == "pmessage":
		w.Push(4)
		w.Str(m.head)
		w.Str(m.pattern)
		w.Bulk(m.channel)
		w.Bulk(m.payload)
	default:
		w.Push(3)
		w.Str(m.head)
		w.Bulk(m.channel)
		w.Bulk(m.payload)
	}
}

// version is which gathering a client's messages come from.
func (cl *Client) version() int {
	if cl.Out.Proto == 3 {
		return 1
	}
	return 0
}

// post sends a message to a client.
func (s *Server) post(cl *Client, m *message) {
	v := cl.version()
	if cl.Conn == nil || cl.Flags&(clientKilled|ClientCloseSoon) != 0 {
		return
	}
	if s.running(cl) {
		s.aside.Proto = cl.Out.Proto
		m.write(&s.aside)
		return
	}
	g := &s.gathering
	if m.to[v] == 0 {
		w := resp.Writer{B: g.b[v], Proto: 2 + v}
		m.from[v] = len(w.B)
		m.write(&w)
		m.to[v], g.b[v] = len(w.B), w.B
	}
	sp := &cl.extent
	switch {
	case len(cl.Out.B) > 0 || sp.to != 0 && (int(sp.version) != v || sp.to != m.from[v]):
		s.Settle(cl)
		cl.Out.B = append(cl.Out.B, g.b[v][m.from[v]:m.to[v]]...)
		cl.Conn.SendLater()
	case sp.to != 0:
		sp.to = m.to[v]
	default:
		*sp = extent{from: m.from[v], to: m.to[v], version: uint8(v)}
		g.holders++
		cl.Conn.SendLater()
	}
	// One command alone (a script, a transaction) may send more than a client is to keep;
	// between commands the executor looks after that.
	if hard := s.Cfg.ClientOutputLimits[cl.OutputClass()].Hard; hard > 0 && int64(len(cl.Out.B)+sp.to-sp.from) > hard {
		s.Stats.OutputBufLimit++
		s.Host.Log(config.LogWarning, "Client "+s.Describe(cl)+" scheduled to be closed ASAP for overcoming of output buffer limits.")
		cl.closeNow()
	}
}

// running tells whether the client's own command is being run, or one inside of it.
func (s *Server) running(cl *Client) bool { return s.effects.open > 0 && s.current == cl }

// Gathered is what a client is to be sent before its Out, valid until Gone or the next
// message; nil if there is nothing.
func (s *Server) Gathered(cl *Client) []byte {
	sp := cl.extent
	if sp.to == 0 {
		return nil
	}
	return s.gathering.b[sp.version][sp.from:sp.to]
}

// Sent forgets what Gathered has returned.
func (s *Server) Sent(cl *Client) {
	if cl.extent.to != 0 {
		cl.extent = extent{}
		s.gathering.holders--
	}
}

// Settle puts what a client is to be sent before its Out into Out.
func (s *Server) Settle(cl *Client) {
	b := s.Gathered(cl)
	if b == nil {
		return
	}
	n := len(cl.Out.B)
	cl.Out.B = append(cl.Out.B, b...)
	if n > 0 {
		copy(cl.Out.B[len(b):], cl.Out.B[:n])
		copy(cl.Out.B, b)
	}
	s.Sent(cl)
}

// GatheredBytes is how much has been gathered.
func (s *Server) GatheredBytes() int { return len(s.gathering.b[0]) + len(s.gathering.b[1]) }

// Scatter begins a new gathering; the executor calls it when everybody has been sent
// theirs. With lent, somebody still reads the old one.
func (s *Server) Scatter(lent bool) {
	const keep = 1 << 20 // bytes
	g := &s.gathering
	if g.holders > 0 {
		return
	}
	for v := range g.b {
		if lent || cap(g.b[v]) > keep {
			g.b[v] = nil
		}
		g.b[v] = g.b[v][:0]
	}
}

// sendAside sends a client what its own command had for it; not while a script is busy, whose
// client that is for.
func (s *Server) sendAside(cl *Client) {
	if s.scripting.busy {
		return
	}
	if s.tracking.own.n > 0 {
		s.invalidateOwn(cl)
	}
	cl.Out.Raw(s.aside.B)
	const keep = 64 << 10 // bytes
	if cap(s.aside.B) > keep {
		s.aside.B = nil
	}
	s.aside.B = s.aside.B[:0]
}

// publish sends a message to all who listen to a channel, and those who listen to a pattern
// that fits; it returns how many times it was sent.
func (s *Server) publish(kind topicKind, channel, payload []byte) int {
	ts := &s.topics
	n := 0
	m := message{head: "message", channel: channel, payload: payload}
	if kind == shardTopic {
		m.head = "smessage"
	}
	if t := ts.named[kind][string(channel)]; t != nil {
		for _, cl := range t.clients {
			s.post(cl, &m)
		}
		n = len(t.clients)
	}
	if kind == shardTopic {
		return n
	}
	for t := ts.first; t != nil; t = t.next {
		if !glob.Match([]byte(t.name), channel, false) {
			continue
		}
		m := message{head: "pmessage", pattern: t.name, channel: channel, payload: payload}
		for _, cl := range t.clients {
			s.post(cl, &m)
		}
		n += len(t.clients)
	}
	return n
}
