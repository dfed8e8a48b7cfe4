package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
)

// collections are commands on data structures that redis-benchmark does not ask for. Most
// of it is about structures that already hold something.
func collections() []workload {
	const section = "Collections: commands, pipeline of 16"
	zset := kindNamed("zset")
	fillZset := func(e *env) error { return e.build(zset, zset.whole(e.million()), true) }
	rows := []workload{
		{
			name: "coll/zrank", about: "ZRANK in a sorted set of a million (-keys / 10) with scores at random, 50 connections.",
			prepare: fillZset,
			run: func(e *env) (report.Sample, error) {
				return closed{conns: 50, per: 16, ops: 400_000, warm: true, gen: zrank(e.million())}.scaled(e)
			},
		},
		{
			name: "coll/zrangebyscore", about: "ZRANGEBYSCORE ... LIMIT 0 10 of a range that holds ten on average, in the same sorted set, 50 connections.",
			prepare: fillZset,
			run: func(e *env) (report.Sample, error) {
				return closed{conns: 50, per: 16, ops: 200_000, warm: true, gen: zrangeByScore(e.million())}.scaled(e)
			},
		},
		{
			name: "coll/geoadd", about: "GEOADD: one of 100,000 members moves to another place, 50 connections.",
			prepare: fillGeo,
			run:     closed{conns: 50, per: 16, ops: 400_000, warm: true, gen: geoAdd}.scaled,
		},
		{
			name: "coll/geosearch", about: "GEOSEARCH ... BYRADIUS 8 km ASC COUNT 10 where the circle holds some 48 of 100,000, 50 connections.",
			prepare: fillGeo,
			run:     closed{conns: 50, per: 16, ops: 40_000, warm: true, gen: geoSearch}.scaled,
		},
		{
			name: "coll/blocked", about: "10,000 clients in BLPOP, each on a list of its own; another pushes to one list after the other, 16 at a time, and who was served blocks again. An operation is a push with all that follows.",
			run: blockedLists,
		},
	}
	for _, n := range []int{1, 10} {
		rows = append(rows, consume(n))
	}
	for i := range rows {
		rows[i].section, rows[i].metric = section, report.CPU
	}
	return rows
}

func zrank(n int) func(*rand.Rand) load.Gen {
	return func(r *rand.Rand) load.Gen {
		tpl := load.NewTemplate("ZRANK", bigKey, member)
		return func(b []byte, _ int) []byte { return tpl.Append(b, func(int) int { return r.IntN(n) }) }
	}
}

// zrangeByScore asks for ranges that hold ten of n members whose scores lie evenly between
// 0 and 1.
func zrangeByScore(n int) func(*rand.Rand) load.Gen {
	return func(r *rand.Rand) load.Gen {
		tpl := load.NewTemplate("ZRANGEBYSCORE", bigKey, score, score, "LIMIT", "0", "10")
		const all = 1_000_000_000_000 // what a score's digits can count
		width := 10 * all / n
		return func(b []byte, _ int) []byte {
			from := r.IntN(all - width)
			return tpl.Append(b, func(h int) int { return from + h*width })
		}
	}
}

// place is somewhere between 0 and 10 degrees east and 45 and 50 north: some 415,000
// square kilometres.
func place(r *rand.Rand) (lon, lat string) {
	decimal := func(v float64) string { return strconv.FormatFloat(v, 'f', 6, 64) }
	return decimal(10 * r.Float64()), decimal(45 + 5*r.Float64())
}

func fillGeo(e *env) error {
	r := rand.New(rand.NewPCG(1, 2))
	return e.fill(keySpace, func(b []byte, i int) []byte {
		lon, lat := place(r)
		return load.Cmd(b, "GEOADD", "geo", lon, lat, fmt.Sprintf("mbr:%012d", i))
	})
}

func geoAdd(r *rand.Rand) load.Gen {
	return func(b []byte, _ int) []byte {
		lon, lat := place(r)
		return load.Cmd(b, "GEOADD", "geo", lon, lat, fmt.Sprintf("mbr:%012d", r.IntN(keySpace)))
	}
}

func geoSearch(r *rand.Rand) load.Gen {
	return func(b []byte, _ int) []byte {
		lon, lat := place(r)
		return load.Cmd(b, "GEOSEARCH", "geo", "FROMLONLAT", lon, lat, "BYRADIUS", "8", "km", "ASC", "COUNT", "10")
	}
}

// consume is a worker of a consumer group: it reads count entries and acknowledges them.
// There is one, since the script says which entries it will have been given. The entries
// exist before; at the end none may be pending.
func consume(count int) workload {
	turns := 400_000 / (count + 1) / 8 * 8 // whole batches of 16 commands
	return workload{
		name: fmt.Sprintf("coll/xreadgroup_%d", count),
		about: fmt.Sprintf("XREADGROUP COUNT %d and XACK of what it gave, in turn, one connection. The stream holds all entries from the start.",
			count),
		prepare: func(e *env) error {
			n := e.ops(turns) / 8 * 8 * count
			if err := e.fill(n, sequence("XADD", bigKey, entryID, "field", "val:"+number)); err != nil {
				return err
			}
			_, err := e.ctl.Do("XGROUP", "CREATE", bigKey, "group", "0")
			return err
		},
		run: func(e *env) (report.Sample, error) {
			n := e.ops(turns) / 8 * 8
			s, err := closed{conns: 1, per: 16, ops: 2 * n, gen: consumer(count)}.run(e)
			if err != nil {
				return s, err
			}
			return s, e.nothingPending(bigKey, "group", n*count)
		},
	}
}

// consumer alternates between reading and acknowledging.
func consumer(count int) func(*rand.Rand) load.Gen {
	read := load.NewTemplate("XREADGROUP", "GROUP", "group", "worker", "COUNT", strconv.Itoa(count), "STREAMS", bigKey, ">")
	args := []string{"XACK", bigKey, "group"}
	for range count {
		args = append(args, entryID)
	}
	ack := load.NewTemplate(args...)
	return func(*rand.Rand) load.Gen {
		return func(b []byte, i int) []byte {
			if i%2 == 0 {
				return read.Append(b, nil)
			}
			return ack.Append(b, func(h int) int { return i/2*count + h })
		}
	}
}

// nothingPending proves that the worker was given what it acknowledged, and that it was
// given all: else the figures mean nothing.
func (e *env) nothingPending(key, group string, n int) error {
	summary, err := e.ctl.Raw("XPENDING", key, group)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(summary), "*4\r\n:0\r\n") {
		return fmt.Errorf("entries are left pending: %q", summary)
	}
	groups, err := e.ctl.Raw("XINFO", "GROUPS", key)
	if err != nil {
		return err
	}
	want := "last-delivered-id\r\n$15\r\n" + strings.Replace(entryID, number, fmt.Sprintf("%012d", n-1), 1) + "\r\n"
	if !strings.Contains(string(groups), want) {
		return fmt.Errorf("the last of %d entries was not delivered: %q", n, groups)
	}
	return nil
}

// blockedLists keeps 10,000 clients waiting, or as many as the limit of open files allows.
func blockedLists(e *env) (report.Sample, error) {
	const batch, spare = 16, 256
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return report.Sample{}, fmt.Errorf("limit of open files: %w", err)
	}
	wish := e.ops(10_000)
	n := int(min(uint64(wish), max(files.Cur, 2*spare)-spare)) / batch * batch
	if _, err := e.ctl.Do("CONFIG", "SET", "maxclients", strconv.Itoa(n+spare/2)); err != nil {
		return report.Sample{}, err
	}
	// A server without these commands says so here rather than to one of thousands.
	if _, err := e.ctl.Do("RPUSH", "list", value); err != nil {
		return report.Sample{}, err
	}
	if _, err := e.ctl.Raw("BLPOP", "list", "0"); err != nil {
		return report.Sample{}, err
	}
	client, err := load.Dial(e.srv.Addr, 1+n, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	block := load.Encode(sequence("BLPOP", "list:"+number, "0"), n, 1, scriptBytes)
	push := load.Encode(sequence("RPUSH", "list:"+number, value), n, batch, scriptBytes)
	if err := client.Block(block); err != nil {
		return report.Sample{}, err
	}
	if err := e.awaitBlocked(int64(n)); err != nil {
		return report.Sample{}, err
	}
	if _, _, err := client.RunBlocked(block, push, int64(n), nil); err != nil {
		return report.Sample{}, err
	}
	hist := new(measure.Hist)
	s, err := e.measured(hist, func() (int64, int64, error) {
		return client.RunBlocked(block, push, int64(5*n), hist)
	})
	if n < wish/batch*batch {
		s.Note = fmt.Sprintf("only %d clients: the limit of open files (ulimit -n) is %d.", n, files.Cur)
	}
	return s, err
}

// awaitBlocked waits until n clients are blocked.
func (e *env) awaitBlocked(n int64) error {
	limit := e.clock.NowNs() + int64(20*time.Second)
	for {
		have, err := e.ctl.InfoInt("clients", "blocked_clients")
		if err != nil || have == n {
			return err
		}
		if e.clock.NowNs() > limit {
			return fmt.Errorf("%d clients are blocked, want %d", have, n)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// setSize is how many members each of the two sets of the algebra has. Every second one is
// also in the other.
const setSize = 100_000

// algebra is SINTER, SUNION and SDIFF of two large sets, by the time a command takes.
// Replies are of a megabyte and more, so the client lets the kernel throw them away.
func algebra() []workload {
	var out []workload
	for _, m := range []struct {
		name, about string
		member      func(i int) string
	}{
		{"ints", "integers", func(i int) string { return strconv.Itoa(i * 0x9e3779b1 & (1<<30 - 1)) }}, // odd: all differ
		{"strings", "strings of 16 bytes", func(i int) string { return fmt.Sprintf("mbr:%012d", i) }},
	} {
		for _, op := range []struct {
			name     string
			from, to int // the members of the result
		}{{"SINTER", setSize / 2, setSize}, {"SUNION", 0, setSize * 3 / 2}, {"SDIFF", 0, setSize / 2}} {
			out = append(out, workload{
				name: "coll/" + strings.ToLower(op.name) + "_" + m.name, section: "Collections: set algebra", metric: report.P50,
				about: fmt.Sprintf("%s of two sets of 100,000 %s, half of them common: the reply holds %d. One client, which does not look at it.",
					op.name, m.about, op.to-op.from),
				prepare: func(e *env) error {
					if err := e.load(setSize/50, 16, bundled([]string{"SADD", "a"}, 0, m.member)); err != nil {
						return err
					}
					return e.load(setSize/50, 16, bundled([]string{"SADD", "b"}, setSize/2, m.member))
				},
				run: func(e *env) (report.Sample, error) {
					want := replyBytes(op.from, op.to, m.member)
					return e.largeReplies(want, op.name, "a", "b")
				},
			})
		}
	}
	return out
}

// bundled numbers the elements of requests of fifty each.
func bundled(command []string, from int, element func(i int) string) load.Gen {
	return func(b []byte, i int) []byte {
		args := slices.Clone(command)
		for j := range 50 {
			args = append(args, element(from+i*50+j))
		}
		return load.Cmd(b, args...)
	}
}

// replyBytes is the size of a reply that holds the given elements, in whatever order.
func replyBytes(from, to int, element func(i int) string) int64 {
	size := len(fmt.Sprintf("*%d\r\n", to-from))
	for i := from; i < to; i++ {
		n := len(element(i))
		size += n + len(fmt.Sprintf("$%d\r\n\r\n", n))
	}
	return int64(size)
}

// largeReplies times one command, again and again. Its reply must have the size given: then
// it is complete.
func (e *env) largeReplies(want int64, args ...string) (report.Sample, error) {
	client, err := load.Dial(e.srv.Addr, 1, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	script := load.Encode(load.Fixed(args...), 1, 1, scriptBytes)
	size, err := client.ReplyBytes(script)
	if err != nil {
		return report.Sample{}, err
	}
	if size != want {
		return report.Sample{}, fmt.Errorf("%s replied with %d bytes, want %d", args[0], size, want)
	}
	if _, _, err := client.RunDiscard(script, 3, size, nil); err != nil {
		return report.Sample{}, err
	}
	ops := int64(25)
	if e.opt.quick {
		ops = 5
	}
	hist := new(measure.Hist)
	return e.measured(hist, func() (int64, int64, error) { return client.RunDiscard(script, ops, size, hist) })
}
