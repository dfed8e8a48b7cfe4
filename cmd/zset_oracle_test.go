package cmd

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"redust/tests/script"
)

// scoreText writes a number in one of the ways in which clients do.
func scoreText(r *rand.Rand, f float64) string {
	switch r.IntN(6) {
	case 0:
		return strconv.FormatFloat(f, 'e', 20, 64)
	case 1:
		return strconv.FormatFloat(f, 'x', -1, 64)
	case 2:
		return strconv.FormatFloat(f, 'g', 1+r.IntN(17), 64)
	case 3:
		return strconv.FormatFloat(f, 'f', r.IntN(25), 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// TestScoresLikeRedis sends thousands of numbers to both, in all ways of writing them. Both
// must understand the same; ZSCAN of a large set, which prints 17 digits in every version,
// must print the same; and what ZSCORE prints in fewer digits must be the same number.
func TestScoresLikeRedis(t *testing.T) {
	real, ours := oracle(t), script.Conn(newHarness(borrowed).dial())
	for _, c := range []script.Conn{real, ours} {
		ask(t, c, "CONFIG", "SET", "zset-max-listpack-entries", "0")
	}
	r := rand.New(rand.NewPCG(1, 2))
	scanned := func(c script.Conn) map[string]string {
		found, cursor := map[string]string{}, "0"
		for {
			v := ask(t, c, "ZSCAN", "z", cursor, "COUNT", "1000")
			for i := 0; i+1 < len(v.Items[1].Items); i += 2 {
				found[v.Items[1].Items[i].Text] = v.Items[1].Items[i+1].Text
			}
			if cursor = v.Items[0].Text; cursor == "0" {
				return found
			}
		}
	}
	sent := map[string]string{}
	for i := range 5000 {
		f := math.Float64frombits(r.Uint64())
		switch r.IntN(4) {
		case 0:
			f = float64(r.Int64()) / float64(r.Int64N(1_000_000)+1)
		case 1:
			f = float64(r.IntN(2_000_000)-1_000_000) / 1000
		case 2:
			f = float64(r.Int64N(1<<62) >> r.IntN(62))
		}
		text, member := scoreText(r, f), strconv.Itoa(i)
		a, errA := script.Do(real, "ZADD", "z", text, member)
		b, errB := script.Do(ours, "ZADD", "z", text, member)
		if errA != nil || errB != nil || a.Format(2) != b.Format(2) {
			t.Fatalf("ZADD z %s: %s, Redis says %s (%v, %v)", text, b.Format(2), a.Format(2), errB, errA)
		}
		sent[member] = text
	}
	want, got := scanned(real), scanned(ours)
	if len(want) != len(got) {
		t.Fatalf("%d members, Redis has %d", len(got), len(want))
	}
	for member, w := range want {
		if got[member] != w {
			t.Errorf("%s: ZSCAN has %s, Redis has %s", sent[member], got[member], w)
		}
		short := ask(t, ours, "ZSCORE", "z", member).Text
		x, errX := strconv.ParseFloat(short, 64)
		y, errY := strconv.ParseFloat(ask(t, real, "ZSCORE", "z", member).Text, 64)
		if errX != nil || errY != nil || x != y {
			t.Errorf("%s: ZSCORE has %s, Redis has %v", sent[member], short, y)
		}
	}
	for range 300 { // ends of ranges are read by other rules
		lo, hi := scoreText(r, r.NormFloat64()*1e6), scoreText(r, r.NormFloat64()*1e6)
		if r.IntN(3) == 0 {
			lo = "(" + lo
		}
		a, b := ask(t, real, "ZCOUNT", "z", lo, hi), ask(t, ours, "ZCOUNT", "z", lo, hi)
		if a.Text != b.Text {
			t.Errorf("ZCOUNT z %s %s: %s, Redis has %s", lo, hi, b.Text, a.Text)
		}
	}
	a := ask(t, real, "ZRANGE", "z", "0", "-1")
	b := ask(t, ours, "ZRANGE", "z", "0", "-1")
	if a.Format(2) != b.Format(2) {
		t.Error("the members are in another order")
	}
}
