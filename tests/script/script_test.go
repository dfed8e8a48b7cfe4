package script

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// fake answers each command with the next of its canned replies.
type fake struct {
	sent    []string
	replies []string
}

func (f *fake) Send(args [][]byte) error {
	var words []string
	for _, a := range args {
		words = append(words, string(a))
	}
	f.sent = append(f.sent, strings.Join(words, " "))
	return nil
}

func (f *fake) Receive(time.Duration) ([]byte, error) {
	if len(f.replies) == 0 {
		return nil, io.EOF
	}
	reply := f.replies[0]
	f.replies = f.replies[1:]
	if reply == "" {
		return nil, ErrTimeout
	}
	return []byte(reply), nil
}

func (f *fake) Close() error { return nil }

// dialer serves the control connection first (FLUSHALL), then f for every client.
func dialer(f *fake) func() (Conn, error) {
	control := &fake{replies: []string{"+OK\r\n"}}
	return func() (Conn, error) {
		if control != nil {
			c := control
			control = nil
			return c, nil
		}
		return f, nil
	}
}

func TestNotation(t *testing.T) {
	for _, r := range []struct {
		raw, want string
		proto     int
	}{
		{"+OK\r\n", `OK`, 2},
		{"+two words\r\n", `+"two words"`, 2},
		{"+nil\r\n", `+"nil"`, 2}, // a word of the notation itself
		{"+end\r\n", `+"end"`, 2}, // a directive
		{"-ERR no\r\n", `err ERR no`, 2},
		{"-ERR trailing \r\n", `err "ERR trailing "`, 2},
		{":-7\r\n", `-7`, 2},
		{"$0\r\n\r\n", `""`, 2},
		{"$5\r\na\"\\\xff\n\r\n", `"a\"\\\xff\n"`, 2},
		{"$-1\r\n", `nil`, 2},
		{"$-1\r\n", `bulk-null`, 3},
		{"*-1\r\n", `nil-array`, 2},
		{"*-1\r\n", `array-null`, 3},
		{"_\r\n", `null`, 2},
		{"_\r\n", `nil`, 3},
		{"*0\r\n", `[]`, 2},
		{"*3\r\n:1\r\n*1\r\n-ERR x\r\n+a b\r\n", `[1, [err "ERR x"], +"a b"]`, 2},
		{"%1\r\n+k\r\n~1\r\n#t\r\n", `{k: set [true]}`, 3},
		{">2\r\n,1.5\r\n(12\r\n", `push [double 1.5, bignum 12]`, 3},
		{"=7\r\ntxt:a b\r\n", `verbatim txt "a b"`, 3},
		{"!5\r\nERR x\r\n", `blob-err "ERR x"`, 3},
		{"|1\r\n+k\r\n:1\r\n$1\r\nv\r\n", `attr {k: 1} "v"`, 3},
	} {
		v, n, err := Decode([]byte(r.raw))
		if err != nil || n != len(r.raw) {
			t.Errorf("Decode(%q): %d bytes, %v", r.raw, n, err)
			continue
		}
		if got := v.Format(r.proto); got != r.want {
			t.Errorf("%q is written %s, want %s", r.raw, got, r.want)
		}
		p, err := parsePattern(r.want)
		if err != nil {
			t.Errorf("parse %s: %v", r.want, err)
		} else if !p.matches(v, r.proto, nil) {
			t.Errorf("%s does not match what it was written from", r.want)
		}
		// Every proper prefix is incomplete, never wrong and never complete.
		for cut := range len(r.raw) {
			if n, err := Cut([]byte(r.raw[:cut])); n != 0 || err != nil {
				t.Errorf("Cut(%q) = %d, %v", r.raw[:cut], n, err)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, raw := range []string{"hello\r\n", "$abc\r\n", "$-2\r\n", "%-1\r\n", "\r\n", "$1\r\nabc\r\n", "*1\r\nx\r\n"} {
		if v, _, err := Decode([]byte(raw)); err == nil || errors.Is(err, ErrShort) {
			t.Errorf("Decode(%q) = %v, %v", raw, v, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, r := range []struct {
		pattern, raw string
		proto        int
		want         bool
	}{
		{`~any`, "*0\r\n", 2, true},
		{`~int`, ":5\r\n", 2, true},
		{`~int`, "$1\r\n5\r\n", 2, false},
		{`~str`, "$-1\r\n", 2, false},
		{`~between 5 7`, ":7\r\n", 2, true},
		{`~between 5 7`, ":8\r\n", 2, false},
		{`~between 5 7`, "$1\r\n6\r\n", 2, true},
		{`~match "a*c?"`, "$4\r\nabcd\r\n", 2, true},
		{`~match "a*c?"`, "$3\r\nabc\r\n", 2, false},
		{`~match "*"`, ":1\r\n", 2, false},
		{`~regexp "\\[1, .*\\]"`, "*2\r\n:1\r\n:2\r\n", 2, true},
		{`~regexp "1"`, ":12\r\n", 2, false}, // anchored
		{`~sorted [1, 2]`, "*2\r\n:2\r\n:1\r\n", 2, true},
		{`~sorted [1, 1]`, "*2\r\n:2\r\n:1\r\n", 2, false},
		{`~sorted {"a": 1, "b": 2}`, "%2\r\n$1\r\nb\r\n:2\r\n$1\r\na\r\n:1\r\n", 3, true},
		{`~sorted {"a": 1, "b": 2}`, "%2\r\n$1\r\nb\r\n:1\r\n$1\r\na\r\n:2\r\n", 3, false},
		{`["a", ~int]`, "*2\r\n$1\r\na\r\n:9\r\n", 2, true},
		{`OK`, "$2\r\nOK\r\n", 2, false}, // the type counts
		{`5`, "$1\r\n5\r\n", 2, false},
		{`[]`, "*-1\r\n", 2, false},
		{`""`, "$-1\r\n", 2, false},
		{`nil`, "*-1\r\n", 2, false},
		{`nil`, "$-1\r\n", 3, false}, // RESP3 has one null
		{`nil-array`, "_\r\n", 3, true},
		{`set [1]`, "*1\r\n:1\r\n", 3, false},
		{"[\n  1,\n  [2]\n]", "*2\r\n:1\r\n*1\r\n:2\r\n", 2, true},
	} {
		p, err := parsePattern(r.pattern)
		if err != nil {
			t.Errorf("parse %s: %v", r.pattern, err)
			continue
		}
		v, _, err := Decode([]byte(r.raw))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matches(v, r.proto, map[string]string{}); got != r.want {
			t.Errorf("%s against %q under %d: %v", r.pattern, r.raw, r.proto, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"> SET \"a", "> SET \"a\"b", "> ", "> GET a\n[1", "> GET a\n~bogus", "> GET a\n~regexp \"(\"", "> GET a\n{1}",
		"end", "only resp4", "since", "sleep long", "proto 4", "bob proto", "> GET a\n\"x\" y", "> GET a\n[1 2]]", "OK",
	} {
		if f, err := Parse("t", text); err == nil {
			t.Errorf("Parse(%q) took it as %d commands", text, f.Commands())
		}
	}
}

func TestArguments(t *testing.T) {
	for _, r := range []struct{ in, want string }{
		{`a b`, "a|b"},
		{`a  ""  b`, "a||b"},
		{`"x\r\n\x41\q" 'it\'s \n'`, "x\r\nAq|it's \\n"},
		{`a"b c"`, `a"b|c"`}, // a quote inside a bare word is an ordinary byte
	} {
		args, err := splitArgs(r.in)
		if err != nil {
			t.Errorf("%s: %v", r.in, err)
			continue
		}
		var got []string
		for _, a := range args {
			got = append(got, string(a))
		}
		if s := strings.Join(got, "|"); s != r.want {
			t.Errorf("%s: %q, want %q", r.in, s, r.want)
		}
	}
}

const story = `# A comment.
> GET a
"1"
> ID
~save id
> KILL ${id}
1
bob>> BLPOP q 0
bob< nothing
bob<
["q", "x"]
only resp3
> HIDDEN
OK
end
since 7.2
> LATER
OK
end
> LAST
eof
`

func TestPlay(t *testing.T) {
	f, err := Parse("story", story)
	if err != nil {
		t.Fatal(err)
	}
	replies := []string{"$1\r\n1\r\n", ":42\r\n", ":1\r\n", "", "*2\r\n$1\r\nq\r\n$1\r\nx\r\n"}
	c := &fake{replies: replies}
	diffs, err := Play(f, Options{Dial: dialer(c), Proto: 2, Version: "7.0.15"})
	if err != nil || len(diffs) != 0 {
		t.Fatalf("%v, %v", diffs, err)
	}
	if got := strings.Join(c.sent, ";"); got != "GET a;ID;KILL 42;BLPOP q 0;LAST" {
		t.Errorf("sent %s", got)
	}
	// Each reply changed by itself is found, at its line.
	for i, line := range []int{2, 4, 6, 9, 10} {
		wrong := append([]string(nil), replies...)
		wrong[i] = "+WRONG\r\n"
		diffs, err := Play(f, Options{Dial: dialer(&fake{replies: wrong}), Proto: 2, Version: "7.0.15"})
		if i == 1 { // what was to be saved is missing, so the script cannot go on
			if err == nil || len(diffs) != 1 || diffs[0].Line != line {
				t.Errorf("reply %d wrong: %v, %v", i, diffs, err)
			}
			continue
		}
		if err != nil || len(diffs) != 1 || diffs[0].Line != line {
			t.Errorf("reply %d wrong: %v, %v", i, diffs, err)
		}
	}
}

func TestRecord(t *testing.T) {
	const before = "# first\n> A\n> B\n\"old\"\n\n# kept\n> C\n~sorted [1, 2]\n> D\n~any\n>> E\n<\n> F\nnil\n"
	const after = "# first\n> A\nOK\n> B\n\"new\"\n3| double 2\n\n# kept\n> C\n~sorted [3]\n> D\n~any\n>> E\n< \"late\"\n> F\nnil\n"
	f, err := Parse("t", before)
	if err != nil {
		t.Fatal(err)
	}
	common := []string{"+OK\r\n", "$3\r\nnew\r\n", "*1\r\n:3\r\n", ":9\r\n", "$4\r\nlate\r\n"}
	two := &fake{replies: append(append([]string(nil), common...), "$-1\r\n")}
	three := &fake{replies: append(append([]string{"%0\r\n"}, common...), "_\r\n")} // HELLO 3 first
	three.replies[2] = ",2\r\n"
	next := []*fake{{replies: []string{"+OK\r\n"}}, two, {replies: []string{"+OK\r\n"}}, three}
	got, err := Record(f, Options{Dial: func() (Conn, error) {
		c := next[0]
		next = next[1:]
		return c, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got != after {
		t.Errorf("recorded\n%s\nwant\n%s", got, after)
	}
}

// FuzzParse: no text makes the parser panic, and what parses has its lines in order.
func FuzzParse(f *testing.F) {
	f.Add(story)
	f.Add("> GET a\n{\"a\": ~any, b: set [1]}\n3| push [nil]\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("fuzz", text)
		if err != nil {
			return
		}
		last := 0
		for _, s := range file.steps {
			if s.line <= last {
				t.Fatalf("step at line %d after %d", s.line, last)
			}
			last = s.line
		}
	})
}

// FuzzDecode: no bytes make the decoder panic, and what decodes is written and read back.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("%1\r\n+k\r\n*2\r\n:1\r\n$-1\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, n, err := Decode(raw)
		if err != nil {
			return
		}
		if n > len(raw) {
			t.Fatalf("%d bytes of %d", n, len(raw))
		}
		_ = v.Format(3)
	})
}
