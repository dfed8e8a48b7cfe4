package cmd

import (
	"fmt"
	"strings"
	"testing"
)

// TestLookUpsThatExpire has commands look up a value, then so many keys past their deadlines
// that removing these joins the page of the first value with others. What was found
// first must still be read as it was.
func TestLookUpsThatExpire(t *testing.T) {
	const expired = 300
	long := strings.Repeat("v", 100)
	for _, c := range []struct{ fill, command, want, ask, then string }{
		{fill: "SADD a x y", command: "SUNION a %s b", want: "*2\r\n$1\r\nx\r\n$1\r\ny\r\n"},
		{fill: "SADD a x y;SADD b z", command: "SUNIONSTORE to a %s b", want: ":3\r\n", ask: "SCARD to", then: ":3\r\n"},
		{fill: "SADD a x " + long + ";SADD b z", command: "SUNIONSTORE to a %s b", want: ":3\r\n", ask: "SCARD to", then: ":3\r\n"},
		{fill: "SADD a x " + long + ";SADD b x", command: "SDIFFSTORE to a %s b", want: ":1\r\n", ask: "SMEMBERS to", then: "*1\r\n$100\r\n" + long + "\r\n"},
		{fill: "SADD a 1 2", command: "SDIFF a %s b", want: "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"},
		{fill: "ZADD a 1 x 2 y;ZADD b 4 x", command: "ZUNION 302 a %s b WITHSCORES", want: "*4\r\n$1\r\ny\r\n$1\r\n2\r\n$1\r\nx\r\n$1\r\n5\r\n"},
		{fill: "ZADD a 1 x 2 y", command: "ZDIFF 302 a %s b", want: "*2\r\n$1\r\nx\r\n$1\r\ny\r\n"},
		{fill: "ZADD a 1 x 2 " + long, command: "ZUNIONSTORE to 302 a %s b", want: ":2\r\n", ask: "ZSCORE to " + long, then: "$1\r\n2\r\n"},
		{fill: "SET a abc;SET b abd", command: "BITOP OR to a %s b", want: ":3\r\n", ask: "GET to", then: "$3\r\nabg\r\n"},
		{fill: "PFADD a x;PFADD b y", command: "PFCOUNT a %s b", want: ":2\r\n"},
		{fill: "PFADD a x;PFADD b y", command: "PFMERGE to a %s b", want: "+OK\r\n", ask: "PFCOUNT to", then: ":2\r\n"},
		{fill: "XADD a 1-1 f v", command: "XREAD STREAMS a %s " + strings.Repeat("0 ", expired+1), want: "*1\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"},
		{fill: "SET a abc", command: "MGET a %s a", want: "*302\r\n$3\r\nabc\r\n" + strings.Repeat("$-1\r\n", expired) + "$3\r\nabc\r\n"},
		{fill: "RPUSH a x y", command: "BLMPOP 1 301 %s a LEFT", want: "*2\r\n$1\r\na\r\n*1\r\n$1\r\nx\r\n"},
	} {
		for _, w := range []way{borrowed, viewed} {
			h := newHarness(w)
			h.ActiveExpire = false
			p := h.dial()
			var keys []string
			for i := range expired {
				keys = append(keys, fmt.Sprintf("expired:%d", i))
				p.say("SET " + keys[i] + " some:text PX 5")
			}
			for _, line := range strings.Split(c.fill, ";") {
				p.say(line)
			}
			h.nowMs += 1000
			line := fmt.Sprintf(c.command, strings.Join(keys, " "))
			if got := p.say(line); got != c.want {
				t.Errorf("%s, %s: %q", w, c.command, got)
			}
			if c.ask != "" {
				if got := p.say(c.ask); got != c.then {
					t.Errorf("%s, %s: then %s replies %q", w, c.command, c.ask, got)
				}
			}
		}
	}
}
