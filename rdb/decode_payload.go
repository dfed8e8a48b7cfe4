package rdb

import (
	"encoding/binary"
	"errors"

	"redust/db"
)

// What is wrong with a payload of DUMP.
var (
	// ErrChecksum is a payload with a wrong checksum, or of a version that cannot be read.
	ErrChecksum = errors.New("rdb: a payload's version or checksum is wrong")
	// ErrPayload is a payload that is sealed as it should be but makes no sense. It wraps
	// nothing; what exactly is wrong is an *Error.
	ErrPayload = errors.New("rdb: a payload makes no sense")
)

// footerBytes is the version and the checksum behind a payload's value.
const footerBytes = 10

// Value is one value that was decoded, with no key. It can be put once.
type Value struct {
	parts []*Batch // of a large value; the last has the rest
}

// CheckPayload tells whether the version of a payload can be read and its checksum is right.
func CheckPayload(p []byte, skipChecksum bool) bool {
	if len(p) < footerBytes { // with nothing in front it is that of no functions
		return false
	}
	foot := p[len(p)-footerBytes:]
	if binary.LittleEndian.Uint16(foot) > VersionRead {
		return false
	}
	return skipChecksum || crc64(0, p[:len(p)-8]) == binary.LittleEndian.Uint64(foot[2:])
}

// DecodePayload decodes what DUMP gave out. p is borrowed. The error is ErrChecksum or an
// *Error, which wraps ErrPayload.
func DecodePayload(p []byte, o DecodeOptions) (*Value, error) {
	if !CheckPayload(p, o.SkipChecksum) {
		return nil, ErrChecksum
	}
	v := new(Value)
	o.payload = true
	d := newDecoder(o, func(b *Batch) error {
		v.parts = append(v.parts, b)
		return nil
	})
	d.source = source{buf: p, end: len(p) - footerBytes, size: int64(len(p) - footerBytes)}
	d.next()
	d.e.reset(0, 0)
	t := Type(d.byte())
	d.e.code, d.e.reading, d.e.key = t, true, []byte{}
	d.doing = "the value of"
	if !t.known() {
		d.fail("the payload has an unknown type")
	} else {
		d.value(t)
	}
	if d.err == nil && d.rest() > 0 {
		d.fail("something follows the value")
	}
	if d.err == nil && d.e.skip {
		d.fail("the collection has no elements")
	}
	if d.err != nil {
		err := d.explain()
		err.Key, err.Doing, err.Err = nil, "a payload", ErrPayload
		return nil, err
	}
	d.flush()
	return v, nil
}

// Type is the type of the value.
func (v *Value) Type() db.Type { return v.last().val.Type }

func (v *Value) last() *entry {
	b := v.parts[len(v.parts)-1]
	return &b.entries[len(b.entries)-1]
}

// Access is what is known about accesses to a key.
type Access struct {
	Idle int64 // seconds without one, or negative
	Freq int   // the counter that LFU keeps, or negative
}

// AccessUnknown says that nothing is known.
var AccessUnknown = Access{-1, -1}

// Put stores the value under key, in place of what is there; on the executor. The deadline
// is in Unix milliseconds, 0 for none. An error, which is an *Error, leaves the key as it was.
func (v *Value) Put(d *db.DB, key []byte, deadline int64, a Access) error {
	ks := d.Keyspace()
	h := ks.Hash(key)
	for _, b := range v.parts {
		for i := range b.entries {
			e := &b.entries[i]
			e.key, e.hash, e.deadline, e.timed = key, h, deadline, deadline != 0
			e.history, e.known = 0, isUnknown
			switch {
			case a.Freq >= 0:
				e.history, e.known = int64(a.Freq), isFreq
			case a.Idle >= 0:
				e.history, e.known = a.Idle, isIdle
			}
			if _, wrong := b.put(ks, d, e, true); wrong != "" {
				return &Error{Offset: e.offset, What: wrong, Doing: "a payload", Type: e.code, Err: ErrPayload}
			}
		}
	}
	return nil
}
