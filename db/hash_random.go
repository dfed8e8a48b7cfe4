package db

import (
	"redust/db/listpack"
	"redust/db/table"
)

// Draw calls yield for n fields drawn at random, one as often as it is drawn, until it
// returns false. The hash is not empty.
func (f *Fields) Draw(n int, yield func(field, val listpack.Value) bool) {
	if f.form == Large {
		if n > 1 && f.tab.scarce(f.now) {
			f.drawLiving(n, yield)
			return
		}
		for ; n > 0; n-- {
			if r := f.tab.random(f.now, f.d.k.rnd); !yield(listpack.Value{Str: r.Key()}, fieldValue(r)) {
				return
			}
		}
		return
	}
	// Where the fields are, so that a draw is no walk.
	var room [128]int32
	at, step := room[:0], f.step()
	pos := listpack.First(f.pack)
	if step == 3 {
		_, pos = dueIn(f.pack, f.now)
	}
	for pos < len(f.pack) {
		at = append(at, int32(pos))
		for range step {
			pos = listpack.Skip(f.pack, pos)
		}
	}
	for ; n > 0; n-- {
		pos := int(at[f.d.k.below(len(at))])
		if !yield(listpack.Get(f.pack, pos), listpack.Get(f.pack, listpack.Skip(f.pack, pos))) {
			return
		}
	}
}

// scarce tells whether most fields are past their deadline and not removed yet, so that a
// walk over all is cheaper than many draws of which one in so many hits a living one.
func (t *fieldTable) scarce(now int64) bool {
	const oneIn = 8
	return t.due(now) > 0 && oneIn*t.len(now) < t.size()
}

// drawLiving is Draw for a large hash whose fields are scarce.
func (f *Fields) drawLiving(n int, yield func(field, val listpack.Value) bool) {
	living := make([]table.Ref, 0, f.Len())
	f.tab.fields.Each(func(r table.Ref) bool {
		if at := r.Deadline(); at == 0 || at > f.now {
			living = append(living, r)
		}
		return true
	})
	for ; n > 0; n-- {
		if r := living[f.d.k.below(len(living))]; !yield(listpack.Value{Str: r.Key()}, fieldValue(r)) {
			return
		}
	}
}

// Sample calls yield for n different fields, each set of n being as likely as any other,
// until it returns false. There are that many.
func (f *Fields) Sample(n int, yield func(field, val listpack.Value) bool) {
	left := f.Len()
	if f.form == Large && n <= left/sparse && !f.tab.scarce(f.now) {
		f.sampleFew(n, yield)
		return
	}
	// Of what is left to be seen, take what is still wanted (Knuth's algorithm S).
	f.Each(func(field, val listpack.Value, _ int64) bool {
		if f.d.k.below(left) < n {
			n--
			if !yield(field, val) {
				return false
			}
		}
		left--
		return n > 0
	})
}

// sampleFew draws until n different fields have come.
func (f *Fields) sampleFew(n int, yield func(field, val listpack.Value) bool) {
	seen := make(map[string]struct{}, n)
	for len(seen) < n {
		r := f.tab.random(f.now, f.d.k.rnd)
		if _, again := seen[string(r.Key())]; again {
			continue
		}
		seen[string(r.Key())] = struct{}{}
		if !yield(listpack.Value{Str: r.Key()}, fieldValue(r)) {
			return
		}
	}
}

// random returns a field drawn at random. There is one.
func (t *fieldTable) random(now int64, rnd func() uint64) table.Ref {
	for range 100 {
		r := t.fields.Random(rnd)
		if at := r.Deadline(); at == 0 || at > now {
			return r
		}
	}
	// Nearly all are past their deadline: take the n-th of the others.
	n := int(rnd() % uint64(t.len(now)))
	var found table.Ref
	t.fields.Each(func(r table.Ref) bool {
		if at := r.Deadline(); at != 0 && at <= now {
			return true
		}
		found = r
		n--
		return n >= 0
	})
	return found
}
