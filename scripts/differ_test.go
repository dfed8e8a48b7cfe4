package scripts

import (
	"bufio"
	"bytes"
	"fmt"
	"testing"

	"redust/resp"
	"redust/tests/redis"
)

// alone is a server in which there is nothing but scripts.
type alone struct{}

func (alone) Command([][]byte, int) ([]byte, string) { return nil, "ERR there are no commands" }
func (alone) Pace() string                           { return "" }
func (alone) Log(int, string)                        {}
func (alone) MayCall([][]byte) (bool, bool)          { return true, true }
func (alone) Propagate(bool, bool)                   {}
func (alone) Clock() int64                           { return 0 }
func (alone) Version() string                        { return "7.0.15" }

// says is the reply to a script of ours, or its error.
func says(t testing.TB, e *Engine, source string) any {
	t.Helper()
	s, err := e.Eval([]byte(source))
	if err != nil {
		return err
	}
	var w resp.Writer
	if err := e.Run(s, &Call{Out: &w}); err != nil {
		return err
	}
	v, err := redis.ReadReply(bufio.NewReader(bytes.NewReader(w.B)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// differ asks redis-server and us what calls of one family return, and how they fail.
func differ(t testing.TB, o *redis.Oracle, e *Engine, family int, seed uint64, calls int) {
	t.Helper()
	g := newGen(seed)
	for range calls {
		call := g.call(family)
		source := fmt.Sprintf(describe, call)
		want, got := fmt.Sprint(o.Do("EVAL", source, 0)), fmt.Sprint(says(t, e, source))
		if got != want {
			t.Errorf("%s\n  got  %.300s\n  want %.300s", call, got, want)
		}
	}
	o.Do("SCRIPT", "FLUSH")
	e.Flush()
}

// TestDiffer compares some thousand calls.
func TestDiffer(t *testing.T) {
	o := redis.Start(t)
	e := New(alone{})
	for i, f := range families {
		t.Run(f.name, func(t *testing.T) { differ(t, o, e, i, 1, 500) })
	}
}

// FuzzDiffer compares as many calls as there is time for.
func FuzzDiffer(f *testing.F) {
	o := redis.Start(f)
	e := New(alone{})
	f.Add(uint64(1), uint8(0))
	f.Fuzz(func(t *testing.T, seed uint64, family uint8) {
		differ(t, o, e, int(family)%len(families), seed, 100)
	})
}
