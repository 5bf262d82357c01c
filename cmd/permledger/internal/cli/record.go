package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// writes adds the flags of a command that changes something.
func (a *app) writes(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.reason, "reason", "", "why, in a few `words`; kept apart from the log, which holds a commitment to it")
	c.Flags().StringVar(&a.key, "key", "", "the `file` with the key that signs, or an API key (PERMLEDGER_KEY)")
	c.Flags().BoolVar(&a.dryRun, "dry-run", false, "say what would be recorded and who would gain or lose what; record nothing")
	a.wallet.flags(c)
	return a.answers(c)
}

// change records what somebody wants, signed with the key of who runs the command, and says where it stands.
// A key that was made for it is kept once it is known that the change can be recorded, and before it is.
func (a *app) change(ctx context.Context, s *session, in wire.Intent, texts ...wire.Text) error {
	return a.changeAnd(ctx, s, in, func(_ wire.Prepared, r wire.Receipt) error { return a.receipt(r) }, texts...)
}

// changeAnd is change with an answer of its own.
func (a *app) changeAnd(ctx context.Context, s *session, in wire.Intent, answer func(wire.Prepared, wire.Receipt) error, texts ...wire.Text) error {
	if a.reason != "" {
		commitment, text := client.Commit(a.reason)
		in.Reason, texts = commitment, append(texts, text)
	}
	inSession := a.wallet.wallet == "" && a.inSession(s) // the server signs with the session's key; a wallet signs for itself
	var by author
	if !inSession {
		var err error
		if by, err = a.author(s.org); err != nil {
			return err
		}
		in.Credential, in.Scheme = by.credential, by.scheme
	}
	p, err := s.Prepare(ctx, s.org, in)
	if err != nil {
		return fmt.Errorf("%s: %w", in.Kind, err)
	}
	if a.dryRun {
		return a.preview(p)
	}
	if a.wallet.prepare != "" {
		if err := a.keepToSign(s.org, p, texts); err != nil {
			return fmt.Errorf("%s: %w", in.Kind, err)
		}
		return nil
	}
	made := a.made
	if made != nil && p.Refusal == nil {
		if err := made.keep(); err != nil {
			return fmt.Errorf("%s: keep the new key: %w", in.Kind, err)
		}
	}
	var r wire.Receipt
	if inSession {
		r, err = s.Do(ctx, s.org, client.Worded(in, texts))
	} else {
		r, err = s.Record(ctx, s.org, p, by.sign, texts)
	}
	if made != nil && p.Refusal == nil && err != nil && !errors.As(err, new(*client.UnknownError)) {
		err = errors.Join(err, made.drop())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", in.Kind, err)
	}
	return answer(p, r)
}

func (a *app) receipt(r wire.Receipt) error {
	return a.answer(r, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "recorded at %d  %s  %s\n", r.Seq, r.CID, r.Type)
		return err
	})
}

// rehearsal is the answer to --dry-run.
type rehearsal struct {
	DryRun  bool            `json:"dryRun"`
	Seq     uint64          `json:"seq"` // the position it was made at
	Parts   int             `json:"parts"`
	Command json.RawMessage `json:"command"`
	Preview *wire.Preview   `json:"preview,omitempty"`
	Refusal *wire.Problem   `json:"refusal,omitempty"`
}

// preview says what a command would do. One that would be refused ends with the exit code of the refusal.
func (a *app) preview(p wire.Prepared) error {
	answer := rehearsal{DryRun: true, Seq: p.Seq, Parts: len(p.Parts), Command: p.Command, Preview: p.Preview, Refusal: p.Refusal}
	err := a.answer(answer, func(w io.Writer) error { return writePreview(w, answer) })
	if err != nil || p.Refusal == nil {
		return err
	}
	return fmt.Errorf("it would be refused: %w", &client.Error{Problem: *p.Refusal})
}

func writePreview(w io.Writer, r rehearsal) error {
	out := printer{w: w}
	if r.Refusal != nil {
		out.f("would be refused, as of %d\n", r.Seq)
		return out.err
	}
	out.f("nothing recorded; after %d it would be %s", r.Seq, count(r.Parts+1, "event", "events"))
	if r.Preview == nil {
		out.f("\n")
		return out.err
	}
	out.f(", the last %s\n", r.Preview.Type)
	t := table{}
	for _, e := range r.Preview.Gains {
		t.row("+ "+e.Subject, e.Permission+onScope(e.Scope))
	}
	for _, e := range r.Preview.Losses {
		t.row("− "+e.Subject, e.Permission+onScope(e.Scope))
	}
	for _, e := range r.Preview.Erases {
		t.row("erased", fmt.Sprintf("%s of %d", e.What, e.Seq))
	}
	if out.err == nil {
		out.err = t.writeTo(w, "")
	}
	if r.Preview.More > 0 {
		out.f("and %d more\n", r.Preview.More)
	}
	return out.err
}
