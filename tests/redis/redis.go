// Package redis gives a test a real redis-server to ask: the truth about formats and
// answers, for packages that know nothing of a server themselves.
package redis

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Oracle is one connection to a real redis-server that lives as long as the test.
type Oracle struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

// Tool returns the path of a program that comes with Redis. A test that needs one where it is
// not installed fails, lest nobody notice that nothing was compared; with -short it is skipped.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case testing.Short():
		t.Skip(err)
	default:
		t.Fatalf("%v (make deps installs it, and go test -short does without)", err)
	}
	return path
}

// Start starts redis-server on a socket file of its own, so that no port can be taken. What
// it needs is there as Tool says.
func Start(t testing.TB, args ...string) *Oracle {
	t.Helper()
	bin := Tool(t, "redis-server")
	dir := t.TempDir()
	sock := filepath.Join(dir, "s")
	cmd := exec.Command(bin, append([]string{"--port", "0", "--unixsocket", sock, "--save", "", "--dir", dir}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 200 {
		if c, err := net.Dial("unix", sock); err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return &Oracle{t: t, c: c, r: bufio.NewReader(c)}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return nil
}

// Do sends one command. A reply is string, int64, error, nil or []any.
func (o *Oracle) Do(args ...any) any {
	req := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		s := fmt.Sprint(a)
		if b, ok := a.([]byte); ok {
			s = string(b)
		}
		req = fmt.Appendf(req, "$%d\r\n%s\r\n", len(s), s)
	}
	if _, err := o.c.Write(req); err != nil {
		o.t.Fatalf("write %.60q: %v", req, err)
	}
	v, err := ReadReply(o.r)
	if err != nil {
		o.t.Fatalf("reply to %.60q: %v", req, err)
	}
	return v
}

// ReadReply reads one reply: string, int64, nil, []any, or an error that the server gave. The
// second result is what went wrong with the connection.
func ReadReply(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	n, _ := strconv.ParseInt(rest, 10, 64) // meaningless, and unused, for texts
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return errors.New(rest), nil
	case ':':
		return n, nil
	case '$', '*':
		if n < 0 {
			return nil, nil
		}
		if kind == '$' {
			b := make([]byte, n+2)
			_, err := io.ReadFull(r, b)
			return string(b[:n]), err
		}
		list := make([]any, n)
		for i := range list {
			if list[i], err = ReadReply(r); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("unknown reply %q", line)
}
