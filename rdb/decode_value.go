package rdb

import (
	"fmt"

	"redust/db"
	"redust/db/table"
)

// value reads a value into d.e.
func (d *decoder) value(t Type) {
	switch t {
	case TypeString:
		d.e.val.Type, d.e.val.Form = db.String, db.Plain
		d.e.val.Bytes, d.e.val.Own = d.text(d.b, table.MaxInline)
		d.put()
	default:
		d.fail(fmt.Sprintf("type %d cannot be read yet", t))
	}
}

// put adds the entry, whole, to the batch.
func (d *decoder) put() {
	if d.err != nil {
		return
	}
	d.b.entries = append(d.b.entries, d.e)
}

type value struct{ d *decoder }
type seen struct{}

// elem is an element of a large value.
type elem struct {
	a, b []byte
	hash uint64
	own  bool
	num  int64
}

// big is a value too large to be packed.
type big struct {
	root *db.Growing
}

func (g *big) add(ks *db.Keyspace, e *entry, elems []elem) string { return "" }

// module reads a module's data as far as to the module's name, which it complains about.
func (d *decoder) module() { d.fail("a module's data cannot be read") }
