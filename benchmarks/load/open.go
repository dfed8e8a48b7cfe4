package load

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"redust/benchmarks/measure"
)

// burstNs is the beat of an open loop. A wake-up for every single request would cost the
// client more CPU than the requests, and leave the server less than it had when its
// saturation was measured.
const burstNs = 100_000

// RunOpen sends requests by the clock, whether or not earlier ones were answered. Every
// 100 us as many are due as ratePerSec asks for, each on another connection, and the
// latency of each runs from the moment it was due.
//
//	closed loop   send ---- stall ------- reply  send reply     one slow request
//	open loop     due  due  due  due  due reply x 5             five slow requests
//
// A client that waits for its reply before it sends again asks nothing while the
// server stalls, and so leaves out of the record just those requests that would have
// suffered ("coordinated omission"). Users do not wait for each other.
//
// Connections take turns. Requests that fell due while the client waited for a core are
// sent at once and keep their due time; lest the client's own delays be taken for the
// server's, it asks for the priority that a Probe has, and realTime tells whether the
// kernel agreed. It returns when all ops are answered. The script must have batches of
// one request, and the client more than one connection.
func (c *Client) RunOpen(s *Script, ops int64, ratePerSec float64, hist *measure.Hist) (wallNs int64, realTime bool, err error) {
	if s.per != 1 || c.epoll < 0 {
		return 0, false, fmt.Errorf("load: an open loop needs single requests and several connections")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	restore, realTime := urgent()
	defer restore()
	wallNs, err = c.openLoop(s, ops, ratePerSec, hist)
	return wallNs, realTime, err
}

func (c *Client) openLoop(s *Script, ops int64, ratePerSec float64, hist *measure.Hist) (wallNs int64, err error) {
	o := openLoop{c: c, s: s, hist: hist, due: make([]queue, len(c.conns))}
	events := make([]unix.EpollEvent, 256)
	everyNs := 1e9 / ratePerSec
	start := c.clock.NowNs()
	var sent int64
	for o.answered < ops {
		now := c.clock.NowNs()
		waitNs := int64(patience)
		for sent < ops {
			dueNs := start + int64(float64(sent)*everyNs)/burstNs*burstNs
			if dueNs > now {
				waitNs = dueNs - now
				break
			}
			if err := o.send(int(sent), dueNs); err != nil {
				return 0, err
			}
			sent++
		}
		n, err := epollWait(c.epoll, events, waitNs)
		if err != nil {
			return 0, err
		}
		if n == 0 && sent == ops {
			return 0, ErrSilent
		}
		for _, ev := range events[:n] {
			if err := o.take(ev); err != nil {
				return 0, err
			}
		}
	}
	return c.clock.NowNs() - start, nil
}

// openLoop is the state of one RunOpen.
type openLoop struct {
	c        *Client
	s        *Script
	hist     *measure.Hist
	due      []queue // per connection: due times of what is not answered yet
	answered int64
}

// send queues request i on the connection whose turn it is. What the socket does not
// take waits in a buffer of the connection's own.
func (o *openLoop) send(i int, dueNs int64) error {
	at := i % len(o.c.conns)
	k := &o.c.conns[at]
	o.due[at].push(dueNs)
	req := o.s.batch(i)
	if len(k.out) > 0 {
		k.out = append(k.out, req...)
		return nil
	}
	n, err := unix.Write(k.fd, req)
	if err == unix.EAGAIN || err == unix.EINTR {
		n, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("load: write: %w", err)
	}
	if n == len(req) {
		return nil
	}
	k.out = append([]byte(nil), req[n:]...)
	return o.c.drain(at)
}

// take records what came on a connection.
func (o *openLoop) take(ev unix.EpollEvent) error {
	at := int(ev.Fd)
	replies, err := o.c.turn(ev)
	if err != nil {
		return err
	}
	if replies > o.due[at].n {
		return errExtra
	}
	now := o.c.clock.NowNs()
	for range replies {
		o.hist.Record(now-o.due[at].pop(), 1)
	}
	o.answered += int64(replies)
	return nil
}

// epollWait is epoll_pwait2(2), which takes nanoseconds where epoll_wait takes
// milliseconds. It needs Linux 5.11.
func epollWait(epoll int, events []unix.EpollEvent, ns int64) (int, error) {
	ts := unix.NsecToTimespec(ns)
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == unix.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, fmt.Errorf("load: wait for replies: %w", errno)
	}
	return int(n), nil
}

// A queue of due times: a ring that doubles when full.
type queue struct {
	ring []int64
	head int
	n    int
}

func (q *queue) push(v int64) {
	if q.n == len(q.ring) {
		bigger := make([]int64, max(2*len(q.ring), 16))
		for i := range q.n {
			bigger[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = bigger, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = v
	q.n++
}

// pop returns the oldest; there must be one.
func (q *queue) pop() int64 {
	v := q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return v
}
