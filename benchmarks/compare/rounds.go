package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
	"redust/benchmarks/target"
)

// runner carries what all workloads share.
type runner struct {
	opt   options
	base  string // folder for the servers' directories
	clock measure.Clock
	bar   *progressbar.ProgressBar // nil where nobody watches
}

// ours is the place of our server in every row, as package report expects it.
const ours = 1

// standardServers are those every ordinary workload runs on; the base comes first.
func standardServers(opt options) []target.Spec {
	return append([]target.Spec{
		target.Standard("redis", opt.redis, opt.ioThreads),
		target.Standard("redust", opt.redust, opt.ioThreads),
	}, opt.others...)
}

func (w workload) serversOf(opt options) []target.Spec {
	if w.servers != nil {
		return w.servers(opt)
	}
	return standardServers(opt)
}

// all runs the workloads in order. On error the rows finished so far come back too.
func (r *runner) all(chosen []workload) ([]report.Row, error) {
	runs := 0
	for _, w := range chosen {
		runs += r.opt.rounds * max(w.times, 1) * len(w.serversOf(r.opt))
	}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		// Without a spinner the bar has no goroutine: it moves between runs only.
		r.bar = progressbar.NewOptions(runs, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30), progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionClearOnFinish())
	}
	var rows []report.Row
	for _, w := range chosen {
		if r.bar == nil {
			fmt.Fprintln(os.Stderr, w.name)
		}
		row, err := r.one(w)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", w.name, err)
		}
		rows = append(rows, row)
		for _, v := range w.also {
			row.Workload, row.Metric, row.About, row.Bound = v.name, v.metric, v.about, boundOf(v.name)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// step moves the bar. A terminal that cannot show it is no reason to stop.
func (r *runner) step(what string) {
	if r.bar != nil {
		r.bar.Describe(what)
		_ = r.bar.Add(1)
	}
}

// one runs a workload on its servers, round by round, in alternating order.
func (r *runner) one(w workload) (report.Row, error) {
	row := report.Row{Section: w.section, Workload: w.name, About: w.about, Metric: w.metric, Bound: w.bound}
	specs := w.serversOf(r.opt)
	for _, spec := range specs {
		row.Results = append(row.Results, report.Result{Server: spec.Name})
	}
	var rate float64
	for round := range r.opt.rounds * max(w.times, 1) {
		for i := range specs {
			i = (i + round) % len(specs)
			res := &row.Results[i]
			r.step(w.name + " on " + res.Server)
			if res.NotYet != "" || w.onceOthers && i != ours && round > 0 {
				continue
			}
			e := &env{runner: r, spec: specs[i], round: round, rate: rate}
			s, err := e.runOnce(w)
			if word, ok := unknownCommand(err); ok {
				res.NotYet, res.Samples = word, nil
				continue
			}
			if err != nil {
				return row, err
			}
			rate = e.rate
			res.Samples = append(res.Samples, s)
		}
	}
	return row, nil
}

// unknownCommand recognizes the one error that a comparison survives.
func unknownCommand(err error) (string, bool) {
	var reply load.ReplyError
	if errors.As(err, &reply) && strings.HasPrefix(strings.ToLower(string(reply)), "err unknown command") {
		word, _, _ := strings.Cut(string(reply), ", with args")
		return word, true
	}
	return "", false
}

// env is one run: a server that was just started, and what the run may know.
type env struct {
	*runner
	spec  target.Spec
	srv   *target.Server
	ctl   *load.Control
	cpu   measure.CPU
	round int
	rate  float64 // what calibrate said, the same for all servers; 0 before
}

// runOnce starts the server, runs the workload on it, and stops it.
func (e *env) runOnce(w workload) (report.Sample, error) {
	defer e.stop()
	if err := e.start(); err != nil {
		return report.Sample{}, err
	}
	s, err := e.stages(w)
	if err != nil {
		err = e.blame(err)
	}
	return s, err
}

func (e *env) stages(w workload) (report.Sample, error) {
	if w.prepare != nil {
		if err := w.prepare(e); err != nil {
			return report.Sample{}, err
		}
	}
	if w.calibrate != nil && e.rate == 0 {
		rate, err := w.calibrate(e)
		if err != nil {
			return report.Sample{}, err
		}
		e.rate = rate
	}
	return w.run(e)
}

func (e *env) start() (err error) {
	if e.srv, err = target.Start(e.spec, e.base, e.clock); err != nil {
		return err
	}
	if e.ctl, err = load.DialControl(e.srv.Addr, e.clock); err != nil {
		return err
	}
	e.cpu, err = measure.OpenCPU(e.srv.PID)
	return err
}

func (e *env) stop() {
	if e.ctl != nil {
		e.ctl.Close()
	}
	if e.srv != nil {
		e.srv.Stop()
	}
}

// blame adds the server's name, and what it said if it is dead.
func (e *env) blame(err error) error {
	err = fmt.Errorf("%s, round %d: %w", e.spec.Name, e.round+1, err)
	if alive, words := e.srv.Alive(); !alive {
		return fmt.Errorf("%w; the server has ended, its last words:\n%s", err, words)
	}
	return err
}
