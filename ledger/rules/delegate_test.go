package rules_test

import "testing"

// Given a policy that its creator passed on, and that was passed back, when the creator passes it on again, then it is
// recorded: what goes round in a circle is not passed on without end.
func TestAccessPassedBack(t *testing.T) {
	w := open(t, plain, publish("shop", perm("seen", access("assigned"))), add("ann"), add("bob"), registered("policy/1"),
		grant("ann", "shop:seen"), grant("ann", "ledger:access.delegate"), delegateAccess("ann", "policy/1"))
	w.do(delegateAccess("owner", "policy/1").by("ann"))
	w.do(delegateAccess("bob", "policy/1"))
}
