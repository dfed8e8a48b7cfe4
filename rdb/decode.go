package rdb

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strconv"

	"redust/db"
)

// Reading. Decode turns the bytes of a file into batches of entries on one goroutine; Put
// stores a batch into the keyspace on the executor; between them stands whoever called Decode,
// with a queue. While one batch is stored the next is read, so on two processors loading
// takes as long as the slower half, and commands are served between batches.
//
//	file --> source --> decoder --> *Batch --> (caller's queue) --> Put --> keyspace
//	         buffer,    checks,     |                                |
//	         checksum   hashes      +------- Release, used again <---+
//
// All work that needs no keyspace is done by Decode: decompression, checks, conversion of
// old encodings, hashes of keys, and the choice of the form that the value will have. What is
// left for Put is one insertion into a page, of bytes that lie ready. A collection that is
// too large to be packed comes as elements, in as many batches as it takes (big), so that
// neither memory nor a pause grows with its size; it appears under its key with the last.
//
// Nothing in the input is trusted. Memory grows with what arrives, never with what a length
// announces. Packed values are walked entry by entry before anything else sees them, and
// what is not exactly as we would have written it (elements in a longer form than needed, an
// order that is none) is made anew. When the input makes no sense, all entries before that
// place have been yielded, and Error says where it is: so what is intact can be kept.
//
// Found by Put only, not by Decode: a key that is there twice, and elements that are there
// twice in a large collection.

// DecodeOptions say how an input is read. See OptionsFor.
type DecodeOptions struct {
	SkipChecksum bool
	// Size is that of the input, bytes, or 0 if it is unknown. With it, an absurd length is
	// found at once, and long strings are allocated in one piece.
	Size int64
	// Limits decide about the form of collections; none at all are db.DefaultLimits.
	Limits db.Limits
	// Hash is Keyspace.Hash of the keyspace that the batches are for: keys are hashed by
	// Decode then. Nil leaves it to Put.
	Hash func(key []byte) uint64
	// SkipModules leaves out what modules have written; else that is an error.
	SkipModules bool
	// Progress is told how many bytes have been read, every 256 KiB or so, on Decode's
	// goroutine.
	Progress func(read int64)
	// Trace, if set, is told of auxiliary fields and databases as they come, in a line each,
	// with the offset behind them; on Decode's goroutine. For tools that show a file.
	Trace func(offset int64, line string)

	payload bool // it is one
}

// OptionsFor returns the options that fit a keyspace. It is called on the executor; what it
// returns may be used anywhere.
func OptionsFor(ks *db.Keyspace) DecodeOptions {
	return DecodeOptions{Limits: ks.Limits, Hash: ks.Hash}
}

// Info is what is known of a file that has been read, as far as it has been read.
type Info struct {
	Version   int
	Aux       []Aux // in the order of the file
	Bytes     int64 // consumed, the checksum included; what follows belongs to somebody else
	Keys      int64 // entries yielded
	Timed     int64 // of them with a deadline
	Empty     int64 // collections without elements, which are left out
	Functions int   // libraries
	// Modules tells, by the names of modules, how many of their values, and other data of
	// theirs, were left out, see DecodeOptions.SkipModules.
	Modules map[string]int64
	Checked bool // there was a checksum, and it was right
}

// AuxValue is the value of an auxiliary field, "" if there is none.
func (i *Info) AuxValue(name string) string {
	for _, a := range i.Aux {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Aux is a fact about the file that is written at its beginning, such as redis-ver.
type Aux struct{ Name, Value string }

// Error is input that makes no sense, or cannot be read.
type Error struct {
	Offset int64  // where in the input, bytes
	What   string // what is wrong
	Doing  string // what was being read
	DB     int
	Key    []byte // of the entry that is damaged, nil if it is something else
	Type   Type   // of that entry
	Keys   int64  // entries before it, all intact
	Err    error  // what the reader said; io.ErrUnexpectedEOF if the input is too short
	// Foreign says that nothing is damaged: it is a file of another kind, or of a version or
	// with a module's data that cannot be read.
	Foreign bool
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("rdb: at byte %d", e.Offset)
	if e.Doing != "" {
		s += ", reading " + e.Doing
	}
	if e.Key != nil {
		s += fmt.Sprintf(" %.100q (type %d, database %d)", e.Key, e.Type, e.DB)
	}
	s += ": " + e.What
	if e.Err != nil && !errors.Is(e.Err, io.ErrUnexpectedEOF) {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the reader's error, if it was one.
func (e *Error) Unwrap() error { return e.Err }

// decoder is a file, or a payload, being decoded.
type decoder struct {
	source
	o     DecodeOptions
	info  Info
	b     *Batch
	yield func(*Batch) error // nil for a payload
	stop  error              // what yield said
	free  chan *Batch

	began int64 // where the batch at hand begins in the input
	db    int
	e     entry // being read
	val   value
	seen  seen
	pack  []byte // scratch for packed values under construction
	doing string

	hashOf func(key []byte) uint64 // any hash, for finding what is there twice
}

func newDecoder(o DecodeOptions, yield func(*Batch) error) *decoder {
	d := &decoder{o: o, yield: yield, hashOf: o.Hash}
	if o.Limits == (db.Limits{}) {
		d.o.Limits = db.DefaultLimits
	}
	if d.hashOf == nil {
		seed := maphash.MakeSeed()
		d.hashOf = func(key []byte) uint64 { return maphash.Bytes(seed, key) }
	}
	return d
}

// Decode reads a file and yields what is in it, batch by batch. Yield's batches are its own
// until it calls Release, on whatever goroutine; as many exist as are not released. What it
// returns other than nil ends the reading and is returned. Damage is an *Error, after all
// entries in front of it have been yielded.
func Decode(r io.Reader, o DecodeOptions, yield func(*Batch) error) (Info, error) {
	const spare = 8
	d := newDecoder(o, yield)
	d.free = make(chan *Batch, spare)
	d.source = source{
		r: r, buf: make([]byte, bufferBytes), size: -1,
		sums: !o.SkipChecksum, progress: o.Progress,
	}
	if o.Size > 0 {
		d.size = o.Size
	}
	d.next()
	d.file()
	if d.stop == nil {
		d.flush()
	}
	d.info.Bytes = d.offset()
	if d.stop != nil {
		return d.info, d.stop
	}
	if d.err != nil {
		return d.info, d.explain()
	}
	return d.info, nil
}

// explain completes the error.
func (d *decoder) explain() *Error {
	d.err.Doing, d.err.DB, d.err.Keys = d.doing, d.db, d.info.Keys
	if d.e.reading {
		d.err.Key, d.err.Type = append([]byte{}, d.e.key...), d.e.code
	}
	return d.err
}

// ok tells whether to go on.
func (d *decoder) ok() bool { return d.err == nil && d.stop == nil }

// next takes a batch to be filled.
func (d *decoder) next() {
	select {
	case d.b = <-d.free:
	default:
		d.b = &Batch{free: d.free}
		if d.o.payload {
			d.b.payload = int(d.size) + 32
		}
	}
	d.b.before = d.info.Keys
}

// flush yields the batch if there is something in it.
func (d *decoder) flush() {
	if d.b.void() {
		return
	}
	d.b.Bytes, d.b.left = d.offset(), d.left()
	d.b.read = d.b.Bytes - d.began
	d.began = d.b.Bytes
	b := d.b
	d.b = nil
	if d.stop = d.yield(b); d.stop == nil {
		d.next()
	}
}

// foreign notes that the input is of a kind that cannot be read, and as it should be.
func (d *decoder) foreign(what string) {
	if d.err == nil {
		d.fail(what)
		d.err.Foreign = true
	}
}

// magic reads the first bytes of a file.
func (d *decoder) magic() {
	d.doing = "the file's first bytes"
	p := d.take(9)
	if p == nil {
		return
	}
	name, digits := p[:5], p[5:9]
	if string(p[:6]) == "VALKEY" {
		version := string(p[6:9])
		d.pos -= len(p)
		d.foreign("the file was written by Valkey 9 or later (version " + version + "), whose format is another than Redis's")
		return
	}
	v, err := strconv.Atoi(string(digits))
	switch {
	case string(name) != "REDIS" || err != nil:
		d.pos -= len(p)
		d.fail("the file does not begin like an RDB file")
	case v < 1 || v > VersionRead:
		d.pos -= len(p)
		d.foreign(fmt.Sprintf("the file has version %d; versions 1 to %d can be read", v, VersionRead))
	}
	d.info.Version = v
}

// file reads all of a file.
func (d *decoder) file() {
	d.magic()
	for d.ok() {
		d.doing = "what is next"
		switch op := d.byte(); op {
		case opEOF:
			if d.ok() {
				d.checksum()
			}
			return
		case opSelectDB:
			d.doing = "a database's number"
			d.selectDB()
		case opResizeDB:
			d.doing = "the sizes of a database"
			d.flush() // so that the batch that follows is like those to come
			keys := d.int()
			d.int()
			if d.ok() {
				d.b.resize(d.db, keys)
			}
		case opAux:
			d.doing = "an auxiliary field"
			d.aux()
		case opFunction2:
			d.doing = "a library of functions"
			d.function()
		case opFunctionPre:
			d.foreign("functions in the form of a release candidate of Redis 7.0 cannot be read")
		case opModuleAux:
			d.doing = "a module's data"
			d.module()
		case opSlotInfo:
			d.doing = "the sizes of a slot"
			d.int()
			d.int()
			d.int()
		default:
			if d.ok() {
				d.pos-- // the entry begins with it
				d.entry()
			}
		}
	}
}

// selectDB reads the number of a database.
func (d *decoder) selectDB() {
	const most = 1 << 30
	n := d.count()
	if n > most {
		d.fail("a database has an impossible number")
		return
	}
	d.db = int(n)
	if d.o.Trace != nil {
		d.o.Trace(d.offset(), fmt.Sprintf("Selecting DB ID %d", n))
	}
}

// aux reads an auxiliary field.
func (d *decoder) aux() {
	name := string(d.str())
	val := string(d.str())
	if !d.ok() {
		return
	}
	if d.o.Trace != nil {
		d.o.Trace(d.offset(), fmt.Sprintf("AUX FIELD %s = '%s'", name, val))
	}
	const most = 1000 // there are about ten
	if len(d.info.Aux) < most {
		a := Aux{name, val}
		d.info.Aux = append(d.info.Aux, a)
		d.b.Aux = append(d.b.Aux, a)
	}
}

// function reads the source of a library.
func (d *decoder) function() {
	src := append([]byte(nil), d.str()...)
	if !d.ok() {
		return
	}
	d.info.Functions++
	d.b.Functions = append(d.b.Functions, src)
	d.b.extra += len(src)
	if d.b.full() {
		d.flush()
	}
}

// checksum reads the end of a file.
func (d *decoder) checksum() {
	const since = 5 // the version
	if d.info.Version < since {
		return
	}
	d.doing = "the checksum"
	d.settle()
	sum := d.sum
	want := d.uint64()
	if d.err != nil || want == 0 || !d.sums {
		return // 0 says that none was made
	}
	if sum != want {
		d.fail(fmt.Sprintf("the checksum is %016x, and the file says %016x", sum, want))
		return
	}
	d.info.Checked = true
}

// entry reads a key with what stands in front of it.
func (d *decoder) entry() {
	d.e.reset(d.offset(), d.db)
	d.doing = "an entry"
	var t Type
	for {
		op := d.byte()
		switch op {
		case opExpireTimeMs:
			d.e.deadline = int64(d.uint64())
			d.e.timed = true
			continue
		case opExpireTime:
			if p := d.take(4); p != nil {
				s := int32(uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24)
				d.e.deadline = int64(s) * 1000
				d.e.timed = true
			}
			continue
		case opIdle:
			d.e.history, d.e.known = d.int(), isIdle
			continue
		case opFreq:
			d.e.history, d.e.known = int64(d.byte()), isFreq
			continue
		}
		if d.err != nil {
			return
		}
		t = Type(op)
		break
	}
	d.e.code = t
	if !t.known() {
		d.pos--
		d.fail(fmt.Sprintf("an entry has the unknown type %d", t))
		return
	}
	d.doing = "a key"
	d.e.key, _ = d.text(d.b, longKey)
	if d.err != nil {
		return
	}
	d.e.reading = true
	if d.o.Hash != nil {
		d.e.hash = d.o.Hash(d.e.key)
	}
	d.doing = "the value of"
	d.value(t)
	if !d.ok() {
		return
	}
	d.e.reading = false
	if d.e.skip {
		if !d.e.lost {
			d.info.Empty++
		}
		return
	}
	d.info.Keys++
	if d.e.timed {
		d.info.Timed++
	}
	if d.b.full() {
		d.flush()
	}
}

// longKey is from what length on a key has memory of its own, bytes.
const longKey = 4 << 10

// known tells whether a value of this type can be read, or at least refused by name.
func (t Type) known() bool {
	return t <= TypeModule2 || t >= TypeHashZipmap && t <= TypeHashListpackEx
}
