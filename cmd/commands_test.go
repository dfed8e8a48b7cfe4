package cmd

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redust/acl"
)

// The declarations are compared with testdata/commands.tsv, a list of what Redis 7.2 and
// its successors declare, a line a command:
//
//	name group since arity flags acl_categories key_specs arguments
//
// and, in commands_oracle_test.go, with what a server says that runs.

// later reads the names of the rows that no family declares yet. A row that is neither
// declared nor among them fails, and so does one that is both.
func later(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/commands-later")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, n := range strings.Fields(string(text)) {
		names[n] = true
	}
	return names
}

// extra are declared and have no row, with the reason.
func extra() map[string]string {
	return map[string]string{
		"cluster":   "the list is of servers that stand alone; this one answers that it is no cluster",
		"readonly":  "as cluster",
		"readwrite": "as cluster",
		"asking":    "as cluster",
		"module":    "clients ask for the list of modules, which is empty",
		"delifeq":   "from a successor, as the string family says",
		"hgetex":    "from a successor, Redis 8.0",
		"hsetex":    "as hgetex",
		"hgetdel":   "as hgetex",
	}
}

// row is a line of the list.
type row struct {
	name, group, since, flags, cats, keys, args string
	arity                                       int
}

func (r row) full() string { return strings.ToLower(strings.ReplaceAll(r.name, " ", "|")) }

func rows(t testing.TB) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/commands.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out []row
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 8 {
			t.Fatalf("commands.tsv:%d: %d fields", i+2, len(f))
		}
		arity, err := strconv.Atoi(f[3])
		if err != nil {
			t.Fatalf("commands.tsv:%d: %v", i+2, err)
		}
		out = append(out, row{name: f[0], group: f[1], since: f[2], arity: arity, flags: f[4], cats: f[5], keys: f[6], args: f[7]})
	}
	return out
}

// declaration is what a row says, as a Command without a handler.
func (r row) declaration() (*Command, error) {
	c := &Command{FullName: r.full(), Arity: r.arity, Doc: Doc{Group: r.group, Since: r.since, Syntax: r.args}}
	c.Name = c.FullName[strings.LastIndexByte(c.FullName, '|')+1:]
	flags := map[string]Flags{
		"WRITE": Write, "READONLY": ReadOnly, "DENYOOM": DenyOOM, "ADMIN": AdminCmd, "PUBSUB": PubSub, "NOSCRIPT": NoScript,
		"BLOCKING": Blocking, "LOADING": Loading, "STALE": Stale, "SKIP_MONITOR": SkipMonitor, "SKIP_SLOWLOG": SkipSlowlog,
		"FAST": Fast, "NO_AUTH": NoAuth, "MAY_REPLICATE": MayReplicate, "NO_MANDATORY_KEYS": NoMandatoryKeys,
		"NO_ASYNC_LOADING": NoAsyncLoading, "NO_MULTI": NoMulti, "ALLOW_BUSY": AllowBusy, "SENTINEL": Sentinel,
		"PROTECTED": Protected, "TOUCHES_ARBITRARY_KEYS": TouchesArbitraryKeys,
	}
	for _, f := range split(r.flags, ",") {
		if flags[f] == 0 {
			return nil, fmt.Errorf("flag %q", f)
		}
		c.Flags |= flags[f]
	}
	for _, name := range split(r.cats, ",") {
		cat, ok := acl.Parse(strings.ToLower(name))
		if !ok {
			return nil, fmt.Errorf("category %q", name)
		}
		c.ACL |= cat
	}
	for _, text := range split(r.keys, " | ") {
		k, err := readSpec(text)
		if err != nil {
			return nil, err
		}
		c.Keys = append(c.Keys, k)
	}
	c.derive()
	return c, nil
}

func split(s, sep string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, sep)
}

// readSpec reads a key spec: begin;find;FLAGS.
func readSpec(text string) (KeySpec, error) {
	var k KeySpec
	f := strings.Split(text, ";")
	if len(f) != 3 {
		return k, fmt.Errorf("key spec %q", text)
	}
	var err error
	scan := func(s, format string, into ...any) {
		if _, e := fmt.Sscanf(s, format, into...); e != nil {
			err = fmt.Errorf("key spec %q: %w", text, e)
		}
	}
	switch kind, _, _ := strings.Cut(f[0], ":"); kind {
	case "index":
		scan(f[0], "index:%d", &k.Begin.Index)
	case "keyword":
		scan(strings.ReplaceAll(f[0], "@", " "), "keyword:%s %d", &k.Begin.Keyword, &k.Begin.From)
	case "unknown":
	default:
		return k, fmt.Errorf("key spec %q", text)
	}
	switch kind, _, _ := strings.Cut(f[1], ":"); kind {
	case "range":
		scan(f[1], "range:last=%d,step=%d,limit=%d", &k.Find.Last, &k.Find.Step, &k.Find.Limit)
	case "keynum":
		k.Find.KeyNum = true
		scan(f[1], "keynum:idx=%d,first=%d,step=%d", &k.Find.KeyNumIdx, &k.Find.First, &k.Find.Step)
	case "unknown":
	default:
		return k, fmt.Errorf("key spec %q", text)
	}
	flags := map[string]KeyFlags{"RO": RO, "RW": RW, "OW": OW, "RM": RM, "ACCESS": Access, "UPDATE": Update, "INSERT": Insert,
		"DELETE": Delete, "NOT_KEY": NotKey, "INCOMPLETE": Incomplete, "VARIABLE_FLAGS": VariableFlags}
	for _, n := range strings.Split(f[2], ",") {
		if flags[n] == 0 {
			return k, fmt.Errorf("key flag %q", n)
		}
		k.Flags |= flags[n]
	}
	return k, err
}

// TestDeclarations compares every declaration with its row.
func TestDeclarations(t *testing.T) {
	table := NewTable()
	seen := make(map[string]bool)
	missing := later(t)
	absent := 0
	for _, r := range rows(t) {
		seen[r.full()] = true
		want, err := r.declaration()
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		got := table.Named(r.full())
		if got == nil {
			absent++
			if !missing[r.full()] {
				t.Errorf("%s (%s) is not declared", r.full(), r.group)
			}
			continue
		}
		if missing[r.full()] {
			t.Errorf("%s is declared: take it out of testdata/commands-later", r.full())
		}
		diff := func(what string, g, w any) {
			if fmt.Sprint(g) != fmt.Sprint(w) {
				t.Errorf("%s: %s: declared %v, the list has %v", r.name, what, g, w)
			}
		}
		diff("arity", got.Arity, want.Arity)
		diff("flags", allFlags(got.Flags), allFlags(want.Flags))
		diff("categories", got.ACL.List(), want.ACL.List())
		diff("group", got.Doc.Group, want.Doc.Group)
		diff("since", got.Doc.Since, want.Doc.Since)
		diff("arguments", got.Doc.Syntax, want.Doc.Syntax)
		specs := slices.Clone(got.Keys)
		for i := range specs {
			specs[i].Notes = ""
		}
		diff("key specs", specs, want.Keys)
	}
	t.Logf("%d of %d rows are not declared yet", absent, len(seen))
	for name := range missing {
		if !seen[name] {
			t.Errorf("testdata/commands-later has %s, which the list has not", name)
		}
	}
	for _, c := range table.All() {
		if !seen[c.FullName] && extra()[family(c.FullName)] == "" {
			t.Errorf("%s is declared, but neither the list nor extra() has it", c.FullName)
		}
	}
}

// family is a full name without its subcommand.
func family(full string) string {
	name, _, _ := strings.Cut(full, "|")
	return name
}

// allFlags are the numbers of the flags that are set, those without a name included.
func allFlags(f Flags) []string {
	out := flagNames(f)
	for _, n := range []struct {
		flag Flags
		name string
	}{{MayReplicate, "may_replicate"}, {Sentinel, "sentinel"}, {Protected, "protected"}, {TouchesArbitraryKeys, "touches_arbitrary_keys"}} {
		if f&n.flag != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// TestDeclaredWhole holds what each declaration must have, and what cannot stand beside
// what.
func TestDeclaredWhole(t *testing.T) {
	for _, c := range NewTable().All() {
		d := c.Doc
		if d.Group == "" || d.Since == "" || d.Summary == "" {
			t.Errorf("%s: the description is not complete: %+v", c.FullName, d)
		}
		if c.Run == nil && c.Subs == nil {
			t.Errorf("%s has no handler", c.FullName)
		}
		if c.Subs != nil && c.subs["help"] == nil {
			t.Errorf("%s has no HELP", c.FullName)
		}
		if c.Flags&Write != 0 && c.Flags&ReadOnly != 0 {
			t.Errorf("%s both writes and is read-only", c.FullName)
		}
		if (d.Deprecated != "") != (d.ReplacedBy != "") {
			t.Errorf("%s: deprecated %q, replaced by %q", c.FullName, d.Deprecated, d.ReplacedBy)
		}
		for _, k := range c.Keys {
			if k.Flags&(RO|RW|OW|RM)&(k.Flags&(RO|RW|OW|RM)-1) != 0 || k.Flags&(RO|RW|OW|RM|NotKey) == 0 {
				t.Errorf("%s: a key is exactly one of RO RW OW RM", c.FullName)
			}
			unclear := k.Flags&(VariableFlags|Incomplete) != 0 || k.Begin == (Begin{})
			if unclear && c.FindKeys == nil {
				t.Errorf("%s: its key specs do not tell all, but there is no FindKeys", c.FullName)
			}
		}
	}
}

// TestFactsHaveCommands holds that no fact is about a command that nobody knows, which
// would be left out silently.
func TestFactsHaveCommands(t *testing.T) {
	known := make(map[string]bool)
	for _, r := range rows(t) {
		known[r.full()] = true
	}
	declared := make(map[string]Doc)
	for _, fam := range families() {
		for _, c := range fam {
			declared[c.Name] = c.Doc
			for _, sub := range c.Subs {
				declared[c.Name+"|"+sub.Name] = sub.Doc
			}
		}
	}
	v := newVocabulary()
	table := NewTable()
	seen := make(map[string]bool)
	for _, f := range facts() {
		d := declared[f.name]
		if f.hints != "" && d.Hints != nil || f.history != nil && d.History != nil || f.added != "" && d.Added != "" {
			t.Errorf("%s: both the declaration and facts() tell it", f.name)
		}
		if !known[f.name] && extra()[family(f.name)] == "" || seen[f.name] {
			t.Errorf("%s: unknown, or twice", f.name)
		}
		seen[f.name] = true
		if c := table.Named(f.name); c != nil {
			names := make(map[string]bool)
			each(c.arguments(v), func(a *argument) { names[a.name] = true })
			for name := range versions(c.Doc.Added) {
				if !names[name] {
					t.Errorf("%s: %q is said to have come later, but is no argument", f.name, name)
				}
			}
		}
	}
}

// each calls yield for all arguments of a tree.
func each(args []argument, yield func(*argument)) {
	for i := range args {
		yield(&args[i])
		each(args[i].sub, yield)
	}
}

// TestSyntaxRoundTrip holds that the notation of every row is read to its end: what was
// read says the same.
func TestSyntaxRoundTrip(t *testing.T) {
	for _, r := range rows(t) {
		if got := render(parse(r.args)); got != r.args {
			t.Errorf("%s: %q was read as %q", r.name, r.args, got)
		}
	}
}

// TestArguments pins the tree for each shape that the notation has.
func TestArguments(t *testing.T) {
	for _, r := range []struct{ full, syntax, want string }{
		{"x", "", ""},
		{"get", "key", "key:key#0"},
		{"mget", "key [key ...]", "key:key#0*"},
		{"mset", "key value [key value ...]", "data:block*(key:key#0 value:string)"},
		{"x", "[<NX | XX>]", "condition:oneof?(nx:pure-token=NX xx:pure-token=XX)"},
		{"x", "[DB destination-db]", "destination-db:integer=DB?"},
		{"x", "[LIMIT offset count]", "limit:block=LIMIT?(offset:integer count:integer)"},
		{"x", "[COUNT count [ANY]]", "count-block:block?(count:integer=COUNT any:pure-token=ANY?)"}, // the token is the value's
		{"x", "[PREFIX prefix [PREFIX prefix ...]]", "prefix:string=PREFIX?*!"},
		{"x", "[WEIGHTS weight [WEIGHTS weight ...]]", "weight:integer=WEIGHTS?*"}, // one token for all
		{"x", "[command-name [command-name ...]]", "command-name:string?*"},
		{"x", "STREAMS key [key ...] ID [ID ...]", "streams:block=STREAMS(key:key#0* id:string*)"}, // ID is no token here
		{"x", "<host port | NO ONE>", "args:oneof(host-port:block(host:string port:integer) no-one:block(no:pure-token=NO one:pure-token=ONE))"},
		{"x", "[ALPHA] [STORE destination]", "sorting:pure-token=ALPHA? destination:key=STORE#0?"},
		{"x", "[TYPE <normal | master>]", "client-type:oneof=TYPE?(normal:pure-token=normal master:pure-token=master)"},
		{"x", `<key | "">`, "key-:oneof(key:key#0 empty-string:pure-token=)"},
	} {
		c := Command{FullName: r.full, Keys: []KeySpec{key(1, RO)}, Doc: Doc{Syntax: r.syntax}}
		if got := sketch(c.arguments(newVocabulary())); got != r.want {
			t.Errorf("%s %s\n is %s\nnot %s", r.full, r.syntax, got, r.want)
		}
	}
}

// sketch writes arguments on a line: name:type=TOKEN#spec, ? optional, * multiple, ! with
// the token each time, and what is inside.
func sketch(args []argument) string {
	var out []string
	for _, a := range args {
		s := a.name + ":" + a.kind
		if a.hasToken {
			s += "=" + a.token
		}
		if a.spec >= 0 {
			s += "#" + strconv.Itoa(a.spec)
		}
		for _, f := range []struct {
			on   bool
			mark string
		}{{a.optional, "?"}, {a.multiple, "*"}, {a.multipleTokens, "!"}} {
			if f.on {
				s += f.mark
			}
		}
		if a.sub != nil {
			s += "(" + sketch(a.sub) + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// TestKeysOf asks for the keys of requests whose declaration is a row, so commands that no
// family declares yet are among them.
func TestKeysOf(t *testing.T) {
	list := make(map[string]row)
	for _, r := range rows(t) {
		list[r.full()] = r
	}
	for _, r := range []struct{ request, want string }{
		{"GET a", "1"},
		{"MSET a 1 b 2", "1 3"},
		{"MSET a 1 b", "1 3"}, // MSET itself will complain
		{"BITOP AND d a b c", "2 3 4 5"},
		{"LCS a b", "1 2"},
		{"PFMERGE d", "1 false"},
		{"BLPOP a b 0", "1 2"},
		{"EVAL x 2 a b c", "3 4"},
		{"EVAL x 0 a", ""},
		{"EVAL x -1 a", "false"},
		{"EVAL x 3 a", "false"},
		{"EVAL x 99999999999999 a", "false"},
		{"EVAL x", "false"},
		{"LMPOP 0 LEFT", "false"}, // unlike EVAL it must have keys
		{"ZUNIONSTORE d 2 a b WEIGHTS 1 2", "1 3 4"},
		{"XREAD COUNT 2 STREAMS a b 1 2", "4 5"},
		{"XREAD STREAMS a b 1", "2"},
		{"XREAD STREAMS streams a 1 2", "2 3"},
		{"XREAD BLOCK 1 COUNT 2 x", ""},
		{"GEORADIUS k 1 2 3 m STORE d STOREDIST e", "1 7 9"},
		{"GEORADIUSBYMEMBER k m 3 m STORE", "1"},
		{"SPUBLISH a b", ""}, // a channel is no key
		{"PING", ""},
	} {
		words := strings.Fields(r.request)
		args := make([][]byte, len(words))
		for i, w := range words {
			args[i] = []byte(w)
		}
		c, err := list[strings.ToLower(words[0])].declaration()
		if err != nil {
			t.Fatal(err)
		}
		found, ok := c.KeysOf(args, nil)
		var got []string
		for _, k := range found {
			got = append(got, strconv.Itoa(k.Index))
		}
		if !ok {
			got = append(got, "false")
		}
		if s := strings.Join(got, " "); s != r.want {
			t.Errorf("%s: got %q, want %q", r.request, s, r.want)
		}
	}
}

// FuzzKeysOf asks every declaration for the keys of any words: what it finds lies among
// the arguments, behind the name.
func FuzzKeysOf(f *testing.F) {
	for _, seed := range []string{"x 2 a b c", "x 0", "x -1 9223372036854775807", "x STREAMS STREAMS", "x 1 STORE", "x"} {
		f.Add(seed)
	}
	table := NewTable()
	var rest []*Command
	for _, r := range rows(f) {
		if table.Named(r.full()) == nil {
			c, err := r.declaration()
			if err != nil {
				f.Fatal(err)
			}
			rest = append(rest, c)
		}
	}
	all := slices.Concat(table.All(), rest)
	f.Fuzz(func(t *testing.T, line string) {
		args := [][]byte{[]byte("x")}
		for _, w := range strings.Fields(line) {
			args = append(args, []byte(w))
		}
		for _, c := range all {
			found, _ := c.KeysOf(args, nil)
			for _, k := range found {
				if k.Index < 1 || k.Index >= len(args) {
					t.Fatalf("%s %q: key at %d", c.FullName, args, k.Index)
				}
			}
		}
	})
}
