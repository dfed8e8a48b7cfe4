package db

import "redust/internal/assert"

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
			return true
		})
	}
}
