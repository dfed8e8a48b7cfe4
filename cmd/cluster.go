package cmd

import "redust/acl"

// This server is one node and no cluster. Client libraries find that out by asking:
// they send CLUSTER SLOTS or READONLY, and take the one right error for the answer. So
// the commands are declared as in Redis, and all of them but HELP refuse.

func clusterCommands() []*Command {
	const (
		change = AdminCmd | Stale | NoAsyncLoading
		inOne  = "O(1)"
		inArgs = "O(N) where N is the number of slots"
		inAll  = "O(N) where N is the number of nodes"
	)
	varies := []string{"nondeterministic_output"}
	sub := func(name string, arity int, f Flags, since, complexity, syntax, summary string, hints []string) *Command {
		return &Command{
			Name: name, Arity: arity, Run: noCluster, Flags: f,
			Doc: Doc{Group: "cluster", Since: since, Complexity: complexity,
				Summary: summary, Syntax: syntax, Hints: hints},
		}
	}
	replicas := sub("slaves", 3, AdminCmd|Stale, "3.0.0", inOne, "node-id", "Lists the replicas of a node, under an old name.", varies)
	replicas.Doc.Deprecated, replicas.Doc.ReplacedBy = "5.0.0", "`CLUSTER REPLICAS`"
	slots := sub("slots", 2, Stale, "3.0.0", inAll, "", "Lists the slots with the nodes that serve them.", varies)
	slots.Doc.Deprecated, slots.Doc.ReplacedBy = "7.0.0", "`CLUSTER SHARDS`"
	return []*Command{
		{
			Name: "cluster", Arity: -2,
			Doc: Doc{Group: "cluster", Since: "3.0.0", Complexity: "Depends on subcommand.",
				Summary: "Container of commands about the cluster."},
			Subs: []*Command{
				sub("addslots", -3, change, "3.0.0", inArgs, "slot [slot ...]", "Gives slots to this node.", nil),
				sub("addslotsrange", -4, change, "7.0.0", inArgs, "start-slot end-slot [start-slot end-slot ...]", "Gives ranges of slots to this node.", nil),
				sub("bumpepoch", 2, change, "3.0.0", inOne, "", "Raises the epoch of the configuration.", varies),
				sub("count-failure-reports", 3, AdminCmd|Stale, "3.0.0", "O(N) where N is the number of reports", "node-id", "Counts the reports that a node has failed.", varies),
				sub("countkeysinslot", 3, Stale, "3.0.0", inOne, "slot", "Counts the keys in a slot.", nil),
				sub("delslots", -3, change, "3.0.0", inArgs, "slot [slot ...]", "Takes slots from this node.", nil),
				sub("delslotsrange", -4, change, "7.0.0", inArgs, "start-slot end-slot [start-slot end-slot ...]", "Takes ranges of slots from this node.", nil),
				sub("failover", -2, change, "3.0.0", inOne, "[<FORCE | TAKEOVER>]", "Lets this replica take its master's place.", nil),
				sub("flushslots", 2, change, "3.0.0", inOne, "", "Takes all slots from this node.", nil),
				sub("forget", 3, change, "3.0.0", inOne, "node-id", "Removes a node from the nodes known.", nil),
				sub("getkeysinslot", 4, Stale, "3.0.0", "O(N) where N is the number of keys asked for", "slot count", "Lists keys that are in a slot.", varies),
				sub("info", 2, Stale, "3.0.0", inOne, "", "Tells how the cluster is doing.", varies),
				sub("keyslot", 3, Stale, "3.0.0", "O(N) where N is the length of the key", "key", "Computes the slot of a key.", nil),
				sub("links", 2, Stale, "7.0.0", inAll, "", "Lists the connections between nodes.", varies),
				sub("meet", -4, change, "3.0.0", inOne, "ip port [cluster-bus-port]", "Introduces another node.", nil),
				sub("myid", 2, Stale, "3.0.0", inOne, "", "Tells this node's id.", nil),
				sub("myshardid", 2, Stale, "7.2.0", inOne, "", "Tells the id of this node's shard.", varies),
				sub("nodes", 2, Stale, "3.0.0", inAll, "", "Lists the nodes.", varies),
				sub("replicas", 3, AdminCmd|Stale, "5.0.0", inAll, "node-id", "Lists the replicas of a node.", varies),
				sub("replicate", 3, change, "3.0.0", inOne, "node-id", "Makes this node the replica of another.", nil),
				sub("reset", -2, AdminCmd|Stale|NoScript, "3.0.0", inAll, "[<HARD | SOFT>]", "Makes this node forget the cluster.", nil),
				sub("saveconfig", 2, change, "3.0.0", inOne, "", "Writes the state of the cluster to disk.", nil),
				sub("set-config-epoch", 3, change, "3.0.0", inOne, "config-epoch", "Sets the epoch of a new node.", nil),
				sub("setslot", -4, change, "3.0.0", inOne, "slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>", "Binds a slot to a node, or moves it.", nil),
				sub("shards", 2, Stale, "7.0.0", inAll, "", "Lists the shards with their slots and nodes.", varies),
				replicas,
				slots,
				{
					Name: "help", Arity: 2, Run: help,
					Flags: Loading | Stale,
					Doc: Doc{Group: "cluster", Since: "5.0.0", Complexity: "O(1)",
						Summary: "Lists these subcommands."},
				},
			},
		},
		{
			Name: "readonly", Arity: 1, Run: noCluster,
			Flags: Loading | Stale | Fast, ACL: acl.Connection,
			Doc: Doc{Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
				Summary: "Lets the connection read from a replica of a cluster."},
		},
		{
			Name: "readwrite", Arity: 1, Run: noCluster,
			Flags: Loading | Stale | Fast, ACL: acl.Connection,
			Doc: Doc{Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
				Summary: "Takes READONLY back."},
		},
		{
			Name: "asking", Arity: 1, Run: noCluster,
			Flags: Fast, ACL: acl.Connection,
			Doc: Doc{Group: "cluster", Since: "3.0.0", Complexity: "O(1)",
				Summary: "Announces a command that an ASK redirection sent here."},
		},
	}
}

func noCluster(*Ctx) error { return ErrNoCluster }
