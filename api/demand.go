package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

// enter finds the organization that a request is for, and who the caller is in it.
func (c *call) enter() error {
	var err error
	if strings.Contains(c.route.Path, "{org}") {
		c.org, err = c.server.node.Org(c.PathValue("org"))
	}
	if c.route.Open || c.caller.Kind == LocalOperator {
		if c.route.anyOrg && errors.Is(err, node.ErrNoOrganization) {
			c.org, err = nil, nil
		}
		if errors.Is(err, node.ErrNoOrganization) && c.caller.Kind == LocalOperator { // nobody else is told which there are
			p := problemOf(http.StatusNotFound, wire.CodeNoOrganization, err.Error())
			p.Nearest = rules.Nearest(c.PathValue("org"), slices.Values(c.server.node.Organizations()))
			return p
		}
		return err
	}
	if err != nil {
		return stranger(c.caller)
	}
	if c.org == nil {
		return nil
	}
	c.entered = c.org.Access.Head().Position
	id, ok := c.caller.Subject(c.org)
	if !ok {
		if s := c.caller.session; s != nil && s.org == c.org.ID { // else it is one of another organization, and goes on there
			c.server.sessions.end(s)
		}
		return c.otherWay()
	}
	c.subject = id
	if c.caller.Kind == APIKey {
		c.server.used.note(c.org.ID, c.caller.did(), c.now)
	}
	return nil
}

// stands looks again whether the caller may make the request, where something was recorded since it was let in: it may have
// waited for its turn, or for the very entry that took its key or its right.
func (c *call) stands() error {
	if c.org == nil || c.route.Open || c.caller.Kind == LocalOperator || c.org.Access.Head().Position == c.entered {
		return nil
	}
	c.now = c.server.opts.Now().UTC()
	if err := c.enter(); err != nil {
		return err
	}
	return c.demand()
}

// otherWay refuses a caller who is nobody in the organization, or is somebody who proves itself in another way.
func (c *call) otherWay() error {
	var auth string
	var ended time.Time
	c.org.Fold.Read(func(s *rules.State) {
		if did := c.caller.did(); c.caller.signs() && c.caller.ended(s, did) {
			ended = s.KeyEnds(did)
		}
		if id, ok := c.caller.named(c.org.ID, s); ok {
			auth = s.About(id).Auth
		}
	})
	if !ended.IsZero() { // whoever has the key may know when it ended
		what := map[CallerKind]string{APIKey: "API key", Session: "key of the session"}[c.caller.Kind]
		return unauthenticated("The "+what+" ended at "+stamp(ended), "Use the one that took its place, or ask who administers the organization for another")
	}
	if c.caller.Kind.proves(auth) {
		return stranger(c.caller)
	}
	come := map[CallerKind]string{APIKey: "an API key", Session: "e-mail and password", Wallet: "a wallet", OIDC: "an identity provider"}[c.caller.Kind]
	return unauthenticated("The subject proves itself by "+auth+", and not by "+come, "Come in the way that the subject states")
}

// demand refuses what the caller may not do. Whoever is a subject may always read itself; everything else takes the
// route's action. What is refused is noted in the activity stream.
func (c *call) demand() error {
	switch {
	case c.route.Open || c.caller.Kind == LocalOperator:
		return nil
	case c.route.Operator:
		p := problemOf(http.StatusForbidden, string(rules.NotPermitted), "Only the operator of the node may do this")
		p.Hint = "Call with the content of run/token in the data directory, on the machine that the node runs on"
		return p
	case c.route.Action == "", c.route.own != nil && c.route.own(c):
		return nil
	}
	if err := c.may(c.route.Action); err != nil || c.route.And == "" {
		return err
	}
	return c.may(c.route.And)
}

// may refuses an action that the caller may not do, in the words of the rules.
func (c *call) may(action string) error {
	if c.caller.Kind == LocalOperator {
		return nil
	}
	var r *rules.Refusal
	c.org.Fold.Read(func(s *rules.State) { r = s.Demand(c.subject, action, "", c.now) })
	if r == nil {
		return nil
	}
	c.org.Activity.Note(c.now, node.ActivityRecord{
		Kind: node.ActivityDenied, Request: c.Method + " " + clip(c.URL.Path), Actor: c.subject.String(), Credential: c.caller.did(),
		Code: r.Code, Reason: r.Reason, Permission: r.Permission,
	})
	return refused(r, c.org)
}

// isCaller says whether a name, as it stands in a request, is that of who makes it.
func (c *call) isCaller(name string) bool {
	if c.subject == (ulid.ULID{}) || name == "" {
		return false
	}
	return name == c.subject.String() || name == keyOf(c.org, c.subject)
}

// ofCaller are the routes' ways of being about the caller itself.
func ofCallerPath(name string) func(*call) bool {
	return func(c *call) bool { return c.isCaller(c.PathValue(name)) }
}

func ofCallerQuery(name string) func(*call) bool {
	return func(c *call) bool { return c.isCaller(c.query.Get(name)) }
}

// ofCallersKeys is ofCallerPath, and the way of being about an API key that is assigned to the caller.
func ofCallersKeys(name string) func(*call) bool {
	return func(c *call) bool {
		key := c.PathValue(name)
		if c.isCaller(key) {
			return true
		}
		v, err := c.org.Access.Subject(key, c.org.Access.Now(c.now))
		return err == nil && c.subject != (ulid.ULID{}) && v.About.Holder == c.subject
	}
}

// holdsKeys says whether some API key is assigned to the caller.
func holdsKeys(c *call) bool {
	if c.subject == (ulid.ULID{}) {
		return false
	}
	f := access.SubjectFilter{Kinds: []string{events.KindAPIKey}, Holder: c.subject}
	return len(c.org.Access.FindSubjects(f, c.org.Access.Now(c.now))) > 0
}

func ofCallerKey(c *call) bool {
	return c.subject != ulid.ULID{} && c.PathValue("did") == c.caller.did()
}

// always is for routes that show a caller no more than it may see.
func always(*call) bool { return true }

func whoami(c *call) (wire.Whoami, error) {
	w := wire.Whoami{Kind: string(c.caller.Kind), AsOf: head(c.org, c.now)}
	if c.caller.Kind == LocalOperator {
		w.Actions = demanded()
		return w, nil
	}
	c.org.Fold.Read(func(s *rules.State) { w.Actions = s.Allowed(c.subject, c.now) })
	v, err := c.org.Access.Holdings(c.subject.String(), c.org.Access.Now(c.now))
	if err != nil {
		return w, err
	}
	w.Subject, w.ID, w.SubjectKind, w.Credential, w.Owner = v.Subject.Key, v.Subject.ID.String(), v.Subject.Kind, c.caller.did(), v.Subject.Owner
	for _, r := range v.Roles {
		w.Roles = append(w.Roles, r.Role.Key)
	}
	w.Roles = sorted(w.Roles)
	if c.caller.session != nil {
		w.Expires, w.Session, w.CSRF = stamp(c.caller.session.expires), c.caller.session.id, c.caller.session.csrf
	}
	return w, nil
}

// demanded gives the actions that routes demand: those are what the local operator may do, who signs no command.
func demanded() []string {
	var all []string
	for _, r := range Routes() {
		all = append(all, r.Action, r.And)
	}
	return slices.DeleteFunc(sorted(all), func(action string) bool { return action == "" })
}
