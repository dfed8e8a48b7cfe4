// Package load is the load generator: a client that costs as little CPU as one can,
// because it shares the machine with the server it measures.
//
// On two cores a generator that needs as much CPU per operation as the server either
// takes the server's core or becomes the bottleneck, and then every server looks
// equally fast. So nothing is decided while the clock runs:
//
//	before      requests are encoded, keys drawn, batches cut    (Script)
//	measured    write(batch) ... read -> count replies -> write(next batch)
//	after       percentiles
//
// One OS thread does all of it. One connection is driven with blocking reads and
// writes, two system calls a batch; more connections share one epoll and one read
// buffer, since a Scanner keeps no bytes of theirs. There is no goroutine per
// connection: its wake-up costs more than the round trip it waits for. Measured on
// one core of a Xeon, the client's part of an operation is 3 to 4 us without a
// pipeline (two system calls) and 0.03 us in a pipeline of 64.
//
// A run allocates next to nothing, so that its caller can switch the collector off
// meanwhile. Package compare does, around a whole measurement: to switch it stops all
// goroutines, which a Probe beside a run would take for a stall of the server.
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"redust/benchmarks/measure"
)

// readBytes is the size of the one read buffer. It holds a pipeline of 64 replies of
// LRANGE_600; larger batches are read in pieces.
const readBytes = 256 << 10

// patience bounds the wait for one reply: FLUSHALL of ten million keys takes seconds
// on some servers, nothing takes minutes.
const patience = 2 * time.Minute

// ErrClosed is returned when the server closes a connection that awaits replies.
var ErrClosed = errors.New("load: the server closed the connection")

// ErrSilent is returned when no reply arrives for two minutes.
var ErrSilent = errors.New("load: no reply from the server")

var errExtra = fmt.Errorf("%w: more replies than requests", ErrReplyFormat)

type conn struct {
	fd     int
	scan   Scanner
	next   int    // batch to send next
	left   int    // replies missing from the batch under way
	out    []byte // what the socket would not take yet
	sentNs int64
	polled uint32 // events asked of epoll
}

// A Client is a set of connections to one server. It is not safe for concurrent use.
type Client struct {
	conns []conn
	epoll int // -1 with a single connection
	read  []byte
	clock measure.Clock
	last  *Script // whose next batch each connection remembers
}

// Dial opens n connections to addr, an IPv4 address with port.
func Dial(addr string, n int, clock measure.Clock) (*Client, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("load: dial %s: %w", addr, err)
	}
	c := &Client{epoll: -1, read: make([]byte, readBytes), clock: clock}
	if n > 1 {
		if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return nil, fmt.Errorf("load: create epoll: %w", err)
		}
	}
	for i := range n {
		fd, err := connect(to, n > 1)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("load: dial %s, connection %d: %w", addr, i+1, err)
		}
		c.conns = append(c.conns, conn{fd: fd, polled: unix.EPOLLIN})
		if n > 1 {
			ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
			if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
				c.Close()
				return nil, fmt.Errorf("load: watch connection %d: %w", i+1, err)
			}
		}
		if i%accepted == accepted-1 {
			if err := c.greet(i); err != nil {
				c.Close()
				return nil, fmt.Errorf("load: greet over connection %d: %w", i+1, err)
			}
		}
	}
	return c, nil
}

// accepted is after how many connections Dial waits until the server has accepted them. A
// server's queue holds 511 unless it is told otherwise; one too many costs a second, after
// which the kernel tries again.
const accepted = 256

// greet sends PING over connection i and waits for the reply.
func (c *Client) greet(i int) error {
	k := &c.conns[i]
	if err := c.write(k, Cmd(nil, "PING")); err != nil {
		return err
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return ErrSilent
		}
		if _, replies, err := c.receive(k); replies > 0 || err != nil {
			return err
		}
	}
}

func connect(to netip.AddrPort, nonblock bool) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	tv := unix.NsecToTimeval(int64(patience))
	for _, step := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) },
		func() error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv) },
		func() error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv) },
		func() error {
			err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
			if err == unix.EINTR { // a signal of the runtime's: the connection is still on its way
				return connected(fd)
			}
			return err
		},
		func() error { return unix.SetNonblock(fd, nonblock) },
	} {
		if err := step(); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// connected waits for a connection that is being made.
func connected(fd int) error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(patience.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return unix.ETIMEDOUT
		default:
			no, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && no != 0 {
				err = syscall.Errno(no)
			}
			return err
		}
	}
}

// Close closes all connections.
func (c *Client) Close() {
	for i := range c.conns {
		unix.Close(c.conns[i].fd)
	}
	if c.epoll >= 0 {
		unix.Close(c.epoll)
	}
	c.conns, c.epoll = nil, -1
}

// Run sends at least ops requests, in whole batches, each connection waiting for the
// replies to one batch before it sends the next. It returns the number of operations
// and the time they took. Every reply's latency, from the write of its batch to the
// last reply of that batch, goes to hist, which may be nil. Connections start at even
// distances in the script, so that they do not ask for the same keys in step, and a
// second run of the same script goes on where the first stopped. An error reply ends the
// run with a ReplyError; after any error the client can only be closed.
func (c *Client) Run(s *Script, ops int64, hist *measure.Hist) (done, wallNs int64, err error) {
	if hist == nil {
		hist = new(measure.Hist)
	}
	batches := (ops + int64(s.per) - 1) / int64(s.per)
	if s != c.last {
		c.last = s
		for i := range c.conns {
			c.conns[i].next = i * s.Batches() / len(c.conns)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := c.clock.NowNs()
	if c.epoll < 0 {
		err = c.runOne(s, batches, hist)
	} else {
		err = c.runMany(s, batches, hist)
	}
	if err != nil {
		return 0, 0, err
	}
	return batches * int64(s.per), c.clock.NowNs() - start, nil
}

// runOne drives a single blocking connection.
func (c *Client) runOne(s *Script, batches int64, hist *measure.Hist) error {
	k := &c.conns[0]
	now := c.clock.NowNs()
	for range batches {
		out := s.batch(k.next)
		k.next = (k.next + 1) % s.Batches()
		if err := c.write(k, out); err != nil {
			return err
		}
		for left := s.per; left > 0; {
			_, n, err := c.receive(k)
			if err != nil {
				return err
			}
			if left -= n; left < 0 {
				return errExtra
			}
		}
		end := c.clock.NowNs()
		hist.Record(end-now, uint64(s.per))
		now = end
	}
	return nil
}

// write sends all of b over a connection that is blocking, or idle with b short.
func (c *Client) write(k *conn, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(k.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return ioError("write", err)
		}
		b = b[n:]
	}
	return nil
}

// receive reads once and returns how many bytes came, and how many replies became complete
// in them.
func (c *Client) receive(k *conn) (n, replies int, err error) {
	for {
		n, err := unix.Read(k.fd, c.read)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, 0, ioError("read", err)
		case n == 0:
			return 0, 0, ErrClosed
		}
		replies, err := k.scan.Feed(c.read[:n])
		return n, replies, err
	}
}

func ioError(act string, err error) error {
	if err == unix.EAGAIN { // a blocking socket whose time-out has passed
		return ErrSilent
	}
	return fmt.Errorf("load: %s: %w", act, err)
}

// runMany drives all connections from one epoll.
func (c *Client) runMany(s *Script, batches int64, hist *measure.Hist) error {
	events := make([]unix.EpollEvent, 256)
	toSend, underWay := batches, 0
	for i := range c.conns {
		if toSend == 0 {
			break
		}
		if err := c.send(i, s); err != nil {
			return err
		}
		toSend--
		underWay++
	}
	for underWay > 0 {
		ready, err := c.wait(events)
		if err != nil {
			return err
		}
		for _, ev := range ready {
			i := int(ev.Fd)
			k := &c.conns[i]
			replies, err := c.turn(ev)
			if err != nil {
				return err
			}
			if k.left -= replies; k.left > 0 || replies == 0 {
				continue
			}
			if k.left < 0 {
				return errExtra
			}
			hist.Record(c.clock.NowNs()-k.sentNs, uint64(s.per))
			underWay--
			if toSend > 0 {
				if err := c.send(i, s); err != nil {
					return err
				}
				toSend--
				underWay++
			}
		}
	}
	return nil
}

// wait returns connections on which something has happened; events is where they are put.
func (c *Client) wait(events []unix.EpollEvent) ([]unix.EpollEvent, error) {
	for {
		n, err := unix.EpollWait(c.epoll, events, int(patience.Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, fmt.Errorf("load: wait for replies: %w", err)
		case n == 0:
			return nil, ErrSilent
		default:
			return events[:n], nil
		}
	}
}

// turn is what a connection does on which something has happened: it goes on with what it
// still has to write, and reads. It returns how many replies became complete, which is none
// if it only wrote, or if a push came alone.
func (c *Client) turn(ev unix.EpollEvent) (replies int, err error) {
	i := int(ev.Fd)
	if ev.Events&unix.EPOLLOUT != 0 {
		if err := c.drain(i); err != nil {
			return 0, err
		}
	}
	if ev.Events&^unix.EPOLLOUT != 0 {
		_, replies, err = c.receive(&c.conns[i])
	}
	return replies, err
}

// send starts the next batch of connection i.
func (c *Client) send(i int, s *Script) error {
	k := &c.conns[i]
	k.out = s.batch(k.next)
	k.next = (k.next + 1) % s.Batches()
	k.left = s.per
	k.sentNs = c.clock.NowNs()
	return c.drain(i)
}

// drain writes what the socket takes, and has epoll tell when it takes more.
func (c *Client) drain(i int) error {
	k := &c.conns[i]
	for len(k.out) > 0 {
		n, err := unix.Write(k.fd, k.out)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			return fmt.Errorf("load: write: %w", err)
		}
		k.out = k.out[n:]
	}
	want := uint32(unix.EPOLLIN)
	if len(k.out) > 0 {
		want |= unix.EPOLLOUT
	}
	if want == k.polled {
		return nil
	}
	k.polled = want
	ev := unix.EpollEvent{Events: want, Fd: int32(i)}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, k.fd, &ev); err != nil {
		return fmt.Errorf("load: watch connection %d: %w", i+1, err)
	}
	return nil
}

// Fill sends n requests over one connection in batches of 500. It is how data sets are
// prepared.
func Fill(addr string, n int, gen Gen, clock measure.Clock) error {
	c, err := Dial(addr, 1, clock)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Fill(n, 500, gen)
}

// fillBytes is what Fill encodes at a time, give or take a batch.
const fillBytes = 16 << 20

// Fill sends n requests in batches of per, the last of them smaller if need be. It
// encodes some megabytes at a time into one buffer, so it leaves no garbage behind. The
// client must have a single connection.
func (c *Client) Fill(n, per int, gen Gen) error {
	var s Script
	piece := per * max(250_000/per, 1)
	for at := 0; at < n; {
		part := min(piece, n-at)
		size := min(per, part)
		part -= part % size
		from := at
		s.encode(func(b []byte, i int) []byte { return gen(b, from+i) }, part, size, fillBytes)
		part = s.Batches() * size // large requests: fewer fit
		c.last = nil              // the same script, with new contents
		if _, _, err := c.Run(&s, int64(part), nil); err != nil {
			return err
		}
		at += part
	}
	return nil
}
