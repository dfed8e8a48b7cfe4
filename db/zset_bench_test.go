package db

import (
	"fmt"
	"testing"
)

// BenchmarkZPopMin takes the lowest member of a large set, as ZPOPMIN does.
func BenchmarkZPopMin(b *testing.B) {
	const members = 300_000
	k, r := newTest(1)
	d := k.DB(0)
	key := []byte("z")
	var name []byte
	for i := 0; i < b.N; i++ {
		it := d.ForWrite(key)
		if !it.OK() {
			b.StopTimer()
			z := d.ZSetOf(key, it)
			for i := range members {
				name = fmt.Appendf(name[:0], "element:%012d", r.IntN(1<<30))
				z.Add(name, float64(i))
			}
			b.StartTimer()
			it = d.ForWrite(key)
		}
		z := d.ZSetOf(key, it)
		z.Each(0, 1, false, func([]byte, float64) bool { return true })
		z.RemoveRange(0, 1)
	}
}
