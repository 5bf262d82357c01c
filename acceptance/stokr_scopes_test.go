package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func TestS13APermissionOnOneInvestorReadsThatOne(t *testing.T) {
	// given a user who should only see certain investors, not all
	o := open(t, "stokr")
	o.Add("user")
	o.Denied("user", "investor.view", "investor/A")

	// when it is given investor.view on investor A only
	o.As("owner").Grant("investor.view", "user", "investor/A")

	// then it reads A by its id, and what lies beneath
	c := o.Allowed("user", "investor.view", "investor/A")
	if b := c.Because[0]; b.Scope != "investor/A" || b.By != "owner" {
		t.Errorf("the user may, because of %+v", b)
	}
	o.Allowed("user", "investor.view", "investor/A/document/1")
}

func TestS14NeitherAnotherInvestorNorTheList(t *testing.T) {
	// given a user with investor.view on investor A only, of two that are registered
	o := open(t, "stokr")
	o.Add("user")
	for _, path := range []string{"investor/A", "investor/AB", "investor/B"} {
		o.As("owner").Do(wire.Intent{Kind: wire.RegisterResource, Resource: path})
	}
	o.As("owner").Grant("investor.view", "user", "investor/A")

	// then it may read neither another by its id nor the list, and explain says where it may
	for _, resource := range []string{"investor/B", "investor/AB", ""} {
		c := o.Denied("user", "investor.view", resource)
		if !strings.Contains(missing(c), "user holds it on investor/A") {
			t.Errorf("on %q missing is %s", resource, missing(c))
		}
	}
	list, err := o.Resources(t.Context(), o.ID, "investor", "user", "investor.view", client.Read{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Path != "investor/A" {
		t.Errorf("the investors that it may see are %+v, %v", list.Items, err)
	}
	if a := o.HTTPAs("Bearer "+o.APIKey("user"), http.MethodGet, "/resources?kind=investor", nil); a.Status != http.StatusForbidden {
		t.Errorf("the list of all answers %d %s", a.Status, a.Body)
	}
}

func TestConditionsOnWhatIsAskedAndOnWhatIsKnown(t *testing.T) {
	// given a permission under a condition, given by the program
	o := open(t, "stokr")
	o.Add("user")
	o.Run("owner", "grant", "investor.view", "to", "user", "--if", `resource.properties.country=="LU" && action.properties.channel != "phone"`)
	condition := `action.properties.channel != "phone" && resource.properties.country == "LU"`
	o.Recorded("owner", "permission.granted", "if "+condition)

	// when it is asked with properties that meet it, then it may; with others, or with none, not
	ask := func(resource, country, channel string) wire.Check {
		q := wire.Question{Subject: "user", Permission: "investor.view", Resource: resource}
		if country != "" {
			q.Properties.Resource = map[string]string{"country": country}
		}
		if channel != "" {
			q.Properties.Action = map[string]string{"channel": channel}
		}
		c, err := o.ExplainWith(t.Context(), o.ID, q, client.Read{})
		if err != nil {
			t.Fatal(err)
		}
		if short, err := o.CheckWith(t.Context(), o.ID, q, client.Read{}); err != nil || short.Allowed != c.Allowed {
			t.Errorf("check says %t, %v, and explain %t", short.Allowed, err, c.Allowed)
		}
		return c
	}
	if c := ask("investor/A", "LU", "api"); !c.Allowed || c.Because[0].Condition != condition {
		t.Errorf("with LU and api: %+v", c)
	}
	for country, channel := range map[string]string{"LU": "phone", "DE": "api", "": "api"} {
		if ask("investor/A", country, channel).Allowed {
			t.Errorf("with %q and %q it may", country, channel)
		}
	}
	if c := ask("investor/A", "DE", "api"); !strings.Contains(missing(c), `resource.properties.country == "LU" does not hold, it is "DE"`) {
		t.Errorf("missing is %s", missing(c))
	}
	if c := ask("investor/A", "LU", ""); !strings.Contains(missing(c), `action.properties.channel != "phone" does not hold, there is none`) {
		t.Errorf("missing is %s", missing(c))
	}

	// and what the ledger knows of the resource, or of what it lies beneath, goes before what is said
	o.Run("owner", "resource", "add", "investor/A", "--property", "country=DE")
	registered := o.Head()
	if ask("investor/A/document/1", "LU", "api").Allowed {
		t.Error("it may where the ledger knows better")
	}
	o.Run("owner", "resource", "edit", "investor/A", "--property", "country=LU")
	if !ask("investor/A/document/1", "DE", "api").Allowed {
		t.Error("it may not where the ledger knows better")
	}
	past, err := o.CheckWith(t.Context(), o.ID, wire.Question{Subject: "user", Permission: "investor.view", Resource: "investor/A",
		Properties: wire.QuestionProperties{Action: map[string]string{"channel": "api"}}}, client.Read{AsOf: "head~1"})
	if err != nil || past.Allowed || past.AsOf.Seq != registered {
		t.Errorf("as of %d: %+v, %v", registered, past, err)
	}
	if r := o.CLI("owner", "check", "user", "investor.view", "investor/A", "--property", "action.channel=api"); r.Code != 0 || !strings.Contains(r.Out, "if "+condition) {
		t.Errorf("the program ends with %d:\n%s%s", r.Code, r.Out, r.Err)
	}
	if r := o.CLI("owner", "check", "user", "investor.view", "investor/A"); r.Code != 1 {
		t.Errorf("without the property the program ends with %d:\n%s%s", r.Code, r.Out, r.Err)
	}
}

func TestConditionsThatCannotBeRead(t *testing.T) {
	o := open(t, "stokr")
	o.Add("user")
	for text, want := range map[string]string{
		`country == "LU"`:                    `at 1: want subject.properties.`,
		`resource.properties.country = "LU"`: `at 29: want == or !=, found "="`,
		`resource.properties.country == LU`:  `at 32: want a literal in double quotes`,
	} {
		in := grant("investor.view", "user")
		in.Condition = text
		o.Refused(o.As("owner").Try(in), "bad-request", want, "")
	}
	o.Denied("user", "investor.view")
}

func TestEndTimes(t *testing.T) {
	// given a permission until an instant
	c := newClock(time.Now().UTC().Truncate(time.Millisecond))
	o := openAt(t, "stokr", c)
	o.Add("user")
	in := grant("investor.view", "user", "investor/A")
	in.Until = c.Now().Add(time.Hour).Format(time.RFC3339Nano)
	o.As("owner").Do(in)
	o.Allowed("user", "investor.view", "investor/A")

	// when the instant has come, then it holds no more, and explain says so
	c.Advance(time.Hour)
	if d := o.Denied("user", "investor.view", "investor/A"); !strings.Contains(missing(d), "until") {
		t.Errorf("missing is %s", missing(d))
	}

	// and an end in the past is none. The next command lets the ledger see that time has passed: the end is recorded first.
	o.Add("other")
	o.until("the end is recorded", func() bool {
		return strings.Contains(o.HTTP("GET", "/history?type=grant.ended", nil).Body, `"grant.ended"`)
	})
	in.Until = c.Now().Add(-time.Minute).Format(time.RFC3339Nano)
	o.Refused(o.As("owner").Try(in), "invalid", "is not after now", "")
}

func TestEscalationGuardWithScopesAndConditions(t *testing.T) {
	// given somebody who may give permissions, and holds one on a scope, and another under a condition
	o := open(t, "stokr")
	o.Add("giver", "user")
	sr := o.As("owner")
	sr.Grant("user.set_permissions", "giver")
	sr.Grant("investor.view", "giver", "investor/A")
	conditional := grant("investor.create", "giver")
	conditional.Condition = `resource.properties.country == "LU"`
	sr.Do(conditional)

	// when it gives what it does not hold, or on more, or without the condition, then that is refused
	for _, in := range []wire.Intent{grant("asset.view", "user"), grant("investor.view", "user"), grant("investor.view", "user", "investor/B"), grant("investor.create", "user")} {
		o.Refused(o.As("giver").Try(in), "escalation", "you do not hold it on", "")
	}
	o.Holds("user")

	// when it gives what it holds, or under its condition and another, then the other has just that
	o.As("giver").Grant("investor.view", "user", "investor/A/wallet/1")
	conditional.Subject, conditional.Scope = "user", "investor/A"
	conditional.Condition = `action.properties.channel == "api" && resource.properties.country == "LU"`
	o.As("giver").Do(conditional)
	o.Holds("user", "investor.create on investor/A", "investor.view on investor/A/wallet/1")
	o.Denied("user", "investor.create", "investor/A")

	// and what is given under a condition can be given without it by who holds it so, and replaces it
	conditional.Condition = ""
	sr.Do(conditional)
	o.Allowed("user", "investor.create", "investor/A")
	one, err := o.Subject(t.Context(), o.ID, "user", client.Read{})
	if err != nil || slices.ContainsFunc(one.Item.Holds, func(h wire.Holds) bool { return h.Condition != "" }) {
		t.Errorf("the user has %+v, %v", one.Item.Holds, err)
	}
	conditional.Condition = `resource.properties.country == "LU"`
	o.Refused(sr.Try(conditional), "taken", "has stokr:investor.create on investor/A already", "Take that away first")
}
