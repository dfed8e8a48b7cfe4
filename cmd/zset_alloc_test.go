package cmd

import (
	"fmt"
	"testing"
)

// TestZAddAllocates holds that a member of a large sorted set takes no object of its own.
func TestZAddAllocates(t *testing.T) {
	const n, most = 2000, 0.5
	p := newHarness(borrowed).dial()
	var lines [][]string
	for i := range 4 * n {
		lines = append(lines, []string{"ZADD", "z", "5", fmt.Sprintf("m%06d", i)})
	}
	batch := prepared(lines)
	i := 0
	if got := testing.AllocsPerRun(2, func() {
		for range n {
			p.again(batch[i : i+1])
			i++
		}
	}) / n; got > most {
		t.Errorf("ZADD allocates %.2f times a member", got)
	}
}
