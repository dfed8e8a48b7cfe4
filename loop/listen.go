package loop

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"redust/cmd"
	"redust/config"
)

// listeners are the open sockets on which connections are accepted, each by a
// goroutine of its own. Accepting is rare; what it must be is unbreakable: when file
// descriptors run out it waits and goes on.
type listeners struct {
	mu   sync.Mutex
	tcp  []net.Listener
	port int // of tcp
	unix net.Listener
}

// open opens all that the configuration names, or nothing.
func (l *listeners) open(cfg *config.Config) error {
	tcp, err := openTCP(cfg)
	if err != nil {
		return err
	}
	u, err := openUnix(cfg)
	if err != nil {
		for _, ln := range tcp {
			_ = ln.Close()
		}
		return err
	}
	l.tcp, l.unix, l.port = tcp, u, cfg.Port
	return nil
}

// openTCP opens the port on each address of bind. An address with a minus in front, or
// of a protocol that this machine lacks, may fail.
func openTCP(cfg *config.Config) (open []net.Listener, err error) {
	if cfg.Port == 0 {
		return nil, nil
	}
	defer func() {
		if err != nil {
			for _, ln := range open {
				_ = ln.Close()
			}
			open = nil
		}
	}()
	for _, addr := range cfg.Bind {
		host, optional := strings.CutPrefix(addr, "-")
		network := "tcp4"
		switch {
		case host == "*":
			host = "0.0.0.0"
		case host == "::*":
			host, network = "::", "tcp6"
		case strings.Contains(host, ":"):
			network = "tcp6"
		}
		ln, err := listen(network, net.JoinHostPort(host, strconv.Itoa(cfg.Port)), cfg.TCPBacklog)
		switch {
		case err == nil:
			open = append(open, ln)
		case optional && tolerable(err):
		default:
			return open, fatal("Warning: Could not create server TCP listening socket %s:%d: bind: %s\nFailed listening on port %d (tcp), aborting.",
				strings.TrimPrefix(addr, "-"), cfg.Port, SystemText(err), cfg.Port)
		}
	}
	if len(open) == 0 && len(cfg.Bind) > 0 {
		return nil, errors.New("no address of bind is available on this machine")
	}
	return open, nil
}

// tolerable are the failures that an optional address is allowed.
func tolerable(err error) bool {
	for _, e := range []error{unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.EPFNOSUPPORT, unix.ENOPROTOOPT} {
		if errors.Is(err, e) {
			return true
		}
	}
	var dns *net.DNSError
	var addr *net.AddrError
	return errors.As(err, &dns) || errors.As(err, &addr)
}

func listen(network, addr string, backlog int) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, rc syscall.RawConn) error {
		var err error
		control := func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			if network == "tcp6" && err == nil {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
			}
		}
		if e := rc.Control(control); e != nil {
			return e
		}
		return err
	}}
	ln, err := lc.Listen(context.Background(), network, addr)
	if err != nil {
		return nil, err
	}
	return rebacklog(ln, backlog)
}

// rebacklog listens again on the same socket, which changes the length of its accept
// queue to the one that was configured. If that fails the socket is closed.
func rebacklog(ln net.Listener, backlog int) (net.Listener, error) {
	rc, err := ln.(syscall.Conn).SyscallConn()
	if err == nil {
		var lerr error
		if err = rc.Control(func(fd uintptr) { lerr = unix.Listen(int(fd), backlog) }); err == nil {
			err = lerr
		}
	}
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	return ln, nil
}

func openUnix(cfg *config.Config) (net.Listener, error) {
	path := cfg.UnixSocket
	if path == "" {
		return nil, nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fatal("Failed opening Unix socket: unlink: %s", SystemText(err))
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fatal("Failed opening Unix socket: bind: %s", SystemText(err))
	}
	if cfg.UnixSocketPerm != 0 {
		if err := os.Chmod(path, os.FileMode(cfg.UnixSocketPerm)); err != nil {
			_ = ln.Close()
			return nil, fatal("Failed opening Unix socket: chmod: %s", SystemText(err))
		}
	}
	return rebacklog(ln, cfg.TCPBacklog)
}

// serve starts accepting on all that is open.
func (l *listeners) serve(s *Server) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ln := range l.tcp {
		go s.accept(ln, false)
	}
	if l.unix != nil {
		go s.accept(l.unix, true)
	}
}

// move opens the TCP port anew and closes the old one; connections stay.
func (l *listeners) move(s *Server) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh, err := openTCP(s.cfg)
	if err != nil && s.cfg.Port == l.port {
		// Addresses of the same port may overlap: then the old sockets must go first.
		l.closeTCP()
		fresh, err = openTCP(s.cfg)
	}
	if err != nil {
		return err
	}
	l.closeTCP()
	l.tcp, l.port = fresh, s.cfg.Port
	for _, ln := range fresh {
		go s.accept(ln, false)
	}
	return nil
}

func (l *listeners) closeTCP() {
	for _, ln := range l.tcp {
		_ = ln.Close()
	}
	l.tcp = nil
}

// close stops accepting.
func (l *listeners) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeTCP()
	if l.unix != nil {
		_ = l.unix.Close() // removes the file too
	}
}

// accept admits connections until the listener is closed.
func (s *Server) accept(ln net.Listener, isUnix bool) {
	for {
		nc, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("Accepting client connection: " + SystemText(err))
			time.Sleep(100 * time.Millisecond) // no descriptor is free: wait for one
			continue
		}
		if err := s.admit(nc, isUnix); err != nil {
			s.log.Warn("Error registering fd event for the new client: " + err.Error())
		}
	}
}

// admit checks a new connection and gives it to a reactor.
func (s *Server) admit(nc net.Conn, isUnix bool) error {
	maxClients, guarded := int(s.maxClients.Load()), s.guarded.Load()
	if n := s.count.Add(1); n > int64(maxClients) {
		s.turnAway(nc, "-ERR max number of clients reached\r\n")
		return nil
	}
	if guarded && !isUnix && !loopback(nc.RemoteAddr()) {
		s.turnAway(nc, deniedText)
		return nil
	}
	c := &client{s: s, unix: isUnix, Client: &cmd.Client{ID: s.nextID.Add(1)}}
	c.authed.Store(!s.asks.Load())
	if isUnix {
		c.Addr = nc.LocalAddr().String() + ":0"
		c.LocalAdr = c.Addr
	} else {
		c.Addr, c.LocalAdr = nc.RemoteAddr().String(), nc.LocalAddr().String()
		if tc, ok := nc.(*net.TCPConn); ok {
			if err := setKeepAlive(tc, int(s.keepAlive.Load())); err != nil {
				s.log.Debug("keepalive: " + err.Error())
			}
		}
	}
	_, err := s.engine.EnrollContext(nc, c)
	if err != nil || c.conn == nil { // the reactor could not watch it, and has closed it
		s.count.Add(-1)
	}
	return err
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// turnAway refuses a connection with a line, if the socket takes it at once.
func (s *Server) turnAway(nc net.Conn, line string) {
	s.count.Add(-1)
	s.Post(func() {
		s.Cmd.Stats.ConnectionsReceived++
		s.Cmd.Stats.ConnectionsRejected++
	})
	_ = nc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = nc.Write([]byte(line)) // the peer may have gone
	_ = nc.Close()
}

// setKeepAlive asks for probes after so many seconds of silence, as Redis sets them:
// then every third of that, three times.
func setKeepAlive(tc *net.TCPConn, seconds int) error {
	if seconds <= 0 {
		return tc.SetKeepAlive(false)
	}
	return tc.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Duration(seconds) * time.Second,
		Interval: time.Duration(max(1, seconds/3)) * time.Second, Count: 3})
}

// deniedText is what an outsider reads while protected mode is on.
const deniedText = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"
