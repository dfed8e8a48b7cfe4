package cmd

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"redust/acl"
	"redust/db"
	"redust/db/listpack"
	"redust/resp"
)

// Lists. Commands see a list as a db.Elements, whatever its form, and three files share the
// work:
//
//	list.go        reading: LRANGE LINDEX LLEN LPOS
//	list_write.go  changing one list: pushes and pops, LSET LINSERT LREM LTRIM
//	list_move.go   several keys, and waiting: LMOVE RPOPLPUSH LMPOP, BLPOP and its kin
//
// Events: lpush and rpush, lpop and rpop, lset, linsert, lrem, ltrim; an LMOVE is a push and
// then a pop; del after any of them that left the list empty.

func listCommands() []*Command {
	return []*Command{
		{
			Name: "lrange", Arity: 4, Run: lrange,
			Flags: ReadOnly, ACL: acl.List,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(log N + M) where N is the length of the list and M the number of elements returned",
				Summary: "Reads a range of elements.", Syntax: "key start stop"},
		},
		{
			Name: "lindex", Arity: 3, Run: lindex,
			Flags: ReadOnly, ACL: acl.List,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(log N) where N is the length of the list",
				Summary: "Reads the element with an index.", Syntax: "key index"},
		},
		{
			Name: "llen", Arity: 2, Run: llen,
			Flags: ReadOnly | Fast, ACL: acl.List,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "list", Since: "1.0.0", Complexity: "O(1)",
				Summary: "Counts the elements.", Syntax: "key"},
		},
		{
			Name: "lpos", Arity: -3, Run: lpos,
			Flags: ReadOnly, ACL: acl.List,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "list", Since: "6.0.6", Complexity: "O(N) where N is the number of elements looked at",
				Summary: "Finds the indexes of an element.",
				Syntax:  "key element [RANK rank] [COUNT num-matches] [MAXLEN len]"},
		},
	}
}

// elements looks up the list under argument 1 for reading.
func (c *Ctx) elements() (db.Elements, error) {
	it, err := c.typed(1, db.List)
	if err != nil {
		return db.Elements{}, err
	}
	return it.Elements(), nil
}

// lrange replies the elements from one index to another, both included; negative ones count
// from the end.
func lrange(c *Ctx) error {
	from, err := c.Int(2)
	if err != nil {
		return err
	}
	to, err := c.Int(3)
	if err != nil {
		return err
	}
	e, err := c.elements()
	if err != nil {
		return err
	}
	first, n := span(from, to, e.Len())
	return c.listed(&e, first, n)
}

// span turns a range as clients write it (both ends included, negative ones counted from
// the end) into a first index and a number of elements of a list of length n.
func span(from, to int64, n int) (first, count int) {
	if from < 0 {
		from = max(from+int64(n), 0)
	}
	if to < 0 {
		to += int64(n)
	}
	if to = min(to, int64(n)-1); from > to {
		return 0, 0
	}
	return int(from), int(to - from + 1)
}

// listed replies an array of n elements from number i on.
func (c *Ctx) listed(e *db.Elements, i, n int) error {
	mark := c.Out.Mark()
	c.Out.Array(n)
	full := false
	e.Walk(i, n, func(entries []byte, n int) bool {
		c.Out.B = appendEntries(c.Out.B, entries, n)
		full = c.replyFull(mark)
		return !full
	})
	return fullError(full)
}

// listedBack is listed in the other direction.
func (c *Ctx) listedBack(e *db.Elements, i, n int) error {
	mark := c.Out.Mark()
	c.Out.Array(n)
	full := false
	e.WalkBack(i, n, func(entries []byte, n int) bool {
		for end := len(entries); n > 0; n-- {
			end = listpack.Back(entries, end)
			c.bulk(listpack.Get(entries, end))
		}
		full = c.replyFull(mark)
		return !full
	})
	return fullError(full)
}

// appendEntries appends the first n entries of a listpack to b, each as a bulk string. It is
// what LRANGE spends its time on, so room is made once, short strings are copied a word at a
// time, and numbers are formatted where they are to stand.
func appendEntries(b, entries []byte, n int) []byte {
	const (
		most  = 17 // bytes that a bulk string takes more than its entry: a long integer
		slack = 16 // written beyond the end, by words
		crlf  = '\r' | '\n'<<8
	)
	le := binary.LittleEndian
	b = slices.Grow(b, len(entries)+most*n+slack)
	i, out := len(b), b[:cap(b)]
	for at := 0; n > 0; n-- {
		k := int(entries[at]) - 0x80
		switch {
		case k >= 0 && k < 1<<6: // a string of up to 63 bytes
			if k < 10 {
				le.PutUint32(out[i:], '$'|uint32('0'+k)<<8|crlf<<16)
				i += 4
			} else {
				le.PutUint32(out[i:], '$'|uint32('0'+k/10)<<8|uint32('0'+k%10)<<16|'\r'<<24)
				out[i+4] = '\n'
				i += 5
			}
			if text := entries[at+1:]; k <= slack && len(text) >= slack {
				le.PutUint64(out[i:], le.Uint64(text))
				le.PutUint64(out[i+8:], le.Uint64(text[8:]))
			} else {
				copy(out[i:], text[:k])
			}
			i += k
			at += k + 2
		default:
			v := listpack.Get(entries, at)
			at = listpack.Skip(entries, at)
			if !v.IsInt || v.Int <= -1e8 || v.Int >= 1e9 {
				w := resp.Writer{B: out[:i]}
				if v.IsInt {
					w.BulkInt(v.Int)
				} else {
					w.Bulk(v.Str)
				}
				i = len(w.B)
				continue
			}
			digits := len(strconv.AppendInt(out[:i+4], v.Int, 10)) - i - 4
			le.PutUint32(out[i:], '$'|uint32('0'+digits)<<8|crlf<<16)
			i += 4 + digits
		}
		le.PutUint16(out[i:], crlf)
		i += 2
	}
	return out[:i]
}

// lindex replies the element, or nil.
func lindex(c *Ctx) error {
	e, err := c.elements()
	if err != nil {
		return err
	}
	n := e.Len()
	if n == 0 {
		c.Out.Null()
		return nil
	}
	i, err := c.Int(2)
	if err != nil {
		return err
	}
	if i, ok := indexIn(i, n); ok {
		c.bulk(e.Get(i))
		return nil
	}
	c.Out.Null()
	return nil
}

// indexIn turns an index as clients write it, from the end if negative, into one of a list of
// length n; ok is false if there is no such element.
func indexIn(i int64, n int) (index int, ok bool) {
	if i < 0 {
		i += int64(n)
	}
	return int(i), i >= 0 && i < int64(n)
}

// llen replies 0 for a missing key.
func llen(c *Ctx) error {
	e, err := c.elements()
	if err != nil {
		return err
	}
	c.Out.Int(int64(e.Len()))
	return nil
}

// lpos replies the index of the first match, or nil; with COUNT, a list of so many indexes,
// 0 for all. A negative RANK searches from the end.
func lpos(c *Ctx) error {
	rank, count, most := int64(1), int64(-1), int64(0)
	o := c.Opts(3)
	for o.Next() {
		switch {
		case o.Is("RANK") && o.Left() > 0:
			if rank = o.Int(); o.Err == nil && rank == 0 {
				o.Fail(ErrRankZero)
			} else if rank == math.MinInt64 {
				o.Fail(errIntBetween(-math.MaxInt64, math.MaxInt64))
			}
		case o.Is("COUNT") && o.Left() > 0:
			count = o.AtLeast(0, ErrCountMinus)
		case o.Is("MAXLEN") && o.Left() > 0:
			most = o.AtLeast(0, ErrMaxLenMinus)
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	e, err := c.elements()
	if err != nil {
		return err
	}
	if most == 0 {
		most = math.MaxInt
	}
	back := rank < 0
	if back {
		rank = -rank
	}
	mark := c.Out.Mark()
	found, full := int64(0), false
	e.Search(c.Arg(2), back, int(most), func(i int) bool {
		if rank--; rank > 0 {
			return true
		}
		c.Out.Int(int64(i))
		found++
		full = c.replyFull(mark)
		return !full && count >= 0 && found != count
	})
	switch {
	case full:
		return ErrReplyLimit
	case count >= 0:
		c.Out.ArrayAt(mark, int(found))
	case found == 0:
		c.Out.Null()
	}
	return nil
}

// quickNodes is what DEBUG OBJECT says of a list that is called a quicklist: its nodes are
// blocks, and none is compressed.
func (c *Ctx) quickNodes(it db.Item) string {
	nodes, bytes, ok := it.Nodes()
	if !ok {
		return ""
	}
	e := it.Elements()
	return fmt.Sprintf(" ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:0 ql_uncompressed_size:%d",
		nodes, float64(e.Len())/float64(nodes), c.Cfg.ListMaxListpackSize, bytes)
}

// list folds in a list, in its order.
func (d *dataDigest) list(e db.Elements) {
	var tmp [20]byte
	e.Walk(0, e.Len(), func(entries []byte, n int) bool {
		for at := 0; n > 0; n-- {
			d.mix(listpack.Get(entries, at).Text(&tmp))
			at = listpack.Skip(entries, at)
		}
		return true
	})
}
