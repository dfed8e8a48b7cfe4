package blocking

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOthersGoOn: with one processor, others run while a call blocks, sooner than the
// runtime's monitor would see to it.
func TestOthersGoOn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	others := func(wait func(int, []unix.EpollEvent, int) (int, error)) time.Duration {
		var waited []time.Duration
		for range 31 {
			started, done := make(chan time.Time), make(chan struct{})
			go func() {
				defer close(done)
				started <- time.Now()
				if n, err := wait(fd, make([]unix.EpollEvent, 1), 20); n != 0 || err != nil && err != unix.EINTR {
					t.Errorf("%d events, %v", n, err)
				}
			}()
			from := <-started
			runtime.Gosched() // the other is in its call now
			waited = append(waited, time.Since(from))
			<-done
		}
		slices.Sort(waited)
		return waited[len(waited)/2]
	}
	ours, plain := others(EpollWait), others(unix.EpollWait)
	t.Logf("the others waited %v, in a plain call %v", ours, plain)
	if ours > plain/2 {
		t.Errorf("the others waited %v, in a plain call %v", ours, plain)
	}
}

func TestFdatasync(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	if err := Fdatasync(fd); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Fdatasync(fd); err != unix.EBADF {
		t.Errorf("of a closed file: %v", err)
	}
}
