package model_test

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// life is what becomes of a subject, and what is said of it.
type life struct {
	state      string // invited, deactivated or removed; empty: active
	auth       string
	reference  string
	holder     ulid.ULID // who an API key is assigned to
	links      []string
	login      events.Digest
	invitation string // did:key of the code
	until      time.Time
}

func (r *reader) readLife(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.SubjectAdded:
		r.add(d.Subject, d.Key, d.Kind, d.Credential)
		u := r.subjects[d.Subject]
		u.properties, u.life = d.Properties, life{auth: d.Auth, reference: d.Reference, holder: d.Holder}
		r.begin(e, u, d.Roles)
		r.added = true
	case *events.SubjectInvited:
		if r.subjects[d.Subject] == nil {
			r.add(d.Subject, d.Key, d.Kind, "")
		}
		u := r.subjects[d.Subject]
		r.revoke(u.invitation)
		r.keys[d.Invitation] = &key{purpose: "invitation", of: d.Subject}
		u.properties, u.state, u.auth, u.reference, u.invitation, u.until = d.Properties, "invited", d.Auth, d.Reference, d.Invitation, d.Until
		r.begin(e, u, d.Roles)
		r.added = true
	case *events.SubjectJoined:
		u := r.subjects[d.Subject]
		r.revoke(u.invitation)
		u.state, u.invitation, u.login = "", "", d.Login
		r.keys[d.Credential] = &key{purpose: "credential", of: d.Subject}
	case *events.SubjectDeactivated:
		r.subjects[d.Subject].state = "deactivated"
	case *events.SubjectReactivated:
		r.subjects[d.Subject].state = ""
	case *events.SubjectRemoved:
		r.remove(d.Subject)
	case *events.SubjectUpdated:
		u := r.subjects[d.Subject]
		if d.Unassigned || d.Holder != nobody {
			u.holder = d.Holder
		}
		if d.Properties != nil {
			u.properties = d.Properties
		}
		if d.Reference != nil {
			u.reference = *d.Reference
		}
	case *events.SubjectLinked:
		u := r.subjects[d.Subject]
		u.links = append(u.links, d.To)
	case *events.SubjectUnlinked:
		u := r.subjects[d.Subject]
		u.links = slices.DeleteFunc(slices.Clone(u.links), func(to string) bool { return to == d.To })
	case *events.LoginChanged:
		r.subjects[d.Subject].login = d.Login
	}
}

func (r *reader) revoke(did string) {
	if k := r.keys[did]; k != nil {
		k.revoked = true
	}
}

// begin gives a subject the roles that it begins with, and the default role where there is one for its kind.
func (r *reader) begin(e *events.Event, u *subject, roles []ulid.ULID) {
	for _, id := range roles {
		r.give(gift{to: u.id, role: id, by: e.ID})
	}
	if r.standard != nobody && u.kind != "api-key" && u.kind != "wallet" && !slices.Contains(roles, r.standard) {
		r.give(gift{to: u.id, role: r.standard, by: e.ID})
	}
}

// acts says whether a subject can do anything: an API key can while who it is assigned to can.
func (r *reader) acts(u *subject) bool {
	return u.state == "" && (u.holder == nobody || r.subjects[u.holder].state == "")
}

// remove takes all from a subject: what it holds, what it is assigned to and let others at, what it made, and its keys. The
// API keys that are assigned to it are put out of use.
func (r *reader) remove(id ulid.ULID) {
	for _, g := range slices.Clone(r.gifts) {
		if g.to == id {
			r.take(g)
		}
	}
	for _, t := range r.things {
		for to, a := range t.assigned {
			if to == id || a.from == id && !a.keep {
				delete(t.assigned, to)
			}
		}
		if t.creator == id {
			t.creator = nobody
		}
	}
	for _, k := range r.subjects {
		if k.holder == id && k.state == "" {
			k.state = "deactivated"
		}
	}
	for _, k := range r.keys {
		if k.of == id {
			k.revoked = true
		}
	}
	u := r.subjects[id]
	u.state, u.invitation, u.login = "removed", "", events.Digest{}
}

// active judges a subject that has to be.
func (a asker) active(id ulid.ULID) string {
	return first(
		func() string { return a.exists(id) },
		func() string { return unless(a.subjects[id].state == "", "inactive") },
	)
}

// any judges what takes one of several actions.
func (a asker) any(actions ...string) string {
	return unless(slices.ContainsFunc(actions, func(action string) bool { return a.may(action, "") }), "not-permitted")
}

// ofKind gives the action for a subject: of an API key one of its own.
func ofKind(kind, ofKeys, action string) []string {
	if kind == "api-key" {
		return []string{ofKeys}
	}
	return []string{action}
}

func (a asker) free(key string, id ulid.ULID) string {
	taken := id == a.opened.Node || id == a.opened.Operator || a.subjects[id] != nil
	for _, u := range a.subjects {
		taken = taken || u.key == key
	}
	return unless(!taken, "taken")
}

// proves judges how a subject of a kind is to prove itself.
func proves(kind, auth string) string {
	ways := []string{"", "email", "api-key", "signature", "oidc"}
	switch kind {
	case "api-key":
		ways = []string{"", "api-key"}
	case "wallet":
		ways = []string{"", "wallet"}
	case "did":
		ways = append(ways, "wallet")
	}
	return unless(slices.Contains(ways, auth), "invalid")
}

// holds judges who an API key is to be assigned to.
func (a asker) holds(kind string, holder ulid.ULID) string {
	return first(
		func() string { return unless(kind == "api-key", "invalid") },
		func() string { return a.active(holder) },
		func() string {
			return unless(!slices.Contains([]string{"api-key", "wallet"}, a.subjects[holder].kind), "invalid")
		},
	)
}

// beginsWith judges the roles that a subject is to begin with.
func (a asker) beginsWith(kind string, roles []ulid.ULID) string {
	if kind == "api-key" && a.opened.Profile.OneRolePerKey && len(roles) != 1 {
		return "invalid"
	}
	if len(roles) == 0 {
		return ""
	}
	if code := a.any(ofKind(kind, "api-key.add", "role.assign")...); code != "" {
		return code
	}
	for _, id := range roles {
		code := first(
			func() string { return a.role(id) },
			func() string { return a.byHand(id) },
			func() string { return a.passesRole(id, "", time.Time{}, "") },
		)
		if code != "" {
			return code
		}
	}
	return ""
}

func (a asker) add(d *events.SubjectAdded) string {
	return first(
		func() string { return a.any(ofKind(d.Kind, "api-key.add", "subject.add")...) },
		func() string { return a.free(d.Key, d.Subject) },
		func() string {
			return unless(slices.Contains([]string{"human", "technical", "api-key", "wallet", "did"}, d.Kind), "invalid")
		},
		func() string { return proves(d.Kind, d.Auth) },
		func() string {
			if d.Holder == nobody {
				return ""
			}
			return a.holds(d.Kind, d.Holder)
		},
		func() string { return a.beginsWith(d.Kind, d.Roles) },
		func() string { return unless(d.Credential == "" || a.keys[d.Credential] == nil, "taken") },
	)
}

func (a asker) invite(d *events.SubjectInvited) string {
	return first(
		func() string { return a.need("subject.invite", "") },
		func() string {
			if u := a.subjects[d.Subject]; u != nil && u.key == d.Key && u.kind == d.Kind && (u.state == "invited" || u.state == "removed") {
				return "" // again
			}
			return a.free(d.Key, d.Subject)
		},
		func() string {
			return unless(slices.Contains([]string{"human", "technical", "did"}, d.Kind), "invalid")
		},
		func() string { return proves(d.Kind, d.Auth) },
		func() string { return a.later(d.Until) },
		func() string { return unless(!d.Until.After(a.at.Add(30*24*time.Hour)), "invalid") },
		func() string { return a.beginsWith(d.Kind, d.Roles) },
		func() string { return unless(a.keys[d.Invitation] == nil, "taken") },
	)
}

// byCode judges what is signed with the code of an invitation.
func (r *reader) byCode(c events.Command, at time.Time, k *key) string {
	d, joins := c.Data.(*events.SubjectJoined)
	switch {
	case joins && k.revoked:
		return "inactive"
	case k.revoked:
		return "not-proven"
	case !joins || d.Subject != k.of || c.Actor != k.of:
		return "not-proven"
	}
	return unless(at.Before(r.subjects[k.of].until), "inactive")
}

func (a asker) join(d *events.SubjectJoined) string {
	return first(
		func() string {
			k := a.keys[a.c.Auth.Credential]
			return unless(k != nil && k.purpose == "invitation", "not-proven")
		},
		func() string { return a.logsIn(d.Subject, d.Login) },
		func() string { return unless(a.keys[d.Credential] == nil, "taken") },
	)
}

// logsIn judges a login of a subject.
func (a asker) logsIn(id ulid.ULID, login events.Digest) string {
	auth := a.subjects[id].auth
	return unless(login == events.Digest{} || auth == "" || auth == "email", "invalid")
}

func (a asker) changeLogin(d *events.LoginChanged) string {
	return first(
		func() string { return a.active(d.Subject) },
		func() string {
			if a.c.Actor == d.Subject {
				return ""
			}
			return first(
				func() string { return a.need("subject.update", "") },
				func() string { return unless(d.Subject != a.owner, "not-permitted") },
				func() string { return a.passesAll(d.Subject) },
			)
		},
		func() string {
			k := a.keys[d.Credential]
			return unless(k != nil && !k.revoked && k.purpose == "credential" && k.of == d.Subject, "not-found")
		},
		func() string { return unless(a.subjects[d.Subject].login != d.Login, "no-change") },
		func() string { return a.logsIn(d.Subject, d.Login) },
	)
}

func (a asker) deactivate(d *events.SubjectDeactivated) string {
	return first(
		func() string { return a.need("subject.deactivate", "") },
		func() string { return a.exists(d.Subject) },
		func() string { return unless(d.Subject != a.owner, "in-use") },
		func() string {
			switch a.subjects[d.Subject].state {
			case "":
				return ""
			case "deactivated":
				return "no-change"
			}
			return "inactive"
		},
	)
}

func (a asker) reactivate(d *events.SubjectReactivated) string {
	return first(
		func() string { return a.need("subject.reactivate", "") },
		func() string { return a.exists(d.Subject) },
		func() string {
			switch a.subjects[d.Subject].state {
			case "":
				return "no-change"
			case "deactivated":
				for _, k := range a.subjects {
					if code := a.passesAll(k.id); k.holder == d.Subject && code != "" {
						return code
					}
				}
				return a.passesAll(d.Subject)
			}
			return "inactive"
		},
	)
}

func (a asker) removeSubject(d *events.SubjectRemoved) string {
	u := a.subjects[d.Subject]
	if u == nil {
		return first(func() string { return a.need("subject.remove", "") }, func() string { return "not-found" })
	}
	actions := ofKind(u.kind, "api-key.remove", "subject.remove")
	if u.state == "invited" {
		actions = append(actions, "subject.invite")
	}
	return first(
		func() string { return a.any(actions...) },
		func() string { return unless(d.Subject != a.owner, "in-use") },
		func() string { return unless(u.state != "removed", "no-change") },
	)
}

func (a asker) updateSubject(d *events.SubjectUpdated) string {
	u := a.subjects[d.Subject]
	if u == nil {
		return first(func() string { return a.need("subject.update", "") }, func() string { return "not-found" })
	}
	assigns := d.Holder != nobody && d.Holder != u.holder
	return first(
		func() string { return a.any(ofKind(u.kind, "api-key.update", "subject.update")...) },
		func() string { return unless(u.state != "removed", "inactive") },
		func() string {
			switch {
			case assigns:
				return first(func() string { return a.holds(u.kind, d.Holder) }, func() string { return a.passesAll(d.Subject) })
			case d.Unassigned && u.holder == nobody:
				return "no-change"
			case d.Unassigned && a.subjects[u.holder].state != "":
				return a.passesAll(d.Subject)
			}
			return ""
		},
		func() string {
			changes := assigns || d.Unassigned || d.Properties != nil && !slices.Equal(d.Properties, u.properties) || d.Reference != nil && *d.Reference != u.reference
			return unless(changes, "no-change")
		},
	)
}

func (a asker) link(d *events.SubjectLinked) string {
	return first(
		func() string { return a.need("subject.link", "") },
		func() string { return a.exists(d.Subject) },
		func() string { return unless(a.subjects[d.Subject].state != "removed", "inactive") },
		func() string { return unless(a.subjects[d.Subject].kind != "wallet", "invalid") },
		func() string { return unless(!slices.Contains(a.subjects[d.Subject].links, d.To), "no-change") },
	)
}

func (a asker) unlink(d *events.SubjectUnlinked) string {
	return first(
		func() string { return a.need("subject.link", "") },
		func() string { return a.exists(d.Subject) },
		func() string { return unless(slices.Contains(a.subjects[d.Subject].links, d.To), "not-found") },
	)
}

func (a asker) erase(d *events.SubjectErased) string {
	return first(func() string { return a.need("subject.erase", "") }, func() string { return a.exists(d.Subject) })
}

// hasOne says whether a subject is an API key, of which each has exactly one role here.
func (a asker) hasOne(id ulid.ULID) bool {
	u := a.subjects[id]
	return u != nil && u.kind == "api-key" && a.opened.Profile.OneRolePerKey
}

// editsKey says whether a subject is an API key and the actor may edit these, their roles included.
func (a asker) editsKey(id ulid.ULID) bool {
	u := a.subjects[id]
	return u != nil && u.kind == "api-key" && a.may("api-key.update", "")
}
