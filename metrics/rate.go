package metrics

// rateSamples is the length of a Rate's window: with a sample every 100 ms, the last 1.6 seconds.
const rateSamples = 16

// Rate turns a counter into a speed: the mean of its last 16 samples, each the counter's growth over that of a
// base (time for operations per second, event loop rounds for time per round). Missing samples count as 0, so a
// speed ramps up over the first 1.6 seconds and fades as slowly; tools that read instantaneous_ops_per_sec were
// written for just that. The zero value is ready, and its first sample only sets the start.
type Rate struct {
	samples [rateSamples]int64
	next    int
	value   int64
	base    int64
	started bool
}

// Sample takes a reading: value and base as they are now, and factor, how many units of the base the speed is
// per (1000000 for a base in microseconds and a speed per second). A base that did not grow counts as speed 0.
func (r *Rate) Sample(value, base, factor int64) {
	if r.started {
		speed := int64(0)
		if d := base - r.base; d > 0 {
			speed = (value - r.value) * factor / d
		}
		r.samples[r.next] = speed
		r.next = (r.next + 1) % rateSamples
	}
	r.value, r.base, r.started = value, base, true
}

// Mean returns the mean speed over the window.
func (r *Rate) Mean() int64 {
	sum := int64(0)
	for _, s := range r.samples {
		sum += s
	}
	return sum / rateSamples
}
