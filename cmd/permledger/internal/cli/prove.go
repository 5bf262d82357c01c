package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) proveCommand() *cobra.Command {
	var out outFile
	c := &cobra.Command{
		Use:   "prove POSITION|CID|head~N|COMMAND|A..B",
		Short: "Write the proof that an entry is in the log, or that the log of B entries begins with the log of A",
		Long: `Write the proof that an entry is in the log: a C2SP tlog-proof, which names one checkpoint. It is checked against the
entry's bytes ("permledger show --raw") by "permledger verify" or any other program that knows the format:

  permledger show 41 --raw > 41.entry
  permledger prove 41 -O 41.tlog-proof
  permledger verify 41.tlog-proof --entry 41.entry --trust POLICY

Of a range A..B it writes the checkpoints of A and of B entries and the hashes that show that nothing of the first A
entries was changed or taken out since: verified in the same way.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				b, err := a.proof(c.Context(), s, args[0])
				if err != nil {
					return fmt.Errorf("prove %s: %w", args[0], err)
				}
				return out.write(a, b)
			})
		},
	}
	out.flags(c)
	return c
}

func (a *app) proof(ctx context.Context, s *session, ref string) ([]byte, error) {
	if m := positions.FindStringSubmatch(ref); m != nil {
		from, _ := strconv.ParseUint(m[1], 10, 53)
		to, _ := strconv.ParseUint(m[2], 10, 53)
		if from == 0 || m[2] != "" && to < from {
			return nil, usage("say the range as 20..41, or 20.. up to the newest")
		}
		return s.ProveGrowth(ctx, s.org, from, to)
	}
	if strings.Contains(ref, "..") {
		return nil, usage("say the range in positions, as 20..41, or 20.. up to the newest")
	}
	en, _, err := entryOf(ctx, s, ref)
	if err != nil {
		return nil, err
	}
	return s.Prove(ctx, s.org, strconv.FormatUint(en.Seq, 10))
}

// outFile is where an answer goes that is a file of its own.
type outFile struct {
	path string // empty, or -: standard output
	over bool
}

func (f *outFile) flags(c *cobra.Command) {
	c.Flags().StringVarP(&f.path, "output-file", "O", "", "the `file` that is written, instead of standard output")
	c.Flags().BoolVar(&f.over, "force", false, "write over a file that is there")
}

func (f *outFile) write(a *app, b []byte) error {
	if f.path == "" {
		return a.write(b)
	}
	_, err := a.into(f.path, f.over, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}, "")
	return err
}

// decided writes the answer to a question as a signed decision, and says it.
func (a *app) decided(ctx context.Context, s *session, q wire.Question, out outFile) error {
	answer, err := s.Decide(ctx, s.org, q, a.read())
	if err != nil {
		return fmt.Errorf("check %s %s: %w", q.Subject, q.Permission, err)
	}
	if err := out.write(a, answer.Decision); err != nil {
		return err
	}
	if out.path != "" && out.path != "-" {
		a.say("%s, %s: the decision is in %s", map[bool]string{true: "allowed", false: "denied"}[answer.Allowed], asOfText(answer.AsOf), out.path)
	}
	return refusedIf(!answer.Allowed)
}
