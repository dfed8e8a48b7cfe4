package cmd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"redust/db"
)

// TestStringEvents holds the events and the dirty count of what a real server is not
// compared with: IFEQ, DELIFEQ, and a deadline that has passed.
func TestStringEvents(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	var got []string
	h.OnChange = func(_ *db.DB, key []byte, event string) { got = append(got, event+" "+string(key)) }
	for _, r := range []struct {
		do, want string
		dirty    int64
	}{
		{"SET a 1", "set a", 1},
		{"SET a 2 IFEQ 0", "", 0},
		{"SET a 2 IFEQ 1 EX 100", "set a,expire a", 1},
		{"SET a 3 IFEQ 2 GET KEEPTTL", "set a", 1},
		{"SET missing 3 IFEQ 2", "", 0},
		{"DELIFEQ a 2", "", 0},
		{"DELIFEQ a 3", "del a", 1},
		{"DELIFEQ a 3", "", 0},
		{"SET a 1 PXAT 1", "set a,expire a", 1},
		{"GET a", "expired a", 0},
		{"SET a 1", "set a", 1},
		{"GETEX a PXAT 1", "del a", 1},
		{"PFADD h", "pfadd h", 1},
		{"PFCOUNT h", " h", 1}, // keeps its answer, without an event
		{"PFCOUNT h", "", 0},
		{"BITFIELD f OVERFLOW FAIL SET u1 9 2", " f", 1}, // grew, though nothing was written
		{"BITFIELD f OVERFLOW FAIL SET u1 9 2", "", 0},
		{"BITFIELD f SET u1 9 0 SET u1 0 1", "setbit f", 1},
		{"BITFIELD f SET u1 17 0 SET u1 0 1", "setbit f", 2}, // of a string that grew every write counts
		{"SETBIT f 17 0", "", 0},
	} {
		got = nil
		was := h.Dirty
		if reply := p.do(strings.Fields(r.do)...); strings.HasPrefix(reply, "-") {
			t.Errorf("%s: %s", r.do, reply)
		}
		if s := strings.Join(got, ","); s != r.want || h.Dirty-was != r.dirty {
			t.Errorf("%s: events %q, dirty %d; want %q, %d", r.do, s, h.Dirty-was, r.want, r.dirty)
		}
	}
}

// TestValueLimit holds that no command makes a string longer than max-value-bytes, that one
// that is refused changes nothing, and that a string that is too long already can be read,
// written to and cut.
func TestValueLimit(t *testing.T) {
	const refused = "-ERR value exceeds max-value-bytes\r\n"
	long := strings.Repeat("x", 20)
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SET", "five", "12345")
	p.do("SET", "long", long)
	p.do("SET", "nines", "9999999999")
	p.do("PFADD", "h", "a")
	h.Cfg.MaxValueBytes = 10
	h.OnChange = func(_ *db.DB, key []byte, event string) {
		if key[0] == 'n' || key[0] == 'h' {
			t.Errorf("%s %s after a refusal", event, key)
		}
	}
	for _, r := range []struct{ do, want string }{
		{"SET new " + long, refused},
		{"SET new " + long + " EX 10", refused},
		{"SETNX new " + long, refused},
		{"SETEX new 10 " + long, refused},
		{"GETSET nines " + long, refused},
		{"MSET new 1 nines " + long, refused},
		{"MSETNX new 1 new2 " + long, refused},
		{"APPEND new " + long, refused},
		{"APPEND nines 1", refused},
		{"APPEND five 67890", ":10\r\n"},
		{"SETRANGE nines 10 1", refused},
		{"SETRANGE new 10 1", refused},
		{"INCR nines", refused},
		{"INCRBYFLOAT nines 0.5", refused},
		{"SETBIT new 80 1", refused},
		{"BITFIELD new SET u8 73 1", refused},
		{"BITOP NOT new long", refused},
		{"PFADD new a", refused},
		{"PFADD h b", refused},
		{"PFDEBUG TODENSE h", refused},
		{"PFDEBUG GETREG h", refused},
		{"PFMERGE new h", refused},
		{"EXISTS new new2", ":0\r\n"},
		{"GET nines", "$10\r\n9999999999\r\n"},
		{"SETBIT five 79 1", ":0\r\n"},
		{"SETRANGE long 19 y", ":20\r\n"},
		{"SETBIT long 0 0", ":0\r\n"},
		{"BITFIELD long GET u8 200 SET u8 0 65", "*2\r\n:0\r\n:120\r\n"},
		{"GET long", "$20\r\nA" + long[2:] + "y\r\n"},
		{"APPEND long z", refused},
	} {
		if got := p.do(strings.Fields(r.do)...); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
}

// TestBulkLimit holds where proto-max-bulk-len ends what may be built.
func TestBulkLimit(t *testing.T) {
	const tooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"
	const badBit = "-ERR bit offset is not an integer or out of range\r\n"
	h := newHarness(borrowed)
	p := h.dial()
	h.Cfg.ProtoMaxBulkLen = 1000
	p.do("SETRANGE", "a", "998", "x")
	p.do("SETRANGE", "b", "20", "x")
	for _, r := range []struct{ do, want string }{
		{"STRLEN a", ":999\r\n"},
		{"APPEND a xx", tooLong},
		{"APPEND a x", ":1000\r\n"},
		{"SETRANGE a 999 xx", tooLong},
		{"SETRANGE a 999 y", ":1000\r\n"},
		{"SETRANGE a 9223372036854775807 y", tooLong},
		{"SETBIT a 8000 1", badBit},
		{"SETBIT a 7999 1", ":1\r\n"},
		{"GETBIT a 8000", badBit},
		{"BITFIELD a GET u8 #1000", badBit},
		{"BITFIELD a GET u8 #999", "*1\r\n:121\r\n"},
		{"BITFIELD a GET u8 #4611686018427387904", badBit},
		{"LCS b b LEN", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n"},
		{"LCS b b", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n"},
		{"LCS b missing LEN", ":0\r\n"},
	} {
		if got := p.do(strings.Fields(r.do)...); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
}

// TestStringsKeepOwnArguments holds that a large argument that came in a buffer of its own
// is stored without a copy, and a borrowed one is not.
func TestStringsKeepOwnArguments(t *testing.T) {
	for _, w := range []way{borrowed, owned} {
		h := newHarness(w)
		p := h.dial()
		big := bytes.Repeat([]byte("v"), 4096)
		r := Request{Args: [][]byte{[]byte("SET"), []byte("k"), big}, Owned: w == owned}
		p.execute(r)
		kept := &h.KS.DB(0).Peek([]byte("k")).Bytes()[0] == &big[0]
		if kept != (w == owned) {
			t.Errorf("%s: argument kept %v", w, kept)
		}
	}
}

// TestStringsNoAllocations holds that the hot commands of this family leave nothing to
// the collector.
func TestStringsNoAllocations(t *testing.T) {
	h := newHarness(owned)
	cl := h.dial().cl
	d := h.KS.DB(0)
	for i := range 1000 {
		d.SetString(fmt.Appendf(nil, "other%d", i), []byte("value"), db.Plain, 0)
	}
	for _, line := range []string{
		"GET key", "GET missing", "MGET key key missing", "STRLEN key", "GETRANGE key 1 2",
		"SET key 12345", "SET key 12345 EX 100", "SET key 12345 XX GET KEEPTTL", "SETEX key 100 12345", "SETNX key 1",
		"GETSET key 12345", "GETEX key EX 100", "MSET key 12345 other1 67890", "MSETNX key 1 new 2",
		"INCR key", "DECR key", "INCRBY key 10", "INCRBYFLOAT key 0.5", "HINCRBYFLOAT hash f -0.1", "SETRANGE key 0 1", "APPEND bytes ",
		"GETBIT key 3", "SETBIT key 7 1", "BITCOUNT key 0 -1", "BITPOS key 1",
		"BITFIELD key GET u8 0 INCRBY u4 8 0", "PFADD h a", "PFADD dense a", "PFADD dense b c", "PFCOUNT h", "PFCOUNT dense h",
	} {
		var req Request
		for _, w := range strings.Split(line, " ") {
			req.Args = append(req.Args, []byte(w))
		}
		d.SetString([]byte("key"), []byte("12345"), db.Plain, 0)
		d.SetString([]byte("bytes"), []byte("12345"), db.Plain, 0)
		h.dial().do("PFADD", "dense", "x")
		h.dial().do("PFDEBUG", "TODENSE", "dense")
		batch := []Request{req}
		run := func() {
			h.Prepare(cl.DB, batch)
			h.Execute(cl, &batch[0])
			cl.Out.B = cl.Out.B[:0]
		}
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}

// TestLongDoubleEnds holds the ends of the range, which no sum of a script reaches.
func TestLongDoubleEnds(t *testing.T) {
	tiny := "0x1p-16446"
	for _, r := range []struct{ in, want string }{
		{"0x1p16383", "finite"},
		{"0x1.fffffffffffffffep16383", "finite"},
		{"0x1.ffffffffffffffffp16383", "none"}, // rounds up to 2^16384
		{"0x1p16384", "none"},
		{"0x1p-16445", "finite"},
		{"0x1.00000001p-16446", "finite"}, // rounds up to the least number
		{tiny, "none"},                    // halfway, to zero
		{"-" + tiny, "none"},
		{"1e99999999999999999999", "none"},
		{"1e-99999999999999999999", "none"},
		{"0e99999999999999999999", "finite"},
		{"-inf", "infinite"},
		{"+InFiNiTy", "infinite"},
		{"infinit", "none"},
		{"0x", "none"},
		{"0x.p1", "none"},
		{"0x.8p+1", "finite"},
		{"1_000", "none"},
		{"1p3", "none"},
		{"0b11", "none"},
		{"1..", "none"},
		{"e1", "none"},
		{"-", "none"},
		{"--1", "none"},
		{strings.Repeat("1", ldLonger-1), "none"}, // out of range
		{strings.Repeat("0", ldLonger-1), "finite"},
		{strings.Repeat("0", ldLonger), "none"},
	} {
		got := "none"
		if f := parseLongDouble([]byte(r.in)); f != nil && f.IsInf() {
			got = "infinite"
		} else if f != nil {
			got = "finite"
		}
		if got != r.want {
			t.Errorf("%.60s: got %s, want %s", r.in, got, r.want)
		}
	}
	greatest := parseLongDouble([]byte("0x1.fffffffffffffffep16383"))
	if addLongDouble(greatest, greatest) != nil {
		t.Error("twice the greatest number is finite")
	}
}

// TestPFDebugGetReg compares the registers that are shown with those that an element sets.
func TestPFDebugGetReg(t *testing.T) {
	p := newHarness(borrowed).dial()
	p.do("PFADD", "h", "a")
	reply := p.do("PFDEBUG", "GETREG", "h")
	if n := strings.Count(reply, ":0\r\n"); !strings.HasPrefix(reply, "*16384\r\n") || n != 16383 {
		t.Errorf("%d of the registers are 0: %.80q", n, reply)
	}
	if got := p.do("PFDEBUG", "ENCODING", "h"); got != "+dense\r\n" {
		t.Errorf("encoding after GETREG: %q", got)
	}
	if got := p.do("STRLEN", "h"); got != ":12304\r\n" {
		t.Errorf("length after GETREG: %q", got)
	}
}

// TestPastDeadline holds that a key that is written with a deadline in the past is gone
// for clients at once, and from memory at the next opportunity.
func TestPastDeadline(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SET", "k", "v", "PXAT", "1")
	if got := p.do("GET", "k"); got != "$-1\r\n" {
		t.Errorf("GET: %q", got)
	}
	p.do("SET", "k", "v", "EXAT", "1")
	h.pass(time.Second.Milliseconds())
	if n := h.KS.Len(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}
