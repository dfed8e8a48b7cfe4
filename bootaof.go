package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"redust/aof"
	"redust/cmd"
	"redust/config"
	"redust/rdb"
)

// Loading the append only file, by the rules of boot.go.
//
//	torn end of the last file     aof-load-truncated yes: cut off, with a line in the log
//	                              no: refused
//	damage                        on-corrupt-data: refuse, or all files are kept aside, and
//	                              salvage    what is in front of it counts
//	                              empty      nothing does
//	a file missing, a manifest that makes no sense: refused, whatever is said (but empty)
//
// What is in front of damage is whole requests and whole transactions. The files are cut
// there (aof.Files.Cut) and loaded once more from the beginning, so that what the server
// starts with is what it would start with the next time. Nothing of what follows the
// damage counts, however intact it looks, since it was done to data that is not there.
// Damage in an RDB base leaves nothing to be cut: what could be read of it becomes a new base,
// and no increment counts.
//
// # Back to a moment
//
// With --restore-to TIME, Unix seconds or RFC 3339, the server starts from the data set as it
// was when that second was over. The append only file must have timestamps
// (aof-timestamp-enabled); it is read up to the first that is later. All files are kept aside
// first, as appenddirname.before-restore-to-TIME; then what is later is cut off, and the
// server goes on from there. Where the base is younger than the time, or there are no
// timestamps, nothing is changed and the server does not start.
//
// It is done once. A supervisor starts a server that has crashed in the same words again, and
// that must not cost what was written since: while the directory aside exists, and the
// server has gone on since, --restore-to is ignored, with a line in the log.

// findJournal says what is to be loaded of the append only file, nil if there is none.
func (p *process) findJournal() (*source, error) {
	at, err := p.journalPlace()
	if err != nil {
		return nil, err
	}
	files, err := aof.Find(at)
	if err != nil {
		if err := p.unreadable(err); err != nil {
			return nil, err
		}
		// Nothing, and no snapshot instead.
		return &source{load: func(*boot) error { return nil }, done: func(string) {}}, nil
	}
	if files == nil {
		if p.restore != nil {
			return nil, errors.New("--restore-to: there is no append only file in " + p.cfg.AppendDirname)
		}
		return nil, nil
	}
	if files.Upgraded {
		p.log.Notice(fmt.Sprintf("The append only file %s has been moved into the directory %s, as the base of a manifest.", p.cfg.AppendFilename, p.cfg.AppendDirname))
	}
	return &source{
		bytes: files.Total,
		load:  func(b *boot) error { return b.journal(files) },
		done:  func(seconds string) { p.log.Notice("DB loaded from append only file: " + seconds + " seconds") },
	}, nil
}

// unreadable deals with files that cannot be found by their manifest.
func (p *process) unreadable(err error) error {
	var missing *aof.MissingError
	var manifest *aof.ManifestError
	if !errors.As(err, &missing) && !errors.As(err, &manifest) {
		return err
	}
	p.log.Warn(err.Error())
	if p.cfg.OnCorruptData == config.CorruptEmpty {
		aside := fmt.Sprintf("%s.corrupt-%d", p.cfg.AppendDirname, time.Now().Unix())
		if err := moveAside(p.cfg.AppendDirname, aside); err != nil {
			return fmt.Errorf("%s can't be moved to %s: %w", p.cfg.AppendDirname, aside, err)
		}
		p.log.Warn("on-corrupt-data empty: the files are kept in " + aside + ". The server starts without data.")
		return nil
	}
	what := "Bring the file back, from a backup or from wherever it was moved to. If it is gone for good:"
	if manifest != nil {
		what = "Bring the manifest into order by hand: its lines are 'file NAME seq NUMBER type b|i|h'. Or:"
	}
	p.log.Warn("The server does not start, lest it write to an append only file of which it knows only a part. " + what)
	p.log.Warn("    " + againWith(os.Args, "--on-corrupt-data", "empty") + "    starts without data; what is there is kept under another name")
	return errors.New("the append only file is not complete")
}

// journal loads the append only file and deals with damage.
func (b *boot) journal(files *aof.Files) error {
	r := b.p.restore
	if r != nil {
		ignore, err := b.restored(files)
		if err != nil {
			return b.refuse(err)
		}
		if ignore {
			r = nil
		}
	}
	for {
		read, err := b.replay(files, r)
		var flaw *aof.Flaw
		switch {
		case err == nil && r != nil:
			return b.refuse(b.goBack(files, read))
		case err == nil, errors.Is(err, errStopped):
			return err
		case !errors.As(err, &flaw) || flaw.Err != nil && !flaw.InRDB:
			return b.refuse(err)
		}
		again, err := b.flawed(files, read, flaw)
		if !again || err != nil {
			return err
		}
	}
}

// refuse logs why the server cannot start.
func (b *boot) refuse(err error) error {
	if err != nil && !errors.Is(err, errStopped) {
		b.p.log.Warn("The append only file can't be loaded: " + err.Error())
	}
	return err
}

// replay loads all files, or those up to a moment, into an empty keyspace.
func (b *boot) replay(files *aof.Files, r *restore) (aof.Read, error) {
	var run *cmd.Replayer
	o := aof.LoadOptions{Log: b.p.log.Notice}
	err := b.on(func() error {
		b.table.Empty()
		b.table.Loading.ReadBytes, b.table.Loading.KeysLoaded = 0, 0
		b.table.KS.Replaying(true)
		run = b.table.NewReplayer()
		o.RDB = rdb.OptionsFor(b.table.KS)
		return nil
	})
	if err != nil {
		return aof.Read{}, err
	}
	o.RDB.SkipChecksum = !b.p.cfg.RDBChecksum
	if r != nil {
		o.Until = r.at
	}
	b.doneAt = 0
	at, name := int64(0), "" // of the file at hand
	pipe := newPipe(b.srv)
	var reqs []cmd.Request // scratch, on the executor
	read, err := files.Load(o, aof.Sink{
		Entries: func(batch *rdb.Batch) error {
			b.delay(batch.Len())
			return pipe.put(func() error { return b.store(batch, rdb.PutOptions{KeepExpired: true}) })
		},
		NewFile: func(f aof.File, size int64) error {
			return pipe.put(func() error {
				run.Rewind()
				b.doneAt, at, name = at, at+size, f.Name
				return nil
			})
		},
		Commands: func(batch *aof.Batch) error {
			b.delay(len(batch.Ends))
			return pipe.put(func() (err error) {
				reqs, err = b.run(run, batch, reqs, files.Path(name))
				return err
			})
		},
	})
	if perr := pipe.close(); perr != nil {
		err = perr // about what came before
	}
	if end := b.on(func() error { b.table.KS.Replaying(false); return nil }); err == nil {
		err = end
	}
	if run.Errors > 0 {
		b.p.log.Warn(fmt.Sprintf("%d of %d commands in the append only file failed. It was written by another version, or is damaged.", run.Errors, run.Commands))
	}
	return read, err
}

// run runs a batch of requests; on the executor.
func (b *boot) run(r *cmd.Replayer, batch *aof.Batch, reqs []cmd.Request, path string) ([]cmd.Request, error) {
	reqs = requests(reqs, batch)
	err := r.Run(reqs)
	var bad *cmd.ReplayError
	if errors.As(err, &bad) {
		at := batch.At[bad.Index]
		err = &aof.Flaw{File: path, At: at, Valid: at, Size: batch.Size, Reason: bad.Reason}
	}
	l := &b.table.Loading
	l.ReadBytes = b.doneAt + batch.Read
	b.delayUs.Store(int64(b.p.cfg.KeyLoadDelayUs))
	batch.Release()
	b.progress(l)
	return reqs, err
}

// requests are those of a batch, for the executor; in reqs, if that is large enough.
func requests(reqs []cmd.Request, batch *aof.Batch) []cmd.Request {
	reqs = reqs[:0]
	from := 0
	for _, end := range batch.Ends {
		reqs = append(reqs, cmd.Request{Args: batch.Words[from:end:end]})
		from = end
	}
	return reqs
}

// flawed does what the configuration says with files that cannot be read to their end. The
// load is to be done again, or is over, or there is an error, which has been logged.
func (b *boot) flawed(files *aof.Files, read aof.Read, flaw *aof.Flaw) (again bool, err error) {
	log, cfg := b.p.log, b.p.cfg
	all := files.Manifest.Files()
	index := read.File
	for i, f := range all { // what the executor found may lie in front of where the reader was
		if files.Path(f.Name) == flaw.File {
			index = i
		}
	}
	// A rewrite names its increment before anything goes there: an empty one may follow.
	torn := flaw.Torn && !flaw.InRDB && files.LastWritten() <= index
	log.Warn(flaw.Error())
	if torn && cfg.AOFLoadTruncated {
		log.Warn(fmt.Sprintf("Warning: the append only file ends in the middle of something, as after a crash. Truncating %s at byte %d: %d bytes are dropped.",
			flaw.File, flaw.Valid, flaw.Size-flaw.Valid))
		if err := files.Mend(index, flaw.Valid); err != nil {
			return false, b.refuse(err)
		}
		log.Warn("The append only file is loaded anyway, since aof-load-truncated is on.")
		return false, nil
	}
	if flaw.InRDB {
		log.Warn(fmt.Sprintf("Intact before that place: %d keys of the base.", flaw.Keys))
	} else {
		log.Warn(fmt.Sprintf("Intact before that place: the first %d bytes of the file, and %d files before it.", flaw.Valid, index))
	}
	if cfg.OnCorruptData == config.CorruptRefuse {
		for _, l := range journalAdvice(os.Args, files, flaw, torn) {
			log.Warn(l)
		}
		return false, flaw
	}
	return b.salvage(files, index, flaw)
}

// salvage keeps the damaged files aside, and makes what counts the append only file.
func (b *boot) salvage(files *aof.Files, index int, flaw *aof.Flaw) (again bool, err error) {
	log, cfg := b.p.log, b.p.cfg
	aside := fmt.Sprintf("%s.corrupt-%d", cfg.AppendDirname, time.Now().Unix())
	if err := files.Aside(aside); err != nil {
		return false, b.refuse(err)
	}
	log.Warn("on-corrupt-data " + cfg.OnCorruptData.String() + ": the damaged files are kept in " + aside)
	if cfg.OnCorruptData == config.CorruptEmpty {
		log.Warn("The server starts without data.")
		if err := b.on(func() error { b.table.Empty(); return nil }); err != nil {
			return false, err
		}
		return false, b.refuse(b.newBase(files))
	}
	if flaw.InRDB || index == 0 && flaw.Valid == 0 {
		log.Warn(fmt.Sprintf("The server starts with the %d keys of the base that were intact, and with none of the increments.", flaw.Keys))
		return false, b.refuse(b.newBase(files))
	}
	if err := files.Cut(index, flaw.Valid); err != nil {
		return false, b.refuse(err)
	}
	log.Warn("The server starts with what is in front of the damage. It is loaded once more.")
	return true, nil
}

// newBase writes what is in the keyspace to a file, which becomes all of the append only
// file.
func (b *boot) newBase(files *aof.Files) error {
	var s *rdb.Snapshot
	var o rdb.WriteOptions
	err := b.on(func() error {
		s = b.table.Snapshot()
		o = rdb.WriteOptions{Compress: b.p.cfg.RDBCompression, Checksum: b.p.cfg.RDBChecksum,
			Aux: rdb.AuxFields(config.RedisVersion, time.Now().Unix(), b.table.UsedMemory(), true)}
		return nil
	})
	if err != nil {
		return err
	}
	base := files.Manifest.NextBase(files.Name, true)
	_, err = rdb.WriteFile(files.FS, files.Path(base.Name), s, o)
	if end := b.on(func() error { s.Release(); return nil }); err == nil {
		err = end
	}
	if err != nil {
		return err
	}
	return files.ReplaceByBase(base)
}

// journalAdvice says what helps against damage.
func journalAdvice(args []string, files *aof.Files, flaw *aof.Flaw, torn bool) []string {
	abs := files.ManifestPath()
	lines := []string{
		"The server does not start, lest it write on behind the damage. To see what is wrong:",
		"    " + shellWords([]string{args[0], "check-aof", abs}),
	}
	if torn {
		lines = append(lines, "Only the end is missing. To start without it, after a backup of the directory:",
			"    "+againWith(args, "--aof-load-truncated", "yes"),
			"    "+shellWords([]string{args[0], "check-aof", "--fix", abs})+"    and then start again")
	}
	return append(lines, "To start with what is in front of that place, or without data; all files are kept under another name either way:",
		"    "+againWith(args, "--on-corrupt-data", "salvage"),
		"    "+againWith(args, "--on-corrupt-data", "empty"))
}

// restore is what --restore-to asks for.
type restore struct {
	at   int64 // Unix seconds
	text string
}

// restoreFlag takes --restore-to and its value out of a command line.
func restoreFlag(args []string) (rest []string, r *restore, err error) {
	const flag = "--restore-to"
	for i, a := range args {
		if a != flag {
			continue
		}
		if i+1 >= len(args) {
			return nil, nil, errors.New(flag + " needs a time: Unix seconds, or as in 2026-01-31T12:00:00Z")
		}
		r = &restore{text: args[i+1]}
		if r.at, err = strconv.ParseInt(r.text, 10, 64); err != nil {
			t, err := time.Parse(time.RFC3339, r.text)
			if err != nil {
				return nil, nil, errors.New(flag + " '" + r.text + "': the time must be Unix seconds, or as in 2026-01-31T12:00:00Z")
			}
			r.at = t.Unix()
		}
		if r.at <= 0 {
			return nil, nil, errors.New(flag + " '" + r.text + "': the time must be after 1970")
		}
		return append(append([]string{}, args[:i]...), args[i+2:]...), r, nil
	}
	return args, nil, nil
}

// asideFor is the directory that the files are kept in which a restore changes.
func (b *boot) asideFor() string {
	return fmt.Sprintf("%s.before-restore-to-%d", b.p.cfg.AppendDirname, b.p.restore.at)
}

// restored tells whether this restore has been done before.
func (b *boot) restored(files *aof.Files) (bool, error) {
	aside := b.asideFor()
	kept, err := os.ReadFile(filepath.Join(aside, filepath.Base(files.ManifestPath())))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now, err := os.ReadFile(files.ManifestPath())
	if err != nil {
		return false, err
	}
	if bytes.Equal(kept, now) {
		return false, nil // it was begun, and did not come to an end
	}
	b.p.log.Warn(fmt.Sprintf("--restore-to %s is ignored: that was done before, and the server goes on from there. "+
		"The files from before are in %s; move them away to restore once more.", b.p.restore.text, aside))
	return true, nil
}

// goBack makes what has been loaded, which ends at a moment, the append only file.
func (b *boot) goBack(files *aof.Files, read aof.Read) error {
	r, log := b.p.restore, b.p.log
	utc := func(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }
	if read.RDB != nil {
		made, err := strconv.ParseInt(read.RDB.AuxValue("ctime"), 10, 64)
		if err == nil && made > r.at {
			return fmt.Errorf("--restore-to %s: the base of the append only file was written later, at %d (%s). What was before that is not in it",
				r.text, made, utc(made))
		}
	}
	switch {
	case read.Stopped && read.File == 0 && read.At == 0:
		return fmt.Errorf("--restore-to %s: all that is in the append only file is later", r.text)
	case !read.Stopped && read.Latest == 0:
		return fmt.Errorf("--restore-to %s: the append only file has no timestamps, see aof-timestamp-enabled", r.text)
	case !read.Stopped:
		log.Warn(fmt.Sprintf("--restore-to %s: nothing in the append only file is later, so it stays as it is. Its last timestamp is %d (%s).",
			r.text, read.Latest, utc(read.Latest)))
		return nil
	}
	if read.Latest == 0 {
		log.Warn("--restore-to " + r.text + ": in front of the first timestamp, which is later, are commands without one. They count.")
	}
	aside := b.asideFor()
	if err := files.Aside(aside); err != nil {
		return err
	}
	was, size := files.Manifest.Files()[read.File].Name, files.Total
	if err := files.Cut(read.File, read.At); err != nil {
		return err
	}
	log.Warn(fmt.Sprintf("Restored to %s: the append only file ends at byte %d of what was %s, %d of %d bytes. The files from before are in %s.",
		utc(r.at), read.At, was, files.Total, size, aside))
	return nil
}

// againWith is the command line with two more words.
func againWith(args []string, option, value string) string {
	words := append([]string(nil), args...)
	if i := slices.Index(words, option); i > 0 && i+1 < len(words) {
		words = slices.Delete(words, i, i+2)
	}
	more := []string{option, value}
	if n := len(words); n > 1 && words[n-1] == "-" { // stands at the end
		words = append(words[:n-1:n-1], append(more, "-")...)
	} else {
		words = append(words, more...)
	}
	return shellWords(words)
}

// reload loads the append only file again; DEBUG LOADAOF, on the executor.
func (a *appendFile) reload(r *cmd.Replayer, on bool) error {
	if on {
		if err := a.Flush(); err != nil {
			return err
		}
	}
	at, err := a.p.journalPlace()
	if err != nil {
		return err
	}
	files, err := aof.Find(at)
	if files == nil || err != nil {
		return err
	}
	var reqs []cmd.Request
	o := aof.LoadOptions{RDB: rdb.OptionsFor(a.table.KS)}
	_, err = files.Load(o, aof.Sink{
		Entries: func(b *rdb.Batch) error {
			defer b.Release()
			_, err := a.table.StoreBatch(b, rdb.PutOptions{KeepExpired: true})
			return err
		},
		NewFile: func(aof.File, int64) error {
			r.Rewind()
			return nil
		},
		Commands: func(b *aof.Batch) error {
			defer b.Release()
			reqs = requests(reqs, b)
			return r.Run(reqs)
		},
	})
	return err
}
