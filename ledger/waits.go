package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// A KeyError says that the node does not hold a key that it signs with. Commands wait, but not for time to pass:
// somebody has to do what it says.
type KeyError struct {
	Organization string
	Purpose      string // one of package events
	Key          string // the did:key; empty: the node holds no key at all that would do
	Shared       bool   // other nodes write to the ledger too
}

func (e *KeyError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("this node holds no %s key of %s that is registered", e.Purpose, e.Organization)
	}
	return fmt.Sprintf("this node does not hold the %s key of %s: %s", e.Purpose, e.Organization, e.Key)
}

// Do says what somebody can do.
func (e *KeyError) Do() string {
	if e.Shared {
		return "Send the command to another node of the cluster, and have the owner register a key of this one: `permledger key register`"
	}
	do := fmt.Sprintf("Stop the server, put DIR/node/%s back from a backup, or name the program that has the key with --signer, and start it again", e.Organization)
	if e.Purpose == events.PurposeEvent {
		do += "; where there is none, replace the key with the root key: `permledger key succeed`"
	}
	return do
}

// Signs says whether the node holds the key that it signs a state's next entry with; if not, with a [*KeyError].
func (l *Ledger) Signs(s *rules.State) error {
	did := s.Key(events.PurposeEvent)
	if l.c.Shared != nil {
		did = EventKey(s, l.c.Shared.Own())
	}
	if _, ok := l.c.Keys.Signer(did); !ok {
		return l.noKey(events.PurposeEvent, did)
	}
	return nil
}

func (l *Ledger) noKey(purpose, did string) error {
	return &KeyError{Organization: l.c.Organization, Purpose: purpose, Key: did, Shared: l.c.Shared != nil}
}

const (
	// waitsAsk bounds the question of Waits to the stream.
	waitsAsk = 2 * time.Second
	// waitsFor is how long its answer is believed.
	waitsFor = 5 * time.Second
)

// lastAsk is what became of the last question of Waits to a shared stream.
type lastAsk struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// Waits says why a command would have to wait now ([ErrWait]); nil: it is decided. Of the keys see [Ledger.Signs]. Whether
// a shared stream answers it asks every few seconds, whoever calls it, and for 2 s at most.
func (l *Ledger) Waits(ctx context.Context) error {
	if l.c.Room != nil {
		if err := l.c.Room(); err != nil {
			return err
		}
	}
	if l.c.Shared == nil {
		return l.clockWaits()
	}
	if err := l.c.Shared.Ready(); err != nil {
		return err
	}
	l.asked.mu.Lock()
	defer l.asked.mu.Unlock()
	if l.asked.at.IsZero() || time.Since(l.asked.at) > waitsFor {
		// Who asked and went away must not leave word for the others that the stream did not answer.
		ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitsAsk)
		defer cancel()
		_, err := l.c.Log.Check(ask)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("the stream does not answer: most of the NATS servers that hold it are away, or have no leader yet: %w", err)
		}
		l.asked.at, l.asked.err = time.Now(), err
	}
	return l.asked.err
}

// clockWaits says why the clock is not believed. While somebody decides, the clock is: its answer says so if not.
func (l *Ledger) clockWaits() error {
	if !l.turn.TryLock() {
		return nil
	}
	defer l.turn.Unlock()
	_, err := l.clock.stamp(l.state.Time())
	return err
}
