// Package webhook sends what changes in an organization to the addresses that its administrators named. It owns the files in
// orgs/ORG/webhooks: what each endpoint is, how far it got, and what it would not take.
//
// To each endpoint messages go one after the other, in the order of the log, at least once: the position is kept after a
// delivery was taken, so a crash between the two has it delivered again, with the same Webhook-Id. A delivery that fails is
// tried again, with pauses that double; after [Options.Attempts] it is put aside (a dead letter) and the next one is sent.
// Nothing is sent in the name of who may not read it: where whoever answers for an endpoint may not read the messages any
// more, it is stopped too, and goes on when somebody who may starts it.
//
// An endpoint that takes none of several in a row, or that answers 410, is stopped: its position stays, and starting it again
// skips nothing. Deliveries are signed as Standard Webhooks 1.0 says (https://www.standardwebhooks.com).
//
// Endpoints are of one node. Two nodes of a cluster have each their own.
package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/permledger/permledger/internal/synced"
)

// Errors, which come wrapped.
var (
	ErrURL      = errors.New("webhook: not an address to send to")
	ErrNone     = errors.New("webhook: there is none with that id")
	ErrTooMany  = errors.New("webhook: there are as many as there may be")
	ErrPosition = errors.New("webhook: there is no such position")
)

const (
	maxURL       = 1024
	maxEndpoints = 32
	maxDead      = 1000 // lines that are given
)

// A Message is what an endpoint gets of one position.
type Message struct {
	ID   string // the same whenever it is sent
	Kind string
	Body []byte
}

// A Source gives the messages of an organization, by position from 1 on.
type Source interface {
	Head() uint64
	Changed() <-chan struct{} // closed when the next one is there
	Message(position uint64) (Message, error)
	May(by string) bool // whether who answers for an endpoint may read the messages now
}

// Options say how deliveries are made. Zero stands for the default.
type Options struct {
	Allow    []netip.Prefix // networks beside the public internet, to which plain HTTP is sent too
	Attempts int            // of one message; 10
	Pause    time.Duration  // after the first failure, doubled by each that follows; 2 s
	Longest  time.Duration  // pause; 1 h
	Timeout  time.Duration  // of one attempt; 10 s
	Stop     int            // so many dead letters in a row stop an endpoint; 5
	Keep     time.Duration  // how often, at most, a position is kept while deliveries go on; 1 s
	Logger   *slog.Logger
	Now      func() time.Time
	Deliver  bool // else nothing is sent
}

func (o Options) orDefault() Options {
	o.Attempts, o.Stop = cmp.Or(o.Attempts, 10), cmp.Or(o.Stop, 5)
	o.Pause, o.Longest = cmp.Or(o.Pause, 2*time.Second), cmp.Or(o.Longest, time.Hour)
	o.Timeout, o.Keep = cmp.Or(o.Timeout, 10*time.Second), cmp.Or(o.Keep, time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// An Endpoint is where messages go.
type Endpoint struct {
	ID      string    `json:"id"`
	URL     string    `json:"url"`
	Kinds   []string  `json:"kinds,omitempty"` // of messages that it gets; empty: all but the kind other
	Created time.Time `json:"created"`
	By      string    `json:"by"`                // who answers for it: made it, or started it last
	Stopped string    `json:"stopped,omitempty"` // why nothing is sent any more
	Secrets []Secret  `json:"secrets"`           // the newest first
}

// A Secret signs deliveries until it ends.
type Secret struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"until,omitzero"` // zero: it has no end
}

// progress is how far an endpoint got, as it is kept.
type progress struct {
	Position uint64 `json:"position"` // the last one that was delivered, put aside or not meant for it
	Dead     int    `json:"dead"`     // letters in a row
}

// A Dead letter is a message that an endpoint would not take.
type Dead struct {
	Position uint64    `json:"position"`
	Time     time.Time `json:"time"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"`
}

// Status is how an endpoint is.
type Status struct {
	Endpoint
	Position uint64    // the last one that it is done with
	Failures int       // attempts of the message at hand
	Error    string    // of the last attempt; empty: it was taken
	Next     time.Time // attempt, where one failed
	Dead     int       // letters that were put aside
}

// Set is the endpoints of one organization. It is safe for concurrent use.
type Set struct {
	dir    string
	source Source
	opts   Options

	mu   sync.Mutex
	all  map[string]*courier
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// Open reads the endpoints that a directory holds, if there is one, and begins to deliver.
func Open(dir string, source Source, opts Options) (*Set, error) {
	s := &Set{dir: dir, source: source, opts: opts.orDefault(), all: map[string]*courier{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	files, err := filepath.Glob(filepath.Join(dir, "*.endpoint"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		c := &courier{set: s}
		for file, into := range map[string]any{path: &c.endpoint, strings.TrimSuffix(path, ".endpoint") + ".position": &c.progress} {
			b, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(b, into)
			}
			if err != nil { // neither can be missing: the position is written first
				return nil, fmt.Errorf("webhook: read %s: %w", file, err)
			}
		}
		dead, err := s.dead(c.endpoint.ID)
		if err != nil {
			return nil, err
		}
		c.dead = len(dead)
		s.begin(c)
	}
	return s, nil
}

// Close ends deliveries. What is being delivered may be delivered again after the next start.
func (s *Set) Close() {
	s.stop()
	s.wg.Wait()
}

func (s *Set) begin(c *courier) {
	ctx, stop := context.WithCancel(s.ctx)
	c.stop, c.wake, c.done = stop, make(chan struct{}, 1), make(chan struct{})
	s.all[c.endpoint.ID] = c
	if !s.opts.Deliver {
		close(c.done)
		return
	}
	s.wg.Go(func() {
		defer close(c.done)
		c.run(ctx)
	})
}

// Create adds an endpoint that gets what comes behind a position. Its secret is in what is given, and shown nowhere else.
func (s *Set) Create(text string, kinds []string, by string, from uint64) (Endpoint, error) {
	if _, err := parseURL(text, s.opts.Allow); err != nil {
		return Endpoint{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= maxEndpoints {
		return Endpoint{}, fmt.Errorf("%w: %d", ErrTooMany, maxEndpoints)
	}
	if from > s.source.Head() {
		return Endpoint{}, fmt.Errorf("%w: %d", ErrPosition, from)
	}
	e := Endpoint{
		ID: "wh" + strings.ToLower(rand.Text()), URL: text, Kinds: slices.Clone(kinds), Created: s.opts.Now().UTC(), By: by,
		Secrets: []Secret{{Secret: newSecret()}},
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Endpoint{}, err
	}
	c := &courier{set: s, endpoint: e, progress: progress{Position: from}}
	if err := errors.Join(s.keep(e.ID+".position", c.progress), synced.Dir(filepath.Dir(s.dir))); err != nil {
		return Endpoint{}, err
	}
	if err := s.keep(e.ID+".endpoint", e); err != nil {
		return Endpoint{}, err
	}
	s.begin(c)
	return e, nil
}

func (s *Set) keep(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return synced.WriteFile(filepath.Join(s.dir, name), append(b, '\n'), 0o600)
}

func (s *Set) find(id string) (*courier, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.all[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNone, id)
}

// Delete removes an endpoint with all that is kept of it. Nothing is sent to it once this returns.
func (s *Set) Delete(id string) error {
	c, err := s.find(id)
	if err != nil {
		return err
	}
	c.stop()
	<-c.done
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
	for _, name := range []string{".endpoint", ".position", ".dead"} { // without the first the others count for nothing
		if err := os.Remove(filepath.Join(s.dir, id+name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return synced.Dir(s.dir)
}

// List gives all endpoints, in the order of their creation, without secrets.
func (s *Set) List() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Status, 0, len(s.all))
	for _, c := range s.all {
		list = append(list, c.status())
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return list
}

// Rotate gives an endpoint another secret, which is given. Deliveries are signed with the one before too, until overlap is over.
func (s *Set) Rotate(id string, overlap time.Duration) (string, error) {
	c, err := s.find(id)
	if err != nil {
		return "", err
	}
	secret := newSecret()
	return secret, c.change(func(e *Endpoint, _ *progress) {
		now := s.opts.Now()
		e.Secrets[0].Until = now.Add(overlap).UTC()
		e.Secrets = slices.DeleteFunc(e.Secrets, func(old Secret) bool { return !now.Before(old.Until) })
		e.Secrets = append([]Secret{{Secret: secret}}, e.Secrets...)
	})
}

// Replay has an endpoint get what comes behind a position, again or at last, and starts it where it was stopped. Whoever does
// answers for it from then on.
func (s *Set) Replay(id string, behind uint64, by string) error {
	c, err := s.find(id)
	if err != nil {
		return err
	}
	if behind > s.source.Head() {
		return fmt.Errorf("%w: %d", ErrPosition, behind)
	}
	return c.change(func(e *Endpoint, p *progress) { e.Stopped, e.By, *p = "", by, progress{Position: behind} })
}

// Dead gives the messages that an endpoint would not take, the oldest first, at most the newest thousand.
func (s *Set) Dead(id string) ([]Dead, error) {
	if _, err := s.find(id); err != nil {
		return nil, err
	}
	list, err := s.dead(id)
	return list[max(0, len(list)-maxDead):], err
}

func (s *Set) dead(id string) (list []Dead, err error) {
	b, err := os.ReadFile(filepath.Join(s.dir, id+".dead"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for line := range bytes.Lines(b) {
		var d Dead
		if json.Unmarshal(line, &d) == nil { // a crash may have left a part of the last line, of what is sent again
			list = append(list, d)
		}
	}
	return list, err
}

// Test sends an endpoint a message of the kind test at once, once, and gives what became of it.
func (s *Set) Test(ctx context.Context, id string) error {
	c, err := s.find(id)
	if err != nil {
		return err
	}
	at := s.opts.Now().UTC().Format("2006-01-02T15:04:05.000Z") // as changes have theirs
	_, err = c.send(ctx, Message{ID: "test-" + strings.ToLower(rand.Text()), Body: []byte(`{"type":"permledger.test","timestamp":"` + at + `","data":{}}`)})
	return err
}
