package verify_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/verify"
)

// directory verifies a path, and demands that nothing beneath the data directory was changed by it.
func directory(t testing.TB, dir, path string) ([]*verify.Report, error) {
	t.Helper()
	before := files(t, dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reports, err := verify.Directory(ctx, path, verify.Options{})
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("verification changed files (-before +after):\n%s", diff)
	}
	return reports, err
}

// verified verifies a path of which all holds.
func verified(t testing.TB, dir, path string) []*verify.Report {
	t.Helper()
	reports, err := directory(t, dir, path)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func notes(r *verify.Report) string { return strings.Join(r.Notes, "\n") }

// Given a data directory, then each of its ledgers verifies, in both copies, and nothing is changed by it.
func TestDirectory(t *testing.T) {
	dir := dataDirectory(t)
	reports := verified(t, dir, dir)
	if len(reports) != 2 {
		t.Fatalf("%d reports", len(reports))
	}
	for i, want := range []struct {
		organization string
		documents    uint64
	}{{acme, perOrganization - 3}, {beta, 0}} {
		got := reports[i]
		if got.Organization != want.organization || got.Source != "ledger.example/"+want.organization || got.Position != perOrganization ||
			got.Stream != perOrganization || got.Signed != perOrganization || got.Node != 0 || got.Documents != want.documents ||
			got.Texts != perOrganization || got.Withheld != 0 || got.Rules != 2 || got.CID == "" || got.Genesis == "" {
			t.Errorf("%s: %+v", want.organization, got)
		}
		// Whoever can write the ledger can write what lies beside it.
		if got.Pinned || !strings.Contains(notes(got), "pin it") || !strings.Contains(notes(got), "The head was taken from") {
			t.Errorf("%s: what is not proven is not said: %+v", want.organization, got)
		}
	}
}

// Given the path of one organization, or of a journal, however it is spelled, then that ledger verifies, and the report
// says what was not there to compare.
func TestPathsOfOneLedger(t *testing.T) {
	dir := dataDirectory(t)
	org := filepath.Join(dir, "orgs", acme)
	elsewhere := filepath.Join(t.TempDir(), "kept")
	if err := os.CopyFS(elsewhere, os.DirFS(org)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path    string
		stream, texts uint64
		note          string
	}{
		{"an organization", org, perOrganization, perOrganization, ""},
		{"an organization, with a slash", org + "/", perOrganization, perOrganization, ""},
		{"a journal", filepath.Join(org, "journal"), 0, 0, "Only the journal was read"},
		{"an organization's directory elsewhere", elsewhere, 0, perOrganization, "Only the journal was read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reports := verified(t, dir, tt.path)
			if len(reports) != 1 {
				t.Fatalf("%d reports", len(reports))
			}
			r := reports[0]
			if r.Organization != acme || r.Position != perOrganization || r.Stream != tt.stream || r.Texts != tt.texts || !strings.Contains(notes(r), tt.note) {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("from within", func(t *testing.T) {
		t.Chdir(org)
		if r := verified(t, dir, "."); len(r) != 1 || r[0].Stream != perOrganization {
			t.Errorf("%+v", r)
		}
	})
}

// Given a path at which there is no ledger, then that is said.
func TestNothingThere(t *testing.T) {
	dir := dataDirectory(t)
	segments, err := filepath.Glob(filepath.Join(dir, "orgs", acme, "journal", "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"an empty directory", t.TempDir(), verify.ErrNothing},
		{"a directory of something else", filepath.Join(dir, "store"), verify.ErrNothing},
		{"a segment", segments[0], verify.ErrNothing},
		{"nothing", filepath.Join(dir, "nothing"), fs.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if reports, err := directory(t, dir, tt.path); !errors.Is(err, tt.want) || len(reports) != 0 {
				t.Errorf("got %v, %v; want %v", reports, err, tt.want)
			}
		})
	}
	t.Run("a data directory from which somebody took the organizations", func(t *testing.T) {
		for _, org := range []string{beta, acme} {
			if err := os.RemoveAll(filepath.Join(dir, "orgs", org)); err != nil {
				t.Fatal(err)
			}
			_, err := directory(t, dir, dir)
			wantBroken(t, err, chain.CheckGenesis, 1)
			if !strings.Contains(err.Error(), org) {
				t.Errorf("got %v; want it to name %s", err, org)
			}
		}
	})
	t.Run("a data directory without an organization", func(t *testing.T) {
		for _, d := range []string{"store", "node"} {
			if err := os.RemoveAll(filepath.Join(dir, d)); err != nil {
				t.Fatal(err)
			}
		}
		if reports, err := directory(t, dir, dir); !errors.Is(err, verify.ErrNothing) || len(reports) != 0 {
			t.Errorf("got %v, %v; want %v", reports, err, verify.ErrNothing)
		}
	})
	t.Run("a data directory without its organizations' directory", func(t *testing.T) {
		if err := os.Remove(filepath.Join(dir, "orgs")); err != nil {
			t.Fatal(err)
		}
		if _, err := directory(t, dir, dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v; want %v", err, fs.ErrNotExist)
		}
	})
}

// Given genesis and head from outside, then they are held against the ledger, not what lies beside it.
func TestPinnedFromOutside(t *testing.T) {
	dir := dataDirectory(t)
	org := filepath.Join(dir, "orgs", acme)
	r := verified(t, dir, org)[0]
	o := verify.Options{Genesis: r.Genesis, Head: &verify.Head{Position: r.Position, CID: r.CID, Root: r.Root}}
	if pinned, err := verify.Directory(t.Context(), org, o); err != nil || !pinned[0].Pinned || len(pinned[0].Notes) != 0 {
		t.Errorf("%+v, %v", pinned[0], err)
	}
	other := verified(t, dir, filepath.Join(dir, "orgs", beta))[0]
	_, err := verify.Directory(t.Context(), org, verify.Options{Genesis: other.Genesis})
	wantBroken(t, err, chain.CheckGenesis, 1)
	_, err = verify.Directory(t.Context(), org, verify.Options{Head: &verify.Head{Position: r.Position + 3, CID: r.CID, Root: r.Root}})
	wantBroken(t, err, chain.CheckHead, r.Position+1)
	_, err = verify.Directory(t.Context(), org, verify.Options{Head: &verify.Head{Position: r.Position, CID: r.CID, Root: other.Root}})
	wantBroken(t, err, chain.CheckHead, r.Position)
	for _, o := range []verify.Options{{Genesis: o.Genesis}, {Head: o.Head}} { // they are of one of two
		if _, err := verify.Directory(t.Context(), dir, o); err == nil || errors.As(err, new(*chain.BrokenError)) {
			t.Errorf("got %v; want that it is of one ledger", err)
		}
	}
}

// Given a stream that is not there, or ends before the journal, then the journal verifies, and the report says so.
func TestStreamIsIncomplete(t *testing.T) {
	dir := dataDirectory(t)
	org := filepath.Join(dir, "orgs", acme)
	d := openDisk(t, dir, acme)
	d.cutStream(t, perOrganization-3)
	if r := verified(t, dir, org)[0]; r.Position != perOrganization || r.Stream != perOrganization-3 || !strings.Contains(notes(r), "ends at 11") {
		t.Errorf("%+v", r)
	}
	if err := os.RemoveAll(streamDir(t, dir, acme)); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, org)[0]; r.Position != perOrganization || r.Stream != 0 || !strings.Contains(notes(r), "is not here") {
		t.Errorf("%+v", r)
	}
	if reports := verified(t, dir, dir); len(reports) != 2 || reports[1].Stream != perOrganization {
		t.Errorf("%+v", reports)
	}
}

// Given the end of a write that was cut off behind the last entry, then the entries verify, and the report says so. Of
// zeros, which every server that runs has there, it says nothing.
func TestTornTail(t *testing.T) {
	for name, tail := range map[string]string{"half a length": "\x01", "half an entry": "\x01\x00{\"event\"", "zeros": "\x00\x00\x00\x00"} {
		t.Run(name, func(t *testing.T) {
			dir := dataDirectory(t)
			d := openDisk(t, dir, acme)
			d.write(t, d.segment, append(d.journal, tail...))
			for _, path := range []string{d.org, filepath.Join(d.org, "journal")} {
				if r := verified(t, dir, path)[0]; r.Position != perOrganization || strings.Contains(notes(r), "no whole entry") != (name != "zeros") {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// Given the private texts of a ledger, when some are erased, then they are counted as withheld; when one is changed, then
// that is noticed.
func TestPrivateTexts(t *testing.T) {
	dir := dataDirectory(t)
	org := filepath.Join(dir, "orgs", acme)
	path := filepath.Join(org, "private")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Join(lines[3:], ""))
	if r := verified(t, dir, org)[0]; r.Texts != perOrganization-3 || r.Withheld != 3 {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, dir, org)[0]; r.Texts != 0 || r.Withheld != perOrganization {
		t.Errorf("%+v", r)
	}
	write(strings.Replace(string(whole), "because of", "in spite of", 1))
	reports, err := directory(t, dir, org)
	wantBroken(t, err, "private", 0)
	if len(reports) != 1 || reports[0].Position != perOrganization {
		t.Errorf("%+v", reports)
	}
}

func streamDir(t testing.TB, dir, org string) string {
	t.Helper()
	d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName(org))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Given a server that runs on the directory, and somebody who writes, then what is there by then verifies each time.
func TestServerRuns(t *testing.T) {
	dir := dataDirectory(t)
	n := serve(t, dir)
	org, err := n.Org(beta)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	stop := make(chan struct{})
	go func() { written <- writeUntil(org, stop) }()
	last := map[string]uint64{}
	for range 20 {
		reports, err := verify.Directory(t.Context(), dir, verify.Options{})
		if err != nil {
			t.Error(err)
			break
		}
		for _, r := range reports {
			if r.Position < max(last[r.Organization], perOrganization) {
				t.Errorf("%s went back from %d to %d", r.Organization, last[r.Organization], r.Position)
			}
			last[r.Organization] = r.Position
		}
	}
	close(stop)
	if err := <-written; err != nil {
		t.Error(err)
	}
	if last[beta] == perOrganization || len(last) != 2 {
		t.Errorf("nothing was written meanwhile: %v", last)
	}
}
