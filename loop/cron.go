package loop

import (
	"math"
	"sync/atomic"
	"time"

	"redust/cmd"
	"redust/metrics"
)

// everyMs is the time between two rounds of cron, milliseconds: at most 100, however low
// hz is.
func (s *Server) everyMs() int64 { return min(1000/int64(s.cfg.Hz), 100) }

// cron posts the work that is done every so often: speeds, idle clients, memory.
func (s *Server) cron() {
	const startMs = 100
	t := time.NewTicker(startMs * time.Millisecond)
	defer t.Stop()
	var waiting atomic.Bool
	for {
		select {
		case <-s.stopped:
			return
		case <-t.C:
		}
		if waiting.CompareAndSwap(false, true) {
			s.Post(func() {
				waiting.Store(false)
				s.tick()
				t.Reset(time.Duration(s.everyMs()) * time.Millisecond)
			})
		}
	}
}

// tick is one round of cron, on the executor.
func (s *Server) tick() {
	if s.Cmd.CronPaused {
		return
	}
	now := s.Cmd.KS.Now()
	s.setClock()
	s.Cmd.Stats.LoopUs += s.busyNs / 1000
	s.busyNs %= 1000
	s.Cmd.Stats.Sample(s.mono() / 1000)
	s.Cmd.Tick()
	s.steer.tick(s, s.tickClients(now))
	s.peers.sweep(time.Now())
}

// tickClients looks after all clients: who is idle too long, who has not read for too
// long, who was to be closed once the replies were out; and counts their memory. It
// returns how many sent something since the last round.
func (s *Server) tickClients(now int64) (active int) {
	idleMs := int64(s.cfg.Timeout) * 1000
	var bytes int64
	s.compact()
	for _, c := range s.order {
		if c.gone {
			continue
		}
		bytes += int64(c.MemBytes())
		if now-c.Active <= s.everyMs() {
			active++
		}
		if c.closing && !c.soon {
			s.hand(c)
			continue
		}
		s.checkOutput(c)
		idle := idleMs > 0 && now-c.Active > idleMs && c.Flags&(cmd.ClientMonitor|cmd.ClientPubSub) == 0
		// What has just ended a wait is sent, and counts as activity, only after this.
		if idle && !c.waits() && len(c.Out.B) == 0 {
			s.log.Verbose("Closing idle client")
			c.Close(false)
		}
	}
	s.Cmd.ClientsMemory = bytes
	s.Cmd.EvictClients()
	return active
}

// compact forgets clients that have gone. It is done here alone, where nobody walks over
// the list.
func (s *Server) compact() {
	if len(s.order) == len(s.clients) {
		return
	}
	kept := s.order[:0]
	for _, c := range s.order {
		if !c.gone {
			kept = append(kept, c)
		}
	}
	clear(s.order[len(kept):])
	s.order = kept
}

// alarm calls the executor at a time. It belongs to the executor.
type alarm struct {
	timer *time.Timer
	at    int64 // what the timer is set to, Unix milliseconds; math.MaxInt64: nothing
}

// start says what is to be called; nothing is set yet.
func (a *alarm) start(s *Server, call func()) {
	a.at = math.MaxInt64
	a.timer = time.AfterFunc(time.Hour, func() {
		s.Post(func() {
			a.at = math.MaxInt64
			call()
		})
	})
}

// set makes the alarm go off at a time, unless it will earlier; whoever is called sets
// it anew.
func (a *alarm) set(at int64) {
	if at >= a.at {
		return
	}
	const farMs = 3_600_000 // a time may lie beyond what a Duration holds
	a.at = at
	now := time.Now()
	wait := time.Duration(min(max(at-now.UnixMilli(), 0), farMs)) * time.Millisecond
	a.timer.Reset(max(wait-time.Duration(now.Nanosecond()%1e6), 0))
}

// schedule sets the alarms to the next deadlines of a key and of a blocked client; on
// the executor, after each batch.
func (s *Server) schedule() {
	if s.Cmd.Expires() {
		s.expiry.set(s.Cmd.KS.NextExpiry())
	}
	s.timeouts.set(s.Cmd.NextTimeout())
}

// expireNow removes a slice of what is due; the rest waits until others have had their
// turn.
func (s *Server) expireNow() {
	if !s.Cmd.Expires() {
		return
	}
	from := s.mono()
	more := s.Cmd.KS.Expire(s.cfg.ActiveExpireEffort)
	took := s.mono() - from
	s.Cmd.Stats.ExpireCycleUs += took / 1000
	s.Cmd.Slice(metrics.EventExpireCycle, took)
	if more {
		// Through the timer: what a task posts, gnet runs before it looks at a socket.
		s.expiry.set(s.Cmd.KS.Now())
	}
}
