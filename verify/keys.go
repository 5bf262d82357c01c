package verify

import "github.com/permledger/permledger/events"

// noteKeys takes in what an entry does to the keys that sign something else than entries, and which keys it reports.
func (f *fold) noteKeys(e *events.Event) {
	f.keys.Note(e)
	f.issuer.Apply(e)
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		f.did = d.DID
	case *events.KeyReported:
		if from, known := f.suspects[d.Key]; !known || d.From < from {
			f.suspects[d.Key] = d.From
		}
	}
}
