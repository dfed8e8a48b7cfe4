package scripts

import (
	"strings"

	"redust/resp"
)

// Flags say what a script is allowed to do, and when it may run.
type Flags uint8

// The flags that a script or function can declare, and NoShebang: it has declared nothing
// and is held to the rules from before there were flags.
const (
	NoWrites Flags = 1 << iota
	AllowOOM
	AllowStale
	NoCluster
	AllowCrossSlot
	NoShebang
)

func flagNames() [5]string {
	return [...]string{"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"}
}

// parseFlag returns the flag of a name, or 0.
func parseFlag(name string) Flags {
	for i, n := range flagNames() {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

// Names lists the flags, in the order in which Redis shows them.
func (f Flags) Names() []string {
	var out []string
	for i, n := range flagNames() {
		if f&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// shebangWords splits a first line that begins with #!, as the words of a line are split
// everywhere; rest is what follows it, with the line break, so that lines count from there.
func shebangWords(source string) (words []string, rest string, ok bool) {
	end := strings.IndexAny(source, "\n\x00")
	if end < 0 || source[end] == 0 {
		return nil, "", false
	}
	split, ok := resp.SplitLine([]byte(source[:end]), nil)
	for _, w := range split {
		words = append(words, string(w))
	}
	return words, source[end:], ok
}

// shebang reads the first line of a script, if it is one that declares flags, and returns
// what is to be compiled.
func shebang(source string) (body string, flags Flags, err error) {
	if !strings.HasPrefix(source, "#!") {
		return source, NoShebang, nil
	}
	words, body, ok := shebangWords(source)
	switch {
	case !ok && body == "":
		return "", 0, wrong("Invalid script shebang")
	case !ok:
		return "", 0, wrong("Invalid engine in script shebang")
	case words[0] != "#!lua":
		return "", 0, wrong("Unexpected engine in script shebang: " + words[0])
	}
	for _, w := range words[1:] {
		list, ok := strings.CutPrefix(w, "flags=")
		if !ok {
			return "", 0, wrong("Unknown lua shebang option: " + w)
		}
		if list == "" {
			continue
		}
		for _, name := range strings.Split(list, ",") {
			f := parseFlag(name)
			if f == 0 {
				return "", 0, wrong("Unexpected flag in script shebang: " + name)
			}
			flags |= f
		}
	}
	return body, flags, nil
}
