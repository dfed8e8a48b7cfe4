package cmd

import "strings"

// help answers the HELP subcommand of any container, from the declarations of its
// subcommands: a heading, two lines for each of them, and itself last.
func help(c *Ctx) error {
	parent := c.Cmd.Parent
	c.Out.Array(1 + 2*len(parent.Subs))
	c.Out.Status(strings.ToUpper(parent.Name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, sub := range parent.Subs {
		if sub != c.Cmd {
			helpOn(c, sub)
		}
	}
	helpOn(c, c.Cmd)
	return nil
}

func helpOn(c *Ctx, sub *Command) {
	line := strings.ToUpper(sub.Name)
	if sub.Doc.Syntax != "" {
		line += " " + sub.Doc.Syntax
	}
	c.Out.Status(line)
	c.Out.Status("    " + sub.Doc.Summary)
}
