package cmd

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redust/config"
)

// fakeConn is a connection whose buffers are what a test says, and that stays until the
// test looks at what was asked of it, as the executor's does until its batch is done.
type fakeConn struct {
	waiting, memory, unsent int
	leaving                 bool
	log                     []string
}

func (f *fakeConn) QueryBuffered() (waiting, memory int) { return f.waiting, f.memory }
func (f *fakeConn) OutputBuffered() int                  { return f.unsent }
func (f *fakeConn) Leaving() bool                        { return f.leaving }
func (f *fakeConn) Send()                                { f.log = append(f.log, "send") }
func (f *fakeConn) SendLater()                           { f.Send() }
func (f *fakeConn) Close(soon bool)                      { f.log = append(f.log, fmt.Sprintf("close %t", soon)) }

// dialFake connects a client over a fakeConn.
func (h *harness) dialFake() (*played, *fakeConn) {
	p, f := h.dial(), &fakeConn{}
	p.cl.Conn = f
	return p, f
}

// say runs a command whose words hold no blanks.
func (p *played) say(line string) string { return p.do(strings.Fields(line)...) }

// TestDescribe compares a line with one that Redis 7.2 would send, field by field, and
// watch, which came later.
func TestDescribe(t *testing.T) {
	h := newHarness(borrowed)
	p, conn := h.dialFake()
	p.cl.FD = 9
	p.say("CLIENT SETNAME bob")
	p.say("CLIENT SETINFO LIB-NAME redis-py")
	p.say("CLIENT SETINFO LIB-VER 1.2")
	p.say("SELECT 3")
	p.say("HELLO 3")
	h.pass(2500)
	p.say("PING")
	h.pass(1999)
	*conn = fakeConn{waiting: 10, memory: 100, unsent: 7}
	p.cl.Out.B = append(make([]byte, 0, 64), "+OK\r\n"...)
	want := "id=1 addr=127.0.0.1:40001 laddr=127.0.0.1:6379 fd=9 name=bob age=4 idle=1 flags=N db=3 sub=0 psub=0 ssub=0 multi=-1 watch=0" +
		" qbuf=10 qbuf-free=90 argv-mem=0 multi-mem=0 rbs=64 rbp=5 obl=5 oll=1 omem=7 tot-mem=1209 events=rw cmd=ping" +
		" user=default redir=-1 resp=3 lib-name=redis-py lib-ver=1.2"
	if got := h.Describe(p.cl); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	fresh := h.dial()
	if got := h.Describe(fresh.cl); !strings.Contains(got, " cmd=NULL user=default redir=-1 resp=2 lib-name= lib-ver=") {
		t.Errorf("a client that has said nothing: %s", got)
	}
	// The command that asks is shown as the last of its client, with its arguments.
	if got := fresh.say("CLIENT INFO"); !strings.Contains(got, " argv-mem=10 ") || !strings.Contains(got, " cmd=client|info ") {
		t.Errorf("CLIENT INFO: %s", got)
	}
}

func TestClientFlagLetters(t *testing.T) {
	for _, r := range []struct {
		flags ClientFlags
		want  string
	}{
		{0, "N"},
		{ClientAuthed | ClientReplyOff, "N"}, // states without a letter
		{ClientMonitor | ClientNoEvict | ClientNoTouch, "OeT"},
		{ClientUnix | ClientPostponed, "bU"},
		{ClientCloseSoon | ClientReadOnlyCmd, "cr"},
		{clientKilled, "A"},
		{ClientPubSub | ClientTracking | clientBroadcast | clientBroken | ClientBlocked, "PbtRB"},
	} {
		if got := string(appendClientFlags([]byte("x"), r.flags)); got != "x"+r.want {
			t.Errorf("%b: got %s, want %s", r.flags, got[1:], r.want)
		}
	}
}

// ids extracts the ids of a CLIENT LIST reply.
func ids(reply string) string {
	var out []string
	for _, line := range strings.Split(reply, "\n") {
		if i := strings.Index(line, "id="); i >= 0 {
			out = append(out, strings.Fields(line[i+3:])[0])
		}
	}
	return strings.Join(out, " ")
}

func TestClientList(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	h.dial()
	h.dial()
	for _, r := range []struct{ do, want string }{
		{"CLIENT LIST", "1 2 3"},
		{"client list type NORMAL", "1 2 3"},
		{"CLIENT LIST TYPE master", ""},
		{"CLIENT LIST TYPE slave", ""},
		{"CLIENT LIST TYPE pubsub", ""},
		{"CLIENT LIST ID 3 1 99 3", "3 1 3"}, // as often and in the order asked for
		{"CLIENT LIST ID 0 -1", ""},
	} {
		if got := ids(p.say(r.do)); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
	for _, r := range []struct{ do, want string }{
		{"CLIENT LIST TYPE x", "-ERR Unknown client type 'x'\r\n"},
		{"CLIENT LIST ID 1 x", "-ERR Invalid client ID\r\n"},
		{"CLIENT LIST ID", "-ERR syntax error\r\n"},
		{"CLIENT LIST TYPE normal x", "-ERR syntax error\r\n"},
		{"CLIENT LIST TYPE master", "$0\r\n\r\n"},
	} {
		if got := p.say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
}

// TestKillFilters holds what each filter lets through. Client 1 kills; 2 came from
// elsewhere, 3 to another address, 4 ten seconds later as another user.
func TestKillFilters(t *testing.T) {
	for _, r := range []struct{ do, want, gone string }{
		{"CLIENT KILL 9.9.9.9:9", "+OK\r\n", "2"},
		{"CLIENT KILL 9.9.9.9:8", "-ERR No such client\r\n", ""},
		{"CLIENT KILL 127.0.0.1:40001", "+OK\r\n", "1"}, // the old form does not spare the caller
		{"CLIENT KILL ID 2", ":1\r\n", "2"},
		{"CLIENT KILL ID 1", ":0\r\n", ""},
		{"CLIENT KILL ID 1 SKIPME no", ":1\r\n", "1"},
		{"CLIENT KILL ID 99", ":0\r\n", ""},
		{"CLIENT KILL ADDR 9.9.9.9:9", ":1\r\n", "2"},
		{"CLIENT KILL LADDR 8.8.8.8:6379", ":1\r\n", "3"},
		{"CLIENT KILL USER default", ":2\r\n", "2 3"},
		{"CLIENT KILL SKIPME yes", ":3\r\n", "2 3 4"},
		{"CLIENT KILL SKIPME NO", ":4\r\n", "1 2 3 4"},
		{"CLIENT KILL TYPE NORMAL", ":3\r\n", "2 3 4"},
		{"CLIENT KILL TYPE primary", ":0\r\n", ""},
		{"CLIENT KILL TYPE pubsub", ":0\r\n", ""},
		{"CLIENT KILL MAXAGE 10", ":2\r\n", "2 3"}, // at least as old
		{"CLIENT KILL MAXAGE 11", ":0\r\n", ""},
		{"CLIENT KILL MAXAGE 10 LADDR 8.8.8.8:6379 SKIPME no", ":1\r\n", "3"},
		{"CLIENT KILL ID 2 ADDR 1.1.1.1:1", ":0\r\n", ""},     // all have to fit
		{"CLIENT KILL ID 2 ID 3", ":1\r\n", "3"},              // the last of two holds
		{"CLIENT KILL MAXAGE", "-ERR No such client\r\n", ""}, // the old form, an address
		{"CLIENT KILL MAXAGE 1 ID", "-ERR syntax error\r\n", ""},
		{"CLIENT KILL ID 2 MAXAGE x", "-ERR maxage is not an integer or out of range\r\n", ""},
		{"CLIENT KILL ID 2 MAXAGE 0", "-ERR maxage should be greater than 0\r\n", ""},
		{"CLIENT KILL ID 2 SKIPME", "-ERR syntax error\r\n", ""},
		{"CLIENT KILL ID 9223372036854775808", "-ERR client-id should be greater than 0\r\n", ""},
		{"CLIENT KILL USER nobody", "-ERR No such user 'nobody'\r\n", ""},
	} {
		h := newHarness(borrowed)
		p, _ := h.dialFake()
		second, _ := h.dialFake()
		third, _ := h.dialFake()
		h.pass(10_000)
		fourth, _ := h.dialFake()
		fourth.cl.User = "other"
		second.cl.Addr, third.cl.LocalAdr = "9.9.9.9:9", "8.8.8.8:6379"
		all := slices.Clone(h.clients)
		if got := p.say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
		var gone []string
		for _, q := range all {
			conn := q.cl.Conn.(*fakeConn)
			if slices.Contains(conn.log, fmt.Sprintf("close %t", q == p)) {
				gone = append(gone, fmt.Sprint(q.cl.ID))
			}
		}
		if got := strings.Join(gone, " "); got != r.gone {
			t.Errorf("%s: closed %q, want %q", r.do, got, r.gone)
		}
	}
}

// TestKilledIsGone holds that a client is gone for all commands from the moment it is
// killed, though its connection is closed only after the batch.
func TestKilledIsGone(t *testing.T) {
	h := newHarness(borrowed)
	p, _ := h.dialFake()
	victim, conn := h.dialFake()
	victim.say("MONITOR")
	for _, r := range []struct{ do, want string }{
		{"CLIENT KILL ID 2", ":1\r\n"},
		{"CLIENT KILL ID 2", ":0\r\n"},
		{"CLIENT KILL TYPE normal", ":0\r\n"},
		{"CLIENT LIST ID 2", "$0\r\n\r\n"},
		{"PING", "+PONG\r\n"},
	} {
		if got := p.say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
	if len(victim.cl.Out.B) > 0 || strings.Join(conn.log, ",") != "close false" {
		t.Errorf("the victim got %q, its connection %q", victim.cl.Out.B, conn.log)
	}
}

func TestEvictClients(t *testing.T) {
	for _, r := range []struct {
		limit config.MemoryOrPercent
		total int64 // maxmemory
		want  string
	}{
		{0, 0, ""},
		{10 << 20, 0, ""},
		{5 << 20, 0, "3"},         // the largest is enough
		{2 << 20, 0, "3 2"},       // largest first
		{1, 0, "3 2 1"},           // taken as 128 KiB
		{-50, 10 << 20, "3"},      // half of maxmemory
		{-50, 0, ""},              // a share of no limit
		{1 << 40, 1 << 20, ""},    // maxmemory is another matter
		{-100, 3<<20 + 50, "3 2"}, // 1 MiB and 1 KiB fit
	} {
		h := newHarness(borrowed)
		h.Cfg.MaxMemoryClients, h.Cfg.MaxMemory = r.limit, r.total
		var conns []*fakeConn
		for _, mb := range []int{1, 2, 3, 9} {
			_, c := h.dialFake()
			c.memory = mb << 20
			conns = append(conns, c)
		}
		h.clients[3].cl.Flags |= ClientNoEvict
		h.EvictClients()
		var got []string
		for i := len(conns) - 1; i >= 0; i-- {
			if len(conns[i].log) > 0 {
				got = append(got, fmt.Sprint(i+1))
			}
		}
		if s := strings.Join(got, " "); s != r.want || h.Stats.EvictedClients != int64(len(got)) {
			t.Errorf("maxmemory-clients %d of %d: closed %q and counted %d, want %q", r.limit, r.total, s, h.Stats.EvictedClients, r.want)
		}
		before := h.Stats.EvictedClients
		h.EvictClients()
		if h.Stats.EvictedClients != before {
			t.Errorf("maxmemory-clients %d: clients that are closed are closed again", r.limit)
		}
	}
}

// TestEvictClientsLeavesRoom holds that a limit by mistake does not shut everybody out.
func TestEvictClientsLeavesRoom(t *testing.T) {
	h := newHarness(borrowed)
	h.Cfg.MaxMemoryClients = 1
	_, conn := h.dialFake()
	conn.memory = 100 << 10
	if h.EvictClients(); len(conn.log) > 0 {
		t.Error("a client of 100 KiB was closed")
	}
}

func TestPeakMemory(t *testing.T) {
	h := newHarness(borrowed)
	for _, r := range []struct{ clients, want int64 }{{1000, 1000}, {5000, 5000}, {2000, 5000}} {
		h.ClientsMemory = r.clients
		h.Tick()
		if want := h.UsedMemory() - r.clients + r.want; h.PeakMemory != want {
			t.Errorf("with %d bytes: peak %d, want %d", r.clients, h.PeakMemory, want)
		}
	}
}

func TestPause(t *testing.T) {
	h := newHarness(borrowed)
	p, q := h.dial(), h.dial()
	for _, r := range []struct{ do, want string }{
		{"CLIENT PAUSE 0", "+OK\r\n"},
		{"SET a 1", "+OK\r\n"}, // no time, no pause
		{"CLIENT PAUSE 9223372036854775807", "-ERR timeout is out of range\r\n"},
		{"CLIENT PAUSE 1.5", "-ERR timeout is not an integer or out of range\r\n"},
		{"CLIENT PAUSE -1 WRITE", "-ERR timeout is negative\r\n"},
		{"client pause x BOGUS", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"},
		{"client pause 1 all x", "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.\r\n"},
		{"CLIENT PAUSE 1000 write", "+OK\r\n"},
		{"CLIENT PAUSE 10 write", "+OK\r\n"}, // the longer one holds
		{"GET a", "$1\r\n1\r\n"},
	} {
		if got := p.say(r.do); got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
	if got := q.say("SET a 2"); got != "" {
		t.Errorf("a write while paused: %q", got)
	}
	if got := p.say("CLIENT LIST ID 2"); !strings.Contains(got, " flags=b ") {
		t.Errorf("a client that waits: %s", got)
	}
	h.nowMs += 999
	h.Begin(h.nowMs*1000, h.mono)
	h.Tick()
	if h.resume || h.PausedUntil() == 0 {
		t.Error("the pause ended early")
	}
	h.nowMs++
	h.Begin(h.nowMs*1000, h.mono)
	h.Tick()
	if !h.resume || h.PausedUntil() != 0 {
		t.Error("the pause did not end")
	}
	h.offerAgain()
	if got := string(q.cl.Out.B); got != "+OK\r\n" {
		t.Errorf("what waited: %q", got)
	}
	p.say("CLIENT PAUSE 1000 WRITE")
	p.say("CLIENT PAUSE 0 ALL") // adds its scope
	if got := q.say("GET a"); got != "+OK\r\n" {
		t.Errorf("a read while all is paused: %q", got) // only the earlier reply
	}
	if p.say("CLIENT UNPAUSE"); string(q.cl.Out.B) != "$1\r\n2\r\n" {
		t.Errorf("after UNPAUSE: %q", q.cl.Out.B)
	}
}

func TestReply(t *testing.T) {
	h := newHarness(borrowed)
	for _, r := range []struct{ do, want string }{
		{"CLIENT REPLY SKIP;PING;PING", "+PONG\r\n"},
		{"CLIENT REPLY SKIP;CLIENT REPLY SKIP;PING;PING", "+PONG\r\n"}, // no more than one
		{"CLIENT REPLY SKIP;NOSUCH;PING", "+PONG\r\n"},
		{"CLIENT REPLY SKIP;CLIENT REPLY BOGUS;PING", "+PONG\r\n"},
		{"CLIENT REPLY SKIP;CLIENT REPLY ON;PING", "+OK\r\n+PONG\r\n"},
		{"CLIENT REPLY OFF;PING;NOSUCH;CLIENT REPLY ON;PING", "+OK\r\n+PONG\r\n"},
		{"CLIENT REPLY OFF;CLIENT REPLY SKIP;CLIENT REPLY ON;PING", "+OK\r\n+PONG\r\n"},
		{"CLIENT REPLY OFF;CLIENT REPLY SKIP;PING;RESET;PING", "+RESET\r\n+PONG\r\n"},
		{"CLIENT REPLY BOGUS", "-ERR syntax error\r\n"},
	} {
		p, got := h.dial(), ""
		for _, line := range strings.Split(r.do, ";") {
			got += p.say(line)
		}
		if got != r.want {
			t.Errorf("%s: got %q, want %q", r.do, got, r.want)
		}
	}
}
