package rdb

import "fmt"

// Modules. A module's values and auxiliary data can be skipped, since they are written in
// terms of a few operations, but not be understood. So a file that has some is refused with
// the name of the module, unless DecodeOptions.SkipModules says that they may be lost.

// The operations in a module's data.
const (
	moduleEOF = iota
	moduleInt
	moduleUint
	moduleFloat
	moduleDouble
	moduleString
)

// moduleName is the name that is packed into a module's number: nine characters of six bits
// each, then ten bits of a version.
func moduleName(id uint64) string {
	const set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var name [9]byte
	id >>= 10
	for i := len(name) - 1; i >= 0; i-- {
		name[i] = set[id&63]
		id >>= 6
	}
	return string(name[:])
}

// module reads the data that a module has beside its values.
func (d *decoder) module() {
	at := d.offset()
	name := moduleName(d.count())
	if d.err != nil {
		return
	}
	if !d.o.SkipModules {
		d.refuse(at, "the file has data of the module "+name+", and there are no modules here")
		return
	}
	d.count() // moduleUint, and when the data was written
	d.count()
	d.skipModule()
	d.noteModule(name)
}

// moduleValue reads a value of a module's type.
func (d *decoder) moduleValue() {
	at := d.offset()
	id := d.count()
	name := moduleName(id)
	if d.err != nil {
		return
	}
	if !d.o.SkipModules || d.o.payload {
		d.refuse(at, fmt.Sprintf("the value is of the module type %s (version %d), and there are no modules here", name, id&1023))
		return
	}
	d.skipModule()
	d.noteModule(name)
	d.e.skip, d.e.lost = true, true
}

// refuse is fail at a place that has just been read.
func (d *decoder) refuse(at int64, what string) {
	d.foreign(what)
	d.err.Offset = at
}

// skipModule reads a module's data to its end.
func (d *decoder) skipModule() {
	for d.ok() {
		switch d.count() {
		case moduleEOF:
			return
		case moduleInt, moduleUint:
			d.count()
		case moduleFloat:
			d.take(4)
		case moduleDouble:
			d.take(8)
		case moduleString:
			d.str()
		default:
			d.fail("a module's data makes no sense")
		}
	}
}

// noteModule counts what was skipped.
func (d *decoder) noteModule(name string) {
	if d.ok() {
		if d.info.Modules == nil {
			d.info.Modules = make(map[string]int64)
		}
		const most = 1000 // names; there are never so many
		if _, ok := d.info.Modules[name]; ok || len(d.info.Modules) < most {
			d.info.Modules[name]++
		}
	}
}
