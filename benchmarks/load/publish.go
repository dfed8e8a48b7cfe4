package load

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"redust/benchmarks/measure"
)

// Setup sends the same requests over every connection and waits for their replies, before
// a run. The client has more than one connection.
func (c *Client) Setup(requests ...[]string) error {
	var b []byte
	for _, r := range requests {
		b = Cmd(b, r...)
	}
	script := &Script{buf: b, ends: []int{len(b)}, per: len(requests)}
	c.last = nil
	_, _, err := c.Run(script, int64(len(requests)*len(c.conns)), nil)
	return err
}

// SetupFirst is Setup for the first connection alone, with one request.
func (c *Client) SetupFirst(request []string) error {
	b := Cmd(nil, request...)
	script := &Script{buf: b, ends: []int{len(b)}, per: 1}
	c.conns[0].next = 0
	for i := 1; i < len(c.conns); i++ {
		c.conns[i].left = 0
	}
	c.last = nil
	_, _, err := c.Run(script, 1, nil)
	return err
}

// RunPublish measures delivery to subscribers. Every connection but the first has
// subscribed; the first one sends the batches of the script, each request of which makes one
// message for every subscriber. The next batch leaves when all of them have all messages of
// the last one. An operation is one message delivered to one subscriber; its latency is that
// of its batch.
func (c *Client) RunPublish(publish *Script, batches int64, hist *measure.Hist) (done, wallNs int64, err error) {
	if c.epoll < 0 {
		return 0, 0, fmt.Errorf("load: nobody has subscribed")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.conns[0].next = 0
	each := int64(publish.per * (len(c.conns) - 1))
	events := make([]unix.EpollEvent, 256)
	start := c.clock.NowNs()
	for range batches {
		if err := c.publishBatch(publish, events); err != nil {
			return 0, 0, err
		}
		if hist != nil {
			hist.Record(c.clock.NowNs()-c.conns[0].sentNs, uint64(each))
		}
	}
	return batches * each, c.clock.NowNs() - start, nil
}

// publishBatch sends one batch and waits until everybody has heard it.
func (c *Client) publishBatch(s *Script, events []unix.EpollEvent) error {
	for i := 1; i < len(c.conns); i++ {
		c.conns[i].left = s.per
	}
	if err := c.send(0, s); err != nil {
		return err
	}
	for waiting := len(c.conns); waiting > 0; {
		ready, err := c.wait(events)
		if err != nil {
			return err
		}
		for _, ev := range ready {
			k := &c.conns[ev.Fd]
			heard, err := c.turn(ev)
			if err != nil {
				return err
			}
			if heard == 0 {
				continue
			}
			if k.left -= heard; k.left < 0 {
				return errExtra
			}
			if k.left == 0 {
				waiting--
			}
		}
	}
	return nil
}
