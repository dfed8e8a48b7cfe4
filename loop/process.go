package loop

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"redust/cmd"
)

// processInfo is what does not change while the process runs.
type processInfo struct {
	fixed   cmd.Process
	samples []metrics.Sample
}

func (p *processInfo) init(o Options) {
	var id [20]byte
	_, _ = rand.Read(id[:]) // never fails
	p.fixed = cmd.Process{
		PID: os.Getpid(), RunID: hex.EncodeToString(id[:]), Executable: o.Executable, ConfigFile: o.ConfigFile,
		GoVersion: runtime.Version(), Arch: runtime.GOARCH, Version: o.Version, Build: o.Build,
		OS: systemName(), TotalMemory: totalMemory(),
	}
	for _, name := range []string{"/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes",
		"/memory/classes/heap/free:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/heap/unused:bytes", "/gc/cycles/total:gc-cycles"} {
		p.samples = append(p.samples, metrics.Sample{Name: name})
	}
}

// Process implements cmd.Host.
func (s *Server) Process() cmd.Process {
	p := s.process.fixed
	p.StartedMs = s.began.UnixMilli()
	metrics.Read(s.process.samples)
	v := func(i int) int64 { return int64(s.process.samples[i].Value.Uint64()) }
	p.HeapLive = v(0)
	p.HeapIdle = v(2) + v(4)
	p.RuntimeOther = v(1) - v(0) - v(2) - v(3) - v(4)
	p.Collections = v(5)
	p.Goroutines = runtime.NumGoroutine()
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) == nil {
		p.CPUUserUs = ru.Utime.Sec*1e6 + ru.Utime.Usec
		p.CPUSystemUs = ru.Stime.Sec*1e6 + ru.Stime.Usec
		p.PeakRSS = ru.Maxrss * 1024
	}
	if unix.Getrusage(unix.RUSAGE_THREAD, &ru) == nil {
		p.MainUserUs = ru.Utime.Sec*1e6 + ru.Utime.Usec
		p.MainSysUs = ru.Stime.Sec*1e6 + ru.Stime.Usec
	}
	p.RSS, p.Threads = residentAndThreads()
	return p
}

// residentAndThreads reads the process's resident memory, bytes, and its threads.
func residentAndThreads() (rss int64, threads int) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0
	}
	// The second field, the name, may hold blanks; it ends with the last parenthesis.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 22 {
		return 0, 0
	}
	threads, _ = strconv.Atoi(f[17])
	pages, _ := strconv.ParseInt(f[21], 10, 64)
	return pages * int64(os.Getpagesize()), threads
}

// totalMemory is the memory of the container, if that is bounded, or of the machine,
// bytes.
func totalMemory() int64 {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 0
	}
	total := int64(si.Totalram) * int64(si.Unit)
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(path); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n < total {
				total = n
			}
		}
	}
	return total
}

func systemName() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return runtime.GOOS
	}
	return fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]))
}

// reservedFiles are the descriptors that the server itself needs, beside one a client.
const reservedFiles = 32

// raiseFileLimit lets the process open a descriptor for each of n clients.
func raiseFileLimit(n int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return fmt.Errorf("loop: get file limit: %w", err)
	}
	want := uint64(n + reservedFiles)
	if lim.Cur >= want {
		return nil
	}
	lim.Cur = want
	if lim.Max < want {
		lim.Max = want
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return fmt.Errorf("loop: raise file limit to %d: %w", want, err)
	}
	return nil
}

// fileLimit is how many descriptors the process may have.
func fileLimit() int {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return 1024
	}
	return int(lim.Cur)
}
