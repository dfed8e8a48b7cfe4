package cmd

import (
	"strings"
	"testing"
)

// TestMonitorLine compares whole lines with what redis-server 7.0.15 sends.
func TestMonitorLine(t *testing.T) {
	h := newHarness(borrowed)
	cl := h.dial().cl
	cl.Addr = "127.0.0.1:38244"
	for _, r := range []struct {
		us   int64
		unix bool
		args []string
		want string
	}{
		{1795443405900011, false, []string{"SET", "k", "v\x01\"x"}, `+1795443405.900011 [0 127.0.0.1:38244] "SET" "k" "v\x01\"x"`},
		{1000000, false, []string{"a\\b", "\r\n\t\a\b", ""}, `+1.000000 [0 127.0.0.1:38244] "a\\b" "\r\n\t\a\b" ""`},
		{1000042, false, []string{"\x7f\xff\x00~ "}, `+1.000042 [0 127.0.0.1:38244] "\x7f\xff\x00~ "`},
		{1, true, []string{"PING"}, `+0.000001 [0 unix:/tmp/s:1] "PING"`},
	} {
		if r.unix {
			cl.Addr, cl.Flags = "/tmp/s:1:0", cl.Flags|ClientUnix
		}
		var args [][]byte
		for _, a := range r.args {
			args = append(args, []byte(a))
		}
		if got := string(appendMonitorLine(nil, r.us, cl, args)); got != r.want+"\r\n" {
			t.Errorf("%q: got %s, want %s", r.args, got, r.want)
		}
	}
}

// heard takes the lines that a monitor got, without their times.
func (p *played) heard() string {
	var out []string
	for _, line := range strings.Split(string(p.cl.Out.B[p.read:]), "\r\n") {
		if _, rest, ok := strings.Cut(line, " ["); ok {
			out = append(out, "["+rest)
		} else if line != "" {
			out = append(out, line)
		}
	}
	p.cl.Out.B, p.read = p.cl.Out.B[:0], 0
	return strings.Join(out, "|")
}

func TestMonitor(t *testing.T) {
	h := newHarness(borrowed)
	m, c := h.dial(), h.dial()
	if got := m.say("MONITOR"); got != "+OK\r\n" {
		t.Fatalf("MONITOR: %q", got)
	}
	for _, r := range []struct{ do, want string }{
		{"SET k v", `[0 127.0.0.1:40002] "SET" "k" "v"`},
		{"get k", `[0 127.0.0.1:40002] "get" "k"`},
		{"GET", ""}, // refused before it ran
		{"NOSUCH", ""},
		{"SELECT", ""},
		{"CLIENT LIST", ""}, // administrative
		{"CLIENT ID", `[0 127.0.0.1:40002] "CLIENT" "ID"`},
		{"AUTH x", `[0 127.0.0.1:40002] "AUTH" "(redacted)"`}, // even if it fails
		{"AUTH default x", `[0 127.0.0.1:40002] "AUTH" "(redacted)" "(redacted)"`},
		{"HELLO 2 AUTH default pw SETNAME q", `[0 127.0.0.1:40002] "HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "q"`},
	} {
		c.say(r.do)
		if got := m.heard(); got != r.want {
			t.Errorf("%s: heard %q, want %q", r.do, got, r.want)
		}
	}
	// A second MONITOR has no reply and makes no second follower.
	if got := m.say("MONITOR"); got != "" {
		t.Errorf("MONITOR again: %q", got)
	}
	c.say("PING")
	if got := m.heard(); got != `[0 127.0.0.1:40002] "PING"` {
		t.Errorf("after MONITOR again: heard %q", got)
	}
	// Who wants no replies wants no lines.
	m.say("CLIENT REPLY OFF")
	c.say("PING")
	if got := m.heard(); got != "" {
		t.Errorf("with replies off: heard %q", got)
	}
	m.say("CLIENT REPLY ON")
	m.heard()
	if m.say("RESET"); m.cl.Has(ClientMonitor) || len(h.monitors) != 0 {
		t.Error("RESET did not end MONITOR")
	}
	c.say("PING")
	if got := m.heard(); got != "" {
		t.Errorf("after RESET: heard %q", got)
	}
	m.say("MONITOR")
	if m.hangUp(); len(h.monitors) != 0 {
		t.Error("a monitor that has gone is kept")
	}
}
