package importer

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/eip155"
)

// Investor is one row of a file of investors.
type Investor struct {
	Line       int // from 1
	Wallet     string
	Investor   string // empty: not named
	OnchainID  string
	Country    string
	Properties map[string]string // nil: none
}

// Bad is a row that cannot be taken, and why.
type Bad struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"` // where it is one cell that cannot be taken
	Reason string `json:"reason"`
}

// The most that one file of investors may hold.
const (
	MaxInvestors     = 50_000
	maxInvestorBytes = 16 << 20
)

// ErrInvestors says that a file of investors cannot be read at all, or is too big.
var ErrInvestors = errors.New("not a file of investors")

const propertyColumn = "property:"

var investorColumns = []string{"wallet", "investor", "onchain_id", "country"}

// ReadInvestors reads a CSV file (RFC 4180; a byte order mark and either line end will do) whose first line names the
// columns: wallet, and any of investor, onchain_id, country and property:NAME. It gives the rows that can be taken, with
// addresses in the spelling of EIP-55, and those that cannot, by line. An error is of the whole file.
func ReadInvestors(in io.Reader) ([]Investor, []Bad, error) {
	limited := &io.LimitedReader{R: in, N: maxInvestorBytes + 1}
	b := bufio.NewReader(limited)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(3)
	}
	r := csv.NewReader(b)
	r.FieldsPerRecord = -1
	columns, err := r.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the line that names the columns: %w", ErrInvestors, err)
	}
	if err := checkColumns(columns); err != nil {
		return nil, nil, err
	}
	var rows []Investor
	var bad []Bad
	seen := map[string]int{} // wallets, by the line
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if limited.N == 0 {
			return nil, nil, fmt.Errorf("%w: it is longer than %d bytes", ErrInvestors, maxInvestorBytes)
		}
		if err != nil { // what follows a broken quote belongs to no row
			return nil, nil, fmt.Errorf("%w: %w", ErrInvestors, err)
		}
		line, _ := r.FieldPos(0)
		row, column, err := investorOf(columns, cells)
		if before := seen[row.Wallet]; err == nil && before != 0 {
			column, err = "wallet", fmt.Errorf("the wallet %s stands on line %d already", row.Wallet, before)
		}
		if err != nil {
			bad = append(bad, Bad{line, column, err.Error()})
			continue
		}
		seen[row.Wallet], row.Line = line, line
		if rows = append(rows, row); len(rows) > MaxInvestors {
			return nil, nil, fmt.Errorf("%w: it has more than %d rows; divide it", ErrInvestors, MaxInvestors)
		}
	}
	return rows, bad, nil
}

func checkColumns(columns []string) error {
	has := map[string]bool{}
	for _, c := range columns {
		name, property := strings.CutPrefix(c, propertyColumn)
		switch {
		case has[c]:
			return fmt.Errorf("%w: two columns are called %q", ErrInvestors, c)
		case property && name == "country":
			return fmt.Errorf("%w: the country has a column of its own, country", ErrInvestors)
		case property && canon.Token.Check(name) != nil, !property && !slices.Contains(investorColumns, c):
			return fmt.Errorf("%w: there is no column %q; there are %s and property:NAME", ErrInvestors, c, strings.Join(investorColumns, ", "))
		}
		has[c] = true
	}
	if !has["wallet"] {
		return fmt.Errorf("%w: the column wallet is missing", ErrInvestors)
	}
	return nil
}

// investorOf reads a row. Where a cell cannot be taken, it names the column.
func investorOf(columns, cells []string) (Investor, string, error) {
	var row Investor
	if len(cells) != len(columns) {
		return row, "", fmt.Errorf("it has %d cells, and there are %d columns", len(cells), len(columns))
	}
	for i, column := range columns {
		cell := plain(cells[i])
		if cell == "" && column != "wallet" {
			continue
		}
		var err error
		ok := true
		switch column {
		case "wallet":
			if row.Wallet, ok = eip155.Address(cell); !ok || row.Wallet == eip155.Zero {
				err = fmt.Errorf("wallet: %q is no address of a wallet; a mixed case is a checksum (EIP-55)", cell)
			}
		case "onchain_id":
			if row.OnchainID, ok = eip155.Address(cell); !ok {
				err = fmt.Errorf("onchain_id: %q is no address", cell)
			}
		case "investor":
			row.Investor, err = cell, canon.Key.Check(cell)
		case "country":
			row.Country = strings.ToUpper(cell)
			err = events.Country.Check(row.Country)
		default:
			if row.Properties == nil {
				row.Properties = map[string]string{}
			}
			row.Properties[strings.TrimPrefix(column, propertyColumn)] = cell
			err = canon.Value.Check(cell)
		}
		if err != nil && ok {
			err = fmt.Errorf("%s: %w", column, err)
		}
		if err != nil {
			return row, column, err
		}
	}
	return row, "", nil
}

// WriteInvestors writes what ReadInvestors reads. A cell that a spreadsheet would take for a formula is written behind an
// apostrophe, which reading takes away again.
func WriteInvestors(out io.Writer, rows []Investor) error {
	names := map[string]bool{}
	for _, r := range rows {
		for name := range r.Properties {
			names[name] = true
		}
	}
	properties := slices.Sorted(maps.Keys(names))
	w := csv.NewWriter(out)
	columns := slices.Clone(investorColumns)
	for _, name := range properties {
		columns = append(columns, propertyColumn+name)
	}
	if err := w.Write(columns); err != nil {
		return fmt.Errorf("write the investors: %w", err)
	}
	for _, r := range rows {
		cells := []string{Guarded(r.Wallet), Guarded(r.Investor), Guarded(r.OnchainID), Guarded(r.Country)}
		for _, name := range properties {
			cells = append(cells, Guarded(r.Properties[name]))
		}
		if err := w.Write(cells); err != nil {
			return fmt.Errorf("write the investors: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write the investors: %w", err)
	}
	return nil
}

// formula says whether a spreadsheet may take a cell for a formula, whatever apostrophes stand before it.
func formula(cell string) bool {
	rest := strings.TrimLeft(cell, "'")
	return rest != "" && strings.ContainsRune("=+-@\t\r", rune(rest[0]))
}

// Guarded gives a cell as CSV may hold it: one that a spreadsheet would take for a formula with an apostrophe before it, and
// plain takes that away again.
func Guarded(cell string) string {
	if formula(cell) {
		return "'" + cell
	}
	return cell
}

func plain(cell string) string {
	if strings.HasPrefix(cell, "'") && formula(cell) {
		return cell[1:]
	}
	return cell
}
