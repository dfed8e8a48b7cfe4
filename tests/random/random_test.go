package random

import (
	"context"
	"flag"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"redust/tests/redis"
	"redust/tests/script"
	"redust/tests/server"
)

var (
	length = flag.Int("steps", 20000, "commands in a plan")
	period = flag.Duration("for", 3*time.Second, "how long to go on; make fuzz gives 10m")
	first  = flag.Uint64("seed", 1, "the first seed; each next plan takes the next")
)

// oracle starts redis-server.
func oracle(t *testing.T, args ...string) *server.Server {
	t.Helper()
	return start(t, redis.Tool(t, "redis-server"), args...)
}

func start(t *testing.T, bin string, args ...string) *server.Server {
	t.Helper()
	s, err := server.Start(bin, append([]string{"--enable-debug-command", "yes"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestRedust compares Redust with redis-server.
func TestRedust(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	bin, err := server.Redust(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := start(t, bin), oracle(t)
	ctx, cancel := context.WithTimeout(context.Background(), *period)
	defer cancel()
	played, err := For(ctx, ours.Dial, theirs.Dial, *first, *length, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatalf("%v\n(repeat with -seed; log of Redust:\n%s)", err, ours.Log())
	}
	t.Logf("%d commands alike, from seed %d on", played, *first)
}

// TestSame proves that the comparison finds nothing between two equal servers: what differs
// from run to run is normalised.
func TestSame(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	a, b := oracle(t), oracle(t)
	ctx, cancel := context.WithTimeout(context.Background(), *period)
	defer cancel()
	played, err := For(ctx, a.Dial, b.Dial, *first, *length, func(s string) { t.Log(s) })
	if err != nil {
		t.Fatal(err)
	}
	if played == 0 {
		t.Error("no plan was played")
	}
	t.Logf("%d commands alike", played)
}

// TestPlantedConfiguration: one server keeps HyperLogLogs sparse for longer. It shows in the
// stored bytes alone, and Shrink must arrive at PFADD and what reads it.
func TestPlantedConfiguration(t *testing.T) {
	a, b := oracle(t), oracle(t, "--hll-sparse-max-bytes", "100")
	g := NewGen(7)
	d, err := Run(a.Dial, b.Dial, g.Plan(3000), g.Batch)
	if err != nil || d == nil {
		t.Fatalf("not found: %v, %v", d, err)
	}
	small := Shrink(a.Dial, b.Dial, d)
	if len(small.Steps) > 6 || len(small.Steps) >= len(d.Steps) {
		t.Errorf("shrunk from %d to %d commands:\n%s", len(d.Steps), len(small.Steps), small)
	}
	if !strings.Contains(small.String(), "PFADD") {
		t.Errorf("the cause is missing:\n%s", small)
	}
}

// liar answers like the server behind it, but for one reply in a while: a single one may be
// to a command whose reply is chance.
type liar struct {
	script.Conn
	heard, when int
	change      func([]byte) []byte
}

func (l *liar) Receive(timeout time.Duration) ([]byte, error) {
	raw, err := l.Conn.Receive(timeout)
	if l.heard++; err == nil && l.heard >= l.when {
		if changed := l.change(append([]byte(nil), raw...)); changed != nil {
			l.when = l.heard + 100
			return changed, nil
		}
	}
	return raw, err
}

// TestPlantedReply: an altered reply among thousands is found, whatever its type.
func TestPlantedReply(t *testing.T) {
	a, b := oracle(t), oracle(t)
	for name, change := range map[string]func([]byte) []byte{
		"integer": func(raw []byte) []byte {
			if raw[0] != ':' || string(raw) == ":42\r\n" {
				return nil
			}
			return []byte(":42\r\n")
		},
		"bulk": func(raw []byte) []byte {
			if raw[0] != '$' || len(raw) < 8 {
				return nil
			}
			raw[len(raw)-3] ^= 1
			return raw
		},
		"error": func(raw []byte) []byte {
			if raw[0] != '-' {
				return nil
			}
			raw[len(raw)-3] ^= 1
			return raw
		},
		"type": func(raw []byte) []byte {
			if string(raw) != "+OK\r\n" {
				return nil
			}
			return []byte("$2\r\nOK\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewGen(11)
			lying := func() (script.Conn, error) {
				c, err := b.Dial()
				return &liar{Conn: c, when: 400, change: change}, err
			}
			d, err := Run(a.Dial, lying, g.Plan(2000), g.Batch)
			if err != nil || d == nil {
				t.Fatalf("not found: %v, %v", d, err)
			}
		})
	}
}

// TestPlantedData: a key that no reply has shown, changed behind the plan's back, is found in
// the data set.
func TestPlantedData(t *testing.T) {
	a, b := oracle(t), oracle(t)
	for _, change := range [][]string{
		{"SET", "other", "1"}, {"APPEND", "k", "x"}, {"EXPIREAT", "k", "4102444800"}, {"SETRANGE", "k", "0", "v"}, {"DEL", "k"},
	} {
		p, err := connect(a.Dial, b.Dial)
		if err != nil {
			t.Fatal(err)
		}
		if at, _, _, err := p.play([]Step{step(Exact, "SET", "k", "v")}); at >= 0 || err != nil {
			t.Fatal(at, err)
		}
		if d, err := p.compareData(); d != nil || err != nil {
			t.Fatalf("equal data differ: %v, %v", d, err)
		}
		if _, err := script.Do(p.b, change...); err != nil {
			t.Fatal(err)
		}
		if d, err := p.compareData(); d == nil || err != nil {
			t.Errorf("%v is not found: %v", change, err)
		}
		p.close()
	}
}

func TestSeedIsThePlan(t *testing.T) {
	text := func(seed uint64) string { return fmt.Sprint(NewGen(seed).Plan(500)) }
	if once, again := text(3), text(3); once != again || once == text(4) {
		t.Error("a seed must give one plan, and another seed another")
	}
}

func TestComparisons(t *testing.T) {
	value := func(raw string) script.Value {
		v, _, err := script.Decode([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, r := range []struct {
		same Comparison
		a, b string
		want bool
	}{
		{Exact, ":1\r\n", ":1\r\n", true},
		{Exact, ":1\r\n", "$1\r\n1\r\n", false},
		{Unordered, "*2\r\n:1\r\n:2\r\n", "*2\r\n:2\r\n:1\r\n", true},
		{Unordered, "*2\r\n:1\r\n:1\r\n", "*2\r\n:2\r\n:1\r\n", false},
		{Shape, "$1\r\na\r\n", "$1\r\nb\r\n", true},
		{Shape, "$1\r\na\r\n", "$-1\r\n", false},
		{Shape, "-ERR a\r\n", "-ERR b\r\n", false},
		{Near(2), ":10\r\n", ":12\r\n", true},
		{Near(2), ":10\r\n", ":13\r\n", false},
		{Near(2), ":-1\r\n", ":0\r\n", false}, // -1 and -2 have meanings
		{Near(2), ":-1\r\n", ":-2\r\n", false},
	} {
		if got := r.same(value(r.a), value(r.b)); got != r.want {
			t.Errorf("%q and %q: %v", r.a, r.b, got)
		}
	}
	v := value("*2\r\n:2\r\n:1\r\n")
	before := value("*2\r\n:2\r\n:1\r\n")
	if ordered(v); !reflect.DeepEqual(v, before) {
		t.Error("ordered changed its argument")
	}
}
