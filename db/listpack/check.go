package listpack

import (
	"encoding/binary"
	"errors"
)

// Why Check refuses.
var (
	ErrShort = errors.New("listpack: too short for its header")
	ErrHead  = errors.New("listpack: an entry begins with a byte that none has")
	ErrRange = errors.New("listpack: an entry goes beyond the end")
	ErrBack  = errors.New("listpack: an entry does not lead back to its beginning")
	ErrCount = errors.New("listpack: the number of entries is another than in the header")
)

// Check tells whether p, which may be anything, is a pack that the other functions can be
// given: it can be walked both ways without leaving it. Elements need not be in their
// shortest form.
func Check(p []byte) error {
	if len(p) < headerBytes {
		return ErrShort
	}
	n := 0
	for at := headerBytes; at < len(p); n++ {
		next, err := checkEntry(p, at)
		if err != nil {
			return err
		}
		at = next
	}
	if want := int(binary.LittleEndian.Uint16(p)); want != n && want != unknown {
		return ErrCount
	}
	return nil
}

// checkEntry returns the position behind the entry at position at, which may be anything.
func checkEntry(p []byte, at int) (int, error) {
	left := len(p) - at
	if b := p[at]; b&0xf0 == 0xe0 && left < 2 || b == str32 && left < 5 {
		return 0, ErrRange
	}
	head, body := shape(p, at)
	if head == 0 {
		return 0, ErrHead
	}
	inner := head + body
	end := at + inner + backBytes(inner)
	if end > len(p) {
		return 0, ErrRange
	}
	n := 0
	for i, c := range p[at+inner : end] {
		if i > 0 && c < 0x80 || i == 0 && c >= 0x80 {
			return 0, ErrBack
		}
		n = n<<7 | int(c&0x7f)
	}
	if n != inner {
		return 0, ErrBack
	}
	return end, nil
}

// Canonical tells whether every entry of p, to which Check has said yes, is as Append would
// write it: then equal elements are equal bytes, and Find finds them.
func Canonical(p []byte) bool {
	for at := headerBytes; at < len(p); {
		next := Skip(p, at)
		if b := p[at]; isString(b) {
			head, n := shape(p, at)
			if head != headOf(n) {
				return false
			}
			if _, isInt := ParseInt(p[at+head : at+head+n]); isInt {
				return false
			}
		} else if b >= 0x80 && OfInt(Get(p, at).Int).size != next-at {
			return false
		}
		at = next
	}
	return true
}

// headOf is the length of the head of a string of n bytes.
func headOf(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<12:
		return 2
	}
	return 5
}
