package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"redust/internal/disk"
)

// The writing side. The executor hands over the stream of effects and never waits; one
// goroutine, the writer, has the file:
//
//	executor                           writer                             disk
//	Append --> queue of pieces ------> write ---------------------------> page cache
//	           | bytes | order | bytes     \-> everysec: one sync a second, aside
//	                                        \-> always: sync, of all that came meanwhile
//	Acked <-- position <------------------/
//
// What arrives while the writer is busy is one piece and one write when it is done, so
// under load a write carries many clients, and with always so does a sync: the number of
// syncs does not grow with the number of clients.
//
// An order is a function in the stream: it runs on the writer when all bytes before it
// are written. A rewrite turns to its new file by an order, at the very byte at which its
// snapshot was taken.
//
// # What acknowledged means
//
// Acked is a position of the stream up to which all is as safe as the policy asks: with
// always on the disk, else in the kernel. It is what replies wait for (loop/ack.go).
//
// # Disks fail
//
// A write that fails is tried again, ten times a second, from the same byte on: what of it
// had reached the file is cut off. Nothing after it is written before it, nothing is
// acknowledged meanwhile, and as soon as the disk takes it all goes on.
//
// A sync that fails is another matter. The kernel may have dropped the pages that it could
// not write, and a second sync would say that all is well. The file is lost then: no byte
// is added to it, and nothing is acknowledged until a rewrite has put the whole data set
// into new files (Status.Lost asks for one).
//
// # Time
//
// Nobody here looks at a clock: Tick, called some ten times a second, says how late it is
// and makes what is due happen.
type Writer struct {
	o Options

	acked    atomic.Int64 // math.MaxInt64: nobody needs to wait
	written  atomic.Int64 // position of the stream
	told     atomic.Int64 // likewise, what was appended
	size     atomic.Int64 // of base and increments, bytes
	baseSize atomic.Int64 // of them after the last rewrite, bytes
	delayed  atomic.Int64 // syncs that were due while another was under way
	syncing  atomic.Bool  // a sync is under way, aside
	unsynced atomic.Bool  // something written is not synced
	failing  atomic.Bool  // the last write did not succeed

	mu      sync.Mutex
	work    sync.Cond // there is something in queue, or due
	queue   []piece
	spare   []piece
	bufs    [][]byte // empty
	asleep  bool     // the writer waits for work
	arrived int      // calls of Append since the writer took what there was
	group   int      // calls of Append for what it took
	crowd   bool     // there was more than one call for what it took before
	ticks   int64
	due     bool           // a sync, by the clock
	giveUp  bool           // do not try again what fails: the file is about to be closed
	flushes []chan<- error // hear of a write that fails, lest they wait for the next that succeeds
	set     Settings
	nowMs   int64
	syncMs  int64 // when the last sync began
	lastTS  int64 // of the last annotation, Unix seconds

	// The writer's own.
	cur         disk.File // nil: none
	curFS       disk.FS
	curPath     string
	curSize     int64
	aside       *asideSync // the sync that is under way, aside
	lost        bool
	unpublished bool  // the manifest does not name cur yet
	free        bool  // and nobody waits for that: the file has been switched on just now
	synced      int64 // position of the stream
	seen        Settings
	status      Status

	// The manifest belongs to whoever rewrites; one rewrite at a time.
	files    sync.Mutex
	place    Place
	manifest *Manifest
	stale    bool        // the manifest on the disk may be another
	opened   atomic.Bool // place and manifest are those of a file that is open
	turns    int         // temporary increments so far
}

// piece is a part of the stream: bytes, or an order.
type piece struct {
	b   []byte
	end int64 // position of the stream after it
	do  func()
}

// Policy says when what was written is put on the disk.
type Policy uint8

// The policies of appendfsync.
const (
	EverySec Policy = iota
	Always
	Never
)

// Settings are what may change while the file is written.
type Settings struct {
	Policy     Policy
	Timestamps bool // write annotations of the time
	NoSync     bool // not now: a snapshot is being written
	KeepOld    bool // do not delete files that no longer count
}

// Status is how writing goes.
type Status struct {
	Err  error // nil: well
	Lost bool  // only a rewrite into new files will help
}

// Options are what the writer needs of the world. Functions may be called on any goroutine.
type Options struct {
	Log      func(l Level, text string)
	Advanced func()                       // Acked has changed
	Changed  func(s Status)               // writing goes differently than before
	Slow     func(event string, ns int64) // something took a millisecond or more
	Aside    func(work func())            // runs work on a goroutine of its own, and has a processor for it
	Mono     func() int64                 // monotonic nanoseconds
	Pause    func()                       // waits a fraction of the time that a sync takes
}

// Level is how important a line of the log is.
type Level uint8

// The levels.
const (
	Verbose Level = iota
	Notice
	Warning
)

// The events of the latency monitor.
const (
	slowWrite  = "aof-write"
	slowAlone  = "aof-write-alone"
	slowDuring = "aof-write-pending-fsync"
	slowSync   = "aof-fsync-always"
	slowRename = "aof-rename"
)

// NewWriter prepares a writer. Nothing is open yet, and nobody needs to wait.
func NewWriter(o Options) *Writer {
	w := &Writer{o: o}
	w.work.L = &w.mu
	w.acked.Store(math.MaxInt64)
	go w.run()
	return w
}

// Acked is the position up to which the stream is safe.
func (w *Writer) Acked() int64 { return w.acked.Load() }

// pieceBytes is from how many bytes on a piece does not grow further, so that its memory can
// be used again.
const pieceBytes = 1 << 20

// Append adds to the stream; b is borrowed. unix is the time, seconds.
func (w *Writer) Append(b []byte, unix int64) {
	w.mu.Lock()
	n := len(w.queue)
	if n == 0 || w.queue[n-1].do != nil || len(w.queue[n-1].b) >= pieceBytes {
		var buf []byte
		if k := len(w.bufs); k > 0 {
			buf, w.bufs = w.bufs[k-1], w.bufs[:k-1]
		}
		w.queue = append(w.queue, piece{b: buf})
		n++
	}
	p := &w.queue[n-1]
	if w.set.Timestamps && unix > w.lastTS {
		w.lastTS = unix
		p.b = fmt.Appendf(p.b, "#TS:%d\r\n", unix)
	}
	w.arrived++
	p.b = append(p.b, b...)
	p.end = w.told.Add(int64(len(b)))
	w.rouse()
	w.mu.Unlock()
}

// order adds a function to the stream.
func (w *Writer) order(f func()) {
	w.mu.Lock()
	w.queue = append(w.queue, piece{do: f, end: w.told.Load()})
	w.rouse()
	w.mu.Unlock()
}

// rouse wakes the writer if it sleeps. The lock is held.
func (w *Writer) rouse() {
	if w.asleep {
		w.asleep = false
		w.work.Signal()
	}
}

// Set changes the settings.
func (w *Writer) Set(s Settings) {
	w.mu.Lock()
	if s != w.set {
		w.set = s
		w.rouse()
	}
	w.mu.Unlock()
}

// Tick says what time it is, Unix milliseconds.
func (w *Writer) Tick(nowMs int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	const syncEveryMs = 1000
	w.ticks++
	w.nowMs = nowMs
	if nowMs < w.syncMs { // somebody has set the clock
		w.syncMs = nowMs
	}
	if w.set.Policy == EverySec && !w.set.NoSync && w.unsynced.Load() && nowMs-w.syncMs >= syncEveryMs {
		w.due = true
		w.rouse()
	}
	if w.failing.Load() {
		w.work.Broadcast()
	}
}

// gather waits for more to come before it is synced, as long as more comes: when a crowd
// has just been answered, the first of it is back while the others are still on their way, and
// a sync for it alone would make them wait for the next.
func (w *Writer) gather(work []piece) []piece {
	const most = 6 // pauses
	for range most {
		was := w.told.Load()
		w.o.Pause()
		if w.told.Load() == was {
			break
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	work = append(work, w.queue...)
	clear(w.queue)
	w.queue = w.queue[:0]
	w.group += w.arrived
	w.arrived = 0
	return work
}

// run is the writer.
func (w *Writer) run() {
	for {
		work, set, due := w.take()
		if set.Policy == Always && w.crowd {
			work = w.gather(work)
		}
		for i := range work {
			if p := &work[i]; p.do != nil {
				p.do()
			} else {
				w.write(p, set)
			}
		}
		if set.Policy == Always && !set.NoSync {
			w.syncNow()
		} else if due {
			w.syncAside()
		}
		w.advance(set)
		w.giveBack(work)
	}
}

// take waits for work.
func (w *Writer) take() (work []piece, set Settings, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.due && w.set == w.seen {
		w.asleep = true
		w.work.Wait()
	}
	w.asleep = false
	w.seen = w.set
	w.crowd, w.group, w.arrived = w.group > 1, w.arrived, 0
	work, due = w.queue, w.due
	w.queue, w.spare, w.due = w.spare[:0], nil, false
	return work, w.set, due
}

// giveBack keeps the memory of what is done for what will come.
func (w *Writer) giveBack(work []piece) {
	const keepBufs = 4
	w.mu.Lock()
	for _, p := range work {
		if p.b != nil && cap(p.b) <= 2*pieceBytes && len(w.bufs) < keepBufs {
			w.bufs = append(w.bufs, p.b[:0])
		}
	}
	clear(work)
	w.spare = work[:0]
	w.mu.Unlock()
}

// write puts a piece into the file, however long it takes, unless the file is lost or
// about to be closed.
func (w *Writer) write(p *piece, set Settings) {
	if w.cur == nil || w.lost {
		return // a rewrite will cover it
	}
	b := p.b
	for {
		from, during := w.o.Mono(), w.syncing.Load()
		n, err := w.cur.Write(b)
		event := slowAlone
		if during {
			event = slowDuring
		}
		w.slow(from, slowWrite, event)
		if err == nil {
			w.curSize += int64(len(b))
			w.size.Add(int64(len(b)))
			w.unsynced.Store(true)
			w.written.Store(p.end)
			w.wrote()
			if set.Policy != Always || set.NoSync {
				w.advance(set) // what follows in this round may be an order that takes long
			}
			return
		}
		b = w.undo(b, n, err)
		if !w.again(err) {
			w.fails(err, true) // what follows must not be written either
			return
		}
	}
}

// undo cuts off what a failed write has left in the file, and returns what is to be written
// instead.
func (w *Writer) undo(b []byte, n int, err error) []byte {
	first := w.status.Err == nil
	w.fails(err, false)
	if n > 0 {
		if first {
			w.o.Log(Warning, fmt.Sprintf("Short write while writing to the AOF file: (nwritten=%d, expected=%d)", n, len(b)))
		}
		err := w.cur.Truncate(w.curSize)
		if err == nil {
			_, err = w.cur.Seek(w.curSize, io.SeekStart)
		}
		if err != nil {
			w.o.Log(Warning, "Could not remove short write from the append-only file. The file may be corrupted. ftruncate: "+Reason(err))
			w.curSize += int64(n)
			w.size.Add(int64(n))
			b = b[n:] // the rest will follow it
		}
	}
	return b
}

// again waits for the next tick, and tells whether to try again what has failed.
func (w *Writer) again(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for tick := w.ticks; w.ticks == tick && !w.giveUp; {
		for _, f := range w.flushes {
			f <- err
		}
		w.flushes = nil
		w.work.Wait()
	}
	return !w.giveUp
}

// wrote notes that a write has succeeded.
func (w *Writer) wrote() {
	if !w.failing.Load() {
		return
	}
	w.o.Log(Warning, "AOF write error looks solved. The server can write again.")
	w.failing.Store(false)
	if !w.broken() {
		w.is(Status{})
	}
}

// broken tells whether only a rewrite will make the file count again.
func (w *Writer) broken() bool { return w.lost || w.unpublished && !w.free }

// fails notes that something went wrong; lost tells that it was a sync.
func (w *Writer) fails(err error, lost bool) {
	if w.status.Err == nil || lost && !w.lost {
		what := "Error writing to the AOF file: "
		if lost {
			what = "Fail to fsync the AOF file: "
		}
		w.o.Log(Warning, what+Reason(err))
	}
	w.lost = w.lost || lost
	w.failing.Store(!lost) // what is lost is not tried again
	w.is(Status{Err: err, Lost: w.broken()})
}

// is publishes the status, if it is another.
func (w *Writer) is(s Status) {
	if (s.Err == nil) == (w.status.Err == nil) && s.Lost == w.status.Lost && s.Err != nil && Reason(s.Err) == Reason(w.status.Err) {
		return
	}
	w.status = s
	w.o.Changed(s)
}

// syncNow puts all that is written on the disk, and waits for it.
func (w *Writer) syncNow() {
	w.endAside()
	upTo := w.written.Load()
	if w.synced == upTo || w.lost || w.cur == nil {
		return
	}
	w.unsynced.Store(false)
	w.mu.Lock()
	w.syncMs = w.nowMs
	w.mu.Unlock()
	from := w.o.Mono()
	err := w.cur.Sync()
	w.slow(from, slowSync)
	if err != nil {
		w.fails(err, true)
		return
	}
	w.synced = upTo
}

// syncAside begins to put what is written on the disk; writing goes on meanwhile.
func (w *Writer) syncAside() {
	if w.lost || w.cur == nil {
		return
	}
	if w.syncing.Load() {
		if w.delayed.Add(1) == 1 || w.delayed.Load()%60 == 0 {
			w.o.Log(Notice, "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to complete, this may slow down the server.")
		}
		w.mu.Lock()
		w.syncMs = w.nowMs
		w.mu.Unlock()
		return
	}
	w.syncing.Store(true)
	w.unsynced.Store(false)
	w.mu.Lock()
	w.syncMs = w.nowMs
	w.mu.Unlock()
	a := &asideSync{cur: w.cur, upTo: w.written.Load(), done: make(chan struct{})}
	w.aside = a
	w.o.Aside(func() {
		a.run()
		w.order(func() {
			if w.aside == a {
				w.endAside()
			}
		})
	})
}

// asideSync is a sync under way beside the writer.
type asideSync struct {
	cur   disk.File
	upTo  int64 // position of the stream
	gone  bool  // the file does not count any more, nor does what became of it
	begun atomic.Bool
	done  chan struct{}
	err   error // read after done
}

// run syncs the file, or waits until whoever came first has done so.
func (a *asideSync) run() {
	if a.begun.Swap(true) {
		<-a.done
		return
	}
	a.err = a.cur.Sync()
	close(a.done)
}

// endAside waits for the sync that is under way aside, and takes up what became of it. What
// is synced beside it would say nothing: the system tells of an error once. A sync that nobody has begun with is
// done here: Options.Aside may need the executor, and that may be waiting for Flush.
func (w *Writer) endAside() {
	a := w.aside
	if a == nil {
		return
	}
	a.run()
	w.aside = nil
	w.syncing.Store(false)
	switch {
	case a.gone:
	case a.err != nil && !w.lost:
		w.fails(a.err, true)
	case a.err == nil:
		w.synced = max(w.synced, a.upTo)
	}
}

// forsake says that the file at hand does not count any more.
func (w *Writer) forsake() {
	if w.aside != nil {
		w.aside.gone = true
	}
}

// advance publishes how far the stream is safe.
func (w *Writer) advance(set Settings) {
	at := w.written.Load()
	switch {
	case w.cur == nil && !w.lost || w.free:
		at = math.MaxInt64
	case w.lost || w.unpublished:
		return
	case set.Policy == Always && !set.NoSync:
		at = w.synced
	}
	if w.acked.Load() != at {
		w.acked.Store(at)
		w.o.Advanced()
	}
}

// slow reports what took long since from.
func (w *Writer) slow(from int64, events ...string) {
	const least = 1e6 // ns
	if ns := w.o.Mono() - from; ns >= least {
		for _, e := range events {
			w.o.Slow(e, ns)
		}
	}
}

// Close writes and syncs what there is, and closes the file; what fails is given up. Then
// nobody needs to wait any more, and done is called on the writer.
func (w *Writer) Close(done func(err error)) {
	w.mu.Lock()
	w.giveUp = true
	w.queue = append(w.queue, piece{end: w.told.Load(), do: func() {
		w.mu.Lock()
		w.giveUp = false
		set := w.set
		w.mu.Unlock()
		err := w.close()
		w.advance(set)
		done(err)
	}})
	w.rouse()
	w.work.Broadcast()
	w.mu.Unlock()
}

// Flush writes and syncs what there is, and returns when that is done or has failed. What
// could not be written is tried again as ever.
func (w *Writer) Flush() error {
	done := make(chan error, 2) // a write may fail, and then succeed
	w.mu.Lock()
	w.flushes = append(w.flushes, done)
	w.queue = append(w.queue, piece{end: w.told.Load(), do: func() {
		w.mu.Lock()
		w.flushes = slices.DeleteFunc(w.flushes, func(f chan<- error) bool { return f == done })
		w.mu.Unlock()
		if w.syncNow(); w.status.Err == nil || w.cur == nil {
			done <- nil
			return
		}
		done <- w.status.Err
	}})
	w.rouse()
	w.work.Broadcast()
	w.mu.Unlock()
	return <-done
}

// close ends the file at hand.
func (w *Writer) close() error {
	if w.cur == nil {
		return nil
	}
	w.endAside()
	err := w.status.Err
	if err == nil {
		err = w.cur.Sync()
	}
	if e := w.cur.Close(); err == nil {
		err = e
	}
	if w.unpublished {
		// It never counted. It may have its own name, if only its manifest is missing.
		if e := w.curFS.Remove(w.curPath); err == nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}
	w.opened.Store(false)
	w.cur, w.lost, w.unpublished, w.free = nil, false, false, false
	w.unsynced.Store(false)
	w.failing.Store(false)
	w.written.Store(w.told.Load())
	w.is(Status{})
	return err
}

// State is what INFO shows.
type State struct {
	Size, BaseSize int64 // bytes
	Behind         int64 // bytes of the stream that are not written
	Syncing        bool
	Delayed        int64
}

// State tells how the file is doing.
func (w *Writer) State() State {
	return State{Size: w.size.Load(), BaseSize: w.baseSize.Load(), Behind: w.Behind(), Syncing: w.syncing.Load(), Delayed: w.delayed.Load()}
}

// Behind is how many bytes of the stream are not written.
func (w *Writer) Behind() int64 { return w.told.Load() - w.written.Load() }

// Reason is what the system says of an error, in its own words.
func Reason(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	text := no.Error() // the C library's, but for the first letter
	return strings.ToUpper(text[:1]) + text[1:]
}
