package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
)

func (a *app) proveCommand() *cobra.Command {
	var out string
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
				return a.file(out, b)
			})
		},
	}
	outFlag(c, &out)
	return c
}

// outFlag lets an answer be written to a file.
func outFlag(c *cobra.Command, out *string) {
	c.Flags().StringVarP(out, "out", "O", "", "write it to a `file`, which must not be there yet; else to standard output")
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
	en, _, err := entryOf(ctx, s, ref)
	if err != nil {
		return nil, err
	}
	return s.Prove(ctx, s.org, strconv.FormatUint(en.Seq, 10))
}

// file writes an answer to a file that is not there yet, or where none is named to standard output.
func (a *app) file(path string, b []byte) error {
	if path == "" || path == "-" {
		return a.write(b)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usage("-O %s: the file exists already", path)
	}
	if err != nil {
		return usage("-O: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// decided writes the answer to a question as a signed decision, and says it.
func (a *app) decided(ctx context.Context, s *session, q wire.Question, out string) error {
	answer, err := s.Decide(ctx, s.org, q, a.read())
	if err != nil {
		return fmt.Errorf("check %s %s: %w", q.Subject, q.Permission, err)
	}
	if err := a.file(out, answer.Decision); err != nil {
		return err
	}
	if out != "" {
		a.say("%s, %s: the decision is in %s", map[bool]string{true: "allowed", false: "denied"}[answer.Allowed], asOfText(answer.AsOf), out)
	}
	return refusedIf(!answer.Allowed)
}
