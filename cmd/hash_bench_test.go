package cmd

import (
	"fmt"
	"testing"
)

// BenchmarkHash runs commands of the family in process, sixteen at a time, as a pipeline
// does.
func BenchmarkHash(b *testing.B) {
	const n = 100_000
	for _, r := range []struct {
		name    string
		prepare func(i int) []string
		words   func(i int) []string
	}{
		{"set-large", func(i int) []string { return []string{"HSET", "h", fmt.Sprintf("element:%012d", i), "xxx"} },
			func(i int) []string { return []string{"HSET", "h", fmt.Sprintf("element:%012d", i), "xxx"} }},
		{"get-large", func(i int) []string { return []string{"HSET", "h", fmt.Sprintf("element:%012d", i), "xxx"} },
			func(i int) []string { return []string{"HGET", "h", fmt.Sprintf("element:%012d", i)} }},
		{"set-small", func(i int) []string {
			return []string{"HSET", fmt.Sprintf("h:%012d", i), "f1", "value1", "f2", "value2"}
		},
			func(i int) []string { return []string{"HSET", fmt.Sprintf("h:%012d", i), "f2", "value9"} }},
		{"get-small", func(i int) []string {
			return []string{"HSET", fmt.Sprintf("h:%012d", i), "f1", "value1", "f2", "value2"}
		},
			func(i int) []string { return []string{"HGET", fmt.Sprintf("h:%012d", i), "f2"} }},
	} {
		b.Run(r.name, func(b *testing.B) {
			h := newHarness(owned)
			p := h.dial()
			requests := make([]Request, n)
			for i := range requests {
				p.do(r.prepare(i)...)
				for _, w := range r.words(int(h.rand() % n)) {
					requests[i].Args = append(requests[i].Args, []byte(w))
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += 16 {
				at := i % (n - 16)
				batch := requests[at : at+16]
				h.Prepare(p.cl.DB, batch)
				for j := range batch {
					h.Execute(p.cl, &batch[j])
				}
				p.cl.Out.B = p.cl.Out.B[:0]
			}
		})
	}
}
