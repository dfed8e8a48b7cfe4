package crash

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"redust/tests/redis"
	"redust/tests/server"
)

var (
	rounds = flag.Int("rounds", 0, "rounds of each policy; 0: a few")
	seed   = flag.Uint64("seed", 0, "seed; 0: any")
)

// policies are the ways to put the file on the disk.
var policies = []string{"always", "everysec", "no"}

func options(t *testing.T, bin string, few int) Options {
	o := Options{Bin: bin, Dir: t.TempDir(), Rounds: few, Writers: 2 * len(kinds), MaxMs: 300, Seed: *seed, Log: t.Logf}
	if *rounds > 0 {
		o.Rounds = *rounds
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	return o
}

func play(t *testing.T, o Options) {
	rep, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(rep)
	if rep.Acked == 0 {
		t.Error("nothing was written")
	}
}

// TestRedust kills Redust.
func TestRedust(t *testing.T) {
	bin, err := server.Redust(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	oracle := redis.Tool(t, "redis-server")
	for _, policy := range policies {
		t.Run(policy, func(t *testing.T) {
			o := options(t, bin, 6)
			o.Args = []string{"--appendfsync", policy, "--enable-debug-command", "yes"}
			o.Oracle = oracle
			play(t, o)
		})
	}
	t.Run("switching", func(t *testing.T) {
		o := options(t, bin, 4)
		o.Args = []string{"--enable-debug-command", "yes"}
		o.Switches = true
		play(t, o)
	})
	t.Run("switching, two threads", func(t *testing.T) {
		o := options(t, bin, 4)
		o.Args = []string{"--enable-debug-command", "yes", "--io-threads", "2"}
		o.Switches = true
		play(t, o)
	})
	t.Run("two threads", func(t *testing.T) {
		o := options(t, bin, 2)
		o.Args = []string{"--appendfsync", "always", "--enable-debug-command", "yes", "--io-threads", "2"}
		o.Oracle = oracle
		play(t, o)
	})
	t.Run("commands in the base, timestamps", func(t *testing.T) {
		o := options(t, bin, 4)
		o.Args = []string{"--aof-use-rdb-preamble", "no", "--aof-timestamp-enabled", "yes", "--enable-debug-command", "yes"}
		o.Oracle = oracle
		play(t, o)
	})
}

// TestRedis plays the same with redis-server, which must pass; so the test is not wrong. Not
// with everysec: while a sync is under way Redis holds back what it writes, for up to two
// seconds, but not the replies, and so loses what it has acknowledged even if only the process
// dies.
func TestRedis(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	o := options(t, bin, 5)
	o.Args = []string{"--appendfsync", "no", "--enable-debug-command", "yes"}
	play(t, o)
}

// TestLoss plays it with a server that loses what it has acknowledged, which must fail; so
// the test can.
func TestLoss(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	o := options(t, bin, 3)
	o.Args = []string{"--appendonly", "no"}
	_, err := Run(o)
	if err == nil || !strings.Contains(err.Error(), "was acknowledged") {
		t.Errorf("a server that saves nothing: %v", err)
	}
}
