package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"redust/config"
)

// A daemon is a second process of this program, since a Go program cannot fork.
//
//	redust --daemonize yes                       redust, in a session of its own
//	  Load                                         Load again
//	  Detach ------------ starts ----------------> Detached
//	  waits  <-- "ready", or why it failed ------- Ready, Failed
//	  exits 0 or 1                                 serves
//
// So whoever starts a daemon knows by the exit status whether it listens, which a
// process that forks first and looks afterwards cannot tell. The file descriptor of
// that pipe, and a variable of the environment that says so, are all that passes
// between the two, and neither survives in the daemon. The first process has not yet
// changed anything, its directory included, so the second one reads the same
// configuration; what came from stdin is handed on. The umask stays as it was inherited:
// it is the administrator's word on files that have no mode of their own.

const (
	// detachedVar marks a process that Detach started.
	detachedVar = "REDUST_DETACHED"
	// reportFD is the pipe to the process that called Detach.
	reportFD = 3
	// reportReady is what goes through it when all is well.
	reportReady = "ready"
)

// Detach starts this program again with the same arguments, without a terminal, and
// waits until it serves or has failed; stdin is what it will read there. The error is
// the complete text for the user.
func Detach(stdin []byte) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fatal("Can't daemonize: pipe: %s", SystemText(err))
	}
	child := exec.Command("/proc/self/exe", os.Args[1:]...)
	child.Args[0] = os.Args[0]
	child.Env = append(os.Environ(), detachedVar+"=1")
	child.ExtraFiles = []*os.File{w} // becomes reportFD
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if len(stdin) > 0 {
		child.Stdin = bytes.NewReader(stdin)
	}
	if err := child.Start(); err != nil {
		return fatal("Can't daemonize: %s", SystemText(err))
	}
	_ = w.Close() // the child has its own
	report, err := io.ReadAll(r)
	switch {
	case string(report) == reportReady:
		return nil
	case len(report) > 0:
		return fatalText(report)
	case err != nil:
		return fatal("Can't daemonize: read: %s", SystemText(err))
	}
	return fatal("The server ended before it was ready: %v", child.Wait())
}

// fatalText is an error that is shown to the user as it is, a sentence like Redis's.
type fatalText string

func (t fatalText) Error() string { return string(t) }

func fatal(format string, args ...any) error { return fatalText(fmt.Sprintf(format, args...)) }

// Parent is the process that waits for a daemon to be ready. A nil Parent is none, and
// its methods do nothing.
type Parent struct{ pipe *os.File }

// Detached returns the process that started this one by Detach, or nil. It is to be
// called once.
func Detached() *Parent {
	if os.Getenv(detachedVar) == "" {
		return nil
	}
	_ = os.Unsetenv(detachedVar) // a name without '=' cannot fail
	var st unix.Stat_t
	if unix.Fstat(reportFD, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil // somebody else set the variable
	}
	unix.CloseOnExec(reportFD)
	return &Parent{os.NewFile(reportFD, "report")}
}

// Ready lets the parent exit with status 0.
func (p *Parent) Ready() { p.report(reportReady) }

// Failed lets the parent print text and exit with status 1.
func (p *Parent) Failed(text string) { p.report(text) }

func (p *Parent) report(text string) {
	if p == nil || p.pipe == nil {
		return
	}
	// A parent that was killed meanwhile misses nothing.
	_, _ = io.WriteString(p.pipe, text)
	_ = p.pipe.Close()
	p.pipe = nil
}

// DropInput replaces the standard input, which a daemon may have read its configuration
// from, by nothing.
func DropInput() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	return unix.Dup2(int(null.Fd()), 0)
}

// PidFile is a file that holds the id of this process, for init scripts.
type PidFile struct{ path string }

// WritePidFile makes the file, or overwrites it. The error is the system's.
func WritePidFile(path string) (*PidFile, error) {
	path, err := filepath.Abs(path) // the working directory may change
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pidText(), 0o644); err != nil {
		return nil, err
	}
	return &PidFile{path}, nil
}

// Remove removes the file and tells whether it did. A file that by now names another
// process is that process's, and stays.
func (p *PidFile) Remove() bool {
	if p == nil {
		return false
	}
	b, err := os.ReadFile(p.path)
	return err == nil && bytes.Equal(b, pidText()) && os.Remove(p.path) == nil
}

func pidText() []byte { return append(strconv.AppendInt(nil, int64(os.Getpid()), 10), '\n') }

// FitClients makes room for a file descriptor for each of maxclients, or lowers
// maxclients to the room there is, which it logs. It fails if not even the server itself
// has enough; the error is the complete text.
func FitClients(cfg *config.Config, log Logger) error {
	had, want := fileLimit(), cfg.MaxClients+reservedFiles
	if had >= want {
		return nil
	}
	err := raiseFileLimit(cfg.MaxClients)
	if err == nil {
		log.Notice(fmt.Sprintf("Increased maximum number of open files to %d (it was originally set to %d).", want, had))
		return nil
	}
	// The hard limit stands; take all that it allows.
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) == nil && lim.Cur < lim.Max {
		lim.Cur = lim.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &lim) // what came of it is read next
	}
	best := fileLimit()
	if best <= reservedFiles {
		return fatal("Your current 'ulimit -n' of %d is not enough for the server to start. Please increase your open file limit to at least %d. Exiting.", had, want)
	}
	asked := cfg.MaxClients
	cfg.MaxClients = best - reservedFiles
	log.Warn(fmt.Sprintf("You requested maxclients of %d requiring at least %d max file descriptors.", asked, want))
	log.Warn(fmt.Sprintf("Server can't set maximum open files to %d because of OS error: %s.", want, SystemText(err)))
	log.Warn(fmt.Sprintf("Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.", best, cfg.MaxClients))
	return nil
}

// WarnBacklog logs if the kernel will make the accept queue shorter than tcp-backlog.
func WarnBacklog(cfg *config.Config, log Logger) {
	const path = "/proc/sys/net/core/somaxconn"
	b, err := os.ReadFile(path)
	if err != nil {
		return
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n > 0 && n < cfg.TCPBacklog {
		log.Warn(fmt.Sprintf("WARNING: The TCP backlog setting of %d cannot be enforced because %s is set to the lower value of %d.", cfg.TCPBacklog, path, n))
	}
}

// SystemText is what strerror(3) says of the system's error inside err, for lines that
// Redis writes with it: Go's own texts begin with a small letter. Without an error of the
// system it is err's text.
func SystemText(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	s := no.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
