package metrics

import (
	"bytes"
	"fmt"
	"strconv"
)

// LATENCY GRAPH draws an event's samples as columns, oldest to the left, each under how long ago it was:
//
//	command - high 1500 ms, low 50 ms (all time high 1500 ms)
//	--------------------------------------------------------------------------------
//	 #                  a column is 0 to 11 thirds of a row above the lowest sample;
//	 |                  its top is one of  _ o #  and what it stands on is  |
//	#|
//	||#_
//
//	4310                read downwards: 4 s, 3 s, 1 s and 0 s ago
//	ssss
//
// Beyond 80 samples a second chart follows on the same scale.

const (
	graphColumns = 80
	graphRows    = 4
	graphTops    = "_o#" // a third of a row each
)

// Graph draws an event as of now, in unix seconds, and returns false for an event never seen.
func (l *Latency) Graph(event string, now int64) (string, bool) {
	s := l.events[event]
	if s == nil {
		return "", false
	}
	samples := s.samples()
	low, high := samples[0].Ms, samples[0].Ms
	for _, p := range samples {
		low, high = min(low, p.Ms), max(high, p.Ms)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n", event, high, low, s.maxMs)
	b.Write(bytes.Repeat([]byte{'-'}, graphColumns))
	b.WriteByte('\n')
	for first := 0; first < len(samples); first += graphColumns {
		if first > 0 {
			b.WriteByte('\n')
		}
		drawColumns(&b, samples[first:min(first+graphColumns, len(samples))], low, high, now)
	}
	return b.String(), true
}

// drawColumns draws one chart of at most 80 samples: four rows, an empty one, and the labels.
func drawColumns(b *bytes.Buffer, samples []LatencySample, low, high, now int64) {
	const steps = graphRows * len(graphTops)
	span := max(high-low, 1)
	heights := make([]int, len(samples))
	labels := make([]string, len(samples))
	labelRows := 0
	for i, p := range samples {
		heights[i] = int(min((p.Ms-low)*int64(steps)/span, int64(steps-1)))
		labels[i] = age(now - p.Unix)
		labelRows = max(labelRows, len(labels[i]))
	}
	line := make([]byte, len(samples)+1)
	line[len(samples)] = '\n'
	for r := range graphRows + 1 + labelRows {
		for i := range samples {
			line[i] = ' '
			if label := r - graphRows - 1; label >= 0 {
				if label < len(labels[i]) {
					line[i] = labels[i][label]
				}
				continue
			}
			if r == graphRows {
				continue // the space between columns and labels
			}
			above := heights[i] - (graphRows-1-r)*len(graphTops)
			switch {
			case above >= len(graphTops):
				line[i] = '|'
			case above >= 0:
				line[i] = graphTops[above]
			}
		}
		b.Write(line)
	}
}

// age prints a number of seconds in the largest unit that it fills: 59s, 59m, 23h, 400d.
func age(s int64) string {
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return strconv.FormatInt(s/60, 10) + "m"
	case s < 24*3600:
		return strconv.FormatInt(s/3600, 10) + "h"
	}
	return strconv.FormatInt(s/(24*3600), 10) + "d"
}
