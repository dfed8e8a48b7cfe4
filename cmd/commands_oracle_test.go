package cmd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redust/tests/redis"
	"redust/tests/script"
	"redust/tests/server"
)

// oracle starts the redis-server that is installed, or skips the test.
func oracle(t *testing.T) script.Conn {
	t.Helper()
	bin := redis.Tool(t, "redis-server")
	s, err := server.Start(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends one command and fails on an error reply.
func ask(t *testing.T, conn script.Conn, words ...string) script.Value {
	t.Helper()
	v, err := script.Do(conn, words...)
	if err != nil || v.Kind == '-' {
		t.Fatalf("%q: %v %s", words, err, v.Text)
	}
	return v
}

// infoOf flattens COMMAND INFO's reply to a map from full name to description.
func infoOf(v script.Value, into map[string]script.Value) {
	for _, c := range v.Items {
		into[c.Items[0].Text] = c
		infoOf(c.Items[9], into)
	}
}

// pairsOf makes a map of a map reply, flat in RESP2.
func pairsOf(v script.Value) map[string]script.Value {
	out := make(map[string]script.Value)
	for i := 0; i+1 < len(v.Items); i += 2 {
		out[v.Items[i].Text] = v.Items[i+1]
	}
	return out
}

// withoutNotes drops the notes of key specs, which are prose.
func withoutNotes(v script.Value) script.Value {
	v.Items = slices.Clone(v.Items)
	for i := 0; i < len(v.Items); i++ {
		if v.Items[i].Kind == '$' && v.Items[i].Text == "notes" {
			v.Items = slices.Delete(v.Items, i, i+2)
			i--
			continue
		}
		v.Items[i] = withoutNotes(v.Items[i])
	}
	return v
}

// changedInfo lists where 7.2 describes a command otherwise than the 7.0 that the oracle
// may be: command and field, and the reason. Fields are those of COMMAND INFO.
func changedInfo() map[string]string {
	const waits = "7.2 lets scripts call what waits"
	return map[string]string{
		"blpop flags":                   waits,
		"brpop flags":                   waits,
		"blmove flags":                  waits,
		"brpoplpush flags":              waits,
		"bzpopmin flags":                waits,
		"bzpopmax flags":                waits,
		"multi flags":                   "said of them later, and no news: they never were queued",
		"watch flags":                   "as multi",
		"zrank arity":                   "7.2 added WITHSCORE",
		"zrevrank arity":                "as zrank",
		"command|getkeys arity":         "7.2 takes commands without arguments",
		"command|getkeysandflags arity": "as getkeys",
		"client|setname tips":           "new in 7.2",
		"randomkey tips":                "7.2 added how replies are put together",
		"scan tips":                     "as randomkey",
		"sinterstore keys":              "7.2 says that what was there is overwritten, as of its sisters",
	}
}

// TestInfoLikeRedis compares COMMAND INFO of every command that both know.
func TestInfoLikeRedis(t *testing.T) {
	real := oracle(t)
	fields := []string{"name", "arity", "flags", "first", "last", "step", "categories", "tips", "keys"}
	for _, proto := range []string{"2", "3"} {
		ours := newHarness(borrowed).dial()
		ask(t, real, "HELLO", proto)
		ask(t, ours, "HELLO", proto)
		theirs, own := make(map[string]script.Value), make(map[string]script.Value)
		infoOf(ask(t, real, "COMMAND"), theirs)
		infoOf(ask(t, ours, "COMMAND"), own)
		used, compared := make(map[string]bool), 0
		for name, got := range own {
			want, ok := theirs[name]
			if !ok {
				continue
			}
			compared++
			if got.Kind != want.Kind || len(got.Items) != len(want.Items) || got.Items[9].Kind != want.Items[9].Kind {
				t.Errorf("%s: not of one shape: %s and %s", name, got.Format(3), want.Format(3))
				continue
			}
			for i, field := range fields {
				g, w := withoutNotes(got.Items[i]).Format(3), withoutNotes(want.Items[i]).Format(3)
				if g == w {
					continue
				}
				if changedInfo()[name+" "+field] == "" {
					t.Errorf("RESP%s %s: %s is %s, Redis has %s", proto, name, field, g, w)
				}
				used[name+" "+field] = true
			}
		}
		if compared < 100 {
			t.Errorf("only %d commands compared", compared)
		}
		for name := range changedInfo() {
			if !used[name] {
				t.Errorf("%s does not differ", name)
			}
		}
	}
}

// TestRangesLikeRedis derives first, last, step and movablekeys from the key specs of
// every row, declared yet or not.
func TestRangesLikeRedis(t *testing.T) {
	real := oracle(t)
	theirs := make(map[string]script.Value)
	infoOf(ask(t, real, "COMMAND"), theirs)
	for _, r := range rows(t) {
		c, err := r.declaration()
		if err != nil {
			t.Fatal(err)
		}
		v, ok := theirs[r.full()]
		if !ok {
			continue
		}
		movable := slices.ContainsFunc(v.Items[2].Items, func(f script.Value) bool { return f.Text == "movablekeys" })
		got := fmt.Sprint(c.first, c.last, c.step, c.Flags&MovableKeys != 0)
		want := fmt.Sprint(v.Items[3].Text, " ", v.Items[4].Text, " ", v.Items[5].Text, " ", movable)
		if got != want {
			t.Errorf("%s: %s, Redis has %s", r.name, got, want)
		}
	}
}

// docsOf flattens COMMAND DOCS' reply.
func docsOf(v script.Value, into map[string]map[string]script.Value) {
	for i := 0; i+1 < len(v.Items); i += 2 {
		d := pairsOf(v.Items[i+1])
		into[v.Items[i].Text] = d
		docsOf(d["subcommands"], into)
	}
}

// readArguments makes a tree of a reply.
func readArguments(v script.Value) []argument {
	var out []argument
	for _, item := range v.Items {
		f := pairsOf(item)
		a := argument{name: strings.ReplaceAll(f["name"].Text, "_", "-"), kind: f["type"].Text, token: f["token"].Text, spec: -1}
		_, a.hasToken = f["token"]
		if s, ok := f["key_spec_index"]; ok {
			a.spec, _ = strconv.Atoi(s.Text)
		}
		for _, flag := range f["flags"].Items {
			switch flag.Text {
			case "optional":
				a.optional = true
			case "multiple":
				a.multiple = true
			case "multiple_token":
				a.multipleTokens = true
			}
		}
		a.sub = readArguments(f["arguments"])
		out = append(out, a)
	}
	return out
}

// renamed maps names that Redis 7.0 gave to arguments to those of 7.2.
func renamed() map[string]string {
	return map[string]string{
		"async": "flush-type", "on-off-skip": "action", "username-password": "auth", "offset-count": "limit",
		"key-value": "data", "field-value": "data", "parameter-value": "data", "start-slot-end-slot": "range", "hard-soft": "reset-type",
		"encoding-offset": "get-block", "encoding-offset-value": "set-block", "encoding-offset-increment": "incrby-block",
		"wrap-sat-fail": "overflow-block", "timeout-error": "unblock-type",
		"count": "count-block", "longitude-latitude": "fromlonlat", "longitude-latitude-member": "data",
		"score-member": "data",
	}
}

// changedDocs lists where we describe a command otherwise than the oracle: command and
// field, and the reason.
func changedDocs() map[string]string {
	const (
		deprecated = "deprecated since, by what the manual of 7.2 says"
		blocks     = "7.2 nests the unit with the end, which it needs"
		untold     = "7.0 does not tell the arguments"
		wrapped    = "a block of one, which the notation does not show"
		groups     = "7.2 names groups and consumers as they are written"
	)
	return map[string]string{
		"bitcount arguments":                blocks,
		"bitpos arguments":                  blocks,
		"bitop arguments":                   "7.2 lists the operations",
		"bgsave arguments":                  "CANCEL came later",
		"psubscribe arguments":              wrapped,
		"client|kill arguments":             "7.2 names types as they are written, and has a choice for SKIPME; MAXAGE came later",
		"client|kill history":               "both changes of 2.8.12 are one entry; MAXAGE came later",
		"client|list arguments":             "as client|kill; ID takes one or more without a block",
		"client|list history":               "7.2 added fields",
		"client|pause since":                "the release that came of 2.9.50",
		"command|getkeys arguments":         untold,
		"command|getkeysandflags arguments": untold,
		"config|get arguments":              wrapped,
		"geohash arguments":                 "since 7.2 without members, too",
		"geopos arguments":                  "as geohash",
		"georadius arguments":               "7.2 has a choice of what to store",
		"georadiusbymember arguments":       "as georadius",
		"migrate arguments":                 "7.2 names a choice, and has a password or an AUTH2",
		"module|loadex arguments":           wrapped,
		"quit deprecated_since":             deprecated,
		"quit doc_flags":                    deprecated,
		"quit replaced_by":                  deprecated,
		"setex deprecated_since":            deprecated,
		"setex doc_flags":                   deprecated,
		"setex replaced_by":                 deprecated,
		"setnx deprecated_since":            deprecated,
		"setnx doc_flags":                   deprecated,
		"setnx replaced_by":                 deprecated,
		"psetex deprecated_since":           deprecated,
		"psetex doc_flags":                  deprecated,
		"psetex replaced_by":                deprecated,
		"hscan arguments":                   "NOVALUES came later",
		"lcs arguments":                     "7.2 tells MINMATCHLEN's value from LEN",
		"pfmerge arguments":                 "since 7.2 without sources, too",
		"sort arguments":                    "7.2 tells BY's pattern from GET's",
		"sort_ro arguments":                 "as sort",
		"zrank arguments":                   "7.2 added WITHSCORE",
		"zrank history":                     "as its arguments",
		"zrevrank arguments":                "7.2 added WITHSCORE",
		"zrevrank history":                  "as its arguments",
		"zscan arguments":                   "NOSCORES came later",
		"shutdown arguments":                "the notation tells that ABORT stands alone",
		"xclaim arguments":                  "7.2 names LASTID's ID as it is written",
		"xgroup|create arguments":           groups,
		"xgroup|createconsumer arguments":   groups,
		"xgroup|delconsumer arguments":      groups,
		"xgroup|destroy arguments":          groups,
		"xgroup|setid arguments":            groups,
		"xinfo|consumers arguments":         groups,
		"xinfo|consumers history":           "7.2 added a field",
		"xinfo|stream history":              "7.2 added a field",
		"xsetid arguments":                  "7.2 names MAXDELETEDID's ID as it is written",
		"xtrim arguments":                   wrapped,
	}
}

// TestDocsLikeRedis compares COMMAND DOCS: what it has, and all of it but the prose.
func TestDocsLikeRedis(t *testing.T) {
	real := oracle(t)
	for _, proto := range []string{"2", "3"} {
		ours := newHarness(borrowed).dial()
		ask(t, real, "HELLO", proto)
		ask(t, ours, "HELLO", proto)
		theirs, own := make(map[string]map[string]script.Value), make(map[string]map[string]script.Value)
		docsOf(ask(t, real, "COMMAND", "DOCS"), theirs)
		docsOf(ask(t, ours, "COMMAND", "DOCS"), own)
		used := make(map[string]bool)
		for name, got := range own {
			want, ok := theirs[name]
			if !ok {
				continue
			}
			differs := func(field, g, w string) {
				if g == w {
					return
				}
				used[name+" "+field] = true
				if changedDocs()[name+" "+field] == "" {
					t.Errorf("RESP%s %s: %s is\n    %s\nRedis has\n    %s", proto, name, field, g, w)
				}
			}
			for _, field := range []string{"since", "group", "doc_flags", "deprecated_since"} {
				differs(field, flat(got[field]), flat(want[field]))
			}
			for _, field := range []string{"summary", "complexity", "replaced_by", "subcommands"} {
				if field != "complexity" || want[field].Kind != 0 { // Redis does not tell all
					differs(field, string(got[field].Kind), string(want[field].Kind))
				}
			}
			differs("history", releases(got["history"]), releases(want["history"]))
			tree := readArguments(want["arguments"])
			each(tree, func(a *argument) {
				if n := renamed()[a.name]; n != "" && a.sub != nil {
					a.name = n
				}
			})
			differs("arguments", sketch(readArguments(got["arguments"])), sketch(tree))
		}
		for name := range changedDocs() {
			if !used[name] {
				t.Errorf("%s does not differ", name)
			}
		}
	}
}

// flat writes a string, or a set of strings.
func flat(v script.Value) string {
	s := v.Text
	for _, item := range v.Items {
		s += " " + item.Text
	}
	return s
}

// releases are the versions of a history.
func releases(v script.Value) string {
	s := string(v.Kind)
	for _, entry := range v.Items {
		s += " " + entry.Items[0].Text
	}
	return s
}
