package crash

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"redust/tests/redis"
)

// conn is a connection that pipelines.
type conn struct {
	c net.Conn
	r *bufio.Reader
}

// patience bounds the wait for a reply: a server that hangs must not hang the test.
const patience = 60 * time.Second

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 64<<10)}, nil
}

func (c *conn) close() { _ = c.c.Close() }

func (c *conn) write(b []byte) error {
	if err := c.c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.c.Write(b)
	return err
}

// request adds a request to b.
func request(b []byte, words ...any) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(words))
	for _, w := range words {
		s := fmt.Sprint(w)
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(s), s)
	}
	return b
}

// reply reads one, see redis.ReadReply.
func (c *conn) reply() (any, error) { return redis.ReadReply(c.r) }

// do sends one command and returns its reply.
func (c *conn) do(words ...any) (any, error) {
	if err := c.write(request(nil, words...)); err != nil {
		return nil, err
	}
	v, err := c.reply()
	if e, bad := v.(error); bad {
		return nil, fmt.Errorf("%v: %w", words, e)
	}
	return v, err
}

// number is the reply to a command as a number; 0 for nothing.
func (c *conn) number(words ...any) (int64, error) {
	v, err := c.do(words...)
	if err != nil || v == nil {
		return 0, err
	}
	return strconv.ParseInt(fmt.Sprint(v), 10, 64)
}

// ascending wants the reply to be 1, 2, 3, ... and returns the last of them.
func (c *conn) ascending(words ...any) (int64, error) {
	v, err := c.do(words...)
	if err != nil {
		return 0, err
	}
	list, _ := v.([]any)
	for i, e := range list {
		if fmt.Sprint(e) != strconv.Itoa(i+1) {
			return 0, fmt.Errorf("%v: element %d of %d is %v", words, i+1, len(list), e)
		}
	}
	return int64(len(list)), nil
}

// info is a section of INFO.
func (c *conn) info(section string) (map[string]string, error) {
	v, err := c.do("INFO", section)
	if err != nil {
		return nil, err
	}
	m := make(map[string]string)
	for _, l := range strings.Split(fmt.Sprint(v), "\r\n") {
		if k, v, ok := strings.Cut(l, ":"); ok {
			m[k] = v
		}
	}
	return m, nil
}
