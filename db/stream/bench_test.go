package stream

import (
	"testing"

	"redust/db/cow"
)

func BenchmarkAppend(b *testing.B) {
	s := New(cow.NewClock())
	pair := [][]byte{[]byte("myfield"), []byte("xxx")}
	b.ReportAllocs()
	for i := range b.N {
		s.Append(ID{1700000000000 + uint64(i)/20, uint64(i % 20)}, pair, Limits{4096, 100})
	}
	b.ReportMetric(float64(s.MemBytes())/float64(b.N), "bytes/entry")
}

// BenchmarkReadAcknowledge delivers an entry and acknowledges one of some time ago.
func BenchmarkReadAcknowledge(b *testing.B) {
	s := New(cow.NewClock())
	pair := [][]byte{[]byte("myfield"), []byte("xxx")}
	const behind = 1000
	for i := range b.N + behind {
		s.Append(ID{1700000000000 + uint64(i)/20, uint64(i % 20)}, pair, Limits{4096, 100})
	}
	s.CreateGroup([]byte("g"), ID{}, 0)
	e, _ := s.Edit([]byte("g"))
	c := e.AddConsumer([]byte("c"), 1)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		var it Iter
		from, _ := e.Last.Next()
		it.Range(s, from, MaxID())
		it.Next()
		e.Advance(it.ID)
		e.Deliver(it.ID, c, int64(i), 1)
		if i >= behind {
			j := i - behind
			if !e.Acknowledge(ID{1700000000000 + uint64(j)/20, uint64(j % 20)}) {
				b.Fatal("not pending")
			}
		}
	}
}

func BenchmarkTrim(b *testing.B) {
	s := New(cow.NewClock())
	pair := [][]byte{[]byte("myfield"), []byte("xxx")}
	b.ReportAllocs()
	for i := range b.N {
		s.Append(ID{1700000000000 + uint64(i)/20, uint64(i % 20)}, pair, Limits{4096, 100})
		s.Trim(Trim{Keep: 1000})
	}
}
