package cmd

import (
	"math"

	"redust/acl"
)

// What every client says sooner or later, and what sets a connection back or ends it.

func connectionCommands() []*Command {
	return []*Command{
		{
			Name: "ping", Arity: -1, Run: ping,
			Flags: Fast | Sentinel | InPubSub, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Answers, to show that the server is there.", Syntax: "[message]",
				Hints: []string{"request_policy:all_shards", "response_policy:all_succeeded"}},
		},
		{
			Name: "echo", Arity: 2, Run: echo,
			Flags: Loading | Stale | Fast, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Sends the message back.", Syntax: "message"},
		},
		{
			Name: "select", Arity: 2, Run: selectDB,
			Flags: Loading | Stale | Fast, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Chooses the database that the connection's next commands work on.", Syntax: "index"},
		},
		{
			Name: "reset", Arity: 1, Run: reset,
			Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy | AtOnce | InPubSub, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "6.2.0", Complexity: "O(1)",
				Summary: "Sets the connection back to what it was when it opened."},
		},
		{
			Name: "quit", Arity: -1, Run: quit,
			Flags: AllowBusy | NoScript | Loading | Stale | Fast | NoAuth | AtOnce | InPubSub, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "1.0.0", Complexity: "O(1)",
				Summary:    "Answers, then closes the connection.",
				Deprecated: "7.2.0", ReplacedBy: "just closing the connection"},
		},
	}
}

// ping replies PONG, or its argument. To a client in RESP2 that listens to channels it
// replies in the form of what such a client hears.
func ping(c *Ctx) error {
	if c.Client.Flags&ClientPubSub != 0 && c.Out.Proto != 3 && c.Argc() <= 2 {
		c.Out.Array(2)
		c.Out.Str("pong")
		if c.Argc() == 1 {
			c.Out.Str("")
		} else {
			c.Out.Bulk(c.Arg(1))
		}
		return nil
	}
	switch c.Argc() {
	case 1:
		c.Out.Status("PONG")
	case 2:
		c.Out.Bulk(c.Arg(1))
	default:
		return errArity("ping")
	}
	return nil
}

// echo replies its argument.
func echo(c *Ctx) error {
	c.Out.Bulk(c.Arg(1))
	return nil
}

// selectDB replies OK.
func selectDB(c *Ctx) error {
	n, err := c.Int(1)
	switch {
	case err != nil:
		return err
	case n < math.MinInt32 || n > math.MaxInt32:
		return ErrInt32
	case n < 0 || n >= int64(c.KS.DBs()):
		return ErrDBIndex
	}
	c.Client.DB = c.KS.DB(int(n))
	c.Out.OK()
	return nil
}

// reset replies RESET, in RESP2, even to a client that had asked for no replies. What
// the client told of its library stays: it is still the same library.
func reset(c *Ctx) error {
	cl := c.Client
	if cl.Has(ClientMonitor) {
		c.unmonitor(cl)
	}
	c.topics.leaveAll(cl)
	c.untrack(cl)
	c.endMulti(cl)
	cl.Flags &^= ClientReadOnlyCmd | ClientReplyOff | ClientReplySkip | ClientSkipNext | ClientNoTouch | ClientNoEvict | ClientAuthed
	cl.Flags |= c.initialFlags()
	cl.User, cl.Name, cl.DB, cl.Out.Proto = defaultUser, "", c.KS.DB(0), 2
	c.Out.Status("RESET")
	return nil
}

// initialFlags are those of a client that has said nothing yet.
func (s *Server) initialFlags() ClientFlags {
	if s.Cfg.RequirePass == "" {
		return ClientAuthed
	}
	return 0
}

// quit replies OK; what the client sent after it is not run.
func quit(c *Ctx) error {
	c.Out.OK()
	c.Client.closeSoon()
	return nil
}
