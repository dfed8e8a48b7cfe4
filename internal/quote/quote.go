// Package quote reads and writes lines of words with quotes, as Redis has them in its
// configuration file, in inline requests and in the manifest of the append only file.
package quote

import "strings"

// Split cuts a line into words. They are parted by white space. A word may hold a part
// in double quotes, where \n \r \t \b \a \xHH are escapes and any other escaped byte is
// itself, or in single quotes, where only \' is one. What follows a closing quote must be
// space. ok is false if that is not so or a quote stays open.
func Split(line string) (words []string, ok bool) {
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, true
		}
		w, n, ok := oneWord(line[i:])
		if !ok {
			return nil, false
		}
		words = append(words, w)
		i += n
	}
}

// oneWord reads a word from the start of s and returns it with the bytes it took.
func oneWord(s string) (w string, n int, ok bool) {
	var b strings.Builder
	for n < len(s) {
		switch c := s[n]; c {
		case ' ', '\n', '\r', '\t', 0:
			// A NUL ends a word; it is taken, or the caller would not advance.
			if c == 0 {
				n++
			}
			return b.String(), n, true
		case '"', '\'':
			took, ok := quoted(&b, s[n+1:], c)
			n += 1 + took
			if !ok || n < len(s) && !isSpace(s[n]) {
				return "", 0, false
			}
			return b.String(), n, true
		default:
			b.WriteByte(c)
			n++
		}
	}
	return b.String(), n, true
}

// quoted reads up to the closing quote q, and returns how many bytes it took with it.
func quoted(b *strings.Builder, s string, q byte) (n int, ok bool) {
	for n < len(s) {
		c := s[n]
		switch {
		case c == q:
			return n + 1, true
		case c == '\\' && q == '\'' && n+1 < len(s) && s[n+1] == '\'':
			b.WriteByte('\'')
			n += 2
		case c == '\\' && q == '"' && n+3 < len(s) && s[n+1] == 'x' && hex(s[n+2]) >= 0 && hex(s[n+3]) >= 0:
			b.WriteByte(byte(hex(s[n+2])<<4 | hex(s[n+3])))
			n += 4
		case c == '\\' && q == '"' && n+1 < len(s):
			e := s[n+1]
			if k := strings.IndexByte("nrtba", e); k >= 0 {
				e = "\n\r\t\b\a"[k]
			}
			b.WriteByte(e)
			n += 2
		default:
			b.WriteByte(c)
			n++
		}
	}
	return n, false
}

// Word returns s in double quotes, such that Split reads it back as one word equal
// to s, whatever bytes it holds.
func Word(s string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		k := strings.IndexByte("\\\"\n\r\t\a\b", c)
		switch {
		case k >= 0:
			b = append(b, '\\', "\\\"nrtab"[k])
		case c < 0x20 || c > 0x7e:
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// IfNeeded leaves plain words bare, as a person would write them.
func IfNeeded(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\' {
			return Word(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// hex returns the value of a hexadecimal digit, or -1.
func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
