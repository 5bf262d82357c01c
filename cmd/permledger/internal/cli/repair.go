package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

// repaired is the answer of repair.
type repaired struct {
	DryRun   bool            `json:"dryRun"`
	Steps    []node.Mended   `json:"steps"`
	Ledgers  []node.Repaired `json:"ledgers"`
	Verified bool            `json:"verified"`
}

func (a *app) repairCommand() *cobra.Command {
	o := node.RepairOptions{}
	c := a.answers(&cobra.Command{
		Use:   "repair [DIR]",
		Short: "Mend a damaged ledger from whichever copy holds each event",
		Long: `Mend the ledgers of a data directory that no server has open. Each event is taken from the journal or the stream,
whichever holds it and verifies; what is damaged is written anew beside the old, which is kept, and then every ledger is
opened once and verified from the bytes. A repair that was stopped at any moment can be run again.

It refuses, with exit code 7 and nothing changed, where two different events are signed for one position, and where the
history that verifies ends before what was recorded. Look for another copy of the rest first: --accept-loss N says that
the history of --org is to end at event N, for ever. docs/durability.md says more.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.data = args[0]
			}
			if a.data == "" {
				return usage("repair which ledger? Name a directory, or say --data DIR")
			}
			if o.AcceptLoss > 0 && a.org == "" {
				return usage("--accept-loss is about one ledger: say which with --org")
			}
			o.Organization, o.DryRun, o.Logger = a.org, a.dryRun, nil
			r := repaired{DryRun: o.DryRun, Steps: []node.Mended{}, Ledgers: []node.Repaired{}}
			o.Told = func(m node.Mended) { r.Steps = append(r.Steps, m) }
			ledgers, err := node.Repair(c.Context(), a.data, o)
			r.Ledgers = append(r.Ledgers, ledgers...)
			if err == nil && !o.DryRun {
				if _, err = verify.Directory(c.Context(), a.data, verify.Options{}); err == nil {
					r.Verified = true
				}
			}
			if err == nil || len(r.Steps) > 0 {
				if failed := a.answer(r, func(w io.Writer) error { return writeRepaired(w, r) }); failed != nil {
					return failed
				}
			}
			if err == nil && o.AcceptLoss > 0 && !o.DryRun {
				a.say("whoever was shown what is lost is told ROLLBACK from now on; once they know why, `permledger pin forget %s` accepts it, here too", a.data)
			}
			return err
		},
	})
	c.Flags().BoolVar(&a.dryRun, "dry-run", false, "say what would be done, and change nothing")
	c.Flags().Uint64Var(&o.AcceptLoss, "accept-loss", 0, "the `position` at which the history is to end although more was recorded")
	return c
}

func writeRepaired(w io.Writer, r repaired) error {
	p := printer{w: w}
	for _, s := range r.Steps {
		p.f("%s: %s\n", s.Organization, s.What)
		if s.Kept != "" {
			p.f("  the old one is kept in %s\n", s.Kept)
		}
	}
	if r.DryRun {
		if len(r.Steps) == 0 {
			p.f("nothing to mend\n")
		} else {
			p.f("nothing was changed\n")
		}
		return p.err
	}
	for _, l := range r.Ledgers {
		p.f("%s: %s to %s\n", l.Organization, count(int(l.Position), "event", "events"), l.CID)
	}
	switch {
	case !r.Verified:
	case len(r.Steps) == 0:
		p.f("nothing to mend, VERIFIED\n")
	default:
		p.f("mended, VERIFIED\n")
	}
	return p.err
}
