package measure

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A bucket's upper end maps back to the bucket, and is less than one part in 128
// above any value in it.
func TestBucketsAreNarrow(t *testing.T) {
	for i := range buckets - 1 {
		if got := bucketOf(upperOf(i)); got != i {
			t.Fatalf("bucket %d: its upper end %d falls in bucket %d", i, upperOf(i), got)
		}
		if got := bucketOf(upperOf(i) + 1); got != i+1 {
			t.Fatalf("bucket %d: the value after its upper end falls in bucket %d", i, got)
		}
	}
	if bucketOf(math.MaxInt64) != buckets-1 {
		t.Error("a value beyond the range does not fall in the last bucket")
	}
}

// The truth is a sorted slice.
func TestPercentilesAgainstSortedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Hist
	var all []int64
	for range 20_000 {
		v := int64(math.Exp(r.Float64() * 20)) // 1 ns to 0.5 s, evenly by magnitude
		h.Record(v, 1)
		all = append(all, v)
	}
	slices.Sort(all)
	for _, p := range []float64{0.01, 1, 25, 50, 90, 99, 99.9, 100} {
		rank := int(math.Ceil(p / 100 * float64(len(all))))
		want, got := all[rank-1], h.PercentileNs(p)
		if got < want || float64(got) > float64(want)*(1+1.0/subCount)+1 {
			t.Errorf("p%v = %d, sorted values say %d", p, got, want)
		}
	}
	if h.MaxNs() != all[len(all)-1] {
		t.Errorf("MaxNs = %d, want %d", h.MaxNs(), all[len(all)-1])
	}
}

func TestHistWeightsAndEdges(t *testing.T) {
	var h Hist
	if h.PercentileNs(99) != 0 {
		t.Error("an empty histogram has a percentile")
	}
	h.Record(100, 99)
	h.Record(5000, 1)
	h.Record(-7, 0)
	if got := h.PercentileNs(99); got != 100 {
		t.Errorf("p99 = %d, want 100", got)
	}
	if got := h.PercentileNs(99.5); got != 5000 { // capped by the exact maximum
		t.Errorf("p99.5 = %d, want 5000", got)
	}
	h.Record(math.MaxInt64, 1)
	if got := h.PercentileNs(100); got > math.MaxInt64-1 && h.MaxNs() != math.MaxInt64 {
		t.Errorf("p100 = %d", got)
	}
	h.Reset()
	if h.Count() != 0 || h.MaxNs() != 0 {
		t.Error("Reset left something behind")
	}
}

func TestSummarize(t *testing.T) {
	for _, r := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{9, 1, 4}, Spread{4, 1, 9, 3}},
		{[]float64{8, 2, 4, 6}, Spread{5, 2, 8, 4}}, // even: between the middle two
	} {
		if got := Summarize(r.in); got != r.want {
			t.Errorf("Summarize(%v) = %+v, want %+v", r.in, got, r.want)
		}
	}
	if got := Ratios([]float64{2, 3, 8}, []float64{4, 0, 2}); !slices.Equal(got, []float64{0.5, 4}) {
		t.Errorf("Ratios = %v", got)
	}
}

// Work done by threads that have ended since must still be in the figure, which is
// why the harness does not sum /proc/PID/task.
func TestCPUCountsEndedThreads(t *testing.T) {
	c, err := OpenCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !c.fine {
		t.Skip("this kernel hides the CPU clock of other processes")
	}
	before, err := c.ReadNs()
	if err != nil {
		t.Fatal(err)
	}
	burnt := make(chan int64)
	for range 2 {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			burnt <- burnThread(t, 60*time.Millisecond)
		}()
	}
	want := <-burnt + <-burnt
	time.Sleep(5 * time.Millisecond) // let the threads go
	after, err := c.ReadNs()
	if err != nil {
		t.Fatal(err)
	}
	if got := after - before; got < want {
		t.Errorf("the process used %d ns, its two threads alone %d", got, want)
	}
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		t.Fatal(err)
	}
	if got, all := after, ru.Utime.Nano()+ru.Stime.Nano(); math.Abs(float64(got-all)) > 0.1*float64(all)+20e6 {
		t.Errorf("CPU clock says %d ns, getrusage %d", got, all)
	}
}

// burnThread spins until its own thread has used d of CPU time, and returns how much
// it was.
func burnThread(t *testing.T, d time.Duration) int64 {
	read := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
			t.Error(err)
		}
		return ts.Nano()
	}
	start := read()
	for read()-start < int64(d) {
	}
	return read() - start
}

// The coarse source must agree with the fine one to within its ticks.
func TestStatFallbackAgrees(t *testing.T) {
	burnThread(t, 30*time.Millisecond)
	fine, err := CPU{os.Getpid(), true}.ReadNs()
	if err != nil {
		t.Skip(err)
	}
	coarse, err := CPU{os.Getpid(), false}.ReadNs()
	if err != nil {
		t.Fatal(err)
	}
	if diff := math.Abs(float64(fine - coarse)); diff > 4*tickNs {
		t.Errorf("the two sources are %v ms apart", diff/1e6)
	}
	if _, err := OpenCPU(1 << 22); err == nil {
		t.Error("OpenCPU of a process that cannot exist succeeded")
	}
}

func TestParseStat(t *testing.T) {
	const tail = " S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 5 0"
	for _, r := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"77 (redis-server)" + tail, 3_000_000_000, true},
		{"77 (a) b (c)" + tail, 3_000_000_000, true}, // names may hold brackets
		{"77 (x) S 1 2", 0, false},
		{"77 x S 1 2", 0, false},
		{"77 (x) S 1 2 3 4 5 6 7 8 9 10 ab 50 0", 0, false},
	} {
		got, err := parseStat(r.in)
		if got != r.want || (err == nil) != r.ok || err != nil && !errors.Is(err, ErrProcFormat) {
			t.Errorf("parseStat(%q) = %d, %v", r.in, got, err)
		}
	}
}

func TestParseMachineAndOthers(t *testing.T) {
	a, err := parseMachine("cpu  100 0 50 800 10 5 5 30 0 0\ncpu0 1 2 3\n")
	if err != nil {
		t.Fatal(err)
	}
	if a != (Machine{TotalNs: 1000 * tickNs, TasksNs: 150 * tickNs, StealNs: 30 * tickNs}) {
		t.Errorf("parseMachine = %+v", a)
	}
	b, err := parseMachine("cpu  160 0 90 850 10 5 5 80 0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	others, stolen := Others(a, b, 80*tickNs) // of 200 ticks 100 in processes, 50 stolen
	if others != 0.1 || stolen != 0.25 {
		t.Errorf("Others = %v, %v", others, stolen)
	}
	if others, _ := Others(a, b, 1000*tickNs); others != 0 { // ticks are coarser than clocks
		t.Errorf("more accounted for than used gives %v", others)
	}
	for _, bad := range []string{"", "intr 1 2 3 4 5 6 7 8 9", "cpu a 0 0 0 0 0 0 0 0"} {
		if _, err := parseMachine(bad); !errors.Is(err, ErrProcFormat) {
			t.Errorf("parseMachine(%q): %v", bad, err)
		}
	}
}

func TestRSS(t *testing.T) {
	got, err := parseRSS("Name:\tx\nVmRSS:\t   1234 kB\nVmData: 1 kB\n")
	if err != nil || got != 1234<<10 {
		t.Errorf("parseRSS = %d, %v", got, err)
	}
	if _, err := parseRSS("Name:\tx\n"); !errors.Is(err, ErrProcFormat) {
		t.Errorf("no VmRSS: %v", err)
	}
	before, err := RSS(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<20)
	for i := range b {
		b[i] = byte(i)
	}
	after, err := RSS(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after-before < 48<<20 {
		t.Errorf("64 MiB written, but resident memory grew by %d", after-before)
	}
	runtime.KeepAlive(b)
}
