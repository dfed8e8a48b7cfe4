package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"redust/internal/blocking"
)

// Replies go to the socket directly. What the kernel does not take waits in the client's
// rest, and a poller of our own (one goroutine, one epoll instance that watches for
// writability alone, once a request) says when to go on.
//
//	write --> kernel takes all                        the usual case, nothing else happens
//	      \-> rest --> watch --> writable --> write   on the client's reactor throughout
//	            \--> orphan                           the peer has closed its sending side
//
// gnet would buffer too, but tells nobody when a buffer has drained, and forgets it when
// the peer half-closes. A client that has sent all it has to say still hears every
// reply: what is left goes to an orphan, a copy of the descriptor that the poller's
// goroutine writes to on its own until the peer has read it all, fails, or takes
// nothing for orphanPatience.
type outlet struct {
	s       *Server
	epoll   int
	mu      sync.Mutex
	watched map[int64]*client
	orphans map[int]*orphan
}

// orphan is what is left to say to a peer that has stopped sending.
type orphan struct {
	fd   int
	rest unsent
	last time.Time // when it last took something
	open bool      // the executor may have more for it
}

const (
	orphanPatience = 10 * time.Second
	maxOrphans     = 1000
	lookMs         = 1000 // between two looks for orphans that nobody reads
	orphanMark     = -1   // in an event's Pad; a watched client has the upper half of its id there
)

// startOutlet opens the poller.
func startOutlet(s *Server) (*outlet, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("loop: open write poller: %w", err)
	}
	o := &outlet{s: s, epoll: fd, watched: make(map[int64]*client), orphans: make(map[int]*orphan)}
	go o.run()
	return o, nil
}

// push gives b to the client's socket, on its reactor; what is not taken now is copied
// and follows. A broken connection is closed, which OnClose reports before push returns.
func (o *outlet) push(c *client, b []byte) {
	if c.shut.Load() {
		return
	}
	if c.rest.size > 0 {
		c.rest.add(b)
	} else {
		n, err := writeSome(c.conn.Fd(), b)
		if err != nil {
			o.broken(c)
			return
		}
		if n == len(b) {
			return
		}
		c.rest.add(b[n:])
		o.watch(c)
	}
	c.unsent.Store(int64(c.rest.size))
}

// unsent is a queue of bytes, in chunks, so that it grows without copying what is in it.
type unsent struct {
	chunks [][]byte
	size   int
}

// chunkBytes is the least that a chunk has room for.
const chunkBytes = 16 << 10

// add copies b to the end.
func (u *unsent) add(b []byte) {
	u.size += len(b)
	if n := len(u.chunks); n > 0 {
		last := &u.chunks[n-1]
		k := min(len(b), cap(*last)-len(*last))
		*last = append(*last, b[:k]...)
		b = b[k:]
	}
	if len(b) > 0 {
		u.chunks = append(u.chunks, append(make([]byte, 0, max(len(b), chunkBytes)), b...))
	}
}

// writeTo writes what the kernel takes now, and forgets it.
func (u *unsent) writeTo(fd int) (progress bool, err error) {
	for u.size > 0 {
		n, err := writeSome(fd, u.chunks[0])
		if err != nil || n == 0 {
			return progress, err
		}
		progress = true
		u.size -= n
		if u.chunks[0] = u.chunks[0][n:]; len(u.chunks[0]) == 0 {
			u.chunks[0] = nil
			u.chunks = u.chunks[1:]
		}
	}
	u.chunks = nil
	return progress, nil
}

// smallWrite is up to how many bytes a write is too short to tell the scheduler about.
const smallWrite = 16 << 10

// writeSome writes what the kernel takes now; b is not empty. The socket does not block,
// so for a small b Go's scheduler need not hear of the system call, which costs more than
// running the command did.
func writeSome(fd int, b []byte) (int, error) {
	for {
		var n int
		var err error
		if len(b) <= smallWrite {
			r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
			if n = int(r); errno != 0 {
				err = errno
			}
		} else {
			n, err = unix.Write(fd, b)
		}
		switch err {
		case nil:
			return n, nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, err
		}
	}
}

func (o *outlet) broken(c *client) {
	c.rest = unsent{}
	c.unsent.Store(0)
	_ = c.conn.EventLoop().Close(c.conn) // reports through OnClose
}

// watch asks to be told once when the client's socket takes more.
func (o *outlet) watch(c *client) {
	op := unix.EPOLL_CTL_MOD
	if !c.watched {
		c.watched = true
		op = unix.EPOLL_CTL_ADD
		o.mu.Lock()
		o.watched[c.ID] = c
		o.mu.Unlock()
	}
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(c.ID), Pad: int32(c.ID >> 32)}
	if err := unix.EpollCtl(o.epoll, op, c.conn.Fd(), &ev); err != nil {
		o.broken(c)
	}
}

// writable goes on writing, on the client's reactor.
func (o *outlet) writable(c *client) {
	if c.shut.Load() || c.rest.size == 0 {
		return
	}
	if _, err := c.rest.writeTo(c.conn.Fd()); err != nil {
		o.broken(c)
		return
	}
	if c.rest.size > 0 {
		o.watch(c)
	}
	c.unsent.Store(int64(c.rest.size))
	if c.rest.size == 0 && c.draining.Load() {
		o.s.Post(func() { o.s.hand(c) })
	}
}

// forget is told that a connection is about to close, on its reactor, while the
// descriptor is still open. eof tells that the peer has closed its side, perhaps only
// the one that sends.
func (o *outlet) forget(c *client, eof bool) {
	if c.watched {
		o.mu.Lock()
		delete(o.watched, c.ID)
		o.mu.Unlock()
	}
	if eof && (c.rest.size > 0 || o.s.queue != nil || c.waitAt != 0) { // waitAt is the executor's
		o.adopt(c)
	}
	c.rest = unsent{}
}

// adopt makes an orphan of what a client has yet to read. If it cannot, the replies are
// lost, as they are with a connection that broke.
func (o *outlet) adopt(c *client) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.orphans) >= maxOrphans {
		return
	}
	fd, err := unix.FcntlInt(uintptr(c.conn.Fd()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return
	}
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLET, Fd: int32(fd), Pad: orphanMark}
	if err := unix.EpollCtl(o.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		_ = unix.Close(fd)
		return
	}
	c.orphan = &orphan{fd: fd, rest: c.rest, last: time.Now(), open: o.s.queue != nil || c.waitAt != 0}
	o.orphans[fd] = c.orphan
}

// sendOrphan adds replies that the executor had yet to make when the peer closed its
// side; on the client's reactor, as are the other calls for a client.
func (o *outlet) sendOrphan(c *client, b []byte) {
	if c.orphan == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.orphans[c.orphan.fd] != c.orphan {
		return // given up
	}
	c.orphan.rest.add(b)
	o.feed(c.orphan)
}

// finish is told that nothing follows for a client.
func (o *outlet) finish(c *client) {
	if c.orphan == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.orphan.open = false; o.orphans[c.orphan.fd] == c.orphan {
		o.feed(c.orphan)
	}
	c.orphan = nil
}

// run waits for sockets that take more, for as long as the process lives.
func (o *outlet) run() {
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := blocking.EpollWait(o.epoll, events, lookMs)
		if err != nil && !errors.Is(err, unix.EINTR) {
			o.s.log.Warn("Waiting for slow clients: " + err.Error())
			return
		}
		for _, ev := range events[:max(n, 0)] {
			if ev.Pad == orphanMark {
				o.mu.Lock()
				if or := o.orphans[int(ev.Fd)]; or != nil {
					o.feed(or)
				}
				o.mu.Unlock()
				continue
			}
			o.mu.Lock()
			c := o.watched[int64(ev.Pad)<<32|int64(uint32(ev.Fd))]
			o.mu.Unlock()
			if c != nil {
				// An error means that the engine has stopped, and then nothing matters.
				_ = c.conn.EventLoop().Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
					o.writable(c)
					return nil
				}))
			}
		}
		o.abandon()
	}
}

// feed writes to an orphan until it takes no more, and buries it when all is said; under
// the lock.
func (o *outlet) feed(or *orphan) {
	progress, err := or.rest.writeTo(or.fd)
	if progress {
		or.last = time.Now()
	}
	if err != nil || or.rest.size == 0 && !or.open {
		o.bury(or)
	}
}

// abandon gives up orphans whose peer takes nothing.
func (o *outlet) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, or := range o.orphans {
		if time.Since(or.last) > orphanPatience {
			o.bury(or)
		}
	}
}

func (o *outlet) bury(or *orphan) {
	delete(o.orphans, or.fd)
	_ = unix.Close(or.fd)
}

// isEOF tells whether a connection ended because the peer closed its side.
func isEOF(err error) bool { return errors.Is(err, io.EOF) }
