package cmd

import (
	"fmt"
	"strings"
	"testing"
)

// TestMigrateEffects: what leaves the data set leaves the journal, too, in one DEL, and
// nothing else does.
func TestMigrateEffects(t *testing.T) {
	sent := ""
	h := newHarness(borrowed)
	h.transfer = func(t *Transfer) {
		sent = string(t.Auth) + fmt.Sprintf("SELECT %d|", t.DB) + string(t.Restores)
		for i := range t.Stored {
			t.Stored[i] = i != 1 // the second key is refused
		}
		if len(t.Stored) > 1 {
			t.Refused = "BUSYKEY no"
		}
	}
	p := h.dial()
	for _, r := range []struct{ line, reply, effect string }{
		{"MIGRATE h 1 a 0 10", "+OK\r\n", "DEL a"},
		{"MIGRATE h 1 a 0 10 COPY", "+OK\r\n", ""},
		{"MIGRATE h 1 _ 0 10 KEYS a b c none", "-ERR Target instance replied with error: BUSYKEY no\r\n", "DEL a c"},
		{"MIGRATE h 1 none 0 10", "+NOKEY\r\n", ""},
	} {
		for _, inside := range []bool{false, true} {
			p.do("MSET", "a", "1", "b", "2", "c", "3")
			p.do("PEXPIRE", "a", "5000")
			j := &journal{}
			h.Journal = j
			h.NameDB()
			words := strings.Fields(r.line)
			for i, w := range words {
				if w == "_" {
					words[i] = ""
				}
			}
			reply := ""
			if inside {
				p.do("MULTI")
				p.do(words...)
				reply = strings.TrimPrefix(p.do("EXEC"), "*1\r\n")
			} else if reply = p.do(words...); reply == "" { // it comes when the work is done
				reply = string(p.cl.Out.B)
			}
			h.TellJournal()
			h.Journal = nil
			var effects []string
			for _, args := range j.requests(t) {
				effects = append(effects, strings.ReplaceAll(fmt.Sprintf("%s", args), "SELECT 0", ""))
			}
			got := strings.Trim(strings.Join(effects, ""), "[]")
			if got != r.effect || reply != r.reply {
				t.Errorf("%s (in MULTI %t): reply %q, effects %q; want %q, %q", r.line, inside, reply, got, r.reply, r.effect)
			}
			if p.cl.Has(ClientBlocked) {
				t.Fatal("the client is still blocked")
			}
		}
	}
	// What is sent: the deadline as the time that is left.
	p.do("SET", "a", "17", "PX", "5000")
	p.do("MIGRATE", "h", "1", "a", "7", "10", "REPLACE", "AUTH2", "me", "pw")
	if !strings.HasPrefix(sent, "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\nSELECT 7|*5\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$4\r\n5000\r\n$13\r\n\x00\xc0\x11") ||
		!strings.HasSuffix(sent, "\r\n$7\r\nREPLACE\r\n") {
		t.Errorf("sent: %q", sent)
	}
	// Nobody reads the password in the slow log.
	hidden := h.redacted(h.Commands.Named("migrate"), [][]byte{[]byte("MIGRATE"), []byte("h"), []byte("1"), []byte("a"), []byte("0"), []byte("10"),
		[]byte("AUTH"), []byte("pw"), []byte("COPY"), []byte("AUTH2"), []byte("me"), []byte("pw")})
	if got := fmt.Sprintf("%s", hidden); got != "[MIGRATE h 1 a 0 10 AUTH (redacted) COPY AUTH2 (redacted) (redacted)]" {
		t.Error(got)
	}
}

// TestLoadingGate: what the flag Loading says is what is let through, but for the commands
// that are refused for another reason.
func TestLoadingGate(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	h.BeginLoad(1000)
	for _, c := range h.Commands.All() {
		if c.Run == nil || c.Flags&AdminCmd != 0 {
			continue
		}
		words := strings.Split(c.FullName, "|")
		for len(words) < max(c.Arity, -c.Arity) {
			words = append(words, "1")
		}
		got := p.do(words...)
		if refused := strings.HasPrefix(got, "-"+string(ErrLoading)); refused != (c.Flags&Loading == 0) {
			t.Errorf("%s: %q, flag %t", c.FullName, got, c.Flags&Loading != 0)
		}
		p = h.dial() // it may have subscribed, or begun a transaction
	}
	if got := h.Info("persistence"); !strings.Contains(got, "loading:1\r\n") || !strings.Contains(got, "loading_total_bytes:1000\r\n") {
		t.Error(got)
	}
	h.EndLoad()
	if got := p.do("PING"); got != "+PONG\r\n" {
		t.Error(got)
	}
}

// TestLoadKeepsStill: while a data set is loaded nothing expires, nothing is evicted.
func TestLoadKeepsStill(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("SET", "k", strings.Repeat("x", 100000), "PX", "100")
	p.do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	p.do("CONFIG", "SET", "maxmemory", "1000000")
	h.BeginLoad(1)
	h.Cfg.MaxMemory = 1
	h.Tick()
	h.nowMs += 200
	h.Begin(h.nowMs*1000, h.clock())
	h.Tick()
	if h.Expires() || h.KS.Len() != 1 {
		t.Errorf("expires %t, keys %d", h.Expires(), h.KS.Len())
	}
	h.EndLoad()
	if !h.Expires() {
		t.Error("nothing expires after the load")
	}
}

// secondsLeft and percent, at their ends.
func TestLoadProgress(t *testing.T) {
	for _, r := range []struct {
		total, read, took int64
		percent           float64
		left              int64
	}{
		{100, 0, 5, 0, -1},    // nothing is known yet
		{0, 50, 5, 0, -1},     // nor without a size
		{100, 50, 5, 50, 5},   //
		{100, 50, 0, 50, 0},   // in the first second
		{100, 120, 5, 100, 0}, // the file grew
	} {
		l := LoadState{TotalBytes: r.total, ReadBytes: r.read, StartedAt: 1000}
		if p, s := l.percent(), l.secondsLeft(1000+r.took); p != r.percent || s != r.left {
			t.Errorf("%+v: %v%%, %d s", r, p, s)
		}
	}
}
