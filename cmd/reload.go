package cmd

import (
	"redust/config"
	"redust/internal/disk"
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
		if err := c.saveForReload(); err != nil {
			c.Host.Log(config.LogWarning, "DEBUG RELOAD could not save: "+err.Error())
			return ErrPlain
		}
	}
	if flush {
		c.KS.Flush()
	}
	c.Flushed(nil, 0) // whoever watches or waits for a key is to look again
	o := rdb.OptionsFor(c.KS)
	o.SkipChecksum = !c.Cfg.RDBChecksum || c.debug.skipChecksum
	_, err := rdb.ReadFile(c.Cfg.DBFilename, o, func(b *rdb.Batch) error {
		defer b.Release()
		_, err := c.StoreBatch(b, rdb.PutOptions{Replace: merge})
		return err
	})
	if err != nil {
		c.Host.Log(config.LogWarning, "DEBUG RELOAD could not load "+c.Cfg.DBFilename+": "+err.Error())
		return ErrReload
	}
	c.Host.Log(config.LogWarning, "DB reloaded by DEBUG RELOAD")
	c.Out.OK()
	return nil
}

// saveForReload writes the snapshot's file while everybody waits.
func (c *Ctx) saveForReload() error {
	snap := rdb.Take(c.KS)
	defer snap.Release()
	_, err := rdb.WriteFile(disk.OS{}, c.Cfg.DBFilename, snap, rdb.WriteOptions{
		Compress: c.Cfg.RDBCompression, Checksum: c.Cfg.RDBChecksum,
		Aux: rdb.AuxFields(config.RedisVersion, c.NowUs()/1e6, c.UsedMemory(), false),
	})
	if err == nil {
		c.Server.Dirty = 0
	}
	return err
}
