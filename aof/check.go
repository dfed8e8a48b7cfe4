package aof

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Checking. redis-check-aof tells what is wrong with a file to the byte and to the line, and
// scripts read what it prints; so this is a reader of its own, which counts lines and keeps
// no more of a file than a line of it. It knows nothing of commands but MULTI and EXEC.
//
//	*2\r\n        line 1     a header: prefix, number, end of line
//	$3\r\n        line 2     a header
//	GET\r\n       line 3     as many bytes as it said, end of line
//
// Valid is where the last request began that is not whole, or the transaction that it is in.

// Checked is what Check found.
type Checked struct {
	Valid   int64  // up to where all is well, bytes
	Line    int64  // where the reader stopped; the first line is 1
	Problem string // what is wrong, with the place; empty if nothing is, or if Alien
	Alien   bool   // there is something at Valid that is no request
	Later   bool   // at Valid is a timestamp that is later than what was asked for
	NoStamp bool   // at Valid is a timestamp that makes no sense
}

// checker is a check of one file.
type checker struct {
	r      *bufio.Reader
	name   string
	at     int64 // how far it has read
	mark   int64 // where what is read now begins
	line   int64
	multi  int
	errs   string
	torn   bool // the file ended where a line may begin
	buf    [checkLine]byte
	report func(read int64)
}

// checkLine is the longest header, bytes.
const checkLine = 128

// Check reads requests to the end of a file, or to the first timestamp later than until,
// Unix seconds, if that is not 0. from is where r stands in the file. progress, if not nil, is
// told how far it is.
func Check(name string, r io.Reader, from, until int64, progress func(read int64)) (Checked, error) {
	c := checker{r: bufio.NewReaderSize(r, blockBytes), name: name, at: from, mark: from, line: 1, report: progress}
	valid := from
	done := Checked{}
	next := from + blockBytes
	for {
		if c.multi == 0 {
			valid = c.at
		}
		if c.report != nil && c.at >= next {
			c.report(c.at)
			next = c.at + blockBytes
		}
		first, err := c.r.Peek(1)
		if err == io.EOF {
			c.torn = true
			break
		}
		if err != nil {
			return done, err
		}
		if first[0] == '#' {
			begin := c.at
			text, err := c.comment()
			if err != nil {
				return done, err
			}
			if until == 0 {
				continue
			}
			if digits, ok := strings.CutPrefix(string(text), "#TS:"); ok {
				switch at, rest := strtol(digits); {
				case !strings.HasPrefix(rest, "\r"):
					return Checked{Valid: begin, Line: c.line, NoStamp: true}, nil
				case at > until:
					return Checked{Valid: begin, Line: c.line, Later: true}, nil
				}
			}
			continue
		}
		if first[0] != '*' {
			done.Alien = true
			break
		}
		ok, err := c.request()
		if err != nil {
			return done, err
		}
		if !ok {
			break
		}
	}
	if c.torn && c.multi > 0 && c.errs == "" {
		c.fail("Reached EOF before reading EXEC for MULTI")
	}
	done.Valid, done.Line, done.Problem = valid, c.line, c.errs
	return done, nil
}

func (c *checker) fail(format string, args ...any) bool {
	c.errs = fmt.Sprintf("0x%16x: ", c.mark) + fmt.Sprintf(format, args...)
	return false
}

// comment reads a line that begins with #.
func (c *checker) comment() (text []byte, err error) {
	c.mark = c.at
	for {
		part, err := c.r.ReadSlice('\n')
		c.at += int64(len(part))
		if len(text) < checkLine {
			text = append(text, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF {
			err = nil
		}
		return text, err
	}
}

// strtol reads a number at the beginning of s, and returns what follows it.
func strtol(s string) (n int64, rest string) {
	t := strings.TrimLeft(s, " \t\n\v\f\r")
	i := 0
	if i < len(t) && (t[i] == '-' || t[i] == '+') {
		i++
	}
	first := i
	for i < len(t) && t[i]-'0' <= 9 {
		i++
	}
	if i == first {
		return 0, s
	}
	n, _ = strconv.ParseInt(strings.TrimPrefix(t[:i], "+"), 10, 64) // saturates
	return n, t[i:]
}

// header reads a line of a prefix and a number.
func (c *checker) header(prefix byte) (n int64, ok bool, err error) {
	c.mark = c.at
	i := 0
	for i < checkLine-1 {
		b, err := c.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, false, err
		}
		c.buf[i] = b
		i++
		c.at++
		if b == '\n' {
			break
		}
	}
	if i == 0 {
		c.torn = true
		return 0, false, nil // it ends here, and nothing is said
	}
	if c.buf[0] != prefix {
		got := string(c.buf[:1]) + "'"
		if c.buf[0] == 0 {
			got = "" // Redis prints nothing after it
		}
		return 0, c.fail("Expected prefix '%c', got: '%s", prefix, got), nil
	}
	n, rest := strtol(string(c.buf[1:i]))
	return n, c.newline(rest), nil
}

// newline wants the end of a line.
func (c *checker) newline(s string) bool {
	if !strings.HasPrefix(s, "\r\n") {
		s += "\x00\x00"
		// Redis prints bytes as numbers with a sign.
		return c.fail(`Expected \r\n, got: %02x%02x`, uint32(int8(s[0])), uint32(int8(s[1])))
	}
	c.line++
	return true
}

// request reads a request.
func (c *checker) request() (ok bool, err error) {
	count, ok, err := c.header('*')
	if !ok || err != nil {
		return false, err
	}
	for i := int64(0); i < count; i++ {
		name, ok, err := c.word()
		if !ok || err != nil {
			return false, err
		}
		if i > 0 {
			continue
		}
		switch {
		case strings.EqualFold(name, "multi"):
			if c.multi++; c.multi > 1 {
				return c.fail("Unexpected MULTI in AOF %s", c.name), nil
			}
		case strings.EqualFold(name, "exec"):
			if c.multi--; c.multi != 0 {
				return c.fail("Unexpected EXEC in AOF %s", c.name), nil
			}
		}
	}
	return true, nil
}

// word reads a word; of a longer one it returns the beginning.
func (c *checker) word() (w string, ok bool, err error) {
	n, ok, err := c.header('$')
	if !ok || err != nil {
		return "", false, err
	}
	if n < 0 || n > math.MaxInt64-2 {
		return "", c.fail("Expected to read string of %d bytes, which is not in the suitable range", n), nil
	}
	c.mark = c.at
	head, want := min(n, checkLine), n+2
	got, err := io.ReadFull(c.r, c.buf[:head])
	total := int64(got)
	w = string(c.buf[:got])
	for err == nil && total < n {
		var some int
		some, err = c.r.Discard(int(min(n-total, math.MaxInt32)))
		total += int64(some)
	}
	var end [2]byte
	if err == nil {
		got, err = io.ReadFull(c.r, end[:])
		total += int64(got)
	}
	c.at += total
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return "", c.fail("Expected to read %d bytes, got %d bytes", want, total), nil
	case err != nil:
		return "", false, err
	}
	return w, c.newline(string(end[:])), nil
}
