package db

import (
	"redust/db/intset"
	"redust/db/listpack"
	"redust/db/table"
)

// Changes to a set. begin makes it writable; the change may turn its form into a larger
// one on the way; Done puts back whatever form it has become.

// begin makes the set writable. It is called again before each change, and only the first
// call does something.
func (s *Members) begin() {
	if s.begun {
		return
	}
	s.begun = true
	if s.form == Large {
		s.t = (*table.Table)(s.d.ownRoot(s.it).(*setTable))
		s.was = s.t.MemBytes()
		return
	}
	if s.b = s.d.edit(s.it); len(s.b) == 0 {
		s.b = s.none()
	}
}

// none appends an empty set of the form, which is a small one, to the scratch bytes.
func (s *Members) none() []byte {
	if s.form == Ints {
		return append(s.b, intset.New()...)
	}
	return append(s.b, 0, 0) // a pack of no entries
}

// maxInts is how many members integers may have. Redis knows this bound beside the limit.
func (k *Keyspace) maxInts() int { return int(min(k.Limits.SetInts, 1<<30)) }

// maxPack bounds the bytes of a packed set, however long members are allowed to be.
const maxPack = 1 << 30

// Add makes members of what is given and tells how many were none. Redis decides by the
// number of those at hand, new or not, whether the set is to become large at once.
func (s *Members) Add(members [][]byte) (added int) {
	n := len(members)
	switch {
	case !s.it.OK() && !s.begun:
		s.create(members)
	case s.form == Ints && n > s.d.k.maxInts(), s.form == Packed && int64(n) > s.d.k.Limits.SetEntries:
		s.begin()
		s.enlarge(n)
	}
	for len(members) > 0 && s.form != Large {
		if s.add(members[0]) {
			added++
		}
		members = members[1:]
	}
	if len(members) == 0 {
		return added
	}
	s.begin()
	var hashes [table.TouchMax]uint64
	for len(members) > 0 {
		n := s.ahead(members, &hashes)
		for i, m := range members[:n] {
			if s.t.Add(hashes[i], m) {
				added++
			}
		}
		members = members[n:]
	}
	return added
}

// create chooses the form of a new set of these members, of which some may be there twice.
func (s *Members) create(members [][]byte) {
	k, n := s.d.k, len(members)
	_, isInt := listpack.ParseInt(members[0])
	switch {
	case isInt && n <= k.maxInts():
		s.form = Ints
	case int64(n) <= k.Limits.SetEntries:
		s.form = Packed
	default:
		long := 0
		for _, m := range members {
			if len(m) <= table.MaxInline {
				long += len(m)
			}
		}
		s.begun, s.rooted, s.form = true, true, Large
		s.t = table.NewMembersFor(k.seed, k.clock, n, long)
		return
	}
	s.begin()
}

// ahead hashes the first members, as many as can be touched at once, brings what looking
// them up needs into the caches, and returns how many they are.
func (s *Members) ahead(members [][]byte, hashes *[table.TouchMax]uint64) int {
	n := min(len(members), len(hashes))
	for i, m := range members[:n] {
		hashes[i] = s.t.Hash(m)
	}
	if n > 1 {
		s.t.Touch(hashes[:n])
	}
	return n
}

// add is Add for one.
func (s *Members) add(m []byte) bool {
	if s.form == Large {
		s.begin()
		return s.t.Add(s.t.Hash(m), m)
	}
	if s.form == Ints {
		if n, ok := listpack.ParseInt(m); ok {
			return s.addInt(n)
		}
	} else if s.Has(m) {
		return false
	}
	s.begin()
	s.put(m)
	return true
}

// put is add for something that is no member yet, and no integer if all the others are. The
// set is small and writable.
func (s *Members) put(m []byte) {
	switch {
	case s.form == Ints:
		if s.fits(intset.Len(s.b), m, 2*len(s.b)) && int64(intset.Digits(s.b)) <= s.d.k.Limits.SetValue {
			s.pack()
			s.b = listpack.Append(s.b, m)
			return
		}
	case s.fits(listpack.Len(s.b), m, len(s.b)):
		s.b = listpack.Append(s.b, m)
		return
	}
	s.enlarge(1)
	s.t.Add(s.t.Hash(m), m)
}

// addInt is add for an integer.
func (s *Members) addInt(n int64) (added bool) {
	if s.form != Ints {
		m := listpack.Value{Int: n, IsInt: true}
		var tmp [20]byte
		return s.add(m.Text(&tmp))
	}
	if !s.begun && intset.Has(s.b, n) {
		return false
	}
	s.begin()
	s.b, added = intset.Add(s.b, n)
	if added && intset.Len(s.b) > s.d.k.maxInts() {
		s.enlarge(0)
	}
	return added
}

// fits tells whether m may join n members in a pack of so many bytes.
func (s *Members) fits(n int, m []byte, size int) bool {
	l := &s.d.k.Limits
	return int64(n) < l.SetEntries && int64(len(m)) <= l.SetValue && size+len(m) <= maxPack
}

// pack changes the form from integers to packed.
func (s *Members) pack() {
	b := append(make([]byte, 0, 2*len(s.b)+64), 0, 0)
	intset.Each(s.b, func(n int64) bool {
		b = listpack.AppendInt(b, n)
		return true
	})
	s.form, s.b = Packed, b
}

// enlarge changes the form to large, with room for more members.
func (s *Members) enlarge(more int) {
	k := s.d.k
	t := table.NewMembersFor(k.seed, k.clock, s.Len()+more, len(s.b))
	var tmp [20]byte
	s.Each(func(m listpack.Value) bool {
		text := m.Text(&tmp)
		return t.Add(t.Hash(text), text)
	})
	s.form, s.t, s.b, s.rooted = Large, t, nil, true
}

// Remove takes members out and tells how many there were.
func (s *Members) Remove(members [][]byte) (removed int) {
	if s.form == Large {
		s.begin()
		var hashes [table.TouchMax]uint64
		for len(members) > 0 {
			n := s.ahead(members, &hashes)
			for i, m := range members[:n] {
				if s.t.Delete(hashes[i], m) {
					removed++
				}
			}
			members = members[n:]
		}
		return removed
	}
	for _, m := range members {
		if s.Len() == 0 {
			break
		}
		if s.removeSmall(m) {
			removed++
		}
	}
	return removed
}

func (s *Members) removeSmall(m []byte) bool {
	if s.form == Ints {
		n, ok := listpack.ParseInt(m)
		if !ok {
			return false
		}
		i, ok := intset.Find(s.b, n)
		if ok {
			s.begin()
			s.b = intset.RemoveAt(s.b, i)
		}
		return ok
	}
	at := listpack.Find(s.b, listpack.First(s.b), m, 0)
	if at < 0 {
		return false
	}
	s.begin()
	s.b = listpack.Delete(s.b, at, 1)
	return true
}

// CountNew is how many of these Add would add.
func (s *Members) CountNew(members [][]byte) (n int) {
	seen := table.NewMembers(s.d.k.seed, s.d.k.clock)
	for _, m := range members {
		if !s.Has(m) && seen.Add(seen.Hash(m), m) {
			n++
		}
	}
	return n
}

// Done keeps what has been done, and tells whether no member is left, so that the key is
// gone.
func (s *Members) Done() (gone bool) {
	d := s.d
	if s.begun && s.form == Large && !s.rooted {
		d.resized(s.t.MemBytes() - s.was)
	}
	switch {
	case !s.begun:
	case s.Len() == 0:
		if s.it.OK() {
			d.remove(s.key)
		}
		return true
	case s.form != Large:
		d.store(s.key, s.it, Set, s.form, s.b)
	case s.rooted:
		d.storeRoot(s.key, s.it, Set, Large, (*setTable)(s.t))
	}
	return false
}
