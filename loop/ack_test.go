package loop

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redust/cmd"
	"redust/config"
	"redust/db"
)

// stuckFile is an append only file that gets as far as it is told.
type stuckFile struct {
	cmd.AppendFile // what is not called here
	acked          atomic.Int64
	told           atomic.Int64
}

func (f *stuckFile) Append(b []byte)        { f.told.Add(int64(len(b))) }
func (f *stuckFile) Acked() int64           { return f.acked.Load() }
func (f *stuckFile) Configure(bool)         {}
func (f *stuckFile) Tick()                  {}
func (f *stuckFile) State() cmd.AppendState { return cmd.AppendState{} }

type quiet struct{}

func (quiet) Log(config.LogLevel, string) {}
func (quiet) Debug(string)                {}
func (quiet) Verbose(string)              {}
func (quiet) Notice(string)               {}
func (quiet) Warn(string)                 {}

// rig is a server whose journal stands still.
type rig struct {
	t    *testing.T
	s    *Server
	f    *stuckFile
	path string
}

func newRig(t *testing.T, threads int) *rig {
	path := filepath.Join(t.TempDir(), "sock")
	cfg, _, err := config.Load([]string{"--port", "0", "--unixsocket", path, "--save", "",
		"--appendonly", "yes", "--io-threads", fmt.Sprint(threads)}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	table := cmd.NewServer(cfg, db.New(cfg.Databases, rand.Uint64))
	table.Random = rand.Uint64
	r := &rig{t: t, s: New(table, cfg, Options{Log: quiet{}}), f: new(stuckFile), path: path}
	if err := r.s.Start(); err != nil {
		t.Fatal(err)
	}
	r.on(func() { table.JoinAppendFile(r.f, true) })
	t.Cleanup(func() {
		r.move(math.MaxInt64)
		r.s.Stop("")
		r.s.Wait()
	})
	return r
}

// on runs f on the executor.
func (r *rig) on(f func()) {
	done := make(chan bool)
	r.s.Post(func() { f(); close(done) })
	<-done
}

// move lets the journal get to a position.
func (r *rig) move(to int64) {
	r.f.acked.Store(to)
	r.s.JournalMoved()
}

// at is how far the stream is.
func (r *rig) at() (n int64) {
	r.on(func() { n = r.s.Cmd.JournalAt() })
	return n
}

type party struct {
	*net.UnixConn
	t *testing.T
	r *bufio.Reader
}

func (r *rig) dial() *party {
	c, err := net.Dial("unix", r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return &party{c.(*net.UnixConn), r.t, bufio.NewReader(c)}
}

func (p *party) say(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		p.t.Fatal(err)
	}
}

// hears expects exactly these bytes.
func (p *party) hears(want string) {
	p.t.Helper()
	b := make([]byte, len(want))
	_ = p.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := io.ReadFull(p.r, b); err != nil || string(b) != want {
		p.t.Fatalf("heard %q, want %q (%v)", b[:n], want, err)
	}
}

// silent expects to hear nothing.
func (p *party) silent() {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if b, err := p.r.ReadByte(); err == nil {
		p.t.Fatalf("heard %q, but the journal has not got there", b)
	}
}

func both(t *testing.T, f func(t *testing.T, r *rig)) {
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprint("io-threads ", n), func(t *testing.T) { f(t, newRig(t, n)) })
	}
}

// Replies to writes wait, in order with what follows them; those of others do not.
func TestRepliesWait(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a, b := r.dial(), r.dial()
		a.say("SET k 1\r\nGET k\r\n")
		a.silent()
		b.say("GET k\r\n")
		b.hears("$1\r\n1\r\n")
		first := r.at()
		a.say("SET k 2\r\n")
		a.silent()
		r.move(first - 1)
		a.silent()
		r.move(first)
		a.hears("+OK\r\n$1\r\n1\r\n") // and not what came later
		a.silent()
		r.move(r.at())
		a.hears("+OK\r\n")
		a.say("GET k\r\n")
		a.hears("$1\r\n2\r\n")
	})
}

// Whoever is served by another's push has changed something, too.
func TestServedWaits(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a, b := r.dial(), r.dial()
		a.say("BLPOP l 0\r\n")
		r.blocked(1)
		b.say("RPUSH l x\r\n")
		a.silent()
		b.silent()
		r.move(r.at())
		a.hears("*2\r\n$1\r\nl\r\n$1\r\nx\r\n")
		b.hears(":1\r\n")
	})
}

// blocked waits until so many clients are.
func (r *rig) blocked(n int) {
	for {
		is := 0
		r.on(func() {
			r.s.Clients(func(c *cmd.Client) bool {
				if c.Has(cmd.ClientBlocked) {
					is++
				}
				return true
			})
		})
		if is == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A client that is to be closed, or closes its sending side, hears everything first.
func TestLastWordsWait(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a, b, c := r.dial(), r.dial(), r.dial()
		a.say("SET k 1\r\nQUIT\r\n")
		a.silent()
		b.say("SET k 2\r\n")
		b.silent()
		if err := b.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		b.silent()
		c.say("SET k 3\r\n")
		c.silent()
		_ = c.Close()
		time.Sleep(5 * time.Millisecond)
		r.move(r.at())
		a.hears("+OK\r\n+OK\r\n")
		b.hears("+OK\r\n")
		for _, p := range []*party{a, b} {
			if _, err := p.r.ReadByte(); err != io.EOF {
				t.Errorf("not closed afterwards: %v", err)
			}
		}
	})
}

// Pushes to a client that waits come behind its replies, and CLIENT REPLY OFF waits for
// nothing.
func TestPushesWait(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a, b := r.dial(), r.dial()
		a.say("HELLO 3\r\n")
		if line, err := a.r.ReadString('\n'); err != nil || line[0] != '%' {
			t.Fatal(line, err)
		}
		for {
			_ = a.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if _, err := a.r.ReadByte(); err != nil {
				break
			}
		}
		a.say("SUBSCRIBE c\r\n")
		a.hears(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
		a.say("SET k 1\r\n")
		a.silent()
		b.say("PUBLISH c hi\r\n")
		b.hears(":1\r\n")
		a.silent()
		r.move(r.at())
		a.hears("+OK\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n")
		b.say("CLIENT REPLY OFF\r\nSET k 2\r\nCLIENT REPLY ON\r\n")
		b.silent()
		r.move(r.at())
		b.hears("+OK\r\n")
	})
}

// A client that goes on and on is stopped when much waits for it, and goes on later.
func TestWaitingIsBounded(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		a := r.dial()
		const n = 200
		big := strings.Repeat("x", 50_000)
		a.say("SET k " + big + "\r\n")
		r.move(math.MaxInt64)
		a.hears("+OK\r\n")
		r.move(r.at())
		a.say("SET j 1\r\n" + strings.Repeat("GET k\r\n", n))
		a.say(strings.Repeat("GET k\r\n", n))
		time.Sleep(50 * time.Millisecond)
		waits := 0
		r.on(func() {
			for _, c := range r.s.order {
				waits = max(waits, len(c.Out.B))
			}
		})
		if waits < 100_000 || waits > maxAwaiting+flushAt+2*len(big) {
			t.Errorf("%d bytes wait", waits)
		}
		r.move(math.MaxInt64)
		a.hears("+OK\r\n")
		for range 2 * n {
			a.hears("$50000\r\n" + big + "\r\n")
		}
	})
}

// Under a journal that creeps along many clients get all their replies, in order.
func TestCreepingJournal(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		stop := make(chan bool)
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
				}
				at := r.f.acked.Load()
				r.move(at + max((r.f.told.Load()-at+1)/2, 0))
			}
		}()
		done := make(chan error)
		const clients, n = 8, 300
		for i := range clients {
			c := r.dial()
			go func() {
				for k := range n {
					if _, err := fmt.Fprintf(c, "INCR c%d\r\nGET c%d\r\nRPUSH l%d %d\r\n", i, i, i, k); err != nil {
						done <- err
						return
					}
					if k%7 != 6 {
						continue
					}
					for j := k - 6; j <= k; j++ {
						d := fmt.Sprint(j + 1)
						want := fmt.Sprintf(":%s\r\n$%d\r\n%s\r\n:%s\r\n", d, len(d), d, d)
						b := make([]byte, len(want))
						_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
						if _, err := io.ReadFull(c.r, b); err != nil || string(b) != want {
							done <- fmt.Errorf("client %d heard %q, want %q (%v)", i, b, want, err)
							return
						}
					}
				}
				done <- nil
			}()
		}
		for range clients {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		close(stop)
	})
}
