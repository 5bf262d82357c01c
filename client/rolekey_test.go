package client_test

import (
	"testing"

	"github.com/permledger/permledger/client"
)

// Given the name of a role, when it has no key yet, then the key has its letters and digits alone.
func TestRoleKey(t *testing.T) {
	for name, want := range map[string]string{"Compliance Officer": "compliance-officer", "  KYC  Desk (EU) ": "kyc-desk-eu", "№": ""} {
		if got := client.RoleKey(name); got != want {
			t.Errorf("RoleKey(%q) = %q; want %q", name, got, want)
		}
	}
}
