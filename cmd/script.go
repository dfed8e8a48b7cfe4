package cmd

import (
	"runtime"
	"slices"
	"strconv"
	"strings"

	"redust/config"
	"redust/resp"
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

	full bool // the data set did not fit maxmemory when the command at hand, or EXEC, began

	// The script at hand.
	name     string // SHA1, or the function's name
	function bool   // it is a function
	obeyed   bool   // what has been decided elsewhere is not refused
	readOnly bool
	denyOOM  bool // what needs memory is refused
	wrote    bool
	to       targets // where its effects go
	began    int64   // monotonic, nanoseconds
	sliceAt  int64   // when its slice began, likewise
	heap     int64   // live bytes beyond what is stored, when it began or at their least
	stored   int64   // bytes of the data set at the last look
	turns    int

	collected chan struct{} // closed once a collection that was begun for its sake is done

	stage *scripts.Stage
	cmd   *Ctx  // the command on the stage
	err   error // what it returned
	busy  bool  // a script is past the threshold
	kill  string
	held  heldScript
}

// targets are who is told what the commands of a script do.
type targets uint8

const (
	toFile targets = 1 << iota // the append only file, which is all that reads the journal now
	toReplicas
)

// heldScript is a command on the stage that is waiting for its next slice.
type heldScript struct {
	ctx     Ctx
	noTouch bool
	nowMs   int64
	unixUs  int64
	mono    int64 // when the command began
	mark    resp.Mark
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
	t.client.Addr = "?:0" // as the slow log shows it
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

// perform is call on the stage; the reply begins at mark. It reports false if the command has
// paused.
func (s *Server) perform(c *Ctx, mark resp.Mark) (bool, error) {
	t := &s.scripting
	t.cmd = c
	if !t.stage.Do() {
		s.scripting.held.mark = mark
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
	if c.Cmd == s.exec {
		c.Args = execWords // hold has kept those of the command inside
	}
	s.mono = t.held.mono
	mark := t.held.mark
	t.held = heldScript{}
	if int(mark) > len(cl.Out.B) { // the connection was closed
		mark = cl.Out.Mark()
	}
	s.conclude(c, mark, t.err)
	if cl.Flags&clientGone != 0 {
		cl.Out.B = nil
		s.endMulti(cl)
		s.forget(cl)
	}
	if cl.Conn != nil {
		cl.Conn.Send()
	}
}

// execWords is EXEC as MONITOR and the slow log show it.
var execWords = [][]byte{[]byte("EXEC")}

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

// declared is the flags by which the gates judge a command. One that runs a script that
// has declared what it does is judged by that.
func (s *Server) declared(cmd *Command, args [][]byte) Flags {
	if cmd.Declared == nil {
		return cmd.Flags
	}
	said := cmd.Declared(s, args)
	if said&scripts.NoShebang != 0 {
		return cmd.Flags
	}
	flags := cmd.Flags &^ (Stale | DenyOOM | Write | MayReplicate)
	if said&scripts.NoWrites == 0 {
		flags |= Write
	}
	if said&(scripts.NoWrites|scripts.AllowOOM) == 0 {
		flags |= DenyOOM
	}
	if said&scripts.AllowStale != 0 {
		flags |= Stale
	}
	return flags
}

// showScript shows the command at hand to those who follow MONITOR: before what it runs.
func (c *Ctx) showScript() {
	if len(c.monitors) > 0 {
		c.feedMonitors(c)
	}
}

// beginScript asks the gates of scripts, which those of commands have not if the script is part
// of a transaction, and prepares the state of the script that the command at hand runs.
func (c *Ctx) beginScript(name string, function bool, flags scripts.Flags, readOnly bool) error {
	t := &c.scripting
	obeyed := c.Client.Flags&ClientObeyed != 0
	full := t.full && c.Cfg.MaxMemory > 0 && !obeyed
	if flags&scripts.NoShebang == 0 {
		if flags&scripts.NoWrites == 0 {
			if err := c.writesStopped(); err != nil && !obeyed {
				return misconfScript(err)
			}
			if readOnly {
				return ErrScriptWrites
			}
		}
		if full && flags&(scripts.AllowOOM|scripts.NoWrites) == 0 {
			return ErrScriptOOM
		}
		readOnly = readOnly || flags&scripts.NoWrites != 0
	}
	t.name, t.function, t.readOnly, t.obeyed = name, function, readOnly, obeyed
	t.denyOOM = full && flags&scripts.AllowOOM == 0
	t.wrote, t.to, t.kill, t.turns = false, toFile|toReplicas, "", 0
	t.began = c.Clock()
	t.sliceAt = t.began
	t.client.DB, t.client.User = c.DB, c.Client.User
	t.client.Flags = ClientInternal | ClientAuthed | c.Client.Flags&ClientNoTouch
	return nil
}

// misconfScript is why a script that may write is not run, if err is why nothing is written.
func misconfScript(err error) error {
	if err == ErrMisconfRDB {
		return ErrScriptMisconf
	}
	return resp.Error("MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. " +
		"Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: " + strings.TrimPrefix(err.Error(), misconfAOF))
}

// scriptHost is the server as scripts see it.
type scriptHost struct{ s *Server }

// Command implements scripts.Host. The gates are those of scripts.
func (h scriptHost) Command(args [][]byte, proto int) (reply []byte, refusal string) {
	s := h.s
	t := &s.scripting
	cmd := s.Commands.Lookup(args)
	if refusal = s.refuseInScript(cmd, args); refusal != "" {
		s.CountError(refusal)
		if cmd != nil && cmd.Run != nil {
			cmd.Stats.Rejected++
		}
		return nil, refusal
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
	s.effects.muted = t.to&toFile == 0
	err := s.callInside(cl, &Request{Cmd: cmd, Args: args})
	s.effects.muted = false
	if err != nil {
		s.Fail(&cl.Out, err)
	}
	return cl.Out.B, ""
}

// refuseInScript asks the gates for a command of a script, and says why not.
func (s *Server) refuseInScript(cmd *Command, args [][]byte) string {
	t := &s.scripting
	if cmd == nil || cmd.subs != nil && len(args) > 1 {
		return "ERR Unknown Redis command called from script"
	}
	if n := len(args); cmd.Arity > 0 && n != cmd.Arity || n < -cmd.Arity || cmd.Run == nil {
		return "ERR Wrong number of args calling Redis command from script"
	}
	if cmd.Flags&NoScript != 0 {
		return "ERR This Redis command is not allowed from script"
	}
	if cmd.Flags&(Write|MayReplicate) != 0 && t.readOnly {
		return "ERR Write commands are not allowed from read-only scripts."
	}
	if t.wrote || t.obeyed {
		return "" // what it has begun it may end
	}
	if cmd.Flags&Write != 0 {
		if err := s.writesStopped(); err != nil {
			return err.Error()
		}
	}
	if cmd.Flags&DenyOOM != 0 && t.denyOOM {
		return string(ErrOOM)
	}
	return ""
}

// Pace implements scripts.Host.
func (h scriptHost) Pace() (killed string) {
	s := h.s
	t := &s.scripting
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

// memory looks at how much the heap has grown since the script began, beyond what was
// stored, now and then, and tells whether it is too much. Much of it may be garbage: values
// that were deleted leave the count of what is stored at once and the heap at the next
// collection. So what the data set shrinks by is taken off, until the heap shows that it is
// collected, and no script ends before a collection has had its say: one beside the script,
// which can miss what became garbage meanwhile, and if that does not help one that is waited for.
func (h scriptHost) memory(now int64) string {
	const firstNs, every = 2e6, 32
	t := &h.s.scripting
	if now-t.began < firstNs {
		return ""
	}
	if t.turns++; t.turns > 1 && t.turns%every != 0 {
		return ""
	}
	if t.turns == 1 {
		t.stored = h.s.KS.Bytes()
		t.heap = h.s.Host.Process().HeapLive - t.stored
		t.collected = nil
	}
	if !h.outgrown() {
		t.collected = nil
		return ""
	}
	if t.collected == nil {
		done := make(chan struct{})
		t.collected = done
		go func() {
			runtime.GC()
			close(done)
		}()
		return ""
	}
	select {
	case <-t.collected:
	default:
		return ""
	}
	runtime.GC()
	t.collected = nil
	if h.outgrown() {
		return "not enough memory"
	}
	return ""
}

// outgrown compares the heap with what it was.
func (h scriptHost) outgrown() bool {
	t := &h.s.scripting
	stored := h.s.KS.Bytes()
	grown := h.s.Host.Process().HeapLive - stored
	t.heap += max(0, t.stored-stored)
	t.stored = stored
	t.heap = min(t.heap, grown)
	return grown-t.heap > maxScriptBytes
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

// Propagate implements scripts.Host.
func (h scriptHost) Propagate(aof, replicas bool) {
	t := &h.s.scripting
	t.to = 0
	if aof {
		t.to |= toFile
	}
	if replicas {
		t.to |= toReplicas
	}
}

// Clock implements scripts.Host.
func (h scriptHost) Clock() int64 { return h.s.Clock() }

// Version implements scripts.Host.
func (h scriptHost) Version() string { return config.RedisVersion }
