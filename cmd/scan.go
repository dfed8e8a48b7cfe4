package cmd

import (
	"bytes"
	"math"

	"redust/acl"
	"redust/db"
	"redust/db/glob"
	"redust/internal/assert"
	"redust/resp"
)

// Walks over all keys. KEYS is one walk in one command; SCAN is the same walk in pieces,
// each of whole pages:
//
//	hash order   |--page--|--page--|----page----|--page--| ...
//	                               ^ cursor: the hash at which the next piece begins
//
// A cursor needs no memory in the server, and one from a walk long ago, or made up, is
// as good as any. An element that stays from the first call to the last is returned,
// whatever pages split or join meanwhile.

func scanCommands() []*Command {
	return []*Command{
		{
			Name: "keys", Arity: 2, Run: keysLike,
			Flags: ReadOnly, ACL: acl.Keyspace | acl.Dangerous,
			Doc: Doc{Group: "generic", Since: "1.0.0", Complexity: "O(N) where N is the number of keys; O(1) for a pattern without wildcards",
				Summary: "Lists all keys whose name matches a pattern.", Syntax: "pattern"},
		},
		{
			Name: "scan", Arity: -2, Run: scan,
			Flags: ReadOnly | TouchesArbitraryKeys, ACL: acl.Keyspace,
			Doc: Doc{Group: "generic", Since: "2.8.0", Complexity: "O(COUNT) a call, O(N) for a whole walk over N keys",
				Summary: "Lists keys piece by piece, by a cursor that leads from call to call.",
				Syntax:  "cursor [MATCH pattern] [COUNT count] [TYPE type]"},
		},
	}
}

// keysLike replies the keys in no order. It copies them into the reply as it meets them.
func keysLike(c *Ctx) error {
	pattern := c.Arg(1)
	if glob.Literal(pattern) {
		if !c.DB.Has(pattern) {
			c.Out.Array(0)
			return nil
		}
		c.Out.Array(1)
		c.Out.Bulk(pattern)
		return nil
	}
	n, full := 0, false
	all := matchesAll(pattern)
	mark := c.Out.Mark()
	c.DB.Each(func(it db.Item) bool {
		if all || glob.Match(pattern, it.Key(), false) {
			c.Out.Bulk(it.Key())
			n++
			full = c.replyFull(mark)
		}
		return !full
	})
	if full {
		return ErrReplyLimit
	}
	c.Out.ArrayAt(mark, n)
	return nil
}

// replyFull tells whether the reply that began at mark is longer than max-reply-bytes
// allows.
func (c *Ctx) replyFull(mark resp.Mark) bool {
	limit := c.Cfg.MaxReplyBytes
	return limit > 0 && int64(c.Out.Mark()-mark) > limit
}

// matchesAll tells the pattern that filters nothing, not even the empty key, which no
// other wildcard matches.
func matchesAll(pattern []byte) bool { return len(pattern) == 1 && pattern[0] == '*' }

// scanCount is COUNT where a client does not say.
const scanCount = 10

// scan replies the next cursor and a list of keys. It looks at COUNT keys at least,
// since a page is always finished; MATCH and TYPE then drop some of them.
func scan(c *Ctx) error {
	cursor, ok := parseCursor(c.Arg(1))
	if !ok {
		return ErrCursor
	}
	count := int64(scanCount)
	var f scanFilter
	o := c.Opts(2)
	for o.Next() {
		switch {
		case o.Is("COUNT"):
			if count = o.Int(); count < 1 {
				o.Fail(ErrSyntax)
			}
		case o.Is("MATCH"):
			f.setPattern(o.Value())
		case o.Is("TYPE"):
			f.typed = true
			f.kind, f.known = typeNamed(o.Value())
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}

	return c.scanPages(cursor, count, func(cursor uint64) (next uint64, looked, replied int) {
		next = c.DB.Scan(cursor, func(it db.Item) {
			looked++
			if f.passes(it) {
				c.Out.Bulk(it.Key())
				replied++
			}
		})
		return next, looked, replied
	})
}

// scanPages replies the next cursor and a list, which page writes a page at a time from
// where a cursor leads: it returns the cursor of the next page, 0 after the last, how many
// elements it looked at, and how many replies it wrote.
func (c *Ctx) scanPages(cursor uint64, count int64, page func(cursor uint64) (next uint64, looked, replied int)) error {
	const pagesPerElement = 10 // bounds a call where pages are empty or hold nothing that passes
	n, looked := 0, int64(0)
	mark := c.Out.Mark()
	for pages := int64(0); ; {
		next, some, wrote := page(cursor)
		cursor, looked, n = next, looked+int64(some), n+wrote
		pages++
		if c.replyFull(mark) {
			return ErrReplyLimit
		}
		if cursor == 0 || looked >= count || pages/pagesPerElement >= count {
			break
		}
	}
	head := c.Out.Mark()
	c.Out.Array(2)
	c.Out.BulkInt(int64(cursor))
	c.Out.Array(n)
	toFront(c.Out, mark, head)
	return nil
}

// scanCollection is what SSCAN, HSCAN and ZSCAN have in common: key in argument 1, cursor
// in 2, options from 3 on; NOVALUES is HSCAN's alone, and NOSCORES the same for ZSCAN. The command then calls scanPages; a
// value that is missing is an empty page, and one that is packed is one page, whatever
// the cursor.
type scanCollection struct {
	it       db.Item
	cursor   uint64
	count    int64
	f        scanFilter
	noValues bool
}

// scanArgs reads the arguments of a scan over a collection of type t.
func (c *Ctx) scanArgs(t db.Type) (s scanCollection, err error) {
	var ok bool
	if s.cursor, ok = parseCursor(c.Arg(2)); !ok {
		return s, ErrCursor
	}
	// Redis looks the key up before it reads options: a missing key is an empty page
	// whatever they are.
	if s.it, err = c.typed(1, t); err != nil || !s.it.OK() {
		return s, err
	}
	s.count = scanCount
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("COUNT"):
			if s.count = o.Int(); s.count < 1 {
				o.Fail(ErrSyntax)
			}
		case o.Is("MATCH"):
			s.f.setPattern(o.Value())
		case t == db.Hash && o.Is("NOVALUES"), t == db.ZSet && o.Is("NOSCORES"):
			s.noValues = true
		default:
			o.Fail(ErrSyntax)
		}
	}
	return s, o.Err
}

// passes tells whether the pattern lets this element through.
func (s *scanCollection) passes(element []byte) bool {
	return !s.f.match || glob.Match(s.f.pattern, element, false)
}

// scanFilter is what MATCH and TYPE let pass.
type scanFilter struct {
	match   bool
	pattern []byte
	typed   bool
	known   bool // a type of this name exists; else nothing passes
	kind    db.Type
}

func (f *scanFilter) setPattern(p []byte) { f.pattern, f.match = p, !matchesAll(p) }

func (f *scanFilter) passes(it db.Item) bool {
	if f.typed && (!f.known || it.Type() != f.kind) {
		return false
	}
	return !f.match || glob.Match(f.pattern, it.Key(), false)
}

// typeNamed finds the type that TYPE would call so, case aside.
func typeNamed(name []byte) (db.Type, bool) {
	name = lower(name)
	for _, t := range []db.Type{db.String, db.List, db.Set, db.ZSet, db.Hash, db.Stream} {
		if string(name) == t.String() {
			return t, true
		}
	}
	return 0, false
}

// toFront puts a head that is known only when its body is done, and was written behind it,
// from head on, in front of the body, which begins at body. A head is short.
func toFront(w *resp.Writer, body, head resp.Mark) {
	var b [64]byte
	n := copy(b[:], w.B[head:])
	assert.That(n == len(w.B)-int(head), "cmd: a long head is moved")
	copy(w.B[int(body)+n:], w.B[body:head])
	copy(w.B[body:], b[:n])
}

// parseCursor reads a cursor as C's strtoul does, which clients have come to rely on:
// the empty string is 0, a sign is allowed and a negative number counts from 2^64 down,
// a NUL ends it. Blanks and what does not fit 64 bits are refused.
func parseCursor(arg []byte) (uint64, bool) {
	arg, _, _ = bytes.Cut(arg, []byte{0})
	if len(arg) == 0 {
		return 0, true
	}
	return parseWrapped(arg)
}

// parseWrapped reads decimal digits behind a sign, if there is one, as C's strtoull does: a
// negative number counts from 2^64 down. Anything else, and what does not fit, is not ok.
func parseWrapped(b []byte) (n uint64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	for _, ch := range b {
		d := uint64(ch - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return n, len(b) > 0
}
