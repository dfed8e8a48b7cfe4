package main

import (
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/measure"
	"redust/benchmarks/report"
)

// A program is a script that is run by EVALSHA, 50 connections, pipeline of 16.
type program struct {
	name, about string
	source      string
	args        func(r *rand.Rand) []string // the number of keys, keys and arguments; number is drawn below keySpace
	ops         int
	prepare     func(*env) error
}

const limiterSource = `local now = tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - tonumber(ARGV[2]))
local n = redis.call('ZCARD', KEYS[1])
if n >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

// jobMoveSource takes a job as queue libraries do: its options are packed, it goes from a
// list to another, its hash is changed, an event is told.
const jobMoveSource = `local opts = cmsgpack.unpack(ARGV[1])
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
if not id then return nil end
local key = KEYS[3] .. id
redis.call('HSET', key, 'processedOn', opts.time, 'token', opts.token)
redis.call('HINCRBY', key, 'attempts', 1)
redis.call('SET', key .. ':lock', opts.token, 'PX', opts.lock)
redis.call('SADD', KEYS[4], id)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'event', 'active', 'id', id)
local job = redis.call('HGETALL', key)
redis.call('SREM', KEYS[4], id)
redis.call('LREM', KEYS[2], 1, id)
redis.call('LPUSH', KEYS[1], id)
return {cmsgpack.pack(job), id}`

// jobOptions is {time = 1700000000000, token = "worker-1:0", lock = 30000} as MessagePack.
const jobOptions = "\x83\xa4time\xcf\x00\x00\x01\x8b\xcf\xe5\x68\x00\xa5token\xaaworker-1:0\xa4lock\xcd\x75\x30"

// programs are transactions and scripts.
func programs() []workload {
	const section = "Scripts and transactions, 50 connections"
	key := func(*rand.Rand) []string { return []string{"1", "key:" + number} }
	var out []workload
	for _, p := range []program{
		{name: "get", about: "EVALSHA of one GET.", source: "return redis.call('GET', KEYS[1])", args: key, ops: 300_000,
			prepare: func(e *env) error { return e.fill(keySpace, sequence("SET", "key:"+number, value)) }},
		{name: "incr_expire", about: "EVALSHA of INCR and EXPIRE.", source: "local n = redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], 100) return n", args: key, ops: 300_000},
		{name: "limiter", about: "a limiter with a sliding window: ZREMRANGEBYSCORE, ZCARD, ZADD, PEXPIRE.", source: limiterSource,
			args: func(*rand.Rand) []string {
				return []string{"1", "limit:" + number, "17" + number, "1000000000", "100", "req:" + number}
			}, ops: 150_000},
		{name: "loop", about: "a loop of 1,000 additions.", source: "local n = 0 for i = 1, 1000 do n = n + i end return n", args: func(*rand.Rand) []string { return []string{"0"} }, ops: 50_000},
		{name: "job_move", about: "a job taken and given back as queue libraries do: cmsgpack and ten calls.", source: jobMoveSource,
			args: func(*rand.Rand) []string {
				return []string{"5", "wait", "active", "job:", "stalled", "events", jobOptions}
			}, ops: 50_000,
			prepare: func(e *env) error {
				if err := e.fill(100, sequence("RPUSH", "wait", number)); err != nil {
					return err
				}
				return e.fill(100, sequence("HSET", "job:"+number, "name", "send-mail", "data", `{"to":"someone@example.org"}`))
			}},
	} {
		sum := sha1.Sum([]byte(p.source))
		digest := hex.EncodeToString(sum[:])
		gen := func(r *rand.Rand) load.Gen {
			tpl := load.NewTemplate(append([]string{"EVALSHA", digest}, p.args(r)...)...)
			return func(b []byte, _ int) []byte { return tpl.Append(b, func(int) int { return r.IntN(keySpace) }) }
		}
		out = append(out, workload{
			name: "lua/" + p.name, about: p.about + " Pipeline of 16.", metric: report.CPU,
			prepare: func(e *env) error {
				if _, err := e.ctl.Do("SCRIPT", "LOAD", p.source); err != nil {
					return err
				}
				if p.prepare == nil {
					return nil
				}
				return p.prepare(e)
			},
			run: closed{conns: 50, per: 16, ops: p.ops, warm: true, gen: gen}.scaled,
		})
	}
	out = append(out, workload{
		name: "multi/ten_set", about: "MULTI, ten SET and EXEC, four transactions in a pipeline. An operation is a transaction.", metric: report.CPU,
		run: transactions,
	})
	for i := range out {
		out[i].section = section
	}
	return out
}

const inTransaction = 12 // requests

func transactions(e *env) (report.Sample, error) {
	gen := func(r *rand.Rand) load.Gen {
		set := load.NewTemplate("SET", "key:"+number, value)
		multi, exec := load.Fixed("MULTI"), load.Fixed("EXEC")
		return func(b []byte, i int) []byte {
			switch i % inTransaction {
			case 0:
				return multi(b, i)
			case inTransaction - 1:
				return exec(b, i)
			}
			return set.Append(b, func(int) int { return r.IntN(keySpace) })
		}
	}
	const batch = 4 * inTransaction
	ops := e.ops(50_000) * inTransaction / batch * batch
	s, err := closed{conns: 50, per: batch, ops: ops, warm: true, gen: gen}.run(e)
	s.Ops /= inTransaction
	return s, err
}

// messages is what others are told: subscribers, and clients that keep copies.
func messages() []workload {
	var out []workload
	for _, r := range []struct{ subscribers, messages int }{{1, 200_000}, {100, 10_000}, {1000, 1500}} {
		out = append(out, workload{
			name: "pubsub/" + strconv.Itoa(r.subscribers), metric: report.CPU,
			about: "PUBLISH of 64 bytes, pipeline of 16, to that many subscribers. An operation is a message delivered.",
			run:   func(e *env) (report.Sample, error) { return e.publish(r.subscribers, e.ops(r.messages)) },
		})
	}
	out = append(out, workload{
		name: "tracking", metric: report.CPU,
		about:   "nine GET to one SET on 100,000 keys, pipeline of 16, 50 connections with CLIENT TRACKING ON in RESP3.",
		prepare: func(e *env) error { return e.fill(keySpace, sequence("SET", "key:"+number, value)) },
		run: func(e *env) (report.Sample, error) {
			return closed{conns: 50, per: 16, ops: 400_000, warm: true, gen: blend(keySpace),
				setup: [][]string{{"HELLO", "3"}, {"CLIENT", "TRACKING", "ON"}}}.scaled(e)
		},
	})
	for i := range out {
		out[i].section = "Messages"
	}
	return out
}

// publish measures the delivery of n messages, or a few more, to some subscribers.
func (e *env) publish(subscribers, n int) (report.Sample, error) {
	const per = 16
	client, err := load.Dial(e.srv.Addr, 1+subscribers, e.clock)
	if err != nil {
		return report.Sample{}, err
	}
	defer client.Close()
	if err := client.Setup([]string{"PING"}, []string{"SUBSCRIBE", "news"}); err != nil {
		return report.Sample{}, err
	}
	// All have subscribed, the one that publishes too; it leaves.
	if err := client.SetupFirst([]string{"UNSUBSCRIBE", "news"}); err != nil {
		return report.Sample{}, err
	}
	time.Sleep(50 * time.Millisecond)
	text := make([]byte, 64)
	for i := range text {
		text[i] = byte('a' + i%26)
	}
	script := load.Encode(load.Fixed("PUBLISH", "news", string(text)), per, per, scriptBytes)
	batches := int64(max(n/per, 1))
	if _, _, err := client.RunPublish(script, max(batches/10, 1), nil); err != nil {
		return report.Sample{}, err
	}
	hist := new(measure.Hist)
	return e.measured(hist, func() (int64, int64, error) { return client.RunPublish(script, batches, hist) })
}
