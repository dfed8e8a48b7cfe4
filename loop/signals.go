package loop

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"redust/cmd"
	"redust/config"
)

// How a server ends.
//
//	SIGTERM, SIGINT      SHUTDOWN
//	      |                  |
//	      Post               |                      panic on the executor
//	      +------> Shutdown <+                             |
//	         listeners close; every client is              crash: report, exit 2
//	         closed once its replies are out
//	                  |
//	         finish: waits for that, flushTime at most;
//	         stops the reactors; closes stopped, and Wait returns
//
// Requests that were read but not run when Shutdown is called are not run. Shutdown is
// on the executor, so every command before it is complete.

// flushTime is how long clients may take to read their last replies, and the reactors
// to stop.
const flushTime = time.Second

// HandleSignals answers signals until the server has stopped; it is to be called once,
// after Start. SIGTERM and SIGINT end the server as the directives shutdown-on-sigterm
// and shutdown-on-sigint say, a SIGINT during that at once, with status 1. SIGHUP, which
// a rotation of the log may send, only makes the log look for its file.
func (s *Server) HandleSignals() {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		defer signal.Stop(ch)
		var asked atomic.Bool
		for {
			select {
			case <-s.stopped:
				return
			case sig := <-ch:
				s.signal(sig, &asked)
			}
		}
	}()
}

// signal answers one signal; asked tells that the server has been asked to end.
func (s *Server) signal(sig os.Signal, asked *atomic.Bool) {
	name, flags := "SIGTERM", &s.cfg.ShutdownSIGTERM
	switch sig {
	case syscall.SIGHUP:
		if r, ok := s.log.(interface{ Reopen() }); ok {
			r.Reopen()
		}
		return
	case syscall.SIGINT:
		if asked.Load() {
			s.log.Warn("Received SIGINT again, exiting at once.")
			_ = os.Remove(cmd.TempSnapshot()) // the final one is probably what takes so long
			os.Exit(1)
		}
		name, flags = "SIGINT", &s.cfg.ShutdownSIGINT
	}
	asked.Store(true)
	s.log.Warn("Received " + name + " scheduling shutdown...")
	s.Post(func() {
		if err := s.Shutdown(shutdownOptions(*flags)); err != nil {
			asked.Store(false)
			s.log.Warn(name + " received but errors trying to shut down the server, check the logs for more information")
		}
	})
}

func shutdownOptions(f config.ShutdownFlags) cmd.ShutdownOptions {
	return cmd.ShutdownOptions{
		Save: f&config.ShutdownSave != 0, NoSave: f&config.ShutdownNoSave != 0,
		Now: f&config.ShutdownNow != 0, Force: f&config.ShutdownForce != 0,
	}
}

// Stop ends the server from any goroutine, without saving; reason is logged unless it is
// empty. Wait returns when it is done. The server must have been started.
func (s *Server) Stop(reason string) {
	if reason != "" {
		s.log.Warn(reason)
	}
	s.Post(func() { _ = s.Shutdown(cmd.ShutdownOptions{NoSave: true}) }) // refused only for want of a snapshot
}

// Shutdown implements cmd.Host. It is refused if what must be saved cannot be. A second call
// changes nothing.
func (s *Server) Shutdown(o cmd.ShutdownOptions) error {
	if s.stopping {
		return nil
	}
	s.log.Notice("User requested shutdown...")
	if err := s.Cmd.BeforeExit(o); err != nil {
		return err
	}
	s.stopping = true
	s.listens.close()
	s.dismiss()
	go s.finish()
	return nil
}

// dismiss closes every client, after its replies are out; on the executor. Called again
// it looks again who is ready to be closed.
func (s *Server) dismiss() {
	for _, c := range s.order {
		switch {
		case c.gone:
		case c.closing:
			s.hand(c)
		default:
			c.Close(true)
		}
	}
}

// finish waits until the clients are gone, but not for ever, and ends the server.
func (s *Server) finish() {
	const look = 5 * time.Millisecond
	for until := time.Now().Add(flushTime); s.count.Load() > 0 && time.Now().Before(until); time.Sleep(look) {
		s.Post(s.dismiss)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.engine.Stop() // whatever is wrong with a reactor, the process ends now
	}()
	select {
	case <-ended:
	case <-time.After(flushTime):
	}
	close(s.stopped)
}

// crash ends the process if the goroutine that deferred it panics, and leaves a report
// in the log: what panicked, at which request, where, and INFO. onExecutor tells that
// the goroutine owns what is reported. A panic elsewhere, and what the runtime cannot
// recover from, is reported by the runtime alone, see ProcessLog.
func (s *Server) crash(onExecutor bool) {
	v := recover()
	if v == nil {
		return
	}
	stack := debug.Stack()
	time.AfterFunc(5*time.Second, func() { os.Exit(2) }) // should the report hang
	report := s.bugReport(v, stack, onExecutor)
	if l, ok := s.log.(*ProcessLog); ok {
		l.raw(config.LogWarning, report)
	} else {
		s.log.Warn(report)
	}
	os.Exit(2)
}

// bugReport writes down all that is known about a panic.
func (s *Server) bugReport(v any, stack []byte, onExecutor bool) string {
	var b strings.Builder
	p := &s.process.fixed
	fmt.Fprintf(&b, "\n\n=== REDUST BUG REPORT START: copy from here to the end ===\n")
	fmt.Fprintf(&b, "Redust %s (%s) crashed: %v\n", p.Version, p.Build, v)
	fmt.Fprintf(&b, "\n------ STACK TRACE ------\n%s", stack)
	if onExecutor {
		fmt.Fprintf(&b, "\n------ REQUEST ------\n%s", attempt(s.atHand))
		fmt.Fprintf(&b, "\n------ INFO OUTPUT ------\n%s", attempt(s.infoText))
	}
	fmt.Fprintf(&b, "\n=== REDUST BUG REPORT END ===\n\n")
	return b.String()
}

// attempt calls f amid the ruins of a server.
func attempt(f func() string) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("not available: %v\n", v)
		}
	}()
	return f()
}

// atHand describes the request that is running and its client. Arguments are shown
// only if hide-user-data-from-log is off, and only their beginnings.
func (s *Server) atHand() string {
	const longest = 128
	cl, args := s.Cmd.AtHand()
	if cl == nil || len(args) == 0 {
		return "none\n"
	}
	var b strings.Builder
	for i, a := range args {
		switch {
		case i == 0 || !s.cfg.HideUserData:
			fmt.Fprintf(&b, "argv[%d]: %d bytes %q\n", i, len(a), a[:min(len(a), longest)])
		default:
			fmt.Fprintf(&b, "argv[%d]: %d bytes *redacted*\n", i, len(a))
		}
	}
	fmt.Fprintf(&b, "client: %s\n", s.Cmd.Describe(cl))
	return b.String()
}

// infoText runs INFO as a client would.
func (s *Server) infoText() string {
	cl := s.Cmd.Connect(0, nil)
	cl.Flags |= cmd.ClientAuthed | cmd.ClientInternal
	reqs := []cmd.Request{{Args: [][]byte{[]byte("INFO"), []byte("everything")}}}
	s.Cmd.Prepare(cl.DB, reqs)
	s.Cmd.Execute(cl, &reqs[0])
	_, text, _ := bytes.Cut(cl.Out.B, []byte("\r\n")) // after the length
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
