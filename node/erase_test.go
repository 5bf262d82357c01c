//go:build unix

package node_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

// secretly is a ledger with a private text about its owner, whose erasing is asked for.
type secretly struct {
	dir   string
	owner owner
	id    ulid.ULID
	text  private.Text
	whole []byte // the file of private texts before anything was erased
}

const secretWords = "she is on leave, for her health"

func newSecretly(t *testing.T) *secretly {
	t.Helper()
	s := &secretly{dir: initialised(t), owner: newOwner(t), text: private.New(secretWords)}
	n := open(t, s.dir)
	org := organization(t, n, s.owner, "acme", "plain")
	if _, err := s.owner.attempt(t, org, newRole("one"), s.text); err != nil {
		t.Fatal(err)
	}
	org.Fold.Read(func(st *rules.State) { s.id = st.Owner() })
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	s.whole = s.file(t)
	if !bytes.Contains(s.whole, []byte(secretWords)) {
		t.Fatal("the text is not in its file")
	}
	return s
}

func (s *secretly) path() string { return filepath.Join(s.dir, "orgs", "acme", "private") }

func (s *secretly) file(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *secretly) erased() *events.SubjectErased {
	return &events.SubjectErased{Subject: s.id, Texts: []events.Digest{s.text.Commitment()}}
}

// report verifies the ledger.
func (s *secretly) report(t *testing.T) *verify.Report {
	t.Helper()
	all, err := verify.Directory(t.Context(), s.dir, verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// gone demands that the text is nowhere, that it is known to be erased, and that nothing else is missing.
func (s *secretly) gone(t *testing.T) {
	t.Helper()
	if bytes.Contains(s.file(t), []byte(secretWords)) {
		t.Error("the text is still in the file")
	}
	if r := s.report(t); r.Erased != 1 || r.Withheld != 0 {
		t.Errorf("verify finds %d erased, %d withheld", r.Erased, r.Withheld)
	}
	if got := privateLevel(t, s.dir); got != node.FindingOK {
		t.Errorf("doctor finds the private texts %s", got)
	}
}

// Given a text that was erased, when an old copy of the private texts is put back, then the next start erases it again,
// also where it starts from a snapshot, and nobody can bring it back.
func TestErasedTextsStayErased(t *testing.T) {
	s := newSecretly(t)
	n := open(t, s.dir)
	org, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	s.owner.do(t, org, s.erased())
	if _, here := org.Private.Get(s.text.Commitment()); here || !org.Private.Erased(s.text.Commitment()) {
		t.Error("when it is recorded, it is not erased")
	}
	if err := org.Private.Put([]private.Text{s.text}); err != nil {
		t.Fatal(err)
	}
	if _, here := org.Private.Get(s.text.Commitment()); here {
		t.Error("it was brought back")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	s.gone(t)
	if err := os.WriteFile(s.path(), s.whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.report(t); !strings.Contains(strings.Join(r.Notes, "\n"), "1 private texts that were erased are still in the file") {
		t.Errorf("verify says nothing of it: %q", r.Notes)
	}
	n = open(t, s.dir)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	s.gone(t)
}

// Given an old copy of the private texts that is put back, when doctor looks, then it warns that erased texts are here, whether
// a node runs on the directory or not, and says so no more once a start has erased them.
func TestDoctorSeesErasedTexts(t *testing.T) {
	s := newSecretly(t)
	level := func() string {
		t.Helper()
		found, err := node.Examine(t.Context(), s.dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Check == "erased" && f.Organization == "acme" {
				return f.Level
			}
		}
		return ""
	}
	n := open(t, s.dir)
	org, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	s.owner.do(t, org, s.erased())
	if got := level(); got != node.FindingOK {
		t.Errorf("while a node runs, and nothing is left, doctor says %q", got)
	}
	if err := os.WriteFile(s.path(), s.whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := level(); got != node.FindingWarn {
		t.Errorf("while a node runs, and the text is here again, doctor says %q", got)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if got := level(); got != node.FindingWarn {
		t.Errorf("while none runs, and the text is here again, doctor says %q", got)
	}
	if err := open(t, s.dir).Close(); err != nil {
		t.Fatal(err)
	}
	if got := level(); got != node.FindingOK {
		t.Errorf("after a start doctor says %q", got)
	}
}

// Given a node that is killed between the entry that erases a text and the erasing, when it starts again, then the text is
// gone, and everything verifies.
func TestKilledBeforeErasing(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("it kills by strace, which is not here")
	}
	for _, calls := range []string{"openat", "rename,renameat,renameat2"} {
		t.Run(calls, func(t *testing.T) {
			s := newSecretly(t)
			child := exec.CommandContext(t.Context(), strace, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-P", s.path()+".new",
				"-e", "trace="+calls, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=1", calls), os.Args[0], "-test.run=^TestErasingChild$")
			child.Env = append(os.Environ(), "ERASE_CHILD="+s.dir, "ERASE_KEY="+hex.EncodeToString(s.owner.key.Seed()), "ERASE_TEXT="+hex.EncodeToString(s.text.Salt[:]))
			if out, err := child.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("it was to be killed: %v\n%s", err, out)
			}
			if !bytes.Contains(s.file(t), []byte(secretWords)) {
				t.Fatal("it was killed too late: the text is erased")
			}
			n := open(t, s.dir)
			org, err := n.Org("acme")
			if err != nil {
				t.Fatal(err)
			}
			if at := org.Journal.Len(); at != 3 {
				t.Fatalf("%d entries are recorded; the one that erases is not among them", at)
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			s.gone(t)
		})
	}
}

func TestErasingChild(t *testing.T) {
	dir := os.Getenv("ERASE_CHILD")
	if dir == "" {
		t.Skip("this is a process of TestKilledBeforeErasing")
	}
	seed, err1 := hex.DecodeString(os.Getenv("ERASE_KEY"))
	salt, err2 := hex.DecodeString(os.Getenv("ERASE_TEXT"))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	s := &secretly{dir: dir, owner: owner{ed25519.NewKeyFromSeed(seed)}, text: private.Text{Salt: [32]byte(salt), Text: secretWords}}
	n := open(t, dir)
	org, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	org.Fold.Read(func(st *rules.State) { s.id = st.Owner() })
	s.owner.do(t, org, s.erased())
}
