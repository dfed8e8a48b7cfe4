package cmd

import (
	"bytes"

	"redust/acl"
	"redust/db"
)

// WATCH makes the next EXEC conditional: if one of the keys changes before it, nothing is
// run. Who watches a key stands in its list, and whoever reports a change to the key
// (touchedKey) marks those who do, once, and takes them off all their lists: there is
// nothing more to learn.
//
//	watched  0 "a" --> [ann] <-> [bob]          ann: [a] -> [b]
//	         0 "b" --> [ann]                    bob: [a]
//
//	SET a --> Changed --> touchedKey --> ann and bob get ClientDirty and stand nowhere
//
// A deadline that passes is a change, even if nobody has noticed: EXEC looks. It is none if
// it had passed when the key was watched; then the key was as good as missing, and its
// removal is not news (watch.past).
//
// Flushing changes the keys that were there; SWAPDB those that are on either side. Both
// are asked for before they happen, of the keys that are watched, not of those in the
// database.
//
// Costs: with nobody watching one comparison per change, shared with those who wait. Else
// one hash and one look into a map per change. Lists and places are used again.

// watching is who watches what.
type watching struct {
	keys    map[uint64]*watched // by the hash of the key; those of one hash form a chain
	clients int                 // that watch
	total   int                 // keys, once for each client that watches it
	bytes   int                 // of all this
	spare   spares
}

// spares are lists and places that nobody needs now.
type spares struct {
	keys   *watched
	places *watch
	nKeys  int
	n      int
}

// watched is a key and those who watch it.
type watched struct {
	d     *db.DB
	hash  uint64
	key   []byte
	first *watch
	next  *watched // in the chain, or among the spares
}

// watch is a client's place in the list of a key.
type watch struct {
	cl         *Client
	of         *watched
	past       bool // the key was past its deadline when it was watched, and still is stored
	prev, next *watch
	more       *watch // of the same client; or among the spares
}

func watchCommands() []*Command {
	const own = NoScript | Loading | Stale | Fast | AllowBusy
	return []*Command{
		{
			Name: "watch", Arity: -2, Run: watchKeys,
			Flags: own | NoMulti | AtOnce, ACL: acl.Transaction,
			Keys: []KeySpec{keys(1, -1, 1, RO)},
			Doc: Doc{Group: "transactions", Since: "2.2.0", Complexity: "O(1) for every key",
				Summary: "Makes the next EXEC depend on keys that do not change until then.", Syntax: "key [key ...]"},
		},
		{
			Name: "unwatch", Arity: 1, Run: unwatchKeys,
			Flags: own, ACL: acl.Transaction,
			Doc: Doc{Group: "transactions", Since: "2.2.0", Complexity: "O(1)",
				Summary: "Forgets what the connection watches."},
		},
	}
}

// watchKeys replies OK. To watch more is no use where a watched key has changed already.
func watchKeys(c *Ctx) error {
	cl := c.Client
	if cl.Has(ClientMulti) {
		return ErrWatchInMulti
	}
	if !cl.Has(ClientDirty) {
		for _, key := range c.Args[1:] {
			c.watch(cl, c.DB, key)
		}
	}
	c.Out.OK()
	return nil
}

// unwatchKeys replies OK.
func unwatchKeys(c *Ctx) error {
	c.unwatch(c.Client)
	c.Client.Flags &^= ClientDirty
	c.Out.OK()
	return nil
}

// watch puts the client in the list of a key, unless it stands there.
func (s *Server) watch(cl *Client, d *db.DB, key []byte) {
	b := &s.watching
	k := b.find(d, s.KS.Hash(key), key)
	if k.first != nil {
		for w := cl.watches; w != nil; w = w.more {
			if w.of == k {
				return
			}
		}
	}
	w := b.spare.places
	if w != nil {
		b.spare.places = w.more
		b.spare.n--
	} else {
		w = new(watch)
	}
	stored, past := d.Stored(key)
	*w = watch{cl: cl, of: k, past: stored && past, next: k.first, more: cl.watches}
	if k.first != nil {
		k.first.prev = w
	}
	k.first = w
	if cl.watches == nil {
		b.clients++
		s.eyes++
	}
	cl.watches = w
	cl.watchCount++
	b.total++
	b.bytes += sizeOfWatch
}

// unwatch takes the client off all lists.
func (s *Server) unwatch(cl *Client) {
	if cl.watches == nil {
		return
	}
	b := &s.watching
	const keep = 1024 // places
	for w := cl.watches; w != nil; {
		after := w.more
		if w.prev != nil {
			w.prev.next = w.next
		} else {
			w.of.first = w.next
		}
		if w.next != nil {
			w.next.prev = w.prev
		}
		if w.of.first == nil {
			b.drop(w.of)
		}
		if b.total--; b.spare.n < keep {
			*w = watch{more: b.spare.places}
			b.spare.places = w
			b.spare.n++
		}
		b.bytes -= sizeOfWatch
		w = after
	}
	cl.watches, cl.watchCount = nil, 0
	b.clients--
	s.eyes--
}

// find finds or makes the list of a key.
func (b *watching) find(d *db.DB, hash uint64, key []byte) *watched {
	for k := b.keys[hash]; k != nil; k = k.next {
		if k.of(d, key) {
			return k
		}
	}
	k := b.spare.keys
	if k != nil {
		b.spare.keys = k.next
		b.spare.nKeys--
	} else {
		k = new(watched)
	}
	if b.keys == nil {
		b.keys = make(map[uint64]*watched)
	}
	*k = watched{d: d, hash: hash, key: append(k.key[:0], key...), next: b.keys[hash]}
	b.keys[hash] = k
	b.bytes += k.memBytes()
	return k
}

// drop forgets a key that nobody watches any more.
func (b *watching) drop(k *watched) {
	b.bytes -= k.memBytes()
	head := b.keys[k.hash]
	switch {
	case head != k:
		for head.next != k {
			head = head.next
		}
		head.next = k.next
	case k.next == nil:
		delete(b.keys, k.hash)
	default:
		b.keys[k.hash] = k.next
	}
	const keep, keepKey = 1024, 256
	if b.spare.nKeys < keep && cap(k.key) <= keepKey {
		*k = watched{key: k.key, next: b.spare.keys}
		b.spare.keys = k
		b.spare.nKeys++
	}
}

func (k *watched) of(d *db.DB, key []byte) bool { return k.d == d && bytes.Equal(k.key, key) }

const sizeOfWatch = 56 // bytes

// memBytes is the memory of the key's list and of its place in the map, bytes.
func (k *watched) memBytes() int {
	const own = 112
	return own + cap(k.key)
}

// watchedChanged marks the clients that watch a key; expired tells that it is gone because
// its deadline has passed.
func (s *Server) watchedChanged(d *db.DB, hash uint64, key []byte, expired bool) {
	for k := s.watching.keys[hash]; k != nil; k = k.next {
		if !k.of(d, key) {
			continue
		}
		for w := k.first; w != nil; {
			after := w.next
			if w.past && expired {
				w.past = false // it was missing, and now it is
			} else {
				s.dirty(w.cl)
			}
			w = after
		}
		return // k may be among the spares
	}
}

// dirty marks a client of whose watched keys one has changed.
func (s *Server) dirty(cl *Client) {
	cl.Flags |= ClientDirty
	s.unwatch(cl)
}

// replacing marks the clients that watch a key of database d, or of any if d is nil, that
// is about to lose its contents, to get those of another, or nothing if that is nil.
func (s *Server) replacing(d, with *db.DB) {
	b := &s.watching
	if b.clients == 0 {
		return
	}
	var marked []*Client
	for _, k := range b.keys {
		for ; k != nil; k = k.next {
			if d != nil && k.d != d {
				continue
			}
			was, _ := k.d.Stored(k.key)
			comes, past := false, false
			if with != nil {
				comes, past = with.Stored(k.key)
			}
			if !was && !comes {
				continue
			}
			for w := k.first; w != nil; w = w.next {
				switch {
				case w.past && !comes:
					w.past = false
				case w.past && past: // it stays what it was: as good as missing
				case !w.past && !was && past:
					w.past = true
				default:
					marked = append(marked, w.cl)
				}
			}
		}
	}
	for _, cl := range marked {
		s.dirty(cl)
	}
}

// lookAtWatched marks the client if a key that it watches has reached its deadline.
func (s *Server) lookAtWatched(cl *Client) {
	for w := cl.watches; w != nil; w = w.more {
		if w.past {
			continue
		}
		if _, past := w.of.d.Stored(w.of.key); past {
			s.dirty(cl)
			return
		}
	}
}
