package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"redust/tests/redis"
	"redust/tests/script"
	testserver "redust/tests/server"
)

// The start with a file: the real binary, and files that a real redis-server wrote.

// redisServer starts a real one.
func redisServer(t *testing.T, args ...string) *testserver.Server {
	t.Helper()
	bin := redis.Tool(t, "redis-server")
	s, err := testserver.Start(bin, append([]string{"--enable-debug-command", "yes"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// say sends one command to an address and returns the reply as a script writes it.
func say(t *testing.T, addr string, words ...string) string {
	t.Helper()
	c, err := script.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := script.Do(c, words...)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	if v.Text != "" {
		return v.Text
	}
	return v.Format(2)
}

func (s *server) addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// fill gives a server some of everything.
func fill(t *testing.T, addr string) {
	t.Helper()
	for _, line := range []string{
		"DEBUG POPULATE 3000 key 30", "SET long " + strings.Repeat("lzf ", 1000), "SET n -123456789", "SET exp x PX 100000000",
		"RPUSH small a b 1 -2", "SADD ints 1 2 3 70000", "SADD words a b c", "ZADD z 1 a 2.5 b inf c", "HSET h a 1 b 2 c " + strings.Repeat("x", 100),
		"XADD s 1-1 a b", "XADD s 1-2 a b c d", "XGROUP CREATE s g 0", "XREADGROUP GROUP g me COUNT 1 STREAMS s >", "XDEL s 1-1",
		"PFADD hll a b c", "SETBIT bits 10000 1",
	} {
		say(t, addr, strings.Fields(line)...)
	}
	for _, big := range []string{"RPUSH list", "SADD set", "ZADD zset", "HSET hash"} {
		words := strings.Fields(big)
		for i := range 3000 {
			if words[0] == "ZADD" {
				words = append(words, fmt.Sprint(i))
			}
			words = append(words, fmt.Sprintf("element-%d", i))
			if words[0] == "HSET" {
				words = append(words, fmt.Sprint(i))
			}
		}
		say(t, addr, words...)
	}
	c, err := script.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, line := range []string{"SELECT 9", "SET there 1", "HSET h f v"} {
		if _, err := script.Do(c, strings.Fields(line)...); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoadsRedisFile: what a real server saved is here after the start, and what we save
// there after its.
func TestLoadsRedisFile(t *testing.T) {
	dir := t.TempDir()
	real := redisServer(t, "--dir", dir)
	fill(t, real.Addr)
	want, keys := say(t, real.Addr, "DEBUG", "DIGEST"), say(t, real.Addr, "DBSIZE")
	say(t, real.Addr, "SET", "gone", "x", "PX", "200")
	if got := say(t, real.Addr, "SAVE"); got != "OK" {
		t.Fatal(got)
	}
	if err := real.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	theirs, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []string{"1", "3"} {
		dir = withFile(t, theirs)
		s := serve(t, "--dir", dir, "--enable-debug-command", "yes", "--io-threads", threads)
		if got := say(t, s.addr(), "DBSIZE"); got != keys {
			t.Errorf("DBSIZE %s, Redis had %s", got, keys)
		}
		if got := say(t, s.addr(), "DEBUG", "DIGEST"); got != want {
			t.Errorf("digest %s, Redis had %s", got, want)
		}
		if missing := inOrder(s.out.String(), "Server initialized", "Loading RDB produced by version 7.0.15", "RDB age ", "RDB memory usage when created ",
			"Done loading RDB, keys loaded: ", ", keys expired: 1.", "DB loaded from disk: ", "Ready to accept connections"); missing != "" {
			t.Errorf("%q is not in its place in:\n%s", missing, s.out.String())
		}
		if got := say(t, s.addr(), "SAVE"); got != "OK" {
			t.Fatal(got)
		}
		s.signal(syscall.SIGTERM)
		s.status()
	}
	real = redisServer(t, "--dir", dir)
	if got := say(t, real.Addr, "DEBUG", "DIGEST"); got != want {
		t.Errorf("Redis's digest of our file %s, it had %s", got, want)
	}
}

// TestSnapshotBeforeJournal: whoever switches appendonly on in the configuration file keeps
// the data of the snapshot, from then on in the append only file.
func TestSnapshotBeforeJournal(t *testing.T) {
	dir := withFile(t, savedBy(t, 100))
	for round, want := range []string{"100", "101"} {
		s := serve(t, "--dir", dir, "--appendonly", "yes")
		if got := say(t, s.addr(), "DBSIZE"); got != want {
			t.Errorf("round %d: DBSIZE %s, want %s", round, got, want)
		}
		if told := strings.Contains(s.out.String(), "but there is a snapshot: dump.rdb is loaded"); told != (round == 0) {
			t.Errorf("round %d: the log says so: %t", round, told)
		}
		say(t, s.addr(), "SET", fmt.Sprint("new", round), "1")
		s.signal(syscall.SIGTERM)
		s.status()
	}
}

// savedBy returns the bytes of a file with n keys that a server of ours wrote.
func savedBy(t *testing.T, keys int) []byte {
	t.Helper()
	s := serve(t, "--enable-debug-command", "yes", "--rdbcompression", "no")
	say(t, s.addr(), "DEBUG", "POPULATE", fmt.Sprint(keys), "key", "50")
	if got := say(t, s.addr(), "SAVE"); got != "OK" {
		t.Fatal(got)
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGTERM)
	s.status()
	return b
}

// withFile returns a directory that holds a snapshot.
func withFile(t *testing.T, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLoading: while the file is loaded clients are answered, and what they hear is what
// Redis says; the end of the process does not touch the file.
func TestLoading(t *testing.T) {
	const loading = "LOADING Redis is loading the dataset in memory"
	const keys = 50000
	file := savedBy(t, keys)
	dir := withFile(t, file)
	start := func() *server {
		s := spawn(t, nil, "", "--port", "%PORT", "--bind", "127.0.0.1", "--dir", dir, "--save", "1 1",
			"--key-load-delay", "200", "--enable-protected-configs", "yes", "--appendonly", "no")
		s.wait("Loading RDB produced by")
		return s
	}
	s := start()
	for _, r := range []struct{ line, want string }{
		{"PING", loading}, {"GET key:1", loading}, {"SET a b", loading}, {"SAVE", loading},
		{"CONFIG SET dir /", loading}, {"CONFIG SET appendonly yes", loading},
		{"SELECT 1", "OK"}, {"CLIENT SETNAME x", "OK"}, {"NOSUCH", "ERR unknown command 'NOSUCH', with args beginning with: "},
	} {
		if got := say(t, s.addr(), strings.Fields(r.line)...); got != r.want {
			t.Errorf("%s: %s, want %s", r.line, got, r.want)
		}
	}
	info := func(name string) string {
		m := regexp.MustCompile(`\n` + name + `:(.*)\r`).FindStringSubmatch(say(t, s.addr(), "INFO", "persistence"))
		if m == nil {
			return "(none)"
		}
		return m[1]
	}
	for name, want := range map[string]string{"loading": "1", "async_loading": "0", "loading_total_bytes": fmt.Sprint(len(file)),
		"loading_start_time": `\d{10}`, "loading_rdb_used_mem": `[1-9]\d+`, "loading_loaded_bytes": `\d+`, "loading_loaded_perc": `\d+\.\d\d`,
		"loading_eta_seconds": `-?\d+`, "rdb_last_load_keys_loaded": `\d+`} {
		if got := info(name); !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%s:%s, want %s", name, got, want)
		}
	}
	c, err := script.Dial(s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range []struct{ line, want string }{
		{"MULTI", "OK"}, {"SET a b", loading}, {"EXEC", "EXECABORT Transaction discarded because of previous errors."},
	} {
		if v, err := script.Do(c, strings.Fields(r.line)...); err != nil || v.Text != r.want {
			t.Errorf("%s: %s, %v, want %s", r.line, v.Format(2), err, r.want)
		}
	}
	was := info("loading_loaded_bytes")
	until(t, "progress", func() bool { return info("loading_loaded_bytes") != was })
	// The rest at full speed.
	if got := say(t, s.addr(), "CONFIG", "SET", "key-load-delay", "0"); got != "OK" {
		t.Error(got)
	}
	s.wait("Ready to accept connections")
	if got := say(t, s.addr(), "DBSIZE"); got != fmt.Sprint(keys) {
		t.Errorf("DBSIZE %s", got)
	}
	if got := info("loading") + info("loading_eta_seconds") + info("rdb_last_load_keys_loaded"); got != "0(none)"+fmt.Sprint(keys) {
		t.Errorf("after the load: %s", got)
	}
	for _, stop := range []func(*server){
		func(s *server) { s.signal(syscall.SIGTERM) },
		func(s *server) { _, _ = fmt.Fprint(s.dial(), "SHUTDOWN\r\n") },
		func(s *server) { _, _ = fmt.Fprint(s.dial(), "SHUTDOWN SAVE\r\n") },
	} {
		s := start()
		stop(s)
		if got := s.status(); got != 0 {
			t.Errorf("status %d:\n%s", got, s.out.String())
		}
		if b, err := os.ReadFile(filepath.Join(dir, "dump.rdb")); err != nil || !bytes.Equal(b, file) {
			t.Errorf("the file was written to while it was being loaded (%v)", err)
		}
	}
}

// TestDamagedFile: nothing that is damaged is loaded unasked, and nothing is lost.
func TestDamagedFile(t *testing.T) {
	const keys = 10000
	whole := savedBy(t, keys)
	at := len(whole) / 2
	changed := func(i int, b ...byte) []byte { c := bytes.Clone(whole); copy(c[i:], b); return c }
	for _, r := range []struct {
		name  string
		file  []byte
		where string
		least int // keys that are intact
		most  int
	}{
		{"torn", whole[:at], fmt.Sprintf(" of %d, reading ", at), keys / 3, keys * 2 / 3},
		{"scribbled over", changed(at, bytes.Repeat([]byte{0xff}, 100)...), " of ", keys / 3, keys * 2 / 3},
		{"a bit in a value", changed(bytes.Index(whole, []byte("value:17\x00"))+20, 1), "the checksum is ", keys, keys},
		{"another kind", []byte("hello, this is a text"), "0 of 21", 0, 0},
		{"empty", nil, "0 of 0", 0, 0},
	} {
		t.Run(r.name, func(t *testing.T) {
			start := func(choice string) (*server, string) {
				dir := withFile(t, r.file)
				return spawn(t, nil, "", "--port", "%PORT", "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--on-corrupt-data", choice), dir
			}
			kept := func(dir string) {
				t.Helper()
				names, err := filepath.Glob(filepath.Join(dir, "dump.rdb.corrupt-*"))
				if err != nil || len(names) != 1 || exists(filepath.Join(dir, "dump.rdb")) {
					t.Fatalf("the damaged file was not moved aside: %v", names)
				}
				if b, err := os.ReadFile(names[0]); err != nil || !bytes.Equal(b, r.file) {
					t.Errorf("the damaged file is not what it was: %v", err)
				}
			}

			s, dir := start("refuse")
			if got := s.status(); got != 1 {
				t.Errorf("status %d", got)
			}
			if missing := inOrder(s.out.String(), "is damaged at byte ", r.where, "Intact before that place: ", "check-rdb "+dir+"/dump.rdb",
				" --on-corrupt-data salvage\n", " --on-corrupt-data empty\n", "Fatal error loading the DB"); missing != "" {
				t.Errorf("%q is not in its place in:\n%s", missing, s.out.String())
			}
			if b, err := os.ReadFile(filepath.Join(dir, "dump.rdb")); err != nil || !bytes.Equal(b, r.file) {
				t.Errorf("the file was touched: %v", err)
			}

			s, dir = start("salvage")
			s.wait("Ready to accept connections")
			kept(dir)
			var n int
			if _, err := fmt.Sscan(say(t, s.addr(), "DBSIZE"), &n); err != nil || n < r.least || n > r.most {
				t.Errorf("%d keys were salvaged, want %d to %d", n, r.least, r.most)
			}
			if got := say(t, s.addr(), "SAVE"); got != "OK" {
				t.Error(got)
			}
			if r.least > 0 { // with rules, nobody has to ask for that
				dir = withFile(t, r.file)
				s = spawn(t, nil, "", "--port", "%PORT", "--bind", "127.0.0.1", "--save", "3600 1", "--dir", dir, "--on-corrupt-data", "salvage")
				s.wait("Background saving terminated with success")
				if !exists(filepath.Join(dir, "dump.rdb")) {
					t.Error("what was salvaged is nowhere")
				}
			}

			s, dir = start("empty")
			s.wait("Ready to accept connections")
			kept(dir)
			if got := say(t, s.addr(), "DBSIZE"); got != "0" {
				t.Errorf("DBSIZE %s", got)
			}
		})
	}
}

// TestForeignFile: a file that is not damaged but cannot be read ends the process, whatever
// on-corrupt-data says, and stays where it is.
func TestForeignFile(t *testing.T) {
	whole := savedBy(t, 10)
	later := append([]byte("REDIS0099"), whole[9:]...)
	for _, r := range []struct {
		name string
		file []byte
		args []string
		want string
	}{
		{"a later version", later, nil, "version 99"},
		{"Valkey's", append([]byte("VALKEY080"), whole[9:]...), nil, "Valkey"},
		{"too many databases", append(whole[:len(whole)-9:len(whole)-9], 0xfe, 0x2a, 0, 1, 'k', 1, 'v', 0xff, 0, 0, 0, 0, 0, 0, 0, 0), nil, "database 42"},
	} {
		for _, choice := range []string{"refuse", "salvage", "empty"} {
			dir := withFile(t, r.file)
			s := spawn(t, nil, "", "--port", "%PORT", "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--on-corrupt-data", choice)
			if got := s.status(); got != 1 || inOrder(s.out.String(), "can't be loaded", r.want, "Fatal error loading the DB") != "" {
				t.Errorf("%s, %s: status %d:\n%s", r.name, choice, got, s.out.String())
			}
			if b, err := os.ReadFile(filepath.Join(dir, "dump.rdb")); err != nil || !bytes.Equal(b, r.file) {
				t.Errorf("%s, %s: the file was touched: %v", r.name, choice, err)
			}
		}
	}
	dir := withFile(t, whole)
	if err := os.Chmod(filepath.Join(dir, "dump.rdb"), 0); err == nil && os.Getuid() != 0 {
		s := spawn(t, nil, "", "--port", "%PORT", "--bind", "127.0.0.1", "--dir", dir)
		if got := s.status(); got != 1 || !strings.Contains(s.out.String(), "Permission denied") {
			t.Errorf("unreadable: status %d:\n%s", got, s.out.String())
		}
	}
}

// TestCheckRDB compares the tool with Redis's.
func TestCheckRDB(t *testing.T) {
	theirs := redis.Tool(t, "redis-check-rdb")
	dir := t.TempDir()
	real := redisServer(t, "--dir", dir)
	fill(t, real.Addr)
	say(t, real.Addr, "SAVE")
	if err := real.Kill(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "redis-check-rdb")
	if err := os.Symlink(binary(t), link); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args ...string) (string, int) {
		c := exec.Command(program, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if _, ended := err.(*exec.ExitError); err != nil && !ended {
			t.Fatal(err)
		}
		return string(out), c.ProcessState.ExitCode()
	}
	sum := bytes.Clone(whole)
	sum[len(sum)-3] ^= 1
	for _, r := range []struct {
		name string
		file []byte
		same bool // to the byte; else as far as the first error
	}{
		{"whole.rdb", whole, true}, {"torn.rdb", whole[:len(whole)/2], true}, {"header.rdb", whole[:30], true},
		{"sum.rdb", sum, false}, {"text.rdb", []byte("HELLO WORLD"), false}, {"empty.rdb", nil, true},
	} {
		if err := os.WriteFile(filepath.Join(dir, r.name), r.file, 0o644); err != nil {
			t.Fatal(err)
		}
		want, status := run(theirs, r.name)
		for _, got := range []func() (string, int){
			func() (string, int) { return run(binary(t), "check-rdb", r.name) },
			func() (string, int) { return run(link, r.name) },
		} {
			out, is := got()
			head := func(s string) string { s, _, _ = strings.Cut(s, "RDB ERROR DETECTED"); return s }
			if is != status || r.same && out != want || head(out) != head(want) {
				t.Errorf("%s: status %d, Redis's %d\n%s\nRedis says:\n%s", r.name, is, status, out, want)
			}
		}
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"missing.rdb"}} {
		_, want := run(theirs, args...)
		if _, got := run(link, args...); got != want {
			t.Errorf("%q: status %d, Redis's %d", args, got, want)
		}
	}
	if out, status := run(link, "--version"); status != 0 || !strings.HasPrefix(out, "redis-check-rdb ") {
		t.Errorf("--version: %q, status %d", out, status)
	}
}
