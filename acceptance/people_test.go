package acceptance_test

import (
	"errors"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

// Add adds people, each with a key of their own. The owner does it.
func (o *org) Add(keys ...string) {
	o.t.Helper()
	for _, key := range keys {
		o.As("owner").Do(addSubject(o, key, events.KindHuman))
	}
}

// AddBare is Add, and takes from each what new people get by default.
func (o *org) AddBare(keys ...string) {
	o.t.Helper()
	o.Add(keys...)
	for _, key := range keys {
		if s, err := o.Subject(o.t.Context(), o.ID, key, client.Read{}); err == nil && len(s.Item.Roles) > 0 {
			o.As("owner").Do(setRoles(key))
		}
	}
}

// addSubject adds somebody with a key of their own.
func addSubject(o *org, key, kind string) wire.Intent {
	return wire.Intent{Kind: wire.AddSubject, Subject: key, SubjectKind: kind, SubjectKey: o.DID(key)}
}

// person is somebody who changes something: with a key, and for a reason.
type person struct {
	o       *org
	name    string
	because string
}

// As gives somebody by key. Nobody has to have added them: an unknown key is refused as any other.
func (o *org) As(name string) *person { return &person{o: o, name: name} }

// Because gives the same person with a reason for what comes next.
func (p *person) Because(reason string) *person {
	return &person{o: p.o, name: p.name, because: reason}
}

// Do records a change, with the private texts that it commits to, and fails the test where it is refused.
func (p *person) Do(in wire.Intent, texts ...wire.Text) wire.Receipt {
	p.o.t.Helper()
	r, err := p.send(in, texts...)
	if err != nil {
		p.o.t.Fatalf("%s, as %s: %v", in.Kind, p.name, err)
	}
	return r
}

// Try tries a change. Where it is refused the ledger must be as it was.
func (p *person) Try(in wire.Intent) error {
	p.o.t.Helper()
	before := p.o.Head()
	_, err := p.send(in)
	if after := p.o.Head(); err != nil && after != before {
		p.o.t.Errorf("%s, as %s, was refused (%v), and the ledger went from %d to %d", in.Kind, p.name, err, before, after)
	}
	return err
}

func (p *person) send(in wire.Intent, texts ...wire.Text) (wire.Receipt, error) {
	p.o.t.Helper()
	in.Credential = p.o.DID(p.name)
	if p.because != "" {
		var text wire.Text
		in.Reason, text = client.Commit(p.because)
		texts = append(texts, text)
	}
	prepared, err := p.o.Prepare(p.o.t.Context(), p.o.ID, in)
	if err != nil {
		return wire.Receipt{}, err
	}
	r, err := p.o.record(prepared, p.o.Key(p.name), texts)
	if prepared.Refusal != nil && err == nil {
		p.o.t.Errorf("%s, as %s, is recorded, and was said to be refused: %s", in.Kind, p.name, prepared.Refusal.Detail)
	}
	if e := (*client.Error)(nil); errors.As(err, &e) && prepared.Refusal == nil {
		p.o.t.Errorf("%s, as %s, is refused (%v), and was not said to be", in.Kind, p.name, err)
	}
	return r, err
}

// Preview says what a change would do, without recording it.
func (p *person) Preview(in wire.Intent) wire.Prepared {
	p.o.t.Helper()
	in.Credential = p.o.DID(p.name)
	prepared, err := p.o.Prepare(p.o.t.Context(), p.o.ID, in)
	if err != nil {
		p.o.t.Fatalf("%s, as %s: %v", in.Kind, p.name, err)
	}
	return prepared
}

// roleKey is the key that a role of a name has here: Compliance Officer is compliance-officer.
func roleKey(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func createRole(name string, permissions ...string) wire.Intent {
	return wire.Intent{Kind: wire.CreateRole, Role: roleKey(name), Name: &name, Permissions: permissions}
}

func editRole(role string, add, remove []string) wire.Intent {
	return wire.Intent{Kind: wire.UpdateRole, Role: role, Add: add, Remove: remove}
}

func deleteRole(role string) wire.Intent {
	return wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: role}
}

// assign gives a role, on a scope where one is named.
func assign(role, subject string, scope ...string) wire.Intent {
	return wire.Intent{Kind: wire.AssignRole, Role: role, Subject: subject, Scope: strings.Join(scope, "/")}
}

func revoke(role, subject string, scope ...string) wire.Intent {
	return wire.Intent{Kind: wire.RevokeRole, Role: role, Subject: subject, Scope: strings.Join(scope, "/")}
}

func setRoles(subject string, roles ...string) wire.Intent {
	return wire.Intent{Kind: wire.SetRoles, Subject: subject, Roles: roles}
}

// grant gives a permission without a role, on a scope where one is named.
func grant(permission, subject string, scope ...string) wire.Intent {
	return wire.Intent{Kind: wire.GrantPermission, Permission: permission, Subject: subject, Scope: strings.Join(scope, "/")}
}

func ungrant(permission, subject string, scope ...string) wire.Intent {
	return wire.Intent{Kind: wire.RevokePermission, Permission: permission, Subject: subject, Scope: strings.Join(scope, "/")}
}

// setPermissions replaces all that somebody has without a role.
func setPermissions(subject string, permissions ...string) wire.Intent {
	return wire.Intent{Kind: wire.SetPermissions, Subject: subject, Permissions: permissions}
}

func deactivate(subject string) wire.Intent {
	return wire.Intent{Kind: wire.DeactivateSubject, Subject: subject}
}

// The same, done, and not tried.

func (p *person) CreateRole(name string, permissions ...string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(createRole(name, permissions...))
}

func (p *person) EditRole(role string, add, remove []string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(editRole(role, add, remove))
}

func (p *person) DeleteRole(role string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(deleteRole(role))
}

func (p *person) Assign(role, subject string, scope ...string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(assign(role, subject, scope...))
}

func (p *person) Revoke(role, subject string, scope ...string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(revoke(role, subject, scope...))
}

func (p *person) Grant(permission, subject string, scope ...string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(grant(permission, subject, scope...))
}

func (p *person) SetPermissions(subject string, permissions ...string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(setPermissions(subject, permissions...))
}

func (p *person) Deactivate(subject string) wire.Receipt {
	p.o.t.Helper()
	return p.Do(deactivate(subject))
}
