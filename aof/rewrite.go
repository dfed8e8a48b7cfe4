package aof

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"redust/internal/disk"
	"redust/rdb"
)

// Rewrite replaces the files by a base that is the data set as it is, and a new increment:
//
//	aside      Prepare   creates the new increment, and names it in the manifest
//	executor   Turn      with the snapshot: from this byte on the stream goes there
//	aside      Write     writes the base, syncs it, names it in the manifest,
//	                     deletes what no longer counts
//
// Whatever fails or whenever the process dies, what the manifest names is complete: until
// the end the old base and all increments, then the new base and the new increment. So a
// rewrite that fails costs nothing but its work.
//
// A fresh rewrite is one that must not count on the old files: because there are none yet
// (appendonly has been switched on), or since one of them is lost. Its increment has a
// temporary name and no place in the manifest until the base has one.
type Rewrite struct {
	w      *Writer
	fresh  bool
	name   string // of the increment for now
	f      disk.File
	incr   File
	turned chan error
	// Progress counts the keys that have been written, and may be told to give up.
	Progress rdb.Progress
}

// errLost is why a rewrite that builds on the old files cannot go on.
var errLost = errors.New("the file before it is lost")

// NewRewrite begins a rewrite; there must be no other. Where nothing is open, the files
// are those at p.
func (w *Writer) NewRewrite(kind Kind, p Place) *Rewrite {
	return &Rewrite{w: w, kind: kind, place: p, turned: make(chan error, 1), Progress: rdb.NewProgress()}
}

// Prepare makes the file that the stream will go on in. It waits for the disk.
func (r *Rewrite) Prepare() error {
	w := r.w
	w.files.Lock()
	defer w.files.Unlock()
	if r.kind != Next && !r.again {
		if err := w.find(r.place); err != nil {
			return err
		}
	}
	p := w.place
	if err := p.FS.Mkdir(p.Path("")); err != nil {
		return fmt.Errorf("aof: make directory %s: %w", p.Path(""), err)
	}
	if r.kind == Base {
		return nil
	}
	r.incr = w.manifest.NextIncr(p.Name)
	r.name = r.incr.Name
	if r.kind == Fresh {
		w.turns++
		r.name = fmt.Sprintf("temp-%s.%d.incr", p.Name, w.turns)
	}
	f, err := p.FS.Create(p.Path(r.name))
	if err != nil {
		return fmt.Errorf("aof: create %s: %w", r.name, err)
	}
	r.f = f
	w.o.Log(Notice, "Creating AOF incr file "+r.name+" on background rewrite")
	if r.kind == Fresh {
		return nil
	}
	m := w.manifest.Clone()
	m.Incr = append(m.Incr, r.incr)
	if err := w.publish(m); err != nil {
		_ = f.Close() // it is empty
		return err
	}
	return nil
}

// Turn makes the stream go on in the new increment, from the end of what was appended so
// far; on the executor, at the moment of the snapshot, after Prepare.
func (r *Rewrite) Turn() {
	w := r.w
	at := w.told.Load()
	w.order(func() { r.turned <- w.turn(r, at) })
}

// turn is Turn, on the writer.
func (w *Writer) turn(r *Rewrite, at int64) error {
	if w.lost && !r.fresh {
		_ = r.f.Close() // it is empty
		return errLost
	}
	switch {
	case w.cur == nil:
	case w.lost || w.unpublished:
		// What is in it counts no more.
		for _, f := range append(w.retired, w.cur) {
			_ = f.Close()
		}
		w.retired = nil
		if w.unpublished {
			_ = w.o.FS.Remove(w.curName)
		}
	default:
		w.retired = append(w.retired, w.cur)
		w.unsynced.Store(true)
	}
	if r.fresh {
		w.free = w.free || w.cur == nil && !w.lost
		w.unpublished, w.lost = true, false
		w.written.Store(at)
		w.synced = at
	}
	w.cur, w.curName, w.curSize = r.f, w.path(r.name), 0
	return nil
}

// BaseOptions say how a base is written.
type BaseOptions struct {
	RDB        *rdb.WriteOptions // nil: as commands
	NowMs      int64             // Unix milliseconds
	PID        int               // names the temporary file
	FlushBytes int64             // see rdb.WriteOptions
}

// Write makes the snapshot the base, and publishes it with the increment of Turn. It
// returns when that is done or has failed.
func (r *Rewrite) Write(s *rdb.Snapshot, o BaseOptions) error {
	if err := <-r.turned; err != nil {
		return fmt.Errorf("aof: turn to %s: %w", r.name, err)
	}
	w := r.w
	temp := w.path(fmt.Sprintf("temp-rewriteaof-bg-%d.aof", o.PID))
	size, err := r.writeBase(temp, s, o)
	if err != nil {
		return errors.Join(fmt.Errorf("aof: write base %s: %w", temp, err), w.removeIfThere(temp))
	}
	if err := r.stillGood(); err != nil {
		return errors.Join(err, w.removeIfThere(temp))
	}
	if err := r.publish(temp, o.RDB != nil); err != nil {
		return err
	}
	done := make(chan struct{})
	w.order(func() {
		defer close(done)
		if w.cur != r.f { // closed since
			return
		}
		w.size.Store(size + w.curSize)
		w.baseSize.Store(w.size.Load())
		if r.fresh {
			w.unpublished, w.free = false, false
			w.curName = w.path(r.incr.Name)
		}
		if !w.lost && !w.failing.Load() {
			w.is(Status{})
		}
	})
	<-done
	w.deleteHistory()
	return nil
}

// writeBase writes and syncs the base under a temporary name.
func (r *Rewrite) writeBase(temp string, s *rdb.Snapshot, o BaseOptions) (size int64, err error) {
	f, err := r.w.o.FS.Create(temp)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := &counter{f: f, flush: o.FlushBytes}
	if o.RDB != nil {
		opt := *o.RDB
		opt.Progress = &r.Progress
		err = rdb.Write(out, s, opt)
	} else {
		b := bufio.NewWriterSize(out, 128<<10)
		if err = writeCommands(b, s, o.NowMs, &r.Progress); err == nil {
			err = b.Flush()
		}
	}
	if err != nil {
		return 0, err
	}
	return out.n, f.Sync()
}

// counter counts what goes into a file, and makes the system write it to the disk from time
// to time, so that the sync at the end does not take long.
type counter struct {
	f     disk.File
	n     int64
	flush int64 // every so many bytes; 0: never
	done  int64
}

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	n, err := c.f.Write(b)
	c.n += int64(n)
	if c.flush > 0 && c.n-c.done >= c.flush && err == nil {
		err = c.f.Flush(c.done, c.n-c.done)
		c.done = c.n
	}
	return n, err
}

// stillGood tells whether the increment has taken all that came since the turn.
func (r *Rewrite) stillGood() error {
	answer := make(chan error, 1)
	r.w.order(func() {
		switch {
		case r.w.cur != r.f:
			answer <- errors.New("aof: the append only file was switched off meanwhile")
		case r.w.lost:
			answer <- fmt.Errorf("aof: %s: %w", r.name, errLost)
		default:
			answer <- nil
		}
	})
	return <-answer
}

// publish names the base and the increment in the manifest, and all else as history.
func (r *Rewrite) publish(temp string, isRDB bool) error {
	w := r.w
	w.files.Lock()
	defer w.files.Unlock()
	m := w.manifest.Clone()
	base := m.NextBase(w.o.Name, isRDB)
	from := w.o.Mono()
	if err := w.o.FS.Rename(temp, w.path(base.Name)); err != nil {
		return errors.Join(fmt.Errorf("aof: rename %s to %s: %w", temp, base.Name, err), w.removeIfThere(temp))
	}
	w.slow(from, slowRename)
	w.o.Log(Notice, "Successfully renamed the temporary AOF base file "+filepath.Base(temp)+" into "+base.Name)
	if r.fresh {
		if err := w.o.FS.Rename(w.path(r.name), w.path(r.incr.Name)); err != nil {
			return errors.Join(fmt.Errorf("aof: rename %s to %s: %w", r.name, r.incr.Name, err), w.o.FS.Remove(w.path(base.Name)))
		}
		w.o.Log(Notice, "Successfully renamed the temporary AOF incr file "+r.name+" into "+r.incr.Name)
	}
	m.Replace(base, []File{r.incr})
	return w.publish(m)
}

// publish replaces the manifest, on the disk and here. files is held.
func (w *Writer) publish(m *Manifest) error {
	if err := WriteManifest(w.o.FS, w.o.Dir, w.o.Name, m); err != nil {
		return err
	}
	w.manifest = m
	return nil
}

// deleteHistory deletes the files that no longer count. What cannot be deleted stays in the
// manifest, for the next time.
func (w *Writer) deleteHistory() {
	w.files.Lock()
	defer w.files.Unlock()
	if len(w.manifest.History) == 0 || w.o.KeepOld {
		return
	}
	m := w.manifest.Clone()
	m.History = nil
	for _, f := range w.manifest.History {
		w.o.Log(Notice, "Removing the history file "+f.Name+" in the background")
		if err := w.removeIfThere(w.path(f.Name)); err != nil {
			w.o.Log(Warning, "Can't remove "+f.Name+": "+Reason(err))
			m.History = append(m.History, f)
		}
	}
	if err := w.publish(m); err != nil {
		w.o.Log(Warning, err.Error())
	}
}

// removeIfThere is Remove for what may not exist.
func (w *Writer) removeIfThere(path string) error {
	if err := w.o.FS.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
