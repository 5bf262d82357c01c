package chain

// Resume gives a verifier that stands behind an entry which is known to hold, with all before it. eventKeys are those
// that may sign from there on, and root is the root key.
func Resume(behind Parsed, eventKeys []string, root string) *Verifier {
	e := behind.Entry.Event
	v := &Verifier{next: e.Sequence + 1, prev: behind.CID, source: e.Source, last: e, keys: Signers{map[string]bool{}, root}}
	for _, did := range eventKeys {
		v.keys.event[did] = true
	}
	return v
}
