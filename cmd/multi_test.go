package cmd

import (
	"strings"
	"testing"

	"redust/internal/assert"
)

// TestTransactionAllocatesNothing holds that a transaction costs no allocation once there has
// been one of its size, watched keys and a journal included.
func TestTransactionAllocatesNothing(t *testing.T) {
	if assert.Deep {
		t.Skip("deep builds overwrite and check")
	}
	for _, journaled := range []bool{false, true} {
		h := newHarness(borrowed)
		if journaled {
			h.Journal = nowhere{}
		}
		p := h.dial()
		request := func(line string) Request {
			r := Request{}
			for _, w := range strings.Fields(line) {
				r.Args = append(r.Args, []byte(w))
			}
			r.Cmd = h.Commands.Lookup(r.Args)
			return r
		}
		batch := []Request{request("WATCH a b"), request("MULTI")}
		for range 10 {
			batch = append(batch, request("SET key:123 value"))
		}
		batch = append(batch, request("INCR counter"), request("EXEC"))
		n := testing.AllocsPerRun(100, func() {
			p.cl.Out.B = p.cl.Out.B[:0]
			h.Begin(h.nowMs*1000, h.clock())
			for i := range batch {
				h.Execute(p.cl, &batch[i])
			}
			h.TellJournal()
		})
		if n != 0 {
			t.Errorf("journal %v: %v allocations a transaction", journaled, n)
		}
		if got := string(p.cl.Out.B); !strings.HasSuffix(got, ":102\r\n") && !strings.HasSuffix(got, ":101\r\n") {
			t.Errorf("the last reply ends so: %q", got)
		}
	}
}

// nowhere is a Journal that forgets.
type nowhere struct{}

func (nowhere) Append([]byte) {}

// TestWatchesEnd holds that nothing is left of watched keys and queues, whichever way they
// end, and that nobody has an eye on any key then.
func TestWatchesEnd(t *testing.T) {
	for _, end := range []string{"EXEC", "DISCARD", "RESET", "UNWATCH", "changed", "flushed", "gone", "killed"} {
		h := newHarness(borrowed)
		p, other := h.dial(), h.dial()
		other.say("SET a 1")
		for _, d := range []string{"0", "1"} {
			p.say("SELECT " + d)
			p.say("WATCH a b a c")
		}
		if h.watching.clients != 1 || h.watching.total != 6 || h.eyes != 1 || p.cl.watchCount != 6 || h.watching.bytes == 0 {
			t.Fatalf("%s: %+v", end, h.watching)
		}
		if end != "UNWATCH" {
			p.say("MULTI")
			p.say("SET x " + strings.Repeat("long", 100_000))
		}
		if n := p.cl.MemBytes(); end != "UNWATCH" && n < 400_000 {
			t.Errorf("%s: 400,000 bytes queued, and %d counted", end, n)
		}
		switch end {
		case "changed":
			other.say("SET a 2")
		case "flushed":
			other.say("FLUSHALL")
		case "gone":
			p.hangUp()
		case "killed":
			other.say("CLIENT KILL ID 1")
		default:
			p.say(end)
		}
		if h.watching.clients != 0 || h.watching.total != 0 || h.watching.bytes != 0 || h.eyes != 0 || len(h.watching.keys) != 0 || p.cl.watchCount != 0 {
			t.Errorf("%s leaves %+v, eyes %d", end, h.watching, h.eyes)
		}
		if end != "changed" && end != "flushed" && p.cl.tx != nil {
			t.Errorf("%s leaves a queue", end)
		}
		if len(h.queues) > 0 && h.queues[0].memBytes() > keepQueueBytes {
			t.Errorf("%s: a queue of %d bytes is kept", end, h.queues[0].memBytes())
		}
	}
}

// TestQueueIsBounded holds that what is queued counts as input that waits.
func TestQueueIsBounded(t *testing.T) {
	h := newHarness(owned)
	h.Cfg.ClientQueryLimit = 1 << 20
	p := h.dial()
	p.say("MULTI")
	for range 12 {
		p.do("SET", "a", strings.Repeat("x", 100_000))
	}
	if !p.closed || h.Stats.QueryBufLimit != 1 {
		t.Errorf("1,200,000 bytes were queued; closed %v", p.closed)
	}
}
