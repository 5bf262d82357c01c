package acceptance_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
)

func TestI67RolesNotReviewedForAQuarterAreReported(t *testing.T) {
	// Given two roles on the day they are made
	clock := newClock(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
	o := openAt(t, "ipaware", clock)
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").CreateRole("Accountant", "billing.update")
	unreviewed := func() (keys []string) {
		for _, r := range read[wire.List[wire.RoleReport]](o, o.HTTP("GET", "/reports/unreviewed", nil)).Items {
			if r.Role == "analyst" || r.Role == "accountant" {
				keys = append(keys, r.Role)
			}
		}
		return keys
	}
	// Then none is due
	if got := unreviewed(); len(got) != 0 {
		t.Errorf("on the first day: %q", got)
	}
	// When a quarter passes, then both are reported
	clock.Advance(91 * 24 * time.Hour)
	if got := unreviewed(); !slices.Equal(got, []string{"accountant", "analyst"}) {
		t.Errorf("after a quarter: %q", got)
	}
	// When one is reviewed, then it is recorded by whom, and the role is not reported any more
	o.As("owner").Because("still right").Do(wire.Intent{Kind: wire.ReviewRole, Role: "analyst"})
	o.Recorded("owner", "role.reviewed", "analyst")
	if got := unreviewed(); !slices.Equal(got, []string{"accountant"}) {
		t.Errorf("after the review of analyst: %q", got)
	}
	// And another quarter later it is due again
	clock.Advance(91 * 24 * time.Hour)
	if got := unreviewed(); !slices.Equal(got, []string{"accountant", "analyst"}) {
		t.Errorf("another quarter later: %q", got)
	}
	// Who may not review is refused
	o.Add("user@example.com")
	o.Missing(o.As("user@example.com").Try(wire.Intent{Kind: wire.ReviewRole, Role: "analyst"}), "role.review")
}

func TestAccessReviewEndsInASignedRecord(t *testing.T) {
	// Given two people with a role, one of whom has left the desk
	o := open(t, "ipaware")
	o.Add("anna@example.com", "ben@example.com")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "anna@example.com")
	o.As("owner").Assign("analyst", "ben@example.com")

	// When a review of the role is started, and somebody gets the role afterwards
	o.Run("owner", "review", "start", "Second quarter", "role:analyst", "--due", "2999-01-01")
	o.Add("late@example.com")
	o.As("owner").Assign("analyst", "late@example.com")

	// Then its items are what was given then, and it cannot be closed before of each is decided
	r := read[wire.One[wire.Review]](o, o.HTTP("GET", "/reviews/Second%20quarter", nil)).Item
	if len(r.Items) != 2 || r.Undecided != 2 || r.Scope != "role:analyst" {
		t.Errorf("the review is %+v", r)
	}
	if c := o.CLI("owner", "review", "close", "Second quarter"); c.Code != 6 || !strings.Contains(c.Err, "nobody has decided") {
		t.Errorf("%+v; want that it cannot be closed", c)
	}
	// When one stays and the other goes
	o.Run("owner", "review", "decide", "Second quarter", "keep", "anna@example.com", "analyst", "--reason", "needs it")
	o.Run("owner", "review", "decide", "Second quarter", "revoke", "ben@example.com", "analyst", "--reason", "left the desk")

	// Then the one who goes lost the role by an event of its own, before the decision
	o.Allowed("anna@example.com", "ip.query")
	o.Denied("ben@example.com", "ip.query")
	o.Recorded("owner", "role.revoked", "ben@example.com", "left the desk")
	o.Recorded("owner", "review.decided", "ben@example.com", "revoked")
	// And what is decided is decided
	if c := o.CLI("owner", "review", "decide", "Second quarter", "revoke", "ben@example.com", "analyst", "--reason", "left the desk"); c.Code != 6 {
		t.Errorf("%+v; want that it is decided already", c)
	}
	// When it is closed, then the record is a signed document with who decided what
	o.Run("owner", "review", "close", "Second quarter")
	list := read[wire.List[wire.Review]](o, o.HTTP("GET", "/reviews", nil)).Items
	if len(list) != 1 || list[0].Open || list[0].Document == "" {
		t.Fatalf("the reviews are %+v", list)
	}
	doc := o.HTTP("GET", "/documents/"+list[0].Document, nil)
	var vc struct {
		Proof   map[string]any
		Subject struct {
			Type, Title string
			Items       []struct{ Decision, Role, By string }
		} `json:"credentialSubject"`
	}
	if err := json.Unmarshal([]byte(doc.Body), &vc); err != nil || doc.Status != http.StatusOK {
		t.Fatalf("%d %s, %v", doc.Status, doc.Body, err)
	}
	var decisions []string
	for _, i := range vc.Subject.Items {
		decisions = append(decisions, i.Decision+" "+i.Role)
		if i.By == "" {
			t.Errorf("it does not say who decided: %s", doc.Body)
		}
	}
	slices.Sort(decisions)
	if vc.Subject.Type != "AccessReview" || vc.Subject.Title != "Second quarter" || !slices.Equal(decisions, []string{"keep Analyst", "revoke Analyst"}) || vc.Proof["proofValue"] == "" {
		t.Errorf("the record is %s", doc.Body)
	}
	// And the review shows the same, and its role counts as reviewed
	if out := o.Run("owner", "review", "show", list[0].ID); !strings.Contains(out, "ben@example.com") || !strings.Contains(out, "revoke") {
		t.Errorf("review show:\n%s", out)
	}
	// And whoever got the role later was no item of it
	o.Allowed("late@example.com", "ip.query")
	if strings.Contains(doc.Body, o.DID("late@example.com")) {
		t.Error("what was given after the start is an item")
	}
}

func TestRestOfAReviewIsRevokedOnRequest(t *testing.T) {
	// Given a review of a user that nobody looked at
	o := open(t, "ipaware")
	o.Add("ben@example.com")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "ben@example.com")
	o.Run("owner", "review", "start", "Leavers", "user:ben@example.com")

	// When it is closed with the rest revoked
	o.Run("owner", "review", "close", "Leavers", "--rest", "revoke", "--reason", "they left")

	// Then he has nothing, and each step is recorded in its order
	o.Denied("ben@example.com", "ip.query")
	items, err := o.History(t.Context(), o.ID, wire.HistoryQuery{Newest: true, Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, i := range items.Items {
		types = append(types, i.Type)
	}
	if want := []string{"review.closed", "review.decided", "role.revoked"}; !slices.Equal(types, want) {
		t.Errorf("the newest entries are %q; want %q", types, want)
	}
}
