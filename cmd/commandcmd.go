package cmd

import (
	"redust/acl"
	"redust/db/glob"
	"redust/resp"
)

// COMMAND tells clients what the server can be asked. Everything it says is read from the
// declarations; what they say in one line is spelled out here:
//
//	Keys    --> first, last, step; key_specs
//	Flags   --> flags, and with ACL the categories
//	Syntax  --> DOCS' arguments, a tree (commandcmd_syntax.go)
//
// A client asks once a connection and caches the answer, so none of this is prepared
// ahead: a reply to COMMAND without arguments is made in less than a millisecond.

func commandCommands() []*Command {
	const all = Loading | Stale | Sentinel
	unordered := []string{"nondeterministic_output_order"}
	return []*Command{
		{
			Name: "command", Arity: -1, Run: commandAll,
			Flags: all, ACL: acl.Connection,
			Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(N) where N is the number of commands",
				Summary: "Describes every command.", Hints: unordered},
			Subs: []*Command{
				{
					Name: "count", Arity: 2, Run: commandCount,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)",
						Summary: "Counts the commands, without their subcommands."},
				},
				{
					Name: "docs", Arity: -2, Run: commandDocs,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "7.0.0", Complexity: "O(N) where N is the number of commands described",
						Summary: "Replies what a manual has to say of the commands named, or of all.",
						Syntax:  "[command-name [command-name ...]]", Hints: unordered},
				},
				{
					Name: "getkeys", Arity: -3, Run: commandGetKeys,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(N) where N is the number of arguments",
						Summary: "Finds the keys among the arguments of a command.",
						Syntax:  "command [arg [arg ...]]"},
				},
				{
					Name: "getkeysandflags", Arity: -3, Run: commandGetKeysAndFlags,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "7.0.0", Complexity: "O(N) where N is the number of arguments",
						Summary: "Finds the keys among the arguments of a command, and what it would do with each.",
						Syntax:  "command [arg [arg ...]]"},
				},
				{
					Name: "help", Arity: 2, Run: help,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "5.0.0", Complexity: "O(1)",
						Summary: "Shows these lines."},
				},
				{
					Name: "info", Arity: -2, Run: commandInfo,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(N) where N is the number of commands described",
						Summary: "Replies arity, flags, keys and categories of the commands named, or of all.",
						Syntax:  "[command-name [command-name ...]]", Hints: unordered},
				},
				{
					Name: "list", Arity: -2, Run: commandList,
					Flags: all, ACL: acl.Connection,
					Doc: Doc{Group: "server", Since: "7.0.0", Complexity: "O(N) where N is the number of commands",
						Summary: "Lists the names of the commands, or of those that fit a filter.",
						Syntax:  "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]", Hints: unordered},
				},
			},
		},
	}
}

// commandAll replies what COMMAND INFO replies, of every command.
func commandAll(c *Ctx) error {
	if c.Argc() > 1 {
		return errUnknownSub(c.Cmd, c.Arg(1))
	}
	writeInfos(c)
	return nil
}

// writeInfos writes an array of the descriptions of all commands.
func writeInfos(c *Ctx) {
	c.Out.Array(c.Commands.count())
	for _, cmd := range c.Commands.All() {
		if cmd.Parent == nil {
			writeInfo(c.Out, cmd)
		}
	}
}

// commandCount replies the number of commands.
func commandCount(c *Ctx) error {
	c.Out.Int(int64(c.Commands.count()))
	return nil
}

// count is the number of commands, subcommands left out.
func (t *Table) count() int {
	n := 0
	for _, c := range t.ordered {
		if c.Parent == nil {
			n++
		}
	}
	return n
}

// commandInfo replies one description for each name, absent if there is no such command.
func commandInfo(c *Ctx) error {
	if c.Argc() == 2 {
		writeInfos(c)
		return nil
	}
	c.Out.Array(c.Argc() - 2)
	for _, name := range c.Args[2:] {
		if cmd := c.Commands.Named(string(lower(name))); cmd != nil {
			writeInfo(c.Out, cmd)
		} else {
			c.Out.Null()
		}
	}
	return nil
}

// commandList replies names, with those of subcommands.
func commandList(c *Ctx) error {
	match := func(*Command) bool { return true }
	o := c.Opts(2)
	for o.Next() {
		if !o.Is("FILTERBY") || o.Left() != 2 {
			return ErrSyntax
		}
		kind, arg := o.Value(), o.Value()
		switch {
		case fold(kind, "MODULE"):
			match = func(*Command) bool { return false } // there are no modules
		case fold(kind, "ACLCAT"):
			cat, _ := acl.Parse(string(lower(arg)))
			match = func(cmd *Command) bool { return cmd.ACL&cat != 0 }
		case fold(kind, "PATTERN"):
			match = func(cmd *Command) bool { return glob.Match(arg, []byte(cmd.FullName), true) }
		default:
			return ErrSyntax
		}
	}
	mark, n := c.Out.Mark(), 0
	for _, cmd := range c.Commands.All() {
		if match(cmd) {
			c.Out.Str(cmd.FullName)
			n++
		}
	}
	c.Out.ArrayAt(mark, n)
	return nil
}

// commandGetKeys replies the keys of the command in its arguments.
func commandGetKeys(c *Ctx) error {
	found, err := keysAsked(c)
	if err != nil {
		return err
	}
	c.Out.Array(len(found))
	for _, k := range found {
		c.Out.Bulk(c.Args[2:][k.Index])
	}
	return nil
}

// commandGetKeysAndFlags replies pairs of a key and what would be done with it.
func commandGetKeysAndFlags(c *Ctx) error {
	found, err := keysAsked(c)
	if err != nil {
		return err
	}
	c.Out.Array(len(found))
	for _, k := range found {
		c.Out.Array(2)
		c.Out.Bulk(c.Args[2:][k.Index])
		writeKeyFlags(c.Out, k.Flags)
	}
	return nil
}

// keysAsked finds the keys of the command that begins at argument 2.
func keysAsked(c *Ctx) ([]KeyAt, error) {
	args := c.Args[2:]
	cmd := c.Commands.Lookup(args)
	switch {
	case cmd == nil || cmd.subs != nil && len(args) > 1:
		return nil, ErrKeysCommand
	case !cmd.hasKeys():
		return nil, ErrKeysNone
	case !cmd.takes(len(args)):
		return nil, ErrKeysArity
	}
	found, ok := cmd.KeysOf(args, nil)
	if ok && len(found) > 0 {
		return found, nil
	}
	if cmd.Flags&NoMandatoryKeys != 0 {
		return nil, nil
	}
	return nil, ErrKeysArgs
}

// takes tells whether n arguments, the name included, are as many as they should be.
func (c *Command) takes(n int) bool {
	return n == c.Arity || c.Arity < 0 && n >= -c.Arity
}

// writeInfo writes one command as COMMAND INFO describes it.
func writeInfo(w *resp.Writer, c *Command) {
	w.Array(10)
	w.Str(c.FullName)
	w.Int(int64(c.Arity))
	writeStates(w, flagNames(c.Flags))
	w.Int(int64(c.first))
	w.Int(int64(c.last))
	w.Int(int64(c.step))
	cats := c.ACL.List()
	for i := range cats {
		cats[i] = "@" + cats[i]
	}
	writeStates(w, cats)
	w.Set(len(c.Doc.Hints))
	for _, h := range c.Doc.Hints {
		w.Str(h)
	}
	w.Set(len(c.Keys))
	for i := range c.Keys {
		writeKeySpec(w, &c.Keys[i])
	}
	if c.Subs == nil {
		w.Set(0)
		return
	}
	w.Array(len(c.Subs))
	for _, sub := range c.Subs {
		writeInfo(w, sub)
	}
}

// writeStates writes a set of simple strings.
func writeStates(w *resp.Writer, names []string) {
	w.Set(len(names))
	for _, n := range names {
		w.Status(n)
	}
}

// flagNames are the names of the flags, in the order of COMMAND INFO. Flags that say how
// this server treats a command, and nothing to clients, have none.
func flagNames(f Flags) []string {
	var out []string
	for _, n := range []struct {
		flag Flags
		name string
	}{
		{Write, "write"}, {ReadOnly, "readonly"}, {DenyOOM, "denyoom"}, {Module, "module"}, {AdminCmd, "admin"},
		{PubSub, "pubsub"}, {NoScript, "noscript"}, {Blocking, "blocking"}, {Loading, "loading"}, {Stale, "stale"},
		{SkipMonitor, "skip_monitor"}, {SkipSlowlog, "skip_slowlog"}, {Asking, "asking"}, {Fast, "fast"},
		{NoAuth, "no_auth"}, {NoMandatoryKeys, "no_mandatory_keys"}, {NoAsyncLoading, "no_async_loading"},
		{NoMulti, "no_multi"}, {MovableKeys, "movablekeys"}, {AllowBusy, "allow_busy"},
	} {
		if f&n.flag != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// writeKeyFlags writes what is done with a key.
func writeKeyFlags(w *resp.Writer, f KeyFlags) {
	names := []string{"RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags"}
	var out []string
	for i, n := range names {
		if f>>i&1 != 0 {
			out = append(out, n)
		}
	}
	writeStates(w, out)
}

func writeKeySpec(w *resp.Writer, s *KeySpec) {
	if s.Notes != "" {
		w.Map(4)
		w.Str("notes")
		w.Str(s.Notes)
	} else {
		w.Map(3)
	}
	w.Str("flags")
	writeKeyFlags(w, s.Flags)

	w.Str("begin_search")
	switch b := s.Begin; {
	case b.Keyword != "":
		writeTyped(w, "keyword", 2)
		w.Str("keyword")
		w.Str(b.Keyword)
		writePair(w, "startfrom", b.From)
	case b.Index != 0:
		writeTyped(w, "index", 1)
		writePair(w, "index", b.Index)
	default:
		writeTyped(w, "unknown", 0)
	}

	w.Str("find_keys")
	switch f := s.Find; {
	case f.KeyNum:
		writeTyped(w, "keynum", 3)
		writePair(w, "keynumidx", f.KeyNumIdx)
		writePair(w, "firstkey", f.First)
		writePair(w, "keystep", f.Step)
	case f.Step != 0:
		writeTyped(w, "range", 3)
		writePair(w, "lastkey", f.Last)
		writePair(w, "keystep", f.Step)
		writePair(w, "limit", f.Limit)
	default:
		writeTyped(w, "unknown", 0)
	}
}

// writeTyped opens a map of a type and its parameters, n pairs of which follow.
func writeTyped(w *resp.Writer, kind string, n int) {
	w.Map(2)
	w.Str("type")
	w.Str(kind)
	w.Str("spec")
	w.Map(n)
}

func writePair(w *resp.Writer, name string, n int) {
	w.Str(name)
	w.Int(int64(n))
}
