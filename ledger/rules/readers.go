package rules

import (
	"iter"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// reader judges a key with which somebody is to read the ledger's streams over NATS.
func (s *State) reader(e *events.Event, d *events.KeyRegistered) *Refusal {
	if s.opened.Rules == 1 {
		return refuse(Invalid, "A key for %q is rotated, not registered beside the one there is", d.Purpose)
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	if u.kind == events.KindWallet {
		return refuse(Invalid, "%s is a wallet; a key for reading is an account's", u.key)
	}
	return s.guardSubject(e, u)
}

// ReaderOf gives the subject that a key lets read the ledger's streams at an instant: the key is registered for that, the
// subject is active and may read the history.
func (s *State) ReaderOf(did string, at time.Time) (ulid.ULID, bool) {
	k, ok := s.keys[did]
	if !ok || k.revoked != 0 || k.purpose != events.PurposeReader || !k.until.IsZero() && !at.Before(k.until) ||
		!s.acts(s.subjects.get(k.subject)) || !s.May(k.subject, ActionHistoryRead, "", at) {
		return ulid.ULID{}, false
	}
	return k.subject, true
}

// Readers gives the keys with which the ledger's streams may be read, in no order, whoever's they are and whether or not
// these may read now.
func (s *State) Readers() iter.Seq[string] {
	return func(yield func(string) bool) {
		for did, k := range s.keys {
			if k.purpose == events.PurposeReader && k.revoked == 0 && !yield(did) {
				return
			}
		}
	}
}
