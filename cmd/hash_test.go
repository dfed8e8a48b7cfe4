package cmd

import (
	"strings"
	"testing"

	"redust/db"
)

// TestHashEvents holds which keyspace events tell of a change to a hash, and that nothing is
// told where nothing changes. Each row goes on where the one before ended; time is let
// pass by "pass", which takes a second.
func TestHashEvents(t *testing.T) {
	for _, limit := range []string{"512", "0"} {
		h := newHarness(borrowed)
		p := h.dial()
		var told []string
		h.OnChange = func(_ *db.DB, key []byte, event string) { told = append(told, event+" "+string(key)) }
		p.do("CONFIG", "SET", "hash-max-listpack-entries", limit)
		for _, r := range []struct{ request, events string }{
			{"HSET h a 1 b 2", "hset h"},
			{"HMSET h c 3", "hset h"},
			{"HSETNX h c 4", ""},
			{"HSETNX h d 4", "hset h"},
			{"HINCRBY h a 1", "hincrby h"},
			{"HINCRBYFLOAT h a 1", "hincrbyfloat h"},
			{"HINCRBY h a x", ""},
			{"HDEL h none", ""},
			{"HDEL h a none", "hdel h"},
			{"HDEL h b c d", "hdel h, del h"},
			{"HSET h a 1 b 2 c 3", "hset h"},
			{"HEXPIRE h 100 FIELDS 2 a none", "hexpire h"},
			{"HEXPIRE h 100 NX FIELDS 2 a none", ""},
			{"HPERSIST h FIELDS 2 a b", "hpersist h"},
			{"HPERSIST h FIELDS 2 a b", ""},
			{"HEXPIRE h 0 FIELDS 1 a", "hdel h"},
			{"HPEXPIREAT h 1 FIELDS 2 b c", "hdel h, del h"},
			{"HPEXPIREAT h 1 FIELDS 2 b c", ""},
			{"HSETEX h FIELDS 1 a 1", "hset h"},
			{"HSETEX h EX 100 FIELDS 1 b 1", "hset h, hexpire h"},
			{"HSETEX h FNX FIELDS 1 b 1", ""},
			{"HSETEX h PXAT 1 FIELDS 1 b 1", "hset h, hdel h"},
			{"HSETEX h PXAT 1 FIELDS 1 a 1", "hset h, hdel h, del h"},
			{"HSET h a 1 b 2", "hset h"},
			{"HGETEX h FIELDS 1 a", ""},
			{"HGETEX h PERSIST FIELDS 1 a", ""},
			{"HGETEX h EX 100 FIELDS 2 a none", "hexpire h"},
			{"HGETEX h PERSIST FIELDS 1 a", "hpersist h"},
			{"HGETEX h PX 0 FIELDS 1 a", "hdel h"},
			{"HGETDEL h FIELDS 1 a", ""},
			{"HGETDEL h FIELDS 1 b", "hdel h, del h"},

			// By the wheel.
			{"HSET h a 1 b 2 c 3", "hset h"},
			{"HPEXPIRE h 100 FIELDS 2 a b", "hexpire h"},
			{"pass", "hexpired h"},
			{"HPEXPIRE h 100 FIELDS 1 c", "hexpire h"},
			{"pass", "hexpired h, del h"},

			// By who comes first.
			{"DEBUG SET-ACTIVE-EXPIRE 0", ""},
			{"HSET h a 1 b 2 c 3", "hset h"},
			{"HPEXPIRE h 100 FIELDS 2 a b", "hexpire h"},
			{"pass", ""},
			{"HGET h a", ""},
			{"HSET h a 5", "hexpired h, hset h"},
			{"HPEXPIRE h 100 FIELDS 2 a c", "hexpire h"},
			{"pass", ""},
			{"HLEN h", "hexpired h, del h"},
		} {
			told = nil
			if words := strings.Fields(r.request); words[0] == "pass" {
				h.pass(1000)
			} else {
				p.do(words...)
			}
			if got := strings.Join(told, ", "); got != r.events {
				t.Errorf("limit %s: %s told %q, want %q", limit, r.request, got, r.events)
			}
		}
		if n := h.KS.Stats.FieldsExpired; n != 3+4 || h.KS.DB(0).Len() != 0 {
			t.Errorf("limit %s: %d fields expired, %d keys", limit, n, h.KS.DB(0).Len())
		}
	}
}

// TestFieldsCounted holds that INFO counts fields that expired.
func TestFieldsCounted(t *testing.T) {
	h := newHarness(borrowed)
	p := h.dial()
	p.do("HSETEX", "h", "PX", "50", "FIELDS", "2", "a", "1", "b", "2")
	h.pass(200)
	if info := p.do("INFO", "stats"); !strings.Contains(info, "expired_subkeys:2\r\n") || !strings.Contains(info, "expired_keys:0\r\n") {
		t.Error(info)
	}
}
