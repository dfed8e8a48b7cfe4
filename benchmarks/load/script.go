package load

import (
	"slices"
	"strconv"
)

// A Script is a run of requests, encoded before the clock starts and cut into
// batches. A batch is what goes out in one write and is answered before the next one
// leaves the same connection. A script is read only once made, and may be shared.
type Script struct {
	buf  []byte
	ends []int // where each batch ends in buf
	per  int   // requests in each batch
}

// A Gen appends request number i, encoded, to b.
type Gen func(b []byte, i int) []byte

// Encode makes a script of n requests (at least one batch, and no more than fit in
// limitBytes) in batches of per.
func Encode(gen Gen, n, per, limitBytes int) *Script {
	s := new(Script)
	s.encode(gen, n, per, limitBytes)
	return s
}

// encode is Encode into the storage that s has already.
func (s *Script) encode(gen Gen, n, per, limitBytes int) {
	s.buf, s.ends, s.per = s.buf[:0], s.ends[:0], per
	batches := max((n+per-1)/per, 1)
	for i := range batches {
		if len(s.buf) >= limitBytes && i > 0 {
			break
		}
		for j := range per {
			s.buf = gen(s.buf, i*per+j)
		}
		if i == 0 { // the first batch tells the size of the others well enough
			want := min(len(s.buf)*batches*17/16, limitBytes+2*len(s.buf))
			s.buf = slices.Grow(s.buf, max(want-len(s.buf), 0))
			s.ends = slices.Grow(s.ends, batches)
		}
		s.ends = append(s.ends, len(s.buf))
	}
}

// Batches returns how many batches the script holds before it starts over.
func (s *Script) Batches() int { return len(s.ends) }

// batch returns the bytes of batch i, counted modulo the script's length.
func (s *Script) batch(i int) []byte {
	i %= len(s.ends)
	if i == 0 {
		return s.buf[:s.ends[0]]
	}
	return s.buf[s.ends[i-1]:s.ends[i]]
}

// Cmd appends one command as an array of bulk strings.
func Cmd(b []byte, args ...string) []byte {
	b = appendHeader(b, '*', len(args))
	for _, a := range args {
		b = appendHeader(b, '$', len(a))
		b = append(b, a...)
		b = append(b, '\r', '\n')
	}
	return b
}

func appendHeader(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, '\r', '\n')
}

// Fixed returns a generator that repeats one command.
func Fixed(args ...string) Gen {
	one := Cmd(nil, args...)
	return func(b []byte, _ int) []byte { return append(b, one...) }
}

// Digits is the width of the number in a key: redis-benchmark's keys are
// "key:000000000001", sixteen bytes.
const Digits = 12

// A Template is an encoded command with holes of Digits digits, which are cheap to
// fill in: tens of nanoseconds a request.
type Template struct {
	text  []byte
	holes []int
}

// hole marks in an argument where digits go.
const hole = "000000000000"

// NewTemplate encodes args; every run of twelve zeros in them becomes a hole.
func NewTemplate(args ...string) Template {
	t := Template{text: Cmd(nil, args...)}
	for i := 0; i+Digits <= len(t.text); i++ {
		if string(t.text[i:i+Digits]) == hole {
			t.holes = append(t.holes, i)
			i += Digits - 1
		}
	}
	return t
}

// Append appends the command to b, hole number h filled with next(h).
func (t Template) Append(b []byte, next func(h int) int) []byte {
	at := len(b)
	b = append(b, t.text...)
	for h, off := range t.holes {
		n := next(h)
		for d := at + off + Digits - 1; n > 0 && d >= at+off; d-- {
			b[d] = byte('0' + n%10)
			n /= 10
		}
	}
	return b
}
