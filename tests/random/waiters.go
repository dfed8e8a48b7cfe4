package random

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"redust/tests/script"
)

// Commands that wait (BLPOP and its like) are said by clients of their own, a few on each
// server, each waiting for one thing at a time, and for ever:
//
//	first    RPUSH k3 a      ECHO x     SELECT 1    ...      everything else, in pipelines
//	waiter 1                 BLPOP k1 k3 0 ..............    until the first one pushes
//	waiter 2        BLMOVE k3 d1 LEFT LEFT 0 ............    or says CLIENT UNBLOCK
//
// What a waiter says is on its way until the server has answered or says that the client
// is blocked; only then does the plan go on, so that both servers meet all commands in one
// order. After each pipeline those who are no longer blocked must be the same on both,
// and so must their replies. A waiter that still waits is not spoken to: its steps are
// left out, on both sides.
//
// The oracle is Redis 7.0, which serves a client from the key that became ready; from 7.2
// on, and here, it is served from the first of its own that is there. So that the two cannot
// differ, no command makes more than one key ready for a client: chains (BLMOVE) lead to
// keys for which nobody waits together with others, before a SWAPDB all waits end, and the
// keys of those who wait for several hold nothing but lists.

// waiting is how many clients may wait at a time on each server.
const waiting = 3

// waiters are those clients, by server and number.
type waiters struct {
	conns [2][waiting]script.Conn
	ids   [2][waiting]string
	said  [waiting]*Step // what each of them waits for; nil: nothing
	// queued is what each of them has queued since MULTI.
	queued [waiting]queue
}

func (w *waiters) close() {
	if w == nil {
		return
	}
	for _, server := range w.conns {
		for _, c := range server {
			if c != nil {
				_ = c.Close() // what it waits for does not matter
			}
		}
	}
}

// connectWaiters connects those who wait, when the first of them has something to say.
func (p *pair) connectWaiters() error {
	p.waiters = &waiters{}
	for i := range 2 {
		for k := range waiting {
			c, err := p.dial[i]()
			if err != nil {
				return err
			}
			p.waiters.conns[i][k] = c
			id, err := script.Do(c, "CLIENT", "ID")
			if err != nil {
				return err
			}
			p.waiters.ids[i][k] = id.Text
		}
	}
	return nil
}

// wait has a waiter say something, on both servers, and compares the replies if there are
// any yet; it returns what play does.
func (p *pair) wait(s Step) (at int, va, vb script.Value, err error) {
	if p.waiters == nil {
		if err := p.connectWaiters(); err != nil {
			return 0, va, vb, err
		}
	}
	w, k := p.waiters, s.Waiter-1
	if w.said[k] != nil {
		return -1, va, vb, nil
	}
	var got [2]script.Value
	for i := range 2 {
		if err := p.send(i, w.conns[i][k], []Step{s}); err != nil {
			return 0, va, vb, err
		}
		if got[i], err = p.arrives(i, k); err != nil {
			return 0, va, vb, fmt.Errorf("random: reply to %s: %w", s, err)
		}
	}
	switch va, vb = got[0], got[1]; {
	case va.Kind == script.Nothing && vb.Kind == script.Nothing:
		w.said[k] = &s
	case va.Kind == script.Nothing || vb.Kind == script.Nothing || !w.queued[k].same(s, va, vb):
		return 0, va, vb, nil
	}
	return -1, va, vb, nil
}

// arrives returns the reply of a waiter, or Nothing once its client is blocked.
func (p *pair) arrives(server, k int) (script.Value, error) {
	for range 2000 {
		v, err := receiveWithin(p.waiters.conns[server][k], time.Millisecond)
		if !errors.Is(err, script.ErrTimeout) {
			return v, err
		}
		blocked, err := p.blocked(server)
		if err != nil || blocked[k] {
			return script.Value{Kind: script.Nothing}, err
		}
	}
	return script.Value{}, errors.New("neither a reply nor a wait")
}

// blocked asks a server which of the waiters wait.
func (p *pair) blocked(server int) (out [waiting]bool, err error) {
	conn := p.control[server]
	ids := p.waiters.ids[server][:]
	list, err := script.Do(conn, append([]string{"CLIENT", "LIST", "ID"}, ids...)...)
	if err != nil {
		return out, err
	}
	lines := strings.Split(strings.TrimSpace(list.Text), "\n")
	if len(lines) != waiting {
		return out, fmt.Errorf("random: CLIENT LIST: %s", list.Text)
	}
	for i, line := range lines {
		_, flags, _ := strings.Cut(line, " flags=")
		flags, _, _ = strings.Cut(flags, " ")
		out[i] = strings.Contains(flags, "b")
	}
	return out, nil
}

// served compares who waits no longer, and what they were told.
func (p *pair) served() (*Difference, error) {
	w := p.waiters
	if w == nil || w.said == [waiting]*Step{} {
		return nil, nil
	}
	var blocked [2][waiting]bool
	for i := range 2 {
		var err error
		if blocked[i], err = p.blocked(i); err != nil {
			return nil, err
		}
	}
	for k, s := range w.said {
		if s == nil || blocked[0][k] && blocked[1][k] {
			continue
		}
		var got [2]script.Value
		for i := range 2 {
			got[i] = script.Value{Kind: script.Nothing}
			if blocked[i][k] {
				continue
			}
			var err error
			if got[i], err = receive(w.conns[i][k]); err != nil {
				return nil, fmt.Errorf("random: reply to %s: %w", s, err)
			}
		}
		if w.said[k] = nil; blocked[0][k] != blocked[1][k] || !s.Same(got[0], got[1]) {
			return &Difference{Where: "reply to " + s.String(), A: got[0], B: got[1]}, nil
		}
	}
	return nil, nil
}

// swaps tells whether a step exchanges databases.
func (s Step) swaps() bool { return strings.EqualFold(s.Args[0], "SWAPDB") }

// alone tells whether a step travels in no pipeline.
func (s Step) alone() bool { return s.Waiter > 0 || s.Listener > 0 || s.swaps() }

// prepare does what has to be done before a step: it ends all waits if databases are
// exchanged.
func (p *pair) prepare(s Step) (*Difference, error) {
	if p.waiters == nil || !s.swaps() {
		return nil, nil
	}
	for k := range waiting {
		unblock := step(Exact, "CLIENT", "UNBLOCK", waiterMark+strconv.Itoa(k+1))
		if at, va, vb, err := p.exchange(p.control[0], p.control[1], []Step{unblock}, new(queue)); err != nil || at >= 0 {
			return &Difference{Where: "UNBLOCK before " + s.String(), A: va, B: vb}, err
		}
	}
	return p.served()
}

// resolve puts a waiter's id on that server where the plan names the waiter.
func (p *pair) resolve(server int, args []string) []string {
	if len(args) < 3 || args[0] != "CLIENT" || !strings.HasPrefix(args[2], waiterMark) {
		return args
	}
	k, err := strconv.Atoi(args[2][len(waiterMark):])
	if err != nil || p.waiters == nil {
		return []string{args[0], args[1], "0"}
	}
	return append([]string{args[0], args[1], p.waiters.ids[server][k-1]}, args[3:]...)
}

// waiterMark begins an argument that stands for the id of a waiter.
const waiterMark = "$waiter"

// blocking is what waiters say, and how their waits are ended.
func blocking() Family {
	waits := func(name string, weight int, args func(g *Gen) []string) Command {
		return Command{Name: name, Weight: weight, Args: args, Waits: true, Whole: true}
	}
	end := func(g *Gen) string { return g.Of("LEFT", "RIGHT", "left") }
	edge := func(g *Gen) string { return g.Of("MIN", "MAX", "min") }
	pop := func(keys func(*Gen) []string) func(g *Gen) []string {
		return func(g *Gen) []string { return append(keys(g), "0") }
	}
	most := func(keys func(*Gen) []string, side func(*Gen) string) func(g *Gen) []string {
		return func(g *Gen) []string {
			keys := keys(g)
			out := append([]string{"0", strconv.Itoa(len(keys))}, keys...)
			if out = append(out, side(g)); g.OneIn(2) {
				out = append(out, "COUNT", strconv.Itoa(1+g.r.IntN(3)))
			}
			return out
		}
	}
	read := func(g *Gen) []string {
		out := []string{"BLOCK", "0", "STREAMS"}
		if g.OneIn(3) {
			return append(out, "wait:s0", "wait:s1", "$", "$") // not one twice, which Redis 7.0 replies once
		}
		return append(out, g.log(), g.Of("$", "1", "1-5"))
	}
	return Family{"blocking", []Command{
		waits("XREAD", 4, read),
		{Name: "XREADGROUP", Weight: 6, Args: func(g *Gen) []string {
			return []string{"GROUP", g.Of("g", "h"), g.Of("ann", "bob"), "BLOCK", "0", "COUNT", "1", "STREAMS", g.log(), ">"}
		}, Same: Failing, Waits: true, Whole: true},
		{Name: "XGROUP", Weight: 4, Args: func(g *Gen) []string { return []string{"CREATE", g.log(), g.Of("g", "h"), "$", "MKSTREAM"} }, Whole: true},
		{Name: "XGROUP", Weight: 1, Args: func(g *Gen) []string { return []string{"DESTROY", g.log(), g.Of("g", "h")} }, Whole: true},
		{Name: "XADD", Weight: 12, Args: func(g *Gen) []string { return []string{g.log(), "1-*", "f", g.Int()} }, Whole: true}, // long values overrun a node in Redis 7.0 when stream-node-max-bytes has sunk
		{Name: "DEL", Weight: 1, Args: func(g *Gen) []string { return []string{g.log()} }, Whole: true},
		{Name: "RENAME", Weight: 1, Args: func(g *Gen) []string { return []string{g.log(), g.log()} }, Whole: true},
		waits("BZPOPMIN", 3, pop((*Gen).ranks)), waits("BZPOPMAX", 3, pop((*Gen).ranks)), waits("BZMPOP", 3, most((*Gen).ranks, edge)),
		{Name: "ZADD", Weight: 6, Args: func(g *Gen) []string {
			return []string{g.ranks()[0], g.Offset(9), "a", g.Offset(9), "b" + g.Offset(3)}
		}, Whole: true},
		{Name: "DEL", Weight: 1, Args: (*Gen).ranks, Whole: true},
		waits("BLPOP", 4, pop((*Gen).several)), waits("BRPOP", 4, pop((*Gen).several)), waits("BLMPOP", 4, most((*Gen).several, end)),
		waits("BLMOVE", 6, func(g *Gen) []string { return []string{g.Chained(), g.next(), end(g), end(g), "0"} }),
		{Name: "BRPOPLPUSH", Weight: 3, Args: func(g *Gen) []string { return []string{g.Chained(), g.next(), "0"} }, Same: Absent, Waits: true, Whole: true},
		waits("BLPOP", 2, func(g *Gen) []string { return []string{g.Chained(), g.Of("0", "x", "-1")} }),
		waits("SELECT", 2, func(g *Gen) []string { return []string{database(g)} }),
		{Name: "RPUSH", Weight: 12, Args: func(g *Gen) []string { return []string{g.Chained(), g.Value()} }},
		{Name: "LPUSH", Weight: 6, Args: func(g *Gen) []string { return append(g.several()[:1], g.Value(), g.Value()) }, Whole: true},
		{Name: "LMOVE", Weight: 4, Args: func(g *Gen) []string { return []string{g.Chained(), g.several()[0], end(g), end(g)} }, Whole: true},
		{Name: "DEL", Weight: 2, Args: func(g *Gen) []string { return g.several() }, Whole: true},
		{Name: "CLIENT", Weight: 2, Args: func(g *Gen) []string {
			out := []string{"UNBLOCK", waiterMark + strconv.Itoa(1+g.r.IntN(waiting))}
			if g.OneIn(3) {
				out = append(out, g.Of("TIMEOUT", "ERROR", "error"))
			}
			return out
		}, Whole: true},
	}}
}

// several is one to three keys that no chain leads to and that only lists are stored under.
func (g *Gen) several() []string {
	return g.Keys(3, func() string { return "wait:l" + strconv.Itoa(g.r.IntN(4)) })
}

// ranks is one to three keys under which only sorted sets are stored.
func (g *Gen) ranks() []string {
	return g.Keys(3, func() string { return "wait:z" + strconv.Itoa(g.r.IntN(3)) })
}

// log is a key under which only streams are stored.
func (g *Gen) log() string { return "wait:s" + strconv.Itoa(g.r.IntN(3)) }

// Chained is a key that chains may lead to, or may begin at.
func (g *Gen) Chained() string {
	if g.OneIn(3) {
		return g.Key()
	}
	return g.next()
}

// next is a key that chains lead to.
func (g *Gen) next() string { return "wait:d" + strconv.Itoa(g.r.IntN(3)) }
