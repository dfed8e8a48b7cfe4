package cmd

import (
	"fmt"
	"strings"
	"testing"
)

func TestReset(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	for _, line := range []string{"HELLO 3 SETNAME q", "SELECT 3", "CLIENT NO-EVICT ON", "CLIENT NO-TOUCH ON",
		"CLIENT SETINFO LIB-NAME lib", "MONITOR"} {
		if got := p.say(line); strings.HasPrefix(got, "-") {
			t.Fatalf("%s: %s", line, got)
		}
	}
	p.cl.Out.B = p.cl.Out.B[:0]
	p.say("RESET")
	cl := p.cl
	if cl.Name != "" || cl.DB.ID != 0 || cl.Out.Proto == 3 || cl.Flags != ClientAuthed || cl.User != "default" {
		t.Errorf("after RESET: %s", h.Describe(cl))
	}
	if cl.LibName != "lib" {
		t.Error("RESET forgot the library")
	}
}

func TestQuit(t *testing.T) {
	h := newHarness(borrowed)
	p, conn := h.dialFake()
	if got := p.say("QUIT a b"); got != "+OK\r\n" || !p.cl.Has(ClientCloseSoon) || strings.Join(conn.log, ",") != "close true" {
		t.Errorf("QUIT: %q, then %q", got, conn.log)
	}
}

func TestSelect(t *testing.T) {
	p := newHarness(borrowed).dial()
	const outside = "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"
	for _, r := range []struct{ do, want string }{
		{"SELECT 15", "+OK\r\n"},
		{"SELECT 16", "-ERR DB index is out of range\r\n"},
		{"SELECT -1", "-ERR DB index is out of range\r\n"},
		{"SELECT 2147483647", "-ERR DB index is out of range\r\n"},
		{"SELECT 2147483648", outside},
		{"SELECT -2147483649", outside},
		{"SELECT 1x", "-ERR value is not an integer or out of range\r\n"},
	} {
		if got := p.say(r.do); got != r.want || p.cl.DB.ID != 15 {
			t.Errorf("%s: got %q in database %d, want %q", r.do, got, p.cl.DB.ID, r.want)
		}
	}
}

// TestConnectionAllocations holds that what clients send all the time costs no
// allocation.
func TestConnectionAllocations(t *testing.T) {
	h := newHarness(owned)
	p := h.dial()
	for _, line := range []string{"PING", "PING x", "ECHO x", "SELECT 1", "CLIENT ID", "CLIENT GETNAME", "HELLO 3", "CLIENT REPLY SKIP"} {
		var req Request
		for _, w := range strings.Fields(line) {
			req.Args = append(req.Args, []byte(w))
		}
		batch := []Request{req}
		got := testing.AllocsPerRun(100, func() {
			h.Begin(h.nowMs*1000, 1)
			h.Prepare(p.cl.DB, batch)
			h.Execute(p.cl, &batch[0])
			p.cl.Out.B = p.cl.Out.B[:0]
		})
		if got != 0 {
			t.Errorf("%s allocates %v times", line, got)
		}
	}
}

// TestCluster holds that the whole family says that there is no cluster, whatever else
// is right or wrong about the command.
func TestCluster(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	const refusal = "-ERR This instance has cluster support disabled\r\n"
	n := 0
	for _, c := range h.Commands.All() {
		if c.Doc.Group != "cluster" || c.subs != nil || c.Name == "help" {
			continue
		}
		n++
		args := strings.Split(c.FullName, "|")
		for len(args) < max(c.Arity, -c.Arity) {
			args = append(args, "1")
		}
		if got := p.do(args...); got != refusal {
			t.Errorf("%q: %q", args, got)
		}
	}
	if n != 30 {
		t.Errorf("%d commands, want 30", n)
	}
	for _, r := range []struct{ do, want string }{
		{"CLUSTER", "-ERR wrong number of arguments for 'cluster' command\r\n"},
		{"CLUSTER nosuch", "-ERR unknown subcommand 'nosuch'. Try CLUSTER HELP.\r\n"},
		{"CLUSTER KEYSLOT", "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n"},
	} {
		if got := p.say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
}

// TestHelpForm holds the form that redis-cli shows: a heading, and two lines for each
// subcommand.
func TestHelpForm(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	for _, name := range []string{"client", "cluster"} {
		subs := h.Commands.Named(name).Subs
		upper := strings.ToUpper(name)
		got := strings.Split(p.do(name, "help"), "\r\n")
		if want := fmt.Sprintf("*%d", 1+2*len(subs)); got[0] != want || len(got) != 3+2*len(subs) {
			t.Errorf("%s HELP: %s and %d lines, want %s", upper, got[0], len(got), want)
		}
		if got[1] != "+"+upper+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" {
			t.Errorf("%s HELP begins: %s", upper, got[1])
		}
		if n := len(got); got[n-3] != "+HELP" {
			t.Errorf("%s HELP ends: %s", upper, got[n-3])
		}
	}
}
