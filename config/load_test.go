package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// load loads a file of the given text, with options after it.
func load(t *testing.T, text string, options ...string) (*Config, *Start, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Load(append([]string{path}, options...), strings.NewReader(""))
}

// mustLoad is load of what has to be accepted.
func mustLoad(t *testing.T, text string, options ...string) *Config {
	t.Helper()
	c, _, err := load(t, text, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shown returns what CONFIG GET shows for one name.
func shown(c *Config, name string) string {
	p := c.Get([]string{name}, func(string, string) bool { return false })
	if len(p) != 1 {
		return "(none)"
	}
	return p[0].Value
}

func TestSample(t *testing.T) {
	c, s, err := Load([]string{"testdata/sample.conf"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wd, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		name      string
		got, want any
	}{
		{"bind", c.Bind, []string{"127.0.0.1", "-::1"}},
		{"save", c.Save, []SaveRule{{3600, 1}, {300, 100}}},
		{"dir", c.Dir, wd},
		{"priority", c.ReplicaPriority, 50},
		{"masterauth", c.MasterAuth, "s3cret word"},
		{"masteruser", c.MasterUser, "o'hara"},
		{"maxmemory", c.MaxMemory, int64(100 << 20)},
		{"policy", c.MaxMemoryPolicy, AllKeysLRU},
		{"clients", c.MaxMemoryClients.Bytes(c.MaxMemory), int64(5 << 20)},
		{"limits", c.ClientOutputLimits, [3]BufferLimit{{}, {256 << 20, 64 << 20, 60}, {32 << 20, 8 << 20, 30}}},
		{"sigterm", c.ShutdownSIGTERM, ShutdownSave | ShutdownNow},
		{"renames", s.Renames, []Rename{{"debug", "", Line{50, `rename-command debug ""`}}}},
		{"users", s.Users, []User{{"alice", []string{"on", ">pw", "~*", "+@all"}, Line{51, "user alice on >pw ~* +@all"}}}},
		{"ignored", s.Ignored, []string{"activedefrag"}},
	} {
		if !reflect.DeepEqual(r.got, r.want) {
			t.Errorf("%s is %v, want %v", r.name, r.got, r.want)
		}
	}
}

func TestDebianFile(t *testing.T) {
	const path = "/etc/redis/redis.conf"
	if _, err := os.ReadFile(path); err != nil {
		t.Skip("no such file here")
	}
	// The file names a directory and a log that need not exist for us.
	c, _, err := Load([]string{path, "--dir", t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Bind, []string{"127.0.0.1", "-::1"}) {
		t.Errorf("bind is %q", c.Bind)
	}
}

func TestCommandLine(t *testing.T) {
	for _, r := range []struct {
		args  []string
		stdin string
		name  string
		want  string
	}{
		{[]string{"--port", "0"}, "", "port", "0"},
		{[]string{"--port 7000"}, "", "port", "7000"},
		{[]string{"--PORT", "7000"}, "", "port", "7000"},
		{[]string{"--save", ""}, "", "save", ""},
		{[]string{"--save", "--port", "1"}, "", "save", ""},
		{[]string{"--port", "1", "--save"}, "", "save", ""},
		{[]string{"--save", "60", "1", "300", "2"}, "", "save", "60 1 300 2"},
		{[]string{"--save", "60 1", "--save", "7 8"}, "", "save", "60 1 7 8"},
		{[]string{"--save", "60 1", "--save", "", "--save", "7 8"}, "", "save", "7 8"},
		{[]string{"--requirepass", "--port"}, "", "requirepass", "--port"},
		{[]string{"--requirepass", "a \"b\n\xff"}, "", "requirepass", "a \"b\n\xff"},
		{[]string{"--bind", "127.0.0.1", "::1"}, "", "bind", "127.0.0.1 ::1"},
		{[]string{"--port", "1", "--port", "2"}, "", "port", "2"},
		{[]string{"-"}, "port 5", "port", "5"},
		{[]string{"-", "--port", "6"}, "port 5", "port", "6"},
		{[]string{"--port", "6", "-"}, "port 5", "port", "6"},
		{[]string{"", "--port", "6"}, "", "port", "6"},
		{[]string{"--io-threads", "AUTO"}, "", "io-threads", "auto"},
		{[]string{"--include", "testdata/sample.conf"}, "", "replica-priority", "50"},
		{[]string{"--include", "testdata/none*"}, "", "port", "6379"},
		{[]string{"--dir", "testdata", "--include", "sample.conf", "--port", "3"}, "", "port", "3"},
	} {
		c, _, err := Load(r.args, strings.NewReader(r.stdin))
		if r.args[0] == "--dir" {
			// The sample's "dir ./" is relative to the directory set before it.
			if err == nil && !strings.HasSuffix(c.Dir, "/testdata") {
				t.Errorf("dir is %s", c.Dir)
			}
		}
		if err != nil {
			t.Errorf("%q: %v", r.args, err)
			continue
		}
		if got := shown(c, r.name); got != r.want {
			t.Errorf("%q: %s is %q, want %q", r.args, r.name, got, r.want)
		}
	}
}

func TestFileThenOptions(t *testing.T) {
	// As in Redis, the first save of all clears the defaults, and the rest add up.
	c := mustLoad(t, "save 900 1\r\nport 5\r\n", "--save", "60", "2", "--port", "6")
	if got := shown(c, "save"); got != "900 1 60 2" {
		t.Errorf("save is %q", got)
	}
	if c.Port != 6 {
		t.Errorf("port is %d", c.Port)
	}
	if c.File() == "" || !filepath.IsAbs(c.File()) {
		t.Errorf("file is %q", c.File())
	}
	c = mustLoad(t, "daemonize yes")
	if c.PidFile != DefaultPidFile {
		t.Errorf("a daemon's pidfile is %q", c.PidFile)
	}
}

func TestMainsOwnOptions(t *testing.T) {
	for _, a := range []string{"-v", "--version", "-h", "--help", "--test-memory"} {
		_, s, err := Load([]string{a, "1", "--nonsense"}, nil)
		if err != nil || s.Asked != a {
			t.Errorf("%s: asked %v, error %v", a, s, err)
		}
	}
}

// Errors that a real server does not have, or not in these words; the others are in
// TestOracleFatal.
func TestRefused(t *testing.T) {
	for _, r := range []struct{ text, want string }{
		{"loadmodule x.so", "modules cannot be loaded into this server"},
		{"cluster-enabled yes", "cluster mode is not available in this server"},
		{"loglevel x", "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"},
		{"log-format x", "argument(s) must be one of the following: human, json"},
		{"io-threads 0", "argument must be between 1 and 128 inclusive"},
		{"max-value-bytes x", "argument must be a memory value"},
		{"maxmemory 5%", "argument must be a memory value"}, // a percentage for maxmemory-clients only
	} {
		_, _, err := load(t, "# one\n\n"+r.text+"\n")
		want := "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n" +
			"Reading the configuration file, at line 3\n>>> '" + r.text + "'\n" + r.want
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", r.text, err)
		}
	}
	if c := mustLoad(t, "cluster-enabled no\nloglevel nothing\nlog-format json\nmax-reply-bytes 1gb"); c.LogFormat != LogJSON || c.MaxReplyBytes != 1<<30 {
		t.Errorf("log-format %s, max-reply-bytes %d", c.LogFormat, c.MaxReplyBytes)
	}
}

func TestMissingFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gone.conf")
	_, _, err := Load([]string{path}, nil)
	var open *OpenError
	if !errors.As(err, &open) || err.Error() != "Fatal error, can't open config file '"+path+"': No such file or directory" {
		t.Errorf("missing file: %v", err)
	}
	_, _, err = load(t, "include gone.conf")
	if err == nil || err.Error() != "Fatal error, can't open config file 'gone.conf': No such file or directory" {
		t.Errorf("missing include: %v", err)
	}
}

func TestIncludeNesting(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "loop.conf")
	if err := os.WriteFile(path, []byte("\ninclude "+path+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load([]string{path}, nil)
	var fe *FileError
	if !errors.As(err, &fe) || fe.Line.Num != 2 || fe.Reason != "include files are nested too deeply" {
		t.Errorf("a circle of includes: %v", err)
	}
	// Several files of a pattern are read in the order of their names.
	for i, name := range []string{"b.inc", "a.inc"} {
		text := "timeout " + string(rune('1'+i)) // no newline: the next file begins a line all the same
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if c := mustLoad(t, "include "+dir+"/*.inc"); c.Timeout != 1 {
		t.Errorf("timeout is %d, want b.inc's 1", c.Timeout)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("save 1 2\nport 5\n")
	f.Add("client-output-buffer-limit normal 1mb 0 0\nmaxmemory-clients 5%\n")
	f.Add("notify-keyspace-events AKEn\nshutdown-on-sigint save now\nbind \"\"\n")
	f.Add("replicaof \"a b\" 5\nrequirepass \"\\xff\"\nuser x on\nsave \"\"")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // the only way out of this text
		}
		c := New()
		l := loader{c: c, s: &Start{}, idle: make(map[*directive]bool)}
		if err := l.read(text); err != nil {
			return
		}
		c.startDir = "."
		// What was accepted is said again by a rewrite, from nothing and from itself.
		for _, now := range []string{"", text} {
			written := c.Rewrite([]byte(now), nil)
			again := New()
			l := loader{c: again, s: &Start{}, idle: make(map[*directive]bool)}
			if err := l.read(string(written)); err != nil {
				t.Fatalf("rewritten from %q: %v\n%s", now, err, written)
			}
			sameValues(t, c, again)
		}
	})
}

// sameValues compares every directive.
func sameValues(t *testing.T, a, b *Config) {
	t.Helper()
	for i, d := range a.t.list {
		if x, y := d.text(), b.t.list[i].text(); x != y {
			t.Errorf("%s is %q and %q", d.name, x, y)
		}
	}
}
