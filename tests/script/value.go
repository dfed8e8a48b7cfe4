package script

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrShort says that the bytes end before the reply does.
var ErrShort = errors.New("script: reply is cut short")

// Value is one reply, decoded. It shares no memory with the bytes it came from.
type Value struct {
	// Kind is the reply's first byte in RESP: one of + - : $ * _ , # ( = ! % ~ > |, or
	// the pseudo kinds Nothing and EOF.
	Kind byte
	// Null marks $-1 and *-1.
	Null bool
	// Text is the payload of what is not a collection; a verbatim string keeps its "txt:".
	Text string
	// Items are the elements; keys and values in turn for a map; for an attribute its
	// pairs and then the value it decorates.
	Items []Value
}

// Kinds that no server sends: silence, and the end of the connection.
const (
	Nothing byte = 'N'
	EOF     byte = 'E'
)

// Decode reads the first reply in b, and returns how many bytes it has. ErrShort says that
// more bytes are needed; any other error that these are not RESP.
func Decode(b []byte) (Value, int, error) {
	return decode(b, 0)
}

func decode(b []byte, depth int) (Value, int, error) {
	if depth > 1000 {
		return Value{}, 0, errors.New("script: reply nested deeper than 1000")
	}
	end := bytes.Index(b, []byte("\r\n"))
	if end < 1 {
		if end == 0 {
			return Value{}, 0, fmt.Errorf("script: not a reply: %.40q", b)
		}
		return Value{}, 0, ErrShort
	}
	v := Value{Kind: b[0], Text: string(b[1:end])}
	at := end + 2
	switch v.Kind {
	case '+', '-', ':', ',', '(', '#', '_':
		return v, at, nil
	case '$', '=', '!', '*', '%', '~', '>', '|':
	default:
		return Value{}, 0, fmt.Errorf("script: not a reply: %.40q", b)
	}
	n, err := strconv.Atoi(v.Text)
	if err != nil || n < -1 || n == -1 && v.Kind != '$' && v.Kind != '*' || n > math.MaxInt32 {
		return Value{}, 0, fmt.Errorf("script: bad length in %.40q", b)
	}
	v.Text = ""
	if n == -1 {
		v.Null = true
		return v, at, nil
	}
	switch v.Kind {
	case '$', '=', '!':
		if len(b) < at+n+2 {
			return Value{}, 0, ErrShort
		}
		if b[at+n] != '\r' || b[at+n+1] != '\n' {
			return Value{}, 0, fmt.Errorf("script: bulk string of %d bytes has no end: %.40q", n, b)
		}
		v.Text = string(b[at : at+n])
		return v, at + n + 2, nil
	case '%':
		n *= 2
	case '|':
		n = n*2 + 1
	}
	for ; n > 0; n-- {
		item, size, err := decode(b[at:], depth+1)
		if err != nil {
			return Value{}, 0, err
		}
		v.Items = append(v.Items, item)
		at += size
	}
	return v, at, nil
}

// Cut returns the length of the first whole reply in b, or 0 while it is incomplete. It
// serves a Conn that finds replies in an output buffer.
func Cut(b []byte) (int, error) {
	_, n, err := Decode(b)
	if errors.Is(err, ErrShort) {
		return 0, nil
	}
	return n, err
}

// width is where Format begins to break lines.
const width = 110

// Format writes v in the notation of the package comment, over several lines when it is
// long. The protocol (2 or 3) decides how absence is written.
func (v Value) Format(proto int) string {
	if v.Kind == '-' && !strings.HasPrefix(v.Text, `"`) && printable(v.Text) {
		return "err " + v.Text
	}
	if s := v.inline(proto); len(s) <= width {
		return s
	}
	return v.broken(proto, "")
}

func (v Value) inline(proto int) string {
	if open, shut := v.brackets(); open != "" {
		var b strings.Builder
		b.WriteString(open)
		for i, item := range v.Items {
			b.WriteString(v.separator(i, " "))
			b.WriteString(item.inline(proto))
		}
		b.WriteString(shut)
		return b.String()
	}
	switch v.Kind {
	case Nothing:
		return "nothing"
	case EOF:
		return "eof"
	case '+':
		if bareWord(v.Text) && !reserved(v.Text) && !isDirective(v.Text) {
			return v.Text
		}
		return "+" + quote(v.Text)
	case '-':
		return "err " + quote(v.Text)
	case '!':
		return "blob-err " + quote(v.Text)
	case ':':
		return v.Text
	case '$', '*':
		if v.Null {
			return map[string]string{"$2": "nil", "$3": "bulk-null", "*2": "nil-array", "*3": "array-null"}[string(v.Kind)+strconv.Itoa(proto)]
		}
		return quote(v.Text)
	case '_':
		if proto == 3 {
			return "nil"
		}
		return "null"
	case ',':
		return "double " + v.Text
	case '(':
		return "bignum " + v.Text
	case '#':
		if v.Text == "t" {
			return "true"
		}
		return "false"
	case '=':
		form, text, _ := strings.Cut(v.Text, ":")
		return "verbatim " + form + " " + quote(text)
	}
	last := len(v.Items) - 1 // an attribute
	return "attr " + Value{Kind: '%', Items: v.Items[:last]}.inline(proto) + " " + v.Items[last].inline(proto)
}

// broken writes one element (or pair) on a line.
func (v Value) broken(proto int, indent string) string {
	open, shut := v.brackets()
	one := v.inline(proto)
	if open == "" || len(indent)+len(one) <= width {
		return one
	}
	var b strings.Builder
	b.WriteString(open)
	for i, item := range v.Items {
		b.WriteString(v.separator(i, "\n"+indent+"  "))
		if i == 0 {
			b.WriteString("\n" + indent + "  ")
		}
		b.WriteString(item.broken(proto, indent+"  "))
	}
	return b.String() + "\n" + indent + shut
}

// separator is what stands before element i.
func (v Value) separator(i int, between string) string {
	switch {
	case i == 0:
		return ""
	case v.Kind == '%' && i%2 == 1:
		return ": "
	}
	return "," + between
}

func (v Value) brackets() (open, shut string) {
	switch {
	case v.Null:
	case v.Kind == '*':
		return "[", "]"
	case v.Kind == '%':
		return "{", "}"
	case v.Kind == '~':
		return "set [", "]"
	case v.Kind == '>':
		return "push [", "]"
	}
	return "", ""
}

func bareWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (i == 0 || (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '_') {
			return false
		}
	}
	return s != ""
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) == s && s != ""
}

// quote writes a string that unquote reads back: ASCII only, one line.
func quote(s string) string {
	b := []byte{'"'}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || c > '~':
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
