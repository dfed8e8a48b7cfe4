package main

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
)

// scenarios are the workloads that are not about how many operations fit in a second.
func scenarios() []workload {
	const section = "Scenarios"
	return []workload{
		{
			name: "rss_10m", section: section, metric: report.RSS, run: settledMemory,
			about: "resident memory of a new process once it holds the large data set and its size has settled; the rate is that of the load.",
		},
		{
			name: "growth_stall", section: section, metric: report.Longest, run: growthStall,
			about: "the longest PING of another client (one every 100 us) while one client loads the large data set in batches of 64.",
		},
		{
			name: "flushall_stall", section: section, metric: report.Longest, run: flushStall,
			about: "the longest PING of another client (one every 100 us) from 100 ms before FLUSHALL of the large data set until 500 ms after its reply.",
		},
		{
			name: "tail_90_10", section: section, metric: report.P999, prepare: fillLarge, calibrate: saturation, run: tail,
			about: "nine GET to one SET on the large data set, 50 connections, sent by the clock (a burst every 100 us) at half of the rate at which the base server saturates; latencies run from the moment a request was due.",
		},
		{
			name: "expire_precision", section: section, metric: report.InTime, run: expirePrecision,
			about: "a million keys whose deadlines are spread evenly; expired_keys of INFO is read every 5 ms. Share of keys counted by the first reading that had all due keys up to them, no more than 20 ms after their deadline.",
		},
	}
}

const (
	tolerance  = 20 * time.Millisecond
	pollEvery  = 5 * time.Millisecond
	probeEvery = 100 * time.Microsecond
)

// settledMemory is the memory of the large data set.
func settledMemory(e *env) (report.Sample, error) {
	return e.settled(e.opt.keys, 3*time.Second, func() error { return fillLarge(e) })
}

// settled loads n things and waits until the process stays within one per cent for as long
// as calm says, thirty seconds at most.
func (e *env) settled(n int, calm time.Duration, fill func() error) (report.Sample, error) {
	empty, err := measure.RSS(e.srv.PID)
	if err != nil {
		return report.Sample{}, err
	}
	s, err := e.measured(new(measure.Hist), func() (int64, int64, error) {
		start := e.clock.NowNs()
		err := fill()
		return int64(n), e.clock.NowNs() - start, err
	})
	if err != nil {
		return s, err
	}
	s.EmptyBytes = empty
	const step, most = 500 * time.Millisecond, 30 * time.Second
	last, still, waited := s.RSSBytes, time.Duration(0), time.Duration(0)
	for ; still < calm && waited < most; waited += step {
		time.Sleep(step)
		now, err := measure.RSS(e.srv.PID)
		if err != nil {
			return s, err
		}
		still += step
		if math.Abs(float64(now-last)) > 0.01*float64(last) {
			last, still = now, 0
		}
		s.RSSBytes = now
	}
	if still < calm {
		s.Note = "memory had not settled after 30 s."
	}
	return s, nil
}

// probed runs f while another client sends PINGs.
func (e *env) probed(f func() (ops int64, err error)) (report.Sample, error) {
	probe, err := load.StartProbe(e.srv.Addr, probeEvery, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	var res load.ProbeResult
	s, err := e.measured(new(measure.Hist), func() (int64, int64, error) {
		start := e.clock.NowNs()
		ops, err := f()
		wallNs := e.clock.NowNs() - start
		res = probe.Stop()
		if err == nil {
			err = res.Err
		}
		return ops, wallNs, err
	})
	if err != nil {
		return s, err
	}
	s.P50Ns, s.P99Ns, s.P999Ns = res.Hist.PercentileNs(50), res.Hist.PercentileNs(99), res.Hist.PercentileNs(99.9)
	s.LongestNs = res.Hist.MaxNs()
	if !res.RealTime {
		s.Note = "the probe ran without real-time priority."
	}
	if lateMs := float64(res.LateNs) / 1e6; lateMs > 0.5 {
		s.Note += fmt.Sprintf("the probe itself woke up to %.0f ms late: the machine stalls, whoever is measured.", math.Ceil(lateMs))
	}
	return s, nil
}

// growthStall loads in batches of 64, so that a PING never waits for more than one
// batch of a server that works as it should.
func growthStall(e *env) (report.Sample, error) {
	client, err := load.Dial(e.srv.Addr, 1, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	return e.probed(func() (int64, error) {
		return int64(e.opt.keys), client.Fill(e.opt.keys, 64, sequence("SET", "key:"+number, value))
	})
}

func flushStall(e *env) (report.Sample, error) {
	if err := fillLarge(e); err != nil {
		return report.Sample{}, err
	}
	return e.probed(func() (int64, error) {
		time.Sleep(100 * time.Millisecond)
		if _, err := e.ctl.Do("FLUSHALL"); err != nil {
			return 0, err
		}
		time.Sleep(500 * time.Millisecond)
		return 1, nil
	})
}

// saturation returns half of what the server can do when 50 clients ask as fast as
// they get answers. It is asked of the base alone: equal load makes equal latencies
// comparable.
func saturation(e *env) (float64, error) {
	s, err := closed{conns: 50, per: 1, ops: 400_000, warm: true, gen: blend(e.opt.keys)}.scaled(e)
	if err != nil {
		return 0, err
	}
	return report.Rate.Of(s) / 2, nil
}

func tail(e *env) (report.Sample, error) {
	ops := max(int64(e.rate*float64(e.opt.seconds)), 1)
	script := load.Encode(blend(e.opt.keys)(e.random()), int(min(ops, 2_000_000)), 1, scriptBytes)
	client, err := load.Dial(e.srv.Addr, 50, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	hist := new(measure.Hist)
	realTime := false
	s, err := e.measured(hist, func() (done, wallNs int64, err error) {
		wallNs, realTime, err = client.RunOpen(script, ops, e.rate, hist)
		return ops, wallNs, err
	})
	s.Note = fmt.Sprintf("offered %.0f operations/s.", e.rate)
	if !realTime {
		s.Note += " The client ran without real-time priority."
	}
	return s, err
}

// A poll is one reading of expired_keys.
type poll struct {
	atMs  float64 // when the reply was there
	count int64   // keys expired since the first deadline was set
}

// expirePrecision sets deadlines, waits for them, and compares what INFO counted with
// what was due. The server's only other work is to answer INFO.
func expirePrecision(e *env) (report.Sample, error) {
	n := e.ops(1_000_000)
	spanMs := float64(e.opt.seconds) * 1000
	before, err := e.ctl.InfoInt("stats", "expired_keys")
	if err != nil {
		return report.Sample{}, err
	}
	// The load must be over before the first deadline: 20 us a key is what a slow
	// server on a busy machine takes.
	firstMs := math.Ceil(e.clock.WallMs() + 1000 + float64(n)*0.02)
	deadlines := make([]float64, n)
	for i := range deadlines {
		deadlines[i] = math.Floor(firstMs + float64(i)*spanMs/float64(n))
	}
	if err := e.fill(n, func(b []byte, i int) []byte {
		return load.Cmd(b, "SET", fmt.Sprintf("key:%012d", i), value, "PXAT", strconv.FormatFloat(deadlines[i], 'f', 0, 64))
	}); err != nil {
		return report.Sample{}, err
	}
	if e.clock.WallMs() > firstMs {
		return report.Sample{}, fmt.Errorf("loading %d keys took longer than 20 us a key", n)
	}
	var polls []poll
	hist := new(measure.Hist)
	s, err := e.measured(hist, func() (int64, int64, error) {
		start := e.clock.NowNs()
		polls, err = e.watchExpiry(before, int64(n), firstMs+spanMs+2000, hist)
		return int64(n), e.clock.NowNs() - start, err
	})
	if err != nil {
		return s, err
	}
	s.Share = inTime(deadlines, polls, float64(tolerance)/1e6)
	s.Note = "p50, p99 and p99.9 are of INFO; CPU time is per key."
	return s, nil
}

// watchExpiry polls until all keys are counted, or untilMs.
func (e *env) watchExpiry(before, n int64, untilMs float64, hist *measure.Hist) ([]poll, error) {
	var polls []poll
	due := e.clock.NowNs()
	for {
		start := e.clock.NowNs()
		count, err := e.ctl.InfoInt("stats", "expired_keys")
		if err != nil {
			return nil, err
		}
		end := e.clock.NowNs()
		hist.Record(end-start, 1)
		p := poll{atMs: e.clock.WallMs(), count: count - before}
		polls = append(polls, p)
		if p.count >= n || p.atMs > untilMs {
			return polls, nil
		}
		due = max(due+int64(pollEvery), end)
		time.Sleep(time.Duration(due - end))
	}
}

// inTime returns the share of keys that had been counted no more than toleranceMs
// after their deadline. Deadlines ascend, and the server's count does not say which
// keys it means, so the k-th key counts as expired when k keys do.
func inTime(deadlines []float64, polls []poll, toleranceMs float64) float64 {
	if len(deadlines) == 0 {
		return 0
	}
	good, next := 0, 0
	for _, p := range polls {
		for next < len(deadlines) && int64(next) < p.count {
			if p.atMs <= deadlines[next]+toleranceMs {
				good++
			}
			next++
		}
	}
	return float64(good) / float64(len(deadlines))
}
