package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	defaultReplicas = 3
	// A server older than this knows no atomic batches.
	minMajor, minMinor = 2, 12
	// pingEvery and pingsLost bound how long a server that is stopped, or a network that swallows everything, goes
	// unnoticed.
	pingEvery = time.Second
	pingsLost = 2
	dialWait  = 2 * time.Second
)

// ErrServer says that a NATS server cannot hold ledgers: it is too old, has no JetStream, or takes too small messages.
var ErrServer = errors.New("this NATS server cannot hold ledgers")

// ErrCredentials says that a NATS server does not let this user in: asking again with the same credentials is no remedy.
var ErrCredentials = errors.New("the NATS server refuses the credentials")

// RemoteOptions say how to reach an external NATS cluster. The zero value of all but URLs is a default.
type RemoteOptions struct {
	// URLs are the servers, separated by commas: nats://host:4222, tls://host:4222. Name all of them: others that the
	// cluster tells of are not used. Required.
	URLs string
	// Credentials is a file: NATS credentials (a user's JWT and seed), or the seed of an NKey alone. Default: none, or
	// what the URLs say.
	Credentials string
	// TLSCA is a file of PEM certificates that the servers' certificates must descend from. Default: the system's.
	TLSCA string
	// Replicas is how many servers hold each stream. Default 3. 1 promises no more than the one server's disk does.
	Replicas int
	// SyncAlways is the operator's word that every server runs with sync_interval: always. Nothing that a client may ask
	// tells whether it is true. Without it a power cut that stops the cluster as a whole takes back what was acknowledged
	// within the last two minutes.
	SyncAlways bool
	// Name is what the servers call the connections of this node. Default "permledger".
	Name string
	// ActivityMaxAge is how long activity feeds keep a message. 0: for ever.
	ActivityMaxAge time.Duration
	// AckWait is how long to wait for one answer before asking again or elsewhere. Default 5 s.
	AckWait time.Duration
	// Logger gets what befalls the connections. Default: nothing is logged.
	Logger *slog.Logger
}

// Connect connects to an external server or cluster. The error wraps [ErrServer] where it can be reached but cannot hold
// ledgers, and [ErrCredentials] where it does not let this user in. Whoever may publish to the account's subjects may append to the ledgers, so the account should be permledger's
// alone; what somebody else appends is noticed, because it is no entry.
func Connect(o RemoteOptions) (*Conn, error) { return connectRemote(o) }

// connectRemote is Connect with ways to reach the servers that tests can break.
func connectRemote(o RemoteOptions, more ...nats.Option) (*Conn, error) {
	c := &Conn{
		maxAge: o.ActivityMaxAge, ackWait: o.AckWait, replicas: o.Replicas,
		remote: true, declared: o.SyncAlways, log: o.Logger,
	}
	if c.replicas == 0 {
		c.replicas = defaultReplicas
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.replicas < 1 || c.replicas > 5 || c.replicas%2 == 0 {
		return nil, fmt.Errorf("stream: connect: %d replicas: an odd number from 1 to 5 has a majority", o.Replicas)
	}
	opts, err := o.options()
	if err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	if err := c.connect(o.URLs, append(opts, more...)); err != nil {
		if unauthorized(err) {
			err = fmt.Errorf("%w: %w", ErrCredentials, err)
		}
		return nil, fmt.Errorf("stream: %w", err)
	}
	if err := c.suits(); err != nil {
		c.Close()
		return nil, fmt.Errorf("stream: connect: %w", err)
	}
	return c, nil
}

func (o *RemoteOptions) options() ([]nats.Option, error) {
	if strings.TrimSpace(o.URLs) == "" {
		return nil, errors.New("connect: no URL of a NATS server")
	}
	opts := []nats.Option{
		nats.IgnoreDiscoveredServers(),
		nats.Timeout(dialWait),
		nats.ReconnectWait(50 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsLost),
	}
	if o.Name != "" {
		opts = append(opts, nats.Name(o.Name))
	}
	if o.TLSCA != "" {
		opts = append(opts, nats.RootCAs(o.TLSCA))
	}
	if o.Credentials == "" {
		return opts, nil
	}
	b, err := os.ReadFile(o.Credentials)
	if err != nil {
		return nil, fmt.Errorf("connect: credentials: %w", err)
	}
	defer clear(b)
	if bytes.Contains(b, []byte("-----BEGIN NATS USER JWT-----")) {
		return append(opts, nats.UserCredentials(o.Credentials)), nil
	}
	key, err := nkeys.FromSeed(bytes.TrimSpace(b))
	if err != nil {
		return nil, fmt.Errorf("connect: credentials: %s is neither a credentials file nor the seed of an NKey: %w", o.Credentials, err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("connect: credentials: %w", err)
	}
	return append(opts, nats.Nkey(public, key.Sign)), nil
}

// suits asks the server that c is connected to whether it can hold ledgers.
func (c *Conn) suits() error {
	version := c.read.ConnectedServerVersion()
	if !atLeast(version, minMajor, minMinor) {
		return fmt.Errorf("%w: version %s, must be %d.%d or newer", ErrServer, version, minMajor, minMinor)
	}
	if max := c.read.MaxPayload(); max < MaxPayload {
		return fmt.Errorf("%w: max_payload is %d bytes, must be at least %d", ErrServer, max, MaxPayload)
	}
	if cluster := c.read.ConnectedClusterName(); cluster == "" && c.replicas > 1 {
		return fmt.Errorf("%w: one server cannot hold %d replicas", ErrServer, c.replicas)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.ackWait)
	defer cancel()
	m, err := c.read.RequestWithContext(ctx, "$JS.API.INFO", nil)
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%w: JetStream is not enabled", ErrServer)
	}
	if err != nil {
		return fmt.Errorf("JetStream does not answer: %w", err)
	}
	var r reply
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return fmt.Errorf("JetStream: %w", err)
	}
	if r.Error != nil && r.Error.ErrCode == codeUnavailable { // no majority of the cluster is up, which passes
		return fmt.Errorf("JetStream: %w", r.Error)
	}
	if r.Error != nil {
		return fmt.Errorf("%w: JetStream: %w", ErrServer, r.Error)
	}
	return nil
}

// unauthorized says whether a server refused to let a connection in.
func unauthorized(err error) bool {
	for _, refused := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, refused) {
			return true
		}
	}
	return false
}

// atLeast reports whether version, as 2.15.2 or 2.12.0-RC.1, is major.minor or newer.
func atLeast(version string, major, minor int) bool {
	a, rest, _ := strings.Cut(version, ".")
	b, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(a)
	if err != nil {
		return false
	}
	y, err := strconv.Atoi(b)
	return err == nil && (x > major || x == major && y >= minor)
}

// Promise is what an acknowledged entry rests on, as far as a client can know.
type Promise struct {
	Embedded bool   // the journal holds, and the server is within this process
	Version  string // of the server that this node is connected to
	Cluster  string // its cluster's name, "" where it stands alone
	Replicas int    // that each stream is made with
	// SyncAlways repeats what the operator declared ([RemoteOptions.SyncAlways]). The API tells clients nothing of
	// sync_interval; only the servers' configuration and their monitoring port do ("sync_always" in /varz).
	SyncAlways bool
}

// Promise tells what acknowledged entries rest on.
func (c *Conn) Promise() Promise {
	return Promise{
		Embedded:   !c.remote,
		Version:    c.read.ConnectedServerVersion(),
		Cluster:    c.read.ConnectedClusterName(),
		Replicas:   c.replicas,
		SyncAlways: c.declared,
	}
}

// Warnings are the ways in which the promise is less than a quorum's disks, a sentence each; none where it is not.
func (p Promise) Warnings() (w []string) {
	if p.Embedded {
		return nil
	}
	if p.Cluster == "" {
		w = append(w, "The NATS server stands alone: when it is down nothing can be recorded, and its disk is the streams' only one.")
	}
	if p.Replicas < defaultReplicas {
		w = append(w, fmt.Sprintf("Streams have %d replica: losing one server loses them.", p.Replicas))
	}
	if !p.SyncAlways {
		w = append(w, "Nobody declared that the NATS servers run with sync_interval: always; without it a power cut takes back what they acknowledged.")
	}
	return w
}

// Health says whether both connections are up: what is wrong, nil where nothing is. It asks the servers nothing.
func (c *Conn) Health() error {
	for _, nc := range []*nats.Conn{c.write, c.read} {
		if !nc.IsConnected() {
			return fmt.Errorf("stream: not connected to NATS (%s)", strings.ToLower(nc.Status().String()))
		}
	}
	return nil
}

// elsewhere leaves a server that did not answer for another one.
func (c *Conn) elsewhere(nc *nats.Conn) {
	if c.remote && nc.IsConnected() {
		c.log.Info("a NATS server does not answer", "url", nc.ConnectedUrlRedacted())
		_ = nc.ForceReconnect() // fails only where nc is closed
	}
}
