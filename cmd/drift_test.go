package cmd

import (
	"fmt"
	"strings"
	"testing"
)

// TestMemoryComesBack fills and empties values of all types in many ways, again and again,
// and holds that the memory that is counted does not drift.
func TestMemoryComesBack(t *testing.T) {
	many := func(command, format string, n int) string {
		var b strings.Builder
		b.WriteString(command)
		for i := range n {
			fmt.Fprintf(&b, " "+format, i, i)
		}
		return b.String()
	}
	one := func(command string, n int) (lines []string) {
		for i := range n {
			lines = append(lines, fmt.Sprintf(command, i))
		}
		return lines
	}
	long := strings.Repeat("v", 400)
	fills := map[string][]string{
		"hash":        {many("HSET k", "f%d v%d", 40)},
		"hash large":  {many("HSET k", "f%d v%d", 40), "HSET k big " + long},
		"hash timed":  {many("HSETEX k PX 50 FIELDS 40", "f%d v%d", 40)},
		"hash mixed":  {many("HSET k", "f%d v%d", 40), "HPEXPIRE k 50 FIELDS 3 f1 f2 f3", "HSET k big " + long, "HPEXPIRE k 30 FIELDS 1 big"},
		"list":        {many("RPUSH k", "f%d v%d", 20)},
		"list large":  {many("RPUSH k", "f%d "+long+"%d", 20)},
		"ints":        {many("SADD k", "%d 1%d", 20)},
		"set":         {many("SADD k", "f%d v%d", 20)},
		"set large":   {many("SADD k", "f%d v%d", 20), "SADD k " + long},
		"zset":        {many("ZADD k", "%d f%d", 40)},
		"zset large":  {many("ZADD k", "%d f%d", 40), "ZADD k 99 " + long},
		"stream":      {"XADD k 1-1 a b", "XADD k 2-1 a " + long, "XGROUP CREATE k g 0", "XREADGROUP GROUP g c STREAMS k >"},
		"string":      {"SET k " + long},
		"string ints": {"SET k 1"},
	}
	empties := map[string][]string{
		"del":      {"DEL k"},
		"expire":   {"PEXPIRE k 5", "sleep"},
		"rename":   {"RENAME k longer:key:" + long, "DEL longer:key:" + long},
		"copy":     {"COPY k other", "DEL k", "APPEND other x", "HSET other new x", "HDEL other f3", "SADD other new", "ZADD other 1 new", "RPUSH other new", "DEL other"},
		"move":     {"MOVE k 1", "SELECT 1", "DEL k", "SELECT 0"},
		"over":     {"SET k x", "DEL k"},
		"swap":     {"SWAPDB 0 2", "SELECT 2", "DEL k", "SELECT 0", "SWAPDB 0 2"},
		"hdel":     append(one("HDEL k f%d", 40), "HDEL k big", "sleep", "DEL k"),
		"hgetdel":  append(one("HGETDEL k FIELDS 1 f%d", 40), "sleep", "DEL k"),
		"hexpire":  append(one("HPEXPIRE k 5 FIELDS 1 f%d", 40), "HPEXPIRE k 6 FIELDS 1 big", "sleep", "DEL k"),
		"hpersist": append(one("HPERSIST k FIELDS 1 f%d", 40), "DEL k"),
		"srem":     append(append(one("SREM k f%d", 20), one("SREM k v%d", 20)...), "SPOP k 100", "DEL k"),
		"spop":     {"SPOP k 7", "SPOP k 100", "DEL k"},
		"zpop":     {"ZPOPMIN k 7", "ZREMRANGEBYSCORE k 10 12", "ZPOPMAX k 100", "DEL k"},
		"zrem":     append(append(one("ZREM k f%d", 40), "ZREM k "+long), "DEL k"),
		"lpop":     append(one("LPOP k 1%.0d", 50), "DEL k"),
		"ltrim":    {"LSET k 3 " + long, "LINSERT k BEFORE f4 x", "LREM k 0 f5", "LTRIM k 5 10", "LTRIM k 1 0", "DEL k"},
		"xtrim":    {"XDEL k 1-1", "XTRIM k MAXLEN 0", "XGROUP DESTROY k g", "DEL k"},
		"flush":    {"FLUSHDB", "SET pinned x"},
	}
	for fill, lines := range fills {
		for empty, then := range empties {
			if empty == "swap" && fill == "string" {
				continue // one is enough
			}
			w := borrowed
			if len(fill)%2 == len(empty)%2 {
				w = viewed
			}
			h := newHarness(w)
			p := h.dial()
			p.say("CONFIG SET set-max-listpack-entries 512")
			p.say("SET pinned x") // else the table forgets everything when it is empty
			p.say("SELECT 1")
			p.say("SET pinned x")
			p.say("SELECT 2")
			p.say("SET pinned x")
			p.say("SELECT 0")
			round := func() {
				for _, line := range append(append([]string(nil), lines...), then...) {
					if line == "sleep" {
						h.pass(100)
					} else {
						p.say(line)
					}
				}
				if got := p.say("EXISTS k other"); got != ":0\r\n" {
					t.Fatalf("%s, %s: something is left", fill, empty)
				}
			}
			const rounds = 12
			for range rounds / 2 {
				round()
			}
			was := h.KS.Bytes()
			for range rounds {
				round()
			}
			// A page grows and is tidied by turns, and wheels keep a few appointments.
			if drift := h.KS.Bytes() - was; drift > 1000 || drift < -1000 {
				t.Errorf("%s, %s: %d bytes have been lost or found in %d rounds", fill, empty, drift, rounds)
			}
		}
	}
}
