package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

const (
	maxShown     = 1_000     // gains, and losses, that a preview lists
	maxWeighed   = 5_000     // pairs of subject and permission that a preview looks at; beyond, More is a lower bound
	maxRehearsed = 1_000_000 // the same of a simulation, which is asked for by itself
)

// previewer finds who would gain and lose what. Only what an event touches is compared: one subject, or the holders of
// one role.
type previewer struct {
	state   *rules.State
	index   *access.Index
	at      time.Time
	out     *wire.Preview
	roles   map[ulid.ULID]map[string]bool // permissions of roles, as they are before the event
	token   map[string]bool               // whether a permission is of the token level
	weighed int
}

func (d *draft) preview(e *events.Event) *wire.Preview {
	p := &previewer{
		state: d.state, index: d.call.org.Access, at: e.Time, out: &wire.Preview{Type: string(e.Data.Type())},
		roles: map[ulid.ULID]map[string]bool{}, token: map[string]bool{},
	}
	switch data := e.Data.(type) {
	case *events.RoleUpdated:
		p.role(data.Role, slices.Concat(data.Add, data.Included), data.Remove)
	case *events.RoleAssigned:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			return append(held, rules.Held{Role: data.Role, Scope: data.Scope, Condition: data.Condition})
		})
	case *events.RoleDelegated:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			return append(held, rules.Held{Role: data.Role, Scope: data.Scope})
		})
	case *events.RoleRevoked:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			return slices.DeleteFunc(held, func(h rules.Held) bool { return h.Role == data.Role && h.Scope == data.Scope })
		})
	case *events.RolesSet:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			held = slices.DeleteFunc(held, func(h rules.Held) bool { return h.Scope == "" && slices.Contains(data.Removed, h.Role) })
			for _, role := range data.Added {
				held = append(held, rules.Held{Role: role})
			}
			return held
		})
	case *events.PermissionGranted:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			return append(held, rules.Held{Permission: data.Permission, Scope: data.Scope, Condition: data.Condition})
		})
	case *events.PermissionRevoked:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			return slices.DeleteFunc(held, func(h rules.Held) bool { return h.Permission == data.Permission && h.Scope == data.Scope })
		})
	case *events.PermissionsSet:
		p.subject(data.Subject, func(held []rules.Held) []rules.Held {
			held = slices.DeleteFunc(held, func(h rules.Held) bool { return h.Permission != "" && h.Scope == data.Scope })
			for _, name := range data.Permissions {
				held = append(held, rules.Held{Permission: name, Scope: data.Scope})
			}
			return held
		})
	case *events.SubjectDeactivated:
		p.subject(data.Subject, func([]rules.Held) []rules.Held { return nil })
	case *events.AccessAssigned:
		p.access(data.Subject, data.Resource, true)
	case *events.AccessDelegated:
		p.access(data.Subject, data.Resource, true)
	case *events.AccessUnassigned:
		p.access(data.Subject, data.Resource, false)
	case events.TokenData:
		p.wallets(events.TokenScope(data.Of()), data.Change())
	}
	return p.out
}

// wallets compares what wallets hold at a token with what they would. One that is nobody here yet would be a subject of its address.
func (p *previewer) wallets(scope string, c events.TokenChange) {
	if c.Take != (ulid.ULID{}) {
		p.subject(c.From, func(held []rules.Held) []rules.Held {
			return slices.DeleteFunc(held, func(h rules.Held) bool { return h.Role == c.Take && h.Permission == "" && h.Scope == scope })
		})
	}
	if c.Give == (ulid.ULID{}) {
		return
	}
	given := rules.Held{Role: c.Give, Scope: scope}
	if _, known := p.state.Subject(c.Subject); known {
		p.subject(c.Subject, func(held []rules.Held) []rules.Held { return append(held, given) })
		return
	}
	p.difference(&p.out.Gains, rules.Subject{ID: c.Subject, Key: c.Address, Kind: events.KindWallet}, []rules.Held{given}, nil)
}

// access lists what a subject may do with a policy by being assigned to it, or not any more: what it holds there, of what needs access.
func (p *previewer) access(id ulid.ULID, policy string, assigned bool) {
	u, ok := p.state.Subject(id)
	after := p.state.Reaches(id, policy, assigned, p.at)
	if !ok || !p.counts(u) || after == p.state.Reaches(id, policy, p.state.Assigned(id, policy, p.at), p.at) {
		return
	}
	list, seen := &p.out.Losses, map[string]bool{}
	if after {
		list = &p.out.Gains
	}
	for _, h := range p.state.Held(id, p.at) {
		if h.Condition != "" || !rules.Covers(h.Scope, policy) { // under a condition it holds in some cases only
			continue
		}
		names := []string{h.Permission}
		if h.Permission == "" {
			names = p.state.RolePermissions(h.Role)
		}
		for _, name := range names {
			if seen[name] || !p.fits(name, u.Kind) {
				continue
			}
			seen[name] = true
			v, err := p.index.Permission(name, access.AsOf{Position: p.state.Position()})
			if err == nil && slices.Contains(v.Needs, events.NeedAccess) {
				p.note(list, u.Key, name, policy)
			}
		}
	}
}

// has gives the permissions of a role.
func (p *previewer) has(role ulid.ULID) map[string]bool {
	set, ok := p.roles[role]
	if !ok {
		set = map[string]bool{}
		for _, name := range p.state.RolePermissions(role) {
			set[name] = true
		}
		p.roles[role] = set
	}
	return set
}

// gives says whether something held gives a permission on a scope; without is a role that does not count.
func (p *previewer) gives(held []rules.Held, name, scope string, without ulid.ULID) bool {
	for _, h := range held {
		if h.Condition != "" { // it gives it in some cases only
			continue
		}
		if !rules.Covers(h.Scope, scope) || h.Role == without && h.Permission == "" {
			continue
		}
		if h.Permission == name || h.Permission == "" && p.has(h.Role)[name] {
			return true
		}
	}
	return false
}

// counts says whether what a subject holds changes what it may do: the owner may everything, a deactivated one nothing.
func (p *previewer) counts(u rules.Subject) bool {
	return u.Deactivated == 0 && u.ID != p.state.Owner()
}

func (p *previewer) fits(name, kind string) bool {
	token, known := p.token[name]
	if !known {
		v, err := p.index.Permission(name, access.AsOf{Position: p.state.Position()})
		token = err == nil && v.Level == events.LevelToken // one that nobody knows yet is of the platform
		p.token[name] = token
	}
	return rules.LevelFits(token, kind)
}

func (p *previewer) note(list *[]wire.Effective, key, name, scope string) {
	if len(*list) == maxShown {
		p.out.More++
		return
	}
	*list = append(*list, wire.Effective{Subject: key, Permission: name, Scope: scope})
}

// subject compares what one subject holds with what it would.
func (p *previewer) subject(id ulid.ULID, change func([]rules.Held) []rules.Held) {
	u, ok := p.state.Subject(id)
	if !ok || !p.counts(u) {
		return
	}
	before := p.state.Held(id, p.at)
	after := change(slices.Clone(before))
	p.difference(&p.out.Gains, u, after, before)
	p.difference(&p.out.Losses, u, before, after)
}

// difference lists the permissions that things give that are in a and not in b, and that nothing in b gives.
func (p *previewer) difference(list *[]wire.Effective, u rules.Subject, a, b []rules.Held) {
	type at struct{ name, scope string }
	seen := map[at]bool{}
	for _, h := range a {
		same := func(o rules.Held) bool {
			return o.Role == h.Role && o.Permission == h.Permission && o.Scope == h.Scope && o.Condition == h.Condition
		}
		if slices.ContainsFunc(b, same) {
			continue
		}
		names := []string{h.Permission}
		if h.Permission == "" {
			names = p.state.RolePermissions(h.Role)
		}
		for _, name := range names {
			if k := (at{name, h.Scope}); !seen[k] && p.fits(name, u.Kind) && !p.gives(b, name, h.Scope, ulid.ULID{}) {
				seen[k] = true
				p.note(list, u.Key, name, h.Scope)
			}
		}
	}
}

// role lists what the holders of a role gain and lose by permissions that come into it and leave it. However many hold it,
// no more are looked at than answer within some milliseconds; how many there are is said.
func (p *previewer) role(id ulid.ULID, added, removed []string) {
	r, _ := p.state.Role(id)
	if p.out.Holders = r.Holders; r.Holders == 0 || len(added)+len(removed) == 0 {
		return
	}
	for _, name := range slices.Concat(added, removed) {
		p.fits(name, events.KindHuman) // asks the index now, which must not be asked for it under its lock
	}
	p.index.EachHolder(id, access.AsOf{Position: p.state.Position(), Instant: p.at}, func(holder ulid.ULID) bool {
		u, _ := p.state.Subject(holder)
		held := p.state.Held(holder, p.at)
		for _, h := range held {
			if h.Permission != "" || h.Role != id {
				continue
			}
			p.weighed += len(added) + len(removed)
			if !p.counts(u) {
				continue
			}
			for _, name := range added {
				if p.fits(name, u.Kind) && !p.gives(held, name, h.Scope, ulid.ULID{}) {
					p.note(&p.out.Gains, u.Key, name, h.Scope)
				}
			}
			for _, name := range removed {
				if p.fits(name, u.Kind) && !p.gives(held, name, h.Scope, id) {
					p.note(&p.out.Losses, u.Key, name, h.Scope)
				}
			}
		}
		return p.weighed <= maxWeighed
	})
	for _, list := range [][]wire.Effective{p.out.Gains, p.out.Losses} {
		slices.SortStableFunc(list, func(a, b wire.Effective) int { return cmp.Compare(a.Subject, b.Subject) })
	}
}
