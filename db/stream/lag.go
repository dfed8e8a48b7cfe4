package stream

// How far a group is behind the stream, without counting. The n-th entry that was ever
// added is read as n; so an entry's number is known where nothing before it was deleted
// from the middle:
//
//	added       1    2    3    4    5    6    7       a group that has read 5 of 7
//	           (trimmed)  |first          last|       is 2 behind
//	read                           ^ 5
//
// XDEL makes holes, and the stream knows only the greatest ID of a deleted entry. Up to there
// numbers are unknown; beyond it they are certain again at the stream's last entry, and
// wherever a count went on past it.

// holes tells whether a deleted entry may lie at id or behind it, before a live one.
func (s *Stream) holes(id ID) bool {
	return s.length > 0 && !s.deleted.Less(s.first) && !s.deleted.Less(id)
}

// Number is which of all entries ever added the one at id is, or how many there were up to
// an id between two; false if that cannot be told.
func (s *Stream) Number(id ID) (int64, bool) {
	switch {
	case s.added == 0:
		return 0, true
	case s.length == 0 && !s.last.Less(id):
		return s.added, true
	case id == s.last:
		return s.added, true
	case s.last.Less(id):
		return 0, false
	case !s.deleted.Zero() && !s.deleted.Less(s.first):
		return 0, false
	case id.Less(s.first):
		return s.added - int64(s.length), true
	case id == s.first:
		return s.added - int64(s.length) + 1, true
	}
	return 0, false
}

// Lag is how many entries the group has yet to read; false if that cannot be told.
func (s *Stream) Lag(g *Group) (int64, bool) {
	if s.added == 0 {
		return 0, true
	}
	if g.Read != UnknownRead && !s.holes(g.Last) {
		return s.added - g.Read, true
	}
	n, ok := s.Number(g.Last)
	return s.added - n, ok
}

// Advance notes that the group has read on to an entry.
func (e Edit) Advance(id ID) {
	if !e.Last.Less(id) {
		return
	}
	read := e.Read
	switch {
	case read != UnknownRead && !e.s.holes(id):
		read++
	case e.s.added > 0:
		read = UnknownRead
		if n, ok := e.s.Number(id); ok {
			read = n
		}
	}
	e.SetLast(id, read)
}
