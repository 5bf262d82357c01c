package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	decisions "github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// The kinds of proofs that verify reads, beside bundles.
const (
	kindDecision    = "decision"
	kindInclusion   = "inclusion"
	kindConsistency = "consistency"
	kindDocument    = "document"
)

// proven is the answer of verify about a proof.
type proven struct {
	Verified  bool     `json:"verified"`
	Kind      string   `json:"kind"`
	Ledger    string   `json:"ledger,omitempty"`
	Answer    string   `json:"answer,omitempty"` // of a decision: yes or no
	Asked     string   `json:"asked,omitempty"`  // of a decision
	By        string   `json:"by,omitempty"`     // of a decision: entries, which it holds itself, or history
	Proven    []string `json:"proven"`
	NotProven []string `json:"notProven"`
	Broken    string   `json:"broken,omitempty"`
}

// proofFlags are those of verify that go with proofs.
type proofFlags struct {
	entry, bundle, ledger string
}

func (f *proofFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.entry, "entry", "", "the `file` with the entry that a tlog-proof is of, or - for standard input")
	c.Flags().StringVar(&f.bundle, "bundle", "", "a bundle `file` with the whole history, to hold a decision or a document against")
	c.Flags().StringVar(&f.ledger, "ledger", "", "a `directory` or URL with the whole history, to hold a decision or a document against")
	c.MarkFlagsMutuallyExclusive("bundle", "ledger")
}

// given says whether any of them was given: they go with proofs alone.
func (f *proofFlags) given() bool { return f.entry+f.bundle+f.ledger != "" }

// proofIn reads a file that may be a proof; the kind is empty where it is none. Directories, URLs and bundles are not.
func proofIn(path string) (b []byte, kind string, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > decisions.MaxSize {
		return nil, "", nil // it is for others to say what is wrong with it
	}
	if b, err = os.ReadFile(path); err != nil {
		return nil, "", err
	}
	switch {
	case note.IsProof(b):
		return b, kindInclusion, nil
	case note.IsConsistency(b):
		return b, kindConsistency, nil
	case decisions.Is(b):
		return b, kindDecision, nil
	case bytes.HasPrefix(b, []byte(`{"@context":`)): // as all of them begin in canonical JSON
		return b, kindDocument, nil
	}
	return nil, "", nil
}

// verifyProof judges a proof, and says what of it is proven.
func (a *app) verifyProof(ctx context.Context, b []byte, kind string, f *proofFlags, o verify.Options) error {
	p := proven{Kind: kind, Proven: []string{}, NotProven: []string{}}
	if o.Fast {
		return usage("--fast goes with ledgers and bundles")
	}
	var err error
	switch kind {
	case kindInclusion:
		err = a.verifyInclusion(&p, b, f, o)
	case kindConsistency:
		err = verifyConsistency(&p, b, f, o)
	case kindDocument:
		err = a.verifyDocument(ctx, &p, b, f, o)
	default:
		err = a.verifyDecision(ctx, &p, b, f, o)
	}
	switch {
	case err == nil:
		p.Verified = true
	case codeOf(ctx, err) == exitIntegrity:
		p.Broken = err.Error()
	default:
		return err // nothing was judged
	}
	if failed := a.answer(p, func(w io.Writer) error { return p.write(w) }); failed != nil {
		return failed
	}
	return err
}

func (p *proven) write(w io.Writer) error {
	out := printer{w: w}
	if p.Answer != "" {
		out.f("%s\n%s\n", p.Asked, strings.ToUpper(p.Answer))
	}
	for _, line := range p.Proven {
		out.f("✓ %s\n", line)
	}
	for _, line := range p.NotProven {
		out.f("· not proven: %s\n", line)
	}
	switch {
	case !p.Verified:
		out.f("✗ %s\nNOT VERIFIED\n", p.Broken)
	case p.Answer == decisions.No && p.By != "history": // nobody should take it for a no that was found right
		out.f("VERIFIED: the ledger signed this no; whether it is right is not known\n")
	default:
		out.f("VERIFIED\n")
	}
	return out.err
}

func (p *proven) say(format string, args ...any) {
	p.Proven = append(p.Proven, fmt.Sprintf(format, args...))
}

func (p *proven) not(format string, args ...any) {
	p.NotProven = append(p.NotProven, fmt.Sprintf(format, args...))
}

// refusedProof says that a proof does not hold.
func refusedProof(err error) error { return &exitError{exitIntegrity, err} }

// trusted judges a checkpoint by the policy that was given.
func (p *proven) trusted(policy *note.Policy, maxAge time.Duration, b []byte) (*note.Verified, error) {
	if policy == nil {
		return nil, usage("a proof is worth what its checkpoint is: say whose you believe with --trust POLICY")
	}
	v, err := policy.Verify(b)
	if err != nil {
		return nil, refusedProof(err)
	}
	if err := aged(v, maxAge); err != nil {
		return nil, err
	}
	p.Ledger = v.Origin
	p.say("the checkpoint of %d entries is signed by %s%s", v.Size, v.Log.Name, cosigners(v))
	return v, nil
}

// clocksApart is by how much a clock here may be behind a witness's.
const clocksApart = 5 * time.Minute

// aged refuses a checkpoint for which witnesses vouched too long ago.
func aged(v *note.Verified, most time.Duration) error {
	switch {
	case most == 0:
	case v == nil || v.At.IsZero():
		return usage("--max-age goes by what witnesses say: name those you believe with --trust POLICY")
	case time.Since(v.At) > most:
		return refusedProof(fmt.Errorf("%w: witnesses vouched for the checkpoint of %d entries at %s, longer than %s ago", verify.ErrStale, v.Size, v.At.Format(time.RFC3339), most))
	case time.Until(v.At) > clocksApart:
		return refusedProof(fmt.Errorf("witnesses would vouch for the checkpoint of %d entries at %s, which is yet to come: a clock is wrong", v.Size, v.At.Format(time.RFC3339)))
	}
	return nil
}

func cosigners(v *note.Verified) string {
	if len(v.Witnesses) == 0 {
		return ", and the policy asks for no witness"
	}
	names := make([]string, len(v.Witnesses))
	for i, w := range v.Witnesses {
		names[i] = w.Name
	}
	return ", and cosigned by " + strings.Join(names, ", ")
}

func (a *app) verifyInclusion(p *proven, b []byte, f *proofFlags, o verify.Options) error {
	if f.bundle+f.ledger != "" {
		return usage("--bundle and --ledger go with decisions and documents")
	}
	if f.entry == "" {
		return usage("name the entry that the proof is of: --entry FILE, or - for standard input")
	}
	proof, err := note.ParseProof(b)
	if err != nil {
		return refusedProof(err)
	}
	var entry []byte
	if f.entry == "-" {
		entry, err = io.ReadAll(io.LimitReader(a.p.In, events.MaxEntry+2))
	} else {
		entry, err = os.ReadFile(f.entry)
	}
	if err != nil {
		return usage("--entry: %w", err)
	}
	v, err := p.trusted(o.Trust, o.MaxAge, proof.Checkpoint)
	if err != nil {
		return err
	}
	if err := proof.Check(tree.Leaf(entry)); err != nil {
		return refusedProof(err)
	}
	p.say("the entry of %d bytes, %s, is the one at position %d", len(entry), chain.CID(entry), proof.Index+1)
	switch parsed := chain.Inspect(entry); {
	case parsed.Err != nil && parsed.Entry == nil && errors.As(parsed.Err, new(*events.UnknownTypeError)):
		p.not("what the entry says: %v", parsed.Err.Err)
	case parsed.Err != nil:
		parsed.Err.Position = proof.Index + 1
		return parsed.Err
	case parsed.Entry.Event.Sequence != proof.Index+1 || parsed.Entry.Event.Source != v.Origin:
		return refusedProof(fmt.Errorf("the entry says that it is event %d of %s", parsed.Entry.Event.Sequence, parsed.Entry.Event.Source))
	default:
		p.say("it is %s, signed by %s%s", parsed.Entry.Event.Data.Type(), parsed.Entry.Key, authored(parsed.Entry))
		p.not("that this key was one of the ledger's, and that the rules permitted the event: a bundle shows that")
	}
	return nil
}

// authored says whose own signature an entry carries.
func authored(en *chain.Entry) string {
	if en.Evidence == nil {
		return ""
	}
	return ", and by its author with " + en.Evidence.Key
}

func verifyConsistency(p *proven, b []byte, f *proofFlags, o verify.Options) error {
	if f.given() {
		return usage("--entry, --bundle and --ledger do not go with a proof of consistency")
	}
	c, err := note.ParseConsistency(b)
	if err != nil {
		return refusedProof(err)
	}
	var sizes []uint64
	for _, one := range [][]byte{c.Old, c.New} {
		v, err := p.trusted(o.Trust, o.MaxAge, one)
		if err != nil {
			return err
		}
		sizes = append(sizes, v.Size)
	}
	if err := c.Check(); err != nil {
		return refusedProof(err)
	}
	p.say("the log of %d entries begins with the log of %d: nothing of it was changed or taken out", sizes[1], sizes[0])
	return nil
}

func (a *app) verifyDecision(ctx context.Context, p *proven, b []byte, f *proofFlags, o verify.Options) error {
	if f.entry != "" {
		return usage("--entry goes with a tlog-proof: a decision holds its entries itself")
	}
	d, err := decisions.Parse(b)
	if errors.Is(err, decisions.ErrNewer) {
		return &exitError{exitNo, err}
	}
	if err != nil {
		return refusedProof(err)
	}
	p.Ledger, p.Answer, p.Asked, p.By = d.Ledger, d.Answer, verify.Asked(d), "entries"
	v, err := d.Verify(o.Trust)
	if err != nil {
		return refusedProof(err)
	}
	if err := aged(v.Trusted, o.MaxAge); err != nil {
		return err
	}
	if genesis := d.Entries[0].Entry.CID(); o.Genesis != "" && o.Genesis != genesis {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: o.Genesis, Found: genesis}
	}
	p.say("%s signed it", d.Key)
	p.say("%s in the ledger, under a checkpoint of %d entries: %s", count(len(d.Entries), "entry stands", "entries stand"), v.Checkpoint.Size, list(d.Positions()))
	if d.Answer == decisions.Yes {
		p.say("these entries alone give the yes, by the ledger's rules")
	}
	if v.Trusted != nil {
		p.say("the checkpoint is signed by %s%s", v.Trusted.Log.Name, cosigners(v.Trusted))
	} else {
		p.not("that anybody but the ledger itself vouches for the checkpoint: say whom you believe with --trust POLICY")
		if o.Genesis == "" {
			p.not("that this is the ledger you mean: its first event is %s; pin it with --genesis", d.Entries[0].Entry.CID())
		}
	}
	if f.bundle+f.ledger == "" {
		p.not("that no entry had replaced or reported these keys by then: an entry that was left out leaves no trace")
		if d.Answer == decisions.Yes {
			p.not("that nothing took it away by position %d: that takes the whole history, with --bundle or --ledger", d.Position)
		} else {
			p.not("that the no is right: that takes the whole history, with --bundle or --ledger")
		}
		return nil
	}
	replay := a.replay(f, events.Organization(d.Ledger))
	o.Trust, o.MaxAge = nil, 0 // the decision's checkpoint is held against both, and the history against that
	if err := verify.Replayed(ctx, v, o, replay); err != nil {
		switch {
		case errors.Is(err, decisions.ErrRefused):
			return refusedProof(err)
		case errors.Is(err, verify.ErrNotWhole), errors.Is(err, bundle.ErrNotBundle), errors.Is(err, verify.ErrNothing):
			return usage("verify: %w", err)
		}
		return err
	}
	if p.By = "history"; d.Answer == decisions.Yes {
		p.say("the whole history was replayed by the rules: nothing had taken it away by position %d", d.Position)
	} else {
		p.say("the whole history was replayed by the rules: the no was right at position %d", d.Position)
	}
	return nil
}

// replay gives what verifies the whole history that a decision is to be held against.
func (a *app) replay(f *proofFlags, org string) func(context.Context, verify.Options) error {
	switch {
	case f.bundle != "":
		return func(ctx context.Context, o verify.Options) error {
			file, err := os.Open(f.bundle)
			if err != nil {
				return usage("--bundle: %w", err)
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				return usage("--bundle: %w", err)
			}
			_, err = verify.Bundle(ctx, file, info.Size(), o)
			return err
		}
	case strings.HasPrefix(f.ledger, "http://") || strings.HasPrefix(f.ledger, "https://"):
		return func(ctx context.Context, o verify.Options) error {
			a.server, a.org = f.ledger, org
			_, err := a.verifyServer(ctx, o)
			return err
		}
	}
	return func(ctx context.Context, o verify.Options) error {
		dir := f.ledger
		if dataDirectory(dir) {
			dir = filepath.Join(dir, "orgs", org)
			if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
				return absent(f.ledger, org)
			}
		}
		_, err := verify.Directory(ctx, dir, o)
		return err
	}
}

func list(positions []uint64) string {
	text := make([]string, len(positions))
	for i, at := range positions {
		text[i] = fmt.Sprint(at)
	}
	return strings.Join(text, ", ")
}
