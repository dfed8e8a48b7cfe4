package cmd

import (
	"strings"
	"testing"
)

// TestAuth walks through the states of a client while the password is set and cleared.
func TestAuth(t *testing.T) {
	const noAuth, wrong = "-NOAUTH Authentication required.\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
	h := newHarness(borrowed)
	early := h.dial()
	h.Cfg.RequirePass = "sesame"
	p := h.dial()
	for _, r := range []struct {
		p        *played
		do, want string
		denied   int64
	}{
		{early, "PING", "+PONG\r\n", 0}, // connected before there was a password
		{p, "PING", noAuth, 0},
		{p, "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n", 0},
		{p, "AUTH", "-ERR wrong number of arguments for 'auth' command\r\n", 0},
		{p, "AUTH a b c", "-ERR syntax error\r\n", 0},
		{p, "AUTH sesam", wrong, 1},
		{p, "AUTH sesame2", wrong, 2},
		{p, "AUTH Default sesame", wrong, 3}, // names have a case
		{p, "AUTH nobody sesame", wrong, 4},
		{p, "HELLO 3 AUTH default x", wrong, 5},
		{p, "HELLO 3 AUTH default sesame BOGUS", "-ERR Syntax error in HELLO option 'BOGUS'\r\n", 5},
		{p, "PING", noAuth, 5}, // a HELLO that fails does nothing
		{p, "HELLO 4 AUTH default sesame", "-NOPROTO unsupported protocol version\r\n", 5},
		{p, "AUTH sesame", "+OK\r\n", 5},
		{p, "PING", "+PONG\r\n", 5},
		{p, "AUTH x", wrong, 6},
		{p, "PING", "+PONG\r\n", 6}, // stays what it was
		{p, "RESET", "+RESET\r\n", 6},
		{p, "PING", noAuth, 6},
		{p, "AUTH default sesame", "+OK\r\n", 6},
		{early, "RESET", "+RESET\r\n", 6},
		{early, "PING", noAuth, 6},
	} {
		if got := r.p.say(r.do); got != r.want || h.Stats.ACLDeniedAuth != r.denied {
			t.Errorf("client %d, %s: got %q and %d denied, want %q and %d", r.p.cl.ID, r.do, got, h.Stats.ACLDeniedAuth, r.want, r.denied)
		}
	}
	if got := early.say("HELLO 3"); !strings.HasPrefix(got, "-NOAUTH HELLO must be called ") || early.cl.Out.Proto == 3 {
		t.Errorf("HELLO without password: %q", got)
	}
	if got := early.say("HELLO 3 SETNAME q AUTH default sesame"); !strings.HasPrefix(got, "%7\r\n") || early.cl.Name != "q" {
		t.Errorf("HELLO with password: %q", got)
	}
	h.Cfg.RequirePass = ""
	for _, r := range []struct{ do, want string }{
		{"AUTH x", "-" + string(ErrNoPassword) + "\r\n"},
		{"AUTH default anything", "+OK\r\n"},
		{"AUTH nobody anything", wrong},
	} {
		if got := h.dial().say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
	if got := p.do("AUTH", "default", ""); got != "+OK\r\n" {
		t.Errorf("AUTH with an empty password: %q", got)
	}
	if got := p.do("HELLO", "2", "AUTH", "", "x"); got != wrong {
		t.Errorf("HELLO with an empty name: %q", got)
	}
}

func TestHello(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	const head = "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:"
	const tail = "\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
	for _, r := range []struct{ do, want string }{
		{"HELLO", "*14\r\n" + head + "2" + tail},
		{"HELLO 3", "%7\r\n" + head + "3" + tail},
		{"HELLO", "%7\r\n" + head + "3" + tail},
		{"HELLO 3 SETNAME a SETNAME b", "%7\r\n" + head + "3" + tail},
		{"CLIENT GETNAME", "$1\r\nb\r\n"},
		{"HELLO 2", "*14\r\n" + head + "2" + tail},
		{"HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"},
		{"HELLO 3 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'\r\n"},
		{"PING", "+PONG\r\n"},
	} {
		if got := p.say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
}
