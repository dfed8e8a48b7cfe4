package pubsub

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redust/tests/script"
	"redust/tests/server"
)

var soak = flag.Bool("soak", false, "ten million deliveries instead of a hundred thousand")

func start(t *testing.T, args ...string) *server.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	bin, err := server.Redust(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Start(bin, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func connect(t *testing.T, s *server.Server) *peer {
	t.Helper()
	p, err := dial(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestDelivery has a thousand subscribers, of which every tenth speaks RESP3 and every fifth
// listens by a pattern, hear what four publishers say in pipelines. Ten more never read.
func TestDelivery(t *testing.T) {
	s := start(t, "--client-output-buffer-limit", "pubsub 4mb 0 0")
	const (
		subscribers, publishers, channels, idle = 1000, 4, 10, 10
		perBatch                                = 16
		text                                    = 256 // bytes of a message to those who never read, of the rest 16
	)
	deliveries := 100_000
	if *soak {
		deliveries = 10_000_000
	}
	messages := deliveries / (subscribers / channels) / publishers / perBatch * perBatch // of one publisher
	var heard [subscribers]atomic.Int64
	var wg sync.WaitGroup
	fail := make(chan error, subscribers+publishers)
	for i := range subscribers {
		p := connect(t, s)
		if i%10 == 0 {
			if _, err := p.do("HELLO", "3"); err != nil {
				t.Fatal(err)
			}
		}
		how, name := "SUBSCRIBE", fmt.Sprintf("c%d", i%channels)
		if i%5 == 0 {
			how, name = "PSUBSCRIBE", name+"*"
		}
		if f, err := p.do(how, name); err != nil || len(f.items) != 3 || (f.kind == '>') != (i%10 == 0) {
			t.Fatalf("%s: %v, %v", how, f, err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			var last [publishers]int
			for n := 0; n < messages*publishers/channels; n++ {
				if n%1000 == 0 {
					_ = p.SetReadDeadline(script.Deadline(patience))
				}
				f, err := p.hear()
				if err != nil {
					fail <- fmt.Errorf("subscriber %d after %d messages: %w", i, n, err)
					return
				}
				who, number, _ := strings.Cut(f.items[len(f.items)-1].text, ":")
				w, _ := strconv.Atoi(who)
				k, _ := strconv.Atoi(number)
				if k <= last[w] || (k-1)%channels != i%channels || k > last[w]+channels {
					fail <- fmt.Errorf("subscriber %d heard %v after %d", i, f, last[w])
					return
				}
				last[w] = k
				heard[i].Add(1)
			}
		}()
	}
	slow := make([]*peer, idle)
	for i := range slow {
		slow[i] = connect(t, s)
		if _, err := slow[i].do("SUBSCRIBE", "big"); err != nil {
			t.Fatal(err)
		}
	}
	// A publisher waits for the slowest now and then, lest those who keep up be too slow
	// for it.
	wait := func(sent int) error {
		for end := script.Deadline(patience); ; {
			low := int64(1 << 60)
			for i := range heard {
				low = min(low, heard[i].Load())
			}
			if low*channels >= int64(sent)-20_000 {
				return nil
			}
			if !script.Deadline(0).Before(end) {
				return errors.New("the slowest subscriber heard nothing for a minute")
			}
			time.Sleep(time.Millisecond)
		}
	}
	for w := range publishers {
		p := connect(t, s)
		wg.Add(1)
		go func() {
			defer wg.Done()
			big := strings.Repeat("x", text)
			for k := 0; k < messages; {
				for range perBatch {
					k++
					p.say("PUBLISH", fmt.Sprintf("c%d", (k-1)%channels), fmt.Sprintf("%d:%d", w, k))
				}
				p.say("PUBLISH", "big", big)
				if err := p.flush(); err != nil {
					fail <- err
					return
				}
				_ = p.SetReadDeadline(script.Deadline(patience))
				for j := range perBatch + 1 {
					if f, err := p.hear(); err != nil || f.kind != ':' || j < perBatch && f.text != strconv.Itoa(subscribers/channels) {
						fail <- fmt.Errorf("PUBLISH: %v, %v", f, err)
						return
					}
				}
				if err := wait(k); err != nil {
					fail <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	select {
	case err := <-fail:
		t.Fatalf("%v\n%s", err, s.Log())
	default:
	}
	// More than sockets and limit hold: those who never read are closed, and nobody else.
	p := connect(t, s)
	big := strings.Repeat("y", 64<<10)
	for range 400 {
		if _, err := p.do("PUBLISH", "big", big); err != nil {
			t.Fatal(err)
		}
	}
	for end := script.Deadline(patience); ; time.Sleep(10 * time.Millisecond) {
		f, err := p.do("PUBSUB", "NUMSUB", "big", "c0", "c1")
		if err != nil {
			t.Fatal(err)
		}
		if f.items[1].text == "0" {
			if f.items[3].text != "0" || f.items[5].text != "100" { // all of c0 listen by a pattern
				t.Errorf("others were closed: %v", f)
			}
			break
		}
		if !script.Deadline(0).Before(end) {
			t.Fatalf("slow subscribers were not closed: %v", f)
		}
	}
}

// TestCaches has clients read and write the same keys in pipelines, keep what they have read
// until they hear that it changed, and compares when all is quiet.
func TestCaches(t *testing.T) {
	s := start(t)
	const clients, keys, rounds, per = 20, 300, 200, 16
	type cache struct {
		*peer
		kept map[string]string
		rnd  *rand.Rand
	}
	var wg sync.WaitGroup
	fail := make(chan error, clients)
	all := make([]*cache, clients)
	// hear takes n replies of requests to keys off the stream, and what is pushed between.
	hear := func(c *cache, asked []string) error {
		_ = c.SetReadDeadline(script.Deadline(patience))
		for i := 0; i < len(asked); {
			f, err := c.hear()
			switch {
			case err != nil:
				return err
			case f.kind != '>':
				if k, ok := strings.CutPrefix(asked[i], "GET "); ok && !f.null {
					c.kept[k] = f.text
				}
				i++
			case f.items[0].text != "invalidate":
				return fmt.Errorf("heard %v", f)
			case f.items[1].null:
				clear(c.kept)
			default:
				for _, k := range f.items[1].items {
					delete(c.kept, k.text)
				}
			}
		}
		return nil
	}
	for i := range all {
		c := &cache{connect(t, s), make(map[string]string), rand.New(rand.NewPCG(1, uint64(i)))}
		all[i] = c
		for _, words := range [][]string{{"HELLO", "3"}, {"CLIENT", "TRACKING", "ON"}} {
			if _, err := c.do(words...); err != nil {
				t.Fatal(err)
			}
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			for r := range rounds {
				var asked []string
				for j := range per {
					k := fmt.Sprintf("k%d", c.rnd.IntN(keys))
					if c.rnd.IntN(10) == 0 {
						c.say("SET", k, fmt.Sprintf("%d-%d-%d", i, r, j))
						asked = append(asked, "SET")
						continue
					}
					c.say("GET", k)
					asked = append(asked, "GET "+k)
				}
				if err := errors.Join(c.flush(), hear(c, asked)); err != nil {
					fail <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	select {
	case err := <-fail:
		t.Fatal(err)
	default:
	}
	control := connect(t, s)
	kept := 0
	for i, c := range all {
		c.say("PING")
		if err := errors.Join(c.flush(), hear(c, []string{"PING"})); err != nil {
			t.Fatal(err)
		}
		for k, v := range c.kept {
			f, err := control.do("GET", k)
			if err != nil || f.text != v {
				t.Errorf("client %d keeps %s=%s, the server has %v, %v", i, k, v, f, err)
			}
			kept++
		}
	}
	if kept < clients {
		t.Errorf("only %d values were kept: nothing was tested", kept)
	}
}

// TestSoftLimit has a subscriber that never reads stay over the soft limit: it is not closed
// at once, but when it has been there for the time that the limit gives. One that is over it
// twice and reads in between is not.
func TestSoftLimit(t *testing.T) {
	const limit = 3 * time.Second
	s := start(t, "--client-output-buffer-limit", fmt.Sprintf("pubsub 0 1mb %d", limit/time.Second))
	stuck, late, control := connect(t, s), connect(t, s), connect(t, s)
	for _, p := range []*peer{stuck, late} {
		if _, err := p.do("SUBSCRIBE", "big"); err != nil {
			t.Fatal(err)
		}
	}
	big := strings.Repeat("x", 64<<10)
	// burst publishes more than sockets hold, and then has the late one read it, unless the
	// machine is so busy that this takes as long as the limit allows.
	burst := func(listen string) (began time.Time) {
		t.Helper()
		const messages = 256
		began = script.Deadline(0)
		check := func(f frame, err error, ok bool) {
			t.Helper()
			switch took := script.Deadline(0).Sub(began); {
			case took >= limit:
				t.Skipf("the machine is too busy: after %v", took)
			case err != nil || !ok:
				t.Fatalf("after %v: %.100v, %v", took, f, err)
			}
		}
		for range messages {
			f, err := control.do("PUBLISH", "big", big)
			check(f, err, f.text == listen)
		}
		_ = late.SetReadDeadline(script.Deadline(patience))
		for range messages {
			f, err := late.hear()
			check(f, err, len(f.items) == 3)
		}
		return began
	}
	began := burst("2")
	for {
		f, err := control.do("PUBSUB", "NUMSUB", "big")
		if err != nil {
			t.Fatal(err)
		}
		took := script.Deadline(0).Sub(began)
		if n := f.items[1].text; n != "2" {
			if n != "1" || took < limit {
				t.Fatalf("after %v %s listen", took, n)
			}
			break
		}
		if took > patience {
			t.Fatal("who never reads was not closed")
		}
		time.Sleep(20 * time.Millisecond)
	}
	burst("1")
}

// TestQuit has a subscriber say QUIT while it has much to read: the OK is the last that it hears,
// whatever is published until it has read that.
func TestQuit(t *testing.T) {
	s := start(t, "--client-output-buffer-limit", "pubsub 0 0 0")
	slow, control := connect(t, s), connect(t, s)
	if _, err := slow.do("SUBSCRIBE", "ch"); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 64<<10)
	publish := func(text string) {
		t.Helper()
		if _, err := control.do("PUBLISH", "ch", text); err != nil {
			t.Fatal(err)
		}
	}
	for range 256 { // more than sockets hold
		publish(big)
	}
	slow.say("QUIT")
	if err := slow.flush(); err != nil {
		t.Fatal(err)
	}
	for end := script.Deadline(patience); ; time.Sleep(time.Millisecond) {
		f, err := control.do("INFO", "commandstats")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(f.text, "cmdstat_quit") {
			break
		}
		if end.Before(script.Deadline(0)) {
			t.Fatal("QUIT was not run")
		}
	}
	publish("late")
	_ = slow.SetReadDeadline(script.Deadline(patience))
	ok := false
	for {
		f, err := slow.hear()
		if err != nil {
			if !ok || !errors.Is(err, io.EOF) {
				t.Errorf("the connection ended with %v, OK was heard: %v", err, ok)
			}
			return
		}
		if ok {
			t.Fatalf("heard %.100v behind OK", f)
		}
		ok = f.kind == '+' && f.text == "OK"
	}
}
