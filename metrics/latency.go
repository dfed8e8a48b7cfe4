package metrics

import (
	"maps"
	"slices"
)

// The latency monitor remembers when the server stalled and over what. Any code that measured itself names an
// event ("command", "aof-fsync-always") and a number of milliseconds; what reaches the threshold is kept:
//
//	"command"          max 1500   | 60s 12 | 61s 700 | 75s 50 | ...   up to 160 samples
//	"aof-fsync-always" max  210   | 58s 210 | ...
//
// One second has one sample, the worst: a bad minute is then sixty samples and cannot push the hour before it
// out of the ring. A series is 2.5 KiB and exists from its first event on. Names are meant to be the constants
// below or the caller's own constants, never something a client sends, so that their number stays small.

// Events that parts of the server report, under the names that monitoring tools know from Redis.
const (
	EventCommand        = "command"                 // a command that is not marked fast
	EventFastCommand    = "fast-command"            // a command that promised to be O(1) or O(log n)
	EventFork           = "fork"                    // starting a snapshot
	EventExpireCycle    = "expire-cycle"            // a slice of expiry
	EventEvictionCycle  = "eviction-cycle"          // making room before a command
	EventEvictionDelete = "eviction-del"            // one eviction in that cycle
	EventAOFWrite       = "aof-write"               // any write of the journal
	EventAOFWritePend   = "aof-write-pending-fsync" // one made while an fsync was under way
	EventAOFWriteChild  = "aof-write-active-child"  // one made while a snapshot was written
	EventAOFWriteAlone  = "aof-write-alone"         // one made while the disk was idle
	EventAOFFsync       = "aof-fsync-always"        // an fsync that replies waited for
	EventAOFHeld        = "aof-writes-held"         // writes held back because the disk did not keep up
	EventAOFRename      = "aof-rename"              // a finished rewrite taking its name
	EventRDBUnlink      = "rdb-unlink-temp-file"    // removing a snapshot that was given up
	EventCronBlocked    = "while-blocked-cron"      // upkeep during a long script or load
)

// latencySamples is how many seconds with a spike one event remembers.
const latencySamples = 160

// LatencySample is one second in which an event was slow.
type LatencySample struct {
	Unix int64 // seconds
	Ms   int64 // the worst of that second
}

// LatencyEvent is one event as LATENCY LATEST tells it.
type LatencyEvent struct {
	Event string
	Last  LatencySample
	MaxMs int64 // the worst since the event was last reset
}

// Latency is the latency monitor; the zero value is switched off.
type Latency struct {
	// ThresholdMs is latency-monitor-threshold: events of that many milliseconds or more are kept, none if it is 0.
	ThresholdMs int64

	events map[string]*series
}

type series struct {
	ring  [latencySamples]LatencySample
	next  int // where the next sample goes, which is the oldest once n is full
	n     int
	maxMs int64
}

// Due reports whether an event of ms milliseconds is worth keeping.
func (l *Latency) Due(ms int64) bool { return l.ThresholdMs > 0 && ms >= l.ThresholdMs }

// Observe keeps an event that took ms milliseconds, at unix seconds, if it reaches the threshold.
func (l *Latency) Observe(event string, unix, ms int64) {
	if l.Due(ms) {
		l.add(event, unix, ms)
	}
}

func (l *Latency) add(event string, unix, ms int64) {
	s := l.events[event]
	if s == nil {
		if l.events == nil {
			l.events = make(map[string]*series)
		}
		s = new(series)
		l.events[event] = s
	}
	s.maxMs = max(s.maxMs, ms)
	if s.n > 0 {
		if last := s.last(); last.Unix == unix {
			last.Ms = max(last.Ms, ms)
			return
		}
	}
	s.ring[s.next] = LatencySample{unix, ms}
	s.next = (s.next + 1) % latencySamples
	s.n = min(s.n+1, latencySamples)
}

// last returns the newest sample; there must be one.
func (s *series) last() *LatencySample {
	return &s.ring[(s.next+latencySamples-1)%latencySamples]
}

// samples returns a copy, oldest first.
func (s *series) samples() []LatencySample {
	out := make([]LatencySample, 0, s.n)
	for i := range s.n {
		out = append(out, s.ring[(s.next-s.n+i+latencySamples)%latencySamples])
	}
	return out
}

// Latest returns the newest sample and the maximum of each event, by name.
func (l *Latency) Latest() []LatencyEvent {
	out := make([]LatencyEvent, 0, len(l.events))
	for _, name := range slices.Sorted(maps.Keys(l.events)) {
		s := l.events[name]
		out = append(out, LatencyEvent{name, *s.last(), s.maxMs})
	}
	return out
}

// History returns an event's samples, oldest first, and none for an event never seen. Names are case-sensitive.
func (l *Latency) History(event string) []LatencySample {
	s := l.events[event]
	if s == nil {
		return nil
	}
	return s.samples()
}

// Reset forgets the named events, or all of them if none is named, and returns how many there were.
func (l *Latency) Reset(events ...string) int {
	if len(events) == 0 {
		n := len(l.events)
		l.events = nil
		return n
	}
	n := 0
	for _, e := range events {
		if l.events[e] != nil {
			delete(l.events, e)
			n++
		}
	}
	return n
}

// Bytes returns the memory held beyond the struct itself.
func (l *Latency) Bytes() int { return len(l.events) * (latencySamples*16 + 64) }
