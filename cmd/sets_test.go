package cmd

import (
	"fmt"
	"strings"
	"testing"

	"redust/db"
)

// TestSetsBesideExpired combines sets while the keys between them expire under the look-ups:
// their removal joins pages, which moves what was found before.
func TestSetsBesideExpired(t *testing.T) {
	for round := range 40 {
		h := newHarness(borrowed)
		p := h.dial()
		h.ActiveExpire = false
		words, want := []string{"SUNIONSTORE", "all"}, 0
		for i := range 8 {
			add := []string{"SADD", fmt.Sprintf("set:%d:%d", round, i)}
			for j := range 10 + i*100 {
				add = append(add, fmt.Sprintf("member:%d:%d", i, j))
			}
			want += len(add) - 2
			ask(t, p, add...)
			words = append(words, add[1])
		}
		for i := range 400 {
			key := fmt.Sprintf("gone:%d:%d", round, i)
			ask(t, p, "SET", key, strings.Repeat("x", 60), "PX", "10")
			words = append(words, key)
		}
		h.pass(100)
		if got := ask(t, p, words...); got.Text != fmt.Sprint(want) {
			t.Fatalf("round %d: %s members, want %d", round, got.Text, want)
		}
		for i := range 8 {
			if got := ask(t, p, "SINTERCARD", "2", "all", words[2+i]); got.Text != fmt.Sprint(10+i*100) {
				t.Fatalf("round %d: %s members of set %d, want %d", round, got.Text, i, 10+i*100)
			}
		}
	}
}

// TestSetDirty counts changes as Redis does, by members.
func TestSetDirty(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	var events []string
	for _, r := range []struct {
		words  string
		dirty  int64
		events string
	}{
		{"SADD s a b c", 3, "sadd s"},
		{"SADD s a d", 1, "sadd s"},
		{"SADD s a", 0, ""},
		{"SREM s a x b", 2, "srem s"},
		{"SREM s x", 0, ""},
		{"SMOVE s t c", 2, "srem s, sadd t"},
		{"SADD s c", 1, "sadd s"},
		{"SMOVE s t c", 1, "srem s"},
		{"SMOVE s t x", 0, ""},
		{"SUNIONSTORE u s t", 1, "sunionstore u"},
		{"SINTERSTORE u s none", 1, "del u"},
		{"SINTERSTORE u s none", 0, ""},
		{"SDIFFSTORE u t", 1, "sdiffstore u"},
		{"SPOP s 5", 1, "spop s, del s"},
		{"SPOP s", 0, ""},
		{"SPOP u", 1, "spop u, del u"},
		{"SREM t c", 1, "srem t, del t"},
		{"SADD n 1 2 3 4 5", 5, "sadd n"},
		{"SPOP n 2", 2, "spop n"},
		{"SPOP n 0", 0, ""},
	} {
		events = nil
		h.OnChange = func(_ *db.DB, key []byte, event string) { events = append(events, event+" "+string(key)) }
		before := h.Dirty
		if v := ask(t, p, strings.Fields(r.words)...); v.Kind == '-' {
			t.Fatalf("%s: %s", r.words, v.Text)
		}
		if got := strings.Join(events, ", "); h.Dirty-before != r.dirty || got != r.events {
			t.Errorf("%s: %d changes (%s), want %d (%s)", r.words, h.Dirty-before, got, r.dirty, r.events)
		}
	}
}

// TestSetAllocs holds that changing and asking sets costs no allocation.
func TestSetAllocs(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	for i := range 600 {
		ask(t, p, "SADD", "large", fmt.Sprintf("member:%d", i))
		ask(t, p, "SADD", "ints", fmt.Sprint(i/2))
	}
	ask(t, p, "SADD", "packed", "a", "b", "c", "7")
	for _, words := range []string{"SADD large member:7", "SADD ints 7", "SADD packed 7", "SISMEMBER large x", "SCARD ints", "SMISMEMBER large a b c",
		"SRANDMEMBER packed", "SMEMBERS large", "SMEMBERS packed", "SINTER ints packed", "SINTER large packed", "SUNION ints packed", "SDIFF large packed", "SDIFF packed large", "SINTERCARD 2 large large"} {
		r := []Request{{Args: args(words)}}
		h.Prepare(p.cl.DB, r)
		if n := testing.AllocsPerRun(200, func() {
			h.Execute(p.cl, &r[0])
			p.cl.Out.B = p.cl.Out.B[:0]
		}); n > 0 {
			t.Errorf("%s: %.1f allocations", words, n)
		}
	}
}

func args(words string) (out [][]byte) {
	for _, w := range strings.Fields(words) {
		out = append(out, []byte(w))
	}
	return out
}
