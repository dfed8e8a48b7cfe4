package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"redust/config"
)

// spyHost is the harness as a Host that notes what it is told, and can refuse.
type spyHost struct {
	*harness
	log     []string
	stopped []ShutdownOptions
	applied []string
	refuse  error
	slept   int64
	process Process
}

func spy(h *harness) *spyHost {
	s := &spyHost{harness: h, process: h.Process()}
	h.Host = s
	return s
}

func (s *spyHost) Log(_ config.LogLevel, text string) { s.log = append(s.log, text) }
func (s *spyHost) Sleep(ns int64)                     { s.slept += ns }
func (s *spyHost) Process() Process                   { return s.process }

func (s *spyHost) Shutdown(o ShutdownOptions) error {
	s.stopped = append(s.stopped, o)
	return s.refuse
}

func (s *spyHost) Apply(changed []string) error {
	s.applied = append(s.applied, changed...)
	return s.refuse
}

// lineOf finds the value of a field in INFO.
func lineOf(t *testing.T, info, name string) string {
	t.Helper()
	for _, line := range strings.Split(info, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return v
		}
	}
	t.Errorf("INFO has no %s", name)
	return ""
}

func number(t *testing.T, info, name string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(lineOf(t, info, name), 10, 64)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return n
}

func TestHumanBytes(t *testing.T) {
	for _, r := range []struct {
		n    int64
		want string
	}{
		{0, "0B"}, {1023, "1023B"}, {1024, "1.00K"}, {916416, "894.94K"}, {6815744, "6.50M"}, {25276502016, "23.54G"},
		{1 << 40, "1.00T"}, {1<<63 - 1, "8192.00P"},
	} {
		if got := humanBytes(r.n); got != r.want {
			t.Errorf("humanBytes(%d) = %s, want %s", r.n, got, r.want)
		}
	}
}

// TestInfoAddsUp holds that the numbers of INFO are those of their owners, and that the
// parts of memory make the whole, in MEMORY STATS too.
func TestInfoAddsUp(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	for i := range 3000 {
		p.do("SET", fmt.Sprintf("key%d", i), strings.Repeat("v", i%400), "PX", "5000")
	}
	p.do("GET", "key1")
	p.do("GET", "none")
	p.do("SELECT", "2")
	p.do("SET", "k", "v")
	h.ClientsMemory = 12345
	info := h.Info()
	for _, r := range []struct{ name, want string }{
		{"redis_version", "7.2.4"}, {"redust_version", "test"}, {"run_id", h.Process().RunID}, {"uptime_in_seconds", "1000"}, {"uptime_in_days", "0"},
		{"listener0", "name=tcp,bind=*,bind=-::*,port=6379"}, {"connected_clients", "1"}, {"keyspace_hits", "1"}, {"keyspace_misses", "1"},
		{"rdb_changes_since_last_save", "3001"}, {"rdb_last_save_time", "1699999000"}, {"mem_clients_normal", "12345"},
		{"db0", "keys=3000,expires=3000,avg_ttl=5000"}, {"db2", "keys=1,expires=0,avg_ttl=0"}, {"maxmemory_policy", "noeviction"},
		{"mem_allocator", "go"}, {"master_replid", h.replicationID()}, {"lru_clock", strconv.Itoa(1_700_000_000 & (1<<24 - 1))},
	} {
		if got := lineOf(t, info, r.name); got != r.want {
			t.Errorf("%s:%s, want %s", r.name, got, r.want)
		}
	}
	used := number(t, info, "used_memory")
	if sum := number(t, info, "used_memory_overhead") + number(t, info, "used_memory_dataset"); sum != used || used != h.UsedMemory() {
		t.Errorf("overhead and data set are %d of %d", sum, used)
	}
	if got := number(t, info, "used_memory_peak"); got < used {
		t.Errorf("the peak is %d, below %d", got, used)
	}
	stats := p.do("MEMORY", "STATS")
	for name, field := range map[string]string{"total.allocated": "used_memory", "overhead.total": "used_memory_overhead", "dataset.bytes": "used_memory_dataset"} {
		if want := fmt.Sprintf("%s\r\n:%d\r\n", name, number(t, info, field)); !strings.Contains(stats, want) {
			t.Errorf("MEMORY STATS %q lacks %q", stats, want)
		}
	}
	if len(h.replicationID()) != 40 {
		t.Errorf("replication id %q", h.replicationID())
	}
	was := h.replicationID()
	p.do("DEBUG", "CHANGE-REPL-ID")
	if h.replicationID() == was {
		t.Error("CHANGE-REPL-ID changed nothing")
	}
	for _, names := range [][]string{{"server"}, {"default"}, {"commandstats", "stats"}, {"all"}} {
		text := h.Info(names...)
		if !strings.HasPrefix(text, "# ") || !strings.HasSuffix(text, "\r\n") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
			t.Errorf("INFO %q is not made of lines: %q", names, text)
		}
	}
}

// TestAvgTTL holds that keys past their deadline and keys without one do not count.
func TestAvgTTL(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	h.ActiveExpire = false
	p.do("SET", "soon", "v", "PX", "10")
	p.do("SET", "never", "v")
	h.pass(20)
	if got := h.KS.DB(0).AvgTTL(); got != 0 {
		t.Errorf("of an expired key and one without a deadline: %d ms", got)
	}
	p.do("SET", "later", "v", "PX", "700")
	if got := h.KS.DB(0).AvgTTL(); got != 700 {
		t.Errorf("%d ms, want 700", got)
	}
}

func TestResetStat(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SET", "a", "1", "PX", "5")
	p.do("GET", "a")
	p.do("GET", "none")
	p.do("INCR")
	h.pass(20)
	before := h.Info("all")
	for _, name := range []string{"keyspace_hits", "keyspace_misses", "expired_keys", "total_error_replies", "total_commands_processed"} {
		if number(t, before, name) == 0 {
			t.Errorf("%s is 0 before", name)
		}
	}
	for _, text := range []string{"cmdstat_get:calls=2", "cmdstat_incr:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1", "errorstat_ERR:count=1"} {
		if !strings.Contains(before, text) {
			t.Errorf("INFO lacks %s", text)
		}
	}
	p.do("CONFIG", "RESETSTAT")
	after := h.Info("all")
	for _, name := range []string{"keyspace_hits", "keyspace_misses", "expired_keys", "total_error_replies"} {
		if n := number(t, after, name); n != 0 {
			t.Errorf("%s is %d after", name, n)
		}
	}
	if strings.Contains(after, "cmdstat_get") || strings.Contains(after, "errorstat_") || strings.Contains(after, "usec_get") {
		t.Errorf("statistics survive: %s", after)
	}
}

// TestConfigSetAppliesAllOrNothing looks at both places where directives take effect,
// when the outer one agrees and when it refuses.
func TestConfigSetAppliesAllOrNothing(t *testing.T) {
	h := newHarness(borrowed)
	s, p := spy(h), h.dial()
	if got := p.do("CONFIG", "SET", "slowlog-log-slower-than", "5", "latency-monitor-threshold", "7", "hz", "10"); got != "+OK\r\n" {
		t.Error(got)
	}
	if want := []string{"slowlog-log-slower-than", "latency-monitor-threshold"}; !slices.Equal(s.applied, want) {
		t.Errorf("applied %q, want %q", s.applied, want) // hz did not change
	}
	if h.SlowLog.SlowerThanUs != 5 || h.slowNs != 5000 || h.Latency.ThresholdMs != 7 || h.latencyNs != 7e6 {
		t.Error("the directives took no effect")
	}
	s.refuse = errors.New("no room")
	if got, want := p.do("CONFIG", "SET", "slowlog-log-slower-than", "6"),
		"-ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - no room\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if h.Cfg.SlowLogSlowerThan != 5 || h.slowNs != 5000 {
		t.Error("a refused CONFIG SET left something behind")
	}
	if len(s.log) != 1 || !strings.Contains(s.log[0], "no room") {
		t.Errorf("log %q", s.log) // the second apply, which puts things back, failed too
	}
	s.refuse, s.log = nil, nil
	p.do("CONFIG", "SET", "maxmemory", "1kb")
	if len(s.log) != 1 || !strings.Contains(s.log[0], "1.00K") {
		t.Errorf("a limit below what is used was set without a word: %q", s.log)
	}
}

func TestShutdown(t *testing.T) {
	h := newHarness(borrowed)
	s, p := spy(h), h.dial()
	for _, r := range []struct {
		line, want string
		options    *ShutdownOptions
	}{
		{"SHUTDOWN", "", &ShutdownOptions{}},
		{"SHUTDOWN nosave NOW force", "", &ShutdownOptions{NoSave: true, Now: true, Force: true}},
		{"SHUTDOWN SAVE FORCE", "", &ShutdownOptions{Save: true, Force: true}},
		{"SHUTDOWN ABORT", "-ERR No shutdown in progress.\r\n", nil},
		{"SHUTDOWN NOW ABORT", "-ERR syntax error\r\n", nil},
	} {
		s.stopped = nil
		if got := p.say(r.line); got != r.want {
			t.Errorf("%s: %q, want %q", r.line, got, r.want)
		}
		if r.options == nil && s.stopped != nil || r.options != nil && !slices.Equal(s.stopped, []ShutdownOptions{*r.options}) {
			t.Errorf("%s: stopped with %v", r.line, s.stopped)
		}
	}
	s.refuse = errors.New("the disk is full")
	if got := p.say("SHUTDOWN"); got != "-ERR Errors trying to SHUTDOWN. Check logs.\r\n" {
		t.Errorf("%q, log %q", got, s.log)
	}
}

func TestModulesAreRefused(t *testing.T) {
	h := newHarness(borrowed)
	s, p := spy(h), h.dial()
	for _, r := range []struct{ line, want string }{
		{"MODULE LOAD /x.so a", "-ERR Error loading the extension. Please check the server logs.\r\n"},
		{"MODULE LOADEX /x.so CONFIG a b", "-ERR Error loading the extension. Please check the server logs.\r\n"},
		{"MODULE UNLOAD x", "-ERR Error unloading module: no such module with that name\r\n"},
	} {
		if got := p.say(r.line); got != r.want {
			t.Errorf("%s: %q, want %q", r.line, got, r.want)
		}
	}
	if len(s.log) != 2 {
		t.Errorf("log %q", s.log)
	}
}

func TestMemoryDoctor(t *testing.T) {
	h := newHarness(borrowed)
	s, p := spy(h), h.dial()
	sound := Process{RSS: 12 << 20, HeapLive: 10 << 20, TotalMemory: 1 << 30}
	for _, r := range []struct {
		used, peak, clients, limit int64
		process                    Process
		want                       []string // the beginnings of the lines
	}{
		{used: 1 << 20, process: Process{RSS: 100 << 20}, want: []string{"The server holds less"}},
		{used: 10 << 20, process: sound, want: []string{"Nothing is wrong"}},
		{used: 10 << 20, peak: 16 << 20, process: sound, want: []string{"Peak: once 16.00M"}},
		{used: 10 << 20, process: Process{RSS: 40 << 20, TotalMemory: 1 << 30}, want: []string{"Resident size: the process takes 40.00M, 4.00"}},
		{used: 10 << 20, process: Process{RSS: 12 << 20, HeapLive: 10 << 20, HeapIdle: 20 << 20}, want: []string{"Idle heap: 20.00M"}},
		{used: 10 << 20, clients: 1 << 20, process: sound, want: []string{"Clients: their buffers take 1.00M"}},
		{used: 10 << 20, limit: 10 << 20, process: sound, want: []string{"Limit: 100%"}},
		{used: 10 << 20, process: Process{RSS: 12 << 20, HeapLive: 10 << 20, TotalMemory: 13 << 20}, want: []string{"Machine: the process takes 12.00M of 13.00M"}},
		{used: 10 << 20, peak: 16 << 20, limit: 10 << 20, process: sound, want: []string{"Peak", "Limit"}},
	} {
		s.process = r.process
		h.Cfg.MaxMemory = r.limit
		m := memoryReport{Process: r.process, used: r.used, peak: max(r.peak, r.used), clients: r.clients,
			allocated: r.process.HeapLive, active: r.process.HeapLive + r.process.HeapIdle}
		m.bloat, m.fragRatio = ratio(m.RSS, m.used), ratio(m.active, m.allocated)
		lines := strings.Split(strings.TrimSuffix(m.diagnosis(h.Server), "\n"), "\n")
		if !slices.EqualFunc(lines, r.want, strings.HasPrefix) {
			t.Errorf("%+v: %q", r, lines)
		}
	}
	h.Cfg.MaxMemory = 0
	if got := p.say("MEMORY DOCTOR"); !strings.HasPrefix(got, "$") {
		t.Errorf("%q", got)
	}
	if got := p.say("MEMORY MALLOC-STATS"); !strings.Contains(got, "heap objects") {
		t.Errorf("%q", got)
	}
}

// TestPopulate looks at what is made, and that what exists is left alone.
func TestPopulate(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SET", "key:1", "mine")
	dirty := h.Dirty
	p.say("DEBUG POPULATE 3")
	p.say("DEBUG POPULATE 12 cut 7")
	p.say("DEBUG POPULATE 2 long 300")
	for _, r := range []struct{ key, want string }{
		{"key:0", "value:0"}, {"key:1", "mine"}, {"key:2", "value:2"}, {"cut:9", "value:9"}, {"cut:11", "value:1"},
		{"long:1", "value:1" + strings.Repeat("\x00", 293)},
	} {
		if got, want := p.do("GET", r.key), fmt.Sprintf("$%d\r\n%s\r\n", len(r.want), r.want); got != want {
			t.Errorf("%s: %q, want %q", r.key, got, want)
		}
	}
	if n := h.Dirty - dirty; n != 2+12+2 || h.KS.Len() != 17 {
		t.Errorf("%d changes, %d keys", n, h.KS.Len())
	}
	if got := p.do("DEBUG", "POPULATE", "1", "x", strconv.FormatInt(h.Cfg.ProtoMaxBulkLen+1, 10)); got != "-"+string(ErrTooLong)+"\r\n" {
		t.Errorf("%q", got)
	}
}

func TestDebugSwitches(t *testing.T) {
	h := newHarness(borrowed)
	s, p := spy(h), h.dial()
	for _, r := range []struct {
		line string
		done func() bool
	}{
		{"DEBUG PAUSE-CRON 1", func() bool { return h.CronPaused }},
		{"DEBUG PAUSE-CRON 0", func() bool { return !h.CronPaused }},
		{"DEBUG SET-ACTIVE-EXPIRE 0", func() bool { return !h.ActiveExpire }},
		{"DEBUG SET-ACTIVE-EXPIRE 1", func() bool { return h.ActiveExpire }},
		{"DEBUG SET-SKIP-CHECKSUM-VALIDATION 1", func() bool { return h.debug.skipChecksum }},
		{"DEBUG SET-DISABLE-DENY-SCRIPTS 1", func() bool { return h.debug.allowInScripts }},
		{"DEBUG QUICKLIST-PACKED-THRESHOLD 2kb", func() bool { return h.debug.packedThreshold == 2048 }},
		{"DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER", func() bool { return h.debug.replyPeakResetMs == -1 }},
		{"DEBUG REPLYBUFFER PEAK-RESET-TIME 30", func() bool { return h.debug.replyPeakResetMs == 30 }},
		{"DEBUG REPLYBUFFER RESIZING 1", func() bool { return h.debug.resizeReplies }},
		{"DEBUG SLEEP 0.25", func() bool { return s.slept == 25e7 }},
		{"DEBUG SLEEP -3", func() bool { return s.slept == 25e7 }},
		{"DEBUG LOG hello", func() bool { return slices.Contains(s.log, "DEBUG LOG: hello") }},
		{"DEBUG JMAP", func() bool { return len(s.log) == 2 && strings.HasPrefix(s.log[1], "process 4711: resident 32.00M") }},
	} {
		if got := p.say(r.line); got != "+OK\r\n" || !r.done() {
			t.Errorf("%s: %q, done %t", r.line, got, r.done())
		}
	}
	for _, r := range []struct{ line, want string }{
		{"DEBUG STRINGMATCH-LEN a*c abbbc", ":1\r\n"},
		{"DEBUG STRINGMATCH-LEN a*c abbb", ":0\r\n"},
		{"DEBUG RELOAD NOSAFE", "-" + string(ErrReloadOption) + "\r\n"},
		{"DEBUG LOADAOF", "-" + string(ErrNoJournal) + "\r\n"},
		{"DEBUG PAUSE-CRON x", "-" + string(ErrNotInt) + "\r\n"},
	} {
		if got := p.say(r.line); got != r.want {
			t.Errorf("%s: %q, want %q", r.line, got, r.want)
		}
	}
	p.do("SET", "k", "v", "EX", "100")
	if got := p.say("DEBUG HTSTATS 0"); !strings.Contains(got, " number of elements: 1\n pages: 1\n") || !strings.Contains(got, "appointments:") {
		t.Errorf("HTSTATS: %q", got)
	}
	help := p.say("DEBUG HELP")
	if n := strings.Count(help, "\r\n") - 1; !strings.HasPrefix(help, fmt.Sprintf("*%d\r\n+DEBUG <subcommand>", n)) {
		t.Errorf("HELP says %q of %d lines", help[:30], n)
	}
	// DEBUG is refused as the configuration says.
	h.Cfg.EnableDebugCommand = config.GateNo
	if got := p.say("DEBUG SLEEP 0"); !strings.HasPrefix(got, "-ERR DEBUG command not allowed.") {
		t.Errorf("%q", got)
	}
}

func TestLolwut(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	for _, r := range []struct {
		line          string
		columns, rows int
	}{
		{"LOLWUT", 40, 12}, {"LOLWUT VERSION 5", 40, 12}, {"LOLWUT 10 2", 10, 2}, {"LOLWUT VERSION 9 7", 7, 12},
		{"LOLWUT VERSION 9 0 -4", 1, 1}, {"LOLWUT 100000 100000", 200, 100}, {"LOLWUT VERSION -1 1 1 9", 1, 1}, {"LOLWUT VERSION", 40, 12},
	} {
		got := p.say(r.line)
		_, body, _ := strings.Cut(got, "\r\n")
		lines := strings.Split(body, "\n")
		if len(lines) != r.rows+4 || utf8.RuneCountInString(lines[0]) != r.columns || lines[r.rows+1] != "Redis ver. 7.2.4" {
			t.Errorf("%s: %q", r.line, got)
		}
	}
	if got := p.say("LOLWUT x"); got != "-"+string(ErrNotInt)+"\r\n" {
		t.Errorf("%q", got)
	}
	if a, b := p.say("LOLWUT"), p.say("LOLWUT"); a == b {
		t.Error("chance has no say")
	}
}

// TestLatencyHistogram holds the one number that the comparison with Redis leaves out.
func TestLatencyHistogram(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	cmd := h.Commands.Named("get")
	for _, us := range []int64{1, 3, 3, 1000} {
		cmd.Stats.Record(us*1000, true)
	}
	want := "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n*6\r\n:1\r\n:1\r\n:4\r\n:3\r\n:1056\r\n:4\r\n"
	if got := p.say("LATENCY HISTOGRAM get"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
