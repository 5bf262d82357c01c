package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

// table is what an assignments object says, in its order.
type table struct {
	roles []tableRole
	truth []tableUser // userPermissions
	given bool        // there are userPermissions
}

type tableRole struct {
	key         string
	permissions []string // sorted
	users       []string
	err         error // what is wrong with it
}

type tableUser struct {
	key         string
	permissions []string // sorted
	roles       []int    // of table.roles
	err         error
}

func runAssignments(ctx context.Context, in io.Reader, s *sender) error {
	b, err := io.ReadAll(io.LimitReader(in, maxObject+1))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if len(b) > maxObject {
		return errObjectTooLong
	}
	t, err := parseTable(b)
	if err != nil {
		return fmt.Errorf("not an assignments object: %w", err)
	}
	t.prove()
	records := t.records(s.opt.Source)
	if !s.opt.SkipBad { // the first bad record ends the run before anything is recorded
		for _, r := range records {
			if r.err != nil {
				return s.add(ctx, r)
			}
		}
	}
	for _, r := range records {
		if err := s.add(ctx, r); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

func parseTable(b []byte) (*table, error) {
	t := new(table)
	p := &parser{b: b, names: map[string]string{}}
	if err := p.object(func(name string) error {
		switch name {
		case "roles":
			return p.array(func() error { return t.role(p) })
		case "userPermissions":
			t.given = true
			return p.object(func(user string) error {
				names, err := nameSet(p, p.name)
				t.truth = append(t.truth, tableUser{key: user, permissions: names, err: canon.Key.Check(user)})
				return within("the permissions of user "+user, err)
			})
		}
		return fmt.Errorf("there is no member %q in this format", name)
	}); err != nil {
		return nil, err
	}
	if !t.given {
		return nil, errors.New(`the member "userPermissions" is missing`)
	}
	return t, p.end()
}

func (t *table) role(p *parser) error {
	var r tableRole
	given := map[string]bool{}
	if err := p.object(func(name string) (err error) {
		given[name] = true
		switch name {
		case "role":
			r.key, err = p.name()
		case "permissions":
			r.permissions, err = nameSet(p, p.name)
		case "users":
			r.users, err = nameSet(p, p.name)
		default:
			return fmt.Errorf("there is no member %q in a role", name)
		}
		return within(name, err)
	}); err != nil {
		return within(fmt.Sprintf("role number %d", len(t.roles)+1), err)
	}
	for _, name := range []string{"role", "permissions", "users"} {
		if !given[name] {
			return fmt.Errorf("role number %d: the member %q is missing", len(t.roles)+1, name)
		}
	}
	if r.err = canon.Key.Check(r.key); r.err == nil {
		r.err = checkPermissions(r.permissions)
	}
	t.roles = append(t.roles, r)
	return nil
}

func within(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// prove finds what contradicts itself: roles that are there twice, roles of users that nobody knows, and users whose
// roles do not give them exactly what the truth says.
func (t *table) prove() {
	users := make(map[string]int, len(t.truth))
	for i, u := range t.truth {
		users[u.key] = i
	}
	seen := make(map[string]bool, len(t.roles))
	for i := range t.roles {
		r := &t.roles[i]
		if seen[r.key] && r.err == nil {
			r.err = fmt.Errorf("the role %q is there twice", r.key)
		}
		seen[r.key] = true
		for _, name := range r.users {
			if _, known := users[name]; !known && r.err == nil {
				r.err = fmt.Errorf("the user %q of the role %q has no userPermissions", name, r.key)
			}
		}
		if r.err != nil {
			continue
		}
		for _, name := range r.users {
			u := &t.truth[users[name]]
			u.roles = append(u.roles, i)
		}
	}
	for i := range t.truth {
		if u := &t.truth[i]; u.err == nil {
			u.err = t.compare(u)
		}
	}
}

func (t *table) compare(u *tableUser) error {
	var union []string
	for _, i := range u.roles {
		union = append(union, t.roles[i].permissions...)
	}
	slices.Sort(union)
	union = slices.Compact(union)
	missing, extra := without(u.permissions, union), without(union, u.permissions)
	if len(missing)+len(extra) == 0 {
		return nil
	}
	var why []string
	if len(missing) > 0 {
		why = append(why, fmt.Sprintf("%d of its userPermissions come from no role, as %s", len(missing), missing[0]))
	}
	if len(extra) > 0 {
		why = append(why, fmt.Sprintf("its roles give %d that are not in userPermissions, as %s", len(extra), extra[0]))
	}
	return fmt.Errorf("user %q: %s", u.key, strings.Join(why, "; "))
}

// without gives what is in a and not in b; both are sorted.
func without(a, b []string) []string {
	var out []string
	for _, name := range a {
		if _, in := slices.BinarySearch(b, name); !in {
			out = append(out, name)
		}
	}
	return out
}

// records gives all roles, then all users, then the roles of each user that has some. A user that is wrong is added
// nevertheless where its key can be one; it gets no roles.
func (t *table) records(source string) []*record {
	origin := func(name string) events.Import {
		return events.Import{Format: FormatAssignments, Source: source, Record: name}
	}
	var out []*record
	add := func(name string, err error, parts [][]string, size int, data events.Data) {
		r := &record{name: name, err: err, size: size}
		if err == nil {
			// A name is a key with a prefix, so it may be too long for a record's where the key is not for a key.
			if r.err = within("the name of the record", canon.Key.Check(name)); r.err == nil {
				r.commands = commands(origin(name), parts, data)
			}
		}
		out = append(out, r)
	}
	ids := make([]ulid.ULID, len(t.roles))
	for i, r := range t.roles {
		name := "role/" + r.key
		ids[i] = events.ThingID("role", origin(name))
		d := &events.RoleCreated{Role: ids[i], Key: r.key, Name: "Role " + r.key, Permissions: r.permissions}
		parts, size := split(written(d.Name), set{&d.Permissions, &d.Parts})
		add(name, r.err, parts, size, d)
	}
	for _, u := range t.truth {
		name := "user/" + u.key
		id := events.ThingID("subject", origin(name))
		add(name, canon.Key.Check(u.key), nil, written(u.key), &events.SubjectAdded{Subject: id, Key: u.key, Kind: events.KindHuman})
	}
	for _, u := range t.truth {
		if len(u.roles) == 0 && u.err == nil || canon.Key.Check(u.key) != nil {
			continue // nothing to set, or the record before says it
		}
		d := &events.RolesSet{Subject: events.ThingID("subject", origin("user/"+u.key))}
		for _, i := range u.roles {
			d.Roles = append(d.Roles, ids[i])
		}
		slices.SortFunc(d.Roles, ulid.ULID.Compare)
		add("roles-of/"+u.key, u.err, nil, 30*len(d.Roles), d)
	}
	return out
}
