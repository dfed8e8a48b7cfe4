package aof

import (
	"fmt"
	"math"
	"strconv"

	"redust/db"
	"redust/db/listpack"
	"redust/db/stream"
	"redust/internal/assert"
	"redust/internal/disk"
	"redust/rdb"
)

// A base as commands: larger than one as RDB and slower to load, but any program that can
// read requests can read it (aof-use-rdb-preamble no). It says what Redis says, in the same
// words: collections in portions of itemsPerCommand, so that whoever loads it is not asked to
// take in a value of a gigabyte at once, and deadlines after the values.
type commands struct {
	b    []byte
	f    disk.File
	err  error
	done int64 // bytes that have left b
	o    *rdb.WriteOptions
	keys int64
	tmp  [20]byte
}

const (
	itemsPerCommand = 64
	spillBytes      = 128 << 10
)

// writeCommands writes the snapshot to a file, which it creates and syncs, and returns its
// size. unix is when it was taken, to be noted in the file; 0: not.
func writeCommands(d disk.FS, path string, s *rdb.Snapshot, o *rdb.WriteOptions, unix int64) (size int64, err error) {
	f, err := d.Create(path)
	if err != nil {
		return 0, err
	}
	w := &commands{f: f, b: make([]byte, 0, 2*spillBytes), o: o}
	if unix != 0 {
		w.b = fmt.Appendf(w.b, "#TS:%d\r\n", unix)
	}
	w.all(s)
	w.spill(0)
	o.Pace.Done()
	if w.err == nil {
		w.err = f.Sync()
	}
	if err := f.Close(); w.err == nil {
		w.err = err
	}
	if w.err != nil {
		_ = d.Remove(path) // what failed before is what there is to tell
	}
	return w.done, w.err
}

// all writes all databases.
func (w *commands) all(s *rdb.Snapshot) {
	for _, source := range s.Functions {
		w.command(3).word("FUNCTION").word("LOAD").arg(source).spill(spillBytes)
	}
	for i, v := range s.DBs {
		if v.Len() == 0 {
			continue
		}
		w.command(2).word("SELECT").int(int64(i))
		v.Each(func(it db.Item) bool {
			w.item(it)
			if at := it.ExpireAt(); at != 0 {
				w.command(3).word("PEXPIREAT").arg(it.Key()).int(at)
			}
			w.keys++
			w.spill(spillBytes)
			return w.err == nil
		})
	}
}

// command begins a command of n words; as many must follow.
func (w *commands) command(n int) *commands {
	w.b = append(w.b, '*')
	w.b = strconv.AppendInt(w.b, int64(n), 10)
	w.b = append(w.b, '\r', '\n')
	return w
}

func (w *commands) length(n int) {
	w.b = append(w.b, '$')
	w.b = strconv.AppendInt(w.b, int64(n), 10)
	w.b = append(w.b, '\r', '\n')
}

func (w *commands) word(s string) *commands {
	w.length(len(s))
	w.b = append(append(w.b, s...), '\r', '\n')
	return w
}

func (w *commands) arg(s []byte) *commands {
	w.length(len(s))
	w.b = append(append(w.b, s...), '\r', '\n')
	return w
}

func (w *commands) int(n int64) *commands { return w.arg(strconv.AppendInt(w.tmp[:0], n, 10)) }

func (w *commands) value(v listpack.Value) *commands { return w.arg(v.Text(&w.tmp)) }

func (w *commands) id(id stream.ID) *commands {
	var tmp [48]byte
	return w.arg(id.Append(tmp[:0]))
}

func (w *commands) score(f float64) *commands {
	switch {
	case math.IsInf(f, 1):
		return w.word("inf")
	case math.IsInf(f, -1):
		return w.word("-inf")
	}
	var tmp [32]byte
	return w.arg(strconv.AppendFloat(tmp[:0], f, 'g', -1, 64))
}

// spill writes what has gathered, if it is more than that many bytes.
func (w *commands) spill(most int) {
	if p := w.o.Progress; p != nil && p.Cancelled() && w.err == nil {
		w.err = rdb.ErrCancelled
	}
	if len(w.b) <= most {
		return
	}
	w.o.Pace.Rest()
	if w.err == nil {
		_, w.err = w.f.Write(w.b)
	}
	from := w.done
	w.done += int64(len(w.b))
	w.b = w.b[:0]
	if n := w.o.FlushBytes; n > 0 && from/n != w.done/n && w.err == nil {
		w.err = w.f.Flush(from/n*n, w.done-from/n*n)
	}
}

// portions says elements of a collection: in front of each it begins a
// command where one is due: verb, key, and so many words for each of itemsPerCommand.
type portions struct {
	w     *commands
	verb  string
	key   []byte
	words int // for each element
	left  int
	i     int
}

// next begins what is to be said of one more element.
func (p *portions) next() {
	if p.i%itemsPerCommand == 0 {
		p.w.spill(spillBytes)
		p.w.command(2 + p.words*min(p.left, itemsPerCommand)).word(p.verb).arg(p.key)
	}
	p.i++
	p.left--
}

// item writes a value.
func (w *commands) item(it db.Item) {
	key := it.Key()
	switch it.Type() {
	case db.String:
		w.command(3).word("SET").arg(key).arg(it.Bytes())
	case db.List:
		l := it.Elements()
		p := portions{w: w, verb: "RPUSH", key: key, words: 1, left: l.Len()}
		l.Walk(0, l.Len(), func(entries []byte, n int) bool {
			for at := 0; n > 0; n-- {
				p.next()
				w.value(listpack.Get(entries, at))
				at = listpack.Skip(entries, at)
			}
			return w.err == nil
		})
	case db.Set:
		m := it.Members()
		p := portions{w: w, verb: "SADD", key: key, words: 1, left: m.Len()}
		m.Each(func(v listpack.Value) bool {
			p.next()
			w.value(v)
			return w.err == nil
		})
	case db.ZSet:
		z := it.Scores()
		n := z.Card()
		p := portions{w: w, verb: "ZADD", key: key, words: 2, left: n}
		z.Each(0, n, false, func(member []byte, score float64) bool {
			p.next()
			w.score(score).arg(member)
			return w.err == nil
		})
	case db.Hash:
		w.hash(it)
	case db.Stream:
		w.stream(key, it.Stream())
	}
}

// hash writes a hash, and then the deadlines of fields that have one.
func (w *commands) hash(it db.Item) {
	f := it.Fields()
	p := portions{w: w, verb: "HMSET", key: it.Key(), words: 2, left: f.Len()}
	f.Each(func(field, val listpack.Value, _ int64) bool {
		p.next()
		w.value(field).value(val)
		return w.err == nil
	})
	if it.FieldDeadline() == 0 {
		return
	}
	f.Each(func(field, _ listpack.Value, at int64) bool {
		if at != 0 {
			w.command(6).word("HPEXPIREAT").arg(it.Key()).int(at).word("FIELDS").word("1").value(field)
			w.spill(spillBytes)
		}
		return w.err == nil
	})
}

// stream writes entries, then the counters that they do not tell, then groups.
func (w *commands) stream(key []byte, s *stream.Stream) {
	if s.Len() == 0 {
		// An entry that goes at once leaves an empty stream.
		w.command(7).word("XADD").arg(key).word("MAXLEN").word("0").word("0-1").word("x").word("y")
	}
	var it stream.Iter
	for it.Range(s, stream.ID{}, stream.MaxID()); it.Next() && w.err == nil; {
		w.command(3 + 2*it.N).word("XADD").arg(key).id(it.ID)
		for range it.N {
			name, value := it.Field()
			w.value(name).value(value)
		}
		w.spill(spillBytes)
	}
	w.command(7).word("XSETID").arg(key).id(s.Last()).word("ENTRIESADDED").int(s.Added()).word("MAXDELETEDID").id(s.MaxDeleted())
	for _, g := range s.Groups() {
		w.command(7).word("XGROUP").word("CREATE").arg(key).word(g.Name).id(g.Last).word("ENTRIESREAD").int(g.Read)
		for i := range g.Consumers() {
			w.consumer(key, g, g.ConsumerAt(i))
		}
	}
}

func (w *commands) consumer(key []byte, g *stream.Group, c *stream.Consumer) {
	if c.Pending() == 0 {
		w.command(5).word("XGROUP").word("CREATECONSUMER").arg(key).word(g.Name).word(c.Name)
		return
	}
	c.EachPending(func(id stream.ID) bool {
		d, ok := g.Delivery(id)
		assert.That(ok, "aof: pending at a consumer, but not in its group")
		w.command(12).word("XCLAIM").arg(key).word(g.Name).word(c.Name).word("0").id(id).
			word("TIME").int(d.At).word("RETRYCOUNT").int(d.Count).word("JUSTID").word("FORCE")
		w.spill(spillBytes)
		return w.err == nil
	})
}
