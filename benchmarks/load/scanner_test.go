package load

import (
	"errors"
	"strings"
	"testing"
)

// Each stream is fed whole, byte by byte, and cut in two at every place: where the
// network cuts must not change the count.
func TestScannerCounts(t *testing.T) {
	for _, r := range []struct {
		in   string
		want int
	}{
		{"", 0},
		{"+OK\r\n", 1},
		{"+\r\n", 1},
		{":-12\r\n:3\r\n", 2},
		{"$3\r\nabc\r\n", 1},
		{"$0\r\n\r\n", 1},
		{"$-1\r\n*-1\r\n", 2},
		{"$4\r\n\r\n+O\r\n", 1}, // payload that looks like frames
		{"*0\r\n", 1},
		{"*2\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n+OK\r\n", 2},
		{"*3\r\n*1\r\n$-1\r\n*-1\r\n$2\r\nab\r\n$1\r\nz\r\n", 2},
		{"$3\r\nab", 0},
		{"$3\r\nabc\r", 0}, // the closing line feed is part of the reply
		{"*2\r\n:1\r\n", 0},
		{"+O", 0},
		{"$12\r\n" + strings.Repeat("x", 12) + "\r\n:1\r\n", 2},
	} {
		feed := func(parts ...string) int {
			var s Scanner
			n := 0
			for _, p := range parts {
				k, err := s.Feed([]byte(p))
				if err != nil {
					t.Fatalf("%q: %v", r.in, err)
				}
				n += k
			}
			return n
		}
		if got := feed(r.in); got != r.want {
			t.Errorf("%q: %d replies, want %d", r.in, got, r.want)
		}
		if got := feed(strings.Split(r.in, "")...); got != r.want {
			t.Errorf("%q byte by byte: %d replies, want %d", r.in, got, r.want)
		}
		for cut := range len(r.in) {
			if got := feed(r.in[:cut], r.in[cut:]); got != r.want {
				t.Errorf("%q cut at %d: %d replies, want %d", r.in, cut, got, r.want)
			}
		}
	}
}

func TestScannerErrors(t *testing.T) {
	var s Scanner
	n, err := s.Feed([]byte("+OK\r\n-ERR unknown command 'X'\r\n"))
	var reply ReplyError
	if n != 1 || !errors.As(err, &reply) || reply != "ERR unknown command 'X'" {
		t.Errorf("Feed = %d, %v", n, err)
	}
	var nested Scanner
	if _, err := nested.Feed([]byte("*2\r\n:1\r\n-ERR inside\r\n")); !errors.As(err, &reply) || reply != "ERR inside" {
		t.Errorf("an error inside an array: %v", err)
	}
	for _, bad := range []string{"HTTP/1.1 400\r\n", "$x\r\n", "$-2\r\n", "*99999999999\r\n", "+OK\n", "\r\n", "$\r\n", "(1\r\n"} {
		var s Scanner
		if _, err := s.Feed([]byte(bad)); !errors.Is(err, ErrReplyFormat) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestScannerPushes: what a server says unasked in RESP3 is no reply.
func TestScannerPushes(t *testing.T) {
	const said = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n%1\r\n+k\r\n:1\r\n>1\r\n+x\r\n_\r\n"
	for cut := range len(said) {
		var s Scanner
		a, err := s.Feed([]byte(said[:cut]))
		b, err2 := s.Feed([]byte(said[cut:]))
		if a+b != 2 || err != nil || err2 != nil {
			t.Errorf("cut at %d: %d replies, %v, %v", cut, a+b, err, err2)
		}
	}
}

// FuzzScanner: any split of any bytes gives the same count and the same verdict.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n:1\r\n-ERR x\r\n"), uint8(3))
	f.Add([]byte("$5\r\nhello\r\n+OK\r\n"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		var whole, pieces Scanner
		want, wantErr := whole.Feed(in)
		got, gotErr := 0, error(nil)
		for i, n := 0, int(step)+1; i < len(in) && gotErr == nil; i += n {
			var k int
			k, gotErr = pieces.Feed(in[i:min(i+n, len(in))])
			got += k
		}
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("whole: %d, %v; in steps of %d: %d, %v", want, wantErr, int(step)+1, got, gotErr)
		}
	})
}

// What the generator pays to read one pipeline of 64 small replies.
func BenchmarkScanner(b *testing.B) {
	in := []byte(strings.Repeat("$3\r\nxxx\r\n", 64))
	var s Scanner
	for b.Loop() {
		if n, err := s.Feed(in); n != 64 || err != nil {
			b.Fatal(n, err)
		}
	}
}
