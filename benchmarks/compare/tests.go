package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"redust/benchmarks/load"
	"redust/benchmarks/report"
	"redust/benchmarks/target"
)

const (
	keySpace = 100_000 // keys of all but the large data sets
	value    = "xxx"   // redust's promises are about values of three bytes
	// number is where a key's number goes; see load.NewTemplate.
	number = "000000000000"
)

// A test is one of redis-benchmark's, by its name there, with its keys and members
// drawn at random from keySpace (redis-benchmark -r 100000).
type test struct {
	name  string
	args  []string // the command; number stands for a random number
	lines string   // or an inline request
	fill  []string // the command that fills; number stands for 0, 1, 2 ...
	count int      // how often it is sent; everyOp: once for each operation to come
	grows bool     // the run changes how much data there is
	ops   [3]int   // at a pipeline of 1, 16, 64
}

const everyOp = -1

func tests() []test {
	usual, slow := [3]int{150_000, 800_000, 1_600_000}, [3]int{150_000, 400_000, 640_000}
	key, element := "key:"+number, "element:"+number
	mset := []string{"MSET"}
	for range 10 {
		mset = append(mset, key, value)
	}
	return []test{
		{name: "ping_inline", lines: "PING\r\n", ops: usual},
		{name: "ping_mbulk", args: []string{"PING"}, ops: usual},
		{name: "set", args: []string{"SET", key, value}, fill: []string{"SET", key, value}, count: keySpace, ops: usual},
		{name: "get", args: []string{"GET", key}, fill: []string{"SET", key, value}, count: keySpace, ops: usual},
		{name: "incr", args: []string{"INCR", "counter:" + number}, fill: []string{"SET", "counter:" + number, "0"}, count: keySpace, ops: usual},
		{name: "lpush", args: []string{"LPUSH", "mylist", value}, grows: true, ops: usual},
		{name: "rpush", args: []string{"RPUSH", "mylist", value}, grows: true, ops: usual},
		{name: "lpop", args: []string{"LPOP", "mylist"}, fill: []string{"RPUSH", "mylist", value}, count: everyOp, grows: true, ops: usual},
		{name: "rpop", args: []string{"RPOP", "mylist"}, fill: []string{"RPUSH", "mylist", value}, count: everyOp, grows: true, ops: usual},
		{name: "sadd", args: []string{"SADD", "myset", element}, grows: true, ops: usual},
		{name: "hset", args: []string{"HSET", "myhash", element, value}, grows: true, ops: usual},
		{name: "spop", args: []string{"SPOP", "myset"}, fill: []string{"SADD", "myset", element}, count: everyOp, grows: true, ops: slow},
		{name: "zadd", args: []string{"ZADD", "myzset", number, element}, grows: true, ops: slow},
		{name: "zpopmin", args: []string{"ZPOPMIN", "myzset"}, fill: []string{"ZADD", "myzset", number, element}, count: everyOp, grows: true, ops: slow},
		lrange(100, 60_000), lrange(300, 30_000), lrange(500, 20_000), lrange(600, 20_000),
		{name: "mset", args: mset, fill: []string{"SET", key, value}, count: keySpace, ops: [3]int{100_000, 200_000, 250_000}},
		{name: "xadd", args: []string{"XADD", "mystream", "*", "myfield", value}, grows: true, ops: slow},
	}
}

// lrange costs the server hundreds of elements a call, pipeline or not.
func lrange(n, ops int) test {
	return test{
		name: fmt.Sprintf("lrange_%d", n), args: []string{"LRANGE", "mylist", "0", fmt.Sprint(n - 1)},
		fill: []string{"RPUSH", "mylist", value}, count: 1000, ops: [3]int{ops, ops, ops},
	}
}

// named returns the test of that name, which must exist.
func named(name string) test {
	for _, t := range tests() {
		if t.name == name {
			return t
		}
	}
	panic("compare: no test " + name)
}

// gen draws each number below limit.
func (t test) gen(limit int) func(*rand.Rand) load.Gen {
	return func(r *rand.Rand) load.Gen {
		if t.lines != "" {
			return func(b []byte, _ int) []byte { return append(b, t.lines...) }
		}
		tpl := load.NewTemplate(t.args...)
		return func(b []byte, _ int) []byte {
			return tpl.Append(b, func(int) int { return r.IntN(limit) })
		}
	}
}

// sequence numbers the requests themselves.
func sequence(args ...string) load.Gen {
	tpl := load.NewTemplate(args...)
	return func(b []byte, i int) []byte { return tpl.Append(b, func(int) int { return i }) }
}

// workload makes a row of the test.
func (t test) workload(prefix, section string, conns, per, ops int) workload {
	c := closed{conns: conns, per: per, ops: ops, warm: !t.grows, gen: t.gen(keySpace)}
	if t.lines != "" || !strings.Contains(strings.Join(t.args, " "), number) {
		c.distinct = per // all requests are alike
	}
	w := workload{
		name: prefix + "/" + t.name, section: section, metric: report.CPU, run: c.scaled,
	}
	if t.fill != nil {
		w.prepare = func(e *env) error {
			n := t.count
			if n == everyOp {
				n = e.ops(ops)
			}
			return e.fill(n, sequence(t.fill...))
		}
	}
	return w
}

// pipelines is redis-benchmark's list at its usual 50 connections.
func pipelines() []workload {
	var out []workload
	for i, per := range []int{1, 16, 64} {
		section := fmt.Sprintf("50 connections, pipeline of %d, %d keys", per, keySpace)
		for _, t := range tests() {
			out = append(out, t.workload(fmt.Sprintf("p%d", per), section, 50, per, t.ops[i]))
		}
	}
	return out
}

// connections is the same list over one connection, and a few over a thousand.
func connections() []workload {
	var out []workload
	for _, t := range tests() {
		out = append(out, t.workload("c1", "1 connection, no pipeline", 1, 1, min(t.ops[0]/3, 40_000)))
	}
	for _, name := range []string{"ping_mbulk", "set", "get", "incr"} {
		t := named(name)
		out = append(out, t.workload("c1000", "1,000 connections, no pipeline", 1000, 1, t.ops[0]))
	}
	return out
}

// blend is nine GET to one SET on random keys below limit.
func blend(limit int) func(*rand.Rand) load.Gen {
	get, set := load.NewTemplate("GET", "key:"+number), load.NewTemplate("SET", "key:"+number, value)
	return func(r *rand.Rand) load.Gen {
		next := func(int) int { return r.IntN(limit) }
		return func(b []byte, _ int) []byte {
			if r.IntN(10) == 0 {
				return set.Append(b, next)
			}
			return get.Append(b, next)
		}
	}
}

func mixed() []workload {
	var out []workload
	for i, per := range []int{1, 16, 64} {
		c := closed{conns: 50, per: per, ops: named("get").ops[i], warm: true, gen: blend(keySpace)}
		out = append(out, workload{
			name: fmt.Sprintf("mixed_90_10/p%d", per), section: "Nine GET to one SET, 50 connections", metric: report.CPU,
			prepare: func(e *env) error { return e.fill(keySpace, sequence("SET", "key:"+number, value)) },
			run:     c.scaled,
		})
	}
	return out
}

// sizes is SET and GET of larger values. The data sets are of 100 and 64 MB.
func sizes() []workload {
	var out []workload
	for _, s := range []struct {
		name             string
		bytes, keys, per int
		ops              int
	}{
		{"v1k", 1 << 10, 100_000, 1, 150_000},
		{"v1k_p16", 1 << 10, 100_000, 16, 400_000},
		{"v64k", 64 << 10, 1000, 1, 30_000},
	} {
		large := strings.Repeat("x", s.bytes)
		for _, args := range [][]string{{"SET", "key:" + number, large}, {"GET", "key:" + number}} {
			t := test{args: args}
			c := closed{conns: 50, per: s.per, ops: s.ops, distinct: s.keys, warm: true, gen: t.gen(s.keys)}
			out = append(out, workload{
				name: s.name + "/" + strings.ToLower(args[0]), section: "Larger values, 50 connections", metric: report.CPU,
				about:   fmt.Sprintf("values of %d bytes, %d keys, pipeline of %d.", s.bytes, s.keys, s.per),
				prepare: func(e *env) error { return e.fill(s.keys, sequence("SET", "key:"+number, large)) },
				run:     c.scaled,
			})
		}
	}
	return out
}

// fillLarge loads the data set of the promises: keys of 16 bytes, values of 3.
func fillLarge(e *env) error {
	return e.fill(e.opt.keys, sequence("SET", "key:"+number, value))
}

// large is random access to a data set that no cache holds. Keys are drawn anew in
// each round, and the script is long enough not to start over within one.
func large() []workload {
	var out []workload
	for _, name := range []string{"get", "set"} {
		t := named(name)
		out = append(out, workload{
			name: "10m/" + name, section: "Large data set (-keys), pipeline of 64, 50 connections", metric: report.CPU,
			about:   "random keys of all (10 million unless -keys or -quick says otherwise).",
			prepare: fillLarge,
			run: func(e *env) (report.Sample, error) {
				return closed{conns: 50, per: 64, ops: 3_000_000, warm: true, gen: t.gen(e.opt.keys)}.scaled(e)
			},
		})
	}
	return out
}

// ioThreads holds two I/O threads of ours against one of ours: no other server is in
// these rows.
func ioThreads() []workload {
	var out []workload
	for _, name := range []string{"get", "set"} {
		w := named(name).workload("", "Our io-threads 2 against our io-threads 1, pipeline of 64, 50 connections", 50, 64, named(name).ops[2])
		w.name = "io_threads_2_" + name
		w.metric = report.Rate
		w.servers = func(opt options) []target.Spec {
			return []target.Spec{target.Standard("redust io-threads 1", opt.redust, 1), target.Standard("redust io-threads 2", opt.redust, 2)}
		}
		out = append(out, w)
	}
	return out
}
