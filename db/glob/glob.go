// Package glob answers whether a byte string matches a Redis pattern.
//
// KEYS, SCAN, PSUBSCRIBE, CONFIG GET, ACL key rules and a few others share one
// small language, and clients have come to lean on its corners, so this package
// has to agree with Redis on every input, the senseless ones included:
//
//	?        any one byte                  *        any run of bytes
//	[abc]    one of them                   [^abc]   one byte, none of them
//	[a-z]    one between, ends in any order
//	\x       x itself, also inside a class; a last, lone \ is itself
//
// The corners, each held by a test against a real server:
//
//   - A class that is never closed ends with the pattern: "[a" matches "a", "[^"
//     matches any byte, "[" matches none.
//   - "[]" is empty and matches nothing; "[^]" is any byte.
//   - Ranges compare signed bytes: "[a-\xff]" spans -1 to 'a', not 'a' to 255.
//   - When case is folded, an escaped byte inside a class is not, and the ends of
//     a range are ordered first and lowered afterwards ("[Z-a]" becomes empty).
//   - The empty string matches the empty pattern alone: not even "*" matches it.
//     KEYS and SCAN do list an empty name under "*", because they treat that one
//     pattern as no filter at all. That is their rule, not this package's.
//
// # Why it cannot blow up
//
// The obvious matcher recurses at every star and tries all splits: k stars cost
// n to the power of k, and "a*a*a*a*a*b" is a way to stop a server. Every element
// but the star takes exactly one byte, so only the latest star ever needs to be
// tried again: whatever an earlier star could give by taking more, the latest one
// can give as well.
//
//	pattern  a * b c * d e          string  a x b c y y d d e
//	               ^ settled  ^ star                   ^ mark
//
// On a mismatch, the pattern goes back to just behind the latest star and the
// string to one byte past mark. Cost: O(len(pattern) * len(s)) at worst, O(len(s))
// as a rule, since behind a star the next literal is searched with IndexByte. No
// memory is taken, and nothing is kept between calls.
package glob

import "bytes"

// Match reports whether the whole of s matches pattern. With fold, ASCII letters
// match in either case.
func Match(pattern, s []byte, fold bool) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	p, i := 0, 0
	if !fold {
		// Most patterns are a plain name or a prefix and one star.
		p = run(pattern)
		if len(s) < p || string(s[:p]) != string(pattern[:p]) {
			return false
		}
		i = p
		if p == len(pattern) {
			return len(s) == p
		}
	}

	star, mark := -1, 0 // pattern index just behind the latest star; where its rest began in s
	for i < len(s) {
		ok, next := false, p
		if p < len(pattern) {
			switch pattern[p] {
			case '*':
				p = skipStars(pattern, p)
				if p == len(pattern) {
					return true
				}
				star = p
				if i = seek(pattern[p], s, i, fold); i < 0 {
					return false
				}
				mark = i
				continue
			case '?':
				ok, next = true, p+1
			case '[':
				ok, next = class(pattern, p+1, s[i], fold)
			case '\\':
				if p+1 < len(pattern) {
					p++
				}
				ok, next = same(pattern[p], s[i], fold), p+1
			default:
				ok, next = same(pattern[p], s[i], fold), p+1
			}
		}
		if ok {
			p, i = next, i+1
			continue
		}
		if star < 0 {
			return false
		}
		p = star
		if i = seek(pattern[p], s, mark+1, fold); i < 0 {
			return false
		}
		mark = i
	}
	// What is left of the pattern needs one byte an element, and starting the latest
	// star later would only leave fewer of them: so nothing but stars may remain.
	return skipStars(pattern, p) == len(pattern)
}

// Literal reports whether pattern holds no special byte, so that it matches only
// itself and a lookup can take the place of a scan.
func Literal(pattern []byte) bool { return run(pattern) == len(pattern) }

// Prefix returns the literal bytes with which every match of pattern begins,
// escapes resolved; it is empty when nothing is known. For a match with fold the
// prefix holds up to the case of ASCII letters. The result may share memory with
// pattern: it is to be read, and lives as long as pattern does.
func Prefix(pattern []byte) []byte {
	n := run(pattern)
	if n == len(pattern) || pattern[n] != '\\' {
		return pattern[:n:n]
	}
	out := append([]byte(nil), pattern[:n]...)
	for n < len(pattern) && pattern[n] != '*' && pattern[n] != '?' && pattern[n] != '[' {
		if pattern[n] == '\\' && n+1 < len(pattern) {
			n++
		}
		out = append(out, pattern[n])
		n++
	}
	return out
}

// run returns how many bytes at the front of pattern are neither special nor an
// escape.
func run(pattern []byte) int {
	for i, c := range pattern {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			return i
		}
	}
	return len(pattern)
}

func skipStars(pattern []byte, p int) int {
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p
}

// seek returns the first index from i on where the element that begins with c might
// match, len(s) at most, or -1 when there is none.
func seek(c byte, s []byte, i int, fold bool) int {
	if fold || c == '?' || c == '[' || c == '\\' {
		return i
	}
	j := bytes.IndexByte(s[i:], c)
	if j < 0 {
		return -1
	}
	return i + j
}

// class matches c against the class whose first byte, behind the bracket, is
// pattern[p]. next is where the pattern goes on.
func class(pattern []byte, p int, c byte, fold bool) (ok bool, next int) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for p < len(pattern) {
		switch left := len(pattern) - p; {
		case pattern[p] == '\\' && left >= 2:
			if pattern[p+1] == c {
				ok = true
			}
			p += 2
		case pattern[p] == ']':
			return ok != not, p + 1
		case left >= 3 && pattern[p+1] == '-':
			lo, hi, v := int8(pattern[p]), int8(pattern[p+2]), int8(c)
			if lo > hi {
				lo, hi = hi, lo
			}
			if fold {
				lo, hi, v = int8(lower(byte(lo))), int8(lower(byte(hi))), int8(lower(c))
			}
			if lo <= v && v <= hi {
				ok = true
			}
			p += 3
		default:
			if same(pattern[p], c, fold) {
				ok = true
			}
			p++
		}
	}
	return ok != not, p
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
