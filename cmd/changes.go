package cmd

import "redust/db"

// Changes. A handler reports what it changed once, here, and everything that has to know
// of changes follows from that one report:
//
//	Changed --> dirty count --> the effect goes to the journal (effects.go)
//	        \-> touchedKey  --> who waits for the key, who watches it, who has it cached
//	        \-> event       --> keyspace notifications
//	Also, Gone --> event alone: one change may be several events

// Changed reports one change to key in database d. From this report follow the dirty
// count and whatever else has to know of changes; event is the name of the keyspace
// event, or empty for a change that has none. A handler calls it once for each key that it
// changed, after the change.
func (c *Ctx) Changed(d *db.DB, key []byte, event string) {
	c.Server.Dirty++
	c.touchedKey(d, key)
	c.event(d, key, event)
}

// ChangedAside is Changed for n changes to key that serve nobody who waits for it, such as
// what groups know of a stream.
func (c *Ctx) ChangedAside(d *db.DB, key []byte, event string, n int) {
	c.Server.Dirty += int64(n)
	c.Also(d, key, event)
}

// Also reports a further event of a change that Changed has reported: a SET with a
// deadline is "set" and "expire". It does not count as another change.
func (c *Ctx) Also(d *db.DB, key []byte, event string) { c.event(d, key, event) }

// Touched reports a change that left all as it was, yet counts as one for those who have an
// eye on the key: LTRIM of nothing.
func (c *Ctx) Touched(d *db.DB, key []byte, event string) {
	c.touchedKey(d, key)
	c.event(d, key, event)
}

// Gone reports that a change, which Changed has reported, left a collection empty, so that
// its key is no more.
func (c *Ctx) Gone(d *db.DB, key []byte) { c.Also(d, key, "del") }

// went reports a key that reached its deadline or made room for others.
func (s *Server) went(d *db.DB, key []byte, event string) {
	s.byItself(d, 2).Str("DEL").Arg(key)
	s.ended()
	expired := event == "expired"
	if s.eyes > 0 && !expired {
		s.tell(d, key, nil, false)
	}
	s.event(d, key, event)
	if s.eyes > 0 && expired {
		s.tell(d, key, nil, true)
	}
}

// fieldsWent reports fields of a hash that reached their deadline: those named, or all of them,
// and the key with them, if none is.
func (s *Server) fieldsWent(d *db.DB, key []byte, fields [][]byte) {
	if fields == nil {
		s.byItself(d, 2).Str("DEL").Arg(key)
	} else {
		s.byItself(d, 2+len(fields)).Str("HDEL").Arg(key).Args(fields)
	}
	s.ended()
	s.event(d, key, "hexpired")
	if fields == nil {
		s.event(d, key, "del")
	}
	if s.eyes > 0 {
		s.tell(d, key, nil, false)
	}
}

// woken has those looked after who wait for a key of which only they care what changed: a
// group of a stream is gone.
func (c *Ctx) woken(d *db.DB, key []byte) {
	if c.blocking.clients > 0 {
		c.blocking.changed(d, c.KS.Hash(key), key)
	}
}

// touchedKey tells those who have an eye on a key that it is not what it was.
func (s *Server) touchedKey(d *db.DB, key []byte) {
	if s.eyes > 0 {
		s.tell(d, key, s.ctx.Client, false)
	}
}

// tell is touchedKey where somebody has an eye on some key. by is the client whose command
// changed it, that of the script for one inside of a script, or nil; expired says that the key
// is gone because its deadline has passed.
func (s *Server) tell(d *db.DB, key []byte, by *Client, expired bool) {
	hash := s.KS.Hash(key)
	if s.blocking.clients > 0 {
		s.blocking.changed(d, hash, key)
	}
	if s.watching.clients > 0 {
		s.watchedChanged(d, hash, key, expired)
	}
	if s.tracking.numbers != nil {
		s.invalidate(key, by, true)
	}
}

// event reports a keyspace event.
func (s *Server) event(d *db.DB, key []byte, event string) {
	if s.OnChange != nil {
		s.OnChange(d, key, event)
	}
	if s.notify != 0 {
		s.announce(d, key, event)
	}
}
