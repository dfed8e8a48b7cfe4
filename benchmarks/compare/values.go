package main

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"redust/benchmarks/load"
	"redust/benchmarks/report"
)

// bigKey holds the one large value of the workloads below.
const bigKey = "big"

// A kind is a way to build one large value under bigKey, many elements a request. Members,
// fields, values and elements are of 16 bytes.
type kind struct {
	name    string
	command []string
	element []string // what each element adds to the request; number stands for its number
	per     int      // elements a request
}

const (
	member = "mbr:" + number
	score  = "0." + number // in front of the member of a sorted set
)

func kinds() []kind {
	return []kind{
		{"hash", []string{"HSET", bigKey}, []string{member, "val:" + number}, 50},
		{"set", []string{"SADD", bigKey}, []string{member}, 50},
		{"zset", []string{"ZADD", bigKey}, []string{score, member}, 50},
		{"list", []string{"RPUSH", bigKey}, []string{"val:" + number}, 50},
		{"stream", []string{"XADD", bigKey}, []string{entryID, "field", "val:" + number}, 1},
	}
}

// entryID is an id of a stream as the clock would give it: a millisecond to each entry.
const entryID = "1" + number + "-1"

func kindNamed(name string) kind {
	for _, k := range kinds() {
		if k.name == name {
			return k
		}
	}
	panic("compare: no kind " + name)
}

// gen makes the requests. Scores ascend, or are scattered: a tree, or a skip list, is built
// several times faster in order, and is not what it would be in real life.
func (k kind) gen(scattered bool) load.Gen {
	args := append([]string(nil), k.command...)
	for range k.per {
		args = append(args, k.element...)
	}
	tpl := load.NewTemplate(args...)
	holes := strings.Count(strings.Join(k.element, " "), number)
	scattered = scattered && k.element[0] == score
	return func(b []byte, i int) []byte {
		return tpl.Append(b, func(h int) int {
			n := i*k.per + h/holes
			if scattered && h%holes == 0 {
				return scatter(n)
			}
			return n
		})
	}
}

// whole is n without the elements that do not fill a request.
func (k kind) whole(n int) int { return n - n%k.per }

// build makes the value, of whole(n) elements. Batches are small enough that the server
// needs no large buffer for them, which would count as the value's memory.
func (e *env) build(k kind, n int, scattered bool) error {
	return e.load(n/k.per, max(800/k.per, 1), k.gen(scattered))
}

// load is fill in batches of per.
func (e *env) load(n, per int, gen load.Gen) error {
	client, err := load.Dial(e.srv.Addr, 1, e.clock)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Fill(n, per, gen)
}

// scatter maps numbers evenly at random to twelve decimal digits, the same each time
// (the finisher of SplitMix64).
func scatter(n int) int {
	x := uint64(n) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	hi, _ := bits.Mul64(x^x>>31, 1e12)
	return int(hi)
}

// million is the size of the values that are of a million unless -keys or -quick says
// otherwise.
func (e *env) million() int { return e.opt.keys / 10 }

// memory is the resident memory of one large value, and of many small ones.
func memory() []workload {
	const section = "Collections: memory"
	about := map[string]string{
		"hash":   "one hash, fields and values of 16 bytes.",
		"set":    "one set, members of 16 bytes.",
		"zset":   "one sorted set, members of 16 bytes, scores at random.",
		"list":   "one list, elements of 16 bytes.",
		"stream": "one stream, each entry of one field with a value of 16 bytes.",
	}
	var out []workload
	for _, k := range kinds() {
		w := workload{
			name: "coll/rss_" + k.name, section: section, metric: report.RSS, about: "a million (-keys / 10): " + about[k.name],
			run: func(e *env) (report.Sample, error) {
				n := k.whole(e.million())
				return e.settled(n, calm, func() error { return e.build(k, n, true) })
			},
		}
		if b := boundOf(w.name); b != nil {
			w.metric = b.Metric
		}
		out = append(out, w)
	}
	small := sequence("HSET", "user:"+number, "name", "name "+number, "mail", number+"@x.org", "age", "42", "city", "Rotterdam", "seen", "1"+number)
	return append(out, workload{
		name: "coll/rss_small_hashes", section: section, metric: report.RSS,
		about: "a million (-keys / 10) hashes of five fields, with values of 2 to 18 bytes.",
		run: func(e *env) (report.Sample, error) {
			n := e.million()
			return e.settled(n, calm, func() error { return e.fill(n, small) })
		},
	})
}

// calm is how long a process of some hundred megabytes must have kept its size.
const calm = 1500 * time.Millisecond

// A deed is something done to a large value while another client sends PINGs.
type deed struct {
	name, about string
	do          func(e *env, n int) error
	kinds       []string // nil: all
}

func deeds() []deed {
	around := "longest PING of another client (one every 100 us) from 100 ms before %s of a value of ten million elements (-keys) until 500 ms after it."
	gone := func(e *env) error {
		left, err := e.ctl.Do("DBSIZE")
		if err == nil && left != "0" {
			err = fmt.Errorf("%s keys are left", left)
		}
		return err
	}
	return []deed{
		{name: "unlink", about: fmt.Sprintf(around, "UNLINK"), do: func(e *env, _ int) error {
			if _, err := e.ctl.Do("UNLINK", bigKey); err != nil {
				return err
			}
			return gone(e)
		}},
		{name: "del", about: fmt.Sprintf(around, "DEL"), do: func(e *env, _ int) error {
			if _, err := e.ctl.Do("DEL", bigKey); err != nil {
				return err
			}
			return gone(e)
		}},
		{name: "expire", about: fmt.Sprintf(around, "PEXPIRE 100 ms ahead") + " The end is when INFO has counted it as expired.", do: expireBig},
		{name: "rename", about: fmt.Sprintf(around, "RENAME"), kinds: []string{"hash"}, do: func(e *env, _ int) error {
			_, err := e.ctl.Do("RENAME", bigKey, "other")
			return err
		}},
		{name: "copy", about: fmt.Sprintf(around, "COPY") + " Then 50,000 of the fields are written, each alone.", kinds: []string{"hash", "zset"}, do: copyBig},
	}
}

// expireBig waits until the server says that it has dropped the value.
func expireBig(e *env, _ int) error {
	if _, err := e.ctl.Do("PEXPIRE", bigKey, "100"); err != nil {
		return err
	}
	limit := e.clock.NowNs() + int64(time.Minute)
	for e.clock.NowNs() < limit {
		time.Sleep(50 * time.Millisecond)
		n, err := e.ctl.InfoInt("stats", "expired_keys")
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("the value was not expired a minute after its deadline")
}

// copyBig copies the value and then writes all over it: each page that both hold is copied
// when it is written for the first time.
func copyBig(e *env, n int) error {
	if done, err := e.ctl.Do("COPY", bigKey, "other"); err != nil {
		return err
	} else if done != "1" {
		return fmt.Errorf("COPY was answered %q", done)
	}
	write := load.NewTemplate("HSET", bigKey, member, "new")
	if kind, err := e.ctl.Do("TYPE", bigKey); err != nil {
		return err
	} else if kind == "zset" {
		write = load.NewTemplate("ZINCRBY", bigKey, "0.5", member)
	}
	r := e.random()
	return e.load(e.ops(50_000), 16, func(b []byte, _ int) []byte {
		return write.Append(b, func(int) int { return r.IntN(n) })
	})
}

func (d deed) on(k kind) bool {
	for _, name := range d.kinds {
		if name == k.name {
			return true
		}
	}
	return d.kinds == nil
}

// stalls asks how long others wait while something befalls a value of ten million elements.
// Others than we run once, since the bound is in milliseconds and to load takes long.
func stalls() []workload {
	const section = "Collections: stalls"
	var out []workload
	about := "longest PING of another client (one every 100 us) while a value grows to ten million elements (-keys), four commands a batch."
	for _, k := range kinds() {
		out = append(out, workload{
			name: "coll/build_" + k.name, section: section, metric: report.Longest, onceOthers: true, about: about,
			run: func(e *env) (report.Sample, error) {
				n := k.whole(e.opt.keys)
				return e.probed(func() (int64, error) { return int64(n), e.load(n/k.per, 4, k.gen(true)) })
			},
		})
		about = "" // said once
	}
	for _, d := range deeds() {
		for _, k := range kinds() {
			if !d.on(k) {
				continue
			}
			out = append(out, workload{
				name: "coll/" + d.name + "_" + k.name, section: section, metric: report.Longest, onceOthers: true, about: d.about,
				run: func(e *env) (report.Sample, error) {
					n := k.whole(e.opt.keys)
					if err := e.build(k, n, false); err != nil {
						return report.Sample{}, err
					}
					return e.probed(func() (int64, error) {
						time.Sleep(100 * time.Millisecond)
						if err := d.do(e, n); err != nil {
							return 0, err
						}
						time.Sleep(500 * time.Millisecond)
						return 1, nil
					})
				},
			})
			d.about = ""
		}
	}
	return out
}
