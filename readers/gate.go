package readers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	maxConsumers = 128  // of one reader
	maxBusy      = 8    // requests of one reader that JetStream has not answered
	maxRate      = 1000 // requests of one reader in a second
	apiTimeout   = 5 * time.Second
)

// gate takes what readers of one organization ask of the JetStream API, and asks JetStream what they may ask. From the
// subject, gate.READER.…, it knows whose a request is: nats-server puts that there (see [Server.account]).
//
// Requests for messages, acknowledgements and flow control do not come here: they name a consumer, and get there only with
// the name that it really has, which is random. For the names that a reader gave its own, its account has mappings.
type gate struct {
	o    *streams
	subs []*nats.Subscription

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	readers map[string]*usage
	real    map[string]consumerOf // by real name
}

// usage is what a reader asks for and what it has.
type usage struct {
	busy      int
	since     time.Time
	requests  int                     // since then
	consumers map[consumerName]string // real names; "" while one is made
}

// consumerName is what a reader calls a consumer.
type consumerName struct{ stream, name string }

type consumerOf struct {
	reader string
	consumerName
}

func openGate(o *streams) (*gate, error) {
	g := &gate{o: o, readers: map[string]*usage{}, real: map[string]consumerOf{}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	for subject, take := range map[string]nats.MsgHandler{
		"gate.>":                                g.take,
		"$JS.EVENT.ADVISORY.CONSUMER.DELETED.>": g.gone,
	} {
		sub, err := o.nc.Subscribe(subject, take)
		if err != nil {
			return nil, err
		}
		g.subs = append(g.subs, sub)
	}
	return g, o.nc.FlushTimeout(startTimeout)
}

func (g *gate) close() {
	g.stop()
	for _, sub := range g.subs {
		_ = sub.Unsubscribe()
	}
	g.work.Wait()
}

// asked is one request: what stands behind $JS.API in its subject, and the message.
type asked struct {
	*gate
	id   string
	verb string
	m    *nats.Msg
}

// take takes one request. It runs in one goroutine and waits for nobody.
func (g *gate) take(m *nats.Msg) {
	id, verb, ok := strings.Cut(strings.TrimPrefix(m.Subject, "gate."), ".")
	if !ok || m.Reply == "" {
		return
	}
	a := asked{g, id, verb, m}
	if err := g.enter(id); err != nil {
		if err != errFlood {
			a.refuse(err)
		}
		return
	}
	g.work.Go(func() {
		defer g.leave(id)
		ctx, cancel := context.WithTimeout(g.ctx, apiTimeout)
		defer cancel()
		v, err := a.answer(ctx)
		if err == nil {
			err = a.respond(v)
		}
		if err != nil {
			a.refuse(err)
		}
	})
}

// errFlood is about requests that get no answer.
var errFlood = &refusal{429, 10023, "too many requests"}

// enter counts a request, and refuses it where the reader has too many.
func (g *gate) enter(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.usage(id)
	if now := time.Now(); now.Sub(u.since) > time.Second {
		u.since, u.requests = now, 0
	}
	if u.requests++; u.requests > maxRate {
		return errFlood
	}
	if u.busy >= maxBusy {
		return &refusal{429, 10023, fmt.Sprintf("more than %d requests at a time", maxBusy)}
	}
	u.busy++
	return nil
}

func (g *gate) leave(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readers[id].busy--
}

// usage gives what is known of a reader. g.mu is held.
func (g *gate) usage(id string) *usage {
	u := g.readers[id]
	if u == nil {
		u = &usage{consumers: map[consumerName]string{}}
		g.readers[id] = u
	}
	return u
}

// answer does what was asked.
func (a asked) answer(ctx context.Context) (any, error) {
	switch verb, rest, _ := cutVerb(a.verb); verb {
	case "INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO", "STREAM.MSG.GET":
		return a.ask(ctx, a.verb, a.m.Data)
	case "CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE":
		return a.create(ctx, rest)
	case "CONSUMER.INFO", "CONSUMER.DELETE":
		return a.one(ctx, verb, rest)
	case "CONSUMER.NAMES":
		return a.names(rest)
	case "CONSUMER.LIST":
		return a.list(ctx, rest)
	}
	return nil, refused("$JS.API.%s is not for readers", a.verb)
}

// cutVerb splits a subject of the API, without $JS.API, behind the words that are in capitals and end before the name of a
// stream.
func cutVerb(subject string) (verb, rest string, ok bool) {
	for _, v := range []string{
		"STREAM.INFO", "STREAM.MSG.GET", "CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.INFO", "CONSUMER.DELETE", "CONSUMER.NAMES", "CONSUMER.LIST",
	} {
		if rest, ok := strings.CutPrefix(subject, v+"."); ok {
			return v, rest, true
		}
	}
	return subject, "", false
}

// ask asks JetStream.
func (g *gate) ask(ctx context.Context, verb string, body []byte) (map[string]any, error) {
	m, err := g.o.nc.RequestWithContext(ctx, "$JS.API."+verb, body)
	if err != nil {
		return nil, err
	}
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(m.Data))
	d.UseNumber()
	return v, d.Decode(&v)
}

func (a asked) respond(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = a.m.Respond(b)
	}
	return err
}

// refusal is an error as JetStream's API has it.
type refusal struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code,omitempty"`
	Description string `json:"description"`
}

func (r *refusal) Error() string { return r.Description }

func refused(format string, v ...any) *refusal {
	return &refusal{400, 10003, fmt.Sprintf(format, v...)}
}

var (
	errNoStream   = &refusal{404, 10059, "stream not found"}
	errNoConsumer = &refusal{404, 10014, "consumer not found"}
)

func (a asked) refuse(err error) {
	r, ok := err.(*refusal)
	if !ok {
		r = &refusal{503, 10008, "JetStream does not answer"}
	}
	_ = a.respond(map[string]any{"type": "io.nats.jetstream.api.v1.error_response", "error": r})
}
