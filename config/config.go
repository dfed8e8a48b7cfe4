// Package config is the one table of directives the server knows.
//
// A directive is met in four places: in a file, on the command line, in CONFIG GET
// and SET, and in the file that CONFIG REWRITE leaves behind. Each place needs its
// name, its aliases, its type with limits, its default, and what may be done to it
// while the server runs. If each place kept that knowledge, they would drift apart;
// so it is said once, in directives.go, and everything here is a walk over that table.
//
//	file, stdin, --options                      CONFIG SET          CONFIG GET
//	         |                                      |                    ^
//	    split.go: words                        getset.go: all       getset.go
//	         |                                  or nothing               |
//	    load.go: line numbers, includes             |                    |
//	         |                                      v                    |
//	         +----------> table: name -> directive{kind, limits, flags, value} ----> rewrite.go
//	                                                              |
//	                                             pointer into     v
//	                                             Config.MaxClients, Config.Save, ...
//
// A value is an object that holds a pointer to the typed field of Config: it parses
// words into the field, formats the field for a client and for a file, and takes a
// snapshot that can be put back. The rest of the server reads plain fields, at no
// cost. Directives accepted for compatibility that change nothing here ("idle") have
// no field in Config; their value owns its storage, is validated by the same rules
// and returned, so a redis.conf loads as it is and tools read back what they wrote.
//
// Always true between calls: every name and alias leads to exactly one directive;
// what a value formats for a file, the same value parses to an equal field; a refused
// Set has changed no field.
//
// Who may call: Config belongs to the executor once the server runs. It has no lock.
//
// Costs: building the table is some 200 small objects, once per Load. Set is linear in
// its pairs, squared for the duplicate check. Get walks the table per pattern.
//
// Names, defaults, limits and error texts are those of Redis 7.2, since clients and
// their tests compare them. What 7.0.15 has is compared with a running one
// (oracle_test.go); the few rows that came later are listed there and are not.
package config

// RedisVersion is the version of Redis whose behaviour is offered, as INFO states it
// and as start-up errors print it.
const RedisVersion = "7.2.4"

// DefaultPidFile is where a daemon leaves its process id if the configuration names
// no file.
const DefaultPidFile = "/var/run/redis.pid"

// Config holds the values in force: one field for each directive that changes what
// this server does. Make one with New or Load and pass it by pointer: the table inside
// points into it, so a copy would be a second set of fields that nothing updates.
//
// Sizes are bytes. A field whose directive is changed by other means than CONFIG SET
// (REPLICAOF, say) may be assigned directly; Get and Rewrite read the field.
type Config struct {
	// Network.

	Bind            []string // addresses; a leading '-' means "may be unavailable", "*" all of IPv4, "::*" of IPv6; empty: no TCP
	BindSourceAddr  string   // local address of outgoing connections; kept, unused
	Port            int      // TCP port, 0: none
	TCPBacklog      int      // length of the accept queue
	TCPKeepAlive    int      // seconds between probes, 0: off
	Timeout         int      // seconds a client may be idle, 0: for ever
	UnixSocket      string   // path, empty: none
	UnixSocketPerm  int      // file mode bits, 0: leave to umask
	ProtectedMode   bool     // refuse outsiders while no password is set
	MaxClients      int      // connections at the same time
	IOThreads       int      // reactors, 1..128; 0 stands for auto
	TLSPort         int      // TCP port for TLS, 0: none
	TLSReplication  bool     // speak TLS to the master
	TLSCluster      bool     // accepted for the sake of files that set it
	TLSAuthClients  TLSAuth  // whether clients show a certificate
	TLSCertFile     string   // PEM path
	TLSKeyFile      string   // PEM path
	TLSKeyPass      string   // secret of TLSKeyFile
	TLSClientCert   string   // PEM path, for outgoing connections
	TLSClientKey    string   // PEM path, for outgoing connections
	TLSClientPass   string   // secret of TLSClientKey
	TLSCACertFile   string   // PEM path
	TLSCACertDir    string   // directory of PEM files
	TLSProtocols    string   // words such as "TLSv1.2 TLSv1.3", empty: the default set
	TLSCiphers      string   // TLS 1.2 suites in OpenSSL's notation
	TLSCipherSuites string   // TLS 1.3 suites
	TLSPreferServer bool     // the server's order of suites decides

	// Process.

	Daemonize       bool
	Supervised      Supervised
	PidFile         string // empty: none
	Dir             string // working directory, absolute once loaded; the caller changes into it
	LogFile         string // empty: standard output
	LogLevel        LogLevel
	LogFormat       LogFormat
	SyslogEnabled   bool
	SyslogIdent     string
	SyslogFacility  SyslogFacility
	Databases       int
	Hz              int // background rounds a second, 1..500
	ShutdownTimeout int // seconds to wait for replicas
	ShutdownSIGINT  ShutdownFlags
	ShutdownSIGTERM ShutdownFlags

	// Who may do what.

	RequirePass            string
	ACLFile                string
	ACLPubSubDefault       ACLPubSub
	ACLLogMaxLen           int64        // entries
	EnableDebugCommand     LocalityGate // who may run DEBUG
	EnableProtectedConfigs LocalityGate // who may set directives flagged protected
	HideUserData           bool         // keep keys and values out of logs

	// Memory.

	MaxMemory             int64 // 0: no limit
	MaxMemoryPolicy       Policy
	MaxMemorySamples      int
	MaxMemoryClients      MemoryOrPercent
	LFULogFactor          int
	LFUDecayTime          int // minutes
	ActiveExpireEffort    int // 1..10
	ReplicaIgnoreMaxMem   bool
	MaxValueBytes         int64 // longest string value, 0: as the protocol allows
	MaxCollectionElements int64 // most elements in one key, 0: no limit
	MaxReplyBytes         int64 // longest single reply, 0: no limit
	ClientOutputLimits    [3]BufferLimit
	ClientQueryLimit      int64 // longest unparsed input of one client
	ProtoMaxBulkLen       int64 // longest single argument
	TrackingTableMaxKeys  int64 // keys, 0: no limit

	// Snapshots.

	Save                []SaveRule // empty: none
	DBFilename          string
	RDBCompression      bool
	RDBChecksum         bool
	RDBIncrementalFsync bool // put the file on the disk while it is being written
	StopWritesOnError   bool // refuse writes after a failed snapshot
	RDBKeySaveDelayUs   int  // microseconds per key while saving; negative: one in so many keys; for tests
	KeyLoadDelayUs      int  // microseconds per key while loading; negative: one in so many keys; for tests
	LoadEventsInterval  int  // bytes loaded between two looks at the sockets

	OnCorruptData OnCorrupt // what to do at the start with files that are damaged

	// Journal.

	AppendOnly             bool
	AppendFilename         string
	AppendDirname          string
	AppendFsync            Fsync
	NoFsyncOnRewrite       bool
	AutoAOFRewritePercent  int   // growth since the last rewrite, 0: never
	AutoAOFRewriteMinBytes int64 // smaller journals are left alone
	AOFLoadTruncated       bool
	AOFUseRDBPreamble      bool
	AOFTimestamps          bool
	AOFKeepHistory         bool // aof-disable-auto-gc
	AOFIncrementalFsync    bool

	// Replication.

	MasterHost             string // empty: this is a master
	MasterPort             int
	MasterUser             string
	MasterAuth             string
	ReplicaReadOnly        bool
	ReplicaServeStale      bool
	ReplicaPriority        int
	ReplicaAnnounced       bool
	ReplicaAnnounceIP      string
	ReplicaAnnouncePort    int
	ReplBacklogBytes       int64
	ReplBacklogTTL         int64 // seconds without replicas, 0: kept for ever
	ReplDisklessSync       bool
	ReplDisklessDelay      int // seconds to wait for more replicas
	ReplDisklessMaxReplica int // start at once when so many wait, 0: no such bound
	ReplDisklessLoad       DisklessLoad
	ReplDisableTCPNoDelay  bool
	ReplPingPeriod         int // seconds
	ReplTimeout            int // seconds
	MinReplicasToWrite     int // 0: off
	MinReplicasMaxLag      int // seconds, 0: off

	// What is observed.

	NotifyEvents       Events
	SlowLogSlowerThan  int64 // microseconds, -1: off
	SlowLogMaxLen      int64 // entries
	LatencyThresholdMs int64 // milliseconds, 0: off
	LatencyTracking    bool
	LatencyPercentiles []float64
	BusyReplyMs        int64 // milliseconds a script may run before others hear BUSY, 0: for ever

	// Where encodings change.

	HashMaxListpackEntries int64
	HashMaxListpackValue   int64 // bytes
	ListMaxListpackSize    int   // elements, or -1..-5 for 4..64 KiB
	SetMaxIntsetEntries    int64
	SetMaxListpackEntries  int64
	SetMaxListpackValue    int64 // bytes
	ZSetMaxListpackEntries int64
	ZSetMaxListpackValue   int64 // bytes
	HLLSparseMaxBytes      int64
	StreamNodeMaxBytes     int64 // 0: no limit
	StreamNodeMaxEntries   int64 // 0: no limit

	t        table
	file     string // absolute path that Load read, empty: none
	startDir string // the directory the process was started in: the default of Dir
}

// SaveRule asks for a snapshot once Changes writes have happened and Seconds have
// passed since the last one.
type SaveRule struct {
	Seconds int64
	Changes int64
}

// BufferLimit bounds the replies waiting for one client. Past Hard bytes, or past Soft
// bytes for SoftSeconds, the client is closed. Zero switches a bound off.
type BufferLimit struct {
	Hard        int64
	Soft        int64
	SoftSeconds int64
}

// The index of a class of clients in Config.ClientOutputLimits.
const (
	ClassNormal  = 0
	ClassReplica = 1
	ClassPubSub  = 2
)

// MemoryOrPercent is a number of bytes, or, when negative, a percentage of maxmemory.
type MemoryOrPercent int64

// Bytes resolves a percentage against maxmemory, in bytes. A percentage of no limit is
// no limit, 0.
func (m MemoryOrPercent) Bytes(maxmemory int64) int64 {
	if m >= 0 {
		return int64(m)
	}
	p := int64(-m)
	return maxmemory/100*p + maxmemory%100*p/100
}

// New returns the defaults, as they are without a file and without options. Dir is
// ".", relative to the process.
func New() *Config {
	c := &Config{}
	c.t.build(c)
	for _, d := range c.t.list {
		d.reset()
	}
	return c
}

// File returns the absolute path of the file that Load read and RewriteFile writes, or
// "" if the server runs without one.
func (c *Config) File() string { return c.file }

// Sensitive says whether the values of a directive are secrets, which logs, the slow
// log and MONITOR must not show.
func (c *Config) Sensitive(name string) bool {
	d := c.t.find(name)
	return d != nil && d.flags&sensitive != 0
}
