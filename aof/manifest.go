// Package aof is the append only file: the stream of effects on disk, and back.
//
// It is kept in the layout of Redis 7, in a directory of its own, and either server can
// go on with the files of the other:
//
//	appendonlydir/
//	  appendonly.aof.manifest        which files count, and in what order
//	  appendonly.aof.2.base.rdb      the data set at some moment, as RDB or as commands
//	  appendonly.aof.5.incr.aof      what happened since
//	  appendonly.aof.6.incr.aof      and since that file was full, or a rewrite failed
//	  appendonly.aof.1.base.rdb      history: no longer needed, about to be deleted
//
// The data set is the base and then every increment, in the order of the manifest. A
// file that the manifest does not name does not count, so replacing the manifest, which
// a rename does at once or not at all, is what begins a new generation of files.
package aof

import (
	"fmt"
	"strconv"
	"strings"

	"redust/internal/quote"
)

// FileType tells what a file of the manifest is for.
type FileType byte

// The types, as they stand in the manifest.
const (
	Base    FileType = 'b'
	History FileType = 'h'
	Incr    FileType = 'i'
)

// File is one line of the manifest.
type File struct {
	Name string // without a directory
	Seq  int64
	Type FileType
}

// Manifest is the list of the files that make up an append only file.
type Manifest struct {
	Base    *File // nil: none, the increments begin with an empty data set
	History []File
	Incr    []File // the sequence numbers ascend
}

// maxLine is the longest line of a manifest, bytes, the newline included.
const maxLine = 1024

// ManifestError is a line of a manifest that cannot be.
type ManifestError struct {
	Line   int
	Text   string // of the line; empty if there is none
	Reason string
}

// Error implements error.
func (e *ManifestError) Error() string {
	return fmt.Sprintf("aof: read manifest: line %d: '%s': %s", e.Line, e.Text, e.Reason)
}

// ParseManifest reads a manifest. Its error is a *ManifestError, in Redis's words.
func ParseManifest(text []byte) (*Manifest, error) {
	m := new(Manifest)
	rest := string(text)
	for n := 1; ; n++ {
		if rest == "" {
			if n == 1 {
				return nil, &ManifestError{1, "", "Found an empty AOF manifest"}
			}
			return m, nil
		}
		line, after, whole := strings.Cut(rest, "\n")
		rest = after
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !whole || len(line)+1 > maxLine {
			return nil, &ManifestError{n, line[:min(len(line), maxLine)], "The AOF manifest file contains too long line"}
		}
		line = strings.Trim(line, " \t\r\n")
		f, reason := parseLine(line)
		if reason == "" {
			reason = m.add(f)
		}
		if reason != "" {
			return nil, &ManifestError{n, line, reason}
		}
	}
}

// parseLine reads the pairs of a line; it knows only those that are needed, so that
// later versions can add others.
func parseLine(line string) (f File, reason string) {
	const invalid = "Invalid AOF manifest file format"
	w, ok := quote.Split(line)
	if !ok || len(w) < 6 || len(w)%2 != 0 {
		return f, invalid
	}
	for i := 0; i < len(w); i += 2 {
		switch v := w[i+1]; strings.ToLower(w[i]) {
		case "file":
			if f.Name = v; !isBaseName(v) {
				return f, "File can't be a path, just a filename"
			}
		case "seq":
			f.Seq, _ = strconv.ParseInt(v, 10, 64) // 0 is refused below
		case "type":
			if v != "" {
				f.Type = FileType(v[0])
			}
		}
	}
	if f.Name == "" || f.Seq == 0 || f.Type == 0 {
		return f, invalid
	}
	return f, ""
}

// isBaseName tells whether a name stays within its directory.
func isBaseName(name string) bool {
	return !strings.ContainsAny(name, "/\\\x00") && name != "." && name != ".."
}

// add takes up one more file, or tells why it cannot.
func (m *Manifest) add(f File) (reason string) {
	switch f.Type {
	case Base:
		if m.Base != nil {
			return "Found duplicate base file information"
		}
		m.Base = &f
	case History:
		m.History = append(m.History, f)
	case Incr:
		if f.Seq <= m.lastIncr() {
			return "Found a non-monotonic sequence number"
		}
		m.Incr = append(m.Incr, f)
	default:
		return "Unknown AOF file type"
	}
	return ""
}

// lastIncr is the sequence number of the newest increment, 0 if there is none.
func (m *Manifest) lastIncr() int64 {
	if len(m.Incr) == 0 {
		return 0
	}
	return m.Incr[len(m.Incr)-1].Seq
}

// Files are those that make up the data set, in order.
func (m *Manifest) Files() []File {
	var all []File
	if m.Base != nil {
		all = append(all, *m.Base)
	}
	return append(all, m.Incr...)
}

// Append adds the manifest's text to b.
func (m *Manifest) Append(b []byte) []byte {
	if m.Base != nil {
		b = m.Base.append(b)
	}
	for _, f := range m.History {
		b = f.append(b)
	}
	for _, f := range m.Incr {
		b = f.append(b)
	}
	return b
}

func (f File) append(b []byte) []byte {
	return fmt.Appendf(b, "file %s seq %d type %c\n", quote.IfNeeded(f.Name), f.Seq, f.Type)
}

// Clone returns a copy that shares nothing.
func (m *Manifest) Clone() *Manifest {
	c := &Manifest{History: append([]File(nil), m.History...), Incr: append([]File(nil), m.Incr...)}
	if m.Base != nil {
		f := *m.Base
		c.Base = &f
	}
	return c
}

// NextBase is the base that would follow, for files whose names begin with prefix. It
// is not part of the manifest yet.
func (m *Manifest) NextBase(prefix string, rdb bool) File {
	seq := m.inHistory()
	if m.Base != nil {
		seq = max(seq, m.Base.Seq)
	}
	form := "aof"
	if rdb {
		form = "rdb"
	}
	seq++
	return File{Name: fmt.Sprintf("%s.%d.base.%s", prefix, seq, form), Seq: seq, Type: Base}
}

// NextIncr is the increment that would follow.
func (m *Manifest) NextIncr(prefix string) File {
	seq := m.lastIncr()
	if seq == 0 {
		seq = m.inHistory()
	}
	seq++
	return File{Name: fmt.Sprintf("%s.%d.incr.aof", prefix, seq), Seq: seq, Type: Incr}
}

// inHistory is the highest number in the history: a name in it must not be used again, since
// its file is about to be deleted.
func (m *Manifest) inHistory() (seq int64) {
	for _, f := range m.History {
		seq = max(seq, f.Seq)
	}
	return seq
}

// Replace makes base the base and incr the only increments; all others become history.
func (m *Manifest) Replace(base File, incr []File) {
	kept := func(f File) bool {
		for _, k := range incr {
			if k.Name == f.Name {
				return true
			}
		}
		return false
	}
	for _, f := range m.Files() {
		if !kept(f) && f.Name != base.Name {
			f.Type = History
			m.History = append(m.History, f)
		}
	}
	m.Base, m.Incr = &base, append([]File(nil), incr...)
}
