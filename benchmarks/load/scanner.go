package load

import (
	"errors"
	"fmt"
)

// A ReplyError is an error reply of the server, without its leading '-'.
type ReplyError string

// Error returns the server's words.
func (e ReplyError) Error() string { return string(e) }

// ErrReplyFormat is returned for bytes that are neither RESP2 nor RESP3.
var ErrReplyFormat = errors.New("load: the server's reply is not RESP")

// A Scanner counts complete replies in a stream that arrives in arbitrary pieces. It
// keeps no reply and copies nothing but a header that was cut in two:
//
//	*2\r\n$3\r\nabc\r\n:7\r\n+OK\r\n       need (elements the reply still wants)
//	`----'                                1 -> 2
//	      `------------'                  2 -> 1     the payload is skipped unread
//	                    `----'            1 -> 0     one reply is complete
//	                          `----'      1 -> 0     another
//
// One counter replaces the stack, since to count it does not matter at which depth an
// element was missing. The zero value is ready.
type Scanner struct {
	need int    // elements missing from the reply under way; 0: none is under way
	skip int    // payload bytes, closing CRLF included, still to pass over
	push bool   // what is under way is a push, which is no reply
	cut  []byte // a header whose end has not arrived
}

// Feed takes the next piece of the stream and returns how many replies became
// complete in it. An error reply stops the count and comes back as a ReplyError; the
// scanner cannot be used after an error.
func (s *Scanner) Feed(b []byte) (replies int, err error) {
	for i := 0; i < len(b); {
		if s.skip > 0 {
			n := min(s.skip, len(b)-i)
			s.skip -= n
			i += n
			if s.skip == 0 && s.need == 0 {
				replies += s.done()
			}
			continue
		}
		end := i
		for end < len(b) && b[end] != '\n' {
			end++
		}
		if end == len(b) {
			s.cut = append(s.cut, b[i:]...)
			return replies, nil
		}
		line := b[i:end]
		i = end + 1
		if len(s.cut) > 0 {
			line = append(s.cut, line...)
			s.cut = s.cut[:0]
		}
		if err := s.header(line); err != nil {
			return replies, err
		}
		if s.need == 0 && s.skip == 0 {
			replies += s.done()
		}
	}
	return replies, nil
}

// done counts what has become complete.
func (s *Scanner) done() int {
	if s.push {
		s.push = false
		return 0
	}
	return 1
}

// header takes one line without its line feed.
func (s *Scanner) header(line []byte) error {
	if len(line) < 2 || line[len(line)-1] != '\r' {
		return fmt.Errorf("%w: header %q", ErrReplyFormat, line)
	}
	body := line[1 : len(line)-1]
	if s.need == 0 {
		s.need = 1
		s.push = line[0] == '>'
	}
	s.need--
	switch line[0] {
	case '+', ':', '_', ',', '#':
		return nil
	case '-':
		return ReplyError(body)
	case '$', '*', '%', '~', '>':
		n, ok := parseLength(body)
		if !ok {
			return fmt.Errorf("%w: length %q", ErrReplyFormat, line)
		}
		if n < 0 { // the null reply ends with its header
			return nil
		}
		switch line[0] {
		case '$':
			s.skip = n + 2
		case '%':
			s.need += 2 * n
		default:
			s.need += n
		}
		return nil
	}
	return fmt.Errorf("%w: header %q", ErrReplyFormat, line)
}

// parseLength reads a decimal number from -1 up to a gigabyte.
func parseLength(b []byte) (n int, ok bool) {
	if string(b) == "-1" {
		return -1, true
	}
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
