package cmd

import (
	"redust/acl"
	"redust/db"
)

func objectCommands() []*Command {
	sub := func(name, since, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: 3, Run: run,
			Flags: ReadOnly, ACL: acl.Keyspace,
			Keys: []KeySpec{key(2, RO)},
			Doc: Doc{Group: "generic", Since: since, Complexity: "O(1)",
				Summary: summary, Syntax: "key"},
		}
	}
	return []*Command{{
		Name: "object", Arity: -2,
		Doc: Doc{Group: "generic", Since: "2.2.3", Complexity: "O(1)",
			Summary: "Container of commands that look behind a value."},
		Subs: []*Command{
			sub("encoding", "2.2.3", "Names the form in which the value is kept.", objectEncoding),
			sub("freq", "4.0.0", "Tells how often the key is used, on the logarithmic scale that LFU eviction keeps.", objectFreq),
			sub("idletime", "2.2.3", "Tells for how many seconds the key has not been used.", objectIdleTime),
			sub("refcount", "2.2.3", "Tells how many owners Redis would count for the value.", objectRefCount),
			{
				Name: "help", Arity: 2, Run: help,
				Flags: Loading | Stale, ACL: acl.Keyspace,
				Doc: Doc{Group: "generic", Since: "6.2.0", Complexity: "O(1)",
					Summary: "Lists these subcommands."},
			},
		},
	}}
}

// lookBehind finds the key that an OBJECT command asks about. It is no access, lest the
// question change the answer. If there is none it replies nil.
func lookBehind(c *Ctx) (db.Item, bool) {
	it := c.DB.LookQuietly(c.Arg(2))
	if !it.OK() {
		c.Out.Null()
	}
	return it, it.OK()
}

func objectEncoding(c *Ctx) error {
	if it, ok := lookBehind(c); ok {
		c.Out.Str(it.Encoding())
	}
	return nil
}

func objectFreq(c *Ctx) error {
	it, ok := lookBehind(c)
	if !ok {
		return nil
	}
	if !c.Cfg.MaxMemoryPolicy.LFU() {
		return ErrNotLFU
	}
	c.Out.Int(int64(it.Freq()))
	return nil
}

func objectIdleTime(c *Ctx) error {
	it, ok := lookBehind(c)
	if !ok {
		return nil
	}
	if c.Cfg.MaxMemoryPolicy.LFU() {
		return ErrIsLFU
	}
	c.Out.Int(it.IdleMs() / 1000)
	return nil
}

func objectRefCount(c *Ctx) error {
	if it, ok := lookBehind(c); ok {
		c.Out.Int(c.refCount(it))
	}
	return nil
}

// refCount is what Redis would count: it shares one object for each of the integers
// below ten thousand and gives those an endless count, unless eviction needs a clock a
// key. Here nothing is shared.
func (c *Ctx) refCount(it db.Item) int64 {
	const (
		sharedDigits = 4 // of 9999
		endless      = 1<<31 - 1
	)
	clocked := c.Cfg.MaxMemory > 0 && c.eviction().By == db.ByAccess
	if it.Type() == db.String && !clocked && it.Encoding() == "int" && len(it.Bytes()) <= sharedDigits && it.Bytes()[0] != '-' {
		return endless
	}
	return 1
}
