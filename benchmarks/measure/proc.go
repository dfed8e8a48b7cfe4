package measure

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tickNs is one unit of the times in /proc/stat and /proc/PID/stat: USER_HZ is 100
// on every architecture that Linux runs on today.
const tickNs = 10_000_000

// ErrProcFormat is returned when a file under /proc does not look as proc(5) says.
var ErrProcFormat = errors.New("measure: unexpected format under /proc")

// A CPU reads the CPU time of one process, user and system, of all its threads that
// live and that have ended; not of its children.
type CPU struct {
	pid  int
	fine bool
}

// OpenCPU prepares to read the CPU time of pid and finds out which source works.
func OpenCPU(pid int) (CPU, error) {
	c := CPU{pid: pid, fine: true}
	if _, err := c.ReadNs(); err == nil {
		return c, nil
	}
	c.fine = false
	if _, err := c.ReadNs(); err != nil {
		return CPU{}, err
	}
	return c, nil
}

// Source says in words where the figures come from and how fine they are.
func (c CPU) Source() string {
	if c.fine {
		return "the process CPU clock (nanoseconds, ended threads included)"
	}
	return "/proc/PID/stat (ticks of 10 ms)"
}

// ReadNs returns the CPU time used so far, in nanoseconds.
func (c CPU) ReadNs() (int64, error) {
	if c.fine {
		var ts unix.Timespec
		if err := unix.ClockGettime(processClock(c.pid), &ts); err != nil {
			return 0, fmt.Errorf("measure: read CPU clock of process %d: %w", c.pid, err)
		}
		return ts.Nano(), nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	if err != nil {
		return 0, fmt.Errorf("measure: read CPU time of process %d: %w", c.pid, err)
	}
	return parseStat(string(text))
}

// processClock is the id of a process's CPU clock: the complement of the process
// number, three bits to the left, and in the low bits which clock (2, the
// scheduler's own account) and whose (bit 2 clear: the whole process). The layout
// is part of the kernel's user interface (linux/posix-timers.h).
func processClock(pid int) int32 {
	const schedClock = 2
	return ^int32(pid)<<3 | schedClock
}

// parseStat returns utime + stime of a line of /proc/PID/stat, fields 14 and 15. The
// second field is the program's name in brackets, and may hold blanks and brackets
// itself, so counting starts behind the last bracket.
func parseStat(line string) (int64, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return 0, fmt.Errorf("%w: stat: no command name", ErrProcFormat)
	}
	f := strings.Fields(line[end+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(f) <= stime {
		return 0, fmt.Errorf("%w: stat: %d fields", ErrProcFormat, len(f))
	}
	var ticks int64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: stat: %w", ErrProcFormat, err)
		}
		ticks += n
	}
	return ticks * tickNs, nil
}

// RSS returns the resident memory of a process in bytes.
func RSS(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("measure: read memory of process %d: %w", pid, err)
	}
	return parseRSS(string(text))
}

// parseRSS finds VmRSS in the text of /proc/PID/status, given there in KiB.
func parseRSS(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%w: VmRSS: %w", ErrProcFormat, err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%w: status: no VmRSS", ErrProcFormat)
}

// SelfCPUNs returns the CPU time of this process, the load generator, in nanoseconds.
func SelfCPUNs() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("measure: read own CPU clock: %w", err)
	}
	return ts.Nano(), nil
}

// Machine is what all CPUs together have done since boot, in nanoseconds.
type Machine struct {
	TotalNs int64 // all of it, idle included
	TasksNs int64 // spent in processes, user and system, without interrupts
	StealNs int64 // wanted, but given to another guest by the hypervisor
}

// ReadMachine reads /proc/stat.
func ReadMachine() (Machine, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Machine{}, fmt.Errorf("measure: read machine load: %w", err)
	}
	return parseMachine(string(text))
}

// parseMachine reads the line "cpu user nice system idle iowait irq softirq steal".
// Guest time, which follows, is part of user time already.
func parseMachine(text string) (Machine, error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return Machine{}, fmt.Errorf("%w: stat: first line is %q", ErrProcFormat, line)
	}
	var v [8]int64
	for i := range v {
		n, err := strconv.ParseInt(f[i+1], 10, 64)
		if err != nil {
			return Machine{}, fmt.Errorf("%w: stat: %w", ErrProcFormat, err)
		}
		v[i] = n * tickNs
	}
	m := Machine{TasksNs: v[0] + v[1] + v[2], StealNs: v[7]}
	for _, n := range v {
		m.TotalNs += n
	}
	return m, nil
}

// Others returns which share of the machine, 0 to 1, went to processes other than the
// ones accounted for between two readings, and which share the hypervisor took away.
func Others(before, after Machine, accountedNs int64) (others, stolen float64) {
	total := float64(after.TotalNs - before.TotalNs)
	if total <= 0 {
		return 0, 0
	}
	others = float64(after.TasksNs-before.TasksNs-accountedNs) / total
	stolen = float64(after.StealNs-before.StealNs) / total
	return max(others, 0), max(stolen, 0)
}

// Load1 returns the machine's load average over the last minute.
func Load1() (float64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, fmt.Errorf("measure: read load average: %w", err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: loadavg: %w", ErrProcFormat, err)
	}
	return load, nil
}

// CPUModel returns the processor's name, or "unknown" where /proc/cpuinfo gives none.
func CPUModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// Kernel returns the kernel's release, or "unknown".
func Kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// MemoryBytes returns the machine's memory, or 0 where the kernel does not say.
func MemoryBytes() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// Footprint is the memory of a process and its children, bytes: what they share is counted
// once (PSS).
func Footprint(pid int) (int64, error) {
	var sum int64
	pids := []int{pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err == nil { // a kernel may lack the file; then there is the process alone
		for _, f := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(f); err == nil {
				pids = append(pids, n)
			}
		}
	}
	for i, p := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			if i > 0 {
				continue // the child has ended
			}
			return 0, fmt.Errorf("measure: memory of process %d: %w", p, err)
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				if err != nil {
					return 0, fmt.Errorf("measure: memory of process %d: %w", p, err)
				}
				sum += kb << 10
			}
		}
	}
	return sum, nil
}
