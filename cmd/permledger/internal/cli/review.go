package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/rules"
)

func (a *app) reviewCommand() *cobra.Command {
	return group("review", "Look over what was given: start, decide of each item, close into a signed record",
		a.reviewStart(), a.reviewList(), a.reviewShow(), a.reviewDecide(), a.reviewClose())
}

func (a *app) reviewStart() *cobra.Command {
	var due string
	c := a.writes(&cobra.Command{
		Use:   "start TITLE [role:KEY|user:KEY]",
		Short: "Start a review of everything that was given, or of one role's or one user's",
		Long: `Start a review. Its items are what is given at this moment: of everything, of one role or to one user. Of each somebody
decides whether it stays; then the review is closed, and a signed document says what was decided, by whom and when.`,
		Example: `  permledger review start "Second quarter" --due 2027-07-15
  permledger review start "Compliance desk" role:compliance-officer`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			ends, err := parseEnd(due)
			if err != nil {
				return err
			}
			in := wire.Intent{Kind: wire.StartReview, Name: &args[0], Until: ends}
			if len(args) > 1 {
				kind, key, ok := strings.Cut(args[1], ":")
				switch {
				case ok && kind == "role":
					in.About = args[1]
				case ok && kind == "user":
					in.About = "subject:" + key
				default:
					return usage("review start %s: say role:KEY or user:KEY", args[1])
				}
			}
			return a.do(c.Context(), in)
		},
	})
	c.Flags().StringVar(&due, "due", "", "by `when` it is to be done: a day, or RFC 3339")
	return c
}

func (a *app) reviewList() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List the reviews, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Reviews(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("list the reviews: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("TITLE", "SCOPE", "ITEMS", "UNDECIDED", "DUE", "STATE", "ID")
					for _, r := range list.Items {
						t.row(r.Title, r.Scope, strconv.Itoa(r.Count), strconv.Itoa(r.Undecided), when(r.Due), reviewState(r), r.ID)
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

func reviewState(r wire.Review) string {
	if r.Open {
		return "open"
	}
	return fmt.Sprintf("closed at %d", r.Closed)
}

func (a *app) reviewShow() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "show REVIEW",
		Short: "Show a review and what was decided of each item: by title, or by id",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				one, err := s.Review(c.Context(), s.org, args[0])
				if err != nil {
					return fmt.Errorf("show review %s: %w", args[0], err)
				}
				answer := struct {
					wire.Review
					AsOf wire.AsOf `json:"asOf"`
				}{one.Item, one.AsOf}
				return a.answer(answer, func(w io.Writer) error { return writeReview(w, one.Item) })
			})
		},
	})
}

func writeReview(w io.Writer, r wire.Review) error {
	t := table{}
	t.row("title", r.Title)
	t.row("of", r.Scope)
	t.row("started", fmt.Sprintf("at %d by %s, %s", r.Started, r.By, when(r.Time)))
	if r.Due != "" {
		t.row("due", when(r.Due))
	}
	if r.Open {
		t.row("undecided", fmt.Sprintf("%d of %d", r.Undecided, r.Count))
	} else {
		t.row("closed", fmt.Sprintf("at %d by %s, %s", r.Closed, r.ClosedBy, when(r.ClosedAt)))
		t.row("document", r.Document)
	}
	t.row("id", r.ID)
	if err := t.writeTo(w, ""); err != nil {
		return err
	}
	items := table{}
	items.row("SUBJECT", "HAS", "SCOPE", "DECISION", "BY", "WHY")
	for _, i := range r.Items {
		what := i.Permission
		if i.Role != "" {
			what = "role " + i.Role
		}
		decision := i.Decision
		if decision == "" {
			decision = "–"
		}
		items.row(i.Subject, what, orAll(i.Scope), decision, i.By, i.Reason)
	}
	return items.writeTo(w, "")
}

func (a *app) reviewDecide() *cobra.Command {
	var scope string
	c := a.writes(&cobra.Command{
		Use:   "decide REVIEW keep|revoke SUBJECT ROLE|PERMISSION",
		Short: "Decide of one item of a review",
		Long: `Decide of one item of a review. What is to be revoked is taken away first, by an event of its own, and then the decision is
recorded: a command that was stopped between the two is simply given again.`,
		Example: `  permledger review decide "Second quarter" keep ben compliance-officer
  permledger review decide "Second quarter" revoke dora investor.view --scope org/acme/investor/1042 --reason "left the desk"`,
		Args: cobra.ExactArgs(4),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.whyRevoke(args[1]); err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				review, err := s.Review(c.Context(), s.org, args[0])
				if err != nil {
					return fmt.Errorf("review %s: %w", args[0], err)
				}
				i := slices.IndexFunc(review.Item.Items, func(i wire.ReviewItem) bool {
					return i.Subject == args[2] && i.Scope == scope && (i.Role == args[3] || named(i.Permission, args[3]))
				})
				if i < 0 {
					return exit(exitNotFound, "%s %s%s is no item of the review %q", args[2], args[3], onScope(scope), review.Item.Title)
				}
				item := review.Item.Items[i]
				if a.dryRun {
					held, err := a.stillHeld(c.Context(), s, item)
					if err != nil {
						return err
					}
					if args[1] == wire.Revoke && held {
						return a.change(c.Context(), s, revocation(item))
					}
					return a.change(c.Context(), s, decision(review.Item.ID, item, args[1]))
				}
				r, err := a.decide(c.Context(), s, review.Item.ID, item, args[1])
				if err != nil {
					return err
				}
				return a.receipt(r)
			})
		},
	})
	c.Flags().StringVar(&scope, "scope", "", "the `path` that it was given on")
	return c
}

// named says whether a permission's name is the one that was asked for, with its catalogue or without.
func named(canonical, asked string) bool {
	return canonical != "" && (canonical == asked || strings.HasSuffix(canonical, ":"+asked))
}

// revocation takes away what an item is.
func revocation(i wire.ReviewItem) wire.Intent {
	if i.Permission != "" {
		return wire.Intent{Kind: wire.RevokePermission, Subject: i.Subject, Permission: i.Permission, Scope: i.Scope}
	}
	return wire.Intent{Kind: wire.RevokeRole, Subject: i.Subject, Role: i.Role, Scope: i.Scope}
}

func decision(review string, i wire.ReviewItem, what string) wire.Intent {
	return wire.Intent{
		Kind: wire.DecideReview, Review: review, Decision: what, Subject: i.Subject, Role: i.Role, Permission: i.Permission, Scope: i.Scope,
	}
}

// decide decides of an item. What is to be revoked is taken away first, unless that was done already.
func (a *app) decide(ctx context.Context, s *session, review string, i wire.ReviewItem, what string) (wire.Receipt, error) {
	if what != wire.Keep && what != wire.Revoke {
		return wire.Receipt{}, usage("decide %s: say keep or revoke", what)
	}
	if what == wire.Revoke {
		if held, err := a.stillHeld(ctx, s, i); err != nil {
			return wire.Receipt{}, err
		} else if held {
			if _, err := a.recordOne(ctx, s, revocation(i)); err != nil && client.CodeOf(err) != string(rules.NotFound) {
				return wire.Receipt{}, err
			}
		}
	}
	return a.recordOne(ctx, s, decision(review, i, what))
}

// whyRevoke demands a reason of whoever takes something away in a review: who reads the record later will ask for it.
func (a *app) whyRevoke(what string) error {
	if what == wire.Revoke && a.reason == "" {
		return usage("revoke: say why, with --reason")
	}
	return nil
}

// stillHeld says whether a subject still has what an item is, by the same grant: what it was given anew since is no item.
func (a *app) stillHeld(ctx context.Context, s *session, i wire.ReviewItem) (bool, error) {
	one, err := s.Subject(ctx, s.org, i.Subject, client.Read{})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(one.Item.Holds, func(h wire.Holds) bool {
		return h.Grant == i.Grant && h.Role == i.Role && h.Permission == i.Permission && h.Scope == i.Scope
	}), nil
}

// recordOne records a change with the reason that was given.
func (a *app) recordOne(ctx context.Context, s *session, in wire.Intent) (wire.Receipt, error) {
	key, err := a.signingKey(s.org)
	if err != nil {
		return wire.Receipt{}, err
	}
	in.Credential = didOf(key)
	var texts []wire.Text
	privately(&texts)(&in.Reason, a.reason)
	p, err := s.Prepare(ctx, s.org, in)
	if err != nil {
		return wire.Receipt{}, fmt.Errorf("%s: %w", in.Kind, err)
	}
	r, err := s.SignAndRecord(ctx, s.org, p, key, texts)
	if err != nil {
		return r, fmt.Errorf("%s: %w", in.Kind, err)
	}
	return r, nil
}

func (a *app) reviewClose() *cobra.Command {
	var rest string
	c := a.writes(&cobra.Command{
		Use:   "close REVIEW",
		Short: "Close a review into a signed record",
		Long: `Close a review into a signed record: a document that says what was decided of each item, by whom and when. Of what nobody
has decided, --rest says what becomes: keep, or revoke, which takes each away and decides so, one after the other.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if rest != "" && rest != wire.Keep && rest != wire.Revoke {
				return usage("--rest %s: say keep or revoke", rest)
			}
			if err := a.whyRevoke(rest); err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				review, err := s.Review(c.Context(), s.org, args[0])
				if err != nil {
					return fmt.Errorf("close review %s: %w", args[0], err)
				}
				if rest == wire.Revoke && !a.dryRun {
					for _, i := range review.Item.Items {
						if i.Decision != "" {
							continue
						}
						if _, err := a.decide(c.Context(), s, review.Item.ID, i, wire.Revoke); err != nil {
							return errors.Join(err, errors.New("the review is not closed: run it again to go on"))
						}
					}
				}
				in := wire.Intent{Kind: wire.CloseReview, Review: review.Item.ID}
				if rest == wire.Keep {
					in.Decision = wire.Keep
				}
				return a.change(c.Context(), s, in)
			})
		},
	})
	c.Flags().StringVar(&rest, "rest", "", "what becomes of the items that nobody decided of: `keep or revoke`")
	return c
}

func (a *app) roleReview() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "review KEY",
		Short: "Record that a role was looked over",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.do(c.Context(), wire.Intent{Kind: wire.ReviewRole, Role: args[0]})
		},
		ValidArgsFunction: a.complete(roles),
	})
}

func (a *app) reportUnreviewed() *cobra.Command {
	var days int
	c := a.reads(&cobra.Command{
		Use:   "unreviewed",
		Short: "List roles that nobody has looked over for a quarter",
		Long: `List roles that nobody has looked over for a quarter, 90 days: no "role review" of them was recorded, and no access review
that they were in was closed. A role that is younger than that is not due yet.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.UnreviewedRoles(c.Context(), s.org, days, a.read())
				if err != nil {
					return fmt.Errorf("report unreviewed: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					return writeRoleReport(w, list.Items, "LAST REVIEWED", func(r wire.RoleReport) string {
						if r.At == 0 {
							return "never"
						}
						return fmt.Sprintf("%d, %s", r.At, when(r.Last))
					})
				})
			})
		},
	})
	c.Flags().IntVar(&days, "days", 0, "how many `days` may pass between two reviews; else 90")
	return c
}
