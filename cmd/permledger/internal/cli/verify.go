package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/backup"
	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/verify"
)

// verified is one ledger in the answer of verify.
type verified struct {
	Organization string      `json:"organization"`
	Ledger       string      `json:"ledger"`
	Genesis      string      `json:"genesis"`
	Pinned       bool        `json:"pinned"`
	Seq          uint64      `json:"seq"` // of the last event that holds
	CID          string      `json:"cid"`
	Root         string      `json:"root"`
	Rules        uint64      `json:"rules"`
	Signed       uint64      `json:"signed"`
	Node         uint64      `json:"node"`
	Documents    uint64      `json:"documents"`
	Texts        uint64      `json:"texts"`
	Withheld     uint64      `json:"withheld"`
	Erased       uint64      `json:"erased"`
	Stream       uint64      `json:"stream"`
	Suspects     []suspect   `json:"suspects"`
	Fast         bool        `json:"fast,omitempty"`
	Hashes       bool        `json:"hashes,omitempty"` // they and the checkpoint alone: the entries are not for this caller
	Extract      *extract    `json:"extract,omitempty"`
	Checkpoint   *checkpoint `json:"checkpoint,omitempty"`
	Proven       []string    `json:"proven"`
	NotProven    []string    `json:"notProven"`
}

// extract says which of the ledger's entries were verified.
type extract struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Entries uint64 `json:"entries"`
	AsOf    uint64 `json:"asOf"`
}

// checkpoint is what the ledger signed.
type checkpoint struct {
	Origin    string     `json:"origin"`
	Size      uint64     `json:"size"`
	Root      string     `json:"root"`
	Keys      []string   `json:"keys"`    // of the ledger, that signed
	Trusted   bool       `json:"trusted"` // by the policy of --trust
	Witnesses []cosigner `json:"witnesses"`
	Claimed   bool       `json:"claimed,omitempty"` // who the witnesses are, only the bundle says
	At        time.Time  `json:"at"`
	Vouched   string     `json:"vouched"` // who says that: witnesses, or the last entry
}

type cosigner struct {
	Name string    `json:"name"`
	Key  string    `json:"key"`
	At   time.Time `json:"at"`
}

type suspect struct {
	Key       string   `json:"key"`
	From      uint64   `json:"from"`
	Positions []uint64 `json:"positions"`
	Documents bool     `json:"documents,omitempty"` // it signed the documents of these entries, and not the entries
}

// verdict is the answer of verify.
type verdict struct {
	Verified bool       `json:"verified"`
	Broken   *broken    `json:"broken,omitempty"`
	Newer    *newer     `json:"newer,omitempty"`
	Ledgers  []verified `json:"ledgers"`
}

// broken says what does not hold.
type broken struct {
	Seq      uint64 `json:"seq"`            // 0: of no one event
	File     string `json:"file,omitempty"` // within the bundle or the log
	Check    string `json:"check"`
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
	Text     string `json:"text"`
}

// newer says which event this release cannot judge.
type newer struct {
	Seq  uint64 `json:"seq"`
	Text string `json:"text"`
}

func (a *app) verifyCommand() *cobra.Command {
	var (
		o      verify.Options
		trust  string
		beside proofFlags
	)
	c := a.answers(&cobra.Command{
		Use:   "verify [FILE|DIR|URL]",
		Short: "Check a ledger, or a bundle of it, from its bytes: links, signatures, keys, and that the rules permitted every event",
		Long: `Check a ledger from its bytes, without trust in who keeps it: form, position, link, time, signature, the history of
the keys, the authors' own signatures, the documents, and legitimacy: the rules decide every command again and must come
to the same event. The first event that does not hold ends it, with exit code 7. Then it says in plain words what is
proven, and what is not.

FILE is what "permledger export" wrote as a bundle, a CAR file or, of all entries, JSON Lines: of the first two also the
tree, the checkpoint and its signatures, the private texts and every other file are checked. A directory is only read,
whether a server runs on it or not; of a backup every file is also held against its manifest. For files and directories no key and no network is needed. Of a URL the log is read as
it is served: with a token that may read the history all of it, without one the checkpoint and every hash, which are public.

FILE may also be what "permledger prove" or "permledger check --proof" wrote. A proof of an entry takes the entry's bytes,
--entry FILE, and --trust. A decision is confirmed from the entries that it holds: that they exist and would give the yes. With
the whole history, --bundle FILE or --ledger DIR, that is replayed: that nothing had taken the yes away, or that a no was right.
Of a signed document ("permledger export -f vc", "permledger cat CID") the signature is checked, and with --bundle or --ledger that
an entry names the very file.

--trust names a file that says whose signatures you believe (a policy in C2SP's tlog-policy form, which
"permledger witness" and auditors hand out): without the log's signature and enough of its witnesses nothing is
verified. --max-age demands that they vouched for it not longer ago than that: an old copy is STALE.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			target, err := a.target(args, "verify what?")
			if err != nil {
				return err
			}
			if o.Genesis != "" {
				if err := canon.CID.Check(o.Genesis); err != nil {
					return usage("--genesis: %w", err)
				}
			}
			if !c.Flags().Changed("max-age") && a.maxAge != "" {
				if o.MaxAge, err = time.ParseDuration(a.maxAge); err != nil {
					return usage("--max-age %s: a duration, as 24h", a.maxAge)
				}
			}
			a.trust, a.maxAge = "", "" // the checkpoint is judged here, also where none are kept
			if trust != "" {
				if o.Trust, err = policy(trust); err != nil {
					return err
				}
			}
			if o.MaxAge < 0 {
				return usage("--max-age: an age is not negative")
			}
			if proof, kind, err := proofIn(target); err != nil || kind != "" {
				if err != nil {
					return usage("verify: %w", err)
				}
				return a.verifyProof(c.Context(), proof, kind, &beside, o)
			}
			if beside.given() {
				return usage("--entry, --bundle and --ledger go with a proof or a decision; %s is none", target)
			}
			p := a.newProgress("verify", 0)
			o.Progress = func(org string, done uint64) { p.at(0, fmt.Sprintf("%s  %d events", org, done)) }
			reports, err := a.verify(c.Context(), target, o, c.Flags().Changed("org"))
			p.end()
			switch {
			case errors.Is(err, verify.ErrNothing), errors.Is(err, bundle.ErrNotBundle):
				return usage("%w", err)
			case errors.Is(err, verify.ErrSeveral):
				return usage("%w; say which with --org", err)
			}
			return a.judged(reports, err)
		},
	})
	c.Flags().StringVar(&o.Genesis, "genesis", "", "the `CID` that the first event must have: it pins the ledger (with --org, where there are several)")
	c.Flags().StringVar(&trust, "trust", a.p.Env("PERMLEDGER_TRUST"), "a `POLICY` file: whose signatures the checkpoint must carry (PERMLEDGER_TRUST)")
	c.Flags().DurationVar(&o.MaxAge, "max-age", 0, "how long ago the checkpoint may have been vouched for, as in 24h (PERMLEDGER_MAX_AGE)")
	beside.add(c)
	c.Flags().BoolVar(&o.Fast, "fast", false, "only links, hashes, tree and checkpoint: no signature of an event, no rule, no document")
	return c
}

// policy reads the policy that somebody trusts.
func policy(file string) (*note.Policy, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("--trust: %w", err)
	}
	p, err := note.ParsePolicy(b)
	if err != nil {
		return nil, usage("--trust %s: %w", file, err)
	}
	return p, nil
}

// verifyFile verifies a bundle.
func verifyFile(ctx context.Context, path string, o verify.Options) ([]*verify.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	r, err := verify.Bundle(ctx, f, info.Size(), o)
	if err != nil {
		err = fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return []*verify.Report{r}, err
}

// verify looks at one organization where one is named. The variable names it for data directories and servers only: what
// is below is one ledger already.
func (a *app) verify(ctx context.Context, target string, o verify.Options, flag bool) ([]*verify.Report, error) {
	if strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://") {
		a.server = target
		a.only()
		return a.verifyServer(ctx, o)
	}
	if info, err := os.Stat(target); err == nil && info.Mode().IsRegular() {
		if flag {
			return nil, usage("verify %s: this is a bundle of one ledger, so --org does not go with it", target)
		}
		return verifyFile(ctx, target, o)
	}
	if backup.Is(target) {
		if flag {
			return nil, usage("verify %s: a backup is verified as a whole, so --org does not go with it", target)
		}
		return a.verifyBackup(ctx, target, o)
	}
	switch {
	case a.org == "" || !dataDirectory(target) && !flag:
		return verify.Directory(ctx, target, o)
	case !dataDirectory(target):
		return nil, usage("verify %s: this is no data directory, so --org does not go with it", target)
	}
	dir := filepath.Join(target, "orgs", a.org)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, absent(target, a.org)
	}
	a.only()
	return verify.Directory(ctx, dir, o)
}

func (a *app) only() {
	if a.org != "" {
		a.say("only %s is verified", a.org)
	}
}

// absent says what it means that an organization has no directory: there is no such organization, or somebody took it
// away and left its stream. Keys alone are no trace: an opening that was refused leaves some.
func absent(dir, org string) error {
	if found, _ := filepath.Glob(filepath.Join(dir, "store", "jetstream", "*", "streams", "LEDGER_"+org)); len(found) > 0 {
		return exit(exitIntegrity, "verify %s: the directory of %s is missing, but its stream %s is there: the ledger was taken away", dir, org, found[0])
	}
	return exit(exitNotFound, "verify %s: there is no organization %s here", dir, org)
}

// verifyServer reads the entries of a server and verifies them here.
func (a *app) verifyServer(ctx context.Context, o verify.Options) (reports []*verify.Report, err error) {
	err = a.withServer(ctx, func(s *session) error {
		ids := []string{a.org}
		if a.org == "" {
			all, err := s.Organizations(ctx)
			if client.CodeOf(err) == wire.CodeUnauthenticated {
				return usage("verify: which organization? Say --org ID; its checkpoint and hashes are public, its entries take a token: PERMLEDGER_TOKEN or --token-file")
			}
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			ids = nil
			for _, org := range all {
				ids = append(ids, org.ID)
			}
		}
		for _, id := range ids {
			r, err := verifyServed(ctx, s, id, o)
			reports = append(reports, r)
			if err != nil {
				return fmt.Errorf("verify: %s: %w", id, err)
			}
		}
		return nil
	})
	return reports, err
}

// verifyServed reads an organization's log as everybody else can, by its checkpoint. Where it has none, which only older
// ledgers do, it reads the entries.
func verifyServed(ctx context.Context, s *session, org string, o verify.Options) (*verify.Report, error) {
	get := func(ctx context.Context, path string, limit int64) ([]byte, error) {
		b, err := s.LogFile(ctx, org, path, limit)
		if e := (*client.Error)(nil); errors.As(err, &e) && e.Problem.Status == http.StatusNotFound {
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		return b, err
	}
	r, err := verify.Log(ctx, get, o)
	switch code := client.CodeOf(err); {
	case r.Position > 0 || errors.As(err, new(*chain.BrokenError)) || o.Genesis != "":
		return r, err
	case code == wire.CodeUnauthenticated, code == string(rules.NotPermitted):
		return verifyHashes(ctx, s, org, get, o, err)
	case !errors.Is(err, fs.ErrNotExist) || o.Trust != nil || o.MaxAge > 0:
		return r, err
	}
	return verify.Entries(ctx, served(s.Entries(ctx, org, 0, 0)), o)
}

// verifyHashes verifies what everybody may read of a log whose entries this caller may not. refused says that it may not.
func verifyHashes(ctx context.Context, s *session, org string, get verify.Get, o verify.Options, refused error) (*verify.Report, error) {
	text, err := s.Policy(ctx, org)
	if err != nil { // then not even these are public
		return &verify.Report{}, refused
	}
	shown, err := note.ParsePolicy(text)
	if err != nil {
		return &verify.Report{}, fmt.Errorf("the policy of %s: %w", org, err)
	}
	r, err := verify.Hashes(ctx, get, shown, o)
	if r.Organization == "" {
		r.Organization = org
	}
	return r, err
}

func served(entries iter.Seq2[[]byte, error]) iter.Seq2[verify.Raw, error] {
	return func(yield func(verify.Raw, error) bool) {
		for b, err := range entries {
			if !yield(verify.Raw{Bytes: b}, err) || err != nil {
				return
			}
		}
	}
}

// judged writes what was proven, also where something does not hold.
func (a *app) judged(reports []*verify.Report, err error) error {
	v := verdict{Verified: err == nil, Ledgers: []verified{}}
	if b := (*chain.BrokenError)(nil); errors.As(err, &b) {
		v.Broken = &broken{b.Position, b.File, b.Check, b.Expected, b.Found, err.Error()}
	} else if n := (*verify.NewerError)(nil); errors.As(err, &n) {
		v.Newer = &newer{n.Position, err.Error()}
		err = &exitError{exitNo, err}
	} else if err != nil {
		return err // nothing was judged
	}
	for _, r := range reports {
		v.Ledgers = append(v.Ledgers, report(r))
	}
	if failed := a.answer(v, func(w io.Writer) error { return writeVerdict(w, v) }); failed != nil {
		return failed
	}
	return err
}

func report(r *verify.Report) verified {
	v := verified{
		Organization: r.Organization, Ledger: r.Source, Genesis: r.Genesis, Pinned: r.Pinned, Seq: r.Position, CID: r.CID,
		Root: base64.StdEncoding.EncodeToString(r.Root[:]), Rules: r.Rules, Signed: r.Signed, Node: r.Node, Documents: r.Documents,
		Texts: r.Texts, Withheld: r.Withheld, Erased: r.Erased, Stream: r.Stream, Suspects: []suspect{}, Fast: r.Fast, Hashes: r.Hashes,
	}
	for _, s := range r.Suspects {
		v.Suspects = append(v.Suspects, suspect{s.Key, s.From, s.Positions, s.Documents})
	}
	if x := r.Extract; x != nil {
		v.Extract = &extract{x.Kind, x.ID, x.Entries, x.AsOf}
	}
	if c := r.Checkpoint; c != nil {
		v.Checkpoint = &checkpoint{
			Origin: c.Origin, Size: c.Size, Root: base64.StdEncoding.EncodeToString(c.Root[:]), Keys: c.Keys, Trusted: c.Trusted,
			Witnesses: []cosigner{}, Claimed: c.Claimed, At: c.At.UTC(), Vouched: c.Vouched,
		}
		for _, w := range c.Witnesses {
			v.Checkpoint.Witnesses = append(v.Checkpoint.Witnesses, cosigner{w.Name, w.Key.String(), w.At.UTC()})
		}
	}
	v.Proven, v.NotProven = r.Words()
	if v.Proven == nil {
		v.Proven = []string{}
	}
	if v.NotProven == nil {
		v.NotProven = []string{}
	}
	return v
}

func writeVerdict(w io.Writer, v verdict) error {
	p := printer{w: w}
	for _, l := range v.Ledgers {
		if l.Seq == 0 { // nothing was proven of it
			continue
		}
		if l.Hashes {
			p.f("%s  the hashes of %s\n", l.Ledger, count(int(l.Seq), "event", "events"))
		} else if x := l.Extract; x != nil {
			p.f("%s  %s about %s %s  as of %d\n", l.Ledger, count(int(x.Entries), "event", "events"), x.Kind, x.ID, x.AsOf)
		} else {
			p.f("%s  %s to  %s\n", l.Ledger, count(int(l.Seq), "event", "events"), l.CID)
		}
		if l.Genesis != "" {
			p.f("  first event  %s\n", l.Genesis)
		}
		for _, s := range l.Proven {
			p.f("  ✓ %s\n", s)
		}
		if len(l.NotProven) > 0 {
			p.f("  Not proven:\n")
		}
		for _, s := range l.NotProven {
			p.f("  – %s\n", s)
		}
	}
	if v.Verified {
		p.f("VERIFIED\n")
		return p.err
	}
	switch {
	case v.Newer != nil:
		p.f("✗ %s\nNOT VERIFIED TO THE END: everything before event %d holds; it and what follows takes a newer release of permledger\n", v.Newer.Text, v.Newer.Seq)
	case v.Broken.Seq == 0 || v.Broken.File != "":
		p.f("✗ %s\nNOT VERIFIED\n", v.Broken.Text)
	default:
		p.f("✗ %s\nNOT VERIFIED: everything before event %d holds, nothing after it is judged\n", v.Broken.Text, v.Broken.Seq)
	}
	return p.err
}
