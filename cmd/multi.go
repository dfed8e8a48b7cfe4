package cmd

import (
	"strings"

	"redust/acl"
	"redust/config"
	"redust/resp"
)

// Transactions. After MULTI a client's requests are not run but queued, and EXEC runs
// them, one after the other, with nothing between them. It is the executor that has
// nothing between them: there is no lock, and a transaction costs its commands.
//
//	MULTI      ClientMulti, an empty queue
//	SET a 1    the gates --> QUEUED, a copy in the queue
//	SET a      refused   --> the error, ClientSpoilt
//	EXEC       spoilt?   --> EXECABORT    a watched key changed (watch.go)? --> nil
//	           else      --> *2, the replies in order, errors in their places
//
// The gates are asked when a command is queued, and EXEC passes them on behalf of all
// that is queued: the sum of their flags decides whether it needs memory, or is held back
// by a pause of writes, as a whole. A transaction that has no chance any more queues nothing,
// but goes on saying QUEUED. What is queued counts as input that waits: beyond
// client-query-buffer-limit the client is closed.
//
// Some commands are never queued: those with AtOnce, which end a transaction, or complain.
//
// The queue belongs to the server and is lent to a client from MULTI to EXEC, so a
// transaction allocates nothing in the steady state, and an idle client has none. Requests
// are copied into two stores that grow in pieces: a piece that is full is left to the
// slices that point into it, and a larger one begun, so nothing is ever moved.
//
//	reqs   SET, args |  INCR, args | ...
//	args   [SET][a][1]   [INCR][a] ...         each a part of
//	bytes  S E T a 1     I N C R a ...
//
// How the commands are run, and what they leave in the journal, is said in inside.go and
// effects.go.

// transaction is what a client has queued.
type transaction struct {
	reqs  []Request
	args  [][]byte
	buf   []byte
	flags Flags // of all commands queued
	sum   int   // length of all arguments, and 8 for each, bytes
	mem   int   // what the pieces take that are not reqs, args and buf any more, bytes
}

func multiCommands() []*Command {
	const own = NoScript | Loading | Stale | AllowBusy
	return []*Command{
		{
			Name: "multi", Arity: 1, Run: multi,
			Flags: own | Fast | NoMulti | AtOnce, ACL: acl.Transaction,
			Doc: Doc{Group: "transactions", Since: "1.2.0", Complexity: "O(1)",
				Summary: "Begins a transaction: what follows is queued."},
		},
		{
			Name: "exec", Arity: 1, Run: execMulti,
			Flags: NoScript | Loading | Stale | SkipSlowlog | AtOnce, ACL: acl.Transaction,
			Doc: Doc{Group: "transactions", Since: "1.2.0", Complexity: "Depends on commands in the transaction",
				Summary: "Runs what the transaction has queued."},
		},
		{
			Name: "discard", Arity: 1, Run: discard,
			Flags: own | Fast | AtOnce, ACL: acl.Transaction,
			Doc: Doc{Group: "transactions", Since: "2.0.0", Complexity: "O(N), when N is the number of queued commands",
				Summary: "Ends a transaction without running it."},
		},
	}
}

// multi replies OK.
func multi(c *Ctx) error {
	if c.Client.Has(ClientMulti) {
		return ErrMultiNested
	}
	c.Client.Flags |= ClientMulti
	c.Client.tx = c.borrowQueue()
	c.Out.OK()
	return nil
}

// execMulti replies what the commands reply, or an absent array if a watched key has changed.
func execMulti(c *Ctx) error {
	cl := c.Client
	if !cl.Has(ClientMulti) {
		return ErrNoMulti
	}
	c.lookAtWatched(cl)
	defer c.endMulti(cl)
	switch {
	case cl.Has(ClientSpoilt):
		return ErrExecAbort
	case cl.Has(ClientDirty):
		c.Out.NullArray()
		return nil
	}
	c.unwatch(cl)
	c.Restart() // queueing was none of its doing
	c.Out.Array(len(cl.tx.reqs))
	for i := range cl.tx.reqs {
		if err := c.callInside(cl, &cl.tx.reqs[i]); err != nil {
			c.Fail(&cl.Out, err)
		}
	}
	return nil
}

// discard replies OK. It forgets what is watched, too.
func discard(c *Ctx) error {
	if !c.Client.Has(ClientMulti) {
		return ErrDiscardNoMulti
	}
	c.endMulti(c.Client)
	c.Out.OK()
	return nil
}

// endMulti makes the client one that has neither a transaction nor keys that it watches.
func (s *Server) endMulti(cl *Client) {
	cl.Flags &^= ClientMulti | ClientSpoilt
	s.unwatch(cl)
	cl.Flags &^= ClientDirty
	if cl.tx != nil {
		s.returnQueue(cl.tx)
		cl.tx = nil
	}
}

// gateFlags is the flags by which the gates judge a command that a client says in a
// transaction. EXEC is all that it would run; what makes the queue longer needs memory.
func (s *Server) gateFlags(cl *Client, cmd *Command, flags Flags) Flags {
	switch {
	case cmd == s.exec:
		return flags | cl.tx.flags
	case flags&AtOnce == 0 || flags&NoMulti != 0:
		return flags | DenyOOM
	}
	return flags
}

// enqueue puts off a request until EXEC.
func (s *Server) enqueue(cl *Client, r *Request, mark resp.Mark) Outcome {
	if cl.Flags&(ClientSpoilt|ClientDirty) == 0 {
		cl.tx.add(r)
		cl.tx.flags |= s.declared(r.Cmd, r.Args)
	}
	cl.LastCmd = r.Cmd
	if int64(cl.tx.sum) > s.Cfg.ClientQueryLimit {
		s.Stats.QueryBufLimit++
		s.Host.Log(config.LogWarning, "Closing client that reached max query buffer length with what it queued: "+s.Describe(cl))
		cl.closeNow()
	}
	cl.Out.Status("QUEUED")
	if cl.Flags&(ClientReplyOff|ClientReplySkip|ClientSkipNext) != 0 {
		s.settle(cl, mark)
	}
	return Done
}

// spoil notes that a request was refused: in a transaction that means that there will be
// none. EXEC itself ends it at once; the error is then the one to answer with.
func (s *Server) spoil(c *Ctx, err error) error {
	if c.Cmd != s.exec {
		if c.Client.Has(ClientMulti) {
			c.Client.Flags |= ClientSpoilt
		}
		return err
	}
	s.endMulti(c.Client)
	if len(s.monitors) > 0 {
		s.feedMonitors(c) // they have seen MULTI
	}
	return resp.Error(execAbortedBy + strings.TrimPrefix(err.Error(), "ERR "))
}

// add copies a request to the queue's end. One whose arguments are buffers of their own
// is kept as it is.
func (t *transaction) add(r *Request) {
	n, size := len(r.Args), 0
	for _, a := range r.Args {
		size += len(a)
	}
	t.sum += size + 8*n
	if cap(t.args)-len(t.args) < n {
		t.mem += cap(t.args) * sizeOfArg
		t.args = make([][]byte, 0, max(n, 2*cap(t.args), 32))
	}
	from := len(t.args)
	if r.Owned {
		t.args = append(t.args, r.Args...)
		t.mem += size
	} else {
		if cap(t.buf)-len(t.buf) < size {
			t.mem += cap(t.buf)
			t.buf = make([]byte, 0, max(size, 2*cap(t.buf), 512))
		}
		for _, a := range r.Args {
			at := len(t.buf)
			t.buf = append(t.buf, a...)
			t.args = append(t.args, t.buf[at:len(t.buf):len(t.buf)])
		}
	}
	t.reqs = append(t.reqs, Request{Cmd: r.Cmd, Args: t.args[from:len(t.args):len(t.args)], Owned: r.Owned})
}

const sizeOfArg, sizeOfRequest = 24, 40 // bytes

// memBytes is the memory of the queue, bytes.
func (t *transaction) memBytes() int {
	if t == nil {
		return 0
	}
	return t.mem + cap(t.buf) + cap(t.args)*sizeOfArg + cap(t.reqs)*sizeOfRequest
}

// Queued is the length of what the client has queued since MULTI, bytes, as Redis counts it.
func (cl *Client) Queued() int {
	if cl.tx == nil {
		return 0
	}
	return cl.tx.sum
}

// Limits of what is kept for other transactions: queues, and the bytes of one.
const (
	keepQueues     = 64
	keepQueueBytes = 64 << 10
)

// borrowQueue returns an empty queue.
func (s *Server) borrowQueue() *transaction {
	n := len(s.queues)
	if n == 0 {
		return new(transaction)
	}
	t := s.queues[n-1]
	s.queues = s.queues[:n-1]
	return t
}

// returnQueue takes a queue back whose requests have been run, or will not be.
func (s *Server) returnQueue(t *transaction) {
	clear(t.reqs)
	clear(t.args)
	t.mem = 0
	if len(s.queues) == keepQueues || t.memBytes() > keepQueueBytes {
		return
	}
	*t = transaction{reqs: t.reqs[:0], args: t.args[:0], buf: t.buf[:0]}
	s.queues = append(s.queues, t)
}

// queued is the number of requests queued, or -1 outside of a transaction.
func (cl *Client) queued() int64 {
	if cl.tx == nil {
		return -1
	}
	return int64(len(cl.tx.reqs))
}
