package load

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"redust/benchmarks/measure"
)

// ReplyBytes sends the first request of the script and returns how many bytes its reply
// took. The client must have a single connection, the script batches of one.
func (c *Client) ReplyBytes(s *Script) (int64, error) {
	k := &c.conns[0]
	if err := c.write(k, s.batch(0)); err != nil {
		return 0, err
	}
	for size := int64(0); ; {
		n, replies, err := c.receive(k)
		if err != nil {
			return 0, err
		}
		size += int64(n)
		switch {
		case replies == 1:
			return size, nil
		case replies > 1:
			return 0, errExtra
		}
	}
}

// RunDiscard is Run for replies of megabytes, all of them of size bytes (ReplyBytes tells):
// the kernel throws them away unread. To look at them would cost the client a good part of
// what it costs a fast server to make them, and the difference between two servers would
// shrink by that.
//
//	Run          socket buffer --copy--> read buffer --> Scanner
//	RunDiscard   socket buffer --> first byte, the rest is only counted (MSG_TRUNC)
//
// So the time of a request is the server's, and that of the loopback device. A reply that
// begins otherwise than the first one did ends the run. The client must have a single
// connection, the script batches of one.
func (c *Client) RunDiscard(s *Script, ops, size int64, hist *measure.Hist) (done, wallNs int64, err error) {
	if hist == nil {
		hist = new(measure.Hist)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := c.clock.NowNs()
	now := start
	for i := range ops {
		if err := c.discardOne(s.batch(int(i)), size); err != nil {
			return 0, 0, err
		}
		end := c.clock.NowNs()
		hist.Record(end-now, 1)
		now = end
	}
	return ops, now - start, nil
}

func (c *Client) discardOne(request []byte, size int64) error {
	k := &c.conns[0]
	if err := c.write(k, request); err != nil {
		return err
	}
	for left := size; left > 0; {
		// The first byte tells an error from an array. It is read alone.
		room, flags := c.read[:1], 0
		if left < size {
			room, flags = c.read[:min(left, int64(len(c.read)))], unix.MSG_TRUNC|unix.MSG_WAITALL
		}
		n, _, err := unix.Recvfrom(k.fd, room, flags)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return ioError("read", err)
		case n == 0:
			return ErrClosed
		case left == size && room[0] != '*':
			return c.unexpected(k, room[0])
		}
		left -= int64(n)
	}
	return nil
}

// unexpected reads the rest of a reply that is no array: most likely an error.
func (c *Client) unexpected(k *conn, first byte) error {
	replies, err := k.scan.Feed([]byte{first})
	for replies == 0 && err == nil {
		_, replies, err = c.receive(k)
	}
	if err == nil {
		err = fmt.Errorf("%w: a reply that begins with %q where an array was expected", ErrReplyFormat, first)
	}
	return err
}
