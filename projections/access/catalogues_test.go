package access_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/schemas/catalogues"
)

// Given what a catalogue's file may say that a permission needs and gives, then it is what the rules know.
func TestCataloguesNeedWhatTheRulesKnow(t *testing.T) {
	if !slices.Equal(catalogues.Needs(), events.Needs()) {
		t.Errorf("catalogues know the needs %q, the rules %q", catalogues.Needs(), events.Needs())
	}
	if !slices.Equal(catalogues.Accesses(), events.Accesses()) {
		t.Errorf("catalogues know the accesses %q, the rules %q", catalogues.Accesses(), events.Accesses())
	}
}
