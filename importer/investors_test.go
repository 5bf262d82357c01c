package importer_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/importer"
)

// Given any investors, when they are written and read, then they are the same, and no cell is a formula.
func TestInvestorsAreReadBackUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.Map(rapid.StringMatching(`['=+@a-][ -~]{0,10}[!-~]`), strings.TrimSpace)
		rows := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) importer.Investor {
			i := importer.Investor{
				Wallet: eventtest.Address().Draw(t, "wallet"), Investor: cell.Draw(t, "investor"), Country: "LU",
				Properties: map[string]string{"note": cell.Draw(t, "note")},
			}
			return i
		}), 0, 5, func(i importer.Investor) string { return i.Wallet }).Draw(t, "rows")
		var b bytes.Buffer
		if err := importer.WriteInvestors(&b, rows); err != nil {
			t.Fatal(err)
		}
		for _, formula := range []string{",=", ",+", ",@", ",-", `,"=`, `,"+`, `,"@`, `,"-`} {
			if strings.Contains(b.String(), "0x"+formula) {
				t.Fatalf("a cell begins as a formula: %s", b.String())
			}
		}
		got, bad, err := importer.ReadInvestors(&b)
		if err != nil || len(bad) > 0 || len(got) != len(rows) {
			t.Fatalf("%v, %v: %d rows of %d", err, bad, len(got), len(rows))
		}
		for i := range got {
			got[i].Line = 0
			if !reflect.DeepEqual(got[i], rows[i]) {
				t.Fatalf("read as %+v; written was %+v", got[i], rows[i])
			}
		}
	})
}

func TestFilesThatAreNoneOfInvestors(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no wallet": "investor\nINV-1\n", "an unknown column": "wallet,iban\n", "a column twice": "wallet,wallet\n",
		"a broken quote": "wallet,investor\n\"0x,INV\n", "a country as a property": "wallet,property:country\n",
	} {
		if _, _, err := importer.ReadInvestors(strings.NewReader(text)); !errors.Is(err, importer.ErrInvestors) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadInvestors(f *testing.F) {
	f.Add("\ufeffwallet,country\r\n0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed,lu\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, bad, err := importer.ReadInvestors(strings.NewReader(text))
		if err != nil && len(rows)+len(bad) > 0 {
			t.Errorf("%d rows beside the error %v", len(rows), err)
		}
	})
}
