package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
	"redust/benchmarks/target"
	"redust/tests/redis"
)

func TestNamesAreUniqueAndBoundsFindTheirRows(t *testing.T) {
	seen := map[string]bool{}
	bounded := 0
	for _, w := range workloads() {
		if seen[w.name] {
			t.Errorf("two workloads are called %s", w.name)
		}
		seen[w.name] = true
		if w.run == nil || w.section == "" {
			t.Errorf("%s is incomplete", w.name)
		}
		if w.bound != nil {
			bounded++
		}
	}
	// Five without a pipeline, two each at 16, 64 and ten million keys, eleven groups,
	// memory, two stalls, the tail, expiry.
	strings := 5 + 6 + 11 + 5
	// Eleven at 16, three ranges of lists; five commands and two consumers, six of the
	// algebra, six of memory; five kinds that are built and go in three ways, one renamed,
	// two copied.
	collections := 11 + 3 + 7 + 6 + 6 + 5 + 15 + 1 + 2
	// Saving, loading and replaying; three ways to append; a transaction, three scripts, three
	// crowds of subscribers, tracking.
	durable, programs := 6+3, 1+3+3+1
	if want := strings + collections + durable + programs; bounded != want {
		t.Errorf("%d workloads have a bound, want %d", bounded, want)
	}
}

func TestChoose(t *testing.T) {
	for _, r := range []struct {
		args []string
		want []string
	}{
		{[]string{"-only", "^p64/(get|zadd)$"}, []string{"p64/get", "p64/zadd"}},
		{[]string{"-only", "^p64/(get|zadd)$", "-bounds"}, []string{"p64/get"}},
		{[]string{"-only", "^coll/rss_.*s"}, []string{"coll/rss_hash", "coll/rss_list", "coll/rss_set", "coll/rss_small_hashes", "coll/rss_stream", "coll/rss_zset"}},
		{[]string{"-only", "nothing of the kind"}, nil},
	} {
		opt, err := parseFlags(r.args)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range choose(workloads(), opt) {
			got = append(got, w.name)
		}
		if !slices.Equal(slices.Sorted(slices.Values(got)), r.want) {
			t.Errorf("%v chooses %v, want %v", r.args, got, r.want)
		}
	}
	for _, bad := range [][]string{{"-only", "("}, {"-rounds", "0"}, {"-server", "x"}, {"extra"}, {"-keys", "10"}} {
		if _, err := parseFlags(bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
	opt, err := parseFlags([]string{"-quick"})
	if err != nil || opt.keys != 200_000 || opt.seconds != 5 {
		t.Errorf("-quick: %d keys, %d s, %v", opt.keys, opt.seconds, err)
	}
}

// Each turn uses its own member in each set, and the commands come in order.
func TestRoundTripScript(t *testing.T) {
	var union, hash group
	for _, g := range groups() {
		switch g.name {
		case "set_union":
			union = g
		case "hash_ops":
			hash = g
		}
	}
	gen := union.gen(nil)
	var got, want []byte
	for i := range 6 {
		got = gen(got, i)
	}
	for i := range 2 {
		want = load.Cmd(want, "SADD", "s1", fmt.Sprintf("a:%012d", i))
		want = load.Cmd(want, "SADD", "s2", fmt.Sprintf("b:%012d", i))
		want = load.Cmd(want, "SUNION", "s1", "s2")
	}
	if string(got) != string(want) {
		t.Errorf("set_union: %q, want %q", got, want)
	}
	first, again := hash.gen(nil)(nil, 0), hash.gen(nil)(nil, 2*16)
	if string(first) != string(again) {
		t.Errorf("hash_ops has more than 16 fields: %q, %q", first, again)
	}
}

// Requests number their elements without a gap, and only scores are ever scattered.
func TestKindRequests(t *testing.T) {
	for _, r := range []struct {
		kind      string
		scattered bool
		first     []string // of request 1
	}{
		{"hash", true, []string{"HSET", "big", "mbr:000000000050", "val:000000000050", "mbr:000000000051"}},
		{"set", true, []string{"SADD", "big", "mbr:000000000050", "mbr:000000000051"}},
		{"zset", false, []string{"ZADD", "big", "0.000000000050", "mbr:000000000050", "0.000000000051"}},
		{"zset", true, []string{"ZADD", "big", fmt.Sprintf("0.%012d", scatter(50)), "mbr:000000000050"}},
		{"list", true, []string{"RPUSH", "big", "val:000000000050", "val:000000000051"}},
		{"stream", true, []string{"XADD", "big", "1000000000001-1", "field", "val:000000000001"}},
	} {
		k := kindNamed(r.kind)
		got := string(k.gen(r.scattered)(nil, 1))
		_, want, _ := strings.Cut(string(load.Cmd(nil, r.first...)), "\r\n")
		head := fmt.Sprintf("*%d\r\n", len(k.command)+k.per*len(k.element))
		if !strings.HasPrefix(got, head+want) {
			t.Errorf("%s, scattered %v: %q, want %q", r.kind, r.scattered, got[:min(len(got), 200)], head+want)
		}
		if n := strings.Count(got, "$16\r\n"); n != k.per && (r.kind != "hash" || n != 2*k.per) {
			t.Errorf("%s: %d arguments of 16 bytes in a request of %d elements", r.kind, n, k.per)
		}
	}
	if n := kindNamed("set").whole(1049); n != 1000 {
		t.Errorf("whole(1049) = %d", n)
	}
}

// Scores fill the range between 0 and 1 evenly, so a tenth of it holds a tenth of them, and
// ZRANGEBYSCORE finds ten.
func TestScoresAreEven(t *testing.T) {
	const n = 20_000
	var scores []int
	var tenths [10]int
	for i := range n {
		s := scatter(i)
		scores = append(scores, s)
		tenths[s/100_000_000_000]++ // panics if it has more than twelve digits
	}
	for i, got := range tenths {
		if got < 1850 || got > 2150 {
			t.Errorf("%d of 20,000 scores lie in tenth %d", got, i)
		}
	}
	slices.Sort(scores)
	gen := zrangeByScore(n)(rand.New(rand.NewPCG(1, 1)))
	found := 0
	const asked = 2000
	for i := range asked {
		var b []byte
		args := strings.Split(string(gen(b, i)), "\r\n")
		var from, to int
		if _, err := fmt.Sscanf(args[6]+args[8], "0.%012d0.%012d", &from, &to); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		lo, _ := slices.BinarySearch(scores, from)
		hi, _ := slices.BinarySearch(scores, to+1)
		found += hi - lo
	}
	if mean := float64(found) / asked; mean < 9 || mean > 11 {
		t.Errorf("a range holds %.1f scores on average", mean)
	}
}

// The worker acknowledges just what it was given.
func TestConsumerScript(t *testing.T) {
	gen := consumer(3)(nil)
	var got, want []byte
	for i := range 4 {
		got = gen(got, i)
	}
	for turn := range 2 {
		want = load.Cmd(want, "XREADGROUP", "GROUP", "group", "worker", "COUNT", "3", "STREAMS", "big", ">")
		id := func(i int) string { return fmt.Sprintf("%d-1", 1_000_000_000_000+3*turn+i) }
		want = load.Cmd(want, "XACK", "big", "group", id(0), id(1), id(2))
	}
	if string(got) != string(want) {
		t.Errorf("consumer: %q, want %q", got, want)
	}
}

func TestReplyBytes(t *testing.T) {
	element := func(i int) string { return fmt.Sprint(i) }
	var args []string
	for i := 8; i < 120; i++ {
		args = append(args, element(i))
	}
	if got, want := replyBytes(8, 120, element), int64(len(load.Cmd(nil, args...))); got != want {
		t.Errorf("replyBytes = %d, want %d", got, want)
	}
	got := string(bundled([]string{"SADD", "s"}, 1000, element)(nil, 2))
	if want := "*52\r\n$4\r\nSADD\r\n$1\r\ns\r\n$4\r\n1100\r\n"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\r\n1149\r\n") {
		t.Errorf("bundled = %q", got)
	}
}

// Nine to one, and the same for the same seed.
func TestBlend(t *testing.T) {
	count := func(seed uint64) (sets int, text string) {
		gen := blend(1000)(rand.New(rand.NewPCG(seed, 0)))
		var b []byte
		for i := range 10_000 {
			b = gen(b, i)
		}
		return strings.Count(string(b), "SET\r\n$16"), string(b)
	}
	sets, text := count(1)
	if sets < 900 || sets > 1100 {
		t.Errorf("%d of 10,000 are SET", sets)
	}
	if _, again := count(1); again != text {
		t.Error("the same seed gives another script")
	}
	if _, other := count(2); other == text {
		t.Error("another seed gives the same script")
	}
}

func TestInTime(t *testing.T) {
	deadlines := []float64{100, 110, 120, 130}
	for _, r := range []struct {
		name  string
		polls []poll
		want  float64
	}{
		{"on time", []poll{{95, 0}, {101, 1}, {115, 2}, {125, 3}, {150, 4}}, 1},
		{"the last one a millisecond late", []poll{{101, 3}, {151, 4}}, 0.75},
		{"all at once, within the first's tolerance", []poll{{120, 4}}, 1},
		{"all at once, half too late", []poll{{131, 0}, {132, 4}}, 0.5}, // 120 and 130 still count
		{"never", []poll{{101, 0}, {500, 1}}, 0},
		{"no reading", nil, 0},
	} {
		if got := inTime(deadlines, r.polls, 20); math.Abs(got-r.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", r.name, got, r.want)
		}
	}
	if inTime(nil, []poll{{1, 1}}, 20) != 0 {
		t.Error("no keys, yet a share")
	}
}

func TestUnknownCommand(t *testing.T) {
	for _, r := range []struct {
		err  error
		want string
		ok   bool
	}{
		{load.ReplyError("ERR unknown command 'ZADD', with args beginning with: 'a' "), "ERR unknown command 'ZADD'", true},
		{fmt.Errorf("fill: %w", load.ReplyError("ERR unknown command `X`")), "ERR unknown command `X`", true},
		{load.ReplyError("WRONGTYPE Operation against a key"), "", false},
		{load.ReplyError("ERR wrong number of arguments"), "", false},
		{errors.New("ERR unknown command"), "", false}, // not the server's words
		{nil, "", false},
	} {
		if got, ok := unknownCommand(r.err); got != r.want || ok != r.ok {
			t.Errorf("unknownCommand(%v) = %q, %v", r.err, got, ok)
		}
	}
}

func TestWithoutFolders(t *testing.T) {
	got := withoutFolders([]string{"-redust=/a/b/redust", "/a/b/redis", "-only", "^p1/", "", "v=/x/y --port {port}"})
	want := []string{"-redust=redust", "redis", "-only", "^p1/", `""`, "v=y --port {port}"}
	if !slices.Equal(got, want) {
		t.Errorf("withoutFolders = %q, want %q", got, want)
	}
}

// redisRunner returns a runner for tiny runs, and the path of a real server.
func redisRunner(t *testing.T) (*runner, string) {
	t.Helper()
	path := redis.Tool(t, "redis-server")
	opt := options{redis: path, redust: path, ioThreads: 1, rounds: 1, keys: 2000, seconds: 1, quick: true, only: regexp.MustCompile("")}
	return &runner{opt: opt, base: t.TempDir(), clock: measure.StartClock()}, path
}

// The whole way, redis-server against one that lacks ZADD, which must be reported and
// must not stop the rest.
func TestRunsAgainstRedis(t *testing.T) {
	r, path := redisRunner(t)
	servers := func(opt options) []target.Spec {
		lacking := target.Standard("lacking", path, 1)
		lacking.Argv = append(lacking.Argv, "--rename-command", "ZADD", "")
		return append(standardServers(opt)[:1], lacking)
	}
	var chosen []workload
	for _, w := range workloads() {
		switch w.name {
		case "c1/get", "p16/zadd", "c1/spop", "roundtrip/set_difference", "tail_90_10", "flushall_stall", "growth_stall", "10m/set",
			"coll/xreadgroup_10", "coll/blocked", "coll/geosearch", "coll/sinter_ints", "coll/sunion_strings",
			"coll/rss_stream", "coll/expire_hash", "coll/copy_hash":
			w.servers, w.times = servers, 1
			chosen = append(chosen, w)
		}
	}
	rows, err := r.all(chosen)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(chosen) || len(rows) != 16 {
		t.Fatalf("%d rows of %d", len(rows), len(chosen))
	}
	for _, row := range rows {
		for _, res := range row.Results {
			if row.Workload == "p16/zadd" && res.Server == "lacking" {
				if !strings.Contains(res.NotYet, "unknown command") || len(res.Samples) > 0 {
					t.Errorf("a missing ZADD gives %+v", res)
				}
				continue
			}
			if res.NotYet != "" || len(res.Samples) != r.opt.rounds {
				t.Errorf("%s on %s: %q, %d samples", row.Workload, res.Server, res.NotYet, len(res.Samples))
			}
			for _, s := range res.Samples {
				if s.Ops <= 0 || s.WallNs <= 0 || s.ServerNs <= 0 || s.ClientNs <= 0 || s.P999Ns < s.P50Ns || s.LongestNs < s.P999Ns || s.RSSBytes < 1<<20 {
					t.Errorf("%s on %s: %+v", row.Workload, res.Server, s)
				}
			}
		}
	}
	if left, err := os.ReadDir(r.base); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	dir := t.TempDir()
	if err := save(report.Report{Setting: report.Setting{Commit: "abc"}, Rows: rows}, dir, r.clock.Origin()); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*-abc.*")); err != nil || len(files) != 2 {
		t.Errorf("written: %v, %v", files, err)
	}
}

// Pops find an element each time, and leave nothing; ranges are as long as they say.
func TestPopsFindElements(t *testing.T) {
	r, path := redisRunner(t)
	for _, row := range []struct{ name, size, key, want string }{
		{"p16/lpop", "LLEN", "mylist", "40000"}, // 800,000, and -quick
		{"p16/rpop", "LLEN", "mylist", "40000"},
		{"p16/spop", "SCARD", "myset", "20000"},
		{"p16/zpopmin", "ZCARD", "myzset", "20000"},
		{"p1/lrange_600", "LLEN", "mylist", "1000"},
	} {
		i := slices.IndexFunc(workloads(), func(w workload) bool { return w.name == row.name })
		w := workloads()[i]
		e := &env{runner: r, spec: target.Standard("redis", path, 1)}
		defer e.stop()
		if err := e.start(); err != nil {
			t.Fatal(err)
		}
		if err := w.prepare(e); err != nil {
			t.Fatal(err)
		}
		if got, err := e.ctl.Do(row.size, row.key); got != row.want || err != nil {
			t.Errorf("%s begins with %s elements, %v; want %s", row.name, got, err, row.want)
		}
		s, err := w.run(e)
		if err != nil {
			t.Fatal(err)
		}
		left := row.want
		if strings.Contains(row.name, "pop") {
			left = "0"
			if fmt.Sprint(s.Ops) != row.want {
				t.Errorf("%s pops %d times", row.name, s.Ops)
			}
		}
		if got, err := e.ctl.Do(row.size, row.key); got != left || err != nil {
			t.Errorf("%s leaves %s elements, %v", row.name, got, err)
		}
	}
}

// The others of a row that takes long run once, ours in every round.
func TestOnceOthers(t *testing.T) {
	r, path := redisRunner(t)
	r.opt.rounds = 3
	var rounds [3][]int
	w := workload{name: "x", section: "s", onceOthers: true,
		servers: func(opt options) []target.Spec {
			return append(standardServers(opt), target.Standard("third", path, 1))
		},
		run: func(e *env) (report.Sample, error) {
			i := slices.Index([]string{"redis", "redust", "third"}, e.spec.Name)
			rounds[i] = append(rounds[i], e.round)
			return report.Sample{}, nil
		},
	}
	if _, err := r.all([]workload{w}); err != nil {
		t.Fatal(err)
	}
	if want := [3][]int{{0}, {0, 1, 2}, {0}}; fmt.Sprint(rounds) != fmt.Sprint(want) {
		t.Errorf("rounds %v, want %v", rounds, want)
	}
}

// Any other error reply stops the comparison and says where.
func TestErrorReplyStops(t *testing.T) {
	r, _ := redisRunner(t)
	w := test{name: "bad", args: []string{"LPUSH", "key:" + number, value}, fill: []string{"SET", "key:" + number, value}, count: keySpace}.workload("x", "s", 2, 1, 1000)
	rows, err := r.all([]workload{w})
	if err == nil || len(rows) != 0 || !strings.Contains(err.Error(), "x/bad: redis, round 1: WRONGTYPE") {
		t.Errorf("rows %v, error %v", rows, err)
	}
}
