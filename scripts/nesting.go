package scripts

import (
	"strconv"
	"strings"
)

// gopher-lua's compiler calls itself for each level at which a source nests, and needs time
// that grows with the square of the levels. Nobody can stop it, and a stack that has outgrown
// Go's limit ends the process. So a source is looked over before it is parsed, and refused
// where it nests deeper than Lua's own compiler allows, in that one's words.
//
// What nests: brackets, blocks and functions; one in the other the operators that bind to
// the right, and those with one operand. Chains of other operators, of fields and calls, and
// of elseif nest to gopher-lua alone: they may be long, but not endless.

const (
	maxLevels = 200
	maxChain  = 50_000
)

// nesting walks over the tokens of a source.
type nesting struct {
	s       string
	pos     int
	line    int
	open    []int // for what is open: the operators before it that wait for their right side
	waiting int   // such operators here
	levels  int   // open and waiting, all together
	chain   int   // operators and suffixes since the last token that ends an expression
	elseifs int
	operand bool // the last token can end an operand: a minus after it takes two
}

// tooDeep returns the line at which a source nests too deeply, 0 if it does nowhere. It
// does not otherwise judge the source.
func tooDeep(source string) (line int) {
	n := nesting{s: source, line: 1}
	for n.next() {
		if n.levels > maxLevels || n.chain > maxChain || n.elseifs > maxChain {
			return n.line
		}
	}
	return 0
}

// checkNesting is tooDeep as the compiler's error.
func checkNesting(source, chunk string) error {
	if line := tooDeep(source); line > 0 {
		return compileError(chunk + ":" + strconv.Itoa(line) + ": chunk has too many syntax levels")
	}
	return nil
}

// next takes a token; false at the end.
func (n *nesting) next() bool {
	for n.pos < len(n.s) && strings.IndexByte(" \t\r\n\v\f", n.s[n.pos]) >= 0 {
		n.skip(1)
	}
	if n.pos == len(n.s) {
		return false
	}
	rest := n.s[n.pos:]
	c := rest[0]
	switch {
	case strings.HasPrefix(rest, "--"):
		n.comment(rest)
	case c == '\'' || c == '"':
		n.text(c)
	case c == '[' && longBracket(rest) > 0:
		n.long(rest)
		n.operand = true
	case isLetter(c) || isDigit(c):
		i := 1
		for i < len(rest) && (isLetter(rest[i]) || isDigit(rest[i]) || isDigit(c) && rest[i] == '.') {
			i++
		}
		n.word(rest[:i])
		n.skip(i)
	default:
		n.skip(n.symbol(rest))
	}
	return true
}

// skip passes over bytes, and counts lines.
func (n *nesting) skip(bytes int) {
	n.line += strings.Count(n.s[n.pos:n.pos+bytes], "\n")
	n.pos += bytes
}

func (n *nesting) comment(rest string) {
	if strings.HasPrefix(rest, "--[") && longBracket(rest[2:]) > 0 {
		n.skip(2)
		n.long(rest[2:])
		return
	}
	end := strings.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	n.skip(end)
}

// text passes over a quoted string.
func (n *nesting) text(quote byte) {
	i := n.pos + 1
	for i < len(n.s) && n.s[i] != quote {
		if n.s[i] == '\\' {
			i++
		}
		i++
	}
	n.skip(min(i+1, len(n.s)) - n.pos)
	n.operand = true
}

// longBracket is the length of [[ or [==[ at the beginning of s, 0 if there is none.
func longBracket(s string) int {
	i := 1
	for i < len(s) && s[i] == '=' {
		i++
	}
	if i < len(s) && s[i] == '[' {
		return i + 1
	}
	return 0
}

// long passes over a string in long brackets.
func (n *nesting) long(rest string) {
	size := longBracket(rest)
	end := strings.Index(rest, "]"+rest[1:size-1]+"]")
	if end < 0 {
		n.skip(len(rest))
		return
	}
	n.skip(end + size)
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c-'0' <= 9 }

func (n *nesting) word(w string) {
	n.operand = false
	switch w {
	case "do", "function", "if", "repeat":
		n.enter()
	case "end", "until":
		n.leave()
		n.operand = w == "end"
	case "elseif":
		n.elseifs++
		n.over()
	case "not":
		n.right()
	case "and", "or":
		n.chain++
	case "local", "return", "break", "for", "in", "while", "then", "else":
		n.over()
	default:
		n.operand = true
	}
}

// symbol returns the length of the token.
func (n *nesting) symbol(rest string) int {
	size := 1
	was := n.operand
	n.operand = false
	switch c := rest[0]; c {
	case '(', '{', '[':
		n.chain++
		n.enter()
	case ')', '}', ']':
		n.leave()
		n.operand = true
	case ',', ';':
		n.over()
	case '^', '#':
		n.right()
	case '-':
		if was {
			n.chain++
		} else {
			n.right()
		}
	case '.':
		switch {
		case strings.HasPrefix(rest, "..."):
			size, n.operand = 3, true
		case strings.HasPrefix(rest, ".."):
			size = 2
			n.right()
		default:
			n.chain++
		}
	case '=', '<', '>', '~':
		if size = 1; len(rest) > 1 && rest[1] == '=' {
			size = 2
		}
		if c == '=' && size == 1 {
			n.over()
		} else {
			n.chain++
		}
	default:
		n.chain++
	}
	return size
}

// right notes an operator whose right side nests.
func (n *nesting) right() {
	n.waiting++
	n.levels++
}

// over ends an expression.
func (n *nesting) over() {
	n.levels -= n.waiting
	n.waiting, n.chain = 0, 0
}

// enter opens a bracket or block.
func (n *nesting) enter() {
	n.open = append(n.open, n.waiting)
	n.waiting = 0
	n.levels++
}

// leave closes it; one too many is the parser's business.
func (n *nesting) leave() {
	n.levels -= n.waiting
	n.waiting = 0
	if k := len(n.open); k > 0 {
		n.waiting, n.open = n.open[k-1], n.open[:k-1]
		n.levels--
	}
}
