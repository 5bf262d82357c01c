package acceptance_test

import (
	"strconv"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// founded is open, with the roles that an organization of the profile begins with: as `permledger org open` leaves it.
func founded(t *testing.T, profile string) *org {
	t.Helper()
	return found(open(t, profile))
}

func found(o *org) *org {
	o.t.Helper()
	all, err := client.Founding(o.Profile)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, in := range all {
		if in.Kind != wire.PublishCatalogue { // which open has done
			o.As("owner").Do(in)
		}
	}
	return o
}

// whole gives the organization as it is now.
func (o *org) whole() wire.Organization {
	o.t.Helper()
	have, err := o.Organization(o.t.Context(), o.ID, client.Read{})
	if err != nil {
		o.t.Fatal(err)
	}
	return have
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
