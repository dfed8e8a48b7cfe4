package cmd

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"redust/config"
	"redust/rdb"
	"redust/resp"
)

// DEBUG is for those who test a server: it looks where clients have no business and does
// what no client should. It is refused unless enable-debug-command says otherwise.
//
// To Redis it is one command whose first argument is a word, not a container of commands,
// and so it is to COMMAND and ACL here. Its words are a table all the same: the number of
// arguments is checked, and HELP is printed, from it.
//
// What test suites written for Redis call is here under the same name, with the same
// bytes in reply. What would crash the server on purpose, or shows structures of Redis
// that this server does not have, is not: it is answered as an unknown word.

func debugCommands() []*Command {
	return []*Command{
		{
			Name: "debug", Arity: -2, Run: debug,
			Flags: AdminCmd | NoScript | Loading | Stale | Protected,
			Doc: Doc{Group: "server", Since: "1.0.0", Complexity: "Depends on subcommand.",
				Summary: "Looks inside the server, for those who test it."},
		},
	}
}

// debugWord is one of DEBUG's subcommands.
type debugWord struct {
	name      string // upper case
	min, max  int    // arguments after the name; max -1: any number
	run       func(*Ctx) error
	args, doc string
}

func debugWords() []debugWord {
	return []debugWord{
		{"CHANGE-REPL-ID", 0, 0, debugChangeReplID, "", "Gives the history of the data set a new id."},
		{"DIGEST", 0, 0, debugDigest, "", "Digests the keyspace into 40 hex digits, whatever its order."},
		{"DIGEST-VALUE", 0, -1, debugDigestValue, "<key> [<key> ...]", "Digests the values of some keys, each for itself."},
		{"ERROR", 1, 1, debugError, "<text>", "Replies with this error."},
		{"HTSTATS", 1, 1, debugHTStats, "<dbid>", "Describes the tables of a database."},
		{"HTSTATS-KEY", 1, 1, debugHTStatsKey, "<key>", "Describes the table of a collection."},
		{"JMAP", 0, 0, debugJMap, "", "Writes what the process consumes to the log."},
		{"LOADAOF", 0, 0, debugLoadAOF, "", "Empties the databases and loads the append only file."},
		{"LOG", 1, 1, debugLog, "<message>", "Writes a line to the log."},
		{"OBJECT", 1, 1, debugObject, "<key>", "Describes how a value is held."},
		{"PAUSE-CRON", 1, 1, debugPauseCron, "<0|1>", "Stops what the server does by time, or lets it go on."},
		{"POPULATE", 1, 3, debugPopulate, "<count> [<prefix> [<size>]]",
			"Makes keys <prefix>:0, <prefix>:1 and so on, unless they exist, of the size in bytes. The prefix is key if none is given."},
		{"PROTOCOL", 1, 1, debugProtocol, "<type>",
			"Replies with a value of a type: string integer double bignum null array set map attrib push verbatim true false."},
		{"QUICKLIST-PACKED-THRESHOLD", 1, 1, debugPackedThreshold, "<size>",
			"Sets from which size on an element of a list stands for itself; 0 sets the default."},
		{"RELOAD", 0, -1, debugReload, "[NOSAVE] [NOFLUSH] [MERGE]",
			"Saves the data set, empties it and loads it again; or without one of the first two. MERGE lets keys of the file replace those that exist."},
		{"REPLYBUFFER", 2, 2, debugReplyBuffer, "<PEAK-RESET-TIME NEVER|RESET|time | RESIZING 0|1>",
			"Sets when the buffers for replies may become smaller, in milliseconds, and whether they do."},
		{"SET-ACTIVE-EXPIRE", 1, 1, debugSetActiveExpire, "<0|1>", "Stops the removal of expired keys that nobody looks at, or lets it go on."},
		{"SET-DISABLE-DENY-SCRIPTS", 1, 1, debugSetDenyScripts, "<0|1>", "Lets scripts call every command, or not."},
		{"SET-SKIP-CHECKSUM-VALIDATION", 1, 1, debugSetSkipChecksum, "<0|1>", "Loads payloads whatever their checksum, or not."},
		{"SLEEP", 1, 1, debugSleep, "<seconds>", "Makes the server deaf for a while; fractions are allowed."},
		{"STRINGMATCH-LEN", 2, 2, debugStringMatch, "<pattern> <string>", "Tells whether a glob pattern matches, 1 or 0."},
		{"HELP", 0, 0, debugHelp, "", "Prints this."},
	}
}

// debugSettings is what DEBUG has set.
type debugSettings struct {
	skipChecksum     bool   // load what has a wrong checksum
	allowInScripts   bool   // NoScript does not count
	packedThreshold  uint64 // bytes, 0: the default
	replyPeakResetMs int64  // -1: never, 0: the default
	resizeReplies    bool   // set by REPLYBUFFER RESIZING
}

func debug(c *Ctx) error {
	n := c.Argc() - 2
	for _, w := range debugWords() {
		if fold(c.Arg(1), w.name) && n >= w.min && (w.max < 0 || n <= w.max) {
			return w.run(c)
		}
	}
	return errSubSyntax(c)
}

func debugHelp(c *Ctx) error {
	words := debugWords()
	c.Out.Array(1 + 2*len(words))
	c.Out.Status("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, w := range words {
		c.Out.Status(strings.TrimSpace(w.name + " " + w.args))
		c.Out.Status("    " + w.doc)
	}
	return nil
}

// setFlag assigns argument i to a flag: 0 clears it.
func (c *Ctx) setFlag(i int, p *bool) error {
	n, err := c.Int(i)
	if err != nil {
		return err
	}
	*p = n != 0
	c.Out.OK()
	return nil
}

func debugPauseCron(c *Ctx) error       { return c.setFlag(2, &c.CronPaused) }
func debugSetActiveExpire(c *Ctx) error { return c.setFlag(2, &c.ActiveExpire) }
func debugSetSkipChecksum(c *Ctx) error { return c.setFlag(2, &c.debug.skipChecksum) }
func debugSetDenyScripts(c *Ctx) error  { return c.setFlag(2, &c.debug.allowInScripts) }

func debugChangeReplID(c *Ctx) error {
	c.newReplicationID()
	c.Out.OK()
	return nil
}

func debugSleep(c *Ctx) error {
	const longest = 1e9 // seconds
	f, err := c.Float(2)
	if err != nil {
		return err
	}
	if f > 0 {
		c.Host.Sleep(int64(min(f, longest) * 1e9))
	}
	c.Out.OK()
	return nil
}

func debugLog(c *Ctx) error {
	c.Host.Log(config.LogWarning, "DEBUG LOG: "+string(c.Arg(2)))
	c.Out.OK()
	return nil
}

func debugError(c *Ctx) error { return resp.Error(c.Arg(2)) }

// debugJMap logs what a heap dump would be asked for first.
func debugJMap(c *Ctx) error {
	p := c.Host.Process()
	c.Host.Log(config.LogNotice, fmt.Sprintf(
		"process %d: resident %s, at most %s; heap %s in use, %s idle; runtime %s; %d collections; %d goroutines, %d threads; data set %s in %d keys, clients %s",
		p.PID, humanBytes(p.RSS), humanBytes(p.PeakRSS), humanBytes(p.HeapLive), humanBytes(p.HeapIdle), humanBytes(p.RuntimeOther),
		p.Collections, p.Goroutines, p.Threads, humanBytes(c.KS.Bytes()), c.KS.Len(), humanBytes(c.ClientsMemory)))
	c.Out.OK()
	return nil
}

func debugDigest(c *Ctx) error {
	d := c.digestAll()
	c.Out.Status(hex.EncodeToString(d[:]))
	return nil
}

func debugDigestValue(c *Ctx) error {
	c.Out.Array(c.Argc() - 2)
	for _, key := range c.Args[2:] {
		var d dataDigest
		if it := c.DB.Peek(key); it.OK() {
			d.value(it)
		}
		c.Out.Status(hex.EncodeToString(d[:]))
	}
	return nil
}

// debugObject describes a value in the one line that Redis's tests take apart. The
// address is that of the bytes, which moves as its page changes.
func debugObject(c *Ctx) error {
	it := c.DB.Peek(c.Arg(2))
	if !it.OK() {
		return ErrNoKey
	}
	b := it.Bytes()
	c.Out.Status(fmt.Sprintf("Value at:%p refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d%s",
		b, c.refCount(it), it.Encoding(), rdb.ValueLen(it, c.Cfg.RDBCompression), it.Access(), it.IdleMs()/1000, c.quickNodes(it)))
	return nil
}

// debugPopulate makes string keys; those that exist stay as they are.
func debugPopulate(c *Ctx) error {
	count, err := c.positive(2)
	if err != nil {
		return err
	}
	prefix, size := []byte("key"), int64(0)
	if c.Argc() > 3 {
		prefix = c.Arg(3)
	}
	if c.Argc() > 4 {
		if size, err = c.positive(4); err != nil {
			return err
		}
		if size > c.Cfg.ProtoMaxBulkLen {
			return ErrTooLong
		}
	}
	var key []byte
	val := make([]byte, max(size, 32))
	for i := range count {
		key = strconv.AppendInt(append(append(key[:0], prefix...), ':'), i, 10)
		if c.DB.Has(key) {
			continue
		}
		text := strconv.AppendInt(append(val[:0], "value:"...), i, 10)
		if size > 0 {
			text = val[:size] // cut, or filled up: what follows the text was never written to
		}
		c.DB.SetString(key, text, 0, 0)
		c.Changed(c.DB, key, "")
		c.setEffect(key, text, 0)
	}
	c.Out.OK()
	return nil
}

// positive reads argument i as a number of at least 0.
func (c *Ctx) positive(i int) (int64, error) {
	n, err := c.Int(i)
	if err != nil || n < 0 {
		return 0, ErrPositive
	}
	return n, nil
}

func debugPackedThreshold(c *Ctx) error {
	const most = 4<<30 - 1<<20 // bytes
	n, ok := config.ParseMemory(string(c.Arg(2)))
	if !ok || n > most {
		return ErrPacked
	}
	c.debug.packedThreshold = n
	c.Out.OK()
	return nil
}

// debugReplyBuffer keeps the settings. Buffers for replies shrink when they are handed
// back, not by time, so nothing else follows from them.
func debugReplyBuffer(c *Ctx) error {
	switch {
	case fold(c.Arg(2), "RESIZING"):
		return c.setFlag(3, &c.debug.resizeReplies)
	case !fold(c.Arg(2), "PEAK-RESET-TIME"):
		return errSubSyntax(c)
	case fold(c.Arg(3), "NEVER"):
		c.debug.replyPeakResetMs = -1
	case fold(c.Arg(3), "RESET"):
		c.debug.replyPeakResetMs = 0
	default:
		n, err := c.Int(3)
		if err != nil {
			return err
		}
		c.debug.replyPeakResetMs = n
	}
	c.Out.OK()
	return nil
}

// debugHTStats describes the two tables of a database under the headings that Redis's
// two have: the keys, and the appointments of those that have a deadline.
func debugHTStats(c *Ctx) error {
	n, err := c.Int(2)
	if err != nil {
		return err
	}
	if n < 0 || n >= int64(c.KS.DBs()) {
		return ErrDebugDB
	}
	const none = "No stats available for empty dictionaries\n"
	d := c.KS.DB(int(n))
	var b bytes.Buffer
	b.WriteString("[Dictionary HT]\nHash table 0 stats (main hash table):\n")
	if d.Len() == 0 {
		b.WriteString(none)
	} else {
		s := d.Shape()
		slots := s.Pages * (len(s.Fill) - 1)
		fmt.Fprintf(&b, " table size: %d\n number of elements: %d\n", slots, d.Len())
		fmt.Fprintf(&b, " pages: %d\n directories: %d\n depth: %d bits\n slabs: %d bytes, %d of them dead\n", s.Pages, s.Directories, s.MaxDepth, s.SlabBytes, s.DeadBytes)
		b.WriteString(" Pages by entries:\n")
		for i, pages := range s.Fill {
			if pages > 0 {
				fmt.Fprintf(&b, "   %d: %d (%.2f%%)\n", i, pages, 100*float64(pages)/float64(s.Pages))
			}
		}
	}
	b.WriteString("[Expires HT]\nHash table 0 stats (main hash table):\n")
	if d.Timed() == 0 {
		b.WriteString(none)
	} else {
		_, timed := d.Overhead()
		fmt.Fprintf(&b, " number of elements: %d\n appointments: %d bytes\n", d.Timed(), timed)
	}
	c.Out.Verbatim("txt", b.String())
	return nil
}

// debugHTStatsKey finds no table: a string has none.
func debugHTStatsKey(c *Ctx) error {
	if !c.DB.Peek(c.Arg(2)).OK() {
		return ErrNoKey
	}
	return ErrNoHTable
}
