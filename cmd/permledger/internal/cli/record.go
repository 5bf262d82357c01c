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
	"github.com/permledger/permledger/ledger/note"
)

// writes adds the flags of a command that changes something.
func (a *app) writes(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.reason, "reason", "", "why, in a few `words`; kept apart from the log, which holds a commitment to it")
	c.Flags().StringVar(&a.key, "key", "", "the `file` with the key that signs, or an API key (PERMLEDGER_KEY)")
	c.Flags().BoolVar(&a.dryRun, "dry-run", false, "say what would be recorded and who would gain or lose what; record nothing")
	c.Flags().Var(&strength{&a.stands}, "wait", "until when to `wait`: recorded (the default), committed under a signed checkpoint, or witnessed by those who cosign it")
	c.Flags().Uint64Var(&a.seen, "seen", 0, "the `position` that you go by: where others have changed the same thing since, nothing is recorded, and you are told what they did")
	a.wallet.flags(c)
	return a.answers(c)
}

// do is change of a command that asks the server for nothing else.
func (a *app) do(ctx context.Context, in wire.Intent, texts ...wire.Text) error {
	return a.with(ctx, func(s *session) error { return a.change(ctx, s, in, texts...) })
}

// change records what somebody wants, signed with the key of who runs the command, and says where it stands.
// A key that was made for it is kept once it is known that the change can be recorded, and before it is.
func (a *app) change(ctx context.Context, s *session, in wire.Intent, texts ...wire.Text) error {
	r, err := a.attempt(ctx, s, in, texts...)
	if err != nil || r == nil {
		return err
	}
	return a.receipt(*r)
}

// attempt is change that leaves it to the caller to say where it stands. Without a receipt there is nothing more to say: it
// was tried only, or written to be signed elsewhere.
func (a *app) attempt(ctx context.Context, s *session, in wire.Intent, texts ...wire.Text) (*wire.Receipt, error) {
	d, err := a.prepare(ctx, s, in, texts...)
	if err != nil {
		return nil, err
	}
	if a.dryRun {
		return nil, a.preview(d.Prepared)
	}
	if a.wallet.prepare != "" {
		if err := a.keepToSign(s.org, d.Prepared, d.texts); err != nil {
			return nil, fmt.Errorf("%s: %w", in.Kind, err)
		}
		return nil, nil
	}
	r, err := a.record(ctx, s, d)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// drafted is a change that was prepared, and who signs it with what.
type drafted struct {
	wire.Prepared
	in        wire.Intent
	texts     []wire.Text
	by        author
	inSession bool // the server signs with the session's key
}

// prepare asks for the command of a change.
func (a *app) prepare(ctx context.Context, s *session, in wire.Intent, texts ...wire.Text) (drafted, error) {
	if a.reason != "" {
		commitment, text := client.Commit(a.reason)
		in.Reason, texts = commitment, append(texts, text)
	}
	inSession := a.wallet.wallet == "" && a.inSession(s) // the server signs with the session's key; a wallet signs for itself
	var by author
	if !inSession {
		var err error
		if by, err = a.author(s.org); err != nil {
			return drafted{}, err
		}
		in.Credential, in.Scheme = by.credential, by.scheme
	}
	p, err := s.Prepare(ctx, s.org, in)
	if err != nil {
		return drafted{}, fmt.Errorf("%s: %w", in.Kind, err)
	}
	if in.Kind == wire.UpdateRole && a.seen == 0 { // what is shown of it is what it does
		a.seen = p.Seq
	}
	return drafted{p, in, texts, by, inSession}, nil
}

// record signs what was prepared and records it.
func (a *app) record(ctx context.Context, s *session, d drafted) (r wire.Receipt, err error) {
	made := a.made
	if made != nil && d.Refusal == nil {
		if err := made.keep(); err != nil {
			return r, fmt.Errorf("%s: keep the new key: %w", d.in.Kind, err)
		}
	}
	s.Client = s.IfUnchangedSince(a.seen)
	if d.inSession {
		r, err = s.Do(ctx, s.org, client.Worded(d.in, d.texts))
	} else {
		r, err = s.Record(ctx, s.org, d.Prepared, d.by.sign, d.texts)
	}
	if made != nil && d.Refusal == nil && err != nil && !errors.As(err, new(*client.UnknownError)) {
		err = errors.Join(err, made.drop())
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", d.in.Kind, err)
	}
	return r, nil
}

func (a *app) receipt(r wire.Receipt) error {
	return a.answer(r, func(w io.Writer) error {
		out := printer{w: w}
		out.f("recorded at %d  %s  %s\n", r.Seq, r.CID, r.Type)
		switch {
		case r.NotYet != "":
			out.f("%s\n", r.NotYet)
		case r.Checkpoint != "":
			out.f("%s under a checkpoint of %s\n", r.State, checkpointOf(r.Checkpoint))
		}
		return out.err
	})
}

// checkpointOf says in short which checkpoint a note is.
func checkpointOf(b string) string {
	_, c, err := note.ReadCheckpoint([]byte(b))
	if err != nil {
		return "an unreadable form"
	}
	return count(int(c.Size), "event", "events")
}

// strength is the flag --wait.
type strength struct{ to *string }

func (s *strength) String() string { return *s.to }
func (s *strength) Type() string   { return "string" }

func (s *strength) Set(text string) error {
	if text != wire.Recorded && text != wire.Committed && text != wire.Witnessed {
		return fmt.Errorf("it is %s, %s or %s", wire.Recorded, wire.Committed, wire.Witnessed)
	}
	*s.to = text
	return nil
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
