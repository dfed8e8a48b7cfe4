// Package blocking makes system calls that are known to block.
//
// A goroutine in a system call keeps its processor (a P) until the runtime's monitor takes
// it away, which is up to 20 ms later, and whatever stands in that P's queue waits, even if
// another P is idle. For calls that return at once that is the best there is; but an fsync
// that begins on the reactor's processor stops every client for as long. The calls here give
// the processor away first:
//
//	os.File.Sync    P1 [ fsync ................ monitor: 20 ms ]  reactor waits
//	Fdatasync       P1 [ fsync                                    P1 [ reactor
//
// It is what the runtime does for calls of its own (notetsleepg), by the function that gVisor
// links to as well. The price is a thread that is woken if there is work for the processor.
package blocking

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The runtime's own functions. Between them nothing may grow the stack.
//
//go:linkname enter runtime.entersyscallblock
func enter()

//go:linkname leave runtime.exitsyscall
func leave()

// call makes a system call without a processor.
//
//go:nosplit
//go:norace
//go:uintptrescapes
func call(number, a, b, c, d uintptr) (uintptr, unix.Errno) {
	enter()
	r, _, errno := unix.RawSyscall6(number, a, b, c, d, 0, 0)
	leave()
	return r, errno
}

// Fdatasync returns when the bytes of a file, and its length, are on the disk.
func Fdatasync(fd int) error {
	for {
		_, errno := call(unix.SYS_FDATASYNC, uintptr(fd), 0, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// Sleep sleeps for so many nanoseconds and some 50 us more, or until a signal comes.
func Sleep(ns int64) {
	ts := unix.NsecToTimespec(ns)
	_, _ = call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

// EpollWait waits for events of an epoll instance, timeoutMs milliseconds at most (-1: for
// ever), and returns how many it has put into events, which must not be empty.
func EpollWait(epoll int, events []unix.EpollEvent, timeoutMs int) (int, error) {
	n, errno := call(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(timeoutMs))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
