package cmd

import (
	"path/filepath"

	"redust/config"
	"redust/rdb"
)

// DEBUG RELOAD: the data set goes to the snapshot's file and comes back from it, so that a
// test sees what a restart would have left. Everybody waits for it, as for all of DEBUG.

// debugReload replies OK. NOSAVE loads the file that is there; NOFLUSH adds it to the data
// set; MERGE lets the file's keys take the place of those that exist, which otherwise is an
// error (and the end of the process in Redis).
func debugReload(c *Ctx) error {
	save, flush, merge := true, true, false
	for _, a := range c.Args[2:] {
		switch {
		case fold(a, "MERGE"):
			merge = true
		case fold(a, "NOFLUSH"):
			flush = false
		case fold(a, "NOSAVE"):
			save = false
		default:
			return ErrReloadOption
		}
	}
	c.NoEffect()
	if save {
		if c.saving.job != nil {
			return ErrSaveRunning
		}
		if err := c.saveNow(); err != nil {
			return ErrPlain // as Redis has it; the log says more
		}
	}
	// Read twice: what cannot be read leaves all as it was. (Redis is empty then, or ends.)
	err := c.readSnapshot(func(*rdb.Batch) error { return nil })
	if err == nil {
		if flush {
			c.replacing(nil, nil)
			c.Empty()
		}
		c.Flushed(nil, 0) // whoever watches or waits for a key is to look again
		put := rdb.PutOptions{Replace: merge}
		err = c.readSnapshot(func(b *rdb.Batch) error {
			_, err := c.StoreBatch(b, put)
			return err
		})
	}
	if err != nil {
		c.Host.Log(config.LogWarning, "DEBUG RELOAD could not load "+c.Cfg.DBFilename+": "+err.Error())
		return ErrReload
	}
	c.Host.Log(config.LogWarning, "DB reloaded by DEBUG RELOAD")
	c.Out.OK()
	return nil
}

// readSnapshot yields what is in the snapshot's file.
func (c *Ctx) readSnapshot(yield func(*rdb.Batch) error) error {
	f, err := c.files().Open(filepath.Join(c.Cfg.Dir, c.Cfg.DBFilename))
	if err != nil {
		return err
	}
	defer f.Close()
	o := rdb.OptionsFor(c.KS)
	o.SkipChecksum = !c.Cfg.RDBChecksum || c.debug.skipChecksum
	_, err = rdb.Decode(f, o, func(b *rdb.Batch) error {
		defer b.Release()
		return yield(b)
	})
	return err
}
