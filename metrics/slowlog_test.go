package metrics

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func args(words ...string) [][]byte {
	out := make([][]byte, len(words))
	for i, w := range words {
		out[i] = []byte(w)
	}
	return out
}

func TestSlowLogCuts(t *testing.T) {
	long := strings.Repeat("x", 200)
	many := strings.Fields(strings.Repeat("a ", 40))
	for _, r := range []struct{ in, want []string }{
		{[]string{"GET", "k"}, []string{"GET", "k"}},
		{[]string{}, []string{}},
		{[]string{"SET", long[:128]}, []string{"SET", long[:128]}}, // just fits
		{[]string{"SET", long}, []string{"SET", long[:128] + "... (72 more bytes)"}},
		{many[:32], many[:32]},
		{many[:33], append(many[:31:31], "... (2 more arguments)")}, // the note takes the last place
		{many, append(many[:31:31], "... (9 more arguments)")},
	} {
		var s SlowLog
		s.SetMaxLen(1)
		s.Add(7, 8, args(r.in...), "127.0.0.1:1", "me")
		want := SlowEntry{ID: 0, Unix: 7, Usec: 8, Args: r.want, Addr: "127.0.0.1:1", Name: "me"}
		if got := s.Get(1)[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("got %q\nwant %q", got.Args, want.Args)
		}
	}
}

func TestSlowLogKeepsNoArgument(t *testing.T) {
	var s SlowLog
	s.SetMaxLen(4)
	a := args("SET", "key", "value")
	s.Add(1, 1, a, "", "")
	for _, b := range a {
		clear(b)
	}
	if got := s.Get(1)[0].Args; !reflect.DeepEqual(got, []string{"SET", "key", "value"}) {
		t.Errorf("entry changed with the request's buffer: %q", got)
	}
}

func TestSlowLogDue(t *testing.T) {
	for _, r := range []struct {
		threshold, usec int64
		want            bool
	}{
		{10000, 9999, false},
		{10000, 10000, true},
		{0, 0, true}, // 0 logs everything
		{-1, 1 << 40, false},
	} {
		s := SlowLog{SlowerThanUs: r.threshold}
		if got := s.Due(r.usec); got != r.want {
			t.Errorf("threshold %d, %d us: %v", r.threshold, r.usec, got)
		}
	}
}

// The ring against a plain slice, with its length changing under way.
func TestSlowLogRing(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var s SlowLog
		var model []SlowEntry // newest first
		maxLen, id := 0, int64(0)
		for step := range 500 {
			switch k := rnd.IntN(40); {
			case k == 0:
				s.Reset()
				model = nil
			case k <= 2:
				maxLen = rnd.IntN(60) - 1
				s.SetMaxLen(maxLen)
				maxLen = max(maxLen, 0)
			default:
				e := SlowEntry{ID: id, Unix: int64(step), Usec: rnd.Int64N(100), Args: []string{fmt.Sprint(step)}, Addr: "a"}
				s.Add(e.Unix, e.Usec, args(e.Args...), e.Addr, e.Name)
				model = append([]SlowEntry{e}, model...)
				id++
			}
			model = model[:min(len(model), maxLen)]
			n := rnd.IntN(70) - 1
			want := model
			if n >= 0 {
				want = model[:min(n, len(model))]
			}
			got := s.Get(n)
			if s.Len() != len(model) || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d step %d: Get(%d) of %d\n got %v\nwant %v", seed, step, n, s.Len(), got, want)
			}
			bytes := len(s.ring) * slowEntrySize
			for _, e := range model {
				bytes += e.bytes()
			}
			if s.Bytes() != bytes {
				t.Fatalf("seed %d step %d: counted %d bytes, hold %d", seed, step, s.Bytes(), bytes)
			}
		}
	}
}
