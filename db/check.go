package db

import (
	"redust/db/intset"
	"redust/db/listpack"
	"redust/internal/assert"
)

// Check is for the tests of those who build on keyspaces: it walks all of it and panics if
// memory, entries or deadlines are miscounted anywhere.
func (k *Keyspace) Check() {
	for _, d := range k.dbs {
		d.t.Check()
		d.Each(func(it Item) bool {
			if o, ok := it.ref.Object().(indexed); ok {
				o.index().Check()
			}
			if o, ok := it.ref.Object().(*zsetRoot); ok {
				assert.That(o.scores.Len() == o.order.Len(), "db: a sorted set whose two halves differ")
			}
			if s := it.Type(); s == Stream {
				it.Stream().Check()
			} else if s != String {
				it.checkPacked()
			}
			return true
		})
	}
}

// checkPacked checks the bytes of a packed collection.
func (it Item) checkPacked() {
	p := it.Bytes()
	switch it.Encoded() {
	case Large:
		return
	case Ints:
		assert.That(intset.Check(p) == nil && intset.Len(p) > 0, "db: a damaged set of integers")
		return
	case PackedTimed:
		t := it.root().(*timedPack)
		p = t.data
		assert.That(t.next == deadlineIn(p, listpack.First(p)), "db: a hash that does not know its next deadline")
	}
	assert.That(listpack.Check(p) == nil && listpack.Len(p) > 0, "db: a damaged pack")
	assert.That(listpack.Canonical(p), "db: a pack with an element in a longer form than it needs")
}
