package stream

import (
	"fmt"
	"log/slog"
	"sync"
)

// logger gives what nats-server says to a slog.Logger. Its notices are of no interest to who runs a ledger and become
// debug lines. Its warnings come with every unclean stop (that it makes its index anew, say) and become information:
// whether the stream is whole is looked at by ourselves.
type logger struct {
	to *slog.Logger

	mu    sync.Mutex
	fatal string // the first fatal line: why the server did not start
}

func (l *logger) Noticef(format string, v ...any) { l.to.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Warnf(format string, v ...any)   { l.to.Info(fmt.Sprintf(format, v...)) }
func (l *logger) Errorf(format string, v ...any)  { l.to.Error(fmt.Sprintf(format, v...)) }
func (l *logger) Debugf(format string, v ...any)  { l.to.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Tracef(format string, v ...any)  { l.to.Debug(fmt.Sprintf(format, v...)) }

// Fatalf does not end the process, as nats-server's own logger would: [Start] returns the line as an error.
func (l *logger) Fatalf(format string, v ...any) {
	s := fmt.Sprintf(format, v...)
	l.to.Error(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		l.fatal = s
	}
}

func (l *logger) fatalLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
