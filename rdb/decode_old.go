package rdb

import (
	"encoding/binary"
	"strconv"

	"redust/db"
	"redust/db/listpack"
)

// What Redis no longer writes: ziplists (until 6.2), zipmaps (until 2.4).

const whatZiplist = "a ziplist is damaged"

// ziplistPack appends what is in a ziplist, which may be anything, to dst as a pack of its
// own; or tells what is wrong.
//
//	| bytes 4 | last 4 | count 2 | entry ... | ff |
//
//	entry: | length of the one before, 1 or fe + 4 | head | body |
//
//	head      body                             head   body
//	00xxxxxx  string of x bytes                c0     integer of 2 bytes
//	01xxxxxx  string, 14 bits of length        d0     integer of 4 bytes
//	80        string, 4 bytes of length        e0     integer of 8 bytes
//	f1 .. fd  none: the integers 0 to 12       f0     integer of 3 bytes
//	                                           fe     integer of 1 byte
func ziplistPack(dst, p []byte) (_ []byte, wrong string) {
	const head, end = 10, 0xff
	if len(p) <= head || int64(binary.LittleEndian.Uint32(p)) != int64(len(p)) || p[len(p)-1] != end {
		return dst, "a ziplist has another size than it says"
	}
	tail, want := int(binary.LittleEndian.Uint32(p[4:])), int(binary.LittleEndian.Uint16(p[8:]))
	dst = append(dst, 0, 0)
	body := p[:len(p)-1]
	at, before, last, n := head, 0, head, 0
	var tmp [20]byte
	for at < len(body) {
		start := at
		prev := int(body[at])
		at++
		if prev == 0xfe {
			if len(body)-at < 4 {
				return dst, whatZiplist
			}
			prev = int(binary.LittleEndian.Uint32(body[at:]))
			at += 4
		} else if prev == end {
			return dst, whatZiplist
		}
		if prev != before || at == len(body) {
			return dst, whatZiplist
		}
		size, text, ok := ziplistEntry(body[at:], &tmp)
		if !ok {
			return dst, whatZiplist
		}
		dst = listpack.Append(dst, text)
		at += size
		before, last = at-start, start
		n++
	}
	const unknown = 0xffff
	if tail != last || n != want && want != unknown {
		return dst, "a ziplist has another number of entries than it says"
	}
	return dst, ""
}

// ziplistEntry reads head and body of an entry: how long they are, and what they say.
func ziplistEntry(p []byte, tmp *[20]byte) (size int, text []byte, ok bool) {
	b := p[0]
	n, head := 0, 1
	switch b >> 6 {
	case 0:
		n = int(b)
	case 1:
		if len(p) < 2 {
			return 0, nil, false
		}
		n, head = int(b&0x3f)<<8|int(p[1]), 2
	case 2:
		if b != 0x80 || len(p) < 5 {
			return 0, nil, false
		}
		n, head = int(binary.BigEndian.Uint32(p[1:])), 5
	default:
		return ziplistInt(p, tmp)
	}
	if n > len(p)-head {
		return 0, nil, false
	}
	return head + n, p[head : head+n], true
}

func ziplistInt(p []byte, tmp *[20]byte) (size int, text []byte, ok bool) {
	b := p[0]
	width := 0
	switch b {
	case 0xc0:
		width = 2
	case 0xd0:
		width = 4
	case 0xe0:
		width = 8
	case 0xf0:
		width = 3
	case 0xfe:
		width = 1
	default:
		if b < 0xf1 || b > 0xfd {
			return 0, nil, false
		}
		return 1, strconv.AppendInt(tmp[:0], int64(b-0xf1), 10), true
	}
	if width > len(p)-1 {
		return 0, nil, false
	}
	var v int64
	for i := width; i > 0; i-- {
		v = v<<8 | int64(p[i])
	}
	shift := 64 - 8*width
	return 1 + width, strconv.AppendInt(tmp[:0], v<<shift>>shift, 10), true
}

// zipmap reads a hash as Redis 2.4 packed it.
//
//	| count 1 | length | field | length | free 1 | value | free bytes | ... | ff |
//
// A length is one byte, or fe and four. A count of 254 says that there are so many or more.
func (d *decoder) zipmap() {
	const end, many = 0xff, 254
	p := d.str()
	if d.err != nil {
		return
	}
	if len(p) < 2 || p[len(p)-1] != end {
		d.fail("a zipmap is too short")
		return
	}
	want, at := int(p[0]), 1
	p = p[:len(p)-1]
	length := func() int {
		if at >= len(p) || p[at] == end {
			return -1
		}
		n := int(p[at])
		at++
		if n == many {
			if len(p)-at < 4 {
				return -1
			}
			n = int(binary.LittleEndian.Uint32(p[at:]))
			at += 4
		}
		return n
	}
	d.begin(db.Hash, 0)
	for at < len(p) && d.ok() {
		n := length()
		if n < 0 || n > len(p)-at {
			d.fail("a zipmap is damaged")
			return
		}
		field := p[at : at+n]
		at += n
		n = length()
		if n < 0 || at == len(p) || n > len(p)-at-1 || int(p[at]) > len(p)-at-1-n {
			d.fail("a zipmap is damaged")
			return
		}
		free := int(p[at])
		at++
		d.val.add(d.b.keep(field), d.b.keep(p[at:at+n]), false, 0)
		at += n + free
	}
	if d.ok() && want < many && want != d.val.n {
		d.fail("a zipmap has another number of fields than it says")
		return
	}
	d.val.end()
}
