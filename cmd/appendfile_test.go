package cmd

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"redust/config"
	"redust/rdb"
)

// fakeFile is an append only file that is as far, and as large, as a test says.
type fakeFile struct {
	AppendFile // what is not called here
	acked      int64
	state      AppendState
	fails      error // of rewrites
	rewrites   []*fakeRewrite
	s          *Server
	told       []byte
}

func (f *fakeFile) Append(b []byte)    { f.told = append(f.told, b...) }
func (f *fakeFile) Acked() int64       { return f.acked }
func (f *fakeFile) Configure(bool)     {}
func (f *fakeFile) Tick()              {}
func (f *fakeFile) Close()             {}
func (f *fakeFile) State() AppendState { return f.state }

func (f *fakeFile) NewRewrite(k RewriteKind) Rewrite {
	r := &fakeRewrite{f: f, kind: k, progress: rdb.NewProgress()}
	f.rewrites = append(f.rewrites, r)
	return r
}

type fakeRewrite struct {
	f        *fakeFile
	kind     RewriteKind
	turned   bool
	dropped  bool
	n        string // the value of the key n when it turned
	told     int    // bytes of the stream in front of the turn
	progress *rdb.Progress
}

func (r *fakeRewrite) Prepare() error          { return nil }
func (r *fakeRewrite) Drop() error             { r.dropped = true; return nil }
func (r *fakeRewrite) Progress() *rdb.Progress { return r.progress }

func (r *fakeRewrite) Turn() {
	r.turned, r.told = true, len(r.f.told)
	if it := r.f.s.KS.DB(0).Peek([]byte("n")); it.OK() {
		r.n = string(it.Bytes())
	}
}

func (r *fakeRewrite) Write(*rdb.Snapshot, bool, rdb.WriteOptions) error {
	r.progress.Finish()
	return r.f.fails
}

// newAppender is a server with an append only file, whose background work waits, as do the
// slices of long scripts.
func newAppender(rules ...config.SaveRule) (*appender, *fakeFile) {
	s := newSaver(rules...)
	f := &fakeFile{acked: math.MaxInt64, s: s.Server}
	a := &appender{saverHost: s}
	s.Host = a
	s.Cfg.AppendOnly = true
	s.JoinAppendFile(f, true)
	return a, f
}

type appender struct {
	*saverHost
	later []func()
}

func (a *appender) After(_ int64, f func()) { a.later = append(a.later, f) }

// slice runs what was to be run later.
func (a *appender) slice() {
	later := a.later
	a.later = nil
	for _, f := range later {
		a.Begin(a.nowMs*1000, a.clock())
		f()
	}
	a.TellJournal()
	a.goOn()
}

func (a *appender) info(t *testing.T, name string) string {
	t.Helper()
	return lineOf(t, a.Info("persistence"), name)
}

// Past 64 MB writes wait and reads do not, until half of it is on the disk.
func TestHeldBytes(t *testing.T) {
	s, f := newAppender()
	p, q := s.dial(), s.dial()
	p.do("CONFIG", "SET", "latency-monitor-threshold", "1")
	p.do("SET", "a", "1")
	f.acked, f.state.Behind = 0, heldBytes
	s.pass(200)
	if got := p.do("SET", "a", "2"); got != "+OK\r\n" {
		t.Fatalf("%d bytes may wait: %q", heldBytes, got)
	}
	f.state.Behind++
	s.pass(10)
	if got := p.do("SET", "a", "3"); got != "" {
		t.Fatalf("more than that may not: %q", got)
	}
	for words, want := range map[string]string{"GET a": "$1\r\n2\r\n", "PING": "+PONG\r\n", "EXISTS b": ":0\r\n", "EVAL_RO return(1) 0": ":1\r\n"} {
		if got := q.say(words); got != want {
			t.Errorf("%s, while writes are held back: %q", words, got)
		}
	}
	if s.info(t, "aof_writes_held") != "1" || s.info(t, "aof_writes_held_total") != "1" {
		t.Error(s.Info("persistence"))
	}
	if !s.logged(fmt.Sprintf(": %d bytes wait for it, and in the last 0 ms none", heldBytes+1)) {
		t.Errorf("log: %q", s.log)
	}
	f.state.Behind = heldBytes/2 + 1
	if s.pass(1000); len(p.cl.Out.B) > 0 {
		t.Errorf("half of it is not there yet: %q", p.cl.Out.B)
	}
	f.state.Behind--
	f.acked = 1
	s.pass(200)
	if got := string(p.cl.Out.B); got != "+OK\r\n" {
		t.Errorf("what was held back was answered with %q", got)
	}
	if got := q.say("GET a"); got != "$1\r\n3\r\n" {
		t.Errorf("and has made it %q", got)
	}
	if s.info(t, "aof_writes_held") != "0" || !s.logged("Writes were held back for 1") { // and some hundred ms
		t.Errorf("log: %q", s.log)
	}
	if got := q.say("LATENCY HISTORY aof-writes-held"); !strings.HasPrefix(got, "*1\r\n*2\r\n") {
		t.Errorf("LATENCY HISTORY: %q", got)
	}
}

// When nothing has reached the disk for five seconds writes wait, too, although all of it is in
// the kernel: with appendfsync always that is not enough. The first tick is no exception.
func TestHeldStuck(t *testing.T) {
	s, f := newAppender()
	p := s.dial()
	f.acked = 0
	p.do("SET", "a", "1")
	s.TellJournal()
	waits := len(f.told)
	if s.pass(100); s.info(t, "aof_writes_held") != "0" {
		t.Fatalf("stuck since 1970: %q", s.log)
	}
	if s.pass(4700); s.info(t, "aof_writes_held") != "0" {
		t.Fatalf("five seconds are not over: %q", s.log)
	}
	if s.pass(500); s.info(t, "aof_writes_held") != "1" {
		t.Fatal("nothing has got there for five seconds")
	}
	if !s.logged(fmt.Sprintf(": %d bytes wait for it, and in the last 5000 ms none", waits)) {
		t.Errorf("log: %q", s.log)
	}
	if got := p.do("SET", "a", "2"); got != "" {
		t.Errorf("not held back: %q", got)
	}
	f.acked = int64(waits)
	if s.pass(200); string(p.cl.Out.B) != "+OK\r\n" {
		t.Errorf("the disk has caught up, and: %q", p.cl.Out.B)
	}
	// It goes on, slowly: that is not stuck.
	for range 100 {
		p.do("INCR", "n")
		s.TellJournal()
		f.acked = int64(len(f.told)) - 1
		s.pass(100)
	}
	if got := s.info(t, "aof_writes_held_total"); got != "1" {
		t.Errorf("held back %s times", got)
	}
	// Who switches the file off waits for nothing.
	s.pass(6000)
	if p.do("SET", "a", "3"); s.info(t, "aof_writes_held") != "1" {
		t.Fatal("not held back")
	}
	s.dial().do("CONFIG", "SET", "appendonly", "no")
	if s.goOn(); string(p.cl.Out.B) != "+OK\r\n" {
		t.Errorf("switched off, and: %q", p.cl.Out.B)
	}
}

// The file is written anew when it has grown by the percentage, counted from what it was after
// the last rewrite, and is larger than the least size.
func TestAutoRewrite(t *testing.T) {
	const mb = 1 << 20
	s, f := newAppender()
	p := s.dial()
	begun := func() bool {
		s.pass(100)
		begun := len(s.work) > 0
		for len(s.work) > 0 {
			s.finish()
		}
		return begun
	}
	p.do("CONFIG", "SET", "auto-aof-rewrite-min-size", "64mb", "auto-aof-rewrite-percentage", "50")
	for _, r := range []struct {
		size, base int64
		want       bool
	}{
		{64 * mb, mb, false}, // not larger
		{64*mb + 1, 50 * mb, false},
		{75*mb - 1, 50 * mb, false},
		{75 * mb, 50 * mb, true},
		{65 * mb, 0, true}, // nothing is there that it could have grown from
	} {
		f.state.Size, f.state.BaseSize = r.size, r.base
		if got := begun(); got != r.want {
			t.Errorf("%d bytes, after %d: begun %t", r.size, r.base, got)
		}
	}
	if !s.logged("Starting automatic rewriting of AOF on 50% growth") || f.rewrites[0].kind != RewriteNext {
		t.Errorf("log: %q", s.log)
	}

	p.do("BGSAVE")
	save := s.work
	s.work = nil
	if begun() {
		t.Error("begun while a snapshot is being made")
	}
	if p.do("BGREWRITEAOF"); len(s.work) != 1 { // which may be
		t.Error("not begun though asked for")
	}
	f.state.Size = 0
	for s.work = append(s.work, save...); len(s.work) > 0; {
		s.finish()
	}
	if f.state.Size = 65 * mb; !begun() {
		t.Error("not begun after the snapshot")
	}
	s.AppendStatus("No space left on device", false)
	if begun() {
		t.Error("begun while nothing can be written")
	}
	s.AppendStatus("", false)
	if !begun() {
		t.Error("not begun after that")
	}
	p.do("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
	if begun() {
		t.Error("begun though switched off")
	}
}

// After three rewrites that failed the next one is tried a minute later, then two, four, ... up to
// an hour; who asks for one need not wait.
func TestRewriteLimit(t *testing.T) {
	s, f := newAppender()
	f.state.Size, f.state.BaseSize = 1<<30, 1<<20
	f.fails = errors.New("no")
	finish := func() {
		for len(s.work) > 0 {
			s.finish()
		}
	}
	// after passes time until a rewrite is begun, and returns how many seconds.
	after := func() int {
		for ms := 0; ms < 2*3600_000; ms += 1000 {
			if s.pass(10); len(s.work) > 0 {
				finish()
				return ms / 1000
			}
			s.nowMs += 990
		}
		return -1
	}
	for i, want := range []int{0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
		if got := after(); got < want || got > want+2 {
			t.Errorf("rewrite %d after %d s, want %d", i, got, want)
		}
	}
	if !s.logged("triggered the limit, will retry in 60 minutes") {
		t.Errorf("log: %q", s.log)
	}
	if s.info(t, "aof_rewrites_consecutive_failures") != "11" || s.info(t, "aof_last_bgrewrite_status") != "err" {
		t.Error(s.Info("persistence"))
	}
	f.fails = nil
	s.dial().do("BGREWRITEAOF")
	finish()
	if s.info(t, "aof_rewrites_consecutive_failures") != "0" || s.info(t, "aof_last_bgrewrite_status") != "ok" {
		t.Error(s.Info("persistence"))
	}
	if got := after(); got != 0 {
		t.Errorf("after one that succeeded it takes %d s", got)
	}
	// Nobody gets an answer while the file is lost: then there is no such limit.
	f.fails = errors.New("no")
	s.AppendStatus("Input/output error", true)
	finish()
	for i := range 8 {
		if got := after(); got < 1 || got > 2 {
			t.Errorf("lost, rewrite %d after %d s", i, got)
		}
	}
	if got := f.rewrites[len(f.rewrites)-1].kind; got != RewriteFresh {
		t.Errorf("a rewrite of kind %d of a file that is lost", got)
	}
}

// A file that is lost is written anew until it is whole, whatever becomes of a rewrite.
func TestLostStaysScheduled(t *testing.T) {
	s, f := newAppender()
	s.AppendStatus("Input/output error", true)
	if len(f.rewrites) != 1 {
		t.Fatal("nothing is done against it")
	}
	s.EndRewrite() // by a SHUTDOWN that is refused in the end
	s.finish()
	s.finish()
	if !f.rewrites[0].dropped {
		t.Error("not given up")
	}
	if s.pass(200); len(f.rewrites) != 2 {
		t.Fatal("not begun once more")
	}
	s.finish()
	s.finish() // it succeeds, and its own increment was lost at its very end, of which there is no news
	if s.pass(200); len(f.rewrites) != 3 {
		t.Fatal("lost still, and nothing is done against it")
	}
	s.finish()
	s.AppendStatus("", false)
	s.finish()
	if s.pass(2000); len(f.rewrites) != 3 {
		t.Error("whole, and yet written anew")
	}
}

// Nothing begins with half of what a script does: it would be done once more from the journal,
// or by the script.
func TestNoSnapshotInsideScript(t *testing.T) {
	s, f := newAppender(config.SaveRule{Seconds: 1, Changes: 1})
	p, q := s.dial(), s.dial()
	p.do("CONFIG", "SET", "busy-reply-threshold", "1")
	p.do("SET", "n", "0")
	if got := q.do("BGREWRITEAOF"); !strings.HasPrefix(got, "+Background append only file rewriting started") {
		t.Fatal(got)
	}
	const n = 300_000
	p.do("EVAL", fmt.Sprintf("for i = 1, %d do redis.call('INCR', 'n') end", n), "0")
	if !s.Busy() {
		t.Fatal("the script is over already")
	}
	s.finish() // Prepare is done
	s.nowMs += 10_000
	s.pass(10) // and the rule applies
	slices := 0
	for ; s.Busy() && slices < 100_000; slices++ {
		if f.rewrites[0].turned || s.saving.job != nil {
			t.Fatalf("in the middle of a script: turned %t, saving %t", f.rewrites[0].turned, s.saving.job != nil)
		}
		s.slice()
	}
	if slices < 2 {
		t.Fatalf("%d slices are no test", slices)
	}
	s.slice()
	r := f.rewrites[0]
	if !r.turned || r.n != fmt.Sprint(n) || r.told != len(f.told) {
		t.Errorf("turned %t at n = %s, %d of %d bytes told", r.turned, r.n, r.told, len(f.told))
	}
	if s.pass(100); s.saving.job == nil {
		t.Error("the rule was forgotten")
	}
}
