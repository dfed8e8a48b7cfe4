package cmd

import (
	"slices"
	"strconv"

	"redust/config"
	"redust/scripts"
)

// What stands between the Lua engine (package scripts) and the server.
//
//	EVAL --> call(EVAL) --> Engine.Run --> redis.call --> Command: gates of scripts
//	                                                        |
//	                                                        v
//	                                               callInside(GET), see inside.go
//
// The commands run for a client of their own, scripting.client: it has the database that
// SELECT in the script chooses, and the protocol that redis.setresp did.
//
// # Long scripts
//
// A command that runs Lua is flagged Lua, and Execute runs it, or an EXEC that has queued
// one, on a Stage. The engine asks Pace every fifty microseconds or so. Once the script
// has run for busy-reply-threshold, Pace leaves the stage:
//
//	Execute --> stage.Do --> ... Pace: Pause -->  hold: ClientInScript, copy the arguments
//	                                                |
//	     sockets: BUSY, SCRIPT KILL, ... <----------+   Host.After
//	                                                v
//	                              goOn --> stage.Resume --> ... Pace: Pause --> hold again
//	                                                    \-> done: the tail of Execute
//
// In between the keyspace is whole, since a pause is never in the middle of a command, and
// nobody changes it: all but what is flagged AllowBusy is refused at the gate, and expiry,
// eviction and those who wait for keys rest. The unit of effects stays open. Time, for
// the script, stands still.

// scripting is what the server knows of scripts.
type scripting struct {
	engine *scripts.Engine
	client Client // whose the commands in a script are

	// The script at hand.
	caller   *Client
	name     string // SHA1, or the function's name
	function bool   // it is a function
	words    [][]byte
	readOnly bool
	allowOOM bool
	wrote    bool
	oom      bool
	silent   bool  // its effects go nowhere
	began    int64 // monotonic, nanoseconds
	sliceAt  int64 // when its slice began, likewise
	heap     int64 // live bytes when it began
	turns    int

	stage *scripts.Stage
	cmd   *Ctx  // the command on the stage
	err   error // what it returned
	busy  bool  // a script is past the threshold
	kill  string
	held  heldScript
}

// heldScript is a command on the stage that is waiting for its next slice.
type heldScript struct {
	ctx     Ctx
	noTouch bool
	nowMs   int64
	unixUs  int64
	mono    int64 // when the command began
}

// Slices of a script past the threshold: how long, nanoseconds, and how long others are
// served between two, milliseconds.
const (
	scriptSliceNs = 5e6
	scriptGapMs   = 1
)

// maxScriptBytes is by how much a script may make the heap grow beyond what it stores.
const maxScriptBytes = 1 << 30

func (s *Server) initScripts() {
	t := &s.scripting
	t.engine = scripts.New(scriptHost{s})
	t.client.Flags = ClientInternal | ClientAuthed
	t.stage = scripts.NewStage(func() { t.err = s.call(t.cmd) })
}

// runsLua tells whether the command at hand may run a script.
func (s *Server) runsLua(c *Ctx) bool {
	return c.Cmd.Flags&Lua != 0 || c.Cmd == s.exec && c.Client.tx != nil && c.Client.tx.flags&Lua != 0
}

// Busy tells whether a script is past the threshold and waits for its next slice: nothing
// may change the data set.
func (s *Server) Busy() bool { return s.scripting.busy }

// errBusy is the refusal while a script is busy.
func (s *Server) errBusy() error {
	if s.scripting.function {
		return ErrBusyFunction
	}
	return ErrBusyScript
}

// perform is call on the stage. It reports false if the command has paused.
func (s *Server) perform(c *Ctx) (bool, error) {
	t := &s.scripting
	t.cmd = c
	if !t.stage.Do() {
		s.hold()
		return false, nil
	}
	return true, t.err
}

// hold puts the command on the stage aside until its next slice.
func (s *Server) hold() {
	t, c := &s.scripting, &s.ctx
	if c.Client.Flags&ClientInScript == 0 {
		c.Client.Flags |= ClientInScript
		args := make([][]byte, len(c.Args)) // they were borrowed for the time of one batch
		for i, a := range c.Args {
			args[i] = slices.Clone(a)
		}
		c.Args = args
		t.held.mono = s.mono
		t.held.nowMs, t.held.unixUs = s.KS.Now(), s.unixUs
	}
	t.held.ctx, t.held.noTouch = *c, s.KS.NoTouch
	s.Host.After(scriptGapMs, s.goOn)
}

// goOn gives the script that was held another slice; on the executor, after Begin.
func (s *Server) goOn() {
	t := &s.scripting
	now, nowUs := s.KS.Now(), s.unixUs
	s.ctx, s.KS.NoTouch = t.held.ctx, t.held.noTouch
	s.KS.SetNow(t.held.nowMs)
	s.unixUs = t.held.unixUs
	c := &s.ctx
	cl := c.Client
	if !t.stage.Resume() {
		s.hold()
		s.KS.SetNow(now)
		s.unixUs = nowUs
		return
	}
	t.busy = false
	cl.Flags &^= ClientInScript
	s.mono = t.held.mono
	t.held = heldScript{}
	if cl.Flags&clientGone != 0 {
		cl.Out.B = nil
	}
	s.conclude(c, cl.Out.Mark(), t.err)
	if cl.Conn != nil {
		cl.Conn.Send()
	}
}

// kill ends the script that is busy, by SCRIPT KILL or FUNCTION KILL.
func (c *Ctx) killScript(function bool, text string) error {
	t := &c.scripting
	switch {
	case !t.busy:
		return ErrNotBusy
	case t.wrote:
		return ErrUnkillable
	case function != t.function:
		return c.errBusy()
	}
	t.kill = text
	c.Out.OK()
	return nil
}

// beginScript prepares the state of a script that the command at hand runs.
func (c *Ctx) beginScript(name string, function bool, flags scripts.Flags, readOnly bool) error {
	t := &c.scripting
	t.oom = c.Cfg.MaxMemory > 0 && !c.makeRoom()
	if flags&scripts.NoShebang == 0 {
		if readOnly && flags&scripts.NoWrites == 0 {
			return ErrScriptWrites
		}
		if t.oom && flags&(scripts.AllowOOM|scripts.NoWrites) == 0 {
			return ErrScriptOOM
		}
		readOnly = readOnly || flags&scripts.NoWrites != 0
	}
	t.caller, t.name, t.function, t.readOnly = c.Client, name, function, readOnly
	t.words = c.Args
	t.allowOOM = flags&(scripts.AllowOOM|scripts.NoWrites) != 0
	t.wrote, t.silent, t.kill, t.turns = false, false, "", 0
	t.began = c.Clock()
	t.sliceAt = t.began
	t.client.DB, t.client.Flags = c.DB, ClientInternal|ClientAuthed|c.Client.Flags&(ClientNoTouch|ClientUnix)
	t.client.Addr, t.client.Name, t.client.User = c.Client.Addr, c.Client.Name, c.Client.User
	if len(c.monitors) > 0 {
		c.feedMonitors(c) // before what it runs
	}
	return nil
}

// scriptHost is the server as scripts see it.
type scriptHost struct{ s *Server }

// Command implements scripts.Host. The gates are those of scripts.
func (h scriptHost) Command(args [][]byte, proto int) (reply []byte, refusal string) {
	s := h.s
	t := &s.scripting
	cmd := s.Commands.Lookup(args)
	if cmd == nil || cmd.subs != nil && len(args) > 1 {
		return nil, "ERR Unknown Redis command called from script"
	}
	if n := len(args); cmd.Arity > 0 && n != cmd.Arity || n < -cmd.Arity || cmd.Run == nil {
		return nil, "ERR Wrong number of args calling Redis command from script"
	}
	if cmd.Flags&NoScript != 0 {
		return nil, "ERR This Redis command is not allowed from script"
	}
	if cmd.Flags&Write != 0 && t.readOnly {
		return nil, "ERR Write commands are not allowed from read-only scripts."
	}
	if t.oom && cmd.Flags&DenyOOM != 0 && !t.allowOOM && !t.wrote {
		return nil, string(ErrOOM)
	}
	if cmd.Flags&Write != 0 {
		t.wrote = true
	}
	cl := &t.client
	const keep = 1 << 20 // bytes
	if cap(cl.Out.B) > keep {
		cl.Out.B = nil
	}
	cl.Out.B, cl.Out.Proto = cl.Out.B[:0], proto
	journal := s.Journal
	if t.silent {
		s.Journal = nil
	}
	err := s.callInside(cl, &Request{Cmd: cmd, Args: args})
	s.Journal = journal
	if err != nil {
		s.Fail(&cl.Out, err)
	}
	return cl.Out.B, ""
}

// Pace implements scripts.Host.
func (h scriptHost) Pace() (killed string) {
	s := h.s
	t := &s.scripting
	if t.caller == nil {
		return "" // a library is being loaded
	}
	now := s.Clock()
	if killed = h.memory(now); killed != "" {
		return killed
	}
	threshold := s.Cfg.BusyReplyMs * 1e6
	switch {
	case !t.stage.On() || threshold <= 0:
		return ""
	case t.busy && now-t.sliceAt < scriptSliceNs, !t.busy && now-t.began < threshold:
		return ""
	case !t.busy:
		t.busy = true
		verb := "SCRIPT"
		if t.function {
			verb = "FUNCTION"
		}
		s.Host.Log(config.LogWarning, "Slow script detected: still in execution after "+strconv.FormatInt((now-t.began)/1e6, 10)+
			" milliseconds. You can try killing the script using the "+verb+" KILL command. Script name is: "+t.name+".")
	}
	t.stage.Pause()
	t.sliceAt = s.Clock()
	return t.kill
}

// memory looks at how much the heap has grown since the script began, now and then, and
// tells whether it is too much.
func (h scriptHost) memory(now int64) string {
	const firstNs, every = 2e6, 32
	t := &h.s.scripting
	if now-t.began < firstNs {
		return ""
	}
	if t.turns++; t.turns > 1 && t.turns%every != 0 {
		return ""
	}
	grown := h.s.Host.Process().HeapLive - h.s.KS.Bytes()
	if t.turns == 1 {
		t.heap = grown
	}
	if grown-t.heap > maxScriptBytes {
		return "not enough memory"
	}
	return ""
}

// Log implements scripts.Host.
func (h scriptHost) Log(level int, text string) {
	levels := [...]config.LogLevel{config.LogDebug, config.LogVerbose, config.LogNotice, config.LogWarning}
	h.s.Host.Log(levels[level], text)
}

// MayCall implements scripts.Host.
func (h scriptHost) MayCall(args [][]byte) (may, known bool) {
	cmd := h.s.Commands.Lookup(args)
	return cmd != nil, cmd != nil
}

// Propagate implements scripts.Host. There is one stream for files and replicas.
func (h scriptHost) Propagate(aof, replicas bool) { h.s.scripting.silent = !aof && !replicas }

// Clock implements scripts.Host.
func (h scriptHost) Clock() int64 { return h.s.Clock() }

// Version implements scripts.Host.
func (h scriptHost) Version() string { return config.RedisVersion }
