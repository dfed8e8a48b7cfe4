package target

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redust/benchmarks/measure"
	"redust/tests/redis"
)

func TestParseSpec(t *testing.T) {
	for _, r := range []struct {
		in   string
		want []string // nil: refused
	}{
		{`v=valkey --port {port} --save "" --dir {dir}`, []string{"valkey", "--port", "{port}", "--save", "", "--dir", "{dir}"}},
		{`v=a 'b c'"d" {port}`, []string{"a", "b cd", "{port}"}},
		{"v=a  \t{port} ", []string{"a", "{port}"}},
		{"v=a x={port}", []string{"a", "x={port}"}}, // only the first = parts
		{"a {port}", nil},
		{"=a {port}", nil},
		{"v= ", nil},
		{"v=a", nil}, // it would listen who knows where
		{`v=a {port} "b`, nil},
	} {
		got, err := ParseSpec(r.in)
		if (err == nil) != (r.want != nil) || err == nil && (got.Name != "v" || !slices.Equal(got.Argv, r.want)) {
			t.Errorf("ParseSpec(%q) = %q, %v; want %q", r.in, got, err, r.want)
		}
	}
}

func TestStartReportsLastWords(t *testing.T) {
	s, err := Start(Spec{"x", []string{"sh", "-c", "echo no such luck; exit 1"}}, t.TempDir(), measure.StartClock())
	if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("Start = %v, %v", s, err)
	}
	if _, err := Start(Spec{"x", []string{filepath.Join(t.TempDir(), "missing")}}, t.TempDir(), measure.StartClock()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
}

func TestStartAndStopRedis(t *testing.T) {
	path := redis.Tool(t, "redis-server")
	base := t.TempDir()
	s, err := Start(Standard("redis", path, 1), base, measure.StartClock())
	if err != nil {
		t.Fatal(err)
	}
	if alive, words := s.Alive(); !alive {
		t.Errorf("it ended by itself: %s", words)
	}
	if rss, err := measure.RSS(s.PID); err != nil || rss < 1<<20 {
		t.Errorf("RSS = %d, %v", rss, err)
	}
	s.Stop()
	if alive, _ := s.Alive(); alive {
		t.Error("it still runs")
	}
	if left, err := os.ReadDir(base); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
