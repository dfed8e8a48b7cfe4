// Package disk is a file system as those who must not lose data see it: a few operations,
// each of which may fail, and between which the machine may lose its power.
//
// What a program has written is safe only when two things were asked for: that the file's
// bytes are on the disk (File.Sync) and that the directory which leads to it is (SyncDir).
// So a file is replaced in five steps, of which none may be left out:
//
//	create temp --> write --> Sync --> Close --> Rename(temp, name) --> SyncDir
//	               ENOSPC    EIO                 old or new, whole       now it stays
//
// Before the rename the old file is there whatever happens, afterwards the new one.
//
// Whoever writes files takes an FS as an argument. OS is the real one; disk/faulty is one in
// memory that fills up, fails, tears and forgets as it is told, so that a test can stop
// between any two steps and look at what would be left.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"redust/internal/blocking"
)

// FS is a file system. Names are paths as package os has them. Any goroutine may use it.
type FS interface {
	Open(name string) (File, error)   // for reading
	Create(name string) (File, error) // for writing from its beginning; what was there is gone
	Append(name string) (File, error) // for writing at its end; made if there is none
	Rename(from, to string) error     // takes the place of what is there
	Remove(name string) error
	Mkdir(name string) error // no error if it exists
	Truncate(name string, size int64) error
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error) // in order of names
	SyncDir(name string) error                  // makes what was created, renamed and removed there stay
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Writer
	io.Closer
	Name() string
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error // returns when the bytes are on the disk
	// Flush makes the system begin to put a range of bytes on the disk, and waits until as many
	// in front of them are there, so that whoever writes does not run away from the disk. It
	// promises nothing: it only shortens the Sync that follows.
	Flush(from, n int64) error
}

// OS is the file system of the machine.
type OS struct{}

// file is one of its files.
type file struct{ *os.File }

func opened(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// Open implements FS.
func (OS) Open(name string) (File, error) { return opened(os.Open(name)) }

// Create implements FS.
func (OS) Create(name string) (File, error) {
	return opened(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644))
}

// Append implements FS.
func (OS) Append(name string) (File, error) {
	return opened(os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644))
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// Mkdir implements FS.
func (OS) Mkdir(name string) error {
	if err := os.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Truncate implements FS.
func (OS) Truncate(name string, size int64) error { return os.Truncate(name, size) }

// Stat implements FS.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// ReadDir implements FS.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// SyncDir implements FS.
func (OS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // nothing was written through it
	// Some file systems have no such thing for directories, and say so.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// Sync implements File. It keeps no processor from others meanwhile.
func (f file) Sync() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = blocking.Fdatasync(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: failed}
	}
	return nil
}

// Flush implements File.
func (f file) Flush(from, n int64) error {
	const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	err := unix.SyncFileRange(int(f.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE)
	if err == nil && from > 0 {
		err = unix.SyncFileRange(int(f.Fd()), max(from-n, 0), min(from, n), wait)
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ESPIPE) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}
