// Package faulty is a disk in memory that does what disks do on a bad day.
//
//	         as the process sees it          as it is on the plate
//	names    dir                             safe, and what has happened to dir since: ops
//	bytes    inode.data                      inode.synced, and the writes since
//
//	Sync(file)     the writes are on the plate        SyncDir    so are the ops
//	Crash(rnd)     a new disk: of the writes and ops that were not synced, some
//
// After a crash an unsynced write may be there, or half of it, or not, whatever became of
// those before and after it; where it is not, but a later one is, there are zeros. Changes
// of a directory happen in their order, so of those a beginning survives.
//
// Limit sets how much fits (ENOSPC, after as many bytes as fit), and Hook sees each
// operation before it happens and may make it fail. All of it is deterministic: a run is its
// seed.
package faulty

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"redust/internal/disk"
)

// Kind is an operation.
type Kind string

// The operations that a Hook sees.
const (
	Open     Kind = "open"
	Create   Kind = "create"
	Append   Kind = "append"
	Write    Kind = "write"
	Sync     Kind = "sync"
	Close    Kind = "close"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	Mkdir    Kind = "mkdir"
	Truncate Kind = "truncate"
	SyncDir  Kind = "syncdir"
)

// Op is one operation.
type Op struct {
	Kind Kind
	Name string // of a rename the new one
	N    int    // bytes of a write
}

// Short as the error of a Hook lets so many bytes of a write pass before it fails with Err.
type Short struct {
	N   int
	Err error
}

func (s *Short) Error() string { return s.Err.Error() }

// Unwrap makes errors.Is see Err.
func (s *Short) Unwrap() error { return s.Err }

// Disk implements disk.FS. Use New. Any goroutine may use it.
type Disk struct {
	mu    sync.Mutex
	dir   map[string]*inode
	safe  map[string]*inode
	ops   []dirOp
	dirs  map[string]bool
	hook  func(Op) error
	limit int64 // bytes that fit, or -1
	count int   // operations so far
}

// dirOp is a change of a directory that was not synced: name leads to node, or to nothing.
type dirOp struct {
	name string
	node *inode
	from string // of a rename: the name that is no more
}

type inode struct {
	data   []byte
	synced []byte
	writes []write
}

// write is a change of a file since its last sync: bytes at an offset, or, with none, a
// new size.
type write struct {
	at   int64
	data []byte
	size bool
}

// New returns an empty disk without limits.
func New() *Disk {
	return &Disk{dir: make(map[string]*inode), safe: make(map[string]*inode),
		dirs: map[string]bool{".": true, "/": true}, limit: -1}
}

// Limit sets how many bytes all files together may have; -1 for no limit.
func (d *Disk) Limit(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = n
}

// Hook sets a function that sees each operation before it happens, one after the other, and
// makes it fail with the error that it returns; nil for none.
func (d *Disk) Hook(f func(Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = f
}

// FailAt makes operation n, counted from 0 from now on, fail with err, and none else.
func (d *Disk) FailAt(n int, err error) {
	i := 0
	d.Hook(func(Op) error {
		if i++; i == n+1 {
			return err
		}
		return nil
	})
}

// Ops is the number of operations so far.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Used is the number of bytes of all files.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

func (d *Disk) used() (n int64) {
	for _, f := range d.dir {
		n += int64(len(f.data))
	}
	return n
}

// Names is the files, in order.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make([]string, 0, len(d.dir))
	for n := range d.dir {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Bytes is a copy of what is in a file; ok is false if there is none.
func (d *Disk) Bytes(name string) (b []byte, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.dir[filepath.Clean(name)]
	if f == nil {
		return nil, false
	}
	return bytes.Clone(f.data), true
}

// Put makes a file that is safe.
func (d *Disk) Put(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	f := &inode{data: bytes.Clone(b), synced: bytes.Clone(b)}
	d.dir[name], d.safe[name] = f, f
}

// Crash returns the disk as the next start may find it: what was synced, and of the rest
// what rnd lets survive. The old disk is not changed and may be crashed again, otherwise.
func (d *Disk) Crash(rnd *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make(map[string]*inode, len(d.safe))
	for n, f := range d.safe {
		names[n] = f
	}
	for _, op := range d.ops[:rnd.IntN(len(d.ops)+1)] {
		op.do(names)
	}
	c := New()
	for n := range d.dirs {
		c.dirs[n] = true // whether directories survive is nobody's problem here
	}
	sorted := make([]string, 0, len(names))
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted) // so that the seed decides, and not the map
	for _, n := range sorted {
		b := names[n].crashed(rnd)
		f := &inode{data: b, synced: bytes.Clone(b)}
		c.dir[n], c.safe[n] = f, f
	}
	return c
}

// crashed is what a crash leaves of a file.
func (f *inode) crashed(rnd *rand.Rand) []byte {
	b := bytes.Clone(f.synced)
	all := rnd.IntN(4) == 0 // the system had written everything back by itself
	for _, w := range f.writes {
		part := len(w.data)
		if !all {
			switch rnd.IntN(3) {
			case 0:
				continue
			case 1:
				part = rnd.IntN(part + 1)
			}
		}
		w.data = w.data[:part]
		b = w.do(b)
	}
	return b
}

// do makes the change to b.
func (w write) do(b []byte) []byte {
	if w.size {
		for int64(len(b)) < w.at {
			b = append(b, 0)
		}
		return b[:w.at]
	}
	for int64(len(b)) < w.at {
		b = append(b, 0)
	}
	n := copy(b[w.at:], w.data)
	return append(b, w.data[n:]...)
}

func (o dirOp) do(names map[string]*inode) {
	if o.from != "" {
		delete(names, o.from)
	}
	if o.node == nil {
		delete(names, o.name)
	} else {
		names[o.name] = o.node
	}
}

// begin asks the hook whether an operation may happen. The lock is held.
func (d *Disk) begin(k Kind, name string, n int) error {
	d.count++
	if d.hook == nil {
		return nil
	}
	if err := d.hook(Op{k, name, n}); err != nil {
		return &fs.PathError{Op: string(k), Path: name, Err: err}
	}
	return nil
}

// change makes a change of a directory that a crash may undo.
func (d *Disk) change(o dirOp) {
	o.do(d.dir)
	d.ops = append(d.ops, o)
}

func missing(op Kind, name string) error {
	return &fs.PathError{Op: string(op), Path: name, Err: syscall.ENOENT}
}

// Open implements disk.FS.
func (d *Disk) Open(name string) (disk.File, error) { return d.open(Open, name) }

// Create implements disk.FS.
func (d *Disk) Create(name string) (disk.File, error) { return d.open(Create, name) }

// Append implements disk.FS.
func (d *Disk) Append(name string) (disk.File, error) { return d.open(Append, name) }

func (d *Disk) open(k Kind, name string) (disk.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	if err := d.begin(k, name, 0); err != nil {
		return nil, err
	}
	f := d.dir[name]
	switch {
	case f == nil && (k == Open || !d.dirs[filepath.Dir(name)]):
		return nil, missing(k, name)
	case f == nil:
		f = new(inode)
		d.change(dirOp{name: name, node: f})
	case k == Create:
		f.data = nil
		f.writes = append(f.writes, write{size: true})
	}
	return &file{d: d, f: f, name: name, append: k == Append, readOnly: k == Open}, nil
}

// Rename implements disk.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	if err := d.begin(Rename, to, 0); err != nil {
		return err
	}
	if d.dir[from] == nil {
		return missing(Rename, from)
	}
	d.change(dirOp{name: to, node: d.dir[from], from: from})
	return nil
}

// Remove implements disk.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	if err := d.begin(Remove, name, 0); err != nil {
		return err
	}
	if d.dir[name] == nil {
		if d.dirs[name] {
			delete(d.dirs, name)
			return nil
		}
		return missing(Remove, name)
	}
	d.change(dirOp{name: name})
	return nil
}

// Mkdir implements disk.FS.
func (d *Disk) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	if err := d.begin(Mkdir, name, 0); err != nil {
		return err
	}
	d.dirs[name] = true
	return nil
}

// Truncate implements disk.FS.
func (d *Disk) Truncate(name string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	f := d.dir[name]
	if f == nil {
		return missing(Truncate, name)
	}
	return d.truncate(f, name, size)
}

func (d *Disk) truncate(f *inode, name string, size int64) error {
	if err := d.begin(Truncate, name, 0); err != nil {
		return err
	}
	w := write{at: size, size: true}
	f.data = w.do(f.data)
	f.writes = append(f.writes, w)
	return nil
}

// SyncDir implements disk.FS.
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	if err := d.begin(SyncDir, name, 0); err != nil {
		return err
	}
	var left []dirOp
	for _, o := range d.ops {
		if filepath.Dir(o.name) == name {
			o.do(d.safe)
		} else {
			left = append(left, o)
		}
	}
	d.ops = left
	return nil
}

// Stat implements disk.FS.
func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	if f := d.dir[name]; f != nil {
		return info{name: filepath.Base(name), size: int64(len(f.data))}, nil
	}
	if d.dirs[name] {
		return info{name: filepath.Base(name), dir: true}, nil
	}
	return nil, missing("stat", name)
}

// ReadDir implements disk.FS.
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = filepath.Clean(name)
	if !d.dirs[name] {
		return nil, missing("readdir", name)
	}
	var list []fs.DirEntry
	for n, f := range d.dir {
		if filepath.Dir(n) == name {
			list = append(list, info{name: filepath.Base(n), size: int64(len(f.data))})
		}
	}
	for n := range d.dirs {
		if n != name && filepath.Dir(n) == name {
			list = append(list, info{name: filepath.Base(n), dir: true})
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// file is an open file.
type file struct {
	d        *Disk
	f        *inode
	name     string
	at       int64
	append   bool
	readOnly bool
}

func (f *file) Name() string { return f.name }

func (f *file) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if off >= int64(len(f.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Seek(off int64, whence int) (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		off += f.at
	case io.SeekEnd:
		off += int64(len(f.f.data))
	}
	if off < 0 {
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: syscall.EINVAL}
	}
	f.at = off
	return off, nil
}

func (f *file) Write(b []byte) (int, error) {
	d := f.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.readOnly {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.EBADF}
	}
	err := d.begin(Write, f.name, len(b))
	if err != nil {
		var s *Short
		if !errors.As(err, &s) {
			return 0, err
		}
		b = b[:min(s.N, len(b))]
	}
	if f.append {
		f.at = int64(len(f.f.data))
	}
	if more := f.at + int64(len(b)) - int64(len(f.f.data)); d.limit >= 0 && more > 0 {
		if room := max(d.limit-d.used(), 0); more > room {
			b = b[:max(int64(len(b))-(more-room), 0)]
			err = &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
		}
	}
	if len(b) > 0 {
		w := write{at: f.at, data: bytes.Clone(b)}
		f.f.data = w.do(f.f.data)
		f.f.writes = append(f.f.writes, w)
		f.at += int64(len(b))
	}
	return len(b), err
}

func (f *file) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.truncate(f.f, f.name, size)
}

func (f *file) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.begin(Sync, f.name, 0); err != nil {
		return err
	}
	f.f.synced, f.f.writes = bytes.Clone(f.f.data), nil
	return nil
}

func (f *file) Flush(int64, int64) error { return nil }

func (f *file) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.d.begin(Close, f.name, 0)
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return info{name: filepath.Base(f.name), size: int64(len(f.f.data))}, nil
}

// info tells about a file, and is an entry of a directory.
type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string               { return i.name }
func (i info) Size() int64                { return i.size }
func (i info) ModTime() time.Time         { return time.Time{} }
func (i info) IsDir() bool                { return i.dir }
func (i info) Sys() any                   { return nil }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
func (i info) Type() fs.FileMode          { return i.Mode().Type() }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
