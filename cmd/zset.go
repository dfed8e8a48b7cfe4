package cmd

import (
	"math"

	"redust/acl"
	"redust/db"
	"redust/internal/dtoa"
	"redust/resp"
)

// Sorted sets, one member at a time: changes, scores, ranks. The other files have ranges
// (zset_range.go), what takes from either end (zset_pop.go), and what computes with
// several (zset_algebra.go).
//
//	arguments --> db.SortedSet (ZSetOf) --> Find: where is it, what is its score
//	                                        Put, RemoveAt, ByScore, Each ...
//
// No handler knows whether a set is packed. All that ranges asks for ranks first, so the
// length of a reply is known before its first member is written, straight from where the
// members lie.

func zsetCommands() []*Command {
	rank := func(name, summary string, run func(*Ctx) error) *Command {
		return &Command{
			Name: name, Arity: -3, Run: run,
			Flags: ReadOnly | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: "2.0.0", Complexity: "O(log(N))",
				Summary: summary, Syntax: "key member [WITHSCORE]",
				History: [][2]string{{"7.2.0", "WITHSCORE."}}},
		}
	}
	return []*Command{
		{
			Name: "zadd", Arity: -4, Run: zadd, Member: 3,
			Flags: Write | DenyOOM | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "sorted_set", Since: "1.2.0", Complexity: "O(log(N)) for each member",
				Summary: "Gives members of a sorted set their scores.",
				Syntax:  "key [<NX | XX>] [<GT | LT>] [CH] [INCR] score member [score member ...]",
				History: [][2]string{{"2.4.0", "More than one member."}, {"3.0.2", "XX, NX, CH and INCR."}, {"6.2.0", "GT and LT."}}},
		},
		{
			Name: "zincrby", Arity: 4, Run: zincrBy, Member: 3,
			Flags: Write | DenyOOM | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RW|Access|Update)},
			Doc: Doc{Group: "sorted_set", Since: "1.2.0", Complexity: "O(log(N))",
				Summary: "Adds to the score of a member.", Syntax: "key increment member"},
		},
		{
			Name: "zrem", Arity: -3, Run: zrem, Member: 2,
			Flags: Write | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "sorted_set", Since: "1.2.0", Complexity: "O(M*log(N)) for M members",
				Summary: "Removes members from a sorted set.", Syntax: "key member [member ...]",
				History: [][2]string{{"2.4.0", "More than one member."}}},
		},
		{
			Name: "zcard", Arity: 2, Run: zcard,
			Flags: ReadOnly | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "sorted_set", Since: "1.2.0", Complexity: "O(1)",
				Summary: "Counts the members of a sorted set.", Syntax: "key"},
		},
		{
			Name: "zscore", Arity: 3, Run: zscore, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: "1.2.0", Complexity: "O(1)",
				Summary: "Tells the score of a member.", Syntax: "key member"},
		},
		{
			Name: "zmscore", Arity: -3, Run: zmscore, Member: 2,
			Flags: ReadOnly | Fast, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: "6.2.0", Complexity: "O(N) for N members",
				Summary: "Tells the scores of several members.", Syntax: "key member [member ...]"},
		},
		rank("zrank", "Tells the place of a member, lowest score first.", zrank),
		rank("zrevrank", "Tells the place of a member, highest score first.", zrevRank),
		{
			Name: "zrandmember", Arity: -2, Run: zrandMember,
			Flags: ReadOnly, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: "6.2.0", Complexity: "O(N) for N members drawn",
				Summary: "Draws members at random.", Syntax: "key [count [WITHSCORES]]",
				Hints: []string{"nondeterministic_output"}},
		},
		{
			Name: "zscan", Arity: -3, Run: zscan,
			Flags: ReadOnly, ACL: acl.SortedSet,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "sorted_set", Since: "2.8.0", Complexity: "O(COUNT) a call, O(N) for a whole walk over N members",
				Summary: "Lists members and scores piece by piece, by a cursor that leads from call to call.",
				Syntax:  "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
				Hints:   []string{"nondeterministic_output"}},
		},
	}
}

// zset looks up the sorted set under argument i for reading. A missing key is an empty set.
func (c *Ctx) zset(i int) (db.SortedSet, error) {
	it, err := c.typed(i, db.ZSet)
	if err != nil {
		return db.SortedSet{}, err
	}
	return c.DB.ZSetOf(c.Args[i], it), nil
}

// zsetForWrite is zset for one that is about to be changed.
func (c *Ctx) zsetForWrite(i int) (db.SortedSet, error) {
	it, err := c.typedForWrite(i, db.ZSet)
	if err != nil {
		return db.SortedSet{}, err
	}
	return c.DB.ZSetOf(c.Args[i], it), nil
}

// score reads argument i as a score.
func (c *Ctx) score(i int) (float64, error) {
	if f, ok := wholeScore(c.Args[i]); ok {
		return f, nil
	}
	return c.Float(i)
}

// wholeScore reads what most scores are: a few digits, perhaps with zeros in front.
func wholeScore(b []byte) (float64, bool) {
	const exact = 15 // digits that a floating-point number holds in any case
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > exact {
		return 0, false
	}
	n := int64(0)
	for _, ch := range b {
		if ch -= '0'; ch > 9 {
			return 0, false
		}
		n = n*10 + int64(ch)
	}
	if neg {
		return -float64(n), true // minus zero is a score, too
	}
	return float64(n), true
}

// zaddOptions are those of ZADD.
type zaddOptions struct{ nx, xx, gt, lt, ch, incr bool }

// read takes the options in front of the scores and returns where the scores begin.
func (o *zaddOptions) read(c *Ctx) (int, error) {
	i := 2
	for ; i < c.Argc(); i++ {
		switch a := c.Arg(i); {
		case fold(a, "NX"):
			o.nx = true
		case fold(a, "XX"):
			o.xx = true
		case fold(a, "CH"):
			o.ch = true
		case fold(a, "INCR"):
			o.incr = true
		case fold(a, "GT"):
			o.gt = true
		case fold(a, "LT"):
			o.lt = true
		default:
			return i, o.check(c.Argc() - i)
		}
	}
	return i, ErrSyntax
}

// check holds the options against each other and the number of arguments that follow.
func (o *zaddOptions) check(left int) error {
	switch {
	case left%2 != 0:
		return ErrSyntax
	case o.nx && o.xx:
		return ErrZAddNXXX
	case o.gt && o.nx, o.lt && o.nx, o.gt && o.lt:
		return ErrZAddGTLT
	case o.incr && left > 2:
		return ErrZAddIncr
	}
	return nil
}

// refuse tells whether the options let a score alone: was is the member's, if it has one.
func (o *zaddOptions) refuse(has bool, was, score float64) bool {
	if !has {
		return o.xx
	}
	return o.nx || o.lt && score >= was || o.gt && score <= was
}

// zadd replies how many members are new, with CH how many have changed; with INCR the new
// score, or nil if an option left it alone.
func zadd(c *Ctx) error { return zaddWith(c, zaddOptions{}) }

// zincrBy replies the new score. It is ZADD INCR, down to what it makes of options.
func zincrBy(c *Ctx) error { return zaddWith(c, zaddOptions{incr: true}) }

func zaddWith(c *Ctx, o zaddOptions) error {
	first, err := o.read(c)
	if err != nil {
		return err
	}
	// All scores are looked at before anything is changed; the last one is kept.
	var score float64
	for i := first; i < c.Argc(); i += 2 {
		if score, err = c.score(i); err != nil {
			return err
		}
		if err = c.fits(int64(len(c.Arg(i + 1)))); err != nil {
			return err
		}
	}
	z, err := c.zsetForWrite(1)
	if err != nil {
		return err
	}
	pairs := (c.Argc() - first) / 2
	if z.Card() > 0 || !o.xx {
		if err := c.fitsMembers(&z, first+1, 2, o.xx); err != nil {
			return err
		}
		z.Expect(pairs)
	}
	added, updated, done := 0, 0, false
	for i := first; i < c.Argc(); i += 2 {
		member := c.Arg(i + 1)
		if pairs > 1 {
			score, _ = c.score(i)
		}
		s := z.Find(member)
		if o.incr && s.OK {
			if score += s.Score; math.IsNaN(score) {
				return ErrScoreNaN
			}
		}
		if o.refuse(s.OK, s.Score, score) {
			continue
		}
		done = true
		switch {
		case !s.OK:
			added++
		case s.Score != score:
			updated++
		default:
			continue
		}
		z.Put(s, member, score)
	}
	if added+updated > 0 {
		event := "zadd"
		if o.incr {
			event = "zincr"
		}
		c.Changed(c.DB, c.Arg(1), event)
	}
	switch {
	case !o.incr && o.ch:
		c.Out.Int(int64(added + updated))
	case !o.incr:
		c.Out.Int(int64(added))
	case done:
		c.Out.Double(score)
	default:
		c.Out.Null()
	}
	return nil
}

// fitsMembers guards max-collection-elements before every step-th argument from i on becomes
// a member.
func (c *Ctx) fitsMembers(z *db.SortedSet, i, step int, xx bool) error {
	more := (c.Argc() - i + step - 1) / step
	if xx || c.fitsElements(int64(z.Card()+more)) == nil {
		return nil
	}
	fresh := make(map[string]struct{}) // somebody has come close to a limit: count exactly
	for ; i < c.Argc(); i += step {
		if _, ok := z.Score(c.Arg(i)); !ok {
			fresh[string(c.Arg(i))] = struct{}{}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return c.fitsElements(int64(z.Card() + len(fresh)))
}

// zrem replies how many members it removed.
func zrem(c *Ctx) error {
	z, err := c.zsetForWrite(1)
	if err != nil {
		return err
	}
	removed := 0
	for _, member := range c.Args[2:] {
		if z.Card() == 0 {
			break
		}
		if z.Remove(member) {
			removed++
		}
	}
	if removed > 0 {
		c.shrunk(&z, "zrem")
	}
	c.Out.Int(int64(removed))
	return nil
}

// shrunk reports that members were removed from the set under argument 1.
func (c *Ctx) shrunk(z *db.SortedSet, event string) { c.shrunkAt(c.Arg(1), z, event) }

// shrunkAt is shrunk for the set under a key.
func (c *Ctx) shrunkAt(key []byte, z *db.SortedSet, event string) {
	c.Changed(c.DB, key, event)
	if z.Card() == 0 {
		c.Gone(c.DB, key)
	}
}

func zcard(c *Ctx) error {
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	c.Out.Int(int64(z.Card()))
	return nil
}

// zscore replies the score, or nil.
func zscore(c *Ctx) error {
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	c.writeScore(&z, c.Arg(2))
	return nil
}

func (c *Ctx) writeScore(z *db.SortedSet, member []byte) {
	if score, ok := z.Score(member); ok {
		c.Out.Double(score)
	} else {
		c.Out.Null()
	}
}

// zmscore replies a score or nil for each member.
func zmscore(c *Ctx) error {
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	c.Out.Array(c.Argc() - 2)
	for _, member := range c.Args[2:] {
		c.writeScore(&z, member)
	}
	return nil
}

func zrank(c *Ctx) error    { return rankOf(c, false) }
func zrevRank(c *Ctx) error { return rankOf(c, true) }

// rankOf replies the rank of a member, with WITHSCORE its score too, or nil.
func rankOf(c *Ctx, reverse bool) error {
	if c.Argc() > 4 {
		return errArity(c.Cmd.FullName)
	}
	withScore := c.Argc() == 4
	if withScore && !fold(c.Arg(3), "WITHSCORE") {
		return ErrSyntax
	}
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	rank, score, ok := z.Rank(c.Arg(2))
	switch {
	case !ok && withScore:
		c.Out.NullArray()
		return nil
	case !ok:
		c.Out.Null()
		return nil
	case reverse:
		rank = z.Card() - 1 - rank
	}
	if withScore {
		c.Out.Array(2)
	}
	c.Out.Int(int64(rank))
	if withScore {
		c.Out.Double(score)
	}
	return nil
}

// zrandMember replies one member, or nil; with a count a list: of different members, or, if
// the count is negative, of independent draws.
func zrandMember(c *Ctx) error {
	count, withScores := int64(0), c.Argc() > 3
	if c.Argc() > 2 {
		var err error
		if count, err = c.Int(2); err != nil {
			return err
		}
		switch {
		case count == math.MinInt64:
			return ErrCountLong
		case c.Argc() > 4 || withScores && !fold(c.Arg(3), "WITHSCORES"):
			return ErrSyntax
		case withScores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2):
			return ErrRange
		}
	}
	z, err := c.zset(1)
	if err != nil {
		return err
	}
	card := z.Card()
	switch {
	case c.Argc() == 2 && card == 0:
		c.Out.Null()
	case c.Argc() == 2:
		z.Random(1, func(member []byte, _ float64) bool {
			c.Out.Bulk(member)
			return true
		})
	case card == 0 || count == 0:
		c.Out.Array(0)
	case count < 0:
		w := c.scoredMembers(int(-count), withScores)
		z.Random(-count, w.write)
		return w.err
	default:
		n := int(min(count, int64(card)))
		w := c.scoredMembers(n, withScores)
		z.Sample(n, w.write)
		return w.err
	}
	return nil
}

// memberList writes members, with their scores or without, into a reply.
type memberList struct {
	c      *Ctx
	scores bool
	mark   resp.Mark
	err    error
}

// scoredMembers begins a list of n members.
func (c *Ctx) scoredMembers(n int, scores bool) memberList {
	w := memberList{c: c, scores: scores, mark: c.Out.Mark()}
	if scores && c.Out.Proto != 3 {
		n *= 2
	}
	c.Out.Array(n)
	return w
}

// write writes one member; it returns false when the reply is too long.
func (w *memberList) write(member []byte, score float64) bool {
	out := w.c.Out
	if !w.scores {
		out.Bulk(member)
	} else {
		if out.Proto == 3 {
			out.Array(2)
		}
		out.Bulk(member)
		out.Double(score)
	}
	if w.c.replyFull(w.mark) {
		w.err = ErrReplyLimit
	}
	return w.err == nil
}

// zscan replies the next cursor and a list of members and scores.
func zscan(c *Ctx) error {
	s, err := c.scanArgs(db.ZSet)
	if err != nil {
		return err
	}
	z := c.DB.ZSetOf(c.Arg(1), s.it)
	return c.scanPages(s.cursor, s.count, func(cursor uint64) (next uint64, looked, replied int) {
		next = z.Scan(cursor, func(member, score []byte) {
			looked++
			if !s.passes(member) {
				return
			}
			c.Out.Bulk(member)
			replied++
			if !s.noValues {
				c.Out.Bulk(score)
				replied++
			}
		})
		return next, looked, replied
	})
}

// zset folds in a sorted set: each member with its score, in any order.
func (d *dataDigest) zset(z db.SortedSet) {
	var tmp [40]byte
	z.Each(0, z.Card(), false, func(member []byte, score float64) bool {
		var one dataDigest
		one.mix(member)
		one.mix(dtoa.Append17(tmp[:0], score))
		d.xor(one[:])
		return true
	})
}
