package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"redust/tests/script"
)

// MIGRATE between real processes, ours and Redis's, both ways.

// hostPort splits an address for MIGRATE.
func hostPort(t *testing.T, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// migrateTo sends MIGRATE from one server to another.
func migrateTo(t *testing.T, from, to, rest string) string {
	t.Helper()
	host, port := hostPort(t, to)
	words := []string{"MIGRATE", host, port}
	for _, w := range strings.Fields(rest) {
		if w == `""` {
			w = ""
		}
		words = append(words, w)
	}
	return say(t, from, words...)
}

func TestMigrate(t *testing.T) {
	real := redisServer(t)
	a := serve(t, "--enable-debug-command", "yes").addr()
	b := serve(t, "--enable-debug-command", "yes", "--io-threads", "2").addr()
	for _, r := range []struct{ name, from, to string }{
		{"ours to ours", a, b}, {"ours to Redis", a, real.Addr}, {"Redis to ours", real.Addr, b},
	} {
		t.Run(r.name, func(t *testing.T) {
			want := func(addr, line, want string) {
				t.Helper()
				if got := say(t, addr, strings.Fields(line)...); got != want {
					t.Errorf("%s: %s, want %s", line, got, want)
				}
			}
			move := func(rest, want string) {
				t.Helper()
				if got := migrateTo(t, r.from, r.to, rest); got != want {
					t.Errorf("MIGRATE %s: %s, want %s", rest, got, want)
				}
			}
			say(t, r.from, "FLUSHALL")
			say(t, r.to, "FLUSHALL")
			fill(t, r.from)
			digests := make(map[string]string)
			keys := strings.Fields("long n exp small ints words z h s hll bits list set zset hash")
			for _, k := range keys {
				digests[k] = say(t, r.from, "DEBUG", "DIGEST-VALUE", k)
			}
			move("n 0 5000 COPY", "OK")
			want(r.from, "GET n", "-123456789")
			want(r.to, "GET n", "-123456789")
			move("n 0 5000 COPY", "ERR Target instance replied with error: BUSYKEY Target key name already exists.")
			move(`"" 0 5000 REPLACE KEYS `+strings.Join(keys, " ")+" missing", "OK")
			for _, k := range keys {
				want(r.from, "EXISTS "+k, "0")
				if got := say(t, r.to, "DEBUG", "DIGEST-VALUE", k); got != digests[k] {
					t.Errorf("%s is not what it was", k)
				}
			}
			var left int
			if _, err := fmt.Sscan(say(t, r.to, "PTTL", "exp"), &left); err != nil || left < 99_000_000 || left > 100_000_000 {
				t.Errorf("PTTL exp: %d, %v", left, err)
			}
			move("n 0 5000", "NOKEY")
			// One key among several is refused: the others go, it stays.
			want(r.from, "MSET x 1 y 2 w 3", "OK")
			want(r.to, "SET y taken", "OK")
			move(`"" 0 5000 KEYS x y w`, "ERR Target instance replied with error: BUSYKEY Target key name already exists.")
			want(r.from, "EXISTS x y w", "1")
			want(r.to, "MGET x y w", `["1", "taken", "3"]`)
			move("key:1 3 5000", "OK")
			move("key:2 99 5000", "ERR Target instance replied with error: ERR DB index is out of range")
			want(r.from, "EXISTS key:1 key:2", "1")
			// A password.
			want(r.to, "CONFIG SET requirepass secret", "OK")
			move("key:3 4 5000 AUTH wrong", "ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled.")
			move("key:3 4 5000 REPLACE AUTH secret", "OK") // Redis has sent it, on a connection that was let in before
			move("key:4 4 5000 AUTH2 default secret", "OK")
			want(r.from, "EXISTS key:3 key:4", "0")
			c, err := script.Dial(r.to)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := script.Do(c, "AUTH", "secret"); err != nil {
				t.Fatal(err)
			}
			if v, err := script.Do(c, "CONFIG", "SET", "requirepass", ""); err != nil || v.Text != "OK" {
				t.Fatal(v, err)
			}
		})
	}
}

// TestMigrateArguments compares the replies that need no other server.
func TestMigrateArguments(t *testing.T) {
	real, ours := redisServer(t), serve(t)
	for _, line := range []string{
		"SET k v", "MIGRATE 127.0.0.1 1 k 0", "MIGRATE 127.0.0.1 1 k 0 100 BOGUS", "MIGRATE 127.0.0.1 1 k x 100", "MIGRATE 127.0.0.1 1 k 0 x",
		"MIGRATE 127.0.0.1 1 k 0 100 AUTH", "MIGRATE 127.0.0.1 1 k 0 100 AUTH2 u", "MIGRATE 127.0.0.1 1 k 0 100 KEYS a",
		"MIGRATE 127.0.0.1 1 missing 0 100", `MIGRATE 127.0.0.1 1 "" 0 100 KEYS`, `MIGRATE 127.0.0.1 1 "" 0 100`, `MIGRATE 127.0.0.1 1 "" 0 100 KEYS k`,
		"MIGRATE 127.0.0.1 1 k 0 100", "MIGRATE 127.0.0.1 none k 0 100", "MIGRATE no.such.host.invalid 1 k 0 1000", "EXISTS k",
		`COMMAND GETKEYS MIGRATE h 1 "" 0 1 COPY AUTH KEYS KEYS a b`, "COMMAND GETKEYS MIGRATE h 1 a 0 1 KEYS",
	} {
		words := strings.Fields(line)
		for i, w := range words {
			if w == `""` {
				words[i] = ""
			}
		}
		if got, want := say(t, ours.addr(), words...), say(t, real.Addr, words...); got != want {
			t.Errorf("%s: %s, Redis says %s", line, got, want)
		}
	}
}

// slowTarget is a server that reads whatever comes and says nothing until it is told to.
type slowTarget struct {
	addr    string
	reached chan struct{} // a client sent something
	speak   chan string   // what to say, once, to that client
}

func newSlowTarget(t *testing.T) *slowTarget {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	s := &slowTarget{addr: ln.Addr().String(), reached: make(chan struct{}, 8), speak: make(chan string)}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				if _, err := r.ReadByte(); err != nil {
					return
				}
				go func() { _, _ = io.Copy(io.Discard, r) }()
				s.reached <- struct{}{}
				for text := range s.speak {
					if _, err := io.WriteString(c, text); err != nil {
						return
					}
				}
			}()
		}
	}()
	return s
}

// TestMigrateMeanwhile: while the other server takes its time others are served, and what
// they change is not lost.
func TestMigrateMeanwhile(t *testing.T) {
	s := serve(t)
	target := newSlowTarget(t)
	a := s.addr()
	for _, r := range []struct {
		name, change, reply, want, then string
	}{
		{"unchanged", "GET other", "+OK\r\n+OK\r\n", "OK", "nil"},
		{"changed", "APPEND k +", "+OK\r\n+OK\r\n", "ERR a key changed while it was being migrated: it stays here, and the target instance has it as it was before", "v+"},
		{"its deadline changed", "PEXPIRE k 1000000", "+OK\r\n+OK\r\n", "ERR a key changed while it was being migrated: it stays here, and the target instance has it as it was before", "v"},
		{"gone", "DEL k", "+OK\r\n+OK\r\n", "OK", "nil"},
		{"gone and made anew", "SET k w", "+OK\r\n+OK\r\n", "ERR a key changed while it was being migrated: it stays here, and the target instance has it as it was before", "w"},
		{"refused", "GET other", "+OK\r\n-ERR no\r\n", "ERR Target instance replied with error: ERR no", "v"},
		{"the end", "CLIENT UNBLOCK ID", "+OK\r\n+OK\r\n", "OK", "nil"},
	} {
		t.Run(r.name, func(t *testing.T) {
			say(t, a, "SET", "k", "v")
			c, err := script.Dial(a)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			id, err := script.Do(c, "CLIENT", "ID")
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			var got string
			wg.Add(1)
			go func() {
				defer wg.Done()
				host, port, _ := net.SplitHostPort(target.addr)
				v, err := script.Do(c, "MIGRATE", host, port, "k", "0", "5000")
				if got = v.Text; err != nil {
					got = err.Error()
				}
			}()
			select {
			case <-target.reached:
			case <-time.After(patience):
				t.Fatal("nothing was sent")
			}
			change := strings.ReplaceAll(r.change, "ID", id.Format(2))
			began := time.Now()
			if reply := say(t, a, strings.Fields(change)...); strings.HasPrefix(reply, "ERR") || time.Since(began) > time.Second {
				t.Errorf("%s: %s after %v", change, reply, time.Since(began))
			}
			target.speak <- r.reply
			wg.Wait()
			if got != r.want {
				t.Errorf("MIGRATE: %s, want %s", got, r.want)
			}
			if now := say(t, a, "GET", "k"); now != r.then {
				t.Errorf("afterwards the key is %s, want %s", now, r.then)
			}
			// The next one is to use a connection of its own.
			close(target.speak)
			target.speak = make(chan string)
			time.Sleep(20 * time.Millisecond)
		})
	}
	t.Run("the client goes", func(t *testing.T) {
		say(t, a, "SET", "k", "v")
		c := s.dial()
		host, port := hostPort(t, target.addr)
		fmt.Fprintf(c, "MIGRATE %s %s k 0 5000\r\n", host, port)
		<-target.reached
		_ = c.Close()
		time.Sleep(50 * time.Millisecond)
		target.speak <- "+OK\r\n+OK\r\n"
		until(t, "the key to go", func() bool { return say(t, a, "EXISTS", "k") == "0" })
	})
	t.Run("nobody answers", func(t *testing.T) {
		say(t, a, "SET", "k", "v")
		if got := migrateTo(t, a, newSlowTarget(t).addr, "k 0 100"); got != "IOERR error or timeout reading to target instance" {
			t.Error(got)
		}
		if got := say(t, a, "GET", "k"); got != "v" {
			t.Error(got)
		}
	})
}
