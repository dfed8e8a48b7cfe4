package cmd

import (
	"fmt"
	"strings"
	"testing"

	"redust/config"
	"redust/db"
)

// TestEvents holds what each command reports, in what database and in which order, and
// how much it adds to the dirty count.
func TestEvents(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	var got []string
	h.OnChange = func(d *db.DB, key []byte, event string) {
		got = append(got, fmt.Sprintf("%d %s %s", d.ID, event, key))
	}
	for _, r := range []struct {
		do    string
		want  string // comma between events
		dirty int64
	}{
		{"SET a 1", "0 set a", 1},
		{"DEL a missing a", "0 del a", 1},
		{"SET a 1", "0 set a", 1},
		{"SET b 1", "0 set b", 1},
		{"UNLINK a b", "0 del a,0 del b", 2},
		{"SET a 1", "0 set a", 1},
		{"EXPIRE a 100", "0 expire a", 1},
		{"EXPIRE a 100 NX", "", 0},
		{"PEXPIREAT a 1800000000000 GT", "0 expire a", 1},
		{"PERSIST a", "0 persist a", 1},
		{"PERSIST a", "", 0},
		{"EXPIRE a -1 GT", "", 0},
		{"EXPIRE a 0", "0 del a", 1}, // a deadline in the past deletes
		{"EXPIRE a 0", "", 0},
		{"SET a 1", "0 set a", 1},
		{"RENAME a a", "", 0},
		{"RENAME a b", "0 rename_from a,0 rename_to b", 1}, // two keys, one change
		{"RENAMENX b b", "", 0},
		{"RENAMENX b c", "0 rename_from b,0 rename_to c", 1},
		{"COPY c d", "0 copy_to d", 1},
		{"COPY c d", "", 0},
		{"COPY c d REPLACE", "0 copy_to d", 1},
		{"COPY c c DB 3", "3 copy_to c", 1},
		{"MOVE c 3", "", 0},
		{"MOVE d 3", "0 move_from d,3 move_to d", 1},
		{"TOUCH c", "", 0},
		{"OBJECT ENCODING c", "", 0},
		{"SWAPDB 0 3", "", 1},
		{"SWAPDB 1 1", "", 1},
		{"FLUSHDB", "", 2},
		{"FLUSHALL ASYNC", "", 1},
		{"FLUSHALL SYNC", "", 0},
	} {
		got = nil
		was := h.Dirty
		reply := p.do(strings.Fields(r.do)...)
		if strings.HasPrefix(reply, "-") {
			t.Errorf("%s: %s", r.do, reply)
		}
		if s := strings.Join(got, ","); s != r.want || h.Dirty-was != r.dirty {
			t.Errorf("%s: events %q, dirty %d; want %q, %d", r.do, s, h.Dirty-was, r.want, r.dirty)
		}
	}
}

// TestLookupStats holds which commands count as hit and miss, and which note an access.
func TestLookupStats(t *testing.T) {
	for _, r := range []struct {
		do      string
		counts  bool
		touches bool
	}{
		{"GET %s", true, true},
		{"TOUCH %s", true, true},
		{"EXISTS %s", true, false},
		{"TYPE %s", true, false},
		{"TTL %s", true, false},
		{"PEXPIRETIME %s", true, false},
		{"OBJECT IDLETIME %s", true, false},
		{"EXPIRE %s 1000", false, true},
		{"PERSIST %s", false, true},
		{"RENAMENX %s k", false, true},
		{"MOVE %s 1", false, false}, // the key is made anew there
		{"KEYS %s", false, false},
		{"SCAN 0 MATCH %s", false, false},
	} {
		h := newHarness(borrowed)
		p := h.dial()
		p.do("SET", "k", "v")
		h.pass(50_000)
		hits, misses := h.KS.Stats.Hits, h.KS.Stats.Misses
		p.do(strings.Fields(fmt.Sprintf(r.do, "k"))...)
		p.do(strings.Fields(fmt.Sprintf(r.do, "missing"))...)
		hits, misses = h.KS.Stats.Hits-hits, h.KS.Stats.Misses-misses
		if r.counts != (hits == 1 && misses == 1) || !r.counts && hits+misses != 0 {
			t.Errorf("%s: %d hits, %d misses", r.do, hits, misses)
		}
		if idle := p.do("OBJECT", "IDLETIME", "k"); strings.HasPrefix(r.do, "MOVE") != (idle == "$-1\r\n") ||
			!strings.HasPrefix(r.do, "MOVE") && (idle == ":0\r\n") != r.touches {
			t.Errorf("%s: idle %q afterwards", r.do, idle)
		}
	}
}

// TestNoTouch holds that CLIENT NO-TOUCH hides all accesses but those of TOUCH.
func TestNoTouch(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SET", "k", "v")
	h.pass(50_000)
	p.cl.Flags |= ClientNoTouch
	p.do("GET", "k")
	if got := p.do("OBJECT", "IDLETIME", "k"); got != ":50\r\n" {
		t.Errorf("after GET: idle %q", got)
	}
	p.do("TOUCH", "k")
	if got := p.do("OBJECT", "IDLETIME", "k"); got != ":0\r\n" {
		t.Errorf("after TOUCH: idle %q", got)
	}
}

// TestObjectPolicies holds what OBJECT says under the policies of eviction.
func TestObjectPolicies(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	set := func(pol config.Policy, limit int64) {
		h.Cfg.MaxMemoryPolicy, h.Cfg.MaxMemory = pol, limit
		h.Configured()
	}
	p.do("SET", "n", "7")
	p.do("SET", "neg", "-7")
	p.do("SET", "big", "10000")
	for _, r := range []struct {
		pol   config.Policy
		limit int64
		want  [3]string // REFCOUNT n, IDLETIME n, FREQ n: the reply's first bytes
	}{
		{config.NoEviction, 0, [3]string{":2147483647", ":0", "-ERR An LFU maxmemory policy is not"}},
		{config.AllKeysLRU, 0, [3]string{":2147483647", ":0", "-ERR An LFU maxmemory policy is not"}},
		{config.AllKeysLRU, 1 << 30, [3]string{":1\r", ":0", "-ERR An LFU maxmemory policy is not"}},
		{config.VolatileLFU, 1 << 30, [3]string{":1\r", "-ERR An LFU maxmemory policy is selected", ":"}},
		{config.VolatileTTL, 1 << 30, [3]string{":2147483647", ":0", "-ERR An LFU maxmemory policy is not"}},
	} {
		set(r.pol, r.limit)
		for i, sub := range []string{"REFCOUNT", "IDLETIME", "FREQ"} {
			if got := p.do("OBJECT", sub, "n"); !strings.HasPrefix(got, r.want[i]) {
				t.Errorf("%s, maxmemory %d: OBJECT %s = %q, want %q...", r.pol, r.limit, sub, got, r.want[i])
			}
		}
	}
	set(config.NoEviction, 0)
	for _, key := range []string{"neg", "big"} {
		if got := p.do("OBJECT", "REFCOUNT", key); got != ":1\r\n" {
			t.Errorf("REFCOUNT %s = %q", key, got)
		}
	}
}

// TestLongValuesMove holds that a long value that a view is reading is not changed by
// writes to it in another database, where no view lives.
func TestLongValuesMove(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	long := strings.Repeat("x", 1000)
	p.do("SET", "k", long)
	view := h.KS.DB(0).View()
	defer view.Release()
	before := fingerprint([]*db.View{view})
	p.do("MOVE", "k", "1")
	h.KS.DB(1).Edit([]byte("k"), 1)[0] = 'y'
	if fingerprint([]*db.View{view}) != before {
		t.Error("the view saw a write to what had been moved away")
	}
	if got := h.KS.DB(1).Peek([]byte("k")).Bytes(); string(got) != "y"+long[1:] {
		t.Errorf("moved value is %.10q...", got)
	}
}

// TestHelp holds the shape of HELP: a heading, two lines a subcommand, HELP last.
func TestHelp(t *testing.T) {
	h := newHarness(borrowed)
	lines := strings.Split(strings.TrimSuffix(h.dial().do("object", "help"), "\r\n"), "\r\n")
	n := len(h.Commands.Named("object").Subs)
	if len(lines) != 2+2*n || lines[0] != fmt.Sprintf("*%d", 1+2*n) ||
		lines[1] != "+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" ||
		lines[2] != "+ENCODING key" || lines[len(lines)-2] != "+HELP" {
		t.Errorf("got %q", lines)
	}
	for i := 3; i < len(lines); i += 2 {
		if !strings.HasPrefix(lines[i], "+    ") {
			t.Errorf("line %d: %q is not indented", i, lines[i])
		}
	}
}

// TestNoAllocations holds that the hot commands of this family leave nothing to the
// collector. Among many keys, that is: a page is put in order anew now and then, which
// AllocsPerRun rounds away.
func TestNoAllocations(t *testing.T) {
	const size = 1000
	h := newHarness(borrowed)
	cl := h.dial().cl
	for i := range size {
		h.KS.DB(0).SetString(fmt.Appendf(nil, "key:%d", i), []byte("value"), db.Plain, 0)
	}
	request := func(line string) []Request {
		r := make([]Request, 1)
		for _, w := range strings.Fields(line) {
			r[0].Args = append(r[0].Args, []byte(w))
		}
		return r
	}
	for _, lines := range [][]string{
		{"EXISTS key missing"},
		{"TOUCH key missing"},
		{"TYPE key"},
		{"TTL key"},
		{"PEXPIRETIME key"},
		{"EXPIRE key 1000"},
		{"PEXPIRE key 1000000 XX"},
		{"EXPIRE key 1000", "PERSIST key"},
		{"DEL key", "SET key value"},
		{"UNLINK key", "SET key value"},
		{"RENAME key other", "RENAME other key"},
		{"COPY key key:1 REPLACE"},
		{"SCAN 0"},
		{"DBSIZE"},
	} {
		var batches [][]Request
		for _, l := range lines {
			batches = append(batches, request(l))
		}
		h.KS.DB(0).SetString([]byte("key"), []byte("value"), db.Plain, 0)
		run := func() {
			for _, b := range batches {
				h.Prepare(cl.DB, b)
				h.Execute(cl, &b[0])
			}
			cl.Out.B = cl.Out.B[:0]
		}
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s: %v allocations", strings.Join(lines, "; "), n)
		}
		if n := h.KS.DB(0).Len(); n != size+1 {
			t.Errorf("%s: %d keys in the end, want %d", strings.Join(lines, "; "), n, size+1)
		}
	}
}
