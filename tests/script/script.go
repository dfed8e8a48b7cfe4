// Package script reads, plays and records command scripts: what a client says and what
// it must hear, in the client's own words.
//
// A command has one truth, its replies, and three places where it is asked: in process
// (fast, under every encoding limit), over a socket, and from the real server (the oracle).
// One text serves all three, so that a script that passes here and not there is a fact about
// the server and never about the test.
//
//	cmd/testdata/*.txt --Parse--> File --Play--> []Difference     (proto 2, then proto 3)
//	                               |      |
//	                               |      +-- Conn: Send, Receive, Close   socket, in process
//	                               +---Record--> the same text, with the replies heard
//
// # A line
//
//	# text             a comment; also an empty line
//	> SET a "x y"      sends on the client without a name, and reads one reply
//	bob> GET a         the same on the client bob, who connects when first named
//	bob>> BLPOP q 0    sends and does not wait
//	bob<               reads one more reply: a blocked one, a pushed one; the expectation
//	bob< nil           may stand on the same line
//
// Words of a command are quoted as in redis-cli: bare up to a blank; "double" with \n \r \t
// \a \b \" \\ \xHH; 'single' with \' alone. The bare word ${name} is what ~save kept.
//
// # A reply
//
// Follows its command at once. It names the type of the reply exactly:
//
//	OK  +"any text"        simple string, bare when it is one plain word
//	err ERR some text      error, to the end of the line (inside a list: err "text")
//	-5                     integer
//	"a\r\n\xff"            bulk string
//	nil                    absent value:  $-1 in RESP2, _ in RESP3
//	nil-array              absent array: *-1 in RESP2, _ in RESP3
//	["a", [1, nil]]        array; commas are blanks, lines may break between elements
//	{"k": 1, "l": [2]}     map         set ["a"]        set        push ["message", ...]
//	double 1.5  true  false  bignum 123  verbatim txt "text"  blob-err "text"
//	attr {"k": 1} "v"      attribute, then the value that it decorates
//	null bulk-null array-null    one encoding of absence, whatever the protocol
//	nothing                no reply arrives (waits a tenth of a second)
//	eof                    the server closes the connection
//
// What changes between runs is a pattern, at the top or inside a list:
//
//	~any  ~int  ~str       any reply; any integer; any bulk string
//	~between 90 100        an integer, or a bulk string that holds one, in the range
//	~match "a*"            bulk, simple, verbatim or error text that matches a glob (* and ?)
//	~regexp "..."          the whole reply, written as above on one line
//	~sorted ["a", "b"]     the elements in any order
//	~save name             any integer or bulk string, kept as ${name}
//
// One expectation serves both protocols when the rules above make it so. When RESP3 has a
// type of its own, a second expectation follows, marked:
//
//	> CONFIG GET port
//	["port", "6379"]
//	3| {"port": "6379"}
//
// # A directive
//
//	proto 3                HELLO 3 on the client without a name (bob proto 3: on bob)
//	config name value      CONFIG SET, undone when the script ends
//	sleep 20ms             of the server's clock: in process no time need pass
//	close bob              closes that connection from our side
//	only resp2             up to its end line (or the last line), only under this protocol
//	since 7.2              up to its end line, only where the server is that recent
//	redust-only            up to its end line, not on the real server
//	end
//
// # Always true
//
// A script starts on an empty data set with fresh connections, so scripts run in any order.
// Comparison is byte for byte except under a pattern. Nothing waits without a bound: a reply
// that fails to come within Options.Timeout is heard as nothing, and is a difference. Record
// changes expectations that did not hold and no other byte.
package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// action says what a step does.
type action int

const (
	doCommand action = iota // send, then hear one reply
	doSend                  // send only
	doReceive               // hear one reply
	doProto
	doConfig
	doSleep
	doClose
)

// step is one line that does something. Lines count from 1.
type step struct {
	line   int
	do     action
	client string
	args   [][]byte
	sleep  time.Duration
	want   [4]*pattern // by protocol, 2 and 3; want[3] is nil when want[2] serves both
	from   int         // the expectation is source lines [from, to); from == to when there is none
	to     int
	inline bool // the expectation stands on the line of a "<"
	guards []guard
}

// guard is an enclosing section: the step is skipped where it does not hold.
type guard struct {
	kind  string // "only", "since", "redust-only"
	value string
}

func (g guard) holds(o Options) bool {
	switch g.kind {
	case "only":
		return g.value == "resp"+strconv.Itoa(o.Proto)
	case "since":
		return o.Version == "" || !older(o.Version, g.value)
	}
	return o.Redust
}

// older compares dotted version numbers.
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(as) && i < len(bs); i++ {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return len(as) < len(bs)
}

// File is a parsed script.
type File struct {
	// Name is shown in differences.
	Name  string
	lines []string
	steps []*step
}

// Commands returns how many commands the script sends when nothing is skipped.
func (f *File) Commands() int {
	n := 0
	for _, s := range f.steps {
		if s.do == doCommand || s.do == doSend {
			n++
		}
	}
	return n
}

// Skipped returns how many commands the options leave out.
func (f *File) Skipped(o Options) int {
	n := 0
	for _, s := range f.steps {
		if (s.do == doCommand || s.do == doSend) && !s.holds(o) {
			n++
		}
	}
	return n
}

func (s *step) holds(o Options) bool {
	for _, g := range s.guards {
		if !g.holds(o) {
			return false
		}
	}
	return true
}

// Parse reads a script. An error names the line.
func Parse(name, text string) (*File, error) {
	f := &File{Name: name, lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	var open []guard
	for i := 0; i < len(f.lines); {
		line := strings.TrimSpace(f.lines[i])
		fail := func(err error) error { return fmt.Errorf("script: %s:%d: %w", name, i+1, err) }
		if line == "" || line[0] == '#' {
			i++
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch word {
		case "only", "since", "redust-only":
			g := guard{word, rest}
			if word == "only" && rest != "resp2" && rest != "resp3" || word == "since" && rest == "" {
				return nil, fail(fmt.Errorf("bad section %q", line))
			}
			open = append(open, g)
			i++
			continue
		case "end":
			if len(open) == 0 {
				return nil, fail(fmt.Errorf("end without a section"))
			}
			open = open[:len(open)-1]
			i++
			continue
		}
		s, err := parseStep(line)
		if err != nil {
			return nil, fail(err)
		}
		s.line, s.guards = i+1, append([]guard(nil), open...)
		i++
		s.from, s.to = i, i
		if s.inline {
			s.from, s.to = i-1, i
		} else if s.do == doCommand || s.do == doReceive {
			if i, err = f.expectations(s, i); err != nil {
				return nil, fail(err)
			}
		}
		f.steps = append(f.steps, s)
	}
	return f, nil
}

// expectations reads the reply lines from line i on, and returns the line after them.
func (f *File) expectations(s *step, i int) (int, error) {
	for _, proto := range []int{2, 3} {
		if i >= len(f.lines) || !isReply(f.lines[i]) {
			break
		}
		text := strings.TrimSpace(f.lines[i])
		if rest, marked := strings.CutPrefix(text, "3|"); marked {
			proto, text = 3, strings.TrimSpace(rest)
		} else if proto == 3 {
			break
		}
		for i++; !balanced(text); i++ {
			if i >= len(f.lines) {
				return i, fmt.Errorf("reply without an end")
			}
			text += "\n" + strings.TrimSpace(f.lines[i])
		}
		p, err := parsePattern(text)
		if err != nil {
			return i, err
		}
		s.want[proto], s.to = p, i
		if proto == 3 {
			break
		}
	}
	return i, nil
}

// isReply tells a reply line from all others.
func isReply(line string) bool {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' || clientLine(line) >= 0 {
		return false
	}
	word, _, _ := strings.Cut(line, " ")
	if fields := strings.Fields(line); len(fields) == 3 && fields[1] == "proto" {
		return false
	}
	return !isDirective(word)
}

func isDirective(word string) bool {
	switch word {
	case "proto", "config", "sleep", "close", "only", "since", "redust-only", "end":
		return true
	}
	return false
}

// clientLine returns where the > or < after a client's name stands, or -1.
func clientLine(line string) int {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '>' || c == '<':
			return i
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		default:
			return -1
		}
	}
	return -1
}

// parseStep reads a command, a receive or a directive.
func parseStep(line string) (*step, error) {
	if at := clientLine(line); at >= 0 {
		s := &step{client: line[:at]}
		rest := line[at+1:]
		if line[at] == '<' {
			s.do = doReceive
			if rest = strings.TrimSpace(rest); rest != "" {
				p, err := parsePattern(rest)
				if err != nil {
					return nil, err
				}
				s.want[2], s.inline = p, true
			}
			return s, nil
		}
		if strings.HasPrefix(rest, ">") {
			s.do, rest = doSend, rest[1:]
		}
		args, err := splitArgs(rest)
		if err == nil && len(args) == 0 {
			err = fmt.Errorf("command without a word")
		}
		s.args = args
		return s, err
	}
	args, err := splitArgs(line)
	if err != nil {
		return nil, err
	}
	word := string(args[0])
	s := &step{args: args[1:]}
	switch {
	case word == "config" && len(args) == 3:
		s.do = doConfig
	case word == "close" && len(args) <= 2:
		s.do = doClose
		if len(args) == 2 {
			s.client = string(args[1])
		}
	case word == "sleep" && len(args) == 2:
		s.do = doSleep
		s.sleep, err = time.ParseDuration(string(args[1]))
	case word == "proto" && len(args) == 2:
		s.do = doProto
	case len(args) == 3 && string(args[1]) == "proto":
		s.do, s.client, s.args = doProto, word, args[2:]
	default:
		err = fmt.Errorf("neither a command nor a directive: %q", line)
	}
	if s.do == doProto && string(s.args[0]) != "2" && string(s.args[0]) != "3" {
		err = fmt.Errorf("proto is 2 or 3")
	}
	return s, err
}

// splitArgs cuts a command line into words by redis-cli's rules of quoting.
func splitArgs(s string) ([][]byte, error) {
	var out [][]byte
	for i := 0; ; {
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
			i++
		}
		if i == len(s) {
			return out, nil
		}
		word := []byte{}
		switch s[i] {
		case '"', '\'':
			n, text, err := unquote(s[i:])
			if err != nil {
				return nil, err
			}
			word, i = text, i+n
			if i < len(s) && s[i] != ' ' && s[i] != '\t' {
				return nil, fmt.Errorf("closing quote is followed by %q", s[i])
			}
		default:
			for i < len(s) && s[i] != ' ' && s[i] != '\t' {
				word = append(word, s[i])
				i++
			}
		}
		out = append(out, word)
	}
}

// unquote reads the quoted word at the start of s, and returns its length there.
func unquote(s string) (int, []byte, error) {
	quote, out := s[0], []byte{}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return i + 1, out, nil
		case c == '\\' && i+1 < len(s) && quote == '\'':
			if s[i+1] == '\'' {
				c, i = '\'', i+1
			}
			out = append(out, c)
		case c == '\\' && i+1 < len(s):
			i++
			if s[i] == 'x' && i+2 < len(s) {
				if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					out, i = append(out, byte(b)), i+2
					continue
				}
			}
			if at := strings.IndexByte("nrtab", s[i]); at >= 0 {
				out = append(out, "\n\r\t\a\b"[at])
			} else {
				out = append(out, s[i])
			}
		default:
			out = append(out, c)
		}
	}
	return 0, nil, fmt.Errorf("quote without an end: %s", s)
}
