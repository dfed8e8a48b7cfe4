package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"redust/internal/quote"
)

// Start is what a configuration says to main alone: things that are done once, and
// things that another package must judge.
type Start struct {
	Asked   string // the first argument, if it asks for something else than a server: --version, --help, ...
	Renames []Rename
	Users   []User
	Ignored []string // idle directives that were given another value than the default
}

// Line is a place in the configuration, kept to complain about later.
type Line struct {
	Num  int    // from 1, in its file; options come after the file's last line
	Text string // without the space around it
}

// Fatal returns the start-up error of a line that turned out to be wrong.
func (l Line) Fatal(reason string) error { return &FileError{l, reason} }

// Rename is one rename-command line.
type Rename struct {
	From, To string // To is empty if the command is to be gone
	Line     Line
}

// User is one user line: a name and its ACL rules.
type User struct {
	Name  string
	Rules []string
	Line  Line
}

// FileError is a configuration that cannot be used. Its text is complete: printed to
// the standard error as it is, with a newline after it, it is what Redis prints.
type FileError struct {
	Line   Line // Num 0: no line in particular
	Reason string
}

func (e *FileError) Error() string {
	s := "\n*** FATAL CONFIG FILE ERROR (Redis " + RedisVersion + ") ***\n"
	if e.Line.Num > 0 {
		s += fmt.Sprintf("Reading the configuration file, at line %d\n>>> '%s'\n", e.Line.Num, e.Line.Text)
	}
	return s + e.Reason
}

// OpenError is a file that cannot be read. Its text is what Redis logs.
type OpenError struct {
	Path  string // absolute, or as the include line has it
	Cause error
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("Fatal error, can't open config file '%s': %s", e.Path, cause(e.Cause))
}

// Unwrap returns the error of the operating system.
func (e *OpenError) Unwrap() error { return e.Cause }

// maxIncludes is how deep include lines may nest. Redis has no bound and dies of a
// circle.
const maxIncludes = 16

// Load reads the command line, without the program's name, and what it refers to:
//
//	[file | -] [--directive value ...] [-]
//
// A dash reads stdin. The pieces are one text in this order: file, stdin, options, so
// later ones win, and line numbers of errors count through all three, with one empty
// line before the options, as in Redis. The directory named by dir is checked, and
// Config.Dir is absolute; changing into it is left to the caller, as is opening the log.
//
// An error is a *FileError, an *OpenError, or that of stdin. If the first argument asks
// for a version or for help, Start.Asked repeats it and nothing else is read.
func Load(args []string, stdin io.Reader) (*Config, *Start, error) {
	c, s := New(), &Start{}
	wd, err := os.Getwd()
	if err != nil {
		return nil, nil, fmt.Errorf("config: find the working directory: %w", err)
	}
	if err := (dirValue{&c.Dir}).set([]string{wd}, true); err != nil {
		return nil, nil, fmt.Errorf("config: enter the working directory %s: %w", wd, err)
	}
	c.startDir = c.Dir
	if len(args) > 0 {
		switch args[0] {
		case "-v", "--version", "-h", "--help", "--test-memory", "--check-system":
			s.Asked = args[0]
			return c, s, nil
		}
	}
	options, fromStdin := optionText(args)
	var text string
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		path, err := filepath.Abs(args[0])
		if err != nil {
			return nil, nil, &OpenError{args[0], err}
		}
		if text, err = readAll(path, path); err != nil {
			return nil, nil, err
		}
		if !isPattern(path) {
			c.file = path
		}
	}
	if fromStdin {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return nil, nil, fmt.Errorf("config: read the standard input: %w", err)
		}
		text = joinText(text, string(b))
	}
	if options != "" {
		text += "\n" + options
	}
	l := loader{c: c, s: s, idle: make(map[*directive]bool)}
	if err := l.read(text); err != nil {
		return nil, nil, err
	}
	if c.Daemonize && c.PidFile == "" {
		c.PidFile = DefaultPidFile
	}
	base := c.baseline()
	for _, d := range c.t.list {
		if l.idle[d] && d.text() != base.t.find(d.name).text() {
			s.Ignored = append(s.Ignored, d.name)
		}
	}
	return c, s, nil
}

// baseline returns the values this process would have without a file and options.
func (c *Config) baseline() *Config {
	base := New()
	base.Dir = c.startDir
	if c.Daemonize {
		base.PidFile = DefaultPidFile
	}
	return base
}

// loader reads one configuration with its includes.
type loader struct {
	c     *Config
	s     *Start
	depth int
	saved bool                // a save line was met: the default rules are gone
	idle  map[*directive]bool // idle directives met
}

// read takes in one text, line by line.
func (l *loader) read(text string) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		at := Line{i + 1, line}
		words, ok := quote.Split(line)
		if !ok {
			return at.Fatal("Unbalanced quotes in configuration line")
		}
		if len(words) == 0 {
			continue
		}
		if err := l.line(at, words); err != nil {
			return err
		}
	}
	return nil
}

// line takes in one line of at least one word.
func (l *loader) line(at Line, words []string) error {
	name := strings.ToLower(words[0])
	if d := l.c.t.find(name); d != nil {
		if d.flags&idle != 0 {
			l.idle[d] = true
		}
		if name == "save" && !l.saved {
			l.saved, l.c.Save = true, nil
		}
		if err := d.load(words[1:]); err != nil {
			return at.Fatal(err.Error())
		}
		return nil
	}
	const unknown = "Bad directive or wrong number of arguments"
	switch {
	case name == "include" && len(words) == 2:
		return l.include(at, words[1])
	case name == "rename-command" && len(words) == 3:
		l.s.Renames = append(l.s.Renames, Rename{words[1], words[2], at})
	case name == "user" && len(words) >= 2:
		l.s.Users = append(l.s.Users, User{words[1], words[2:], at})
	case name == "loadmodule" && len(words) >= 2:
		return at.Fatal("modules cannot be loaded into this server")
	case name == "sentinel":
		return at.Fatal("sentinel directive while not in sentinel mode")
	default:
		return at.Fatal(unknown)
	}
	return nil
}

// load assigns the words of a line. A single word of a directive that takes many is
// cut at its spaces.
func (d *directive) load(args []string) error {
	if d.flags&multi == 0 && len(args) != 1 {
		return errArgs
	}
	if len(args) == 1 && args[0] != "" {
		args = d.words(args[0])
	}
	return d.value.set(args, true)
}

// include reads other files in place. Their names are relative to the directory in
// force at that line.
func (l *loader) include(at Line, name string) error {
	if l.depth == maxIncludes {
		return at.Fatal("include files are nested too deeply")
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.c.Dir, path)
	}
	text, err := readAll(path, name)
	if err != nil {
		return err
	}
	l.depth++
	defer func() { l.depth-- }()
	return l.read(text)
}

func isPattern(path string) bool { return strings.ContainsAny(path, "*?[") }

// readAll returns the text of a file, or of all files that a pattern matches, which may
// be none. An error speaks of it as name.
func readAll(path, name string) (string, error) {
	files := []string{path}
	if isPattern(path) {
		var err error
		if files, err = filepath.Glob(path); err != nil {
			files = nil // a pattern that is none matches nothing, as with glob(3)
		}
	}
	var text string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			if len(files) > 1 {
				name = f
			}
			return "", &OpenError{name, err}
		}
		text = joinText(text, string(b))
	}
	return text, nil
}

// joinText puts b after a, on a line of its own.
func joinText(a, b string) string {
	if a != "" && b != "" && !strings.HasSuffix(a, "\n") {
		a += "\n"
	}
	return a + b
}

// optionText turns options into the lines of a file, and says whether a dash asks for
// stdin. An argument that starts with two dashes begins a line if the line before has a
// value already; so "--requirepass --x" is a password. Two accommodations of Redis are
// kept: a "--save" without a value, before another option or at the end, means no save
// rules; a "--name value" in one argument is a whole line.
func optionText(args []string) (text string, stdin bool) {
	var b strings.Builder
	complete := true // the line before has a value
	for i, a := range args {
		last := i == len(args)-1
		switch {
		case i == 0 && !strings.HasPrefix(a, "-"): // the file
		case a == "-" && (i == 0 || last):
			stdin = true
		case complete && strings.HasPrefix(a, "--"):
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(a[2:])
			b.WriteByte(' ')
			words, _ := quote.Split(a)
			if complete = len(words) != 1; complete {
				continue
			}
			next := !last && strings.HasPrefix(args[i+1], "--")
			switch {
			case strings.EqualFold(a, "--save") && (next || last):
				b.WriteString(`""`)
				complete = true
			case strings.EqualFold(a, "--sentinel") && next:
				complete = true
			}
		default:
			b.WriteString(quote.Word(a))
			b.WriteByte(' ')
			complete = true
		}
	}
	return b.String(), stdin
}
