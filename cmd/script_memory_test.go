package cmd

import (
	"testing"
	"time"
)

// TestScriptMemory tells garbage, and what a script has deleted, from what it keeps.
func TestScriptMemory(t *testing.T) {
	h := newHarness(borrowed)
	s := spy(h)
	host := scriptHost{h.Server}
	sc := &h.scripting
	look := func() (killed string) {
		for range 64 {
			if killed = host.memory(sc.began + 1e9); killed != "" {
				return killed
			}
		}
		if sc.collected != nil {
			select {
			case <-sc.collected:
			case <-time.After(10 * time.Second):
				t.Fatal("no collection")
			}
		}
		return ""
	}
	sc.turns = 0
	s.process.HeapLive = 3 << 30
	if got := look(); got != "" {
		t.Fatal(got)
	}
	s.process.HeapLive += 2 << 30
	if got := look(); got != "" {
		t.Error("ended before a collection:", got)
	}
	s.process.HeapLive -= 2 << 30
	if got := look(); got != "" || sc.collected != nil {
		t.Error("ended for garbage:", got)
	}
	sc.stored += 2 << 30 // as though it had been deleted since
	s.process.HeapLive += 2 << 30
	if got := look(); got != "" || sc.collected != nil {
		t.Error("ended for what it deleted:", got)
	}
	s.process.HeapLive -= 2 << 30
	if got := look(); got != "" {
		t.Error(got)
	}
	s.process.HeapLive += 2 << 30
	look()
	if got := look(); got != "not enough memory" {
		t.Error("may keep 2 GB:", got)
	}
}
