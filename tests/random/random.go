// Package random plays one random sequence of commands on two servers and finds where they part.
//
// Scripts hold the cases that somebody thought of. The faults that survive them are
// in the combinations: a BITFIELD on a key that APPEND turned from an integer into text, after
// a SWAPDB. So a seed becomes a sequence, and the sequence meets a real server and ours:
//
//	seed --Plan--> []Step --+--> a (Redust)        reply, reply, ...  \
//	                        |                                          same? --> Difference --Shrink-->
//	                        +--> b (redis-server)  reply, reply, ...  /          the few steps that matter
//
// What commands there are is a table (families.go), one row a command, one function that
// makes its arguments; a new family is a new table. A handful of keys and values with
// interest (integers at the edge, binary names, HyperLogLogs) make commands meet; some
// commands are then spoilt: an argument too many, too few, or exchanged for an odd one.
//
// Compared: every reply, byte for byte but for what two right servers may answer differently
// (Comparison), and at the end, and every checkEvery steps, the whole data set.
//
// Always true: a seed gives the same plan on every machine. No deadline is near: it has passed
// or is months away, so time does not part the servers. No command allocates more than a few
// megabytes. Steps travel in pipelines of random length, because a batch is a code path of its own.
package random

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"redust/tests/script"
)

// Step is one command of a plan.
type Step struct {
	Args []string
	Same Comparison
	// Waiter is who says it: 0 is the one who says nearly everything, the others may have
	// to wait for their reply, see waiters.go.
	Waiter int
	// Listener is who of those says it who hear of what the others do, see listeners.go; 0: none.
	Listener int
}

// step is what the first client says.
func step(same Comparison, args ...string) Step { return Step{Args: args, Same: same} }

// String writes the step as it can be typed into redis-cli.
func (s Step) String() string {
	words := make([]string, len(s.Args))
	for i, a := range s.Args {
		words[i] = strconv.Quote(a)
	}
	if s.Listener > 0 {
		return fmt.Sprintf("listener %d: %s", s.Listener, strings.Join(words, " "))
	}
	if s.Waiter > 0 {
		return fmt.Sprintf("waiter %d: %s", s.Waiter, strings.Join(words, " "))
	}
	return strings.Join(words, " ")
}

// Comparison decides whether two replies to one command count as the same.
type Comparison func(a, b script.Value) bool

// Exact compares every byte.
func Exact(a, b script.Value) bool { return a.Format(2) == b.Format(2) }

// Unordered compares nested lists as sets of elements.
func Unordered(a, b script.Value) bool { return ordered(a).Format(2) == ordered(b).Format(2) }

// ordered returns v with every list sorted.
func ordered(v script.Value) script.Value {
	if len(v.Items) == 0 {
		return v
	}
	items := make([]script.Value, len(v.Items))
	for i, item := range v.Items {
		items[i] = ordered(item)
	}
	slices.SortFunc(items, func(x, y script.Value) int { return strings.Compare(x.Format(2), y.Format(2)) })
	v.Items = items
	return v
}

// Shape compares the type, and whether there is a value; an error is compared exactly.
func Shape(a, b script.Value) bool {
	if a.Kind == '-' || b.Kind == '-' {
		return Exact(a, b)
	}
	return a.Kind == b.Kind && a.Null == b.Null
}

// Encoding compares names of encodings. Redis 7.0, the oracle, has no listpacks for lists
// and sets; what it says of those may be a listpack in ours.
func Encoding(a, b script.Value) bool {
	return Exact(a, b) || a.Text == "listpack" && (b.Text == "quicklist" || b.Text == "hashtable")
}

// Failing compares errors as errors, whatever their words, and all else exactly: why a wait
// was ended has other words from Redis 7.2 on.
func Failing(a, b script.Value) bool { return a.Kind == '-' && b.Kind == '-' || Exact(a, b) }

// Near compares integers that may differ by so much, such as what remains of a deadline;
// negative ones and all else exactly.
func Near(slack int64) Comparison {
	return func(a, b script.Value) bool {
		x, errX := strconv.ParseInt(a.Text, 10, 64)
		y, errY := strconv.ParseInt(b.Text, 10, 64)
		if a.Kind != ':' || b.Kind != ':' || errX != nil || errY != nil || x < 0 || y < 0 {
			return Exact(a, b)
		}
		return x-y <= slack && y-x <= slack
	}
}

// Dialer connects to a server.
type Dialer func() (script.Conn, error)

// Difference is the first place where the servers part.
type Difference struct {
	// Steps are what led there, the last of them being the command that differed unless
	// Where names a place in the data set.
	Steps []Step
	Where string
	A, B  script.Value
}

// String prints the last commands and both answers.
func (d *Difference) String() string {
	var b strings.Builder
	from := max(0, len(d.Steps)-40)
	fmt.Fprintf(&b, "%d commands, the last %d:\n", len(d.Steps), len(d.Steps)-from)
	for _, s := range d.Steps[from:] {
		line := s.String()
		if len(d.Steps) > 10 && len(line) > 200 { // a short sequence is shown in full, to be typed in
			line = fmt.Sprintf("%s... (%d bytes in all)", line[:200], len(line))
		}
		fmt.Fprintf(&b, "   %s\n", line)
	}
	fmt.Fprintf(&b, "%s\n   a: %s\n   b: %s", d.Where, d.A.Format(2), d.B.Format(2))
	return b.String()
}

// checkEvery is how many steps pass between two looks at the whole data set.
const checkEvery = 5000

// Run plays the steps on both servers, which it empties first, and returns the first
// difference or nil. An error says that a server could not be asked.
func Run(a, b Dialer, steps []Step, batch func() int) (*Difference, error) {
	p, err := connect(a, b)
	if err != nil {
		return nil, err
	}
	defer p.close()
	checked := 0
	for done := 0; done < len(steps); {
		n := min(max(1, batch()), len(steps)-done)
		if i := slices.IndexFunc(steps[done:done+n], Step.alone); i >= 0 {
			n = max(i, 1)
		}
		if d, err := p.prepare(steps[done]); d != nil || err != nil {
			return d, err
		}
		at, va, vb, err := p.play(steps[done : done+n])
		if err != nil {
			return nil, fmt.Errorf("%w after\n%s", err, &Difference{Steps: steps[:done+n], Where: "(lost)", A: script.Value{Kind: script.Nothing}, B: script.Value{Kind: script.Nothing}})
		}
		if at >= 0 {
			return &Difference{Steps: steps[:done+at+1], Where: "reply to " + steps[done+at].String(), A: va, B: vb}, nil
		}
		done += n
		d, err := p.served()
		if d == nil && err == nil {
			d, err = p.heard()
		}
		if d != nil {
			d.Steps = steps[:done]
		}
		if d != nil || err != nil {
			return d, err
		}
		if done-checked >= checkEvery || done == len(steps) {
			checked = done
			d, err := p.compareData()
			if d != nil {
				d.Steps = steps[:done]
			}
			if d != nil || err != nil {
				return d, err
			}
		}
	}
	return nil, nil
}

// Bounds of Shrink: replays, and time. A replay of thousands of steps takes a second.
const (
	shrinkRuns = 400
	shrinkTime = time.Minute
)

// Shrink removes steps as long as the servers still part, and returns the shortest difference
// it found. Whatever cannot be played counts as not parting.
func Shrink(a, b Dialer, d *Difference) *Difference {
	ctx, cancel := context.WithTimeout(context.Background(), shrinkTime)
	defer cancel()
	runs := 0
	for size := (len(d.Steps) + 1) / 2; size > 0; size /= 2 {
		for at := len(d.Steps) - size; at >= 0; at -= size {
			if runs++; runs > shrinkRuns || ctx.Err() != nil {
				return d
			}
			if at+size > len(d.Steps) {
				continue // what followed has gone already
			}
			fewer := slices.Concat(d.Steps[:at], d.Steps[at+size:])
			batch := 1 + len(fewer)/20 // long ones fast, short ones as a person would type them
			less, err := Run(a, b, fewer, func() int { return batch })
			if err == nil && less != nil {
				d = less
			}
		}
	}
	return d
}

// pair is one connection to each server, and those of the waiters once there are any.
type pair struct {
	a, b      script.Conn // of the first client
	control   [2]script.Conn
	buf       []byte
	queued    queue
	waiters   *waiters
	listeners *listeners
	dial      [2]Dialer
}

func connect(a, b Dialer) (*pair, error) {
	ca, err := a()
	if err != nil {
		return nil, err
	}
	cb, err := b()
	if err != nil {
		return nil, errors.Join(err, ca.Close())
	}
	p := &pair{a: ca, b: cb, dial: [2]Dialer{a, b}}
	for i, dial := range p.dial {
		if p.control[i], err = dial(); err != nil {
			p.close()
			return nil, err
		}
	}
	if _, _, _, err := p.play([]Step{step(Exact, "FLUSHALL"), step(Exact, "CONFIG", "SET", "notify-keyspace-events", "")}); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *pair) close() {
	_ = p.a.Close() // a server that went away has been reported by play
	_ = p.b.Close()
	for _, c := range p.control {
		if c != nil {
			_ = c.Close()
		}
	}
	p.waiters.close()
	p.listeners.close()
}

// play sends the steps to both and compares; at is the first that differs, or -1.
func (p *pair) play(steps []Step) (at int, va, vb script.Value, err error) {
	if len(steps) == 1 && steps[0].Waiter > 0 {
		return p.wait(steps[0])
	}
	if len(steps) == 1 && steps[0].Listener > 0 {
		return -1, va, vb, p.listen(steps[0])
	}
	return p.exchange(p.a, p.b, steps, &p.queued)
}

// exchange is play for a client of one connection to each server, and what it has queued.
func (p *pair) exchange(a, b script.Conn, steps []Step, q *queue) (at int, va, vb script.Value, err error) {
	for i, c := range []script.Conn{a, b} {
		if err := p.send(i, c, steps); err != nil {
			return 0, va, vb, err
		}
	}
	for i, s := range steps {
		if va, err = receive(a); err == nil {
			vb, err = receive(b)
		}
		if err != nil {
			return i, va, vb, fmt.Errorf("random: reply to %s: %w", s, err)
		}
		if !q.same(s, va, vb) {
			return i, va, vb, nil
		}
	}
	return -1, va, vb, nil
}

// send pipelines the steps to a server in one write where the connection can.
func (p *pair) send(server int, c script.Conn, steps []Step) error {
	w, whole := c.(interface{ Write([]byte) error })
	p.buf = p.buf[:0]
	for _, s := range steps {
		args := make([][]byte, 0, len(s.Args))
		for _, a := range p.resolve(server, s.Args) {
			args = append(args, []byte(a))
		}
		if whole {
			p.buf = script.AppendRequest(p.buf, args...)
		} else if err := c.Send(args); err != nil {
			return fmt.Errorf("random: send %s: %w", s, err)
		}
	}
	if whole {
		if err := w.Write(p.buf); err != nil {
			return fmt.Errorf("random: send: %w", err)
		}
	}
	return nil
}

func receive(c script.Conn) (script.Value, error) { return receiveWithin(c, 20*time.Second) }

func receiveWithin(c script.Conn, patience time.Duration) (script.Value, error) {
	raw, err := c.Receive(patience)
	if err != nil {
		return script.Value{}, err
	}
	v, _, err := script.Decode(raw)
	return v, err
}

// contents says how the value of each type is read whole.
func contents(typ, key string) (Step, bool) {
	row, ok := map[string]struct {
		args []string
		same Comparison
	}{
		"string": {[]string{"GET", key}, Exact},
		"list":   {[]string{"LRANGE", key, "0", "-1"}, Exact},
		"hash":   {[]string{"HGETALL", key}, Unordered},
		"set":    {[]string{"SMEMBERS", key}, Unordered},
		"zset":   {[]string{"ZRANGE", key, "0", "-1", "WITHSCORES"}, Numbers},
		"stream": {[]string{"XRANGE", key, "-", "+"}, Exact},
	}[typ]
	return Step{Args: row.args, Same: row.same}, ok
}

// compareData compares names, types, encodings, deadlines and values in every database of a
// plan.
func (p *pair) compareData() (*Difference, error) {
	for i := range databases {
		if d, err := p.compareDatabase(strconv.Itoa(i)); d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}

func (p *pair) compareDatabase(n string) (*Difference, error) {
	part := func(steps ...Step) (*Difference, script.Value, error) {
		at, va, vb, err := p.exchange(p.control[0], p.control[1], steps, new(queue))
		if err != nil || at < 0 {
			return nil, va, err
		}
		return &Difference{Where: "database " + n + ": " + steps[at].String(), A: va, B: vb}, va, nil
	}
	d, keys, err := part(step(Exact, "SELECT", n), step(Exact, "DBSIZE"), step(Unordered, "KEYS", "*"))
	if d != nil || err != nil {
		return d, err
	}
	for _, key := range keys.Items {
		encoding := Encoding
		if strings.HasPrefix(key.Text, sortedSets) {
			encoding = Shape // Redis's SORT makes a sorted set large for good
		}
		d, typ, err := part(step(encoding, "OBJECT", "ENCODING", key.Text),
			step(Near(slackMs), "PTTL", key.Text), step(Exact, "DEBUG", "DIGEST-VALUE", key.Text), step(Exact, "TYPE", key.Text))
		if d != nil || err != nil {
			return d, err
		}
		read, ok := contents(typ.Text, key.Text)
		if !ok {
			return nil, fmt.Errorf("random: no way to read a %q", typ.Text)
		}
		if d, _, err := part(read); d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}

// For plays plan after plan, from the seed on, until the time is over, and returns how many
// commands went through, and the first difference, shrunk, with the seed that made it.
func For(ctx context.Context, a, b Dialer, seed uint64, length int, say func(string)) (played int, err error) {
	for ; ctx.Err() == nil; seed++ {
		g := NewGen(seed)
		steps := g.Plan(length)
		d, err := Run(a, b, steps, g.Batch)
		if err != nil {
			return played, fmt.Errorf("seed %d: %w", seed, err)
		}
		if d != nil {
			say(fmt.Sprintf("seed %d: servers part after %d commands, shrinking", seed, len(d.Steps)))
			return played, fmt.Errorf("random: seed %d: %s", seed, Shrink(a, b, d))
		}
		played += len(steps)
	}
	return played, nil
}
