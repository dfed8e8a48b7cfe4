package cmd

import "strings"

// The arguments of a command are declared once, as a line of the manual's notation, and
// COMMAND DOCS replies them as a tree. This file makes the tree out of the line:
//
//	key [<EX seconds | PERSIST>] [GET pattern [GET pattern ...]]
//
//	key            key
//	expiration     oneof, optional
//	  seconds        integer, token EX
//	  persist        pure-token PERSIST
//	get-pattern    pattern, token GET, optional, multiple, multiple_token
//
// Three steps. parse reads brackets: [x] may be left out, <a | b> is a choice, and x
// [x ...] becomes one x that may be repeated. argsOf then joins a word in capitals with
// what it introduces. Last, what the line does not tell comes from small tables: the type
// of a value goes by its word (seconds is an integer), the name of a choice or a block by
// what is in it (NX|XX is a condition).
//
// It runs for COMMAND DOCS only, and costs a few microseconds a command.

// argument is one node of the tree that COMMAND DOCS replies.
type argument struct {
	name, kind     string // kind: key, string, integer, ..., or pure-token, oneof, block
	shown          string // as the line has it; empty for oneof and block
	token          string // the word that introduces it
	hasToken       bool   // a token may be empty
	spec           int    // the key spec that finds it, or -1
	optional       bool
	multiple       bool
	multipleTokens bool // each one has the token again
	sub            []argument
}

// part is a piece of the notation: a word, a sequence, or a choice.
type part struct {
	word               string
	parts              []*part
	choice             bool
	optional, multiple bool
}

const more = "..." // ends a repetition

func (p *part) String() string {
	var b strings.Builder
	switch {
	case p.choice:
		b.WriteByte('<')
		for i, alt := range p.parts {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(alt.String())
		}
		b.WriteByte('>')
	case p.word != "":
		b.WriteString(p.word)
	default:
		b.WriteString(render(p.parts))
	}
	s := b.String()
	if p.multiple {
		s += " [" + s + " " + more + "]"
	}
	if p.optional {
		s = "[" + s + "]"
	}
	return s
}

func render(parts []*part) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}

// reader reads the notation.
type reader struct {
	tokens []string
	i      int
}

// parse reads a whole line.
func parse(line string) []*part {
	for _, mark := range []string{"[", "]", "<", ">", "|"} {
		line = strings.ReplaceAll(line, mark, " "+mark+" ")
	}
	r := reader{tokens: strings.Fields(line)}
	return r.sequence()
}

func (r *reader) peek() string {
	if r.i < len(r.tokens) {
		return r.tokens[r.i]
	}
	return ""
}

// sequence reads until the bracket or bar that ends it, which it leaves.
func (r *reader) sequence() []*part {
	var out []*part
	for {
		switch t := r.peek(); t {
		case "", "]", ">", "|":
			return out
		case "[":
			r.i++
			inner := r.sequence()
			r.i++
			out = appendOptional(out, inner)
		case "<":
			choice := &part{choice: true}
			for r.peek() == "<" || r.peek() == "|" {
				r.i++
				choice.parts = append(choice.parts, asOne(r.sequence()))
			}
			r.i++
			out = append(out, choice)
		default:
			r.i++
			out = append(out, &part{word: t})
		}
	}
}

// appendOptional appends [inner], or marks what it says again as repeatable.
func appendOptional(out, inner []*part) []*part {
	if n := len(inner) - 1; n > 0 && inner[n].word == more && n <= len(out) {
		at := len(out) - n
		if n == 1 && out[at].String() == inner[0].String() {
			out[at].multiple = true
			return out
		}
		if render(out[at:]) == render(inner[:n]) {
			again := &part{parts: append([]*part(nil), out[at:]...), multiple: true}
			return append(out[:at], again)
		}
	}
	p := asOne(inner)
	p.optional = true
	return append(out, p)
}

func asOne(parts []*part) *part {
	if len(parts) == 1 {
		return parts[0]
	}
	return &part{parts: parts}
}

// isToken tells whether the part is a word to be sent as it stands, not a placeholder:
// capitals, and a few others. A word in capitals that is repeated alone is none.
func (s *syntax) isToken(p *part) bool {
	switch {
	case p.word == "" || p.multiple:
		return false
	case s.lowerTokens[p.word] != "":
		return true
	}
	return p.word == strings.ToUpper(p.word)
}

// syntax makes the arguments of one command.
type syntax struct {
	*vocabulary
	full  string
	specs []KeySpec
	keys  int // so many key specs have got their argument

	groups int // so many choices and blocks have a name that is this command's own
}

// arguments are the command's arguments as a tree.
func (c *Command) arguments(v *vocabulary) []argument {
	s := syntax{vocabulary: v, full: c.FullName, specs: c.Keys}
	return s.argsOf(parse(c.Doc.Syntax))
}

// argsOf makes one argument of each part; a token takes the parts after it that may not
// be left out.
func (s *syntax) argsOf(parts []*part) []argument {
	var out []argument
	for i := 0; i < len(parts); {
		n := i + 1
		if s.isToken(parts[i]) && !parts[i].optional {
			for n < len(parts) && !parts[n].optional && !s.isToken(parts[n]) {
				n++
			}
		}
		if n == i+1 {
			out = append(out, s.argOf(parts[i]))
		} else {
			out = append(out, s.block(parts[i:n], false))
		}
		i = n
	}
	return out
}

// argOf makes the argument of one part.
func (s *syntax) argOf(p *part) argument {
	var a argument
	switch {
	case p.choice:
		a = argument{kind: "oneof", spec: -1}
		for _, alt := range p.parts {
			a.sub = append(a.sub, s.argOf(alt))
		}
		a.name = s.groupName(&a, "|")
	case p.word == "":
		a = s.block(p.parts, p.multiple)
		a.multipleTokens = p.multiple && s.repeated[a.token]
	default:
		a = s.leaf(p)
	}
	a.optional = a.optional || p.optional
	a.multiple = a.multiple || p.multiple
	return a
}

// block makes one argument of a sequence: a value with a token if it is that and no more.
// A head that is a token introduces what follows, unless that is a token too, as in NO ONE.
func (s *syntax) block(parts []*part, multiple bool) argument {
	head, rest := parts[0], parts[1:]
	if !s.isToken(head) || s.isToken(rest[0]) && !rest[0].optional {
		a := argument{kind: "block", spec: -1, sub: s.argsOf(parts), multiple: multiple}
		a.name = s.groupName(&a, "-")
		return a
	}
	token := head.word
	if len(rest) == 1 && !rest[0].optional && (rest[0].choice || rest[0].word != "") {
		a := s.argOf(rest[0])
		a.token, a.hasToken = token, true
		if name := s.valueNames[strings.TrimSuffix(token+" "+a.shown, " ")]; name != "" {
			a.name = name
		}
		s.patternKey(&a)
		return a
	}
	a := argument{kind: "block", spec: -1, sub: s.argsOf(rest), multiple: multiple}
	if s.ofFirst[token] {
		a.sub[0].token, a.sub[0].hasToken = token, true
		a.name = s.groupName(&a, "-")
		return a
	}
	a.token, a.hasToken = token, true
	a.name = s.groupName(&a, "-")
	return a
}

// leaf makes the argument of a word.
func (s *syntax) leaf(p *part) argument {
	a := argument{name: strings.ToLower(p.word), spec: -1, shown: p.word}
	if s.isToken(p) {
		a.kind, a.token, a.hasToken = "pure-token", p.word, true
		if n := s.lowerTokens[p.word]; n != "" {
			a.name = n
		}
		if s.shouted[p.word] {
			a.token = strings.ToUpper(p.word)
		}
		if p.word == `""` {
			a.token = ""
		}
		if n := s.valueNames[p.word]; n != "" {
			a.name = n
		}
		a.shown = a.name
		return a
	}
	if s.keyWords[p.word] && s.hasKeys() {
		a.kind = "key"
		a.spec = min(s.keys, len(s.specs)-1)
		s.keys++
		return a
	}
	if n := s.valueNames[p.word]; n != "" {
		a.name = n
	}
	a.kind = s.kindOf(s.full, p.word)
	return a
}

func (s *syntax) hasKeys() bool {
	for _, k := range s.specs {
		if k.Flags&NotKey == 0 {
			return true
		}
	}
	return false
}

// patternKey gives the patterns of SORT, which name keys, the key spec that says so.
func (s *syntax) patternKey(a *argument) {
	const second = 1
	if a.kind != "pattern" || len(s.specs) <= second || s.specs[second].Find.Step != 0 {
		return
	}
	a.spec = second
	s.keys = second + 1
}

// groupName names a oneof or a block, by its token or by what is in it.
func (s *syntax) groupName(a *argument, sep string) string {
	var heads []string
	for i := range a.sub {
		sub := &a.sub[i]
		switch {
		case sub.hasToken:
			heads = append(heads, strings.ToLower(sub.token))
		case sub.kind != "oneof" && sub.kind != "block":
			heads = append(heads, sub.name)
		}
	}
	sig := strings.Join(heads, sep)
	if a.token != "" {
		sig = a.token
	}
	if n := strings.Fields(s.groupNames[s.full+" "+sig]); len(n) > 0 {
		s.groups++
		return n[min(s.groups, len(n))-1]
	}
	if n := s.groupNames[sig]; n != "" {
		return n
	}
	switch {
	case sig == "":
		return "args"
	case a.multiple && a.token == "":
		return "data"
	}
	return strings.ToLower(strings.ReplaceAll(sig, "|", "-"))
}
