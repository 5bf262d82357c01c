package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/node"
)

func (a *app) policyCommand() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "policy [ORG]",
		Short: "Write what a checkpoint of the ledger has to satisfy: its keys, and its witnesses",
		Long: `Write the policy of an organization's log as c2sp.org/tlog-policy has it: a log line for each key that may sign its
checkpoints now, the witnesses that its operator asks, and how many of them have to cosign. Whoever relies on the ledger
keeps such a file, gets it once in a way that he trusts, and may ask for more witnesses than the operator does, or for others:

  permledger policy > acme.policy
  permledger verify --trust acme.policy BUNDLE`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.org = args[0]
			}
			return a.with(c.Context(), func(s *session) error {
				b, err := s.Policy(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("the policy of %s: %w", s.org, err)
				}
				return a.write(b)
			})
		},
	})
}

// witnessLate is how long ago a witness may have cosigned before doctor says so: three times as long as it takes.
const witnessLate = 30 * time.Minute

// witnessLine says in words how far a witness is.
func witnessLine(w wire.Witness) string {
	switch {
	case w.Alarm:
		return w.Error
	case w.Error != "":
		return "does not cosign since " + w.Since + ": " + w.Error
	case w.At == "":
		return "was not heard of yet"
	}
	return fmt.Sprintf("cosigned %d events at %s", w.Size, w.At)
}

// witnessFinding is what doctor says of a witness.
func witnessFinding(org string, w wire.Witness) node.Finding {
	f := node.Finding{Check: "witness " + w.Name, Organization: org, Level: node.FindingOK, Text: witnessLine(w)}
	at, err := time.Parse(time.RFC3339, w.At)
	switch {
	case w.Alarm:
		f.Level, f.Do = node.FindingDamage, "look for another copy of this ledger that is written to, or a backup that was put back: docs/witnesses.md"
	case w.Error != "":
		f.Level, f.Do = node.FindingWarn, "see that it runs, and knows the keys that `permledger policy "+org+"` shows; nothing waits for it but who asked to"
	case w.At == "":
		f.Level = node.FindingWarn
	case err == nil && time.Since(at) > witnessLate:
		f.Level, f.Do = node.FindingWarn, "compare the clocks of both machines"
	}
	return f
}

// countFinding judges how many witnesses cosign, where no more is told of them.
func countFinding(org string, n wire.WitnessCount) node.Finding {
	f := node.Finding{Check: "witnesses", Organization: org, Level: node.FindingOK, Text: fmt.Sprintf("%d of %d cosign", n.Cosigning, n.Known)}
	switch {
	case n.Alarm:
		f.Level, f.Do = node.FindingDamage, "look for another copy of this ledger that is written to, or a backup that was put back: docs/witnesses.md"
	case n.Cosigning < n.Known:
		f.Level, f.Do = node.FindingWarn, "ask again with a token of the organization (--token): it is told which, and why"
	}
	return f
}
