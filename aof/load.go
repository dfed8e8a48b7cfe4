package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"redust/internal/disk"
	"redust/rdb"
)

// Loading. The files of an append only file are found by its manifest, and read one after
// the other on a goroutine of their own; what is in them goes to a Sink, which runs it on
// the executor.
//
//	Find    manifest, are all files there, how large are they       before the load begins
//	Load    base: RDB, or commands, or RDB and then commands        \ to the Sink,
//	        increments: commands                                    / in order
//
// A single file, as servers before Redis 7 wrote it beside the RDB file, is taken in first:
// it becomes the base of a manifest of its own and is moved into the directory, as it is.
// The manifest is written before the move, so whatever happens in between, Find sees on the
// next start what is left to do.
//
// A crash tears the end of the file that was being written, which is the last one that is not
// empty (a rewrite may just have made the next): that is no damage (Flaw.Torn), and Mend cuts
// the torn end off. The same in another file is damage.

// Place says where an append only file lies.
type Place struct {
	FS   disk.FS
	Root string // the server's directory
	Dir  string // appenddirname, within Root
	Name string // appendfilename
}

// Path is the path of a file in the directory.
func (p Place) Path(name string) string { return filepath.Join(p.Root, p.Dir, name) }

// ManifestPath is the path of the manifest.
func (p Place) ManifestPath() string { return p.Path(p.Name + ".manifest") }

// Files are the files of one append only file.
type Files struct {
	Place
	Manifest *Manifest
	Sizes    []int64 // of Manifest.Files(), bytes
	Total    int64   // of all of them
	Upgraded bool    // was a single file before
}

// Find looks for an append only file; nil if there is none. What is wrong with the manifest,
// or a file that is missing, is an error, and nothing has been changed.
func Find(p Place) (*Files, error) {
	m, err := ReadManifest(p)
	if err != nil {
		return nil, err
	}
	m, upgraded, err := p.upgrade(m)
	if m == nil || err != nil {
		return nil, err
	}
	f := &Files{Place: p, Manifest: m, Upgraded: upgraded}
	for _, one := range m.Files() {
		st, err := p.FS.Stat(p.Path(one.Name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &MissingError{Manifest: p.ManifestPath(), File: one, Path: p.Path(one.Name)}
		}
		if err != nil {
			return nil, fmt.Errorf("aof: look at %s: %w", p.Path(one.Name), err)
		}
		f.Sizes = append(f.Sizes, st.Size())
		f.Total += st.Size()
	}
	if len(f.Sizes) == 0 {
		return nil, nil
	}
	return f, nil
}

// LastWritten is the index of the last file in Manifest.Files() that holds anything, 0 if
// none does: the one that was being written.
func (f *Files) LastWritten() int {
	last := 0
	for i, size := range f.Sizes {
		if size > 0 {
			last = i
		}
	}
	return last
}

// MissingError is a file that the manifest names and that is not there.
type MissingError struct {
	Manifest, Path string
	File           File
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("aof: the manifest %s names the file %s, which is not there", e.Manifest, e.Path)
}

// ReadManifest reads the manifest; nil if there is none.
func ReadManifest(p Place) (*Manifest, error) {
	text, err := readFile(p.FS, p.ManifestPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("aof: read manifest %s: %w", p.ManifestPath(), err)
	}
	m, err := ParseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, p.ManifestPath())
	}
	return m, nil
}

func readFile(d disk.FS, name string) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return b, err
}

// upgrade takes in a single file, if there is one that belongs to no manifest yet, and
// returns the manifest as it is afterwards.
func (p Place) upgrade(m *Manifest) (_ *Manifest, done bool, err error) {
	old := filepath.Join(p.Root, p.Name)
	st, err := p.FS.Stat(old)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("aof: look at %s: %w", old, err)
	case st.IsDir():
		return m, false, nil
	}
	if m != nil {
		// Only a move that was begun is ended.
		if m.Base == nil || m.Base.Name != p.Name || len(m.Incr) > 0 || len(m.History) > 0 {
			return m, false, nil
		}
		if _, err := p.FS.Stat(p.Path(p.Name)); !errors.Is(err, fs.ErrNotExist) {
			return m, false, err
		}
	} else {
		m = &Manifest{Base: &File{Name: p.Name, Seq: 1, Type: Base}}
		if err := p.FS.Mkdir(filepath.Join(p.Root, p.Dir)); err != nil {
			return nil, false, fmt.Errorf("aof: create %s: %w", filepath.Join(p.Root, p.Dir), err)
		}
		if err := p.FS.SyncDir(p.Root); err != nil {
			return nil, false, fmt.Errorf("aof: sync %s: %w", p.Root, err)
		}
		if err := p.writeManifest(m); err != nil {
			return nil, false, err
		}
	}
	if err := p.FS.Rename(old, p.Path(p.Name)); err != nil {
		return nil, false, fmt.Errorf("aof: move %s to %s: %w", old, p.Path(p.Name), err)
	}
	for _, dir := range []string{p.Path(""), p.Root} {
		if err := p.FS.SyncDir(dir); err != nil {
			return nil, false, fmt.Errorf("aof: sync %s: %w", dir, err)
		}
	}
	return m, true, nil
}

// writeManifest makes m the manifest, at once or not at all.
func (p Place) writeManifest(m *Manifest) (err error) {
	temp := p.Path("temp-" + p.Name + ".manifest")
	defer func() {
		if err != nil {
			err = fmt.Errorf("aof: write manifest %s: %w", p.ManifestPath(), err)
		}
	}()
	f, err := p.FS.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(m.Append(nil))
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = p.FS.Rename(temp, p.ManifestPath())
	}
	if err == nil {
		err = p.FS.SyncDir(p.Path(""))
	}
	return err
}

// Sink takes what is in the files, in order, on Load's goroutine. It owns a batch until it
// releases it. An error ends the load and is returned.
type Sink struct {
	Entries  func(*rdb.Batch) error // of an RDB file; all stay, though their deadline may have passed
	Commands func(*Batch) error
	// NewFile is called before what is in a file: its commands begin in database 0.
	NewFile func(f File, size int64) error
}

// LoadOptions say how files are read.
type LoadOptions struct {
	RDB rdb.DecodeOptions
	// Until stops in front of what was written after this time, Unix seconds; 0: never. See
	// Restore.
	Until    int64
	Progress func(read int64) // of Total, bytes; on Load's goroutine
	Log      func(text string)
}

// Load reads all files. A *Flaw says what is wrong with one of them; all in front of that
// place has gone to the sink. The index of the file comes with it.
func (f *Files) Load(o LoadOptions, s Sink) (Read, error) {
	var r Read
	var before int64
	for i, file := range f.Manifest.Files() {
		r.File = i
		one := oneFile{path: f.Path(file.Name), size: f.Sizes[i], o: o, sink: s}
		if o.Progress != nil {
			one.o.Progress = func(n int64) { o.Progress(before + n) }
		}
		err := one.load(f.FS, file)
		r.Commands += one.commands
		if one.rdb != nil {
			r.RDB = one.rdb
		}
		r.Latest = max(r.Latest, one.latest)
		if err != nil {
			return r, err
		}
		if one.stopped {
			r.Stopped, r.At = true, one.at
			return r, nil
		}
		before += f.Sizes[i]
		if o.Log != nil {
			what := "incr"
			if file.Type == Base {
				what = "base"
			}
			o.Log(fmt.Sprintf("The %s file %s has been read: %d bytes, %d commands", what, file.Name, f.Sizes[i], one.commands))
		}
	}
	return r, nil
}

// Read is what Load has done.
type Read struct {
	File     int       // the index of the last file that was begun
	Commands int64     // handed to the sink
	RDB      *rdb.Info // of the base; nil if it is none
	Latest   int64     // the last timestamp that was passed, Unix seconds; 0: there was none
	Stopped  bool      // at Until: what follows At in File, and all files after it, are later
	At       int64
}

// oneFile is a file being read.
type oneFile struct {
	path string
	size int64
	o    LoadOptions
	sink Sink

	rdb              *rdb.Info
	commands, latest int64
	stopped          bool
	at               int64
}

// load reads a file of either kind.
func (l *oneFile) load(d disk.FS, file File) error {
	f, err := d.Open(l.path)
	if err != nil {
		return fmt.Errorf("aof: open %s: %w", l.path, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	var magic [5]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return &Flaw{File: l.path, Size: l.size, Reason: "it cannot be read", Err: err}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("aof: read %s: %w", l.path, err)
	}
	if err := l.sink.NewFile(file, l.size); err != nil {
		return err
	}
	at := int64(0)
	if string(magic[:n]) == "REDIS" {
		if at, err = l.preamble(f); err != nil {
			return err
		}
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return fmt.Errorf("aof: read %s: %w", l.path, err)
		}
	}
	r := newReader(l.path, f, at, l.size, l.o.Until, func(b *Batch) error {
		if l.o.Progress != nil {
			l.o.Progress(b.Read)
		}
		return l.sink.Commands(b)
	})
	err = r.run()
	l.commands, l.latest, l.stopped, l.at = r.count, r.latest, r.stopped, r.valid
	return err
}

// preamble reads the RDB file that a file is, or begins with, and returns where it ends.
func (l *oneFile) preamble(f io.Reader) (end int64, err error) {
	o := l.o.RDB
	o.Size = l.size
	o.Progress = l.o.Progress
	info, err := rdb.Decode(f, o, l.sink.Entries)
	l.rdb = &info
	var bad *rdb.Error
	if errors.As(err, &bad) {
		return 0, &Flaw{
			File: l.path, At: bad.Offset, Size: l.size, InRDB: true, Keys: bad.Keys,
			Torn: errors.Is(bad, io.ErrUnexpectedEOF), Reason: "the RDB file in it is damaged", Err: bad,
		}
	}
	return info.Bytes, err
}
