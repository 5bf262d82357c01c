package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api"
)

// drain is how long a server that was told to stop waits for requests that are under way, unless --drain says otherwise.
const drain = 5 * time.Second

// opsFlags say how a server is run: what it says, who watches it, and how it ends.
type opsFlags struct {
	metrics         string
	drain, lameDuck time.Duration
	logFormat       string
	logLevel        string
}

func (f *opsFlags) flags(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.metrics, "metrics-listen", "", "an `address` of its own for /metrics and /readyz, without a token: whoever reaches it reads how much is done, and the organizations' ids")
	flags.DurationVar(&f.drain, "drain", drain, "how long requests that are under way are waited for when the server is told to stop")
	flags.DurationVar(&f.lameDuck, "lame-duck", 0, "before that, how long requests are taken while /readyz says no already, for load balancers to notice")
	flags.StringVar(&f.logFormat, "log-format", formatText, "how the log on stderr is written: text or json")
	flags.StringVar(&f.logLevel, "log-level", "warn", "what is said in it: error, warn, info (each change) or debug (each request)")
}

// check says what of the flags is not in order.
func (f *opsFlags) check() error {
	if f.drain < 0 || f.lameDuck < 0 {
		return usage("--drain and --lame-duck: durations are not negative")
	}
	_, err := f.level()
	if err == nil && f.logFormat != formatText && f.logFormat != formatJSON {
		err = usage("--log-format %s: text or json", f.logFormat)
	}
	return err
}

func (f *opsFlags) level() (slog.Level, error) {
	var l slog.Level
	switch f.logLevel {
	case "error", "warn", "info", "debug":
		return l, l.UnmarshalText([]byte(f.logLevel))
	}
	return l, usage("--log-level %s: error, warn, info or debug", f.logLevel)
}

// A monitor answers who watches the server, on a listener of its own.
type monitor struct {
	http   *http.Server
	failed chan error
}

// listenMetrics begins to answer; nil where no address is named.
func listenMetrics(address string, stats *api.Stats) (*monitor, error) {
	if address == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen: %w", err)
	}
	m := &monitor{failed: make(chan error, 1), http: &http.Server{
		Handler: stats.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10,
	}}
	go func() { m.failed <- m.http.Serve(ln) }()
	stats.URL = "http://" + ln.Addr().String() + "/metrics"
	return m, nil
}

// close ends it. It answers until everything else has ended.
func (m *monitor) close() error {
	if m == nil {
		return nil
	}
	err := m.http.Close()
	if failed := <-m.failed; !errors.Is(failed, http.ErrServerClosed) {
		err = errors.Join(err, failed)
	}
	return err
}

// linger goes on for a while although the server is to stop, unless it fails meanwhile.
func linger(d time.Duration, failed <-chan error) error {
	if d <= 0 {
		return nil
	}
	select {
	case err := <-failed:
		return err
	case <-time.After(d):
	}
	return nil
}
