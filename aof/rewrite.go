package aof

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"redust/internal/disk"
	"redust/rdb"
)

// Kind says what a rewrite builds on.
type Kind uint8

// The kinds of rewrites.
const (
	// Next builds on what is there: until it is done the old base and all increments count.
	Next Kind = iota
	// Fresh must not: there is no file yet that counts (appendonly has been switched on), or
	// what there is is lost.
	Fresh
	// Alone makes a base and no increment: nothing is appended (appendonly is off).
	Alone
)

// Rewrite replaces the files by a base that is the data set as it is, and a new increment:
//
//	aside      Prepare   creates the new increment, and names it in the manifest
//	executor   Turn      with the snapshot: from this byte on the stream goes there
//	writer     turn      syncs the old increment, goes on in the new one
//	aside      Write     writes the base, syncs it, names it in the manifest,
//	                     deletes what no longer counts
//
// Whatever fails or whenever the process dies, what the manifest names is complete: until
// the end the old base and all increments, then the new base and the new increment. So a
// rewrite that fails costs nothing but its work. The executor meanwhile does no more than
// use another file.
//
// The increment of a Fresh rewrite has a temporary name and no place in the manifest until
// the base has one.
//
// # Why the writer waits for the disk when it turns
//
// When the power fails, each file keeps what was synced, and of the rest whatever the system
// happened to have written. With a policy other than always the old increment has such a rest.
// Were the new one begun before that is safe, the old one could lose its end while the new one
// keeps its beginning: a hole in the stream, of which there need not be a trace, since the
// end of what was synced is the end of a request. No loader could tell, and cutting off what is
// torn in any file but the last would drop, where it is damage, what was safe for hours. So nothing
// is written to an increment before all in front of it is on the disk, whatever the policy: what is
// loaded is always a beginning of the stream, and a torn end in front of another file's
// bytes is damage. (Redis begins the new file at once.)
//
// Prepare has most of it synced beforehand, so what is left to wait for is what came in some
// milliseconds. For the same reason Start syncs what a process before it has left.
//
// # When nobody knows which manifest counts
//
// A manifest is replaced by a rename, and then its directory is synced. If that fails the new one
// is there, though it may be gone after a loss of power: all that either of them names is
// kept, and before the next step the manifest is read again (stale). A Fresh rewrite would
// else use once more names that the manifest on the disk has already given to others.
type Rewrite struct {
	w        *Writer
	kind     Kind
	place    Place
	name     string // of the increment for now
	f        disk.File
	incr     File
	turned   chan error
	progress *rdb.Progress
}

// errLost is why a rewrite that builds on the old files cannot go on.
var errLost = errors.New("aof: the file is lost, since it could not be synced")

// errClosed is why a rewrite ends that nobody needs any more.
var errClosed = errors.New("aof: the append only file was closed meanwhile")

// NewRewrite begins a rewrite; there must be no other. Where nothing is open, the files
// are those at p.
func (w *Writer) NewRewrite(kind Kind, p Place) *Rewrite {
	return &Rewrite{w: w, kind: kind, place: p, turned: make(chan error, 1), progress: rdb.NewProgress()}
}

// Progress counts the keys that have been written, and may be told to give up.
func (r *Rewrite) Progress() *rdb.Progress { return r.progress }

// Prepare makes the file that the stream will go on in. It waits for the disk.
func (r *Rewrite) Prepare() error {
	w := r.w
	w.files.Lock()
	defer w.files.Unlock()
	if !w.opened.Load() {
		w.place, w.stale = r.place, true
	}
	if err := w.find(); err != nil {
		return err
	}
	p := w.place
	if err := p.FS.Mkdir(p.Path("")); err != nil {
		return fmt.Errorf("aof: make directory %s: %w", p.Path(""), err)
	}
	if r.kind == Alone {
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
		return errors.Join(err, f.Close())
	}
	w.syncAhead()
	return nil
}

// find reads the manifest, unless it is known. files is held.
func (w *Writer) find() error {
	if !w.stale {
		return nil
	}
	m, err := ReadManifest(w.place)
	if err != nil {
		return err
	}
	if m == nil {
		m = new(Manifest)
	}
	w.manifest, w.stale = m, false
	return nil
}

// syncAhead syncs, aside, what has been written so far, and waits for it. What becomes of it
// the writer takes up.
func (w *Writer) syncAhead() {
	at := make(chan *asideSync, 1)
	w.order(func() {
		if w.synced != w.written.Load() && !w.syncing.Load() {
			w.syncAside()
		}
		at <- w.aside
	})
	if a := <-at; a != nil {
		<-a.done
	}
}

// Turn makes the stream go on in the new increment, from the end of what was appended so
// far; on the executor, at the moment of the snapshot, after Prepare.
func (r *Rewrite) Turn() {
	if r.kind == Alone {
		r.turned <- nil
		return
	}
	w := r.w
	w.opened.Store(true)
	at := w.told.Load()
	w.order(func() { r.turned <- w.turn(r, at) })
}

// Drop is called instead of Turn by who does not want the rewrite any more. It waits for the
// disk.
func (r *Rewrite) Drop() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	if r.kind == Fresh {
		err = errors.Join(err, r.w.remove(r.name))
	}
	return err
}

// turn is Turn, on the writer.
func (w *Writer) turn(r *Rewrite, at int64) error {
	if !w.broken() {
		w.syncNow() // which may break it
	}
	if w.broken() && r.kind == Next {
		return errors.Join(errLost, r.f.Close())
	}
	w.opened.Store(true) // what was open before may have been closed since Turn
	if w.cur != nil {
		_ = w.cur.Close() // what counts in it has been synced
		if w.unpublished {
			_ = w.curFS.Remove(w.curPath)
		}
	}
	if r.kind == Fresh {
		w.forsake()
		w.free = w.free || w.cur == nil
		w.unpublished, w.lost = true, false
		w.written.Store(at)
		w.synced = at
	}
	w.cur, w.curFS, w.curPath, w.curSize = r.f, w.place.FS, w.place.Path(r.name), 0
	return nil
}

// Write makes the snapshot the base, as an RDB file or as commands, and publishes it with the
// increment of Turn. It returns when that is done or has failed.
func (r *Rewrite) Write(s *rdb.Snapshot, asRDB bool, o rdb.WriteOptions) error {
	defer r.progress.Finish()
	if err := r.await(r.turned); err != nil {
		return err
	}
	w := r.w
	temp := fmt.Sprintf("temp-rewriteaof-bg-%d.aof", os.Getpid())
	o.Progress = r.progress
	size, err := w.writeBase(w.place, temp, s, asRDB, o)
	if err != nil {
		return fmt.Errorf("aof: write the base: %w", err)
	}
	if err := r.good(); err != nil {
		return errors.Join(err, w.remove(temp))
	}
	if err := r.publish(temp, asRDB); err != nil {
		return err
	}
	r.tell(size)
	w.deleteHistory()
	return nil
}

// writeBase writes the snapshot to a file of the directory at p, and syncs it.
func (w *Writer) writeBase(p Place, name string, s *rdb.Snapshot, asRDB bool, o rdb.WriteOptions) (size int64, err error) {
	if asRDB {
		return rdb.WriteTemp(p.FS, p.Path(name), s, o)
	}
	unix := int64(0)
	w.mu.Lock()
	if w.set.Timestamps {
		unix = w.nowMs / 1000
	}
	w.mu.Unlock()
	return writeCommands(p.FS, p.Path(name), s, &o, unix)
}

// tell tells the writer that its file counts now, and has a base of so many bytes.
func (r *Rewrite) tell(size int64) {
	w := r.w
	done := make(chan error, 1)
	w.order(func() {
		defer func() { done <- nil }()
		if r.kind != Alone && w.cur != r.f {
			return // closed in this very moment
		}
		w.size.Store(size + w.curSize)
		w.baseSize.Store(size + w.curSize)
		if r.kind != Fresh {
			return
		}
		w.unpublished, w.free = false, false
		w.advance(w.seen) // before anybody hears that it counts
		w.curPath = w.place.Path(r.incr.Name)
		if !w.lost && !w.failing.Load() {
			w.is(Status{})
		}
	})
	_ = r.await(done) // it is done, now or later
}

// good tells whether the increment has taken all that came since the turn.
func (r *Rewrite) good() error {
	if r.kind == Alone {
		return nil
	}
	answer := make(chan error, 1)
	r.w.order(func() {
		switch {
		case r.w.cur != r.f:
			answer <- errClosed
		case r.w.lost:
			answer <- errLost
		default:
			answer <- nil
		}
	})
	return r.await(answer)
}

// await returns what the writer says, or ErrCancelled: a writer that cannot write says nothing
// until the executor's clock ticks, and an executor that is about to end waits for the rewrite.
// The channel has room for what then comes too late.
func (r *Rewrite) await(answer <-chan error) error {
	select {
	case err := <-answer:
		return err
	case <-r.progress.Stopped():
		return rdb.ErrCancelled
	}
}

// publish names the base and the increment in the manifest, and all else as history.
func (r *Rewrite) publish(temp string, isRDB bool) error {
	w := r.w
	w.files.Lock()
	defer w.files.Unlock()
	if err := w.find(); err != nil {
		return errors.Join(err, w.remove(temp))
	}
	p := w.place
	m := w.manifest.Clone()
	base := m.NextBase(p.Name, isRDB)
	from := w.o.Mono()
	err := p.FS.Rename(p.Path(temp), p.Path(base.Name))
	w.slow(from, slowRename)
	if err != nil {
		return errors.Join(fmt.Errorf("aof: rename %s to %s: %w", temp, base.Name, err), w.remove(temp))
	}
	w.o.Log(Notice, "Successfully renamed the temporary AOF base file "+temp+" into "+base.Name)
	var incr []File
	if r.kind != Alone {
		incr = []File{r.incr}
	}
	if r.kind == Fresh {
		if err := p.FS.Rename(p.Path(r.name), p.Path(r.incr.Name)); err != nil {
			return errors.Join(fmt.Errorf("aof: rename %s to %s: %w", r.name, r.incr.Name, err), w.remove(base.Name))
		}
		w.o.Log(Notice, "Successfully renamed the temporary AOF incr file "+r.name+" into "+r.incr.Name)
	}
	m.Replace(base, incr)
	return w.publish(m)
}

// publish replaces the manifest, on the disk and here. files is held.
func (w *Writer) publish(m *Manifest) error {
	// Whoever finds the manifest must find the files that it names.
	if err := w.place.FS.SyncDir(w.place.Path("")); err != nil {
		return fmt.Errorf("aof: sync directory %s: %w", w.place.Path(""), err)
	}
	if err := w.place.writeManifest(m); err != nil {
		w.stale = true
		return err
	}
	w.manifest = m
	return nil
}

// deleteHistory deletes the files that no longer count. What cannot be deleted stays in the
// manifest, for the next time.
func (w *Writer) deleteHistory() {
	w.mu.Lock()
	keep := w.set.KeepOld
	w.mu.Unlock()
	w.files.Lock()
	defer w.files.Unlock()
	if err := w.find(); err != nil {
		w.o.Log(Warning, err.Error())
		return
	}
	if len(w.manifest.History) == 0 || keep {
		return
	}
	m := w.manifest.Clone()
	m.History = nil
	for _, f := range w.manifest.History {
		w.o.Log(Notice, "Removing the history file "+f.Name+" in the background")
		if err := w.remove(f.Name); err != nil {
			w.o.Log(Warning, "Can't remove "+f.Name+": "+Reason(err))
			m.History = append(m.History, f)
		}
	}
	if err := w.publish(m); err != nil {
		w.o.Log(Warning, err.Error())
	}
}

// syncFile syncs what some process has written to a file.
func syncFile(d disk.FS, name string) error {
	f, err := d.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// remove deletes a file of the directory, which may not exist.
func (w *Writer) remove(name string) error {
	if err := w.place.FS.Remove(w.place.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Start opens the append only file at p of a server that has loaded it, and goes on in the
// last increment. If there are no files, s, the data set as it is, becomes the base, written
// as by Rewrite.Write. Nothing may be open. It waits for the disk.
func (w *Writer) Start(p Place, s *rdb.Snapshot, asRDB bool, o rdb.WriteOptions) error {
	w.files.Lock()
	defer w.files.Unlock()
	w.place, w.stale = p, true
	if err := w.find(); err != nil {
		return err
	}
	if err := p.FS.Mkdir(p.Path("")); err != nil {
		return fmt.Errorf("aof: make directory %s: %w", p.Path(""), err)
	}
	m := w.manifest.Clone()
	dirty := false
	if m.Base == nil && len(m.Incr) == 0 {
		b := m.NextBase(p.Name, asRDB)
		// Until the manifest names it, it is no more than a temporary file.
		if _, err := w.writeBase(p, b.Name, s, asRDB, o); err != nil {
			return fmt.Errorf("aof: create base %s: %w", b.Name, err)
		}
		w.o.Log(Notice, "Creating AOF base file "+b.Name+" on server start")
		m.Base, dirty = &b, true
	}
	what, open := "Opening", p.FS.Append
	if len(m.Incr) == 0 {
		m.Incr, dirty = []File{m.NextIncr(p.Name)}, true
		// A file of that name may be there, of a rewrite that came to no end. It never counted.
		what, open = "Creating", p.FS.Create
	}
	last := m.Incr[len(m.Incr)-1]
	f, err := open(p.Path(last.Name))
	if err != nil {
		return fmt.Errorf("aof: open %s: %w", last.Name, err)
	}
	w.o.Log(Notice, what+" AOF incr file "+last.Name+" on server start")
	if dirty {
		if err := w.publish(m); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	for _, file := range m.Files() {
		if err := syncFile(p.FS, p.Path(file.Name)); err != nil {
			return errors.Join(fmt.Errorf("aof: sync %s: %w", file.Name, err), f.Close())
		}
	}
	var total, size int64
	for _, file := range m.Files() {
		info, err := p.FS.Stat(p.Path(file.Name))
		if err != nil {
			return errors.Join(fmt.Errorf("aof: look at %s: %w", file.Name, err), f.Close())
		}
		size = info.Size()
		total += size
		if file.Type == Base {
			w.baseSize.Store(size) // what the increments were at the last rewrite, nobody knows
		}
	}
	w.size.Store(total)
	w.opened.Store(true)
	done := make(chan struct{})
	w.order(func() {
		w.cur, w.curFS, w.curPath, w.curSize = f, p.FS, p.Path(last.Name), size
		w.written.Store(w.told.Load())
		w.synced = w.told.Load()
		w.advance(w.seen) // before the first client is let in
		close(done)
	})
	<-done
	w.o.Aside(w.deleteHistory)
	return nil
}
