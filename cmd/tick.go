package cmd

// Tick does what is due by time rather than by a command; the executor calls it ten
// times a second, after Begin. It must stay short: it stands between commands.
func (s *Server) Tick() {
	if s.pausedUntil != 0 && s.KS.Now() >= s.pausedUntil {
		s.Unpause()
	}
	s.Stats.LoopCommandUs += s.commandNs / 1000
	s.commandNs %= 1000
	s.KS.Tidy()
	s.tickSave()
	s.tickAppend()
	if s.Cfg.MaxMemory > 0 && !s.Busy() {
		s.makeRoom() // what CONFIG SET maxmemory asks for, though nobody writes
	}
	if used := s.UsedMemory(); used > s.PeakMemory {
		s.PeakMemory, s.PeakMemoryAt = used, s.KS.Now()
	}
}
