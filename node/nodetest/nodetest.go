// Package nodetest makes organizations of any size on a node, for tests and benchmarks: every entry is commanded, signed and
// recorded as anybody's is.
package nodetest

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/node"
)

// Size says how large an organization is.
type Size struct {
	Subjects, Roles, Permissions int // at least two roles
	Entries                      int // at least; what is left when all the above are there are changes of them
}

// Large is the organization that answers are measured with.
var Large = Size{Subjects: 10_000, Roles: 500, Permissions: 1_000, Entries: 100_000}

// How much of an organization's each one has.
const (
	permissionsOfCatalogue = 250 // more with a description each are no longer one entry
	permissionsOfRole      = 40
	rolesOfSubject         = 2
)

// Key gives the same key for the same name in every run. The owner of an organization signs with that of "<id>/owner", every
// twentieth subject, and every API key, with that of "<id>/<key>".
func Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func didOf(name string) string { return didkey.Encode(Key(name).Public().(ed25519.PublicKey)) }

// Permission gives the name of a permission by its number, Role and Subject the keys of a role and a subject, and Name the
// name that a subject is shown with.
func Permission(i int) string {
	return fmt.Sprintf("desk%d:area%02d.thing%d.verb%04d", i/permissionsOfCatalogue, i%25, i%5, i)
}
func Role(i int) string    { return fmt.Sprintf("role-%03d", i) }
func Subject(i int) string { return fmt.Sprintf("user-%05d@example.com", i) }
func Name(i int) string {
	return givenNames[i%len(givenNames)] + " " + familyNames[i/len(givenNames)%len(familyNames)]
}

var (
	givenNames  = []string{"Ada", "Barbara", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Jürgen", "Katherine", "Łukasz"}
	familyNames = []string{"Allen", "Borg", "Cerf", "Dijkstra", "Easley", "Floyd", "Goldberg", "Hopper", "Ito", "Jones", "Knuth", "Lovelace", "Müller"}
)

// Open opens an organization of a size on a node. Its entries are those that it needs; the same size gives the same
// organization each time, but for ids and times. It ends the test where something is refused.
func Open(t testing.TB, n *node.Node, id string, s Size) *node.Org {
	t.Helper()
	b := &builder{t: t, id: id, owner: Key(id + "/owner")}
	opening, err := n.Opening(node.Opening{
		Organization: id, Name: "The " + id, Profile: "plain", OwnerKey: "owner", OwnerKind: events.KindHuman, Credential: didOf(id + "/owner"),
		Root: didOf(id + "/root"), OperatorKey: didOf("operator"),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.as = opening
	o, _, err := n.OpenOrganization(t.Context(), b.sign(opening, nil))
	if err != nil {
		t.Fatal(err)
	}
	b.org = o
	b.fill(s)
	return o
}

// builder records the commands of one owner in large batches.
type builder struct {
	t     testing.TB
	id    string // of the organization
	org   *node.Org
	owner ed25519.PrivateKey
	as    events.Command // whose ledger, actor and credential all commands have
	done  int            // commands
	batch []ledger.Request
}

// batchSize is how many commands are recorded at once.
const batchSize = 1000

func newID() ulid.ULID { return node.NewID(time.Now().UnixMilli()) }

func (b *builder) sign(c events.Command, texts []private.Text) ledger.Request {
	ev, err := chain.SignCommand(&c, events.Signed{Expires: time.Now().UTC().Add(time.Hour).Truncate(time.Millisecond)}, b.owner)
	if err != nil {
		b.t.Fatal(err)
	}
	return ledger.Request{Command: c, Evidence: ev, Texts: texts}
}

// do records a change with the rest of its batch. Every fourth says why.
func (b *builder) do(d events.Data, texts ...private.Text) {
	c := events.Command{ID: newID(), Ledger: b.as.Ledger, Actor: b.as.Actor, Auth: b.as.Auth, Data: d}
	if b.done++; b.done%4 == 0 {
		why := private.New(fmt.Sprintf("TICKET-%d, as it was asked for", b.done))
		c.Reason, texts = why.Commitment(), append(texts, why)
	}
	if b.batch = append(b.batch, b.sign(c, texts)); len(b.batch) == batchSize {
		b.flush()
	}
}

func (b *builder) flush() {
	for i, o := range b.org.Ledger.ExecuteAll(b.t.Context(), b.batch, true) {
		if o.Err != nil {
			b.t.Fatalf("%s: %v", b.batch[i].Command.Data.Type(), o.Err)
		}
	}
	b.batch = b.batch[:0]
}

func (b *builder) fill(s Size) {
	for from := 0; from < s.Permissions; from += permissionsOfCatalogue {
		b.do(catalogue(from, min(from+permissionsOfCatalogue, s.Permissions)))
	}
	roles, subjects := make([]ulid.ULID, s.Roles), make([]ulid.ULID, s.Subjects)
	for i := range roles {
		roles[i] = newID()
		var names []string
		for k := range min(permissionsOfRole, s.Permissions) {
			names = append(names, Permission((i*7+k*13)%s.Permissions))
		}
		slices.Sort(names)
		b.do(&events.RoleCreated{Role: roles[i], Key: Role(i), Name: fmt.Sprintf("Role %03d", i), Description: "What people at this desk do all day", Permissions: slices.Compact(names)})
	}
	for i := range subjects {
		subjects[i] = newID()
		name, mail := private.New(Name(i)), private.New(Subject(i))
		d := &events.SubjectAdded{Subject: subjects[i], Key: Subject(i), Kind: events.KindHuman, DisplayName: name.Commitment(), Email: mail.Commitment()}
		switch i % 20 {
		case 17:
			d.Credential = didOf(b.id + "/" + Subject(i))
		case 18:
			d.Kind = events.KindTechnical
		case 19:
			d.Kind, d.Credential = events.KindAPIKey, didOf(b.id+"/"+Subject(i))
		}
		b.do(d, name, mail)
	}
	for i, subject := range subjects {
		for k := range rolesOfSubject {
			b.do(&events.RoleAssigned{Subject: subject, Role: roles[(i+k*(1+i%min(7, len(roles)-1)))%len(roles)]})
		}
	}
	for round := 0; b.done+1 < s.Entries; round++ { // the opening is one, too
		b.change(round, roles, subjects, s)
	}
	b.flush()
}

func catalogue(from, to int) *events.CataloguePublished {
	var d events.CataloguePublished
	for i := from; i < to; i++ {
		var name string
		d.Catalogue, name, _ = strings.Cut(Permission(i), ":")
		d.Permissions = append(d.Permissions, events.Permission{
			Name: name, Category: fmt.Sprintf("Area %02d", i%25), Entity: fmt.Sprintf("thing%d", i%5), Action: fmt.Sprintf("verb%04d", i),
			Description: fmt.Sprintf("Do what stands at number %d of the list", i),
		})
	}
	d.Title = "What can be done at " + d.Catalogue
	slices.SortFunc(d.Permissions, func(a, b events.Permission) int { return cmp.Compare(a.Name, b.Name) })
	return &d
}

// change takes something away and gives it again, or the other way round.
func (b *builder) change(round int, roles, subjects []ulid.ULID, s Size) {
	i := round / 3
	subject, role, own := subjects[i%len(subjects)], roles[i%len(roles)], roles[i%len(subjects)%len(roles)]
	switch round % 3 {
	case 0:
		name := Permission((i%len(roles)*7 + i/len(roles)%permissionsOfRole*13) % s.Permissions)
		b.do(&events.RoleUpdated{Role: role, Remove: []string{name}})
		b.do(&events.RoleUpdated{Role: role, Add: []string{name}})
	case 1:
		name := Permission(i % s.Permissions)
		b.do(&events.PermissionGranted{Subject: subject, Permission: name, Scope: fmt.Sprintf("asset/%d", i)})
		b.do(&events.PermissionRevoked{Subject: subject, Permission: name, Scope: fmt.Sprintf("asset/%d", i)})
	case 2:
		b.do(&events.RoleRevoked{Subject: subject, Role: own})
		b.do(&events.RoleAssigned{Subject: subject, Role: own})
	}
}
