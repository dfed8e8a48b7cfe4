package cmd

import (
	"strings"

	"redust/config"
	"redust/db"
	"redust/metrics"
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
	s.blocking.unpaused()
	s.Host.Resume()
}

// PausedUntil is when the pause ends, Unix milliseconds, or 0.
func (s *Server) PausedUntil() int64 { return s.pausedUntil }

// postpones tells whether the pause holds back this command, which does what flags say, and
// ends a pause that is over.
func (s *Server) postpones(cmd *Command, flags Flags) bool {
	if s.KS.Now() >= s.pausedUntil {
		s.Unpause()
		return false
	}
	if s.pauseAll {
		// What ends the pause, or the process, must come through.
		return cmd.FullName != "client|unpause" && cmd.FullName != "client|pause" && cmd.Name != "shutdown"
	}
	return flags&(Write|MayReplicate) != 0
}

// writesStopped is why nothing may be changed now: what is written does not reach the disk.
// PING hears it too, so that whoever watches over the server does.
func (s *Server) writesStopped() error {
	if s.saving.failed && s.Cfg.StopWritesOnError && len(s.Cfg.Save) > 0 {
		return ErrMisconfRDB
	}
	if s.appending.why != "" {
		return s.appending.refusal
	}
	return nil
}

// logSlow enters the command just run in the slow log. Passwords do not go in.
func (s *Server) logSlow(cl *Client, cmd *Command, args [][]byte, ns int64) {
	s.SlowLog.Add(s.KS.Now()/1000, ns/1000, s.redacted(cmd, args), cl.Addr, cl.Name)
}

// redacted is the arguments with what may be secret left out.
func (s *Server) redacted(cmd *Command, args [][]byte) [][]byte {
	if cmd.Secret == nil {
		return args
	}
	out := append([][]byte(nil), args...)
	cmd.Secret(s, out, func(i int) {
		if i < len(out) {
			out[i] = []byte("(redacted)")
		}
	})
	return out
}

// authSecrets hides all that AUTH is told.
func authSecrets(_ *Server, args [][]byte, hide func(int)) {
	for i := range args[1:] {
		hide(1 + i)
	}
}

// helloSecrets hides user and password in HELLO's options.
func helloSecrets(_ *Server, args [][]byte, hide func(int)) {
	for i := 2; i < len(args); {
		switch {
		case fold(args[i], "AUTH"):
			hide(i + 1)
			hide(i + 2)
			i += 3
		case fold(args[i], "SETNAME"):
			i += 2
		default:
			i++
		}
	}
}

// configSecrets hides the values of directives that are secrets.
func configSecrets(s *Server, args [][]byte, hide func(int)) {
	for i := 3; i < len(args); i += 2 {
		if s.Cfg.Sensitive(string(lower(args[i-1]))) {
			hide(i)
		}
	}
}

func (s *Server) logLatency(cmd *Command, ns int64) {
	event := metrics.EventCommand
	if cmd.Flags&Fast != 0 {
		event = metrics.EventFastCommand
	}
	s.Latency.Observe(event, s.KS.Now()/1000, ns/1e6)
}

// Slice notes the time that one slice of background work took, for the latency monitor.
func (s *Server) Slice(event string, ns int64) {
	if s.latencyNs > 0 && ns >= s.latencyNs {
		s.Latency.Observe(event, s.KS.Now()/1000, ns/1e6)
	}
}

// evictSlice is how many keys one command, or one tick, evicts at most: about a
// millisecond's work.
const evictSlice = 500

// makeRoom evicts a slice if the data set does not fit maxmemory, and tells whether a
// command that needs memory may run: it fits, or eviction is getting there.
func (s *Server) makeRoom() bool {
	limit := s.Cfg.MaxMemory
	fits := func() bool { return s.UsedMemory() <= limit }
	// A paused data set loses no keys, nor does half a one, nor one that a script is in the middle of.
	if fits() || s.KS.Paused || s.KS.Frozen || s.Loading.On || s.Busy() {
		return true
	}
	from := s.Clock()
	room := s.KS.Evict(s.eviction(), evictSlice, fits)
	s.Slice(metrics.EventEvictionCycle, s.Clock()-from)
	return room != db.Full
}

// eviction translates the policy for the keyspace.
func (s *Server) eviction() db.Eviction {
	p := s.Cfg.MaxMemoryPolicy
	// A page is some 45 keys; with the default of 5 samples two of them are looked at.
	e := db.Eviction{Timed: !p.AllKeys(), Pages: (s.Cfg.MaxMemorySamples + 1) / 3}
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
