package metrics

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// errorPrefixLimit bounds the distinct prefixes. A script may return errors with prefixes of its own, and a
	// prefix that holds a counter or a key name would otherwise grow the table for ever.
	errorPrefixLimit = 128
	// errorPrefixMax is how far into an error text its first space is looked for.
	errorPrefixMax = 31
	// errorsDisabled is the prefix under which INFO says that new prefixes are no longer taken in.
	errorsDisabled = "ERRORSTATS_DISABLED"
)

// Errors counts error replies by prefix: the first word, `WRONGTYPE` or `ERR`. At most 128 prefixes are told
// apart; the first one beyond leaves the entry ERRORSTATS_DISABLED, and from then on only known ones count. The
// zero value is empty and ready.
type Errors struct {
	counts  map[string]*int64
	stopped bool
}

// ErrorCount is how often one prefix was sent.
type ErrorCount struct {
	Prefix string
	Count  int64
}

// Add counts an error reply; text is what follows the minus sign, without the line's end. A text without a space
// among its first 31 bytes counts as ERR. It returns true once, when the limit is met, so that the caller can
// put it in the log; it allocates only for a prefix not seen before.
func (e *Errors) Add(text string) (limitMet bool) {
	prefix := "ERR"
	if i := strings.IndexByte(text[:min(len(text), errorPrefixMax)], ' '); i > 0 {
		prefix = text[:i]
	}
	if n := e.counts[prefix]; n != nil {
		*n++
		return false
	}
	if e.stopped {
		return false
	}
	if len(e.counts) >= errorPrefixLimit {
		e.stopped, limitMet, prefix = true, true, errorsDisabled
	}
	if e.counts == nil {
		e.counts = make(map[string]*int64)
	}
	one := int64(1)
	e.counts[strings.Clone(prefix)] = &one // a clone, lest a short prefix keep a long text alive
	return limitMet
}

// List returns the counts in byte order of their prefixes.
func (e *Errors) List() []ErrorCount {
	out := make([]ErrorCount, 0, len(e.counts))
	for _, prefix := range slices.Sorted(maps.Keys(e.counts)) {
		out = append(out, ErrorCount{prefix, *e.counts[prefix]})
	}
	return out
}

// Append appends the lines of INFO errorstats.
func (e *Errors) Append(dst []byte) []byte {
	for _, c := range e.List() {
		dst = appendSafe(append(dst, "errorstat_"...), c.Prefix)
		dst = strconv.AppendInt(append(dst, ":count="...), c.Count, 10)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// Reset forgets all prefixes and takes in new ones again.
func (e *Errors) Reset() { *e = Errors{} }
