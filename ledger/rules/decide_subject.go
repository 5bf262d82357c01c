package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

// Bounds of what is said of a subject.
const (
	maxProperties = 32
	maxLinks      = 64
	maxListed     = 1_000               // roles that a subject.removed lists
	maxInvitation = 30 * 24 * time.Hour // that an invitation lasts
)

// needAny refuses what takes one of several actions. It names the first that a catalogue's permission guards.
func (s *State) needAny(e *events.Event, actions ...string) *Refusal {
	for _, a := range actions {
		if s.May(e.Actor, a, "", e.Time) {
			return nil
		}
	}
	named := actions[0]
	if i := slices.IndexFunc(actions, func(a string) bool { return len(s.perms.guards[a]) > 0 }); i >= 0 {
		named = actions[i]
	}
	return s.need(e.Actor, named, "", e.Time)
}

// ofKeys gives the action that allows something to be done to a subject: of an API key it is one of its own.
func ofKeys(kind, forKeys, action string) []string {
	if kind == events.KindAPIKey {
		return []string{forKeys}
	}
	return []string{action}
}

func (s *State) decideSubjectAdded(e *events.Event, d *events.SubjectAdded) *Refusal {
	if s.opened.Rules == 1 {
		if r := s.need(e.Actor, ActionSubjectAdd, "", e.Time); r != nil {
			return r
		}
	} else if r := s.needAny(e, ofKeys(d.Kind, ActionAPIKeyAdd, ActionSubjectAdd)...); r != nil {
		return r
	}
	if s.subjects.withKey(d.Key) != nil {
		return refuse(Taken, "Somebody has the key %q already", d.Key)
	}
	if r := s.newSubject(d.Subject); r != nil {
		return r
	}
	switch d.Kind {
	case events.KindHuman, events.KindTechnical, events.KindAPIKey, events.KindWallet, events.KindDID:
	default:
		return refuse(Invalid, "There is no kind of subject %q", d.Kind)
	}
	if versionOf(e) > 1 {
		if r := s.decideAddedMore(e, d); r != nil {
			return r
		}
	}
	if d.Credential != "" {
		return s.newKey(d.Credential)
	}
	return nil
}

// decideAddedMore judges what version 2 of subject.added says.
func (s *State) decideAddedMore(e *events.Event, d *events.SubjectAdded) *Refusal {
	if r := fitsKind(d.Kind, d.Auth, d.Properties); r != nil {
		return r
	}
	if r := walletOf(d); r != nil {
		return r
	}
	if d.Holder != ulidZero {
		if r := s.holds1(d.Kind, d.Holder); r != nil {
			return r
		}
	}
	if r := s.firstRoles(e, d.Kind, d.Roles); r != nil {
		return r
	}
	d.DefaultRole = s.defaultFor(d.Kind, d.Roles)
	return nil
}

func (s *State) newSubject(id ulid.ULID) *Refusal {
	if s.subjects.get(id) != nil || id == s.opened.Node || id == s.opened.Operator {
		return refuse(Taken, "The id %s is another subject's", id)
	}
	return nil
}

// fitsKind judges how a subject proves itself, and its properties.
func fitsKind(kind, auth string, properties []events.Property) *Refusal {
	allowed := []string{"", events.AuthEmail, events.AuthAPIKey, events.AuthSignature, events.AuthOIDC}
	switch kind {
	case events.KindAPIKey:
		allowed = []string{"", events.AuthAPIKey}
	case events.KindWallet:
		allowed = []string{"", events.AuthWallet}
	case events.KindDID:
		allowed = append(allowed, events.AuthWallet)
	}
	if !slices.Contains(allowed, auth) {
		r := refuse(Invalid, "A subject of the kind %s does not prove itself by %q", kind, auth)
		r.Nearest = allowed[1:]
		return r.hint("Say %s", strings.Join(allowed[1:], " or "))
	}
	if len(properties) > maxProperties {
		return refuse(Invalid, "A subject has at most %d properties, not %d", maxProperties, len(properties))
	}
	return nil
}

// holds1 judges who an API key is to be assigned to.
func (s *State) holds1(kind string, holder ulid.ULID) *Refusal {
	if kind != events.KindAPIKey {
		return refuse(Invalid, "Only an API key is assigned to a member, not a subject of the kind %s", kind)
	}
	h, r := s.subject(holder)
	switch {
	case r != nil:
		return r
	case h.deactivated != 0:
		return s.inactive(h)
	case h.kind == events.KindAPIKey || h.kind == events.KindWallet:
		return refuse(Invalid, "An API key is assigned to a member, and %s is of the kind %s", h.key, h.kind)
	}
	return nil
}

// firstRoles judges the roles that a subject begins with.
func (s *State) firstRoles(e *events.Event, kind string, roles []ulid.ULID) *Refusal {
	if kind == events.KindAPIKey && s.opened.Profile.OneRolePerKey && len(roles) != 1 {
		return oneRole(len(roles))
	}
	if len(roles) == 0 {
		return nil
	}
	if r := s.needAny(e, ofKeys(kind, ActionAPIKeyAdd, ActionRoleAssign)...); r != nil {
		return r
	}
	for _, id := range roles {
		ro, r := s.role(id)
		if r != nil {
			return r
		}
		if r := s.byHand(e, ro); r != nil {
			return r
		}
		if r := s.guardRole(e, ro, "", forever, nil); r != nil {
			return r
		}
	}
	return nil
}

// oneRole refuses that an API key would have so many roles.
func oneRole(n int) *Refusal {
	return refuse(Invalid, "An API key has exactly one role, not %d", n).hint("Use set, which puts a role in the place of the one it has")
}

// defaultFor gives the organization's default role for a new subject that begins with other roles; zero for none.
func (s *State) defaultFor(kind string, roles []ulid.ULID) ulid.ULID {
	if kind == events.KindAPIKey || kind == events.KindWallet || slices.Contains(roles, s.defaultRole) {
		return ulidZero
	}
	return s.defaultRole
}

func (s *State) decideSubjectDeactivated(e *events.Event, d *events.SubjectDeactivated) *Refusal {
	if r := s.need(e.Actor, ActionSubjectDeactivate, "", e.Time); r != nil {
		return r
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	if d.Subject == s.owner {
		return refuse(InUse, "The owner cannot be deactivated").hint("Make somebody else the owner first")
	}
	switch s.stateOf(u) {
	case StateActive:
		return nil
	case StateDeactivated:
		return refuse(NoChange, "%s is deactivated since %d", u.key, u.deactivated)
	}
	return s.inactive(u)
}

func (s *State) decideSubjectReactivated(e *events.Event, d *events.SubjectReactivated) *Refusal {
	if r := s.need(e.Actor, ActionSubjectReactivate, "", e.Time); r != nil {
		return r
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	switch s.stateOf(u) {
	case StateActive:
		return refuse(NoChange, "%s is active", u.key)
	case StateDeactivated:
		for _, given := range append(s.keysOf(u.id), u) { // it gives back all that the subject has, and its API keys do
			if r := s.guardSubject(e, given); r != nil {
				return r
			}
		}
		return nil
	}
	return s.inactive(u).hint("Invite it again")
}

func (s *State) decideSubjectRemoved(e *events.Event, d *events.SubjectRemoved) *Refusal {
	u, r := s.subject(d.Subject)
	if r != nil {
		if needed := s.need(e.Actor, ActionSubjectRemove, "", e.Time); needed != nil {
			return needed // who may not remove is not told who there is
		}
		return r
	}
	actions := ofKeys(u.kind, ActionAPIKeyRemove, ActionSubjectRemove)
	if s.stateOf(u) == StateInvited {
		actions = append(actions, ActionSubjectInvite) // it is withdrawn by whoever may invite
	}
	if r := s.needAny(e, actions...); r != nil {
		return r
	}
	if u.id == s.owner {
		return refuse(InUse, "The owner cannot be removed").hint("Make somebody else the owner first")
	}
	if s.stateOf(u) == StateRemoved {
		return refuse(NoChange, "%s was removed at %d", u.key, u.deactivated)
	}
	d.Grants = uint64(len(u.grants))
	for i := range u.grants {
		if g := &u.grants[i]; g.what.role() {
			d.Roles = append(d.Roles, s.numbered[g.what.number()].id)
		}
	}
	if d.Roles = slices.Compact(sortedIDs(d.Roles)); len(d.Roles) > maxListed {
		d.Roles = nil
	}
	return nil
}

func (s *State) decideSubjectUpdated(e *events.Event, d *events.SubjectUpdated) *Refusal {
	u, r := s.subject(d.Subject)
	kind := ""
	if u != nil {
		kind = u.kind
	}
	if r := s.needAny(e, ofKeys(kind, ActionAPIKeyUpdate, ActionSubjectUpdate)...); r != nil {
		return r
	}
	if r != nil {
		return r
	}
	if s.stateOf(u) == StateRemoved {
		return s.inactive(u)
	}
	x := s.extra(u.id)
	if r := fitsKind(u.kind, x.auth, d.Properties); r != nil {
		return r
	}
	var zero events.Digest
	assigned := d.Holder != ulidZero && d.Holder != x.holder
	switch {
	case assigned:
		if r := s.holds1(u.kind, d.Holder); r != nil {
			return r
		}
		if r := s.guardSubject(e, u); r != nil { // its holder can put a credential of its own into it
			return r
		}
	case d.Unassigned && x.holder == ulidZero:
		return refuse(NoChange, "%s is assigned to nobody", u.key)
	case d.Unassigned && s.subjects.get(x.holder).deactivated != 0: // it acts again
		if r := s.guardSubject(e, u); r != nil {
			return r
		}
	}
	properties := d.Properties != nil && !slices.Equal(d.Properties, x.properties)
	reference := d.Reference != nil && *d.Reference != x.reference
	if !assigned && !d.Unassigned && !properties && !reference && d.DisplayName == zero && d.Email == zero {
		return refuse(NoChange, "%s is said to be so already", u.key)
	}
	return nil
}

func (s *State) decideSubjectLinked(e *events.Event, d *events.SubjectLinked) *Refusal {
	if r := s.need(e.Actor, ActionSubjectLink, "", e.Time); r != nil {
		return r
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	if s.stateOf(u) == StateRemoved {
		return s.inactive(u)
	}
	if u.kind == events.KindWallet {
		return refuse(Invalid, "%s is a wallet: an account is linked with it, not the other way round", u.key)
	}
	if r := linkable(d.To); r != nil {
		return r
	}
	links := s.extra(u.id).links
	if _, in := slices.BinarySearch(links, d.To); in {
		return refuse(NoChange, "%s is linked with %s already", u.key, d.To)
	}
	if len(links) >= maxLinks {
		return refuse(Invalid, "%s is linked with %d already, which is the most", u.key, maxLinks)
	}
	return nil
}

func (s *State) decideSubjectUnlinked(e *events.Event, d *events.SubjectUnlinked) *Refusal {
	if r := s.need(e.Actor, ActionSubjectLink, "", e.Time); r != nil {
		return r
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	if _, in := slices.BinarySearch(s.extra(u.id).links, d.To); !in {
		return refuse(NotFound, "%s is not linked with %s", u.key, d.To)
	}
	return nil
}

// decideSubjectErased judges who may, and that no text is known to be another subject's. Of a reason no state knows whom it
// is about: whoever may erase can name any.
func (s *State) decideSubjectErased(e *events.Event, d *events.SubjectErased) *Refusal {
	if r := s.need(e.Actor, ActionSubjectErase, "", e.Time); r != nil {
		return r
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	for _, text := range d.Texts {
		if of, known := s.texts[text]; known && of != u.id {
			return refuse(Invalid, "The text %x is another subject's, not one of %s", text, u.key).hint("Name its own subject")
		}
	}
	return nil
}

// linkable judges what an account is to be linked with.
func linkable(to string) *Refusal {
	if strings.HasPrefix(to, "did:") {
		if err := canon.DID.Check(to); err != nil {
			return refuse(Invalid, "%v", err)
		}
		return nil
	}
	return address(to)
}

// oneRoleFor says whether a subject is an API key, of which each has exactly one role here.
func (s *State) oneRoleFor(u *subject) bool {
	return s.opened.Profile.OneRolePerKey && u.kind == events.KindAPIKey
}

// atMostOne refuses another role of an API key that has one, where each has exactly one.
func (s *State) atMostOne(u *subject) *Refusal {
	if !s.oneRoleFor(u) {
		return nil
	}
	for i := range u.grants {
		if g := &u.grants[i]; g.what.role() {
			return oneRole(2)
		}
	}
	return nil
}

// editsKey says whether a subject is an API key and the actor may edit such ones, their roles included.
func (s *State) editsKey(e *events.Event, subject ulid.ULID) bool {
	u := s.subjects.get(subject)
	return s.opened.Rules > 1 && u != nil && u.kind == events.KindAPIKey && s.May(e.Actor, ActionAPIKeyUpdate, "", e.Time)
}
