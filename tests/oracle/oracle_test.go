package oracle

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redust/tests/redis"
	"redust/tests/server"
)

var (
	ask     = flag.Bool("oracle", false, "play the scripts against redis-server")
	rewrite = flag.Bool("rewrite", false, "record what redis-server says (with -oracle)")
	pick    = flag.String("script", "*", "glob of script names, without .txt")
)

const testdata = "../../cmd/testdata"

func TestOracle(t *testing.T) {
	if !*ask {
		t.Skip("needs -oracle (make oracle): plays every script against redis-server")
	}
	bin := redis.Tool(t, "redis-server")
	playAll(t, bin, false, *rewrite)
}

// TestRedust is the same over a socket to our own binary.
func TestRedust(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	bin, err := server.Redust(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	playAll(t, bin, true, false)
}

func playAll(t *testing.T, bin string, redust, rewrite bool) {
	paths, err := Scripts(testdata, *pick)
	if err != nil {
		t.Fatal(err)
	}
	if !redust {
		// Scripts recorded for commands that Redust does not have yet.
		later, err := Scripts(filepath.Join(testdata, "later"), "*")
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, later...)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			diffs, summary, err := Check(bin, path, redust, rewrite)
			t.Log(summary)
			for _, d := range diffs {
				t.Error(d)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestFindsDifference proves on a wrong expectation that the comparison can fail, under each
// protocol, and that recording then makes it hold.
func TestFindsDifference(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	path := filepath.Join(t.TempDir(), "wrong.txt")
	if err := os.WriteFile(path, []byte("> SET a 1\nOK\n# kept\n> GET a\n\"2\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	diffs, _, err := Check(bin, path, false, false)
	if err != nil || len(diffs) != 2 || diffs[0].Line != 4 || diffs[0].Got != `"1"` || diffs[1].Proto != 3 {
		t.Fatalf("differences: %v, %v", diffs, err)
	}
	if diffs, _, err = Check(bin, path, false, true); err != nil || len(diffs) != 0 {
		t.Fatalf("after recording: %v, %v", diffs, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "> SET a 1\nOK\n# kept\n> GET a\n\"1\"\n" {
		t.Fatalf("recorded %q, %v", text, err)
	}
}
