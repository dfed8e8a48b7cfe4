package cmd

import (
	"redust/db/glob"
	"redust/resp"
)

// Publish and subscribe: clients listen to channels, and to patterns of names of channels;
// whoever publishes to a channel is told how many heard it. Nothing is stored: a message is
// for those who listen at that moment. Who listens to what, and how a message reaches a
// thousand clients without being copied a thousand times, is in topics.go.
//
// What SUBSCRIBE and its kin answer are pushes, one a name, like the messages themselves:
//
//	> SUBSCRIBE a b      push ["subscribe", "a", 1]
//	                     push ["subscribe", "b", 2]      2: channels and patterns so far
//	                     push ["message", "a", "hi"]     somebody's PUBLISH a hi
//	> UNSUBSCRIBE        push ["unsubscribe", "a", 1]    the order in which they were taken
//	                     push ["unsubscribe", "b", 0]
//
// In RESP2 a push looks like any array, so a client that listens may say nothing whose reply
// could be taken for one (InPubSub); in RESP3 it goes on as before. Pushes also reach a client
// that has asked for no replies (CLIENT REPLY OFF).
//
// Shard channels are those of a cluster, which is not there: another set of names, without
// patterns, counted apart.
//
// A PUBLISH changes no key and leaves nothing in the journal. Replicas are to hear of it all
// the same (MayReplicate), which is why CLIENT PAUSE WRITE holds it back.

func pubsubCommands() []*Command {
	const (
		listen = PubSub | NoScript | Loading | Stale | InPubSub
		ask    = PubSub | Loading | Stale
	)
	shardKey := KeySpec{Flags: NotKey, Begin: Begin{Index: 1}, Find: Find{Last: 0, Step: 1}}
	shardKeys := KeySpec{Flags: NotKey, Begin: Begin{Index: 1}, Find: Find{Last: -1, Step: 1}}
	return []*Command{
		{
			Name: "subscribe", Arity: -2, Run: subscribe,
			Flags: listen | Sentinel,
			Doc: Doc{Group: "pubsub", Since: "2.0.0", Complexity: "O(N) where N is the number of channels",
				Summary: "Listens to channels.", Syntax: "channel [channel ...]"},
		},
		{
			Name: "unsubscribe", Arity: -1, Run: unsubscribe,
			Flags: listen | Sentinel,
			Doc: Doc{Group: "pubsub", Since: "2.0.0", Complexity: "O(N) where N is the number of channels",
				Summary: "Listens no longer to channels, or to any.", Syntax: "[channel [channel ...]]"},
		},
		{
			Name: "psubscribe", Arity: -2, Run: psubscribe,
			Flags: listen | Sentinel,
			Doc: Doc{Group: "pubsub", Since: "2.0.0", Complexity: "O(N) where N is the number of patterns",
				Summary: "Listens to all channels whose names fit patterns.", Syntax: "pattern [pattern ...]"},
		},
		{
			Name: "punsubscribe", Arity: -1, Run: punsubscribe,
			Flags: listen | Sentinel,
			Doc: Doc{Group: "pubsub", Since: "2.0.0", Complexity: "O(N) where N is the number of patterns",
				Summary: "Gives up patterns, or all of them.", Syntax: "[pattern [pattern ...]]"},
		},
		{
			Name: "ssubscribe", Arity: -2, Run: ssubscribe,
			Flags: listen, Keys: []KeySpec{shardKeys},
			Doc: Doc{Group: "pubsub", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels",
				Summary: "Listens to shard channels.", Syntax: "shardchannel [shardchannel ...]"},
		},
		{
			Name: "sunsubscribe", Arity: -1, Run: sunsubscribe,
			Flags: listen, Keys: []KeySpec{shardKeys},
			Doc: Doc{Group: "pubsub", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels",
				Summary: "Listens no longer to shard channels, or to any.", Syntax: "[shardchannel [shardchannel ...]]"},
		},
		{
			Name: "publish", Arity: 3, Run: publish,
			Flags: PubSub | Loading | Stale | Fast | MayReplicate | Sentinel,
			Doc: Doc{Group: "pubsub", Since: "2.0.0",
				Complexity: "O(N+M) where N is the number of clients that listen to the channel and M the number of patterns, anybody's",
				Summary:    "Sends a message to all who listen to a channel.", Syntax: "channel message"},
		},
		{
			Name: "spublish", Arity: 3, Run: spublish,
			Flags: PubSub | Loading | Stale | Fast | MayReplicate, Keys: []KeySpec{shardKey},
			Doc: Doc{Group: "pubsub", Since: "7.0.0", Complexity: "O(N) where N is the number of clients that listen to the shard channel",
				Summary: "Sends a message to all who listen to a shard channel.", Syntax: "shardchannel message"},
		},
		{
			Name: "pubsub", Arity: -2,
			Doc: Doc{Group: "pubsub", Since: "2.8.0", Complexity: "Depends on subcommand.",
				Summary: "Container of commands about channels and who listens."},
			Subs: []*Command{
				{
					Name: "channels", Arity: -2, Run: pubsubChannels, Flags: ask,
					Doc: Doc{Group: "pubsub", Since: "2.8.0", Complexity: "O(N) where N is the number of channels",
						Summary: "Lists the channels that somebody listens to.", Syntax: "[pattern]"},
				},
				{
					Name: "help", Arity: 2, Run: help, Flags: Loading | Stale,
					Doc: Doc{Group: "pubsub", Since: "6.2.0", Complexity: "O(1)", Summary: "Lists these subcommands."},
				},
				{
					Name: "numpat", Arity: 2, Run: pubsubNumPat, Flags: ask,
					Doc: Doc{Group: "pubsub", Since: "2.8.0", Complexity: "O(1)",
						Summary: "Counts the patterns that somebody listens to."},
				},
				{
					Name: "numsub", Arity: -2, Run: pubsubNumSub, Flags: ask,
					Doc: Doc{Group: "pubsub", Since: "2.8.0", Complexity: "O(N) where N is the number of channels asked for",
						Summary: "Counts who listens to channels, patterns aside.", Syntax: "[channel [channel ...]]"},
				},
				{
					Name: "shardchannels", Arity: -2, Run: pubsubShardChannels, Flags: ask,
					Doc: Doc{Group: "pubsub", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels",
						Summary: "Lists the shard channels that somebody listens to.", Syntax: "[pattern]"},
				},
				{
					Name: "shardnumsub", Arity: -2, Run: pubsubShardNumSub, Flags: ask,
					Doc: Doc{Group: "pubsub", Since: "7.0.0", Complexity: "O(N) where N is the number of shard channels asked for",
						Summary: "Counts who listens to shard channels.", Syntax: "[shardchannel [shardchannel ...]]"},
				},
			},
		},
	}
}

func subscribe(c *Ctx) error  { return c.listen(channelTopic, "subscribe") }
func psubscribe(c *Ctx) error { return c.listen(patternTopic, "psubscribe") }
func ssubscribe(c *Ctx) error { return c.listen(shardTopic, "ssubscribe") }

func unsubscribe(c *Ctx) error  { return c.unlisten(channelTopic, "unsubscribe") }
func punsubscribe(c *Ctx) error { return c.unlisten(patternTopic, "punsubscribe") }
func sunsubscribe(c *Ctx) error { return c.unlisten(shardTopic, "sunsubscribe") }

// listen pushes a confirmation for each name, for those that the client listened to already
// as well.
func (c *Ctx) listen(kind topicKind, head string) error {
	for _, name := range c.Args[1:] {
		c.topics.sit(c.Client, kind, name)
		c.confirm(kind, head, name)
	}
	return nil
}

// unlisten pushes a confirmation for each name; without names for each that the client
// listened to, or a single one without a name.
func (c *Ctx) unlisten(kind topicKind, head string) error {
	if c.Argc() > 1 {
		for _, name := range c.Args[1:] {
			c.topics.leave(c.Client, kind, name)
			c.confirm(kind, head, name)
		}
		return nil
	}
	if c.Client.seats(kind) == 0 {
		c.confirm(kind, head, nil)
	}
	for c.Client.seats(kind) > 0 {
		s := c.Client.seating.first[kind]
		c.topics.rise(s)
		c.confirm(kind, head, []byte(s.t.name))
	}
	return nil
}

// confirm pushes that the client listens, or does no longer, and to how many.
func (c *Ctx) confirm(kind topicKind, head string, name []byte) {
	cl := c.Client
	n := cl.seats(shardTopic)
	if kind != shardTopic {
		n = cl.seats(channelTopic) + cl.seats(patternTopic)
	}
	out := c.pushes()
	out.Push(3)
	out.Str(head)
	if name == nil {
		out.Null()
	} else {
		out.Bulk(name)
	}
	out.Int(int64(n))
}

// pushes is where a command writes pushes that are its reply: a client that has asked for no
// replies gets them all the same.
func (c *Ctx) pushes() *resp.Writer {
	if c.Client.Flags&(ClientReplyOff|ClientReplySkip) == 0 {
		return c.Out
	}
	c.aside.Proto = c.Out.Proto
	return &c.aside
}

// publish replies how many times the message was sent: to a client as often as it fits what
// that client listens to.
func publish(c *Ctx) error {
	c.Out.Int(int64(c.Server.publish(channelTopic, c.Arg(1), c.Arg(2))))
	return nil
}

// spublish is publish for shard channels.
func spublish(c *Ctx) error {
	c.Out.Int(int64(c.Server.publish(shardTopic, c.Arg(1), c.Arg(2))))
	return nil
}

func pubsubChannels(c *Ctx) error      { return c.listTopics(channelTopic) }
func pubsubShardChannels(c *Ctx) error { return c.listTopics(shardTopic) }

// listTopics replies the names that fit the pattern, or all.
func (c *Ctx) listTopics(kind topicKind) error {
	if c.Argc() > 3 {
		return errSubSyntax(c)
	}
	m, n := c.Out.Mark(), 0
	for name := range c.topics.named[kind] {
		if c.Argc() == 3 && !glob.Match(c.Arg(2), []byte(name), false) {
			continue
		}
		c.Out.Str(name)
		n++
	}
	c.Out.ArrayAt(m, n)
	return nil
}

func pubsubNumPat(c *Ctx) error {
	c.Out.Int(int64(c.topics.count(patternTopic)))
	return nil
}

func pubsubNumSub(c *Ctx) error      { return c.countListeners(channelTopic) }
func pubsubShardNumSub(c *Ctx) error { return c.countListeners(shardTopic) }

// countListeners replies each name and its number, in one flat array in both protocols.
func (c *Ctx) countListeners(kind topicKind) error {
	c.Out.Array(2 * (c.Argc() - 2))
	for _, name := range c.Args[2:] {
		c.Out.Bulk(name)
		c.Out.Int(int64(c.topics.audience(kind, name)))
	}
	return nil
}
