package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"redust/acl"
	"redust/config"
	"redust/internal/disk"
	"redust/rdb"
	"redust/resp"
)

// Snapshots on disk: who asks for them, who is told, and what is known of the last one.
//
//	SAVE        BGSAVE       a rule of `save`, in Tick      FLUSHALL      SHUTDOWN
//	   |          |                   |                        |             |
//	   +----------+------ startSave --+------------------------+             |
//	                          |                                              |
//	              rdb.Take: views of all databases              the same, on the executor,
//	                          |                                 which has nothing else to do
//	       Host.Background: rdb.WriteFile on a goroutine             (quit.go)
//	                          |
//	              saved, on the executor: views given back, dirty count, replies
//
// One is made at a time. Redis forks; here nothing is copied but what is written to while the
// snapshot is being made (db/cow), so it may be made beside a rewrite of the append only
// file, too, and BGSAVE SCHEDULE has nothing to wait for.
//
// SAVE stops Redis until it is done. Here it stops the client that asked, which hears
// OK when its data set is on the disk; others go on. A SAVE that comes while another is under
// way is answered by the next one, since what it saw may be newer than the first one's view.
//
// FLUSHALL makes what is on the disk wrong in a way that matters: a restart would bring
// back what was thrown away. So if there are rules, a snapshot that is under way is given up,
// and one of what is there now is begun. The client hears OK when that is on the disk, or
// has failed; in a transaction or a script it does at once, and the snapshot is begun within a
// tenth of a second.
//
// What changed since the last snapshot is Dirty. When one is done, what was counted when it
// was taken is taken off, and what came meanwhile stays.

// saving is what is known of snapshots.
type saving struct {
	job     *saveJob // under way, or nil
	asked   []saver  // whose SAVE waits for the job after this one
	again   bool     // one is due, whatever the rules say
	failed  bool     // the last one in background did
	tried   int64    // when the last one began, Unix seconds
	took    int64    // how long the last one in background took, seconds; with ran
	ran     bool
	saves   int64 // that were begun
	closing bool  // the process is about to end: nothing is begun
}

// saveJob is a snapshot being written.
type saveJob struct {
	snap     *rdb.Snapshot
	progress *rdb.Progress
	path     string
	opt      rdb.WriteOptions
	keys     int64
	dirty    int64 // Server.Dirty when it was taken
	began    int64 // Unix seconds
	fg       bool  // for SAVE
	waiting  []saver
	err      error // of the write; read after it is done
}

// saver is a client that waits for its SAVE, or for what its FLUSHALL has begun.
type saver struct {
	w     *waiter
	a     *awaited
	flush bool
}

// retrySeconds is how long rules wait after a snapshot that failed.
const retrySeconds = 5

func saveCommands() []*Command {
	return []*Command{
		{
			Name: "save", Arity: 1, Run: save, Flags: AdminCmd | NoScript | NoAsyncLoading | NoMulti,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(N) where N is the total number of keys in all databases",
				Summary: "Saves the data set to disk, and replies when it is there."},
		},
		{
			Name: "bgsave", Arity: -1, Run: bgSave, Flags: AdminCmd | NoScript | NoAsyncLoading,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Begins to save the data set to disk, in the background.",
				Syntax:  "[<SCHEDULE | CANCEL>]"},
		},
		{
			Name: "lastsave", Arity: 1, Run: lastSave,
			Flags: Loading | Stale | Fast, ACL: acl.Admin | acl.Dangerous,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Tells when the data set was last saved, in Unix seconds."},
		},
	}
}

// save replies OK when what the client sees now is on the disk.
func save(c *Ctx) error {
	sv := &c.saving
	switch {
	case sv.job != nil && !sv.job.fg:
		return ErrSaveRunning
	case c.NoBlock && sv.job != nil:
		return ErrSaveRunning
	case c.NoBlock:
		if err := c.saveNow(); err != nil {
			return err
		}
		c.Out.OK()
		return nil
	}
	return c.awaitSave(false)
}

// awaitSave makes the client wait for a snapshot that is taken now, or when the one that is under
// way is over.
func (c *Ctx) awaitSave(flush bool) error {
	if err := c.Wait(Wait{DeadlineMs: math.MaxInt64, Nothing: func(*resp.Writer) {}}); err != nil {
		return err
	}
	me := saver{c.Client.waiter, new(awaited), flush}
	me.w.job = me.a
	if c.saving.job != nil {
		c.saving.asked = append(c.saving.asked, me)
		return nil
	}
	c.Server.startSave([]saver{me})
	return nil
}

// saveNow saves while nobody is served, for a command that cannot wait, or that goes on to
// do something with the file. None is under way.
func (c *Ctx) saveNow() error {
	j := c.newSave()
	j.fg = true
	j.write(c.files())
	if c.saved(j); j.err != nil {
		return ErrSave
	}
	c.NoEffect() // the dirty count has changed, and nothing else
	return nil
}

// bgSave replies that a snapshot has been begun; in a transaction it is begun soon afterwards.
// It never has to wait for anything but another snapshot, so SCHEDULE makes no difference.
func bgSave(c *Ctx) error {
	switch {
	case c.Argc() == 1:
	case c.Argc() == 2 && fold(c.Arg(1), "SCHEDULE"):
	case c.Argc() == 2 && fold(c.Arg(1), "CANCEL"):
		return bgSaveCancel(c)
	default:
		return ErrSyntax
	}
	if c.saving.job != nil {
		return ErrSaveRunning
	}
	if c.NoBlock { // half a transaction is nothing to be saved
		c.saving.again = true
		c.Out.Status("Background saving scheduled")
		return nil
	}
	c.Server.startSave(nil)
	c.Out.Status("Background saving started")
	return nil
}

// bgSaveCancel gives up a snapshot in the background, or one that is due. One that a client
// waits for is that client's.
func bgSaveCancel(c *Ctx) error {
	sv := &c.saving
	switch {
	case sv.job != nil && !sv.job.fg:
		sv.job.progress.Cancel()
		c.Out.Status("Background saving cancelled")
	case sv.again:
		sv.again = false
		c.Out.Status("Scheduled background saving cancelled")
	default:
		return ErrNoSave
	}
	return nil
}

func lastSave(c *Ctx) error {
	c.Out.Int(c.lastSaved())
	return nil
}

// lastSaved is when the data set was last on disk, Unix seconds. Until there was a save
// it is the start of the process, when there was nothing to lose.
func (s *Server) lastSaved() int64 {
	if s.LastSave != 0 {
		return s.LastSave
	}
	return s.Host.Process().StartedMs / 1000
}

// files is the file system that snapshots go to.
func (s *Server) files() disk.FS {
	if s.Files != nil {
		return s.Files
	}
	return disk.OS{}
}

// TempSnapshot is the file, in the working directory, to which a snapshot is written before it
// takes the place of the last one. Any goroutine may ask.
func TempSnapshot() string { return rdb.TempName("") }

// newSave takes a snapshot of the data set as it is, to be written as the configuration
// now says.
func (s *Server) newSave() *saveJob {
	c, now := s.Cfg, s.KS.Now()/1000
	s.saving.saves++
	s.saving.tried = now
	snap := s.Snapshot()
	return &saveJob{
		snap: snap, progress: rdb.NewProgress(), keys: snap.Keys(), dirty: s.Dirty, began: now,
		path: filepath.Join(c.Dir, c.DBFilename), opt: s.rdbOptions(false),
	}
}

// Snapshot takes a snapshot of all that is saved. It must be released.
func (s *Server) Snapshot() *rdb.Snapshot {
	snap := rdb.Take(s.KS)
	snap.Functions = s.FunctionSources()
	return snap
}

// rdbOptions are the options of a file that is written now; with aof it is the beginning of
// an append only file.
func (s *Server) rdbOptions(aof bool) rdb.WriteOptions {
	const incremental = 4 << 20 // bytes
	c := s.Cfg
	o := rdb.WriteOptions{
		Drain: true, Compress: c.RDBCompression, Checksum: c.RDBChecksum, KeyDelayUs: c.RDBKeySaveDelayUs,
		Aux: rdb.AuxFields(config.RedisVersion, s.KS.Now()/1000, s.UsedMemory(), aof),
	}
	if c.RDBIncrementalFsync {
		o.FlushBytes = incremental
	}
	switch p := c.MaxMemoryPolicy; {
	case p.LFU():
		o.History = rdb.Freq
	case p == config.AllKeysLRU || p == config.VolatileLRU:
		o.History = rdb.Idle
	}
	return o
}

// write writes the file; on any goroutine.
func (j *saveJob) write(d disk.FS) {
	defer j.progress.Finish()
	o := j.opt
	o.Progress = j.progress
	_, j.err = rdb.WriteFile(d, j.path, j.snap, o)
}

// startSave begins a snapshot in the background; those who wait are told of its end.
func (s *Server) startSave(waiting []saver) {
	sv := &s.saving
	j := s.newSave()
	j.opt.Pace = new(rdb.Pace)
	j.waiting, j.fg = waiting, len(waiting) > 0
	sv.job, sv.again = j, false
	s.Host.Log(config.LogNotice, "Background saving started by pid "+strconv.Itoa(s.Host.Process().PID))
	d := s.files()
	s.Host.Background(func() { j.write(d) }, func() { s.saved(j) })
}

// saved ends a job, on the executor.
func (s *Server) saved(j *saveJob) {
	sv := &s.saving
	sv.job = nil
	j.snap.Release()
	now := s.KS.Now() / 1000
	switch {
	case j.err == nil:
		s.Dirty -= j.dirty
		s.LastSave = now
		sv.failed = false
		s.Host.Log(config.LogNotice, "DB saved on disk")
		if !j.fg {
			s.Host.Log(config.LogNotice, "Background saving terminated with success")
		}
	case errors.Is(j.err, rdb.ErrCancelled):
		s.Host.Log(config.LogWarning, "Background saving cancelled")
	default:
		s.Host.Log(config.LogWarning, saveError(j.path, j.err))
		if !j.fg {
			sv.failed = true
			s.Host.Log(config.LogWarning, "Background saving error")
		}
	}
	if !j.fg {
		sv.took, sv.ran = now-j.began, true
	}
	s.tellSavers(j)
	if len(sv.asked) > 0 && !sv.closing {
		next := sv.asked
		sv.asked = nil
		s.startSave(next)
	}
}

// tellSavers answers the clients that wait for the job.
func (s *Server) tellSavers(j *saveJob) {
	for _, o := range j.waiting {
		if o.a.left {
			continue
		}
		w := o.w
		w.job = nil
		mark := w.cl.Out.Mark()
		if j.err != nil && !o.flush {
			s.finish(w, mark, ErrSave)
			continue
		}
		w.cl.Out.OK()
		s.finish(w, mark, nil)
	}
}

// saveError is the line that the log has of an error.
func saveError(path string, err error) string {
	var at *fs.PathError
	reason := err
	if errors.As(err, &at) {
		reason = at.Err
		if at.Op == "create" || at.Op == "open" {
			return fmt.Sprintf("Failed opening the temp RDB file %s (in server root dir %s) for saving: %v", rdb.TempName(path), filepath.Dir(path), reason)
		}
	}
	var link *os.LinkError
	if errors.As(err, &link) || at != nil && at.Op == "rename" {
		if link != nil {
			reason = link.Err
		}
		return fmt.Sprintf("Error moving temp DB file %s on the final destination %s (in server root dir %s): %v", rdb.TempName(path), filepath.Base(path), filepath.Dir(path), reason)
	}
	return fmt.Sprintf("Write error saving DB on disk: %v", err)
}

// flushedAll replies OK to who has emptied all databases, as soon as the file says so too.
func (c *Ctx) flushedAll() error {
	sv := &c.saving
	if len(c.Cfg.Save) > 0 {
		sv.again = true
		if j := sv.job; j != nil && !j.fg {
			j.progress.Cancel()
		}
		if !c.NoBlock {
			return c.awaitSave(true)
		}
	}
	c.Out.OK()
	return nil
}

// Unsaved notes that so many keys were loaded from what will not be there at the next start.
// If there are rules, a snapshot is begun as soon as the load is over.
func (s *Server) Unsaved(keys int64) {
	s.Dirty += keys
	s.saving.again = len(s.Cfg.Save) > 0
}

// tickSave begins a snapshot if one is due.
func (s *Server) tickSave() {
	sv := &s.saving
	if sv.job != nil || sv.closing || s.Loading.On || s.Busy() {
		return
	}
	if sv.again {
		s.startSave(nil)
		return
	}
	now := s.KS.Now() / 1000
	if sv.failed && now-sv.tried <= retrySeconds {
		return
	}
	for _, r := range s.Cfg.Save {
		if s.Dirty >= r.Changes && now-s.lastSaved() > r.Seconds {
			s.Host.Log(config.LogNotice, fmt.Sprintf("%d changes in %d seconds. Saving...", r.Changes, r.Seconds))
			s.startSave(nil)
			return
		}
	}
}

// infoSaving reports on snapshots.
func (s *Server) infoSaving(r *report) {
	sv := &s.saving
	status := "ok"
	if sv.failed {
		status = "err"
	}
	took, since := int64(-1), int64(-1)
	if sv.ran {
		took = sv.took
	}
	if sv.job != nil && !sv.job.fg {
		since = s.KS.Now()/1000 - sv.job.began
	}
	r.int("rdb_changes_since_last_save", s.Dirty)
	r.flag("rdb_bgsave_in_progress", sv.job != nil && !sv.job.fg)
	r.int("rdb_last_save_time", s.lastSaved())
	r.str("rdb_last_bgsave_status", status)
	r.int("rdb_last_bgsave_time_sec", took)
	r.int("rdb_current_bgsave_time_sec", since)
	r.int("rdb_saves", sv.saves)
	r.int("rdb_last_cow_size", 0) // nothing is copied as a whole, and what is, is not counted
}

// saveProgress is how many keys of how many the snapshot under way has written.
func (s *Server) saveProgress() (done, total int64) {
	if j := s.saving.job; j != nil {
		return min(j.progress.Keys(), j.keys), j.keys
	}
	return 0, 0
}
