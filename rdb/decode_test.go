package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"testing"

	"redust/db"
	"redust/db/listpack"
	"redust/db/stream"
	"redust/tests/redis"
)

// What follows writes the formats that no server at hand writes any more, or yet. That the
// old ones are right is checked by asking a real server to RESTORE them.

func lstr(s string) string { return string(appendLen(nil, uint64(len(s)))) + s }
func num(n uint64) string  { return string(appendLen(nil, n)) }
func le16(n int) string    { return string(binary.LittleEndian.AppendUint16(nil, uint16(n))) }
func le32(n int) string    { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
func le64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

// strs are strings behind each other.
func strs(s ...string) string {
	var b strings.Builder
	for _, e := range s {
		b.WriteString(lstr(e))
	}
	return b.String()
}

// ziplist is one of these elements, integers in their shortest form.
func ziplist(elems ...string) string {
	body, prev, last := "", 0, 10
	for _, s := range elems {
		e := string([]byte{byte(prev)})
		if prev >= 254 {
			e = "\xfe" + le32(prev)
		}
		n, isInt := listpack.ParseInt([]byte(s))
		switch {
		case isInt && n >= 0 && n <= 12:
			e += string([]byte{0xf1 + byte(n)})
		case isInt && n == int64(int8(n)):
			e += "\xfe" + string([]byte{byte(n)})
		case isInt && n == int64(int16(n)):
			e += "\xc0" + le16(int(n))
		case isInt && n >= -1<<23 && n < 1<<23:
			e += "\xf0" + le32(int(n))[:3]
		case isInt && n == int64(int32(n)):
			e += "\xd0" + le32(int(n))
		case isInt:
			e += "\xe0" + le64(uint64(n))
		case len(s) < 64:
			e += string([]byte{byte(len(s))}) + s
		case len(s) < 1<<14:
			e += string([]byte{0x40 | byte(len(s)>>8), byte(len(s))}) + s
		default:
			e += "\x80" + string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
		}
		last = 10 + len(body)
		prev = len(e)
		body += e
	}
	return le32(11+len(body)) + le32(last) + le16(len(elems)) + body + "\xff"
}

// pack is a listpack in Redis's frame.
func pack(elems ...string) string {
	p := listpack.New()
	for _, e := range elems {
		p = listpack.Append(p, []byte(e))
	}
	return framed(string(p))
}

func framed(body string) string { return le32(len(body)+5) + body + "\xff" }

// zipmap is one of these pairs.
func zipmap(free int, pairs ...string) string {
	b := string([]byte{byte(min(254, len(pairs)/2))})
	length := func(n int) string {
		if n < 254 {
			return string([]byte{byte(n)})
		}
		return "\xfe" + le32(n)
	}
	for i := 0; i < len(pairs); i += 2 {
		b += length(len(pairs[i])) + pairs[i]
		b += length(len(pairs[i+1])) + string([]byte{byte(free)}) + pairs[i+1] + strings.Repeat("\x00", free)
	}
	return b + "\xff"
}

func intsetOf(width int, members ...int64) string {
	b := le32(width) + le32(len(members))
	for _, m := range members {
		b += le64(uint64(m))[:width]
	}
	return b
}

func zset2(pairs ...any) string {
	b := num(uint64(len(pairs) / 2))
	for i := 0; i < len(pairs); i += 2 {
		b += lstr(pairs[i].(string)) + le64(math.Float64bits(pairs[i+1].(float64)))
	}
	return b
}

func rawID(ms, seq uint64) string {
	return string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, ms), seq))
}

// streamPack is a block of entries id-0 with one pair a:value each, those of negative id
// deleted.
func streamPack(ids ...int) string {
	live, dead := 0, 0
	var body []string
	for _, id := range ids {
		flags := "2"
		if id < 0 {
			flags, id = "3", -id
			dead++
		} else {
			live++
		}
		body = append(body, flags, strconv.Itoa(id-abs(ids[0])), "0", fmt.Sprintf("v%d", id), "4")
	}
	head := []string{strconv.Itoa(live), strconv.Itoa(dead), "1", "a", "0"}
	return lstr(rawID(uint64(abs(ids[0])), 0)) + lstr(pack(append(head, body...)...))
}

func abs(n int) int { return max(n, -n) }

// streamTailOf is what follows the blocks.
func streamTailOf(t Type, length, last int) string {
	s := num(uint64(length)) + num(uint64(last)) + num(0)
	if t != TypeStreamListpacks {
		s += num(1) + num(0) + num(0) + num(0) + num(uint64(length)+1)
	}
	s += num(1) + lstr("g") + num(2) + num(0)
	if t != TypeStreamListpacks {
		s += num(1)
	}
	s += num(2) + rawID(1, 0) + le64(1700) + num(3) + rawID(2, 0) + le64(1800) + num(1)
	s += num(2)
	for i, name := range []string{"ann", "bob"} {
		s += lstr(name) + le64(1900)
		if t == TypeStream3 {
			s += le64(1950)
		}
		s += num(1) + rawID(uint64(i+1), 0)
	}
	return s
}

// sample is a value in some form.
type sample struct {
	name string
	t    Type
	data string
	want string // see contents
	enc  string
	real bool // redis-server 7.0 knows the type
}

func many(n int) (s []string, want string) {
	for i := range n {
		s = append(s, fmt.Sprintf("field%d", i), fmt.Sprintf("value%d", i))
	}
	var w []string
	for i := 0; i < len(s); i += 2 {
		w = append(w, s[i]+"="+s[i+1])
	}
	sort.Strings(w)
	return s, strings.Join(w, " ")
}

func samples() []sample {
	long := strings.Repeat("long ", 60)   // 300 bytes
	huge := strings.Repeat("huge ", 6000) // 30000 bytes
	ints := []string{"0", "12", "13", "-1", "127", "-128", "128", "-129", "32767", "-32768", "32768", "8388607", "-8388608", "8388608", "2147483647", "-2147483648", "2147483648", "9223372036854775807", "-9223372036854775808", "007", "-0", ""}
	hash, hashWant := many(20)
	large, largeWant := many(600)
	var zs []string
	for i, s := range []string{"-inf", "-7", "-1.5", "0", "3", "3.25", "1e+100", "inf"} {
		zs = append(zs, fmt.Sprintf("m%d", i), s)
	}
	const zsWant = "m0:-Inf m1:-7 m2:-1.5 m3:0 m4:3 m5:3.25 m6:1e+100 m7:+Inf"
	const at = 2_000_000_000_000
	return []sample{
		{"string", TypeString, lstr("hello"), "hello", "embstr", true},
		{"string int8", TypeString, "\xc0\x85", "-123", "int", true},
		{"string int16", TypeString, "\xc1\x39\x30", "12345", "int", true},
		{"string int32", TypeString, "\xc2\x00\x00\x00\x80", "-2147483648", "int", true},
		{"string lzf", TypeString, "\xc3\x08\x0c\x01ab\xc0\x01\x01cd", "abababababcd", "embstr", true},
		{"string long", TypeString, lstr(huge), huge, "raw", true},
		{"list", TypeList, num(3) + strs("a", "1", "b"), "a 1 b", "listpack", true},
		{"list long", TypeList, num(3) + strs("a", huge, "b"), "a " + huge + " b", "quicklist", true},
		{"set", TypeSet, num(3) + strs("x", "1", "y"), "1 x y", "listpack", true},
		{"set of ints", TypeSet, num(3) + strs("5", "-3", "70000"), "-3 5 70000", "intset", true},
		{"set with long", TypeSet, num(2) + strs("5", long), "5 " + long, "hashtable", true},
		{"zset text", TypeZSet, num(4) + lstr("a") + "\x013" + lstr("b") + "\xff" + lstr("c") + "\xfe" + lstr("d") + "\x04-1.5", "b:-Inf d:-1.5 a:3 c:+Inf", "listpack", true},
		{"zset binary", TypeZSet2, zset2("b", 2.0, "a", 1.0, "c", math.Inf(-1)), "c:-Inf a:1 b:2", "listpack", true},
		{"zset long", TypeZSet2, zset2(long, 2.0, "a", 1.0), "a:1 " + long + ":2", "skiplist", true},
		{"hash", TypeHash, num(20) + strs(hash...), hashWant, "listpack", true},
		{"hash wide", TypeHash, num(2) + strs("a", long, "b", "1"), "a=" + long + " b=1", "hashtable", true},
		{"hash long", TypeHash, num(2) + strs("a", huge, "b", "1"), "a=" + huge + " b=1", "hashtable", true},
		{"hash large", TypeHash, num(600) + strs(large...), largeWant, "hashtable", true},
		{"zipmap", TypeHashZipmap, lstr(zipmap(0, hash...)), hashWant, "listpack", true},
		{"zipmap free", TypeHashZipmap, lstr(zipmap(3, "a", "1", "bb", "22")), "a=1 bb=22", "listpack", true},
		{"zipmap long", TypeHashZipmap, lstr(zipmap(1, "a", long)), "a=" + long, "hashtable", true},
		{"list ziplist", TypeListZiplist, lstr(ziplist(ints...)), strings.Join(ints, " "), "listpack", true},
		{"list ziplist long", TypeListZiplist, lstr(ziplist("a", long, "b", huge[:70], "c")), "a " + long + " b " + huge[:70] + " c", "listpack", true},
		{"list ziplist huge", TypeListZiplist, lstr(ziplist("a", huge, "b")), "a " + huge + " b", "quicklist", true},
		{"hash ziplist", TypeHashZiplist, lstr(ziplist(hash...)), hashWant, "listpack", true},
		{"hash ziplist large", TypeHashZiplist, lstr(ziplist(large...)), largeWant, "hashtable", true},
		{"zset ziplist", TypeZSetZiplist, lstr(ziplist(zs...)), zsWant, "listpack", true},
		{"intset 2", TypeSetIntset, lstr(intsetOf(2, -300, 5, 7)), "-300 5 7", "intset", true},
		{"intset 4", TypeSetIntset, lstr(intsetOf(4, -300, 5, 70000)), "-300 5 70000", "intset", true},
		{"intset 8", TypeSetIntset, lstr(intsetOf(8, math.MinInt64, 5, math.MaxInt64)), "-9223372036854775808 5 9223372036854775807", "intset", true},
		{"quicklist", TypeQuicklist, num(2) + lstr(ziplist("a", "1")) + lstr(ziplist("b")), "a 1 b", "quicklist", true},
		{"quicklist of one", TypeQuicklist, num(1) + lstr(ziplist("a", "1")), "a 1", "listpack", true},
		{"quicklist 2", TypeQuicklist2, num(3) + num(2) + lstr(pack("a", "1")) + num(1) + lstr(huge) + num(2) + lstr(pack("b")), "a 1 " + huge + " b", "quicklist", true},
		{"hash listpack", TypeHashListpack, lstr(pack(hash...)), hashWant, "listpack", true},
		{"hash listpack large", TypeHashListpack, lstr(pack(large...)), largeWant, "hashtable", true},
		{"zset listpack", TypeZSetListpack, lstr(pack(zs...)), zsWant, "listpack", true},
		{"set listpack", TypeSetListpack, lstr(pack("b", "1", "a")), "1 a b", "listpack", false},
		{"listpack in a longer form", TypeHashListpack, lstr(framed("\x04\x00\xe0\x01a\x03\x817\x02\xf4\x05\x00\x00\x00\x00\x00\x00\x00\x09\x81x\x02")), "5=x a=7", "listpack", false},
		{"stream", TypeStreamListpacks, num(2) + streamPack(1, 2) + streamPack(3, -4, 5) + streamTailOf(TypeStreamListpacks, 4, 5),
			"1-0,a,v1 2-0,a,v2 3-0,a,v3 5-0,a,v5 | g 2-0 read -1: ann[1-0 1700 3] bob[2-0 1800 1]", "stream", true},
		{"stream 2", TypeStream2, num(2) + streamPack(1, 2) + streamPack(3, -4, 5) + streamTailOf(TypeStream2, 4, 9),
			"1-0,a,v1 2-0,a,v2 3-0,a,v3 5-0,a,v5 | g 2-0 read 1: ann[1-0 1700 3] bob[2-0 1800 1]", "stream", true},
		{"stream 3", TypeStream3, num(1) + streamPack(1, 2) + streamTailOf(TypeStream3, 2, 9),
			"1-0,a,v1 2-0,a,v2 | g 2-0 read 1: ann[1-0 1700 3] bob[2-0 1800 1]", "stream", false},
		{"stream empty", TypeStream2, num(0) + num(0) + num(5) + num(5) + num(0) + num(0) + num(0) + num(0) + num(3) + num(0), "|", "stream", true},
		{"hash timed", TypeHashTimed, le64(at) + num(3) + num(1001) + strs("a", "1") + num(0) + strs("b", "2") + num(1) + strs("c", "3"),
			"a=1@2000000001000 b=2 c=3@2000000000000", "listpackex", false},
		{"hash timed pre", TypeHashTimedPreGA, num(2) + num(at) + strs("a", "1") + num(0) + strs("b", "2"), "a=1@2000000000000 b=2", "listpackex", false},
		{"hash timed long", TypeHashTimed, le64(at) + num(2) + num(1) + strs("a", long) + num(0) + strs("b", "2"), "a=" + long + "@2000000000000 b=2", "hashtable", false},
		{"hash timed listpack", TypeHashListpackEx, le64(at) + lstr(pack("c", "3", "2000000000000", "a", "1", "2000000001000", "b", "2", "0")),
			"a=1@2000000001000 b=2 c=3@2000000000000", "listpackex", false},
		{"hash timed listpack, not in order", TypeHashListpackEx, le64(at) + lstr(pack("b", "2", "0", "a", "1", "2000000001000", "c", "3", "2000000000000")),
			"a=1@2000000001000 b=2 c=3@2000000000000", "listpackex", false},
		{"hash timed listpack pre", TypeHashListpackPre, lstr(pack("c", "3", "2000000000000", "b", "2", "0")), "b=2 c=3@2000000000000", "listpackex", false},
	}
}

// sealed is a payload of DUMP.
func sealed(t Type, data string) []byte {
	p := append([]byte{byte(t)}, data...)
	p = binary.LittleEndian.AppendUint16(p, 9)
	return binary.LittleEndian.AppendUint64(p, crc64(0, p))
}

// contents is a value in words.
func contents(it db.Item) string {
	var out []string
	text := func(v listpack.Value) string { return string(v.Append(nil)) }
	switch it.Type() {
	case db.String:
		return string(it.Bytes())
	case db.List:
		e := it.Elements()
		for i := range e.Len() {
			out = append(out, text(e.Get(i)))
		}
	case db.Set:
		m := it.Members()
		m.Each(func(v listpack.Value) bool {
			out = append(out, text(v))
			return true
		})
		sort.Strings(out)
	case db.Hash:
		f := it.Fields()
		f.Each(func(field, val listpack.Value, at int64) bool {
			s := text(field) + "=" + text(val)
			if at != 0 {
				s += fmt.Sprintf("@%d", at)
			}
			out = append(out, s)
			return true
		})
		sort.Strings(out)
	case db.ZSet:
		z := it.Scores()
		z.Each(0, z.Card(), false, func(m []byte, s float64) bool {
			out = append(out, fmt.Sprintf("%s:%v", m, s))
			return true
		})
	case db.Stream:
		return streamContents(it.Stream())
	}
	return strings.Join(out, " ")
}

func streamContents(s *stream.Stream) string {
	var out []string
	var it stream.Iter
	for it.Range(s, stream.ID{}, stream.MaxID()); it.Next(); {
		e := string(it.ID.Append(nil))
		for range it.N {
			name, val := it.Field()
			e += "," + string(name.Append(nil)) + "," + string(val.Append(nil))
		}
		out = append(out, e)
	}
	out = append(out, "|")
	for _, g := range s.Groups() {
		line := fmt.Sprintf("%s %s read %d:", g.Name, g.Last.Append(nil), g.Read)
		for i := range g.Consumers() {
			c := g.ConsumerAt(i)
			line += " " + c.Name + "["
			var p stream.Pendings
			sep := ""
			for p.From(g, c, stream.ID{}); p.Next(); sep = " " {
				line += fmt.Sprintf("%s%s %d %d", sep, p.ID.Append(nil), p.At, p.Count)
			}
			line += "]"
		}
		out = append(out, line)
	}
	return strings.Join(out, " ")
}

// TestForms decodes a value of every type and encoding, as a payload and within a file.
func TestForms(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			ks := testKeyspace()
			v, err := DecodePayload(sealed(s.t, s.data), OptionsFor(ks))
			if err != nil {
				t.Fatal(err)
			}
			key := []byte("k")
			if err := v.Put(ks.DB(0), key, 0, AccessUnknown); err != nil {
				t.Fatal(err)
			}
			ks.Check()
			it := ks.DB(0).Peek(key)
			if got := contents(it); got != s.want {
				t.Errorf("%.300q, want %.300q", got, s.want)
			}
			if got := it.Encoding(); got != s.enc {
				t.Errorf("encoding %s, want %s", got, s.enc)
			}
			// What we write of it is read the same.
			again := testKeyspace()
			w, err := DecodePayload(Dump(nil, it, true), OptionsFor(again))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Put(again.DB(1), key, 0, AccessUnknown); err != nil {
				t.Fatal(err)
			}
			if got := contents(again.DB(1).Peek(key)); got != s.want {
				t.Errorf("again: %.300q, want %.300q", got, s.want)
			}
			// In a file, with something behind it.
			f := "REDIS0012\xfe\x05" + string([]byte{byte(s.t)}) + lstr("key") + s.data + "\x00" + lstr("next") + lstr("n") + "\xff"
			f += le64(crc64(0, []byte(f)))
			files := testKeyspace()
			info, err := Decode(iotest{strings.NewReader(f)}, OptionsFor(files), func(b *Batch) error {
				defer b.Release()
				_, err := b.Put(files, PutOptions{})
				return err
			})
			if err != nil || info.Keys != 2 || !info.Checked || info.Bytes != int64(len(f)) {
				t.Fatal(info, err)
			}
			files.Check()
			if got := contents(files.DB(5).Peek([]byte("key"))); got != s.want {
				t.Errorf("in a file: %.300q, want %.300q", got, s.want)
			}
			if got := contents(files.DB(5).Peek([]byte("next"))); got != "n" {
				t.Errorf("behind it: %q", got)
			}
		})
	}
}

// iotest is a reader that gives little at a time.
type iotest struct{ r io.Reader }

func (r iotest) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), 7)]) }

// TestRedisKnowsTheForms: a real server restores what the test has written, and says the
// same of it.
func TestRedisKnowsTheForms(t *testing.T) {
	o := redis.Start(t, "--sanitize-dump-payload", "yes")
	for _, s := range samples() {
		if !s.real {
			continue
		}
		o.Do("DEL", "k")
		if got := o.Do("RESTORE", "k", 0, sealed(s.t, s.data)); got != "OK" {
			t.Errorf("%s: %v", s.name, got)
			continue
		}
		if got := realContents(o, s.t); got != s.want {
			t.Errorf("%s: %.300q, want %.300q", s.name, got, s.want)
		}
	}
}

// field is a list among names and values.
func field(l []any, name string) []any {
	for i := 0; i < len(l); i += 2 {
		if l[i] == name {
			return l[i+1].([]any)
		}
	}
	return nil
}

func realContents(o *redis.Oracle, t Type) string {
	list := func(v any) (out []string) {
		for _, e := range v.([]any) {
			out = append(out, e.(string))
		}
		return out
	}
	pairs := func(v any, sep string) (out []string) {
		l := list(v)
		for i := 0; i < len(l); i += 2 {
			out = append(out, l[i]+sep+l[i+1])
		}
		return out
	}
	var out []string
	switch o.Do("TYPE", "k") {
	case "string":
		return o.Do("GET", "k").(string)
	case "list":
		out = list(o.Do("LRANGE", "k", 0, -1))
	case "set":
		out = list(o.Do("SMEMBERS", "k"))
		sort.Strings(out)
	case "hash":
		out = pairs(o.Do("HGETALL", "k"), "=")
		sort.Strings(out)
	case "zset":
		for _, p := range pairs(o.Do("ZRANGE", "k", 0, -1, "WITHSCORES"), ":") {
			at := strings.LastIndexByte(p, ':')
			f, _ := strconv.ParseFloat(p[at+1:], 64)
			out = append(out, fmt.Sprintf("%s:%v", p[:at], f))
		}
	case "stream":
		for _, e := range o.Do("XRANGE", "k", "-", "+").([]any) {
			e := e.([]any)
			out = append(out, e[0].(string)+","+strings.Join(list(e[1]), ","))
		}
		out = append(out, "|")
		for _, g := range o.Do("XINFO", "GROUPS", "k").([]any) {
			g := g.([]any)
			read := any(-1)
			if g[9] != nil {
				read = g[9]
			}
			line := fmt.Sprintf("g %s read %v:", g[7], read)
			last := ""
			full := o.Do("XINFO", "STREAM", "k", "FULL").([]any)
			for _, p := range field(field(full, "groups")[0].([]any), "pending") {
				p := p.([]any)
				last += fmt.Sprintf(" %s[%s %d %d]", p[1], p[0], p[2], p[3])
			}
			out = append(out, line+last)
		}
	}
	return strings.Join(out, " ")
}

// TestDamage: what is wrong, in one place each, and refused, with Put if Decode cannot know.
func TestDamage(t *testing.T) {
	twice := make([]string, 0, 1300)
	for i := range 600 {
		twice = append(twice, strconv.Itoa(i%599), "v")
	}
	for _, r := range []struct {
		name string
		t    Type
		data string
		what string
	}{
		{"nothing", TypeString, "", whatShort},
		{"short", TypeString, "\x05abc", whatShort},
		{"absurd", TypeString, "\x81\xff\xff\xff\xff\xff\xff\xff\xff", "longer than the file"},
		{"unknown length", TypeString, "\x82abc", "begins with a byte"},
		{"unknown encoding", TypeString, "\xc4abc", "unknown encoding"},
		{"trailing", TypeString, lstr("a") + "b", "something follows"},
		{"lzf bomb", TypeString, "\xc3\x05\x80\x10\x00\x00\x00abcde", "impossible size"},
		{"lzf back too far", TypeString, "\xc3\x04\x0a\x00a\x80\x05", "damaged"},
		{"lzf too long", TypeString, "\xc3\x05\x03\x03abcd", "damaged"},
		{"empty list", TypeList, num(0), "no elements"},
		{"empty set", TypeSet, num(0), "no elements"},
		{"empty pack", TypeHashListpack, lstr(pack()), "no elements"},
		{"empty nodes", TypeQuicklist2, num(1) + num(2) + lstr(pack()), "no elements"},
		{"many announced", TypeList, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff" + lstr("a"), whatShort},
		{"many announced in a set", TypeSet, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff" + lstr("a"), whatShort},
		{"more than an integer", TypeHash, "\x81\xff\xff\xff\xff\xff\xff\xff\xff" + lstr("a"), "out of range"},
		{"set twice", TypeSet, num(3) + strs("a", "b", "a"), "twice"},
		{"ints twice", TypeSet, num(3) + strs("1", "2", "1"), "twice"},
		{"hash twice", TypeHash, num(2) + strs("a", "b", "a", "c"), "twice"},
		{"hash twice, many", TypeHash, num(600) + strs(twice...), "twice"},
		{"pack twice", TypeHashListpack, lstr(pack("a", "1", "a", "2")), "twice"},
		{"pack twice, many", TypeHashListpack, lstr(pack(twice...)), "twice"},
		{"zset twice", TypeZSet2, zset2("a", 1.0, "a", 2.0), "twice"},
		{"zset pack twice", TypeZSetListpack, lstr(pack("a", "1", "a", "2")), "twice"},
		{"odd hash", TypeHashListpack, lstr(pack("a", "1", "b")), "within an element"},
		{"odd zset", TypeZSetListpack, lstr(pack("a")), "within an element"},
		{"nan", TypeZSet2, zset2("a", math.NaN()), whatScore},
		{"nan in text", TypeZSet, num(1) + lstr("a") + "\xfd", whatScore},
		{"nan in a pack", TypeZSetListpack, lstr(pack("a", "nan")), whatScore},
		{"no score", TypeZSetListpack, lstr(pack("a", "b")), whatScore},
		{"no score in text", TypeZSet, num(1) + lstr("a") + "\x02xy", whatScore},
		{"pack size", TypeHashListpack, lstr("\x09\x00\x00\x00\x00\x00\xff"), "another size"},
		{"pack end", TypeHashListpack, lstr("\x07\x00\x00\x00\x00\x00\xfe"), "another size"},
		{"pack entry", TypeHashListpack, lstr(framed("\x02\x00\x85a\x02\x01\x01")), "listpack"},
		{"pack count", TypeHashListpack, lstr(framed("\x04\x00\x01\x01\x02\x01")), "listpack"},
		{"intset order", TypeSetIntset, lstr(intsetOf(2, 5, 3)), "not in order"},
		{"intset twice", TypeSetIntset, lstr(intsetOf(2, 5, 5)), "not in order"},
		{"intset width", TypeSetIntset, lstr(le32(3) + le32(1) + "abc"), "another size"},
		{"intset count", TypeSetIntset, lstr(le32(2) + le32(1<<31) + "ab"), "another size"},
		{"ziplist size", TypeListZiplist, lstr("\x00" + ziplist("a")[1:]), "another size"},
		{"ziplist back", TypeListZiplist, lstr(strings.Replace(ziplist("a", "b"), "\x03\x01b", "\x04\x01b", 1)), whatZiplist},
		{"zipmap", TypeHashZipmap, lstr("\x01\x05ab\x01\x00c\xff"), "zipmap"},
		{"node kind", TypeQuicklist2, num(1) + num(3) + lstr("a"), "unknown kind"},
		{"module", TypeModule2, "\x81" + string(binary.BigEndian.AppendUint64(nil, moduleID("ReJSON-RL", 3))) + "\x00", "ReJSON-RL (version 3)"},
		{"old module", TypeModulePreGA, "", "before Redis 4.0"},
		{"unknown type", 8, "", "unknown type"},
		{"stream order", TypeStream2, num(2) + streamPack(3, 4) + streamPack(4, 5) + streamTailOf(TypeStream2, 4, 5), "order"},
		{"stream order in a block", TypeStream2, num(1) + streamPack(3, 2) + streamTailOf(TypeStream2, 2, 5), "order"},
		{"stream length", TypeStream2, num(1) + streamPack(1, 2) + streamTailOf(TypeStream2, 3, 5), "another number of entries"},
		{"stream last", TypeStream2, num(1) + streamPack(1, 2) + streamTailOf(TypeStream2, 2, 1), "before that of an entry"},
		{"stream block", TypeStream2, num(1) + lstr(rawID(1, 0)) + lstr(pack("1", "0", "1", "a")) + streamTailOf(TypeStream2, 1, 1), "block"},
		{"stream block count", TypeStream2, num(1) + lstr(rawID(1, 0)) + lstr(pack("2", "0", "1", "a", "0", "2", "0", "0", "v", "4")) + streamTailOf(TypeStream2, 1, 1), "counts"},
		{"stream block names", TypeStream2, num(1) + lstr(rawID(1, 0)) + lstr(pack("1", "0", "2000000000", "a", "0", "2", "0", "0", "v", "4")) + streamTailOf(TypeStream2, 1, 1), "block"},
		{"stream entry end", TypeStream2, num(1) + lstr(rawID(1, 0)) + lstr(pack("1", "0", "1", "a", "0", "2", "0", "0", "v", "5")) + streamTailOf(TypeStream2, 1, 1), "block"},
		{"stream master", TypeStream2, num(1) + lstr(rawID(1, 0)) + lstr(pack("1", "0", "1", "a", "0", "2", "1", "0", "v", "4")) + streamTailOf(TypeStream2, 1, 2), "own ID"},
		{"stream pending", TypeStream2, num(1) + streamPack(1, 2) + strings.Replace(streamTailOf(TypeStream2, 2, 2), num(1)+rawID(2, 0), num(1)+rawID(1, 0), 1), "pending twice"},
		{"stream pending nowhere", TypeStream2, num(1) + streamPack(1, 2) + strings.Replace(streamTailOf(TypeStream2, 2, 2), num(1)+rawID(2, 0), num(1)+rawID(3, 0), 1), "not in its group"},
		{"deadline", TypeHashListpackEx, le64(1) + lstr(pack("a", "1", "-5")), "impossible deadline"},
		{"deadline too late", TypeHashTimed, le64(1<<62) + num(1) + num(5) + strs("a", "1"), "impossible deadline"},
		{"deadline wraps", TypeHashTimed, le64(1<<63) + num(1) + "\x81\x80\x00\x00\x00\x00\x00\x00\x05" + strs("a", "1"), "impossible deadline"},
	} {
		ks := testKeyspace()
		ks.DB(0).SetString([]byte("k"), []byte("before"), db.Plain, 0)
		v, err := DecodePayload(sealed(r.t, r.data), OptionsFor(ks))
		if err == nil {
			err = v.Put(ks.DB(0), []byte("k"), 0, AccessUnknown)
		}
		if err == nil || !strings.Contains(err.Error(), r.what) || !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %v, want %s", r.name, err, r.what)
		}
		if got := contents(ks.DB(0).Peek([]byte("k"))); got != "before" {
			t.Errorf("%s: the key is now %q", r.name, got)
		}
	}
}

// moduleID is the inverse of moduleName.
func moduleID(name string, version uint64) uint64 {
	const set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	id := uint64(0)
	for i := range 9 {
		id = id<<6 | uint64(strings.IndexByte(set, name[i]))
	}
	return id<<10 | version
}

// TestSalvage: wherever a file is cut or damaged, what stands before it is yielded.
func TestSalvage(t *testing.T) {
	f := "REDIS0011\xfe\x00"
	var ends []int
	for i := range 300 {
		f += "\x00" + lstr(fmt.Sprintf("key%d", i)) + lstr(strings.Repeat("v", i))
		ends = append(ends, len(f))
	}
	for cut := 12; cut <= len(f); cut += 101 {
		whole := sort.SearchInts(ends, cut+1)
		for _, damaged := range []string{f[:cut], f[:cut] + "\xf0" + f[cut:]} {
			keys := int64(0)
			info, err := Decode(strings.NewReader(damaged), DecodeOptions{Size: int64(len(damaged))}, func(b *Batch) error {
				keys += int64(b.Len())
				b.Release()
				return nil
			})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			if len(damaged) == cut && (keys != int64(whole) || e.Keys != keys || info.Keys != keys || e.Offset > int64(cut) || !errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Fatalf("cut at %d: %d keys, want %d: %+v", cut, keys, whole, e)
			}
			if keys < int64(whole) {
				t.Fatalf("damaged at %d: %d keys, want %d: %+v", cut, keys, whole, e)
			}
		}
	}
}

// TestFile: what stands in a file beside entries.
func TestFile(t *testing.T) {
	sum := func(s string) string { return s + le64(crc64(0, []byte(s))) }
	const now = 1_700_000_000_000
	for _, r := range []struct{ name, file, want string }{
		{"empty", sum("REDIS0009\xff"), "ok 0"},
		{"no sum before 5", "REDIS0004\xfe\x00\x00\x01a\x01b\xff", "ok 1"},
		{"sum not made", "REDIS0009\xff\x00\x00\x00\x00\x00\x00\x00\x00", "ok 0"},
		{"sum wrong", "REDIS0009\xff\x01\x00\x00\x00\x00\x00\x00\x00", "the checksum is"},
		{"not ours", "RODIS0009\xff", "does not begin"},
		{"valkey", "VALKEY080\xff", "Valkey"},
		{"too new", "REDIS0013\xff", "version 13"},
		{"functions of a candidate", "REDIS0010\xf6\x00", "release candidate"},
		{"slots", sum("REDIS0012\xf4\x01\x02\x03\xfe\x00\x00\x01a\x01b\xff"), "ok 1"},
		{"history", sum("REDIS0009\xfe\x00\xf8\x05\x00\x01a\x01b\xf9\x07\x00\x01c\x01d\xff"), "ok 2"},
		{"expired", sum("REDIS0009\xfe\x00\xfc" + le64(now-1) + "\x00\x01a\x01b\xfd" + le32(now/1000-1) + "\x00\x01c\x01d\xfc" + le64(now+1) + "\x00\x01e\x01f\xff"), "ok 1"},
		{"twice", sum("REDIS0009\xfe\x00\x00\x01a\x01b\x00\x01a\x01c\xff"), "the key is there twice"},
		{"database", sum("REDIS0009\xfe\x20\x00\x01a\x01b\xff"), "database 32"},
		{"empty collection", sum("REDIS0009\xfe\x00\x02\x01a\x00\x00\x01b\x01c\xff"), "ok 1"},
		{"module data", sum("REDIS0009\xf7\x81" + string(binary.BigEndian.AppendUint64(nil, moduleID("testmodul", 1))) + "\x02\x01\x05\x01a\x00\xff"), "module testmodul"},
		{"end missing", "REDIS0009\xfe\x00\x00\x01a\x01b", whatShort},
	} {
		ks := testKeyspace()
		_, err := Decode(strings.NewReader(r.file), OptionsFor(ks), func(b *Batch) error {
			defer b.Release()
			_, err := b.Put(ks, PutOptions{})
			return err
		})
		got := fmt.Sprintf("ok %d", ks.Len())
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, r.want) {
			t.Errorf("%s: %s, want %s", r.name, got, r.want)
		}
	}
	// A module's data can be skipped.
	f := sum("REDIS0009\xf7\x81" + string(binary.BigEndian.AppendUint64(nil, moduleID("testmodul", 1))) + "\x02\x01\x05\x01a\x00\xfe\x00" +
		"\x07\x01k\x81" + string(binary.BigEndian.AppendUint64(nil, moduleID("testmodul", 1))) + "\x02\x05\x04" + le64(1) + "\x00\x00\x01a\x01b\xff")
	info, err := Decode(strings.NewReader(f), DecodeOptions{SkipModules: true}, func(b *Batch) error { return nil })
	if err != nil || info.Keys != 1 || info.Modules["testmodul"] != 2 {
		t.Errorf("modules: %+v %v", info, err)
	}
	// What yield says ends the reading.
	stop := errors.New("stop")
	if _, err := Decode(strings.NewReader(sum("REDIS0009\xfe\x00\x00\x01a\x01b\xff")), DecodeOptions{}, func(b *Batch) error { return stop }); err != stop {
		t.Error(err)
	}
}

// TestChecksumOfPayloads: a payload that was changed is refused.
func TestChecksumOfPayloads(t *testing.T) {
	p := sealed(TypeString, lstr("hello"))
	for i := range p {
		q := bytes.Clone(p)
		q[i] ^= 4
		if _, err := DecodePayload(q, DecodeOptions{}); err != ErrChecksum {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for n := range p {
		if _, err := DecodePayload(p[:n], DecodeOptions{SkipChecksum: n < footerBytes}); err != ErrChecksum {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
