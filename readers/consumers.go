package readers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// maxExpires is how long a request for messages may wait, maxIdle how long a consumer is kept that nobody asks.
	maxExpires = 5 * time.Minute
	maxIdle    = 7 * 24 * time.Hour
	idle       = 5 * time.Second // of an ephemeral consumer that says nothing

	maxAckPending = 5000
	maxWaiting    = 64
	maxFilters    = 64
	maxName       = 128
)

// creation is a request to make a consumer, as far as readers may say how.
type creation struct {
	Stream   string   `json:"stream_name"`
	Config   consumer `json:"config"`
	Action   string   `json:"action,omitempty"`
	Pedantic bool     `json:"pedantic,omitempty"`
}

// consumer is a consumer's configuration as far as readers may choose it. What is missing (priority groups, samples, what
// servers use among themselves) they cannot.
type consumer struct {
	Durable       string            `json:"durable_name,omitempty"`
	Name          string            `json:"name,omitempty"`
	Description   string            `json:"description,omitempty"`
	DeliverPolicy string            `json:"deliver_policy,omitempty"`
	OptStartSeq   uint64            `json:"opt_start_seq,omitempty"`
	OptStartTime  *time.Time        `json:"opt_start_time,omitempty"`
	AckPolicy     string            `json:"ack_policy,omitempty"`
	AckWait       time.Duration     `json:"ack_wait,omitempty"`
	MaxDeliver    int               `json:"max_deliver,omitempty"`
	BackOff       []time.Duration   `json:"backoff,omitempty"`
	Filter        string            `json:"filter_subject,omitempty"`
	Filters       []string          `json:"filter_subjects,omitempty"`
	Replay        string            `json:"replay_policy,omitempty"`
	RateLimit     uint64            `json:"rate_limit_bps,omitempty"`
	MaxWaiting    int               `json:"max_waiting,omitempty"`
	MaxAckPending int               `json:"max_ack_pending,omitempty"`
	FlowControl   bool              `json:"flow_control,omitempty"`
	HeadersOnly   bool              `json:"headers_only,omitempty"`
	MaxBatch      int               `json:"max_batch,omitempty"`
	MaxExpires    time.Duration     `json:"max_expires,omitempty"`
	MaxBytes      int               `json:"max_bytes,omitempty"`
	Deliver       string            `json:"deliver_subject,omitempty"`
	DeliverGroup  string            `json:"deliver_group,omitempty"`
	Heartbeat     time.Duration     `json:"idle_heartbeat,omitempty"`
	Inactive      time.Duration     `json:"inactive_threshold,omitempty"`
	Replicas      int               `json:"num_replicas,omitempty"`
	Memory        bool              `json:"mem_storage"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

// create makes a consumer. rest is its stream, its stream and name, or those and its filter.
func (a asked) create(ctx context.Context, rest string) (any, error) {
	stream, rest, _ := strings.Cut(rest, ".")
	if !slices.Contains(names(a.o.org), stream) {
		return nil, errNoStream
	}
	var req creation
	d := json.NewDecoder(bytes.NewReader(a.m.Data))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		return nil, refused("this is not how readers say what consumer they want: %v", err)
	}
	if req.Stream != stream {
		return nil, refused("the request is for the stream %q", req.Stream)
	}
	c := &req.Config
	name, filter, _ := strings.Cut(rest, ".")
	if filter != "" && c.Filter != filter {
		return nil, refused("the filter in the subject is not the one in the request")
	}
	for _, n := range []string{c.Name, c.Durable} {
		if n != "" && name != "" && n != name {
			return nil, refused("the consumer has two names")
		}
		name = cmp.Or(name, n)
	}
	name = cmp.Or(name, rand.Text())
	if err := a.fit(c, name); err != nil {
		return nil, err
	}
	real, isNew, err := a.reserve(consumerName{stream, name})
	if err != nil {
		return nil, err
	}
	if c.Name = real; c.Durable != "" {
		c.Durable = real
	}
	subject := "CONSUMER.CREATE." + stream + "." + real
	if c.Filter != "" {
		subject += "." + c.Filter
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	v, err := a.ask(ctx, subject, body)
	if isNew && (err != nil || v["error"] != nil) {
		a.forget(real)
		if err != nil { // it may be there
			_ = a.o.nc.Publish("$JS.API.CONSUMER.DELETE."+stream+"."+real, nil)
		}
	}
	return a.plain(v, name), err
}

// reserve gives the real name of a reader's consumer. For a new one it makes a random name, and has the reader's account
// replace the reader's name with it where messages are asked for.
func (a asked) reserve(n consumerName) (real string, isNew bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.usage(a.id)
	if real, ok := u.consumers[n]; ok {
		return real, false, nil
	}
	if len(u.consumers) >= maxConsumers {
		return "", false, &refusal{400, 10026, "maximum consumers limit reached"}
	}
	acc := a.o.s.accountOf(a.o.org, a.id)
	if acc == nil {
		return "", false, errNoConsumer
	}
	// Clients of ordered consumers read from the end of the name, in what acknowledges a message, which of theirs it is of.
	real = rand.Text() + "_" + n.name
	if err := acc.AddMapping(next+n.stream+"."+n.name, next+n.stream+"."+real); err != nil {
		return "", false, refused("%q is no name of a consumer", n.name)
	}
	u.consumers[n] = real
	a.real[real] = consumerOf{a.id, n}
	return real, true, nil
}

const next = "$JS.API.CONSUMER.MSG.NEXT."

// gone takes note that a consumer is gone: its reader deleted it, or nobody asked for long.
func (g *gate) gone(m *nats.Msg) {
	t := strings.Split(m.Subject, ".")
	g.forget(t[len(t)-1])
}

func (g *gate) forget(real string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	of, ok := g.real[real]
	if !ok {
		return
	}
	delete(g.real, real)
	delete(g.usage(of.reader).consumers, of.consumerName)
	if acc := g.o.s.accountOf(g.o.org, of.reader); acc != nil {
		acc.RemoveMapping(next + of.stream + "." + of.name)
	}
}

// fit keeps a configuration within what readers may have.
func (a asked) fit(c *consumer, name string) error {
	switch {
	case len(name) > maxName || strings.ContainsAny(name, ".*>/\\ \t\r\n"):
		return refused("%q is no name of a consumer", name)
	case len(c.Filters) > maxFilters:
		return refused("%d filters are too many", len(c.Filters))
	case strings.ContainsAny(c.Filter, " \t\r\n"):
		return refused("%q is no subject", c.Filter)
	case c.DeliverGroup != "":
		return refused("a consumer of a reader delivers to no group")
	case c.Replicas > 1:
		return refused("a consumer of a reader has one replica")
	case c.MaxAckPending > maxAckPending:
		return refused("max_ack_pending is %d at most", maxAckPending)
	}
	c.Description, c.Metadata, c.Memory, c.Replicas = "", nil, true, 1
	if c.Deliver == "" {
		c.MaxWaiting = maxWaiting
		if c.MaxExpires <= 0 || c.MaxExpires > maxExpires {
			c.MaxExpires = maxExpires
		}
	} else if inbox, ok := strings.CutPrefix(c.Deliver, "_INBOX."); !ok || inbox == "" || strings.ContainsAny(inbox, "*> \t\r\n") {
		return refused("a consumer of a reader delivers to an inbox of the reader")
	} else {
		c.Deliver = pushed(a.id) + "." + inbox
	}
	if c.AckPolicy != "none" && c.MaxAckPending <= 0 {
		c.MaxAckPending = 1000
	}
	switch {
	case c.Inactive > maxIdle || c.Durable != "" && c.Inactive <= 0:
		c.Inactive = maxIdle
	case c.Inactive <= 0:
		c.Inactive = idle
	}
	return nil
}

// one asks about one consumer of the reader.
func (a asked) one(ctx context.Context, verb, rest string) (any, error) {
	stream, name, _ := strings.Cut(rest, ".")
	a.mu.Lock()
	real, ok := a.usage(a.id).consumers[consumerName{stream, name}]
	a.mu.Unlock()
	if !ok {
		return nil, errNoConsumer
	}
	v, err := a.ask(ctx, verb+"."+stream+"."+real, nil)
	if err == nil && verb == "CONSUMER.DELETE" && v["error"] == nil {
		a.forget(real)
	}
	return a.plain(v, name), err
}

// have gives the names of the reader's consumers of a stream, sorted.
func (a asked) have(stream string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	have := []string{}
	for n := range a.usage(a.id).consumers {
		if n.stream == stream {
			have = append(have, n.name)
		}
	}
	slices.Sort(have)
	return have
}

// names lists the reader's consumers of a stream.
func (a asked) names(stream string) (any, error) {
	have := a.have(stream)
	return map[string]any{
		"type": "io.nats.jetstream.api.v1.consumer_names_response", "total": len(have), "offset": 0, "limit": 1024, "consumers": have,
	}, nil
}

// list is names with all that is known of each.
func (a asked) list(ctx context.Context, stream string) (any, error) {
	found := []any{}
	for _, name := range a.have(stream) {
		v, err := a.one(ctx, "CONSUMER.INFO", stream+"."+name)
		if err != nil && err != errNoConsumer {
			return nil, err
		}
		if m, ok := v.(map[string]any); ok && m["error"] == nil {
			found = append(found, v)
		}
	}
	return map[string]any{
		"type": "io.nats.jetstream.api.v1.consumer_list_response", "total": len(found), "offset": 0, "limit": 1024, "consumers": found,
	}, nil
}

// plain makes an answer speak of a consumer as its reader does.
func (a asked) plain(v map[string]any, name string) map[string]any {
	config, _ := v["config"].(map[string]any)
	for _, m := range []map[string]any{v, config} {
		for _, k := range []string{"name", "durable_name"} {
			if _, ok := m[k]; ok {
				m[k] = name
			}
		}
	}
	if s, ok := config["deliver_subject"].(string); ok {
		config["deliver_subject"] = "_INBOX." + strings.TrimPrefix(s, pushed(a.id)+".")
	}
	return v
}
