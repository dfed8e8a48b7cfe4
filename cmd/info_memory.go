package cmd

import "redust/db"

// memoryReport is what is known about memory at one moment, bytes unless said
// otherwise. INFO memory, MEMORY STATS and MEMORY DOCTOR print the same one.
//
//	|<------------------------- Process.RSS ------------------------->|
//	|<----------- resident: what the runtime holds ------>|  code, ... |
//	|<------ active: the heap ---------->| stacks, tables |
//	|<-- allocated: objects -->| idle    |
//	|<-- used: what we count -->|
//	| startup | clients, logs, frames | data set |
//	|<--------- overhead ------------>|
type memoryReport struct {
	Process
	used, peak, startup, clients  int64
	overhead, dataset             int64
	allocated, active, resident   int64
	keys                          int64 // number
	datasetPerc, peakPerc         float64
	fragRatio, rssRatio, outRatio float64 // active, resident and RSS, each to the one before
	bloat                         float64 // RSS to used
}

// memory measures.
func (s *Server) memory() memoryReport {
	m := memoryReport{Process: s.Host.Process(), used: s.UsedMemory(), startup: fixedBytes, clients: s.ClientsMemory,
		keys: int64(s.KS.Len())}
	if m.used > s.PeakMemory {
		s.PeakMemory, s.PeakMemoryAt = m.used, s.KS.Now()
	}
	m.peak = s.PeakMemory
	m.overhead = m.startup + m.clients + int64(s.SlowLog.Bytes())
	s.eachDB(func(d *db.DB) {
		main, timed := d.Overhead()
		m.overhead += main + timed
	})
	m.dataset = max(m.used-m.overhead, 0)
	m.allocated = m.HeapLive
	m.active = m.allocated + m.HeapIdle
	m.resident = m.active + m.RuntimeOther
	m.datasetPerc = 100 * ratio(m.dataset, m.used-m.startup)
	m.peakPerc = 100 * ratio(m.used, m.peak)
	m.fragRatio = ratio(m.active, m.allocated)
	m.rssRatio = ratio(m.resident, m.active)
	m.outRatio = ratio(m.RSS, m.resident)
	m.bloat = ratio(m.RSS, m.used)
	return m
}

// ratio is a to b, and 0 if b is nothing.
func ratio(a, b int64) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (s *Server) infoMemory(r *report) {
	m := s.memory()
	r.bytes("used_memory", m.used)
	r.bytes("used_memory_rss", m.RSS)
	r.bytes("used_memory_peak", m.peak)
	r.ratio("used_memory_peak_perc", m.peakPerc, "%")
	r.int("used_memory_overhead", m.overhead)
	r.int("used_memory_startup", m.startup)
	r.int("used_memory_dataset", m.dataset)
	r.ratio("used_memory_dataset_perc", m.datasetPerc, "%")
	r.int("allocator_allocated", m.allocated)
	r.int("allocator_active", m.active)
	r.int("allocator_resident", m.resident)
	r.bytes("total_system_memory", m.TotalMemory)
	f := s.scripting.engine.Facts()
	r.int("used_memory_lua", int64(f.EvalBytes))
	r.int("used_memory_vm_eval", int64(f.EvalBytes))
	r.str("used_memory_lua_human", humanBytes(int64(f.EvalBytes)))
	r.int("used_memory_scripts_eval", int64(f.ScriptBytes))
	r.int("number_of_cached_scripts", int64(f.Scripts))
	r.int("number_of_functions", int64(f.Functions))
	r.int("number_of_libraries", int64(f.Libraries))
	r.int("used_memory_vm_functions", int64(f.FunctionBytes))
	r.bytes("used_memory_vm_total", int64(f.EvalBytes+f.FunctionBytes))
	r.int("used_memory_functions", int64(f.LibraryBytes))
	r.bytes("used_memory_scripts", int64(f.ScriptBytes+f.LibraryBytes))
	r.bytes("maxmemory", s.Cfg.MaxMemory)
	r.str("maxmemory_policy", s.Cfg.MaxMemoryPolicy.String())
	r.ratio("allocator_frag_ratio", m.fragRatio, "")
	r.int("allocator_frag_bytes", m.active-m.allocated)
	r.ratio("allocator_rss_ratio", m.rssRatio, "")
	r.int("allocator_rss_bytes", m.resident-m.active)
	r.ratio("rss_overhead_ratio", m.outRatio, "")
	r.int("rss_overhead_bytes", m.RSS-m.resident)
	r.ratio("mem_fragmentation_ratio", m.bloat, "")
	r.int("mem_fragmentation_bytes", m.RSS-m.used)
	r.int("mem_not_counted_for_evict", 0)
	r.int("mem_replication_backlog", 0)
	r.int("mem_total_replication_buffers", 0)
	r.int("mem_clients_slaves", 0)
	r.int("mem_clients_normal", m.clients)
	r.int("mem_cluster_links", 0)
	r.int("mem_aof_buffer", s.journalBytes())
	r.str("mem_allocator", "go")
	r.int("active_defrag_running", 0)
	r.int("lazyfree_pending_objects", 0)
	r.int("lazyfreed_objects", 0)
}
