package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/importer"
)

func (a *app) investorCommand() *cobra.Command {
	return group("investor", "Qualify and disqualify investors of tokens, one by one or by CSV; list their positions",
		a.investorList(), a.investorQualify(),
		a.atToken("disqualify TOKEN ADDRESS", "Take an investor's wallet out of a token's qualified ones", wire.DisqualifyInvestor),
		a.investorImport(), a.investorExport())
}

func (a *app) investorList() *cobra.Command {
	var token, investor string
	c := a.reads(&cobra.Command{
		Use:   "ls",
		Short: "List holder records: of a token, of an investor, or all",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Investors(c.Context(), s.org, token, investor, a.read())
				if err != nil {
					return fmt.Errorf("list the investors: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					t := table{}
					t.row("INVESTOR", "TOKEN", "WALLET", "COUNTRY", "STATE")
					for _, h := range list.Items {
						t.row(h.Investor, h.Token, h.Wallet, h.Country, stateOfHolder(h))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
	c.Flags().StringVar(&token, "token", "", "only those of this `token`")
	c.Flags().StringVar(&investor, "investor", "", "only those of this `investor`")
	return c
}

func stateOfHolder(h wire.HolderRecord) string {
	switch {
	case h.Blocked:
		return "blocked"
	case !h.Compliant:
		return "not compliant"
	}
	return "qualified"
}

func (a *app) investorQualify() *cobra.Command {
	var at wire.AtToken
	var properties map[string]string
	c := a.writes(&cobra.Command{
		Use:   "qualify TOKEN ADDRESS",
		Short: "Qualify an investor's wallet for a token, or change its holder record",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			at.Token, at.Wallet = args[0], args[1]
			return a.do(c.Context(), wire.Intent{Kind: wire.QualifyInvestor, AtToken: at, Properties: properties})
		},
	})
	f := c.Flags()
	f.StringVar(&at.Investor, "investor", "", "the `name` of the investor across tokens; else its ONCHAINID, or its wallet")
	f.StringVar(&at.OnchainID, "onchain-id", "", "the `address` of its ONCHAINID")
	f.StringVar(&at.Country, "country", "", "its `country`, in two letters (ISO 3166-1)")
	f.StringToStringVar(&properties, "property", nil, "what else the record says, as `name=value`; it stands in the log for ever")
	return c
}

// qualified is the answer to an import of investors.
type qualified struct {
	Qualified int            `json:"qualified"`
	Already   int            `json:"already"` // qualified before, with the same record
	Bad       []importer.Bad `json:"bad"`     // rows that were left out
}

func (a *app) investorImport() *cobra.Command {
	var token string
	var keepGood bool
	c := a.writes(&cobra.Command{
		Use:   "import FILE",
		Short: "Qualify many investors from a CSV file; - is the standard input",
		Long: `Qualify many investors from a CSV file; - is the standard input.

The first line names the columns: wallet, and any of investor, onchain_id, country and property:NAME. Every row is looked
at, and asked about, before one is recorded: where a row is bad nothing is recorded, unless --keep-good is said. Run again,
rows that are qualified already with the same record are left out.`,
		Example: `  permledger investor import investors.csv --token eip155:137:0x… --wallet agent.wallet`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			rows, bad, err := a.readInvestors(args[0])
			if err != nil {
				return fmt.Errorf("import %s: %w", args[0], err)
			}
			return a.with(c.Context(), func(s *session) error {
				done, err := a.qualifyAll(c.Context(), s, token, rows, bad, keepGood)
				for _, b := range done.Bad {
					fmt.Fprintf(a.p.Err, "line %d: %s\n", b.Line, b.Reason)
				}
				if err != nil {
					return fmt.Errorf("import %s: %w", args[0], err)
				}
				return a.answer(done, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s qualified, %d already, %s left out\n", count(done.Qualified, "investor", "investors"), done.Already, count(len(done.Bad), "row", "rows"))
					return err
				})
			})
		},
	})
	c.Flags().StringVar(&token, "token", "", "the `token` that they are qualified for")
	c.Flags().BoolVar(&keepGood, "keep-good", false, "record the good rows though others are bad")
	_ = c.MarkFlagRequired("token")
	return c
}

func (a *app) readInvestors(path string) ([]importer.Investor, []importer.Bad, error) {
	in := a.p.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		in = f
	}
	return importer.ReadInvestors(in)
}

// errBadRows says that nothing was recorded because of bad rows.
var errBadRows = errors.New("nothing was recorded; --keep-good records the good rows")

// qualifyAll asks about every row, and then records them, each signed for itself.
func (a *app) qualifyAll(ctx context.Context, s *session, token string, rows []importer.Investor, bad []importer.Bad, keepGood bool) (qualified, error) {
	done := qualified{Bad: bad}
	if len(bad) > 0 && !keepGood {
		return done, fmt.Errorf("%s of the file: %w", count(len(bad), "bad row", "bad rows"), errBadRows)
	}
	var ready []drafted
	var lines []int
	for _, r := range rows {
		in := wire.Intent{Kind: wire.QualifyInvestor, AtToken: wire.AtToken{
			Token: token, Wallet: r.Wallet, Investor: r.Investor, OnchainID: r.OnchainID, Country: r.Country,
		}, Properties: r.Properties}
		p, err := a.prepare(ctx, s, in)
		if err != nil {
			return done, err
		}
		if p.Refusal != nil && p.Refusal.Code() == "no-change" {
			done.Already++
			continue
		}
		if p.Refusal != nil {
			if p.Refusal.Code() != "invalid" && p.Refusal.Code() != "inactive" && p.Refusal.Code() != "taken" { // of the whole, not of the row
				return done, &client.Error{Problem: *p.Refusal}
			}
			done.Bad = append(done.Bad, importer.Bad{Line: r.Line, Reason: p.Refusal.Detail})
			continue
		}
		ready, lines = append(ready, p), append(lines, r.Line)
	}
	if len(done.Bad) > 0 && !keepGood {
		return done, fmt.Errorf("%s of the file: %w", count(len(done.Bad), "bad row", "bad rows"), errBadRows)
	}
	if a.dryRun {
		done.Qualified = len(ready)
		return done, nil
	}
	for i, p := range ready {
		if _, err := a.record(ctx, s, p); err != nil {
			return done, fmt.Errorf("line %d, after %d were recorded (run it again to go on): %w", lines[i], done.Qualified, err)
		}
		done.Qualified++
	}
	return done, nil
}

func (a *app) investorExport() *cobra.Command {
	var token string
	c := a.reads(&cobra.Command{
		Use:   "export",
		Short: "Write the qualified investors of a token as CSV, which import reads back unchanged",
		Long: `Write the qualified investors of a token as CSV, which import reads back unchanged.

A cell that a spreadsheet would take for a formula is written behind an apostrophe.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Investors(c.Context(), s.org, token, "", a.read())
				if err != nil {
					return fmt.Errorf("export the investors: %w", err)
				}
				if a.format != asTable {
					return answerList(a, list, nil)
				}
				var rows []importer.Investor
				for _, h := range list.Items {
					rows = append(rows, importer.Investor{Wallet: h.Wallet, Investor: h.Investor, OnchainID: h.OnchainID, Country: h.Country, Properties: h.Properties})
				}
				var b strings.Builder
				if err := importer.WriteInvestors(&b, rows); err != nil {
					return err
				}
				return a.write([]byte(b.String()))
			})
		},
	})
	c.Flags().StringVar(&token, "token", "", "the `token`")
	_ = c.MarkFlagRequired("token")
	return c
}

func (a *app) roleGuide() *cobra.Command {
	return a.reads(&cobra.Command{
		Use:   "guide",
		Short: "Say of each role its type, how it is proven, its abilities and who grants it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Guide(c.Context(), s.org, a.read())
				if err != nil {
					return fmt.Errorf("the guide of the roles: %w", err)
				}
				return answerList(a, list, func(w io.Writer) error {
					out := printer{w: w}
					for _, g := range list.Items {
						out.f("%s (%s)\n  proven by   %s\n  granted by  %s\n", g.Name, g.Type, g.Proof, g.GrantedBy)
						for _, name := range slices.Sorted(slices.Values(g.Abilities)) {
							out.f("  + %s\n", name)
						}
					}
					return out.err
				})
			})
		},
	})
}
