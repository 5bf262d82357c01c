package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Conn is where streams are made and opened. Its methods may be called from several goroutines.
type Conn struct {
	storeDir string // of the embedded server, "" where there is none
	maxAge   time.Duration
	ackWait  time.Duration
	replicas int
	remote   bool // an external server or cluster: others may publish, and replicas may lag
	declared bool // [RemoteOptions.SyncAlways]
	log      *slog.Logger

	reconnected chan struct{}
	mute        atomic.Bool // checkpoints cannot be announced: see Announce

	// Publishing and reading have a connection each: the server answers small reads in the goroutine that takes in the
	// connection's messages, and entries must not queue behind them.
	write, read *nats.Conn
	js          jetstream.JetStream // on read
}

// connect fills in c, whose connections and JetStream context are not there yet.
func (c *Conn) connect(url string, opts []nats.Option) error {
	c.reconnected = make(chan struct{}, 1)
	opts = slices.Concat([]nats.Option{
		nats.Name("permledger"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(10 * time.Millisecond),
		nats.ReconnectJitter(0, 0),
		// Nothing may be kept while there is no connection and be published later, when the append that wrote it has
		// been answered.
		nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if strings.Contains(err.Error(), announced) && errors.Is(err, nats.ErrPermissionViolation) {
				if !c.mute.Swap(true) {
					c.log.Warn("nats-server does not let this user announce checkpoints; allow it to publish to "+announced+">", "error", err)
				}
				return
			}
			c.log.Warn("connection to nats-server", "error", err)
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.log.Info("connected to nats-server again", "url", nc.ConnectedUrlRedacted())
			select {
			case c.reconnected <- struct{}{}:
			default:
			}
		}),
	}, opts)
	if c.ackWait <= 0 {
		c.ackWait = defaultAckWait
	}
	var err error
	if c.write, err = nats.Connect(url, opts...); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if c.read, err = nats.Connect(url, opts...); err != nil {
		c.write.Close()
		return fmt.Errorf("connect: %w", err)
	}
	if c.js, err = jetstream.New(c.read); err != nil {
		c.write.Close()
		c.read.Close()
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// Reconnected gives a value after a connection to the server was lost and made again. What was read before may be of a
// server that had been cut off, so the caller then checks its streams ([Log.Check]). Several reconnections may give one
// value; there is one channel for each Conn, for one receiver.
func (c *Conn) Reconnected() <-chan struct{} { return c.reconnected }

const announced = "checkpoints."

// Announce publishes the newest checkpoint of an organization's log on checkpoints.<organization>, to whoever listens now:
// no stream keeps it. It does not wait for the server; one that does not allow it is asked no more.
func (c *Conn) Announce(organization string, checkpoint []byte) error {
	if c.mute.Load() {
		return nil
	}
	if err := c.read.Publish(announced+organization, checkpoint); err != nil {
		return fmt.Errorf("stream: announce a checkpoint: %w", err)
	}
	return nil
}

// Close hands over what was published and disconnects. Readers that are under way end with an error.
func (c *Conn) Close() error {
	var err error
	if c.write.IsConnected() {
		err = c.write.FlushTimeout(drainTimeout)
	}
	c.write.Close()
	c.read.Close()
	if err != nil {
		return fmt.Errorf("stream: close: %w", err)
	}
	return nil
}

// awaitConnected waits until nc is connected.
func awaitConnected(ctx context.Context, nc *nats.Conn) error {
	changed := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(changed)
	for !nc.IsConnected() {
		if nc.IsClosed() {
			return nats.ErrConnectionClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// What the JetStream API answers to a request about a stream. Its schema is io.nats.jetstream.api.v1.
type reply struct {
	Error   *apiError `json:"error"`
	Config  members   `json:"config"`
	Created bool      `json:"did_create"`
	State   struct {
		Msgs       uint64          `json:"messages"`
		FirstSeq   uint64          `json:"first_seq"`
		LastSeq    uint64          `json:"last_seq"`
		NumDeleted uint64          `json:"num_deleted"`
		Lost       json.RawMessage `json:"lost"`
	} `json:"state"`
	Cluster struct {
		Replicas []struct {
			Offline bool          `json:"offline"`
			Active  time.Duration `json:"active"` // since the leader last heard from it
		} `json:"replicas"` // without the leader
	} `json:"cluster"`
}

// heardFrom says whether the leader that answered has heard from a majority of the stream's servers, itself included, so
// lately that no other can have been elected meanwhile but by a server that hears it and not the others.
func (r *reply) heardFrom() bool {
	heard := 1
	for _, p := range r.Cluster.Replicas {
		if !p.Offline && p.Active < heardLately {
			heard++
		}
	}
	return 2*heard > 1+len(r.Cluster.Replicas)
}

// heardLately is longer than a leader's heartbeat, a second, and shorter than the least time, four, after which a server
// that hears no leader stands for election.
const heardLately = 2 * time.Second

// members is a JSON object whose numbers are kept as they were written.
type members map[string]any

func (m *members) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode((*map[string]any)(m))
}

type apiError struct {
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

// Error codes of nats-server, server/errors.json.
const (
	codeStreamNotFound    = 10059
	codeStreamNameInUse   = 10058
	codeWrongLastSequence = 10071
	codeWrongLastConstant = 10164 // what a replicated stream says instead while another message is in flight
	codeBatchIncomplete   = 10176 // a message of the batch did not reach the leader that got its last one
	codeTooManyBatches    = 10210
	codeUnavailable       = 10008 // the cluster has no leader that this server can reach
	codeNoPeers           = 10005 // too few servers are online for a stream on so many
	codeNoMessage         = 10037
)

func isCode(err error, code int) bool {
	var e *apiError
	return errors.As(err, &e) && e.ErrCode == code
}

// request asks a question that is answered within AckWait, or the server is left for another one.
func (c *Conn) request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	rctx, cancel := context.WithTimeout(ctx, c.ackWait)
	defer cancel()
	m, err := c.read.RequestWithContext(rctx, subject, data)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		c.elsewhere(c.read)
	}
	return m, err
}

// api asks the JetStream API, which the leader of a stream answers.
func (c *Conn) api(ctx context.Context, verb, stream string, body any) (*reply, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("%s: %w", verb, err)
		}
	}
	m, err := c.request(ctx, "$JS.API."+verb+"."+stream, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	var r reply
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	if r.Error != nil {
		return nil, fmt.Errorf("%s: %w", verb, r.Error)
	}
	return &r, nil
}

func (c *Conn) info(ctx context.Context, stream string) (*reply, error) {
	r, err := c.api(ctx, "STREAM.INFO", stream, nil)
	if isCode(err, codeStreamNotFound) {
		return nil, ErrMissing
	}
	return r, err
}
