package cmd

import (
	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Union, intersection and difference of sorted sets, and of plain sets, whose members
// score 1; replied or stored. db has the algebra, this file the arguments:
//
//	[destination] numkeys key ... [WEIGHTS w ...] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]

func zsetAlgebraCommands() []*Command {
	const options = " [WEIGHTS weight [WEIGHTS weight ...]] [AGGREGATE <SUM | MIN | MAX>]"
	read := func(name, since, options, complexity, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -3, Run: run,
			Flags: ReadOnly, ACL: acl.SortedSet,
			Keys: []KeySpec{numKeys(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: since, Complexity: complexity,
				Summary: summary, Syntax: "numkeys key [key ...]" + options},
		}
	}
	store := func(name, since, options, complexity, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -4, Run: run,
			Flags: Write | DenyOOM, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, OW|Update), numKeys(2, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: since, Complexity: complexity,
				Summary: summary, Syntax: "destination numkeys key [key ...]" + options},
		}
	}
	const (
		union = "O(N)+O(M*log(M)) for N members in all and M in the result"
		inter = "O(N*K)+O(M*log(M)) for N members in the smallest of K sets and M in the result"
		diff  = "O(N*K)+O(M*log(M)) for N members in the first of K sets and M in the result"
	)
	return []*Command{
		read("zunion", "6.2.0", options+" [WITHSCORES]", union, "Lists the members of any of several sorted sets.",
			func(c *Ctx) error { return replyAlgebra(c, opUnion) }),
		read("zinter", "6.2.0", options+" [WITHSCORES]", inter, "Lists the members of all of several sorted sets.",
			func(c *Ctx) error { return replyAlgebra(c, opInter) }),
		read("zdiff", "6.2.0", " [WITHSCORES]", diff, "Lists the members of the first of several sorted sets that no other has.",
			func(c *Ctx) error { return replyAlgebra(c, opDiff) }),
		store("zunionstore", "2.0.0", options, union, "Stores the members of any of several sorted sets.",
			func(c *Ctx) error { return storeAlgebra(c, opUnion) }),
		store("zinterstore", "2.0.0", options, inter, "Stores the members of all of several sorted sets.",
			func(c *Ctx) error { return storeAlgebra(c, opInter) }),
		store("zdiffstore", "6.2.0", "", diff, "Stores the members of the first of several sorted sets that no other has.",
			func(c *Ctx) error { return storeAlgebra(c, opDiff) }),
		read("zintercard", "7.0.0", " [LIMIT limit]", "O(N*K) for N members in the smallest of K sets",
			"Counts the members of all of several sorted sets.", zinterCard),
	}
}

// operation is what an algebra command does with its sets.
type operation uint8

const (
	opUnion operation = iota
	opInter
	opDiff
	opCount
)

// operands is the arguments of an algebra command.
type operands struct {
	sets   []db.Scored
	how    db.Aggregate
	scores bool
	limit  int64
}

// readOperands reads the arguments from the number of keys on. As in Redis, keys are looked
// up before options are read.
func readOperands(c *Ctx, at int, op operation, store bool) (a operands, err error) {
	n, ok := resp.ParseInt(c.Arg(at))
	switch {
	case !ok:
		return a, ErrNotInt
	case n < 1:
		return a, errNoInputKeys(c.Cmd)
	case n > int64(c.Argc()-at-1):
		return a, ErrSyntax
	}
	a.sets = make([]db.Scored, n)
	for i := range a.sets {
		k := c.Arg(at + 1 + i)
		if a.sets[i], ok = c.DB.ScoredOf(k, c.DB.Get(k)); !ok {
			return a, ErrWrongType
		}
	}
	o := c.Opts(at + 1 + int(n))
	for o.Next() {
		switch {
		case op <= opInter && o.Left() >= len(a.sets) && o.Is("WEIGHTS"):
			a.readWeights(o)
		case op <= opInter && o.Left() >= 1 && o.Is("AGGREGATE"):
			a.readAggregate(o)
		case op != opCount && !store && o.Is("WITHSCORES"):
			a.scores = true
		case op == opCount && o.Left() >= 1 && o.Is("LIMIT"):
			if a.limit, ok = resp.ParseInt(o.Value()); !ok || a.limit < 0 {
				o.Fail(ErrLimitMinus)
			}
		default:
			o.Fail(ErrSyntax)
		}
	}
	return a, o.Err
}

func (a *operands) readWeights(o *Opts) {
	for i := range a.sets {
		var ok bool
		if a.sets[i].Weight, ok = ParseFloat(o.Value()); !ok {
			o.Fail(ErrWeight)
		}
	}
}

func (a *operands) readAggregate(o *Opts) {
	o.Value()
	switch {
	case o.Is("SUM"):
		a.how = db.Sum
	case o.Is("MIN"):
		a.how = db.Min
	case o.Is("MAX"):
		a.how = db.Max
	default:
		o.Fail(ErrSyntax)
	}
}

// compute is the result, not yet sorted.
func (a *operands) compute(c *Ctx, op operation) *db.ZDraft {
	switch op {
	case opUnion:
		return c.DB.Union(a.sets, a.how)
	case opInter:
		return c.DB.Inter(a.sets, a.how)
	}
	return c.DB.Diff(a.sets)
}

// replyAlgebra replies the members of the result, in order.
func replyAlgebra(c *Ctx, op operation) error {
	a, err := readOperands(c, 1, op, false)
	if err != nil {
		return err
	}
	draft := a.compute(c, op)
	draft.Sort()
	w := c.scoredMembers(draft.Len(), a.scores)
	draft.Each(w.write)
	return w.err
}

// storeAlgebra stores the result under argument 1.
func storeAlgebra(c *Ctx, op operation) error {
	a, err := readOperands(c, 2, op, true)
	if err != nil {
		return err
	}
	events := [...]string{opUnion: "zunionstore", opInter: "zinterstore", opDiff: "zdiffstore"}
	return c.storeDraft(a.compute(c, op), events[op])
}

// zinterCard replies how many members are in all sets, up to a limit.
func zinterCard(c *Ctx) error {
	a, err := readOperands(c, 1, opCount, false)
	if err != nil {
		return err
	}
	c.Out.Int(c.DB.InterCard(a.sets, a.limit))
	return nil
}
