package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Conn is one client's connection, over a socket or in process. It is used by one goroutine.
type Conn interface {
	// Send hands a command over and does not wait for its reply. The arguments are borrowed.
	Send(args [][]byte) error
	// Receive returns the bytes of exactly one reply or push, valid until the next call.
	// ErrTimeout: none came within the time given. io.EOF: the server closed the connection.
	Receive(timeout time.Duration) ([]byte, error)
	// Close closes the connection from the client's side.
	Close() error
}

// ErrTimeout is what Receive returns when no reply came in time; the connection is still good.
var ErrTimeout = errors.New("script: no reply in time")

// Deadline returns the moment d from now, for SetDeadline: the clock is the context's.
func Deadline(d time.Duration) time.Time {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	at, _ := ctx.Deadline()
	return at
}

// AppendRequest writes a command as a client does.
func AppendRequest(dst []byte, args ...[]byte) []byte {
	dst = strconv.AppendInt(append(dst, '*'), int64(len(args)), 10)
	for _, arg := range args {
		dst = strconv.AppendInt(append(dst, "\r\n$"...), int64(len(arg)), 10)
		dst = append(append(dst, "\r\n"...), arg...)
	}
	return append(dst, "\r\n"...)
}

// Socket is a Conn over TCP or a unix socket.
type Socket struct {
	conn net.Conn
	buf  []byte // [from:] has come and was not yet returned
	from int
	out  []byte
}

// Dial connects to a host:port, or to a unix socket when addr begins with a slash.
func Dial(addr string) (*Socket, error) {
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("script: dial %s: %w", addr, err)
	}
	return &Socket{conn: conn}, nil
}

// Send implements Conn. A server that does not read for 10 s is an error.
func (s *Socket) Send(args [][]byte) error {
	s.out = AppendRequest(s.out[:0], args...)
	return s.Write(s.out)
}

// Write sends bytes as they are, well-formed or not.
func (s *Socket) Write(b []byte) error {
	if err := s.conn.SetWriteDeadline(Deadline(10 * time.Second)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	return err
}

// Receive implements Conn. A connection reset counts as closed.
func (s *Socket) Receive(timeout time.Duration) ([]byte, error) {
	for first := true; ; {
		if len(s.buf)-s.from >= bulkSize(s.buf[s.from:]) {
			n, err := Cut(s.buf[s.from:])
			if err != nil {
				return nil, err
			}
			if n > 0 {
				s.from += n
				return s.buf[s.from-n : s.from], nil
			}
		}
		if first {
			s.buf = append(s.buf[:0], s.buf[s.from:]...)
			s.from, first = 0, false
			if err := s.conn.SetReadDeadline(Deadline(timeout)); err != nil {
				return nil, err
			}
		}
		if cap(s.buf)-len(s.buf) < 4096 {
			s.buf = append(make([]byte, 0, 2*cap(s.buf)+16384), s.buf...)
		}
		n, err := s.conn.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if err == nil {
			continue
		}
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			return nil, ErrTimeout
		case errors.Is(err, io.EOF) || strings.Contains(err.Error(), "connection reset"):
			return nil, io.EOF
		}
		return nil, fmt.Errorf("script: read: %w", err)
	}
}

// bulkSize returns how many bytes must have come before parsing can succeed: for a bulk string
// all of it, lest a large one be looked at again after each read.
func bulkSize(b []byte) int {
	if end := bytes.IndexByte(b, '\r'); end > 0 && b[0] == '$' {
		if n, err := strconv.Atoi(string(b[1:end])); err == nil && n > 0 {
			return end + n + 4
		}
	}
	return 1
}

// Conn returns the connection itself, for half-closing and buffer sizes.
func (s *Socket) Conn() net.Conn { return s.conn }

// Close implements Conn.
func (s *Socket) Close() error { return s.conn.Close() }

// Do sends a command given as words and decodes its reply within 10 s.
func Do(c Conn, words ...string) (Value, error) {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	if err := c.Send(args); err != nil {
		return Value{}, fmt.Errorf("script: send %s: %w", words[0], err)
	}
	raw, err := c.Receive(10 * time.Second)
	if err != nil {
		return Value{}, fmt.Errorf("script: reply to %s: %w", words[0], err)
	}
	v, _, err := Decode(raw)
	return v, err
}
