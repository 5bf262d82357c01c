package node_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/verify"
)

// A data directory that any release made opens for ever. testdata/format-1.tar.gz is one that the first layout's code
// wrote, keys and all (nobody's: they were made for it), and format-1.json what it answered then. After a release neither
// is ever made anew: a later layout gets files of its own beside them.
var rewrite = flag.Bool("rewrite", false, "make the golden data directory anew; only before a release")

// answers are what a directory says of itself: all of it follows from its entries.
type answers struct {
	Organizations map[string]organizationAnswers
}

type organizationAnswers struct {
	Position  uint64
	CID       string
	Roles     []string // key, name and permissions
	Subjects  []string // key, kind and effective permissions
	Documents []string // CIDs
	Topic     []string
}

func TestGoldenDirectory(t *testing.T) {
	const tarball, golden = "testdata/format-1.tar.gz", "testdata/format-1.json"
	if *rewrite {
		dir := initialised(t)
		n := open(t, dir)
		story(t, n)
		got := ask(t, n)
		n.Close()
		pack(t, dir, tarball)
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Given the directory of then
	dir := filepath.Join(t.TempDir(), "ledger")
	unpack(t, tarball, dir)
	// when it is verified, then all of it holds
	reports, err := verify.Directory(t.Context(), dir, verify.Options{})
	if err != nil || len(reports) != 2 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	// and when it is opened, then it answers as it did
	n := open(t, dir)
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	var want answers
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, ask(t, n)); diff != "" {
		t.Errorf("(-then +now):\n%s", diff)
	}
	n.Close()
	// and it opens a second time: the first start left it whole
	open(t, dir)
}

// story records an event of most kinds in two organizations.
func story(t *testing.T, n *node.Node) {
	t.Helper()
	o := newOwner(t)
	plain := organization(t, n, o, "main", "plain")
	var names []string
	for i := range 3000 {
		names = append(names, fmt.Sprintf("service.things%04d.read", i))
	}
	big := newRole("big")
	for _, part := range events.PartsOf(names) {
		r := o.do(t, plain, &events.PermissionsRecorded{Permissions: part})
		big.Parts = append(big.Parts, r.Event.Data.(*events.PermissionsRecorded).Part)
	}
	o.do(t, plain, big)
	name := "Renamed"
	o.do(t, plain, &events.RoleUpdated{Role: big.Role, Name: &name, Remove: names[:1]})
	gone := newRole("gone")
	o.do(t, plain, gone)
	o.do(t, plain, &events.RoleDeleted{Role: gone.Role})

	org := organization(t, n, o, "acme", "stokr")
	o.do(t, org, &events.CataloguePublished{Catalogue: "shop", Permissions: []events.Permission{
		{Name: "order.cancel", Category: "Orders", Entity: "order", Action: "cancel"},
		{Name: "order.view", Category: "Orders", Entity: "order", Action: "view"},
	}})
	clerk := newRole("clerk")
	clerk.Permissions = []string{"shop:order.view"}
	o.do(t, org, clerk)
	reason := private.New("joins the desk")
	ben := &events.SubjectAdded{Subject: node.NewID(time.Now().UnixMilli()), Key: "ben", Kind: events.KindHuman, Credential: newOwner(t).did(), DisplayName: reason.Commitment()}
	o.do(t, org, ben, reason)
	o.do(t, org, &events.RoleAssigned{Subject: ben.Subject, Role: clerk.Role, Scope: "asset/A-1", Until: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)})
	o.do(t, org, &events.RolesSet{Subject: ben.Subject, Roles: sorted(clerk.Role)})
	o.do(t, org, &events.PermissionGranted{Subject: ben.Subject, Permission: "shop:order.cancel"})
	o.do(t, org, &events.PermissionsSet{Subject: ben.Subject, Permissions: []string{"shop:order.view"}})
	o.do(t, org, &events.DocumentIssued{Thing: "subject/" + ben.Subject.String()})
	fresh, err := n.NewKey("acme", events.PurposeEvent)
	if err != nil {
		t.Fatal(err)
	}
	o.do(t, org, &events.KeyRegistered{Key: fresh, Purpose: events.PurposeEvent})
	o.do(t, org, &events.KeyReported{Key: fresh, From: 2})
	o.do(t, org, &events.RoleRevoked{Subject: ben.Subject, Role: clerk.Role})
	o.do(t, org, &events.SubjectDeactivated{Subject: ben.Subject})
}

// ask collects what the organizations of a node answer, as of their last entry.
func ask(t *testing.T, n *node.Node) answers {
	t.Helper()
	all := answers{map[string]organizationAnswers{}}
	for _, id := range n.Organizations() {
		org, err := n.Org(id)
		if err != nil {
			t.Fatal(err)
		}
		head := org.Access.Head()
		a := access.AsOf{Position: head.Position, Instant: head.Time}
		got := organizationAnswers{Position: head.Position, CID: head.CID}
		for _, r := range org.Access.Roles(a) {
			got.Roles = append(got.Roles, fmt.Sprintf("%s %q %d %x", r.Key, r.Name, r.Count, events.SetDigest(r.Permissions)))
		}
		for v, names := range org.Access.Assignments(a) {
			got.Subjects = append(got.Subjects, fmt.Sprintf("%s %s %d %x", v.Key, v.Kind, len(names), events.SetDigest(names)))
		}
		for _, d := range org.Documents.List("", 1, 1000) {
			got.Documents = append(got.Documents, d.CID)
		}
		for i := range org.Topic.Len() {
			m, _ := org.Topic.Message(i)
			got.Topic = append(got.Topic, string(m.Bytes))
		}
		positions, _ := org.History.Find(history.Query{})
		if uint64(len(positions)) != head.Position {
			t.Errorf("%s: history has %d entries of %d", id, len(positions), head.Position)
		}
		all.Organizations[id] = got
	}
	return all
}

func pack(t *testing.T, dir, to string) {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return w.WriteHeader(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o700})
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(b))}); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	for _, err := range []error{err, w.Close(), z.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unpack(t *testing.T, from, dir string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		if strings.HasSuffix(h.Name, "/") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
