package cmd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"redust/acl"
	"redust/db"
	"redust/resp"
	"redust/tests/script"
)

// Blocking is tested with three commands of our own, on strings, so that nothing but
// blocking is tested: bgetdel takes the first of several keys that is there, bmove
// renames one to a key that must be a string or nothing, bwatch takes a key, and fails
// when there is something else or when it goes.

func blockTestCommands() []*Command {
	flags := Write | NoScript | Blocking
	doc := Doc{Group: "string", Since: "7.2.0", Summary: "Is a test."}
	return []*Command{
		{Name: "bgetdel", Arity: -3, Run: bgetdel, Flags: flags, ACL: acl.String, Keys: []KeySpec{keys(1, -2, 1, RW|Access|Delete)}, Doc: doc},
		{Name: "bmove", Arity: 4, Run: bmove, Flags: flags | DenyOOM, ACL: acl.String, Keys: []KeySpec{keys(1, 2, 1, RW|Access|Delete)}, Doc: doc},
		{Name: "bwatch", Arity: 3, Run: bwatch, Flags: flags, ACL: acl.String, Keys: []KeySpec{key(1, RW|Access|Delete)}, Doc: doc},
		{Name: "bread", Arity: 3, Run: bread, Flags: ReadOnly | Blocking, ACL: acl.String, Keys: []KeySpec{key(1, RO|Access)}, Doc: doc},
		{Name: "nobgetdel", Arity: -3, Run: func(c *Ctx) error {
			c.NoBlock = true
			defer func() { c.NoBlock = false }()
			return c.Block(db.String, c.Args[1:2], 0, (*resp.Writer).Null)
		}, Flags: flags, ACL: acl.String, Doc: doc},
		{Name: "settwo", Arity: 5, Run: func(c *Ctx) error {
			for i := 1; i < 5; i += 2 {
				c.DB.SetString(c.Arg(i), c.Arg(i+1), db.Plain, 0)
				c.Changed(c.DB, c.Arg(i), "set")
			}
			c.Out.OK()
			return nil
		}, Flags: Write, ACL: acl.String, Doc: doc},
	}
}

func bgetdel(c *Ctx) error {
	last := c.Argc() - 1
	deadline, err := c.Deadline(c.Arg(last))
	if err != nil {
		return err
	}
	for _, key := range c.Args[1:last] {
		if it := c.DB.ForWrite(key); it.OK() {
			c.Out.Array(2)
			c.Out.Bulk(key)
			c.Out.Bulk(it.Bytes())
			c.DB.Delete(key)
			c.Changed(c.DB, key, "del")
			return nil
		}
	}
	return c.Block(db.String, c.Args[1:last], deadline, (*resp.Writer).NullArray)
}

func bmove(c *Ctx) error {
	deadline, err := c.Deadline(c.Arg(3))
	if err != nil {
		return err
	}
	it := c.DB.ForWrite(c.Arg(1))
	if !it.OK() {
		return c.Block(db.String, c.Args[1:2], deadline, (*resp.Writer).Null)
	}
	if string(c.Arg(2)) == "wrong" {
		return ErrWrongType
	}
	c.Out.Bulk(it.Bytes())
	if string(c.Arg(1)) != string(c.Arg(2)) {
		c.DB.Rename(c.Arg(1), c.DB, c.Arg(2))
	}
	c.Changed(c.DB, c.Arg(1), "rename_from")
	c.Changed(c.DB, c.Arg(2), "rename_to")
	return nil
}

// bwatch waits for "now"; there has to be something to wait on.
func bwatch(c *Ctx) error {
	deadline, err := c.DeadlineMs(c.Arg(2))
	if err != nil {
		return err
	}
	it := c.DB.Get(c.Arg(1))
	if !it.OK() {
		return ErrNoKey
	}
	if string(it.Bytes()) == "now" {
		c.Out.Bulk(it.Bytes())
		return nil
	}
	return c.Wait(Wait{On: db.String, Keys: c.Args[1:2], DeadlineMs: deadline, Nothing: (*resp.Writer).Null, OrGone: true})
}

// bread waits for anything but what it has already tried, which it keeps in its
// arguments.
func bread(c *Ctx) error {
	it := c.DB.Get(c.Arg(1))
	if it.OK() && string(c.Arg(2)) != "$" {
		c.Out.Bulk(it.Bytes())
		return nil
	}
	again := [][]byte{c.Arg(0), c.Arg(1), []byte("any")}
	return c.Wait(Wait{On: db.String, Keys: c.Args[1:2], DeadlineMs: math.MaxInt64, Nothing: (*resp.Writer).Null, Again: again})
}

func newBlockHarness(w way) *harness {
	h := newHarness(w)
	for _, c := range blockTestCommands() {
		h.Commands.add(c, nil)
	}
	h.Commands.index()
	return h
}

// TestBlock plays a script in all ways.
func TestBlock(t *testing.T) {
	text, err := os.ReadFile("testdata/block.script")
	if err != nil {
		t.Fatal(err)
	}
	f, err := script.Parse("block.script", string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, proto := range []int{2, 3} {
		for _, way := range []way{borrowed, owned, viewed} {
			t.Run(fmt.Sprintf("resp%d/%s", proto, way), func(t *testing.T) {
				h := newBlockHarness(way)
				diffs, err := script.Play(f, h.options(proto))
				for _, d := range diffs {
					t.Error(d)
				}
				if err != nil {
					t.Error(err)
				}
				for _, args := range h.seen {
					t.Errorf("a view saw the changes of %s", args)
				}
				h.checkBlocking(t)
				if b := &h.blocking; b.clients != 0 || b.keys != 0 || len(b.queues) != 0 || len(b.timed) != 0 || b.goneKeys != 0 || b.bytes != 0 {
					t.Errorf("something is left of those who waited: %+v", b)
				}
			})
		}
	}
}

// checkBlocking walks over all that is known of who waits.
func (h *harness) checkBlocking(t *testing.T) {
	t.Helper()
	b := &h.blocking
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("blocking: "+format, args...)
	}
	if len(b.ready) > 0 {
		fail("%d keys are ready and nobody looks", len(b.ready))
	}
	clients, timed := 0, 0
	for _, p := range h.clients {
		if !p.cl.Has(ClientBlocked) {
			continue
		}
		clients++
		w := p.cl.waiter
		if w.cl != p.cl || len(w.links) == 0 {
			fail("client %d: a waiter of another, or one that waits for nothing", p.cl.ID)
		}
		if w.at >= 0 {
			timed++
			if b.timed[w.at] != w || w.untilMs == math.MaxInt64 {
				fail("client %d is not where it thinks among the deadlines", p.cl.ID)
			}
		}
		for i := range w.links {
			l := &w.links[i]
			found := false
			for o := l.q.first; o != nil; o = o.next {
				found = found || o == l
			}
			if !found || l.w != w || l.q.on != w.on {
				fail("client %d is not in its queue", p.cl.ID)
			}
		}
	}
	if clients != b.clients || timed != len(b.timed) {
		fail("%d clients wait, %d with a deadline, counted are %d and %d", clients, timed, b.clients, len(b.timed))
	}
	for i := range b.timed {
		if i > 0 && b.timed[(i-1)/2].untilMs > b.timed[i].untilMs {
			fail("the deadlines are no heap")
		}
	}
	names, gone, bytes := map[string]bool{}, 0, 0
	for hash, q := range b.queues {
		for ; q != nil; q = q.next {
			names[fmt.Sprint(q.d.ID, " ", string(q.key))] = true
			bytes += q.memBytes()
			if q.hash != hash || hash != h.KS.Hash(q.key) {
				fail("%q is in the wrong chain", q.key)
			}
			if q.first == nil && !q.ready {
				fail("%q has a queue without waiters", q.key)
			}
			orGone := 0
			var prev *link
			for l := q.first; l != nil; prev, l = l, l.next {
				if l.prev != prev || l.q != q || !l.w.cl.Has(ClientBlocked) {
					fail("the queue of %q is broken", q.key)
				}
				if l.w.orGone {
					orGone++
				}
			}
			if q.last != prev || orGone != q.orGone {
				fail("the queue of %q: wrong end, or wrong count", q.key)
			}
			if orGone > 0 {
				gone++
			}
		}
	}
	if len(names) != b.keys || gone != b.goneKeys || bytes != b.bytes {
		fail("%d keys, %d of them OrGone, %d bytes; counted are %d, %d and %d", len(names), gone, bytes, b.keys, b.goneKeys, b.bytes)
	}
}

// TestDeadline compares time-outs with what Redis makes of them.
func TestDeadline(t *testing.T) {
	h := newHarness(borrowed)
	now := h.KS.Now()
	c := &Ctx{Server: h.Server}
	for _, r := range []struct {
		in   string
		want int64 // after now
		err  error
	}{
		{"0", math.MaxInt64 - now, nil},
		{"0.0", math.MaxInt64 - now, nil},
		{"-0", math.MaxInt64 - now, nil},
		{"-0.0001", math.MaxInt64 - now, nil}, // rounded up
		{"1", 1000, nil},
		{"01", 1000, nil},
		{"+1", 1000, nil},
		{"1.", 1000, nil},
		{".5", 500, nil},
		{"0.5", 500, nil},
		{"0.0001", 1, nil}, // not 0, which would be for ever
		{"0.001", 1, nil},
		{"0.0010000000000000000000000000001", 2, nil},
		{"1.2345", 1235, nil},
		{"1e1", 10000, nil},
		{"1e-9", 1, nil},
		{"0x10", 16000, nil},
		{"1e15", 1e18, nil},
		{"9223372036854775.807", 0, ErrTimeoutRange},
		{"9223372036854775807", 0, ErrTimeoutRange},
		{"1e400", 0, ErrTimeoutRange},
		{"inf", 0, ErrTimeoutRange},
		{"-inf", 0, ErrTimeoutMinus},
		{"-1", 0, ErrTimeoutMinus},
		{"-0.001", math.MaxInt64 - now, nil}, // a little less in binary
		{"-0.002", 0, ErrTimeoutMinus},
		{"-1e30", 0, ErrTimeoutMinus},
		{"nan", 0, ErrTimeoutFloat},
		{"", 0, ErrTimeoutFloat},
		{"x", 0, ErrTimeoutFloat},
		{" 1", 0, ErrTimeoutFloat},
		{"1 ", 0, ErrTimeoutFloat},
		{"1.2.3", 0, ErrTimeoutFloat},
		{"1..", 0, ErrTimeoutFloat},
		{"1e999999", 0, ErrTimeoutFloat},
	} {
		got, err := c.Deadline([]byte(r.in))
		if err != r.err || err == nil && got-now != r.want {
			t.Errorf("Deadline(%q): got %d, %v, want %d, %v", r.in, got-now, err, r.want, r.err)
		}
	}
	for _, r := range []struct {
		in   string
		want int64
		err  error
	}{
		{"0", math.MaxInt64 - now, nil}, {"15", 15, nil},
		{"-1", 0, ErrTimeoutMinus}, {"1.5", 0, ErrTimeoutInt}, {"x", 0, ErrTimeoutInt}, {"", 0, ErrTimeoutInt},
		{"9223372036854775807", 0, ErrTimeoutRange}, {"9223372036854775808", 0, ErrTimeoutInt},
	} {
		got, err := c.DeadlineMs([]byte(r.in))
		if err != r.err || err == nil && got-now != r.want {
			t.Errorf("DeadlineMs(%q): got %d, %v, want %d, %v", r.in, got-now, err, r.want, r.err)
		}
	}
}

// TestBlockedCounts holds what statistics, slow log, latency and MONITOR make of commands
// that wait: one command each, once it is done, and no time for the waiting.
func TestBlockedCounts(t *testing.T) {
	h := newBlockHarness(borrowed)
	h.Cfg.SlowLogSlowerThan = 0
	h.Configured()
	m, a, b, c := h.dial(), h.dial(), h.dial(), h.dial()
	m.say("MONITOR")
	if got := a.say("bgetdel q r 0"); got != "" {
		t.Fatalf("a reply before there is one: %q", got)
	}
	b.say("bgetdel q 1")
	stats := &h.Commands.Named("bgetdel").Stats
	if stats.Calls != 0 || h.Commands.Named("bgetdel").Stats.Failed != 0 {
		t.Errorf("a command that waits is counted as done")
	}
	if line := h.Describe(a.cl); !strings.Contains(line, " flags=b ") || !strings.Contains(line, " cmd=bgetdel ") || !strings.Contains(line, " argv-mem=10 ") {
		t.Errorf("a client that waits: %s", line)
	}
	info := h.Info("clients")
	for _, want := range []string{"blocked_clients:2\r\n", "clients_in_timeout_table:1\r\n", "total_blocking_keys:2\r\n", "total_blocking_keys_on_nokey:0\r\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %q:\n%s", want, info)
		}
	}
	h.pass(500)
	c.say("SET q v")
	h.pass(600) // b's time is over
	if got := string(a.cl.Out.B) + string(b.cl.Out.B); got != "*2\r\n$1\r\nq\r\n$1\r\nv\r\n*-1\r\n" {
		t.Errorf("replies: %q", got)
	}
	if stats.Calls != 2 || stats.Usec() > 10 {
		t.Errorf("%d calls in %d us, want 2 in next to nothing", stats.Calls, stats.Usec())
	}
	if a.cl.Calls != 1 || h.Stats.Commands != 4 { // MONITOR, SET, two of bgetdel
		t.Errorf("client: %d commands, all: %d", a.cl.Calls, h.Stats.Commands)
	}
	shown := 0
	for _, line := range strings.Split(string(m.cl.Out.B), "\r\n") {
		if strings.Contains(line, `"bgetdel"`) {
			shown++
		}
	}
	if shown != 2 {
		t.Errorf("MONITOR shows %d of 2 commands: %q", shown, m.cl.Out.B)
	}
	if got := c.say("SLOWLOG LEN"); got != ":4\r\n" {
		t.Errorf("slow log: %s", got)
	}
	h.checkBlocking(t)
}

// TestBlockedUnderPause holds that nobody is served during a pause that covers the
// command, that the time goes on, and that who came first is served first afterwards.
func TestBlockedUnderPause(t *testing.T) {
	h := newBlockHarness(borrowed)
	a, b, c, d := h.dial(), h.dial(), h.dial(), h.dial()
	a.say("bgetdel q 0")
	b.say("bgetdel q 0.05")
	c.say("bread q $")
	h.Pause(h.KS.Now()+100, false)
	h.KS.DB(0).SetString([]byte("q"), []byte("v"), db.Plain, 0)
	h.went(h.KS.DB(0), []byte("q"), "set")
	h.goOn()
	if len(a.cl.Out.B) > 0 || string(c.cl.Out.B) != "$1\r\nv\r\n" {
		t.Errorf("a write while paused: %q; a read: %q", a.cl.Out.B, c.cl.Out.B)
	}
	d.say("bgetdel q 0") // is postponed
	h.checkBlocking(t)
	h.pass(60)
	if string(b.cl.Out.B) != "*-1\r\n" {
		t.Errorf("a time-out while paused: %q", b.cl.Out.B)
	}
	h.pass(60)
	if string(a.cl.Out.B) != "*2\r\n$1\r\nq\r\n$1\r\nv\r\n" || len(d.cl.Out.B) > 0 {
		t.Errorf("after the pause: %q, and who came later %q", a.cl.Out.B, d.cl.Out.B)
	}
	h.checkBlocking(t)
}

// TestPauseEndsWhileServing holds that whoever a pause held back is not forgotten when the
// pause ends while others are served.
func TestPauseEndsWhileServing(t *testing.T) {
	h := newBlockHarness(borrowed)
	bread := h.Commands.Named("bread")
	run := bread.Run
	bread.Run = func(c *Ctx) error {
		h.mono += 5e6 // a slow one
		return run(c)
	}
	a, b, c, d := h.dial(), h.dial(), h.dial(), h.dial()
	a.say("bgetdel q 0")
	b.say("bread q $")
	c.say("bgetdel q 0")
	h.Pause(h.KS.Now()+3, false)
	h.KS.DB(0).SetString([]byte("q"), []byte("v"), db.Plain, 0)
	h.went(h.KS.DB(0), []byte("q"), "set")
	h.goOn()
	h.checkBlocking(t)
	h.pass(100)
	d.say("SET q w")
	want := func(name string, p *played, val string) {
		t.Helper()
		if got := string(p.cl.Out.B); !strings.Contains(got, val) {
			t.Errorf("%s got %q, want %s", name, got, val)
		}
	}
	want("a", a, "\r\nv\r\n")
	want("b", b, "\r\nv\r\n")
	want("c", c, "\r\nw\r\n")
	h.checkBlocking(t)
}

// TestLeavingClientsAreNotServed holds that an element does not go with a client that is
// gone.
func TestLeavingClientsAreNotServed(t *testing.T) {
	h := newBlockHarness(borrowed)
	a, b, c := h.dial(), h.dial(), h.dial()
	a.cl.Conn = &fakeConn{leaving: true}
	a.say("bgetdel q 0")
	b.say("bgetdel q 0")
	c.say("SET q v")
	if len(a.cl.Out.B) > 0 || len(b.cl.Out.B) == 0 {
		t.Errorf("one that leaves got %q, one that stays %q", a.cl.Out.B, b.cl.Out.B)
	}
	if !a.cl.Has(ClientBlocked) {
		t.Error("one that leaves was let go on: what it said behind would be run")
	}
	h.checkBlocking(t)
}

// TestBlockRandomly lets clients wait, push, hang up, be killed and time out at random, and
// compares who gets what with a model that is nothing but a list of who waits.
func TestBlockRandomly(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		h := newBlockHarness(way(seed % 3))
		type wait struct {
			p    *played
			keys []string
			till int64
		}
		var waiting []wait
		pusher := h.dial()
		key := func() string { return string(rune('a' + rnd.IntN(6))) }
		remove := func(i int) { waiting = slices.Delete(waiting, i, i+1) }
		for range 400 {
			switch rnd.IntN(10) {
			case 0, 1, 2, 3:
				p := h.dial()
				w := wait{p: p, till: math.MaxInt64}
				words := []string{"bgetdel"}
				for range 1 + rnd.IntN(4) {
					w.keys = append(w.keys, key())
				}
				words = append(words, w.keys...)
				timeout := "0"
				if rnd.IntN(3) == 0 {
					ms := int64(1 + rnd.IntN(100))
					timeout = fmt.Sprintf("0.%03d", ms)
					w.till = h.nowMs + ms
				}
				p.do(append(words, timeout)...)
				if !p.cl.Has(ClientBlocked) {
					t.Fatalf("seed %d: %q did not wait", seed, words)
				}
				waiting = append(waiting, w)
			case 4, 5, 6, 7:
				k := key()
				i := slices.IndexFunc(waiting, func(w wait) bool { return slices.Contains(w.keys, k) })
				pusher.do("SET", k, "v")
				if i < 0 {
					pusher.do("DEL", k)
					break
				}
				want := fmt.Sprintf("*2\r\n$1\r\n%s\r\n$1\r\nv\r\n", k)
				if got := string(waiting[i].p.cl.Out.B); got != want {
					t.Fatalf("seed %d: the first for %s got %q", seed, k, got)
				}
				waiting[i].p.hangUp()
				remove(i)
			case 8:
				if len(waiting) > 0 {
					i := rnd.IntN(len(waiting))
					if rnd.IntN(2) == 0 {
						waiting[i].p.hangUp()
					} else {
						pusher.do("CLIENT", "KILL", "ID", fmt.Sprint(waiting[i].p.cl.ID))
					}
					remove(i)
				}
			case 9:
				h.pass(int64(rnd.IntN(30)))
				for i := len(waiting) - 1; i >= 0; i-- {
					over := waiting[i].till < h.KS.Now()
					if got := string(waiting[i].p.cl.Out.B); (got == "*-1\r\n") != over {
						t.Fatalf("seed %d: at %d, till %d: %q", seed, h.nowMs, waiting[i].till, got)
					}
					if over {
						waiting[i].p.hangUp()
						remove(i)
					}
				}
			}
			h.checkBlocking(t)
			for _, w := range waiting {
				if len(w.p.cl.Out.B) > 0 {
					t.Fatalf("seed %d: somebody who waits for %q got %q", seed, w.keys, w.p.cl.Out.B)
				}
			}
		}
	}
}

// TestBlockAllocates holds that waiting and being served costs nothing that is not kept.
func TestBlockAllocates(t *testing.T) {
	h := newBlockHarness(owned)
	p, q := h.dial(), h.dial()
	bl := []Request{{Args: [][]byte{[]byte("bgetdel"), []byte("key:0001"), []byte("0")}}}
	set := []Request{{Args: [][]byte{[]byte("set"), []byte("key:0001"), []byte("v")}}}
	round := func() {
		h.Prepare(p.cl.DB, bl)
		h.Execute(p.cl, &bl[0])
		h.Prepare(p.cl.DB, set)
		h.Execute(q.cl, &set[0])
		p.cl.Out.B, q.cl.Out.B, h.wake = p.cl.Out.B[:0], q.cl.Out.B[:0], h.wake[:0]
	}
	round()
	get := []Request{{Args: [][]byte{[]byte("getdel"), []byte("key:0001")}}}
	plain := testing.AllocsPerRun(100, func() {
		h.Prepare(q.cl.DB, set)
		h.Execute(q.cl, &set[0])
		h.Prepare(p.cl.DB, get)
		h.Execute(p.cl, &get[0])
		p.cl.Out.B, q.cl.Out.B = p.cl.Out.B[:0], q.cl.Out.B[:0]
	})
	if n := testing.AllocsPerRun(100, round); n > plain {
		t.Errorf("%v allocations a round, %v without waiting", n, plain)
	}
}

// TestPushLooksAtFew holds that serving one of many costs no look at the others.
func TestPushLooksAtFew(t *testing.T) {
	h := newBlockHarness(borrowed)
	runs := 0
	run := h.Commands.Named("bgetdel").Run
	h.Commands.Named("bgetdel").Run = func(c *Ctx) error { runs++; return run(c) }
	for range 1000 {
		h.dial().say("bgetdel q 0")
	}
	runs = 0
	h.dial().say("SET q v")
	if runs != 1 {
		t.Errorf("one push ran %d handlers", runs)
	}
}
