// Redust is a drop-in replacement for a Redis server.
//
// This file reads the command line and the configuration, builds the parts and joins
// them, in the order in which a process comes up:
//
//	configuration   nothing has happened yet: what is wrong goes to stderr, status 1
//	judge           what it asks for and this version does not have is refused here
//	detach          daemonize: a copy without a terminal does the rest, we wait for it
//	dir, log        from here on what is wrong goes to the log
//	file limit      may lower maxclients
//	keyspace, commands, loop
//	listen          a busy port ends the process with status 1
//	pid file        the process that daemonize left behind may end
//	data set        clients hear LOADING meanwhile; see boot.go
//	"Ready", init system: only now do others count on us
//	wait            until a signal or SHUTDOWN; then all of that backwards
//
// Programs that start a Redis server look for its lines in the log and for its exit
// status; both are Redis's here, but for the name.
package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/term"

	"redust/cmd"
	"redust/config"
	"redust/db"
	"redust/internal/disk"
	"redust/loop"
)

// version is ours; config.RedisVersion is the one that is spoken.
const version = "0.1.0"

// commit is set by the linker, see Makefile; empty: what the compiler noted counts.
var commit string

// fatalLoad is the last line of a server that cannot load its data.
const fatalLoad = "Fatal error loading the DB, check server logs. Exiting."

func main() {
	if tool, args := toolFor(os.Args); tool != nil {
		os.Exit(tool(args, os.Stdout, os.Stderr))
	}
	os.Exit(run())
}

// run is the life of the process; it returns the exit status.
func run() int {
	// A reader of our output that goes away, or a terminal that closes, ends nothing.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	debug.SetTraceback("all")
	parent := loop.Detached()
	fatal := func(text string) int {
		fmt.Fprintln(os.Stderr, text)
		parent.Failed(text)
		return 1
	}
	var typed bytes.Buffer // what came from stdin, for the copy of us that daemonize starts
	words, back, err := restoreFlag(os.Args[1:])
	if err != nil {
		return fatal(err.Error())
	}
	cfg, start, err := config.Load(words, io.TeeReader(os.Stdin, &typed))
	if err != nil {
		return fatal(err.Error())
	}
	if start.Asked != "" {
		return answer(start.Asked)
	}
	ks := db.New(cfg.Databases, rand.Uint64)
	table := cmd.NewServer(cfg, ks)
	table.Random = rand.Uint64
	table.UserLine = len(start.Users) > 0
	if err := judge(cfg, start, table.Commands); err != nil {
		return fatal(err.Error())
	}

	supervisor := loop.Supervise(cfg.Supervised)
	daemon := cfg.Daemonize && !supervisor.Active()
	if daemon && parent == nil {
		if err := loop.Detach(typed.Bytes()); err != nil {
			return fatal(err.Error())
		}
		return 0
	}
	if daemon {
		if err := loop.DropInput(); err != nil {
			return fatal("Can't daemonize: " + loop.SystemText(err))
		}
	}
	if err := os.Chdir(cfg.Dir); err != nil {
		return fatal("Can't chdir to '" + cfg.Dir + "': " + loop.SystemText(err))
	}
	log, err := loop.OpenLog(cfg)
	if err != nil {
		return fatal((&config.FileError{Reason: "Can't open the log file: " + loop.SystemText(err)}).Error())
	}
	p := process{cfg: cfg, log: log, parent: parent, supervisor: supervisor, restore: back, disk: disk.OS{}}
	p.greet(start)
	return p.serve(table, daemon)
}

// process is what is done around the server.
type process struct {
	cfg        *config.Config
	log        *loop.ProcessLog
	parent     *loop.Parent
	supervisor *loop.Supervisor
	restore    *restore // nil: not asked for
	disk       disk.FS  // where the append only file is written
}

// fail logs why the process cannot go on, and returns the exit status.
func (p *process) fail(lines ...string) int {
	for _, l := range lines {
		p.log.Warn(l)
	}
	p.parent.Failed(strings.Join(lines, "\n"))
	return 1
}

// greet logs the first lines.
func (p *process) greet(start *config.Start) {
	sha, dirty := build()
	p.log.Notice("oO0OoO0OoO0Oo Redust is starting oO0OoO0OoO0Oo")
	p.log.Notice(fmt.Sprintf("Redust version=%s, redis=%s, bits=64, commit=%s, modified=%d, pid=%d, just started",
		version, config.RedisVersion, sha, dirty, os.Getpid()))
	if len(os.Args) == 1 {
		p.log.Warn("Warning: no config file specified, using the default config. In order to specify a config file use redust /path/to/redis.conf")
	} else {
		p.log.Notice("Configuration loaded")
	}
	// The logo's directive has no field of its own, but an effect, see banner.
	idle := slices.DeleteFunc(slices.Clone(start.Ignored), func(name string) bool { return name == showLogo })
	if len(idle) > 0 {
		p.log.Notice("Accepted, but of no effect in this server: " + strings.Join(idle, ", "))
	}
	if p.cfg.MasterHost != "" {
		p.log.Warn("WARNING: replicaof is set, but this version does not replicate: it starts as a master without data.")
	}
	if p.cfg.TLSPort != 0 {
		p.log.Warn("WARNING: tls-port is set, but this version does not speak TLS: nobody listens on that port.")
	}
	p.supervisor.Starting(p.log)
}

// serve brings the server up, waits for its end, and returns the exit status.
func (p *process) serve(table *cmd.Server, daemon bool) int {
	cfg := p.cfg
	p.log.SetRole(loop.RoleMaster)
	if err := loop.FitClients(cfg, p.log); err != nil {
		return p.fail(err.Error())
	}
	sha, _ := build()
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0] // only INFO shows it
	}
	srv := loop.New(table, cfg, loop.Options{Log: p.log, Version: version, Build: sha, ConfigFile: cfg.File(), Executable: exe})
	p.banner()
	if (cfg.Port == 0 || len(cfg.Bind) == 0) && cfg.UnixSocket == "" {
		return p.fail("Configured to not listen anywhere, exiting.")
	}
	loop.WarnBacklog(cfg, p.log)
	data, err := p.findData()
	if err != nil {
		return p.fail(err.Error(), fatalLoad)
	}
	if data != nil {
		table.BeginLoad(data.bytes)
	} else {
		table.BeginLoad(0) // nobody may write until the append only file is open
	}
	if err := srv.Start(); err != nil {
		return p.fail(strings.Split(err.Error(), "\n")...)
	}
	var pid *loop.PidFile
	if daemon || cfg.PidFile != "" {
		if pid, err = loop.WritePidFile(cfg.PidFile); err != nil {
			p.log.Warn(fmt.Sprintf("Can't write the pid file %s: %s", cfg.PidFile, loop.SystemText(err)))
		}
	}
	srv.HandleSignals()
	p.log.Notice("Server initialized")
	p.parent.Ready() // a load may take longer than who started us waits
	if data != nil {
		b := boot{p: p, table: table, srv: srv}
		switch err := b.load(data); {
		case err == errStopped:
			p.end(srv, pid)
			return 0
		case err != nil:
			pid.Remove()
			return p.fail(fatalLoad)
		}
	}
	switch err := p.joinJournal(table, srv); {
	case err == errStopped:
		p.end(srv, pid)
		return 0
	case err != nil:
		pid.Remove()
		return p.fail("Can't open the append only file: "+err.Error(), fatalLoad)
	}
	if cfg.Port != 0 && len(cfg.Bind) > 0 {
		p.log.Notice("Ready to accept connections tcp")
	}
	if cfg.UnixSocket != "" {
		p.log.Notice("Ready to accept connections unix")
	}
	p.supervisor.Ready(p.log)

	p.end(srv, pid)
	return 0
}

// end waits for the end of the server.
func (p *process) end(srv *loop.Server, pid *loop.PidFile) {
	srv.Wait()
	p.supervisor.Stopping(p.log)
	if pid.Remove() {
		p.log.Notice("Removing the pid file.")
	}
	p.log.Warn("Redust is now ready to exit, bye bye...")
}

// banner shows the logo where a person may look at it, and else says in a line what it
// says.
func (p *process) banner() {
	logo := p.cfg.Get([]string{showLogo}, nil)
	always := len(logo) == 1 && logo[0].Value == "yes"
	seen := p.cfg.LogFile == "" && !p.cfg.SyslogEnabled && term.IsTerminal(int(os.Stdout.Fd()))
	if !always && !seen {
		p.log.Notice(fmt.Sprintf("Running mode=standalone, port=%d.", p.cfg.Port))
		return
	}
	port := fmt.Sprint(p.cfg.Port)
	if p.cfg.Port == 0 {
		port = p.cfg.UnixSocket
	}
	sha, dirty := build()
	p.log.Raw(fmt.Sprintf(logoText, version, sha, dirty, config.RedisVersion, port, os.Getpid()))
}

const showLogo = "always-show-logo"

const logoText = `
        .  ·  '  .
     ·  _______    .
   .   /  ____ \  '  ·      Redust %s (%s/%d) 64 bit
  '   /  /___/ /    .       speaks Redis %s
   · /   _   _/  ·
    /  /  \  \  . ' .       Running in standalone mode
   /__/ .  \__\    ·        Port: %s
     ' .  · .  ' .          PID: %d

`

// build is the commit this program was made of, and 1 if it was changed since.
func build() (sha string, dirty int) {
	sha = commit
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && sha == "":
				sha = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = 1
			}
		}
	}
	if len(sha) < 8 {
		return "00000000", dirty
	}
	return sha[:8], dirty
}

// answer does what a first argument asked for instead of a server.
func answer(asked string) int {
	switch asked {
	case "-v", "--version":
		sha, dirty := build()
		fmt.Printf("Redust server v=%s redis=%s sha=%s:%d bits=64 go=%s\n", version, config.RedisVersion, sha, dirty, runtime.Version())
		return 0
	case "-h", "--help":
		fmt.Fprint(os.Stderr, usage)
	default:
		fmt.Fprintf(os.Stderr, "redust: %s is not available in this server\n", asked)
	}
	return 1
}

const usage = `Usage: redust [file | -] [--directive value ...] [-]
       redust -v | --version
       redust -h | --help
       redust check-rdb FILE
       redust check-aof [--fix | --truncate-to-timestamp SECONDS] FILE
       redust [...] --restore-to TIME [...]

The file is a redis.conf. A dash reads further lines from the standard input. Any
directive may stand on the command line with two dashes before it, and wins there.

Examples:
       redust                                        the defaults, port 6379
       redust /etc/redis/redis.conf
       redust /etc/redis/redis.conf --loglevel verbose
       redust --port 7777 --maxmemory 128mb
       echo 'maxmemory 128mb' | redust -
`

// judge applies what the configuration says about commands and users, and refuses rules
// that this version cannot keep: a server that goes on without would let in whom it must
// not. What is merely absent is warned about, see greet.
func judge(cfg *config.Config, start *config.Start, table *cmd.Table) error {
	for _, r := range start.Renames {
		if err := table.Rename(r.From, r.To); err != nil {
			return r.Line.Fatal(err.Error())
		}
	}
	for i, u := range start.Users {
		if slices.ContainsFunc(start.Users[:i], func(o config.User) bool { return o.Name == u.Name }) {
			return u.Line.Fatal("Error in user declaration '" + u.Name + "': Duplicate user found. A user can only be defined once in config files")
		}
		if u.Name != "default" {
			return u.Line.Fatal("ACL users other than 'default' come with a later version of Redust")
		}
		password, ok := everyone(u.Rules)
		if !ok {
			return u.Line.Fatal("ACL users come with a later version of Redust: until then 'default' may only be 'on ~* &* +@all' with 'nopass' or one '>password'")
		}
		cfg.RequirePass = password
	}
	if cfg.ACLFile != "" {
		return &config.FileError{Reason: "'aclfile' and ACL users come with a later version of Redust"}
	}
	return nil
}

// everyone reads the ACL rules of a user who may do everything, which is what the
// directive requirepass stands for, and returns the password, empty if there is none. ok
// is false for any other user.
func everyone(rules []string) (password string, ok bool) {
	var on, keys, channels, commands, nopass bool
	var passwords []string
	for _, r := range rules {
		switch strings.ToLower(r) {
		case "on":
			on = true
		case "~*", "allkeys":
			keys = true
		case "&*", "allchannels":
			channels = true
		case "+@all", "allcommands":
			commands = true
		case "nopass":
			nopass, passwords = true, nil
		case "resetpass":
			nopass, passwords = false, nil
		case "reset":
			on, keys, channels, commands, nopass, passwords = false, false, false, false, false, nil
		case "sanitize-payload", "skip-sanitize-payload": // about DUMP payloads; they are always checked
		default:
			p, found := strings.CutPrefix(r, ">")
			if !found || p == "" {
				return "", false
			}
			if nopass = false; !slices.Contains(passwords, p) {
				passwords = append(passwords, p)
			}
		}
	}
	if !on || !keys || !channels || !commands || nopass == (len(passwords) > 0) || len(passwords) > 1 {
		return "", false
	}
	return strings.Join(passwords, ""), true
}
