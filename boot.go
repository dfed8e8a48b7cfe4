package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"redust/cmd"
	"redust/config"
	"redust/loop"
	"redust/rdb"
)

// Loading the data set, between "Server initialized" and "Ready to accept connections".
// The server listens already, and says LOADING to whoever asks for more than INFO.
//
//	decoder's goroutine   pipe: at most pipeDepth ahead     executor, between sockets
//	decode a batch  ----> [ batch, batch, batch ] --------> Put; what INFO tells
//	sleep, if told to          one at a time
//
// So decoding and storing take a processor each, memory is bounded, and a client waits for
// one batch at most, a millisecond or so (Redis looks at its sockets every
// loading-process-events-interval-bytes, of which a batch is never more).
//
// Which file: with appendonly, the append only file wins over the snapshot. If there is no
// append only file, but a snapshot, Redis starts without data, and what switching appendonly
// on in the configuration file costs has cost many people. Here the snapshot is loaded, and
// the first append only file begins with it; the log says so.
//
// # Damage
//
// A file that makes no sense somewhere is not guessed at. on-corrupt-data says what then:
//
//	refuse    the log says where, what is intact before it and which commands may help; exit 1
//	salvage   what is intact is kept; the file gets another name; the server starts
//	empty     nothing is kept; the file gets another name; the server starts
//
// The name is changed before the server is ready, since the next save would write over it:
// nothing is ever lost. What is not damage (a file that may not be read, that a newer server
// wrote, that asks for more databases) always ends the process.

// boot is the load at start-up.
type boot struct {
	p     *process
	table *cmd.Server
	srv   *loop.Server

	delayUs atomic.Int64 // key-load-delay, for the decoder's goroutine
	doneAt  int64        // bytes of the files before the one at hand
	told    time.Time    // when the log last heard of progress
}

// errStopped says that the server was told to end while it was loading.
var errStopped = errors.New("stopped while loading")

// source is a set of files to be loaded.
type source struct {
	bytes int64                // their size
	load  func(*boot) error    // on a goroutine of its own
	done  func(seconds string) // logs that they are loaded
}

// findData says what is to be loaded, nil if nothing is.
func (p *process) findData() (*source, error) {
	if p.cfg.AppendOnly {
		if from, err := p.findJournal(); from != nil || err != nil {
			return from, err
		}
	} else if p.restore != nil {
		return nil, errors.New("--restore-to needs an append only file, and appendonly is off")
	}
	name := p.cfg.DBFilename
	st, err := os.Stat(name)
	switch {
	case name == "" || errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, cantOpen(name, err)
	}
	if p.cfg.AppendOnly {
		p.log.Warn(fmt.Sprintf("appendonly is on, and there is no append only file, but there is a snapshot: %s is loaded. "+
			"(Redis would ignore it and start without data.) If that is not what you want, move the file away.", name))
	}
	return &source{
		bytes: st.Size(),
		load:  func(b *boot) error { return b.snapshot(name) },
		done:  func(seconds string) { p.log.Notice("DB loaded from disk: " + seconds + " seconds") },
	}, nil
}

func cantOpen(name string, err error) error {
	return errors.New("Fatal error: can't open the RDB file " + name + " for reading: " + loop.SystemText(err))
}

// load loads the data set, while the server answers; joinJournal ends that. The process ends if it returns an
// error other than errStopped; what is wrong is in the log then.
func (b *boot) load(from *source) error {
	began := time.Now()
	b.told = began
	b.delayUs.Store(int64(b.p.cfg.KeyLoadDelayUs)) // nobody could change it yet
	result := make(chan error, 1)
	var err error
	b.srv.Post(func() {
		// As background work it is given a second processor.
		b.srv.Background(func() { err = from.load(b) }, func() { result <- err })
	})
	select {
	case err := <-result:
		if err == nil {
			from.done(fmt.Sprintf("%.3f", time.Since(began).Seconds()))
		}
		return err
	case <-b.srv.Stopped():
		return errStopped
	}
}

// snapshot loads an RDB file and deals with damage.
func (b *boot) snapshot(name string) error {
	info, err := b.rdbFile(name, rdb.PutOptions{})
	var damage *rdb.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errStopped):
		return err
	case !errors.As(err, &damage) || damage.Foreign:
		b.p.log.Warn("The snapshot " + name + " can't be loaded: " + err.Error())
		return err
	}
	return b.damaged(name, info, damage)
}

// rdbFile loads one RDB file.
func (b *boot) rdbFile(name string, o rdb.PutOptions) (rdb.Info, error) {
	var opt rdb.DecodeOptions
	if err := b.on(func() error { opt = rdb.OptionsFor(b.table.KS); return nil }); err != nil {
		return rdb.Info{}, err
	}
	opt.SkipChecksum = !b.p.cfg.RDBChecksum
	p := newPipe(b.srv)
	info, err := rdb.ReadFile(name, opt, func(batch *rdb.Batch) error {
		b.delay(batch.Len())
		return p.put(func() error { return b.store(batch, o) })
	})
	if perr := p.close(); perr != nil {
		err = perr // about what came before
	}
	if err == nil {
		l := &b.table.Loading // nobody changes it now
		b.p.log.Notice(fmt.Sprintf("Done loading RDB, keys loaded: %d, keys expired: %d.", l.KeysLoaded, l.KeysExpired))
		b.doneAt += info.Bytes
	}
	return info, err
}

// store puts a batch into the keyspace; on the executor.
func (b *boot) store(batch *rdb.Batch, o rdb.PutOptions) error {
	l := &b.table.Loading
	for _, a := range batch.Aux {
		b.fact(a)
	}
	n, err := b.table.StoreBatch(batch, o)
	l.KeysLoaded += n.Loaded
	l.KeysExpired += n.Expired
	l.ReadBytes = b.doneAt + batch.Bytes
	b.delayUs.Store(int64(b.p.cfg.KeyLoadDelayUs))
	batch.Release()
	b.progress(l)
	return err
}

// fact logs what a file says about itself.
func (b *boot) fact(a rdb.Aux) {
	n, _ := strconv.ParseInt(a.Value, 10, 64)
	switch a.Name {
	case "redis-ver":
		b.p.log.Notice("Loading RDB produced by version " + a.Value)
	case "ctime":
		b.p.log.Notice(fmt.Sprintf("RDB age %d seconds", max(time.Now().Unix()-n, 0)))
	case "used-mem":
		b.p.log.Notice(fmt.Sprintf("RDB memory usage when created %.2f Mb", float64(n)/(1<<20)))
		b.table.Loading.UsedMem = n
	case "aof-base":
		if n != 0 {
			b.p.log.Notice("RDB is base AOF")
		}
	}
}

// progress logs how far the load is, every few seconds.
func (b *boot) progress(l *cmd.LoadState) {
	const every = 5 * time.Second
	if time.Since(b.told) < every {
		return
	}
	b.told = time.Now()
	line := b.table.LoadProgress()
	b.p.log.Notice(line)
	b.p.supervisor.Loading(b.p.log, line)
}

// delay sleeps as long as key-load-delay asks for so many keys: a time for each, or a
// microsecond for each so many. It is given up when the directive is set to 0 meanwhile.
func (b *boot) delay(keys int) {
	const slice = 50 * time.Millisecond
	for slept := time.Duration(0); ; {
		us := b.delayUs.Load()
		want := time.Duration(us) * time.Duration(keys) * time.Microsecond
		if us < 0 {
			want = time.Duration(int64(keys)/-us) * time.Microsecond
		}
		left := min(want-slept, slice)
		if left <= 0 {
			return
		}
		time.Sleep(left)
		slept += left
		if b.on(func() error { b.delayUs.Store(int64(b.p.cfg.KeyLoadDelayUs)); return nil }) != nil {
			return
		}
	}
}

// on runs f on the executor and waits for it.
func (b *boot) on(f func() error) error {
	p := newPipe(b.srv)
	_ = p.put(f) // what goes wrong, close says
	return p.close()
}

// pipe hands work to the executor, piece by piece and in order, and lets who has more go on
// meanwhile. A piece is handed over when the one before is done, so that the executor looks
// at its sockets in between.
type pipe struct {
	work chan func() error
	done chan struct{}
	err  error // of the first piece that failed; read after done
}

// pipeDepth is how many pieces may wait.
const pipeDepth = 4

func newPipe(srv *loop.Server) *pipe {
	p := &pipe{work: make(chan func() error, pipeDepth), done: make(chan struct{})}
	go p.run(srv)
	return p
}

func (p *pipe) run(srv *loop.Server) {
	defer close(p.done)
	ran := make(chan error, 1)
	for f := range p.work {
		srv.Post(func() { ran <- f() })
		select {
		case p.err = <-ran:
		case <-srv.Stopped():
			p.err = errStopped
		}
		if p.err != nil {
			return
		}
	}
}

// put hands over a piece; the error is of an earlier one.
func (p *pipe) put(f func() error) error {
	select {
	case p.work <- f:
		return nil
	case <-p.done:
		return p.err
	}
}

// close waits until all pieces are done, and returns the first error among them.
func (p *pipe) close() error {
	close(p.work)
	<-p.done
	return p.err
}

// damaged does what on-corrupt-data says with a file that is damaged.
func (b *boot) damaged(name string, info rdb.Info, e *rdb.Error) error {
	log := b.p.log
	size := int64(0)
	if st, err := os.Stat(name); err == nil {
		size = st.Size()
	}
	what := strings.TrimPrefix(e.Error(), fmt.Sprintf("rdb: at byte %d, ", e.Offset))
	log.Warn(fmt.Sprintf("The snapshot %s is damaged at byte %d of %d, %s", name, e.Offset, size, what))
	log.Warn(fmt.Sprintf("Intact before that place: %d keys (%d stored, %d past their deadline).%s",
		e.Keys, b.table.Loading.KeysLoaded, b.table.Loading.KeysExpired, writtenBy(info)))
	aside := fmt.Sprintf("%s.corrupt-%d", name, time.Now().Unix())
	if b.p.cfg.OnCorruptData == config.CorruptRefuse {
		for _, l := range advice(os.Args, name) {
			log.Warn(l)
		}
		return e
	}
	if err := moveAside(name, aside); err != nil {
		log.Warn(fmt.Sprintf("It can't be moved to %s, so nothing is done: %s", aside, loop.SystemText(err)))
		return err
	}
	log.Warn("on-corrupt-data " + b.p.cfg.OnCorruptData.String() + ": the damaged file is kept as " + aside)
	if b.p.cfg.OnCorruptData == config.CorruptSalvage {
		keys := b.table.Loading.KeysLoaded // nobody changes it now
		log.Warn(fmt.Sprintf("The server starts with the %d keys that were intact.", keys))
		return b.on(func() error { b.table.Unsaved(keys); return nil })
	}
	log.Warn("The server starts without data.")
	return b.on(func() error { b.table.Empty(); return nil })
}

// writtenBy says who wrote a file, and when, as far as it tells.
func writtenBy(info rdb.Info) string {
	s := ""
	if v := info.AuxValue("redis-ver"); v != "" {
		s += " It was written by version " + v
		if n, err := strconv.ParseInt(info.AuxValue("ctime"), 10, 64); err == nil {
			s += " at " + time.Unix(n, 0).UTC().Format(time.RFC3339)
		}
		s += "."
	}
	return s
}

// moveAside renames a file, so that it stays renamed.
func moveAside(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// advice says which commands help against a damaged file, in the words in which the server
// was started.
func advice(args []string, name string) []string {
	again := func(choice string) string { return againWith(args, "--on-corrupt-data", choice) }
	abs := name
	if wd, err := os.Getwd(); err == nil && !strings.HasPrefix(name, "/") {
		abs = wd + "/" + name
	}
	return []string{
		"The server does not start, lest the next save write over the file. To see what is in it:",
		"    " + shellWords([]string{args[0], "check-rdb", abs}),
		"To start with what is intact, or without data; the file is kept under another name either way:",
		"    " + again("salvage"),
		"    " + again("empty"),
	}
}

// shellWords joins words so that a shell takes them apart again.
func shellWords(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		plain := w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%") == ""
		if plain {
			b.WriteString(w)
		} else {
			b.WriteString("'" + strings.ReplaceAll(w, "'", `'\''`) + "'")
		}
	}
	return b.String()
}
