package metrics

// Stats holds the counters of INFO stats. The fields of Counters are plain numbers that whoever does the thing
// raises; what is not a counter but a state of some other part (how many channels, how many tracked keys) comes
// in through Gauges when INFO is asked, so that no number lives twice.
//
// Fields lists all of it in the order of Redis 7.2, and INFO and Prometheus both read that one list. Of the
// fields that describe machinery Redust lacks, those that tools look up are there with the value that is true
// here: nothing is defragmented, so active_defrag_hits is 0.

// Counters are the numbers that only grow, until CONFIG RESETSTAT. All start at 0 and are added to directly.
type Counters struct {
	ConnectionsReceived int64
	ConnectionsRejected int64 // over maxclients, and refused by protected-mode
	Commands            int64 // commands run, each inside a MULTI or a script too

	NetInputBytes      int64 // from clients; Fields adds replication to it
	NetOutputBytes     int64
	NetReplInputBytes  int64 // from a master
	NetReplOutputBytes int64 // to replicas

	SyncFull       int64
	SyncPartialOK  int64
	SyncPartialErr int64

	ExpiredKeys           int64
	ExpiredFields         int64 // of hashes
	ExpiredTimeCapReached int64 // slices of expiry that used up their time
	ExpireCycleUs         int64 // time spent in expiry
	EvictedKeys           int64
	EvictedScripts        int64
	EvictedClients        int64
	EvictionExceededUs    int64 // time spent above maxmemory, up to the last time it ended

	KeyspaceHits   int64
	KeyspaceMisses int64

	LatestForkUs int64 // how long commands stood still for the newest snapshot to start (set, not added to)
	Forks        int64 // snapshots started: Redust takes a view where Redis forks

	UnexpectedErrorReplies   int64
	ErrorReplies             int64
	DumpPayloadSanitizations int64

	Reads           int64 // reads from sockets
	Writes          int64 // writes to sockets
	IOThreadReads   int64 // those made on a reactor that is not the executor
	IOThreadWrites  int64
	QueryBufLimit   int64 // clients closed because a request was too large
	OutputBufLimit  int64 // clients closed because they did not read their replies
	ReplyBufShrinks int64
	ReplyBufExpands int64

	LoopCycles    int64 // rounds of the executor
	LoopUs        int64 // time spent in them, waiting excluded
	LoopCommandUs int64 // of that, inside commands

	ACLDeniedAuth    int64
	ACLDeniedCommand int64
	ACLDeniedKey     int64
	ACLDeniedChannel int64
}

// Gauges are the states that INFO stats prints among its counters, asked of their owners when it is printed.
type Gauges struct {
	ExpiredStalePerc          float64 // share of keys that are expired but still held, 0 to 100
	CurrentEvictionExceededMs int64   // time above maxmemory so far, 0 if below
	PubSubChannels            int64
	PubSubPatterns            int64
	PubSubShardChannels       int64
	MigrateCachedSockets      int64
	ReplicaExpiresTracked     int64 // keys with a deadline written on a writable replica
	TrackingKeys              int64
	TrackingItems             int64
	TrackingPrefixes          int64
}

// Stats is Counters with the speeds derived from them, and how late expiry runs. The zero value is ready.
type Stats struct {
	Counters
	// ExpireLag is how many milliseconds after its deadline each expired key was removed by the timing wheel.
	ExpireLag Lag

	ops, input, output, replInput, replOutput Rate
	loopCycles, loopUs                        Rate
}

// Lag measures lateness in milliseconds. Its histogram counts single milliseconds up to 255 and has two digits
// beyond; it reaches to eleven days.
type Lag struct{ h Histogram }

// Record counts something that came ms milliseconds late; an early one counts as on time.
func (l *Lag) Record(ms int64) { l.h.Record(ms) }

// MaxMs returns the worst lateness, and 0 if nothing was recorded.
func (l *Lag) MaxMs() int64 { return l.h.Max() }

// P99Ms returns the lateness that 99 % stayed within, and 0 if nothing was recorded.
func (l *Lag) P99Ms() int64 { return min(l.h.Percentile(99), l.h.Max()) }

// Sample feeds the speeds, every 100 ms. nowUs is any steady clock in microseconds.
func (s *Stats) Sample(nowUs int64) {
	const perSecond = 1_000_000
	s.ops.Sample(s.Commands, nowUs, perSecond)
	s.input.Sample(s.NetInputBytes+s.NetReplInputBytes, nowUs, perSecond)
	s.output.Sample(s.NetOutputBytes+s.NetReplOutputBytes, nowUs, perSecond)
	s.replInput.Sample(s.NetReplInputBytes, nowUs, perSecond)
	s.replOutput.Sample(s.NetReplOutputBytes, nowUs, perSecond)
	s.loopCycles.Sample(s.LoopCycles, nowUs, perSecond)
	s.loopUs.Sample(s.LoopUs, s.LoopCycles, 1)
}

// OpsPerSec returns the current speed in commands per second.
func (s *Stats) OpsPerSec() int64 { return s.ops.Mean() }

// Reset does what CONFIG RESETSTAT asks for: counters, speeds and lateness start over.
func (s *Stats) Reset() { *s = Stats{} }

// Bytes returns the memory held beyond the struct itself.
func (s *Stats) Bytes() int { return s.ExpireLag.h.Bytes() }

// Fields appends the fields of INFO stats in Redis's order, and after them those that only Redust has: how late
// expiry runs, as a 99th percentile and as a maximum.
func (s *Stats) Fields(dst []Field, g Gauges) []Field {
	counter := func(name string, n int64) { dst = append(dst, Field{Name: name, Kind: Counter, Int: n}) }
	gauge := func(name string, n int64) { dst = append(dst, Field{Name: name, Kind: Gauge, Int: n}) }
	decimal := func(name string, v float64) {
		dst = append(dst, Field{Name: name, Kind: Gauge, Decimals: 2, Float: v})
	}
	kbps := func(name string, r *Rate) { decimal(name, float64(r.Mean())/1024) }

	counter("total_connections_received", s.ConnectionsReceived)
	counter("total_commands_processed", s.Commands)
	gauge("instantaneous_ops_per_sec", s.ops.Mean())
	counter("total_net_input_bytes", s.NetInputBytes+s.NetReplInputBytes)
	counter("total_net_output_bytes", s.NetOutputBytes+s.NetReplOutputBytes)
	counter("total_net_repl_input_bytes", s.NetReplInputBytes)
	counter("total_net_repl_output_bytes", s.NetReplOutputBytes)
	kbps("instantaneous_input_kbps", &s.input)
	kbps("instantaneous_output_kbps", &s.output)
	kbps("instantaneous_input_repl_kbps", &s.replInput)
	kbps("instantaneous_output_repl_kbps", &s.replOutput)
	counter("rejected_connections", s.ConnectionsRejected)
	counter("sync_full", s.SyncFull)
	counter("sync_partial_ok", s.SyncPartialOK)
	counter("sync_partial_err", s.SyncPartialErr)
	counter("expired_keys", s.ExpiredKeys)
	decimal("expired_stale_perc", g.ExpiredStalePerc)
	counter("expired_time_cap_reached_count", s.ExpiredTimeCapReached)
	counter("expire_cycle_cpu_milliseconds", s.ExpireCycleUs/1000)
	counter("evicted_keys", s.EvictedKeys)
	counter("evicted_clients", s.EvictedClients)
	counter("evicted_scripts", s.EvictedScripts)
	// What is still going on counts as well, or the total would stand still during the very episode it is about.
	counter("total_eviction_exceeded_time", s.EvictionExceededUs/1000+g.CurrentEvictionExceededMs)
	gauge("current_eviction_exceeded_time", g.CurrentEvictionExceededMs)
	counter("keyspace_hits", s.KeyspaceHits)
	counter("keyspace_misses", s.KeyspaceMisses)
	gauge("pubsub_channels", g.PubSubChannels)
	gauge("pubsub_patterns", g.PubSubPatterns)
	gauge("pubsubshard_channels", g.PubSubShardChannels)
	gauge("latest_fork_usec", s.LatestForkUs)
	counter("total_forks", s.Forks)
	gauge("migrate_cached_sockets", g.MigrateCachedSockets)
	gauge("slave_expires_tracked_keys", g.ReplicaExpiresTracked)
	counter("active_defrag_hits", 0)
	counter("active_defrag_misses", 0)
	counter("active_defrag_key_hits", 0)
	counter("active_defrag_key_misses", 0)
	counter("total_active_defrag_time", 0)
	gauge("current_active_defrag_time", 0)
	gauge("tracking_total_keys", g.TrackingKeys)
	gauge("tracking_total_items", g.TrackingItems)
	gauge("tracking_total_prefixes", g.TrackingPrefixes)
	counter("unexpected_error_replies", s.UnexpectedErrorReplies)
	counter("total_error_replies", s.ErrorReplies)
	counter("dump_payload_sanitizations", s.DumpPayloadSanitizations)
	counter("total_reads_processed", s.Reads)
	counter("total_writes_processed", s.Writes)
	counter("io_threaded_reads_processed", s.IOThreadReads)
	counter("io_threaded_writes_processed", s.IOThreadWrites)
	counter("client_query_buffer_limit_disconnections", s.QueryBufLimit)
	counter("client_output_buffer_limit_disconnections", s.OutputBufLimit)
	counter("reply_buffer_shrinks", s.ReplyBufShrinks)
	counter("reply_buffer_expands", s.ReplyBufExpands)
	counter("eventloop_cycles", s.LoopCycles)
	counter("eventloop_duration_sum", s.LoopUs)
	counter("eventloop_duration_cmd_sum", s.LoopCommandUs)
	gauge("instantaneous_eventloop_cycles_per_sec", s.loopCycles.Mean())
	gauge("instantaneous_eventloop_duration_usec", s.loopUs.Mean())
	counter("acl_access_denied_auth", s.ACLDeniedAuth)
	counter("acl_access_denied_cmd", s.ACLDeniedCommand)
	counter("acl_access_denied_key", s.ACLDeniedKey)
	counter("acl_access_denied_channel", s.ACLDeniedChannel)
	counter("expired_subkeys", s.ExpiredFields)
	gauge("expire_lag_p99_ms", s.ExpireLag.P99Ms())
	gauge("expire_lag_max_ms", s.ExpireLag.MaxMs())
	return dst
}
