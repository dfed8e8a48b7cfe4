// Package crash kills a server in the middle of its work, again and again, and looks at what
// is left.
//
//	start --> check --> writers write, somebody saves, rewrites, switches --> kill -9 --+
//	  ^                                                                                 |
//	  +---------------------------------- the same directory <--------------------------+
//
// Each writer has a connection, keys of its own, and a sequence 1, 2, 3, ... that it writes in
// its own way: as a counter, as elements of a list, in transactions. It pipelines, and knows
// what it has sent and what has been acknowledged. After the next start its keys must say
//
//	acknowledged <= n <= sent,   and exactly 1..n, in every key
//
// that is: nothing that was acknowledged is missing, and what is there beyond that is a
// beginning of what was sent, no step of it missing, twice or half. The writer goes on from
// n.
//
// While appendonly is switched off, and until the rewrite is over that switching it on
// begins, an acknowledgement promises nothing for the case of a crash: in that time the
// lower bound stands still.
package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redust/tests/server"
)

// Options say what is to be done.
type Options struct {
	Bin     string   // the server
	Dir     string   // where it keeps its files
	Args    []string // more arguments for the server
	Rounds  int
	Writers int
	MaxMs   int // the longest life of a server, milliseconds
	Seed    uint64
	// Switches lets appendonly be switched off and on while the server runs.
	Switches bool
	// Oracle, if not empty, is a redis-server that now and then loads a copy of the files, and
	// must find the same data.
	Oracle string
	Log    func(format string, args ...any)
}

// Report is what happened.
type Report struct {
	Rounds                       int
	Sent, Acked                  int64
	Beyond                       int64 // sent, not acknowledged, and there
	Saves, Rewrites, Switches    int   // begun
	DuringSave, DuringRewrite    int   // kills
	WhileUnsafe                  int
	Torn                         int // starts that found the end of the file torn
	Compared                     int // with the oracle
	LongestStart, TotalCheckTime time.Duration
}

func (r Report) String() string {
	return fmt.Sprintf("%d rounds: %d sent, %d acknowledged, %d more were there; %d saves, %d rewrites, %d switches; killed during %d saves, %d rewrites, %d times while switched off; %d torn ends; %d times compared with redis-server",
		r.Rounds, r.Sent, r.Acked, r.Beyond, r.Saves, r.Rewrites, r.Switches, r.DuringSave, r.DuringRewrite, r.WhileUnsafe, r.Torn, r.Compared)
}

// writer is one of those who write.
type writer struct {
	id    int
	kind  kind
	sent  atomic.Int64
	acked atomic.Int64
	floor int64 // what must be there; set before the check
}

// Run plays rounds until one goes wrong.
func Run(o Options) (Report, error) {
	rnd := rand.New(rand.NewPCG(o.Seed, 1))
	var rep Report
	ws := make([]*writer, o.Writers)
	for i := range ws {
		ws[i] = &writer{id: i, kind: kinds[i%len(kinds)]}
	}
	for rep.Rounds = range o.Rounds {
		if err := round(&o, &rep, rnd, ws, rep.Rounds); err != nil {
			return rep, fmt.Errorf("crash: round %d, seed %d: %w", rep.Rounds, o.Seed, err)
		}
	}
	rep.Rounds = o.Rounds
	return rep, nil
}

// round is one life of a server.
func round(o *Options, rep *Report, rnd *rand.Rand, ws []*writer, n int) (err error) {
	began := time.Now()
	s, err := server.Start(o.Bin, append([]string{"--dir", o.Dir, "--appendonly", "yes"}, o.Args...)...)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nthe server's log:\n%s", err, s.Log())
		}
		err = errors.Join(err, s.Close())
	}()
	rep.LongestStart = max(rep.LongestStart, time.Since(began))
	if strings.Contains(strings.ToLower(s.Log()), "truncat") {
		rep.Torn++
	}
	c, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.close()
	if err := checkAll(c, rep, ws); err != nil {
		return err
	}
	const every = 20 // rounds
	if o.Oracle != "" && n%every == every-1 {
		if err := compare(o, c); err != nil {
			return err
		}
		rep.Compared++
	}
	if n%every == every/2 { // lest starts take ever longer
		if _, err := c.do("FLUSHALL"); err != nil {
			return err
		}
		for _, w := range ws {
			w.sent.Store(0)
			w.acked.Store(0)
		}
	}

	before := make([]int64, len(ws))
	for i, w := range ws {
		before[i] = w.acked.Load()
	}
	var all sync.WaitGroup
	for _, w := range ws {
		all.Add(1)
		go func(rnd *rand.Rand) {
			defer all.Done()
			w.write(s.Addr, rnd)
		}(rand.New(rand.NewPCG(rnd.Uint64(), uint64(w.id))))
	}
	t := &troubler{o: o, rep: rep, c: c, rnd: rnd, ws: ws, until: time.Now().Add(time.Duration(5+rnd.IntN(o.MaxMs)) * time.Millisecond)}
	trouble := t.run()
	saving, rewriting := t.busy()
	unsafe := t.floors != nil // decided before the kill: what is acknowledged later counts only if we know
	if err := s.Kill(); err != nil {
		return err
	}
	all.Wait()
	if trouble != nil {
		return trouble
	}
	if saving {
		rep.DuringSave++
	}
	if rewriting {
		rep.DuringRewrite++
	}
	if unsafe {
		rep.WhileUnsafe++
	}
	for i, w := range ws {
		w.floor = w.acked.Load()
		rep.Acked += w.floor - before[i]
		rep.Sent += w.sent.Load() - before[i]
		if unsafe {
			w.floor = t.floors[i]
		}
	}
	return nil
}

// checkAll looks at what every writer has written, and makes that what it goes on from.
func checkAll(c *conn, rep *Report, ws []*writer) error {
	began := time.Now()
	for _, w := range ws {
		n, err := w.kind.check(c, w.id)
		if err != nil {
			return fmt.Errorf("writer %d (%s): %w", w.id, w.kind.name, err)
		}
		if sent := w.sent.Load(); n < w.floor || n > sent {
			return fmt.Errorf("writer %d (%s): %d is there, %d was acknowledged, %d was sent", w.id, w.kind.name, n, w.floor, sent)
		}
		rep.Beyond += max(n-w.floor, 0)
		w.sent.Store(n)
		w.acked.Store(n)
	}
	rep.TotalCheckTime += time.Since(began)
	return nil
}

// write sends the sequence, many steps at a time, until the server is gone.
func (w *writer) write(addr string, rnd *rand.Rand) {
	c, err := dial(addr)
	if err != nil {
		return // killed before that
	}
	defer c.close()
	for {
		depth := int64(1)
		if rnd.IntN(2) == 0 {
			depth += int64(rnd.IntN(32))
		}
		from := w.sent.Load()
		var b []byte
		replies := 0
		for n := from + 1; n <= from+depth; n++ {
			var k int
			b, k = w.kind.step(b, w.id, n)
			replies += k
		}
		w.sent.Store(from + depth) // before: a part of it may arrive
		if c.write(b) != nil {
			return
		}
		each := replies / int(depth)
		for range depth {
			for range each {
				if v, err := c.reply(); err != nil {
					return
				} else if e, bad := v.(error); bad {
					panic(fmt.Sprintf("crash: writer %d (%s): %v", w.id, w.kind.name, e))
				}
			}
			w.acked.Add(1)
		}
	}
}

// troubler saves, rewrites and switches while others write.
type troubler struct {
	o      *Options
	rep    *Report
	c      *conn
	rnd    *rand.Rand
	ws     []*writer
	until  time.Time
	floors []int64 // while an acknowledgement promises nothing
	on     bool    // appendonly was switched on again, and its rewrite is not over yet
}

// run makes trouble until the time is over.
func (t *troubler) run() error {
	for {
		left := time.Until(t.until)
		if left <= 0 {
			return nil
		}
		time.Sleep(min(left, time.Duration(t.rnd.IntN(60))*time.Millisecond))
		if err := t.settle(); err != nil {
			return err
		}
		var err error
		switch n := t.rnd.IntN(12); {
		case n < 2:
			err = t.ask(&t.rep.Saves, "BGSAVE")
		case n < 5:
			err = t.ask(&t.rep.Rewrites, "BGREWRITEAOF")
		case n == 5:
			policy := []string{"always", "everysec", "no"}[t.rnd.IntN(3)]
			if t.o.Switches {
				_, err = t.c.do("CONFIG", "SET", "appendfsync", policy)
			}
		case n < 8 && t.o.Switches && t.floors == nil:
			floors := make([]int64, len(t.ws))
			for i, w := range t.ws {
				floors[i] = w.acked.Load()
			}
			t.floors, t.on = floors, false
			t.rep.Switches++
			_, err = t.c.do("CONFIG", "SET", "appendonly", "no")
		case n >= 8 && t.floors != nil && !t.on:
			t.on = true
			_, err = t.c.do("CONFIG", "SET", "appendonly", "yes")
		}
		if err != nil {
			return err
		}
	}
}

// ask sends a command that may be refused, since another of the kind is at work.
func (t *troubler) ask(count *int, command string) error {
	_, err := t.c.do(command)
	if err != nil && (strings.Contains(err.Error(), "progress") || strings.Contains(err.Error(), "process is active")) {
		return nil
	}
	*count++
	return err
}

// settle sees whether the file that was switched on again is whole.
func (t *troubler) settle() error {
	if t.floors == nil || !t.on {
		return nil
	}
	info, err := t.c.info("persistence")
	if err != nil {
		return err
	}
	if info["aof_enabled"] == "1" && info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0" && info["aof_last_bgrewrite_status"] == "ok" {
		t.floors = nil
	}
	return nil
}

// busy tells what is going on.
func (t *troubler) busy() (saving, rewriting bool) {
	info, err := t.c.info("persistence")
	return err == nil && info["rdb_bgsave_in_progress"] == "1", err == nil && info["aof_rewrite_in_progress"] == "1"
}

// compare lets a redis-server load a copy of the files.
func compare(o *Options, c *conn) error {
	v, err := c.do("DEBUG", "DIGEST")
	if err != nil {
		return err
	}
	dir := o.Dir + "-copy"
	if out, err := exec.Command("sh", "-c", `rm -rf "$2" && cp -r "$1" "$2"`, "sh", o.Dir, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("copy: %w: %s", err, out)
	}
	s, err := server.Start(o.Oracle, "--dir", dir, "--appendonly", "yes", "--enable-debug-command", "yes")
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	r, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer r.close()
	theirs, err := r.do("DEBUG", "DIGEST")
	if err == nil && theirs != v {
		err = fmt.Errorf("redis-server reads the files as %v, and here they are %v", theirs, v)
	}
	return err
}
