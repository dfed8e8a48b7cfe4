package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redust/benchmarks/measure"
)

// fake is a server of a few lines. It answers what answer says, and keeps count.
type fake struct {
	ln     net.Listener
	served atomic.Int64
	answer func(n int64, args []string) string
}

func startFake(t *testing.T, answer func(n int64, args []string) string) *fake {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{ln: ln, answer: answer}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go f.serve(c)
		}
	}()
	return f
}

func (f *fake) addr() string { return f.ln.Addr().String() }

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	w := bufio.NewWriter(c)
	for {
		args, err := readRequest(r)
		if err != nil {
			return
		}
		if _, err := w.WriteString(f.answer(f.served.Add(1), args)); err != nil {
			return
		}
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}

func readRequest(r *bufio.Reader) ([]string, error) {
	number := func(kind byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line[0] != kind {
			return 0, fmt.Errorf("want %q, have %q", kind, line)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number('*')
	if err != nil {
		return nil, err
	}
	var args []string
	for range n {
		size, err := number('$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args = append(args, string(b[:size]))
	}
	return args, nil
}

func pong(int64, []string) string { return "+PONG\r\n" }

func TestRunSendsEveryBatch(t *testing.T) {
	for _, r := range []struct{ conns, per, ops, want int }{
		{1, 1, 100, 100},
		{1, 16, 100, 112}, // whole batches
		{7, 1, 100, 100},
		{7, 16, 1000, 1008},
		{50, 4, 8, 8}, // fewer batches than connections
	} {
		f := startFake(t, pong)
		c, err := Dial(f.addr(), r.conns, measure.StartClock())
		if err != nil {
			t.Fatal(err)
		}
		var h measure.Hist
		done, wallNs, err := c.Run(Encode(Fixed("PING"), 64, r.per, 1<<20), int64(r.ops), &h)
		c.Close()
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if done != int64(r.want) || f.served.Load() != done || h.Count() != uint64(done) || wallNs <= 0 {
			t.Errorf("%+v: %d done, %d served, %d timed, %d ns", r, done, f.served.Load(), h.Count(), wallNs)
		}
	}
}

// Many connections are made without losing one to a full queue.
func TestDialMany(t *testing.T) {
	f := startFake(t, pong)
	const n = 2*accepted + 10
	c, err := Dial(f.addr(), n, measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if f.served.Load() != 2 {
		t.Errorf("%d PINGs while dialling %d connections", f.served.Load(), n)
	}
	if done, _, err := c.Run(Encode(Fixed("PING"), 1, 1, 64), n, nil); done != n || err != nil {
		t.Errorf("%d done, %v", done, err)
	}
}

// Large requests do not fit in a socket's buffer, and large replies arrive in many
// pieces; both directions must keep moving.
func TestRunLargeValues(t *testing.T) {
	big := strings.Repeat("v", 3<<20)
	f := startFake(t, func(_ int64, args []string) string {
		return fmt.Sprintf("$%d\r\n%s\r\n", len(args[1]), args[1])
	})
	for _, conns := range []int{1, 3} {
		c, err := Dial(f.addr(), conns, measure.StartClock())
		if err != nil {
			t.Fatal(err)
		}
		if done, _, err := c.Run(Encode(Fixed("ECHO", big), 1, 1, 1<<20), 12, nil); done != 12 || err != nil {
			t.Errorf("%d connections: %d, %v", conns, done, err)
		}
		c.Close()
	}
}

// Replies are thrown away unread, but counted to the byte, and one that is no array shows.
func TestRunDiscard(t *testing.T) {
	array := "*3\r\n$1\r\na\r\n$1000000\r\n" + strings.Repeat("b", 1_000_000) + "\r\n:1\r\n"
	last := array
	f := startFake(t, func(n int64, _ []string) string {
		if n == 8 {
			return last
		}
		return array
	})
	for _, r := range []struct {
		last string
		want func(error) bool
	}{
		{array, func(err error) bool { return err == nil }},
		{"-ERR unknown command 'SUNION'\r\n", func(err error) bool {
			var e ReplyError
			return errors.As(err, &e) && strings.HasPrefix(string(e), "ERR unknown")
		}},
		{"$-1\r\n", func(err error) bool { return errors.Is(err, ErrReplyFormat) }},
	} {
		f.served.Store(0)
		last = r.last
		c, err := Dial(f.addr(), 1, measure.StartClock())
		if err != nil {
			t.Fatal(err)
		}
		s := Encode(Fixed("SUNION", "a", "b"), 1, 1, 64)
		size, err := c.ReplyBytes(s)
		if size != int64(len(array)) || err != nil {
			t.Fatalf("ReplyBytes = %d, %v", size, err)
		}
		var h measure.Hist
		done, wallNs, err := c.RunDiscard(s, 7, size, &h)
		if !r.want(err) || err == nil && (done != 7 || h.Count() != 7 || wallNs <= 0) {
			t.Errorf("%.20q: %d done in %d ns, %d timed, %v", r.last, done, wallNs, h.Count(), err)
		}
		c.Close()
	}
}

// Every client is served in its turn, blocks again, and who is served out of turn is told.
func TestRunBlocked(t *testing.T) {
	const n, per = 24, 4
	for _, mistaken := range []bool{false, true} {
		var lists [n]chan struct{}
		for i := range lists {
			lists[i] = make(chan struct{}, 1)
		}
		f := startFake(t, func(_ int64, args []string) string {
			i, err := strconv.Atoi(args[1])
			if err != nil {
				return "-ERR\r\n"
			}
			if args[0] == "BLPOP" {
				<-lists[i]
				return "*2\r\n$1\r\nl\r\n$1\r\nx\r\n"
			}
			if mistaken && i == 13 {
				i = 22
			}
			lists[i] <- struct{}{}
			return ":1\r\n"
		})
		c, err := Dial(f.addr(), 1+n, measure.StartClock())
		if err != nil {
			t.Fatal(err)
		}
		numbered := func(name string) Gen {
			return func(b []byte, i int) []byte { return Cmd(b, name, strconv.Itoa(i)) }
		}
		block, push := Encode(numbered("BLPOP"), n, 1, 1<<20), Encode(numbered("RPUSH"), n, per, 1<<20)
		if err := c.Block(block); err != nil {
			t.Fatal(err)
		}
		var h measure.Hist
		done, _, err := c.RunBlocked(block, push, 3*n, &h)
		switch {
		case mistaken && (err == nil || !strings.Contains(err.Error(), "client 23 was served")):
			t.Errorf("out of turn: %v", err)
		case !mistaken && (err != nil || done != 3*n || h.Count() != 3*n):
			t.Errorf("%d done, %d timed, %v", done, h.Count(), err)
		}
		if err := c.Block(push); err == nil {
			t.Error("a script of another shape was accepted")
		}
		c.Close()
	}
}

func TestRunStopsAtErrors(t *testing.T) {
	for name, r := range map[string]struct {
		answer string
		want   func(error) bool
	}{
		"error reply": {"-ERR unknown command 'PING'\r\n", func(err error) bool {
			var e ReplyError
			return errors.As(err, &e) && strings.HasPrefix(string(e), "ERR unknown")
		}},
		"two for one": {"+PONG\r\n+PONG\r\n", func(err error) bool { return errors.Is(err, ErrReplyFormat) }},
	} {
		for _, conns := range []int{1, 2} {
			f := startFake(t, func(n int64, _ []string) string {
				if n == 40 {
					return r.answer
				}
				return "+PONG\r\n"
			})
			c, err := Dial(f.addr(), conns, measure.StartClock())
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Run(Encode(Fixed("PING"), 1, 1, 64), 100, nil); !r.want(err) {
				t.Errorf("%s, %d connections: %v", name, conns, err)
			}
			c.Close()
		}
	}
}

// A server that sleeps 200 ms once must show in many requests of an open loop, since
// requests went on falling due meanwhile; a closed loop sees it once.
func TestOpenLoopCountsWhatFellDue(t *testing.T) {
	const stall = 200 * time.Millisecond
	f := startFake(t, func(n int64, _ []string) string {
		if n == 500 {
			time.Sleep(stall)
		}
		return "+PONG\r\n"
	})
	c, err := Dial(f.addr(), 2, measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var h measure.Hist
	const ops, rate = 2000, 2000.0
	wallNs, _, err := c.RunOpen(Encode(Fixed("PING"), 1, 1, 64), ops, rate, &h)
	if err != nil {
		t.Fatal(err)
	}
	if h.Count() != ops || f.served.Load() != ops {
		t.Errorf("%d timed, %d served, want %d", h.Count(), f.served.Load(), ops)
	}
	if wallNs < 990e6 {
		t.Errorf("2,000 requests at 2,000 a second took %d ns", wallNs)
	}
	// Every second request of the 400 due during the stall went to the deaf
	// connection: some 200 of 2,000, evenly from 0 to 200 ms. One in twenty of all
	// must have waited 50 ms and more.
	if got := h.PercentileNs(95); got < int64(stall/4) {
		t.Errorf("p95 = %d ns: the stall was left out", got)
	}
	if got := h.MaxNs(); got < int64(stall)*9/10 {
		t.Errorf("the longest took %d ns, the stall alone %d", got, stall)
	}
}

func TestOpenLoopNeedsConnections(t *testing.T) {
	f := startFake(t, pong)
	c, err := Dial(f.addr(), 1, measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.RunOpen(Encode(Fixed("PING"), 1, 1, 64), 1, 1000, new(measure.Hist)); err == nil {
		t.Error("an open loop over one blocking connection was accepted")
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	var q queue
	next := int64(0)
	for i := range int64(1000) {
		q.push(i)
		if i%3 == 2 {
			if got := q.pop(); got != next {
				t.Fatalf("pop = %d, want %d", got, next)
			}
			next++
		}
	}
	for q.n > 0 {
		if got := q.pop(); got != next {
			t.Fatalf("pop = %d, want %d", got, next)
		}
		next++
	}
	if next != 1000 {
		t.Errorf("%d came out, want 1000", next)
	}
}

func TestProbeSeesAStall(t *testing.T) {
	f := startFake(t, func(n int64, _ []string) string {
		if n == 50 {
			time.Sleep(80 * time.Millisecond)
		}
		return "+PONG\r\n"
	})
	p, err := StartProbe(f.addr(), 100*time.Microsecond, measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	for f.served.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	res := p.Stop()
	if res.Err != nil || res.Hist.MaxNs() < 80e6 || res.Hist.PercentileNs(50) > 80e6 {
		t.Errorf("probe: %v, longest %d ns, median %d ns", res.Err, res.Hist.MaxNs(), res.Hist.PercentileNs(50))
	}
}

func TestFillSendsEachOnce(t *testing.T) {
	f := startFake(t, pong)
	var seen [1203]bool
	f.answer = func(_ int64, args []string) string {
		n, err := strconv.Atoi(args[1])
		if err != nil || seen[n] {
			return "-ERR twice\r\n"
		}
		seen[n] = true
		return "+OK\r\n"
	}
	gen := func(b []byte, i int) []byte { return Cmd(b, "SET", strconv.Itoa(i)) }
	if err := Fill(f.addr(), len(seen), gen, measure.StartClock()); err != nil {
		t.Fatal(err)
	}
	for i, ok := range seen {
		if !ok {
			t.Fatalf("request %d was not sent", i)
		}
	}
}

// Requests so large that not all of them are encoded at once.
func TestFillInPieces(t *testing.T) {
	f := startFake(t, pong)
	big := strings.Repeat("x", fillBytes/5)
	next, wrong := 0, false
	f.answer = func(_ int64, args []string) string {
		wrong = wrong || args[1] != strconv.Itoa(next)
		next++
		return "+OK\r\n"
	}
	gen := func(b []byte, i int) []byte { return Cmd(b, "SET", strconv.Itoa(i), big) }
	if err := Fill(f.addr(), 13, gen, measure.StartClock()); err != nil {
		t.Fatal(err)
	}
	c, err := Dial(f.addr(), 1, measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if next != 13 || wrong {
		t.Errorf("%d requests arrived, in another order: %v", next, wrong)
	}
	next = 0
	if err := c.Fill(13, 2, gen); err != nil || next != 13 || wrong {
		t.Errorf("%d requests arrived in twos, in another order: %v; %v", next, wrong, err)
	}
}

func TestControl(t *testing.T) {
	f := startFake(t, func(_ int64, args []string) string {
		switch args[0] {
		case "INFO":
			text := "# Stats\r\nexpired_keys:42\r\nname:a:b\r\n"
			return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		case "DEL":
			return ":1\r\n"
		case "KEYS":
			return "*0\r\n"
		}
		return "-ERR unknown command\r\n"
	})
	c, err := DialControl(f.addr(), measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.InfoInt("stats", "expired_keys"); n != 42 || err != nil {
		t.Errorf("InfoInt = %d, %v", n, err)
	}
	if _, err := c.InfoInt("stats", "missing"); err == nil {
		t.Error("a missing field is a number")
	}
	if info, err := c.Info("stats"); info["name"] != "a:b" || len(info) != 2 || err != nil {
		t.Errorf("Info = %v, %v", info, err)
	}
	if v, err := c.Do("DEL", "x"); v != "1" || err != nil {
		t.Errorf("DEL = %q, %v", v, err)
	}
	if raw, err := c.Raw("KEYS", "*"); string(raw) != "*0\r\n" || err != nil {
		t.Errorf("Raw = %q, %v", raw, err)
	}
	if _, err := c.Do("KEYS", "*"); !errors.Is(err, ErrReplyFormat) {
		t.Errorf("an array: %v", err)
	}
	var e ReplyError
	if _, err := c.Do("NO"); !errors.As(err, &e) {
		t.Errorf("an error reply: %v", err)
	}
}

func TestTemplateFillsHoles(t *testing.T) {
	tpl := NewTemplate("SET", "key:"+hole, "m:"+hole)
	got := string(tpl.Append(nil, func(h int) int { return 7 + 1230*h }))
	want := "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$14\r\nm:000000001237\r\n"
	if got != want {
		t.Errorf("Append = %q, want %q", got, want)
	}
	again := string(tpl.Append(nil, func(int) int { return 0 })) // the template itself is untouched
	if !strings.Contains(again, "key:"+hole) {
		t.Errorf("second Append = %q", again)
	}
}

func TestEncodeHonoursLimit(t *testing.T) {
	one := len(Cmd(nil, "PING"))
	s := Encode(Fixed("PING"), 1000, 10, 25*one)
	if s.Batches() != 3 || len(s.batch(4)) != 10*one {
		t.Errorf("%d batches, batch 4 of %d bytes", s.Batches(), len(s.batch(4)))
	}
}
