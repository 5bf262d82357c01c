package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/verify"
)

// verified is one ledger in the answer of verify.
type verified struct {
	Organization string    `json:"organization"`
	Ledger       string    `json:"ledger"`
	Genesis      string    `json:"genesis"`
	Pinned       bool      `json:"pinned"`
	Seq          uint64    `json:"seq"` // of the last event that holds
	CID          string    `json:"cid"`
	Root         string    `json:"root"`
	Rules        uint64    `json:"rules"`
	Signed       uint64    `json:"signed"`
	Node         uint64    `json:"node"`
	Documents    uint64    `json:"documents"`
	Texts        uint64    `json:"texts"`
	Withheld     uint64    `json:"withheld"`
	Erased       uint64    `json:"erased"`
	Stream       uint64    `json:"stream"`
	Suspects     []suspect `json:"suspects"`
	Notes        []string  `json:"notes"`
}

type suspect struct {
	Key       string   `json:"key"`
	From      uint64   `json:"from"`
	Positions []uint64 `json:"positions"`
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
	Seq      uint64 `json:"seq"`
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
	var o verify.Options
	c := a.answers(&cobra.Command{
		Use:   "verify [DIR|URL]",
		Short: "Check a ledger from its bytes: links, signatures, keys, and that the rules permitted every event",
		Long: `Check a ledger from its bytes, without trust in who keeps it: form, position, link, time, signature, the history of
the keys, the authors' own signatures, the documents, and legitimacy: the rules decide every command again and must come
to the same event. The first event that does not hold ends it, with exit code 7.

A directory is only read, whether a server runs on it or not; no key and no network is needed.`,
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
			p := a.newProgress("verify", 0)
			o.Progress = func(org string, done uint64) { p.at(0, fmt.Sprintf("%s  %d events", org, done)) }
			reports, err := a.verify(c.Context(), target, o, c.Flags().Changed("org"))
			p.end()
			switch {
			case errors.Is(err, verify.ErrNothing):
				return usage("%w", err)
			case errors.Is(err, verify.ErrSeveral):
				return usage("%w; say which with --org", err)
			}
			return a.judged(reports, err)
		},
	})
	c.Flags().StringVar(&o.Genesis, "genesis", "", "the `CID` that the first event must have: it pins the ledger (with --org, where there are several)")
	return c
}

// verify looks at one organization where one is named. The variable names it for data directories and servers only: what
// is below is one ledger already.
func (a *app) verify(ctx context.Context, target string, o verify.Options, flag bool) ([]*verify.Report, error) {
	if strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://") {
		a.server = target
		a.only()
		return a.verifyServer(ctx, o)
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
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			ids = nil
			for _, org := range all {
				ids = append(ids, org.ID)
			}
		}
		for _, id := range ids {
			r, err := verify.Entries(ctx, served(s.Entries(ctx, id, 0, 0)), o)
			reports = append(reports, r)
			if err != nil {
				return fmt.Errorf("verify: %s: %w", id, err)
			}
		}
		return nil
	})
	return reports, err
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
		v.Broken = &broken{b.Position, b.Check, b.Expected, b.Found, err.Error()}
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
		Texts: r.Texts, Withheld: r.Withheld, Erased: r.Erased, Stream: r.Stream, Suspects: []suspect{}, Notes: r.Notes,
	}
	for _, s := range r.Suspects {
		v.Suspects = append(v.Suspects, suspect{s.Key, s.From, s.Positions})
	}
	if v.Notes == nil {
		v.Notes = []string{}
	}
	return v
}

func writeVerdict(w io.Writer, v verdict) error {
	p := printer{w: w}
	for _, l := range v.Ledgers {
		if l.Seq == 0 { // nothing was proven of it
			continue
		}
		p.f("%s  %s %s  %s\n", l.Ledger, count(int(l.Seq), "event", "events"), "to", l.CID)
		t := table{}
		t.row("", "first event", l.Genesis)
		t.row("", "signed by their authors", strconv.FormatUint(l.Signed, 10))
		if rest := l.Seq - l.Signed - l.Node; rest > 0 {
			t.row("", "on the operator's word", strconv.FormatUint(rest, 10))
		}
		if l.Node > 0 {
			t.row("", "by the ledger itself", strconv.FormatUint(l.Node, 10))
		}
		t.row("", "documents", strconv.FormatUint(l.Documents, 10))
		t.row("", "private texts", fmt.Sprintf("%d, withheld %d, erased %d", l.Texts, l.Withheld, l.Erased))
		if l.Stream > 0 {
			t.row("", "compared with the stream", strconv.FormatUint(l.Stream, 10))
		}
		if p.err == nil {
			p.err = t.writeTo(w, "")
		}
		for _, s := range l.Suspects {
			p.f("  reported key %s signed %s from %d on\n", s.Key, count(len(s.Positions), "event", "events"), s.From)
		}
		for _, n := range l.Notes {
			p.f("  note: %s\n", n)
		}
	}
	if v.Verified {
		p.f("VERIFIED\n")
		return p.err
	}
	if v.Newer != nil {
		p.f("✗ %s\nNOT VERIFIED TO THE END: everything before event %d holds; it and what follows takes a newer release of permledger\n", v.Newer.Text, v.Newer.Seq)
		return p.err
	}
	p.f("✗ %s\nNOT VERIFIED: everything before event %d holds, nothing after it is judged\n", v.Broken.Text, v.Broken.Seq)
	return p.err
}
