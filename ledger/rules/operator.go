package rules

import "github.com/permledger/permledger/events"

// decideOperator judges a command in the name of the operator's actor: whoever runs the ledger, which holds nothing in the
// organization and may do there only what the organization's first entry leaves to it.
func (s *State) decideOperator(e *events.Event) *Refusal {
	if e.Auth.Credential != s.current[events.PurposeOperator] {
		return refuse(NotProven, "The ledger's operator acts with the operator key")
	}
	switch e.Data.(type) {
	case *events.RoleAssigned, *events.RoleRevoked, *events.RecoveryStarted, *events.RecoveryStopped, *events.OwnershipRecovered:
		return nil
	}
	return refuse(NotPermitted, "The ledger's operator does not record %s", e.Data.Type())
}
