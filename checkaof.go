package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"redust/aof"
	"redust/config"
	"redust/loop"
)

// check-aof looks at an append only file: at all files of a manifest, or at a single one.
//
//	redust check-aof [--fix | --truncate-to-timestamp T] FILE
//
// With --fix the last file is cut off where it stops making sense, after a question; with
// --truncate-to-timestamp in front of the first timestamp that is later. What it prints and
// the exit status are those of redis-check-aof 7.0.

// checkAOF is the tool; the answers to its questions come from in.
func checkAOF(args []string, in io.Reader, out io.Writer) int {
	c := aofCheck{out: out, in: bufio.NewReader(in)}
	switch {
	case len(args) == 1 && (args[0] == "-v" || args[0] == "--version"):
		fmt.Fprintln(out, "redis-check-aof "+config.RedisVersion)
		return 0
	case len(args) == 1:
	case len(args) == 2 && args[0] == "--fix":
		c.fix = true
	case len(args) == 3 && args[0] == "--truncate-to-timestamp":
		var end string
		if n, err := fmt.Sscanf(args[1], "%d%s", &c.until, &end); n != 1 || err == nil || c.until <= 0 {
			fmt.Fprintln(out, "Invalid timestamp, aborting...")
			return 1
		}
	default:
		fmt.Fprintln(out, "Usage: redis-check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>")
		return 1
	}
	if c.all(args[len(args)-1]) {
		return 0
	}
	return 1
}

// aofCheck is a run of the tool.
type aofCheck struct {
	out   io.Writer
	in    *bufio.Reader
	fix   bool
	until int64 // Unix seconds; 0: nothing is cut off for being late
}

func (c *aofCheck) line(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// state is what became of one file.
type state int

const (
	broken    state = iota // and all that there is to say about it has been said
	valid                  // whole
	empty                  // whole, too
	truncated              // cut off, as was asked for
)

// all checks what a path names, and tells whether all is well.
func (c *aofCheck) all(path string) bool {
	first, err := beginning(path)
	if err != nil {
		c.line("Cannot open file %s: %s", path, reason(err))
		return false
	}
	if !isManifest(first) {
		c.line("Start checking Old-Style AOF")
		return c.say("AOF", path, c.one(path, path, true)) != broken
	}
	c.line("Start checking Multi Part AOF")
	text, err := os.ReadFile(path)
	if err != nil {
		c.line("Cannot open file %s: %s", path, reason(err))
		return false
	}
	m, err := aof.ParseManifest(text)
	if err != nil {
		c.line("%s", err)
		return false
	}
	dir, files := filepath.Dir(path), m.Files()
	for i, f := range files {
		full := filepath.Join(dir, f.Name)
		what := "INCR AOF"
		if f.Type == aof.Base {
			what = "BASE AOF"
			form := "RESP"
			if b, err := beginning(full); err == nil && strings.HasPrefix(string(b), "REDIS") {
				form = "RDB"
			}
			c.line("Start to check BASE AOF (%s format).", form)
		} else if i == 0 || files[i-1].Type == aof.Base {
			c.line("Start to check INCR files.")
		}
		if c.say(what, f.Name, c.one(f.Name, full, i == len(files)-1)) == broken {
			return false
		}
	}
	c.line("All AOF files and manifest are valid")
	return true
}

// say prints what became of a file.
func (c *aofCheck) say(what, name string, s state) state {
	switch {
	case s == valid:
		c.line("%s %s is valid", what, name)
	case s == empty:
		c.line("%s %s is empty", what, name)
	case s == truncated && c.until == 0:
		c.line("Successfully truncated AOF %s", name)
	case s == truncated:
		c.line("Successfully truncated AOF %s to timestamp %d", name, c.until)
	}
	return s
}

// beginning is the first bytes of a file.
func beginning(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 4<<10)
	n, err := io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return b[:n], errors.Join(err, f.Close())
}

// isManifest tells a manifest from a file of commands: its first line that is no comment
// begins with the word file.
func isManifest(b []byte) bool {
	for _, l := range strings.Split(string(b), "\n") {
		if !strings.HasPrefix(l, "#") {
			return strings.HasPrefix(l, "file")
		}
	}
	return false
}

// reason is what the operating system said.
func reason(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return loop.SystemText(err)
}

// one checks one file; only the last one may be cut off.
func (c *aofCheck) one(name, path string, last bool) state {
	f, err := os.Open(path)
	if err != nil {
		c.line("Cannot open file %s: %s", name, reason(err))
		return broken
	}
	defer func() { _ = f.Close() }() // it was only read
	st, err := f.Stat()
	if err != nil {
		c.line("Cannot stat file: %s, aborting...", name)
		return broken
	}
	size := st.Size()
	if size == 0 {
		return empty
	}
	var from int64
	if b, err := beginning(path); err == nil && strings.HasPrefix(string(b), "REDIS") {
		check := rdbCheck{out: c.out, nowMs: time.Now().UnixMilli()}
		info, ok := check.file(name, path)
		if !ok {
			c.line("RDB preamble of AOF file is not sane, aborting.")
			return broken
		}
		c.line("RDB preamble is OK, proceeding with AOF tail...")
		from = info.Bytes
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			c.line("Cannot read file %s: %s", name, reason(err))
			return broken
		}
	}
	bar := newBar(path)
	found, err := aof.Check(name, f, from, c.until, bar.at)
	bar.done()
	if err != nil {
		c.line("Cannot read file %s: %s", name, reason(err))
		return broken
	}
	if found.NoStamp {
		c.line("Invalid timestamp annotation")
		return broken
	}
	if found.Later {
		return c.cutLater(name, path, found.Valid, last)
	}
	switch {
	case found.Alien:
		c.line("AOF %s format error", name)
	case found.Problem != "":
		c.line("%s", found.Problem)
	}
	diff := size - found.Valid
	if c.until > 0 && diff == 0 {
		c.line("Truncate nothing in AOF %s to timestamp %d", name, c.until)
		return valid
	}
	c.line("AOF analyzed: filename=%s, size=%d, ok_up_to=%d, ok_up_to_line=%d, diff=%d", name, size, found.Valid, found.Line, diff)
	if diff == 0 {
		return valid
	}
	return c.cutBroken(name, path, size, found.Valid, last)
}

// cutLater cuts off what is later than was asked for.
func (c *aofCheck) cutLater(name, path string, at int64, last bool) state {
	switch {
	case at == 0:
		c.line("AOF %s has nothing before timestamp %d, aborting...", path, c.until)
		return broken
	case !last:
		c.line("Failed to truncate AOF %s to timestamp %d to offset %d because it is not the last file.", name, c.until, at)
		c.line("The files that follow it in the manifest are later, too: delete them and their lines in the manifest, and run this again.")
		return broken
	}
	if err := cutFile(path, at); err != nil {
		c.line("Failed to truncate AOF %s to timestamp %d", name, c.until)
		return broken
	}
	return truncated
}

// cutBroken cuts off what makes no sense, if that is wanted.
func (c *aofCheck) cutBroken(name, path string, size, at int64, last bool) state {
	if !c.fix {
		c.line("AOF %s is not valid. Use the --fix option to try fixing it.", name)
		return broken
	}
	if !last {
		c.line("Failed to truncate AOF %s because it is not the last file", name)
		return broken
	}
	c.line("This will shrink the AOF %s from %d bytes, with %d bytes, to %d bytes", name, size, size-at, at)
	fmt.Fprint(c.out, "Continue? [y/N]: ")
	answer, err := c.in.ReadString('\n')
	if err != nil && answer == "" || !strings.HasPrefix(strings.ToLower(answer), "y") {
		c.line("Aborting...")
		return broken
	}
	if err := cutFile(path, at); err != nil {
		c.line("Failed to truncate AOF %s", name)
		return broken
	}
	return truncated
}

// cutFile makes a file end after so many bytes.
func cutFile(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(at)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// askingAOF is checkAOF at a terminal.
func askingAOF(args []string, out, _ io.Writer) int { return checkAOF(args, os.Stdin, out) }
