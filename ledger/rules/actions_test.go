package rules_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Every type of event takes an action that there is, or one of these says why it takes none, and none says so in vain.
func TestEveryTypeHasItsAction(t *testing.T) {
	none := map[events.Type]string{
		"checkpoints.recorded":  "the ledger records it itself",
		"grant.ended":           "the ledger records it itself",
		"key.succeeded":         "the root key does",
		"login.changed":         "it is a subject's own affair",
		"organization.opened":   "nobody has an action yet",
		"ownership.recovered":   "the operator's key does",
		"ownership.transferred": "only the owner does",
		"recovery.started":      "the operator's key does",
		"recovery.stopped":      "the operator's key or the owner does",
		"rules.adopted":         "only the owner does",
		"subject.joined":        "the code of the invitation does",
		"token.acted":           "it names the permission that it takes",
		"token.updated":         "it takes one for each thing that it changes",
	}
	for typ := range events.Types() {
		action, why := rules.ActionOf(typ), none[typ]
		switch {
		case action == "" && why == "":
			t.Errorf("%s takes no action, and nothing says why", typ)
		case action != "" && why != "":
			t.Errorf("%s takes %s, though %s", typ, action, why)
		case action != "" && !slices.Contains(rules.Actions(), action):
			t.Errorf("%s takes %s, which is none", typ, action)
		}
	}
}
