package config

import (
	"math"
	"slices"
	"strings"
)

// build declares every directive, in groups as a redis.conf has them. A name is written
// "name|alias"; the first of two is what files are rewritten to. A nil in place of a
// field says that the directive is idle.
func (t *table) build(c *Config) {
	t.byName = make(map[string]*directive)
	t.network(c)
	t.process(c)
	t.access(c)
	t.memory(c)
	t.persistence(c)
	t.replication(c)
	t.observation(c)
	t.encodings(c)
	t.idleOnes()
	for name := range t.byName {
		t.names = append(t.names, name)
	}
	slices.Sort(t.names)
}

// The limits of a number that Redis keeps as an int, unsigned int, long long or port.
const (
	maxInt  = math.MaxInt32
	minInt  = math.MinInt32
	maxUint = math.MaxUint32
	maxLong = math.MaxInt64
	maxPort = 65535
)

func (t *table) network(c *Config) {
	t.add("bind", multi, bindValue{&c.Bind}, func() { c.Bind = []string{"*", "-::*"} })
	t.opt("bind-source-addr", &c.BindSourceAddr, 0, nil)
	number(t, "port", &c.Port, 6379, 0, maxPort, 0)
	number(t, "tcp-backlog", &c.TCPBacklog, 511, 0, maxInt, immutable)
	number(t, "tcp-keepalive", &c.TCPKeepAlive, 300, 0, maxInt, 0)
	number(t, "timeout", &c.Timeout, 0, 0, maxInt, 0)
	t.opt("unixsocket", &c.UnixSocket, immutable, nil)
	t.add("unixsocketperm", immutable, octalValue{&c.UnixSocketPerm, 0o777}, func() { c.UnixSocketPerm = 0 })
	t.bool("protected-mode", &c.ProtectedMode, true, 0)
	number(t, "maxclients", &c.MaxClients, 10000, 1, maxUint, 0)
	t.add("io-threads", immutable, autoValue{intValue[int]{p: &c.IOThreads, lo: 1, hi: 128}}, func() { c.IOThreads = 1 })

	number(t, "tls-port", &c.TLSPort, 0, 0, maxPort, 0)
	t.bool("tls-replication", &c.TLSReplication, false, 0)
	t.bool("tls-cluster", &c.TLSCluster, false, 0)
	enum(t, "tls-auth-clients", &c.TLSAuthClients, TLSAuthYes, tlsAuthWords, 0)
	t.opt("tls-cert-file", &c.TLSCertFile, 0, nil)
	t.opt("tls-key-file", &c.TLSKeyFile, 0, nil)
	t.opt("tls-key-file-pass", &c.TLSKeyPass, sensitive, nil)
	t.opt("tls-client-cert-file", &c.TLSClientCert, 0, nil)
	t.opt("tls-client-key-file", &c.TLSClientKey, 0, nil)
	t.opt("tls-client-key-file-pass", &c.TLSClientPass, sensitive, nil)
	t.opt("tls-ca-cert-file", &c.TLSCACertFile, 0, nil)
	t.opt("tls-ca-cert-dir", &c.TLSCACertDir, 0, nil)
	t.opt("tls-protocols", &c.TLSProtocols, 0, nil)
	t.opt("tls-ciphers", &c.TLSCiphers, 0, nil)
	t.opt("tls-ciphersuites", &c.TLSCipherSuites, 0, nil)
	t.bool("tls-prefer-server-ciphers", &c.TLSPreferServer, false, 0)
}

func (t *table) process(c *Config) {
	t.bool("daemonize", &c.Daemonize, false, immutable)
	enum(t, "supervised", &c.Supervised, SupervisedNo, supervisedWords, immutable)
	t.opt("pidfile", &c.PidFile, immutable, nil)
	t.add("dir", protected|denyLoading, dirValue{&c.Dir}, func() { c.Dir = "." })
	t.str("logfile", &c.LogFile, "", immutable, nil)
	enum(t, "loglevel", &c.LogLevel, LogNotice, logLevelWords, 0)
	enum(t, "log-format", &c.LogFormat, LogHuman, logFormatWords, immutable)
	t.bool("syslog-enabled", &c.SyslogEnabled, false, immutable)
	t.str("syslog-ident", &c.SyslogIdent, "redis", immutable, nil)
	enum(t, "syslog-facility", &c.SyslogFacility, FacilityLocal0, facilityWords, immutable)
	number(t, "databases", &c.Databases, 16, 1, maxInt, immutable)
	hz := intValue[int]{p: &c.Hz, hi: maxInt, fit: func(n int) int { return min(max(n, 1), 500) }}
	t.add("hz", 0, hz, func() { c.Hz = 10 })
	number(t, "shutdown-timeout", &c.ShutdownTimeout, 10, 0, maxInt, 0)
	t.add("shutdown-on-sigint", multi, shutdownValue{&c.ShutdownSIGINT}, func() { c.ShutdownSIGINT = 0 })
	t.add("shutdown-on-sigterm", multi, shutdownValue{&c.ShutdownSIGTERM}, func() { c.ShutdownSIGTERM = 0 })
}

func (t *table) access(c *Config) {
	t.opt("requirepass", &c.RequirePass, sensitive, nil)
	t.str("aclfile", &c.ACLFile, "", immutable, nil)
	enum(t, "acl-pubsub-default", &c.ACLPubSubDefault, ACLResetChannels, aclPubSubWords, 0)
	number(t, "acllog-max-len", &c.ACLLogMaxLen, 128, 0, maxLong, 0)
	enum(t, "enable-debug-command", &c.EnableDebugCommand, GateNo, localityWords, immutable)
	enum(t, "enable-protected-configs", &c.EnableProtectedConfigs, GateNo, localityWords, immutable)
	t.bool("hide-user-data-from-log", &c.HideUserData, true, 0)
}

func (t *table) memory(c *Config) {
	t.unbounded("maxmemory", &c.MaxMemory, 0)
	enum(t, "maxmemory-policy", &c.MaxMemoryPolicy, NoEviction, policyWords, 0)
	number(t, "maxmemory-samples", &c.MaxMemorySamples, 5, 1, maxInt, 0)
	clients := memoryValue[MemoryOrPercent]{p: &c.MaxMemoryClients, hi: maxLong, saturate: true, percent: true}
	t.add("maxmemory-clients", 0, clients, func() { c.MaxMemoryClients = 0 })
	number(t, "lfu-log-factor", &c.LFULogFactor, 10, 0, maxInt, 0)
	number(t, "lfu-decay-time", &c.LFUDecayTime, 1, 0, maxInt, 0)
	number(t, "active-expire-effort", &c.ActiveExpireEffort, 1, 1, 10, 0)
	t.bool("replica-ignore-maxmemory|slave-ignore-maxmemory", &c.ReplicaIgnoreMaxMem, true, 0)
	t.bytes("max-value-bytes", &c.MaxValueBytes, 0, 0, 0)
	number(t, "max-collection-elements", &c.MaxCollectionElements, 0, 0, maxLong, 0)
	t.bytes("max-reply-bytes", &c.MaxReplyBytes, 0, 0, 0)
	t.add("client-output-buffer-limit", multi, limitsValue{&c.ClientOutputLimits}, func() {
		c.ClientOutputLimits = [3]BufferLimit{
			ClassReplica: {256 << 20, 64 << 20, 60},
			ClassPubSub:  {32 << 20, 8 << 20, 60},
		}
	})
	t.bytes("client-query-buffer-limit", &c.ClientQueryLimit, 1<<30, 1<<20, 0)
	t.bytes("proto-max-bulk-len", &c.ProtoMaxBulkLen, 512<<20, 1<<20, 0)
	number(t, "tracking-table-max-keys", &c.TrackingTableMaxKeys, 1000000, 0, maxLong, 0)
}

func (t *table) persistence(c *Config) {
	t.add("save", multi, saveValue{&c.Save}, func() { c.Save = []SaveRule{{3600, 1}, {300, 100}, {60, 10000}} })
	t.str("dbfilename", &c.DBFilename, "dump.rdb", protected, fileName("dbfilename", "filename", true))
	t.bool("rdbcompression", &c.RDBCompression, true, 0)
	t.bool("rdbchecksum", &c.RDBChecksum, true, immutable)
	t.bool("rdb-save-incremental-fsync", &c.RDBIncrementalFsync, true, 0)
	t.bool("stop-writes-on-bgsave-error", &c.StopWritesOnError, true, 0)
	number(t, "rdb-key-save-delay", &c.RDBKeySaveDelayUs, 0, minInt, maxInt, hidden)
	number(t, "key-load-delay", &c.KeyLoadDelayUs, 0, minInt, maxInt, hidden)
	number(t, "loading-process-events-interval-bytes", &c.LoadEventsInterval, 2<<20, 1024, maxInt, hidden)

	enum(t, "on-corrupt-data", &c.OnCorruptData, CorruptRefuse, corruptWords, 0)

	t.bool("appendonly", &c.AppendOnly, false, denyLoading)
	t.str("appendfilename", &c.AppendFilename, "appendonly.aof", immutable, fileName("appendfilename", "filename", false))
	t.str("appenddirname", &c.AppendDirname, "appendonlydir", immutable, fileName("appenddirname", "dirname", false))
	enum(t, "appendfsync", &c.AppendFsync, FsyncEverySec, fsyncWords, 0)
	t.bool("no-appendfsync-on-rewrite", &c.NoFsyncOnRewrite, false, 0)
	number(t, "auto-aof-rewrite-percentage", &c.AutoAOFRewritePercent, 100, 0, maxInt, 0)
	t.bytes("auto-aof-rewrite-min-size", &c.AutoAOFRewriteMinBytes, 64<<20, 0, 0)
	t.bool("aof-load-truncated", &c.AOFLoadTruncated, true, 0)
	t.bool("aof-use-rdb-preamble", &c.AOFUseRDBPreamble, true, 0)
	t.bool("aof-disable-auto-gc", &c.AOFKeepHistory, false, 0)
	t.bool("aof-rewrite-incremental-fsync", &c.AOFIncrementalFsync, true, 0)
	t.bool("aof-timestamp-enabled", &c.AOFTimestamps, false, 0)
}

func (t *table) replication(c *Config) {
	t.add("replicaof|slaveof", immutable|multi, masterValue{&c.MasterHost, &c.MasterPort}, func() { c.MasterHost, c.MasterPort = "", 0 })
	t.opt("masteruser", &c.MasterUser, sensitive, nil)
	t.opt("masterauth", &c.MasterAuth, sensitive, nil)
	t.bool("replica-read-only|slave-read-only", &c.ReplicaReadOnly, true, 0)
	t.bool("replica-serve-stale-data|slave-serve-stale-data", &c.ReplicaServeStale, true, 0)
	number(t, "replica-priority|slave-priority", &c.ReplicaPriority, 100, 0, maxInt, 0)
	t.bool("replica-announced", &c.ReplicaAnnounced, true, 0)
	t.opt("replica-announce-ip|slave-announce-ip", &c.ReplicaAnnounceIP, 0, nil)
	number(t, "replica-announce-port|slave-announce-port", &c.ReplicaAnnouncePort, 0, 0, maxPort, 0)
	t.bytes("repl-backlog-size", &c.ReplBacklogBytes, 1<<20, 1, 0)
	number(t, "repl-backlog-ttl", &c.ReplBacklogTTL, 3600, 0, maxLong, 0)
	t.bool("repl-diskless-sync", &c.ReplDisklessSync, true, 0)
	number(t, "repl-diskless-sync-delay", &c.ReplDisklessDelay, 5, 0, maxInt, 0)
	number(t, "repl-diskless-sync-max-replicas", &c.ReplDisklessMaxReplica, 0, 0, maxInt, 0)
	enum(t, "repl-diskless-load", &c.ReplDisklessLoad, DisklessDisabled, disklessWords, denyLoading)
	t.bool("repl-disable-tcp-nodelay", &c.ReplDisableTCPNoDelay, false, 0)
	number(t, "repl-ping-replica-period|repl-ping-slave-period", &c.ReplPingPeriod, 10, 1, maxInt, 0)
	number(t, "repl-timeout", &c.ReplTimeout, 60, 1, maxInt, 0)
	number(t, "min-replicas-to-write|min-slaves-to-write", &c.MinReplicasToWrite, 0, 0, maxInt, 0)
	number(t, "min-replicas-max-lag|min-slaves-max-lag", &c.MinReplicasMaxLag, 10, 0, maxInt, 0)
}

func (t *table) observation(c *Config) {
	t.add("notify-keyspace-events", 0, eventsValue{&c.NotifyEvents}, func() { c.NotifyEvents = 0 })
	number(t, "slowlog-log-slower-than", &c.SlowLogSlowerThan, 10000, -1, maxLong, 0)
	number(t, "slowlog-max-len", &c.SlowLogMaxLen, 128, 0, maxLong, 0)
	number(t, "latency-monitor-threshold", &c.LatencyThresholdMs, 0, 0, maxLong, 0)
	t.bool("latency-tracking", &c.LatencyTracking, true, 0)
	t.add("latency-tracking-info-percentiles", multi, percentilesValue{&c.LatencyPercentiles},
		func() { c.LatencyPercentiles = []float64{50, 99, 99.9} })
	number(t, "busy-reply-threshold|lua-time-limit", &c.BusyReplyMs, 5000, 0, maxLong, 0)
}

func (t *table) encodings(c *Config) {
	number(t, "hash-max-listpack-entries|hash-max-ziplist-entries", &c.HashMaxListpackEntries, 512, 0, maxLong, 0)
	t.bytes("hash-max-listpack-value|hash-max-ziplist-value", &c.HashMaxListpackValue, 64, 0, 0)
	number(t, "list-max-listpack-size|list-max-ziplist-size", &c.ListMaxListpackSize, -2, minInt, maxInt, 0)
	number(t, "set-max-intset-entries", &c.SetMaxIntsetEntries, 512, 0, maxLong, 0)
	number(t, "set-max-listpack-entries", &c.SetMaxListpackEntries, 128, 0, maxLong, 0)
	t.bytes("set-max-listpack-value", &c.SetMaxListpackValue, 64, 0, 0)
	number(t, "zset-max-listpack-entries|zset-max-ziplist-entries", &c.ZSetMaxListpackEntries, 128, 0, maxLong, 0)
	t.bytes("zset-max-listpack-value|zset-max-ziplist-value", &c.ZSetMaxListpackValue, 64, 0, 0)
	t.bytes("hll-sparse-max-bytes", &c.HLLSparseMaxBytes, 3000, 0, 0)
	t.bytes("stream-node-max-bytes", &c.StreamNodeMaxBytes, 4096, 0, 0)
	number(t, "stream-node-max-entries", &c.StreamNodeMaxEntries, 100, 0, maxLong, 0)
}

// idleOnes declares what is accepted so that files load and tools read back what they
// set: settings of an allocator, a fork or a cluster, none of which is here.
func (t *table) idleOnes() {
	yes := func(f flags, names ...string) {
		for _, n := range names {
			t.bool(n, nil, true, f)
		}
	}
	no := func(f flags, names ...string) {
		for _, n := range names {
			t.bool(n, nil, false, f)
		}
	}
	yes(0, "activerehashing", "dynamic-hz",
		"crash-log-enabled", "crash-memcheck-enabled", "jemalloc-bg-thread", "tls-session-caching",
		"cluster-allow-pubsubshard-when-down", "cluster-allow-replica-migration", "cluster-require-full-coverage")
	yes(immutable, "disable-thp", "set-proc-title")
	no(0, "activedefrag", "rdb-del-sync-files", "replica-ignore-disk-write-errors",
		"replica-lazy-flush|slave-lazy-flush", "lazyfree-lazy-eviction", "lazyfree-lazy-expire",
		"lazyfree-lazy-server-del", "lazyfree-lazy-user-del", "lazyfree-lazy-user-flush",
		"cluster-allow-reads-when-down", "cluster-replica-no-failover|cluster-slave-no-failover")
	no(immutable, "always-show-logo", "io-threads-do-reads")
	no(hidden, "use-exit-on-panic")
	no(hidden|immutable, "enable-debug-assert")

	number[int](t, "active-defrag-cycle-min", nil, 1, 1, 99, 0)
	number[int](t, "active-defrag-cycle-max", nil, 25, 1, 99, 0)
	number[int](t, "active-defrag-threshold-lower", nil, 10, 0, 1000, 0)
	number[int](t, "active-defrag-threshold-upper", nil, 100, 0, 1000, 0)
	number[int](t, "active-defrag-max-scan-fields", nil, 1000, 1, maxLong, 0)
	t.bytes("active-defrag-ignore-bytes", nil, 100<<20, 1, 0)
	number[int](t, "maxmemory-eviction-tenacity", nil, 10, 0, 100, 0)
	number[int](t, "max-new-connections-per-cycle", nil, 10, 1, 1000, 0)
	number[int](t, "list-compress-depth", nil, 0, 0, maxInt, 0)
	number[int](t, "socket-mark-id", nil, 0, 0, maxUint, immutable)
	number[int](t, "watchdog-period", nil, 0, 0, maxInt, hidden)
	number[int](t, "tls-session-cache-size", nil, 20480, 0, maxInt, 0)
	number[int](t, "tls-session-cache-timeout", nil, 300, 0, maxInt, 0)
	t.opt("tls-dh-params-file", nil, 0, nil)
	for _, n := range []string{"server_cpulist", "bio_cpulist", "aof_rewrite_cpulist", "bgsave_cpulist"} {
		t.opt(n, nil, immutable, nil)
	}
	t.str("ignore-warnings", nil, "", 0, nil)
	t.str("locale-collate", nil, "", 0, nil)
	t.str("proc-title-template", nil, "{title} {listen-addr} {server-mode}", 0, titleTemplate)
	enum[uint8](t, "oom-score-adj", nil, 0, oomAdjustWords, 0)
	adj := new([3]int)
	t.add("oom-score-adj-values", multi|idle, oomValue{adj}, func() { *adj = [3]int{0, 200, 800} })
	enum[uint8](t, "enable-module-command", nil, 0, localityWords, immutable)
	enum[uint8](t, "propagation-error-behavior", nil, 0, propagateWords, 0)
	enum[uint8](t, "sanitize-dump-payload", nil, 0, sanitizeWords, 0)

	t.add("cluster-enabled", immutable|idle, refusing{boolValue{new(bool)},
		"cluster mode is not available in this server"}, func() {})
	t.str("cluster-config-file", nil, "nodes.conf", immutable, nil)
	number[int](t, "cluster-node-timeout", nil, 15000, 0, maxLong, 0)
	number[int](t, "cluster-port", nil, 0, 0, maxPort, immutable)
	number[int](t, "cluster-migration-barrier", nil, 1, 0, maxInt, 0)
	number[int](t, "cluster-replica-validity-factor|cluster-slave-validity-factor", nil, 10, 0, maxInt, 0)
	for _, n := range []string{"cluster-announce-port", "cluster-announce-bus-port", "cluster-announce-tls-port"} {
		number[int](t, n, nil, 0, 0, maxPort, 0)
	}
	t.opt("cluster-announce-ip", nil, 0, nil)
	t.opt("cluster-announce-hostname", nil, 0, hostName)
	t.opt("cluster-announce-human-nodename", nil, 0, nil)
	enum[uint8](t, "cluster-preferred-endpoint-type", nil, 0, endpointWords, 0)
	t.unbounded("cluster-link-sendbuf-limit", nil, 0)
}

// fileName accepts a name without a directory. what is what the name is called in the
// refusal: filename or dirname.
func fileName(directive, what string, emptyOK bool) func(string) error {
	return func(s string) error {
		if s == "" && !emptyOK {
			return refusal(directive + " can't be empty")
		}
		if strings.Contains(s, "/") {
			return refusal(directive + " can't be a path, just a " + what)
		}
		return nil
	}
}

// hostName accepts what a DNS name is made of.
func hostName(s string) error {
	if len(s) >= 256 {
		return refusal("Hostnames must be less than 256 characters")
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '-' || s[i] == '.') {
			return refusal("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return nil
}

// titleTemplate accepts text whose braces enclose known names only.
func titleTemplate(s string) error {
	const bad refusal = "template format is invalid or contains unknown variables"
	rest, some := s, strings.TrimSpace(s) != ""
	for {
		_, after, open := strings.Cut(rest, "{")
		if !open {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		known := []string{"title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"}
		if !closed || !slices.Contains(known, name) {
			return bad
		}
		rest = after
	}
	if !some {
		return bad
	}
	return nil
}
