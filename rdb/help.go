package rdb

import (
	"sync"

	"redust/db"
)

// help is what the executor does for the goroutine that writes a snapshot. Random writes
// come to all pages of a database sooner than any writer of files does, and each page that is
// changed ahead of it would be there twice. So from some point on (db/table, drain.go) the
// executor encodes a page's keys before it changes them, and only the bytes wait:
//
//	executor   take --> piece, piece, ...  \
//	                                        >  file
//	writer     page, page, page, ---------- /
//
// Every thousand keys the writer puts between its own entries what has come; the order of
// keys in a file means nothing. A page costs the executor about twice what a clone does.
// Strings are not compressed, which would cost much more. What waits is about half of what
// the pages would be; only if the disk stands still does it become much.
//
// Taking a page and encoding it are one under the lock, so when the writer closes, all that
// was taken is there. But for that moment nobody waits for the lock: a goroutine that is woken
// by another begins on that one's processor, and the executor's is not to be shared. The
// executor then clones the page, and the writer comes again a thousand keys later.
type help struct {
	view    *db.View
	history History

	mu     sync.Mutex
	e      encoder
	full   []piece
	keys   int64 // in e.buf
	free   [][]byte
	closed bool
}

// piece is some entries, encoded.
type piece struct {
	bytes []byte
	keys  int64
}

// keepPieces is how many buffers are kept for the next ones.
const keepPieces = 4

func newHelp(v *db.View, history History, version int) *help {
	return &help{view: v, history: history, e: encoder{version: version}}
}

// take encodes the keys of a page, on the executor. False: it did not, and somebody else does.
func (h *help) take(o db.Offer) bool {
	if !h.mu.TryLock() {
		return false
	}
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	taken := o.Take(func(it db.Item) {
		h.e.entry(h.view, it, h.history)
		h.keys++
	})
	if len(h.e.buf) >= spillAt {
		h.cut()
	}
	return taken
}

// cut ends a piece.
func (h *help) cut() {
	h.full = append(h.full, piece{h.e.buf, h.keys})
	h.keys = 0
	if n := len(h.free); n > 0 {
		h.e.buf, h.free = h.free[n-1], h.free[:n-1]
	} else {
		h.e.buf = make([]byte, 0, bufBytes)
	}
}

// pieces returns what is there to be written, and takes back the memory of what was.
func (h *help) pieces(used []piece) []piece {
	if !h.mu.TryLock() {
		return nil
	}
	defer h.mu.Unlock()
	for _, p := range used {
		if len(h.free) < keepPieces {
			h.free = append(h.free, p.bytes[:0])
		}
	}
	got := h.full
	h.full = nil
	return got
}

// close ends the help and returns what is left.
func (h *help) close() []piece {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	return append(h.full, piece{h.e.buf, h.keys})
}

// helped writes what the executor has encoded.
func (k *keys) helped(pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	k.flush()
	for _, p := range pieces {
		k.pass(p.bytes)
		k.n += p.keys
	}
}
