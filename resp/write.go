package resp

import (
	"strconv"

	"redust/internal/dtoa"
)

// Error is an error reply: the text after the minus sign, code first. It is a string,
// so the errors of this server are constants that compare with == and cost nothing to
// return.
type Error string

func (e Error) Error() string { return string(e) }

// Writer appends replies to a buffer in the protocol version that the client chose.
// Handlers say what they mean (a map, a double) and RESP2 clients get the closest
// thing their version has. The zero value writes RESP2.
type Writer struct {
	B     []byte // the replies; whoever sends them truncates it
	Proto int    // 3 for RESP3, anything else is RESP2
}

// OK writes the usual status.
func (w *Writer) OK() { w.B = append(w.B, "+OK\r\n"...) }

// Status writes a simple string; s holds no line breaks.
func (w *Writer) Status(s string) {
	w.B = append(append(append(w.B, '+'), s...), '\r', '\n')
}

// Error writes an error reply. Line breaks in the text, which may quote the client's
// own words, become blanks.
func (w *Writer) Error(text string) {
	w.B = append(w.B, '-')
	from := len(w.B)
	w.B = append(w.B, text...)
	for i, c := range w.B[from:] {
		if c == '\r' || c == '\n' {
			w.B[from+i] = ' '
		}
	}
	w.B = append(w.B, '\r', '\n')
}

// Int writes an integer.
func (w *Writer) Int(n int64) { w.number(':', n) }

func (w *Writer) number(kind byte, n int64) {
	w.B = append(w.B, kind)
	if uint64(n) < 10 {
		w.B = append(w.B, byte('0'+n), '\r', '\n')
		return
	}
	w.B = append(strconv.AppendInt(w.B, n, 10), '\r', '\n')
}

// Bulk writes a bulk string; b is copied.
func (w *Writer) Bulk(b []byte) {
	w.number('$', int64(len(b)))
	w.B = append(append(w.B, b...), '\r', '\n')
}

// Str is Bulk for a string.
func (w *Writer) Str(s string) {
	w.number('$', int64(len(s)))
	w.B = append(append(w.B, s...), '\r', '\n')
}

// BulkInt writes an integer as a bulk string.
func (w *Writer) BulkInt(n int64) {
	var tmp [20]byte
	w.Bulk(strconv.AppendInt(tmp[:0], n, 10))
}

// Null writes the absent value: a null bulk string in RESP2.
func (w *Writer) Null() {
	if w.Proto == 3 {
		w.B = append(w.B, "_\r\n"...)
		return
	}
	w.B = append(w.B, "$-1\r\n"...)
}

// NullArray writes the absent array.
func (w *Writer) NullArray() {
	if w.Proto == 3 {
		w.B = append(w.B, "_\r\n"...)
		return
	}
	w.B = append(w.B, "*-1\r\n"...)
}

// Array opens an array of n replies.
func (w *Writer) Array(n int) { w.number('*', int64(n)) }

// Map opens a map of n pairs; in RESP2 it is an array of 2n.
func (w *Writer) Map(n int) {
	if w.Proto == 3 {
		w.number('%', int64(n))
		return
	}
	w.number('*', int64(2*n))
}

// Set opens a set of n members; in RESP2 it is an array.
func (w *Writer) Set(n int) {
	if w.Proto == 3 {
		w.number('~', int64(n))
		return
	}
	w.number('*', int64(n))
}

// Push opens an out-of-band message of n parts; in RESP2 it is an array.
func (w *Writer) Push(n int) {
	if w.Proto == 3 {
		w.number('>', int64(n))
		return
	}
	w.number('*', int64(n))
}

// Attribute opens n pairs of auxiliary data; it writes nothing and returns false in
// RESP2, which has no such thing.
func (w *Writer) Attribute(n int) bool {
	if w.Proto != 3 {
		return false
	}
	w.number('|', int64(n))
	return true
}

// Bool writes a boolean; in RESP2 it is 1 or 0.
func (w *Writer) Bool(v bool) {
	switch {
	case w.Proto == 3 && v:
		w.B = append(w.B, "#t\r\n"...)
	case w.Proto == 3:
		w.B = append(w.B, "#f\r\n"...)
	case v:
		w.Int(1)
	default:
		w.Int(0)
	}
}

// Double writes a floating-point number; in RESP2 it is a bulk string.
func (w *Writer) Double(f float64) {
	var tmp [40]byte
	w.Decimal(dtoa.Append(tmp[:0], f))
}

// Decimal writes a floating-point number that is text already; in RESP2 it is a bulk string.
func (w *Writer) Decimal(text []byte) {
	if w.Proto == 3 {
		w.B = append(append(append(w.B, ','), text...), '\r', '\n')
		return
	}
	w.Bulk(text)
}

// BigNumber writes an integer of any length, given as text; in RESP2 it is a bulk
// string.
func (w *Writer) BigNumber(s string) {
	if w.Proto == 3 {
		w.B = append(append(append(w.B, '('), s...), '\r', '\n')
		return
	}
	w.Str(s)
}

// Verbatim writes text of a kind of three letters (txt, mkd); in RESP2 it is a bulk
// string.
func (w *Writer) Verbatim(kind, s string) {
	if w.Proto != 3 {
		w.Str(s)
		return
	}
	w.number('=', int64(len(s)+4))
	w.B = append(append(append(append(w.B, kind[:3]...), ':'), s...), '\r', '\n')
}

// Raw appends bytes that are a reply already.
func (w *Writer) Raw(b []byte) { w.B = append(w.B, b...) }

// Mark remembers where a reply begins whose length is known only at its end.
type Mark int

// Mark returns the place of the next reply.
func (w *Writer) Mark() Mark { return Mark(len(w.B)) }

// ArrayAt puts the header of an array of n replies in front of what was written since
// m. It moves that once, so it is for replies whose number cannot be known before.
func (w *Writer) ArrayAt(m Mark, n int) { w.insert(m, func() { w.Array(n) }) }

// MapAt is ArrayAt for a map of n pairs.
func (w *Writer) MapAt(m Mark, n int) { w.insert(m, func() { w.Map(n) }) }

// SetAt is ArrayAt for a set of n members.
func (w *Writer) SetAt(m Mark, n int) { w.insert(m, func() { w.Set(n) }) }

func (w *Writer) insert(m Mark, header func()) {
	end := len(w.B)
	header()
	var tmp [24]byte
	h := tmp[:copy(tmp[:], w.B[end:])]
	copy(w.B[int(m)+len(h):], w.B[m:end])
	copy(w.B[m:], h)
}

// Truncate takes back everything written since m.
func (w *Writer) Truncate(m Mark) { w.B = w.B[:m] }
