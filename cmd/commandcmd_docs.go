package cmd

import (
	"strings"

	"redust/resp"
)

// commandDocs replies a map from names to descriptions. Names that are no commands are
// left out of it.
func commandDocs(c *Ctx) error {
	v := newVocabulary()
	if c.Argc() == 2 {
		c.Out.Map(c.Commands.count())
		for _, cmd := range c.Commands.All() {
			if cmd.Parent == nil {
				writeDoc(c.Out, v, cmd)
			}
		}
		return nil
	}
	mark, n := c.Out.Mark(), 0
	for _, name := range c.Args[2:] {
		if cmd := c.Commands.Named(string(lower(name))); cmd != nil {
			writeDoc(c.Out, v, cmd)
			n++
		}
	}
	c.Out.MapAt(mark, n)
	return nil
}

// writeDoc writes a command's full name and a map of what is known of it.
func writeDoc(w *resp.Writer, v *vocabulary, c *Command) {
	d := &c.Doc
	args := c.arguments(v)
	deprecated := d.Deprecated != ""

	n := 0
	for _, has := range []bool{d.Summary != "", d.Since != "", d.Group != "", d.Complexity != "", deprecated || d.Internal,
		deprecated, d.ReplacedBy != "", len(d.History) > 0, len(args) > 0, c.Subs != nil} {
		if has {
			n++
		}
	}
	w.Str(c.FullName)
	w.Map(n)
	writeText(w, "summary", d.Summary)
	writeText(w, "since", d.Since)
	writeText(w, "group", strings.ReplaceAll(d.Group, "_", "-"))
	writeText(w, "complexity", d.Complexity)
	if deprecated || d.Internal {
		var flags []string
		if deprecated {
			flags = append(flags, "deprecated")
		}
		if d.Internal {
			flags = append(flags, "syscmd")
		}
		w.Str("doc_flags")
		writeStates(w, flags)
	}
	writeText(w, "deprecated_since", d.Deprecated)
	writeText(w, "replaced_by", d.ReplacedBy)
	if len(d.History) > 0 {
		w.Str("history")
		w.Set(len(d.History))
		for _, h := range d.History {
			w.Array(2)
			w.Str(h[0])
			w.Str(h[1])
		}
	}
	if len(args) > 0 {
		w.Str("arguments")
		writeArguments(w, versions(d.Added), args)
	}
	if c.Subs != nil {
		w.Str("subcommands")
		w.Map(len(c.Subs))
		for _, sub := range c.Subs {
			writeDoc(w, v, sub)
		}
	}
}

// versions reads Doc.Added.
func versions(line string) map[string]string {
	added := make(map[string]string)
	for words := strings.Fields(line); len(words) > 1; words = words[2:] {
		added[words[0]] = words[1]
	}
	return added
}

// writeText writes a pair of bulk strings, unless the second is empty.
func writeText(w *resp.Writer, name, text string) {
	if text != "" {
		w.Str(name)
		w.Str(text)
	}
}

func writeArguments(w *resp.Writer, added map[string]string, args []argument) {
	w.Array(len(args))
	for i := range args {
		writeArgument(w, added, &args[i])
	}
}

func writeArgument(w *resp.Writer, added map[string]string, a *argument) {
	since := added[a.name]
	var flags []string
	for _, f := range []struct {
		on   bool
		name string
	}{{a.optional, "optional"}, {a.multiple, "multiple"}, {a.multipleTokens, "multiple_token"}} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	n := 2
	for _, has := range []bool{a.shown != "", a.spec >= 0, a.hasToken, since != "", flags != nil, a.sub != nil} {
		if has {
			n++
		}
	}
	w.Map(n)
	writeText(w, "name", a.name)
	writeText(w, "type", a.kind)
	writeText(w, "display_text", a.shown)
	if a.spec >= 0 {
		writePair(w, "key_spec_index", a.spec)
	}
	if a.hasToken {
		w.Str("token")
		w.Str(a.token)
	}
	writeText(w, "since", since)
	if flags != nil {
		w.Str("flags")
		writeStates(w, flags)
	}
	if a.sub != nil {
		w.Str("arguments")
		writeArguments(w, added, a.sub)
	}
}
