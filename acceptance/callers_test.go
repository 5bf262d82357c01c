package acceptance_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/secret"
)

// APIKey gives the secret with which somebody of the organization calls the API.
func (o *org) APIKey(who string) string { return secret.Of(secret.APIKey, o.Key(who)).Text() }

// Me gives a client that calls as somebody, with nothing but an API key.
func (o *org) Me(who string) *client.Client { return o.Client.As(o.APIKey(who)) }

// GetAs asks as somebody, with an API key.
func (o *org) GetAs(who, path string) answered {
	o.t.Helper()
	return o.HTTPAs("Bearer "+o.APIKey(who), http.MethodGet, path, nil)
}

// DoAs sends a change to the route do as somebody, with an API key.
func (o *org) DoAs(who string, in wire.Intent) (wire.Receipt, error) {
	o.t.Helper()
	return o.Me(who).Do(o.t.Context(), o.ID, in)
}

// Missing fails the test unless err is a refusal with 403 that names the permission that is missing, and changed nothing.
func (o *org) Missing(err error, permission string) {
	o.t.Helper()
	e := (*client.Error)(nil)
	if !errors.As(err, &e) {
		o.t.Fatalf("it ended with %v, and was to be refused for want of %s", err, permission)
	}
	p := e.Problem
	if p.Status != http.StatusForbidden || p.Code() != "not-permitted" || !strings.HasSuffix(p.Permission, permission) ||
		!strings.Contains(p.Detail, permission) || p.Hint == "" {
		o.t.Errorf("it was refused with %+v; wanted was 403 for want of %s", p, permission)
	}
}

// Give makes a role of permissions and has somebody hold that role and no other.
func (o *org) Give(who string, permissions ...string) {
	o.t.Helper()
	name := fmt.Sprintf("Given to %s at %d", who, o.Head())
	o.As("owner").CreateRole(name, permissions...)
	o.As("owner").Do(setRoles(who, roleKey(name)))
}

// takes checks that a request for reading takes a permission: with it alone it is answered, without it is refused, and noted.
func (o *org) takes(path, permission string) {
	o.t.Helper()
	o.AddBare("without", "with")
	o.Give("with", permission)
	if a := o.GetAs("with", path); a.Status != http.StatusOK {
		o.t.Errorf("with %s, %s answers %d %s", permission, path, a.Status, a.Body)
	}
	a := o.GetAs("without", path)
	p := read[wire.Problem](o, a)
	if a.Status != http.StatusForbidden || !strings.HasSuffix(p.Permission, ":"+permission) || !strings.Contains(p.Detail, permission) || p.Hint == "" {
		o.t.Errorf("without %s, %s answers %d %s", permission, path, a.Status, a.Body)
	}
	denied := o.Noted(func(a wire.Activity) bool { return a.Kind == "denied" && a.Actor == "without" })
	if !strings.HasSuffix(denied.Permission, ":"+permission) || !strings.HasSuffix(denied.Request, path) {
		o.t.Errorf("it is noted as %+v", denied)
	}
}

// Noted waits for a record of the activity stream.
func (o *org) Noted(fits func(wire.Activity) bool) wire.Activity {
	o.t.Helper()
	var found wire.Activity
	o.until("a record of activity", func() bool {
		list, err := o.Activity(o.t.Context(), o.ID, 1000)
		if err != nil {
			o.t.Fatal(err)
		}
		at := slices.IndexFunc(list.Items, fits)
		if at >= 0 {
			found = list.Items[at]
		}
		return at >= 0
	})
	return found
}

// until waits until a condition holds.
func (o *org) until(what string, holds func() bool) {
	o.t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	end := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-look.C:
		case <-end:
			o.t.Fatalf("%s: not in 10 s", what)
		}
	}
}

// only checks that a permission lets its holder do something by asking, and nobody else: of people of the organization that
// already are.
func (o *org) only(permission string, resource ...string) {
	o.t.Helper()
	o.AddBare("with", "without")
	o.Give("with", permission)
	o.Allowed("with", permission, resource...)
	if c := o.Denied("without", permission, resource...); !strings.HasSuffix(c.Permission, permission) {
		o.t.Errorf("denied is %s", c.Permission)
	}
	// and each may ask that of itself, with an API key, and of nobody else
	for who, want := range map[string]bool{"with": true, "without": false} {
		c, err := o.Me(who).Check(o.t.Context(), o.ID, who, permission, strings.Join(resource, "/"), client.Read{})
		if err != nil || c.Allowed != want {
			o.t.Errorf("%s asks whether it may %s: %t, %v", who, permission, c.Allowed, err)
		}
	}
}

// at is as of a position.
func at(position uint64) client.Read { return client.Read{AsOf: strconv.FormatUint(position, 10)} }
