// Package torture does to the server's sockets what no good client does.
//
// A server is judged by its worst client: one that connects ten thousand times, that asks for
// megabytes and never reads, that sends a request byte by byte or half of one, or noise. None
// of this shows in a script, where one client speaks at a time and always listens. So here are
// raw sockets, and the questions are few: does every good request still get its reply, does a
// bad one get an error and a closed connection, does the server live, and does its memory stay
// within what the configuration allows.
//
//	raw bytes ---> socket ---> server binary (its own process: RSS and CPU from /proc)
//	replies   <---
//
// The binary is $REDUST_BIN, else the module's own, built for the test. Any Redis will do: the
// expectations are Redis's, and were developed against it.
//
// Where a speed is judged (a large bulk string must arrive in linear time) it is by the
// server's CPU time, which other work on the machine disturbs least. Everything has a
// deadline, so the worst case is a failure and never a hang.
package torture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"redust/tests/script"
)

// patience is the deadline of one read or write.
const patience = 10 * time.Second

// client is a raw socket.
type client struct {
	net.Conn
}

// dial connects; the caller closes.
func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, fmt.Errorf("torture: dial: %w", err)
	}
	return &client{conn}, nil
}

// send writes all of b.
func (c *client) send(b []byte) error {
	if err := c.SetWriteDeadline(script.Deadline(patience)); err != nil {
		return err
	}
	_, err := c.Write(b)
	return err
}

// expect reads exactly len(want) bytes and compares them.
func (c *client) expect(want string) error {
	if err := c.SetReadDeadline(script.Deadline(patience)); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil {
		return fmt.Errorf("torture: after %.100q: %w", got[:n], err)
	}
	if string(got) != want {
		return fmt.Errorf("torture: got %.200q, want %.200q", got, want)
	}
	return nil
}

// rest reads until the server closes. A reset counts as closed: that is what arrives when the
// server closes with our bytes unread.
func (c *client) rest() ([]byte, error) {
	if err := c.SetReadDeadline(script.Deadline(patience)); err != nil {
		return nil, err
	}
	var all bytes.Buffer
	_, err := io.Copy(&all, c)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		err = nil
	}
	return all.Bytes(), err
}

// ask sends and expects on a connection of its own.
func ask(addr, request, want string) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	if err = c.send([]byte(request)); err == nil {
		err = c.expect(want)
	}
	return errors.Join(err, c.Close())
}

// raiseFiles lifts the limit of open files to the hard one and returns it.
func raiseFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("torture: limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("torture: limit of open files: %w", err)
	}
	return limit.Cur, nil
}

// line reads to the next line break and returns what comes before it.
func (c *client) line() (string, error) {
	if err := c.SetReadDeadline(script.Deadline(patience)); err != nil {
		return "", err
	}
	var b []byte
	for {
		var one [1]byte
		if _, err := io.ReadFull(c, one[:]); err != nil {
			return "", fmt.Errorf("torture: after %q: %w", b, err)
		}
		if one[0] == '\n' {
			return string(bytes.TrimSuffix(b, []byte{'\r'})), nil
		}
		b = append(b, one[0])
	}
}

// pop reads the reply of a command that takes an element from a list, and returns the
// element, empty if there was none.
func (c *client) pop() (string, error) {
	head, err := c.line()
	if err != nil || head == "*-1" {
		return "", err
	}
	if head != "*2" {
		return "", fmt.Errorf("torture: no element: %q", head)
	}
	var last string
	for range 4 {
		if last, err = c.line(); err != nil {
			return "", err
		}
	}
	return last, nil
}
