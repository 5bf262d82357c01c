package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	// MaxPayload is the size of the largest message, headers included, in bytes.
	MaxPayload = 1 << 20

	// syncInterval is how long after its write a message is on disk at the latest.
	syncInterval = time.Second
	// maxMemory bounds what consumers of readers may take, in bytes.
	maxMemory = 256 << 20
	// maxStore takes nats-server's own disk limit (three quarters of what is free at start) out of the way: who appends
	// keeps a floor of free space.
	maxStore = 1 << 60

	startTimeout   = 30 * time.Second
	drainTimeout   = 5 * time.Second
	defaultAckWait = 5 * time.Second
)

// Options say how to run the embedded server. The zero value of all but StoreDir is a default.
type Options struct {
	// StoreDir is the directory of the store; nats-server makes "jetstream" in it. Required.
	StoreDir string
	// Name is the server's name. Default "permledger".
	Name string
	// Listen is a host and port for readers. Default: no port at all. Connections without credentials are refused, and
	// the one user that may publish is accepted only from within this process.
	Listen string
	// ActivityMaxAge is how long activity feeds keep a message. 0: for ever.
	ActivityMaxAge time.Duration
	// AckWait is how long an append waits for the next answer before it reads back what happened. Default 5 s.
	AckWait time.Duration
	// Logger gets what the server says. Default: nothing is logged.
	Logger *slog.Logger
}

// Server is a nats-server inside this process, and the connection to it.
type Server struct {
	*Conn
	srv  *server.Server
	once sync.Once
	err  error // of the first Close
}

// Start runs a server on o.StoreDir and connects to it. The caller holds whatever lock keeps a second process out, and
// has looked at the files first: nats-server deletes what it cannot read.
func Start(o Options) (*Server, error) {
	return start(o, func(s *server.Server) nats.InProcessConnProvider { return s })
}

// start is Start with a way to reach the server that tests can break.
func start(o Options, dial func(*server.Server) nats.InProcessConnProvider) (*Server, error) {
	if o.StoreDir == "" {
		return nil, errors.New("stream: start: no store directory")
	}
	writer, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("stream: start: key of the writer: %w", err)
	}
	public, err := writer.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("stream: start: key of the writer: %w", err)
	}
	so, err := serverOptions(o, public)
	if err != nil {
		return nil, fmt.Errorf("stream: start: %w", err)
	}
	out := o.Logger
	if out == nil {
		out = slog.New(slog.DiscardHandler)
	}
	srv, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("stream: start: %w", err)
	}
	log := &logger{to: out}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	fail := func(err error) (*Server, error) {
		if line := log.fatalLine(); line != "" {
			err = fmt.Errorf("%w: %s", err, line)
		}
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("stream: start: %w", err)
	}
	if log.fatalLine() != "" || !srv.ReadyForConnections(startTimeout) || !srv.JetStreamEnabled() {
		return fail(errors.New("nats-server did not start"))
	}
	c := &Conn{storeDir: o.StoreDir, maxAge: o.ActivityMaxAge, ackWait: o.AckWait, replicas: 1, log: out}
	if err := c.connect("", []nats.Option{nats.InProcessServer(dial(srv)), nats.Nkey(public, writer.Sign)}); err != nil {
		return fail(err)
	}
	return &Server{Conn: c, srv: srv}, nil
}

func serverOptions(o Options, writer string) (*server.Options, error) {
	name := o.Name
	if name == "" {
		name = "permledger"
	}
	so := &server.Options{
		ServerName:         name,
		DontListen:         true,
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           o.StoreDir,
		JetStreamMaxStore:  maxStore,
		JetStreamMaxMemory: maxMemory,
		SyncInterval:       syncInterval,
		MaxPayload:         MaxPayload,
		// With a user configured nobody is anonymous, in this process or outside. Users for readers belong into an
		// account of their own: reply subjects are not permission-checked, so who may ask the ledger's account for
		// anything could make it append.
		Nkeys: []*server.NkeyUser{{
			Nkey:                   writer,
			AllowedConnectionTypes: map[string]struct{}{jwt.ConnectionTypeInProcess: {}},
		}},
	}
	if o.Listen == "" {
		return so, nil
	}
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen address: port %q: %w", port, err)
	}
	so.DontListen, so.Host, so.Port = false, host, int(n)
	if n == 0 {
		so.Port = server.RANDOM_PORT
	}
	return so, nil
}

// Addr is where the server listens, nil where it does not.
func (s *Server) Addr() net.Addr { return s.srv.Addr() }

// Health says whether the server can still write: after an error of the disk it keeps reading but takes nothing more
// until it is started again. It returns what is wrong, nil where nothing is.
func (s *Server) Health() error {
	h := s.srv.Healthz(&server.HealthzOptions{Details: true})
	if h.StatusCode == 200 {
		return nil
	}
	errs := make([]error, 0, len(h.Errors)+1)
	if h.Error != "" {
		errs = append(errs, errors.New(h.Error))
	}
	for _, e := range h.Errors {
		errs = append(errs, fmt.Errorf("%s %s", e.Stream, e.Error))
	}
	return fmt.Errorf("stream: nats-server is not healthy: %w", errors.Join(errs...))
}

// Close lets what is under way finish, stops the server and waits until it has stopped. A second Close does nothing.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.err = s.Conn.Close()
		s.srv.Shutdown()
		s.srv.WaitForShutdown()
	})
	return s.err
}
