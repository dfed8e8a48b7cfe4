// Package metrics holds the numbers a server keeps about itself: what its commands cost, which errors it sent,
// which requests were slow, when it stalled, and the counters of INFO.
//
// All of it is written on the path of every command, so the first rule is that a number costs no more than the
// store that keeps it. The executor is the only goroutine that touches these types: there is no lock, no atomic
// and no channel here, and no clock, since a reading the executor already has is passed in as an argument.
//
//	            executor (one goroutine)                           any other goroutine
//	+---------------------------------------------+
//	| Stats     counters, rates, expiry lateness  | --Fields-->+
//	| Command   one per command: calls, Histogram | --Add----->|  Snapshot  --WritePrometheus--> scrape
//	| Errors    replies by error prefix           | --List---->+  (a copy that shares nothing)
//	| SlowLog   ring of slow requests             |
//	| Latency   one ring of samples per event     |
//	+---------------------------------------------+
//	        | Append...(dst) []byte, plain structs
//	        v
//	  INFO, SLOWLOG and LATENCY in cmd/, which alone knows how a reply is framed
//
// What always holds:
//   - a zero value is ready for use, and an unused one owns no memory beyond itself;
//   - everything is bounded: histograms by their range, error prefixes by 128, the slow log by its length, an
//     event by 160 samples; what may grow reports its size through Bytes, so that used_memory can count it;
//   - nothing keeps an argument slice: what is logged is copied, and only when it really is logged;
//   - lines of INFO equal those of Redis 7.2 byte for byte, for the same numbers.
//
// Costs: Command.Record is two loads, four stores and no allocation once a latency has been seen; a Stats counter
// is one addition; SlowLog.Due and Latency.Due are one or two comparisons, and the expensive half happens only
// after they said yes.
package metrics

import "strconv"

// appendSafe appends a name with the bytes that would break a line of INFO apart (its separators, its section
// mark) as underscores. Names reach INFO from clients: a script chooses the prefix of the errors it returns.
func appendSafe(dst []byte, name string) []byte {
	for i := range len(name) {
		switch b := name[i]; b {
		case '#', ':', '\n', '\r':
			dst = append(dst, '_')
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// Kind says how a number behaves in time.
type Kind uint8

const (
	// Counter only grows, until CONFIG RESETSTAT or a restart.
	Counter Kind = iota
	// Gauge moves both ways.
	Gauge
)

// Field is one line of INFO, and one sample for Prometheus.
type Field struct {
	Name     string // as INFO prints it
	Kind     Kind
	Decimals int     // digits after the point; with 0 the value is Int, otherwise Float
	Int      int64   // valid if Decimals is 0
	Float    float64 // valid if Decimals is above 0
}

// Value returns the number, whichever way it is held.
func (f Field) Value() float64 {
	if f.Decimals > 0 {
		return f.Float
	}
	return float64(f.Int)
}

// AppendFields appends one INFO line per field, `name:value\r\n`.
func AppendFields(dst []byte, fields []Field) []byte {
	for _, f := range fields {
		dst = append(append(dst, f.Name...), ':')
		if f.Decimals > 0 {
			dst = strconv.AppendFloat(dst, f.Float, 'f', f.Decimals, 64)
		} else {
			dst = strconv.AppendInt(dst, f.Int, 10)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}
