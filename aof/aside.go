package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"redust/internal/disk"
)

// Going back. What is behind a place in the files is to count no longer: they are damaged
// there, or it is later than the moment to which somebody wants to return. It must not be
// lost either. So before anything is changed all files get a second home, and then the
// manifest is replaced by one that ends at that place:
//
//	1. Aside   dir.old.part/   every file, by a link or a copy     on the disk
//	           dir.old/        renamed: from here on nothing can be lost
//	2. Cut     5.incr.aof      is copied up to the place, as 7.incr.aof
//	           manifest        base, 4.incr, 7.incr                 at once or not at all
//	           6.incr.aof      named no longer, and removed: dir.old has it
//
// A process that ends anywhere in between leaves files that are whole, and whoever starts
// next either sees the old state or the new one. Both work on the machine's own disk.

// Aside gives all files of the directory a second home beside it, under another name. If
// that is there already it stays as it is.
func (p Place) Aside(name string) error {
	from, to := filepath.Join(p.Root, p.Dir), filepath.Join(p.Root, name)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	part := to + ".part"
	err := os.RemoveAll(part) // of a process that did not come to an end
	if err == nil {
		err = os.Mkdir(part, 0o755)
	}
	var all []fs.DirEntry
	if err == nil {
		all, err = os.ReadDir(from)
	}
	for _, e := range all {
		if err == nil && e.Type().IsRegular() {
			err = linkOrCopy(filepath.Join(from, e.Name()), filepath.Join(part, e.Name()))
		}
	}
	if err == nil {
		err = disk.OS{}.SyncDir(part)
	}
	if err == nil {
		err = os.Rename(part, to)
	}
	if err == nil {
		err = disk.OS{}.SyncDir(p.Root)
	}
	if err != nil {
		return fmt.Errorf("aof: keep the files of %s as %s: %w", from, to, err)
	}
	return nil
}

// linkOrCopy makes the file at from be at to as well. Where files cannot have two names it
// is copied.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to, -1)
}

// copyFile copies the first n bytes of a file, all if n is less than 0, onto the disk.
func copyFile(from, to string, n int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if n < 0 {
		_, err = io.Copy(out, in)
	} else {
		_, err = io.CopyN(out, in, n)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// Cut makes the append only file end at a place: in the file of that index in
// Manifest.Files(), after so many bytes; something must be in front of it. Aside must have
// kept the files. The last file is a new one in any case: the server will append to it, and
// the old one may be the one that was kept.
func (f *Files) Cut(index int, at int64) error {
	if at == 0 {
		index--
		at = f.Sizes[index]
	}
	was := f.Manifest.Files()
	m := &Manifest{History: f.Manifest.History}
	for i, one := range was[:index] {
		if i == 0 && f.Manifest.Base != nil {
			m.Base = &was[0]
		} else {
			m.Incr = append(m.Incr, one)
		}
	}
	last := was[index]
	kept := f.Manifest.NextIncr(f.Name)
	if last.Type == Base {
		kept = f.Manifest.NextBase(f.Name, strings.HasSuffix(last.Name, ".rdb"))
	}
	if err := copyFile(f.Path(last.Name), f.Path(kept.Name), at); err != nil {
		return fmt.Errorf("aof: copy the first %d bytes of %s: %w", at, f.Path(last.Name), err)
	}
	if last.Type == Base {
		m.Base = &kept
	} else {
		m.Incr = append(m.Incr, kept)
	}
	if err := f.FS.SyncDir(f.Path("")); err != nil {
		return fmt.Errorf("aof: sync %s: %w", f.Path(""), err)
	}
	return f.become(m, was[index:])
}

// ReplaceByBase makes a file that lies in the directory the only one that counts.
func (f *Files) ReplaceByBase(base File) error {
	return f.become(&Manifest{History: f.Manifest.History, Base: &base}, f.Manifest.Files())
}

// become replaces the manifest, and removes files that it does not name any more.
func (f *Files) become(m *Manifest, gone []File) error {
	if err := f.writeManifest(m); err != nil {
		return err
	}
	for _, one := range gone {
		_ = f.FS.Remove(f.Path(one.Name)) // nobody will read it again; it only takes room
	}
	again, err := Find(f.Place)
	if err != nil {
		return err
	}
	*f = *again
	return nil
}

// Mend cuts the torn end off the file of that index, after so many bytes.
func (f *Files) Mend(index int, at int64) error {
	name := f.Path(f.Manifest.Files()[index].Name)
	err := f.FS.Truncate(name, at)
	if err == nil {
		err = syncFile(f.FS, name) // lest it is back, in front of what has followed by then
	}
	if err != nil {
		return fmt.Errorf("aof: truncate %s: %w", name, err)
	}
	f.Total -= f.Sizes[index] - at
	f.Sizes[index] = at
	return nil
}
