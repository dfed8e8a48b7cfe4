package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"redust/config"
	"redust/db"
	"redust/internal/disk/faulty"
	"redust/rdb"
)

// saverHost is a server in process whose disk is in memory, and whose background work waits
// until it is told to go on.
type saverHost struct {
	*spyHost
	disk *faulty.Disk
	work []func()
}

func (s *saverHost) Background(work, done func()) {
	s.work = append(s.work, func() {
		work()
		done()
	})
}

// finish does what waits in the background.
func (s *saverHost) finish() {
	work := s.work
	s.work = nil
	for _, f := range work {
		f()
	}
	s.goOn()
}

// logged tells whether there is such a line in the log.
func (s *saverHost) logged(text string) bool {
	return slices.ContainsFunc(s.log, func(l string) bool { return strings.Contains(l, text) })
}

func newSaver(rules ...config.SaveRule) *saverHost {
	h := newHarness(borrowed)
	s := &saverHost{spyHost: spy(h), disk: faulty.New()}
	h.Host, h.Files = s, s.disk
	h.Cfg.Dir, h.Cfg.Save = "/", rules
	return s
}

// load reads a file into a new server.
func load(t *testing.T, file []byte) *harness {
	t.Helper()
	h := newHarness(borrowed)
	_, err := rdb.Decode(bytes.NewReader(file), rdb.OptionsFor(h.KS), func(b *rdb.Batch) error {
		_, err := b.Put(h.KS, rdb.PutOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestBackgroundSave: what a snapshot holds is what was there when it was begun, and what
// changed since then is what INFO counts.
func TestBackgroundSave(t *testing.T) {
	s := newSaver()
	p := s.dial()
	for i := range 10 {
		p.do("SET", fmt.Sprint("k", i), "old")
	}
	if got := p.do("BGSAVE", "SCHEDULE"); got != "+Background saving started\r\n" {
		t.Fatal(got)
	}
	for _, words := range []string{"BGSAVE", "BGSAVE SCHEDULE", "SAVE"} {
		if got := p.say(words); got != "-ERR Background save already in progress\r\n" {
			t.Errorf("%s: %q", words, got)
		}
	}
	info := s.Info("persistence")
	for name, want := range map[string]string{"rdb_bgsave_in_progress": "1", "current_save_keys_total": "10", "rdb_current_bgsave_time_sec": "0", "rdb_changes_since_last_save": "10"} {
		if got := lineOf(t, info, name); got != want {
			t.Errorf("%s:%s, want %s", name, got, want)
		}
	}
	p.do("SET", "k1", "new")
	p.do("DEL", "k2")
	s.pass(3000)
	s.finish()
	info = s.Info("persistence")
	for name, want := range map[string]string{"rdb_bgsave_in_progress": "0", "rdb_changes_since_last_save": "2", "rdb_last_bgsave_status": "ok",
		"rdb_last_bgsave_time_sec": "3", "rdb_saves": "1", "rdb_last_save_time": fmt.Sprint(s.nowMs / 1000), "current_save_keys_total": "0"} {
		if got := lineOf(t, info, name); got != want {
			t.Errorf("%s:%s, want %s", name, got, want)
		}
	}
	for _, line := range []string{"Background saving started by pid 4711", "DB saved on disk", "Background saving terminated with success"} {
		if !s.logged(line) {
			t.Errorf("the log lacks %q: %q", line, s.log)
		}
	}
	if got := p.do("LASTSAVE"); got != fmt.Sprintf(":%d\r\n", s.nowMs/1000) {
		t.Error(got)
	}
	file, _ := s.disk.Bytes("/dump.rdb")
	q := load(t, file).dial()
	if got := q.do("DBSIZE") + q.do("MGET", "k1", "k2"); got != ":10\r\n*2\r\n$3\r\nold\r\n$3\r\nold\r\n" {
		t.Errorf("%q", got)
	}
	if s.KS.Viewed() {
		t.Error("the views were not given back")
	}
}

// TestSaveBlocksOnlyItsClient: SAVE replies when its data set is on the disk; others are
// served meanwhile, and a second SAVE gets a snapshot of its own.
func TestSaveBlocksOnlyItsClient(t *testing.T) {
	s := newSaver()
	p, q, r := s.dial(), s.dial(), s.dial()
	p.do("SET", "a", "1")
	if got := p.do("SAVE"); got != "" {
		t.Fatalf("SAVE replied at once: %q", got)
	}
	if got := p.do("GET", "a"); got != "" {
		t.Errorf("what follows SAVE did not wait: %q", got)
	}
	if got := q.do("SET", "b", "2"); got != "+OK\r\n" {
		t.Errorf("another client: %q", got)
	}
	if got := q.do("BGSAVE"); got != "-ERR Background save already in progress\r\n" {
		t.Error(got)
	}
	if got := q.do("BGSAVE", "CANCEL"); got != "-ERR Background saving is currently not in progress or scheduled\r\n" {
		t.Error(got)
	}
	if got := q.do("SAVE"); got != "" {
		t.Errorf("the second SAVE replied at once: %q", got)
	}
	r.do("SAVE")
	r.hangUp()
	if got := lineOf(t, s.Info("persistence"), "rdb_bgsave_in_progress"); got != "0" {
		t.Error("a SAVE is not a BGSAVE")
	}
	if got := s.dial().do("CLIENT", "UNBLOCK", fmt.Sprint(p.cl.ID)); got != ":0\r\n" {
		t.Errorf("CLIENT UNBLOCK: %q", got)
	}
	s.finish()
	if got := string(p.cl.Out.B); got != "+OK\r\n$1\r\n1\r\n" {
		t.Errorf("first: %q", got)
	}
	file, _ := s.disk.Bytes("/dump.rdb")
	if n := load(t, file).KS.Len(); n != 1 {
		t.Errorf("the first snapshot has %d keys", n)
	}
	if len(q.cl.Out.B) != 0 {
		t.Errorf("the second SAVE has heard %q", q.cl.Out.B)
	}
	s.finish()
	if got := string(q.cl.Out.B); got != "+OK\r\n" {
		t.Errorf("second: %q", got)
	}
	file, _ = s.disk.Bytes("/dump.rdb")
	if n := load(t, file).KS.Len(); n != 2 {
		t.Errorf("the second snapshot has %d keys", n)
	}
	s.disk.FailAt(0, syscall.EACCES)
	q.cl.Out.B = nil
	q.do("SAVE")
	s.finish()
	if got := string(q.cl.Out.B); got != "-ERR\r\n" {
		t.Errorf("a SAVE that fails: %q", got)
	}
	if !s.logged("Failed opening the temp RDB file") {
		t.Errorf("log: %q", s.log)
	}
	if got := lineOf(t, s.Info("persistence"), "rdb_last_bgsave_status"); got != "ok" {
		t.Error("a SAVE that failed is not the background's")
	}
}

// TestFailingDisk: whichever operation fails, the old file stays as it was, no other is left,
// and writes are refused until a snapshot succeeds.
func TestFailingDisk(t *testing.T) {
	misconf := "-" + string(ErrMisconfRDB) + "\r\n"
	fails := 0
	for n := range 20 {
		s := newSaver(config.SaveRule{Seconds: 3600, Changes: 1})
		s.disk.Put("/dump.rdb", []byte("old"))
		p := s.dial()
		for i := range 3000 {
			p.do("SET", fmt.Sprint("k", i), strings.Repeat("v", 200))
		}
		p.do("BGSAVE")
		s.disk.FailAt(n, syscall.EIO)
		s.finish()
		s.disk.Hook(nil)
		names, file := s.disk.Names(), ""
		if b, ok := s.disk.Bytes("/dump.rdb"); ok {
			file = string(b)
		}
		if !s.saving.failed {
			if file == "old" {
				t.Fatalf("operation %d: nothing failed, nothing was saved", n)
			}
			break
		}
		fails++
		last := strings.Contains(strings.Join(s.log, "\n"), "directory")
		if !slices.Equal(names, []string{"/dump.rdb"}) || file != "old" && !last {
			t.Errorf("operation %d: files %q, log %q", n, names, s.log)
		}
		if !s.logged("Background saving error") {
			t.Errorf("operation %d: log %q", n, s.log)
		}
		for words, want := range map[string]string{"SET a 1": misconf, "PING": misconf, "DEL k1": misconf, "GET none": "$-1\r\n", "INCR x": misconf, "EXISTS k1": ":1\r\n"} {
			if got := p.say(words); got != want {
				t.Errorf("operation %d: %s: %q", n, words, got)
			}
		}
		if got := lineOf(t, s.Info("persistence"), "rdb_last_bgsave_status"); got != "err" {
			t.Error(got)
		}
		if got := p.say("MULTI") + p.say("GET k1") + p.say("SET a 1") + p.say("EXEC"); !strings.HasPrefix(got, "+OK\r\n+QUEUED\r\n"+misconf+"-EXECABORT") {
			t.Errorf("in a transaction: %q", got)
		}
		p.say("CONFIG SET stop-writes-on-bgsave-error no")
		if got := p.say("SET a 1"); got != "+OK\r\n" {
			t.Errorf("allowed: %q", got)
		}
		p.say("CONFIG SET stop-writes-on-bgsave-error yes")
		p.say("BGSAVE")
		s.finish()
		if got := p.say("SET a 1"); got != "+OK\r\n" {
			t.Errorf("after it works again: %q", got)
		}
	}
	if fails < 7 {
		t.Errorf("only %d operations can fail", fails)
	}
}

func TestFullDisk(t *testing.T) {
	s := newSaver(config.SaveRule{Seconds: 3600, Changes: 1})
	p := s.dial()
	s.disk.Put("/dump.rdb", make([]byte, 1000))
	p.say("DEBUG POPULATE 20000")
	s.disk.Limit(300_000)
	p.say("BGSAVE")
	s.finish()
	if !s.logged("no space left on device") || s.disk.Used() != 1000 {
		t.Errorf("%d bytes are used, log %q", s.disk.Used(), s.log)
	}
	if got := p.say("SET a 1"); !strings.HasPrefix(got, "-MISCONF ") {
		t.Error(got)
	}
	s.disk.Limit(-1)
	s.pass(5000)
	if len(s.work) != 0 {
		t.Error("tried again too early")
	}
	s.nowMs += 3600_000
	s.pass(200)
	if len(s.work) != 1 || !s.logged("1 changes in 3600 seconds. Saving...") {
		t.Fatalf("the rule was forgotten: %q", s.log)
	}
	s.finish()
	if got := p.say("SET a 1"); got != "+OK\r\n" {
		t.Error(got)
	}
}

// TestSaveRules: a rule applies when enough has changed and enough time has passed since the
// last snapshot; after a failure there are five seconds of rest.
func TestSaveRules(t *testing.T) {
	s := newSaver(config.SaveRule{Seconds: 100, Changes: 3}, config.SaveRule{Seconds: 10, Changes: 10})
	s.LastSave = s.nowMs / 1000
	p := s.dial()
	change := func(n int) {
		for range n {
			p.do("INCR", "n")
		}
	}
	begun := func() bool {
		begun := len(s.work) > 0
		s.finish()
		return begun
	}
	change(2)
	if s.pass(101_000); begun() {
		t.Error("two changes are not three")
	}
	change(1)
	if s.pass(200); !begun() {
		t.Error("three changes in 101 seconds")
	}
	change(9)
	if s.pass(11_000); begun() {
		t.Error("nine changes in 11 seconds")
	}
	change(1)
	if s.pass(200); !begun() || !s.logged("10 changes in 10 seconds. Saving...") {
		t.Errorf("ten changes in 11 seconds: %q", s.log)
	}
	if s.pass(300_000); begun() {
		t.Error("nothing has changed")
	}
	s.disk.Hook(func(faulty.Op) error { return syscall.EIO })
	change(10)
	if s.pass(200); !begun() {
		t.Error("ten changes")
	}
	if s.pass(4900); begun() {
		t.Error("tried again at once")
	}
	if s.pass(1500); !begun() {
		t.Error("not tried again")
	}
	s.disk.Hook(nil)
	if got := p.do("CONFIG", "SET", "save", ""); got != "+OK\r\n" {
		t.Fatal(got)
	}
	if s.pass(20_000); begun() {
		t.Error("there are no rules any more")
	}
	if got := p.do("SET", "a", "1"); got != "+OK\r\n" {
		t.Errorf("without rules nobody minds: %q", got)
	}
}

// TestFlushAllIsSaved: what was thrown away does not come back, and OK is said when it cannot.
func TestFlushAllIsSaved(t *testing.T) {
	s := newSaver(config.SaveRule{Seconds: 3600, Changes: 1000})
	p, q := s.dial(), s.dial()
	keys := func() int64 {
		t.Helper()
		file, ok := s.disk.Bytes("/dump.rdb")
		if !ok {
			t.Fatal("no snapshot")
		}
		return int64(load(t, file).KS.Len())
	}
	p.say("DEBUG POPULATE 5000")
	p.say("BGSAVE")
	if got := p.say("FLUSHALL"); got != "" {
		t.Errorf("answered at once: %q", got)
	}
	q.say("SET a 1")
	s.finish() // the first snapshot
	if s.disk.Used() != 0 || !s.logged("Background saving cancelled") {
		t.Errorf("the old data set was saved; log %q", s.log)
	}
	if len(p.cl.Out.B) > 0 {
		t.Errorf("answered %q, and no file is there", p.cl.Out.B)
	}
	s.finish()
	if got := string(p.cl.Out.B); got != "+OK\r\n" || keys() != 1 {
		t.Errorf("answered %q, %d keys", got, keys())
	}
	p.cl.Out.B = nil
	p.say("FLUSHALL")
	q.say("SET b 1") // later than the snapshot
	s.finish()
	if got := string(p.cl.Out.B); got != "+OK\r\n" || keys() != 0 {
		t.Errorf("answered %q, %d keys", got, keys())
	}
	p.cl.Out.B = nil
	if s.saving.failed {
		t.Error("a snapshot that was given up is no failure")
	}
	if s.pass(1000); len(s.work) != 0 {
		t.Error("saved once more")
	}
	s.disk.FailAt(0, syscall.EACCES)
	p.say("FLUSHALL")
	s.finish()
	if got := string(p.cl.Out.B); got != "+OK\r\n" || !s.logged("Failed opening the temp RDB file") {
		t.Errorf("it cannot be saved: %q, log %q", got, s.log)
	}
	p.cl.Out.B = nil
	for _, words := range []string{"MULTI", "SET c 1", "FLUSHALL"} {
		p.say(words)
	}
	if got := p.say("EXEC"); got != "*2\r\n+OK\r\n+OK\r\n" || len(s.work) != 0 {
		t.Errorf("in a transaction: %q", got)
	}
	if s.pass(200); len(s.work) != 1 {
		t.Error("no snapshot after a transaction")
	}
	s.finish()
	if got := p.do("EVAL", "return redis.call('FLUSHALL')", "0"); got != "+OK\r\n" || len(s.work) != 0 {
		t.Errorf("in a script: %q", got)
	}
	if s.pass(200); len(s.work) != 1 {
		t.Error("no snapshot after a script")
	}
	s.finish()
	s.Cfg.Save = nil
	if got := p.say("FLUSHALL"); got != "+OK\r\n" {
		t.Errorf("without rules: %q", got)
	}
	if s.pass(1000); len(s.work) != 0 {
		t.Error("without rules nothing is saved")
	}
}

// TestReloadDamaged: a file that cannot be read, or is not there, costs nothing.
func TestReloadDamaged(t *testing.T) {
	s := newSaver()
	p := s.dial()
	p.say("DEBUG POPULATE 5000")
	if got := p.say("DEBUG RELOAD"); got != "+OK\r\n" {
		t.Fatal(got)
	}
	p.say("SET a 1")
	want := s.digestAll()
	file, _ := s.disk.Bytes("/dump.rdb")
	for _, n := range []int{0, 5, len(file) / 2, len(file) - 1} {
		s.disk.Put("/dump.rdb", file[:n])
		for _, more := range []string{"", " NOFLUSH", " MERGE"} {
			if got := p.say("DEBUG RELOAD NOSAVE" + more); got != "-"+string(ErrReload)+"\r\n" {
				t.Errorf("%d bytes of %d%s: %q", n, len(file), more, got)
			}
			if s.digestAll() != want {
				t.Fatalf("%d bytes of %d%s: the data set is another", n, len(file), more)
			}
		}
	}
	if err := s.disk.Remove("/dump.rdb"); err != nil {
		t.Fatal(err)
	}
	if got := p.say("DEBUG RELOAD NOSAVE"); got != "-"+string(ErrReload)+"\r\n" || s.digestAll() != want {
		t.Errorf("no file: %q", got)
	}
}

func TestCancel(t *testing.T) {
	s := newSaver()
	p := s.dial()
	p.say("DEBUG POPULATE 5000")
	if got := p.say("BGSAVE CANCEL"); got != "-ERR Background saving is currently not in progress or scheduled\r\n" {
		t.Error(got)
	}
	p.say("BGSAVE")
	if got := p.say("BGSAVE CANCEL"); got != "+Background saving cancelled\r\n" {
		t.Error(got)
	}
	s.finish()
	if len(s.disk.Names()) != 0 || lineOf(t, s.Info("persistence"), "rdb_changes_since_last_save") != "5000" {
		t.Errorf("files %q", s.disk.Names())
	}
	p.say("MULTI")
	p.say("BGSAVE")
	if got := p.say("EXEC"); got != "*1\r\n+Background saving scheduled\r\n" || len(s.work) != 0 {
		t.Errorf("in a transaction: %q", got)
	}
	if got := p.say("BGSAVE CANCEL"); got != "+Scheduled background saving cancelled\r\n" {
		t.Error(got)
	}
	if s.pass(200); len(s.work) != 0 {
		t.Error("what was cancelled has begun")
	}
	p.say("MULTI")
	p.say("BGSAVE")
	p.say("EXEC")
	if s.pass(200); len(s.work) != 1 {
		t.Error("what was scheduled has not begun")
	}
	s.finish()
	for _, words := range []string{"BGSAVE x", "BGSAVE SCHEDULE CANCEL"} {
		if got := p.say(words); got != "-ERR syntax error\r\n" {
			t.Errorf("%s: %q", words, got)
		}
	}
}

// TestBeforeExit: who must save saves, who cannot stays.
func TestBeforeExit(t *testing.T) {
	rule := config.SaveRule{Seconds: 3600, Changes: 1000}
	for _, r := range []struct {
		rules  []config.SaveRule
		o      ShutdownOptions
		broken bool
		saved  bool
		err    error
	}{
		{nil, ShutdownOptions{}, false, false, nil},
		{nil, ShutdownOptions{Save: true}, false, true, nil},
		{nil, ShutdownOptions{Save: true}, true, false, ErrShutdown},
		{nil, ShutdownOptions{Save: true, Force: true}, true, false, nil},
		{[]config.SaveRule{rule}, ShutdownOptions{}, false, true, nil},
		{[]config.SaveRule{rule}, ShutdownOptions{NoSave: true}, false, false, nil},
		{[]config.SaveRule{rule}, ShutdownOptions{NoSave: true}, true, false, nil},
		{[]config.SaveRule{rule}, ShutdownOptions{Now: true}, true, false, ErrShutdown},
	} {
		s := newSaver(r.rules...)
		s.dial().do("SET", "a", "1")
		if r.broken {
			s.disk.Hook(func(faulty.Op) error { return syscall.EIO })
		}
		asked := 0
		s.BeforeExitHook = func(ShutdownOptions) error { asked++; return nil }
		err := s.BeforeExit(r.o)
		_, saved := s.disk.Bytes("/dump.rdb")
		if err != r.err || saved != r.saved || asked != 1 {
			t.Errorf("%+v: %v, saved %t, journal asked %d times", r, err, saved, asked)
		}
	}
	s := newSaver(rule)
	s.BeforeExitHook = func(ShutdownOptions) error { return errors.New("no journal") }
	if err := s.BeforeExit(ShutdownOptions{}); err == nil {
		t.Error("the journal's error counts")
	}
	if err := s.BeforeExit(ShutdownOptions{Force: true}); err != nil {
		t.Error("except with force")
	}
}

// TestExitEndsASnapshot: a snapshot under way is given up, and its file is gone, before the
// final one is written.
func TestExitEndsASnapshot(t *testing.T) {
	s := newSaver()
	p := s.dial()
	p.say("DEBUG POPULATE 100000")
	s.Cfg.RDBKeySaveDelayUs = 1000
	p.say("BGSAVE")
	var done sync.WaitGroup
	done.Add(1)
	job := s.saving.job
	go func() {
		defer done.Done()
		job.write(s.disk)
	}()
	for len(s.disk.Names()) == 0 { // it has begun
	}
	if err := s.BeforeExit(ShutdownOptions{Save: true}); err != nil {
		t.Fatal(err)
	}
	done.Wait()
	if names := s.disk.Names(); !slices.Equal(names, []string{"/dump.rdb"}) || !errors.Is(job.err, rdb.ErrCancelled) {
		t.Errorf("files %q, %v", names, job.err)
	}
	file, _ := s.disk.Bytes("/dump.rdb")
	if n := load(t, file).KS.Len(); n != 100000 {
		t.Errorf("%d keys", n)
	}
}

// TestSnapshotsWhileWriting writes to every key while a goroutine writes a snapshot: what
// comes out is what was there when it was taken, field deadlines included. The race detector
// watches.
func TestSnapshotsWhileWriting(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	everyForm(p, true)
	var keys []string
	h.KS.DB(0).Each(func(it db.Item) bool {
		keys = append(keys, string(it.Key()))
		return true
	})
	slices.Sort(keys)
	rnd := rand.New(rand.NewPCG(3, 4))
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		want := h.digestAll()
		snap := h.Snapshot()
		o := h.rdbOptions(false)
		o.History = rdb.History(round % 3)
		o.KeyDelayUs = 20
		var out bytes.Buffer
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = rdb.Write(&out, snap, o)
		}()
		n := 0
		for busy := true; busy; n++ {
			select {
			case <-done:
				busy = false
			default:
			}
			k, v := keys[rnd.IntN(len(keys))], fmt.Sprint(rnd.IntN(1000))
			p.do("SELECT", []string{"0", "3", "15"}[rnd.IntN(3)])
			switch rnd.IntN(20) {
			case 0:
				p.do("DEL", k)
			case 1:
				p.do("COPY", k, keys[rnd.IntN(len(keys))], "REPLACE")
			case 2:
				p.do("RENAME", k, keys[rnd.IntN(len(keys))])
			case 3:
				p.do("EXPIRE", k, v)
			case 4:
				p.do("SET", k, strings.Repeat(v, rnd.IntN(200)))
			}
			p.do("APPEND", k, v)
			p.do("SETRANGE", k, v, "x")
			p.do("LPUSH", k, v)
			p.do("RPOP", k)
			p.do("LSET", k, "3", v)
			p.do("SADD", k, v)
			p.do("SPOP", k)
			p.do("HSET", k, v, v)
			p.do("HDEL", k, "f"+v)
			p.do("HPEXPIREAT", k, "2100000000000", "FIELDS", "1", "f"+fmt.Sprint(rnd.IntN(600)))
			p.do("ZADD", k, v, v)
			p.do("ZPOPMIN", k)
			p.do("XADD", k, "*", v, v)
			p.do("XDEL", k, "101-4")
			p.do("XREADGROUP", "GROUP", "group", "bob", "COUNT", "2", "STREAMS", k, ">")
			p.do("XACK", k, "group", "102-7")
		}
		snap.Release()
		if err != nil {
			t.Fatal(err)
		}
		if n < 10 {
			t.Logf("only %d rounds of writes", n)
		}
		if got := load(t, out.Bytes()).digestAll(); got != want {
			t.Fatalf("round %d: the snapshot is not what was there", round)
		}
	}
}

// TestRoundTrip: every form comes out of a file as it went in, also those that Redis 7.0 does
// not know, and DUMP's payloads likewise.
func TestRoundTrip(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	everyForm(p, true)
	d := faulty.New()
	s := h.Snapshot()
	defer s.Release()
	if s.Version() != rdb.VersionFields {
		t.Errorf("version %d", s.Version())
	}
	for _, o := range []rdb.WriteOptions{{}, {Checksum: true}, {Compress: true}, {Compress: true, Checksum: true, History: rdb.Idle}} {
		if _, err := rdb.WriteFile(d, "/dump.rdb", s, o); err != nil {
			t.Fatal(err)
		}
		file, _ := d.Bytes("/dump.rdb")
		if got, want := load(t, file).digestAll(), h.digestAll(); got != want {
			t.Errorf("%+v: %x, want %x", o, got, want)
		}
	}
	for _, compress := range []bool{false, true} {
		h.KS.DB(0).Each(func(it db.Item) bool {
			payload := rdb.Dump(nil, it, compress)
			if n := rdb.ValueLen(it, compress); n != int64(len(payload)-11) {
				t.Errorf("%.40q: %d bytes, told %d", it.Key(), len(payload)-11, n)
			}
			return true
		})
	}
}
