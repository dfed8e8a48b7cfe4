package cmd

import "strings"

// fact is what only COMMAND tells of a command: nothing in the server goes by it, and
// next to the handlers it would be in the way. What a declaration has itself is not here
// again.
type fact struct {
	name     string // full
	hints    string // COMMAND INFO's tips, for clients that spread requests over a cluster
	added    string // arguments that came after the command: name version ...
	history  [][2]string
	internal bool // not for clients
}

func facts() []fact {
	const (
		allShards = "request_policy:all_shards "
		allNodes  = "request_policy:all_nodes "
		byKeys    = "request_policy:multi_shard "
		ok        = "response_policy:all_succeeded "
		sum       = "response_policy:agg_sum "
		least     = "response_policy:agg_min "
		special   = "response_policy:special "
		varies    = "nondeterministic_output "
		unordered = "nondeterministic_output_order "
	)
	conditions := [][2]string{{"7.0.0", "`NX`, `XX`, `GT` and `LT`."}}
	flush := [][2]string{{"4.0.0", "`ASYNC`."}, {"6.2.0", "`SYNC`."}}
	noTTL := [][2]string{{"2.8.0", "-2 if there is no such key."}}
	return []fact{
		{name: "auth", added: "username 6.0.0"},
		{name: "bgsave", added: "schedule 3.2.2", history: [][2]string{{"3.2.2", "`SCHEDULE`."}}},
		{name: "bitcount", added: "unit 7.0.0"},
		{name: "bitpos", added: "unit 7.0.0"},
		{name: "client|kill", added: "client-id 2.8.12 client-type 2.8.12 master 3.2.0 replica 5.0.0 laddr 6.2.0"},
		{name: "client|list", added: "client-type 5.0.0 client-id 6.2.0"},
		{name: "client|pause", added: "mode 6.2.0"},
		{name: "cluster|meet", history: [][2]string{{"4.0.0", "The port of the cluster bus."}}},
		{name: "cluster|slots", history: [][2]string{{"4.0.0", "Node ids."}, {"7.0.0", "More addresses of a node."}}},
		{name: "command|info", history: [][2]string{{"7.0.0", "Without names, every command."}}},
		{name: "config|get", history: [][2]string{{"7.0.0", "Several parameters at once."}}},
		{name: "config|set", hints: allNodes + ok, history: [][2]string{{"7.0.0", "Several parameters at once."}}},
		{name: "dbsize", hints: allShards + sum},
		{name: "debug", internal: true},
		{name: "del", hints: byKeys + sum},
		{name: "dump", hints: varies},
		{name: "exists", hints: byKeys + sum, history: [][2]string{{"3.0.3", "Several keys."}}},
		{name: "expire", added: "condition 7.0.0", history: conditions},
		{name: "expireat", added: "condition 7.0.0", history: conditions},
		{name: "flushall", hints: allShards + ok, added: "async 4.0.0 sync 6.2.0", history: flush},
		{name: "flushdb", hints: allShards + ok, added: "async 4.0.0 sync 6.2.0", history: flush},
		{name: "info", hints: varies + allShards + special, history: [][2]string{{"7.0.0", "Several sections."}}},
		{name: "keys", hints: allShards + unordered},
		{name: "lastsave", hints: varies},
		{name: "latency|doctor", hints: varies + allNodes + special},
		{name: "latency|graph", hints: varies + allNodes + special},
		{name: "latency|histogram", hints: varies + allNodes + special},
		{name: "latency|history", hints: varies + allNodes + special},
		{name: "latency|latest", hints: varies + allNodes + special},
		{name: "latency|reset", hints: allNodes + ok},
		{name: "memory|doctor", hints: varies + allShards + special},
		{name: "memory|malloc-stats", hints: varies + allShards + special},
		{name: "memory|purge", hints: allShards + ok},
		{name: "memory|stats", hints: varies + allShards + special},
		{name: "module|list", hints: unordered},
		{name: "object|encoding", hints: varies},
		{name: "object|freq", hints: varies},
		{name: "object|idletime", hints: varies},
		{name: "object|refcount", hints: varies},
		{name: "pexpire", added: "condition 7.0.0", history: conditions},
		{name: "pexpireat", added: "condition 7.0.0", history: conditions},
		{name: "pfdebug", internal: true},
		{name: "pfselftest", internal: true},
		{name: "pttl", hints: varies, history: noTTL},
		{name: "randomkey", hints: allShards + special + varies},
		{name: "renamenx", history: [][2]string{{"3.2.0", "No error if both names are the same."}}},
		{name: "replconf", internal: true},
		{name: "restore", added: "replace 3.0.0 absttl 5.0.0 seconds 5.0.0 frequency 5.0.0",
			history: [][2]string{{"3.0.0", "`REPLACE`."}, {"5.0.0", "`ABSTTL`."}, {"5.0.0", "`IDLETIME` and `FREQ`."}}},
		{name: "scan", hints: varies + "request_policy:special " + special, added: "type 6.0.0",
			history: [][2]string{{"6.0.0", "`TYPE`."}}},
		{name: "set", added: "condition 2.6.12 get 6.2.0 seconds 2.6.12 milliseconds 2.6.12 unix-time-seconds 6.2.0 unix-time-milliseconds 6.2.0 keepttl 6.0.0"},
		{name: "shutdown", added: "now 7.0.0 force 7.0.0 abort 7.0.0", history: [][2]string{{"7.0.0", "`NOW`, `FORCE` and `ABORT`."}}},
		{name: "slowlog|get", hints: allNodes + varies, history: [][2]string{{"4.0.0", "The client's address and name in the reply."}}},
		{name: "slowlog|len", hints: allNodes + sum + varies},
		{name: "slowlog|reset", hints: allNodes + ok},
		{name: "time", hints: varies},
		{name: "touch", hints: byKeys + sum},
		{name: "ttl", hints: varies, history: noTTL},
		{name: "unlink", hints: byKeys + sum},
		{name: "wait", hints: allShards + least},
		{name: "waitaof", hints: allShards + least},
	}
}

// annotate completes the declarations with the facts.
func (t *Table) annotate() {
	for _, f := range facts() {
		c := t.byName[f.name]
		if c == nil {
			continue
		}
		d := &c.Doc
		if f.hints != "" {
			d.Hints = strings.Fields(f.hints)
		}
		if f.history != nil {
			d.History = f.history
		}
		if f.added != "" {
			d.Added = f.added
		}
		d.Internal = f.internal
	}
}
