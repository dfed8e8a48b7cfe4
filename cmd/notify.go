package cmd

import (
	"strconv"

	"redust/config"
	"redust/db"
)

// Keyspace notifications: whoever listens to the right channel hears what happens to keys.
//
//	SET k v in database 0 --> Changed(k, "set") --> __keyspace@0__:k   "set"    with K
//	                                            \-> __keyevent@0__:set "k"      with E
//
// The directive notify-keyspace-events holds K, E and the classes of events that are wanted;
// without one of K and E, or without a class, there is nothing to do: one comparison an event.
// Events are named where handlers report changes (changes.go); classOf knows the class of each.
//
// Two of them no handler reports, since they come out of the keyspace itself: new, when a key
// is put where none was, in front of the event of the command that did it; and keymiss, when
// a command that reads finds nothing. The keyspace is asked for them only while they are wanted.

// classOf is the class of an event.
func classOf(event string) config.Events {
	switch event {
	case "set", "setrange", "setbit", "append", "incrby", "incrbyfloat", "pfadd":
		return config.EventString
	case "lpush", "rpush", "lpop", "rpop", "linsert", "lset", "lrem", "ltrim", "sortstore":
		return config.EventList
	case "sadd", "srem", "spop", "sinterstore", "sunionstore", "sdiffstore":
		return config.EventSet
	case "hset", "hdel", "hincrby", "hincrbyfloat", "hexpire", "hexpired", "hpersist":
		return config.EventHash
	case "zadd", "zincr", "zrem", "zpopmin", "zpopmax", "zremrangebyrank", "zremrangebyscore", "zremrangebylex",
		"zinterstore", "zunionstore", "zdiffstore", "zrangestore", "geosearchstore", "georadiusstore":
		return config.EventZSet
	case "xadd", "xdel", "xtrim", "xsetid", "xgroup-create", "xgroup-setid", "xgroup-destroy",
		"xgroup-createconsumer", "xgroup-delconsumer":
		return config.EventStream
	case "expired":
		return config.EventExpired
	case "evicted":
		return config.EventEvicted
	case "new":
		return config.EventNew
	case "keymiss":
		return config.EventMiss
	}
	return config.EventGeneric // del, expire, persist, rename_from, copy_to, restore, ...
}

// listenToKeys takes over which events are wanted.
func (s *Server) listenToKeys(e config.Events) {
	const where = config.EventKeyspace | config.EventKeyevent
	s.notify = e
	if e&where == 0 || e&^where == 0 {
		s.notify = 0
	}
	h := &s.KS.Hooks
	h.Added, h.Missed = nil, nil
	if s.notify&config.EventNew != 0 {
		h.Added = func(d *db.DB, key []byte) { s.event(d, key, "new") }
	}
	if s.notify&config.EventMiss != 0 {
		h.Missed = func(d *db.DB, key []byte) { s.event(d, key, "keymiss") }
	}
}

// announce publishes an event, if its class is wanted and anybody listens at all.
func (s *Server) announce(d *db.DB, key []byte, event string) {
	if event == "" || s.notify&classOf(event) == 0 || s.topics.clients == 0 {
		return
	}
	b := append(append(s.notice[:0], event...), key...)
	name, subject := b[:len(event):len(event)], b[len(event):]
	at := len(b)
	channel := func(about string, what []byte) []byte {
		b = append(append(b[:at], "__key"...), about...)
		b = strconv.AppendInt(append(b, '@'), int64(d.ID), 10)
		b = append(append(b, "__:"...), what...)
		return b[at:]
	}
	if s.notify&config.EventKeyspace != 0 {
		s.publish(channelTopic, channel("space", subject), name)
	}
	if s.notify&config.EventKeyevent != 0 {
		s.publish(channelTopic, channel("event", name), subject)
	}
	const keep = 64 << 10 // bytes
	if s.notice = b[:0]; cap(b) > keep {
		s.notice = nil
	}
}
