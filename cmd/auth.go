package cmd

import (
	"crypto/sha256"
	"crypto/subtle"

	"redust/acl"
	"redust/config"
)

// Who a client is, and in which protocol version it is answered. There is one user,
// default, whose password is the directive requirepass; without one every client is
// that user from the start, and any password is as good as another.
//
//	Connect --no password set--> ClientAuthed --RESET after one was set--+
//	   |                             ^    ^ AUTH, HELLO AUTH             |
//	   +--password set--> not authenticated <----------------------------+
//
// A password set or cleared later does not touch the clients that are connected. A
// failed attempt leaves a client what it was.

const defaultUser = "default"

func authCommands() []*Command {
	return []*Command{
		{
			Name: "auth", Arity: -2, Run: auth, Secret: authSecrets,
			Flags: NoScript | Loading | Stale | Fast | NoAuth | Sentinel | AllowBusy, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Shows the password that the server asks for.", Syntax: "[username] password",
				History: [][2]string{{"6.0.0", "Takes a username."}}},
		},
		{
			Name: "hello", Arity: -1, Run: hello, Secret: helloSecrets,
			Flags: NoScript | Loading | Stale | Fast | NoAuth | Sentinel | AllowBusy, ACL: acl.Connection,
			Doc: Doc{Group: "connection", Since: "6.0.0", Complexity: "O(1)",
				Summary: "Chooses the protocol version and tells about the server.",
				Syntax:  "[protover [AUTH username password] [SETNAME clientname]]",
				History: [][2]string{{"6.2.0", "Without a version it only tells about the connection."}}},
		},
	}
}

// auth replies OK to the right password.
func auth(c *Ctx) error {
	switch c.Argc() {
	case 2:
		if c.Cfg.RequirePass == "" {
			return ErrNoPassword
		}
		if !c.login([]byte(defaultUser), c.Arg(1)) {
			return ErrWrongPass
		}
	case 3:
		if !c.login(c.Arg(1), c.Arg(2)) {
			return ErrWrongPass
		}
	default:
		return ErrSyntax
	}
	c.Out.OK()
	return nil
}

// login makes the client the user, if the password is theirs, and tells whether it is.
func (c *Ctx) login(user, pass []byte) bool {
	if string(user) != defaultUser || !c.passwordIs(pass) {
		c.Stats.ACLDeniedAuth++
		return false
	}
	c.Client.User = defaultUser
	c.Client.Flags |= ClientAuthed
	return true
}

// passwordIs takes the same time whatever the password is and however much of it is
// right: digests are compared, so that not even the length shows.
func (c *Ctx) passwordIs(pass []byte) bool {
	if c.Cfg.RequirePass == "" {
		return true
	}
	want, got := sha256.Sum256([]byte(c.Cfg.RequirePass)), sha256.Sum256(pass)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// hello replies a map about the server and the connection, in the version asked for.
func hello(c *Ctx) error {
	proto := int64(0)
	if c.Argc() > 1 {
		var err error
		if proto, err = c.Int(1); err != nil {
			return ErrProtoInt
		}
		if proto < 2 || proto > 3 {
			return ErrNoProto
		}
	}
	var user, pass, name []byte
	login, named := false, false
	o := c.Opts(2)
	for o.Next() {
		switch {
		case o.Is("AUTH") && o.Left() >= 2:
			user, pass, login = o.Value(), o.Value(), true
		case o.Is("SETNAME") && o.Left() >= 1:
			name, named = o.Value(), true
			if !presentable(name) {
				o.Fail(ErrClientName)
			}
		default:
			o.Fail(errHelloOption(o.Arg()))
		}
	}
	if o.Err != nil {
		return o.Err
	}
	if login && !c.login(user, pass) {
		return ErrWrongPass
	}
	if !c.Client.Has(ClientAuthed) {
		return ErrHelloNoAuth
	}
	if named {
		c.Client.Name = string(name)
	}
	if proto != 0 {
		c.Out.Proto = int(proto)
	}
	c.describeServer()
	return nil
}

func (c *Ctx) describeServer() {
	out := c.Out
	out.Map(7)
	out.Str("server")
	out.Str("redis")
	out.Str("version")
	out.Str(config.RedisVersion)
	out.Str("proto")
	out.Int(c.Client.protocol())
	out.Str("id")
	out.Int(c.Client.ID)
	out.Str("mode")
	out.Str("standalone")
	out.Str("role")
	out.Str("master")
	out.Str("modules")
	out.Array(0)
}

// protocol is the version that the client is answered in.
func (cl *Client) protocol() int64 {
	if cl.Out.Proto == 3 {
		return 3
	}
	return 2
}
