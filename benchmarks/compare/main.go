// Command compare runs the same workloads on Redust, on redis-server and on any other
// server, and writes down how they did: benchmarks/README.md says how to use it and
// what each figure means.
//
// The machine is small, shared and noisy, and the client runs on it too. So runs that
// are compared stand next to each other, in turning order, each with a new process:
//
//	workload p16/get      redis           redust
//	  round 1             start fill RUN  start fill RUN     redis first
//	  round 2             start fill RUN  start fill RUN     redust first
//	  ...
//	  ratio of each round's pair -> median, lowest, highest
//
// What counts is CPU time an operation, over exactly the operations of the run: it does
// not depend on who else wanted the CPU, throughput does. The client is written for the
// purpose (package load) and decides nothing while the clock runs; a run in which it was
// the bottleneck says so. Every row shows how busy others kept the machine. A missing
// command is shown as missing; any other error reply stops the comparison.
//
// The exit status is 0, 1 if -bounds found a bound missed, 2 on failure.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
	"redust/benchmarks/target"
)

// options is what the command line says.
type options struct {
	redust, redis string
	others        []target.Spec
	ioThreads     int
	rounds        int
	keys          int // of the large data sets
	seconds       int // of the open loop and of the deadlines
	quick         bool
	only          *regexp.Regexp
	list, bounds  bool
	out           string
}

// clientProcs is GOMAXPROCS of the load generator: one thread drives the load, one
// may probe, one waits for signals; more would only make idle ones look for work.
const clientProcs = 4

func main() {
	opt, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		var missed int
		if missed, err = compare(opt); err == nil && opt.bounds && missed > 0 {
			os.Exit(1)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
}

func parseFlags(args []string) (options, error) {
	var opt options
	var only string
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	fs.StringVar(&opt.redust, "redust", "bin/redust", "our server's `path`")
	fs.StringVar(&opt.redis, "redis", "redis-server", "the base of all ratios: `path` of redis-server")
	fs.Func("server", "another server, `name=command line` with {port} and {dir}; repeatable", func(s string) error {
		spec, err := target.ParseSpec(s)
		opt.others = append(opt.others, spec)
		return err
	})
	fs.IntVar(&opt.ioThreads, "io-threads", 1, "passed to redust and to redis-server")
	fs.IntVar(&opt.rounds, "rounds", 5, "how often each workload runs on each server")
	fs.IntVar(&opt.keys, "keys", 10_000_000, "size of the large data sets")
	fs.IntVar(&opt.seconds, "seconds", 60, "length of tail_90_10 and expire_precision")
	fs.BoolVar(&opt.quick, "quick", false, "a twentieth of the operations, a fiftieth of the keys, a twelfth of the seconds: to try things, not to cite")
	fs.StringVar(&only, "only", "", "run the workloads whose name matches `regexp`")
	fs.BoolVar(&opt.list, "list", false, "name the workloads and stop")
	fs.BoolVar(&opt.bounds, "bounds", false, "run the workloads that have a bound; exit with 1 if one is missed")
	fs.StringVar(&opt.out, "out", "benchmarks/reports", "`folder` for the report")
	if err := fs.Parse(args); err != nil {
		return opt, err
	}
	if fs.NArg() > 0 {
		return opt, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if opt.rounds < 1 || opt.keys < 1000 || opt.seconds < 1 || opt.ioThreads < 1 {
		return opt, errors.New("-rounds, -seconds and -io-threads must be positive, -keys at least 1000")
	}
	if opt.quick {
		opt.keys = max(opt.keys/50, 1000)
		opt.seconds = max(opt.seconds/12, 1)
	}
	var err error
	opt.only, err = regexp.Compile(only)
	return opt, err
}

// compare returns how many bounds were missed.
func compare(opt options) (missed int, err error) {
	chosen := choose(workloads(), opt)
	if opt.list {
		for _, w := range chosen {
			bound := ""
			if w.bound != nil {
				bound = "[" + w.bound.String() + "] "
			}
			fmt.Printf("%-28s %s%s\n", w.name, bound, w.about)
		}
		return 0, nil
	}
	if len(chosen) == 0 {
		return 0, errors.New("no workload matches (-list names them)")
	}
	for _, path := range []string{opt.redis, opt.redust} {
		if _, err := exec.LookPath(path); err != nil {
			return 0, fmt.Errorf("no server: %w", err)
		}
	}
	runtime.GOMAXPROCS(clientProcs)
	base, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(base)
	cleanUpOnSignal(base)

	r := &runner{opt: opt, base: base, clock: measure.StartClock()}
	set, err := setting(opt, r)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "load average of the last minute: %.2f\n", set.Load1)
	rows, runErr := r.all(chosen)
	if runErr != nil {
		set.Stopped = runErr.Error()
	}
	page := report.Report{Setting: set, Rows: rows}
	return page.Missed(), errors.Join(runErr, save(page, opt.out, r.clock.Origin()))
}

// choose keeps what -only and -bounds ask for, in the order of the table.
func choose(all []workload, opt options) []workload {
	var out []workload
	for _, w := range all {
		if opt.only.MatchString(w.name) && (!opt.bounds || w.bound != nil) {
			out = append(out, w)
		}
	}
	return out
}

// cleanUpOnSignal removes the servers' directories when the user has seen enough. The
// servers themselves die with this process.
func cleanUpOnSignal(base string) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-c
		_ = os.RemoveAll(base)
		os.Exit(130)
	}()
}

// setting describes the machine and the servers. Each server is started once to be
// asked its version.
func setting(opt options, r *runner) (report.Setting, error) {
	load1, err := measure.Load1()
	if err != nil {
		return report.Setting{}, err
	}
	cpu, err := measure.OpenCPU(os.Getpid())
	if err != nil {
		return report.Setting{}, err
	}
	s := report.Setting{
		Date:        r.clock.Origin().UTC().Format("2006-01-02 15:04 UTC"),
		Commit:      commit(),
		Command:     strings.Join(append([]string{"compare"}, withoutFolders(os.Args[1:])...), " "),
		CPUs:        runtime.NumCPU(),
		CPUModel:    measure.CPUModel(),
		MemoryBytes: measure.MemoryBytes(),
		Kernel:      measure.Kernel(),
		Go:          runtime.Version(),
		ClientProcs: runtime.GOMAXPROCS(0),
		CPUSource:   cpu.Source(),
		Load1:       load1,
		Rounds:      opt.rounds,
	}
	for _, spec := range standardServers(opt) {
		version, err := r.version(spec)
		if err != nil {
			return s, err
		}
		s.Servers = append(s.Servers, report.ServerInfo{
			Name: spec.Name, Version: version, Command: strings.Join(withoutFolders(spec.Argv), " "),
		})
	}
	return s, nil
}

// version asks a server who it is. One that does not say is still compared.
func (r *runner) version(spec target.Spec) (string, error) {
	srv, err := target.Start(spec, r.base, r.clock)
	if err != nil {
		return "", err
	}
	defer srv.Stop()
	ctl, err := load.DialControl(srv.Addr, r.clock)
	if err != nil {
		return "", err
	}
	defer ctl.Close()
	info, err := ctl.Info("server")
	var reply load.ReplyError
	if errors.As(err, &reply) {
		return "version unknown", nil
	}
	if err != nil {
		return "", err
	}
	var parts []string
	for _, field := range []string{"redust_version", "valkey_version", "redis_version"} {
		if v := info[field]; v != "" {
			parts = append(parts, strings.TrimSuffix(field, "_version")+" "+v)
		}
	}
	if len(parts) == 0 {
		return "version unknown", nil
	}
	return strings.Join(parts, ", "), nil
}

// withoutFolders shortens absolute paths to their last element: where things lie on
// one machine is nobody's business elsewhere. An empty argument shows as two quotes.
func withoutFolders(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		switch {
		case filepath.IsAbs(a):
			out[i] = filepath.Base(a)
		case ok && filepath.IsAbs(value):
			command, rest, _ := strings.Cut(value, " ")
			out[i] = strings.TrimSpace(name + "=" + filepath.Base(command) + " " + rest)
		case a == "":
			out[i] = `""`
		default:
			out[i] = a
		}
	}
	return out
}

// commit returns the commit this was built from, marked if the tree differs from it.
func commit() string {
	id, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := string(bytes.TrimSpace(id))
	if changes, err := exec.Command("git", "status", "--porcelain").Output(); err != nil || len(bytes.TrimSpace(changes)) > 0 {
		name += "-changed"
	}
	return name
}

// save writes the page and its chart, and says where.
func save(page report.Report, dir string, at time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	name := at.UTC().Format("2006-01-02-150405") + "-" + page.Setting.Commit
	var svg bytes.Buffer
	switch err := page.WriteChart(&svg); {
	case err == nil:
		page.Chart = name + ".svg"
		if err := os.WriteFile(filepath.Join(dir, page.Chart), svg.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write chart: %w", err)
		}
	case !errors.Is(err, report.ErrNothingToDraw):
		return err
	}
	var md bytes.Buffer
	if err := page.WriteMarkdown(&md); err != nil {
		return err
	}
	file := filepath.Join(dir, name+".md")
	if err := os.WriteFile(file, md.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	fmt.Printf("%s\n%s\n", md.Bytes(), file)
	return nil
}
