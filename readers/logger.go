package readers

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// logger gives what nats-server says to a slog.Logger. What it calls errors are what clients do wrong, as a rule: those are
// debug lines here, for whoever connects can cause any number of them.
type logger struct {
	to *slog.Logger

	mu    sync.Mutex
	fatal string // the first fatal line: why the server did not start
	last  time.Time
}

func (l *logger) Noticef(format string, v ...any) { l.to.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Warnf(format string, v ...any)   { l.some(format, v...) }
func (l *logger) Errorf(format string, v ...any)  { l.some(format, v...) }
func (l *logger) Debugf(string, ...any)           {}
func (l *logger) Tracef(string, ...any)           {}

// some says one line a second at most, for clients cause them.
func (l *logger) some(format string, v ...any) {
	l.mu.Lock()
	now := time.Now()
	quiet := now.Sub(l.last) < time.Second
	if !quiet {
		l.last = now
	}
	l.mu.Unlock()
	if !quiet {
		l.to.Info("NATS for readers: " + fmt.Sprintf(format, v...))
	}
}

// Fatalf does not end the process, as nats-server's own logger would: [Start] returns the line as an error.
func (l *logger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		l.fatal = fmt.Sprintf(format, v...)
	}
}

func (l *logger) fatalLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
