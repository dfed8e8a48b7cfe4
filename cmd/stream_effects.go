package cmd

import "redust/db/stream"

// What groups of a stream leave in the journal. Whatever way an entry took to a consumer, it is
// said as one XCLAIM that names all there is to know of the delivery, and as many entries as
// were delivered alike:
//
//	XREADGROUP GROUP g ann STREAMS s >  -->  XGROUP CREATECONSUMER s g ann     if she is new
//	                                         XCLAIM s g ann 0 5-1 5-2 TIME 1700000000000
//	                                           RETRYCOUNT 1 FORCE JUSTID LASTID 5-2
//	                                         XGROUP SETID s g 5-2 ENTRIESREAD 2
//
// and entries that are pending no more, because they were deleted, as an XACK. When a
// consumer was last seen is not said: that is for people to look at.

// claims gathers deliveries as long as they are alike.
type claims struct {
	c         *Ctx
	key       []byte
	g         stream.Edit
	to        *stream.Consumer // nil: taken off
	at, count int64
	ids       []stream.ID
}

// claimEffect begins to gather deliveries of a group; done ends it.
func (c *Ctx) claimEffect(key []byte, g stream.Edit) *claims {
	p := &c.streams.claims
	*p = claims{c: c, key: key, g: g, ids: reusable(p.ids)[:0]}
	return p
}

// add notes that an entry was delivered to a consumer at a time, for so many times by now.
func (p *claims) add(id stream.ID, to *stream.Consumer, at, count int64) {
	if p.c.Journal == nil {
		return
	}
	const most = 512
	if len(p.ids) > 0 && (p.to != to || p.at != at || p.count != count) || len(p.ids) == most {
		p.flush()
	}
	p.to, p.at, p.count = to, at, count
	p.ids = append(p.ids, id)
}

func (p *claims) flush() {
	n := len(p.ids)
	if n == 0 {
		return
	}
	if p.to == nil {
		w := p.c.Rewrite(3 + n).Str("XACK").Arg(p.key).Str(p.g.Name)
		w.ids(p.ids)
	} else {
		w := p.c.Rewrite(13 + n).Str("XCLAIM").Arg(p.key).Str(p.g.Name).Str(p.to.Name).Int(0)
		w.ids(p.ids)
		w.Str("TIME").Int(p.at).Str("RETRYCOUNT").Int(p.count).Str("FORCE").Str("JUSTID").Str("LASTID").id(p.g.Last)
	}
	p.ids = p.ids[:0]
}

// done says what has been gathered.
func (p *claims) done() {
	p.flush()
	*p = claims{ids: p.ids}
}

// groupEffect says how far a group has come.
func (c *Ctx) groupEffect(key, group []byte, last stream.ID, read int64) {
	c.Rewrite(7).Str("XGROUP").Str("SETID").Arg(key).Arg(group).id(last).Str("ENTRIESREAD").Int(read)
}

// id adds an ID.
func (w Effect) id(id stream.ID) Effect {
	if w.e != nil {
		var room [48]byte
		w.e.buf = appendWord(w.e.buf, id.Append(room[:0]))
	}
	return w
}

func (w Effect) ids(ids []stream.ID) {
	for _, id := range ids {
		w.id(id)
	}
}
