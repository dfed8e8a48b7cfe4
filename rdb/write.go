// Package rdb turns values into bytes and back: Redis's snapshot files, the payloads of
// DUMP and RESTORE, and what a master sends to a new replica, are one format.
//
//	Take --> Snapshot --> Write --> file, socket         write.go, encode.go
//	          views of all databases
//	item --> Dump --> payload
//
// # Snapshots are views
//
// Redis forks, so that the child has the data as it was; the fork stops the server for as
// long as copying the page tables takes, and then every write copies 4 KiB. Here Take notes
// the roots of all databases, some microseconds whatever their size, and one goroutine walks
// what they lead to while the executor goes on. What a view leads to is never written to:
// the executor clones a page before its first write (db/cow), so the walk needs no lock, and
// neither the walk nor the end of it changes anything that the executor sees. Release gives
// the views back, on the executor. It must not be forgotten: a view that lives makes every
// write to an old page a copy. With WriteOptions.Drain, a page that was cloned is garbage once
// it has been written, and where the executor changes keys faster than they are written, it
// encodes some itself (help.go): so little of what changes during a snapshot is there twice.
//
// # The lowest version
//
// A file is written as Redis 7.0 writes it (version 10), so that whoever wants to go back to
// Redis can, also to an old one. Only when some hash has fields with deadlines, which no
// Redis before 7.4 knows, the version is 12, and then also what 7.2 can tell and 7.0 cannot
// is told: packed sets, when consumers of streams were active.
//
// # Costs
//
// Nothing is allocated for a key. A value that is packed is written as it lies, behind a few
// bytes of frame. What is written is gathered in pieces of 128 KiB, summed up and passed on;
// a long string is not copied. Of ten million small keys, reading the pages takes half the
// time and the checksum a fifth.
package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"redust/db"
)

// Snapshot is the data set at one moment, for one goroutine to read.
type Snapshot struct {
	DBs       []*db.View
	Functions [][]byte // source code of the function libraries
}

// Take notes the data set as it is now; on the goroutine that owns the keyspace. It costs
// some hundred pointers a database, whatever the number of keys.
func Take(ks *db.Keyspace) *Snapshot {
	s := &Snapshot{DBs: make([]*db.View, ks.DBs())}
	for i := range s.DBs {
		s.DBs[i] = ks.DB(i).View()
	}
	return s
}

// Release gives the snapshot back; on the goroutine that owns the keyspace, once nobody
// reads it any more.
func (s *Snapshot) Release() {
	for _, v := range s.DBs {
		v.Release()
	}
	s.DBs = nil
}

// Keys is the number of keys, those past their deadline included.
func (s *Snapshot) Keys() int64 {
	n := int64(0)
	for _, v := range s.DBs {
		n += int64(v.Len())
	}
	return n
}

// Version is the lowest version of the format that holds all of the data.
func (s *Snapshot) Version() int {
	for _, v := range s.DBs {
		if v.TimedFields() > 0 {
			return VersionFields
		}
	}
	return VersionPlain
}

// History says what of the keys' access history is written.
type History uint8

// The histories: what the eviction policy at hand needs.
const (
	NoHistory History = iota
	Idle              // how long since the last access: policies by LRU
	Freq              // the counter of LFU
)

// WriteOptions say how a file is written. The zero value writes without compression and
// checksum.
type WriteOptions struct {
	Compress   bool
	Checksum   bool
	History    History
	Aux        []Aux     // in their order; see AuxFields
	Drain      bool      // the snapshot will not be read again, and is given up while it is written
	Progress   *Progress // if not nil, is told how far it is, and may stop it
	KeyDelayUs int       // microseconds to wait after each key, or if negative, one for so many keys; for tests
	Pace       *Pace     // if not nil, decides when files are not written for a moment
	// FlushBytes makes the system begin to write the file to the disk whenever it has
	// grown by so many bytes, so that the sync at its end does not take long; 0: never.
	FlushBytes int64
}

// AuxFields are the facts that Redis writes into each file: the version of Redis that is
// spoken, the time, and the memory in use. With aof the file is the beginning of an append
// only file.
func AuxFields(version string, nowUnix, usedMemory int64, aof bool) []Aux {
	base := "0"
	if aof {
		base = "1"
	}
	return []Aux{
		{"redis-ver", version},
		{"redis-bits", "64"},
		{"ctime", strconv.FormatInt(nowUnix, 10)},
		{"used-mem", strconv.FormatInt(usedMemory, 10)},
		{"aof-base", base},
	}
}

// Progress tells how far a writer has come, and can stop it. Any goroutine may ask. Use
// NewProgress.
type Progress struct {
	keys    atomic.Int64
	stopped atomic.Bool
	stop    chan struct{} // closed by the first Cancel
	over    chan struct{}
}

// NewProgress returns that of a writer that is about to start.
func NewProgress() *Progress { return &Progress{stop: make(chan struct{}), over: make(chan struct{})} }

// Keys is the number of keys that have been written.
func (p *Progress) Keys() int64 { return p.keys.Load() }

// Cancel makes the writer give up, soon.
func (p *Progress) Cancel() {
	if !p.stopped.Swap(true) {
		close(p.stop)
	}
}

// Stopped is closed once somebody has called Cancel.
func (p *Progress) Stopped() <-chan struct{} { return p.stop }

// Cancelled tells whether somebody has called Cancel.
func (p *Progress) Cancelled() bool { return p.stopped.Load() }

// Finish says that the work is over, whatever came of it. The writer's goroutine calls it once,
// when the files are as they will stay.
func (p *Progress) Finish() { close(p.over) }

// Wait returns when the work is over.
func (p *Progress) Wait() { <-p.over }

// ErrCancelled is what a writer returns whose Progress was told to Cancel.
var ErrCancelled = errors.New("cancelled")

// Write writes a file. An error is w's, or ErrCancelled.
func Write(w io.Writer, s *Snapshot, o WriteOptions) error {
	e := &encoder{buf: make([]byte, 0, bufBytes), w: w, summed: o.Checksum, compress: o.Compress, version: s.Version(), progress: o.Progress}
	e.buf = fmt.Appendf(e.buf, "REDIS%04d", e.version)
	for _, a := range o.Aux {
		e.buf = append(e.buf, opAux)
		e.text(a.Name)
		e.text(a.Value)
	}
	for _, f := range s.Functions {
		e.buf = append(e.buf, opFunction2)
		e.str(f)
		e.spill()
	}
	k := keys{encoder: e, o: &o}
	for i, v := range s.DBs {
		if v.Len() == 0 {
			continue
		}
		e.buf = append(e.buf, opSelectDB)
		e.len(i)
		e.buf = append(e.buf, opResizeDB)
		e.len(v.Len())
		e.len(v.Timed())
		k.view(v)
	}
	e.buf = append(e.buf, opEOF)
	e.flush()
	if e.err == nil {
		// The sum is not summed up itself.
		e.buf = binary.LittleEndian.AppendUint64(e.buf, e.sum)
		e.summed = false
		e.flush()
	}
	return e.err
}

// keys writes entries.
type keys struct {
	*encoder
	o      *WriteOptions
	n      int64   // written
	reckon int64   // at which of them Progress is looked at next
	help   *help   // of the database at hand, or nil
	used   []piece // of it, written last
}

// everyKeys is how many keys are written between two looks at Progress.
const everyKeys = 1024

// view writes all entries of a database.
func (k *keys) view(v *db.View) {
	e, before := k.encoder, k.n
	write := func(it db.Item) bool {
		e.entry(v, it, k.o.History)
		e.spill()
		if k.n++; k.n >= k.reckon {
			k.look()
		}
		return e.err == nil
	}
	if k.o.Drain {
		k.help = newHelp(v, k.o.History, e.version)
		v.Drain(write, k.help.take)
		k.helped(k.help.close())
		k.help, k.used = nil, nil
	} else {
		v.Each(write)
	}
	k.look()
	if e.err == nil && k.n-before != int64(v.Len()) {
		e.err = errDrained
	}
}

// entry appends all that a file has of a key.
func (e *encoder) entry(v *db.View, it db.Item, history History) {
	if at := it.ExpireAt(); at != 0 {
		e.buf = append(e.buf, opExpireTimeMs)
		e.fixed64(uint64(at))
	}
	switch history {
	case Idle:
		e.buf = append(e.buf, opIdle)
		e.num(uint64(v.IdleSeconds(it)))
	case Freq:
		e.buf = append(e.buf, opFreq, v.Freq(it))
	}
	t := e.typeOf(it)
	e.buf = append(e.buf, byte(t))
	e.str(it.Key())
	e.item(it, t)
}

// errDrained keeps a file with half the keys from taking the place of a good one.
var errDrained = errors.New("the snapshot does not have all its keys any more")

// look tells Progress how far it is, and whether to go on.
func (k *keys) look() {
	if k.help != nil {
		got := k.help.pieces(k.used)
		k.helped(got)
		k.used = got
	}
	k.reckon = k.n + everyKeys
	if p := k.o.Progress; p != nil {
		p.keys.Store(k.n)
		k.check()
	}
	if k.o.KeyDelayUs != 0 {
		k.delay()
	}
}

// delay waits as rdb-key-save-delay says.
func (k *keys) delay() {
	us := k.o.KeyDelayUs
	if us > 0 {
		k.reckon = k.n + 1
	} else {
		k.reckon, us = k.n+int64(-us), 1
	}
	const piece = 10 * time.Millisecond // after which somebody may have called Cancel
	for left := time.Duration(us) * time.Microsecond; left > 0 && k.err == nil; left -= piece {
		time.Sleep(min(left, piece))
		k.check()
	}
}

// AppendValue appends the type byte of a value and what follows the key in a file.
func AppendValue(b []byte, it db.Item, compress bool) []byte {
	e := encoder{buf: b, compress: compress, version: valueVersion(it)}
	t := e.typeOf(it)
	e.buf = append(e.buf, byte(t))
	e.item(it, t)
	return e.buf
}

// valueVersion is the lowest version that has a type for the value.
func valueVersion(it db.Item) int {
	if it.Type() == db.Hash && it.FieldDeadline() != 0 {
		return VersionFields
	}
	return VersionPlain
}

// Dump appends the payload of DUMP: a value with the version of the format and a checksum
// behind it.
func Dump(b []byte, it db.Item, compress bool) []byte {
	from := len(b)
	b = AppendValue(b, it, compress)
	b = binary.LittleEndian.AppendUint16(b, uint16(valueVersion(it)))
	return binary.LittleEndian.AppendUint64(b, crc64(0, b[from:]))
}

// ValueLen is how many bytes a value takes in a file, without type and key.
func ValueLen(it db.Item, compress bool) int64 {
	e := encoder{count: true, compress: compress, version: valueVersion(it)}
	e.item(it, e.typeOf(it))
	return e.written()
}
