package main

import (
	"fmt"
	"os"

	"redust/aof"
	"redust/cmd"
	"redust/config"
	"redust/loop"
	"redust/rdb"
)

// Joining the append only file: package aof writes it and knows no commands, package cmd
// decides when and knows no files.
//
//	cmd.Server --Append, Turn, ...--> appendFile --> aof.Writer --> disk
//	     ^                                               |
//	     +-- AppendStatus, Slice <-- Post ---------------+--> loop.Server.JournalMoved
type appendFile struct {
	*aof.Writer
	p     *process
	table *cmd.Server
	srv   *loop.Server
	done  chan error // of the last Close
}

// journalPlace is where the append only file lies. The server's directory may be changed
// while it runs, and files that are open stay where they are, so it is said in full.
func (p *process) journalPlace() (aof.Place, error) {
	root, err := os.Getwd()
	return aof.Place{FS: p.disk, Root: root, Dir: p.cfg.AppendDirname, Name: p.cfg.AppendFilename}, err
}

// joinJournal gives the server its append only file, once the data set is loaded, opens it if
// appendonly is on, and only then lets clients in.
func (p *process) joinJournal(table *cmd.Server, srv *loop.Server) error {
	a := &appendFile{p: p, table: table, srv: srv}
	a.Writer = aof.NewWriter(aof.Options{
		Log:      a.log,
		Advanced: srv.JournalMoved,
		Changed: func(s aof.Status) {
			why := ""
			if s.Err != nil {
				why = aof.Reason(s.Err)
			}
			srv.Post(func() { table.AppendStatus(why, s.Lost) })
		},
		Slow:  func(event string, ns int64) { srv.Post(func() { table.Slice(event, ns) }) },
		Aside: srv.Aside,
		Mono:  srv.Mono,
		Pause: loop.Pause,
	})
	result := make(chan error, 1)
	srv.Post(func() {
		if !p.cfg.AppendOnly {
			a.join(false)
			table.EndLoad()
			result <- nil
			return
		}
		snap, asRDB, opt := table.AppendSnapshot()
		var err error
		srv.Background(func() { err = a.open(snap, asRDB, opt) }, func() {
			snap.Release()
			if err == nil {
				a.join(true)
				table.EndLoad()
			}
			result <- err
		})
	})
	select {
	case err := <-result:
		return err
	case <-srv.Stopped():
		return errStopped
	}
}

func (a *appendFile) open(s *rdb.Snapshot, asRDB bool, o rdb.WriteOptions) error {
	at, err := a.p.journalPlace()
	if err != nil {
		return err
	}
	return a.Start(at, s, asRDB, o)
}

// join hands the file to the server.
func (a *appendFile) join(on bool) {
	a.table.JoinAppendFile(a, on)
	a.table.BeforeExitHook = a.beforeExit
	a.table.LoadAppendOnly = a.reload
}

// log writes a line of the writer's.
func (a *appendFile) log(l aof.Level, text string) {
	level := config.LogNotice
	switch l {
	case aof.Verbose:
		level = config.LogVerbose
	case aof.Warning:
		level = config.LogWarning
	}
	a.p.log.Log(level, text)
}

// Append implements cmd.Journal.
func (a *appendFile) Append(b []byte) { a.Writer.Append(b, a.table.NowUs()/1e6) }

// NewRewrite implements cmd.AppendFile.
func (a *appendFile) NewRewrite(kind cmd.RewriteKind) cmd.Rewrite {
	at, err := a.p.journalPlace()
	if err != nil {
		at.Root = a.p.cfg.Dir // and Prepare says what is wrong with it
	}
	k := aof.Next
	switch kind {
	case cmd.RewriteFresh:
		k = aof.Fresh
	case cmd.RewriteAlone:
		k = aof.Alone
	}
	return a.Writer.NewRewrite(k, at)
}

// Configure implements cmd.AppendFile.
func (a *appendFile) Configure(noSync bool) {
	c := a.p.cfg
	s := aof.Settings{Policy: aof.EverySec, Timestamps: c.AOFTimestamps, NoSync: noSync, KeepOld: c.AOFKeepHistory}
	switch c.AppendFsync {
	case config.FsyncAlways:
		s.Policy = aof.Always
	case config.FsyncNo:
		s.Policy = aof.Never
	}
	a.Set(s)
}

// Tick implements cmd.AppendFile.
func (a *appendFile) Tick() { a.Writer.Tick(a.table.NowUs() / 1000) }

// Close implements cmd.AppendFile.
func (a *appendFile) Close() {
	done := make(chan error, 1)
	a.done = done
	a.Writer.Close(func(err error) {
		if err != nil {
			a.p.log.Warn("Closing the append only file: " + aof.Reason(err))
		}
		done <- err
	})
}

// State implements cmd.AppendFile.
func (a *appendFile) State() cmd.AppendState { return cmd.AppendState(a.Writer.State()) }

// beforeExit brings what is in the journal to the disk, or says why the process must not
// end. The executor waits for it.
func (a *appendFile) beforeExit(o cmd.ShutdownOptions) error {
	t := a.table
	if t.AppendBeginning() && !o.Force {
		a.p.log.Warn("Writing initial AOF, can't exit.")
		return cmd.ErrShutdown
	}
	var err error
	if t.Journal != nil {
		a.p.log.Notice("Calling fsync() on the AOF file.")
		t.TellJournal()
		if err = a.Flush(); err != nil {
			a.p.log.Warn(fmt.Sprintf("Fail to fsync the AOF file: %s.", aof.Reason(err)))
		}
	}
	t.EndRewrite()
	return err
}
