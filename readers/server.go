package readers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"golang.org/x/sys/unix"
)

const (
	startTimeout = 30 * time.Second

	maxPayload   = 1 << 20   // of what the node writes; readers send far less: see account
	maxPending   = 8 << 20   // that wait for one connection, before it is closed
	maxMemory    = 512 << 20 // of all consumers
	maxConns     = 4096
	authTimeout  = 5 // seconds
	writeTimeout = 5 * time.Second

	// lookAgain is how often it is looked whether those who are connected may still read.
	lookAgain = 200 * time.Millisecond
)

// A Reader is somebody whom a key lets read.
type Reader struct {
	Organization string
	ID           string // of the subject: lower case letters and digits
	Name         string // of the subject, for logs
}

// Options say how to serve. Dir, Listen, Allowed and Streams are required.
type Options struct {
	// Dir is the directory of the server's store. It may be removed while no server runs on it.
	Dir string
	// Listen is a host and port; port 0 takes any that is free.
	Listen string
	// TLS is for connections from outside. Nil: they are in the clear.
	TLS *tls.Config
	// Allowed gives the readers that a key, as did:key, stands for now, in one organization or, where it is "", in all. It
	// is asked for each new connection, and some times a second for each there is.
	Allowed func(did, organization string) []Reader
	// Streams gives what an organization's readers are served. It is asked once for each organization.
	Streams func(organization string) (Streams, error)
	// Logger gets what happens. Default: nothing is logged.
	Logger *slog.Logger
}

// Server is a NATS server for readers. Its methods may be called from several goroutines.
type Server struct {
	o   Options
	srv *server.Server
	log *slog.Logger
	own nkeys.KeyPair // of the connections within this process
	pub string
	// limits are those of a reader's connection: see userLimits.
	limits string

	ctx  context.Context // ends with the server
	stop context.CancelFunc
	work sync.WaitGroup

	opening sync.Mutex // held while streams are begun to be served

	mu    sync.Mutex
	conns map[uint64]conn     // by the server's number
	orgs  map[string]*streams // by organization
	subs  map[string]*server.Account
}

// Start runs a server. It reads nothing of the store that was there, but for what it can use.
func Start(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, log: o.Logger, conns: map[uint64]conn{}, orgs: map[string]*streams{}, subs: map[string]*server.Account{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.stop()
		return nil, fmt.Errorf("readers: start: %w", err)
	}
	s.work.Go(s.lookAgain)
	return s, nil
}

func (s *Server) start() error {
	var err error
	if s.own, err = nkeys.CreateUser(); err != nil {
		return err
	}
	if s.pub, err = s.own.PublicKey(); err != nil {
		return err
	}
	if s.limits, err = userLimits(); err != nil {
		return err
	}
	so, err := s.options()
	if err != nil {
		return err
	}
	if s.srv, err = server.NewServer(so); err != nil {
		return err
	}
	log := &logger{to: s.log}
	s.srv.SetLoggerV2(log, false, false, false)
	s.srv.Start()
	if log.fatalLine() == "" && s.srv.ReadyForConnections(startTimeout) && s.srv.JetStreamEnabled() {
		return nil
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	return errors.Join(errors.New("nats-server did not start"), errors.New(log.fatalLine()))
}

func (s *Server) options() (*server.Options, error) {
	host, port, err := net.SplitHostPort(s.o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen address: port %q: %w", port, err)
	}
	at := int(n)
	if at == 0 {
		at = server.RANDOM_PORT
	}
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return nil, err
	}
	so := &server.Options{
		ServerName:                 "permledger-readers",
		Host:                       host,
		Port:                       at,
		NoSigs:                     true,
		JetStream:                  true,
		StoreDir:                   filepath.Clean(s.o.Dir),
		JetStreamMaxStore:          1 << 60,
		JetStreamMaxMemory:         maxMemory,
		SyncInterval:               time.Minute, // it is a copy
		MaxPayload:                 maxPayload,
		MaxPending:                 maxPending,
		MaxConn:                    connections(),
		MaxControlLine:             2048,
		WriteDeadline:              writeTimeout,
		AuthTimeout:                authTimeout,
		MaxPingsOut:                2,
		PingInterval:               30 * time.Second,
		AlwaysEnableNonce:          true,
		CustomClientAuthentication: s,
	}
	if s.o.TLS != nil {
		so.TLS, so.TLSConfig, so.TLSTimeout = true, s.o.TLS, authTimeout
	}
	return so, nil
}

// connections is how many there may be at most: half of what the process may open, for the ledgers need files too.
func connections() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err == nil && l.Cur/2 < maxConns {
		return int(l.Cur / 2)
	}
	return maxConns
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.srv.Addr() }

// Close disconnects everybody and ends the server.
func (s *Server) Close() error {
	s.stop()
	s.work.Wait()
	s.mu.Lock()
	all := s.orgs
	s.orgs = nil
	s.mu.Unlock()
	for _, o := range all {
		o.close()
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	return nil
}
