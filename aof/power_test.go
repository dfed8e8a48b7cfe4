package aof

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"redust/db"
	"redust/internal/disk/faulty"
	"redust/rdb"
)

// TestPowerLoss writes, rewrites in between, to the end or not, and takes the power away at some
// moment: of what was not synced the disk then has any part. The files must load up to a place, and
// what is in front of it must be a beginning of the stream: with always at least all that
// was acknowledged, with everysec at least what is two seconds old. Damaged can only be the
// file that was written last.
func TestPowerLoss(t *testing.T) {
	for _, policy := range []Policy{Always, EverySec, Never} {
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

// unit does the i-th thing: it is in the data set, and in the stream, of which the new length is
// returned.
func (b *bench) unit(i int) int64 {
	b.ks.DB(0).SetString([]byte("key:"+strconv.Itoa(i)), []byte("v"), 0, 0)
	return b.add(i)
}

type powerReport struct{ torn, damaged, lost int }

func powerLoss(t *testing.T, policy Policy, seed uint64) (rep powerReport) {
	const keep = 2100 // milliseconds: a second until the sync, one more, and a tick
	rnd := rand.New(rand.NewPCG(seed, uint64(policy)))
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: policy, Timestamps: rnd.IntN(2) == 0})
	var at, ends []int64 // of each unit: when it was told, where it ends
	add := func() {
		ends = append(ends, b.unit(len(ends)))
		at = append(at, b.now)
	}
	for range 3 + rnd.IntN(60) {
		for range rnd.IntN(6) {
			add()
		}
		switch rnd.IntN(25) {
		case 0:
			if err := b.rewrite(Next); err != nil {
				t.Fatal(err)
			}
		case 1: // one that fails, or is still writing its base when the power goes
			r := b.NewRewrite(Next, b.place)
			if err := r.Prepare(); err != nil {
				t.Fatal(err)
			}
			for range rnd.IntN(4) {
				add() // after what Prepare has synced
			}
			r.Turn()
		}
		b.tick()
		if rnd.IntN(4) > 0 {
			b.until("idle", func() bool { return b.Behind() == 0 && !b.syncing.Load() })
		}
	}
	acked, now := b.Acked(), b.now
	c := d.Crash(rnd)
	b.Close(func(error) {}) // the process that was there writes to a disk that is no more

	units, flaw := reload(t, Place{FS: c, Dir: "aof", Name: "a"})
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
		if policy == Always && end <= acked || policy != Never && now-at[i] >= keep {
			t.Errorf("%d of %d units are there; unit %d ends at %d, acknowledged up to %d, and is %d ms old (%v)", units, len(ends), i, end, acked, now-at[i], flaw)
			break
		}
	}
	return rep
}

// reload loads what is there, and returns how many units of the stream that is. What the
// increments hold must begin where the base ends.
func reload(t *testing.T, p Place) (units int, flaw *Flaw) {
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
				if err != nil || next >= 0 && n != next || next < 0 && n != keys {
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
	if flaw != nil && read.File < f.LastWritten() {
		t.Fatalf("something follows a file that is damaged: %v", flaw)
	}
	if flaw != nil && flaw.Torn {
		if err := f.Mend(read.File, flaw.Valid); err != nil {
			t.Fatal(err)
		}
		if _, again := reload(t, p); again != nil {
			t.Fatalf("mended, and yet: %v", again)
		}
	}
	return max(keys, next), flaw
}

// What a process has left in the page cache is safe once another has started, before that writes
// anything; and so is that the torn end of a file is gone.
func TestStartSyncs(t *testing.T) {
	for seed := range uint64(20) {
		d := faulty.New()
		b := newBench(t, d)
		b.start(Settings{Policy: EverySec})
		for i := range 5 {
			end := b.unit(i)
			b.until("written", func() bool { return b.Acked() == end })
		}
		want := b.want
		d.Limit(d.Used() + 10)
		d.Hook(func(op faulty.Op) error {
			if op.Kind == faulty.Truncate {
				return syscall.EIO
			}
			return nil
		})
		b.add(5)
		b.until("torn", func() bool { return b.statuses() != "" })
		d.Hook(nil)
		d.Limit(-1)

		if n, flaw := reload(t, b.place); n != 5 || flaw == nil || !flaw.Torn { // and mends it
			t.Fatal(n, flaw)
		}
		c := d.Crash(rand.New(rand.NewPCG(seed, 1)))
		if got := b.stream(c); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: mended, and then it has %d bytes, want %d", seed, len(got), len(want))
		}
	}
	d := faulty.New()
	b := newBench(t, d)
	b.start(Settings{Policy: Never})
	end := b.unit(0)
	b.until("written", func() bool { return b.Acked() == end })
	newBench(t, d).start(Settings{Policy: Never})
	for seed := range uint64(20) {
		if got := b.stream(d.Crash(rand.New(rand.NewPCG(seed, 2)))); !bytes.Equal(got, b.want) {
			t.Fatalf("seed %d: the next process has started, and %d bytes survive, want %d", seed, len(got), len(b.want))
		}
	}
}

// A Fresh rewrite whose manifest is in its place, but perhaps not for good, since the directory
// could not be synced, has failed. The next one uses other names: whenever that ends, by a
// crash of the process or of the machine, what is there is whole.
func TestFreshWithoutDirectory(t *testing.T) {
	for stop := range 60 {
		d := faulty.New()
		b := newBench(t, d)
		b.start(Settings{Policy: Always})
		end := b.unit(0)
		b.until("written", func() bool { return b.Acked() == end })
		d.Hook(func(op faulty.Op) error {
			if op.Kind == faulty.Sync {
				return syscall.EIO
			}
			return nil
		})
		b.unit(1)
		b.until("lost", func() bool { return b.statuses() == "Input/output error, lost" })

		inPlace := false
		d.Hook(func(op faulty.Op) error {
			if inPlace && op.Kind == faulty.SyncDir {
				inPlace = false
				return syscall.EIO
			}
			inPlace = inPlace || op.Kind == faulty.Rename && strings.HasSuffix(op.Name, ".manifest")
			return nil
		})
		if err := b.rewrite(Fresh); !errors.Is(err, syscall.EIO) {
			t.Fatalf("the directory was not synced, and yet: %v", err)
		}
		b.unit(2)
		b.until("written", func() bool { return b.Behind() == 0 })
		if b.Acked() != end {
			t.Fatalf("acknowledged up to %d", b.Acked())
		}
		check := func(what string, c *faulty.Disk, least int) {
			t.Helper()
			if n, flaw := reload(t, Place{FS: c, Dir: "aof", Name: "a"}); n < least || flaw != nil && !flaw.Torn {
				t.Fatalf("stop %d, %s: %d units, %v; files %q", stop, what, n, flaw, d.Names())
			}
		}
		rnd := rand.New(rand.NewPCG(uint64(stop), 4))
		for range 5 {
			check("the machine, in between", d.Crash(rnd), 1)
		}
		n, off := 0, errors.New("no power")
		d.Hook(func(faulty.Op) error {
			if n++; n > stop {
				return off
			}
			return nil
		})
		err := b.rewrite(Fresh)
		d.Hook(nil)
		check("the process", d, 2)
		for range 5 {
			check("the machine", d.Crash(rnd), 1)
		}
		if err == nil {
			end := b.unit(3)
			b.until("recovers", func() bool { return b.Acked() == end })
			check("the machine, recovered", d.Crash(rnd), 4)
			return
		}
	}
	t.Error("the rewrite never ends")
}
