package config

import (
	"math"
	"strings"
)

// flags say what may be done to a directive besides reading it.
type flags uint16

const (
	immutable   flags = 1 << iota // not by CONFIG SET
	protected                     // by CONFIG SET only as enable-protected-configs allows
	sensitive                     // the value is a secret
	hidden                        // CONFIG GET shows it only under its exact name
	denyLoading                   // not by CONFIG SET while a data set is being loaded
	multi                         // takes any number of words; one word is cut at spaces
	idle                          // accepted, and without effect on this server
)

// value is one directive's place: a field of Config, or storage of its own.
type value interface {
	// set parses words and assigns, or leaves everything and says why not, in the words
	// that clients know. loading is true for files and the command line, where repeated
	// lines of some directives add up.
	set(args []string, loading bool) error
	// String formats for CONFIG GET.
	String() string
	// lines formats for a file: what follows the name, one entry per line, such that
	// set(words of each, loading) from the default gives the same value again. None means
	// that no line says it.
	lines() []string
	// snapshot returns a func that puts the present value back.
	snapshot() (restore func())
}

// directive is one row of the table.
type directive struct {
	name  string
	alias string // its other name, empty if it has none
	flags flags
	value value
	reset func() // assigns the default
}

// table holds the rows in the order of directives.go.
type table struct {
	list   []*directive
	byName map[string]*directive // names and aliases, in lower case
	names  []string              // the keys of byName, sorted: the order of CONFIG GET
}

// find returns the directive of a name or alias in any case, nil if there is none.
func (t *table) find(name string) *directive { return t.byName[strings.ToLower(name)] }

// add enters a row. Two directives of one name are a defect of the table.
func (t *table) add(name string, f flags, v value, reset func()) {
	d := &directive{flags: f, value: v, reset: reset}
	d.name, d.alias, _ = strings.Cut(name, "|")
	for _, n := range []string{d.name, d.alias} {
		if n == "" {
			continue
		}
		if t.byName[n] != nil {
			panic("config: directive declared twice: " + n)
		}
		t.byName[n] = d
	}
	t.list = append(t.list, d)
}

// bool enters a directive of yes or no. Here and below a nil p makes it idle.
func (t *table) bool(name string, p *bool, def bool, f flags) {
	p, f = place(p, f)
	t.add(name, f, boolValue{p}, func() { *p = def })
}

// str enters a directive of any bytes that check passes. It is written to files even
// when empty; opt enters one that is not.
func (t *table) str(name string, p *string, def string, f flags, check func(string) error) {
	p, f = place(p, f)
	t.add(name, f, stringValue{p, check}, func() { *p = def })
}

func (t *table) opt(name string, p *string, f flags, check func(string) error) {
	p, f = place(p, f)
	t.add(name, f, optionalString{stringValue{p, check}}, func() { *p = "" })
}

// number enters a whole number within lo and hi.
func number[T integer](t *table, name string, p *T, def T, lo, hi int64, f flags) {
	p, f = place(p, f)
	t.add(name, f, intValue[T]{p: p, lo: lo, hi: hi}, func() { *p = def })
}

// bytes enters a number of bytes of at least lo; unbounded ones take any size.
func (t *table) bytes(name string, p *int64, def, lo int64, f flags) {
	p, f = place(p, f)
	t.add(name, f, memoryValue[int64]{p: p, lo: lo, hi: math.MaxInt64}, func() { *p = def })
}

func (t *table) unbounded(name string, p *int64, f flags) {
	p, f = place(p, f)
	t.add(name, f, memoryValue[int64]{p: p, hi: math.MaxInt64, saturate: true}, func() { *p = 0 })
}

// enum enters a choice among words.
func enum[T ~uint8](t *table, name string, p *T, def T, words string, f flags) {
	p, f = place(p, f)
	t.add(name, f, enumValue[T]{p, words}, func() { *p = def })
}

// place gives a directive without a field a place of its own.
func place[T any](p *T, f flags) (*T, flags) {
	if p == nil {
		return new(T), f | idle
	}
	return p, f
}

// text is the whole value as a file would say it. Two values of one directive are the
// same if their texts are.
func (d *directive) text() string { return strings.Join(d.value.lines(), "\n") }

// words cuts a value the way CONFIG SET does: a directive of many words at every single
// space, any other not at all.
func (d *directive) words(s string) []string {
	if d.flags&multi == 0 {
		return []string{s}
	}
	if s == "" {
		return nil
	}
	return strings.Split(s, " ")
}

// refusal is the reason why words are no value: the text that clients and operators of
// Redis know, with its capitals and full stops.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errArgs    refusal = "wrong number of arguments"
	errInteger refusal = "argument couldn't be parsed into an integer"
	errMemory  refusal = "argument must be a memory value"
	errPercent refusal = "argument must be a memory or percent value"
	errOctal   refusal = "argument couldn't be parsed as an octal number"
	errBool    refusal = "argument must be 'yes' or 'no'"
)
