// Package pubsub holds the server to what its subscribers and its caching clients rely on,
// over sockets and under load.
//
//	publishers --> channel --> subscribers     a reader that keeps up misses nothing and hears
//	                                           everything in order; one that does not is closed
//	writers ----> keys ------> caches          when all is quiet, what a client still holds is
//	                                           what the server holds
//
// The binary is $REDUST_BIN, else the module's own, built for the test. -soak runs ten million
// deliveries, as `make soak` does; without it a hundredth.
package pubsub

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"redust/tests/script"
)

// patience is how long a test waits for anything.
const patience = 60 * time.Second

// frame is one message or reply, flat: arrays of arrays do not occur but in invalidate.
type frame struct {
	kind  byte // as in the protocol
	text  string
	items []frame
	null  bool
}

// peer is a connection.
type peer struct {
	net.Conn
	r   *bufio.Reader
	out []byte
}

func dial(addr string) (*peer, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, fmt.Errorf("pubsub: dial: %w", err)
	}
	return &peer{Conn: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

// say adds a request to what flush sends.
func (p *peer) say(words ...string) {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	p.out = script.AppendRequest(p.out, args...)
}

func (p *peer) flush() error {
	if err := p.SetWriteDeadline(script.Deadline(patience)); err != nil {
		return err
	}
	_, err := p.Write(p.out)
	p.out = p.out[:0]
	return err
}

// hear reads one frame. The caller sets the deadline.
func (p *peer) hear() (f frame, err error) {
	line, err := p.r.ReadSlice('\n')
	if err != nil {
		return f, err
	}
	f.kind, f.text = line[0], string(line[1:len(line)-2])
	switch f.kind {
	case '$':
		n, err := strconv.Atoi(f.text)
		if err != nil || n < 0 {
			f.null = true
			return f, err
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(p.r, b); err != nil {
			return f, err
		}
		f.text = string(b[:n])
	case '*', '>':
		n, err := strconv.Atoi(f.text)
		if err != nil {
			return f, err
		}
		for range n {
			one, err := p.hear()
			if err != nil {
				return f, err
			}
			f.items = append(f.items, one)
		}
	case '%':
		n, err := strconv.Atoi(f.text)
		if err != nil {
			return f, err
		}
		for range 2 * n {
			if _, err := p.hear(); err != nil {
				return f, err
			}
		}
	case '_':
		f.null = true
	case '+', ':', '-':
	default:
		return f, fmt.Errorf("pubsub: no frame begins with %q", line)
	}
	return f, nil
}

// do says one thing and hears its reply.
func (p *peer) do(words ...string) (frame, error) {
	p.say(words...)
	if err := p.flush(); err != nil {
		return frame{}, err
	}
	if err := p.SetReadDeadline(script.Deadline(patience)); err != nil {
		return frame{}, err
	}
	return p.hear()
}
