package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/manifest"
)

func (a *app) dumpCommand() *cobra.Command {
	var dir string
	var private bool
	c := &cobra.Command{
		Use:   "dump -f DIR",
		Short: "Write roles, subjects and bindings as YAML files, which apply reads",
		Long: `Write roles, subjects and bindings into roles.yaml, subjects.yaml and bindings.yaml of a directory, sorted, so that a
change of one thing is a change of its lines. "permledger apply -f DIR" makes a ledger what the files say; right after a
dump it has nothing to do. System roles are not written, for they cannot be changed; who has them is.

Names and e-mail addresses are written with --private only: files are copied more easily than erased.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				have, err := a.existing(c.Context(), s, private)
				if err != nil {
					return fmt.Errorf("dump: %w", err)
				}
				have.dumped()
				if err := have.Write(dir); errors.Is(err, manifest.ErrOthers) {
					return exit(exitConflict, "dump: %w", err)
				} else if err != nil {
					return fmt.Errorf("dump: %w", err)
				}
				a.say("%s, %s and %s written to %s, %s", count(len(have.Roles), "role", "roles"), count(len(have.Subjects), "subject", "subjects"),
					count(len(have.Bindings), "binding", "bindings"), dir, asOfText(have.at))
				return nil
			})
		},
	}
	c.Flags().StringVarP(&dir, "file", "f", "", "the `directory`")
	c.Flags().BoolVar(&private, "private", false, "with the names and e-mail addresses of subjects")
	c.Flags().StringVar(&a.asOf, "as-of", "", "the `moment` that is written: see `permledger help revisions`")
	_ = c.MarkFlagRequired("file")
	return c
}

// existing is what an organization has, as files would say it.
type existing struct {
	manifest.Manifest
	at          wire.AsOf
	permissions []wire.Permission
}

// changedMeanwhile is how often what an organization has is read again because it changed while it was read.
const changedMeanwhile = 5

func (a *app) existing(ctx context.Context, s *session, private bool) (*existing, error) {
	for range changedMeanwhile {
		e, same, err := a.existingOnce(ctx, s, private)
		if err != nil || same {
			return e, err
		}
	}
	return nil, exit(exitConflict, "the ledger changes faster than it can be read: say --as-of, or try again")
}

// existingOnce says also whether all of it is as of the same position.
func (a *app) existingOnce(ctx context.Context, s *session, private bool) (*existing, bool, error) {
	roles, err1 := s.Roles(ctx, s.org, true, a.read())
	subjects, err2 := s.Subjects(ctx, s.org, a.read())
	permissions, err3 := s.Permissions(ctx, s.org, a.read())
	keys, err4 := s.Keys(ctx, s.org)
	at, rows, err5 := s.Bindings(ctx, s.org, a.read())
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, false, err
	}
	e := &existing{at: at, permissions: permissions.Items}
	signs := map[string][]string{}
	for _, k := range keys.Items {
		if k.Purpose == events.PurposeCredential && k.Revoked == 0 {
			signs[k.Subject] = append(signs[k.Subject], k.DID)
		}
	}
	managed := map[string]bool{} // roles that are not assigned by whoever may assign roles
	for _, r := range roles.Items {
		managed[r.Key] = r.Managed != ""
		e.Roles = append(e.Roles, manifest.Role{
			Key: r.Key, Name: r.Name, Description: r.Description, Labels: r.Labels, Permissions: r.Permissions, System: r.Type != "custom",
		})
	}
	for _, u := range subjects.Items {
		one := manifest.Subject{Key: u.Key, Kind: u.Kind, DID: u.DID, Owner: u.Owner}
		one.Deactivated = u.Deactivated != 0 && u.State != "invited" // who is invited joins without the files
		if own := signs[u.Key]; len(own) > 0 {
			one.Credential = own[0]
		}
		if strings.HasPrefix(one.DID, "urn:uuid:") || strings.HasPrefix(one.DID, "did:key:") {
			one.DID = "" // it has none of its own but its key
		}
		if private {
			full, err := s.Subject(ctx, s.org, u.Key, a.read())
			if err != nil {
				return nil, false, err
			}
			one.Name, one.Email = full.Item.DisplayName, full.Item.Email
		}
		e.Subjects = append(e.Subjects, one)
	}
	for row, err := range rows {
		if err != nil {
			return nil, false, err
		}
		for _, h := range row.Holds {
			b := manifest.Binding{Subject: row.Subject, Role: h.Role, Permission: h.Permission, Scope: h.Scope, Until: h.Until, Condition: h.Condition}
			b.Fixed = h.Delegated != "" || managed[h.Role]
			if b.Until != "" {
				b.Until = plainEnd(b.Until)
			}
			e.Bindings = append(e.Bindings, b)
		}
	}
	return e, roles.AsOf.Seq == at.Seq && subjects.AsOf.Seq == at.Seq && permissions.AsOf.Seq == at.Seq, nil
}

// plainEnd leaves out milliseconds that say nothing.
func plainEnd(instant string) string { return strings.Replace(instant, ".000Z", "Z", 1) }

// dumped leaves out what files do not say: roles that cannot be changed, and what is given otherwise.
func (e *existing) dumped() {
	roles, bindings := e.Roles[:0], e.Bindings[:0]
	for _, r := range e.Roles {
		if !r.System {
			if r.Name == r.Key {
				r.Name = ""
			}
			roles = append(roles, r)
		}
	}
	for _, b := range e.Bindings {
		if !b.Fixed {
			bindings = append(bindings, b)
		}
	}
	e.Roles, e.Bindings = roles, bindings
	for i := range e.Subjects {
		if e.Subjects[i].Kind == events.KindHuman {
			e.Subjects[i].Kind = ""
		}
	}
}

// canonical gives the full name of a permission that one catalogue alone has.
func (e *existing) canonical() func(string) string {
	full, several := map[string]string{}, map[string]bool{}
	for _, p := range e.permissions {
		if bare := strings.TrimPrefix(p.Name, p.Catalogue+":"); bare != p.Name {
			several[bare] = full[bare] != ""
			full[bare] = p.Name
		}
	}
	for _, p := range e.permissions {
		delete(several, p.Name)
	}
	own := map[string]bool{}
	for _, p := range e.permissions {
		own[p.Name] = true
	}
	return func(name string) string {
		if canonical := full[name]; canonical != "" && !own[name] && !several[name] {
			return canonical
		}
		return name
	}
}

// planned is the answer of apply.
type planned struct {
	DryRun   bool             `json:"dryRun"`
	Steps    []plannedStep    `json:"steps"`
	Notes    []string         `json:"notes,omitempty"`
	Gains    []wire.Effective `json:"gains"`
	Losses   []wire.Effective `json:"losses"`
	More     int              `json:"more,omitempty"`
	Recorded []wire.Receipt   `json:"recorded"`
	AsOf     wire.AsOf        `json:"asOf"` // that the plan was made
}

type plannedStep struct {
	Kind    string        `json:"kind"`
	Text    string        `json:"text"`
	Refusal *wire.Problem `json:"refusal,omitempty"`
}

func (a *app) applyCommand() *cobra.Command {
	var dir string
	var prune, yes bool
	c := a.writes(&cobra.Command{
		Use:   "apply -f DIR",
		Short: "Make roles, subjects and bindings what YAML files say: show the plan, then record it",
		Long: `Make roles, subjects and bindings what the YAML files of a directory say. The plan is shown first, with who gains and
loses what; it is recorded once you agree, one event for each step, signed with your key. --dry-run only shows it.

What the files do not speak of stays, unless --prune is given: then bindings and roles that they do not have are taken
away, and subjects that they do not have are deactivated. The plan is made of what there is: a run that was stopped is
simply run again, and a second run has nothing to do. Where a step would be refused, nothing is recorded.`,
		Example: `  permledger dump -f access/
  permledger apply -f access/ --dry-run
  permledger apply -f access/ --reason TICKET-311`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			want, err := manifest.Read(dir)
			if err != nil {
				return exit(exitUsage, "apply: %w", err)
			}
			return a.with(c.Context(), func(s *session) error {
				return a.apply(c.Context(), s, want, prune, yes)
			})
		},
	})
	c.Flags().StringVarP(&dir, "file", "f", "", "the `directory`")
	c.Flags().BoolVar(&prune, "prune", false, "take away what the files do not have")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "record the plan without asking")
	_ = c.MarkFlagRequired("file")
	return c
}

func (a *app) apply(ctx context.Context, s *session, want manifest.Manifest, prune, yes bool) error {
	have, err := a.existing(ctx, s, false)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	plan, err := manifest.Make(have.Manifest, want, manifest.Options{Prune: prune, Canonical: have.canonical()})
	if err != nil {
		return exit(exitUsage, "apply: %w", err)
	}
	out, refused, err := a.rehearse(ctx, s, plan)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if out.DryRun = a.dryRun; out.AsOf.Seq == 0 {
		out.AsOf = have.at
	}
	if a.format == asTable {
		if err := a.answer(out, func(w io.Writer) error { return writePlan(w, out) }); err != nil {
			return err
		}
	}
	if refused == nil && !a.dryRun && len(plan.Steps) > 0 {
		if !yes {
			if err := a.agree("Record " + count(len(plan.Steps), "event", "events") + "?"); err != nil {
				return err
			}
		}
		out.Recorded, err = a.recordPlan(ctx, s, plan)
	}
	if a.format != asTable {
		if failed := a.answer(out, nil); failed != nil {
			return failed
		}
	} else if n := len(out.Recorded); n > 0 {
		if failed := a.write(fmt.Appendf(nil, "recorded at %d to %d\n", out.Recorded[0].Seq, out.Recorded[n-1].Seq)); failed != nil {
			return failed
		}
	}
	if err == nil {
		err = refused
	}
	return err
}

// rehearse shows what a plan would come to, and whether all of it would be recorded.
func (a *app) rehearse(ctx context.Context, s *session, plan manifest.Plan) (out planned, refused, err error) {
	out = planned{Steps: []plannedStep{}, Notes: plan.Notes, Gains: []wire.Effective{}, Losses: []wire.Effective{}, Recorded: []wire.Receipt{}}
	q := wire.Rehearsal{As: a.actor(ctx, s)}
	for _, step := range plan.Steps {
		out.Steps = append(out.Steps, plannedStep{Kind: step.Intent.Kind, Text: step.Text})
		q.Intents = append(q.Intents, step.Intent)
	}
	if len(q.Intents) == 0 {
		return out, nil, nil
	}
	if size, err := encodeJSON(q, false); err != nil || len(size) > mostRehearsed || len(q.Intents) > 5000 {
		out.Notes = append(out.Notes, "the plan is too large to say beforehand who gains and loses what")
		return out, nil, err
	}
	r, err := s.Simulate(ctx, s.org, q)
	if err != nil {
		return out, nil, err
	}
	out.Gains, out.Losses, out.More, out.AsOf = r.Gains, r.Losses, r.More, r.AsOf
	for i, step := range r.Steps {
		if step.Refusal != nil && step.Refusal.Code() != string(rules.NoChange) { // a role that everybody gets is there already
			out.Steps[i].Refusal = step.Refusal
			if refused == nil {
				refused = exit(codeOfRefusal(*step.Refusal), "%s would be refused: %s", plan.Steps[i].Text, problemText(*step.Refusal))
			}
		}
	}
	return out, refused, nil
}

// mostRehearsed is how many bytes of changes are rehearsed at once; the server takes bodies of a MiB.
const mostRehearsed = 1 << 20

func codeOfRefusal(p wire.Problem) int {
	if code := codeOfProblem(p.Code()); code != 0 {
		return code
	}
	return codeOfStatus(p.Status)
}

// actor gives the key of the subject that the caller's key is of; empty where there is no such key.
func (a *app) actor(ctx context.Context, s *session) string {
	key, err := a.signingKey(s.org)
	if err != nil {
		return ""
	}
	one, err := s.CredentialOwner(ctx, s.org, didOf(key))
	if err != nil {
		return ""
	}
	return one.Item.Key
}

// recordPlan records a plan step by step. What was recorded before an error is recorded: the same plan made again has the
// rest.
func (a *app) recordPlan(ctx context.Context, s *session, plan manifest.Plan) ([]wire.Receipt, error) {
	receipts := []wire.Receipt{}
	key, err := a.signingKey(s.org)
	if err != nil {
		return receipts, err
	}
	for i, step := range plan.Steps {
		in, texts := step.Intent, []wire.Text(nil)
		in.Credential = didOf(key)
		private := privately(&texts)
		private(&in.DisplayName, step.Name)
		private(&in.Email, step.Email)
		private(&in.Reason, a.reason)
		p, err := s.Prepare(ctx, s.org, in)
		if err == nil {
			var r wire.Receipt
			if r, err = s.SignAndRecord(ctx, s.org, p, key, texts); err == nil {
				receipts = append(receipts, r)
				continue
			}
		}
		if codeIs(err, string(rules.NoChange)) { // somebody else was faster
			continue
		}
		return receipts, fmt.Errorf("%s: %w\n%d of %d steps are recorded: run it again to go on", step.Text, err, i, len(plan.Steps))
	}
	return receipts, nil
}

func writePlan(w io.Writer, out planned) error {
	p := printer{w: w}
	if len(out.Steps) == 0 {
		p.f("nothing to change, as of %d\n", out.AsOf.Seq)
	}
	for _, s := range out.Steps {
		p.f("%s\n", s.Text)
		if s.Refusal != nil {
			p.f("    would be refused: %s\n", strings.ReplaceAll(problemText(*s.Refusal), "\n", "\n    "))
		}
	}
	for _, n := range out.Notes {
		p.f("note: %s\n", n)
	}
	if len(out.Steps) == 0 || p.err != nil {
		return p.err
	}
	return writeEffects(w, out.Gains, out.Losses, out.More)
}

// writeEffects says who gains and loses what.
func writeEffects(w io.Writer, gains, losses []wire.Effective, more int) error {
	p := printer{w: w}
	if len(gains)+len(losses)+more == 0 {
		p.f("nobody gains or loses anything\n")
		return p.err
	}
	p.f("who gains and loses what\n")
	t := table{}
	for _, e := range gains {
		t.row("  + "+e.Subject, everythingOr(e.Permission)+onScope(e.Scope))
	}
	for _, e := range losses {
		t.row("  − "+e.Subject, everythingOr(e.Permission)+onScope(e.Scope))
	}
	if p.err == nil {
		p.err = t.writeTo(w, "")
	}
	if more > 0 {
		p.f("  and %d more\n", more)
	}
	return p.err
}

func everythingOr(permission string) string {
	if permission == "*" {
		return "everything, as the owner"
	}
	return permission
}
