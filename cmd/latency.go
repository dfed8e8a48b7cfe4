package cmd

import (
	"redust/metrics"
	"redust/resp"
)

func latencyCommands() []*Command {
	const flags = AdminCmd | NoScript | Loading | Stale
	return []*Command{{
		Name: "latency", Arity: -2,
		Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "Depends on subcommand.",
			Summary: "Container of commands about how long things take."},
		Subs: []*Command{
			{
				Name: "doctor", Arity: 2, Run: latencyDoctor, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)",
					Summary: "Reports on stalls of the server and says what may help."},
			},
			{
				Name: "graph", Arity: 3, Run: latencyGraph, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)",
					Summary: "Draws the stalls of one event over time.", Syntax: "event"},
			},
			{
				Name: "histogram", Arity: -2, Run: latencyHistogram, Flags: flags,
				Doc: Doc{Group: "server", Since: "7.0.0",
					Complexity: "O(N) where N is the number of commands with latency information being retrieved.",
					Summary:    "Tells how the durations of commands are distributed.", Syntax: "[COMMAND [COMMAND ...]]"},
			},
			{
				Name: "history", Arity: 3, Run: latencyHistory, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)",
					Summary: "Returns the stalls of one event, oldest first.", Syntax: "event"},
			},
			{
				Name: "latest", Arity: 2, Run: latencyLatest, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)",
					Summary: "Returns the latest and the worst stall of each event."},
			},
			{
				Name: "reset", Arity: -2, Run: latencyReset, Flags: flags,
				Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)",
					Summary: "Forgets the stalls of some events, or of all.", Syntax: "[event [event ...]]"},
			},
			{
				Name: "help", Arity: 2, Run: help, Flags: Loading | Stale,
				Doc: Doc{Group: "server", Since: "2.8.13", Complexity: "O(1)", Summary: "Lists these subcommands."},
			},
		},
	}}
}

func latencyLatest(c *Ctx) error {
	events := c.Latency.Latest()
	c.Out.Array(len(events))
	for _, e := range events {
		c.Out.Array(4)
		c.Out.Str(e.Event)
		c.Out.Int(e.Last.Unix)
		c.Out.Int(e.Last.Ms)
		c.Out.Int(e.MaxMs)
	}
	return nil
}

func latencyHistory(c *Ctx) error {
	samples := c.Latency.History(string(c.Arg(2)))
	c.Out.Array(len(samples))
	for _, p := range samples {
		c.Out.Array(2)
		c.Out.Int(p.Unix)
		c.Out.Int(p.Ms)
	}
	return nil
}

// latencyReset replies how many of the events there were.
func latencyReset(c *Ctx) error {
	var events []string
	for _, a := range c.Args[2:] {
		events = append(events, string(a))
	}
	c.Out.Int(int64(c.Latency.Reset(events...)))
	return nil
}

func latencyGraph(c *Ctx) error {
	event := string(c.Arg(2))
	text, ok := c.Latency.Graph(event, c.KS.Now()/1000)
	if !ok {
		return resp.Error("ERR No samples available for event '" + event + "'")
	}
	c.Out.Verbatim("txt", text)
	return nil
}

func latencyDoctor(c *Ctx) error {
	c.Out.Verbatim("txt", c.Latency.Doctor(c.KS.Now()/1000, c.Cfg.SlowLogSlowerThan))
	return nil
}

// latencyHistogram replies a map of the commands that ran, each to its number of calls
// and, by power of two of microseconds, how many calls took no longer. A container
// stands for its subcommands; what is no command, or never ran, is left out.
func latencyHistogram(c *Ctx) error {
	mark, n := c.Out.Mark(), 0
	each := func(cmd *Command) {
		if cmd.Stats.Latency.Count() == 0 {
			return
		}
		c.Out.Str(cmd.FullName)
		histogram(c.Out, &cmd.Stats.Latency)
		n++
	}
	if c.Argc() == 2 {
		for _, cmd := range c.Commands.All() {
			each(cmd)
		}
	}
	for _, name := range c.Args[2:] {
		cmd := c.Commands.Named(string(lower(name)))
		if cmd == nil {
			continue
		}
		each(cmd)
		for _, sub := range cmd.Subs {
			each(sub)
		}
	}
	c.Out.MapAt(mark, n)
	return nil
}

func histogram(out *resp.Writer, h *metrics.Histogram) {
	steps := h.Cumulative(nil)
	out.Map(2)
	out.Str("calls")
	out.Int(int64(h.Count()))
	out.Str("histogram_usec")
	out.Map(len(steps))
	for _, b := range steps {
		out.Int(b.Usec())
		out.Int(int64(b.Count))
	}
}
