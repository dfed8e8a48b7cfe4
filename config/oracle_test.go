package config

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redust/tests/redis"
)

// The real server is 7.0, the target 7.2: what lies between is named here, one by one.

// added are ours that 7.0 does not have.
func added() []string {
	return []string{
		"set-max-listpack-entries", "set-max-listpack-value", // 7.2: sets in listpacks
		"locale-collate", "cluster-announce-human-nodename", // 7.2
		"enable-debug-assert", "hide-user-data-from-log", "max-new-connections-per-cycle", // later Redis and Valkey, for their files
		"log-format", "max-value-bytes", "max-collection-elements", "max-reply-bytes", "on-corrupt-data", // ours
	}
}

// client is a connection to a real server.
type client struct{ *redis.Oracle }

// start runs a real server until the test ends, with the default of save.
func start(t *testing.T, options ...string) client {
	t.Helper()
	return client{redis.Start(t, append([]string{"--save", "3600 1 300 100 60 10000"}, options...)...)}
}

// do sends a command and returns the strings of its reply; an error is one string.
func (c client) do(args ...string) []string {
	words := make([]any, len(args))
	for i, a := range args {
		words[i] = a
	}
	return texts(c.Do(words...))
}

func texts(reply any) []string {
	switch v := reply.(type) {
	case string:
		return []string{v}
	case error:
		return []string{v.Error()}
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, texts(x)...)
		}
		return out
	}
	return nil
}

func TestOracleDefaults(t *testing.T) {
	real := start(t)
	all := real.do("CONFIG", "GET", "*")
	theirs := make(map[string]string)
	for i := 0; i < len(all); i += 2 {
		theirs[all[i]] = all[i+1]
	}
	c := New()
	for _, p := range c.Get([]string{"*"}, glob) {
		want, ok := theirs[p.Name]
		delete(theirs, p.Name)
		switch {
		case slices.Contains(added(), p.Name):
			if ok {
				t.Errorf("%s is listed as added, but it is there", p.Name)
			}
		case !ok:
			t.Errorf("%s is not a directive of the real server", p.Name)
		case p.Name == "port" || p.Name == "unixsocket" || p.Name == "dir": // start gave it another one
		case p.Value != want:
			t.Errorf("%s is %q, the real one %q", p.Name, p.Value, want)
		}
	}
	for name := range theirs {
		t.Errorf("%s is missing", name)
	}
	for _, d := range c.t.list {
		if d.flags&hidden == 0 || slices.Contains(added(), d.name) {
			continue
		}
		if got := real.do("CONFIG", "GET", d.name); !slices.Equal(got, []string{d.name, d.value.String()}) {
			t.Errorf("hidden %s is %q, the real one %q", d.name, d.value, got)
		}
	}
}

// Every directive of numbers and words is given wrong values on both sides, which shows
// its type, its limits and its choices.
func TestOracleWrongValues(t *testing.T) {
	real := start(t)
	c := New()
	for _, name := range c.t.names {
		d := c.t.byName[name]
		if slices.Contains(added(), name) || name == "loglevel" { // 7.2 has one level more
			continue
		}
		switch d.value.(type) {
		case stringValue, optionalString, dirValue, bindValue:
			continue // any bytes will do, and would be put into effect
		}
		// None of these is a valid value of anything that would take effect at once.
		for _, v := range []string{"!", "-999999999999", "1.5", "+1", " 1", "9999999999999999999", "-5%", "no such", "1 2 3"} {
			if name == "maxmemory-clients" && v[0] == '9' {
				continue // past 63 bits Redis takes it for a percentage; here it saturates
			}
			want := real.do("CONFIG", "SET", name, v)[0]
			got := "OK"
			if err := c.Set([]Pair{{name, v}}, Origin{Local: true}, nil); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s %q: %s, the real one %s", name, v, got, want)
			}
		}
	}
}

func TestOracleSet(t *testing.T) {
	real := start(t, "--enable-protected-configs", "yes")
	c := New()
	c.EnableProtectedConfigs = GateYes
	c.Port = 0 // as start has it
	for _, args := range [][]string{
		{"nope", "1"}, {"maxclients", "x", "nope", "1"}, {"daemonize", "yes", "nope", "2"}, {"timeout", "1", "TIMEOUT", "2"},
		{"daemonize", "yes", "daemonize", "no"}, {"slave-priority", "1", "replica-priority", "2"}, {"replica-priority", "3", "slave-priority", "4"},
		{"timeout", "5", "hz", "20", "maxclients", "0"}, {"hz", "9999"}, {"hz", "0"}, {"replicaof", "no one"}, {"TimeOut", "6"},
		{"save", ""}, {"save", "10 20 30 40"}, {"save", "10  20"}, {"save", "10"}, {"save", " 10 20"}, {"save", "60 0"}, {"save", "0 1"}, {"save", "1 -1"},
		{"client-output-buffer-limit", "slave 1mb 2 3"}, {"client-output-buffer-limit", "Replica 5mb 2 3 pubsub 1 1 1"},
		{"client-output-buffer-limit", ""}, {"client-output-buffer-limit", "normal 1 2"}, {"client-output-buffer-limit", "master 1 2 3"},
		{"client-output-buffer-limit", "normal 1 2 3 pubsub x 1 1"}, {"client-output-buffer-limit", "normal 1 2 -3"},
		{"notify-keyspace-events", "Elg"}, {"notify-keyspace-events", "AKEmn"}, {"notify-keyspace-events", "g$lshzxetd"},
		{"notify-keyspace-events", "mnEK"}, {"notify-keyspace-events", ""}, {"notify-keyspace-events", "K E"}, {"notify-keyspace-events", "q"},
		{"latency-tracking-info-percentiles", "50.5 99.999 100 0.1 1e1"}, {"latency-tracking-info-percentiles", ""},
		{"latency-tracking-info-percentiles", "nan"}, {"latency-tracking-info-percentiles", "inf"}, {"latency-tracking-info-percentiles", "x"},
		{"maxmemory", "100mb"}, {"maxmemory", "1GB"}, {"maxmemory", "mb"}, {"maxmemory", "-1"}, {"maxmemory", "1 mb"}, {"maxmemory", "5%"}, {"maxmemory", ""},
		{"maxmemory-clients", "5%"}, {"maxmemory-clients", "1mb"}, {"maxmemory-clients", "101%"}, {"maxmemory-clients", "%"}, {"maxmemory-clients", "0%"},
		{"shutdown-on-sigterm", "force save"}, {"shutdown-on-sigterm", "default now"}, {"shutdown-on-sigterm", "save nosave"}, {"shutdown-on-sigterm", "x"}, {"shutdown-on-sigterm", "SAVE"},
		{"oom-score-adj-values", "1 2 3"}, {"oom-score-adj-values", "1 2 3000"}, {"oom-score-adj-values", "1 2"},
		{"dir", "/none"}, {"dir", ""}, {"dir", "/dev/null"}, {"dir", "/tmp/../tmp/."}, {"dbfilename", "a/b"}, {"dbfilename", "x.rdb"},
		{"appendfsync", "ALWAYS"}, {"rdbcompression", "NO"}, {"rdbcompression", "0"}, {"maxmemory-policy", "Allkeys-LFU"}, {"lfu-decay-time", "05"},
		{"masterauth", "a\"b c"}, {"masteruser", "é"}, {"requirepass", ""}, {"proc-title-template", "a{title}"}, {"proc-title-template", "{nope}"},
		{"proc-title-template", "{title"}, {"proc-title-template", " "}, {"cluster-announce-hostname", "a_b"}, {"cluster-announce-hostname", "a-b.C"},
		{"cluster-announce-hostname", strings.Repeat("a", 256)}, {"list-max-ziplist-size", "-1"}, {"zset-max-ziplist-value", "1kb"},
		{"slowlog-log-slower-than", "-1"}, {"port", ""}, {"include", "x"}, {"user", "x"}, {"rename-command", "a b"}, {"loadmodule", "x"},
		{"repl-backlog-size", "0"}, {"client-query-buffer-limit", "1"}, {"proto-max-bulk-len", "1kb"}, {"tls-ciphers", ""}, {"unixsocketperm", "700"},
	} {
		want := real.do(append([]string{"CONFIG", "SET"}, args...)...)[0]
		var pairs []Pair
		for i := 0; i < len(args); i += 2 {
			pairs = append(pairs, Pair{args[i], args[i+1]})
		}
		got := "OK"
		if err := c.Set(pairs, Origin{Local: true}, nil); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, the real one %s", args, got, want)
		}
		for _, p := range pairs {
			want := real.do("CONFIG", "GET", p.Name)
			var got []string
			for _, g := range c.Get([]string{p.Name}, glob) {
				if strings.EqualFold(g.Name, "dir") && g.Value == "." {
					g.Value = want[1] // nobody set it yet
				}
				got = append(got, g.Name, g.Value)
			}
			if !slices.Equal(got, want) {
				t.Errorf("after %q: %q, the real one %q", args, got, want)
			}
		}
	}
}

// Each configuration is refused by both sides in the same words. Those that are fine end
// with a bad line, to show how far they got.
func TestOracleFatal(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	const end = "\nzzz\n"
	for _, r := range []struct {
		file    string // "" for none
		options []string
		stdin   string
	}{
		{file: "port 1\n\n  MaxClients   abc  \r\n"}, {file: "maxclients \"abc\n"}, {file: "maxclients 'a'b"}, {file: "maxclients\n"},
		{file: "maxclients 1 2"}, {file: "foo"}, {file: "foo bar\n"}, {file: "maxclients 5 # five"}, {file: "maxclients \\x31"}, {file: "\"timeout\" z"},
		{file: "timeout \"\" x"}, {file: "timeout\v5"}, {file: "timeout \"\\x31\"" + end}, {file: "appendonly YES" + end}, {file: "appendonly \"\""},
		{file: "save 1"}, {file: "save 0 1"}, {file: "save 1 x"}, {file: "save \"1 2 3\""}, {file: "save \"1 2\" \"3 4\""}, {file: "save" + end}, {file: "save 1 -1"},
		{file: "client-output-buffer-limit normal 0 0"}, {file: "client-output-buffer-limit foo 0 0 0"}, {file: "client-output-buffer-limit normal x 0 0"},
		{file: "client-output-buffer-limit normal 1 0 -1"}, {file: "client-output-buffer-limit \"normal 1 2 3\"" + end}, {file: "client-output-buffer-limit" + end},
		{file: "client-output-buffer-limit \"\""}, {file: "client-output-buffer-limit Normal 1mb 2 3 slave 1 2 3 replica 3 4 5" + end},
		{file: "bind" + strings.Repeat(" 1.1.1.1", 17)}, {file: "bind" + strings.Repeat(" 1.1.1.1", 16) + end}, {file: "bind" + end}, {file: "bind \"\"" + end},
		{file: "rename-command get"}, {file: "rename-command get \"\"" + end}, {file: "user"}, {file: "loadmodule"}, {file: "include"}, {file: "include a b"},
		{file: "include /none/*.conf" + end}, {file: "sentinel a"}, {file: "dbfilename a/b"}, {file: "appendfilename a/b"}, {file: "appendfilename \"\""},
		{file: "appenddirname a/b"}, {file: "appenddirname \"\""}, {file: "dbfilename \"\"" + end}, {file: "dir /none"}, {file: "dir /etc/passwd"}, {file: "dir \"\""},
		{file: "proc-title-template \"{foo}\""}, {file: "proc-title-template \"\""}, {file: "cluster-announce-hostname " + strings.Repeat("a", 300)},
		{file: "oom-score-adj-values 1 2"}, {file: "oom-score-adj-values 1 2 x"}, {file: "oom-score-adj-values \"1 2 3\"" + end},
		{file: "replicaof a"}, {file: "replicaof a b"}, {file: "replicaof a 0" + end}, {file: "replicaof a 65536"}, {file: "replicaof no one" + end},
		{file: "replicaof \"a 1\"" + end}, {file: "replicaof a 1 2"}, {file: "replicaof \"\""}, {file: "slaveof"},
		{file: "notify-keyspace-events q"}, {file: "notify-keyspace-events K E"}, {file: "latency-tracking-info-percentiles 101"},
		{file: "latency-tracking-info-percentiles" + end}, {file: "latency-tracking-info-percentiles \"\"" + end},
		{file: "shutdown-on-sigterm save now" + end}, {file: "shutdown-on-sigterm save nosave"}, {file: "shutdown-on-sigterm"}, {file: "shutdown-on-sigterm \"\""},
		{file: "unixsocketperm 888"}, {file: "unixsocketperm 1777"}, {file: "unixsocketperm -1"}, {file: "unixsocketperm \"\"" + end}, {file: "io-threads 129"},
		{file: "tcp-backlog -1"}, {file: "databases 0"}, {file: "supervised x"}, {file: "syslog-facility x"}, {file: "socket-mark-id -1"}, {file: "cluster-port 70000"},
		{file: "enable-debug-command x"}, {file: "daemonize x"}, {file: "#x\n   # y\n\t\nmaxclients\t\t0\n"}, {file: "slave-priority 1\nlua-time-limit x"},

		{file: "port 1\n", options: []string{"--zzz", "bad"}}, {file: "port 1", options: []string{"--zzz", "bad"}}, {file: "port 1\n# c", options: []string{"--zzz"}},
		{file: "timeout 1\n", options: []string{"-"}, stdin: "port x\n"}, {file: "timeout 1\n", options: []string{"--zzz", "bad", "-"}, stdin: "port 7\n"},
		{file: "timeout 1\n", options: []string{"y"}}, {file: "timeout 1\n", options: []string{"-", "--timeout", "5"}, stdin: "port x\n"},
		{options: []string{"-", "--zzz", "bad"}, stdin: "port 7"}, {options: []string{"--port", "1", "--zzz", "bad", "-"}, stdin: "timeout z"},
		{options: []string{"--port 7904", "--zzz", "bad"}}, {options: []string{"--port 7904 8"}}, {options: []string{"--port ", "--zzz", "bad"}},
		{options: []string{"--port", "1", "2"}}, {options: []string{"--port"}}, {options: []string{"--port", "--timeout", "3"}}, {options: []string{"--save", "--timeout", "x"}},
		{options: []string{"--save", "", "--timeout", "x"}}, {options: []string{"--timeout", "x", "--save"}}, {options: []string{"--save 60 1", "--zzz", "bad"}},
		{options: []string{"--save", "60 1", "--timeout", "x"}}, {options: []string{"-x", "y"}}, {options: []string{"--", "x"}}, {options: []string{"--bind", "127.0.0.1", "--", "x"}},
		{options: []string{"--requirepass", "--foo", "--zzz"}}, {options: []string{"--requirepass", "a\"b\n\x01", "--zzz", "a\"b\n\x01\xff"}}, {options: []string{"--PORT", "x"}},
		{options: []string{"---port", "x"}}, {options: []string{"--port=5"}}, {options: []string{"--loglevel", "notice", "--maxclients", "-1"}},
		{options: []string{"--\"port", "5"}}, {options: []string{"--port '7", "x"}}, {options: []string{"--port", "5", "", "--zzz", "bad"}},
	} {
		dir := t.TempDir()
		args := r.options
		if r.file != "" {
			path := filepath.Join(dir, "x.conf")
			if err := os.WriteFile(path, []byte(r.file), 0o644); err != nil {
				t.Fatal(err)
			}
			args = append([]string{path}, args...)
		}
		var stderr bytes.Buffer
		cmd := exec.Command(bin, args...)
		cmd.Dir, cmd.Stdin, cmd.Stderr = dir, strings.NewReader(r.stdin), &stderr
		cmd.WaitDelay = time.Second
		stop := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() }) // it was to be refused, and runs
		err := cmd.Run()
		stop.Stop()
		if err == nil {
			t.Errorf("%q: the real one accepts it", r)
			continue
		}
		want := stderr.String()
		if i, j := strings.Index(want, "(Redis "), strings.Index(want, ") ***"); i >= 0 && j > i {
			want = want[:i] + "(Redis " + RedisVersion + want[j:]
		}
		got := "accepted"
		if _, _, err := Load(args, strings.NewReader(r.stdin)); err != nil {
			got = err.Error() + "\n"
		}
		if got != want {
			t.Errorf("%q: %q, the real one %q", r, got, want)
		}
	}
}

// What a rewrite of ours says, the real server reads as the same values.
func TestOracleReadsRewrite(t *testing.T) {
	c := New()
	c.startDir = "."
	for _, p := range []Pair{
		{"save", "5 6 7 8"}, {"client-output-buffer-limit", "replica 5mb 2 3 pubsub 1 1 1"}, {"notify-keyspace-events", "KEg$"},
		{"latency-tracking-info-percentiles", "50.5 0.1"}, {"shutdown-on-sigint", "force save"}, {"oom-score-adj-values", "1 2 3"},
		{"maxmemory", "3gb"}, {"maxmemory-clients", "5%"}, {"masterauth", "a\"b c\x00\xff"}, {"masteruser", "#x"}, {"appendfsync", "always"},
		{"hash-max-ziplist-entries", "5"}, {"stream-node-max-bytes", "5000"}, {"proc-title-template", "a{title}"}, {"busy-reply-threshold", "1"},
	} {
		if err := c.Set([]Pair{p}, Origin{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "x.conf")
	if err := os.WriteFile(path, c.Rewrite(nil, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	real := client{redis.Start(t, "--include", path)}
	for _, p := range c.Get([]string{"*"}, glob) {
		switch {
		case slices.Contains(added(), p.Name), p.Name == "port", p.Name == "unixsocket", p.Name == "dir":
		default:
			if got := real.do("CONFIG", "GET", p.Name); !slices.Equal(got, []string{p.Name, p.Value}) {
				t.Errorf("%s is %q, the real one reads %q", p.Name, p.Value, got)
			}
		}
	}
}
