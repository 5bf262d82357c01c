package acceptance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func TestI67RolesNotReviewedForAQuarterAreReported(t *testing.T) {
	// given a role, and another that comes two months later
	c := newClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	o := openAt(t, "ipaware", c)
	due := func() []string {
		t.Helper()
		list, err := o.UnreviewedRoles(t.Context(), o.ID, 0, client.Read{})
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, r := range list.Items {
			keys = append(keys, r.Role)
		}
		return keys
	}
	o.As("owner").CreateRole("Analyst", "ip.query")
	c.Advance(60 * 24 * time.Hour)
	o.As("owner").CreateRole("Accountant", "billing.portal")
	if d := due(); len(d) != 0 {
		t.Errorf("before a quarter has passed, due are %q", d)
	}

	// when a quarter has passed since the first
	c.Advance(31 * 24 * time.Hour)

	// then it is shown, and the younger one is not
	if d := due(); !slices.Contains(d, "analyst") || slices.Contains(d, "accountant") {
		t.Errorf("after a quarter, due are %q", d)
	}
	if out := o.Run("", "report", "unreviewed"); !strings.Contains(out, "analyst") || !strings.Contains(out, "never") {
		t.Errorf("the program says %s", out)
	}

	// when a review of it is recorded
	review := wire.Intent{Kind: wire.ReviewRole, Role: "analyst"}
	o.As("owner").Because("still needed as it is").Do(review)

	// then it is not due for another quarter, and the history says who reviewed it and why
	if d := due(); slices.Contains(d, "analyst") {
		t.Errorf("after its review, due are %q", d)
	}
	o.Recorded("owner", "role.reviewed", "analyst", "still needed as it is")
	c.Advance(91 * 24 * time.Hour)
	if d := due(); !slices.Contains(d, "analyst") || !slices.Contains(d, "accountant") {
		t.Errorf("a quarter after its review, due are %q", d)
	}
	// and who may not review it does not
	o.Add("carl")
	o.Refused(o.As("carl").Try(review), "not-permitted", "", "")
}
