package cmd

import (
	"strings"

	"redust/config"
	"redust/db"
)

// protected refuses DEBUG, the one command that is flagged so, unless the configuration
// allows it to this client.
func (s *Server) protected(c *Ctx) error {
	if s.Cfg.EnableDebugCommand.Allows(c.Client.Local()) {
		return nil
	}
	return ErrDebugOff
}

// Local tells whether the client is on this machine: on the Unix socket or a loopback
// address.
func (cl *Client) Local() bool {
	return cl.Flags&ClientUnix != 0 || strings.HasPrefix(cl.Addr, "127.") || strings.HasPrefix(cl.Addr, "[::1]:")
}

// Pause holds back the commands of all clients until a time, Unix milliseconds: those
// that may write, or all. Of two pauses that overlap the later end and the wider scope
// hold.
func (s *Server) Pause(until int64, all bool) {
	s.pausedUntil = max(s.pausedUntil, until)
	s.pauseAll = s.pauseAll || all
	s.KS.Paused = true
}

// Unpause ends a pause and offers again what was held back.
func (s *Server) Unpause() {
	if s.pausedUntil == 0 {
		return
	}
	s.pausedUntil, s.pauseAll, s.KS.Paused = 0, false, false
	s.Host.Resume()
}

// PausedUntil is when the pause ends, Unix milliseconds, or 0.
func (s *Server) PausedUntil() int64 { return s.pausedUntil }

// postpones tells whether the pause holds this command back, and ends a pause that is
// over.
func (s *Server) postpones(cmd *Command) bool {
	if s.KS.Now() >= s.pausedUntil {
		s.Unpause()
		return false
	}
	if s.pauseAll {
		// What ends the pause, or the process, must come through.
		return cmd.FullName != "client|unpause" && cmd.FullName != "client|pause" && cmd.Name != "shutdown"
	}
	return cmd.Flags&(Write|MayReplicate) != 0
}

// logSlow enters the command just run in the slow log. Passwords do not go in.
func (s *Server) logSlow(c *Ctx, ns int64) {
	args := c.Args
	if c.Cmd.FullName == "auth" || c.Cmd.FullName == "hello" || c.Cmd.FullName == "config|set" {
		args = s.redacted(c)
	}
	s.SlowLog.Add(s.KS.Now()/1000, ns/1000, args, c.Client.Addr, c.Client.Name)
}

// redacted copies the arguments with what may be secret left out.
func (s *Server) redacted(c *Ctx) [][]byte {
	out := append([][]byte(nil), c.Args...)
	hidden := []byte("(redacted)")
	for i := range out {
		switch {
		case c.Cmd.Name == "auth" && i > 0:
			out[i] = hidden
		case c.Cmd.Name == "hello" && i > 2 && fold(out[i-2], "AUTH"):
			out[i-1], out[i] = hidden, hidden
		case c.Cmd.FullName == "config|set" && i > 2 && i%2 == 1 && s.Cfg.Sensitive(string(lower(out[i-1]))):
			out[i] = hidden
		}
	}
	return out
}

func (s *Server) logLatency(c *Ctx, ns int64) {
	event := "command"
	if c.Cmd.Flags&Fast != 0 {
		event = "fast-command"
	}
	s.Latency.Observe(event, s.KS.Now()/1000, ns/1e6)
}

// evictSlice is how many keys one command, or one tick, evicts at most: about a
// millisecond's work.
const evictSlice = 500

// makeRoom evicts a slice if the data set does not fit maxmemory, and tells whether a
// command that needs memory may run: it fits, or eviction is getting there.
func (s *Server) makeRoom() bool {
	limit := s.Cfg.MaxMemory
	fits := func() bool { return s.UsedMemory() <= limit }
	return fits() || s.KS.Evict(s.eviction(), evictSlice, fits) != db.Full
}

// eviction translates the policy for the keyspace.
func (s *Server) eviction() db.Eviction {
	p := s.Cfg.MaxMemoryPolicy
	e := db.Eviction{Timed: !p.AllKeys()}
	switch p {
	case config.VolatileLRU, config.AllKeysLRU, config.VolatileLFU, config.AllKeysLFU:
		e.By = db.ByAccess
	case config.VolatileTTL:
		e.By = db.ByDeadline
	case config.VolatileRandom, config.AllKeysRandom:
		e.By = db.ByChance
	default:
		e.By = db.Nothing
	}
	return e
}
