package main

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
	"redust/benchmarks/target"
)

// A workload is one row of the report. Every run gets a new process: prepare, then
// calibrate (in the very first run only), then run. Two processes of one program differ
// by some per cent for as long as they live, by where their memory happens to lie; with
// one process for all rounds that would look like a steady difference.
type workload struct {
	name, section, about string

	metric report.Metric
	bound  *report.Bound

	times int // runs a round, for those too short to be steady; 0 means 1

	// also shows other figures of the same runs as rows of their own.
	also []view

	// onceOthers runs all servers but ours in the first round only. It is for workloads that
	// take long and whose bound is not relative: the others are there to be seen.
	onceOthers bool

	servers   func(options) []target.Spec // nil: the standard ones
	prepare   func(*env) error            // nil: nothing to prepare
	calibrate func(*env) (float64, error) // nil: no rate is needed
	run       func(*env) (report.Sample, error)
}

// A view is another figure of a workload's runs.
type view struct {
	name   string
	metric report.Metric
	about  string
}

// workloads is the whole table, in the order of the report.
func workloads() []workload {
	var all []workload
	for _, section := range [][]workload{
		pipelines(), connections(), mixed(), sizes(), roundTrips(), large(), scenarios(),
		collections(), algebra(), memory(), stalls(), ioThreads(),
		durable(), programs(), messages(),
	} {
		all = append(all, section...)
	}
	for i := range all {
		all[i].bound = boundOf(all[i].name)
	}
	return all
}

// boundOf holds the figures that Redust promises: against redis-server 7.0.15 with
// one I/O thread, the median of at least report.MinRounds rounds.
func boundOf(name string) *report.Bound {
	cpu := func(limit float64) *report.Bound {
		return &report.Bound{Metric: report.CPU, Relative: true, Limit: limit}
	}
	rate := func(limit float64) *report.Bound {
		return &report.Bound{Metric: report.Rate, Relative: true, AtLeast: true, Limit: limit}
	}
	seconds := func(limit float64) *report.Bound {
		return &report.Bound{Metric: report.Seconds, Relative: true, Limit: limit}
	}
	switch name {
	case "p1/get", "p1/set", "p1/incr", "p1/ping_mbulk", "p1/ping_inline":
		return cpu(1)
	case "p16/get", "p16/set":
		return cpu(0.75)
	case "p64/get", "p64/set":
		return cpu(0.55)
	case "10m/get", "10m/set":
		return cpu(0.5)
	case "p16/lpush", "p16/rpush", "p16/lpop", "p16/rpop", "p16/sadd", "p16/hset", "p16/spop", "p16/zadd", "p16/zpopmin", "p16/mset",
		"p1/lrange_100", "p1/lrange_300", "p1/lrange_600":
		return cpu(0.8)
	case "p16/xadd", "coll/xreadgroup_1", "coll/xreadgroup_10", "coll/geoadd", "coll/geosearch", "coll/zrank", "coll/zrangebyscore", "coll/blocked":
		return cpu(0.9)
	case "roundtrip/set_union", "roundtrip/set_difference", "roundtrip/set_intersection":
		return rate(1.5)
	case "coll/rss_hash", "coll/rss_set", "coll/rss_zset":
		return &report.Bound{Metric: report.Each, Relative: true, Limit: 0.7}
	case "coll/rss_small_hashes":
		return &report.Bound{Metric: report.RSS, Relative: true, Limit: 0.8}
	case "coll/rss_list", "coll/rss_stream":
		return &report.Bound{Metric: report.RSS, Relative: true, Limit: 1}
	case "rss_10m":
		return &report.Bound{Metric: report.RSS, Relative: true, Limit: 0.65}
	case "flushall_stall", "growth_stall":
		return &report.Bound{Metric: report.Longest, Limit: 2}
	case "tail_90_10":
		return &report.Bound{Metric: report.P999, Relative: true, Limit: 1.5}
	case "expire_precision":
		return &report.Bound{Metric: report.InTime, AtLeast: true, Limit: 99}
	}
	switch name {
	case "save_10m":
		return seconds(1)
	case "save_pause_10m":
		return &report.Bound{Metric: report.Longest, Limit: 1}
	case "save_loaded_10m":
		return &report.Bound{Metric: report.P999, Relative: true, Limit: 1}
	case "save_stretch_10m":
		return &report.Bound{Metric: report.Stretch, Limit: 2}
	case "save_memory_10m":
		return &report.Bound{Metric: report.Extra, Limit: 30}
	case "load_10m", "load_mixed":
		return seconds(0.6)
	case "aof_replay_10m":
		return seconds(0.7)
	case "aof_everysec/p1":
		return cpu(1)
	case "aof_everysec/p16", "multi/ten_set":
		return cpu(0.7)
	case "aof_always/p1":
		return rate(1.3)
	case "lua/get", "lua/incr_expire", "lua/limiter":
		return cpu(1.5)
	case "pubsub/1", "pubsub/100", "pubsub/1000":
		return cpu(0.8)
	case "tracking":
		return cpu(1)
	}
	switch family, _, _ := strings.Cut(name, "_"); {
	case strings.HasPrefix(name, "roundtrip/"):
		return rate(1)
	case family == "coll/sinter", family == "coll/sunion", family == "coll/sdiff":
		return &report.Bound{Metric: report.P50, Relative: true, Limit: 0.6}
	case family == "coll/unlink", family == "coll/del", family == "coll/expire", family == "coll/rename", family == "coll/copy", family == "coll/build":
		return &report.Bound{Metric: report.Longest, Limit: 2}
	}
	return nil
}

// ops scales a count down for -quick.
func (e *env) ops(n int) int {
	if e.opt.quick {
		return max(n/20, 1000)
	}
	return n
}

// random is seeded by the round alone, so that all servers are asked for the same keys
// in the same order.
func (e *env) random() *rand.Rand {
	return rand.New(rand.NewPCG(uint64(e.round), 0x9e3779b97f4a7c15))
}

func (e *env) fill(n int, gen load.Gen) error {
	return load.Fill(e.srv.Addr, n, gen, e.clock)
}

// measured runs f between readings of every instrument. f returns its operations and
// how long they took, and may leave latencies in hist. The client's collector is off
// meanwhile.
func (e *env) measured(hist *measure.Hist, f func() (ops, wallNs int64, err error)) (report.Sample, error) {
	runtime.GC() // what encoding left behind is not collected during the run
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	time.Sleep(100 * time.Millisecond)
	machine, err := measure.ReadMachine()
	if err != nil {
		return report.Sample{}, err
	}
	client, err := measure.SelfCPUNs()
	if err != nil {
		return report.Sample{}, err
	}
	server, err := e.cpu.ReadNs()
	if err != nil {
		return report.Sample{}, err
	}
	ops, wallNs, err := f()
	if err != nil {
		return report.Sample{}, err
	}
	serverEnd, err := e.cpu.ReadNs()
	if err != nil {
		return report.Sample{}, err
	}
	clientEnd, err := measure.SelfCPUNs()
	if err != nil {
		return report.Sample{}, err
	}
	machineEnd, err := measure.ReadMachine()
	if err != nil {
		return report.Sample{}, err
	}
	rss, err := measure.RSS(e.srv.PID)
	if err != nil {
		return report.Sample{}, err
	}
	s := report.Sample{Ops: ops, WallNs: wallNs, ServerNs: serverEnd - server, ClientNs: clientEnd - client, RSSBytes: rss}
	s.Others, s.Stolen = measure.Others(machine, machineEnd, s.ServerNs+s.ClientNs)
	s.P50Ns, s.P99Ns, s.P999Ns = hist.PercentileNs(50), hist.PercentileNs(99), hist.PercentileNs(99.9)
	s.LongestNs = hist.MaxNs()
	return s, nil
}

// scriptBytes bounds the requests encoded ahead for one run. Past it they repeat.
const scriptBytes = 128 << 20

// A closed loop: conns connections, each with per requests under way.
type closed struct {
	conns, per, ops int
	distinct        int // requests before they repeat; 0: as many as ops
	warm            bool
	gen             func(*rand.Rand) load.Gen
	setup           [][]string // sent over each connection before
}

// run measures one closed loop. PINGs on the very connections go before, and, where the
// data stays as it is, a tenth of the operations themselves.
func (c closed) run(e *env) (report.Sample, error) {
	ops, distinct := c.ops, c.ops
	if c.distinct > 0 {
		distinct = min(c.distinct, ops)
	}
	script := load.Encode(c.gen(e.random()), distinct, c.per, scriptBytes)
	client, err := load.Dial(e.srv.Addr, c.conns, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	if c.setup != nil {
		if err := client.Setup(c.setup...); err != nil {
			return report.Sample{}, err
		}
	}
	ping := load.Encode(load.Fixed("PING"), 1, 1, 64)
	if _, _, err := client.Run(ping, int64(max(1000, 2*c.conns)), nil); err != nil {
		return report.Sample{}, err
	}
	if c.warm {
		if _, _, err := client.Run(script, int64(ops/10), nil); err != nil {
			return report.Sample{}, err
		}
	}
	hist := new(measure.Hist)
	return e.measured(hist, func() (int64, int64, error) { return client.Run(script, int64(ops), hist) })
}

// scaled is run with fewer operations if -quick asks for it.
func (c closed) scaled(e *env) (report.Sample, error) {
	c.ops = e.ops(c.ops)
	return c.run(e)
}
