package cmd

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"redust/internal/assert"
)

// TestManyOperands holds that algebra on many sets takes a time that grows with what they
// hold, not with its square. It measures, so it is for plain builds; make test has a line for it.
func TestManyOperands(t *testing.T) {
	if testing.Short() || assert.Deep {
		t.Skip("makes many sets, and measures time")
	}
	p := newHarness(borrowed).dial()
	var words, ints, scored, missing []string
	for i := range 40000 {
		name := strconv.Itoa(i)
		words = append(words, "word"+name)
		p.do("SADD", "word"+name, "w"+name)
		scored = append(scored, "scored"+name)
		p.do("ZADD", "scored"+name, "1", "m"+name)
		missing = append(missing, "missing")
	}
	for i := range 12000 {
		args := []string{"SADD", "ints" + strconv.Itoa(i)}
		for j := range 200 {
			args = append(args, strconv.Itoa(i*200+j))
		}
		ints = append(ints, args[1])
		p.do(args...)
	}
	for i := range 5000 {
		p.do("ZADD", "big", strconv.Itoa(i), "m"+strconv.Itoa(i), strconv.Itoa(i), "n"+strconv.Itoa(i))
	}
	for _, c := range []struct {
		command string
		keys    []string
		want    string
	}{
		{"SUNIONSTORE to", words, ":40000\r\n"},
		{"SDIFFSTORE to", words, ":1\r\n"},
		{"SUNIONSTORE to", ints, ":2400000\r\n"},
		{"SINTERSTORE to", ints, ":0\r\n"},
		{"ZUNIONSTORE to $", scored, ":40000\r\n"},
		{"ZDIFFSTORE to $ big", scored, ":5000\r\n"},
		{"ZDIFFSTORE to $ big", missing, ":10000\r\n"},
	} {
		timed := func(keys []string) (took time.Duration, reply string) {
			n := len(keys) + strings.Count(c.command, "big")
			line := strings.ReplaceAll(c.command, "$", strconv.Itoa(n)) + " " + strings.Join(keys, " ")
			from := time.Now()
			reply = p.say(line)
			return time.Since(from), reply
		}
		part, _ := timed(c.keys[:len(c.keys)/4])
		all, reply := timed(c.keys)
		t.Logf("%s %s...: %s, and %s for four times as many", c.command, c.keys[0], part, all)
		if reply != c.want {
			t.Errorf("%s: %q", c.command, reply)
		}
		if all > 12*part+500*time.Millisecond { // its square is 16 times
			t.Errorf("%s %s...: %s became %s for four times as many", c.command, c.keys[0], part, all)
		}
		if strings.Contains(c.command, "ZDIFF") {
			if all > 2*time.Second { // it would be members times sets
				t.Errorf("%s %s...: %s", c.command, c.keys[0], all)
			}
			if got := p.say("ZRANGE to 4999 4999 WITHSCORES"); !strings.HasPrefix(got, "*2\r\n$5\r\n") {
				t.Errorf("%s: then ZRANGE replies %q", c.command, got)
			}
		}
	}
}
