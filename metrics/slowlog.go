package metrics

import "fmt"

// The slow log is a ring that grows up to its configured length and then overwrites its oldest entry:
//
//	ring  | 7 | 8 | 9 | 5 | 6 |      five entries, ids 5 to 9
//	                ^ head: the newest
//
// The length is a directive and may be a million, so the ring starts at 16 and doubles as it fills. An entry
// owns its memory: arguments are copied, and cut to 32 of them and 128 bytes each, so that a slow MSET of a
// gigabyte leaves some 5 KiB behind and not itself. Due is the question asked after every command; Add, which
// copies, is called only after it said yes.

const (
	slowArgs     = 32  // arguments kept per entry, the last of which says how many are missing
	slowArgBytes = 128 // bytes kept per argument
	slowRingMin  = 16
)

// SlowEntry is one slow request, as SLOWLOG GET tells it.
type SlowEntry struct {
	ID   int64    // grows by one per entry, and survives Reset
	Unix int64    // when it ran, in seconds
	Usec int64    // how long, in microseconds
	Args []string // the request, cut as described at Add
	Addr string   // the client's address and port
	Name string   // the client's name, empty if it has none
}

// SlowLog keeps the latest slow requests. It holds nothing until SetMaxLen was called.
type SlowLog struct {
	// SlowerThanUs is slowlog-log-slower-than: requests of that many microseconds or more are logged, none if it
	// is negative.
	SlowerThanUs int64

	ring   []SlowEntry
	head   int // where the newest entry lies, if n > 0
	n      int
	maxLen int
	nextID int64
	bytes  int
}

// Due reports whether a request that took usec microseconds belongs in the log.
func (s *SlowLog) Due(usec int64) bool { return s.SlowerThanUs >= 0 && usec >= s.SlowerThanUs }

// SetMaxLen sets slowlog-max-len and drops the oldest entries beyond it at once. Negative counts as 0.
func (s *SlowLog) SetMaxLen(n int) {
	s.maxLen = max(n, 0)
	if len(s.ring) > s.maxLen {
		s.resize(s.maxLen)
	}
}

// Add logs a request that took usec microseconds and ran at unix seconds. It copies what it keeps of args, which
// may be reused at once; addr and name are kept as they are. Of more than 32 arguments the first 31 are kept and
// a last one says `... (9 more arguments)`; of more than 128 bytes the first 128, followed by `... (72 more
// bytes)`. An id is used up even when the length is 0 and nothing is kept.
func (s *SlowLog) Add(unix, usec int64, args [][]byte, addr, name string) {
	id := s.nextID
	s.nextID++
	if s.maxLen == 0 {
		return
	}
	if s.n == len(s.ring) && s.n < s.maxLen {
		s.resize(min(max(2*s.n, slowRingMin), s.maxLen))
	}
	s.head = (s.head + 1) % len(s.ring)
	if s.n == len(s.ring) {
		s.bytes -= s.ring[s.head].bytes() // the oldest gives way
	} else {
		s.n++
	}
	e := SlowEntry{ID: id, Unix: unix, Usec: usec, Args: cutArgs(args), Addr: addr, Name: name}
	s.bytes += e.bytes()
	s.ring[s.head] = e
}

// cutArgs copies a request within the bounds given at Add.
func cutArgs(args [][]byte) []string {
	kept := args
	if len(args) > slowArgs {
		kept = args[:slowArgs-1]
	}
	out := make([]string, 0, min(len(args), slowArgs))
	for _, a := range kept {
		if len(a) > slowArgBytes {
			out = append(out, fmt.Sprintf("%s... (%d more bytes)", a[:slowArgBytes], len(a)-slowArgBytes))
		} else {
			out = append(out, string(a))
		}
	}
	if len(kept) < len(args) {
		out = append(out, fmt.Sprintf("... (%d more arguments)", len(args)-len(kept)))
	}
	return out
}

// resize moves the newest entries, as many as fit, into a ring of the given size.
func (s *SlowLog) resize(size int) {
	keep := s.Get(size)
	s.ring, s.n, s.head, s.bytes = make([]SlowEntry, size), len(keep), 0, 0
	for i, e := range keep {
		s.ring[len(keep)-1-i] = e
		s.bytes += e.bytes()
	}
	if s.n > 0 {
		s.head = s.n - 1
	} else if size > 0 {
		s.head = size - 1 // so that the first entry lands at 0
	}
}

// Len returns the number of entries held.
func (s *SlowLog) Len() int { return s.n }

// Get returns the n newest entries, newest first, or all of them if n is negative. The entries share their
// strings with the log, which never changes them.
func (s *SlowLog) Get(n int) []SlowEntry {
	if n < 0 || n > s.n {
		n = s.n
	}
	out := make([]SlowEntry, 0, n)
	for i := range n {
		out = append(out, s.ring[(s.head-i+len(s.ring))%len(s.ring)])
	}
	return out
}

// Reset drops all entries; ids go on from where they were.
func (s *SlowLog) Reset() { s.ring, s.head, s.n, s.bytes = nil, 0, 0, 0 }

// Bytes returns the memory held by the ring and its entries.
func (s *SlowLog) Bytes() int { return s.bytes + len(s.ring)*slowEntrySize }

// slowEntrySize is a SlowEntry without what it points to: three integers, a slice, two strings.
const slowEntrySize = 3*8 + 24 + 2*16

// bytes returns what an entry points to.
func (e *SlowEntry) bytes() int {
	n := len(e.Addr) + len(e.Name) + 16*len(e.Args)
	for _, a := range e.Args {
		n += len(a)
	}
	return n
}
