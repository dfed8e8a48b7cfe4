package glob

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redust/tests/redis"
)

// model is the slow and plain matcher: the pattern is cut into elements, each a set
// of bytes or a star, and matched with one table, as in a textbook.
func model(pattern, s []byte, fold bool) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	type element struct {
		star bool
		set  [256]bool
	}
	low := func(b byte) byte {
		if b < 0x80 { // folding is for ASCII
			return bytes.ToLower([]byte{b})[0]
		}
		return b
	}
	var list []element
	for p := pattern; len(p) > 0; {
		var e element
		add := func(lit byte) {
			for c := range 256 {
				e.set[c] = e.set[c] || byte(c) == lit || fold && low(byte(c)) == low(lit)
			}
		}
		switch {
		case p[0] == '*':
			e.star, p = true, p[1:]
		case p[0] == '?':
			for c := range e.set {
				e.set[c] = true
			}
			p = p[1:]
		case p[0] == '[':
			p = p[1:]
			not := bytes.HasPrefix(p, []byte("^"))
			if not {
				p = p[1:]
			}
			for len(p) > 0 && p[0] != ']' {
				if p[0] == '\\' && len(p) > 1 {
					e.set[p[1]] = true
					p = p[2:]
				} else if len(p) > 2 && p[1] == '-' {
					lo, hi := int(int8(min(int8(p[0]), int8(p[2])))), int(int8(max(int8(p[0]), int8(p[2]))))
					for c := range 256 {
						v, l, h := int(int8(c)), lo, hi
						if fold {
							v, l, h = int(int8(low(byte(v)))), int(int8(low(byte(l)))), int(int8(low(byte(h))))
						}
						e.set[c] = e.set[c] || l <= v && v <= h
					}
					p = p[3:]
				} else {
					add(p[0])
					p = p[1:]
				}
			}
			if len(p) > 0 {
				p = p[1:]
			}
			for c := range e.set {
				e.set[c] = e.set[c] != not
			}
		default:
			if p[0] == '\\' && len(p) > 1 {
				p = p[1:]
			}
			add(p[0])
			p = p[1:]
		}
		list = append(list, e)
	}
	at := make([]bool, len(s)+1) // at[i]: the elements so far match s[:i]
	at[0] = true
	for _, e := range list {
		next := make([]bool, len(s)+1)
		for i := range next {
			switch {
			case e.star:
				next[i] = at[i] || i > 0 && next[i-1]
			case i > 0:
				next[i] = at[i-1] && e.set[s[i-1]]
			}
		}
		at = next
	}
	return at[len(s)]
}

func TestMatch(t *testing.T) {
	for _, r := range []struct {
		pattern, s string
		fold, want bool
	}{
		{"", "", false, true},
		{"*", "", false, false}, // see the essay: no pattern but the empty one
		{"", "a", false, false},
		{"*", "a", false, true},
		{"h?llo", "hello", false, true},
		{"h[ae]llo", "hillo", false, false},
		{"h[^e]llo", "hallo", false, true},
		{"h\\*llo", "h*llo", false, true},
		{"h\\*llo", "hallo", false, false},
		{"HeLLo*", "hello world", true, true},
		{"HeLLo*", "hello world", false, false},
		{"abc*", "abc", false, true},
		{"*abc", "ababc", false, true},
		{"*a*b*c", "xxaxxbxxc", false, true},
		{"*a*b*c", "xxaxxcxxb", false, false},
		{"[", "[", false, false},
		{"[a", "a", false, true},
		{"[^", "x", false, true},
		{"[]", "x", false, false},
		{"[^]", "x", false, true},
		{"[a-]", "-", false, false}, // the range runs from ']' to 'a'
		{"[a-]", "`", false, true},
		{"[z-a]", "m", false, true},
		{"[Z-a]", "z", true, false}, // 'Z'..'a' in order, lowered it is 'z'..'a', empty
		{"[\\A]", "a", true, false},
		{"[a-\xff]", "z", false, false},
		{"[a-\xff]", "\x05", false, true},
		{"\\", "\\", false, true},
		{"[\\", "\\", false, true},
	} {
		if got := Match([]byte(r.pattern), []byte(r.s), r.fold); got != r.want {
			t.Errorf("Match(%q, %q, %v) = %v, want %v", r.pattern, r.s, r.fold, got, r.want)
		}
		if got := model([]byte(r.pattern), []byte(r.s), r.fold); got != r.want {
			t.Errorf("model(%q, %q, %v) = %v, want %v", r.pattern, r.s, r.fold, got, r.want)
		}
	}
}

func TestPrefixAndLiteral(t *testing.T) {
	for _, r := range []struct {
		pattern, prefix string
		literal         bool
	}{
		{"", "", true},
		{"abc", "abc", true},
		{"abc*", "abc", false},
		{"*", "", false},
		{"a\\*b\\c?d", "a*bc", false},
		{"a\\", "a\\", false}, // matches itself only, but holds a special byte
		{"[a]b", "", false},
		{"ab\\[c[d]", "ab[c", false},
	} {
		if got := string(Prefix([]byte(r.pattern))); got != r.prefix {
			t.Errorf("Prefix(%q) = %q, want %q", r.pattern, got, r.prefix)
		}
		if got := Literal([]byte(r.pattern)); got != r.literal {
			t.Errorf("Literal(%q) = %v, want %v", r.pattern, got, r.literal)
		}
	}
}

// A matcher that tries every split would not end before the machine does.
func TestNoBlowUp(t *testing.T) {
	s := bytes.Repeat([]byte("a"), 1<<14)
	for _, pattern := range []string{
		strings.Repeat("a*", 200) + "b",
		strings.Repeat("*a", 200) + "b",
		strings.Repeat("*[a-c]?", 200) + "b",
		"*" + strings.Repeat("a", 1000) + "b",
	} {
		for _, fold := range []bool{false, true} {
			if Match([]byte(pattern), s, fold) {
				t.Errorf("Match(%.20q..., a..., %v) = true", pattern, fold)
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	pattern, s := []byte("user:*:[0-9]*x"), []byte("user:100:7abcx")
	if n := testing.AllocsPerRun(100, func() {
		if !Match(pattern, s, false) || !Match(pattern, s, true) {
			t.Error("no match")
		}
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"a*b|axb", "[a-c]*\\*|b*", "[^|x", "*?*|ab", "**|", "[Z-a]|z"} {
		p, v, _ := strings.Cut(s, "|")
		f.Add([]byte(p), []byte(v), true)
		f.Add([]byte(p), []byte(v), false)
	}
	f.Fuzz(func(t *testing.T, pattern, s []byte, fold bool) {
		got := Match(pattern, s, fold)
		if want := model(pattern, s, fold); got != want {
			t.Fatalf("Match(%q, %q, %v) = %v, the model says %v", pattern, s, fold, got, want)
		}
		if got && !fold && !bytes.HasPrefix(s, Prefix(pattern)) {
			t.Fatalf("Match(%q, %q), yet Prefix is %q", pattern, s, Prefix(pattern))
		}
		if !fold && Literal(pattern) && got != bytes.Equal(pattern, s) {
			t.Fatalf("Literal(%q), yet Match(%q) = %v", pattern, s, got)
		}
	})
}

// pick returns up to n bytes out of alphabet.
func pick(rnd *rand.Rand, alphabet string, n int) string {
	b := make([]byte, rnd.IntN(n+1))
	for i := range b {
		b[i] = alphabet[rnd.IntN(len(alphabet))]
	}
	return string(b)
}

func TestMatchModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 60_000 {
		p, s := pick(rnd, "abAB*?[]^-\\\xff\x80", 9), pick(rnd, "abAB*]^-\\\xff\x80", 8)
		for _, fold := range []bool{false, true} {
			if got, want := Match([]byte(p), []byte(s), fold), model([]byte(p), []byte(s), fold); got != want {
				t.Fatalf("Match(%q, %q, %v) = %v, the model says %v", p, s, fold, got, want)
			}
		}
	}
}

func TestOracleKeys(t *testing.T) {
	o := redis.Start(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	keys := map[string]bool{"": true}
	for len(keys) < 300 {
		keys[pick(rnd, "abAB*]^-\\\xff\x80", 5)] = true
	}
	for k := range keys {
		o.Do("SET", k, "1")
	}
	hits := 0
	for range 5_000 {
		p := pick(rnd, "abAB**?[[]^-\\\xff\x80", 9)
		if p == "*" {
			continue // KEYS does not match then
		}
		var got, want []string
		for _, k := range o.Do("KEYS", p).([]any) {
			want = append(want, k.(string))
		}
		for k := range keys {
			if Match([]byte(p), []byte(k), false) {
				got = append(got, k)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("KEYS %q: got %q, want %q", p, got, want)
		}
		hits += len(want)
	}
	if hits < 5_000 {
		t.Errorf("only %d matches: the patterns are too wild to prove anything", hits)
	}
}

// CONFIG GET folds case, and directive names have dashes and letters to play with.
func TestOracleConfigFold(t *testing.T) {
	o := redis.Start(t)
	var names []string
	all := o.Do("CONFIG", "GET", "*").([]any)
	for i := 0; i < len(all); i += 2 {
		names = append(names, all[i].(string))
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	hits := 0
	for range 20_000 {
		p := []byte(names[rnd.IntN(len(names))])
		for range 1 + rnd.IntN(4) {
			at := rnd.IntN(len(p))
			c := p[at]
			subst := []string{"*", "?", "[" + string(c) + "]", "[a-z]", "[Z-a]", "[A-M]", "[^A-M]", "\\" + string(c),
				"[\\" + string(c) + "]", strings.ToUpper(string(c)), "[\\" + strings.ToUpper(string(c)) + "]", "[a-Z]", "[@-z]", "["}[rnd.IntN(14)]
			p = slices.Replace(p, at, at+1, []byte(subst)...)
		}
		if !bytes.ContainsAny(p, "[*?") {
			continue // looked up by name, not matched
		}
		var got, want []string
		list := o.Do("CONFIG", "GET", p).([]any)
		for i := 0; i < len(list); i += 2 {
			want = append(want, list[i].(string))
		}
		for _, n := range names {
			if Match(p, []byte(n), true) {
				got = append(got, n)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("CONFIG GET %q: got %q, want %q", p, got, want)
		}
		hits += len(want)
	}
	if hits < 3_000 {
		t.Errorf("only %d matches: the patterns are too wild to prove anything", hits)
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, r := range []struct{ name, pattern, s string }{
		{"literal", "user:1000:name", "user:1000:name"},
		{"prefix", "user:*", "user:1000:name"},
		{"miss", "order:*", "user:1000:name"},
		{"infix", "*:1000:*", "user:1000:name"},
	} {
		b.Run(r.name, func(b *testing.B) {
			p, s := []byte(r.pattern), []byte(r.s)
			for b.Loop() {
				Match(p, s, false)
			}
		})
	}
}
