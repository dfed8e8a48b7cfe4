package cmd

import (
	"redust/acl"
	"redust/db/glob"
	"redust/rdb"
	"redust/resp"
	"redust/scripts"
)

// FUNCTION, FCALL and FCALL_RO. The libraries are in package scripts. They belong to the data
// set: what changes them goes to the journal as it was said, and snapshots hold their sources.

func functionCommands() []*Command {
	const call = NoScript | SkipMonitor | NoMandatoryKeys | Stale | Lua
	const complexity = "Depends on the function that is executed."
	declared := func(s *Server, args [][]byte) scripts.Flags {
		if f := s.scripting.engine.Function(args[1]); f != nil {
			return f.Flags
		}
		return scripts.NoShebang
	}
	everywhere := []string{"request_policy:all_shards", "response_policy:all_succeeded"}
	sub := func(name, complexity, summary, syntax string, arity int, flags Flags, run func(*Ctx) error, hints ...string) *Command {
		return &Command{Name: name, Arity: arity, Run: run, Flags: flags, ACL: acl.Scripting,
			Doc: Doc{Group: "scripting", Since: "7.0.0", Complexity: complexity, Summary: summary, Syntax: syntax, Hints: hints}}
	}
	return []*Command{
		{
			Name: "fcall", Arity: -3, Run: fcall, Declared: declared, Flags: call | MayReplicate, ACL: acl.Scripting, Keys: []KeySpec{numKeys(2, RW|Access|Update)},
			Doc: Doc{Group: "scripting", Since: "7.0.0", Complexity: complexity, Summary: "Calls a function.",
				Syntax: "function numkeys [key [key ...]] [arg [arg ...]]"},
		},
		{
			Name: "fcall_ro", Arity: -3, Run: fcall, Declared: declared, Flags: call | ReadOnly, ACL: acl.Scripting, Keys: []KeySpec{numKeys(2, RO|Access)},
			Doc: Doc{Group: "scripting", Since: "7.0.0", Complexity: complexity, Summary: "Calls a function that changes nothing.",
				Syntax: "function numkeys [key [key ...]] [arg [arg ...]]"},
		},
		{
			Name: "function", Arity: -2,
			Doc: Doc{Group: "scripting", Since: "7.0.0", Complexity: "Depends on subcommand.", Summary: "Container of commands for functions."},
			Subs: []*Command{
				sub("delete", "O(1)", "Deletes a library.", "library-name", 3, NoScript|Write, functionDelete, everywhere...),
				sub("dump", "O(N) where N is the number of functions", "Serializes all libraries.", "", 2, NoScript, functionDump),
				sub("flush", "O(N) where N is the number of functions deleted", "Deletes all libraries.", "[<ASYNC | SYNC>]", -2, NoScript|Write, functionFlush, everywhere...),
				sub("kill", "O(1)", "Ends the function that is running.", "", 2, NoScript|AllowBusy, functionKill,
					"request_policy:all_shards", "response_policy:one_succeeded"),
				sub("list", "O(N) where N is the number of functions", "Lists the libraries and their functions.",
					"[LIBRARYNAME library-name-pattern] [WITHCODE]", -2, NoScript, functionList, "nondeterministic_output_order"),
				sub("load", "O(1) (considering compilation time is redundant)", "Loads a library.", "[REPLACE] function-code", -3, NoScript|Write|DenyOOM, functionLoad, everywhere...),
				sub("restore", "O(N) where N is the number of functions on the payload", "Loads the libraries that DUMP gave.",
					"serialized-value [<FLUSH | APPEND | REPLACE>]", -3, NoScript|Write|DenyOOM, functionRestore, everywhere...),
				sub("stats", "O(1)", "Tells what function is running, and how many there are.", "", 2, NoScript|AllowBusy, functionStats,
					"nondeterministic_output", "request_policy:all_shards", "response_policy:special"),
				sub("help", "O(1)", "Lists these subcommands.", "", 2, Loading|Stale, help),
			},
		},
	}
}

// FunctionSources lists the sources of the libraries, in the order in which they were loaded,
// for snapshots.
func (s *Server) FunctionSources() [][]byte {
	var out [][]byte
	for _, lib := range s.scripting.engine.Libraries() {
		out = append(out, []byte(lib.Source))
	}
	return out
}

// LoadFunction loads a library from the source that a snapshot holds, in the place of one of
// the same name.
func (s *Server) LoadFunction(source []byte) error {
	_, err := s.scripting.engine.LoadLibrary(source, true, false)
	return err
}

// FlushFunctions deletes all libraries, because another data set is about to be loaded.
func (s *Server) FlushFunctions() { s.scripting.engine.FlushLibraries() }

// librariesChanged reports a change of the libraries.
func (c *Ctx) librariesChanged() { c.Dirty++ }

// limitsLoad tells whether a library that the command at hand loads must be quick: not when
// a file says it, since it was once.
func (c *Ctx) limitsLoad() bool { return c.Client.Flags&ClientObeyed == 0 }

func fcall(c *Ctx) error {
	c.showScript()
	f := c.scripting.engine.Function(c.Arg(1))
	if f == nil {
		return ErrNoFunction
	}
	n, ok := resp.ParseInt(c.Arg(2))
	switch {
	case !ok:
		return ErrBadNumKeys
	case n > int64(c.Argc()-3):
		return ErrManyKeys
	case n < 0:
		return ErrKeysMinus
	}
	if err := c.beginScript(f.Name, true, f.Flags, c.Cmd.Flags&ReadOnly != 0); err != nil {
		return err
	}
	return c.scripting.engine.CallFunction(f, c.Args[3:3+n], c.Args[3+n:], c.Out)
}

func functionDelete(c *Ctx) error {
	if !c.scripting.engine.DeleteLibrary(c.Arg(2)) {
		return ErrNoLibrary
	}
	c.librariesChanged()
	c.Out.OK()
	return nil
}

func functionDump(c *Ctx) error {
	c.Out.Bulk(rdb.DumpFunctions(c.FunctionSources(), c.Cfg.RDBCompression))
	return nil
}

func functionFlush(c *Ctx) error {
	switch {
	case c.Argc() > 3:
		return errSubSyntax(c)
	case c.Argc() == 3 && !fold(c.Arg(2), "ASYNC") && !fold(c.Arg(2), "SYNC"):
		return ErrFunctionFlush
	}
	c.FlushFunctions()
	c.librariesChanged()
	c.Out.OK()
	return nil
}

func functionKill(c *Ctx) error {
	return c.killScript(true, "Script killed by user with FUNCTION KILL.")
}

func functionList(c *Ctx) error {
	var pattern []byte
	code := false
	o := c.Opts(2)
	for o.Next() {
		switch {
		case o.Is("WITHCODE") && !code:
			code = true
		case o.Is("LIBRARYNAME") && pattern == nil:
			if o.Left() == 0 {
				return ErrNoLibraryName
			}
			pattern = o.Value()
		default:
			return resp.Error("ERR Unknown argument " + upToNUL(o.Arg()))
		}
	}
	m := c.Out.Mark()
	n := 0
	for _, lib := range c.scripting.engine.Libraries() {
		if pattern == nil || glob.Match(pattern, []byte(lib.Name), true) {
			listLibrary(c, lib, code)
			n++
		}
	}
	c.Out.ArrayAt(m, n)
	return nil
}

func listLibrary(c *Ctx, lib *scripts.Library, code bool) {
	parts := 3
	if code {
		parts++
	}
	c.Out.Map(parts)
	c.Out.Str("library_name")
	c.Out.Str(lib.Name)
	c.Out.Str("engine")
	c.Out.Str("LUA")
	c.Out.Str("functions")
	c.Out.Array(len(lib.Functions))
	for _, f := range lib.Functions {
		c.Out.Map(3)
		c.Out.Str("name")
		c.Out.Str(f.Name)
		c.Out.Str("description")
		if f.HasDoc {
			c.Out.Str(f.Doc)
		} else {
			c.Out.Null()
		}
		c.Out.Str("flags")
		names := f.Flags.Names()
		c.Out.Set(len(names))
		for _, name := range names {
			c.Out.Status(name)
		}
	}
	if code {
		c.Out.Str("library_code")
		c.Out.Str(lib.Source)
	}
}

func functionLoad(c *Ctx) error {
	replace := false
	at := 2
	for ; at < c.Argc()-1; at++ {
		if !fold(c.Arg(at), "REPLACE") {
			return resp.Error("ERR Unknown option given: " + upToNUL(c.Arg(at)))
		}
		replace = true
	}
	name, err := c.scripting.engine.LoadLibrary(c.Arg(at), replace, c.limitsLoad())
	if err != nil {
		return err
	}
	c.librariesChanged()
	c.Out.Str(name)
	return nil
}

func functionRestore(c *Ctx) error {
	flush, replace := false, false
	if c.Argc() > 4 {
		return errSubSyntax(c)
	}
	if c.Argc() == 4 {
		switch {
		case fold(c.Arg(3), "FLUSH"):
			flush = true
		case fold(c.Arg(3), "REPLACE"):
			replace = true
		case !fold(c.Arg(3), "APPEND"):
			return ErrRestorePolicy
		}
	}
	sources, err := rdb.DecodeFunctions(c.Arg(2))
	switch err {
	case nil:
	case rdb.ErrChecksum:
		return ErrPayload
	case rdb.ErrNotFunction:
		return ErrNotFunction
	case rdb.ErrPreRelease:
		return ErrPreRelease
	default:
		return ErrLibraryPayload
	}
	if err := c.scripting.engine.RestoreLibraries(sources, flush, replace, c.limitsLoad()); err != nil {
		return err
	}
	c.librariesChanged()
	c.Out.OK()
	return nil
}

func functionStats(c *Ctx) error {
	t := &c.scripting
	if t.busy && !t.function {
		return ErrBusyScript
	}
	facts := t.engine.Facts()
	c.Out.Map(2)
	c.Out.Str("running_script")
	if t.busy {
		c.Out.Map(3)
		c.Out.Str("name")
		c.Out.Str(t.name)
		c.Out.Str("command")
		words := t.held.ctx.Args
		c.Out.Array(len(words))
		for _, w := range words {
			c.Out.Bulk(w)
		}
		c.Out.Str("duration_ms")
		c.Out.Int((c.Clock() - t.began) / 1e6)
	} else {
		c.Out.Null()
	}
	c.Out.Str("engines")
	c.Out.Map(1)
	c.Out.Str("LUA")
	c.Out.Map(2)
	c.Out.Str("libraries_count")
	c.Out.Int(int64(facts.Libraries))
	c.Out.Str("functions_count")
	c.Out.Int(int64(facts.Functions))
	return nil
}
