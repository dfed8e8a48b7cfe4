package scripts

import "iter"

// Stage is where the executor runs a command that runs Lua, so that it can leave it in the
// middle and come back: past busy-reply-threshold it returns to its sockets, and goes on
// with the script in slices.
//
//	executor:  Do ---+                +--- Resume --+              +--- Resume ...
//	                 v                |             v              |
//	the job:         runs ... Pause --+             ... Pause -----+
//
// There is one goroutine at a time, and no scheduler between them: the two take turns on
// one processor by iter.Pull's switch, which costs some fifty nanoseconds each way. That is
// what a script pays, however short it is, since a stack of Go's cannot be moved to another
// goroutine once it turns out to be a long one.
//
// A panic of the job comes out of Do or Resume.
type Stage struct {
	next  func() (bool, bool)
	yield func(bool) bool
	on    bool
}

// NewStage makes a stage for a job, which Do runs as often as wanted.
func NewStage(job func()) *Stage {
	s := &Stage{}
	// The stop function is for who wants the stage to end before the process does.
	s.next, _ = iter.Pull(func(yield func(bool) bool) {
		s.yield = yield
		for {
			job()
			if !yield(true) {
				return
			}
		}
	})
	return s
}

// Do runs the job and reports whether it is done; else it has paused.
func (s *Stage) Do() bool { return s.Resume() }

// Resume goes on with a job that has paused.
func (s *Stage) Resume() bool {
	s.on = true
	done, _ := s.next()
	s.on = false
	return done
}

// On tells whether the job is running, so that it may call Pause.
func (s *Stage) On() bool { return s.on }

// Pause returns to the executor, from within the job, until Resume.
func (s *Stage) Pause() { s.yield(false) }
