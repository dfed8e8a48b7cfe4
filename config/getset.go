package config

import (
	"errors"
	"fmt"
	"strings"
)

// Pair is the name of a directive, as a client wrote it, and a value.
type Pair struct {
	Name  string
	Value string
}

// Origin is what Set must know of the client and the moment.
type Origin struct {
	Local   bool // the client sits at a loopback address or the Unix socket
	Loading bool // a data set is being loaded
}

// ApplyError is what the apply of a Set returns to name the directive at fault.
type ApplyError struct {
	Name   string
	Reason string // what the client reads
}

func (e *ApplyError) Error() string { return e.Reason }

// SetError is why a Set was refused.
type SetError struct {
	Reply string // the whole error reply
	Undo  error  // why the old values could not be put into effect again, nil if they could
}

func (e *SetError) Error() string { return e.Reply }

// Unwrap returns Undo.
func (e *SetError) Unwrap() error { return e.Undo }

// Get returns the directives that match any of the patterns, in the order of their
// names, aliases among them as entries of their own. match is the glob matcher; it sees
// both arguments in lower case. A pattern without wildcards finds hidden directives too,
// and its result carries the name as it was written.
func (c *Config) Get(patterns []string, match func(pattern, name string) bool) []Pair {
	typed := make(map[string]string)
	for _, p := range patterns {
		low := strings.ToLower(p)
		if !strings.ContainsAny(p, "[*?") {
			if _, seen := typed[low]; !seen && c.t.byName[low] != nil {
				typed[low] = p
			}
			continue
		}
		for _, name := range c.t.names {
			if _, seen := typed[name]; !seen && c.t.byName[name].flags&hidden == 0 && match(low, name) {
				typed[name] = name
			}
		}
	}
	out := make([]Pair, 0, len(typed))
	for _, name := range c.t.names {
		if as, ok := typed[name]; ok {
			out = append(out, Pair{as, c.t.byName[name].value.String()})
		}
	}
	return out
}

// Set assigns all pairs or none. When all are valid it assigns them and calls apply
// with the directives whose value changed, by their first name; not at all if none did.
// If apply fails the old values return, and apply is called a second time to put them
// into effect. Any error is a *SetError. apply may be nil.
func (c *Config) Set(pairs []Pair, from Origin, apply func(changed []string) error) error {
	rows, err := c.admit(pairs, from)
	if err != nil {
		return err
	}
	var undo []func()
	restore := func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	before := make(map[*directive]string, len(rows))
	for i, d := range rows {
		if _, seen := before[d]; !seen {
			before[d] = d.text()
		}
		undo = append(undo, d.value.snapshot())
		if err := d.value.set(d.words(pairs[i].Value), false); err != nil {
			restore()
			return failed(pairs[i].Name, err.Error())
		}
	}
	var changed []string
	for _, d := range rows {
		if old, ok := before[d]; ok && old != d.text() {
			changed = append(changed, d.name)
		}
		delete(before, d) // an alias beside its name is one change
	}
	if len(changed) == 0 || apply == nil {
		return nil
	}
	if err := apply(changed); err != nil {
		restore()
		var at *ApplyError
		if !errors.As(err, &at) {
			at = &ApplyError{changed[0], err.Error()}
		}
		e := failed(at.Name, at.Reason)
		if err := apply(changed); err != nil {
			e.Undo = fmt.Errorf("config: put %s back: %w", strings.Join(changed, " "), err)
		}
		return e
	}
	return nil
}

// admit finds the row of each pair and refuses what may not be set whatever the value.
func (c *Config) admit(pairs []Pair, from Origin) ([]*directive, error) {
	rows := make([]*directive, len(pairs))
	for i, p := range pairs {
		d := c.t.find(p.Name)
		switch {
		case d == nil:
			return nil, &SetError{Reply: "ERR Unknown option or number of arguments for CONFIG SET - '" + p.Name + "'"}
		case d.flags&immutable != 0:
			return nil, failed(p.Name, "can't set immutable config")
		case d.flags&protected != 0 && !c.EnableProtectedConfigs.Allows(from.Local):
			return nil, failed(p.Name, "can't set protected config")
		case d.flags&denyLoading != 0 && from.Loading:
			return nil, &SetError{Reply: "LOADING Redis is loading the dataset in memory"}
		}
		for _, q := range pairs[:i] {
			if strings.EqualFold(p.Name, q.Name) {
				return nil, failed(p.Name, "duplicate parameter")
			}
		}
		rows[i] = d
	}
	return rows, nil
}

func failed(name, why string) *SetError {
	return &SetError{Reply: "ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why}
}
