package cmd

import (
	"bytes"
	"math"
	"strconv"

	"redust/acl"
	"redust/db"
	"redust/resp"
)

// Ranges of sorted sets: by rank, by score, by member. Eight commands read the same
// arguments in different guises, so one reader makes a span of them, and a span becomes a
// slice of ranks:
//
//	ZRANGE z (5 +inf BYSCORE LIMIT 10 3  --+
//	ZRANGEBYSCORE z (5 +inf LIMIT 10 3   --+--> span --> from 117, n 3 --> reply, store,
//	ZREVRANGE z 0 -1                     --+                               count, remove

func zsetRangeCommands() []*Command {
	const logN = "O(log(N)+M) for M members replied"
	read := func(name string, arity int, since, syntax, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: arity, Run: run,
			Flags: ReadOnly, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc:  Doc{Group: "sorted_set", Since: since, Complexity: logN, Summary: summary, Syntax: syntax},
		}
	}
	old := func(c *Command, instead string) *Command {
		c.Doc.Deprecated, c.Doc.ReplacedBy = "6.2.0", instead
		return c
	}
	since := func(c *Command, version, what string) *Command {
		c.Doc.History = [][2]string{{version, what}}
		return c
	}
	count := func(name, since, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: 4, Run: run,
			Flags: ReadOnly | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: since, Complexity: "O(log(N))",
				Summary: summary, Syntax: "key min max"},
		}
	}
	remove := func(name, since, syntax, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: 4, Run: run,
			Flags: Write, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "sorted_set", Since: since, Complexity: "O(log(N)+M) for M members removed",
				Summary: summary, Syntax: syntax},
		}
	}
	return []*Command{
		since(read("zrange", -4, "1.2.0", "key start stop [<BYSCORE | BYLEX>] [REV] [LIMIT offset count] [WITHSCORES]",
			"Lists the members in a range of places, scores, or members.",
			func(c *Ctx) error { return rangeReply(c, spanOf{at: 1}) }),
			"6.2.0", "REV, BYSCORE, BYLEX and LIMIT."),
		old(read("zrevrange", -4, "1.2.0", "key start stop [WITHSCORES]", "Lists the members in a range of places, highest score first.",
			func(c *Ctx) error { return rangeReply(c, spanOf{at: 1, by: byRank, reverse: true, fixed: true}) }),
			"`ZRANGE` with the `REV` argument"),
		since(old(read("zrangebyscore", -4, "1.0.5", "key min max [WITHSCORES] [LIMIT offset count]", "Lists the members in a range of scores.",
			func(c *Ctx) error { return rangeReply(c, spanOf{at: 1, by: byScore, fixed: true}) }),
			"`ZRANGE` with the `BYSCORE` argument"), "2.0.0", "WITHSCORES."),
		since(old(read("zrevrangebyscore", -4, "2.2.0", "key max min [WITHSCORES] [LIMIT offset count]", "Lists the members in a range of scores, highest first.",
			func(c *Ctx) error { return rangeReply(c, spanOf{at: 1, by: byScore, reverse: true, fixed: true}) }),
			"`ZRANGE` with the `REV` and `BYSCORE` arguments"), "2.1.6", "Ends that are outside themselves."),
		old(read("zrangebylex", -4, "2.8.9", "key min max [LIMIT offset count]", "Lists the members in a range of members of one score.",
			func(c *Ctx) error { return rangeReply(c, spanOf{at: 1, by: byLex, fixed: true}) }),
			"`ZRANGE` with the `BYLEX` argument"),
		old(read("zrevrangebylex", -4, "2.8.9", "key max min [LIMIT offset count]", "Lists the members in a range of members of one score, last first.",
			func(c *Ctx) error { return rangeReply(c, spanOf{at: 1, by: byLex, reverse: true, fixed: true}) }),
			"`ZRANGE` with the `REV` and `BYLEX` arguments"),
		{
			Name: "zrangestore", Arity: -5, Run: zrangeStore,
			Flags: Write | DenyOOM, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, OW|Update), key(2, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: "6.2.0", Complexity: "O(log(N)+M) for M members stored",
				Summary: "Stores the members in a range under another key.",
				Syntax:  "dst src min max [<BYSCORE | BYLEX>] [REV] [LIMIT offset count]"},
		},
		count("zcount", "2.0.0", "Counts the members in a range of scores.", zcount),
		count("zlexcount", "2.8.9", "Counts the members in a range of members of one score.", zlexCount),
		remove("zremrangebyrank", "2.0.0", "key start stop", "Removes the members in a range of places.",
			func(c *Ctx) error { return removeSpan(c, byRank) }),
		remove("zremrangebyscore", "1.2.0", "key min max", "Removes the members in a range of scores.",
			func(c *Ctx) error { return removeSpan(c, byScore) }),
		remove("zremrangebylex", "2.8.9", "key min max", "Removes the members in a range of members of one score.",
			func(c *Ctx) error { return removeSpan(c, byLex) }),
	}
}

// rangeBy is what the ends of a range are.
type rangeBy uint8

const (
	byRank rangeBy = iota
	byScore
	byLex
)

// spanOf says where a command has its range: key, min and max from argument at on; and
// what is fixed by its name, if that is not left to options.
type spanOf struct {
	at      int
	by      rangeBy
	reverse bool
	fixed   bool
	store   bool
}

// scoredSpan is a range as a client describes it.
type scoredSpan struct {
	by            rangeBy
	reverse       bool
	scores        bool // WITHSCORES
	start, stop   int64
	score         db.ScoreRange
	lex           db.LexRange
	offset, limit int64 // limit is negative for none
}

// readSpan reads the range and its options.
func readSpan(c *Ctx, of spanOf) (s scoredSpan, err error) {
	s = scoredSpan{by: of.by, reverse: of.reverse, limit: -1}
	chosen := of.fixed
	o := c.Opts(of.at + 3)
	for o.Next() {
		switch {
		case !of.store && o.Is("WITHSCORES"):
			s.scores = true
		case o.Left() >= 2 && o.Is("LIMIT"):
			s.offset, s.limit = o.Int(), o.Int()
		case !of.fixed && !s.reverse && o.Is("REV"):
			s.reverse = true
		case !chosen && o.Is("BYLEX"):
			s.by, chosen = byLex, true
		case !chosen && o.Is("BYSCORE"):
			s.by, chosen = byScore, true
		default:
			o.Fail(ErrSyntax)
		}
	}
	switch {
	case o.Err != nil:
		return s, o.Err
	case s.limit != -1 && s.by == byRank:
		return s, ErrRangeLimit
	case s.scores && s.by == byLex:
		return s, ErrRangeScores
	}
	min, max := of.at+1, of.at+2
	if s.reverse && s.by != byRank {
		min, max = max, min
	}
	return s, s.readEnds(c, min, max)
}

// readEnds reads the ends of the range out of two arguments.
func (s *scoredSpan) readEnds(c *Ctx, min, max int) (err error) {
	switch s.by {
	case byRank:
		if s.start, err = c.Int(min); err == nil {
			s.stop, err = c.Int(max)
		}
	case byScore:
		s.score, err = scoreRange(c.Arg(min), c.Arg(max))
	case byLex:
		s.lex, err = lexRange(c.Arg(min), c.Arg(max))
	}
	return err
}

// ranks is the span as ranks of a set: in reverse, from is the highest.
func (s *scoredSpan) ranks(z *db.SortedSet) (from, n int) {
	if s.by == byRank {
		return s.byRank(z.Card())
	}
	if s.by == byScore {
		from, n = z.ByScore(s.score)
	} else {
		from, n = z.ByLex(s.lex)
	}
	if s.offset < 0 || s.offset >= int64(n) {
		return 0, 0
	}
	skip := int(s.offset)
	if s.reverse {
		from += n - 1 - skip
	} else {
		from += skip
	}
	n -= skip
	if s.limit >= 0 {
		n = int(min(s.limit, int64(n)))
	}
	return from, n
}

// byRank is ranks for a range of places among card members.
func (s *scoredSpan) byRank(card int) (from, n int) {
	start, stop, size := s.start, s.stop, int64(card)
	if start < 0 {
		start = max(0, start+size)
	}
	if stop < 0 {
		stop += size
	}
	if start > stop || start >= size {
		return 0, 0
	}
	stop = min(stop, size-1)
	n = int(stop - start + 1)
	if s.reverse {
		return int(size - 1 - start), n
	}
	return int(start), n
}

// scoreRange reads the ends of a range of scores.
func scoreRange(min, max []byte) (s db.ScoreRange, err error) {
	var ok, ok2 bool
	s.Min, s.MinEx, ok = scoreEnd(min)
	s.Max, s.MaxEx, ok2 = scoreEnd(max)
	if !ok || !ok2 {
		return s, ErrScoreRange
	}
	return s, nil
}

// scoreEnd reads an end of a range of scores: what C's strtod makes of it, which is more
// than a score may be: blanks in front, nothing at all for 0, and numbers out of range.
func scoreEnd(b []byte) (f float64, ex, ok bool) {
	if n, ok := resp.ParseInt(b); ok {
		return float64(n), false, true
	}
	if len(b) > 0 && b[0] == '(' {
		b, ex = b[1:], true
	}
	b, _, _ = bytes.Cut(b, []byte{0})
	if len(b) == 0 {
		return 0, ex, true
	}
	b = bytes.TrimLeft(b, " \t\n\v\f\r")
	if bytes.IndexByte(b, '_') >= 0 {
		return 0, ex, false
	}
	s := string(b)
	if digits := bytes.TrimLeft(b, "+-"); len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' && !bytes.ContainsAny(b, "pP") {
		s += "p0"
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		// Out of range is infinity or, for what is too small, zero.
		var number *strconv.NumError
		number, _ = err.(*strconv.NumError)
		return f, ex, number.Err == strconv.ErrRange
	}
	return f, ex, !math.IsNaN(f)
}

// lexRange reads the ends of a range of members.
func lexRange(min, max []byte) (l db.LexRange, err error) {
	var ok, ok2 bool
	l.Min, ok = lexEnd(min)
	l.Max, ok2 = lexEnd(max)
	if !ok || !ok2 {
		return l, ErrLexRange
	}
	return l, nil
}

// lexEnd reads an end of a range of members.
func lexEnd(b []byte) (e db.LexEnd, ok bool) {
	if len(b) == 0 {
		return e, false
	}
	alone := len(b) == 1 || b[1] == 0
	switch b[0] {
	case '[':
		e.Member = b[1:]
	case '(':
		e.Member, e.Ex = b[1:], true
	case '-':
		e.Inf = -1
		return e, alone
	case '+':
		e.Inf = 1
		return e, alone
	default:
		return e, false
	}
	return e, true
}

// rangeReply replies the members in a range.
func rangeReply(c *Ctx, of spanOf) error {
	s, err := readSpan(c, of)
	if err != nil {
		return err
	}
	z, err := c.zset(of.at)
	if err != nil {
		return err
	}
	from, n := s.ranks(&z)
	w := c.scoredMembers(n, s.scores)
	z.Each(from, n, s.reverse, w.write)
	return w.err
}

// zrangeStore replies how many members it stored; of none, the key is deleted.
func zrangeStore(c *Ctx) error {
	s, err := readSpan(c, spanOf{at: 2, store: true})
	if err != nil {
		return err
	}
	z, err := c.zset(2)
	if err != nil {
		return err
	}
	from, n := s.ranks(&z)
	if err := c.fitsElements(int64(n)); err != nil {
		return err
	}
	draft := c.DB.NewZDraft()
	z.Each(from, n, s.reverse, func(member []byte, score float64) bool {
		draft.Grow(member, score)
		return true
	})
	return c.storeDraft(draft, "zrangestore")
}

// storeDraft stores a result under argument 1 and replies how many members it has.
func (c *Ctx) storeDraft(draft *db.ZDraft, event string) error {
	if err := c.fitsElements(int64(draft.Len())); err != nil {
		return err
	}
	draft.Sort()
	key, n := c.Arg(1), draft.Len()
	existed := c.DB.StoreZSet(key, draft)
	if n > 0 {
		c.Changed(c.DB, key, event)
	} else if existed {
		c.Changed(c.DB, key, "del")
	}
	c.Out.Int(int64(n))
	return nil
}

func zcount(c *Ctx) error    { return countSpan(c, byScore) }
func zlexCount(c *Ctx) error { return countSpan(c, byLex) }

// countSpan replies how many members are in a range.
func countSpan(c *Ctx, by rangeBy) error {
	s := scoredSpan{by: by, limit: -1}
	if err := s.readEnds(c, 2, 3); err != nil {
		return err
	}
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	_, n := s.ranks(&z)
	c.Out.Int(int64(n))
	return nil
}

// removeSpan removes the members in a range and replies how many.
func removeSpan(c *Ctx, by rangeBy) error {
	s := scoredSpan{by: by, limit: -1}
	if err := s.readEnds(c, 2, 3); err != nil {
		return err
	}
	z, err := c.zsetForWrite(1)
	if err != nil {
		return err
	}
	from, n := s.ranks(&z)
	if n > 0 {
		z.RemoveRange(from, n)
		c.shrunk(&z, c.Cmd.Name)
	}
	c.Out.Int(int64(n))
	return nil
}
