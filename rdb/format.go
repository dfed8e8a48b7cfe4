package rdb

// The RDB format: constants. Source: what redis-server 2.6 to 7.4 writes, and the format's
// public descriptions. A file is
//
//	"REDIS" version(4 digits)  aux*  functions*  (SELECTDB [RESIZEDB] entry*)*  EOF  crc64
//
// and an entry is [EXPIRETIME_MS t] [IDLE n | FREQ n] type key value. DUMP's payload is type
// value version(2 bytes, little endian) crc64.

// The versions that are written, and up to which files are read.
const (
	VersionPlain  = 10 // Redis 7.0
	VersionFields = 12 // Redis 7.4: hashes whose fields have deadlines
	VersionRead   = 12
)

// Type is the byte before a key that says what its value looks like.
type Type byte

// The types.
const (
	TypeString          Type = 0
	TypeList            Type = 1 // strings
	TypeSet             Type = 2 // strings
	TypeZSet            Type = 3 // strings, scores as text
	TypeHash            Type = 4 // pairs of strings
	TypeZSet2           Type = 5 // strings, scores as 8 bytes
	TypeModulePreGA     Type = 6
	TypeModule2         Type = 7
	TypeHashZipmap      Type = 9
	TypeListZiplist     Type = 10
	TypeSetIntset       Type = 11
	TypeZSetZiplist     Type = 12
	TypeHashZiplist     Type = 13
	TypeQuicklist       Type = 14 // ziplists
	TypeStreamListpacks Type = 15
	TypeHashListpack    Type = 16
	TypeZSetListpack    Type = 17
	TypeQuicklist2      Type = 18 // listpacks and plain nodes
	TypeStream2         Type = 19 // and the group's entries-read, first and deleted ids
	TypeSetListpack     Type = 20 // version 11
	TypeStream3         Type = 21 // version 11: and active times of consumers
	TypeHashTimedPreGA  Type = 22
	TypeHashListpackPre Type = 23
	TypeHashTimed       Type = 24 // version 12: fields with deadlines
	TypeHashListpackEx  Type = 25 // version 12
)

// String is the name of the type in the words of Redis's tools.
func (t Type) String() string {
	names := [...]string{
		"string", "list-linked", "set-hashtable", "zset-v1", "hash-hashtable", "zset-v2",
		"module-pre-release", "module-value", "", "hash-zipmap", "list-ziplist", "set-intset",
		"zset-ziplist", "hash-ziplist", "quicklist", "stream", "hash-listpack", "zset-listpack",
		"quicklist-v2", "stream-v2", "set-listpack", "stream-v3", "hash-hashtable-md-pre-release",
		"hash-listpack-md-pre-release", "hash-hashtable-md", "hash-listpack-md",
	}
	if int(t) < len(names) && names[t] != "" {
		return names[t]
	}
	return "unknown"
}

// The opcodes that stand in place of a type.
const (
	opSlotInfo     = 244 // Redis 7.4's cluster: slot, keys in it, of them with a deadline
	opFunction2    = 245
	opFunctionPre  = 246
	opModuleAux    = 247
	opIdle         = 248 // seconds, as a length
	opFreq         = 249 // a byte
	opAux          = 250
	opResizeDB     = 251
	opExpireTimeMs = 252 // Unix milliseconds, 8 bytes little endian
	opExpireTime   = 253 // Unix seconds, 4 bytes
	opSelectDB     = 254
	opEOF          = 255
)
