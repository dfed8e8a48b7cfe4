package random

import (
	"strings"

	"redust/tests/script"
)

// Transactions of the first client, and of those who wait: these watch keys that the first
// one changes, and have transactions open while it does. What was queued is compared when
// EXEC replies, each by the comparison of its own step; so a pair keeps account of what is
// queued.
//
// In a transaction the first client says nothing that makes keys ready for who waits, since
// Redis 7.0 and its successors serve in another order if several keys are, and does not swap
// databases (Step.apart).

// queue is the comparisons of what a client has queued.
type queue struct{ of []Comparison }

// same compares the replies to a step.
func (q *queue) same(s Step, a, b script.Value) bool {
	queued := func(v script.Value) bool { return v.Kind == '+' && v.Text == "QUEUED" }
	if queued(a) && queued(b) {
		q.of = append(q.of, s.Same)
		return true
	}
	name := strings.ToUpper(s.Args[0])
	ends := name == "EXEC" || name == "DISCARD" || name == "MULTI" && a.Kind == '+'
	if name == "EXEC" && a.Kind == '*' && b.Kind == '*' && len(a.Items) == len(q.of) && len(b.Items) == len(q.of) {
		of := q.of
		q.of = nil
		for i, same := range of {
			if !same(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	}
	if ends {
		q.of = nil
	}
	return s.Same(a, b)
}

// apart tells whether a step must not stand in a transaction of the first client.
func (s Step) apart() bool {
	if s.swaps() || s.Args[0] == "CLIENT" {
		return true
	}
	for _, a := range s.Args {
		if strings.HasPrefix(a, "wait:") {
			return true
		}
	}
	return false
}

// Absent compares replies of which either may be an absent value, or an absent array: which it is
// when nobody waits has changed between versions.
func Absent(a, b script.Value) bool { return a.Null && b.Null || Exact(a, b) }

// transactions is what is said around other commands.
func transactions() Family {
	watched := func(g *Gen) []string { return g.Keys(3, g.Any) }
	other := func(name string, weight int, args func(g *Gen) []string) Command {
		return Command{Name: name, Weight: weight, Args: args, Waits: true, Whole: true}
	}
	return Family{"transactions", []Command{
		{Name: "MULTI", Weight: 25, Args: none},
		{Name: "EXEC", Weight: 2, Args: none},
		{Name: "DISCARD", Weight: 1, Args: none},
		{Name: "WATCH", Weight: 8, Args: watched},
		{Name: "UNWATCH", Weight: 1, Args: none},
		other("WATCH", 8, watched), other("MULTI", 8, none), other("EXEC", 8, none), other("DISCARD", 1, none), other("UNWATCH", 1, none),
		other("GET", 3, func(g *Gen) []string { return []string{g.Key()} }),
		other("APPEND", 3, func(g *Gen) []string { return []string{g.Key(), g.Value()} }),
		other("DEL", 2, func(g *Gen) []string { return []string{g.Any()} }),
	}}
}
