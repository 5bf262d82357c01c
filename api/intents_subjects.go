package api

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

func (d *draft) addSubject() (events.Data, error) {
	name, err1 := commitment("displayName", d.in.DisplayName)
	email, err2 := commitment("email", d.in.Email)
	holder, err3 := d.holder()
	roles, err4 := d.roles(d.in.Roles)
	data := &events.SubjectAdded{
		Subject: d.id(), Key: d.in.Subject, Kind: d.in.SubjectKind, DID: d.in.DID, Credential: d.in.SubjectKey, DisplayName: name, Email: email,
		Auth: d.in.Auth, Holder: holder, Properties: propertiesOf(d.in.Properties), Roles: roles,
	}
	if d.in.Reference != nil {
		data.Reference = *d.in.Reference
	}
	return data, cmp.Or(walletKey(d.in.SubjectKind, d.in.Subject), err1, err2, err3, err4)
}

// holder gives the member that an API key is to be assigned to; zero for none.
func (d *draft) holder() (ulid.ULID, error) {
	if d.in.Holder == "" {
		return ulid.ULID{}, nil
	}
	return d.subject(d.in.Holder)
}

// roles gives the ids of roles, ascending, none twice; nil for none.
func (d *draft) roles(names []string) ([]ulid.ULID, error) {
	var ids []ulid.ULID
	for _, name := range names {
		id, err := d.role(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, ulid.ULID.Compare)
	return slices.Compact(ids), nil
}

// invitationLasts is how long an invitation lasts where nobody says.
const invitationLasts = 7 * 24 * time.Hour

// inviteSubject invites somebody new, or again whoever was invited or removed under the key.
func (d *draft) inviteSubject() (events.Data, error) {
	name, err1 := commitment("displayName", d.in.DisplayName)
	email, err2 := commitment("email", d.in.Email)
	roles, err3 := d.roles(d.in.Roles)
	until, err4 := instant(d.in.Until)
	if until.IsZero() {
		until = d.call.now.Add(invitationLasts).Truncate(time.Millisecond)
	}
	id := d.id()
	if again, ok := d.state.SubjectByKey(d.in.Subject); ok {
		if u, _ := d.state.Subject(again); u.State == rules.StateInvited || u.State == rules.StateRemoved {
			id = again
		}
	}
	data := &events.SubjectInvited{
		Subject: id, Key: d.in.Subject, Kind: cmp.Or(d.in.SubjectKind, events.KindHuman), DisplayName: name, Email: email, Auth: d.in.Auth,
		Invitation: d.in.Invitation, Properties: propertiesOf(d.in.Properties), Roles: roles, Until: until,
	}
	if d.in.Reference != nil {
		data.Reference = *d.in.Reference
	}
	return data, cmp.Or(err1, err2, err3, err4)
}

func (d *draft) updateSubject() (events.Data, error) {
	id, err1 := d.subject(d.in.Subject)
	name, err2 := commitment("displayName", d.in.DisplayName)
	email, err3 := commitment("email", d.in.Email)
	holder, err4 := d.holder()
	data := &events.SubjectUpdated{Subject: id, DisplayName: name, Email: email, Holder: holder, Unassigned: d.in.Unassigned, Reference: d.in.Reference}
	if d.in.Properties != nil {
		if data.Properties = propertiesOf(d.in.Properties); data.Properties == nil {
			data.Properties = []events.Property{}
		}
	}
	return data, cmp.Or(err1, err2, err3, err4)
}

func (d *draft) deactivateSubject() (events.Data, error) {
	id, err := d.subject(d.in.Subject)
	return &events.SubjectDeactivated{Subject: id}, err
}

func (d *draft) reactivateSubject() (events.Data, error) {
	id, err := d.subject(d.in.Subject)
	return &events.SubjectReactivated{Subject: id}, err
}

func (d *draft) removeSubject() (events.Data, error) {
	id, err := d.subject(d.in.Subject)
	return &events.SubjectRemoved{Subject: id}, err
}

func (d *draft) linkSubject() (events.Data, error) {
	id, to, err := d.link()
	return &events.SubjectLinked{Subject: id, To: to}, err
}

func (d *draft) unlinkSubject() (events.Data, error) {
	id, to, err := d.link()
	return &events.SubjectUnlinked{Subject: id, To: to}, err
}

// link gives an account and what it is, or was, linked with. A wallet is written as EIP-55 writes it.
func (d *draft) link() (ulid.ULID, string, error) {
	to := d.in.To
	if to == "" {
		return ulid.ULID{}, "", badRequest("to is missing: a wallet, or a DID")
	}
	if w, err := wallet.ParseID(to); err == nil {
		to = w.String()
	} else if a, err := wallet.ParseAccount(to); err == nil {
		to = a.String()
	}
	id, err := d.subject(d.in.Subject)
	return id, to, err
}

func (d *draft) changeLogin() (events.Data, error) {
	id, err1 := d.subject(d.in.Subject)
	login, err2 := commitment("login", d.in.Login)
	return &events.LoginChanged{Subject: id, Credential: d.in.Key, Login: login}, cmp.Or(err1, err2)
}

// eraseSubject names the private texts about a subject that are not erased yet: its names and logins, and the reasons of
// what was recorded about it and, where that is asked for, by it.
func (d *draft) eraseSubject() (events.Data, error) {
	id, err := d.subject(d.in.Subject)
	if err != nil {
		return nil, err
	}
	data := &events.SubjectErased{Subject: id}
	about := data.About()
	queries := []history.Query{{Subject: id}}
	if d.in.Everything {
		queries = append(queries, history.Query{Actor: id})
	}
	had := map[events.Digest]bool{}
	for _, q := range queries {
		found, _ := d.call.org.History.Find(q)
		for _, at := range found {
			en, err := d.call.entry(at)
			if err != nil {
				return nil, err
			}
			e := en.Event
			for _, c := range e.Commitments() {
				its := e.Data.About() == about || d.in.Everything && e.Actor == id && c == e.Reason
				if its && !had[c] && len(data.Texts) < events.MaxErased && !d.call.org.Private.Erased(c) {
					had[c] = true
					data.Texts = append(data.Texts, c)
					d.erases = append(d.erases, wire.Erasure{Seq: at, What: whatOf(e, c)})
				}
			}
		}
	}
	if len(data.Texts) == 0 {
		r := &rules.Refusal{Code: rules.NoChange, Reason: "There is nothing private about " + clip(d.in.Subject) + " that is not erased"}
		return nil, refused(r, d.call.org)
	}
	slices.SortFunc(data.Texts, func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
	return data, nil
}

// whatOf says which private text of an event a commitment is of.
func whatOf(e *events.Event, c events.Digest) string {
	switch d := e.Data.(type) {
	case *events.SubjectAdded:
		return named(c, d.DisplayName, d.Email)
	case *events.SubjectInvited:
		return named(c, d.DisplayName, d.Email)
	case *events.SubjectUpdated:
		return named(c, d.DisplayName, d.Email)
	case *events.SubjectJoined, *events.LoginChanged:
		if c != e.Reason {
			return "login"
		}
	}
	return "reason"
}

func named(c, name, email events.Digest) string {
	switch c {
	case name:
		return "display name"
	case email:
		return "e-mail"
	}
	return "reason"
}

// getInvitation tells whoever has the code of an invitation what it is for, so that it can be accepted. Only the code gives
// its did:key, and the answer holds nothing that the code's owner was not told already.
func getInvitation(c *call) (wire.Invitation, error) {
	var out wire.Invitation
	did := c.PathValue("did")
	c.org.Fold.Read(func(s *rules.State) {
		in, ok := s.Invitation(did)
		if !ok {
			return
		}
		u, _ := s.Subject(in.Subject)
		out = wire.Invitation{
			Organization: c.org.ID, Name: s.Opened().Name, Ledger: s.Source(), ID: u.ID.String(), Subject: u.Key, Until: stamp(in.Until),
			Auth: s.About(u.ID).Auth, Version: s.Newest((*events.SubjectJoined)(nil).Type()),
		}
	})
	if out.Ledger == "" {
		p := problemOf(http.StatusNotFound, string(rules.NotFound), "There is no such invitation: it was used, withdrawn or replaced, or never was")
		p.Hint = "Ask whoever invited you for another"
		return out, p
	}
	return out, nil
}

// acceptInvitation records that somebody joins. The key of the invitation signed it, which the ledger judges; nothing else
// is recorded here.
func acceptInvitation(c *call, s wire.Submission) (wire.Receipt, error) {
	r, err := request(s)
	if err != nil {
		return wire.Receipt{}, err
	}
	if _, ok := r.Command.Data.(*events.SubjectJoined); !ok {
		return wire.Receipt{}, badCommand("Only a subject.joined is recorded here, not %s", r.Command.Data.Type())
	}
	o, err := c.org.Ledger.Execute(c.Context(), r)
	if err != nil {
		return wire.Receipt{}, err
	}
	out := received(o)
	c.stand(c.org, out)
	return *out, nil
}

// textsOf gives the name and the e-mail address that a subject has as of then. What was erased says so.
func (c *call) textsOf(v access.SubjectView, a access.AsOf) (name, email string, err error) {
	found, _ := c.org.History.Find(history.Query{
		Subject: v.ID, Types: []events.Type{"subject.added", "subject.invited", "subject.updated"}, To: a.Position, Newest: true,
	})
	var of [2]events.Digest
	for _, at := range found {
		en, err := c.entry(at)
		if err != nil {
			return "", "", err
		}
		id, says, ok := namedBy(en.Event.Data)
		if !ok || id != v.ID {
			continue
		}
		for i := range of {
			of[i] = cmp.Or(of[i], says[i])
		}
	}
	return words(c.org, of[0]), words(c.org, of[1]), nil
}

// listAPIKeys gives the API keys. Whoever may not read all of them sees those that are assigned to it.
func listAPIKeys(c *call) (wire.List[wire.Subject], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.List[wire.Subject]{}, err
	}
	f := access.SubjectFilter{Kinds: []string{events.KindAPIKey}}
	if c.subject != (ulid.ULID{}) && !c.mayRead(rules.ActionAPIKeyRead) {
		f.Holder = c.subject
	}
	items, err := part(c, c.org.Access.FindSubjects(f, a), nil, func(one access.Found) (wire.Subject, error) {
		h, err := c.org.Access.Holdings(one.ID.String(), a)
		if err != nil {
			return wire.Subject{}, err
		}
		s := subjectOf(h.Subject)
		s.Roles = rolesOf(h)
		if holder := h.Subject.About.Holder; holder != (ulid.ULID{}) {
			s.Holder = keyOf(c.org, holder)
		}
		return s, nil
	})
	return wire.List[wire.Subject]{Items: items, AsOf: asOf}, err
}

// mayRead says whether the caller may do an action that nothing records.
func (c *call) mayRead(action string) (ok bool) {
	c.org.Fold.Read(func(s *rules.State) { ok = s.Demand(c.subject, action, "", c.now) == nil })
	return ok
}
