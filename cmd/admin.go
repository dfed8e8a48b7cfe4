package cmd

import (
	"redust/acl"
	"redust/config"
)

func adminCommands() []*Command {
	return []*Command{
		{
			Name: "role", Arity: 1, Run: role,
			Flags: NoScript | Loading | Stale | Fast | Sentinel, ACL: acl.Admin | acl.Dangerous,
			Doc: Doc{Group: "server", Since: "2.8.12", Complexity: "O(1)",
				Summary: "Tells whether the server is a master or a replica, and of whom."},
		},
		moduleCommand(),
	}
}

// moduleCommand declares MODULE. A module is machine code that is linked against the
// internals of Redis, so none can be loaded here. Clients that ask which there are get
// an answer all the same.
func moduleCommand() *Command {
	sub := func(name, since, summary, syntax string, arity int, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: arity, Run: run, Flags: AdminCmd | NoScript | NoAsyncLoading,
			Doc: Doc{Group: "server", Since: since, Complexity: "O(1)", Summary: summary, Syntax: syntax},
		}
	}
	return &Command{
		Name: "module", Arity: -2,
		Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "Depends on subcommand.",
			Summary: "Container of commands for modules, of which there are none."},
		Subs: []*Command{
			{
				Name: "list", Arity: 2, Run: moduleList, Flags: AdminCmd | NoScript,
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "O(N) where N is the number of loaded modules.",
					Summary: "Returns an empty list."},
			},
			sub("load", "4.0.0", "Is refused.", "path [arg [arg ...]]", -3, moduleLoad),
			sub("loadex", "7.0.0", "Is refused.", "path [CONFIG name value [CONFIG name value ...]] [ARGS args [args ...]]", -3, moduleLoad),
			sub("unload", "4.0.0", "Finds no module of that name.", "name", 3, moduleUnload),
			{
				Name: "help", Arity: 2, Run: help, Flags: Loading | Stale,
				Doc: Doc{Group: "server", Since: "5.0.0", Complexity: "O(1)", Summary: "Lists these subcommands."},
			},
		},
	}
}

func moduleList(c *Ctx) error {
	c.Out.Array(0)
	return nil
}

// moduleLoad refuses with the error that a module which cannot be loaded gets; the log,
// to which it refers, has the reason.
func moduleLoad(c *Ctx) error {
	c.Host.Log(config.LogWarning, "Modules are made for the internals of Redis and cannot be loaded into this server")
	return ErrNoModules
}

func moduleUnload(*Ctx) error { return ErrNoModule }

// role replies what a master without replicas replies: its offset and their list.
func role(c *Ctx) error {
	c.Out.Array(3)
	c.Out.Str("master")
	c.Out.Int(0)
	c.Out.Array(0)
	return nil
}
