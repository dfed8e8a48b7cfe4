package cmd

import (
	"fmt"
	"strings"

	"redust/db"
)

func memoryCommands() []*Command {
	return []*Command{{
		Name: "memory", Arity: -2,
		Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "Depends on subcommand.",
			Summary: "Container of commands that look into memory."},
		Subs: []*Command{
			{
				Name: "doctor", Arity: 2, Run: memoryDoctor,
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "O(1)",
					Summary: "Looks for trouble with memory and says what may help."},
			},
			{
				Name: "malloc-stats", Arity: 2, Run: memoryMallocStats,
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "Depends on how much memory is allocated, could be slow",
					Summary: "Prints what the runtime's allocator says of itself."},
			},
			{
				Name: "purge", Arity: 2, Run: memoryPurge,
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "Depends on how much memory is allocated, could be slow",
					Summary: "Gives memory that is not in use back to the system."},
			},
			{
				Name: "stats", Arity: 2, Run: memoryStats,
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "O(1)",
					Summary: "Tells in numbers what memory is used for."},
			},
			{
				Name: "usage", Arity: -3, Run: memoryUsage, Flags: ReadOnly,
				Keys: []KeySpec{key(2, RO)},
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "O(N) where N is the number of samples.",
					Summary: "Tells how many bytes a key and its value take.", Syntax: "key [SAMPLES count]"},
			},
			{
				Name: "help", Arity: 2, Run: help, Flags: Loading | Stale,
				Doc: Doc{Group: "server", Since: "4.0.0", Complexity: "O(1)", Summary: "Lists these subcommands."},
			},
		},
	}}
}

// memoryUsage replies the bytes that a key takes, or nil. SAMPLES is how many members
// of a collection to weigh, and must be right; the answer is no estimate, since values
// count their own memory, so it is the same for any number.
func memoryUsage(c *Ctx) error {
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("SAMPLES"):
			if n := o.Int(); n < 0 {
				o.Fail(ErrSyntax)
			}
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	it := c.DB.Peek(c.Arg(2))
	if !it.OK() {
		c.Out.Null()
		return nil
	}
	c.Out.Int(int64(it.MemBytes()))
	return nil
}

// memoryStats replies the report as a map.
func memoryStats(c *Ctx) error {
	m := c.memory()
	fields := 0
	num := func(name string, n int64) { c.Out.Str(name); c.Out.Int(n); fields++ }
	dec := func(name string, f float64) { c.Out.Str(name); c.Out.Double(f); fields++ }
	mark := c.Out.Mark()
	num("peak.allocated", m.peak)
	num("total.allocated", m.used)
	num("startup.allocated", m.startup)
	num("replication.backlog", 0)
	num("clients.slaves", 0)
	num("clients.normal", m.clients)
	num("cluster.links", 0)
	num("aof.buffer", 0)
	num("lua.caches", 0)
	num("functions.caches", 0)
	c.eachDB(func(d *db.DB) {
		if d.Len() == 0 {
			return
		}
		main, timed := d.Overhead()
		c.Out.Str(fmt.Sprintf("db.%d", d.ID))
		fields++
		c.Out.Map(3)
		for _, part := range []struct {
			name  string
			bytes int64
		}{{"main", main}, {"expires", timed}, {"slot-to-keys", 0}} {
			c.Out.Str("overhead.hashtable." + part.name)
			c.Out.Int(part.bytes)
		}
	})
	num("overhead.total", m.overhead)
	num("keys.count", m.keys)
	num("keys.bytes-per-key", int64(ratio(m.used-m.startup, m.keys)))
	num("dataset.bytes", m.dataset)
	dec("dataset.percentage", m.datasetPerc)
	dec("peak.percentage", m.peakPerc)
	num("allocator.allocated", m.allocated)
	num("allocator.active", m.active)
	num("allocator.resident", m.resident)
	dec("allocator-fragmentation.ratio", m.fragRatio)
	num("allocator-fragmentation.bytes", m.active-m.allocated)
	dec("allocator-rss.ratio", m.rssRatio)
	num("allocator-rss.bytes", m.resident-m.active)
	dec("rss-overhead.ratio", m.outRatio)
	num("rss-overhead.bytes", m.RSS-m.resident)
	dec("fragmentation", m.bloat)
	num("fragmentation.bytes", m.RSS-m.used)
	c.Out.MapAt(mark, fields)
	return nil
}

// memoryPurge has the runtime collect and give back, beside the commands that follow.
func memoryPurge(c *Ctx) error {
	c.Host.Collect()
	c.Out.OK()
	return nil
}

// memoryMallocStats prints the runtime's own numbers.
func memoryMallocStats(c *Ctx) error {
	m := c.memory()
	var b strings.Builder
	fmt.Fprintf(&b, "Go runtime %s, %s\n", m.GoVersion, m.Arch)
	for _, row := range []struct {
		name  string
		bytes int64
	}{
		{"heap objects", m.HeapLive}, {"heap idle", m.HeapIdle}, {"runtime itself", m.RuntimeOther},
		{"resident", m.RSS}, {"resident at most", m.PeakRSS}, {"counted by the server", m.used},
	} {
		fmt.Fprintf(&b, "%-22s %14d  %9s\n", row.name, row.bytes, humanBytes(row.bytes))
	}
	fmt.Fprintf(&b, "%-22s %14d\n%-22s %14d\n%-22s %14d\n", "collections", m.Collections, "goroutines", m.Goroutines, "threads", m.Threads)
	c.Out.Verbatim("txt", b.String())
	return nil
}

func memoryDoctor(c *Ctx) error {
	c.Out.Verbatim("txt", c.memory().diagnosis(c.Server))
	return nil
}

// diagnosis says in English what is wrong with the memory of the server, if anything is.
func (m memoryReport) diagnosis(s *Server) string {
	const (
		enough    = 5 << 20  // bytes below which ratios mean nothing
		slack     = 10 << 20 // bytes that nobody misses
		perClient = 200 << 10
	)
	if m.used < enough {
		return "The server holds less than 5 MB, too little for ratios to mean anything. Ask again when there is data.\n"
	}
	var found []string
	say := func(when bool, format string, args ...any) {
		if when {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	limit := s.Cfg.MaxMemory
	clients := int64(0)
	s.Host.Clients(func(*Client) bool { clients++; return true })
	say(m.peak > m.used+m.used/2,
		"Peak: once %s were in use, now %s. The process may keep what it does not need; MEMORY PURGE gives it back.", humanBytes(m.peak), humanBytes(m.used))
	say(m.bloat > 1.5 && m.RSS-m.used > slack,
		"Resident size: the process takes %s, %.2f times what it holds. The collector keeps some room to work in, which a maxmemory bounds.", humanBytes(m.RSS), m.bloat)
	say(m.fragRatio > 1.4 && m.active-m.allocated > slack,
		"Idle heap: %s of the heap hold nothing. That is usual after a large deletion, and goes by itself or with MEMORY PURGE.", humanBytes(m.active-m.allocated))
	say(clients > 0 && m.clients/max(clients, 1) > perClient,
		"Clients: their buffers take %s each on average. Look for clients that read slowly in CLIENT LIST (omem, qbuf); client-output-buffer-limit and maxmemory-clients bound them.", humanBytes(m.clients/max(clients, 1)))
	say(limit > 0 && m.used > limit-limit/10,
		"Limit: %.0f%% of maxmemory are in use, under policy %s. Beyond it keys are evicted or writes refused.", 100*ratio(m.used, limit), s.Cfg.MaxMemoryPolicy)
	say(limit == 0 && m.TotalMemory > 0 && m.RSS > m.TotalMemory/10*8,
		"Machine: the process takes %s of %s, and there is no maxmemory. Set one before the system ends the process.", humanBytes(m.RSS), humanBytes(m.TotalMemory))
	if len(found) == 0 {
		return "Nothing is wrong with the memory of this server, as far as its numbers tell.\n"
	}
	return strings.Join(found, "\n") + "\n"
}
