package cmd

import (
	"math"
	"strings"

	"redust/acl"
)

// CLIENT: what a connection may know and set of itself, and what an administrator may
// do to others. What the list shows and who is closed for its memory is in
// clients_list.go.
//
// A client that is killed goes only when the executor is done with its batch. Until
// then clientKilled hides it: it is not listed, not counted a second time, and gets no
// more of what others send.

func clientCommands() []*Command {
	const (
		own   = NoScript | Loading | Stale | Sentinel
		admin = own | AdminCmd
	)
	everywhere := []string{"request_policy:all_nodes", "response_policy:all_succeeded"}
	varies := []string{"nondeterministic_output"}
	return []*Command{{
		Name: "client", Arity: -2,
		Flags: Sentinel,
		Doc: Doc{Group: "connection", Since: "2.4.0", Complexity: "Depends on subcommand.",
			Summary: "Container of commands about connections."},
		Subs: append(trackingCommands(), []*Command{
			{
				Name: "capa", Arity: -3, Run: clientCapa,
				Flags: NoScript | Loading | Stale, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "8.0.0", Complexity: "O(1)",
					Summary: "Tells the server what the client can handle.", Syntax: "capability [capability ...]"},
			},
			{
				Name: "getname", Arity: 2, Run: clientGetName,
				Flags: own, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "2.6.9", Complexity: "O(1)",
					Summary: "Returns the connection's name."},
			},
			{
				Name: "help", Arity: 2, Run: help,
				Flags: Loading | Stale | Sentinel, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "5.0.0", Complexity: "O(1)",
					Summary: "Lists these subcommands."},
			},
			{
				Name: "id", Arity: 2, Run: clientID,
				Flags: own, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "5.0.0", Complexity: "O(1)",
					Summary: "Returns the connection's id, which no other connection has or will have."},
			},
			{
				Name: "info", Arity: 2, Run: clientInfo,
				Flags: own, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "6.2.0", Complexity: "O(1)",
					Summary: "Describes the connection, as CLIENT LIST does.", Hints: varies},
			},
			{
				Name: "kill", Arity: -3, Run: clientKill,
				Flags: admin, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "2.4.0", Complexity: "O(N) where N is the number of connections",
					Summary: "Closes connections that fit all of the filters.",
					Syntax:  "<ip:port | " + killFilters + " [" + killFilters + " ...]>",
					History: [][2]string{
						{"2.8.12", "Takes filters."},
						{"3.2.0", "TYPE knows masters."},
						{"5.0.0", "TYPE says replica where it said slave."},
						{"6.2.0", "Filters by LADDR."},
						{"7.4.0", "Filters by MAXAGE."},
					}},
			},
			{
				Name: "list", Arity: -2, Run: clientList,
				Flags: admin, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "2.4.0", Complexity: "O(N) where N is the number of connections",
					Summary: "Describes connections, a line each.",
					Syntax:  "[TYPE <normal | master | replica | pubsub>] [ID client-id [ID client-id ...]]",
					Hints:   varies,
					History: [][2]string{
						{"2.8.12", "Shows the id."},
						{"5.0.0", "Filters by TYPE."},
						{"6.0.0", "Shows the user."},
						{"6.2.0", "Shows argv-mem, tot-mem, laddr and redir, and filters by ID."},
						{"7.0.0", "Shows resp, multi-mem, rbs and rbp."},
						{"7.0.3", "Shows ssub."},
						{"7.2.0", "Shows lib-name and lib-ver."},
					}},
			},
			{
				Name: "no-evict", Arity: 3, Run: clientNoEvict,
				Flags: admin, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "7.0.0", Complexity: "O(1)",
					Summary: "Exempts the connection from being closed for its memory.", Syntax: "<ON | OFF>"},
			},
			{
				Name: "no-touch", Arity: 3, Run: clientNoTouch,
				Flags: NoScript | Loading | Stale, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "7.2.0", Complexity: "O(1)",
					Summary: "Lets the connection read keys without their counting as used.", Syntax: "<ON | OFF>"},
			},
			{
				Name: "pause", Arity: -3, Run: clientPause,
				Flags: admin, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "3.0.0", Complexity: "O(1)",
					Summary: "Holds back the commands of all connections for some milliseconds.", Syntax: "timeout [<WRITE | ALL>]",
					History: [][2]string{{"6.2.0", "Can hold back writes only."}}},
			},
			{
				Name: "reply", Arity: 3, Run: clientReply,
				Flags: own, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "3.2.0", Complexity: "O(1)",
					Summary: "Says whether the server is to answer at all.", Syntax: "<ON | OFF | SKIP>"},
			},
			{
				Name: "setinfo", Arity: 4, Run: clientSetInfo,
				Flags: own, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "7.2.0", Complexity: "O(1)",
					Summary: "Tells which library the client uses.", Syntax: "<lib-name libname | lib-ver libver>",
					Hints: everywhere},
			},
			{
				Name: "setname", Arity: 3, Run: clientSetName,
				Flags: own, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "2.6.9", Complexity: "O(1)",
					Summary: "Names the connection.", Syntax: "connection-name",
					Hints: everywhere},
			},
			{
				Name: "unblock", Arity: -3, Run: clientUnblock,
				Flags: admin, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "5.0.0", Complexity: "O(log N) where N is the number of connections",
					Summary: "Ends the wait of a connection that is blocked.", Syntax: "client-id [<TIMEOUT | ERROR>]"},
			},
			{
				Name: "unpause", Arity: 2, Run: clientUnpause,
				Flags: admin, ACL: acl.Connection,
				Doc: Doc{Group: "connection", Since: "6.2.0", Complexity: "O(N) where N is the number of connections held back",
					Summary: "Ends what CLIENT PAUSE began."},
			},
		}...),
	}}
}

const killFilters = "<[ID client-id] | [TYPE <normal | master | primary | slave | replica | pubsub>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE maxage]>"

// clientCapa replies OK. The one capability that there is, to be redirected by a
// replica, changes nothing on a server that is none, and unknown ones are no error.
func clientCapa(c *Ctx) error {
	c.Out.OK()
	return nil
}

func clientID(c *Ctx) error {
	c.Out.Int(c.Client.ID)
	return nil
}

// clientGetName replies the name, or nil if there is none.
func clientGetName(c *Ctx) error {
	if c.Client.Name == "" {
		c.Out.Null()
		return nil
	}
	c.Out.Str(c.Client.Name)
	return nil
}

// clientSetName replies OK; an empty name takes the name away.
func clientSetName(c *Ctx) error {
	if !presentable(c.Arg(2)) {
		return ErrClientName
	}
	c.Client.Name = string(c.Arg(2))
	c.Out.OK()
	return nil
}

// presentable tells whether a text can stand in a line of CLIENT LIST.
func presentable(text []byte) bool {
	for _, ch := range text {
		if ch < '!' || ch > '~' {
			return false
		}
	}
	return true
}

// clientSetInfo replies OK. The error names the attribute as the client wrote it.
func clientSetInfo(c *Ctx) error {
	attr, text := c.Arg(2), c.Arg(3)
	var to *string
	switch {
	case fold(attr, "LIB-NAME"):
		to = &c.Client.LibName
	case fold(attr, "LIB-VER"):
		to = &c.Client.LibVer
	default:
		return errClientAttr(attr)
	}
	if !presentable(text) {
		return errClientAttrText(attr)
	}
	*to = string(text)
	c.Out.OK()
	return nil
}

func clientNoEvict(c *Ctx) error { return c.switchFlag(ClientNoEvict) }

func clientNoTouch(c *Ctx) error { return c.switchFlag(ClientNoTouch) }

// switchFlag obeys ON or OFF in argument 2.
func (c *Ctx) switchFlag(f ClientFlags) error {
	switch {
	case fold(c.Arg(2), "ON"):
		c.Client.Flags |= f
	case fold(c.Arg(2), "OFF"):
		c.Client.Flags &^= f
	default:
		return ErrSyntax
	}
	c.Out.OK()
	return nil
}

// clientReply replies OK to ON; to OFF and SKIP, which means the next command, there is
// no reply.
func clientReply(c *Ctx) error {
	cl := c.Client
	switch {
	case fold(c.Arg(2), "ON"):
		cl.Flags &^= ClientReplyOff | ClientReplySkip | ClientSkipNext
		c.Out.OK()
	case fold(c.Arg(2), "OFF"):
		cl.Flags |= ClientReplyOff
	case fold(c.Arg(2), "SKIP"):
		cl.Flags |= ClientSkipNext
	default:
		return ErrSyntax
	}
	return nil
}

// clientPause replies OK at once, and holds back what comes after. No time at all is a
// pause that is over, unless there is another one: to that it adds its scope.
func clientPause(c *Ctx) error {
	all := true
	if c.Argc() > 4 {
		return errSubSyntax(c)
	}
	if c.Argc() == 4 {
		switch {
		case fold(c.Arg(3), "WRITE"):
			all = false
		case !fold(c.Arg(3), "ALL"):
			return ErrPauseMode
		}
	}
	ms, err := c.Int(2)
	switch {
	case err != nil:
		return ErrTimeoutInt
	case ms < 0:
		return ErrTimeoutMinus
	case ms > math.MaxInt64-c.KS.Now():
		return ErrTimeoutRange
	}
	c.Pause(c.KS.Now()+ms, all)
	c.Out.OK()
	return nil
}

func clientUnpause(c *Ctx) error {
	c.Unpause()
	c.Out.OK()
	return nil
}

// clientUnblock replies 1, or 0 if there is no such client or it waits for no key. What
// the other client hears is what it would hear when its time is over, or an error.
func clientUnblock(c *Ctx) error {
	var how error
	if c.Argc() > 4 {
		return errSubSyntax(c)
	}
	if c.Argc() == 4 {
		switch {
		case fold(c.Arg(3), "ERROR"):
			how = ErrUnblocked
		case !fold(c.Arg(3), "TIMEOUT"):
			return ErrUnblockHow
		}
	}
	id, err := c.Int(2)
	if err != nil {
		return err
	}
	cl := c.Host.Client(id)
	if cl == nil || !cl.Has(ClientBlocked) || cl.waiter.job != nil { // work can't be called back
		c.Out.Int(0)
		return nil
	}
	c.giveUp(cl.waiter, how)
	c.Out.Int(1)
	return nil
}

// clientKill replies the number of clients it closed. With nothing but an address it
// replies OK, or an error if there is no such client.
func clientKill(c *Ctx) error {
	if c.Argc() == 3 {
		f := clientFilter{addr: c.Arg(2)}
		if c.kill(&f) == 0 {
			return ErrNoClient
		}
		c.Out.OK()
		return nil
	}
	f := clientFilter{skipMe: true}
	o := c.Opts(2)
	for o.Next() {
		switch {
		case o.Left() == 0:
			o.Fail(ErrSyntax)
		case o.Is("ID"):
			f.id = o.atLeastOne(ErrKillID, ErrKillID)
		case o.Is("TYPE"):
			f.setKind(o)
		case o.Is("USER"):
			if name := o.Value(); string(name) != defaultUser {
				o.Fail(errNoUser(name))
			} else {
				f.user = name
			}
		case o.Is("ADDR"):
			f.addr = o.Value()
		case o.Is("LADDR"):
			f.localAddr = o.Value()
		case o.Is("SKIPME"):
			f.skipMe = o.yes()
		case o.Is("MAXAGE"):
			f.minAgeSec = o.atLeastOne(ErrMaxAgeInt, ErrMaxAge)
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	c.Out.Int(int64(c.kill(&f)))
	return nil
}

// kill closes the clients that fit and returns how many they are. The one whose command
// this is gets its reply first.
func (c *Ctx) kill(f *clientFilter) int {
	n := 0
	for cl := range c.matching(f) {
		if cl == c.Client {
			cl.closeSoon()
		} else {
			cl.closeNow()
		}
		n++
	}
	return n
}

// clientInfo replies the client's own line.
func clientInfo(c *Ctx) error {
	c.Out.Verbatim("txt", string(append(c.appendClient(nil, c.Client, c), '\n')))
	return nil
}

// clientList replies a line for each client that fits.
func clientList(c *Ctx) error {
	var b strings.Builder
	var line []byte
	show := func(f *clientFilter) {
		for cl := range c.matching(f) {
			line = append(c.appendClient(line[:0], cl, c), '\n')
			b.Write(line)
		}
	}
	o := c.Opts(2)
	switch n := c.Argc(); {
	case n == 2:
		show(&clientFilter{})
	case n == 4 && fold(c.Arg(2), "TYPE"):
		var f clientFilter
		o.Next()
		f.setKind(o)
		if o.Err != nil {
			return o.Err
		}
		show(&f)
	case n > 3 && fold(c.Arg(2), "ID"):
		for i := 3; i < n; i++ {
			id, err := c.Int(i)
			if err != nil {
				return ErrListID
			}
			if id > 0 {
				show(&clientFilter{id: id})
			}
		}
	default:
		return ErrSyntax
	}
	c.Out.Verbatim("txt", b.String())
	return nil
}
