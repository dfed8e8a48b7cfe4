package listpack

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"
)

func str(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }

// TestEntry holds the bytes of entries at the edges of each form.
func TestEntry(t *testing.T) {
	for _, r := range []struct {
		val  string
		head string // head and body, or the first bytes of a long string
		back string
	}{
		{"0", "\x00", "\x01"},
		{"127", "\x7f", "\x01"},
		{"128", "\xc0\x80", "\x02"},
		{"-1", "\xdf\xff", "\x02"},
		{"4095", "\xcf\xff", "\x02"},
		{"-4096", "\xd0\x00", "\x02"},
		{"4096", "\xf1\x00\x10", "\x03"},
		{"-4097", "\xf1\xff\xef", "\x03"},
		{"32767", "\xf1\xff\x7f", "\x03"},
		{"-32768", "\xf1\x00\x80", "\x03"},
		{"32768", "\xf2\x00\x80\x00", "\x04"},
		{"-32769", "\xf2\xff\x7f\xff", "\x04"},
		{"8388607", "\xf2\xff\xff\x7f", "\x04"},
		{"-8388608", "\xf2\x00\x00\x80", "\x04"},
		{"8388608", "\xf3\x00\x00\x80\x00", "\x05"},
		{"2147483647", "\xf3\xff\xff\xff\x7f", "\x05"},
		{"-2147483648", "\xf3\x00\x00\x00\x80", "\x05"},
		{"2147483648", "\xf4\x00\x00\x00\x80\x00\x00\x00\x00", "\x09"},
		{"9223372036854775807", "\xf4\xff\xff\xff\xff\xff\xff\xff\x7f", "\x09"},
		{"-9223372036854775808", "\xf4\x00\x00\x00\x00\x00\x00\x00\x80", "\x09"},
		// What looks like an integer and is none.
		{"9223372036854775808", "\x939223372036854775808", "\x14"},
		{"-9223372036854775809", "\x94-9223372036854775809", "\x15"},
		{"18446744073709551616", "\x9418446744073709551616", "\x15"},
		{"007", "\x83007", "\x04"},
		{"-0", "\x82-0", "\x03"},
		{"-", "\x81-", "\x02"},
		{"+1", "\x82+1", "\x03"},
		{"1 ", "\x821 ", "\x03"},
		{"", "\x80", "\x01"},
		// Strings. back takes another byte where Redis lets it, not where it must.
		{string(str(63)), "\xbf", "\x40"},
		{string(str(64)), "\xe0\x40", "\x42"},
		{string(str(125)), "\xe0\x7d", "\x7f"},
		{string(str(126)), "\xe0\x7e", "\x01\x80"},
		{string(str(4095)), "\xef\xff", "\x20\x81"},
		{string(str(4096)), "\xf0\x00\x10\x00\x00", "\x20\x85"},
		{string(str(1<<14 - 7)), "\xf0\xf9\x3f\x00\x00", "\x7f\xfe"},
		{string(str(1<<14 - 6)), "\xf0\xfa\x3f\x00\x00", "\x00\xff\xff"},
		{string(str(1<<21 - 7)), "\xf0\xf9\xff\x1f\x00", "\x7f\xff\xfe"},
		{string(str(1<<21 - 6)), "\xf0\xfa\xff\x1f\x00", "\x00\xff\xff\xff"},
	} {
		name := r.val[:min(len(r.val), 24)] + " of " + strconv.Itoa(len(r.val))
		p := Append(New(), []byte(r.val))
		want := r.head
		if len(r.val) >= 63 {
			want += r.val
		}
		want += r.back
		if got := string(p[headerBytes:]); got != want {
			t.Errorf("%s: % x ... % x, want % x ... % x", name, got[:min(10, len(got))], got[max(0, len(got)-5):], want[:min(10, len(want))], r.back)
			continue
		}
		if Size([]byte(r.val)) != len(want) {
			t.Errorf("%s: Size %d, want %d", name, Size([]byte(r.val)), len(want))
		}
		v := Get(p, headerBytes)
		if got := v.Append(nil); string(got) != r.val || v.Len() != len(r.val) || !v.Equal([]byte(r.val)) {
			t.Errorf("%s: reads as %.30q, length %d", name, got, v.Len())
		}
		if at := Last(p); at != headerBytes || Next(p, at) != -1 || Prev(p, at) != -1 {
			t.Errorf("%s: Last %d, Next %d, Prev %d", name, at, Next(p, at), Prev(p, at))
		}
		if err := Check(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBack: lengths of one to five bytes, written and read.
func TestBack(t *testing.T) {
	for _, r := range []struct{ n, width int }{
		{1, 1}, {127, 1}, {128, 2}, {1<<14 - 2, 2}, {1<<14 - 1, 3}, {1<<21 - 2, 3}, {1<<21 - 1, 4},
		{1<<28 - 2, 4}, {1<<28 - 1, 5}, {1<<32 + 4, 5},
	} {
		if got := backBytes(r.n); got != r.width {
			t.Errorf("%d takes %d bytes, want %d", r.n, got, r.width)
		}
		p := make([]byte, r.width)
		putBack(p, r.n)
		if at := Back(p, len(p)); at != -r.n {
			t.Errorf("% x leads %d bytes back, want %d", p, -at, r.n)
		}
	}
}

func TestParseInt(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 9, 10, -10, math.MaxInt64, math.MinInt64} {
		if got, ok := ParseInt(strconv.AppendInt(nil, n, 10)); !ok || got != n {
			t.Errorf("%d: %d %v", n, got, ok)
		}
	}
	for _, s := range []string{"", "-", "-0", "00", "01", "-01", "+1", " 1", "1.", "1e3", "9223372036854775808",
		"-9223372036854775809", "99999999999999999999", "100000000000000000000", "1\x00"} {
		if n, ok := ParseInt([]byte(s)); ok {
			t.Errorf("%q reads as %d", s, n)
		}
	}
}

// TestCount: past 65534 elements the header no longer tells.
func TestCount(t *testing.T) {
	p := New()
	for i := range 65534 {
		p = AppendInt(p, int64(i&63))
	}
	if p[0] != 0xfe || p[1] != 0xff || Len(p) != 65534 {
		t.Fatalf("header % x, Len %d", p[:2], Len(p))
	}
	p = AppendInt(p, 1)
	p = AppendInt(p, 2)
	if p[0] != 0xff || p[1] != 0xff || Len(p) != 65536 {
		t.Fatalf("header % x, Len %d", p[:2], Len(p))
	}
	if at := Seek(p, 65535); at != Last(p) || Seek(p, 65536) != -1 || Seek(p, -65536) != headerBytes || Seek(p, -65537) != -1 {
		t.Errorf("Seek(65535) = %d", at)
	}
	p = Delete(p, headerBytes, 10)
	if Len(p) != 65526 || Check(p) != nil {
		t.Errorf("Len %d, %v", Len(p), Check(p))
	}
	p = Delete(p, headerBytes, 1<<20)
	if string(p) != "\x00\x00" {
		t.Errorf("% x", p)
	}
}

func TestFind(t *testing.T) {
	p := New()
	for _, s := range strings.Fields("a 1 b 2 1 a " + string(str(100)) + " 70000") {
		p = Append(p, []byte(s))
	}
	for _, r := range []struct {
		val              string
		from, skip, want int // as indexes
	}{
		{"a", 0, 0, 0}, {"a", 1, 0, 5}, {"1", 0, 0, 1}, {"1", 2, 0, 4},
		{"a", 0, 1, 0}, {"1", 0, 1, 4}, {"2", 0, 1, -1}, {"2", 1, 1, 3},
		{string(str(100)), 0, 0, 6}, {string(str(99)), 0, 0, -1}, {"70000", 0, 0, 7}, {"70000", 0, 6, 7}, {"70000", 0, 5, -1}, {"70000", 0, 1000, -1},
	} {
		got, want := Find(p, Seek(p, r.from), []byte(r.val), r.skip), -1
		if r.want >= 0 {
			want = Seek(p, r.want)
		}
		if got != want {
			t.Errorf("Find(%s from %d, skipping %d) = %d, want %d", r.val, r.from, r.skip, got, want)
		}
	}
	if Find(p, -1, []byte("a"), 0) != -1 || Find(New(), First(New()), []byte("a"), 0) != -1 {
		t.Error("found in nothing")
	}
}

// TestGrowth: many small appends leave no more than an eighth unused, a little aside.
func TestGrowth(t *testing.T) {
	p := New()
	for i := range 5000 {
		p = AppendInt(p, int64(i))
		if cap(p) > len(p)+len(p)/4+32 {
			t.Fatalf("capacity %d for %d bytes", cap(p), len(p))
		}
	}
	scratch := make([]byte, 0, 1<<16)
	if n := testing.AllocsPerRun(100, func() {
		p := append(scratch, 0, 0)
		p = Append(p, []byte("field"))
		p = Insert(p, headerBytes, []byte("123"))
		p = Replace(p, headerBytes, []byte("longer"))
		p = ReplaceInt(p, Last(p), 5)
		p = Delete(p, headerBytes, 1)
		if Find(p, First(p), []byte("field"), 0) >= 0 {
			panic("found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheck(t *testing.T) {
	for _, r := range []struct {
		in   string
		want error
	}{
		{"", ErrShort},
		{"\x00", ErrShort},
		{"\x00\x00", nil},
		{"\xff\xff", nil}, // there were more once
		{"\x01\x00", ErrCount},
		{"\x01\x00\x05\x01", nil},
		{"\xff\xff\x05\x01", nil},
		{"\x02\x00\x05\x01", ErrCount},
		{"\x01\x00\x05", ErrRange},
		{"\x01\x00\x05\x02", ErrBack},
		{"\x01\x00\x05\x81", ErrBack},
		{"\x01\x00\x83abc\x04", nil},
		{"\x01\x00\x83ab\x04", ErrRange},
		{"\x01\x00\xe0", ErrRange},
		{"\x01\x00\xe0\x01a\x03", nil}, // longer than it had to be
		{"\x01\x00\x817\x02", nil},     // an integer, as a string
		{"\x01\x00\xf4\x05\x00\x00\x00\x00\x00\x00\x00\x09", nil},
		{"\x01\x00\xf0\x01\x00\x00", ErrRange},
		{"\x01\x00\xf0\xff\xff\xff\xffaaaaaaaaa", ErrRange},
		{"\x01\x00\xf5\x00\x01", ErrHead},
		{"\x01\x00\xff\x00\x01", ErrHead},
	} {
		if got := Check([]byte(r.in)); got != r.want {
			t.Errorf("Check(% x) = %v, want %v", r.in, got, r.want)
		}
	}
}

// FuzzCheck: what Check accepts can be walked both ways.
func FuzzCheck(f *testing.F) {
	p := New()
	for _, s := range strings.Fields("a 1 -1 5000 -70000 90000000 5000000000 " + string(str(70)) + " " + string(str(5000))) {
		p = Append(p, []byte(s))
	}
	f.Add(p)
	f.Add([]byte("\x01\x00\xf0\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if Check(p) != nil {
			return
		}
		var there, back []int
		for at := First(p); at >= 0; at = Next(p, at) {
			there = append(there, at)
			v := Get(p, at)
			if b := v.Append(nil); len(b) != v.Len() {
				t.Fatalf("%q has length %d", b, v.Len())
			}
		}
		for at := Last(p); at >= 0; at = Prev(p, at) {
			back = append(back, at)
		}
		if len(there) != len(back) || len(there) != Len(p) {
			t.Fatalf("%d there, %d back, Len %d", len(there), len(back), Len(p))
		}
		for i, at := range there {
			if back[len(back)-1-i] != at || Seek(p, i) != at {
				t.Fatalf("entry %d is at %d, from the end at %d", i, at, back[len(back)-1-i])
			}
		}
		if len(there) > 0 {
			at := there[len(p)%len(there)]
			q := Replace(append([]byte(nil), p...), at, []byte("another"))
			q = Insert(q, at, []byte("7"))
			q = Delete(q, there[0], 1+len(there)/2)
			if err := Check(q); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// value makes an element out of two bytes, all forms among them.
func value(a, b byte) []byte {
	n := int64(b) - 128
	switch a % 12 {
	case 0, 1, 2:
		return strconv.AppendInt(nil, int64(b), 10)
	case 3:
		return strconv.AppendInt(nil, n*37, 10)
	case 4:
		return strconv.AppendInt(nil, n*300, 10)
	case 5:
		return strconv.AppendInt(nil, n*70000, 10)
	case 6:
		return strconv.AppendInt(nil, n*20000000, 10)
	case 7:
		return strconv.AppendInt(nil, n<<55, 10)
	case 8:
		return str(int(b))
	case 9:
		return str(int(b) * 37)
	default:
		return str(int(b % 8))
	}
}

// compare holds a pack against its model.
func compare(t *testing.T, p []byte, m [][]byte) {
	t.Helper()
	if err := Check(p); err != nil {
		t.Fatal(err)
	}
	if Len(p) != len(m) {
		t.Fatalf("Len %d, want %d", Len(p), len(m))
	}
	at := First(p)
	for i, want := range m {
		if got := Get(p, at).Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("element %d is %.40q, want %.40q", i, got, want)
		}
		if Seek(p, i) != at || Seek(p, i-len(m)) != at {
			t.Fatalf("element %d is at %d, Seek says %d and %d", i, at, Seek(p, i), Seek(p, i-len(m)))
		}
		at = Next(p, at)
	}
	if at != -1 || Seek(p, len(m)) != -1 || Seek(p, -len(m)-1) != -1 {
		t.Fatal("there is something past the end")
	}
}

// FuzzModel: bytes are operations on a pack and on a slice of strings.
func FuzzModel(f *testing.F) {
	f.Add([]byte("\x00\x05\x05\x00\x08\xff\x01\x00\x09\x30\x02\x01\x09\xff\x03\x00\x04\x00"))
	f.Add([]byte(strings.Repeat("\x00\x09\xf0\x01\x03\x07\x81\x02\x01\x08\x55\x03\x02\x04\x20\x05\x02", 20)))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, m := New(), [][]byte(nil)
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		for steps := 0; len(in) > 0 && steps < 300; steps++ {
			op := next()
			i := 0
			if len(m) > 0 && op%6 != 0 {
				i = int(next()) % len(m)
			}
			switch at := Seek(p, i); {
			case op%6 == 0 || len(m) == 0:
				v := value(next(), next())
				if n, ok := ParseInt(v); ok && steps%2 == 0 {
					p = AppendInt(p, n)
				} else {
					p = Append(p, v)
				}
				m = append(m, v)
			case op%6 == 1:
				v := value(next(), next())
				p = Insert(p, at, v)
				m = append(m[:i], append([][]byte{v}, m[i:]...)...)
			case op%6 == 2:
				v := value(next(), next())
				if n, ok := ParseInt(v); ok && steps%2 == 0 {
					p = ReplaceInt(p, at, n)
				} else {
					p = Replace(p, at, v)
				}
				m[i] = v
			case op%6 == 3:
				n := int(next()) % 4
				p = Delete(p, at, n)
				m = append(m[:i], m[min(len(m), i+n):]...)
			case op%6 == 4:
				v, skip := m[int(next())%len(m)], int(next())%3
				want := -1
				for j := i; j < len(m) && want < 0; j += skip + 1 {
					if bytes.Equal(m[j], v) {
						want = Seek(p, j)
					}
				}
				if got := Find(p, at, v, skip); got != want {
					t.Fatalf("Find(%.40q from %d, skipping %d) = %d, want %d", v, i, skip, got, want)
				}
			default:
				p = Insert(p, len(p), m[i])
				m = append(m, m[i])
			}
			compare(t, p, m)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	p := New()
	for i := range 128 {
		p = Append(p, []byte("field"+strconv.Itoa(i)))
	}
	for b.Loop() {
		for at := First(p); at >= 0; at = Next(p, at) {
		}
	}
}

func BenchmarkFind(b *testing.B) {
	p := New()
	for i := range 128 {
		p = Append(p, []byte("field"+strconv.Itoa(i)))
	}
	key := []byte("field127")
	for b.Loop() {
		Find(p, headerBytes, key, 0)
	}
}

func BenchmarkAppendDelete(b *testing.B) {
	p := make([]byte, headerBytes, 1024)
	val := []byte("field1")
	for b.Loop() {
		p = Append(p, val)
		p = Delete(p, headerBytes, 1)
	}
}
