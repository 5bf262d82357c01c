package access_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

var plain = events.Profile{DirectGrants: true, EmptyRoles: true, NewPermissions: true}

// desk is a small history: who stands where is in the comments.
func desk(t *testing.T) *ledger {
	l := open(plain)                                                                          // 1, 08:00
	l.do(t, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})     // 2
	l.do(t, &events.SubjectAdded{Subject: id("ben"), Key: "ben", Kind: events.KindHuman})     // 3
	l.do(t, &events.SubjectAdded{Subject: id("wallet"), Key: "wal", Kind: events.KindWallet}) // 4
	l.do(t, &events.CataloguePublished{Catalogue: "cat", Permissions: []events.Permission{    // 5
		{Name: "mint", Category: "Token", Entity: "token", Action: "mint", Level: events.LevelToken},         //
		{Name: "read", Category: "Desk", Entity: "file", Action: "read", Guards: []string{"history.read"}}}}) //
	l.do(t, &events.RoleCreated{Role: id("r1"), Key: "desk", Name: "Desk", Permissions: []string{"cat:mint", "freeze"}}) // 6
	l.do(t, &events.RoleAssigned{Subject: id("ben"), Role: id("r1")})                                                    // 7
	l.do(t, &events.RoleUpdated{Role: id("r1"), Add: []string{"cat:read"}})                                              // 8
	l.do(t, &events.RoleRevoked{Subject: id("ben"), Role: id("r1")})                                                     // 9, 08:08
	l.do(t, &events.RoleAssigned{Subject: id("ann"), Role: id("r1"), Scope: "asset/1"})                                  // 10
	l.do(t, &events.PermissionGranted{Subject: id("ben"), Permission: "freeze", Until: begin.Add(time.Hour)})            // 11
	l.do(t, &events.RoleAssigned{Subject: id("wallet"), Role: id("r1")})                                                 // 12
	return l
}

func TestExplain(t *testing.T) {
	l := desk(t)
	x, late := l.index, begin.Add(2*time.Hour)
	at := func(n uint64) ulid.ULID { return l.entries[n-1].Event.ID }
	role := access.RoleRef{ID: id("r1"), Key: "desk", Name: "Desk"}
	lost := access.Loss{Grant: at(7), At: 7, LostAt: 9, By: owner}
	subject := func(name string) access.SubjectView {
		s, err := x.Subject(name, x.Now(late))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	byDesk := access.Reason{Kind: access.ByRole, Grant: at(10), At: 10, By: owner, Role: role, PermissionAt: 6, Scope: "asset/1"}
	for _, test := range []struct {
		name, subject, permission, resource string
		asOf                                access.AsOf
		want                                access.Explanation
	}{
		{"nobody", "carl", "freeze", "", x.Now(late), access.Explanation{
			UnknownSubject: true, Roles: []access.NearRole{{Role: role, Since: 6}},
		}},
		{"nothing of that name", "ben", "cat:raed", "", x.Now(late), access.Explanation{
			Subject: subject("ben"), UnknownPermission: true, Nearest: []string{"cat:read"},
		}},
		{"lost the role", "ben", "cat:read", "", x.Now(late), access.Explanation{
			Subject: subject("ben"), Roles: []access.NearRole{{Role: role, Since: 8, Lost: []access.Loss{lost}}},
		}},
		{"a grant that ended, not recorded", "ben", "freeze", "", x.Now(late), access.Explanation{
			Subject: subject("ben"), Roles: []access.NearRole{{Role: role, Since: 6, Lost: []access.Loss{lost}}},
			Lost: []access.Loss{{Grant: at(11), At: 11, Until: begin.Add(time.Hour), Ended: true}},
		}},
		{"elsewhere", "ann", "freeze", "asset/2", x.Now(late), access.Explanation{
			Subject: subject("ann"), Roles: []access.NearRole{{Role: role, Since: 6}}, Elsewhere: []access.Reason{byDesk},
		}},
		{"beneath the scope", "ann", "freeze", "asset/1/investor/2", x.Now(late), access.Explanation{
			Subject: subject("ann"), Answer: access.Answer{Allowed: true, Because: []access.Reason{byDesk}},
		}},
		{"of the token level", "ann", "cat:mint", "asset/1", x.Now(late), access.Explanation{
			Subject: subject("ann"), Level: events.LevelToken, Roles: []access.NearRole{{Role: role, Since: 6, Held: true}},
		}},
		{"of the platform level", "wal", "cat:read", "", x.Now(late), access.Explanation{
			Subject: subject("wal"), Level: access.LevelPlatform, Roles: []access.NearRole{{Role: role, Since: 8, Held: true}},
		}},
		{"before the permission was in the role", "ben", "cat:read", "", access.AsOf{Position: 7, Instant: late}, access.Explanation{
			Subject: subject("ben"),
		}},
		{"the owner", "owner", "cat:mint", "", access.AsOf{Position: 5, Instant: late}, access.Explanation{
			Subject: subject("owner"), Answer: access.Answer{Allowed: true, Because: []access.Reason{{Kind: access.ByOwner, Grant: at(1), At: 1, By: owner}}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := x.Explain(test.subject, test.permission, test.resource, test.asOf)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Given what a subject lost in each way, when it is asked why it may not, then the explanation names the entry.
func TestExplainWhatWasTaken(t *testing.T) {
	l := desk(t)
	l.now = begin.Add(90 * time.Minute)
	l.end()                                                                  // 13 ends 11
	l.do(t, &events.RoleAssigned{Subject: id("ben"), Role: id("r1")})        // 14
	l.do(t, &events.RoleUpdated{Role: id("r1"), Remove: []string{"freeze"}}) // 15
	l.do(t, &events.SubjectDeactivated{Subject: id("ann")})                  // 16
	e := l.index.Explain("ben", "freeze", "", l.index.Now(l.now))
	if len(e.Lost) != 1 || !e.Lost[0].Ended || e.Lost[0].LostAt != 13 || e.Lost[0].By != node {
		t.Errorf("the ended grant: got %+v, want it recorded at 13", e.Lost)
	}
	if len(e.Roles) != 1 || e.Roles[0].Since != 0 || e.Roles[0].Removed != 15 || !e.Roles[0].Held {
		t.Errorf("the role that no longer holds it: got %+v, want removed at 15", e.Roles)
	}
	if e := l.index.Explain("ann", "cat:read", "asset/1", l.index.Now(l.now)); e.Allowed || e.Deactivated != 16 || !e.Roles[0].Held {
		t.Errorf("a deactivated subject: got %+v, want deactivated at 16", e)
	}
}

func TestParseAsOf(t *testing.T) {
	l := desk(t)
	l.now = time.Date(2026, 10, 3, 23, 30, 0, 0, time.UTC)
	l.do(t, &events.RoleCreated{Role: id("r9"), Key: "night", Name: "Night"}) // 13, at 23:31
	l.do(t, &events.RoleDeleted{Role: id("r9")})                              // 14, at 23:32
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	head := uint64(len(l.entries))
	utc := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		text string
		want access.AsOf
		err  error
	}{
		{"", access.AsOf{Position: head, Instant: now}, nil},
		{"head", access.AsOf{Position: head, Instant: now}, nil},
		{"head~0", access.AsOf{Position: head, Instant: utc("2026-10-03T23:32:00Z")}, nil},
		{"head~5", access.AsOf{Position: 9, Instant: utc("2026-10-01T08:08:00Z")}, nil},
		{"head~14", access.AsOf{}, access.ErrBeforeFirst},
		{"head~x", access.AsOf{}, access.ErrSyntax},
		{"head~-1", access.AsOf{}, access.ErrSyntax},
		{"7", access.AsOf{Position: 7, Instant: utc("2026-10-01T08:06:00Z")}, nil},
		{"0", access.AsOf{}, access.ErrBeforeFirst},
		{"15", access.AsOf{}, access.ErrNoPosition},
		{"99999999999999999999999", access.AsOf{}, access.ErrNoPosition},
		{"2026-10-01T08:06:59Z", access.AsOf{Position: 7, Instant: utc("2026-10-01T08:06:59Z")}, nil},
		{"2026-10-01T08:07Z", access.AsOf{Position: 8, Instant: utc("2026-10-01T08:07:00Z")}, nil},
		{"2026-10-01T10:07+02:00", access.AsOf{Position: 8, Instant: utc("2026-10-01T08:07:00Z")}, nil},
		{"2026-10-01T08:06:59.999Z", access.AsOf{Position: 7, Instant: utc("2026-10-01T08:06:59.999Z")}, nil},
		{"2026-10-01T07:59:59Z", access.AsOf{}, access.ErrBeforeFirst},
		{"2026-10-01", access.AsOf{Position: 12, Instant: utc("2026-10-01T23:59:59.999Z")}, nil},
		{"2026-10-02", access.AsOf{Position: 12, Instant: utc("2026-10-02T23:59:59.999Z")}, nil},
		{"2026-10-03", access.AsOf{Position: 14, Instant: utc("2026-10-03T23:59:59.999Z")}, nil},
		{"2026-09-30", access.AsOf{}, access.ErrBeforeFirst},
		{"24h", access.AsOf{Position: head, Instant: utc("2026-11-20T12:00:00Z")}, nil},
		{"1200h", access.AsOf{Position: 12, Instant: utc("2026-10-02T12:00:00Z")}, nil},
		{"12000h", access.AsOf{}, access.ErrBeforeFirst},
		{"-24h", access.AsOf{}, access.ErrSyntax},
		{"cid:" + cidAt(l, 1), access.AsOf{Position: 1, Instant: begin}, nil}, // unsealed entries share one CID
		{"cid:bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", access.AsOf{}, access.ErrNoPosition},
		{"cid:nonsense", access.AsOf{}, access.ErrNoPosition},
		{"occurred:2021-11-12T10:28:19+02:00", access.AsOf{Position: head, Instant: utc("2021-11-12T08:28:19Z"), Occurred: utc("2021-11-12T08:28:19Z")}, nil},
		{"occurred:2021-11-12", access.AsOf{Position: head, Instant: utc("2021-11-12T23:59:59.999Z"), Occurred: utc("2021-11-12T23:59:59.999Z")}, nil},
		{"occurred:yesterday", access.AsOf{}, access.ErrSyntax},
		{"last tuesday", access.AsOf{}, access.ErrSyntax},
		{"2026-13-01", access.AsOf{}, access.ErrSyntax},
	} {
		got, pos, err := l.index.ParseAsOf(test.text, now)
		if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%q: got error %v, want %v", test.text, err, test.err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
		if err == nil && (pos.Position != got.Position || !pos.Time.Equal(l.entries[pos.Position-1].Event.Time)) {
			t.Errorf("%q: got %+v, want position %d and its time", test.text, pos, got.Position)
		}
	}
	if _, _, err := access.New().ParseAsOf("head", now); !errors.Is(err, access.ErrBeforeFirst) {
		t.Errorf("an empty ledger: got %v, want %v", err, access.ErrBeforeFirst)
	}
}

func cidAt(l *ledger, position uint64) string { return l.entries[position-1].CID() }

// Given sealed entries, when one is asked for by position, time and CID, then each gives the same place.
func TestPlaces(t *testing.T) {
	l := open(plain)
	l.do(t, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})
	l.do(t, &events.SubjectAdded{Subject: id("ben"), Key: "ben", Kind: events.KindHuman})
	x := access.New()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Head(); got != (access.Pos{}) {
		t.Errorf("the head of nothing: got %+v", got)
	}
	prev := ""
	for i, en := range l.entries {
		e := *en.Event
		e.Prev = prev
		sealed := seal(t, &e, key)
		prev = sealed.CID()
		x.Apply(sealed, nil)
		want := access.Pos{Position: uint64(i + 1), CID: prev, Time: e.Time}
		byCID, ok1 := x.ByCID(prev)
		byTime, ok2 := x.AtTime(e.Time.Add(time.Second))
		at, ok3 := x.At(want.Position)
		for _, got := range []access.Pos{byCID, byTime, at, x.Head()} {
			if diff := cmp.Diff(want, got); diff != "" || !ok1 || !ok2 || !ok3 {
				t.Errorf("position %d: %v %v %v (-want +got):\n%s", i+1, ok1, ok2, ok3, diff)
			}
		}
	}
	if _, ok := x.At(4); ok {
		t.Error("there is a position after the head")
	}
	if _, ok := x.AtTime(begin.Add(-time.Millisecond)); ok {
		t.Error("there is a position before the first entry")
	}
}

// seal gives an entry with bytes of its own; that they are those of the event matters to nobody here.
func seal(t *testing.T, e *events.Event, key ed25519.PrivateKey) *chain.Entry {
	t.Helper()
	body := fmt.Appendf(nil, `{"sequence":"%d"}`, e.Sequence)
	en, err := chain.Seal(e, body, nil, nil, key, "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")
	if err != nil {
		t.Fatal(err)
	}
	return en
}

func TestNames(t *testing.T) {
	l := open(plain)
	first := id("first")
	// Ann's key is the id that another subject will have: that one is then meant by it, but not before it is there.
	l.do(t, &events.SubjectAdded{Subject: id("ann"), Key: first.String(), Kind: events.KindHuman})               // 2
	l.do(t, &events.SubjectAdded{Subject: first, Key: "first", Kind: events.KindHuman})                          // 3
	l.do(t, &events.RoleCreated{Role: id("r1"), Key: "desk", Name: "Old desk", Permissions: []string{"a"}})      // 4
	l.do(t, &events.RoleDeleted{Role: id("r1")})                                                                 // 5
	l.do(t, &events.RoleCreated{Role: id("r2"), Key: "desk", Name: "New desk", Permissions: []string{"a", "b"}}) // 6
	x := l.index
	for _, test := range []struct {
		position uint64
		want     ulid.ULID
	}{{2, id("ann")}, {3, first}} {
		if s, err := x.Subject(first.String(), access.AsOf{Position: test.position}); err != nil || s.ID != test.want {
			t.Errorf("subject as of %d: got %v %v, want %v", test.position, s.ID, err, test.want)
		}
	}
	for _, test := range []struct {
		name     string
		position uint64
		want     string
		deleted  uint64
	}{
		{"desk", 3, "", 0}, {"desk", 4, "Old desk", 0}, {"desk", 5, "", 5}, {"desk", 6, "New desk", 0}, {"desk", 1 << 60, "New desk", 0},
		{id("r1").String(), 6, "", 5}, {id("r2").String(), 6, "New desk", 0}, {id("r2").String(), 5, "", 0}, {"desc", 6, "", 0},
	} {
		got, err := x.Role(test.name, access.AsOf{Position: test.position})
		if got.Name != test.want || (err == nil) != (test.want != "") {
			t.Errorf("role %s as of %d: got %q %v, want %q", test.name, test.position, got.Name, err, test.want)
		}
		var missing *access.NotFoundError
		if err != nil && (!errors.Is(err, access.ErrNotFound) || !errors.As(err, &missing) || missing.Deleted != test.deleted) {
			t.Errorf("role %s as of %d: got %v, want not found, deleted at %d", test.name, test.position, err, test.deleted)
		}
	}
	if _, err := x.Effective("nobody", x.Now(begin)); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("effective permissions of nobody: got %v", err)
	}
	if _, err := x.Holdings("nobody", x.Now(begin)); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("holdings of nobody: got %v", err)
	}
}

func TestPermissions(t *testing.T) {
	l := desk(t)                                                                           // 12
	l.do(t, &events.CataloguePublished{Catalogue: "cat", Permissions: []events.Permission{ // 13
		{Name: "read", Category: "Files", Entity: "file", Action: "read"}}})
	own := len(rules.Actions())
	read := access.PermissionView{Name: "cat:read", Catalogue: "cat", Category: "Desk", Entity: "file", Action: "read", Guards: []string{"history.read"}, Level: access.LevelPlatform}
	now := read
	now.Category, now.Guards = "Files", nil
	mint := access.PermissionView{Name: "cat:mint", Catalogue: "cat", Category: "Token", Entity: "token", Action: "mint", Level: events.LevelToken}
	freeze := access.PermissionView{Name: "freeze", Level: access.LevelPlatform}
	for _, test := range []struct {
		position uint64
		want     []access.PermissionView
	}{{4, nil}, {5, []access.PermissionView{mint, read}}, {6, []access.PermissionView{mint, read, freeze}}, {13, []access.PermissionView{now, freeze}}} {
		got := l.index.Permissions(access.AsOf{Position: test.position})
		ledgers := 0
		got = slices.DeleteFunc(got, func(p access.PermissionView) bool {
			if p.Catalogue == rules.Own {
				ledgers++
			}
			return p.Catalogue == rules.Own
		})
		if diff := cmp.Diff(test.want, got); diff != "" && len(test.want)+len(got) > 0 || ledgers != own {
			t.Errorf("as of %d, %d of the ledger's own (-want +got):\n%s", test.position, ledgers, diff)
		}
	}
	if p, err := l.index.Permission("cat:mint", l.index.Now(begin)); err != nil || !p.Retired {
		t.Errorf("a retired permission: got %+v %v", p, err)
	}
}

// Given changes that somebody else recorded years ago, when it is asked as of then, then later ones do not count.
func TestOccurred(t *testing.T) {
	l := open(plain)
	year := func(y int) time.Time { return time.Date(y, 6, 1, 0, 0, 0, 0, time.UTC) }
	l.imported(t, year(2023), &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})
	l.imports, l.now = 100, l.now.Add(time.Hour)
	other := func(y int, d events.Data) {
		t.Helper()
		l.now = l.now.Add(time.Minute)
		if _, err := l.run(events.Command{Data: d, Origin: l.origin("crm", year(y))}); err != nil {
			t.Fatal(err)
		}
	}
	other(2020, &events.RoleCreated{Role: id("r1"), Key: "desk", Name: "Desk", Permissions: []string{"a"}})
	other(2021, &events.RoleAssigned{Subject: id("ann"), Role: id("r1")})
	other(2022, &events.RoleUpdated{Role: id("r1"), Add: []string{"b"}, Remove: []string{"a"}})
	l.do(t, &events.RoleRevoked{Subject: id("ann"), Role: id("r1")})
	for _, test := range []struct {
		asOf string
		want []string
	}{
		{"occurred:2020-12-31", []string{}}, {"occurred:2021-06-01T00:00:00Z", []string{"a"}}, {"occurred:2021-05-31", []string{}},
		{"occurred:2022-06-01T02:00:00+02:00", []string{"b"}}, {"occurred:2026-09-30", []string{"b"}}, {"head", []string{}},
	} {
		a, _, err := l.index.ParseAsOf(test.asOf, l.now)
		if err != nil {
			t.Fatal(err)
		}
		for s, got := range l.index.Assignments(a) {
			if s.Key == "ann" && (!slices.Equal(got, test.want) || !s.Imported) {
				t.Errorf("%s: got %v, want %v", test.asOf, got, test.want)
			}
		}
	}
}

// Given a ledger that grows, when others read it meanwhile, then each answer is that of the position asked for.
func TestReadersBesideTheWriter(t *testing.T) {
	l := desk(t)
	x, late := access.New(), begin.Add(2*time.Hour)
	for _, en := range l.entries[:7] {
		x.Apply(en, nil)
	}
	a := x.Now(late)
	want := x.Check("ben", "freeze", "", a)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				if diff := cmp.Diff(want, x.Check("ben", "freeze", "", a)); diff != "" {
					t.Errorf("as of 7 (-before +meanwhile):\n%s", diff)
					return
				}
				x.WhoCan("freeze", "", x.Now(late))
				for s, names := range x.Assignments(a) {
					if s.Key == "ben" && !slices.Equal(names, []string{"freeze"}) {
						t.Errorf("assignments as of 7: got %v", names)
					}
					x.Head()
				}
			}
		})
	}
	for _, en := range l.entries[7:] {
		x.Apply(en, nil)
	}
	readers.Wait()
}

// Given an index, when an entry is applied twice, then it panics: no answer after that would be right.
func TestOutOfOrder(t *testing.T) {
	l := open(plain)
	defer func() {
		if recover() == nil {
			t.Error("an entry was taken in twice")
		}
	}()
	l.index.Apply(l.entries[0], l.state)
}
