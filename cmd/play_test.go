package cmd

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"redust/config"
	"redust/db"
	"redust/internal/disk/faulty"
	"redust/tests/script"
)

// The scripts of testdata are played here against a Server with no process around it:
// requests go in as arguments and replies come out of Client.Out. Time is a number that
// passes when a script sleeps or waits for a reply that does not come, so a script that
// waits for minutes takes none, and every run is the same run.
//
// Each script is played under both protocols and in three ways. What must not be seen
// by clients, and is seen if somebody errs, differs between them:
//
//	borrowed  arguments are overwritten when their command is done, as a query buffer is
//	owned     arguments are buffers of their own, which the keyspace may keep
//	viewed    a view of each database lives while a command runs, so all is copied on
//	          write; the view must look the same afterwards

// TestPlay plays every script of testdata.
func TestPlay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := script.Parse(name, string(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, proto := range []int{2, 3} {
			for _, way := range []way{borrowed, owned, viewed} {
				t.Run(fmt.Sprintf("%s/resp%d/%s", filepath.Base(name), proto, way), func(t *testing.T) {
					h := newHarness(way)
					diffs, err := script.Play(f, h.options(proto))
					for _, d := range diffs {
						t.Error(d)
					}
					if err != nil {
						t.Error(err)
					}
					for _, args := range h.seen {
						t.Errorf("a view saw the changes of %s", args)
					}
				})
			}
		}
	}
}

// TestPlayHearsDifferences holds that a wrong expectation is heard in every way, and
// that time passes only where a script lets it.
func TestPlayHearsDifferences(t *testing.T) {
	const text = `> SET a 1
OK
> GET a
"2"
> PEXPIRE a 600000
1
sleep 599s
> EXISTS a
1
sleep 2s
> EXISTS a
1
`
	f, err := script.Parse("wrong", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []way{borrowed, owned, viewed} {
		diffs, err := script.Play(f, newHarness(way).options(2))
		if err != nil {
			t.Fatal(err)
		}
		if len(diffs) != 2 || diffs[0].Line != 3 || diffs[1].Line != 11 {
			t.Errorf("%s: want differences in lines 3 and 11, got %v", way, diffs)
		}
	}
}

// way is how requests reach the server.
type way int

const (
	borrowed way = iota
	owned
	viewed
)

func (w way) String() string { return [...]string{"borrowed", "owned", "viewed"}[w] }

// harness is a server in process, and the Host that it sees.
type harness struct {
	*Server
	way     way
	nowMs   int64
	mono    int64
	random  uint64
	clients []*played
	nextID  int64
	resume  bool
	done    []func()  // follow background work
	wake    []*played // were sent something while another client's command ran
	seen    []string  // commands that changed what a view saw

	transfer func(*Transfer) // stands in for the network
}

// played is one client of a script. It is the script's Conn; conn is the server's.
type played struct {
	h      *harness
	cl     *Client
	held   []Request
	read   int // bytes of cl.Out.B that the script has had
	closed bool
}

func newHarness(w way) *harness {
	h := &harness{way: w, nowMs: 1_700_000_000_000, random: 1}
	cfg := config.New() // as tests/server starts one
	cfg.Save, cfg.EnableDebugCommand = nil, config.GateYes
	h.Server = NewServer(cfg, db.New(16, h.rand))
	h.Host, h.Clock, h.Random = h, h.clock, h.rand
	h.Files = faulty.New() // in memory
	h.Begin(h.nowMs*1000, h.mono)
	return h
}

// options are those of a script that is played here.
func (h *harness) options(proto int) script.Options {
	return script.Options{
		Dial:  func() (script.Conn, error) { return h.dial(), nil },
		Proto: proto, Version: "7.2.4", Redust: true,
		Sleep: func(d time.Duration) { h.pass(d.Milliseconds()) },
	}
}

// clock counts a microsecond a look.
func (h *harness) clock() int64 {
	h.mono += 1000
	return h.mono
}

// rand is xorshift64.
func (h *harness) rand() uint64 {
	h.random ^= h.random << 13
	h.random ^= h.random >> 7
	h.random ^= h.random << 17
	return h.random * 0x2545f4914f6cdd1d
}

func (h *harness) dial() *played {
	h.nextID++
	p := &played{h: h}
	p.cl = h.Connect(h.nextID, (*conn)(p))
	p.cl.Addr, p.cl.LocalAdr = fmt.Sprintf("127.0.0.1:%d", 40000+h.nextID), "127.0.0.1:6379"
	h.clients = append(h.clients, p)
	return p
}

// pass lets time go by, and does what falls due in it.
func (h *harness) pass(ms int64) {
	const tickMs = 10
	for ms > 0 {
		step := min(ms, tickMs)
		ms -= step
		h.nowMs += step
		h.mono += step * 1e6
		h.Begin(h.nowMs*1000, h.mono)
		for h.ActiveExpire && h.KS.Expire(1) {
		}
		h.Timeouts()
		h.Tick()
		h.goOn()
	}
}

// goOn does what the executor does after a batch: it serves whoever can be served, and
// runs what waited behind a command that blocked, or while the clients were paused.
func (h *harness) goOn() {
	for {
		h.Wake()
		h.Broadcast()
		for _, p := range h.clients {
			h.Settle(p.cl)
		}
		h.Scatter(false)
		switch {
		case len(h.done) > 0:
			done := h.done[0]
			h.done = h.done[1:]
			done()
		case h.resume:
			h.resume = false
			h.offerAgain()
		case len(h.wake) > 0:
			p := h.wake[0]
			h.wake = h.wake[1:]
			p.offer()
		default:
			return
		}
	}
}

// offerAgain runs what a pause has held back, as far as it lets.
func (h *harness) offerAgain() {
	for _, p := range slices.Clone(h.clients) {
		p.offer()
	}
}

// offer runs what the client has waiting, until something has to wait again.
func (p *played) offer() {
	waiting := p.held
	p.held = nil
	for i := range waiting {
		if p.closed {
			return
		}
		if p.cl.Has(ClientBlocked) {
			p.held = append(p.held, waiting[i:]...)
			return
		}
		p.cl.Flags &^= ClientPostponed
		if !p.run(waiting[i]) {
			p.held = append(p.held, waiting[i+1:]...)
			return
		}
	}
}

// execute runs one request and what follows from it.
func (p *played) execute(r Request) {
	p.run(r)
	p.h.goOn()
}

// run runs one request, and tells whether the client may go on.
func (p *played) run(r Request) bool {
	h, batch := p.h, []Request{r}
	h.Begin(h.nowMs*1000, h.clock())
	h.Prepare(p.cl.DB, batch)
	var views []*db.View
	if h.way == viewed {
		for i := range h.KS.DBs() {
			views = append(views, h.KS.DB(i).View())
		}
	}
	before := fingerprint(views)
	p.cl.Active = h.nowMs
	outcome := h.Execute(p.cl, &batch[0])
	if fingerprint(views) != before {
		h.seen = append(h.seen, fmt.Sprintf("%q", r.Args))
	}
	for _, v := range views {
		v.Release()
	}
	if outcome == Postponed {
		p.held = append(p.held, r)
		return false
	}
	if !r.Owned {
		for _, a := range r.Args {
			for i := range a {
				a[i] = 0xa5
			}
		}
	}
	if p.cl.Has(ClientCloseSoon) {
		p.hangUp()
	}
	return outcome != Blocked
}

// fingerprint is one number for all that the views see.
func fingerprint(views []*db.View) uint64 {
	sum := fnv.New64a()
	for i, v := range views {
		v.Each(func(it db.Item) bool {
			fmt.Fprintf(sum, "%d %s %q %d ", i, it.Type(), it.Key(), it.ExpireAt())
			var value dataDigest
			value.value(it)
			sum.Write(value[:])
			return true
		})
	}
	return sum.Sum64()
}

func (p *played) hangUp() {
	if p.closed {
		return
	}
	p.closed = true
	h := p.h
	h.Disconnect(p.cl)
	for i, q := range h.clients {
		if q == p {
			h.clients = append(h.clients[:i:i], h.clients[i+1:]...)
		}
	}
}

// Send implements script.Conn.
func (p *played) Send(args [][]byte) error {
	if p.closed {
		return io.ErrClosedPipe
	}
	r := Request{Owned: p.h.way == owned}
	for _, a := range args {
		r.Args = append(r.Args, append([]byte{}, a...))
	}
	if len(p.held) > 0 || p.cl.Has(ClientBlocked) {
		p.held = append(p.held, r)
		return nil
	}
	p.execute(r)
	return nil
}

// Receive implements script.Conn. While it waits, the server's time passes.
func (p *played) Receive(timeout time.Duration) ([]byte, error) {
	for left := timeout.Milliseconds(); ; left -= 10 {
		b := p.cl.Out.B[p.read:]
		if len(b) > 0 {
			n, err := script.Cut(b)
			if err == nil && n == 0 {
				err = fmt.Errorf("half a reply: %q", b)
			}
			p.read += n
			return b[:n], err
		}
		p.cl.Out.B, p.read = p.cl.Out.B[:0], 0
		switch {
		case p.closed:
			return nil, io.EOF
		case left <= 0:
			return nil, script.ErrTimeout
		}
		p.h.pass(10)
	}
}

// Close implements script.Conn.
func (p *played) Close() error {
	p.hangUp()
	return nil
}

// conn is a played client as the server sees it.
type conn played

// QueryBuffered implements Conn.
func (*conn) QueryBuffered() (waiting, memory int) { return 0, 0 }

// OutputBuffered implements Conn.
func (*conn) OutputBuffered() int { return 0 }

// Send implements Conn: Out is where the script looks anyway.
func (c *conn) Send() { c.h.wake = append(c.h.wake, (*played)(c)) }

func (c *conn) SendLater() { c.Send() }

// Leaving implements Conn.
func (c *conn) Leaving() bool { return c.closed }

// Close implements Conn.
func (c *conn) Close(soon bool) {
	if !soon {
		c.cl.Out.B, c.read = c.cl.Out.B[:0], 0
	}
	(*played)(c).hangUp()
}

// Clients implements Host.
func (h *harness) Clients(yield func(*Client) bool) {
	for _, p := range append([]*played(nil), h.clients...) {
		if !yield(p.cl) {
			return
		}
	}
}

// Client implements Host.
func (h *harness) Client(id int64) *Client {
	for _, p := range h.clients {
		if p.cl.ID == id {
			return p.cl
		}
	}
	return nil
}

// Resume implements Host.
func (h *harness) Resume() { h.resume = true }

// Apply implements Host: there is nothing outside of commands.
func (h *harness) Apply([]string) error {
	h.Configured()
	return nil
}

// Shutdown implements Host.
func (h *harness) Shutdown(ShutdownOptions) error {
	return errors.New("a server in process is not shut down")
}

// Log implements Host.
func (h *harness) Log(config.LogLevel, string) {}

// Process implements Host.
func (h *harness) Process() Process {
	return Process{
		RSS: 32 << 20, PeakRSS: 32 << 20, HeapLive: 8 << 20, TotalMemory: 8 << 30, Threads: 4, Goroutines: 4,
		PID: 4711, RunID: "0123456789abcdef0123456789abcdef01234567", StartedMs: 1_699_999_000_000,
		Executable: "/redust", OS: "Linux", GoVersion: "go", Arch: "amd64", Version: "test",
	}
}

// Collect implements Host.
func (h *harness) Collect() {}

// Sleep implements Host.
func (h *harness) Sleep(ns int64) {
	h.nowMs += ns / 1e6
	h.mono += ns
}

// do runs a command given as words and returns the reply as it goes to the client.
func (p *played) do(words ...string) string {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	if err := p.Send(args); err != nil {
		return err.Error()
	}
	out := string(p.cl.Out.B[p.read:])
	p.cl.Out.B, p.read = p.cl.Out.B[:0], 0
	return out
}

// Background implements Host: the work is done at once, since in process there is nobody to
// wait for, and what follows when the command at hand is over.
func (h *harness) Background(work, done func()) {
	work()
	h.done = append(h.done, done)
}

// Transfer implements Host: there is no network, unless a test stands in for it.
func (h *harness) Transfer(t *Transfer) {
	if h.transfer == nil {
		t.Trouble = Connecting
		return
	}
	h.transfer(t)
}

// CachedPeers implements Host.
func (h *harness) CachedPeers() int { return 0 }

// After implements Host.
func (h *harness) After(_ int64, f func()) { h.done = append(h.done, f) }
