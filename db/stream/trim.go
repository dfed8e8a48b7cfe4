package stream

// Trim says what to take away from the beginning of a stream: entries that are more than
// Keep, or, with ByID, those before Min. Approximate takes only whole blocks, and Limit, if
// not 0, bounds how many entries go.
type Trim struct {
	ByID        bool
	Keep        int64
	Min         ID
	Approximate bool
	Limit       int64
}

// Trim takes entries away and returns how many.
func (s *Stream) Trim(t Trim) int {
	was := s.length
	if !t.ByID && t.Keep == 0 && t.Limit == 0 && s.lastLives() {
		s.clear()
		return was
	}
	for s.blocks.len > 0 && (t.ByID || int64(s.length) > t.Keep) {
		master, at := s.blocks.first()
		b := *at
		h := b.head()
		if t.Limit > 0 && int64(was-s.length)+h.live > t.Limit {
			break
		}
		if t.takes(s, b, master, h) {
			s.dropBlock(master)
			s.length -= int(h.live)
			continue
		}
		if !t.Approximate && s.trimBlock(t, b, master, h) {
			return was - s.length
		}
		break
	}
	if s.length < was {
		s.findFirst()
	}
	return was - s.length
}

// lastLives tells whether the last block has a live entry. If not, it would survive the last
// live entry.
func (s *Stream) lastLives() bool {
	_, at := s.blocks.last()
	return at != nil && (*at).head().live > 0
}

// takes tells whether the block, the first one, goes as a whole.
func (t *Trim) takes(s *Stream, b *block, master ID, h head) bool {
	if t.ByID {
		return b.lastID(master).Less(t.Min)
	}
	return int64(s.length)-h.live >= t.Keep
}

// trimBlock deletes entries from the beginning of the first block. It stays, even if no
// entry in it is live afterwards, which can be if its last entries had been deleted before.
// It tells whether it found the stream's first entry.
func (s *Stream) trimBlock(t Trim, b *block, master ID, h head) (found bool) {
	b = s.ownBlock(b, master)
	live := h.live
	for at := b.entries(h); at < len(b.data); {
		e := b.entryAt(at, master, &h)
		if !e.deleted {
			if t.ByID && !e.id.Less(t.Min) || !t.ByID && int64(s.length) <= t.Keep {
				s.first, found = e.id, true
				break
			}
			b.data[at] |= entryDeleted
			live--
			s.length--
		}
		at = b.behind(&e)
	}
	s.setCounts(b, live, h.deleted+h.live-live)
	return found
}

// clear takes all entries away, in a time that does not depend on their number.
func (s *Stream) clear() {
	s.blocks.drop(&s.base)
	s.weigh(-s.packed)
	s.length, s.first = 0, ID{}
}
