package aof

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"redust/internal/disk"
)

// ManifestName is the file name of the manifest of an append only file.
func ManifestName(name string) string { return name + ".manifest" }

// ReadManifest reads the manifest in a directory. If there is none, or no directory, it
// returns nil and no error.
func ReadManifest(d disk.FS, dir, name string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestName(name))
	f, err := d.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("aof: open manifest %s: %w", path, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("aof: read manifest %s: %w", path, err)
	}
	return ParseManifest(text)
}

// WriteManifest replaces the manifest in a directory, which must exist, at once and for
// good: before the rename the old files count, after it the new ones. All names it holds,
// and those renamed before, are safe when it returns.
func WriteManifest(d disk.FS, dir, name string, m *Manifest) error {
	path := filepath.Join(dir, ManifestName(name))
	temp := filepath.Join(dir, "temp-"+ManifestName(name))
	if err := replaceFile(d, temp, path, m.Append(nil)); err != nil {
		return fmt.Errorf("aof: write manifest %s: %w", path, err)
	}
	return nil
}

// replaceFile gives a file new contents by way of a temporary one.
func replaceFile(d disk.FS, temp, path string, b []byte) error {
	f, err := d.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// New files must be found again before the manifest that names them is.
	if err := d.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := d.Rename(temp, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// Start opens the append only file of a server that has loaded it: bases on snapshot, the
// data set as it is, if there are no files yet, and goes on in the last increment. The
// writer must have nothing open. Whoever calls may wait for the disk.
func (w *Writer) Start(base func(path string) error, isRDB bool) error {
	w.files.Lock()
	defer w.files.Unlock()
	m := w.manifest.Clone()
	dirty := false
	if err := w.o.FS.Mkdir(w.o.Dir); err != nil {
		return fmt.Errorf("aof: make directory %s: %w", w.o.Dir, err)
	}
	if m.Base == nil && len(m.Incr) == 0 {
		b := m.NextBase(w.o.Name, isRDB)
		if err := base(w.path(b.Name)); err != nil {
			return fmt.Errorf("aof: create base %s: %w", b.Name, err)
		}
		w.o.Log(Notice, "Creating AOF base file "+b.Name+" on server start")
		m.Base, dirty = &b, true
	}
	what := "Opening"
	if len(m.Incr) == 0 {
		m.Incr, dirty = []File{m.NextIncr(w.o.Name)}, true
		what = "Creating"
	}
	last := m.Incr[len(m.Incr)-1]
	f, err := w.o.FS.Append(w.path(last.Name))
	if err != nil {
		return fmt.Errorf("aof: open %s: %w", last.Name, err)
	}
	w.o.Log(Notice, what+" AOF incr file "+last.Name+" on server start")
	if dirty {
		if err := w.publish(m); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	var total, curSize int64
	for _, file := range m.Files() {
		info, err := w.o.FS.Stat(w.path(file.Name))
		if err != nil {
			return errors.Join(fmt.Errorf("aof: look at %s: %w", file.Name, err), f.Close())
		}
		curSize = info.Size()
		total += curSize
		if file.Type == Base {
			w.baseSize.Store(curSize)
		}
	}
	w.size.Store(total)
	done := make(chan struct{})
	w.order(func() {
		w.cur, w.curName, w.curSize = f, w.path(last.Name), curSize
		w.written.Store(w.told.Load())
		w.synced = w.told.Load()
		close(done)
	})
	<-done
	w.o.Aside(w.deleteHistory)
	return nil
}
