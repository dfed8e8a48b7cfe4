package cmd

import (
	"redust/acl"
	"redust/db"
	"redust/db/stream"
)

// XGROUP makes and unmakes groups and their consumers; XACK takes off what is pending.

func streamGroupCommands() []*Command {
	return []*Command{
		{
			Name: "xgroup", Arity: -2,
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "Depends on subcommand.",
				Summary: "Container of commands about groups of consumers."},
			Subs: []*Command{
				{
					Name: "create", Arity: -5, Run: xgroupCreate,
					Flags: Write | DenyOOM, ACL: acl.Stream,
					Keys: []KeySpec{key(2, RW|Insert)},
					Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1)",
						Summary: "Makes a group that reads on from an ID.",
						Syntax:  "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]",
						History: [][2]string{{"7.0.0", "The option ENTRIESREAD."}}},
				},
				{
					Name: "createconsumer", Arity: 5, Run: xgroupCreateConsumer,
					Flags: Write | DenyOOM, ACL: acl.Stream,
					Keys: []KeySpec{key(2, RW|Insert)},
					Doc: Doc{Group: "stream", Since: "6.2.0", Complexity: "O(1)",
						Summary: "Makes a consumer in a group.", Syntax: "key group consumer"},
				},
				{
					Name: "delconsumer", Arity: 5, Run: xgroupDelConsumer,
					Flags: Write, ACL: acl.Stream,
					Keys: []KeySpec{key(2, RW|Delete)},
					Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(N log N) for N entries that are pending at the consumer",
						Summary: "Removes a consumer, and forgets what is pending there.", Syntax: "key group consumer"},
				},
				{
					Name: "destroy", Arity: 4, Run: xgroupDestroy,
					Flags: Write, ACL: acl.Stream,
					Keys: []KeySpec{key(2, RW|Delete)},
					Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(N) for N consumers, whatever is pending",
						Summary: "Removes a group.", Syntax: "key group"},
				},
				{
					Name: "setid", Arity: -5, Run: xgroupSetID,
					Flags: Write, ACL: acl.Stream,
					Keys: []KeySpec{key(2, RW|Update)},
					Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1)",
						Summary: "Has a group read on from another ID.",
						Syntax:  "key group <id | $> [ENTRIESREAD entries-read]",
						History: [][2]string{{"7.0.0", "The option ENTRIESREAD."}}},
				},
				{
					Name: "help", Arity: 2, Run: help,
					Flags: Loading | Stale, ACL: acl.Stream,
					Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1)",
						Summary: "Lists these subcommands."},
				},
			},
		},
		{
			Name: "xack", Arity: -4, Run: xack,
			Flags: Write | Fast, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N) an ID, for N entries that are pending",
				Summary: "Acknowledges entries, which are pending no more.", Syntax: "key group ID [ID ...]"},
		},
	}
}

// groupOptions are what may follow the ID of XGROUP CREATE and SETID.
type groupOptions struct {
	make    bool  // MKSTREAM, of CREATE alone
	entries int64 // ENTRIESREAD
}

func (g *groupOptions) read(c *Ctx, create bool) error {
	g.entries = stream.UnknownRead
	o := c.Opts(5)
	for o.Next() {
		switch {
		case create && o.Is("MKSTREAM"):
			g.make = true
		case o.Left() > 0 && o.Is("ENTRIESREAD"):
			if g.entries = o.Int(); g.entries < 0 && g.entries != stream.UnknownRead {
				o.Fail(ErrEntriesRead)
			}
		default:
			o.Fail(errSubSyntax(c))
		}
	}
	return o.Err
}

// groupKey looks up the stream of an XGROUP command, which must exist.
func groupKey(c *Ctx) (db.Item, error) {
	it, err := c.typedForWrite(2, db.Stream)
	if err == nil && !it.OK() {
		err = ErrGroupNoKey
	}
	return it, err
}

// groupOf is groupKey for those commands that need the group, too.
func groupOf(c *Ctx) (db.Item, *stream.Group, error) {
	it, err := groupKey(c)
	if err != nil {
		return it, nil, err
	}
	g := it.Stream().Group(c.Arg(3))
	if g == nil {
		return it, nil, errNoGroupOf(c.Arg(2), c.Arg(3))
	}
	return it, g, nil
}

// xgroupCreate makes an empty stream for the group if there is none and MKSTREAM says so.
func xgroupCreate(c *Ctx) error {
	const most = 8 // arguments
	var o groupOptions
	if err := o.read(c, true); err != nil {
		return err
	}
	it, err := c.typedForWrite(2, db.Stream)
	switch {
	case err != nil:
		return err
	case !it.OK() && !o.make:
		return ErrGroupNoKey
	case c.Argc() > most:
		return errSubSyntax(c)
	}
	s := it.Stream()
	var last stream.ID
	switch {
	case string(c.Arg(4)) != "$":
		if last, err = parseID(c.Arg(4), 0, false); err != nil {
			return err
		}
	case s != nil:
		last = s.Last()
	}
	if s != nil && s.Group(c.Arg(3)) != nil {
		return ErrGroupExists
	}
	e := c.DB.EditStream(c.Arg(2), it)
	e.CreateGroup(c.Arg(3), last, o.entries)
	e.Done()
	if it.OK() {
		c.ChangedAside(c.DB, c.Arg(2), "xgroup-create", 1)
	} else {
		c.Changed(c.DB, c.Arg(2), "xgroup-create")
	}
	c.Rewrite(len(c.Args)).Args(c.Args[:4]).id(last).Args(c.Args[5:])
	c.Out.OK()
	return nil
}

func xgroupSetID(c *Ctx) error {
	const most = 7 // arguments
	var o groupOptions
	if err := o.read(c, false); err != nil {
		return err
	}
	it, _, err := groupOf(c)
	if err != nil {
		return err
	}
	if c.Argc() > most {
		return errSubSyntax(c)
	}
	last := it.Stream().Last()
	if string(c.Arg(4)) != "$" {
		if last, err = parseID(c.Arg(4), 0, true); err != nil {
			return err
		}
	}
	e := c.DB.EditStream(c.Arg(2), it)
	if g, ok := e.Edit(c.Arg(3)); ok {
		g.SetLast(last, o.entries)
	}
	e.Done()
	c.ChangedAside(c.DB, c.Arg(2), "xgroup-setid", 1)
	c.groupEffect(c.Arg(2), c.Arg(3), last, o.entries)
	c.Out.OK()
	return nil
}

// xgroupDestroy replies 1, or 0 if there is no such group. Who waits for entries through
// the group learns that there is none.
func xgroupDestroy(c *Ctx) error {
	it, err := groupKey(c)
	if err != nil {
		return err
	}
	if it.Stream().Group(c.Arg(3)) == nil {
		c.Out.Int(0)
		return nil
	}
	e := c.DB.EditStream(c.Arg(2), it)
	e.DestroyGroup(c.Arg(3))
	e.Done()
	c.ChangedAside(c.DB, c.Arg(2), "xgroup-destroy", 1)
	c.woken(c.DB, c.Arg(2))
	c.Out.Int(1)
	return nil
}

// xgroupCreateConsumer replies 1, or 0 if there was one of the name.
func xgroupCreateConsumer(c *Ctx) error {
	it, g, err := groupOf(c)
	if err != nil {
		return err
	}
	if g.Consumer(c.Arg(4)) != nil {
		c.Out.Int(0)
		return nil
	}
	e := c.DB.EditStream(c.Arg(2), it)
	if g, ok := e.Edit(c.Arg(3)); ok {
		g.AddConsumer(c.Arg(4), c.KS.Now())
	}
	e.Done()
	c.ChangedAside(c.DB, c.Arg(2), "xgroup-createconsumer", 1)
	c.Out.Int(1)
	return nil
}

// xgroupDelConsumer replies how many entries were pending at the consumer.
func xgroupDelConsumer(c *Ctx) error {
	it, g, err := groupOf(c)
	if err != nil {
		return err
	}
	gone := g.Consumer(c.Arg(4))
	if gone == nil {
		c.Out.Int(0)
		return nil
	}
	n := gone.Pending()
	e := c.DB.EditStream(c.Arg(2), it)
	if g, ok := e.Edit(c.Arg(3)); ok {
		g.RemoveConsumer(gone)
	}
	e.Done()
	c.ChangedAside(c.DB, c.Arg(2), "xgroup-delconsumer", 1)
	c.Out.Int(int64(n))
	return nil
}

// xack replies how many of the entries were pending.
func xack(c *Ctx) error {
	it, err := c.typed(1, db.Stream)
	if err != nil {
		return err
	}
	if s := it.Stream(); s == nil || s.Group(c.Arg(2)) == nil {
		c.Out.Int(0)
		return nil
	}
	ids, err := c.ids(c.Args[3:])
	if err != nil {
		return err
	}
	n := 0
	e := c.DB.EditStream(c.Arg(1), it)
	g, _ := e.Edit(c.Arg(2))
	for _, id := range ids {
		if g.Acknowledge(id) {
			n++
		}
	}
	e.Done()
	if n > 0 {
		c.ChangedAside(c.DB, c.Arg(1), "", n)
	}
	c.Out.Int(int64(n))
	return nil
}
