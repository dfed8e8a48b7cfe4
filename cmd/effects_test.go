package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redust/tests/redis"
	"redust/tests/script"
	"redust/tests/server"
)

// effectCase is one command of testdata/effects, and what it leaves.
type effectCase struct {
	line         int
	words        []string // nil: some time passes
	ours         bool     // the oracle does not know it
	want, oracle []string
}

// effectCases reads testdata/effects.
func effectCases(t *testing.T) (cases []effectCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/effects")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		last := len(cases) - 1
		said, ours := strings.CutPrefix(line, "ours> ")
		also, both := strings.CutPrefix(line, "> ")
		other, redis := strings.CutPrefix(line, "redis|")
		switch {
		case line == "" || line[0] == '#':
		case line == "sleep":
			cases = append(cases, effectCase{line: i + 1})
		case ours || both:
			if both {
				said = also
			}
			words := strings.Fields(said)
			for i, w := range words {
				if w == `""` {
					words[i] = ""
				}
			}
			cases = append(cases, effectCase{line: i + 1, words: words, ours: ours})
		case redis:
			cases[last].oracle = append(cases[last].oracle, strings.TrimSpace(other))
		default:
			cases[last].want = append(cases[last].want, line)
		}
	}
	return cases
}

// spell writes requests one a line, with times near now as @ and the distance.
func spell(requests [][][]byte, nowMs int64) (lines []string) {
	for _, args := range requests {
		words := make([]string, len(args))
		for i, a := range args {
			words[i] = string(a)
			at, err := strconv.ParseInt(words[i], 10, 64)
			if away := at - nowMs; err == nil && len(a) == 13 && max(away, -away) < 1_000_000 {
				words[i] = fmt.Sprintf("@%d", (away+1_000_500)/1000*1000-1_000_000)
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

// TestEffects holds that commands leave what testdata/effects says.
func TestEffects(t *testing.T) {
	h := newHarness(borrowed)
	h.nowMs += 100_000_000_000 // some of the times in the file are to be in the past
	j := &journal{}
	h.Journal = j
	p := h.dial()
	for _, c := range effectCases(t) {
		if c.words == nil {
			h.pass(50)
			continue
		}
		j.buf = nil
		p.do(c.words...)
		h.TellJournal()
		if got := spell(j.requests(t), h.nowMs); !slices.Equal(got, c.want) {
			t.Errorf("effects:%d: %s\n   want %s\n   got  %s", c.line, c.words, strings.Join(c.want, "\n        "), strings.Join(got, "\n        "))
		}
	}
}

// TestEffectsLikeRedis holds that what the file says of Redis is so: a server with an append
// only file is told the same.
func TestEffectsLikeRedis(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	dir := t.TempDir()
	s, err := server.Start(bin, "--appendonly", "yes", "--appendfsync", "no", "--dir", dir, "--enable-debug-command", "yes")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range effectCases(t) {
		if c.words == nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if c.ours {
			continue
		}
		before := appended(t, dir)
		now := time.Now().UnixMilli()
		if _, err := script.Do(conn, c.words...); err != nil {
			t.Fatal(err)
		}
		// The file is written before the reply is.
		j := journal{appended(t, dir)[len(before):]}
		want := c.want
		if c.oracle != nil {
			want = slices.DeleteFunc(slices.Clone(c.oracle), func(s string) bool { return s == "" })
		}
		if got := spell(j.requests(t), now); !slices.Equal(got, want) {
			t.Errorf("effects:%d: %s\n   want %s\n   got  %s", c.line, c.words, strings.Join(want, "\n        "), strings.Join(got, "\n        "))
		}
	}
}

// appended reads the server's append only file.
func appended(t *testing.T, dir string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("append only files: %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}
