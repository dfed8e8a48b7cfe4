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
// Strings are not compressed, which would cost much more.
//
// Taking a page and encoding it are one under the lock, so when the writer closes, all that
// was taken is there. It holds the lock for some instructions; the executor never waits
// longer than that.
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

// take encodes the keys of a page, on the executor. False: the writer has them.
func (h *help) take(o db.Offer) bool {
	h.mu.Lock()
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

// pieces returns what is there to be written. It belongs to the caller until used.
func (h *help) pieces() []piece {
	h.mu.Lock()
	defer h.mu.Unlock()
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

// used gives the memory of a piece back.
func (h *help) used(p piece) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.free) < keepPieces {
		h.free = append(h.free, p.bytes[:0])
	}
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
		k.help.used(p)
	}
}
