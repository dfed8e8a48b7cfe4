// Package cmd is what clients can say: the table of commands, the gates that every
// command passes, and the handlers, one file per family.
//
// A command is declared where its handler is, above it, with all that can be known
// without running it (Command). Gates, COMMAND, key extraction, statistics and access
// rules read that declaration; there is no second list of names.
//
//	loop --> Prepare (name to Command, once a batch) --> Execute: gates, Run, report
//	                                                        |
//	                                 handler(Ctx) --> db, and Ctx.Out for the reply
//
// The package runs on one goroutine, the executor's. It knows no sockets: what it needs
// of its surroundings is the interface Host. Time comes in through Server.Begin.
package cmd

import (
	"fmt"
	"slices"
	"strings"

	"redust/acl"
	"redust/metrics"
	"redust/resp"
	"redust/scripts"
)

// Flags say how a command may be run.
type Flags uint32

// The flags, named as in COMMAND INFO; those after AllowBusy are not shown there.
const (
	Write Flags = 1 << iota
	ReadOnly
	DenyOOM
	Module
	AdminCmd
	PubSub
	NoScript
	Blocking
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	MayReplicate
	NoMandatoryKeys
	NoAsyncLoading
	NoMulti
	MovableKeys // derived from the key specs
	AllowBusy
	Sentinel
	Protected
	TouchesArbitraryKeys
	InPubSub // allowed to a client in RESP2 that listens to channels
	AtOnce   // run inside of a transaction, not queued
	Lua      // runs scripts
)

// Command is one command or subcommand. The declared part is constant; Stats change.
type Command struct {
	Name  string // lower case; of a subcommand without its parent's
	Arity int    // with the name; negative: at least -Arity
	Run   func(*Ctx) error
	Flags Flags
	ACL   acl.Category // beyond those that follow from Flags
	Keys  []KeySpec
	Doc   Doc
	// Member is the argument that names a member of the collection under the first key, 0 if
	// there is none. A pipeline of such commands on one key has the members looked for ahead.
	Member int
	// FindKeys finds the keys where Keys cannot tell which they are or what is done with
	// them; ok is false if the arguments do not hold the keys they should.
	FindKeys func(args [][]byte, dst []KeyAt) (found []KeyAt, ok bool)
	Subs     []*Command // a container; Run answers when there is no subcommand, and may be nil

	// Declared returns what the script that the command would run has declared of itself.
	Declared func(s *Server, args [][]byte) scripts.Flags

	// Secret tells which arguments must not be shown to others: it calls hide with their
	// places.
	Secret func(s *Server, args [][]byte, hide func(i int))

	Parent   *Command
	FullName string // "client|list"
	ID       int    // place in the table, for bit sets of commands
	Stats    metrics.Command

	first, last, step int // the keys as one range, COMMAND INFO's old form
	subs              map[string]*Command
}

// Doc describes a command for COMMAND DOCS and HELP.
type Doc struct {
	Group, Since, Complexity, Summary string
	Syntax                            string // the arguments after the name, in the notation of the manual
	Deprecated, ReplacedBy            string
	Internal                          bool     // not for clients: doc_flags' syscmd
	Added                             string   // arguments that came after the command: name version ...
	Hints                             []string // COMMAND INFO's tips
	History                           [][2]string
}

// KeyFlags say what a command does with keys.
type KeyFlags uint16

// What happens to the key (exactly one of the first four), and to its value.
const (
	RO KeyFlags = 1 << iota // only read
	RW
	OW // overwritten whatever it was
	RM // removed
	Access
	Update
	Insert
	Delete
	NotKey
	Incomplete
	VariableFlags
)

// KeySpec tells where some of a command's keys are.
type KeySpec struct {
	Flags KeyFlags
	Begin Begin
	Find  Find
	Notes string
}

// Begin is where a KeySpec's keys begin: at argument Index, or after Keyword, searched
// from argument From on (from the end if negative). Both zero: unknown.
type Begin struct {
	Index   int
	Keyword string
	From    int
}

// Find is how far the keys go. With KeyNum, their number stands KeyNumIdx after the
// beginning and the first key First after it. Else they go to Last, counted from the
// beginning or, if negative, from the end of the arguments (-1 the last one); with
// Limit, a negative Last ends after 1/Limit of what remains. Step is the distance from key
// to key; 0: unknown.
type Find struct {
	Last, Step, Limit int
	KeyNum            bool
	KeyNumIdx, First  int
}

// key is one key at argument i.
func key(i int, f KeyFlags) KeySpec { return keys(i, 0, 1, f) }

// keys are the keys from argument i to last, every step-th.
func keys(i, last, step int, f KeyFlags) KeySpec {
	return KeySpec{Flags: f, Begin: Begin{Index: i}, Find: Find{Last: last, Step: step}}
}

// numKeys are keys whose number stands at argument i, in front of them.
func numKeys(i int, f KeyFlags) KeySpec {
	return KeySpec{Flags: f, Begin: Begin{Index: i}, Find: Find{KeyNum: true, First: 1, Step: 1}}
}

// Table is all commands.
type Table struct {
	byName  map[string]*Command
	quick   [quickSize]quickEntry
	ordered []*Command // containers before their subcommands
}

// families lists the functions that declare commands, one a file.
func families() [][]*Command {
	return [][]*Command{
		stringCommands(), stringSetCommands(), counterCommands(), lcsCommands(),
		bitmapCommands(), bitfieldCommands(), hyperloglogCommands(), connectionCommands(),
		genericCommands(), expireCommands(), scanCommands(), objectCommands(),
		authCommands(), clientCommands(), monitorCommands(), hashCommands(),
		hashWriteCommands(), hashExpireCommands(), hashExCommands(), setsCommands(),
		setsAlgebraCommands(), clusterCommands(), commandCommands(), infoCommands(),
		configCommands(), memoryCommands(), slowLogCommands(), latencyCommands(),
		lolwutCommands(), debugCommands(), adminCommands(), saveCommands(), appendCommands(), quitCommands(), listCommands(),
		listWriteCommands(), listMoveCommands(), streamCommands(), streamRangeCommands(),
		streamReadCommands(), streamGroupCommands(), streamClaimCommands(), streamInfoCommands(),
		zsetCommands(), zsetRangeCommands(), zsetPopCommands(), zsetAlgebraCommands(),
		geoCommands(), sortCommands(), multiCommands(), watchCommands(), dumpCommands(), migrateCommands(),
		pubsubCommands(), evalCommands(), functionCommands(),
	}
}

// NewTable builds the table of all commands. Declarations that contradict each other
// are a bug and panic.
func NewTable() *Table {
	t := &Table{byName: make(map[string]*Command)}
	for _, family := range families() {
		for _, c := range family {
			t.add(c, nil)
		}
	}
	t.annotate()
	t.index()
	return t
}

func (t *Table) add(c, parent *Command) {
	c.Parent, c.FullName = parent, c.Name
	if parent != nil {
		c.FullName = parent.Name + "|" + c.Name
	}
	if t.byName[c.FullName] != nil {
		panic("cmd: declared twice: " + c.FullName)
	}
	c.derive()
	c.ID = len(t.ordered)
	t.ordered = append(t.ordered, c)
	t.byName[c.FullName] = c
	if c.Subs == nil {
		return
	}
	c.subs = make(map[string]*Command, len(c.Subs))
	for _, s := range c.Subs {
		t.add(s, c)
		c.subs[s.Name] = s
	}
}

// derive fills in what follows from the declaration.
func (c *Command) derive() {
	if c.Flags&Write != 0 {
		c.ACL |= acl.Write
	}
	if c.Flags&ReadOnly != 0 && c.ACL&acl.Scripting == 0 {
		c.ACL |= acl.Read
	}
	if c.Flags&AdminCmd != 0 {
		c.ACL |= acl.Admin | acl.Dangerous
	}
	if c.Flags&PubSub != 0 {
		c.ACL |= acl.PubSub
	}
	if c.Flags&Blocking != 0 {
		c.ACL |= acl.Blocking
	}
	if c.Flags&Fast != 0 {
		c.ACL |= acl.Fast
	} else {
		c.ACL |= acl.Slow
	}
	c.legacyRange()
}

// Rename gives a command a new name, by which alone it is found from then on, or removes
// it if the new name is empty. The command goes on calling itself by its first name, as
// Redis has it. Case does not matter. It is for the time before the first client. The
// errors are texts for the user.
func (t *Table) Rename(old, new string) error {
	old, new = strings.ToLower(old), strings.ToLower(new)
	c := t.byName[old]
	if c == nil || c.Parent != nil {
		return resp.Error("No such command in rename-command")
	}
	if new != old && t.byName[new] != nil {
		return resp.Error("Target command name already exists")
	}
	if len(new) > longestName {
		return fmt.Errorf("a command name has at most %d bytes", longestName)
	}
	family := append([]*Command{c}, c.Subs...)
	for _, f := range family {
		sub := strings.TrimPrefix(f.FullName, c.FullName) // "" or "|name"
		delete(t.byName, old+sub)
		if new != "" {
			t.byName[new+sub] = f
		}
	}
	if new == "" {
		t.ordered = slices.DeleteFunc(t.ordered, func(o *Command) bool { return slices.Contains(family, o) })
	}
	t.index()
	return nil
}

// All returns every command and subcommand, containers before their subcommands.
func (t *Table) All() []*Command { return t.ordered }

// Named finds a command by its name, or a subcommand by parent|name; lower case.
func (t *Table) Named(full string) *Command { return t.byName[full] }

// Lookup finds the command that the arguments call, case aside: a subcommand if the
// command is a container and has it. It does not allocate.
func (t *Table) Lookup(args [][]byte) *Command {
	c := t.find(args[0])
	if c == nil || c.subs == nil || len(args) < 2 {
		return c
	}
	if s := c.subs[string(lower(args[1]))]; s != nil {
		return s
	}
	return c
}

// quick is a hash table of the names of up to sixteen bytes, looked up without making a
// string: a name becomes two words.
type quickEntry struct {
	a, b uint64
	c    *Command
}

const quickSize = 1024 // a power of two, several times the number of commands

func (t *Table) index() {
	t.quick = [quickSize]quickEntry{}
	for name, c := range t.byName {
		if c.Parent != nil || len(name) > 16 {
			continue
		}
		a, b := words([]byte(name))
		i := slot(a, b)
		for t.quick[i].c != nil {
			i = (i + 1) % quickSize
		}
		t.quick[i] = quickEntry{a, b, c}
	}
}

func (t *Table) find(name []byte) *Command {
	if len(name) > 16 || len(name) == 0 {
		return t.byName[string(lower(name))]
	}
	a, b := words(name)
	for i := slot(a, b); ; i = (i + 1) % quickSize {
		e := &t.quick[i]
		if e.a == a && e.b == b || e.c == nil {
			return e.c
		}
	}
}

// words packs a name of one to sixteen bytes, letters made lower case, into two words.
func words(name []byte) (a, b uint64) {
	for i, ch := range name {
		if ch-'A' < 26 {
			ch |= 0x20
		}
		if ch == 0 {
			return 0, 0 // no name; and not to be taken for the end of one
		}
		if i < 8 {
			a |= uint64(ch) << (8 * i)
		} else {
			b |= uint64(ch) << (8 * (i - 8))
		}
	}
	return a, b
}

func slot(a, b uint64) uint64 {
	return (a ^ b>>3 ^ b<<7) * 0x9e3779b97f4a7c15 >> 54 % quickSize
}

// longestName is more than the length of any command's name, bytes.
const longestName = 64

// lower returns b in lower case; only the ASCII letters change. It copies if it must,
// and a name that is too long for any command becomes one that none has.
func lower(b []byte) []byte {
	if len(b) > longestName {
		return nil
	}
	out := make([]byte, len(b), longestName)
	for i, ch := range b {
		if ch-'A' < 26 {
			ch |= 0x20
		}
		out[i] = ch
	}
	return out
}
