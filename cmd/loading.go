package cmd

import (
	"fmt"

	"redust/rdb"
)

// Loading. The server listens before it has its data, so that whoever asks hears LOADING
// and when it will be over, instead of a refused connection:
//
//	boot: decoder goroutine --batches--> executor: Put, a batch at a time
//	                                        |  between two batches
//	                                        v
//	             clients: INFO, CONFIG, ...  run;  all else  -LOADING
//
// Meanwhile the data set is whatever has been stored so far, and nobody but the loader
// changes it: no command that is let through touches keys, nothing expires, nothing is
// evicted. What has passed its deadline is not stored in the first place.

// LoadState is the load that is under way, and what the last one came to. It is set by
// whoever loads, on the executor.
type LoadState struct {
	On         bool
	StartedAt  int64 // Unix seconds
	TotalBytes int64 // of the files; 0: not known
	ReadBytes  int64 // decoded so far
	UsedMem    int64 // memory of the server that wrote the file, as the file says, bytes

	// Of the last RDB file or preamble that was loaded, or the one at hand.
	KeysLoaded, KeysExpired int64
}

// BeginLoad says that a load of files of so many bytes begins.
func (s *Server) BeginLoad(totalBytes int64) {
	s.Loading = LoadState{On: true, StartedAt: s.NowUs() / 1e6, TotalBytes: totalBytes}
}

// StoreBatch stores what was read of an RDB file: entries, and libraries of functions.
func (s *Server) StoreBatch(b *rdb.Batch, o rdb.PutOptions) (rdb.Counts, error) {
	for _, src := range b.Functions {
		if err := s.LoadFunction(src); err != nil {
			return rdb.Counts{}, fmt.Errorf("a library of functions in the file: %w", err)
		}
	}
	return b.Put(s.KS, o)
}

// Empty removes everything that a file could hold, before one is loaded: keys, and libraries
// of functions, which FLUSHALL would leave.
func (s *Server) Empty() {
	s.KS.Flush()
	s.FlushFunctions()
}

// EndLoad says that the load is over: commands are let through.
func (s *Server) EndLoad() { s.Loading.On = false }

// Expires tells whether keys past their deadline are to be removed without anybody having
// looked at them.
func (s *Server) Expires() bool {
	return s.ActiveExpire && !s.Loading.On && !s.KS.Paused && !s.KS.Frozen && !s.Busy()
}

// LoadProgress says in a line how far the load is.
func (s *Server) LoadProgress() string {
	l := &s.Loading
	line := fmt.Sprintf("Loading: %.1f%% of %s, %d keys", l.percent(), humanBytes(l.TotalBytes), l.KeysLoaded)
	if left := l.secondsLeft(s.NowUs() / 1e6); left >= 0 {
		line += fmt.Sprintf(", about %d seconds left", left)
	}
	return line
}

// infoLoading adds to INFO how far the load is.
func (s *Server) infoLoading(r *report) {
	l := &s.Loading
	if !l.On {
		return
	}
	r.int("loading_start_time", l.StartedAt)
	r.int("loading_total_bytes", l.TotalBytes)
	r.int("loading_rdb_used_mem", l.UsedMem)
	r.int("loading_loaded_bytes", l.ReadBytes)
	r.ratio("loading_loaded_perc", l.percent(), "")
	r.int("loading_eta_seconds", l.secondsLeft(s.NowUs()/1e6))
}

// percent is how much of the files has been read.
func (l *LoadState) percent() float64 {
	if l.TotalBytes <= 0 {
		return 0
	}
	return min(100*float64(l.ReadBytes)/float64(l.TotalBytes), 100)
}

// secondsLeft guesses how long the rest takes, from how long it took so far; -1: no idea.
func (l *LoadState) secondsLeft(now int64) int64 {
	took, left := now-l.StartedAt, l.TotalBytes-l.ReadBytes
	switch {
	case l.ReadBytes <= 0 || l.TotalBytes <= 0:
		return -1
	case left <= 0 || took <= 0:
		return 0
	}
	return int64(float64(took) * float64(left) / float64(l.ReadBytes))
}
