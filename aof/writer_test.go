package aof

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"redust/db"
	"redust/internal/disk"
	"redust/internal/disk/faulty"
	"redust/rdb"
)

// bench is a writer on a disk that does as it is told.
type bench struct {
	*Writer
	t     *testing.T
	disk  *faulty.Disk
	place Place
	ks    *db.Keyspace

	mu     sync.Mutex
	status []string // as Changed told
	log    []string
	now    int64
	want   []byte // the stream so far
}

func newBench(t *testing.T, d *faulty.Disk) *bench {
	b := &bench{t: t, disk: d, place: Place{FS: d, Dir: "aof", Name: "a"}, ks: db.New(2, rand.Uint64), now: 1000}
	b.Writer = NewWriter(Options{
		Log: func(_ Level, text string) { b.mu.Lock(); b.log = append(b.log, text); b.mu.Unlock() },
		Changed: func(s Status) {
			text := "ok"
			if s.Err != nil {
				text = Reason(s.Err)
			}
			if s.Lost {
				text += ", lost"
			}
			b.mu.Lock()
			b.status = append(b.status, text)
			b.mu.Unlock()
		},
		Advanced: func() {}, Slow: func(string, int64) {}, Aside: func(work func()) { go work() },
		Mono: func() int64 { return 0 }, Pause: runtime.Gosched,
	})
	return b
}

func (b *bench) start(set Settings) {
	b.t.Helper()
	b.Set(set)
	s := rdb.Take(b.ks)
	defer s.Release()
	if err := b.Start(b.place, s, true, rdb.WriteOptions{Checksum: true}); err != nil {
		b.t.Fatal(err)
	}
}

// add appends a request and returns the position that it ends at.
func (b *bench) add(i int) int64 {
	req := fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$8\r\nkey:%04d\r\n$4\r\n%04d\r\n", i, i)
	b.want = append(b.want, req...)
	b.Append(req, b.now/1000)
	return b.told.Load()
}

// until waits for a condition, and lets time pass meanwhile.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not in time; acked %d, told %d, status %v, log %q", what, b.Acked(), b.told.Load(), b.status, b.log)
		}
		b.tick()
	}
}

func (b *bench) tick() {
	b.now += 100
	b.Tick(b.now)
}

// stream is what the increments hold.
func (b *bench) stream(d *faulty.Disk) []byte {
	b.t.Helper()
	m, err := ReadManifest(Place{FS: d, Dir: "aof", Name: "a"})
	if err != nil || m == nil {
		b.t.Fatalf("manifest: %v, %v", m, err)
	}
	var all []byte
	for _, f := range m.Incr {
		text, ok := d.Bytes("aof/" + f.Name)
		if !ok {
			b.t.Fatalf("%s is missing", f.Name)
		}
		all = append(all, text...)
	}
	return all
}

func (b *bench) statuses() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.status, "; ")
}

// rewrite does what the executor does.
func (b *bench) rewrite(kind Kind) error {
	r := b.NewRewrite(kind, b.place)
	if err := r.Prepare(); err != nil {
		return err
	}
	s := rdb.Take(b.ks)
	defer s.Release()
	b.want = nil
	r.Turn()
	return r.Write(s, true, rdb.WriteOptions{Checksum: true})
}

// With always nothing is acknowledged while the sync is under way.
func TestAlwaysWaitsForSync(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: Always})
	first := b.add(1)
	b.until("first", func() bool { return b.Acked() == first })
	in, out := make(chan bool), make(chan bool)
	d.Hook(func(op faulty.Op) error {
		if op.Kind == faulty.Sync {
			in <- true
			<-out
		}
		return nil
	})
	for i := range 3 {
		end := b.add(i)
		<-in
		if at := b.Acked(); at != first {
			t.Fatalf("acknowledged up to %d before the sync is over", at)
		}
		out <- true
		b.until("synced", func() bool { return b.Acked() == end })
		first = end
	}
}

// With always nothing is acknowledged that would not survive; with many who write at a time
// there are far fewer syncs than writes.
func TestAlwaysAcksWhatIsSynced(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: Always})
	syncs := 0
	d.Hook(func(op faulty.Op) error {
		if op.Kind == faulty.Sync && strings.HasSuffix(op.Name, "incr.aof") {
			syncs++
			time.Sleep(200 * time.Microsecond)
		}
		return nil
	})
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 2000
	for i := range n {
		b.add(i)
		if i%100 == 0 {
			time.Sleep(300 * time.Microsecond)
			acked := b.Acked() // before the crash
			c := d.Crash(rnd)
			got := b.stream(c)
			if int64(len(got)) < acked || !bytes.Equal(got[:acked], b.want[:acked]) {
				t.Fatalf("%d bytes were acknowledged, %d survived", acked, len(got))
			}
		}
	}
	end := b.told.Load()
	b.until("all acknowledged", func() bool { return b.Acked() == end })
	if got := b.stream(d.Crash(rnd)); !bytes.Equal(got, b.want) {
		t.Fatalf("%d bytes survived, want %d", len(got), len(b.want))
	}
	d.Hook(nil)
	if syncs == 0 || syncs > n/4 {
		t.Errorf("%d syncs for %d requests", syncs, n)
	}
}

// Without always what is in the kernel counts; it is synced once a second.
func TestEverySecond(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: EverySec})
	var syncs atomic.Int64
	slow := make(chan bool)
	d.Hook(func(op faulty.Op) error {
		if op.Kind == faulty.Sync && strings.HasSuffix(op.Name, "incr.aof") {
			syncs.Add(1)
		}
		return nil
	})
	end := b.add(1)
	for b.Acked() != end { // no time passes
		time.Sleep(time.Millisecond)
	}
	if n := syncs.Load(); n != 0 {
		t.Fatalf("%d syncs, and no second is over", n)
	}
	b.until("sync", func() bool { return syncs.Load() == 1 && !b.syncing.Load() })
	for range 50 {
		b.tick()
	}
	time.Sleep(5 * time.Millisecond)
	if n := syncs.Load(); n != 1 {
		t.Fatalf("%d syncs, but nothing new was written", n)
	}
	// One that takes longer than a second is counted, and holds up nobody.
	d.Hook(nil)
	b.o.Aside = func(work func()) { go func() { <-slow; work() }() }
	b.add(2)
	b.until("slow sync", func() bool { return b.syncing.Load() })
	end = b.add(3)
	b.until("writing goes on", func() bool { return b.Acked() == end })
	b.until("counted", func() bool { return b.delayed.Load() > 0 })
	close(slow)
	b.until("over", func() bool { return !b.syncing.Load() })
	if got := b.stream(d); !bytes.Equal(got, b.want) {
		t.Errorf("the file is %q", got)
	}
}

// A full disk: nothing is acknowledged, what was torn is cut off, and all goes on from the
// same byte when there is room.
func TestFullDisk(t *testing.T) {
	for _, canCut := range []bool{true, false} {
		d := faulty.New()
		b := newBench(t, d)
		b.start(Settings{Policy: EverySec})
		end := b.add(1)
		b.until("first", func() bool { return b.Acked() == end })
		d.Limit(d.Used() + 10)
		if !canCut {
			d.Hook(func(op faulty.Op) error {
				if op.Kind == faulty.Truncate {
					return syscall.EIO
				}
				return nil
			})
		}
		b.add(2)
		b.until("fails", func() bool { return b.statuses() == "No space left on device" })
		b.add(3)
		for range 20 {
			b.tick()
			time.Sleep(100 * time.Microsecond)
		}
		if b.Acked() != end {
			t.Fatalf("acknowledged up to %d, but only %d bytes are written", b.Acked(), end)
		}
		if got := b.stream(d); canCut && int64(len(got)) != end {
			t.Errorf("%d bytes in the file, want %d", len(got), end)
		}
		d.Limit(-1)
		last := b.told.Load()
		b.until("recovers", func() bool { return b.Acked() == last })
		if got := b.stream(d); !bytes.Equal(got, b.want) {
			t.Errorf("the file is %q, want %q", got, b.want)
		}
		if got := b.statuses(); got != "No space left on device; ok" {
			t.Errorf("status: %s", got)
		}
	}
}

// After a sync that failed nothing counts until a rewrite has put everything into new files.
func TestFailedSync(t *testing.T) {
	for _, p := range []Policy{Always, EverySec} {
		d := faulty.New()
		b := newBench(t, d)
		b.start(Settings{Policy: p})
		end := b.add(1)
		b.until("first", func() bool { return b.Acked() == end && !b.unsynced.Load() && !b.syncing.Load() })
		bad := true
		d.Hook(func(op faulty.Op) error {
			if op.Kind == faulty.Sync && bad && strings.HasSuffix(op.Name, "1.incr.aof") {
				return syscall.EIO
			}
			return nil
		})
		b.add(2)
		b.until("lost", func() bool { return b.statuses() == "Input/output error, lost" })
		at := b.Acked()
		b.add(3)
		time.Sleep(2 * time.Millisecond)
		if b.Acked() != at || p == Always && at != end {
			t.Fatalf("acknowledged up to %d", b.Acked())
		}
		before := b.stream(d)
		if err := b.rewrite(Next); !errors.Is(err, errLost) {
			t.Fatalf("a rewrite that builds on what is lost: %v", err)
		}
		b.ks.DB(0).SetString([]byte("k"), []byte("v"), 0, 0)
		if err := b.rewrite(Fresh); err != nil {
			t.Fatal(err)
		}
		last := b.add(4)
		b.until("recovers", func() bool { return b.Acked() == last })
		if got := b.statuses(); got != "Input/output error, lost; ok" {
			t.Errorf("status: %s", got)
		}
		if got := b.stream(d); !bytes.Equal(got, b.want) || bytes.Equal(got, before) {
			t.Errorf("the increment is %q, want %q", got, b.want)
		}
	}
}

// A rewrite moves the stream to a new file at one byte, and whenever the machine stops during
// it, what is left is complete.
func TestRewriteCrash(t *testing.T) {
	for stop := range 40 {
		d := faulty.New()
		b := newBench(t, d)
		b.start(Settings{Policy: Always})
		end := b.add(1)
		b.until("first", func() bool { return b.Acked() == end })
		b.ks.DB(0).SetString([]byte("key:0001"), []byte("0001"), 0, 0)
		n, off := 0, errors.New("no power")
		d.Hook(func(faulty.Op) error {
			if n++; n > stop {
				return off
			}
			return nil
		})
		err := b.rewrite(Next)
		d.Hook(nil)
		rnd := rand.New(rand.NewPCG(uint64(stop), 3))
		for range 5 {
			c := d.Crash(rnd)
			f, ferr := Find(Place{FS: c, Dir: "aof", Name: "a"})
			if ferr != nil || f == nil {
				t.Fatalf("stopped at %d: %v", stop, ferr)
			}
			keys := 0
			_, lerr := f.Load(LoadOptions{}, Sink{
				Entries:  func(x *rdb.Batch) error { keys += x.Len(); x.Release(); return nil },
				Commands: func(x *Batch) error { keys += countSets(x); return nil },
				NewFile:  func(File, int64) error { return nil },
			})
			if lerr != nil || keys != 1 {
				t.Fatalf("stopped at %d (%v): %d keys, %v", stop, err, keys, lerr)
			}
		}
	}
}

// Switched on at run time: nobody waits for the first base, the files appear when it is done,
// and nothing of what came meanwhile is missing.
func TestSwitchOnAndOff(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.Set(Settings{Policy: EverySec})
	r := b.NewRewrite(Fresh, b.place)
	if err := r.Prepare(); err != nil {
		t.Fatal(err)
	}
	s := rdb.Take(b.ks)
	r.Turn()
	b.add(1)
	if b.Acked() != math.MaxInt64 {
		t.Errorf("somebody waits for a file that does not count yet")
	}
	if m, err := ReadManifest(b.place); m != nil || err != nil {
		t.Errorf("there is a manifest already: %v, %v", m, err)
	}
	if err := r.Write(s, true, rdb.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Release()
	end := b.add(2)
	b.until("written", func() bool { return b.Acked() == end })
	if got := b.stream(d); !bytes.Equal(got, b.want) {
		t.Errorf("the file is %q, want %q", got, b.want)
	}
	b.add(3)
	done := make(chan error, 1)
	b.Close(func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if b.Acked() != math.MaxInt64 {
		t.Errorf("somebody waits for a file that is closed")
	}
	if got := b.stream(d.Crash(rand.New(rand.NewPCG(1, 1)))); !bytes.Equal(got, b.want) {
		t.Errorf("after closing the file is %q, want %q", got, b.want)
	}
	for _, name := range d.Names() {
		if strings.Contains(name, "temp") {
			t.Errorf("%s was left", name)
		}
	}
}

// Closing does not wait for a disk that stays full.
func TestCloseGivesUp(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: EverySec})
	d.Limit(d.Used())
	b.add(1)
	b.until("fails", func() bool { return b.statuses() != "" })
	done := make(chan error, 1)
	b.Close(func(err error) { done <- err })
	select {
	case err := <-done:
		if err == nil {
			t.Errorf("closed without an error, but something is not written")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("waits for the disk")
	}
	if b.Acked() != math.MaxInt64 {
		t.Errorf("somebody still waits")
	}
}

// A file that a rewrite has left behind, and that no manifest names, is not added to.
func TestStartOverLeftovers(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: Always})
	if err := b.rewrite(Alone); err != nil { // no increment is named any more
		t.Fatal(err)
	}
	done := make(chan error, 1)
	b.Close(func(err error) { done <- err })
	<-done
	m, err := ReadManifest(b.place)
	if err != nil || len(m.Incr) != 0 {
		t.Fatal(m, err)
	}
	f, err := d.Create(b.place.Path(m.NextIncr("a").Name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("*1\r\n$8\r\nFLUSHALL\r\n")); err != nil {
		t.Fatal(err)
	}
	b = newBench(t, d)
	b.start(Settings{Policy: Always})
	end := b.add(1)
	b.until("written", func() bool { return b.Acked() == end })
	if got := b.stream(d); !bytes.Equal(got, b.want) {
		t.Errorf("the file is %q, want %q", got, b.want)
	}
}

// A file that is lost stays so until a rewrite is over, though its increment is written.
func TestLostUntilRewritten(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: EverySec})
	end := b.add(1)
	b.until("first", func() bool { return b.Acked() == end })
	d.Hook(func(op faulty.Op) error {
		if op.Kind == faulty.Sync {
			return syscall.EIO
		}
		return nil
	})
	b.add(2)
	b.until("fails", func() bool { return b.statuses() != "" })
	d.Hook(nil)
	end = b.Acked()
	r := b.NewRewrite(Fresh, b.place)
	if err := r.Prepare(); err != nil {
		t.Fatal(err)
	}
	s := rdb.Take(b.ks)
	r.Turn()
	b.add(3)
	b.until("written", func() bool { return b.Behind() == 0 })
	d.Hook(func(op faulty.Op) error { return syscall.ENOSPC })
	if err := r.Write(s, true, rdb.WriteOptions{}); err == nil {
		t.Fatal("rewritten without a disk")
	}
	d.Hook(nil)
	s.Release()
	const lost = "Input/output error, lost"
	if got := b.statuses(); got != lost {
		t.Fatalf("told %s, want %s", got, lost)
	}
	if b.Acked() != end {
		t.Errorf("acknowledged up to %d", b.Acked())
	}
	if err := b.rewrite(Next); !errors.Is(err, errLost) {
		t.Errorf("went on from what is lost: %v", err)
	}
	if err := b.rewrite(Fresh); err != nil {
		t.Fatal(err)
	}
	last := b.add(4)
	b.until("recovers", func() bool { return b.Acked() == last })
	if got := b.statuses(); got != lost+"; ok" {
		t.Errorf("told %s", got)
	}
}

// Flush does not wait for a disk that is full, and costs nothing: when there is room all goes
// on from the same byte.
func TestFlushFullDisk(t *testing.T) {
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: EverySec})
	end := b.add(1)
	b.until("first", func() bool { return b.Acked() == end })
	d.Limit(d.Used() + 5)
	b.add(2)
	for range 2 {
		done := make(chan error, 1)
		go func() { done <- b.Flush() }()
		select {
		case err := <-done:
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("flushed to a full disk: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("waits for the disk")
		}
	}
	if b.Acked() != end {
		t.Errorf("acknowledged up to %d", b.Acked())
	}
	d.Limit(-1)
	last := b.add(3)
	b.until("recovers", func() bool { return b.Acked() == last })
	if err := b.Flush(); err != nil {
		t.Error(err)
	}
	if got := b.stream(d.Crash(rand.New(rand.NewPCG(1, 1)))); !bytes.Equal(got, b.want) {
		t.Errorf("the file is %q, want %q", got, b.want)
	}
	if got := b.statuses(); got != "No space left on device; ok" {
		t.Errorf("told %s", got)
	}
}

// Flush does not wait for a sync aside that cannot begin because the executor waits for Flush,
// and does not overlook that it failed.
func TestFlushTakesOverSync(t *testing.T) {
	for _, fails := range []bool{false, true} {
		d := faulty.New()
		b := newBench(t, d)
		work := make(chan func(), 100)
		b.o.Aside = func(f func()) { work <- f }
		b.start(Settings{Policy: EverySec})
		b.add(1)
		b.until("due", func() bool { return b.syncing.Load() })
		if fails {
			d.Hook(func(op faulty.Op) error {
				if op.Kind == faulty.Sync {
					return syscall.EIO
				}
				return nil
			})
		}
		done := make(chan error, 1)
		go func() { done <- b.Flush() }()
		select {
		case err := <-done:
			if (err != nil) != fails {
				t.Errorf("flushed: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("waits for the sync")
		}
		d.Hook(nil)
	}
}

func countSets(x *Batch) (n int) {
	for _, w := range x.Words {
		if string(w) == "SET" {
			n++
		}
	}
	x.Release()
	return n
}

// fullFS is the machine's, whose increments are full when asked to be.
type fullFS struct {
	disk.FS
	full *atomic.Bool
}

type fullFile struct {
	disk.File
	fs fullFS
}

func (d fullFS) Create(name string) (disk.File, error) {
	f, err := d.FS.Create(name)
	if err == nil && strings.Contains(name, "incr") {
		f = fullFile{f, d}
	}
	return f, err
}

func (f fullFile) Write(b []byte) (int, error) {
	if f.fs.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(b)
}

// TestEndRewriteOnFullDisk: a rewrite that waits for a writer that cannot write ends when it is
// told to, though no clock ticks: the executor waits for it when the server ends.
func TestEndRewriteOnFullDisk(t *testing.T) {
	d := fullFS{disk.OS{}, new(atomic.Bool)}
	w := NewWriter(Options{
		Log: func(Level, string) {}, Advanced: func() {}, Changed: func(Status) {}, Slow: func(string, int64) {},
		Aside: func(f func()) { go f() }, Mono: func() int64 { return 0 }, Pause: func() {},
	})
	ks := db.New(1, func() uint64 { return 1 })
	p := Place{FS: d, Root: t.TempDir(), Dir: "a", Name: "x"}
	if err := w.Start(p, rdb.Take(ks), true, rdb.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	r := w.NewRewrite(Next, p)
	if err := r.Prepare(); err != nil {
		t.Fatal(err)
	}
	ping := []byte("*1\r\n$4\r\nPING\r\n")
	d.full.Store(true)
	w.Append(ping, 1)
	snap := rdb.Take(ks)
	r.Turn()
	wrote := make(chan error, 1)
	go func() { wrote <- r.Write(snap, true, rdb.WriteOptions{}) }()
	if err := w.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("flush: %v", err)
	}
	r.Progress().Cancel()
	r.Progress().Cancel()
	select {
	case err := <-wrote:
		if !errors.Is(err, rdb.ErrCancelled) {
			t.Errorf("the rewrite: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the rewrite does not end")
	}
}
