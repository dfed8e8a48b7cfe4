package cmd

import (
	"errors"
	"math"

	"redust/acl"
	"redust/db"
	"redust/db/lcs"
)

func lcsCommands() []*Command {
	return []*Command{
		{
			Name: "lcs", Arity: -3, Run: longestCommon,
			Flags: ReadOnly, ACL: acl.String,
			Keys: []KeySpec{keys(1, 1, 1, RO|Access)},
			Doc: Doc{Group: "string", Since: "7.0.0", Complexity: "O(N*M) where N and M are the lengths of the strings",
				Summary: "Finds the longest subsequence that two strings have in common.",
				Syntax:  "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]"},
		},
	}
}

// longestCommon replies the subsequence; with LEN its length; with IDX the ranges of both
// strings that it is made of, from the last to the first, and its length. A missing key is
// an empty string.
func longestCommon(c *Ctx) error {
	for i := 1; i <= 2; i++ {
		if it := c.DB.Get(c.Arg(i)); it.OK() && it.Type() != db.String {
			return ErrLCSType
		}
	}
	var onlyLen, ranges, withLen bool
	minRun := 0
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("IDX"):
			ranges = true
		case o.Is("LEN"):
			onlyLen = true
		case o.Is("WITHMATCHLEN"):
			withLen = true
		case o.Is("MINMATCHLEN") && o.Left() > 0:
			minRun = int(max(o.Int(), 0))
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	if onlyLen && ranges {
		return ErrLCSBoth
	}

	// Looking up the second key may have removed it, and made the first Item stale.
	a, b := c.bytesOf(1), c.bytesOf(2)
	if len(a) >= math.MaxUint32-1 || len(b) >= math.MaxUint32-1 {
		return ErrLCSLong
	}
	if lcs.TableBytes(len(a), len(b)) > c.Cfg.ProtoMaxBulkLen {
		return ErrLCSMemory
	}
	if onlyLen {
		c.Out.Int(int64(lcs.Length(a, b)))
		return nil
	}
	seq, runs, err := lcs.Find(a, b, minRun, c.Cfg.ProtoMaxBulkLen)
	if errors.Is(err, lcs.ErrTooLarge) {
		return ErrLCSMemory
	}
	if !ranges {
		c.Out.Bulk(seq)
		return nil
	}
	c.Out.Map(2)
	c.Out.Str("matches")
	c.Out.Array(len(runs))
	for _, r := range runs {
		if withLen {
			c.Out.Array(3)
		} else {
			c.Out.Array(2)
		}
		for _, side := range [2][2]int{{r.AStart, r.AEnd}, {r.BStart, r.BEnd}} {
			c.Out.Array(2)
			c.Out.Int(int64(side[0]))
			c.Out.Int(int64(side[1]))
		}
		if withLen {
			c.Out.Int(int64(r.Len()))
		}
	}
	c.Out.Str("len")
	c.Out.Int(int64(len(seq)))
	return nil
}

// bytesOf is the string under argument i, which has been looked up before and is a string
// or missing; borrowed until the next change.
func (c *Ctx) bytesOf(i int) []byte {
	it := c.DB.Peek(c.Args[i])
	if !it.OK() {
		return nil
	}
	return it.Bytes()
}
