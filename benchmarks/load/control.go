package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"redust/benchmarks/measure"
)

// Control is a plain connection for the commands around a run: PING, INFO, FLUSHALL.
// It is not safe for concurrent use.
type Control struct {
	nc    net.Conn
	buf   []byte
	clock measure.Clock
}

// DialControl connects to addr.
func DialControl(addr string, clock measure.Clock) (*Control, error) {
	nc, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("load: dial %s: %w", addr, err)
	}
	return &Control{nc: nc, buf: make([]byte, 64<<10), clock: clock}, nil
}

// Close closes the connection.
func (c *Control) Close() error { return c.nc.Close() }

// Do sends one command and waits for its reply, which must not be an array. A
// status, an integer or a bulk string comes back as text, null as "". An error reply
// comes back as a ReplyError.
func (c *Control) Do(args ...string) (string, error) {
	raw, err := c.Raw(args...)
	if err != nil {
		return "", err
	}
	return plain(raw)
}

// Raw is Do for any reply, which comes back as it came, frame and all.
func (c *Control) Raw(args ...string) ([]byte, error) {
	if err := c.nc.SetDeadline(c.clock.After(patience)); err != nil {
		return nil, fmt.Errorf("load: %s: %w", args[0], err)
	}
	if _, err := c.nc.Write(Cmd(nil, args...)); err != nil {
		return nil, fmt.Errorf("load: %s: %w", args[0], err)
	}
	var scan Scanner
	var raw []byte
	for {
		n, err := c.nc.Read(c.buf)
		if errors.Is(err, io.EOF) {
			return nil, ErrClosed
		}
		if err != nil {
			return nil, fmt.Errorf("load: %s: %w", args[0], err)
		}
		raw = append(raw, c.buf[:n]...)
		done, err := scan.Feed(c.buf[:n])
		if err != nil {
			return nil, err
		}
		if done > 0 {
			return raw, nil
		}
	}
}

// plain strips the frame off a complete reply.
func plain(raw []byte) (string, error) {
	head, rest, _ := bytes.Cut(raw, []byte("\r\n"))
	switch head[0] {
	case '+', ':':
		return string(head[1:]), nil
	case '$':
		return string(bytes.TrimSuffix(rest, []byte("\r\n"))), nil
	}
	return "", fmt.Errorf("%w: an array where one value was expected", ErrReplyFormat)
}

// Info returns one section of INFO as a map.
func (c *Control) Info(section string) (map[string]string, error) {
	text, err := c.Do("INFO", section)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(k, "#") {
			out[k] = v
		}
	}
	return out, nil
}

// InfoInt returns one whole number out of a section of INFO.
func (c *Control) InfoInt(section, field string) (int64, error) {
	info, err := c.Info(section)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(info[field], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("load: INFO %s has no number %s: %w", section, field, err)
	}
	return n, nil
}
