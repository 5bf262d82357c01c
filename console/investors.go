package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/importer"
)

// investors is what the list of a token's investors shows.
type investors struct {
	atToken
	Records []wire.HolderRecord
	Total   int // that match
	All     int
	Query   string
	Unread  *wire.Problem
	pager
}

func (v *visit) investors() (view, error) { return v.investorsPage(filled{}) }

func (v *visit) investorsPage(form filled) (view, error) {
	t, err := v.atToken(form)
	if err != nil {
		return view{}, err
	}
	l := investors{atToken: t, Query: v.URL.Query().Get("q")}
	l.Here = v.address("tokens", t.Token.Token, "investors")
	list, err := v.client.Investors(v.ctx(), v.org, t.Token.Token, "", v.read())
	if p := refused(err); p != nil && p.Status == http.StatusForbidden {
		l.Unread = p
	} else if err != nil {
		return view{}, err
	}
	words := strings.Fields(strings.ToLower(l.Query))
	found := slices.DeleteFunc(slices.Clone(list.Items), func(h wire.HolderRecord) bool { return !holdsAll(h.Investor+" "+h.Wallet+" "+h.Country, words) })
	l.Total, l.All = len(found), len(list.Items)
	l.Records, l.pager = cut(v, found, "tokens", t.Token.Token, "investors")
	return view{template: "investors", title: "Investors of " + t.Name, data: &l, status: form.status()}, nil
}

// State says in one word how an investor stands.
func (investors) State(h wire.HolderRecord) string {
	switch {
	case h.Blocked:
		return "Blocked"
	case !h.Compliant:
		return "Not compliant"
	}
	return "Qualified"
}

// Sorted gives the properties of a record by name.
func (investors) Sorted(m map[string]string) []property { return sorted(m) }

// investorsFile gives the investors of a token as the file that importing reads.
func (v *visit) investorsFile() (view, error) {
	t, err := v.tokenNamed()
	if err != nil {
		return view{}, err
	}
	list, err := v.client.Investors(v.ctx(), v.org, t.Token, "", v.read())
	if err != nil {
		return view{}, err
	}
	rows := make([]importer.Investor, 0, len(list.Items))
	for _, h := range list.Items {
		rows = append(rows, importer.Investor{Wallet: h.Wallet, Investor: h.Investor, OnchainID: h.OnchainID, Country: h.Country, Properties: h.Properties})
	}
	var b bytes.Buffer
	if err := importer.WriteInvestors(&b, rows); err != nil {
		return view{}, err
	}
	name := fmt.Sprintf("investors-%s-as-of-%d.csv", strings.ReplaceAll(t.Token, ":", "-"), list.AsOf.Seq)
	return view{file: &file{name, "text/csv; charset=utf-8", b.Bytes()}}, nil
}

const (
	mostRows   = 2_000   // of a file that a page looks at
	mostSigned = 50      // of these, that a page asks a wallet to sign
	mostPasted = 1 << 18 // bytes of a file that are shown again to be mended
)

// importing is what the page shows that takes a file of investors.
type importing struct {
	atToken
	imported
	Keep bool
}

// imported is what became of the rows of a file.
type imported struct {
	Ready   []importer.Investor // that would be recorded now
	Later   int                 // that would be, and are more than a page asks for
	Already int                 // qualified before, with the same record
	Bad     []importer.Bad
}

// Reason is what is wrong with a row, without the column, which stands beside it.
func (imported) Reason(b importer.Bad) string { return strings.TrimPrefix(b.Reason, b.Column+": ") }

func (v *visit) importPage() (view, error) { return v.importForm(filled{}, imported{}) }

func (v *visit) importForm(form filled, came imported) (view, error) {
	t, err := v.atToken(form)
	if err != nil {
		return view{}, err
	}
	status := form.status()
	if len(came.Bad) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return view{template: "import", title: "Qualify investors of " + t.Name, data: &importing{atToken: t, imported: came, Keep: form.Has("keep", "yes")}, status: status}, nil
}

// importInvestors looks at a file of investors, and at what recording each row would come to, before anything is recorded.
func (v *visit) importInvestors() (view, error) {
	f := filled{Values: v.PostForm}
	t, err := v.atToken(f)
	if err != nil {
		return view{}, err
	}
	text, err := v.uploaded(&f)
	if err != nil {
		return view{}, err
	}
	if t.Wallet == "" {
		f.fail("wallet", "Choose the wallet that signs")
	}
	if f.bad() {
		return v.importForm(f, imported{})
	}
	rows, bad, err := importer.ReadInvestors(strings.NewReader(text))
	if err == nil && len(rows)+len(bad) > mostRows {
		err = fmt.Errorf("it has more than %d rows: divide it, or use permledger investor import", mostRows)
	}
	if err == nil && len(rows)+len(bad) == 0 {
		err = errors.New("it has no rows below the line that names the columns")
	}
	if err != nil {
		f.fail("rows", "The file cannot be taken: %s", err)
		return v.importForm(f, imported{})
	}
	came, steps, err := v.tryInvestors(t, rows, bad)
	if err != nil {
		return view{}, err
	}
	if len(came.Bad) > 0 && !f.Has("keep", "yes") || len(steps) == 0 {
		return v.importForm(f, came)
	}
	back := with(v.address("tokens", t.Token.Token, "investors"), "wallet="+t.Wallet)
	a := &asking{Wallet: t.Wallet, Import: &came, change: change{Title: "Qualify " + count(len(steps), "investor") + " of " + t.Name, Steps: steps, Back: back}}
	return v.asked(a)
}

// uploaded gives the file that was chosen, or what was pasted; the file comes into the field, to be mended there.
func (v *visit) uploaded(f *filled) (string, error) {
	text := f.Get("rows")
	if v.MultipartForm != nil && len(v.MultipartForm.File["file"]) > 0 {
		in, err := v.MultipartForm.File["file"][0].Open()
		if err != nil {
			return "", err
		}
		defer in.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(in); err != nil {
			return "", err
		}
		if b.Len() > 0 {
			text = b.String()
			f.Del("rows")
			if b.Len() <= mostPasted {
				f.Set("rows", strings.ToValidUTF8(text, "\ufffd"))
			}
		}
	}
	if strings.TrimSpace(text) == "" {
		f.fail("rows", "Choose a file, or paste its rows")
	}
	return text, nil
}

// tryInvestors asks about each row what recording it would come to.
func (v *visit) tryInvestors(t atToken, rows []importer.Investor, bad []importer.Bad) (imported, []wire.Intent, error) {
	came := imported{Bad: bad}
	var steps []wire.Intent
	wallet := t.Wallet
	for _, r := range rows {
		in := wire.Intent{Kind: wire.QualifyInvestor, Properties: r.Properties, AtToken: wire.AtToken{
			Token: t.Token.Token, Wallet: r.Wallet, Investor: r.Investor, OnchainID: r.OnchainID, Country: r.Country,
		}}
		p, _, err := v.prepareFor(&wallet, "", in)
		if e := refused(err); e != nil {
			p.Refusal = e
		} else if err != nil {
			return came, nil, err
		}
		switch {
		case p.Refusal == nil && len(steps) == mostSigned:
			came.Later++
		case p.Refusal == nil:
			steps, came.Ready = append(steps, in), append(came.Ready, r)
		case p.Refusal.Code() == "no-change":
			came.Already++
		default:
			came.Bad = append(came.Bad, importer.Bad{Line: r.Line, Reason: strings.Join(nonEmpty(p.Refusal.Detail, p.Refusal.Hint), ". ")})
		}
	}
	slices.SortFunc(came.Bad, func(a, b importer.Bad) int { return a.Line - b.Line })
	return came, steps, nil
}
