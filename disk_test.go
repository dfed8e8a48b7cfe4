package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redust/cmd"
	"redust/config"
	"redust/db"
	"redust/internal/disk/faulty"
	"redust/loop"
	"redust/tests/script"
)

// Whole servers, in process, on a disk that fills up, fails and stalls as it is told. Sockets,
// executor, writer and load are the real ones; time is, too.

// onDisk is such a server.
type onDisk struct {
	t    *testing.T
	disk *faulty.Disk
	srv  *loop.Server
	addr string
	log  string // its file
}

// machine makes an empty disk, with the directory that servers on it will run in.
func machine(t *testing.T) *faulty.Disk {
	t.Helper()
	t.Chdir(t.TempDir()) // for what is not on the disk in memory
	d := faulty.New()
	wd, err := os.Getwd()
	if err == nil {
		err = d.Mkdir(wd)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// boots starts a server, which loads what is there.
func boots(t *testing.T, d *faulty.Disk, args ...string) *onDisk {
	t.Helper()
	s := &onDisk{t: t, disk: d, log: filepath.Join(t.TempDir(), "log")}
	port := freePort(t)
	s.addr = fmt.Sprintf("127.0.0.1:%d", port)
	cfg, _, err := config.Load(append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--logfile", s.log,
		"--appendonly", "yes", "--enable-debug-command", "yes"}, args...), strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cfg: cfg, disk: d, supervisor: loop.Supervise(cfg.Supervised)}
	if p.log, err = loop.OpenLog(cfg); err != nil {
		t.Fatal(err)
	}
	table := cmd.NewServer(cfg, db.New(cfg.Databases, rand.Uint64))
	table.Random, table.Files = rand.Uint64, d
	s.srv = loop.New(table, cfg, loop.Options{Log: p.log})
	data, err := p.findData()
	if err != nil {
		t.Fatal(err)
	}
	table.BeginLoad(0)
	if err := s.srv.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.Hook(nil)
		d.Limit(-1)
		s.srv.Post(func() { _ = s.srv.Shutdown(cmd.ShutdownOptions{NoSave: true, Force: true}) }) // which nothing refuses
		s.srv.Wait()
		if t.Failed() {
			t.Log(s.logged())
		}
	})
	if data != nil {
		err = (&boot{p: p, table: table, srv: s.srv}).load(data)
	}
	if err == nil {
		err = p.joinJournal(table, s.srv)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, s.logged())
	}
	return s
}

func (s *onDisk) logged() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// say sends a command on a connection of its own.
func (s *onDisk) say(words ...string) string {
	s.t.Helper()
	return say(s.t, s.addr, words...)
}

// want says commands and compares the beginnings of the replies.
func (s *onDisk) want(when string, pairs ...string) {
	s.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := s.say(strings.Fields(pairs[i])...); !strings.HasPrefix(got, pairs[i+1]) {
			s.t.Errorf("%s: %s: %q, want %q", when, pairs[i], got, pairs[i+1])
		}
	}
}

func (s *onDisk) info(name string) string {
	s.t.Helper()
	for _, line := range strings.Split(s.say("INFO", "persistence"), "\r\n") {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return v
		}
	}
	s.t.Fatalf("INFO has no %s", name)
	return ""
}

// becomes waits until a field of INFO has a value.
func (s *onDisk) becomes(name, value string) {
	s.t.Helper()
	until(s.t, name+":"+value, func() bool { return s.info(name) == value })
}

// asking sends a command and does not wait for the reply, which a call of the result does: for
// so long at most, and "" if there is none.
func (s *onDisk) asking(words ...string) func(time.Duration) string {
	s.t.Helper()
	c, err := script.Dial(s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	var args [][]byte
	for _, w := range words {
		args = append(args, []byte(w))
	}
	if err := c.Send(args); err != nil {
		s.t.Fatal(err)
	}
	return func(d time.Duration) string {
		b, err := c.Receive(d)
		if err != nil && err != script.ErrTimeout {
			return err.Error()
		}
		return string(b)
	}
}

// ends asks for a shutdown, which must not be refused.
func (s *onDisk) ends(words ...string) {
	s.t.Helper()
	heard := s.asking(append([]string{"SHUTDOWN"}, words...)...)
	select {
	case <-s.srv.Stopped():
	case <-time.After(patience):
		s.t.Fatalf("SHUTDOWN %v: does not end, %q", words, heard(0))
	}
}

const (
	soon  = 100 * time.Millisecond // in which nothing is to be heard
	noEnd = "ERR Errors trying to SHUTDOWN. Check logs."
)

// failing makes operations of some kinds fail.
func failing(err error, kinds ...faulty.Kind) func(faulty.Op) error {
	return func(op faulty.Op) error {
		for _, k := range kinds {
			if op.Kind == k {
				return err
			}
		}
		return nil
	}
}

// TestDiskStalls: past 64 MB writes are held back, and all goes on when the disk does.
func TestDiskStalls(t *testing.T) {
	s := boots(t, machine(t))
	s.want("before", "CONFIG SET latency-monitor-threshold 1", "OK", "SET a 1", "OK")
	stalled := make(chan bool)
	goOn := sync.OnceFunc(func() { close(stalled) })
	t.Cleanup(goOn)
	s.disk.Hook(func(op faulty.Op) error {
		if op.Kind == faulty.Write {
			<-stalled
		}
		return nil
	})
	c, err := script.Dial(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const n, size = 70, 1 << 20
	value := []byte(strings.Repeat("v", size))
	for range n {
		if err := c.Send([][]byte{[]byte("SET"), []byte("big"), value}); err != nil {
			t.Fatal(err)
		}
	}
	s.becomes("aof_writes_held", "1")
	if b, err := c.Receive(soon); err != script.ErrTimeout {
		t.Errorf("answered %q, and nothing is written (%v)", b, err)
	}
	s.want("held back", "GET a", "1", "STRLEN big", strconv.Itoa(size), "PING", "PONG")
	held := s.asking("SET", "a", "2")
	if got := held(soon); got != "" {
		t.Errorf("a write is not held back: %q", got)
	}
	s.want("held back", "GET a", "1")
	var waited int64
	line := s.logged()
	if at := strings.Index(line, "append only file: "); at < 0 {
		t.Errorf("log: %s", line)
	} else if _, err := fmt.Sscanf(line[at:], "append only file: %d bytes wait", &waited); err != nil || waited < 64<<20 || waited > (n+1)*size {
		t.Errorf("%d bytes wait (%v)", waited, err)
	}
	goOn()
	if got := held(patience); got != "+OK\r\n" {
		t.Errorf("held back, and then: %q", got)
	}
	for range n {
		if b, err := c.Receive(patience); string(b) != "+OK\r\n" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	s.becomes("aof_writes_held", "0")
	s.want("after", "GET a", "2", "LATENCY RESET aof-writes-held", "1", "LATENCY RESET aof-writes-held", "0")
	if s.info("aof_writes_held_total") != "1" || !strings.Contains(s.logged(), "The disk has caught up") {
		t.Error(s.logged())
	}
}

// TestDiskFull: writes are refused, reads are not, and nobody hears OK of what is not there;
// the process ends only with FORCE; and all of that costs nothing once there is room.
func TestDiskFull(t *testing.T) {
	d := machine(t)
	s := boots(t, d)
	s.want("before", "SET a 1", "OK", "INCR n", "1")
	d.Limit(d.Used() + 10)
	waits := s.asking("INCR", "n")
	s.becomes("aof_last_write_status", "err")
	const misconf = "MISCONF Errors writing to the AOF file: No space left on device"
	s.want("full", "SET a 2", misconf, "PING", misconf, "GET a", "1",
		"SHUTDOWN", noEnd, "SHUTDOWN NOW", noEnd, "SHUTDOWN NOSAVE", noEnd,
		"SHUTDOWN ABORT", "ERR No shutdown in progress.", "SHUTDOWN NOW ABORT", "ERR syntax error", "GET a", "1")
	if got := waits(soon); got != "" {
		t.Errorf("answered %q", got)
	}
	d.Limit(-1)
	if got := waits(patience); got != ":2\r\n" {
		t.Errorf("there is room, and: %q", got)
	}
	s.becomes("aof_last_write_status", "ok")
	s.want("after", "SET a 3", "OK", "PING", "PONG")
	if got := s.info("aof_rewrites"); got != "0" {
		t.Errorf("%s rewrites", got)
	}
	s.ends()
	s = boots(t, d)
	s.want("the next one", "GET a", "3", "GET n", "2", "DBSIZE", "2")
	d.Limit(d.Used() + 10)
	waits = s.asking("INCR", "n")
	s.becomes("aof_last_write_status", "err")
	s.ends("FORCE")
	if got := waits(patience); strings.HasPrefix(got, ":") {
		t.Errorf("forced to end, and nothing is written, but: %q", got)
	}
	d.Limit(-1)
	boots(t, d).want("the third", "GET n", "2", "GET a", "3")
}

// TestSyncFails: what was not synced counts only when the whole data set is in new files.
func TestSyncFails(t *testing.T) {
	d := machine(t)
	s := boots(t, d, "--appendfsync", "always")
	s.want("before", "SET a 1", "OK", "INCR n", "1")
	d.Hook(failing(syscall.EIO, faulty.Sync))
	waits := s.asking("INCR", "n")
	s.becomes("aof_last_write_status", "err")
	s.want("failing", "SET a 2", "MISCONF Errors writing to the AOF file: Input/output error", "GET a", "1", "SHUTDOWN", noEnd)
	if got := waits(1500 * time.Millisecond); got != "" { // a rewrite has failed, and another
		t.Errorf("answered %q", got)
	}
	boots(t, d.Crash(rand.New(rand.NewPCG(1, 1))), "--appendfsync", "always").want("after a crash", "GET a", "1")
	d.Hook(nil)
	if got := waits(patience); got != ":2\r\n" {
		t.Errorf("the disk is well again, and: %q", got)
	}
	s.becomes("aof_last_write_status", "ok")
	s.want("after", "SET a 3", "OK")
	for seed := range uint64(3) {
		boots(t, d.Crash(rand.New(rand.NewPCG(1, seed))), "--appendfsync", "always").want("after the next crash", "GET a", "3", "GET n", "2", "DBSIZE", "2")
	}
}

// TestSavesFail: who cannot save says so, and does not end.
func TestSavesFail(t *testing.T) {
	d := machine(t)
	s := boots(t, d, "--appendonly", "no", "--save", "3600", "1")
	s.want("before", "SET a 1", "OK")
	d.Limit(0)
	s.want("full", "BGSAVE", "Background saving started")
	s.becomes("rdb_last_bgsave_status", "err")
	s.want("full", "SET a 2", "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "GET a", "1",
		"SAVE", "ERR", "SHUTDOWN", noEnd, "SHUTDOWN NOW", noEnd, "SHUTDOWN SAVE", noEnd, "SHUTDOWN ABORT", "ERR No shutdown in progress.", "GET a", "1")
	if missing := inOrder(s.logged(), "Error trying to save the DB, can't exit.", "Error trying to save the DB, can't exit."); missing != "" {
		t.Errorf("no %q in the log", missing)
	}
	d.Limit(-1)
	s.want("after", "BGSAVE", "Background saving started")
	s.becomes("rdb_last_bgsave_status", "ok")
	s.want("after", "SET a 2", "OK", "SHUTDOWN ABORT", "ERR No shutdown in progress.")
	d.Limit(0)
	s.ends("FORCE")

	s = boots(t, d, "--appendonly", "no", "--save", "3600", "1")
	s.want("another", "SET a 1", "OK", "SHUTDOWN", noEnd)
	s.ends("NOSAVE")
}

// TestGrowth: the file is written anew when it has grown, counted from what it was after the
// last time, and after a start from its base.
func TestGrowth(t *testing.T) {
	d := machine(t)
	args := []string{"--auto-aof-rewrite-min-size", "10kb", "--auto-aof-rewrite-percentage", "100"}
	s := boots(t, d, args...)
	grow := func(n int) {
		t.Helper()
		for range n {
			s.want("growing", "SET a "+strings.Repeat("v", 1000), "OK")
		}
	}
	size := func(name string) int {
		n, err := strconv.Atoi(s.info(name))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	grow(8)
	time.Sleep(2 * soon)
	if got := s.info("aof_rewrites"); got != "0" || size("aof_current_size") < 8000 {
		t.Errorf("%s rewrites after %d bytes", got, size("aof_current_size"))
	}
	grow(3)
	s.becomes("aof_rewrites", "1")
	s.becomes("aof_rewrite_in_progress", "0")
	base := size("aof_base_size")
	if now := size("aof_current_size"); now != base || base > 5000 {
		t.Errorf("the base is %d of %d bytes", base, now)
	}
	grow(4)
	s.ends()
	s = boots(t, d, args...)
	if now := size("aof_current_size"); size("aof_base_size") >= base+4000 || now < base+4000 {
		t.Errorf("after a start the base is %d of %d bytes, after the rewrite it was %d", size("aof_base_size"), now, base)
	}
	grow(11)
	s.becomes("aof_rewrites", "1")
}
