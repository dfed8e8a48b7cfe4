package config

import "strings"

// A set of choices is one constant: the words in the order in which an error lists
// them, which is also the order of the numbers.
const (
	policyWords     = "volatile-lru volatile-lfu volatile-random volatile-ttl allkeys-lru allkeys-lfu allkeys-random noeviction"
	fsyncWords      = "everysec always no"
	logLevelWords   = "debug verbose notice warning nothing"
	logFormatWords  = "human json"
	supervisedWords = "upstart systemd auto no"
	localityWords   = "no yes local"
	tlsAuthWords    = "no yes optional"
	disklessWords   = "disabled on-empty-db swapdb"
	aclPubSubWords  = "allchannels resetchannels"
	facilityWords   = "user local0 local1 local2 local3 local4 local5 local6 local7"
	shutdownWords   = "default save nosave now force"
	oomAdjustWords  = "no yes relative absolute"
	endpointWords   = "ip hostname unknown-endpoint"
	propagateWords  = "ignore panic panic-on-replicas"
	sanitizeWords   = "no yes clients"
	corruptWords    = "refuse salvage empty"
)

// word returns the i-th word of a list. A number out of range is a defect of the
// caller and reads as such in a log.
func word[T ~uint8](words string, i T) string {
	if all := strings.Fields(words); int(i) < len(all) {
		return all[i]
	}
	return "?"
}

// Policy says which keys make room when maxmemory is reached.
type Policy uint8

// The policies of maxmemory-policy.
const (
	VolatileLRU Policy = iota
	VolatileLFU
	VolatileRandom
	VolatileTTL
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
	NoEviction
)

func (p Policy) String() string { return word(policyWords, p) }

// LFU says whether the policy counts accesses instead of dating them.
func (p Policy) LFU() bool { return p == VolatileLFU || p == AllKeysLFU }

// AllKeys says whether keys without a deadline may go as well.
func (p Policy) AllKeys() bool { return p == AllKeysLRU || p == AllKeysLFU || p == AllKeysRandom }

// Fsync says when the journal is forced to disk.
type Fsync uint8

// The choices of appendfsync.
const (
	FsyncEverySec Fsync = iota
	FsyncAlways
	FsyncNo
)

func (f Fsync) String() string { return word(fsyncWords, f) }

// OnCorrupt says what to do at the start with files that are damaged.
type OnCorrupt uint8

// The choices of on-corrupt-data.
const (
	CorruptRefuse  OnCorrupt = iota // do not start
	CorruptSalvage                  // load what is intact; the damaged file is kept under another name
	CorruptEmpty                    // start without data; likewise
)

func (o OnCorrupt) String() string { return word(corruptWords, o) }

// LogLevel is the least severity that is logged.
type LogLevel uint8

// The choices of loglevel.
const (
	LogDebug LogLevel = iota
	LogVerbose
	LogNotice
	LogWarning
	LogNothing
)

func (l LogLevel) String() string { return word(logLevelWords, l) }

// LogFormat is the shape of a log line.
type LogFormat uint8

// The choices of log-format.
const (
	LogHuman LogFormat = iota
	LogJSON
)

func (f LogFormat) String() string { return word(logFormatWords, f) }

// Supervised names the init system that started the server.
type Supervised uint8

// The choices of supervised.
const (
	SupervisedUpstart Supervised = iota
	SupervisedSystemd
	SupervisedAuto
	SupervisedNo
)

func (s Supervised) String() string { return word(supervisedWords, s) }

// LocalityGate says who may do something that is dangerous from afar.
type LocalityGate uint8

// The choices of enable-debug-command and its kin.
const (
	GateNo LocalityGate = iota
	GateYes
	GateLocal // only clients of a loopback address or the Unix socket
)

func (g LocalityGate) String() string { return word(localityWords, g) }

// Allows says whether the gate lets a client pass; local tells where it came from.
func (g LocalityGate) Allows(local bool) bool { return g == GateYes || g == GateLocal && local }

// TLSAuth says whether a TLS client must prove who it is.
type TLSAuth uint8

// The choices of tls-auth-clients.
const (
	TLSAuthNo TLSAuth = iota
	TLSAuthYes
	TLSAuthOptional
)

func (a TLSAuth) String() string { return word(tlsAuthWords, a) }

// DisklessLoad says when a replica may load a snapshot straight from its master.
type DisklessLoad uint8

// The choices of repl-diskless-load.
const (
	DisklessDisabled DisklessLoad = iota
	DisklessOnEmptyDB
	DisklessSwapDB
)

func (d DisklessLoad) String() string { return word(disklessWords, d) }

// ACLPubSub says which channels a new user may use.
type ACLPubSub uint8

// The choices of acl-pubsub-default.
const (
	ACLAllChannels ACLPubSub = iota
	ACLResetChannels
)

func (a ACLPubSub) String() string { return word(aclPubSubWords, a) }

// SyslogFacility is the facility of syslog messages.
type SyslogFacility uint8

// The first and the last choice of syslog-facility; local1 to local6 lie between.
const (
	FacilityUser SyslogFacility = iota
	FacilityLocal0
	FacilityLocal7 SyslogFacility = 8
)

func (f SyslogFacility) String() string { return word(facilityWords, f) }

// ShutdownFlags says how a signal ends the server, as the arguments of SHUTDOWN do. No
// bit is the default: save if there are save rules.
type ShutdownFlags uint8

// The bits of shutdown-on-sigint and shutdown-on-sigterm. Save and nosave exclude each
// other.
const (
	ShutdownSave ShutdownFlags = 1 << iota
	ShutdownNoSave
	ShutdownNow
	ShutdownForce
)

func (f ShutdownFlags) String() string {
	if f == 0 {
		return "default"
	}
	var on []string
	for i, w := range strings.Fields(shutdownWords)[1:] {
		if f&(1<<i) != 0 {
			on = append(on, w)
		}
	}
	return strings.Join(on, " ")
}

// Events is the set of keyspace notifications that are sent.
type Events uint16

// The bits of notify-keyspace-events, each with its letter.
const (
	EventGeneric  Events = 1 << iota // g
	EventString                      // $
	EventList                        // l
	EventSet                         // s
	EventHash                        // h
	EventZSet                        // z
	EventExpired                     // x
	EventEvicted                     // e
	EventStream                      // t
	EventModule                      // d
	EventNew                         // n
	EventKeyspace                    // K
	EventKeyevent                    // E
	EventMiss                        // m

	// EventAll is what the letter A stands for.
	EventAll = EventGeneric | EventString | EventList | EventSet | EventHash | EventZSet |
		EventExpired | EventEvicted | EventStream | EventModule
)

// eventLetters holds the letter of each bit, lowest first.
const eventLetters = "g$lshzxetdnKEm"

// ParseEvents reads the letters of notify-keyspace-events. ok is false if one of them
// is unknown.
func ParseEvents(s string) (e Events, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == 'A' {
			e |= EventAll
			continue
		}
		bit := strings.IndexByte(eventLetters, s[i])
		if bit < 0 {
			return 0, false
		}
		e |= 1 << bit
	}
	return e, true
}

// String returns the letters as CONFIG GET shows them. Redis leaves n out beside A, and
// so does this; Letters does not.
func (e Events) String() string {
	if e&EventAll == EventAll {
		e &^= EventNew
	}
	return e.Letters()
}

// Letters returns letters that ParseEvents reads back to the same set.
func (e Events) Letters() string {
	b := make([]byte, 0, len(eventLetters))
	if e&EventAll == EventAll {
		b = append(b, 'A')
		e &^= EventAll
	}
	for i := 0; i < len(eventLetters); i++ {
		if e&(1<<i) != 0 {
			b = append(b, eventLetters[i])
		}
	}
	return string(b)
}
