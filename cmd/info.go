package cmd

import (
	"fmt"
	"strconv"
	"strings"

	"redust/acl"
	"redust/config"
)

// INFO is the page that people and tools read first, and the one whose names they have
// built on: an exporter looks for `used_memory_rss:` and finds it, or reports nothing.
// So the sections, their order and the names of the fields are those of Redis 7.2, and a
// test holds them against a running server. What differs is who knows the numbers:
//
//	section       asked of
//	------------  ------------------------------------------------------------------
//	server        Host.Process, Cfg                                     info.go
//	clients       Host.Clients                                          info_state.go
//	memory        memoryReport: KS, buffers, Host.Process               info_memory.go
//	stats         Stats.Fields, with the counts of KS put in            info_state.go
//	commandstats  Command.Stats of the table, errorstats, latencystats  info_state.go
//	keyspace      KS                                                    info_state.go
//
// No number lives twice: what another part counts is copied when somebody asks. A field
// about machinery that is not here (an allocator's arenas, a fork, a defragmenter) stays,
// with the value that is true of this server, since its absence breaks readers and an
// invented number misleads them. Fields of our own begin with redust_ or end a section.
//
// Costs: a few system calls and a collection of runtime metrics; a walk over the clients;
// eight pages a database for avg_ttl. None of it grows with the number of keys.

func infoCommands() []*Command {
	return []*Command{
		{
			Name: "info", Arity: -1, Run: info,
			Flags: Loading | Stale | Sentinel, ACL: acl.Dangerous,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Reports on the server, its clients, its memory and what it has done.",
				Syntax:  "[section [section ...]]"},
		},
	}
}

// section is one part of INFO.
type section struct {
	title string // as its heading says; its name is that in lower case
	extra bool   // only on request: by name, or by all
	write func(*Server, *report)
}

// sections lists the parts of INFO in the order in which it prints them.
func sections() []section {
	return []section{
		{title: "Server", write: (*Server).infoServer},
		{title: "Clients", write: (*Server).infoClients},
		{title: "Memory", write: (*Server).infoMemory},
		{title: "Persistence", write: (*Server).infoPersistence},
		{title: "Stats", write: (*Server).infoStats},
		{title: "Replication", write: (*Server).infoReplication},
		{title: "CPU", write: (*Server).infoCPU},
		{title: "Modules", write: func(*Server, *report) {}}, // there are none
		{title: "Commandstats", extra: true, write: (*Server).infoCommandStats},
		{title: "Errorstats", write: (*Server).infoErrorStats},
		{title: "Latencystats", extra: true, write: (*Server).infoLatencyStats},
		{title: "Cluster", write: func(_ *Server, r *report) { r.int("cluster_enabled", 0) }},
		{title: "Keyspace", write: (*Server).infoKeyspace},
	}
}

// info replies the sections asked for; unknown ones say nothing.
func info(c *Ctx) error {
	names := make([]string, 0, c.Argc())
	for _, a := range c.Args[1:] {
		names = append(names, string(lower(a)))
	}
	c.Out.Verbatim("txt", c.Info(names...))
	return nil
}

// Info is the text of INFO with these sections, in lower case; none stands for default.
func (s *Server) Info(names ...string) string {
	var r report
	for _, p := range sections() {
		if !p.wanted(names) {
			continue
		}
		if len(r) > 0 {
			r = append(r, "\r\n"...)
		}
		r = append(append(append(r, "# "...), p.title...), "\r\n"...)
		p.write(s, &r)
	}
	return string(r)
}

func (p *section) wanted(names []string) bool {
	if len(names) == 0 {
		return !p.extra
	}
	for _, n := range names {
		switch n {
		case "all", "everything":
			return true
		case "default":
			if !p.extra {
				return true
			}
		case "module_list":
			if p.title == "Modules" {
				return true
			}
		case strings.ToLower(p.title):
			return true
		}
	}
	return false
}

// report is a text of lines `name:value`.
type report []byte

func (r *report) str(name, value string) {
	*r = append(append(append(append(*r, name...), ':'), value...), "\r\n"...)
}

func (r *report) int(name string, n int64) { r.str(name, strconv.FormatInt(n, 10)) }

func (r *report) flag(name string, on bool) {
	if on {
		r.int(name, 1)
	} else {
		r.int(name, 0)
	}
}

// ratio writes f with two decimals and, after them, unit.
func (r *report) ratio(name string, f float64, unit string) {
	r.str(name, strconv.FormatFloat(f, 'f', 2, 64)+unit)
}

// bytes writes a size twice, the second time for people.
func (r *report) bytes(name string, n int64) {
	r.int(name, n)
	r.str(name+"_human", humanBytes(n))
}

// seconds writes microseconds as seconds with six decimals.
func (r *report) seconds(name string, us int64) { r.str(name, fmt.Sprintf("%d.%06d", us/1e6, us%1e6)) }

// humanBytes writes a size with two decimals in the largest power of 1024 that it
// reaches: 1.50M.
func humanBytes(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len("KMGTP")-1 {
		f, unit = f/1024, unit+1
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + "KMGTP"[unit:unit+1]
}

func (s *Server) infoServer(r *report) {
	p, now := s.Host.Process(), s.KS.Now()
	up := max(now-p.StartedMs, 0) / 1000
	r.str("redis_version", config.RedisVersion)
	r.str("redis_git_sha1", "00000000") // of Redis's sources, of which there are none here
	r.int("redis_git_dirty", 0)
	r.str("redis_build_id", p.Build)
	r.str("redis_mode", "standalone")
	r.str("os", p.OS)
	r.int("arch_bits", strconv.IntSize)
	r.str("monotonic_clock", "POSIX clock_gettime")
	r.str("multiplexing_api", "epoll")
	r.str("atomicvar_api", "sync/atomic")
	r.str("gcc_version", "0.0.0")
	r.int("process_id", int64(p.PID))
	r.str("process_supervised", s.Cfg.Supervised.String())
	r.str("run_id", p.RunID)
	r.int("tcp_port", int64(s.Cfg.Port))
	r.int("server_time_usec", s.NowUs())
	r.int("uptime_in_seconds", up)
	r.int("uptime_in_days", up/86400)
	r.int("hz", int64(s.Cfg.Hz))
	r.int("configured_hz", int64(s.Cfg.Hz))
	r.int("lru_clock", now/1000&(1<<24-1))
	r.str("executable", p.Executable)
	r.str("config_file", p.ConfigFile)
	r.flag("io_threads_active", s.Cfg.IOThreads > 1)
	s.infoListeners(r)
	r.str("redust_version", p.Version)
	r.str("redust_built", p.BuildTime)
	r.str("redust_go_version", p.GoVersion)
}

// infoListeners names what the server listens on. The numbers are those of the kinds of
// listener: TCP, Unix socket, TLS.
func (s *Server) infoListeners(r *report) {
	tcp := func(name, kind string, port int) {
		if port == 0 || len(s.Cfg.Bind) == 0 {
			return
		}
		line := "name=" + kind
		for _, addr := range s.Cfg.Bind {
			line += ",bind=" + addr
		}
		r.str(name, line+",port="+strconv.Itoa(port))
	}
	tcp("listener0", "tcp", s.Cfg.Port)
	if s.Cfg.UnixSocket != "" {
		r.str("listener1", "name=unix,bind="+s.Cfg.UnixSocket)
	}
}

func (s *Server) infoCPU(r *report) {
	p := s.Host.Process()
	r.seconds("used_cpu_sys", p.CPUSystemUs)
	r.seconds("used_cpu_user", p.CPUUserUs)
	r.seconds("used_cpu_sys_children", 0)
	r.seconds("used_cpu_user_children", 0)
	r.seconds("used_cpu_sys_main_thread", p.MainSysUs)
	r.seconds("used_cpu_user_main_thread", p.MainUserUs)
}
