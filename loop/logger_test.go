package loop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"redust/config"
)

// logClock is a clock that a test moves.
type logClock struct{ t time.Time }

func (c *logClock) now() time.Time { return c.t }

func newLogClock() *logClock {
	return &logClock{time.Date(2026, 11, 3, 13, 31, 2, 7_900_000, time.Local)}
}

func openTestLog(t *testing.T, cfg *config.Config, std *bytes.Buffer, now func() time.Time) *ProcessLog {
	t.Helper()
	l, err := openLog(cfg, std, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		off := config.New()
		if err := l.Configure(off); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	cfg := config.New()
	cfg.LogLevel = config.LogDebug
	l := openTestLog(t, cfg, &out, newLogClock().now)
	l.Debug("a")
	l.Verbose("b")
	l.SetRole(RoleMaster)
	l.Notice("c\xff")
	l.SetRole(RoleReplica)
	l.Warn("d")
	l.Raw("raw\n")
	pid := os.Getpid()
	want := fmt.Sprintf("%d:C 03 Nov 2026 13:31:02.007 . a\n%d:C 03 Nov 2026 13:31:02.007 - b\n"+
		"%d:M 03 Nov 2026 13:31:02.007 * c\xff\n%d:S 03 Nov 2026 13:31:02.007 # d\nraw\n", pid, pid, pid, pid)
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestLogLevels(t *testing.T) {
	for _, r := range []struct {
		level config.LogLevel
		want  string
	}{
		{config.LogDebug, ". - * # raw"},
		{config.LogVerbose, "- * # raw"},
		{config.LogNotice, "* # raw"},
		{config.LogWarning, "#"},
		{config.LogNothing, ""},
	} {
		var out bytes.Buffer
		cfg := config.New()
		l := openTestLog(t, cfg, &out, newLogClock().now)
		cfg.LogLevel = r.level // as CONFIG SET does it
		if err := l.Configure(cfg); err != nil {
			t.Fatal(err)
		}
		l.Debug("x")
		l.Verbose("x")
		l.Notice("x")
		l.Warn("x")
		l.Raw("raw\n")
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			f := strings.Fields(line)
			if len(f) == 7 {
				got = append(got, f[5])
			} else {
				got = append(got, line)
			}
		}
		if g := strings.Join(got, " "); g != r.want {
			t.Errorf("at %v: %q, want %q", r.level, g, r.want)
		}
	}
}

func TestLogJSON(t *testing.T) {
	var out bytes.Buffer
	cfg := config.New()
	cfg.LogFormat = config.LogJSON
	l := openTestLog(t, cfg, &out, newLogClock().now)
	l.SetRole(RoleMaster)
	l.Warn("say \"hi\"\n")
	l.Raw("a banner\n")
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), out.String())
	}
	for i, want := range []struct{ level, message string }{{"warning", "say \"hi\"\n"}, {"notice", "a banner"}} {
		got := map[string]any{}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, got["time"].(string))
		if err != nil || !at.Equal(newLogClock().t.Truncate(time.Millisecond)) {
			t.Errorf("time %v, %v", got["time"], err)
		}
		if got["level"] != want.level || got["message"] != want.message || got["role"] != "master" || got["pid"] != float64(os.Getpid()) || len(got) != 5 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLogRotation renames and removes the file under the log: lines go to the old one
// until the name is looked up again, which is a second later, or on Reopen.
func TestLogRotation(t *testing.T) {
	dir := t.TempDir()
	path, old := filepath.Join(dir, "redust.log"), filepath.Join(dir, "old")
	clock := newLogClock()
	cfg := config.New()
	cfg.LogFile = path
	l := openTestLog(t, cfg, nil, clock.now)
	l.Notice("one")
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	clock.t = clock.t.Add(rotationCheck - 1)
	l.Notice("two")
	clock.t = clock.t.Add(1)
	l.Notice("three")
	if got := readFile(t, old); strings.Count(got, "\n") != 2 || !strings.Contains(got, "* two\n") {
		t.Errorf("old file: %q", got)
	}
	if got := readFile(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, "* three\n") {
		t.Errorf("new file: %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	l.Notice("four")
	if got := readFile(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, "* four\n") {
		t.Errorf("after Reopen: %q", got)
	}
	// Truncated in place: what follows begins at the beginning.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	l.Notice("five")
	if got := readFile(t, path); strings.Count(got, "\n") != 1 || !strings.Contains(got, "* five\n") {
		t.Errorf("after truncation: %q", got)
	}
	// While the name cannot be opened, lines go to the file that is open.
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	l.Notice("six")
	if got := readFile(t, old); !strings.Contains(got, "* six\n") {
		t.Errorf("with a directory in the way: %q", got)
	}
}

func TestLogFileRefused(t *testing.T) {
	var out bytes.Buffer
	cfg := config.New()
	l := openTestLog(t, cfg, &out, newLogClock().now)
	cfg.LogFile = "/nonexistent/redust.log"
	err := l.Configure(cfg)
	if err == nil || SystemText(err) != "No such file or directory" {
		t.Errorf("error %v", err)
	}
	l.Notice("still here")
	if !strings.HasSuffix(out.String(), "* still here\n") {
		t.Errorf("%q", out.String())
	}
}

// TestLogFullDisk writes to a device that is always full.
func TestLogFullDisk(t *testing.T) {
	cfg := config.New()
	cfg.LogFile = "/dev/full"
	l := openTestLog(t, cfg, nil, time.Now)
	l.Notice("lost")
	cfg.LogFile = filepath.Join(t.TempDir(), "log")
	if err := l.Configure(cfg); err != nil {
		t.Fatal(err)
	}
	l.Notice("kept")
	if got := readFile(t, cfg.LogFile); strings.Count(got, "\n") != 1 || !strings.Contains(got, "* kept") {
		t.Errorf("%q", got)
	}
}

// TestLogGoroutines lets many write at once; every line must be whole.
func TestLogGoroutines(t *testing.T) {
	const writers, each = 8, 200
	path := filepath.Join(t.TempDir(), "log")
	cfg := config.New()
	cfg.LogFile = path
	l := openTestLog(t, cfg, nil, time.Now)
	text := strings.Repeat("x", 300)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				l.Notice(text)
				if i%50 == 0 {
					l.SetRole(RoleMaster)
					l.Reopen()
				}
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(readFile(t, path)), "\n")
	if len(lines) != writers*each {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, "* "+text) || strings.Count(line, "*") != 1 {
			t.Fatalf("torn line %q", line)
		}
	}
}

func TestSyslogFacility(t *testing.T) {
	for _, r := range []struct {
		in   config.SyslogFacility
		want syslog.Priority
	}{
		{config.FacilityUser, syslog.LOG_USER},
		{config.FacilityLocal0, syslog.LOG_LOCAL0},
		{config.FacilityLocal0 + 3, syslog.LOG_LOCAL3},
		{config.FacilityLocal7, syslog.LOG_LOCAL7},
	} {
		if got := syslogFacility(r.in); got != r.want {
			t.Errorf("%v: %d, want %d", r.in, got, r.want)
		}
	}
}

// TestSyslogLine looks at what leaves for syslog, at a socket in its place.
func TestSyslogLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	pc, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	var out bytes.Buffer
	l := openTestLog(t, config.New(), &out, time.Now)
	l.mu.Lock()
	l.sysWant, l.ident = true, "redis"
	if l.sys, err = syslog.Dial("unixgram", path, syslogFacility(config.FacilityLocal7)|syslog.LOG_NOTICE, "redis"); err != nil {
		l.mu.Unlock()
		t.Fatal(err)
	}
	l.facility = syslogFacility(config.FacilityLocal7)
	l.mu.Unlock()
	l.Warn("attention")
	b := make([]byte, 512)
	if err := pc.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := pc.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	// local7 is 23, warning 4.
	if got := string(b[:n]); !strings.HasPrefix(got, "<188>") || !strings.Contains(got, fmt.Sprintf("redis[%d]: attention", os.Getpid())) {
		t.Errorf("%q", got)
	}
	if !strings.Contains(out.String(), "# attention") {
		t.Errorf("not in the log as well: %q", out.String())
	}
}

func BenchmarkLogOff(b *testing.B) {
	cfg := config.New()
	l, err := openLog(cfg, new(bytes.Buffer), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Debug("nobody reads this")
	}
}
