package scripts

import "strings"

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

// shebang reads the first line of a script, if it is one that declares flags, and returns
// what is to be compiled: the rest, the first line left empty so that lines count from there.
func shebang(source string) (body string, flags Flags, err error) {
	if !strings.HasPrefix(source, "#!") {
		return source, NoShebang, nil
	}
	line, _, found := strings.Cut(source, "\n")
	if !found {
		return "", 0, &Failure{Text: "ERR Invalid script shebang"}
	}
	words := strings.Fields(line)
	if words[0] != "#!lua" {
		return "", 0, &Failure{Text: "ERR Unexpected engine in script shebang: " + words[0]}
	}
	for _, w := range words[1:] {
		list, ok := strings.CutPrefix(w, "flags=")
		if !ok {
			return "", 0, &Failure{Text: "ERR Unknown lua shebang option: " + w}
		}
		for _, name := range strings.Split(list, ",") {
			if name == "" {
				continue
			}
			f := parseFlag(name)
			if f == 0 {
				return "", 0, &Failure{Text: "ERR Unexpected flag in script shebang: " + name}
			}
			flags |= f
		}
	}
	return source[len(line):], flags, nil
}
