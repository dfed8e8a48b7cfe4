package cmd

import "redust/config"

// The end of the process. Host.Shutdown, whoever asked for it (SHUTDOWN, a signal), calls
// BeforeExit, which brings what must not be lost to the disk, or refuses:
//
//	cancel a snapshot that is under way, and wait until its file is gone
//	the journal: what the batch at hand has said, then Server.BeforeExitHook, if there is one
//	the final snapshot, if there are rules of `save` or SAVE asks for it, unless NOSAVE forbids
//
// It runs on the executor, which serves nobody meanwhile: whoever changed something now would
// not find it in the snapshot. If something fails the process goes on as before, unless with
// FORCE. ABORT is for a shutdown that waits for replicas.

func quitCommands() []*Command {
	return []*Command{
		{
			Name: "shutdown", Arity: -1, Run: shutdown,
			Flags: AdminCmd | NoScript | Loading | Stale | NoMulti | Sentinel | AllowBusy,
			Doc: Doc{Group: "server", Since: "1.0.0",
				Complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
				Summary:    "Ends the server in good order.",
				Syntax:     "[<[<NOSAVE | SAVE>] [NOW] [FORCE] | ABORT>]"},
		},
	}
}

// shutdown ends the process. There is no reply then: the connection closes.
func shutdown(c *Ctx) error {
	var opt ShutdownOptions
	abort := false
	o := c.Opts(1)
	for o.Next() {
		switch {
		case o.Is("NOSAVE"):
			opt.NoSave = true
		case o.Is("SAVE"):
			opt.Save = true
		case o.Is("NOW"):
			opt.Now = true
		case o.Is("FORCE"):
			opt.Force = true
		case o.Is("ABORT"):
			abort = true
		default:
			o.Fail(ErrSyntax)
		}
	}
	switch {
	case o.Err != nil:
		return o.Err
	case opt.Save && opt.NoSave, abort && opt != ShutdownOptions{}:
		return ErrSyntax
	case abort:
		// A shutdown waits for nothing here, so there is none that could be called off.
		return ErrNoShutdown
	}
	if c.Busy() && !opt.NoSave {
		return c.errBusy()
	}
	if err := c.Host.Shutdown(opt); err != nil {
		return ErrShutdown
	}
	return nil
}

// BeforeExit brings to the disk what must be there when the process ends. Its error says that
// the process must not end. Host.Shutdown calls it.
func (s *Server) BeforeExit(o ShutdownOptions) error {
	warn := func(text string) { s.Host.Log(config.LogWarning, text) }
	sv := &s.saving
	if j := sv.job; j != nil {
		warn("There is a snapshot being saved. It is given up")
		j.progress.Cancel()
		j.progress.Wait()
	}
	s.tellAll()
	if f := s.BeforeExitHook; f != nil {
		if err := f(o); err != nil && !o.Force {
			return err
		}
	}
	if !s.Loading.On && (o.Save || len(s.Cfg.Save) > 0 && !o.NoSave) {
		s.Host.Log(config.LogNotice, "Saving the final RDB snapshot before exiting.")
		j := s.newSave()
		j.opt.KeyDelayUs = 0
		j.write(s.files())
		j.snap.Release()
		switch {
		case j.err == nil:
			s.Dirty, s.LastSave = 0, s.KS.Now()/1000
			s.Host.Log(config.LogNotice, "DB saved on disk")
		case o.Force:
			warn(saveError(j.path, j.err))
			warn("Error trying to save the DB. Exit anyway.")
		default:
			warn(saveError(j.path, j.err))
			warn("Error trying to save the DB, can't exit.")
			return ErrShutdown
		}
	}
	sv.closing = true
	return nil
}
