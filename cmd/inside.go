package cmd

// A command that runs others: EXEC, a script. Each of them is a command in its own right,
// with statistics, a place in the slow log, a line for MONITOR, and an effect; but
//
//	EXEC         call(EXEC) --+--> callInside(SET)  --> call(SET)   effect 1 \
//	                          +--> callInside(SPOP) --> call(SPOP)  effect 2  > one unit
//	                          +--> callInside(..)                            /
//
//   - time stands still: all see the moment at which the outer command began;
//   - nobody waits, and nobody who waits is served before the outer command is over;
//   - the gates are not asked: whoever queued the command has done so, or the script does.
//
// The outer command finds its Ctx as it left it.

// callInside runs a request inside of the command at hand, as one of client cl: in its
// database, for its Out. cl is the client at hand, or one without a connection
// (ClientInternal). An error is the command's reply; it is returned, with nothing left in
// Out, and neither written nor counted among the error replies.
func (s *Server) callInside(cl *Client, r *Request) error {
	c, cmd := &s.ctx, r.Cmd
	outer, noTouch := *c, s.KS.NoTouch
	c.Client, c.Cmd, c.Args, c.DB, c.Out = cl, cmd, r.Args, cl.DB, &cl.Out
	c.NoBlock, c.owned = true, r.Owned
	s.KS.NoTouch = cl.Flags&ClientNoTouch != 0 && cmd.Name != "touch"
	mark, from := cl.Out.Mark(), s.Clock()
	err := s.call(c)
	if err != nil {
		cl.Out.Truncate(mark)
		cmd.Stats.Failed++
	}
	if len(s.monitors) > 0 && cmd.Flags&(SkipMonitor|AdminCmd) == 0 {
		s.feedMonitors(c)
	}
	s.record(cl, cmd, r.Args, s.Clock()-from)
	*c, s.KS.NoTouch = outer, noTouch
	return err
}
