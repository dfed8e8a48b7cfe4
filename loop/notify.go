package loop

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"redust/config"
)

// Supervisor is the init system that started the process and wants to know how it
// fares. There may be none; then every method does nothing.
//
// systemd (a unit with Type=notify) is told over the socket that NOTIFY_SOCKET names:
// READY=1 once connections are accepted, STOPPING=1 at the end, and a status line for
// `systemctl status`. upstart (a job with `expect stop`) waits for the process to stop
// itself, and lets it go on then. Which variables each of them sets is said in
// sd_notify(3) and init(5).
type Supervisor struct {
	kind    config.Supervised // SupervisedUpstart, SupervisedSystemd, or SupervisedNo
	missing string            // what was asked for but is not there
}

// Supervise finds the init system that the directive supervised names, in the
// environment. With auto, whichever is there is taken.
func Supervise(mode config.Supervised) *Supervisor {
	upstart, systemd := os.Getenv("UPSTART_JOB") != "", os.Getenv("NOTIFY_SOCKET") != ""
	v := &Supervisor{kind: config.SupervisedNo}
	switch mode {
	case config.SupervisedAuto:
		if upstart {
			v.kind = config.SupervisedUpstart
		} else if systemd {
			v.kind = config.SupervisedSystemd
		}
	case config.SupervisedUpstart:
		if v.kind = mode; !upstart {
			v.kind, v.missing = config.SupervisedNo, "upstart supervision requested, but UPSTART_JOB not found!"
		}
	case config.SupervisedSystemd:
		if v.kind = mode; !systemd {
			v.kind, v.missing = config.SupervisedNo, "systemd supervision error: NOTIFY_SOCKET not found!"
		}
	}
	return v
}

// Active tells whether there is an init system; then the process stays in its
// foreground whatever daemonize says.
func (v *Supervisor) Active() bool { return v.kind != config.SupervisedNo }

// Starting says that the process has begun to start.
func (v *Supervisor) Starting(log Logger) {
	switch {
	case v.missing != "":
		log.Warn(v.missing)
	case v.kind == config.SupervisedSystemd:
		log.Notice("Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.")
		v.notify(log, "STATUS=Redust is starting")
	case v.kind == config.SupervisedUpstart:
		log.Notice("Supervised by upstart, will stop to signal readiness.")
	}
}

// Loading says how far the data set is loaded, and that it will take longer: systemd gives
// up on a service that is not ready in time.
func (v *Supervisor) Loading(log Logger, status string) {
	const more = 120 * time.Second
	if v.kind == config.SupervisedSystemd {
		v.notify(log, fmt.Sprintf("STATUS=%s\nEXTEND_TIMEOUT_USEC=%d", status, more.Microseconds()))
	}
}

// Ready says that connections are accepted. Under upstart it returns once upstart has
// let the process go on.
func (v *Supervisor) Ready(log Logger) {
	switch v.kind {
	case config.SupervisedSystemd:
		v.notify(log, "STATUS=Ready to accept connections\n"+daemon.SdNotifyReady)
	case config.SupervisedUpstart:
		_ = os.Unsetenv("UPSTART_JOB") // a name without '=' cannot fail
		if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
			log.Warn("upstart supervision error: " + SystemText(err))
		}
	}
}

// Stopping says that the process is about to end.
func (v *Supervisor) Stopping(log Logger) {
	if v.kind == config.SupervisedSystemd {
		v.notify(log, daemon.SdNotifyStopping)
	}
}

func (v *Supervisor) notify(log Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn(fmt.Sprintf("systemd supervision error: %v", err))
	}
}
