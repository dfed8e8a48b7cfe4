package aof

import (
	"bytes"
	"fmt"
	"io"
)

// Reading. A file of the append only file is requests one after another, perhaps with an RDB
// file in front of the first. It is read in blocks, cut in place, and handed on in batches:
//
//	file --> block --> cut --> *Batch --> (caller's queue) --> replayed --> Release --+
//	           ^                                                                      |
//	           +------------------- the block is read into again <--------------------+
//
//	block:  ..lo\r\n | *3\r\n$3\r\nSET.. | *1 MULTI *3 SET.. *2 INCR.. *1 EXEC | *3\r\n$3\r\nSE
//	                   ^a unit             ^another one                          ^torn: begins the next block
//
// A unit is a request, or a transaction from MULTI to EXEC, and is either in a batch as a
// whole or not at all; MULTI and EXEC themselves are left out. So whoever runs a batch
// needs to know nothing of transactions, and what is behind a batch is a place where the
// file could end.
//
// Arguments point into the block; nothing is allocated for a request. A block grows for a
// unit that is larger, to at least twice its size, so that each byte is looked at a
// bounded number of times, and never beyond what is left of the file, whatever a length
// in it announces.
//
// A line that begins with # is an annotation. #TS: gives the Unix time, seconds, at which
// what follows was written; others are skipped.

// Batch is a number of requests in a row. It belongs to whoever it was yielded to until
// Release.
type Batch struct {
	Words [][]byte // of all requests, one after the other
	Ends  []int    // where each request's words end in Words
	At    []int64  // where each request begins in the file
	Read  int64    // how far the file has been read
	Size  int64    // of the file

	block []byte
	free  chan *Batch
}

// Release gives the batch back; what it held is no longer valid. It may be called on any
// goroutine.
func (b *Batch) Release() {
	const keep = 4 * blockBytes
	if cap(b.block) > keep {
		b.block = nil
	}
	const keepWords = 64 << 10
	if cap(b.Words) > keepWords {
		b.Words = nil
	}
	select {
	case b.free <- b:
	default:
	}
}

// blockBytes is how much is read and handed on at a time: some thousand small requests,
// which are a few milliseconds of work.
const blockBytes = 256 << 10

// Flaw is why a file cannot be read further.
type Flaw struct {
	File string // as it was opened
	// At is where in the file the flaw was seen; Valid is up to where all is well: every
	// unit in front of it was whole.
	At, Valid int64
	Size      int64 // of the file
	// Torn: the file just ends too early, as after a crash. Otherwise it holds what cannot
	// have been written, or Err says why it could not be read.
	Torn   bool
	InRDB  bool  // in the RDB file at its beginning
	Keys   int64 // InRDB: how many keys were intact in front of it
	Reason string
	Err    error
}

// Error implements error.
func (f *Flaw) Error() string {
	s := fmt.Sprintf("aof: read %s: at byte %d of %d: %s", f.File, f.At, f.Size, f.Reason)
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap is the error of the operating system, if there was one.
func (f *Flaw) Unwrap() error { return f.Err }

// syntax is a place where bytes are not what they must be.
type syntax struct {
	pos    int // in the slice that was cut
	reason string
}

// cutter takes units out of a slice.
type cutter struct {
	b    []byte
	pos  int
	need int // of b, bytes, to go on; at least one more than there are
	bad  *syntax
}

// fail notes that the bytes at pos make no sense.
func (c *cutter) fail(pos int, format string, args ...any) bool {
	c.bad = &syntax{pos, fmt.Sprintf(format, args...)}
	return false
}

// maxHeader is the longest line that gives a number, bytes.
const maxHeader = 32

// number reads a line of a kind and a number; false if it is torn or makes no sense.
func (c *cutter) number(kind byte) (n int, ok bool) {
	b, i := c.b, c.pos
	if i >= len(b) {
		c.need = i + 1
		return 0, false
	}
	if b[i] != kind {
		return 0, c.fail(i, "expected '%c', found '%c'", kind, visible(b[i]))
	}
	from := i
	i++
	for i < len(b) && b[i]-'0' <= 9 && i-from < maxHeader/2 {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' && i > from+1 {
		c.pos = i + 2
		return n, true
	}
	if i < len(b) && !(b[i] == '\r' && i > from+1) || i+1 < len(b) {
		return 0, c.fail(from, "expected a number and the end of the line after '%c'", kind)
	}
	c.need = i + 2
	return 0, false
}

// visible is a byte for a message.
func visible(b byte) byte {
	if b < ' ' || b > '~' {
		return '?'
	}
	return b
}

// request appends the words of the request at pos to dst. False if it is torn or makes no
// sense, and then pos does not matter.
func (c *cutter) request(dst [][]byte) ([][]byte, bool) {
	was := len(dst)
	count, ok := c.number('*')
	if !ok {
		return dst, false
	}
	if count < 1 {
		return dst, c.fail(c.pos, "a command without words")
	}
	for ; count > 0; count-- {
		n, ok := c.number('$')
		if !ok {
			return dst[:was], false
		}
		at := c.pos
		if n > len(c.b)-at-2 {
			c.need = at + n + 2
			return dst[:was], false
		}
		if c.b[at+n] != '\r' || c.b[at+n+1] != '\n' {
			return dst[:was], c.fail(at+n, "expected the end of the line after %d bytes", n)
		}
		dst = append(dst, c.b[at:at+n:at+n])
		c.pos = at + n + 2
	}
	return dst, true
}

// annotation reads the line at pos, which begins with #.
func (c *cutter) annotation() (line []byte, ok bool) {
	const longest = 1 << 10
	for i := c.pos; i < len(c.b); i++ {
		if c.b[i] == '\n' {
			line = c.b[c.pos:i]
			c.pos = i + 1
			return line, true
		}
		if i-c.pos > longest {
			return nil, c.fail(c.pos, "an annotation without an end")
		}
	}
	c.need = len(c.b) + 1
	return nil, false
}

// timestamp is the time that an annotation gives, Unix seconds; false if it is another one.
func timestamp(line []byte) (at int64, ok bool) {
	const mark = "#TS:"
	if len(line) < len(mark) || string(line[:len(mark)]) != mark {
		return 0, false
	}
	digits := line[len(mark):]
	if n := len(digits); n > 0 && digits[n-1] == '\r' {
		digits = digits[:n-1]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, d := range digits {
		if d -= '0'; d > 9 {
			return 0, false
		}
		at = at*10 + int64(d)
	}
	return at, true
}

// isWord tells whether a request's name is this word, which is in upper case.
func isWord(name []byte, word string) bool {
	if len(name) != len(word) {
		return false
	}
	for i, ch := range name {
		if ch-'a' < 26 {
			ch -= 0x20
		}
		if ch != word[i] {
			return false
		}
	}
	return true
}

// reader yields the requests of one file.
type reader struct {
	name  string
	src   io.Reader
	size  int64 // of the file
	at    int64 // where the block at hand begins in the file
	until int64 // stop in front of what was written later, Unix seconds; 0: read all
	yield func(*Batch) error
	free  chan *Batch

	rest    []byte // what the block before left
	stopped bool   // at until
	valid   int64
	latest  int64 // the last timestamp, Unix seconds
	count   int64 // requests yielded
}

// newReader reads a file from where src stands, which is at the offset at.
func newReader(name string, src io.Reader, at, size, until int64, yield func(*Batch) error) *reader {
	const spare = 4
	return &reader{name: name, src: src, at: at, valid: at, size: size, until: until, yield: yield, free: make(chan *Batch, spare)}
}

// run reads to the end of the file; what is wrong with the file is a *Flaw.
func (r *reader) run() error {
	need := blockBytes
	for !r.stopped {
		b := r.take()
		block, end, err := r.fill(b.block, need)
		b.block = block
		if err != nil {
			return &Flaw{File: r.name, At: r.at + int64(len(block)), Valid: r.valid, Size: r.size, Reason: "it cannot be read", Err: err}
		}
		used, more, flaw := r.cut(b, block)
		r.at += int64(used)
		r.valid = r.at
		b.Read, b.Size = r.at, r.size
		if cap(r.rest) > 4*blockBytes && len(block)-used < blockBytes {
			r.rest = nil // one large value is over
		}
		r.rest = append(r.rest[:0], block[used:]...)
		torn := end && len(r.rest) > 0 && !r.stopped
		if flaw == nil && (torn || int64(more) > r.size-r.at) {
			flaw = &Flaw{Torn: true, At: r.at + int64(len(r.rest)), Reason: "it ends within a command"}
			switch {
			case more < 0:
				flaw.Reason = "it ends within a transaction"
			case int64(more) > r.size-r.at+maxHeader: // not just the next header
				flaw.Reason += fmt.Sprintf(", which wants %d bytes from byte %d on", more, r.at)
			}
		}
		if len(b.Ends) > 0 {
			r.count += int64(len(b.Ends))
			if err := r.yield(b); err != nil {
				return err
			}
		} else {
			b.Release()
		}
		if flaw != nil {
			flaw.File, flaw.Size, flaw.Valid = r.name, r.size, r.valid
			if !flaw.Torn && r.zeros(flaw.At-r.at) {
				flaw.Torn, flaw.Reason = true, "it ends in zeros, as after a loss of power"
			}
			return flaw
		}
		if end {
			return nil
		}
		need = blockBytes
		if used == 0 {
			need = max(more, 2*len(block))
		}
	}
	return nil
}

// zeros tells whether all that is left of the file, from an offset in rest on, is zeros. A file
// system may have noted how long the file is, and not what was in it.
func (r *reader) zeros(from int64) bool {
	none := func(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
	if from >= int64(len(r.rest)) || !none(r.rest[from:]) {
		return false
	}
	block := make([]byte, blockBytes)
	for {
		n, err := r.src.Read(block)
		if !none(block[:n]) {
			return false
		}
		if err != nil {
			return err == io.EOF
		}
	}
}

// take returns a batch to be filled.
func (r *reader) take() *Batch {
	select {
	case b := <-r.free:
		b.Words, b.Ends, b.At = b.Words[:0], b.Ends[:0], b.At[:0]
		return b
	default:
		return &Batch{free: r.free}
	}
}

// fill makes a block of what the one before left and what follows in the file, need bytes
// together if there are as many.
func (r *reader) fill(block []byte, need int) (_ []byte, end bool, err error) {
	need = int(min(int64(need), max(r.size-r.at, 0)+1)) // one more, to see the end
	need = max(need, len(r.rest)+1)
	if cap(block) < need {
		block = make([]byte, need)
	}
	block = block[:max(need, min(cap(block), blockBytes))]
	n := copy(block, r.rest)
	got, err := io.ReadFull(r.src, block[n:])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		end, err = true, nil
	}
	return block[:n+got], end, err
}

// cut takes all whole units out of a block. It returns how many bytes they are, and how
// many the one needs that is torn: less than nothing if that is not known, since it is a
// transaction.
func (r *reader) cut(b *Batch, block []byte) (used, more int, flaw *Flaw) {
	c := cutter{b: block}
	words, ends, ats := b.Words, b.Ends, b.At
	unit, in := 0, false    // where the unit at hand begins; whether it is a transaction
	wordsAt, endsAt := 0, 0 // and where in the batch
	ok := true
	for c.pos < len(block) {
		if !in {
			unit, wordsAt, endsAt = c.pos, len(words), len(ends)
		}
		if block[c.pos] == '#' {
			var line []byte
			if line, ok = c.annotation(); !ok {
				break
			}
			if at, some := timestamp(line); some {
				if r.until > 0 && at > r.until {
					r.stopped = true
					break
				}
				r.latest = at
			}
			continue
		}
		from, first := c.pos, len(words)
		if words, ok = c.request(words); !ok {
			break
		}
		switch name := words[first]; {
		case len(name) == 5 && isWord(name, "MULTI"):
			if in {
				c.fail(from, "MULTI within a transaction")
			}
			in = true
			words = words[:first]
		case len(name) == 4 && isWord(name, "EXEC"):
			if !in {
				c.fail(from, "EXEC without MULTI")
			}
			in = false
			words = words[:first]
		default:
			ends = append(ends, len(words))
			ats = append(ats, r.at+int64(from))
		}
		if c.bad != nil {
			break
		}
	}
	if !in && ok && c.bad == nil && !r.stopped {
		unit, wordsAt, endsAt = c.pos, len(words), len(ends)
	}
	b.Words, b.Ends, b.At = words[:wordsAt], ends[:endsAt], ats[:endsAt]
	if c.bad != nil {
		return unit, 0, &Flaw{At: r.at + int64(c.bad.pos), Reason: c.bad.reason}
	}
	if in && ok {
		return unit, -1, nil
	}
	return unit, c.need - unit, nil
}
