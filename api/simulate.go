package api

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// maxIntents bounds a rehearsal: entries wait while it lasts.
const maxIntents = 5_000

// simulate decides changes one after the other by the rules that would decide them, on the state as it is, compares what
// everybody may do before and after, and takes all of it back.
func simulate(c *call, q wire.Rehearsal) (wire.Rehearsed, error) {
	out := wire.Rehearsed{Steps: []wire.Step{}, Gains: []wire.Effective{}, Losses: []wire.Effective{}}
	switch n := len(q.Intents); {
	case n == 0:
		return out, badRequest("intents is empty: what is to be tried?")
	case n > maxIntents:
		return out, problemOf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, fmt.Sprintf("At most %d changes are tried at once", maxIntents))
	}
	r := rehearsal{call: c, roles: map[ulid.ULID]bool{}, subjects: map[ulid.ULID]bool{}}
	refused := make([]error, len(q.Intents))
	var failed error
	c.org.Fold.Try(func(s *rules.State) {
		r.at = s.Time()
		if now := c.now.Truncate(time.Millisecond); now.After(r.at) {
			r.at = now
		}
		out.AsOf = head(c.org, r.at)
		credential, err := actingAs(s, q.As)
		if own := CallerOf(c.Context()).did(); q.As == "" && own != "" {
			credential, err = own, nil
		}
		if err != nil {
			failed = err
			return
		}
		for i, in := range q.Intents {
			var step wire.Step
			step, refused[i] = r.step(s, in, credential)
			out.Steps = append(out.Steps, step)
		}
		r.after(s)
	}, func(s *rules.State) {
		if failed == nil {
			r.compare(s, &out)
		}
	})
	for i, err := range refused { // outside Try: it looks at the state, too
		if err == nil {
			continue
		}
		p, known := explain(err, c.org)
		if !known {
			return out, err
		}
		out.Steps[i].Refusal = &p.Problem
	}
	return out, failed
}

// actingAs gives a key that somebody signs with; empty: the owner. Nothing is signed, but the rules ask whose command it is.
func actingAs(s *rules.State, as string) (string, error) {
	id, ok := s.Owner(), true
	if as != "" {
		if id, ok = s.SubjectByKey(as); !ok {
			return "", problemOf(http.StatusNotFound, string(rules.NotFound), "There is no subject "+clip(as))
		}
	}
	for _, k := range s.Keys() {
		if k.Purpose == events.PurposeCredential && k.Subject == id && k.Revoked == 0 {
			return k.DID, nil
		}
	}
	return "", problemOf(http.StatusConflict, string(rules.NotProven), clip(cmp.Or(as, "The owner"))+" has no key to sign commands with")
}

// rehearsal is one simulation on its way.
type rehearsal struct {
	call     *call
	at       time.Time
	roles    map[ulid.ULID]bool // whose holders may gain or lose
	subjects map[ulid.ULID]bool
	all      bool // anybody may

	held    map[ulid.ULID]map[effect]bool // what subjects may do after the changes
	names   map[ulid.ULID]rules.Subject   // of these
	weighed int
	cut     bool // not all were looked at
}

// effect is a permission on a scope.
type effect struct{ permission, scope string }

// everything is what the owner may do.
var everything = effect{"*", ""}

// step decides one change and, unless it is refused, takes it into the state.
func (r *rehearsal) step(s *rules.State, in wire.Intent, credential string) (wire.Step, error) {
	step := wire.Step{Kind: in.Kind}
	kind, ok := intents[in.Kind]
	if !ok {
		p := badRequest(fmt.Sprintf("There is no kind of intent %q", clip(in.Kind)))
		p.Nearest = rules.Nearest(in.Kind, maps.Keys(intents))
		return step, p
	}
	if in.Credential != "" {
		return step, badRequest("An intent that is only tried names no credential")
	}
	if err := members(in, kind); err != nil {
		return step, err
	}
	in.Credential = credential
	d := draft{call: r.call, in: in, state: s, tried: true}
	actor, err := d.actor()
	if err != nil {
		return step, err
	}
	data, err := kind.whole(&d)
	if err != nil {
		return step, err
	}
	e, err := ledger.Try(s, d.command(actor, data), r.at)
	if err != nil {
		return step, err
	}
	e.Sequence = s.Position() + 1
	rules.Evolve(s, &e)
	r.touch(e.Data)
	switch e.Data.(type) {
	case *events.RoleRevoked, *events.RolesSet, *events.GrantEnded, *events.OwnershipTransferred,
		*events.SubjectDeactivated, *events.SubjectReactivated, *events.SubjectRemoved: // so does whoever they delegated to
		r.all = r.all || s.Delegates()
	}
	step.Type = string(e.Data.Type())
	return step, nil
}

// touch notes who may gain or lose by an event. Of a type that it does not know, anybody may.
func (r *rehearsal) touch(data events.Data) {
	switch d := data.(type) {
	case *events.RoleUpdated:
		r.roles[d.Role] = true
	case *events.RoleReviewed, *events.ReviewStarted, *events.ReviewDecided, *events.ReviewClosed,
		*events.RoleCreated, *events.RoleDeleted, *events.DocumentIssued, *events.PermissionsRecorded, *events.KeyRegistered,
		*events.KeyRotated, *events.KeySucceeded, *events.KeyRevoked, *events.KeyReported, *events.CheckpointsRecorded,
		*events.SubjectInvited, *events.SubjectLinked, *events.SubjectUnlinked, *events.SubjectErased, *events.LoginChanged: // nobody holds it; or nobody's
	case *events.RoleDelegated:
		r.subjects[d.Subject] = true
	case *events.RoleAssigned:
		r.subjects[d.Subject] = true
	case *events.RoleRevoked:
		r.subjects[d.Subject] = true
	case *events.RolesSet:
		r.subjects[d.Subject] = true
	case *events.PermissionGranted:
		r.subjects[d.Subject] = true
	case *events.PermissionRevoked:
		r.subjects[d.Subject] = true
	case *events.PermissionsSet:
		r.subjects[d.Subject] = true
	case *events.SubjectAdded:
		r.subjects[d.Subject] = true
	case *events.SubjectUpdated: // an API key acts while who it is assigned to does
		r.subjects[d.Subject] = true
	case *events.SubjectDeactivated:
		r.member(d.Subject)
	case *events.SubjectReactivated:
		r.member(d.Subject)
	case *events.SubjectRemoved:
		r.member(d.Subject)
	case *events.OwnershipTransferred:
		r.subjects[d.From], r.subjects[d.To] = true, true
	default:
		r.all = true
	}
}

// member notes that a subject may gain or lose, and so may the API keys that are assigned to it.
func (r *rehearsal) member(id ulid.ULID) {
	r.subjects[id] = true
	for _, key := range r.call.org.Access.FindSubjects(access.SubjectFilter{Kinds: []string{events.KindAPIKey}, Holder: id}, r.call.org.Access.Now(r.at)) {
		r.subjects[key.ID] = true
	}
}

// after notes what everybody who was touched may do now.
func (r *rehearsal) after(s *rules.State) {
	r.held, r.names = map[ulid.ULID]map[effect]bool{}, map[ulid.ULID]rules.Subject{}
	if r.all || len(r.roles) > 0 {
		for _, v := range r.call.org.Access.Subjects(access.AsOf{Position: s.Position(), Instant: r.at}) {
			if r.all || slices.ContainsFunc(s.Held(v.ID, r.at), func(h rules.Held) bool { return h.Permission == "" && r.roles[h.Role] }) {
				r.subjects[v.ID] = true
			}
		}
	}
	for id := range r.subjects {
		if r.weighed > maxRehearsed {
			r.cut = true
			return
		}
		if u, ok := s.Subject(id); ok {
			r.held[id], r.names[id] = r.effects(s, u), u
		}
	}
}

// effects gives what a subject may do by what it holds; the owner may do everything.
func (r *rehearsal) effects(s *rules.State, u rules.Subject) map[effect]bool {
	have := map[effect]bool{}
	if u.ID == s.Owner() {
		have[everything] = true
		return have
	}
	for _, h := range s.Held(u.ID, r.at) {
		names := []string{h.Permission}
		if h.Permission == "" {
			names = s.RolePermissions(h.Role)
		}
		r.weighed += len(names)
		for _, name := range names {
			if at := (effect{name, h.Scope}); !have[at] && s.Check(u.ID, name, h.Scope, r.at) {
				have[at] = true
			}
		}
	}
	return have
}

// compare lists what would be gained and lost, on the state as it is.
func (r *rehearsal) compare(s *rules.State, out *wire.Rehearsed) {
	for id, after := range r.held {
		u := r.names[id]
		before := map[effect]bool{}
		if is, ok := s.Subject(id); ok {
			before = r.effects(s, is)
		}
		for e := range after {
			if !coveredBy(before, e) {
				out.Gains = append(out.Gains, wire.Effective{Subject: u.Key, Permission: e.permission, Scope: e.scope})
			}
		}
		for e := range before {
			if !coveredBy(after, e) {
				out.Losses = append(out.Losses, wire.Effective{Subject: u.Key, Permission: e.permission, Scope: e.scope})
			}
		}
	}
	for _, list := range []*[]wire.Effective{&out.Gains, &out.Losses} {
		slices.SortFunc(*list, func(a, b wire.Effective) int {
			return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Scope, b.Scope))
		})
		if n := len(*list); n > maxSimulated {
			out.More += n - maxSimulated
			*list = (*list)[:maxSimulated]
		}
	}
	if r.cut {
		out.More++
	}
}

// maxSimulated is how many gains, and losses, a rehearsal lists.
const maxSimulated = 10_000

// coveredBy says whether a permission is held on a scope, or on one that covers it.
func coveredBy(held map[effect]bool, e effect) bool {
	if held[e] || held[effect{e.permission, ""}] || held[everything] {
		return true
	}
	for i := range e.scope {
		if e.scope[i] == '/' && held[effect{e.permission, e.scope[:i]}] {
			return true
		}
	}
	return false
}
