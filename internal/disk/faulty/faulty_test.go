package faulty

import (
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"redust/internal/disk"
)

var _ disk.FS = (*Disk)(nil)

// replace writes a file the safe way and returns how far it came.
func replace(d *Disk, name, text string) error {
	f, err := d.Create("temp")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f, text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.Rename("temp", name); err != nil {
		return err
	}
	return d.SyncDir(".")
}

// TestReplace: whichever operation fails, and whatever a crash then leaves, the file is the
// old or the new one; without a failure it is the new one.
func TestReplace(t *testing.T) {
	for fail := range 7 {
		for seed := range uint64(50) {
			d := New()
			d.Put("f", []byte("old"))
			d.FailAt(fail, syscall.EIO)
			err := replace(d, "f", "new")
			if (err == nil) != (fail == 6) || err != nil && !errors.Is(err, syscall.EIO) {
				t.Fatalf("operation %d: %v", fail, err)
			}
			got, _ := d.Crash(rand.New(rand.NewPCG(seed, 0))).Bytes("f")
			if s := string(got); s != "old" && s != "new" || fail < 4 && s == "new" || fail == 6 && s == "old" {
				t.Fatalf("operation %d, seed %d: the file is %q", fail, seed, s)
			}
		}
	}
}

// TestCrashForgets: what was not synced is there in some crashes, in part in others, and not
// in others; so the double is worth something.
func TestCrashForgets(t *testing.T) {
	d := New()
	d.Put("f", []byte("aa"))
	f, err := d.Append("f")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := f.Write([]byte("bbbb")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Create("g"); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		c := d.Crash(rand.New(rand.NewPCG(seed, 0)))
		b, _ := c.Bytes("f")
		seen[string(b)] = true
		if _, ok := c.Bytes("g"); ok {
			seen["g"] = true
		} else {
			seen["no g"] = true
		}
	}
	for _, want := range []string{"aa", "aabbbb", "aabb", "aabbbbbbbbbbbb", "aa\x00\x00\x00\x00bbbb", "g", "no g"} {
		if !seen[want] {
			t.Errorf("no crash left %q", want)
		}
	}
}

func TestFull(t *testing.T) {
	d := New()
	d.Limit(10)
	f, err := d.Create("f")
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Write(make([]byte, 8))
	if n != 8 || err != nil {
		t.Fatal(n, err)
	}
	n, err = f.Write(make([]byte, 8))
	if n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(n, err)
	}
	if err := d.Remove("f"); err != nil {
		t.Fatal(err)
	}
	if d.Used() != 0 {
		t.Fatal("removed files take room")
	}
	d.Hook(func(o Op) error {
		if o.Kind == Write {
			return &Short{3, syscall.EIO}
		}
		return nil
	})
	f, err = d.Create("g")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("abcdef")); n != 3 || !errors.Is(err, syscall.EIO) {
		t.Fatal(n, err)
	}
	if b, _ := d.Bytes("g"); string(b) != "abc" {
		t.Fatalf("%q", b)
	}
}
