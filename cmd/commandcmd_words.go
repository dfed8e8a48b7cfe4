package cmd

import "strings"

// vocabulary is what the manual's notation does not tell and COMMAND DOCS replies. Keys
// are words as the notation has them, behind the command and a blank where they mean
// something else in that command.
type vocabulary struct {
	keyWords    map[string]bool   // words for the name of a key
	kinds       map[string]string // types of values; what is missing is a string
	lowerTokens map[string]string // tokens that are not in capitals, and their names
	valueNames  map[string]string // names of values, by their token and their word
	groupNames  map[string]string // names of choices and blocks, by what is in them; several: the first, the second
	shouted     map[string]bool   // tokens that are in capitals, though the notation has them otherwise
	repeated    map[string]bool   // tokens to be sent again with each of several values
	ofFirst     map[string]bool   // tokens of a block that belong to its first value
}

func newVocabulary() *vocabulary {
	v := &vocabulary{
		keyWords: wordSet("key key1 key2 source destination destkey sourcekey newkey src dst"),
		kinds:    make(map[string]string),
		lowerTokens: map[string]string{
			"m": "m", "km": "km", "ft": "ft", "mi": "mi", "lib-name": "lib-name", "lib-ver": "lib-ver",
			"normal": "normal", "master": "master", "primary": "primary", "slave": "slave", "replica": "replica", "pubsub": "pubsub",
			"$": "new-id", "*": "auto-id", "=": "equal", "~": "approximately", `""`: "empty-string",
		},
		valueNames: map[string]string{
			"BY pattern": "by-pattern", "GET pattern": "get-pattern", "ADDR ip:port": "addr", "LADDR ip:port": "laddr",
			"TYPE": "client-type", "SKIPME": "skipme", "FILTERBY": "filterby", "OVERFLOW": "overflow-block",
			"CH": "change", "INCR": "increment", "STORE key": "storekey", "STOREDIST key": "storedistkey",
			"KEYS key": "keys", "AUTH password": "auth", "ALPHA": "sorting", "ip:port": "old-format",
		},
		// A token in capitals, else the tokens or names of what is in it, joined by | in a
		// choice and by - in a block.
		groupNames: map[string]string{
			"nx|xx": "condition", "nx|xx|gt|lt": "condition", "async|sync": "flush-type", "byte|bit": "unit",
			"ex|px|exat|pxat|keepttl": "expiration", "ex|px|exat|pxat|persist": "expiration", "asc|desc": "order",
			"auth|auth2": "authentication", "schedule|cancel": "operation", "count|reset": "operation",
			"write|all": "mode", "yes|sync|no": "mode", "flush|append|replace": "policy", "client|caching yes|no": "mode", "and|or|xor|not": "operation",
			"start": "range", "end": "end-unit-block",
			"GET": "get-block", "SET": "set-block", "INCRBY": "incrby-block", "overflow": "write",
			"set|incrby": "write-operation", "bitfield get": "operation",
			"on|off": "enabled", "client|tracking on|off": "status", "on|off|skip": "action", "timeout|error": "unblock-type",
			"lib-name|lib-ver": "attr", "protover-auth-setname": "arguments",
			"old-format": "filter", "id|type|user|addr|laddr|skipme|maxage": "new-format",
			"nosave|save": "save-selector", "now-force": "options", "abort": "abort-selector", "TO": "target",
			"CONFIG": "configs", "count-any": "count-block", "count-withvalues": "options",
			"importing|migrating|node|stable": "subcommand", "force|takeover": "options", "hard|soft": "reset-type",
			"start-slot-end-slot": "range",
			"gt|lt":               "comparison", "byscore|bylex": "sortby", "min|max": "where", "sum|min|max": "aggregate", "count-withscores": "options",
			"m|km|ft|mi": "unit", "frommember|fromlonlat": "from", "byradius": "circle", "bybox-height": "box",
			"geosearch ": "by", "geosearchstore ": "by", "store|storedist": "store",
			"left|right": "where", "before|after": "where", "lmove left|right": "wherefrom whereto", "blmove left|right": "wherefrom whereto",
			"maxlen|minid": "strategy", "=|~": "operator", "threshold-limit": "trim", "*|id": "id-or-auto", "id|$": "id",
			"idle-start-end-count-consumer": "filters", "xreadgroup GROUP": "group-consumer",
		},
		shouted:  wordSet("m km ft mi"),
		repeated: wordSet("GET PREFIX CONFIG"),
		ofFirst:  wordSet("COUNT BYRADIUS BYBOX"),
	}
	for _, k := range []struct{ kind, words string }{
		{"integer", "seconds milliseconds offset increment decrement start end stop count index index1 index2 " +
			"numkeys ttl frequency port db destination-db timeout protover client-id numreplicas numlocal " +
			"rank num-matches len cursor bits bit min-match-len version limit maxage slot start-slot end-slot config-epoch cluster-bus-port weight " +
			"entries-added entries-read"},
		{"double", "longitude latitude radius width height"},
		{"unix-time", "unix-time-seconds unix-time-milliseconds"},
		{"pattern", "pattern"},
	} {
		for _, w := range strings.Fields(k.words) {
			v.kinds[w] = k.kind
		}
	}
	v.kinds["xclaim ms"], v.kinds["xpending min-idle-time"] = "integer", "integer"
	for _, c := range strings.Fields("xrange xrevrange xpending xautoclaim") {
		v.kinds[c+" start"], v.kinds[c+" end"] = "string", "string"
	}
	v.kinds["setbit value"], v.kinds["bitfield value"] = "integer", "integer"
	for _, c := range strings.Fields("blpop brpop blmove brpoplpush blmpop bzpopmin bzpopmax bzmpop") {
		v.kinds[c+" timeout"] = "double"
	}
	for _, c := range strings.Fields("zcount zrangebyscore zrevrangebyscore zremrangebyscore") {
		v.kinds[c+" min"], v.kinds[c+" max"] = "double", "double"
	}
	v.kinds["zadd score"], v.kinds["zrange start"], v.kinds["zrange stop"] = "double", "string", "string"
	v.kinds["incrbyfloat increment"], v.kinds["hincrbyfloat increment"] = "double", "double"
	return v
}

// kindOf is the type of a value that the notation calls by this word.
func (v *vocabulary) kindOf(full, word string) string {
	if k := v.kinds[full+" "+word]; k != "" {
		return k
	}
	if k := v.kinds[word]; k != "" {
		return k
	}
	return "string"
}

func wordSet(line string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(line) {
		set[w] = true
	}
	return set
}
