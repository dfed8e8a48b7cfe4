package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
	"redust/benchmarks/target"
)

// with is the standard servers with further directives.
func with(args ...string) func(options) []target.Spec {
	return func(opt options) []target.Spec {
		specs := standardServers(opt)
		for i := range specs {
			specs[i] = specs[i].With(args...)
		}
		return specs
	}
}

// journal turns the append only file on; no rewrite starts by itself.
func journal(policy string) func(options) []target.Spec {
	return with("--appendonly", "yes", "--appendfsync", policy, "--auto-aof-rewrite-percentage", "0")
}

// durable is what it costs to keep data, and to get it back.
func durable() []workload {
	const section = "Durability"
	set := named("set")
	rows := []workload{
		{
			name: "save_10m", metric: report.Seconds, prepare: fillLarge, run: saveIdle,
			about: "BGSAVE of the large data set (-keys), nobody else asks for anything: until INFO says that it is done.",
		},
		{
			name: "save_pause_10m", metric: report.Longest, prepare: fillLarge, run: savePause,
			about: "the longest PING of another client (one every 100 us) from 100 ms before BGSAVE of the large data set until 50 ms after its reply.",
		},
		{
			name: "save_loaded_10m", metric: report.P999, prepare: fillLarge, run: saveLoaded,
			about: "BGSAVE of the large data set while 50 clients SET random keys of it, pipeline of 16: p99.9 of these clients during the save.",
			also: []view{
				{"save_stretch_10m", report.Stretch, "the same against the p99.9 before the save."},
				{"save_memory_10m", report.Extra, "memory of the server and its children at the peak of the same save (PSS, looked at ten times a second), over what it was before."},
			},
		},
		{
			name: "load_10m", metric: report.Seconds, prepare: fillLarge, run: saveAndLoad,
			about: "start of a new process until it has loaded the RDB file of the large data set, which it wrote itself.",
		},
		{
			name: "load_mixed", metric: report.Seconds, prepare: fillMixed, run: saveAndLoad,
			about: "the same for strings of 1,000 bytes, hashes, sets, sorted sets and lists of 10 to 30 elements, and streams: 500,000 (-keys / 20) of each, and a hash, a set and a sorted set of a million (-keys / 10) elements.",
		},
		{
			name: "aof_replay_10m", metric: report.Seconds, servers: journal("everysec"), prepare: fillLarge, run: (*env).loaded,
			about: "start of a new process until it has replayed an append only file of ten million SET (-keys).",
		},
	}
	for _, r := range []struct {
		name, policy string
		per, ops     int
		metric       report.Metric
	}{
		{"aof_everysec/p1", "everysec", 1, set.ops[0], report.CPU},
		{"aof_everysec/p16", "everysec", 16, set.ops[1], report.CPU},
		{"aof_always/p1", "always", 1, 150_000, report.Rate},
		{"aof_always/p16", "always", 16, 400_000, report.Rate},
	} {
		w := set.workload("", "", 50, r.per, r.ops)
		w.name, w.metric, w.servers = r.name, r.metric, journal(r.policy)
		w.about = "SET, 50 connections, appendfsync " + r.policy + "."
		rows = append(rows, w)
	}
	for i := range rows {
		rows[i].section = section
	}
	return rows
}

// saved starts a BGSAVE and waits until it is done, looking every so often; meanwhile may do
// something else, a little at a time.
func (e *env) saved(meanwhile func() error) error {
	if _, err := e.ctl.Do("BGSAVE"); err != nil {
		return err
	}
	for {
		if err := meanwhile(); err != nil {
			return err
		}
		info, err := e.ctl.Info("persistence")
		if err != nil {
			return err
		}
		if info["rdb_bgsave_in_progress"] == "0" {
			if info["rdb_last_bgsave_status"] != "ok" {
				return fmt.Errorf("BGSAVE failed: %q", info["rdb_last_bgsave_status"])
			}
			return nil
		}
	}
}

func doze() error {
	time.Sleep(5 * time.Millisecond)
	return nil
}

func saveIdle(e *env) (report.Sample, error) {
	time.Sleep(time.Second)
	return e.measured(new(measure.Hist), func() (int64, int64, error) {
		start := e.clock.NowNs()
		err := e.saved(doze)
		return int64(e.opt.keys), e.clock.NowNs() - start, err
	})
}

func savePause(e *env) (report.Sample, error) {
	time.Sleep(time.Second)
	s, err := e.probed(func() (int64, error) {
		time.Sleep(100 * time.Millisecond)
		if _, err := e.ctl.Do("BGSAVE"); err != nil {
			return 0, err
		}
		time.Sleep(50 * time.Millisecond)
		return 1, nil
	})
	return s, err
}

// saveLoaded measures the same clients before and during a save. They run in pieces of some
// hundred milliseconds, between which the memory is looked at.
func saveLoaded(e *env) (report.Sample, error) {
	const per, piece = 16, 30_000
	gen := func(r *rand.Rand) load.Gen {
		tpl := load.NewTemplate("SET", "key:"+number, value)
		return func(b []byte, _ int) []byte { return tpl.Append(b, func(int) int { return r.IntN(e.opt.keys) }) }
	}
	script := load.Encode(gen(e.random()), 4_000_000, per, scriptBytes)
	client, err := load.Dial(e.srv.Addr, 50, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	before, during := new(measure.Hist), new(measure.Hist)
	run := func(hist *measure.Hist) error {
		_, _, err := client.Run(script, piece, hist)
		return err
	}
	if err := run(nil); err != nil {
		return report.Sample{}, err
	}
	for range max(e.ops(1_500_000)/piece, 2) {
		if err := run(before); err != nil {
			return report.Sample{}, err
		}
	}
	base, err := measure.Footprint(e.srv.PID)
	if err != nil {
		return report.Sample{}, err
	}
	peak := base
	s, err := e.measured(during, func() (int64, int64, error) {
		start := e.clock.NowNs()
		var ops int64
		err := e.saved(func() error {
			ops += piece
			if err := run(during); err != nil {
				return err
			}
			now, err := measure.Footprint(e.srv.PID)
			peak = max(peak, now)
			return err
		})
		return ops, e.clock.NowNs() - start, err
	})
	s.BeforeNs, s.EmptyBytes, s.ExtraBytes = before.PercentileNs(99.9), base, peak-base
	return s, err
}

// saveAndLoad writes the file and starts again.
func saveAndLoad(e *env) (report.Sample, error) {
	if _, err := e.ctl.Do("SAVE"); err != nil {
		return report.Sample{}, err
	}
	return e.loaded()
}

// loaded starts the server again in its directory and waits until it holds as many keys as
// it did.
func (e *env) loaded() (report.Sample, error) {
	keys, err := e.ctl.Do("DBSIZE")
	if err != nil {
		return report.Sample{}, err
	}
	e.ctl.Close()
	e.ctl = nil
	if err := e.srv.Relaunch(); err != nil {
		return report.Sample{}, err
	}
	launched := e.clock.NowNs()
	if e.ctl, err = e.awaitLoaded(launched + int64(10*time.Minute)); err != nil {
		return report.Sample{}, err
	}
	s := report.Sample{WallNs: e.clock.NowNs() - launched}
	if e.cpu, err = measure.OpenCPU(e.srv.PID); err != nil {
		return s, err
	}
	if s.ServerNs, err = e.cpu.ReadNs(); err != nil {
		return s, err
	}
	if s.RSSBytes, err = measure.RSS(e.srv.PID); err != nil {
		return s, err
	}
	now, err := e.ctl.Do("DBSIZE")
	if err != nil {
		return s, err
	}
	if now != keys {
		return s, fmt.Errorf("%s keys were loaded of %s", now, keys)
	}
	_, err = fmt.Sscan(keys, &s.Ops)
	return s, err
}

// awaitLoaded asks until the server answers that it loads no more.
func (e *env) awaitLoaded(endNs int64) (*load.Control, error) {
	for {
		ctl, err := load.DialControl(e.srv.Addr, e.clock)
		if err == nil {
			info, infoErr := ctl.Info("persistence")
			if infoErr == nil && info["loading"] == "0" {
				return ctl, nil
			}
			ctl.Close()
			err = infoErr
		}
		if alive, _ := e.srv.Alive(); !alive || e.clock.NowNs() > endNs {
			return nil, fmt.Errorf("it does not load its file: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// fillMixed makes some five gigabytes, as redis-server counts, from ten million -keys.
func fillMixed(e *env) error {
	n := max(e.opt.keys/20, 100)
	large := make([]byte, 1000)
	for i := range large {
		large[i] = byte('a' + i*7%26)
	}
	group := func(head []string, element func(i int) []string, count int) []string {
		for i := range count {
			head = append(head, element(i)...)
		}
		return head
	}
	text := "some text " + number
	for _, args := range [][]string{
		{"SET", "string:" + number, string(large)},
		group([]string{"HSET", "hash:" + number}, func(i int) []string { return []string{fmt.Sprintf("field%d", i), text} }, 10),
		group([]string{"RPUSH", "list:" + number}, func(int) []string { return []string{text} }, 30),
		group([]string{"SADD", "set:" + number}, func(i int) []string { return []string{fmt.Sprintf("member%d of ", i) + number} }, 10),
		group([]string{"ZADD", "zset:" + number}, func(i int) []string { return []string{fmt.Sprint(i * 17), fmt.Sprintf("member%d", i)} }, 20),
		{"XADD", "stream:" + number, "1-1", "field", text, "other", text},
	} {
		if err := e.fill(n, sequence(args...)); err != nil {
			return err
		}
	}
	for _, name := range []string{"hash", "set", "zset"} {
		k := kindNamed(name)
		k.command = []string{k.command[0], bigKey + name}
		if err := e.build(k, k.whole(e.million()), true); err != nil {
			return err
		}
	}
	return nil
}
