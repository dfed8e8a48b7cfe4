package torture

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"redust/tests/script"
	"redust/tests/server"
)

// Clients that wait for lists, over sockets: many of them, some of which hang up; what is
// pipelined behind; deadlines. Each with the executor as the reactor, and beside two.

func bothLoops(t *testing.T, what func(t *testing.T, s *server.Server), args ...string) {
	for _, threads := range []string{"1", "2"} {
		t.Run("io-threads "+threads, func(t *testing.T) {
			what(t, start(t, append([]string{"--io-threads", threads}, args...)...))
		})
	}
}

// infoIs waits until INFO has a field of this value.
func infoIs(s *server.Server, field string, want int) error {
	line := fmt.Sprintf("\r\n%s:%d\r\n", field, want)
	conn, err := script.Dial(s.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return eventually(func() (bool, error) {
		info, err := script.Do(conn, "INFO", "clients")
		return err == nil && strings.Contains(info.Text, line), errors.Join(err, fmt.Errorf("%s is not %d: %s", field, want, info.Text))
	})
}

// popped is the reply to BLPOP.
func popped(key, value string) string {
	return fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(value), value)
}

// TestManyWait blocks a thousand clients on fifty lists. A third hang up: what is pushed
// then goes to the others, each gets one, and nothing is lost.
func TestManyWait(t *testing.T) {
	const clients, lists = 999, 50
	bothLoops(t, func(t *testing.T, s *server.Server) {
		all := make([]*client, clients)
		for i := range all {
			all[i] = mustDial(t, s)
			if err := all[i].send(request("BLPOP", fmt.Sprint("l", i%lists), fmt.Sprint("l", (i+1)%lists), "0")); err != nil {
				t.Fatal(err)
			}
		}
		if err := infoIs(s, "blocked_clients", clients); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < clients; i += 3 {
			_ = all[i].Close() // what we have not read does not matter
		}
		if err := infoIs(s, "blocked_clients", clients/3*2); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]bool{}
		for i, c := range all {
			if i%3 == 0 {
				continue
			}
			wg.Go(func() {
				value, err := c.pop()
				mu.Lock()
				defer mu.Unlock()
				if err != nil || got[value] {
					t.Errorf("client %d: %q a second time, or %v", i, value, err)
				}
				got[value] = true
			})
		}
		p := mustDial(t, s)
		for i := range clients {
			if err := p.send(request("RPUSH", fmt.Sprint("l", i%lists), fmt.Sprint("v", i))); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		if len(got) != clients/3*2 {
			t.Errorf("%d elements for %d clients", len(got), clients/3*2)
		}
		// The replies to the pushes say how long the lists were: who waits is served after
		// them, so that is 1 as long as somebody does.
		left := 0
		for range clients {
			line, err := p.line()
			if err != nil {
				t.Fatal(err)
			}
			if line == ":0" || line[0] != ':' {
				t.Fatalf("a push replied %q", line)
			}
		}
		conn, err := script.Dial(s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for i := range lists {
			n, err := script.Do(conn, "LLEN", fmt.Sprint("l", i))
			if err != nil {
				t.Fatal(err)
			}
			k, err := strconv.Atoi(n.Text)
			if err != nil {
				t.Fatal(err)
			}
			left += k
		}
		if left != clients/3 {
			t.Errorf("%d elements are left of %d, and %d were received", left, clients, len(got))
		}
		if err := infoIs(s, "total_blocking_keys", 0); err != nil {
			t.Error(err)
		}
	})
}

// TestHangUpsWhileServing has clients wait and hang up while others push. Nobody gets what
// another got, and nothing of them stays.
func TestHangUpsWhileServing(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		const workers, rounds = 16, 60
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]bool{}
		for w := range workers {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(w), 1))
				for round := range rounds {
					c, err := dial(s.Addr)
					if err != nil {
						t.Error(err)
						return
					}
					if w%2 == 0 {
						err = c.send(slices.Concat(request("RPUSH", "q", fmt.Sprint(w, "-", round)), request("RPUSH", "r", fmt.Sprint(w, "+", round))))
						time.Sleep(time.Duration(rnd.IntN(1000)) * time.Microsecond)
					} else {
						err = c.send(request("BLPOP", "q", "r", "0.05"))
						if rnd.IntN(2) == 0 {
							time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
						} else if value, perr := c.pop(); perr == nil && value != "" {
							mu.Lock()
							if got[value] {
								t.Errorf("%q twice", value)
							}
							got[value] = true
							mu.Unlock()
						} else {
							err = perr
						}
					}
					if err = errors.Join(err, c.Close()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for _, field := range []string{"blocked_clients", "total_blocking_keys", "clients_in_timeout_table"} {
			if err := infoIs(s, field, 0); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPipelinedBehind sends commands behind ones that wait, in whole and in pieces: they
// run in order, each after the one before it was served.
func TestPipelinedBehind(t *testing.T) {
	big := strings.Repeat("x", 100_000) // is assembled in a buffer of its own
	pipeline := slices.Concat(
		request("SET", "before", "1"), request("BLPOP", "a", "0"), request("SET", "k", "1"), request("GET", "k"),
		request("BLPOP", "b", "0"), request("ECHO", big), request("BLPOP", "nothing", "0.01"), []byte("PING\r\n"),
		request("BLPOP", "a", "0"), []byte("*1\r\n:broken\r\n"))
	replies := []string{
		"+OK\r\n",
		popped("a", "1") + "+OK\r\n$1\r\n1\r\n",
		popped("b", "2") + fmt.Sprintf("$%d\r\n%s\r\n", len(big), big) + "*-1\r\n+PONG\r\n",
		popped("a", "3") + "-ERR Protocol error: expected '$', got ':'\r\n",
	}
	bothLoops(t, func(t *testing.T, s *server.Server) {
		for _, piece := range []int{1 << 20, 50_000, 4096, 7} {
			c, p := mustDial(t, s), mustDial(t, s)
			sent := make(chan error, 1)
			go func() {
				conn := c.Conn.(*net.TCPConn)
				for b := pipeline; len(b) > 0; {
					n := min(piece, len(b))
					if _, err := conn.Write(b[:n]); err != nil {
						sent <- err
						return
					}
					b = b[n:]
				}
				sent <- nil
			}()
			for i, push := range [][]string{nil, {"RPUSH", "a", "1"}, {"RPUSH", "b", "2"}, {"RPUSH", "a", "3"}} {
				if push != nil {
					time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
					if err := p.send(request(push...)); err != nil {
						t.Fatal(err)
					}
					if err := p.expect(":1\r\n"); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.expect(replies[i]); err != nil {
					t.Fatalf("pieces of %d, part %d: %v", piece, i, err)
				}
			}
			if rest, err := c.rest(); err != nil || len(rest) > 0 {
				t.Errorf("pieces of %d: after the end %q, %v", piece, rest, err)
			}
			if err := <-sent; err != nil {
				t.Errorf("pieces of %d: %v", piece, err)
			}
		}
	})
}

// TestTimeoutsAreExact measures how long clients wait in vain.
func TestTimeoutsAreExact(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var late []time.Duration
		var clients []*client
		for range 200 {
			c := mustDial(t, s)
			if err := c.send([]byte("PING\r\n")); err != nil {
				t.Fatal(err)
			}
			if err := c.expect("+PONG\r\n"); err != nil { // it is admitted by now
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		for i, c := range clients {
			wg.Go(func() {
				wait := time.Duration(1+i*3) * time.Millisecond
				from := time.Now()
				if err := c.send(request("BLPOP", fmt.Sprint("q", i%10), fmt.Sprintf("%.3f", wait.Seconds()))); err != nil {
					t.Error(err)
				}
				if err := c.expect("*-1\r\n"); err != nil {
					t.Error(err)
				}
				took := time.Since(from)
				if took < wait {
					t.Errorf("waited %v instead of %v", took, wait)
				}
				mu.Lock()
				late = append(late, took-wait)
				mu.Unlock()
			})
		}
		wg.Wait()
		slices.Sort(late)
		t.Logf("late: median %v, 90 %% %v, worst %v", late[len(late)/2], late[len(late)*9/10], late[len(late)-1])
		// The machine may be busy with other things; that it can be done shows.
		if tenth := late[len(late)/10]; tenth > 10*time.Millisecond {
			t.Errorf("nine tenths of the timeouts are late by %v and more", tenth)
		}
	})
}

// TestWaitingHasNoIdleTimeout: a client that waits is not idle, and one that has waited is
// again. Their times lie close together, so some end in the very round that looks for idle
// clients.
func TestWaitingHasNoIdleTimeout(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		var wg sync.WaitGroup
		for i := range 200 {
			c := mustDial(t, s)
			wg.Go(func() {
				if err := c.send(request("BLPOP", "q", fmt.Sprintf("%.3f", 1.3+float64(i)/1000))); err != nil {
					t.Error(err)
				}
				if err := c.expect("*-1\r\n"); err != nil {
					t.Error(err)
				}
				if rest, err := c.rest(); err != nil || len(rest) > 0 {
					t.Errorf("an idle client got %q, %v", rest, err)
				}
			})
		}
		wg.Wait()
	}, "--timeout", "1")
}

// TestSendingWhileWaiting: what a client sends while it waits is kept, up to the limit of
// the query buffer.
func TestSendingWhileWaiting(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c := mustDial(t, s)
		many := bytes.Repeat(request("PING"), 5000)
		if err := c.send(append(request("BLPOP", "q", "0"), many...)); err != nil {
			t.Fatal(err)
		}
		if err := ask(s.Addr, string(request("RPUSH", "q", "1")), ":1\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := c.expect(popped("q", "1") + strings.Repeat("+PONG\r\n", 5000)); err != nil {
			t.Fatal(err)
		}
		err := c.send(request("BLPOP", "q", "0"))
		for i := 0; i < 1000 && err == nil; i++ {
			err = c.send(many)
		}
		if rest, err := c.rest(); err != nil || len(rest) > 0 {
			t.Errorf("beyond the limit: %q, %v", rest, err)
		}
		if err := infoIs(s, "blocked_clients", 0); err != nil {
			t.Error(err)
		}
	}, "--client-query-buffer-limit", "1mb")
}

// TestHalfClosedWhileWaiting: a peer that closes its side while it waits is gone, and
// nothing goes with it.
func TestHalfClosedWhileWaiting(t *testing.T) {
	bothLoops(t, func(t *testing.T, s *server.Server) {
		c := mustDial(t, s)
		if err := c.send(request("BLPOP", "q", "0")); err != nil {
			t.Fatal(err)
		}
		if err := infoIs(s, "blocked_clients", 1); err != nil {
			t.Fatal(err)
		}
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := infoIs(s, "blocked_clients", 0); err != nil {
			t.Fatal(err)
		}
		if err := ask(s.Addr, string(slices.Concat(request("RPUSH", "q", "1"), request("LLEN", "q"))), ":1\r\n:1\r\n"); err != nil {
			t.Error(err)
		}
	})
}
