package aof

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// read reads text as a file and returns what was yielded, a request a line, and the flaw.
func read(text string, until int64) (lines string, r *reader, err error) {
	var out strings.Builder
	// Half of what is asked for at a time: torn reads are no torn files.
	r = newReader("f", iotest.HalfReader(strings.NewReader(text)), 0, int64(len(text)), until, func(b *Batch) error {
		from := 0
		for i, end := range b.Ends {
			if at := b.At[i]; at < 0 || at >= int64(len(text)) || text[at] != '*' {
				return fmt.Errorf("request %d is said to be at %d", i, at)
			}
			fmt.Fprintf(&out, "%s\n", bytes.Join(b.Words[from:end], []byte(" ")))
			from = end
		}
		for i := range b.block { // as the next owner will
			b.block[i] = 0xee
		}
		b.Release()
		return nil
	})
	err = r.run()
	return out.String(), r, err
}

// request is a request in a file.
func request(words ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return s
}

func TestRead(t *testing.T) {
	set := request("SET", "a", "1")
	multi, exec := request("MULTI"), request("exec")
	for _, r := range []struct {
		text, want string
		torn       bool
		valid      int
		flaw       string // its beginning; empty: none
	}{
		{"", "", false, 0, ""},
		{set, "SET a 1\n", false, len(set), ""},
		{set + "#TS:12\r\n" + set, "SET a 1\nSET a 1\n", false, 2*len(set) + 8, ""},
		{multi + set + set + exec + set, "SET a 1\nSET a 1\nSET a 1\n", false, len(multi) + len(exec) + 3*len(set), ""},
		{multi + exec, "", false, len(multi) + len(exec), ""},
		{set + multi + set, "SET a 1\n", true, len(set), "it ends within a transaction"},
		{set + multi, "SET a 1\n", true, len(set), "it ends within a transaction"},
		{set + multi + set[:9], "SET a 1\n", true, len(set), "it ends within a command"},
		{set + "#TS:1", "SET a 1\n", true, len(set), "it ends within a command"},
		{set + "*1\r\n$999999999\r\nabc", "SET a 1\n", true, len(set), "it ends within a command, which wants"},
		{set + "*999999999\r\n", "SET a 1\n", true, len(set), "it ends within a command"},
		{set + "x" + set, "SET a 1\n", false, len(set), "expected '*', found 'x'"},
		{set + "\x00\x00\x00", "SET a 1\n", true, len(set), "it ends in zeros"}, // what a file system leaves after a loss of power
		{set + set[:20] + strings.Repeat("\x00", 1<<20), "SET a 1\n", true, len(set), "it ends in zeros"},
		{set + "\x00\x00\x00" + set, "SET a 1\n", false, len(set), "expected '*', found '?'"},
		{set + strings.Repeat("\x00", 1<<20) + "x", "SET a 1\n", false, len(set), "expected '*', found '?'"},
		{set + "*0\r\n", "SET a 1\n", false, len(set), "a command without words"},
		{set + "*-1\r\n", "SET a 1\n", false, len(set), "expected a number"},
		{set + "*1\n$1\na\n", "SET a 1\n", false, len(set), "expected a number"},
		{set + "*1\r\n:1\r\n", "SET a 1\n", false, len(set), "expected '$', found ':'"},
		{set + "*1\r\n$3\r\nabcd\r\n", "SET a 1\n", false, len(set), "expected the end of the line after 3 bytes"},
		{set + "*99999999999999999999\r\n", "SET a 1\n", false, len(set), "expected a number"},
		{set + exec, "SET a 1\n", false, len(set), "EXEC without MULTI"},
		{set + multi + set + multi, "SET a 1\n", false, len(set), "MULTI within a transaction"},
		{set + "#" + strings.Repeat("x", 2000), "SET a 1\n", false, len(set), "an annotation without an end"},
	} {
		got, rd, err := read(r.text, 0)
		var f *Flaw
		errors.As(err, &f)
		switch {
		case got != r.want:
			t.Errorf("%.80q: read %q, want %q", r.text, got, r.want)
		case r.flaw == "" && err != nil, r.flaw != "" && f == nil:
			t.Errorf("%.80q: error %v, want %q", r.text, err, r.flaw)
		case f != nil && (!strings.HasPrefix(f.Reason, r.flaw) || f.Torn != r.torn || f.Valid != int64(r.valid)):
			t.Errorf("%.80q: %+v, want torn %t, valid %d, %q", r.text, f, r.torn, r.valid, r.flaw)
		case rd.valid != int64(r.valid):
			t.Errorf("%.80q: valid up to %d, want %d", r.text, rd.valid, r.valid)
		}
	}
}

// TestReadUntil stops in front of what is later.
func TestReadUntil(t *testing.T) {
	at := func(ts int, words ...string) string { return fmt.Sprintf("#TS:%d\r\n", ts) + request(words...) }
	text := at(10, "a") + at(11, "b") + request("c") + at(13, "d")
	within := at(10, "a") + request("MULTI") + request("b") + at(20, "c") + request("EXEC")
	for _, r := range []struct {
		text   string
		until  int64
		want   string
		valid  int
		latest int64
	}{
		{text, 9, "", 0, 0},
		{text, 10, "a\n", len(at(10, "a")), 10},
		{text, 12, "a\nb\nc\n", len(text) - len(at(13, "d")), 11},
		{text, 13, "a\nb\nc\nd\n", len(text), 13},
		{within, 19, "a\n", len(at(10, "a")), 10}, // a transaction is not torn
		{within, 20, "a\nb\nc\n", len(within), 20},
	} {
		got, rd, err := read(r.text, r.until)
		if err != nil || got != r.want || rd.valid != int64(r.valid) || rd.latest != r.latest || rd.stopped != (r.valid < len(r.text)) {
			t.Errorf("until %d: read %q up to %d, latest %d, stopped %t, %v; want %+v", r.until, got, rd.valid, rd.latest, rd.stopped, err, r)
		}
	}
}

// TestReadTorn cuts a file off after every byte: what was whole is read, and what counts as
// whole ends where a unit did.
func TestReadTorn(t *testing.T) {
	units := []string{request("SET", "a", "1"), "#TS:1\r\n", request("RPUSH", "l", "a", "b"),
		request("MULTI") + request("INCR", "n") + "#TS:2\r\n" + request("INCR", "n") + request("EXEC"), request("DEL", "a")}
	whole := strings.Join(units, "")
	for cut := range len(whole) + 1 {
		valid, n := 0, 0
		for valid < cut && valid+len(units[n]) <= cut {
			valid += len(units[n])
			n++
		}
		want, _, err := read(strings.Join(units[:n], ""), 0)
		if err != nil {
			t.Fatal(err)
		}
		got, rd, err := read(whole[:cut], 0)
		var f *Flaw
		if got != want || rd.valid != int64(valid) || (valid < cut) != errors.As(err, &f) || f != nil && !f.Torn {
			t.Fatalf("cut after %d: read %q up to %d, %v; want %q up to %d", cut, got, rd.valid, err, want, valid)
		}
	}
}

// TestReadLarge reads requests and transactions larger than a block, in linear time.
func TestReadLarge(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var text, want strings.Builder
	for range 40 {
		n := 1 << rnd.IntN(23)
		v := strings.Repeat("v", n)
		if rnd.IntN(2) == 0 {
			text.WriteString(request("SET", "k", v))
			fmt.Fprintf(&want, "SET k %s\n", v)
			continue
		}
		text.WriteString(request("MULTI"))
		for range rnd.IntN(1000) {
			text.WriteString(request("SET", "k", v[:min(n, 5000)]))
			fmt.Fprintf(&want, "SET k %s\n", v[:min(n, 5000)])
		}
		text.WriteString(request("EXEC"))
	}
	began := time.Now()
	got, _, err := read(text.String(), 0)
	if err != nil || got != want.String() {
		t.Fatalf("read %d bytes of %d, %v", len(got), want.Len(), err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%d MB took %s", text.Len()>>20, took)
	}
}

// FuzzRead reads anything: what is whole is found again when it is read for itself, and
// memory does not grow with what lengths announce.
func FuzzRead(f *testing.F) {
	f.Add([]byte(request("SET", "a", "1") + request("MULTI") + request("x") + request("EXEC") + "#TS:5\r\n"))
	f.Add([]byte("*1\r\n$99999999\r\n"))
	f.Add([]byte("*999999999\r\n$0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, rd, err := read(string(b), 0)
		if rd.valid > int64(len(b)) || err == nil && rd.valid != int64(len(b)) {
			t.Fatalf("valid up to %d of %d, %v", rd.valid, len(b), err)
		}
		if max := 2*len(b) + 2*blockBytes; cap(rd.rest) > max {
			t.Fatalf("%d bytes of memory for a file of %d", cap(rd.rest), len(b))
		}
		again, _, err := read(string(b[:rd.valid]), 0)
		if again != got || err != nil {
			t.Fatalf("read %q, and of what is valid %q, %v", got, again, err)
		}
		_, _ = Check("f", bytes.NewReader(b), 0, 3, nil) // must only end
	})
}
