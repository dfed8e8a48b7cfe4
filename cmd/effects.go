package cmd

import (
	"strconv"

	"redust/db"
	"redust/internal/assert"
)

// Effects. What a command did to the data set is said once more, as commands that do the
// same whenever and wherever they are run: the journal. SPOP becomes the SREM of what it
// took, EXPIRE a PEXPIREAT, a key that reached its deadline a DEL. The append only file and
// the replicas read this one stream.
//
//	handler --> Changed (dirty)                          the command, word for word
//	        \-> Rewrite(n).Str(..).Arg(..)               these words instead, once or more often
//	        \-> NoEffect                                 nothing, though something changed
//	expiry, eviction --> DEL                             in front of the effect of whoever looked
//
// What an effect does must not depend on when it is run, nor where: times are absolute,
// IDs and amounts are those that came out, whatever was chosen is named, conditions that held
// are left out. Word for word goes only what is so already. It may depend on the keys, all
// of which are what they were, since whoever replays lets no deadline pass
// (Keyspace.Replaying); fields of hashes that are past their deadline, though, may be seen
// there that were hidden here, so an effect names the fields that it is about.
// testdata/effects says what each command leaves, and how Redis differs; TestReplay replays
// random sequences and compares all there is.
//
// A unit is what must happen as a whole: a command with what expired under its hands, a
// transaction, a script. Its effects lie one after another in buf; as soon as there is
// a second one MULTI is put in front, and EXEC follows at the end:
//
//	buf:  *3 SET a 1 | *2 SELECT 3 | *1 MULTI *2 DEL x *3 SET b 2 *1 EXEC | ...
//	                                 ^start, n = 2
//
// Whole units are handed to the Journal when a batch of commands is over. A client that
// changed something must not hear of it before the journal has reached Client.AckAt.
//
// Without a Journal nothing is encoded: one comparison a command.
type effects struct {
	buf    []byte // whole units, and the one at hand
	base   int64  // length of the stream before buf, bytes
	db     int    // the database that the stream's end is in; -1: say it
	start  int    // where the unit at hand begins in buf
	n      int    // its effects
	open   int    // commands that are running, one inside the other
	own    bool   // one of the effects is a command's doing, not time's or memory's
	silent bool   // the handler at hand has said what its effect is
	muted  bool   // what commands do is to leave no effects; what time and memory do is
}

// Journal takes the stream of effects: RESP requests, whole units, each database named by
// a SELECT before the first effect in it.
type Journal interface {
	// Append adds to the stream; b is borrowed. It does not wait for a disk.
	Append(b []byte)
}

const (
	multiText = "*1\r\n$5\r\nMULTI\r\n"
	execText  = "*1\r\n$4\r\nEXEC\r\n"
)

// Effect is an effect being written, see Ctx.Rewrite. On a nil one all methods do nothing.
type Effect struct{ e *effects }

// Rewrite says that the effect of the command at hand is another command, of n words,
// which are added to the Effect that it returns. Called again, it adds one more. The
// command itself then does not go to the journal.
func (c *Ctx) Rewrite(n int) Effect { return c.RewriteIn(c.DB, n) }

// RewriteIn is Rewrite for an effect in another database than the client's.
func (c *Ctx) RewriteIn(d *db.DB, n int) Effect {
	e := &c.effects
	e.silent = true
	if c.Journal == nil || e.muted {
		return Effect{}
	}
	e.own = true
	e.begin(d.ID, n)
	return Effect{e}
}

// NoEffect says that the command at hand leaves nothing in the journal.
func (c *Ctx) NoEffect() { c.effects.silent = true }

// Str adds a word.
func (w Effect) Str(word string) Effect {
	if w.e != nil {
		w.e.buf = appendWord(w.e.buf, word)
	}
	return w
}

// Arg adds an argument; b is borrowed.
func (w Effect) Arg(b []byte) Effect {
	if w.e != nil {
		w.e.buf = appendWord(w.e.buf, b)
	}
	return w
}

// Args adds several arguments.
func (w Effect) Args(args [][]byte) Effect {
	for _, b := range args {
		w.Arg(b)
	}
	return w
}

// Int adds a number.
func (w Effect) Int(n int64) Effect {
	if w.e != nil {
		var digits [20]byte
		w.e.buf = appendWord(w.e.buf, strconv.AppendInt(digits[:0], n, 10))
	}
	return w
}

func appendWord[T string | []byte](b []byte, word T) []byte {
	b = append(b, '$')
	b = strconv.AppendInt(b, int64(len(word)), 10)
	b = append(b, '\r', '\n')
	b = append(b, word...)
	return append(b, '\r', '\n')
}

// begin starts an effect of n words in a database.
func (e *effects) begin(db, n int) {
	if e.n == 0 {
		e.start = len(e.buf)
	}
	if e.n++; e.n == 2 {
		e.buf = append(e.buf, multiText...)
		copy(e.buf[e.start+len(multiText):], e.buf[e.start:])
		copy(e.buf[e.start:], multiText)
	}
	if e.db != db {
		e.db = db
		e.buf = append(e.buf, "*2\r\n"...)
		e.buf = appendWord(e.buf, "SELECT")
		var digits [20]byte
		e.buf = appendWord(e.buf, strconv.AppendInt(digits[:0], int64(db), 10))
	}
	e.buf = append(e.buf, '*')
	e.buf = strconv.AppendInt(e.buf, int64(n), 10)
	e.buf = append(e.buf, '\r', '\n')
}

// end closes the unit at hand; cl is whose doing it was, nil if nobody's.
func (e *effects) end(cl *Client) {
	if e.n == 0 {
		return
	}
	if e.n > 1 {
		e.buf = append(e.buf, execText...)
	}
	if e.own && cl != nil {
		cl.AckAt = e.base + int64(len(e.buf))
	}
	e.n, e.own = 0, false
}

// byItself adds the effect of n words of something that no command did; within a command
// it belongs to the command's unit. ended must be called after its words.
func (s *Server) byItself(d *db.DB, n int) Effect {
	if s.Journal == nil {
		return Effect{}
	}
	s.effects.begin(d.ID, n)
	return Effect{&s.effects}
}

// ended closes the unit of an effect that stands for itself.
func (s *Server) ended() {
	if s.effects.open == 0 {
		s.effects.end(nil)
	}
}

// call runs the handler of the command in c, and adds its effect. Whoever runs commands
// inside of a command (EXEC, a script) calls it for each of them.
func (s *Server) call(c *Ctx) error {
	e := &s.effects
	dirty := s.Dirty
	d, cmd := c.DB, c.Cmd
	if e.open == 0 {
		s.current = c.Client
	}
	e.open++
	e.silent = false
	err := cmd.Run(c)
	if s.current.Flags&ClientTracking != 0 && cmd.Flags&ReadOnly != 0 {
		s.remember(c)
	}
	if s.Journal != nil {
		if s.Dirty != dirty && !e.silent && !e.muted {
			e.own = true
			e.begin(d.ID, len(c.Args))
			for _, a := range c.Args {
				e.buf = appendWord(e.buf, a)
			}
		}
		if e.open == 1 {
			e.end(c.Client)
		}
	}
	e.open--
	// A command that ran others has nothing to add to what they said.
	e.silent = true
	return err
}

// TellJournal hands the effects of what has been run to the journal; the executor calls
// it after each batch, before any reply leaves.
func (s *Server) TellJournal() {
	e := &s.effects
	if len(e.buf) == 0 || e.open > 0 {
		return
	}
	s.Journal.Append(e.buf)
	e.base += int64(len(e.buf))
	const keep = 1 << 20 // bytes
	if cap(e.buf) > keep {
		e.buf = nil
	}
	e.buf = e.buf[:0]
}

// tellAll is TellJournal from within a command that has changed nothing, is no part of
// another, and will not come to the end of its batch.
func (s *Server) tellAll() {
	e := &s.effects
	assert.That(e.n == 0, "cmd: half a unit is told to the journal")
	open := e.open
	e.open = 0
	s.TellJournal()
	e.open = open
}

// JournalAt is the length of the stream of effects, bytes, those included that the
// journal has not been told.
func (s *Server) JournalAt() int64 { return s.effects.base + int64(len(s.effects.buf)) }

// NameDB makes the next effect name its database, because a new reader begins there: a
// new file, a new replica.
func (s *Server) NameDB() { s.effects.db = -1 }
