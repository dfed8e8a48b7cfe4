package loop

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redust/cmd"
	"redust/config"
	"redust/db"
)

// startTest starts a server on a Unix socket in dir.
func startTest(dir string, threads int, log Logger, change func(*cmd.Server)) (*Server, error) {
	cfg := config.New()
	cfg.Port, cfg.UnixSocket, cfg.IOThreads = 0, filepath.Join(dir, "s"), threads
	c := cmd.NewServer(cfg, db.New(1, rand.Uint64))
	c.Random = rand.Uint64
	change(c)
	s := New(c, cfg, Options{Log: log, Version: "test"})
	return s, s.Start()
}

// TestStop ends a server from another goroutine, twice, and expects that Wait returns
// and that a client sees the end of its connection.
func TestStop(t *testing.T) {
	for _, threads := range []int{1, 2} {
		var out bytes.Buffer
		dir := t.TempDir()
		l := openTestLog(t, config.New(), &out, time.Now)
		s, err := startTest(dir, threads, l, func(*cmd.Server) {})
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("unix", filepath.Join(dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s.Stop("because")
		s.Stop("")
		s.Wait()
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d, %v", n, err)
		}
		if _, err := net.Dial("unix", filepath.Join(dir, "s")); err == nil {
			t.Error("still accepts")
		}
		l.mu.Lock()
		text := out.String()
		l.mu.Unlock()
		if !strings.Contains(text, "# because\n") || strings.Count(text, "User requested shutdown...") != 1 {
			t.Errorf("log:\n%s", text)
		}
	}
}

// crashVar makes this test binary the process that crashes: number of threads, a
// blank, the directory.
const crashVar = "REDUST_TEST_CRASH"

// TestCrash looks at what a panic in a command leaves behind. It runs in a process of
// its own.
func TestCrash(t *testing.T) {
	if spec := os.Getenv(crashVar); spec != "" {
		crashNow(spec)
		return
	}
	for threads := 1; threads <= 2; threads++ {
		dir := t.TempDir()
		c := exec.Command(os.Args[0], "-test.run", "^TestCrash$")
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", crashVar, threads, dir))
		out, err := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 2 {
			t.Fatalf("%v:\n%s", err, out)
		}
		report := readFile(t, filepath.Join(dir, "log"))
		at := 0
		for _, want := range []string{
			"REDUST BUG REPORT START", "Redust test", "crashed: runtime error: index out of range [2] with length 0",
			"STACK TRACE", "loop.crashNow.",
			"REQUEST", `argv[0]: 4 bytes "PING"`, "argv[1]: 6 bytes *redacted*", "client: id=",
			"INFO OUTPUT", "# Server", "process_id:", "BUG REPORT END",
		} {
			i := strings.Index(report[at:], want)
			if i < 0 {
				t.Fatalf("%d threads: no %q in its place in:\n%s", threads, want, report)
			}
			at += i
		}
		if strings.Contains(report, "secret") {
			t.Errorf("the report shows the client's data:\n%s", report)
		}
	}
}

func crashNow(spec string) {
	var threads int
	var dir string
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
	}
	_, err := fmt.Sscanf(spec, "%d %s", &threads, &dir)
	fail(err)
	cfg := config.New()
	cfg.LogFile = filepath.Join(dir, "log")
	l, err := OpenLog(cfg)
	fail(err)
	_, err = startTest(dir, threads, l, func(c *cmd.Server) {
		c.Commands.Named("ping").Run = func(c *cmd.Ctx) error {
			var none []error
			return none[c.Argc()]
		}
	})
	fail(err)
	nc, err := net.Dial("unix", filepath.Join(dir, "s"))
	fail(err)
	_, err = nc.Write([]byte("PING secret\r\n"))
	fail(err)
	time.Sleep(5 * time.Second)
	os.Exit(4) // it should have crashed long ago
}

// TestPidFile: the file goes with the process whose id it holds, and with no other.
func TestPidFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	p, err := WritePidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, path); got != fmt.Sprintf("%d\n", os.Getpid()) {
		t.Errorf("%q", got)
	}
	if err := os.WriteFile(path, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if p.Remove() {
		t.Error("removed another's file")
	}
	if p, err = WritePidFile(path); err != nil || !p.Remove() {
		t.Errorf("did not remove its own file, %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if _, err := WritePidFile("/nonexistent/pid"); err == nil || SystemText(err) != "No such file or directory" {
		t.Errorf("error %v", err)
	}
	var none *PidFile
	if none.Remove() {
		t.Error("removed nothing")
	}
}
