package load

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"redust/benchmarks/measure"
)

// Block makes every connection but the first send a request that the server answers only
// when another client gives it a reason to: connection i+1 sends batch i of the script.
// Batches must be of one request, as many as there are waiting connections.
func (c *Client) Block(block *Script) error {
	if block.per != 1 || block.Batches() != len(c.conns)-1 || c.epoll < 0 {
		return fmt.Errorf("load: %d clients cannot wait with %d batches of %d", len(c.conns)-1, block.Batches(), block.per)
	}
	c.last = nil
	c.conns[0].next = 0
	for i := 1; i < len(c.conns); i++ {
		if err := c.block(i, block); err != nil {
			return err
		}
	}
	return nil
}

// block has connection i wait again.
func (c *Client) block(i int, s *Script) error {
	c.conns[i].next = i - 1
	return c.send(i, s)
}

// RunBlocked measures how blocked clients are served. Block has been called; the first
// connection sends the batches of push, each request of which ends the wait of one client,
// in turn; that client at once blocks again.
//
//	connection 0    push 1 2 3 4 ............ push 5 6 7 8
//	connection 1         -> reply, block
//	connection 2           -> reply, block
//	...                                            -> ...
//
// The next batch leaves when the pushes were answered and their clients served, so its
// clients have been waiting for a whole turn around. A client that is served out of turn
// ends the run. An operation is a push with all that follows from it; its latency is that of
// its batch.
func (c *Client) RunBlocked(block, push *Script, ops int64, hist *measure.Hist) (done, wallNs int64, err error) {
	waiters := len(c.conns) - 1
	if push.Batches()*push.per != waiters {
		return 0, 0, fmt.Errorf("load: %d pushes do not go around %d clients", push.Batches()*push.per, waiters)
	}
	if hist == nil {
		hist = new(measure.Hist)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	batches := (ops + int64(push.per) - 1) / int64(push.per)
	events := make([]unix.EpollEvent, 256)
	start := c.clock.NowNs()
	for range batches {
		if err := c.serveBatch(block, push, events); err != nil {
			return 0, 0, err
		}
		hist.Record(c.clock.NowNs()-c.conns[0].sentNs, uint64(push.per))
	}
	return batches * int64(push.per), c.clock.NowNs() - start, nil
}

// serveBatch sends one batch of pushes and waits for all that it leads to.
func (c *Client) serveBatch(block, push *Script, events []unix.EpollEvent) error {
	first := 1 + c.conns[0].next*push.per // the connection that this batch serves first
	if err := c.send(0, push); err != nil {
		return err
	}
	for served := 0; served < push.per || c.conns[0].left > 0; {
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
			if k.left -= replies; k.left < 0 {
				return errExtra
			}
			if i == 0 || replies == 0 {
				continue
			}
			if i < first || i >= first+push.per {
				return fmt.Errorf("load: client %d was served when it was the turn of %d to %d", i, first, first+push.per-1)
			}
			served++
			if err := c.block(i, block); err != nil {
				return err
			}
		}
	}
	return nil
}
