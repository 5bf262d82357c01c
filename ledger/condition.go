package ledger

import (
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
)

// A Condition is what a command is recorded under: that nothing was, behind the position at which its author looked, that
// changes what the author decided upon. It is judged where the command is, so nothing can come between.
type Condition struct {
	Behind uint64                   // the position at which the author looked
	Not    func(*events.Event) bool // says of an event behind it that it stands in the way
}

// ChangedError says that a [Condition] does not hold: nothing was recorded. The entry at At, which stands in the way, may
// not be shown yet.
type ChangedError struct {
	At uint64
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the entry %d changed what the command goes by", e.At)
}

// holds says whether nothing stands in the way of a command. It reads all entries behind the condition's position: who
// makes one looks first, so these are few.
func (l *Ledger) holds(c *Condition) error {
	if c == nil {
		return nil
	}
	for at := c.Behind + 1; at < l.next; at++ {
		en, err := l.decided(at)
		if err != nil {
			return err
		}
		if c.Not(en.Event) {
			return &ChangedError{At: at}
		}
	}
	return nil
}

// decided gives an entry that was decided on, whether or not it is written yet.
func (l *Ledger) decided(at uint64) (*chain.Entry, error) {
	l.mu.Lock()
	en := l.pending[at]
	l.mu.Unlock()
	if en != nil {
		return en, nil
	}
	raw, err := l.c.Journal.Read(at)
	if err != nil {
		return nil, fmt.Errorf("%w: read event %d: %w", ErrWait, at, err)
	}
	if en, err = chain.Parse(raw); err != nil {
		return nil, fmt.Errorf("%w: read event %d: %w", ErrWait, at, err)
	}
	return en, nil
}
