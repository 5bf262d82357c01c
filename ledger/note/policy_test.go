package note_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// example is the example of the C2SP document, with keys.
func example() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The example of c2sp.org/tlog-policy\nlog %s\n\n", acme)
	for i, name := range []string{"X1", "X2", "X3", "Y1", "Y2", "Y3"} {
		fmt.Fprintf(&b, "witness\t%s  %s\n", name, note.WitnessKey("witness.example/"+name, public(byte(10+i))))
	}
	b.WriteString("  group X-witnesses 2 X1 X2 X3\n group Y-witnesses any Y1 Y2 Y3\n\t# both\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n")
	return b.String()
}

func TestPolicyExample(t *testing.T) {
	p, err := note.ParsePolicy([]byte(example()))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		cosigned string
		want     bool
	}{
		{"", false}, {"X1", false}, {"X1 X2", false}, {"X1 Y1", false}, {"X1 X2 Y3", true}, {"X1 X3 Y1", true},
		{"X1 X2 X3", false}, {"Y1 Y2 Y3", false}, {"X1 X2 X3 Y1 Y2 Y3", true}, {"X-and-Y", false},
	} {
		got := p.Satisfied(func(name string) bool { return strings.Contains(" "+tt.cosigned+" ", " "+name+" ") })
		if got != tt.want {
			t.Errorf("cosigned by %q: %v; want %v", tt.cosigned, got, tt.want)
		}
	}
	again, err := note.ParsePolicy([]byte(p.String()))
	if err != nil || !reflect.DeepEqual(again, p) {
		t.Errorf("written and read again: %v\n%s", err, p)
	}
}

func TestPolicyMalformed(t *testing.T) {
	log, x, y := "log "+acme.String()+"\n", "witness X "+w1.String()+"\n", "witness Y "+w2.String()+"\n"
	for name, text := range map[string]string{
		"empty":                      "",
		"no quorum":                  log,
		"two quorums":                "quorum none\nquorum none\n",
		"unknown quorum":             x + "quorum Z\n",
		"quorum before its witness":  "quorum X\n" + x,
		"unfinished":                 x + "quorum X",
		"unknown keyword":            "Log x\nquorum none\n",
		"carriage return":            "quorum none\r\n",
		"DEL":                        "# \x7f\nquorum none\n",
		"form feed":                  "quorum\fnone\n",
		"no-break space":             "quorum\u00a0none\n",
		"witness's key for a log":    "log " + w1.String() + "\nquorum none\n",
		"log's key for a witness":    "witness X " + acme.String() + "\nquorum none\n",
		"a log twice":                log + log + "quorum none\n",
		"a log's key, another name":  log + "log " + note.LogKey("other", acme.Public).String() + "\nquorum none\n",
		"a witness's key twice":      x + "witness Y " + note.WitnessKey("other", w1.Public).String() + "\nquorum none\n",
		"a name twice":               x + strings.Replace(y, "Y", "X", 1) + "quorum none\n",
		"a witness called none":      strings.Replace(x, "X", "none", 1) + "quorum none\n",
		"a group called none":        x + "group none any X\nquorum none\n",
		"a group with a taken name":  x + y + "group X any Y\nquorum none\n",
		"none in a group":            x + "group G any none\nquorum G\n",
		"a group of itself":          x + "group G any G\nquorum G\n",
		"a group of nobody":          x + "group G any\nquorum none\n",
		"a later member":             "group G any X\n" + x + "quorum G\n",
		"a member twice":             x + "group G all X X\nquorum G\n",
		"a member of two groups":     x + y + "group G any X\ngroup H all X Y\nquorum H\n",
		"0 of 1":                     x + "group G 0 X\nquorum G\n",
		"2 of 1":                     x + "group G 2 X\nquorum G\n",
		"01 of 1":                    x + "group G 01 X\nquorum G\n",
		"-1 of 1":                    x + "group G -1 X\nquorum G\n",
		"most":                       x + "group G most X\nquorum G\n",
		"a comment behind the value": "quorum none # nobody\n",
		"two URLs":                   strings.TrimSuffix(log, "\n") + " http://a http://b\nquorum none\n",
		"two quorum names":           x + y + "quorum X Y\n",
		"a broken key":               "log " + acme.String()[:40] + "\nquorum none\n",
	} {
		if p, err := note.ParsePolicy([]byte(text)); !errors.Is(err, note.ErrMalformed) {
			t.Errorf("%s: %v, %v; want ErrMalformed", name, p, err)
		}
	}
}

// TestPolicyNamesAreOctets: the name K is not the Kelvin sign.
func TestPolicyNamesAreOctets(t *testing.T) {
	text := "witness K " + w1.String() + "\nwitness \u212a " + w2.String() + "\nwitness \xff " + w3.String() + "\ngroup G all K \u212a \xff\nquorum G\n"
	p, err := note.ParsePolicy([]byte(text))
	if err != nil || p.String() != text {
		t.Errorf("%v:\n%s", err, p)
	}
}

func threeWitnesses(quorum string) *note.Policy {
	return &note.Policy{
		Logs:      []note.Log{{Key: acme}},
		Witnesses: []note.Witness{{Name: "a", Key: w1}, {Name: "b", Key: w2}, {Name: "c", Key: w3}},
		Groups:    []note.Group{{Name: "two", K: 2, Members: []string{"a", "b", "c"}}},
		Quorum:    quorum,
	}
}

func TestPolicyVerify(t *testing.T) {
	p := threeWitnesses("two")
	n := signed(t, 7)
	none := n.Bytes()
	one := cosign(t, n, 2, noon).Bytes()
	two := cosign(t, cosign(t, n, 2, noon), 4, noon.Add(-time.Hour)).Bytes()
	three := cosign(t, cosign(t, cosign(t, n, 2, noon), 4, noon.Add(-time.Hour)), 3, noon.Add(-time.Minute)).Bytes()
	for _, tt := range []struct {
		name string
		note []byte
		by   string
		at   time.Time
		err  error
	}{
		{"no witness", none, "", time.Time{}, note.ErrQuorum},
		{"one witness", one, "a", time.Time{}, note.ErrQuorum},
		{"two", two, "a c", noon.Add(-time.Hour), nil},
		{"three", three, "a b c", noon.Add(-time.Minute), nil},
	} {
		v, err := p.Verify(tt.note)
		if !errors.Is(err, tt.err) || v == nil {
			t.Fatalf("%s: %v, %v; want %v", tt.name, v, err, tt.err)
		}
		var by []string
		for _, w := range v.Witnesses {
			by = append(by, w.Name)
		}
		if strings.Join(by, " ") != tt.by || !v.At.Equal(tt.at) || v.Quorum != (tt.err == nil) || v.Checkpoint != checkpoint(7) || !v.Log.Equal(acme) {
			t.Errorf("%s: %+v; want witnesses %s, at %v", tt.name, v, tt.by, tt.at)
		}
	}
	if v, err := threeWitnesses(note.None).Verify(none); err != nil || !v.Quorum || !v.At.IsZero() {
		t.Errorf("quorum none: %+v, %v", v, err)
	}
}

func TestPolicyRefuses(t *testing.T) {
	n := cosign(t, signed(t, 7), 2, noon)
	good := n.Bytes()
	withLogs := func(logs ...note.Key) *note.Policy {
		p := threeWitnesses("a")
		p.Logs = nil
		for _, k := range logs {
			p.Logs = append(p.Logs, note.Log{Key: k})
		}
		return p
	}
	other := note.LogKey(acme.Name, public(9)) // a new key of the same log
	elsewhere := note.LogKey("ledger.example/other", public(9))
	badLog := &note.Note{Text: n.Text, Signatures: []note.Signature{{Name: acme.Name, ID: acme.ID(), Bytes: make([]byte, 64)}}}
	badWitness := n.With(note.Signature{Name: w3.Name, ID: w3.ID(), Bytes: make([]byte, 72)})
	badElsewhere := n.With(note.Signature{Name: elsewhere.Name, ID: elsewhere.ID(), Bytes: make([]byte, 64)})
	short := n.With(note.Signature{Name: w3.Name, ID: w3.ID(), Bytes: make([]byte, 7)})
	copied := &note.Note{Text: checkpoint(8).Text(), Signatures: n.Signatures}
	text := strings.Replace(checkpoint(7).Text(), acme.Name, elsewhere.Name, 1)
	s, err := note.Sign(text, acme.Name, key(1)) // the log signs, by its own name, a checkpoint that says it is another's
	if err != nil {
		t.Fatal(err)
	}
	foreign := &note.Note{Text: text, Signatures: []note.Signature{s}}
	for _, tt := range []struct {
		name   string
		policy *note.Policy
		note   []byte
		want   []error
	}{
		{"any one of two keys", withLogs(other, acme), good, nil},
		{"a listed log that is not meant", withLogs(elsewhere, acme), good, nil},
		{"no log listed", withLogs(), good, []error{note.ErrOrigin}},
		{"another origin", withLogs(elsewhere), good, []error{note.ErrOrigin}},
		{"another key", withLogs(other), good, []error{note.ErrLogSignature, note.ErrUnsigned}},
		{"a log's bad signature", withLogs(acme), badLog.Bytes(), []error{note.ErrLogSignature, note.ErrBadSignature}},
		{"a bad signature of another listed log", withLogs(acme, elsewhere), badElsewhere.Bytes(), []error{note.ErrLogSignature, note.ErrBadSignature}},
		{"the same of a log that is not listed", withLogs(acme), badElsewhere.Bytes(), nil},
		{"a witness's bad signature", withLogs(acme), badWitness.Bytes(), []error{note.ErrBadSignature}},
		{"a witness's short signature", withLogs(acme), short.Bytes(), []error{note.ErrBadSignature}},
		{"signatures of another checkpoint", withLogs(acme), copied.Bytes(), []error{note.ErrLogSignature, note.ErrBadSignature}},
		{"signed for another origin", withLogs(acme, elsewhere), foreign.Bytes(), []error{note.ErrLogSignature, note.ErrUnsigned}},
		{"no checkpoint", withLogs(acme), []byte(neumann), []error{note.ErrMalformed}},
		{"an undefined quorum", &note.Policy{Logs: []note.Log{{Key: acme}}, Quorum: "Z"}, good, []error{note.ErrQuorum}},
		{"no quorum at all", &note.Policy{Logs: []note.Log{{Key: acme}}}, good, []error{note.ErrQuorum}},
	} {
		_, err := tt.policy.Verify(tt.note)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v; want %v", tt.name, err, tt.want)
		}
		for _, want := range tt.want {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v; want %v", tt.name, err, want)
			}
		}
	}
}

// TestPolicyFor: a node's policy names witnesses, an organization's its log too.
func TestPolicyFor(t *testing.T) {
	node := threeWitnesses("two").For()
	p := node.For(note.Log{Key: acme, URL: "https://ledger.example/orgs/acme/log"})
	if len(node.Logs) != 0 || !strings.HasPrefix(p.String(), "log "+acme.String()+" https://ledger.example/orgs/acme/log\nwitness a ") {
		t.Errorf("%s", p)
	}
}

// TestQuorumIsMonotone: another cosignature never makes a quorum go away, and all of them together reach it.
func TestQuorumIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &note.Policy{}
		var free []string
		for i := range rapid.IntRange(1, 8).Draw(t, "witnesses") {
			name := fmt.Sprintf("w%d", i)
			p.Witnesses = append(p.Witnesses, note.Witness{Name: name, Key: note.WitnessKey("x/"+name, public(byte(20+i)))})
			free = append(free, name)
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "groups") {
			n := rapid.IntRange(1, len(free)).Draw(t, "members")
			members := rapid.Permutation(free).Draw(t, "order")
			g := note.Group{Name: fmt.Sprintf("g%d", i), K: rapid.IntRange(1, n).Draw(t, "k"), Members: members[:n:n]}
			free = append(members[n:len(members):len(members)], g.Name)
			p.Groups = append(p.Groups, g)
		}
		p.Quorum = rapid.SampledFrom(free).Draw(t, "quorum")
		if again, err := note.ParsePolicy([]byte(p.String())); err != nil || again.String() != p.String() {
			t.Fatalf("%v:\n%s", err, p)
		}
		some := map[string]bool{}
		met := p.Satisfied(func(name string) bool { return some[name] })
		if met {
			t.Fatalf("met by nobody:\n%s", p)
		}
		for _, w := range rapid.Permutation(p.Witnesses).Draw(t, "by") {
			some[w.Name] = true
			now := p.Satisfied(func(name string) bool { return some[name] })
			if met && !now {
				t.Fatalf("%s cosigned and the quorum is gone:\n%s", w.Name, p)
			}
			met = now
		}
		if !met {
			t.Fatalf("not met by all:\n%s", p)
		}
	})
}

// TestTorchwood reads a policy and a proof that torchwood v0.9.0 wrote.
func TestTorchwood(t *testing.T) {
	b, err := os.ReadFile("testdata/torchwood.policy")
	if err != nil {
		t.Fatal(err)
	}
	p, err := note.ParsePolicy(b)
	if err != nil || p.String() != string(b) {
		t.Fatalf("%v:\n%s", err, p)
	}
	if b, err = os.ReadFile("testdata/torchwood.tlog-proof"); err != nil {
		t.Fatal(err)
	}
	proof, err := note.ParseProof(b)
	if err != nil || string(proof.Bytes()) != string(b) || string(proof.Extra) != "from torchwood" {
		t.Fatalf("%v:\n%s", err, proof.Bytes())
	}
	v, err := p.Verify(proof.Checkpoint)
	if err != nil || v.Size != 7 || len(v.Witnesses) != 2 || v.At.Unix() != 0x6b02aa15 {
		t.Errorf("%+v, %v", v, err)
	}
	if err := proof.Check(tree.Leaf([]byte("entry 3"))); err != nil {
		t.Error(err)
	}
	if err := proof.Check(tree.Leaf([]byte("entry 4"))); err == nil {
		t.Error("the proof of entry 3 is one of entry 4 too")
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(example()))
	f.Add([]byte("quorum none\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := note.ParsePolicy(b)
		if err != nil {
			return
		}
		again, err := note.ParsePolicy([]byte(p.String()))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%v:\n%s\nfrom\n%s", err, p, b)
		}
		if p.Satisfied(func(string) bool { return true }) == false || p.Quorum != note.None && p.Satisfied(func(string) bool { return false }) {
			t.Fatalf("a quorum that all do not reach, or that nobody reaches:\n%s", p)
		}
	})
}
