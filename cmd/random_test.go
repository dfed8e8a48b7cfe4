package cmd

import (
	"strconv"
	"testing"

	"redust/db"
	"redust/tests/random"
)

// TestRandom plays what tests/random plays against redis-server, in process: no view may
// see what changes, memory and entries have to add up at any time, and most of it is to come
// back when all keys are gone.
func TestRandom(t *testing.T) {
	const steps, rounds = 1000, 3
	for _, w := range []way{borrowed, viewed} {
		h := newHarness(w)
		empty := func() {
			p := h.dial()
			for i := range h.KS.DBs() {
				p.do("SELECT", strconv.Itoa(i))
				p.do("SET", "pinned", "x") // else the table forgets everything when it is empty
				var keys [][]byte
				h.KS.DB(i).Each(func(it db.Item) bool {
					if string(it.Key()) != "pinned" {
						keys = append(keys, append([]byte(nil), it.Key()...))
					}
					return true
				})
				for _, k := range keys {
					p.do("DEL", string(k))
				}
			}
			h.KS.Check()
		}
		empty()
		was := h.KS.Bytes()
		for seed := range uint64(rounds) {
			p := h.dial()
			for i, s := range random.NewGen(seed).Plan(steps) {
				if s.Waiter > 0 || s.Listener > 0 || s.Args[0][0]|0x20 == 'b' && s.Args[0] != "BITOP" {
					continue // may wait, or says several things
				}
				p.do(s.Args...)
				if i%50 == 0 {
					h.KS.Check()
				}
			}
			empty()
			// Slabs of pages that were fuller are kept, and appointments far away.
			if left := h.KS.Bytes() - was; left > 512<<10 {
				t.Errorf("%s: %d bytes are left when all keys are gone", w, left)
			}
		}
		for _, args := range h.seen {
			t.Errorf("a view saw the changes of %.300s", args)
		}
	}
}
