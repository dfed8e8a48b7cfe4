package cmd

import (
	"fmt"
	"math"

	"redust/config"
	"redust/metrics"
	"redust/rdb"
	"redust/resp"
)

// The append only file as the executor sees it: when it is on, when it is written anew, and
// what happens to clients when the disk does not take it. Writing it is package aof's part,
// waiting for it that of loop/ack.go.
//
//	off --- CONFIG SET appendonly yes ---> first rewrite ---> on
//	 ^                                     (writes are not    |  rewrites: BGREWRITEAOF, growth
//	 |                                      yet waited for)   |
//	 +------ CONFIG SET appendonly no <-----------------------+
//
// A rewrite costs the executor a snapshot, some microseconds. There is one at a time; a
// snapshot of SAVE may be made beside it.
//
// # When the disk does not take it
//
//	a write fails     writes get MISCONF; what was run is not answered until the disk takes it
//	a sync fails      the same, and the whole data set is written into new files at once
//	it only is slow   past heldBytes or heldMs writes are held back, as by CLIENT PAUSE WRITE,
//	                  until it has caught up
//
// Reads go on in all cases.

// AppendFile is the append only file. Its methods are called on the executor, and none waits
// for a disk.
type AppendFile interface {
	Journal
	// Acked is how far the stream of effects is as safe as appendfsync asks;
	// math.MaxInt64 if nobody needs to wait.
	Acked() int64
	// NewRewrite begins a rewrite.
	NewRewrite(kind RewriteKind) Rewrite
	// Configure takes over directives; noSync tells that nothing is to be synced now.
	Configure(noSync bool)
	// Tick tells the time.
	Tick()
	// Close ends the file, in the background, after what has been appended.
	Close()
	// State tells how the file is doing.
	State() AppendState
}

// RewriteKind says what a rewrite builds on.
type RewriteKind uint8

// The kinds of rewrites; package aof says more.
const (
	RewriteNext  RewriteKind = iota // on the files that are there
	RewriteFresh                    // on nothing
	RewriteAlone                    // on nothing, and nothing will follow: the file is off
)

// Rewrite is one rewrite of the append only file. Prepare, Write and Drop wait for the disk.
type Rewrite interface {
	Prepare() error
	Turn() // on the executor, when the snapshot is taken
	Write(s *rdb.Snapshot, asRDB bool, o rdb.WriteOptions) error
	Drop() error // instead of Turn
	Progress() *rdb.Progress
}

// AppendState is what INFO shows of the append only file.
type AppendState struct {
	Size, BaseSize int64 // bytes
	Behind         int64 // bytes of effects that are not in the kernel
	Syncing        bool
	Delayed        int64 // syncs that came late
}

// appending is what is known of the append only file.
type appending struct {
	on        bool // switched on
	first     bool // but the first rewrite is not done
	job       *rewriteJob
	scheduled bool
	why       string     // a disk error, or nothing
	refusal   resp.Error // what writes get because of it
	lost      bool       // only a rewrite helps against it
	failed    bool       // the last rewrite did
	failures  int64      // in a row
	again     int64      // when the next may be tried, Unix seconds; 0: now
	delayMin  int64      // minutes between tries
	took      int64      // the last one, seconds; with ran
	ran       bool
	rewrites  int64 // that were begun
	held      bool  // writes are held back
	heldAt    int64 // since when, monotonic nanoseconds
	holds     int64 // how often they were
	reached   int64 // how far the disk was at the last tick, and
	stuckAt   int64 // since when it has been there, Unix milliseconds
}

// rewriteJob is a rewrite under way.
type rewriteJob struct {
	r     Rewrite
	kind  RewriteKind
	snap  *rdb.Snapshot
	asRDB bool
	opt   rdb.WriteOptions
	began int64 // Unix seconds
	stop  bool  // nobody wants it any more
	err   error // read after it is done
}

const (
	// heldBytes is how many bytes of effects may wait for the disk before writes do.
	heldBytes = 64 << 20
	// heldMs is how long not a byte of them may have got there.
	heldMs = 5000
)

func appendCommands() []*Command {
	return []*Command{{
		Name: "bgrewriteaof", Arity: 1, Run: bgRewriteAOF, Flags: AdminCmd | NoScript | NoAsyncLoading,
		Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(1)",
			Summary: "Begins to write the append only file anew, in the background."},
	}}
}

// bgRewriteAOF begins a rewrite, or has it begun as soon as the transaction is over.
func bgRewriteAOF(c *Ctx) error {
	a := &c.appending
	switch {
	case c.AppendFile == nil:
		return ErrNoJournal
	case a.job != nil:
		return ErrRewriteRunning
	case c.NoBlock:
		a.scheduled = true
		c.Out.Status("Background append only file rewriting scheduled")
		return nil
	}
	c.Server.startRewrite()
	c.Out.Status("Background append only file rewriting started")
	return nil
}

// startRewrite begins a rewrite.
func (s *Server) startRewrite() {
	a := &s.appending
	kind := RewriteNext
	switch {
	case !a.on:
		kind = RewriteAlone
	case a.first || a.lost:
		kind = RewriteFresh
	}
	j := &rewriteJob{r: s.AppendFile.NewRewrite(kind), kind: kind, began: s.KS.Now() / 1000}
	a.job, a.scheduled = j, false
	a.rewrites++
	s.syncing()
	s.Host.Log(config.LogNotice, "Background append only file rewriting started")
	s.Host.Background(func() { j.err = j.r.Prepare() }, func() { s.turn(j) })
}

// turn takes the snapshot, from which on effects go to the new increment.
func (s *Server) turn(j *rewriteJob) {
	if j.err != nil {
		s.rewritten(j)
		return
	}
	if j.stop {
		s.Host.Background(func() { j.err = j.r.Drop() }, func() { s.rewritten(j) })
		return
	}
	if s.Busy() {
		// Half of what the script does is in the data set, and its unit is not in the journal.
		s.Host.After(scriptGapMs, func() { s.turn(j) })
		return
	}
	s.TellJournal()
	s.NameDB()
	j.snap, j.asRDB, j.opt = s.AppendSnapshot()
	if j.kind != RewriteAlone {
		s.Journal = s.AppendFile
	}
	if j.kind != RewriteFresh { // on which replies may wait
		j.opt.Pace = new(rdb.Pace)
	}
	j.r.Turn()
	s.Host.Background(func() { j.err = j.r.Write(j.snap, j.asRDB, j.opt) }, func() { s.rewritten(j) })
}

// AppendSnapshot is what a new append only file begins with, and how it is to be written,
// see Rewrite.Write.
func (s *Server) AppendSnapshot() (snap *rdb.Snapshot, asRDB bool, o rdb.WriteOptions) {
	o = s.rdbOptions(true)
	if !s.Cfg.AOFIncrementalFsync {
		o.FlushBytes = 0
	}
	return s.Snapshot(), s.Cfg.AOFUseRDBPreamble, o
}

// AppendBeginning tells whether the append only file has been switched on and is not whole
// yet.
func (s *Server) AppendBeginning() bool { return s.appending.first }

// EndRewrite gives up a rewrite that is under way, and waits until that is done.
func (s *Server) EndRewrite() {
	j := s.appending.job
	if j == nil {
		return
	}
	s.Host.Log(config.LogWarning, "The append only file is being rewritten. That is given up")
	j.stop = true
	if j.snap != nil { // else it has not begun to write
		j.r.Progress().Cancel()
		j.r.Progress().Wait()
	}
}

// rewritten ends a rewrite, on the executor.
func (s *Server) rewritten(j *rewriteJob) {
	a := &s.appending
	a.job = nil
	if j.snap != nil {
		j.snap.Release()
	}
	a.took, a.ran = s.KS.Now()/1000-j.began, true
	s.syncing()
	switch {
	case j.stop:
		s.Host.Log(config.LogNotice, "Background AOF rewrite given up")
		a.scheduled = a.first || a.lost // switched on again meanwhile, or still not whole
		return
	case j.err != nil:
		s.Host.Log(config.LogWarning, "Background AOF rewrite terminated with error: "+j.err.Error())
		a.failed = true
		a.failures++
		s.limitRewrites()
		a.scheduled = a.scheduled || a.first || a.lost
		return
	}
	a.failed, a.failures, a.again, a.delayMin = false, 0, 0, 0
	a.scheduled = a.scheduled || a.lost // lost once more, while the manifest was written
	if j.kind == RewriteFresh {
		a.first = false
	}
	s.Host.Log(config.LogNotice, "Background AOF rewrite finished successfully")
}

// limitRewrites sets when a rewrite may be tried again after one that failed: at once up to
// the third in a row, then after a minute, two, four, up to an hour. Without the file's
// being whole again nobody gets an answer, so for that it is tried every second.
func (s *Server) limitRewrites() {
	a := &s.appending
	now := s.KS.Now() / 1000
	const (
		free   = 3 // failures
		maxMin = 60
	)
	switch {
	case a.lost:
		a.again = now + 1
	case a.failures >= free:
		a.delayMin = min(max(2*a.delayMin, 1), maxMin)
		a.again = now + 60*a.delayMin
		s.Host.Log(config.LogWarning, fmt.Sprintf("Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes", a.delayMin))
	}
}

// JoinAppendFile gives the server an append only file; on tells that it is open, and that
// the data set is what it says.
func (s *Server) JoinAppendFile(f AppendFile, on bool) {
	s.AppendFile = f
	s.appending.on = on
	s.appending.stuckAt = s.KS.Now()
	f.Configure(false)
	if on {
		s.Journal = f
		s.NameDB()
	}
	s.appendOnly() // it may have been switched meanwhile
}

// appendOnly follows the directive appendonly.
func (s *Server) appendOnly() {
	a := &s.appending
	if s.AppendFile == nil {
		return
	}
	s.syncing()
	switch {
	case s.Cfg.AppendOnly == a.on:
	case s.Cfg.AppendOnly:
		a.on, a.first = true, true
		if a.job == nil {
			s.startRewrite()
		} else {
			a.job.stop, a.scheduled = true, true
			a.job.r.Progress().Cancel()
		}
	default:
		// CONFIG SET is running: what was run before it in this batch, or in its transaction,
		// still goes to the file.
		s.effects.end(s.ctx.Client)
		s.tellAll()
		s.Journal = nil
		s.AppendFile.Close()
		if a.job != nil {
			a.job.stop = true
			a.job.r.Progress().Cancel()
		}
		a.on, a.first, a.scheduled, a.lost, a.why = false, false, false, false, ""
		s.releaseWrites()
	}
}

// syncing tells the file whether it is to be synced now, and how.
func (s *Server) syncing() {
	if s.AppendFile != nil {
		s.AppendFile.Configure(s.Cfg.NoFsyncOnRewrite && (s.appending.job != nil || s.saving.job != nil))
	}
}

// AppendStatus is told how writing the file goes: why is a disk error, or nothing; lost
// tells that what is written to the file now would not count.
func (s *Server) AppendStatus(why string, lost bool) {
	a := &s.appending
	if !a.on {
		return
	}
	a.why, a.lost = why, lost
	a.refusal = resp.Error(misconfAOF + why)
	switch {
	case !lost:
	case a.job == nil:
		s.startRewrite()
	default:
		a.scheduled = true
	}
}

// tickAppend does what is due.
func (s *Server) tickAppend() {
	a := &s.appending
	if s.AppendFile == nil {
		return
	}
	s.syncing()
	s.AppendFile.Tick()
	if !a.on && !a.scheduled {
		return
	}
	s.tickHeld()
	now := s.KS.Now() / 1000
	if a.job != nil || a.again > now || s.saving.closing {
		return
	}
	if a.scheduled {
		s.startRewrite()
		return
	}
	c := s.Cfg
	if s.saving.job != nil {
		return // one at a time for the disk, unless somebody asks for it
	}
	if st := s.AppendFile.State(); c.AutoAOFRewritePercent > 0 && st.Size > c.AutoAOFRewriteMinBytes && a.why == "" {
		growth := st.Size*100/max(st.BaseSize, 1) - 100
		if growth >= int64(c.AutoAOFRewritePercent) {
			s.Host.Log(config.LogNotice, fmt.Sprintf("Starting automatic rewriting of AOF on %d%% growth", growth))
			s.startRewrite()
		}
	}
}

// tickHeld holds writes back while too much waits for the disk, or for too long.
func (s *Server) tickHeld() {
	a := &s.appending
	acked, now := s.AppendFile.Acked(), s.KS.Now()
	waits := max(s.JournalAt()-acked, s.AppendFile.State().Behind)
	if at := s.JournalAt() - waits; waits <= 0 || at != a.reached {
		a.reached, a.stuckAt = at, now
	}
	stuck := acked != math.MaxInt64 && now-a.stuckAt >= heldMs
	switch {
	case a.held && waits <= heldBytes/2 && !stuck:
		s.releaseWrites()
	case !a.held && (waits > heldBytes || stuck):
		a.held, a.heldAt = true, s.Clock()
		a.holds++
		s.Host.Log(config.LogWarning, fmt.Sprintf("The disk does not keep up with the append only file: %d bytes wait for it, and in the last %d ms none has got there. Commands that write are held back until it has caught up.", waits, now-a.stuckAt))
	}
}

// releaseWrites lets writes pass again, if they were held back.
func (s *Server) releaseWrites() {
	a := &s.appending
	if !a.held {
		return
	}
	a.held = false
	ns := s.Clock() - a.heldAt
	s.Slice(metrics.EventAOFHeld, ns)
	s.Host.Log(config.LogWarning, fmt.Sprintf("The disk has caught up with the append only file. Writes were held back for %d ms.", ns/1e6))
	s.Host.Resume()
}

// infoAppend reports on the append only file.
func (s *Server) infoAppend(r *report) {
	a := &s.appending
	status := func(bad bool) string {
		if bad {
			return "err"
		}
		return "ok"
	}
	took, since := int64(-1), int64(-1)
	if a.ran {
		took = a.took
	}
	if a.job != nil {
		since = s.KS.Now()/1000 - a.job.began
	}
	r.flag("aof_enabled", a.on)
	r.flag("aof_rewrite_in_progress", a.job != nil)
	r.flag("aof_rewrite_scheduled", a.scheduled)
	r.int("aof_last_rewrite_time_sec", took)
	r.int("aof_current_rewrite_time_sec", since)
	r.str("aof_last_bgrewrite_status", status(a.failed))
	r.int("aof_rewrites", a.rewrites)
	r.int("aof_rewrites_consecutive_failures", a.failures)
	r.str("aof_last_write_status", status(a.why != ""))
	r.int("aof_last_cow_size", 0) // nothing is copied as a whole, and what is, is not counted
}

// infoAppendSizes reports on the files while there are any.
func (s *Server) infoAppendSizes(r *report) {
	if !s.appending.on {
		return
	}
	st := s.AppendFile.State()
	r.int("aof_current_size", st.Size)
	r.int("aof_base_size", st.BaseSize)
	r.flag("aof_pending_rewrite", s.appending.scheduled)
	r.int("aof_buffer_length", st.Behind)
	r.flag("aof_pending_bio_fsync", st.Syncing)
	r.int("aof_delayed_fsync", st.Delayed)
	r.flag("aof_writes_held", s.appending.held)
	r.int("aof_writes_held_total", s.appending.holds)
}

// journalBytes is the memory of effects that wait for the disk, bytes.
func (s *Server) journalBytes() int64 {
	n := int64(len(s.effects.buf))
	if s.AppendFile != nil {
		n += s.AppendFile.State().Behind
	}
	return n
}
