// Package aof starts whole servers on append only files: Redis's and ours, whole, torn, damaged,
// and as they were at some moment. What a server says of its data is compared by DEBUG
// DIGEST, which does not depend on who holds it, or how.
package aof

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"redust/tests/random"
	"redust/tests/redis"
	"redust/tests/script"
	"redust/tests/server"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "redust-aof-test-")
	if err == nil {
		binary, err = server.Redust(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// up is a server on a directory that outlives it.
type up struct {
	*server.Server
	script.Conn
	t *testing.T
}

func start(t *testing.T, bin, dir string, args ...string) *up {
	t.Helper()
	s, err := server.Start(bin, append([]string{"--dir", dir, "--appendonly", "yes", "--enable-debug-command", "yes"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return &up{s, c, t}
}

// refused starts a server that must end at once, and returns its log.
func refused(t *testing.T, dir string, args ...string) string {
	t.Helper()
	s, err := server.Start(binary, append([]string{"--dir", dir, "--appendonly", "yes"}, args...)...)
	if err == nil {
		t.Errorf("the server starts:\n%s", s.Log())
		_ = s.Close()
		return ""
	}
	return err.Error()
}

func (u *up) do(words ...string) script.Value {
	u.t.Helper()
	v, err := script.Do(u.Conn, words...)
	if err != nil {
		u.t.Fatalf("%.60q: %v\n%s", words, err, u.Log())
	}
	return v
}

func (u *up) digest() string { u.t.Helper(); return u.do("DEBUG", "DIGEST").Text }

// kill ends the server as a crash does.
func (u *up) kill() {
	u.t.Helper()
	if err := u.Kill(); err != nil {
		u.t.Fatal(err)
	}
}

// rewrite rewrites the file and waits until that is over.
func (u *up) rewrite() {
	u.t.Helper()
	u.do("BGREWRITEAOF")
	for range 500 {
		info := u.do("INFO", "persistence").Text
		if strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") {
			if !strings.Contains(info, "aof_last_bgrewrite_status:ok") {
				u.t.Fatalf("the rewrite failed:\n%s", u.Log())
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	u.t.Fatal("the rewrite does not end")
}

// fill makes data of all types, by random commands, some of them in transactions.
func (u *up) fill(seed uint64, n int) {
	u.t.Helper()
	g := random.NewGen(seed)
	in := 0
	for _, s := range g.Plan(n) {
		if s.Waiter > 0 || s.Listener > 0 || strings.EqualFold(s.Args[0], "MULTI") || strings.EqualFold(s.Args[0], "EXEC") {
			continue
		}
		if in == 0 && g.OneIn(10) {
			u.do("MULTI")
			in = 1 + int((seed+uint64(len(s.Args)))%5)
		} else if in > 0 {
			if in--; in == 0 {
				u.do("EXEC")
			}
		}
		u.do(s.Args...)
	}
	if in > 0 {
		u.do("EXEC")
	}
}

func oracle(t *testing.T) string { t.Helper(); return redis.Tool(t, "redis-server") }

// TestTheirs loads what a redis-server has written, and must come to what that server comes to
// when it starts again. That is not always what it had: a BITFIELD that overflows with FAIL
// may lengthen its string, of which Redis tells the file nothing.
func TestTheirs(t *testing.T) {
	bin := oracle(t)
	for i, args := range [][]string{
		{},
		{"--aof-timestamp-enabled", "yes"},
		{"--aof-use-rdb-preamble", "no", "--aof-timestamp-enabled", "yes"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			dir := t.TempDir()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			theirs := start(t, bin, dir, args...)
			theirs.fill(seed, 3000)
			if i > 0 {
				theirs.rewrite()
			}
			theirs.fill(seed+1, 3000)
			theirs.do("SET", "n", "1")
			theirs.do("SELECT", "3")
			theirs.do("SET", "other", "database", "PX", "100000000")
			theirs.kill()
			again := start(t, bin, dir, args...)
			want := again.digest()
			again.kill()
			ours := start(t, binary, dir)
			if got := ours.digest(); got != want {
				t.Errorf("digest %s, want %s\n%s", got, want, ours.Log())
			}
			if log := ours.Log(); strings.Contains(log, "fails now") {
				t.Error(log)
			}
			// And back: what was loaded, and what is done now.
			ours.fill(seed+2, 1000)
			want = ours.digest()
			ours.kill()
			if got := start(t, bin, dir).digest(); got != want {
				t.Errorf("redis-server, after us: digest %s, want %s", got, want)
			}
		})
	}
}

// TestOurs writes, is killed, and starts again; as do servers that rewrite in between.
func TestOurs(t *testing.T) {
	for i, args := range [][]string{
		{},
		{"--aof-timestamp-enabled", "yes", "--io-threads", "2"},
	} {
		dir := t.TempDir()
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		u := start(t, binary, dir, args...)
		u.fill(seed, 3000)
		if i > 0 {
			u.rewrite()
			u.fill(seed+1, 3000)
		}
		want := u.digest()
		u.kill()
		if got := start(t, binary, dir).digest(); got != want {
			t.Errorf("%v: digest %s, want %s", args, got, want)
		}
	}
}

// TestReload loads the file while the server runs.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	u := start(t, binary, dir)
	u.fill(5, 1000)
	u.rewrite()
	u.fill(6, 1000)
	u.do("SELECT", "2")
	want := u.digest()
	for range 2 {
		if got := u.do("DEBUG", "LOADAOF").Text; got != "OK" {
			t.Fatalf("DEBUG LOADAOF: %s\n%s", got, u.Log())
		}
		if got := u.digest(); got != want {
			t.Errorf("digest %s, want %s", got, want)
		}
		u.do("INCR", "n") // in database 2, still
		want = u.digest()
	}
	u.kill()
	if got := start(t, binary, dir).digest(); got != want {
		t.Errorf("after a crash: digest %s, want %s", got, want)
	}
}

// TestSwitchOffInside switches the file off in a transaction, and in a batch: what was done in
// front of it is in the file.
func TestSwitchOffInside(t *testing.T) {
	for _, multi := range []bool{true, false} {
		dir := t.TempDir()
		u := start(t, binary, dir, "--io-threads", "2")
		lines := []string{"SET a 1", "SET b 1", "CONFIG SET appendonly no", "SET c 1"}
		if multi {
			lines = append(append([]string{"MULTI"}, lines...), "EXEC")
		}
		for _, l := range lines {
			var words [][]byte
			for _, w := range strings.Fields(l) {
				words = append(words, []byte(w))
			}
			if err := u.Send(words); err != nil {
				t.Fatal(err)
			}
		}
		for range lines {
			if _, err := u.Receive(10 * time.Second); err != nil {
				t.Fatalf("multi %t: %v\n%s", multi, err, u.Log())
			}
		}
		u.kill()
		if got := start(t, binary, dir).do("DBSIZE").Text; got != "2" {
			t.Errorf("multi %t: %s keys, want 2", multi, got)
		}
	}
}

// TestExpired loads keys whose deadline passes while nobody looks: what the file does to them
// is done, since they were there then, and afterwards they go, with a DEL in the file.
func TestExpired(t *testing.T) {
	dir := t.TempDir()
	u := start(t, binary, dir)
	u.do("DEBUG", "SET-ACTIVE-EXPIRE", "0")
	u.do("RPUSH", "short", "a", "b")
	u.do("PEXPIRE", "short", "60")
	u.do("RENAME", "short", "long")
	u.do("PERSIST", "long")
	u.do("SET", "s", "1", "PX", "60")
	u.do("INCR", "s")
	u.do("HSET", "h", "f", "1")
	u.do("HPEXPIRE", "h", "60", "FIELDS", "1", "f")
	u.do("HSET", "h", "g", "2")
	u.kill()
	time.Sleep(100 * time.Millisecond)
	u = start(t, binary, dir)
	for _, r := range [][2]string{{"LLEN long", "2"}, {"EXISTS s", "0"}, {"HLEN h", "1"}, {"HGET h g", "2"}, {"DBSIZE", "2"}} {
		if got := u.do(strings.Fields(r[0])...).Text; got != r[1] {
			t.Errorf("%s: %s, want %s", r[0], got, r[1])
		}
	}
	if log := u.Log(); strings.Contains(log, "fails now") {
		t.Error(log)
	}
}

// TestSingleFile takes in the file of a server before Redis 7, with and without a preamble.
func TestSingleFile(t *testing.T) {
	dir := t.TempDir()
	u := start(t, binary, dir)
	u.fill(7, 1000)
	u.rewrite()
	u.do("SET", "after", "1")
	want := u.digest()
	u.kill()
	// Base and increment, one after the other, are what such a server would have.
	names, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.base.rdb"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	incr, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(incr) != 1 {
		t.Fatal(incr, err)
	}
	single := append(content(t, names[0]), content(t, incr[0])...)

	fresh := t.TempDir()
	if err := os.WriteFile(filepath.Join(fresh, "appendonly.aof"), single, 0o644); err != nil {
		t.Fatal(err)
	}
	u = start(t, binary, fresh)
	if got := u.digest(); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(fresh, "appendonly.aof")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the single file is still there: %v", err)
	}
	u.do("SET", "more", "1")
	want = u.digest()
	u.kill()
	if got := start(t, binary, fresh).digest(); got != want {
		t.Errorf("the second time: digest %s, want %s", got, want)
	}
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request is a request in a file.
func request(words ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return s
}

// directory makes one with increments that hold these texts.
func directory(t *testing.T, texts ...string) string {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "appendonlydir")
	manifest := ""
	err := os.Mkdir(in, 0o755)
	for i, text := range texts {
		name := fmt.Sprintf("appendonly.aof.%d.incr.aof", i+1)
		manifest += fmt.Sprintf("file %s seq %d type i\n", name, i+1)
		err = errors.Join(err, os.WriteFile(filepath.Join(in, name), []byte(text), 0o644))
	}
	err = errors.Join(err, os.WriteFile(filepath.Join(in, "appendonly.aof.manifest"), []byte(manifest), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// asides are the directories in which files were kept.
func asides(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "appendonlydir.*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTorn starts on a file that ends within a command. An empty one may be behind it, which a
// rewrite had just made.
func TestTorn(t *testing.T) {
	for _, behind := range [][]string{nil, {""}, {"", ""}} {
		t.Run(fmt.Sprintf("%d behind", len(behind)), func(t *testing.T) { testTorn(t, behind) })
	}
}

func testTorn(t *testing.T, behind []string) {
	whole := request("SET", "a", "1") + request("MULTI") + request("SET", "b", "1") + request("SET", "c", "1") + request("EXEC")
	torn := whole + request("MULTI") + request("SET", "d", "1")
	dir := directory(t, append([]string{whole, torn + "*3\r\n$3\r\nSE"}, behind...)...)
	log := refused(t, dir, "--aof-load-truncated", "no")
	for _, want := range []string{"check-aof", "--fix", "--aof-load-truncated yes", fmt.Sprintf("first %d bytes", len(whole))} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	u := start(t, binary, dir)
	if got := u.do("DBSIZE").Text; got != "3" {
		t.Errorf("%s keys, want 3", got)
	}
	u.do("SET", "e", "1")
	u.kill()
	if got := start(t, binary, dir, "--aof-load-truncated", "no").do("DBSIZE").Text; got != "4" {
		t.Errorf("the second time: %s keys, want 4", got)
	}
}

// TestDamaged starts on files that are damaged in the middle.
func TestDamaged(t *testing.T) {
	set := func(k string) string { return request("SET", k, "1") }
	bad := set("b") + request("MULTI") + set("c") + "$$$" + request("EXEC") + set("d")
	for _, r := range []struct {
		name   string
		files  []string
		at     int    // where the damage is
		intact string // keys
	}{
		{"in the middle of the last file", []string{set("a"), bad}, len(set("b")+request("MULTI")+set("c")) + 0, "2"},
		{"in a file before the last", []string{set("a"), bad, set("e")}, len(set("b") + request("MULTI") + set("c")), "2"},
		{"at the beginning of a file", []string{set("a"), "x" + set("b"), set("c")}, 0, "1"},
		{"the end of a file before the last is missing", []string{set("a"), set("b") + "*3\r\n$3", set("c")}, len(set("b")) + 6, "2"},
		{"a command that there is not", []string{set("a"), set("b") + request("NOSUCH", "x") + set("c")}, len(set("b")), "2"},
		{"a number of arguments that cannot be", []string{set("a"), set("b") + request("SET", "x") + set("c")}, len(set("b")), "2"},
		{"a database that there is not", []string{set("a"), request("SELECT", "99") + set("c")}, 0, "1"},
		{"nothing is intact", []string{"x" + set("a")}, 0, "0"},
	} {
		t.Run(r.name, func(t *testing.T) {
			dir := directory(t, r.files...)
			log := refused(t, dir)
			for _, want := range []string{fmt.Sprintf("at byte %d of ", r.at), "check-aof", "--on-corrupt-data salvage", "--on-corrupt-data empty"} {
				if !strings.Contains(log, want) {
					t.Errorf("the log does not say %q:\n%s", want, log)
				}
			}
			if a := asides(t, dir); len(a) > 0 {
				t.Errorf("refused, and yet there are %v", a)
			}

			u := start(t, binary, dir, "--on-corrupt-data", "salvage")
			if got := u.do("DBSIZE").Text; got != r.intact {
				t.Errorf("salvage: %s keys, want %s\n%s", got, r.intact, u.Log())
			}
			u.do("SET", "new", "1")
			want := u.digest()
			u.kill()
			u = start(t, binary, dir) // nothing is damaged any more
			if got := u.digest(); got != want {
				t.Errorf("after salvage: digest %s, want %s", got, want)
			}
			u.kill()
			a := asides(t, dir)
			if len(a) != 1 {
				t.Fatalf("kept: %v", a)
			}
			for i, text := range r.files {
				if got := content(t, filepath.Join(a[0], fmt.Sprintf("appendonly.aof.%d.incr.aof", i+1))); string(got) != text {
					t.Errorf("file %d was kept as %q", i+1, got)
				}
			}

			dir = directory(t, r.files...)
			u = start(t, binary, dir, "--on-corrupt-data", "empty")
			if got := u.do("DBSIZE").Text; got != "0" {
				t.Errorf("empty: %s keys", got)
			}
			u.do("SET", "new", "1")
			u.kill()
			if got := start(t, binary, dir).do("DBSIZE").Text; got != "1" {
				t.Errorf("after empty: %s keys", got)
			}
			if a := asides(t, dir); len(a) != 1 {
				t.Errorf("kept: %v", a)
			}
		})
	}
}

// TestDamagedBase starts on a base whose RDB file is damaged.
func TestDamagedBase(t *testing.T) {
	dir := t.TempDir()
	u := start(t, binary, dir)
	for i := range 1000 {
		u.do("SET", "key:"+strconv.Itoa(i), strings.Repeat("v", 40))
	}
	u.rewrite()
	u.do("SET", "after", "1")
	u.kill()
	names, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.base.rdb"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b := content(t, names[0])
	if err := os.WriteFile(names[0], b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if log := refused(t, dir); !strings.Contains(log, "--on-corrupt-data salvage") {
		t.Error(log)
	}
	u = start(t, binary, dir, "--on-corrupt-data", "salvage")
	n, _ := strconv.Atoi(u.do("DBSIZE").Text)
	if n < 100 || n > 900 || u.do("EXISTS", "after").Text != "0" {
		t.Errorf("salvage: %d keys\n%s", n, u.Log())
	}
	u.do("SET", "new", "1")
	want := u.digest()
	u.kill()
	if got := start(t, binary, dir).digest(); got != want {
		t.Errorf("after salvage: digest %s, want %s", got, want)
	}
}

// TestMissing starts without a file that the manifest names.
func TestMissing(t *testing.T) {
	dir := directory(t, request("SET", "a", "1"), request("SET", "b", "1"))
	if err := os.Remove(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof")); err != nil {
		t.Fatal(err)
	}
	for _, choice := range []string{"refuse", "salvage"} {
		if log := refused(t, dir, "--on-corrupt-data", choice); !strings.Contains(log, "appendonly.aof.1.incr.aof, which is not there") {
			t.Error(log)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte("not looked at"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := start(t, binary, dir, "--on-corrupt-data", "empty").do("DBSIZE").Text; got != "0" {
		t.Errorf("empty: %s keys", got)
	}
}

// TestRestore goes back to moments.
func TestRestore(t *testing.T) {
	at := func(ts int, k string) string { return fmt.Sprintf("#TS:%d\r\n", ts) + request("SET", k, "1") }
	files := []string{at(1000, "a") + at(1001, "b"), at(1005, "c") + request("SET", "d", "1") + at(1009, "e"), at(1010, "f")}
	for _, r := range []struct{ to, keys, refuse string }{
		{to: "999", refuse: "all that is in the append only file is later"},
		{to: "1000", keys: "1"},
		{to: "1001", keys: "2"}, // the second file begins later
		{to: "1004", keys: "2"},
		{to: "1005", keys: "4"},
		{to: "1970-01-01T00:16:49Z", keys: "5"},
		{to: "1010", keys: "6"},
		{to: "never", refuse: "must be Unix seconds"},
	} {
		dir := directory(t, files...)
		if r.refuse != "" {
			if log := refused(t, dir, "--restore-to", r.to); !strings.Contains(log, r.refuse) {
				t.Errorf("to %s: %s", r.to, log)
			}
			continue
		}
		u := start(t, binary, dir, "--restore-to", r.to)
		if got := u.do("DBSIZE").Text; got != r.keys {
			t.Errorf("to %s: %s keys, want %s\n%s", r.to, got, r.keys, u.Log())
		}
		u.do("SET", "new", "1")
		want := u.digest()
		u.kill()
		for i := range 2 { // a supervisor starts it again in the same words; somebody, in others
			args := [][]string{{"--restore-to", r.to}, {}}[i]
			u = start(t, binary, dir, args...)
			if got := u.digest(); got != want {
				t.Errorf("to %s, then %v: digest %s, want %s\n%s", r.to, args, got, want, u.Log())
			}
			u.kill()
		}
		if r.keys == "6" {
			continue // nothing was later
		}
		a := asides(t, dir)
		if len(a) != 1 {
			t.Fatalf("to %s: kept: %v", r.to, a)
		}
		for i, text := range files {
			if got := content(t, filepath.Join(a[0], fmt.Sprintf("appendonly.aof.%d.incr.aof", i+1))); string(got) != text {
				t.Errorf("to %s: file %d was kept as %q", r.to, i+1, got)
			}
		}
	}
	if log := refused(t, directory(t, request("SET", "a", "1")), "--restore-to", "5"); !strings.Contains(log, "has no timestamps") {
		t.Error(log)
	}
}
