package cmd

func slowLogCommands() []*Command {
	return []*Command{{
		Name: "slowlog", Arity: -2,
		Doc: Doc{Group: "server", Since: "2.2.12", Complexity: "Depends on subcommand.",
			Summary: "Container of commands for the log of slow requests."},
		Subs: []*Command{
			{
				Name: "get", Arity: -2, Run: slowLogGet, Flags: AdminCmd | Loading | Stale,
				Doc: Doc{Group: "server", Since: "2.2.12", Complexity: "O(N) where N is the number of entries returned",
					Summary: "Returns the latest slow requests, newest first.", Syntax: "[count]"},
			},
			{
				Name: "len", Arity: 2, Run: slowLogLen, Flags: AdminCmd | Loading | Stale,
				Doc: Doc{Group: "server", Since: "2.2.12", Complexity: "O(1)",
					Summary: "Counts the slow requests in the log."},
			},
			{
				Name: "reset", Arity: 2, Run: slowLogReset, Flags: AdminCmd | Loading | Stale,
				Doc: Doc{Group: "server", Since: "2.2.12", Complexity: "O(N) where N is the number of entries in the slowlog",
					Summary: "Empties the log of slow requests."},
			},
			{
				Name: "help", Arity: 2, Run: help, Flags: Loading | Stale,
				Doc: Doc{Group: "server", Since: "6.2.0", Complexity: "O(1)", Summary: "Lists these subcommands."},
			},
		},
	}}
}

// slowLogGet replies the newest entries, ten unless told otherwise, all of them for -1.
func slowLogGet(c *Ctx) error {
	count := int64(10)
	switch c.Argc() {
	case 2:
	case 3:
		n, err := c.Int(2)
		if err != nil || n < -1 {
			return ErrSlowCount
		}
		count = n
	default:
		return errSubSyntax(c)
	}
	entries := c.SlowLog.Get(int(count))
	c.Out.Array(len(entries))
	for i := range entries {
		e := &entries[i]
		c.Out.Array(6)
		c.Out.Int(e.ID)
		c.Out.Int(e.Unix)
		c.Out.Int(e.Usec)
		c.Out.Array(len(e.Args))
		for _, a := range e.Args {
			c.Out.Str(a)
		}
		c.Out.Str(e.Addr)
		c.Out.Str(e.Name)
	}
	return nil
}

func slowLogLen(c *Ctx) error {
	c.Out.Int(int64(c.SlowLog.Len()))
	return nil
}

func slowLogReset(c *Ctx) error {
	c.SlowLog.Reset()
	c.Out.OK()
	return nil
}
