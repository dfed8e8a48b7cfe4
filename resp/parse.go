// Package resp turns bytes into requests and replies into bytes: RESP2 and RESP3.
//
// A request is an array of bulk strings, or a line as typed into telnet:
//
//	*2\r\n $3\r\nGET\r\n $1\r\nk\r\n          GET k\r\n
//
// Two readers share the work, since nearly all requests are small and whole, and the
// few that are not must not make the others pay:
//
//   - Parse looks at a slice that begins with a request and either cuts it out, its
//     arguments pointing into that slice, or says that more is needed and remembers
//     nothing. It allocates nothing. Asked again after every few bytes it would be
//     quadratic, so the caller stops asking once AssembleFrom bytes are waiting.
//   - Assembler takes over from there. It is fed each piece once, keeps arguments in
//     buffers of their own that grow as the bytes arrive (a length that a client
//     announces is never trusted with memory), and is linear however the pieces fall.
//
// The protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/.
package resp

import (
	"bytes"
	"math"
)

// Limits bounds what a request may ask for.
type Limits struct {
	Bulk int64 // longest bulk string, bytes (proto-max-bulk-len)
	Anon bool  // the client has yet to authenticate: few and short arguments only
}

const (
	maxLine      = 64 << 10 // longest line without its end: a header or an inline request, bytes
	anonArgs     = 10       // arguments an unauthenticated client may send
	anonBulk     = 16384    // bytes of one of them
	AssembleFrom = 16 << 10 // bytes of an incomplete request from which an Assembler is cheaper than asking Parse again
)

// The protocol errors, as Redis words them. After one the connection is closed.
const (
	errInlineBig   Error = "ERR Protocol error: too big inline request"
	errQuotes      Error = "ERR Protocol error: unbalanced quotes in request"
	errCountBig    Error = "ERR Protocol error: too big mbulk count string"
	errCount       Error = "ERR Protocol error: invalid multibulk length"
	errAnonCount   Error = "ERR Protocol error: unauthenticated multibulk length"
	errBulkBig     Error = "ERR Protocol error: too big bulk count string"
	errBulk        Error = "ERR Protocol error: invalid bulk length"
	errAnonBulk    Error = "ERR Protocol error: unauthenticated bulk length"
	errWantsDollar       = "ERR Protocol error: expected '$', got '"
)

// Parse cuts the request that begins at b[0]. It appends the arguments, which point
// into b (or, for a quoted inline request, into memory of their own), to dst and
// returns it with the length of the request in bytes. Length 0 says that b ends
// before the request does; then dst comes back as it was. An empty request (a bare
// newline, *0) has a length and no arguments. The error is an Error that the client
// should read before its connection is closed.
func Parse(b []byte, dst [][]byte, lim Limits) ([][]byte, int, error) {
	if len(b) == 0 {
		return dst, 0, nil
	}
	if b[0] != '*' {
		return parseInline(b, dst)
	}
	count, pos, err := header(b, 0, errCountBig)
	if pos == 0 || err != nil {
		return dst, 0, err
	}
	if err = checkCount(count, lim); err != nil {
		return dst, 0, err
	}
	was := len(dst)
	for ; count > 0; count-- {
		if pos >= len(b) {
			return dst[:was], 0, nil
		}
		n, at, err := bulkHeader(b, pos, lim)
		if at == 0 || err != nil {
			return dst[:was], 0, err
		}
		if n > len(b)-at-2 {
			return dst[:was], 0, nil
		}
		dst = append(dst, b[at:at+n:at+n])
		pos = at + n + 2
	}
	return dst, pos, nil
}

// header reads the number in the line that starts with a type byte at b[from], and
// returns it with the position after the line, or 0 if the line has not ended.
// A line that is not a number gives a count that no check accepts.
func header(b []byte, from int, tooBig Error) (n, next int, err error) {
	// Short numbers first: nearly every header is one or two digits.
	i := from + 1
	for i < len(b) && b[i]-'0' <= 9 && i-from < 10 {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i+1 < len(b) && b[i] == '\r' && i > from+1 && (b[from+1] != '0' || i == from+2) {
		return n, i + 2, nil
	}
	end := bytes.IndexByte(b[from:], '\r')
	if end < 0 {
		if len(b)-from > maxLine {
			return 0, 0, tooBig
		}
		return 0, 0, nil
	}
	end += from
	if end+1 >= len(b) {
		return 0, 0, nil
	}
	v, ok := ParseInt(b[min(from+1, end):end]) // the type byte may be the \r itself
	if !ok || v > math.MaxInt32 && b[from] == '*' {
		return badNumber, end + 2, nil
	}
	return int(v), end + 2, nil
}

// AnonLimit is the error for a client that has yet to authenticate and sends more than
// any way to do so needs.
const AnonLimit = errAnonBulk

// CheckAnon applies the limits of an unauthenticated client to a request that was cut
// without them.
func CheckAnon(args [][]byte) error {
	if len(args) > anonArgs {
		return errAnonCount
	}
	for _, a := range args {
		if len(a) > anonBulk {
			return errAnonBulk
		}
	}
	return nil
}

// badNumber stands for a header that is no number.
const badNumber = math.MinInt64

func checkCount(n int, lim Limits) error {
	switch {
	case n == badNumber:
		return errCount
	case n > anonArgs && lim.Anon:
		return errAnonCount
	}
	return nil
}

// bulkHeader reads `$n\r\n` at b[from]; next is 0 if it is not all there.
func bulkHeader(b []byte, from int, lim Limits) (n, next int, err error) {
	n, next, err = header(b, from, errBulkBig)
	if next == 0 || err != nil {
		return 0, 0, err
	}
	switch {
	case b[from] != '$':
		return 0, 0, Error(errWantsDollar + printable(b[from]) + "'")
	case n < 0 || int64(n) > lim.Bulk:
		return 0, 0, errBulk
	case n > anonBulk && lim.Anon:
		return 0, 0, errAnonBulk
	}
	return n, next, nil
}

// printable keeps a stray byte from breaking the line of the error that names it.
func printable(c byte) string {
	if c == '\r' || c == '\n' {
		return " "
	}
	return string([]byte{c})
}

func parseInline(b []byte, dst [][]byte) ([][]byte, int, error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) > maxLine {
			return dst, 0, errInlineBig
		}
		return dst, 0, nil
	}
	line := b[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	args, ok := SplitLine(line, dst)
	if !ok {
		return dst, 0, errQuotes
	}
	return args, end + 1, nil
}

// ParseInt reads a decimal integer exactly as Redis does: an optional minus, no
// plus, no leading zero, no space, no overflow.
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	neg := b[0] == '-'
	d := b
	if neg {
		d = b[1:]
	}
	if len(d) == 0 || d[0] < '1' || d[0] > '9' {
		return 0, false
	}
	var v uint64
	for _, c := range d {
		c -= '0'
		if c > 9 || v > (math.MaxUint64-uint64(c))/10 {
			return 0, false
		}
		v = v*10 + uint64(c)
	}
	if neg {
		if v > 1<<63 {
			return 0, false
		}
		return -int64(v), true
	}
	if v > math.MaxInt64 {
		return 0, false
	}
	return int64(v), true
}
