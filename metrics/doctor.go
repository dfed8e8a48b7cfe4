package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// advice is what may be done about an event. Each text stands for a cause that this server really has: a
// snapshot takes no fork and freeing a large value is dropping a pointer, so it blames neither huge pages nor
// large deletes, the usual suspects elsewhere.
func advice(event string) string {
	switch event {
	case EventCommand:
		return "Commands ran long. SLOWLOG GET names them: look for commands over whole collections (KEYS, " +
			"SMEMBERS, SORT, LRANGE 0 -1), for long scripts, and for big MULTI blocks; SCAN and ranges do the same in pieces."
	case EventFastCommand:
		return "Commands that do little work were slow, so the time went elsewhere: the machine is short of " +
			"CPU, memory is being swapped, or the collector competes with commands. Compare used_cpu_sys and used_cpu_user with " +
			"the wall clock, and check that the host does not swap."
	case EventFork:
		return "Starting a snapshot took long. It copies only the top of each table, so this points at a machine without a free CPU."
	case EventExpireCycle:
		return "Expiry ran over its slice of a millisecond. Many keys with one deadline do that; spread their deadlines a little."
	case EventEvictionCycle, EventEvictionDelete:
		return "Commands waited while room was made in memory. Raise maxmemory, or lower maxmemory-eviction-tenacity."
	case EventAOFWrite, EventAOFWriteAlone:
		return "Writing the append only file was slow with nothing else under way: the disk is slow or shared, or its file system is full."
	case EventAOFFsync:
		return "Replies waited for the disk under appendfsync always. Use a faster or an unshared disk, or everysec if losing a second is acceptable."
	case EventAOFWritePend:
		return "Writing the append only file waited behind an fsync: the disk is slower than the stream of writes. Use a faster or an unshared disk."
	case EventAOFWriteChild:
		return "Writing the append only file was slow while a snapshot was being written. Give the two separate disks, or let " +
			"no-appendfsync-on-rewrite hold back fsync meanwhile."
	case EventAOFRename, EventRDBUnlink:
		return "Renaming or removing a file was slow, as it is on network file systems and on some journaled ones under load."
	case EventCronBlocked:
		return "Upkeep during a long script or a load was slow: see which script it was, and lower busy-reply-threshold to hear of it sooner."
	}
	return ""
}

// Doctor reports on all events as of now, in unix seconds, in English, for LATENCY DOCTOR. slowerThanUs is
// slowlog-log-slower-than, which should catch whatever the monitor catches.
func (l *Latency) Doctor(now, slowerThanUs int64) string {
	if len(l.events) == 0 && l.ThresholdMs <= 0 {
		return "The latency monitor is disabled, so there is nothing to report. CONFIG SET latency-monitor-threshold " +
			"<milliseconds> enables it; choose the latency that your application starts to notice.\n"
	}
	if len(l.events) == 0 {
		return fmt.Sprintf("No latency spike was observed: nothing took %d ms or more since the monitor was enabled or reset.\n", l.ThresholdMs)
	}
	var b strings.Builder
	names := slices.Sorted(maps.Keys(l.events))
	fmt.Fprintf(&b, "Latency spikes were observed in %d %s.\n\n", len(names), plural(len(names), "event", "events"))
	for i, name := range names {
		d := l.events[name].digest(now)
		fmt.Fprintf(&b, "%d. %s: %d %s, average %d ms, mean deviation %d ms, one every %.2f s since the first. Worst ever %d ms, latest %s ago.\n",
			i+1, name, d.count, plural(d.count, "spike", "spikes"), d.meanMs, d.deviationMs, d.periodS, d.maxMs, age(d.latestS))
	}
	var tips []string
	for _, name := range names {
		if tip := advice(name); tip != "" && !slices.Contains(tips, tip) {
			tips = append(tips, tip)
		}
	}
	switch {
	case l.ThresholdMs <= 0:
		tips = append(tips, "The latency monitor is disabled now, so the list above is of the past.")
	case slowerThanUs < 0:
		tips = append(tips, fmt.Sprintf("The slow log is off. CONFIG SET slowlog-log-slower-than %d makes it name the requests behind these spikes.", l.ThresholdMs*1000))
	case slowerThanUs > l.ThresholdMs*1000:
		tips = append(tips, fmt.Sprintf("The slow log starts at %d us, above the threshold of the monitor. CONFIG SET slowlog-log-slower-than %d makes it name the requests behind these spikes.",
			slowerThanUs, l.ThresholdMs*1000))
	}
	if len(tips) > 0 {
		b.WriteString("\nWhat may help:\n\n")
		for _, tip := range tips {
			fmt.Fprintf(&b, "- %s\n", tip)
		}
	}
	return b.String()
}

// digest is a series in a few numbers, over the samples still held.
type digest struct {
	count       int
	meanMs      int64
	deviationMs int64 // mean distance from the mean
	maxMs       int64 // since the last reset, so it may be older than the samples
	periodS     float64
	latestS     int64 // seconds since the newest
}

func (s *series) digest(now int64) digest {
	samples := s.samples()
	d := digest{count: len(samples), maxMs: s.maxMs, latestS: max(now-s.last().Unix, 0)}
	var sum, off int64
	for _, p := range samples {
		sum += p.Ms
	}
	n := int64(len(samples))
	d.meanMs = sum / n
	for _, p := range samples {
		off += max(p.Ms-d.meanMs, d.meanMs-p.Ms)
	}
	d.deviationMs = off / n
	d.periodS = float64(max(now-samples[0].Unix, 0)) / float64(n)
	return d
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
