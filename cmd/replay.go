package cmd

import (
	"fmt"

	"redust/config"
	"redust/db/table"
)

// Replay. What the append only file says has happened is done again, by the handlers that
// did it first. No gate is asked: these commands were let through once, and refusing one now
// would be losing data. They leave nothing in the journal, which has them, are not counted
// among the commands, and are in no slow log and no latency. Nobody waits in them. Of their
// replies only errors are looked at.
//
//	file --> batches of requests (aof) --> Replayer.Run --> Prepare, handler, Prepare, ...
//
// No deadline passes meanwhile (Keyspace.Replaying): a key that expired is deleted where the
// file says so, and one that should have in the meantime when all is over.

// Replayer runs the requests of a file, on the executor.
type Replayer struct {
	Commands int64 // run so far
	Errors   int64 // of them, were answered with an error

	s  *Server
	cl *Client
}

// ReplayError is a request that cannot stand in an append only file.
type ReplayError struct {
	Index  int // in the slice that Run was given
	Reason string
}

// Error implements error.
func (e *ReplayError) Error() string { return e.Reason }

// NewReplayer returns a replayer that stands in database 0, as each file does at its
// beginning. The server must be loading, and have no Journal.
func (s *Server) NewReplayer() *Replayer {
	cl := &Client{ID: replayID, DB: s.KS.DB(0), User: "default", Flags: ClientAuthed | ClientInternal | ClientObeyed}
	return &Replayer{s: s, cl: cl}
}

// replayID is the id of the client that a file is.
const replayID = -1

// Rewind goes back to database 0, for the next file.
func (r *Replayer) Rewind() { r.cl.DB = r.s.KS.DB(0) }

// Run runs requests one after the other. Its error is a *ReplayError: everything before that
// request has been run.
func (r *Replayer) Run(reqs []Request) error {
	s := r.s
	s.KS.NoTouch = false
	for from := 0; from < len(reqs); from += table.TouchMax {
		batch := reqs[from:min(from+table.TouchMax, len(reqs))]
		s.Prepare(r.cl.DB, batch)
		for i := range batch {
			if reason := r.one(&batch[i]); reason != "" {
				return &ReplayError{from + i, reason}
			}
		}
	}
	return nil
}

// one runs a request; it returns why it cannot.
func (r *Replayer) one(req *Request) (reason string) {
	s, cl, c := r.s, r.cl, &r.s.ctx
	switch n := len(req.Args); {
	case req.Cmd == nil || req.Cmd.Run == nil:
		return fmt.Sprintf("there is no command '%.128s'", req.Args[0])
	case req.Cmd.Arity > 0 && n != req.Cmd.Arity || n < -req.Cmd.Arity:
		return fmt.Sprintf("the command '%s' has a wrong number of arguments", req.Cmd.FullName)
	}
	c.Client, c.Cmd, c.Args, c.DB, c.Out, c.owned = cl, req.Cmd, req.Args, cl.DB, &cl.Out, false
	c.NoBlock = true
	err := s.call(c)
	c.NoBlock = false
	r.Commands++
	cl.Out.B = cl.Out.B[:0]
	if err != nil {
		if req.Cmd.Name == "select" {
			return fmt.Sprintf("database %.20s: %v", req.Args[1], err)
		}
		r.failed(req, err)
	}
	return ""
}

// failed reports a command that did not do what it must have done when it was written down.
func (r *Replayer) failed(req *Request, err error) {
	const most = 100 // lines in the log
	if r.Errors++; r.Errors > most {
		return
	}
	r.s.Host.Log(config.LogWarning, fmt.Sprintf("The append only file holds a command that fails now: '%s' answers '%v'", req.Cmd.FullName, err))
	if r.Errors == most {
		r.s.Host.Log(config.LogWarning, "There are more of them, which are not logged.")
	}
}

// debugLoadAOF replies OK once the data set is what the append only file says. Everybody waits
// for it. Redis ends if the file cannot be loaded.
func debugLoadAOF(c *Ctx) error {
	s, e := c.Server, &c.effects
	switch {
	case c.LoadAppendOnly == nil:
		return ErrNoJournal
	case e.open > 1 || c.NoBlock:
		return ErrLoadInside
	}
	c.NoEffect()
	journal := s.Journal
	if journal != nil {
		e.open--
		s.TellJournal() // what was run before
		e.open++
	}
	s.Journal = nil
	outer := *c
	s.Empty()
	c.Flushed(nil, 0) // whoever watches or waits for a key is to look again
	s.KS.Replaying(true)
	err := c.LoadAppendOnly(s.NewReplayer(), journal != nil)
	s.KS.Replaying(false)
	*c = outer
	s.Journal = journal
	c.NoEffect()
	if err != nil {
		c.Host.Log(config.LogWarning, "DEBUG LOADAOF could not load the append only file: "+err.Error())
		return ErrLoadAOF
	}
	s.Dirty = 0
	c.Host.Log(config.LogWarning, "Append Only File loaded by DEBUG LOADAOF")
	c.Out.OK()
	return nil
}
