package cmd

import (
	"cmp"
	"iter"
	"slices"
	"strconv"

	"redust/config"
	"redust/resp"
)

// The clients seen from outside: who fits a filter, how one is shown in a line, who has
// to go when all of them together hold too much memory.

// clientKind is what a client is for, as TYPE filters name it.
type clientKind uint8

const (
	anyKind clientKind = iota
	normalKind
	masterKind
	replicaKind
	pubsubKind
)

// kind is normal for whoever only sends commands, followers of MONITOR included.
func (cl *Client) kind() clientKind {
	if cl.Flags&ClientPubSub != 0 {
		return pubsubKind
	}
	return normalKind
}

// OutputClass is whose limits hold for the client's output.
func (cl *Client) OutputClass() int {
	if cl.Flags&ClientPubSub != 0 {
		return config.ClassPubSub
	}
	return config.ClassNormal
}

// clientFilter says which clients are meant; what is zero does not matter. Its slices
// are borrowed arguments.
type clientFilter struct {
	id              int64
	kind            clientKind
	addr, localAddr []byte
	user            []byte
	skipMe          bool
	minAgeSec       int64
}

// setKind reads the value of a TYPE option.
func (f *clientFilter) setKind(o *Opts) {
	name := o.Value()
	switch {
	case o.Err != nil:
	case fold(name, "NORMAL"):
		f.kind = normalKind
	case fold(name, "MASTER"), fold(name, "PRIMARY"):
		f.kind = masterKind
	case fold(name, "REPLICA"), fold(name, "SLAVE"):
		f.kind = replicaKind
	case fold(name, "PUBSUB"):
		f.kind = pubsubKind
	default:
		o.Fail(errClientType(name))
	}
}

// atLeastOne is Value as a positive integer, with the errors for what is none.
func (o *Opts) atLeastOne(noInt, tooSmall error) int64 {
	n, ok := resp.ParseInt(o.Value())
	switch {
	case !ok:
		o.Fail(noInt)
	case n < 1:
		o.Fail(tooSmall)
	}
	return n
}

// yes is Value as yes or no.
func (o *Opts) yes() bool {
	o.Value()
	if !o.Is("YES") && !o.Is("NO") {
		o.Fail(ErrSyntax)
	}
	return o.Is("YES")
}

// matching yields the clients that a filter lets through, in the order of their ids.
func (c *Ctx) matching(f *clientFilter) iter.Seq[*Client] {
	return func(yield func(*Client) bool) {
		if f.id != 0 {
			if cl := c.Host.Client(f.id); cl != nil && f.fits(cl, c) {
				yield(cl)
			}
			return
		}
		c.Host.Clients(func(cl *Client) bool { return !f.fits(cl, c) || yield(cl) })
	}
}

func (f *clientFilter) fits(cl *Client, c *Ctx) bool {
	return !cl.Has(clientKilled) &&
		(f.addr == nil || string(f.addr) == cl.Addr) &&
		(f.localAddr == nil || string(f.localAddr) == cl.LocalAdr) &&
		(f.kind == anyKind || f.kind == cl.kind()) &&
		(f.user == nil || string(f.user) == cl.User) &&
		(!f.skipMe || cl != c.Client) &&
		(c.KS.Now()-cl.Since)/1000 >= f.minAgeSec
}

// closeSoon ends the connection once what is in Out is sent; nothing more is run.
func (cl *Client) closeSoon() {
	cl.Flags |= ClientCloseSoon
	if cl.Conn != nil {
		cl.Conn.Close(true)
	}
}

// closeNow ends the connection of a client; what it has not been sent is lost.
func (cl *Client) closeNow() {
	cl.Flags |= clientKilled
	if cl.Flags&ClientBlocked != 0 {
		cl.waiter.leave()
	}
	if cl.Conn != nil {
		cl.Conn.Close(false)
	}
}

// Describe returns a client's line of CLIENT LIST, without a line break.
func (s *Server) Describe(cl *Client) string { return string(s.appendClient(nil, cl, nil)) }

// appendClient appends a client's line. The fields and their order are those of Redis
// 7.2, and watch of a later one. Sizes are bytes: qbuf is input that waits and qbuf-free the room behind it, rbs
// the reply buffer and rbp what is in it, as is obl; omem is what the peer has not
// taken, in one piece (oll) or none. While a command runs, running is it: its client is
// shown with that command and the bytes of its arguments, as is one that waits.
func (s *Server) appendClient(b []byte, cl *Client, running *Ctx) []byte {
	now := s.KS.Now()
	var queued, queueMem, unsent int
	if cl.Conn != nil {
		queued, queueMem = cl.Conn.QueryBuffered()
		unsent = cl.Conn.OutputBuffered()
	}
	last, argBytes := cl.LastCmd, 0
	if running != nil && running.Client == cl {
		last = running.Cmd
		for _, a := range running.Args {
			argBytes += len(a)
		}
		if cl.Flags&ClientMulti != 0 { // inside of EXEC
			last, argBytes = s.exec, len(s.exec.Name)
		}
	}
	if cl.Flags&ClientBlocked != 0 {
		argBytes = cl.waiter.argBytes()
	}
	pieces := 0
	if unsent > 0 {
		pieces = 1
	}
	num := func(field string, n int64) { b = strconv.AppendInt(append(b, field...), n, 10) }
	str := func(field, v string) { b = append(append(b, field...), v...) }

	num("id=", cl.ID)
	str(" addr=", cl.Addr)
	str(" laddr=", cl.LocalAdr)
	num(" fd=", int64(cl.FD))
	str(" name=", cl.Name)
	num(" age=", (now-cl.Since)/1000)
	num(" idle=", (now-cl.Active)/1000)
	b = appendClientFlags(append(b, " flags="...), cl.Flags)
	num(" db=", int64(cl.DB.ID))
	num(" sub=", int64(cl.seats(channelTopic)))
	num(" psub=", int64(cl.seats(patternTopic)))
	num(" ssub=", int64(cl.seats(shardTopic)))
	num(" multi=", cl.queued())
	num(" watch=", int64(cl.watchCount))
	num(" qbuf=", int64(queued))
	num(" qbuf-free=", int64(max(queueMem-queued, 0)))
	num(" argv-mem=", int64(argBytes))
	num(" multi-mem=", int64(cl.Queued()))
	num(" rbs=", int64(cap(cl.Out.B)))
	num(" rbp=", int64(len(cl.Out.B)))
	num(" obl=", int64(len(cl.Out.B)))
	num(" oll=", int64(pieces))
	num(" omem=", int64(unsent))
	num(" tot-mem=", int64(cl.MemBytes()))
	str(" events=r", "")
	if unsent > 0 {
		b = append(b, 'w')
	}
	if last != nil {
		str(" cmd=", last.FullName)
	} else {
		str(" cmd=NULL", "")
	}
	str(" user=", cl.User)
	num(" redir=", cl.redirection())
	num(" resp=", cl.protocol())
	str(" lib-name=", cl.LibName)
	str(" lib-ver=", cl.LibVer)
	return b
}

// appendClientFlags appends a letter for each state, or N if there is none.
func appendClientFlags(b []byte, f ClientFlags) []byte {
	from := len(b)
	for _, l := range [...]struct {
		flag   ClientFlags
		letter byte
	}{
		{ClientMonitor, 'O'}, {ClientPubSub, 'P'}, {ClientMulti, 'x'}, {ClientPostponed | ClientBlocked, 'b'},
		{ClientTracking, 't'}, {clientBroken, 'R'}, {clientBroadcast, 'B'}, {ClientDirty, 'd'}, {ClientCloseSoon, 'c'}, {clientKilled, 'A'},
		{ClientUnix, 'U'}, {ClientReadOnlyCmd, 'r'}, {ClientNoEvict, 'e'}, {ClientNoTouch, 'T'},
	} {
		if f&l.flag != 0 {
			b = append(b, l.letter)
		}
	}
	if len(b) == from {
		b = append(b, 'N')
	}
	return b
}

// leastForClients is the lowest limit that maxmemory-clients is taken to mean, bytes:
// below it a mistake in the configuration could not be corrected by any client.
const leastForClients = 128 << 10

// EvictClients closes the clients with the largest buffers until the rest hold no more
// than maxmemory-clients allows. Clients that asked to be spared (CLIENT NO-EVICT)
// neither count nor go. It walks all clients, so it is for cron.
func (s *Server) EvictClients() {
	limit := s.Cfg.MaxMemoryClients.Bytes(s.Cfg.MaxMemory)
	if limit <= 0 {
		return
	}
	limit = max(limit, leastForClients)
	var total int64
	s.eachEvictable(func(cl *Client) { total += int64(cl.MemBytes()) })
	if total <= limit {
		return
	}
	type sized struct {
		cl    *Client
		bytes int64
	}
	var all []sized
	s.eachEvictable(func(cl *Client) { all = append(all, sized{cl, int64(cl.MemBytes())}) })
	slices.SortFunc(all, func(a, b sized) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, v := range all {
		if total <= limit {
			return
		}
		s.Host.Log(config.LogNotice, "Evicting client: "+s.Describe(v.cl))
		s.Stats.EvictedClients++
		total -= v.bytes
		v.cl.closeNow()
	}
}

func (s *Server) eachEvictable(yield func(*Client)) {
	s.Host.Clients(func(cl *Client) bool {
		if cl.Flags&(ClientNoEvict|clientKilled|ClientInternal) == 0 {
			yield(cl)
		}
		return true
	})
}
