package loop

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"redust/cmd"
)

// MIGRATE's connections to other servers. They are used from goroutines of
// Host.Background, many at a time if many clients migrate, and kept for a while, since
// whoever moves one key moves the next to the same place:
//
//	Transfer --take--> idle[address, AUTH] or a new connection --> write all, read all --give--> idle
//	cron: what has been idle for peerIdle is closed
//
// A connection that failed, or whose replies were not all read, is never kept. One that
// was kept may have been closed by the other side meanwhile, so what fails there before
// the first reply is tried once more on a new one.

// peers are the idle connections, by address and what was sent to be let in.
type peers struct {
	mu   sync.Mutex
	idle map[string][]*peer
	n    int
}

const (
	peersMost = 64               // idle connections, Redis's number
	peerIdle  = 10 * time.Second // how long one is kept
)

// peer is one connection.
type peer struct {
	conn net.Conn
	r    *bufio.Reader
	db   int64 // the database that it is in; -1: not known
	used time.Time
}

// take returns an idle connection, nil if there is none.
func (p *peers) take(name string) *peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[name]
	if len(list) == 0 {
		return nil
	}
	last := list[len(list)-1]
	p.set(name, list[:len(list)-1])
	p.n--
	return last
}

func (p *peers) set(name string, list []*peer) {
	if len(list) == 0 {
		delete(p.idle, name)
		return
	}
	if p.idle == nil {
		p.idle = make(map[string][]*peer)
	}
	p.idle[name] = list
}

// give keeps a connection, unless there are enough.
func (p *peers) give(name string, c *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n >= peersMost {
		_ = c.conn.Close()
		return
	}
	c.used = time.Now()
	p.set(name, append(p.idle[name], c))
	p.n++
}

// sweep closes what has been idle for long.
func (p *peers) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == 0 {
		return
	}
	for name, list := range p.idle {
		kept := list[:0]
		for _, c := range list {
			if now.Sub(c.used) < peerIdle {
				kept = append(kept, c)
				continue
			}
			_ = c.conn.Close()
			p.n--
		}
		p.set(name, kept)
	}
}

// CachedPeers implements cmd.Host.
func (s *Server) CachedPeers() int {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	return s.peers.n
}

// Transfer implements cmd.Host; from any goroutine.
func (s *Server) Transfer(t *cmd.Transfer) {
	addr := net.JoinHostPort(t.Host, portOf(t.Port))
	name := addr + "\x00" + string(t.Auth) // what one user opened is not another's
	if c := s.peers.take(name); c != nil {
		if again := s.transferOn(c, name, t); !again {
			return
		}
		t.Trouble = cmd.Stepped
	}
	conn, err := net.DialTimeout("tcp", addr, timeout(t))
	if err != nil {
		// Redis learns of a refused connection only when it writes.
		t.Trouble = cmd.Writing
		var dns *net.DNSError
		var ne net.Error
		if errors.As(err, &dns) || errors.As(err, &ne) && ne.Timeout() {
			t.Trouble = cmd.Connecting
		}
		return
	}
	s.transferOn(&peer{conn: conn, r: bufio.NewReaderSize(conn, longestReply), db: -1}, name, t)
}

// longestReply bounds a line of the other server's, bytes.
const longestReply = 16 << 10

func timeout(t *cmd.Transfer) time.Duration { return time.Duration(t.TimeoutMs) * time.Millisecond }

// portOf reads a port as atoi does: what is none is 0, where nobody listens.
func portOf(s string) string {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n <= 65535 {
		return s
	}
	return "0"
}

// transferOn does the transfer on one connection, and keeps or closes it. again tells
// that nothing came of it, and that a new connection may do better.
func (s *Server) transferOn(c *peer, name string, t *cmd.Transfer) (again bool) {
	err := c.transfer(t)
	if err != nil || t.Refused != "" {
		// After an error reply nobody knows which database it is in, or who it is there.
		_ = c.conn.Close()
	} else {
		s.peers.give(name, c)
	}
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && t.Refused == "" && !anyTrue(t.Stored)
}

func anyTrue(b []bool) bool {
	for _, x := range b {
		if x {
			return true
		}
	}
	return false
}

// transfer sends all requests and reads their replies.
func (c *peer) transfer(t *cmd.Transfer) error {
	auth := t.Auth != nil
	selects := c.db != t.DB
	t.Trouble = cmd.Writing
	if auth {
		if err := c.write(t.Auth, t); err != nil {
			return err
		}
	}
	if selects {
		n := strconv.FormatInt(t.DB, 10)
		if err := c.write([]byte("*2\r\n$6\r\nSELECT\r\n$"+strconv.Itoa(len(n))+"\r\n"+n+"\r\n"), t); err != nil {
			return err
		}
	}
	if err := c.write(t.Restores, t); err != nil {
		return err
	}
	t.Trouble = cmd.Reading
	ready := true // whether what was stored, was stored where it should be
	for _, asked := range []bool{auth, selects} {
		if !asked {
			continue
		}
		ok, err := c.answer(t)
		if err != nil {
			return err
		}
		ready = ready && ok
	}
	for i := range t.Stored {
		ok, err := c.answer(t)
		if err != nil {
			return err
		}
		t.Stored[i] = ok && ready
	}
	t.Trouble = cmd.Stepped
	c.db = t.DB
	return nil
}

// write writes b in pieces, each of which has the whole time-out.
func (c *peer) write(b []byte, t *cmd.Transfer) error {
	const piece = 64 << 10
	for len(b) > 0 {
		n := min(len(b), piece)
		if err := c.conn.SetWriteDeadline(time.Now().Add(timeout(t))); err != nil {
			return err
		}
		if _, err := c.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// answer reads one reply, a line, and notes the first error among them.
func (c *peer) answer(t *cmd.Transfer) (ok bool, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(timeout(t))); err != nil {
		return false, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return false, err
	}
	text := strings.TrimRight(string(line), "\r\n")
	switch {
	case text == "":
		return false, io.ErrUnexpectedEOF
	case text[0] == '-':
		if t.Refused == "" {
			t.Refused = text[1:]
		}
		return false, nil
	case text[0] != '+':
		return false, io.ErrUnexpectedEOF // no server that we know
	}
	return true, nil
}
