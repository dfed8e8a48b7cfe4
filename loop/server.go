// Package loop is the process around the commands: sockets, the executor, timers,
// signals, logs and the clock.
//
// Everything that touches the keyspace runs on one goroutine, the executor.
//
//	io-threads 1                         io-threads N
//
//	socket                               sockets
//	  | gnet reactor = executor            | | |   N gnet reactors: read, copy, cut
//	  v                                    v v v
//	cut, Prepare, Execute, write         parcels --> executor: Prepare, Execute
//	                                       ^                     |
//	                                       +--- replies ---------+
//
// With one thread nothing is handed over: OnTraffic parses out of gnet's buffer, runs
// the commands, and writes the replies with one write. With N, reactors copy what they
// read and cut it into requests; one executor goroutine runs these; the replies go back
// to the reactor that owns the socket, in one task a round. Measurements behind having
// both are in ARCHITECTURE.md.
//
// What is not a socket (a timer, a signal, a new connection) enters through one door,
// Post, from any goroutine. What a command does to another client (a push, a kill) is
// noted in pending and done when the command's batch is over, so that no handler is
// ever called back by the socket it writes to.
//
// gnet's rules: an inbound slice dies with its event; the replies of a connection
// leave on its reactor, else they would overtake each other; a reactor must never
// return an error it did not mean, since that ends it. Listeners are ours, since
// gnet's end the process when the file descriptors run out, and cannot be moved to
// another port while running.
package loop

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
	"golang.org/x/sys/unix"

	"redust/cmd"
	"redust/config"
	"redust/resp"
)

// Server runs commands for the clients of its listeners. Use New.
type Server struct {
	gnet.BuiltinEventEngine
	Cmd *cmd.Server
	cfg *config.Config
	log Logger

	engine   *gnet.Client
	door     gnet.EventLoop // the executor's, when it is a reactor
	threads  int
	began    time.Time
	nextID   atomic.Int64
	count    atomic.Int64 // connections, those included that are being accepted
	clients  map[int64]*client
	order    []*client // by id; may hold some that have gone
	pending  []*client // have something to send, or are to be closed
	batch    batch
	epochUs  int64  // Unix time, microseconds, when the monotonic clock was 0
	beganAt  int64  // the monotonic clock at the last begin, nanoseconds
	busyNs   int64  // time spent working that Stats does not have yet
	scratch  []byte // the replies of the client being served
	awaits   awaiting
	moved    atomic.Bool // the journal has got further, and release is posted
	release  func()      // releaseAll
	turn     atomic.Bool // a turn of the journal's writer is posted
	takeTurn func()      // letWrite
	round    bool        // endRound is posted
	endRound func()      // sendLate
	resuming bool

	maxBulk    atomic.Int64 // proto-max-bulk-len, for the reactors
	queryLimit atomic.Int64 // client-query-buffer-limit, likewise
	maxClients atomic.Int64 // maxclients, for the acceptors
	keepAlive  atomic.Int64 // tcp-keepalive, likewise
	asks       atomic.Bool  // a password is set
	guarded    atomic.Bool  // outsiders are refused: protected mode, and no password

	posts    sync.Mutex
	posted   []func()
	spare    []func()
	knocked  bool
	task     gnet.Runnable // answer
	queue    *queue        // with reactors of their own
	listens  listeners
	outlet   *outlet
	peers    peers
	expiry   alarm // a key reaches its deadline
	timeouts alarm // a client has waited for a key long enough
	stopped  chan struct{}
	stopping bool

	process processInfo
	steer   steering
}

// Options are what New needs beside the configuration.
type Options struct {
	Log                    Logger
	Version, Build         string
	ConfigFile, Executable string
}

// New prepares a server; nothing listens yet.
func New(c *cmd.Server, cfg *config.Config, o Options) *Server {
	s := &Server{Cmd: c, cfg: cfg, log: o.Log, began: time.Now(), clients: make(map[int64]*client),
		stopped: make(chan struct{}), threads: threads(cfg)}
	s.configured()
	s.release, s.takeTurn, s.endRound, s.task = s.releaseAll, s.letWrite, s.sendLate, gnet.RunnableFunc(s.answer)
	s.process.init(o)
	c.Host = s
	c.Clock = s.mono
	s.setClock()
	s.begin()
	return s
}

// threads is the number of reactors: as configured, or for auto one less than there are
// processors, up to eight, since the executor needs one too.
func threads(cfg *config.Config) int {
	if cfg.IOThreads == 0 {
		return min(max(runtime.NumCPU()-1, 1), 8)
	}
	return cfg.IOThreads
}

// configured takes over directives that other goroutines read.
func (s *Server) configured() {
	s.maxBulk.Store(s.cfg.ProtoMaxBulkLen)
	s.queryLimit.Store(s.cfg.ClientQueryLimit)
	s.maxClients.Store(int64(s.cfg.MaxClients))
	s.keepAlive.Store(int64(s.cfg.TCPKeepAlive))
	s.asks.Store(s.cfg.RequirePass != "")
	s.guarded.Store(s.cfg.ProtectedMode && s.cfg.RequirePass == "")
}

// begin tells the commands the time, before a batch of them. Reading the clock is dear
// beside a small command, so it is read once, and Unix time derived from it.
func (s *Server) begin() {
	s.beganAt = s.mono()
	s.Cmd.Begin(s.epochUs+s.beganAt/1000, s.beganAt)
}

// setClock finds anew how the monotonic clock and Unix time relate; ten times a second,
// since somebody may set the latter.
func (s *Server) setClock() {
	t := time.Now()
	s.epochUs = t.UnixMicro() - int64(t.Sub(s.began))/1000
}

// worked notes the time since begin as spent working.
func (s *Server) worked() { s.busyNs += s.Cmd.Mono() - s.beganAt }

// mono is the monotonic clock, nanoseconds since the start. It costs a fraction of
// reading both clocks.
func (s *Server) mono() int64 { return int64(time.Since(s.began)) }

// Mono is the monotonic clock, nanoseconds; for any goroutine.
func (s *Server) Mono() int64 { return s.mono() }

// Start opens the listeners and begins to serve; it returns once connections are
// accepted.
func (s *Server) Start() error {
	if err := s.listens.open(s.cfg); err != nil {
		return err
	}
	engine, err := gnet.NewClient(s, gnet.WithOptions(gnet.Options{
		NumEventLoop: s.threads, ReadBufferCap: 64 << 10, WriteBufferCap: 16 << 10,
		TCPNoDelay: gnet.TCPNoDelay, Logger: gnetLog{s.log}, LogLevel: logging.ErrorLevel,
	}))
	if err != nil {
		return fmt.Errorf("loop: create reactors: %w", err)
	}
	s.engine = engine
	if s.outlet, err = startOutlet(s); err != nil {
		return err
	}
	if err := engine.Start(); err != nil {
		return fmt.Errorf("loop: start reactors: %w", err)
	}
	s.expiry.start(s, s.expireNow)
	s.timeouts.start(s, s.Cmd.Timeouts)
	s.steer.start(s)
	if s.threads > 1 {
		s.queue = newQueue(s)
		go s.queue.run()
	} else if s.door, err = s.openDoor(); err != nil {
		return err
	}
	s.listens.serve(s)
	go s.cron()
	return nil
}

// Wait returns once the server has stopped.
func (s *Server) Wait() { <-s.stopped }

// Stopped is closed once the server has stopped.
func (s *Server) Stopped() <-chan struct{} { return s.stopped }

// openDoor enrols one end of a socket pair with the only reactor, since tasks can be
// posted to a reactor through one of its connections alone. Nothing is ever sent.
func (s *Server) openDoor() (gnet.EventLoop, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("loop: open door: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "door")
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("loop: open door: %w", err)
	}
	_ = f.Close() // FileConn has its own
	gc, err := s.engine.EnrollContext(c, nil)
	if err != nil {
		return nil, fmt.Errorf("loop: open door: %w", err)
	}
	return gc.EventLoop(), nil
}

// Post runs f on the executor, soon, from any goroutine.
func (s *Server) Post(f func()) {
	if s.queue != nil {
		s.queue.post(f)
		return
	}
	s.posts.Lock()
	s.posted = append(s.posted, f)
	first := !s.knocked
	s.knocked = true
	s.posts.Unlock()
	if first {
		// An error means that the engine has stopped, and then nothing matters.
		_ = s.door.Execute(context.Background(), s.task)
	}
}

// answer runs what was posted; on the executor when it is a reactor.
func (s *Server) answer(context.Context) error {
	defer s.crash(true)
	s.posts.Lock()
	work := s.posted
	s.posted, s.spare, s.knocked = s.spare[:0], work, false
	s.posts.Unlock()
	s.begin()
	for i, f := range work {
		f()
		work[i] = nil
	}
	s.sendPending()
	return nil
}

// OnOpen implements gnet's handler.
func (s *Server) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	defer s.crash(s.queue == nil)
	c, ok := gc.Context().(*client)
	if !ok {
		return nil, gnet.None
	}
	c.conn = gc
	if s.queue != nil {
		s.queue.post(func() { s.connected(c) })
	} else {
		s.begin()
		s.connected(c)
	}
	return nil, gnet.None
}

// connected admits a client; on the executor.
func (s *Server) connected(c *client) {
	s.Cmd.Stats.ConnectionsReceived++
	sess := s.Cmd.Connect(c.ID, c)
	sess.Addr, sess.LocalAdr, sess.FD = c.Addr, c.LocalAdr, c.conn.Fd()
	if c.unix {
		sess.Flags |= cmd.ClientUnix
	}
	c.Client = sess
	s.clients[c.ID] = c
	s.order = append(s.order, c)
}

// OnClose implements gnet's handler.
func (s *Server) OnClose(gc gnet.Conn, err error) gnet.Action {
	defer s.crash(s.queue == nil)
	c, ok := gc.Context().(*client)
	if !ok {
		return gnet.None
	}
	s.count.Add(-1)
	s.outlet.forget(c, isEOF(err))
	c.shut.Store(true)
	c.input = input{dead: true}
	if s.queue != nil {
		s.queue.post(func() { s.disconnected(c) })
	} else {
		s.disconnected(c)
	}
	return gnet.None
}

// disconnected forgets a client; on the executor.
func (s *Server) disconnected(c *client) {
	if s.queue != nil {
		// What it asked for before it closed its side was run in this round or earlier. In the
		// middle of a script the reply is half written, and will be cut off.
		if (!c.closing || c.soon) && c.Flags&cmd.ClientInScript == 0 {
			s.writeAll(c)
		}
		if c.waitAt == 0 {
			s.queue.add(sending{c: c, last: true})
		}
	} else if c.orphan == nil {
		c.waitAt = 0 // nobody listens
	}
	c.gone = true
	delete(s.clients, c.ID)
	s.Cmd.Disconnect(c.Client)
	c.held, c.heldBytes = nil, 0
	if c.waitAt == 0 && c.Flags&cmd.ClientInScript == 0 {
		c.Out.B = nil
	}
}

// OnTraffic implements gnet's handler.
func (s *Server) OnTraffic(gc gnet.Conn) gnet.Action {
	defer s.crash(s.queue == nil)
	c, ok := gc.Context().(*client)
	if !ok {
		return gnet.None
	}
	b, _ := gc.Peek(0)
	if s.queue != nil {
		s.queue.receive(c, b)
		_, _ = gc.Discard(0)
		return gnet.None
	}
	s.begin()
	s.yield()
	s.receive(c, b)
	if !c.gone {
		_, _ = gc.Discard(0)
	}
	s.sendPending()
	return gnet.None
}

// receive runs what arrived, on the executor that is also the client's reactor.
func (s *Server) receive(c *client, b []byte) {
	st := &s.Cmd.Stats
	st.NetInputBytes += int64(len(b))
	st.Reads++
	st.LoopCycles++
	c.NetIn += int64(len(b))
	c.Active = s.Cmd.KS.Now()
	in := &c.input
	if c.closing || in.dead {
		return
	}
	if c.waits() {
		in.keepMore(b)
	} else {
		s.consume(c, in.join(b))
	}
	c.noteInput()
	if c.memory.Load() > s.queryLimit.Load() {
		s.queryOverrun(c)
	}
	s.hand(c)
	s.worked()
}

// keepMore puts bytes behind those that wait.
func (in *input) keepMore(b []byte) { in.rest = append(in.rest, b...) }

// noteInput publishes how much input waits.
func (c *client) noteInput() {
	n := len(c.input.rest)
	m := cap(c.input.rest)
	if c.input.asm.On() {
		m += c.input.asm.Bytes()
	}
	if int64(m) != c.memory.Load() || int64(n) != c.waiting.Load() {
		c.waiting.Store(int64(n))
		c.memory.Store(int64(m))
	}
}

// queryOverrun closes a client whose input that waits is beyond
// client-query-buffer-limit; on the executor.
func (s *Server) queryOverrun(c *client) {
	if c.gone || c.closing {
		return
	}
	s.Cmd.Stats.QueryBufLimit++
	s.log.Warn("Closing client that reached max query buffer length: " + s.Cmd.Describe(c.Client))
	c.Close(false)
}

// limits are those for the client's next request.
func (s *Server) limits(c *client) (resp.Limits, int) {
	if c.Flags&cmd.ClientAuthed == 0 {
		// One at a time, since the next may be allowed more.
		return resp.Limits{Bulk: s.cfg.ProtoMaxBulkLen, Anon: true}, 1
	}
	return resp.Limits{Bulk: s.cfg.ProtoMaxBulkLen}, batchSize
}

// consume cuts and runs the requests in b, and keeps what is left.
func (s *Server) consume(c *client, b []byte) {
	in := &c.input
	if c.Out.B == nil {
		if c.Out.B, s.scratch = s.scratch[:0], nil; c.Out.B == nil {
			c.Out.B = s.awaits.buffer()
		}
	}
	for len(b) > 0 && !c.stopped() {
		lim, most := s.limits(c)
		n := in.cut(b, &s.batch, most, lim)
		ran := s.run(c, s.batch.reqs)
		switch {
		case ran == len(s.batch.reqs) && !c.waits():
			if s.batch.err != nil && !c.stopped() {
				s.protocolError(c, s.batch.err)
			}
		case ran == 0 && s.batch.reqs[0].Owned:
			c.hold(held{reqs: []cmd.Request{s.batch.reqs[0]}})
		default:
			// Go on later with the request that has to wait, or with what follows the one
			// that blocked.
			n = 0
			if ran > 0 {
				n = s.batch.ends[ran-1]
			}
			if !c.blocked() {
				c.hold(held{})
			}
			in.dead = false
		}
		b = b[n:]
		if n == 0 {
			break
		}
	}
	if c.gone {
		return
	}
	if c.closing {
		b = nil
	}
	in.keep(b)
}

// flushAt is how many bytes of replies are gathered before they are written, and gatherAt
// how many bytes of messages to others.
const (
	flushAt  = 256 << 10
	gatherAt = 1 << 20
)

// run executes a batch for a client until one of the requests has to wait, or blocks; it
// returns how many were run.
func (s *Server) run(c *client, reqs []cmd.Request) int {
	s.Cmd.Prepare(c.DB, reqs)
	for i := range reqs {
		switch s.Cmd.Execute(c.Client, &reqs[i]) {
		case cmd.Postponed:
			return i
		case cmd.Blocked:
			c.stalled = true
			return i + 1
		}
		if len(c.Out.B) > flushAt {
			s.Cmd.TellJournal()
			s.writeAll(c)
			s.Cmd.Restart()
		}
		if s.Cmd.GatheredBytes() > gatherAt {
			s.relieve()
			s.Cmd.Restart()
		}
		if c.closing || c.gone {
			return len(reqs)
		}
		if c.full {
			return i + 1
		}
	}
	return len(reqs)
}

// protocolError answers bytes that are no request, and ends the connection.
func (s *Server) protocolError(c *client, err error) {
	s.log.Verbose(fmt.Sprintf("Protocol error (%v) from client: %s", err, s.Cmd.Describe(c.Client)))
	s.Cmd.Fail(&c.Out, err)
	c.Close(true)
}

// hand notes that the client has replies to send or is to be closed.
func (s *Server) hand(c *client) {
	c.late = false
	if !c.handed {
		c.handed = true
		s.pending = append(s.pending, c)
	}
}

// sendPending sends what the clients in pending have, and closes those that are to be
// closed; after each batch, on the executor.
func (s *Server) sendPending() {
	s.Cmd.Wake()
	s.Cmd.Broadcast()
	later, kept := s.sendsLater(), 0
	for i := 0; i < len(s.pending); i++ {
		c := s.pending[i]
		if c.late && later && !c.gone && len(c.Out.B) < keptLate {
			s.pending[kept] = c
			kept++
			continue
		}
		c.handed = false
		if c.gone {
			continue
		}
		if c.stalled && !c.blocked() && !c.closing {
			s.resume(c) // and comes again, with all replies
			s.Cmd.Broadcast()
			continue
		}
		if c.Flags&cmd.ClientInScript != 0 && (!c.closing || c.soon) {
			continue // its reply is half written
		}
		if !c.closing || c.soon {
			s.writeAll(c)
		}
		s.Cmd.Sent(c.Client)
		s.lendBack(c)
		if c.gone {
			continue
		}
		if c.closing && (c.waitAt == 0 || !c.soon) {
			s.hangUp(c)
		}
	}
	clear(s.pending[kept:])
	if s.pending = s.pending[:kept]; kept > 0 && !s.round {
		s.round = true
		s.Post(s.endRound)
	}
	s.Cmd.TellJournal()
	s.Cmd.Scatter(s.queue != nil)
	s.schedule()
	if s.queue != nil {
		s.queue.dispatch()
	}
}

// keptLate is how much one client may have waiting for the end of the round, bytes.
const keptLate = 64 << 10

// sendsLater tells whether what many clients are sent, messages and invalidations, waits until
// all have been served whose requests are there: then a client that is sent much gets
// one write for it, and for its own replies. Who comes alone is not made to wait.
func (s *Server) sendsLater() bool {
	const most = 256 << 10 // bytes that wait
	return s.queue == nil && s.steer.crowd && s.Cmd.GatheredBytes() < most
}

// sendLate ends a round: it runs behind the events that the reactor has found.
func (s *Server) sendLate() {
	s.round = false
	for _, c := range s.pending {
		c.late = false
	}
}

// keepReplies is the largest buffer for replies that is kept for the next client,
// bytes.
const keepReplies = 4 << 20

// lendBack takes an empty reply buffer for the next client that is served.
func (s *Server) lendBack(c *client) {
	if len(c.Out.B) != 0 || c.Out.B == nil {
		return
	}
	if cap(c.Out.B) > cap(s.scratch) && cap(c.Out.B) <= keepReplies {
		s.scratch, c.Out.B = c.Out.B, s.scratch
	}
	s.awaits.giveBack(c.Out.B)
	c.Out.B = nil
}

// write sends the client's replies as soon as they may leave.
func (s *Server) write(c *client) {
	if c.AckAt != 0 && (c.full || !s.safe(c)) {
		s.await(c)
		return
	}
	c.waitAt = 0
	s.send(c)
}

// send gives the client's replies to its socket, and closes a client that does not read
// them.
func (s *Server) send(c *client) {
	s.wrote(c, len(c.Out.B))
	if s.queue != nil {
		s.queue.send(c)
	} else {
		s.outlet.push(c, c.Out.B)
		if c.gone {
			return
		}
		c.Out.B = c.Out.B[:0]
	}
	s.checkOutput(c)
}

// writeAll gives the client's socket what others have gathered for it, and its replies.
func (s *Server) writeAll(c *client) {
	if b := s.Cmd.Gathered(c.Client); b != nil {
		if len(c.Out.B) > 0 {
			s.Cmd.Settle(c.Client)
		} else {
			s.writeGathered(c, b)
		}
	}
	if len(c.Out.B) > 0 && !c.gone {
		s.write(c)
	}
}

// writeGathered is write for bytes that many clients share, see cmd/topics.go.
func (s *Server) writeGathered(c *client, b []byte) {
	s.wrote(c, len(b))
	if s.queue != nil {
		s.queue.sendShared(c, b)
	} else {
		s.outlet.push(c, b)
		if c.gone {
			return
		}
	}
	s.checkOutput(c)
}

// wrote counts a write of n bytes.
func (s *Server) wrote(c *client, n int) {
	s.Cmd.Stats.NetOutputBytes += int64(n)
	s.Cmd.Stats.Writes++
	c.NetOut += int64(n)
	c.Active = s.Cmd.KS.Now()
}

// relieve sends what a batch has gathered for others so far, in the middle of it: the
// executor is between two commands, but nobody else may be run.
func (s *Server) relieve() {
	s.Cmd.TellJournal()
	for _, c := range s.pending {
		switch {
		case c.Flags&cmd.ClientInScript != 0: // its reply is half written
			continue
		case c.gone || c.closing && !c.soon:
			s.Cmd.Sent(c.Client)
		case c.stalled:
			s.Cmd.Settle(c.Client)
		default:
			s.writeAll(c)
			s.Cmd.Sent(c.Client)
		}
		if len(c.Out.B) == 0 && cap(c.Out.B) > keepRest {
			c.Out.B = nil
		}
	}
	s.Cmd.Scatter(s.queue != nil)
	if s.queue != nil {
		s.queue.dispatch()
	}
}

// checkOutput closes a client whose unread replies are beyond its limits.
func (s *Server) checkOutput(c *client) {
	n := int64(c.OutputBuffered())
	if c.waitAt != 0 {
		n += int64(len(c.Out.B))
	}
	if n == 0 {
		c.SoftLimitSince = 0
		return
	}
	lim := s.cfg.ClientOutputLimits[c.OutputClass()]
	over := lim.Hard > 0 && n >= lim.Hard
	if lim.Soft > 0 && n >= lim.Soft {
		now := s.Cmd.KS.Now()
		if c.SoftLimitSince == 0 {
			c.SoftLimitSince = now
		}
		over = over || now-c.SoftLimitSince >= lim.SoftSeconds*1000
	} else {
		c.SoftLimitSince = 0
	}
	if over && (!c.closing || c.soon) {
		s.Cmd.Stats.OutputBufLimit++
		s.log.Warn(fmt.Sprintf("Client %s scheduled to be closed ASAP for overcoming of output buffer limits.", s.Cmd.Describe(c.Client)))
		c.Close(false)
	}
}

// hangUp closes the connection, once its replies are out if that was asked for.
func (s *Server) hangUp(c *client) {
	if c.soon {
		// Whoever takes the last of them off sees this and hands the client in again.
		c.draining.Store(true)
		if c.OutputBuffered() > 0 {
			return
		}
	}
	if s.queue != nil {
		s.queue.close(c)
		return
	}
	_ = c.conn.EventLoop().Close(c.conn) // reports through OnClose
}
