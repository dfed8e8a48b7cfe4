package cmd

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// sortServer holds a list and a set of n numbers and a weight for each.
func sortServer(n int) *played {
	p, r := newHarness(borrowed).dial(), rand.New(rand.NewPCG(1, 2))
	for range n {
		x := strconv.Itoa(r.IntN(1e9))
		p.do("RPUSH", "list", x)
		p.do("SADD", "set", x)
		p.do("SET", "w_"+x, strconv.Itoa(r.IntN(1e6)))
	}
	return p
}

// TestSortAllocations holds that a SORT that is not large costs no allocation.
func TestSortAllocations(t *testing.T) {
	p := sortServer(100)
	for _, line := range []string{"SORT list", "SORT set DESC ALPHA", "SORT list BY w_* GET # GET w_* LIMIT 3 5", "SORT_RO list BY nosort LIMIT 1 2"} {
		batch := prepared([][]string{strings.Fields(line)})
		p.again(batch)
		if n := testing.AllocsPerRun(20, func() { p.again(batch) }); n != 0 {
			t.Errorf("%s allocates %v times", line, n)
		}
	}
}

func BenchmarkSort(b *testing.B) {
	p := sortServer(100000)
	for _, line := range []string{"SORT list", "SORT list LIMIT 0 10", "SORT list ALPHA", "SORT set DESC", "SORT list BY w_*", "SORT list BY w_* LIMIT 0 10", "SORT list BY nosort GET w_*", "SORT list STORE d"} {
		b.Run(line, func(b *testing.B) {
			batch := prepared([][]string{strings.Fields(line)})
			b.ReportAllocs()
			for b.Loop() {
				p.again(batch)
			}
		})
	}
}
