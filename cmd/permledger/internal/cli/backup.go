package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/backup"
	"github.com/permledger/permledger/client/pin"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/verify"
	"github.com/permledger/permledger/witness"
)

// backedUp is the answer of backup and of restore.
type backedUp struct {
	Made    string           `json:"made"` // when the backup was
	Keys    bool             `json:"keys"` // private keys are in it
	Ledgers []backedUpLedger `json:"ledgers"`
	Aside   string           `json:"aside,omitempty"` // what restore has set aside
}

type backedUpLedger struct {
	Organization string `json:"organization"`
	Seq          uint64 `json:"seq"`
	CID          string `json:"cid"`
	Root         string `json:"root"`             // of the backup, in hex
	Signed       bool   `json:"signed"`           // by a checkpoint of exactly so many events
	Behind       uint64 `json:"behind,omitempty"` // events that were acknowledged and are not in it
	Restored     string `json:"restored,omitempty"`
}

func summary(m *backup.Manifest) backedUp {
	b := backedUp{Made: m.Made, Keys: m.Keys, Ledgers: []backedUpLedger{}}
	for _, l := range m.Ledgers {
		b.Ledgers = append(b.Ledgers, backedUpLedger{Organization: l.Organization, Seq: l.Position, CID: l.CID, Root: l.Root, Signed: l.Signed, Behind: l.Behind})
	}
	return b
}

func (a *app) backupCommand() *cobra.Command {
	var o backup.Options
	c := a.answers(&cobra.Command{
		Use:   "backup DEST",
		Short: "Copy the ledgers to another directory, also while a server writes to them",
		Long: `Copy every ledger of the data directory to DEST, each up to a position that a checkpoint signs. What was acknowledged
before is in it. A server may run and write meanwhile; without one the directory is opened for a moment. Run again into the
same DEST it copies what is new; private texts that were erased since are gone from DEST then. A run that was cut off leaves
the backup before it as it was.

Private keys are not in it, unless --with-keys says so: who has such a backup can sign in the name of the ledgers. Keep the
keys elsewhere too (DIR/keys and DIR/node), or a signer program; restore takes them with --keys.

Check a backup with "permledger verify DEST", and have one restored now and then. What is not in it: the record of refused
commands, and how far durable consumers had read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.server != "" {
				return usage("backup: files are copied, so it runs where the data directory is: say --data DIR and no --server")
			}
			m, err := a.backUp(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			b := summary(m)
			for _, l := range b.Ledgers {
				if l.Behind > 0 {
					a.say("%s: the newest %s are not in the backup: its head record stands still; see `permledger doctor`", l.Organization, count(int(l.Behind), "event", "events"))
				}
			}
			if o.Keys {
				a.say("private keys are in %s: whoever reads it can sign in the name of these ledgers", args[0])
			}
			return a.answer(b, func(w io.Writer) error { return writeBackedUp(w, b, "backed up to "+args[0]) })
		},
	})
	a.nats.flags(c, a.p)
	c.Flags().BoolVar(&o.Keys, "with-keys", false, "copy private keys too")
	return c
}

// backUp asks what was acknowledged, and copies at least that. The directory stays open meanwhile, by this process or a server.
func (a *app) backUp(ctx context.Context, dest string, o backup.Options) (m *backup.Manifest, err error) {
	err = a.withServer(ctx, func(s *session) error {
		health, err := s.Health(ctx)
		if err != nil {
			return err
		}
		o.AtLeast = map[string]uint64{}
		for _, org := range health.Organizations {
			o.AtLeast[org.ID] = org.Position
		}
		m, err = backup.Make(ctx, a.data, dest, o)
		return err
	})
	return m, err
}

func writeBackedUp(w io.Writer, b backedUp, end string) error {
	p := printer{w: w}
	for _, l := range b.Ledgers {
		by := "signed"
		if !l.Signed {
			by = "no checkpoint signs it"
		}
		p.f("%s: %s to %s\n  root  %s  %s\n", l.Organization, count(int(l.Seq), "event", "events"), l.CID, l.Root, by)
		if l.Restored != "" {
			p.f("  now   %s  the same\n", l.Restored)
		}
	}
	p.f("%s\n", end)
	return p.err
}

func (a *app) restoreCommand() *cobra.Command {
	var o backup.RestoreOptions
	var measures []string
	var check bool
	c := a.answers(&cobra.Command{
		Use:   "restore SRC [DIR]",
		Short: "Make a data directory of a backup, or check one",
		Long: `Make a data directory of what "permledger backup" wrote. The backup is verified from its bytes first, and the directory
afterwards; both have the same roots, which are printed. DIR appears when it is whole.

A backup is older than the ledger was in the end. A server that began with it would give positions out anew that others have
seen, so restore refuses (exit code 7) where more of a ledger is known: from what is at DIR, from the checkpoints that
this user's commands keep ("permledger help pins"), from the witnesses that the backup names, and from each --newer-than: a file with a checkpoint, as a witness,
an auditor or "GET /orgs/ORG/log/checkpoint" of another node gives it, or an old data directory. --accept-loss goes on all the same;
clients and witnesses that know more will say ROLLBACK. Another history is never accepted.

With --check nothing is made: the backup is verified, and held against what is known.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if check != (len(args) == 1) {
				return usage("say it as: permledger restore SRC DIR, or permledger restore --check SRC")
			}
			if !check && place(args[0]) == place(args[1]) {
				return usage("restore: SRC and DIR are the same directory")
			}
			if err := a.known(&o, measures); err != nil {
				return err
			}
			if check {
				m, lost, err := backup.Against(c.Context(), args[0], o)
				if err != nil {
					return err
				}
				a.accepted(lost)
				b := summary(m)
				return a.answer(b, func(w io.Writer) error { return writeBackedUp(w, b, "VERIFIED") })
			}
			r, err := backup.Restore(c.Context(), args[0], args[1], o)
			if err != nil {
				return err
			}
			a.accepted(r.Lost)
			b := summary(r.Manifest)
			b.Keys, b.Aside = r.Keys, r.Aside
			for i, report := range r.Reports {
				b.Ledgers[i].Restored = hex.EncodeToString(report.Root[:])
			}
			if r.Aside != "" {
				a.say("what was at %s is now %s", args[1], r.Aside)
			}
			if !r.Keys {
				a.say("no private keys are in it: copy node/ and keys/ of the old directory there, or commands wait for a key; reading goes on")
			}
			return a.answer(b, func(w io.Writer) error { return writeBackedUp(w, b, "restored to "+args[1]+", VERIFIED") })
		},
	})
	f := c.Flags()
	f.BoolVar(&check, "check", false, "verify the backup, and make nothing")
	f.StringArrayVar(&measures, "newer-than", nil, "a checkpoint's `file`, or an old data directory, that the backup must not be older than; may be repeated")
	f.StringVar(&o.Keys, "keys", "", "a `directory` with the private keys, as a data directory has them in node/ and keys/")
	f.BoolVar(&o.Replace, "replace", false, "set aside the data directory at DIR")
	f.BoolVar(&o.AcceptLoss, "accept-loss", false, "go on although more of a ledger is known: that is lost for ever")
	return c
}

// known collects what this user knows of ledgers, and what was named.
func (a *app) known(o *backup.RestoreOptions, measures []string) error {
	for _, path := range measures {
		info, err := os.Stat(path)
		if err != nil {
			return usage("--newer-than: %w", err)
		}
		if info.IsDir() {
			all, err := backup.DirectoryKnown(path)
			if err == nil && len(all) == 0 {
				err = errors.New("no data directory")
			}
			if err != nil {
				return usage("--newer-than %s: %w", path, err)
			}
			o.Known = append(o.Known, all...)
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return usage("--newer-than: %w", err)
		}
		k, err := backup.NoteKnown(filepath.Base(path), b)
		if err != nil {
			return usage("--newer-than %w", err)
		}
		o.Measures = append(o.Measures, k)
	}
	o.Ask = a.askWitnesses
	pins, err := a.pins(false)
	if err != nil || pins == nil {
		return err
	}
	all, err := pins.All()
	if err != nil {
		return err
	}
	for _, p := range all {
		more, err := pinned(p)
		if err != nil {
			return err
		}
		o.Known = append(o.Known, more...)
	}
	return nil
}

// askWitnesses gives how far the witnesses of a policy have cosigned a log. What keeps one from answering is said.
func (a *app) askWitnesses(ctx context.Context, policy *note.Policy, checkpoint []byte) (all []backup.Known) {
	for _, w := range policy.Witnesses {
		size, err := witness.Holds(ctx, w, checkpoint)
		if err != nil {
			a.say("the witness %s could not be asked how much it knows: %v", w.Name, err)
			continue
		}
		all = append(all, backup.Known{Where: "the witness " + w.Name, Size: size})
	}
	return all
}

// pinned gives what a pin says: the checkpoint that is kept, and the last position that the ledger answered with.
func pinned(p *pin.Pin) ([]backup.Known, error) {
	const where = "what this user's commands have kept (`permledger pin ls`)"
	k, err := backup.NoteKnown(where, []byte(p.Checkpoint))
	if err != nil {
		return nil, err
	}
	k.Keys = p.Known
	return []backup.Known{k, {Where: where, Origin: p.Origin, Keys: p.Known, Size: p.Answered}}, nil
}

func (a *app) accepted(lost []*backup.NewerError) {
	for _, l := range lost {
		a.say("%s: what is behind event %d is given up; %s has %d", l.Organization, l.Position, l.Known.Where, l.Known.Size)
	}
	if len(lost) > 0 {
		a.say("whoever was shown what is lost is told ROLLBACK from now on; once they know why, `permledger pin forget LEDGER` accepts it, here too")
	}
}

// verifyBackup verifies a backup: every file against its manifest, and the ledgers from their bytes.
func (a *app) verifyBackup(ctx context.Context, dir string, o verify.Options) ([]*verify.Report, error) {
	_, reports, err := backup.Check(ctx, dir, o)
	return reports, err
}
