package cmd

import (
	"redust/db"
	"redust/resp"
)

// ClientFlags are the states of a client that are on or off.
type ClientFlags uint32

// The states.
const (
	ClientAuthed      ClientFlags = 1 << iota // has shown a password, or none is needed
	ClientMonitor                             // follows MONITOR
	ClientNoEvict                             // CLIENT NO-EVICT
	ClientNoTouch                             // CLIENT NO-TOUCH
	ClientReplyOff                            // CLIENT REPLY OFF
	ClientReplySkip                           // drop the reply of this command
	ClientSkipNext                            // CLIENT REPLY SKIP was the command just run
	ClientCloseSoon                           // close once the replies are out
	ClientUnix                                // came through the Unix socket
	ClientPostponed                           // waits for CLIENT UNPAUSE
	ClientReadOnlyCmd                         // READONLY, for a cluster that is not there
	ClientInternal                            // no connection behind it
	ClientObeyed                              // what it says has happened before: a file, a master
	ClientBlocked                             // waits for a key, see Ctx.Block
	ClientMulti                               // has said MULTI
	ClientSpoilt                              // in MULTI: something was refused, EXEC will be
	ClientDirty                               // a key that it watches has changed
	ClientInScript                            // its script is past the threshold, and waits for its next slice
	clientKilled                              // closed over its head: not listed, and gets no replies
	ClientPubSub                              // listens to channels, patterns or shard channels
	ClientTracking                            // is told of changes, see tracking.go
	clientCaching                             // CLIENT CACHING was the command before
	clientBroadcast                           // tracks by prefix
	clientBroken                              // whom its messages are redirected to has gone
	clientGone                                // its connection is closed
)

// Client is the session of one connection, as commands see it. It belongs to the
// executor.
type Client struct {
	ID       int64
	Addr     string // ip:port, or path:0 of a Unix socket
	LocalAdr string
	FD       int
	Name     string
	LibName  string
	LibVer   string
	User     string
	DB       *db.DB
	Out      resp.Writer
	Flags    ClientFlags
	Since    int64 // when it connected, Unix milliseconds
	Active   int64 // when it last sent a request or was sent a reply, Unix milliseconds
	LastCmd  *Command
	NetIn    int64 // bytes
	NetOut   int64
	Calls    int64 // commands run

	// AckAt is how far the journal must have come before the client's replies may leave, a
	// position as JournalAt tells it.
	AckAt int64

	SoftLimitSince int64 // when its output first was over the soft limit, Unix milliseconds; 0: it is not

	Conn    Conn // what is behind the session
	waiter  *waiter
	seating *seating // what it listens to
	extent  extent   // what it is to be sent before Out
	tracker *tracker // how it is told of changes; kept until it goes

	tx         *transaction // what it has queued since MULTI
	watches    *watch       // what it watches
	watchCount int
}

// Conn is a client's connection, as far as commands look at it.
type Conn interface {
	// QueryBuffered is how many bytes of requests wait unparsed; memory is what the
	// buffers for them take.
	QueryBuffered() (waiting, memory int)
	// OutputBuffered is how many bytes of replies wait for the peer, Client.Out not
	// counted.
	OutputBuffered() int
	// Send sends Client.Out as soon as the executor has run what it is running. It is
	// for replies to a client other than the one whose command runs.
	Send()
	// SendLater is Send for what others have for the client: it may wait for more of that, until
	// the executor has served all who have sent something.
	SendLater()
	// Leaving tells whether what is sent now would not be read: the connection is gone,
	// or is about to be closed.
	Leaving() bool
	// Close ends the connection; with soon, after what Client.Out holds is sent.
	Close(soon bool)
}

// Has tells whether all of f are on.
func (cl *Client) Has(f ClientFlags) bool { return cl.Flags&f == f }

// MemBytes is the memory of the session and its buffers, bytes.
func (cl *Client) MemBytes() int {
	const session = 1024
	n := session + cap(cl.Out.B) + len(cl.Name) + len(cl.LibName) + len(cl.LibVer)
	if cl.Conn != nil {
		_, q := cl.Conn.QueryBuffered()
		n += q + cl.Conn.OutputBuffered()
	}
	if cl.waiter != nil {
		n += cl.waiter.memBytes()
	}
	return n + cl.tx.memBytes() + cl.watchCount*sizeOfWatch + cl.seating.memBytes() + cl.tracker.memBytes()
}
