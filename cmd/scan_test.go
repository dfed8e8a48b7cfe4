package cmd

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redust/db"
	"redust/tests/script"
)

func TestParseCursor(t *testing.T) {
	for _, r := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true},
		{"", 0, true},
		{"+7", 7, true},
		{"007", 7, true},
		{"-1", math.MaxUint64, true},
		{"-18446744073709551615", 1, true},
		{"18446744073709551615", math.MaxUint64, true},
		{"18446744073709551616", 0, false},
		{"99999999999999999999", 0, false},
		{"12\x00x", 12, true}, // a C string ends there
		{" 1", 0, false},
		{"1 ", 0, false},
		{"-", 0, false},
		{"+", 0, false},
		{"+-1", 0, false},
		{"0x10", 0, false},
	} {
		if got, ok := parseCursor([]byte(r.in)); got != r.want || ok != r.ok {
			t.Errorf("parseCursor(%q) = %d, %t; want %d, %t", r.in, got, ok, r.want, r.ok)
		}
	}
}

// scanOnce returns the next cursor and the keys of one SCAN.
func scanOnce(t *testing.T, p *played, cursor string, options ...string) (string, []string) {
	t.Helper()
	reply := p.do(append([]string{"SCAN", cursor}, options...)...)
	v, n, err := script.Decode([]byte(reply))
	if err != nil || n != len(reply) || len(v.Items) != 2 {
		t.Fatalf("SCAN %s %v: %q, %v", cursor, options, reply, err)
	}
	var keys []string
	for _, k := range v.Items[1].Items {
		keys = append(keys, k.Text)
	}
	return v.Items[0].Text, keys
}

// TestScanWhileChanging walks data sets of several sizes while keys come and go, and
// holds that every key that stays is returned and no key that never was.
func TestScanWhileChanging(t *testing.T) {
	for _, size := range []int{0, 1, 63, 65, 1000, 20_000} {
		for _, count := range []string{"1", "10", "500", "9223372036854775807"} {
			h := newHarness(borrowed)
			p := h.dial()
			d := h.KS.DB(0)
			for i := range size {
				d.SetString(fmt.Appendf(nil, "stays:%d", i), []byte("v"), db.Plain, 0)
				d.SetString(fmt.Appendf(nil, "goes:%d", i), []byte("v"), db.Plain, 0)
			}
			seen := make(map[string]int)
			cursor, calls := "0", 0
			for {
				var keys []string
				cursor, keys = scanOnce(t, p, cursor, "COUNT", count)
				for _, k := range keys {
					seen[k]++
				}
				if n, err := strconv.ParseUint(cursor, 10, 64); err != nil || n > math.MaxInt64 {
					t.Fatalf("cursor %q", cursor)
				}
				if cursor == "0" {
					break
				}
				calls++
				for i := range 20 {
					d.Delete(fmt.Appendf(nil, "goes:%d", calls*20+i))
					d.SetString(fmt.Appendf(nil, "comes:%d", calls*20+i), []byte("v"), db.Plain, 0)
				}
			}
			stay := 0
			for k, n := range seen {
				switch {
				case strings.HasPrefix(k, "stays:"):
					stay++
				case !strings.HasPrefix(k, "goes:") && !strings.HasPrefix(k, "comes:"):
					t.Errorf("key %q was never there", k)
				}
				if n > 2 {
					t.Errorf("key %q was returned %d times", k, n)
				}
			}
			if stay != size {
				t.Errorf("%d keys, COUNT %s: %d of those that stayed were returned", size, count, stay)
			}
			if want := 2*size/64 + 1; count == "1" && calls+1 < want {
				t.Errorf("%d keys, COUNT 1: %d calls, want one a page, %d at least", size, calls+1, want)
			}
			if count == "9223372036854775807" && calls != 0 {
				t.Errorf("%d keys: the largest COUNT took %d more calls", size, calls)
			}
		}
	}
}

// TestScanSkipsTheExpired holds that a call ends though nothing in reach is alive.
func TestScanSkipsTheExpired(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	const size = 50_000
	for i := range size {
		h.KS.DB(0).SetString(fmt.Appendf(nil, "k%d", i), []byte("v"), db.Plain, h.nowMs+1)
	}
	h.nowMs += 10 // and nothing reclaims them
	cursor, keys := scanOnce(t, p, "0", "COUNT", "1")
	if cursor == "0" || keys != nil {
		t.Errorf("one call went through %d dead keys: cursor %s, keys %d", size, cursor, len(keys))
	}
	if got := p.do("KEYS", "*"); got != "*0\r\n" {
		t.Errorf("KEYS * = %.40q", got)
	}
	if got := p.do("KEYS", "k7"); got != "*0\r\n" {
		t.Errorf("KEYS k7 = %.40q", got)
	}
}

// TestKeysAndScanAgree compares both with a filter over a list, for patterns with and
// without wildcards.
func TestKeysAndScanAgree(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	var all []string
	for i := range 3000 {
		all = append(all, fmt.Sprintf("key:%d", i))
		h.KS.DB(0).SetString([]byte(all[i]), []byte("v"), db.Plain, 0)
	}
	for _, r := range []struct {
		pattern string
		match   func(string) bool
	}{
		{"*", func(string) bool { return true }},
		{"key:1*", func(k string) bool { return k[4] == '1' }},
		{"*9", func(k string) bool { return k[len(k)-1] == '9' }},
		{"key:17", func(k string) bool { return k == "key:17" }},
		{"key:??", func(k string) bool { return len(k) == 6 }},
		{"key:nothing", func(string) bool { return false }},
	} {
		var want []string
		for _, k := range all {
			if r.match(k) {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		v, _, err := script.Decode([]byte(p.do("KEYS", r.pattern)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, k := range v.Items {
			got = append(got, k.Text)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("KEYS %s: %d keys, want %d", r.pattern, len(got), len(want))
		}
		got = nil
		for cursor := "0"; ; {
			var keys []string
			cursor, keys = scanOnce(t, p, cursor, "MATCH", r.pattern, "TYPE", "String")
			got = append(got, keys...)
			if cursor == "0" {
				break
			}
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("SCAN MATCH %s: %d keys, want %d", r.pattern, len(got), len(want))
		}
	}
}

// TestReplyLimit holds that a walk stops at max-reply-bytes instead of filling memory.
func TestReplyLimit(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	for i := range 1000 {
		h.KS.DB(0).SetString(fmt.Appendf(nil, "key:%d", i), []byte("v"), db.Plain, 0)
	}
	h.Cfg.MaxReplyBytes = 4000
	for _, words := range [][]string{{"KEYS", "*"}, {"SCAN", "0", "COUNT", "100000"}} {
		if got := p.do(words...); got != "-"+string(ErrReplyLimit)+"\r\n" {
			t.Errorf("%v = %.60q", words, got)
		}
	}
	if got := p.do("SCAN", "0", "COUNT", "1"); !strings.HasPrefix(got, "*2\r\n") {
		t.Errorf("a short reply was refused: %.60q", got)
	}
	h.Cfg.MaxReplyBytes = 0
	if got := p.do("KEYS", "*"); !strings.HasPrefix(got, "*1000\r\n") {
		t.Errorf("without a limit: %.60q", got)
	}
}
