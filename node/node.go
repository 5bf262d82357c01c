// Package node keeps a data directory: its lock, the embedded server, and the organizations whose ledgers lie in it.
//
//	DIR/permledger.json     marks the directory; the format's version and the host in the names of its ledgers
//	DIR/lock                held by the one process that has the directory open
//	DIR/keys/               keys of people: <org>.owner, <org>.root, operator; nobody needs them here once they are kept elsewhere
//	DIR/node/witnesses.policy   who is asked to cosign checkpoints
//	DIR/node/<org>/         the private keys the node signs with in that organization and no other, one file for each
//	DIR/store/              nats-server's own: the streams
//	DIR/readers/            another nats-server's: copies of streams for outside clients; nothing is lost with it
//	DIR/orgs/<org>/         journal/, head, genesis, private, snapshot; log/, tiles and checkpoints; mended.jsonl; guard/ while a start is under way; *-aside-*
//	DIR/orgs/_<org>-...     what an opening left that failed; no organization
//	DIR/run/                what a running server says of itself: server.json, token
//
// A ledger is never made because it is missing: only [Node.OpenOrganization] makes one, and only where none has been.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/internal/signer"
	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/readers"
	"github.com/permledger/permledger/webhook"
)

// Format is the version of the directory's layout.
const Format = 1

var (
	// ErrLocked says that another process has the directory open.
	ErrLocked = errors.New("another process has this directory open")
	// ErrNotInitialized says that the directory holds no ledgers.
	ErrNotInitialized = errors.New("no permledger directory; `permledger init DIR` makes one")
	// ErrInitialized says that the directory holds ledgers already.
	ErrInitialized = errors.New("this is a permledger directory already")
	// ErrNoOrganization says that no organization of that name is open here.
	ErrNoOrganization = errors.New("no such organization here")
)

// Operator is the organization of whoever runs the node.
const Operator = events.Operator

// Options say how to open a directory.
type Options struct {
	Logger *slog.Logger     // nil: nothing is said
	Now    func() time.Time // nil: time.Now
	// NATS is the cluster that a directory made for one belongs to; nil: the directory has a store of its own.
	NATS *stream.RemoteOptions

	// Witnesses are asked to cosign the checkpoints of all organizations; see [ReadWitnesses]. Nil: those of the
	// directory's own file, if it has one.
	Witnesses *note.Policy
	// AskNobody keeps them from being asked, by who opens a directory for a moment. What they cosigned before counts.
	AskNobody bool

	// MinFree is how much must be free on the file system of the directory, in bytes: with less, commands have to wait
	// ([ledger.ErrWait]). 0 stands for [MinFree], [NoMinFree] for none.
	MinFree uint64

	// Signer is the command line of a program that makes and holds the keys that the node signs with; nil: they lie in
	// files below DIR/node. Keys in files serve on until they are rotated.
	Signer []string

	// PublishChanges has the changes of all organizations published, as [Org.PublishChanges] does for one.
	PublishChanges bool

	// ActivityKeep is how long activity is kept: what was refused, who signed in and what was read. 0: for ever.
	ActivityKeep time.Duration
	// Webhooks say how what changes is delivered, and whether: see [webhook.Options].
	Webhooks webhook.Options

	signerWait    time.Duration // for one answer; 0: as long as it waits by itself
	checkEvery    time.Duration // 0: checkEvery
	noteEvery     time.Duration // 0: noteEvery
	beatEvery     time.Duration // 0: heartbeatEvery
	snapshotEvery uint64        // entries; 0: as many as a ledger takes by itself
}

// Node is an open data directory. Its methods are safe for concurrent use.
type Node struct {
	dir  string
	host string
	opts Options
	log  *slog.Logger
	lock *os.File
	keys *keyrings
	srv  *stream.Server // nil in a cluster
	conn *stream.Conn

	keeping chan struct{} // holds one: the organization whose snapshot is made while it runs
	cluster *cluster      // nil where the directory has a store of its own

	repaired map[string][]Mended // by [Repair], before the ledgers are opened
	told     func(Mended)        // of each mending; nil: nobody is

	readers atomic.Pointer[readers.Server] // nil: nobody reads over NATS

	watching sync.WaitGroup
	unwatch  context.CancelFunc // nil: nobody watches

	space   sync.Mutex // guards what follows
	spaceAt time.Time  // when the file system was asked last
	full    error      // why no command is recorded; nil: there was room

	mu     sync.RWMutex
	orgs   map[string]*Org
	opened map[string]*Org // made, and not yet acknowledged: see [Node.OpenOrganization]
}

type marker struct {
	Format int    `json:"format"`
	Host   string `json:"host"`

	// Cluster says that the streams lie in a cluster that other nodes write to: opened with a store of its own, the
	// directory would begin a second history.
	Cluster bool `json:"cluster,omitempty"`
}

// Host gives the first part of the names of the node's ledgers.
func (n *Node) Host() string { return n.host }

// Init makes a data directory without any organization. host is the first part of its ledgers' names.
func Init(dir, host string) error { return initialize(dir, marker{Format: Format, Host: host}) }

func initialize(dir string, m marker) error {
	host := m.Host
	if err := canon.Source.Check(host + "/" + Operator); err != nil {
		return fmt.Errorf("init %s: host %q: %w", dir, host, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "permledger.json")); err == nil {
		return fmt.Errorf("init %s: %w", dir, ErrInitialized)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("init %s: the directory is not empty", dir)
	}
	for _, d := range []string{"", "keys", "node", "store", "orgs", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return fmt.Errorf("init: %w", err)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	err = synced.WriteFile(filepath.Join(dir, "permledger.json"), append(b, '\n'), 0o600)
	if err == nil {
		err = synced.Dir(filepath.Dir(filepath.Clean(dir))) // a power cut must not take the directory itself
	}
	if err != nil {
		return fmt.Errorf("init %s: %w", dir, err)
	}
	return nil
}

// Open locks the directory, compares the copies of every ledger, completes what a crash left, starts the embedded server,
// and opens the ledgers. What cannot be completed with certainty is refused, with one line that says why, before any
// ledger is changed.
func Open(ctx context.Context, dir string, opts Options) (*Node, error) {
	n := newNode(dir, opts)
	if err := n.open(ctx); err != nil {
		_ = n.Close()
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return n, nil
}

func newNode(dir string, opts Options) *Node {
	n := &Node{dir: dir, opts: opts, log: opts.Logger, orgs: map[string]*Org{}, opened: map[string]*Org{}, keeping: make(chan struct{}, 1)}
	n.keys = &keyrings{dir: filepath.Join(dir, "node"), all: map[string]*keys{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.opts.Now == nil {
		n.opts.Now = time.Now
	}
	switch n.opts.MinFree {
	case 0:
		n.opts.MinFree = MinFree
	case NoMinFree:
		n.opts.MinFree = 0
	}
	if n.opts.checkEvery == 0 {
		n.opts.checkEvery = checkEvery
	}
	if n.opts.beatEvery == 0 {
		n.opts.beatEvery = heartbeatEvery
	}
	if n.opts.noteEvery == 0 {
		n.opts.noteEvery = noteEvery
	}
	return n
}

func (n *Node) open(ctx context.Context) error {
	m, err := readMarker(n.dir)
	if err != nil {
		return err
	}
	n.host = m.Host
	if err := m.fits(n.opts); err != nil {
		return err
	}
	if err := n.findWitnesses(); err != nil {
		return err
	}
	if len(n.opts.Signer) > 0 {
		if n.keys.program, err = signer.New(n.opts.Signer, signer.Options{Logger: n.log, Timeout: n.opts.signerWait}); err != nil {
			return err
		}
	}
	if n.lock, err = lock(filepath.Join(n.dir, "lock")); err != nil {
		return err
	}
	if n.opts.NATS != nil {
		err = n.openShared(ctx)
	} else {
		err = n.startLedgers(ctx)
	}
	if err != nil {
		return err
	}
	var watch context.Context
	watch, n.unwatch = context.WithCancel(context.Background())
	if n.opts.NATS == nil {
		n.watching.Go(func() { n.watch(watch) })
	}
	n.watching.Go(func() { n.noteCheckpoints(watch) })
	return nil
}

// ackWait is how long an append waits for the next answer of nats-server before it asks what became of it: a server
// that cannot write, as on a full disk, gives none.
const ackWait = 2 * time.Second

// errMarker is about the file that marks a directory.
var errMarker = errors.New("permledger.json")

// markerAdvice says how the file is made by hand. Nothing else in the directory says that it belongs to a cluster.
const markerAdvice = `put it back from a backup, or write it: {"format":1,"host":"HOST"}, where HOST is what orgs/*/genesis has before the slash; ` +
	`{"format":1,"host":"HOST","cluster":true} where the ledgers lie in a cluster`

func readMarker(dir string) (marker, error) {
	var m marker
	b, err := os.ReadFile(filepath.Join(dir, "permledger.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if entries, failed := os.ReadDir(filepath.Join(dir, "orgs")); failed != nil || len(entries) == 0 {
			return m, ErrNotInitialized
		}
		return m, &DamageError{Dir: dir, Err: fmt.Errorf("%w is missing, and orgs/ is here: %s", errMarker, markerAdvice)}
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, &DamageError{Dir: dir, Err: fmt.Errorf("%w does not hold what was written to it (%w): %s", errMarker, err, markerAdvice)}
	}
	if m.Format != Format {
		return m, fmt.Errorf("permledger.json: the directory has format %d, this release reads %d", m.Format, Format)
	}
	return m, nil
}

// lock takes the directory for this process. The kernel gives it back however the process ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			if pid, err := lockHolder(path); err == nil && pid > 1 { // 1 stands for one that has no number here
				return nil, fmt.Errorf("%w: process %d", ErrLocked, pid)
			}
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}

func (n *Node) store() string           { return filepath.Join(n.dir, "store") }
func (n *Node) orgDir(id string) string { return filepath.Join(n.dir, "orgs", id) }

// Dir gives the directory.
func (n *Node) Dir() string { return n.dir }

// Stream gives the connection to the embedded server, or to the cluster.
func (n *Node) Stream() *stream.Conn { return n.conn }

func (n *Node) organizations() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(n.dir, "orgs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &DamageError{Dir: n.dir, Err: errNoOrgs}
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && canon.Organization.Check(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Organizations gives the ids of the organizations that are open, sorted.
func (n *Node) Organizations() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	ids := make([]string, 0, len(n.orgs))
	for id := range n.orgs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Org gives an open organization.
func (n *Node) Org(id string) (*Org, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if o, ok := n.orgs[id]; ok {
		return o, nil
	}
	return nil, noOrganization(id)
}

// noOrganization is [ErrNoOrganization] of one that was asked for. It is put into words only where somebody reads them, so that
// how long the refusal of a stranger takes does not tell whether there is an organization.
type noOrganization string

func (o noOrganization) Error() string { return fmt.Sprintf("%q: %v", string(o), ErrNoOrganization) }

func (o noOrganization) Unwrap() error { return ErrNoOrganization }

// Close closes the ledgers, stops the server and gives the directory back.
func (n *Node) Close() error {
	var errs []error
	if s := n.readers.Load(); s != nil {
		errs = append(errs, s.Close())
	}
	n.cluster.end()
	if n.unwatch != nil {
		n.unwatch()
		n.watching.Wait()
	}
	n.mu.Lock()
	all := slices.AppendSeq(slices.Collect(maps.Values(n.orgs)), maps.Values(n.opened))
	clear(n.orgs)
	clear(n.opened)
	n.mu.Unlock() // who reads an organization may ask for another while its ledger is waited for
	for _, o := range all {
		errs = append(errs, o.close())
	}
	if n.srv != nil {
		errs = append(errs, n.srv.Close())
	} else if n.conn != nil {
		errs = append(errs, n.conn.Close())
	}
	if n.keys.program != nil {
		errs = append(errs, n.keys.program.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
