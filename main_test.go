package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait here.
const patience = 10 * time.Second

// binary builds the server once for all tests and returns its path.
func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "redust-main-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "redust")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// output is what a process wrote so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// server is a process under test.
type server struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err output
	dir      string
	port     int
	ended    chan struct{}
}

// spawn starts the binary in a directory of its own; %PORT in args and stdin becomes a
// free port, %DIR that directory.
func spawn(t *testing.T, env []string, stdin string, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), port: freePort(t), ended: make(chan struct{})}
	fill := strings.NewReplacer("%PORT", strconv.Itoa(s.port), "%DIR", s.dir).Replace
	for i := range args {
		args[i] = fill(args[i])
	}
	s.cmd = exec.Command(binary(t), args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.out, &s.err
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdin = strings.NewReader(fill(stdin))
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // status looks at ProcessState
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// serve is spawn, and waits until the server accepts connections at 127.0.0.1.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	s := spawn(t, nil, "", append([]string{"--port", "%PORT", "--bind", "127.0.0.1", "--save", ""}, args...)...)
	s.wait("Ready to accept connections")
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// wait waits for text in the standard output.
func (s *server) wait(text string) {
	s.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(s.out.String(), text); time.Sleep(2 * time.Millisecond) {
		select {
		case <-s.ended:
			if strings.Contains(s.out.String(), text) {
				return
			}
			s.t.Fatalf("ended before %q:\n%s%s", text, s.out.String(), s.err.String())
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain for %q:\n%s", text, s.out.String())
		}
	}
}

// status waits for the end and returns the exit status, -1 after a signal.
func (s *server) status() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatalf("does not end:\n%s", s.out.String())
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) dial() net.Conn {
	s.t.Helper()
	return dial(s.t, "tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends an inline request and returns the first line of the reply.
func ask(t *testing.T, c net.Conn, request string) string {
	t.Helper()
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// inOrder tells the first of texts that text lacks after the ones before it.
func inOrder(text string, texts ...string) string {
	for _, want := range texts {
		i := strings.Index(text, want)
		if i < 0 {
			return want
		}
		text = text[i+len(want):]
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestLifeOfAServer(t *testing.T) {
	s := serve(t, "--pidfile", "run.pid", "--maxclients", "100")
	pid := strconv.Itoa(s.cmd.Process.Pid)
	if b, err := os.ReadFile(filepath.Join(s.dir, "run.pid")); err != nil || string(b) != pid+"\n" {
		t.Errorf("pid file: %q, %v", b, err)
	}
	if got := ask(t, s.dial(), "PING"); got != "+PONG" {
		t.Errorf("PING: %q", got)
	}
	s.signal(syscall.SIGTERM)
	if got := s.status(); got != 0 {
		t.Errorf("status %d", got)
	}
	if missing := inOrder(s.out.String(),
		pid+":C ", " * oO0OoO0OoO0Oo Redust is starting oO0OoO0OoO0Oo\n",
		"Redust version="+version, "redis=7.2.4", "pid="+pid+", just started\n",
		" * Configuration loaded\n",
		pid+":M ", fmt.Sprintf(" * Running mode=standalone, port=%d.\n", s.port),
		" * Server initialized\n",
		" * Ready to accept connections tcp\n",
		" # Received SIGTERM scheduling shutdown...\n",
		" * User requested shutdown...\n",
		" * Removing the pid file.\n",
		" # Redust is now ready to exit, bye bye...\n"); missing != "" {
		t.Errorf("%q is not in its place in:\n%s", missing, s.out.String())
	}
	if exists(filepath.Join(s.dir, "run.pid")) {
		t.Error("the pid file is still there")
	}
	if s.err.String() != "" {
		t.Errorf("stderr: %s", s.err.String())
	}
}

func TestLogo(t *testing.T) {
	s := serve(t, "--always-show-logo", "yes")
	if missing := inOrder(s.out.String(), fmt.Sprintf("Port: %d\n", s.port), fmt.Sprintf("PID: %d\n", s.cmd.Process.Pid), "Server initialized"); missing != "" {
		t.Errorf("no %q in:\n%s", missing, s.out.String())
	}
	if strings.Contains(s.out.String(), "of no effect") {
		t.Errorf("says that a directive is ignored:\n%s", s.out.String())
	}
}

func TestIgnoredDirectives(t *testing.T) {
	s := serve(t, "--activedefrag", "yes", "--maxclients", "10")
	if !strings.Contains(s.out.String(), "of no effect in this server: activedefrag\n") {
		t.Error(s.out.String())
	}
}

func TestBusyPort(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	for bind, shown := range map[string]string{"127.0.0.1": "127.0.0.1", "*": "*"} {
		s := spawn(t, nil, "", "--port", strconv.Itoa(port), "--bind", bind, "--pidfile", "run.pid")
		if got := s.status(); got != 1 {
			t.Errorf("status %d", got)
		}
		if missing := inOrder(s.out.String(),
			fmt.Sprintf(" # Warning: Could not create server TCP listening socket %s:%d: bind: Address already in use\n", shown, port),
			fmt.Sprintf(" # Failed listening on port %d (tcp), aborting.\n", port)); missing != "" {
			t.Errorf("no %q in:\n%s", missing, s.out.String())
		}
		if exists(filepath.Join(s.dir, "run.pid")) {
			t.Error("a pid file of a server that does not run")
		}
	}
}

// TestRefusedConfiguration compares what is printed for configurations that no server
// can run with.
func TestRefusedConfiguration(t *testing.T) {
	const head = "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n"
	line1 := func(line, why string) string {
		return head + "Reading the configuration file, at line 1\n>>> '" + line + "'\n" + why + "\n"
	}
	const users = "ACL users come with a later version of Redust: until then 'default' may only be 'on ~* &* +@all' with 'nopass' or one '>password'"
	for _, r := range []struct{ stdin, want string }{
		{"maxclients abc", line1("maxclients abc", "argument couldn't be parsed into an integer")},
		{"nonsense 1", line1("nonsense 1", "Bad directive or wrong number of arguments")},
		{"loadmodule x.so", line1("loadmodule x.so", "modules cannot be loaded into this server")},
		{"rename-command foo bar", line1("rename-command foo bar", "No such command in rename-command")},
		{"rename-command get set", line1("rename-command get set", "Target command name already exists")},
		{"user joe on nopass", line1("user joe on nopass", "ACL users other than 'default' come with a later version of Redust")},
		{"user default on nopass ~cached:* &* +@all", line1("user default on nopass ~cached:* &* +@all", users)},
		{"user default on ~* &* +@all", line1("user default on ~* &* +@all", users)}, // nobody could log in
		{"user default on ~* &* +@all >a >b", line1("user default on ~* &* +@all >a >b", users)},
		{"logfile /nonexistent/log", head + "Can't open the log file: No such file or directory\n"},
		{"aclfile /tmp/users.acl", head + "'aclfile' and ACL users come with a later version of Redust\n"},
	} {
		s := spawn(t, nil, r.stdin, "-")
		if got := s.status(); got != 1 {
			t.Errorf("%s: status %d", r.stdin, got)
		}
		if got := s.err.String(); got != r.want {
			t.Errorf("%s:\ngot  %q\nwant %q", r.stdin, got, r.want)
		}
	}
	s := spawn(t, nil, "", "missing.conf")
	if got, want := s.status(), "Fatal error, can't open config file '"+s.dir+"/missing.conf': No such file or directory\n"; got != 1 || s.err.String() != want {
		t.Errorf("status %d, %q, want %q", got, s.err.String(), want)
	}
	s = spawn(t, nil, "", "--port", "0")
	if got := s.status(); got != 1 || !strings.Contains(s.out.String(), "# Configured to not listen anywhere, exiting.\n") {
		t.Errorf("status %d, %s", got, s.out.String())
	}
}

func TestAsked(t *testing.T) {
	for _, r := range []struct {
		arg      string
		status   int
		out, err string
	}{
		{"-v", 0, "Redust server v=" + version + " redis=7.2.4 sha=", ""},
		{"--version", 0, "Redust server v=", ""},
		{"--help", 1, "", "Usage: redust "},
		{"-h", 1, "", "Usage: redust "},
		{"--test-memory", 1, "", "redust: --test-memory is not available"},
	} {
		s := spawn(t, nil, "", r.arg)
		if got := s.status(); got != r.status || !strings.HasPrefix(s.out.String(), r.out) || !strings.HasPrefix(s.err.String(), r.err) {
			t.Errorf("%s: status %d, out %q, err %q", r.arg, got, s.out.String(), s.err.String())
		}
	}
}

func TestConfigurationFromStdin(t *testing.T) {
	s := spawn(t, nil, "port %PORT\nbind 127.0.0.1\ndir %DIR\nlogfile here.log\nrename-command get fetch\nrename-command echo \"\"\nuser default on >secret ~* &* +@all\n", "-")
	path := filepath.Join(s.dir, "here.log")
	until(t, "the log", func() bool {
		b, err := os.ReadFile(path)
		return err == nil && bytes.Contains(b, []byte("Ready to accept"))
	})
	c := s.dial()
	for _, r := range []struct{ request, want string }{
		{"PING", "-NOAUTH Authentication required."},
		{"AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled."},
		{"AUTH secret", "+OK"},
		{"GET a", "-ERR unknown command 'GET', with args beginning with: 'a' "},
		{"FETCH a", "$-1"},
		{"ECHO a", "-ERR unknown command 'ECHO', with args beginning with: 'a' "},
	} {
		if got := ask(t, c, r.request); got != strings.TrimSpace(r.want) {
			t.Errorf("%s: %q, want %q", r.request, got, r.want)
		}
	}
}

// TestDaemon starts a daemon that reads its configuration from stdin, and a second one
// for the same port, which must fail where it was started.
func TestDaemon(t *testing.T) {
	stdin := "port %PORT\nbind 127.0.0.1\n"
	s := spawn(t, nil, stdin, "-", "--daemonize", "yes", "--pidfile", "d.pid", "--logfile", "d.log")
	if got := s.status(); got != 0 {
		t.Fatalf("status %d: %s", got, s.err.String())
	}
	// It listens already: nobody has to wait.
	if got := ask(t, s.dial(), "PING"); got != "+PONG" {
		t.Errorf("PING: %q", got)
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "d.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid == s.cmd.Process.Pid {
		t.Fatalf("pid file %q, parent %d", b, s.cmd.Process.Pid)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("session %d of process %d, %v", sid, pid, err)
	}
	for fd := range 3 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err != nil || to != os.DevNull {
			t.Errorf("descriptor %d is %s, %v", fd, to, err)
		}
	}

	again := spawn(t, nil, strings.ReplaceAll(stdin, "%PORT", strconv.Itoa(s.port)), "-", "--daemonize", "yes", "--pidfile", filepath.Join(s.dir, "d.pid"), "--logfile", "d.log")
	if got := again.status(); got != 1 {
		t.Errorf("second daemon: status %d", got)
	}
	if want := fmt.Sprintf("Warning: Could not create server TCP listening socket 127.0.0.1:%d: bind: Address already in use\nFailed listening on port %d (tcp), aborting.\n", s.port, s.port); again.err.String() != want {
		t.Errorf("second daemon: %q, want %q", again.err.String(), want)
	}

	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the daemon", func() bool {
		log, err := os.ReadFile(filepath.Join(s.dir, "d.log"))
		return err == nil && bytes.Contains(log, []byte("bye bye"))
	})
	if exists(filepath.Join(s.dir, "d.pid")) {
		t.Error("the pid file is still there")
	}
}

func TestLogRotation(t *testing.T) {
	s := spawn(t, nil, "", "--port", "%PORT", "--bind", "127.0.0.1", "--logfile", "%DIR/a.log")
	a, b := filepath.Join(s.dir, "a.log"), filepath.Join(s.dir, "b.log")
	until(t, "the log", func() bool {
		text, err := os.ReadFile(a)
		return err == nil && bytes.Contains(text, []byte("Ready to accept"))
	})
	if err := os.Rename(a, b); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	until(t, "the new log", func() bool { return exists(a) })
	s.signal(syscall.SIGINT)
	if got := s.status(); got != 0 {
		t.Errorf("status %d", got)
	}
	fresh, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	if missing := inOrder(string(fresh), "# Received SIGINT scheduling shutdown...", "bye bye"); missing != "" {
		t.Errorf("no %q in the new file:\n%s", missing, fresh)
	}
	if old, err := os.ReadFile(b); err != nil || bytes.Contains(old, []byte("shutdown")) {
		t.Errorf("old file, %v:\n%s", err, old)
	}
}

func TestLogAsJSON(t *testing.T) {
	s := serve(t, "--log-format", "json")
	s.signal(syscall.SIGTERM)
	s.status()
	var messages []string
	for _, line := range strings.Split(strings.TrimSuffix(s.out.String(), "\n"), "\n") {
		var m struct {
			Time, Level, Role, Message string
			PID                        int
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if at, err := time.Parse(time.RFC3339, m.Time); err != nil || time.Since(at) > time.Minute {
			t.Errorf("time %q: %v", m.Time, err)
		}
		if m.PID != s.cmd.Process.Pid || m.Level != "notice" && m.Level != "warning" {
			t.Errorf("line %q", line)
		}
		messages = append(messages, m.Role+" "+m.Message)
	}
	if missing := inOrder(strings.Join(messages, "\n"), "starting oO0Oo", "master Server initialized", "master Ready to accept", "bye bye"); missing != "" {
		t.Errorf("no %q in %q", missing, messages)
	}
}

func TestUnixSocket(t *testing.T) {
	s := spawn(t, nil, "", "--port", "0", "--unixsocket", "%DIR/s", "--unixsocketperm", "750")
	s.wait("Ready to accept connections unix")
	path := filepath.Join(s.dir, "s")
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode() != os.ModeSocket|0o750 {
		t.Errorf("mode %v", fi.Mode())
	}
	if strings.Contains(s.out.String(), "connections tcp") {
		t.Error("says that it listens on TCP")
	}
	if got := ask(t, dial(t, "unix", path), "PING"); got != "+PONG" {
		t.Errorf("PING: %q", got)
	}
	s.signal(syscall.SIGTERM)
	if got := s.status(); got != 0 || exists(path) {
		t.Errorf("status %d; the socket is there: %v", got, exists(path))
	}
	s = spawn(t, nil, "", "--port", "0", "--unixsocket", "%DIR/no/s")
	if got := s.status(); got != 1 || !strings.Contains(s.out.String(), "# Failed opening Unix socket: bind: No such file or directory\n") {
		t.Errorf("status %d: %s", got, s.out.String())
	}
}

// TestRepliesLeave ends a server whose client has megabytes to read, and starts to do
// so only then: all of it must arrive, before the connection is closed.
func TestRepliesLeave(t *testing.T) {
	for _, threads := range []string{"1", "2"} {
		s := serve(t, "--io-threads", threads)
		c := s.dial()
		if got := ask(t, c, "PING"); got != "+PONG" {
			t.Fatal(got)
		}
		const n, size = 16, 1 << 20
		request := fmt.Sprintf("*2\r\n$4\r\nPING\r\n$%d\r\n%s\r\n", size, strings.Repeat("x", size))
		for range n {
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "the requests", func() bool {
			got, err := execInfo(s, "total_net_input_bytes")
			return err == nil && got >= n*size
		})
		s.signal(syscall.SIGTERM)
		s.wait("User requested shutdown")
		got, err := io.Copy(io.Discard, c)
		if want := int64(n * (size + len("$1048576\r\n\r\n"))); got != want || err != nil {
			t.Errorf("io-threads %s: %d bytes of replies, want %d, %v", threads, got, want, err)
		}
		if status := s.status(); status != 0 {
			t.Errorf("status %d", status)
		}
	}
}

// execInfo asks for one number of INFO.
func execInfo(s *server, name string) (int64, error) {
	c := s.dial()
	defer c.Close()
	if _, err := io.WriteString(c, "INFO stats\r\nQUIT\r\n"); err != nil {
		return 0, err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	_, after, found := strings.Cut(string(b), name+":")
	if !found {
		return 0, errors.New("not in INFO")
	}
	value, _, _ := strings.Cut(after, "\r")
	return strconv.ParseInt(value, 10, 64)
}

// TestSecondInterrupt: while the server waits for a client that does not read, a second
// SIGINT ends it at once.
func TestSecondInterrupt(t *testing.T) {
	s := serve(t)
	c := s.dial()
	const n, size = 32, 1 << 20
	request := fmt.Sprintf("*2\r\n$4\r\nPING\r\n$%d\r\n%s\r\n", size, strings.Repeat("x", size))
	for range n {
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
	}
	s.signal(syscall.SIGINT)
	s.wait("User requested shutdown")
	s.signal(syscall.SIGINT)
	if got := s.status(); got != 1 || strings.Contains(s.out.String(), "bye bye") {
		t.Errorf("status %d:\n%s", got, s.out.String())
	}
}

// TestStubbornReader: without a second signal, the server ends all the same.
func TestStubbornReader(t *testing.T) {
	s := serve(t)
	c := s.dial()
	request := fmt.Sprintf("*2\r\n$4\r\nPING\r\n$%d\r\n%s\r\n", 1<<20, strings.Repeat("x", 1<<20))
	for range 32 {
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	s.signal(syscall.SIGTERM)
	if got := s.status(); got != 0 || time.Since(began) > 4*time.Second {
		t.Errorf("status %d after %v", got, time.Since(began))
	}
}

// TestShutdownCommand: replies to what came before SHUTDOWN arrive, what came after it
// is not run.
func TestShutdownCommand(t *testing.T) {
	for _, threads := range []string{"1", "2"} {
		s := serve(t, "--io-threads", threads)
		c := s.dial()
		if _, err := io.WriteString(c, strings.Repeat("PING\r\n", 1000)+"SHUTDOWN NOSAVE\r\nPING\r\n"); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c)
		if string(b) != strings.Repeat("+PONG\r\n", 1000) || err != nil {
			t.Errorf("io-threads %s: %d bytes, %v", threads, len(b), err)
		}
		if got := s.status(); got != 0 {
			t.Errorf("status %d", got)
		}
	}
}

// TestShutdownMustSave: a server that must save and cannot stays; when it can, it goes, and
// the file is there.
func TestShutdownMustSave(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, "--dir", dir, "--shutdown-on-sigterm", "save", "--shutdown-on-sigint", "nosave force")
	file := filepath.Join(dir, "dump.rdb")
	if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGTERM)
	s.wait("Saving the final RDB snapshot before exiting.")
	s.wait("Error moving temp DB file")
	s.wait("Error trying to save the DB, can't exit.")
	s.wait("# SIGTERM received but errors trying to shut down the server")
	if got := ask(t, s.dial(), "PING"); got != "+PONG" {
		t.Errorf("PING: %q", got)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGTERM)
	s.wait("DB saved on disk")
	if got := s.status(); got != 0 {
		t.Errorf("status %d", got)
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("no snapshot: %v", err)
	}

	s = serve(t, "--shutdown-on-sigterm", "save", "--shutdown-on-sigint", "nosave force")
	s.signal(syscall.SIGINT)
	if got := s.status(); got != 0 {
		t.Errorf("status %d", got)
	}
}

// TestSystemd listens in systemd's place.
func TestSystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	pc, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if err := pc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	hear := func() string {
		t.Helper()
		b := make([]byte, 4096)
		n, _, err := pc.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	// Under an init system daemonize counts for nothing.
	s := spawn(t, []string{"NOTIFY_SOCKET=" + path}, "", "--port", "%PORT", "--bind", "127.0.0.1", "--supervised", "auto", "--daemonize", "yes", "--pidfile", "p")
	if got := hear(); got != "STATUS=Redust is starting" {
		t.Errorf("first %q", got)
	}
	if got := hear(); got != "STATUS=Ready to accept connections\nREADY=1" {
		t.Errorf("then %q", got)
	}
	if got := ask(t, s.dial(), "PING"); got != "+PONG" {
		t.Errorf("PING: %q", got)
	}
	s.signal(syscall.SIGTERM)
	if got := hear(); got != "STOPPING=1" {
		t.Errorf("last %q", got)
	}
	if got := s.status(); got != 0 {
		t.Errorf("status %d", got)
	}
}

func TestUpstart(t *testing.T) {
	s := spawn(t, []string{"UPSTART_JOB=redust"}, "", "--port", "%PORT", "--bind", "127.0.0.1", "--supervised", "upstart")
	s.wait("Ready to accept connections")
	until(t, "the stop", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
		return err == nil && bytes.Contains(stat, []byte(") T "))
	})
	s.signal(syscall.SIGCONT)
	if got := ask(t, s.dial(), "PING"); got != "+PONG" {
		t.Errorf("PING: %q", got)
	}
}

// TestLowFileLimit runs with few descriptors and no right to more.
func TestLowFileLimit(t *testing.T) {
	port := freePort(t)
	run := func(limit int) (string, *exec.Cmd, *output) {
		script := fmt.Sprintf("ulimit -n %d && exec %s --port %d --bind 127.0.0.1", limit, binary(t), port)
		c := exec.Command("sh", "-c", script)
		out := new(output)
		c.Stdout, c.Stderr, c.Dir = out, out, t.TempDir()
		if os.Geteuid() == 0 {
			// Root may raise limits, unless it is somebody else in here.
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			if err := os.Chmod(filepath.Dir(binary(t)), 0o755); err != nil {
				t.Fatal(err)
			}
			c.Dir = "/"
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		return script, c, out
	}
	_, c, out := run(200)
	until(t, "the server", func() bool { return strings.Contains(out.String(), "Ready to accept") })
	if missing := inOrder(out.String(),
		"# You requested maxclients of 10000 requiring at least 10032 max file descriptors.\n",
		"# Server can't set maximum open files to 10032 because of OS error: Operation not permitted.\n",
		"# Current maximum open files is 200. maxclients has been reduced to 168 to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.\n"); missing != "" {
		t.Errorf("no %q in:\n%s", missing, out.String())
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	_, c, out = run(20)
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 1 {
		t.Errorf("with 20 descriptors: %v", err)
	}
	if !strings.Contains(out.String(), "# Your current 'ulimit -n' of 20 is not enough for the server to start. Please increase your open file limit to at least 10032. Exiting.\n") {
		t.Error(out.String())
	}
}
