package client_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// Each kind of change that the server knows is a method of an author.
func TestAnAuthorKnowsEachKindOfChange(t *testing.T) {
	c := open(t)
	list, err := c.Operations(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	author, kinds := reflect.TypeFor[*client.Author](), 0
	for _, o := range list.Items {
		if o.Kind == "" {
			continue
		}
		kinds++
		name := ""
		for word := range strings.SplitSeq(o.Kind, "-") {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
		if o.Kind == wire.SetRoles {
			name = "SetRoles"
		}
		m, ok := author.MethodByName(name)
		if !ok {
			t.Errorf("there is no method %s", name)
			continue
		}
		if m.Type.NumIn() < 2 || m.Type.In(1) != reflect.TypeFor[context.Context]() || m.Type.NumOut() != 2 || m.Type.Out(0) != reflect.TypeFor[wire.Receipt]() {
			t.Errorf("%s is %s", name, m.Type)
		}
	}
	if kinds < 50 {
		t.Errorf("the server names %d kinds", kinds)
	}
}

func TestAnAuthorRecords(t *testing.T) {
	// Given the owner, who signs
	c := open(t)
	ctx := t.Context()
	owner, err := c.Author("main", keyOf("owner"))
	if err != nil {
		t.Fatal(err)
	}
	owner = owner.Because("TICKET-1")
	do := func(r wire.Receipt, err error) wire.Receipt {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// when it makes a role and gives it to somebody whose name is private
	do(owner.CreateRole(ctx, client.Role{Key: "desk", Name: "Desk", Permissions: []string{"file.read"}}))
	do(owner.AddSubject(ctx, client.Subject{Key: "ann", Kind: "human", DisplayName: "Ann Example", Credential: did("ann")}))
	r := do(owner.AssignRole(ctx, "ann", "desk", client.When{Scope: "desk/1"}))
	// then it may, there
	for resource, want := range map[string]bool{"desk/1": true, "desk/2": false} {
		if a, err := c.Check(ctx, "main", "ann", "file.read", resource, client.Read{AtLeast: r.Seq}); err != nil || a.Allowed != want {
			t.Errorf("%s: %v, %v", resource, a.Allowed, err)
		}
	}
	// and the reason and the name are read by who may, and are not in the entry
	en, err := c.Entry(ctx, "main", "3")
	if err != nil || strings.Contains(string(en.Entry), "Ann Example") {
		t.Errorf("%s, %v", en.Entry, err)
	}
	s, err := c.Subject(ctx, "main", "ann", client.Read{})
	if err != nil || s.Item.DisplayName != "Ann Example" {
		t.Errorf("%+v, %v", s.Item, err)
	}
	// and who may not is refused
	ann, err := c.Author("main", keyOf("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ann.CreateRole(ctx, client.Role{Key: "other", Name: "Other"}); client.CodeOf(err) != "not-permitted" {
		t.Errorf("%v; want not-permitted", err)
	}
}
