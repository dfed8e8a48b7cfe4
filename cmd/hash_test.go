package cmd

import (
	"fmt"
	"strings"
	"testing"
)

// TestHashAccess holds that a command is one access to the hash that it reads or changes,
// whatever its form: eviction and OBJECT FREQ tell.
func TestHashAccess(t *testing.T) {
	for _, entries := range []string{"128", "0"} {
		h := newHarness(borrowed)
		p := h.dial()
		p.say("CONFIG SET maxmemory-policy allkeys-lfu")
		p.say("CONFIG SET lfu-log-factor 0") // each access counts
		p.say("CONFIG SET hash-max-listpack-entries " + entries)
		for _, fill := range []string{"HSET h a 1 b 2 c 3 d 4", "HSETEX h EX 1000 FIELDS 3 a 1 b 2 c 3"} {
			p.say(fill)
			for _, words := range []string{
				"HSET h a 5", "HSET h e 5", "HMSET h a 6", "HSETNX h a 1", "HSETNX h n 1", "HGET h a", "HMGET h a b", "HGETALL h",
				"HKEYS h", "HVALS h", "HLEN h", "HSTRLEN h a", "HEXISTS h a", "HRANDFIELD h", "HSCAN h 0", "HDEL h e",
				"HDEL h none", "HINCRBY h a 1", "HINCRBYFLOAT h a 1", "HEXPIRE h 1000 FIELDS 1 a", "HEXPIRE h 1000 NX FIELDS 1 a",
				"HTTL h FIELDS 1 a", "HPERSIST h FIELDS 1 a", "HGETEX h FIELDS 1 a", "HGETEX h EX 100 FIELDS 1 a",
				"HGETEX h PERSIST FIELDS 1 a", "HSETEX h FNX FIELDS 1 a 1", "HSETEX h KEEPTTL FIELDS 1 a 1", "HGETDEL h FIELDS 1 n",
			} {
				was := freq(t, p)
				if got := p.say(words); strings.HasPrefix(got, "-") {
					t.Fatalf("%s: %s", words, got)
				}
				if got := freq(t, p) - was; got != 1 {
					t.Errorf("%s after %.6s, up to %s packed: %d accesses", words, fill, entries, got)
				}
			}
		}
	}
}

func freq(t *testing.T, p *played) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(p.say("OBJECT FREQ h"), ":%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
