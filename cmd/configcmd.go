package cmd

import (
	"errors"

	"redust/config"
	"redust/db"
	"redust/db/glob"
	"redust/internal/quote"
	"redust/resp"
)

func configCommands() []*Command {
	const flags = AdminCmd | NoScript | Loading | Stale
	const perParameter = "O(N) when N is the number of configuration parameters provided"
	return []*Command{{
		Name: "config", Arity: -2,
		Doc: Doc{Group: "server", Since: "2.0.0", Complexity: "Depends on subcommand.",
			Summary: "Container of commands for the configuration."},
		Subs: []*Command{
			{
				Name: "get", Arity: -3, Run: configGet, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.0.0", Complexity: perParameter,
					Summary: "Returns the directives whose names match, with their values.", Syntax: "parameter [parameter ...]"},
			},
			{
				Name: "resetstat", Arity: 2, Run: configResetStat, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.0.0", Complexity: "O(1)",
					Summary: "Sets the counters that INFO prints back to zero."},
			},
			{
				Name: "rewrite", Arity: 2, Run: configRewrite, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.8.0", Complexity: "O(1)",
					Summary: "Writes the values in force into the configuration file."},
			},
			{
				Name: "set", Arity: -4, Run: configSet, Flags: flags, Secret: configSecrets,
				Doc: Doc{Group: "server", Since: "2.0.0", Complexity: perParameter,
					Summary: "Changes directives while the server runs, all or none.", Syntax: "parameter value [parameter value ...]"},
			},
			{
				Name: "help", Arity: 2, Run: help, Flags: Loading | Stale,
				Doc: Doc{Group: "server", Since: "5.0.0", Complexity: "O(1)", Summary: "Lists these subcommands."},
			},
		},
	}}
}

func configGet(c *Ctx) error {
	patterns := make([]string, 0, c.Argc()-2)
	for _, a := range c.Args[2:] {
		patterns = append(patterns, string(a))
	}
	found := c.Cfg.Get(patterns, func(pattern, name string) bool {
		return glob.Match([]byte(pattern), []byte(name), false)
	})
	c.Out.Map(len(found))
	for _, p := range found {
		c.Out.Str(p.Name)
		c.Out.Str(p.Value)
	}
	return nil
}

// configSet changes directives. They take effect in two places, here (Configured) and
// outside of commands (Host.Apply), and either all of them do or none.
func configSet(c *Ctx) error {
	if c.Argc()%2 != 0 {
		return ErrSyntax
	}
	pairs := make([]config.Pair, 0, (c.Argc()-2)/2)
	for i := 2; i < c.Argc(); i += 2 {
		pairs = append(pairs, config.Pair{Name: string(c.Arg(i)), Value: string(c.Arg(i + 1))})
	}
	limit := c.Cfg.MaxMemory
	err := c.Cfg.Set(pairs, config.Origin{Local: c.Client.Local(), Loading: c.Loading.On}, func(changed []string) error {
		c.Configured()
		return c.Host.Apply(changed)
	})
	var refused *config.SetError
	if errors.As(err, &refused) {
		if refused.Undo != nil {
			c.Host.Log(config.LogWarning, "A CONFIG SET was refused and could not be taken back: "+refused.Undo.Error())
		}
		return resp.Error(refused.Reply)
	}
	if err != nil {
		return resp.Error("ERR " + err.Error())
	}
	if now := c.Cfg.MaxMemory; now != limit && now > 0 && now < c.UsedMemory() {
		c.Host.Log(config.LogWarning, "maxmemory was set to "+humanBytes(now)+" while "+humanBytes(c.UsedMemory())+
			" are in use: keys will be evicted or writes refused, as maxmemory-policy says")
	}
	c.Out.OK()
	return nil
}

// configRewrite waits for the disk, as few and rare bytes as it writes.
func configRewrite(c *Ctx) error {
	var users []string
	if c.UserLine {
		// A user line in the file would bring back the password that it names.
		password := "nopass"
		if c.Cfg.RequirePass != "" {
			password = ">" + c.Cfg.RequirePass
		}
		users = []string{"user default on " + quote.Word(password) + " ~* &* +@all"}
	}
	if err := c.Cfg.RewriteFile(users); err != nil {
		if err != config.ErrNoFile {
			c.Host.Log(config.LogWarning, "The configuration file was not rewritten: "+err.Error())
		}
		return resp.Error(err.Error())
	}
	c.Host.Log(config.LogNotice, "The configuration file was rewritten")
	c.Out.OK()
	return nil
}

// configResetStat sets every counter back, wherever it is kept.
func configResetStat(c *Ctx) error {
	c.Stats.Reset()
	c.Errors.Reset()
	c.KS.Stats = db.Stats{}
	for _, cmd := range c.Commands.All() {
		cmd.Stats.Reset()
	}
	c.Out.OK()
	return nil
}
