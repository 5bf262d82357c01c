package verify

import "github.com/permledger/permledger/events"

// noteKeys takes in what an entry does to the keys that sign something else than entries.
func (f *fold) noteKeys(e *events.Event) {
	f.keys.Note(e)
	f.issuer.Apply(e)
	if d, ok := e.Data.(*events.OrganizationOpened); ok {
		f.did = d.DID
	}
}
