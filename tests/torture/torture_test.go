package torture

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"redust/tests/script"
	"redust/tests/server"
)

// binary holds the path once TestMain knows it, and why there is none otherwise.
var binary struct {
	path string
	err  error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "redust-torture-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary.path, binary.err = server.Redust(dir)
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// start runs the binary; the server must still be alive when the test ends.
func start(t *testing.T, args ...string) *server.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	s, err := server.Start(binary.path, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ask(s.Addr, "PING\r\n", "+PONG\r\n"); err != nil || !s.Alive() {
			t.Errorf("the server did not survive: %v\n%s", err, s.Log())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustDial(t *testing.T, s *server.Server) *client {
	t.Helper()
	c, err := dial(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // many tests end with the server closing first
	return c
}

// eventually asks again and again, up to patience, whether something has become true.
func eventually(what func() (bool, error)) error {
	var last error
	for range int(patience / (20 * time.Millisecond)) {
		ok, err := what()
		if ok {
			return nil
		}
		last = err
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(errors.New("torture: it did not come true"), last)
}

// request is a command as a client sends it.
func request(words ...string) []byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return script.AppendRequest(nil, args...)
}

// TestTenThousandConnections opens them all, then has each say PING, twice around.
func TestTenThousandConnections(t *testing.T) {
	const clients = 10000
	limit, err := raiseFiles()
	if err != nil {
		t.Fatal(err)
	}
	if limit < clients+200 {
		t.Skipf("needs %d open files, and the hard limit (ulimit -Hn) is %d", clients+200, limit)
	}
	s := start(t, "--maxclients", fmt.Sprint(clients+50))
	all := make([]*client, clients)
	for i := range all {
		if all[i], err = dial(s.Addr); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer all[i].Close()
	}
	for range 2 {
		for i, c := range all {
			if err := c.send([]byte("PING\r\n")); err != nil {
				t.Fatalf("client %d: %v", i, err)
			}
		}
		for i, c := range all {
			if err := c.expect("+PONG\r\n"); err != nil {
				t.Fatalf("client %d: %v", i, err)
			}
		}
	}
}

// TestSlowReaders: clients that ask for gigabytes and never read are disconnected at the limit,
// and the server holds about that much for each and no more.
func TestSlowReaders(t *testing.T) {
	const readers, limit = 4, 16 << 20
	s := start(t, "--client-output-buffer-limit", "normal 16mb 0 0")
	if err := ask(s.Addr, string(request("SET", "big", strings.Repeat("x", 1<<20))), "+OK\r\n"); err != nil {
		t.Fatal(err)
	}
	before, err := s.RSS()
	if err != nil {
		t.Fatal(err)
	}
	many := bytes.Repeat(request("GET", "big"), 1000)
	slow := make([]*client, readers)
	for i := range slow {
		slow[i] = mustDial(t, s)
		if err := slow[i].send(many); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
	most := before
	err = eventually(func() (bool, error) {
		rss, err := s.RSS()
		if err != nil {
			return false, err
		}
		most = max(most, rss)
		conn, err := script.Dial(s.Addr)
		if err != nil {
			return false, err
		}
		list, err := script.Do(conn, "CLIENT", "LIST")
		if err := errors.Join(err, conn.Close()); err != nil {
			return false, err
		}
		left := strings.Count(list.Text, "\n")
		return left == 1, fmt.Errorf("%d clients are left:\n%s", left, list.Text)
	})
	if err != nil {
		t.Fatal(err)
	}
	if grown := most - before; grown > readers*(limit+4<<20)+(64<<20) {
		t.Errorf("the server grew by %d MB for %d readers with a limit of %d MB each", grown>>20, readers, limit>>20)
	}
	for i, c := range slow {
		if got, err := c.rest(); err != nil || len(got) >= 1000<<20 {
			t.Errorf("reader %d: %d MB, %v", i, len(got)>>20, err)
		}
	}
}

// pipelines are sets of requests with the replies they get in a fresh database.
var pipelines = []struct{ name, send, want string }{
	{"inline", "PING\r\nECHO \"a b\"\r\n\r\nSET k 1\nGET k\r\n", "+PONG\r\n$3\r\na b\r\n+OK\r\n$1\r\n1\r\n"},
	{"multibulk", "*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\r\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
		"+PONG\r\n+OK\r\n$5\r\na\r\nb\r\r\n"},
	{"mixed", "PING\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*0\r\n*-1\r\nPING\r\n*1\r\n$4\r\nping\r\n", "+PONG\r\n$0\r\n\r\n+PONG\r\n+PONG\r\n"},
	{"error inside", "*1\r\n$3\r\nGET\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n",
		"-ERR wrong number of arguments for 'get' command\r\n+PONG\r\n$2\r\n\r\n\r\n"},
	{"protocol error at the end", "PING\r\n*1\r\n:4\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n"},
}

// TestTornRequests cuts every pipeline at every place, and once into single bytes. The replies
// are the same.
func TestTornRequests(t *testing.T) {
	s := start(t)
	for _, p := range pipelines {
		t.Run(p.name, func(t *testing.T) {
			for cut := range len(p.send) {
				c, err := dial(s.Addr)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.send([]byte(p.send[:cut])); err != nil {
					t.Fatal(err)
				}
				// Replies to the first part come before the second is sent where a whole request
				// stands there; a pause lets the server see the cut otherwise.
				time.Sleep(500 * time.Microsecond)
				if err := c.send([]byte(p.send[cut:])); err != nil && !strings.HasPrefix(p.name, "protocol") {
					t.Fatal(err)
				}
				if err := c.expect(p.want); err != nil {
					t.Errorf("cut at %d: %v", cut, err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			c := mustDial(t, s)
			for i := range len(p.send) {
				if err := c.send([]byte{p.send[i]}); err != nil && !strings.HasPrefix(p.name, "protocol") {
					t.Fatal(err)
				}
			}
			if err := c.expect(p.want); err != nil {
				t.Errorf("byte by byte: %v", err)
			}
		})
	}
}

// TestProtocolErrors: each ends with that error and a closed connection, and nothing else is
// answered, not even what follows in the same write.
func TestProtocolErrors(t *testing.T) {
	s := start(t, "--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "2mb")
	endless := strings.Repeat("1", 70000) // a line may have 64 KB, then its end must have come
	for _, r := range []struct{ send, want string }{
		{"*1\r\n$-4\r\n", "invalid bulk length"},
		{"*1\r\n$abc\r\n", "invalid bulk length"},
		{"*1\r\n$1048577\r\n", "invalid bulk length"},
		{"*1\r\n$99999999999999999999\r\n", "invalid bulk length"},
		{"*abc\r\n", "invalid multibulk length"},
		{"*2147483648\r\n", "invalid multibulk length"},
		{"*99999999999999999999\r\n", "invalid multibulk length"},
		{"*2\r\n$4\r\nECHO\r\nx\r\n", "expected '$', got 'x'"},
		{"*1\r\n\r\n", "expected '$', got '\r'"},
		{"PING \"unbalanced\r\n", "unbalanced quotes in request"},
		{"PING \"a\"b\r\n", "unbalanced quotes in request"},
		{"*1" + endless, "too big mbulk count string"},
		{"*1\r\n$" + endless, "too big bulk count string"},
		{endless, "too big inline request"},
	} {
		c := mustDial(t, s)
		whole := "PING\r\n" + r.send
		if !strings.HasSuffix(r.send, endless) {
			whole += "\r\nPING\r\n"
		}
		if err := c.send([]byte(whole)); err != nil {
			t.Errorf("%.40q: %v", r.send, err)
			continue
		}
		got, err := c.rest()
		shown := strings.ReplaceAll(r.want, "\r", " ") // a reply is one line
		if want := "+PONG\r\n-ERR Protocol error: " + shown + "\r\n"; string(got) != want || err != nil {
			t.Errorf("%.40q: got %q, %v, want %q", r.send, got, err, want)
		}
	}
}

// TestHugeMultibulkCount: a count is a promise and not yet memory.
func TestHugeMultibulkCount(t *testing.T) {
	s := start(t)
	before, err := s.RSS()
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		c := mustDial(t, s)
		if err := c.send([]byte("*1048576\r\n$4\r\nPING\r\n")); err != nil {
			t.Fatal(err)
		}
		d := mustDial(t, s)
		if err := d.send([]byte("*2\r\n$4\r\nECHO\r\n$536870912\r\nab")); err != nil {
			t.Fatal(err)
		}
	}
	// Twenty times half a gigabyte may be reserved but must not be touched.
	if err := ask(s.Addr, "PING\r\n", "+PONG\r\n"); err != nil {
		t.Fatal(err)
	}
	after, err := s.RSS()
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown > 400<<20 {
		t.Errorf("the server grew by %d MB on promises alone", grown>>20)
	}
}

// TestGarbage sends noise of every kind; the server answers with errors or not at all, and lives.
func TestGarbage(t *testing.T) {
	s := start(t)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		noise := make([]byte, 1+r.IntN(3000))
		for j := range noise {
			switch i % 3 {
			case 0:
				noise[j] = byte(r.IntN(256))
			case 1:
				noise[j] = "*$0123456789\r\n-+: \""[r.IntN(19)]
			default: // a good pipeline with bytes changed
				p := pipelines[i%len(pipelines)].send
				noise[j] = p[j%len(p)]
				if r.IntN(20) == 0 {
					noise[j] ^= byte(1 << r.IntN(8))
				}
			}
		}
		c, err := dial(s.Addr)
		if err != nil {
			t.Fatalf("after %d rounds: %v\n%s", i, err, s.Log())
		}
		err = c.send(noise)
		if err == nil {
			err = c.Conn.(*net.TCPConn).CloseWrite()
		}
		if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.ENOTCONN) {
			t.Fatal(err)
		}
		replies, err := c.rest()
		if err != nil {
			t.Errorf("noise %d was not answered by closing: %v", i, err)
		}
		for len(replies) > 0 {
			n, err := script.Cut(replies)
			if err != nil || n == 0 {
				t.Fatalf("noise %q: what comes back is not RESP: %.60q, %v", noise, replies, err)
			}
			replies = replies[n:]
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestHalfClosed: a client that has said all it has to say still hears every reply.
func TestHalfClosed(t *testing.T) {
	s := start(t)
	value := strings.Repeat("v", 1000)
	if err := ask(s.Addr, string(request("SET", "k", value)), "+OK\r\n"); err != nil {
		t.Fatal(err)
	}
	counts := []int{1, 10, 50, 5000}
	if strings.HasPrefix(filepath.Base(binary.path), "redis-") {
		counts = counts[:3] // Redis writes 64 KB, sees the end, and forgets the rest; we do not
	}
	for _, n := range counts {
		c := mustDial(t, s)
		if err := c.send(bytes.Repeat(request("GET", "k"), n)); err != nil {
			t.Fatal(err)
		}
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := c.rest()
		if want := strings.Repeat("$1000\r\n"+value+"\r\n", n); string(got) != want || err != nil {
			t.Errorf("%d requests: %d bytes of %d arrived, %v", n, len(got), len(want), err)
		}
	}
}

// TestHalfGigabyte sends the largest bulk string in pieces. If each piece made the
// server look at all before it again, the second half would cost three times the first.
func TestHalfGigabyte(t *testing.T) {
	const size, piece = 512 << 20, 64 << 10
	s := start(t, "--client-query-buffer-limit", "1gb")
	c := mustDial(t, s)
	if err := c.send(fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n", size)); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), piece/16)
	var spent [3]time.Duration
	var err error
	for i := range size / piece {
		if i%(size/piece/2) == 0 {
			if spent[i/(size/piece/2)], err = s.CPU(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.send(data); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	if err := c.send([]byte("\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.expect("+OK\r\n"); err != nil {
		t.Fatal(err)
	}
	if spent[2], err = s.CPU(); err != nil {
		t.Fatal(err)
	}
	one, two := spent[1]-spent[0], spent[2]-spent[1]
	// A little is allowed for the last copy and for the clock of 10 ms.
	if two > 2*one+100*time.Millisecond {
		t.Errorf("the first half took %v of CPU, the second %v", one, two)
	}
	t.Logf("first half %v, second half %v", one, two)
	if err := ask(s.Addr, "STRLEN big\r\nGETRANGE big 536870900 -1\r\n", ":536870912\r\n$12\r\n456789abcdef\r\n"); err != nil {
		t.Error(err)
	}
}

// TestMaxClients: one too many hears why and is closed; when one leaves there is room.
func TestMaxClients(t *testing.T) {
	s := start(t, "--maxclients", "5")
	// The connection that waited for the first PING may not be gone yet.
	var inside []*client
	for range 5 {
		var c *client
		err := eventually(func() (bool, error) {
			var err error
			if c, err = dial(s.Addr); err != nil {
				return false, err
			}
			if err = c.send([]byte("PING\r\n")); err == nil {
				err = c.expect("+PONG\r\n")
			}
			if err != nil {
				err = errors.Join(err, c.Close())
			}
			return err == nil, err
		})
		if err != nil {
			t.Fatal(err)
		}
		inside = append(inside, c)
		defer c.Close()
	}
	for range 3 {
		c := mustDial(t, s)
		if got, err := c.rest(); string(got) != "-ERR max number of clients reached\r\n" || err != nil {
			t.Errorf("one too many hears %q, %v", got, err)
		}
	}
	for _, c := range inside {
		if err := c.send([]byte("PING\r\n")); err != nil {
			t.Error(err)
		} else if err := c.expect("+PONG\r\n"); err != nil {
			t.Error(err)
		}
	}
	if err := inside[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := eventually(func() (bool, error) {
		err := ask(s.Addr, "PING\r\n", "+PONG\r\n")
		return err == nil, err
	}); err != nil {
		t.Errorf("no room after one left: %v", err)
	}
	for _, c := range inside[1:] { // so that the last look at the server gets in
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := eventually(func() (bool, error) {
		err := ask(s.Addr, "PING\r\n", "+PONG\r\n")
		return err == nil, err
	}); err != nil {
		t.Error(err)
	}
}

// TestQueryBufferLimit: a request that is collected past the limit costs its client the
// connection, and the server not the memory.
func TestQueryBufferLimit(t *testing.T) {
	s := start(t, "--client-query-buffer-limit", "1mb")
	c := mustDial(t, s)
	if err := c.send([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n")); err != nil {
		t.Fatal(err)
	}
	sent, chunk := 0, bytes.Repeat([]byte("x"), 1<<16)
	for ; sent < 64<<20; sent += len(chunk) {
		if err := c.send(chunk); err != nil {
			break
		}
	}
	if got, err := c.rest(); len(got) != 0 || err != nil {
		t.Errorf("got %q, %v; want a closed connection", got, err)
	}
	if sent >= 64<<20 {
		t.Errorf("the server took %d MB with a limit of 1", sent>>20)
	}
	if err := ask(s.Addr, "EXISTS k\r\n", ":0\r\n"); err != nil {
		t.Error(err)
	}
}

// TestIdleClients: with a timeout of 1 s a thousand clients that say nothing are closed, and
// one that goes on talking is not.
func TestIdleClients(t *testing.T) {
	if limit, err := raiseFiles(); err != nil || limit < 1200 {
		t.Skipf("needs 1200 open files, and the hard limit (ulimit -Hn) is %d (%v)", limit, err)
	}
	s := start(t, "--timeout", "1")
	idle := make([]*client, 1000)
	for i := range idle {
		idle[i] = mustDial(t, s)
	}
	busy := mustDial(t, s) // the last, since connecting them all may take its second
	closed := make(chan error, len(idle))
	for _, c := range idle {
		go func() {
			got, err := c.rest()
			if err == nil && len(got) > 0 {
				err = fmt.Errorf("torture: an idle client hears %q", got)
			}
			closed <- err
		}()
	}
	for left := len(idle); left > 0; {
		select {
		case err := <-closed:
			if left--; err != nil {
				t.Fatalf("%d clients left: %v", left, err)
			}
		case <-time.After(200 * time.Millisecond):
		}
		if err := busy.send([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := busy.expect("+PONG\r\n"); err != nil {
			t.Fatalf("the busy client was closed with %d idle ones left: %v", left, err)
		}
	}
}

// TestWritesInThePipelineOfADeadClient: what was sent whole is done, though nobody waits
// for the replies.
func TestWritesInThePipelineOfADeadClient(t *testing.T) {
	s := start(t)
	for i := range 20 {
		c, err := dial(s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.send(bytes.Repeat(request("INCR", fmt.Sprint("n", i)), 100)); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		want := ":100\r\n"
		if err := eventually(func() (bool, error) {
			err := ask(s.Addr, fmt.Sprintf("INCRBY n%d 0\r\n", i), want)
			return err == nil, err
		}); err != nil {
			t.Errorf("n%d: %v", i, err)
		}
	}
}
