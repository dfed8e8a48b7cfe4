// Package target starts and stops the servers that are compared. Each gets a free
// port on 127.0.0.1, a directory of its own, and the same directives, so that what
// differs between two rows of a report is the program and nothing else.
package target

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
)

// startLimit bounds how long a server may take until it answers PING, and to end.
const startLimit = 15 * time.Second

// ErrStart is returned when a server ends or stays silent before its first PONG.
var ErrStart = errors.New("target: the server did not start")

// A Spec says how to start one server. In each argument {port} and {dir} stand for
// what Start chooses.
type Spec struct {
	Name string
	Argv []string
}

// Standard returns the spec of a server that takes Redis's directives, with
// persistence off.
func Standard(name, path string, ioThreads int) Spec {
	return Spec{Name: name, Argv: []string{path,
		"--port", "{port}", "--bind", "127.0.0.1", "--dir", "{dir}",
		"--save", "", "--appendonly", "no", "--io-threads", strconv.Itoa(ioThreads)}}
}

// ParseSpec reads name=command line. Words are split at blanks; quotes, single or
// double, keep blanks and make an empty word possible, as in --save "".
func ParseSpec(s string) (Spec, error) {
	name, line, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return Spec{}, fmt.Errorf("target: server %q: want name=command line", s)
	}
	var argv []string
	var word []byte
	inWord, quote := false, byte(0)
	for i := range len(line) {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			if inWord {
				argv = append(argv, string(word))
			}
			word, inWord = word[:0], false
		default:
			word, inWord = append(word, c), true
		}
	}
	if quote != 0 {
		return Spec{}, fmt.Errorf("target: server %q: unbalanced quote", s)
	}
	if inWord {
		argv = append(argv, string(word))
	}
	if len(argv) == 0 {
		return Spec{}, fmt.Errorf("target: server %q: no command", s)
	}
	if !strings.Contains(line, "{port}") {
		return Spec{}, fmt.Errorf("target: server %q: {port} appears nowhere", s)
	}
	return Spec{Name: name, Argv: argv}, nil
}

// With returns the spec with further directives, which win over those before.
func (s Spec) With(args ...string) Spec {
	s.Argv = append(slices.Clone(s.Argv), args...)
	return s
}

// A Server is a running process.
type Server struct {
	Spec Spec
	Addr string // 127.0.0.1:port
	PID  int
	dir  string
	argv []string
	cmd  *exec.Cmd
	gone chan struct{} // closed once the process has ended
}

// Start starts spec in a new directory under base and waits for its first PONG. The
// server dies with this process, however that ends.
func Start(spec Spec, base string, clock measure.Clock) (*Server, error) {
	dir, err := os.MkdirTemp(base, "server-")
	if err != nil {
		return nil, fmt.Errorf("target: start %s: %w", spec.Name, err)
	}
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("target: start %s: %w", spec.Name, err)
	}
	fill := strings.NewReplacer("{port}", strconv.Itoa(port), "{dir}", dir)
	argv := make([]string, len(spec.Argv))
	for i, a := range spec.Argv {
		argv[i] = fill.Replace(a)
	}
	s := &Server{Spec: spec, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), dir: dir, argv: argv}
	if err := s.launch(); err != nil {
		return nil, err
	}
	if err := s.awaitPong(clock); err != nil {
		tail := s.logTail()
		s.Stop()
		return nil, fmt.Errorf("%w: %s: %w; its last words:\n%s", ErrStart, spec.Name, err, tail)
	}
	return s, nil
}

// launch starts the process.
func (s *Server) launch() error {
	logFile, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("target: start %s: %w", s.Spec.Name, err)
	}
	defer logFile.Close()
	s.cmd = exec.Command(s.argv[0], s.argv[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = logFile, logFile
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("target: start %s: %w", s.Spec.Name, err)
	}
	s.PID = s.cmd.Process.Pid
	gone := make(chan struct{})
	s.gone = gone
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // ends by our signal, so its status says nothing
		close(gone)
	}(s.cmd)
	return nil
}

// Relaunch ends the server, kindly, and starts it again in the same directory. It does not
// wait until the new process answers; it has another PID.
func (s *Server) Relaunch() error {
	s.end()
	return s.launch()
}

// freePort asks the kernel for a port nobody listens on. Somebody may take it before
// the server does; then the server fails to start, and says why.
func freePort() (int, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// awaitPong polls, since a server may accept before it serves.
func (s *Server) awaitPong(clock measure.Clock) error {
	end := clock.NowNs() + int64(startLimit)
	for {
		err := s.ping(clock)
		if err == nil {
			return nil
		}
		if clock.NowNs() > end {
			return err
		}
		select {
		case <-s.gone:
			return errors.New("the process ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) ping(clock measure.Clock) error {
	c, err := load.DialControl(s.Addr, clock)
	if err != nil {
		return err
	}
	defer c.Close()
	got, err := c.Do("PING")
	if err == nil && got != "PONG" {
		err = fmt.Errorf("PING was answered %q", got)
	}
	return err
}

// logTail returns the end of what the server printed.
func (s *Server) logTail() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(len(lines)-12, 0):], []byte("\n")))
}

// Alive reports whether the process still runs; if not, what it printed last.
func (s *Server) Alive() (bool, string) {
	select {
	case <-s.gone:
		return false, s.logTail()
	default:
		return true, ""
	}
}

// Stop ends the server, kindly at first, and removes its directory.
func (s *Server) Stop() {
	s.end()
	_ = os.RemoveAll(s.dir) // what stays goes with the base directory
}

// end ends the process, kindly at first.
func (s *Server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // fails only if it has ended already
	select {
	case <-s.gone:
	case <-time.After(startLimit):
		_ = s.cmd.Process.Kill()
		<-s.gone
	}
}
