package verify

import (
	"context"
	"errors"

	"github.com/permledger/permledger/ledger/chain"
)

// ErrNotRecorded says that no entry of a history names a document.
var ErrNotRecorded = errors.New("no entry of this history names the document")

// A Record is the entry that names a signed document.
type Record struct {
	Position uint64
	Source   string // of the ledger
	Key      string // did:key that the entry says signed it
}

// Recorded looks for the entry that names a document by its CID: replay is to verify a history with the options it is given, by
// [Entries], [Directory] or [Bundle], of everything or of what the document is about. The error wraps [ErrNotRecorded] where the
// history holds and no entry of it names the document; it is what replay gave where the history does not hold.
func Recorded(ctx context.Context, cid string, o Options, replay func(context.Context, Options) error) (Record, error) {
	var found Record
	o.carries = func(position uint64, source string, d *chain.Document) {
		if d.CID == cid {
			found = Record{position, source, d.Key}
		}
	}
	if err := replay(ctx, o); err != nil {
		return Record{}, err
	}
	if found.Position == 0 {
		return Record{}, ErrNotRecorded
	}
	return found, nil
}
