package cmd

import (
	"crypto/sha1"
	"encoding/binary"

	"redust/db"
	"redust/internal/assert"
)

// DEBUG DIGEST is one number for all that is in the keyspace, by which two servers can
// be compared: it does not depend on the order of keys, nor on how values are stored. It
// must come out as Redis's does, whose rule is, for databases in order, with + for
// exclusive or and h for SHA-1:
//
//	mix(d, x)  =  h(d + h(x))
//
//	digest := 0
//	for each database that is not empty:
//	    digest = mix(digest, its number, 4 bytes, big end first)
//	    for each key, in any order:
//	        d := mix(0, key)
//	        digest += h(value(d))
//
//	value(d)  =  d = mix(d, type, 4 bytes, big end first)
//	             d = mix(d, bytes)            of a string
//	             d += h(p) for each field     of a hash: p = mix(mix(0, field), value),
//	                                          p += h("!!hexpire!!") if the field has a deadline
//	             d += h("!!expire!!")         if there is a deadline, whatever it is
//
// DEBUG DIGEST-VALUE is value(0). The types are numbered as db.Type numbers them.

// dataDigest is a digest under way.
type dataDigest [sha1.Size]byte

// xor adds the hash of b; in any order the sum is the same.
func (d *dataDigest) xor(b []byte) {
	h := sha1.Sum(b)
	for i := range d {
		d[i] ^= h[i]
	}
}

// mix folds b in such that the order of calls counts.
func (d *dataDigest) mix(b []byte) {
	d.xor(b)
	*d = sha1.Sum(d[:])
}

func (d *dataDigest) mixInt(n int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	d.mix(b[:])
}

// value folds in the value of a key.
func (d *dataDigest) value(it db.Item) {
	d.mixInt(int(it.Type()))
	switch it.Type() {
	case db.String:
		d.mix(it.Bytes())
	case db.Stream:
		d.stream(it.Stream())
	case db.List:
		d.list(it.Elements())
	case db.Hash:
		d.hash(it.Fields())
	case db.Set:
		d.set(it.Members())
	case db.ZSet:
		d.zset(it.Scores())
	default:
		assert.That(false, "cmd: digest of an unknown type")
	}
	if it.ExpireAt() != 0 {
		d.xor([]byte("!!expire!!"))
	}
}

// digestAll is the digest of the keyspace.
func (s *Server) digestAll() dataDigest {
	var sum dataDigest
	s.eachDB(func(d *db.DB) {
		if d.Len() == 0 {
			return
		}
		sum.mixInt(d.ID)
		d.Each(func(it db.Item) bool {
			var one dataDigest
			one.mix(it.Key())
			one.value(it)
			sum.xor(one[:])
			return true
		})
	})
	return sum
}
