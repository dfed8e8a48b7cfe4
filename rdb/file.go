package rdb

import (
	"fmt"
	"os"
	"path/filepath"

	"redust/internal/disk"
)

// Files. A snapshot is written beside the old one and takes its place when it is whole and on
// the disk, see package disk. Whatever fails, the old file is as it was and the new one is
// gone.

// TempName is the file that WriteFile writes before it takes the place of the one at path:
// temp-<pid>.rdb, as with Redis, so that who cleans up knows it.
func TempName(path string) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf("temp-%d.rdb", os.Getpid()))
}

// WriteFile writes a snapshot to the file at path and returns its size, bytes. Once it
// returns without an error the file survives a loss of power.
func WriteFile(d disk.FS, path string, s *Snapshot, o WriteOptions) (size int64, err error) {
	temp := TempName(path)
	if size, err = WriteTemp(d, temp, s, o); err != nil {
		return 0, err
	}
	if err := d.Rename(temp, path); err != nil {
		_ = d.Remove(temp) // the rename's error says what is wrong
		return 0, fmt.Errorf("rdb: rename %s to %s: %w", temp, path, err)
	}
	if err := d.SyncDir(filepath.Dir(path)); err != nil {
		return 0, fmt.Errorf("rdb: sync the directory of %s: %w", path, err)
	}
	return size, nil
}

// WriteTemp writes a snapshot to a file that is on the disk when it returns, and whose name
// the caller will change. If something fails, the file is removed.
func WriteTemp(d disk.FS, temp string, s *Snapshot, o WriteOptions) (size int64, err error) {
	f, err := d.Create(temp)
	if err != nil {
		return 0, fmt.Errorf("rdb: create %s: %w", temp, err)
	}
	out := &flusher{f: f, every: o.FlushBytes, pace: o.Pace}
	err = Write(out, s, o)
	o.Pace.Done()
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = d.Remove(temp) // what failed before is what there is to tell
		return 0, fmt.Errorf("rdb: write %s: %w", temp, err)
	}
	return out.at, nil
}

// flusher writes to a file, and makes the system begin to put it on the disk now and then, so
// that what is not there yet stays little.
type flusher struct {
	f           disk.File
	every       int64
	at, flushed int64
	pace        *Pace
}

func (w *flusher) Write(b []byte) (int, error) {
	w.pace.Rest()
	n, err := w.f.Write(b)
	w.at += int64(n)
	if w.every > 0 && w.at-w.flushed >= w.every && err == nil {
		err = w.f.Flush(w.flushed, w.at-w.flushed)
		w.flushed = w.at
	}
	return n, err
}
