// Package witness is both sides of C2SP tlog-witness: a [Witness] cosigns the checkpoints of logs, each only if it
// continues the last one, and a [Submitter] asks the witnesses of a policy to cosign a log's checkpoints.
//
// What a cosignature of our witness guarantees: at its time, the checkpoint was the largest of this log that it had ever
// cosigned, and consistent with all it had cosigned before. So two readers who ask for the cosignature of one witness
// cannot be shown two histories. A checkpoint is kept as the whole note and synced before it is cosigned to anybody; no
// crash takes it back.
//
//	DIR/lock    held by the one process that has the directory open
//	DIR/vkey    the key, which has the witness's name
//	DIR/<SHA-256 of origin>/notes    every checkpoint of the log that was seen, cosigned or not
//	DIR/<SHA-256 of origin>/equivocation-<time>.txt   two of them that contradict each other
//
// A log that has signed two histories is a reason to stop: the witness writes both notes to that file, ends
// ([Witness.Forked]), and does not cosign for that log while the file stands there. What counts as proof are two roots
// that keys of the log signed and that cannot be of one tree: of one size, or of two sizes with a consistency proof that
// gives the newer root and not the older one. A proof that is merely wrong proves nothing: anybody can send one.
package witness

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

var (
	// ErrLocked says that another process has the witness's directory open.
	ErrLocked = errors.New("another process has this witness's directory open")
	// ErrDamaged says that what a witness kept is not as it was left. It must not go on: it could cosign a second history.
	ErrDamaged = errors.New("what the witness kept is damaged")
)

// ForkError says that a log has signed two histories.
type ForkError struct {
	Origin string
	What   string
	File   string // holds both notes; empty where it could not be written
	Err    error  // why not
}

func (e *ForkError) Error() string {
	s := fmt.Sprintf("EQUIVOCATION: the log %s has signed two histories: %s", e.Origin, e.What)
	if e.File != "" {
		s += "; both notes are in " + e.File
	}
	if e.Err != nil {
		s += fmt.Sprintf("; they could not be written to a file: %v", e.Err)
	}
	return s
}

// Config says what a witness is.
type Config struct {
	Dir    string        // is made where it is not there
	Name   string        // of the witness's key, for ever
	Signer crypto.Signer // Ed25519, used for nothing else
	Logs   []note.Key    // whose checkpoints it cosigns: several keys of one name are keys of one log
	Logger *slog.Logger  // nil: nothing is said
	Now    func() time.Time

	keep   int    // notes of a log that are remembered at least; 0: keep
	stored func() // for tests: between storing and answering
}

// Witness cosigns checkpoints. Its methods are safe for concurrent use.
type Witness struct {
	o    Config
	key  note.Key
	lock *os.File
	logs map[string]*log // by origin

	once   sync.Once
	forked chan struct{}
	fork   error
}

// Open opens a witness's directory. It fails with a [ForkError] where none of the logs is left to be cosigned, because
// the evidence against each of them lies in the directory.
func Open(o Config) (*Witness, error) {
	w := &Witness{o: o, logs: map[string]*log{}, forked: make(chan struct{})}
	if err := w.open(); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("witness %s: %w", o.Dir, err)
	}
	return w, nil
}

func (w *Witness) open() error {
	if w.o.Logger == nil {
		w.o.Logger = slog.New(slog.DiscardHandler)
	}
	if w.o.Now == nil {
		w.o.Now = time.Now
	}
	if w.o.keep == 0 {
		w.o.keep = keep
	}
	public, ok := w.o.Signer.Public().(ed25519.PublicKey)
	if !ok || !note.ValidName(w.o.Name) {
		return fmt.Errorf("a witness needs an Ed25519 key and a name without spaces and +; not %T and %q", w.o.Signer.Public(), w.o.Name)
	}
	w.key = note.WitnessKey(w.o.Name, public)
	if err := os.MkdirAll(w.o.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if w.lock, err = lock(filepath.Join(w.o.Dir, "lock")); err != nil {
		return err
	}
	if err := ownKey(w.o.Dir, w.key); err != nil {
		return err
	}
	for _, k := range w.o.Logs {
		if k.Kind != note.KindLog {
			return fmt.Errorf("the key %s is no log's", k)
		}
		if l, ok := w.logs[k.Name]; ok {
			l.keys = append(l.keys, k)
			continue
		}
		l := &log{origin: k.Name, dir: filepath.Join(w.o.Dir, nameOf(k.Name)), keys: []note.Key{k}, own: w.key, keep: w.o.keep}
		if err := l.open(); err != nil {
			return fmt.Errorf("%s: %w", k.Name, err)
		}
		w.logs[k.Name] = l
	}
	return w.charged()
}

// charged looks for evidence that stands in the directory.
func (w *Witness) charged() error {
	if len(w.logs) == 0 {
		return errors.New("a witness of which log? Name the keys of at least one")
	}
	var last error
	left := len(w.logs)
	for _, origin := range slices.Sorted(maps.Keys(w.logs)) {
		l := w.logs[origin]
		if l.evidence == "" {
			continue
		}
		last = &ForkError{Origin: l.origin, What: "it was found before; what it signs is not cosigned while the file stands there", File: l.evidence}
		w.o.Logger.Error(last.Error())
		left--
	}
	if left == 0 {
		return last
	}
	return nil
}

// Key gives the key that verifies the witness's cosignatures.
func (w *Witness) Key() note.Key { return w.key }

// Origins gives the names of the logs that the witness knows, sorted.
func (w *Witness) Origins() []string { return slices.Sorted(maps.Keys(w.logs)) }

// Forked gives a channel that is closed once a log has been found to have signed two histories: the witness has to end
// then, with the error that [Witness.Err] gives.
func (w *Witness) Forked() <-chan struct{} { return w.forked }

// Err gives the [ForkError] once Forked is closed.
func (w *Witness) Err() error {
	select {
	case <-w.forked:
		return w.fork
	default:
		return nil
	}
}

func (w *Witness) accuse(e *ForkError) {
	w.o.Logger.Error(e.Error())
	w.once.Do(func() {
		w.fork = e
		close(w.forked)
	})
}

// Close gives the directory back. Requests that are under way are waited for by whoever serves them.
func (w *Witness) Close() error {
	var errs []error
	for _, l := range w.logs {
		errs = append(errs, l.close())
	}
	if w.lock != nil {
		errs = append(errs, w.lock.Close())
	}
	return errors.Join(errs...)
}

// nameOf gives the name of a log's directory, which is its place in URLs too.
func nameOf(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}
