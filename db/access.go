package db

// Access turns accesses into 24 bits an entry, as Redis does: seconds of the last
// access under an LRU policy; under an LFU policy 16 bits of minutes since the counter
// last decayed and an 8-bit logarithmic counter.
type Access struct {
	LFU       bool
	LogFactor int // lfu-log-factor: how many hits the counter takes to saturate
	DecayTime int // lfu-decay-time: minutes without access that take one off the counter; 0 never

	clock uint32 // seconds, 24 bits
	mins  uint32 // minutes, 16 bits
	rnd   func() uint64
}

const (
	clockMask  = 1<<24 - 1
	lfuInitial = 5 // what a new key starts with, so that it is not evicted at once
)

func (a *Access) setNow(ms int64) {
	a.clock = uint32(ms/1000) & clockMask
	a.mins = uint32(ms/60000) & 0xffff
}

// fresh is the history of a key that is being made.
func (a *Access) fresh() uint32 {
	if a.LFU {
		return a.mins<<8 | lfuInitial
	}
	return a.clock
}

// note is the history was with one more access.
func (a *Access) note(was uint32) uint32 {
	if !a.LFU {
		return a.clock
	}
	n := a.freq(was)
	if n < 255 {
		base := max(int(n)-lfuInitial, 0)
		if p := uint64(base*a.LogFactor + 1); a.rnd()%p == 0 {
			n++
		}
	}
	return a.mins<<8 | uint32(n)
}

func (a *Access) freq(h uint32) uint8 {
	n := h & 255
	if a.DecayTime > 0 {
		periods := (a.mins - h>>8) & 0xffff / uint32(a.DecayTime)
		n -= min(n, periods)
	}
	return uint8(n)
}

func (a *Access) idleMs(h uint32) int64 {
	return int64((a.clock-h)&clockMask) * 1000
}
