package cmd

import (
	"math"

	"redust/config"
	"redust/db"
	"redust/internal/disk"
	"redust/metrics"
	"redust/resp"
)

// Host is what commands need of the process around them. Every method is called on the
// executor's goroutine.
type Host interface {
	// Clients calls yield for every client that is connected, in the order of their
	// ids, until it returns false.
	Clients(yield func(*Client) bool)
	// Client finds a connected client by its id.
	Client(id int64) *Client
	// Resume offers the postponed requests of all clients again, soon.
	Resume()
	// Apply makes changed directives take effect outside of commands: ports, logs,
	// limits. Its error refuses the change.
	Apply(changed []string) error
	// Shutdown ends the process once this command's replies are out. It returns an
	// error if that is refused.
	Shutdown(o ShutdownOptions) error
	// Log writes a line at a level: debug, verbose, notice or warning.
	Log(level config.LogLevel, text string)
	// Process tells what the process consumes.
	Process() Process
	// Collect returns unused memory to the system; it may take a while in background.
	Collect()
	// Background runs work on a goroutine of its own, and then done on the executor.
	Background(work, done func())
	// After runs f on the executor after a while, milliseconds, in which others are
	// served.
	After(ms int64, f func())
	// Transfer sends keys to another server and waits for what that says. Unlike the others
	// it may be called from any goroutine, since it takes a while.
	Transfer(t *Transfer)
	// CachedPeers is how many connections to other servers are kept for the next Transfer.
	CachedPeers() int
	// Sleep makes the whole server deaf for a while, nanoseconds; DEBUG SLEEP.
	Sleep(ns int64)
}

// ShutdownOptions are the options of SHUTDOWN.
type ShutdownOptions struct {
	Save, NoSave, Now, Force bool
}

// Process is what the operating system and the runtime know of the process.
type Process struct {
	RSS, PeakRSS           int64 // bytes
	HeapLive               int64 // bytes that the collector found in use at its last cycle, or has been allocated since
	HeapIdle               int64 // bytes held by the heap beyond that
	RuntimeOther           int64 // bytes the runtime needs for itself: stacks, tables
	Collections            int64
	CPUUserUs, CPUSystemUs int64 // microseconds
	MainUserUs, MainSysUs  int64 // of the executor's thread, as far as known
	Threads, Goroutines    int
	TotalMemory            int64 // of the machine or the container, bytes
	PID                    int
	RunID                  string // 40 hex digits, new each start
	StartedMs              int64  // Unix milliseconds
	Executable, ConfigFile string
	OS, GoVersion, Arch    string
	Version                string // ours
	Build                  string
	BuildTime              string
}

// Server is what all commands share. Use NewServer; the exported fields are for the
// executor's goroutine.
type Server struct {
	KS       *db.Keyspace
	Commands *Table
	Cfg      *config.Config
	Host     Host
	Stats    metrics.Stats
	Errors   metrics.Errors
	SlowLog  metrics.SlowLog
	Latency  metrics.Latency
	Clock    func() int64 // monotonic nanoseconds
	Random   func() uint64

	// AppendFile is the append only file, switched on or not, see appendfile.go; nil: none.
	AppendFile AppendFile

	// Journal takes the effects of what is run; nil: nobody wants them.
	Journal Journal

	// LoadAppendOnly, if set, brings the append only file to the disk if it is on, and loads
	// it; DEBUG LOADAOF.
	LoadAppendOnly func(r *Replayer, on bool) error

	// OnChange, if set, is told of each change to a key. The key is borrowed.
	OnChange func(d *db.DB, key []byte, event string)

	Loading LoadState // see loading.go

	// Files is where snapshots are written to; nil: the machine's file system.
	Files disk.FS
	// BeforeExitHook, if set, brings the journal to the disk before the process ends, or
	// says why it cannot. With Force its error ends nothing.
	BeforeExitHook func(o ShutdownOptions) error

	UserLine      bool  // the configuration file declares the user default
	Dirty         int64 // changes since the last save
	LastSave      int64 // Unix seconds
	ActiveExpire  bool  // cleared by DEBUG SET-ACTIVE-EXPIRE 0
	CronPaused    bool  // DEBUG PAUSE-CRON
	PeakMemory    int64 // highest UsedMemory seen, bytes
	PeakMemoryAt  int64
	ClientsMemory int64 // memory of all clients' buffers at the last count, bytes

	ctx       Ctx
	mono      int64
	unixUs    int64
	commandNs int64 // time in commands that Stats does not have yet
	epochUs   int64 // Unix microseconds when the monotonic clock was 0
	slowNs    int64
	latencyNs int64
	touched   uint64
	monitors  []*Client
	blocking  blocking
	scripting scripting
	watching  watching
	eyes      int            // clients that wait for keys, and that watch some: whom touchedKey has to tell
	queues    []*transaction // spare ones
	exec      *Command
	effects   effects
	saving    saving
	appending appending
	current   *Client // whose command is running, or was the last: not the client inside of a script
	topics    topics
	gathering gathering
	aside     resp.Writer // pushes to the client whose command runs, for after its reply
	tracking  tracking
	notify    config.Events // keyspace events that are wanted
	notice    []byte        // scratch of one

	gathered wordList
	scratch  scratch // of the commands on strings
	streams  streamScratch
	replID   string // see replicationID
	debug    debugSettings

	pausedUntil int64 // Unix milliseconds; 0: no pause
	pauseAll    bool
}

// NewServer builds the command table and what it needs. The caller sets Host, Clock
// and Random before the first Execute.
func NewServer(cfg *config.Config, ks *db.Keyspace) *Server {
	s := &Server{KS: ks, Commands: NewTable(), Cfg: cfg, ActiveExpire: true}
	s.ctx.Server, s.exec = s, s.Commands.Named("exec")
	s.NameDB()
	s.initScripts()
	ks.Hooks = db.Hooks{
		Expired: func(d *db.DB, key []byte, lateMs int64) {
			s.Stats.ExpireLag.Record(lateMs)
			s.went(d, key, "expired")
		},
		FieldsExpired: func(d *db.DB, key []byte, fields [][]byte, lateMs int64) {
			s.Stats.ExpireLag.Record(lateMs)
			s.fieldsWent(d, key, fields)
		},
		Evicted: func(d *db.DB, key []byte) { s.went(d, key, "evicted") },
	}
	s.Configured()
	return s
}

// Configured takes over the directives that commands keep in a form of their own; it
// is called after each change.
func (s *Server) Configured() {
	c := s.Cfg
	s.slowNs = c.SlowLogSlowerThan
	if s.slowNs > 0 {
		s.slowNs = min(s.slowNs, math.MaxInt64/1000) * 1000
	}
	s.SlowLog.SlowerThanUs = c.SlowLogSlowerThan
	s.SlowLog.SetMaxLen(int(c.SlowLogMaxLen))
	s.latencyNs = c.LatencyThresholdMs * 1e6
	s.Latency.ThresholdMs = c.LatencyThresholdMs
	s.KS.Limits = db.Limits{
		HashEntries: c.HashMaxListpackEntries, HashValue: c.HashMaxListpackValue,
		SetInts: c.SetMaxIntsetEntries, SetEntries: c.SetMaxListpackEntries, SetValue: c.SetMaxListpackValue,
		ZSetEntries: c.ZSetMaxListpackEntries, ZSetValue: c.ZSetMaxListpackValue,
		ListSize: c.ListMaxListpackSize, StreamNodeBytes: c.StreamNodeMaxBytes, StreamNodeEntries: c.StreamNodeMaxEntries,
	}
	s.appendOnly()
	s.listenToKeys(c.NotifyEvents)
	a := &s.KS.Access
	a.LFU, a.LogFactor, a.DecayTime = c.MaxMemoryPolicy.LFU(), c.LFULogFactor, c.LFUDecayTime
}

// Connect makes the session of a new connection: the first database, RESP2,
// authenticated if no password is asked for.
func (s *Server) Connect(id int64, conn Conn) *Client {
	cl := &Client{ID: id, DB: s.KS.DB(0), User: "default", Since: s.KS.Now(), Active: s.KS.Now(), Conn: conn}
	if s.Cfg.RequirePass == "" {
		cl.Flags |= ClientAuthed
	}
	return cl
}

// Disconnect forgets what the server holds of a client that has gone.
func (s *Server) Disconnect(cl *Client) {
	cl.Flags |= clientGone
	if cl.Flags&ClientMonitor != 0 {
		s.unmonitor(cl)
	}
	if cl.Flags&ClientBlocked != 0 {
		cl.waiter.leave()
	}
	if cl.Flags&ClientInScript == 0 { // else EXEC may be in the middle of the queue
		s.endMulti(cl)
	}
	s.forget(cl)
}

// forget gives up what a client that has gone listens to and tracks. A script of its that goes
// on may be followed by a SUBSCRIBE in the same transaction, so it is called when that is over, too.
func (s *Server) forget(cl *Client) {
	s.topics.leaveAll(cl)
	s.forgetTracker(cl)
	s.Sent(cl)
}

// UsedMemory is the memory of the data set and of the buffers around it, bytes.
func (s *Server) UsedMemory() int64 {
	return s.KS.Bytes() + s.ClientsMemory + int64(s.SlowLog.Bytes()+s.blocking.bytes+s.watching.bytes+s.topics.bytes) + s.tracking.bytes() + fixedBytes
}

// NowUs is the time that Begin was told, Unix microseconds.
func (s *Server) NowUs() int64 { return s.unixUs }

// Mono is the monotonic time of the last Begin or of the end of the last command,
// nanoseconds.
func (s *Server) Mono() int64 { return s.mono }

// fixedBytes is what a server without keys and clients needs: the command table, the
// statistics, the runtime.
const fixedBytes = 1 << 20
