package cmd

import (
	"encoding/hex"
	"fmt"

	"redust/db"
	"redust/metrics"
)

// The sections of INFO about what the server holds and has done.

func (s *Server) infoClients(r *report) {
	var connected, waiting int64
	input, output := 0, 0
	s.Host.Clients(func(cl *Client) bool {
		connected++
		if cl.Flags&(ClientPostponed|ClientBlocked) != 0 {
			waiting++
		}
		if cl.Conn != nil {
			_, memory := cl.Conn.QueryBuffered()
			input = max(input, memory)
			output = max(output, cap(cl.Out.B)+cl.Conn.OutputBuffered())
		}
		return true
	})
	r.int("connected_clients", connected)
	r.int("cluster_connections", 0)
	r.int("maxclients", int64(s.Cfg.MaxClients))
	r.int("client_recent_max_input_buffer", int64(input))
	r.int("client_recent_max_output_buffer", int64(output))
	r.int("blocked_clients", waiting)
	r.int("tracking_clients", int64(s.tracking.clients))
	b := &s.blocking
	r.int("clients_in_timeout_table", int64(len(b.timed)))
	r.int("total_blocking_keys", int64(b.keys))
	r.int("total_blocking_keys_on_nokey", int64(b.goneKeys))
}

// infoPersistence reports on files: what is loaded, saved and written behind.
func (s *Server) infoPersistence(r *report) {
	r.flag("loading", s.Loading.On)
	for _, n := range []string{"async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"} {
		r.int(n, 0)
	}
	done, total := s.saveProgress()
	r.ratio("current_fork_perc", 100*float64(done)/float64(max(total, 1)), "")
	r.int("current_save_keys_processed", done)
	r.int("current_save_keys_total", total)
	s.infoSaving(r)
	r.int("rdb_last_load_keys_expired", s.Loading.KeysExpired)
	r.int("rdb_last_load_keys_loaded", s.Loading.KeysLoaded)
	s.infoAppend(r)
	for _, n := range []string{"module_fork_in_progress", "module_fork_last_cow_size"} {
		r.int(n, 0)
	}
	s.infoAppendSizes(r)
	s.infoLoading(r)
}

func (s *Server) infoStats(r *report) {
	st := s.Stats
	k := s.KS.Stats
	st.KeyspaceHits, st.KeyspaceMisses = k.Hits, k.Misses
	st.ExpiredFields = k.FieldsExpired
	st.EvictedScripts = int64(s.scripting.engine.Facts().Evicted)
	st.ExpiredKeys, st.ExpiredTimeCapReached, st.EvictedKeys = k.Expired, k.TimeCapReached, k.Evicted
	*r = metrics.AppendFields(*r, st.Fields(nil, metrics.Gauges{
		PubSubChannels: int64(s.topics.count(channelTopic)), PubSubPatterns: int64(s.topics.count(patternTopic)),
		PubSubShardChannels: int64(s.topics.count(shardTopic)),
		TrackingKeys:        int64(s.tracking.readers.keys()), TrackingItems: int64(s.tracking.readers.items),
		TrackingPrefixes: int64(len(s.tracking.prefixes)), MigrateCachedSockets: int64(s.Host.CachedPeers()),
	}))
}

func (s *Server) infoReplication(r *report) {
	r.str("role", "master")
	r.int("connected_slaves", 0)
	r.str("master_failover_state", "no-failover")
	r.str("master_replid", s.replicationID())
	r.str("master_replid2", fmt.Sprintf("%040d", 0))
	r.int("master_repl_offset", 0)
	r.int("second_repl_offset", -1)
	r.int("repl_backlog_active", 0)
	r.int("repl_backlog_size", s.Cfg.ReplBacklogBytes)
	r.int("repl_backlog_first_byte_offset", 0)
	r.int("repl_backlog_histlen", 0)
}

// replicationID names the history of this data set: 40 hex digits, drawn when first
// asked for.
func (s *Server) replicationID() string {
	if s.replID == "" {
		s.newReplicationID()
	}
	return s.replID
}

func (s *Server) newReplicationID() {
	var b [20]byte
	for i := range b {
		b[i] = byte(s.Random() >> 32)
	}
	s.replID = hex.EncodeToString(b[:])
}

func (s *Server) infoCommandStats(r *report) {
	for _, c := range s.Commands.All() {
		*r = metrics.AppendCommandStats(*r, c.FullName, &c.Stats)
	}
}

func (s *Server) infoErrorStats(r *report) { *r = s.Errors.Append(*r) }

func (s *Server) infoLatencyStats(r *report) {
	for _, c := range s.Commands.All() {
		*r = metrics.AppendLatencyStats(*r, c.FullName, &c.Stats, s.Cfg.LatencyPercentiles)
	}
}

func (s *Server) infoKeyspace(r *report) {
	s.eachDB(func(d *db.DB) {
		if d.Len() > 0 {
			r.str(fmt.Sprintf("db%d", d.ID), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", d.Len(), d.Timed(), d.AvgTTL()))
		}
	})
}

// eachDB calls f for every database, in order.
func (s *Server) eachDB(f func(*db.DB)) {
	for i := range s.KS.DBs() {
		f(s.KS.DB(i))
	}
}
