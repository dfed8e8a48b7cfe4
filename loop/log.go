package loop

import (
	"fmt"

	"redust/config"
)

// Logger takes the server's log lines. Any goroutine may call it.
type Logger interface {
	Log(level config.LogLevel, text string)
	Debug(text string)
	Verbose(text string)
	Notice(text string)
	Warn(text string)
}

// gnetLog passes on what gnet has to say; little of it is news.
type gnetLog struct{ Logger }

// Debugf implements gnet's logging.Logger.
func (l gnetLog) Debugf(format string, args ...any) { l.Debug(fmt.Sprintf(format, args...)) }

// Infof implements gnet's logging.Logger.
func (l gnetLog) Infof(format string, args ...any) { l.Debug(fmt.Sprintf(format, args...)) }

// Warnf implements gnet's logging.Logger.
func (l gnetLog) Warnf(format string, args ...any) { l.Debug(fmt.Sprintf(format, args...)) }

// Errorf implements gnet's logging.Logger. gnet reports here every connection that a
// peer has cut, which is nobody's error.
func (l gnetLog) Errorf(format string, args ...any) { l.Verbose(fmt.Sprintf(format, args...)) }

// Fatalf implements gnet's logging.Logger.
func (l gnetLog) Fatalf(format string, args ...any) { l.Warn(fmt.Sprintf(format, args...)) }
