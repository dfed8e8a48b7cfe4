package loop

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"golang.org/x/sys/unix"

	"redust/config"
)

// Two settings of Go's runtime decide how well a single executor does: how much heap may
// pass before a collection, and how many processors goroutines may use. Both are
// steered here, ten times a second.
//
// Collections. Left alone, the collector lets the heap double before it looks, so that
// a store of ten gigabytes takes twenty. Here the room above the live heap is an
// eighth of it, within bounds. Pages have few pointers, so a collection is cheap for
// its size, and commands that overwrite in place make no garbage at all.
//
// Processors. gnet yields after every empty poll. With a second, idle processor each
// yield wakes a thread that looks for work and finds none, or takes the reactor over:
// with fifty clients that costs a tenth more CPU. With very few clients the same
// restless thread is a gain, since it keeps the machine from going to sleep between
// two round trips: one client is served at twice the rate for half the CPU. And while
// something works in the background (a collection, a snapshot) it must have a
// processor of its own, or clients would wait for its time slice. So there is one
// processor while more than fewActive clients keep it busy, send deep pipelines or wait for
// the journal (ack.go), or while manyActive send anything, and else, or while background work is on, a second one.
// Each change stops the world for some ten microseconds; it is made at most ten times
// a second.
//
// A collection that starts by itself knows nothing of this. So a round that finds the
// room used up gives the second processor and collects at once; the runtime's own
// trigger stands behind it for bursts. When nobody has sent anything for idleTicks, what
// garbage there is goes, and its memory back to the system: a store that was filled and
// then is only there takes what its data takes.
//
// The runtime makes whoever changes a setting wait for a collection that is under way,
// all of it. The executor must not wait, so it only says what it wants, and a goroutine
// of this file does it.
type steering struct {
	fixed      bool  // several threads: leave all processors on
	background int   // pieces of background work that are on
	crowd      bool  // more than fewActive clients are active
	idle       int   // rounds in which no client was active
	data       int64 // the largest data set since the last collection that we asked for, bytes
	commands   int64 // all so far, and
	reads      int64 // all so far, at the last look
	cpuNs      int64 // processor time used, and
	atNs       int64 // the monotonic clock, at the last look
	set        int64 // live heap for which the percentage was set, bytes
	limit      int64 // for the runtime's memory as configured, bytes
	room       int64 // heap that may pass between collections, bytes
	samples    []metrics.Sample
	want       settings
	orders     chan settings // the latest wish; capacity 1
}

// settings is what the executor wants of the runtime.
type settings struct {
	procs   int   // 0: leave them alone
	percent int   // GOGC
	limit   int64 // GOMEMLIMIT, bytes
	collect bool  // start a collection
	release bool  // do, and give the memory that is free to the system
}

const (
	roomShare  = 8        // an eighth of the live heap
	roomMin    = 24 << 20 // bytes
	roomMax    = 1 << 30
	fewActive  = 4   // clients
	manyActive = 100 // clients: their requests come in crowds, and a crowd is served faster by one
	idleTicks  = 15
	idleShare  = 32 // of the live heap: what else the process holds is worth a collection when idle
)

func (m *steering) start(s *Server) {
	m.fixed = s.threads > 1 || runtime.NumCPU() == 1
	m.orders = make(chan settings, 1)
	m.samples = []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	go m.run(s.stopped)
	m.configure(s.cfg)
	m.tick(s, 0)
}

// configure gives the runtime a limit from maxmemory: the data set, and a quarter for
// buffers and the collector's own needs. Without one it is most of what the machine or
// the container has.
func (m *steering) configure(cfg *config.Config) {
	m.limit = math.MaxInt64
	if cfg.MaxMemory > 0 {
		m.limit = cfg.MaxMemory + cfg.MaxMemory/4 + 64<<20
	} else if total := totalMemory(); total > 0 {
		m.limit = total - total/10
	}
}

// tick adapts the settings; active is how many clients sent something since the last.
func (m *steering) tick(s *Server, active int) {
	metrics.Read(m.samples)
	live, now, free := int64(m.samples[0].Value.Uint64()), int64(m.samples[1].Value.Uint64()), int64(m.samples[2].Value.Uint64())
	data := s.Cmd.KS.Bytes()
	live = max(live, data)
	m.data = max(m.data, data)
	if d := live - m.set; m.set == 0 || d > m.set/8 || d < -m.set/8 {
		m.set = live
		m.room = min(max(live/roomShare, roomMin), roomMax)
		// The runtime's own trigger comes at twice the room, for what we miss.
		m.want.percent = int(max(5, 2*m.room*100/max(live, 1<<20)))
	}
	// A limit below what is live would keep the collector running without pause.
	m.want.limit = max(m.limit, live+live/4+64<<20)
	// The second reason: much was deleted, and its memory should go back to the system.
	m.want.release = false
	m.want.collect = !m.fixed && (now > live+m.room || m.data-data > data/2+m.room)
	m.crowd = active > fewActive
	if active > 0 {
		m.idle = 0
	} else if m.idle++; m.idle%idleTicks == 0 && now-live+free > live/idleShare+roomMin/8 {
		m.want.release = true
	}
	if m.want.collect || m.want.release {
		m.data = data
	}
	if !m.fixed {
		m.want.procs = 2
		busy, depth := m.busy(s.mono()), m.depth(s.Cmd.Stats.Commands, s.Cmd.Stats.Reads)
		// The journal's goroutine and the reactor take turns: with one processor without a
		// thread's being woken. An fsync that replies wait for is better beside the reactor.
		turns := s.awaits.some && s.cfg.AppendFsync != config.FsyncAlways
		s.awaits.some = false
		if m.background == 0 && active > fewActive && (busy > busyShare || depth > deepPipeline || active > manyActive || turns) {
			m.want.procs = 1
		}
	}
	m.order()
}

// busyShare is the share of one processor from which the second one is not worth its
// price. Below it there is time to spare, and what p99.9 gains is.
const busyShare = 0.7

// deepPipeline is from how many commands a read on the second processor is not worth its
// price either: who sends pipelines wants work done.
const deepPipeline = 4

// depth is the mean number of commands that came with one read since the last call.
func (m *steering) depth(commands, reads int64) float64 {
	depth := float64(commands-m.commands) / float64(max(reads-m.reads, 1))
	m.commands, m.reads = commands, reads
	return depth
}

// busy is the share of one processor that the process used since the last call.
func (m *steering) busy(nowNs int64) float64 {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	cpu := ru.Utime.Nano() + ru.Stime.Nano()
	share := float64(cpu-m.cpuNs) / float64(max(nowNs-m.atNs, 1))
	m.cpuNs, m.atNs = cpu, nowNs
	return share
}

// order replaces the wish that waits by the present one.
func (m *steering) order() {
	select {
	case <-m.orders:
	default:
	}
	m.orders <- m.want
}

// run does what is wanted, and nothing that is so already.
func (m *steering) run(stopped <-chan struct{}) {
	var is settings
	is.procs = runtime.GOMAXPROCS(0)
	for {
		var want settings
		select {
		case <-stopped:
			return
		case want = <-m.orders:
		}
		if want.limit != is.limit {
			debug.SetMemoryLimit(want.limit)
		}
		if want.percent != is.percent {
			debug.SetGCPercent(want.percent)
		}
		is.limit, is.percent = want.limit, want.percent
		if want.procs != 0 && (want.collect || want.release) {
			is.procs = setProcs(is.procs, gcProcs)
		}
		switch {
		case want.release:
			debug.FreeOSMemory()
		case want.collect:
			runtime.GC()
		}
		if want.procs != 0 {
			is.procs = setProcs(is.procs, want.procs)
		}
	}
}

// gcProcs is the number of processors during a collection that we ask for. The runtime
// gives a quarter of them to marking: of four that is one whole worker, of two a share of
// each, and the reactor would stand still for that worker's time slices of 10 ms.
const gcProcs = 4

// setProcs changes the number of processors if it is another.
func setProcs(is, want int) int {
	if is != want {
		runtime.GOMAXPROCS(want)
	}
	return want
}

// Background runs work on a goroutine of its own, with a processor of its own, and
// then done on the executor. It is called on the executor.
func (s *Server) Background(work, done func()) {
	m := &s.steer
	m.background++
	if !m.fixed {
		m.want.procs = 2
		m.order()
	}
	fixed := m.fixed
	go func() {
		// A system call keeps a processor until the runtime notices, which takes up to some
		// 20 ms: with a single one that would be the reactor's.
		for !fixed && runtime.GOMAXPROCS(0) < 2 {
			runtime.Gosched()
		}
		work()
		s.Post(func() {
			m.background--
			done()
		})
	}()
	if fixed {
		return
	}
	// A reactor with much to do would not come to make room for it: a save began 20 ms late, in
	// which every page that was written to was cloned.
	const most = 3 // see ack.go
	for i := 0; i < most && runtime.GOMAXPROCS(0) < 2; i++ {
		runtime.Gosched()
	}
}

// Aside is Background for work after which nothing is to be done, from any goroutine.
func (s *Server) Aside(work func()) { s.Post(func() { s.Background(work, func() {}) }) }

// Collect implements cmd.Host.
func (s *Server) Collect() { s.Background(debug.FreeOSMemory, func() {}) }
