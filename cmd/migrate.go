package cmd

import (
	"bytes"
	"math"
	"strconv"

	"redust/acl"
	"redust/rdb"
	"redust/resp"
)

// MIGRATE. Keys go to another server by way of their DUMP payloads, and are removed here
// once that server has said that it has them.
//
//	executor           the keys' payloads and deadlines are taken     prepare
//	a goroutine        AUTH, SELECT, RESTORE ... ; its replies        Host.Transfer
//	executor           what was taken and is as it was, is removed    finish
//
// Redis waits for the network with everybody else. Here others go on, and that leaves one
// question: what if a key changes between the first step and the last? Then the other
// server has a value that is out of date, and removing ours would lose the change. So the
// payload is made once more and compared; a key that changed stays, and the reply is an
// error that says so. A key that is gone by then needs no removing. In MULTI and in scripts
// nothing can come between, and everybody waits, as in Redis.
//
// Costs: the payloads of all keys in memory at once, as in Redis; each made twice.

func migrateCommands() []*Command {
	return []*Command{
		{
			Name: "migrate", Arity: -6, Run: migrate, FindKeys: migrateKeys, Secret: migrateSecrets,
			Flags: Write, ACL: acl.Keyspace | acl.Dangerous,
			Keys: []KeySpec{key(3, RW|Access|Delete),
				{Flags: RW | Access | Delete | Incomplete, Begin: Begin{Keyword: "KEYS", From: -2}, Find: Find{Last: -1, Step: 1}}},
			Doc: Doc{Group: "generic", Since: "2.6.0",
				Complexity: "O(N) where N is the size of the values, here twice and once on the other server",
				Summary:    "Moves keys to another server.",
				Syntax: "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] " +
					"[<AUTH password | AUTH2 username password>] [KEYS key [KEYS key ...]]",
				Hints: []string{"nondeterministic_output"},
				Added: "copy 3.0.0 replace 3.0.0 auth 4.0.7 auth2 6.0.0 keys 3.0.6",
				History: [][2]string{
					{"3.0.0", "Takes COPY and REPLACE."},
					{"3.0.6", "Takes KEYS."},
					{"4.0.7", "Takes AUTH."},
					{"6.0.0", "Takes AUTH2."},
				}},
		},
	}
}

// migrateKeys finds the key, or those after KEYS if it is empty.
func migrateKeys(args [][]byte, dst []KeyAt) ([]KeyAt, bool) {
	const flags = RW | Access | Delete
	if len(args) < 4 {
		return dst, false
	}
	for i := 6; i < len(args) && len(args[3]) == 0; i++ {
		switch {
		case fold(args[i], "AUTH"):
			i++
		case fold(args[i], "AUTH2"):
			i += 2
		case fold(args[i], "KEYS"):
			for i++; i < len(args); i++ {
				dst = append(dst, KeyAt{i, flags})
			}
			return dst, true
		}
	}
	return append(dst, KeyAt{3, flags}), true
}

// migrateSecrets hides user and password.
func migrateSecrets(_ *Server, args [][]byte, hide func(int)) {
	for i := 6; i < len(args); i++ {
		switch {
		case fold(args[i], "AUTH"):
			i++
			hide(i)
		case fold(args[i], "AUTH2"):
			hide(i + 1)
			hide(i + 2)
			i += 2
		case fold(args[i], "KEYS") && len(args[3]) == 0:
			return
		}
	}
}

// Transfer is keys on their way to another server: what is to be sent, and what came of it.
type Transfer struct {
	Host, Port string
	TimeoutMs  int64  // for each step of it, not for all of it
	Auth       []byte // the request, or nil
	DB         int64  // to be selected, as the connection may be in another
	Restores   []byte // as many requests as Stored is long
	Stored     []bool // which of them the other server has said OK to

	Refused string       // its first error reply
	Trouble TransferStep // where the connection failed
}

// TransferStep is a step of a Transfer.
type TransferStep uint8

// The steps. Stepped is none: nothing failed.
const (
	Stepped TransferStep = iota
	Connecting
	Writing
	Reading
)

// migration is a MIGRATE under way.
type migration struct {
	t    Transfer
	copy bool // the keys stay
	keys []migrant
}

// migrant is a key that is being moved.
type migrant struct {
	key      []byte
	expireAt int64
	from, to int // where in Restores its payload is
}

// migrate replies OK, or NOKEY if none of the keys exists.
func migrate(c *Ctx) error {
	m, ok := c.Awaited().(*migration)
	if !ok {
		var err error
		if m, err = newMigration(c); err != nil {
			return err
		}
		if m == nil {
			c.Out.Status("NOKEY")
			return nil
		}
		if !c.Await(m, func() { c.Host.Transfer(&m.t) }) {
			return nil
		}
	}
	return m.finish(c)
}

// newMigration reads the arguments and takes the payloads; nil if there is nothing to move.
func newMigration(c *Ctx) (*migration, error) {
	m := &migration{t: Transfer{Host: string(c.Arg(1)), Port: string(c.Arg(2))}}
	replace := false
	named := c.Args[3:4]
	o := c.Opts(6)
options:
	for o.Next() {
		switch {
		case o.Is("COPY"):
			m.copy = true
		case o.Is("REPLACE"):
			replace = true
		case o.Is("AUTH"):
			m.t.Auth = appendRequest(nil, "AUTH", o.Value())
		case o.Is("AUTH2"):
			if o.Left() < 2 {
				return nil, ErrSyntax
			}
			m.t.Auth = appendRequest(nil, "AUTH", o.Value(), o.Value())
		case o.Is("KEYS"):
			if len(c.Arg(3)) > 0 {
				return nil, ErrMigrateKeys
			}
			named = c.Args[c.Argc()-o.Left():]
			break options
		default:
			o.Fail(ErrSyntax)
		}
	}
	if o.Err != nil {
		return nil, o.Err
	}
	timeoutMs, ok := resp.ParseInt(c.Arg(5))
	dbID, ok2 := resp.ParseInt(c.Arg(4))
	if !ok || !ok2 {
		return nil, ErrNotInt
	}
	if timeoutMs <= 0 {
		timeoutMs = 1000
	}
	m.t.TimeoutMs, m.t.DB = min(timeoutMs, math.MaxInt32), dbID
	for _, key := range named {
		m.add(c, key, replace)
	}
	if len(m.keys) == 0 {
		return nil, nil
	}
	m.t.Stored = make([]bool, len(m.keys))
	return m, nil
}

// add puts the request for one key with the others, if there is such a key.
func (m *migration) add(c *Ctx, key []byte, replace bool) {
	it := c.DB.Get(key)
	if !it.OK() {
		return
	}
	ttl := int64(0)
	if at := it.ExpireAt(); at != 0 {
		ttl = max(at-c.KS.Now(), 1)
	}
	k := migrant{key: bytes.Clone(key), expireAt: it.ExpireAt()}
	payload := rdb.Dump(nil, it, c.Cfg.RDBCompression)
	words := [][]byte{[]byte("RESTORE"), key, strconv.AppendInt(nil, ttl, 10), payload}
	b := m.t.Restores
	n := len(words)
	if replace {
		n++
	}
	b = appendHead(b, n)
	for _, w := range words {
		b = appendWord(b, w)
	}
	k.to = len(b) - len("\r\n")
	k.from = k.to - len(payload)
	if replace {
		b = appendWord(b, "REPLACE")
	}
	m.t.Restores = b
	m.keys = append(m.keys, k)
}

// finish removes what the other server has, and replies.
func (m *migration) finish(c *Ctx) error {
	changed := false
	var gone [][]byte
	var now []byte // a payload
	for i := range m.keys {
		k := &m.keys[i]
		if !m.t.Stored[i] || m.copy {
			continue
		}
		it := c.DB.Peek(k.key)
		if !it.OK() {
			continue
		}
		now = rdb.Dump(now[:0], it, c.Cfg.RDBCompression)
		if it.ExpireAt() != k.expireAt || !bytes.Equal(now, m.t.Restores[k.from:k.to]) {
			changed = true
			continue
		}
		c.DB.Delete(k.key)
		c.Changed(c.DB, k.key, "del")
		gone = append(gone, k.key)
	}
	if len(gone) > 0 {
		c.Rewrite(1 + len(gone)).Str("DEL").Args(gone)
	} else {
		c.NoEffect()
	}
	switch {
	case m.t.Refused != "":
		return errTarget(m.t.Refused)
	case m.t.Trouble == Connecting:
		return ErrMigrateConnect
	case m.t.Trouble == Writing:
		return ErrMigrateWrite
	case m.t.Trouble == Reading:
		return ErrMigrateRead
	case changed:
		return ErrMigrateChanged
	}
	c.Out.OK()
	return nil
}

// appendRequest appends a request: a name and arguments.
func appendRequest(b []byte, name string, args ...[]byte) []byte {
	b = appendWord(appendHead(b, 1+len(args)), name)
	for _, a := range args {
		b = appendWord(b, a)
	}
	return b
}

// appendHead appends the beginning of a request of n words.
func appendHead(b []byte, n int) []byte {
	return append(strconv.AppendInt(append(b, '*'), int64(n), 10), '\r', '\n')
}
