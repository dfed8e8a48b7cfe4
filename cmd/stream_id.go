package cmd

import (
	"bytes"
	"math"

	"redust/db/stream"
	"redust/resp"
)

// IDs as clients write them: "ms-seq", or "ms" alone; where a range is asked for, also "-"
// and "+", and "(" before an ID to leave it out; for XADD, "ms-*".

// parseID reads an ID. missing is the second half of one that has none. Only if loose,
// "-" is the smallest and "+" the greatest.
func parseID(arg []byte, missing uint64, loose bool) (stream.ID, error) {
	if loose && len(arg) == 1 {
		switch arg[0] {
		case '-':
			return stream.ID{}, nil
		case '+':
			return stream.MaxID(), nil
		}
	}
	ms, seq, halves, ok := splitID(arg)
	if !ok {
		return stream.ID{}, ErrStreamID
	}
	id := stream.ID{Seq: missing}
	id.Ms, ok = parseUint(ms)
	if ok && halves {
		id.Seq, ok = parseUint(seq)
	}
	if !ok {
		return stream.ID{}, ErrStreamID
	}
	return id, nil
}

// parseNewID is parseID for XADD: auto is true if the second half is to be chosen.
func parseNewID(arg []byte) (id stream.ID, auto bool, err error) {
	if ms, seq, _, ok := splitID(arg); ok && string(seq) == "*" {
		if id.Ms, ok = parseUint(ms); ok {
			return id, true, nil
		}
	}
	id, err = parseID(arg, 0, false)
	return id, false, err
}

// splitID cuts an ID at its dash. What follows a NUL is not looked at, as in Redis.
func splitID(arg []byte) (ms, seq []byte, halves, ok bool) {
	const longest = 127
	if len(arg) > longest {
		return nil, nil, false, false
	}
	ms, _, _ = bytes.Cut(arg, []byte{0})
	ms, seq, halves = bytes.Cut(ms, []byte{'-'})
	return ms, seq, halves, true
}

// parseUint reads half an ID: what Redis takes for a 64-bit integer and is not negative,
// else what C's strtoull takes: blanks, a sign, which wraps, decimal digits.
func parseUint(b []byte) (uint64, bool) {
	if n, ok := resp.ParseInt(b); ok {
		return uint64(n), n >= 0
	}
	for len(b) > 0 && (b[0] == ' ' || b[0]-'\t' < 5) {
		b = b[1:]
	}
	return parseWrapped(b)
}

// rangeStart reads the lower end of a range, and rangeEnd the upper one.
func rangeStart(arg []byte) (stream.ID, error) {
	if len(arg) < 2 || arg[0] != '(' {
		return parseID(arg, 0, true)
	}
	id, err := parseID(arg[1:], 0, false)
	if err != nil {
		return id, err
	}
	id, ok := id.Next()
	if !ok {
		return id, ErrRangeStart
	}
	return id, nil
}

func rangeEnd(arg []byte) (stream.ID, error) {
	if len(arg) < 2 || arg[0] != '(' {
		return parseID(arg, math.MaxUint64, true)
	}
	id, err := parseID(arg[1:], math.MaxUint64, false)
	if err != nil {
		return id, err
	}
	id, ok := id.Prev()
	if !ok {
		return id, ErrRangeEnd
	}
	return id, nil
}

// replyID replies an ID as text.
func replyID(w *resp.Writer, id stream.ID) {
	var tmp [stream.IDLen]byte
	w.Bulk(id.Append(tmp[:0]))
}

// ids reads arguments as IDs; the slice is valid until the next call.
func (c *Ctx) ids(args [][]byte) ([]stream.ID, error) {
	out := c.streams.ids[:0]
	for _, a := range args {
		id, err := parseID(a, 0, false)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	c.streams.ids = reusable(out)
	return out, nil
}
