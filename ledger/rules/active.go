package rules

// Active says whether a did:key is a key of the ledger with that purpose, and may sign.
func (s *State) Active(did, purpose string) bool {
	k, ok := s.keys[did]
	return ok && k.revoked == 0 && k.purpose == purpose
}

// Knows says whether a did:key is, or was, a key of the ledger.
func (s *State) Knows(did string) bool {
	_, ok := s.keys[did]
	return ok
}
