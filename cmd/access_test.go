package cmd

import (
	"fmt"
	"strings"
	"testing"
)

// TestAccess holds that a command is one access to the key that it reads or changes,
// whatever the form of its value: eviction and OBJECT FREQ tell.
func TestAccess(t *testing.T) {
	for _, r := range []struct {
		fill []string // alternatives
		then []string
	}{
		{
			[]string{"HSET k a 1 b 2 c 3 d 4", "HSETEX k EX 1000 FIELDS 4 a 1 b 2 c 3 d 4"},
			[]string{
				"HSET k a 5", "HSET k e 5", "HMSET k a 6", "HSETNX k a 1", "HSETNX k n 1", "HGET k a", "HMGET k a b", "HGETALL k",
				"HKEYS k", "HVALS k", "HLEN k", "HSTRLEN k a", "HEXISTS k a", "HRANDFIELD k", "HSCAN k 0", "HDEL k e",
				"HDEL k none", "HINCRBY k a 1", "HINCRBYFLOAT k a 1", "HEXPIRE k 1000 FIELDS 1 a", "HEXPIRE k 1000 NX FIELDS 1 a",
				"HTTL k FIELDS 1 a", "HPERSIST k FIELDS 1 a", "HGETEX k FIELDS 1 a", "HGETEX k EX 100 FIELDS 1 a",
				"HGETEX k PERSIST FIELDS 1 a", "HSETEX k FNX FIELDS 1 a 1", "HSETEX k KEEPTTL FIELDS 1 a 1", "HGETDEL k FIELDS 1 n",
			},
		},
		{
			[]string{"RPUSH k a b c d e f g h", "RPUSH k a b c d e f g h " + strings.Repeat("x ", 1000)},
			[]string{
				"LPUSH k a", "RPUSH k a", "LPUSHX k b", "LSET k 0 c", "LINSERT k BEFORE a q", "LINSERT k BEFORE none q",
				"LPOP k", "RPOP k 2", "LREM k 1 a", "LREM k 1 none", "LTRIM k 0 -1", "LMOVE k k LEFT RIGHT", "LRANGE k 0 1", "LLEN k",
				"LINDEX k 0", "LPOS k a", "LMPOP 1 k LEFT", "BLPOP k 0", "BLMPOP 0 1 k LEFT",
			},
		},
		{
			[]string{"SADD k 1 2 3 4 5 6", "SADD k a b c d e f"},
			[]string{
				"SADD k 7", "SADD k 7 8", "SREM k 7", "SREM k none", "SISMEMBER k 1", "SMISMEMBER k 1", "SMEMBERS k", "SPOP k",
				"SRANDMEMBER k", "SCARD k", "SSCAN k 0",
			},
		},
		{
			[]string{"ZADD k 1 a 2 b 3 c 4 d 5 e 6 f"},
			[]string{
				"ZADD k 1 q", "ZADD k 1 q", "ZADD k NX 3 q", "ZINCRBY k 1 q", "ZREM k q", "ZREM k none", "ZSCORE k a", "ZRANGE k 0 -1",
				"ZPOPMIN k", "ZREMRANGEBYRANK k 0 0", "ZCARD k", "ZRANK k c", "ZRANDMEMBER k", "BZPOPMIN k 0", "ZMPOP 1 k MIN",
			},
		},
		{
			[]string{"XADD k 1-1 a b"},
			[]string{
				"XADD k * a b", "XLEN k", "XRANGE k - +", "XDEL k 1-1", "XDEL k 1-1", "XTRIM k MAXLEN 100", "XREAD STREAMS k 0",
				"XGROUP CREATE k g 0", "XREADGROUP GROUP g c STREAMS k >", "XACK k g 1-1", "XPENDING k g", "XINFO STREAM k",
			},
		},
	} {
		for _, entries := range []string{"128", "0"} {
			for _, fill := range r.fill {
				h := newHarness(borrowed)
				p := h.dial()
				p.say("CONFIG SET maxmemory-policy allkeys-lfu")
				p.say("CONFIG SET lfu-log-factor 0") // each access counts
				for _, form := range []string{"hash-max-listpack-entries", "set-max-listpack-entries", "set-max-intset-entries", "zset-max-listpack-entries"} {
					p.say("CONFIG SET " + form + " " + entries)
				}
				p.say(fill)
				for _, words := range r.then {
					was := freq(t, p)
					if got := p.say(words); strings.HasPrefix(got, "-") {
						t.Fatalf("%s: %s", words, got)
					}
					if got := freq(t, p) - was; got != 1 {
						t.Errorf("%s after %.12s, up to %s packed: %d accesses", words, fill, entries, got)
					}
				}
			}
		}
	}
}

func freq(t *testing.T, p *played) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(p.say("OBJECT FREQ k"), ":%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
