package cmd

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"redust/db/geo"
	"redust/resp"
)

// Every error text that a client can meet and that needs no detail filled in.
const (
	ErrSyntax         resp.Error = "ERR syntax error"
	ErrNotInt         resp.Error = "ERR value is not an integer or out of range"
	ErrNotFloat       resp.Error = "ERR value is not a valid float"
	ErrRange          resp.Error = "ERR value is out of range"
	ErrInt32          resp.Error = "ERR value is out of range, value must between -2147483648 and 2147483647"
	ErrPositive       resp.Error = "ERR value is out of range, must be positive"
	ErrWrongType      resp.Error = "WRONGTYPE Operation against a key holding the wrong kind of value"
	ErrNoKey          resp.Error = "ERR no such key"
	ErrSameObject     resp.Error = "ERR source and destination objects are the same"
	ErrDBIndex        resp.Error = "ERR DB index is out of range"
	ErrFirstDB        resp.Error = "ERR invalid first DB index"
	ErrSecondDB       resp.Error = "ERR invalid second DB index"
	ErrCursor         resp.Error = "ERR invalid cursor"
	ErrExpireNX       resp.Error = "ERR NX and XX, GT or LT options at the same time are not compatible"
	ErrExpireGTLT     resp.Error = "ERR GT and LT options at the same time are not compatible"
	ErrIsLFU          resp.Error = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	ErrNotLFU         resp.Error = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	ErrNoAuth         resp.Error = "NOAUTH Authentication required."
	ErrNoProto        resp.Error = "NOPROTO unsupported protocol version"
	ErrDebugOff       resp.Error = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
	ErrMonitorKeys    resp.Error = "ERR Replica can't interact with the keyspace"
	ErrLoading        resp.Error = "LOADING Redis is loading the dataset in memory"
	ErrOOM            resp.Error = "OOM command not allowed when used memory > 'maxmemory'."
	ErrTooLong        resp.Error = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	ErrHashNotInt     resp.Error = "ERR hash value is not an integer"
	ErrHashNotFloat   resp.Error = "ERR hash value is not a float"
	ErrIncrFinite     resp.Error = "ERR value is NaN or Infinity"
	ErrNoFields       resp.Error = "ERR Mandatory argument FIELDS is missing or not at the right position"
	ErrIndex          resp.Error = "ERR index out of range"
	ErrRankZero       resp.Error = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
	ErrCountMinus     resp.Error = "ERR COUNT can't be negative"
	ErrMaxLenMinus    resp.Error = "ERR MAXLEN can't be negative"
	ErrNumKeys        resp.Error = "ERR numkeys should be greater than 0"
	ErrCountZero      resp.Error = "ERR count should be greater than 0"
	ErrFieldsCount    resp.Error = "ERR Number of fields must be a positive integer"
	ErrFieldsZero     resp.Error = "ERR Parameter `numFields` should be greater than 0"
	ErrFieldsMatch    resp.Error = "ERR The `numfields` parameter must match the number of arguments"
	ErrFieldsNumber   resp.Error = "ERR invalid number of fields"
	ErrManyKeys       resp.Error = "ERR Number of keys can't be greater than number of args"
	ErrSetLimit       resp.Error = "ERR LIMIT can't be negative"
	ErrExpireMinus    resp.Error = "ERR invalid expire time, must be >= 0"
	ErrExpireMissed   resp.Error = "ERR missing expire time"
	ErrFieldsTTL      resp.Error = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
	ErrFieldsCond     resp.Error = "ERR Only one of FXX or FNX arguments can be specified"
	ErrOverflow       resp.Error = "ERR increment or decrement would overflow"
	ErrNaNOrInf       resp.Error = "ERR increment would produce NaN or Infinity"
	ErrWrongPass      resp.Error = "WRONGPASS invalid username-password pair or user is disabled."
	ErrNoPassword     resp.Error = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	ErrHelloNoAuth    resp.Error = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	ErrProtoInt       resp.Error = "ERR Protocol version is not an integer or out of range"
	ErrClientName     resp.Error = "ERR Client names cannot contain spaces, newlines or special characters."
	ErrNoClient       resp.Error = "ERR No such client"
	ErrListID         resp.Error = "ERR Invalid client ID"
	ErrKillID         resp.Error = "ERR client-id should be greater than 0"
	ErrMaxAgeInt      resp.Error = "ERR maxage is not an integer or out of range"
	ErrMaxAge         resp.Error = "ERR maxage should be greater than 0"
	ErrUnblocked      resp.Error = "UNBLOCKED client unblocked via CLIENT UNBLOCK"
	ErrUnblockHow     resp.Error = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
	ErrPauseMode      resp.Error = "ERR CLIENT PAUSE mode must be WRITE or ALL"
	ErrZAddNXXX       resp.Error = "ERR XX and NX options at the same time are not compatible"
	ErrZAddGTLT       resp.Error = "ERR GT, LT, and/or NX options at the same time are not compatible"
	ErrZAddIncr       resp.Error = "ERR INCR option supports a single increment-element pair"
	ErrScoreNaN       resp.Error = "ERR resulting score is not a number (NaN)"
	ErrScoreRange     resp.Error = "ERR min or max is not a float"
	ErrLexRange       resp.Error = "ERR min or max not valid string range item"
	ErrRangeLimit     resp.Error = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	ErrRangeScores    resp.Error = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
	ErrWeight         resp.Error = "ERR weight value is not a float"
	ErrLimitMinus     resp.Error = "ERR LIMIT can't be negative"
	ErrCount          resp.Error = "ERR count should be greater than 0"
	ErrCountLong      resp.Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
	ErrTimeoutFloat   resp.Error = "ERR timeout is not a float or out of range"
	ErrTimeoutInt     resp.Error = "ERR timeout is not an integer or out of range"
	ErrTimeoutMinus   resp.Error = "ERR timeout is negative"
	ErrTimeoutRange   resp.Error = "ERR timeout is out of range"
	ErrSlowCount      resp.Error = "ERR count should be greater than or equal to -1"
	ErrSave           resp.Error = "ERR"
	ErrSaveRunning    resp.Error = "ERR Background save already in progress"
	ErrNoSave         resp.Error = "ERR Background saving is currently not in progress or scheduled"
	ErrMisconfRDB     resp.Error = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
	ErrRewriteRunning resp.Error = "ERR Background append only file rewriting already in progress"
	ErrNoScript       resp.Error = "NOSCRIPT No matching script. Please use EVAL."
	ErrKeysMinus      resp.Error = "ERR Number of keys can't be negative"
	ErrNoFunction     resp.Error = "ERR Function not found"
	ErrBadNumKeys     resp.Error = "ERR Bad number of keys provided"
	ErrNoLibrary      resp.Error = "ERR Library not found"
	ErrNoLibraryName  resp.Error = "ERR library name argument was not given"
	ErrFunctionFlush  resp.Error = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
	ErrRestorePolicy  resp.Error = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
	ErrNotBusy        resp.Error = "NOTBUSY No scripts in execution right now."
	ErrUnkillable     resp.Error = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
	ErrBusyScript     resp.Error = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
	ErrBusyFunction   resp.Error = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
	ErrScriptWrites   resp.Error = "ERR Can not execute a script with write flag using *_ro command."
	ErrScriptOOM      resp.Error = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
	ErrScriptMisconf  resp.Error = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts."
	ErrNotFunction    resp.Error = "ERR given type is not a function"
	ErrPreRelease     resp.Error = "ERR Pre-GA function format not supported"
	ErrLibraryPayload resp.Error = "ERR Failed loading library payload"
	ErrNoDebugger     resp.Error = "ERR this server has no debugger for scripts"
	ErrDebugMode      resp.Error = "ERR Use SCRIPT DEBUG YES/SYNC/NO"
	ErrFlushMode      resp.Error = "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
	ErrNoShutdown     resp.Error = "ERR No shutdown in progress."
	ErrShutdown       resp.Error = "ERR Errors trying to SHUTDOWN. Check logs."
	ErrBusyKey        resp.Error = "BUSYKEY Target key name already exists."
	ErrTTL            resp.Error = "ERR Invalid TTL value, must be >= 0"
	ErrIdleTime       resp.Error = "ERR Invalid IDLETIME value, must be >= 0"
	ErrFreq           resp.Error = "ERR Invalid FREQ value, must be >= 0 and <= 255"
	ErrPayload        resp.Error = "ERR DUMP payload version or checksum are wrong"
	ErrPayloadData    resp.Error = "ERR Bad data format"
	ErrMigrateKeys    resp.Error = "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
	ErrReloadOption   resp.Error = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
	ErrReload         resp.Error = "ERR Error trying to load the RDB dump, check server logs."
	ErrNoJournal      resp.Error = "ERR this server has no append only file yet"
	ErrLoadAOF        resp.Error = "ERR Error trying to load the append only file, check server logs. The data set is not whole now: restart the server."
	ErrLoadInside     resp.Error = "ERR DEBUG LOADAOF is not possible inside of a transaction or a script"
	ErrNoModules      resp.Error = "ERR Error loading the extension. Please check the server logs."
	ErrNoModule       resp.Error = "ERR Error unloading module: no such module with that name"
	ErrNoHTable       resp.Error = "ERR The value stored at the specified key is not represented using an hash table"
	ErrDebugDB        resp.Error = "ERR Out of range database"
	ErrPacked         resp.Error = "ERR argument must be a memory value bigger than 1 and smaller than 4gb"
	ErrNoPush         resp.Error = "ERR RESP2 is not supported by this command"
	ErrProtocolType   resp.Error = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
	ErrKeysCommand    resp.Error = "ERR Invalid command specified"
	ErrKeysNone       resp.Error = "ERR The command has no key arguments"
	ErrKeysArity      resp.Error = "ERR Invalid number of arguments specified for command"
	ErrKeysArgs       resp.Error = "ERR Invalid arguments specified for command"
	ErrNoCluster      resp.Error = "ERR This instance has cluster support disabled"
	ErrDecrOverflow   resp.Error = "ERR decrement would overflow"
	ErrOffset         resp.Error = "ERR offset is out of range"
	ErrBit            resp.Error = "ERR bit is not an integer or out of range"
	ErrBitOffset      resp.Error = "ERR bit offset is not an integer or out of range"
	ErrBitArg         resp.Error = "ERR The bit argument must be 1 or 0."
	ErrBitOpNot       resp.Error = "ERR BITOP NOT must be called with a single source key."
	ErrBitfieldType   resp.Error = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
	ErrBitfieldRO     resp.Error = "ERR BITFIELD_RO only supports the GET subcommand"
	ErrOverflowType   resp.Error = "ERR Invalid OVERFLOW type specified"
	ErrLCSType        resp.Error = "ERR The specified keys must contain string values"
	ErrLCSBoth        resp.Error = "ERR If you want both the length and indexes, please just use IDX."
	ErrLCSLong        resp.Error = "ERR String too long for LCS"
	ErrLCSMemory      resp.Error = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
	ErrUnit           resp.Error = "ERR unsupported unit provided. please use M, KM, FT, MI"
	ErrRadius         resp.Error = "ERR need numeric radius"
	ErrRadiusMinus    resp.Error = "ERR radius cannot be negative"
	ErrWidth          resp.Error = "ERR need numeric width"
	ErrHeight         resp.Error = "ERR need numeric height"
	ErrBoxMinus       resp.Error = "ERR height or width cannot be negative"
	ErrGeoCount       resp.Error = "ERR COUNT must be > 0"
	ErrGeoAny         resp.Error = "ERR the ANY argument requires COUNT argument"
	ErrGeoMember      resp.Error = "ERR could not decode requested zset member"
	ErrRadiusStore    resp.Error = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	ErrSearchStore    resp.Error = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	ErrSortScore      resp.Error = "ERR One or more scores can't be converted into double"
	ErrNotHLL         resp.Error = "WRONGTYPE Key is not a valid HyperLogLog string value."
	ErrCorruptHLL     resp.Error = "INVALIDOBJ Corrupted HLL object detected"
	ErrHLLDense       resp.Error = "ERR HLL encoding is not sparse"
	ErrHLLNoKey       resp.Error = "ERR The specified key does not exist"
	ErrStreamID       resp.Error = "ERR Invalid stream ID specified as stream command argument"
	ErrRangeStart     resp.Error = "ERR invalid start ID for the interval"
	ErrRangeEnd       resp.Error = "ERR invalid end ID for the interval"
	ErrTrimBoth       resp.Error = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	ErrMaxLen         resp.Error = "ERR The MAXLEN argument must be >= 0."
	ErrTrimLimit      resp.Error = "ERR The LIMIT argument must be >= 0."
	ErrLimitAlone     resp.Error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
	ErrLimitExact     resp.Error = "ERR syntax error, LIMIT cannot be used without the special ~ option"
	ErrTrimNone       resp.Error = "ERR syntax error, XTRIM must be called with a trimming strategy"
	ErrIDZero         resp.Error = "ERR The ID specified in XADD must be greater than 0-0"
	ErrIDSmall        resp.Error = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	ErrIDsExhausted   resp.Error = "ERR The stream has exhausted the last possible ID, unable to add more items"
	ErrEntryLarge     resp.Error = "ERR Elements are too large to be stored"
	ErrAddedMinus     resp.Error = "ERR entries_added must be positive"
	ErrSetIDDeleted   resp.Error = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
	ErrSetIDHole      resp.Error = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
	ErrSetIDTop       resp.Error = "ERR The ID specified in XSETID is smaller than the target stream top item"
	ErrSetIDLength    resp.Error = "ERR The entries_added specified in XSETID is smaller than the target stream length"
	ErrReadGroup      resp.Error = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
	ErrReadNoAck      resp.Error = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
	ErrReadNoGroup    resp.Error = "ERR Missing GROUP option for XREADGROUP"
	ErrReadNew        resp.Error = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
	ErrReadEnd        resp.Error = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
	ErrReadLast       resp.Error = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set."
	ErrGroupNoKey     resp.Error = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
	ErrGroupExists    resp.Error = "BUSYGROUP Consumer Group name already exists"
	ErrEntriesRead    resp.Error = "ERR value for ENTRIESREAD must be positive or -1"
	ErrClaimIdle      resp.Error = "ERR Invalid min-idle-time argument for XCLAIM"
	ErrClaimIDLE      resp.Error = "ERR Invalid IDLE option argument for XCLAIM"
	ErrClaimTIME      resp.Error = "ERR Invalid TIME option argument for XCLAIM"
	ErrClaimRetry     resp.Error = "ERR Invalid RETRYCOUNT option argument for XCLAIM"
	ErrAutoIdle       resp.Error = "ERR Invalid min-idle-time argument for XAUTOCLAIM"
	ErrAutoCount      resp.Error = "ERR COUNT must be > 0"
	ErrValueLimit     resp.Error = "ERR value exceeds max-value-bytes"
	ErrElementLimit   resp.Error = "ERR collection exceeds max-collection-elements"
	ErrMultiNested    resp.Error = "ERR MULTI calls can not be nested"
	ErrRedirects      resp.Error = "ERR A client can only redirect to a single other client"
	ErrRedirectTo     resp.Error = "ERR The client ID you want redirect to does not exist"
	ErrPrefixAlone    resp.Error = "ERR PREFIX option requires BCAST mode to be enabled"
	ErrBroadcastOpt   resp.Error = "ERR OPTIN and OPTOUT are not compatible with BCAST"
	ErrOptInOut       resp.Error = "ERR You can't specify both OPTIN mode and OPTOUT mode"
	ErrSwitchOpt      resp.Error = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	ErrCaching        resp.Error = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
	ErrCachingYes     resp.Error = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
	ErrCachingNo      resp.Error = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
	ErrNoMulti        resp.Error = "ERR EXEC without MULTI"
	ErrDiscardNoMulti resp.Error = "ERR DISCARD without MULTI"
	ErrWatchInMulti   resp.Error = "ERR WATCH inside MULTI is not allowed"
	ErrExecAbort      resp.Error = "EXECABORT Transaction discarded because of previous errors."
	ErrMonitorInside  resp.Error = "ERR MONITOR isn't allowed for DENY BLOCKING client"
	ErrInMulti        resp.Error = "ERR Command not allowed inside a transaction"
	ErrReplyLimit     resp.Error = "ERR reply exceeds max-reply-bytes"
)

// misconfAOF begins the error for what cannot be written to the append only file.
const misconfAOF = "MISCONF Errors writing to the AOF file: "

// execAbortedBy begins the error for an EXEC that a gate does not let through.
const execAbortedBy = "EXECABORT Transaction discarded because of: "

// The errors of MIGRATE that come from the way to the other server, and the one that Redis
// does not know: there nothing can change meanwhile.
const (
	ErrMigrateConnect resp.Error = "IOERR error or timeout connecting to the client"
	ErrMigrateWrite   resp.Error = "IOERR error or timeout writing to target instance"
	ErrMigrateRead    resp.Error = "IOERR error or timeout reading to target instance"
	ErrMigrateChanged resp.Error = "ERR a key changed while it was being migrated: it stays here, and the target instance has it as it was before"
)

// ErrPlain is the error of commands that Redis has say no more than that.
const ErrPlain resp.Error = "ERR"

// errTarget is the error of another server, which it was sent keys to.
func errTarget(text string) error {
	return resp.Error("ERR Target instance replied with error: " + text)
}

// errArity is the error for a wrong number of arguments.
func errArity(full string) error {
	return resp.Error("ERR wrong number of arguments for '" + full + "' command")
}

// errExpireTime is the error for a deadline that a command cannot give.
func errExpireTime(c *Command) error {
	return resp.Error("ERR invalid expire time in '" + c.FullName + "' command")
}

// errIntBetween is the error for an integer outside these bounds.
func errIntBetween(lo, hi int64) error {
	return resp.Error("ERR value is out of range, value must between " + strconv.FormatInt(lo, 10) + " and " + strconv.FormatInt(hi, 10))
}

// errBlockInScript refuses to wait in a script, where other commands go on without.
func errBlockInScript(c *Ctx) error {
	return resp.Error("ERR " + upToNUL(c.Arg(0)) + " command is not allowed with BLOCK option from scripts")
}

// errArgument names an argument that a command does not have.
func errArgument(arg []byte) error { return resp.Error("ERR unknown argument: " + upToNUL(arg)) }

// errNoInputKeys is the error for an operation on no keys at all.
func errNoInputKeys(c *Command) error {
	return resp.Error("ERR at least 1 input key is needed for '" + c.FullName + "' command")
}

// errUnknown names a command that does not exist, with the beginning of its arguments.
func errUnknown(args [][]byte) error {
	var b strings.Builder
	b.WriteString("ERR unknown command '")
	b.WriteString(upToNUL(cut(args[0], 128)))
	b.WriteString("', with args beginning with: ")
	shown := 0
	for _, a := range args[1:] {
		if shown >= 128 {
			break
		}
		text := upToNUL(cut(a, 128-shown))
		b.WriteByte('\'')
		b.WriteString(text)
		b.WriteString("' ")
		shown += len(text) + 3
	}
	return resp.Error(b.String())
}

// errUnknownSub names a subcommand that its container does not have.
func errUnknownSub(c *Command, name []byte) error {
	return resp.Error("ERR unknown subcommand '" + upToNUL(cut(name, 128)) + "'. Try " + strings.ToUpper(c.Name) + " HELP.")
}

// errSubSyntax is the error for arguments that a subcommand cannot make sense of. A
// command that is no container, yet reads subcommands, may return it too.
func errSubSyntax(c *Ctx) error {
	of := c.Cmd
	if of.Parent != nil {
		of = of.Parent
	}
	return resp.Error("ERR unknown subcommand or wrong number of arguments for '" + upToNUL(cut(c.Arg(1), 128)) +
		"'. Try " + strings.ToUpper(of.Name) + " HELP.")
}

// errHelloOption names an option that HELLO does not have, or that lacks its values.
func errHelloOption(opt []byte) error {
	return resp.Error("ERR Syntax error in HELLO option '" + upToNUL(opt) + "'")
}

// errClientType names a type of clients that there is not.
func errClientType(name []byte) error {
	return resp.Error("ERR Unknown client type '" + upToNUL(name) + "'")
}

// ErrSwitchBroadcast is the error for a client that tracks in one mode and asks for the other.
const ErrSwitchBroadcast resp.Error = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."

// errPrefixExists names a prefix that overlaps with one that the client has.
func errPrefixExists(p, has string) error {
	return resp.Error("ERR Prefix '" + p + "' overlaps with an existing prefix '" + has + "'. Prefixes for a single client must not overlap.")
}

// errPrefixTwice names two prefixes of one request that overlap.
func errPrefixTwice(p, q string) error {
	return resp.Error("ERR Prefix '" + p + "' overlaps with another provided prefix '" + q + "'. Prefixes for a single client must not overlap.")
}

// errInPubSub names a command that a client in RESP2 may not say while it listens.
func errInPubSub(c *Command) error {
	return resp.Error("ERR Can't execute '" + c.FullName + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
}

// errNoUser names a user that there is not.
func errNoUser(name []byte) error {
	return resp.Error("ERR No such user '" + upToNUL(name) + "'")
}

// errClientAttr names an attribute that CLIENT SETINFO does not have.
func errClientAttr(attr []byte) error {
	return resp.Error("ERR Unrecognized option '" + upToNUL(attr) + "'")
}

// errClientAttrText names an attribute whose text has characters that CLIENT LIST
// cannot show.
func errClientAttrText(attr []byte) error {
	return resp.Error("ERR " + upToNUL(attr) + " cannot contain spaces, newlines or special characters.")
}

// errNoGroup names a stream or a group of it that there is not.
func errNoGroup(key, group []byte) error {
	return resp.Error("NOGROUP No such key '" + upToNUL(key) + "' or consumer group '" + upToNUL(group) + "'")
}

// errNoGroupRead is errNoGroup as XREADGROUP says it.
func errNoGroupRead(key, group []byte) error {
	return errNoGroup(key, group).(resp.Error) + " in XREADGROUP with GROUP option"
}

// errNoGroupOf names a group that an existing stream does not have.
func errNoGroupOf(key, group []byte) error {
	return resp.Error("NOGROUP No such consumer group '" + upToNUL(group) + "' for key name '" + upToNUL(key) + "'")
}

// errUnbalanced is for keys and IDs of XREAD and XREADGROUP that are not as many.
func errUnbalanced(c *Command, id string) error {
	return resp.Error("ERR Unbalanced '" + c.FullName + "' list of streams: for each stream key an ID or '" + id + "' must be specified.")
}

// errClaimOption names an option that XCLAIM does not have.
func errClaimOption(opt []byte) error {
	return resp.Error("ERR Unrecognized XCLAIM option '" + upToNUL(opt) + "'")
}

// errPlace names coordinates that are not on the map.
func errPlace(p geo.Point) error {
	text := fmt.Sprintf("ERR invalid longitude,latitude pair %f,%f", p.Lon, p.Lat)
	return resp.Error(strings.NewReplacer("+Inf", "inf", "-Inf", "-inf").Replace(text))
}

// errGeoFrom and errGeoBy are the errors for a search without a centre, or a shape; name is
// the command's as the client wrote it.
func errGeoFrom(name []byte) error {
	return resp.Error("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + upToNUL(name))
}

func errGeoBy(name []byte) error {
	return resp.Error("ERR exactly one of BYRADIUS and BYBOX can be specified for " + upToNUL(name))
}

// upToNUL is how much of a client's own words Redis quotes in most of its errors.
func upToNUL(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

func cut(b []byte, n int) []byte { return b[:min(len(b), n)] }
