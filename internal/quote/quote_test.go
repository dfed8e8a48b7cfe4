package quote

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, r := range []struct {
		in   string
		want string // words in brackets, "bad" for unbalanced quotes
	}{
		{"", ""},
		{" \t\v ", ""},
		{"a  b\tc", "[a][b][c]"},
		{`"" ''`, "[][]"},
		{`"a b" 'c d'`, "[a b][c d]"},
		{`a"b c"`, "[ab c]"}, // a quote may open within a word,
		{`"a"b`, "bad"},      // but not close there
		{`'a'b`, "bad"},
		{`"\x41\n\q\""`, "[A\nq\"]"},
		{`"\x4"`, "[x4]"}, // half an escape is none
		{`'it\'s \n'`, `[it's \n]`},
		{`"open`, "bad"},
		{`'open\'`, "bad"},
		{`"open\`, "bad"},
		{`a\x41`, `[a\x41]`}, // escapes live in quotes only
	} {
		words, ok := Split(r.in)
		got := ""
		for _, w := range words {
			got += "[" + w + "]"
		}
		if !ok {
			got = "bad"
		}
		if got != r.want {
			t.Errorf("Split(%q) = %s, want %s", r.in, got, r.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a b", `"\x00\n" 'x\''`, `"a"b`, "\x00", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if words, ok := Split(Word(s)); !ok || len(words) != 1 || words[0] != s {
			t.Fatalf("Word(%q) reads back as %q, %v", s, words, ok)
		}
		words, ok := Split(s)
		if !ok {
			return
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = IfNeeded(w)
		}
		again, ok := Split(strings.Join(quoted, " "))
		if !ok || !slices.Equal(words, again) {
			t.Fatalf("%q: words %q, read back as %q", s, words, again)
		}
	})
}
