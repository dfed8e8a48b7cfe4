package cmd

import (
	"redust/acl"
	"redust/db"
	"redust/db/stream"
	"redust/resp"
)

// Streams: entries that are appended, read by ranges and trimmed. What consumers read
// through groups is in stream_read.go and its neighbours.
//
// An ID that the server chooses comes from the time of the command, but is never less than
// the one after the last. Whatever does not fit that order is refused; so is what would
// make an entry or a stream too large, before anything is changed.

func streamCommands() []*Command {
	return []*Command{
		{
			Name: "xadd", Arity: -5, Run: xadd,
			Flags: Write | DenyOOM | Fast, ACL: acl.Stream,
			Keys: []KeySpec{{Flags: RW | Update, Begin: Begin{Index: 1}, Find: Find{Step: 1},
				Notes: "the value is not read, unless an option trims it"}},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1), and O(N) for N entries that are trimmed",
				Summary: "Appends an entry to a stream.",
				Syntax:  "key [NOMKSTREAM] [<MAXLEN | MINID> [<= | ~>] threshold [LIMIT count]] <* | id> field value [field value ...]",
				Hints:   []string{"nondeterministic_output"},
				History: [][2]string{
					{"6.2.0", "The options NOMKSTREAM, MINID and LIMIT."},
					{"7.0.0", "IDs of the form ms-*."},
				}},
		},
		{
			Name: "xlen", Arity: 2, Run: xlen,
			Flags: ReadOnly | Fast, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RO)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Counts the entries of a stream.", Syntax: "key"},
		},
		{
			Name: "xdel", Arity: -3, Run: xdel,
			Flags: Write | Fast, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(log N) an entry",
				Summary: "Deletes entries of a stream.", Syntax: "key ID [ID ...]"},
		},
		{
			Name: "xtrim", Arity: -4, Run: xtrim,
			Flags: Write, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RW|Delete)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(N) for N blocks of entries that go; O(1) for all entries",
				Summary: "Deletes entries from the beginning of a stream.",
				Syntax:  "key <MAXLEN | MINID> [<= | ~>] threshold [LIMIT count]",
				Hints:   []string{"nondeterministic_output"},
				History: [][2]string{{"6.2.0", "The options MINID and LIMIT."}}},
		},
		{
			Name: "xsetid", Arity: -3, Run: xsetid,
			Flags: Write | DenyOOM | Fast, ACL: acl.Stream,
			Keys: []KeySpec{key(1, RW|Update)},
			Doc: Doc{Group: "stream", Since: "5.0.0", Complexity: "O(1)",
				Summary: "Corrects what a stream knows of its past, for replication.",
				Syntax:  "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
				History: [][2]string{{"7.0.0", "The options ENTRIESADDED and MAXDELETEDID."}}},
		},
	}
}

// streamScratch is memory that the commands on streams use again and again. Nothing in it
// is of interest after a command.
type streamScratch struct {
	claims claims
	ids    []stream.ID
	items  []db.Item
}

// streamAt looks up the stream under argument i for reading; nil if there is none.
func (c *Ctx) streamAt(i int) (*stream.Stream, error) {
	it, err := c.typed(i, db.Stream)
	return it.Stream(), err
}

// xadd replies the ID of the new entry, or nil if NOMKSTREAM forbids to make the stream.
func xadd(c *Ctx) error {
	var a addOptions
	if err := a.read(c, true); err != nil {
		return err
	}
	if a.at >= c.Argc() {
		return errArity(c.Cmd.FullName)
	}
	key, pairs := c.Arg(1), c.Args[a.at+1:]
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		return errArity(c.Cmd.FullName)
	}
	if a.form == idWhole && a.id.Zero() {
		return ErrIDZero
	}
	it, err := c.typedForWrite(1, db.Stream)
	if err != nil {
		return err
	}
	if !it.OK() && a.noMake {
		c.Out.Null()
		return nil
	}
	s := it.Stream()
	id, err := a.newID(s, c.KS.Now())
	if err != nil {
		return err
	}
	if err := a.fits(c, s, pairs); err != nil {
		return err
	}

	e := c.DB.EditStream(key, it)
	e.Append(id, pairs, c.KS.StreamLimits())
	trimmed := 0
	if a.trims {
		trimmed = e.Trim(a.trim)
	}
	length := int64(e.Len())
	e.Done()
	c.Changed(c.DB, key, "xadd")
	a.effect(c, key, id, pairs, trimmed, length)
	if trimmed > 0 {
		c.Also(c.DB, key, "xtrim")
	}
	replyID(c.Out, id)
	return nil
}

// effect is what XADD leaves: the ID that it gave, and to how many entries it trimmed,
// whatever the threshold was.
func (a *addOptions) effect(c *Ctx, key []byte, id stream.ID, pairs [][]byte, trimmed int, length int64) {
	n := 3 + len(pairs)
	if trimmed > 0 {
		n += 3
	}
	w := c.Rewrite(n).Str("XADD").Arg(key)
	if trimmed > 0 {
		w = w.Str("MAXLEN").Str("=").Int(length)
	}
	w.id(id).Args(pairs)
}

// newID is the ID of an entry to be added to the stream, which may be nil.
func (a *addOptions) newID(s *stream.Stream, nowMs int64) (stream.ID, error) {
	var last stream.ID
	if s != nil {
		last = s.Last()
	}
	next, ok := last.Next()
	if !ok {
		return last, ErrIDsExhausted
	}
	id := a.id
	switch {
	case a.form == idAuto && last.Ms < uint64(nowMs):
		return stream.ID{Ms: uint64(nowMs)}, nil
	case a.form == idAuto:
		return next, nil
	case a.form == idMs && id.Ms == last.Ms:
		if id = next; id.Ms != last.Ms {
			return id, ErrEntryLarge // Redis's words for a millisecond that is full
		}
	}
	if !last.Less(id) {
		return id, ErrIDSmall
	}
	return id, nil
}

// fits refuses an entry that would make too much of the stream, which may be nil.
func (a *addOptions) fits(c *Ctx, s *stream.Stream, pairs [][]byte) error {
	size := 0
	for _, p := range pairs {
		size += len(p)
	}
	if size > stream.MaxElements {
		return ErrEntryLarge
	}
	n, held := int64(1), 0
	if s != nil {
		n, held = int64(s.Len())+1, s.MemBytes()
	}
	if a.trims && !a.trim.ByID && !a.trim.Approximate {
		n = min(n, a.trim.Keep)
	}
	if err := c.fitsElements(n); err != nil {
		return err
	}
	return c.fits(int64(held + size))
}

// addOptions is what XADD and XTRIM say before the entry.
type addOptions struct {
	trim   stream.Trim
	trims  bool // there is a threshold
	noMake bool // NOMKSTREAM
	id     stream.ID
	form   idForm
	at     int // argument that is the ID; past the end if there is none
}

// idForm is how the ID of a new entry is given.
type idForm uint8

const (
	idAuto  idForm = iota // *
	idMs                  // ms-*
	idWhole               // ms-seq
)

// read reads options from argument 2 on, and for XADD the ID that ends them.
func (a *addOptions) read(c *Ctx, add bool) error {
	limited, found := false, false
	o := c.Opts(2)
	for !found && o.Next() {
		more := o.Left() > 0
		switch {
		case add && o.Is("*"):
			found = true
		case more && (o.Is("MAXLEN") || o.Is("MINID")):
			a.threshold(o)
		case more && o.Is("LIMIT"):
			limited = true
			if a.trim.Limit = o.Int(); a.trim.Limit < 0 {
				o.Fail(ErrTrimLimit)
			}
		case add && o.Is("NOMKSTREAM"):
			a.noMake = true
		case add:
			found = true
			a.whole(o)
		default:
			o.Fail(ErrSyntax)
		}
	}
	a.at = c.Argc() - o.Left() - 1
	switch {
	case o.Err != nil:
		return o.Err
	case a.trim.Limit != 0 && !a.trims:
		return ErrLimitAlone
	case !add && !a.trims:
		return ErrTrimNone
	case c.Client.Has(ClientObeyed):
		a.trim.Limit = 0 // the threshold is what was reached under it
	case limited && !a.trim.Approximate:
		return ErrLimitExact
	case !limited && a.trim.Approximate:
		a.trim.Limit = trimLimit(c.Cfg.StreamNodeMaxEntries)
	}
	return nil
}

// whole reads the ID.
func (a *addOptions) whole(o *Opts) {
	id, auto, err := parseNewID(o.Arg())
	if err != nil {
		o.Fail(err)
	}
	a.id, a.form = id, idWhole
	if auto {
		a.form = idMs
	}
}

// threshold reads MAXLEN or MINID, and what follows it.
func (a *addOptions) threshold(o *Opts) {
	if a.trims {
		o.Fail(ErrTrimBoth)
		return
	}
	a.trims, a.trim.ByID = true, o.Is("MINID")
	arg := o.Value()
	if mark := string(arg); (mark == "~" || mark == "=") && o.Left() > 0 {
		a.trim.Approximate = mark == "~"
		arg = o.Value()
	}
	if a.trim.ByID {
		var err error
		if a.trim.Min, err = parseID(arg, 0, false); err != nil {
			o.Fail(err)
		}
		return
	}
	var ok bool
	if a.trim.Keep, ok = resp.ParseInt(arg); !ok {
		o.Fail(ErrNotInt)
	} else if a.trim.Keep < 0 {
		o.Fail(ErrMaxLen)
	}
}

// trimLimit is how many entries approximate trimming takes at most where LIMIT is not
// given: a hundred blocks.
func trimLimit(blockEntries int64) int64 {
	const blocks, least, most = 100, 10000, 1000000
	n := blocks * blockEntries
	if n <= 0 {
		return least
	}
	return min(n, most)
}

func xlen(c *Ctx) error {
	s, err := c.streamAt(1)
	if err != nil {
		return err
	}
	n := 0
	if s != nil {
		n = s.Len()
	}
	c.Out.Int(int64(n))
	return nil
}

// xdel replies how many of the entries there were. A missing stream has none, whatever the
// IDs are.
func xdel(c *Ctx) error {
	key := c.Arg(1)
	it, err := c.typedForWrite(1, db.Stream)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Int(0)
		return nil
	}
	ids, err := c.ids(c.Args[2:])
	if err != nil {
		return err
	}
	n := 0
	e := c.DB.EditStream(key, it)
	for _, id := range ids {
		if e.Delete(id) {
			n++
		}
	}
	e.Done()
	if n > 0 {
		c.Server.Dirty += int64(n - 1)
		c.Changed(c.DB, key, "xdel")
	}
	c.Out.Int(int64(n))
	return nil
}

// xtrim replies how many entries went.
func xtrim(c *Ctx) error {
	key := c.Arg(1)
	var a addOptions
	if err := a.read(c, false); err != nil {
		return err
	}
	it, err := c.typedForWrite(1, db.Stream)
	if err != nil {
		return err
	}
	if !it.OK() {
		c.Out.Int(0)
		return nil
	}
	e := c.DB.EditStream(key, it)
	n := e.Trim(a.trim)
	length := int64(e.Len())
	e.Done()
	if n > 0 {
		c.Server.Dirty += int64(n - 1)
		c.Changed(c.DB, key, "xtrim")
		c.Rewrite(5).Str("XTRIM").Arg(key).Str("MAXLEN").Str("=").Int(length)
	}
	c.Out.Int(int64(n))
	return nil
}

func xsetid(c *Ctx) error {
	key := c.Arg(1)
	last, err := parseID(c.Arg(2), 0, false)
	if err != nil {
		return err
	}
	added, deleted := int64(-1), stream.ID{}
	o := c.Opts(3)
	for o.Next() {
		more := o.Left() > 0
		switch {
		case more && o.Is("ENTRIESADDED"):
			if added = o.Int(); added < 0 {
				o.Fail(ErrAddedMinus)
			}
		case more && o.Is("MAXDELETEDID"):
			if deleted, err = parseID(o.Value(), 0, false); err != nil {
				o.Fail(err)
			} else if last.Less(deleted) {
				o.Fail(ErrSetIDDeleted)
			}
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return o.Err
	}
	it, err := c.typedForWrite(1, db.Stream)
	if err != nil {
		return err
	}
	if !it.OK() {
		return ErrNoKey
	}
	switch s := it.Stream(); {
	case last.Less(s.MaxDeleted()):
		return ErrSetIDHole
	case last.Less(s.LastEntry()):
		return ErrSetIDTop
	case s.Len() > 0 && added >= 0 && int64(s.Len()) > added:
		return ErrSetIDLength
	}
	e := c.DB.EditStream(key, it)
	if added < 0 {
		added = e.Added()
	}
	if deleted.Zero() {
		deleted = e.MaxDeleted()
	}
	e.SetLast(last, added, deleted)
	e.Done()
	c.ChangedAside(c.DB, key, "xsetid", 1)
	c.Out.OK()
	return nil
}
