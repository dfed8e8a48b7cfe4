package loop

import (
	"bytes"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"redust/config"
)

// ProcessLog is the log of a process: lines to the standard output or to a file, in
// Redis's form or as JSON, and to syslog as well when that is on.
//
//	4242:M 23 Nov 2026 13:31:02.123 * Ready to accept connections tcp
//	|    | |                        |
//	|    | local time               . debug  - verbose  * notice  # warning
//	|    C starting, M master, S replica
//	process id
//
// Programs read these lines, so the human form is Redis's to the byte, and it is put
// together here instead of being made out of JSON, which would replace every byte that
// is not UTF-8. The JSON form is zerolog's.
//
// A file that was renamed or removed by a rotation is noticed and opened anew under its
// name. Redis gets that by opening the file for each line; here the file stays open and
// its name is looked up at most once a second, and at once when Reopen is called (on
// SIGHUP, which a rotation can send). Lines of that second are in the renamed file. The
// file is opened for appending, so a rotation that truncates it in place works too.
//
// A line that cannot be written is lost, and nothing else happens: a full disk must not
// end a server that has its data in memory. A level that is off costs one atomic load.
// Any goroutine may call any method. A trace that the runtime writes while it dies goes
// to the file as well, if there is one.
type ProcessLog struct {
	level atomic.Uint32 // config.LogLevel
	now   func() time.Time
	pid   int
	std   io.Writer

	mu     sync.Mutex
	role   byte
	json   bool
	name   string   // as configured
	path   string   // absolute, so that it outlives a change of the working directory
	file   *os.File // nil: the standard output
	id     fileID   // of file
	looked time.Time
	buf    bytes.Buffer // the line being made

	ident    string
	facility syslog.Priority
	sys      *syslog.Writer // nil: none, or not reached yet
	sysWant  bool
	sysTried time.Time
}

// fileID tells files apart whatever they are called.
type fileID struct{ dev, ino uint64 }

// The roles of a process, as its lines show them.
const (
	RoleStarting byte = 'C' // Redis's letter for a process that does not serve yet
	RoleMaster   byte = 'M'
	RoleReplica  byte = 'S'
)

// rotationCheck is how often the name of the log file is looked up, at most.
const rotationCheck = time.Second

// OpenLog opens the log that the configuration asks for, in the role RoleStarting. A
// relative file name belongs to the working directory. The error is the system's.
func OpenLog(cfg *config.Config) (*ProcessLog, error) { return openLog(cfg, os.Stdout, time.Now) }

func openLog(cfg *config.Config, std io.Writer, now func() time.Time) (*ProcessLog, error) {
	l := &ProcessLog{now: now, pid: os.Getpid(), std: std, role: RoleStarting}
	if err := l.Configure(cfg); err != nil {
		return nil, err
	}
	return l, nil
}

// Configure takes over the directives about logs. If the file cannot be opened nothing
// changes; the error is the system's.
func (l *ProcessLog) Configure(cfg *config.Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cfg.LogFile != l.name {
		if err := l.open(cfg.LogFile); err != nil {
			return err
		}
	}
	l.json = cfg.LogFormat == config.LogJSON
	l.level.Store(uint32(cfg.LogLevel))

	facility := syslogFacility(cfg.SyslogFacility)
	if l.sys != nil && (!cfg.SyslogEnabled || cfg.SyslogIdent != l.ident || facility != l.facility) {
		_ = l.sys.Close() // nothing is buffered in it
		l.sys = nil
	}
	l.ident, l.facility, l.sysWant = cfg.SyslogIdent, facility, cfg.SyslogEnabled
	l.sysTried = time.Time{}
	return nil
}

// open goes over to the file of that name, or to the standard output if it is empty.
func (l *ProcessLog) open(name string) error {
	if name == "" {
		l.name = ""
		return l.use("", nil, fileID{})
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	f, id, err := openLogFile(path)
	if err != nil {
		return err
	}
	l.name = name
	return l.use(path, f, id)
}

func openLogFile(path string) (*os.File, fileID, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, fileID{}, err
	}
	id, err := identify(f.Stat())
	if err != nil {
		_ = f.Close()
	}
	return f, id, err
}

// use makes f the file that lines go to, nil the standard output.
func (l *ProcessLog) use(path string, f *os.File, id fileID) error {
	// The runtime keeps a descriptor of its own for its last words.
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		_ = f.Close()
		return err
	}
	if l.file != nil {
		_ = l.file.Close() // what was written is in the kernel
	}
	l.path, l.file, l.id, l.looked = path, f, id, l.now()
	return nil
}

// identify makes a fileID of what Stat returned.
func identify(fi os.FileInfo, err error) (fileID, error) {
	if err != nil {
		return fileID{}, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, fmt.Errorf("loop: identify log file %s: no inode", fi.Name())
	}
	return fileID{st.Dev, st.Ino}, nil
}

// Reopen looks at once whether the log file has been rotated.
func (l *ProcessLog) Reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow(l.now())
}

// follow opens the file anew if its name means another one by now, or none. If that
// fails lines go on to the file that is open.
func (l *ProcessLog) follow(now time.Time) {
	if l.file == nil {
		return
	}
	l.looked = now
	if id, err := identify(os.Stat(l.path)); err == nil && id == l.id {
		return
	}
	if f, id, err := openLogFile(l.path); err == nil {
		_ = l.use(l.path, f, id)
	}
}

// SetRole changes the letter that the lines show.
func (l *ProcessLog) SetRole(role byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.role = role
}

// Log implements Logger.
func (l *ProcessLog) Log(level config.LogLevel, text string) {
	if uint32(level) < l.level.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.buf.Reset()
	if l.json {
		z := zerolog.New(&l.buf)
		z.Log().Str("time", now.Format("2006-01-02T15:04:05.000Z07:00")).Str("level", level.String()).
			Int("pid", l.pid).Str("role", roleName(l.role)).Msg(text)
	} else {
		b := fmt.Appendf(l.buf.AvailableBuffer(), "%d:%c ", l.pid, l.role)
		b = now.AppendFormat(b, "02 Jan 2006 15:04:05.000")
		b = append(b, ' ', levelSigns[min(int(level), len(levelSigns)-1)], ' ')
		l.buf.Write(append(append(b, text...), '\n'))
	}
	l.emit(now, l.buf.Bytes())
	l.toSyslog(now, level, text)
}

// levelSigns are what stands for the levels, from debug on.
const levelSigns = ".-*#"

// Raw writes text as it is, a banner or a report of many lines, at the level notice; as
// JSON it is a line like any other.
func (l *ProcessLog) Raw(text string) {
	if l.level.Load() > uint32(config.LogNotice) {
		return
	}
	l.raw(config.LogNotice, text)
}

// raw writes text as it is whatever the level is, unless nothing is to be logged.
func (l *ProcessLog) raw(level config.LogLevel, text string) {
	if l.level.Load() >= uint32(config.LogNothing) {
		return
	}
	l.mu.Lock()
	json := l.json
	if !json {
		l.emit(l.now(), []byte(text))
	}
	l.mu.Unlock()
	if json {
		l.Log(level, strings.TrimRight(text, "\n"))
	}
}

// emit writes lines to where they go, in one call, so that those of several processes
// with one file do not mix.
func (l *ProcessLog) emit(now time.Time, b []byte) {
	w := l.std
	if l.file != nil {
		if d := now.Sub(l.looked); d >= rotationCheck || d < 0 {
			l.follow(now)
		}
		w = l.file
	}
	_, _ = w.Write(b) // see ProcessLog about lines that are lost
}

// toSyslog sends a line to syslog, to which a connection is tried once a second while
// there is none.
func (l *ProcessLog) toSyslog(now time.Time, level config.LogLevel, text string) {
	if !l.sysWant {
		return
	}
	if l.sys == nil {
		if !l.sysTried.IsZero() && now.Sub(l.sysTried) < time.Second {
			return
		}
		l.sysTried = now
		w, err := syslog.New(l.facility|syslog.LOG_NOTICE, l.ident)
		if err != nil {
			return
		}
		l.sys = w
	}
	// The writer connects anew by itself; a line that fails nevertheless is lost.
	switch level {
	case config.LogDebug:
		_ = l.sys.Debug(text)
	case config.LogVerbose:
		_ = l.sys.Info(text)
	case config.LogNotice:
		_ = l.sys.Notice(text)
	default:
		_ = l.sys.Warning(text)
	}
}

// syslogFacility is the number of a facility in syslog(3).
func syslogFacility(f config.SyslogFacility) syslog.Priority {
	if f == config.FacilityUser {
		return syslog.LOG_USER
	}
	return syslog.LOG_LOCAL0 + syslog.Priority(f-config.FacilityLocal0)<<3
}

// roleName is a role in words, for JSON.
func roleName(role byte) string {
	switch role {
	case RoleMaster:
		return "master"
	case RoleReplica:
		return "replica"
	}
	return "starting"
}

// Debug implements Logger.
func (l *ProcessLog) Debug(text string) { l.Log(config.LogDebug, text) }

// Verbose implements Logger.
func (l *ProcessLog) Verbose(text string) { l.Log(config.LogVerbose, text) }

// Notice implements Logger.
func (l *ProcessLog) Notice(text string) { l.Log(config.LogNotice, text) }

// Warn implements Logger.
func (l *ProcessLog) Warn(text string) { l.Log(config.LogWarning, text) }
