package acceptance_test

import (
	"strconv"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

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
