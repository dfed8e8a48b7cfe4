package cmd

import (
	"redust/acl"
	"redust/resp"
	"redust/scripts"
)

// EVAL and its kin, and SCRIPT. The engine is package scripts; how scripts run commands is
// in script.go.

func evalCommands() []*Command {
	const eval = NoScript | SkipMonitor | NoMandatoryKeys | Stale | Lua
	ofSource := func(s *Server, args [][]byte) scripts.Flags { return s.scripting.engine.Declared(args[1]) }
	ofSHA := func(s *Server, args [][]byte) scripts.Flags { return s.scripting.engine.DeclaredBy(args[1]) }
	own := numKeys(2, RW|Access|Update)
	ro := numKeys(2, RO|Access)
	const complexity = "Depends on the script that is executed."
	sub := func(name, since, complexity, summary, syntax string, arity int, flags Flags, run func(*Ctx) error, hints ...string) *Command {
		return &Command{Name: name, Arity: arity, Run: run, Flags: flags, ACL: acl.Scripting,
			Doc: Doc{Group: "scripting", Since: since, Complexity: complexity, Summary: summary, Syntax: syntax, Hints: hints}}
	}
	everywhere := []string{"request_policy:all_nodes", "response_policy:all_succeeded"}
	flush := sub("flush", "2.6.0", "O(N) with N being the number of scripts in cache", "Forgets all scripts.", "[<ASYNC | SYNC>]", -2, NoScript, scriptFlush, everywhere...)
	flush.Doc.History = [][2]string{{"6.2.0", "The modes ASYNC and SYNC."}}
	return []*Command{
		{
			Name: "eval", Arity: -3, Run: evalSource, Declared: ofSource, Flags: eval | MayReplicate, ACL: acl.Scripting, Keys: []KeySpec{own},
			Doc: Doc{Group: "scripting", Since: "2.6.0", Complexity: complexity, Summary: "Runs a script.",
				Syntax: "script numkeys [key [key ...]] [arg [arg ...]]"},
		},
		{
			Name: "evalsha", Arity: -3, Run: evalSHA, Declared: ofSHA, Flags: eval | MayReplicate, ACL: acl.Scripting, Keys: []KeySpec{own},
			Doc: Doc{Group: "scripting", Since: "2.6.0", Complexity: complexity, Summary: "Runs a script that the server knows, by its SHA1.",
				Syntax: "sha1 numkeys [key [key ...]] [arg [arg ...]]"},
		},
		{
			Name: "eval_ro", Arity: -3, Run: evalSource, Declared: ofSource, Flags: eval | ReadOnly, ACL: acl.Scripting, Keys: []KeySpec{ro},
			Doc: Doc{Group: "scripting", Since: "7.0.0", Complexity: complexity, Summary: "Runs a script that changes nothing.",
				Syntax: "script numkeys [key [key ...]] [arg [arg ...]]"},
		},
		{
			Name: "evalsha_ro", Arity: -3, Run: evalSHA, Declared: ofSHA, Flags: eval | ReadOnly, ACL: acl.Scripting, Keys: []KeySpec{ro},
			Doc: Doc{Group: "scripting", Since: "7.0.0", Complexity: complexity, Summary: "Runs a script that changes nothing, by its SHA1.",
				Syntax: "sha1 numkeys [key [key ...]] [arg [arg ...]]"},
		},
		{
			Name: "script", Arity: -2,
			Doc: Doc{Group: "scripting", Since: "2.6.0", Complexity: "Depends on subcommand.", Summary: "Container of commands for scripts."},
			Subs: []*Command{
				sub("debug", "3.2.0", "O(1)", "Is refused: there is no debugger.", "<YES | SYNC | NO>", 3, NoScript, scriptDebug),
				sub("exists", "2.6.0", "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
					"Tells which scripts the server knows.", "sha1 [sha1 ...]", -3, NoScript, scriptExists,
					"request_policy:all_shards", "response_policy:agg_logical_and"),
				flush,
				sub("kill", "2.6.0", "O(1)", "Ends the script that is running.", "", 2, NoScript|AllowBusy, scriptKill,
					"request_policy:all_shards", "response_policy:one_succeeded"),
				sub("load", "2.6.0", "O(N) with N being the length in bytes of the script body.", "Compiles a script and keeps it.", "script", 3, NoScript|Stale, scriptLoad, everywhere...),
				sub("show", "8.0.0", "O(1).", "Shows the source of a script.", "sha1", 3, NoScript, scriptShow),
				sub("help", "5.0.0", "O(1)", "Lists these subcommands.", "", 2, Loading|Stale, help),
			},
		},
	}
}

// evalKeys reads the number of keys, and splits what follows it.
func (c *Ctx) evalKeys() (keys, args [][]byte, err error) {
	n, ok := resp.ParseInt(c.Arg(2))
	switch {
	case !ok:
		return nil, nil, ErrNotInt
	case n > int64(c.Argc()-3):
		return nil, nil, ErrManyKeys
	case n < 0:
		return nil, nil, ErrKeysMinus
	}
	return c.Args[3 : 3+n], c.Args[3+n:], nil
}

func evalSource(c *Ctx) error {
	c.showScript()
	keys, args, err := c.evalKeys()
	if err != nil {
		return err
	}
	s, err := c.scripting.engine.Eval(c.Arg(1))
	if err != nil {
		return err
	}
	return c.runEval(s, keys, args)
}

func evalSHA(c *Ctx) error {
	c.showScript()
	keys, args, err := c.evalKeys()
	if err != nil {
		return err
	}
	s := c.scripting.engine.Find(c.Arg(1))
	if s == nil {
		return ErrNoScript
	}
	return c.runEval(s, keys, args)
}

func (c *Ctx) runEval(s *scripts.Script, keys, args [][]byte) error {
	if err := c.beginScript(s.SHA, false, s.Flags, c.Cmd.Flags&ReadOnly != 0); err != nil {
		return err
	}
	return c.scripting.engine.Run(s, &scripts.Call{Keys: keys, Args: args, Out: c.Out})
}

func scriptDebug(c *Ctx) error {
	switch {
	case fold(c.Arg(2), "NO"):
		c.Out.OK()
		return nil
	case fold(c.Arg(2), "YES"), fold(c.Arg(2), "SYNC"):
		return ErrNoDebugger
	}
	return ErrDebugMode
}

func scriptExists(c *Ctx) error {
	c.Out.Array(c.Argc() - 2)
	for _, sha := range c.Args[2:] {
		if c.scripting.engine.Exists(sha) {
			c.Out.Int(1)
		} else {
			c.Out.Int(0)
		}
	}
	return nil
}

func scriptFlush(c *Ctx) error {
	if c.Argc() > 3 || c.Argc() == 3 && !fold(c.Arg(2), "ASYNC") && !fold(c.Arg(2), "SYNC") {
		return ErrFlushMode
	}
	c.scripting.engine.Flush()
	c.Out.OK()
	return nil
}

func scriptKill(c *Ctx) error {
	return c.killScript(false, "Script killed by user with SCRIPT KILL.")
}

func scriptLoad(c *Ctx) error {
	s, err := c.scripting.engine.Load(c.Arg(2))
	if err != nil {
		return err
	}
	c.Out.Str(s.SHA)
	return nil
}

func scriptShow(c *Ctx) error {
	s := c.scripting.engine.Show(c.Arg(2))
	if s == nil {
		return ErrNoScript
	}
	c.Out.Str(s.Source)
	return nil
}
