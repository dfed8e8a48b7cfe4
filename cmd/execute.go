package cmd

import (
	"redust/config"
	"redust/db"
	"redust/db/table"
	"redust/resp"
	"redust/scripts"
)

// Request is one request that has been cut out of a client's stream.
type Request struct {
	Cmd   *Command // nil if there is none of that name; set by Prepare
	Args  [][]byte
	Owned bool // the arguments are buffers of their own that the keyspace may keep
}

// Outcome says what became of a request.
type Outcome uint8

// The outcomes.
const (
	Done      Outcome = iota // run or refused; the reply is in the client's Out
	Postponed                // not run: the client is paused; offer it again when told to
	Blocked                  // run, but not done: run nothing more while the client has ClientBlocked
)

// Prepare looks up the commands of a batch of requests and brings the keys they begin
// with into the caches; that changes no result, only what the lookups cost.
func (s *Server) Prepare(d *db.DB, batch []Request) {
	var hashes, members [table.TouchMax]uint64
	n, m := 0, 0
	var key []byte // of the request before
	for i := range batch {
		r := &batch[i]
		if i > 0 && sameName(r.Args[0], batch[i-1].Args[0]) && (batch[i-1].Cmd == nil || batch[i-1].Cmd.Parent == nil && batch[i-1].Cmd.subs == nil) {
			r.Cmd = batch[i-1].Cmd
		} else {
			r.Cmd = s.Commands.Lookup(r.Args)
		}
		if r.Cmd == nil || r.Cmd.first == 0 || r.Cmd.first >= len(r.Args) {
			continue
		}
		was := key
		key = r.Args[r.Cmd.first]
		if r.Cmd.Member > 0 && r.Cmd.Member < len(r.Args) && m < len(members) {
			members[m] = s.KS.Hash(r.Args[r.Cmd.Member])
			m++
		}
		if n == 1 && string(key) == string(was) {
			continue
		}
		hashes[n] = s.KS.Hash(key)
		if n++; n == len(hashes) {
			s.touched += d.Touch(hashes[:n])
			n = 0
		}
	}
	switch {
	case n > 1:
		s.touched += d.Touch(hashes[:n])
	case n == 1 && m > 1: // all on one key
		s.touched += d.TouchMembers(hashes[0], key, members[:m])
	}
}

func sameName(a, b []byte) bool { return string(a) == string(b) }

// Begin tells the time before a batch of requests: Unix microseconds, and the monotonic
// nanoseconds from which the first command's duration counts.
func (s *Server) Begin(unixUs, mono int64) {
	s.unixUs, s.epochUs = unixUs, unixUs-mono/1000
	s.KS.SetNow(unixUs / 1000)
	s.mono = mono
}

// Restart makes the next command's duration count from now: what came before was not its
// doing.
func (s *Server) Restart() { s.mono = s.Clock() }

// Execute runs one request of a client, after Prepare and Begin.
func (s *Server) Execute(cl *Client, r *Request) Outcome {
	c := &s.ctx
	c.Client, c.Cmd, c.Args, c.DB, c.Out, c.owned = cl, r.Cmd, r.Args, cl.DB, &cl.Out, r.Owned
	err := s.gate(c)
	mark := cl.Out.Mark()
	if err != nil {
		return s.refuse(c, mark, err)
	}
	if cl.Flags&ClientMulti != 0 && c.Cmd.Flags&AtOnce == 0 {
		return s.enqueue(cl, r, mark)
	}
	s.KS.NoTouch = cl.Flags&ClientNoTouch != 0 && c.Cmd.Name != "touch"
	if s.runsLua(c) {
		done, err := s.perform(c, mark)
		if !done {
			cl.LastCmd = c.Cmd
			return Blocked
		}
		return s.conclude(c, mark, err)
	}
	return s.conclude(c, mark, s.call(c))
}

// conclude does what is due when the handler of a request has returned.
func (s *Server) conclude(c *Ctx, mark resp.Mark, err error) Outcome {
	cl := c.Client
	if err != nil {
		cl.Out.Truncate(mark)
		s.Fail(&cl.Out, err)
		c.Cmd.Stats.Failed++
	}
	if len(s.monitors) > 0 && c.Cmd.Flags&(SkipMonitor|AdminCmd) == 0 {
		s.feedMonitors(c)
	}
	if cl.Flags&ClientBlocked != 0 {
		return s.suspend(c)
	}
	s.record(cl, c.Cmd, c.Args, s.lap())
	if cl.Flags&(ClientReplyOff|ClientReplySkip|ClientSkipNext|clientCaching) != 0 {
		s.settle(cl, mark)
	}
	if len(s.aside.B)+s.tracking.own.n > 0 {
		s.sendAside(cl)
	}
	if len(s.blocking.ready) > 0 {
		s.serve()
	}
	return Done
}

// suspend leaves a command that blocked; finish will account for it.
func (s *Server) suspend(c *Ctx) Outcome {
	cl := c.Client
	cl.LastCmd = c.Cmd
	cl.waiter.ns = s.lap()
	if len(s.aside.B)+s.tracking.own.n > 0 {
		s.sendAside(cl)
	}
	if len(s.blocking.ready) > 0 {
		s.serve()
	}
	if cl.Flags&ClientBlocked == 0 {
		return Done
	}
	return Blocked
}

// refuse answers a request that a gate did not let through.
func (s *Server) refuse(c *Ctx, mark resp.Mark, err error) Outcome {
	cl := c.Client
	cl.LastCmd = c.Cmd
	switch err {
	case errPostpone:
		cl.Flags |= ClientPostponed
		return Postponed
	case errAttack:
		s.Host.Log(config.LogWarning, "Possible SECURITY ATTACK detected. A client speaks HTTP, as a browser does that was talked into it. Closed: "+cl.Addr)
		cl.closeNow()
		return Done
	}
	if c.Cmd != nil && c.Cmd.Run != nil { // not for a subcommand that there is not
		c.Cmd.Stats.Rejected++
	}
	s.Fail(&cl.Out, s.spoil(c, err))
	s.settle(cl, mark)
	s.Restart()
	return Done
}

// AtHand is the request that is running, or that ran last, and its client, for the report
// of a crash. Both are borrowed.
func (s *Server) AtHand() (*Client, [][]byte) { return s.ctx.Client, s.ctx.Args }

// Fail writes an error reply and counts it.
func (s *Server) Fail(out *resp.Writer, err error) {
	text := err.Error()
	if f, ok := err.(*scripts.Failure); !ok || !f.Counted {
		s.CountError(text)
	}
	out.Error(text)
}

// CountError counts an error reply under its code, the first word.
func (s *Server) CountError(text string) {
	s.Stats.ErrorReplies++
	if s.Errors.Add(text) {
		s.Host.Log(config.LogWarning, "There are too many kinds of errors: new ones are no longer counted in errorstats until CONFIG RESETSTAT.")
	}
}

// lap is the time since the last lap, nanoseconds: what the handler just run took.
func (s *Server) lap() int64 {
	end := s.Clock()
	ns := end - s.mono
	s.mono = end
	// Time goes on within a batch, too.
	s.unixUs = s.epochUs + end/1000
	s.KS.SetNow(s.unixUs / 1000)
	s.commandNs += ns
	return ns
}

// record notes what a command cost that is done.
func (s *Server) record(cl *Client, cmd *Command, args [][]byte, ns int64) {
	cmd.Stats.Record(ns, s.Cfg.LatencyTracking)
	s.Stats.Commands++
	cl.Calls++
	cl.LastCmd = cmd
	if s.slowNs >= 0 && ns >= s.slowNs && cmd.Flags&SkipSlowlog == 0 {
		s.logSlow(cl, cmd, args, ns)
	}
	if s.latencyNs > 0 && ns >= s.latencyNs {
		s.logLatency(cmd, ns)
	}
}

// settle drops the reply of a client that does not want it.
func (s *Server) settle(cl *Client, mark resp.Mark) {
	if cl.Flags&(ClientReplyOff|ClientReplySkip) != 0 {
		cl.Out.Truncate(mark)
		cl.Flags &^= ClientReplySkip
	}
	if cmd := s.ctx.Cmd; cl.Flags&(clientCaching|ClientMulti) == clientCaching && (cmd == nil || cmd.Parent == nil || cmd.Parent.Name != "client") {
		cl.Flags &^= clientCaching
	}
	if cl.Flags&ClientSkipNext != 0 {
		cl.Flags = cl.Flags&^ClientSkipNext | ClientReplySkip
	}
}

// Refusals that no client reads: the request is to be offered again; the peer is a
// browser that somebody talked into sending us a form.
const (
	errPostpone resp.Error = "postponed"
	errAttack   resp.Error = "attack"
)

// gate asks whether a command may run.
func (s *Server) gate(c *Ctx) error {
	cmd, cl := c.Cmd, c.Client
	if cmd == nil {
		if fold(c.Args[0], "POST") || fold(c.Args[0], "HOST:") {
			return errAttack
		}
		return errUnknown(c.Args)
	}
	if n := len(c.Args); cmd.Arity > 0 && n != cmd.Arity || n < -cmd.Arity {
		return errArity(cmd.FullName)
	}
	if cmd.Run == nil {
		return errUnknownSub(cmd, c.Args[1])
	}
	if cmd.Flags&Protected != 0 {
		if err := s.protected(c); err != nil {
			return err
		}
	}
	if cl.Flags&ClientAuthed == 0 && cmd.Flags&NoAuth == 0 && s.Cfg.RequirePass != "" {
		return ErrNoAuth
	}
	if s.scripting.busy && cmd.Flags&AllowBusy == 0 {
		return s.errBusy()
	}
	flags := cmd.Flags
	if cmd.Declared != nil {
		flags = s.declared(cmd, c.Args)
	}
	if cl.Flags&ClientMulti != 0 {
		if flags&(NoMulti|AtOnce) == NoMulti {
			return ErrInMulti
		}
		flags = s.gateFlags(cl, cmd, flags)
	}
	if cl.Flags&ClientMonitor != 0 && flags&(Write|ReadOnly|MayReplicate) != 0 {
		return ErrMonitorKeys
	}
	if s.tracking.clients > 0 {
		s.limitTracking()
	}
	if s.Cfg.MaxMemory > 0 && flags&(DenyOOM|Lua) != 0 {
		full := !s.makeRoom()
		if full && flags&DenyOOM != 0 {
			return ErrOOM
		}
		s.scripting.full = full
	}
	if err := s.writesStopped(); err != nil && (flags&Write != 0 || cmd.Name == "ping") {
		return err
	}
	if cl.Flags&ClientPubSub != 0 && cl.Out.Proto != 3 && cmd.Flags&InPubSub == 0 {
		return errInPubSub(cmd)
	}
	if s.Loading.On && cmd.Flags&Loading == 0 {
		return ErrLoading
	}
	if s.pausedUntil != 0 && s.postpones(cmd, flags) {
		return errPostpone
	}
	if s.appending.held && flags&(Write|MayReplicate) != 0 {
		return errPostpone
	}
	return nil
}
