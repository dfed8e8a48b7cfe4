// Package server starts a server binary for a test and leaves nothing of it behind.
//
// Every whole-server test needs the same six things: a port that is free, a directory that
// is empty, the moment when the server answers, its log when it does not, its process id for
// /proc, and an end that comes even if the test fails. They are here once, for Redust and
// redis-server alike, since both read the same arguments:
//
//	Start ---> binary --port P --dir TMP --save "" ... ---> PING until PONG ---> *Server
//	                       |
//	                       +-- stdout, stderr --> Log
//
// A free port is found by binding and closing it; another process may take it before the
// server does, so Start tries again on a new one when the server gives up at once.
//
// Always true: the server listens on 127.0.0.1 and on a unix socket in its directory and
// nowhere else; after Stop or Kill the process is reaped; after Close the directory is gone.
package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"redust/tests/script"
)

// Server is a running server and what it leaves: a directory and a log.
type Server struct {
	// Addr is host:port, Socket the path of the unix socket.
	Addr, Socket string
	// Dir is the server's own directory, removed by Close.
	Dir string

	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{} // closed once the process is reaped
	err    error         // how it ended; read after exited
}

// logBuffer collects output; the process writes while a test reads.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// startTimeout bounds the wait for the first PONG.
const startTimeout = 20 * time.Second

// Redust returns the binary under test: $REDUST_BIN, else the module built into dir once.
func Redust(dir string) (string, error) {
	if bin := os.Getenv("REDUST_BIN"); bin != "" {
		return exec.LookPath(bin)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("server: find the module: %w", err)
	}
	bin := filepath.Join(dir, "redust")
	build := exec.Command("go", "build", "-o", bin, "./")
	build.Dir = strings.TrimSpace(string(out))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("server: build redust: %w\n%s", err, out)
	}
	return bin, nil
}

// Start runs the binary with the arguments of a Redis server (such as "--maxclients", "10")
// and returns once it answers PING. Its directory is empty and nothing is saved unless the
// arguments say otherwise. The error of a server that will not start carries its log. A
// Redust is given the words of $REDUST_ARGS too, so that the same tests run with more
// threads, say.
func Start(bin string, args ...string) (*Server, error) {
	if strings.HasPrefix(filepath.Base(bin), "redust") {
		args = append(args, strings.Fields(os.Getenv("REDUST_ARGS"))...)
	}
	var err error
	for range 5 {
		var s *Server
		if s, err = start(bin, args); err == nil {
			return s, nil
		}
		if !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			break
		}
	}
	return nil, err
}

func start(bin string, args []string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "redust-server-")
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &Server{
		Addr: "127.0.0.1:" + strconv.Itoa(port), Socket: filepath.Join(dir, "s.sock"), Dir: dir,
		log: &logBuffer{}, exited: make(chan struct{}),
	}
	args = append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
		"--unixsocket", s.Socket, "--save", ""}, args...)
	s.cmd = exec.Command(bin, args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no orphan after a panic
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("server: start %s: %w", bin, err), os.RemoveAll(dir))
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if s.ping() {
			return s, nil
		}
		select {
		case <-s.exited:
			err = fmt.Errorf("server: %s ended at once (%v):\n%s", bin, s.err, s.Log())
			return nil, errors.Join(err, os.RemoveAll(dir))
		case <-ctx.Done():
			err = fmt.Errorf("server: %s does not answer PING:\n%s", bin, s.Log())
			return nil, errors.Join(err, s.Close())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// freePort asks the kernel for one.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("server: find a port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// ping asks over TCP; the unix socket may come a little later, hence it is looked for too.
func (s *Server) ping() bool {
	conn, err := script.Dial(s.Addr)
	if err != nil {
		return false
	}
	v, err := script.Do(conn, "PING")
	if conn.Close() != nil || err != nil || v.Text != "PONG" && !strings.HasPrefix(v.Text, "NOAUTH") {
		return false
	}
	_, err = os.Stat(s.Socket)
	return err == nil
}

// Dial connects over TCP.
func (s *Server) Dial() (script.Conn, error) { return script.Dial(s.Addr) }

// Pid returns the process id, for /proc.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Log returns what the server has printed so far.
func (s *Server) Log() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.b.String()
}

// Alive reports whether the process still runs.
func (s *Server) Alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Stop asks the server to end (SIGTERM) and waits; one that has not ended after 10 s is
// killed, and that is an error.
func (s *Server) Stop() error {
	if !s.Alive() {
		return s.err
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("server: stop: %w", err)
	}
	select {
	case <-s.exited:
		return s.err
	case <-time.After(10 * time.Second):
		return errors.Join(fmt.Errorf("server: pid %d ignored SIGTERM for 10 s:\n%s", s.Pid(), s.Log()), s.Kill())
	}
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("server: kill: %w", err)
	}
	<-s.exited
	return nil
}

// Close kills the server if it still runs and removes its directory.
func (s *Server) Close() error {
	return errors.Join(s.Kill(), os.RemoveAll(s.Dir))
}

// CPU returns the processor time the server has used, user and system, in steps of a
// hundredth of a second. Of a speed it is the figure that a busy machine disturbs least.
func (s *Server) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid()))
	if err != nil {
		return 0, fmt.Errorf("server: cpu time: %w", err)
	}
	// The name in parentheses may hold blanks; utime and stime are the 12th and 13th field after it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("server: cpu time: bad stat %q", text)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// RSS returns the memory that the process holds, in bytes.
func (s *Server) RSS() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.Pid()))
	if err != nil {
		return 0, fmt.Errorf("server: rss: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("server: rss: bad statm %q", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
