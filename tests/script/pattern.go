package script

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// pattern is an expectation. The zero op compares with a value exactly; its items are
// patterns again, since a list may hold one element that varies.
type pattern struct {
	op     string // "" exact, "nil", "nil-array", or what follows the ~
	kind   byte   // of an exact one, as in Value
	null   bool
	text   string
	items  []*pattern
	lo, hi int64
	re     *regexp.Regexp
	source string // as written, for messages and for Record
}

func reserved(word string) bool {
	switch word {
	case "nil", "nil-array", "null", "bulk-null", "array-null", "nothing", "eof", "set", "push", "double",
		"bignum", "true", "false", "verbatim", "err", "blob-err", "attr":
		return true
	}
	return false
}

// parsePattern reads one expectation, all of s.
func parsePattern(s string) (*pattern, error) {
	if text, ok := strings.CutPrefix(s, "err "); ok && !strings.HasPrefix(text, `"`) && !strings.HasPrefix(text, "~") {
		return &pattern{kind: '-', text: text, source: s}, nil
	}
	r := &reader{s: s}
	p, err := r.pattern()
	if err == nil && r.peek() != 0 {
		err = fmt.Errorf("%q follows the reply", r.s[r.at:])
	}
	if err != nil {
		return nil, fmt.Errorf("reply %q: %w", s, err)
	}
	p.source = s
	return p, nil
}

// balanced reports whether every bracket outside quotes is closed.
func balanced(s string) bool {
	if strings.HasPrefix(s, "err ") && !strings.HasPrefix(s, `err "`) {
		return true
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			n, _, err := unquote(s[i:])
			if err != nil {
				return true // the parser will say what is wrong
			}
			i += n - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
	}
	return depth <= 0
}

// reader walks over the notation.
type reader struct {
	s  string
	at int
}

// peek skips blanks and commas, and returns the byte there or 0.
func (r *reader) peek() byte {
	for r.at < len(r.s) && strings.IndexByte(" \t\n,", r.s[r.at]) >= 0 {
		r.at++
	}
	if r.at == len(r.s) {
		return 0
	}
	return r.s[r.at]
}

// word takes everything up to a delimiter.
func (r *reader) word() string {
	r.peek()
	from := r.at
	for r.at < len(r.s) && strings.IndexByte(" \t\n,[]{}:\"", r.s[r.at]) < 0 {
		r.at++
	}
	return r.s[from:r.at]
}

func (r *reader) quoted() (string, error) {
	if r.peek() != '"' {
		return "", fmt.Errorf("a quoted string is missing at %q", r.s[r.at:])
	}
	n, text, err := unquote(r.s[r.at:])
	r.at += n
	return string(text), err
}

// list takes elements up to the closing bracket; in a map a colon follows each key.
func (r *reader) list(shut byte) ([]*pattern, error) {
	r.at++
	var out []*pattern
	for {
		switch r.peek() {
		case 0:
			return nil, fmt.Errorf("list without an end")
		case shut:
			r.at++
			if shut == '}' && len(out)%2 == 1 {
				return nil, fmt.Errorf("map with a key and no value")
			}
			return out, nil
		}
		p, err := r.pattern()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
		if shut == '}' && len(out)%2 == 1 {
			if r.peek() != ':' {
				return nil, fmt.Errorf("a key without a colon before %q", r.s[r.at:])
			}
			r.at++
		}
	}
}

func (r *reader) pattern() (*pattern, error) {
	var err error
	switch c := r.peek(); {
	case c == '"':
		p := &pattern{kind: '$'}
		p.text, err = r.quoted()
		return p, err
	case c == '[':
		p := &pattern{kind: '*'}
		p.items, err = r.list(']')
		return p, err
	case c == '{':
		p := &pattern{kind: '%'}
		p.items, err = r.list('}')
		return p, err
	case c == '+':
		r.at++
		p := &pattern{kind: '+'}
		p.text, err = r.quoted()
		return p, err
	case c == '~':
		r.at++
		return r.directive(r.word())
	case c == '$' && strings.HasPrefix(r.s[r.at:], "${"):
		name, _, ok := strings.Cut(r.s[r.at+2:], "}")
		if !ok {
			return nil, fmt.Errorf("${ without an end")
		}
		r.at += len(name) + 3
		return &pattern{op: "ref", text: name}, nil
	}
	word := r.word()
	if _, err := strconv.ParseInt(word, 10, 64); err == nil {
		return &pattern{kind: ':', text: word}, nil
	}
	if !reserved(word) {
		if !bareWord(word) {
			return nil, fmt.Errorf("no reply begins with %q", word+r.s[r.at:])
		}
		return &pattern{kind: '+', text: word}, nil
	}
	return r.keyword(word)
}

func (r *reader) keyword(word string) (*pattern, error) {
	var err error
	p := &pattern{}
	switch word {
	case "nil", "nil-array":
		p.op = word
	case "null":
		p.kind = '_'
	case "bulk-null":
		p.kind, p.null = '$', true
	case "array-null":
		p.kind, p.null = '*', true
	case "nothing":
		p.kind = Nothing
	case "eof":
		p.kind = EOF
	case "true", "false":
		p.kind, p.text = '#', word[:1]
	case "double":
		p.kind, p.text = ',', r.word()
	case "bignum":
		p.kind, p.text = '(', r.word()
	case "err":
		p.kind = '-'
		p.text, err = r.quoted()
	case "blob-err":
		p.kind = '!'
		p.text, err = r.quoted()
	case "verbatim":
		p.kind = '='
		form := r.word()
		p.text, err = r.quoted()
		p.text = form + ":" + p.text
	case "set", "push":
		p.kind = map[string]byte{"set": '~', "push": '>'}[word]
		if r.peek() != '[' {
			return nil, fmt.Errorf("%s without a list", word)
		}
		p.items, err = r.list(']')
	case "attr":
		p.kind = '|'
		if r.peek() != '{' {
			return nil, fmt.Errorf("attr without a map")
		}
		if p.items, err = r.list('}'); err == nil {
			var value *pattern
			value, err = r.pattern()
			p.items = append(p.items, value)
		}
	}
	return p, err
}

func (r *reader) directive(word string) (*pattern, error) {
	var err error
	p := &pattern{op: word}
	switch word {
	case "any", "int", "str":
	case "save":
		if p.text = r.word(); p.text == "" {
			err = fmt.Errorf("~save without a name")
		}
	case "match":
		p.text, err = r.quoted()
	case "regexp":
		if p.text, err = r.quoted(); err == nil {
			p.re, err = regexp.Compile("(?s)^(?:" + p.text + ")$")
		}
	case "between":
		if p.lo, err = strconv.ParseInt(r.word(), 10, 64); err == nil {
			p.hi, err = strconv.ParseInt(r.word(), 10, 64)
		}
	case "sorted":
		var inner *pattern
		if inner, err = r.pattern(); err == nil && inner.items == nil && inner.kind != '*' {
			err = fmt.Errorf("~sorted without a list")
		} else if err == nil {
			p.kind, p.items = inner.kind, inner.items
		}
	default:
		err = fmt.Errorf("no pattern is called ~%s", word)
	}
	return p, err
}

// matches compares a reply heard under a protocol. vars are what ~save kept; a match may
// add to them.
func (p *pattern) matches(v Value, proto int, vars map[string]string) bool {
	switch p.op {
	case "any":
		return v.Kind != Nothing && v.Kind != EOF
	case "int":
		return v.Kind == ':'
	case "str":
		return v.Kind == '$' && !v.Null
	case "nil":
		return proto == 2 && v.Kind == '$' && v.Null || proto == 3 && v.Kind == '_'
	case "nil-array":
		return proto == 2 && v.Kind == '*' && v.Null || proto == 3 && v.Kind == '_'
	case "save":
		if v.Kind != ':' && v.Kind != '$' || v.Null {
			return false
		}
		vars[p.text] = v.Text
		return true
	case "ref":
		return (v.Kind == ':' || v.Kind == '$') && !v.Null && v.Text == vars[p.text]
	case "between":
		n, err := strconv.ParseInt(v.Text, 10, 64)
		return (v.Kind == ':' || v.Kind == '$') && err == nil && p.lo <= n && n <= p.hi
	case "match":
		return strings.IndexByte("$+=-", v.Kind) >= 0 && !v.Null && glob(p.text, v.Text)
	case "regexp":
		return p.re.MatchString(v.inline(proto))
	case "sorted":
		return p.sameElements(v, proto, vars)
	}
	if p.kind != v.Kind || p.null != v.Null || p.text != v.Text || len(p.items) != len(v.Items) {
		return false
	}
	for i, item := range p.items {
		if !item.matches(v.Items[i], proto, vars) {
			return false
		}
	}
	return true
}

// sameElements pairs each expected element (of a map: each pair) with one that came. It takes
// the first that fits, so a pattern among the elements should come last.
func (p *pattern) sameElements(v Value, proto int, vars map[string]string) bool {
	if p.kind != v.Kind || v.Null || len(p.items) != len(v.Items) {
		return false
	}
	stride := 1
	if v.Kind == '%' {
		stride = 2
	}
	used := make([]bool, len(v.Items))
next:
	for i := 0; i < len(p.items); i += stride {
		for j := 0; j < len(v.Items); j += stride {
			if !used[j] && p.items[i].matches(v.Items[j], proto, vars) &&
				(stride == 1 || p.items[i+1].matches(v.Items[j+1], proto, vars)) {
				used[j] = true
				continue next
			}
		}
		return false
	}
	return true
}

// glob knows * and ?, and is linear but for one step back to the last star.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p, i = p+1, i+1
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
