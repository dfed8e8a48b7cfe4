package config

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"redust/internal/quote"
)

// glob stands in for the server's matcher.
func glob(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func TestTable(t *testing.T) {
	c := New()
	for _, d := range c.t.list {
		// A default passes its own checks and is what New assigned.
		before := d.text()
		for i, l := range d.value.lines() {
			if d.name == "save" && i == 0 {
				c.Save = nil
			}
			words, ok := quote.Split(l)
			if !ok {
				t.Errorf("%s: cannot split its own line %q", d.name, l)
			}
			if err := d.load(words); err != nil && d.name != "dir" {
				t.Errorf("%s refuses its default %q: %v", d.name, l, err)
			}
		}
		if d.name != "dir" && d.text() != before {
			t.Errorf("%s: default %q reads back as %q", d.name, before, d.text())
		}
		if strings.ToLower(d.name+d.alias) != d.name+d.alias {
			t.Errorf("%s is not in lower case", d.name)
		}
	}
}

func TestGet(t *testing.T) {
	c := New()
	for _, r := range []struct {
		patterns string
		want     string
	}{
		{"maxmemory", "maxmemory"},
		{"MaxMemory nope", "MaxMemory"}, // an exact name comes back as it was asked
		{"MAXM*", "maxmemory maxmemory-clients maxmemory-eviction-tenacity maxmemory-policy maxmemory-samples"},
		{"*-priority replica-p*", "replica-priority slave-priority"}, // once each
		{"watchdog-period", "watchdog-period"},
		{"watchdog*", ""}, // hidden from patterns
		{"include", ""},
	} {
		var names []string
		for _, p := range c.Get(strings.Fields(r.patterns), glob) {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != r.want {
			t.Errorf("Get(%s) = %s, want %s", r.patterns, got, r.want)
		}
	}
}

func TestSetIsAllOrNothing(t *testing.T) {
	c := New()
	before := c.Get([]string{"*"}, glob)
	same := func(what string) {
		t.Helper()
		if !slices.Equal(before, c.Get([]string{"*"}, glob)) {
			t.Errorf("%s changed something", what)
		}
	}
	pairs := []Pair{
		{"timeout", "7"}, {"save", "1 2"}, {"bind", "::1"}, {"maxmemory", "5mb"}, {"maxmemory-policy", "allkeys-lfu"},
		{"client-output-buffer-limit", "pubsub 1 2 3"}, {"latency-tracking-info-percentiles", "1"}, {"activedefrag", "yes"},
		{"slave-priority", "1"}, {"replica-priority", "2"}, {"oom-score-adj-values", "1 2 3"},
	}
	never := func([]string) error { t.Error("apply was called"); return nil }
	if err := c.Set(append(slices.Clone(pairs), Pair{"maxclients", "x"}), Origin{}, never); err == nil {
		t.Error("a bad last pair was accepted")
	}
	same("a bad last pair")

	var calls []string
	var seen []int
	fail := func(changed []string) error {
		calls, seen = append(calls, strings.Join(changed, " ")), append(seen, c.Timeout)
		if c.Timeout == 7 {
			return &ApplyError{"bind", "Failed to bind to specified addresses."}
		}
		return nil
	}
	err := c.Set(pairs, Origin{}, fail)
	want := "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses."
	if err == nil || err.Error() != want {
		t.Errorf("a failing apply: %v", err)
	}
	same("a failing apply")
	if !slices.Equal(seen, []int{7, 0}) { // new values, then old ones again
		t.Errorf("apply saw timeouts %v", seen)
	}
	all := "timeout save bind maxmemory maxmemory-policy client-output-buffer-limit latency-tracking-info-percentiles " +
		"activedefrag replica-priority oom-score-adj-values"
	if calls[0] != all {
		t.Errorf("changed: %s", calls[0])
	}

	stuck := errors.New("stuck")
	err = c.Set(pairs, Origin{}, func([]string) error { return stuck })
	if !errors.Is(err, stuck) || err.Error() != "ERR CONFIG SET failed (possibly related to argument 'timeout') - stuck" {
		t.Errorf("an apply that fails twice: %v", err)
	}
	same("an apply that fails twice")

	if err := c.Set(pairs, Origin{}, nil); err != nil {
		t.Fatal(err)
	}
	if c.Timeout != 7 || c.ReplicaPriority != 2 || c.ClientOutputLimits[ClassReplica].Hard != 256<<20 {
		t.Errorf("after success: timeout %d, priority %d, limits %v", c.Timeout, c.ReplicaPriority, c.ClientOutputLimits)
	}
	if err := c.Set([]Pair{{"timeout", "7"}, {"maxmemory", "5120kb"}}, Origin{}, never); err != nil {
		t.Errorf("values as they are: %v", err)
	}
}

func TestSetGates(t *testing.T) {
	c := New()
	dir := t.TempDir()
	for _, r := range []struct {
		name, value string
		gate        LocalityGate
		from        Origin
		want        string
	}{
		{"dir", dir, GateNo, Origin{Local: true}, "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config"},
		{"dir", dir, GateLocal, Origin{}, "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config"},
		{"dir", dir, GateLocal, Origin{Local: true}, ""},
		{"dbfilename", "a/b", GateYes, Origin{}, "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't be a path, just a filename"},
		{"appendonly", "yes", GateNo, Origin{Loading: true}, "LOADING Redis is loading the dataset in memory"},
		{"timeout", "5", GateNo, Origin{Loading: true}, ""},
		{"log-format", "json", GateYes, Origin{}, "ERR CONFIG SET failed (possibly related to argument 'log-format') - can't set immutable config"},
		{"user", "x", GateYes, Origin{}, "ERR Unknown option or number of arguments for CONFIG SET - 'user'"},
		{"maxmemory-clients", "101%", GateYes, Origin{}, "ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - percentage argument must be less or equal to 100"},
	} {
		c.EnableProtectedConfigs = r.gate
		got := ""
		if err := c.Set([]Pair{{r.name, r.value}}, r.from, nil); err != nil {
			got = err.Error()
		}
		if got != r.want {
			t.Errorf("%s %s (%s, %+v): %s", r.name, r.value, r.gate, r.from, got)
		}
	}
	for name, want := range map[string]bool{"RequirePass": true, "masterauth": true, "timeout": false, "nope": false} {
		if c.Sensitive(name) != want {
			t.Errorf("Sensitive(%s) is not %v", name, want)
		}
	}
}

func TestParseMemory(t *testing.T) {
	for _, r := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true}, {"1k", 1000, true}, {"1kb", 1024, true}, {"1M", 1000000, true}, {"1Mb", 1 << 20, true},
		{"2g", 2000000000, true}, {"2GB", 2 << 30, true}, {"3b", 3, true}, {"", 0, true},
		{"1t", 0, false}, {"-1", 0, false}, {"1.5gb", 0, false}, {"1 mb", 0, false}, {"1mbx", 0, false},
		{"99999999999999gb", 1<<64 - 1, true}, {"18446744073709551616", 1<<64 - 1, true}, // no wrap
	} {
		if n, ok := ParseMemory(r.in); n != r.want || ok != r.ok {
			t.Errorf("ParseMemory(%q) = %d, %v", r.in, n, ok)
		}
	}
	c := mustLoad(t, "maxmemory 99999999999999gb")
	if c.MaxMemory != 1<<63-1 {
		t.Errorf("an enormous maxmemory is %d", c.MaxMemory)
	}
	if got := MemoryOrPercent(-5).Bytes(1<<63 - 1); got <= 0 || got > 1<<60 {
		t.Errorf("5%% of the largest maxmemory is %d", got)
	}
}

func TestEventLetters(t *testing.T) {
	for _, r := range []struct{ in, shown, kept string }{
		{"", "", ""},
		{"KEA", "AKE", "AKE"},
		{"Elg", "glE", "glE"},
		{"g$lshzxetd", "A", "A"},
		{"mnEK", "nKEm", "nKEm"},
		{"AnK", "AK", "AnK"}, // shown without n, as in Redis, but not forgotten in a file
	} {
		e, ok := ParseEvents(r.in)
		if !ok || e.String() != r.shown || e.Letters() != r.kept {
			t.Errorf("%q: %v, shown %q, kept %q", r.in, ok, e.String(), e.Letters())
		}
	}
}
