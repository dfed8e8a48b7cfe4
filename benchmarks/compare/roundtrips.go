package main

import (
	"fmt"
	"math/rand/v2"

	"redust/benchmarks/load"
	"redust/benchmarks/report"
)

// iterations of a round-trip group, each some commands one after the other.
const iterations = 5000

// A group is what a simple program does over one connection: each command waits for
// the reply to the one before. At some 25 us a trip most groups last a fraction of a
// second, so they run three times a round, each time on a new server.
type group struct {
	name, about string
	prepare     [][]string
	turn        [][]string // the commands of one iteration; number stands for which it is
	wrap        int        // number counts modulo this; 0: it does not wrap
	long        bool       // lasts seconds: once a round will do
}

func groups() []group {
	mset, mget := []string{"MSET"}, []string{"MGET"}
	for i := range 10 {
		key := fmt.Sprintf("key:%d", i)
		mset = append(mset, key, "value")
		mget = append(mget, key)
	}
	// a, b and c keep the members that go to different sets apart.
	a, b, c := "a:"+number, "b:"+number, "c:"+number
	return []group{
		{name: "ping", about: "PING.", turn: [][]string{{"PING"}}},
		{name: "mset_mget", about: "MSET and MGET of ten fixed keys.", turn: [][]string{mset, mget}},
		{
			name: "hash_ops", about: "HSET and HGET, 16 fields of one hash.", wrap: 16,
			turn: [][]string{{"HSET", "hash", "field:" + number, "value"}, {"HGET", "hash", "field:" + number}},
		},
		{name: "set_get", about: "SET and GET of one key.", turn: [][]string{{"SET", "key", "value"}, {"GET", "key"}}},
		{name: "incr_decr", about: "INCR and DECR of one key.", turn: [][]string{{"INCR", "counter"}, {"DECR", "counter"}}},
		{name: "exists_del", about: "SET, EXISTS and DEL of one key.", turn: [][]string{{"SET", "key", "value"}, {"EXISTS", "key"}, {"DEL", "key"}}},
		{
			name: "list_ops", about: "LPUSH, RPUSH and LRANGE of the first ten on one growing list.",
			turn: [][]string{{"LPUSH", "list", "value"}, {"RPUSH", "list", "value"}, {"LRANGE", "list", "0", "9"}},
		},
		{name: "list_pops", about: "LPUSH and RPOP.", turn: [][]string{{"LPUSH", "list", "value"}, {"RPOP", "list"}}},
		{
			name: "set_union", long: true, about: "one new member into each of two sets, then SUNION of both: the reply grows to 10,000.",
			turn: [][]string{{"SADD", "s1", a}, {"SADD", "s2", b}, {"SUNION", "s1", "s2"}},
		},
		{
			name: "set_intersection", long: true, about: "one new member into each of three sets that share one, then SINTER of all.",
			prepare: [][]string{{"SADD", "s1", "shared"}, {"SADD", "s2", "shared"}, {"SADD", "s3", "shared"}},
			turn:    [][]string{{"SADD", "s1", a}, {"SADD", "s2", b}, {"SADD", "s3", c}, {"SINTER", "s1", "s2", "s3"}},
		},
		{
			name: "set_difference", long: true, about: "one new member into the first of two sets, then SDIFF: the reply grows to 5,000.",
			prepare: [][]string{{"SADD", "s2", "other"}},
			turn:    [][]string{{"SADD", "s1", a}, {"SDIFF", "s1", "s2"}},
		},
	}
}

// gen lays the turns one after the other: request i is command i mod k of turn i / k.
func (g group) gen(*rand.Rand) load.Gen {
	var turn []load.Template
	for _, args := range g.turn {
		turn = append(turn, load.NewTemplate(args...))
	}
	return func(b []byte, i int) []byte {
		n := i / len(turn)
		if g.wrap > 0 {
			n %= g.wrap
		}
		return turn[i%len(turn)].Append(b, func(int) int { return n })
	}
}

func (g group) run(e *env) (report.Sample, error) {
	c := closed{conns: 1, per: 1, ops: e.ops(iterations) * len(g.turn), gen: g.gen}
	return c.run(e)
}

func roundTrips() []workload {
	var out []workload
	for _, g := range groups() {
		w := workload{
			name: "roundtrip/" + g.name, section: "Round trips of one client, 5,000 iterations", about: g.about,
			metric: report.Rate, times: 3, run: g.run,
		}
		if g.long {
			w.times = 1
		}
		if g.prepare != nil {
			w.prepare = func(e *env) error {
				for _, args := range g.prepare {
					if _, err := e.ctl.Do(args...); err != nil {
						return err
					}
				}
				return nil
			}
		}
		out = append(out, w)
	}
	return out
}
