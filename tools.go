package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"redust/config"
	"redust/db"
	"redust/loop"
	"redust/rdb"
)

// The tools that Redis ships as programs of their own are in this binary too: as a first
// word, or under the program's name, by a link, as Redis does it.
//
//	redust check-rdb FILE             redis-check-rdb FILE
//	redust check-aof [--fix] FILE     redis-check-aof [--fix] FILE
//
// What they print and their exit status are those of Redis's tools, since scripts read
// them. On a terminal a bar shows how far they are; it goes to stderr.

// tool runs with its arguments, its name left out, and returns the exit status.
type tool func(args []string, out, errs io.Writer) int

// toolFor finds the tool that a command line asks for, nil for the server.
func toolFor(argv []string) (tool, []string) {
	switch filepath.Base(argv[0]) {
	case "redis-check-rdb":
		return checkRDB, argv[1:]
	case "redis-check-aof":
		return askingAOF, argv[1:]
	}
	if len(argv) < 2 {
		return nil, nil
	}
	switch argv[1] {
	case "check-rdb":
		return checkRDB, argv[2:]
	case "check-aof":
		return askingAOF, argv[2:]
	}
	return nil, nil
}

// checkRDB looks at a whole file, more closely than Redis does: every value is decoded as
// RESTORE would.
func checkRDB(args []string, out, errs io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(errs, "Usage: redis-check-rdb <rdb-file-name>")
		return 1
	}
	name := args[0]
	switch name {
	case "-v", "--version":
		fmt.Fprintln(out, "redis-check-rdb "+config.RedisVersion)
		return 0
	}
	c := rdbCheck{out: out, nowMs: time.Now().UnixMilli()}
	if _, ok := c.file(name, name); !ok {
		return 1
	}
	return 0
}

// rdbCheck is a check of an RDB file.
type rdbCheck struct {
	out                    io.Writer
	nowMs                  int64
	keys, expires, expired int64
}

func (c *rdbCheck) line(offset int64, format string, args ...any) {
	fmt.Fprintf(c.out, "[offset %d] "+format+"\n", append([]any{offset}, args...)...)
}

// file checks the file at a path, and tells whether it is all right.
func (c *rdbCheck) file(name, path string) (info rdb.Info, ok bool) {
	c.line(0, "Checking RDB file %s", name)
	o := rdb.DecodeOptions{Limits: db.DefaultLimits, Trace: func(at int64, line string) { c.line(at, "%s", line) }}
	bar := newBar(path)
	o.Progress = bar.at
	info, err := rdb.ReadFile(path, o, c.count)
	bar.done()
	var damage *rdb.Error
	switch {
	case err == nil:
		if info.Checked {
			c.line(info.Bytes, "Checksum OK")
		} else {
			c.line(info.Bytes, "RDB file was saved with checksum disabled: no check performed.")
		}
		c.line(info.Bytes, `\o/ RDB looks OK! \o/`)
		c.summary()
		return info, true
	case errors.As(err, &damage):
		c.damage(damage)
		c.summary()
	default:
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		fmt.Fprintf(c.out, "Cannot open %s: %s\n", name, loop.SystemText(err))
	}
	return info, false
}

// count counts the entries of a batch.
func (c *rdbCheck) count(b *rdb.Batch) error {
	b.Each(func(_ int, _ []byte, _ db.Type, deadline int64) {
		c.keys++
		if deadline != 0 {
			c.expires++
			if deadline < c.nowMs {
				c.expired++
			}
		}
	})
	b.Release()
	return nil
}

func (c *rdbCheck) damage(e *rdb.Error) {
	fmt.Fprintln(c.out, "--- RDB ERROR DETECTED ---")
	what := e.What
	if errors.Is(e, io.ErrUnexpectedEOF) {
		what = "Unexpected EOF reading RDB file"
	} else if e.Err != nil {
		what += ": " + e.Err.Error()
	}
	c.line(e.Offset, "%s", what)
	fmt.Fprintf(c.out, "[additional info] While doing: %s\n", doing(e))
	if e.Key != nil {
		fmt.Fprintf(c.out, "[additional info] Reading key '%s'\n", e.Key)
		c.keys++ // Redis counts it before it reads the value
	}
	fmt.Fprintf(c.out, "[additional info] Reading type %d (%s)\n", e.Type, e.Type)
}

// doing says what was being read in the words of Redis's tool.
func doing(e *rdb.Error) string {
	words := map[string]string{
		"the file's first bytes": "start", "what is next": "read-type", "an entry": "read-expire", "a key": "read-key",
		"the value of": "read-object-value", "the checksum": "check-sum", "an auxiliary field": "read-aux",
		"a database's number": "read-len", "the sizes of a database": "read-len", "the sizes of a slot": "read-len",
		"a library of functions": "read-functions", "a module's data": "read-module-aux",
	}
	if w := words[e.Doing]; w != "" {
		return w
	}
	return e.Doing
}

func (c *rdbCheck) summary() {
	fmt.Fprintf(c.out, "[info] %d keys read\n[info] %d expires\n[info] %d already expired\n", c.keys, c.expires, c.expired)
}

// bar is a progress bar on a terminal; nil elsewhere, when its methods do nothing.
type bar struct{ b *progressbar.ProgressBar }

// newBar makes a bar as long as a file, if stderr is a terminal and it is a file worth it.
func newBar(name string) *bar {
	const worth = 64 << 20 // bytes: less takes no time
	st, err := os.Stat(name)
	if err != nil || st.Size() < worth || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return &bar{progressbar.NewOptions64(st.Size(), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())}
}

func (b *bar) at(n int64) {
	if b != nil {
		_ = b.b.Set64(n) // a terminal that cannot be written to is no reason to stop
	}
}

func (b *bar) done() {
	if b != nil {
		_ = b.b.Finish()
	}
}
