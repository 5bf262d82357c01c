package console

import (
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// memberPage is what the page of one member, API key or wallet shows.
type memberPage struct {
	wire.Subject
	RolesHeld []held
	Direct    []held // permissions without a role

	Sources        []wire.Source // what it may do, and why
	SourcesNext    string
	Since          uint64 // the entry that made it the owner; 0: it is not
	SourcesRefused *wire.Problem

	Keys           []wire.Key // that it signs with; only of now
	Assigned       []wire.Subject
	History        []wire.Item
	HistoryRefused *wire.Problem
	Documents      []wire.Document // only of now

	Offers []offer
}

// held is one thing that somebody was given, and by whom.
type held struct {
	wire.Holds
	By, Reason string
}

// An offer is something that can be done to a member in one step.
type offer struct {
	Act, Label, Hint string
	Grave            bool
}

// perAccess is how many effective permissions a page has.
const perAccess = 100

func (v *visit) member() (view, error) {
	key := v.PathValue("key")
	one, err := v.client.Subject(v.ctx(), v.org, key, v.read())
	if err != nil {
		return view{}, err
	}
	m := memberPage{Subject: one.Item}
	sources, err := v.client.Access(v.ctx(), v.org, key, v.pageOf(perAccess))
	if m.SourcesRefused, err = partRefused(err); err != nil {
		return view{}, err
	}
	m.Since = ownerSince(sources.Items)
	m.Sources, m.SourcesNext = sources.Items, v.next(sources.Next)
	m.givers(sources.Items)
	history, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, Subject: key, Newest: true, Limit: 10})
	if m.HistoryRefused, err = partRefused(err); err != nil {
		return view{}, err
	}
	m.History = history.Items
	if err := v.nowOf(&m); err != nil {
		return view{}, err
	}
	m.Offers = v.offers(&m.Subject)
	return view{template: "member", title: m.Key, data: &m}, nil
}

// nowOf adds what is known of now alone.
func (v *visit) nowOf(m *memberPage) error {
	if v.at != "" {
		return nil
	}
	if v.can("keys.read") {
		keys, err := v.client.FindKeys(v.ctx(), v.org, wire.KeyQuery{Subject: m.ID, Purposes: "credential"}, client.Read{})
		if err != nil {
			return err
		}
		m.Keys = keys.Items
	}
	if m.Subject.Kind != "api-key" && (v.can("api-key.read") || m.Key == v.me.Subject) {
		all, err := v.client.APIKeys(v.ctx(), v.org, v.read())
		if _, err = partRefused(err); err != nil { // none is assigned to it
			return err
		}
		for _, k := range all.Items {
			if k.Holder == m.Key {
				m.Assigned = append(m.Assigned, k)
			}
		}
	}
	if v.can("history.read") {
		docs, err := v.client.Documents(v.ctx(), v.org, "subject:"+m.ID, "")
		if err != nil {
			return err
		}
		m.Documents = docs.Items
	}
	return nil
}

// ownerSince gives the entry that made somebody the owner, who may do everything for that one reason; 0: it is not.
func ownerSince(sources []wire.Source) uint64 {
	for _, s := range sources {
		for _, b := range s.Because {
			if b.Kind == "owner" {
				return b.At
			}
		}
	}
	return 0
}

// givers puts who gave it, and why, beside what somebody holds, where the reasons of its permissions say so.
func (m *memberPage) givers(sources []wire.Source) {
	by := map[string]wire.Because{}
	for _, s := range sources {
		for _, b := range s.Because {
			by[b.Grant] = b
		}
	}
	for _, h := range m.Holds {
		one := held{h, by[h.Grant].By, by[h.Grant].Reason}
		if h.Role != "" {
			m.RolesHeld = append(m.RolesHeld, one)
		} else {
			m.Direct = append(m.Direct, one)
		}
	}
}

// forKey gives the action that allows something to be done to a subject: of an API key it is one of its own.
func forKey(kind, ofKeys, action string) string {
	if kind == "api-key" {
		return ofKeys
	}
	return action
}

// offers are what the caller may do to a subject in one step, in the state that it is in.
func (v *visit) offers(s *wire.Subject) (all []offer) {
	if v.at != "" {
		return nil
	}
	add := func(may bool, act, label, hint string, grave bool) {
		if may {
			all = append(all, offer{act, label, hint, grave})
		}
	}
	invited := s.State == "invited"
	here := s.State == "active" || s.State == "deactivated"
	removes := v.can(forKey(s.Kind, "api-key.remove", "subject.remove"))
	add(s.State == "deactivated" && v.can("subject.reactivate"), "reactivate", "Reactivate", "It has again what it had.", false)
	add(s.State == "active" && !s.Owner && v.can("subject.deactivate"), "deactivate", "Deactivate", "It keeps its roles, and may use none of them until it is reactivated.", true)
	add(s.State == "active" && s.Kind != "api-key" && s.Kind != "wallet" && !s.Owner && v.me.Owner, "transfer", "Make it the owner", "Who owns the organization now is its owner no more.", true)
	add(invited && (removes || v.can("subject.invite")), "remove", "Withdraw the invitation", "The code works no more.", true)
	add(here && !s.Owner && removes, "remove", map[bool]string{true: "Revoke for good", false: "Remove"}[s.Kind == "api-key"], "It loses all that it was given. Its history stays.", true)
	add(v.can("subject.erase"), "erase", "Erase personal texts", "Its names, its e-mail address, its login and the reasons given about it are erased for good; the page before says which.", true)
	add(v.can("subject.erase"), "erase-all", "Erase these and the reasons that it gave", "Also what it wrote as reasons for changes of others.", true)
	return all
}

// changeMember reviews what is done to a member in one step.
func (v *visit) changeMember() (view, error) {
	key, back := v.PathValue("key"), v.address("members", v.PathValue("key"))
	value := func(name string) string { return v.PostFormValue(name) }
	switch value("act") {
	case "reactivate":
		return v.review("Reactivate "+key, back, wire.Intent{Kind: wire.ReactivateSubject, Subject: key})
	case "deactivate":
		return v.review("Deactivate "+key, back, wire.Intent{Kind: wire.DeactivateSubject, Subject: key})
	case "transfer":
		return v.review("Make "+key+" the owner of the organization", back, wire.Intent{Kind: wire.TransferOwnership, Subject: key})
	case "remove":
		return v.review("Remove "+key, back, wire.Intent{Kind: wire.RemoveSubject, Subject: key})
	case "erase":
		return v.review("Erase the personal texts about "+key, back, wire.Intent{Kind: wire.EraseSubject, Subject: key})
	case "erase-all":
		return v.review("Erase the personal texts about "+key+", and the reasons that it gave", back, wire.Intent{Kind: wire.EraseSubject, Subject: key, Everything: true})
	case "take-role":
		role, scope := value("role"), value("scope")
		return v.review("Take the role "+role+on(scope)+" from "+key, back, wire.Intent{Kind: wire.RevokeRole, Subject: key, Role: role, Scope: scope})
	case "take-permission":
		permission, scope := value("permission"), value("scope")
		return v.review("Take "+permission+on(scope)+" from "+key, back, wire.Intent{Kind: wire.RevokePermission, Subject: key, Permission: permission, Scope: scope})
	case "link":
		return v.review("Link "+key+" with "+value("to"), back, wire.Intent{Kind: wire.LinkSubject, Subject: key, To: value("to")})
	case "unlink":
		return v.review("Unlink "+key+" from "+value("to"), back, wire.Intent{Kind: wire.UnlinkSubject, Subject: key, To: value("to")})
	case "register-credential":
		return v.review("Let "+key+" sign with another key", back, wire.Intent{Kind: wire.RegisterKey, Purpose: "credential", Subject: key, Key: value("credential")})
	case "revoke-credential":
		return v.review("Revoke a key of "+key, back, wire.Intent{Kind: wire.RevokeKey, Key: value("credential")})
	case "end-sessions":
		if _, err := v.client.EndSessionsOf(v.ctx(), v.org, key); err != nil {
			return view{}, err
		}
		return view{to: with(back, "sessions=ended")}, nil
	}
	return view{}, badForm("it says nothing to be done")
}

// on says on what something is held; nothing for the whole organization.
func on(scope string) string {
	if scope == "" {
		return ""
	}
	return " on " + scope
}

// What the template asks of a member:

// IsKey says whether it is an API key.
func (m *memberPage) IsKey() bool { return m.Kind == "api-key" }

// Here says whether it can be given something.
func (m *memberPage) Here() bool { return m.State == "active" || m.State == "deactivated" }

// Names gives the names of its properties, in order.
func (m *memberPage) Names() []string {
	var names []string
	for name := range m.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
