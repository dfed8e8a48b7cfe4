package cmd

import (
	"redust/acl"
	"redust/config"
	"redust/rdb"
)

// DUMP and RESTORE. A payload is one value as an RDB file has it, with the version of the
// format and a checksum behind it:
//
//	type | value | version (2 bytes) | CRC-64 (8 bytes)
//
// It may come from a client that made it up, so it is not trusted in anything: RESTORE
// decodes all of it and looks at every length and every order before a key is touched.
// There is no way around that (sanitize-dump-payload is accepted and means nothing), since a
// value that is wrong inside would be met later, by a command that has done no wrong.

func dumpCommands() []*Command {
	return []*Command{
		{
			Name: "dump", Arity: 2, Run: dump,
			Flags: ReadOnly, ACL: acl.Keyspace,
			Keys: []KeySpec{key(1, RO|Access)},
			Doc: Doc{Group: "generic", Since: "2.6.0", Complexity: "O(N) where N is the size of the value",
				Summary: "Returns a value in a form that RESTORE takes.", Syntax: "key"},
		},
		{
			Name: "restore", Arity: -4, Run: restore,
			Flags: Write | DenyOOM, ACL: acl.Keyspace | acl.Dangerous,
			Keys: []KeySpec{key(1, OW|Update)},
			Doc: Doc{Group: "generic", Since: "2.6.0", Complexity: "O(N) where N is the size of the value; O(N*log(N)) for a sorted set",
				Summary: "Makes a key of what DUMP returned.",
				Syntax:  "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]"},
		},
	}
}

// dump replies nil for a missing key.
func dump(c *Ctx) error {
	it := c.DB.Get(c.Arg(1))
	if !it.OK() {
		c.Out.Null()
		return nil
	}
	c.Out.Bulk(rdb.Dump(nil, it, c.Cfg.RDBCompression))
	return nil
}

// restoreOptions are what follows the payload.
type restoreOptions struct {
	replace, absolute bool
	access            rdb.Access
}

func readRestoreOptions(c *Ctx) (restoreOptions, error) {
	opt := restoreOptions{access: rdb.AccessUnknown}
	o := c.Opts(4)
	for o.Next() {
		switch {
		case o.Is("REPLACE"):
			opt.replace = true
		case o.Is("ABSTTL"):
			opt.absolute = true
		case o.Is("IDLETIME") && opt.access.Freq < 0:
			if opt.access.Idle = o.Int(); o.Err == nil && opt.access.Idle < 0 {
				o.Fail(ErrIdleTime)
			}
		case o.Is("FREQ") && opt.access.Idle < 0:
			n := o.Int()
			if o.Err == nil && (n < 0 || n > 255) {
				o.Fail(ErrFreq)
			}
			opt.access.Freq = int(n)
		default:
			o.Fail(ErrSyntax)
		}
	}
	return opt, o.Err
}

// restore replies OK. A deadline that is over leaves no key, but takes away the one it was
// to replace.
func restore(c *Ctx) error {
	key := c.Arg(1)
	opt, err := readRestoreOptions(c)
	if err != nil {
		return err
	}
	if !opt.replace && c.DB.ForWrite(key).OK() {
		return ErrBusyKey
	}
	at, err := c.Int(2)
	if err != nil {
		return err
	}
	if at < 0 {
		return ErrTTL
	}
	o := rdb.OptionsFor(c.KS)
	o.SkipChecksum = c.debug.skipChecksum
	v, err := rdb.DecodePayload(c.Arg(3), o)
	if err != nil {
		return c.refusePayload(err)
	}
	if at != 0 && !opt.absolute {
		at += c.KS.Now()
	}
	if at != 0 && c.KS.Past(at) && !c.KS.Frozen {
		if opt.replace && c.DB.Delete(key) {
			c.Changed(c.DB, key, "del")
			c.Rewrite(2).Str("DEL").Arg(key)
		}
		c.Out.OK()
		return nil
	}
	if err := v.Put(c.DB, key, at, opt.access); err != nil {
		return c.refusePayload(err)
	}
	if at != 0 && !opt.absolute {
		c.Rewrite(len(c.Args) + 1).Args(c.Args[:2]).Int(at).Args(c.Args[3:]).Str("ABSTTL")
	}
	c.Changed(c.DB, key, "restore")
	c.Out.OK()
	return nil
}

// refusePayload is the reply to a payload that cannot be used. What exactly is wrong is
// nothing that a client can read, so it goes to the log of those who want to know.
func (c *Ctx) refusePayload(err error) error {
	if err == rdb.ErrChecksum {
		return ErrPayload
	}
	c.Host.Log(config.LogVerbose, "A payload was refused: "+err.Error())
	return ErrPayloadData
}
