package loop

import (
	"os"
	"slices"
	"time"

	"redust/cmd"
	"redust/config"
)

// Clients implements cmd.Host. Clients that connect meanwhile are not seen.
func (s *Server) Clients(yield func(*cmd.Client) bool) {
	for _, c := range s.order {
		if !c.gone && !yield(c.Client) {
			return
		}
	}
}

// Client implements cmd.Host.
func (s *Server) Client(id int64) *cmd.Client {
	if c := s.clients[id]; c != nil {
		return c.Client
	}
	return nil
}

// Log implements cmd.Host.
func (s *Server) Log(level config.LogLevel, text string) { s.log.Log(level, text) }

// After implements cmd.Host. A timer's goroutine posts f, so that sockets come before it.
func (s *Server) After(ms int64, f func()) {
	time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { s.Post(f) })
}

// Sleep implements cmd.Host.
func (s *Server) Sleep(ns int64) { time.Sleep(time.Duration(ns)) }

// Apply implements cmd.Host.
func (s *Server) Apply(changed []string) error {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(changed, n) })
	}
	if has("maxclients") {
		if err := raiseFileLimit(s.cfg.MaxClients); err != nil {
			return fatal("The operating system is not able to handle the specified number of clients, try with %d", fileLimit()-reservedFiles)
		}
	}
	if has("bind", "port") {
		if err := s.listens.move(s); err != nil {
			// Set puts the directives back and calls again, which opens what was open.
			s.log.Warn(err.Error())
			return fatal("Unable to listen on this port. Please check server logs.")
		}
	}
	if has("dir") {
		if err := os.Chdir(s.cfg.Dir); err != nil {
			return fatal("%s", SystemText(err))
		}
	}
	if has("loglevel", "logfile", "log-format", "syslog-enabled") {
		if r, ok := s.log.(interface{ Configure(*config.Config) error }); ok {
			if err := r.Configure(s.cfg); err != nil {
				return err
			}
		}
	}
	s.configured()
	s.steer.configure(s.cfg)
	return nil
}

// Resume implements cmd.Host.
func (s *Server) Resume() {
	if s.resuming {
		return
	}
	s.resuming = true
	s.Post(func() {
		s.resuming = false
		s.Cmd.Wake() // who is blocked came first
		for _, c := range s.order {
			if !c.gone && !c.closing && c.Flags&cmd.ClientPostponed != 0 {
				s.resume(c)
			}
		}
	})
}

// resume runs what waited while the client was paused or blocked.
func (s *Server) resume(c *client) {
	waiting := c.held
	c.held, c.heldBytes, c.stalled = nil, 0, false
	c.Flags &^= cmd.ClientPostponed
	s.Cmd.Restart()
	for i, h := range waiting {
		ran := s.runAll(c, h.reqs)
		if c.closing || c.gone {
			break
		}
		if ran < len(h.reqs) || c.full || c.blocked() {
			h.reqs = h.reqs[ran:]
			c.hold(h)
			for _, later := range waiting[i+1:] {
				c.hold(later)
			}
			break
		}
		if h.err != nil {
			s.protocolError(c, h.err)
			break
		}
	}
	if s.queue == nil && !c.stopped() {
		s.consume(c, c.input.rest)
		c.noteInput()
	}
	c.authed.Store(c.Flags&cmd.ClientAuthed != 0)
	s.hand(c)
}
