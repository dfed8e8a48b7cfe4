package aof

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"

	"redust/db"
	"redust/internal/disk/faulty"
	"redust/rdb"
)

// TestPowerLoss writes, rewrites in between, and takes the power away at some moment: of
// what was not synced the disk then has any part. The files must load up to a place, and
// what is in front of it must be a beginning of the stream: with always at least all that
// was acknowledged, with everysec at least what is two seconds old.
func TestPowerLoss(t *testing.T) {
	for _, policy := range []Policy{Always, EverySec} {
		seeds := uint64(60)
		if testing.Short() {
			seeds = 20
		}
		torn, damaged, lost := 0, 0, 0
		for seed := range seeds {
			r := powerLoss(t, policy, seed)
			torn += r.torn
			damaged += r.damaged
			lost += r.lost
			if t.Failed() {
				t.Fatalf("policy %d, seed %d", policy, seed)
			}
		}
		t.Logf("policy %d: %d torn, %d damaged, %d units lost that nobody could count on", policy, torn, damaged, lost)
	}
}

type powerReport struct{ torn, damaged, lost int }

func powerLoss(t *testing.T, policy Policy, seed uint64) (rep powerReport) {
	const keep = 2100 // milliseconds: a second until the sync, one more, and a tick
	rnd := rand.New(rand.NewPCG(seed, uint64(policy)))
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: policy, Timestamps: rnd.IntN(2) == 0})
	var at, ends []int64 // of each unit: when it was told, where it ends
	base := 0            // units that a base holds
	add := func() {
		i := len(ends)
		key := []byte("key:" + strconv.Itoa(i))
		b.ks.DB(0).SetString(key, []byte("v"), 0, 0)
		ends = append(ends, b.add(i))
		at = append(at, b.now)
	}
	for range 3 + rnd.IntN(60) {
		for range rnd.IntN(6) {
			add()
		}
		if rnd.IntN(15) == 0 {
			if err := b.rewrite(Next); err != nil {
				t.Fatal(err)
			}
			base = len(ends)
		}
		b.tick()
		if rnd.IntN(4) > 0 {
			b.until("idle", func() bool { return b.Behind() == 0 && !b.syncing.Load() })
		}
	}
	acked, now := b.Acked(), b.now
	c := d.Crash(rnd)
	b.Close(func(error) {}) // the process that was there writes to a disk that is no more

	units, flaw := reload(t, Place{FS: c, Dir: "aof", Name: "a"}, base)
	if flaw != nil && flaw.Torn {
		rep.torn++
	} else if flaw != nil {
		rep.damaged++
	}
	for i, end := range ends {
		if i < units {
			continue
		}
		rep.lost++
		if policy == Always && end <= acked || now-at[i] >= keep {
			t.Errorf("%d of %d units are there; unit %d ends at %d, acknowledged up to %d, and is %d ms old (%v)", units, len(ends), i, end, acked, now-at[i], flaw)
			break
		}
	}
	return rep
}

// reload loads what is there, and returns how many units of the stream that is. What the
// increments hold must begin where the base ends.
func reload(t *testing.T, p Place, inBase int) (units int, flaw *Flaw) {
	f, err := Find(p)
	if err != nil || f == nil {
		t.Fatalf("after the crash: %v, %v", f, err)
	}
	keys := 0
	next := -1
	read, err := f.Load(LoadOptions{RDB: rdb.DecodeOptions{Limits: db.DefaultLimits}}, Sink{
		NewFile: func(File, int64) error { return nil },
		Entries: func(b *rdb.Batch) error {
			keys += b.Len()
			b.Release()
			return nil
		},
		Commands: func(b *Batch) error {
			defer b.Release()
			from := 0
			for _, end := range b.Ends {
				words := b.Words[from:end]
				from = end
				if string(words[0]) != "SET" {
					continue
				}
				n, err := strconv.Atoi(string(words[2]))
				if err != nil || next >= 0 && n != next || next < 0 && n > keys {
					t.Fatalf("unit %q, want %d; the base has %d", words, next, keys)
				}
				next = n + 1
			}
			return nil
		},
	})
	if err != nil && !errors.As(err, &flaw) {
		t.Fatal(err)
	}
	if flaw != nil && flaw.InRDB {
		t.Fatalf("the base is damaged, though nothing is replaced before it is on the disk: %v", flaw)
	}
	if flaw != nil && flaw.Torn && read.File == len(f.Manifest.Files())-1 {
		if err := f.Mend(read.File, flaw.Valid); err != nil {
			t.Fatal(err)
		}
		if _, again := reload(t, p, inBase); again != nil {
			t.Fatalf("mended, and yet: %v", again)
		}
	}
	return max(keys, next), flaw
}
